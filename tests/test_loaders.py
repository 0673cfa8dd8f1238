"""Both partitions, the loader around them, and the one call that makes it all."""

from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import funcs

VOCAB = funcs.Vocab(list("abc"))


@st.composite
def cuts(draw: st.DrawFn) -> tuple[torch.Tensor, int, int, int]:
    """A corpus of positions that is long enough, batch_size, num_steps and an offset."""
    batch_size, num_steps = draw(st.integers(1, 6)), draw(st.integers(1, 9))
    needed = batch_size * num_steps + num_steps
    length = draw(st.integers(needed, needed + 120))
    return torch.arange(length), batch_size, num_steps, draw(st.integers(0, num_steps - 1))


@given(cuts())
def test_sequential_batches_are_contiguous(cut: tuple[torch.Tensor, int, int, int]) -> None:
    batches = list(funcs.sequential_partition(*cut))
    assert batches and batches[0][0][0, 0] == cut[3]
    for (X, Y), (X_next, _) in pairwise(batches):
        assert torch.equal(X_next[:, 0], Y[:, -1]) and torch.equal(X_next[:, 0], X[:, -1] + 1)


@given(cuts(), st.booleans())
def test_batches_have_their_shape_and_no_input_twice(cut: tuple[torch.Tensor, int, int, int], random: bool) -> None:
    corpus, batch_size, num_steps, offset = cut
    loader = funcs.TextLoader(corpus, VOCAB, batch_size, num_steps, random, offset=offset)
    batches = list(loader)
    assert len(batches) == len(loader) >= 1
    for X, Y in batches:
        assert X.shape == Y.shape == (batch_size, num_steps) and X.dtype == Y.dtype == torch.int64
        assert torch.equal(Y, X + 1)
        assert torch.equal(X, X[:, :1] + torch.arange(num_steps))
    used = torch.cat([X.flatten() for X, _ in batches])
    assert len(used.unique()) == len(used)
    assert len(corpus) - len(used) < batch_size * num_steps + num_steps, "a whole batch more would have fitted"


@pytest.mark.parametrize("random", [False, True])
def test_every_offset_occurs_equally_often(random: bool) -> None:
    loader = funcs.TextLoader(torch.arange(40), VOCAB, 2, 7, random, generator=0)
    offsets = Counter(int(min(X.min() for X, _ in loader)) % 7 for _ in range(1400))
    assert sorted(offsets) == list(range(7))
    assert all(140 < count < 260 for count in offsets.values())


def test_random_partition_shuffles_everything() -> None:
    loader = funcs.TextLoader(torch.arange(1000), VOCAB, 4, 5, True, generator=0)
    first, second = [torch.cat([X[:, 0] for X, _ in loader]) for _ in range(2)]
    assert (first.diff() == 5).float().mean() < 0.1 and not torch.equal(first, second)


@pytest.mark.parametrize("random", [False, True])
def test_reproducible_by_seed_and_generator(random: bool) -> None:
    def epochs(generator: torch.Generator | int | None) -> list[torch.Tensor]:
        loader = funcs.TextLoader(torch.arange(500), VOCAB, 4, 5, random, generator=generator)
        return [torch.stack([X for X, _ in loader]) for _ in range(3)]

    once = epochs(3)
    assert all(map(torch.equal, once, epochs(3)))
    assert all(map(torch.equal, once, epochs(torch.Generator().manual_seed(3))))
    assert not all(map(torch.equal, once, epochs(4)))
    torch.manual_seed(5)
    from_global = epochs(None)
    torch.manual_seed(5)
    assert all(map(torch.equal, from_global, epochs(None)))


