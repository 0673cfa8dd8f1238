"""The training loop, evaluation and prediction."""

import ast
import copy
import math
from pathlib import Path
from typing import Any

import nbformat
import pytest
import torch
from torch import nn
from torch.nn import functional as F

import funcs
from funcs import training

ROOT = Path(__file__).parent.parent
QUIET: dict[str, Any] = {"live": False, "progress": False}


@pytest.fixture
def data() -> tuple[funcs.TextLoader, funcs.Vocab]:
    return funcs.load_data_time_machine(8, 10, max_tokens=1000, generator=0)


class Recorder(nn.Module):
    """A model of the reader's own; it notes what it is given, and its state is a pair."""

    def __init__(self, vocab_size: int) -> None:
        super().__init__()
        self.scores = nn.Parameter(torch.zeros(vocab_size))
        self.calls: list[tuple[torch.Tensor, Any]] = []

    def begin_state(self, batch_size: int, device: Any = None) -> Any:
        return (torch.zeros(batch_size, device=device), (torch.zeros(batch_size, device=device),))

    def forward(self, x: torch.Tensor, state: Any) -> Any:
        self.calls.append((x, state))
        new = state[0] + x.sum(1) + 0 * self.scores.sum()  # depends on a parameter: needs detaching
        return self.scores.expand(x.numel(), -1), (new, (new,))


@pytest.mark.parametrize("random", [False, True])
def test_state_is_reset_carried_and_detached(random: bool) -> None:
    train_iter, vocab = funcs.load_data_time_machine(8, 10, random, max_tokens=1000, generator=0)
    model = Recorder(len(vocab))
    funcs.train(model, train_iter, 2, **QUIET)
    assert len(model.calls) == 2 * len(train_iter)
    carried = torch.zeros(8)
    for i, (x, (state, (nested,))) in enumerate(model.calls):
        assert not state.requires_grad and not nested.requires_grad
        fresh = random or i % len(train_iter) == 0
        assert torch.equal(state, torch.zeros(8) if fresh else carried)
        carried = state + x.sum(1)


def test_learns_and_returns_its_history(data: tuple[funcs.TextLoader, funcs.Vocab]) -> None:
    torch.manual_seed(0)
    train_iter, vocab = data
    model = funcs.RNN(len(vocab), 64)
    held_out = funcs.TextLoader(train_iter.corpus, vocab, 8, 10, offset=0)
    history = funcs.train(model, train_iter, 30, held_out=held_out, **QUIET)
    assert len(history.perplexity) == len(history.held_out) == 30
    assert history.perplexity[0] > 20 > 12 > history.perplexity[-1]
    assert history.held_out[-1] == funcs.evaluate(model, held_out)
    tokens = 30 * len(train_iter) * 80
    assert history.tokens_per_second == pytest.approx(tokens / history.seconds)
    assert repr(history).startswith("<History of 30 epochs: perplexity ")


def test_one_epoch_is_what_the_chapter_says(data: tuple[funcs.TextLoader, funcs.Vocab]) -> None:
    """Against the same steps written out without the training loop."""
    _, vocab = data
    torch.manual_seed(0)
    model = funcs.RNN(len(vocab), 16)
    twin = copy.deepcopy(model)
    train_iter, _ = funcs.load_data_time_machine(8, 10, max_tokens=1000, generator=1)
    history = funcs.train(model, train_iter, 1, lr=0.5, clip=0.1, **QUIET)
    train_iter, _ = funcs.load_data_time_machine(8, 10, max_tokens=1000, generator=1)
    (H,), losses = twin.begin_state(8), []
    for X, Y in train_iter:
        outputs, (H,) = twin(X, (H.detach(),))
        loss = F.cross_entropy(outputs, Y.T.reshape(-1))
        grads = torch.autograd.grad(loss, list(twin.parameters()))
        norm = torch.stack([grad.square().sum() for grad in grads]).sum().sqrt()
        assert norm > 0.1, "this test should clip"
        with torch.no_grad():
            for param, grad in zip(twin.parameters(), grads, strict=True):
                param.sub_(0.5 * grad * (0.1 / norm))
        losses.append(loss.item())
    for a, b in zip(model.parameters(), twin.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-7)
    assert history.perplexity[0] == pytest.approx(math.exp(sum(losses) / len(losses)), rel=1e-4)


