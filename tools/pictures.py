"""The README's pictures: `make pictures`.

`pictures/NN.svg` is one figure of each chapter, as it is stored in the notebook. `pictures/cover.svg` is drawn from a
network that is trained for it, and moves by itself, without a script.
"""

import html
import sys
from pathlib import Path

import nbformat
import torch

import funcs

ROOT = Path(__file__).resolve().parent.parent
PICTURES = ROOT / "pictures"
# Which figure of a chapter, counted from 0.
FIGURES = {
    **{"01": 2, "02": 0, "03": 1, "04": 6, "05": 2, "06": 5, "07": 1, "08": 8, "09": 5, "10": 4},
    **{"11": 3, "12": 5, "13": 5, "17": 12, "18": 0},
}
SENTENCE = "the time traveller vanished three years ago and as everybody"


def stored_figures(path: Path) -> list[str]:
    """The SVG figures in a notebook's outputs, in order."""
    cells = nbformat.read(path, 4).cells
    outputs = [output for cell in cells for output in cell.get("outputs", [])]
    return [output.data["image/svg+xml"] for output in outputs if "image/svg+xml" in output.get("data", {})]


def chapter_picture(number: str) -> str:
    """The figure that stands for a chapter."""
    if number not in FIGURES:
        sys.exit(
            f"NAMES must be among cover, {', '.join(FIGURES)}, got {number!r}; FIGURES of tools/pictures.py lists them"
        )
    (path,) = ROOT.glob(f"chapters/{number}_*.ipynb")
    return stored_figures(path)[FIGURES[number]]


def read_sentence() -> tuple[torch.Tensor, torch.Tensor, funcs.Vocab]:
    """What a trained GRU has in 24 of its units, and expects next, after each character of the sentence.

    The network is trained on the novel without its last tenth; the sentence stands in the last tenth.
    """
    torch.manual_seed(0)
    corpus, vocab = funcs.load_corpus()
    train_iter = funcs.TextLoader(corpus[: len(corpus) * 9 // 10], vocab, 32, 64, generator=0)
    layer = funcs.GRU(len(vocab), 256)
    model = funcs.RNNModel(layer, len(vocab))
    funcs.train(model, train_iter, 8, optimizer=torch.optim.Adam(model.parameters(), 3e-3), live=False)
    x = torch.tensor([vocab[list(SENTENCE)]])
    with torch.no_grad():
        X = torch.nn.functional.one_hot(x.T, len(vocab)).float()
        states, _ = layer(X)
        probabilities = model.linear(states[:, 0]).softmax(1)
    states = states[:, 0]
    liveliest = states.std(0).topk(24).indices
    # Neighbours alike: in the order in which the units' first pattern of change has them.
    patterns = states[:, liveliest] - states[:, liveliest].mean(0)
    return patterns[:, torch.linalg.svd(patterns).Vh[0].argsort()], probabilities, vocab


def colour(value: float) -> str:
    """Blue for −1, nothing for 0, orange for 1, seen through on light and dark alike."""
    base = "0,114,178" if value < 0 else "230,159,0"
    return f"rgba({base},{min(abs(value), 1):.2f})"


def cover() -> str:
    """The sentence read character by character, with the state as a strip of colours and the next-character odds."""
    states, probabilities, vocab = read_sentence()
    count, (cell, top, left) = len(SENTENCE), (12, 46, 14)
    bottom, right = top + 24 * 8, left + count * cell + 26
    width, height, step, read = right + 150, bottom + 46, 0.3, 18
    share, cycle = 100 / count, f"{count * step:.1f}s linear infinite backwards"
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" font-family="sans-serif">',
        f"<title>A recurrent network reads: {SENTENCE}</title>",
        "<style>text{fill:#333} .dim{fill:#777;font-size:11px} .c{font:14px monospace} .now{opacity:0}",
        f".now:last-of-type{{opacity:1}} .col{{animation:col {cycle}}} .now{{animation:now {cycle}}}",
        "@keyframes col{0%{opacity:0}2%{opacity:1}80%{opacity:1}90%{opacity:0}100%{opacity:0}}",
        f"@keyframes now{{0%{{opacity:0}}0.001%{{opacity:1}}{share:.3f}%{{opacity:1}}{share + 0.001:.3f}%{{opacity:0}}",
        "100%{opacity:0}}",
        "@media (prefers-color-scheme:dark){text{fill:#ddd} .dim{fill:#999}}"
        "@media (prefers-reduced-motion:reduce){.col,.now{animation:none}}</style>",
        f'<text class="dim" x="{left}" y="16">24 of 256 numbers in the state of a GRU that has learned from the novel; '
        "one column per character</text>",
        f'<text class="dim" x="{right}" y="16">what it expects next</text>',
    ]
    for t, character in enumerate(SENTENCE):
        x = left + t * cell
        cells = "".join(
            f'<rect x="{x}" y="{top + 8 * k}" width="{cell - 1}" height="7" fill="{colour(value)}"/>'
            for k, value in enumerate(states[t].tolist())
        )
        letter = f'<text class="c" x="{x + 1}" y="{bottom + 20}">{html.escape(character)}</text>'
        parts.append(f'<g class="col" style="animation-delay:{(t - read) * step:.2f}s">{cells}{letter}</g>')
    parts.append("<g>")
    for t in range(count):
        chances = probabilities[t].topk(6)
        rows = []
        for k, (chance, index) in enumerate(zip(*map(torch.Tensor.tolist, chances), strict=True)):
            token, y = vocab.to_tokens(int(index)), top + 20 + 28 * k
            came = t + 1 < count and token == SENTENCE[t + 1]
            shown = "␣" if token == " " else html.escape(token)
            rows.append(
                f'<text class="c" x="{right}" y="{y}">{shown}</text>'
                f'<rect x="{right + 16}" y="{y - 11}" width="{100 * chance:.1f}" height="14" rx="2" '
                f'fill="{"#009E73" if came else "#999999"}"/>'
                f'<text class="dim" x="{right + 20 + 100 * chance:.1f}" y="{y}">{chance:.0%}</text>'
            )
        parts.append(f'<g class="now" style="animation-delay:{(t - read) * step:.2f}s">{"".join(rows)}</g>')
    parts.append(f'</g><text class="dim" x="{right}" y="{bottom + 20}">green: what came</text></svg>')
    return "\n".join(parts)


def main(*names: str) -> None:
    """Draw all, or those named: cover, 01, 02, …"""
    PICTURES.mkdir(exist_ok=True)
    for name in names or ("cover", *FIGURES):
        picture = cover() if name == "cover" else chapter_picture(name)
        (PICTURES / f"{name}.svg").write_text(picture.rstrip() + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
