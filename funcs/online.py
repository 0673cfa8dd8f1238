"""Predictors that go on learning from what they read: counts, networks, and both mixed (chapter 12).

Each has `probs()` and `update(token)`, as `encode` and `decode` need it.
"""

import math
from collections.abc import Collection, Iterable, Sequence
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from funcs.coding import Predictor
from funcs.prediction import join
from funcs.rnn import detach
from funcs.training import LanguageModel, bare, device_of, evaluating


class Mixer:
    """Several predictions as one, p ∝ Π p_kʷᵏ; the weights learn, a set of them for each kind of moment.

    Mixing in the logarithm is Mahoney's (PAQ, 2005), there of bits, here of whole tokens.

    Args:
        weights: what each prediction counts at first, (num_predictions,).
        num_sets: number of sets of weights.
        rate: of learning at first; it falls to a twentieth.
    """

    def __init__(self, weights: Sequence[float], num_sets: int = 1, rate: float = 0.02) -> None:
        self.weights = np.tile(np.asarray(weights, np.float64), (num_sets, 1))
        self.rate, self.count = rate, 0

    def mix(self, log_probs: np.ndarray, which: int = 0) -> np.ndarray:
        """The mixture, (vocab_size,), of log_probs (num_predictions, vocab_size) by the set `which` of weights."""
        self.log_probs, self.chosen = log_probs, self.weights[which]
        scores = self.chosen @ log_probs
        probs = np.exp(scores - scores.max())
        self.probs: np.ndarray = probs / probs.sum()
        return self.probs

    def learn(self, token: int) -> None:
        """One step down the gradient of −ln p(token) of the last mixture."""
        rate = max(self.rate / 20, self.rate / (1 + self.count / 20_000))
        self.chosen -= rate * (self.log_probs @ self.probs - self.log_probs[:, token])
        self.count += 1


class Counts:
    """What came after each context, with the three discounts of Chen and Goodman (1999), counted while reading."""

    def __init__(self) -> None:
        self.following: dict[tuple[Any, ...], dict[int, int]] = {}
        self.runs = [0.0, 2.0, 1.0, 0.5, 0.5]  # how many runs have been counted 1, 2, 3, 4 times; not 0 at first

    def discounts(self) -> list[float]:
        """What is taken from a count of 1, of 2, and of 3 or more."""
        _, *n = self.runs
        share = n[0] / (n[0] + 2 * n[1])
        return [max(0.05 * k, k - (k + 1) * share * n[k] / n[k - 1]) for k in (1, 2, 3)]

    def sharpen(self, probs: np.ndarray, context: tuple[Any, ...]) -> np.ndarray | None:
        """What is known after `context`, and `probs` for what the discounts leave; None where nothing is known."""
        following = self.following.get(context)
        if following is None:
            return None
        tokens, counts = list(following), np.array(list(following.values()), np.float64)
        discounts = np.take(self.discounts(), np.minimum(counts, 3).astype(np.int64) - 1)
        total = counts.sum()
        sharper: np.ndarray = probs * (discounts.sum() / total)
        sharper[tokens] += (counts - discounts) / total
        return sharper

    def add(self, context: tuple[Any, ...], token: int) -> bool:
        """Count one more; whether it is the first time."""
        following = self.following.setdefault(context, {})
        count = following.get(token, 0)
        following[token] = count + 1
        if 1 <= count <= 4:
            self.runs[count] -= 1
        if count < 4:
            self.runs[count + 1] += 1
        return count == 0


class OnlineNGrams:
    """n-grams of all orders up to `order`, and of words, counted while reading and mixed by a `Mixer`.

    Each order sharpens the one below, as in `NGram`; a run that is known to a longer context is not counted again in a
    shorter one, which is Kneser and Ney's way to count. Of words there are four contexts: what there is of the word so
    far, that with the word before, with two words before, and two words before with the place in the word.

    Args:
        vocab_size: number of tokens.
        order: the longest context, in tokens, at least 4.
        separators: tokens that end a word.
    """

    def __init__(self, vocab_size: int, order: int = 6, separators: Collection[int] = ()) -> None:
        if vocab_size < 1 or order < 4:
            raise ValueError(f"vocab_size must be at least 1 and order at least 4, got {vocab_size} and {order}")
        self.vocab_size, self.order, self.separators = vocab_size, order, frozenset(separators)
        self.orders = [Counts() for _ in range(order + 1)]
        self.words = [Counts() for _ in range(4)]
        self.past: tuple[int, ...] = ()
        self.word: tuple[int, ...] = ()
        self.before: tuple[Any, ...] = ((), ())
        weights = np.zeros(order + 5)
        weights[[3, order - 2, order]] = 0.1, 0.2, 0.6
        weights[-4:] = 0.1
        self.mixer = Mixer(list(weights), 4 * (order + 1))

    def contexts(self) -> tuple[list[tuple[int, ...]], list[tuple[Any, ...]]]:
        """Where the text stands: the last 0, 1, … tokens; the four contexts of words."""
        last, other = self.before
        return [self.past[len(self.past) - k :] for k in range(len(self.past) + 1)], [
            (self.word,),
            (self.word, last),
            (self.word, last, other),
            (last, other, len(self.word)),
        ]

    def probs(self) -> np.ndarray:
        """(vocab_size,) float64."""
        runs, words = self.contexts()
        rows = []
        probs, types = np.full(self.vocab_size, 1 / self.vocab_size), 0
        for counts, context in zip(self.orders, runs, strict=False):
            sharper = counts.sharpen(probs, context)
            if sharper is None:
                break
            probs, types = sharper, len(counts.following[context])
            rows.append(probs)
        longest = max(0, len(rows) - 1)
        rows += [probs] * (self.order + 1 - len(rows))
        for counts, context, base in zip(self.words, words, (rows[2], probs, probs, probs), strict=True):
            sharper = counts.sharpen(base, context)
            rows.append(base if sharper is None else sharper)
        return self.mixer.mix(np.log(np.array(rows)), 4 * longest + min(max(types - 1, 0), 3))

    def update(self, token: int) -> None:
        """What came was `token`."""
        self.mixer.learn(token)
        runs, words = self.contexts()
        for counts, context in zip(self.orders[len(runs) - 1 :: -1], runs[::-1], strict=True):
            if not counts.add(context, token):
                break
        for counts, words_context in zip(self.words, words, strict=True):
            counts.add(words_context, token)
        if token in self.separators:
            self.word, self.before = (), (self.word, self.before[0])
        else:
            self.word += (token,)
        self.past = (*self.past, token)[-self.order :]