def test_own_optimizer_is_used(data: tuple[funcs.TextLoader, funcs.Vocab]) -> None:
    torch.manual_seed(0)
    train_iter, vocab = data
    model = funcs.RNN(len(vocab), 32)
    history = funcs.train(model, train_iter, 20, optimizer=torch.optim.Adam(model.parameters(), 1e-2), **QUIET)
    assert history.perplexity[-1] < 8


def test_evaluate_carries_or_resets_the_state() -> None:
    corpus, vocab = funcs.load_corpus(max_tokens=1000)
    torch.manual_seed(0)
    model = funcs.RNN(len(vocab), 16)
    with torch.no_grad():
        for param in model.parameters():
            param.normal_(std=0.5)
    model.train()
    sequential = funcs.TextLoader(corpus, vocab, 4, 10, offset=0)
    X, Y = (torch.cat(parts, 1) for parts in zip(*sequential, strict=True))  # all batches as one long window
    at_once = F.cross_entropy(model(X, model.begin_state(4))[0], Y.T.reshape(-1)).exp().item()
    assert funcs.evaluate(model, sequential) == pytest.approx(at_once, rel=1e-5)
    shuffled = funcs.TextLoader(corpus, vocab, 4, 10, True, offset=0, generator=0)
    by_hand = [F.cross_entropy(model(X, model.begin_state(4))[0], Y.T.reshape(-1)).item() for X, Y in shuffled]
    shuffled = funcs.TextLoader(corpus, vocab, 4, 10, True, offset=0, generator=0)
    assert funcs.evaluate(model, shuffled) == pytest.approx(math.exp(sum(by_hand) / len(by_hand)), rel=1e-5)
    assert model.training and all(p.grad is None for p in model.parameters())


def test_blind_model_has_perplexity_of_the_vocabulary(data: tuple[funcs.TextLoader, funcs.Vocab]) -> None:
    train_iter, vocab = data
    assert funcs.evaluate(Recorder(len(vocab)), train_iter) == pytest.approx(28, rel=1e-5)


@pytest.mark.parametrize("lr", [1e5, math.inf])
def test_divergence_names_the_epoch_and_keeps_the_model(lr: float) -> None:
    train_iter, vocab = funcs.load_data_time_machine(8, 10, max_tokens=1000, generator=0)
    torch.manual_seed(0)
    model = funcs.RNN(len(vocab), 32)
    before = copy.deepcopy(model.state_dict())
    with pytest.raises(
        FloatingPointError, match=r"must stay finite, got a loss of .* in epoch 1 with a learning rate of"
    ):
        funcs.train(model, train_iter, 3, lr=lr, clip=None, **QUIET)
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, before[name])


