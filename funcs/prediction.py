"""Letting a language model write: greedily (chapter 04), drawing, and by beam search (chapter 11)."""

import dataclasses
import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch

from funcs.text import Vocab, tokenize
from funcs.training import LanguageModel, bare, check_vocab, device_of, evaluating


def predict(prefix: str, num_preds: int, model: LanguageModel, vocab: Vocab) -> str:
    """Continue `prefix` by `num_preds` tokens, each time taking the most probable one (chapter 04).

    The prefix is read as it stands: tokens that the vocabulary does not hold, such as capitals, count as `<unk>`.

    Args:
        prefix: at least one token of text; it warms up the state.
        num_preds: number of tokens to add, at least 0.
        model: as for `train`, with the vocabulary `vocab`.

    Returns:
        The prefix and its continuation; words are joined with spaces.

    Raises:
        ValueError: an empty prefix, `num_preds` below 0, or another vocabulary than the model's.
    """
    return generate(prefix, num_preds, model, vocab, temperature=0).text


@dataclasses.dataclass(frozen=True, repr=False, eq=False)
class Written:
    """What `generate` wrote, and what it needs to go on from there; printed, it is the text.

    Attributes:
        text: all of it, the prefix included; words are joined with spaces.
        tokens: the numbers of the tokens that were added.
        log_probs: ln of the probability that the model itself, at temperature 1, gave to each of them.
        state: of the model, before it has read `unread`, the numbers of the last tokens.
        generator_state: of the random numbers, after the last draw.
    """

    text: str
    tokens: list[int]
    log_probs: list[float]
    state: Any
    unread: list[int]
    generator_state: torch.Tensor

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return f"<Written, {len(self.tokens)} tokens added: {self.text!r}>"


def sampling_probs(
    logits: torch.Tensor, temperature: float = 1.0, top_k: int | None = None, top_p: float = 1.0
) -> torch.Tensor:
    """The probabilities that a token is drawn with: temperature first, then top-k, then top-p (chapter 11).

    Args:
        logits: a model's outputs, (..., vocab_size).
        temperature: divides the logits (Ackley, Hinton and Sejnowski 1985); 0 keeps only the most probable token.
        top_k: only that many tokens stay, the most probable ones (Fan, Lewis and Dauphin 2018); None leaves all.
        top_p: only the most probable tokens stay that are needed to reach this share (Holtzman and others 2020).

    Returns:
        Of the shape and dtype of `logits`; sums to 1 along the last dimension.

    Raises:
        ValueError: temperature below 0, top_k below 1, top_p outside (0, 1]; no logits, or a row of them that has no
            finite largest one.
    """
    check_sampling(temperature, top_k, top_p)
    check_logits(logits)
    dtype, logits = logits.dtype, logits.float() if logits.dtype.itemsize < 4 else logits  # 16 bits cut too coarsely
    best = logits.max(-1, keepdim=True)
    if temperature == 0:
        return torch.zeros_like(logits).scatter(-1, best.indices, 1.0).to(dtype)
    # At most 0, and not divided by 0: no temperature makes NaN of them.
    probs = ((logits - best.values) / max(temperature, torch.finfo(logits.dtype).tiny)).softmax(-1)
    if top_k is not None and top_k < probs.shape[-1]:
        kept = probs.topk(top_k).indices
        probs = torch.zeros_like(probs).scatter(-1, kept, probs.gather(-1, kept))
        probs = probs / probs.sum(-1, keepdim=True)
    if top_p < 1:
        ordered, order = probs.sort(dim=-1, descending=True, stable=True)
        before = ordered.cumsum(-1) - ordered  # the share of those that are more probable
        probs = probs.masked_fill(torch.zeros_like(probs).scatter(-1, order, before) >= top_p, 0)
        probs = probs / probs.sum(-1, keepdim=True)
    return probs.to(dtype)


def check_logits(logits: torch.Tensor) -> None:
    """Raise ValueError unless each row has a finite largest score."""
    if not logits.numel() or not logits.max(-1).values.isfinite().all():
        raise ValueError(
            "logits must have a finite largest score in each row, "
            f"got shape {tuple(logits.shape)} with NaN, inf or nothing but -inf in a row, or empty"
        )


def is_whole(number: object) -> bool:
    return isinstance(number, int) and not isinstance(number, bool)


