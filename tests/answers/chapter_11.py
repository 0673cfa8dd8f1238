"""Answers to the exercises of chapter 11."""

import itertools
import math
from typing import Any

import torch


def min_p(probs: Any, share: Any) -> Any:
    kept = torch.where(probs >= share * probs.max(-1, keepdim=True).values, probs, 0)
    return kept / kept.sum(-1, keepdim=True)


def min_p_by_mask(probs: Any, share: Any) -> Any:
    mask = probs / probs.amax(-1, keepdim=True) >= share
    return probs * mask / (probs * mask).sum(-1)[..., None]


def min_p_in_place(probs: Any, share: Any) -> Any:
    probs[probs < share * probs.max(-1, keepdim=True).values] = 0
    return probs / probs.sum(-1, keepdim=True)


def min_p_absolute(probs: Any, share: Any) -> Any:
    kept = torch.where(probs >= share, probs, 0)
    return kept / kept.sum(-1, keepdim=True)


def min_p_of_all(probs: Any, share: Any) -> Any:
    kept = torch.where(probs >= share * probs.max(), probs, 0)
    return kept / kept.sum(-1, keepdim=True)


def min_p_strict(probs: Any, share: Any) -> Any:
    kept = torch.where(probs > share * probs.max(-1, keepdim=True).values, probs, 0)
    return kept / kept.sum(-1, keepdim=True)


def forbidden(tokens: Any, n: Any) -> Any:
    last = tokens[len(tokens) - n + 1 :]
    return {tokens[i + n - 1] for i in range(len(tokens) - n + 1) if tokens[i : i + n - 1] == last}


def forbidden_by_runs(tokens: Any, n: Any) -> Any:
    runs = {tuple(tokens[i : i + n]) for i in range(len(tokens) - n + 1)}
    return {run[-1] for run in runs if run[:-1] == tuple(tokens[len(tokens) - (n - 1) :])}


def forbidden_minus_zero(tokens: Any, n: Any) -> Any:
    last = tokens[-(n - 1) :]
    return {tokens[i + n - 1] for i in range(len(tokens) - n + 1) if tokens[i : i + n - 1] == last}


def forbidden_one_short(tokens: Any, n: Any) -> Any:
    last = tokens[len(tokens) - n + 1 :]
    return {tokens[i + n - 1] for i in range(len(tokens) - n) if tokens[i : i + n - 1] == last}


def gumbel(logits: Any, u: Any, T: Any) -> Any:
    return (logits / T - (-u.log()).log()).argmax(-1)


def greedy(log_probs: Any, start: Any, num_steps: Any, width: Any) -> Any:
    run = [start]
    for _ in range(num_steps):
        run.append(int(log_probs[run[-1]].argmax()))
    return run[1:]


def beam(log_probs: Any, start: Any, num_steps: Any, width: Any) -> Any:
    runs = [(0.0, [start])]
    for _ in range(num_steps):
        longer = [(t + float(log_probs[r[-1], j]), [*r, j]) for t, r in runs for j in range(len(log_probs))]
        runs = sorted(longer, key=lambda run: run[0], reverse=True)[:width]
    return runs[0][1][1:]