def test_interrupt_leaves_a_usable_model(
    data: tuple[funcs.TextLoader, funcs.Vocab], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    train_iter, vocab = data
    model = funcs.RNN(len(vocab), 16)
    epochs, train_epoch = [], training.train_epoch

    def interrupted(*args: Any) -> Any:
        epochs.append(1)
        if len(epochs) == 3:
            raise KeyboardInterrupt
        return train_epoch(*args)

    monkeypatch.setattr(training, "train_epoch", interrupted)
    history = funcs.train(model, train_iter, 10, **QUIET)
    assert len(history.perplexity) == 2
    assert "Interrupted after 2 of 10 epochs" in capsys.readouterr().out
    assert len(funcs.predict("time", 5, model, vocab)) == 9
    monkeypatch.setattr(training, "train_epoch", train_epoch)
    assert len(funcs.train(model, train_iter, 1, **QUIET).perplexity) == 1


def test_interrupt_during_evaluation_leaves_histories_of_one_length(
    data: tuple[funcs.TextLoader, funcs.Vocab], monkeypatch: pytest.MonkeyPatch
) -> None:
    train_iter, vocab = data
    calls: list[int] = []

    def interrupted(*_: Any) -> float:
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return 20.0

    monkeypatch.setattr(training, "evaluate", interrupted)
    history = funcs.train(funcs.RNN(len(vocab), 4), train_iter, 5, held_out=train_iter, **QUIET)
    assert len(history.perplexity) == len(history.held_out) == 2


def test_optimizer_is_put_back_with_the_model(data: tuple[funcs.TextLoader, funcs.Vocab]) -> None:
    """One batch with nan: Adam's moments must not stay nan."""
    train_iter, vocab = data
    torch.manual_seed(0)
    model = funcs.RNN(len(vocab), 16)
    optimizer = torch.optim.Adam(model.parameters(), 1e-2)
    funcs.train(model, train_iter, 1, optimizer=optimizer, **QUIET)
    before = copy.deepcopy((model.state_dict(), optimizer.state_dict()))
    poison = model.params[4].register_hook(lambda grad: grad * math.nan)
    with pytest.raises(FloatingPointError, match="model and optimizer are back at the start"):
        funcs.train(model, train_iter, 1, optimizer=optimizer, **QUIET)
    poison.remove()
    torch.testing.assert_close((model.state_dict(), optimizer.state_dict()), before, rtol=0, atol=0)
    assert math.isfinite(funcs.train(model, train_iter, 1, optimizer=optimizer, **QUIET).perplexity[0])


def test_nan_of_the_very_last_update_is_noticed(data: tuple[funcs.TextLoader, funcs.Vocab]) -> None:
    train_iter, vocab = data
    model, updates = funcs.RNN(len(vocab), 4), []

    def poison(grad: torch.Tensor) -> torch.Tensor:
        updates.append(1)
        return grad * math.nan if len(updates) == len(train_iter) else grad

    model.params[4].register_hook(poison)
    with pytest.raises(FloatingPointError, match="loss and weights must stay finite"):
        funcs.train(model, train_iter, 1, clip=None, **QUIET)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"clip": -1}, "clip must be above 0, or None for no clipping, got -1"),
        ({"clip": 0}, "clip must be above 0, or None for no clipping, got 0"),
        ({"clip": math.nan}, "clip must be above 0, or None for no clipping, got nan"),
        ({"lr": 0}, "lr must be above 0, got 0"),
        ({"lr": -1.0}, "lr must be above 0, got -1.0"),
    ],
)
def test_what_would_train_nothing_or_uphill(data: Any, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        funcs.train(funcs.RNN(28, 4), data[0], 1, **options, **QUIET)


def test_optimizer_over_something_else(data: Any) -> None:
    model, other = funcs.RNN(28, 4), funcs.RNN(28, 4)
    with pytest.raises(ValueError, match="optimizer must be over the model's parameters, got one that holds none"):
        funcs.train(model, data[0], 1, optimizer=torch.optim.SGD(other.parameters(), 1.0), **QUIET)
    with pytest.raises(TypeError, match="optimizer must be a torch.optim.Optimizer over the model's parameters"):
        funcs.train(model, data[0], 1, optimizer=torch.optim.SGD, **QUIET)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="optimizer must make a step without a closure, got LBFGS"):
        funcs.train(model, data[0], 1, optimizer=torch.optim.LBFGS(model.parameters()), **QUIET)


def test_labels_that_fit_no_token(data: tuple[funcs.TextLoader, funcs.Vocab]) -> None:
    """PyTorch's -100 for labels to be left out, labels by time, flat labels: each would be scored wrongly."""
    X, Y = next(iter(data[0]))
    for labels, message in (
        (torch.where(Y > 5, -100, Y), r"Y must hold token numbers 0 … 27, got -100"),
        (Y.T, r"Y must have the shape of X, one label per token, \(8, 10\), got \(10, 8\)"),
        (Y.flatten(), r"got \(80,\)"),
    ):
        for call in (lambda pairs: funcs.evaluate(funcs.RNN(28, 4), pairs), lambda pairs: fit_once(pairs)):
            with pytest.raises(ValueError, match=message):
                call([(X, labels)])


def fit_once(pairs: Any) -> None:
    funcs.train(funcs.RNN(28, 4), pairs, 1, **QUIET)


