"""Answers to the exercises of chapter 05."""

from typing import Any

import torch


def params(model: Any) -> list[Any]:
    rnn, linear = model.rnn, model.linear
    return [rnn.weight_ih_l0.T, rnn.weight_hh_l0.T, rnn.bias_ih_l0 + rnn.bias_hh_l0, linear.weight.T, linear.bias]


def params_by_name(model: Any) -> Any:
    own = model.state_dict()
    W_xh, W_hh, W_hq = (own[n].t().clone() for n in ("rnn.weight_ih_l0", "rnn.weight_hh_l0", "linear.weight"))
    return W_xh, W_hh, own["rnn.bias_hh_l0"].add(own["rnn.bias_ih_l0"]), W_hq, own["linear.bias"]


def with_change(place: int, change: Any) -> Any:
    def answer(model: Any) -> Any:
        tensors = params(model)
        tensors[place] = change(model, tensors[place])
        return tensors

    return answer


def by_loop(x: Any, G: Any, num_rows: int) -> Any:
    gradient = torch.zeros(num_rows, G.shape[1])
    for token, row in zip(x.tolist(), G, strict=True):
        gradient[token] += row
    return gradient


def by_product(x: Any, G: Any, num_rows: int) -> Any:
    return torch.nn.functional.one_hot(x, num_rows).T.to(G.dtype) @ G


def overwritten(x: Any, G: Any, num_rows: int) -> Any:
    gradient = torch.zeros(num_rows, G.shape[1])
    gradient[x] += G
    return gradient


def stored_once(x: Any, G: Any, num_rows: int) -> Any:
    gradient = torch.zeros(num_rows, G.shape[1])
    gradient[x] = G
    return gradient


def without_num_rows(x: Any, G: Any, num_rows: int) -> Any:
    return torch.nn.functional.one_hot(x).T.to(G.dtype) @ G


def averaged(x: Any, G: Any, num_rows: int) -> Any:
    return by_product(x, G, num_rows) / torch.bincount(x, minlength=num_rows).clamp(min=1)[:, None]


def in_pieces(model: Any, x: Any, length: int, fresh: bool = False) -> Any:
    state, outputs = model.begin_state(len(x)), []
    for piece in x.split(length, dim=1):
        output, state = model(piece, model.begin_state(len(x)) if fresh else state)
        outputs.append(output)
    return torch.cat(outputs)


def in_pieces_by_index(model: Any, x: Any, length: int) -> Any:
    T, state, outputs = x.shape[1], model.begin_state(len(x)), None
    for i in range(0, T, length):
        output, state = model(x[:, i : min(i + length, T)], state)
        outputs = output if outputs is None else torch.vstack((outputs, output))
    return outputs


def by_row(model: Any, x: Any, length: int) -> Any:
    outputs = in_pieces(model, x, length)
    return outputs.reshape(x.shape[1], len(x), -1).transpose(0, 1).flatten(0, 1)


