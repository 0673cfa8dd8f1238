"""The book's drawings: matrices with numbers in them, and text cut into minibatches."""

from collections.abc import Sequence
from typing import Any

import matplotlib.pyplot as plt
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle, FancyBboxPatch, Rectangle

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
    sizes, width = (1.3, 2.3), 1.9
    rows, total = sum(sizes), width * len(columns)
    fig, ax = blank_axes(rows + 2 * total + 3.2, rows + 0.8, scale=0.38)
    middle = rows / 2 + 0.4
    left = 0.4 + rows + 1.2
    result = left + total + 1.2

    def block(x: float, y: float, size: tuple[float, float], label: str, color: str) -> None:
        """A block with its upper left corner at (x, y)."""
        face, alpha = ("#bbbbbb", 0.2) if label == "0" else (color, 0.3)
        ax.add_patch(Rectangle((x, y - size[1]), *size, fc=face, alpha=alpha, ec="white", lw=1.5))
        ax.text(x + size[0] / 2, y - size[1] / 2, label, ha="center", va="center", fontsize=11)

    x, y = 0.4, rows + 0.4
    for name, size, color, labels in zip("XH", sizes, (BLUE, ORANGE), weights, strict=True):
        block(x, middle + 0.5, (size, 1.0), f"${name}$", color)
        for j, label in enumerate(labels):
            block(left + j * width, y, (width, size), label, color)
        x, y = x + size, y - size
    for j, gate in enumerate(columns):
        block(result + j * width, middle + 0.5, (width, 1.0), gate, GREEN)
    for place, sign in ((left, r"$\cdot$"), (result, "=")):
        ax.text(place - 0.6, middle, sign, ha="center", va="center", fontsize=20)
    return fig


def draw_unrolled(
    states: Sequence[str] = ("$H_0$", "$H_1$", "$H_2$", "$H_3$", "$H_4$"),
    inputs: Sequence[str] = ("$X_1$", "$X_2$", "$X_3$", "$X_4$"),
    across: Sequence[str] = ("$W_{hh}$",) * 4,
    up: Sequence[str] = ("$W_{xh}$",) * 4,
    backward: bool = False,
    loss: bool = False,
    goes_on: bool = False,
) -> Figure:
    """A recurrent network unrolled over time: states from left to right, inputs from below (chapters 01, 02, 06).

    Args:
        states: the labels of the states, one more than there are steps.
        inputs, across, up: one label per step, for its input, the arrow from the last state and that from the input.
        backward: turn the arrows between states round, for gradients.
        loss: draw the loss behind the last state; with `backward` the arrows to the inputs are turned round as well.
        goes_on: draw an arrow from the last state to steps that are not shown.
    """
    fig, ax = blank_axes(3.9 * len(inputs) + 3.5 + 2.9 * loss + 0.9 * goes_on, 5.4)

    def node(x: float, y: float, label: str, color: str) -> None:
        ax.add_patch(Circle((x, y), 0.8, fc=color, alpha=0.3, ec="none"))
        ax.text(x, y, label, ha="center", va="center", fontsize=11)

    def arrow(tail: tuple[float, float], head: tuple[float, float], turned: bool) -> None:
        ends = (tail, head) if turned else (head, tail)
        style = {"arrowstyle": "-|>", "color": RED if backward else "#555555", "lw": 1.2}
        ax.annotate("", *ends, arrowprops=style)

    node(1, 4.1, states[0], ORANGE)
    for t in range(len(inputs)):
        x = 1 + 3.9 * (t + 1)
        node(x, 4.1, states[t + 1], ORANGE)
        node(x, 1, inputs[t], BLUE)
        arrow((x - 3.05, 4.1), (x - 0.85, 4.1), backward)
        ax.text(x - 1.95, 4.55, across[t], ha="center", fontsize=10)
        arrow((x, 1.85), (x, 3.25), backward and loss)
        ax.text(x + 0.25, 2.55, up[t], va="center", fontsize=10)
    if loss:
        x = 1 + 3.9 * len(inputs) + 3.1
        node(x, 4.1, "loss", GREEN)
        arrow((x - 2.25, 4.1), (x - 0.85, 4.1), backward)
    if goes_on:
        x = 1 + 3.9 * len(inputs)
        arrow((x + 0.85, 4.1), (x + 2.25, 4.1), backward)
        ax.text(x + 2.5, 4.1, "…", fontsize=14, va="center")
    return fig


