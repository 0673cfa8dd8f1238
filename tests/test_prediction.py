"""Sampling, beam search, and going on with what was written."""

import itertools
import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

import funcs

VOCAB = funcs.Vocab(list("the time traveller "))


def model_of(layer: type[Any] | None = None, scale: float = 3.0, seed: int = 0) -> Any:
    """An untrained model that is sure of something, as its weights are large, and never writes `<unk>`."""
    torch.manual_seed(seed)
    model: Any = funcs.RNNModel(layer(len(VOCAB), 16), len(VOCAB)) if layer else funcs.RNN(len(VOCAB), 16)
    with torch.no_grad():
        for param in model.parameters():
            param.normal_().mul_(scale if len(VOCAB) in param.shape else 1.0)
        (model.linear.bias if layer else model.params[4])[0] = -1000
    return model


LAYERS = (None, nn.RNN, nn.GRU, funcs.GRU, nn.LSTM, funcs.LSTM)
logits = st.lists(st.floats(-50, 50, width=32), min_size=1, max_size=12).map(torch.tensor)


@given(logits, st.floats(0, 20), st.none() | st.integers(1, 15), st.floats(0.01, 1))
def test_probabilities_sum_to_1_and_keep_the_most_probable(
    scores: torch.Tensor, temperature: float, top_k: int | None, top_p: float
) -> None:
    probs = funcs.sampling_probs(scores, temperature, top_k, top_p)
    assert probs.shape == scores.shape and abs(probs.sum() - 1) < 1e-5 and probs.min() >= 0
    kept, full = probs > 0, funcs.sampling_probs(scores, temperature)
    assert top_k is None or kept.sum() <= top_k
    assert full[kept].max() == full.max()
    assert kept.all() or full[kept].min() >= full[~kept].max()
    assert top_k is not None or full[kept].sum() >= min(top_p, 1) - 1e-4


def test_temperature_top_k_and_top_p_by_hand() -> None:
    scores = torch.tensor([0.5, 0.3, 0.15, 0.05]).log()
    squared = torch.tensor([0.25, 0.09, 0.0225, 0.0025])
    torch.testing.assert_close(funcs.sampling_probs(scores, 0.5), squared / squared.sum())
    torch.testing.assert_close(funcs.sampling_probs(scores, top_k=2), torch.tensor([0.625, 0.375, 0, 0]))
    torch.testing.assert_close(funcs.sampling_probs(scores, top_p=0.79), torch.tensor([0.625, 0.375, 0, 0]))
    torch.testing.assert_close(funcs.sampling_probs(scores, top_p=0.81), torch.tensor([50, 30, 15, 0]) / 95)
    # The nucleus is that of what top-k has left: 0.625 alone is enough for 0.6, but not for 0.63.
    assert funcs.sampling_probs(scores, top_k=2, top_p=0.6).tolist() == [1, 0, 0, 0]
    assert (funcs.sampling_probs(scores, top_k=2, top_p=0.63) > 0).tolist() == [True, True, False, False]
    assert funcs.sampling_probs(torch.zeros(3), temperature=0).sum() == 1  # one of three equals
    assert (funcs.sampling_probs(torch.zeros(3), top_k=2) > 0).sum() == 2


def test_extreme_temperatures() -> None:
    scores = torch.tensor([[1000.0, 999.0, -1000.0], [0.0, -1e30, -math.inf]])
    for temperature in (0, 1e-30, 1e-3):
        assert funcs.sampling_probs(scores, temperature).argmax(1).tolist() == [0, 0]
        assert funcs.sampling_probs(scores, temperature)[:, 0].tolist() == [1, 1]
    hot = funcs.sampling_probs(scores[0], 1e9)
    torch.testing.assert_close(hot, torch.full((3,), 1 / 3), atol=1e-5, rtol=0)


def test_a_batch_of_logits_is_a_row_at_a_time() -> None:
    scores = torch.randn(2, 3, 9, generator=torch.Generator().manual_seed(0))
    for settings in ({"temperature": 0.7}, {"top_k": 3}, {"top_p": 0.6}, {"top_k": 4, "top_p": 0.9}):
        together = funcs.sampling_probs(scores, **settings)
        for i, j in itertools.product(range(2), range(3)):
            assert torch.equal(together[i, j], funcs.sampling_probs(scores[i, j], **settings))


