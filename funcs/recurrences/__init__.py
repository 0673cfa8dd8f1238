"""Recurrences forward and backward by hand, and what they are made of (chapters 06, 08, 09).

Each cell has a `torch.autograd.Function`, which is fast, and a plain loop, which autograd can look into.
"""

from funcs.recurrences.gates import Gate
from funcs.recurrences.gru import GRUFunction, GRUResetBeforeFunction
from funcs.recurrences.loops import gru_loop, gru_reset_before_loop, layer_outer, lstm_loop, rnn_loop
from funcs.recurrences.lstm import LSTMFunction
from funcs.recurrences.modes import gradients_of_loop, traced
from funcs.recurrences.products import repeated_product, sigmoid_backward, tanh_backward, weight_gradient
from funcs.recurrences.rnn import Recurrence, recurrence

__all__ = [
    "GRUFunction",
    "GRUResetBeforeFunction",
    "Gate",
    "LSTMFunction",
    "Recurrence",
    "gradients_of_loop",
    "gru_loop",
    "gru_reset_before_loop",
    "layer_outer",
    "lstm_loop",
    "recurrence",
    "repeated_product",
    "rnn_loop",
    "sigmoid_backward",
    "tanh_backward",
    "traced",
    "weight_gradient",
]
