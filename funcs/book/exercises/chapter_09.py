"""Checks of the exercises of chapter 09: the LSTM."""

import math
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest.mock import patch

import torch

from funcs.book.exercises.checking import call, exercise, kind, same

Tensors = tuple[torch.Tensor, ...]


@exercise("09.1")
def parameters_with_peepholes(answer: Any) -> str | None:
    d, h, q = 28, 124, 28
    blocks, peepholes, output = 4 * (d + h + 1) * h, 3 * h, h * q + q
    wanted = blocks + peepholes + output
    slips = {
        wanted - peepholes: "This is the LSTM of (9.1) and (9.2); the vectors p are missing.",
        wanted + h: "The candidate is no gate: does it look at the memory?",
        blocks + 3 * h * h + output: "The peephole is p ⊙ C, entry by entry: how many numbers does that take a unit?",
        blocks + 3 * d * h + output: "The peephole is p ⊙ C, entry by entry: how many numbers does that take a unit?",
        wanted - 2 * h: "Each gate has a p of its own.",
        blocks + peepholes: "The output layer is missing.",
        blocks + peepholes + h * q: "The output layer has a bias as well.",
        wanted - 4 * h: "The three gates and the candidate have a bias each.",
        wanted + 4 * h: "One bias per block is asked for here; PyTorch has two.",
        wanted - (d + h + 1) * h: "Three gates, and there is one block more.",
        wanted - 4 * h * h: "Every block reads the old state, too.",
        wanted - 4 * d * h: "Every block reads the input, too.",
    }
    for slip, hint in slips.items():
        if same(answer, slip):
            return hint
    return None if same(answer, wanted) else "Count the blocks with their biases, the vectors p, and the output layer."


@exercise("09.2")
def memory_left_after_twenty_steps(answer: Any) -> str | None:
    gate = 1 / (1 + math.exp(-1))
    slips = {
        100 * gate**20: "That is per cent; a fraction lies between 0 and 1.",
        1 - gate**20: "That much is gone; how much is left?",
        gate: "That is left after one step.",
        gate**19: "That is left after 19 steps.",
        gate**21: "That is left after 21 steps.",
        20 * gate: "Each step multiplies; nothing is added up.",
        0.5**20: "σ(1) is not a half; σ(0) is.",
        (1 - gate) ** 20: "1 − σ(1) is what a step takes away; what does it leave?",
        math.tanh(1) ** 20: "The gate is a sigmoid; this is tanh(1).",
        0.002: "The right way; two significant digits, please.",
        0.0: "So many zeros: two digits that aren't zero, please.",
        math.log(2) / -math.log(gate): "That is the half-life, in steps; what is left after 20 of them?",
        1.0: "The gate stands at σ(1), and not at 1.",
    }

    def near(value: float) -> bool:
        if same(answer, torch.tensor(value), 0.0):  # and says so if the answer is no number
            return True
        got = torch.as_tensor(answer).detach().double()
        return got.dim() == 0 and abs(got.item() - value) < (0.001 if 0.5 < value < 2 else 0.01) * value

    for slip, hint in slips.items():
        if near(slip):
            return hint
    return None if near(gate**20) else "Each step multiplies what is left by the forget gate, σ(1)."


@exercise("09.3")
def gates_that_count(answer: Any) -> str | None:
    kinds, names = ("an e", "another letter", "a space"), ("I", "F", "G", "O")
    steps = call(answer)
    shape = "Return three tuples of four numbers, (I, F, G, O) each: for an e, for another letter, for a space."
    if not isinstance(steps, (tuple, list)) or len(steps) != 3:
        return shape
    if not all(isinstance(step, (tuple, list)) and len(step) == 4 for step in steps):
        return shape
    for step, which in zip(steps, kinds, strict=True):
        for name, value in zip(names, step, strict=True):
            lowest = -1 if name == "G" else 0
            if not isinstance(value, (int, float, torch.Tensor)) or torch.as_tensor(value).numel() != 1:
                return f"{name} for {which} must be a number, got {'nothing' if value is None else kind(value)}."
            if not lowest <= float(value) <= 1:
                range_of = "The candidate lies between −1 and 1" if name == "G" else "A gate lies between 0 and 1"
                return f"{range_of}; {name} for {which} is {float(value):g}."
    text, C, count = "see the eel  flee ", 0.0, 0
    for k, char in enumerate(text):
        sort = 0 if char == "e" else 2 if char == " " else 1
        I, F_, G, O = (float(value) for value in steps[sort])
        C = F_ * C + I * G
        count = 0 if sort == 2 else count + (sort == 0)
        read = f"After {text[: k + 1]!r}"
        if not same(C, float(count)):
            return f"{read} the memory C is {C:g}, and {count} is wanted."
        if sort != 2 and not same(O * math.tanh(C), math.tanh(count)):
            return f"{read} C is right, and the unit says H = {O * math.tanh(C):.2f}; tanh(C) is wanted at a letter."
    return None


