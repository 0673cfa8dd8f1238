"""The scoreboard's stored rows, and its pictures (chapter 12)."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from matplotlib.axes import Axes
from matplotlib.patches import Polygon, Rectangle

import funcs
from funcs.book.look import BLUE, GREEN, ORANGE, SKY, shown
from funcs.ngrams import NGram
from funcs.text import Vocab

PACKAGE = Path(funcs.__file__).resolve().parent
PLACES = (PACKAGE / "scoreboard.json", PACKAGE.parent / "benchmarks" / "results" / "scoreboard.json")


def stored(part: str) -> Any:
    """The rows of one part of `benchmarks/scoreboard.py`, as they were measured.

    Raises:
        KeyError: no such part.
        FileNotFoundError: the file is neither in the installed package nor in `benchmarks` of a checkout.
    """
    file = next((place for place in PLACES if place.is_file()), PLACES[-1])
    parts = json.loads(file.read_text(encoding="utf-8"))
    if part not in parts:
        raise KeyError(f"part must be one of {', '.join(parts)}, got {part!r}")
    return parts[part]["rows"]


def draw_sharpening(ngram: NGram, context: Sequence[int], vocab: Vocab, ax: Axes) -> None:
    """What each order of an n-gram model says comes next: a row per order, a column per token, dark where probable.

    Args:
        context: the tokens before, at least n − 1 of them; the longer a row's context, the lower it stands.
    """
    rows = [ngram.probs(context[len(context) - k :]) for k in range(ngram.order)]
    mesh = ax.pcolormesh(torch.stack(rows).numpy(), cmap="Blues", vmin=0, vmax=1, edgecolors="white", lw=0.5)
    letters = vocab.to_tokens(list(context))
    labels = ["".join(map(shown, letters[len(letters) - k :])) or "nothing" for k in range(ngram.order)]
    ax.set_yticks([k + 0.5 for k in range(ngram.order)], labels, family="monospace")
    ax.set_xticks([i + 0.5 for i in range(len(vocab))], list(map(shown, vocab)), family="monospace", fontsize=8)
    ax.set(xlabel="next character", ylabel="known before it")
    ax.invert_yaxis()
    ax.grid(False)
    ax.figure.colorbar(mesh, ax=ax, label="probability")


def draw_intervals(probs: Sequence[torch.Tensor], tokens: Sequence[int], vocab: Vocab, ax: Axes) -> None:
    """A text as an interval in an interval: each row is the chosen part of the row above, stretched to full width.

    Args:
        probs: for each token, (vocab_size,), what was predicted before it.
        tokens: the text.
    """
    low, width, last = 0.0, 1.0, len(tokens) - 1
    for k, (row, token) in enumerate(zip(probs, tokens, strict=True)):
        ends = row.double().cumsum(0).tolist()
        for i, (start, end) in enumerate(zip([0.0, *ends[:-1]], ends, strict=True)):
            color = ORANGE if i == token else SKY if i % 2 else BLUE
            ax.add_patch(Rectangle((start, -k), end - start, 0.55, fc=color, alpha=1 if i == token else 0.35, lw=0))
            if end - start > 0.022:
                ax.text((start + end) / 2, -k + 0.27, shown(vocab.to_tokens(i)), ha="center", va="center", fontsize=9)
        start, size = ends[token] - row[token].item(), row[token].item()
        if k < last:
            corners = [(start, -k), (start + size, -k), (1, -k - 0.45), (0, -k - 0.45)]
            ax.add_patch(Polygon(corners, fc=ORANGE, alpha=0.15, lw=0))
        low, width = low + width * start, width * size
        ax.text(1.02, -k + 0.27, f"{-row[token].log2():.2f} bits", va="center", fontsize=9)
    ax.set(xlim=(0, 1.16), ylim=(-last - 0.1, 0.75))
    ax.set_title(f"from {low:.10f} to {low + width:.10f}", fontsize=9, loc="left")
    ax.axis("off")


def draw_curves(rows: Sequence[Mapping[str, Any]], names: Sequence[str], axes: Sequence[Axes]) -> None:
    """Bits of the training text and of the validation text against epochs, one drawing per way to train.

    Args:
        rows: of the part "pieces"; one line per seed.
        names: which ways.
    """
    for ax, name in zip(axes, names, strict=True):
        for row in rows:
            if row["name"] == name:
                epochs = range(1, len(row["training"]) + 1)
                (training,) = ax.plot(epochs, row["training"], color=BLUE)
                (validation,) = ax.plot(epochs, row["validation"], color=ORANGE)
        training.set_label("text it learns from")
        validation.set_label("text it doesn't")
        ax.set(xlabel="epoch", title=name, ylim=(1.3, 3))
        ax.legend()
    axes[0].set_ylabel("bits per character")


def draw_scores(scores: Mapping[str, float], colors: Mapping[str, str], ax: Axes) -> None:
    """A bar per row of the scoreboard, the best below, each with its number.

    Args:
        scores: bits per character.
        colors: of the rows that aren't grey.
    """
    names = sorted(scores, key=lambda name: -scores[name])
    bits = [scores[name] for name in names]
    ax.barh(names, bits, color=[colors.get(name, "#bbbbbb") for name in names], height=0.75)
    for i, value in enumerate(bits):
        ax.text(value + 0.02, i, f"{value:.2f}" if value > 2 else f"{value:.3f}", va="center", fontsize=8)
    ax.set(xlabel="bits per character of the last tenth", xlim=(1.5, max(bits) + 0.3))
    ax.tick_params(axis="y", labelsize=8)
    ax.invert_yaxis()
    ax.grid(False, axis="y")


def draw_mixtures(shares: Sequence[float], bits: Sequence[float], share: float, ax: Axes) -> None:
    """Bits of a mixture against the network's share in it, and a point at one share."""
    ax.plot(shares, bits, color=BLUE)
    nearest = min(range(len(shares)), key=lambda i: abs(shares[i] - share))
    ax.plot(shares[nearest], bits[nearest], "o", color=GREEN)
    ax.annotate(
        f"{bits[nearest]:.3f} bits", (shares[nearest], bits[nearest]), (0, 12), textcoords="offset points", ha="center"
    )
    ax.set(xlabel="share of the network", ylabel="bits per character", ylim=(min(bits) - 0.02, max(bits) + 0.05))
