"""How well does each predict the last tenth of the novel, and what does that cost? Chapter 12 shows the tables.

python benchmarks/scoreboard.py [part …]; all parts take about an hour and a half on two cores:

compressors   size(all) − size(first nine tenths); zpaq and paq8px where they are on the PATH
cells         RNN, GRU and LSTM of equal size, five rates, three seeds
pieces        regularisation, one piece taken away at a time
race          to 1.955 bits on the held-out part: nn.LSTM and ours, side by side
best          one LSTM, by three recipes
beyond        averaging, learning on, counting: everything mixed
files         `compress` on the whole novel

Settings are chosen on a validation part, the last tenth of the training text; the test part is scored at the end alone.
The race is an exception: it watches the test part after each epoch.
"""

import bz2
import datetime
import gzip
import json
import lzma
import math
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyppmd
import torch
from recurrence import RESULTS, machine
from torch import nn

import funcs
from funcs import LSTM, RegularizedModel
from funcs.book.trial import num_params
from funcs.online import Mixture, OnlineModel, OnlineNGrams, bits_of

FILE = RESULTS / "scoreboard.json"
MODELS = Path(tempfile.gettempdir()) / "scoreboard-models"
CORPUS, VOCAB = funcs.load_corpus()
CUT, FIT = 9 * len(CORPUS) // 10, 81 * len(CORPUS) // 100
TRAIN, TEST = CORPUS[:CUT], CORPUS[CUT:]
VALIDATION = CORPUS[FIT:CUT]
GOAL = 1.955


def store(part: str, rows: Any) -> None:
    """Put a part's rows beside the others, with the day and the machine."""
    result = json.loads(FILE.read_text(encoding="utf-8")) if FILE.exists() else {}
    result[part] = {"date": str(datetime.date.today()), "machine": machine(), "rows": rows}
    FILE.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(part, json.dumps(rows, indent=1), flush=True)


def run_program(*command: str) -> Callable[[bytes], int]:
    """The size of what a program makes of some bytes: its arguments are the command, the input and the output."""

    def size(data: bytes) -> int:
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "text"
            file.write_bytes(data)
            words = [word.format(file=file, out=Path(folder) / "out.zpaq") for word in command]
            subprocess.run(words, check=True, capture_output=True)
            return (Path(folder) / "out.zpaq").stat().st_size

    return size


def compressors() -> None:
    text, more = ("".join(VOCAB.to_tokens(part.tolist())).encode() for part in (TRAIN, TEST))
    sizes: dict[str, Callable[[bytes], int]] = {
        "gzip -9": lambda data: len(gzip.compress(data, 9)),
        "bzip2 -9": lambda data: len(bz2.compress(data, 9)),
        "xz -9e": lambda data: len(lzma.compress(data, preset=9 | lzma.PRESET_EXTREME)),
        "PPMd, order 6 (pyppmd)": lambda data: len(pyppmd.compress(data, max_order=6, mem_size=1 << 26)),
    }
    if shutil.which("zpaq"):
        sizes["zpaq add OUT FILE -m5"] = run_program("zpaq", "add", "{out}", "{file}", "-m5")
    if shutil.which("paq8px"):
        sizes["paq8px -12L FILE OUT"] = run_program("paq8px", "-12L", "{file}", "{out}")
    rows = []
    for name, size in sizes.items():
        start = time.perf_counter()
        bits = 8 * (size(text + more) - size(text)) / len(TEST)
        rows.append({"name": name, "bits": bits, "seconds": time.perf_counter() - start})
    store("compressors", rows)


def loader(text: torch.Tensor, seed: int) -> funcs.TextLoader:
    return funcs.TextLoader(text, VOCAB, 32, 64, generator=seed)


def fit(make: Callable[[], Any], text: torch.Tensor, num_epochs: int, seed: int, **options: Any) -> tuple[Any, float]:
    """A model, trained by one cycle, and the seconds of it."""
    torch.manual_seed(seed)
    model = make()
    history = funcs.train_one_cycle(model, loader(text, seed), num_epochs, live=False, progress=False, **options)
    return model, history.seconds


