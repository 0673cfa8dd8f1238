"""Training and evaluating a language model, whatever its cell (chapter 04)."""

import contextlib
import copy
import dataclasses
import math
import time
from collections.abc import Iterable, Iterator
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F
from tqdm.auto import tqdm

from funcs.devices import Device, choose_device
from funcs.live import LivePlot
from funcs.loaders import Batch
from funcs.recurrences.rnn import check_numbers
from funcs.rnn import detach
from funcs.text import Vocab

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
    """Evaluation mode without gradients for the length of a `with` block; then the modes that were."""
    were = {module: module.training for module in model.modules()}
    model.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        for module, training in were.items():
            module.training = training


def bare(model: LanguageModel) -> LanguageModel:
    """The model itself, without the wrapper of distributed training around it."""
    return model.module if isinstance(model, nn.parallel.DistributedDataParallel) else model


def device_of(model: LanguageModel) -> torch.device:
    """Where the model's parameters are.

    Raises:
        ValueError: it has none.
    """
    for param in model.parameters():
        return param.device
    raise ValueError(f"model must have parameters, got {type(model).__name__} without any")


def starts_from_zero(data_iter: Iterable[Batch]) -> bool:
    """Whether each batch starts anew: in a random partition, and in whatever does not say that its batches go on."""
    return getattr(data_iter, "use_random_iter", True)


def check_vocab(model: LanguageModel, vocab: Vocab | None, name: str) -> None:
    """Raise ValueError if `vocab` numbers the tokens in another way than what `model` was trained with, or is to be."""
    known = getattr(bare(model), "vocab", None)
    if not isinstance(vocab, Vocab):
        return
    size = getattr(bare(model), "vocab_size", len(vocab))
    if len(vocab) != size:
        raise ValueError(f"{name} must have the model's {size} tokens, got {vocab}")
    if isinstance(known, Vocab) and known.idx_to_token != vocab.idx_to_token:
        raise ValueError(
            f"{name} must number tokens as the vocabulary that the model was trained with, {known}, got {vocab}; "
            "load_data_text and load_corpus take that one as vocab="
        )


def check_outputs(outputs: torch.Tensor, X: torch.Tensor, Y: torch.Tensor) -> None:
    """Raise ValueError unless there is one label for each token, and one row of scores for each label."""
    if Y.shape != X.shape:
        raise ValueError(f"Y must have the shape of X, one label per token, {tuple(X.shape)}, got {tuple(Y.shape)}")
    if outputs.dim() != 2 or len(outputs) != Y.numel():
        raise ValueError(
            f"model must return outputs of shape (num_steps · batch_size, vocab_size) with {Y.numel()} rows, "
            f"got {tuple(outputs.shape)}"
        )
    check_numbers(Y, outputs.shape[1], "Y")


def evaluate(model: LanguageModel, data_iter: Iterable[Batch]) -> float:
    """Perplexity of `model` on `data_iter`: exp of the mean cross-entropy per token, in nats (chapter 04).

    The state is carried from batch to batch for a sequential partition, zero for each batch of a random one. Give the
    loader `offset=0` for a number that is the same each time. torch's global generator is left as it was.

    Raises:
        ValueError: another vocabulary than that of training; no batch; labels or outputs that do not fit.
    """
    check_vocab(model, getattr(data_iter, "vocab", None), "data_iter.vocab")
    device = device_of(model)
    total, count, state = 0.0, 0, None
    with evaluating(model), torch.random.fork_rng(devices=[]):
        for X, Y in data_iter:
            if state is None or starts_from_zero(data_iter):
                state = bare(model).begin_state(batch_size=len(X), device=device)
            outputs, state = model(X.to(device), state)
            check_outputs(outputs, X, Y)
            total += F.cross_entropy(outputs, Y.T.reshape(-1).to(device), reduction="sum").item()
            count += Y.numel()
    if not count:
        raise ValueError("data_iter must yield at least one batch, got none")
    mean = total / count
    return math.inf if mean >= 700 else math.exp(mean)


