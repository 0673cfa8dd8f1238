"""The regularised model: one mask for all steps, weights that are really dropped, nothing dropped when it is scored."""

import pytest
import torch
from torch import nn

import funcs
from funcs import RegularizedModel
from funcs.regularized import LockedDropout


def model(**drops: float) -> RegularizedModel:
    torch.manual_seed(0)
    return RegularizedModel(funcs.LSTM(6, 16, 2), 5, **drops)


def test_locked_dropout_has_one_mask_for_all_steps() -> None:
    X, drop = torch.rand(50, 40, 30) + 0.5, LockedDropout(0.3)
    Y = drop(X)
    kept = Y != 0
    assert (kept == kept[0]).all() and abs(kept[0].float().mean() - 0.7) < 0.05
    assert not (kept[0, 0] == kept[0, 1]).all()  # each row its own
    torch.testing.assert_close(Y[kept], X[kept] / 0.7)
    assert drop.eval()(X).equal(X)


@pytest.mark.parametrize("name", ["dropout_in", "dropout_out", "weight_drop"])
def test_each_kind_of_noise_is_there_in_training_alone(name: str) -> None:
    net, x = model(**{name: 0.5}), torch.randint(5, (3, 7))
    state = net.begin_state(3)
    with torch.no_grad():
        assert not net(x, state)[0].equal(net(x, state)[0])
        net.eval()
        assert net(x, state)[0].equal(net(x, state)[0])
        assert net(x, state)[0].equal(model().eval()(x, state)[0])  # and nothing is scaled


def test_every_layer_s_weights_are_dropped() -> None:
    net = model(weight_drop=0.5)
    for layer in range(2):
        assert 0.3 < (getattr(net.rnn, f"weight_hh_l{layer}") == 0).float().mean() < 0.7
    copy = model(weight_drop=0.5)
    copy.load_state_dict(net.state_dict())


@pytest.mark.parametrize("cell", [funcs.GRU, funcs.LSTM, nn.RNN, nn.GRU, nn.LSTM])
def test_it_trains_around_each_layer(cell: type) -> None:
    loader, vocab = funcs.load_data_time_machine(8, 16, max_tokens=3000)
    ours = issubclass(cell, (funcs.GRU, funcs.LSTM))
    net = RegularizedModel(cell(8, 32), len(vocab), 0.1, 0.1, 0.1 if ours else 0.0)
    history = funcs.train_one_cycle(net, loader, 6, live=False, progress=False)
    assert history.perplexity[-1] < 16 < history.perplexity[0]
    assert funcs.predict("the", 5, net, vocab).startswith("the")


def test_the_rate_rises_and_falls() -> None:
    loader, vocab = funcs.load_data_time_machine(8, 16, max_tokens=1000)
    rates, net = [], model()
    net = RegularizedModel(funcs.GRU(4, 4), len(vocab))
    plain = torch.optim.AdamW.step

    def step(self: torch.optim.AdamW, closure: None = None) -> None:
        rates.append(self.param_groups[0]["lr"])
        plain(self)

    torch.optim.AdamW.step = step  # type: ignore[method-assign, assignment]
    try:
        funcs.train_one_cycle(net, loader, 10, lr=0.1, live=False, progress=False)
    finally:
        torch.optim.AdamW.step = plain  # type: ignore[method-assign]
    assert max(rates) == pytest.approx(0.1, rel=0.05) and rates[0] < 0.01 and rates[-1] < 0.02


def test_what_it_does_not_take() -> None:
    with pytest.raises(ValueError, match="in one direction"):
        RegularizedModel(funcs.GRU(4, 4, bidirectional=True), 5)
    with pytest.raises(ValueError, match="p must be at least 0 and below 1"):
        RegularizedModel(funcs.GRU(4, 4), 5, dropout_out=1.0)
    with pytest.raises(ValueError, match="weight_drop needs"):
        RegularizedModel(nn.LSTM(4, 4), 5, weight_drop=0.1)