def test_draws_have_the_probabilities_of_the_model() -> None:
    model = model_of(scale=0.5)
    outputs, _ = model(torch.tensor([VOCAB[list("the")]]), model.begin_state(1))
    wanted = funcs.sampling_probs(outputs[-1].detach(), 0.8, top_k=4)
    counts = torch.zeros(len(VOCAB))
    for seed in range(2000):
        counts[funcs.generate("the", 1, model, VOCAB, temperature=0.8, top_k=4, seed=seed).tokens] += 1
    assert (counts / 2000 - wanted).abs().max() < 0.05 and wanted.max() < 0.9
    assert (counts > 0).equal(wanted > 0)


@pytest.mark.parametrize("layer", LAYERS)
def test_two_calls_write_what_one_does(layer: type[Any] | None) -> None:
    model = model_of(layer)
    whole = funcs.generate("the", 30, model, VOCAB, temperature=1.3, seed=1)
    first = funcs.generate("the", 13, model, VOCAB, temperature=1.3, seed=1)
    for _ in range(2):  # what was written is not used up by being continued
        more = funcs.generate(first, 17, model, VOCAB, temperature=1.3)
        assert more.text == whole.text and first.tokens + more.tokens == whole.tokens
        assert first.log_probs + more.log_probs == whole.log_probs
    assert len(whole.tokens) == 30 and whole.text != funcs.generate("the", 30, model, VOCAB, seed=2).text
    nothing = funcs.generate("the", 0, model, VOCAB, seed=1)
    assert nothing.text == "the" and funcs.generate(nothing, 30, model, VOCAB, temperature=1.3).text == whole.text
    greedy = funcs.generate(funcs.generate("the", 10, model, VOCAB, temperature=0), 10, model, VOCAB, temperature=0)
    assert greedy.text == funcs.predict("the", 20, model, VOCAB)


def test_the_seed_alone_decides() -> None:
    model = model_of(scale=1.0)
    torch.manual_seed(5)
    before = torch.random.get_rng_state()
    one = funcs.generate("the", 40, model, VOCAB, seed=3).text
    assert torch.equal(torch.random.get_rng_state(), before)  # torch's own generator stays where it was
    torch.rand(7)
    assert funcs.generate("the", 40, model, VOCAB, seed=3).text == one
    texts = []
    for seed in (5, 5, 6):
        torch.manual_seed(seed)
        texts.append(funcs.generate("the", 40, model, VOCAB).text)
    assert texts[0] == texts[1] != texts[2]


@pytest.mark.parametrize("layer", LAYERS)
def test_temperature_0_is_greedy_and_so_is_a_beam_of_width_1(layer: type[Any] | None) -> None:
    model = model_of(layer)
    greedy = funcs.predict("tea", 25, model, VOCAB)
    assert len(set(greedy[3:])) >= 2
    for settings in ({"temperature": 0}, {"temperature": 1e-9}, {"top_k": 1}, {"top_p": 1e-9}, {"beam_width": 1}):
        assert funcs.generate("tea", 25, model, VOCAB, **settings).text == greedy
    ended = funcs.generate("tea", 25, model, VOCAB, temperature=0, end=greedy[9])
    assert ended.text == funcs.generate("tea", 25, model, VOCAB, beam_width=1, end=greedy[9]).text
    assert ended.text == greedy[: greedy.index(greedy[9], 3) + 1]


@pytest.mark.parametrize("layer", LAYERS)
def test_a_wide_beam_finds_the_most_probable_text_of_all(layer: type[Any] | None) -> None:
    model, size = model_of(layer, scale=1.0), len(VOCAB)
    found = funcs.generate("the", 3, model, VOCAB, beam_width=size**2)
    texts = ["the" + "".join(more) for more in itertools.product(VOCAB.idx_to_token[1:], repeat=3)]
    X = torch.tensor([VOCAB[list(text)] for text in texts])
    with torch.no_grad():
        outputs, _ = model(X, model.begin_state(len(X)))
    log_probs = outputs.double().log_softmax(1).reshape(6, len(X), size)[2:5].gather(2, X.T[3:, :, None]).sum((0, 2))
    assert found.text == texts[int(log_probs.argmax())]
    assert sum(found.log_probs) == pytest.approx(float(log_probs.max()), abs=1e-4)


