"""Stacks, both directions and padded batches: what chapters 07 and 18 draw, compare and time with."""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle, Rectangle
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

import funcs
from funcs.book.compare import relative_difference
from funcs.book.figures import blank_axes, draw_cells
from funcs.book.look import BLUE, GREEN, ORANGE, PINK, RED

GREY = "#555555"
WIDTH, HEIGHT, RADIUS = 3.9, 3.1, 0.82  # from node to node, from row to row, and of a node


def node(ax: Axes, x: float, y: float, label: str, color: str) -> None:
    """A round node with a label, centred at (x, y)."""
    ax.add_patch(Circle((x, y), RADIUS, fc=color, alpha=0.3, ec="none"))
    ax.text(x, y, label, ha="center", va="center", fontsize=10.5)


def arrow(ax: Axes, tail: tuple[float, float], head: tuple[float, float], color: str = GREY, bend: float = 0.0) -> None:
    """An arrow from node to node, straight or bent, that stops short of both."""
    style = {
        "arrowstyle": "-|>",
        "color": color,
        "lw": 2.6 if color == RED else 1.2,
        "shrinkA": 24,
        "shrinkB": 24,
        "connectionstyle": f"arc3,rad={bend}",
    }
    ax.annotate("", head, tail, arrowprops=style)


def draw_stack(num_layers: int = 3, num_steps: int = 4) -> Figure:
    """A stacked network: layers upwards, time to the right (chapter 07)."""
    fig, ax = blank_axes(WIDTH * num_steps + 3.6, HEIGHT * num_layers + 3.0)
    columns = [1.9 + WIDTH * t for t in range(num_steps + 1)]
    for t in range(1, num_steps + 1):
        node(ax, columns[t], 1.6, f"$X_{t}$", BLUE)
    for layer in range(1, num_layers + 1):
        y = 1.6 + HEIGHT * layer
        node(ax, columns[0], y, f"$H^{{({layer})}}_0$", "#bbbbbb")
        for t in range(1, num_steps + 1):
            node(ax, columns[t], y, f"$H^{{({layer})}}_{t}$", GREEN if layer == num_layers else ORANGE)
            arrow(ax, (columns[t - 1], y), (columns[t], y))
            arrow(ax, (columns[t], y - HEIGHT), (columns[t], y))
            ax.text(columns[t] - WIDTH / 2, y + 0.4, f"$W^{{({layer})}}_{{hh}}$", ha="center", fontsize=9)
            ax.text(columns[t] + 0.2, y - HEIGHT / 2, f"$W^{{({layer})}}_{{xh}}$", va="center", fontsize=9)
    ax.text(sum(columns) / len(columns), 0.1, "time →", ha="center", fontsize=10)
    ax.text(0.45, 1.6 + HEIGHT * (num_layers + 1) / 2, "layer →", rotation=90, ha="center", va="center", fontsize=10)
    return fig


