"""What all checks of exercises share.

A check computes what is right and compares; it returns a hint, or None for a right answer. A hint names what is wrong
with the answer, or which test it failed, and never the answer itself.
"""

import dis
import types
from collections.abc import Callable
from typing import Any

import torch

Check = Callable[[Any], str | None]
CHECKS: dict[str, Check] = {}
SEED = 1  # of the numbers that a check draws: the same answer gets the same reply each time


class NotDone(Exception):
    """The stub is as it was."""


class Hint(Exception):
    """The answer is of a kind that no check can compare; the message says what is wanted."""


def check(exercise: str, answer: Any) -> None:
    """Print whether `answer` to an exercise is right, a hint if it is not, and "not done yet" for an untouched stub.

    The random numbers that the reader draws afterwards are the same as without the check.

    Args:
        exercise: chapter and number, such as "04.3".
        answer: what the exercise asks for; where that is a function, the function itself.

    Raises:
        ValueError: there is no such exercise to check.
    """
    padded = "0" + str(exercise)
    if exercise not in CHECKS and padded in CHECKS:
        raise ValueError(f"the chapter has two digits: {padded!r}, got {exercise!r}")
    if exercise not in CHECKS:
        raise ValueError(f"exercise must be one of {', '.join(sorted(CHECKS))}, got {exercise!r}")
    try:
        if answer is None or answer is ... or untouched(answer):
            raise NotDone
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(SEED)
            hint = CHECKS[exercise](answer)
    except NotDone:
        print(f"{exercise}: not done yet")
        return
    except Hint as given:
        hint = str(given)
    except Exception as error:
        hint = f"It stopped with {type(error).__name__}: {error}"
    print(f"{exercise}: right!" if hint is None else f"{exercise}: not yet. {hint}")


def exercise(number: str) -> Callable[[Check], Check]:
    """Enter a function as the check of an exercise."""

    def enter(function: Check) -> Check:
        CHECKS[number] = function
        return function

    return enter


def untouched(function: Any) -> bool:
    """Whether a function does nothing at all: its body is `...`, `pass` or a docstring."""

    def stub() -> None: ...

    def steps(code: Any) -> list[tuple[str, Any]]:
        return [(step.opname, step.argval) for step in dis.get_instructions(code)]

    return isinstance(function, types.FunctionType) and steps(function) == steps(stub)


def call(function: Any, *args: Any) -> Any:
    """What the reader's function returns; a hint if that is nothing."""
    if not callable(function):
        raise Hint(f"The answer is a function; give it without calling it. Got {kind(function)}.")
    result = function(*args)
    if result is ...:
        raise NotDone
    if result is None:
        raise Hint("Your function returns nothing: is a `return` missing?")
    return result


def kind(value: Any) -> str:
    """A value named for a hint: "the text '69'", "two values: (1, 2)", "a Linear"."""
    if isinstance(value, str):
        return f"the text {value!r}"
    if isinstance(value, (tuple, list)):
        count = "1 value" if len(value) == 1 else f"{len(value)} values"
        return count + (f": {value}" if all(isinstance(v, (int, float)) for v in value) else "")
    if isinstance(value, (bool, int, float)):
        return f"the number {value}"
    name = type(value).__name__
    article = "an" if name[0].lower() in "aeiou" or name == "ndarray" else "a"
    return f"a tensor of shape {tuple(value.shape)}" if isinstance(value, torch.Tensor) else f"{article} {name}"


def same(got: Any, wanted: Any, tolerance: float = 1e-4) -> bool:
    """Whether two numbers, tensors or sequences of them agree in shape and in value.

    Whole numbers must be equal; others agree to a relative tolerance. A tensor with one element passes for a number.

    Raises:
        Hint: `got` is of another kind than `wanted`: a text, one number where several are wanted, several for one.
    """
    if got is ... or got is None:
        raise NotDone
    if isinstance(wanted, (tuple, list)):
        if isinstance(got, str) or not hasattr(got, "__len__") or (isinstance(got, torch.Tensor) and not got.dim()):
            raise Hint(f"{len(wanted)} values are wanted, got {kind(got)}.")
        return len(got) == len(wanted) and all(same(g, w, tolerance) for g, w in zip(got, wanted, strict=True))
    if isinstance(wanted, torch.Tensor) and wanted.dim() and isinstance(got, (tuple, list)):
        raise Hint(f"One tensor of shape {tuple(wanted.shape)} is wanted, got {kind(got)}.")
    if isinstance(got, (tuple, list)) and len(got) > 1 and all(isinstance(v, int) for v in got):
        raise Hint(
            f"One number is wanted, got {kind(got)}. (A comma within a number makes it several: 12,345 is 12345.)"
        )
    if isinstance(got, (tuple, list, str)):
        raise Hint(f"One number is wanted, got {kind(got)}.")
    try:
        got = torch.as_tensor(got).detach()
    except (TypeError, RuntimeError, ValueError):
        raise Hint(f"A number or a tensor is wanted, got {kind(got)}.") from None
    number, wanted_exactly = isinstance(wanted, (int, float)), isinstance(wanted, int)
    wanted = torch.as_tensor(wanted).detach()
    if number and got.numel() == 1:
        got = got.reshape(())
    if got.shape != wanted.shape:
        return False
    if wanted_exactly:
        return bool(got.double() == wanted)
    got, wanted = got.double(), wanted.double()
    return torch.allclose(got, wanted, rtol=tolerance, atol=tolerance * 1e-2)
