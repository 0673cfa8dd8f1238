"""Comparing cells: the same text, the same epochs, a rate that falls; and what was learned by heart."""

from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

import funcs


def step_of(model: Any, X: torch.Tensor, Y: torch.Tensor) -> Callable[[], None]:
    """One whole training step on one batch, to be timed: forward, loss, backward, clipping, update (chapter 06)."""
    optimizer, state = torch.optim.SGD(model.parameters(), 1e-3), model.begin_state(len(X))

    def step() -> None:
        outputs, _ = model(X, state)
        optimizer.zero_grad()
        F.cross_entropy(outputs, Y.T.reshape(-1)).backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()

    return step


def plain_model() -> funcs.RNN:
    """A plain network of about 80,000 parameters with the start of chapter 06 (chapter 08)."""
    model = funcs.RNN(28, 256)
    with torch.no_grad():
        nn.init.normal_(model.params[0], std=0.5)
        nn.init.orthogonal_(model.params[1], 0.7)
    return model


def gated_model() -> funcs.RNNModel:
    """A GRU of about 80,000 parameters with torch's start (chapter 08)."""
    return funcs.RNNModel(funcs.GRU(28, 145), 28)


def fit_text(
    make: Callable[[], Any],
    text: torch.Tensor,
    held_out: funcs.TextLoader,
    lr: float,
    seed: int = 0,
    num_epochs: int = 8,
) -> tuple[Any, funcs.History]:
    """A model, trained with Adam at a rate that falls from `lr` to zero in equal steps, and its history (chapter 08).

    Args:
        make: makes the model.
        text: (num_tokens,) int64, the text to train on, 32 rows and 35 steps at a time.
        held_out: the text to score it on after each epoch, with the vocabulary of both.
        seed: of the weights and of the loader.
    """
    torch.manual_seed(seed)
    model = make()
    loader = funcs.TextLoader(text, held_out.vocab, 32, 35, generator=seed)
    optimizer = torch.optim.Adam(model.parameters(), lr)
    scheduler = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.0, total_iters=num_epochs)
    history = funcs.train(
        model,
        loader,
        num_epochs,
        optimizer=optimizer,
        scheduler=scheduler,
        held_out=held_out,
        live=False,
        progress=False,
    )
    return model, history


def longest_copy(written: str, source: str) -> str:
    """The longest piece of `written` that stands in `source` (chapter 04)."""
    best = ""
    for i in range(len(written)):
        while i + len(best) < len(written) and written[i : i + len(best) + 1] in source:
            best = written[i : i + len(best) + 1]
    return best