def train_epoch(
    model: LanguageModel, train_iter: Iterable[Batch], optimizer: torch.optim.Optimizer, clip: float | None
) -> tuple[float, int]:
    """One pass over `train_iter`, one update per batch (chapter 04).

    Returns:
        The sum of the cross-entropy over all tokens, in nats, and the number of tokens.
    """
    device = device_of(model)
    total, count, state = torch.zeros((), device=device), 0, None
    for X, Y in train_iter:
        if state is None or starts_from_zero(train_iter):
            state = bare(model).begin_state(batch_size=len(X), device=device)
        else:
            state = detach(state)
        outputs, state = model(X.to(device), state)
        check_outputs(outputs, X, Y)
        loss = F.cross_entropy(outputs, Y.T.reshape(-1).to(device))
        optimizer.zero_grad()
        loss.backward()
        if clip is not None:
            nn.utils.clip_grad_norm_(model.parameters(), clip)
        optimizer.step()
        total += loss.detach() * Y.numel()
        count += Y.numel()
    return total.item(), count


def check_training(
    model: LanguageModel,
    num_epochs: int,
    lr: float,
    optimizer: Any,
    scheduler: Any,
    clip: float | None,
    train_iter: Any,
    held_out: Any,
) -> None:
    """Raise TypeError or ValueError for what would train nothing, or in the wrong direction."""
    if num_epochs < 1:
        raise ValueError(f"num_epochs must be at least 1, got {num_epochs}")
    if not lr > 0:
        raise ValueError(f"lr must be above 0, got {lr}")
    if clip is not None and not clip > 0:
        raise ValueError(f"clip must be above 0, or None for no clipping, got {clip}")
    if optimizer is not None:
        if not isinstance(optimizer, torch.optim.Optimizer):
            raise TypeError(f"optimizer must be a torch.optim.Optimizer over the model's parameters, got {optimizer!r}")
        own = {id(param) for param in model.parameters()}
        if not any(id(param) in own for group in optimizer.param_groups for param in group["params"]):
            raise ValueError("optimizer must be over the model's parameters, got one that holds none of them")
    plateau = isinstance(scheduler, torch.optim.lr_scheduler.ReduceLROnPlateau)
    if scheduler is not None and (
        optimizer is None or getattr(scheduler, "optimizer", None) is not optimizer or plateau
    ):
        raise ValueError(
            "scheduler must be one of torch.optim.lr_scheduler over the optimizer that is given beside it, and not "
            "ReduceLROnPlateau"
        )
    if isinstance(optimizer, torch.optim.LBFGS):
        raise ValueError("optimizer must make a step without a closure, got LBFGS")
    check_vocab(model, getattr(train_iter, "vocab", None), "train_iter.vocab")
    ours, theirs = getattr(train_iter, "vocab", None), getattr(held_out, "vocab", None)
    if isinstance(ours, Vocab) and isinstance(theirs, Vocab) and ours.idx_to_token != theirs.idx_to_token:
        raise ValueError(
            f"held_out must be numbered by the vocabulary of train_iter, {ours}, got {theirs}; load_data_text and "
            "load_corpus take that one as vocab="
        )


