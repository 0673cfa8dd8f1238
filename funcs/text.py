"""From a text file to tokens and a vocabulary (chapter 03)."""

import collections
import hashlib
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import torch

TIME_MACHINE_SHA256 = "124084573ad7c355a60f71ed1a9e306746f46c454bd0c448df605095454265d8"

# The novel holds ten letters that English does not have: Palæontology, manœuvring, façade, Tübingen.
_PLAIN_LETTERS = str.maketrans({"æ": "ae", "œ": "oe", "ç": "c", "ü": "u"})


def read_text(path: str | Path) -> str:
    """Read a UTF-8 text file, with or without a byte order mark.

    Raises:
        FileNotFoundError: there is no file at `path`.
        ValueError: the file is empty or not UTF-8.
    """
    path = Path(path)
    if not is_file(path):
        raise FileNotFoundError(f"path must name a text file, got {str(path)[:200]!r}, where there is none")
    try:
        text = path.read_bytes().decode("utf-8").removeprefix("\ufeff")  # line ends as they are
    except UnicodeDecodeError as error:
        byte = error.object[error.start]
        raise ValueError(
            f"path must name a UTF-8 text, got {str(path)!r}, which has 0x{byte:02x} at byte {error.start}"
        ) from None
    if not text.strip():
        raise ValueError(f"path must name a text with at least one character, got {str(path)!r}, which is empty")
    return text


def is_file(path: Path) -> bool:
    """Whether there is a file; a text that was given for a path is none."""
    try:
        return path.is_file()
    except (OSError, ValueError):  # too long for a name, or with NUL in it
        return False


def time_machine_path() -> Path:
    """Where the novel lies: inside the installed package, or in `data/` of a checkout.

    Raises:
        FileNotFoundError: it is in neither place.
    """
    package = Path(__file__).resolve().parent
    places = [package / "timemachine.txt", package.parent / "data" / "timemachine.txt"]
    for path in places:
        if path.is_file():
            return path
    raise FileNotFoundError(
        f"timemachine.txt is missing: looked for it at {' and '.join(map(repr, map(str, places)))}; "
        "reinstall the package or restore data/timemachine.txt from the repository"
    )


def read_time_machine() -> str:
    """Read the novel *The Time Machine* (data/README.md says where it comes from), verified by its SHA-256.

    Its ten letters that English does not have are spelled out (æ as ae, œ as oe, ç as c, ü as u), so that its alphabet
    is a to z.

    Raises:
        FileNotFoundError: the file is missing.
        ValueError: the file is not the one that every number in the book is about.
    """
    path = time_machine_path()
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found != TIME_MACHINE_SHA256:
        raise ValueError(
            f"{str(path)!r} has been altered: its SHA-256 must be {TIME_MACHINE_SHA256}, got {found}; "
            "restore it from the repository, or give your own text's path to load_data_text"
        )
    return read_text(path).translate(_PLAIN_LETTERS)


def clean_text(text: str) -> str:
    """Lower-case `text` and put one space wherever it holds anything but letters (chapter 03).

    Line ends become spaces like everything else, so that no two words are glued together. Letters of every alphabet
    stay, with their accents and vowel signs (Unicode categories L and M); a letter and its accent written as two
    characters become the one that stands for both, where there is one (Unicode's NFC).
    """
    text = unicodedata.normalize("NFC", text.lower())
    kept = (c if unicodedata.category(c)[0] in "LM" else " " for c in text)
    return " ".join("".join(kept).split())


def check_token_type(token_type: str) -> None:
    """Raise ValueError unless `token_type` is "char" or "word"."""
    if token_type not in ("char", "word"):
        raise ValueError(f'token_type must be "char" or "word", got {token_type!r}')


def tokenize(text: str, token_type: str = "char") -> list[str]:
    """Split `text` into characters (`token_type="char"`) or at white space into words (`"word"`).

    Raises:
        ValueError: any other `token_type`.
    """
    check_token_type(token_type)
    return list(text) if token_type == "char" else text.split()


