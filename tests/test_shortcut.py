"""Chapter 06 lets a reader go from the middle of 6.3 to 6.6: the rest runs without the cells between."""

from pathlib import Path

import nbformat
from nbclient import NotebookClient

CHAPTER = Path(__file__).parent.parent / "chapters" / "06_backpropagation_through_time.ipynb"


def test_the_marked_shortcut_runs() -> None:
    notebook = nbformat.read(CHAPTER, 4)
    (leave,) = [i for i, cell in enumerate(notebook.cells) if "go on at 6.6:" in cell.source]
    (arrive,) = [i for i, cell in enumerate(notebook.cells) if "\n## 6.6 " in "\n" + cell.source]
    skipped = [cell for cell in notebook.cells[leave:arrive] if cell.cell_type == "code"]
    assert len(skipped) > 10 and notebook.cells[leave].cell_type == "markdown"
    notebook.cells = notebook.cells[:leave] + notebook.cells[arrive:]
    place = {"metadata": {"path": str(CHAPTER.parent)}}
    NotebookClient(notebook, timeout=600, resources=place, extra_arguments=["--log-level=ERROR"]).execute()
