"""Is an exercise's answer right? (all chapters)

A check computes what is right and compares; it returns a hint, or None for a right answer.
"""

import math
from collections import Counter
from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from funcs.graph import graph_nodes
from funcs.loaders import load_corpus, random_partition, sequential_partition
from funcs.rnn import RNN, RNNModel, get_rnn_params, init_rnn_state, rnn_forward
from funcs.stacked import MyRNN
from funcs.text import Vocab, clean_text, read_time_machine, tokenize

Check = Callable[[Any], str | None]
CHECKS: dict[str, Check] = {}


class NotDone(Exception):
    """The stub is as it was."""


def check(exercise: str, answer: Any) -> None:
    """Print whether `answer` to an exercise is right, a hint if it is not, and "not done yet" for an untouched stub.

    Args:
        exercise: chapter and number, such as "04.3".
        answer: what the exercise asks for; where that is a function, the function itself.

    Raises:
        ValueError: there is no such exercise to check.
    """
    if exercise not in CHECKS:
        raise ValueError(f"exercise must be one of {', '.join(sorted(CHECKS))}, got {exercise!r}")
    try:
        if answer is None or answer is ...:
            raise NotDone
        hint = CHECKS[exercise](answer)
    except NotDone:
        print(f"{exercise}: not done yet")
        return
    except Exception as error:
        hint = f"it stopped with {type(error).__name__}: {error}"
    print(f"{exercise}: right!" if hint is None else f"{exercise}: not yet. {hint}")


def exercise(number: str) -> Callable[[Check], Check]:
    """Enter a function as the check of an exercise."""

    def enter(function: Check) -> Check:
        CHECKS[number] = function
        return function

    return enter


def call(function: Any, *args: Any) -> Any:
    """What the reader's function returns; NotDone if that is nothing."""
    if not callable(function):
        raise TypeError(f"the answer is a function, give it without calling it; got {type(function).__name__}")
    result = function(*args)
    if result is None or result is ...:
        raise NotDone
    return result


def same(got: Any, wanted: Any, tolerance: float = 1e-4) -> bool:
    """Whether two numbers, tensors or sequences of them agree in shape and, to a relative tolerance, in value."""
    if isinstance(wanted, (tuple, list)):
        return len(got) == len(wanted) and all(same(g, w, tolerance) for g, w in zip(got, wanted, strict=True))
    got, wanted = (torch.as_tensor(value).detach().double() for value in (got, wanted))
    return got.shape == wanted.shape and torch.allclose(got, wanted, rtol=tolerance, atol=tolerance * 1e-2)


# Chapter 01: concatenated weights


@exercise("01.1")
def _(answer: Any) -> str | None:
    if same(tuple(answer), (28 + 512, 512)):
        return None
    return "W_xh is (28, 512) and W_hh is (512, 512); which of the two sizes grows when you stack them?"


@exercise("01.2")
def _(answer: Any) -> str | None:
    n, d, h = 32, 28, 512
    if same(tuple(answer), (n * d * h + n * h * h, n * (d + h) * h)):
        return None
    return "an (a, b) matrix times a (b, c) matrix takes a·b·c multiplications; count both products, then the one."


@exercise("01.3")
def _(answer: Any) -> str | None:
    X, H, W_xh, W_hh, b_h = (torch.randn(shape) for shape in ((3, 2), (3, 4), (2, 4), (4, 4), (4,)))
    wanted = X @ W_xh + H @ W_hh + b_h
    got = call(answer, X, H, W_xh, W_hh, b_h)
    if got.shape != wanted.shape:
        return f"for n=3, d=2, h=4 the result must have shape (3, 4), yours has {tuple(got.shape)}."
    if same(got, X @ W_xh + H @ W_hh):
        return "the bias is missing: which column, put beside X and H, would pick up one row of b_h?"
    return None if same(got, wanted) else "the shape is right, the values are not: do both stacks have the same order?"


