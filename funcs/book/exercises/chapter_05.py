"""Checks of the exercises of chapter 05: the RNN, concise."""

from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from funcs.book.exercises.checking import call, exercise, kind, same
from funcs.rnn import RNNModel, rnn_forward


@exercise("05.1")
def number_of_parameters(answer: Any) -> str | None:
    model = RNNModel(nn.RNN(28, 512), 28)
    if same(answer, sum(param.numel() for param in model.parameters())):
        return None
    for slip, hint in {
        291_356: "That is chapter 4's model; what does nn.RNN have twice?",
        291_868 - 28: "The linear layer has a bias too.",
        291_868 - 28 * 512 - 28: "The linear layer on top is missing.",
        291_868 - 1_024: "The biases of nn.RNN are missing.",
        291_868 - 1_024 - 28: "No bias is counted, and they all learn.",
    }.items():
        if same(answer, slip):
            return hint
    return "Add up: two weights and two biases of nn.RNN, weight and bias of the linear layer."


@exercise("05.2")
def library_weights_for_our_loop(answer: Any) -> str | None:
    for d, h in ((5, 7), (6, 3)):
        model = RNNModel(nn.RNN(d, h), d).double()
        rnn, linear = model.rnn, model.linear
        names = ("W_xh", "W_hh", "b_h", "W_hq", "b_q")
        x, state = torch.randint(d, (3, 4)), torch.randn(1, 3, h, dtype=torch.float64)
        with torch.no_grad():
            wanted, _ = model(x, state)
            b_h = rnn.bias_ih_l0 + rnn.bias_hh_l0
            right = [rnn.weight_ih_l0.T, rnn.weight_hh_l0.T, b_h, linear.weight.T, linear.bias]
            params: Any = call(answer, model)
            if not isinstance(params, (tuple, list, nn.ParameterList)) or len(params) != 5:
                return f"Five tensors are needed, {', '.join(names)}; you return {kind(params)}."
            for name, param, needed in zip(names, params, right, strict=True):
                if not isinstance(param, torch.Tensor) or param.shape != needed.shape:
                    return f"With {d} tokens and {h} hidden units {name} is {tuple(needed.shape)}, got {kind(param)}."
            for name, param, needed in zip(names, params, right, strict=True):
                if same(param, needed, 1e-9):
                    continue
                if name == "b_h" and (same(param, rnn.bias_ih_l0, 1e-9) or same(param, rnn.bias_hh_l0, 1e-9)):
                    return "nn.RNN has two biases; this b_h is only one of them."
                if param.dim() == 2 and same(param, needed.T, 1e-9):
                    return f"{name} is the right matrix, but PyTorch keeps it transposed."
                return f"The shapes are right, but {name} is not what model has there."
            got, _ = rnn_forward(F.one_hot(x.T, d).double(), (state[0],), list(params))
        if not same(got, wanted, 1e-9):
            return "With these tensors rnn_forward does not compute what the model does."
    return None


@exercise("05.3")
def gradient_of_an_embedding(answer: Any) -> str | None:
    for x, num_rows, width in ((torch.tensor([2, 0, 2, 4, 2]), 6, 3), (torch.tensor([1, 1, 3]), 4, 2)):
        G = torch.randn(len(x), width)
        wanted = torch.zeros(num_rows, width).index_add(0, x, G)
        try:
            with torch.inference_mode():
                got = call(answer, x.clone(), G.clone(), num_rows)
        except RuntimeError as error:
            if "grad" in str(error):
                return "By hand, please, without autograd."
            raise
        if not isinstance(got, torch.Tensor) or got.shape != wanted.shape:
            return f"The gradient has the shape of the table, here {(num_rows, width)}; yours is {kind(got)}."
        if same(got, wanted):
            continue
        last = torch.zeros(num_rows, width)
        last[x] = G
        if same(got, last):
            return f"A token that stands at several places, as in {x.tolist()}, collects all its rows of G."
        if same(got.nan_to_num(), wanted / torch.bincount(x, minlength=num_rows).clamp(min=1)[:, None]):
            return "A token that stands at several places collects the sum of its rows of G, not their mean."
        if same(got, wanted / len(x)):
            return "No division: the mean over the places, if there is one, is already in G."
        return f"For the tokens {x.tolist()} it is not autograd's gradient: which rows does each row of G go to?"
    return None


class Listening(RNNModel):
    """A model that notes how many steps it is called with."""

    def forward(self, x: torch.Tensor, state: Any) -> Any:
        self.calls = [*getattr(self, "calls", []), x.shape[1]]
        return super().forward(x, state)


