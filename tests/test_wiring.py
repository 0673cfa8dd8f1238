"""The pictures of the cells: their numbers are the model's, and their arrows lead to autograd's gradients."""

import re
import time
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from matplotlib.figure import Figure
from matplotlib.transforms import Bbox
from torch import nn

import funcs
from funcs import book
from funcs.book.diagrams import DIAGRAMS, Point, Wire
from funcs.book.wiring import HALVES, corners

KINDS = tuple(DIAGRAMS)
TEXT = "the time traveller smiled"


@pytest.fixture(autouse=True)
def closed() -> Iterator[None]:
    yield
    plt.close("all")


def texts(fig: Figure) -> list[str]:
    return [text.get_text() for text in fig.axes[0].texts]


def layer_of(kind: str, **options: Any) -> Any:
    torch.manual_seed(0)
    made = {
        "rnn": lambda: nn.RNN(3, 5, **options),
        "gru": lambda: funcs.GRU(3, 5, **options),
        "gru_before": lambda: funcs.GRU(3, 5, reset_after=False, **options),
        "lstm": lambda: funcs.LSTM(3, 5, **options),
    }
    return made[kind]().double()


def start_of(layer: Any) -> Any:
    """A random state of a layer, as it takes it without a batch."""
    H, C = torch.randn(2, layer.num_layers, 5, dtype=torch.float64)
    return (H, C) if isinstance(layer, nn.LSTM) else H


# The numbers


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("name", [*KINDS, "nn.GRU", "nn.LSTM", "MyRNN"])
def test_values_are_the_models_at_every_step(name: str, bias: bool) -> None:
    torch.manual_seed(0)
    options: dict[str, Any] = {} if name == "MyRNN" else {"bias": bias}
    libraries: dict[str, Any] = {"nn.GRU": nn.GRU, "nn.LSTM": nn.LSTM, "MyRNN": funcs.MyRNN}
    layer = libraries[name](3, 5, **options).double() if name in libraries else layer_of(name, **options)
    X, state = torch.randn(7, 3, dtype=torch.float64), start_of(layer)
    values = book.cell_values(layer, X, state)
    assert {value.shape for value in values.values()} == {(7, 5)}
    for t in range(7):
        if isinstance(state, tuple):
            torch.testing.assert_close(values["C_last"][t], state[1][0], rtol=0, atol=1e-10)
        H = state[0] if isinstance(state, tuple) else state
        torch.testing.assert_close(values["H_last"][t], H[0], rtol=0, atol=1e-10)
        batch = X[t : t + 1, None], tuple(s[:, None] for s in state) if isinstance(state, tuple) else state[:, None]
        output, state = layer(*batch)
        state = tuple(s[:, 0] for s in state) if isinstance(state, tuple) else state[:, 0]
        torch.testing.assert_close(values["H"][t], output[0, 0], rtol=0, atol=1e-10)
        if isinstance(state, tuple):
            torch.testing.assert_close(values["C"][t], state[1][0], rtol=0, atol=1e-10)


@pytest.mark.parametrize("kind", KINDS)
def test_values_of_a_stack_are_its_first_layers(kind: str) -> None:
    stack, single = layer_of(kind, num_layers=3, bidirectional=kind != "rnn"), layer_of(kind)
    single.load_state_dict({name: value for name, value in stack.state_dict().items() if name.endswith("l0")})
    X = torch.randn(6, 3, dtype=torch.float64)
    torch.testing.assert_close(book.cell_values(stack, X)["H"], single(X[:, None])[0][:, 0], rtol=0, atol=1e-10)


def test_layers_and_sequences_that_do_not_fit() -> None:
    X = torch.randn(4, 3)
    scratch = funcs.RNN(28, 5, get_params=lambda v, h, device: funcs.get_rnn_params(v, h, device) * 2)
    for layer in (nn.RNN(3, 5, nonlinearity="relu"), nn.LSTM(3, 5, proj_size=2), nn.Linear(3, 5), scratch):
        with pytest.raises(ValueError, match="layer must be a tanh RNN, a GRU or an LSTM"):
            book.cell_values(layer, X)
    for wrong in (X[:, :2], X[None], X[:0]):
        with pytest.raises(ValueError, match=r"X must have shape \(num_steps, 3\), got"):
            book.cell_values(nn.GRU(3, 5), wrong)


def model_of(kind: str, vocab: funcs.Vocab) -> Any:
    torch.manual_seed(1)
    n = len(vocab)
    layers = {
        "rnn": lambda: nn.RNN(n, 16, num_layers=2, dropout=0.5),
        "gru": lambda: funcs.GRU(n, 16),
        "gru_before": lambda: funcs.GRU(n, 16, reset_after=False),
        "lstm": lambda: nn.LSTM(n, 16),
    }
    return funcs.RNNModel(layers[kind](), n).double()


