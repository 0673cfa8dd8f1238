"""What the diagrams of the cells consist of: nodes with their places, and wires between them. `wiring` draws them."""

from typing import NamedTuple

Point = tuple[float, float]


class Node(NamedTuple):
    """A state, an input, a box (gate, candidate, product, tanh), an op (a product or sum), a dot or a text.

    The dots: where a wire splits ("dot"; a state's, "tap") and where two come together to one row ("join"). On the way
    back the signs change places, as `turned` does it: gradients are added where a wire splits, and copied at a sum.
    """

    x: float
    y: float
    kind: str
    name: str = ""
    rule: str = ""  # a box's function
    back: str = ""  # its text in the backward picture, for a box what it multiplies a gradient by
    key: str = ""  # whose values it shows


class Wire(NamedTuple):
    """A wire along nodes and points, its label, its factor on the way back, and where that text stands."""

    path: tuple[str | Point, ...]
    label: str = ""
    factor: str = ""
    at: Point = (0.0, 0.0)
    align: str = "center"
    key: str = ""  # whose values it shows
    flow: str = ""  # the gate whose opening it carries
    state: bool = False  # part of the state's way through time
    carries: str = ""  # what goes along it on the way back, where no factor stands


class Diagram(NamedTuple):
    """A cell: its name, its height, how high its state travels, the right edge of the cell, nodes and wires."""

    name: str
    height: float
    road: float
    edge: float
    nodes: dict[str, Node]
    wires: list[Wire]


def turned(node: Node) -> Node:
    """A node on the way back: where the wire splits, gradients are added; at a sum the gradient goes to both sides."""
    if node.kind in ("dot", "tap"):
        return node._replace(kind="plus", name="+")
    return node._replace(kind="dot", name="") if node.name == "+" else node


def gate(x: float, y: float, name: str) -> Node:
    """The box of a gate, such as "F"."""
    slope = rf"$\odot\,{name}_t$" + "\n" + rf"$\odot\,(1-{name}_t)$"
    return Node(x, y, "gate", f"${name}_t$", r"$\sigma$", slope, name)


def candidate(x: float, y: float, name: str) -> Node:
    """The box of a candidate, such as "N"."""
    return Node(x, y, "candidate", f"${name}_t$", "tanh", rf"$\odot\,(1-{name}_t^2)$", name)


def state(x: float, y: float, name: str, index: str, key: str) -> Node:
    """The disc of a state, such as H_t."""
    return Node(x, y, "state", f"${name}_{{{index}}}$", back=f"$d{name}_{{{index}}}$", key=key)


def token(x: float) -> Node:
    """The disc of the input, below the cell."""
    return Node(x, 0.75, "input", "$X_t$", back="$dX_t$")


def rnn() -> Diagram:
    """(1.1), backward (6.3)."""
    y = 4.0
    nodes = {
        "H_last": state(0.8, y, "H", "t-1", "H_last"),
        "W_hh": Node(3.1, y, "product", r"$\cdot\,W_{hh}$", back=r"$\cdot\,W_{hh}^\top$"),
        "X": token(6.6),
        "W_xh": Node(6.6, 2.4, "product", r"$\cdot\,W_{xh}$", back=r"$\cdot\,W_{xh}^\top$"),
        "sum": Node(6.6, y, "op", "+"),
        "b_h": Node(6.6, 5.4, "text", "$b_h$", back="$db_h$"),
        "tanh": Node(10.0, y, "tanh", "tanh", "", r"$\odot\,(1-H_t\odot H_t)$", "H"),
        "H": state(12.4, y, "H", "t", ""),
        "tap": Node(13.6, y, "tap"),
    }
    wires = [
        Wire(("H_last", "W_hh"), state=True),
        Wire(("W_hh", "sum"), "$H_{t-1}W_{hh}$", "", (5.2, 4.5), key="HW", state=True),
        Wire(("X", "W_xh")),
        Wire(("W_xh", "sum"), "$X_tW_{xh}$", "", (6.85, 3.4), "left", key="XW"),
        Wire(("b_h", "sum")),
        Wire(("sum", "tanh"), "$Z_t$", "$dZ_t$", (7.9, 4.5), key="Z", state=True),
        Wire(("tanh", "H"), state=True),
        Wire(("H", "tap"), state=True),
        Wire(("tap", (15.0, y)), "to step $t+1$", r"$dZ_{t+1}W_{hh}^\top$", (14.9, 3.15), "right", state=True),
        Wire(("tap", (13.6, 6.1)), "to the output", r"$dO_tW_{hq}^\top$", (13.35, 5.6), "right"),
    ]
    return Diagram("RNN", 6.2, y, 11.45, nodes, wires)


