"""Right and wrong answers to the exercises of chapter 03."""

from itertools import pairwise
from typing import Any

import torch

from funcs.loaders import sequential_partition


def contiguous(batches: Any) -> Any:
    shifted = all(torch.equal(X[:, 1:], Y[:, :-1]) for X, Y in batches)
    joined = all(torch.equal(Y[:, -1], after[:, 0]) for (_, Y), (after, _) in pairwise(batches))
    return shifted and joined


def laid_side_by_side(batches: Any) -> Any:
    Xs, Ys = torch.cat([X for X, _ in batches], 1), torch.cat([Y for _, Y in batches], 1)
    return (Xs[:, 1:] == Ys[:, :-1]).all()


def only_joined(batches: Any) -> Any:
    return all(torch.equal(Y[:, -1], after[:, 0]) for (_, Y), (after, _) in pairwise(batches))


def by_numpy(batches: Any) -> Any:
    Xs, Ys = torch.cat([X for X, _ in batches], 1).numpy(), torch.cat([Y for _, Y in batches], 1).numpy()
    return (Xs[:, 1:] == Ys[:, :-1]).all()


def starts_of_rows(length: int, batch_size: int, num_steps: int, offset: int) -> list[int]:
    row = (length - num_steps) // (batch_size * num_steps) * num_steps
    return [offset + i * row for i in range(batch_size)]


def starts_by_partition(length: int, batch_size: int, num_steps: int, offset: int) -> Any:
    return next(sequential_partition(torch.arange(length), batch_size, num_steps, offset))[0][:, 0]


def only_last_row(batches: Any) -> Any:
    return laid_side_by_side([(X[-1:], Y[-1:]) for X, Y in batches])


def only_first_row(batches: Any) -> Any:
    return laid_side_by_side([(X[:1], Y[:1]) for X, Y in batches])


def without_the_last(batches: Any) -> Any:
    """As the loop over pairs of batches in many a test: the last batch is never looked at."""
    for (X, Y), (after, _) in pairwise(batches):
        if not torch.equal(Y[:, -1], after[:, 0]) or not torch.equal(X[:, 1:], Y[:, :-1]):
            return False
    return True


def joined_inputs(batches: Any) -> Any:
    """As if characters were positions."""
    return all(torch.equal(X[:, -1] + 1, after[:, 0]) for (X, _), (after, _) in pairwise(batches))


def to_text(indices: Any, vocab: Any) -> str:
    return ("" if vocab.token_type == "char" else " ").join(vocab.to_tokens(indices))


def to_text_by_loop(indices: Any, vocab: Any) -> str:
    text = ""
    for i in indices:
        text += vocab.idx_to_token[int(i)] + " " * (vocab.token_type == "word")
    return text.rstrip() if vocab.token_type == "word" else text


def only_lists(indices: Any, vocab: Any) -> str:
    names = dict(enumerate(vocab.idx_to_token))
    return ("" if vocab.token_type == "char" else " ").join(names[i] for i in indices)


RIGHT: dict[str, list[Any]] = {
    "03.1": [9, (10_049 - 50) // 1000, torch.tensor([9])],
    "03.2": [16.89, 16.8875, torch.tensor(16.888, dtype=torch.float64)],
    "03.3": [0.8211, 16_669 / 20_300],
    "03.4": [to_text, to_text_by_loop],
    "03.5": [contiguous, laid_side_by_side, by_numpy],
    "03.6": [starts_of_rows, starts_by_partition],
}
WRONG: dict[str, list[tuple[Any, str]]] = {
    "03.1": [
        (10, "too little for the offset and the last label"),
        (9.999, "Only whole batches count"),
        (200, "with nothing set aside"),
        ([9], "got 1 value: [9]"),
        (199, "20 of them make a batch"),
        (8, "some are set aside"),
        ("9", "got the text"),
    ],
    "03.2": [
        (2.8266, "the average of −ln p; the formula takes the exponential of it"),
        (-2.8266, "the exponential of its negative"),
        (4.078, "2 to that power"),
        (0.0592, "a minus sign in the exponent"),
        (21.482, "the raw text"),
        (17.939, "The space is a character"),
        (27, "blind guessing"),
        (59.03, "the same base"),
        (16.5, "Average −ln p"),
    ],
    "03.3": [
        (16_669, "their number"),
        (0.82, "three decimals"),
        (82.11, "in percent"),
        (0.5069, "how many *different* pairs"),
        (0.518, "the share of the words"),
        (0.1789, "more than once"),
        (0.5, "how many of the different ones"),
    ],
    "03.4": [
        (lambda indices, vocab: "".join(vocab.to_tokens(indices)), "it returns 'timeandtime', not 'time and time'"),
        (lambda indices, vocab: " ".join(vocab.to_tokens(indices)), "it returns 'f a d e', not 'fade'"),
        (lambda indices, vocab: vocab.to_tokens(indices), "one string, your function returns 4 values"),
        (only_lists, "With a tensor of the numbers of 'fade'"),
        (lambda indices, vocab: to_text_by_loop(indices, vocab) + " ", "it returns 'fade ', not 'fade'"),
        (lambda indices, vocab: vocab.token_type, "it returns 'char'"),
    ],
    "03.5": [
        (only_joined, "moved on by two"),
        (only_first_row, "go on in row 0 and nowhere else"),
        (only_last_row, "go on in the last row and nowhere else"),
        (
            lambda batches: laid_side_by_side(
                [(X[1:], Y[1:]) for X, Y in batches] if len(batches[0][0]) > 1 else batches
            ),
            "one wrong label in row 0",
        ),
        (lambda batches: torch.equal(batches[0][1][:, -1], batches[1][0][:, 0]), "For a single batch"),
        (without_the_last, "one wrong label in the middle of the last row of the last batch"),
        (joined_inputs, "It must return True for a sequential partition"),
        (lambda batches: all(torch.equal(X[:, 1:], Y[:, :-1]) for X, Y in batches), "False for a random partition"),
        (lambda batches: True, "False for a random partition"),
        (lambda batches: len(batches) > 1 and contiguous(batches), "a single batch"),
        (lambda batches: "yes", "True or False"),
    ],
    "03.6": [
        (lambda length, batch_size, num_steps, offset: [row * num_steps for row in range(batch_size)], "too close"),
        (lambda *args: [start - args[3] for start in starts_of_rows(*args)], "the offset is missing"),
        (lambda length, n, num_steps, offset: [offset + row * (length // n) for row in range(n)], "a row is too long"),
        (lambda length, n, num_steps, offset: [offset + row * ((length - num_steps) // n) for row in range(n)], "long"),
        (lambda *args: starts_of_rows(*args)[0], "a list of positions"),
        (lambda *args: starts_of_rows(*args)[:-1], "one per row; there are"),
        (lambda *args: [start + 1 for start in starts_of_rows(*args)], "these are not the starts"),
    ],
}
