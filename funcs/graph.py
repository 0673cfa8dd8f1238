"""Looking at what autograd has recorded (chapter 02)."""

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