def draw_bidirectional(num_steps: int = 5, position: int | None = None) -> Figure:
    """A layer that reads in both directions, and the way of the answer into a model of the next token (chapter 07).

    Args:
        position: a step from 1 on; its label is the input of the next step, and the way of that input to the output of
            `position` is drawn in red. None draws no such way.
    """
    extra = 0.0 if position is None else WIDTH  # room for the label of the last step
    fig, ax = blank_axes(WIDTH * num_steps + 1.6 + extra, 10.4 if position is None else 11.4)
    columns = [3.0 + WIDTH * t for t in range(num_steps + 1)]  # the last one is outside the window
    rows = {"X": 1.7, "there": 4.3, "back": 6.7, "O": 9.3}
    labels = {"X": "X_{}", "there": r"\overrightarrow{{H}}_{}", "back": r"\overleftarrow{{H}}_{}", "O": "O_{}"}
    colors = {"X": BLUE, "there": ORANGE, "back": GREEN, "O": PINK}
    leak = position is not None and position < num_steps
    for t, x in enumerate(columns[:num_steps], 1):
        for name, y in rows.items():
            node(ax, x, y, f"${labels[name].format(t)}$", colors[name])
        red = leak and t == position
        arrow(ax, (x, rows["X"]), (x, rows["there"]))
        arrow(ax, (x, rows["X"]), (x, rows["back"]), RED if leak and t - 1 == position else GREY, 0.42)
        arrow(ax, (x, rows["there"]), (x, rows["O"]), GREY, -0.42)
        arrow(ax, (x, rows["back"]), (x, rows["O"]), RED if red else GREY)
        if t < num_steps:
            arrow(ax, (x, rows["there"]), (columns[t], rows["there"]))
            arrow(ax, (columns[t], rows["back"]), (x, rows["back"]), RED if red else GREY)
    for name, words in (("there", "reads →"), ("back", "← reads")):
        ax.text(columns[0] - 1.15, rows[name], words, ha="right", va="center", fontsize=9)
    ax.text((columns[0] + columns[num_steps - 1]) / 2, 0.1, "time →", ha="center", fontsize=10)
    if position is not None:
        way = "Red: its way to" if leak else "It is outside, and no way leads to"
        words = f"The label of $O_{position}$ is $X_{position + 1}$. {way} $O_{position}$."
        ax.text(columns[0] - 0.8, 10.7, words, fontsize=11, color=RED if leak else GREY)
        ax.add_patch(Circle((columns[position], rows["X"]), RADIUS, fc="none", ec=RED if leak else GREY, lw=2, ls="--"))
        if not leak:
            ax.text(columns[position], rows["X"], f"$X_{position + 1}$", ha="center", va="center", fontsize=10.5)
    return fig


def draw_padded(sentences: Sequence[str], padding: str = "·") -> Figure:
    """Sentences of unequal length as the rows of one batch; what is missing is padding (chapter 18)."""
    longest = max(map(len, sentences))
    fig, ax = blank_axes(longest + 1, len(sentences) + 3.2, scale=0.165)
    top = len(sentences) + 2.7
    for i, sentence in enumerate(sentences):
        end, bottom = len(sentence), top - i - 1
        runs = ((0, end - 1, BLUE, 0.3), (end - 1, end, ORANGE, 0.9), (end, longest, "#bbbbbb", 0.35))
        for start, stop, color, alpha in runs:
            ax.add_patch(Rectangle((0.5 + start, bottom), stop - start, 1, fc=color, alpha=alpha, ec="none"))
        for j, label in enumerate(sentence.replace(" ", "␣").ljust(longest, padding)):
            ax.text(1 + j, bottom + 0.47, label, ha="center", va="center", fontsize=7.5, color="#111111")
    ax.vlines([0.5 + j for j in range(longest + 1)], top - len(sentences), top, color="white", lw=1.5)
    ax.hlines([top - i for i in range(len(sentences) + 1)], 0.5, longest + 0.5, color="white", lw=1.5)
    x = 0.5
    for color, alpha, label in ((BLUE, 0.3, "real"), (ORANGE, 0.9, "the last real step"), ("#bbbbbb", 0.35, "padding")):
        draw_cells(ax, [[""]], x, 1.8, [[color]], [[alpha]])
        ax.text(x + 1.4, 1.25, label, va="center", fontsize=9)
        x += 3.4 + 0.75 * len(label)
    ax.text(longest + 0.5, 1.25, "time →", ha="right", va="center", fontsize=9)
    return fig


def draw_lengths(batches: Mapping[str, torch.Tensor]) -> Figure:
    """The sentences of one batch as bars of real steps and padding, for several ways to make batches (chapter 18).

    Args:
        batches: name → the sentences' lengths, (batch_size,).
    """
    fig, axes = plt.subplots(
        1, len(batches), figsize=(4.5 * len(batches), 3.0), layout="constrained", squeeze=False, sharey=True
    )
    for ax, (name, lengths) in zip(axes[0], batches.items(), strict=True):
        places = range(1, len(lengths) + 1)
        longest = int(lengths.max())
        ax.bar(places, longest, color="#cccccc", width=1.0, label="padding")
        ax.bar(places, lengths.tolist(), color=BLUE, width=0.8, label="real")
        share = 1 - lengths.sum().item() / (longest * len(lengths))
        ax.set(title=f"{name}: {share:.0%} padding", xlabel="sentence of the batch")
    axes[0, 0].set_ylabel("steps")
    fig.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside right center")
    return fig


