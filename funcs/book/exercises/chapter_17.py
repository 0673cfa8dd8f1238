"""Checks of the exercises of chapter 17: the bug museum."""

import copy
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import nn
from torch.nn import functional as F

from funcs.book.exercises.checking import Hint, call, exercise, kind, same
from funcs.rnn import RNNModel, detach
from funcs.training import evaluating

Pairs = list[tuple[torch.Tensor, torch.Tensor]]


def trained(model: nn.Module, pairs: Pairs, lr: float, zero: str) -> tuple[list[torch.Tensor], float]:
    """The weights after plain SGD, with the gradients zeroed before each pair, after it, at the start or never.

    "together" is one step with the gradients of all pairs.
    """
    model = copy.deepcopy(model)
    for param in model.parameters():
        param.grad = torch.ones_like(param)
    if zero in ("start", "together"):
        model.zero_grad()
    for i, (x, y) in enumerate(pairs, 1):
        if zero == "before":
            model.zero_grad()
        loss = F.mse_loss(model(x), y)
        loss.backward()
        if zero == "together" and i < len(pairs):
            continue
        with torch.no_grad():
            for param in model.parameters():
                param.sub_(lr * param.grad)  # type: ignore[operator]
        if zero == "after":
            model.zero_grad()
    return [param.detach() for param in model.parameters()], loss.item()


@exercise("17.1")
def gradients_of_one_pair(answer: Any) -> str | None:
    for sizes, lr, count in (((3, 2), 0.1, 3), ((2, 4), 0.03, 5)):
        model = nn.Sequential(nn.Linear(*sizes), nn.Tanh())
        pairs = [(torch.randn(5, sizes[0]), torch.randn(5, sizes[1])) for _ in range(count)]
        begin = [param.detach().clone() for param in model.parameters()]
        ways = {zero: trained(model, pairs, lr, zero) for zero in ("before", "after", "start", "never")}
        together = [trained(model, pairs, rate, "together")[0] for rate in (lr, lr / count)]
        for param in model.parameters():
            param.grad = torch.ones_like(param)
        got = call(answer, model, [(x.clone(), y.clone()) for x, y in pairs], lr)
        weights = [param.detach() for param in model.parameters()]
        if same(weights, begin):
            return "The weights don't move at all: is the gradient still there when the step is made?"
        if same(weights, ways["never"][0]):
            return "The steps are still those of the function above."
        if same(weights, ways["after"][0]) or same(weights, ways["start"][0]):
            return "Not every step is that of its own pair: the model came with a gradient, earlier pairs leave one."
        if any(same(weights, once) for once in together):
            return "That is one step for all pairs together; one step after each pair is wanted."
        if not same(weights, ways["before"][0]):
            return (
                "The weights are not those of plain gradient descent, one step of size lr for each pair. Something "
                "that only makes the steps smaller mends nothing."
            )
        if not same(got, ways["before"][1]) or isinstance(got, torch.Tensor):
            return "The weights are right; return the loss of the last pair, before its step, as a Python number."
    return None


@exercise("17.2")
def labels_of_strips(answer: Any) -> str | None:
    for batch_size, length, num_steps in ((2, 6, 3), (3, 8, 5), (1, 10, 4), (4, 5, 9)):
        text = torch.randperm(batch_size * length + 1) + 100
        inputs, labels = text[:-1].reshape(batch_size, -1), text[1:].reshape(batch_size, -1)
        case = f"With {batch_size} strips of {length} in pieces of {num_steps}"
        pairs = call(answer, text.clone(), batch_size, num_steps)
        try:
            pairs = [(x, y) for x, y in pairs]
            got_inputs, got_labels = (torch.cat(part, 1) for part in zip(*pairs, strict=True))
        except (TypeError, ValueError, RuntimeError, IndexError):
            raise Hint(
                "The function must yield pairs (inputs, labels) of shape (batch_size, steps), as the one above does; "
                f"got {kind(pairs)}."
            ) from None
        if got_labels.numel() < labels.numel():
            return f"{case} characters are lost: {labels.numel()} labels are wanted, you have {got_labels.numel()}."
        if not same(got_inputs, inputs):
            return f"{case} the inputs are no longer those of the function above."
        if [x.shape[1] for x, _ in pairs] != [x.shape[1] for x in inputs.split(num_steps, 1)]:
            return f"{case} the pieces are cut in other places than above."
        if not same(got_labels, labels):
            last = same(got_labels[:, :-1], labels[:, :-1]) if got_labels.shape == labels.shape else False
            return f"{case} {'the last label of a strip' if last else 'a label'} is not the next character of the text."
    return None


