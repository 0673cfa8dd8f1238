"""Checks of the exercises of chapter 06: backpropagation through time."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch.autograd.function import BackwardCFunction
from torch.utils._python_dispatch import TorchDispatchMode

from funcs.book.exercises.checking import Hint, call, exercise, kind, same
from funcs.book.graph import graph_nodes

PRODUCTS = ("mm", "bmm", "addmm", "baddbmm", "addbmm", "mv", "addmv", "dot")


class Products(TorchDispatchMode):
    """Notes every matrix product that is computed, and what came out."""

    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []
        self.results: list[torch.Tensor] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = func._schema.name.split("::")[1]
        result = func(*args, **(kwargs or {}))
        if name in PRODUCTS:
            self.names.append(name)
            self.results.append(result.clone())
        return result


@contextmanager
def shapes_hinted(hint: str) -> Iterator[None]:
    """In place of torch's message on matrices that don't fit, what that says about the answer."""
    try:
        yield
    except RuntimeError as error:
        text = str(error)
        if "shape" in text or "size" in text or "dimension" in text:
            raise Hint(hint) from None
        raise


@exercise("06.1")
def gradient_of_a_weight_used_four_times(answer: Any) -> str | None:
    slips = {
        24: "That is what comes back from one of the uses of w; there are four, and their gradients add up.",
        32: "h_0 is 3, not 1: it stands in every term.",
        48: "That is h_4 itself; how many times a tiny change of w arrives in it?",
        12: "Each use of w has a whole chain behind and before it: h_{t-1} on one side, the later w on the other.",
    }
    if same(answer, 96):
        return None
    for slip, hint in slips.items():
        if same(answer, slip):
            return hint
    return "Go back from h_4 as in 6.1: write down dh_4, dh_3, dh_2, dh_1, and what w gets at each step."


def lazy_states(Z: torch.Tensor, H: torch.Tensor) -> torch.Tensor:
    return 0.5 * H + 0.5 * torch.tanh(Z)


@exercise("06.2")
def backward_step_of_a_lazy_network(answer: Any) -> str | None:
    for batch, h, q in ((3, 4, 5), (1, 2, 3)):
        options: Any = {"dtype": torch.float64}
        Z, H_last, Z_more = (torch.randn(batch, h, **options).requires_grad_() for _ in range(3))
        W_hh, W_hq = torch.randn(h, h, **options), torch.randn(h, q, **options)
        dO, dZ_next, dH_next = (torch.randn(batch, size, **options) for size in (q, h, h))
        H = lazy_states(Z, H_last)
        total = (H @ W_hq * dO).sum() + (H @ W_hh * dZ_next).sum() + (lazy_states(Z_more, H) * dH_next).sum()
        dH, dZ = torch.autograd.grad(total, (H, Z))
        N, slope = torch.tanh(Z).detach(), (1 - torch.tanh(Z) ** 2).detach()
        without_memory = dO @ W_hq.T + dZ_next @ W_hh.T
        given = [tensor.clone() for tensor in (dO, dZ_next, dH_next, N, W_hh, W_hq)]
        with shapes_hinted(
            "A product inside doesn't fit: by (6.2), a gradient goes back through the matrix transposed."
        ):
            got = call(answer, *given)
        if not isinstance(got, (tuple, list)) or len(got) != 2:
            return f"Return two tensors, dH_t and dZ_t; got {kind(got)}."
        wrong_dH = {
            "One use of H_t is missing: the next state takes half of it directly.": without_memory,
            "The next state takes only half of H_t directly.": without_memory + dH_next,
            "Only the direct way to H_{t+1} is halved; Z_{t+1} takes the whole H_t, through W_hh.": (
                dO @ W_hq.T + 0.5 * dZ_next @ W_hh.T + 0.5 * dH_next
            ),
            "H_t is used in three places: by the output, by Z_{t+1} and by H_{t+1}.": 0.5 * dH_next + dO @ W_hq.T,
            "Through its matrix, a gradient goes back transposed.": dO @ W_hq.T + dZ_next @ W_hh + 0.5 * dH_next,
            "Half of H_t is new, but its gradient dH_t is whole; the half comes when you go on to Z_t.": 0.5 * dH,
        }
        if not same(got[0], dH):
            if same(got[0], dZ) and same(got[1], dH):
                return "Both are right, in the other order: dH_t first."
            for hint, wrong in wrong_dH.items():
                if same(got[0], wrong):
                    return hint
            return "dH_t is not right: add up what comes back from each place where H_t is used."
        wrong_dZ = {
            "dZ_t: only half of N_t gets into H_t.": dH * slope,
            "dZ_t: the way through tanh is missing.": 0.5 * dH,
            "dZ_t: dH_t is right, but neither the half nor the way through tanh is in it.": dH,
            "dZ_t: the slope of tanh is 1 minus the square of its result, which is N_t.": 0.5 * dH * (1 - N),
            "dZ_t: the slope of tanh is 1 minus the square of N_t, and N_t is given: no further tanh.": (
                0.5 * dH * (1 - torch.tanh(N) ** 2)
            ),
        }
        if not same(got[1], dZ):
            for hint, wrong in wrong_dZ.items():
                if same(got[1], wrong):
                    return hint
            return "dH_t is right, dZ_t is not: which two factors lie between Z_t and H_t?"
    return None


@exercise("06.3")
def gradient_of_the_stacked_weights(answer: Any) -> str | None:
    for steps, batch, inputs, h in ((5, 3, 2, 4), (4, 2, 3, 3)):
        X, H, dZ = torch.randn(steps, batch, inputs), torch.randn(steps + 1, batch, h), torch.randn(steps, batch, h)
        dW_xh = torch.einsum("tnd,tnh->dh", X, dZ)
        dW_hh, dW_after = (torch.einsum("tnk,tnh->kh", states, dZ) for states in (H[:-1], H[1:]))
        got: Any = None
        with Products() as products:
            fit = "The sides of a product don't fit. H holds one state more than there are steps: which is not needed?"
            with shapes_hinted(fit):
                got = call(answer, X.clone(), H.clone(), dZ.clone())
        if same(got, torch.cat((dW_xh, dW_after))):
            return "Step t saw the state before it, H_{t-1}, not H_t."
        if same(got, torch.cat((dW_hh, dW_xh))):
            return "Both blocks are right, in the other order: the rows of W_xh stand above those of W_hh."
        if same(got, torch.cat((dW_xh, dW_hh)).T):
            return "That is the transpose: W has one row per entry of X_t and H_{t-1}, one column per hidden unit."
        for name, block in (("W_xh", dW_xh), ("W_hh", dW_hh)):
            if same(got, block):
                return f"That is the gradient of {name} alone; put X and the states side by side before the product."
        if not same(got, torch.cat((dW_xh, dW_hh)), 1e-3):
            if isinstance(got, torch.Tensor) and got.shape == (inputs + h, h):
                return "The shape is right, the numbers are not: compare with the sums of (6.4), term by term."
            return f"For these sizes dW has shape {(inputs + h, h)}; got {kind(got)}."
        if products.names != ["mm"]:
            return (
                f"The numbers are right. But there should be one product of two matrices; counted: "
                f"{', '.join(products.names) or 'none'}"
                + (" (bmm: many products at once)." if "bmm" in products.names else ".")
            )
        if not any(same(product, part, 1e-3) for product in products.results for part in (got, got.T)):
            return "The numbers are right. But the one product that was computed is not what you return."
    return None


@exercise("06.4")
def steps_until_a_millionth(answer: Any) -> str | None:
    k = next(k for k in range(1, 1000) if 0.9**k < 1e-6)
    if same(answer, k):
        return None
    given = float(torch.as_tensor(answer))
    if given != int(given):
        return "Steps are whole: after which one is the bound below a millionth for the first time?"
    if given < 0:
        return "The number of steps is positive: ln 0.9 is negative, and so is the logarithm of a millionth."
    if 0 <= given < k:
        return (
            f"After {given:.0f} steps the bound is {0.9**given:.3g}, which is not below 0.000001 yet; logarithms help."
        )
    return "The bound is below a millionth earlier than that; logarithms find the first k."


def name_of_argument(node: Any, place: int, given: dict[str, torch.Tensor]) -> str | None:
    """Which of the tensors that the check gave stands at this place among the arguments of the reader's forward."""
    variable = getattr(node.next_functions[place][0], "variable", None)
    return next((name for name, tensor in given.items() if tensor is variable), None)


