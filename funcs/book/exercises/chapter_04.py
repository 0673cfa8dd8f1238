"""Checks of the exercises of chapter 04: the RNN from scratch."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch.nn import functional as F
from torch.utils._python_dispatch import TorchDispatchMode

import funcs
from funcs.book.exercises.checking import Hint, call, exercise, kind, same
from funcs.rnn import RNN, get_rnn_params, rnn_forward
from funcs.text import Vocab


class Watching(TorchDispatchMode):
    """Notes the inner sizes of all matrix products, and whether a one-hot tensor is made, by torch or by comparing."""

    def __init__(self) -> None:
        super().__init__()
        self.inner: set[int] = set()
        self.one_hot = False
        self.compared = False

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = str(func)
        factors = [value for value in args if isinstance(value, torch.Tensor) and value.dim() > 1]
        if "mm" in name:
            self.inner.add(factors[-1].shape[-2])
        self.one_hot = self.one_hot or "scatter" in name or "eye" in name
        self.compared = self.compared or "eq." in name
        return func(*args, **(kwargs or {}))


@exercise("04.1")
def number_of_parameters(answer: Any) -> str | None:
    words, h = 4_580, 256
    if same(answer, 2 * words * h + h * h + h + words):
        return None
    for slip, hint in {
        2 * words * h + h * h + h: "The output layer has a bias too, b_q.",
        2 * words * h + h * h: "Two of the five are biases.",
        2 * words * h + h * h + words: "The state has a bias, b_h.",
        2 * words * 512 + 512 * 512 + 512 + words: "There are 256 hidden units here.",
        2 * words * h + h + words: "W_hh, from state to state, is missing.",
        2 * words * h + h * h + 2 * h + words: "This counts b_h twice: our model has one bias for the state.",
        words * h + h * h + h: "W_hq and b_q, of the output layer, are missing.",
        2 * 28 * h + h * h + h + 28: "That is for 28 characters; here the tokens are words.",
    }.items():
        if same(answer, slip):
            return hint
    return "Add up the entries of W_xh, W_hh, b_h, W_hq and b_q."


@exercise("04.2")
def perplexity_of_two_texts(answer: Any) -> str | None:
    loss = (1_000 * 1.5 + 3_000 * 2.0) / 4_000
    if same(answer, math.exp(loss), 1e-3):
        return None
    for slip, hint in {
        loss: "That is the loss on both together; perplexity is its exponential.",
        math.exp(1.75): "The second text has three times as many characters: it weighs more.",
        (math.exp(1.5) + 3 * math.exp(2.0)) / 4: "This averages perplexities: average the losses, then take exp.",
        (math.exp(1.5) + math.exp(2.0)) / 2: "This averages perplexities, and as if both texts were equally long.",
        1.75: "The texts are not equally long, and what is asked is the perplexity.",
        2**loss: "The losses are natural logarithms: exp, not a power of 2.",
    }.items():
        if same(answer, slip, 2e-3):
            return hint
    return "By (4.2), the loss is a mean over all 4,000 characters. Give at least three digits."


@exercise("04.3")
def learning_rate_for_summed_loss(answer: Any) -> str | None:
    if same(answer, 1 / 35, 1e-3):
        return None
    for slip, hint in {
        35.0: "The gradients there are larger than here: must the rate be larger or smaller?",
        1 / 1120: "That would be for a sum over all steps and rows; here the rows are averaged.",
        1120.0: "That would be a factor for a sum over all steps and rows, and which way round?",
        1 / 32: "The 32 rows are averaged here as there; what is summed there?",
        32.0: "The 32 rows are averaged here as there; what is summed there?",
        1.0: "With the same rate the steps there are longer.",
    }.items():
        if same(answer, slip, 2e-2):
            return hint
    return "By which factor is that loss larger than the mean, and with it the gradient? Give three digits."


@exercise("04.4")
def rows_instead_of_one_hot(answer: Any) -> str | None:
    for n, T, vocab_size, h in ((4, 4, 5, 7), (2, 6, 9, 4)):
        params = [torch.randn_like(param) for param in get_rnn_params(vocab_size, h)]
        W_xh, W_hh, b_h, W_hq, b_q = params
        x, state = torch.randint(vocab_size, (n, T)), (torch.randn(n, h),)

        def run(x: torch.Tensor, state: Any, *params: torch.Tensor) -> Any:
            return rnn_forward(F.one_hot(x, len(params[0])).float(), state, params)

        wanted, (H,) = run(x.T, state, *params)
        with (
            Watching() as watching,
            taken_away("Write the loop yourself, without funcs.rnn_forward.", (funcs, "rnn_forward")),
        ):
            result = call(answer, x.clone(), (state[0].clone(),), params)
        if not isinstance(result, tuple) or len(result) != 2:
            return f"Return two things, the outputs and the state; yours returns {kind(result)}."
        outputs, last = result
        if not isinstance(outputs, torch.Tensor) or outputs.shape != wanted.shape:
            return (
                f"For x of shape {(n, T)} and {vocab_size} tokens the outputs are one tensor of shape "
                f"{tuple(wanted.shape)}; yours are {kind(outputs)}."
            )
        if not same(outputs, wanted):
            for slip, hint in (
                (
                    wanted.reshape(T, n, -1).transpose(0, 1).flatten(0, 1),
                    "Right rows, wrong order: step 1 first.",
                ),
                (wanted - b_q, "The output layer has a bias, b_q."),
                (run(x.T, state, W_xh, W_hh, 0 * b_h, W_hq, b_q)[0], "The state has a bias, b_h."),
                (run(x.T, (0 * state[0],), *params)[0], "It must start from the state that it is given."),
                (
                    run(x, state, *params)[0] if n == T else b_q,
                    "x is (batch, time): a step is a column.",
                ),
            ):
                if slip.shape == outputs.shape and same(outputs, slip):
                    return hint
            return f"The outputs differ from those of rnn_forward, for x of shape {(n, T)}: which row of W_xh is it?"
        if not (isinstance(last, tuple) and len(last) == 1):
            return "The outputs are right. The state must come out as it went in: a tuple with one tensor."
        if not same(last[0], H):
            return "The outputs are right; the state that is returned is not the one after the last step."
        if watching.one_hot:
            return "The numbers are right, but a one-hot tensor was made on the way: pick rows of W_xh instead."
        if watching.inner & {vocab_size, vocab_size + h}:
            return "The numbers are right, but there is a matrix product with W_xh in it: pick its rows instead."
        if watching.compared:
            return "The numbers are right, but comparing the tokens makes one-hot vectors: pick rows of W_xh instead."
    return None


@contextmanager
def taken_away(hint: str, *places: tuple[Any, str]) -> Iterator[None]:
    """Lets some functions answer with a hint for a while."""

    def refuse(*args: Any, **options: Any) -> Any:
        raise Hint(hint)

    kept = [getattr(place, name) for place, name in places]
    for place, name in places:
        setattr(place, name, refuse)
    try:
        yield
    finally:
        for (place, name), function in zip(places, kept, strict=True):
            setattr(place, name, function)


AUTOGRAD = (
    *((torch.autograd, name) for name in ("grad", "backward")),
    *((torch.func, name) for name in ("grad", "grad_and_value", "vjp", "jvp", "jacrev", "jacfwd")),
    *((torch.autograd.functional, name) for name in ("jacobian", "vjp", "jvp")),
)


class Listening(RNN):
    """A model that notes how many steps it is called with."""

    def forward(self, x: torch.Tensor, state: Any) -> Any:
        result = super().forward(x, state)
        self.calls = [*getattr(self, "calls", []), x.shape[1]]
        return result


@exercise("04.5")
def state_after_reading_in_pieces(answer: Any) -> str | None:
    model, vocab = Listening(28, 16), Vocab(list("the time traveller"))
    text = "the time traveller smiled"
    x = torch.tensor([vocab[list(text)]])
    with torch.no_grad():
        for param in model.parameters():
            param.normal_()
        _, wanted = model(x, model.begin_state(1))
        for length in (4, 7, 1, 100):
            model.calls = []
            got = call(answer, text, length, model, vocab)
            calls = model.calls
            pieces = [min(length, len(text) - i) for i in range(0, len(text), length)]
            if isinstance(got, torch.Tensor):
                return "Return the state as the model returns it, a tuple; yours is a tensor."
            if not (isinstance(got, tuple) and len(got) == 1 and isinstance(got[0], torch.Tensor)):
                return f"Return the state, a tuple with one tensor; yours is {kind(got)}."
            if sum(calls) < len(text):
                return f"With pieces of {length}, {sum(calls)} of the {len(text)} characters were read."
            _, fresh = model(x[:, -pieces[-1] :], model.begin_state(1))
            if len(pieces) > 1 and same(got[0], fresh[0], 1e-3):
                return "Each piece must start from the state that the last one returned, not from zero."
            if not same(got[0], wanted[0], 1e-3):
                return f"With pieces of {length} characters, it is not the state of the whole text read at once."
            if calls != pieces:
                return f"The state is right; but for length {length} the model was called with {calls} characters."
    return None


@exercise("04.6")
def gradient_of_the_table(answer: Any) -> str | None:
    for size in (4, 9):
        counts = torch.randint(0, 5, (size, size)).double() * (1.0 if size == 4 else 0.3)
        counts[1] = 0  # a character that never stands first
        table = torch.randn(size, size, dtype=torch.float64)
        P, rows, N = table.softmax(1), counts.sum(1, keepdim=True), counts.sum()
        wanted = (rows * P - counts) / N
        try:
            with torch.inference_mode(), taken_away("Without autograd, please: the formula is short.", *AUTOGRAD):
                got = call(answer, table.clone(), counts.clone())
        except RuntimeError as error:
            if "grad" in str(error):
                return "Without autograd, please: the formula is short."
            raise
        if not isinstance(got, torch.Tensor) or got.shape != wanted.shape:
            return f"The gradient has the shape of the table, here {(size, size)}; yours is {kind(got)}."
        if same(got, wanted, 1e-6):
            continue
        if same(got.nan_to_num(), wanted, 1e-6):
            return "Nearly. A character that never stands first has no counts: 0 / 0 is nan. Do without that division."
        for slip, hint in (
            (N * wanted, "This is N times too long: (4.3) averages over all pairs."),
            ((rows.T * P - counts) / N, "counts.sum(1) is one number per row: keep it a column, with keepdim=True."),
            ((rows * table.softmax(0) - counts) / N, "The softmax is taken along a row, dimension 1."),
            ((rows * P - counts) / 9999, "N is the number of pairs, counts.sum(); here it isn't 9,999."),
            ((rows.long() * P - counts) / N, "counts may hold fractions: don't round them to whole numbers."),
            (-wanted, "This points the other way: which of the two is subtracted in (4.3)?"),
            ((P - counts) / N, "A row is used as often as its character stands there; each time P takes part."),
            (P - counts / rows, "A row that is never used gets no gradient, and one that is used often gets more."),
            (P - counts / rows.clamp(min=1), "Rows that are used often get more of the gradient than rare ones."),
            (P - counts / N, "Each place adds its row of P to the gradient, and (4.3) averages both."),
            ((N * P - counts) / N, "A row is used as often as its character stands there, not N times."),
        ):
            if same(got.nan_to_num(), slip.nan_to_num(), 1e-6):
                return hint
        return "It is not autograd's. Sum (4.3) over the places where a row is used: how many, and what came after?"
    return None


@exercise("04.7")
def a_token_drawn(answer: Any) -> str | None:
    torch.manual_seed(0)
    for temperature in (0.5, 1.0, 3.0):
        logits = torch.tensor([0.0, 1.5, -1.0, 0.7, -0.3])
        drawn = [call(answer, logits.clone(), temperature) for _ in range(2000)]
        if not all(
            isinstance(value, int) or (isinstance(value, torch.Tensor) and value.numel() == 1) for value in drawn
        ):
            return f"Return the number of one token; yours is {kind(drawn[0])}."
        numbers = torch.tensor([int(value) for value in drawn])
        if not (numbers >= 0).all() or not (numbers < len(logits)).all():
            return f"For five logits the number is one of 0 to 4; got {int(numbers.max())}."
        shares = torch.bincount(numbers, minlength=5) / len(numbers)

        def near(weights: torch.Tensor) -> bool:
            return bool((shares - weights.softmax(0)).abs().max() < 0.05)  # noqa: B023

        if near(logits / temperature):
            continue
        if (shares == 1).any():
            return f"At temperature {temperature} it always returned the same token: draw, with torch.multinomial."
        for slip, hint in (
            (logits, f"At {temperature} it draws as at temperature 1. (Dividing after the softmax changes no draw.)"),
            (logits * temperature, "The temperature divides the logits; this multiplies."),
            (0 * logits, "All tokens come equally often: where are the logits?"),
        ):
            if near(slip):
                return hint
        return f"At temperature {temperature} they are not drawn with the probabilities softmax(logits / temperature)."
    for logits in (torch.tensor([1.0, 3.0, 2.9]), torch.tensor([-5.0, -6.0])):
        try:
            tokens = {int(call(answer, logits.clone(), 0)) for _ in range(20)}
        except (RuntimeError, ZeroDivisionError):
            return "Above 0 it is right. At temperature 0 don't divide: take the most probable token."
        if tokens != {int(logits.argmax())}:
            return "Above 0 it is right. At temperature 0 it is always the most probable token."
    return None
