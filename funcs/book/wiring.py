"""The cells as pictures: their wiring, the same backward, and alive with the numbers of a text that they read."""

from copy import copy
from dataclasses import replace
from typing import Any

import matplotlib.pyplot as plt
import torch
from matplotlib.axes import Axes
from matplotlib.colors import Colormap, LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Circle, FancyBboxPatch, Rectangle

from funcs.book.diagrams import DIAGRAMS, Diagram, Node, Point, Wire, turned
from funcs.book.figures import blank_axes
from funcs.book.look import BLUE, GREEN, ORANGE, PINK, RED, shown
from funcs.book.reading import Reading, Values

INK, GREY, WIDTH = "#222222", "#777777", 15.0
COLORS = {"state": ORANGE, "input": BLUE, "gate": GREEN, "candidate": PINK, "tanh": PINK, "product": "#999999"}
DISC, BOX, POINT = (0.62, 0.62), (0.96, 0.7), (0.0, 0.0)
HALVES = {  # half of a node's width and height
    "state": DISC, "input": DISC, "gate": BOX, "candidate": BOX, "product": BOX, "tanh": (1.14, 0.7),
    "op": (0.29, 0.29), "plus": (0.2, 0.2), "text": (0.4, 0.3), "dot": POINT, "tap": POINT, "join": POINT,
}  # fmt: skip
OPENING = LinearSegmentedColormap.from_list("opening", ["#ffffff", "#8fd3bd", GREEN, "#004a36"])
SIGNED = plt.get_cmap("RdBu_r")
GATES = {"rnn": "", "gru": "RZ", "gru_before": "RZ", "lstm": "IFO"}
LARGE = {"rnn": ["XW", "HW", "Z"], "gru": ["M", "RM"], "gru_before": [], "lstm": ["C_last", "FC", "C"]}  # under no tanh
STRIP = 0.75  # half of the width of a strip of cells


def corners(wire: Wire, nodes: dict[str, Node]) -> list[Point]:
    """The corners of a wire, its ends moved from the middle of their nodes to the edge."""
    points = [(nodes[part].x, nodes[part].y) if isinstance(part, str) else part for part in wire.path]
    moved = list(points)
    for end, neighbour in ((0, 1), (-1, -2)):
        part = wire.path[end]
        if isinstance(part, str):
            (x, y), (to_x, to_y), (w, h) = points[end], points[neighbour], HALVES[nodes[part].kind]
            moved[end] = (x + w * ((to_x > x) - (to_x < x)), y + h * ((to_y > y) - (to_y < y)))
    return moved


def draw_wire(ax: Axes, wire: Wire, nodes: dict[str, Node], backward: bool, width: float) -> None:
    """A wire with an arrow at its end, unless it ends where another one goes on."""
    points, end = corners(wire, nodes), wire.path[0 if backward else -1]
    if backward:
        points = points[::-1]
    kind = nodes[end].kind if isinstance(end, str) else ""
    merges = kind == "join" and not backward
    color = RED if backward else "#a36b00" if wire.state else "#555555"
    head = "-|>,head_width=0.2,head_length=0.4" if merges or kind not in ("dot", "tap", "join") else "-"
    arrow = {"arrowstyle": head, "color": color, "lw": width, "shrinkA": 0, "shrinkB": 3 * merges, "capstyle": "butt"}
    ax.plot(*zip(*points[:-1], strict=True), color=color, lw=width, zorder=2, solid_joinstyle="round")
    ax.annotate("", points[-1], points[-2], arrowprops=arrow, zorder=2)


def draw_node(ax: Axes, node: Node, backward: bool, alive: bool) -> None:
    """A node with its name; a box with its function, or on the way back with what it multiplies a gradient by."""
    (w, h), color, x, y = HALVES[node.kind], COLORS.get(node.kind), node.x, node.y
    name = node.back or node.name if backward else node.name
    box = FancyBboxPatch((x - w, y - h), 2 * w, 2 * h, boxstyle="round,pad=0,rounding_size=0.22")
    for face, alpha in (("white", 1.0), (color, 0.35)) if color else ():
        patch = Circle((x, y), w) if node.kind in ("state", "input") else copy(box)
        ax.add_patch(patch).set(fc=face, alpha=alpha, ec="none", zorder=3)
    if node.kind in ("op", "plus"):
        ax.add_patch(Circle((x, y), w, fc="white", ec=RED if backward else INK, lw=1.2, zorder=3))
    if node.name == "." or node.kind in ("dot", "tap", "join"):
        ax.add_patch(Circle((x, y), 0.075, fc=RED if backward else INK, ec="none", zorder=4))
        return
    style: dict[str, Any] = {"ha": "center", "va": "center", "color": INK, "zorder": 4}
    if node.kind == "state" and "\n" in name:
        ax.text(x, y, name, fontsize=9, linespacing=1.2, **style)
        return
    if alive and node.kind in ("gate", "candidate", "product", "tanh") and node.key:
        y, name = y + 0.3, f"{name}  {node.rule}".strip()
    elif node.rule and not backward:
        ax.text(x, y - 0.32, node.rule, fontsize=10, **style)
        y += 0.24
    small = len(name) > 1 if node.kind == "op" else backward and node.kind in ("gate", "candidate", "tanh")
    if alive and node.kind == "input":
        style |= {"family": "monospace"}
    ax.text(x, y, name, fontsize=10 if small else 12, linespacing=1.3, **style)


