# SPDX-License-Identifier: Apache-2.0
"""Imports the scripts of this directory, whose files have no suffix, for other scripts and for tests."""

from __future__ import annotations

import importlib.machinery
import importlib.util
import sys
from pathlib import Path
from types import ModuleType

HERE = Path(__file__).resolve().parent


def load(name: str) -> ModuleType:
    """The script ``name``, a path below contrib/, as a module. It is in ``sys.modules``, where dataclasses look for names."""
    loader = importlib.machinery.SourceFileLoader(name.replace("/", "_").replace("-", "_").removesuffix(".py"), str(HERE / name))
    spec = importlib.util.spec_from_loader(loader.name, loader)
    assert spec is not None
    module = sys.modules[loader.name] = importlib.util.module_from_spec(spec)
    before, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    try:
        loader.exec_module(module)
    finally:
        sys.dont_write_bytecode = before
    return module
