"""What the notebooks draw and move with: graphs, sliders, the live curve."""

import time
from collections.abc import Callable
from typing import Any

import matplotlib.pyplot as plt
import pytest
import torch
from matplotlib.figure import Figure
from torch import nn

from funcs import book, live
from funcs.book import figures, sliders


def test_graph_of_many_steps_is_drawn_at_once() -> None:
    """A GRU by hand: the ways through its graph double and double again with each step, its nodes do not."""
    step, h = nn.Linear(3 + 4, 3 * 4), torch.zeros(1, 4)
    for _ in range(12):
        r, z, n = step(torch.cat((torch.ones(1, 3), h), 1)).chunk(3, 1)
        h = torch.sigmoid(z) * h + (1 - torch.sigmoid(z)) * torch.tanh(n * torch.sigmoid(r) * h)
    start = time.perf_counter()
    fig = book.draw_graph(h, {step.weight: "W", step.bias: "b"})
    plt.close(fig)
    assert time.perf_counter() - start < 30  # it took minutes for nine steps


def test_distances_to_root() -> None:
    x = torch.ones(2, requires_grad=True)
    y = x.exp()
    total = (y * y.sin()).sum()
    nodes = book.graph_nodes(total)
    users: dict[Any, list[Any]] = {node: [] for node in nodes}
    for node in nodes:
        for child, _ in node.next_functions:
            users[child].append(node)
    found = {node.name(): steps for node, steps in figures.distances_to_root(nodes, users).items()}
    wanted = {"SumBackward0": 0, "MulBackward0": 1, "SinBackward0": 2, "ExpBackward0": 3}
    assert found == wanted | {"torch::autograd::AccumulateGrad": 4}


class Display:
    """Stands in for a notebook: what was shown, and what it was replaced by."""

    def __init__(self) -> None:
        self.shown: list[Any] = []

    def __call__(self, thing: Any, **_: Any) -> "Display":
        self.shown.append(thing)
        return self

    def update(self, thing: Any, **_: Any) -> None:
        self.shown.append(thing)


@pytest.fixture
def display(monkeypatch: pytest.MonkeyPatch) -> Display:
    display = Display()
    monkeypatch.setattr(sliders, "display", display)
    return display


def moved(monkeypatch: pytest.MonkeyPatch, draw: Callable[..., Figure], display: Display) -> Callable[[int], None]:
    """The slider `value` of `draw`, to be moved."""
    made: list[Any] = []
    kind = sliders.widgets.IntSlider

    def make(*args: Any, **options: Any) -> Any:
        made.append(kind(*args, **options))
        return made[-1]

    monkeypatch.setattr(sliders.widgets, "IntSlider", make)
    book.explore(draw, value=(0, 5))
    return lambda value: setattr(made[0], "value", value)


def test_slider_draws_anew(display: Display, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = []
    plt.close("all")

    def draw(value: int) -> Figure:
        drawn.append(value)
        return plt.figure()

    move = moved(monkeypatch, draw, display)
    move(3)
    assert drawn == [0, 3] and isinstance(display.shown[-1], Figure) and not plt.get_fignums()


def test_error_behind_a_slider_is_seen(display: Display, monkeypatch: pytest.MonkeyPatch) -> None:
    names = {"layer": 1}

    def draw(value: int) -> Figure:
        if value == 4:
            raise KeyError("<layer>")
        return plt.figure(names["layer"])

    move = moved(monkeypatch, draw, display)
    move(4)
    assert "draw stopped with KeyError: '<layer>'" in display.shown[-1]["text/plain"]
    assert "&lt;layer&gt;" in display.shown[-1]["text/html"]
    move(2)
    assert isinstance(display.shown[-1], Figure)


def test_live_curve_outside_a_notebook_does_nothing() -> None:
    plot = live.LivePlot("x", "y", ["a"])
    plot.add(1, [2.0])
    plot.finish()
    assert plot.handle is None and plot.curves == [[2.0]]
