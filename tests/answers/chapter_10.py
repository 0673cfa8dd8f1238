"""Right and wrong answers to the exercises of chapter 10."""

import copy
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

import funcs


def by_mean_squares(a: float, k: int) -> Any:
    noise = torch.tensor(a, dtype=torch.float64).square() / 3
    return (noise + noise / k).sqrt()


def merged_by_probing(dense: Any, out: Any) -> Any:
    """What the two make of zeros, and of each unit vector."""
    both = nn.Sequential(dense, out)
    bias = both(torch.zeros(dense.in_features))
    return [(both(torch.eye(dense.in_features)) - bias).T, bias]


def merged(
    weight: Callable[..., Any] = lambda A, a, B, b: B @ A, bias: Callable[..., Any] = lambda A, a, B, b: B @ a + b
) -> Any:
    def collapse(dense: Any, out: Any) -> Any:
        parts = dense.weight, dense.bias, out.weight, out.bias
        return weight(*parts), bias(*parts)

    return collapse


def as_a_layer(dense: Any, out: Any) -> Any:
    return nn.Linear(dense.in_features, 1)


def by_looking(length: int, num_rows: int, size: int, i: int, k: int) -> Any:
    """Cut the positions themselves."""
    per_row = (length - 1) // num_rows
    per_row -= per_row % size
    return torch.arange(num_rows * per_row).view(num_rows, per_row)[i, k * size]


def spread(
    half_life: Callable[[int, int, float], float] = lambda j, h, longest: longest ** (j / (h - 1)),
    bias: Callable[[float], float] = lambda k: -math.log(math.expm1(math.log(2) / k)),
) -> Any:
    return lambda h, longest: torch.tensor([bias(half_life(j, h, longest)) for j in range(h)], dtype=torch.float64)


def spread_by_logit(h: int, longest: float) -> Any:
    half_lives = torch.logspace(0, math.log2(longest), h, 2, dtype=torch.float64)
    return torch.logit(torch.exp(-math.log(2) / half_lives))


def even_biases(h: int, longest: float) -> Any:
    return torch.linspace(0, -math.log(math.expm1(math.log(2) / longest)), h, dtype=torch.float64)


def bent(h: int, longest: float) -> Any:
    biases = spread_by_logit(h, longest)
    biases[1:-1] += 0.2
    return biases


def one_after_the_other(angles: Any) -> Any:
    """The product of the polynomials."""
    poly = np.array([1.0])
    for angle in angles:
        poly = np.convolve(poly, [1, -2 * math.cos(angle), 1])
    return -poly[:0:-1]


def by_fitting(angles: Any) -> Any:
    """What a regression finds on sines and cosines of these angles."""
    n = 2 * len(angles)
    steps = torch.arange(n + 1, dtype=torch.float64)
    waves = torch.stack([f(angle * steps) for angle in angles for f in (torch.sin, torch.cos)])
    return torch.linalg.solve(waves[:, :n], waves[:, n])


def by_steps(angles: Any, factor: float = 2.0) -> Any:
    weights = [-1.0, factor * math.cos(angles[0])]
    for angle in angles[1:]:
        c = factor * math.cos(angle)
        old = [*(-w for w in weights), 1.0]
        new = [x - c * y + z for x, y, z in zip([0, 0, *old], [0, *old, 0], [*old, 0, 0], strict=True)]
        weights = [-w for w in new[:-1]]
    return weights


def free_unbatched(layer: Any, head: Any, y: Any, num_preds: int) -> Any:
    H, state = layer(y[:, None])
    predicted = [head(H[-1])]
    for _ in range(num_preds - 1):
        H, state = layer(predicted[-1][None], state)
        predicted.append(head(H[-1]))
    return torch.cat(predicted)


def free_by_forward(layer: Any, head: Any, y: Any, num_preds: int) -> Any:
    return free(layer.forward, head, y, num_preds)


def reread_by_forward(layer: Any, head: Any, y: Any, num_preds: int) -> Any:
    return free_from_the_start(layer.forward, head, y, num_preds)


def pretending(layer: Any) -> Any:
    read = keeping(layer)
    return lambda X: read(X).detach().requires_grad_()


def of_a_copy(layer: Any) -> Any:
    read, copied = keeping(layer), keeping(copy.deepcopy(layer))

    def forward(X: Any) -> Any:
        with torch.no_grad():
            read(X)
        return copied(X)

    return forward


def by_the_switch(layer: Any) -> Any:
    kind = funcs.GRU if isinstance(layer, nn.GRU) else funcs.LSTM
    other = kind(layer.input_size, layer.hidden_size, stateful=True)
    for name, param in layer.named_parameters():
        setattr(other, name, param)
    return lambda X: other(X)[0]


