"""What hangs on the walls of the bug museum, and what it is measured with (chapter 17)."""

import itertools
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import torch
from matplotlib.figure import Figure
from matplotlib.patches import Circle, FancyBboxPatch, Rectangle
from matplotlib.ticker import MaxNLocator
from torch.nn import functional as F

from funcs.book.figures import blank_axes, draw_cells
from funcs.book.graph import graph_nodes
from funcs.book.look import BLUE, GREEN, ORANGE, RED, SKY
from funcs.loaders import Batch

MARKS = {"X": (GREEN, "caught"), ".": ("#bbbbbb", ""), "-": ("white", "")}


def draw_recipe(rooms: Mapping[str, str]) -> Figure:
    """The seven pieces of a training in the order of their use, and below each its exhibits (chapter 17).

    Args:
        rooms: per piece the numbers of the exhibits that exchange it.
    """
    fig, ax = blank_axes(25, 6.2)
    ax.add_patch(FancyBboxPatch((7.25, 0.5), 13.3, 4.6, boxstyle="round,pad=0.1", fc="#f2f2f2", ec="none"))
    for x, text in ((3.6, "once, before"), (13.9, "for every batch, in every epoch"), (22.8, "once, after")):
        ax.text(x, 5.55, text, ha="center", fontsize=9, color="#555555")
    left = 0.4
    for i, (name, exhibits) in enumerate(rooms.items()):
        left += 0.8 if i in (2, 6) else 0
        ax.add_patch(Rectangle((left, 2.8), 2.75, 1.5, fc=SKY, alpha=0.45, ec="none"))
        ax.text(left + 1.37, 3.5, name, ha="center", va="center", fontsize=8, family="monospace")
        ax.text(left + 1.37, 2.2, exhibits, ha="center", va="center", fontsize=9, color=RED, weight="bold")
        if i < len(rooms) - 1:
            gap = 1.3 if i in (1, 5) else 0.5
            ax.annotate("", (left + 2.8 + gap, 3.55), (left + 2.75, 3.55), arrowprops={"arrowstyle": "->"})
        left += 3.3
    ax.plot([19.4, 19.4, 8.9, 8.9], [1.8, 1.1, 1.1, 1.75], color="#444444", lw=1)
    ax.annotate("", (8.9, 1.8), (8.9, 1.3), arrowprops={"arrowstyle": "->", "color": "#444444"})
    ax.text(14.15, 1.25, "the state goes on to the next batch", ha="center", va="bottom", fontsize=8, color="#444444")
    return fig


def draw_runs(
    gallery: Mapping[str, tuple[Sequence[Sequence[float]], Sequence[float]]],
    *names: str,
    levels: Mapping[str, float] | None = None,
) -> Figure:
    """The curves of some recipes and the marks of the judge, one per seed (chapter 17).

    Args:
        gallery: per name the curves, each with one perplexity per epoch, and the judge's perplexities.
        names: those to draw, in this order; what is right or mended is blue.
        levels: dashed lines with their names.
    """
    fig, ax = plt.subplots(figsize=(6, 2.8))
    top = 1000 if max(max(gallery[name][1]) for name in names) > 30 else 30
    for j, name in enumerate(names):
        color = BLUE if name == "right" or name.endswith("mended") else RED
        curves, judged = gallery[name]
        last = len(curves[0])
        for i, (curve, mark) in enumerate(zip(curves, judged, strict=True)):
            shown = [min(value, 5 * top) for value in (*curve, mark)]
            ax.semilogy(range(1, last + 1), shown[:-1], color=color, label=name if i == 0 else None)
            ax.semilogy(last + 1 + 0.2 * j, shown[-1], "o", color=color, ms=5)
    for (name, level), style in zip((levels or {}).items(), ("--", ":"), strict=False):
        ax.axhline(level, color="#555555", ls=style, lw=1, label=name)
    ticks = [tick for tick in (1, 2, 5, 10, 20, 100, 1000) if tick <= top]
    ax.set(xlabel="epoch", ylabel="perplexity")
    ax.set_yticks(ticks, [f"{tick:,}" for tick in ticks])
    ax.set_xticks([*range(2, last, 2), last, last + 1.1], [*map(str, range(2, last, 2)), str(last), "judge"])
    ax.minorticks_off()
    ax.legend(fontsize=9)
    return fig


