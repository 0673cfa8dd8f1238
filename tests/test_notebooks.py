"""The notebooks as files: one clean run, nothing of a machine in them, working links, one source of truth."""

import ast
import inspect
import re
import textwrap
from pathlib import Path
from typing import Any

import nbformat
import pytest

import funcs
from funcs import book, recurrences

ROOT = Path(__file__).parent.parent
CHAPTERS = sorted(ROOT.glob("chapters/[0-9][0-9]_*.ipynb"))  # a reader's own may lie beside them
NOTEBOOKS = CHAPTERS + sorted(ROOT.glob("chapters/solutions/[0-9][0-9]_*.ipynb"))
NAMES = [path.relative_to(ROOT / "chapters").as_posix() for path in NOTEBOOKS]


# Chapter 04 writes these so that one can read them; funcs runs the loop on chapter 06's recurrence, and the epoch for
# any iterable and for a distributed model. test_recurrence.py and test_training.py lift the chapter's own and hold both
# to the same numbers.
SAME_NUMBERS_NOT_SAME_CODE = {"rnn_forward", "train_epoch"}
PUBLIC = {name: getattr(place, name) for place in (funcs, recurrences, book) for name in place.__all__}


def code_cells(path: Path) -> list[Any]:
    return [cell for cell in nbformat.read(path, 4).cells if cell.cell_type == "code"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=NAMES)
def test_is_one_clean_run(path: Path) -> None:
    notebook = nbformat.read(path, 4)
    nbformat.validate(notebook)
    assert "widgets" not in notebook.metadata, "widget state is stored: execute with `make execute`"
    assert [cell.execution_count for cell in code_cells(path)] == list(range(1, len(code_cells(path)) + 1))
    for cell in code_cells(path):
        assert cell.source.strip(), "an empty cell"
        assert not cell.source.rstrip().endswith(";"), "nbval prints what a trailing ; hides"
        for output in cell.outputs:
            assert output.output_type != "error", output
            assert output.get("name") != "stderr", output
            assert "application/vnd.jupyter.widget-view+json" not in output.get("data", {}), "a slider without a kernel"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=NAMES)