def check_what_backward_returns(result: Any, node: Any, given: dict[str, torch.Tensor]) -> None:
    """A hint if the number of gradients or a shape is wrong, which torch would call an invalid gradient."""
    gradients = result if isinstance(result, tuple) else (result,)
    wanted = len(node.next_functions)
    if len(gradients) != wanted:
        raise Hint(f"backward must return one gradient per argument of forward, {wanted}, got {len(gradients)}.")
    shapes = [tuple(gradient.shape) for gradient in gradients if isinstance(gradient, torch.Tensor)]
    permuted = all(tuple(tensor.shape) in shapes for tensor in given.values())
    for place, gradient in enumerate(gradients):
        name = name_of_argument(node, place, given)
        if name is None or gradient is None:
            continue
        if not isinstance(gradient, torch.Tensor):
            raise Hint(f"backward: the gradient of {name} should be a tensor, got {kind(gradient)}.")
        shape, right = tuple(gradient.shape), tuple(given[name].shape)
        if shape == right:
            continue
        if permuted:
            raise Hint(
                f"backward: gradient number {place + 1} belongs to {name}, {right}; yours has {shape}. "
                "Their order is that of forward's arguments."
            )
        if name == "b_h":
            raise Hint("The gradient of b_h must have the shape of b_h: sum over the steps and the rows, and no more.")
        raise Hint(f"backward: the gradient of {name} must have its shape, {right}; yours has {shape}.")