def for_a_gru(layer: Any) -> Any:
    return keeping(layer, cut=lambda state: state.detach())


def sampled(a: float, k: int) -> float:
    u = torch.empty(100_000, k + 1).uniform_(-a, a, generator=torch.Generator().manual_seed(0))
    return (u[:, 0] - u[:, 1:].mean(1)).square().mean().sqrt().item()


def free(
    layer: Any, head: Any, y: Any, num_preds: int, *, twice: bool = False, zero: bool = False, stale: bool = False
) -> Any:
    """One number after the other; with one thing wrong, if asked for."""
    state = None
    for value in y:
        H, state = layer(value.view(1, 1, 1), state)
    if twice:
        H, state = layer(y[-1].view(1, 1, 1), state)
    predicted = [head(H[0, 0])]
    for _ in range(num_preds - 1):
        H, new = layer(predicted[-1].view(1, 1, 1), None if zero else state)
        state = state if stale else new
        predicted.append(head(H[0, -1]))
    return torch.cat(predicted)


def free_by_pieces(layer: Any, head: Any, y: Any, num_preds: int) -> Any:
    read, state = y[None, :, None], None
    predicted: list[float] = []
    with torch.no_grad():
        while len(predicted) < num_preds:
            H, state = layer(read, state)
            read = head(H)[:, -1:]
            predicted.append(read.item())
    return torch.tensor(predicted)


def free_from_the_start(layer: Any, head: Any, y: Any, num_preds: int) -> Any:
    """Reads everything again for each prediction."""
    for _ in range(num_preds):
        y = torch.cat((y, head(layer(y[None, :, None])[0])[0, -1]))
    return y[-num_preds:]


def time_major(layer: Any, head: Any, y: Any, num_preds: int) -> Any:
    H, state = layer(y[:, None, None])
    predicted = [head(H[-1])]
    for _ in range(num_preds - 1):
        H, state = layer(predicted[-1][None], state)
        predicted.append(head(H[-1]))
    return torch.cat(predicted)[:, 0]


def detached(state: Any) -> Any:
    return state.detach() if isinstance(state, torch.Tensor) else tuple(part.detach() for part in state)


def keeping(layer: Any, cut: Callable[[Any], Any] = detached, first: Any = None) -> Any:
    kept = [first]

    def read(X: Any) -> Any:
        output, state = layer(X, kept[-1])
        kept[:] = [cut(state)]
        return output

    return read


class Keeper:
    """An object that is called, in place of a function."""

    def __init__(self, layer: Any) -> None:
        self.layer, self.state = layer, None

    def __call__(self, X: Any) -> Any:
        output, self.state = self.layer(X, self.state)
        self.state = torch.utils._pytree.tree_map(torch.Tensor.detach, self.state)
        return output


def reads_once(layer: Any) -> Any:
    return lambda X: layer(X)[0]


def with_state(layer: Any) -> Any:
    return lambda X: layer(X)


def without_gradient(layer: Any) -> Any:
    read = keeping(layer)

    def forward(X: Any) -> Any:
        with torch.no_grad():
            return read(X)

    return forward


SHARED: dict[int, Any] = {}


def sharing(layer: Any) -> Any:
    def read(X: Any) -> Any:
        output, state = layer(X, SHARED.get(id(layer)))
        SHARED[id(layer)] = detached(state)
        return output

    SHARED.setdefault(id(layer), None)
    return read


def rereading_from_zero(layer: Any) -> Any:
    heard: list[Any] = []

    def read(X: Any) -> Any:
        heard.append(X)
        return layer(torch.cat(heard))[0][-len(X) :]

    return read


