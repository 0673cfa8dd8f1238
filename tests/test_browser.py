"""What a reader sees: JupyterLab in Chromium. Debian's Chromium, not one that Playwright downloads."""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect, sync_playwright

ROOT = Path(__file__).parent.parent
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
CI = os.environ.get("CI") == "true"
# No sandbox inside containers, and nothing that calls home.
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking", "--disable-sync"]
TOKEN = "a-reader"

pytestmark = pytest.mark.skipif(
    CHROMIUM is None and not CI, reason="no Chromium on this machine (Debian: apt-get install chromium)"
)


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a JupyterLab on a copy of the chapters, with settings of its own."""
    home = tmp_path_factory.mktemp("lab")
    shutil.copytree(ROOT / "chapters", home / "book" / "chapters")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    folders = {f"JUPYTER{name}_DIR": str(home / name) for name in ("_CONFIG", "_DATA", "_RUNTIME", "LAB_SETTINGS")}
    folders |= {"JUPYTERLAB_WORKSPACES_DIR": str(home / "workspaces"), "IPYTHONDIR": str(home / "ipython")}
    options = [f"--port={port}", f"--IdentityProvider.token={TOKEN}", "--ip=127.0.0.1", "--no-browser", "--allow-root"]
    options += ["--LabApp.news_url=None", "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate"]
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


def open_chapter(page: Page, lab: str, name: str) -> Locator:
    page.goto(f"{lab}/lab/tree/chapters/{name}.ipynb?token={TOKEN}&reset")
    notebook = page.locator(".jp-NotebookPanel:visible")
    expect(page.get_by_text("Python 3 (ipykernel) | Idle")).to_be_visible(timeout=120_000)
    return notebook


def test_chapter_1_runs_and_its_slider_moves_the_figure(lab: str, page: Page) -> None:
    notebook = open_chapter(page, lab, "01_concatenated_weights")
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.locator("[data-command='runmenu:run-all']").click()
    cell = notebook.locator(".jp-CodeCell", has_text="funcs.explore(draw")
    handle = cell.locator(".noUi-handle").nth(0)
    expect(handle).to_be_visible(timeout=120_000)
    figure = cell.locator(".jp-RenderedSVG img")
    expect(figure).to_be_visible()
    source, picture = figure.get_attribute("src"), figure.screenshot()
    assert source
    handle.focus()
    handle.press("ArrowRight")
    expect(cell.locator(".widget-readout").nth(0)).to_have_text("1")
    expect(figure).not_to_have_attribute("src", source)
    assert figure.screenshot() != picture
    last = notebook.locator(".jp-CodeCell", has_text="three_gates")
    last.scroll_into_view_if_needed()
    expect(last.locator(".jp-OutputArea-output")).to_contain_text("01.5: not done yet", timeout=120_000)


def test_chapter_8s_gate_moves(lab: str, page: Page) -> None:
    notebook = open_chapter(page, lab, "08_gru")
    cell = notebook.locator(".jp-CodeCell", has_text="funcs.explore(draw")
    cell.scroll_into_view_if_needed()
    cell.locator(".jp-InputPrompt").click()
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.locator("[data-command='notebook:run-all-above']").click()
    page.keyboard.press("Shift+Enter")
    handle = cell.locator(".noUi-handle").nth(0)
    expect(handle).to_be_visible(timeout=120_000)
    figure = cell.locator(".jp-RenderedSVG img")
    source = figure.get_attribute("src")
    assert source
    handle.focus()
    handle.press("ArrowRight")
    expect(cell.locator(".widget-readout").nth(0)).to_have_text("2.10")
    expect(figure).not_to_have_attribute("src", source)


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
