"""Checks of the exercises of chapter 06: backpropagation through time."""

from typing import Any

import torch

from funcs.book.exercises.checking import call, exercise, same
from funcs.book.graph import graph_nodes


@exercise("06.1")
def gradient_of_a_weight_used_four_times(answer: Any) -> str | None:
    w = torch.tensor(2.0, requires_grad=True)
    (3 * w * w * w * w).backward()
    if same(answer, w.grad):
        return None
    return "w is used four times; add up what comes back from each use, or write h_4 as a power of w."


@exercise("06.2")
def gradient_before_tanh(answer: Any) -> str | None:
    dO, dZ_next, H = torch.randn(3, 5), torch.randn(3, 4), torch.rand(3, 4)
    W_hh, W_hq = torch.randn(4, 4), torch.randn(4, 5)
    Z = H.atanh().requires_grad_()
    ((torch.tanh(Z) @ W_hq * dO).sum() + (torch.tanh(Z) @ W_hh * dZ_next).sum()).backward()
    got = call(answer, dO, dZ_next, H, W_hh, W_hq)
    if same(got, dO @ W_hq.T + dZ_next @ W_hh.T):
        return "this is dH_t; the way through tanh is missing."
    return None if same(got, Z.grad, 1e-3) else "two gradients come back to H_t, each through its matrix, transposed."


@exercise("06.3")
def gradient_of_the_state_weights(answer: Any) -> str | None:
    H, dZ = torch.randn(6, 3, 4), torch.randn(5, 3, 4)
    got = call(answer, H, dZ)
    if same(got, H[1:].flatten(0, 1).T @ dZ.flatten(0, 1)):
        return "step t saw the state before it, H_{t-1}, not H_t."
    return (
        None if same(got, torch.einsum("tnh,tnk->hk", H[:-1], dZ), 1e-3) else "flatten time and batch to one long side."
    )


@exercise("06.4")
def steps_until_a_millionth(answer: Any) -> str | None:
    k = next(k for k in range(1, 1000) if 0.9**k < 1e-6)
    return None if same(answer, k) else "the smallest whole k with 0.9^k < 0.000001; logarithms help."


@exercise("06.5")
def sigmoid_recurrence_by_hand(answer: Any) -> str | None:
    shapes = ((4, 3, 2), (3, 5), (2, 5), (5, 5), (5,))
    inputs = [torch.randn(shape, dtype=torch.float64).requires_grad_() for shape in shapes]
    X, H, W_xh, W_hh, b_h = inputs
    states = []
    for x in X:
        H = torch.sigmoid(x @ W_xh + H @ W_hh + b_h)
        states.append(H)
    got = call(answer, *inputs)
    if not same(got, torch.stack(states)):
        return "the states are not those of a loop with torch.sigmoid."
    if len(graph_nodes(got)) > 12:
        return "the states are right, but autograd has recorded the loop: put it into a torch.autograd.Function."
    wanted = torch.autograd.grad(torch.stack(states).square().sum(), inputs)
    grads = torch.autograd.grad(got.square().sum(), inputs)
    wrong = [name for name, a, b in zip("X H_0 W_xh W_hh b_h".split(), grads, wanted, strict=True) if not same(a, b)]
    return f"the states are right, the gradients of {', '.join(wrong)} are not." if wrong else None