@pytest.mark.parametrize(
    ("batch_size", "num_steps", "message"),
    [
        (0, 5, "batch_size must be a whole number of at least 1, got 0"),
        (2, -3, "num_steps must be a whole number of at least 1, got -3"),
        (2.0, 5, r"batch_size must be a whole number of at least 1, got 2\.0"),
        (32, 35, "at least 1155 tokens for one batch of batch_size=32 × num_steps=35 at every offset, got 100"),
    ],
)
def test_loader_refuses_sizes(batch_size: int, num_steps: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        funcs.TextLoader(torch.arange(100), VOCAB, batch_size, num_steps)


def test_loader_refuses_offset_and_corpus() -> None:
    with pytest.raises(ValueError, match=r"offset must be in 0 … 4 \(num_steps − 1\), got 5"):
        funcs.TextLoader(torch.arange(100), VOCAB, 2, 5, offset=5)
    with pytest.raises(ValueError, match=r"1-D tensor of int64, got torch.float32 of shape \(100,\)"):
        funcs.TextLoader(torch.rand(100), VOCAB, 2, 5)


def test_time_machine_prints_as_documented() -> None:
    train_iter, vocab = funcs.load_data_time_machine(32, 35, token_type="char")
    assert repr(train_iter) == '<TimeMachineLoader with 10000 corpus: "t", "h", "e", " ", "t", ...>'
    assert repr(vocab) == '<Vocab with 28 tokens: "<unk>", " ", "e", "t", "a", ...>'


def test_time_machine_by_words_and_in_full() -> None:
    train_iter, vocab = funcs.load_data_time_machine(4, 5, max_tokens=100, token_type="word")
    assert repr(train_iter) == '<TimeMachineLoader with 100 corpus: "the", "time", "machine", "an", "invention", ...>'
    assert len(vocab) == 4594 and vocab.token_type == "word"
    whole, _ = funcs.load_data_time_machine(4, 5, max_tokens=None)
    assert len(whole.corpus) == 174224


def test_load_data_refuses() -> None:
    with pytest.raises(ValueError, match="""token_type must be "char" or "word", got 'byte'"""):
        funcs.load_data_time_machine(32, 35, token_type="byte")
    with pytest.raises(ValueError, match="max_tokens must be at least 1, or None for the whole text, got 0"):
        funcs.load_data_time_machine(32, 35, max_tokens=0)
    with pytest.raises(ValueError, match="at least 1155 tokens .* got 1154"):
        funcs.load_data_time_machine(32, 35, max_tokens=1154)
    funcs.load_data_time_machine(32, 35, max_tokens=1155)


def test_own_text(tmp_path: Path) -> None:
    path = tmp_path / "own.txt"
    path.write_text("Çok güzel! " * 20, encoding="utf-8")
    loader, vocab = funcs.load_data_text(path, 2, 5)
    assert repr(loader) == '<TextLoader with 199 corpus: "ç", "o", "k", " ", "g", ...>'
    assert "ü" in vocab.token_to_idx and "!" not in vocab.token_to_idx
    _, raw_vocab = funcs.load_data_text(str(path), 2, 5, clean=str)
    assert {"Ç", "!"} <= set(raw_vocab.token_to_idx)
    (tmp_path / "numbers.txt").write_text("1 2 3")
    with pytest.raises(ValueError, match="at least one token after clean, got none; clean=str"):
        funcs.load_data_text(tmp_path / "numbers.txt", 2, 5)


@pytest.mark.parametrize("random", [False, True])
def test_a_batch_may_be_changed(random: bool) -> None:
    """Token dropout in X must change neither Y, nor the corpus, nor a later epoch."""
    corpus, vocab = funcs.load_corpus(max_tokens=500)
    before = corpus.clone()
    loader = funcs.TextLoader(corpus, vocab, 4, 5, random, offset=0, generator=0)
    for X, Y in loader:
        labels = Y.clone()
        X[:, 2] = 0
        assert torch.equal(Y, labels)
        Y.zero_()
    assert torch.equal(corpus, before)


@pytest.mark.parametrize("partition", [funcs.sequential_partition, funcs.random_partition])
@pytest.mark.parametrize(
    ("corpus", "batch_size", "num_steps", "offset", "message"),
    [
        (torch.arange(50), 2, 5, -1, r"offset must be in 0 … 4 \(num_steps − 1\), got -1"),
        (torch.arange(50), 2, 5, 5, r"offset must be in 0 … 4 \(num_steps − 1\), got 5"),
        (torch.arange(50), 2, 5, 100, "offset must be in 0 … 4"),
        (torch.arange(50), -2, 5, 0, "batch_size must be a whole number of at least 1, got -2"),
        (torch.arange(50), 2, 0, 0, "num_steps must be a whole number of at least 1, got 0"),
        (torch.arange(50).view(5, 10), 2, 5, 0, r"1-D tensor of int64, got torch.int64 of shape \(5, 10\)"),
        (torch.arange(50).int(), 2, 5, 0, "1-D tensor of int64, got torch.int32"),
        (torch.arange(14), 2, 5, 0, "at least 15 tokens .* got 14"),
    ],
)
def test_partitions_refuse_what_makes_no_sense(
    partition: Any, corpus: torch.Tensor, batch_size: int, num_steps: int, offset: int, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        next(partition(corpus, batch_size, num_steps, offset))


def test_numpys_whole_numbers_are_whole_numbers() -> None:
    loader = funcs.TextLoader(torch.arange(100), VOCAB, np.int64(2), np.int64(5), True, generator=np.int64(3))  # type: ignore[arg-type]
    same = funcs.TextLoader(torch.arange(100), VOCAB, 2, 5, True, generator=3)
    assert all(torch.equal(X, other) for (X, _), (other, _) in zip(loader, same, strict=True))


def test_texts_that_cannot_be_read_as_asked(tmp_path: Path) -> None:
    path = tmp_path / "own.txt"
    path.write_bytes(b"one two\r\nthree four\r\n" * 5)
    with pytest.raises(TypeError, match="path must name a text file, got NoneType"):
        funcs.load_data_text(None, 2, 5)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="clean must return a string, got list"):
        funcs.load_corpus(path, clean=list)  # type: ignore[arg-type]
    words = funcs.Vocab(["one", "two"], token_type="word")
    with pytest.raises(ValueError, match="token_type must be that of vocab, 'word', got 'char'"):
        funcs.load_corpus(path, vocab=words)
    with pytest.raises(FileNotFoundError, match="where there is none"):
        funcs.load_data_text("the text itself " * 1000, 2, 5)
    _, raw = funcs.load_corpus(path, clean=str)
    assert {"\r", "\n"} <= set(raw)
    corpus, _ = funcs.load_corpus(path, token_type="word", vocab=words)
    assert corpus[:4].tolist() == [1, 2, 0, 0]
