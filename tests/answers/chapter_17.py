"""Right and wrong answers to the exercises of chapter 17."""

import math
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

import funcs


def train_on(before: bool = True, after: bool = False, start: bool = False, clip: float | None = None) -> Any:
    """The step by hand, with the gradients zeroed here or there."""

    def answer(model: Any, pairs: Any, lr: Any) -> Any:
        if start:
            model.zero_grad()
        for x, y in pairs:
            loss = F.mse_loss(model(x), y)
            if before:
                model.zero_grad()
            loss.backward()
            if clip is not None:
                nn.utils.clip_grad_norm_(model.parameters(), clip)
            with torch.no_grad():
                for param in model.parameters():
                    param -= lr * param.grad
            if after:
                model.zero_grad()
        return loss.item()

    return answer


def train_with_optimizer(model: Any, pairs: Any, lr: Any) -> Any:
    optimizer = torch.optim.SGD(model.parameters(), lr)
    for x, y in pairs:
        optimizer.zero_grad()
        loss = F.mse_loss(model(x), y)
        loss.backward()
        optimizer.step()
    return loss.item()


def train_and_return_tensor(model: Any, pairs: Any, lr: Any) -> Any:
    return torch.tensor(train_on()(model, pairs, lr))


def train_by_autograd(model: Any, pairs: Any, lr: Any) -> Any:
    for x, y in pairs:
        params = list(model.parameters())
        loss = F.mse_loss(model(x), y)
        for param, grad in zip(params, torch.autograd.grad(loss, params), strict=True):
            param.data -= lr * grad
    return loss.item()


def train_on_nothing(model: Any, pairs: Any, lr: Any) -> Any:
    for x, y in pairs:
        loss = F.mse_loss(model(x), y)
        loss.backward()
        model.zero_grad(set_to_none=False)
        with torch.no_grad():
            for param in model.parameters():
                param -= lr * param.grad
    return loss.item()


def train_and_return_nothing(model: Any, pairs: Any, lr: Any) -> None:
    train_on()(model, pairs, lr)


def train_and_return_sum(model: Any, pairs: Any, lr: Any) -> Any:
    return sum(train_on()(model, [pair], lr) for pair in pairs)


def train_with_smaller_steps(model: Any, pairs: Any, lr: Any) -> Any:
    return train_on()(model, pairs, lr / len(pairs))


def train_once(mean: bool = False) -> Any:
    """One step for the sum or the mean of all losses."""

    def answer(model: Any, pairs: Any, lr: Any) -> Any:
        losses = torch.stack([F.mse_loss(model(x), y) for x, y in pairs])
        model.zero_grad()
        (losses.mean() if mean else losses.sum()).backward()
        with torch.no_grad():
            for param in model.parameters():
                param -= lr * param.grad
        return losses[-1].item()

    return answer


def cut(text: Any, batch_size: Any, num_steps: Any) -> Any:
    strips, labels = text[:-1].reshape(batch_size, -1), text[1:].reshape(batch_size, -1)
    for i in range(0, strips.shape[1], num_steps):
        yield strips[:, i : i + num_steps], labels[:, i : i + num_steps]


def cut_with_split(text: Any, batch_size: Any, num_steps: Any) -> Any:
    parts = (part.reshape(batch_size, -1).split(num_steps, 1) for part in (text[:-1], text[1:]))
    return list(zip(*parts, strict=True))


def rolled(text: Any, batch_size: Any, num_steps: Any) -> Any:
    strips = text[:-1].reshape(batch_size, -1)
    labels = torch.roll(strips, -1, dims=1)
    for i in range(0, strips.shape[1], num_steps):
        yield strips[:, i : i + num_steps], labels[:, i : i + num_steps]


def rolled_over_all(text: Any, batch_size: Any, num_steps: Any) -> Any:
    """Rolled before it is cut: only the very last label is wrong."""
    strips = text[:-1].reshape(batch_size, -1)
    labels = torch.roll(text[:-1], -1).reshape(batch_size, -1)
    for i in range(0, strips.shape[1], num_steps):
        yield strips[:, i : i + num_steps], labels[:, i : i + num_steps]


def text_end_for_all(text: Any, batch_size: Any, num_steps: Any) -> Any:
    """The last label of every strip is the text's last character."""
    for x, y in rolled(text, batch_size, 10_000):
        labels = torch.cat([y[:, :-1], text[-1].expand(batch_size, 1)], 1)
        yield from zip(x.split(num_steps, 1), labels.split(num_steps, 1), strict=True)


