"""More than one gradient: second derivatives, torch.func, compile, export, trace, autocast, odd defaults."""

import copy
import platform
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn
from torch.autograd import forward_ad

import funcs
from funcs import recurrences
from funcs.recurrences import products

recurrence: Any = funcs.recurrence
FUNCTIONS = ["recurrence", "relu", "GRUFunction", "GRUResetBeforeFunction", "LSTMFunction"]


def function_and_arguments(name: str, steps: int = 4, batch: int = 3, inputs: int = 2, h: int = 5) -> tuple[Any, Any]:
    """A recurrence by hand, and random float64 arguments for it that require gradients."""
    gates = {"GRUFunction": 3, "GRUResetBeforeFunction": 3, "LSTMFunction": 4}.get(name)
    X, H = torch.randn(steps, batch, inputs), torch.randn(batch, h)
    if gates is None:
        arguments = [X, H, torch.randn(inputs, h), torch.randn(h, h), torch.randn(h)]
        function: Any = recurrence if name == "recurrence" else lambda *args: recurrence(*args, "relu")
    else:
        states = [H, torch.randn(batch, h)] if gates == 4 else [H]
        g = gates * h
        arguments = [X, *states, torch.randn(g, inputs), torch.randn(g, h), torch.randn(g), torch.randn(g)]
        function = getattr(recurrences, name).apply
    return function, [argument.double().requires_grad_() for argument in arguments]


@pytest.mark.parametrize("sizes", [(1, 1, 1, 1), (4, 3, 2, 5)])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_gradgradcheck(name: str, sizes: tuple[int, int, int, int]) -> None:
    torch.manual_seed(0)
    function, arguments = function_and_arguments(name, *sizes)
    assert torch.autograd.gradgradcheck(function, arguments)


def layers(name: str, *args: Any, **options: Any) -> tuple[Any, Any]:
    """Ours and the library's with the same weights, in float64."""
    ours: Any = {"GRU": funcs.GRU, "LSTM": funcs.LSTM}[name](*args, **options).double()
    theirs: Any = {"GRU": nn.GRU, "LSTM": nn.LSTM}[name](*args, **options).double()
    ours.load_state_dict(theirs.state_dict())
    return ours, theirs


@pytest.mark.parametrize("name", ["GRU", "LSTM"])
def test_penalty_on_a_gradient_equals_the_librarys(name: str) -> None:
    """A loss that is linear in the output: the gradient that comes in is a constant."""
    torch.manual_seed(0)
    results = []
    X = torch.randn(5, 3, 4).double().requires_grad_()
    for net in layers(name, 4, 6, 2):
        total = net(X)[0].mean()
        (gradient,) = torch.autograd.grad(total, X, create_graph=True)
        assert gradient.requires_grad
        penalised = total + 10 * gradient.square().sum()
        results.append(torch.autograd.grad(penalised, list(net.parameters())))
    torch.testing.assert_close(*results, rtol=1e-10, atol=1e-12)


def second_derivatives(f: Callable[[torch.Tensor], torch.Tensor], X: torch.Tensor) -> list[torch.Tensor]:
    direction = torch.ones_like(X)
    return [
        torch.autograd.functional.hessian(f, X),
        torch.autograd.functional.vhp(f, X, direction)[1],
        torch.autograd.functional.hvp(f, X, direction)[1],
    ]


@pytest.mark.parametrize("name", ["GRU", "LSTM"])
def test_hessian_vhp_and_hvp_equal_the_librarys(name: str) -> None:
    torch.manual_seed(0)
    X = torch.randn(3, 2, 2).double()
    functions: list[Any] = [lambda X, net=net: net(X)[0].sum() for net in layers(name, 2, 3)]
    ours, theirs = (second_derivatives(function, X) for function in functions)
    assert all(result.abs().max() > 1e-3 for result in ours)
    torch.testing.assert_close(ours, theirs, rtol=1e-10, atol=1e-12)


def test_recurrence_hessian_equals_nn_rnns() -> None:
    torch.manual_seed(0)
    net: Any = nn.RNN(2, 3).double()
    X = torch.randn(3, 2, 2).double()
    weights = net.weight_ih_l0.T, net.weight_hh_l0.T, net.bias_ih_l0 + net.bias_hh_l0
    ours = second_derivatives(lambda X: funcs.recurrence(X, None, *weights).sum(), X)
    torch.testing.assert_close(ours, second_derivatives(lambda X: net(X)[0].sum(), X), rtol=1e-10, atol=1e-12)