def draw_flattened(num_rows: int = 3, num_steps: int = 4) -> Figure:
    """The labels of a small batch, and in which order two ways of flattening line them up (chapter 17)."""
    rows = [[f"{'abc'[i]}{j + 1}" for j in range(num_steps)] for i in range(num_rows)]
    outputs = [rows[i][j] for j in range(num_steps) for i in range(num_rows)]
    strips = {"outputs": outputs, "Y.reshape(-1)": [label for row in rows for label in row], "Y.T.reshape(-1)": outputs}
    colors = {"a": SKY, "b": ORANGE, "c": GREEN}
    count = num_rows * num_steps
    fig, ax = blank_axes(num_steps + count + 6.7, 5.2)
    ax.text(0.2, 4.5, "Y, a row for each sequence", fontsize=9)
    draw_cells(
        ax, rows, 0.2, 4.2, [[colors[label[0]] for label in row] for row in rows], [[0.5] * num_steps] * num_rows, 9
    )
    left = num_steps + 6.0
    for y, (name, strip) in zip((4.8, 3.2, 1.6), strips.items(), strict=True):
        ax.text(left - 0.3, y - 0.55, name, ha="right", va="center", fontsize=9, family="monospace")
        fits = [label == output for label, output in zip(strip, outputs, strict=True)]
        draw_cells(ax, [strip], left, y, [[colors[label[0]] for label in strip]], [[0.5] * count], 9)
        if name != "outputs":
            for i, fit in enumerate(fits):
                ax.text(
                    left + i + 0.5, y - 1.3, "✓" if fit else "✗", ha="center", va="center", color=BLUE if fit else RED
                )
    return fig


def draw_dots(columns: Mapping[str, Mapping[str, Sequence[float]]], ylabel: str = "perplexity") -> Figure:
    """Groups of single measurements, a dot each, side by side (chapter 17).

    Args:
        columns: per place on the x axis and per name the values; the last name is blue.
        ylabel: what the values are.
    """
    fig, ax = plt.subplots(figsize=(6, 2.8))
    names = list(next(iter(columns.values())))
    for i, column in enumerate(columns.values()):
        for j, (name, values) in enumerate(column.items()):
            color = BLUE if j == len(names) - 1 else RED
            middle = i + 0.24 * (j - (len(names) - 1) / 2)
            xs = [middle + 0.035 * (k - (len(values) - 1) / 2) for k in range(len(values))]
            ax.plot(xs, values, "o", ms=5, alpha=0.75, color=color, label=name if i == 0 else None)
    ax.set_xticks(range(len(columns)), list(columns))
    ax.set(ylabel=ylabel, xlim=(-0.5, len(columns) - 0.5))
    ax.legend(fontsize=9)
    return fig


def draw_sheet(sheets: Mapping[str, torch.Tensor]) -> Figure:
    """Batches as sheets of rows and steps, a cell the darker the more its output has moved (chapter 17).

    Args:
        sheets: per name (rows, steps), how far each output has moved; an arrow points where they move.
    """
    fig, axes = plt.subplots(1, len(sheets), figsize=(4.2 * len(sheets), 3.6), layout="constrained")
    for ax, (name, moved) in zip(axes, sheets.items(), strict=True):
        shade = (moved.clamp(min=1e-6).log10() + 6) / 6
        ax.imshow(
            shade,
            cmap="Blues",
            vmin=0,
            vmax=1.1,
            interpolation="none",
            extent=(0.5, moved.shape[1] + 0.5, len(moved) - 0.5, -0.5),
        )
        down = bool((moved[1:, 0] > 1e-5).any())
        tip, tail = ((4.5, 27), (4.5, 0)) if down else ((28, 4), (1, 4))
        ax.annotate("", tip, tail, arrowprops={"arrowstyle": "->", "color": RED if down else BLUE, "lw": 2})
        ax.text(*((6, 14) if down else (9, 7)), "reads on this way", color=RED if down else BLUE, va="center")
        ax.set(title=name, xlabel="character of the piece", ylabel="row of the batch")
        ax.grid(False)
    return fig


def draw_places(curves: Mapping[str, torch.Tensor]) -> Figure:
    """Perplexity by place in a piece; per name (seeds, places), drawn one line per seed (chapter 17)."""
    fig, ax = plt.subplots(figsize=(6, 2.9))
    looks = ((BLUE, "-"), (RED, "-"), (RED, ":"), (ORANGE, "-"))
    for (name, values), (color, style) in zip(curves.items(), looks, strict=False):
        for i, line in enumerate(values.tolist()):
            ax.plot(range(1, len(line) + 1), line, color=color, ls=style, label=name if i == 0 else None)
    ax.set(xlabel="place in the piece", ylabel="perplexity", ylim=0)
    ax.legend(fontsize=9, ncols=2)
    return fig


