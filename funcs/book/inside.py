"""Pictures of what a network has in its state while it reads (chapter 13)."""

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import torch
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from funcs.book.look import BLUE, ORANGE, VISIBLE, shown


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
        ax.add_patch(Rectangle((column, row + 0.05), 1, 0.9, fc=colors(0.5 + 0.32 * float(value)), lw=0))
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
    mesh = ax.imshow(values.T.numpy(), cmap="RdBu_r", vmin=-1, vmax=1, aspect="auto", interpolation="nearest")
    ax.set_xticks(range(len(text)), list(map(shown, text)), family="monospace", fontsize=8)
    ax.set(ylabel="unit")
    ax.tick_params(axis="x", length=0)
    ax.grid(False)
    ax.figure.colorbar(mesh, ax=ax, pad=0.01, fraction=0.03)


def draw_forgetting(curves: Mapping[str, torch.Tensor], lags: Sequence[int], axes: Sequence[Axes]) -> None:
    """How much a change some characters back still matters to the prediction and to the memory, a line per network.

    Args:
        curves: (num_lags, 2) for each network: bits, and share of the memory.
    """
    for name, curve in curves.items():
        for ax, column in zip(axes, curve.T.tolist(), strict=True):
            ax.plot(lags, [max(value, 1e-9) for value in column], "o-", ms=4, label=name)
    for ax, label in zip(axes, ("change of the prediction, in bits", "change of the memory"), strict=True):
        ax.set(xscale="log", yscale="log", xlabel="characters back", ylabel=label)
        ax.set_xticks(lags, list(map(str, lags)), fontsize=8)
        ax.minorticks_off()
    axes[0].set_ylim(1e-6, 10)
    axes[1].set_ylim(1e-4, 3)
    axes[1].legend()


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
    ax.set(xlabel="first direction", ylabel="second direction")
    ax.set_xticks([])
    ax.set_yticks([])
    ax.grid(False)
