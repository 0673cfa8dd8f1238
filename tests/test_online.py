"""Predictors that learn while they read: probabilities, what they learn, and that two of them do the same."""

import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

import funcs
from funcs.online import Counts, Mixer, Mixture, OnlineModel, OnlineNGrams, bits_of


def small_model(vocab_size: int = 5, seed: int = 0) -> Any:
    torch.manual_seed(seed)
    return funcs.RNNModel(funcs.GRU(vocab_size, 8), vocab_size)


def learner(chunk: int = 4, replays: int = 2) -> OnlineModel:
    model = small_model()
    return OnlineModel(model, torch.optim.Adam(model.parameters(), 1e-2), chunk, replays)


@settings(max_examples=25)
@given(st.lists(st.integers(0, 4), max_size=40))
def test_probabilities_sum_to_1_whatever_was_read(text: list[int]) -> None:
    for predictor in (OnlineNGrams(5, 4, [0]), learner(), Mixture([OnlineNGrams(5, 4), learner()])):
        for token in text:
            predictor.update(token) if predictor.probs() is not None else None
        probs = np.asarray(predictor.probs(), np.float64)
        assert probs.shape == (5,) and abs(probs.sum() - 1) < 1e-6 and probs.min() > 0


def test_two_of_a_kind_predict_the_same() -> None:
    text = [int(i) for i in torch.randint(5, (60,))]
    for make in (lambda: OnlineNGrams(5, 4, [0]), learner, lambda: Mixture([OnlineNGrams(5, 4), learner()])):
        assert bits_of(text, make()) == bits_of(text, make())


def test_a_token_is_predicted_before_it_is_learned_from() -> None:
    # What comes later changes nothing of what was predicted before.
    for make in (lambda: OnlineNGrams(5, 4, [0]), learner):
        first, second = make(), make()
        for a, b in zip([1, 2, 3, 4, 0, 1, 2, 3, 4, 0, 1], [1, 2, 3, 4, 0, 1, 2, 3, 4, 0, 2], strict=True):
            assert np.array_equal(np.asarray(first.probs()), np.asarray(second.probs()))
            first.update(a)
            second.update(b)
        assert not np.array_equal(np.asarray(first.probs()), np.asarray(second.probs()))


def test_each_learns_what_repeats() -> None:
    text = [1, 2, 3, 0, 4] * 60
    for predictor in (OnlineNGrams(5, 4, [0]), learner(5, 3), Mixture([OnlineNGrams(5, 4), learner(5, 3)])):
        bits_of(text, predictor)
        assert bits_of(text[:20], predictor) / 20 < 0.5  # of log₂ 5 = 2.3


def test_counts_by_hand() -> None:
    counts = Counts()
    assert counts.sharpen(np.full(2, 0.5), (7,)) is None
    assert counts.add((7,), 0) and not counts.add((7,), 0) and counts.add((7,), 1)
    assert counts.following == {(7,): {0: 2, 1: 1}}
    assert counts.runs == [0.0, 3.0, 2.0, 0.5, 0.5]  # one run more of count 1 and of count 2 than at first
    once, twice, _ = counts.discounts()
    share = 3 / (3 + 2 * 2)
    assert (once, twice) == pytest.approx((1 - 2 * share * 2 / 3, 2 - 3 * share * 0.5 / 2))
    left = (once + twice) / 3
    assert counts.sharpen(np.full(2, 0.5), (7,)) == pytest.approx(
        [left / 2 + (2 - twice) / 3, left / 2 + (1 - once) / 3]
    )


def test_a_shorter_run_is_not_counted_again_where_a_longer_one_is_known() -> None:
    predictor = OnlineNGrams(3, 4)
    for token in [0, 1, 2, 0, 0, 1, 2, 0, 0, 1, 2, 0]:
        predictor.probs()
        predictor.update(token)
    # 2 has come three times, after two contexts of four tokens and the beginning.
    assert predictor.orders[4].following[(2, 0, 0, 1)] == {2: 2}
    assert predictor.orders[0].following[()][2] < 3


def test_the_mixer_goes_down_the_gradient() -> None:
    log_probs = np.log([[0.7, 0.2, 0.1], [0.1, 0.1, 0.8]])
    mixer = Mixer([0.5, 0.5], num_sets=2, rate=0.1)
    weights = torch.full((2,), 0.5, dtype=torch.float64, requires_grad=True)
    loss = -(weights @ torch.from_numpy(log_probs)).log_softmax(0)[2]
    (grad,) = torch.autograd.grad(loss, weights)
    assert mixer.mix(log_probs, 1)[2] == pytest.approx(math.exp(-loss.item()))
    mixer.learn(2)
    assert mixer.weights[1] == pytest.approx((0.5 - 0.1 * grad).numpy()) and list(mixer.weights[0]) == [0.5, 0.5]


def test_without_an_optimizer_it_scores_as_bits_per_character_does() -> None:
    model, text, history = small_model(), torch.randint(5, (300,)), torch.randint(5, (100,))
    before = [param.clone() for param in model.parameters()]
    bits = bits_of(text.tolist(), OnlineModel(model, history=history))
    assert bits / 300 == pytest.approx(funcs.bits_per_character(model, text, history), abs=1e-5)
    assert all(torch.equal(a, b) for a, b in zip(before, model.parameters(), strict=True))


def test_one_update_is_the_step_of_plain_training() -> None:
    ours, theirs, tokens = small_model(), small_model(), [1, 2, 3, 4, 0]
    predictor = OnlineModel(ours, torch.optim.SGD(ours.parameters(), 0.1), chunk=4)
    for token in tokens:
        predictor.update(token)
    outputs, _ = theirs(torch.tensor([tokens[:-1]]), theirs.begin_state(1))
    nn.functional.cross_entropy(outputs, torch.tensor(tokens[1:])).backward()
    nn.utils.clip_grad_norm_(theirs.parameters(), 1.0)
    torch.optim.SGD(theirs.parameters(), 0.1).step()
    for a, b in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(a, b)


def test_bad_settings() -> None:
    with pytest.raises(ValueError, match="order at least 4"):
        OnlineNGrams(5, 3)
    with pytest.raises(ValueError, match="chunk must be at least 1"):
        OnlineModel(small_model(), chunk=0)
