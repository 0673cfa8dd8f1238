"""The project as a whole: what it installs, and what its wheel carries."""

import contextlib
import importlib.metadata
import json
import os
import re
import runpy
import shutil
import signal
import socket
import subprocess
import sys
import time
import tomllib
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest

import funcs
from funcs import book, recurrences

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
REQUIREMENTS = [
    *PYPROJECT["project"]["dependencies"],
    *(r for extra in PYPROJECT["project"]["optional-dependencies"].values() for r in extra),
]


def version(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", text))


def test_constraints_pin_what_pyproject_names() -> None:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = dict(line.lower().split("==") for line in lines if not line.startswith("#"))
    assert pins["torch"] == "2.13.0"
    for requirement in REQUIREMENTS:
        name, lowest = requirement.lower().split(">=")
        assert name in pins, f"constraints.txt does not pin {name}"
        assert version(pins[name]) >= version(lowest)


def test_environment_yml_agrees_with_pyproject() -> None:
    text = (ROOT / "environment.yml").read_text(encoding="utf-8")
    entries = re.findall(r"^ *- (.*)$", text, re.M)
    extras = ",".join(PYPROJECT["project"]["optional-dependencies"])
    assert entries[-4:] == ["pip", "pip:", "-c constraints.txt", f"-e .[{extras}]"]
    (python,) = [entry for entry in entries if entry.startswith("python")]
    assert version(python) == version(PYPROJECT["project"]["requires-python"])
    packages = {re.split(r"[>=<]", requirement)[0] for requirement in REQUIREMENTS}
    assert not packages & set(re.findall(r"[\w-]+", text)), "packages are named in pyproject.toml only"


def test_public_names_are_documented() -> None:
    for place in (funcs, recurrences, book):
        for name in place.__all__:
            thing = getattr(place, name)
            if callable(thing):
                assert thing.__doc__ and not thing.__doc__.startswith(f"{name}("), f"{name} has no docstring"


def test_the_public_surface_is_a_practitioners() -> None:
    assert len(funcs.__all__) <= 40
    shared = {"recurrence"}  # in `funcs`, and among the others in `funcs.recurrences`
    assert set(funcs.__all__) & set(recurrences.__all__) == shared and not set(funcs.__all__) & set(book.__all__)
    assert funcs.__version__ == importlib.metadata.version("recurrent-networks-by-hand")


def python(script: str, folder: Path = ROOT, **environment: str) -> subprocess.CompletedProcess[str]:
    """A script in a fresh interpreter."""
    command = [sys.executable, "-c", script]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, env={**os.environ, **environment})


def test_plain_import_needs_none_of_the_books_tools() -> None:
    """Not loaded, and not missed: an import of one of them is an error here."""
    tools = ("matplotlib", "matplotlib_inline", "IPython", "ipywidgets", "jupyterlab", "ipykernel")
    script = f"""
import sys
for name in {tools}:
    sys.modules[name] = None
import funcs
train_iter, vocab = funcs.load_data_time_machine(8, 10, max_tokens=1000)
model = funcs.RNN(len(vocab), 8)
print(funcs.train(model, train_iter, 1, progress=False), funcs.predict("the", 3, model, vocab))
try:
    from funcs import book
except ModuleNotFoundError as error:
    print(error)
"""
    run = python(script)
    assert run.returncode == 0, run.stderr
    assert "<History of 1 epochs" in run.stdout
    assert "it needs matplotlib, IPython, ipywidgets. In the book's folder: pip install '.[book]'" in run.stdout


def test_another_package_named_funcs_is_noticed(tmp_path: Path) -> None:
    """Beside ours: a warning. Written over ours: `from funcs import book` says so."""
    site = tmp_path / "site"
    shutil.copytree(ROOT / "funcs", site / "funcs")
    (site / "funcs-0.11.0.dist-info").mkdir()
    (site / "funcs-0.11.0.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: funcs\nVersion: 0.11.0\n")
    run = python("import funcs", PYTHONPATH=str(site))
    assert run.returncode == 0 and "another package named funcs, of functional programming" in run.stderr
    for theirs in (True, False):  # and what is left once theirs has been uninstalled
        (site / "funcs" / "__init__.py").unlink()
        if theirs:
            (site / "funcs" / "__init__.py").write_text("def compose(*fs): ...")
        script = f"import sys; sys.path.remove({str(ROOT)!r}); from funcs import book"  # without the checkout's own
        run = python(script, tmp_path, PYTHONPATH=str(site))
        assert "ImportError: this `funcs` is not the book's" in run.stderr