class OnlineModel:
    """A language model that reads token by token, and goes on learning if it is given an optimizer.

    That is dynamic evaluation (Krause, Kahembwe, Murray and Renals, 2018): each token is predicted before it is learned
    from. Each `chunk` of tokens is one update, together with some chunks of what was read before.

    Args:
        model: as for `train`; it is changed in place by an optimizer.
        optimizer: over the model's parameters; None learns nothing.
        chunk: tokens from one update to the next.
        replays: how many earlier chunks are learned from once more in each update, drawn at random.
        history: what was read before, (num_tokens,) int64; the state is warmed up by its end.
        seed: of what is drawn.
    """

    def __init__(
        self,
        model: LanguageModel,
        optimizer: torch.optim.Optimizer | None = None,
        chunk: int = 20,
        replays: int = 0,
        history: torch.Tensor | None = None,
        seed: int = 0,
        warm_up: int = 1000,
    ) -> None:
        if chunk < 1 or replays < 0:
            raise ValueError(f"chunk must be at least 1 and replays at least 0, got {chunk} and {replays}")
        self.model, self.optimizer, self.chunk, self.replays = model, optimizer, chunk, replays
        self.tokens = [] if history is None else history.tolist()
        self.generator = torch.Generator().manual_seed(seed)
        self.state = bare(model).begin_state(batch_size=1, device=device_of(model))
        self.outputs: torch.Tensor | None = None
        if self.tokens:
            self.read(self.tokens[-warm_up:])
        self.first, self.first_state = len(self.tokens), self.state  # where the chunk begins

    def read(self, tokens: Sequence[int]) -> None:
        """Let the model read these tokens."""
        with evaluating(self.model):
            outputs, self.state = self.model(torch.tensor([tokens], device=device_of(self.model)), self.state)
        self.outputs = outputs[-1]

    def probs(self) -> torch.Tensor:
        """(vocab_size,); uniform before the first token."""
        if self.outputs is None:
            return torch.full((self.model.vocab_size,), 1 / self.model.vocab_size)
        return self.outputs.softmax(-1)

    def update(self, token: int) -> None:
        """What came was `token`."""
        self.tokens.append(token)
        if self.optimizer is not None and len(self.tokens) - self.first > self.chunk:
            self.learn()
            self.first, self.first_state = len(self.tokens) - 1, self.state
        self.read([token])

    def learn(self) -> None:
        """One update, on the last chunk, from the state before it, and on earlier ones, from zero."""
        device, n = device_of(self.model), self.chunk
        starts = torch.randint(max(1, self.first - n), (self.replays,), generator=self.generator).tolist()
        starts = [self.first] + [start for start in starts if start + n < self.first]
        rows = torch.tensor([self.tokens[start : start + n + 1] for start in starts], device=device)
        zero = bare(self.model).begin_state(batch_size=1, device=device)
        self.model.train()
        outputs, _ = self.model(rows[:, :-1], join([detach(self.first_state)] + [zero] * (len(starts) - 1)))
        loss = F.cross_entropy(outputs, rows[:, 1:].T.reshape(-1))
        self.optimizer.zero_grad()  # type: ignore[union-attr]
        loss.backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimizer.step()  # type: ignore[union-attr]


class Mixture:
    """Several predictors as one, mixed by a `Mixer` that learns what each of them is worth.

    Args:
        predictors: of the same tokens.
        rate: of the mixer.
    """

    def __init__(self, predictors: Iterable[Predictor], rate: float = 0.02) -> None:
        self.predictors = list(predictors)
        self.mixer = Mixer([1 / len(self.predictors)] * len(self.predictors), rate=rate)

    def probs(self) -> np.ndarray:
        """(vocab_size,) float64."""
        rows = [np.asarray(predictor.probs(), np.float64) for predictor in self.predictors]
        return self.mixer.mix(np.log(np.maximum(rows, 1e-30)))

    def update(self, token: int) -> None:
        """What came was `token`."""
        self.mixer.learn(token)
        for predictor in self.predictors:
            predictor.update(token)


def bits_of(tokens: Iterable[int], predictor: Predictor) -> float:
    """The sum of −log₂ p over the tokens, each predicted before the predictor is told it."""
    bits = 0.0
    for token in tokens:
        bits -= math.log2(predictor.probs()[token])
        predictor.update(token)
    return bits
