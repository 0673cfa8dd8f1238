"""Right and wrong answers to the exercises of chapter 01."""

from typing import Any

import torch
from torch.nn import functional as F


def with_ones(X: Any, H: Any, W_xh: Any, W_hh: Any, b_h: Any) -> Any:
    return torch.cat((X, H, X.new_ones(len(X), 1)), 1) @ torch.cat((W_xh, W_hh, b_h[None]), 0)


def ones_first(X: Any, H: Any, W_xh: Any, W_hh: Any, b_h: Any) -> Any:
    left = torch.hstack((torch.ones(X.shape[0], 1), H, X))
    return torch.matmul(left, torch.vstack((b_h, W_hh, W_xh)))


def three_by_slices(X: Any, H: Any, W: Any) -> Any:
    product = torch.hstack((X, H)) @ W
    h = W.shape[1] // 3
    return [product[:, i * h : (i + 1) * h] for i in range(3)]


def three_products(X: Any, H: Any, W: Any) -> Any:
    return tuple(torch.cat((X, H), 1) @ part for part in W.chunk(3, 1))


def three_stacked(X: Any, H: Any, W: Any) -> Any:
    return tuple(torch.bmm(torch.cat((X, H), 1).expand(3, -1, -1), torch.stack(W.chunk(3, 1))))


def side_by_side(X: Any, H: Any, W_xh: Any, W_hh: Any, b_h: Any) -> Any:
    """The bias in a column that is one in its first row only."""
    column = torch.zeros(len(X), 1)
    column[0] = 1
    return torch.cat((X, H, column), 1) @ torch.cat((W_xh, W_hh, b_h[None]), 0)


ALL, BEFORE = 35 * 32 * (28 + 512) * 512, 35 * 32 * 28 * 512

RIGHT: dict[str, list[Any]] = {
    "01.1": [(540, 512), [28 + 512, 512], torch.Size((540, 512))],
    "01.2": [(ALL, BEFORE), [309_657_600, 16_056_320]],
    "01.3": [with_ones, ones_first],
    "01.4": [
        lambda W_xh, W_hh: torch.cat((W_hh.T, W_xh.T), 1),
        lambda W_xh, W_hh: torch.vstack((W_hh, W_xh)).T,
    ],
    "01.5": [lambda X, H, W: (torch.cat((X, H), 1) @ W).chunk(3, 1), three_by_slices],
}
WRONG: dict[str, list[tuple[Any, str]]] = {
    "01.1": [
        ((512, 540), "swapped: rows first"),
        ((540, 1024), "which of the two sizes grows"),
        ((540, 540), "one of the two sizes only"),
        ((540, 2048), "four sums side by side"),
        (540, "2 values are wanted, got the number 540"),
        ("(540, 512)", "2 values are wanted, got the text"),
    ],
    "01.2": [
        ((ALL // 35, BEFORE // 35), "This is one step"),
        ((ALL // 32, BEFORE // 32), "This is one sequence"),
        ((BEFORE, ALL), "swapped"),
        ((ALL, ALL - BEFORE), "have to wait for it"),
        ((ALL, ALL), "only the inputs are known"),
        ((ALL + 1, BEFORE), "count both products"),
        (ALL, "2 values are wanted, got the number"),
    ],
    "01.3": [
        (lambda X, H, W_xh, W_hh, b_h: X @ W_xh + H @ W_hh + b_h, "with 2 products"),
        (lambda X, H, W_xh, W_hh, b_h: torch.cat((X, H), 1) @ torch.cat((W_xh, W_hh)) + b_h, "something is added"),
        (lambda X, H, W_xh, W_hh, b_h: (torch.cat((X, H), 1) @ torch.cat((W_xh, W_hh))).add_(b_h), "is added"),
        (
            lambda X, H, W_xh, W_hh, b_h: torch.addmm(b_h, torch.cat((X, H), 1), torch.cat((W_xh, W_hh))),
            "adds the bias after the product",
        ),
        (lambda X, H, W_xh, W_hh, b_h: F.linear(torch.cat((X, H), 1), torch.cat((W_xh, W_hh)).T, b_h), "adds the bias"),
        (lambda X, H, W_xh, W_hh, b_h: torch.cat((X, H), 1) @ torch.cat((W_xh, W_hh)), "The bias is missing"),
        (lambda *args: torch.tanh(with_ones(*args)), "before tanh"),
        (lambda X, H, *weights: with_ones(X, H.flip(1), *weights), "do both stacks have the same order?"),
        (side_by_side, "the values are not"),
        (lambda X, H, W_xh, W_hh, b_h: with_ones(X, H, W_xh, W_hh, len(X) * b_h), "more than once"),
        (lambda X, H, W_xh, W_hh, b_h: torch.cat((X, H), 1) @ torch.cat((W_xh, W_hh, b_h[None])), "sizes that meet"),
        (lambda X, H, W_xh, W_hh, b_h: torch.cat((W_xh, W_hh, b_h)), "reshape(1, -1) makes a row of it"),
        (
            lambda X, H, W_xh, W_hh, b_h: torch.cumsum(
                torch.stack((torch.cat((X, H), 1) @ torch.cat((W_xh, W_hh)), b_h.expand(len(X), -1))), 0
            )[1],
            "something is added",
        ),
        (
            lambda X, H, W_xh, W_hh, b_h: (torch.cat((X, H), 1)[:, :, None] * torch.cat((W_xh, W_hh))).sum(1) + b_h,
            "without torch's products",
        ),
        (lambda X, H, W_xh, W_hh, b_h: (X @ W_xh + H @ W_hh + b_h).numpy(), "your function returns an ndarray"),
        (lambda X, H, W_xh, W_hh, b_h: (X, H), "one tensor; your function returns 2 values"),
    ],
    "01.4": [
        (lambda W_xh, W_hh: torch.cat((W_xh.T, W_hh.T), 1), "the matrix for [x; h]"),
        (lambda W_xh, W_hh: torch.cat((W_hh, W_xh), 0), "on the left of a column"),
        (lambda W_xh, W_hh: torch.cat((W_hh, W_xh.T), 1), "is transposed: each of them"),
        (lambda W_xh, W_hh: W_hh.T, "must have shape"),
        (lambda W_xh, W_hh: torch.cat((W_hh, W_xh), 1), "Do the sizes that meet agree?"),
        (lambda W_xh, W_hh: (W_hh.T, W_xh.T), "one matrix; your function returns 2 values"),
    ],
    "01.5": [
        (three_products, "with 3 products"),
        (three_stacked, "with 3 products"),
        (lambda X, H, W: torch.cat((X, H), 1) @ W, "now cut it"),
        (lambda X, H, W: (torch.cat((X, H), 1) @ W).chunk(3, 0), "each matrix must have shape"),
        (lambda X, H, W: (torch.cat((H, X), 1) @ W).chunk(3, 1), "do X and H stand in the same order?"),
        (lambda X, H, W: (torch.cat((X, H), 1) @ W).chunk(3, 1)[::-1], "in the wrong order"),
        (lambda X, H, W: (torch.cat((X, H), 1) @ W).sigmoid().chunk(3, 1), "without a function on top"),
        (lambda X, H, W: (torch.cat((X, H), 1) @ W).chunk(3, 1)[:2], "your function returns 2"),
        (lambda X, H, W: (X @ W).chunk(3, 1), "Do the sizes that meet agree?"),
    ],
}
