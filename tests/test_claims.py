"""Every sentence of the chapters that states a number, an order or an equality has the cell that tests it."""

import sys
from pathlib import Path

import nbformat.v4
import pytest

sys.path.insert(0, str(Path(__file__).parent.parent / "tools"))
import claims

CODE = "loss = 3\nassert loss < 4"


def chapter(prose: str, *entries: dict[str, str], tags: tuple[str, ...] = ()) -> claims.Chapter:
    cells = [nbformat.v4.new_markdown_cell(prose), nbformat.v4.new_code_cell(CODE, id="a", metadata={"tags": tags})]
    cells[1].outputs = [nbformat.v4.new_output("stream", name="stdout", text="loss 3\n")]
    told = [entry for entry in entries if "why" not in entry]
    return claims.Chapter("99", nbformat.v4.new_notebook(cells=cells), told, [e for e in entries if "why" in e])


@pytest.mark.parametrize("path", claims.CHAPTERS, ids=lambda path: path.stem)
def test_every_claim_of_a_chapter_has_its_cell(path: Path) -> None:
    assert claims.problems(claims.read(path)) == []


def test_the_tables_are_there() -> None:
    assert sum(len(claims.read(path).claims) for path in claims.CHAPTERS) > 300


def test_what_holds() -> None:
    sentence = "The loss is below 4."
    for test in ("assert loss < 4", "loss 3"):
        assert claims.problems(chapter(sentence, {"sentence": sentence, "cell": "a", "test": test})) == []
    aside = {"sentence": "The paper is of 1997.", "why": "a date"}
    assert claims.problems(chapter("The paper is of 1997. It was read.", aside)) == []


@pytest.mark.parametrize(
    ("entry", "problem"),
    [
        ({"sentence": "The loss is below 5.", "cell": "a", "test": "assert loss < 4"}, "not in the chapter"),
        ({"sentence": "The loss is below 4.", "cell": "b", "test": "assert loss < 4"}, "no code cell b"),
        ({"sentence": "The loss is below 4.", "cell": "a", "test": "assert loss < 3"}, "cell a has no"),
        ({"sentence": "The loss is below 4.", "cell": "a", "test": "loss = 3"}, "tests nothing"),
        ({"sentence": "The loss is below 4.", "why": " "}, "no reason"),
    ],
)
def test_what_does_not_hold(entry: dict[str, str], problem: str) -> None:
    assert any(
        found.startswith(problem) or problem in found
        for found in claims.problems(chapter("The loss is below 4.", entry))
    )


def test_printed_words_test_nothing_where_no_output_is_compared() -> None:
    entry = {"sentence": "The loss is below 4.", "cell": "a", "test": "loss 3"}
    assert claims.problems(chapter("The loss is below 4.", entry, tags=("nbval-ignore-output",)))


@pytest.mark.parametrize(
    ("prose", "claim"),
    [
        ("It fell to 3.", True),
        ("It is half as long.", True),
        ("The GRU learns faster.", True),
        ("About $1.8$ in all.", True),
        ("Both give the same numbers.", True),
        ("See chapters 6 to 8, (6.2), and the table in 4.9.", False),
        ("The state is $h_1$ or `x[3]`.", False),
        ("Let us look at it.", False),
    ],
)
def test_which_sentences_count(prose: str, claim: bool) -> None:
    assert claims.problems(chapter(prose)) == ([f"no entry: {prose}"] if claim else [])


def test_headings_tables_formulas_and_exercises_do_not_count() -> None:
    for prose in (
        "## 3 rows",
        "| 3 | 4 |\n|---|---|",
        "$$x = 3 \\tag{1.1}$$",
        "```\nx = 3\n```",
        "- **Takes:** 5 minutes.",
    ):
        assert claims.problems(chapter(prose)) == []
    assert claims.problems(chapter("## 4.12 Exercises\n\nThere are 3.")) == []