def gru(before: bool = False) -> Diagram:
    """(8.3) with (8.5), backward 8.7; or, resetting before the product, with (8.4), backward 8.6."""
    top, bus, row = 7.6, 2.2, 3.6
    nodes = {
        "H_last": state(0.8, top, "H", "t-1", "H_last"),
        "H": state(14.2, top, "H", "t", "H"),
        "X": token(2.3),
        "tap": Node(2.3, top, "tap"),
        "join": Node(2.3, bus, "join"),
        "bus_z": Node(4.1, bus, "dot"),
        "bus_r": Node(6.4, bus, "dot"),
        "bus_m": Node(8.7, bus, "dot"),
        "Z": gate(4.1, row, "Z"),
        "R": gate(6.4, row, "R"),
        "N": candidate(11.7, 5.0, "N"),
        "fork": Node(4.1, 6.4, "tap"),
        "keep": Node(4.1, top, "op", "."),
        "one": Node(6.4, 6.4, "op", "1−", back="−1"),
        "reset": Node(8.7, 5.0, "op", "."),
        "new": Node(11.7, 6.4, "op", "."),
        "sum": Node(11.7, top, "op", "+"),
    }
    wires = [
        Wire(("H_last", "tap"), state=True),
        Wire(("tap", "keep"), "", r"$\odot\,Z_t$", (3.2, 8.1), state=True),
        Wire(("keep", "sum"), r"$Z_t\odot H_{t-1}$", "$dH_t$", (7.9, 8.1), key="ZH", state=True),
        Wire(("sum", "H"), state=True),
        Wire(("tap", "join")),
        Wire(("X", "join")),
        Wire(("join", "bus_z"), r"$[X_t\;H_{t-1}]$", "", (2.55, 1.83), "left", carries=r"$[dX_t\;dH_{t-1}]$"),
        Wire(("bus_z", "bus_r")),
        Wire(("bus_r", "bus_m")),
        Wire(("bus_z", "Z"), "", r"$dA_zW_z^\top$", (4.3, 2.57), "left"),
        Wire(("bus_r", "R"), "", r"$dA_rW_r^\top$", (6.6, 2.57), "left"),
        Wire(("Z", "fork"), flow="Z"),
        Wire(("fork", "keep"), "$Z_t$", r"$\odot\,H_{t-1}$", (4.35, 6.93), "left", flow="Z"),
        Wire(("fork", "one")),
        Wire(("one", "new"), "$1-Z_t$", r"$\odot\,N_t$", (7.6, 6.75), flow="1-Z"),
        Wire(("N", "new"), "", r"$\odot\,(1-Z_t)$", (12.03, 5.93), "left"),
        Wire(("new", "sum"), r"$(1-Z_t)\odot N_t$", "", (11.45, 6.98), "right", key="new"),
        Wire(("bus_m", (11.7, bus), "N"), "$X_t$", r"$dA_nW_{xn}^\top$", (11.9, 3.4), "left"),
    ]
    if before:
        wires += [
            Wire(("R", (6.4, 5.0), "reset"), "", r"$\odot\,H_{t-1}$", (7.3, 5.4), flow="R"),
            Wire(("bus_m", "reset"), "$H_{t-1}$", r"$\odot\,R_t$", (8.9, 3.4), "left"),
            Wire(("reset", "N"), r"$R_t\odot H_{t-1}$", r"$dA_nW_{hn}^\top$", (9.85, 5.4), key="RH"),
        ]
    else:
        nodes["M"] = Node(8.7, row, "product", "$M_t$", r"$\cdot\,W_{hn}$", "$dM_t$", "M")
        wires += [
            Wire(("R", (6.4, 5.0), "reset"), "", r"$\odot\,M_t$", (7.5, 5.4), flow="R"),
            Wire(("bus_m", "M"), "$H_{t-1}$", r"$dM_tW_{hn}^\top$", (8.9, 2.57), "left"),
            Wire(("M", "reset"), "", r"$\odot\,R_t$", (8.95, 4.55), "left"),
            Wire(("reset", "N"), r"$R_t\odot M_t$", "$dA_n$", (9.85, 5.4), key="RM"),
        ]
    return Diagram(f"GRU, reset {'before' if before else 'after'} the product", 8.75, top, 13.5, nodes, wires)