def check_sampling(temperature: float, top_k: int | None, top_p: float) -> None:
    """Raise ValueError for settings that `sampling_probs` has no meaning for."""
    if not 0 <= temperature < float("inf"):
        raise ValueError(f"temperature must be at least 0 and finite, got {temperature}")
    if top_k is not None and not (is_whole(top_k) and top_k >= 1):
        raise ValueError(f"top_k must be a whole number of at least 1, or None for all tokens, got {top_k}")
    if not 0 < top_p <= 1:
        raise ValueError(f"top_p must be above 0 and at most 1, got {top_p}")


def generate(
    prefix: str | Written,
    num_preds: int,
    model: LanguageModel,
    vocab: Vocab,
    *,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float = 1.0,
    beam_width: int | None = None,
    length_penalty: float = 0.0,
    seed: int | None = None,
    end: str | None = None,
    write: Callable[[str], object] | None = None,
) -> Written:
    """Continue a text by `num_preds` tokens: drawn, the most probable ones, or the best that a beam finds (chapter 11).

    The prefix is read as it stands: tokens that the vocabulary does not hold, such as capitals, count as `<unk>`.
    On a CPU, two calls write what one would: `generate(generate("time", 30, …, seed=1), 30, …)` goes on with state and
    random numbers, and equals `generate("time", 60, …, seed=1)`. (Not so for beams, which are thrown away, and a text
    that has come to its `end` is continued all the same.)

    Args:
        prefix: at least one token of text; or what an earlier call with the same model and vocabulary returned, which
            is then continued.
        num_preds: number of tokens to add, at least 0.
        model: as for `train`, with the vocabulary `vocab`.
        temperature, top_k, top_p: as for `sampling_probs`; temperature 0 takes the most probable token each time.
        beam_width: draw nothing, but keep that many beginnings and return the most probable text of them (Lowerre
            1976). The batch must be the last dimension but one of the model's state.
        length_penalty: α; the beam's texts are ranked by ln p / length^α. 0: by probability; 1: by the mean.
        seed: of the random numbers; None takes one from torch's generator, or goes on with those of the earlier call.
        end: a token that ends the text; it is written.
        write: called with each piece of text as soon as it is there, first with the prefix if that is a text.

    Raises:
        ValueError: a setting outside its range or beside another that it excludes; an empty prefix; another vocabulary
            than the model's; a model whose scores are NaN.
    """
    check_vocab(model, vocab, "vocab")
    check_sampling(temperature, top_k, top_p)
    others = (temperature, top_k, top_p, seed, write) != (1.0, None, 1.0, None, None)
    check_beam(beam_width, length_penalty, others)
    if not (is_whole(num_preds) and num_preds >= 0):
        raise ValueError(f"num_preds must be a whole number of at least 0, got {num_preds}")
    if seed is not None and not (is_whole(seed) and -(2**63) <= seed < 2**64):
        raise ValueError(f"seed must be a whole number from -2**63 to 2**64 - 1, or None, got {seed!r}")
    if end is not None and end not in vocab:
        raise ValueError(f"end must be a token of the vocabulary, got {end!r}")
    separator = " " if vocab.token_type == "word" else ""
    generator = torch.Generator()
    if isinstance(prefix, Written):
        text, state, unread = prefix.text, prefix.state, prefix.unread
        generator.set_state(prefix.generator_state)
    else:
        tokens = tokenize(prefix, vocab.token_type)
        if not tokens:
            raise ValueError(f"prefix must hold at least one {vocab.token_type}, got {prefix!r}")
        text, unread = prefix.rstrip() if separator else prefix, vocab[tokens]
        state = bare(model).begin_state(batch_size=1, device=device_of(model))
        if seed is None:
            drawn = temperature > 0 and beam_width is None  # else torch's generator stays where it is
            with torch.random.fork_rng(devices=[], enabled=not drawn):
                generator.manual_seed(int(torch.randint(2**62, ())))
        if write:
            write(text)
    if seed is not None:
        generator.manual_seed(seed)
    line = Line([], [], state, unread)
    last = None if end is None else vocab[end]
    with evaluating(model):
        if beam_width is not None:
            line = search(line, num_preds, model, beam_width, length_penalty, last)
        else:
            while len(line.tokens) < num_preds and (not line.tokens or line.tokens[-1] != last):
                line = draw(line, model, temperature, top_k, top_p, generator)
                if write:
                    write(separator + vocab.to_tokens(line.tokens[-1]))
    text = separator.join([text, *vocab.to_tokens(line.tokens)])
    return Written(text, *line, generator.get_state())


