"""Checks of the exercises of chapter 18: sentences of unequal length."""

from typing import Any

import torch
from torch.nn import functional as F

from funcs.book.exercises.checking import call, exercise, kind, same

LENGTHS = [5, 12, 4, 3, 10, 6, 11, 9]


def places_of_padding(lengths: list[int], batch_size: int = 2) -> int:
    """How many places of the batches are padding, if each batch is as long as its longest sentence."""
    batches = [lengths[i : i + batch_size] for i in range(0, len(lengths), batch_size)]
    return sum(max(batch) - length for batch in batches for length in batch)


@exercise("18.1")
def padding_by_hand(answer: Any) -> str | None:
    as_they_come, by_length = places_of_padding(LENGTHS), places_of_padding(sorted(LENGTHS))
    if same(answer, (as_they_come, by_length)):
        return None
    if len(answer) != 2:
        return f"Two numbers are wanted, (as they come, sorted), got {kind(answer)}."
    if same(answer, (by_length, as_they_come)):
        return "First as they come, then sorted."
    computed = [count + sum(LENGTHS) for count in (as_they_come, by_length)]
    if same(answer, computed):
        return "These are all places; how many of them are padding?"
    one_batch = len(LENGTHS) * max(LENGTHS) - sum(LENGTHS)
    if same(answer, (one_batch, one_batch)) or same(answer[0], one_batch):
        return "A batch is as long as the longest of its own two sentences, not of all eight."
    if not same(answer[0], as_they_come):
        return "As they come: the first batch has 5 and 12 steps. How many places does it have, and how many are real?"
    return "The first number is as it should be. Sorted, which two sentences are in the first batch?"


@exercise("18.2")
def perplexity_of_each_sentence(answer: Any) -> str | None:
    for num_steps, lengths in ((7, [7, 3, 5, 1]), (5, [2, 5, 4]), (6, [6, 6])):
        batch_size, vocab_size, ends = len(lengths), 9, torch.tensor(lengths)
        outputs = 2 * torch.randn(num_steps, batch_size, vocab_size)
        labels = torch.randint(vocab_size, (num_steps, batch_size))
        losses = F.cross_entropy(outputs.transpose(1, 2), labels, reduction="none")
        singly = [losses[:length, i] for i, length in enumerate(lengths)]
        wanted = torch.stack([loss.mean() for loss in singly]).exp()
        mask = torch.arange(num_steps)[:, None] < ends
        try:
            got = call(answer, outputs.clone(), labels.clone(), ends.clone())
        except (RuntimeError, ValueError) as error:
            if "target" in str(error) or "batch_size" in str(error):
                return "cross_entropy looks for the scores of the vocabulary in axis 1; where are they in outputs?"
            raise
        if same(got, wanted):
            poisoned = outputs.masked_fill(~mask[..., None], torch.nan)
            if same(call(answer, poisoned, labels.clone(), ends.clone()), wanted):
                continue
            return "Right as long as the scores behind the end are numbers. But NaN times 0 is not 0: it is NaN."
        shape = tuple(got.shape) if isinstance(got, torch.Tensor) else ()
        if shape != (batch_size,):
            return f"One perplexity per sentence: the shape must be ({batch_size},), not {shape}."
        short = torch.stack([loss[:-1].mean() if len(loss) > 1 else loss.mean() for loss in singly]).exp()
        longer = torch.stack([losses[: length + 1, i].mean() for i, length in enumerate(lengths)]).exp()
        slips = (
            (wanted.log(), "These are the mean losses, in nats; a perplexity is made of them."),
            (losses.mean(0).exp(), "The padding counts in yours."),
            ((losses * mask).mean(0).exp(), "Divide by the number of a sentence's own characters, not by all steps."),
            ((losses * mask).sum(0).exp(), "You take the sum of a sentence's losses, where their mean is wanted."),
            (
                torch.stack([loss.exp().mean() for loss in singly]),
                "You take the mean of exponentials; a perplexity is the exponential of the mean.",
            ),
            (2 ** wanted.log(), "The losses are in nats, so it is e that is raised to their mean, not 2."),
            (losses.mean(0), "These are mean losses, and the padding counts in them."),
            (short, "Does a sentence's last step count in yours?"),
            (longer, "You count one step behind the end."),
        )
        for slip, hint in slips:
            if same(got, slip):
                return hint
        found = [i for i in range(batch_size) if same(got[i], wanted[i])]
        if found and found == [i for i in range(batch_size) if lengths[i] < num_steps]:
            return "Sentences that fill all steps come out wrong, all others do not."
        off = [i for i in range(batch_size) if i not in found]
        return f"With lengths {lengths}, the perplexities of sentences {off} are off."
    return None


