"""Layers with the call of nn.RNN, the model around them, and the graph they leave."""

from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

import funcs
from funcs import book

SIZES = st.integers(1, 5)


def as_library(mine: funcs.MyRNN) -> nn.RNN:
    """nn.RNN with the weights of `mine`."""
    sizes = (mine.input_size, mine.hidden_size, mine.num_layers)
    theirs = nn.RNN(*sizes, batch_first=mine.batch_first).to(mine.b_h[0].dtype)
    weights = {}
    for i in range(mine.num_layers):
        weights[f"weight_ih_l{i}"], weights[f"weight_hh_l{i}"] = mine.W_xh[i].T, mine.W_hh[i].T
        weights[f"bias_ih_l{i}"], weights[f"bias_hh_l{i}"] = mine.b_h[i], torch.zeros_like(mine.b_h[i])
    theirs.load_state_dict(weights)
    return theirs


@given(st.integers(1, 4), st.booleans(), st.booleans(), SIZES, SIZES, SIZES, SIZES)
def test_equals_the_library(
    num_layers: int, batch_first: bool, with_state: bool, num_steps: int, batch_size: int, inputs: int, hiddens: int
) -> None:
    mine = funcs.MyRNN(inputs, hiddens, num_layers, batch_first).double()
    theirs = as_library(mine)
    shape = (batch_size, num_steps, inputs) if batch_first else (num_steps, batch_size, inputs)
    X, state = torch.randn(shape).double(), torch.randn(num_layers, batch_size, hiddens).double()
    before = X.clone(), state.clone()
    results: list[Any] = []
    for net in (mine, theirs):
        given_X, given_state = X.clone().requires_grad_(), state.clone().requires_grad_()
        output, last = net(given_X, given_state) if with_state else net(given_X)
        (output.square().sum() + last.sum()).backward()
        grads = [given_X.grad] + [given_state.grad] * with_state
        results.append(([output, last], grads))
    assert torch.equal(X, before[0]) and torch.equal(state, before[1])
    (forward, grads), (their_forward, their_grads) = results
    for i in range(num_layers):
        grads += [mine.W_xh[i].grad.T, mine.W_hh[i].grad.T, mine.b_h[i].grad]
        their_grads += [getattr(theirs, f"{name}_l{i}").grad for name in ("weight_ih", "weight_hh", "bias_ih")]
    for ours, library in zip(forward, their_forward, strict=True):
        torch.testing.assert_close(ours, library, rtol=1e-12, atol=1e-12)
    for ours, library in zip(grads, their_grads, strict=True):
        torch.testing.assert_close(ours, library, rtol=1e-10, atol=1e-10)


def test_wrong_calls() -> None:
    net = funcs.MyRNN(3, 8, num_layers=2)
    state = torch.zeros(2, 5, 8)
    with pytest.raises(ValueError, match=r"\(num_steps, batch_size, input_size\) with input_size 3, got \(4, 3\)"):
        net(torch.zeros(4, 3))
    with pytest.raises(ValueError, match=r"with input_size 3, got \(4, 5, 7\)"):
        net(torch.zeros(4, 5, 7), state)
    with pytest.raises(ValueError, match=r"with input_size 3, got \(0, 5, 3\)"):
        net(torch.zeros(0, 5, 3), state)
    for wrong in ((1, 5, 8), (2, 4, 8), (2, 5, 7), (5, 8)):
        with pytest.raises(ValueError, match=r"state must have shape .* = \(2, 5, 8\), got"):
            net(torch.zeros(4, 5, 3), torch.zeros(wrong))
    batch_first = funcs.MyRNN(3, 8, 2, batch_first=True)
    with pytest.raises(ValueError, match=r"\(batch_size, num_steps, input_size\) with input_size 3, got \(4, 5, 7\)"):
        batch_first(torch.zeros(4, 5, 7))
    assert batch_first(torch.zeros(5, 4, 3), state)[0].shape == (5, 4, 8)
    for sizes in ((3, 8, 0), (0, 8, 1), (3, 0, 1)):
        with pytest.raises(ValueError, match="must be at least 1, got"):
            funcs.MyRNN(*sizes)


def test_model_around_a_layer() -> None:
    train_iter, vocab = funcs.load_data_time_machine(8, 10, max_tokens=1000, generator=0)
    for layer in (funcs.MyRNN(28, 16, 2), nn.RNN(28, 16), nn.GRU(28, 16, 2), nn.RNN(28, 16, bidirectional=True)):
        torch.manual_seed(0)
        model = funcs.RNNModel(layer, 28)
        X, _ = next(iter(train_iter))
        outputs, state = model(X, model.begin_state(8))
        assert outputs.shape == (80, 28) and state.shape == model.begin_state(8).shape
        history = funcs.train(model, train_iter, 2, live=False, progress=False)
        assert history.perplexity[1] < history.perplexity[0]
        assert len(funcs.predict("time", 3, model, vocab)) == 7
    assert model.double().begin_state(3).dtype == torch.float64
    with pytest.raises(ValueError, match="must be time-major, got one with batch_first=True"):
        funcs.RNNModel(nn.RNN(28, 16, batch_first=True), 28)
    with pytest.raises(ValueError, match=r"must have input_size 28 \(vocab_size\), got 5"):
        funcs.RNNModel(nn.RNN(5, 16), 28)
    with pytest.raises(ValueError, match=r"x must be int64 of shape \(batch_size, num_steps\)"):
        model(X[0], model.begin_state(1))


def test_relative_difference() -> None:
    a = torch.tensor([1.0, -4.0])
    assert book.relative_difference(a, a) == 0 == book.relative_difference(a * 0, a * 0)
    assert book.relative_difference(a + torch.tensor([0.0, 1.0]), a) == 0.25
    with pytest.raises(ValueError, match="one shape, got"):
        book.relative_difference(a, a[:1])


def test_graph_nodes_counts_each_once() -> None:
    a = torch.ones(2, requires_grad=True)
    assert len(book.graph_nodes(a * 2)) == 2
    b = a * a
    assert len(book.graph_nodes(b + b)) == 3
    with pytest.raises(ValueError, match="got one without a graph"):
        book.graph_nodes(torch.ones(2))


def test_graph_is_drawn_with_all_its_nodes() -> None:
    layer, x = nn.RNNCell(1, 3), torch.ones(1, 1)
    y = layer(x, layer(x))
    names = {param: name for name, param in layer.named_parameters()}
    texts = [text.get_text() for text in book.draw_graph(y, names).axes[0].texts]
    assert sum(bool(text) for text in texts) == len(book.graph_nodes(y))
    assert set(names.values()) <= set(texts)
