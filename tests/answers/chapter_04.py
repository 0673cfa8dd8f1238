"""Answers to the exercises of chapter 04."""

import math
from typing import Any

import torch
from torch.nn import functional as F

import funcs


def rows(x: Any, state: Any, params: Any) -> Any:
    W_xh, W_hh, b_h, W_hq, b_q = params
    (H,) = state
    states = []
    for t in range(x.shape[1]):
        H = (W_xh.index_select(0, x[:, t]) + b_h).addmm(H, W_hh).tanh()
        states.append(H)
    return torch.cat(states) @ W_hq + b_q, (H,)


def embedded(x: Any, state: Any, params: Any) -> Any:
    W_xh, W_hh, b_h, W_hq, b_q = params
    H, outputs = state[0], []
    for X in F.embedding(x.T, W_xh):
        H = torch.tanh(X + torch.mm(H, W_hh) + b_h)
        outputs.append(F.linear(H, W_hq.T, b_q))
    return torch.stack(outputs).flatten(0, 1), (H,)


def changed(**how: Any) -> Any:
    """The right function of exercise 4 with one thing wrong."""

    def forward(x: Any, state: Any, params: Any) -> Any:
        params = list(params)
        for place in how.get("zero", ()):
            params[place] = torch.zeros_like(params[place])
        if how.get("fresh"):
            state = (torch.zeros_like(state[0]),)
        outputs, last = embedded(x, state, params)
        if how.get("by_row"):
            outputs = outputs.reshape(x.shape[1], x.shape[0], -1).transpose(0, 1).flatten(0, 1)
        return outputs, last[0] if how.get("tensor") else last

    return forward


def by_products(x: Any, state: Any, params: Any) -> Any:
    W_xh, W_hh, b_h, W_hq, b_q = params
    (H,), outputs = state, []
    for X in F.one_hot(x.T, len(W_xh)).to(W_xh.dtype):
        H = torch.tanh(X @ W_xh + H @ W_hh + b_h)
        outputs.append(H @ W_hq + b_q)
    return torch.cat(outputs), (H,)


def copied(x: Any, state: Any, params: Any) -> Any:
    W_xh, *rest = params
    W_xh, outputs, H = W_xh.clone(), [], state[0]
    for tokens in x.T:
        X = (tokens[:, None] == torch.arange(len(W_xh))).to(W_xh.dtype)
        H = torch.tanh(X @ W_xh + H @ rest[0] + rest[1])
        outputs.append(H @ rest[2] + rest[3])
    return torch.cat(outputs), (H,)


def glued(x: Any, state: Any, params: Any) -> Any:
    W_xh, W_hh, b_h, W_hq, b_q = params
    W, outputs, H = torch.cat((W_xh, W_hh)), [], state[0]
    for tokens in x.T:
        X = (tokens[:, None] == torch.arange(len(W_xh))).to(W_xh.dtype)
        H = torch.tanh(torch.cat((X, H), 1) @ W + b_h)
        outputs.append(H @ W_hq + b_q)
    return torch.cat(outputs), (H,)


def by_comparing(x: Any, state: Any, params: Any) -> Any:
    W_xh, W_hh, b_h, W_hq, b_q = params
    (H,), outputs = state, []
    for tokens in x.T:
        X = (tokens[:, None] == torch.arange(len(W_xh))).to(W_xh.dtype)
        H = torch.tanh((X[:, :, None] * W_xh).sum(1) + H @ W_hh + b_h)
        outputs.append(H @ W_hq + b_q)
    return torch.cat(outputs), (H,)


def rows_of_x(x: Any, state: Any, params: Any) -> Any:
    return embedded(x.T, state, params)


def with_funcs(x: Any, state: Any, params: Any) -> Any:
    return funcs.rnn_forward(x.T, state, params)


def by_eye(x: Any, state: Any, params: Any) -> Any:
    W_xh, W_hh, b_h, W_hq, b_q = params
    (H,), outputs = state, []
    for tokens in x.T:
        H = torch.tanh(torch.eye(len(W_xh))[tokens].mm(W_xh) + H @ W_hh + b_h)
        outputs.append(H @ W_hq + b_q)
    return torch.cat(outputs), (H,)


