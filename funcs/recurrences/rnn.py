"""The recurrence with its backward pass by hand (chapter 06)."""

from itertools import pairwise
from typing import Any

import torch
from torch.nn import functional as F

from funcs.recurrences.loops import rnn_loop
from funcs.recurrences.modes import autocast_on, gradients_of_loop, run, traced
from funcs.recurrences.products import repeated_product, weight_gradient


class Recurrence(torch.autograd.Function):
    """All states H_1 … H_T of a recurrent layer, (num_steps, batch_size, num_hiddens).

    Only the gradient of the state walks back through time. Everything else is done for all steps at once: the slopes of
    the activation before the walk, the other gradients after it, as one product each (chapter 06).
    """

    @staticmethod
    def forward(ctx, X, H_0, W_xh, W_hh, b_h, nonlinearity):  # type: ignore[no-untyped-def]
        inputs = X @ W_xh + b_h if X.is_floating_point() else (W_xh + b_h)[X]
        H = torch.cat((H_0[None], inputs))
        activate = torch.tanh_ if nonlinearity == "tanh" else torch.relu_
        product = repeated_product(W_hh)
        for last, h in pairwise(H):
            activate(h.add_(product(last)))
        ctx.save_for_backward(X, H_0, W_xh, W_hh, b_h, H)
        ctx.nonlinearity = nonlinearity
        return H[1:]

    @staticmethod
    def backward(ctx, dH):  # type: ignore[no-untyped-def]
        *inputs, H = ctx.saved_tensors
        if torch.is_grad_enabled() or traced(dH):  # somebody wants this gradient's own gradient
            return gradients_of_loop(rnn_loop, (*inputs, ctx.nonlinearity), dH)
        X, _, W_xh, W_hh, _ = inputs
        dZ = H[1:].square().neg_().add_(1) if ctx.nonlinearity == "tanh" else H[1:].sign()
        product, from_future = repeated_product(W_hh.T), torch.zeros_like(H[0])
        for t in reversed(range(len(dZ))):
            dZ[t].mul_(from_future.add_(dH[t]))
            from_future = product(dZ[t])
        if not X.is_floating_point():
            X = F.one_hot(X, len(W_xh)).to(dZ.dtype)
        dX = dZ @ W_xh.T if ctx.needs_input_grad[0] else None
        return dX, from_future, weight_gradient(X, dZ), weight_gradient(H[:-1], dZ), dZ.sum((0, 1)), None


def check_recurrence(X: Any, H_0: Any, W_xh: torch.Tensor, W_hh: torch.Tensor, b_h: Any, nonlinearity: str) -> None:
    """Raise TypeError or ValueError unless the shapes and dtypes fit each other and the nonlinearity is known."""
    if nonlinearity not in ("tanh", "relu"):
        raise ValueError(f'nonlinearity must be "tanh" or "relu", got {nonlinearity!r}')
    if not isinstance(X, torch.Tensor):
        raise TypeError(f"X must be a tensor, got {type(X).__name__}")
    cast = X.is_floating_point() and autocast_on(X.device.type)
    if X.dtype not in (torch.int64, W_xh.dtype) and not cast:
        raise TypeError(f"X must be int64 token numbers or features of the weights' dtype {W_xh.dtype}, got {X.dtype}")
    if X.dim() != (3 if X.is_floating_point() else 2) or len(X) == 0:
        raise ValueError(
            "X must be token numbers (num_steps, batch_size) or features (num_steps, batch_size, input_size), "
            f"got {X.dtype} of shape {tuple(X.shape)}"
        )
    rows, num_hiddens = len(W_xh), len(W_hh)
    if X.is_floating_point() and X.shape[2] != rows:
        raise ValueError(f"X must have {rows} features (rows of W_xh), got {X.shape[2]}")
    if not X.is_floating_point():
        check_numbers(X, rows, "X")
    wanted = {"W_xh": (rows, num_hiddens), "W_hh": (num_hiddens, num_hiddens), "b_h": (num_hiddens,)}
    for (name, shape), tensor in zip(wanted.items(), (W_xh, W_hh, b_h), strict=True):
        if tuple(tensor.shape) != shape:
            raise ValueError(f"{name} must have shape {shape}, got {tuple(tensor.shape)}")
    if H_0 is not None and tuple(H_0.shape) != (X.shape[1], num_hiddens):
        shape = (X.shape[1], num_hiddens)
        raise ValueError(f"state must have shape (batch_size, num_hiddens) = {shape}, got {tuple(H_0.shape)}")


def check_numbers(x: torch.Tensor, vocab_size: int, name: str = "x") -> None:
    """Raise ValueError unless all numbers of `x` are in 0 … vocab_size − 1.

    On a GPU, whose answer would have to be waited for, and under tracing, where there are no numbers, nothing is done.
    """
    if x.device.type == "cpu" and x.numel() and not traced():
        low, high = (int(end) for end in x.aminmax())
        if low < 0 or high >= vocab_size:
            raise ValueError(f"{name} must hold token numbers 0 … {vocab_size - 1}, got {low} … {high}")


def recurrence(
    X: torch.Tensor,
    H_0: torch.Tensor | None,
    W_xh: torch.Tensor,
    W_hh: torch.Tensor,
    b_h: torch.Tensor,
    nonlinearity: str = "tanh",
) -> torch.Tensor:
    """All states H_t = φ(X_t W_xh + H_{t−1} W_hh + b_h), with a backward pass derived by hand (chapter 06).

    Works on any device and in any floating dtype. A gradient that is differentiated itself (`create_graph=True`) is
    that of the plain loop, and as slow; so is everything under torch.func, torch.compile and torch.export.
    Under autocast it computes in the weights' dtype.

    Args:
        X: time-major input: token numbers (num_steps, batch_size), which pick rows of `W_xh`, or features
            (num_steps, batch_size, input_size) of the weights' dtype.
        H_0: state before the first step, (batch_size, num_hiddens); None is zero.
        W_xh, W_hh, b_h: (input_size or vocab_size, num_hiddens), (num_hiddens, num_hiddens), (num_hiddens,).
        nonlinearity: "tanh" or "relu".

    Returns:
        (num_steps, batch_size, num_hiddens).

    Raises:
        TypeError: X is no tensor, or neither int64 nor of the weights' dtype.
        ValueError: shapes that do not fit, a token number outside 0 … vocab_size − 1, or an unknown nonlinearity.
    """
    check_recurrence(X, H_0, W_xh, W_hh, b_h, nonlinearity)
    if H_0 is None:
        H_0 = W_hh.new_zeros(X.shape[1], len(W_hh))
    if autocast_on(X.device.type):
        X, H_0 = X.to(W_xh.dtype) if X.is_floating_point() else X, H_0.to(W_xh.dtype)
    H: torch.Tensor = run(Recurrence, rnn_loop, X, H_0, W_xh, W_hh, b_h, nonlinearity)
    return H