def last_label_dropped(text: Any, batch_size: Any, num_steps: Any) -> Any:
    strips = text[:-1].reshape(batch_size, -1)
    for i in range(0, strips.shape[1] - 1, num_steps):
        x = strips[:, i : min(i + num_steps, strips.shape[1] - 1)]
        yield x, strips[:, i + 1 : i + 1 + x.shape[1]]


def rolled_the_other_way(text: Any, batch_size: Any, num_steps: Any) -> Any:
    for x, _ in cut(text, batch_size, num_steps):
        yield x, torch.roll(x, 1, dims=1)


def inputs_moved_too(text: Any, batch_size: Any, num_steps: Any) -> Any:
    for _, y in cut(text, batch_size, num_steps):
        yield y, y


def only_inputs(text: Any, batch_size: Any, num_steps: Any) -> Any:
    for x, _ in cut(text, batch_size, num_steps):
        yield x


def row_by_row(H: Any, lengths: Any) -> Any:
    return torch.stack([H[:n, i].mean(0) for i, n in enumerate(lengths.tolist())])


def filled(H: Any, lengths: Any) -> Any:
    H[torch.arange(len(H))[:, None] >= lengths] = 0
    return H.sum(0) / lengths[:, None]


def multiplied(H: Any, lengths: Any) -> Any:
    real = (torch.arange(len(H))[:, None] < lengths)[..., None].float()
    return (H * real).sum(0) / real.sum(0)


def divided_by_the_longest(H: Any, lengths: Any) -> Any:
    return torch.where((torch.arange(len(H))[:, None] < lengths)[..., None], H, 0.0).mean(0)


def summed_up(H: Any, lengths: Any) -> Any:
    return H.sum(0) / lengths[:, None]


def one_step_too_few(H: Any, lengths: Any) -> Any:
    return torch.where((torch.arange(len(H))[:, None] < lengths - 1)[..., None], H, 0.0).sum(0) / lengths[:, None]


def one_step_too_many(H: Any, lengths: Any) -> Any:
    return torch.stack([H[: n + 1, i].mean(0) for i, n in enumerate(lengths.tolist())])


def last_states(H: Any, lengths: Any) -> Any:
    return H[lengths - 1, torch.arange(len(lengths))]


def real_rows(outputs: Any, Y: Any, lengths: Any) -> Any:
    real = (torch.arange(Y.shape[1])[:, None] < lengths).reshape(-1)
    return F.cross_entropy(outputs[real], Y.T.reshape(-1)[real])


def marked(outputs: Any, Y: Any, lengths: Any) -> Any:
    return marked_in_place(outputs, Y.clone(), lengths)


def labels_rows_first(outputs: Any, Y: Any, lengths: Any) -> Any:
    real = (torch.arange(Y.shape[1]) < lengths[:, None]).T.reshape(-1)
    return F.cross_entropy(outputs[real], Y.reshape(-1)[real])


def all_rows_first(outputs: Any, Y: Any, lengths: Any) -> Any:
    real = (torch.arange(Y.shape[1]) < lengths[:, None]).reshape(-1)
    return F.cross_entropy(outputs[real], Y.reshape(-1)[real])


def marked_in_place(outputs: Any, Y: Any, lengths: Any) -> Any:
    Y[torch.arange(Y.shape[1]) >= lengths[:, None]] = -100
    return F.cross_entropy(outputs, Y.T.reshape(-1))


def each_loss(outputs: Any, Y: Any, lengths: Any) -> Any:
    each = F.cross_entropy(outputs, Y.T.reshape(-1), reduction="none").reshape(Y.T.shape)
    return each, torch.arange(Y.shape[1])[:, None] < lengths


def counted_padding(outputs: Any, Y: Any, lengths: Any) -> Any:
    return F.cross_entropy(outputs, Y.T.reshape(-1))


def ignored_token(outputs: Any, Y: Any, lengths: Any) -> Any:
    return F.cross_entropy(outputs, Y.T.reshape(-1), ignore_index=0)


def divided_by_all(outputs: Any, Y: Any, lengths: Any) -> Any:
    each, real = each_loss(outputs, Y, lengths)
    return (each * real).mean()