def draw_growth(watched: Mapping[str, tuple[Sequence[int], Sequence[float]]]) -> Figure:
    """Nodes of the graph and how long the update takes, batch by batch (chapter 17).

    Args:
        watched: per name the nodes and the milliseconds of each batch.
    """
    fig, axes = plt.subplots(1, 2, figsize=(9, 2.6), layout="constrained")
    for (name, series), color in zip(watched.items(), (RED, BLUE), strict=False):
        for ax, values in zip(axes, series, strict=True):
            ax.plot(range(1, len(values) + 1), values, ".-", color=color, label=name)
    for ax, ylabel in zip(axes, ("nodes of the graph", "milliseconds of the update"), strict=True):
        ax.set(xlabel="batch", ylabel=ylabel, ylim=0)
        ax.xaxis.set_major_locator(MaxNLocator(integer=True))
        ax.legend()
    return fig


def draw_bars(panels: Mapping[str, torch.Tensor], letters: Sequence[str]) -> Figure:
    """Distributions over an alphabet, one beside the other (chapter 17).

    Args:
        panels: per title the probabilities, (num_tokens,).
        letters: the tokens; the likeliest is written below.
    """
    fig, axes = plt.subplots(1, len(panels), figsize=(9, 2.4), layout="constrained", sharey=True)
    for ax, (title, values) in zip(axes, panels.items(), strict=True):
        best = int(values.argmax())
        ax.bar(range(len(values)), values.tolist(), color=[BLUE if i == best else RED for i in range(len(values))])
        ax.text(
            best + 0.7,
            float(values[best]),
            f"{float(values[best]):.2f}",
            va="center" if values[best] > 0.5 else "bottom",
        )
        ax.set_xticks([best], [letters[best]])
        ax.set(title=title, ylim=(0, 1.1), xlabel="each of the characters")
        ax.grid(False, axis="x")
    axes[0].set_ylabel("probability")
    return fig


def draw_rates(curves: Mapping[str, Mapping[float, float]], top: float = 60) -> Figure:
    """What a judge finds at several learning rates; what is above `top`, or no number, is crossed (chapter 17).

    Args:
        curves: per name the perplexity of each learning rate.
        top: the highest perplexity to be drawn.
    """
    fig, ax = plt.subplots(figsize=(6, 2.8))
    for (name, marks), color in zip(curves.items(), (BLUE, RED), strict=True):
        good = {rate: mark for rate, mark in marks.items() if mark < top}
        bad = [rate for rate in marks if rate not in good]
        ax.semilogx(list(good), list(good.values()), "o-", color=color, label=name)
        ax.semilogx(bad, [top] * len(bad), "x", color=color, ms=8, mew=2)
    ax.axvline(1, color="#555555", ls="--", lw=1)
    ax.text(0.8, 33, "the book's\nrate", ha="right", fontsize=9, color="#555555")
    ax.set(xlabel="learning rate", ylabel="judged perplexity", ylim=(0, top * 1.1))
    ax.legend(fontsize=9, loc="center left")
    return fig


def draw_last_states(words: Sequence[str]) -> Figure:
    """Words in the columns of a padded batch: the line that H[-1] reads, and the last letter of each (chapter 17)."""
    longest = max(map(len, words))
    fig, ax = blank_axes(len(words) + 10.6, longest + 1.3)
    for j, word in enumerate(words):
        letters = [[letter] for letter in word] + [["0"]] * (longest - len(word))
        colors = [[SKY]] * len(word) + [["#bbbbbb"]] * (longest - len(word))
        draw_cells(ax, letters, j + 3, longest + 0.4, colors, [[0.5]] * longest, 10)
        ax.add_patch(Circle((j + 3.5, longest + 0.9 - len(word)), 0.42, fc="none", ec=BLUE, lw=2))
    ax.add_patch(Rectangle((2.9, 0.35), len(words) + 0.2, 1.1, fc="none", ec=RED, lw=2))
    right = len(words) + 3.4
    ax.text(right, 0.9, "H[-1]: the last step of the longest", color=RED, va="center", fontsize=10)
    ax.text(right, 2.4, "ringed: each word's own last step", color=BLUE, va="center", fontsize=10)
    ax.text(right, 3.9, "0: padding", color="#555555", va="center", fontsize=10)
    ax.annotate("", (2.3, 0.5), (2.3, longest + 0.3), arrowprops={"arrowstyle": "->"})
    ax.text(1.9, longest / 2 + 0.4, "time", rotation=90, ha="center", va="center", fontsize=10)
    return fig


