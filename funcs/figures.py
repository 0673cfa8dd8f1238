"""The book's drawings: matrices with numbers in them, and text cut into minibatches."""

from collections.abc import Sequence

import matplotlib.pyplot as plt
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle, Rectangle

from funcs.loaders import Batch
from funcs.plotting import BLUE, GREEN, ORANGE, PINK, RED, SKY

BATCH_COLORS = [BLUE, ORANGE, GREEN, PINK, RED, SKY]


def draw_cells(
    ax: Axes,
    labels: Sequence[Sequence[str]],
    x: float,
    y: float,
    colors: Sequence[Sequence[str]],
    alphas: Sequence[Sequence[float]],
    fontsize: float = 10,
) -> None:
    """Draw a grid of unit squares with a label each, its upper left corner at (x, y), rows downwards."""
    for i, row in enumerate(labels):
        for j, label in enumerate(row):
            left, bottom = x + j, y - i - 1
            ax.add_patch(Rectangle((left, bottom), 1, 1, fc=colors[i][j], alpha=alphas[i][j], ec="none"))
            ax.add_patch(Rectangle((left, bottom), 1, 1, fc="none", ec="white", lw=1.5))
            ax.text(left + 0.5, bottom + 0.47, label, ha="center", va="center", fontsize=fontsize, color="#111111")


def blank_axes(width: float, height: float, scale: float = 0.36) -> tuple[Figure, Axes]:
    """A figure without axes in which one unit is `scale` inches wide and high."""
    fig, ax = plt.subplots(figsize=(width * scale, height * scale))
    ax.set(xlim=(0, width), ylim=(0, height), aspect="equal")
    ax.axis("off")
    fig.subplots_adjust(0, 0, 1, 1)
    return fig, ax


def draw_concatenated_product(
    X: torch.Tensor, H: torch.Tensor, W_xh: torch.Tensor, W_hh: torch.Tensor, row: int = 0, column: int = 0
) -> Figure:
    """The product [X H] [W_xh; W_hh] as blocks, with one row, one column and their entry lit (chapter 01).

    Args:
        X, H, W_xh, W_hh: (n, d), (n, h), (d, h) and (h, h); whole numbers are easiest to read.
        row, column: the entry of the result to follow.
    """
    (n, d), h = X.shape, H.shape[1]
    left, top = torch.cat((X, H), 1), torch.cat((W_xh, W_hh), 0)
    result = left @ top
    fig, ax = blank_axes(d + 2 * h + 9.5, n + d + h + 3.1)
    x0, y0 = 2.5, n + 1.9  # corner of [X H]; W stands above and to the right of it
    x1 = x0 + d + h + 1.2

    def texts(M: torch.Tensor) -> list[list[str]]:
        return [[f"{value:g}" for value in line] for line in M.tolist()]

    blocks = [BLUE] * d + [ORANGE] * h
    lit, dim = 0.75, 0.22
    draw_cells(ax, texts(left), x0, y0, [blocks] * n, [[lit if i == row else dim] * (d + h) for i in range(n)])
    W_colors = [[color] * h for color in blocks]
    W_alphas = [[lit if j == column else dim for j in range(h)]] * (d + h)
    draw_cells(ax, texts(top), x1, y0 + d + h + 1.0, W_colors, W_alphas)
    green = [[lit if (i, j) == (row, column) else dim for j in range(h)] for i in range(n)]
    draw_cells(ax, texts(result), x1, y0, [[GREEN] * h] * n, green)

    ax.text(x0 + d / 2, y0 + 0.3, "X", ha="center", color=BLUE, fontsize=12, weight="bold")
    ax.text(x0 + d + h / 2, y0 + 0.3, "H", ha="center", color="#a66f00", fontsize=12, weight="bold")
    ax.text(x1 + h + 0.4, y0 + 1.0 + h + d / 2, "W_xh", va="center", color=BLUE, fontsize=12, weight="bold")
    ax.text(x1 + h + 0.4, y0 + 1.0 + h / 2, "W_hh", va="center", color="#a66f00", fontsize=12, weight="bold")
    ax.text(x1 + h + 0.4, y0 - n / 2, "X W_xh + H W_hh", va="center", color=GREEN, fontsize=12, weight="bold")

    from_x = float(X[row] @ W_xh[:, column])
    from_h = float(H[row] @ W_hh[:, column])
    y = 0.6
    ax.text(x0, y, f"row {row}, column {column}:", fontsize=11, va="center")
    ax.text(x0 + 5.0, y, f"{from_x:g} from X", fontsize=11, va="center", color=BLUE)
    ax.text(x0 + 8.6, y, f"+ {from_h:g} from H", fontsize=11, va="center", color="#a66f00")
    ax.text(x0 + 12.4, y, f"= {from_x + from_h:g}", fontsize=11, va="center", color=GREEN)
    return fig


