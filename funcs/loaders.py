"""From a sequence of token numbers to minibatches (chapter 03)."""

import numbers
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch

from funcs.text import Vocab, check_token_type, clean_text, preview, read_text, read_time_machine, tokenize

Batch = tuple[torch.Tensor, torch.Tensor]


def check_partition(corpus: Any, batch_size: int, num_steps: int, offset: int | None = None) -> None:
    """Raise TypeError or ValueError unless `corpus` can be cut like this, and is long enough at every offset."""
    for name, value in (("batch_size", batch_size), ("num_steps", num_steps)):
        if not isinstance(value, numbers.Integral) or value < 1:
            raise ValueError(f"{name} must be a whole number of at least 1, got {value!r}")
    if not isinstance(corpus, torch.Tensor):
        raise TypeError(f"corpus must be a 1-D tensor of int64, got {type(corpus).__name__}")
    if corpus.dim() != 1 or corpus.dtype != torch.int64:
        raise ValueError(f"corpus must be a 1-D tensor of int64, got {corpus.dtype} of shape {tuple(corpus.shape)}")
    if offset is not None and not (isinstance(offset, numbers.Integral) and 0 <= offset < num_steps):
        raise ValueError(f"offset must be in 0 … {num_steps - 1} (num_steps − 1), got {offset}")
    needed = batch_size * num_steps + num_steps
    if len(corpus) < needed:
        raise ValueError(
            f"corpus must have at least {needed} tokens for one batch of batch_size={batch_size} × "
            f"num_steps={num_steps} at every offset, got {len(corpus)}"
        )


def sequential_partition(corpus: torch.Tensor, batch_size: int, num_steps: int, offset: int) -> Iterator[Batch]:
    """Cut `corpus` into `batch_size` long rows and walk along all of them at once, `num_steps` at a time (chapter 03).

    Row i of batch k+1 goes on where row i of batch k stopped, so a state can be carried from one to the next.

    Args:
        corpus: (num_tokens,) int64.
        offset: how many tokens to skip at the start, 0 … num_steps − 1.

    Yields:
        X, Y of shape (batch_size, num_steps), int64; Y is X moved one token ahead. Both are copies: changing one
        changes neither the corpus nor the other.

    Raises:
        TypeError, ValueError: as `TextLoader`, at the first batch.
    """
    check_partition(corpus, batch_size, num_steps, offset)
    num_batches = (len(corpus) - num_steps) // (batch_size * num_steps)
    num_inputs = batch_size * num_batches * num_steps
    Xs = corpus[offset : offset + num_inputs].reshape(batch_size, -1)
    Ys = corpus[offset + 1 : offset + 1 + num_inputs].reshape(batch_size, -1)
    for i in range(0, num_batches * num_steps, num_steps):
        yield Xs[:, i : i + num_steps].clone(), Ys[:, i : i + num_steps].clone()


