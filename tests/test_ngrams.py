"""N-grams: probabilities that sum to 1, against the definition written out, on the novel."""

import math
from collections import Counter

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import funcs
from funcs import NGram

SIZE = 4
texts = st.lists(st.integers(0, SIZE - 1), min_size=5, max_size=40)
contexts = st.lists(st.integers(0, SIZE - 1), max_size=6)


@given(texts, contexts, st.integers(1, 5))
def test_probabilities_sum_to_1_and_none_is_0(text: list[int], context: list[int], order: int) -> None:
    model = NGram(torch.tensor(text), order, SIZE)
    probs = model.probs(context)
    assert abs(probs.sum() - 1) < 1e-12 and probs.min() > 0
    assert [model.prob(context, token) for token in range(SIZE)] == pytest.approx(probs.tolist(), rel=1e-12)


def by_definition(text: list[int], context: tuple[int, ...], token: int, order: int) -> float:
    """Kneser and Ney's probability, each count by looking through the whole text."""

    def runs_of(n: int) -> list[tuple[int, ...]]:
        return [tuple(text[i : i + n]) for i in range(len(text) - n + 1)]

    def count(run: tuple[int, ...]) -> int:
        """Of the highest order, occurrences; of lower ones, different longer runs that end in it."""
        if len(run) == order:
            return runs_of(order).count(run)
        return sum(r[1:] == run for r in {r[order - len(run) - 1 :] for r in runs_of(order)})

    def prob(context: tuple[int, ...]) -> float:
        lower = prob(context[1:]) if context else 1 / SIZE
        counts = {w: count((*context, w)) for w in range(SIZE)}
        if not sum(counts.values()):
            return lower
        of_all = Counter(c for run in {r[order - len(context) - 1 :] for r in runs_of(order)} if (c := count(run)))
        discount = of_all[1] / (of_all[1] + 2 * of_all[2]) if of_all[1] else 0.5
        kept = max(counts[token] - discount, 0) if counts[token] else 0.0
        left = discount * sum(c > 0 for c in counts.values())
        return (kept + left * lower) / sum(counts.values())

    return prob(context)


@given(texts, st.lists(st.integers(0, SIZE - 1), min_size=2, max_size=2), st.integers(1, 3))
def test_equals_the_definition(text: list[int], context: list[int], order: int) -> None:
    probs = NGram(torch.tensor(text), order, SIZE).probs(context)
    used = tuple(context[len(context) - order + 1 :])
    for token in range(SIZE):
        assert probs[token] == pytest.approx(by_definition(text, used, token, order), rel=1e-9)


def test_by_hand() -> None:
    # a b a b a c: pairs ab 2, ba 2, ac 1: discount 1/(1 + 2·2) = 0.2. Before a stands 1 token, before b 1, before c 1.
    model = NGram(torch.tensor([0, 1, 0, 1, 0, 2]), 2, 3)
    assert model.discounts == [pytest.approx(1.0), pytest.approx(0.2)]
    # Order 1: counts 1, 1, 1 of 3, all of it discounted: uniform. After a: b (2 − 0.2)/3 + 0.4/3 · 1/3.
    torch.testing.assert_close(model.probs([0]), torch.tensor([0.4 / 9, 1.8 / 3 + 0.4 / 9, 0.8 / 3 + 0.4 / 9]).double())
    assert model.probs([]).tolist() == model.probs([2]).tolist()  # c is followed by nothing: the order below


def test_bits_on_the_novel() -> None:
    corpus, vocab = funcs.load_corpus()
    cut = int(0.9 * len(corpus))
    bits = {n: NGram(corpus[:cut], n, len(vocab)).bits_per_token(corpus[cut:], corpus[:cut]) for n in (1, 4, 6)}
    shares = torch.bincount(corpus[:cut], minlength=len(vocab)) / cut
    assert bits[6] == pytest.approx(1.9275, abs=0.002) and 2.1 < bits[4] < 2.3
    # Order 1 is Kneser and Ney's only by name: a token's count is the text's, less the discount.
    assert bits[1] == pytest.approx(-shares[corpus[cut:]].log2().mean().item(), abs=1e-3)


def test_history() -> None:
    text = torch.tensor([0, 1, 0, 1, 0, 2, 0, 1, 1, 0])
    model = NGram(text, 3, 3)
    whole, first, rest = (model.bits_per_token(*args) for args in ((text,), (text[:6],), (text[6:], text[:6])))
    assert whole == pytest.approx((6 * first + 4 * rest) / 10)
    assert model.bits_per_token(text[:1]) == pytest.approx(-math.log2(model.probs([])[0]))
    assert model.bits_per_token(text[:0]) == 0.0


@pytest.mark.parametrize(
    ("corpus", "order", "message"),
    [
        (torch.tensor([0, 1]), 0, "order must be at least 1"),
        (torch.tensor([0, 1]), 3, "got order 3 and shape \\(2,\\)"),
        (torch.zeros(2, 2, dtype=torch.int64), 1, "one row"),
        (torch.tensor([0, 5]), 1, "corpus must"),
    ],
)
def test_errors(corpus: torch.Tensor, order: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        NGram(corpus, order, 3)