@contextmanager
def no_autograd(node: Any, given: dict[str, torch.Tensor], num_steps: int) -> Iterator[None]:
    """Watches the reader's backward: raises a Hint if it lets autograd work, or returns what torch couldn't take."""
    import torch._dynamo  # torch loads it at its first dispatch, and must not meet the patched functions

    function, forward_ad = node._forward_cls, torch.autograd.forward_ad
    original, dual = function.backward, forward_ad.make_dual
    grad, backward = torch.autograd.grad, torch.autograd.backward

    class Recording(TorchDispatchMode):
        activations = 0

        def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            if torch.is_grad_enabled():
                raise Hint("The gradients may be right, but your backward switches autograd on; write them out.")
            self.activations += func._schema.name.split("::")[1].strip("_") in ("sigmoid", "exp", "tanh")
            if self.activations > 6 * num_steps:
                raise Hint(
                    "Your backward runs the network forward again and again: tiny changes test a gradient, and only "
                    "come near it. Derive it, as in (6.3)."
                )
            return func(*args, **(kwargs or {}))

    def refused(*args: Any, **kwargs: Any) -> None:
        raise Hint("Your backward asks autograd for the gradients; the exercise is to compute them yourself.")

    def watched(ctx: Any, *grads: Any) -> Any:
        torch.autograd.grad, torch.autograd.backward = refused, refused  # type: ignore[assignment]
        forward_ad.make_dual = refused
        try:
            with Recording():
                result = original(ctx, *grads)
        finally:
            torch.autograd.grad, torch.autograd.backward, forward_ad.make_dual = grad, backward, dual
        check_what_backward_returns(result, node, given)
        return result

    function.backward = staticmethod(watched)
    try:
        yield
    finally:
        function.backward = staticmethod(original)


def sigmoid_loop(X: Any, H: Any, W_xh: Any, W_hh: Any, b_h: Any, activate: Any = torch.sigmoid) -> Any:
    states = []
    for x in X:
        H = activate(x @ W_xh + H @ W_hh + b_h)
        states.append(H)
    return torch.stack(states)