@exercise("17.3")
def mean_of_real_steps(answer: Any) -> str | None:
    torch.manual_seed(17)  # no wrong number is right by chance
    for lengths in ([4, 2, 1], [3, 5], [2, 2, 2, 2]):
        steps, rows = torch.tensor(lengths), len(lengths)
        H = torch.randn(max(lengths) + 2, rows, 5)
        real = torch.arange(len(H))[:, None] < steps
        wanted = torch.stack([H[:n, i].mean(0) for i, n in enumerate(lengths)])
        zeros = torch.where(real[..., None], H, 0.0)
        got = call(answer, zeros.clone(), steps.clone())
        if not isinstance(got, torch.Tensor) or got.shape != wanted.shape:
            return f"For H of shape {tuple(H.shape)} the result must have shape {tuple(wanted.shape)}, got {kind(got)}."
        if not same(got, wanted):
            if same(got, zeros.mean(0)) or same(got, zeros.sum(0) / max(lengths)):
                return "Padding is still counted: by how many steps is the sum of each row divided?"
            if same(got, torch.stack([H[n - 1, i] for i, n in enumerate(lengths)])):
                return "These are the last states, not their mean."
            for off in (-1, 1):
                mask = torch.arange(len(H))[:, None] < steps + off
                for count in (steps, steps + off):
                    if same(got, torch.where(mask[..., None], zeros, 0.0).sum(0) / count[:, None]):
                        return f"Each row counts one step too {'many' if off > 0 else 'few'}."
            return f"With lengths {lengths} and zeros in the padding, the means are wrong."
        leaf = zeros.clone().requires_grad_()
        if call(answer, leaf + 0, steps.clone()).grad_fn is None:
            return "The numbers are right, but nothing can be learned from them: no gradient leads back to the states."
        if not same(call(answer, H.clone(), steps.clone()), wanted):
            return "With zeros in the padding it is right; with other numbers there it isn't."
        for filler in (torch.inf, torch.nan):
            spoilt = torch.where(real[..., None], H, filler)
            if not same(call(answer, spoilt, steps.clone()), wanted):
                return f"With {filler} in the padding it is wrong. (Zero times {filler} is not zero.)"
    return None


@exercise("17.4")
def loss_without_padding(answer: Any) -> str | None:
    torch.manual_seed(17)  # no wrong number is right by chance
    for lengths in ([4, 2, 1], [3, 5], [2, 6, 2, 3]):
        rows, time = len(lengths), max(lengths) + 1
        Y, outputs = torch.randint(5, (rows, time)), torch.randn(time * rows, 5)
        steps = torch.tensor(lengths)
        real = torch.arange(time) < steps[:, None]
        Y[0, 0] = 0  # a real token may have the number of the padding
        Y = torch.where(real, Y, 0)
        each = F.cross_entropy(outputs, Y.T.reshape(-1), reduction="none").reshape(time, rows)
        wanted = each[real.T].mean()
        handed = Y.clone()
        got = call(answer, outputs.clone(), handed, steps.clone())
        flat = F.cross_entropy(outputs, Y.reshape(-1), reduction="none")
        if same(got, each.mean()):
            return "The padding is still counted."
        if same(got, flat.mean()) or any(same(got, flat[m.reshape(-1)].mean()) for m in (real, real.T)):
            return "The labels lie rows first, the outputs time first: exhibit 1."
        if same(got, F.cross_entropy(outputs, Y.T.reshape(-1), ignore_index=0)):
            return "A token that has the number 0 and is no padding must count: lengths says which is which."
        if same(got, torch.where(real.T, each, 0.0).mean()):
            return "Padding adds nothing now, but by how many characters is the sum divided?"
        if same(got, each[real.T].sum()):
            return "The mean over the real characters is wanted, not their sum."
        if same(got, torch.stack([each[:n, i].mean() for i, n in enumerate(lengths)]).mean()):
            return "Each row counts the same here; each real character should."
        if same(got, each.reshape(rows, time)[real].mean()) or same(got, each.T.reshape(time, rows)[real.T].mean()):
            return "Time first, or rows first? The mask is not laid over the losses as the outputs lie."
        if not same(got, wanted):
            return f"With lengths {lengths} this is not the mean cross-entropy of the real characters."
        if not torch.equal(handed, Y):
            return "The number is right, but Y has been changed, and whoever called you needs it again."
        leaf = outputs.clone().requires_grad_()
        got = call(answer, leaf, Y.clone(), steps.clone())
        if not isinstance(got, torch.Tensor) or got.grad_fn is None:
            return "The number is right, but nothing can be learned from it: no gradient leads back to the outputs."
        (grad,) = torch.autograd.grad(got, leaf)
        if grad.reshape(time, rows, 5)[~real.T].abs().max() > 0:
            return "Outputs at the padding still get a gradient."
    return None