SIZES = {"RNN": 512, "GRU": 288, "LSTM": 248}


def cell_model(cell: str) -> Any:
    """One layer of about 285,000 parameters; the plain one has the start of chapter 6, or it learns badly."""
    n, h = len(VOCAB), SIZES[cell]
    if cell != "RNN":
        return funcs.RNNModel(getattr(funcs, cell)(n, h), n)
    model = funcs.RNN(n, h)
    with torch.no_grad():
        nn.init.normal_(model.params[0], std=0.5)
        nn.init.orthogonal_(model.params[1], 0.7)
    return model


def cell_job(job: tuple[str, float, int, bool]) -> dict[str, Any]:
    cell, lr, seed, final = job
    torch.set_num_threads(1)
    past, text = (TRAIN, TEST) if final else (CORPUS[:FIT], VALIDATION)
    try:
        model, seconds = fit(lambda: cell_model(cell), past, 6, seed, lr=lr)
    except FloatingPointError:
        return {"cell": cell, "lr": lr, "seed": seed, "bits": math.inf}  # too high a rate
    bits, cold = (funcs.bits_per_character(model, text, past, window) for window in (None, 64))
    return {"cell": cell, "lr": lr, "seed": seed, "bits": bits, "cold": cold, "seconds": seconds}


def two_at_a_time(job: Callable[[Any], Any], jobs: Sequence[Any]) -> list[Any]:
    with ProcessPoolExecutor(2) as pool:
        return list(pool.map(job, jobs))


def cells() -> None:
    rates = (1.5e-3, 3e-3, 6e-3, 12e-3, 24e-3)
    tried = two_at_a_time(cell_job, [(cell, lr, 0, False) for cell in SIZES for lr in rates])
    rows = []
    for cell in SIZES:
        best = min((row for row in tried if row["cell"] == cell), key=lambda row: row["bits"])
        runs = two_at_a_time(cell_job, [(cell, best["lr"], seed, True) for seed in (1, 2, 3)])
        rows.append(
            {
                "name": f"{cell}({SIZES[cell]})",
                "params": num_params(cell_model(cell)),
                "lr": best["lr"],
                "validation": {row["lr"]: row["bits"] for row in tried if row["cell"] == cell},
                "bits": [run["bits"] for run in runs],
                "cold": [run["cold"] for run in runs],
                "seconds": statistics.median(run["seconds"] for run in runs),
            }
        )
    store("cells", rows)


FULL = {"between": 0.2, "dropout_in": 0.1, "dropout_out": 0.2, "weight_drop": 0.1, "weight_decay": 0.05}
PIECES: dict[str, dict[str, float]] = {
    "all of them": FULL,
    "no dropout of features": FULL | {"between": 0.0, "dropout_in": 0.0, "dropout_out": 0.0},
    "no dropped weights": FULL | {"weight_drop": 0.0},
    "no weight decay": FULL | {"weight_decay": 0.0},
    "none of them": dict.fromkeys(FULL, 0.0),
}


def piece_job(job: tuple[str, int]) -> dict[str, Any]:
    """One way to train two layers of 160; also with the mean of its weights at the ends of the last three epochs."""
    name, seed = job
    torch.set_num_threads(1)
    options = dict(PIECES[name])
    weight_decay, between = options.pop("weight_decay"), options.pop("between")
    torch.manual_seed(seed)
    model = RegularizedModel(LSTM(64, 160, 2, dropout=between), len(VOCAB), **options)
    epochs: list[tuple[float, dict[str, torch.Tensor]]] = []

    class Watching(funcs.TextLoader):
        """Scores the model at the beginning of each epoch."""

        def __iter__(self) -> Iterator[Any]:
            score()
            return super().__iter__()

    def score() -> None:
        state = {key: value.clone() for key, value in model.state_dict().items()}
        epochs.append((funcs.bits_per_character(model, VALIDATION, CORPUS[:FIT][-1000:]), state))

    train_iter = Watching(CORPUS[:FIT], VOCAB, 32, 64, generator=seed)
    history = funcs.train_one_cycle(model, train_iter, 12, weight_decay=weight_decay, live=False, progress=False)
    score()
    mean = {key: torch.stack([state[key] for _, state in epochs[-3:]]).mean(0) for key in epochs[-1][1]}
    model.load_state_dict(mean)
    return {
        "name": name,
        "seed": seed,
        "training": [math.log2(perplexity) for perplexity in history.perplexity],
        "validation": [bits for bits, _ in epochs[1:]],
        "averaged": funcs.bits_per_character(model, VALIDATION, CORPUS[:FIT][-1000:]),
    }


