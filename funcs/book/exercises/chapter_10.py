"""Checks of the exercises of chapter 10: fitting a wave."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from funcs.book.exercises.checking import Hint, call, exercise, kind, same

CASES_OF_A_MEAN = ((0.05, 1), (0.05, 4), (0.3, 2), (1.0, 10))


@exercise("10.1")
def rmse_of_a_mean_of_periods(answer: Any) -> str | None:
    slips: dict[str, Callable[[float, int], float]] = {
        "That is the floor: the noise of the number to come. The mean that you predict has a noise as well.": (
            lambda a, k: a / math.sqrt(3)
        ),
        "That is the noise of the mean alone. The number to come has a noise as well.": (
            lambda a, k: a / math.sqrt(3 * k)
        ),
        "That is right for k = 1 alone: the mean of more numbers has less noise.": lambda a, k: a * math.sqrt(2 / 3),
        "That is right for k = 1 alone: the mean has less noise for larger k, the number to come hasn't.": (
            lambda a, k: a / math.sqrt(3) * math.sqrt(2 / k)
        ),
        "That is a mean square: take its root.": lambda a, k: a * a / 3 * (1 + 1 / k),
        "The mean squares add up to that many times the floor's; the RMSE is a root.": (
            lambda a, k: a / math.sqrt(3) * (1 + 1 / k)
        ),
        "a is the largest error of one number; its root mean square is smaller (section 10.1).": (
            lambda a, k: a * math.sqrt(1 + 1 / k)
        ),
        "For independent noises it is the mean squares that add up, not their roots.": (
            lambda a, k: a / math.sqrt(3) * (1 + 1 / math.sqrt(k))
        ),
        "That is for the sum of the k numbers; you predict their mean.": lambda a, k: a * math.sqrt((1 + k) / 3),
        "The mean of k independent noises has a k-th of the mean square of one of them.": (
            lambda a, k: a * math.sqrt((1 + 1 / k**2) / 3)
        ),
    }
    got = [call(answer, a, k) for a, k in CASES_OF_A_MEAN]
    for hint, slip in slips.items():
        if all(same(value, slip(a, k), 1e-3) for value, (a, k) in zip(got, CASES_OF_A_MEAN, strict=True)):
            return hint
    wanted = [a * math.sqrt((1 + 1 / k) / 3) for a, k in CASES_OF_A_MEAN]
    near = all(same(value, right, 1e-2) for value, right in zip(got, wanted, strict=True))
    for value, right, (a, k) in zip(got, wanted, CASES_OF_A_MEAN, strict=True):
        if not same(value, right, 1e-5):
            if near:
                return "That is near. No sampling, no rounding: an exact formula is wanted."
            return f"For a = {a:g} and k = {k} it returns {kind(value)}, which is wrong."
    return None


@exercise("10.2")
def two_linear_layers_as_one(answer: Any) -> str | None:
    for num_inputs, width in ((5, 3), (4, 1), (3, 3)):
        dense, out = nn.Linear(num_inputs, width), nn.Linear(width, 1)
        with torch.no_grad():
            weight, bias = out.weight @ dense.weight, out.weight @ dense.bias + out.bias
            given = [param.clone() for layer in (dense, out) for param in layer.parameters()]
            try:
                got = call(answer, dense, out)
            except RuntimeError:
                return (
                    "A product or a sum in your function has shapes that do not fit: here dense.weight is "
                    f"{tuple(given[0].shape)} and out.weight {tuple(given[2].shape)}. Which of the two layers is "
                    "applied last?"
                )
        if isinstance(got, nn.Module):
            return f"Two tensors are wanted, a weight and a bias, got {kind(got)}."
        if not isinstance(got, (tuple, list)) or len(got) != 2:
            return f"Two tensors are wanted, a weight and a bias, got {kind(got)}."
        hint = of_one_layer(got, (weight, bias), given)
        if hint:
            return hint
    return None


def of_one_layer(got: Any, wanted: tuple[torch.Tensor, torch.Tensor], given: list[torch.Tensor]) -> str | None:
    """What is wrong with a weight and a bias that are to replace two linear layers."""
    (weight, bias), (_, dense_bias, out_weight, out_bias) = wanted, given
    if not all(isinstance(value, torch.Tensor) for value in got):
        return f"Two tensors are wanted, a weight and a bias, got {kind(got[0])} and {kind(got[1])}."
    if got[0].shape == bias.shape and got[1].shape == weight.shape:
        return "First the weight, then the bias."
    if got[0].shape != weight.shape:
        return f"The weight must have the shape {tuple(weight.shape)} here, got {tuple(got[0].shape)}."
    if not same(got[0], weight):
        return "The weight is wrong. What does out do to the outputs of dense?"
    if got[1].shape != bias.shape:
        return f"The weight is right. The bias must have the shape (1,), got {tuple(got[1].shape)}."
    through = out_weight @ dense_bias
    slips = {
        "one of the two biases is missing, that of out": through,
        "one of the two biases is missing, that of dense": out_bias,
        "the bias of out is in it twice": through + 2 * out_bias,
        "the bias of dense reaches the output as it is, as if there were no out after it": dense_bias.sum() + out_bias,
    }
    for slip, value in slips.items():
        if same(got[1], value):
            return f"The weight is right. In the bias, {slip}."
    return (
        None
        if same(got[1], bias)
        else "The weight is right, the bias is wrong: let an input of zeros run through both."
    )


def strips(y: torch.Tensor, num_rows: int, size: int) -> list[torch.Tensor]:
    """The inputs of the chapter's `strips`, piece by piece."""
    length = (len(y) - 1) // num_rows // size * size
    return list(y[: num_rows * length].view(num_rows, length).split(size, 1))


