"""Every number inside a recurrent cell while it reads, step by step, written plainly (chapters 04, 08, 09)."""

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

import funcs
from funcs.training import check_vocab, device_of, evaluating

Values = dict[str, torch.Tensor]


@dataclass
class Reading:
    """A cell that has read a text: what `draw_cell` and `draw_gates` show.

    Attributes:
        kind: "rnn", "gru", "gru_before" or "lstm".
        values: the numbers on each wire, (num_steps, num_hiddens), as `cell_values` names them.
        text: what was read, one token per step.
        probabilities: (num_steps, vocab_size), what the model expected after each step; empty if it wasn't asked.
        tokens: the vocabulary, in the order of `probabilities`.
    """

    kind: str
    values: Values
    text: list[str] = field(default_factory=list)
    probabilities: torch.Tensor = field(default_factory=lambda: torch.empty(0))
    tokens: list[str] = field(default_factory=list)


def kind_of(layer: Any) -> str:
    """Which of the book's cells a layer is made of.

    Raises:
        ValueError: none of them: ReLU instead of tanh, a projection, or no recurrent layer.
    """
    if isinstance(layer, nn.GRU):
        return "gru" if getattr(layer, "reset_after", True) else "gru_before"
    if isinstance(layer, nn.LSTM) and not layer.proj_size:
        return "lstm"
    scratch = isinstance(layer, funcs.RNN) and len(list(layer.params)) == 5
    if scratch or isinstance(layer, funcs.MyRNN) or (isinstance(layer, nn.RNN) and layer.nonlinearity == "tanh"):
        return "rnn"
    raise ValueError(f"layer must be a tanh RNN, a GRU or an LSTM without projections, got {layer}")


def weights_of(layer: Any) -> list[torch.Tensor]:
    """W_ih, W_hh, b_ih, b_hh of a layer's first layer, gates as rows, as torch keeps them."""
    if isinstance(layer, funcs.MyRNN):
        W_xh, W_hh, b_h = layer.W_xh[0], layer.W_hh[0], layer.b_h[0]
    elif isinstance(layer, funcs.RNN):
        W_xh, W_hh, b_h = list(layer.params)[:3]
    else:
        W_ih, W_hh, *biases = layer.all_weights[0]
        return [W_ih, W_hh, *(biases or [W_ih.new_zeros(len(W_ih))] * 2)]
    return [W_xh.T, W_hh.T, b_h, torch.zeros_like(b_h)]


def rnn_step(x: torch.Tensor, H: torch.Tensor, W_ih: torch.Tensor, W_hh: torch.Tensor, b: torch.Tensor) -> Values:
    """One step of (6.1), for one row."""
    XW, HW = W_ih @ x, W_hh @ H
    return {"XW": XW, "HW": HW, "Z": XW + HW + b, "H": torch.tanh(XW + HW + b)}


def gru_step(a: torch.Tensor, b: torch.Tensor, H: torch.Tensor) -> Values:
    """One step of the GRU that resets after the product, (8.3) and (8.5), from the products with input and state."""
    (a_r, a_z, a_n), (b_r, b_z, M) = a.chunk(3), b.chunk(3)
    R, Z = torch.sigmoid(a_r + b_r), torch.sigmoid(a_z + b_z)
    N = torch.tanh(a_n + R * M)
    return {"R": R, "Z": Z, "M": M, "RM": R * M, "N": N} | mixed(Z, H, N)


def gru_before_step(
    a: torch.Tensor, b: torch.Tensor, H: torch.Tensor, W_hn: torch.Tensor, b_hn: torch.Tensor
) -> Values:
    """One step of the GRU that resets before the product, (8.3) and (8.4)."""
    (a_r, a_z, a_n), (b_r, b_z, _) = a.chunk(3), b.chunk(3)
    R, Z = torch.sigmoid(a_r + b_r), torch.sigmoid(a_z + b_z)
    N = torch.tanh(a_n + W_hn @ (R * H) + b_hn)
    return {"R": R, "Z": Z, "RH": R * H, "N": N} | mixed(Z, H, N)


def mixed(Z: torch.Tensor, H: torch.Tensor, N: torch.Tensor) -> Values:
    """The weighted mean of old and new, and its two parts."""
    return {"ZH": Z * H, "1-Z": 1 - Z, "new": (1 - Z) * N, "H": Z * H + (1 - Z) * N}


