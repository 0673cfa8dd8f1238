"""What a reader and a maintainer have beside the chapters: `make fresh`, `make new`."""

import json
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import nbformat
import pytest

ROOT = Path(__file__).parent.parent


def run(script: str, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """A tool in another checkout."""
    (folder / "tools").mkdir(exist_ok=True)
    shutil.copy(ROOT / "tools" / script, folder / "tools" / script)
    return subprocess.run([sys.executable, f"tools/{script}", *arguments], cwd=folder, capture_output=True, text=True)


def notebook(text: str, output: str = "") -> str:
    outputs = [{"name": "stdout", "output_type": "stream", "text": [output]}] if output else []
    cell = {"cell_type": "code", "metadata": {}, "execution_count": 1, "outputs": outputs, "source": [text]}
    return json.dumps({"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 4})


@pytest.fixture
def checkout(tmp_path: Path) -> Any:
    """A repository with two chapters and a solution, in a folder with a space and an umlaut."""
    folder = tmp_path / "das Büchlein"
    (folder / "chapters" / "solutions").mkdir(parents=True)
    for name in ("chapters/01_one.ipynb", "chapters/02_two.ipynb", "chapters/solutions/01_one.ipynb"):
        (folder / name).write_text(notebook(f"print('{name}')"))
    for command in (
        ["init", "-q"],
        ["add", "."],
        ["-c", "user.name=n", "-c", "user.email=e@example.org", "commit", "-qm", "m"],
    ):
        subprocess.run(["git", *command], cwd=folder, check=True)
    return folder


def test_fresh_gives_the_book_back_and_loses_nothing(checkout: Path) -> None:
    one, two = checkout / "chapters" / "01_one.ipynb", checkout / "chapters" / "02_two.ipynb"
    solution = checkout / "chapters" / "solutions" / "01_one.ipynb"
    before = {path: path.read_text() for path in (one, two, solution)}
    written = notebook("my own idea")
    one.write_text(written)
    solution.write_text(notebook("my own solution"))
    two.write_text(notebook("print('chapters/02_two.ipynb')", "only an output"))
    (checkout / "chapters" / "notes.ipynb").write_text("of the reader's own")
    done = run("fresh.py", checkout)
    assert done.returncode == 0, done.stderr
    assert {path: path.read_text() for path in before} == before
    assert (checkout / "my" / "01_one.ipynb").read_text() == written
    assert "my own solution" in (checkout / "my" / "01_one-solutions.ipynb").read_text()
    assert (checkout / "chapters" / "notes.ipynb").exists()
    assert sorted(path.name for path in (checkout / "my").iterdir()) == ["01_one-solutions.ipynb", "01_one.ipynb"]
    assert "chapters/02_two.ipynb is back; nothing was written in it" in done.stdout

    one.write_text(written)  # as before: no second copy; a new chapter of a maintainer's is left alone
    (checkout / "chapters" / "11_new.ipynb").write_text(notebook("new"))
    subprocess.run(["git", "add", "chapters/11_new.ipynb"], cwd=checkout, check=True)
    done = run("fresh.py", checkout)
    assert done.returncode == 0 and "yours is my/01_one.ipynb" in done.stdout, done.stderr
    assert not (checkout / "my" / "01_one-2.ipynb").exists() and (checkout / "chapters" / "11_new.ipynb").exists()

    tagged = json.loads(before[two])
    tagged["cells"][0]["metadata"]["tags"] = ["mine"]
    two.write_text(json.dumps(tagged))
    assert "yours is my/02_two.ipynb" in run("fresh.py", checkout).stdout

    one.write_text("{ not a notebook any more")
    subprocess.run(["git", "add", "chapters/01_one.ipynb"], cwd=checkout, check=True)
    two.unlink()
    assert run("fresh.py", checkout).returncode == 0
    assert (checkout / "my" / "01_one-2.ipynb").read_text() == "{ not a notebook any more"
    assert {path: path.read_text() for path in before} == before
    assert "Nothing to do" in run("fresh.py", checkout).stdout


def test_fresh_without_git_changes_nothing(tmp_path: Path) -> None:
    chapter = tmp_path / "chapters" / "01_one.ipynb"
    chapter.parent.mkdir()
    chapter.write_text("mine")
    done = run("fresh.py", tmp_path)
    assert done.returncode == 1 and "chapters/ has not been changed" in done.stderr and chapter.read_text() == "mine"


def test_new_chapter(tmp_path: Path) -> None:
    for folder in ("chapters/solutions", "funcs/book/exercises", "tests/answers", "tests/claims"):
        (tmp_path / folder).mkdir(parents=True)
    assert run("new_chapter.py", tmp_path, "11_sampling").returncode == 0
    for name in ("chapters/11_sampling.ipynb", "chapters/solutions/11_sampling.ipynb"):
        made = nbformat.read(tmp_path / name, 4)
        nbformat.validate(made)
        text = "\n".join(cell.source for cell in made.cells)
        assert 'book.check("11.1", answer)' in text and "{" not in text
    names: dict[str, Any] = {}
    exec((tmp_path / "funcs" / "book" / "exercises" / "chapter_11.py").read_text(encoding="utf-8"), names)
    assert names["what_it_checks"](1) is None and names["what_it_checks"](2)
    names["exercise"].__globals__["CHECKS"].pop("11.1")
    exec((tmp_path / "tests" / "answers" / "chapter_11.py").read_text(encoding="utf-8"), names)
    assert all(names["what_it_checks"](answer) is None for answer in names["RIGHT"]["11.1"])
    assert tomllib.loads((tmp_path / "tests" / "claims" / "11.toml").read_text(encoding="utf-8")) == {}
    again = run("new_chapter.py", tmp_path, "11_sampling")
    assert again.returncode == 1 and "nothing has been written" in again.stderr
    assert "such as 11_sampling, got 'sampling'" in run("new_chapter.py", tmp_path, "sampling").stderr
