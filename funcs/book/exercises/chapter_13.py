"""Checks of the exercises of chapter 13: inside the hidden state."""

import math
from typing import Any

import torch

from funcs.book.exercises.checking import call, exercise, kind, same


def correlation(H: torch.Tensor, f: torch.Tensor) -> torch.Tensor:
    H, f = H - H.mean(0), f - f.mean()
    return (H * f[:, None]).sum(0) / (H.norm(dim=0) * f.norm())


@exercise("13.1")
def correlation_by_pencil(answer: Any) -> str | None:
    wanted = -2 / math.sqrt(4 * 5)
    if same(answer, wanted, 1e-2):
        return None
    if same(answer, -wanted, 1e-2):
        return "The size is right. When the unit is above its mean, is the feature above or below its own?"
    if same(answer, -2.0):
        return "That is the sum above the fraction line of (13.1). Divide by the two lengths."
    if same(answer, -0.5, 1e-3) or same(answer, -0.1, 1e-3):
        return "Below the line stand the lengths: square roots of sums of squares, multiplied."
    if same(answer, -2 / math.sqrt(4 * 30), 5e-3):
        return "Subtract the mean from the feature, too, before you take its length."
    if same(answer, 0.0) or abs(float(answer)) > 1:
        return "Subtract both means, multiply place by place, and sum: what is above the fraction line?"
    return "Above the line the sum of products, below it both lengths, multiplied; first, both means are taken away."


@exercise("13.2")
def inside_brackets(answer: Any) -> str | None:
    cases = ["a (b) c", "((a)b)c", "no", "x(y", "(a)(b)", ")a(b)", "", "(()())()"]
    for text in cases:
        depth, wanted = 0, []
        for character in text:
            if character == ")":
                depth = max(0, depth - 1)
            wanted.append(depth)
            depth += character == "("
        got = call(answer, text)
        if not isinstance(got, (list, tuple, torch.Tensor)):
            return f"A list of numbers is wanted, got {kind(got)}."
        got = [int(number) for number in got]
        if got == wanted:
            continue
        where = f"For {text!r}"
        if len(got) != len(wanted):
            return f"{where}: a number for each of the {len(wanted)} characters, got {len(got)}."
        if any(number < 0 for number in got):
            return f"{where}: a bracket that closes nothing leaves the depth at 0."
        if [min(number, 1) for number in wanted] == got:
            return f"{where}: brackets stand in brackets; how deep is asked for, not whether."
        own = [w + (c == "(") for w, c in zip(wanted, text, strict=True)]
        if got == own:
            return f"{where}: an opening bracket has the depth that it stands at, before it opens anything."
        late = [w + (c == ")") for w, c in zip(wanted, text, strict=True)]
        if got == late:
            return f"{where}: a closing bracket has the depth outside it, as its partner has."
        if text.startswith(")"):
            return f"{where}: the first bracket closes nothing, and changes nothing."
        place = next(i for i, (a, b) in enumerate(zip(got, wanted, strict=True)) if a != b)
        return f"{where}: look at character {place + 1}, {text[place]!r}."
    return None


@exercise("13.3")
def choose_and_report(answer: Any) -> str | None:
    for slope in (1.5, -1.5, 1.5):
        H, f = torch.randn(60, 8, dtype=torch.float64), torch.randn(60, dtype=torch.float64)
        H[:40, 5] -= 2 * f[:40]  # the best on the first 40 of 60, by a negative number
        H[40:, 5] += slope * f[40:]
        H[:, 2] += f  # the best on all 60, and the best with a plus
        H[40:, 2] += 3 * f[40:]  # and the best on the rest
        H[:, 6] *= 50  # large, and nothing else
        first = torch.arange(60) < 40
        r = correlation(H[first], f[first])
        unit = int(r.abs().argmax())
        wanted = correlation(H[~first], f[~first])[unit].item()
        got = call(answer, H.clone(), f.clone(), first.clone())
        if not isinstance(got, (tuple, list)) or len(got) != 2:
            return f"Two things are wanted: the unit, and its correlation. Got {kind(got)}."
        if same(got[0], unit) and same(got[1], wanted, 1e-6):
            continue
        if same(got[1], unit) and not same(got[0], unit):
            return "The unit first, then its correlation."
        rest = correlation(H[~first], f[~first])
        if same(got[0], int(rest.abs().argmax())) and same(got[1], rest[int(got[0])].item(), 1e-6):
            return (
                "Another unit is the best where `first` is True, sign or no sign. Has the choice seen the rest, or "
                "left out units that fall while the feature rises?"
            )
        if same(got[0], int((H - H.mean(0)).T.matmul(f - f.mean()).abs().argmax())):
            return "A unit with large numbers wins there. (13.1) divides by the length of what is left of the unit."
        if same(got[0], unit) and same(got[1], r[unit].item(), 1e-6):
            return "The unit is right. But you report the correlation on the part where it was chosen."
        if same(got[0], unit) and same(got[1], abs(wanted), 1e-6):
            return "The unit is right, and the correlation keeps its sign."
        if same(got[0], unit):
            return "The unit is right. Its correlation is that of (13.1), with the means of the second part."
        return "Where `first` is True, which unit has the largest correlation, without its sign?"
    return None


