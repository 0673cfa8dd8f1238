"""Letting a language model write (chapter 04)."""

import torch

from funcs.text import Vocab, tokenize
from funcs.training import LanguageModel, bare, check_vocab, device_of, evaluating


def predict(prefix: str, num_preds: int, model: LanguageModel, vocab: Vocab) -> str:
    """Continue `prefix` by `num_preds` tokens, each time taking the most probable one (chapter 04).

    The prefix is read as it stands: tokens that the vocabulary does not hold, such as capitals, count as `<unk>`.

    Args:
        prefix: at least one token of text; it warms up the state.
        num_preds: number of tokens to add, at least 0.
        model: as for `train`, with the vocabulary `vocab`.

    Returns:
        The prefix and its continuation; words are joined with spaces.

    Raises:
        ValueError: an empty prefix, `num_preds` below 0, or another vocabulary than the model's.
    """
    check_vocab(model, vocab, "vocab")
    tokens = tokenize(prefix, vocab.token_type)
    if not tokens:
        raise ValueError(f"prefix must hold at least one {vocab.token_type}, got {prefix!r}")
    if num_preds < 0:
        raise ValueError(f"num_preds must be at least 0, got {num_preds}")
    device = device_of(model)
    state = bare(model).begin_state(batch_size=1, device=device)
    X = torch.tensor([vocab[tokens]], device=device)
    predicted = []
    with evaluating(model):
        for _ in range(num_preds):
            outputs, state = model(X, state)
            X = outputs[-1].argmax().reshape(1, 1)
            predicted.append(X)
    indices = torch.cat(predicted).reshape(-1).tolist() if predicted else []
    separator = " " if vocab.token_type == "word" else ""
    return separator.join([prefix.rstrip() if separator else prefix, *vocab.to_tokens(indices)])
