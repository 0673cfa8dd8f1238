"""The checks of the exercises: untouched stubs, wrong answers, unknown numbers. Right answers are in the solutions."""

import re
from pathlib import Path
from typing import Any

import nbformat
import pytest
import torch

from funcs import book
from funcs.book.exercises import CHECKS

CHAPTERS = Path(__file__).parent.parent / "chapters"


@pytest.mark.parametrize("number", sorted(CHECKS))
def test_stub_wrong_and_solved(number: str, capsys: pytest.CaptureFixture[str]) -> None:
    book.check(number, ...)
    book.check(number, lambda *args: None)
    assert f"{number}: not done yet" in capsys.readouterr().out
    for wrong in (-1.5, "no idea", (1, 2), lambda *args: torch.zeros(1), lambda *args: 1 / 0):
        book.check(number, wrong)
        out = capsys.readouterr().out
        assert out.startswith(f"{number}: not yet. ") and "right" not in out, out


@pytest.mark.parametrize("number", sorted(CHECKS))
def test_each_check_is_in_its_chapter_and_its_solutions(number: str) -> None:
    for folder, expected in ((CHAPTERS, "not done yet"), (CHAPTERS / "solutions", "right!")):
        (path,) = folder.glob(f"{number[:2]}_*.ipynb")
        (cell,) = [c for c in nbformat.read(path, 4).cells if f'book.check("{number}"' in c.source]
        assert "".join(o.get("text", "") for o in cell.outputs).strip().endswith(f"{number}: {expected}")


def test_every_check_in_a_notebook_exists() -> None:
    for path in CHAPTERS.rglob("[0-9]*.ipynb"):
        for cell in nbformat.read(path, 4).cells:
            for number in re.findall(r'book\.check\("(.*?)"', cell.source):
                assert number in CHECKS and number[:2] == path.name[:2]


def test_hints_do_not_give_the_answer_away(capsys: pytest.CaptureFixture[str]) -> None:
    answers: dict[str, Any] = {"04.1": "291356", "04.3": "1120", "01.2": "8847360", "03.1": " 8 "}
    for number, answer in answers.items():
        book.check(number, 3)
        assert answer not in capsys.readouterr().out


def test_unknown_exercise() -> None:
    with pytest.raises(ValueError, match=r"exercise must be one of 01\.1, .*, got '99\.9'"):
        book.check("99.9", 1)
