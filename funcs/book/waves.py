"""What chapter 10 draws and keeps the books of: forecasts, errors over frequencies, and who remembers for how long."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Lock
from typing import Any

import matplotlib.pyplot as plt
import torch
from matplotlib.figure import Figure

from funcs.book.look import BLUE, GREEN, ORANGE, PINK, RED

COLORS = {
    "RNN": GREEN,
    "GRU": BLUE,
    "LSTM": ORANGE,
    "linear regression": RED,
    "regression on 50": RED,
    "regression on 200": GREEN,
    "one period ago": PINK,
    "the same again": GREEN,
}
building = Lock()


def color_of(name: str) -> str:
    """One colour for a predictor, also for "GRU, start 0" and "GRU, opened"."""
    return COLORS[name.split(",")[0]]


def with_seed(seed: int, build: Callable[[], Any]) -> Any:
    """What `build()` makes from the random numbers of `seed`. One thread at a time: all share them."""
    with building:
        torch.manual_seed(seed)
        return build()


def two_at_a_time(function: Callable[..., Any], jobs: Iterable[tuple[Any, ...]]) -> dict[tuple[Any, ...], Any]:
    """{job: function(*job)}, two jobs at a time with one thread each; one at a time where torch has one thread."""
    jobs, num_threads = list(jobs), torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with ThreadPoolExecutor(min(2, num_threads)) as pool:
            return dict(zip(jobs, pool.map(lambda job: function(*job), jobs), strict=True))
    finally:
        torch.set_num_threads(num_threads)


def draw_own_errors(x: torch.Tensor, errors: Mapping[str, torch.Tensor], noise: float) -> Figure:
    """Errors without the noise, a row for each predictor, over the band in which the noise lies."""
    fig, axes = plt.subplots(len(errors), 1, figsize=(8, 1.35 * len(errors)), sharex=True, sharey=True)
    for row, (ax, (name, error)) in enumerate(zip(axes, errors.items(), strict=True)):
        ax.axhspan(-noise, noise, color="#e2e2e2", lw=0, label=None if row else "where the noise lies")
        ax.plot(x, error[: len(x)], color=color_of(name), lw=0.9, label=name)
        ax.set(ylabel="error", ylim=(-2.4 * noise, 3.6 * noise))
        ax.legend(ncol=2, loc="upper right", fontsize=8)
    axes[-1].set(xlabel="x")
    fig.set_layout_engine("constrained")
    return fig


def draw_forecasts(truth: torch.Tensor, forecasts: Mapping[str, torch.Tensor]) -> Figure:
    """A row for each forecast, over the truth."""
    fig, axes = plt.subplots(len(forecasts), 1, figsize=(8, 1.75 * len(forecasts)), sharex=True, layout="constrained")
    for row, (ax, (name, forecast)) in enumerate(zip(axes, forecasts.items(), strict=True)):
        ax.plot(truth, color="#bbbbbb", lw=2.5, label=None if row else "the wave, without noise")
        ax.plot(forecast, color=color_of(name), lw=1, label=name)
        ax.set(ylabel="y", ylim=(-4.5, 6.5))
        ax.legend(ncol=2, loc="upper right", fontsize=8)
    axes[-1].set(xlabel="steps since the last true number")
    return fig


def draw_frequencies(errors: Mapping[float, Mapping[str, float]], floor: float) -> Figure:
    """The RMSE of each predictor over the frequencies; starts of one kind of network share colour and label."""
    fig, ax = plt.subplots(figsize=(7.5, 3.8), layout="constrained")
    seen = set()
    for name in next(iter(errors.values())):
        kind, color = name.split(",")[0], color_of(name)
        label = None if kind in seen else kind + ", three starts" * ("start" in name)
        seen.add(kind)
        style = {"ls": ":", "lw": 1.1} if kind == "one period ago" else {"lw": 1.2}
        ax.semilogy(list(errors), [error[name] for error in errors.values()], color=color, label=label, **style)
    ax.axhline(floor, color="#777777", ls="--", lw=1, label="floor")
    ax.axvline(1.0, color="#777777", lw=1, label="at home")
    ax.set(xlabel="frequency, as a multiple of that at home", ylabel="RMSE, one step ahead", ylim=(0.025, 8))
    fig.legend(ncol=3, loc="outside upper center", fontsize=8)
    return fig


def draw_lags(longest: Mapping[str, Sequence[int]], lags: Sequence[int]) -> Figure:
    """A dot for each start: the longest lag that it solved; filled where the start is a special one ("GRU, opened")."""
    fig, ax = plt.subplots(figsize=(7.5, 2.9), layout="constrained")
    places = [0, *lags]
    for row, (name, solved) in enumerate(longest.items()):
        heights = [row + 0.13 * (start - (len(solved) - 1) / 2) for start in range(len(solved))]  # none hides another
        color = color_of(name)
        face = color if "," in name else "white"
        ax.plot([places.index(lag) for lag in solved], heights, "o", color=color, markerfacecolor=face, ms=5)
    ax.set(xlabel=f"longest lag solved, a dot for each start (none longer than {lags[-1]} was tried)")
    ax.set_xticks(range(len(places)), ["none", *map(str, lags)])
    ax.set_yticks(range(len(longest)), list(longest))
    ax.invert_yaxis()
    return fig