def without_the_rest(model: Any, x: Any, length: int) -> Any:
    return in_pieces(model, x[:, : x.shape[1] // length * length], length)


def parameter_list(model: Any) -> Any:
    return torch.nn.ParameterList(params(model))


def by_backward(x: Any, G: Any, num_rows: int) -> Any:
    table = torch.zeros(num_rows, G.shape[1], requires_grad=True)
    table[x].backward(G)
    return table.grad


def divided(x: Any, G: Any, num_rows: int) -> Any:
    return by_product(x, G, num_rows) / torch.bincount(x, minlength=num_rows)[:, None]


def along_the_batch(model: Any, x: Any, length: int) -> Any:
    return torch.cat([model(rows, model.begin_state(len(rows)))[0] for rows in x.split(length)])


def judge(shape: tuple[int, int] = (20, 5), state: bool = True, tolerance: float = 1e-9, exactly: bool = False) -> Any:
    def same_function(a: Any, b: Any) -> bool:
        X = torch.randn(*shape, 3, dtype=torch.float64)
        H = torch.randn(shape[1], 4, dtype=torch.float64) * state
        return torch.equal(a(X, H), b(X, H)) if exactly else bool((a(X, H) - b(X, H)).abs().max() < tolerance)

    return same_function


def judge_once(compare: Any) -> Any:
    def same_function(a: Any, b: Any) -> bool:
        X, H = torch.randn(20, 5, 3, dtype=torch.float64), torch.randn(5, 4, dtype=torch.float64)
        return bool(compare(a(X, H), b(X, H)))

    return same_function


def judge_by_zeros(a: Any, b: Any) -> Any:
    X, H = torch.zeros(20, 5, 3, dtype=torch.float64), torch.randn(5, 4, dtype=torch.float64)
    return torch.allclose(a(X, H), b(X, H), atol=1e-10)


def judge_by_many(a: Any, b: Any) -> Any:
    for num_steps in (1, 3, 12):
        X, H = torch.rand(num_steps, 2, 3, dtype=torch.float64), torch.rand(2, 4, dtype=torch.float64)
        try:
            torch.testing.assert_close(a(X, H), b(X, H))
        except AssertionError:
            return False
    return True


RIGHT: dict[str, list[Any]] = {
    "05.1": [2 * 512 * 28 + 512**2 + 2 * 512 + 28, torch.tensor(291_868), 291_868.0],
    "05.2": [params, params_by_name, parameter_list],
    "05.3": [by_loop, by_product],
    "05.4": [in_pieces, in_pieces_by_index],
    "05.5": [judge(), judge_by_many],
}
WRONG: dict[str, list[tuple[Any, str]]] = {
    "05.1": [
        (291_356, "twice"),
        (291_840, "linear layer has a bias"),
        (290_844, "biases of nn.RNN are missing"),
        (277_504, "on top is missing"),
        (290_816, "No bias is counted"),
        (291_869, "Add up"),
        ("291,868", "One number is wanted"),
    ],
    "05.2": [
        (with_change(2, lambda model, b: model.rnn.bias_ih_l0), "only one of them"),
        (with_change(1, lambda model, W: W.T), "transposed"),
        (with_change(0, lambda model, W: W.T), "W_xh is (5, 7)"),
        (with_change(4, lambda model, b: 0 * b), "b_q is not what"),
        (lambda model: list(model.parameters()), "Five tensors"),
    ],
    "05.3": [
        (overwritten, "collects all its rows"),
        (stored_once, "collects all its rows"),
        (without_num_rows, "shape of the table"),
        (averaged, "not their mean"),
        (divided, "not their mean"),
        (by_backward, "without autograd"),
        (lambda x, G, num_rows: by_product(x, G, num_rows) / len(x), "No division"),
        (lambda x, G, num_rows: G, "shape of the table"),
        (lambda x, G, num_rows: by_product(x.flip(0), G, num_rows), "which rows does"),
    ],
    "05.4": [
        (lambda model, x, length: model(x, model.begin_state(len(x)))[0], "with 30 steps at once"),
        (lambda model, x, length: in_pieces(model, x, length, fresh=True), "not from zero"),
        (by_row, "row by row"),
        (without_the_rest, "last piece is missing"),
        (lambda model, x, length: list(x.split(length, 1)), "Return one tensor"),
        (along_the_batch, "split the time"),
    ],
    "05.5": [
        (judge(exactly=True), "only round differently"),
        (judge(state=False), "forgets the state that it is given"),
        (judge(shape=(20, 1)), "mixes the rows"),
        (judge(shape=(5, 4)), "at the ninth step"),
        (judge(tolerance=1e-4), "by a millionth"),
        (lambda a, b: a(torch.ones(9, 2, 3).double(), torch.ones(2, 4).double()), "Return True or False"),
        (lambda a, b: True, "has W_hh transposed"),
        (judge_once(lambda a, b: (a.sum() - b.sum()).abs() < 1e-9), "in another order"),
        (judge_once(lambda a, b: (a.norm() - b.norm()).abs() < 1e-9), "in another order"),
        (judge_once(lambda a, b: torch.allclose(a[:, 0], b[:, 0])), "in one unit of one row"),
        (judge_once(lambda a, b: torch.allclose(a[-1], b[-1], atol=1e-10)), "in the middle"),
        (judge_once(lambda a, b: (a - b).max() < 1e-9), "It says True when one of the two"),
        (judge_by_zeros, "one number of each input"),
    ],
}