def peephole(
    X: torch.Tensor,
    H: torch.Tensor,
    C: torch.Tensor,
    params: Sequence[torch.Tensor],
    *,
    bias: bool = True,
    turned: bool = False,
    old_memory: bool = False,
    looks: str = "ifo",
    memory: str = "F * C + I * G",
    outside: bool = False,
    says: str = "tanh",
    candidate: Callable[[torch.Tensor], torch.Tensor] = torch.tanh,
) -> Tensors:
    """A step with peepholes, (H, C), or what comes out of one of the usual slips."""
    W_i, b_i, p_i, W_f, b_f, p_f, W_g, b_g, W_o, b_o, p_o = params
    XH = torch.cat((H, X) if turned else (X, H), 1)

    def inside(W: torch.Tensor, b: torch.Tensor, p: torch.Tensor, C: torch.Tensor, name: str) -> torch.Tensor:
        return XH @ W + b * bias + p * C * (name in looks)

    def gate(W: torch.Tensor, b: torch.Tensor, p: torch.Tensor, C: torch.Tensor, name: str) -> torch.Tensor:
        if outside:
            return torch.sigmoid(inside(W, b, p, C, "-")) + p * C
        return torch.sigmoid(inside(W, b, p, C, name))

    I, F_ = gate(W_i, b_i, p_i, C, "i"), gate(W_f, b_f, p_f, C, "f")
    G = candidate(inside(W_g, b_g, p_i if "g" in looks else torch.zeros_like(p_i), C, "g"))
    new = {"F * C + I * G": F_ * C + I * G, "I * C + F * G": I * C + F_ * G, "F * C + G": F_ * C + G}[memory]
    O = gate(W_o, b_o, p_o, C if old_memory else new, "o")
    return O * (new if says == "C" else torch.tanh(C if says == "old" else new)), new


@exercise("09.4")
def step_with_peepholes(answer: Any) -> str | None:
    for batch_size, d, h in ((3, 2, 4), (5, 3, 2)):
        X, H, C = (torch.randn(batch_size, size) for size in (d, h, h))
        params = [torch.randn(shape) for shape in (((d + h, h), (h,), (h,)) * 3)[:7]]
        params += [torch.randn(shape) for shape in ((h,), (d + h, h), (h,), (h,))]
        wanted = peephole(X, H, C, params)
        slips: list[tuple[Tensors, str]] = [
            (wanted[::-1], "H and C are swapped: return the new H first."),
            (peephole(X, H, C, params, old_memory=True), "The output gate looks at another memory than the other two."),
            (peephole(X, H, C, params, looks=""), "Nothing looks at the memory yet: where do the three p go?"),
            (peephole(X, H, C, params, looks="if"), "The output gate looks at the memory, too."),
            (peephole(X, H, C, params, looks="o"), "The input and the forget gate look at the memory, too."),
            (peephole(X, H, C, params, outside=True), "p ⊙ C is added inside the sigmoid; yours stands outside."),
            (peephole(X, H, C, params, looks="ifgo"), "The candidate is no gate; it doesn't look at the memory."),
            (peephole(X, H, C, params, turned=True), "The weights are for [X H], and this is the product of [H X]."),
            (peephole(X, H, C, params, bias=False), "The biases are missing."),
            (peephole(X, H, C, params, candidate=torch.sigmoid), "The candidate has a tanh, and no sigmoid."),
            (peephole(X, H, C, params, candidate=lambda A: A), "The candidate's tanh is missing."),
            (peephole(X, H, C, params, memory="I * C + F * G"), "Input and forget gate have changed places."),
            (peephole(X, H, C, params, memory="F * C + G"), "The input gate decides how much of G is written."),
            (peephole(X, H, C, params, says="C"), "The memory is right. What is said goes through a tanh."),
            (peephole(X, H, C, params, says="old"), "The memory is right. What is said is the new one."),
        ]
        try:
            got = call(answer, X.clone(), H.clone(), C.clone(), [param.clone() for param in params])
        except ValueError as error:
            return f"It stopped ({error}); params has eleven tensors, W_i, b_i, p_i and so on as in the text."
        except RuntimeError:
            return (
                "A product or a sum doesn't fit: W are (d + h, h) and stand behind [X H], b and p are (h,). "
                "Are params taken in the order of the text?"
            )
        if not isinstance(got, (tuple, list)) or len(got) != 2:
            return "Return two tensors, the new H and the new C."
        for values, hint in slips:
            if all(same(g, value) for g, value in zip(got, values, strict=True)):
                return hint
        if not same(got[1], wanted[1]):
            return "The new C isn't right yet: check I, F and G one after the other, first what each of them looks at."
        if not same(got[0], wanted[0]):
            return "The new C is right, the new H isn't yet."
    return None