def what_is_wrong_with_states(got: Any, X: Any, H: Any, W_xh: Any, W_hh: Any, b_h: Any) -> str | None:
    """A hint if these are not the states of a loop with the sigmoid."""
    wanted = sigmoid_loop(X, H, W_xh, W_hh, b_h)
    if same(got, wanted):
        return None
    if same(got, wanted[-1]):
        return "That is the last state; all of them are wanted, (time, batch, hidden)."
    if same(got, torch.cat((H[None], wanted))):
        return "H_0 stands in front of the states; return H_1 to H_T."
    slips = {
        "These are the states with tanh; the sigmoid is wanted.": (X, H, W_xh, W_hh, b_h, torch.tanh),
        "The states start from zero instead of from H_0.": (X, torch.zeros_like(H), W_xh, W_hh, b_h),
        "The states lack the bias.": (X, H, W_xh, W_hh, torch.zeros_like(b_h)),
    }
    for hint, arguments in slips.items():
        if same(got, sigmoid_loop(*arguments)):
            return hint
    rows = W_xh[X.argmax(-1)]
    if same(got, sigmoid_loop(rows, H, torch.eye(len(b_h), dtype=rows.dtype), W_hh, b_h)):
        return "X holds features, any numbers, not one-hot rows: multiply it by W_xh."
    if not isinstance(got, torch.Tensor) or got.shape != wanted.shape:
        return f"The states must have shape {tuple(wanted.shape)}, (time, batch, hidden); got {kind(got)}."
    return "The states are not those of a loop with torch.sigmoid; look at your forward."


def functions_behind(tensor: torch.Tensor) -> tuple[list[Any], list[str]]:
    """The nodes of the reader's own Functions in the graph, and the names of the operations that autograd recorded."""
    nodes = graph_nodes(tensor)
    own = [node for node in nodes if isinstance(node, BackwardCFunction)]
    recorded = [node.name() for node in nodes if node not in own and not hasattr(node, "variable")]
    return own, [name.removesuffix("0").removesuffix("Backward") for name in recorded]


VIEWS = ("Slice", "Select", "Unbind", "Alias", "View", "AsStrided", "Clone")


@exercise("06.5")
def sigmoid_recurrence_by_hand(answer: Any) -> str | None:
    if isinstance(answer, type):
        return "That is the class; give the function that calls its .apply."
    names = ("H_0", "W_xh", "W_hh", "b_h")
    for steps in (4, 9):
        shapes = ((steps, 3, 2), (3, 5), (2, 5), (5, 5), (5,))
        X, *weights = (torch.randn(shape, dtype=torch.float64) for shape in shapes)
        given = [weight.clone().requires_grad_() for weight in weights]
        kept = [weight.clone().requires_grad_() for weight in weights]
        states = sigmoid_loop(X, *kept)
        direction = torch.randn_like(states)
        wanted = torch.autograd.grad((states * direction).sum(), kept)
        got = call(answer, X.clone(), *given)
        hint = what_is_wrong_with_states(got, X, *weights)
        if hint:
            return hint
        if got.grad_fn is None:
            return (
                "The states are right, but no gradient can come back: call your Function with .apply, and don't detach."
            )
        own, recorded = functions_behind(got)
        if not own:
            return "The states are right, but autograd has recorded the loop: put it into a torch.autograd.Function."
        if len(own) > 1:
            return (
                f"There is one Function per step, {len(own)} in all; write one that walks through the whole sequence."
            )
        if not set(recorded) <= set(VIEWS):
            return (
                "The states are right, but part of the work is left to autograd outside of your Function: "
                f"{', '.join(sorted(set(recorded) - set(VIEWS)))}."
            )
        with no_autograd(own[0], dict(zip(names, given, strict=True)), steps):
            grads = torch.autograd.grad((got * direction).sum(), given, allow_unused=True)
        missing = [name for name, grad in zip(names, grads, strict=True) if grad is None]
        if missing:
            return f"The states are right, but backward gives no gradient for {', '.join(missing)}."
        H = torch.cat((weights[0][None], states.detach()))
        hint = what_is_wrong_with_gradients(
            dict(zip(names, grads, strict=True)), dict(zip(names, wanted, strict=True)), H, weights[2], direction
        )
        if hint:
            return hint
    return None


