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

from funcs.book.cliff import draw_cliff
from funcs.book.compare import relative_difference
from funcs.book.exercises import check
from funcs.book.figures import (
    blank_axes,
    draw_blocks,
    draw_calls,
    draw_cells,
    draw_concatenated_product,
    draw_graph,
    draw_layers,
    draw_orders,
    draw_partitions,
    draw_unrolled,
)
from funcs.book.graph import graph_nodes, long_jacobians
from funcs.book.inside import draw_forgetting, draw_path, draw_shaded, draw_units
from funcs.book.look import BLUE, GREEN, ORANGE, PINK, RED, SKY, start_chapter
from funcs.book.museum import (
    draw_bars,
    draw_dots,
    draw_flattened,
    draw_growth,
    draw_last_states,
    draw_places,
    draw_rates,
    draw_recipe,
    draw_runs,
    draw_sheet,
    draw_verdicts,
    perplexity_by_place,
    share_right,
    split_words,
    watch_updates,
)
from funcs.book.novel import fit_text, gated_model, longest_copy, plain_model, step_of
from funcs.book.profiling import shares_of
from funcs.book.reading import cell_values, read_with
from funcs.book.recall import RecallModel, recall_batch, updates_to_recall
from funcs.book.sampling import draw_choices, draw_trade, draw_tree, draw_written
from funcs.book.scoreboard import draw_curves, draw_intervals, draw_mixtures, draw_scores, draw_sharpening, stored
from funcs.book.sliders import explore
from funcs.book.stacks import (
    BiRNN,
    compare_layers,
    compare_padded,
    draw_bidirectional,
    draw_lengths,
    draw_padded,
    draw_stack,
    perplexities_of_seeds,
    run_order,
    seconds_in_turn,
)
from funcs.book.trial import try_cell
from funcs.book.waves import draw_forecasts, draw_frequencies, draw_lags, draw_own_errors, two_at_a_time, with_seed
from funcs.book.wiring import draw_cell, draw_gates

__all__ = [
    "BLUE",
    "GREEN",
    "ORANGE",
    "PINK",
    "RED",
    "SKY",
    "BiRNN",
    "RecallModel",
    "blank_axes",
    "cell_values",
    "check",
    "compare_layers",
    "compare_padded",
    "draw_bars",
    "draw_bidirectional",
    "draw_blocks",
    "draw_calls",
    "draw_cell",
    "draw_cells",
    "draw_choices",
    "draw_cliff",
    "draw_concatenated_product",
    "draw_curves",
    "draw_dots",
    "draw_flattened",
    "draw_forecasts",
    "draw_forgetting",
    "draw_frequencies",
    "draw_gates",
    "draw_graph",
    "draw_growth",
    "draw_intervals",
    "draw_lags",
    "draw_last_states",
    "draw_layers",
    "draw_lengths",
    "draw_mixtures",
    "draw_orders",
    "draw_own_errors",
    "draw_padded",
    "draw_partitions",
    "draw_path",
    "draw_places",
    "draw_rates",
    "draw_recipe",
    "draw_runs",
    "draw_scores",
    "draw_shaded",
    "draw_sharpening",
    "draw_sheet",
    "draw_stack",
    "draw_trade",
    "draw_tree",
    "draw_units",
    "draw_unrolled",
    "draw_verdicts",
    "draw_written",
    "explore",
    "fit_text",
    "gated_model",
    "graph_nodes",
    "long_jacobians",
    "longest_copy",
    "perplexities_of_seeds",
    "perplexity_by_place",
    "plain_model",
    "read_with",
    "recall_batch",
    "relative_difference",
    "run_order",
    "seconds_in_turn",
    "share_right",
    "shares_of",
    "split_words",
    "start_chapter",
    "step_of",
    "stored",
    "try_cell",
    "two_at_a_time",
    "updates_to_recall",
    "watch_updates",
    "with_seed",
]
