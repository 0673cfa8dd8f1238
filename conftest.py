"""How pytest runs the notebooks: with nbval, strictly, but for what depends on the machine."""

from pathlib import Path

import hypothesis
import pytest
from nbval.plugin import IPyNbFile

hypothesis.settings.register_profile("book", deadline=None)  # the machine may be busy with a chapter
hypothesis.settings.load_profile("book")


def pytest_configure(config: pytest.Config) -> None:
    if not config.option.nbval_sanitize_with:
        config.option.nbval_sanitize_with = str(Path(__file__).parent / "tests" / "sanitize.cfg")


def pytest_collectstart(collector: pytest.Collector) -> None:
    if isinstance(collector, IPyNbFile):  # fonts and coordinates differ between machines
        collector.skip_compare += ("image/svg+xml",)
