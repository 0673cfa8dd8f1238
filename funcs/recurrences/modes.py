"""A backward pass by hand where more is asked of it than one gradient.

autograd cannot look into a `torch.autograd.Function`. Where it has to, the same function runs as a plain loop.
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch.autograd import forward_ad


def traced(*tensors: torch.Tensor) -> bool:
    """Whether somebody follows every operation: torch.compile, export, jit.trace, torch.func or forward mode.

    In a backward pass, with the gradients that come in: also whether they are a batch of gradients
    (`is_grads_batched`, `vectorize=True`).
    """
    transforms = getattr(torch._C, "_are_functorch_transforms_active", lambda: False)
    forward_mode = getattr(forward_ad, "_current_level", -1) >= 0
    batched = getattr(torch._C._functorch, "is_legacy_batchedtensor", lambda tensor: False)
    followed = torch.compiler.is_compiling() or torch.jit.is_tracing() or transforms() or forward_mode
    return followed or any(map(batched, tensors))


def exported() -> bool:
    """Whether torch.export or torch.jit.trace makes a program that is to run without Python."""
    return torch.jit.is_tracing() or getattr(torch.compiler, "is_exporting", lambda: False)()


def autocast_on(device: str) -> bool:
    """Whether `torch.autocast` is on for this type of device."""
    return torch.amp.is_autocast_available(device) and torch.is_autocast_enabled(device)


def run(function: Any, loop: Callable[..., Any], X: torch.Tensor, *others: Any) -> Any:
    """`function.apply(X, …)`, or `loop(X, …)`, the same as operations, where the function cannot be used.

    Autocast is off inside, and everything in the weights' dtype: a state that is rounded at each step stands still.
    """
    device = X.device.type
    if autocast_on(device):
        with torch.autocast(device, enabled=False):
            return run(function, loop, X, *others)
    return loop(X, *others) if traced() or X.numel() == 0 else function.apply(X, *others)


def gradients_of_loop(loop: Callable[..., Any], inputs: Sequence[Any], *grads: torch.Tensor) -> tuple[Any, ...]:
    """What a backward pass by hand returns, found by autograd instead, so that it can be differentiated again.

    A `backward` calls it when gradients are recorded (`create_graph=True`) or somebody follows every operation of it.

    Args:
        loop: the function as operations that autograd knows.
        inputs: what the Function was given, as it was saved.
        grads: the gradients of its results.

    Returns:
        One gradient per input, None for one that needs none.
    """
    again = torch.is_grad_enabled()
    with torch.enable_grad():
        # Each input under a name of its own: a weight may itself depend on X, and that way is not ours.
        own = [x.view_as(x) if isinstance(x, torch.Tensor) and x.requires_grad else x for x in inputs]
        needed = [x for x in own if isinstance(x, torch.Tensor) and x.requires_grad]
        found = iter(torch.autograd.grad(loop(*own), needed, grads, create_graph=again))
    return tuple(next(found) if isinstance(x, torch.Tensor) and x.requires_grad else None for x in own)
