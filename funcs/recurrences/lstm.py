"""The recurrence of a long short-term memory, with its backward pass by hand (chapter 09)."""

from itertools import pairwise

import torch

from funcs.recurrences.loops import lstm_loop
from funcs.recurrences.modes import gradients_of_loop, traced
from funcs.recurrences.products import repeated_product, sigmoid_backward, tanh_backward, weight_gradient


class LSTMFunction(torch.autograd.Function):
    """All states H_1 … H_T of an LSTM, (num_steps, batch_size, hidden_size), and its last memory C_T.

    Four blocks of columns hold what a step computes, I F G O: input gate, forget gate, candidate, output gate. In the
    backward pass I F G are the memory's gradient, and O the state's, times a factor that is known before the walk
    starts (chapter 09).
    """

    @staticmethod
    def forward(ctx, X, H_0, C_0, W_ih, W_hh, b_ih, b_hh):  # type: ignore[no-untyped-def]
        h = H_0.shape[1]
        A = repeated_product(W_ih.T, b_ih + b_hh)(X)
        H, C = (torch.cat((first[None], X.new_empty(*X.shape[:2], h))) for first in (H_0, C_0))
        tanh_C = torch.empty_like(C[1:])
        product = repeated_product(W_hh.T)
        for a, (last_h, new_h), (last_c, c), tanh_c in zip(A, pairwise(H), pairwise(C), tanh_C, strict=True):
            i, f, g, o = a.chunk(4, 1)
            a.add_(product(last_h))
            a[:, : 2 * h].sigmoid_()
            g.tanh_()
            o.sigmoid_()
            torch.mul(f, last_c, out=c).addcmul_(i, g)
            torch.mul(o, torch.tanh(c, out=tanh_c), out=new_h)
        ctx.save_for_backward(X, H_0, C_0, W_ih, W_hh, b_ih, b_hh, A, H, C, tanh_C)
        return H[1:], C[-1]

    @staticmethod
    def backward(ctx, dH, dC_last):  # type: ignore[no-untyped-def]
        *inputs, A, H, C, tanh_C = ctx.saved_tensors
        if torch.is_grad_enabled() or traced(dH):  # somebody wants this gradient's own gradient
            return gradients_of_loop(lstm_loop, inputs, dH, dC_last)
        X, _, _, W_ih, W_hh, *_ = inputs
        num_steps, batch_size, h = dH.shape
        I, F, G, O = A.chunk(4, 2)
        dA = torch.empty_like(A)
        dI, dF, dG, dO = dA.chunk(4, 2)
        sigmoid_backward(G, I, grad_input=dI)
        sigmoid_backward(C[:-1], F, grad_input=dF)
        tanh_backward(I, G, grad_input=dG)
        sigmoid_backward(tanh_C, O, grad_input=dO)
        through_tanh = tanh_backward(O, tanh_C, grad_input=torch.empty_like(tanh_C))
        product, from_future, dc = repeated_product(W_hh), torch.zeros_like(H[0]), dC_last.clone()
        for t in reversed(range(num_steps)):
            dh = from_future.add_(dH[t])
            dc.addcmul_(dh, through_tanh[t])
            dA[t].view(batch_size, 4, h)[:, :3].mul_(dc[:, None])
            dO[t].mul_(dh)
            dc.mul_(F[t])
            from_future = product(dA[t])
        dX = repeated_product(W_ih)(dA) if ctx.needs_input_grad[0] else None
        dW_ih, dW_hh = weight_gradient(dA, torch.cat((X, H[:-1]), 2)).split((X.shape[2], h), 1)
        db = dA.sum((0, 1))
        return dX, from_future, dc, dW_ih, dW_hh, db, db
