"""Checks of the exercises of chapter 02: by hand."""

from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from funcs.book.exercises.checking import Hint, call, exercise, kind, same
from funcs.book.graph import graph_nodes


@exercise("02.1")
def sixth_state(answer: Any) -> str | None:
    h = 0.0
    for x in ((1, 2), (2, 0), (3, 1), (-1, -5), (2, -13), (0, 2)):
        h = max(0.0, x[0] * -1 + x[1] * 3 + h * 2)
    if same(answer, h):
        return None
    if any(same(answer, wrong) for wrong in (-4.0, -5.0, 0.0)):
        return "Look at the fifth state: can a state be negative after ReLU?"
    if same(answer, 42.0):
        return "The fifth input is missing: the sixth step goes on from h_5, not from h_4."
    return "Work out the fifth state first; the sixth step goes on from it, with X_6."


@exercise("02.2")
def shapes_of_stacked_bidirectional(answer: Any) -> str | None:
    output, h_n = (tuple(part.shape) for part in nn.RNN(4, 8, num_layers=3, bidirectional=True)(torch.zeros(7, 5, 4)))
    if not isinstance(answer, (tuple, list)) or len(answer) != 2:
        raise Hint(f"Two shapes are wanted, (shape of output, shape of h_n), got {kind(answer)}.")
    if not all(isinstance(shape, (tuple, list)) for shape in answer):
        raise Hint("Two shapes are wanted, each a tuple of three sizes, such as (7, 5, 4).")
    given = [tuple(shape) for shape in answer]
    if given == [output, h_n]:
        return None
    if given == [h_n, output]:
        return "These are the two, swapped: output comes first."
    if any(len(shape) != 3 for shape in given):
        return "Each shape has three sizes: the batch is one of them."
    if given[1] == (3, 5, 8):
        return "`h_n` has the layers; but the network also runs backwards." + (
            "" if given[0] == output else " That doubles something in `output`, too." if given[0] == (7, 5, 8) else ""
        )
    if given[0] in ((5, 7, 16), (5, 7, 8)):
        return "Without batch_first the time comes first in `output`, then the batch."
    if given[1] != h_n and given[0] == output:
        return "`output` is what it should be; h_n has one row of states per layer and direction, and the batch."
    if given[1] == h_n:
        return "`h_n` is what it should be; output has every step, and both directions of the last layer side by side."
    return "For `output`: how many steps, rows, and numbers each? h_n has one row of states per layer and direction."


@exercise("02.3")
def number_of_parameters(answer: Any) -> str | None:
    wanted = sum(param.numel() for param in nn.RNN(10, 20, num_layers=2).parameters())
    if same(answer, wanted):
        return None
    if same(answer, wanted - 40):
        return "Torch keeps two biases per layer."
    if same(answer, wanted - 80):
        return "The biases are missing."
    if same(answer, wanted - 200):
        return "The second layer reads the 20 states of the first, not the 10 inputs."
    if same(answer, 20 * 10 + 20 * 20 + 40):
        return "This is the first layer alone."
    if same(answer, wanted - 240):
        return "Two slips: torch keeps two biases per layer, and the second layer reads the 20 states of the first."
    return "Per layer: a matrix for what it reads, one for its state, two biases. What does the second layer read?"


class Calls(TorchFunctionMode):
    """Notes the names of all functions of torch that are called."""

    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.names.add(getattr(func, "__name__", ""))
        return func(*args, **(kwargs or {}))


def call_with_fitting_sizes(answer: Any, *args: Any) -> Any:
    """What `call` returns; a hint where a product or a sum stopped because the sizes didn't fit."""
    try:
        return call(answer, *args)
    except RuntimeError as error:
        if "multiplied" in str(error) or "must match" in str(error):
            raise Hint(
                f"Two sizes don't fit: {error}. The table in 2.2 tells how PyTorch stores its weights."
            ) from None
        raise


