"""Checks of the exercises of chapter 05: the RNN, concise."""

from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from funcs.book.exercises.checking import call, exercise, same
from funcs.rnn import RNNModel, rnn_forward


@exercise("05.1")
def number_of_parameters(answer: Any) -> str | None:
    wanted = sum(param.numel() for param in RNNModel(nn.RNN(28, 512), 28).parameters())
    if same(answer, wanted):
        return None
    return "chapter 4's model has 291356; what does nn.RNN have twice?"


@exercise("05.2")
def library_weights_for_our_loop(answer: Any) -> str | None:
    model = RNNModel(nn.RNN(5, 7), 5).double()
    params = call(answer, model)
    if len(params) != 5:
        return f"five tensors are needed, W_xh, W_hh, b_h, W_hq, b_q; yours are {len(params)}."
    x, state = torch.randint(5, (3, 4)), torch.randn(1, 3, 7, dtype=torch.float64)
    with torch.no_grad():
        wanted, _ = model(x, state)
        got, _ = rnn_forward(F.one_hot(x.T, 5).double(), (state[0],), params)
    return None if same(got, wanted, 1e-9) else "the shapes fit, the outputs differ: both biases? transposed?"


@exercise("05.3")
def gradient_of_an_embedding(answer: Any) -> str | None:
    x, G = torch.tensor([2, 0, 2, 4, 2]), torch.randn(5, 3)
    E = torch.zeros(6, 3, requires_grad=True)
    F.embedding(x, E).backward(G)
    got = call(answer, x, G, 6)
    if tuple(got.shape) != (6, 3):
        return f"the gradient has the shape of the embedding, (6, 3); yours has {tuple(got.shape)}."
    return None if same(got, E.grad) else "a token that occurs three times must collect three rows of G."


@exercise("05.4")
def outputs_read_in_pieces(answer: Any) -> str | None:
    torch.manual_seed(0)
    model = RNNModel(nn.RNN(5, 7), 5)
    x = torch.randint(5, (2, 30))
    wanted, _ = model(x, model.begin_state(2))
    got = call(answer, model, x, 8)
    if got.shape != wanted.shape:
        return f"the outputs must have shape {tuple(wanted.shape)}, yours have {tuple(got.shape)}."
    return None if same(got, wanted, 1e-3) else "each piece must start from the state that the last one returned."