def beam_by_topk(log_probs: Any, start: Any, num_steps: Any, width: Any) -> Any:
    totals, runs = torch.zeros(1, dtype=log_probs.dtype), torch.tensor([[start]])
    for _ in range(num_steps):
        totals, best = (totals[:, None] + log_probs[runs[:, -1]]).flatten().topk(width)
        runs = torch.cat((runs[best // len(log_probs)], (best % len(log_probs))[:, None]), 1)
    return runs[0, 1:]


def everything(log_probs: Any, start: Any, num_steps: Any, width: Any) -> Any:
    def total(run: Any) -> float:
        return sum(float(log_probs[i, j]) for i, j in zip((start, *run), run, strict=False))

    if len(log_probs) ** num_steps > 3000:
        return beam(log_probs, start, num_steps, 50)
    return list(max(itertools.product(range(len(log_probs)), repeat=num_steps), key=total))


RIGHT: dict[str, list[Any]] = {
    "11.1": [
        (0.36 / 0.46, 0.09 / 0.46, 0.01 / 0.46),
        [0.783, 0.196, 0.0217],
        (0.78, 0.2, 0.02),
        torch.tensor([0.7826, 0.1957, 0.0217]),
    ],
    "11.2": [(3, 0.4 / 0.85), [3, 0.471], torch.tensor([3, 0.4706])],
    "11.3": [min_p, min_p_by_mask],
    "11.4": [forbidden, forbidden_by_runs, lambda tokens, n: sorted(forbidden(tokens, n))],
    "11.5": [gumbel, lambda logits, u, T: (logits - T * (-u.log()).log()).argmax(-1)],
    "11.6": [beam, beam_by_topk],
}
WRONG: dict[str, list[tuple[Any, str]]] = {
    "11.1": [
        ((0.36, 0.09, 0.01), "they don't sum to 1 yet"),
        ((0.473, 0.334, 0.193), "That is temperature 2"),
        ((0.50, 0.28, 0.22), "What does halving T do"),
        ((0.519, 0.285, 0.191), "The temperature divides the logits, not the probabilities"),
        ((0.3, 0.15, 0.05), "changes nothing"),
        ((1.2, 0.6, 0.2), "changes nothing"),
        ((0.6, 0.3, 0.1), "at temperature 1"),
        ((0.8, 0.3, 0.1), "that sum to 1.2"),
        (0.783, "3 values are wanted"),
        ((0.78, 0.22), "Three numbers are wanted, got 2"),
    ],
    "11.2": [
        ((4, 0.4), "After top-4, do the first three reach 0.88"),
        ((4, 0.421), "After top-4, do the first three reach 0.88"),
        ((2, 0.615), "Top-4 first"),
        ((3, 0.4), "before anything was cut"),
        ((3, 0.421), "that after top-4"),
        ((3, 0.5), "What is left must sum to 1"),
        (3, "Two numbers are wanted"),
    ],
    "11.3": [
        (min_p_in_place, "changes the probabilities"),
        (min_p_absolute, "not a probability"),
        (lambda probs, share: torch.where(probs >= share, probs, 0), "not a probability"),
        (min_p_of_all, "Each row has a largest"),
        (min_p_strict, "At least"),
        (lambda p, s: torch.where(p >= s * p.max(-1, keepdim=True).values, p, 0), "they don't sum to 1"),
        (lambda probs, share: probs.argmax(-1), "A tensor of the shape of probs"),
        (lambda probs, share: probs, "it isn't right"),
    ],
    "11.4": [
        (lambda tokens, n: set(tokens), "which would complete no run of 3"),
        (lambda tokens, n: forbidden(tokens, 2), "nothing would be repeated yet"),
        (lambda tokens, n: set(), "would complete a run that is there already"),
        (lambda tokens, n: {tokens[-n]} if len(tokens) >= n else set(), "3 would complete a run"),
        (forbidden_minus_zero, "tokens[-0:]"),
        (forbidden_one_short, "1 would complete a run"),
        (lambda tokens, n: forbidden(tokens, n + 1), "would complete a run that is there already"),
        (lambda tokens, n: tokens.clear(), "returns nothing"),
        (lambda tokens, n: 3, "A set of tokens is wanted"),
    ],
    "11.5": [
        (lambda logits, u, T: logits.argmax(-1), "the random numbers have no part in it"),
        (lambda logits, u, T: (logits - (-u.log()).log()).argmax(-1), "The temperature changes nothing in yours"),
        (lambda logits, u, T: ((logits - (-u.log()).log()) / T).argmax(-1), "The temperature changes nothing in yours"),
        (lambda logits, u, T: (logits * T - (-u.log()).log()).argmax(-1), "The temperature divides"),
        (lambda logits, u, T: (logits / T - u.log().log()).argmax(-1), "mind both signs"),
        (lambda logits, u, T: (logits / T + u).argmax(-1), "u itself has been added"),
        (lambda logits, u, T: (logits / T + (-u.log()).log()).argmax(-1), "The sign of g"),
        (lambda logits, u, T: (logits.softmax(-1) / T - (-u.log()).log()).argmax(-1), "not to probabilities"),
        (lambda logits, u, T: int(gumbel(logits[0, 0], u[0, 0], T)), "One token for each row"),
        (lambda logits, u, T: gumbel(logits, u, T)[..., None], "One token for each row"),
    ],
    "11.6": [
        (greedy, "that is what greedy finds"),
        (lambda *args: [args[1], *beam(*args)], "only the tokens that follow"),
        (everything, "Is yours wider"),
        (lambda p, s, n, w: beam(p, s, n - 1, w), "tokens are wanted, got"),
        (lambda p, s, n, w: [0] * n, "the beam finds one with"),
        (lambda p, s, n, w: beam(p.exp(), s, n, w), "the beam finds one with"),
        (lambda *args: 3, "A list of"),
        (lambda p, s, n, w: [math.inf] * n, "OverflowError"),
    ],
}
