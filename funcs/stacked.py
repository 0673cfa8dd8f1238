"""Recurrent layers on top of each other, from scratch (chapter 07)."""

from collections.abc import Sequence

import torch
from torch import nn

Layer = tuple[torch.Tensor, torch.Tensor, torch.Tensor]


def layer_outer(X: torch.Tensor, state: torch.Tensor, layers: Sequence[Layer]) -> tuple[torch.Tensor, torch.Tensor]:
    """Run stacked tanh layers over a sequence, one layer after the other (chapter 07).

    Args:
        X: (num_steps, batch_size, input_size).
        state: (num_layers, batch_size, hidden_size), the state before the first step; it is not changed.
        layers: W_xh (input_size or hidden_size, hidden_size), W_hh (hidden_size, hidden_size), b_h of each layer.

    Returns:
        The last layer's states, (num_steps, batch_size, hidden_size), and every layer's last state.
    """
    last = []
    for (W_xh, W_hh, b_h), H in zip(layers, state, strict=True):
        inputs = X @ W_xh + b_h
        outputs = []
        for x in inputs:
            H = torch.tanh(x + H @ W_hh)
            outputs.append(H)
        X = torch.stack(outputs)
        last.append(H)
    return X, torch.stack(last)


def check_sequence(
    X: torch.Tensor, state: torch.Tensor | None, input_size: int, state_size: tuple[int, int], batch_first: bool
) -> None:
    """Raise ValueError unless `X` has rank 3 and `input_size` features and `state` is None or fits it.

    `state_size` is (num_layers, hidden_size).
    """
    layout = "(batch_size, num_steps, input_size)" if batch_first else "(num_steps, batch_size, input_size)"
    if X.dim() != 3 or X.shape[2] != input_size or X.numel() == 0:
        raise ValueError(f"X must have shape {layout} with input_size {input_size}, got {tuple(X.shape)}")
    wanted = (state_size[0], X.shape[0 if batch_first else 1], state_size[1])
    if state is not None and tuple(state.shape) != wanted:
        raise ValueError(
            f"state must have shape (num_layers, batch_size, hidden_size) = {wanted}, got {tuple(state.shape)}"
        )


class MyRNN(nn.Module):
    """Stacked tanh layers with the call of nn.RNN, from scratch (chapter 07).

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

    def forward(self, X: torch.Tensor, state: torch.Tensor | None = None) -> tuple[torch.Tensor, torch.Tensor]:
        """Run over a sequence.

        Args:
            X: (num_steps, batch_size, input_size), or batch first if the layer was made so.
            state: (num_layers, batch_size, hidden_size) in either layout; None is zero. It is not changed.

        Returns:
            The last layer's states in the layout of X, and every layer's last state, (num_layers, batch_size,
            hidden_size).

        Raises:
            ValueError: X of another rank or feature size, or a state of another shape.
        """
        check_sequence(X, state, self.input_size, (self.num_layers, self.hidden_size), self.batch_first)
        if self.batch_first:
            X = X.transpose(0, 1)
        if state is None:
            state = X.new_zeros(self.num_layers, X.shape[1], self.hidden_size)
        output, state = layer_outer(X, state, list(zip(self.W_xh, self.W_hh, self.b_h, strict=True)))
        return (output.transpose(0, 1) if self.batch_first else output), state
