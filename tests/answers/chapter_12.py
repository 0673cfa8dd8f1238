"""Answers to the exercises of chapter 12."""

import math
from collections import defaultdict
from fractions import Fraction
from typing import Any

import torch


def predecessors(text: Any, n: Any) -> Any:
    before = defaultdict(set)
    for i in range(1, len(text) - n + 1):
        before[text[i : i + n]].add(text[i - 1])
    return {run: len(characters) for run, characters in before.items()}


def predecessors_by_longer_runs(text: Any, n: Any) -> Any:
    longer = {text[i : i + n + 1] for i in range(len(text) - n)}
    result: dict[str, int] = {}
    for run in longer:
        result[run[1:]] = result.get(run[1:], 0) + 1
    return result


def predecessors_often(text: Any, n: Any) -> Any:
    result: dict[str, int] = {}
    for i in range(1, len(text) - n + 1):
        result[text[i : i + n]] = result.get(text[i : i + n], 0) + 1
    return result


def predecessors_after(text: Any, n: Any) -> Any:
    after = defaultdict(set)
    for i in range(len(text) - n):
        after[text[i : i + n]].add(text[i + n])
    return {run: len(characters) for run, characters in after.items()}


def predecessors_with_zero(text: Any, n: Any) -> Any:
    before: dict[str, set[str]] = {text[i : i + n]: set() for i in range(len(text) - n + 1)}
    for i in range(1, len(text) - n + 1):
        before[text[i : i + n]].add(text[i - 1])
    return {run: len(characters) for run, characters in before.items()}


def predecessors_wrapped(text: Any, n: Any) -> Any:
    before = defaultdict(set)
    for i in range(len(text) - n + 1):
        before[text[i : i + n]].add(text[i - 1])  # text[-1], before the beginning
    return {run: len(characters) for run, characters in before.items()}


def predecessors_sets(text: Any, n: Any) -> Any:
    before = defaultdict(set)
    for i in range(1, len(text) - n + 1):
        before[text[i : i + n]].add(text[i - 1])
    return dict(before)


def widen(number: Any, num_tokens: Any, probs: Any) -> Any:
    tokens = []
    for _ in range(num_tokens):
        start, token = Fraction(0), 0
        while start + probs[token] <= number:
            start, token = start + probs[token], token + 1
        tokens.append(token)
        number = (number - start) / probs[token]
    return tokens


def widen_by_bounds(number: Any, num_tokens: Any, probs: Any) -> Any:
    low, width, tokens = Fraction(0), Fraction(1), []
    for _ in range(num_tokens):
        token = 0
        while number >= low + width * probs[token]:
            low, token = low + width * probs[token], token + 1
        tokens.append(token)
        width *= probs[token]
    return tokens


def widen_never_inside(number: Any, num_tokens: Any, probs: Any) -> Any:
    return [widen(number, 1, probs)[0]] * num_tokens


def widen_end_too(number: Any, num_tokens: Any, probs: Any) -> Any:
    tokens = []
    for _ in range(num_tokens):
        start, token = Fraction(0), 0
        while start + probs[token] < number:
            start, token = start + probs[token], token + 1
        tokens.append(token)
        number = (number - start) / probs[token] if probs[token] else number
    return tokens


def widen_one_short(number: Any, num_tokens: Any, probs: Any) -> Any:
    return widen(number, max(0, num_tokens - 1), probs)


def widen_not_stretched(number: Any, num_tokens: Any, probs: Any) -> Any:
    tokens = []
    for _ in range(num_tokens):
        start, token = Fraction(0), 0
        while start + probs[token] <= number:
            start, token = start + probs[token], token + 1
        tokens.append(token)
        number = number - start
    return tokens


def kept_epoch(scores: Any, patience: Any) -> Any:
    best = 0
    for epoch, score in enumerate(scores):
        if score < scores[best]:
            best = epoch
        if epoch - best >= patience:
            break
    return best + 1


def kept_by_counter(scores: Any, patience: Any) -> Any:
    best, kept, waited = math.inf, 0, 0
    for epoch, score in enumerate(scores, 1):
        if score < best:
            best, kept, waited = score, epoch, 0
        else:
            waited += 1
            if waited == patience:
                return kept
    return kept


def kept_best_of_all(scores: Any, patience: Any) -> Any:
    return scores.index(min(scores)) + 1


def kept_from_zero(scores: Any, patience: Any) -> Any:
    return kept_epoch(scores, patience) - 1


def kept_where_it_stops(scores: Any, patience: Any) -> Any:
    best = 0
    for epoch, score in enumerate(scores):
        if score < scores[best]:
            best = epoch
        if epoch - best >= patience:
            return epoch + 1
    return best + 1


def kept_late(scores: Any, patience: Any) -> Any:
    return kept_epoch(scores, patience + 1)


def kept_equal_is_better(scores: Any, patience: Any) -> Any:
    best = 0
    for epoch, score in enumerate(scores):
        if score <= scores[best]:
            best = epoch
        if epoch - best >= patience:
            break
    return best + 1


