"""The recurrence with its backward pass by hand (chapter 06)."""

from itertools import pairwise
from typing import Any

import torch
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from funcs.products import repeated_product, weight_gradient


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
        ctx.save_for_backward(X, W_xh, W_hh, H)
        ctx.nonlinearity = nonlinearity
        return H[1:]

    @staticmethod
    @once_differentiable
    def backward(ctx, dH):  # type: ignore[no-untyped-def]
        X, W_xh, W_hh, H = ctx.saved_tensors
        dZ = H[1:].square().neg_().add_(1) if ctx.nonlinearity == "tanh" else H[1:].sign()
        product, from_future = repeated_product(W_hh.T), torch.zeros_like(H[0])
        for t in reversed(range(len(dZ))):
            dZ[t].mul_(from_future.add_(dH[t]))
            from_future = product(dZ[t])
        if not X.is_floating_point():
            X = F.one_hot(X, len(W_xh)).to(dZ.dtype)
        dX = dZ @ W_xh.T if ctx.needs_input_grad[0] else None
        return dX, from_future, weight_gradient(X, dZ), weight_gradient(H[:-1], dZ), dZ.sum((0, 1)), None


def check_recurrence(
    X: torch.Tensor, H_0: torch.Tensor | None, W_xh: torch.Tensor, W_hh: torch.Tensor, nonlinearity: str
) -> None:
    """Raise ValueError unless the shapes fit each other and the nonlinearity is known."""
    if nonlinearity not in ("tanh", "relu"):
        raise ValueError(f'nonlinearity must be "tanh" or "relu", got {nonlinearity!r}')
    if X.dim() != (3 if X.is_floating_point() else 2) or X.numel() == 0:
        raise ValueError(
            "X must be token numbers (num_steps, batch_size) or features (num_steps, batch_size, input_size), "
            f"got {X.dtype} of shape {tuple(X.shape)}"
        )
    if X.is_floating_point() and X.shape[2] != W_xh.shape[0]:
        raise ValueError(f"X must have {W_xh.shape[0]} features (rows of W_xh), got {X.shape[2]}")
    wanted = (X.shape[1], W_hh.shape[0])
    if H_0 is not None and tuple(H_0.shape) != wanted:
        raise ValueError(f"state must have shape (batch_size, num_hiddens) = {wanted}, got {tuple(H_0.shape)}")


def recurrence(
    X: torch.Tensor,
    H_0: torch.Tensor | None,
    W_xh: torch.Tensor,
    W_hh: torch.Tensor,
    b_h: torch.Tensor,
    nonlinearity: str = "tanh",
) -> torch.Tensor:
    """All states H_t = φ(X_t W_xh + H_{t−1} W_hh + b_h), with a backward pass derived by hand (chapter 06).

    Works on any device and in any floating dtype. The graph may be walked through again with `retain_graph=True`;
    differentiating the gradient itself (`create_graph=True`) raises torch's RuntimeError.

    Args:
        X: time-major input: token numbers (num_steps, batch_size), which pick rows of `W_xh`, or features
            (num_steps, batch_size, input_size) of the weights' dtype.
        H_0: state before the first step, (batch_size, num_hiddens); None is zero.
        W_xh, W_hh, b_h: (input_size or vocab_size, num_hiddens), (num_hiddens, num_hiddens), (num_hiddens,).
        nonlinearity: "tanh" or "relu".

    Returns:
        (num_steps, batch_size, num_hiddens).

    Raises:
        ValueError: shapes that do not fit, or an unknown nonlinearity.
    """
    check_recurrence(X, H_0, W_xh, W_hh, nonlinearity)
    if H_0 is None:
        H_0 = W_hh.new_zeros(X.shape[1], len(W_hh))
    H: Any = Recurrence.apply(X, H_0, W_xh, W_hh, b_h, nonlinearity)
    return H
