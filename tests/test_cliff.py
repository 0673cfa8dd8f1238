"""Chapter 06's own: the drawing of the cliff, and a check that watches autograd, in a process that is new."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import pytest
import torch

from funcs import book
from funcs.book import cliff


def last_state(w: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    h = torch.full_like(w, 0.6)
    for _ in range(25):
        h = torch.tanh(w * h + b)
    return h


def walk(num_updates: int, last: float = 0.1) -> torch.Tensor:
    """Weight, bias and loss on a straight way, but for the bias of its end."""
    points = torch.linspace(1.6, 1.2, num_updates + 1, dtype=torch.float64)
    rows = torch.stack((points, points - 1.3, points - 1), 1)
    rows[-1, 1] = last
    return rows


def test_the_landscape_is_the_loss_and_its_columns_crowd_at_the_wall() -> None:
    W, B, L = cliff.landscape(last_state, 0.3, (9, 40))
    assert W.shape == B.shape == L.shape == (9, 40)
    wanted = (last_state(torch.from_numpy(W), torch.from_numpy(B)) - 0.3) ** 2
    torch.testing.assert_close(torch.from_numpy(L), wanted)
    torch.testing.assert_close(torch.tensor(B[:, [0, -1]]), torch.tensor([cliff.B_RANGE] * 9, dtype=torch.float64))
    gaps = B[5, 1:] - B[5, :-1]  # at a weight where the unit tips over
    assert (gaps > 0).all()
    assert gaps.min() < gaps.max() / 20


def test_both_walks_are_drawn_and_what_they_share_once() -> None:
    free, clipped = walk(8, last=2.0), walk(8)
    fig = book.draw_cliff(last_state, 0.3, free, clipped, 2.0)
    plt.close(fig)
    axes: Any = fig.axes
    landscape, above, losses = axes
    labels = [text.get_text() for text in losses.get_legend().get_texts()]
    assert labels == ["both, until the wall", "clipped at 2", "not clipped"]
    assert [len(line.get_xdata()) for line in losses.lines] == [8, 2, 2]
    assert [line.get_xdata()[0] for line in losses.lines] == [0, 7, 7]
    assert [line.get_ydata()[-1] for line in losses.lines[1:]] == [clipped[-1, 2], free[-1, 2]]
    for ax in (landscape, above):
        assert {text.get_text() for text in ax.texts} >= {"start", "wall", "valley"}
        assert len(ax.lines) == 3


def test_a_walk_of_no_update_and_two_that_never_part() -> None:
    for num_updates in (0, 3):
        fig = book.draw_cliff(last_state, 0.3, walk(num_updates), walk(num_updates), 2.0)
        plt.close(fig)
        lines: Any = fig.axes[2].lines
        shared, *rest = lines
        assert len(shared.get_xdata()) == num_updates + 1
        assert all(len(line.get_xdata()) == 1 for line in rest)


def test_walks_must_have_one_shape() -> None:
    for free, clipped in ((walk(3), walk(4)), (walk(3)[:, :2], walk(3)[:, :2])):
        with pytest.raises(ValueError, match=r"walks must have one shape \(n, 3\), got \(4, "):
            book.draw_cliff(last_state, 0.3, free, clipped, 2.0)


def test_a_right_recurrence_is_right_at_the_first_try_of_a_new_process() -> None:
    """Torch loads its compiler at the first dispatch that is watched, and it refuses functions that are patched."""
    code = "from answers.chapter_06 import RIGHT; from funcs import book; book.check('06.5', RIGHT['06.5'][0])"
    done = subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parent, capture_output=True, text=True)
    assert done.stdout.strip() == "06.5: right!", done.stdout + done.stderr
