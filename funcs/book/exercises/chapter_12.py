"""Checks of the exercises of chapter 12: the scoreboard."""

import math
from fractions import Fraction
from typing import Any

import torch

from funcs.book.exercises.checking import Hint, call, exercise, kind, same


@exercise("12.1")
def bits_and_perplexity(answer: Any) -> str | None:
    if not isinstance(answer, (tuple, list, torch.Tensor)) or len(answer) != 2:
        raise Hint(f"Two numbers are wanted: bits per character, and the perplexity. Got {kind(answer)}.")
    bits, perplexity = answer
    wanted = (1 + 3 + 2 + 0) / 4
    if same(bits, wanted, 1e-3) and same(perplexity, 2**wanted, 5e-3):
        return None
    if same(bits, wanted, 1e-3):
        if same(perplexity, math.exp(wanted), 5e-3):
            return "The bits are right. Bits go with powers of 2, nats with powers of e."
        return "The bits are right. The perplexity is 2 to the power of them."
    if same(bits, 6.0, 1e-3):
        return "6 bits are what all four cost together; per character is asked for."
    if same(bits, -wanted, 1e-3):
        return "A price is not below zero: there is a minus sign in (12.1)."
    if same(bits, wanted * math.log(2), 5e-3):
        return "Those are nats: the logarithm of (12.1) is that to base 2."
    if same(bits, 2.0, 1e-3):
        return "The last one, of probability 1, costs nothing, but it is one of the four."
    mean = (1 / 2 + 1 / 8 + 1 / 4 + 1) / 4
    if same(bits, -math.log2(mean), 5e-3):
        return "The mean is taken of the prices, not of the probabilities."
    return "What does each of the four cost? 1/2 costs 1 bit, and each further halving 1 more."


@exercise("12.2")
def a_discount_shared_out(answer: Any) -> str | None:
    counts = torch.tensor([5.0, 2, 1, 0], dtype=torch.float64)
    lower = torch.tensor([0.4, 0.3, 0.2, 0.1], dtype=torch.float64)
    kept, left = (counts - 0.5).clamp(min=0) / 8, 3 * 0.5 / 8
    wanted = kept + left * lower
    if not isinstance(answer, (tuple, list, torch.Tensor)) or len(answer) != 4:
        raise Hint(f"Four numbers are wanted, got {kind(answer)}.")
    got = torch.tensor([float(number) for number in answer], dtype=torch.float64)
    if torch.allclose(got, wanted, atol=6e-4):
        return None
    slips = [
        (kept, "The discounts have been taken off. What they come to together must be shared out."),
        (counts / 8, "These are the plain shares: nothing is left for d, nor for anything new."),
        (
            kept + 4 * 0.5 / 8 * lower,
            "Only three kinds came after the context, so only three discounts were taken: d has none to give.",
        ),
        (
            torch.where(counts > 0, kept, left * lower),
            "(12.2) is interpolated: the shorter context's share goes to all four, also to those that came.",
        ),
        (torch.where(counts > 0, kept, torch.tensor(left)), "What is left is for all, as the shorter context says."),
        (kept + 0.5 / 8 * lower, "A half was taken off three times."),
        ((counts - 0.5) / 8 + left * lower, "From a count of 0 nothing can be taken."),
    ]
    for slip, hint in slips:
        if torch.allclose(got, slip, atol=6e-4):
            return hint
    if abs(got.sum() - 1) > 5e-3:
        return f"The four must sum to 1; yours sum to {got.sum():.3f}."
    return "Two parts for each: its count less a half, over 8; and its share of what was taken off, over 8."


@exercise("12.3")
def different_characters_before(answer: Any) -> str | None:
    cases = [("abcbbcab", 1), ("abab", 2), ("aaaa", 1), ("aaaa", 2), ("the cat that sat", 2), ("ab", 2), ("xyzxy", 3)]
    for text, n in cases:
        before: dict[str, set[str]] = {}
        for i in range(1, len(text) - n + 1):
            before.setdefault(text[i : i + n], set()).add(text[i - 1])
        wanted = {run: len(characters) for run, characters in before.items()}
        got = call(answer, text, n)
        if not isinstance(got, dict):
            return f"A dictionary is wanted, got {kind(got)}."
        got = dict(got)
        if got == wanted:
            continue
        where = f"For {text!r} and n = {n}"
        plain: dict[str, int] = {}
        for i in range(1, len(text) - n + 1):
            plain[text[i : i + n]] = plain.get(text[i : i + n], 0) + 1
        if got == plain:
            return f"{where}: you count how often each run has a character before it; *different* ones are asked for."
        if any(isinstance(value, (set, list)) for value in got.values()):
            return f"{where}: how many they are is asked for, not which."
        after: dict[str, set[str]] = {}
        for i in range(len(text) - n):
            after.setdefault(text[i : i + n], set()).add(text[i + n])
        if got == {run: len(characters) for run, characters in after.items()}:
            return f"{where}: those are the characters *after* each run."
        if {run: count for run, count in got.items() if count} == wanted:
            return f"{where}: a run that only stands at the beginning has nothing before it, and isn't in the result."
        if any(len(run) != n for run in got):
            return f"{where}: all runs have {n} characters, and {next(run for run in got if len(run) != n)!r} hasn't."
        if missing := set(wanted) - set(got):
            return f"{where}: {min(missing)!r} is missing."
        if more := set(got) - set(wanted):
            return f"{where}: {min(more)!r} has no character before it."
        wrong = min(run for run in wanted if got[run] != wanted[run])
        return f"{where}: {wrong!r} has another number of different characters before it than {got[wrong]}."
    return None


