"""Checks of the exercises of chapter 11: sampling."""

import itertools
import math
from typing import Any

import torch

from funcs.book.exercises.checking import Hint, call, exercise, kind, same
from funcs.prediction import sampling_probs


@exercise("11.1")
def probabilities_at_half_the_temperature(answer: Any) -> str | None:
    probs = torch.tensor([0.6, 0.3, 0.1], dtype=torch.float64)
    wanted = (probs**2 / (probs**2).sum()).tolist()
    right = same(answer, wanted, 6e-3)
    if len(answer) != 3:
        return f"Three numbers are wanted, got {len(answer)}."
    if right or all(abs(float(number) - prob) < 6e-3 for number, prob in zip(answer, wanted, strict=True)):
        return None
    if same(answer, (probs**2).tolist(), 1e-3):
        return "Squared they are, but they don't sum to 1 yet."
    if same(answer, (probs.sqrt() / probs.sqrt().sum()).tolist(), 6e-3):
        return "That is temperature 2: they have come closer together. Below 1 they move apart."
    if same(answer, (probs / 0.5).softmax(0).tolist(), 6e-3):
        return "The temperature divides the logits, not the probabilities; a logit is ln p."
    if same(answer, (probs / 2).tolist(), 1e-3) or same(answer, (probs * 2).tolist(), 1e-3):
        return "Dividing the probabilities and making them sum to 1 again changes nothing: (11.1) divides the logits."
    if same(answer, probs.tolist(), 1e-3):
        return "These are the probabilities at temperature 1."
    total = sum(float(number) for number in answer)
    if abs(total - 1) > 0.01:
        return f"Three probabilities that sum to {total:.3g}?"
    return "What does halving T do to each probability, before they are made to sum to 1?"


@exercise("11.2")
def top_k_then_top_p(answer: Any) -> str | None:
    probs = torch.tensor([0.4, 0.25, 0.2, 0.1, 0.05], dtype=torch.float64)
    kept = sampling_probs(probs.log(), top_k=4, top_p=0.88)
    if not isinstance(answer, (tuple, list, torch.Tensor)) or len(answer) != 2:
        raise Hint(f"Two numbers are wanted: how many, and the probability of the first. Got {kind(answer)}.")
    count, first = answer
    num_kept = int((kept > 0).sum())
    if same(count, num_kept) and same(first, float(kept[0]), 3e-3):
        return None
    if same(count, 4):
        return "After top-4, do the first three reach 0.88? They have been shared out anew by then."
    if not same(count, num_kept):
        return "Top-4 first, and make its four sum to 1. Then: which of them have, before them, not reached 0.88 yet?"
    if same(first, 0.4, 1e-3):
        return "The number is right. But 0.4 is its probability before anything was cut."
    if same(first, 0.4 / 0.95, 3e-3):
        return "The number is right. The probability is that after top-4; after top-p, what is left sums to 1 again."
    return "The number is right. What is left must sum to 1: divide the first by the sum of those that are kept."


@exercise("11.3")
def min_p(answer: Any) -> str | None:
    steep = torch.tensor([[0.5, 0.26, 0.2, 0.04], [0.3, 0.3, 0.2, 0.2]])
    cases = [
        (torch.tensor([0.1, 0.6, 0.3]), 0.0),
        (torch.tensor([0.4, 0.2, 0.2, 0.2]), 0.5),
        (steep[0], 0.6),
        (steep, 0.6),
        ((3 * torch.randn(2, 3, 7)).softmax(-1), 0.1),
    ]
    for probs, share in cases:
        least = share * probs.max(-1, keepdim=True).values
        kept = torch.where(probs >= least, probs, 0)
        wanted = kept / kept.sum(-1, keepdim=True)
        before = probs.clone()
        got = call(answer, probs, share)
        if not torch.equal(probs, before):
            return "Your function changes the probabilities that it was given; a clone or torch.where doesn't."
        if not isinstance(got, torch.Tensor) or got.shape != probs.shape:
            return f"A tensor of the shape of probs, {tuple(probs.shape)}, is wanted, got {kind(got)}."
        if same(got, wanted):
            continue
        if same(got, kept):
            return "The right ones are kept, but they don't sum to 1."
        strict = torch.where(probs > least, probs, 0)
        if same(got, strict / strict.sum(-1, keepdim=True)):
            return "*At least* share times the largest: a token that has just as much stays."
        above = torch.where(probs >= share, probs, 0)
        if same(got, (above / above.sum(-1, keepdim=True)).nan_to_num()) or same(got.nan_to_num(), above):
            return "`share` is not a probability: the bound is that share of the largest one."
        whole = torch.where(probs >= share * probs.max(), probs, 0)
        if probs.dim() > 1 and same(got, whole / whole.sum(-1, keepdim=True)):
            return "Each row has a largest probability of its own."
        if probs.dim() > 1 and same(got, kept / kept.sum()):
            return "Each row must sum to 1, not all of them together."
        return f"For probabilities of shape {tuple(probs.shape)} and a share of {share} it isn't right."
    return None


