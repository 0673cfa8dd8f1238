"""The model of chapter 04, and the choice of a device."""

import io

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

import funcs

SIZES = st.integers(1, 6)
NO_CUDA = pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a CUDA device")


@given(SIZES, SIZES, SIZES, SIZES)
def test_equals_torch(vocab_size: int, num_hiddens: int, batch_size: int, num_steps: int) -> None:
    model = funcs.RNN(vocab_size, num_hiddens).double()
    library = nn.RNN(vocab_size, num_hiddens).double()
    with torch.no_grad():
        for param in model.parameters():
            param.normal_()
        W_xh, W_hh, b_h, W_hq, b_q = model.params
    weights = {"weight_ih_l0": W_xh.T, "weight_hh_l0": W_hh.T, "bias_ih_l0": b_h, "bias_hh_l0": b_h * 0}
    library.load_state_dict(weights)
    x = torch.randint(vocab_size, (batch_size, num_steps))
    state = (torch.randn(batch_size, num_hiddens, dtype=torch.float64),)
    outputs, (H,) = model(x, state)
    hiddens, last = library(F.one_hot(x.T, vocab_size).double(), state[0][None])
    torch.testing.assert_close(outputs, (hiddens @ W_hq + b_q).reshape(-1, vocab_size))
    torch.testing.assert_close(H, last[0])


def test_shapes_and_state_goes_back_in() -> None:
    train_iter, vocab = funcs.load_data_time_machine(32, 35)
    model = funcs.RNN(len(vocab), 512)
    X, _ = next(iter(train_iter))
    outputs, state = model(X, model.begin_state(32))
    assert outputs.shape == (1120, 28) and len(state) == 1 and state[0].shape == (32, 512)
    again, _ = model(X, state)
    assert again.shape == (1120, 28) and not torch.equal(again, outputs)


def test_state_carries_over_split_windows() -> None:
    model, x = funcs.RNN(5, 7), torch.randint(5, (3, 8))
    whole, (H,) = model(x, model.begin_state(3))
    first, state = model(x[:, :3], model.begin_state(3))
    second, (H_split,) = model(x[:, 3:], state)
    torch.testing.assert_close(torch.cat((first, second)), whole)
    torch.testing.assert_close(H_split, H)


def test_parameters_are_parameters() -> None:
    torch.manual_seed(0)
    model = funcs.RNN(28, 512)
    assert [tuple(p.shape) for p in model.parameters()] == [(28, 512), (512, 512), (512,), (512, 28), (28,)]
    assert all(p.requires_grad for p in model.parameters())
    W_xh, W_hh, b_h, W_hq, b_q = model.params
    assert not b_h.any() and not b_q.any()
    for W in (W_xh, W_hh, W_hq):
        assert abs(W.std() - 0.01) < 0.0005 and abs(W.mean()) < 0.0005

    other, x = funcs.RNN(28, 512), torch.randint(28, (2, 3))
    other.load_state_dict(model.state_dict())
    assert torch.equal(other(x, other.begin_state(2))[0], model(x, model.begin_state(2))[0])


def test_moves_to_a_device_and_a_dtype() -> None:
    model = funcs.RNN(5, 4).to("meta")
    assert all(p.device.type == "meta" for p in model.parameters())
    assert model.begin_state(2, "cpu")[0].device.type == "cpu"
    model = funcs.RNN(5, 4).double()
    outputs, _ = model(torch.randint(5, (2, 3)), model.begin_state(2))
    assert outputs.dtype == torch.float64


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_trains_on_cuda() -> None:
    train_iter, vocab = funcs.load_data_time_machine(32, 35, generator=0)
    model = funcs.RNN(len(vocab), 64, "cuda")
    history = funcs.train(model, train_iter, 5, live=False, progress=False)
    assert history.perplexity[-1] < 20
    assert len(funcs.predict("time", 5, model, vocab)) == 9


