"""Files, compressed by a network that learns while it reads them (chapter 12)."""

import platform
import struct
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

from funcs.coding import decode, encode
from funcs.online import Mixture, OnlineModel, OnlineNGrams
from funcs.rnn import RNNModel

MAGIC = b"RNH1"
HEAD = struct.Struct("<4sB3I")  # magic, method, checksum of the arithmetic, number of bytes, checksum of the bytes
STORED, CODED = 0, 1
LONGEST = 2**32 - 1
LETTERS = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ") | frozenset(range(128, 256))


class Watched:
    """A predictor that tells somebody of each token that went through it."""

    def __init__(self, predictor: Any, watch: Callable[[], object] | None) -> None:
        self.predictor, self.watch = predictor, watch

    def probs(self) -> Any:
        return self.predictor.probs()

    def update(self, token: int) -> None:
        self.predictor.update(token)
        if self.watch:
            self.watch()


def new_predictor() -> Mixture:
    """What compressor and decompressor start with: counts of bytes and words, and an LSTM; they know nothing yet."""
    model = RNNModel(nn.LSTM(256, 128), 256)  # nn.LSTM, as it makes single steps faster than ours
    optimizer = torch.optim.Adam(model.parameters(), 4e-3)
    separators = frozenset(range(256)) - LETTERS
    return Mixture([OnlineNGrams(256, 6, separators), OnlineModel(model, optimizer, chunk=32, replays=15)])


@contextmanager
def one_way() -> Iterator[None]:
    """One thread and one start of the random numbers, so that the same sums are taken in the same order each time."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            yield
    finally:
        torch.set_num_threads(threads)


def arithmetic() -> int:
    """A checksum of what this machine and this torch make of some steps of learning; others may round differently."""
    with one_way():
        model = RNNModel(nn.LSTM(256, 128), 256)
        predictor = OnlineModel(model, torch.optim.Adam(model.parameters(), 4e-3), chunk=4, replays=3)
        for byte in b"the same sums in the same order":
            predictor.update(byte)
        digits = predictor.probs().numpy().tobytes()
    return zlib.crc32(f"{torch.__version__} {platform.machine()}".encode() + digits)


def compress(data: bytes, watch: Callable[[], object] | None = None) -> bytes:
    """The bytes, fewer of them: a network and counts learn to predict them, and each costs −log₂ p bits (chapter 12).

    It takes two to three seconds for a thousand bytes, as long to `decompress`, on one core. What cannot be made
    smaller is stored as it is, 17 bytes longer.

    Args:
        data: at most 4 GiB.
        watch: called after each byte.

    Raises:
        ValueError: more bytes than that.
    """
    if len(data) > LONGEST:
        raise ValueError(f"data must have at most {LONGEST:,} bytes, got {len(data):,}")
    with one_way():
        code, method = encode(data, Watched(new_predictor(), watch)), CODED
    if len(code) >= len(data):
        code, method = data, STORED
    return HEAD.pack(MAGIC, method, arithmetic() if method == CODED else 0, len(data), zlib.crc32(data)) + code


def decompress(code: bytes, watch: Callable[[], object] | None = None) -> bytes:
    """What `compress` was given, exactly, or an error; never something else.

    Args:
        code: what `compress` returned, on this machine with this torch: elsewhere the last digits of a sum may differ,
            and with them everything.
        watch: called after each byte.

    Raises:
        ValueError: not what `compress` returned, damaged, or of another arithmetic than this machine's and torch's.
    """
    if len(code) < HEAD.size or code[:4] != MAGIC:
        raise ValueError(f"code must begin as compress writes it, with {MAGIC!r}, got {bytes(code[:4])!r}")
    _, method, digits, length, checksum = HEAD.unpack(code[: HEAD.size])
    body = code[HEAD.size :]
    if method not in (STORED, CODED):
        raise ValueError(f"method must be {STORED} (stored) or {CODED} (coded), got {method}: it is damaged")
    if method == CODED and digits != arithmetic():
        raise ValueError(
            f"code must be decompressed where the arithmetic is that of the machine and torch that wrote it; torch "
            f"{torch.__version__} on this {platform.machine()} rounds differently"
        )
    if method == STORED:
        data = body
    else:
        with one_way():
            data = bytes(decode(body, length, Watched(new_predictor(), watch)))
    if len(data) != length or zlib.crc32(data) != checksum:
        raise ValueError("code must be what compress returned, got one whose checksum differs: it is damaged")
    return data