def test_a_beam_goes_on_from_where_it_stopped() -> None:
    model = model_of(nn.LSTM)
    found = funcs.generate("the", 12, model, VOCAB, beam_width=4)
    on = funcs.generate(found, 8, model, VOCAB, temperature=0)
    assert on.text == funcs.generate(found.text, 8, model, VOCAB, temperature=0).text


def table_model(rows: dict[str, dict[str, float]], vocab: funcs.Vocab) -> Any:
    """A model that knows the last token only."""
    table = torch.full((len(vocab), len(vocab)), 1e-12)
    for before, after in rows.items():
        for token, prob in after.items():
            table[vocab[before], vocab[token]] = prob

    class Table(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.scores = nn.Parameter(table.log())

        def begin_state(self, batch_size: int, device: Any = None) -> torch.Tensor:
            return torch.zeros(batch_size, 1)

        def forward(self, x: torch.Tensor, state: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            return self.scores[x.T.reshape(-1)], state

    return Table()


def test_length_penalty() -> None:
    vocab = funcs.Vocab(list("aabbcc.."))
    model = table_model({"a": {".": 0.4, "b": 0.35, "c": 0.25}, "b": {"c": 0.9, ".": 0.1}, "c": {".": 1.0}}, vocab)
    # "." has ln 0.4, "bc." ln 0.315: less probable, but its mean per token is higher.
    for alpha, text in ((0.0, "a."), (0.2, "a."), (0.3, "abc."), (1.0, "abc.")):
        assert funcs.generate("a", 5, model, vocab, beam_width=3, length_penalty=alpha, end=".").text == text
    assert funcs.generate("a", 5, model, vocab, temperature=0, end=".").text == "a."
    # Without an end all texts have one length, and the penalty changes nothing.
    assert len({funcs.generate("a", 3, model, vocab, beam_width=3, length_penalty=a).text for a in (0.0, 1.0)}) == 1


def test_what_greedy_misses() -> None:
    vocab = funcs.Vocab(list("abcde"))
    rows = {"a": {"b": 0.6, "c": 0.4}, "b": {"a": 0.34, "d": 0.33, "e": 0.33}, "c": {"e": 1.0}}
    model = table_model(rows, vocab)
    assert funcs.generate("a", 2, model, vocab, temperature=0).text == "aba"
    found = funcs.generate("a", 2, model, vocab, beam_width=2)
    assert found.text == "ace" and math.exp(sum(found.log_probs)) == pytest.approx(0.4)


def test_end_and_writing_as_it_goes() -> None:
    model, pieces = model_of(scale=0.5), list[str]()
    written = funcs.generate("the", 30, model, VOCAB, seed=0, write=pieces.append)
    assert pieces[0] == "the" and len(pieces) == 31 and "".join(pieces) == written.text == str(written)
    end = next(char for char in pieces[5:] if char not in pieces[1:5] and char != "<unk>")
    short = funcs.generate("the", 30, model, VOCAB, seed=0, end=end)
    assert short.text == "".join(pieces[: pieces[1:].index(end) + 2])
    on = funcs.generate(short, 3, model, VOCAB, write=pieces.append)
    assert on.text == "".join(pieces[: len(short.tokens) + 4]) and len(pieces) == 34
    words = funcs.Vocab(["the", "time", "machine"], token_type="word")
    torch.manual_seed(0)
    pieces.clear()
    text = funcs.generate("the ", 4, funcs.RNN(len(words), 4), words, seed=1, write=pieces.append).text
    assert "".join(pieces) == text and len(text.split()) == 5
    assert repr(short).startswith("<Written, ") and short.text in repr(short)


def test_modes_and_gradients_stay() -> None:
    model = model_of(nn.GRU)
    model.train()
    written = funcs.generate("the", 5, model, VOCAB, beam_width=2)
    assert model.training and not written.state.requires_grad and all(p.grad is None for p in model.parameters())


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda m: funcs.generate("a", 1, m, VOCAB, temperature=-0.1),
            "temperature must be at least 0 and finite, got",
        ),
        (lambda m: funcs.generate("a", 1, m, VOCAB, temperature=math.nan), "temperature must be at least 0 and finite"),
        (lambda m: funcs.generate("a", 1, m, VOCAB, top_p=0.0), "top_p must be above 0 and at most 1, got 0.0"),
        (lambda m: funcs.generate("a", 1, m, VOCAB, top_p=1.1), "top_p must be above 0 and at most 1, got 1.1"),
        (lambda m: funcs.generate("a", 1, m, VOCAB, top_k=0), "top_k must be a whole number of at least 1"),
        (lambda m: funcs.sampling_probs(torch.zeros(3), top_k=2.5), "top_k must be a whole"),  # type: ignore[arg-type]
        (lambda m: funcs.generate("a", 1, m, VOCAB, beam_width=0), "beam_width must be a whole number of at least 1"),
        (lambda m: funcs.generate("a", 1, m, VOCAB, beam_width=2, top_k=3), "with a beam_width nothing is drawn"),
        (lambda m: funcs.generate("a", 1, m, VOCAB, beam_width=2, seed=3), "with a beam_width nothing is drawn"),
        (lambda m: funcs.generate("a", 1, m, VOCAB, length_penalty=1.0), "length_penalty needs a beam_width, got 1.0"),
        (lambda m: funcs.generate("a", 1, m, VOCAB, seed=2**64), "seed must be a whole number from"),
        (lambda m: funcs.generate("a", 1, m, VOCAB, seed=True), "seed must be a whole number from"),
        (lambda m: funcs.generate("a", 1, m, VOCAB, top_k=True), "top_k must be a whole number of at least 1"),
        (lambda m: funcs.generate("a", 1, m, VOCAB, beam_width=math.inf), "beam_width must be a whole"),  # type: ignore[arg-type]
        (lambda m: funcs.generate("a", 2.5, m, VOCAB), "num_preds must be a whole number of at least 0, got 2.5"),  # type: ignore[arg-type]
        (
            lambda m: funcs.generate("a", 1, m, VOCAB, beam_width=2, length_penalty=400),
            "length_penalty must be from 0 to 10",
        ),
        (
            lambda m: funcs.generate("a", 1, m, VOCAB, beam_width=2, length_penalty=-1),
            "length_penalty must be from 0 to 10",
        ),
        (lambda m: funcs.generate("a", 1, m, VOCAB, end="q"), "end must be a token of the vocabulary, got 'q'"),
        (lambda m: funcs.generate("a", -1, m, VOCAB), "num_preds must be a whole number of at least 0, got -1"),
        (lambda m: funcs.generate("", 1, m, VOCAB), "prefix must hold at least one char, got ''"),
        (lambda m: funcs.generate("a", 1, m, funcs.Vocab(list("ab"))), "vocab must have the model's"),
        (lambda m: funcs.sampling_probs(torch.tensor([0.0, math.nan])), "logits must have a finite largest score"),
        (lambda m: funcs.sampling_probs(torch.zeros(0)), "logits must have a finite largest score"),
        (lambda m: funcs.sampling_probs(torch.full((2, 3), -math.inf)), "nothing but -inf"),
    ],
)
def test_bad_settings_are_clear_errors(call: Callable[[Any], object], message: str) -> None:
    with pytest.raises(ValueError, match=message.replace("(", r"\(")):
        call(model_of())


