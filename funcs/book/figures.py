"""The book's drawings: matrices with numbers in them, and text cut into minibatches."""

from collections.abc import Sequence
from typing import Any

import matplotlib.pyplot as plt
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle, Rectangle

from funcs.book.graph import graph_nodes
from funcs.book.look import BLUE, GREEN, ORANGE, PINK, RED, SKY
from funcs.loaders import Batch

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


def draw_blocks(columns: Sequence[str], weights: Sequence[Sequence[str]]) -> Figure:
    """[X H] times a weight matrix in blocks, one block of columns per gate (chapters 08, 09).

    Args:
        columns: the labels of the gates.
        weights: the labels of X's blocks and of H's, one per gate; "0" for a block of zeros.
    """
    sizes, width = (1.1, 2.3), 2.3
    fig, ax = blank_axes(sum(sizes) + width * len(columns) + 5.4, sum(sizes) + 3.2, scale=0.42)
    left, top = sum(sizes) + 2.6, sum(sizes) + 2.4
    x, y = 0.9, top
    for name, size, color, labels in zip("XH", sizes, (BLUE, ORANGE), weights, strict=True):
        ax.add_patch(Rectangle((x, 0.5), size, 1, fc=color, alpha=0.3, ec="white", lw=1.5))
        ax.text(x + size / 2, 0.97, f"${name}$", ha="center", va="center", fontsize=11)
        for j, label in enumerate(labels):
            face, alpha = ("#bbbbbb", 0.2) if label == "0" else (color, 0.3)
            corner = (left + j * width, y - size)
            ax.add_patch(Rectangle(corner, width, size, fc=face, alpha=alpha, ec="white", lw=1.5))
            ax.text(left + (j + 0.5) * width, y - size / 2, label, ha="center", va="center", fontsize=11)
        x, y = x + size, y - size
    for j, gate in enumerate(columns):
        ax.add_patch(Rectangle((left + j * width, 0.5), width, 1, fc=GREEN, alpha=0.3, ec="white", lw=1.5))
        ax.text(left + (j + 0.5) * width, 0.97, gate, ha="center", va="center", fontsize=11)
    return fig


def draw_unrolled(
    states: Sequence[str] = ("$H_0$", "$H_1$", "$H_2$", "$H_3$", "$H_4$"),
    inputs: Sequence[str] = ("$X_1$", "$X_2$", "$X_3$", "$X_4$"),
    across: Sequence[str] = ("$W_{hh}$",) * 4,
    up: Sequence[str] = ("$W_{xh}$",) * 4,
    backward: bool = False,
) -> Figure:
    """A recurrent network unrolled over time: states from left to right, inputs from below (chapters 01, 02, 06).

    Args:
        states: the labels of the states, one more than there are steps.
        inputs, across, up: one label per step, for its input, the arrow from the last state and that from the input.
        backward: turn the arrows between states round, for gradients.
    """
    fig, ax = blank_axes(3.9 * len(inputs) + 3.5, 5.4)

    def node(x: float, y: float, label: str, color: str) -> None:
        ax.add_patch(Circle((x, y), 0.8, fc=color, alpha=0.3, ec="none"))
        ax.text(x, y, label, ha="center", va="center", fontsize=11)

    arrow = {"arrowstyle": "-|>", "color": RED if backward else "#555555", "lw": 1.2}
    node(1, 4.1, states[0], ORANGE)
    for t in range(len(inputs)):
        x = 1 + 3.9 * (t + 1)
        node(x, 4.1, states[t + 1], ORANGE)
        node(x, 1, inputs[t], BLUE)
        head, tail = (x - 3.05, x - 0.85) if backward else (x - 0.85, x - 3.05)
        ax.annotate("", (head, 4.1), (tail, 4.1), arrowprops=arrow)
        ax.text(x - 1.95, 4.55, across[t], ha="center", fontsize=10)
        ax.annotate("", (x, 3.25), (x, 1.85), arrowprops=arrow)
        ax.text(x + 0.25, 2.55, up[t], va="center", fontsize=10)
    return fig


