"""What the recurrent layers share: checks, sequences of unequal lengths, and layers on top of each other."""

from __future__ import annotations  # torch.export reads the code of nested functions

from collections.abc import Callable
from itertools import groupby
from typing import Any

import torch
from torch.nn import functional as F
from torch.nn.utils.rnn import PackedSequence

from funcs.recurrences.modes import autocast_on, exported

States = tuple[torch.Tensor, ...]
# (X time-major, states) → (the outputs of all steps, the last states)
Run = Callable[..., tuple[torch.Tensor, States]]


def check_sequence(X: Any, input_size: int, batch_first: bool, ranks: tuple[int, ...] = (3,)) -> None:
    """Raise TypeError or ValueError unless `X` is a tensor of one of these ranks with `input_size` features."""
    if not isinstance(X, torch.Tensor):
        raise TypeError(f"X must be a tensor, got {type(X).__name__}")
    if X.dim() not in ranks or X.shape[-1] != input_size or X.shape[-2 if batch_first or X.dim() == 2 else 0] == 0:
        layout = "(batch_size, num_steps, input_size)" if batch_first else "(num_steps, batch_size, input_size)"
        unbatched = " or (num_steps, input_size)" if 2 in ranks else ""
        raise ValueError(
            f"X must have shape {layout}{unbatched} with input_size {input_size}, got {tuple(X.shape)} ({X.dtype})"
        )


def check_state(state: torch.Tensor, *wanted: int) -> None:
    """Raise ValueError unless `state` has the shape (num_layers · num_directions, batch_size, hidden_size)."""
    if tuple(state.shape) != wanted:
        names = "(num_layers, batch_size, hidden_size)" if len(wanted) == 3 else "(num_layers, hidden_size)"
        raise ValueError(f"state must have shape {names} = {wanted}, got {tuple(state.shape)}")


def pieces_of(X: PackedSequence) -> list[torch.Tensor]:
    """A packed sequence as stretches in which the same rows go on: each (num_steps, rows, features), rows falling."""
    lengths = [(len(list(group)), rows) for rows, group in groupby(X.batch_sizes.tolist())]
    parts = X.data.split([num_steps * rows for num_steps, rows in lengths])
    return [part.view(*length, -1) for part, length in zip(parts, lengths, strict=True)]


def packed_like(X: PackedSequence, pieces: list[torch.Tensor]) -> PackedSequence:
    """`pieces_of` undone, with the lengths and the order of X."""
    data = torch.cat([piece.flatten(0, 1) for piece in pieces])
    return PackedSequence(data, X.batch_sizes, X.sorted_indices, X.unsorted_indices)


def reorder(states: States, order: torch.Tensor | None) -> States:
    """The rows of (…, batch_size, hidden_size) states in another order; None leaves it."""
    return states if order is None else tuple(state.index_select(-2, order) for state in states)


def run_pieces(run: Run, pieces: list[torch.Tensor], states: States, backward: bool = False) -> tuple[Any, States]:
    """Run over stretches of a sequence with ever fewer rows, one after the other, or from the end back.

    A row that has ended keeps its state, and one that has not begun yet, on the way back, has its first: so nothing is
    ever computed for a step that is not there.

    Args:
        states: (…, batch_size, hidden_size) each, before the first step.

    Returns:
        The outputs, piece by piece, and the states after each row's own last step.
    """
    outputs = []
    for piece in reversed(pieces) if backward else pieces:
        rows = piece.shape[1]
        output, new = run(piece.flip(0) if backward else piece, tuple(state[..., :rows, :] for state in states))
        outputs.append(output.flip(0) if backward else output)
        if rows < states[0].shape[-2]:
            new = tuple(torch.cat((a, b[..., rows:, :]), -2) for a, b in zip(new, states, strict=True))
        states = new
    return outputs[::-1] if backward else outputs, states