def along_the_rows(x: Any, state: Any, params: Any) -> Any:
    return embedded(x.flip(1), state, params)


def outputs_only(x: Any, state: Any, params: Any) -> Any:
    return embedded(x, state, params)[0]


def in_pieces(text: str, length: int, model: Any, vocab: Any) -> Any:
    state = model.begin_state(1)
    for i in range(0, len(text), length):
        _, state = model(torch.tensor([vocab[list(text[i : i + length])]]), state)
    return state


def split_in_pieces(text: str, length: int, model: Any, vocab: Any) -> Any:
    state = model.begin_state(batch_size=1)
    for piece in torch.tensor(vocab[list(text)]).split(length):
        state = model(piece[None], state)[1]
    return state


def at_once(text: str, length: int, model: Any, vocab: Any) -> Any:
    return model(torch.tensor([vocab[list(text)]]), model.begin_state(1))[1]


def without_the_rest(text: str, length: int, model: Any, vocab: Any) -> Any:
    state = model.begin_state(1)
    for i in range(len(text) // length):
        _, state = model(torch.tensor([vocab[list(text[i * length : (i + 1) * length])]]), state)
    return state


def forgetful(text: str, length: int, model: Any, vocab: Any) -> Any:
    for i in range(0, len(text), length):
        _, state = model(torch.tensor([vocab[list(text[i : i + length])]]), model.begin_state(1))
    return state


def letter_by_letter(text: str, length: int, model: Any, vocab: Any) -> Any:
    return in_pieces(text, 1, model, vocab)


def without_list(text: str, length: int, model: Any, vocab: Any) -> Any:
    return model(torch.tensor([vocab[text[:length]]]), model.begin_state(1))[1]


def by_autograd(table: Any, counts: Any) -> Any:
    table = table.clone().requires_grad_()
    loss = -(counts * table.log_softmax(1)).sum() / counts.sum()
    return torch.autograd.grad(loss, table)[0]


def by_functorch(table: Any, counts: Any) -> Any:
    return torch.func.grad(lambda scores: -(counts * scores.log_softmax(1)).sum() / counts.sum())(table)


def row_for_each_place(table: Any, counts: Any) -> Any:
    places = torch.repeat_interleave(torch.arange(len(table)), counts.sum(1).long())
    return (torch.zeros_like(table).index_add_(0, places, table.softmax(1)[places]) - counts) / counts.sum()


def by_shares(table: Any, counts: Any) -> Any:
    used = counts.sum(1, keepdim=True)
    return used / counts.sum() * (table.softmax(1) - counts / used)


def by_safe_shares(table: Any, counts: Any) -> Any:
    used = counts.sum(1, keepdim=True)
    return used / counts.sum() * (table.softmax(1) - counts / used.clamp(min=1e-9))


def draw_token(logits: Any, temperature: float) -> int:
    if temperature == 0:
        return int(logits.argmax())
    return int(torch.multinomial((logits / temperature).softmax(0), 1))


def draw_by_gumbel(logits: Any, temperature: float) -> Any:
    noise = -torch.empty_like(logits).exponential_().log()
    return (logits + temperature * noise).argmax()


def table_gradient(table: Any, counts: Any) -> Any:
    return (table.softmax(1) * counts.sum(1, keepdim=True) - counts) / counts.sum()


def table_gradient_by_logs(table: Any, counts: Any) -> Any:
    share = counts / counts.sum()
    return torch.exp(table - table.logsumexp(1, keepdim=True)) * share.sum(1)[:, None] - share


RIGHT: dict[str, list[Any]] = {
    "04.1": [4580 * 256 + 256 * 256 + 256 + 256 * 4580 + 4580, torch.tensor(2_415_332), 2_415_332.0],
    "04.2": [math.exp(1.875), 6.521, torch.tensor(1.875).exp()],
    "04.3": [1 / 35, 0.02857, torch.tensor(1 / 35)],
    "04.4": [rows, embedded],
    "04.5": [in_pieces, split_in_pieces],
    "04.6": [table_gradient, table_gradient_by_logs, by_safe_shares],
    "04.7": [draw_token, draw_by_gumbel],
}
WRONG: dict[str, list[tuple[Any, str]]] = {
    "04.1": [
        (2_410_752, "b_q"),
        (2_410_496, "Two of the five are biases"),
        (2_415_588, "twice"),
        (80_156, "28 characters"),
        (2_415_333, "Add up"),
        (2 * 4580 * 512 + 512**2 + 512 + 4580, "256 hidden units"),
        ((2, 415, 332), "A comma within a number"),
        ("2415332", "the text '2415332'"),
    ],
    "04.2": [
        (1.875, "its exponential"),
        (math.exp(1.75), "weighs more"),
        ((math.exp(1.5) + 3 * math.exp(2)) / 4, "average the losses"),
        (6.0, "mean over all 4,000"),
        (3.668, "natural logarithms"),
    ],
    "04.3": [
        (35, "larger or smaller"),
        (1 / 1120, "the rows are averaged"),
        (1 / 32, "what is summed"),
        (1, "longer"),
        (0.5, "By which factor"),
    ],
    "04.4": [
        (by_products, "a one-hot tensor was made"),
        (by_eye, "a one-hot tensor was made"),
        (copied, "a matrix product with W_xh"),
        (glued, "a matrix product with W_xh"),
        (by_comparing, "makes one-hot vectors"),
        (with_funcs, "Write the loop yourself"),
        (rows_of_x, "a step is a column"),
        (changed(zero=[4]), "b_q"),
        (changed(zero=[2]), "b_h"),
        (changed(fresh=True), "the state that it is given"),
        (changed(by_row=True), "wrong order"),
        (changed(tensor=True), "a tuple with one tensor"),
        (along_the_rows, "which row of W_xh"),
        (outputs_only, "Return two things"),
    ],
    "04.5": [
        (at_once, "was called with [25] characters"),
        (letter_by_letter, "the model was called with"),
        (without_the_rest, "24 of the 25 characters were read"),
        (forgetful, "not from zero"),
        (without_list, "It stopped with"),
        (lambda *args: in_pieces(*args)[0], "yours is a tensor"),
    ],
    "04.6": [
        (lambda table, counts: table.softmax(1) * counts.sum(1, keepdim=True) - counts, "N times too long"),
        (lambda table, counts: -table_gradient(table, counts), "the other way"),
        (lambda table, counts: (table.softmax(1) - counts) / counts.sum(), "each time P takes part"),
        (lambda table, counts: table.softmax(1) - counts / counts.sum(1, keepdim=True), "used often gets more"),
        (by_shares, "0 / 0 is nan"),
        (by_autograd, "Without autograd"),
        (by_functorch, "Without autograd"),
        (row_for_each_place, "don't round"),
        (lambda table, counts: (counts.sum(1) * table.softmax(1) - counts) / counts.sum(), "keepdim"),
        (lambda table, counts: (counts.sum(1, keepdim=True) * table.softmax(1) - counts) / 9999, "isn't 9,999"),
        (lambda table, counts: table_gradient(table, counts)[0], "the shape of the table"),
        (lambda table, counts: (table.softmax(0) * counts.sum(1, keepdim=True) - counts) / counts.sum(), "along a row"),
        (lambda table, counts: table.softmax(0) * counts.sum(1, keepdim=True) - counts, "not autograd's"),
    ],
    "04.7": [
        (lambda logits, temperature: int(logits.argmax()), "always returned the same token"),
        (lambda logits, temperature: int(torch.multinomial(logits.softmax(0), 1)), "draws as at temperature 1"),
        (lambda logits, temperature: draw_token(logits, 1 / temperature), "this multiplies"),
        (lambda logits, temperature: (logits / max(temperature, 1e-3)).softmax(0), "number of one token"),
        (lambda logits, temperature: draw_token(logits, max(temperature, 0.5)), "At temperature 0"),
        (lambda logits, temperature: int(torch.multinomial((logits / temperature).softmax(0), 1)), "don't divide"),
        (lambda logits, temperature: int(torch.multinomial(logits.softmax(0) / temperature, 1)), "after the softmax"),
        (lambda logits, temperature: int(torch.randint(len(logits), ())), "All tokens come equally often"),
    ],
}
