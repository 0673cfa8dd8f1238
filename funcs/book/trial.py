"""A cell of your own, tried: does it compute what it says, and how well does it predict? (chapter 12)"""

import time
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

import funcs
from funcs.book.novel import fit_text

Params = Sequence[torch.Tensor]
# (X (batch_size, input_size), H (batch_size, num_hiddens), params) → the next H
Step = Callable[[torch.Tensor, torch.Tensor, Params], torch.Tensor]
# (X, H, params, gradient of the next H) → gradients of X, of H, and of each of the params
Backward = Callable[[torch.Tensor, torch.Tensor, Params, torch.Tensor], tuple[torch.Tensor, torch.Tensor, Params]]


class TriedModel(nn.Module):
    """A character model around a step: one-hot, the step over and over, linear output (chapter 12).

    Args:
        get_params: (input_size, num_hiddens) → list of tensors.
        step, backward: as for `try_cell`.
    """

    def __init__(
        self,
        get_params: Callable[[int, int], Params],
        step: Step,
        backward: Backward | None,
        vocab_size: int,
        num_hiddens: int,
    ) -> None:
        super().__init__()
        self.vocab_size, self.num_hiddens = vocab_size, num_hiddens
        self.params = nn.ParameterList(get_params(vocab_size, num_hiddens))
        self.linear = nn.Linear(num_hiddens, vocab_size)
        self.step = step if backward is None else with_backward(step, backward)

    def forward(self, x: torch.Tensor, state: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        params, states = list(self.params), []
        for X in F.one_hot(x.T, self.vocab_size).to(state.dtype):
            state = self.step(X, state, params)
            states.append(state)
        return self.linear(torch.cat(states)), state

    def begin_state(self, batch_size: int, device: Any = None) -> torch.Tensor:
        return self.linear.weight.new_zeros(batch_size, self.num_hiddens, device=device)


def with_backward(step: Step, backward: Backward) -> Step:
    """The step with its gradients by `backward` instead of autograd."""

    class Function(torch.autograd.Function):
        @staticmethod
        def forward(ctx, X, H, *params):  # type: ignore[no-untyped-def]
            ctx.save_for_backward(X, H, *params)
            return step(X, H, params)

        @staticmethod
        def backward(ctx, dH):  # type: ignore[no-untyped-def]
            X, H, *params = ctx.saved_tensors
            dX, dH_before, dparams = backward(X, H, params, dH)
            return dX, dH_before, *dparams

    def run(X: torch.Tensor, H: torch.Tensor, params: Params) -> torch.Tensor:
        result: torch.Tensor = Function.apply(X, H, *params)
        return result

    return run


def check_cell(get_params: Callable[[int, int], Params], step: Step, backward: Backward | None) -> list[str]:
    """Shapes, rows that don't look at one another, and gradients; a line for each that is right.

    Raises:
        ValueError: the first that is wrong, and how.
    """
    generator = torch.Generator().manual_seed(0)

    def draw(*shape: int) -> torch.Tensor:
        return torch.randn(shape, dtype=torch.float64, generator=generator)

    sizes = [tuple(param.shape) for param in get_params(3, 4)]
    params = [draw(*size) / 2 for size in sizes]
    X, H = draw(5, 3), draw(5, 4)
    before = [tensor.clone() for tensor in (X, H, *params)]
    new = step(X, H, params)
    if not isinstance(new, torch.Tensor) or new.shape != H.shape:
        got = tuple(new.shape) if isinstance(new, torch.Tensor) else type(new).__name__
        raise ValueError(f"step must return the next H, of the shape of H, here (5, 4), got {got}")
    if any(not torch.equal(a, b) for a, b in zip(before, (X, H, *params), strict=True)):
        raise ValueError("step must leave X, H and the params as they are, and has changed one of them")
    if not torch.equal(step(X, H, params), new):
        raise ValueError("step must give the same H for the same input, got another the second time")
    lines = ["shapes: (5, 3) and (5, 4) give (5, 4)"]
    alone = torch.cat([step(X[i : i + 1], H[i : i + 1], params) for i in range(5)])
    if not torch.allclose(alone, new, rtol=1e-9, atol=1e-12):
        raise ValueError(
            "each row must be computed from itself, but a batch of five gives other rows than five batches"
        )
    lines.append("causal: no row looks at another, and none at a later step")

    leaves = [tensor.requires_grad_() for tensor in (X, H, *params)]
    if not step(X, H, params).requires_grad:
        raise ValueError("step must be made of operations that autograd knows, got a result without a gradient")

    def flat(X: torch.Tensor, H: torch.Tensor, *params: torch.Tensor) -> torch.Tensor:
        return step(X, H, params)

    torch.autograd.gradcheck(flat, leaves, check_forward_ad=True)
    lines.append("gradients: finite differences, autograd forwards and autograd backwards agree")
    if backward is not None:
        dH = draw(5, 4)
        wanted = torch.autograd.grad(step(X, H, params), leaves, dH, materialize_grads=True)
        with torch.no_grad():
            dX, dH_before, dparams = backward(X, H, params, dH)
        names = ["X", "H", *(f"params[{i}]" for i in range(len(params)))]
        if len(dparams) != len(params):
            raise ValueError(f"backward must return one gradient for each of {len(params)} params, got {len(dparams)}")
        for name, ours, theirs in zip(names, (dX, dH_before, *dparams), wanted, strict=True):
            if ours.shape != theirs.shape or not torch.allclose(ours, theirs, rtol=1e-7, atol=1e-9):
                raise ValueError(f"backward must give autograd's gradients, and that of {name} differs")
        lines.append("gradients: your backward agrees with them")
    return lines


def num_params(model: nn.Module) -> int:
    """Of all parameters, how many numbers they are."""
    return sum(param.numel() for param in model.parameters())


def of_equal_size(make: Callable[[int], nn.Module], wanted: int) -> int:
    """The number of hiddens with which `make` comes nearest to so many parameters."""
    h = 8
    while num_params(make(h + 8)) < wanted:
        h += 8
    return min(range(h, h + 9), key=lambda h: abs(num_params(make(h)) - wanted))


def try_cell(
    get_params: Callable[[int, int], Params],
    step: Step,
    backward: Backward | None = None,
    *,
    size: int = 40_000,
    num_epochs: int = 2,
    lr: float = 8e-3,
    seeds: Sequence[int] = (0,),
) -> dict[str, list[float]]:
    """Check a cell, then train it on the novel beside RNN, GRU and LSTM with as many parameters, and print the table.

    Args:
        get_params: (input_size, num_hiddens) → the parameters' first values, a list of tensors.
        step: (X, H, params) → the next H, with X (batch_size, input_size) and H (batch_size, num_hiddens).
        backward: (X, H, params, dH) → (dX, dH before the step, list of the params' gradients); without it, autograd's.
        size: of each model, in parameters.
        num_epochs, lr: as for `fit_text`.
        seeds: one training each; for a verdict, more than one, and more than one rate.

    Returns:
        For each cell, by seed, the bits per character of the validation part: the last tenth of the novel's first
        nine.

    Raises:
        ValueError: what is wrong with the cell.
    """
    for line in check_cell(get_params, step, backward):
        print(line)
    corpus, vocab = funcs.load_corpus()
    cut, end = 81 * len(corpus) // 100, 9 * len(corpus) // 10  # the last tenth of all is for the scoreboard
    text, held_out = corpus[:cut], corpus[cut:end]
    loader = funcs.TextLoader(held_out, vocab, 8, 500, offset=0)
    n = len(vocab)
    makers: dict[str, Callable[[int], nn.Module]] = {
        "yours": lambda h: TriedModel(get_params, step, backward, n, h),
        "RNN": lambda h: funcs.RNNModel(funcs.MyRNN(n, h), n),
        "GRU": lambda h: funcs.RNNModel(funcs.GRU(n, h), n),
        "LSTM": lambda h: funcs.RNNModel(funcs.LSTM(n, h), n),
    }
    print(f"\n{'':8}{'hiddens':>8}{'parameters':>12}{'bits per character':>20}{'tokens per second':>20}")
    result = {}
    for name, make in makers.items():
        h = of_equal_size(make, size)
        bits, start, tokens = [], time.perf_counter(), 0
        for seed in seeds:
            model, _ = fit_text(lambda make=make, h=h: make(h), text, loader, lr, seed, num_epochs)  # type: ignore[misc]
            tokens += num_epochs * len(text)
            bits.append(funcs.bits_per_character(model, held_out, text[-1000:]))
        speed = tokens / (time.perf_counter() - start)
        spread = f"{min(bits):.3f}" if len(bits) == 1 else f"{min(bits):.3f} to {max(bits):.3f}"
        print(f"{name:8}{h:>8}{num_params(make(h)):>12,}{spread:>20}{speed:>20,.0f}")
        result[name] = bits
    return result