@exercise("01.4")
def _(answer: Any) -> str | None:
    x, h = torch.randn(2), torch.randn(4)
    W_xh, W_hh = torch.randn(2, 4), torch.randn(4, 4)
    W = call(answer, W_xh, W_hh)
    if tuple(W.shape) != (4, 6):
        return f"for d=2, h=4 the matrix must have shape (4, 6), yours has {tuple(W.shape)}."
    wanted = x @ W_xh + h @ W_hh
    if same(W @ torch.cat((x, h)), wanted):
        return "this is the matrix for [x; h]; the paper stacks [h; x]."
    return None if same(W @ torch.cat((h, x)), wanted) else "turn rows into columns: which matrix becomes W^T?"


@exercise("01.5")
def _(answer: Any) -> str | None:
    n, d, h = 3, 2, 4
    X, H = torch.randn(n, d), torch.randn(n, h)
    gates = [(torch.randn(d, h), torch.randn(h, h)) for _ in range(3)]
    wanted = [X @ W_x + H @ W_h for W_x, W_h in gates]
    W = torch.cat([torch.cat(pair, 0) for pair in gates], 1)
    got = call(answer, X, H, W)
    if len(got) != 3:
        return f"the answer is three matrices, one per gate; yours has length {len(got)}."
    return None if same(list(got), wanted) else "which columns of the one product belong to which gate?"


# Chapter 02: by hand


@exercise("02.1")
def _(answer: Any) -> str | None:
    h = 0.0
    for x in ((1, 2), (2, 0), (3, 1), (-1, -5), (2, -13), (4, 1)):
        h = max(0.0, -1 * x[0] + 3 * x[1] + 2 * h)
    if same(answer, h):
        return None
    return "work out the fifth state first: ReLU turns a negative sum into 0, and that is what the sixth step sees."


@exercise("02.2")
def _(answer: Any) -> str | None:
    output, h_n = nn.RNN(4, 8, num_layers=3, bidirectional=True)(torch.zeros(7, 5, 4))
    if same([tuple(part) for part in answer], [tuple(output.shape), tuple(h_n.shape)]):
        return None
    return "the output has both directions of the last layer side by side; h_n has one row of states per layer and way."


@exercise("02.3")
def _(answer: Any) -> str | None:
    wanted = sum(param.numel() for param in nn.RNN(10, 20, num_layers=2).parameters())
    if same(answer, wanted - 40):
        return "torch keeps two biases per layer."
    return None if same(answer, wanted) else "the second layer reads the 20 states of the first, not the 10 inputs."


@exercise("02.4")
def _(answer: Any) -> str | None:
    rnn, X, h0 = nn.RNN(3, 4), torch.randn(6, 2, 3), torch.randn(1, 2, 4)
    with torch.no_grad():
        output, h_n = rnn(X, h0)
        got_output, got_h_n = call(answer, X, h0, rnn)
    if not same(got_output, output):
        return "the output is not that of nn.RNN: are both biases in, are the weights transposed, is it tanh?"
    return None if same(got_h_n, h_n) else "the output is right; the last state must have shape (1, 2, 4)."


@exercise("02.5")
def _(answer: Any) -> str | None:
    torch.manual_seed(0)
    layer, xs = nn.RNNCell(1, 3), torch.randn(12, 1, 1)
    for k in (1, 3, 4, 20):
        h = torch.zeros(1, 3)
        for t, x in enumerate(xs):
            h = layer(x, h.detach() if t % k == 0 else h)
        got = call(answer, layer, xs, k)
        if not same(got, h):
            return f"for k = {k} the last state is wrong; detaching must not change any number."
        if got.grad_fn is None or len(graph_nodes(got)) != len(graph_nodes(h)):
            return f"for k = {k} and 12 inputs the graph should reach back {(12 - 1) % k + 1} calls, yours differs."
    return None


# Chapter 03: text as sequences


@exercise("03.1")
def _(answer: Any) -> str | None:
    num_batches = len(list(sequential_partition(torch.arange(10_000), 32, 35, 0)))
    if same(answer, num_batches):
        return None
    return "one batch takes 32 · 35 tokens, and up to 34 tokens are skipped at the start; only whole batches count."


