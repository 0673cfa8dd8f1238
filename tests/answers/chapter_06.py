"""Right and wrong answers to the exercises of chapter 06."""

import inspect
from typing import Any

import torch

from funcs.recurrences import weight_gradient


def lazy_step(dO: Any, dZ_next: Any, dH_next: Any, N: Any, W_hh: Any, W_hq: Any) -> Any:
    dH = dO @ W_hq.T + dZ_next @ W_hh.T + 0.5 * dH_next
    dZ = 0.5 * dH * (1 - N**2)
    return dH, dZ


def lazy_step_by_einsum(dO: Any, dZ_next: Any, dH_next: Any, N: Any, W_hh: Any, W_hq: Any) -> Any:
    """Works on what it is given."""
    dH = torch.einsum("nq,hq->nh", dO, W_hq).add_(torch.einsum("nk,hk->nh", dZ_next, W_hh)).add_(dH_next.mul_(0.5))
    return [dH, N.square_().neg_().add_(1).mul_(dH).div_(2)]


def changed(function: Any, *texts: str) -> Any:
    """A function with some pieces of its code replaced: old, new, old, new, …"""
    source = inspect.getsource(function)
    for old, new in zip(texts[::2], texts[1::2], strict=True):
        assert old in source, old
        source = source.replace(old, new)
    scope: dict[str, Any] = {"torch": torch, "Any": Any, "sigmoid_loop": sigmoid_loop}
    exec(source, scope)
    return scope[function.__name__]


def stacked(X: Any, H: Any, dZ: Any) -> Any:
    return torch.cat((X, H[:-1]), 2).flatten(0, 1).T @ dZ.flatten(0, 1)


def stacked_by_tool(X: Any, H: Any, dZ: Any) -> Any:
    return weight_gradient(torch.cat([X, H[: len(X)]], dim=-1), dZ)


def stacked_by_rows(X: Any, H: Any, dZ: Any) -> Any:
    long = [torch.cat((x, h), 1) for x, h in zip(X, H, strict=False)]
    return torch.mm(torch.cat(long).t(), torch.cat(list(dZ)))


def stacked_term_by_term(X: Any, H: Any, dZ: Any) -> Any:
    return sum(torch.cat((X[t], H[t]), 1).T @ dZ[t] for t in range(len(X)))


def stacked_by_einsum(X: Any, H: Any, dZ: Any) -> Any:
    return torch.einsum("tnk,tnh->kh", torch.cat((X, H[:-1]), 2), dZ)


def sigmoid_loop(X: Any, H: Any, W_xh: Any, W_hh: Any, b_h: Any) -> Any:
    states = []
    for x in X:
        H = torch.sigmoid(x @ W_xh + H @ W_hh + b_h)
        states.append(H)
    return torch.stack(states)


def plain(X: Any, H_0: Any, W_xh: Any, W_hh: Any, b_h: Any) -> Any:
    class Sigmoid(torch.autograd.Function):
        @staticmethod
        def forward(ctx, X, H_0, W_xh, W_hh, b_h):  # type: ignore[no-untyped-def]
            H = [H_0]
            for x in X:
                H.append(torch.sigmoid(x @ W_xh + H[-1] @ W_hh + b_h))
            ctx.save_for_backward(X, torch.stack(H), W_xh, W_hh)
            return torch.stack(H[1:])

        @staticmethod
        def backward(ctx, dH):  # type: ignore[no-untyped-def]
            X, H, W_xh, W_hh = ctx.saved_tensors
            dW_xh, dW_hh, db_h = torch.zeros_like(W_xh), torch.zeros_like(W_hh), torch.zeros_like(W_hh[0])
            from_future = torch.zeros_like(H[0])
            for t in reversed(range(len(X))):
                dZ = (dH[t] + from_future) * H[t + 1] * (1 - H[t + 1])
                from_future = dZ @ W_hh.T
                dW_xh += X[t].T @ dZ
                dW_hh += H[t].T @ dZ
                db_h += dZ.sum(0)
            return None, from_future, dW_xh, dW_hh, db_h

    return Sigmoid.apply(X, H_0, W_xh, W_hh, b_h)


NONE, SLOPE = "return None, from_future", "H[t + 1] * (1 - H[t + 1])"
with_gradient_of_X = changed(
    plain,
    "from_future = torch.zeros_like(H[0])\n",
    "from_future, dX = torch.zeros_like(H[0]), torch.zeros_like(X)\n",
    "dW_xh += X[t].T @ dZ",
    "dX[t] = dZ @ W_xh.T; dW_xh += X[t].T @ dZ",
    NONE,
    "return dX, from_future",
)
# H_0 in front comes out of the Function, and is left out after it.
sliced_outside = changed(
    plain,
    "return torch.stack(H[1:])",
    "return torch.stack(H)",
    "dH[t] +",
    "dH[t + 1] +",
    "Sigmoid.apply(X, H_0, W_xh, W_hh, b_h)",
    "Sigmoid.apply(X, H_0, W_xh, W_hh, b_h)[1:]",
)


