"""Checks of the exercises of chapter 03: text as sequences."""

import math
from collections import Counter
from itertools import pairwise
from typing import Any

import torch

from funcs.book.exercises.checking import call, exercise, kind, same
from funcs.loaders import Batch, load_corpus, random_partition, sequential_partition
from funcs.text import Vocab, clean_text, read_time_machine, tokenize


@exercise("03.1")
def number_of_batches(answer: Any) -> str | None:
    num_batches = len(list(sequential_partition(torch.arange(10_049), 20, 50, 0)))
    if same(answer, num_batches):
        return None
    if same(answer, 10_049 // (20 * 50)):
        return "So many batches leave too little for the offset and the last label: how many characters do they need?"
    if same(answer, (10_049 - 50) / (20 * 50)):
        return "Only whole batches count."
    if same(answer, (10_049 - 50) // 50):
        return "This is the number of pieces; 20 of them make a batch."
    if same(answer, 10_049 // 50):
        return "This is the number of pieces, with nothing set aside; 20 pieces make a batch."
    return "One batch takes 20 · 50 characters; some are set aside for offset and last label. Only whole batches count."


@exercise("03.2")
def unsure_among(answer: Any) -> str | None:
    corpus, _ = load_corpus()

    def mean_log(text: torch.Tensor) -> float:
        p = torch.bincount(text).double() / len(text)
        return -float((p[p > 0] * p[p > 0].log()).sum())

    entropy = mean_log(corpus)
    if same(answer, math.exp(entropy), 1e-3):
        return None
    if same(answer, entropy, 1e-3):
        return "This is the average of −ln p; the formula takes the exponential of it."
    if same(answer, -entropy, 1e-3):
        return "This is the average of ln p; the formula takes the exponential of its negative."
    if same(answer, entropy / math.log(2), 1e-3):
        return "This is the average of −log₂ p, so k is 2 to that power."
    if same(answer, math.exp(-entropy), 1e-3):
        return "There is a minus sign in the exponent: k is larger than 1."
    if same(answer, math.exp(entropy / math.log(2)), 1e-3) or same(answer, 2**entropy, 1e-3):
        return "The logarithm and the power must have the same base: ln goes with exp, log₂ with 2 to the power."
    if same(answer, math.exp(mean_log(corpus[:10_000])), 1e-3):
        return "This is k of the first 10,000 characters; the whole novel is asked for."
    letters = [ord(c) for c in read_time_machine()]
    if same(answer, math.exp(mean_log(torch.tensor(letters))), 1e-3):
        return "This is k of the raw text; clean it first."
    if same(answer, math.exp(mean_log(corpus[corpus != corpus.mode().values])), 1e-3):
        return "The space is a character, too."
    if same(answer, 27.0) or same(answer, 28.0):
        return "That would be blind guessing; the model knows how often each character occurs."
    p = torch.bincount(corpus)[1:].double() / len(corpus)
    if same(answer, float(torch.exp(-p.log().mean())), 1e-3):
        return "The average is over all characters of the novel, so that an e counts as often as it occurs."
    return "Average −ln p over all characters of the novel, where p is the character's share of it; then exp."


@exercise("03.3")
def share_of_pairs_seen_once(answer: Any) -> str | None:
    words = tokenize(clean_text(read_time_machine()), "word")
    counts, pairs = Counter(words), Counter(pairwise(words))
    once, words_once = (sum(n == 1 for n in counter.values()) for counter in (pairs, counts))
    if same(answer, once / len(pairs), 1e-3):
        return None
    if same(answer, round(once / len(pairs), 2)):
        return "Right as far as it goes; three decimals are wanted."
    if same(answer, once):
        return "This is their number; what share of the different pairs is it?"
    if same(answer, 100 * once / len(pairs), 1e-2):
        return "That is in percent; a number between 0 and 1 is wanted."
    if same(answer, once / (len(words) - 1), 1e-3):
        return "This is their share of all pairs in the text; how many *different* pairs are there?"
    if same(answer, words_once / len(counts), 1e-3):
        return "This is the share of the words, not of the pairs."
    if same(answer, once / len(counts), 1e-3):
        return "Divide by the number of different pairs, not of different words."
    if same(answer, 1 - once / len(pairs), 1e-3):
        return "This is the share that occurs more than once."
    return "Count the pairs of neighbouring words; how many of the different ones have the count 1?"


@exercise("03.4")
def numbers_back_to_text(answer: Any) -> str | None:
    char_vocab = Vocab(list("abcdefg"))
    word_vocab = Vocab("time and space and time".split(), token_type="word")
    for text, vocab, tokens, wanted in (
        ("fade", char_vocab, list("fade"), "fade"),
        ("a", char_vocab, ["a"], "a"),
        ("time and time", word_vocab, "time and time".split(), "time and time"),
        ("space", word_vocab, ["space"], "space"),
        ("bad gag", char_vocab, list("bad gag"), "bad<unk>gag"),
        ("time and tide", word_vocab, "time and tide".split(), "time and <unk>"),
    ):
        numbers = vocab[tokens]
        for indices, form in ((numbers, "a list"), (torch.tensor(numbers), "a tensor")):
            case = f"With {form} of the numbers of {text!r} and a vocabulary of {vocab.token_type}s"
            try:
                got = call(answer, indices, vocab)
            except (TypeError, KeyError, AttributeError, IndexError) as error:
                return f"{case} it stopped with {type(error).__name__}: {error}"
            if not isinstance(got, str):
                return f"The answer is one string, your function returns {kind(got)}."
            if got != wanted:
                return f"{case} it returns {got!r}, not {wanted!r}."
    return None


def copied(batches: list[Batch]) -> list[Batch]:
    return [(X.clone(), Y.clone()) for X, Y in batches]


@exercise("03.5")
def is_sequential(answer: Any) -> str | None:
    corpus = torch.randperm(1000)[:400]  # no number twice, so that nothing fits by chance

    def verdict(batches: list[Batch]) -> bool | None:
        got = call(answer, copied(batches))
        if type(got).__module__ in ("torch", "numpy") and getattr(got, "ndim", 1) == 0:
            got = got.item()
        return bool(got) if isinstance(got, (bool, int)) else None

    sequential = list(sequential_partition(corpus, 3, 5, 2))
    if verdict(sequential) is None:
        return "The answer is True or False."
    for batch_size, num_steps in ((3, 5), (1, 4), (4, 1)):
        batches = list(sequential_partition(corpus, batch_size, num_steps, 0))
        if verdict(batches) is not True:
            return (
                f"It must return True for a sequential partition with rows of {num_steps}, {batch_size} side by side."
            )
    try:
        single = verdict(sequential[:1])
    except IndexError as error:
        return f"For a single batch whose labels are right it stopped with IndexError: {error}; it must return True."
    if single is not True:
        return "It must return True for a single batch whose labels are right."
    shuffled = list(random_partition(corpus, 3, 5, 2))
    row_0_right = [
        (torch.cat((X[:1], X_r[1:])), torch.cat((Y[:1], Y_r[1:])))
        for (X, Y), (X_r, Y_r) in zip(sequential, shuffled, strict=False)
    ]
    last_row_right = [
        (torch.cat((X_r[:-1], X[-1:])), torch.cat((Y_r[:-1], Y[-1:])))
        for (X, Y), (X_r, Y_r) in zip(sequential, shuffled, strict=False)
    ]
    rows_swapped = copied(sequential)
    rows_swapped[3] = (rows_swapped[3][0].flip(0), rows_swapped[3][1].flip(0))
    wrong_inside, wrong_label, last_column = copied(sequential), copied(sequential), copied(sequential)
    wrong_inside[-1][0][-1, 2] += 1000
    wrong_label[-1][1][-1, 2] += 1000
    last_column[4][1][2, -1] += 1000
    wrong_rows = []
    for row in (0, 1):
        wrong_rows.append(copied(sequential))
        wrong_rows[row][2][1][row, 1] += 1000
    for wrong, name in (
        (shuffled, "a random partition"),
        ([*sequential[:3], sequential[4], sequential[3], *sequential[5:]], "a partition with two batches swapped"),
        ([*sequential[:3], *sequential[4:]], "a partition from which one batch is missing"),
        ([sequential[0], *sequential[2:]], "a partition from which the second batch is missing"),
        ([*sequential[:-2], sequential[-1]], "a partition from which the last batch but one is missing"),
        (rows_swapped, "a partition in which the rows of one batch stand in another order"),
        (row_0_right, "batches that go on in row 0 and nowhere else"),
        (last_row_right, "batches that go on in the last row and nowhere else"),
        ([(X, X) for X, _ in sequential], "labels that are the inputs, not moved on"),
        ([(X[:, :-1], Y[:, 1:]) for X, Y in sequential], "labels that are moved on by two"),
        (wrong_rows[0], "one wrong label in row 0"),
        (wrong_rows[1], "one wrong label in row 1"),
        (wrong_label, "one wrong label in the middle of the last row of the last batch"),
        (wrong_inside, "one wrong input in the middle of the last row of the last batch"),
        (last_column, "one wrong label at the end of a row"),
    ):
        if verdict(wrong) is not False:
            return f"It must return False for {name}."
    return None


@exercise("03.6")
def first_rows(answer: Any) -> str | None:
    for length, batch_size, num_steps, offset in (
        (35, 2, 5, 0),
        (500, 4, 7, 3),
        (34, 2, 5, 1),
        (1000, 3, 10, 9),
        (210, 10, 2, 1),
    ):
        X, _ = next(sequential_partition(torch.arange(length), batch_size, num_steps, offset))
        wanted = X[:, 0].tolist()
        got = call(answer, length, batch_size, num_steps, offset)
        if isinstance(got, torch.Tensor):
            got = got.tolist()
        if not isinstance(got, (list, tuple, range)):
            return f"The answer is a list of positions, one per row; your function returns {kind(got)}."
        got = list(got)
        case = f"For {length} characters, batch_size {batch_size}, num_steps {num_steps} and offset {offset} "
        if len(got) != batch_size:
            return case + f"there must be {batch_size} positions, one per row; there are {len(got)}."
        if same(got, wanted):
            continue
        strips = [(length // batch_size, 0), ((length - num_steps) // batch_size, 0)]
        strips += [(length // (batch_size * num_steps) * num_steps, offset), (length // batch_size, offset)]
        slips = [
            ([n - offset for n in wanted], "the offset is missing: the first row begins there."),
            (
                [offset + row * num_steps for row in range(batch_size)],
                "the rows stand too close: a row goes on in every batch, and the next row begins where it ends.",
            ),
            (
                [offset + row * ((length - num_steps) // batch_size) for row in range(batch_size)],
                "a row is too long: it holds whole pieces of num_steps only.",
            ),
        ] + [
            (
                [start + row * strip for row in range(batch_size)],
                "a row is too long: some characters are set aside, and a row holds whole pieces of num_steps only.",
            )
            for strip, start in strips
        ]
        named = [hint for wrong, hint in slips if got == wrong]
        return case + (
            named[0] if named else "these are not the starts: how many batches are there, how long is a row?"
        )
    return None