@exercise("03.2")
def _(answer: Any) -> str | None:
    corpus, _ = load_corpus()
    frequencies = torch.bincount(corpus).double()
    p = frequencies[frequencies > 0] / len(corpus)
    wanted = math.exp(-(p * p.log()).sum())
    if same(answer, -(p * p.log()).sum()):
        return "this is the entropy in nats; the perplexity is its exponential."
    if same(answer, -(p * p.log2()).sum()):
        return "this is the entropy in bits; the perplexity is 2 to that power."
    return None if same(answer, wanted, 1e-3) else "average −log p(token) over all tokens of the corpus, then exp."


@exercise("03.3")
def _(answer: Any) -> str | None:
    counts = Counter(tokenize(clean_text(read_time_machine()), "word"))
    wanted = sum(count == 1 for count in counts.values())
    if same(answer, wanted / len(counts)):
        return None
    if same(answer, wanted):
        return "this is their number; which share of the vocabulary is it?"
    return "vocab.token_freqs has the counts; divide by the number of different words, <unk> not counted."


@exercise("03.4")
def _(answer: Any) -> str | None:
    corpus = torch.arange(200) % 7
    vocab = Vocab(list("abcdefg"))
    for text in ("a", "abc gg", "fade"):
        if "".join(call(answer, [vocab[c] for c in text], vocab)) != text.replace(" ", "<unk>"):
            return f"the numbers of {text!r} do not come back as {text.replace(' ', '<unk>')!r}."
    got = answer(corpus[:9], vocab)
    if not isinstance(got, str):
        return f"the answer is one string, yours is {type(got).__name__}."
    return None if got == "".join(vocab.to_tokens(corpus[:9])) else "a tensor of numbers does not work."


@exercise("03.5")
def _(answer: Any) -> str | None:
    corpus = torch.randint(1000, (400,))
    sequential = list(sequential_partition(corpus, 3, 5, 2))
    shuffled = list(random_partition(corpus, 3, 5, 2))
    swapped = [*sequential[:3], sequential[4], sequential[3], *sequential[5:]]
    last_row = [(X.clone(), Y.clone()) for X, Y in sequential]
    last_row[-1][0][-1] += 1
    if call(answer, sequential) is not True:
        return "it must return True for a sequential partition."
    for wrong, name in ((shuffled, "a random partition"), (swapped, "two batches swapped"), (last_row, "one bad row")):
        if answer(wrong) is not False:
            return f"it must return False for {name}."
    return None


# Chapter 04: the RNN from scratch


@exercise("04.1")
def _(answer: Any) -> str | None:
    wanted = sum(param.numel() for param in get_rnn_params(28, 512))
    if same(answer, wanted):
        return None
    return "add up the entries of W_xh, W_hh, b_h, W_hq and b_q; most are in W_hh."


@exercise("04.2")
def _(answer: Any) -> str | None:
    logits, labels = torch.randn(50, 28), torch.randint(28, (50,))
    p = logits.softmax(1)[torch.arange(50), labels]
    wanted = math.exp(F.cross_entropy(logits, labels).item())
    got = call(answer, p)
    if same(got, float((1 / p).mean()), 1e-3):
        return "this averages 1/p; perplexity is the geometric mean: average the logarithms."
    if not same(got, wanted, 1e-3):
        return "exp of the mean of −log p."
    return None if same(call(answer, torch.full((10,), 1 / 28)), 28.0, 1e-3) else "guessing among 28 must give 28."


@exercise("04.3")
def _(answer: Any) -> str | None:
    if same(answer, 32 * 35):
        return None
    return "the mean divides the sum by the number of predictions in a batch of 32 rows and 35 steps."


@exercise("04.4")
def _(answer: Any) -> str | None:
    params = [torch.randn_like(param) for param in get_rnn_params(5, 7)]
    x, state = torch.randint(5, (3, 4)), (torch.randn(3, 7),)
    wanted, (H,) = rnn_forward(F.one_hot(x.T, 5).float(), state, params)
    outputs, last = call(answer, x, state, params)
    if outputs.shape != wanted.shape:
        return f"for x of shape (3, 4) the outputs must have shape (12, 5), yours have {tuple(outputs.shape)}."
    if not same(outputs, wanted):
        return "a one-hot row times W_xh is a row of W_xh: which one, and are you walking along time, x.T?"
    return None if isinstance(last, tuple) and same(last[0], H) else "return the last state too, as a tuple."