@exercise("10.3")
def position_in_a_strip(answer: Any) -> str | None:
    cases = [
        (length, num_rows, size, i, k)
        for length, num_rows, size in ((101, 4, 5), (104, 4, 5), (100, 4, 5), (110, 4, 5), (65, 8, 2), (200, 3, 7))
        for i, k in ((0, 0), (0, 2), (1, 0), (2, 1), (2, 3))
    ]
    wanted = [
        int(strips(torch.arange(length), num_rows, size)[k][i, 0]) if k < (length - 1) // num_rows // size else None
        for length, num_rows, size, i, k in cases
    ]
    slips: dict[str, Callable[[int, int, int, int, int], float]] = {
        "length is that of the whole series; a row is a num_rows-th of it.": lambda n, r, s, i, k: i * n + k * s,
        "That is where the targets begin. Where do the inputs?": (
            lambda n, r, s, i, k: 1 + i * ((n - 1) // r // s * s) + k * s
        ),
        "Compute a row's length first, and multiply it by i then: Python works from left to right, and rounds down at "
        "each //.": lambda n, r, s, i, k: i * (n - 1) // r // s * s + k * s,
        "A position is a whole number, and so is the number of pieces in a row.": (
            lambda n, r, s, i, k: i * (n - 1) / r + k * s
        ),
        "A row's length is in numbers already; only k counts pieces.": (
            lambda n, r, s, i, k: (i * ((n - 1) // r // s * s) + k) * s
        ),
        "i and k are counted from 0: row 0 is the first.": (
            lambda n, r, s, i, k: (i - 1) * ((n - 1) // r // s * s) + (k - 1) * s
        ),
        "i is counted from 0: row 0 is the first.": (lambda n, r, s, i, k: (i - 1) * ((n - 1) // r // s * s) + k * s),
        "k is counted from 0: piece 0 is the first.": (lambda n, r, s, i, k: i * ((n - 1) // r // s * s) + (k - 1) * s),
        "The strips of your answer may end within a piece: how does `strips` compute their length?": (
            lambda n, r, s, i, k: i * (n // r) + k * s
        ),
        "The strips of your answer may end within a piece: how does `strips` compute their length? ": (
            lambda n, r, s, i, k: i * ((n - 1) // r) + k * s
        ),
        "The last number of the series has none after it, so it can be a target and no input.": (
            lambda n, r, s, i, k: i * (n // r // s * s) + k * s
        ),
        "What does not fill a whole piece is dropped, not filled up.": (
            lambda n, r, s, i, k: i * (-(-((n - 1) // r) // s) * s) + k * s
        ),
        "That is row k of piece i.": lambda n, r, s, i, k: k * ((n - 1) // r // s * s) + i * s,
        "There the rows of one piece would stand one after the other. Row i goes on in the next piece where it "
        "stopped in this one.": lambda n, r, s, i, k: (k * r + i) * s,
        "That counts pieces; the position counts numbers.": lambda n, r, s, i, k: i * ((n - 1) // r // s) + k,
        "k counts pieces; how many numbers does one hold?": lambda n, r, s, i, k: i * ((n - 1) // r // s * s) + k,
    }
    tried = [(case, value) for case, value in zip(cases, wanted, strict=True) if value is not None]
    got = [call(answer, *case) for case, _ in tried]
    if callable(got[0]):
        return "Your function returns a function; return the position."
    right = [same(value, number) for value, (_, number) in zip(got, tried, strict=True)]
    if all(right):
        return None
    for hint, slip in slips.items():
        if all(same(value, slip(*case), 1e-6) for value, (case, _) in zip(got, tried, strict=True)):
            return hint.strip()
    length, num_rows, size, i, k = tried[right.index(False)][0]
    return f"For a series of {length} numbers, {num_rows} rows and pieces of {size}, row {i} of piece {k} is wrong."


def rule_of(angles: Sequence[float]) -> list[float]:
    """The weights, oldest first, with which the next number of a sum of sines is a sum of the last ones."""
    factors = [1.0]
    for angle in angles:  # what the rule of one sine leaves over of what the rules before it left over
        padded = [0.0, 0.0, *factors, 0.0, 0.0]
        one = 2 * math.cos(angle)
        factors = [padded[j] - one * padded[j + 1] + padded[j + 2] for j in range(len(factors) + 2)]
    return [-factor for factor in factors[:-1]]


def side_by_side(angles: Sequence[float], half: float = 2.0) -> list[float]:
    """The rules of the sines one beside the other, none after the other."""
    return [weight for angle in angles for weight in (-1.0, half * math.cos(angle))]


def half_cosines(angles: Sequence[float]) -> list[float]:
    """The rule with cos in place of 2 cos: two angles of other cosines."""
    return rule_of([math.acos(math.cos(angle) / 2) for angle in angles])


SLIPS_OF_A_RULE: dict[str, Callable[[Sequence[float]], list[float]]] = {
    "The weights are right, but in the wrong order: the oldest number's comes first.": lambda w: rule_of(w)[::-1],
    "The signs are wrong: what the rules leave over is the next number minus the weighted sum.": (
        lambda w: [-weight for weight in rule_of(w)]
    ),
    "(10.2) has 2 cos of the angle, not its cos.": half_cosines,
    "These are the rules of the single sines one beside the other. The second is to be applied to what the first "
    "leaves over.": side_by_side,
    "These are the rules of the single sines one beside the other, divided by their number. The second is to be "
    "applied to what the first leaves over.": lambda w: [weight / len(w) for weight in side_by_side(w)],
    "That is the rule for one sine with the sum of the angles.": lambda w: rule_of([sum(w)]),
}


@exercise("10.4")
def rule_for_a_sum_of_sines(answer: Any) -> str | None:
    for angles in ([0.3], [0.5, 0.2], [0.9, 0.4, 0.15], [2.0, 1.2, 0.7, 0.3]):
        given = as_numbers(call(answer, list(angles)))
        wanted, case = torch.tensor(rule_of(angles), dtype=torch.float64), f"For the angles {angles}: "
        if given is None or given.dim() != 1:
            raise Hint(f"{case}{len(wanted)} weights are wanted, got {kind(call(answer, list(angles)))}.")
        if len(given) == len(wanted) + 1:
            return f"{case}{len(wanted)} weights are wanted, got {len(given)}: the next number itself has none."
        if len(angles) > 1:
            for hint, slip in SLIPS_OF_A_RULE.items():
                if same(given, torch.tensor(slip(angles), dtype=torch.float64), 1e-4):
                    return case + hint
        if len(given) != len(wanted):
            return f"{case}{len(wanted)} weights are wanted, got {len(given)}."
        if not same(given, wanted, 1e-4):
            hint = next(
                (hint for hint, slip in SLIPS_OF_A_RULE.items() if same(given, as_numbers(slip(angles)), 1e-4)), ""
            )
            return case + (hint or off_on_sines(given, angles))
    return None


def as_numbers(value: Any) -> torch.Tensor | None:
    """A list, tuple, array or tensor of numbers as a tensor; None for anything else."""
    if isinstance(value, (list, tuple)):
        if not all(isinstance(v, (int, float)) or (hasattr(v, "numel") and v.numel() == 1) for v in value):
            return None
        return torch.tensor([float(v) for v in value], dtype=torch.float64)
    if hasattr(value, "__array__") and not isinstance(value, str):
        return torch.as_tensor(value).detach().double()
    return None


def off_on_sines(given: torch.Tensor, angles: Sequence[float]) -> str:
    """By how much a rule is wrong on a sum of sines."""
    steps = torch.arange(len(given) + 1, dtype=torch.float64)
    wave = torch.stack([torch.sin(1 + number + angle * steps) for number, angle in enumerate(angles)]).sum(0)
    sines = "a sum of such sines" if len(angles) > 1 else "such a sine"
    return f"on {sines} the weighted sum gives {float(given @ wave[:-1]):.3f} in place of {float(wave[-1]):.3f}."


def half_life(biases: torch.Tensor) -> torch.Tensor:
    return math.log(2) / -F.logsigmoid(biases)


@exercise("10.5")
def biases_for_half_lives(answer: Any) -> str | None:
    for h, longest in ((5, 16.0), (33, 1000.0), (2, 50.0)):
        result = call(answer, h, longest)
        given = as_numbers(result)
        if given is None or tuple(given.shape) != (h,):
            raise Hint(f"For h = {h} there must be {h} biases, got {kind(result)}.")
        hint = of_biases(given, h, longest)
        if hint:
            return f"For h = {h} and longest = {longest:g}: {hint}"
    return None


def of_biases(biases: torch.Tensor, h: int, longest: float) -> str | None:
    """What is wrong with the biases of a forget gate that are to spread half-lives from 1 to `longest`."""
    wanted = longest ** (torch.arange(h).double() / (h - 1))
    got, negated = half_life(biases), half_life(-biases)
    if same(got, wanted, 1e-3):
        return None
    if same(biases, wanted, 1e-3):
        return "those are the half-lives; the biases are wanted (exercise 4 of chapter 8)."
    if same(biases, 0.5 ** (1 / wanted), 1e-3):
        return "those are the gates; the biases are wanted, which the sigmoid makes gates of."
    if same(negated, wanted, 1e-3):
        return "the sign of the biases is wrong: the longest memory has the lowest one."
    if same(got, wanted.flip(0), 1e-3):
        return "they are in the wrong order: unit 0 has the shortest half-life."
    if same(biases, wanted.log(), 1e-3):
        return (
            f"the last unit's half-life is {got[-1]:.4g} steps: with the logarithm of the half-life as the bias, (8.2) "
            "holds roughly (8.1). Exercise 4 of chapter 8 solves it."
        )
    if same(torch.sigmoid(biases), 1 - 1 / wanted, 1e-3):
        return f"1 minus 1 / half-life isn't the gate that halves a memory: unit 0's half-life is {got[0]:.3g} steps."
    if not same(got[0], torch.tensor(1.0).double(), 1e-3):
        return f"unit 0 has a half-life of {got[0]:.4g} steps, and should have one of 1."
    if not same(got[-1], torch.tensor(longest).double(), 1e-3):
        return f"the last unit has a half-life of {got[-1]:.4g} steps, and should have one of {longest:g}."
    if same(got, torch.linspace(1, longest, h).double(), 1e-3):
        return (
            "the ends are right, but between them the half-lives grow by the same difference from unit to unit, not "
            "by the same ratio."
        )
    if same(biases, torch.linspace(float(biases[0]), float(biases[-1]), h).double(), 1e-3):
        return (
            "the ends are right, but between them it is the biases that are evenly spaced, not the half-lives' ratio."
        )
    unit = int((got / wanted).log().abs().argmax())
    return (
        f"the ends are right, the units between them aren't: unit {unit} has a half-life of {got[unit]:.4g} steps, and "
        "the ratio from each unit to the next isn't the same."
    )


def run_free(layer: Any, head: Any, y: torch.Tensor, num_preds: int, slip: str = "") -> torch.Tensor:
    """The answer to exercise 6, or what a slip makes of it."""
    states, state = layer(y.view(1, -1, 1))
    predicted = [head(states[:, -1:])]
    if slip == "last number twice":
        states, state = layer(y[-1:].view(1, 1, 1), state)
        predicted = [head(states)]
    while len(predicted) < num_preds + 1:
        states, new = layer(predicted[-1], None if slip == "from zero" else state)
        state = state if slip == "first state" else new
        predicted.append(head(states[:, -1:]))
    return torch.cat(predicted).flatten()[1:] if slip == "one too late" else torch.cat(predicted).flatten()[:num_preds]


SLIPS_OF_A_FREE_RUN = {
    "last number twice": "The last known number is read twice: its output is already the first prediction.",
    "from zero": "After the known numbers each call starts at zero: hand it the state that the last one returned.",
    "first state": "Each call gets the state after the known numbers: it must get the one that the last call returned.",
    "one too late": "Your first prediction is the second. The first is what is said after the last known number.",
}


@exercise("10.6")
def free_run_with_the_state_in_hand(answer: Any) -> str | None:
    for make, length, num_preds in ((nn.GRU, 7, 5), (nn.LSTM, 4, 6), (nn.GRU, 5, 1), (nn.LSTM, 1, 3)):
        layer, head = make(1, 6, batch_first=True), nn.Linear(6, 1)
        y = 3 * torch.randn(length)
        read: list[tuple[int, ...]] = []
        with torch.no_grad():
            for param in layer.parameters():
                param.mul_(3)
            wanted = run_free(layer, head, y, num_preds)
            slips = {hint: run_free(layer, head, y, num_preds, slip) for slip, hint in SLIPS_OF_A_FREE_RUN.items()}
        recorded(layer, read)
        try:
            got = call(answer, layer, head, y.clone(), num_preds)
        except (AttributeError, IndexError, RuntimeError, TypeError, ValueError) as error:
            raise Hint(shapes_of_a_free_run(read, error) + pair_of_an_lstm(layer)) from None
        case = f"With an nn.{make.__name__}, {length} known numbers and {num_preds} predictions"
        if isinstance(got, (tuple, list)):
            return f"{case}: one tensor of shape ({num_preds},) is wanted, got {kind(got)}."
        if not isinstance(got, torch.Tensor) or not read:
            return f"{case}: one tensor of predictions is wanted, made by the layer; got {kind(got)}."
        if got.numel() == num_preds + length and same(got.flatten()[length:], wanted, 1e-3):
            return f"{case}: the predictions are right, but return them without the known numbers."
        if got.numel() == num_preds and tuple(got.shape) != (num_preds,):
            return f"{case}: the shape must be ({num_preds},), got {tuple(got.shape)}."
        if got.shape != wanted.shape:
            return f"{case}: {num_preds} numbers are wanted, got {kind(got)}."
        for hint, slip in slips.items():
            if not same(slip, wanted, 1e-3) and same(got, slip, 1e-3):
                return hint
        if not same(got, wanted, 1e-3):
            return f"{case}: the predictions are wrong. {shapes_of_a_free_run(read, None)}".strip()
        num_read = sum(math.prod(shape[:-1]) for shape in read)
        if num_read > length + num_preds:
            return f"{case}: the numbers are right, but the layer has read {num_read} of them. Each is to be read once."
    return None


def shapes_of_a_free_run(read: list[tuple[int, ...]], error: Exception | None) -> str:
    """What the shapes of what a layer was given say about a free run that went wrong."""
    fitting = [shape[-1:] == (1,) and (len(shape) == 2 or (len(shape) == 3 and shape[0] == 1)) for shape in read]
    wrong = next((shape for shape, fits in zip(read, fitting, strict=True) if not fits), None)
    if wrong is not None:
        return f"The layer is batch-first and reads (1, steps, 1): one row, one feature. It was given {wrong}."
    return f"It stopped with {type(error).__name__}: {error}" if error else ""


def recorded(layer: Any, read: list[tuple[int, ...]]) -> None:
    """From here on, the shape of all that `layer` reads is in `read`, also of what its `forward` is given directly."""
    forward = layer.forward

    def recording(X: Any, *args: Any, **options: Any) -> Any:
        read.append(tuple(getattr(X, "shape", ())))
        return forward(X, *args, **options)

    layer.forward = recording


def pair_of_an_lstm(layer: Any) -> str:
    return " (An LSTM's state is a pair of tensors.)" if isinstance(layer, nn.LSTM) else ""


@exercise("10.7")
def any_layer_made_stateful(answer: Any) -> str | None:
    for make in (nn.GRU, nn.LSTM):
        layer, X = make(3, 4), torch.randn(9, 2, 3)
        pieces = [piece.clone().requires_grad_() for piece in X.split((4, 1, 4))]
        with torch.no_grad():
            wanted, fresh = layer(X)[0], layer(X[:4])[0]
        read = call(answer, layer)
        if not callable(read):
            return f"Return a function of X that can be called again and again, got {kind(read)}."
        calls: list[tuple[int, ...]] = []
        recorded(layer, calls)
        try:
            got = [call(read, piece) for piece in pieces]
        except (AttributeError, IndexError, RuntimeError, TypeError, ValueError) as error:
            raise Hint(
                f"With an nn.{make.__name__} it stopped with {type(error).__name__}: {error}.{pair_of_an_lstm(layer)}"
            ) from None
        if not calls:
            return "The layer that is given is never called. Call it, with the state that its last call returned."
        num_read = sum(shape[0] for shape in calls)
        if not all(isinstance(output, torch.Tensor) for output in got):
            return f"Each call must return the layer's output alone, one tensor, got {kind(got[0])}."
        if not same(got[0], fresh):
            return f"With an nn.{make.__name__}, the first call must start at zero and return the output of all steps."
        if not same(torch.cat(got), wanted):
            with torch.no_grad():
                from_zero = torch.cat([layer(piece)[0] for piece in pieces])
            if same(torch.cat(got), from_zero):
                return "Each call starts at zero: the state that the last one returned is not kept."
            return f"With an nn.{make.__name__}, three pieces give other numbers than the whole sequence at once."
        if num_read > len(X):
            return "The numbers are right, but earlier pieces are read again. Keep the state, not the inputs."
        if not same(call(call(answer, layer), X[:4].clone()), fresh):
            return (
                "A second function made from the same layer starts where the first one ended: each needs its own state."
            )
        reaches = "Only the way back into the last call is to be cut."
        if not got[2].requires_grad:
            return f"No gradient reaches the weights any more. {reaches}"
        gradients = torch.autograd.grad(got[2].sum(), [*pieces, *layer.parameters()], allow_unused=True)
        if any(gradient is None for gradient in gradients[3:]):
            return f"No gradient reaches the weights of the layer that is given. {reaches}"
        if any(gradient is not None for gradient in gradients[:2]):
            return "The numbers are right, but a gradient walks back into the last call."
    return None
