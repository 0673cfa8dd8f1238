"""Checks of the exercises of chapter 01: concatenated weights."""

from collections import Counter
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from funcs.book.exercises.checking import Hint, call, exercise, kind, same

PRODUCTS = {"mm", "addmm", "bmm", "baddbmm", "mv", "addmv", "dot", "_addmm_activation"}
SUMS = {
    "add",
    "add_",
    "addmm",
    "baddbmm",
    "addmv",
    "addcmul",
    "rsub",
    "sub",
    "sub_",
    "mean",
    "sum",
    "cumsum",
    "index_add",
    "scatter_add",
}


class Operations(TorchDispatchMode):
    """Counts the operations on tensors that are carried out, by name."""

    def __init__(self) -> None:
        super().__init__()
        self.counts: Counter[str] = Counter()
        self.stacked = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = func.__name__.split(".")[0]
        self.counts[name] += 1
        if name in ("bmm", "baddbmm"):  # one product for each of the stack
            self.stacked += len(args[-1]) - 1
        return func(*args, **(kwargs or {}))

    @property
    def products(self) -> int:
        return sum(self.counts[name] for name in PRODUCTS) + self.stacked


def watched(answer: Any, *args: Any) -> tuple[Any, Operations]:
    """What the reader's function returns for copies of `args`, and the operations that it took."""
    copies = [arg.clone() for arg in args]
    try:
        with Operations() as operations:
            return call(answer, *copies), operations
    except RuntimeError as error:
        shapes, words = ", ".join(str(tuple(arg.shape)) for arg in args), str(error).rstrip(".")
        question = "Do the sizes that meet agree?"
        if "number of dimensions" in words:
            question = (
                "A matrix has two dimensions, a vector one: reshape(1, -1) makes a row of it, reshape(-1, 1) a column."
            )
        raise Hint(f"For arguments of shapes {shapes} torch stopped: {words}. {question}") from None


@exercise("01.1")
def size_of_the_stack(answer: Any) -> str | None:
    if same(answer, (28 + 512, 512)):
        return None
    if same(answer, (512, 28 + 512)):
        return "These are the two sizes, swapped: rows first."
    if same(answer, (28 + 512, 28 + 512)):
        return "Stacking adds up one of the two sizes only."
    if same(answer, (28 + 512, 4 * 512)):
        return "This is the matrix of four sums side by side; the model has one sum like (1.1)."
    return "W_xh is (28, 512) and W_hh is (512, 512); which of the two sizes grows when you stack them?"