@exercise("04.5")
def _(answer: Any) -> str | None:
    model, vocab = RNN(28, 16), Vocab(list("the time traveller"))
    text = "the time traveller smiled"
    x = torch.tensor([vocab[list(text)]])
    with torch.no_grad():
        for param in model.parameters():
            param.normal_()
        _, wanted = model(x, init_rnn_state(1, 16))
        for length in (1, 4, 7, 100):
            got = call(answer, text, length, model, vocab)
            if not (isinstance(got, tuple) and same(got[0], wanted[0], 1e-3)):
                return f"with pieces of {length} characters the state is not that of the whole text read at once."
    return None


# Chapter 05: the RNN, concise


@exercise("05.1")
def _(answer: Any) -> str | None:
    wanted = sum(param.numel() for param in RNNModel(nn.RNN(28, 512), 28).parameters())
    if same(answer, wanted):
        return None
    return "chapter 4's model has 291356; what does nn.RNN have twice?"


@exercise("05.2")
def _(answer: Any) -> str | None:
    model = RNNModel(nn.RNN(5, 7), 5).double()
    params = call(answer, model)
    if len(params) != 5:
        return f"five tensors are needed, W_xh, W_hh, b_h, W_hq, b_q; yours are {len(params)}."
    x, state = torch.randint(5, (3, 4)), torch.randn(1, 3, 7, dtype=torch.float64)
    with torch.no_grad():
        wanted, _ = model(x, state)
        got, _ = rnn_forward(F.one_hot(x.T, 5).double(), (state[0],), params)
    return None if same(got, wanted, 1e-9) else "the shapes fit, the outputs differ: both biases? transposed?"


@exercise("05.3")
def _(answer: Any) -> str | None:
    x, G = torch.tensor([2, 0, 2, 4, 2]), torch.randn(5, 3)
    E = torch.zeros(6, 3, requires_grad=True)
    F.embedding(x, E).backward(G)
    got = call(answer, x, G, 6)
    if tuple(got.shape) != (6, 3):
        return f"the gradient has the shape of the embedding, (6, 3); yours has {tuple(got.shape)}."
    return None if same(got, E.grad) else "a token that occurs three times must collect three rows of G."


@exercise("05.4")
def _(answer: Any) -> str | None:
    torch.manual_seed(0)
    model = RNNModel(nn.RNN(5, 7), 5)
    x = torch.randint(5, (2, 30))
    wanted, _ = model(x, model.begin_state(2))
    got = call(answer, model, x, 8)
    if got.shape != wanted.shape:
        return f"the outputs must have shape {tuple(wanted.shape)}, yours have {tuple(got.shape)}."
    return None if same(got, wanted, 1e-3) else "each piece must start from the state that the last one returned."


# Chapter 07: stacked layers


@exercise("07.1")
def _(answer: Any) -> str | None:
    if same(answer, sum(param.numel() for param in MyRNN(28, 256, 3).parameters())):
        return None
    return "the first layer reads 28 features, the two others 256; ours has one bias per layer."


@exercise("07.2")
def _(answer: Any) -> str | None:
    cells = {(layer, t): layer + t for layer in range(4) for t in range(35)}
    if same(tuple(answer), (len(cells), max(cells.values()) + 1)):
        return None
    return "one cell after the other takes layers times steps; a wavefront takes one round per diagonal."


@exercise("07.3")
def _(answer: Any) -> str | None:
    for layer, t, done in ((0, 0, []), (1, 0, [(0, 0)]), (1, 1, [(0, 0), (0, 1), (1, 0)]), (0, 2, [(0, 0), (0, 1)])):
        if call(answer, layer, t, set(done)) is not True:
            return f"cell ({layer}, {t}) is ready when {done} are done."
    for layer, t, done in ((0, 1, []), (1, 0, []), (1, 1, [(0, 1)]), (1, 1, [(1, 0)]), (2, 3, [(1, 3), (2, 1)])):
        if answer(layer, t, set(done)) is not False:
            return f"cell ({layer}, {t}) is not ready when only {done} are done."
    return None


