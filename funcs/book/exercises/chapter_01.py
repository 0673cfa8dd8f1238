"""Checks of the exercises of chapter 01: concatenated weights."""

from typing import Any

import torch

from funcs.book.exercises.checking import call, exercise, same


@exercise("01.1")
def size_of_the_stack(answer: Any) -> str | None:
    if same(tuple(answer), (28 + 512, 512)):
        return None
    return "W_xh is (28, 512) and W_hh is (512, 512); which of the two sizes grows when you stack them?"


@exercise("01.2")
def multiplications(answer: Any) -> str | None:
    n, d, h = 32, 28, 512
    if same(tuple(answer), (n * d * h + n * h * h, n * (d + h) * h)):
        return None
    return "an (a, b) matrix times a (b, c) matrix takes a·b·c multiplications; count both products, then the one."


@exercise("01.3")
def bias_folded_in(answer: Any) -> str | None:
    X, H, W_xh, W_hh, b_h = (torch.randn(shape) for shape in ((3, 2), (3, 4), (2, 4), (4, 4), (4,)))
    wanted = X @ W_xh + H @ W_hh + b_h
    got = call(answer, X, H, W_xh, W_hh, b_h)
    if got.shape != wanted.shape:
        return f"for n=3, d=2, h=4 the result must have shape (3, 4), yours has {tuple(got.shape)}."
    if same(got, X @ W_xh + H @ W_hh):
        return "the bias is missing: which column, put beside X and H, would pick up one row of b_h?"
    return None if same(got, wanted) else "the shape is right, the values are not: do both stacks have the same order?"


@exercise("01.4")
def weights_of_the_paper(answer: Any) -> str | None:
    x, h = torch.randn(2), torch.randn(4)
    W_xh, W_hh = torch.randn(2, 4), torch.randn(4, 4)
    W = call(answer, W_xh, W_hh)
    if tuple(W.shape) != (4, 6):
        return f"for d=2, h=4 the matrix must have shape (4, 6), yours has {tuple(W.shape)}."
    wanted = x @ W_xh + h @ W_hh
    if same(W @ torch.cat((x, h)), wanted):
        return "this is the matrix for [x; h]; the paper stacks [h; x]."
    return None if same(W @ torch.cat((h, x)), wanted) else "turn rows into columns: which matrix becomes W^T?"


@exercise("01.5")
def three_gates_at_once(answer: Any) -> str | None:
    n, d, h = 3, 2, 4
    X, H = torch.randn(n, d), torch.randn(n, h)
    gates = [(torch.randn(d, h), torch.randn(h, h)) for _ in range(3)]
    wanted = [X @ W_x + H @ W_h for W_x, W_h in gates]
    W = torch.cat([torch.cat(pair, 0) for pair in gates], 1)
    got = call(answer, X, H, W)
    if len(got) != 3:
        return f"the answer is three matrices, one per gate; yours has length {len(got)}."
    return None if same(list(got), wanted) else "which columns of the one product belong to which gate?"