class Keeping(torch.autograd.Function):
    """Runs the loop and keeps what went in; the ways back differ."""

    @staticmethod
    def forward(ctx, *args):  # type: ignore[no-untyped-def]
        ctx.save_for_backward(*args)
        return sigmoid_loop(*args)


class Lazy(Keeping):
    """Lets autograd find the gradients, inside of backward."""

    @staticmethod
    def backward(ctx, dH):  # type: ignore[no-untyped-def]
        own = [tensor.detach().requires_grad_() for tensor in ctx.saved_tensors]
        with torch.enable_grad():
            states = sigmoid_loop(*own)
        return torch.autograd.grad(states, own, dH)


class Hidden(torch.autograd.Function):
    """Records the loop in forward already."""

    @staticmethod
    def forward(ctx, *args):  # type: ignore[no-untyped-def]
        with torch.enable_grad():
            ctx.own = [tensor.detach().requires_grad_() for tensor in args]
            ctx.states = sigmoid_loop(*ctx.own)
        return ctx.states.detach()

    @staticmethod
    def backward(ctx, dH):  # type: ignore[no-untyped-def]
        ctx.states.backward(dH)
        return tuple(tensor.grad for tensor in ctx.own)


class Step(torch.autograd.Function):
    """One step."""

    @staticmethod
    def forward(ctx, x, H, W_xh, W_hh, b_h):  # type: ignore[no-untyped-def]
        new = torch.sigmoid(x @ W_xh + H @ W_hh + b_h)
        ctx.save_for_backward(x, H, W_hh, new)
        return new

    @staticmethod
    def backward(ctx, dH):  # type: ignore[no-untyped-def]
        x, H, W_hh, new = ctx.saved_tensors
        dZ = dH * new * (1 - new)
        return None, dZ @ W_hh.T, x.T @ dZ, H.T @ dZ, dZ.sum(0)


def step_by_step(X: Any, H: Any, *weights: Any) -> Any:
    states = []
    for x in X:
        H = Step.apply(x, H, *weights)
        states.append(H)
    return torch.stack(states)


def product_outside(X: Any, H_0: Any, W_xh: Any, W_hh: Any, b_h: Any) -> Any:
    eye = torch.eye(len(b_h), dtype=X.dtype)
    return plain(X @ W_xh, H_0, eye, W_hh, b_h)


# What likely slips and forbidden ways look like.
def one_product_thrown_away(X: Any, H: Any, dZ: Any) -> Any:
    X[0].T @ dZ[0]
    long = torch.cat((X, H[:-1]), 2).flatten(0, 1)
    return sum(a[:, None] * b for a, b in zip(long, dZ.flatten(0, 1), strict=True))


class Forward(Keeping):
    """Lets torch find the derivatives forwards."""

    @staticmethod
    def backward(ctx, dH):  # type: ignore[no-untyped-def]
        X, *own = ctx.saved_tensors
        found = torch.func.jacfwd(lambda *args: (sigmoid_loop(X, *args) * dH).sum(), argnums=(0, 1, 2, 3))(*own)
        return None, *found


class Tiny(Keeping):
    """Tries tiny changes."""

    @staticmethod
    def backward(ctx, dH):  # type: ignore[no-untyped-def]
        X, *own = ctx.saved_tensors
        gradients = []
        for tensor in own:
            entries, gradient = tensor.view(-1), torch.zeros(tensor.numel(), dtype=tensor.dtype)
            for i in range(len(entries)):
                for sign in (1, -1):
                    entries[i] += sign * 1e-6
                    gradient[i] += sign * (sigmoid_loop(X, *own) * dH).sum() / 2e-6
                    entries[i] -= sign * 1e-6
            gradients.append(gradient.view_as(tensor))
        return None, *gradients


def cut_by_detach(w: Any, xs: Any, h: Any, k: Any) -> Any:
    for t, x in enumerate(xs):
        if t == len(xs) - k:
            h = h.detach()
        h = torch.tanh(w * h + x)
    (dw,) = torch.autograd.grad(h, w)
    return dw