def test_weights_that_depend_on_the_input() -> None:
    """Where W_xh is itself a function of X, the second derivative takes that way once, not twice."""
    torch.manual_seed(0)
    X, W_hh, b = (torch.randn(shape).double() for shape in ((3, 2, 4), (5, 5), (5,)))

    def by(function: Any) -> Callable[[torch.Tensor], torch.Tensor]:
        return lambda X: function(X, torch.zeros(2, 5).double(), X[0].T @ X[1, :, :1].expand(-1, 5), W_hh, b).sum()

    ours, loop = (second_derivatives(by(function), X) for function in (funcs.recurrence, recurrences.rnn_loop))
    torch.testing.assert_close(ours, loop, rtol=1e-10, atol=1e-12)


def large_and_small(name: str) -> list[Any]:
    """Layers below and above the size from which weights are packed."""
    options = {"reset_after": False} if "before" in name else {}
    cell: Any = funcs.LSTM if name == "LSTM" else funcs.GRU
    return [cell(3, 4, **options), cell(300, 256, **options)]


@pytest.mark.parametrize("name", ["GRU", "GRU, reset before", "LSTM"])
def test_torch_func(name: str) -> None:
    torch.manual_seed(0)
    for net in large_and_small(name):
        X = torch.randn(4, 2, net.input_size)
        params = dict(net.named_parameters())

        def loss(params: Any, X: torch.Tensor, net: Any = net) -> torch.Tensor:
            return torch.func.functional_call(net, params, (X,))[0].square().mean()

        by_func = torch.func.grad(loss)(params, X)
        by_autograd = torch.autograd.grad(loss(params, X), list(params.values()))
        torch.testing.assert_close(tuple(by_func.values()), by_autograd, rtol=1e-3, atol=1e-6)
        per_row = torch.func.vmap(lambda x, net=net: net(x)[0], in_dims=1, out_dims=1)(X)
        torch.testing.assert_close(per_row, net(X)[0], rtol=1e-3, atol=1e-5)
        jvp: Any = torch.func.jvp(lambda X, net=net: net(X)[0].sum(), (X,), (torch.ones_like(X),))
        (gradient,) = torch.autograd.grad(net(X.requires_grad_())[0].sum(), X)
        torch.testing.assert_close(jvp[1], gradient.sum(), rtol=1e-3, atol=1e-3)


@pytest.mark.filterwarnings("ignore:Converting a tensor", "ignore::DeprecationWarning")
@pytest.mark.parametrize("name", ["GRU", "GRU, reset before", "LSTM"])
def test_export_and_trace(name: str) -> None:
    torch.manual_seed(0)
    net, _ = large_and_small(name)
    X = torch.randn(4, 2, 3)
    wanted = net(X)
    for strict in (False, True):
        torch.testing.assert_close(torch.export.export(net, (X,), strict=strict).module()(X), wanted)
    torch.testing.assert_close(torch.jit.trace(net, (X,), check_trace=False)(X), wanted)
    torch.testing.assert_close(torch.compile(net, backend="eager")(X), wanted)


def test_model_may_be_exported() -> None:
    torch.manual_seed(0)
    model, x = funcs.RNN(9, 7), torch.randint(9, (2, 4))
    state = model.begin_state(2)
    torch.testing.assert_close(torch.export.export(model, (x, state)).module()(x, state), model(x, state))


@pytest.mark.parametrize("backward_inside", [False, True])
@pytest.mark.parametrize("sizes", [(5, 7), (28, 256), (27, 512), (400, 64)])
@pytest.mark.parametrize("name", ["RNN", "MyRNN", "GRU", "GRU, reset before", "LSTM"])
def test_autocast_trains(name: str, sizes: tuple[int, int], backward_inside: bool) -> None:
    """Near the gradients of float32, from float32 features and from what an nn.Linear hands over."""
    torch.manual_seed(0)
    inputs, _ = sizes
    options = {"reset_after": False} if "before" in name else {}
    below = nn.Linear(inputs, inputs)
    layer: Any = {"RNN": nn.RNN, "MyRNN": funcs.MyRNN, "LSTM": funcs.LSTM}.get(name, funcs.GRU)(*sizes, **options)
    params = list(layer.parameters())

    def output(X: torch.Tensor) -> torch.Tensor:
        if name != "RNN":
            return layer(X)[0]
        W_ih, W_hh, b_ih, b_hh = params
        return funcs.recurrence(X, None, W_ih.T, W_hh.T, b_ih + b_hh)

    X = torch.randn(6, 3, inputs)
    prepares: list[Any] = [nn.Identity(), below]
    for prepare in prepares:
        loss = output(prepare(X)).square().mean()
        wanted = torch.autograd.grad(loss, params)
        with torch.autocast("cpu", torch.bfloat16):
            states = output(prepare(X))
            loss = states.float().square().mean()
            assert name == "MyRNN" or states.dtype == torch.float32
            if backward_inside:
                grads = torch.autograd.grad(loss, params)
        if not backward_inside:
            grads = torch.autograd.grad(loss, params)
        assert all(grad.dtype == torch.float32 for grad in grads)
        for grad, exact in zip(grads, wanted, strict=True):
            assert torch.cosine_similarity(grad.flatten(), exact.flatten(), 0) > 0.98


