"""Arithmetic coding: a prediction becomes a file, and the file the text again (chapter 12)."""

from collections.abc import Iterable
from typing import Any, Protocol

import numpy as np
import torch

PRECISION = 24  # bits in which a probability is rounded
WHOLE = 64  # bits of the interval that is being divided
MASK = (1 << WHOLE) - 1


class Predictor(Protocol):
    """Whatever says how probable each token is as the next one, and is then told which one it was."""

    def probs(self) -> Any:
        """(vocab_size,), a tensor or an array, non-negative and with a sum of about 1."""

    def update(self, token: int) -> None:
        """What came was `token`."""


def ends_of(probs: Any) -> np.ndarray:
    """Where each token's part of 0 … 2²⁴ ends, (vocab_size,) int64; no part is empty, however small its probability.

    Raises:
        ValueError: NaN, inf, a negative number, nothing but zeros, or as many tokens as there are places.
    """
    probs = probs.detach().cpu().double().numpy() if isinstance(probs, torch.Tensor) else np.asarray(probs, np.float64)
    total = probs.sum()
    if probs.ndim != 1 or not len(probs) < 1 << PRECISION or not 0 < total < np.inf or probs.min() < 0:
        raise ValueError(
            f"probs must be one row of numbers of at least 0 with a sum above 0, got shape {probs.shape}, sum {total}"
        )
    ends = np.floor(np.cumsum(probs) * (((1 << PRECISION) - len(probs)) / total)).astype(np.int64)
    ends += np.arange(1, len(probs) + 1)
    ends[-1] = 1 << PRECISION
    return ends


def encode(tokens: Iterable[int], predictor: Predictor) -> bytes:
    """The tokens as bytes: about −log₂ p bits for each, p being what the predictor gave it (Witten, Neal, Cleary 1987).

    All texts share the interval from 0 to 1, each with a part as long as its probability; the bytes are a number in the
    part of this one. The predictor is updated with every token.

    Args:
        tokens: token numbers.
        predictor: what predicts each of them from those before it.

    Raises:
        ValueError: a token that the predictor gives no probability, or probabilities that are none.
    """
    low, width, code = 0, 1 << WHOLE, bytearray()
    for token in tokens:
        ends = ends_of(predictor.probs())
        if not 0 <= token < len(ends):
            raise ValueError(f"tokens must be from 0 to {len(ends) - 1}, as the predictor's, got {token}")
        start, end = (int(ends[token - 1]) if token else 0), int(ends[token])
        part = width >> PRECISION
        low, width = low + part * start, part * (end - start)
        if low > MASK:
            carry(code)
            low &= MASK
        while width <= 1 << (WHOLE - 16):  # the first byte is decided, but for a carry
            code.append(low >> (WHOLE - 8))
            low, width = low << 8 & MASK, width << 8
        predictor.update(token)
    for spare in range(WHOLE, -1, -8):  # the fewest bytes that name a number in what is left
        number = (low + (1 << spare) - 1) >> spare << spare
        if number < low + width:
            break
    if number > MASK:
        carry(code)
    return bytes(code) + (number & MASK).to_bytes(WHOLE // 8, "big")[: (WHOLE - spare) // 8]


def carry(code: bytearray) -> None:
    """Add 1 to the number that the bytes are."""
    place = len(code) - 1
    while code[place] == 255:
        code[place] = 0
        place -= 1
    code[place] += 1


def decode(code: bytes, num_tokens: int, predictor: Predictor) -> list[int]:
    """The tokens that `encode` was given, with a predictor in the state that the other had at its start.

    The predictor must compute exactly what the other did: a difference in the last digit of a probability turns
    everything after it into another text.

    Raises:
        ValueError: `num_tokens` below 0; bytes that stand for no text.
    """
    if num_tokens < 0:
        raise ValueError(f"num_tokens must be at least 0, got {num_tokens}")
    head, rest = code[: WHOLE // 8], iter(code[WHOLE // 8 :])
    number, width = (
        int.from_bytes(head.ljust(WHOLE // 8, b"\0"), "big"),
        1 << WHOLE,
    )  # counted from the interval's start
    tokens = []
    for _ in range(num_tokens):
        ends = ends_of(predictor.probs())
        part = width >> PRECISION
        token = int(np.searchsorted(ends, number // part, side="right"))
        if token == len(ends):
            raise ValueError("code must be what encode returned for this predictor, got bytes that stand for no text")
        start, end = (int(ends[token - 1]) if token else 0), int(ends[token])
        number, width = number - part * start, part * (end - start)
        while width <= 1 << (WHOLE - 16):
            number, width = number << 8 | next(rest, 0), width << 8
        predictor.update(token)
        tokens.append(token)
    return tokens