class BiRNN(nn.Module):
    """Two `funcs.MyRNN` of one layer that read a sequence in both directions (chapter 07).

    Called like `nn.RNN(input_size, hidden_size, bidirectional=True)`, with time first.
    """

    batch_first, bidirectional, num_layers = False, True, 1

    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__()
        self.input_size, self.hidden_size = input_size, hidden_size
        self.forwards, self.backwards = funcs.MyRNN(input_size, hidden_size), funcs.MyRNN(input_size, hidden_size)

    def forward(self, X: torch.Tensor, state: torch.Tensor | None = None) -> tuple[torch.Tensor, torch.Tensor]:
        """(time, batch, 2 · hidden), forwards first, and each direction's last state, (2, batch, hidden)."""
        there, back = (None, None) if state is None else (state[:1], state[1:])
        output, last = self.forwards(X, there)
        reverse_output, reverse_last = self.backwards(X.flip(0), back)
        return torch.cat((output, reverse_output.flip(0)), 2), torch.cat((last, reverse_last))


def copy_weights(mine: Any, theirs: Any, suffix: str = "") -> None:
    """Copy the weights of a `funcs.MyRNN` into an nn.RNN, whose second bias becomes zero (chapter 07).

    Args:
        suffix: how the names of torch's parameters end: "" or "_reverse".
    """
    for i in range(mine.num_layers):
        copies = {
            "weight_ih": mine.W_xh[i].T,
            "weight_hh": mine.W_hh[i].T,
            "bias_ih": mine.b_h[i],
            "bias_hh": torch.zeros_like(mine.b_h[i]),
        }
        for name, copy in copies.items():
            getattr(theirs, f"{name}_l{i}{suffix}").data.copy_(copy)