def check_beam(beam_width: int | None, length_penalty: float, others: bool) -> None:
    """Raise ValueError for a beam that cannot be, for `others`, settings of drawing, beside one, or a penalty alone."""
    if beam_width is None and length_penalty:
        raise ValueError(f"length_penalty needs a beam_width, got {length_penalty} without one")
    if beam_width is not None and not (is_whole(beam_width) and beam_width >= 1):
        raise ValueError(f"beam_width must be a whole number of at least 1, or None, got {beam_width}")
    if beam_width is not None and others:
        raise ValueError("with a beam_width nothing is drawn: leave out temperature, top_k, top_p, seed and write")
    if not 0 <= length_penalty <= 10:
        raise ValueError(f"length_penalty must be from 0 to 10, got {length_penalty}")


class Line(NamedTuple):
    """Tokens added so far, the ln p of each, and the state of one row before it has read the tokens in `unread`."""

    tokens: list[int]
    log_probs: list[float]
    state: Any
    unread: list[int]

    def longer(self, token: int, log_prob: float, state: Any) -> "Line":
        return Line([*self.tokens, token], [*self.log_probs, log_prob], state, [token])


def draw(
    line: Line, model: LanguageModel, temperature: float, top_k: int | None, top_p: float, generator: torch.Generator
) -> Line:
    """One token more, drawn from `sampling_probs`."""
    outputs, state = model(torch.tensor([line.unread], device=device_of(model)), line.state)
    logits = outputs[-1].cpu()
    if temperature == 0:
        check_logits(logits)  # as sampling_probs does
        token = int(logits.argmax())
    else:
        probs = sampling_probs(logits, temperature, top_k, top_p)
        token = int(torch.multinomial(probs, 1, generator=generator))
    return line.longer(token, float(logits.double().log_softmax(0)[token]), state)


def search(line: Line, num_preds: int, model: LanguageModel, width: int, alpha: float, last: int | None) -> Line:
    """The best of the lines that a beam of that width finds, `num_preds` tokens longer or up to the token `last`.

    A line that ends keeps its place, so that fewer are left to go on (one reading of Sutskever, Vinyals and Le 2014).
    """

    def merit(line: Line, length: int) -> float:
        return sum(line.log_probs) / length**alpha

    beam: list[Line] = [line]
    ended: list[Line] = []
    for _ in range(num_preds):
        X = torch.tensor([line.unread for line in beam], device=device_of(model))
        outputs, states = model(X, join([line.state for line in beam]))
        check_logits(outputs[-len(beam) :])
        log_probs = outputs[-len(beam) :].cpu().double().log_softmax(-1)
        totals = log_probs + torch.tensor([[sum(line.log_probs)] for line in beam], dtype=torch.float64)
        longer = []
        best = totals.flatten().topk(min(width - len(ended), totals.numel()))
        for place in best.indices[best.values > -math.inf].tolist():  # what cannot be takes no place
            row, token = divmod(place, totals.shape[1])
            longer.append(beam[row].longer(token, float(log_probs[row, token]), row_of(states, row)))
        beam = [line for line in longer if line.tokens[-1] != last]
        ended += [line for line in longer if line.tokens[-1] == last]
        # What is still alive gets no better than this, however it goes on: ln p only falls.
        hope = max((merit(line, num_preds) for line in beam), default=-math.inf)
        if max((merit(line, len(line.tokens)) for line in ended), default=-math.inf) >= hope:
            break
    return max(ended + beam, key=lambda line: merit(line, max(1, len(line.tokens))))


def join(states: Sequence[Any]) -> Any:
    """Several rows' states as one batch's, which is their last dimension but one."""
    if isinstance(states[0], torch.Tensor):
        return torch.cat(list(states), -2)
    return tuple(join(parts) for parts in zip(*states, strict=True))


def row_of(state: Any, row: int) -> Any:
    """The state of one row of a batch."""
    if isinstance(state, torch.Tensor):
        return state.narrow(-2, row, 1)
    return tuple(row_of(part, row) for part in state)