@exercise("02.4")
def rnn_by_hand(answer: Any) -> str | None:
    for d, h, n, num_steps in ((3, 4, 2, 6), (4, 4, 3, 1), (1, 3, 1, 5)):
        rnn, X, h0 = nn.RNN(d, h), torch.randn(num_steps, n, d), torch.randn(1, n, h)
        with torch.no_grad():
            output, h_n = rnn(X, h0)
            slips = slips_of(rnn, X, h0) if num_steps > 1 else []
            with Calls() as calls:
                got = call_with_fitting_sizes(answer, X.clone(), h0.clone(), rnn)
        if not isinstance(got, (tuple, list)) or len(got) != 2:
            return f"The answer is two tensors, output and h_n; your function returns {kind(got)}."
        if calls.names & {"rnn_tanh", "rnn_tanh_cell", "rnn_relu", "rnn_relu_cell"}:
            return "Here one of PyTorch's recurrent layers does the work; write the loop over the steps yourself."
        if not all(isinstance(part, torch.Tensor) for part in got):
            return (
                f"`output` and `h_n` are tensors; yours are {kind(got[0])} and {kind(got[1])}: torch.stack makes one."
            )
        if got[0].shape == h_n.shape != output.shape == got[1].shape:
            return "These are the two, swapped: output comes first."
        if got[0].shape != output.shape:
            return f"For X of shape {tuple(X.shape)} and {h} hidden units output must have shape " + (
                f"{tuple(output.shape)}, yours has {tuple(got[0].shape)}."
            )
        if not same(got[0], output):
            if num_steps > 1 and same(got[0], got[0][-1:].expand_as(got[0])):
                return "All steps of `output` are alike: was one tensor written over again and again?"
            named = [hint for wrong, hint in slips if same(got[0], wrong)]
            return named[0] if named else "`output` is not that of nn.RNN; look at equation (2.5) term by term."
        if got[1].shape != h_n.shape:
            return f"`output` is right; h_n must have shape {tuple(h_n.shape)}, yours has {tuple(got[1].shape)}."
        if not same(got[1], h_n):
            return "`output` is right, and so is the shape of h_n; but it must be the state after the last step."
    return None


def slips_of(rnn: Any, X: torch.Tensor, h0: torch.Tensor) -> list[tuple[torch.Tensor, str]]:
    """What likely mistakes make of the output, and the hint for each."""
    W_ih, W_hh, b_ih, b_hh = rnn.weight_ih_l0, rnn.weight_hh_l0, rnn.bias_ih_l0, rnn.bias_hh_l0

    def loop(step: Callable[[torch.Tensor, torch.Tensor], torch.Tensor], start: torch.Tensor = h0[0]) -> torch.Tensor:
        h, states = start, []
        for x in X:
            h = step(x, h)
            states.append(h)
        return torch.stack(states)

    return [
        (loop(lambda x, h: torch.tanh(x @ W_ih.T + h @ W_hh.T + b_ih)), "One of the two biases is missing."),
        (loop(lambda x, h: torch.tanh(x @ W_ih.T + h @ W_hh.T + b_hh)), "One of the two biases is missing."),
        (loop(lambda x, h: torch.tanh(x @ W_ih.T + h @ W_hh.T)), "Both biases are missing."),
        (loop(lambda x, h: torch.tanh(x @ W_ih.T + b_ih + h @ W_hh + b_hh)), "`weight_hh_l0` is stored transposed."),
        (loop(lambda x, h: x @ W_ih.T + b_ih + h @ W_hh.T + b_hh), "`tanh` is missing."),
        (loop(lambda x, h: torch.relu(x @ W_ih.T + b_ih + h @ W_hh.T + b_hh)), "This network has tanh, not ReLU."),
        (
            loop(lambda x, h: torch.tanh(x @ W_ih.T + b_ih + h @ W_hh.T + b_hh), torch.zeros_like(h0[0])),
            "The loop starts from zeros; it must start from h0.",
        ),
        (
            loop(lambda x, h: torch.tanh(x @ W_ih.T + b_ih + h0[0] @ W_hh.T + b_hh)),
            "Every step starts from h0; it must go on from the state before it.",
        ),
    ]


