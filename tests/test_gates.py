"""GRU and LSTM against nn.GRU and nn.LSTM, plain loops and finite differences; their switches; their errors."""

import copy
import re
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

import funcs
from funcs import book, recurrences
from funcs.recurrences import products

SIZES = st.integers(1, 5)
LAYERS: dict[str, tuple[Any, Any]] = {"GRU": (funcs.GRU, nn.GRU), "LSTM": (funcs.LSTM, nn.LSTM)}


def weights(num_gates: int, inputs: int, hiddens: int) -> list[torch.Tensor]:
    """Random W_ih, W_hh, b_ih, b_hh in float64."""
    g = num_gates * hiddens
    return [torch.randn(shape).double().requires_grad_() for shape in ((g, inputs), (g, hiddens), (g,), (g,))]


def random_states(name: str, *shape: int) -> Any:
    """A state of the layer's kind."""
    H, C = torch.randn(2, *shape).double().requires_grad_().unbind()
    return (H, C) if name == "LSTM" else H


def flat(state: Any) -> list[torch.Tensor]:
    return list(state) if isinstance(state, tuple) else [state]


@pytest.mark.parametrize("sizes", [(1, 1, 1, 1), (4, 3, 2, 5)])
@pytest.mark.parametrize("name", ["GRUFunction", "GRUResetBeforeFunction", "LSTMFunction"])
def test_gradcheck(name: str, sizes: tuple[int, int, int, int]) -> None:
    torch.manual_seed(0)
    num_steps, batch_size, inputs, hiddens = sizes
    function: Any = getattr(recurrences, name)
    X = torch.randn(num_steps, batch_size, inputs).double().requires_grad_()
    states = [torch.randn(batch_size, hiddens).double().requires_grad_() for _ in range(1 + (name == "LSTMFunction"))]
    assert torch.autograd.gradcheck(function.apply, (X, *states, *weights(3 + len(states) - 1, inputs, hiddens)))


@pytest.mark.parametrize("name", LAYERS)
@given(st.integers(1, 3), *[st.booleans()] * 5, SIZES, st.integers(0, 5), SIZES, SIZES)
def test_equals_the_library(
    name: str,
    num_layers: int,
    bias: bool,
    bidirectional: bool,
    batch_first: bool,
    with_state: bool,
    with_batch: bool,
    num_steps: int,
    batch_size: int,
    inputs: int,
    hiddens: int,
) -> None:
    ours_class, library_class = LAYERS[name]
    arguments = (inputs, hiddens, num_layers, bias, batch_first, 0.0, bidirectional)
    ours, theirs = ours_class(*arguments).double(), library_class(*arguments).double()
    ours.load_state_dict(theirs.state_dict())
    batch = [batch_size] * with_batch
    X = torch.randn(*([*batch, num_steps] if batch_first else [num_steps, *batch]), inputs).double().requires_grad_()
    state = random_states(name, num_layers * (1 + bidirectional), *batch, hiddens) if with_state else None
    inputs_before = [tensor.detach().clone() for tensor in [X] + flat(state) * with_state]
    results = []
    for net in (ours, theirs):
        output, last = net(X, state)
        total = (output**2).sum() + sum((k + 2) * (part**3).sum() for k, part in enumerate(flat(last)))
        leaves = [X, *(flat(state) if with_state else []), *net.parameters()]
        results.append(([output, *flat(last)], torch.autograd.grad(total, leaves)))
    (forward, grads), (their_forward, their_grads) = results
    for a, b in zip(forward, their_forward, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-12, atol=1e-12)
    for a, b in zip(grads, their_grads, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-10)
    assert all(map(torch.equal, [X] + flat(state) * with_state, inputs_before))


