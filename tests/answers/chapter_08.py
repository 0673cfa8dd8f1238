"""Right and wrong answers to the exercises of chapter 08."""

import math
from typing import Any

import torch
from torch import nn


def before_reset(dH: Any, H_last: Any, R: Any, Z: Any, N: Any, W_hn: Any) -> Any:
    return ((dH * (1 - Z) * (1 - N * N)) @ W_hn.T) * H_last * R * (1 - R)


def before_reset_in_place(dH: Any, H_last: Any, R: Any, Z: Any, N: Any, W_hn: Any) -> Any:
    """Works on what it is given."""
    dH.mul_(Z.neg_().add_(1)).addcmul_(-dH, N.square_())
    return torch.einsum("bj,ij->bi", dH, W_hn).mul_(H_last.mul_(R)).sub_(0).mul_(R.neg_().add_(1))


def before_reset_by_autograd(dH: Any, H_last: Any, R: Any, Z: Any, N: Any, W_hn: Any) -> Any:
    A = torch.logit(R).requires_grad_()
    given = torch.atanh(N) - (R * H_last) @ W_hn
    new = torch.tanh(given + (torch.sigmoid(A) * H_last) @ W_hn)
    return torch.autograd.grad(((1 - Z) * new * dH).sum(), A)[0]


def minimal(X: Any, H: Any, W_f: Any, b_f: Any, W_n: Any, b_n: Any) -> Any:
    F = torch.sigmoid(torch.cat((X, H), 1) @ W_f + b_f)
    N = torch.tanh(torch.cat((X, F * H), 1) @ W_n + b_n)
    return (1 - F) * H + F * N


def minimal_in_place(X: Any, H: Any, W_f: Any, b_f: Any, W_n: Any, b_n: Any) -> Any:
    """The way of chapter 6: into the state that it was given."""
    d = X.shape[1]
    F = torch.addmm(b_f, X, W_f[:d]).addmm_(H, W_f[d:]).sigmoid_()
    N = torch.addmm(b_n, X, W_n[:d]).addmm_(F * H, W_n[d:]).tanh_()
    return H.mul_(1 - F).add_(F * N)


def minimal_with(
    gate: Any = torch.sigmoid,
    candidate: Any = torch.tanh,
    seen: Any = lambda F, H: F * H,
    new: Any = lambda F, H, N: (1 - F) * H + F * N,
    inputs: Any = lambda X, H: torch.cat((X, H), 1),
    biases: tuple[int, int] = (1, 1),
) -> Any:
    def step(X: Any, H: Any, W_f: Any, b_f: Any, W_n: Any, b_n: Any) -> Any:
        F = gate(inputs(X, H) @ W_f + biases[0] * b_f)
        N = candidate(inputs(X, seen(F, H)) @ W_n + biases[1] * b_n)
        return new(F, H, N)

    return step


def minimal_reset_after(X: Any, H: Any, W_f: Any, b_f: Any, W_n: Any, b_n: Any) -> Any:
    F, d = torch.sigmoid(torch.cat((X, H), 1) @ W_f + b_f), X.shape[1]
    return (1 - F) * H + F * torch.tanh(X @ W_n[:d] + F * (H @ W_n[d:]) + b_n)


def minimal_whole(X: Any, H: Any, W_f: Any, b_f: Any, W_n: Any, b_n: Any) -> Any:
    F = torch.sigmoid(torch.cat((X, H), 1) @ W_f + b_f)
    return (1 - F) * H + F * torch.tanh(F * (torch.cat((X, H), 1) @ W_n) + b_n)


def slope(Y: Any) -> Any:
    return 1 - Y * Y


layer = nn.GRU(28, 64, num_layers=2, bidirectional=True)

RIGHT: dict[str, list[Any]] = {
    "08.1": [230, math.ceil(math.log(10) / -math.log(0.99)), torch.tensor(230), 230.0],
    "08.2": [
        0.99**100 * 0.1,
        0.0366,
        0.037,
        torch.tensor(0.99) ** 50 * 0.1 * 0.99**50,
        math.exp(100 * math.log(0.99)) / 10,
    ],
    "08.3": [sum(p.numel() for p in layer.parameters()), 110592, 6 * (28 * 64 + 64**2 + 128 + 128 * 64 + 64**2 + 128)],
    "08.4": [
        lambda k: -math.log(2 ** (1 / k) - 1),
        lambda k: math.log(0.5 ** (1 / k) / (1 - 0.5 ** (1 / k))),
        lambda k: torch.logit(torch.tensor(0.5, dtype=torch.float64) ** (1 / k)),
        lambda k: -math.log(math.expm1(math.log(2) / k)),
    ],
    "08.5": [
        (torch.tensor([0.1, 0.2, 0.3, 0.4]), torch.eye(4)),
        [torch.tensor([0.71, 0.05, 0.33, 0.98], dtype=torch.float64), torch.diag(torch.tensor([1.0, -3.0, 0.2, 7.0]))],
        (torch.tensor([[0.9, 0.2, 0.35, 0.4]]), -2 * torch.eye(4)),
    ],
    "08.6": [before_reset, before_reset_in_place, before_reset_by_autograd],
    "08.7": [minimal, minimal_in_place, minimal_with(new=lambda F, H, N: torch.lerp(H, N, F))],
}

