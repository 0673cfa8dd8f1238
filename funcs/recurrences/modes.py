"""A backward pass by hand where more is asked of it than one gradient.

autograd cannot look into a `torch.autograd.Function`. Where it has to, the same function runs as a plain loop.
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch


def traced() -> bool:
    """Whether somebody records every operation: torch.compile, torch.export, torch.jit.trace or torch.func."""
    transforms = getattr(torch._C, "_are_functorch_transforms_active", lambda: False)
    return torch.compiler.is_compiling() or torch.jit.is_tracing() or transforms()


def autocast_dtype(device: str) -> torch.dtype | None:
    """The dtype of `torch.autocast` on this type of device, None where it is off or there is none."""
    on = torch.amp.is_autocast_available(device) and torch.is_autocast_enabled(device)
    return torch.get_autocast_dtype(device) if on else None


def run(function: Any, loop: Callable[..., Any], X: torch.Tensor, *others: Any) -> Any:
    """`function.apply(X, …)`, or `loop(X, …)`, the same as operations, where the function cannot be used.

    Under autocast everything that is float32 is taken in autocast's dtype, as nn.LSTM does, and so is the result.
    """
    device = X.device.type
    dtype = autocast_dtype(device)
    if dtype is not None:
        with torch.autocast(device, enabled=False):
            return run(function, loop, *(lower(value, dtype) for value in (X, *others)))
    return loop(X, *others) if traced() or X.numel() == 0 else function.apply(X, *others)


def lower(value: Any, dtype: torch.dtype) -> Any:
    """`value` in a lower precision, if it is a float32 or half-precision tensor."""
    floating = isinstance(value, torch.Tensor) and value.is_floating_point() and value.dtype != torch.float64
    return value.to(dtype) if floating else value


def gradients_of_loop(loop: Callable[..., Any], inputs: Sequence[Any], *grads: torch.Tensor) -> tuple[Any, ...]:
    """What a backward pass by hand returns, found by autograd instead, so that it can be differentiated again.

    A `backward` calls it when gradients are recorded (`create_graph=True`).

    Args:
        loop: the function as operations that autograd knows.
        inputs: what the Function was given, as it was saved.
        grads: the gradients of its results.

    Returns:
        One gradient per input, None for one that needs none.
    """
    # Each input under a name of its own: a weight may itself depend on X, and that way is not ours.
    own = [x.view_as(x) if isinstance(x, torch.Tensor) and x.requires_grad else x for x in inputs]
    needed = [x for x in own if isinstance(x, torch.Tensor) and x.requires_grad]
    found = iter(torch.autograd.grad(loop(*own), needed, grads, create_graph=True))
    return tuple(next(found) if isinstance(x, torch.Tensor) and x.requires_grad else None for x in own)
