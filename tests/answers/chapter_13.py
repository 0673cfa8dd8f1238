"""Answers to the exercises of chapter 13."""

import math
from typing import Any

import torch


def depth(text: Any) -> Any:
    level, found = 0, []
    for character in text:
        if character == ")":
            level = max(0, level - 1)
        found.append(level)
        if character == "(":
            level += 1
    return found


def depth_by_list(text: Any) -> Any:
    found: list[int] = []
    stack: list[str] = []
    for character in text:
        if character == ")" and stack:
            stack.pop()
        found.append(len(stack))
        if character == "(":
            stack.append(character)
    return found


def depth_inside_alone(text: Any) -> Any:
    return [min(level, 1) for level in depth(text)]


def depth_opens_early(text: Any) -> Any:
    return [level + (character == "(") for level, character in zip(depth(text), text, strict=True)]


def depth_closes_late(text: Any) -> Any:
    level, found = 0, []
    for character in text:
        found.append(level)
        level = max(0, level + (character == "(") - (character == ")"))
    return found


def depth_below_zero(text: Any) -> Any:
    level, found = 0, []
    for character in text:
        level -= character == ")"
        found.append(level)
        level += character == "("
    return found


def correlation(H: Any, f: Any) -> Any:
    H, f = H - H.mean(0), f - f.mean()
    return (H * f[:, None]).sum(0) / (H.norm(dim=0) * f.norm())


def chosen(H: Any, f: Any, first: Any) -> Any:
    unit = correlation(H[first], f[first]).abs().argmax()
    return unit, correlation(H[~first], f[~first])[unit]


def chosen_by_corrcoef(H: Any, f: Any, first: Any) -> Any:
    def r(h: Any, g: Any) -> float:
        return float(torch.corrcoef(torch.stack((h, g)))[0, 1])

    sizes = [abs(r(H[first, i], f[first])) for i in range(H.shape[1])]
    unit = sizes.index(max(sizes))
    return unit, r(H[~first, unit], f[~first])


def chosen_on_the_rest(H: Any, f: Any, first: Any) -> Any:
    return chosen(H, f, ~first)[0], correlation(H[~first], f[~first])[chosen(H, f, ~first)[0]]


def chosen_on_everything(H: Any, f: Any, first: Any) -> Any:
    unit = correlation(H, f).abs().argmax()
    return unit, correlation(H[~first], f[~first])[unit]


def chosen_by_covariance(H: Any, f: Any, first: Any) -> Any:
    unit = ((H[first] - H[first].mean(0)) * (f[first] - f[first].mean())[:, None]).sum(0).abs().argmax()
    return unit, correlation(H[~first], f[~first])[unit]


def chosen_with_sign(H: Any, f: Any, first: Any) -> Any:
    unit = correlation(H[first], f[first]).argmax()
    return unit, correlation(H[~first], f[~first])[unit]


def chosen_reported_at_home(H: Any, f: Any, first: Any) -> Any:
    r = correlation(H[first], f[first])
    return r.abs().argmax(), r[r.abs().argmax()]


def chosen_without_sign(H: Any, f: Any, first: Any) -> Any:
    unit, r = chosen(H, f, first)
    return unit, abs(r)


def chosen_with_other_means(H: Any, f: Any, first: Any) -> Any:
    unit, _ = chosen(H, f, first)
    h, g = H[:, unit] - H[first, unit].mean(), f - f[first].mean()
    return unit, (h[~first] * g[~first]).sum() / (h[~first].norm() * g[~first].norm())


def explained(f_hat: Any, f: Any) -> Any:
    return 1 - ((f - f_hat) ** 2).sum() / ((f - f.mean()) ** 2).sum()


def explained_by_means(f_hat: Any, f: Any) -> Any:
    return 1 - (f - f_hat).square().mean() / f.var(correction=0)


def change(p: Any, q: Any) -> Any:
    return torch.where(p > 0, p * (p.log2() - q.log2()), 0).sum(1)


def change_by_xlogy(p: Any, q: Any) -> Any:
    return (torch.xlogy(p, p) - torch.xlogy(p, q)).sum(1) / math.log(2)


def plane(H: Any) -> Any:
    _, s, V = torch.linalg.svd(H - H.mean(0), full_matrices=False)
    return (H - H.mean(0)) @ V[:2].T, (s[:2] ** 2).sum() / (s**2).sum()


