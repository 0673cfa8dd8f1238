"""Products with packed weights: the same numbers, on every path."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from funcs import book, recurrences
from funcs.recurrences import products

SIZES = st.integers(1, 9)


@given(SIZES, SIZES, SIZES, st.booleans(), st.booleans())
def test_equal_to_plain_products(batch: int, n: int, m: int, packed: bool, transposed: bool) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(products, "WORTH_PACKING", 0 if packed else 10**9)
        patch.setattr(products, "ROWS_AT_ONCE", 5)
        W = torch.randn(m, n).T if transposed else torch.randn(n, m)
        X = torch.randn(batch, 2 * n)[:, :n]
        torch.testing.assert_close(recurrences.repeated_product(W)(X), X @ W, rtol=1e-5, atol=1e-5)
        A, B = torch.randn(3, batch, n), torch.randn(3, batch, 2 * m)[..., :m]
        expected = torch.einsum("tbn,tbm->nm", A, B)
        torch.testing.assert_close(recurrences.weight_gradient(A, B), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_large_ones_too(dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    W, X = torch.randn(300, 400, dtype=dtype), torch.randn(7, 300, dtype=dtype)
    product = recurrences.repeated_product(W)
    for _ in range(2):
        exact = X.double() @ W.double()
        bound = 1e-12 if dtype == torch.float64 else 1e-5
        assert book.relative_difference(product(X).double(), exact) <= bound


@pytest.mark.parametrize("call", ["onednn_product", "onednn_weight_gradient"])
def test_falls_back_where_torch_has_no_such_calls(monkeypatch: pytest.MonkeyPatch, call: str) -> None:
    def missing(*_: object) -> torch.Tensor:
        raise NotImplementedError

    def wrong(A: torch.Tensor, B: torch.Tensor) -> torch.Tensor:
        return torch.zeros(2, 4)

    for broken in (missing, wrong):
        monkeypatch.setattr(products, call, broken)
        monkeypatch.setattr(products, "HAS_ONEDNN", products.has_onednn())
        W, X = torch.randn(400, 400), torch.randn(2, 400)
        assert torch.equal(recurrences.repeated_product(W)(X), X @ W) and not products.HAS_ONEDNN
        inputs, dZ = torch.randn(2, 1, 3), torch.randn(2, 1, products.WORTH_PACKING)
        assert torch.equal(recurrences.weight_gradient(inputs, dZ), inputs[:, 0].T @ dZ[:, 0])
