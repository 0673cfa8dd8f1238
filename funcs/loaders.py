"""From a sequence of token numbers to minibatches (chapter 03)."""

from collections.abc import Callable, Iterator
from pathlib import Path

import torch

from funcs.text import Vocab, check_token_type, clean_text, preview, read_text, read_time_machine, tokenize

Batch = tuple[torch.Tensor, torch.Tensor]


def check_partition(corpus: torch.Tensor, batch_size: int, num_steps: int) -> None:
    """Raise ValueError unless both sizes are at least 1 and `corpus` is long enough for one batch at every offset."""
    for name, value in (("batch_size", batch_size), ("num_steps", num_steps)):
        if not isinstance(value, int) or value < 1:
            raise ValueError(f"{name} must be a whole number of at least 1, got {value!r}")
    if corpus.dim() != 1 or corpus.is_floating_point():
        raise ValueError(f"corpus must be a 1-D tensor of integers, got {corpus.dtype} of shape {tuple(corpus.shape)}")
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
        corpus: (num_tokens,) integers.
        offset: how many tokens to skip at the start, 0 … num_steps − 1.

    Yields:
        X, Y of shape (batch_size, num_steps), the dtype of `corpus`; Y is X moved one token ahead.
    """
    num_batches = (len(corpus) - num_steps) // (batch_size * num_steps)
    num_inputs = batch_size * num_batches * num_steps
    Xs = corpus[offset : offset + num_inputs].reshape(batch_size, -1)
    Ys = corpus[offset + 1 : offset + 1 + num_inputs].reshape(batch_size, -1)
    for i in range(0, num_batches * num_steps, num_steps):
        yield Xs[:, i : i + num_steps], Ys[:, i : i + num_steps]


def random_partition(
    corpus: torch.Tensor, batch_size: int, num_steps: int, offset: int, generator: torch.Generator | None = None
) -> Iterator[Batch]:
    """Cut `corpus` into pieces of `num_steps` tokens and deal them out in random order (chapter 03).

    Neighbouring batches have nothing to do with each other: each starts from a zero state.

    Args:
        corpus: (num_tokens,) integers.
        offset: how many tokens to skip at the start, 0 … num_steps − 1.
        generator: a CPU generator for the order; None takes torch's global one.

    Yields:
        X, Y of shape (batch_size, num_steps), the dtype of `corpus`; Y is X moved one token ahead.
    """
    num_pieces = (len(corpus) - num_steps) // num_steps
    starts = offset + num_steps * torch.randperm(num_pieces, generator=generator)
    steps = torch.arange(num_steps)
    for i in range(0, num_pieces // batch_size * batch_size, batch_size):
        piece = starts[i : i + batch_size, None] + steps
        yield corpus[piece], corpus[piece + 1]


class TextLoader:
    """Minibatches of a corpus; each pass over it is one epoch, with a new random offset 0 … num_steps − 1 (chapter 03).

    Args:
        corpus: (num_tokens,) integers, as `load_corpus` returns.
        vocab: the numbering behind `corpus`.
        batch_size: rows of a batch, at least 1.
        num_steps: tokens of a row, at least 1.
        use_random_iter: random partition instead of the sequential one.
        offset: a fixed offset instead of a random one, for evaluation.
        generator: a CPU `torch.Generator`, or a seed for one; None takes torch's global one.

    Iterating yields X, Y: int64 of shape (batch_size, num_steps), Y one token ahead of X. `len()` is the number of
    batches, the same in every epoch. No token is an input twice in one epoch.

    Raises:
        ValueError: a size below 1, an offset outside 0 … num_steps − 1, or a corpus too short for one batch.
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
        check_partition(corpus, batch_size, num_steps)
        if offset is not None and not 0 <= offset < num_steps:
            raise ValueError(f"offset must be in 0 … {num_steps - 1} (num_steps − 1), got {offset}")
        self.corpus, self.vocab = corpus, vocab
        self.batch_size, self.num_steps = batch_size, num_steps
        self.use_random_iter, self.offset = use_random_iter, offset
        self.generator = torch.Generator().manual_seed(generator) if isinstance(generator, int) else generator

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
) -> tuple[torch.Tensor, Vocab]:
    """*The Time Machine*, or the UTF-8 text at `path`, as token numbers (chapter 03).

    Args:
        path: a text of your own; None is the novel.
        max_tokens: how many tokens to keep from the start; None keeps all.
        token_type: "char" or "word".
        clean: what to do with the raw text first; `str` leaves it as it is.

    Returns:
        The corpus, int64 of shape (num_tokens,), and the vocabulary of the whole text.

    Raises:
        FileNotFoundError, ValueError: as `read_text`; unknown `token_type`; `max_tokens` below 1.
    """
    check_token_type(token_type)
    if max_tokens is not None and max_tokens < 1:
        raise ValueError(f"max_tokens must be at least 1, or None for the whole text, got {max_tokens}")
    text = read_time_machine() if path is None else read_text(path)
    tokens = tokenize(clean(text), token_type)
    vocab = Vocab(tokens, token_type=token_type)
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
    generator: torch.Generator | int | None = None,
) -> tuple[TextLoader, Vocab]:
    """A loader of the UTF-8 text at `path`, and its vocabulary; arguments as for `load_corpus` and `TextLoader`."""
    corpus, vocab = load_corpus(path, max_tokens, token_type, clean)
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