def pieces() -> None:
    store("pieces", two_at_a_time(piece_job, [(name, seed) for name in PIECES for seed in (0, 1)]))


def time_to_goal(make: Callable[[], Any], num_epochs: int, lr: float, seed: int) -> tuple[float, float]:
    """Seconds of training until GOAL is reached on the held-out part, inf if it isn't, and the best that was."""
    torch.manual_seed(seed)
    model, history = make(), funcs.History()
    optimizer = torch.optim.AdamW(model.parameters(), lr, betas=(0.9, 0.99), weight_decay=0.05)
    scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, lr, total_steps=num_epochs + 1, cycle_momentum=False)
    train_iter, seconds, best = loader(TRAIN, seed), 0.0, math.inf
    for _ in range(num_epochs):
        history = funcs.train(
            model, train_iter, 1, optimizer=optimizer, scheduler=scheduler, live=False, progress=False
        )
        seconds += history.seconds
        best = min(best, funcs.bits_per_character(model, TEST, TRAIN[-1000:]))
        if best <= GOAL:
            return seconds, best
    return math.inf, best


def race() -> None:
    """nn.LSTM(256), with dropout on its output, and two layers of funcs.LSTM(192) with less, in turn."""
    rows = []
    usual = (lambda: RegularizedModel(nn.LSTM(64, 256), len(VOCAB), 0.1, 0.3), 24, 8e-3)
    ours = (lambda: RegularizedModel(LSTM(64, 192, 2, dropout=0.1), len(VOCAB), 0.05, 0.15), 9, 1e-2)
    for seed in (0, 1):
        recipes = {"usual": usual, "ours": ours}
        found = {name: time_to_goal(*recipe, seed) for name, recipe in recipes.items()}
        seconds = {name: time for name, (time, _) in found.items()}
        print(seed, found, flush=True)
        rows.append({"seed": seed, **seconds, "ratio": seconds["ours"] / seconds["usual"]})
        print(rows[-1], flush=True)
    store("race", rows)


class Recipe(NamedTuple):
    """One way to make and train an LSTM; `lr` is the highest rate, `between` the dropout between layers."""

    num_layers: int
    num_hiddens: int
    num_epochs: int
    lr: float
    between: float
    drops: dict[str, float]


RECIPES = {
    "2 layers of 256, 20 epochs": Recipe(
        2, 256, 20, 8e-3, 0.2, {"dropout_in": 0.1, "dropout_out": 0.2, "weight_drop": 0.1}
    ),
    "2 layers of 320, 40 epochs": Recipe(
        2, 320, 40, 8e-3, 0.3, {"dropout_in": 0.1, "dropout_out": 0.3, "weight_drop": 0.2}
    ),
    "1 layer of 512, 40 epochs": Recipe(
        1, 512, 40, 4e-3, 0.0, {"dropout_in": 0.2, "dropout_out": 0.5, "weight_drop": 0.4}
    ),
}


def recipe_model(name: str) -> Any:
    recipe = RECIPES[name]
    layer = LSTM(64, recipe.num_hiddens, recipe.num_layers, dropout=recipe.between)
    return RegularizedModel(layer, len(VOCAB), **recipe.drops)