def cut_by_hand(w: Any, xs: Any, h_0: Any, k: Any) -> Any:
    with torch.no_grad():
        h = [h_0]
        for x in xs:
            h.append(torch.tanh(w * h[-1] + x))
        dh, dw = 1.0, 0.0
        for t in reversed(range(len(xs) - k, len(xs))):
            dz = dh * (1 - h[t + 1] ** 2)
            dw, dh = dw + dz * h[t], dz * w
    return float(dw)


def cut_in_two_parts(w: Any, xs: Any, h: Any, k: Any) -> Any:
    with torch.no_grad():
        for x in xs[: len(xs) - k]:
            h = torch.tanh(w * h + x)
    for x in xs[len(xs) - k :]:
        h = torch.tanh(w * h + x)
    h.backward()
    return w.grad


def no_return(*args: Any) -> None:
    args[0].sum()


RIGHT: dict[str, list[Any]] = {
    "06.1": [96, 96.0, torch.tensor(96.0)],
    "06.2": [lazy_step, lazy_step_by_einsum],
    "06.3": [stacked, stacked_by_tool, stacked_by_rows],
    "06.4": [132, 132.0],
    "06.5": [plain, with_gradient_of_X, sliced_outside],
    "06.6": [(-0.51, 1.28), [-0.50685, 1.28], torch.tensor([-0.5069, 1.28]).tolist()],
    "06.7": [cut_by_detach, cut_by_hand, cut_in_two_parts],
}