@exercise("07.4")
def _(answer: Any) -> str | None:
    rnn = nn.RNN(3, 4, bidirectional=True)
    with torch.no_grad():
        output, h_n = rnn(torch.randn(6, 2, 3))
    got = call(answer, output)
    if tuple(got.shape) != tuple(h_n.shape):
        return f"for hidden size 4 and batch 2 the shape must be (2, 2, 4), yours is {tuple(got.shape)}."
    if same(got[1], output[-1, :, 4:]):
        return "the backward direction begins at the end of the sequence; where does it stop?"
    return None if same(got, h_n) else "forward half of one step, backward half of another: which ones?"


@exercise("07.5")
def _(answer: Any) -> str | None:
    torch.manual_seed(0)
    for hidden_size in (4, 9):
        W = call(answer, hidden_size, 0.7)
        if tuple(W.shape) != (hidden_size, hidden_size):
            return f"the matrix must be square of size {hidden_size}, yours is {tuple(W.shape)}."
        if not same(W @ W.T, 0.49 * torch.eye(hidden_size)):
            return "every vector must come out 0.7 times as long: W W^T must be 0.49 times the identity."
    return None


# Chapter 06: backpropagation through time


@exercise("06.1")
def _(answer: Any) -> str | None:
    w = torch.tensor(2.0, requires_grad=True)
    (3 * w * w * w * w).backward()
    if same(answer, w.grad):
        return None
    return "w is used four times; add up what comes back from each use, or write h_4 as a power of w."


@exercise("06.2")
def _(answer: Any) -> str | None:
    dO, dZ_next, H = torch.randn(3, 5), torch.randn(3, 4), torch.rand(3, 4)
    W_hh, W_hq = torch.randn(4, 4), torch.randn(4, 5)
    Z = H.atanh().requires_grad_()
    ((torch.tanh(Z) @ W_hq * dO).sum() + (torch.tanh(Z) @ W_hh * dZ_next).sum()).backward()
    got = call(answer, dO, dZ_next, H, W_hh, W_hq)
    if same(got, dO @ W_hq.T + dZ_next @ W_hh.T):
        return "this is dH_t; the way through tanh is missing."
    return None if same(got, Z.grad, 1e-3) else "two gradients come back to H_t, each through its matrix, transposed."


@exercise("06.3")
def _(answer: Any) -> str | None:
    H, dZ = torch.randn(6, 3, 4), torch.randn(5, 3, 4)
    got = call(answer, H, dZ)
    if same(got, H[1:].flatten(0, 1).T @ dZ.flatten(0, 1)):
        return "step t saw the state before it, H_{t-1}, not H_t."
    return (
        None if same(got, torch.einsum("tnh,tnk->hk", H[:-1], dZ), 1e-3) else "flatten time and batch to one long side."
    )


@exercise("06.4")
def _(answer: Any) -> str | None:
    k = next(k for k in range(1, 1000) if 0.9**k < 1e-6)
    return None if same(answer, k) else "the smallest whole k with 0.9^k < 0.000001; logarithms help."


@exercise("06.5")
def _(answer: Any) -> str | None:
    shapes = ((4, 3, 2), (3, 5), (2, 5), (5, 5), (5,))
    inputs = [torch.randn(shape, dtype=torch.float64).requires_grad_() for shape in shapes]
    X, H, W_xh, W_hh, b_h = inputs
    states = []
    for x in X:
        H = torch.sigmoid(x @ W_xh + H @ W_hh + b_h)
        states.append(H)
    got = call(answer, *inputs)
    if not same(got, torch.stack(states)):
        return "the states are not those of a loop with torch.sigmoid."
    if len(graph_nodes(got)) > 12:
        return "the states are right, but autograd has recorded the loop: put it into a torch.autograd.Function."
    wanted = torch.autograd.grad(torch.stack(states).square().sum(), inputs)
    grads = torch.autograd.grad(got.square().sum(), inputs)
    wrong = [name for name, a, b in zip("X H_0 W_xh W_hh b_h".split(), grads, wanted, strict=True) if not same(a, b)]
    return f"the states are right, the gradients of {', '.join(wrong)} are not." if wrong else None