@exercise("12.4")
def number_to_tokens(answer: Any) -> str | None:
    half, quarter, third = Fraction(1, 2), Fraction(1, 4), Fraction(1, 3)
    cases: list[tuple[Fraction, int, list[Fraction]]] = [
        (Fraction(0), 3, [half, quarter, quarter]),
        (Fraction(5, 8), 2, [half, quarter, quarter]),
        (Fraction(99, 100), 4, [half, quarter, quarter]),
        (half, 3, [half, quarter, quarter]),
        (Fraction(3, 7), 0, [half, half]),
        (Fraction(2, 5), 5, [third, third, third]),
        (Fraction(1, 3), 4, [third, Fraction(0), 2 * third]),
        (Fraction(123456789, 987654321), 12, [Fraction(7, 10), Fraction(1, 10), Fraction(0), Fraction(1, 5)]),
    ]
    for number, num_tokens, probs in cases:
        wanted, inside = [], number
        for _ in range(num_tokens):
            starts = [sum(probs[:i], Fraction(0)) for i in range(len(probs))]
            token = max(i for i, start in enumerate(starts) if start <= inside and probs[i])
            wanted.append(token)
            inside = (inside - starts[token]) / probs[token]
        got = call(answer, number, num_tokens, list(probs))
        if not isinstance(got, (list, tuple)):
            return f"A list of {num_tokens} tokens is wanted, got {kind(got)}."
        if list(got) == wanted:
            continue
        where = f"For {number}, {num_tokens} tokens and probabilities {', '.join(map(str, probs))}"
        if len(got) != num_tokens:
            return f"{where}: {num_tokens} tokens are wanted, got {len(got)}."
        if any(not 0 <= token < len(probs) for token in got):
            return f"{where}: tokens are from 0 to {len(probs) - 1}."
        if any(not probs[token] for token in got):
            return f"{where}: a token of probability 0 has a part without length; no number falls into it."
        if len(set(got)) == 1 and len(set(wanted)) > 1:
            return f"{where}: after the first token go on *inside its part*, with the part as the new whole."
        place = next(i for i, (a, b) in enumerate(zip(got, wanted, strict=True)) if a != b)
        return (
            f"{where}: token {place + 1} is wrong. "
            + ("Inside the part, take off its beginning and divide by its length. " if place else "")
            + "A part holds its beginning, and not its end."
        )
    return None


@exercise("12.5")
def epoch_to_keep(answer: Any) -> str | None:
    cases = [
        ([3.0, 2.0, 1.0], 2, 3),
        ([3.0, 2.0, 2.5, 2.4], 2, 2),
        ([3.0, 2.0, 2.5, 2.4, 1.0], 2, 2),
        ([3.0, 2.0, 2.5, 1.9, 1.8], 2, 5),
        ([1.0, 2.0, 0.5], 1, 1),
        ([2.0, 2.0, 2.0, 2.0], 3, 1),
        ([5.0], 1, 1),
        ([4.0, 3.0, 3.5, 3.4, 3.3, 2.0], 3, 2),
        ([4.0, 3.0, 3.5, 3.4, 2.9, 3.1, 3.2, 3.3, 1.0], 3, 5),
    ]
    for scores, patience, wanted in cases:
        got = call(answer, list(scores), patience)
        if same(got, wanted):
            continue
        where = f"For {scores} and a patience of {patience}"
        if same(got, wanted - 1):
            return f"{where}: epochs are counted from 1."
        if len(scores) > 1 and len(set(scores)) == 1:
            return f"{where}: an equal score is no better one; the first stays the best."
        if same(got, scores.index(min(scores)) + 1):
            return f"{where}: training had stopped before epoch {int(got)} came."
        if same(got, min(wanted + patience, len(scores))) and wanted + patience <= len(scores):
            return f"{where}: that is where training stops; those of the best epoch so far are kept."
        return f"{where}: walk through the epochs. The age counts from the best one so far, not from the last rise."
    return None