def rows_alike(outputs: Any, Y: Any, lengths: Any) -> Any:
    each, real = each_loss(outputs, Y, lengths)
    return ((each * real).sum(0) / lengths).mean()


def real_sum(outputs: Any, Y: Any, lengths: Any) -> Any:
    each, real = each_loss(outputs, Y, lengths)
    return each[real].sum()


def rows_first(outputs: Any, Y: Any, lengths: Any) -> Any:
    each, real = each_loss(outputs, Y, lengths)
    return each.reshape(-1)[real.T.reshape(-1)].mean()


def as_number(outputs: Any, Y: Any, lengths: Any) -> Any:
    return real_rows(outputs, Y, lengths).item()


@torch.no_grad()
def perplexity(model: Any, batches: Any) -> Any:
    training = model.training
    model.eval()
    total, count, state = 0.0, 0, None
    for X, Y in batches:
        outputs, state = model(X, model.begin_state(len(X)) if state is None else state)
        total += F.cross_entropy(outputs, Y.T.reshape(-1), reduction="sum").item()
        count += Y.numel()
    model.train(training)
    return math.exp(total / count)


class Ordered(list[Any]):
    use_random_iter = False


def perplexity_by_funcs(model: Any, batches: Any) -> Any:
    return funcs.evaluate(model, Ordered(batches))


def perplexity_with(
    evaluate: bool = True, back: bool = True, carried: bool = True, mean: str = "all", tensor: bool = False
) -> Any:
    def answer(model: Any, batches: Any) -> Any:
        training, state, losses, counts = model.training, None, [], []
        if evaluate:
            model.eval()
        with torch.no_grad():
            for X, Y in batches:
                outputs, state = model(X, state if carried and state is not None else model.begin_state(len(X)))
                losses.append(F.cross_entropy(outputs, Y.T.reshape(-1)))
                counts.append(Y.numel())
        if back:
            model.train(training)
        each, weight = torch.stack(losses), torch.tensor(counts) / sum(counts)
        means = {"all": (each * weight).sum().exp(), "batches": each.mean().exp(), "perplexities": each.exp().mean()}
        return means[mean] if tensor else means[mean].item()

    return answer


def perplexity_with_graph(model: Any, batches: Any) -> Any:
    training, total, count, state = model.training, 0.0, 0, None
    model.eval()
    for X, Y in batches:
        outputs, state = model(X, model.begin_state(len(X)) if state is None else state)
        total += F.cross_entropy(outputs, Y.T.reshape(-1), reduction="sum").item()
        count += Y.numel()
    model.train(training)
    return math.exp(total / count)


@torch.no_grad()
def perplexity_rows_first(model: Any, batches: Any) -> Any:
    return perplexity(model, [(X, Y.reshape(Y.T.shape).T) for X, Y in batches])


def perplexity_as_it_stands(model: Any, batches: Any) -> Any:
    total: Any = 0
    for X, Y in batches:
        outputs, _ = model(X, model.begin_state(len(X)))
        total += F.cross_entropy(outputs, Y.T.reshape(-1)).exp()
    return total / len(batches)


def moves(
    copied: bool = True,
    every: Any = all,
    entries: bool = False,
    close: bool = False,
    two_models: bool = False,
    updates: int = 1,
    number: bool = False,
) -> Any:
    """The eighth test, with one slip or another."""

    def answer(recipe: Any) -> Any:
        model = recipe.build()
        optimizer = recipe.optimizer_for(model.parameters())
        before = [param.detach().clone() if copied else param for param in model.parameters()]
        X, Y = next(iter(recipe.batches(torch.zeros(100, dtype=torch.int64))))
        for _ in range(updates):
            outputs, _ = model(X, model.begin_state(len(X)))
            recipe.update(recipe.loss_of(outputs, Y), model, optimizer)
        after = list((recipe.build() if two_models else model).parameters())
        changes = [(a - b).abs() for a, b in zip(before, after, strict=True)]
        moved = [bool((change.min() if entries else change.max()) > (1e-5 if close else 0)) for change in changes]
        return sum(moved) if number else every(moved)

    return answer


def moves_by_difference(recipe: Any) -> Any:
    model = recipe.build()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    optimizer = recipe.optimizer_for(model.parameters())
    for X, Y in recipe.batches(torch.zeros(100, dtype=torch.int64)):
        recipe.update(recipe.loss_of(model(X, model.begin_state(len(X)))[0], Y), model, optimizer)
        break
    return torch.stack([(before[name] - value).abs().max() > 0 for name, value in model.named_parameters()]).all()