Scale = tuple[Colormap, float, float]


def scale_of(reading: Reading, key: str) -> Scale:
    """Colours and limits: gates from 0 to 1, states from -1 to 1, and what is under no tanh as far as it goes."""
    if key in GATES[reading.kind]:
        return OPENING, 0.0, 1.0
    large = LARGE[reading.kind]
    limit = max(float(reading.values[name].abs().max()) for name in large) if key in large else 1.0
    return SIGNED, -limit, limit


def draw_strip(ax: Axes, row: torch.Tensor, x: float, y: float, scale: Scale, half: float = STRIP) -> None:
    """Numbers as a row of coloured cells, centred at (x, y)."""
    cmap, low, high = scale
    edges = torch.linspace(x - half, x + half, len(row) + 1).tolist()
    seam: dict[str, Any] = {"edgecolor": "white", "linewidth": 0.5} if half == STRIP else {"edgecolor": "face"}
    ax.pcolormesh(edges, [y - 0.16, y + 0.16], row[None].tolist(), cmap=cmap, vmin=low, vmax=high, zorder=5, **seam)
    ax.add_patch(Rectangle((x - half, y - 0.16), 2 * half, 0.32, fc="none", ec="#666666", lw=0.6, zorder=6))


def draw_legend(ax: Axes, reading: Reading, left: float) -> None:
    """The scales of the strips, below the cell."""
    memory = "memory" if reading.kind == "lstm" else "sum"
    for name, keys in (("gate", GATES[reading.kind]), ("state", ["H"]), (memory, LARGE[reading.kind])):
        if keys:
            scale = scale_of(reading, keys[0])
            low, high = scale[1:]
            style: dict[str, Any] = {"fontsize": 9.5, "color": GREY, "va": "center"}
            ax.text(left, 0.75, f"{name}  {low:.2g}".replace("-", "−"), ha="right", **style)
            draw_strip(ax, torch.linspace(low, high, 11), left + 0.75, 0.75, scale, half=0.6)
            ax.text(left + 1.5, 0.75, f"{high:.2g}", **style)
            left += 3.9


def draw_text(ax: Axes, reading: Reading, step: int, y: float) -> None:
    """The text with the token that is being read, and what the model expects to come next."""
    widths = [0.15 + 0.26 * len(token) for token in reading.text]
    first = 0
    while sum(widths[first : step + 4]) > 10.4:
        first += 1
    x = 0.2
    for i, (token, width) in enumerate(zip(reading.text, widths, strict=True)):
        if i < first or x + width > 10.8:
            continue
        if i == step:
            ax.add_patch(Rectangle((x, y + 0.45), width, 0.7, fc=BLUE, ec="none"))
        color = "white" if i == step else INK if i < step else "#aaaaaa"
        ax.text(
            x + width / 2, y + 0.8, shown(token), ha="center", va="center", fontsize=12, family="monospace", color=color
        )
        x += width
    if not len(reading.probabilities):
        return
    ax.text(11.0, y + 2.1, "expected next", fontsize=10, color=GREY, va="center")
    true = reading.text[step + 1] if step + 1 < len(reading.text) else None
    for i, (p, number) in enumerate(zip(*reading.probabilities[step].topk(4), strict=True)):
        token, bottom = reading.tokens[int(number)], y + 1.55 - 0.46 * i
        ax.text(11.3, bottom + 0.17, shown(token), ha="center", va="center", fontsize=11, family="monospace", color=INK)
        color = GREEN if token == true else "#bbbbbb"
        ax.add_patch(Rectangle((11.7, bottom), 2.6 * float(p), 0.34, fc=color, ec="none"))
        ax.text(11.8 + 2.6 * float(p), bottom + 0.17, f"{float(p):.0%}", va="center", fontsize=9, color=GREY)


