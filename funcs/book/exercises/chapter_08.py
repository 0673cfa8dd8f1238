"""Checks of the exercises of chapter 08: the GRU."""

import math
import random
from typing import Any

import torch

from funcs.book.exercises.checking import Hint, NotDone, call, exercise, kind, same


def numbers(*shapes: tuple[int, ...]) -> list[torch.Tensor]:
    """Random tensors in float64."""
    return [torch.randn(shape, dtype=torch.float64) for shape in shapes]


def result(function: Any, *args: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
    """What the reader's function makes of copies of `args`; a hint if it is no tensor of the shape of `like`."""
    try:
        got = call(function, *(arg.clone() for arg in args))
    except (RuntimeError, IndexError):
        shapes = ", ".join(str(tuple(arg.shape)) for arg in args)
        raise Hint(f"Two shapes don't fit each other; your function was given tensors of {shapes}.") from None
    if not isinstance(got, torch.Tensor):
        raise Hint(f"One tensor of shape {tuple(like.shape)} is wanted, got {kind(got)}.")
    if got.shape != like.shape:
        raise Hint(
            f"The result has shape {tuple(got.shape)}; one number per row and unit is wanted, {tuple(like.shape)}."
        )
    if not bool(torch.isfinite(got).all()):
        raise Hint("Your result holds numbers that are infinite or nan, not a number. Where is one divided by zero?")
    return got


@exercise("08.1")
def a_tenth_of_the_old_state(answer: Any) -> str | None:
    wanted = math.ceil(math.log(10) / -math.log(0.99))
    if same(answer, wanted):
        return None
    k = torch.as_tensor(answer).detach().double()
    if k.dim():
        return "One number is wanted."
    if abs(k.item() - math.log(2) / -math.log(0.99)) < 1:
        return "That is when half of it is left; a tenth is asked for."
    if not 0 <= k.item() < math.inf or k.item() % 1:
        return "Steps are whole numbers: which is the first after which less than a tenth is left?"
    steps = "1 step" if k == 1 else f"{k.item():g} steps"
    left = f"After {steps} {0.99 ** k.item():.4f} of it is left"
    return f"{left}, which is more than a tenth." if k.item() < wanted else f"{left}. There is an earlier step."


@exercise("08.2")
def a_gate_that_changes(answer: Any) -> str | None:
    if same(answer, 0.99**101 * 0.1, 0.001):
        return "How many steps stand at 0.99, all together?"
    if same(answer, 0.99**100 * 0.1, 0.02):
        return None
    share = torch.as_tensor(answer).detach().double()
    if share.dim():
        return "One number is wanted."
    slips = {
        0.99**100: "That is what the hundred steps leave; what does the one between them do?",
        0.99**101: "One of the steps has another gate.",
        0.99**50 * 0.1: "That is where it stands after the first half and the single step; 50 more follow.",
        0.99**50 * 0.1 * 50: "Steps that follow each other multiply what is left.",
        0.99**100 * 0.9: "By (8.1), is it z or 1 − z of the old state that stays?",
        0.01**100 * 0.9: "By (8.1), is it z or 1 − z of the old state that stays?",
        0.99 * 0.1 * 0.99: "The gate stands at 0.99 for more than one step.",
        ((100 * 0.99 + 0.1) / 101)
        ** 101: "A mean of the gates won't do: what does a single small factor do to a product?",
        (100 * 0.99 + 0.1) / 101: "Steps that follow each other multiply what is left.",
        1 - 0.99**100 * 0.1: "That is the share that is lost.",
        3.66: "A share lies between 0 and 1; that looks like percent.",
    }
    for slip, hint in slips.items():
        if same(share, slip, 0.005):
            return hint
    if not 0 <= share.item() <= 1:
        return "A share lies between 0 and 1."
    return "Go step by step: by which factor does one step multiply what is left of the old state?"


@exercise("08.3")
def parameters_of_two_layers_in_two_directions(answer: Any) -> str | None:
    d, h = 28, 64

    def count(blocks: int = 3, biases: int = 2, directions: int = 2, second: int = 2 * h) -> int:
        return directions * blocks * sum(size * h + h * h + biases * h for size in (d, second))

    slips = {
        count(biases=1): "torch's layers have two biases per block.",
        count(biases=0): "The biases are missing, two per block.",
        count(second=h): "The second layer reads both directions of the first. How many numbers is that?",
        count(second=d): "The second layer reads what the first one gives, not the 28 features.",
        count(directions=1): "That is one direction; each has weights of its own.",
        count() - 3 * (2 * h * h + h * h + 2 * h): "The second layer, too, has two directions.",
        count(directions=1, second=h): "That is a stack without `bidirectional`.",
        count(blocks=1): "That would be nn.RNN: how many blocks has a GRU?",
        count(blocks=2): "Two gates, and there is one block more.",
        count(blocks=4): "Four blocks has an LSTM, or the drawing of 8.3 with its zeros. How many are stored?",
        2 * 3 * (d * h + h * h + 2 * h): "That is one layer; there are two.",
    }
    for slip, hint in slips.items():
        if same(answer, slip):
            return hint
    return None if same(answer, count()) else "Count the blocks of one direction of one layer first, with their biases."


@exercise("08.4")
def bias_for_a_half_life(answer: Any) -> str | None:
    for k in (1, 2, 3, 10, *random.sample(range(11, 300), 3)):
        try:
            got = call(answer, k)
        except (LookupError, ValueError, ZeroDivisionError) as error:
            return f"For k = {k} it stopped with {type(error).__name__}: {error}"
        wanted = -math.log(2 ** (1 / k) - 1)
        if same(got, wanted, 1e-5):
            continue
        a = torch.as_tensor(got).detach().double()
        if a.dim():
            return f"A number is wanted, got {kind(got)}."
        if abs(a.item() - wanted) < 1e-5:
            continue
        if not math.isfinite(a.item()):
            return f"For k = {k} your bias is {a.item()}."
        if same(a, 2 ** (-1 / k), 1e-3):
            return "That is where the gate must stand; which number does the sigmoid turn into it?"
        if k > 1 and same(-a, wanted, 1e-3):
            return "Mind the sign: with your bias the gate is closed where it should be open."
        if same(a, math.log(k / math.log(2)), 1e-3):
            return f"ln 2 · eᵃ is near the half-life, not equal to it; for k = {k} that shows."
        left = torch.sigmoid(a).item() ** k
        steps = "1 step" if k == 1 else f"{k} steps"
        if 0.49 < left < 0.51:
            return f"Near, but not exactly: for k = {k}, {left:.7f} of the old state is left after {steps}."
        return f"With your bias for k = {k}, {left:.3g} of the old state is left after {steps}; half of it should be."
    return None


@exercise("08.5")
def where_both_kinds_agree(answer: Any) -> str | None:
    if not isinstance(answer, (tuple, list)) or len(answer) != 2:
        return f"Two tensors are wanted, (R, W); got {kind(answer)}."
    if any(part is ... or part is None for part in answer):
        raise NotDone
    for name, part, shape in zip(("R", "W"), answer, ((4,), (4, 4)), strict=True):
        if not isinstance(part, torch.Tensor):
            return f"{name} must be a tensor of shape {shape}, got {kind(part)}."
        if part.shape != shape and not (name == "R" and part.shape == (1, 4)):
            return f"{name} must have shape {shape}, got {tuple(part.shape)}."
        if not bool(torch.isfinite(part).all()):
            return f"{name} holds numbers that are infinite or nan."
    R, W = answer[0].detach().double().reshape(4), answer[1].detach().double()
    if not 0 < R.min() <= R.max() < 1:
        return "A gate lies between 0 and 1, and so must all numbers of R."
    if R.sort().values.diff().min() < 1e-3:
        return "At least two of the numbers of R are the same; four different ones are wanted."
    if min(W.abs().amax(0).min(), W.abs().amax(1).min()) < 1e-3:
        return "W has a row or a column of zeros (or of numbers next to zero)."
    H = torch.randn(100, 4, dtype=torch.float64)
    before, after = (R * H) @ W, R * (H @ W)
    if same(before, after, 1e-5):
        return None
    unit = int((before - after).abs().amax(0).argmax())
    return (
        f"For random H the two differ, most of all in new unit {unit + 1}: of which old units is it made up, and by "
        f"which R is each of them multiplied in either kind?"
    )


@exercise("08.6")
def gradient_before_the_reset_gate(answer: Any) -> str | None:
    for rows, h in ((3, 4), (5, 2), (4, 4)):
        dH, H_last, A_r, A_z, A_x, W = numbers(*[(rows, h)] * 5, (h, h))
        A_r.requires_grad_()
        R, Z = torch.sigmoid(A_r), torch.sigmoid(A_z)
        N = torch.tanh(A_x + (R * H_last) @ W)
        (wanted,) = torch.autograd.grad(((Z * H_last + (1 - Z) * N) * dH).sum(), A_r)
        R, N = R.detach(), N.detach()
        got = result(answer, dH, H_last, R, Z, N, W, like=wanted)
        if same(got, wanted):
            continue
        K, slope = (1 - Z) * (1 - N * N), R * (1 - R)
        dRH = (dH * K) @ W.T
        slips = [
            (dRH * H_last, "That is the gradient of R itself; one factor is missing on the way through the sigmoid."),
            (dRH * H_last * R, "The slope of a sigmoid has two factors; one of them is missing."),
            (dRH * H_last * (1 - R), "The slope of a sigmoid has two factors; one of them is missing."),
            (dRH * H_last * (1 - R * R), "1 − R ⊙ R is the slope of a tanh; R comes out of a sigmoid."),
            ((dH * K) @ W * H_last * slope, "Going back through a product takes the matrix's transpose, (6.2)."),
            (dRH * slope, "R is multiplied with something in (8.4), and so must its gradient be."),
            (dRH * R * slope, "R is multiplied with something in (8.4), and so must its gradient be: not with R."),
            (dRH * N * slope, "R is multiplied with something in (8.4), and so must its gradient be: not with N."),
            ((dH * (1 - Z)) @ W.T * H_last * slope, "The candidate comes out of a tanh: its slope is missing."),
            ((dH * (1 - N * N)) @ W.T * H_last * slope, "How much of the candidate gets into the new state?"),
            (
                (dH * Z * (1 - N * N)) @ W.T * H_last * slope,
                "Z is the share of the old state; what is the candidate's?",
            ),
            (dH * K * (H_last @ W) * slope, "That is the GRU that resets after the product, (8.8)."),
            (dH * K * H_last * slope, "Between the candidate's tanh and R there is a product with W_hn."),
            ((dH * K) @ W.T * H_last @ W * slope, "One product is enough."),
            (-wanted, "The sign is wrong."),
        ]
        for slip, hint in slips:
            if same(got, slip):
                return hint
        return "Go back from dH: into the candidate, through its tanh, through the product with W_hn, to R, before R."
    return None


@exercise("08.7")
def minimal_gated_unit(answer: Any) -> str | None:
    for rows, d, h in ((3, 2, 4), (2, 5, 3), (4, 3, 3)):
        args = numbers((rows, d), (rows, h), (d + h, h), (h,), (d + h, h), (h,))
        wanted = minimal_step(*args)
        got = result(answer, *args, like=wanted)
        if same(got, wanted):
            continue
        X, H, W_f, b_f, W_n, b_n = args
        no_b_f, no_b_n = torch.zeros_like(b_f), torch.zeros_like(b_n)
        slips = [
            (minimal_step(*args, mean="F * H + (1 - F) * N"), "Here the open gate lets the candidate in."),
            (minimal_step(*args, mean="(1 - F) * H + N"), "In the weighted mean, the candidate's weight is missing."),
            (minimal_step(*args, mean="H + F * N"), "In the weighted mean, the old state's weight is missing."),
            (minimal_step(*args, gate=torch.tanh), "A gate lies between 0 and 1: F has a sigmoid."),
            (minimal_step(*args, candidate=torch.sigmoid), "The candidate has a tanh, not a sigmoid."),
            (minimal_step(*args, candidate=lambda A: A), "The candidate's tanh is missing."),
            (minimal_step(*args, reset="H"), "The candidate sees only F ⊙ H of the old state."),
            (minimal_step(*args, reset="1 - F"), "The candidate sees F ⊙ H, not (1 − F) ⊙ H."),
            (minimal_step(*args, turned=True), "In [X H] the input stands first."),
            (minimal_step(X, H, W_f, no_b_f, W_n, no_b_n), "The biases are missing."),
            (minimal_step(X, H, W_f, no_b_f, W_n, b_n), "b_f is missing."),
            (minimal_step(X, H, W_f, b_f, W_n, no_b_n), "b_n is missing."),
            (minimal_step(X, H, W_n, b_n, W_f, b_f), "The weights of gate and candidate have changed places."),
            (reset_after(*args, whole=1), "F is multiplied with H alone, not with the whole product."),
            (reset_after(*args, whole=2), "F is multiplied with H alone, not with the whole product."),
            (reset_after(*args), "F is multiplied with H before the product, not with what comes out of it."),
        ]
        for slip, hint in slips:
            if same(got, slip):
                return hint
        return f"For {rows} rows, {d} features and {h} units the result isn't right: compare gate, candidate and mean."
    return None


def minimal_step(
    X: torch.Tensor,
    H: torch.Tensor,
    W_f: torch.Tensor,
    b_f: torch.Tensor,
    W_n: torch.Tensor,
    b_n: torch.Tensor,
    *,
    gate: Any = torch.sigmoid,
    candidate: Any = torch.tanh,
    reset: str = "F",
    mean: str = "(1 - F) * H + F * N",
    turned: bool = False,
) -> torch.Tensor:
    """A step of the minimal gated unit, or what comes out of one of the usual slips."""
    F = gate(torch.cat((H, X) if turned else (X, H), 1) @ W_f + b_f)
    seen = {"F": F * H, "1 - F": (1 - F) * H, "H": H}[reset]
    N = candidate(torch.cat((seen, X) if turned else (X, seen), 1) @ W_n + b_n)
    means = {
        "(1 - F) * H + F * N": (1 - F) * H + F * N,
        "F * H + (1 - F) * N": F * H + (1 - F) * N,
        "(1 - F) * H + N": (1 - F) * H + N,
        "H + F * N": H + F * N,
    }
    return means[mean]


def reset_after(
    X: torch.Tensor,
    H: torch.Tensor,
    W_f: torch.Tensor,
    b_f: torch.Tensor,
    W_n: torch.Tensor,
    b_n: torch.Tensor,
    *,
    whole: int = 0,
) -> torch.Tensor:
    """The minimal gated unit with its gate behind the product of the candidate, as in (8.5).

    With `whole` the gate is multiplied with the input's part as well, and at 2 with the bias, too.
    """
    F, d = torch.sigmoid(torch.cat((X, H), 1) @ W_f + b_f), X.shape[1]
    x, h = X @ W_n[:d], H @ W_n[d:]
    A = (x + b_n + F * h, F * (x + h) + b_n, F * (x + h + b_n))[whole]
    return (1 - F) * H + F * torch.tanh(A)