@pytest.mark.parametrize("name", ["GRU", "LSTM"])
def test_a_slow_state_moves_under_autocast(name: str) -> None:
    """In bfloat16 a state that changes by less than half a last digit would stand still for ever."""
    net: Any = {"GRU": funcs.GRU, "LSTM": funcs.LSTM}[name](1, 8)
    with torch.no_grad():
        for param in net.parameters():
            param.zero_()
        net.bias_ih_l0[8:16] = 5.0  # the update gate's, the forget gate's
        net.bias_ih_l0[16:24] = 2.0  # the candidate's
        with torch.autocast("cpu", torch.bfloat16):
            states, _ = net(torch.zeros(600, 1, 1))
        torch.testing.assert_close(states, net(torch.zeros(600, 1, 1))[0])
        assert states[599, 0, 0] > states[299, 0, 0] or name == "LSTM"


@pytest.mark.parametrize("name", ["GRU", "GRU, reset before", "LSTM", "recurrence"])
@pytest.mark.filterwarnings("ignore:There is a performance drop")
def test_forward_mode_and_batched_gradients(name: str) -> None:
    torch.manual_seed(0)
    net: Any = funcs.LSTM(2, 3) if name == "LSTM" else funcs.GRU(2, 3, reset_after="before" not in name)
    net.double()
    weights = [torch.randn(shape).double() for shape in ((2, 3), (3, 3), (3,))]

    def output(X: torch.Tensor) -> torch.Tensor:
        return recurrence(X, None, *weights) if name == "recurrence" else net(X)[0]

    X, T = torch.randn(2, 4, 2, 2).double().unbind()
    with forward_ad.dual_level():
        _, tangent = forward_ad.unpack_dual(output(forward_ad.make_dual(X, T)))
    by_rows = torch.autograd.functional.jacobian(output, X)
    torch.testing.assert_close(tangent, torch.einsum("tbhsni,sni->tbh", by_rows, T), rtol=1e-10, atol=1e-12)
    at_once = torch.autograd.functional.jacobian(output, X, vectorize=True)
    torch.testing.assert_close(at_once, by_rows, rtol=1e-10, atol=1e-12)


def test_forward_mode_through_a_packed_product() -> None:
    W, X = torch.randn(400, 400), torch.randn(3, 400)
    for place, tangent in ((0, torch.ones_like(W)), (1, torch.ones_like(X))):
        arguments = [W, X]

        def product(value: torch.Tensor, place: int = place, arguments: Any = arguments) -> torch.Tensor:
            both = [*arguments[:place], value, *arguments[place + 1 :]]
            return recurrences.repeated_product(both[0])(both[1])

        jvp: Any = torch.func.jvp(product, (arguments[place],), (tangent,))
        wanted = X @ tangent if place == 0 else tangent @ W
        torch.testing.assert_close(jvp[1], wanted, rtol=1e-3, atol=1e-2)


def test_model_under_autocast_learns() -> None:
    train_iter, vocab = funcs.load_data_time_machine(8, 10, max_tokens=1000, generator=0)
    for layer in (funcs.GRU(28, 32), funcs.LSTM(28, 32), funcs.MyRNN(28, 32)):
        torch.manual_seed(0)
        model = funcs.RNNModel(layer, len(vocab))
        with torch.autocast("cpu", torch.bfloat16):
            history = funcs.train(model, train_iter, 3, live=False, progress=False)
        assert history.perplexity[-1] < history.perplexity[0]


