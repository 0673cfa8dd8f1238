"""What funcs.book.stacks computes: comparisons with torch, both directions, orders, times. Not how its figures look."""

from typing import Any

import matplotlib.pyplot as plt
import pytest
import torch
from torch import nn

import funcs
from funcs import book
from funcs.book import stacks
from funcs.recurrences.loops import layer_outer


@pytest.fixture(autouse=True)
def seeded() -> None:
    torch.manual_seed(0)


def pair(num_layers: int = 2) -> tuple[Any, Any]:
    mine = funcs.MyRNN(3, 8, num_layers).double()
    theirs = nn.RNN(3, 8, num_layers).double()
    stacks.copy_weights(mine, theirs)
    return mine, theirs


def test_copied_weights_make_nn_rnn_the_same() -> None:
    forward, backward = book.compare_layers(*pair(), [torch.randn(5, 4, 3).double(), torch.randn(2, 4, 8).double()])
    assert forward <= 1e-12
    assert backward <= 1e-10


@pytest.mark.parametrize("name", ["bias_hh_l0", "weight_hh_l1", "weight_ih_l0"])
def test_compare_layers_sees_another_weight(name: str) -> None:
    mine, theirs = pair()
    getattr(theirs, name).data += 0.1
    assert min(book.compare_layers(mine, theirs, [torch.randn(5, 4, 3).double()])) > 1e-3


class WritesIntoItsState(nn.RNN):
    def forward(self, X: Any, state: Any = None) -> Any:
        output, last = super().forward(X, state)
        state.data.copy_(last)
        return output, last


def test_compare_layers_refuses_a_layer_that_changes_what_it_is_given() -> None:
    mine, theirs = funcs.MyRNN(3, 8), WritesIntoItsState(3, 8)
    stacks.copy_weights(mine, theirs)
    with pytest.raises(ValueError, match="WritesIntoItsState changed them"):
        book.compare_layers(mine, theirs, [torch.randn(5, 4, 3), torch.zeros(1, 4, 8)])


def test_gradient_pairs_lays_ours_out_as_torch_does() -> None:
    mine, theirs = pair()
    X = torch.randn(5, 4, 3).double()
    for net in (mine, theirs):
        net(X)[0].sum().backward()
    pairs = stacks.gradient_pairs(mine, theirs)
    assert len(pairs) == 6
    for ours, library in pairs:
        torch.testing.assert_close(ours, library)


@pytest.mark.parametrize("with_state", [False, True])
def test_both_directions_are_those_of_nn_rnn(with_state: bool) -> None:
    mine, theirs = book.BiRNN(3, 8).double(), nn.RNN(3, 8, bidirectional=True).double()
    directions = {"": mine.forwards, "_reverse": mine.backwards}
    for suffix, part in directions.items():
        stacks.copy_weights(part, theirs, suffix)
    given = [torch.randn(5, 4, 3).double()] + [torch.randn(2, 4, 8).double()] * with_state
    forward, backward = book.compare_layers(mine, theirs, given, directions)
    assert forward <= 1e-12
    assert backward <= 1e-10


def flip_within(X: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
    steps = torch.arange(len(X))[:, None]
    return X[torch.where(steps < lengths, lengths - 1 - steps, steps), torch.arange(X.shape[1])]


def within(net: Any, X: torch.Tensor, lengths: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    ways = net.forwards(X)[0], net.backwards(flip_within(X, lengths))[0]
    last = torch.stack([way[lengths - 1, torch.arange(len(lengths))] for way in ways])
    return torch.cat((ways[0], flip_within(ways[1], lengths)), 2), last


def test_compare_padded_tells_turned_within_the_length_from_turned_with_the_padding() -> None:
    mine, theirs = book.BiRNN(3, 8).double(), nn.RNN(3, 8, bidirectional=True).double()
    X, lengths = torch.randn(7, 4, 3).double(), torch.tensor([3, 7, 1, 5])
    assert max(book.compare_padded(within, mine, theirs, X, lengths)) <= 1e-10
    careless = book.compare_padded(lambda net, X, lengths: net(X), mine, theirs, X, lengths)
    assert min(careless) > 1e-3


def test_run_order_returns_results_and_fresh_gradients() -> None:
    net, X, state = funcs.MyRNN(3, 8, 2), torch.randn(5, 4, 3), torch.randn(2, 4, 8)
    (output, last), first = book.run_order(layer_outer, net, X, state)
    _, again = book.run_order(layer_outer, net, X, state)  # not added to those of the first run
    torch.testing.assert_close(output, net(X, state)[0])
    torch.testing.assert_close(last, net(X, state)[1])
    assert [gradient.shape for gradient in first] == [param.shape for param in net.parameters()]
    for gradient, same in zip(first, again, strict=True):
        torch.testing.assert_close(gradient, same)


def test_seconds_in_turn_runs_all_in_turn() -> None:
    runs: list[str] = []
    seconds = book.seconds_in_turn({"a": lambda: runs.append("a"), "b": lambda: runs.append("b")}, rounds=3)
    assert runs == ["a", "b"] * 3
    assert list(seconds) == ["a", "b"]
    assert min(seconds.values()) >= 0


def test_perplexities_of_seeds_are_sorted_and_repeatable() -> None:
    def run() -> list[float]:
        train_iter, _ = funcs.load_data_time_machine(32, 35, max_tokens=2300, generator=0)
        return book.perplexities_of_seeds(lambda: funcs.RNNModel(funcs.MyRNN(28, 4), 28), train_iter, 1e-2, 1, 2)

    found = run()
    assert len(found) == 2
    assert found == sorted(found) == run()


def test_the_figures_of_batches_say_how_much_is_padding() -> None:
    fig = book.draw_lengths({"one": torch.tensor([4, 2]), "two": torch.tensor([3, 3])})
    assert [ax.get_title() for ax in fig.axes] == ["one: 25% padding", "two: 0% padding"]
    plt.close(fig)
    fig = book.draw_padded(["see", "a"])
    letters = [text.get_text() for text in fig.axes[0].texts]
    assert letters.count("·") == 2
    plt.close(fig)


@pytest.mark.parametrize(("position", "words"), [(2, "Red: its way"), (5, "no way leads to")])
def test_the_answer_has_a_way_but_at_the_last_position(position: int, words: str) -> None:
    fig = book.draw_bidirectional(5, position)
    assert any(words in text.get_text() for text in fig.axes[0].texts)
    plt.close(fig)
