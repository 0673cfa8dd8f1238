"""`python -m funcs`: compress, decompress, score and generate, without a notebook (chapter 12)."""

import argparse
import bz2
import gzip
import lzma
import math
import os
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from tqdm import tqdm

import funcs
from funcs.compression import compress, decompress
from funcs.online import OnlineNGrams, bits_of
from funcs.regularized import RegularizedModel, train_one_cycle
from funcs.scoring import added_bits

OTHERS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": lambda data: gzip.compress(data, 9),
    "bzip2": lambda data: bz2.compress(data, 9),
    "xz": lambda data: lzma.compress(data, preset=9 | lzma.PRESET_EXTREME),
}


def write_whole(path: Path, data: bytes) -> None:
    """The file at once or not at all: what stands there stays until the new one is complete."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=path.name + ".")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        os.chmod(name, 0o666 & ~current_umask())
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise


def current_umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def new_file(options: argparse.Namespace) -> Path:
    """Where to write, before any work is done for it.

    Raises:
        ValueError: something is there already, or the folder is not.
    """
    out = Path(options.out)
    if out.exists() and not options.force:
        raise ValueError(f"OUT must be a new file, or --force be given, got {out}, which is there already")
    if out.is_dir() or not out.parent.is_dir():
        raise ValueError(f"OUT must be a file in a folder that exists, got {out}")
    return out


def run_compress(options: argparse.Namespace) -> None:
    data, out = Path(options.file).read_bytes(), new_file(options)
    with tqdm(total=len(data), unit="B", unit_scale=True, desc="compressing") as bar:
        code = compress(data, bar.update)
    write_whole(out, code)
    sizes = {out.name: len(code), **{name: len(other(data)) for name, other in OTHERS.items()}}
    print(f"{len(data):,} bytes")
    for name, size in sizes.items():
        print(f"{name:20} {size:>12,} bytes {8 * size / max(1, len(data)):7.3f} bits per byte")


def run_decompress(options: argparse.Namespace) -> None:
    code, out = Path(options.file).read_bytes(), new_file(options)
    with tqdm(unit="B", unit_scale=True, desc="decompressing") as bar:
        data = decompress(code, bar.update)
    write_whole(out, data)
    print(f"{out}: {len(data):,} bytes, checksum right")


def text_model(corpus: torch.Tensor, vocab: funcs.Vocab, num_epochs: int, seed: int) -> Any:
    """An LSTM, trained on a text with some dropout, with a progress bar."""
    torch.manual_seed(seed)
    model = RegularizedModel(funcs.LSTM(64, 256), len(vocab), 0.2, 0.3, 0.2)
    rows, steps = min(32, max(1, len(corpus) // 200)), min(64, len(corpus) // 4)
    train_one_cycle(model, funcs.TextLoader(corpus, vocab, rows, steps, generator=seed), num_epochs, live=False)
    return model


def read_corpus(options: argparse.Namespace, at_least: int) -> tuple[torch.Tensor, funcs.Vocab]:
    corpus, vocab = funcs.load_corpus(options.file, clean=funcs.clean_text if options.clean else str)
    if len(corpus) < at_least:
        raise ValueError(f"FILE must hold at least {at_least} characters, got {len(corpus)}")
    return corpus, vocab


def run_score(options: argparse.Namespace) -> None:
    corpus, vocab = read_corpus(options, 1000)
    cut = 9 * len(corpus) // 10
    text, held_out = corpus[:cut], corpus[cut:]
    separators = [i for i, token in enumerate(vocab) if not token.isalpha()]

    def online() -> float:
        counts = OnlineNGrams(len(vocab), 6, separators)
        bits_of(text.tolist(), counts)
        return bits_of(held_out.tolist(), counts) / len(held_out)

    def network() -> float:
        return funcs.bits_per_character(text_model(text, vocab, options.epochs, options.seed), held_out, text)

    def compressor(other: Callable[[bytes], bytes]) -> Callable[[], float]:
        pieces = ["".join(vocab.to_tokens(part.tolist())).encode() for part in (text, held_out)]
        return lambda: added_bits(other, *pieces) / len(held_out)

    rows: dict[str, Callable[[], float]] = {
        "every character alike": lambda: math.log2(len(vocab)),
        "how frequent each is": lambda: funcs.NGram(text, 1, len(vocab)).bits_per_token(held_out, text),
        "6-gram, Kneser-Ney": lambda: funcs.NGram(text, 6, len(vocab)).bits_per_token(held_out, text),
        **{name: compressor(other) for name, other in OTHERS.items()},
        "counts, learning on": online,
        f"LSTM, {options.epochs} epochs": network,
    }
    print(f"{len(text):,} characters to learn from, {len(held_out):,} to predict, {len(vocab)} kinds")
    print(f"{'':24} bits per character    seconds")
    for name, bits in rows.items():
        start = time.perf_counter()
        print(f"{name:24} {bits():18.3f} {time.perf_counter() - start:10.1f}", flush=True)


def run_generate(options: argparse.Namespace) -> None:
    corpus, vocab = read_corpus(options, 1000)
    prefix = options.prefix if options.prefix is not None else "".join(vocab.to_tokens(corpus[:20].tolist()))
    funcs.prediction.check_sampling(options.temperature, options.top_k, options.top_p)
    model = text_model(corpus, vocab, options.epochs, options.seed)
    sampling = {"temperature": options.temperature, "top_k": options.top_k, "top_p": options.top_p}
    funcs.generate(
        prefix,
        options.num,
        model,
        vocab,
        seed=options.seed,
        write=lambda text: print(text, end="", flush=True),
        **sampling,
    )
    print()


def parser() -> argparse.ArgumentParser:
    """The commands and what they take."""
    whole = argparse.ArgumentParser(prog="python -m funcs", description="Recurrent networks on files of your own.")
    commands = whole.add_subparsers(required=True, metavar="command")

    def command(name: str, run: Callable[[argparse.Namespace], None], help: str) -> argparse.ArgumentParser:
        sub = commands.add_parser(
            name, help=help, description=help, formatter_class=argparse.ArgumentDefaultsHelpFormatter
        )
        sub.add_argument("file", metavar="FILE")
        sub.set_defaults(run=run)
        return sub

    for name, run, help in (
        ("compress", run_compress, "make a file smaller by a network that learns while it reads it"),
        ("decompress", run_decompress, "get back, exactly, what was compressed on this machine with this torch"),
    ):
        sub = command(name, run, help)
        sub.add_argument("-o", "--out", metavar="OUT", required=True, help="file to write")
        sub.add_argument("--force", action="store_true", help="overwrite OUT")
    for name, run, help in (
        ("score", run_score, "bits per character on the last tenth of a text, by counts, compressors and a network"),
        ("generate", run_generate, "train a network on a text and let it write"),
    ):
        sub = command(name, run, help)
        sub.add_argument("--epochs", type=int, default=15, help="passes of the network over the text")
        sub.add_argument("--seed", type=int, default=0, help="of weights and random numbers")
        sub.add_argument("--clean", action="store_true", help="keep only letters, in lower case, and spaces")
    sub.add_argument("--prefix", help="what the text begins with (default: as FILE does)")
    sub.add_argument("--num", type=int, default=500, help="characters to write")
    sub.add_argument("--temperature", type=float, default=0.8)
    sub.add_argument("--top-k", type=int)
    sub.add_argument("--top-p", type=float, default=1.0)
    return whole


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; 0 if it went well, 1 after an error, which is printed, 130 if it was interrupted."""
    options = parser().parse_args(arguments)
    try:
        options.run(options)
    except (OSError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted; nothing was written", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
