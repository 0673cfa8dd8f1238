"""Matrix products for a recurrence: the same weight at every step, and one sum over all steps at the end (chapter 06).

On x86 CPUs the products run on oneDNN, the library behind nn.LSTM, through calls that torch itself uses there. They are
not part of its public interface, so the import checks that they are there and give the right result.
"""

import functools
from collections.abc import Callable
from typing import Any

import torch
from torch.nn import functional as F

from funcs.recurrences.modes import traced

# glibc gives large blocks of memory back to the system when they are freed, and fetching them anew in each training
# step costs a tenth of its time. Once a block of this size has been freed, it keeps smaller ones (mallopt(3)).
torch.empty(31 * 2**20, dtype=torch.uint8, device="cpu")

WORTH_PACKING = 2**17  # entries of a matrix; below, the plain product is faster
ROWS_FIRST = 32  # rows of X; for fewer, as in sampling, packing takes longer than what it saves
ROWS_AT_ONCE = 2**13  # so that copies stay small beside what a long sequence keeps


def pack(W: torch.Tensor) -> torch.Tensor:
    """W.T in the blocks in which oneDNN reads it."""
    return torch.ops.mkldnn._reorder_linear_weight.default(W.T, None)


def onednn_product(X: torch.Tensor, packed: torch.Tensor, b: torch.Tensor | None = None) -> torch.Tensor:
    """X @ W + b for a W that is packed."""
    return torch.ops.mkldnn._linear_pointwise.default(X, packed, b, "none", [], "")


def onednn_weight_gradient(A: torch.Tensor, B: torch.Tensor) -> torch.Tensor:
    """A.T @ B, by oneDNN's call for the weight gradient of a linear layer, which copies both: some rows at a time."""
    gradient = torch.ops.aten.mkldnn_linear_backward_weights.default
    like = B.new_empty(A.shape[1], B.shape[1])
    pieces = zip(A.split(ROWS_AT_ONCE), B.split(ROWS_AT_ONCE), strict=True)
    parts = (gradient(a.to_mkldnn(), b.to_mkldnn(), like, False)[0] for a, b in pieces)
    return functools.reduce(torch.Tensor.add_, parts)


def has_onednn() -> bool:
    """Whether torch's calls for oneDNN products exist here, and multiply."""
    options: Any = {"dtype": torch.float32, "device": "cpu"}  # whatever the defaults are at this moment
    A, W = torch.arange(6, **options).reshape(2, 3), torch.arange(12, **options).reshape(3, 4)
    try:
        product, gradient = onednn_product(A, pack(W)), onednn_weight_gradient(A.T, W)
        return torch.equal(product, A @ W) and torch.equal(gradient, A @ W)
    except (AttributeError, RuntimeError, TypeError):
        return False


HAS_ONEDNN = has_onednn()


def suits_onednn(A: torch.Tensor) -> bool:
    """Whether a product with `A` is float32 on the CPU, large enough, and oneDNN there.

    A subclass of Tensor (fake, batched, distributed) says for itself how it multiplies.
    """
    plain = type(A) in (torch.Tensor, torch.nn.Parameter) and A.dtype == torch.float32 and A.device.type == "cpu"
    return plain and A.numel() >= WORTH_PACKING and HAS_ONEDNN and not traced()


def recorded(*tensors: torch.Tensor | None) -> bool:
    """Whether autograd is to find a gradient through these; oneDNN's calls have none."""
    return torch.is_grad_enabled() and any(tensor is not None and tensor.requires_grad for tensor in tensors)


def repeated_product(W: torch.Tensor, b: torch.Tensor | None = None) -> Callable[[torch.Tensor], torch.Tensor]:
    """The function X ↦ X @ W + b, for many X: W is packed only once, when some rows have come (chapter 06).

    Args:
        W: (n, m). Changing it afterwards may or may not change the function.
        b: (m,); None is zero.

    Where gradients are recorded, as outside of a backward pass by hand, they are right, and nothing is packed.
    """
    if not suits_onednn(W) or recorded(W, b):
        return lambda X: F.linear(X, W.T, b)
    packed: torch.Tensor | None = None
    rows = 0

    def product(X: torch.Tensor) -> torch.Tensor:
        nonlocal packed, rows
        rows += X.numel() // len(W)
        if recorded(X) or rows < ROWS_FIRST:
            return F.linear(X, W.T, b)
        packed = pack(W) if packed is None else packed
        return onednn_product(X, packed, b)

    return product


def weight_gradient(inputs: torch.Tensor, dZ: torch.Tensor) -> torch.Tensor:
    """Σ_t inputs_tᵀ dZ_t, the gradient of a weight that is used at every step, as one product (chapter 06, 6.4).

    Args:
        inputs: (num_steps, batch_size, n).
        dZ: (num_steps, batch_size, m), the gradient of Z_t = inputs_t W.

    Returns:
        (n, m).
    """
    inputs, dZ = inputs.flatten(0, 1), dZ.flatten(0, 1)
    larger = max(inputs, dZ, key=torch.Tensor.numel)
    by_onednn = suits_onednn(larger) and not recorded(inputs, dZ)
    return onednn_weight_gradient(inputs, dZ) if by_onednn else inputs.T @ dZ


def sigmoid_backward(g: torch.Tensor, y: torch.Tensor, *, grad_input: torch.Tensor) -> torch.Tensor:
    """g ⊙ y ⊙ (1 − y), the gradient before the sigmoid whose result was `y`, written into `grad_input` in one pass.

    Args:
        g: the gradient of `y`; all three have one shape and dtype.
    """
    return torch.ops.aten.sigmoid_backward.grad_input(g, y, grad_input=grad_input)


def tanh_backward(g: torch.Tensor, y: torch.Tensor, *, grad_input: torch.Tensor) -> torch.Tensor:
    """g ⊙ (1 − y²), the gradient before the tanh whose result was `y`, written into `grad_input` in one pass.

    Args:
        g: the gradient of `y`; all three have one shape and dtype.
    """
    return torch.ops.aten.tanh_backward.grad_input(g, y, grad_input=grad_input)
