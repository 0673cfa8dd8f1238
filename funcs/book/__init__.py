"""What only the notebooks need: figures, sliders, exercise checks, looks into a graph. `from funcs import book`."""

import importlib.util

import funcs

MISSING = [name for name in ("matplotlib", "IPython", "ipywidgets") if importlib.util.find_spec(name) is None]
if not hasattr(funcs, "load_data_time_machine"):
    raise ImportError(
        "this `funcs` is not the book's: another package of that name has been installed over it. Mend it with "
        "`pip uninstall funcs` and `pip install --force-reinstall --no-deps` and the book's folder"
    )
if MISSING:
    raise ModuleNotFoundError(
        f"funcs.book draws and moves; it needs {', '.join(MISSING)}. In the book's folder: pip install '.[book]'"
    )

from funcs.book.compare import relative_difference
from funcs.book.exercises import check
from funcs.book.figures import (
    blank_axes,
    draw_blocks,
    draw_cells,
    draw_concatenated_product,
    draw_graph,
    draw_orders,
    draw_partitions,
    draw_unrolled,
)
from funcs.book.graph import graph_nodes, long_jacobians
from funcs.book.look import BLUE, GREEN, ORANGE, PINK, RED, SKY, start_chapter
from funcs.book.novel import fit_text, gated_model, plain_model, step_of
from funcs.book.recall import RecallModel, recall_batch, updates_to_recall
from funcs.book.sliders import explore

__all__ = [
    "BLUE",
    "GREEN",
    "ORANGE",
    "PINK",
    "RED",
    "SKY",
    "RecallModel",
    "blank_axes",
    "check",
    "draw_blocks",
    "draw_cells",
    "draw_concatenated_product",
    "draw_graph",
    "draw_orders",
    "draw_partitions",
    "draw_unrolled",
    "explore",
    "fit_text",
    "gated_model",
    "graph_nodes",
    "long_jacobians",
    "plain_model",
    "recall_batch",
    "relative_difference",
    "start_chapter",
    "step_of",
    "updates_to_recall",
]
