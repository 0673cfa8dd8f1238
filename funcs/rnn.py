"""The character RNN, from scratch (chapter 04)."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from funcs.devices import Device, check_device
from funcs.recurrences.rnn import check_numbers, recurrence

State = tuple[torch.Tensor, ...]


def get_rnn_params(vocab_size: int, num_hiddens: int, device: Device = None) -> list[torch.Tensor]:
    """The five parameters of an RNN with one hidden layer (chapter 04).

    Returns:
        [W_xh (vocab_size, num_hiddens), W_hh (num_hiddens, num_hiddens), b_h (num_hiddens,),
        W_hq (num_hiddens, vocab_size), b_q (vocab_size,)]: weights drawn from N(0, 0.01²), biases zero, all of torch's
        default dtype and requiring gradients.

    Raises:
        ValueError: `device` is not on this machine, or a size is below 1.
    """
    check_device(device)
    if vocab_size < 1 or num_hiddens < 1:
        raise ValueError(f"vocab_size and num_hiddens must be at least 1, got {vocab_size} and {num_hiddens}")
    W_xh = torch.randn(vocab_size, num_hiddens, device=device) * 0.01
    W_hh = torch.randn(num_hiddens, num_hiddens, device=device) * 0.01
    b_h = torch.zeros(num_hiddens, device=device)
    W_hq = torch.randn(num_hiddens, vocab_size, device=device) * 0.01
    b_q = torch.zeros(vocab_size, device=device)
    return [param.requires_grad_() for param in (W_xh, W_hh, b_h, W_hq, b_q)]


def init_rnn_state(batch_size: int, num_hiddens: int, device: Device = None) -> State:
    """The state before the first step: a tuple with one zero tensor of shape (batch_size, num_hiddens) (chapter 04)."""
    check_device(device)
    return (torch.zeros(batch_size, num_hiddens, device=device),)


def check_rnn_state(state: State, batch_size: int, num_hiddens: int) -> None:
    """Raise TypeError or ValueError unless `state` is a tuple with one (batch_size, num_hiddens) tensor."""
    if not isinstance(state, tuple):
        raise TypeError(f"state must be a tuple with one tensor, got {type(state).__name__}; begin_state makes one")
    shapes = [tuple(tensor.shape) for tensor in state]
    if shapes != [(batch_size, num_hiddens)]:
        raise ValueError(f"state must hold one tensor of shape {(batch_size, num_hiddens)}, got shapes {shapes}")


def rnn_forward(inputs: torch.Tensor, state: State, params: Sequence[torch.Tensor]) -> tuple[torch.Tensor, State]:
    """H_t = tanh(X_t W_xh + H_{t−1} W_hh + b_h), O_t = H_t W_hq + b_q for every step t (chapter 04).

    Chapter 04 writes this as a loop; here it runs on the recurrence of chapter 06, with the same results, faster.

    Args:
        inputs: token numbers (num_steps, batch_size), or their one-hot rows (num_steps, batch_size, vocab_size).
        state: a tuple with one (batch_size, num_hiddens) tensor.
        params: the five tensors of `get_rnn_params`.

    Returns:
        The outputs of all steps, (num_steps · batch_size, vocab_size), step after step, and the last state.

    Raises:
        TypeError, ValueError: `state` is no tuple, or its shape does not fit.
    """
    W_xh, W_hh, b_h, W_hq, b_q = params
    check_rnn_state(state, inputs.shape[1], len(b_h))
    H = recurrence(inputs, state[0], W_xh, W_hh, b_h)
    # A copy of the last state: a view of it would keep the states of all steps alive.
    return H.flatten(0, 1) @ W_hq + b_q, (H[-1].clone(),)


def check_tokens(x: torch.Tensor, vocab_size: int) -> None:
    """Raise ValueError unless `x` is a (batch_size, num_steps) int64 tensor of numbers below `vocab_size`."""
    if x.dim() != 2 or x.dtype != torch.int64 or x.numel() == 0:
        raise ValueError(f"x must be int64 of shape (batch_size, num_steps), got {x.dtype} of {tuple(x.shape)}")
    check_numbers(x, vocab_size)


class RNN(nn.Module):
    """A character model from scratch: parameters, first state and forward function come from outside (chapter 04).

    Args:
        vocab_size: number of tokens, the width of input and output.
        num_hiddens: width of the hidden state.
        device: where the parameters go; None is torch's default device.
        get_params: (vocab_size, num_hiddens, device) → list of tensors; they become the module's parameters.
        init_state: (batch_size, num_hiddens, device) → tuple of tensors.
        forward_fn: (time-major token numbers, state, params) → (outputs, state), as `rnn_forward`.

    Raises:
        ValueError: `device` is not on this machine.
    """

    def __init__(
        self,
        vocab_size: int,
        num_hiddens: int,
        device: Device = None,
        get_params: Callable[..., Sequence[torch.Tensor]] = get_rnn_params,
        init_state: Callable[..., State] = init_rnn_state,
        forward_fn: Callable[..., tuple[torch.Tensor, State]] = rnn_forward,
    ) -> None:
        super().__init__()
        self.vocab_size, self.num_hiddens = vocab_size, num_hiddens
        self.params = nn.ParameterList(get_params(vocab_size, num_hiddens, device))
        self.init_state, self.forward_fn = init_state, forward_fn

    def forward(self, x: torch.Tensor, state: State) -> tuple[torch.Tensor, State]:
        """One window of text.

        Args:
            x: int64 of shape (batch_size, num_steps).
            state: from `begin_state`, or what the last call returned.

        Returns:
            Outputs (num_steps · batch_size, vocab_size), time-major like `Y.T.reshape(-1)`, and the new state.

        Raises:
            TypeError, ValueError: `x` or `state` of the wrong kind or shape.
        """
        check_tokens(x, self.vocab_size)
        return self.forward_fn(x.T, state, self.params)

    def begin_state(self, batch_size: int, device: Device = None) -> State:
        """The zero state for `batch_size` rows, on `device`; None is where the parameters are."""
        device = device or self.params[0].device
        state = self.init_state(batch_size, self.num_hiddens, device)
        return tuple(tensor.to(self.params[0].dtype) for tensor in state)


def detach(state: Any) -> Any:
    """The same numbers without their history, for a tensor or a tuple of tensors, nested or not (chapters 04, 06).

    Raises:
        TypeError: anything else.
    """
    if isinstance(state, torch.Tensor):
        return state.detach()
    if not isinstance(state, (tuple, list)):
        raise TypeError(f"state must be a tensor or a tuple of tensors, got {type(state).__name__}")
    return tuple(detach(part) for part in state)


class RNNModel(nn.Module):
    """A character model around any recurrent layer with the call of nn.RNN: one-hot, layer, linear output (chapter 05).

    Args:
        rnn_layer: a time-major layer with input_size `vocab_size`, called as `rnn_layer(X, state)`, whose state is one
            tensor (num_layers · num_directions, batch_size, hidden_size), such as nn.RNN, `MyRNN` and `GRU`; or two of
            them, for nn.LSTM and `LSTM`.
        vocab_size: number of tokens.

    Raises:
        ValueError: the layer is batch-first, gives its last step only, has projections, or reads another number of
            features.
    """

    def __init__(self, rnn_layer: Any, vocab_size: int) -> None:
        super().__init__()
        if rnn_layer.batch_first:
            raise ValueError("rnn_layer must be time-major, got one with batch_first=True")
        if rnn_layer.input_size != vocab_size:
            raise ValueError(f"rnn_layer must have input_size {vocab_size} (vocab_size), got {rnn_layer.input_size}")
        if getattr(rnn_layer, "last_step_only", False) or getattr(rnn_layer, "proj_size", 0):
            raise ValueError(
                "rnn_layer must give its hidden states of all steps, got one with last_step_only or proj_size"
            )
        self.rnn, self.vocab_size = rnn_layer, vocab_size
        self.num_directions = 2 if rnn_layer.bidirectional else 1
        self.linear = nn.Linear(rnn_layer.hidden_size * self.num_directions, vocab_size)

    def forward(self, x: torch.Tensor, state: Any) -> tuple[torch.Tensor, Any]:
        """One window of text.

        Args:
            x: int64 of shape (batch_size, num_steps).
            state: from `begin_state`, or what the last call returned.

        Returns:
            Outputs (num_steps · batch_size, vocab_size), time-major like `Y.T.reshape(-1)`, and the new state.

        Raises:
            ValueError: `x` of the wrong kind or shape.
        """
        check_tokens(x, self.vocab_size)
        X = F.one_hot(x.T, self.vocab_size).to(self.linear.weight.dtype)
        Y, state = self.rnn(X, state)
        return self.linear(Y.flatten(0, 1)), state

    def begin_state(self, batch_size: int, device: Device = None) -> Any:
        """The layer's zero state for `batch_size` rows, on `device`; None is where the parameters are."""
        check_device(device)
        weight = self.linear.weight
        shape = (self.rnn.num_layers * self.num_directions, batch_size, self.rnn.hidden_size)
        state = torch.zeros(shape, dtype=weight.dtype, device=device or weight.device)
        return (state, state) if isinstance(self.rnn, nn.LSTM) else state