def test_log_probs_are_the_models_own_at_temperature_1() -> None:
    model = model_of(nn.GRU, scale=0.5)
    written = funcs.generate("the", 20, model, VOCAB, temperature=1.7, top_k=5, seed=0)
    X = torch.tensor([VOCAB[list("the")] + written.tokens])
    with torch.no_grad():
        outputs, _ = model(X[:, :-1], model.begin_state(1))
    wanted = outputs[2:].double().log_softmax(1).gather(1, X[0, 3:, None])[:, 0]
    assert written.log_probs == pytest.approx(wanted.tolist(), abs=1e-4)


def test_a_seed_given_when_going_on_starts_anew_and_beams_go_on_too() -> None:
    model = model_of(scale=0.5)
    first = funcs.generate("the", 10, model, VOCAB, seed=1)
    on = [funcs.generate(first, 20, model, VOCAB, seed=seed).text for seed in (2, 2, 3)]
    assert on[0] == on[1] != on[2]
    state = model_of(nn.LSTM, scale=1.0)
    first = funcs.generate("the", 10, state, VOCAB, seed=1)
    beam = funcs.generate(first, 6, state, VOCAB, beam_width=4)
    assert beam.text == funcs.generate(first.text, 6, state, VOCAB, beam_width=4).text


def test_dropout_is_off() -> None:
    class Dropping(type(model_of())):  # type: ignore[misc]
        def forward(self, *args: Any) -> Any:
            outputs, state = super().forward(*args)
            return nn.functional.dropout(outputs, 0.5, self.training), state

    model = model_of(scale=0.5)
    model.__class__ = Dropping
    texts = {funcs.generate("the", 20, model.train(mode), VOCAB, temperature=0).text for mode in (False, True, True)}
    assert len(texts) == 1


