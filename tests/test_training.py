"""The training loop, evaluation and prediction."""

import copy
import math
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn import functional as F

import funcs
from funcs import training

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
    with pytest.raises(FloatingPointError, match=r"loss must stay finite, got .* in epoch 1 with a learning rate of"):
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
    assert funcs.predict("the", 2, model, words) == "the time machine"
    with pytest.raises(ValueError, match="prefix must hold at least one char, got ''"):
        funcs.predict("", 5, model, vocab)
    with pytest.raises(ValueError, match="prefix must hold at least one word, got ' '"):
        funcs.predict(" ", 5, model, words)
    with pytest.raises(ValueError, match="num_preds must be at least 0, got -1"):
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