def test_evaluation_says_nan_and_leaves_each_modules_mode(data: tuple[funcs.TextLoader, funcs.Vocab]) -> None:
    model = funcs.RNNModel(funcs.GRU(28, 4), 28)
    model.rnn.eval()
    funcs.evaluate(model, data[0])
    assert model.training and not model.rnn.training
    with torch.no_grad():
        model.linear.bias.fill_(math.nan)
    assert math.isnan(funcs.evaluate(model, data[0]))


def test_a_frozen_mask_of_minus_infinity_is_no_divergence(data: tuple[funcs.TextLoader, funcs.Vocab]) -> None:
    model = funcs.RNN(28, 4)
    model.mask = nn.Parameter(torch.full((2,), -math.inf), requires_grad=False)
    assert math.isfinite(funcs.train(model, data[0], 1, **QUIET).perplexity[0])


def test_a_vocab_of_the_models_own_is_left_alone(data: tuple[funcs.TextLoader, funcs.Vocab]) -> None:
    model: Any = funcs.RNN(28, 4)
    model.vocab = ["something", "else"]
    funcs.train(model, data[0], 1, **QUIET)
    assert model.vocab == ["something", "else"] and funcs.evaluate(model, data[0]) > 1
    failed: Any = funcs.RNN(28, 4)
    with pytest.raises(FloatingPointError):
        funcs.train(failed, data[0], 1, lr=math.inf, clip=None, **QUIET)
    assert not hasattr(failed, "vocab")


def test_scheduler_makes_a_step_after_each_epoch(data: tuple[funcs.TextLoader, funcs.Vocab]) -> None:
    model = funcs.RNN(28, 4)
    optimizer = torch.optim.SGD(model.parameters(), 0.8)
    scheduler = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.0, total_iters=4)
    rates = []
    model.params[4].register_hook(lambda grad: rates.append(optimizer.param_groups[0]["lr"]))
    funcs.train(model, data[0], 4, optimizer=optimizer, scheduler=scheduler, **QUIET)
    assert list(dict.fromkeys(rates)) == pytest.approx([0.8, 0.6, 0.4, 0.2])
    plateau = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer)
    wrongs: list[dict[str, Any]] = [{"scheduler": scheduler}, {"scheduler": plateau, "optimizer": optimizer}]
    for wrong in (*wrongs, {"scheduler": scheduler, "optimizer": torch.optim.SGD(model.parameters())}):
        with pytest.raises(
            ValueError, match="scheduler must be one of torch.optim.lr_scheduler over the optimizer that"
        ):
            funcs.train(model, data[0], 1, **wrong, **QUIET)


def test_another_vocabulary_is_refused(data: tuple[funcs.TextLoader, funcs.Vocab], tmp_path: Path) -> None:
    train_iter, vocab = data
    path = tmp_path / "other.txt"
    path.write_text("zyxwvutsrqponmlkjihgfedcba " * 20, encoding="utf-8")
    other, other_vocab = funcs.load_data_text(path, 2, 5)
    assert len(other_vocab) == len(vocab) == 28
    model = funcs.RNN(len(vocab), 4)
    with pytest.raises(ValueError, match="held_out must be numbered by the vocabulary of train_iter, <Vocab with 28"):
        funcs.train(model, train_iter, 1, held_out=other, **QUIET)
    funcs.train(model, train_iter, 1, **QUIET)
    for call in (
        lambda: funcs.train(model, other, 1, **QUIET),
        lambda: funcs.evaluate(model, other),
        lambda: funcs.predict("the", 2, model, other_vocab),
    ):
        with pytest.raises(ValueError, match="the vocabulary that the model was trained with, <Vocab with 28 tokens"):
            call()
    for smaller in (funcs.Vocab(list("abc")),):
        with pytest.raises(ValueError, match="must have the model's 28 tokens, got <Vocab with 4 tokens"):
            funcs.predict("a", 2, funcs.RNN(28, 4), smaller)
    same, same_vocab = funcs.load_data_text(path, 2, 5, vocab=vocab)
    assert same_vocab is vocab and same.vocab is vocab
    assert vocab.to_tokens(same.corpus[:3]) == ["z", "y", "x"]
    assert math.isfinite(funcs.train(model, train_iter, 1, held_out=same, **QUIET).held_out[0])
    assert math.isfinite(funcs.evaluate(copy.deepcopy(model), same))


