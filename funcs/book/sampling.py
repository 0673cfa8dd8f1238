"""Pictures of how a text is chosen (chapter 11)."""

import math
from collections.abc import Mapping
from typing import Any

import matplotlib.pyplot as plt
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from funcs.book.look import BLUE, ORANGE
from funcs.prediction import Written, sampling_probs
from funcs.text import Vocab


def draw_choices(logits: torch.Tensor, vocab: Vocab, ax: Axes, num_tokens: int = 10, **settings: Any) -> None:
    """The most probable tokens: the model's probabilities in grey, those that they are drawn with in blue.

    Args:
        logits: the model's scores, (vocab_size,).
        settings: of `funcs.sampling_probs`.
    """
    probs, chosen = logits.softmax(0), sampling_probs(logits, **settings)
    order = probs.argsort(descending=True)[:num_tokens]
    names = ["space" if token == " " else token for token in vocab.to_tokens(order)]
    ax.bar(range(len(order)), probs[order], width=0.85, color="#cccccc", label="the network's")
    ax.bar(range(len(order)), chosen[order], width=0.45, color=BLUE, label="drawn with")
    ax.set_xticks(range(len(order)), names)
    ax.set(ylabel="probability", ylim=(0, 1.02))
    ax.grid(False, axis="x")
    ax.legend(loc="upper right", fontsize=8)


def draw_written(written: Written, vocab: Vocab, ax: Axes, width: int = 80, limit: float = 8.0) -> None:
    """A text of characters; the ground of each that was added is the darker, the more bits it cost.

    Args:
        width: characters in a line.
        limit: bits at which the ground is darkest.
    """
    added = vocab.to_tokens(written.tokens)
    start = len(written.text) - len("".join(added))
    bits = [math.nan] * start
    for token, log_prob in zip(added, written.log_probs, strict=True):
        bits += [-log_prob / math.log(2)] * len(token)
    colors = plt.get_cmap("Oranges")
    for i, (character, cost) in enumerate(zip(written.text, bits, strict=True)):
        row, column = divmod(i, width)
        if not math.isnan(cost):
            shade = colors(0.85 * min(cost / limit, 1))
            ax.add_patch(Rectangle((column, row + 0.1), 1, 0.85, color=shade, lw=0))
        grey = "#888888" if math.isnan(cost) else "black"
        ax.text(column + 0.5, row + 0.72, character, family="monospace", fontsize=9, ha="center", color=grey)
    ax.set(xlim=(0, width), ylim=(math.ceil(len(written.text) / width) + 0.1, -0.1))
    ax.axis("off")
    known = [cost for cost in bits if not math.isnan(cost)]
    if known:
        ax.set_title(f"{sum(known) / len(known):.1f} bits per character", fontsize=9, loc="right")


def draw_tree(first: Mapping[str, float], second: Mapping[str, Mapping[str, float]]) -> Figure:
    """Two steps of choosing as a tree: greedy's way in orange, the most probable one in blue, both labelled."""
    fig, ax = plt.subplots(figsize=(7, 3.2), layout="constrained")
    leaves = [(x, y) for x in first for y in second[x]]
    height = {leaf: -i for i, leaf in enumerate(leaves)}
    middle = {x: sum(height[x, y] for y in second[x]) / len(second[x]) for x in first}
    root = sum(middle.values()) / len(middle)
    best = max(leaves, key=lambda leaf: first[leaf[0]] * second[leaf[0]][leaf[1]])
    first_best = max(first, key=lambda x: first[x])
    greedy = (first_best, max(second[first_best], key=lambda y: second[first_best][y]))

    def branch(start: tuple[float, float], end: tuple[float, float], name: str, prob: float, color: str) -> None:
        ax.plot(*zip(start, end, strict=True), color=color, lw=2.5 if color != "#bbbbbb" else 1.2, zorder=1)
        ax.text(
            *end, name, ha="center", va="center", fontsize=12, bbox={"boxstyle": "circle", "fc": "white", "ec": color}
        )
        ax.text(
            (start[0] + end[0]) / 2, (start[1] + end[1]) / 2 + 0.12, f"{prob:g}", ha="center", va="bottom", fontsize=9
        )

    def color_of(*way: str) -> str:
        on = [color for leaf, color in ((greedy, ORANGE), (best, BLUE)) if leaf[: len(way)] == way]
        return on[0] if on else "#bbbbbb"

    for x, y in leaves:
        prob = first[x] * second[x][y]
        branch((1, middle[x]), (2, height[x, y]), y, second[x][y], color_of(x, y))
        note = {greedy: "   greedy", best: "   the most probable"}.get((x, y), "")
        ax.text(2.12, height[x, y], f"{x}{y}: {prob:.3g}{note}", va="center", color="black" if note else "#777777")
    for x in first:
        branch((0, root), (1, middle[x]), x, first[x], color_of(x))
    ax.plot(0, root, "o", color="black", zorder=3)
    ax.set(xlim=(-0.1, 3), ylim=(min(height.values()) - 0.5, 0.5))
    ax.axis("off")
    return fig


def draw_trade(ways: Mapping[str, Mapping[Any, tuple[float, float, float]]]) -> Figure:
    """Repetition and known words over bits per character, a line for each way of writing.

    Args:
        ways: name → {setting: (bits per character, share of repeated runs, share of known words)}; the settings of
            "temperature" and those that are names are written beside their points.
    """
    fig, axes = plt.subplots(1, 2, figsize=(9, 3.9), layout="constrained")
    for (name, points), marker in zip(ways.items(), "ooosD*", strict=True):
        bits, *heights = zip(*points.values(), strict=True)
        for ax, height in zip(axes, heights, strict=True):
            ax.plot(bits, height, marker=marker, ms=13 if name == "the novel" else 5, label=name)
            for label, x, y in zip(points, bits, height, strict=True):
                if isinstance(label, str) or name == "temperature":
                    text = label if isinstance(label, str) else f"T = {label:g}"
                    below = ax is axes[1] and name == "temperature"  # where the curve leaves room
                    place = {"xytext": (-6, -9), "ha": "right"} if below else {"xytext": (5, 6), "ha": "left"}
                    ax.annotate(text, (x, y), textcoords="offset points", fontsize=7, **place)
    axes[0].set(ylabel="share of repeated runs", ylim=(-0.0005, 2))
    axes[0].set_yscale("symlog", linthresh=0.01)
    axes[0].set_yticks((0, 0.01, 0.1, 1), ("0", "1 %", "10 %", "100 %"))
    axes[1].set(ylabel="share of known words", ylim=(0.5, 1.03))
    axes[1].set_yticks((0.6, 0.8, 1), ("60 %", "80 %", "100 %"))
    axes[1].legend(loc="lower left", fontsize=8)
    for ax in axes:
        ax.set(xlabel="bits per character", xlim=(0.6, 2.55))
    return fig
