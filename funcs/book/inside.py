"""Pictures of what a network has in its state while it reads (chapter 13)."""

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import torch
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from funcs.book.look import BLUE, ORANGE

VISIBLE = {" ": "␣", "\n": "↵"}


def shown(token: str) -> str:
    return VISIBLE.get(token, token)


def draw_shaded(text: str, values: Sequence[float], ax: Axes, width: int = 70, marked: int | None = None) -> None:
    """A text with a ground for each character: red above zero, blue below, the darker the farther from it.

    Args:
        values: a number for each character, from −1 to 1.
        width: characters in a line.
        marked: place of a character that gets a frame.
    """
    colors = plt.get_cmap("RdBu_r")
    for i, (character, value) in enumerate(zip(text, values, strict=True)):
        row, column = divmod(i, width)
        ax.add_patch(Rectangle((column, row + 0.05), 1, 0.9, fc=colors(0.5 + 0.4 * float(value)), lw=0))
        grey = character in VISIBLE
        ax.text(
            column + 0.5,
            row + 0.7,
            shown(character),
            family="monospace",
            fontsize=8,
            ha="center",
            color="#999999" if grey else "black",
        )
        if i == marked:
            ax.add_patch(Rectangle((column, row + 0.05), 1, 0.9, fc="none", ec="black", lw=1.2))
    ax.set(xlim=(-0.1, width + 0.1), ylim=(-(-len(text) // width) + 0.05, -0.05))
    ax.axis("off")


def draw_units(values: torch.Tensor, text: str, ax: Axes) -> None:
    """The state as a carpet: a row for each unit, a column for each character that was read.

    Args:
        values: (num_steps, num_units), from −1 to 1.
    """
    ax.pcolormesh(values.T.numpy(), cmap="RdBu_r", vmin=-1, vmax=1)
    ax.set_xticks([i + 0.5 for i in range(len(text))], list(map(shown, text)), family="monospace", fontsize=8)
    ax.set(ylabel="unit")
    ax.tick_params(axis="x", length=0)
    ax.grid(False)


def draw_forgetting(effects: Mapping[str, Sequence[float]], lags: Sequence[int], ax: Axes) -> None:
    """How much a change some characters back still matters, a line for each network."""
    for name, effect in effects.items():
        ax.loglog(lags, effect, "o-", ms=4, label=name)
    ax.set(xlabel="characters since the changed one", ylabel="bits of change in\nthe prediction", ylim=(1e-7, 20))
    ax.legend()


def draw_path(points: torch.Tensor, text: str, step: int, ax: Axes) -> None:
    """The way of a state in a plane, up to one step; spaces are points, letters stand where they lead.

    Args:
        points: (num_steps, 2), one for each character of the text.
        step: the last place that is drawn in colour.
    """
    x, y = points.T.tolist()
    ax.plot(x, y, color="#dddddd", lw=0.8, zorder=0)
    first = max([i + 1 for i in range(step) if text[i] == " "], default=0)  # where the present word begins
    start = max(first - 1, 0)
    ax.plot(x[start : step + 1], y[start : step + 1], color=BLUE, lw=1.5, zorder=1)
    for i, character in enumerate(text):
        options: dict[str, Any] = {"color": "#bbbbbb", "fontsize": 8}
        if start <= i <= step:
            options = {"color": BLUE, "fontsize": 11, "weight": "bold"}
        ax.text(x[i], y[i], shown(character), ha="center", va="center", family="monospace", **options)
    ax.plot(x[step], y[step], "o", ms=16, mfc="none", mec=ORANGE, mew=2)
    ax.set_title(f"{text[:step]}[{text[step]}]{text[step + 1 :]}", family="monospace", fontsize=8, loc="left")
    ax.set_xticks([])
    ax.set_yticks([])
    ax.grid(False)