def test_held_out_text_does_not_change_the_training(data: tuple[funcs.TextLoader, funcs.Vocab]) -> None:
    """A held-out loader that draws its offset from torch's global generator, as the training loader does."""
    corpus, vocab = funcs.load_corpus(max_tokens=2000)
    histories = []
    for held_out in (None, funcs.TextLoader(corpus[1000:], vocab, 4, 10, True)):
        torch.manual_seed(0)
        model = funcs.RNN(len(vocab), 8)
        train_iter = funcs.TextLoader(corpus[:1000], vocab, 8, 10)
        histories.append(funcs.train(model, train_iter, 3, held_out=held_out, **QUIET).perplexity)
    assert histories[0] == histories[1]


@pytest.mark.parametrize("kind", ["list", "DataLoader"])
def test_any_iterable_of_batches(kind: str) -> None:
    """It starts each batch from zero, like a random partition."""
    torch.manual_seed(0)
    x = torch.randint(28, (64, 11))
    pairs = torch.utils.data.TensorDataset(x[:, :-1], x[:, 1:])
    loader: Any = torch.utils.data.DataLoader(pairs, batch_size=8)
    model = Recorder(28)
    history = funcs.train(model, list(loader) if kind == "list" else loader, 2, held_out=loader, **QUIET)
    assert len(history.perplexity) == 2
    assert all(torch.equal(state, torch.zeros(8)) for _, (state, _) in model.calls)


def test_unusable_loaders_and_models(data: tuple[funcs.TextLoader, funcs.Vocab]) -> None:
    train_iter, _ = data
    with pytest.raises(ValueError, match="train_iter must yield at least one batch, got none in epoch 1"):
        funcs.train(funcs.RNN(28, 4), [], 1, **QUIET)
    with pytest.raises(ValueError, match="data_iter must yield at least one batch, got none"):
        funcs.evaluate(funcs.RNN(28, 4), [])
    with pytest.raises(ValueError, match="model must have parameters, got Identity without any"):
        funcs.train(nn.Identity(), train_iter, 1, **QUIET)

    class ByTime(Recorder):
        def forward(self, x: torch.Tensor, state: Any) -> Any:
            outputs, state = super().forward(x, state)
            return outputs.reshape(*x.shape, -1), state

    with pytest.raises(ValueError, match=r"with 80 rows, got \(8, 10, 28\)"):
        funcs.train(ByTime(28), train_iter, 1, **QUIET)


def test_begin_state_is_called_by_name(data: tuple[funcs.TextLoader, funcs.Vocab]) -> None:
    """d2l's models take the device first."""

    class DeviceFirst(Recorder):
        def begin_state(self, device: Any, batch_size: int = 1) -> Any:  # type: ignore[override]
            return super().begin_state(batch_size, device)

    train_iter, vocab = data
    model = DeviceFirst(28)
    assert len(funcs.train(model, train_iter, 1, **QUIET).perplexity) == 1
    assert funcs.predict("t", 1, model, vocab)


def test_distributed_data_parallel(data: tuple[funcs.TextLoader, funcs.Vocab], tmp_path: Path) -> None:
    """One process of one: the wrapped model trains as the bare one."""
    train_iter, vocab = data
    torch.manual_seed(0)
    model = funcs.RNNModel(funcs.GRU(len(vocab), 16), len(vocab))
    twin = copy.deepcopy(model)
    torch.distributed.init_process_group("gloo", f"file://{tmp_path / 'meet'}", rank=0, world_size=1)
    try:
        wrapped = nn.parallel.DistributedDataParallel(model)
        train_iter.generator.manual_seed(0)  # type: ignore[union-attr]
        theirs = funcs.train(wrapped, train_iter, 2, held_out=train_iter, **QUIET)
        assert len(funcs.predict("time", 3, wrapped, vocab)) == 7
    finally:
        torch.distributed.destroy_process_group()
    train_iter.generator.manual_seed(0)  # type: ignore[union-attr]
    assert funcs.train(twin, train_iter, 2, held_out=train_iter, **QUIET).perplexity == pytest.approx(theirs.perplexity)


