"""The long short-term memory as a layer (chapters 09, 10)."""

from __future__ import annotations  # torch.export reads the code of nested functions

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from funcs.layers import States, check_switches, run_layers
from funcs.recurrences.loops import lstm_loop
from funcs.recurrences.lstm import LSTMFunction
from funcs.recurrences.modes import run


class LSTM(nn.LSTM):
    """nn.LSTM with the forward and backward passes of chapter 09: same call, shapes, weights and state_dict.

    nn.LSTM is faster on a CPU: a little for large networks, by far for small ones and single steps (`make bench`). A
    gradient that is differentiated itself, and everything under torch.func, torch.compile and torch.export, runs as a
    plain loop: right, and slower. Under autocast it computes in the weights' dtype.

    Args:
        input_size, hidden_size, num_layers, bias, batch_first, bidirectional, device, dtype: as nn.LSTM's.
        dropout: probability of zeroing an output of each layer but the last, while training.
        proj_size: 0; there are no projections.
        stateful: without a state, start from the last call's last state, row by row, instead of zero. A call that is
            repeated, as torch.utils.checkpoint does, starts elsewhere the second time: pass the state there.
        last_step_only: the output is that of each row's last step alone, (batch_size, hidden_size · num_directions).

    Raises:
        ValueError, TypeError: as nn.LSTM raises them; `stateful` with `bidirectional`; another `proj_size`.
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
        *,
        stateful: bool = False,
        last_step_only: bool = False,
    ) -> None:
        check_switches(stateful, bidirectional)
        if proj_size != 0:
            raise ValueError(f"proj_size must be 0, got {proj_size}; nn.LSTM has projections")
        super().__init__(
            input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional, device=device, dtype=dtype
        )
        self.stateful, self.last_step_only = stateful, last_step_only
        self.kept_states: States | None = None

    def forward(
        self, X: Any, state: Sequence[torch.Tensor] | None = None
    ) -> tuple[Any, tuple[torch.Tensor, torch.Tensor]]:
        """Run over a sequence.

        Args:
            X: (num_steps, batch_size, input_size), batch first if the layer was made so; or without a batch; or a
                PackedSequence, whose steps are computed as they are, without padding.
            state: H and C, each (num_layers · num_directions, batch_size, hidden_size), or without a batch. They are
                not changed.

        Returns:
            The last layer's states in the layout of X, and every layer's last H and C.

        Raises:
            TypeError, ValueError: X of another rank, feature size or dtype, a state that does not fit, or another batch
                size than that of the states that a stateful layer keeps.
        """

        def layer(X: torch.Tensor, states: States, *weights: torch.Tensor) -> tuple[torch.Tensor, States]:
            H, C_last = run(LSTMFunction, lstm_loop, X, *states, *weights)
            return H, (H[-1], C_last)

        pair = isinstance(state, (tuple, list)) and len(state) == 2
        if state is not None and not (pair and all(isinstance(part, torch.Tensor) for part in state)):
            length = f" of {len(state)}" if isinstance(state, (tuple, list)) else ""
            raise TypeError(f"state must be a tuple of two tensors, H and C, got {type(state).__name__}{length}")
        output, (H, C) = run_layers(self, layer, X, None if state is None else tuple(state))
        return output, (H, C)

    def reset_state(self) -> None:
        """Forget the state that a stateful layer keeps."""
        self.kept_states = None
