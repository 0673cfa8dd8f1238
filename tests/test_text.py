"""Reading, cleaning, tokens and the vocabulary."""

import hashlib
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import funcs
from funcs import text

TOKENS = st.lists(st.text(min_size=1, max_size=3), max_size=50)


def test_novel_is_the_verified_one_from_any_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert hashlib.sha256(text.time_machine_path().read_bytes()).hexdigest() == text.TIME_MACHINE_SHA256
    novel = funcs.read_time_machine()
    assert novel.startswith("The Time Machine") and novel.rstrip().endswith("in the heart of man.")
    assert set(funcs.clean_text(novel)) == set(" abcdefghijklmnopqrstuvwxyz")


def test_altered_or_missing_novel_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "funcs"
    package.mkdir()
    monkeypatch.setattr(text, "__file__", str(package / "text.py"))
    with pytest.raises(FileNotFoundError, match=r"timemachine\.txt is missing.*restore"):
        funcs.read_time_machine()
    shutil.copy(Path(funcs.__file__).parents[1] / "data" / "timemachine.txt", package)
    funcs.read_time_machine()
    with open(package / "timemachine.txt", "ab") as file:
        file.write(b"!")
    with pytest.raises(ValueError, match=f"altered: its SHA-256 must be {text.TIME_MACHINE_SHA256}, got"):
        funcs.read_time_machine()


def test_unreadable_texts(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"path must name a text file, got .*nowhere\.txt"):
        funcs.read_text(tmp_path / "nowhere.txt")
    with pytest.raises(FileNotFoundError, match="path must name a text file"):
        funcs.read_text(tmp_path)
    (tmp_path / "latin1.txt").write_bytes("façade".encode("latin-1"))
    with pytest.raises(ValueError, match=r"UTF-8 text, got .*latin1\.txt', which has 0xe7 at byte 2"):
        funcs.read_text(tmp_path / "latin1.txt")
    (tmp_path / "empty.txt").write_text(" \n")
    with pytest.raises(ValueError, match=r"at least one character, got .*empty\.txt', which is empty"):
        funcs.read_text(tmp_path / "empty.txt")


def test_byte_order_mark_is_no_text(tmp_path: Path) -> None:
    (tmp_path / "bom.txt").write_text("text", encoding="utf-8-sig")
    assert funcs.read_text(tmp_path / "bom.txt") == "text"


def test_clean_text_keeps_words_apart_and_letters_whole() -> None:
    assert funcs.clean_text("speak of him)\nwas—he  said…") == "speak of him was he said"
    assert funcs.clean_text("Ärger, Été; 7 война हिन्दी!") == "ärger été война हिन्दी"
    assert funcs.clean_text("12 — 34") == ""


@given(st.text())
def test_clean_text_is_lower_case_with_single_spaces(raw: str) -> None:
    cleaned = funcs.clean_text(raw)
    assert funcs.clean_text(cleaned) == cleaned
    assert "  " not in cleaned and cleaned == cleaned.strip()


def test_tokenize() -> None:
    assert funcs.tokenize("a bc", "char") == ["a", " ", "b", "c"]
    assert funcs.tokenize("a  bc\n", "word") == ["a", "bc"]
    with pytest.raises(ValueError, match="""token_type must be "char" or "word", got 'byte'"""):
        funcs.tokenize("a bc", "byte")


@given(TOKENS, st.integers(0, 4), st.lists(st.text(min_size=1, max_size=3), max_size=4))
def test_vocab_is_a_numbering(tokens: list[str], min_freq: int, reserved: list[str]) -> None:
    vocab = funcs.Vocab(tokens, min_freq, reserved)
    assert vocab.idx_to_token[0] == "<unk>"
    assert len(vocab) == len(set(vocab.idx_to_token)) == len(vocab.token_to_idx)
    assert vocab.to_tokens(list(range(len(vocab)))) == vocab.idx_to_token
    for token in {*tokens, *reserved}:
        known = token in reserved or tokens.count(token) >= min_freq or token == "<unk>"
        assert vocab.to_tokens(vocab[token]) == (token if known else "<unk>")
    counts = [freq for _, freq in vocab.token_freqs]
    assert counts == sorted(counts, reverse=True) and sum(counts) == len(tokens)


@given(TOKENS)
def test_vocab_round_trip(tokens: list[str]) -> None:
    vocab = funcs.Vocab(tokens)
    assert vocab.to_tokens(vocab[tokens]) == tokens
    assert vocab.to_tokens(torch.tensor(vocab[tokens], dtype=torch.int64)) == tokens


def test_vocab_refuses() -> None:
    vocab = funcs.Vocab(list("abc"))
    for index in (-1, 4):
        with pytest.raises(IndexError, match=f"an index must be in 0 … 3, got {index}"):
            vocab.to_tokens([0, index])
    with pytest.raises(TypeError, match="got the string 'abc'; tokenize it first"):
        funcs.Vocab("abc")
    with pytest.raises(ValueError, match="token_type must be"):
        funcs.Vocab(["a"], token_type="byte")


def test_vocab_unknown_and_repr() -> None:
    vocab = funcs.Vocab(list("abb"))
    assert vocab["z"] == 0 and vocab[["b", "z"]] == [1, 0]
    assert repr(vocab) == '<Vocab with 3 tokens: "<unk>", "b", "a">'


def test_a_bad_byte_is_counted_from_the_start_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_bytes(b"\xef\xbb\xbfabc\xff")
    with pytest.raises(ValueError, match="0xff at byte 6"):
        funcs.read_text(tmp_path / "text.txt")


def test_a_letter_and_its_accent_are_one_letter() -> None:
    assert funcs.clean_text("cafe\u0301") == funcs.clean_text("café") == "café"


def test_vocab_as_a_container() -> None:
    vocab = funcs.Vocab(list("abb"))
    assert "b" in vocab and "z" not in vocab and list(vocab) == ["<unk>", "b", "a"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([["a"], ["b"]],), r"tokens must be strings, one after the other, got \[\['a'\], \['b'\]\]; join a list"),
        ((b"abc",), "tokens must be strings, one after the other, got b'abc'"),
        ((None,), "tokens must be strings, one after the other, got None"),
        ((iter([1, 2]),), "tokens must be strings, got something else among them"),
        ((["a", 1],), "tokens must be strings, got something else among them"),
        ((["a"], 0, "<pad>"), "reserved_tokens must be a sequence of strings, got '<pad>'"),
    ],
)
def test_vocab_refuses_what_are_no_tokens(arguments: Any, message: str) -> None:
    with pytest.raises(TypeError, match=message):
        funcs.Vocab(*arguments)


def test_vocab_is_asked_the_right_way_round() -> None:
    vocab = funcs.Vocab(list("abb"))
    with pytest.raises(TypeError, match="a Vocab is asked for tokens, got 1; to_tokens finds the token of a number"):
        vocab[1]  # type: ignore[index]
    for wrong in ("a", 1.5, None):
        with pytest.raises(TypeError, match="to_tokens needs a whole number, or a list or tensor of them, got"):
            vocab.to_tokens(wrong)