def moves_by_gradient(recipe: Any) -> Any:
    model = recipe.build()
    X, Y = next(iter(recipe.batches(torch.zeros(100, dtype=torch.int64))))
    recipe.loss_of(model(X, model.begin_state(len(X)))[0], Y).backward()
    return all(param.grad is not None and bool(param.grad.abs().max() > 0) for param in model.parameters())


RIGHT: dict[str, list[Any]] = {
    "17.1": [train_on(), train_with_optimizer, train_by_autograd],
    "17.2": [cut, cut_with_split],
    "17.3": [row_by_row, filled],
    "17.4": [real_rows, marked],
    "17.5": [perplexity, perplexity_by_funcs, perplexity_with()],
    "17.6": [moves(), moves_by_difference],
}
WRONG: dict[str, list[tuple[Any, str]]] = {
    "17.1": [
        (train_on(before=False), "still those of the function above"),
        (train_on(before=False, after=True), "Not every step is that of its own pair"),
        (train_on(before=False, start=True), "Not every step is that of its own pair"),
        (train_on(clip=0.01), "only makes the steps smaller"),
        (train_on(before=False, clip=0.1), "only makes the steps smaller"),
        (train_with_smaller_steps, "only makes the steps smaller"),
        (train_once(), "one step for all pairs together"),
        (train_once(mean=True), "one step for all pairs together"),
        (train_on_nothing, "don't move"),
        (train_and_return_nothing, "returns nothing"),
        (train_and_return_sum, "the loss of the last pair"),
        (train_and_return_tensor, "as a Python number"),
    ],
    "17.2": [
        (rolled, "the last label of a strip"),
        (rolled_over_all, "the last label of a strip"),
        (text_end_for_all, "the last label of a strip"),
        (last_label_dropped, "characters are lost"),
        (rolled_the_other_way, "a label is not the next"),
        (inputs_moved_too, "the inputs are no longer"),
        (only_inputs, "must yield pairs"),
    ],
    "17.3": [
        (lambda H, lengths: H.mean(0), "Padding is still counted"),
        (divided_by_the_longest, "Padding is still counted"),
        (last_states, "the last states, not their mean"),
        (summed_up, "with other numbers there it isn't"),
        (multiplied, "is not zero"),
        (one_step_too_few, "one step too few"),
        (one_step_too_many, "one step too many"),
        (lambda H, lengths: torch.tensor(row_by_row(H, lengths).tolist()), "nothing can be learned"),
        (lambda H, lengths: row_by_row(H, lengths).T, "the result must have shape"),
    ],
    "17.4": [
        (counted_padding, "still counted"),
        (ignored_token, "must count"),
        (divided_by_all, "by how many characters"),
        (real_sum, "not their sum"),
        (rows_alike, "Each row counts the same"),
        (rows_first, "Time first"),
        (as_number, "nothing can be learned"),
        (labels_rows_first, "exhibit 1"),
        (all_rows_first, "exhibit 1"),
        (marked_in_place, "Y has been changed"),
    ],
    "17.5": [
        (perplexity_as_it_stands, "in training mode"),
        (perplexity_with(evaluate=False), "in training mode"),
        (perplexity_with(back=False), "must leave in it"),
        (perplexity_with(carried=False), "empty memory"),
        (perplexity_with(mean="batches"), "each character should"),
        (perplexity_with(mean="perplexities"), "a mean of perplexities"),
        (perplexity_with_graph, "a graph is recorded"),
        (perplexity_with(tensor=True), "as a Python number"),
        (lambda model, batches: math.log(perplexity(model, batches)), "the perplexity is exp"),
        (perplexity_rows_first, "exhibit 1"),
    ],
    "17.6": [
        (moves(copied=False), "Every recipe fails"),
        (moves(entries=True), "Every recipe fails"),
        (moves(every=any), "It lets pass: one with a frozen weight"),
        (moves(two_models=True), "Every recipe passes"),
        (moves_by_gradient, "It lets pass: one whose optimizer"),
        (moves(close=True), "A false alarm"),
        (moves(updates=2), "One update is wanted"),
        (moves(number=True), "True or False is wanted"),
    ],
}
