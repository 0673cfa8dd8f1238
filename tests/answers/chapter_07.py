"""Answers to the exercises of chapter 07: ones that are right, and plausible wrong ones with a piece of their hint."""

from typing import Any

import torch

from funcs.recurrences.loops import layer_outer


def ready_by_set(layer: int, t: int, done: set[tuple[int, int]]) -> bool:
    needs = {(layer - 1, t), (layer, t - 1)}
    return {(a, b) for a, b in needs if a >= 0 and b >= 0} <= done


def ready_by_steps(layer: int, t: int, done: set[tuple[int, int]]) -> bool:
    if layer > 0 and (layer - 1, t) not in done:
        return False
    return not (t > 0 and (layer, t - 1) not in done)


def last_by_chunk(output: torch.Tensor) -> torch.Tensor:
    there, back = output.chunk(2, dim=2)
    return torch.stack((there[-1], back[0]))


def last_by_index(output: torch.Tensor) -> torch.Tensor:
    num_steps, batch_size, features = output.shape
    both = output.view(num_steps, batch_size, 2, features // 2)
    return torch.cat((both[-1:, :, 0], both[:1, :, 1]))


def last_halves(forward: int, backward: int) -> Any:
    def answer(output: torch.Tensor) -> torch.Tensor:
        there, back = output.chunk(2, dim=2)
        return torch.stack((there[forward], back[backward]))

    return answer


def mended_by_outputs(X: torch.Tensor, state: torch.Tensor, layers: Any) -> torch.Tensor:
    last = []
    for (W_xh, W_hh, b_h), H in zip(layers, state, strict=True):
        outputs = []
        for x in X:
            H = torch.tanh(x @ W_xh + H @ W_hh + b_h)
            outputs.append(H)
        X = torch.stack(outputs)
        last.append(H)
    return torch.stack(last)


def mended_in_place(X: torch.Tensor, state: torch.Tensor, layers: Any) -> torch.Tensor:
    H, sequence = list(state.unbind()), list(X)
    for i, (W_xh, W_hh, b_h) in enumerate(layers):
        for t, x in enumerate(sequence):
            sequence[t] = H[i] = torch.tanh(x @ W_xh + H[i] @ W_hh + b_h)
    return torch.stack(H)


def carelessly_swapped(X: torch.Tensor, state: torch.Tensor, layers: Any) -> torch.Tensor:
    H = list(state.unbind())
    for i, (W_xh, W_hh, b_h) in enumerate(layers):
        for x in X @ layers[0][0]:
            below = x if i == 0 else x @ W_xh
            H[i] = torch.tanh(below + H[i] @ W_hh + b_h)
    return torch.stack(H)


def writes_into_state(X: torch.Tensor, state: torch.Tensor, layers: Any) -> torch.Tensor:
    with torch.no_grad():
        state.copy_(layer_outer(X, state, layers)[1])
    return state


def reads_inputs_everywhere(X: torch.Tensor, state: torch.Tensor, layers: Any) -> torch.Tensor:
    H = list(state.unbind())
    for i, (W_xh, W_hh, b_h) in enumerate(layers):
        for x in X:
            H[i] = torch.tanh(x @ W_xh + H[i] @ W_hh + b_h)
    return torch.stack(H)


def ready_after_writing(layer: int, t: int, done: Any) -> bool:
    done.update((-1, s) for s in range(9))
    done.update((k, -1) for k in range(9))
    return {(layer - 1, t), (layer, t - 1)} <= done


RIGHT: dict[str, list[Any]] = {
    "07.1": [(4, 2, 0, 8), [4, 2, 0, 8], torch.tensor([4, 2, 0, 8])],
    "07.2": [335_616, torch.tensor(335_616)],
    "07.3": [ready_by_set, ready_by_steps],
    "07.4": [(140, 41), [140, 41], torch.tensor([140, 41])],
    "07.5": [mended_by_outputs, mended_in_place],
    "07.6": [last_by_chunk, last_by_index],
    "07.7": [0.6, (1 - 0.64) ** 0.5, torch.tensor(0.6)],
}

WRONG: dict[str, list[tuple[Any, str]]] = {
    "07.1": [
        ((4, 2, -6, 10), "What does ReLU make of a negative number?"),
        ((4, 2, -2, 10), "ReLU comes in layer 2 as well"),
        ((4, 2, 0, 4), "ReLU comes in layer 1 as well"),
        ((4, 0, 0, 8), "Layer 2 does not read the inputs"),
        ((0, 4, 2, 0), "not of the step before"),
        ((4, 10, 10, 18), "Layer 2's W_hh is negative"),
        ((4, 6, 0, 8), "Layer 2 has a past"),
        ((2, 3, 0, 4), "the states of layer 1"),
        ((4, 2, 0, 7), "after step 4 is off"),
        ((4, 2, 8), "Four numbers are wanted"),
        (8, "4 values are wanted"),
    ],
    "07.2": [
        (335_600, "Count W_xh"),
        (335_646, "Count W_xh"),
        (334_848, "has a bias, too"),
        (336_384, "how many has ours"),
        (218_880, "Only one of the layers reads 28"),
        (393_984, "Not every layer reads 256"),
        (72_960, "That is the first layer"),
        ((335, 616), "A comma within a number"),
        ("335616", "the text '335616'"),
    ],
    "07.3": [
        (ready_after_writing, "has changed `done`"),
        (lambda layer, t, done: len(done) >= layer + t, "is not ready as long as"),
        (
            lambda layer, t, done: (
                (layer == 0 or (layer - 1, t) in done) and (t == 0 or any(s == t - 1 for _, s in done))
            ),
            "is not ready as long as",
        ),
        (
            lambda layer, t, done: (
                (t == 0 or (layer, t - 1) in done) and (layer == 0 or any(k < layer for k, _ in done))
            ),
            "is not ready as long as",
        ),
        (lambda layer, t, done: (layer - 1, t) in done and (layer, t - 1) in done, "you say it is not"),
        (lambda layer, t, done: layer == 0 or (layer - 1, t) in done, "is not ready as long as"),
        (lambda layer, t, done: int(ready_by_set(layer, t, done)), "True or False, not the number 1"),
        (lambda layer, t, done: (layer, t) not in done, "is not ready as long as"),
    ],
    "07.4": [
        (140, "2 values are wanted, got the number 140"),
        ((140, 38), "does not look ahead"),
        ((140, 40), "do you count from 0"),
        ((41, 140), "The number of cells comes first"),
        ((39, 41), "How many layers, how many steps"),
        ((140, 76), "In which round"),
        ((140, 41, 1), "Two numbers are wanted"),
    ],
    "07.5": [
        (carelessly_swapped, "layer 2 is off: what does it read"),
        (lambda X, state, layers: layer_outer(X, state, layers), "Return the last states alone"),
        (lambda X, state, layers: layer_outer(X, state, layers)[0], "the last layer's states at all steps"),
        (lambda X, state, layers: layer_outer(X, state, layers)[1].unbind(), "stack your list"),
        (lambda X, state, layers: layer_outer(X, state * 0, layers)[1], "even the first layer's last state is off"),
        (writes_into_state, "has written into `state`"),
        (lambda X, state, layers: layer_outer(X, state, layers)[1][-1], "the shape must be (3, 5, 8)"),
        (reads_inputs_everywhere, "two sizes don't fit"),
    ],
    "07.6": [
        (lambda output: torch.stack((output[-1, :, :4], output[0, :, 4:])), "Is a size written into it?"),
        (last_halves(-1, -1), "where does it stop"),
        (last_halves(0, 0), "The forward direction begins at the first step"),
        (last_halves(0, -1), "the two directions begin"),
        (lambda output: last_by_chunk(output).flip(0), "the forward direction comes first"),
        (lambda output: last_by_chunk(output).transpose(0, 1), "the directions are to be the first axis"),
        (lambda output: tuple(last_by_chunk(output)), "One tensor of shape"),
        (lambda output: output[-1], "the shape must be (2, 3, 4), yours is (3, 8)"),
        (
            lambda output: torch.stack((output.chunk(2, 2)[1][-1], output.chunk(2, 2)[0][0])),
            "Which half of the features",
        ),
        (lambda output: output.chunk(2, 2) and None, "returns nothing"),
        (lambda output: torch.stack((output[-1, :, ::2], output[0, :, 1::2])), "don't alternate"),
    ],
    "07.7": [
        (0.2, "The lengths of the two products"),
        (0.36, "By this number the mean square is multiplied"),
        (0.2**0.5, "By what does W_hh multiply"),
        (1, "the layer's own past is added"),
        (1.25, "Call the mean square of the input u"),
        (0.61, "Call the mean square of the input u"),
        (-0.6, "above 0"),
        ("0.6", "the text '0.6'"),
    ],
}