@exercise("13.4")
def share_explained(answer: Any) -> str | None:
    f, guess = torch.tensor([1.0, 2, 3, 6], dtype=torch.float64), torch.tensor([1.0, 3, 3, 4.5], dtype=torch.float64)
    for f_true, f_hat in ((f, guess), (f, f.flip(0)), (torch.randn(50).double(), torch.randn(50).double() / 9)):
        off, spread = (f_true - f_hat).square(), (f_true - f_true.mean()).square()
        wanted = (1 - off.sum() / spread.sum()).item()
        got = call(answer, f_hat.clone(), f_true.clone())
        if same(got, wanted, 1e-6):
            continue
        slips = [
            ((off.sum() / spread.sum()).item(), "That is the share that is *not* explained."),
            ((1 - off.sum() / f_true.square().sum()).item(), "Below the line, the mean is subtracted first."),
            (
                (1 - off.sum() / (f_hat - f_hat.mean()).square().sum()).item(),
                "The variance below the line is the feature's, not the probe's.",
            ),
            ((1 - (off.sum() / spread.sum()).sqrt()).item(), "Squares, not lengths: (13.2) has no root."),
            (
                (1 - (f_true - f_hat).var() / f_true.var()).item(),
                "A probe that is always too high by the same amount misses, too: square what is missed itself.",
            ),
            (
                (1 - off.mean() / f_true.var()).item(),
                "Sum both, or divide both by the same number: var divides by n − 1.",
            ),
            (max(0.0, wanted), "It may be below 0: worse than always saying the mean."),
            (
                correlation(f_hat[:, None], f_true).square().item(),
                "The square of the correlation forgives a wrong scale and a wrong mean; (13.2) doesn't.",
            ),
        ]
        for slip, hint in slips:
            if same(got, slip, 1e-6):
                return hint
        return "Above the line the squares of what is missed, below it those of the distance from the feature's mean."
    return None


@exercise("13.5")
def change_in_bits(answer: Any) -> str | None:
    p = torch.tensor([[0.5, 0.25, 0.25], [0.8, 0.1, 0.1]], dtype=torch.float64)
    q = torch.tensor([[0.25, 0.5, 0.25], [0.1, 0.1, 0.8]], dtype=torch.float64)
    zero = torch.tensor([[0.5, 0.5, 0.0]], dtype=torch.float64)
    random = [(2 * torch.randn(7, 5, dtype=torch.float64)).softmax(1) for _ in range(2)]
    for a, b in ((p, q), tuple(random), (zero, p[:1])):
        wanted = torch.where(a > 0, a * (a / b).log2(), 0).sum(1)
        got = call(answer, a.clone(), b.clone())
        if not isinstance(got, torch.Tensor):
            return f"A tensor with a number for each row is wanted, got {kind(got)}."
        if got.shape == wanted.shape and torch.allclose(got.double(), wanted, rtol=1e-5, atol=1e-9):
            continue
        if got.shape != wanted.shape:
            return f"A number for each of {len(a)} rows is wanted, got shape {tuple(got.shape)}."
        if got.isnan().any():
            return "What has probability 0 in p costs nothing, and 0 times the logarithm of 0 is nan in torch."
        slips = [
            (torch.where(b > 0, b * (b / a).log2(), 0).sum(1), "p and q have changed places: it is not symmetric."),
            (-wanted, "It is never below 0: mind which stands above."),
            (wanted * math.log(2), "Those are nats."),
            ((b.log2() * -a).sum(1), "That is what p's text costs with q; take off what it costs with p itself."),
            ((a / b).log2().sum(1), "Each logarithm counts with its probability in p."),
        ]
        for slip, hint in slips:
            if torch.allclose(got.double(), slip, rtol=1e-5, atol=1e-9):
                return hint
        return "For each row: what the true token costs with q, less what it costs with p, on average as p has it."
    return None


@exercise("13.6")
def plane_of_most_spread(answer: Any) -> str | None:
    for n, h in ((30, 4), (50, 7)):
        H = torch.randn(n, h, dtype=torch.float64) * torch.arange(1, h + 1) + 5
        centred = H - H.mean(0)
        _, s, V = torch.linalg.svd(centred, full_matrices=False)
        wanted, share = centred @ V[:2].T, ((s[:2] ** 2).sum() / (s**2).sum()).item()
        got = call(answer, H.clone())
        if not isinstance(got, (tuple, list)) or len(got) != 2:
            return f"Two things are wanted: the points, and the share. Got {kind(got)}."
        points, part = got
        if not isinstance(points, torch.Tensor) or points.shape != wanted.shape:
            return f"The points are a tensor of shape {tuple(wanted.shape)}, got {kind(points)}."
        signs = torch.sign((points * wanted).sum(0))
        if not torch.allclose(points * signs, wanted, rtol=1e-6, atol=1e-8):
            _, _, raw = torch.linalg.svd(H, full_matrices=False)
            off = H @ raw[:2].T
            if torch.allclose(points * torch.sign((points * off).sum(0)), off, rtol=1e-6, atol=1e-8):
                return "Subtract the mean first: otherwise the first direction points from zero to the middle."
            if torch.allclose((points - points.mean(0)) * signs, wanted, rtol=1e-6, atol=1e-8):
                return "The directions are right. The mean must be taken off before the points are projected, too."
            return (
                "The points are the states, less the mean of each unit, times the first two right singular vectors: "
                "the first two rows of what torch's svd returns third."
            )
        if same(part, share, 1e-6):
            continue
        if same(part, (s[:2].sum() / s.sum()).item(), 1e-6):
            return "The points are right. Spread is measured by squares: square the singular values."
        return "The points are right. The share: squares of the first two singular values, over those of all."
    return None