# Chapter 08: the GRU


@exercise("08.1")
def _(answer: Any) -> str | None:
    k = next(k for k in range(1, 1000) if 0.99**k < 0.5)
    return (
        None if same(answer, k) else "the smallest whole k with 0.99^k below a half; (8.2) gives the number before it."
    )


@exercise("08.2")
def _(answer: Any) -> str | None:
    layer = nn.GRU(28, 256, num_layers=2)
    one_bias = sum(param.numel() for name, param in layer.named_parameters() if "bias_hh" not in name)
    if same(answer, one_bias):
        return "torch's layers have two biases per block."
    right = same(answer, sum(param.numel() for param in layer.parameters()))
    return None if right else "three blocks per layer; the second layer reads 256 features, not 28."


@exercise("08.3")
def _(answer: Any) -> str | None:
    for k in (1, 10, 500):
        a = torch.as_tensor(call(answer, k)).double()
        if not same(torch.sigmoid(a) ** k, 0.5, 1e-3):
            return f"with your bias, {float(torch.sigmoid(a) ** k):.3g} is left after {k} steps; solve (8.2) for a."
    return None


@exercise("08.4")
def _(answer: Any) -> str | None:
    dH, H_last, N = torch.randn(3, 3, 4).unbind()
    A = torch.randn(3, 4, requires_grad=True)
    Z = torch.sigmoid(A)
    (wanted,) = torch.autograd.grad(((Z * H_last + (1 - Z) * N) * dH).sum(), A)
    got = call(answer, dH, H_last, Z.detach(), N)
    if same(got, dH * (H_last - N)):
        return "that is the gradient of Z itself; go on through the sigmoid."
    return None if same(got, wanted) else "Z stands in Z * H_last and in (1 - Z) * N; then comes the sigmoid's slope."


@exercise("08.5")
def _(answer: Any) -> str | None:
    X, H, W_f, b_f, W_n, b_n = (torch.randn(shape) for shape in ((3, 2), (3, 4), (6, 4), (4,), (6, 4), (4,)))
    F_ = torch.sigmoid(torch.cat((X, H), 1) @ W_f + b_f)
    N = torch.tanh(torch.cat((X, F_ * H), 1) @ W_n + b_n)
    got = call(answer, X, H, W_f, b_f, W_n, b_n)
    if same(got, F_ * H + (1 - F_) * N):
        return "here the open gate lets the candidate in: look at the last formula again."
    return None if same(got, (1 - F_) * H + F_ * N) else "both products have [X ...] on the left, the second F * H."


# Chapter 09: the LSTM


@exercise("09.1")
def _(answer: Any) -> str | None:
    layer = nn.LSTM(28, 256, num_layers=2)
    if same(answer, sum(param.numel() for name, param in layer.named_parameters() if "bias_hh" not in name)):
        return "torch's layers have two biases per block."
    right = same(answer, sum(param.numel() for param in layer.parameters()))
    return None if right else "four blocks per layer; the second layer reads 256 features, not 28."


@exercise("09.2")
def _(answer: Any) -> str | None:
    left = torch.sigmoid(torch.tensor(1.0)) ** 20
    return None if same(answer, left, 1e-2) else "each step multiplies what is left by the forget gate, 1/(1 + 1/e)."


@exercise("09.3")
def _(answer: Any) -> str | None:
    comes, stays_away = call(answer)
    if len(comes) != 4 or len(stays_away) != 4:
        return "return two tuples of four numbers, (I, F, G, O) each."
    C = torch.tensor(0.0)
    for k, (I, F_, G, _) in enumerate((comes, comes, stays_away, stays_away, comes)):
        if not (0 <= I <= 1 and 0 <= F_ <= 1 and -1 <= G <= 1):
            return "gates are between 0 and 1, the candidate between -1 and 1."
        C = F_ * C + I * G
        if not same(C, (1.0, 2.0, 2.0, 2.0, 3.0)[k]):
            return f"after step {k + 1} of 'it comes, comes, not, not, comes' the memory is {float(C):g}."
    return None


