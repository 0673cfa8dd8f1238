"""The recurrence with its backward pass by hand (chapter 06)."""

from typing import Any

import torch
from torch.autograd.function import once_differentiable
from torch.nn import functional as F


class Recurrence(torch.autograd.Function):
    """All states of a recurrent layer, hidden-major: H is (hidden, num_steps · batch), one block of columns per step.

    Only the gradient of the state walks back through time; every other gradient is one product at the end (chapter 06).
    With the state stored this way the weights stand on the left of each product, which CPUs compute faster.
    """

    @staticmethod
    def forward(ctx, X, H_0, W_xh, W_hh, b_h, nonlinearity):  # type: ignore[no-untyped-def]
        batch_size = len(H_0)
        if X.is_floating_point():
            H = (X.flatten(0, 1) @ W_xh + b_h).T.contiguous()
        else:
            H = torch.index_select((W_xh + b_h).T.contiguous(), 1, X.flatten())
        activate = torch.tanh_ if nonlinearity == "tanh" else torch.relu_
        W, last = W_hh.T.contiguous(), H_0.T
        for h in H.split(batch_size, 1):
            last = activate(h.addmm_(W, last))
        ctx.save_for_backward(X, H_0, W_xh, W_hh, H)
        ctx.nonlinearity = nonlinearity
        return H

    @staticmethod
    @once_differentiable
    def backward(ctx, dH):  # type: ignore[no-untyped-def]
        X, H_0, W_xh, W_hh, H = ctx.saved_tensors
        batch_size = len(H_0)
        dZ, later = dH.clone(memory_format=torch.contiguous_format), None
        for dz, h in zip(reversed(dZ.split(batch_size, 1)), reversed(H.split(batch_size, 1)), strict=True):
            if later is not None:
                dz.addmm_(W_hh, later)
            if ctx.nonlinearity == "tanh":
                torch.ops.aten.tanh_backward.grad_input(dz, h, grad_input=dz)
            else:
                torch.ops.aten.threshold_backward.grad_input(dz, h, 0, grad_input=dz)
            later = dz
        dW_hh = H[:, :-batch_size] @ dZ[:, batch_size:].T
        dW_hh.addmm_(H_0.T, dZ[:, :batch_size].T)
        dX = None
        if X.is_floating_point():
            dW_xh = (dZ @ X.flatten(0, 1)).T
            if ctx.needs_input_grad[0]:
                dX = (dZ.T @ W_xh.T).reshape(X.shape)
        else:
            dW_xh = F.one_hot(X.flatten(), len(W_xh)).to(dZ.dtype).T @ dZ.T
        dH_0 = (W_hh @ dZ[:, :batch_size]).T if ctx.needs_input_grad[1] else None
        return dX, dH_0, dW_xh, dW_hh, dZ.sum(1), None


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
        (num_steps, batch_size, num_hiddens), a view of hidden-major memory.

    Raises:
        ValueError: shapes that do not fit, or an unknown nonlinearity.
    """
    check_recurrence(X, H_0, W_xh, W_hh, nonlinearity)
    num_steps, batch_size = X.shape[:2]
    if H_0 is None:
        H_0 = W_hh.new_zeros(batch_size, len(W_hh))
    H: Any = Recurrence.apply(X, H_0, W_xh, W_hh, b_h, nonlinearity)
    return H.view(-1, num_steps, batch_size).permute(1, 2, 0)
