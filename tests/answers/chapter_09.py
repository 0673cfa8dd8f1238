"""Right and wrong answers to the exercises of chapter 09."""

import inspect
import math
from typing import Any

import torch


def peephole_step(X: Any, H: Any, C: Any, params: Any) -> Any:
    W_i, b_i, p_i, W_f, b_f, p_f, W_g, b_g, W_o, b_o, p_o = params
    XH = torch.cat((X, H), 1)
    I, F = torch.sigmoid(XH @ W_i + b_i + p_i * C), torch.sigmoid(XH @ W_f + b_f + p_f * C)
    C = F * C + I * torch.tanh(XH @ W_g + b_g)
    return torch.sigmoid(XH @ W_o + b_o + p_o * C) * torch.tanh(C), C


def peephole_in_place(X: Any, H: Any, C: Any, params: Any) -> Any:
    """Works on what it is given, with one product for all."""
    A = torch.cat([X, H], -1) @ torch.cat([params[k] for k in (0, 3, 6, 8)], 1)
    A += torch.cat([params[k] for k in (1, 4, 7, 9)])
    i, f, g, o = A.chunk(4, 1)
    gate_i, gate_f = (i + params[2] * C).sigmoid(), (f + params[5] * C).sigmoid()
    C.mul_(gate_f).add_(gate_i * g.tanh())
    return [(o + params[10] * C).sigmoid() * C.tanh(), C]


NEW_C = "    C = F * C + I * torch.tanh(XH @ W_g + b_g)"


def with_change(*texts: str) -> Any:
    """The right step with some pieces of its code replaced: old, new, old, new, …"""
    source = inspect.getsource(peephole_step)
    for old, new in zip(texts[::2], texts[1::2], strict=True):
        assert old in source, old
        source = source.replace(old, new)
    scope: dict[str, Any] = {"torch": torch, "Any": Any}
    exec(source, scope)
    return scope["peephole_step"]


def coupled_gradient(dH: Any, dC_future: Any, F: Any, G: Any, O: Any, C_last: Any, C: Any) -> Any:
    dC = dC_future + dH * O * (1 - torch.tanh(C) ** 2)
    return dC * (C_last - G) * F * (1 - F)


def coupled_gradient_in_place(dH: Any, dC: Any, F: Any, G: Any, O: Any, C_last: Any, C: Any) -> Any:
    dC.addcmul_(dH.mul_(O), 1 - C.tanh().square())
    return C_last.sub_(G).mul_(dC).mul_(F - F * F)


def coupled_by_autograd(dH: Any, dC: Any, F: Any, G: Any, O: Any, C_last: Any, C: Any) -> Any:
    with torch.enable_grad():
        A = torch.logit(F).requires_grad_()
        new = torch.sigmoid(A) * C_last + (1 - torch.sigmoid(A)) * G
        (grad,) = torch.autograd.grad((new * dC + O * torch.tanh(new) * dH).sum(), A)
    return grad


def coupled_by_func(dH: Any, dC: Any, F: Any, G: Any, O: Any, C_last: Any, C: Any) -> Any:
    def sent(A: Any) -> Any:
        new = torch.sigmoid(A) * C_last + (1 - torch.sigmoid(A)) * G
        return (new * dC + O * torch.tanh(new) * dH).sum()

    return torch.func.grad(sent)(torch.logit(F))


def coupled_out_of_inference(*args: Any) -> Any:
    with torch.inference_mode(False):
        return coupled_by_autograd(*(value.clone() for value in args))


def coupled_from_new_memory(dH: Any, dC: Any, F: Any, G: Any, O: Any, C_last: Any, C: Any) -> Any:
    """With C_t - G = F (C_{t-1} - G)."""
    return (dC + dH * O * slope(C)) * (C - G) * (1 - F)


def coupled_computed_again(dH: Any, dC: Any, F: Any, G: Any, O: Any, C_last: Any, C: Any) -> Any:
    return coupled_gradient(dH, dC, F, G, O, C_last, F * C_last + (1 - F) * G)


def slope(C: Any) -> Any:
    return 1 - torch.tanh(C) ** 2


E, LETTER, SPACE = (1, 1, 1, 1), (0, 1, 0, 1), (0, 0, 0, 0)
SIGMA = 1 / (1 + math.exp(-1))

