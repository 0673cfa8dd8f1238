"""Run notebooks from top to bottom and store their outputs, as they are committed: `make execute`.

What only lives while a kernel runs is left out: a slider keeps the line of text that stands for it, a progress bar
nothing. JupyterLab would show an error in their place.
"""

import sys
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient

WIDGET = "application/vnd.jupyter.widget-view+json"


def execute(path: Path) -> None:
    """Execute the notebook at `path` in its own folder, and write it back."""
    notebook = nbformat.read(path, 4)
    client = NotebookClient(
        notebook,
        timeout=600,
        kernel_name="python3",
        resources={"metadata": {"path": str(path.parent)}},
        store_widget_state=False,
        extra_arguments=["--log-level=ERROR"],  # not a warning about TCP in every kernel
        record_timing=False,
        coalesce_streams=True,  # what is printed piece by piece is stored as one
    )
    client.execute()
    for cell in notebook.cells:
        for output in list(cell.get("outputs", [])):
            data = output.get("data", {})
            if data.pop(WIDGET, None) and "it/s]" in data["text/plain"]:
                cell.outputs.remove(output)
    nbformat.write(notebook, path)


for name in sys.argv[1:]:
    start = time.perf_counter()
    execute(Path(name))
    print(f"{time.perf_counter() - start:4.0f} s  {name}", flush=True)
