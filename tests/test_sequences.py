"""Sequences of unequal lengths: packed, padded with a mask, and one by one; and where the weights are made."""

from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pack_sequence, pad_packed_sequence, pad_sequence

import funcs
from funcs import recurrences

LAYERS: dict[str, Any] = {
    "nn.RNN": nn.RNN,
    "MyRNN": funcs.MyRNN,
    "GRU": funcs.GRU,
    "GRU, reset before": lambda *args, **options: funcs.GRU(*args, **options, reset_after=False),
    "LSTM": funcs.LSTM,
}


def parts(state: Any) -> list[torch.Tensor]:
    return list(state) if isinstance(state, tuple) else [state]


def like(state: list[torch.Tensor]) -> Any:
    return tuple(state) if len(state) == 2 else state[0]


def gradients(results: list[torch.Tensor], leaves: list[torch.Tensor]) -> list[torch.Tensor]:
    total = sum((k + 1) * (result**3).sum() for k, result in enumerate(results))
    return list(torch.autograd.grad(total, leaves))  # type: ignore[arg-type]


def frozen_by_mask(net: Any, padded: torch.Tensor, lengths: list[int], state: list[torch.Tensor]) -> tuple[Any, Any]:
    """One step after another over the padded batch; a row that has ended keeps its state, and its output is zero."""
    outputs = []
    for t, X in enumerate(padded):
        alive = (torch.tensor(lengths) > t)[:, None]
        output, new = net(X[None], like(state))
        state = [torch.where(alive, a, b) for a, b in zip(parts(new), state, strict=True)]
        outputs.append(output[0] * alive)
    return torch.stack(outputs), state