def walk_back(H: torch.Tensor, slopes: torch.Tensor, dH: torch.Tensor, W_back: torch.Tensor, order: Any) -> Any:
    """The gradient of b_h from a walk over the steps in some order, right or wrong."""
    db_h, from_future = torch.zeros_like(H[0, 0]), torch.zeros_like(H[0])
    for t in order:
        dZ = (dH[t] + from_future) * slopes[t]
        db_h, from_future = db_h + dZ.sum(0), dZ @ W_back
    return db_h


def slip_of_the_walk(db_h: torch.Tensor, H: torch.Tensor, W_hh: torch.Tensor, dH: torch.Tensor) -> str | None:
    """What went wrong on the way back, if the gradient of the bias is that of a likely slip. H: with H_0 first."""
    new, last = H[1:], H[:-1]
    slope, back = new * (1 - new), range(len(dH) - 1, -1, -1)
    again = torch.sigmoid(new)
    slips: dict[str, tuple[Any, ...]] = {
        "Your slope is that of tanh, 1 - H_t * H_t; the sigmoid has another.": (1 - new**2, W_hh.T, back),
        "The slope of step t belongs to H_t; yours is taken at the state before it.": (last * (1 - last), W_hh.T, back),
        "The slope is missing on the way back.": (torch.ones_like(new), W_hh.T, back),
        "The slope has two factors, and one of them is missing.": (new, W_hh.T, back),
        "Of the slope, only one of two factors is there.": (1 - new, W_hh.T, back),
        "H_t is the sigmoid of Z_t already; its slope needs no further sigmoid.": (again * (1 - again), W_hh.T, back),
        "Through W_hh a gradient goes back transposed.": (slope, W_hh, back),
        "Nothing comes back from the future: dH_t lacks what step t + 1 sends back.": (slope, W_hh.T * 0, back),
        "The walk goes from the first step to the last; gradients come from the last.": (slope, W_hh.T, back[::-1]),
    }
    for hint, (slopes, W_back, order) in slips.items():
        if same(db_h, walk_back(H, slopes, dH, W_back, order)):
            return hint
    return None


def what_is_wrong_with_gradients(
    grads: dict[str, Any], wanted: dict[str, Any], H: torch.Tensor, W_hh: torch.Tensor, dH: torch.Tensor
) -> str | None:
    """A hint if a gradient is wrong. H: states with H_0 first; dH: what comes to them from above."""
    wrong = [name for name in grads if not same(grads[name], wanted[name])]
    if not wrong:
        return None
    text = f"The states are right; the gradients of {', '.join(wrong)} are not."
    if wrong == ["W_hh"]:
        return text + " Which state does step t multiply by W_hh?"
    if len(wrong) == 1:
        return text + " The walk itself is right, since the others are."
    share = "What they share is the walk: the slope of the sigmoid, and what comes back from the future."
    return f"{text} {slip_of_the_walk(grads['b_h'], H, W_hh, dH) or share}"