def liveliest(values: Values, num_units: int) -> Values:
    """The values of the units whose memory, or state, varies most over the steps, in the order of the units."""
    memory = values.get("C", values["H"])
    units = memory.std(0, correction=0).topk(min(num_units, memory.shape[1])).indices.sort().values
    return {key: value[:, units] for key, value in values.items()}


def draw_numbers(ax: Axes, diagram: Diagram, reading: Reading, step: int) -> None:
    """The numbers of one step: in the boxes, above or below the discs, and on the wires."""
    for node in diagram.nodes.values():
        if node.key:
            outside = 0.9 if node.y > diagram.height / 2 else -0.9
            y = node.y + (outside if node.kind == "state" else -0.28)
            draw_strip(ax, reading.values[node.key][step], node.x, y, scale_of(reading, node.key))
    for wire in diagram.wires:
        if wire.key:
            x, y = corners(wire, diagram.nodes)[-1]
            place = (wire.at[0], y) if wire.align == "center" else (x, wire.at[1])
            draw_strip(ax, reading.values[wire.key][step], *place, scale_of(reading, wire.key))


def check_reading(kind: str, values: Reading | Values, step: int) -> Reading:
    """The reading to be shown; raises ValueError or IndexError unless it is one of this kind, with this step."""
    reading = Reading(kind, values) if isinstance(values, dict) else values
    diagram = DIAGRAMS[kind]
    keys = {node.key for node in diagram.nodes.values()} | {wire.key for wire in diagram.wires} | {"H"}
    if reading.kind != kind or not keys <= {"", *reading.values}:
        known = reading.kind if isinstance(values, Reading) else list(values)
        raise ValueError(f"values must be those of a cell of kind {kind!r}, got those of {known!r}")
    if not 0 <= step < len(reading.values["H"]):
        raise IndexError(f"step must be from 0 to {len(reading.values['H']) - 1}, got {step}")
    return reading


def draw_cell(
    kind: str,
    values: Reading | Values | None = None,
    step: int = 0,
    *,
    backward: bool = False,
    num_units: int = 10,
) -> Figure:
    """The wiring of one cell, with the state's way through time as its road (chapters 02, 06, 08, 09).

    Args:
        kind: "rnn"; "gru", which resets after the product, as nn.GRU; "gru_before", which resets before it; "lstm".
        values: from `read_with` or `cell_values`; then the wires show the numbers of one step, as strips of cells, one
            per unit and the same units everywhere, and a gate's wire is as thick as the gate is open.
        step: index of that step, 0 for the first.
        backward: turn the arrows round, for gradients: each carries its factor. Gradients are added at a +, where the
            way forward splits; at a dot, where it adds, the same gradient goes both ways.
        num_units: how many units to show, those whose memory varies most.

    Raises:
        ValueError: another `kind`, values of another kind of cell, or both values and `backward`.
        IndexError: no such step.
    """
    if kind not in DIAGRAMS:
        raise ValueError(f"kind must be {', '.join(map(repr, DIAGRAMS))}, got {kind!r}")
    if values is not None and backward:
        raise ValueError("values are those of the way forward: draw them without backward=True")
    diagram, reading = DIAGRAMS[kind], None
    if values is not None:
        reading = check_reading(kind, values, step)
        total = reading.values["H"].shape[1]
        reading = replace(reading, values=liveliest(reading.values, num_units))
    head = 2.4 if reading and reading.text else 0.0
    fig, ax = blank_axes(WIDTH, diagram.height + head, scale=0.5)
    size = diagram.edge - 1.7, diagram.height - 1.6
    ground = FancyBboxPatch((1.7, 1.5), *size, boxstyle="round,pad=0,rounding_size=0.4")
    ax.add_patch(ground).set(fc="#f5f5f5", ec="none", zorder=0)
    road = ax.add_patch(Rectangle((0, diagram.road - 0.2), WIDTH, 0.4))
    road.set(fc="#f9ddd0" if backward else "#f9e6bf", ec="none", zorder=1)
    name = diagram.name + (", backward" if backward else "")
    ax.text(diagram.edge - 0.2, 1.8, name, ha="right", va="center", fontsize=10, color=GREY)
    if backward and kind == "rnn":  # what this step gives to the sums (6.4)
        for x, y, term in (
            (3.2, 2.45, r"to $dW_{hh}$: $H_{t-1}^\top dZ_t$"),
            (9.2, 2.45, r"to $dW_{xh}$: $X_t^\top dZ_t$"),
        ):
            ax.text(x, y, term, ha="center", va="center", fontsize=11.5, color=GREY)
    nodes = {name: turned(node) for name, node in diagram.nodes.items()} if backward else diagram.nodes
    for wire in diagram.wires:
        width = 2.2 if wire.state else 1.3
        if reading and wire.flow:
            width = 0.5 + 4 * float(reading.values[wire.flow][step].mean())
        draw_wire(ax, wire, nodes, backward, width)
        text, (x, y) = wire.factor if backward else wire.label, wire.at
        if backward and wire.carries:
            text, y = wire.carries, y - 0.2
        if reading and wire.key:
            x += {"left": STRIP - 0.1, "right": 0.1 - STRIP, "center": 0.0}[wire.align]
        ax.text(x, y, text, ha=wire.align, va="center", fontsize=11.5, color=RED if backward else INK)
    for node in nodes.values():
        if reading and reading.text and node.kind == "input":
            node = node._replace(name=shown(reading.text[step]))
        draw_node(ax, node, backward, reading is not None)
    if reading:
        draw_numbers(ax, diagram, reading, step)
        draw_legend(ax, reading, 8.9 if kind == "rnn" else 5.1)
        if reading.text:
            draw_text(ax, reading, step, diagram.height)
            shown_units = reading.values["H"].shape[1]
            note = f"step {step + 1} of {len(reading.text)}; each strip: {shown_units} of {total} units, the liveliest"
            ax.text(0.2, diagram.height + 1.7, note, fontsize=10, color=GREY, va="center")
    return fig