@pytest.mark.parametrize("size", [20, 363, 400])  # 363² is the first square above 2^17
def test_repeated_product_has_gradients(size: int) -> None:
    W, b, X = torch.randn(size, size), torch.randn(size), torch.randn(2, 3, size)
    leaves = [leaf.requires_grad_() for leaf in (W, b, X)]
    ours = torch.autograd.grad(recurrences.repeated_product(W, b)(X).square().sum(), leaves)
    torch.testing.assert_close(ours, torch.autograd.grad((X @ W + b).square().sum(), leaves), rtol=1e-3, atol=1e-1)
    product = recurrences.repeated_product(W.detach())
    (dX,) = torch.autograd.grad(product(X).sum(), X)
    torch.testing.assert_close(dX, W.detach().sum(1).expand_as(X), rtol=1e-3, atol=1e-3)
    (dW,) = torch.autograd.grad(recurrences.repeated_product(W)(X.detach()).sum(), W)
    torch.testing.assert_close(dW, X.detach().sum((0, 1))[:, None].expand_as(W), rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("rows", [3, 400])
def test_weight_gradient_has_gradients(rows: int) -> None:
    X, dZ = torch.randn(1, rows, 400), torch.randn(1, rows, 400, requires_grad=True)
    (ddZ,) = torch.autograd.grad(recurrences.weight_gradient(X, dZ).sum(), dZ)
    torch.testing.assert_close(ddZ, X.sum(2, keepdim=True).expand_as(dZ), rtol=1e-3, atol=1e-3)


@pytest.mark.skipif(
    not (torch.__version__.startswith("2.13.") and sys.platform == "linux" and platform.machine() == "x86_64"),
    reason="known of the pinned torch on x86 only",
)
def test_onednn_is_found() -> None:
    assert products.HAS_ONEDNN


ODD_FIRST_USES = {
    "float64 default": "torch.set_default_dtype(torch.float64)",
    "meta device": "torch.set_default_device('meta')",
    "export": "torch.export.export(funcs.LSTM(400, 400), (torch.randn(2, 2, 400),))",
    "trace": "torch.jit.trace(funcs.LSTM(400, 400), (torch.randn(2, 2, 400),), check_trace=False)",
    "fake tensors": "from torch._subclasses import FakeTensorMode\n"
    "with FakeTensorMode(): funcs.LSTM(400, 400)(torch.randn(2, 2, 400))",
}


@pytest.mark.skipif(not products.HAS_ONEDNN, reason="torch has no oneDNN calls here")
@pytest.mark.parametrize("before_import", [False, True])
@pytest.mark.parametrize("use", ODD_FIRST_USES)
def test_onednn_survives_an_odd_first_use(use: str, before_import: bool) -> None:
    if before_import and use not in ("float64 default", "meta device"):
        pytest.skip("needs funcs")
    lines = ["import torch", "import funcs", ODD_FIRST_USES[use], "from funcs.recurrences import products"]
    if before_import:
        lines[1:3] = lines[2:0:-1]
    lines.append("assert products.suits_onednn(torch.randn(400, 400, dtype=torch.float32, device='cpu'))")
    run = subprocess.run([sys.executable, "-c", "\n".join(lines)], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr


@pytest.mark.filterwarnings("ignore:Converting a tensor", "ignore::DeprecationWarning")
def test_a_stateful_layer_says_that_it_cannot_be_exported() -> None:
    net, X = funcs.GRU(3, 4, stateful=True), torch.randn(4, 2, 3)
    net(X)
    for make in (torch.export.export, torch.jit.trace):
        for arguments in ((X,), (X, torch.zeros(1, 2, 4))):
            with pytest.raises(RuntimeError, match="a stateful layer cannot be exported or traced"):
                make(net, arguments)


def test_what_a_stateful_layer_keeps_is_its_own() -> None:
    for net in (funcs.GRU(3, 4, stateful=True), funcs.LSTM(3, 4, stateful=True)):
        X = torch.randn(4, 2, 3)
        with torch.inference_mode():
            net(X)
        net(X)[0].sum().backward()
        _, state = net(X)
        kept = [part.clone() for part in net.kept_states or ()]
        with torch.no_grad():
            (state if isinstance(state, torch.Tensor) else state[1]).zero_()
        torch.testing.assert_close(list(net.kept_states or ()), kept)


def test_state_is_left_alone_by_a_copy_of_the_layer() -> None:
    net = funcs.GRU(3, 4, stateful=True)
    net(torch.randn(2, 5, 3))
    twin = copy.deepcopy(net)
    twin.reset_state()
    assert net.kept_states is not None and twin.kept_states is None