class Watched(RNNModel):
    """A model that remembers whether it was called with gradients, and in which mode."""

    seen: list[tuple[bool, bool]]

    def forward(self, x: torch.Tensor, state: Any) -> Any:
        self.seen.append((torch.is_grad_enabled(), self.training))
        return super().forward(x, state)


@exercise("17.5")
def perplexity_of_batches(answer: Any) -> str | None:
    torch.manual_seed(17)  # no wrong number is right by chance
    for rows, steps in ((2, (3, 8, 5)), (3, (4, 1, 7, 2))):
        model = Watched(nn.RNN(5, 6, num_layers=2, dropout=0.5), 5)
        model.seen = []
        with torch.no_grad():
            for param in model.parameters():
                param.normal_()
        batches = [(torch.randint(5, (rows, n)), torch.randint(5, (rows, n))) for n in steps]
        carried, reset, flattened, counts = [], [], [], [rows * n for n in steps]
        with evaluating(model):
            state = model.begin_state(rows)
            for X, Y in batches:
                outputs, state = model(X, state)
                carried.append(F.cross_entropy(outputs, Y.T.reshape(-1)))
                flattened.append(F.cross_entropy(outputs, Y.reshape(-1)))
                alone, _ = model(X, model.begin_state(rows))
                reset.append(F.cross_entropy(alone, Y.T.reshape(-1)))
        weight = torch.tensor(counts) / sum(counts)
        means, means_reset, rows_first = torch.stack(carried), torch.stack(reset), torch.stack(flattened)
        wanted = (means * weight).sum().exp().item()
        for training in (True, False):
            model.train(training)
            model.seen.clear()
            got = call(answer, model, [(X.clone(), Y.clone()) for X, Y in batches])
            seen = list(model.seen)
            if model.training is not training or model.rnn.training is not training:
                return f"The model came in {'training' if training else 'evaluation'} mode and must leave in it."
            if any(mode for _, mode in seen):
                return "The model is asked in training mode, with dropout."
            if not isinstance(got, (int, float, torch.Tensor)):
                raise Hint(f"One number is wanted, got {kind(got)}.")
            value = float(got)
            for guess, hint in (
                (
                    (means_reset * weight).sum().exp(),
                    "Each batch starts from an empty memory; it should go on from the last one.",
                ),
                (
                    means_reset.exp().mean(),
                    "Each batch starts from an empty memory; it should go on from the last one.",
                ),
                (
                    means_reset.mean().exp(),
                    "Each batch starts from an empty memory; it should go on from the last one.",
                ),
                (means.exp().mean(), "This is a mean of perplexities; the logarithms are to be averaged."),
                ((means.exp() * weight).sum(), "This is a mean of perplexities; the logarithms are to be averaged."),
                (means.mean().exp(), "Each batch counts the same; each character should."),
                (means.mean(), "This is the loss; the perplexity is exp of it."),
                ((means * weight).sum(), "This is the loss; the perplexity is exp of it."),
                ((rows_first * weight).sum().exp(), "The labels lie rows first, the outputs time first: exhibit 1."),
                (rows_first.mean().exp(), "The labels lie rows first, the outputs time first: exhibit 1."),
            ):
                if same(value, guess.item()) and not same(value, wanted):
                    return hint
            if not same(value, wanted):
                return "This is not exp of the mean cross-entropy of all characters, with the state carried."
            if any(grad for grad, _ in seen):
                return "The number is right, but a graph is recorded for a backward pass that never comes."
            if isinstance(got, torch.Tensor):
                return "The number is right; return it as a Python number."
    return None


