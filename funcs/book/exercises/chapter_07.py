"""Checks of the exercises of chapter 07: stacked and bidirectional layers."""

from typing import Any

import torch

from funcs.book.exercises.checking import call, exercise, kind, same
from funcs.recurrences.loops import layer_outer
from funcs.stacked import MyRNN


def two_layers(relus: tuple[bool, bool] = (True, True), below: str = "states", W_hh: int = -1) -> list[int]:
    """The states of the upper of two layers with one unit each, done right or with one slip."""
    lower = upper = 0
    states = []
    for x in (2, 1, -5, 4):
        before = lower
        lower = x + lower
        if relus[0]:
            lower = max(0, lower)
        upper = 2 * {"states": lower, "inputs": x, "before": before}[below] + W_hh * upper
        if relus[1]:
            upper = max(0, upper)
        states.append(upper)
    return states


@exercise("07.1")
def upper_layer_by_hand(answer: Any) -> str | None:
    if same(answer, two_layers()):
        return None
    if len(answer) != 4:
        return f"Four numbers are wanted, layer 2's state after each step, got {kind(answer)}."
    slips = (
        (two_layers((False, False)), "What does ReLU make of a negative number?"),
        (two_layers((True, False)), "ReLU comes in layer 2 as well."),
        (two_layers((False, True)), "ReLU comes in layer 1 as well."),
        (two_layers(below="inputs"), "Layer 2 does not read the inputs."),
        (two_layers(below="before"), "Layer 2 reads the state of layer 1 of the same step, not of the step before."),
        (two_layers(W_hh=1), "Layer 2's W_hh is negative."),
        (two_layers(W_hh=0), "Layer 2 has a past, too."),
        ([2, 3, 0, 4], "These are the states of layer 1."),
    )
    for slip, hint in slips:
        if same(answer, slip):
            return hint
    right = [same(got, wanted) for got, wanted in zip(answer, two_layers(), strict=True)]
    return f"The state after step {right.index(False) + 1} is off (or one of layer 1's before it)."


@exercise("07.2")
def number_of_parameters(answer: Any) -> str | None:
    count = sum(param.numel() for param in MyRNN(28, 256, 3).parameters())
    if same(answer, count):
        return None
    if same(answer, count - 3 * 256):
        return "Each layer has a bias, too."
    if same(answer, count + 3 * 256):
        return "nn.RNN has two biases per layer; how many has ours?"
    if same(answer, 3 * sum(param.numel() for param in MyRNN(28, 256).parameters())):
        return "Only one of the layers reads 28 features."
    if same(answer, 3 * sum(param.numel() for param in MyRNN(256, 256).parameters())):
        return "Not every layer reads 256 features."
    if same(answer, sum(param.numel() for param in MyRNN(28, 256).parameters())):
        return "That is the first layer; there are two more."
    return "Count W_xh, W_hh and b_h of each of the three layers: what does the layer read, and how many units has it?"


@exercise("07.3")
def cell_is_ready(answer: Any) -> str | None:
    everything = {(layer, t) for layer in range(3) for t in range(4)}
    for layer, t in sorted(everything):
        needs = everything & {(layer - 1, t), (layer, t - 1)}
        others = everything - needs - {(layer, t)}
        for done, ready in [
            (needs, True),
            (needs | others, True),
            *((needs - {need}, False) for need in sorted(needs)),
            *(((needs | others) - {need}, False) for need in sorted(needs)),
        ]:
            given = set(done)
            result = call(answer, layer, t, given)
            if given != done:
                return "Your function has changed `done`; it is only to look."
            if not isinstance(result, bool):
                return f"Return True or False, not {kind(result)}."
            if result is ready:
                continue
            if ready:
                return f"Cell ({layer}, {t}) is ready when these are done: {sorted(done) or 'none'}; you say it is not."
            (missing,) = needs - done
            return (
                f"Cell ({layer}, {t}) is not ready as long as {missing} is missing; with {sorted(done)} you say it is."
            )
    return None


def rounds_of(num_layers: int, num_steps: int, ahead: int) -> int:
    """How many rounds a stack takes whose cells also need the cell below `ahead` steps later, where there is one."""
    done: dict[tuple[int, int], int] = {}
    for layer in range(num_layers):
        for t in range(num_steps):
            needs = [(layer, t - 1), (layer - 1, t), (layer - 1, min(t + ahead, num_steps - 1))]
            done[layer, t] = max((done[cell] + 1 for cell in needs if cell in done), default=1)
    return max(done.values())


@exercise("07.4")
def cells_and_rounds(answer: Any) -> str | None:
    cells, rounds = 4 * 35, rounds_of(4, 35, ahead=1)
    if same(answer, (cells, rounds)):
        return None
    if len(answer) != 2:
        return f"Two numbers are wanted, (cells, rounds), got {kind(answer)}."
    if same(answer, (rounds, cells)):
        return "The number of cells comes first, then that of the rounds."
    if not same(answer[0], cells):
        return "How many layers, how many steps? Looking ahead does not change the number of cells."
    if same(answer[1], rounds_of(4, 35, ahead=0)):
        return "So many rounds does a stack take that does not look ahead."
    if same(answer[1], rounds - 1):
        return "The number of cells is as it should be. Rounds: you are one off, do you count from 0?"
    return "The number of cells is as it should be. In which round can the first cell of each layer be computed?"


