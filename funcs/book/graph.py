"""Looking at what autograd has recorded, and at how far a gradient reaches (chapters 02, 08)."""

from collections.abc import Callable
from typing import Any

import torch


def graph_nodes(tensor: torch.Tensor) -> list[Any]:
    """All nodes of the autograd graph behind `tensor`, each once: operations, and one per leaf that gets a gradient.

    Raises:
        ValueError: `tensor` has no graph, because nothing that it was computed from requires a gradient.
    """
    if tensor.grad_fn is None:
        raise ValueError("tensor must be the result of operations that autograd has recorded, got one without a graph")
    nodes: list[Any] = []
    stack: list[Any] = [tensor.grad_fn]
    while stack:
        node = stack.pop()
        if node is not None and node not in nodes:
            nodes.append(node)
            stack.extend(child for child, _ in node.next_functions)
    return nodes


def long_jacobians(
    step: Callable[[torch.Tensor, torch.Tensor], torch.Tensor],
    inputs: torch.Tensor,
    state: torch.Tensor,
    max_lag: int = 40,
) -> list[torch.Tensor]:
    """The derivatives ∂s_T/∂s_{T−k} of a recurrent network's last state, for k = 1 … max_lag (chapter 08).

    Args:
        step: (x, s) → next s, for 1-D tensors: any cell without a batch.
        inputs: (num_steps, input_size), at least `max_lag` steps.
        state: s_0, (state_size,).

    Returns:
        Matrices (state_size, state_size), entry (i, j) the derivative of unit i at the end by unit j k steps before.

    Raises:
        ValueError: `max_lag` below 1, or fewer inputs than that.
    """
    if max_lag < 1:
        raise ValueError(f"max_lag must be at least 1, got {max_lag}")
    if len(inputs) < max_lag:
        raise ValueError(f"inputs must have at least max_lag = {max_lag} steps, got {len(inputs)}")
    jacobians = []
    for x in inputs:
        jacobians.append(torch.autograd.functional.jacobian(lambda s, x=x: step(x, s), state))
        state = step(x, state).detach()
    products = [torch.eye(len(state), dtype=state.dtype)]
    for jacobian in reversed(jacobians[-max_lag:]):
        products.append(products[-1] @ jacobian)
    return products[1:]
