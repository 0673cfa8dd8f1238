"""Files smaller and back: exact, or an error, and the commands that do it from a shell."""

import bz2
import gzip
import lzma
import random
import subprocess
import sys
import zlib
from pathlib import Path

import pytest
import torch

import funcs
from funcs import compress, compression, decompress
from funcs.__main__ import main

NOVEL = funcs.text.time_machine_path()


def test_200_random_strings_come_back() -> None:
    numbers = random.Random(0)
    for n in range(200):
        data = numbers.randbytes(numbers.randrange(1 + n // 4))
        assert decompress(compress(data)) == data


def test_text_a_picture_and_nothing_come_back() -> None:
    picture = (Path(__file__).parent.parent / "pictures").glob("*.*")
    for data in (b"", b"a", NOVEL.read_bytes()[:3000], min(picture).read_bytes()[:1500], bytes(range(256)) * 2):
        threads = torch.get_num_threads()
        torch.set_num_threads(2)
        code = compress(data)
        assert torch.get_num_threads() == 2
        torch.set_num_threads(threads)
        torch.rand(3)
        assert decompress(code) == data
        assert len(code) <= len(data) + compression.HEAD.size


def test_smaller_than_the_others_on_the_beginning_of_the_novel() -> None:
    data = NOVEL.read_bytes()[:6000]
    assert len(compress(data)) < min(len(bz2.compress(data)), len(gzip.compress(data)), len(lzma.compress(data)))


def test_what_cannot_be_right_is_an_error() -> None:
    data = NOVEL.read_bytes()[2000:2600]
    code = compress(data)
    with pytest.raises(ValueError, match="begin as compress writes it"):
        decompress(bz2.compress(data))
    with pytest.raises(ValueError, match="begin as compress writes it"):
        decompress(code[:10])
    damaged = bytearray(code)
    damaged[40] ^= 1
    with pytest.raises(ValueError, match="checksum differs|stand for no text"):
        decompress(bytes(damaged))
    with pytest.raises(ValueError, match="checksum differs|stand for no text"):
        decompress(code[:-20])
    for place, message in ((4, "method must be"), (5, "rounds differently")):
        other = bytearray(code)
        other[place] ^= 64
        with pytest.raises(ValueError, match=message):
            decompress(bytes(other))


def test_another_torch_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    code = compress(b"abcabcabc" * 9)
    monkeypatch.setattr(torch, "__version__", "0.0")
    with pytest.raises(ValueError, match=r"torch 0\.0 .*rounds differently"):
        decompress(code)


def test_commands_compress_and_decompress(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file, small, back = tmp_path / "text", tmp_path / "text.rnh", tmp_path / "back"
    data = NOVEL.read_bytes()[:2500]
    file.write_bytes(data)
    assert main(["compress", str(file), "-o", str(small)]) == 0
    out, err = capsys.readouterr()
    assert f"{small.stat().st_size:,} bytes" in out and "gzip" in out and "xz" in out and "bits per byte" in out
    assert "2.50k/2.50k" in err.replace(" ", "")
    assert main(["decompress", str(small), "-o", str(back)]) == 0
    assert back.read_bytes() == data and "checksum right" in capsys.readouterr().out
    assert sorted(path.name for path in tmp_path.iterdir()) == ["back", "text", "text.rnh"]


def test_commands_write_nothing_wrong_and_lose_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file, out = tmp_path / "file", tmp_path / "out"
    file.write_bytes(b"not one of ours")
    assert main(["decompress", str(file), "-o", str(out)]) == 1 and not out.exists()
    assert "error: code must begin" in capsys.readouterr().err
    out.write_bytes(b"dear to me")
    assert main(["compress", str(file), "-o", str(out)]) == 1 and out.read_bytes() == b"dear to me"
    assert "--force" in capsys.readouterr().err
    assert main(["compress", str(file), "-o", str(out), "--force"]) == 0 and out.read_bytes()[:4] == compression.MAGIC
    assert main(["compress", str(tmp_path / "nothing"), "-o", str(tmp_path / "new")]) == 1
    assert main(["compress", str(file), "-o", str(tmp_path / "no" / "new")]) == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "out"]


def test_an_interruption_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(data: bytes, watch: object) -> bytes:
        raise KeyboardInterrupt

    monkeypatch.setattr("funcs.__main__.compress", interrupted)
    (tmp_path / "file").write_bytes(b"abc")
    assert main(["compress", str(tmp_path / "file"), "-o", str(tmp_path / "out")]) == 130
    assert not (tmp_path / "out").exists()


def test_a_file_that_cannot_be_finished_leaves_the_old_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_bytes(b"abc")
    (tmp_path / "out").write_bytes(b"dear to me")

    def full(*_: object) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr("os.replace", full)
    assert main(["compress", str(tmp_path / "file"), "-o", str(tmp_path / "out"), "--force"]) == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "out"]
    assert (tmp_path / "out").read_bytes() == b"dear to me"


def test_score_and_generate(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "text.txt"
    file.write_text(NOVEL.read_text(encoding="utf-8")[:6000], encoding="utf-8")
    assert main(["score", str(file), "--epochs", "2"]) == 0
    out = capsys.readouterr().out
    rows = {line[:24].strip(): float(line[24:].split()[0]) for line in out.splitlines()[2:]}
    assert "5,400 characters to learn from, 600 to predict" in out
    assert rows["6-gram, Kneser-Ney"] < rows["how frequent each is"] < rows["every character alike"]
    assert {"gzip", "bzip2", "xz", "counts, learning on", "LSTM, 2 epochs"} <= set(rows)
    command = ["generate", str(file), "--epochs", "1", "--prefix", "The Time", "--num", "40", "--seed", "3"]
    texts = []
    for _ in range(2):
        assert main(command) == 0
        texts.append(capsys.readouterr().out)
    assert texts[0] == texts[1] and texts[0].startswith("The Time") and len(texts[0].rstrip("\n")) == 48
    assert main([*command, "--temperature", "-1"]) == 1 and "temperature must be" in capsys.readouterr().err
    file.write_text("short", encoding="utf-8")
    assert main(["score", str(file)]) == 1 and "at least 1000 characters" in capsys.readouterr().err


def test_the_module_runs() -> None:
    done = subprocess.run([sys.executable, "-m", "funcs", "--help"], capture_output=True, text=True, check=True)
    assert all(command in done.stdout for command in ("compress", "decompress", "score", "generate"))


def test_the_head_is_as_it_is_written() -> None:
    code = compress(b"abc")
    magic, method, digits, length, checksum = compression.HEAD.unpack(code[: compression.HEAD.size])
    assert (magic, method, digits, length, checksum) == (b"RNH1", compression.STORED, 0, 3, zlib.crc32(b"abc"))
    assert code[compression.HEAD.size :] == b"abc"