@exercise("18.3")
def last_real_outputs(answer: Any) -> str | None:
    for num_steps, lengths, hidden in ((6, [6, 2, 4, 1], 3), (5, [3, 5], 4), (3, [1, 2, 2], 5), (4, [4, 4, 4, 4], 2)):
        outputs, rows = torch.randn(len(lengths), num_steps, hidden), torch.arange(len(lengths))
        ends = torch.tensor(lengths)
        mask = torch.arange(num_steps) < ends[:, None]
        wanted = outputs[rows, ends - 1]
        try:
            got = call(answer, outputs.clone(), mask.clone())
        except IndexError:
            return (
                f"With {num_steps} steps and lengths {lengths} you look beyond an end. Which axis comes "
                "first here, batch or time? And which index has the last step?"
            )
        if same(got, wanted):
            continue
        if tuple(got.shape) != tuple(wanted.shape):
            sizes = f"For batch {len(lengths)}, {num_steps} steps and hidden size {hidden}"
            return f"{sizes} the shape must be {tuple(wanted.shape)}, yours is {tuple(got.shape)}."
        slips = (
            (outputs[:, -1], "This is the last step of the batch; most sentences have ended before it."),
            (outputs[rows, ends % num_steps], "This is the step behind the last real one."),
            (outputs[rows, (ends - 2) % num_steps], "This is the step before the last real one."),
            (outputs[:, 0], "This is the first step of each sentence."),
            (
                (outputs * mask[..., None]).sum(1) / ends[:, None],
                "This is the mean of the real steps, not the last one.",
            ),
        )
        for slip, hint in slips:
            if same(got, slip):
                return hint
        return f"With {num_steps} steps and lengths {lengths}, not every row is the output of its last real step."
    return None


@exercise("18.4")
def states_that_are_held(answer: Any) -> str | None:
    for num_steps, lengths, features, hidden in ((6, [6, 2, 4, 1], 3, 5), (4, [1, 3], 2, 3), (3, [3, 3, 3], 4, 4)):
        ends, rows = torch.tensor(lengths), torch.arange(len(lengths))
        X = torch.randn(num_steps, len(lengths), features)
        W_xh, W_hh, b_h = torch.randn(features, hidden), torch.randn(hidden, hidden) / 2, torch.randn(hidden)
        H, states = torch.zeros(len(lengths), hidden), []
        for x in X:
            H = torch.tanh(x @ W_xh + H @ W_hh + b_h)
            states.append(H)
        every = torch.stack(states)
        wanted = every[ends - 1, rows]
        sizes = f"With {num_steps} steps and lengths {lengths}"
        got = call(answer, *(tensor.clone() for tensor in (X, ends, W_xh, W_hh, b_h)))
        if same(got, wanted):
            continue
        if tuple(got.shape) != tuple(wanted.shape):
            return f"{sizes}, the shape must be {tuple(wanted.shape)}, yours is {tuple(got.shape)}."
        zeroed = every[-1] * (ends == num_steps)[:, None]
        reset = torch.zeros(len(lengths), hidden)
        for t, x in enumerate(X):
            reset = torch.tanh((x * (t < ends)[:, None]) @ W_xh + reset @ W_hh + b_h)
        slips = (
            (every[-1], "These are the states after the padding, too."),
            (zeroed, "Sentences that have ended are 0 in yours; their states are to stay as they are."),
            (reset, "Zero inputs don't hold a state: W_hh and the bias change it all the same."),
            (every[ends.clamp(max=num_steps - 1), rows], "Each state is held one step too late: counted from 0?"),
            (every[(ends - 2).clamp(min=0), rows], "Each state is held one step too early: counted from 0?"),
        )
        for slip, hint in slips:
            if same(got, slip):
                return hint
        off = [i for i in range(len(lengths)) if not same(got[i], wanted[i])]
        return f"{sizes}, the states of sentences {off} are off."
    return None


@exercise("18.5")
def normalised_by_hand(answer: Any) -> str | None:
    a = torch.tensor([1.0, 1.0, 5.0, 5.0])
    both = [((x - x.mean()) / x.std(correction=0)) for x in (a, 7 - 3 * a)]
    wanted = [x.tolist() for x in both]
    if same(answer, wanted):
        return None
    if len(answer) != 2 or any(not hasattr(part, "__len__") or len(part) != 4 for part in answer):
        return "Twice four numbers are wanted: ((…, …, …, …), (…, …, …, …))."
    slips = (
        ([(a - 3).tolist(), (7 - 3 * a + 2).tolist()], "The mean is subtracted; now divide by the deviation."),
        ([((a - 3) / 4).tolist(), ((9 - 3 * a) / 36).tolist()], "You divide by the variance, not by its root."),
        ([wanted[0], wanted[0]], "A factor of the numbers cancels, but what about its sign?"),
        (
            [(x / (4 / 3) ** 0.5).tolist() for x in both],
            "You divide by n − 1 in the deviation; here it is by n, the number of units.",
        ),
    )
    for slip, hint in slips:
        if same(answer, slip):
            return hint
    if not same(answer[0], wanted[0]):
        return "Of a itself: what is the mean, how far is each number from it, and what is the mean square of that?"
    return "The first four are as they should be. Of the second: mean and deviation again, and mind the sign."


@exercise("18.6")
def probability_that_spares_half(answer: Any) -> str | None:
    p = 1 - 0.5 ** (1 / 50)
    if same(answer, p, tolerance=2e-3):
        return None
    if same(answer, 1 - p, tolerance=1e-3):
        return "So probable is it that a unit is spared once; p is the probability that it isn't."
    if same(answer, 0.5 / 50, tolerance=1e-3):
        return (
            "Nobody can be dropped twice: the probabilities of being spared multiply, those of the holes don't add up."
        )
    if same(answer, p, tolerance=2e-2):
        return "Near: three digits behind the zeros are wanted, and nothing approximated on the way."
    if same(answer, 0.5):
        return "Then half of the units survive the first step."
    if same(answer, 100 * p, tolerance=5e-3):
        return "A probability is between 0 and 1, not in percent."
    return "With which probability is a unit spared once? And 50 times?"