def kept_worse_than_before(scores: Any, patience: Any) -> Any:
    worse = 0
    for i in range(1, len(scores)):
        worse = worse + 1 if scores[i] >= scores[i - 1] else 0
        if worse == patience:
            return scores[: i + 1].index(min(scores[: i + 1])) + 1
    return scores.index(min(scores)) + 1


def mixture_bits(p: Any, q: Any, tokens: Any) -> Any:
    w, bits = 0.5, 0.0
    for row_p, row_q, x in zip(p, q, tokens, strict=True):
        mixed = w * row_p[x] + (1 - w) * row_q[x]
        bits -= mixed.log2()
        w = w * row_p[x] / mixed
    return bits


def mixture_by_products(p: Any, q: Any, tokens: Any) -> Any:
    """The same by Bayes's rule: the weights are those of the two whole texts so far."""
    a, b = (x.gather(1, tokens[:, None])[:, 0].log().sum() for x in (p, q))
    return -(torch.logaddexp(a, b) - math.log(2)) / math.log(2)


def mixture_mean(p: Any, q: Any, tokens: Any) -> Any:
    return mixture_bits(p, q, tokens) / len(tokens)


def mixture_nats(p: Any, q: Any, tokens: Any) -> Any:
    return mixture_bits(p, q, tokens) * math.log(2)


def mixture_fixed(p: Any, q: Any, tokens: Any) -> Any:
    return -((p + q) / 2).gather(1, tokens[:, None]).log2().sum()


def mixture_peeking(p: Any, q: Any, tokens: Any) -> Any:
    w, bits = 0.5, 0.0
    for row_p, row_q, x in zip(p, q, tokens, strict=True):
        w = w * row_p[x] / (w * row_p[x] + (1 - w) * row_q[x])
        bits -= (w * row_p[x] + (1 - w) * row_q[x]).log2()
    return bits


def mixture_better_of_two(p: Any, q: Any, tokens: Any) -> Any:
    return -torch.maximum(p, q).gather(1, tokens[:, None]).log2().sum()


def backward(X: Any, H: Any, params: Any, dH: Any) -> Any:
    W_f, b_f, W_n, b_n = params
    d = X.shape[1]
    XH = torch.cat((X, H), 1)
    F = torch.sigmoid(XH @ W_f + b_f)
    XFH = torch.cat((X, F * H), 1)
    N = torch.tanh(XFH @ W_n + b_n)
    dA_n = dH * F * (1 - N * N)
    dX_n, dFH = (dA_n @ W_n.T).split((d, H.shape[1]), 1)
    dA_f = (dH * (N - H) + dFH * H) * F * (1 - F)
    dX_f, dH_f = (dA_f @ W_f.T).split((d, H.shape[1]), 1)
    dparams = [XH.T @ dA_f, dA_f.sum(0), XFH.T @ dA_n, dA_n.sum(0)]
    return dX_n + dX_f, dH * (1 - F) + dFH * F + dH_f, dparams


def backward_by_autograd(X: Any, H: Any, params: Any, dH: Any) -> Any:
    leaves = [leaf.clone().requires_grad_() for leaf in (X, H, *params)]
    X, H, W_f, b_f, W_n, b_n = leaves
    F = torch.sigmoid(torch.cat((X, H), 1) @ W_f + b_f)
    N = torch.tanh(torch.cat((X, F * H), 1) @ W_n + b_n)
    dX, dH, *dparams = torch.autograd.grad((1 - F) * H + F * N, leaves, dH)
    return dX, dH, dparams


def backward_without_reset_way(X: Any, H: Any, params: Any, dH: Any) -> Any:
    W_f, b_f, W_n, b_n = params
    d = X.shape[1]
    XH = torch.cat((X, H), 1)
    F = torch.sigmoid(XH @ W_f + b_f)
    XFH = torch.cat((X, F * H), 1)
    N = torch.tanh(XFH @ W_n + b_n)
    dA_n = dH * F * (1 - N * N)
    dX_n, dFH = (dA_n @ W_n.T).split((d, H.shape[1]), 1)
    dA_f = dH * (N - H) * F * (1 - F)
    dX_f, dH_f = (dA_f @ W_f.T).split((d, H.shape[1]), 1)
    return dX_n + dX_f, dH * (1 - F) + dFH * F + dH_f, [XH.T @ dA_f, dA_f.sum(0), XFH.T @ dA_n, dA_n.sum(0)]


def backward_half_of_x(X: Any, H: Any, params: Any, dH: Any) -> Any:
    _, dH_before, dparams = backward(X, H, params, dH)
    W_f, b_f, W_n, b_n = params
    F = torch.sigmoid(torch.cat((X, H), 1) @ W_f + b_f)
    N = torch.tanh(torch.cat((X, F * H), 1) @ W_n + b_n)
    return (dH * F * (1 - N * N) @ W_n.T)[:, : X.shape[1]], dH_before, dparams