def test_workflow_tries_the_lowest_torch() -> None:
    (torch,) = [requirement for requirement in REQUIREMENTS if requirement.startswith("torch")]
    text = (ROOT / ".github" / "workflows" / "test.yml").read_text(encoding="utf-8")
    (lowest,) = re.findall(r"torch: (\d[\d.]+)", text)
    assert version(lowest) == (*version(torch.split(">=")[1]), 0)
    assert re.findall(r"os: \[(.*)\]", text) == ["ubuntu-latest, macos-latest, windows-latest"]
    assert "make test" in text


def test_devcontainer_and_binder_install_the_book() -> None:
    container = json.loads((ROOT / ".devcontainer" / "devcontainer.json").read_text(encoding="utf-8"))
    assert container["postCreateCommand"].endswith("make setup")
    subprocess.run(["make", "-n", "setup"], cwd=ROOT, check=True, capture_output=True)
    script = ROOT / ".binder" / "postBuild"
    assert "-c constraints.txt -e '.[book]'" in script.read_text(encoding="utf-8")
    mode = subprocess.run(
        ["git", "ls-files", "-s", ".binder/postBuild"], cwd=ROOT, capture_output=True, text=True
    ).stdout
    assert not mode or mode.startswith("100755")


def test_wheel_works_alone(tmp_path: Path) -> None:
    """The wheel carries the novel: import it from a strange folder, offline, with the checkout out of reach."""
    pip = [sys.executable, "-m", "pip", "-q", "--disable-pip-version-check"]
    build = [*pip, "wheel", "--no-deps", "--no-build-isolation", "-w", str(tmp_path), str(ROOT)]
    subprocess.run(build, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    site, elsewhere = tmp_path / "site", tmp_path / "elsewhere"
    elsewhere.mkdir()
    install = [*pip, "install", "--no-deps", "--no-index", "--target", str(site), str(wheel)]
    subprocess.run(install, check=True, capture_output=True)
    script = (
        "import funcs, json; it, vocab = funcs.load_data_time_machine(32, 35); "
        "print(json.dumps([funcs.__file__, repr(it), repr(vocab)]))"
    )
    run = subprocess.run(
        [sys.executable, "-c", script],
        cwd=elsewhere,
        env={**os.environ, "PYTHONPATH": str(site)},
        check=True,
        capture_output=True,
        text=True,
    )
    file, loader, vocab = json.loads(run.stdout)
    assert Path(file).is_relative_to(site)
    assert loader == '<TimeMachineLoader with 10000 corpus: "t", "h", "e", " ", "t", ...>'
    assert vocab == '<Vocab with 28 tokens: "<unk>", " ", "e", "t", "a", ...>'
    names = subprocess.run(
        [sys.executable, "-m", "zipfile", "-l", str(wheel)], check=True, capture_output=True, text=True
    )
    assert "funcs/timemachine.txt" in names.stdout and "funcs/scoreboard.json" in names.stdout
    assert "tests/" not in names.stdout


def test_readme_code_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a short text of the reader's own, one block after the other."""
    (tmp_path / "my_novel.txt").write_text(funcs.read_time_machine()[:5000], encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"^```python\n(.*?)^```", README, re.M | re.S)
    names: dict[str, object] = {}
    for block in blocks:
        exec(block, names)
    assert len(blocks) == 3 and isinstance(names["model"], funcs.RNNModel)


def spread(values: list[float]) -> str:
    low, high = f"{min(values):.2f}", f"{max(values):.2f}"
    return low if low == high else f"{low} to {high}"


def test_readme_shows_the_stored_benchmarks() -> None:
    """Each ratio as its range over all runs in benchmarks/results, and no number beside them."""
    folder = ROOT / "benchmarks" / "results"
    others = ("reported", "scoreboard")
    runs = [json.loads(path.read_text(encoding="utf-8")) for path in folder.glob("*.json") if path.stem not in others]
    reported = json.loads((folder / "reported.json").read_text(encoding="utf-8"))
    sizes = [size for run in runs for size in (*run["milliseconds"], run["milliseconds_again_after_large_sizes"])]
    text = " ".join(README.split())

    def library(rows: list[dict[str, Any]], *cells: str) -> list[float]:
        return [row[f"nn.{row['cell']}"] / row["ours"] for row in rows if row["cell"] in cells]

    for cell in ("RNN", "GRU", "LSTM"):
        main = [size for size in sizes if size["cell"] == cell and list(size.values())[1:4] == [32, 35, 512]]
        columns = []
        for name in ("plain loop", "nn", "floor, torch.mm", "floor, packed"):
            measured = [size[name if name != "nn" else f"nn.{cell}"] / size["ours"] for size in main]
            columns.append(spread(measured + [x for r in reported for x in r["over_ours"][cell].get(name, [])]))
        assert f"| {cell} | {' | '.join(columns)} |" in README
    training = library(sizes, "RNN", "GRU") + [
        x for r in reported for c in ("RNN", "GRU") for x in r["over_ours"][c]["nn"]
    ]
    assert min(training) > 1 and f"nn.RNN and nn.GRU take {spread(training)} times as long as ours" in text
    lstm = library(sizes, "LSTM")
    assert max(lstm) < 1 and f"it takes {spread(lstm)} of our time" in text
    without = [row for run in runs for row in run["milliseconds_without_gradients"]]
    for cell in ("RNN", "GRU", "LSTM"):
        assert f"nn.{cell}{' takes' * (cell == 'RNN')} {spread(library(without, cell))}" in text


def test_readme_pictures() -> None:
    """Each stands there with a description, and alone; those of chapters are the figures stored in them."""
    found = re.findall(r'<img src="(pictures/[^"]+)"[^>]* alt="([^"]{20,})"', README)
    assert len(found) == README.count("<img"), "a picture without a description"
    chapters = {path.stem[:2] for path in (ROOT / "chapters").glob("[0-9][0-9]_*.ipynb")}
    missing = {"cover", *chapters} - {Path(path).stem for path, _ in found}
    assert not missing, f"the README's table has no cell for {missing}: tools/pictures.py draws their pictures"
    module = runpy.run_path(str(ROOT / "tools" / "pictures.py"))
    for name in (Path(path).stem for path, _ in found):
        stored = (ROOT / "pictures" / f"{name}.svg").read_text(encoding="utf-8")
        assert not re.search(r"<script|<image|(href|src)=.http|url.http", stored)
        if name != "cover":
            assert stored.strip() == module["chapter_picture"](name).strip(), f"make pictures NAMES={name}"


@pytest.mark.skipif(not (ROOT / ".venv" / "lab.stamp").exists(), reason="make has set up no environment here")
def test_make_lab_serves_the_book_at_chapter_1_on_localhost(tmp_path: Path) -> None:
    """The root is the repository, so that `my/` is within reach; and nobody gets in without the token."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    options = f"LAB_ARGS=--no-browser --port={port} --IdentityProvider.token=a-reader"
    folders = {f"JUPYTER_{name}_DIR": str(tmp_path / name) for name in ("CONFIG", "DATA", "RUNTIME")}
    with (tmp_path / "log").open("w") as log:
        command = ["make", "lab", options]
        server = subprocess.Popen(
            command, cwd=ROOT, env={**os.environ, **folders}, stdout=log, stderr=log, start_new_session=True
        )
    address = f"http://localhost:{port}"
    try:
        for _ in range(120):
            with contextlib.suppress(OSError):
                answer = urllib.request.urlopen(f"{address}/api/contents/?token=a-reader")
                break
            assert server.poll() is None, (tmp_path / "log").read_text()
            time.sleep(0.5)
        names = {entry["name"] for entry in json.load(answer)["content"]}
        assert {"README.md", "chapters", "funcs"} <= names
        with pytest.raises(urllib.error.HTTPError, match="403"):
            urllib.request.urlopen(f"{address}/api/contents/")
        first = urllib.request.urlopen(f"{address}/?token=a-reader").geturl()
        assert first.split("?")[0] == f"{address}/lab/tree/chapters/01_concatenated_weights.ipynb"
        assert f"{address}/lab/tree/chapters/01_concatenated_weights.ipynb?token=" in (tmp_path / "log").read_text()
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait(30)
