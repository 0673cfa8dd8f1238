"""A cell of the reader's own: what is wrong with it is said, and what is right gets its row (chapter 12)."""

import math
from typing import Any

import matplotlib.pyplot as plt
import pytest
import torch

import funcs
from funcs import book
from funcs.book import trial


def get_params(input_size: int, num_hiddens: int) -> list[torch.Tensor]:
    return [
        torch.randn(input_size, num_hiddens) / math.sqrt(input_size),
        torch.randn(num_hiddens, num_hiddens) / math.sqrt(num_hiddens),
        torch.zeros(num_hiddens),
    ]


def step(X: Any, H: Any, params: Any) -> Any:
    W_x, W_h, b = params
    return torch.tanh(X @ W_x + H @ W_h + b)


def backward(X: Any, H: Any, params: Any, dH: Any) -> Any:
    W_x, W_h, _ = params
    dA = dH * (1 - step(X, H, params) ** 2)
    return dA @ W_x.T, dA @ W_h.T, [X.T @ dA, H.T @ dA, dA.sum(0)]


def test_a_right_cell_passes() -> None:
    assert len(trial.check_cell(get_params, step, None)) == 3
    assert len(trial.check_cell(get_params, step, backward)) == 4


def in_place(X: Any, H: Any, params: Any) -> Any:
    with torch.no_grad():
        H *= 0.5
    return step(X, H, params)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda X, H, params: step(X, H, params)[:, :2], r"got \(5, 2\)"),
        (lambda X, H, params: (step(X, H, params), H), "got tuple"),
        (in_place, "has changed one of them"),
        (lambda X, H, params: step(X, H, params) - H.mean(0), "each row must be computed from itself"),
        (lambda X, H, params: step(X, H.roll(1, 0), params), "each row must be computed from itself"),
        (lambda X, H, params: step(X, H, params) + torch.rand(1), "another the second time"),
        (lambda X, H, params: step(X, H, params).detach(), "without a gradient"),
    ],
)
def test_a_wrong_step_is_told_so(wrong: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        trial.check_cell(get_params, wrong, None)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda dX, dH, dparams: (dX, -dH, dparams), "that of H differs"),
        (lambda dX, dH, dparams: (dX * 1.001, dH, dparams), "that of X differs"),
        (lambda dX, dH, dparams: (dX, dH, [*dparams[:2], dparams[2] / 5]), r"params\[2\] differs"),
        (lambda dX, dH, dparams: (dX, dH, dparams[:2]), "one gradient for each of 3 params, got 2"),
    ],
)
def test_a_wrong_backward_is_told_so(change: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        trial.check_cell(get_params, step, lambda *args: change(*backward(*args)))


def test_backward_is_what_trains_the_model() -> None:
    x, y = torch.randint(9, (4, 7)), torch.randint(9, (28,))
    gradients = []
    for back in (None, backward):
        torch.manual_seed(0)
        model = trial.TriedModel(get_params, step, back, 9, 6)
        outputs, _ = model(x, model.begin_state(4))
        torch.nn.functional.cross_entropy(outputs, y).backward()
        gradients.append([param.grad for param in model.parameters()])
    torch.testing.assert_close(*gradients)
    silent = trial.TriedModel(get_params, step, lambda *args: (*backward(*args)[:2], [None] * 3), 9, 6)
    outputs, _ = silent(x, silent.begin_state(4))
    outputs.sum().backward()
    assert all(param.grad is None for param in silent.params)  # autograd hasn't gone its own way


def test_sizes_are_as_equal_as_whole_numbers_allow() -> None:
    make = lambda h: trial.TriedModel(get_params, step, None, 28, h)  # noqa: E731
    h = trial.of_equal_size(make, 40_000)
    off = [abs(trial.num_params(make(k)) - 40_000) for k in (h - 1, h, h + 1)]
    assert off[1] == min(off)


def test_the_table_of_a_cell(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    corpus, vocab = funcs.load_corpus()
    monkeypatch.setattr(funcs, "load_corpus", lambda: (corpus[:60_000], vocab))
    tried = book.try_cell(get_params, step, size=4000, num_epochs=1, seeds=(0, 1))
    out = capsys.readouterr().out
    assert list(tried) == ["yours", "RNN", "GRU", "LSTM"] and all(len(bits) == 2 for bits in tried.values())
    assert all(2 < bits < 5 for row in tried.values() for bits in row)
    assert all(f"{min(bits):.3f} to {max(bits):.3f}" in out for bits in tried.values())


def test_stored_parts_and_the_error_of_one_that_is_not() -> None:
    assert book.stored("compressors")[0].keys() >= {"name", "bits", "seconds"}
    with pytest.raises(KeyError, match="compressors.*'nonsense'"):
        book.stored("nonsense")


def test_the_scoreboards_pictures() -> None:
    _, vocab = funcs.load_corpus()
    ngram = funcs.NGram(torch.tensor(vocab[list("the time machine")]), 3, len(vocab))
    context = vocab[list("the")]
    _, axes = plt.subplots(2, 2)
    book.draw_sharpening(ngram, context, vocab, axes[0, 0])
    assert [label.get_text() for label in axes[0, 0].get_yticklabels()] == ["nothing", "e", "he"]
    rows = [torch.tensor([0.5, 0.25, 0.25]), torch.tensor([0.25, 0.5, 0.25])]
    book.draw_intervals(rows, [1, 1], funcs.Vocab(["a", "b"]), axes[0, 1])
    assert axes[0, 1].get_title(loc="left") == f"from {0.5 + 0.25 * 0.25:.10f} to {0.5 + 0.25 * 0.75:.10f}"
    book.draw_scores({"bad": 4.0, "good": 1.8}, {"good": book.ORANGE}, axes[1, 0])
    assert [label.get_text() for label in axes[1, 0].get_yticklabels()] == ["bad", "good"]
    book.draw_mixtures([0, 0.5, 1], [2.0, 1.5, 1.8], 0.55, axes[1, 1])
    assert [text.get_text() for text in axes[1, 1].texts] == ["1.500 bits"]
    _, ax = plt.subplots()
    book.draw_curves([{"name": "a", "training": [2.0, 1.9], "validation": [2.1, 2.0]}], ["a"], [ax])
    assert len(ax.lines) == 2
    plt.close("all")
