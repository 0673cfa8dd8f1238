"""The shared helpers of *Recurrent Networks by Hand*, in the order in which the chapters need them."""

# ruff: noqa: I001  (the order is the chapters')
# Every chapter: figures, sliders, exercises
from funcs.plotting import BLUE, GREEN, ORANGE, PINK, RED, SKY, LivePlot, explore, start_chapter
from funcs.figures import (
    blank_axes,
    draw_blocks,
    draw_cells,
    draw_concatenated_product,
    draw_graph,
    draw_orders,
    draw_partitions,
    draw_unrolled,
)
from funcs.exercises import check

# Chapter 02: by hand
from funcs.graph import graph_nodes, long_jacobians

# Chapter 03: text as sequences
from funcs.text import Vocab, clean_text, read_text, read_time_machine, tokenize
from funcs.loaders import (
    TextLoader,
    TimeMachineLoader,
    load_corpus,
    load_data_text,
    load_data_time_machine,
    random_partition,
    sequential_partition,
)

# Chapter 04: the RNN from scratch
from funcs.devices import choose_device
from funcs.rnn import RNN, detach, get_rnn_params, init_rnn_state, rnn_forward
from funcs.training import History, evaluate, train, train_epoch
from funcs.prediction import predict

# Chapter 05: the same, concise
from funcs.rnn import RNNModel, relative_difference

# Chapter 06: backpropagation through time
from funcs.products import repeated_product, sigmoid_backward, tanh_backward, weight_gradient
from funcs.recurrence import Recurrence, recurrence

# Chapter 07: stacked layers
from funcs.stacked import MyRNN, layer_outer

# Chapters 08, 09: gates
from funcs.gates import Gate
from funcs.gru import GRU, GRUFunction, GRUResetBeforeFunction
from funcs.lstm import LSTM, LSTMFunction
from funcs.recall import RecallModel, recall_batch, updates_to_recall

__all__ = [
    "BLUE",
    "GREEN",
    "GRU",
    "LSTM",
    "ORANGE",
    "PINK",
    "RED",
    "RNN",
    "SKY",
    "GRUFunction",
    "GRUResetBeforeFunction",
    "Gate",
    "History",
    "LSTMFunction",
    "LivePlot",
    "MyRNN",
    "RNNModel",
    "RecallModel",
    "Recurrence",
    "TextLoader",
    "TimeMachineLoader",
    "Vocab",
    "blank_axes",
    "check",
    "choose_device",
    "clean_text",
    "detach",
    "draw_blocks",
    "draw_cells",
    "draw_concatenated_product",
    "draw_graph",
    "draw_orders",
    "draw_partitions",
    "draw_unrolled",
    "evaluate",
    "explore",
    "get_rnn_params",
    "graph_nodes",
    "init_rnn_state",
    "layer_outer",
    "load_corpus",
    "load_data_text",
    "load_data_time_machine",
    "long_jacobians",
    "predict",
    "random_partition",
    "read_text",
    "read_time_machine",
    "recall_batch",
    "recurrence",
    "relative_difference",
    "repeated_product",
    "rnn_forward",
    "sequential_partition",
    "sigmoid_backward",
    "start_chapter",
    "tanh_backward",
    "tokenize",
    "train",
    "train_epoch",
    "updates_to_recall",
    "weight_gradient",
]
