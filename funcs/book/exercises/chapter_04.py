"""Checks of the exercises of chapter 04: the RNN from scratch."""

import math
from typing import Any

import torch
from torch.nn import functional as F

from funcs.book.exercises.checking import call, exercise, same
from funcs.rnn import RNN, get_rnn_params, init_rnn_state, rnn_forward
from funcs.text import Vocab


@exercise("04.1")
def number_of_parameters(answer: Any) -> str | None:
    wanted = sum(param.numel() for param in get_rnn_params(28, 512))
    if same(answer, wanted):
        return None
    return "add up the entries of W_xh, W_hh, b_h, W_hq and b_q; most are in W_hh."


@exercise("04.2")
def perplexity_from_probabilities(answer: Any) -> str | None:
    logits, labels = torch.randn(50, 28), torch.randint(28, (50,))
    p = logits.softmax(1)[torch.arange(50), labels]
    wanted = math.exp(F.cross_entropy(logits, labels).item())
    got = call(answer, p)
    if same(got, float((1 / p).mean()), 1e-3):
        return "this averages 1/p; perplexity is the geometric mean: average the logarithms."
    if not same(got, wanted, 1e-3):
        return "exp of the mean of −log p."
    return None if same(call(answer, torch.full((10,), 1 / 28)), 28.0, 1e-3) else "guessing among 28 must give 28."


@exercise("04.3")
def learning_rate_for_summed_loss(answer: Any) -> str | None:
    if same(answer, 32 * 35):
        return None
    return "the mean divides the sum by the number of predictions in a batch of 32 rows and 35 steps."


@exercise("04.4")
def rows_instead_of_one_hot(answer: Any) -> str | None:
    params = [torch.randn_like(param) for param in get_rnn_params(5, 7)]
    x, state = torch.randint(5, (3, 4)), (torch.randn(3, 7),)
    wanted, (H,) = rnn_forward(F.one_hot(x.T, 5).float(), state, params)
    outputs, last = call(answer, x, state, params)
    if outputs.shape != wanted.shape:
        return f"for x of shape (3, 4) the outputs must have shape (12, 5), yours have {tuple(outputs.shape)}."
    if not same(outputs, wanted):
        return "a one-hot row times W_xh is a row of W_xh: which one, and are you walking along time, x.T?"
    return None if isinstance(last, tuple) and same(last[0], H) else "return the last state too, as a tuple."


@exercise("04.5")
def state_after_reading_in_pieces(answer: Any) -> str | None:
    model, vocab = RNN(28, 16), Vocab(list("the time traveller"))
    text = "the time traveller smiled"
    x = torch.tensor([vocab[list(text)]])
    with torch.no_grad():
        for param in model.parameters():
            param.normal_()
        _, wanted = model(x, init_rnn_state(1, 16))
        for length in (1, 4, 7, 100):
            got = call(answer, text, length, model, vocab)
            if not (isinstance(got, tuple) and same(got[0], wanted[0], 1e-3)):
                return f"with pieces of {length} characters the state is not that of the whole text read at once."
    return None
