"""Is an exercise's answer right? One file of checks per chapter; each is found by itself."""

import importlib
import pkgutil

from funcs.book.exercises.checking import CHECKS, check

__all__ = ["CHECKS", "check"]

for module in pkgutil.iter_modules(__path__):
    importlib.import_module(f"{__name__}.{module.name}")