@exercise("06.6")
def where_the_wall_stands(answer: Any) -> str | None:
    if isinstance(answer, (tuple, list)) and any(value is ... for value in answer):
        same(..., 1)
    b, factor = math.atanh(0.6) - 2 * 0.6, 2 * (1 - 0.6**2)
    if not isinstance(answer, (tuple, list)) or len(answer) != 2:
        return f"Give two numbers, (b, factor); got {kind(answer)}."
    for value, wanted in zip(answer, (b, factor), strict=True):
        same(value, wanted)  # raises a hint if it is no number
    if any(torch.as_tensor(value).dim() for value in answer):
        return "Give two numbers, (b, factor); one of yours is a tensor with more than one."
    given_b, given_factor = (float(value) for value in answer)

    def near(got: float, wanted: float, tolerance: float = 5e-3) -> bool:
        return abs(got - wanted) <= tolerance

    if near(given_factor, b) and near(given_b, factor):
        return "Both are right, in the other order: b first."
    if not near(given_b, b):
        if near(given_b, b, 2.5e-2):
            return "b is close; give it to two decimals at least, rounded."
        if near(given_b, -b):
            return "b has the wrong sign."
        if near(given_b, math.tanh(0.6) - 1.2):
            return "b: to get out of tanh, take its inverse (math.atanh), not tanh."
        return "b is not right: solve 0.6 = tanh(2 · 0.6 + b) for it."
    slips = {
        "The factor: that is the slope of tanh alone; w stands in the chain as well.": 1 - 0.6**2,
        "The factor: that is w alone; the slope of tanh stands in the chain as well.": 2.0,
        "The factor: the slope is 1 minus the square of the state, not of what goes into tanh.": (
            2 * (1 - math.atanh(0.6) ** 2)
        ),
        "That is the factor of all 25 steps; of one step, please.": factor**25,
    }
    if not near(given_factor, factor):
        for hint, slip in slips.items():
            if near(given_factor, slip, 1.0 if slip > 100 else 5e-3):
                return hint
        if near(given_factor, factor, 2.5e-2):
            return "The factor is close; give it to two decimals at least, rounded."
        return "b is right. The factor is the derivative of tanh(w h + b) by h, at h = 0.6."
    return None


def last_state(w: float, xs: list[float], h_0: float) -> float:
    for x in xs:
        h_0 = math.tanh(w * h_0 + x)
    return h_0


def truncated_by_hand(w: float, xs: list[float], h_0: float, k: int) -> float:
    """The gradient of h_T for w, from the last k steps only, for the unit h_t = tanh(w h_{t-1} + x_t)."""
    h = [h_0]
    for x in xs:
        h.append(math.tanh(w * h[-1] + x))
    dh, dw = 1.0, 0.0
    for t in range(len(xs), len(xs) - k, -1):
        dz = dh * (1 - h[t] ** 2)
        dw, dh = dw + dz * h[t - 1], dz * w
    return dw


@exercise("06.7")
def a_gradient_cut_off_after_k_steps(answer: Any) -> str | None:
    for T, k in ((6, 3), (6, 1), (5, 5), (7, 4)):
        xs, w, h_0 = (0.5 * torch.randn(T)).tolist(), 0.9, 0.7
        wanted = truncated_by_hand(w, xs, h_0, k)
        options: Any = {"dtype": torch.float64}
        given = torch.tensor(w, requires_grad=True, **options)
        try:
            got = call(answer, given, torch.tensor(xs, **options), torch.tensor(h_0, **options), k)
        except RuntimeError as error:
            if "does not require grad" in str(error) or "not have been used" in str(error):
                return f"With {T} steps and k = {k} no way back to w is left: you have detached too late."
            raise
        if same(got, wanted):
            continue
        slips = {
            "That is the whole gradient; nothing is cut off.": T,
            "The walk goes one step too far: detach one state later.": k + 1,
            "One step too few: the use of w at step T - k + 1 counts; detach the state that it multiplies.": k - 1,
        }
        for hint, steps in slips.items():
            if 0 <= steps <= T and steps != k and same(got, truncated_by_hand(w, xs, h_0, steps)):
                return f"With {T} steps and k = {k}: {hint[0].lower() + hint[1:]}"
        if same(got, truncated_by_hand(w, xs, h_0, 1)):
            return f"With {T} steps and k = {k}: only the last step has brought its term; detach once, not at each."
        if same(got, last_state(w, xs, h_0)):
            return "That is h_T, the loss; return its gradient for w."
        return (
            f"With {T} steps and k = {k} it is not the sum of the last {k} terms. All states stay as they are; "
            "only the way back is cut, at a single place."
        )
    return None