def seconds_in_turn(runs: Mapping[str, Callable[[], Any]], rounds: int = 7) -> dict[str, float]:
    """The median seconds of several things to do, timed in turn, so that a slow moment hits all alike (chapter 07)."""
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(rounds):
        for name, run in runs.items():
            start = time.perf_counter()
            run()
            seconds[name].append(time.perf_counter() - start)
    return {name: sorted(values)[rounds // 2] for name, values in seconds.items()}


def compare_layers(
    mine: Any, theirs: Any, given: Sequence[torch.Tensor], parts: Mapping[str, Any] | None = None
) -> tuple[float, float]:
    """How far a layer with the weights W_xh, W_hh and b_h is from torch's with the same weights (chapter 07).

    Args:
        mine: a `funcs.MyRNN`, or made of some.
        theirs: an nn.RNN.
        given: the input, and the first state if there is one; copies of them are read.
        parts: the layers of `mine` by the end of the names of torch's parameters; none is {"": mine}.

    Returns:
        The largest relative difference of outputs and last states, and that of the gradients of the inputs and of every
        parameter, when the sum of the squared outputs and of the last states is walked back.

    Raises:
        ValueError: a layer has written into the tensors that it was given.
    """
    results = []
    for net in (mine, theirs):
        inputs = [tensor.clone().requires_grad_() for tensor in given]
        output, last = net(*inputs)
        (output.square().sum() + last.sum()).backward()
        if not all(map(torch.equal, inputs, given)):
            raise ValueError(f"a layer must leave its inputs as they are, {type(net).__name__} changed them")
        results.append(([output, last], [tensor.grad for tensor in inputs]))
    (ours, our_gradients), (library, their_gradients) = results
    pairs: list[Any] = list(zip(our_gradients, their_gradients, strict=True))
    for suffix, part in ({"": mine} if parts is None else parts).items():
        pairs += gradient_pairs(part, theirs, suffix)
    return (
        max(map(relative_difference, ours, library)),
        max(relative_difference(*pair) for pair in pairs),
    )


def gradient_pairs(mine: Any, theirs: Any, suffix: str = "") -> list[tuple[torch.Tensor, torch.Tensor]]:
    """The gradient of each parameter of a `funcs.MyRNN`, as torch lays it out, beside that of nn.RNN (chapter 07).

    Args:
        suffix: how the names of torch's parameters end: "" or "_reverse".
    """
    pairs = []
    for i in range(mine.num_layers):
        ours = {"weight_ih": mine.W_xh[i].grad.T, "weight_hh": mine.W_hh[i].grad.T, "bias_ih": mine.b_h[i].grad}
        pairs += [(gradient, getattr(theirs, f"{name}_l{i}{suffix}").grad) for name, gradient in ours.items()]
    return pairs


def run_order(order: Any, net: Any, X: torch.Tensor, state: torch.Tensor) -> tuple[list[torch.Tensor], ...]:
    """Run the layers of a `funcs.MyRNN` in one order, forward and backward (chapter 07).

    Args:
        order: (X, state, layers) → (the last layer's states, every layer's last state), as `layer_outer`.

    Returns:
        What `order` returns, and the gradient of every parameter, from the sum of the squared outputs and last states.
    """
    net.zero_grad()
    output, last = order(X, state, list(zip(net.W_xh, net.W_hh, net.b_h, strict=True)))
    (output.square().sum() + last.sum()).backward()
    return [output, last], [param.grad.clone() for param in net.parameters()]


def perplexities_of_seeds(
    make: Callable[[], Any], train_iter: Any, lr: float, num_epochs: int = 10, num_seeds: int = 3
) -> list[float]:
    """The training perplexities of several models after some epochs with Adam, from the best to the worst (chapter 07).

    Args:
        make: makes a model; torch's seed is 0, 1, … before each.
    """
    perplexities = []
    for seed in range(num_seeds):
        torch.manual_seed(seed)
        model = make()
        optimizer = torch.optim.Adam(model.parameters(), lr)
        history = funcs.train(model, train_iter, num_epochs, optimizer=optimizer, live=False, progress=False)
        perplexities.append(history.perplexity[-1])
    return sorted(perplexities)


def compare_padded(run: Any, mine: BiRNN, theirs: Any, X: torch.Tensor, lengths: torch.Tensor) -> tuple[float, ...]:
    """How far a way to run both directions over a padded batch is from packing it, and from one by one (chapter 18).

    Args:
        run: (mine, X, lengths) → (output, last states), as `mine` and nn.RNN return them.
        theirs: a bidirectional nn.RNN; it gets the weights of `mine`.
        X: (time, batch, features), padded at the end.

    Returns:
        The largest relative difference to torch's outputs at the real steps and last states; to its gradients of every
        parameter, from the sum of the squares of both; and to what `mine` gives for each sentence alone.
    """
    directions = {"": mine.forwards, "_reverse": mine.backwards}
    for suffix, part in directions.items():
        copy_weights(part, theirs, suffix)
    mask = torch.arange(len(X))[:, None] < lengths
    packed, their_last = theirs(pack_padded_sequence(X, lengths, enforce_sorted=False))
    ours, library = run(mine, X, lengths), (pad_packed_sequence(packed)[0], their_last)
    for net, (output, last) in ((mine, ours), (theirs, library)):
        net.zero_grad()
        (output[mask].square().sum() + last.square().sum()).backward()
    pairs = [pair for suffix, part in directions.items() for pair in gradient_pairs(part, theirs, suffix)]
    alone = [mine(X[:length, [i]]) for i, length in enumerate(lengths.tolist())]
    singly = [(ours[0][: len(output), i], output[:, 0]) for i, (output, _) in enumerate(alone)]
    singly += [(ours[1][:, i], last[:, 0]) for i, (_, last) in enumerate(alone)]
    return (
        max(relative_difference(ours[0][mask], library[0][mask]), relative_difference(ours[1], library[1])),
        max(relative_difference(*pair) for pair in pairs),
        max(relative_difference(*pair) for pair in singly),
    )