class Recipe(NamedTuple):
    """The seven pieces of 17.1."""

    build: Callable[[], nn.Module]
    optimizer_for: Callable[[Any], torch.optim.Optimizer]
    batches: Callable[..., Pairs]
    loss_of: Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
    update: Callable[[torch.Tensor, nn.Module, Any], None]
    carry: Callable[[Any], Any] = detach
    use: Callable[[nn.Module], Any] = nn.Module.eval


class DetachedHead(RNNModel):
    """A model whose linear layer learns alone."""

    def forward(self, x: torch.Tensor, state: Any) -> Any:
        H, state = self.rnn(F.one_hot(x.T, self.vocab_size).float(), state)
        return self.linear(H.detach().flatten(0, 1)), state


def small(kind_of: type[RNNModel] = RNNModel, num_layers: int = 1) -> RNNModel:
    return kind_of(nn.RNN(28, 6, num_layers=num_layers), 28)


def frozen(name: str) -> RNNModel:
    model = small(num_layers=2)
    model.get_parameter(name).requires_grad_(False)
    return model


def with_idle_layer() -> RNNModel:
    model = small()
    model.idle = nn.Linear(6, 6)
    return model


def few_letters(*_: Any) -> Pairs:
    """Batches in which most of 28 characters don't occur."""
    tokens = torch.randint(1, 7, (3, 6))
    return [(tokens[:, :-1], tokens[:, 1:])] * 2


def plain_update(loss: torch.Tensor, model: nn.Module, optimizer: Any) -> None:
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()


@exercise("17.6")
def every_parameter_moves(answer: Any) -> str | None:
    def cross_entropy(outputs: torch.Tensor, Y: torch.Tensor) -> torch.Tensor:
        return F.cross_entropy(outputs, Y.T.reshape(-1))

    def sgd(params: Any, lr: float = 0.5) -> torch.optim.Optimizer:
        return torch.optim.SGD(params, lr)

    right = Recipe(small, sgd, few_letters, cross_entropy, plain_update)
    seen: list[int] = []

    def counted(loss: torch.Tensor, model: nn.Module, optimizer: Any) -> None:
        seen.append(1)
        plain_update(loss, model, optimizer)

    cases = (
        (right, True, "a right one"),
        (right._replace(build=lambda: frozen("rnn.weight_hh_l0")), False, "one with a frozen weight"),
        (right._replace(build=lambda: frozen("rnn.bias_ih_l1")), False, "one with a frozen bias"),
        (right._replace(build=lambda: frozen("linear.bias")), False, "one whose last bias is frozen"),
        (right._replace(build=lambda: small(DetachedHead)), False, "one with the head detached from the layer"),
        (right._replace(build=with_idle_layer), False, "one with a layer that is never called"),
        (
            right._replace(optimizer_for=lambda params: sgd(list(params)[:-2])),
            False,
            "one whose optimizer doesn't know the last layer",
        ),
        (right._replace(update=lambda loss, model, optimizer: loss.backward()), False, "one that makes no step"),
        (right._replace(optimizer_for=lambda params: sgd(params, 3e-6)), True, "a right one with a small rate"),
        (right._replace(build=lambda: small(num_layers=2)), True, "a right one of two layers"),
        (right._replace(optimizer_for=torch.optim.Adam), True, "a right one with Adam"),
    )
    verdicts = []
    for seed, (recipe, wanted, name) in enumerate(cases):
        torch.manual_seed(seed)
        got = call(answer, recipe)
        if isinstance(got, torch.Tensor) and got.dtype == torch.bool and got.numel() == 1:
            got = bool(got)
        if not isinstance(got, bool):
            raise Hint(f"True or False is wanted, got {kind(got)}.")
        verdicts.append((got, wanted, name))
    if not any(got for got, _, _ in verdicts):
        return (
            "Every recipe fails, the right ones too. Is there a copy of the parameters from before, and must all of "
            "their entries change? (A character that doesn't occur moves nothing.)"
        )
    if all(got for got, _, _ in verdicts):
        return "Every recipe passes, the broken ones too. Do you compare one model with itself, before and after?"
    overlooked = [name for got, wanted, name in verdicts if got and not wanted]
    alarms = [name for got, wanted, name in verdicts if wanted and not got]
    if alarms:
        return f"A false alarm: {alarms[0]} fails. How large must a change be, and in how many entries?"
    if overlooked:
        return f"It lets pass: {overlooked[0]}. All parameters must move, and it is the numbers that tell, not .grad."
    call(answer, right._replace(update=counted))
    return None if len(seen) == 1 else f"One update is wanted, there were {len(seen)}."