@pytest.mark.parametrize("name", LAYERS)
@given(st.lists(st.integers(1, 6), min_size=1, max_size=5), st.integers(1, 2), st.booleans())
def test_packed_masked_and_one_by_one_agree(name: str, lengths: list[int], num_layers: int, with_state: bool) -> None:
    net = LAYERS[name](3, 4, num_layers).double()
    sequences = [torch.randn(length, 3).double().requires_grad_() for length in lengths]
    state = [torch.randn(num_layers, len(lengths), 4).double() * with_state for _ in range(1 + (name == "LSTM"))]
    state = [part.requires_grad_() for part in state]
    leaves = [*sequences, *state, *net.parameters()]
    results = []

    output, last = net(pack_sequence(sequences, enforce_sorted=False), like(state))
    assert isinstance(output, PackedSequence)
    padded, found = pad_packed_sequence(output)
    assert found.tolist() == lengths
    results.append([padded, *parts(last)])

    output, last = frozen_by_mask(net, pad_sequence(sequences), lengths, state)
    results.append([output, *last])

    alone = [net(x[:, None], like([s[:, i : i + 1] for s in state])) for i, x in enumerate(sequences)]
    rows = [parts(last) for _, last in alone]
    results.append(
        [pad_sequence([output[:, 0] for output, _ in alone]), *(torch.cat(r, 1) for r in zip(*rows, strict=True))]
    )

    with_gradients = [[*result, *gradients(result, leaves)] for result in results]
    for other in with_gradients[1:]:
        torch.testing.assert_close(with_gradients[0], other, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("name", ["GRU", "LSTM"])
@given(
    st.lists(st.integers(1, 6), min_size=1, max_size=5), st.integers(1, 3), st.booleans(), st.booleans(), st.booleans()
)
def test_packed_equals_the_library(
    name: str, lengths: list[int], num_layers: int, bidirectional: bool, bias: bool, with_state: bool
) -> None:
    ours: Any = {"GRU": funcs.GRU, "LSTM": funcs.LSTM}[name](3, 4, num_layers, bias, bidirectional=bidirectional)
    theirs: Any = {"GRU": nn.GRU, "LSTM": nn.LSTM}[name](3, 4, num_layers, bias, bidirectional=bidirectional)
    ours.load_state_dict(theirs.state_dict())
    sequences = [torch.randn(length, 3).double().requires_grad_() for length in lengths]
    shape = (num_layers * (1 + bidirectional), len(lengths), 4)
    state = [torch.randn(shape).double().requires_grad_() for _ in range(1 + (name == "LSTM"))]
    results = []
    for net in (ours.double(), theirs.double()):
        output, last = net(pack_sequence(sequences, enforce_sorted=False), like(state) if with_state else None)
        padded, _ = pad_packed_sequence(output)
        leaves = [*sequences, *(state if with_state else []), *net.parameters()]
        results.append([padded, *parts(last), *gradients([padded, *parts(last)], leaves)])
    torch.testing.assert_close(*results, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("name", ["GRU", "LSTM"])
def test_switches_of_ours_with_packed_sequences(name: str) -> None:
    torch.manual_seed(0)
    lengths = [3, 5, 2]
    for bidirectional in (False, True):
        net: Any = {"GRU": funcs.GRU, "LSTM": funcs.LSTM}[name](3, 4, 2, bidirectional=bidirectional)
        X = pack_padded_sequence(torch.randn(5, 3, 3), torch.tensor(lengths), enforce_sorted=False)
        padded, _ = pad_packed_sequence(net(X)[0])
        net.last_step_only = True
        assert torch.equal(net(X)[0], torch.stack([padded[n - 1, i] for i, n in enumerate(lengths)]))
    net = {"GRU": funcs.GRU, "LSTM": funcs.LSTM}[name](3, 4, stateful=True)
    _, last = net(X)
    torch.testing.assert_close(net.kept_states, tuple(parts(last)))
    again, _ = pad_packed_sequence(net(X)[0])
    net.stateful = False
    torch.testing.assert_close(again, pad_packed_sequence(net(X, last)[0])[0])


def test_dropout_on_packed_sequences() -> None:
    torch.manual_seed(0)
    net = funcs.GRU(3, 50, 2, dropout=1.0)
    library = nn.GRU(3, 50, 2, dropout=1.0)
    library.load_state_dict(net.state_dict())
    X = pack_sequence([torch.randn(4, 3), torch.randn(2, 3)])
    torch.testing.assert_close(net(X)[0].data, library(X)[0].data)


@pytest.mark.parametrize("name", ["MyRNN", "GRU", "LSTM"])
def test_wrong_packed_calls(name: str) -> None:
    net = LAYERS[name](3, 4)
    X = pack_sequence([torch.randn(4, 3), torch.randn(2, 3)])
    with pytest.raises(ValueError, match="input_size 3, got "):
        net(pack_sequence([torch.randn(4, 2)]))
    wrong = torch.zeros(1, 3, 4)
    with pytest.raises(ValueError, match=r"= \(1, 2, 4\), got \(1, 3, 4\)"):
        net(X, (wrong, wrong) if name == "LSTM" else wrong)


@pytest.mark.parametrize("name", ["GRU", "LSTM"])
def test_device_and_dtype(name: str) -> None:
    cell: Any = {"GRU": funcs.GRU, "LSTM": funcs.LSTM}[name]
    net = cell(3, 4, device="meta", dtype=torch.float64)
    assert {(param.device.type, param.dtype) for param in net.parameters()} == {("meta", torch.float64)}
    assert net(torch.zeros(2, 5, 3, device="meta", dtype=torch.float64))[0].shape == (2, 5, 4)


@given(st.integers(1, 3), st.integers(0, 4))
def test_layer_outer_is_nn_rnn(num_layers: int, batch_size: int) -> None:
    """Down to a batch of none."""
    net = nn.RNN(3, 4, num_layers).double()
    layers = [(W_ih.T, W_hh.T, b_ih + b_hh) for W_ih, W_hh, b_ih, b_hh in net.all_weights]
    X, state = torch.randn(5, batch_size, 3).double(), torch.randn(num_layers, batch_size, 4).double()
    torch.testing.assert_close(recurrences.layer_outer(X, state, layers), net(X, state), rtol=1e-10, atol=1e-10)
    mine = funcs.MyRNN(3, 4, num_layers)
    assert mine(X.float())[0].shape == (5, batch_size, 4)
