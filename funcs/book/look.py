"""How the book's figures look."""

import platform

import matplotlib as mpl
import matplotlib.pyplot as plt
import torch
from matplotlib_inline.backend_inline import set_matplotlib_formats

from funcs.devices import choose_device

# Colours that stay apart for colour-blind readers (Okabe & Ito, 2008).
BLUE, ORANGE, GREEN, PINK, SKY, RED, YELLOW = (
    "#0072B2",
    "#E69F00",
    "#009E73",
    "#CC79A7",
    "#56B4E9",
    "#D55E00",
    "#F0E442",
)
VISIBLE = {" ": "␣", "\n": "↵"}


def shown(token: str) -> str:
    """A token as pictures write it: a space and the end of a line are seen."""
    return VISIBLE.get(token, token)


def start_chapter() -> None:
    """Draw figures as SVG on white, readable in a light and a dark theme, and print what this chapter runs on."""
    set_matplotlib_formats("svg", metadata={"Date": None})
    mpl.rcParams.update(
        {
            "svg.hashsalt": "funcs",
            "figure.figsize": (6, 3),
            "figure.facecolor": "white",
            "axes.prop_cycle": plt.cycler(color=[BLUE, ORANGE, GREEN, PINK, RED, SKY]),
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.grid": True,
            "axes.axisbelow": True,
            "grid.color": "#dddddd",
            "legend.frameon": False,
        }
    )
    print(
        f"Python {platform.python_version()}, torch {torch.__version__}, "
        f"device {choose_device()}, {torch.get_num_threads()} threads"
    )
