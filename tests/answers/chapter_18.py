"""Answers to the exercises of chapter 18: ones that are right, and plausible wrong ones with a piece of their hint."""

from typing import Any

import torch
from torch.nn import functional as F
from torch.nn.utils.rnn import pack_padded_sequence

from funcs import MyRNN


def perplexities_by_loop(outputs: torch.Tensor, labels: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
    losses = [F.cross_entropy(outputs[:n, i], labels[:n, i]) for i, n in enumerate(lengths.tolist())]
    return torch.stack(losses).exp()


def losses_of(outputs: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    return F.cross_entropy(outputs.transpose(1, 2), labels, reduction="none")


def mask_of(labels: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
    return torch.arange(len(labels))[:, None] < lengths


def perplexities_by_mask(outputs: torch.Tensor, labels: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
    losses = losses_of(outputs, labels).masked_fill(~mask_of(labels, lengths), 0.0)
    return (losses.sum(0) / lengths).exp()


def perplexities_by_product(outputs: torch.Tensor, labels: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
    return ((losses_of(outputs, labels) * mask_of(labels, lengths)).sum(0) / lengths).exp()


def last_by_rows(outputs: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    return outputs[torch.arange(len(outputs)), mask.sum(1) - 1]


def last_by_gather(outputs: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    index = (mask.sum(1) - 1)[:, None, None].expand(-1, 1, outputs.shape[2])
    return outputs.gather(1, index).squeeze(1)


def last_by_edge(outputs: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    ends = mask & ~F.pad(mask[:, 1:], (0, 1))
    return outputs[ends]


def held_with_where(
    X: torch.Tensor, lengths: torch.Tensor, W_xh: torch.Tensor, W_hh: torch.Tensor, b_h: torch.Tensor
) -> torch.Tensor:
    H = X.new_zeros(X.shape[1], len(W_hh))
    for t, x in enumerate(X):
        H = torch.where((t < lengths)[:, None], torch.tanh(x @ W_xh + H @ W_hh + b_h), H)
    return H


def held_by_packing(
    X: torch.Tensor, lengths: torch.Tensor, W_xh: torch.Tensor, W_hh: torch.Tensor, b_h: torch.Tensor
) -> torch.Tensor:
    net = MyRNN(*W_xh.shape)
    for param, value in ((net.W_xh[0], W_xh), (net.W_hh[0], W_hh), (net.b_h[0], b_h)):
        param.data.copy_(value)
    return net(pack_padded_sequence(X, lengths, enforce_sorted=False))[1][0]


def held(until: int = 0, factor: float = 1.0, inputs: bool = False) -> Any:
    def answer(X: torch.Tensor, lengths: torch.Tensor, W_xh: Any, W_hh: Any, b_h: Any) -> torch.Tensor:
        H = X.new_zeros(X.shape[1], len(W_hh))
        for t, x in enumerate(X):
            going = (t < (lengths + until).clamp(min=1))[:, None]
            new = torch.tanh((x * going if inputs else x) @ W_xh + H @ W_hh + b_h)
            H = new if inputs else torch.where(going, new, factor * H)
        return H

    return answer


RIGHT: dict[str, list[Any]] = {
    "18.1": [(14, 4), [14, 4], torch.tensor([14, 4])],
    "18.2": [perplexities_by_loop, perplexities_by_mask],
    "18.3": [last_by_rows, last_by_gather, last_by_edge],
    "18.4": [held_with_where, held_by_packing],
    "18.5": [((-1, -1, 1, 1), (1, 1, -1, -1)), torch.tensor([[-1.0, -1, 1, 1], [1, 1, -1, -1]])],
    "18.6": [1 - 0.5 ** (1 / 50), 0.0138, 0.01377, torch.tensor(0.01377)],
}

WRONG: dict[str, list[tuple[Any, str]]] = {
    "18.1": [
        ((4, 14), "First as they come"),
        ((74, 64), "These are all places"),
        ((36, 36), "not of all eight"),
        ((13, 4), "the first batch has 5 and 12 steps"),
        ((14, 5), "which two sentences are in the first batch"),
        (14, "2 values are wanted"),
        ((14, 4, 1), "Two numbers are wanted"),
    ],
    "18.2": [
        (lambda O, Y, n: perplexities_by_mask(O, Y, n).log(), "a perplexity is made of them"),
        (lambda O, Y, n: F.cross_entropy(O, Y, reduction="none"), "the vocabulary in axis 1"),
        (lambda O, Y, n: losses_of(O, Y).mean(0).exp(), "The padding counts in yours"),
        (lambda O, Y, n: (losses_of(O, Y) * mask_of(Y, n)).mean(0).exp(), "not by all steps"),
        (lambda O, Y, n: (losses_of(O, Y) * mask_of(Y, n)).sum(0).exp(), "where their mean is wanted"),
        (lambda O, Y, n: losses_of(O, Y)[mask_of(Y, n)].mean().exp(), "the shape must be (4,), not ()"),
        (lambda O, Y, n: 2 ** perplexities_by_mask(O, Y, n).log(), "so it is e that is raised"),
        (lambda O, Y, n: perplexities_by_loop(O, Y, (n - 1).clamp(min=1)), "last step count in yours"),
        (lambda O, Y, n: perplexities_by_loop(O, Y, n).tolist(), "One tensor of shape (4,) is wanted"),
        (perplexities_by_product, "NaN times 0"),
        (lambda O, Y, n: (losses_of(O, Y).exp() * mask_of(Y, n)).sum(0) / n, "the exponential of the mean"),
        (lambda O, Y, n: perplexities_by_loop(O, Y, (n + 1).clamp(max=len(Y))), "one step behind the end"),
        (lambda O, Y, n: perplexities_by_mask(O, Y, n.where(n < len(Y), n - 1)), "fill all steps come out wrong"),
        (lambda O, Y, n: perplexities_by_mask(O, Y, n).flip(0), "the perplexities of sentences"),
    ],
    "18.3": [
        (lambda O, mask: O[:, -1], "most sentences have ended before it"),
        (lambda O, mask: O[torch.arange(len(O)), mask.sum(1)], "which index has the last step"),
        (lambda O, mask: O[torch.arange(len(O)), mask.sum(1) % O.shape[1]], "the step behind the last real one"),
        (lambda O, mask: O[torch.arange(len(O)), mask.sum(1) - 2], "the step before the last real one"),
        (lambda O, mask: (O * mask[..., None]).sum(1) / mask.sum(1, keepdim=True), "the mean of the real steps"),
        (lambda O, mask: O[:, mask.sum(1) - 1], "the shape must be (4, 3)"),
        (lambda O, mask: O[mask], "the shape must be (4, 3), yours is (13, 3)"),
        (lambda O, mask: O[:, 0], "the first step of each sentence"),
        (lambda O, mask: O[mask.sum(1) - 1, torch.arange(len(O))], "Which axis comes first here"),
    ],
    "18.4": [
        (held(until=99), "after the padding, too"),
        (held(factor=0.0), "are to stay as they are"),
        (held(inputs=True), "Zero inputs don't hold a state"),
        (held(until=1), "one step too late"),
        (held(until=-1), "one step too early"),
        (held(factor=0.5), "the states of sentences [1, 2, 3] are off"),
        (lambda X, n, W_xh, W_hh, b_h: held_with_where(X, n, W_xh, W_hh, b_h)[None], "the shape must be (4, 5)"),
    ],
    "18.5": [
        (((-2, -2, 2, 2), (6, 6, -6, -6)), "now divide by the deviation"),
        (((-0.5, -0.5, 0.5, 0.5), (1 / 6, 1 / 6, -1 / 6, -1 / 6)), "by the variance"),
        (((-1, -1, 1, 1), (-1, -1, 1, 1)), "what about its sign"),
        (((-1, -1, 1, 1), (4, 4, -8, -8)), "The first four are as they should be"),
        (((1, 1, 5, 5), (4, 4, -8, -8)), "Of a itself"),
        (((-0.866025, -0.866025, 0.866025, 0.866025), (0.866025, 0.866025, -0.866025, -0.866025)), "by n − 1"),
        ((-1, -1, 1, 1), "Twice four numbers"),
    ],
    "18.6": [
        (0.5 ** (1 / 50), "spared once; p is"),
        (0.01, "multiply"),
        (0.0139, "three digits behind the zeros"),
        (0.014, "three digits behind the zeros"),
        (0.5, "survive the first step"),
        (1.377, "not in percent"),
        (1.38, "not in percent"),
        (0.986, "spared once; p is"),
        (0.1, "And 50 times"),
    ],
}
