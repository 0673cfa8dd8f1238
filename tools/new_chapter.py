"""Lay out a new chapter: notebook, solutions, checks, answers to try them with, claims. `make new NB=11_sampling`."""

import re
import sys
from pathlib import Path

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

ROOT = Path(__file__).resolve().parent.parent
KERNEL = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}

CHAPTER = [
    new_markdown_cell(
        "# {number}. {title}\n\nWhat you will be able to do: two or three sentences.\n\n- **Needs:** what of earlier "
        "chapters.\n- **Gives:** what one has afterwards.\n- **Takes:** about 30 minutes to read. All of it runs in "
        "about N seconds on two cores.\n\n*`funcs` is the book's package: if this chapter lies alone and something is "
        'missing, run `%pip install "PATH[book]"` with the path of the book\'s folder.*'
    ),
    new_code_cell("import matplotlib.pyplot as plt\nimport torch\n\nfrom funcs import book\n\nbook.start_chapter()"),
    new_markdown_cell("## {number}.1 First idea\n\nProse carries the thread."),
    new_code_cell(
        "# Three to eight lines, then an output that the next sentence talks about.\nprint(torch.ones(2, 3).shape)"
    ),
    new_code_cell(
        "def draw(power=1):\n    fig, ax = plt.subplots()\n    x = torch.linspace(0, 1, 50)\n    ax.plot(x, x**power)\n"
        '    ax.set(xlabel="x", ylabel="y")\n    return fig\n\nbook.explore(draw, power=(1, 5))'
    ),
    new_markdown_cell("## {number}.2 Summary\n\n- What was shown, with its numbers."),
    new_markdown_cell("## {number}.3 Exercises\n\nReplace each `...` and run the cell."),
    new_markdown_cell("**Exercise 1** (easy, 2 minutes). What is asked, so that only one answer is right."),
    new_code_cell('answer = ...\nbook.check("{number:02}.1", answer)'),
    new_markdown_cell("## Further reading\n\n- Author, *Title*, year."),
]
SOLUTIONS = [
    new_markdown_cell("# Solutions to chapter {number}: {title}"),
    new_code_cell("from funcs import book\n\nbook.start_chapter()"),
    new_markdown_cell("**Exercise 1.** Why it is so."),
    new_code_cell('answer = 1\nbook.check("{number:02}.1", answer)'),
]
CHECKS = '''"""Checks of the exercises of chapter {number:02}: {title}."""

from typing import Any

from funcs.book.exercises.checking import exercise, same


@exercise("{number:02}.1")
def what_it_checks(answer: Any) -> str | None:
    if same(answer, 1):
        return None
    return "A hint that names the true cause, and never the answer."
'''
ANSWERS = '''"""Answers to the exercises of chapter {number:02}."""

from typing import Any

RIGHT: dict[str, list[Any]] = {{"{number:02}.1": [1, 1.0]}}
WRONG: dict[str, list[tuple[Any, str]]] = {{
    "{number:02}.1": [(2, "the true cause"), (0, "the true cause"), ("1", "got the text")],
}}
'''
CLAIMS = "# Chapter {number}: its sentences that state a number, an order or an equality. See tools/claims.py.\n"


def main(name: str) -> None:
    """Write the five files; SystemExit if the name is no chapter's, or a file is there already."""
    if not re.fullmatch(r"\d\d_\w+", name):
        sys.exit(f"NB must be a number and a topic, such as 11_sampling, got {name!r}")
    words = {"number": int(name[:2]), "title": name[3:].replace("_", " ").capitalize()}
    files = {
        ROOT / "chapters" / f"{name}.ipynb": CHAPTER,
        ROOT / "chapters" / "solutions" / f"{name}.ipynb": SOLUTIONS,
        ROOT / "funcs" / "book" / "exercises" / f"chapter_{name[:2]}.py": CHECKS,
        ROOT / "tests" / "answers" / f"chapter_{name[:2]}.py": ANSWERS,
        ROOT / "tests" / "claims" / f"{name[:2]}.toml": CLAIMS,
    }
    for path in files:
        if path.exists():
            sys.exit(f"{path.relative_to(ROOT).as_posix()} is there already; nothing has been written")
    for path, content in files.items():
        if isinstance(content, str):
            path.write_text(content.format(**words), encoding="utf-8")
        else:
            for cell in content:
                cell.source = cell.source.format(**words)
            nbformat.write(new_notebook(cells=content, metadata={"kernelspec": KERNEL}), path)
        print(path.relative_to(ROOT).as_posix())
    print(f"Write it in JupyterLab, then: make execute NB={name[:2]}; make chapter NB={name[:2]}")
    print("For the README: its figure into FIGURES of tools/pictures.py, make pictures, and a cell of the table.")


if __name__ == "__main__":
    main(*sys.argv[1:])
