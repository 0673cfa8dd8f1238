"""Recurrent networks for text and numbers: the package behind *Recurrent Networks by Hand*.

text and loaders     a text becomes tokens, a vocabulary, minibatches
rnn, stacked,        models and layers; GRU and LSTM stand wherever nn.GRU and nn.LSTM do
gru, lstm            (layers: what they share)
training, live,      the training loop with its live curve, letting a model write, where to compute
prediction, devices
ngrams, scoring      counting instead of learning; bits per character of any model
regularized          a language model for few data
coding, online,      arithmetic coding; predictors that learn while they read; files, compressed by one
compression          (`python -m funcs` compresses, scores and writes from a shell)
recurrences          the cells forward and backward by hand, and as plain loops
book                 what only the notebooks need; `from funcs import book`

Everything below is imported with `import funcs`; `funcs.recurrences` comes along, `funcs.book` does not.
"""

import importlib.metadata
import warnings

from funcs import recurrences
from funcs.coding import decode, encode
from funcs.compression import compress, decompress
from funcs.devices import choose_device
from funcs.gru import GRU
from funcs.loaders import (
    TextLoader,
    TimeMachineLoader,
    load_corpus,
    load_data_text,
    load_data_time_machine,
    random_partition,
    sequential_partition,
)
from funcs.lstm import LSTM
from funcs.ngrams import NGram
from funcs.prediction import Written, generate, predict, sampling_probs
from funcs.recurrences import recurrence
from funcs.regularized import RegularizedModel, train_one_cycle
from funcs.rnn import RNN, RNNModel, detach, get_rnn_params, init_rnn_state, rnn_forward
from funcs.scoring import bits_per_character
from funcs.stacked import MyRNN
from funcs.text import Vocab, clean_text, read_text, read_time_machine, tokenize
from funcs.training import History, evaluate, train, train_epoch

__version__ = "0.5.0"

__all__ = [
    "GRU",
    "LSTM",
    "RNN",
    "History",
    "MyRNN",
    "NGram",
    "RNNModel",
    "RegularizedModel",
    "TextLoader",
    "TimeMachineLoader",
    "Vocab",
    "Written",
    "bits_per_character",
    "choose_device",
    "clean_text",
    "compress",
    "decode",
    "decompress",
    "detach",
    "encode",
    "evaluate",
    "generate",
    "get_rnn_params",
    "init_rnn_state",
    "load_corpus",
    "load_data_text",
    "load_data_time_machine",
    "predict",
    "random_partition",
    "read_text",
    "read_time_machine",
    "recurrence",
    "recurrences",
    "rnn_forward",
    "sampling_probs",
    "sequential_partition",
    "tokenize",
    "train",
    "train_epoch",
    "train_one_cycle",
]

try:
    importlib.metadata.distribution("funcs")
except importlib.metadata.PackageNotFoundError:
    pass
else:
    warnings.warn(
        "another package named funcs, of functional programming, is installed beside this one and shares its folder; "
        "`pip uninstall funcs` takes files of both, so install recurrent-networks-by-hand anew after it",
        stacklevel=2,
    )