@exercise("01.2")
def multiplications(answer: Any) -> str | None:
    n, d, h, num_steps = 32, 28, 512, 35
    every, before = num_steps * n * (d + h) * h, num_steps * n * d * h
    if same(answer, (every, before)):
        return None
    if same(answer, (before, every)):
        return "These are the two, swapped: all first."
    if same(answer, (every // num_steps, before // num_steps)):
        return "This is one step; the sequences have 35."
    if same(answer, (every // n, before // n)):
        return "This is one sequence; there are 32 side by side."
    if same(answer[:1], (every,)):
        if same(answer[1:], (num_steps * n * h * h,)):
            return "All is right; but the products with the state have to wait for it. Which ones need no state?"
        return "All is right; before the loop, only the inputs are known. Which of the two products needs no state?"
    return "An (a, b) matrix times a (b, c) matrix takes a·b·c multiplications; count both products, then the steps."


@exercise("01.3")
def bias_folded_in(answer: Any) -> str | None:
    for n, d, h in ((3, 2, 4), (1, 5, 3), (4, 3, 3)):
        shapes = ((n, d), (n, h), (d, h), (h, h), (h,))
        X, H, W_xh, W_hh, b_h = args = tuple(torch.randn(shape) for shape in shapes)
        without = X @ W_xh + H @ W_hh
        wanted = without + b_h
        got, operations = watched(answer, *args)
        if not isinstance(got, torch.Tensor):
            return f"The result is one tensor; your function returns {kind(got)}."
        if got.shape != wanted.shape:
            return f"For n={n}, d={d}, h={h} the result must have shape {(n, h)}, yours has {tuple(got.shape)}."
        if not same(got, wanted):
            if same(got, torch.tanh(wanted)):
                return "The sum is right; the exercise asks for it as it is, before tanh."
            if same(got, without):
                return "The bias is missing: which column, put beside X and H, would pick up one row of b_h?"
            if same(got, without + n * b_h) or same(got, without + (d + h) * b_h):
                return "The bias is in, but more than once."
            return "The shape is right, the values are not: do both stacks have the same order?"
        if operations.counts["addmm"] or operations.counts["baddbmm"] or operations.counts["addmv"]:
            return "The values are right; but this function of torch adds the bias after the product. Use `@` alone."
        if operations.products != 1:
            if operations.products == 0:
                return "The values are right, but made without torch's products; do it with one `@` of tensors."
            return f"The values are right, with {operations.products} products; it can be done with one."
        if any(operations.counts[name] for name in SUMS):
            return "The values are right; but something is added. Let the product do that, too."
    return None


@exercise("01.4")
def weights_of_the_paper(answer: Any) -> str | None:
    for d, h in ((2, 4), (3, 3), (5, 1)):
        x, state = torch.randn(d), torch.randn(h)
        W_xh, W_hh = torch.randn(d, h), torch.randn(h, h)
        W, _ = watched(answer, W_xh, W_hh)
        if not isinstance(W, torch.Tensor):
            return f"The answer is one matrix; your function returns {kind(W)}."
        if tuple(W.shape) == (d + h, h) != (h, d + h):
            return "This matrix would stand on the right of a row; the paper's stands on the left of a column."
        if tuple(W.shape) != (h, d + h):
            return f"For d={d}, h={h} the matrix must have shape {(h, d + h)}, yours has {tuple(W.shape)}."
        wanted = x @ W_xh + state @ W_hh
        both = torch.cat((state, x))
        if same(W @ both, wanted):
            continue
        if same(W @ torch.cat((x, state)), wanted):
            return "This is the matrix for [x; h]; the paper stacks [h; x]."
        if same(W[:, :h], W_hh) or (d == h and same(W[:, h:], W_xh)):
            return "A matrix that moves from the right of a row to the left of a column is transposed: each of them."
        return "The shape is right, the product is not x W_xh + h W_hh: turn rows into columns, keep the pairs."
    return None


@exercise("01.5")
def three_gates_at_once(answer: Any) -> str | None:
    for n, d, h in ((3, 2, 4), (2, 4, 3), (3, 3, 3)):
        X, H = torch.randn(n, d), torch.randn(n, h)
        gates = [(torch.randn(d, h), torch.randn(h, h)) for _ in range(3)]
        wanted = [X @ W_x + H @ W_h for W_x, W_h in gates]
        W = torch.cat([torch.cat(pair, 0) for pair in gates], 1)
        got, operations = watched(answer, X, H, W)
        if isinstance(got, torch.Tensor) and tuple(got.shape) == (n, 3 * h):
            return "This is the product; now cut it into the three matrices."
        if not isinstance(got, (tuple, list)) or not all(isinstance(part, torch.Tensor) for part in got):
            return f"The answer is three matrices, one per gate; your function returns {kind(got)}."
        if len(got) != 3:
            return f"The answer is three matrices, one per gate; your function returns {len(got)}."
        if any(tuple(part.shape) != (n, h) for part in got):
            shapes = ", ".join(str(tuple(part.shape)) for part in got)
            return f"For n={n}, d={d}, h={h} each matrix must have shape {(n, h)}; yours have {shapes}."
        if same(list(got), [torch.sigmoid(part) for part in wanted]) or same(list(got), [p.tanh() for p in wanted]):
            return "The sums are right; the exercise asks for them as they are, without a function on top."
        if not same(list(got), wanted):
            if same(list(got[::-1]), wanted):
                return "These are the three sums in the wrong order."
            if same(list(got), list((torch.cat((H, X), 1) @ W).chunk(3, 1))):
                return "W has W_xh on top of W_hh; do X and H stand in the same order?"
            return "The shapes are right, the values are not: which columns of the product belong to which gate?"
        if operations.products == 0:
            return "The values are right, but made without torch's products; do it with one `@` of tensors."
        if operations.products != 1:
            return f"The values are right, with {operations.products} products; it can be done with one."
    return None