def draw_gates(reading: Reading, gate: str, by: str = " ", num_units: int = 40) -> Figure:
    """One gate over the text that was read, units by tokens, sorted (chapters 08, 09).

    Whatever is sorted shows some pattern. A claim about it should hold on a text that the sorting hasn't seen.

    Args:
        reading: from `read_with`.
        gate: whose values, such as "Z" or "F"; states such as "H" and "C" are drawn from blue to red.
        by: a token: units are sorted by how much larger the value is there, on average, than elsewhere; or "mean": by
            the mean over the text.
        num_units: how many to show, half of them from either end.

    Raises:
        ValueError: no such values, or a token that the text doesn't hold, or nothing else.
    """
    if gate not in reading.values:
        raise ValueError(f"gate must be one of {list(reading.values)}, got {gate!r}")
    values, here = reading.values[gate], torch.tensor([token == by for token in reading.text], dtype=torch.bool)
    if by != "mean" and (not here.any() or here.all()):
        raise ValueError(f"by must be 'mean' or one token of the text among others, got {by!r}")
    score = values.mean(0) if by == "mean" else values[here].mean(0) - values[~here].mean(0)
    order = score.argsort(descending=True)
    half = min(num_units, len(order)) // 2
    order = torch.cat((order[:half], order[len(order) - half :]))
    cmap, low, high = scale_of(reading, gate)
    width = min(9.0, max(4.0, 1.7 + 0.19 * len(reading.text)))
    fig, ax = plt.subplots(figsize=(width, 3.8), layout="constrained")
    picture = ax.imshow(
        values[:, order].T.numpy(), cmap=cmap, vmin=low, vmax=high, aspect="auto", interpolation="nearest"
    )
    ax.axhline(half - 0.5, color="white", lw=3)
    ax.axhline(half - 0.5, color=INK, lw=0.8)
    ax.set_xticks(range(len(reading.text)), [shown(token) for token in reading.text], family="monospace", fontsize=10)
    for label, token in zip(ax.get_xticklabels(), reading.text, strict=True):
        if token == by:
            label.set(color=RED, fontweight="bold")
    ax.set_yticks([(half - 1) / 2, (3 * half - 1) / 2], [f"{half} highest", f"{half} lowest"], rotation=90, va="center")
    ax.tick_params(length=0)
    ax.grid(False)
    rule = "mean over the text" if by == "mean" else f"mean at {shown(by)} minus mean elsewhere"
    name = f"${gate}_t$" if len(gate) == 1 else gate
    ax.set_title(f"{name}: {2 * half} of {values.shape[1]} units, sorted by {rule}", fontsize=10)
    fig.colorbar(picture, ax=ax, pad=0.01, label="closed … open" if cmap is OPENING else None)
    return fig
