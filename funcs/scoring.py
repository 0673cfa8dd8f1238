"""How well a model predicts a text that it has not seen (chapter 12)."""

import math
from collections.abc import Callable

import torch
from torch.nn import functional as F

from funcs.training import LanguageModel, bare, check_outputs, device_of, evaluating

CHUNK = 1000  # steps in one call
ROWS = 256  # windows in one batch


def bits_per_character(
    model: LanguageModel, corpus: torch.Tensor, history: torch.Tensor | None = None, window: int | None = None
) -> float:
    """The mean of −log₂ p over the tokens of `corpus`, each predicted from those before it (chapter 12).

    Warm, the state is carried through the whole text, and each token is predicted from all that stands before it. Cold,
    it starts at zero every `window` tokens, as in the batches of a random partition. A corpus of words is scored in
    bits per word. The arithmetic is the model's; the sum is taken in float64.

    Args:
        model: as for `train`.
        corpus: token numbers, (num_tokens,) int64.
        history: what stands before the corpus. Warm, it is read first; cold, only its last token is, from which the
            first of the corpus is predicted. Without it the first token of the corpus is not scored.
        window: None for warm; for cold a number of tokens, at least 1.

    Raises:
        ValueError: nothing to score, a window below 1, numbers that are none of the vocabulary's.
    """
    past = corpus[:0] if history is None else history
    if corpus.dim() != 1 or past.dim() != 1 or not len(corpus) or len(past) + len(corpus) < 2:
        raise ValueError(
            "corpus must be a row of at least two tokens, or of one after a history, "
            f"got shapes {tuple(corpus.shape)} and {tuple(past.shape)}"
        )
    if window is not None and window < 1:
        raise ValueError(f"window must be at least 1, or None for one text from beginning to end, got {window}")
    tokens, device = torch.cat((past[-1:], corpus)), device_of(model)
    X, Y = (windows_of(part, window or len(part)) for part in (tokens[:-1], tokens[1:]))
    nats = 0.0
    with evaluating(model):
        for x, y in zip(X, Y, strict=True):
            state = bare(model).begin_state(batch_size=len(x), device=device)
            if window is None and len(past) > 1:
                for inputs in past[None, :-1].split(CHUNK, 1):
                    _, state = model(inputs.to(device), state)
            for inputs, labels in zip(x.split(CHUNK, 1), y.split(CHUNK, 1), strict=True):
                outputs, state = model(inputs.to(device), state)
                check_outputs(outputs, inputs, labels)
                losses = F.cross_entropy(outputs, labels.T.reshape(-1).to(device), reduction="none")
                nats += losses.double().sum().item()
    return nats / (len(tokens) - 1) / math.log(2)


def windows_of(tokens: torch.Tensor, window: int) -> list[torch.Tensor]:
    """The windows of a text as rows of batches, (at most `ROWS`, window); a shorter one at its end by itself."""
    whole = len(tokens) // window * window
    batches = list(tokens[:whole].reshape(-1, window).split(ROWS)) if whole else []
    return batches + ([tokens[None, whole:]] if whole < len(tokens) else [])


def added_bits(compress: Callable[[bytes], bytes], text: bytes, more: bytes) -> int:
    """How many bits a compressor spends on `more` once it has seen `text`: its size for both, less that for `text`.

    Args:
        compress: bytes → fewer bytes, such as bz2.compress.
    """
    return 8 * (len(compress(text + more)) - len(compress(text)))
