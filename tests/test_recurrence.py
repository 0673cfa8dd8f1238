"""The recurrence with its backward pass by hand."""

import ast
import runpy
import sys
import textwrap
from pathlib import Path
from typing import Any

import nbformat
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

import funcs
from funcs import book

ROOT = Path(__file__).parent.parent
SIZES = st.integers(1, 8)
recurrence: Any = funcs.recurrence


def arguments(steps: int, batch: int, inputs: int, hiddens: int, dtype: torch.dtype = torch.float64) -> list[Any]:
    """Random features, state, W_xh, W_hh, b_h, all requiring gradients."""
    shapes = ((steps, batch, inputs), (batch, hiddens), (inputs, hiddens), (hiddens, hiddens), (hiddens,))
    return [torch.randn(shape, dtype=dtype).requires_grad_() for shape in shapes]


def loop_of(X: Any, H: Any, W_xh: Any, W_hh: Any, b_h: Any, nonlinearity: str = "tanh") -> torch.Tensor:
    states = []
    for x in X:
        H = getattr(torch, nonlinearity)(x @ W_xh + H @ W_hh + b_h)
        states.append(H)
    return torch.stack(states)


plain_loop: Any = loop_of


@pytest.mark.parametrize("nonlinearity", ["tanh", "relu"])
@pytest.mark.parametrize("sizes", [(1, 1, 1, 1), (4, 3, 2, 5)])
def test_gradcheck(nonlinearity: str, sizes: tuple[int, int, int, int]) -> None:
    torch.manual_seed(0)
    X, *weights = arguments(*sizes)
    assert torch.autograd.gradcheck(lambda *args: recurrence(*args, nonlinearity), (X, *weights))
    tokens = torch.randint(sizes[2], sizes[:2])
    assert torch.autograd.gradcheck(lambda *args: recurrence(tokens, *args, nonlinearity), weights)
    no_state = [X, *weights[1:]]
    assert torch.autograd.gradcheck(lambda X, *rest: recurrence(X, None, *rest, nonlinearity), no_state)


@given(SIZES, SIZES, SIZES, SIZES, st.sampled_from(["tanh", "relu"]), st.booleans())
def test_equals_plain_loop_and_library(
    steps: int, batch: int, inputs: int, hiddens: int, nonlinearity: str, single: bool
) -> None:
    dtype, bound = (torch.float32, 1e-4) if single else (torch.float64, 1e-10)
    args = arguments(steps, batch, inputs, hiddens, dtype)
    X, H_0, W_xh, W_hh, b_h = args
    library = nn.RNN(inputs, hiddens, nonlinearity=nonlinearity).to(dtype)
    weights = {"weight_ih_l0": W_xh.T, "weight_hh_l0": W_hh.T, "bias_ih_l0": b_h, "bias_hh_l0": b_h * 0}
    library.load_state_dict(weights)
    states, loop = recurrence(*args, nonlinearity), plain_loop(*args, nonlinearity)
    library_states, _ = library(X, H_0[None])
    torch.testing.assert_close(states, loop, rtol=bound, atol=bound)
    torch.testing.assert_close(states, library_states, rtol=bound, atol=bound)
    direction = torch.randn(states.shape, dtype=dtype)
    ours = torch.autograd.grad((states * direction).sum(), args)
    by_loop = torch.autograd.grad((loop * direction).sum(), args)
    params = [library.weight_ih_l0, library.weight_hh_l0, library.bias_ih_l0]
    theirs = list(torch.autograd.grad((library_states * direction).sum(), [X, H_0, *params]))
    theirs[2:4] = [grad.T for grad in theirs[2:4]]
    for name, a, b, c in zip("X H_0 W_xh W_hh b_h".split(), ours, by_loop, theirs, strict=True):
        scale = max(1.0, float(b.abs().max()))
        assert (a - b).abs().max() <= bound * scale, name
        assert (a - c).abs().max() <= bound * scale, name


@given(SIZES, SIZES, SIZES, SIZES)
def test_tokens_are_one_hot_rows(steps: int, batch: int, vocab_size: int, hiddens: int) -> None:
    _, *weights = arguments(steps, batch, vocab_size, hiddens)
    tokens = torch.randint(vocab_size, (steps, batch))
    one_hot = F.one_hot(tokens, vocab_size).double()
    by_tokens, by_rows = recurrence(tokens, *weights), recurrence(one_hot, *weights)
    torch.testing.assert_close(by_tokens, by_rows)
    grads = [torch.autograd.grad(states.square().sum(), weights) for states in (by_tokens, by_rows)]
    torch.testing.assert_close(*grads)


def test_zero_state_and_arguments_untouched() -> None:
    args = arguments(5, 3, 2, 4)
    before = [arg.detach().clone() for arg in args]
    zero = [args[0], torch.zeros_like(args[1]), *args[2:]]
    torch.testing.assert_close(recurrence(args[0], None, *args[2:]), recurrence(*zero))
    recurrence(*args).sum().backward()
    assert all(map(torch.equal, args, before))


def test_last_state_alone_gets_its_gradient() -> None:
    args = arguments(6, 2, 3, 4)
    ours = torch.autograd.grad(recurrence(*args)[-1].sum(), args)
    torch.testing.assert_close(ours, torch.autograd.grad(plain_loop(*args)[-1].sum(), args))