def chapter_4_train_epoch() -> Any:
    """The epoch that chapter 04 writes, for one kind of loader and any model."""
    for cell in nbformat.read(ROOT / "chapters" / "04_rnn_from_scratch.ipynb", 4).cells:
        if cell.cell_type == "code" and "def train_epoch" in cell.source:
            names: dict[str, Any] = {"torch": torch, "F": F, "nn": nn, "detach": funcs.detach}
            functions = [node for node in ast.parse(cell.source).body if isinstance(node, ast.FunctionDef)]
            exec("\n".join(map(ast.unparse, functions)), names)
            return names["train_epoch"]
    raise AssertionError("chapter 04 has no train_epoch")


@pytest.mark.parametrize("random", [False, True])
def test_epoch_equals_chapter_4s(random: bool) -> None:
    results = []
    for train_epoch in (training.train_epoch, chapter_4_train_epoch()):
        torch.manual_seed(0)
        train_iter, vocab = funcs.load_data_time_machine(8, 10, random, max_tokens=1000, generator=0)
        model = funcs.RNN(len(vocab), 16)
        results.append(
            (train_epoch(model, train_iter, torch.optim.SGD(model.parameters(), 1.0), 0.5), model.state_dict())
        )
    torch.testing.assert_close(*results, rtol=0, atol=0)


def test_num_epochs(data: tuple[funcs.TextLoader, funcs.Vocab]) -> None:
    with pytest.raises(ValueError, match="num_epochs must be at least 1, got 0"):
        funcs.train(funcs.RNN(28, 4), data[0], 0)


def test_progress_can_be_shown(data: tuple[funcs.TextLoader, funcs.Vocab], capsys: pytest.CaptureFixture[str]) -> None:
    funcs.train(funcs.RNN(28, 4), data[0], 2, live=True)
    assert "2/2" in capsys.readouterr().err


class Alphabet(nn.Module):
    """Predicts the next number, always: 1 after 0, 2 after 1, …; counts in its state what it has read."""

    def __init__(self, vocab_size: int) -> None:
        super().__init__()
        self.vocab_size = vocab_size
        self.scale = nn.Parameter(torch.ones(()))

    def begin_state(self, batch_size: int, device: Any = None) -> Any:
        return (torch.zeros(batch_size),)

    def forward(self, x: torch.Tensor, state: Any) -> Any:
        following = F.one_hot((x.T.reshape(-1) + 1) % self.vocab_size, self.vocab_size)
        return following * self.scale, (state[0] + x.shape[1],)


def test_predict() -> None:
    vocab = funcs.Vocab(list("aaabbc"))  # <unk> a b c
    model = Alphabet(4)
    assert funcs.predict("a", 5, model, vocab) == "abc<unk>ab"
    assert funcs.predict("Qb", 1, model, vocab) == "Qbc"
    assert funcs.predict("b", 0, model, vocab) == "b"
    words = funcs.Vocab(["the", "time", "machine"], token_type="word")
    assert funcs.predict("the", 2, model, words) == funcs.predict("the ", 2, model, words) == "the time machine"
    with pytest.raises(ValueError, match="prefix must hold at least one char, got ''"):
        funcs.predict("", 5, model, vocab)
    with pytest.raises(ValueError, match="prefix must hold at least one word, got ' '"):
        funcs.predict(" ", 5, model, words)
    with pytest.raises(ValueError, match="num_preds must be a whole number of at least 0, got -1"):
        funcs.predict("a", -1, model, vocab)


def test_predict_uses_the_whole_prefix() -> None:
    torch.manual_seed(0)
    vocab = funcs.Vocab(list("abcdefgh"))
    model = funcs.RNN(len(vocab), 16)
    with torch.no_grad():
        for param in model.parameters():
            param.normal_()
        model.params[4][0] = -100  # never <unk>
    text, state = "bad", model.begin_state(1)
    for char in text[:-1]:
        _, state = model(torch.tensor([[vocab[char]]]), state)
    for _ in range(6):
        outputs, state = model(torch.tensor([[vocab[text[-1]]]]), state)
        text += vocab.to_tokens(int(outputs[0].argmax()))
    assert len(set(text)) > 3 and funcs.predict("bad", 6, model, vocab) == text