RIGHT: dict[str, list[Any]] = {
    "09.1": [4 * (28 + 124 + 1) * 124 + 3 * 124 + 124 * 28 + 28, torch.tensor(79760), 79760.0],
    "09.2": [SIGMA**20, 0.0019, torch.sigmoid(torch.tensor(1.0)) ** 20, torch.tensor(0.001898)],
    "09.3": [
        lambda: (E, LETTER, SPACE),
        lambda: [[1.0, 1.0, 1.0, 1.0], [1, 1, 0, 1], [1, 0, 0, 0.5]],
        lambda: (E, (0, 1, -1, torch.tensor(1.0)), (0.0, 0.0, 1.0, 1.0)),
    ],
    "09.4": [peephole_step, peephole_in_place],
    "09.5": [
        coupled_gradient,
        coupled_gradient_in_place,
        coupled_from_new_memory,
        coupled_computed_again,
        lambda dH, dC, F, G, O, C_last, C: (
            (dC + slope(C) * O * dH) * F * (1 - F) * C_last - (dC + slope(C) * O * dH) * F * (1 - F) * G
        ),
    ],
}

WRONG: dict[str, list[tuple[Any, str]]] = {
    "09.1": [
        (79388, "the vectors p are missing"),
        (79884, "does it look at the memory"),
        (125516, "how many numbers does that take a unit"),
        (76260, "The output layer is missing"),
        (79732, "has a bias as well"),
        (79264, "have a bias each"),
        (80256, "PyTorch has two"),
        (60788, "one block more"),
        (79512, "a p of its own"),
        (79761, "Count the blocks"),
        (79750, "Count the blocks"),
        (819200, "Count the blocks"),
        ((79, 760), "A comma within a number"),
        ("79760", "got the text '79760'"),
    ],
    "09.2": [
        (0.0018, "Each step multiplies what is left"),
        (0.19, "per cent"),
        (0.998, "That much is gone"),
        (0.731, "after one step"),
        (SIGMA**19, "after 19 steps"),
        (SIGMA**21, "after 21 steps"),
        (0.5**20, "not a half"),
        (math.tanh(1) ** 20, "tanh(1)"),
        (1, "and not at 1"),
        (14.62, "nothing is added up"),
        (0, "two digits that aren't zero"),
        (0.00, "two digits that aren't zero"),
        (0.002, "two significant digits, please"),
        (2.2, "That is the half-life"),
        ("0.0019", "got the text"),
        (torch.full((20,), SIGMA), "Each step multiplies what is left"),
    ],
    "09.3": [
        (lambda: ((1, 1, 1, 7), LETTER, SPACE), "A gate lies between 0 and 1; O for an e is 7"),
        (lambda: (E, (0, 1, 1, -7), SPACE), "A gate lies between 0 and 1; O for another letter is -7"),
        (lambda: ((1, 1, 1, None), LETTER, SPACE), "O for an e must be a number, got nothing"),
        (lambda: ((1, 1, 2, 1), LETTER, SPACE), "The candidate lies between −1 and 1"),
        (lambda: (1, 1, 1, 1, 0, 1, 1, 1), "three tuples of four numbers"),
        (lambda: (*E, *LETTER, *SPACE), "three tuples of four numbers"),
        (lambda: (E, LETTER), "three tuples of four numbers"),
        (lambda: {"e": E, "letter": LETTER, "space": SPACE}, "three tuples of four numbers"),
        (lambda: (E, LETTER, (0, 1, 0, 1)), "After 'see ' the memory C is 2, and 0 is wanted"),
        (lambda: (E, (1, 1, 1, 1), SPACE), "After 's' the memory C is 1"),
        (lambda: (E, (0, 0, 0, 1), SPACE), "After 'see the eel' the memory C is 0, and 2 is wanted"),
        (lambda: ((1, 0, 1, 1), LETTER, SPACE), "After 'see' the memory C is 1, and 2 is wanted"),
        (lambda: ((1, 1, 1, 0), LETTER, SPACE), "tanh(C) is wanted at a letter"),
        (lambda: (E, (0, 1, 0, 0), SPACE), "tanh(C) is wanted at a letter"),
        ((E, LETTER, SPACE), "give it without calling it"),
    ],
    "09.4": [
        (lambda X, H, C, params: peephole_step(X, H, C, params)[::-1], "H and C are swapped"),
        (lambda X, H, C, params: peephole_step(X, H, C, params)[0], "Return two tensors"),
        (with_change("(X, H), 1", "(H, X), 1"), "the product of [H X]"),
        (
            with_change(NEW_C, "    C_old, C = C, F * C + I * torch.tanh(XH @ W_g + b_g)", "p_o * C)", "p_o * C_old)"),
            "at another memory than the other two",
        ),
        (
            with_change(
                NEW_C, "    C_old, C = C, F * C + I * torch.tanh(XH @ W_g + b_g)", "tanh(C), C", "tanh(C_old), C"
            ),
            "What is said is the new one",
        ),
        (
            with_change(
                " + p_i * C)",
                ") + p_i * C",
                " + p_f * C)",
                ") + p_f * C",
                "torch.sigmoid(XH @ W_o + b_o + p_o * C)",
                "(torch.sigmoid(XH @ W_o + b_o) + p_o * C)",
            ),
            "inside the sigmoid",
        ),
        (with_change("XH @ W_g + b_g)", "XH @ W_g + b_g + p_i * C)"), "The candidate is no gate"),
        (with_change(" + p_o * C", ""), "The output gate looks at the memory, too"),
        (with_change(" + p_i * C", "", " + p_f * C", ""), "The input and the forget gate look"),
        (with_change(" + p_i * C", "", " + p_f * C", "", " + p_o * C", ""), "Nothing looks at the memory yet"),
        (with_change(" + b_i", "", " + b_f", "", " + b_g", "", " + b_o", ""), "The biases are missing"),
        (with_change(" + b_g", ""), "The new C isn't right yet"),
        (with_change("torch.tanh(XH", "torch.sigmoid(XH"), "The candidate has a tanh"),
        (with_change("torch.tanh(XH @ W_g + b_g)", "(XH @ W_g + b_g)"), "tanh is missing"),
        (with_change("torch.tanh(C), C", "C, C"), "goes through a tanh"),
        (with_change("F * C + I *", "I * C + F *"), "have changed places"),
        (with_change("F * C + I *", "F * C +"), "The input gate decides"),
        (with_change("W_i, b_i, p_i, W_f", "b_i, W_i, p_i, W_f"), "Are params taken in the order of the text"),
        (with_change("W_i, b_i, p_i, ", ""), "params has eleven tensors"),
        (with_change("torch.cat((X, H), 1)", "torch.cat((X, H))"), "doesn't fit"),
        (with_change(" * torch.tanh(C), C", ", C"), "The new C is right, the new H isn't yet"),
    ],
    "09.5": [
        (lambda dH, dC, F, G, O, C_last, C: (dC + dH * O * slope(C)) * (C_last - G), "before its sigmoid"),
        (lambda dH, dC, F, G, O, C_last, C: (dC + dH * O * slope(C)) * C_last * F * (1 - F), "in two places"),
        (lambda dH, dC, F, G, O, C_last, C: (dC + dH * O * slope(C)) * (C_last + G) * F * (1 - F), "mind the sign"),
        (lambda *args: -coupled_gradient(*args), "the wrong way round"),
        (lambda dH, dC, F, G, O, C_last, C: dC * (C_last - G) * F * (1 - F), "H_t sends something back"),
        (lambda dH, dC, *rest: coupled_gradient(dH, 0 * dC, *rest), "the next step sends something, too"),
        (lambda dH, dC, *rest: coupled_gradient(-dH, dC, *rest), "are added"),
        (lambda dH, dC, F, G, O, *rest: coupled_gradient(dH, dC, F, G, O / O, *rest), "stands O as well"),
        (
            lambda dH, dC, F, G, O, C_last, C: (dC + dH * O * (1 - C**2)) * (C_last - G) * F * (1 - F),
            "and not 1 − C²",
        ),
        (
            lambda dH, dC, F, G, O, C_last, C: (dC + dH * O * slope(C_last)) * (C_last - G) * F * (1 - F),
            "the slope at the memory before",
        ),
        (
            lambda dH, dC, F, G, O, C_last, C: (dC + dH * O * slope(C)) * (C_last - G) * (1 - F**2),
            "the slope of a tanh",
        ),
        (lambda dH, dC, F, *rest: coupled_gradient(dH, dC * F, F, *rest), "through its forget gate already"),
        (coupled_by_autograd, "without autograd"),
        (coupled_by_func, "without autograd"),
        (coupled_out_of_inference, "without autograd"),
        (lambda *args: coupled_gradient(*args).sum(0), "The result has the shape of F"),
        (lambda dH, *rest: dH @ rest[0], "Two shapes don't fit"),
    ],
}
