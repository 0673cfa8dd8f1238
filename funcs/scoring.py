"""How well a model predicts a text that it has not seen (chapter 12)."""

import math

import torch
from torch.nn import functional as F

from funcs.training import LanguageModel, bare, check_outputs, device_of, evaluating

CHUNK = 1000  # tokens in one call


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
    count, nats = len(tokens) - 1, 0.0
    whole = count if window is None else count // window * window
    pieces = [(tokens[:whole], tokens[1 : whole + 1]), (tokens[whole:count], tokens[whole + 1 :])]
    with evaluating(model):
        for x, y in pieces:
            rows = 1 if window is None else max(1, len(x) // window)
            X, Y = (part.reshape(rows, -1) for part in (x, y))
            state = bare(model).begin_state(batch_size=rows, device=device)
            if window is None:
                for start in range(0, len(past) - 1, CHUNK):
                    _, state = model(past[None, start : min(start + CHUNK, len(past) - 1)].to(device), state)
            for start in range(0, X.shape[1], CHUNK):
                now = slice(start, start + CHUNK)
                outputs, state = model(X[:, now].to(device), state)
                check_outputs(outputs, X[:, now], Y[:, now])
                labels = Y[:, now].T.reshape(-1).to(device)
                nats += F.cross_entropy(outputs, labels, reduction="none").double().sum().item()
    return nats / count / math.log(2)