def preview(tokens: Sequence[str], count: int = 5) -> str:
    """The first `count` tokens in quotes, and `...` if there are more."""
    shown = [f'"{token}"' for token in tokens[:count]]
    return ", ".join(shown + ["..."] * (len(tokens) > count))


def all_strings(tokens: Iterable[Any]) -> bool:
    """Whether there is nothing but strings."""
    return all(isinstance(token, str) for token in tokens)


class Vocab:
    """A numbering of tokens: 0 is `<unk>`, then the reserved tokens, then the others, most frequent first (chapter 03).

    Args:
        tokens: the text's tokens, in order.
        min_freq: tokens that occur less often get no number of their own and are read as `<unk>`.
        reserved_tokens: tokens that get a number even if the text does not hold them.
        token_type: "char" or "word", what the tokens are; `predict` splits its prefix the same way.

    Attributes:
        token_freqs: (token, count) pairs, most frequent first, equal counts in order of appearance.
        idx_to_token: list of tokens; token_to_idx: its inverse, a dict.

    Raises:
        ValueError: any other `token_type`.
        TypeError: `tokens` is a string, which must have been tokenized, or does not hold strings.
    """

    def __init__(
        self,
        tokens: Iterable[str],
        min_freq: int = 0,
        reserved_tokens: Sequence[str] = (),
        token_type: str = "char",
    ) -> None:
        check_token_type(token_type)
        if isinstance(tokens, str):
            raise TypeError(f"tokens must be a sequence of tokens, got the string {tokens[:20]!r}; tokenize it first")
        if not isinstance(tokens, Iterable) or (isinstance(tokens, Sequence) and not all_strings(tokens[:1])):
            raise TypeError(
                f"tokens must be strings, one after the other, got {tokens!r:.60}; join a list of lines first"
            )
        if isinstance(reserved_tokens, str) or not all_strings(reserved_tokens):
            raise TypeError(f"reserved_tokens must be a sequence of strings, got {reserved_tokens!r}")
        self.token_type = token_type
        self.token_freqs = collections.Counter(tokens).most_common()
        frequent = [token for token, freq in self.token_freqs if freq >= min_freq]
        self.idx_to_token = list(dict.fromkeys(["<unk>", *reserved_tokens, *frequent]))
        self.token_to_idx = {token: idx for idx, token in enumerate(self.idx_to_token)}
        if not all_strings(self.idx_to_token):
            raise TypeError("tokens must be strings, got something else among them")

    def __len__(self) -> int:
        return len(self.idx_to_token)

    def __getitem__(self, tokens: str | Sequence[str]) -> Any:
        """The number of one token, or the list of numbers of a list of tokens; an unknown token's is 0, `<unk>`."""
        if isinstance(tokens, str):
            return self.token_to_idx.get(tokens, 0)
        if not isinstance(tokens, Iterable):
            raise TypeError(f"a Vocab is asked for tokens, got {tokens!r}; to_tokens finds the token of a number")
        return [self[token] for token in tokens]

    def to_tokens(self, indices: Any) -> Any:
        """The token of one number, or the list of tokens of a list or 1-D tensor of numbers.

        Raises:
            IndexError: a number outside 0 … len(self) − 1.
            TypeError: something else than numbers.
        """
        if isinstance(indices, torch.Tensor):
            indices = indices.tolist()
        if isinstance(indices, int):
            if not 0 <= indices < len(self):
                raise IndexError(f"an index must be in 0 … {len(self) - 1}, got {indices}")
            return self.idx_to_token[indices]
        if isinstance(indices, str) or not isinstance(indices, Iterable):
            raise TypeError(f"to_tokens needs a whole number, or a list or tensor of them, got {indices!r}")
        return [self.to_tokens(idx) for idx in indices]

    def __contains__(self, token: object) -> bool:
        """Whether `token` has a number of its own."""
        return token in self.token_to_idx

    def __iter__(self) -> Iterator[str]:
        """The tokens in the order of their numbers."""
        return iter(self.idx_to_token)

    def __repr__(self) -> str:
        return f"<Vocab with {len(self)} tokens: {preview(self.idx_to_token)}>"
