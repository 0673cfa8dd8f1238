"""Counting instead of learning: n-grams with Kneser-Ney smoothing (chapter 12)."""

import math
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence

import torch

from funcs.recurrences.rnn import check_numbers


class NGram:
    """An interpolated Kneser-Ney model of order n (Kneser and Ney 1995; Chen and Goodman 1999).

    A token's probability after a context of n − 1 tokens: its count less a discount, over the context's count; what the
    discounts leave goes to the model of order n − 1, whose counts are of different tokens before, not of occurrences;
    and so on down to the uniform one. The discount of each order is n₁ / (n₁ + 2 n₂), n₁ and n₂ being how many of its
    runs have been counted once and twice; where no run has been counted once, it is 1/2. No probability is 0.

    Args:
        corpus: token numbers, (num_tokens,) int64.
        order: n, at least 1; the context is n − 1 tokens.
        vocab_size: number of tokens.

    Attributes:
        following: for each order k from 1, a dict: context of k − 1 tokens → counts of the tokens that follow it.
        discounts: of each order.

    Raises:
        ValueError: an order below 1, a text shorter than that, or numbers that are none of the vocabulary's.
    """

    def __init__(self, corpus: torch.Tensor, order: int, vocab_size: int) -> None:
        if order < 1 or corpus.dim() != 1 or len(corpus) < order:
            raise ValueError(
                f"order must be at least 1, and corpus one row of at least as many tokens, "
                f"got order {order} and shape {tuple(corpus.shape)}"
            )
        check_numbers(corpus, vocab_size, "corpus")
        self.order, self.vocab_size = order, vocab_size
        tokens = corpus.tolist()
        runs = Counter(tuple(tokens[i : i + order]) for i in range(len(tokens) - order + 1))
        self.following: list[dict[tuple[int, ...], dict[int, int]]] = []
        self.discounts: list[float] = []
        for _ in range(order):
            once, twice = (sum(count == n for count in runs.values()) for n in (1, 2))
            self.discounts.append(once / (once + 2 * twice) if once else 0.5)  # never 0: all tokens stay possible
            following: dict[tuple[int, ...], dict[int, int]] = defaultdict(dict)
            for (*context, token), count in runs.items():
                following[tuple(context)][token] = count
            self.following.append(dict(following))
            runs = Counter(run[1:] for run in runs)  # by how many different tokens each shorter run is preceded
        self.following.reverse()
        self.discounts.reverse()

    def known(self, context: Sequence[int]) -> Iterator[tuple[dict[int, int], float]]:
        """What has followed `context`, in order after order from the shortest, with that order's discount."""
        for k, (following, discount) in enumerate(zip(self.following, self.discounts, strict=True)):
            counts = following.get(tuple(context[len(context) - k :])) if k <= len(context) else None
            if counts is None:
                break  # and so nothing is known of longer contexts
            yield counts, discount

    def probs(self, context: Sequence[int]) -> torch.Tensor:
        """The probabilities of the next token, (vocab_size,) float64; only the last n − 1 of `context` count."""
        probs = torch.full((self.vocab_size,), 1 / self.vocab_size, dtype=torch.float64)
        for counts, discount in self.known(context):
            total = sum(counts.values())
            probs *= discount * len(counts) / total
            probs[list(counts)] += (torch.tensor(list(counts.values()), dtype=torch.float64) - discount) / total
        return probs

    def prob(self, context: Sequence[int], token: int) -> float:
        """The probability of one token, as in `probs`, many times faster than those of all."""
        prob = 1 / self.vocab_size
        for counts, discount in self.known(context):
            total = sum(counts.values())
            prob *= discount * len(counts) / total
            if token in counts:
                prob += (counts[token] - discount) / total
        return prob

    def bits_per_token(self, corpus: torch.Tensor, history: torch.Tensor | None = None) -> float:
        """The mean of −log₂ p over the tokens of `corpus`, each after those before it, `history`'s included."""
        past = [] if history is None else history.tolist()
        start = max(0, len(past) - self.order + 1)
        tokens = past[start:] + corpus.tolist()
        first = len(past) - start
        total = 0.0
        for i in range(first, len(tokens)):
            total -= math.log2(self.prob(tokens[max(0, i - self.order + 1) : i], tokens[i]))
        return total / max(1, len(tokens) - first)