def test_a_line_that_ends_keeps_its_place_and_loses_to_a_better_one_that_goes_on() -> None:
    vocab = funcs.Vocab(list("abcde."))
    rows = {"a": {".": 0.5, "b": 0.5}, "b": {"d": 0.51, "e": 0.49}, "d": {"d": 0.5, "c": 0.5}, "e": {"d": 1.0}}
    model = table_model(rows, vocab)
    # "." has one of the two places for good, so of "bd" and "be" only the first stays, though "be" ends better.
    found = funcs.generate("a", 3, model, vocab, beam_width=2, length_penalty=3, end=".")
    assert found.text[:3] == "abd"  # and what goes on, ln 0.13 / 27, comes before what has ended, ln 0.5


def test_what_cannot_be_takes_no_place_in_a_beam() -> None:
    vocab = funcs.Vocab(list("abcs.e"))
    rows = {
        "s": {"a": 0.6, "b": 0.4},
        "a": {"b": 0.51, "c": 0.49},
        "b": {"a": 0.5, "b": 0.5},
        "c": {"e": 1.0},
        "e": {".": 1.0},
    }
    for order in itertools.permutations("abcs.e"):
        vocab = funcs.Vocab(list(order))
        model = table_model(rows, vocab)
        with torch.no_grad():
            model.scores[model.scores < -20] = -math.inf
            model.scores[[vocab["."], 0]] = 0.0  # nothing follows these
        found = funcs.generate("s", 4, model, vocab, beam_width=2, end=".")
        assert found.text == "sace." and math.exp(sum(found.log_probs)) == pytest.approx(0.294)


def test_scores_that_are_no_numbers() -> None:
    model = model_of()
    with torch.no_grad():
        model.params[4].fill_(math.nan)
    for settings in ({}, {"temperature": 0}, {"beam_width": 2}, {"top_k": 1}):
        with pytest.raises(ValueError, match="logits must have a finite largest score in each row"):
            funcs.generate("the", 3, model, VOCAB, **settings)  # type: ignore[arg-type]


def test_nothing_drawn_moves_nothing() -> None:
    before = torch.random.get_rng_state()
    model = model_of()
    after = torch.random.get_rng_state()
    for settings in ({"temperature": 0}, {"beam_width": 2}):
        funcs.generate("the", 3, model, VOCAB, **settings)  # type: ignore[arg-type]
        assert torch.equal(torch.random.get_rng_state(), after)
    funcs.generate("the", 3, model, VOCAB)
    assert not torch.equal(torch.random.get_rng_state(), after) and not torch.equal(before, after)


def test_16_bits() -> None:
    scores = torch.zeros(50_000)
    for dtype in (torch.float16, torch.bfloat16):
        probs = funcs.sampling_probs(scores.to(dtype), top_p=0.9)
        assert probs.dtype == dtype and abs(int((probs > 0).sum()) - 45_000) < 100
    assert {funcs.generate("the", 3, model_of(), VOCAB, seed=0)} and repr(funcs.generate("the", 0, model_of(), VOCAB))
