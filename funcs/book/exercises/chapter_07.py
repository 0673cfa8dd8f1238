"""Checks of the exercises of chapter 07: stacked layers."""

from typing import Any

import torch
from torch import nn

from funcs.book.exercises.checking import call, exercise, same
from funcs.stacked import MyRNN


@exercise("07.1")
def number_of_parameters(answer: Any) -> str | None:
    if same(answer, sum(param.numel() for param in MyRNN(28, 256, 3).parameters())):
        return None
    return "the first layer reads 28 features, the two others 256; ours has one bias per layer."


@exercise("07.2")
def cells_and_rounds(answer: Any) -> str | None:
    cells = {(layer, t): layer + t for layer in range(4) for t in range(35)}
    if same(tuple(answer), (len(cells), max(cells.values()) + 1)):
        return None
    return "one cell after the other takes layers times steps; a wavefront takes one round per diagonal."


@exercise("07.3")
def cell_is_ready(answer: Any) -> str | None:
    for layer, t, done in ((0, 0, []), (1, 0, [(0, 0)]), (1, 1, [(0, 0), (0, 1), (1, 0)]), (0, 2, [(0, 0), (0, 1)])):
        if call(answer, layer, t, set(done)) is not True:
            return f"cell ({layer}, {t}) is ready when {done} are done."
    for layer, t, done in ((0, 1, []), (1, 0, []), (1, 1, [(0, 1)]), (1, 1, [(1, 0)]), (2, 3, [(1, 3), (2, 1)])):
        if answer(layer, t, set(done)) is not False:
            return f"cell ({layer}, {t}) is not ready when only {done} are done."
    return None


@exercise("07.4")
def last_states_of_both_directions(answer: Any) -> str | None:
    rnn = nn.RNN(3, 4, bidirectional=True)
    with torch.no_grad():
        output, h_n = rnn(torch.randn(6, 2, 3))
    got = call(answer, output)
    if tuple(got.shape) != tuple(h_n.shape):
        return f"for hidden size 4 and batch 2 the shape must be (2, 2, 4), yours is {tuple(got.shape)}."
    if same(got[1], output[-1, :, 4:]):
        return "the backward direction begins at the end of the sequence; where does it stop?"
    return None if same(got, h_n) else "forward half of one step, backward half of another: which ones?"


@exercise("07.5")
def random_scaled_orthogonal(answer: Any) -> str | None:
    torch.manual_seed(0)
    for hidden_size in (4, 9):
        W = call(answer, hidden_size, 0.7)
        if tuple(W.shape) != (hidden_size, hidden_size):
            return f"the matrix must be square of size {hidden_size}, yours is {tuple(W.shape)}."
        if not same(W @ W.T, 0.49 * torch.eye(hidden_size)):
            return "every vector must come out 0.7 times as long: W W^T must be 0.49 times the identity."
    return None
