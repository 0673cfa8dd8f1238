"""Checks of the exercises of chapter 10: fitting a wave."""

import math
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from funcs.book.exercises.checking import call, exercise, same


@exercise("10.1")
def noise_floor(answer: Any) -> str | None:
    if same(answer, 0.2):
        return "that is the largest error; the root mean square of numbers spread evenly is smaller."
    return None if same(answer, 0.2 / math.sqrt(3), 1e-2) else "integrate u² over the interval, and take the root."


@exercise("10.2")
def two_linear_layers_as_one(answer: Any) -> str | None:
    dense, out = nn.Linear(5, 3), nn.Linear(3, 1)
    got = call(answer, dense, out)
    if len(got) != 2:
        return "return two tensors, weight and bias."
    if not same(got[0], out.weight @ dense.weight):
        return "out(dense(h)) is out.weight @ (dense.weight @ h + dense.bias) + out.bias; where does h end up?"
    return None if same(got[1], out(dense.bias)) else "the weight is right; dense's bias goes through the second layer."


@exercise("10.3")
def position_in_a_strip(answer: Any) -> str | None:
    for length, num_rows, size in ((100, 4, 5), (103, 4, 5), (64, 8, 2)):
        strips = torch.arange(length)[: length // num_rows * num_rows].view(num_rows, -1)
        for i, k in ((0, 0), (1, 0), (2, 1), (3, 2)):
            if not same(call(answer, length, num_rows, size, i, k), strips[i, k * size]):
                return f"for a series of {length}, {num_rows} rows and pieces of {size}, row {i} of piece {k} is wrong."
    return None


@exercise("10.4")
def loss_of_guessing(answer: Any) -> str | None:
    wanted = F.cross_entropy(torch.zeros(1, 8), torch.tensor([3]))
    return None if same(answer, wanted, 1e-2) else "each symbol has the probability one eighth; (4.2) without its exp."


@exercise("10.5")
def biases_for_half_lives(answer: Any) -> str | None:
    for h, longest in ((5, 16.0), (33, 1000.0)):
        biases = torch.as_tensor(call(answer, h, longest)).double()
        if tuple(biases.shape) != (h,):
            return f"for h={h} there must be {h} biases, got shape {tuple(biases.shape)}."
        half_lives = math.log(2) / -F.logsigmoid(biases)
        wanted = longest ** (torch.arange(h) / (h - 1))
        if not same(half_lives, wanted, 1e-3):
            return (
                f"with h={h} and longest={longest:g}, half-lives go from {half_lives[0]:.3g} to {half_lives[-1]:.3g}."
            )
    return None