def lstm() -> Diagram:
    """(9.1) and (9.2), backward (9.3) and (9.4)."""
    top, bus, row = 7.3, 2.2, 3.75
    nodes = {
        "C_last": state(0.8, top, "C", "t-1", "C_last")._replace(back="$dC_t$\n" + r"$\odot\,F_t$"),
        "C": state(14.2, top, "C", "t", "C")._replace(back="$dC_{t+1}$\n" + r"$\odot\,F_{t+1}$"),
        "H_last": state(0.8, bus, "H", "t-1", "H_last"),
        "H": state(14.2, bus, "H", "t", "H"),
        "X": token(2.2),
        "join": Node(2.2, bus, "join"),
        "bus_f": Node(3.25, bus, "dot"),
        "bus_i": Node(5.3, bus, "dot"),
        "bus_g": Node(7.35, bus, "dot"),
        "F": gate(3.25, row, "F"),
        "I": gate(5.3, row, "I"),
        "G": candidate(7.35, row, "G"),
        "O": gate(9.4, row, "O"),
        "keep": Node(3.25, top, "op", "."),
        "write": Node(6.325, 5.4, "op", "."),
        "sum": Node(6.325, top, "op", "+"),
        "tap": Node(12.25, top, "tap"),
        "tanh": Node(12.25, 5.55, "tanh", "tanh", "", r"$\odot\,(1-\tanh^2 C_t)$", "tanh_C"),
        "say": Node(12.25, row, "op", "."),
    }
    wires = [
        Wire(("C_last", "keep"), "", r"$\odot\,F_t$", (2.3, 7.8), state=True),
        Wire(("keep", "sum"), r"$F_t\odot C_{t-1}$", "$dC_t$", (4.8, 7.8), key="FC", state=True),
        Wire(("sum", "tap"), state=True),
        Wire(("tap", "C"), state=True),
        Wire(("H_last", "join")),
        Wire(("X", "join")),
        Wire(("join", "bus_f"), r"$[X_t\;H_{t-1}]$", "", (2.45, 1.83), "left", carries=r"$[dX_t\;dH_{t-1}]$"),
        Wire(("bus_f", "bus_i")),
        Wire(("bus_i", "bus_g")),
        Wire(("bus_f", "F"), "", r"$dA_fW_f^\top$", (3.45, 2.6), "left"),
        Wire(("bus_i", "I"), "", r"$dA_iW_i^\top$", (5.5, 2.6), "left"),
        Wire(("bus_g", "G"), "", r"$dA_gW_g^\top$", (7.55, 2.6), "left"),
        Wire(("bus_g", (9.4, bus), "O"), "", r"$dA_oW_o^\top$", (9.6, 2.6), "left"),
        Wire(("F", "keep"), "", r"$\odot\,C_{t-1}$", (3.45, 5.8), "left", flow="F"),
        Wire(("I", (5.3, 5.4), "write"), "", r"$\odot\,G_t$", (5.4, 5.8), flow="I"),
        Wire(("G", (7.35, 5.4), "write"), "", r"$\odot\,I_t$", (7.25, 5.8)),
        Wire(("write", "sum"), r"$I_t\odot G_t$", "$dC_t$", (6.6, 6.4), "left", key="IG"),
        Wire(("tap", "tanh")),
        Wire(("tanh", "say"), "", r"$\odot\,O_t$", (12.45, 4.5), "left"),
        Wire(("O", "say"), "", r"$\odot\,\tanh C_t$", (11.2, 3.25), flow="O"),
        Wire(("say", (12.25, bus), "H")),
    ]
    return Diagram("LSTM", 8.45, top, 13.5, nodes, wires)


DIAGRAMS = {"rnn": rnn(), "gru": gru(), "gru_before": gru(before=True), "lstm": lstm()}