def backward_old_state_lost(X: Any, H: Any, params: Any, dH: Any) -> Any:
    dX, dH_before, dparams = backward(X, H, params, dH)
    F = torch.sigmoid(torch.cat((X, H), 1) @ params[0] + params[1])
    return dX, dH_before - dH * (1 - F), dparams


def backward_means(X: Any, H: Any, params: Any, dH: Any) -> Any:
    dX, dH_before, dparams = backward(X, H, params, dH)
    return dX, dH_before, [dparams[0], dparams[1] / len(X), dparams[2], dparams[3] / len(X)]


def backward_flat(X: Any, H: Any, params: Any, dH: Any) -> Any:
    dX, dH_before, dparams = backward(X, H, params, dH)
    return dX, dH_before, *dparams


RIGHT: dict[str, list[Any]] = {
    "12.1": [(1.5, 2.83), [1.5, 2**1.5], torch.tensor([1.5, 2.8284])],
    "12.2": [(0.6375, 0.24375, 0.1, 0.01875), [0.638, 0.244, 0.1, 0.0188], torch.tensor([0.6375, 0.2438, 0.1, 0.0187])],
    "12.3": [predecessors, predecessors_by_longer_runs],
    "12.4": [widen, widen_by_bounds],
    "12.5": [kept_epoch, kept_by_counter],
    "12.6": [mixture_bits, mixture_by_products],
    "12.7": [backward, backward_by_autograd],
}
WRONG: dict[str, list[tuple[Any, str]]] = {
    "12.1": [
        ((6, 64), "per character is asked for"),
        ((-1.5, 0.35), "minus sign"),
        ((1.04, 2.83), "Those are nats"),
        ((2, 4), "it is one of the four"),
        ((1.5, 4.48), "powers of e"),
        ((1.5, 1.5), "2 to the power"),
        ((1.093, 2.13), "not of the probabilities"),
        ((1.2, 3), "each further halving"),
        (1.5, "Two numbers are wanted"),
    ],
    "12.2": [
        ((4.5 / 8, 1.5 / 8, 0.5 / 8, 0), "must be shared out"),
        ((5 / 8, 2 / 8, 1 / 8, 0), "plain shares"),
        ((4.5 / 8 + 0.1, 1.5 / 8 + 0.075, 0.5 / 8 + 0.05, 0.025), "only three discounts"),
        ((4.5 / 8, 1.5 / 8, 0.5 / 8, 0.01875), "goes to all four"),
        ((4.5 / 8, 1.5 / 8, 0.5 / 8, 0.1875), "as the shorter context says"),
        ((0.5875, 0.20625, 0.075, 0.00625), "three times"),
        ((0.6375, 0.24375, 0.1, -0.04375), "nothing can be taken"),
        ((0.5, 0.3, 0.2, 0.1), "must sum to 1"),
        ((0.25, 0.25, 0.25, 0.25), "Two parts for each"),
        ((0.6375, 0.24375), "Four numbers are wanted"),
    ],
    "12.3": [
        (predecessors_often, "different"),
        (predecessors_after, "after"),
        (predecessors_with_zero, "only stands at the beginning"),
        (predecessors_wrapped, "another number"),
        (predecessors_sets, "not which"),
        (lambda text, n: predecessors(text, n + 1), "all runs have"),
        (lambda text, n: predecessors(text[:-1], n), "n = "),
        (lambda text, n: len(predecessors(text, n)), "A dictionary is wanted"),
    ],
    "12.4": [
        (widen_never_inside, "inside its part"),
        (widen_end_too, "holds its beginning"),
        (widen_one_short, "tokens are wanted"),
        (widen_not_stretched, "For "),
        (lambda number, num_tokens, probs: widen(1 - number - Fraction(1, 10**9), num_tokens, probs), "is wrong"),
        (lambda number, num_tokens, probs: "abc", "A list of"),
    ],
    "12.5": [
        (kept_best_of_all, "had stopped before"),
        (kept_from_zero, "counted from 1"),
        (kept_where_it_stops, "where training stops"),
        (kept_late, "had stopped before"),
        (kept_equal_is_better, "equal score"),
        (kept_worse_than_before, "had stopped before"),
    ],
    "12.6": [
        (mixture_mean, "not the mean"),
        (mixture_nats, "nats"),
        (mixture_fixed, "stays at one half"),
        (mixture_peeking, "before you pay"),
        (mixture_better_of_two, "it isn't right"),
        (lambda p, q, tokens: -mixture_bits(p, q, tokens), "mind the sign"),
    ],
    "12.7": [
        (backward_without_reset_way, "gradient of b_f"),
        (backward_half_of_x, "both products"),
        (backward_old_state_lost, "gradient of H"),
        (backward_means, "gradient of b_n"),
        (backward_flat, "Three things are wanted"),
        (lambda X, H, params, dH: (X, H, params[:2]), "four parameters"),
    ],
}
