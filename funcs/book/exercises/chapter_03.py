"""Checks of the exercises of chapter 03: text as sequences."""

import math
from collections import Counter
from typing import Any

import torch

from funcs.book.exercises.checking import call, exercise, same
from funcs.loaders import load_corpus, random_partition, sequential_partition
from funcs.text import Vocab, clean_text, read_time_machine, tokenize


@exercise("03.1")
def number_of_batches(answer: Any) -> str | None:
    num_batches = len(list(sequential_partition(torch.arange(10_000), 32, 35, 0)))
    if same(answer, num_batches):
        return None
    return "one batch takes 32 · 35 tokens, and up to 34 tokens are skipped at the start; only whole batches count."


@exercise("03.2")
def unigram_perplexity(answer: Any) -> str | None:
    corpus, _ = load_corpus()
    frequencies = torch.bincount(corpus).double()
    p = frequencies[frequencies > 0] / len(corpus)
    wanted = math.exp(-(p * p.log()).sum())
    if same(answer, -(p * p.log()).sum()):
        return "this is the entropy in nats; the perplexity is its exponential."
    if same(answer, -(p * p.log2()).sum()):
        return "this is the entropy in bits; the perplexity is 2 to that power."
    return None if same(answer, wanted, 1e-3) else "average −log p(token) over all tokens of the corpus, then exp."


@exercise("03.3")
def share_of_words_seen_once(answer: Any) -> str | None:
    counts = Counter(tokenize(clean_text(read_time_machine()), "word"))
    wanted = sum(count == 1 for count in counts.values())
    if same(answer, wanted / len(counts)):
        return None
    if same(answer, wanted):
        return "this is their number; which share of the vocabulary is it?"
    return "vocab.token_freqs has the counts; divide by the number of different words, <unk> not counted."


@exercise("03.4")
def numbers_back_to_text(answer: Any) -> str | None:
    corpus = torch.arange(200) % 7
    vocab = Vocab(list("abcdefg"))
    for text in ("a", "abc gg", "fade"):
        if "".join(call(answer, [vocab[c] for c in text], vocab)) != text.replace(" ", "<unk>"):
            return f"the numbers of {text!r} do not come back as {text.replace(' ', '<unk>')!r}."
    got = answer(corpus[:9], vocab)
    if not isinstance(got, str):
        return f"the answer is one string, yours is {type(got).__name__}."
    return None if got == "".join(vocab.to_tokens(corpus[:9])) else "a tensor of numbers does not work."


@exercise("03.5")
def is_sequential(answer: Any) -> str | None:
    corpus = torch.randint(1000, (400,))
    sequential = list(sequential_partition(corpus, 3, 5, 2))
    shuffled = list(random_partition(corpus, 3, 5, 2))
    swapped = [*sequential[:3], sequential[4], sequential[3], *sequential[5:]]
    last_row = [(X.clone(), Y.clone()) for X, Y in sequential]
    last_row[-1][0][-1] += 1
    if call(answer, sequential) is not True:
        return "it must return True for a sequential partition."
    for wrong, name in ((shuffled, "a random partition"), (swapped, "two batches swapped"), (last_row, "one bad row")):
        if answer(wrong) is not False:
            return f"it must return False for {name}."
    return None