@pytest.fixture(scope="module")
def vocab() -> funcs.Vocab:
    return funcs.Vocab(list("the time traveller smiled round at us"))


@pytest.mark.parametrize("kind", KINDS)
def test_a_model_reads(kind: str, vocab: funcs.Vocab) -> None:
    model = model_of(kind, vocab)
    alive = book.read_with(model, TEXT, vocab)
    assert alive.kind == kind and "".join(alive.text) == TEXT and alive.tokens == vocab.idx_to_token and model.training
    model.eval()
    outputs, _ = model(torch.tensor([vocab[list(TEXT)]]), model.begin_state(1))
    torch.testing.assert_close(alive.probabilities, outputs.softmax(1).detach())
    if kind != "rnn":  # the output layer reads this state
        torch.testing.assert_close(model.linear(alive.values["H"]), outputs, rtol=0, atol=1e-10)


def test_the_model_from_scratch_reads(vocab: funcs.Vocab) -> None:
    model = funcs.RNN(len(vocab), 16)
    alive = book.read_with(model, TEXT, vocab)
    *_, W_hq, b_q = model.params
    torch.testing.assert_close((alive.values["H"] @ W_hq + b_q).softmax(1), alive.probabilities)
    with pytest.raises(ValueError, match="text must hold at least one char, got ''"):
        book.read_with(model, "", vocab)
    with pytest.raises(ValueError, match="vocab must have the model's"):
        book.read_with(funcs.RNN(99, 16), TEXT, vocab)


# The way back: the arrows are walked, with the factors that are written on them.


def symbol(text: str) -> str:
    """A factor of the picture as Python."""
    for tex, python in (
        (r"\tanh^2 C_t", "tanh_C * tanh_C"),
        (r"\tanh C_t", "tanh_C"),
        ("_{t-1}", "_last"),
        ("_t^2", "**2"),
        ("_t", ""),
        (r"\odot", "*"),
    ):
        text = text.replace(tex, python)
    return text


def times(gradient: torch.Tensor, factor: str, values: dict[str, torch.Tensor]) -> torch.Tensor:
    """A gradient times what a box or an arrow says, line by line; a name such as $dC_t$ leaves it as it is."""
    for line in factor.split("\n"):
        line = line.strip("$")
        if line.startswith(r"\odot\,"):
            gradient = gradient * eval(symbol(line.removeprefix(r"\odot\,")), dict(values))
        elif product := re.fullmatch(r"(?:\\cdot\\,|dA_.|dM_t)(W_.+)\^\\top", line):
            gradient = gradient @ values[re.sub("[{}]", "", product[1])].T
        elif line == "−1":
            gradient = -gradient
        else:
            assert re.fullmatch(r"|\+|\.|d[A-Z](_.|_{t-1})", line), f"what does {line!r} do?"
    return gradient


