"""Checks of the exercises of chapter 08: the GRU."""

from typing import Any

import torch
from torch import nn

from funcs.book.exercises.checking import call, exercise, same


@exercise("08.1")
def half_life_of_a_gate(answer: Any) -> str | None:
    k = next(k for k in range(1, 1000) if 0.99**k < 0.5)
    return (
        None if same(answer, k) else "the smallest whole k with 0.99^k below a half; (8.2) gives the number before it."
    )


@exercise("08.2")
def number_of_parameters(answer: Any) -> str | None:
    layer = nn.GRU(28, 256, num_layers=2)
    one_bias = sum(param.numel() for name, param in layer.named_parameters() if "bias_hh" not in name)
    if same(answer, one_bias):
        return "torch's layers have two biases per block."
    right = same(answer, sum(param.numel() for param in layer.parameters()))
    return None if right else "three blocks per layer; the second layer reads 256 features, not 28."


@exercise("08.3")
def bias_for_a_half_life(answer: Any) -> str | None:
    for k in (1, 10, 500):
        a = torch.as_tensor(call(answer, k)).double()
        if not same(torch.sigmoid(a) ** k, 0.5, 1e-3):
            return f"with your bias, {float(torch.sigmoid(a) ** k):.3g} is left after {k} steps; solve (8.2) for a."
    return None


@exercise("08.4")
def gradient_of_the_update_gate(answer: Any) -> str | None:
    dH, H_last, N = torch.randn(3, 3, 4).unbind()
    A = torch.randn(3, 4, requires_grad=True)
    Z = torch.sigmoid(A)
    (wanted,) = torch.autograd.grad(((Z * H_last + (1 - Z) * N) * dH).sum(), A)
    got = call(answer, dH, H_last, Z.detach(), N)
    if same(got, dH * (H_last - N)):
        return "that is the gradient of Z itself; go on through the sigmoid."
    return None if same(got, wanted) else "Z stands in Z * H_last and in (1 - Z) * N; then comes the sigmoid's slope."


@exercise("08.5")
def minimal_gated_unit(answer: Any) -> str | None:
    X, H, W_f, b_f, W_n, b_n = (torch.randn(shape) for shape in ((3, 2), (3, 4), (6, 4), (4,), (6, 4), (4,)))
    F_ = torch.sigmoid(torch.cat((X, H), 1) @ W_f + b_f)
    N = torch.tanh(torch.cat((X, F_ * H), 1) @ W_n + b_n)
    got = call(answer, X, H, W_f, b_f, W_n, b_n)
    if same(got, F_ * H + (1 - F_) * N):
        return "here the open gate lets the candidate in: look at the last formula again."
    return None if same(got, (1 - F_) * H + F_ * N) else "both products have [X ...] on the left, the second F * H."
