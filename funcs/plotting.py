"""Figures that are sharp, the same in every run, and that move."""

import inspect
import platform
import time
from collections.abc import Callable, Sequence
from typing import Any

import ipywidgets as widgets
import matplotlib as mpl
import matplotlib.pyplot as plt
import torch
from IPython import get_ipython
from IPython.display import display
from matplotlib.figure import Figure
from matplotlib.ticker import LogFormatter
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


def in_notebook() -> bool:
    """Whether there is a kernel that can show figures and widgets."""
    return hasattr(get_ipython(), "kernel")


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


class LivePlot:
    """One figure in the notebook that grows while a loop runs; outside a notebook it does nothing.

    Args:
        xlabel, ylabel: axis labels; the y axis is logarithmic.
        names: one name per curve.
        every: seconds between two drawings, so that drawing costs little.
    """

    def __init__(self, xlabel: str, ylabel: str, names: Sequence[str], every: float = 2.0) -> None:
        self.every = every
        self.xs: list[float] = []
        self.curves: list[list[float]] = [[] for _ in names]
        self.handle: Any = None
        if not in_notebook():
            return
        self.fig, self.ax = plt.subplots()
        plt.close(self.fig)
        self.lines = [self.ax.plot([], [], label=name)[0] for name in names]
        self.ax.set(xlabel=xlabel, ylabel=ylabel, yscale="log")
        self.ax.yaxis.set_major_formatter(LogFormatter())
        self.ax.yaxis.set_minor_formatter(LogFormatter(minor_thresholds=(1.5, 0.5)))
        if len(names) > 1:
            self.ax.legend()
        self.handle = display(self.fig, display_id=True)
        self.drawn = time.perf_counter()

    def add(self, x: float, ys: Sequence[float]) -> None:
        """Add one point per curve; draw if the last drawing is long enough ago."""
        self.xs.append(x)
        for curve, y in zip(self.curves, ys, strict=True):
            curve.append(y)
        if self.handle and time.perf_counter() - self.drawn > self.every:
            self.finish()

    def finish(self) -> None:
        """Draw all points that there are."""
        if not self.handle:
            return
        for line, curve in zip(self.lines, self.curves, strict=True):
            line.set_data(self.xs, curve)
        self.ax.relim()
        self.ax.autoscale_view()
        self.handle.update(self.fig)
        self.drawn = time.perf_counter()


def explore(draw: Callable[..., Figure], **controls: tuple[float, ...]) -> None:
    """Show `draw(name=value, …)` and one slider per keyword, which draws it again.

    Args:
        draw: returns a figure for one value of each control.
        controls: (lowest, highest) for a whole number, (lowest, highest, step) for a fraction. A slider starts at the
            default of that argument of `draw`, or at its lowest value.
    """
    sliders = {}
    for name, limits in controls.items():
        default = inspect.signature(draw).parameters[name].default
        slider = widgets.IntSlider if len(limits) == 2 else widgets.FloatSlider
        options = dict(zip(("min", "max", "step"), limits, strict=False))
        start = limits[0] if default is inspect.Parameter.empty else default
        sliders[name] = slider(start, **options, description=name)

    def figure() -> Figure:
        fig = draw(**{name: slider.value for name, slider in sliders.items()})
        plt.close(fig)
        return fig

    for name, slider in sliders.items():
        # Where the slider cannot be shown, as in a notebook that has not been run, this line stands in its place.
        text = f"[run this cell for a slider: {name} from {slider.min:g} to {slider.max:g}]"
        display({**slider._repr_mimebundle_(), "text/plain": text}, raw=True)
    handle = display(figure(), display_id=True)

    def redraw(_: object) -> None:
        handle.update(figure())

    for slider in sliders.values():
        slider.observe(redraw, names="value")