def best(names: Sequence[str] = tuple(RECIPES), seed: int = 0) -> None:
    MODELS.mkdir(exist_ok=True)
    rows = json.loads(FILE.read_text(encoding="utf-8")).get("best", {}).get("rows", []) if FILE.exists() else []
    for name in names:
        recipe = RECIPES[name]
        make = lambda name=name: recipe_model(name)  # noqa: E731
        model, seconds = fit(make, TRAIN, recipe.num_epochs, seed, lr=recipe.lr)
        torch.save(model.state_dict(), MODELS / f"{name} {seed}.pt")
        bits, cold = (funcs.bits_per_character(model, TEST, TRAIN, window) for window in (None, 64))
        row = {"name": name, "seed": seed, "params": num_params(model), "bits": bits, "cold": cold, "seconds": seconds}
        rows = [old for old in rows if (old["name"], old["seed"]) != (name, seed)] + [row]
        store("best", rows)


class Recorded:
    """A predictor whose every prediction is kept, so that mixtures need not make it again."""

    def __init__(self, predictor: Any) -> None:
        self.predictor, self.rows = predictor, []  # type: ignore[var-annotated]

    def probs(self) -> np.ndarray:
        self.rows.append(np.asarray(self.predictor.probs(), np.float64))
        return self.rows[-1]

    def update(self, token: int) -> None:
        self.predictor.update(token)


class Played:
    """The predictions that were recorded, once more."""

    def __init__(self, rows: Sequence[np.ndarray]) -> None:
        self.rows = iter(rows)

    def probs(self) -> np.ndarray:
        self.row = next(self.rows)
        return self.row

    def update(self, token: int) -> None:
        pass


def beyond() -> None:
    """From the models that `best` has stored: as they are, learning on, averaged, with counts, and all together."""
    tokens, rows = TEST.tolist(), list[dict[str, Any]]()
    played: dict[str, list[np.ndarray]] = {}

    def score(name: str, predictor: Any, models: int = 1) -> None:
        start, recorded = time.perf_counter(), Recorded(predictor)
        bits = bits_of(tokens, recorded) / len(tokens)
        played[name] = recorded.rows
        rows.append({"name": name, "bits": bits, "seconds": time.perf_counter() - start, "models": models})
        print(rows[-1], flush=True)

    def mixed(name: str, *names: str) -> None:
        models = sum(row["models"] for row in rows if row["name"] in names)
        score(name, Mixture(Played(played[other]) for other in names), models)

    counts = OnlineNGrams(len(VOCAB), 6, [VOCAB[" "]])
    bits_of(TRAIN.tolist(), counts)
    score("counts", counts, 0)
    for path in sorted(MODELS.glob("*.pt")):
        for learning in (False, True):
            model = recipe_model(path.stem.rsplit(" ", 1)[0])
            model.load_state_dict(torch.load(path, weights_only=True))
            optimizer = torch.optim.Adam(model.parameters(), 3e-4) if learning else None
            name = f"LSTM, {path.stem.rsplit(' ', 1)[0]}" + (", learning on" if learning else "")
            score(name, OnlineModel(model, optimizer, replays=3, history=TRAIN))
    frozen = [name for name in played if name.startswith("LSTM,") and not name.endswith("on")]
    dynamic = [name for name in played if name.endswith("learning on")]
    mixed("all LSTMs", *frozen)
    mixed("all LSTMs, learning on", *dynamic)
    mixed("one LSTM and counts", frozen[-1], "counts")
    mixed("all LSTMs and counts", "all LSTMs", "counts")
    mixed("all LSTMs, learning on, and counts", "all LSTMs, learning on", "counts")
    mixed("everything", "all LSTMs", "all LSTMs, learning on", "counts")
    store("beyond", rows)


def files() -> None:
    """`compress` and `decompress` on the novel as it stands, beside the others."""
    data = funcs.text.time_machine_path().read_bytes()
    start = time.perf_counter()
    code = funcs.compress(data)
    middle = time.perf_counter()
    assert funcs.decompress(code) == data
    sizes = {
        "gzip": len(gzip.compress(data, 9)),
        "bzip2": len(bz2.compress(data, 9)),
        "xz": len(lzma.compress(data, preset=9)),
    }
    row = {"bytes": len(data), "ours": len(code), **sizes, "seconds": [middle - start, time.perf_counter() - middle]}
    store("files", row)


PARTS = {part.__name__: part for part in (compressors, cells, pieces, race, best, beyond, files)}

if __name__ == "__main__":
    for name in sys.argv[1:] or PARTS:
        PARTS[name]()