def test_graph_may_be_used_again() -> None:
    args = arguments(3, 2, 2, 3)
    total = recurrence(*args).square().sum()
    first = torch.autograd.grad(total, args, retain_graph=True)
    torch.testing.assert_close(torch.autograd.grad(total, args, retain_graph=True), first)


def test_result_changed_in_place_is_noticed() -> None:
    states = recurrence(*arguments(3, 2, 2, 3))
    with torch.no_grad():
        states.mul_(2)
    with pytest.raises(RuntimeError, match="modified inplace"):
        states.sum().backward()


def test_wrong_calls() -> None:
    X, H_0, *weights = arguments(5, 3, 2, 4)
    with pytest.raises(ValueError, match='nonlinearity must be "tanh" or "relu", got \'sigmoid\''):
        recurrence(X, H_0, *weights, nonlinearity="sigmoid")
    with pytest.raises(ValueError, match=r"got torch.float64 of shape \(3, 2\)"):
        recurrence(X[0], H_0, *weights)
    with pytest.raises(ValueError, match=r"got torch.int64 of shape \(5, 3, 2\)"):
        recurrence(X.long(), H_0, *weights)
    with pytest.raises(ValueError, match=r"must have 2 features \(rows of W_xh\), got 1"):
        recurrence(X[:, :, :1], H_0, *weights)
    with pytest.raises(ValueError, match=r"\(batch_size, num_hiddens\) = \(3, 4\), got \(2, 4\)"):
        recurrence(X, H_0[:2], *weights)
    with pytest.raises(TypeError, match="X must be a tensor, got list"):
        recurrence([[0]], H_0, *weights)
    with pytest.raises(TypeError, match="features of the weights' dtype torch.float64, got torch.float32"):
        recurrence(X.float(), H_0, *weights)
    for low, high in ((-1, 1), (0, 2)):
        with pytest.raises(ValueError, match=f"X must hold token numbers 0 … 1, got {low} … {high}"):
            recurrence(torch.tensor([[low, high, 1]]), H_0, *weights)
    W_xh, W_hh, b_h = weights
    with pytest.raises(ValueError, match=r"b_h must have shape \(4,\), got \(1,\)"):
        recurrence(X, H_0, W_xh, W_hh, b_h[:1])
    with pytest.raises(ValueError, match=r"W_hh must have shape \(4, 4\), got \(4, 1\)"):
        recurrence(X, H_0, W_xh, W_hh[:, :1], b_h)
    with pytest.raises(ValueError, match=r"W_xh must have shape \(2, 4\), got \(2, 1\)"):
        recurrence(X, H_0, W_xh[:, :1], W_hh, b_h)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_on_cuda() -> None:
    args = [arg.detach().cuda().requires_grad_() for arg in arguments(6, 3, 2, 5)]
    ours = torch.autograd.grad(recurrence(*args).square().sum(), args)
    torch.testing.assert_close(ours, torch.autograd.grad(plain_loop(*args).square().sum(), args))


def chapter_4_forward() -> Any:
    """The loop that chapter 04 defines."""
    for cell in nbformat.read(ROOT / "chapters" / "04_rnn_from_scratch.ipynb", 4).cells:
        if cell.cell_type == "code" and "def rnn_forward" in cell.source:
            names: dict[str, Any] = {"torch": torch, "F": F}
            (function,) = [node for node in ast.parse(cell.source).body if isinstance(node, ast.FunctionDef)]
            exec(textwrap.dedent(ast.unparse(function)), names)
            return names["rnn_forward"]
    raise AssertionError("chapter 04 has no rnn_forward")


def test_model_equals_chapter_4s_loop() -> None:
    torch.manual_seed(0)
    fast = funcs.RNN(28, 32).double()
    slow = funcs.RNN(28, 32, forward_fn=chapter_4_forward()).double()
    slow.load_state_dict(fast.state_dict())
    x, y = torch.randint(28, (2, 5, 9))
    state = (torch.randn(5, 32).double(),)
    results = []
    for model in (fast, slow):
        outputs, (H,) = model(x, state)
        (F.cross_entropy(outputs, y.T.reshape(-1)) + H.square().sum()).backward()
        results.append([outputs, H, *(param.grad for param in model.parameters())])
    for ours, theirs in zip(*results, strict=True):
        assert book.relative_difference(ours, theirs) <= 1e-10


@pytest.mark.skipif(sys.platform != "linux", reason="/proc/self/status is Linux'")
def test_memory_of_training() -> None:
    """It does not grow with the number of batches; with num_steps, linearly and no faster than nn.RNN's."""
    in_kilobytes = runpy.run_path(str(ROOT / "benchmarks" / "recurrence.py"))["peak_memory"]

    def peak_memory(name: str, num_steps: int, num_batches: int) -> float:
        return in_kilobytes(name, num_steps, num_batches) / 1024

    assert abs(peak_memory("ours", 50, 40) - peak_memory("ours", 50, 10)) < 5  # a batch takes 20 MB while it lasts
    short, long, longer = (peak_memory("ours", steps, 2) for steps in (100, 400, 800))
    per_step, later_per_step = (long - short) / 300, (longer - long) / 400
    assert 0.5 < later_per_step / per_step < 1.5
    theirs = (peak_memory("nn.RNN", 800, 2) - peak_memory("nn.RNN", 100, 2)) / 700
    assert (longer - short) / 700 <= 1.05 * theirs