def draw_graph(tensor: torch.Tensor, names: dict[Any, str]) -> Figure:
    """The autograd graph behind `tensor`, as torch has recorded it, leaves at the bottom (chapter 02).

    Args:
        tensor: the result whose graph is drawn.
        names: what to call the leaves, the tensors that receive a gradient.
    """
    nodes = graph_nodes(tensor)
    users: dict[Any, list[Any]] = {node: [] for node in nodes}
    for node in nodes:
        for child, _ in node.next_functions:
            if child is not None:
                users[child].append(node)
    leaves = [node for node in nodes if hasattr(node, "variable")]
    places: dict[Any, tuple[float, float]] = {}
    distance = distances_to_root(nodes, users)
    for node in sorted(nodes, key=distance.__getitem__):  # as late as its first user allows
        if node not in leaves:
            x = min((places[user][0] for user in users[node]), default=0.0) - 1
            y = 2.0
            while (x, y) in places.values():
                y += 1
            places[node] = (x, y)
    left = min(x for x, _ in places.values())
    for i, leaf in enumerate(leaves):
        places[leaf] = ((i + 0.5) * left / len(leaves), 0.0)
    fig, ax = blank_axes(-left * 1.5 + 1.5, max(y for _, y in places.values()) + 1.5, scale=0.62)
    for node, (x, y) in places.items():
        label = names[node.variable] if node in leaves else node.name().replace("Backward0", "")
        leaf_colors = dict(zip(leaves, [BLUE, GREEN, PINK] * len(leaves), strict=False))
        color = leaf_colors.get(node, ORANGE if label == "Tanh" else "#999999")
        position = ((x - left) * 1.5 + 1, y + 0.5)
        box = {"boxstyle": "round", "fc": color, "alpha": 0.3, "ec": "none"}
        ax.text(*position, label, ha="center", va="center", fontsize=9, bbox=box)
        for user in users[node]:
            end = ((places[user][0] - left) * 1.5 + 1, places[user][1] + 0.5)
            style = {"arrowstyle": "-|>", "color": color, "lw": 1.0, "alpha": 0.8, "shrinkA": 9, "shrinkB": 9}
            ax.annotate("", end, position, arrowprops=style)
    return fig


def distances_to_root(nodes: Sequence[Any], users: dict[Any, list[Any]]) -> dict[Any, int]:
    """The longest way from each node of a graph to its result, found from the result on: users before what they use."""
    distance, waiting = dict.fromkeys(nodes, 0), {node: len(users[node]) for node in nodes}
    ready = [node for node in nodes if not waiting[node]]
    while ready:
        node = ready.pop()
        for child, _ in node.next_functions:
            if child is not None:
                distance[child] = max(distance[child], distance[node] + 1)
                waiting[child] -= 1
                if not waiting[child]:
                    ready.append(child)
    return distance


def draw_orders(num_layers: int, num_steps: int, cells_done: int) -> Figure:
    """Three orders in which to compute a stacked network, each stopped after some cells (chapter 07).

    Cells that are done are dark, the ready ones (all they need is done) light, the others grey. The wavefront computes
    all ready cells at once: its number is that of the diagonal.
    """
    cells = [(layer, t) for layer in range(num_layers) for t in range(num_steps)]
    orders = {
        "layer by layer": sorted(cells),
        "step by step": sorted(cells, key=lambda cell: cell[::-1]),
        "wavefront": sorted(cells, key=lambda cell: (sum(cell), cell)),
    }
    fig, ax = blank_axes((num_steps + 1.5) * 3, num_layers + 2.8)
    for p, (name, order) in enumerate(orders.items()):
        x = 0.75 + p * (num_steps + 1.5)
        done = set(order[:cells_done])
        for number, (layer, t) in enumerate(order):
            needs = {(layer - 1, t), (layer, t - 1)} & set(cells)
            label = str(sum((layer, t)) if name == "wavefront" else number)
            color, alpha = (BLUE, 0.75) if (layer, t) in done else (ORANGE, 0.6) if needs <= done else ("#bbbbbb", 0.3)
            draw_cells(ax, [[label]], x + t, 1.5 + layer, [[color]], [[alpha]], fontsize=8)
        ax.text(x + num_steps / 2, num_layers + 0.9, name, ha="center", fontsize=10, weight="bold")
        ax.text(x + num_steps / 2, 0.05, "time →", ha="center", fontsize=9)
        if p == 0:
            ax.text(x - 0.25, 0.5 + num_layers / 2, "layer →", rotation=90, ha="center", va="center", fontsize=9)
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