def draw_layers(num_layers: int = 2, num_steps: int = 4) -> Figure:
    """Layers of a recurrent network on top of each other, and what of them nn.RNN returns (chapter 02)."""
    fig, ax = blank_axes(3 * num_steps + 7.6, 2.6 * num_layers + 2.9)
    start, top, right = 2.0, 0.9 + 2.6 * num_layers, 3 * num_steps + 1.2

    def node(x: float, y: float, label: str, color: str, radius: float = 0.7) -> None:
        ax.add_patch(Circle((x, y), radius, fc=color, alpha=0.3, ec="none"))
        ax.text(x, y, label, ha="center", va="center", fontsize=9)

    arrow = {"arrowstyle": "-|>", "color": "#555555", "lw": 1.2, "shrinkA": 0, "shrinkB": 0}
    for t in range(1, num_steps + 1):
        x = 3 * t + 1.2
        node(x, 0.9, f"$X_{t}$", BLUE)
        for layer in range(num_layers):
            y = 3.5 + 2.6 * layer
            node(x, y, f"$H_{t}^{{({layer + 1})}}$", ORANGE)
            ax.annotate("", (x, y - 0.75), (x, y - 1.85), arrowprops=arrow)
            ax.annotate("", (x - 0.75, y), (x - 2.25 if t > 1 else start + 0.4, y), arrowprops=arrow)
    for layer in range(num_layers):
        node(start, 3.5 + 2.6 * layer, "0", "#999999", radius=0.35)
        ax.text(start - 0.6, 3.5 + 2.6 * layer, f"layer {layer + 1}", fontsize=9, ha="right", va="center")
    ax.add_patch(Rectangle((3.0, top - 0.95), right - 1.9, 1.9, fc="none", ec=GREEN, lw=2))
    ax.add_patch(Rectangle((right - 1.1, 2.4), 2.2, 2.6 * num_layers - 0.4, fc="none", ec=RED, lw=2))
    ax.text(3.0, top + 1.15, "output: the last layer at every step", color=GREEN, fontsize=10, va="bottom")
    ax.text(right + 1.35, 3.5, "h_n: every layer\nat the last step", color=RED, fontsize=10, va="center")
    return fig


def node_box(ax: Axes, x: float, y: float, label: str, color: str) -> FancyBboxPatch:
    """A coloured box with a label, as wide as the label."""
    half = 0.085 * len(label) + 0.06
    box = FancyBboxPatch((x - half, y - 0.13), 2 * half, 0.26, boxstyle="round,pad=0.06,rounding_size=0.1")
    ax.add_patch(box).set(fc=color, alpha=0.3, ec="none", zorder=2)
    ax.text(x, y - 0.01, label, ha="center", va="center", fontsize=9)
    return box


def node_arrow(ax: Axes, tail: FancyBboxPatch, head: FancyBboxPatch, color: str) -> None:
    """An arrow from the edge of one box to the edge of another."""
    start, end = ((p.get_x() + p.get_width() / 2, p.get_y() + p.get_height() / 2) for p in (tail, head))
    style: dict[str, Any] = {"arrowstyle": "-|>", "color": color, "lw": 1.0, "alpha": 0.8, "shrinkA": 0, "shrinkB": 1}
    ax.annotate("", end, start, arrowprops=style | {"patchA": tail, "patchB": head})


