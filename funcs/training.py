"""Training and evaluating a language model, whatever its cell (chapter 04)."""

import contextlib
import copy
import dataclasses
import math
import time
from collections.abc import Iterator
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F
from tqdm.auto import tqdm

from funcs.devices import choose_device
from funcs.loaders import TextLoader
from funcs.plotting import LivePlot
from funcs.rnn import Device, detach

# An nn.Module with begin_state(batch_size, device), called as model(X, state); see train.
LanguageModel = Any


@dataclasses.dataclass
class History:
    """What happened during `train`.

    Attributes:
        perplexity: training perplexity of each finished epoch, measured while its weights were changing.
        held_out: perplexity on the held-out text after each finished epoch; empty if there was none.
        seconds: wall-clock time spent on training, without that for the held-out text.
        tokens_per_second: training tokens per second.
    """

    perplexity: list[float] = dataclasses.field(default_factory=list)
    held_out: list[float] = dataclasses.field(default_factory=list)
    seconds: float = 0.0
    tokens_per_second: float = 0.0

    def __repr__(self) -> str:
        epochs = len(self.perplexity)
        if not epochs:
            return "<History of 0 epochs>"
        held_out = f", held-out {self.held_out[-1]:.2f}" if self.held_out else ""
        return (
            f"<History of {epochs} epochs: perplexity {self.perplexity[-1]:.2f}{held_out}, "
            f"{self.tokens_per_second:,.0f} tokens/s, {self.seconds:.1f} s>"
        )


@contextlib.contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Evaluation mode without gradients for the length of a `with` block; then the mode that was."""
    was_training = model.training
    model.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        model.train(was_training)


def evaluate(model: LanguageModel, data_iter: TextLoader) -> float:
    """Perplexity of `model` on `data_iter`: exp of the mean cross-entropy per token, in nats (chapter 04).

    The state is carried from batch to batch for a sequential partition, zero for each batch of a random one. Give the
    loader `offset=0` for a number that is the same each time.
    """
    device = next(model.parameters()).device
    total, count, state = 0.0, 0, None
    with evaluating(model):
        for X, Y in data_iter:
            if state is None or data_iter.use_random_iter:
                state = model.begin_state(len(X), device)
            outputs, state = model(X.to(device), state)
            total += F.cross_entropy(outputs, Y.T.reshape(-1).to(device), reduction="sum").item()
            count += Y.numel()
    mean = total / count
    return math.exp(mean) if mean < 700 else math.inf


def train_epoch(
    model: LanguageModel, train_iter: TextLoader, optimizer: torch.optim.Optimizer, clip: float | None
) -> tuple[float, int]:
    """One pass over `train_iter`, one update per batch (chapter 04).

    Returns:
        The sum of the cross-entropy over all tokens, in nats, and the number of tokens.
    """
    device = next(model.parameters()).device
    total, count, state = torch.zeros((), device=device), 0, None
    for X, Y in train_iter:
        if state is None or train_iter.use_random_iter:
            state = model.begin_state(len(X), device)
        else:
            state = detach(state)
        outputs, state = model(X.to(device), state)
        loss = F.cross_entropy(outputs, Y.T.reshape(-1).to(device))
        optimizer.zero_grad()
        loss.backward()
        if clip is not None:
            nn.utils.clip_grad_norm_(model.parameters(), clip)
        optimizer.step()
        total += loss.detach() * Y.numel()
        count += Y.numel()
    return total.item(), count


def train(
    model: LanguageModel,
    train_iter: TextLoader,
    num_epochs: int,
    lr: float = 1.0,
    device: Device = None,
    *,
    optimizer: torch.optim.Optimizer | None = None,
    clip: float | None = 1.0,
    held_out: TextLoader | None = None,
    live: bool = True,
    progress: bool = True,
) -> History:
    """Train a language model in place (chapter 04).

    Any module will do that is called as `model(X, state)` with X (batch_size, num_steps) integers, returns
    (outputs (num_steps · batch_size, vocab_size), state), and has `begin_state(batch_size, device)`; a state is a
    tensor or a tuple of them. The state starts from zero in each epoch and is detached from batch to batch; in a random
    partition it starts from zero in each batch.

    Args:
        num_epochs: passes over `train_iter`, at least 1.
        lr: learning rate of plain SGD; not used if `optimizer` is given.
        device: where to train; the model is moved there. None is where the model is.
        optimizer: an optimizer over the model's parameters instead of SGD.
        clip: the largest allowed 2-norm of all gradients together; None does not clip.
        held_out: a loader of other text, evaluated after each epoch.
        live: draw a live curve, where there is a notebook to draw it in.
        progress: show a progress bar.

    Returns:
        The history of the epochs that were finished. Interrupting the kernel ends training early, with the model as it
        is at that moment and the history so far.

    Raises:
        ValueError: `num_epochs` below 1, or `device` not on this machine.
        FloatingPointError: the loss of an epoch is no longer finite; the model is put back to the start of that epoch.
    """
    if num_epochs < 1:
        raise ValueError(f"num_epochs must be at least 1, got {num_epochs}")
    model.to(next(model.parameters()).device if device is None else choose_device(device))
    optimizer = optimizer or torch.optim.SGD(model.parameters(), lr)
    history = History()
    tokens = 0
    names = ["train", "held out"] if held_out is not None else ["train"]
    plot = LivePlot("epoch", "perplexity", names) if live else None
    model.train()
    epochs = tqdm(range(1, num_epochs + 1), desc="epochs", disable=not progress)
    try:
        for epoch in epochs:
            before = copy.deepcopy(model.state_dict())
            start = time.perf_counter()
            total, count = train_epoch(model, train_iter, optimizer, clip)
            if not total / count < 700:  # exp overflows, or the loss is inf or nan
                model.load_state_dict(before)
                lr = optimizer.param_groups[0]["lr"]
                raise FloatingPointError(
                    f"the loss must stay finite, got {total / count:.3g} in epoch {epoch} with a learning rate of "
                    f"{lr:g}; take a smaller one (the model is back at the start of that epoch)"
                )
            history.seconds += time.perf_counter() - start
            tokens += count
            history.tokens_per_second = tokens / history.seconds
            history.perplexity.append(math.exp(total / count))
            if held_out is not None:
                history.held_out.append(evaluate(model, held_out))
            if plot is not None:
                plot.add(epoch, [history.perplexity[-1], *history.held_out[-1:]])
            epochs.set_postfix(perplexity=f"{history.perplexity[-1]:.2f}", refresh=False)
    except KeyboardInterrupt:
        done = len(history.perplexity)
        print(f"Interrupted after {done} of {num_epochs} epochs; the model keeps what it has learned.")
    finally:
        epochs.close()
        if plot is not None:
            plot.finish()
    return history
