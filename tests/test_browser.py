"""What a reader sees: JupyterLab in Chromium. Debian's Chromium, not one that Playwright downloads."""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import nbformat
import pytest
from playwright.sync_api import Locator, Page, expect, sync_playwright

ROOT = Path(__file__).parent.parent
PLACES = (
    *("chromium", "chromium-browser", "google-chrome"),  # on the path of a Linux
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    r"C:\Program Files\Google\Chrome\Application\chrome.exe",
)
CHROMIUM = next(filter(None, map(shutil.which, PLACES)), None)
CI = os.environ.get("CI") == "true"
# No sandbox inside containers, and nothing that calls home.
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking", "--disable-sync"]
TOKEN = "a-reader"
expect.set_options(timeout=60_000)  # the machine may be busy with a chapter

pytestmark = pytest.mark.skipif(
    CHROMIUM is None and not CI, reason="no Chromium on this machine (Debian: apt-get install chromium)"
)


# Every cell of a chapter is run, with its training cut short: bounds may fail then, so each cell is allowed to.
CUT_SHORT = """import functools
import funcs

@functools.wraps(funcs.train)
def one_epoch(model, train_iter, num_epochs, *args, train=funcs.train, **options):
    return train(model, train_iter, 1, *args, **options)

funcs.train = one_epoch
"""
SHORTER = {
    "04_rnn_from_scratch": {"range(1, 61)": "range(1, 2)"},
    "08_gru": {"corpus[:cut]": "corpus[:20_000]"},
    "09_lstm": {
        "biases, lags = (0, 1, 3, 5), (10, 30, 60)": "biases, lags = (3,), (10,)",
        "corpus[:cut]": "corpus[:20_000]",
    },
    "11_sampling": {
        "num_preds=400": "num_preds=20",
        "prefixes[:20]": "prefixes[:2]",
        "in range(6)": "in range(1)",
        "for prefix in prefixes])": "for prefix in prefixes[:5]])",
        "10_000, model": "300, model",
        "cut + 10_000": "cut + 300",
    },
    "12_scoreboard": {
        "text, test = corpus[:cut], corpus[cut:]": "text, test = corpus[:9000], corpus[9000:10_000]",
        "tried = book.try_cell(get_params, step)": "tried = {}",
        'generate("the ", 5000': 'generate("the ", 50',
    },
    "13_inside_the_hidden_state": {
        "text, test = corpus[:cut], corpus[cut:]": "text, test = corpus[:9000], corpus[cut:]",
        "range(1, 21)": "range(1, 2)",
        "len(string), (100,)": "len(string), (3,)",
    },
    "17_bug_museum": {"for seed in range(3)": "for seed in range(1)"},
    "10_fitting_a_wave": {
        "num_epochs=4": "num_epochs=1",
        "num_epochs=20": "num_epochs=1",
        "LAGS = (10, 20, 50, 100, 300)": "LAGS = (10,)",
        "SEEDS = range(5)": "SEEDS = range(1)",
        "thousand = 1000": "thousand = 10",
    },
}
CHAPTERS = sorted(path.stem for path in (ROOT / "chapters").glob("[0-9][0-9]_*.ipynb"))