def run_layers(net: Any, layer: Run, X: Any, states: States | None) -> tuple[Any, States]:
    """Run the layers of a `funcs.GRU` or `funcs.LSTM`, one after the other, over a sequence.

    Args:
        net: its weights are `net.all_weights`, two or four tensors per layer and direction.
        layer: (X time-major, states of one layer, W_ih, W_hh, b_ih, b_hh) → (the layer's output, its last states).
        X: as nn.GRU takes it: a tensor with or without a batch, or a PackedSequence.
        states: one tensor for a GRU, two for an LSTM, as nn.GRU takes them; None is what a stateful net keeps, or zero.

    Returns:
        The last layer's output and the last states of all layers, as nn.GRU returns them.

    Raises:
        TypeError, ValueError: shapes or dtypes that do not fit `net` or each other, or the state that it keeps.
        RuntimeError: a stateful net is exported or traced.
    """
    if net.stateful and exported():
        raise RuntimeError("a stateful layer cannot be exported or traced: the program would not keep its state")
    packed, batch_axis = isinstance(X, PackedSequence), 0 if net.batch_first else 1
    batch: tuple[int, ...]
    if packed:
        check_sequence(X.data, net.input_size, False, ranks=(2,))
        pieces, batch = pieces_of(X), (int(X.batch_sizes[0]),)
    else:
        check_sequence(X, net.input_size, net.batch_first, ranks=(2, 3))
        batch = X.shape[batch_axis : batch_axis + 1] if X.dim() == 3 else ()
        pieces = [X.unsqueeze(1) if not batch else X.transpose(0, 1) if net.batch_first else X]
    directions = 2 if net.bidirectional else 1
    shape = (net.num_layers * directions, *batch, net.hidden_size)
    states = first_states(net, pieces[0], shape) if states is None else states
    check_states(net, pieces[0], states, shape)
    if not batch:
        states = tuple(state.unsqueeze(1) for state in states)
    if packed:
        states = reorder(states, X.sorted_indices)

    if autocast_on(pieces[0].device.type):
        dtype = net.weight_hh_l0.dtype
        pieces, states = [piece.to(dtype) for piece in pieces], tuple(state.to(dtype) for state in states)

    pieces, states = run_stack(net, layer, pieces, states)

    if packed:
        states = reorder(states, X.unsorted_indices)
    if net.stateful:
        net.kept_states = tuple(state.detach().clone() for state in states)
    if net.last_step_only:
        rows_after = [piece.shape[1] for piece in pieces[1:]] + [0]
        ends = [piece[-1, rows:] for piece, rows in zip(pieces, rows_after, strict=True)]
        (output,) = reorder((torch.cat(ends[::-1]),), X.unsorted_indices if packed else None)
    elif packed:
        return packed_like(X, pieces), states
    else:
        output = pieces[0].transpose(0, 1) if net.batch_first and batch else pieces[0]
    if not batch:
        output = output.squeeze(0 if net.last_step_only else 1)
        states = tuple(state.squeeze(1) for state in states)
    return output.clone(memory_format=torch.contiguous_format), states  # a copy: the caller may change it in place


def run_stack(net: Any, layer: Run, pieces: list[torch.Tensor], states: States) -> tuple[list[torch.Tensor], States]:
    """All layers and directions of `net` over the pieces of a sequence; arguments and results as for `run_pieces`."""
    last: list[States] = []
    all_weights = net.all_weights  # read once: parametrizations are evaluated each time
    for i in range(net.num_layers):
        if i > 0:
            pieces = [F.dropout(piece, net.dropout, net.training) for piece in pieces]
        outputs = []
        for backward in (False, True)[: 2 if net.bidirectional else 1]:
            weights = all_weights[len(last)]
            if not net.bias:
                weights = [*weights, *(W.new_zeros(len(W)) for W in weights)]

            def run(X: torch.Tensor, states: States, weights: Any = weights) -> tuple[torch.Tensor, States]:
                return layer(X, states, *weights)

            first = tuple(state[len(last)] for state in states)
            output, final = run_pieces(run, pieces, first, backward)
            outputs.append(output)
            last.append(final)
        pieces = [torch.cat(both, 2) for both in zip(*outputs, strict=True)] if net.bidirectional else outputs[0]
    return pieces, tuple(torch.stack(parts) for parts in zip(*last, strict=True))


def first_states(net: Any, X: torch.Tensor, shape: tuple[int, ...]) -> States:
    """What a stateful `net` has kept, or zeros."""
    if not net.stateful or net.kept_states is None:
        return (X.new_zeros(shape),) * (2 if net.mode == "LSTM" else 1)
    kept_size = net.kept_states[0].shape[1]
    if kept_size != X.shape[1]:
        raise ValueError(
            f"this stateful layer keeps the states of {kept_size} rows, got X with {X.shape[1]} rows; "
            "call reset_state() to forget them, or pass a state"
        )
    return tuple(state.to(X).view(shape).clone() for state in net.kept_states)  # also what inference mode has kept


def check_states(net: Any, X: torch.Tensor, states: States, shape: tuple[int, ...]) -> None:
    """Raise ValueError unless the states have `shape` and, but for autocast, all have one dtype with X and `net`."""
    for state in states:
        check_state(state, *shape)
    dtypes = [net.weight_hh_l0.dtype, X.dtype, *(state.dtype for state in states)]
    cast = autocast_on(X.device.type) and all(dtype.is_floating_point for dtype in dtypes)
    if len(set(dtypes)) > 1 and not cast:
        raise ValueError(f"X and state must have the weights' dtype {dtypes[0]}, got {dtypes[1:]}")


def check_switches(stateful: bool, bidirectional: bool) -> None:
    """Raise ValueError for a stateful bidirectional layer."""
    if stateful and bidirectional:
        raise ValueError(
            "stateful must be False for a bidirectional layer, got True: its backward direction starts at the end of "
            "the next call, of which the last call knows nothing"
        )
