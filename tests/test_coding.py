"""The arithmetic coder: exact both ways, and as long as the bits that were predicted."""

import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st

from funcs import NGram, Vocab, coding, decode, encode
from funcs.coding import ends_of


class Fixed:
    """The same probabilities for every token."""

    def __init__(self, probs: Any) -> None:
        self.fixed = probs

    def probs(self) -> Any:
        return self.fixed

    def update(self, token: int) -> None:
        pass


class Learning:
    """Counts from 1 upwards: what came often gets more."""

    def __init__(self, vocab_size: int) -> None:
        self.counts = np.ones(vocab_size)

    def probs(self) -> np.ndarray:
        return self.counts / self.counts.sum()

    def update(self, token: int) -> None:
        self.counts[token] += 1


weights = st.lists(st.floats(0, 1e6), min_size=1, max_size=12).filter(lambda row: sum(row) > 0)


@given(weights, st.lists(st.integers(0, 11), max_size=60))
@example([1.0, 0.0, 0.0], [2, 1, 2, 2, 1])  # no probability at all: dear, but possible
@example([1e-30, 1.0], [0] * 40)
@example([1.0], [0] * 1000)
def test_a_text_comes_back(row: list[float], tokens: list[int]) -> None:
    tokens = [token % len(row) for token in tokens]
    assert decode(encode(tokens, Fixed(row)), len(tokens), Fixed(row)) == tokens


@given(st.lists(st.integers(0, 3), max_size=300))
def test_size_is_the_bits_that_were_predicted(tokens: list[int]) -> None:
    predictor, bits = Learning(4), 0.0
    for token in tokens:
        bits -= math.log2(predictor.probs()[token])
        predictor.update(token)
    code = encode(tokens, Learning(4))
    assert 8 * len(code) <= bits + 9
    assert decode(code, len(tokens), Learning(4)) == tokens


def test_nor_is_it_less_for_tokens_as_they_are_predicted() -> None:
    tokens = torch.multinomial(torch.tensor([0.5, 0.3, 0.15, 0.05]), 5000, replacement=True).tolist()
    predictor, bits = Learning(4), 0.0
    for token in tokens:
        bits -= math.log2(predictor.probs()[token])
        predictor.update(token)
    assert 8 * len(encode(tokens, Learning(4))) == pytest.approx(bits, abs=16)


def test_a_carry_goes_through_bytes_that_are_full(monkeypatch: pytest.MonkeyPatch) -> None:
    plain, through = coding.carry, []

    def carry(code: bytearray) -> None:
        through.append(code[-1] == 255)
        plain(code)

    monkeypatch.setattr(coding, "carry", carry)
    for zeros in range(2, 30):  # a text whose part begins just below one half, and ends just above it
        tokens = decode(b"\x80" + bytes(zeros) + b"\x01", 400, Fixed([0.3, 0.3, 0.4]))
        assert decode(encode(tokens, Fixed([0.3, 0.3, 0.4])), 400, Fixed([0.3, 0.3, 0.4])) == tokens
    assert sum(through) >= 20


def test_nothing_takes_no_byte_and_one_certain_token_neither() -> None:
    assert encode([], Fixed([0.5, 0.5])) == b"" and decode(b"", 0, Fixed([0.5, 0.5])) == []
    assert encode([0], Fixed([1.0])) == b"" and decode(b"", 1, Fixed([1.0])) == [0]


def test_parts_fill_the_interval_and_none_is_empty() -> None:
    ends = ends_of(torch.tensor([0.0, 1.0, 1e-40, 3.0]))
    assert ends[-1] == 2**24 and (np.diff(ends, prepend=0) >= 1).all()
    assert np.diff(ends, prepend=0)[1] == pytest.approx(2**22, rel=1e-5)


def test_another_predictor_reads_another_text() -> None:
    tokens = [0, 1, 1, 0, 1, 0, 0, 0, 1, 1, 0, 1] * 10
    code = encode(tokens, Fixed([0.5, 0.5]))
    assert decode(code, len(tokens), Fixed([0.5, 0.50001])) != tokens


@pytest.mark.parametrize(
    "row", [[], [0.0, 0.0], [float("nan"), 1.0], [float("inf"), 1.0], [-0.1, 1.1], [[0.5, 0.5]], [1.0] * 2**24]
)
def test_probabilities_that_are_none(row: Any) -> None:
    with pytest.raises(ValueError, match="probs must be one row"):
        encode([0], Fixed(row))


def test_bad_tokens_and_numbers() -> None:
    for token in (-1, 2):
        with pytest.raises(ValueError, match="tokens must be from 0 to 1"):
            encode([token], Fixed([0.5, 0.5]))
    with pytest.raises(ValueError, match="num_tokens must be at least 0"):
        decode(b"", -1, Fixed([0.5, 0.5]))


def test_a_text_with_unknown_characters_and_one_of_a_single_character() -> None:
    vocab = Vocab(list("to be or not to be"))
    ngram = NGram(torch.tensor(vocab[list("to be or not to be")]), 3, len(vocab))

    class Counting:
        def __init__(self) -> None:
            self.past: list[int] = []

        def probs(self) -> torch.Tensor:
            return ngram.probs(self.past)

        def update(self, token: int) -> None:
            self.past = [*self.past, token][-2:]

    for text in ("to ξ be, or", "b", "ξ", ""):
        tokens = vocab[list(text)]
        assert decode(encode(tokens, Counting()), len(tokens), Counting()) == tokens
