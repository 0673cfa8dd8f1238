"""The gated recurrent unit as a layer (chapters 08, 10)."""

from __future__ import annotations  # torch.export reads the code of nested functions

from typing import Any

import torch
from torch import nn

from funcs.layers import States, check_switches, run_layers
from funcs.recurrences.gru import GRUFunction, GRUResetBeforeFunction
from funcs.recurrences.loops import gru_loop, gru_reset_before_loop
from funcs.recurrences.modes import run


class GRU(nn.GRU):
    """nn.GRU with the forward and backward passes of chapter 08: same call, shapes, weights and state_dict.

    In training on a CPU it is faster than nn.GRU, if there are more than a few steps of equal length. Without gradients
    nn.GRU is faster, for single steps by far (`make bench` measures both). A gradient that is differentiated itself,
    and everything under torch.func, torch.compile and torch.export, runs as a plain loop: right, and slower. Under
    autocast it computes in the weights' dtype.

    Args:
        input_size, hidden_size, num_layers, bias, batch_first, bidirectional, device, dtype: as nn.GRU's.
        dropout: probability of zeroing an output of each layer but the last, while training.
        stateful: without a state, start from the last call's last state, row by row, instead of zero. A call that is
            repeated, as torch.utils.checkpoint does, starts elsewhere the second time: pass the state there.
        last_step_only: the output is that of each row's last step alone, (batch_size, hidden_size · num_directions).
        reset_after: reset the state after its product with the candidate's weights, as nn.GRU does, or before it, as
            Cho et al. (2014) wrote it. Both have the same parameters.

    Raises:
        ValueError, TypeError: as nn.GRU raises them; `stateful` with `bidirectional`.
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
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
        *,
        stateful: bool = False,
        last_step_only: bool = False,
        reset_after: bool = True,
    ) -> None:
        check_switches(stateful, bidirectional)
        super().__init__(
            input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional, device=device, dtype=dtype
        )
        self.stateful, self.last_step_only, self.reset_after = stateful, last_step_only, reset_after
        self.kept_states: States | None = None

    def forward(self, X: Any, state: torch.Tensor | None = None) -> tuple[Any, torch.Tensor]:
        """Run over a sequence.

        Args:
            X: (num_steps, batch_size, input_size), batch first if the layer was made so; or without a batch; or a
                PackedSequence, whose steps are computed as they are, without padding.
            state: (num_layers · num_directions, batch_size, hidden_size), or without a batch. It is not changed.

        Returns:
            The last layer's states in the layout of X, and every layer's last state.

        Raises:
            TypeError, ValueError: X of another rank, feature size or dtype, a state that does not fit, or another batch
                size than that of the state that a stateful layer keeps.
        """
        function, loop = (
            (GRUFunction, gru_loop) if self.reset_after else (GRUResetBeforeFunction, gru_reset_before_loop)
        )

        def layer(X: torch.Tensor, states: States, *weights: torch.Tensor) -> tuple[torch.Tensor, States]:
            H = run(function, loop, X, *states, *weights)
            return H, (H[-1],)

        if state is not None and not isinstance(state, torch.Tensor):
            raise TypeError(f"state must be a tensor, got {type(state).__name__}")
        output, (H,) = run_layers(self, layer, X, None if state is None else (state,))
        return output, H

    def reset_state(self) -> None:
        """Forget the state that a stateful layer keeps."""
        self.kept_states = None
