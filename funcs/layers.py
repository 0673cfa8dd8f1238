"""What our GRU and LSTM share: layers on top of each other, layouts, states, dropout (chapters 08, 09, 10)."""

from collections.abc import Callable
from typing import Any

import torch
from torch.nn import functional as F

from funcs.stacked import check_sequence

States = tuple[torch.Tensor, ...]


def run_layers(
    net: Any, layer: Callable[..., tuple[torch.Tensor, States]], X: torch.Tensor, states: States | None
) -> tuple[torch.Tensor, States]:
    """Run the layers of a `funcs.GRU` or `funcs.LSTM`, one after the other, over a sequence.

    Args:
        net: its weights are `net.all_weights`, four tensors per layer.
        layer: (X time-major, states of one layer, its weights) → (the layer's output, its last states).
        X: as nn.GRU takes it.
        states: one tensor for a GRU, two for an LSTM, as nn.GRU takes them; None is what a stateful net keeps, or zero.

    Returns:
        The last layer's output and the last states of all layers, as nn.GRU returns them.

    Raises:
        TypeError, ValueError: shapes or dtypes that do not fit `net` or each other, or the state that it keeps.
    """
    batch_axis = 0 if net.batch_first else 1
    if X.dim() == 2:
        states = None if states is None else tuple(state.unsqueeze(1) for state in states)
        output, states = run_layers(net, layer, X.unsqueeze(batch_axis), states)
        return output.squeeze(0 if net.last_step_only else batch_axis), tuple(state.squeeze(1) for state in states)

    check_sequence(X, None, net.input_size, (net.num_layers, net.hidden_size), net.batch_first)
    states = first_states(net, X) if states is None else states
    check_states(net, X, states)
    if net.batch_first:
        X = X.transpose(0, 1)
    last = []
    for i, weights in enumerate(net.all_weights):
        if i > 0:
            X = F.dropout(X, net.dropout, net.training)
        X, last_states = layer(X, tuple(state[i] for state in states), *weights)
        last.append(last_states)
    states = tuple(torch.stack(parts) for parts in zip(*last, strict=True))
    if net.stateful:
        net.kept_states = tuple(state.detach() for state in states)
    output = X[-1] if net.last_step_only else X.transpose(0, 1) if net.batch_first else X
    return output.clone(memory_format=torch.contiguous_format), states  # a copy: the caller may change it in place


def first_states(net: Any, X: torch.Tensor) -> States:
    """What a stateful `net` has kept, or zeros."""
    batch_size = X.shape[0 if net.batch_first else 1]
    if not net.stateful or net.kept_states is None:
        return (X.new_zeros(net.num_layers, batch_size, net.hidden_size),) * (2 if net.mode == "LSTM" else 1)
    kept_size = net.kept_states[0].shape[1]
    if kept_size != batch_size:
        raise ValueError(
            f"this stateful layer keeps the states of {kept_size} rows, got X with {batch_size} rows; "
            "call reset_state() to forget them, or pass a state"
        )
    return tuple(state.to(X) for state in net.kept_states)


def check_states(net: Any, X: torch.Tensor, states: States) -> None:
    """Raise TypeError or ValueError unless the states fit X and `net`, and all have one dtype."""
    if net.mode == "LSTM" and not (isinstance(states, tuple) and len(states) == 2):
        raise TypeError(f"state must be a tuple of two tensors, H and C, got {type(states).__name__} of {len(states)}")
    for state in states:
        check_sequence(X, state, net.input_size, (net.num_layers, net.hidden_size), net.batch_first)
    dtypes = [net.weight_hh_l0.dtype, X.dtype, *(state.dtype for state in states)]
    if len(set(dtypes)) > 1:
        raise ValueError(f"X and state must have the weights' dtype {dtypes[0]}, got {dtypes[1:]}")
