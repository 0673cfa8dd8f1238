"""Checks of the exercises of chapter 09: the LSTM."""

from typing import Any

import torch
from torch import nn

from funcs.book.exercises.checking import call, exercise, same


@exercise("09.1")
def number_of_parameters(answer: Any) -> str | None:
    layer = nn.LSTM(28, 256, num_layers=2)
    if same(answer, sum(param.numel() for name, param in layer.named_parameters() if "bias_hh" not in name)):
        return "torch's layers have two biases per block."
    right = same(answer, sum(param.numel() for param in layer.parameters()))
    return None if right else "four blocks per layer; the second layer reads 256 features, not 28."


@exercise("09.2")
def memory_left_after_twenty_steps(answer: Any) -> str | None:
    left = torch.sigmoid(torch.tensor(1.0)) ** 20
    return None if same(answer, left, 1e-2) else "each step multiplies what is left by the forget gate, 1/(1 + 1/e)."


@exercise("09.3")
def counting_gates(answer: Any) -> str | None:
    comes, stays_away = call(answer)
    if len(comes) != 4 or len(stays_away) != 4:
        return "return two tuples of four numbers, (I, F, G, O) each."
    C = torch.tensor(0.0)
    for k, (I, F_, G, _) in enumerate((comes, comes, stays_away, stays_away, comes)):
        if not (0 <= I <= 1 and 0 <= F_ <= 1 and -1 <= G <= 1):
            return "gates are between 0 and 1, the candidate between -1 and 1."
        C = F_ * C + I * G
        if not same(C, (1.0, 2.0, 2.0, 2.0, 3.0)[k]):
            return f"after step {k + 1} of 'it comes, comes, not, not, comes' the memory is {float(C):g}."
    return None


@exercise("09.4")
def coupled_gates(answer: Any) -> str | None:
    X, H, C = (torch.randn(3, size) for size in (2, 4, 4))
    params = [torch.randn(shape) for shape in ((6, 4), (4,)) * 3]
    XH = torch.cat((X, H), 1)
    forget, candidate, output = (XH @ params[i] + params[i + 1] for i in (0, 2, 4))
    forget, output = torch.sigmoid(forget), torch.sigmoid(output)
    wanted = forget * C + (1 - forget) * torch.tanh(candidate)
    got = call(answer, X, H, C, params)
    if len(got) != 2:
        return "return two tensors, the new H and the new C."
    if not same(got[1], wanted):
        return "the new C is F * C + (1 - F) * G; is G behind a tanh, and F behind a sigmoid?"
    return None if same(got[0], output * torch.tanh(wanted)) else "C is right; H is O * tanh(C), with the new C."


@exercise("09.5")
def gradient_of_the_memory(answer: Any) -> str | None:
    dH, dC_future, C = torch.randn(3, 3, 4).unbind()
    O = torch.rand(3, 4)
    C.requires_grad_()
    (wanted,) = torch.autograd.grad((O * torch.tanh(C) * dH + C * dC_future).sum(), C)
    got = call(answer, dH, dC_future, O, C.detach())
    if same(got, wanted - dC_future):
        return "this is what comes by way of H; the next step sends something too."
    return (
        None if same(got, wanted) else "two ways lead back to C: straight from the next step, and through O * tanh(C)."
    )
