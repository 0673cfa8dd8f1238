"""A language model for few data: an embedding, and noise wherever it could learn by heart (chapter 12)."""

from collections.abc import Iterable
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.utils import parametrize

from funcs.devices import Device, check_device
from funcs.gru import GRU
from funcs.loaders import Batch
from funcs.lstm import LSTM
from funcs.rnn import check_tokens
from funcs.training import History, train


class LockedDropout(nn.Module):
    """Dropout with one mask for all steps of a row: what is dropped stays dropped (Gal and Ghahramani 2016).

    Args:
        p: probability of zeroing a feature of a row, while training; from 0 to below 1.
    """

    def __init__(self, p: float) -> None:
        super().__init__()
        if not 0 <= p < 1:
            raise ValueError(f"p must be at least 0 and below 1, got {p}")
        self.p = p

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        """X of shape (num_steps, batch_size, num_features), and the same again."""
        return X * F.dropout(torch.ones_like(X[:1]), self.p, self.training)

    def extra_repr(self) -> str:
        return f"p={self.p}"


class RegularizedModel(nn.Module):
    """Embedding, recurrent layers, linear output, with locked dropout between them and on the recurrent weights.

    It is made after AWD-LSTM (Merity, Keskar and Socher 2018); `train` and the rest take it like `RNNModel`.

    Args:
        rnn_layer: time-major and in one direction, such as `GRU`, `LSTM` or nn.GRU, of any number of layers; its
            input_size is the embedding's size, and its `dropout` that between layers.
        vocab_size: number of tokens.
        dropout_in, dropout_out: of the embedding's and of the layer's outputs, per row of a window.
        weight_drop: of the weights from state to state, for a window at a time (Wan and others 2013); for funcs' GRU
            and LSTM.

    Raises:
        ValueError: a layer of another kind, a probability outside 0 … 1 (without 1).
    """

    def __init__(
        self,
        rnn_layer: Any,
        vocab_size: int,
        dropout_in: float = 0.0,
        dropout_out: float = 0.0,
        weight_drop: float = 0.0,
    ) -> None:
        super().__init__()
        if rnn_layer.batch_first or rnn_layer.bidirectional:
            raise ValueError(f"rnn_layer must be time-major and in one direction, got {rnn_layer}")
        if weight_drop and not isinstance(rnn_layer, (GRU, LSTM)):  # nn.LSTM would go on with the whole weights
            raise ValueError(
                f"weight_drop needs funcs.GRU or funcs.LSTM, which read their weights anew, got {rnn_layer}"
            )
        self.vocab_size = vocab_size
        self.embedding = nn.Embedding(vocab_size, rnn_layer.input_size)
        self.dropout_in, self.dropout_out = LockedDropout(dropout_in), LockedDropout(dropout_out)
        self.rnn = rnn_layer
        self.linear = nn.Linear(rnn_layer.hidden_size, vocab_size)
        for layer in range(rnn_layer.num_layers if weight_drop else 0):
            parametrize.register_parametrization(self.rnn, f"weight_hh_l{layer}", nn.Dropout(weight_drop))

    def forward(self, x: torch.Tensor, state: Any) -> tuple[torch.Tensor, Any]:
        """One window of text; arguments and results as for `RNNModel`."""
        check_tokens(x, self.vocab_size)
        X = self.dropout_in(self.embedding(x.T))
        Y, state = self.rnn(X, state)
        return self.linear(self.dropout_out(Y).flatten(0, 1)), state

    def begin_state(self, batch_size: int, device: Device = None) -> Any:
        """The layer's zero state for `batch_size` rows, on `device`; None is where the parameters are."""
        check_device(device)
        state = self.linear.weight.new_zeros(self.rnn.num_layers, batch_size, self.rnn.hidden_size, device=device)
        return (state, state) if isinstance(self.rnn, nn.LSTM) else state


def train_one_cycle(
    model: Any,
    train_iter: Iterable[Batch],
    num_epochs: int,
    lr: float = 8e-3,
    weight_decay: float = 0.05,
    **options: Any,
) -> History:
    """`train` with AdamW and a rate that rises to `lr` and falls to nothing, epoch by epoch (Smith and Topin 2018).

    Args:
        model, train_iter, num_epochs, options: as for `train`.
        lr: the highest rate.
        weight_decay: what each update takes from every weight, times the rate (Loshchilov and Hutter 2019).
    """
    optimizer = torch.optim.AdamW(model.parameters(), lr, betas=(0.9, 0.99), weight_decay=weight_decay)
    scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, lr, total_steps=num_epochs + 1, cycle_momentum=False)
    return train(model, train_iter, num_epochs, optimizer=optimizer, scheduler=scheduler, **options)