def test_wrong_calls() -> None:
    model = funcs.RNN(5, 4)
    x, state = torch.randint(5, (2, 3)), model.begin_state(2)
    with pytest.raises(ValueError, match=r"int64 of shape \(batch_size, num_steps\), got torch.int64 of \(3,\)"):
        model(x[0], state)
    with pytest.raises(ValueError, match=r"got torch.float32 of \(2, 3\)"):
        model(x.float(), state)
    with pytest.raises(ValueError, match="token numbers 0 … 4, got 7 … 9"):
        model(x * 0 + torch.tensor([7, 8, 9]), state)
    with pytest.raises(ValueError, match=r"one tensor of shape \(2, 4\), got shapes \[\(3, 4\)\]"):
        model(x, model.begin_state(3))
    with pytest.raises(ValueError, match=r"got shapes \[\(2, 4\), \(2, 4\)\]"):
        model(x, state * 2)
    with pytest.raises(TypeError, match="state must be a tuple with one tensor, got Tensor"):
        model(x, state[0])
    with pytest.raises(ValueError, match="must be at least 1, got 5 and 0"):
        funcs.RNN(5, 0)


def test_choose_device() -> None:
    assert funcs.choose_device("cpu") == torch.device("cpu")
    best = funcs.choose_device()
    assert best.type == ("cuda" if torch.cuda.is_available() else "mps" if torch.mps.is_available() else "cpu")
    with pytest.raises(ValueError, match="device must be one of .*cpu, got 'gpu'"):
        funcs.choose_device("gpu")
    with pytest.raises(ValueError, match="device must be one of .*cpu, got 'cuda:99'"):
        funcs.choose_device("cuda:99")


@NO_CUDA
def test_cuda_where_there_is_none() -> None:
    message = "device must be one of (mps, )?cpu, got 'cuda:0'"
    for call in (
        lambda: funcs.choose_device("cuda:0"),
        lambda: funcs.RNN(28, 8, "cuda:0"),
        lambda: funcs.get_rnn_params(28, 8, "cuda:0"),
        lambda: funcs.RNN(28, 8).begin_state(2, "cuda:0"),
        lambda: funcs.train(funcs.RNN(28, 8), funcs.load_data_time_machine(32, 35)[0], 1, device="cuda:0"),
    ):
        with pytest.raises(ValueError, match=message):
            call()


def test_detach_any_state() -> None:
    a = torch.ones(2, requires_grad=True) * 2
    tensor, (nested, (deep,)) = funcs.detach((a, (a, (a,))))
    for part in (tensor, nested, deep, funcs.detach(a)):
        assert torch.equal(part, a) and not part.requires_grad


def test_the_returned_state_is_a_tensor_of_its_own() -> None:
    """No view of all steps' states: 32 × 64 numbers are saved as such, and can be detached in place."""
    model, x = funcs.RNN(5, 64), torch.randint(5, (32, 500))
    _, (H,) = model(x, model.begin_state(32))
    buffer = io.BytesIO()
    torch.save(funcs.detach(H), buffer)
    assert buffer.tell() < 2 * H.numel() * H.element_size()
    assert not H.detach_().requires_grad


@pytest.mark.parametrize("dtype", [torch.int32, torch.uint8, torch.bool])
def test_token_numbers_are_int64(dtype: torch.dtype) -> None:
    for model in (funcs.RNN(5, 4), funcs.RNNModel(nn.RNN(5, 4), 5)):
        with pytest.raises(ValueError, match=f"x must be int64 of shape .*, got {dtype}"):
            model(torch.ones(2, 3, dtype=dtype), model.begin_state(2))
    with pytest.raises(TypeError, match=f"X must be int64 token numbers or features of the weights' dtype .*{dtype}"):
        funcs.recurrence(torch.ones(3, 2, dtype=dtype), None, torch.ones(5, 4), torch.ones(4, 4), torch.ones(4))


def test_models_around_layers_that_do_not_fit() -> None:
    for layer in (funcs.GRU(9, 4, last_step_only=True), nn.LSTM(9, 4, proj_size=2)):
        with pytest.raises(
            ValueError, match="must give its hidden states of all steps, got one with last_step_only or"
        ):
            funcs.RNNModel(layer, 9)


def test_detach_takes_tensors() -> None:
    tensor = torch.ones(2, requires_grad=True)
    assert not any(part.requires_grad for part in funcs.detach([tensor, tensor]))
    for wrong in (None, {"h": tensor}, "h"):
        with pytest.raises(TypeError, match="state must be a tensor or a tuple of tensors, got"):
            funcs.detach(wrong)