def test_holds_nothing_of_a_machine(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert not re.search(r"/(root|home|work|tmp|Users|opt|mnt)/|[A-Z]:\\\\", text)
    assert len(text) < 1_000_000


@pytest.mark.parametrize("path", NOTEBOOKS, ids=NAMES)
def test_a_cell_without_comparison_asserts_something(path: Path) -> None:
    cells = code_cells(path)
    for cell, following in zip(cells, [*cells[1:], cells[-1]], strict=True):
        tags = cell.metadata.get("tags", [])
        assert set(tags) <= {"nbval-ignore-output"}, "a cell's output is compared, or ignored and bounded"
        sources = [cell.source] + [following.source] * ("funcs.train(" in cell.source)
        if tags and not any(re.search("assert", source, re.I) for source in sources):
            pytest.fail(f"cell {cell.id} is neither compared nor does it assert anything:\n{cell.source}")


def links() -> list[tuple[Path, str]]:
    found = []
    for path in [*NOTEBOOKS, *ROOT.glob("*.md"), *ROOT.glob("data/*.md")]:
        if path.suffix == ".md":
            texts = [path.read_text(encoding="utf-8")]
        else:
            texts = [cell.source for cell in nbformat.read(path, 4).cells if cell.cell_type == "markdown"]
        found += [(path, target) for text in texts for target in re.findall(r"\]\(([^)#]+)[^)]*\)", text)]
    return found


def test_links_resolve() -> None:
    assert len(links()) > 10
    for path, target in links():
        if target.startswith("https://"):
            continue
        assert (path.parent / target).is_file(), f"{path.name} links to {target}"


def test_every_chapter_has_its_parts() -> None:
    for path in CHAPTERS:
        text = "\n".join(cell.source for cell in nbformat.read(path, 4).cells)
        for part in ("Summary", "Exercises", "Further reading", "book.start_chapter()", "book.check("):
            assert part in text, f"{path.name} has no {part}"
        door = nbformat.read(path, 4).cells[0].source  # how long it takes, and how a copy elsewhere finds funcs
        for part in (
            "- **Needs:** ",
            "- **Gives:** ",
            "- **Takes:** about ",
            " minutes to read",
            "runs in about",
            "on two cores",
        ):
            assert part in door, f"the first cell of {path.name} does not say “{part}”, as those of the others do"
        assert '%pip install "PATH[book]"' in door
        assert any(move in text for move in ("book.explore(", "funcs.train(")), f"nothing moves in {path.name}"
        assert (path.parent / "solutions" / path.name).is_file()


CONVENIENCES = {"__contains__", "__iter__", "__repr__"}


class Core(ast.NodeTransformer):
    """Takes off what `funcs` adds to a chapter's code.

    That is docstrings, annotations, checks of the arguments, conveniences, and the way out for packed sequences.
    """

    def visit_body(self, node: Any) -> Any:
        kept = [
            statement
            for statement in node.body
            if not (isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant))
            and not (
                isinstance(statement, ast.If)
                and len(statement.body) == 1
                and isinstance(statement.body[0], ast.Raise)
                and not statement.orelse
            )
            and not (
                isinstance(statement, ast.Expr)
                and isinstance(statement.value, ast.Call)
                and ast.unparse(statement.value.func).split(".")[-1].startswith("check_")
            )
            and not (isinstance(statement, ast.FunctionDef) and statement.name in CONVENIENCES)
            and not (isinstance(statement, ast.If) and "PackedSequence" in ast.unparse(statement.test))
        ]
        node.body = kept or [ast.Pass()]
        self.generic_visit(node)
        return node

    visit_If = visit_ClassDef = visit_body

    def visit_FunctionDef(self, node: ast.FunctionDef) -> Any:
        node.returns = None
        return self.visit_body(node)

    def visit_arg(self, node: ast.arg) -> Any:
        node.annotation = None
        return node

    def visit_Attribute(self, node: ast.Attribute) -> Any:
        """`funcs.name` and `book.name` in a chapter are `name` in funcs."""
        self.generic_visit(node)
        return ast.Name(node.attr) if isinstance(node.value, ast.Name) and node.value.id in ("funcs", "book") else node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> Any:
        return ast.Assign([node.target], node.value) if node.value else None


def core(source: str) -> str:
    return ast.unparse(ast.fix_missing_locations(Core().visit(ast.parse(textwrap.dedent(source)))))


def shared_definitions() -> list[Any]:
    pairs = []
    for path in CHAPTERS:
        for cell in code_cells(path):
            for node in ast.parse(cell.source).body:
                if not isinstance(node, (ast.FunctionDef, ast.ClassDef)) or node.name in SAME_NUMBERS_NOT_SAME_CODE:
                    continue
                if node.name in PUBLIC:
                    ours = inspect.getsource(PUBLIC[node.name])
                    pairs.append(pytest.param(ast.unparse(node), ours, id=f"{path.stem}-{node.name}"))
    return pairs


@pytest.mark.parametrize(("chapter", "ours"), shared_definitions())
def test_chapter_and_funcs_have_the_same_code(chapter: str, ours: str) -> None:
    assert core(chapter) == core(ours)


def test_the_definitions_are_found() -> None:
    names = {str(param.id).split("-")[1] for param in shared_definitions()}
    assert names >= {
        *("clean_text", "Vocab", "sequential_partition", "random_partition"),
        *("get_rnn_params", "init_rnn_state", "RNN", "detach"),
        *("graph_nodes", "RNNModel", "relative_difference", "layer_outer", "MyRNN"),
        *("long_jacobians", "Gate"),
        *("recall_batch", "RecallModel", "updates_to_recall"),
    }


def test_core_keeps_what_matters() -> None:
    annotated = 'def f(x: int) -> int:\n    """Doc."""\n    if x < 0:\n        raise ValueError\n    return x + 1'
    assert core(annotated) == core("def f(x):\n    return x + 1") != core("def f(x):\n    return x + 2")