@exercise("05.4")
def outputs_read_in_pieces(answer: Any) -> str | None:
    for n, T, length in ((2, 30, 8), (3, 12, 4)):
        model = Listening(nn.RNN(5, 7), 5)
        x = torch.randint(5, (n, T))
        with torch.no_grad():
            wanted, _ = model(x, model.begin_state(n))
            by_row = wanted.reshape(T, n, 5).transpose(0, 1).reshape(T * n, 5)
            pieces = x.split(length, 1)
            fresh = torch.cat([model(piece, model.begin_state(n))[0] for piece in pieces])
            model.calls = []
            got = call(answer, model, x.clone(), length)
        if not isinstance(got, torch.Tensor):
            return f"Return one tensor, the outputs of all steps; yours is {kind(got)}."
        if got.shape != wanted.shape:
            if got.shape[0] == wanted.shape[0] - T % length * n:
                return f"The last piece is missing: {T} steps are not a multiple of {length}."
            return (
                f"For x of shape {(n, T)} one call gives outputs of shape {tuple(wanted.shape)}, yours are {kind(got)}."
            )
        if same(got, by_row, 1e-3):
            return "All outputs are there, but row by row; one call gives all rows of the first step first."
        if same(got, fresh, 1e-3):
            return "Each piece must start from the state that the last one returned, not from zero."
        if not same(got, wanted, 1e-3):
            return f"For x of shape {(n, T)} in pieces of {length} steps, the outputs are not those of one call."
        if max(model.calls, default=T) > length:
            longest = max(model.calls, default=T)
            return f"The model was called with {longest} steps at once: split the time, dimension 1."
    return None


def layer(W_xh: torch.Tensor, W_hh: torch.Tensor, b_h: torch.Tensor, fault: str = "") -> Any:
    """A plain RNN as a function of X and H, honest or with a fault."""
    kept: list[torch.Tensor] = []

    def states(X: torch.Tensor, H: torch.Tensor) -> torch.Tensor:
        if fault == "forgets the state that it is given":
            H = torch.zeros_like(H)
        if fault == "goes on from its own last state when it is called again":
            H = kept[-1][: len(H)] if kept and len(kept[-1]) >= len(H) else H
        if fault == "reads one number of each input as zero":
            X = X * torch.tensor([1.0, 1.0, 0.0])
        found = []
        for t, x in enumerate(X):
            if fault == "forgets its state at the ninth step" and t == 8:
                H = torch.zeros_like(H)
            if fault == "mixes the rows of a batch":
                H = H.mean(0, keepdim=True).expand_as(H)
            H = torch.tanh(x @ W_xh + H @ W_hh + b_h)
            found.append(H)
        kept.append(H)
        out = torch.stack(found)
        if fault == "returns the rows of a batch in another order":
            out = out.flip(1)
        if fault == "is wrong by a millionth":
            out = out - 1e-6
        if fault == "is wrong in one unit of one row":
            out[..., -1, -1] += 0.01
        if fault == "is wrong at a step in the middle":
            out[len(out) // 2 - 1] *= 0.9
        return out

    return states


FAULTS = (
    "forgets the state that it is given",
    "mixes the rows of a batch",
    "returns the rows of a batch in another order",
    "reads one number of each input as zero",
    "forgets its state at the ninth step",
    "is wrong at a step in the middle",
    "is wrong in one unit of one row",
    "is wrong by a millionth",
    "goes on from its own last state when it is called again",
)


def glued(W_xh: torch.Tensor, W_hh: torch.Tensor, b_h: torch.Tensor) -> Any:
    """The same function as `layer`, rounding differently."""

    def states(X: torch.Tensor, H: torch.Tensor) -> torch.Tensor:
        W, found = torch.cat((W_hh, W_xh, b_h[None])), []
        for x in X:
            H = torch.tanh(torch.cat((H, x, torch.ones_like(x[:, :1])), 1) @ W)
            found.append(H)
        return torch.stack(found)

    return states


@exercise("05.5")
def same_function_or_not(answer: Any) -> str | None:
    torch.manual_seed(0)
    W_xh, W_hh, b_h = (torch.randn(shape, dtype=torch.float64) * 0.7 for shape in ((3, 4), (4, 4), (4,)))
    honest = layer(W_xh, W_hh, b_h)
    verdict = call(answer, honest, glued(W_xh, W_hh, b_h))
    if not isinstance(verdict, (bool, torch.Tensor)) or (isinstance(verdict, torch.Tensor) and verdict.numel() > 1):
        return f"Return True or False; yours returns {kind(verdict)}."
    if not verdict:
        return "It says False to two honest layers that only round differently: by how much do they differ?"
    impostors = {"has W_hh transposed": layer(W_xh, W_hh.T, b_h), "counts the bias twice": layer(W_xh, W_hh, 2 * b_h)}
    for fault in FAULTS:
        impostors[fault] = layer(W_xh, W_hh, b_h, fault)
    for fault, impostor in impostors.items():
        for pair in ((honest, impostor), (impostor, honest)):
            if call(answer, *pair) and call(answer, *pair):
                return f"It says True when one of the two {fault}."
    return None