@contextmanager
def no_gradients() -> Iterator[None]:
    """Neither autograd nor torch.func finds a gradient: both raise a RuntimeError that says so."""

    def refuse(*args: Any, **kwargs: Any) -> Any:
        raise RuntimeError("no autograd here")

    transforms = sys.modules.get("torch._functorch.eager_transforms")
    places: list[tuple[Any, str]] = [(torch.autograd, "grad"), (torch.autograd, "backward")]
    places += [(transforms, f"{name}_increment_nesting") for name in ("grad", "jvp")]
    with ExitStack() as stack, torch.inference_mode():
        for module, name in places:
            if hasattr(module, name):
                stack.enter_context(patch.object(module, name, refuse))
        yield


@exercise("09.5")
def gradient_with_coupled_gates(answer: Any) -> str | None:
    for shape in ((3, 4), (2, 5)):
        dH, dC_future, C_last = torch.randn(3, *shape).unbind()
        G, O, forget = torch.rand(3, *shape).mul(0.9).add(0.05).unbind()
        G = 2 * G - 1
        C = forget * C_last + (1 - forget) * G
        slope, through_H = forget * (1 - forget), dH * O * (1 - torch.tanh(C) ** 2)
        dC, both = dC_future + through_H, C_last - G
        wanted = dC * both * slope
        slips = [
            (dC * both, "This is the gradient of F itself; the one before its sigmoid is asked for."),
            (dC * both * (1 - forget**2), "F comes from a sigmoid; this is the slope of a tanh."),
            (dC * C_last * slope, "With coupled gates F stands in two places: as F and as 1 − F."),
            (dC * (C_last + G) * slope, "F stands in 1 − F as well: mind the sign there."),
            (dC * C_last, "This is dF of (9.4). Here F stands in 1 − F too, and its sigmoid is still to come."),
            (dC * C_last * slope - dC * G, "The sigmoid's slope belongs to both places where F stands."),
            (dC * both * forget, "The slope of a sigmoid has two factors; one is missing."),
            (dC * both * (1 - forget), "The slope of a sigmoid has two factors; one is missing."),
            (-wanted, "The sign is the wrong way round."),
            (dC_future * both * slope, "This is what comes from the next step; H_t sends something back to C_t, too."),
            (through_H * both * slope, "This is what comes by way of H_t; the next step sends something, too."),
            ((dC_future - through_H) * both * slope, "The two gradients that come to C_t are added."),
            (
                (dC_future * forget + through_H) * both * slope,
                "What the next step sends has been through its forget gate already.",
            ),
            ((dC_future + dH) * both * slope, "Between H_t and C_t stand the output gate and a tanh."),
            ((dC_future + dH * O) * both * slope, "Between H_t and C_t stands a tanh as well."),
            ((dC_future + dH * (1 - torch.tanh(C) ** 2)) * both * slope, "Between H_t and C_t stands O as well."),
            ((dC_future + dH * O * torch.tanh(C)) * both * slope, "That is tanh itself; what is its slope?"),
            ((dC_future + dH * O * (1 - C**2)) * both * slope, "The slope of tanh(C) is 1 − tanh²(C), and not 1 − C²."),
            ((dC_future + dH * O * (1 - torch.tanh(C))) * both * slope, "A square is missing in the slope of tanh."),
            (
                (dC_future + dH * O * (1 - torch.tanh(C_last) ** 2)) * both * slope,
                "H_t says tanh(C_t); this has the slope at the memory before.",
            ),
        ]
        try:
            with no_gradients():
                copies = [value.clone() for value in (dH, dC_future, forget, G, O, C_last, C)]
                got = call(answer, *copies)
        except RuntimeError as error:
            if "inference" in str(error).lower() or "grad" in str(error).lower():
                return "A formula is asked for, without autograd."
            return "Two shapes don't fit; all seven are (batch, h), and every product is entry by entry."
        if isinstance(got, torch.Tensor) and got.shape != wanted.shape:
            return f"The result has the shape of F, {tuple(wanted.shape)}; yours is {tuple(got.shape)}."
        for value, hint in slips:
            if same(got, value):
                return hint
        if not same(got, wanted):
            return "First the whole gradient of C_t, from both sides; what F does to C_t; then the sigmoid's slope."
    return None