@exercise("12.6")
def two_predictors(answer: Any) -> str | None:
    p = torch.tensor([[0.5, 0.5], [0.9, 0.1], [0.9, 0.1]], dtype=torch.float64)
    q = torch.tensor([[0.5, 0.5], [0.1, 0.9], [0.2, 0.8]], dtype=torch.float64)
    random = [(3 * torch.randn(40, 5, dtype=torch.float64)).softmax(1) for _ in range(2)]
    cases = [(p, q, torch.tensor([0, 0, 0])), (p, q, torch.tensor([1, 1, 0])), (*random, torch.randint(5, (40,)))]
    for p, q, tokens in cases:
        ours, theirs = (x.gather(1, tokens[:, None])[:, 0] for x in (p, q))
        w, total, last = 0.5, 0.0, 0.0
        for a, b in zip(ours.tolist(), theirs.tolist(), strict=True):
            mixed = w * a + (1 - w) * b
            total -= math.log2(mixed)
            w = w * a / mixed
        w, peeking = 0.5, 0.0
        for a, b in zip(ours.tolist(), theirs.tolist(), strict=True):
            w = w * a / (w * a + (1 - w) * b)
            peeking -= math.log2(w * a + (1 - w) * b)
        last = -((ours + theirs) / 2).log2().sum().item()
        got = call(answer, p.clone(), q.clone(), tokens.clone())
        if same(got, total, 1e-5):
            continue
        slips = [
            (total / len(tokens), "The sum is asked for, not the mean."),
            (-total, "A price is not below zero: mind the sign."),
            (total * math.log(2), "Those are nats; bits have the logarithm to base 2."),
            (last, "Your weight stays at one half."),
            (peeking, "You weigh anew before you pay: that looks at the token that is still to come."),
        ]
        for slip, hint in slips:
            if same(got, slip, 1e-5):
                return hint
        return f"For {len(tokens)} tokens it isn't right. Mix, pay for the token that came, then weigh anew."
    return None


@exercise("12.7")
def minimal_gated_backward(answer: Any) -> str | None:
    def step(X: Any, H: Any, W_f: Any, b_f: Any, W_n: Any, b_n: Any) -> Any:
        F = torch.sigmoid(torch.cat((X, H), 1) @ W_f + b_f)
        N = torch.tanh(torch.cat((X, F * H), 1) @ W_n + b_n)
        return (1 - F) * H + F * N

    n, d, h = 5, 3, 4
    shapes = [(n, d), (n, h), (d + h, h), (h,), (d + h, h), (h,)]
    leaves = [torch.randn(shape, dtype=torch.float64, requires_grad=True) for shape in shapes]
    dH = torch.randn(n, h, dtype=torch.float64)
    wanted = torch.autograd.grad(step(*leaves), leaves, dH)
    X, H, *params = (leaf.detach().clone() for leaf in leaves)
    got = call(answer, X, H, params, dH.clone())
    if not isinstance(got, (tuple, list)) or len(got) != 3 or not isinstance(got[2], (tuple, list)):
        return f"Three things are wanted: the gradient of X, that of H, a list of the parameters'. Got {kind(got)}."
    if len(got[2]) != 4:
        return f"There are four parameters, so the list has four gradients; yours has {len(got[2])}."
    names = ["b_n", "W_n", "b_f", "W_f", "X", "H"]
    mine = dict(zip(["X", "H", "W_f", "b_f", "W_n", "b_n"], (got[0], got[1], *got[2]), strict=True))
    right = dict(zip(["X", "H", "W_f", "b_f", "W_n", "b_n"], wanted, strict=True))
    for name in names:
        if not isinstance(mine[name], torch.Tensor) or mine[name].shape != right[name].shape:
            return f"The gradient of {name} has its shape, {tuple(right[name].shape)}; got {kind(mine[name])}."
        if torch.allclose(mine[name], right[name], rtol=1e-6, atol=1e-8):
            continue
        ways = {
            "b_n": "H' depends on N through F ⊙ N; the tanh's slope is 1 − N². A bias's is the sum over the rows.",
            "b_f": "Sum over the rows. F has three ways to H': by (1 − F) ⊙ H, by F ⊙ N, and, inside N, by F ⊙ H.",
            "X": "X stands in both products.",
            "H": "H has three ways: through (1 − F) ⊙ H, through F ⊙ H inside N, and through F itself.",
        }
        hint = ways.get(name, "It is the product's input, transposed, times the gradient of what the product gave.")
        return f"The gradient of {name} isn't right. {hint}"
    return None
