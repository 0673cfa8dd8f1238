"""A curve that grows in the notebook while a loop runs."""

import sys
import time
from collections.abc import Sequence
from typing import Any


def in_notebook() -> bool:
    """Whether there is a kernel that can show figures; IPython is not imported to find out."""
    IPython = sys.modules.get("IPython")
    return hasattr(getattr(IPython, "get_ipython", lambda: None)(), "kernel")


class LivePlot:
    """One figure in the notebook that grows while a loop runs; outside a notebook it does nothing.

    It needs matplotlib, and does without a figure where there is none.

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
        try:
            import matplotlib.pyplot as plt
            from matplotlib.ticker import LogLocator, NullLocator
        except ModuleNotFoundError:
            return
        from IPython.display import display

        self.fig, self.ax = plt.subplots()
        plt.close(self.fig)
        self.lines = [self.ax.plot([], [], label=name)[0] for name in names]
        self.ax.set(xlabel=xlabel, ylabel=ylabel, yscale="log")
        self.ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 3, 5, 7)))
        self.ax.yaxis.set_major_formatter("{x:g}")
        self.ax.yaxis.set_minor_locator(NullLocator())
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