WRONG: dict[str, list[tuple[Any, str]]] = {
    "08.1": [
        (69, "That is when half of it is left"),
        (68.97, "That is when half of it is left"),
        (229, "which is more than a tenth"),
        (231, "There is an earlier step"),
        (229.1, "Steps are whole numbers"),
        (459, "There is an earlier step"),
        (10, "which is more than a tenth"),
        (1, "After 1 step 0.99"),
        (math.nan, "Steps are whole numbers"),
        ("230", "got the text '230'"),
        ((2, 30), "One number is wanted"),
    ],
    "08.2": [
        (0.99**100, "what does the one between them do"),
        (0.99**101 * 0.1, "How many steps stand at 0.99"),
        (0.99**101, "One of the steps has another gate"),
        (0.99**50 * 0.1, "50 more follow"),
        (0.99**100 * 0.9, "is it z or 1 − z"),
        (0.99**2 * 0.1, "for more than one step"),
        ((99 + 0.1) / 101, "multiply what is left"),
        (((99 + 0.1) / 101) ** 101, "A mean of the gates won't do"),
        (1 - 0.99**100 * 0.1, "the share that is lost"),
        (3.66, "percent"),
        (0.5, "Go step by step"),
        (7, "A share lies between 0 and 1"),
        ("0.037", "got the text"),
        (torch.zeros(2), "One number is wanted"),
    ],
    "08.3": [
        (110208, "Count the blocks of one direction"),
        (6 * (28 * 64 + 64**2 + 64) + 6 * (128 * 64 + 64**2 + 64), "two biases per block"),
        (6 * (28 * 64 + 64**2) + 6 * (128 * 64 + 64**2), "The biases are missing"),
        (sum(p.numel() for p in nn.GRU(28, 64, num_layers=2).parameters()), "without `bidirectional`"),
        (55296, "That is one direction"),
        (6 * (28 * 64 + 64**2 + 128) + 3 * (128 * 64 + 64**2 + 128), "has two directions"),
        (86016, "reads both directions of the first"),
        (36096, "That is one layer"),
        (36864, "That would be nn.RNN"),
        (147456, "Four blocks"),
        (110593, "Count the blocks of one direction"),
        (110602, "Count the blocks of one direction"),
        ((110, 592), "A comma within a number"),
        ("110592", "got the text"),
    ],
    "08.4": [
        (lambda k: {1: 0.0}[k], "stopped with KeyError"),
        (lambda k: 0.0 if k == 1 else math.log(k / math.log(2) - 0.5), "Near, but not exactly: for k = 2"),
        (lambda k: math.nan, "your bias is nan"),
        (lambda k: 2 ** (-1 / k), "That is where the gate must stand"),
        (lambda k: math.log(2 ** (1 / k) - 1), "Mind the sign"),
        (lambda k: math.log(k / math.log(2)), "near the half-life, not equal to it"),
        (lambda k: math.log(k), "of the old state is left after 2 steps"),
        (lambda k: math.log(2) / math.log(1 + math.exp(-k)), "of the old state is left after 1 step;"),
        (lambda k: 0.0, "of the old state is left after 2 steps"),
        (lambda k: (k, 1), "One number is wanted"),
        (lambda k: f"{-math.log(2 ** (1 / k) - 1)}", "got the text"),
        (lambda k: -math.log(2 ** (1 // k) - 1), "stopped with ValueError"),
        (lambda k: [k].clear(), "is a `return` missing?"),
    ],
    "08.5": [
        ((torch.tensor([0.5, 0.5, 0.5, 0.5]), torch.ones(4, 4)), "are the same; four different"),
        ((torch.tensor([0.1, 0.2, 0.3, 0.1]), torch.eye(4)), "are the same; four different"),
        ((torch.tensor([0.1, 0.2, 0.3, 0.4]), torch.zeros(4, 4)), "a row or a column of zeros"),
        ((torch.tensor([0.1, 0.2, 0.3, 0.4]), torch.diag(torch.tensor([1.0, 1.0, 1.0, 0.0]))), "a row or a column"),
        ((torch.tensor([0.0, 0.2, 0.3, 1.0]), torch.eye(4)), "A gate lies between 0 and 1"),
        ((torch.tensor([1.0, 2.0, 3.0, 4.0]), torch.eye(4)), "A gate lies between 0 and 1"),
        ((torch.tensor([0.1, 0.2, 0.3, 0.4]), torch.ones(4, 4)), "For random H the two differ"),
        ((torch.tensor([0.1, 0.2, 0.3, 0.4]), torch.eye(4).flip(0)), "For random H the two differ"),
        ((torch.tensor([0.1, 0.2, 0.3, 0.4]), torch.eye(4) + 0.01 * torch.ones(4, 4).tril()), "For random H the two"),
        ((torch.rand(4, 4), torch.eye(4)), "R must have shape (4,), got (4, 4)"),
        ((torch.rand(4), torch.rand(4)), "W must have shape (4, 4), got (4,)"),
        (([0.1, 0.2, 0.3, 0.4], torch.eye(4)), "R must be a tensor"),
        (torch.eye(4), "Two tensors are wanted"),
        ((torch.rand(4), torch.full((4, 4), math.nan)), "infinite or nan"),
    ],
    "08.6": [
        (lambda dH, H, R, Z, N, W: (dH * (1 - Z) * slope(N)) @ W.T * H, "the gradient of R itself"),
        (lambda dH, H, R, Z, N, W: (dH * (1 - Z) * slope(N)) @ W.T * H * slope(R), "the slope of a tanh"),
        (lambda dH, H, R, Z, N, W: (dH * (1 - Z) * slope(N)) @ W * H * R * (1 - R), "the matrix's transpose"),
        (lambda dH, H, R, Z, N, W: (dH * (1 - Z) * slope(N)) @ W.T * R * (1 - R), "multiplied with something"),
        (lambda dH, H, R, Z, N, W: (dH * (1 - Z)) @ W.T * H * R * (1 - R), "its slope is missing"),
        (lambda dH, H, R, Z, N, W: (dH * slope(N)) @ W.T * H * R * (1 - R), "How much of the candidate"),
        (lambda dH, H, R, Z, N, W: (dH * Z * slope(N)) @ W.T * H * R * (1 - R), "the share of the old state"),
        (lambda dH, H, R, Z, N, W: dH * (1 - Z) * slope(N) * (H @ W) * R * (1 - R), "resets after the product"),
        (lambda dH, H, R, Z, N, W: dH * (1 - Z) * slope(N) * H * R * (1 - R), "there is a product with W_hn"),
        (lambda dH, H, R, Z, N, W: -((dH * (1 - Z) * slope(N)) @ W.T) * H * R * (1 - R), "The sign is wrong"),
        (lambda dH, H, R, Z, N, W: dH * (H - N) * Z * (1 - Z), "Go back from dH"),
        (lambda dH, H, R, Z, N, W: dH * math.nan, "nan, not a number"),
        (lambda *args: before_reset(*args).sum(0), "one number per row and unit"),
        (lambda *args: (before_reset(*args), 0), "One tensor of shape"),
        (lambda dH, H, R, Z, N, W: W @ dH, "Two shapes don't fit"),
    ],
    "08.7": [
        (minimal_with(new=lambda F, H, N: F * H + (1 - F) * N), "the open gate lets the candidate in"),
        (minimal_with(new=lambda F, H, N: (1 - F) * H + N), "the candidate's weight is missing"),
        (minimal_with(new=lambda F, H, N: H + F * N), "the old state's weight is missing"),
        (minimal_with(gate=torch.tanh), "F has a sigmoid"),
        (minimal_with(candidate=torch.sigmoid), "The candidate has a tanh"),
        (minimal_with(seen=lambda F, H: H), "sees only F ⊙ H"),
        (minimal_with(seen=lambda F, H: (1 - F) * H), "not (1 − F) ⊙ H"),
        (minimal_with(inputs=lambda X, H: torch.cat((H, X), 1)), "the input stands first"),
        (minimal_with(inputs=lambda X, H: torch.cat((X, H))), "Two shapes don't fit"),
        (minimal_with(biases=(0, 0)), "The biases are missing"),
        (minimal_with(biases=(0, 1)), "b_f is missing"),
        (minimal_with(biases=(1, 0)), "b_n is missing"),
        (minimal_with(candidate=lambda A: A), "The candidate's tanh is missing"),
        (minimal_with(candidate=torch.relu), "compare gate, candidate and mean"),
        (minimal_whole, "not with the whole product"),
        (lambda X, H, W_f, b_f, W_n, b_n: minimal(X, H, W_n, b_n, W_f, b_f), "have changed places"),
        (minimal_reset_after, "before the product"),
        (lambda *args: (minimal(*args), 0), "One tensor of shape"),
        (lambda X, H, *rest: X, "one number per row and unit"),
    ],
}