@exercise("07.5")
def all_last_states(answer: Any) -> str | None:
    for num_layers, num_steps, batch_size, features, hidden in ((3, 6, 5, 3, 8), (1, 4, 2, 5, 3), (4, 1, 3, 6, 6)):
        net = MyRNN(features, hidden, num_layers)
        X, state = torch.randn(num_steps, batch_size, features), torch.randn(num_layers, batch_size, hidden)
        layers = list(zip(net.W_xh, net.W_hh, net.b_h, strict=True))
        output, wanted = layer_outer(X, state, layers)
        given, sizes = state.clone(), f"With {num_layers} layers and {num_steps} steps"
        try:
            got = call(answer, X.clone(), given, layers)
        except RuntimeError as error:
            if "size" not in str(error) and "shape" not in str(error):
                raise
            return (
                f"{sizes}, two sizes don't fit: which layer reads the features, and which the states below? ({error})"
            )
        if isinstance(got, (tuple, list)) and len(got) == num_layers and same(torch.stack(list(got)), wanted):
            return "One tensor is wanted, (layers, batch, hidden): stack your list."
        if isinstance(got, tuple):
            return "Return the last states alone."
        if not torch.equal(given, state):
            return "Your function has written into `state`."
        if same(got, wanted):
            continue
        if same(got, output):
            return "These are the last layer's states at all steps; the last state of each layer is wanted."
        if tuple(got.shape) != tuple(wanted.shape):
            return f"{sizes}, the shape must be {tuple(wanted.shape)}, yours is {tuple(got.shape)}."
        right = [same(mine, theirs) for mine, theirs in zip(got, wanted, strict=True)]
        if not right[0]:
            return f"{sizes}, even the first layer's last state is off."
        return f"{sizes}, layer {right.index(False) + 1} is off: what does it read at each step?"
    return None


@exercise("07.6")
def last_states_of_both_directions(answer: Any) -> str | None:
    for num_steps, batch_size, hidden in ((6, 3, 4), (5, 1, 7), (4, 2, 2), (1, 5, 3)):
        output = torch.randn(num_steps, batch_size, 2 * hidden)
        first, last = output[0].split(hidden, 1), output[-1].split(hidden, 1)
        wanted = torch.stack((last[0], first[1]))
        sizes = f"For {num_steps} steps, batch {batch_size} and hidden size {hidden}"
        try:
            got = call(answer, output.clone())
        except RuntimeError as error:
            return f"{sizes} your function stops with an error. Is a size written into it? ({error})"
        if same(got, wanted):
            continue
        if same(got, wanted.transpose(0, 1)):
            return "The batch comes first in yours: the directions are to be the first axis."
        if tuple(got.shape) != tuple(wanted.shape):
            return f"{sizes} the shape must be {tuple(wanted.shape)}, yours is {tuple(got.shape)}."
        if same(got, wanted.flip(0)):
            return "The states are found; but the forward direction comes first."
        halves = output[-1, :, ::2], output[0, :, 1::2]
        if hidden > 1 and same(got, torch.stack(halves)):
            return (
                "The features of the two directions don't alternate: the forward direction's stand first, all of them."
            )
        if same(got, torch.stack(last)):
            return "The backward direction begins at the end of the sequence; where does it stop?"
        if same(got, torch.stack(first)):
            return "The forward direction begins at the first step; where does it stop?"
        if same(got, torch.stack((first[0], last[1]))):
            return "These are the states with which the two directions begin."
        if same(got, torch.stack((last[1], first[0]))):
            return (
                "Which half of the features belongs to the forward direction? It is the one that torch.cat had first."
            )
        for half, name in ((0, "forward"), (1, "backward")):
            if same(got[half], wanted[half]):
                continue
            return f"{sizes}, the {name} direction's state is not its last one."
    return None


@exercise("07.7")
def gain_of_a_linear_stack(answer: Any) -> str | None:
    gain = (1 - 0.8**2) ** 0.5
    if same(answer, gain):
        return None
    if same(answer, -gain):
        return "Its square is right; g is to be above 0."
    if same(answer, 1 - 0.8):
        return "The lengths of the two products don't add up, since they point anywhere. Which of their measures does?"
    if same(answer, gain**2):
        return "By this number the mean square is multiplied; by what, then, are the numbers themselves?"
    if same(answer, (1 - 0.8) ** 0.5):
        return "By what does W_hh multiply the mean square of the state, if it multiplies its length by 0.8?"
    if same(answer, 1.0):
        return "So much comes from below that it would be enough alone; but the layer's own past is added to it."
    return (
        "Call the mean square of the input u and that of the states v. What is v at the next step? When does it stay?"
    )