def draw_verdicts(table: Mapping[str, str], tests: Sequence[str]) -> Figure:
    """Which test catches which bug (chapter 17).

    Args:
        table: per bug one mark per test: "X" caught, "." passed, "-" not applicable.
        tests: their names.
    """
    fig, ax = plt.subplots(figsize=(8, 0.36 * len(table) + 0.8))
    for i, row in enumerate(table.values()):
        colors, labels = zip(*(MARKS[mark] for mark in row), strict=True)
        draw_cells(ax, [labels], 0, -i, [colors], [[0.55 if label else 0.25 for label in labels]], 8)
    ax.set(xlim=(0, len(tests)), ylim=(-len(table), 0))
    ax.set_yticks([-i - 0.5 for i in range(len(table))], list(table))
    names = [f"{j}. {name}".replace("_", " ") for j, name in enumerate(tests, 1)]
    ax.set_xticks([j + 0.5 for j in range(len(tests))], [wrap(name) for name in names], fontsize=8)
    ax.xaxis.tick_top()
    ax.tick_params(length=0)
    ax.grid(False)
    ax.spines[:].set_visible(False)
    return fig


def wrap(name: str) -> str:
    """A name over two lines, broken at the space nearest to its middle."""
    spaces = [i for i, letter in enumerate(name) if letter == " " and i > 2]
    middle = min(spaces, key=lambda i: abs(i - len(name) / 2))
    return f"{name[:middle]}\n{name[middle + 1 :]}"


def split_words(text: torch.Tensor, space: int) -> list[torch.Tensor]:
    """The words of a text of token numbers, those between two spaces (chapter 17).

    Args:
        text: (num_tokens,) int64.
        space: the number of the space.
    """
    spaces = (text == space).nonzero()[:, 0].tolist()
    return [text[start + 1 : end] for start, end in itertools.pairwise(spaces)]


@torch.no_grad()
def share_right(model: Any, words: Sequence[torch.Tensor], company: int, *beside: torch.Tensor) -> float:
    """The share of words whose last letter a model names, from 0 to 1 (chapter 17).

    Args:
        model: (words, state) → (one row of scores per word, state).
        words: each (num_letters,) int64.
        company: how many of them are read in one batch.
        beside: words that are put into each batch and not counted.
    """
    pieces = [words[i : i + company] for i in range(0, len(words), company)]
    answers = torch.cat([model([*piece, *beside], None)[0].argmax(1)[: len(piece)] for piece in pieces])
    return (answers == torch.stack([word[-1] for word in words])).float().mean().item()


@torch.no_grad()
def perplexity_by_place(model: Any, batches: Sequence[Batch], carry: Callable[[Any], Any]) -> torch.Tensor:
    """The perplexity of the first, second, … token of a piece, (num_steps,) (chapter 17).

    Args:
        model: as for `train`, in the mode in which it is to be asked.
        batches: all of one length.
        carry: from the state after a batch to the one before the next; None is the zero state.
    """
    losses: list[torch.Tensor] = []
    state = None
    for X, Y in batches:
        outputs, state = model(X, model.begin_state(len(X)) if state is None else state)
        state = carry(state)
        losses.append(F.cross_entropy(outputs, Y.T.reshape(-1), reduction="none").reshape(Y.T.shape).mean(1))
    return torch.stack(losses).mean(0).exp()


def watch_updates(recipe: Any, text: torch.Tensor) -> tuple[list[int], list[float]]:
    """Train for one epoch; the nodes behind the loss and the milliseconds of the update, batch by batch (chapter 17).

    Args:
        recipe: with `build`, `batches`, `loss_of`, `carry` and an `update` that makes its step without an optimizer:
            it is handed None.
        text: (num_tokens,) int64.
    """
    torch.manual_seed(0)
    model, state = recipe.build(), None
    nodes, milliseconds = [], []
    for X, Y in recipe.batches(text):
        outputs, state = model(X, model.begin_state(len(X)) if state is None else state)
        loss, state = recipe.loss_of(outputs, Y), recipe.carry(state)
        nodes.append(len(graph_nodes(loss)))
        start = time.perf_counter()
        recipe.update(loss, model, None)
        milliseconds.append(1000 * (time.perf_counter() - start))
    return nodes, milliseconds
