"""Recurrent layers on top of each other, from scratch (chapter 07)."""

from typing import Any

import torch
from torch import nn
from torch.nn.utils.rnn import PackedSequence

from funcs.layers import States, check_sequence, check_state, packed_like, pieces_of, reorder, run_pieces
from funcs.recurrences.loops import layer_outer


class MyRNN(nn.Module):
    """Stacked tanh layers with the call of nn.RNN, from scratch (chapter 07).

    It reads tensors with a batch, and packed sequences. It has one bias per layer and one direction; dropout, another
    nonlinearity, and the missing bias are nn.RNN's.

    Args:
        input_size: features of the input.
        hidden_size: width of every layer's state.
        num_layers: at least 1; the first layer reads the input, each other one the states of the one below.
        batch_first: X and the output are (batch_size, num_steps, features), not (num_steps, batch_size, features).

    Attributes:
        W_xh, W_hh, b_h: one parameter per layer, drawn from U(−1/√h, 1/√h) with h = hidden_size, as torch does.

    Raises:
        ValueError: a size or `num_layers` below 1.
    """

    bidirectional = False

    def __init__(self, input_size: int, hidden_size: int, num_layers: int = 1, batch_first: bool = False) -> None:
        super().__init__()
        if min(input_size, hidden_size, num_layers) < 1:
            raise ValueError(
                "input_size, hidden_size and num_layers must be at least 1, "
                f"got {input_size}, {hidden_size} and {num_layers}"
            )
        self.input_size, self.hidden_size = input_size, hidden_size
        self.num_layers, self.batch_first = num_layers, batch_first
        bound = hidden_size**-0.5
        sizes = [input_size] + [hidden_size] * (num_layers - 1)
        self.W_xh = nn.ParameterList(torch.empty(size, hidden_size).uniform_(-bound, bound) for size in sizes)
        self.W_hh = nn.ParameterList(torch.empty(hidden_size, hidden_size).uniform_(-bound, bound) for _ in sizes)
        self.b_h = nn.ParameterList(torch.empty(hidden_size).uniform_(-bound, bound) for _ in sizes)

    def forward(self, X: Any, state: torch.Tensor | None = None) -> tuple[Any, torch.Tensor]:
        """Run over a sequence.

        Args:
            X: (num_steps, batch_size, input_size), or batch first if the layer was made so; or a PackedSequence.
            state: (num_layers, batch_size, hidden_size) in either layout; None is zero. It is not changed.

        Returns:
            The last layer's states in the layout of X, and every layer's last state, (num_layers, batch_size,
            hidden_size).

        Raises:
            TypeError, ValueError: X of another kind, rank or feature size, or a state of another shape.
        """
        if isinstance(X, PackedSequence):
            return run_packed(self, X, state)
        check_sequence(X, self.input_size, self.batch_first)
        if self.batch_first:
            X = X.transpose(0, 1)
        if state is None:
            state = X.new_zeros(self.num_layers, X.shape[1], self.hidden_size)
        check_state(state, self.num_layers, X.shape[1], self.hidden_size)
        output, state = layer_outer(X, state, list(zip(self.W_xh, self.W_hh, self.b_h, strict=True)))
        return (output.transpose(0, 1) if self.batch_first else output), state


def run_packed(net: MyRNN, X: PackedSequence, state: torch.Tensor | None) -> tuple[PackedSequence, torch.Tensor]:
    """The forward pass of a `MyRNN` over sequences of unequal lengths."""
    check_sequence(X.data, net.input_size, False, ranks=(2,))
    shape = (net.num_layers, int(X.batch_sizes[0]), net.hidden_size)
    state = X.data.new_zeros(shape) if state is None else state
    check_state(state, *shape)
    layers = list(zip(net.W_xh, net.W_hh, net.b_h, strict=True))

    def run(piece: torch.Tensor, states: States) -> tuple[torch.Tensor, States]:
        output, last = layer_outer(piece, states[0], layers)
        return output, (last,)

    pieces, last = run_pieces(run, pieces_of(X), reorder((state,), X.sorted_indices))
    return packed_like(X, pieces), reorder(last, X.unsorted_indices)[0]