def draw_unrolled(num_steps: int = 4) -> Figure:
    """A recurrent network unrolled over time: states from left to right, inputs from below (chapter 01)."""
    fig, ax = blank_axes(3.4 * num_steps + 3, 5.2)

    def node(x: float, y: float, label: str, color: str) -> None:
        ax.add_patch(Circle((x, y), 0.75, fc=color, alpha=0.3, ec="none"))
        ax.text(x, y, label, ha="center", va="center", fontsize=12)

    def arrow(start: tuple[float, float], end: tuple[float, float], label: str, dx: float, dy: float) -> None:
        ax.annotate("", end, start, arrowprops={"arrowstyle": "-|>", "color": "#555555", "lw": 1.2})
        x, y = (start[0] + end[0]) / 2 + dx, (start[1] + end[1]) / 2 + dy
        ax.text(x, y, label, ha="center", va="center", fontsize=11)

    node(1, 4, "$H_0$", ORANGE)
    for t in range(1, num_steps + 1):
        x = 1 + 3.4 * t
        node(x, 4, f"$H_{t}$", ORANGE)
        node(x, 1, f"$X_{t}$", BLUE)
        arrow((x - 2.6, 4), (x - 0.8, 4), "$W_{hh}$", 0, 0.5)
        arrow((x, 1.8), (x, 3.2), "$W_{xh}$", 0.8, 0)
    return fig


def draw_partitions(text: str, partitions: dict[str, list[Batch]], batch: int, width: int = 32) -> Figure:
    """A text cut into minibatches in several ways, one batch lit in each (chapter 03).

    Args:
        text: the characters; they are wrapped after `width` of them.
        partitions: per name the batches (X, Y) of the corpus `torch.arange(len(text))`, so that X holds positions.
        batch: the batch to light up and to write out below.
    """
    num_lines = -(-len(text) // width)
    panel = num_lines + 4.4
    fig, ax = blank_axes(width + 1, panel * len(partitions), scale=0.27)
    for p, (name, batches) in enumerate(partitions.items()):
        top = panel * (len(partitions) - p) - 1.0
        colors, alphas = ["#bbbbbb"] * len(text), [0.25] * len(text)
        for k, (X, _) in enumerate(batches):
            for position in X.flatten().tolist():
                colors[position], alphas[position] = BATCH_COLORS[k % 6], 0.85 if k == batch else 0.25
        ax.text(0.5, top + 0.35, f"{name}: batch {batch} of 0 … {len(batches) - 1}", fontsize=10, weight="bold")
        for i in range(num_lines):
            line = slice(i * width, (i + 1) * width)
            shown = [list(text[line].replace(" ", "␣"))]
            draw_cells(ax, shown, 0.5, top - i, [colors[line]], [alphas[line]], fontsize=8)
        X, Y = batches[batch]
        for i, (xs, ys) in enumerate(zip(X.tolist(), Y.tolist(), strict=True)):
            y = top - num_lines - 0.35 - i
            for part, positions, x in (("X", xs, 3.5), ("Y", ys, 5.5 + len(xs) + 4)):
                chars = "".join(text[q] for q in positions).replace(" ", "␣")
                ax.text(x - 0.3, y - 0.5, f"{part}[{i}]", fontsize=9, ha="right", va="center")
                alpha = 0.85 if part == "X" else 0.4
                color = BATCH_COLORS[batch % 6]
                draw_cells(ax, [list(chars)], x, y, [[color] * len(chars)], [[alpha] * len(chars)], fontsize=8)
    return fig