RIGHT: dict[str, list[Any]] = {
    "10.1": [
        lambda a, k: a / 3**0.5 * (1 + 1 / k) ** 0.5,
        by_mean_squares,
        lambda a, k: math.hypot(a, a / k**0.5) / 3**0.5,
    ],
    "10.2": [
        lambda dense, out: (out.weight @ dense.weight, out(dense.bias)),
        merged(),
        merged_by_probing,
        merged(lambda A, a, B, b: (A.T @ B.T).T, lambda A, a, B, b: F.linear(a, B, b)),
    ],
    "10.3": [
        lambda n, rows, size, i, k: i * ((n - 1) // rows // size * size) + k * size,
        by_looking,
        lambda n, rows, size, i, k: (i * ((n - 1) // (rows * size)) + k) * size,
    ],
    "10.4": [one_after_the_other, by_fitting, by_steps, lambda angles: tuple(by_steps(angles[::-1]))],
    "10.5": [
        spread(),
        spread_by_logit,
        lambda h, longest: spread()(h, longest).tolist(),
        lambda h, longest: spread()(h, longest).numpy(),
    ],
    "10.6": [free, free_by_pieces, free_unbatched, free_by_forward],
    "10.7": [keeping, Keeper],
}
WRONG: dict[str, list[tuple[Any, str]]] = {
    "10.1": [
        (lambda a, k: a / 3**0.5, "That is the floor"),
        (lambda a, k: a / (3 * k) ** 0.5, "noise of the mean alone"),
        (lambda a, k: a * (2 / 3) ** 0.5, "right for k = 1 alone"),
        (lambda a, k: a * a / 3 * (1 + 1 / k), "take its root"),
        (lambda a, k: a / 3**0.5 * (1 + 1 / k), "the RMSE is a root"),
        (lambda a, k: a * (1 + 1 / k) ** 0.5, "a is the largest error"),
        (lambda a, k: a / 3**0.5 * (1 + k**-0.5), "mean squares that add up"),
        (lambda a, k: a * ((1 + k) / 3) ** 0.5, "the sum of the k numbers"),
        (lambda a, k: a * ((1 + 1 / k**2) / 3) ** 0.5, "a k-th of the mean square"),
        (lambda a, k: a * (2 / 3 / k) ** 0.5, "the number to come hasn't"),
        (sampled, "an exact formula is wanted"),
        (lambda a, k: a / k, "For a = 0.05 and k = 1"),
        (0.05 / 3**0.5, "The answer is a function"),
        (lambda a, k: "0.04", "got the text '0.04'"),
    ],
    "10.2": [
        (merged(bias=lambda A, a, B, b: B @ a), "missing, that of out"),
        (merged(bias=lambda A, a, B, b: b), "missing, that of dense"),
        (merged(bias=lambda A, a, B, b: B @ a + 2 * b), "is in it twice"),
        (merged(bias=lambda A, a, B, b: a.sum()[None] + b), "as if there were no out after it"),
        (merged(bias=lambda A, a, B, b: a + b), "must have the shape (1,), got (3,)"),
        (merged(bias=lambda A, a, B, b: (B @ a + b)[0]), "must have the shape (1,), got ()"),
        (lambda dense, out: merged()(dense, out)[::-1], "First the weight, then the bias"),
        (as_a_layer, "got a Linear"),
        (lambda dense, out: out.weight @ dense.weight, "got a tensor of shape (1, 5)"),
        (merged(weight=lambda A, a, B, b: A @ B), "shapes that do not fit"),
        (merged(weight=lambda A, a, B, b: (B @ A).T), "must have the shape (1, 5) here, got (5, 1)"),
        (merged(weight=lambda A, a, B, b: A.sum(0, keepdim=True)), "What does out do"),
        (merged(bias=lambda A, a, B, b: B @ a - b), "the bias is wrong"),
    ],
    "10.3": [
        (lambda n, rows, size, i, k: i * (n // rows) + k * size, "may end within a piece"),
        (lambda n, rows, size, i, k: i * ((n - 1) // rows) + k * size, "may end within a piece"),
        (lambda n, rows, size, i, k: i * (n // rows // size * size) + k * size, "can be a target and no input"),
        (lambda n, rows, size, i, k: i * -(-((n - 1) // rows) // size) * size + k * size, "not filled up"),
        (lambda n, rows, size, i, k: k * ((n - 1) // rows // size * size) + i * size, "row k of piece i"),
        (lambda n, rows, size, i, k: (k * rows + i) * size, "one after the other"),
        (lambda n, rows, size, i, k: i * ((n - 1) // rows // size) + k, "counts pieces"),
        (lambda n, rows, size, i, k: i * ((n - 1) // rows // size * size) + k, "how many numbers does one hold"),
        (lambda n, rows, size, i, k: 1 + i * ((n - 1) // rows // size * size) + k * size, "where the targets begin"),
        (lambda n, rows, size, i, k: i * n + k * size, "of the whole series"),
        (lambda n, rows, size, i, k: i * (n - 1) // rows // size * size + k * size, "from left to right"),
        (lambda n, rows, size, i, k: i * (n - 1) / rows + k * size, "a whole number"),
        (lambda n, rows, size, i, k: (i * ((n - 1) // rows // size * size) + k) * size, "only k counts pieces"),
        (
            lambda n, rows, size, i, k: (i - 1) * ((n - 1) // rows // size * size) + (k - 1) * size,
            "i and k are",
        ),
        (lambda n, rows, size, i, k: (i - 1) * ((n - 1) // rows // size * size) + k * size, "row 0 is the first"),
        (lambda n, rows, size, i, k: i * ((n - 1) // rows // size * size) + (k - 1) * size, "piece 0 is the first"),
        (lambda n, rows, size, i, k: 3, "row 0 of piece 0 is wrong"),
        (lambda n, rows, size, i, k: lambda: 0, "returns a function"),
    ],
    "10.4": [
        (lambda angles: by_steps(angles)[::-1], "in the wrong order"),
        (lambda angles: [0.9 * w for w in by_steps(angles)], "the weighted sum gives"),
        (lambda angles: [-w for w in by_steps(angles)] if len(angles) > 1 else by_steps(angles), "signs are wrong"),
        (lambda angles: by_steps(angles, 1.0), "not its cos"),
        (lambda angles: [w for angle in angles for w in by_steps([angle])], "one beside the other. The second"),
        (lambda angles: [w / len(angles) for angle in angles for w in by_steps([angle])], "divided by their number"),
        (lambda angles: by_steps([sum(angles)]), "the sum of the angles"),
        (lambda angles: [*by_steps(angles), 1.0], "the next number itself has none"),
        (lambda angles: by_steps(angles[:1]), "4 weights are wanted, got 2"),
        (lambda angles: 1.0, "2 weights are wanted, got the number 1.0"),
        ([-1.0, 1.9], "The answer is a function"),
    ],
    "10.5": [
        (spread(lambda j, h, longest: 1 + j * (longest - 1) / (h - 1)), "by the same difference"),
        (even_biases, "the biases that are evenly spaced"),
        (bent, "unit 3 has a half-life of"),
        (spread(bias=lambda k: k), "those are the half-lives"),
        (spread(bias=lambda k: 0.5 ** (1 / k)), "those are the gates"),
        (spread(bias=lambda k: math.log(math.expm1(math.log(2) / k))), "sign of the biases"),
        (lambda h, longest: spread()(h, longest).flip(0), "wrong order"),
        (spread(bias=math.log), "holds roughly"),
        (spread(lambda j, h, longest: longest ** (j / h)), "the last unit has a half-life of"),
        (spread(lambda j, h, longest: longest ** ((j + 1) / h)), "unit 0 has a half-life of"),
        (lambda h, longest: spread()(h + 1, longest), "there must be 5 biases"),
        (lambda h, longest: 1.0, "there must be 5 biases, got the number 1.0"),
    ],
    "10.6": [
        (lambda *args: free(*args, twice=True), "is read twice"),
        (lambda *args: free(*args, zero=True), "starts at zero"),
        (lambda *args: free(*args, stale=True), "gets the state after the known numbers"),
        (lambda layer, head, y, n: free(layer, head, y, n + 1)[1:], "Your first prediction is the second"),
        (lambda layer, head, y, n: torch.cat((y, free(layer, head, y, n))), "without the known numbers"),
        (lambda *args: free(*args)[None], "the shape must be (5,), got (1, 5)"),
        (lambda layer, head, y, n: free(layer, head, y, n + 2), "5 numbers are wanted"),
        (lambda *args: free(*args).tolist(), "one tensor of shape (5,) is wanted"),
        (free_from_the_start, "Each is to be read once"),
        (reread_by_forward, "Each is to be read once"),
        (time_major, "It was given (7, 1, 1)"),
        (lambda layer, head, y, n: layer(y), "It was given (7,)"),
        (lambda layer, head, y, n: -free(layer, head, y, n), "the predictions are wrong"),
    ],
    "10.7": [
        (rereading_from_zero, "earlier pieces are read again"),
        (reads_once, "is not kept"),
        (with_state, "one tensor, got 2 values"),
        (lambda layer: keeping(layer, cut=lambda state: state), "a gradient walks back"),
        (without_gradient, "No gradient reaches the weights"),
        (pretending, "No gradient reaches the weights of the layer"),
        (of_a_copy, "No gradient reaches the weights of the layer"),
        (by_the_switch, "is never called"),
        (lambda layer: keeping(copy.deepcopy(layer)), "is never called"),
        (for_a_gru, "An LSTM's state is a pair"),
        (sharing, "each needs its own state"),
        (lambda layer: layer(torch.zeros(4, 2, 3))[0], "Return a function of X"),
        (lambda layer: lambda X: layer(X)[0][-1], "the output of all steps"),
        (
            lambda layer: keeping(
                layer, cut=lambda state: torch.utils._pytree.tree_map(lambda s: s.detach() / 2, state)
            ),
            "give other numbers than the whole",
        ),
    ],
}