def plane_by_covariance(H: Any) -> Any:
    centred = H - H.mean(0)
    values, vectors = torch.linalg.eigh(centred.T @ centred)
    return centred @ vectors[:, [-1, -2]], values[-2:].sum() / values.sum()


def plane_with_mean(H: Any) -> Any:
    _, s, V = torch.linalg.svd(H, full_matrices=False)
    return H @ V[:2].T, (s[:2] ** 2).sum() / (s**2).sum()


def plane_not_centred(H: Any) -> Any:
    return H @ torch.linalg.svd(H - H.mean(0), full_matrices=False)[2][:2].T, plane(H)[1]


def plane_of_plain_values(H: Any) -> Any:
    _, s, _ = torch.linalg.svd(H - H.mean(0), full_matrices=False)
    return plane(H)[0], s[:2].sum() / s.sum()


def plane_of_columns(H: Any) -> Any:
    _, _, V = torch.linalg.svd(H - H.mean(0), full_matrices=False)
    return (H - H.mean(0)) @ V[:, :2], plane(H)[1]


RIGHT: dict[str, list[Any]] = {
    "13.1": [-0.447, -1 / math.sqrt(5), torch.tensor(-0.4472)],
    "13.2": [depth, depth_by_list],
    "13.3": [chosen, chosen_by_corrcoef],
    "13.4": [explained, explained_by_means],
    "13.5": [change, change_by_xlogy],
    "13.6": [plane, plane_by_covariance],
}
WRONG: dict[str, list[tuple[Any, str]]] = {
    "13.1": [
        (0.447, "above or below"),
        (-2, "Divide by the two lengths"),
        (-0.5, "square roots"),
        (-0.183, "from the feature, too"),
        (0, "Subtract both means"),
        (-0.8, "both means are taken away"),
        (-0.46, "both means are taken away"),
    ],
    "13.2": [
        (depth_inside_alone, "how deep"),
        (depth_opens_early, "before it opens anything"),
        (depth_closes_late, "the depth outside it"),
        (depth_below_zero, "at 0"),
        (lambda text: len(text), "A list of numbers"),
        (lambda text: depth(text)[:-1], "a number for each"),
    ],
    "13.3": [
        (chosen_on_the_rest, "Has the choice seen the rest"),
        (chosen_with_sign, "fall while the feature rises"),
        (chosen_on_everything, "Has the choice seen the rest"),
        (chosen_by_covariance, "large numbers"),
        (chosen_reported_at_home, "on the part where it was chosen"),
        (chosen_without_sign, "keeps its sign"),
        (lambda H, f, first: chosen(H, f, first)[::-1], "The unit first"),
        (chosen_with_other_means, "of the second part"),
        (lambda H, f, first: chosen(H, f, first)[1], "Two things are wanted"),
    ],
    "13.4": [
        (lambda f_hat, f: 1 - explained(f_hat, f), "not* explained"),
        (lambda f_hat, f: 1 - ((f - f_hat) ** 2).sum() / (f**2).sum(), "mean is subtracted first"),
        (lambda f_hat, f: explained(f, f_hat), "not the probe's"),
        (lambda f_hat, f: 1 - (f - f_hat).norm() / (f - f.mean()).norm(), "no root"),
        (lambda f_hat, f: 1 - ((f - f_hat) ** 2).mean() / f.var(), "n − 1"),
        (lambda f_hat, f: explained(f_hat, f).clamp(min=0), "below 0"),
        (lambda f_hat, f: 1 - (f - f_hat).var() / f.var(), "always too high"),
        (lambda f_hat, f: correlation(f_hat[:, None], f) ** 2, "forgives"),
    ],
    "13.5": [
        (lambda p, q: change(q, p), "changed places"),
        (lambda p, q: -change(p, q), "never below 0"),
        (lambda p, q: change(p, q) * math.log(2), "nats"),
        (lambda p, q: -(p * q.log2()).sum(1), "take off"),
        (lambda p, q: (p / q).log2().sum(1), "counts with its probability"),
        (lambda p, q: (p * (p / q).log2()).sum(1), "costs nothing"),
        (lambda p, q: change(p, q).mean(), "A number for each of"),
    ],
    "13.6": [
        (plane_with_mean, "Subtract the mean first"),
        (plane_not_centred, "before the points are projected"),
        (plane_of_plain_values, "square the singular values"),
        (plane_of_columns, "the first two rows"),
        (lambda H: plane(H)[0], "Two things are wanted"),
    ],
}