@pytest.mark.parametrize("batch_first", [False, True])
@pytest.mark.parametrize("name", LAYERS)
def test_output_may_be_changed_in_place(name: str, batch_first: bool) -> None:
    net, X = LAYERS[name][0](3, 3, batch_first=batch_first), torch.randn(5, 4, 3)
    elsewhere = torch.relu(net(X)[0] + X)
    in_place, _ = net(X)
    assert in_place.is_contiguous()
    in_place += X
    in_place.relu_()
    grads = [torch.autograd.grad((output**2).sum(), list(net.parameters())) for output in (elsewhere, in_place)]
    torch.testing.assert_close(*grads)


@pytest.mark.parametrize("name", LAYERS)
def test_weights_go_both_ways(name: str) -> None:
    ours_class, library_class = LAYERS[name]
    ours, theirs = ours_class(3, 4, 2), library_class(3, 4, 2)
    X = torch.randn(5, 2, 3)
    theirs.load_state_dict(ours.state_dict())
    torch.testing.assert_close(ours(X)[0], theirs(X)[0])
    assert [tuple(p.shape) for p in ours.parameters()] == [tuple(p.shape) for p in theirs.parameters()]
    torch.testing.assert_close(copy.deepcopy(ours)(X), ours(X))


@pytest.mark.parametrize("name", [*LAYERS, "GRU, reset before"])
def test_single_precision_with_packed_weights(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    ours_class, _ = LAYERS[name[:4].strip(",")]
    net = ours_class(40, 60, 2, **({"reset_after": False} if "before" in name else {}))
    X = torch.randn(20, 8, 40, requires_grad=True)
    results = []
    for worth in (10**9, 1):
        monkeypatch.setattr(products, "WORTH_PACKING", worth)
        output, _ = net(X)
        results.append([output, *torch.autograd.grad((output**2).sum(), [X, *net.parameters()])])
    exact, X64 = net.double(), X.detach().double().requires_grad_()
    output, _ = exact(X64)
    expected = [output, *torch.autograd.grad((output**2).sum(), [X64, *exact.parameters()])]
    for result in results:
        for a, b in zip(result, expected, strict=True):
            assert book.relative_difference(a.double(), b) <= 1e-4


def reset_before_loop(X: Any, H: Any, W_ih: Any, W_hh: Any, b_ih: Any, b_hh: Any) -> torch.Tensor:
    """Cho et al. (2014), gate by gate, with torch's order of the rows: R, Z, candidate."""
    (W_xr, W_xz, W_xn), (W_hr, W_hz, W_hn) = W_ih.T.chunk(3, 1), W_hh.T.chunk(3, 1)
    b_r, b_z, b_n = (b_ih + b_hh).chunk(3)
    states = []
    for x in X:
        R, Z = torch.sigmoid(x @ W_xr + H @ W_hr + b_r), torch.sigmoid(x @ W_xz + H @ W_hz + b_z)
        candidate = torch.tanh(x @ W_xn + (R * H) @ W_hn + b_n)
        H = Z * H + (1 - Z) * candidate
        states.append(H)
    return torch.stack(states)


@given(SIZES, SIZES, SIZES, SIZES)
def test_reset_before_equals_its_plain_loop(num_steps: int, batch_size: int, inputs: int, hiddens: int) -> None:
    net = funcs.GRU(inputs, hiddens, reset_after=False).double()
    X = torch.randn(num_steps, batch_size, inputs).double().requires_grad_()
    H_0 = torch.randn(batch_size, hiddens).double().requires_grad_()
    loop = reset_before_loop(X, H_0, *net.parameters())
    output, last = net(X, H_0[None])
    torch.testing.assert_close(output, loop, rtol=1e-12, atol=1e-12)
    assert torch.equal(last[0], output[-1])
    direction, leaves = torch.randn(loop.shape).double(), [X, H_0, *net.parameters()]
    grads = [torch.autograd.grad((states * direction).sum(), leaves) for states in (output, loop)]
    torch.testing.assert_close(*grads, rtol=1e-10, atol=1e-10)


def test_the_two_conventions_differ() -> None:
    torch.manual_seed(0)
    after = funcs.GRU(3, 8)
    before = funcs.GRU(3, 8, reset_after=False)
    before.load_state_dict(after.state_dict())
    X = torch.randn(10, 4, 3)
    assert (after(X)[0] - before(X)[0]).abs().max() > 0.01


@pytest.mark.parametrize("name", LAYERS)
def test_dropout_between_layers(name: str) -> None:
    ours_class, library_class = LAYERS[name]
    torch.manual_seed(0)
    ours, theirs = ours_class(3, 50, 3, dropout=0.5), library_class(3, 50, 3, dropout=0.5)
    theirs.load_state_dict(ours.state_dict())
    X = torch.randn(6, 4, 3)
    assert not torch.equal(ours(X)[0], ours(X)[0])
    ours.eval()
    theirs.eval()
    torch.testing.assert_close(ours(X)[0], theirs(X)[0])
    # Everything dropped: the second layer reads zeros, exactly. A single layer drops nothing.
    nothing, library = ours_class(3, 50, 2, dropout=1.0), library_class(3, 50, 2, dropout=1.0)
    library.load_state_dict(nothing.state_dict())
    torch.testing.assert_close(nothing(X), library(X))
    one = ours_class(3, 50)
    one.dropout = 0.5
    assert torch.equal(one(X)[0], one(X)[0])
    # Half is dropped, and the rest doubled: on average the same.
    mean = torch.stack([nn.functional.dropout(torch.ones(10_000), ours.dropout) for _ in range(10)]).mean()
    assert abs(mean - 1) < 0.05


@pytest.mark.parametrize("batch_first", [False, True])
@pytest.mark.parametrize("name", LAYERS)
def test_stateful_goes_on_where_it_stopped(name: str, batch_first: bool) -> None:
    torch.manual_seed(0)
    ours_class, _ = LAYERS[name]
    net = ours_class(3, 4, 2, batch_first=batch_first)
    X = torch.randn(5, 8, 3) if batch_first else torch.randn(8, 5, 3)
    first, second = X.chunk(2, 1 if batch_first else 0)
    whole, last = net(X)
    net.stateful = True
    pieces = [net(first)[0], net(second)[0]]
    torch.testing.assert_close(torch.cat(pieces, 1 if batch_first else 0), whole)
    assert not any(state.requires_grad for state in net.kept_states)
    torch.testing.assert_close(net.kept_states, tuple(flat(last)))
    state = random_states(name, 2, 5, 4)
    given = tuple(part.float() for part in state) if name == "LSTM" else state.float()
    torch.testing.assert_close(net(first, given)[1], copy.deepcopy(net)(first, given)[1])
    with pytest.raises(ValueError, match=r"keeps the states of 5 rows, got X with 3 rows; call reset_state\(\)"):
        net(first[:3] if batch_first else first[:, :3])
    net.reset_state()
    torch.testing.assert_close(net(X)[0], whole)
    net.double()
    net(X.double())
    assert net.kept_states[0].dtype == torch.float64
    assert not any("kept" in key for key in net.state_dict())


@pytest.mark.parametrize("batch_first", [False, True])
@pytest.mark.parametrize("name", LAYERS)
def test_last_step_only(name: str, batch_first: bool) -> None:
    ours_class, _ = LAYERS[name]
    net = ours_class(3, 4, 2, batch_first=batch_first)
    X = torch.randn(5, 8, 3)
    whole, last = net(X)
    net.last_step_only = True
    output, same = net(X)
    assert output.shape == (5 if batch_first else 8, 4)
    assert torch.equal(output, whole[:, -1] if batch_first else whole[-1])
    torch.testing.assert_close(same, last)
    assert torch.equal(net(X[0])[0], net(X[:1] if batch_first else X[0][:, None])[0][0])


@pytest.mark.parametrize("name", LAYERS)
def test_wrong_calls(name: str) -> None:
    ours_class, _ = LAYERS[name]
    net = ours_class(3, 8, num_layers=2)
    X = torch.zeros(4, 5, 3)

    def state_of(*shape: int) -> Any:
        return (torch.zeros(2, 5, 8), torch.zeros(shape)) if name == "LSTM" else torch.zeros(shape)

    for wrong in ((4, 5, 7), (4,), (0, 5, 3), (1, 4, 5, 3), (4, 7), (0, 3)):
        with pytest.raises(ValueError, match=rf"input_size 3, got {re.escape(str(wrong))}"):
            net(torch.zeros(wrong))
    for nothing in ([[1.0]], None, torch.zeros(4, 5, 3).numpy()):
        with pytest.raises(TypeError, match="X must be a tensor, got"):
            net(nothing)
    with pytest.raises(ValueError, match=r"\(num_layers, hidden_size\) = \(2, 8\), got"):
        net(X[:, 0], state_of(2, 1, 8) if name == "GRU" else (torch.zeros(2, 8), torch.zeros(2, 1, 8)))
    with pytest.raises(ValueError, match="stateful must be False for a bidirectional layer, got True"):
        ours_class(3, 8, bidirectional=True, stateful=True)
    for shape in ((1, 5, 8), (2, 4, 8), (2, 5, 7), (5, 8)):
        with pytest.raises(ValueError, match=r"\(num_layers, batch_size, hidden_size\) = \(2, 5, 8\), got"):
            net(X, state_of(*shape))
    with pytest.raises(ValueError, match=r"weights' dtype torch.float32, got \[torch.float64"):
        net(X.double())
    with pytest.raises(ValueError, match=r"weights' dtype torch.float32, got \[torch.int64"):
        net(X.long())
    if name == "LSTM":
        with pytest.raises(TypeError, match="must be a tuple of two tensors, H and C, got Tensor"):
            net(X, torch.zeros(2, 5, 8))
        with pytest.raises(TypeError, match="must be a tuple of two tensors, H and C, got list of 1"):
            net(X, [torch.zeros(2, 5, 8)])
        with pytest.raises(TypeError, match="must be a tuple of two tensors, H and C, got int"):
            net(X, 3)
        with pytest.raises(TypeError, match="must be a tuple of two tensors, H and C, got Tensor"):
            net(X[:, 0], torch.zeros(2, 1, 8))
        with pytest.raises(ValueError, match="proj_size must be 0, got 2; nn.LSTM has projections"):
            funcs.LSTM(3, 8, proj_size=2)
        pair = [torch.randn(2, 5, 8), torch.randn(2, 5, 8)]
        torch.testing.assert_close(net(X, pair), net(X, tuple(pair)))
    else:
        with pytest.raises(TypeError, match="state must be a tensor, got tuple"):
            net(X, (torch.zeros(2, 5, 8),))
    for sizes in ((3, 8, 0), (3, 0, 1)):
        with pytest.raises(ValueError, match="greater than zero"):
            ours_class(*sizes)
    with pytest.raises(ValueError, match="dropout should be a number in range"):
        ours_class(3, 8, 2, dropout=1.5)


@pytest.mark.parametrize("name", LAYERS)
def test_as_language_model(name: str) -> None:
    train_iter, vocab = funcs.load_data_time_machine(8, 10, max_tokens=1000, generator=0)
    for layer in (LAYERS[name][0](28, 16, 2), LAYERS[name][1](28, 16)):
        torch.manual_seed(0)
        model = funcs.RNNModel(layer, 28)
        X, _ = next(iter(train_iter))
        outputs, state = model(X, model.begin_state(8))
        assert outputs.shape == (80, 28)
        assert [part.shape for part in flat(state)] == [part.shape for part in flat(model.begin_state(8))]
        history = funcs.train(model, train_iter, 2, live=False, progress=False)
        assert history.perplexity[1] < history.perplexity[0]
        assert len(funcs.predict("time", 3, model, vocab)) == 7


def test_gate_pushes_and_pops() -> None:
    torch.manual_seed(0)
    W, b = torch.randn(6, 4).double().requires_grad_(), torch.randn(4).double().requires_grad_()
    XH = [torch.randn(3, 6).double().requires_grad_() for _ in range(3)]
    for activation in (torch.sigmoid, torch.tanh):
        outputs = [activation(xh @ W + b) for xh in XH]
        total = torch.stack([k * (Y**2).sum() for k, Y in enumerate(outputs)]).sum()
        wanted = torch.autograd.grad(total, [W, b, *XH])
        with torch.no_grad():
            gate = recurrences.Gate(W, b, activation)
            outputs = [gate.forward(xh[:, :2], xh[:, 2:]) for xh in XH]
            grads = [torch.cat(gate.backward(2 * k * outputs[k]), 1) for k in (2, 1, 0)]
        torch.testing.assert_close([gate.dW, gate.db, *reversed(grads)], list(wanted))
        with pytest.raises(IndexError):
            gate.backward(outputs[0])
    with pytest.raises(ValueError, match=r"must be torch.sigmoid or torch.tanh, got <built-in method relu"):
        recurrences.Gate(W, b, torch.relu)


def test_long_jacobians() -> None:
    torch.manual_seed(0)
    cell, inputs = nn.GRUCell(3, 4).double(), torch.randn(6, 3).double()
    jacobians = book.long_jacobians(cell, inputs, torch.zeros(4).double(), max_lag=3)
    states = [torch.zeros(4).double()]
    for x in inputs:
        states.append(cell(x, states[-1]).detach())

    def last(h: torch.Tensor, lag: int) -> torch.Tensor:
        for x in inputs[-lag:]:
            h = cell(x, h)
        return h

    for lag, ours in enumerate(jacobians, 1):
        wanted = torch.autograd.functional.jacobian(lambda h, lag=lag: last(h, lag), states[-1 - lag])
        torch.testing.assert_close(ours, wanted)
    with pytest.raises(ValueError, match="at least max_lag = 7 steps, got 6"):
        book.long_jacobians(cell, inputs, torch.zeros(4).double(), max_lag=7)
    for lag in (0, -1):
        with pytest.raises(ValueError, match=f"max_lag must be at least 1, got {lag}"):
            book.long_jacobians(cell, inputs, torch.zeros(4).double(), max_lag=lag)


def test_recall_model_refuses_layers_that_read_otherwise() -> None:
    for layer in (funcs.GRU(9, 8), funcs.GRU(10, 8, batch_first=True)):
        with pytest.raises(ValueError, match="layer must be time-major with input_size 10, got batch_first="):
            book.RecallModel(layer)


def test_recall() -> None:
    generator = torch.Generator().manual_seed(0)
    X, symbols = book.recall_batch(5, 100, generator)
    assert X.shape == (6, 100, 10) and torch.equal(X.sum(2), torch.ones(6, 100))
    assert torch.equal(X[0].argmax(1), symbols) and set(symbols.tolist()) == set(range(8))
    assert set(X[1:].argmax(2).unique().tolist()) == {8, 9}
    torch.manual_seed(0)
    updates = book.updates_to_recall(book.RecallModel(funcs.GRU(10, 32)), 1, 1e-2, generator=generator)
    assert updates is not None and 10 < updates < 200
    # A network that cannot see the first step cannot solve it.
    blind = book.RecallModel(funcs.GRU(10, 8))
    nn.init.zeros_(blind.layer.weight_ih_l0)
    blind.layer.weight_ih_l0.requires_grad_(False)
    assert book.updates_to_recall(blind, 1, 1e-2, max_updates=30, generator=generator) is None


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("name", LAYERS)
def test_on_cuda(name: str) -> None:
    ours_class, library_class = LAYERS[name]
    ours, theirs = ours_class(3, 8, 2).cuda(), library_class(3, 8, 2).cuda()
    theirs.load_state_dict(ours.state_dict())
    X = torch.randn(6, 4, 3, device="cuda")
    torch.testing.assert_close(ours(X), theirs(X))
