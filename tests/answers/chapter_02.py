"""Right and wrong answers to the exercises of chapter 02."""

from typing import Any

import torch
from torch import nn


def loop(X: Any, h0: Any, rnn: Any) -> Any:
    h, output = h0[0], []
    for x in X:
        h = torch.tanh(x @ rnn.weight_ih_l0.T + rnn.bias_ih_l0 + h @ rnn.weight_hh_l0.T + rnn.bias_hh_l0)
        output.append(h)
    return torch.stack(output), h[None]


def inputs_first(X: Any, h0: Any, rnn: Any) -> Any:
    """All input products at once, written into one tensor."""
    Z = nn.functional.linear(X, rnn.weight_ih_l0, rnn.bias_ih_l0 + rnn.bias_hh_l0)
    h = h0
    for t in range(len(Z)):
        h = (Z[t] + h @ rnn.weight_hh_l0.T).tanh()
        Z[t] = h
    return [Z, h]


def step_with(x_weight: str = "x @ W_ih.T", h_weight: str = "h @ W_hh.T", biases: str = "+ b_ih + b_hh") -> Any:
    """A loop with one step of its own making."""

    def wrong(X: Any, h0: Any, rnn: Any) -> Any:
        W_ih, W_hh, b_ih, b_hh = rnn.weight_ih_l0, rnn.weight_hh_l0, rnn.bias_ih_l0, rnn.bias_hh_l0
        names = {"W_ih": W_ih, "W_hh": W_hh, "b_ih": b_ih, "b_hh": b_hh, "h0": h0, "torch": torch}
        h, output = h0[0], []
        for x in X:
            h = torch.tanh(eval(f"{x_weight} + {h_weight} {biases}", names | {"x": x, "h": h}))
            output.append(h)
        return torch.stack(output), h[None]

    return wrong


def copied_cell(X: Any, h0: Any, rnn: Any) -> Any:
    cell = nn.RNNCell(rnn.input_size, rnn.hidden_size)
    cell.load_state_dict({name[:-3]: value for name, value in rnn.state_dict().items()})
    h, output = h0[0], []
    for x in X:
        h = cell(x, h)
        output.append(h)
    return torch.stack(output), h[None]


def no_tanh(X: Any, h0: Any, rnn: Any) -> Any:
    h, output = h0[0], []
    for x in X:
        h = x @ rnn.weight_ih_l0.T + rnn.bias_ih_l0 + h @ rnn.weight_hh_l0.T + rnn.bias_hh_l0
        output.append(h)
    return torch.stack(output), h[None]


def last_calls(cell: Any, xs: Any, k: Any) -> Any:
    h = torch.zeros(1, cell.hidden_size)
    for t, x in enumerate(xs):
        if t == len(xs) - k:
            h = h.detach()
        h = cell(x, h)
    return h


def without_notes(cell: Any, xs: Any, k: Any) -> Any:
    """The first inputs without notes at all."""
    h, first = torch.zeros(1, cell.hidden_size), max(len(xs) - k, 0)
    with torch.no_grad():
        for x in xs[:first]:
            h = cell(x, h)
    for x in xs[first:]:
        h = cell(x, h)
    return h


def detached(cell: Any, xs: Any, when: Any, after: bool = False) -> Any:
    h = torch.zeros(1, cell.hidden_size)
    for t, x in enumerate(xs):
        if when(t) and not after:
            h = h.detach()
        h = cell(x, h)
        if when(t) and after:
            h = h.detach()
    return h


def flat_state(cell: Any, xs: Any, k: Any) -> Any:
    h = torch.zeros(1)
    for x in xs:
        h = cell(x, h)
    return h


def only_last(cell: Any, xs: Any, k: Any) -> Any:
    h = torch.zeros(1, cell.hidden_size)
    for x in xs[-k:]:
        h = cell(x, h)
    return h


def one_step(w: Any, b: Any, x: Any, target: Any, lr: Any) -> Any:
    mistake = w * x + b - target
    return w - lr * 2 * mistake * x, b - lr * 2 * mistake


def by_backward(w: Any, b: Any, x: Any, target: Any, lr: Any) -> Any:
    w, b = (torch.tensor(p, dtype=torch.float64, requires_grad=True) for p in (w, b))
    ((w * x + b - target) ** 2).backward()
    return [(p - lr * p.grad).item() for p in (w, b)]


def new_w_first(w: Any, b: Any, x: Any, target: Any, lr: Any) -> Any:
    w = w - lr * 2 * (w * x + b - target) * x
    return w, b - lr * 2 * (w * x + b - target)


def forgotten_b(w: Any, b: Any, x: Any, target: Any, lr: Any) -> Any:
    mistake = w * x - target
    return w - lr * 2 * mistake * x, b - lr * 2 * mistake


def change(factor_w: Any, factor_b: Any) -> Any:
    """A step whose two slopes are 2 · mistake times these factors, functions of x."""

    def wrong(w: Any, b: Any, x: Any, target: Any, lr: Any) -> Any:
        mistake = w * x + b - target
        return w - lr * 2 * mistake * factor_w(x), b - lr * 2 * mistake * factor_b(x)

    return wrong