def cut_short(path: Path) -> None:
    """Rewrite a copy of a chapter so that it runs in seconds."""
    notebook = nbformat.read(path, 4)
    for old, new in SHORTER.get(path.stem, {}).items():
        cells = [cell for cell in notebook.cells if old in cell.source]
        assert cells, f"{path.name} has no {old}"
        for cell in cells:
            cell.source = cell.source.replace(old, new)
    notebook.cells.insert(0, nbformat.v4.new_code_cell(CUT_SHORT))
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
            cell.metadata["tags"] = ["raises-exception"]
    nbformat.write(notebook, path)


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a JupyterLab on a copy of the chapters, with settings of its own."""
    home = tmp_path_factory.mktemp("lab")
    shutil.copytree(ROOT / "chapters", home / "book" / "chapters")
    shutil.copytree(ROOT / "chapters", home / "book" / "short")
    for path in (home / "book" / "short").glob("*.ipynb"):
        cut_short(path)
    tracker = home / "LAB_SETTINGS" / "@jupyterlab" / "notebook-extension" / "tracker.jupyterlab-settings"
    tracker.parent.mkdir(parents=True)
    tracker.write_text('{"windowingMode": "none"}')  # all cells are on the page, also those out of sight
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    folders = {f"JUPYTER{name}_DIR": str(home / name) for name in ("_CONFIG", "_DATA", "_RUNTIME")}
    folders |= {"JUPYTERLAB_SETTINGS_DIR": str(home / "LAB_SETTINGS")}
    folders |= {"JUPYTERLAB_WORKSPACES_DIR": str(home / "workspaces"), "IPYTHONDIR": str(home / "ipython")}
    options = [f"--port={port}", f"--IdentityProvider.token={TOKEN}", "--ip=127.0.0.1", "--no-browser", "--allow-root"]
    with (home / "log").open("w") as log:
        server = subprocess.Popen(
            [sys.executable, "-m", "jupyter", "lab", *options],
            cwd=home / "book",
            env={**os.environ, **folders},
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(120):
            try:
                with urllib.request.urlopen(f"{address}/api?token={TOKEN}") as answer:
                    json.load(answer)
                break
            except OSError:
                assert server.poll() is None, (home / "log").read_text()
                time.sleep(0.5)
        else:
            pytest.fail((home / "log").read_text())
        yield address
    finally:
        server.terminate()
        server.wait(30)


@pytest.fixture
def page() -> Iterator[Page]:
    if CHROMIUM is None:
        pytest.fail("CI=true, and there is no Chromium on this machine")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = browser.new_page(viewport={"width": 1300, "height": 1000})
        page.set_default_timeout(60_000)
        yield page
        browser.close()


def open_chapter(page: Page, lab: str, name: str, folder: str = "chapters") -> Locator:
    page.goto(f"{lab}/lab/tree/{folder}/{name}.ipynb?token={TOKEN}&reset")
    notebook = page.locator(".jp-NotebookPanel:visible")
    expect(page.get_by_text("Python 3 (ipykernel) | Idle")).to_be_visible(timeout=120_000)
    return notebook


ALL_HAVE_RUN = """([count]) => {
    const prompts = [...document.querySelectorAll('.jp-NotebookPanel .jp-CodeCell .jp-InputPrompt')];
    return prompts.filter(prompt => /^\\[\\d+\\]:/.test(prompt.textContent)).length === count;
}"""


@pytest.mark.parametrize("name", CHAPTERS)
def test_every_control_moves_its_picture_after_run_all(
    lab: str, page: Page, name: str, record_property: Callable[[str, object], None]
) -> None:
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    notebook = open_chapter(page, lab, name, "short")
    count = sum(cell.cell_type == "code" for cell in nbformat.read(ROOT / "chapters" / f"{name}.ipynb", 4).cells) + 1
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.locator("[data-command='runmenu:run-all']").click()
    page.wait_for_function(ALL_HAVE_RUN, arg=[count], timeout=240_000)
    expect(page.get_by_text("Python 3 (ipykernel) | Idle")).to_be_visible()
    moving = notebook.locator(".jp-CodeCell", has_text="book.explore(")
    for i in range(moving.count()):
        cell = moving.nth(i)
        handles, figure = cell.locator(".noUi-handle"), cell.locator(".jp-RenderedSVG img")
        assert handles.count() >= 1
        for k in range(handles.count()):
            handle = handles.nth(k)
            handle.scroll_into_view_if_needed()
            source, picture = figure.get_attribute("src"), figure.screenshot()
            assert source
            handle.focus()
            at_its_end = handle.get_attribute("aria-valuenow") == handle.get_attribute("aria-valuemax")
            start = time.perf_counter()
            handle.press("ArrowLeft" if at_its_end else "ArrowRight")
            expect(figure).not_to_have_attribute("src", source)
            milliseconds = (time.perf_counter() - start) * 1000
            assert figure.screenshot() != picture
            label = cell.locator(".widget-label").nth(k).inner_text()
            record_property("redraw", f"{name}, {label}: {milliseconds:.0f} ms")
    assert moving.count() or "book.explore(" not in (ROOT / "chapters" / f"{name}.ipynb").read_text(encoding="utf-8")
    assert not errors


def test_a_chapter_as_the_reader_opens_it(lab: str, page: Page) -> None:
    """No question about news over the figures, figures, exercises that answer."""
    notebook = open_chapter(page, lab, "01_concatenated_weights")
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.locator("[data-command='runmenu:run-all']").click()
    last = notebook.locator(".jp-CodeCell", has_text="three_gates")
    expect(last.locator(".jp-OutputArea-output")).to_contain_text("01.5: not done yet", timeout=120_000)
    expect(notebook.locator(".jp-RenderedSVG img").first).to_be_visible()
    expect(page.get_by_text("get notified about official Jupyter news")).to_have_count(0)


def test_chapter_4_runs_up_to_the_shape_check(lab: str, page: Page) -> None:
    notebook = open_chapter(page, lab, "04_rnn_from_scratch")
    shape_check = "assert outputs.shape == (1120, 28)"
    page.get_by_role("menuitem", name="Edit", exact=True).click()
    page.locator("[data-command='editmenu:clear-all']").click()
    cell = notebook.locator(".jp-CodeCell", has_text=shape_check)
    cell.scroll_into_view_if_needed()
    expect(cell.locator(".jp-OutputArea-output")).to_have_count(0)
    cell.locator(".jp-InputPrompt").click()
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.locator("[data-command='notebook:run-all-above']").click()
    page.keyboard.press("Shift+Enter")
    output = cell.locator(".jp-OutputArea-output")
    expect(output).to_contain_text("output (1120, 28)  state 1 tensor of shape (32, 512)", timeout=120_000)
