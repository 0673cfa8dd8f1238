"""Checks of the exercises of chapter 02: by hand."""

from typing import Any

import torch
from torch import nn

from funcs.book.exercises.checking import call, exercise, same
from funcs.book.graph import graph_nodes


@exercise("02.1")
def sixth_state(answer: Any) -> str | None:
    h = 0.0
    for x in ((1, 2), (2, 0), (3, 1), (-1, -5), (2, -13), (4, 1)):
        h = max(0.0, -1 * x[0] + 3 * x[1] + 2 * h)
    if same(answer, h):
        return None
    return "work out the fifth state first: ReLU turns a negative sum into 0, and that is what the sixth step sees."


@exercise("02.2")
def shapes_of_stacked_bidirectional(answer: Any) -> str | None:
    output, h_n = nn.RNN(4, 8, num_layers=3, bidirectional=True)(torch.zeros(7, 5, 4))
    if same([tuple(part) for part in answer], [tuple(output.shape), tuple(h_n.shape)]):
        return None
    return "the output has both directions of the last layer side by side; h_n has one row of states per layer and way."


@exercise("02.3")
def number_of_parameters(answer: Any) -> str | None:
    wanted = sum(param.numel() for param in nn.RNN(10, 20, num_layers=2).parameters())
    if same(answer, wanted - 40):
        return "torch keeps two biases per layer."
    return None if same(answer, wanted) else "the second layer reads the 20 states of the first, not the 10 inputs."


@exercise("02.4")
def rnn_by_hand(answer: Any) -> str | None:
    rnn, X, h0 = nn.RNN(3, 4), torch.randn(6, 2, 3), torch.randn(1, 2, 4)
    with torch.no_grad():
        output, h_n = rnn(X, h0)
        got_output, got_h_n = call(answer, X, h0, rnn)
    if not same(got_output, output):
        return "the output is not that of nn.RNN: are both biases in, are the weights transposed, is it tanh?"
    return None if same(got_h_n, h_n) else "the output is right; the last state must have shape (1, 2, 4)."


@exercise("02.5")
def truncated_graph(answer: Any) -> str | None:
    torch.manual_seed(0)
    layer, xs = nn.RNNCell(1, 3), torch.randn(12, 1, 1)
    for k in (1, 3, 4, 20):
        h = torch.zeros(1, 3)
        for t, x in enumerate(xs):
            h = layer(x, h.detach() if t % k == 0 else h)
        got = call(answer, layer, xs, k)
        if not same(got, h):
            return f"for k = {k} the last state is wrong; detaching must not change any number."
        if got.grad_fn is None or len(graph_nodes(got)) != len(graph_nodes(h)):
            return f"for k = {k} and 12 inputs the graph should reach back {(12 - 1) % k + 1} calls, yours differs."
    return None
