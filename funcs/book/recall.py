"""Delayed recall: see a symbol, wait, name it (chapters 09, 10)."""

from typing import Any

import torch
from torch import nn
from torch.nn import functional as F


def recall_batch(
    lag: int, batch_size: int, generator: torch.Generator | None = None
) -> tuple[torch.Tensor, torch.Tensor]:
    """Random sequences: one of eight symbols, then `lag` steps of one of two noises (chapter 09).

    Returns:
        One-hot inputs (lag + 1, batch_size, 10), and the symbols to name after the last step, (batch_size,).
    """
    symbols = torch.randint(8, (batch_size,), generator=generator)
    noise = 8 + torch.randint(2, (lag, batch_size), generator=generator)
    return F.one_hot(torch.cat((symbols[None], noise)), 10).float(), symbols


class RecallModel(nn.Module):
    """A recurrent layer and a linear one on its last state (chapter 09).

    Args:
        layer: time-major, with the call of nn.RNN and input_size 10.

    Raises:
        ValueError: the layer is batch-first or reads another number of features.
    """

    def __init__(self, layer: Any) -> None:
        super().__init__()
        if layer.batch_first or layer.input_size != 10:
            raise ValueError(
                "layer must be time-major with input_size 10, "
                f"got batch_first={layer.batch_first} and input_size {layer.input_size}"
            )
        self.layer, self.linear = layer, nn.Linear(layer.hidden_size, 8)

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        """Scores of the eight symbols, (batch_size, 8), for X (num_steps, batch_size, 10)."""
        states, _ = self.layer(X)
        return self.linear(states[-1])


def updates_to_recall(
    model: RecallModel, lag: int, lr: float, max_updates: int = 400, generator: torch.Generator | None = None
) -> int | None:
    """Train until ten new batches of 64 in a row are at least 95 % right (chapter 09).

    Args:
        lr: learning rate of Adam; gradients are clipped to norm 1.

    Returns:
        The number of updates, or None if more than `max_updates` are needed.
    """
    optimizer, in_a_row = torch.optim.Adam(model.parameters(), lr), 0
    for update in range(1, max_updates + 1):
        X, symbols = recall_batch(lag, 64, generator)
        outputs = model(X)
        in_a_row = in_a_row + 1 if (outputs.argmax(1) == symbols).float().mean() >= 0.95 else 0
        if in_a_row == 10:
            return update
        optimizer.zero_grad()
        F.cross_entropy(outputs, symbols).backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
    return None