def lstm_step(a: torch.Tensor, b: torch.Tensor, H: torch.Tensor, C: torch.Tensor) -> Values:
    """One step of the LSTM, (9.1) and (9.2)."""
    I, F, G, O = (a + b).chunk(4)
    I, F, G, O = torch.sigmoid(I), torch.sigmoid(F), torch.tanh(G), torch.sigmoid(O)
    new = F * C + I * G
    return {"I": I, "F": F, "G": G, "O": O, "C_last": C} | {
        "FC": F * C,
        "IG": I * G,
        "C": new,
        "tanh_C": torch.tanh(new),
        "H": O * torch.tanh(new),
    }


@torch.no_grad()
def cell_values(layer: Any, X: torch.Tensor, state: Any = None) -> Values:
    """The numbers on every wire of a layer's cells at every step of a sequence (chapters 08, 09).

    Args:
        layer: nn.RNN, nn.GRU, nn.LSTM, `funcs.GRU`, `funcs.LSTM`, `MyRNN` or `funcs.RNN`; of several layers the
            first, of two directions the one that reads forward.
        X: (num_steps, input_size), one sequence without a batch.
        state: (num_layers, num_hiddens), for an LSTM two of them; None is zero.

    Returns:
        Per wire (num_steps, num_hiddens): "H_last" and "H", the state before and after each step; and with the names of
        the equations "XW", "HW", "Z" (RNN); "R", "Z", "1-Z", "N", "ZH", "new", and "M", "RM" or "RH" (GRU); "I", "F",
        "G", "O", "FC", "IG", "C_last", "C", "tanh_C" (LSTM).

    Raises:
        ValueError: X or `layer` of the wrong kind.
    """
    kind, (W_ih, W_hh, b_ih, b_hh) = kind_of(layer), weights_of(layer)
    if X.dim() != 2 or X.shape[1] != W_ih.shape[1] or len(X) == 0:
        raise ValueError(f"X must have shape (num_steps, {W_ih.shape[1]}), got {tuple(X.shape)}")
    h = W_hh.shape[1]
    states = [X.new_zeros(h)] * 2 if state is None else [part[0] for part in (state if kind == "lstm" else (state,))]
    H, C = states[0], states[-1]
    steps: list[Values] = []
    for x in X:
        a, b = W_ih @ x + b_ih, W_hh @ H + b_hh
        if kind == "rnn":
            wires = rnn_step(x, H, W_ih, W_hh, b_ih + b_hh)
        elif kind == "gru":
            wires = gru_step(a, b, H)
        elif kind == "gru_before":
            wires = gru_before_step(a, b, H, W_hh[2 * h :], b_hh[2 * h :])
        else:
            wires = lstm_step(a, b, H, C)
            C = wires["C"]
        steps.append({"H_last": H} | wires)
        H = wires["H"]
    return {name: torch.stack([wires[name] for wires in steps]) for name in steps[0]}


def read_with(model: Any, text: str, vocab: funcs.Vocab) -> Reading:
    """Let a trained character model read a text, and keep all that went on in its first layer's cells.

    Args:
        model: `RNNModel` around one of the layers of `cell_values`, or `funcs.RNN`.
        text: one token or more.
        vocab: the vocabulary that the model was trained with.

    Raises:
        ValueError: an empty text, another vocabulary than the model's, or a layer that `cell_values` doesn't know.
    """
    check_vocab(model, vocab, "vocab")
    tokens = funcs.tokenize(text, vocab.token_type)
    if not tokens:
        raise ValueError(f"text must hold at least one {vocab.token_type}, got {text!r}")
    layer = getattr(model, "rnn", model)
    x = torch.tensor([vocab[tokens]], device=device_of(model))
    weight = weights_of(layer)[0]
    with evaluating(model):
        outputs, _ = model(x, model.begin_state(1))
    X = nn.functional.one_hot(x[0], len(vocab)).to(weight.dtype)
    values = {name: value.cpu() for name, value in cell_values(layer, X).items()}
    return Reading(kind_of(layer), values, tokens, outputs.softmax(1).cpu(), vocab.idx_to_token)