def draw_graph(tensor: torch.Tensor, names: dict[Any, str], result: str = "") -> Figure:
    """The autograd graph behind `tensor`, as torch has recorded it, leaves at the bottom (chapter 02).

    Args:
        tensor: the result whose graph is drawn.
        names: what to call the leaves, the tensors that receive a gradient.
        result: what to write behind the last node.
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
    if len(leaves) == 1:  # in the row of the operations
        left -= 1
        places[leaves[0]] = (left, 2.0)
    for i, leaf in enumerate(leaves if len(leaves) > 1 else []):
        places[leaf] = ((i + 0.5) * left / len(leaves), 0.0)
    low = min(y for _, y in places.values())
    high = max(y for _, y in places.values())
    fig, ax = blank_axes(-left * 1.5 + 1.5 + 0.09 * len(result), high - low + 1, scale=0.62)
    leaf_colors = dict(zip(leaves, [BLUE, GREEN, PINK] * len(leaves), strict=False))
    boxes, colors = {}, {}
    for node, (x, y) in places.items():
        label = names[node.variable] if node in leaves else node.name().replace("Backward0", "")
        colors[node] = leaf_colors.get(node, ORANGE if label == "Tanh" else "#999999")
        boxes[node] = node_box(ax, (x - left) * 1.5 + 1, y - low + 0.5, label, colors[node])
    for node, box in boxes.items():
        for user in users[node]:
            node_arrow(ax, box, boxes[user], colors[node])
    x, y = places[tensor.grad_fn]
    ax.text((x - left) * 1.5 + 1.45, y - low + 0.49, result, fontsize=9, va="center", color="#555555")
    return fig


def draw_calls(tensor: torch.Tensor, names: dict[Any, str]) -> Figure:
    """The autograd graph behind the state of chapter 02's StatefulRNN, each call in a band of its own.

    Args:
        tensor: the state after the last call.
        names: what to call the parameters. That of the recurrent product is drawn on top, the others at the bottom.
    """
    nodes = graph_nodes(tensor)
    chain = [tensor.grad_fn]  # the Tanh nodes, from the last call to the first
    bands: dict[Any, int] = {}
    for node in nodes:
        if node.name() == "TanhBackward0" and node is not chain[0]:
            chain.append(node)
    columns = {"Tanh": (3.6, 3.0), "Add": (2.55, 3.0), "Addmm": (1.4, 2.1), "Mm": (1.4, 3.9), "T": (0.4, 0.0)}
    places: dict[Any, tuple[float, float]] = {}
    leaves: dict[Any, float] = {}

    def place(node: Any, band: int, row: float) -> None:
        """Place a node and those of its call that it took from."""
        if hasattr(node, "variable"):
            leaves.setdefault(node, 0.3 if row < 3 else 5.3)
        elif node not in places and (node not in chain or chain.index(node) == band):
            name = node.name().replace("Backward0", "")
            x, y = columns[name]
            bands[node], places[node] = band, (x, row if name == "T" else y)
            for child, _ in node.next_functions:
                if child is not None:
                    place(child, band, places[node][1])

    for band, node in enumerate(chain):
        place(node, band, 3.0)
    width, count = 4.5, len(chain)
    fig, ax = blank_axes(width * count + 0.2, 5.6, scale=0.5)

    def middle(node: Any) -> float:
        return 0.1 + width * (count - 1 - bands[node])

    for call in range(count):
        corner = (0.1 + width * call + 0.06, 1.7)
        ax.add_patch(Rectangle(corner, width - 0.12, 2.75, fc="#999999", alpha=0.1 + 0.07 * (call % 2), ec="none"))
        ax.text(corner[0] + width - 0.3, 4.15, f"call {call + 1}", fontsize=9, ha="right", color="#555555")
    bottom = [leaf for leaf, y in leaves.items() if y < 1]
    order = sorted(bottom, key=lambda leaf: names[leaf.variable], reverse=True)  # weight, bias: as their users stand
    boxes: dict[Any, FancyBboxPatch] = {}
    colors: dict[Any, str] = {}
    for leaf, y in leaves.items():
        x = width * count / 2 + 1.8 * (order.index(leaf) - (len(order) - 1) / 2 if leaf in order else 0) - 0.3
        colors[leaf] = [BLUE, PINK][order.index(leaf) % 2] if leaf in order else GREEN
        boxes[leaf] = node_box(ax, x, y, names[leaf.variable], colors[leaf])
    for node, (x, y) in places.items():
        name = node.name().replace("Backward0", "")
        colors[node] = ORANGE if name == "Tanh" else "#777777"
        boxes[node] = node_box(ax, middle(node) + x, y, name, colors[node])
    for node in places:
        for child, _ in node.next_functions:
            if child is not None:
                node_arrow(ax, boxes[child], boxes[node], colors[child])
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

    Cells that are done are blue, the ready ones (all they need is done) orange, the others grey. The wavefront computes
    all ready cells at once, so it stops after its last whole round, and its number is that of the diagonal.
    """
    cells = [(layer, t) for layer in range(num_layers) for t in range(num_steps)]
    orders = {
        "layer by layer": sorted(cells),
        "step by step": sorted(cells, key=lambda cell: cell[::-1]),
        "wavefront": sorted(cells, key=lambda cell: (sum(cell), cell)),
    }
    fig, ax = blank_axes((num_steps + 1.5) * 3, num_layers + 1.7)
    for p, (name, order) in enumerate(orders.items()):
        x = 0.75 + p * (num_steps + 1.5)
        done = set(order[:cells_done])
        if name == "wavefront" and cells_done < len(cells):  # whole rounds only
            done = {cell for cell in cells if sum(cell) < sum(order[cells_done])}
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


