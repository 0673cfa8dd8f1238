"""The recurrence of a gated recurrent unit, both kinds, with its backward pass by hand (chapter 08)."""

from itertools import pairwise

import torch

from funcs.recurrences.loops import gru_loop, gru_reset_before_loop
from funcs.recurrences.modes import gradients_of_loop, traced
from funcs.recurrences.products import repeated_product, sigmoid_backward, tanh_backward, weight_gradient


class GRUFunction(torch.autograd.Function):
    """All states H_1 … H_T of a GRU that resets after the product, (num_steps, batch_size, hidden_size).

    Four blocks of columns hold what a step computes, M R Z N: the state's part of the candidate, the two gates, the
    candidate. The state is multiplied into M R Z, the input into R Z N. In the backward pass every block is the state's
    gradient times a factor that is known before the walk starts (chapter 08).
    """

    @staticmethod
    def forward(ctx, X, H_0, W_ih, W_hh, b_ih, b_hh):  # type: ignore[no-untyped-def]
        h = H_0.shape[1]
        W_mrz = W_hh.roll(h, 0)
        A = torch.cat((X.new_zeros(*X.shape[:2], h), repeated_product(W_ih.T, b_ih)(X)), 2)
        H = torch.cat((H_0[None], X.new_empty(*X.shape[:2], h)))
        product = repeated_product(W_mrz.T, b_hh.roll(h, 0))
        for a, (last, new) in zip(A, pairwise(H), strict=True):
            m, r, z, n = a.chunk(4, 1)
            a[:, : 3 * h].add_(product(last))
            a[:, h : 3 * h].sigmoid_()
            n.addcmul_(r, m).tanh_()
            torch.lerp(n, last, z, out=new)
        ctx.save_for_backward(X, H_0, W_ih, W_hh, b_ih, b_hh, W_mrz, A, H)
        return H[1:]

    @staticmethod
    def backward(ctx, dH):  # type: ignore[no-untyped-def]
        *inputs, W_mrz, A, H = ctx.saved_tensors
        if torch.is_grad_enabled() or traced(dH):  # somebody wants this gradient's own gradient
            return gradients_of_loop(gru_loop, inputs, dH)
        X, _, W_ih, *_ = inputs
        num_steps, batch_size, h = dH.shape
        M, R, Z, N = A.chunk(4, 2)
        dA = torch.empty_like(A)
        dM, dR, dZ, dN = dA.chunk(4, 2)
        tanh_backward(1 - Z, N, grad_input=dN)
        torch.mul(dN, R, out=dM)
        sigmoid_backward(dN * M, R, grad_input=dR)
        sigmoid_backward(H[:-1] - N, Z, grad_input=dZ)
        product, from_future = repeated_product(W_mrz), torch.zeros_like(H[0])
        for t in reversed(range(num_steps)):
            dh = from_future.add_(dH[t])
            dA[t].view(batch_size, 4, h).mul_(dh[:, None])
            from_future = product(dA[t, :, : 3 * h]).addcmul_(dh, Z[t])
        dX = repeated_product(W_ih)(dA[..., h:]) if ctx.needs_input_grad[0] else None
        dW_ih, dW_mrz = weight_gradient(dA[..., h:], X), weight_gradient(dA[..., : 3 * h], H[:-1])
        db = dA.sum((0, 1))
        return dX, from_future, dW_ih, dW_mrz.roll(-h, 0), db[h:], db[: 3 * h].roll(-h)


class GRUResetBeforeFunction(torch.autograd.Function):
    """All states of a GRU that resets before the product, (num_steps, batch_size, hidden_size) (chapter 08).

    Three blocks of columns, R Z N. The candidate's product needs the reset gate, so there are two products a step.
    """

    @staticmethod
    def forward(ctx, X, H_0, W_ih, W_hh, b_ih, b_hh):  # type: ignore[no-untyped-def]
        h = H_0.shape[1]
        A = repeated_product(W_ih.T, b_ih + b_hh)(X)
        H = torch.cat((H_0[None], X.new_empty(*X.shape[:2], h)))
        gates, candidate = repeated_product(W_hh[: 2 * h].T), repeated_product(W_hh[2 * h :].T)
        for a, (last, new) in zip(A, pairwise(H), strict=True):
            r, z, n = a.chunk(3, 1)
            a[:, : 2 * h].add_(gates(last)).sigmoid_()
            n.add_(candidate(r * last)).tanh_()
            torch.lerp(n, last, z, out=new)
        ctx.save_for_backward(X, H_0, W_ih, W_hh, b_ih, b_hh, A, H)
        return H[1:]

    @staticmethod
    def backward(ctx, dH):  # type: ignore[no-untyped-def]
        *inputs, A, H = ctx.saved_tensors
        if torch.is_grad_enabled() or traced(dH):
            return gradients_of_loop(gru_reset_before_loop, inputs, dH)
        X, _, W_ih, W_hh, *_ = inputs
        h = dH.shape[2]
        R, Z, N = A.chunk(3, 2)
        dA = torch.empty_like(A)
        dR, dZ, dN = dA.chunk(3, 2)
        tanh_backward(1 - Z, N, grad_input=dN)
        sigmoid_backward(H[:-1] - N, Z, grad_input=dZ)
        sigmoid_backward(H[:-1], R, grad_input=dR)
        gates, candidate = repeated_product(W_hh[: 2 * h]), repeated_product(W_hh[2 * h :])
        from_future = torch.zeros_like(H[0])
        for t in reversed(range(len(dH))):
            dh = from_future.add_(dH[t])
            dZ[t].mul_(dh)
            dreset = candidate(dN[t].mul_(dh))
            dR[t].mul_(dreset)
            from_future = gates(dA[t, :, : 2 * h]).addcmul_(dreset, R[t]).addcmul_(dh, Z[t])
        dX = repeated_product(W_ih)(dA) if ctx.needs_input_grad[0] else None
        dW_hh = torch.cat((weight_gradient(dA[..., : 2 * h], H[:-1]), weight_gradient(dN, R * H[:-1])))
        db = dA.sum((0, 1))
        return dX, from_future, weight_gradient(dA, X), dW_hh, db, db