@exercise("09.4")
def _(answer: Any) -> str | None:
    X, H, C = (torch.randn(3, size) for size in (2, 4, 4))
    params = [torch.randn(shape) for shape in ((6, 4), (4,)) * 3]
    XH = torch.cat((X, H), 1)
    forget, candidate, output = (XH @ params[i] + params[i + 1] for i in (0, 2, 4))
    forget, output = torch.sigmoid(forget), torch.sigmoid(output)
    wanted = forget * C + (1 - forget) * torch.tanh(candidate)
    got = call(answer, X, H, C, params)
    if len(got) != 2:
        return "return two tensors, the new H and the new C."
    if not same(got[1], wanted):
        return "the new C is F * C + (1 - F) * G; is G behind a tanh, and F behind a sigmoid?"
    return None if same(got[0], output * torch.tanh(wanted)) else "C is right; H is O * tanh(C), with the new C."


@exercise("09.5")
def _(answer: Any) -> str | None:
    dH, dC_future, C = torch.randn(3, 3, 4).unbind()
    O = torch.rand(3, 4)
    C.requires_grad_()
    (wanted,) = torch.autograd.grad((O * torch.tanh(C) * dH + C * dC_future).sum(), C)
    got = call(answer, dH, dC_future, O, C.detach())
    if same(got, wanted - dC_future):
        return "this is what comes by way of H; the next step sends something too."
    return (
        None if same(got, wanted) else "two ways lead back to C: straight from the next step, and through O * tanh(C)."
    )


# Chapter 10: fitting a wave


@exercise("10.1")
def _(answer: Any) -> str | None:
    if same(answer, 0.2):
        return "that is the largest error; the root mean square of numbers spread evenly is smaller."
    return None if same(answer, 0.2 / math.sqrt(3), 1e-2) else "integrate u² over the interval, and take the root."


@exercise("10.2")
def _(answer: Any) -> str | None:
    dense, out = nn.Linear(5, 3), nn.Linear(3, 1)
    got = call(answer, dense, out)
    if len(got) != 2:
        return "return two tensors, weight and bias."
    if not same(got[0], out.weight @ dense.weight):
        return "out(dense(h)) is out.weight @ (dense.weight @ h + dense.bias) + out.bias; where does h end up?"
    return None if same(got[1], out(dense.bias)) else "the weight is right; dense's bias goes through the second layer."


@exercise("10.3")
def _(answer: Any) -> str | None:
    for length, num_rows, size in ((100, 4, 5), (103, 4, 5), (64, 8, 2)):
        strips = torch.arange(length)[: length // num_rows * num_rows].view(num_rows, -1)
        for i, k in ((0, 0), (1, 0), (2, 1), (3, 2)):
            if not same(call(answer, length, num_rows, size, i, k), strips[i, k * size]):
                return f"for a series of {length}, {num_rows} rows and pieces of {size}, row {i} of piece {k} is wrong."
    return None


@exercise("10.4")
def _(answer: Any) -> str | None:
    wanted = F.cross_entropy(torch.zeros(1, 8), torch.tensor([3]))
    return None if same(answer, wanted, 1e-2) else "each symbol has the probability one eighth; (4.2) without its exp."


@exercise("10.5")
def _(answer: Any) -> str | None:
    for h, longest in ((5, 16.0), (33, 1000.0)):
        biases = torch.as_tensor(call(answer, h, longest)).double()
        if tuple(biases.shape) != (h,):
            return f"for h={h} there must be {h} biases, got shape {tuple(biases.shape)}."
        half_lives = math.log(2) / -F.logsigmoid(biases)
        wanted = longest ** (torch.arange(h) / (h - 1))
        if not same(half_lives, wanted, 1e-3):
            return (
                f"with h={h} and longest={longest:g}, half-lives go from {half_lives[0]:.3g} to {half_lives[-1]:.3g}."
            )
    return None