@exercise("11.4")
def runs_that_may_not_come_again(answer: Any) -> str | None:
    cases = [
        ([1, 2, 3, 1, 2], 3, {3}),
        ([1, 2, 3, 1, 2, 4, 1, 2], 3, {3, 4}),
        ([3, 2, 1, 2], 3, set()),
        ([5], 2, set()),
        ([1, 1], 2, {1}),
        ([1, 1, 1], 2, {1}),
        ([1, 2, 1, 3, 1], 2, {2, 3}),
        ([1, 2], 1, {1, 2}),
        ([], 2, set()),
        ([7, 8], 4, set()),
    ]
    for tokens, n, wanted in cases:
        given = list(tokens)
        got = call(answer, tokens, n)
        if tokens != given:
            return "Your function changes the list that it was given."
        if not isinstance(got, (set, frozenset, list, tuple)):
            return f"A set of tokens is wanted, got {kind(got)}."
        if set(got) == wanted:
            continue
        where = f"After {tokens}, with n = {n}"
        if n == 1:
            return (
                f"{where}: a run of one is the token itself, so none may come twice. (`tokens[-0:]` are all of them.)"
            )
        if not wanted:
            return f"{where}: nothing would be repeated yet, but you forbid {sorted(got)}."
        if missing := wanted - set(got):
            return f"{where}: {sorted(missing)[0]} would complete a run that is there already, and you allow it."
        return f"{where}: you forbid {sorted(set(got) - wanted)[0]}, which would complete no run of {n} that is there."
    return None


@exercise("11.5")
def drawing_without_a_sum(answer: Any) -> str | None:
    logits = torch.randn(8, 5, 9) / 2
    u = torch.rand(8, 5, 9).clamp(1e-6, 1 - 1e-6)
    gumbels = -(-u.log()).log()
    for T in (1.0, 0.5, 3.0):
        wanted = (logits / T + gumbels).argmax(-1)
        got = call(answer, logits.clone(), u.clone(), T)
        if not isinstance(got, torch.Tensor) or got.shape != wanted.shape:
            return (
                f"One token for each row of logits is wanted, a tensor of shape {tuple(wanted.shape)}, got {kind(got)}."
            )
        if torch.equal(got, wanted):
            continue
        slips = [
            (logits.argmax(-1), "That takes the largest logit: the random numbers have no part in it."),
            (
                (logits + gumbels).argmax(-1),
                "The temperature changes nothing in yours. (Dividing a whole sum by T doesn't move its largest.)",
            ),
            ((logits * T + gumbels).argmax(-1), "The temperature divides."),
            (
                (logits / T - u.log().log()).argmax(-1),
                "ln u is below zero, and has no logarithm: mind both signs in −ln(−ln u).",
            ),
            ((logits / T + u).argmax(-1), "u itself has been added; g = −ln(−ln u) is what must be."),
            ((logits / T - gumbels).argmax(-1), "The sign of g: −ln(−ln u)."),
            (
                (logits.softmax(-1) / T + gumbels).argmax(-1),
                "The random numbers are added to the logits, not to probabilities.",
            ),
            ((logits / T + gumbels).argmin(-1), "The largest sum, not the smallest."),
        ]
        for slip, hint in slips:
            if torch.equal(got, slip):
                return hint
        return f"At temperature {T} some tokens are wrong. Is it the *place* of the largest sum that you return?"
    return None


@exercise("11.6")
def best_run_of_a_table(answer: Any) -> str | None:
    table = torch.tensor([[0, 0.6, 0.4, 0], [0.34, 0.33, 0.33, 0], [0, 0, 0, 1.0], [0.25, 0.25, 0.25, 0.25]]).log()
    cases = [(table, 0, 2, 1), (table, 0, 2, 2)]
    cases += [
        (torch.randn(7, 7, dtype=torch.float64).log_softmax(1), s, n, w)
        for s, n, w in itertools.product((0, 3), (1, 4, 6), (1, 3, 6))
    ]
    for log_probs, start, num_steps, width in cases:
        wanted, total = beam(log_probs, start, num_steps, width)
        got = call(answer, log_probs.clone(), start, num_steps, width)
        if isinstance(got, torch.Tensor):
            got = got.tolist()
        if not isinstance(got, (list, tuple)):
            return f"A list of {num_steps} tokens is wanted, got {kind(got)}."
        got = [int(token) for token in got]
        if got == wanted:
            continue
        if got == [start, *wanted]:
            return "`start` is there already: only the tokens that follow are wanted."
        if len(got) != num_steps:
            return f"{num_steps} tokens are wanted, got {len(got)}."
        if not all(0 <= token < len(log_probs) for token in got):
            return f"A token is the number of a column, from 0 to {len(log_probs) - 1}, got {got}."
        mine = sum(float(log_probs[i, j]) for i, j in zip([start, *got], got, strict=False))
        if abs(mine - total) < 1e-9:
            continue
        case = f"From {start}, {num_steps} steps with a width of {width}"
        if width > 1 and got == beam(log_probs, start, num_steps, 1)[0]:
            return f"{case}: that is what greedy finds. The beam keeps `width` runs after each step."
        if mine > total:
            return f"{case}: your run is more probable than what a beam of that width finds. Is yours wider?"
        return f"{case}: your run has ln p {mine:.2f}, the beam finds one with {total:.2f}."
    return None


def beam(log_probs: torch.Tensor, start: int, num_steps: int, width: int) -> tuple[list[int], float]:
    """The run that a beam of that width finds, and its ln p."""
    runs: list[tuple[float, list[int]]] = [(0.0, [start])]
    for _ in range(num_steps):
        longer = [(total + p, [*run, j]) for total, run in runs for j, p in enumerate(log_probs[run[-1]].tolist())]
        runs = sorted((run for run in longer if run[0] > -math.inf), key=lambda run: -run[0])[:width]
    return runs[0][1][1:], runs[0][0]
