"""Bits per character: warm and cold, against `evaluate` and against one call."""

import math
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn import functional as F

import funcs

VOCAB = funcs.Vocab(list("abcdefg"))
CORPUS = torch.randint(1, 8, (2500,), generator=torch.Generator().manual_seed(0))


def model_of(layer: Any = nn.GRU) -> Any:
    torch.manual_seed(0)
    model = funcs.RNNModel(layer(8, 12), 8)
    with torch.no_grad():
        for param in model.parameters():
            param.mul_(3)
    return model


def in_one_call(model: Any, tokens: torch.Tensor, first: int) -> float:
    """Of the tokens from place `first` on, those before them being read as well."""
    with torch.no_grad():
        outputs, _ = model(tokens[None, :-1], model.begin_state(1))
    return F.cross_entropy(outputs[first - 1 :], tokens[first:]).item() / math.log(2)


@pytest.mark.parametrize("layer", [nn.RNN, funcs.GRU, nn.LSTM])
def test_warm_is_one_call_over_all(layer: Any) -> None:
    model = model_of(layer)
    assert funcs.bits_per_character(model, CORPUS) == pytest.approx(in_one_call(model, CORPUS, 1), rel=1e-5)
    with_past = funcs.bits_per_character(model, CORPUS[1700:], CORPUS[:1700])
    assert with_past == pytest.approx(in_one_call(model, CORPUS, 1700), rel=1e-5)
    assert with_past != pytest.approx(funcs.bits_per_character(model, CORPUS[1700:], CORPUS[1699:1700]), rel=1e-6)


@pytest.mark.parametrize("window", [1, 7, 35, 800, 2499, 5000])
def test_cold_starts_each_window_at_zero(window: int) -> None:
    model, total = model_of(), 0.0
    for start in range(0, 2499, window):
        piece = CORPUS[start : start + window + 1]
        total += (len(piece) - 1) * in_one_call(model, piece, 1)
    assert funcs.bits_per_character(model, CORPUS, window=window) == pytest.approx(total / 2499, rel=1e-5)
    moved = funcs.bits_per_character(model, CORPUS[1:], CORPUS[:1], window=window)
    assert moved == pytest.approx(total / 2499, rel=1e-5)


@pytest.mark.parametrize("window", [None, 7, 35])
def test_each_token_is_read_once(window: int | None) -> None:
    model, seen = model_of(), list[torch.Tensor]()
    model.register_forward_pre_hook(lambda _, args: seen.append(args[0].flatten()))
    funcs.bits_per_character(model, CORPUS[300:], CORPUS[:300], window)
    read = CORPUS[:-1] if window is None else CORPUS[299:-1]
    assert torch.cat(seen).tolist() == read.tolist() if window is None else sum(map(len, seen)) == len(read)


def test_is_the_perplexity_of_evaluate() -> None:
    """Whose loader sets 35 tokens aside for the offset and the last label."""
    model, tokens = model_of(), CORPUS[: 20 * 35 + 1]
    for random, window in ((True, 35), (False, None)):
        perplexity = funcs.evaluate(model, funcs.TextLoader(CORPUS[: 21 * 35 + 1], VOCAB, 1, 35, random, offset=0))
        assert math.log2(perplexity) == pytest.approx(funcs.bits_per_character(model, tokens, window=window), rel=1e-4)


def test_leaves_the_model_as_it_was() -> None:
    model = model_of().train()
    funcs.bits_per_character(model, CORPUS[:50])
    assert model.training and all(param.grad is None for param in model.parameters())
    fresh = funcs.RNN(8, 4)  # no chance of anything but guessing
    with torch.no_grad():
        for param in fresh.parameters():
            param.zero_()
    for window in (None, 10):
        assert funcs.bits_per_character(fresh, CORPUS, window=window) == pytest.approx(3)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ((CORPUS[:1],), "at least two tokens, or of one after a history, got shapes \\(1,\\) and \\(0,\\)"),
        ((CORPUS[:0], CORPUS), "at least two tokens"),
        ((CORPUS[None],), "must be a row"),
        ((CORPUS, CORPUS[None]), "must be a row"),
        ((CORPUS, None, 0), "window must be at least 1, or None"),
        ((CORPUS + 5,), "token numbers 0 … 7"),
    ],
)
def test_errors(settings: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        funcs.bits_per_character(model_of(), *settings)