def random_partition(
    corpus: torch.Tensor, batch_size: int, num_steps: int, offset: int, generator: torch.Generator | None = None
) -> Iterator[Batch]:
    """Cut `corpus` into pieces of `num_steps` tokens and deal them out in random order (chapter 03).

    Neighbouring batches have nothing to do with each other: each starts from a zero state.

    Args:
        corpus: (num_tokens,) int64.
        offset: how many tokens to skip at the start, 0 … num_steps − 1.
        generator: a CPU generator for the order; None takes torch's global one.

    Yields:
        X, Y of shape (batch_size, num_steps), int64, copies of the corpus; Y is X moved one token ahead.

    Raises:
        TypeError, ValueError: as `TextLoader`, at the first batch.
    """
    check_partition(corpus, batch_size, num_steps, offset)
    num_pieces = (len(corpus) - num_steps) // num_steps
    starts = offset + num_steps * torch.randperm(num_pieces, generator=generator)
    steps = torch.arange(num_steps)
    for i in range(0, num_pieces // batch_size * batch_size, batch_size):
        piece = starts[i : i + batch_size, None] + steps
        yield corpus[piece], corpus[piece + 1]


class TextLoader:
    """Minibatches of a corpus; each pass over it is one epoch, with a new random offset 0 … num_steps − 1 (chapter 03).

    Args:
        corpus: (num_tokens,) int64, as `load_corpus` returns.
        vocab: the numbering behind `corpus`.
        batch_size: rows of a batch, at least 1.
        num_steps: tokens of a row, at least 1.
        use_random_iter: random partition instead of the sequential one.
        offset: a fixed offset instead of a random one, for evaluation.
        generator: a CPU `torch.Generator`, or a seed for one; None takes torch's global one.

    Iterating yields X, Y: int64 of shape (batch_size, num_steps), Y one token ahead of X. `len()` is the number of
    batches, the same in every epoch. No token is an input twice in one epoch.

    Raises:
        TypeError: `corpus` is no tensor.
        ValueError: a size below 1, an offset outside 0 … num_steps − 1, or a corpus that is not 1-D int64 or too short
            for one batch.
    """

    def __init__(
        self,
        corpus: torch.Tensor,
        vocab: Vocab,
        batch_size: int,
        num_steps: int,
        use_random_iter: bool = False,
        *,
        offset: int | None = None,
        generator: torch.Generator | int | None = None,
    ) -> None:
        check_partition(corpus, batch_size, num_steps, offset)
        self.corpus, self.vocab = corpus, vocab
        self.batch_size, self.num_steps = batch_size, num_steps
        self.use_random_iter, self.offset = use_random_iter, offset
        if isinstance(generator, numbers.Integral):
            generator = torch.Generator().manual_seed(int(generator))
        self.generator: torch.Generator | None = generator  # type: ignore[assignment]

    def __iter__(self) -> Iterator[Batch]:
        offset = self.offset
        if offset is None:  # randint leaves out its upper end: 0 … num_steps − 1
            offset = int(torch.randint(self.num_steps, (), generator=self.generator))
        if self.use_random_iter:
            return random_partition(self.corpus, self.batch_size, self.num_steps, offset, self.generator)
        return sequential_partition(self.corpus, self.batch_size, self.num_steps, offset)

    def __len__(self) -> int:
        return (len(self.corpus) - self.num_steps) // self.num_steps // self.batch_size

    def __repr__(self) -> str:
        first = self.vocab.to_tokens(self.corpus[:6])
        return f"<{type(self).__name__} with {len(self.corpus)} corpus: {preview(first)}>"


class TimeMachineLoader(TextLoader):
    """A `TextLoader` of *The Time Machine*."""


def load_corpus(
    path: str | Path | None = None,
    max_tokens: int | None = None,
    token_type: str = "char",
    clean: Callable[[str], str] = clean_text,
    vocab: Vocab | None = None,
) -> tuple[torch.Tensor, Vocab]:
    """*The Time Machine*, or the UTF-8 text at `path`, as token numbers (chapter 03).

    Args:
        path: a text of your own; None is the novel.
        max_tokens: how many tokens to keep from the start; None keeps all.
        token_type: "char" or "word".
        clean: what to do with the raw text first; `str` leaves it as it is, line ends too.
        vocab: the vocabulary to read the text with, such as that of the text a model was trained on; tokens that it
            does not hold count as `<unk>`. None makes a new one.

    Returns:
        The corpus, int64 of shape (num_tokens,), and `vocab`, or the vocabulary of the whole text.

    Raises:
        FileNotFoundError, ValueError: as `read_text`; unknown `token_type`, or another than that of `vocab`;
            `max_tokens` below 1; a text of which `clean` leaves nothing.
        TypeError: `clean` returns no string.
    """
    check_token_type(token_type)
    if max_tokens is not None and max_tokens < 1:
        raise ValueError(f"max_tokens must be at least 1, or None for the whole text, got {max_tokens}")
    text = read_time_machine() if path is None else read_text(path)
    cleaned = clean(text)
    if not isinstance(cleaned, str):
        raise TypeError(f"clean must return a string, got {type(cleaned).__name__}")
    tokens = tokenize(cleaned, token_type)
    if not tokens:
        raise ValueError("the text must hold at least one token after clean, got none; clean=str leaves it as it is")
    if vocab is None:
        vocab = Vocab(tokens, token_type=token_type)
    elif vocab.token_type != token_type:
        raise ValueError(f"token_type must be that of vocab, {vocab.token_type!r}, got {token_type!r}")
    return torch.tensor(vocab[tokens[:max_tokens]], dtype=torch.int64), vocab


def load_data_text(
    path: str | Path,
    batch_size: int,
    num_steps: int,
    use_random_iter: bool = False,
    max_tokens: int | None = None,
    token_type: str = "char",
    *,
    clean: Callable[[str], str] = clean_text,
    vocab: Vocab | None = None,
    generator: torch.Generator | int | None = None,
) -> tuple[TextLoader, Vocab]:
    """A loader of the UTF-8 text at `path`, and its vocabulary; arguments as for `load_corpus` and `TextLoader`.

    Raises:
        TypeError: `path` is neither a string nor a Path.
        FileNotFoundError, ValueError: as `load_corpus` and `TextLoader`.
    """
    if not isinstance(path, (str, Path)):
        raise TypeError(f"path must name a text file, got {type(path).__name__}")
    corpus, vocab = load_corpus(path, max_tokens, token_type, clean, vocab)
    return TextLoader(corpus, vocab, batch_size, num_steps, use_random_iter, generator=generator), vocab


def load_data_time_machine(
    batch_size: int,
    num_steps: int,
    use_random_iter: bool = False,
    max_tokens: int | None = 10000,
    token_type: str = "char",
    *,
    generator: torch.Generator | int | None = None,
) -> tuple[TimeMachineLoader, Vocab]:
    """A loader of the first `max_tokens` tokens of *The Time Machine*, and the vocabulary of all of it (chapter 03).

    Arguments, shapes and errors are those of `load_corpus` and `TextLoader`.
    """
    corpus, vocab = load_corpus(None, max_tokens, token_type)
    return TimeMachineLoader(corpus, vocab, batch_size, num_steps, use_random_iter, generator=generator), vocab