WRONG: dict[str, list[tuple[Any, str]]] = {
    "06.1": [
        (32, "h_0 is 3"),
        (24, "one of the uses"),
        (48, "h_4 itself"),
        (12, "whole chain"),
        (100, "dh_4"),
        ((96,), "One number is wanted"),
        ("96", "One number is wanted"),
    ],
    "06.2": [
        (changed(lazy_step, " + 0.5 * dH_next", ""), "One use of H_t is missing"),
        (changed(lazy_step, " + 0.5 * dH_next", " + dH_next"), "takes only half"),
        (changed(lazy_step, "dZ_next @", "0.5 * dZ_next @"), "takes the whole H_t"),
        (changed(lazy_step, "W_hh.T", "W_hh"), "goes back transposed"),
        (changed(lazy_step, "W_hq.T", "W_hq"), "through the matrix transposed"),
        (changed(lazy_step, "0.5 * dH * (1", "dH * (1"), "only half of N_t"),
        (changed(lazy_step, " * (1 - N**2)", ""), "the way through tanh is missing"),
        (changed(lazy_step, "0.5 * dH * (1 - N**2)", "dH"), "neither the half"),
        (changed(lazy_step, "N**2", "N"), "minus the square"),
        (changed(lazy_step, "N**2", "torch.tanh(N) ** 2"), "no further tanh"),
        (changed(lazy_step, "1 - N**2", "1 + N**2"), "which two factors"),
        (changed(lazy_step, "return dH, dZ", "return dZ, dH"), "in the other order"),
        (changed(lazy_step, "return dH, dZ", "return dZ"), "Return two tensors"),
        (no_return, "is a `return` missing?"),
    ],
    "06.3": [
        (changed(stacked, "H[:-1]", "H[1:]"), "H_{t-1}, not H_t"),
        (changed(stacked, "H[:-1]", "H"), "one state more"),
        (changed(stacked, "(X, H[:-1])", "(H[:-1], X)"), "in the other order"),
        (lambda X, H, dZ: stacked(X, H, dZ).T, "the transpose"),
        (lambda X, H, dZ: weight_gradient(H[:-1], dZ), "of W_hh alone"),
        (lambda X, H, dZ: weight_gradient(X, dZ), "of W_xh alone"),
        (lambda X, H, dZ: torch.cat((weight_gradient(X, dZ), weight_gradient(H[:-1], dZ))), "counted: mm, mm"),
        (stacked_term_by_term, "one product of two matrices"),
        (stacked_by_einsum, "many products at once"),
        (one_product_thrown_away, "is not what you return"),
        (lambda X, H, dZ: (torch.cat((X, H[:-1]), 2).transpose(1, 2) @ dZ).sum(0), "many products at once"),
        (lambda X, H, dZ: stacked(X, H, dZ) / len(X), "The shape is right"),
        (lambda X, H, dZ: torch.cat((X, H[:-1]), 2).transpose(1, 2) @ dZ, "dW has shape"),
    ],
    "06.4": [
        (131, "the bound is 1.01e-06, which is not below"),
        (133, "earlier than that"),
        (131.1, "whole"),
        (-131, "is positive"),
        (0, "the bound is 1, which is not below"),
        ("132", "One number"),
    ],
    "06.5": [
        (sigmoid_loop, "autograd has recorded the loop"),
        (lambda *args: Lazy.apply(*args), "switches autograd on"),
        (lambda *args: Hidden.apply(*args), "asks autograd"),
        (lambda *args: Forward.apply(*args), "asks autograd"),
        (lambda *args: Tiny.apply(*args), "again and again"),
        (step_by_step, "one Function per step"),
        (product_outside, "left to autograd outside"),
        (Lazy, "give the function that calls its .apply"),
        (changed(plain, "torch.sigmoid", "torch.tanh"), "the states with tanh"),
        (changed(plain, "H = [H_0]", "H = [H_0 * 0]"), "start from zero"),
        (changed(plain, "W_hh + b_h)", "W_hh)"), "lack the bias"),
        (changed(plain, "x @ W_xh", "W_xh[x.argmax(-1)]"), "not one-hot rows"),
        (changed(plain, "torch.stack(H[1:])", "torch.stack(H)"), "H_0 stands in front"),
        (lambda *args: plain(*args)[-1], "the last state"),
        (changed(plain, SLOPE, "(1 - H[t + 1] ** 2)"), "slope is that of tanh"),
        (changed(plain, SLOPE, "H[t] * (1 - H[t])"), "taken at the state before it"),
        (changed(plain, f" * {SLOPE}", ""), "The slope is missing"),
        (changed(plain, SLOPE, "H[t + 1]"), "two factors"),
        (changed(plain, SLOPE, "(1 - H[t + 1])"), "only one of two factors"),
        (changed(plain, SLOPE, "H[t + 1].sigmoid() * (1 - H[t + 1].sigmoid())"), "no further sigmoid"),
        (changed(plain, "(dH[t] + from_future)", "dH[t]"), "lacks what step t + 1 sends back"),
        (changed(plain, "in reversed(range(len(X)))", "in range(len(X))"), "from the first step to the last"),
        (changed(plain, SLOPE, f"2 * {SLOPE}"), "What they share is the walk"),
        (changed(plain, "H[t].T @ dZ", "H[t + 1].T @ dZ"), "Which state does step t"),
        (changed(plain, "X[t].T @ dZ", "X[-1].T @ dZ"), "W_xh are not. The walk itself is right"),
        (changed(plain, "W_hh.T\n", "W_hh\n"), "goes back transposed"),
        (changed(plain, NONE, "return from_future"), "one gradient per argument of forward, 5, got 4"),
        (changed(plain, NONE, "return None, None"), "no gradient for H_0"),
        (
            changed(plain, "future, dW_xh, dW_hh, db_h\n", "future, dW_hh, dW_xh, db_h\n"),
            "number 3 belongs to W_xh, (2, 5); yours has (5, 5)",
        ),
        (
            changed(plain, "future, dW_xh, dW_hh, db_h\n", "future, dW_xh, dW_hh, db_h.sum()\n"),
            "must have the shape of b_h",
        ),
        (changed(plain, "db_h += dZ.sum(0)", "db_h = db_h + dZ"), "must have the shape of b_h"),
        (lambda *args: plain(*args).detach(), "no gradient can come back"),
        (no_return, "is a `return` missing?"),
    ],
    "06.6": [
        ((0.51, 1.28), "wrong sign"),
        ((1.28, -0.51), "in the other order"),
        ((-0.663, 1.28), "take its inverse"),
        ((0.1, 1.28), "solve"),
        ((-0.51, 0.64), "slope of tanh alone"),
        ((-0.51, 2), "w alone"),
        ((-0.51, 1.04), "square of the state"),
        ((-0.51, 479), "of one step"),
        ((-0.5, 1.28), "b is close"),
        ((-0.51, 1.3), "The factor is close"),
        ((-0.51, 1.36), "derivative of tanh"),
        (-0.51, "Give two numbers"),
        ("-0.51", "Give two numbers"),
        ((0.1, "1.28"), "One number is wanted"),
    ],
    "06.7": [
        (changed(cut_by_detach, "len(xs) - k", "-1"), "the whole gradient"),
        (changed(cut_by_detach, "len(xs) - k", "len(xs) - k - 1"), "one step too far"),
        (changed(cut_by_detach, "len(xs) - k", "len(xs) - k + 1"), "one step too few"),
        (changed(cut_by_detach, "if t == len(xs) - k", "if True"), "detach once, not at each"),
        (changed(cut_by_detach, "return dw", "return h"), "That is h_T"),
        (changed(cut_by_detach, "return dw", "return 2 * dw"), "it is not the sum"),
        (changed(cut_by_detach, "    (dw,) =", "    h = h.detach()\n    (dw,) ="), "no way back to w is left"),
        (no_return, "is a `return` missing?"),
    ],
}
