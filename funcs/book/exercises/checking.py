"""What all checks of exercises share.

A check computes what is right and compares; it returns a hint, or None for a right answer.
"""

from collections.abc import Callable
from typing import Any

import torch

Check = Callable[[Any], str | None]
CHECKS: dict[str, Check] = {}


class NotDone(Exception):
    """The stub is as it was."""


def check(exercise: str, answer: Any) -> None:
    """Print whether `answer` to an exercise is right, a hint if it is not, and "not done yet" for an untouched stub.

    Args:
        exercise: chapter and number, such as "04.3".
        answer: what the exercise asks for; where that is a function, the function itself.

    Raises:
        ValueError: there is no such exercise to check.
    """
    if exercise not in CHECKS:
        raise ValueError(f"exercise must be one of {', '.join(sorted(CHECKS))}, got {exercise!r}")
    try:
        if answer is None or answer is ...:
            raise NotDone
        hint = CHECKS[exercise](answer)
    except NotDone:
        print(f"{exercise}: not done yet")
        return
    except Exception as error:
        hint = f"it stopped with {type(error).__name__}: {error}"
    print(f"{exercise}: right!" if hint is None else f"{exercise}: not yet. {hint}")


def exercise(number: str) -> Callable[[Check], Check]:
    """Enter a function as the check of an exercise."""

    def enter(function: Check) -> Check:
        CHECKS[number] = function
        return function

    return enter


def call(function: Any, *args: Any) -> Any:
    """What the reader's function returns; NotDone if that is nothing."""
    if not callable(function):
        raise TypeError(f"the answer is a function, give it without calling it; got {type(function).__name__}")
    result = function(*args)
    if result is None or result is ...:
        raise NotDone
    return result


def same(got: Any, wanted: Any, tolerance: float = 1e-4) -> bool:
    """Whether two numbers, tensors or sequences of them agree in shape and, to a relative tolerance, in value."""
    if isinstance(wanted, (tuple, list)):
        return len(got) == len(wanted) and all(same(g, w, tolerance) for g, w in zip(got, wanted, strict=True))
    got, wanted = (torch.as_tensor(value).detach().double() for value in (got, wanted))
    return got.shape == wanted.shape and torch.allclose(got, wanted, rtol=tolerance, atol=tolerance * 1e-2)
