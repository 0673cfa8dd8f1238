"""The checks of the exercises: untouched stubs, wrong answers with the hint that each must get, right ones.

The answers stand in tests/answers, one module per chapter. One more right answer to each is in the solutions.
"""

import importlib
import re
from pathlib import Path
from typing import Any

import nbformat
import pytest
import torch

from funcs import book
from funcs.book.exercises import CHECKS

TESTS = Path(__file__).parent
CHAPTERS = TESTS.parent / "chapters"
RIGHT: dict[str, list[Any]] = {}
WRONG: dict[str, list[tuple[Any, str]]] = {}
for path in sorted(TESTS.glob("answers/chapter_*.py")):
    answers = importlib.import_module(f"answers.{path.stem}")
    RIGHT |= answers.RIGHT
    WRONG |= answers.WRONG


def said(number: str, answer: Any, capsys: pytest.CaptureFixture[str]) -> str:
    capsys.readouterr()
    book.check(number, answer)
    return capsys.readouterr().out.strip()


@pytest.mark.parametrize("number", sorted(CHECKS))
def test_right_answers_are_accepted(number: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert len(RIGHT[number]) >= 2, "two right answers, written differently"
    for answer in RIGHT[number]:
        assert said(number, answer, capsys) == f"{number}: right!", answer


@pytest.mark.parametrize("number", sorted(CHECKS))
def test_wrong_answers_get_the_hint_that_fits(number: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert len(WRONG[number]) >= 3, "three wrong answers that look right"
    for answer, hint in WRONG[number]:
        out = said(number, answer, capsys)
        assert out.startswith(f"{number}: not yet. ") and hint in out, (answer, hint, out)


@pytest.mark.parametrize("number", sorted(CHECKS))
def test_untouched_and_answers_of_no_kind(number: str, capsys: pytest.CaptureFixture[str]) -> None:
    def stub(*args: Any) -> None:
        """As it stands in the chapter."""

    for untouched in (..., None, stub):
        assert said(number, untouched, capsys) == f"{number}: not done yet", untouched
    for wrong in (-1.5, "no idea", (1, 2), lambda *args: torch.zeros(1), lambda *args: 1 / 0):
        assert said(number, wrong, capsys).startswith(f"{number}: not yet. ")


@pytest.mark.parametrize("number", sorted(CHECKS))
def test_the_readers_random_numbers_stay(number: str) -> None:
    for answer in (RIGHT[number][0], WRONG[number][0][0]):
        torch.manual_seed(3)
        wanted = torch.rand(3)
        torch.manual_seed(3)
        book.check(number, answer)
        assert torch.equal(torch.rand(3), wanted)


@pytest.mark.parametrize("number", sorted(CHECKS))
def test_each_check_is_in_its_chapter_and_its_solutions(number: str) -> None:
    for folder, expected in ((CHAPTERS, "not done yet"), (CHAPTERS / "solutions", "right!")):
        (path,) = folder.glob(f"{number[:2]}_*.ipynb")
        (cell,) = [c for c in nbformat.read(path, 4).cells if f'book.check("{number}"' in c.source]
        assert "".join(o.get("text", "") for o in cell.outputs).strip().endswith(f"{number}: {expected}")


@pytest.mark.parametrize("path", sorted(CHAPTERS.glob("[0-9][0-9]_*.ipynb")), ids=lambda path: path.stem)
def test_each_exercise_has_a_cell_a_level_a_time_and_a_solution(path: Path) -> None:
    notebook, solutions = (nbformat.read(p, 4) for p in (path, CHAPTERS / "solutions" / path.name))
    cells = [cell for cell in notebook.cells if "**Exercise " in cell.source]
    solved = "\n".join(cell.source for cell in solutions.cells if cell.cell_type == "markdown")
    assert 1 <= len(cells) <= 10
    for number, cell in enumerate(cells, 1):
        level, time = r"(easy|medium|hard)", r"(\d+ minutes|an? (hour|afternoon)|\d+ hours)"
        head = rf"\*\*Exercise {number}\*\* \({level}, {time}(, no check)?\)\. "
        assert re.match(head, cell.source) and cell.source.count("**Exercise ") == 1, cell.source[:80]
        assert re.search(rf"Exercise {number}\b", solved), f"no solution of exercise {number}"
        checked = f"{path.name[:2]}.{number}" in CHECKS
        assert checked != ("no check" in cell.source.splitlines()[0]), cell.source[:80]


def test_every_check_in_a_notebook_exists() -> None:
    for path in CHAPTERS.rglob("[0-9]*.ipynb"):
        for cell in nbformat.read(path, 4).cells:
            for number in re.findall(r'book\.check\("(.*?)"', cell.source):
                assert number in CHECKS and number[:2] == path.name[:2]


def test_what_every_check_says_of_answers_of_the_wrong_kind(capsys: pytest.CaptureFixture[str]) -> None:
    def forgotten(*args: Any) -> None:
        sum(p.numel() for p in args if isinstance(p, torch.Tensor))

    assert "is a `return` missing?" in said("04.6", forgotten, capsys)
    assert "give it without calling it" in said("04.6", torch.zeros(3), capsys)
    assert "got the text '69'" in said("04.1", "69", capsys)
    assert "A comma within a number" in said("04.1", (291, 356), capsys)


def test_unknown_exercise() -> None:
    with pytest.raises(ValueError, match=r"exercise must be one of 01\.1, .*, got '99\.9'"):
        book.check("99.9", 1)