RIGHT: dict[str, list[Any]] = {
    "02.1": [6, 6.0, torch.tensor(6.0), torch.tensor([[6.0]])],
    "02.2": [((7, 5, 16), (6, 5, 8)), [torch.Size((7, 5, 16)), torch.Size((6, 5, 8))]],
    "02.3": [1480, 20 * 30 + 40 + 20 * 40 + 40],
    "02.4": [loop, inputs_first],
    "02.5": [last_calls, without_notes],
    "02.6": [one_step, by_backward, lambda *args: torch.tensor(one_step(*args), dtype=torch.float64)],
}
WRONG: dict[str, list[tuple[Any, str]]] = {
    "02.1": [
        (-4, "can a state be negative"),
        (0, "can a state be negative"),
        (-5, "can a state be negative"),
        (False, "can a state be negative"),
        (42, "goes on from h_5"),
        ([6], "got 1 value: [6]"),
        (18, "Work out the fifth state first"),
        ("0", "got the text"),
        ((0, 0), "One number is wanted"),
    ],
    "02.2": [
        (((6, 5, 8), (7, 5, 16)), "swapped"),
        (((7, 5, 16), (3, 5, 8)), "the network also runs backwards"),
        (((7, 5, 16), (2, 5, 8)), "h_n has one row of states per layer and direction"),
        (((5, 7, 16), (6, 5, 8)), "the time comes first"),
        (((7, 5, 8), (6, 5, 8)), "both directions of the last layer side by side"),
        (((7, 5, 8), (3, 5, 8)), "That doubles something in `output`, too"),
        (((7, 5, 4), (2, 5, 8)), "For `output`"),
        (((7, 16), (6, 8)), "three sizes"),
        ((7, 5, 16), "Two shapes are wanted"),
        (16, "Two shapes are wanted"),
    ],
    "02.3": [
        (1440, "two biases per layer"),
        (1400, "The biases are missing"),
        (1280, "reads the 20 states of the first"),
        (1240, "Two slips"),
        (640, "the first layer alone"),
        (2, "What does the second layer read?"),
        ((1, 480), "A comma within a number"),
    ],
    "02.4": [
        (lambda X, h0, rnn: rnn(X, h0), "one of PyTorch's recurrent layers does the work"),
        (lambda X, h0, rnn: rnn.forward(X, h0), "one of PyTorch's recurrent layers does the work"),
        (copied_cell, "one of PyTorch's recurrent layers does the work"),
        (lambda X, h0, rnn: loop(X, h0, rnn)[::-1], "swapped: output comes first"),
        (step_with(biases="+ b_ih"), "One of the two biases is missing"),
        (step_with(biases=""), "Both biases are missing"),
        (step_with(h_weight="h @ W_hh"), "`weight_hh_l0` is stored transposed"),
        (step_with(x_weight="x @ W_ih"), "The table in 2.2 tells"),
        (step_with(h_weight="h0[0] @ W_hh.T"), "Every step starts from h0"),
        (no_tanh, "`tanh` is missing"),
        (lambda X, h0, rnn: loop(X, torch.zeros_like(h0), rnn), "it must start from h0"),
        (lambda X, h0, rnn: (loop(X, h0, rnn)[0], loop(X, h0, rnn)[1][0]), "h_n must have shape (1, 2, 4)"),
        (lambda X, h0, rnn: (loop(X, h0, rnn)[0], h0), "must be the state after the last step"),
        (lambda X, h0, rnn: loop(X, h0, rnn)[0], "two tensors, output and h_n; your function returns a tensor"),
        (lambda X, h0, rnn: (list(loop(X, h0, rnn)[0]), loop(X, h0, rnn)[1]), "torch.stack makes one"),
    ],
    "02.5": [
        (lambda cell, xs, k: detached(cell, xs, lambda t: t % k == 0), "reaches back"),
        (lambda cell, xs, k: detached(cell, xs, lambda t: False), "reaches back through 12"),
        (lambda cell, xs, k: detached(cell, xs, lambda t: True, after=True), "no graph at all"),
        (lambda cell, xs, k: detached(cell, xs, lambda t: t == len(xs) - k, after=True), "no graph at all"),
        (flat_state, "it stopped"),
        (only_last, "must not change any number"),
        (lambda cell, xs, k: [last_calls(cell, xs, k)], "a tensor; your function returns 1 value"),
    ],
    "02.6": [
        (change(lambda x: -x, lambda x: -1), "goes up the slope"),
        (change(lambda x: x / 2, lambda x: 1 / 2), "a factor 2"),
        (change(lambda x: x, lambda x: x), "when b is nudged"),
        (change(lambda x: 1, lambda x: 1), "when w is nudged"),
        (change(lambda x: x, lambda x: 0), "it is a parameter, too"),
        (change(lambda x: x * x, lambda x: 1), "the new w went wrong"),
        (lambda w, b, x, target, lr: one_step(w, b, x, target, 1), "The learning rate is missing"),
        (lambda *args: one_step(*args)[::-1], "swapped: the new w comes first"),
        (forgotten_b, "The bias is missing in the mistake"),
        (new_w_first, "your b uses the new w"),
        (lambda *args: one_step(*args)[0], "two numbers, the new w and the new b; your function returns the number"),
        (lambda w, b, x, target, lr: (2 * (w * x + b - target) * x, 2 * (w * x + b - target)), "the two slopes"),
    ],
}
