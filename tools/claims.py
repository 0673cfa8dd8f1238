"""Which sentences of a chapter state a number, an order or an equality, and which cell tests each of them.

    python tools/claims.py 04          what is missing in tests/claims/04.toml, and what there doesn't hold
    python tools/claims.py             the same for every chapter
    python tools/claims.py --print 04  the table: each sentence, the line that tests it, the cell

A claims file holds two kinds of entries. A [[claim]] has a `sentence`, word for word as a markdown cell has it (or the
part of it that claims), the `cell` that tests it, and the `test`: a piece of that cell's code, or of its output where
that is compared. An [[aside]] has a `sentence` with a number or a comparison that claims nothing which was computed
here, and says `why`: a definition, a date, an instruction.
"""

import re
import sys
import tomllib
from pathlib import Path
from typing import Any, NamedTuple

import nbformat

ROOT = Path(__file__).parent.parent
CHAPTERS = sorted(ROOT.glob("chapters/[0-9][0-9]_*.ipynb"))

REFERENCES = (
    r"\(\d+\.\d+\)|\b(chapters?|sections?|exercises?|equations?|eq\.) \d+(\.\d+)*((,| and| to) \d+(\.\d+)*)*"
    r"|\bin \d+\.\d+(?=[,.;:)]|$| we | it | the )"
)
NUMBER = r"(?<![\w.])\d[\d,.]*|\b(twice|thrice|half|thirds?|quarters?|dozens?|hundreds?|thousands?|millions?|tenfold)\b"
ORDER = (
    r"\b(equals?|equally|same|identical|identically|exact|exactly|differs?|different|agrees?|faster|fastest|slower|slowest"
    r"|better|best|worse|worst|larger|largest|smaller|smallest|longer|longest|shorter|shortest|fewer|fewest"
    r"|(more|less|earlier|later|sooner|higher|lower|deeper) than|beats?|wins?|loses?|vanish(es)?|explodes?)\b"
)


class Chapter(NamedTuple):
    number: str
    notebook: Any
    claims: list[dict[str, str]]
    asides: list[dict[str, str]]

    @property
    def prose(self) -> list[str]:
        """The markdown cells up to the exercises, one string each, without line breaks."""
        texts = []
        for cell in self.notebook.cells:
            if cell.cell_type == "markdown":
                if re.search(r"^## .*Exercises", cell.source, re.M):
                    texts.append(cell.source.split("## ")[0])
                    break
                texts.append(cell.source)
        return [plain(text) for text in texts]


def plain(text: str) -> str:
    return re.sub(r"\s+", " ", text).strip()


def read(path: Path) -> Chapter:
    file = ROOT / "tests" / "claims" / f"{path.name[:2]}.toml"
    table = tomllib.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    return Chapter(path.name[:2], nbformat.read(path, 4), table.get("claim", []), table.get("aside", []))


def sentences(chapter: Chapter) -> list[str]:
    """Every sentence of the prose, without headings, tables, formulas that stand alone, and the lines at the door."""
    found = []
    for cell in chapter.notebook.cells:
        if cell.cell_type != "markdown":
            continue
        text = re.sub(r"```.*?```|\$\$.*?\$\$|\\begin\{(\w+\*?)\}.*?\\end\{\1\}", "\n\n", cell.source, flags=re.S)
        text = re.sub(
            r"^(#.*|\|.*|- \*\*(Needs|Gives|Takes):.*|\*`funcs` is the book's.*|Previous: .*)$", "", text, flags=re.M
        )
        if re.search(r"^## .*Exercises", cell.source, re.M):
            break
        for block in re.split(r"\n\s*\n|\n(?=\s*[-*] )|\n(?=\d+\. )", text):
            found += re.split(
                r"(?<=[.!?])(?<!eq\.)(?<!al\.)[*)\"]*\s+(?=[A-Z0-9`$*\[(\"])",
                plain(re.sub(r"^\s*(- |\* |\d+\. )", "", block)),
            )
    return [sentence for sentence in found if sentence]


def claims_something(sentence: str) -> bool:
    """Whether a sentence holds a number that is no reference, or a word of comparison."""
    text = re.sub(r"\]\([^)]*\)", "]", sentence)
    text = re.sub(r"`[^`]*`", "`code`", text)
    text = re.sub(
        r"\$([^$]*)\$", lambda m: m[1] if re.fullmatch(r"[-+\d.,^{}\\ ]*\d[-+\d.,^{}\\ ]*", m[1]) else "math", text
    )
    text = re.sub(REFERENCES, "", text, flags=re.I)
    return bool(re.search(NUMBER, text, re.I) or re.search(ORDER, text, re.I))


def problems(chapter: Chapter) -> list[str]:
    """What is wrong with a chapter's table: entries that don't hold, sentences without an entry."""
    found = []
    prose = chapter.prose
    cells = {cell.id: cell for cell in chapter.notebook.cells if cell.cell_type == "code"}
    for entry in chapter.claims + chapter.asides:
        if not any(plain(entry["sentence"]) in text for text in prose):
            found.append(f"not in the chapter: {entry['sentence']}")
    for entry in chapter.claims:
        cell = cells.get(entry["cell"])
        if cell is None:
            found.append(f"no code cell {entry['cell']}, for: {entry['sentence']}")
            continue
        compared = "nbval-ignore-output" not in cell.metadata.get("tags", [])
        printed = "".join(output.get("text", "") for output in cell.outputs) if compared else ""
        if entry["test"] not in cell.source + "\n" + printed:
            found.append(f"cell {cell.id} has no {entry['test']!r}, for: {entry['sentence']}")
        elif entry["test"] not in printed and not re.search("assert|torch.testing|raise", entry["test"], re.I):
            found.append(f"{entry['test']!r} in cell {cell.id} tests nothing, for: {entry['sentence']}")
    for entry in chapter.asides:
        if not entry["why"].strip():
            found.append(f"no reason why this claims nothing: {entry['sentence']}")
    listed = [plain(entry["sentence"]) for entry in chapter.claims + chapter.asides]
    for sentence in sentences(chapter):
        if claims_something(sentence) and not any(entry in sentence or sentence in entry for entry in listed):
            found.append(f"no entry: {sentence}")
    return found


def main(arguments: list[str]) -> int:
    numbers = [argument for argument in arguments if argument != "--print"]
    chapters = [read(path) for path in CHAPTERS if not numbers or path.name[:2] in numbers]
    if not chapters:
        sys.exit(f"no chapter {', '.join(numbers)}")
    for chapter in chapters:
        if "--print" in arguments:
            for claim in chapter.claims:
                print(f"{claim['sentence']}\n    {claim['cell']}: {claim['test']}")
            continue
        found = problems(chapter)
        print(f"{chapter.number}: {len(chapter.claims)} claims, {len(chapter.asides)} asides, {len(found)} problems")
        print("".join(f"  {problem}\n" for problem in found), end="")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