@exercise("02.5")
def limited_graph(answer: Any) -> str | None:
    torch.manual_seed(0)
    for num_inputs, k in ((12, 1), (12, 3), (7, 5), (6, 6), (4, 20)):
        layer, xs = nn.RNNCell(1, 3), torch.randn(num_inputs, 1, 1)
        wanted = cut = torch.zeros(1, 3)
        for t, x in enumerate(xs):
            wanted = layer(x, wanted)
            cut = layer(x, cut.detach() if t == num_inputs - k else cut)
        case = f"For {num_inputs} inputs and k = {k} "
        try:
            got = call(answer, layer, [x.clone() for x in xs], k)
        except (RuntimeError, IndexError, ValueError) as error:
            return (
                case
                + f"it stopped: {str(error).rstrip('.')}. (Each input and each state of this cell is a "
                + ("matrix with one row, (1, 1) and (1, 3).)")
            )
        if not isinstance(got, torch.Tensor):
            return f"The answer is the last state, a tensor; your function returns {kind(got)}."
        if not same(got, wanted):
            return case + "the last state is wrong; cutting the graph must not change any number."
        if got.grad_fn is None:
            return case + "the result has no graph at all: the last call must still be in it."
        reach, right = (sum(n.name() == "TanhBackward0" for n in graph_nodes(state)) for state in (got, cut))
        if reach != right:
            return (
                case + f"the graph should reach back through {right} of the calls, yours reaches back through {reach}."
            )
        if len(graph_nodes(got)) != len(graph_nodes(cut)):
            return case + "the graph holds more than the calls of the cell."
    return None


@exercise("02.6")
def one_step_of_descent(answer: Any) -> str | None:
    for w, b, x, target, lr in ((1.0, 0.5, 2.0, 6.0, 0.1), (-1.0, 2.0, 3.0, -4.0, 0.05), (0.0, 0.0, -1.5, 2.0, 0.2)):
        mistake = w * x + b - target
        dw, db = 2 * mistake * x, 2 * mistake
        got = call(answer, w, b, x, target, lr)
        if isinstance(got, torch.Tensor) and got.numel() == 2:
            got = got.flatten().tolist()
        if not isinstance(got, (tuple, list)) or len(got) != 2:
            return f"The answer is two numbers, the new w and the new b; your function returns {kind(got)}."

        def is_step(to_w: float, to_b: float, got: Any = got, w: float = w, b: float = b, lr: float = lr) -> bool:
            return same(got, (w - lr * to_w, b - lr * to_b), 1e-6)

        if is_step(dw, db):
            continue
        if same(got, (b - lr * db, w - lr * dw), 1e-6):
            return "These are the two, swapped: the new w comes first."
        without_b = 2 * (w * x - target)
        if b and is_step(without_b * x, without_b):
            return "The bias is missing in the mistake: the model says w x + b."
        new_w = w - lr * dw
        late = 2 * (new_w * x + b - target)
        for to_w, to_b, hint in (
            (-dw, -db, "This step goes up the slope; the loss grows."),
            (dw / 2, db / 2, "The derivative of a square brings a factor 2."),
            (dw, dw, "The slope by b is not the slope by w: how much does y change when b is nudged?"),
            (db, db, "The slope by w is not the slope by b: how much does y change when w is nudged?"),
            (dw, late, "Both slopes belong to the old w and b; your b uses the new w."),
            (dw, 0.0, "`b` has not moved; it is a parameter, too."),
            (dw / lr, db / lr, "The learning rate is missing."),
        ):
            if is_step(to_w, to_b):
                return hint
        if same(got, (dw, db), 1e-6):
            return "These are the two slopes; the new w and b are wanted."
        case = f"For w = {w:g}, b = {b:g}, x = {x:g}, target = {target:g} and lr = {lr:g} "
        wrong = [name for name, n, right in (("w", got[0], new_w), ("b", got[1], b - lr * db)) if not same(n, right)]
        return f"{case}the new {' and '.join(wrong)} went wrong; find each slope by itself, the other parameter stays."
    return None
