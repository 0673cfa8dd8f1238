"""The cells as plain loops, the way chapters 4, 7, 8 and 9 write them; autograd finds their gradients.

The passes by hand compute the same, faster. These stand in where somebody has to see every operation: a gradient that
is differentiated itself, torch.func, torch.compile, export.
"""

from collections.abc import Sequence

import torch
from torch.nn import functional as F

Layer = tuple[torch.Tensor, torch.Tensor, torch.Tensor]


def rnn_loop(
    X: torch.Tensor,
    H_0: torch.Tensor,
    W_xh: torch.Tensor,
    W_hh: torch.Tensor,
    b_h: torch.Tensor,
    nonlinearity: str = "tanh",
) -> torch.Tensor:
    """All states H_t = φ(X_t W_xh + H_{t−1} W_hh + b_h); arguments as for `recurrence` (chapter 04)."""
    inputs = X @ W_xh + b_h if X.is_floating_point() else (W_xh + b_h)[X]
    activate = torch.tanh if nonlinearity == "tanh" else torch.relu
    H, states = H_0, []
    for x in inputs.unbind():
        H = activate(x + H @ W_hh)
        states.append(H)
    return torch.stack(states)


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


def gru_loop(
    X: torch.Tensor,
    H_0: torch.Tensor,
    W_ih: torch.Tensor,
    W_hh: torch.Tensor,
    b_ih: torch.Tensor,
    b_hh: torch.Tensor,
) -> torch.Tensor:
    """All states of a GRU that resets after the product, (num_steps, batch_size, hidden_size) (chapter 08).

    Args:
        X: (num_steps, batch_size, input_size).
        H_0: (batch_size, hidden_size).
        W_ih, W_hh, b_ih, b_hh: as nn.GRU keeps them, three blocks of rows, R Z N.
    """
    H, states = H_0, []
    for x in F.linear(X, W_ih, b_ih).unbind():
        (x_r, x_z, x_n), (h_r, h_z, h_n) = x.chunk(3, 1), F.linear(H, W_hh, b_hh).chunk(3, 1)
        R, Z = torch.sigmoid(x_r + h_r), torch.sigmoid(x_z + h_z)
        N = torch.tanh(x_n + R * h_n)
        H = Z * H + (1 - Z) * N
        states.append(H)
    return torch.stack(states)


def gru_reset_before_loop(
    X: torch.Tensor,
    H_0: torch.Tensor,
    W_ih: torch.Tensor,
    W_hh: torch.Tensor,
    b_ih: torch.Tensor,
    b_hh: torch.Tensor,
) -> torch.Tensor:
    """All states of a GRU that resets before the product (chapter 08); arguments as for `gru_loop`."""
    H, states, h = H_0, [], H_0.shape[1]
    for x in F.linear(X, W_ih, b_ih + b_hh).unbind():
        x_rz, x_n = x.split((2 * h, h), 1)
        R, Z = torch.sigmoid(x_rz + F.linear(H, W_hh[: 2 * h])).chunk(2, 1)
        N = torch.tanh(x_n + F.linear(R * H, W_hh[2 * h :]))
        H = Z * H + (1 - Z) * N
        states.append(H)
    return torch.stack(states)


def lstm_loop(
    X: torch.Tensor,
    H_0: torch.Tensor,
    C_0: torch.Tensor,
    W_ih: torch.Tensor,
    W_hh: torch.Tensor,
    b_ih: torch.Tensor,
    b_hh: torch.Tensor,
) -> tuple[torch.Tensor, torch.Tensor]:
    """All states of an LSTM, (num_steps, batch_size, hidden_size), and its last memory (chapter 09).

    Args:
        X: (num_steps, batch_size, input_size).
        H_0, C_0: (batch_size, hidden_size).
        W_ih, W_hh, b_ih, b_hh: as nn.LSTM keeps them, four blocks of rows, I F G O.
    """
    H, C, states = H_0, C_0, []
    for x in F.linear(X, W_ih, b_ih + b_hh).unbind():
        I, F_, G, O = (x + F.linear(H, W_hh)).chunk(4, 1)
        C = torch.sigmoid(F_) * C + torch.sigmoid(I) * torch.tanh(G)
        H = torch.sigmoid(O) * torch.tanh(C)
        states.append(H)
    return torch.stack(states), C