def draw_partitions(text: str, partitions: dict[str, list[Batch]], batch: int) -> Figure:
    """A text cut into minibatches in several ways, one batch lit in each, one line per strip (chapter 03).

    A strip is as long as one row of all batches together. The lines stand under one another as the strips do; what an
    offset skips sticks out to the left of the first, what is left over at the end to the right of the last.

    Args:
        text: the characters.
        partitions: per name the batches (X, Y) of the corpus `torch.arange(len(text))`, so that X holds positions.
        batch: the batch to light up and to write out below.
    """
    batch_size, num_steps = next(iter(partitions.values()))[0][0].shape
    panel = 2 * batch_size + 2.6
    length = len(text) // (batch_size * num_steps) * num_steps
    fig, ax = blank_axes(length + 2 * num_steps + 1, panel * len(partitions) - 1.0, scale=0.29)
    for p, (name, batches) in enumerate(partitions.items()):
        top = panel * (len(partitions) - p) - 2.0
        colors, alphas = ["#bbbbbb"] * len(text), [0.25] * len(text)
        for k, (X, _) in enumerate(batches):
            for position in X.flatten().tolist():
                colors[position], alphas[position] = BATCH_COLORS[k % 6], 0.9 if k == batch else 0.25
        offset = int(min(X.min() for X, _ in batches)) % num_steps
        strip = len(batches) * num_steps
        left = 0.5 + num_steps
        ax.text(left, top + 0.35, f"{name}: batch {batch} (of 0 to {len(batches) - 1})", fontsize=10, weight="bold")
        for i in range(batch_size):
            first = 0 if i == 0 else offset + i * strip
            last = len(text) if i == batch_size - 1 else offset + (i + 1) * strip
            line, x = slice(first, last), left - offset if i == 0 else left
            shown = [list(text[line].replace(" ", "␣"))]
            draw_cells(ax, shown, x, top - i, [colors[line]], [alphas[line]], fontsize=8)
        X, Y = batches[batch]
        for i, (xs, ys) in enumerate(zip(X.tolist(), Y.tolist(), strict=True)):
            y = top - batch_size - 0.35 - i
            for part, positions, x in (("X", xs, left), ("Y", ys, left + num_steps + 3)):
                chars = "".join(text[q] for q in positions).replace(" ", "␣")
                ax.text(x - 0.3, y - 0.5, f"{part}[{i}]", fontsize=9, ha="right", va="center")
                alpha = 0.9 if part == "X" else 0.4
                color = BATCH_COLORS[batch % 6]
                draw_cells(ax, [list(chars)], x, y, [[color] * len(chars)], [[alpha] * len(chars)], fontsize=8)
    return fig
