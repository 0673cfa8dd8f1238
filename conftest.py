"""How pytest runs the notebooks: with nbval, strictly, but for what depends on the machine; and seeds the tests."""

from pathlib import Path
from typing import Any

import hypothesis
import pytest
import torch
from nbval.plugin import IPyNbFile

hypothesis.settings.register_profile("book", deadline=None)  # the machine may be busy with a chapter
hypothesis.settings.load_profile("book")


@pytest.fixture(autouse=True)
def same_numbers_each_time() -> None:
    """For each test: what fails once in a hundred runs would fail for somebody else."""
    torch.manual_seed(0)


def pytest_configure(config: pytest.Config) -> None:
    if not config.option.nbval_sanitize_with:
        config.option.nbval_sanitize_with = str(Path(__file__).parent / "tests" / "sanitize.cfg")


def pytest_collectstart(collector: pytest.Collector) -> None:
    if isinstance(collector, IPyNbFile):  # fonts and coordinates differ between machines
        collector.skip_compare += ("image/svg+xml",)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The browser first, then later chapters, which train longest: no process must begin a long file last."""
    chapters = sorted(
        {item.path for item in items if item.path.suffix == ".ipynb"}, key=lambda path: (path.name, str(path))
    )
    places = {path: -number for number, path in enumerate(chapters)}
    items.sort(key=lambda item: (item.path.name != "test_browser.py", places.get(item.path, 1)))


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """How long each control of each chapter took to redraw its picture in the browser."""
    reports = terminalreporter.getreports("passed")
    lines = [str(value) for report in reports for name, value in report.user_properties if name == "redraw"]
    if lines:
        terminalreporter.section("from a control's move to its new picture")
        terminalreporter.write_line("\n".join(lines))