def train(
    model: LanguageModel,
    train_iter: Iterable[Batch],
    num_epochs: int,
    lr: float = 1.0,
    device: Device = None,
    *,
    optimizer: torch.optim.Optimizer | None = None,
    scheduler: torch.optim.lr_scheduler.LRScheduler | None = None,
    clip: float | None = 1.0,
    held_out: Iterable[Batch] | None = None,
    live: bool = True,
    progress: bool = True,
) -> History:
    """Train a language model in place (chapter 04).

    Any module will do that is called as `model(X, state)` with X (batch_size, num_steps) int64, returns
    (outputs (num_steps · batch_size, vocab_size), state), and has `begin_state(batch_size, device)`; a state is a
    tensor or a tuple of them. `DistributedDataParallel` around it is fine.

    The state starts from zero in each epoch and is detached from batch to batch; in a random partition, and for an
    iterable without the attribute `use_random_iter`, it starts from zero in each batch. The loader's vocabulary is kept
    as `model.vocab`, so that `evaluate`, `predict` and a further `train` notice another one.

    Args:
        train_iter: a `TextLoader`, or anything that yields pairs (X, Y) of that shape in each pass over it.
        num_epochs: passes over `train_iter`, at least 1.
        lr: learning rate of plain SGD, above 0; not used if `optimizer` is given.
        device: where to train; the model is moved there. None is where the model is.
        optimizer: an optimizer over the model's parameters instead of SGD; any but LBFGS.
        scheduler: a schedule of the optimizer's learning rate, which makes a step after each epoch; any but
            ReduceLROnPlateau.
        clip: the largest allowed 2-norm of all gradients together, above 0; None does not clip.
        held_out: a loader of other text with the same vocabulary, evaluated after each epoch.
        live: draw a live curve, where there is a notebook to draw it in.
        progress: show a progress bar.

    Returns:
        The history of the epochs that were finished. Interrupting the kernel ends training early, with the model as it
        is at that moment and the history so far.

    Raises:
        TypeError: `optimizer` is not a torch.optim.Optimizer.
        ValueError: `num_epochs` below 1, `lr` or `clip` not above 0, `device` not on this machine, an optimizer over
            something else, a scheduler of another optimizer, another vocabulary, a loader without a batch, labels
            or outputs that do not fit.
        FloatingPointError: the loss of an epoch or a weight after it is no longer finite; model and optimizer are put
            back to the start of that epoch.
    """
    check_training(model, num_epochs, lr, optimizer, scheduler, clip, train_iter, held_out)
    model.to(device_of(model) if device is None else choose_device(device))
    optimizer = optimizer or torch.optim.SGD(model.parameters(), lr)
    history = History()
    tokens = 0
    names = ["train", "held out"] if held_out is not None else ["train"]
    plot = LivePlot("epoch", "perplexity", names) if live else None
    model.train()
    epochs = tqdm(range(1, num_epochs + 1), desc="epochs", disable=not progress)
    try:
        for epoch in epochs:
            before = copy.deepcopy((model.state_dict(), optimizer.state_dict()))
            start = time.perf_counter()
            total, count = train_epoch(model, train_iter, optimizer, clip)
            seconds = time.perf_counter() - start
            if not count:
                raise ValueError(f"train_iter must yield at least one batch, got none in epoch {epoch}")
            if not total / count < 700 or not all(
                param.isfinite().all() for param in model.parameters() if param.requires_grad
            ):
                model.load_state_dict(before[0])
                optimizer.load_state_dict(before[1])
                raise FloatingPointError(
                    f"loss and weights must stay finite, got a loss of {total / count:.3g} in epoch {epoch} with a "
                    f"learning rate of {optimizer.param_groups[0]['lr']:g}; take a smaller one (model and optimizer "
                    "are back at the start of that epoch)"
                )
            if scheduler is not None:
                scheduler.step()
            if isinstance(getattr(train_iter, "vocab", None), Vocab) and not hasattr(bare(model), "vocab"):
                bare(model).vocab = train_iter.vocab  # type: ignore[attr-defined]
            scores = [math.exp(total / count)] + ([] if held_out is None else [evaluate(model, held_out)])
            history.perplexity.append(scores[0])
            history.held_out.extend(scores[1:])
            history.seconds += seconds
            tokens += count
            history.tokens_per_second = tokens / history.seconds
            if plot is not None:
                plot.add(epoch, scores)
            epochs.set_postfix(perplexity=f"{scores[0]:.2f}", refresh=False)
    except KeyboardInterrupt:
        done = len(history.perplexity)
        print(f"Interrupted after {done} of {num_epochs} epochs; the model keeps what it has learned.")
    finally:
        epochs.close()
        if plot is not None:
            plot.finish()
    return history