def walk_back(kind: str, values: dict[str, torch.Tensor], arriving: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The gradients of X and of the last states, by following the arrows of the picture."""
    nodes, d = DIAGRAMS[kind].nodes, 3
    wires = [wire for wire in DIAGRAMS[kind].wires if isinstance(wire.path[-1], str)]
    found: dict[str, torch.Tensor] = {}

    def gradient(name: str) -> torch.Tensor:
        """What comes back to a node, all its ways added up, times what it says itself."""
        if name not in found:
            total = arriving.get(name, torch.zeros(()))
            for wire in wires:
                if wire.path[0] == name:
                    total = total + along(wire)
            found[name] = times(total, nodes[name].back, values) if nodes[name].kind != "state" else total
        return found[name]

    def along(wire: Wire) -> torch.Tensor:
        start, end = str(wire.path[0]), str(wire.path[-1])
        arrived = gradient(end)
        if end == "join":  # the row [X H] comes apart
            return arrived[:d] if start == "X" else arrived[d:]
        arrived = times(arrived, wire.factor, values)
        if start.startswith("bus") or start == "join":
            zeros = torch.zeros(d + 5 - len(arrived), dtype=arrived.dtype)
            arrived = torch.cat((arrived, zeros) if len(arrived) == d else (zeros, arrived))
        return arrived

    return {name: gradient(name) for name in nodes if name in ("X", "H_last", "C_last")}


@pytest.mark.parametrize("kind", KINDS)
def test_the_arrows_lead_to_autograds_gradients(kind: str) -> None:
    layer, X = layer_of(kind), torch.randn(3, dtype=torch.float64, requires_grad=True)
    states = [torch.randn(5, dtype=torch.float64, requires_grad=True) for _ in range(2 if kind == "lstm" else 1)]
    batch = [state[None, None] for state in states]
    output, last = layer(X[None, None], tuple(batch) if kind == "lstm" else batch[0])
    arriving = {"H": torch.randn(5, dtype=torch.float64)}
    loss = (output[0, 0] * arriving["H"]).sum()
    if kind == "lstm":
        arriving["C"] = torch.randn(5, dtype=torch.float64)
        loss = loss + (last[1][0, 0] * arriving["C"]).sum()
    wanted = dict(zip(("X", "H_last", "C_last"), torch.autograd.grad(loss, [X, *states]), strict=False))

    state = tuple(state[None] for state in states) if kind == "lstm" else states[0][None]
    values = {name: value[0] for name, value in book.cell_values(layer, X[None], state).items()}
    gates = {"rnn": ["h"], "lstm": ["i", "f", "g", "o"]}.get(kind, ["r", "z", "n"])
    for gate, W_x, W_h in zip(
        gates, layer.weight_ih_l0.chunk(len(gates)), layer.weight_hh_l0.chunk(len(gates)), strict=True
    ):
        values |= {f"W_{gate}": torch.cat((W_x, W_h), 1).T, f"W_x{gate}": W_x.T, f"W_h{gate}": W_h.T}
    found = walk_back(kind, {name: value.detach() for name, value in values.items()}, arriving)
    assert found.keys() == wanted.keys()
    for name, value in found.items():
        torch.testing.assert_close(value, wanted[name], rtol=0, atol=1e-10)


# The drawing


@pytest.mark.parametrize("backward", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_every_name_and_factor_is_drawn(kind: str, backward: bool) -> None:
    fig = book.draw_cell(kind, backward=backward)
    drawn, diagram = texts(fig), DIAGRAMS[kind]
    for wire in diagram.wires:
        assert (wire.factor if backward else wire.label) in drawn
    for node in diagram.nodes.values():
        assert node.name in (".", "") or (node.back or node.name if backward else node.name) in drawn
    fig.canvas.draw()  # mathtext is parsed only now


FACTORS = {  # without \odot
    "rnn": ["(1-H_t\\odot H_t)"],
    "gru": ["Z_t", "(1-Z_t)", "H_{t-1}", "N_t", "M_t", "R_t", "(1-N_t^2)"],
    "gru_before": ["Z_t", "(1-Z_t)", "H_{t-1}", "N_t", "R_t", "(1-N_t^2)"],
    "lstm": ["F_t", "C_{t-1}", "G_t", "I_t", "O_t", "\\tanh C_t", "(1-\\tanh^2 C_t)", "(1-G_t^2)"],
}
PRODUCTS = {
    "rnn": ["$\\cdot\\,W_{hh}^\\top$", "$\\cdot\\,W_{xh}^\\top$", "$dO_tW_{hq}^\\top$", "$dZ_{t+1}W_{hh}^\\top$"],
    "gru": ["$dA_zW_z^\\top$", "$dA_rW_r^\\top$", "$dM_tW_{hn}^\\top$", "$dA_nW_{xn}^\\top$"],
    "gru_before": ["$dA_zW_z^\\top$", "$dA_rW_r^\\top$", "$dA_nW_{hn}^\\top$", "$dA_nW_{xn}^\\top$"],
    "lstm": [f"$dA_{gate}W_{gate}^\\top$" for gate in "ifgo"],
}


@pytest.mark.parametrize("kind", KINDS)
def test_factors_of_the_chapters(kind: str) -> None:
    wanted = {f"$\\odot\\,{factor}$" for factor in FACTORS[kind]} | set(PRODUCTS[kind])
    assert wanted <= set(texts(book.draw_cell(kind, backward=True)))


def crosses(box: Bbox, start: Point, end: Point) -> bool:
    """Whether an upright or level line runs through a box."""
    (x0, x1), (y0, y1) = sorted((start[0], end[0])), sorted((start[1], end[1]))
    return x0 < box.x1 and x1 > box.x0 and y0 < box.y1 and y1 > box.y0


@pytest.mark.parametrize("way", ["forward", "backward", "alive"])
@pytest.mark.parametrize("kind", KINDS)
def test_no_text_lies_on_another_or_on_a_wire_or_box(kind: str, way: str, vocab: funcs.Vocab) -> None:
    alive = book.read_with(model_of(kind, vocab), TEXT, vocab) if way == "alive" else None
    fig = book.draw_cell(kind, alive, 8, backward=way == "backward")
    fig.canvas.draw()
    (ax,), diagram = fig.axes, DIAGRAMS[kind]
    boxes = [(text.get_text(), text.get_window_extent()) for text in ax.texts if text.get_text()]
    names = [text for text in ax.texts if text.get_zorder() == 4]  # of nodes, and inside them
    inside_nodes = [text.get_window_extent().bounds for text in names]
    strips = [mesh.get_window_extent() for mesh in ax.collections]
    for i, (text, box) in enumerate(boxes):
        assert fig.bbox.x0 <= box.x0 and box.x1 <= fig.bbox.x1 and fig.bbox.y0 <= box.y0 and box.y1 <= fig.bbox.y1, text
        assert not [other for other, place in boxes[:i] if box.overlaps(place)], text
        assert not any(box.overlaps(strip) for strip in strips), text
        if box.bounds not in inside_nodes and box.y1 < ax.transData.transform((0, diagram.height))[1]:
            inside = box.transformed(ax.transData.inverted())
            for wire in diagram.wires:
                assert not any(crosses(inside, *ends) for ends in pairwise(corners(wire, diagram.nodes))), (text, wire)
            for node in diagram.nodes.values():
                w, h = HALVES[node.kind]
                assert not crosses(inside, (node.x - w, node.y - h), (node.x + w, node.y + h)), (text, node)


@pytest.mark.parametrize("kind", KINDS)
def test_alive(kind: str, vocab: funcs.Vocab) -> None:
    alive = book.read_with(model_of(kind, vocab), TEXT, vocab)
    book.draw_cell(kind, alive, 0)
    for step in (0, 8, 24):
        start = time.perf_counter()
        fig = book.draw_cell(kind, alive, step)
        fig.canvas.draw()
        assert time.perf_counter() - start < 3  # 0.1 on the machine where it was written
        drawn = texts(fig)
        assert drawn.count(TEXT[step].replace(" ", "␣")) >= 2  # in the text and in the disc
        best = alive.probabilities[step].max()
        assert f"step {step + 1} of 25; each strip: 10 of 16 units, the liveliest" in drawn and f"{best:.0%}" in drawn


def test_strips_show_the_step(vocab: funcs.Vocab) -> None:
    alive = book.read_with(model_of("lstm", vocab), TEXT, vocab)
    fig = book.draw_cell("lstm", alive, 3, num_units=16)
    strips = [np.ravel(np.array(mesh.get_array())) for mesh in fig.axes[0].collections]
    for name in ("F", "I", "G", "O", "FC", "IG", "C_last", "C", "H_last", "H", "tanh_C"):
        wanted = alive.values[name][3]
        assert any(len(strip) == 16 and torch.allclose(torch.tensor(strip), wanted) for strip in strips), name


def test_values_alone_are_drawn_without_text() -> None:
    values = book.cell_values(layer_of("gru"), torch.randn(4, 3, dtype=torch.float64))
    drawn = texts(book.draw_cell("gru", values, 3))
    assert "$X_t$" in drawn and "expected next" not in drawn


def test_wrong_calls(vocab: funcs.Vocab) -> None:
    alive = book.read_with(model_of("gru", vocab), TEXT, vocab)
    with pytest.raises(ValueError, match="kind must be 'rnn', 'gru', 'gru_before', 'lstm', got 'transformer'"):
        book.draw_cell("transformer")
    with pytest.raises(ValueError, match="values must be those of a cell of kind 'lstm', got those of 'gru'"):
        book.draw_cell("lstm", alive)
    with pytest.raises(ValueError, match="without backward=True"):
        book.draw_cell("gru", alive, backward=True)
    with pytest.raises(IndexError, match="step must be from 0 to 24, got 25"):
        book.draw_cell("gru", alive, 25)
    with pytest.raises(ValueError, match="gate must be one of .*'Z'.*, got 'F'"):
        book.draw_gates(alive, "F")
    with pytest.raises(ValueError, match="by must be 'mean' or one token of the text among others, got 'q'"):
        book.draw_gates(alive, "Z", by="q")


@pytest.mark.parametrize("by", [" ", "mean"])
def test_gates_over_a_text(by: str, vocab: funcs.Vocab) -> None:
    alive = book.read_with(model_of("gru", vocab), TEXT, vocab)
    fig = book.draw_gates(alive, "Z", by, num_units=10)
    ax = fig.axes[0]
    assert [label.get_text() for label in ax.get_xticklabels()] == list(TEXT.replace(" ", "␣"))
    Z, spaces = alive.values["Z"], torch.tensor([character == " " for character in TEXT])
    score = Z.mean(0) if by == "mean" else Z[spaces].mean(0) - Z[~spaces].mean(0)
    order = score.argsort(descending=True)
    wanted = Z[:, torch.cat((order[:5], order[-5:]))].T
    torch.testing.assert_close(torch.from_numpy(np.array(ax.images[0].get_array())), wanted)
    fig.canvas.draw()
