"""A gate that looks after its own gradient (chapters 08, 09)."""

from collections.abc import Callable

import torch


class Gate:
    """Y = φ([X H] W + b), step by step, with gradients that add up over the steps (chapter 08, equation 8.6).

    Each `forward` pushes what it saw; each `backward` pops it, so that the last step comes first.

    Args:
        W: (input_size + num_hiddens, num_hiddens).
        b: (num_hiddens,).
        activation: torch.sigmoid or torch.tanh.

    Attributes:
        dW, db: the gradients, zero at first.
        seen: what was pushed and not popped yet.

    Raises:
        ValueError: another activation.
    """

    def __init__(self, W: torch.Tensor, b: torch.Tensor, activation: Callable[[torch.Tensor], torch.Tensor]) -> None:
        if activation not in (torch.sigmoid, torch.tanh):
            raise ValueError(f"activation must be torch.sigmoid or torch.tanh, got {activation!r}")
        self.W, self.b, self.activation = W, b, activation
        self.dW, self.db = torch.zeros_like(W), torch.zeros_like(b)
        self.seen: list[tuple[torch.Tensor, torch.Tensor]] = []

    def forward(self, X: torch.Tensor, H: torch.Tensor) -> torch.Tensor:
        """Y of one step, (batch_size, num_hiddens), from X (batch_size, input_size) and H (batch_size, num_hiddens)."""
        XH = torch.cat((X, H), 1)
        Y = self.activation(XH @ self.W + self.b)
        self.seen.append((XH, Y))
        return Y

    def backward(self, dY: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """From the gradient of the last Y that is left, those of its X and H; W's and b's are added to dW and db.

        Raises:
            IndexError: there is no step left to go back through.
        """
        XH, Y = self.seen.pop()
        dA = dY * (Y * (1 - Y) if self.activation is torch.sigmoid else 1 - Y * Y)
        self.dW += XH.T @ dA
        self.db += dA.sum(0)
        return (dA @ self.W.T).split((len(self.W) - len(self.b), len(self.b)), 1)
