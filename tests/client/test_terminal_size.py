# SPDX-License-Identifier: Apache-2.0
"""The size of the terminal is what the standard library says of it, and is known without the modules that this loads."""

import json
import os
import shutil
import subprocess
import sys
from itertools import product

import pytest

from jitd.cli.terminal_size import terminal_size, width
from tests.client.acting import TREE

VALUES = (None, "", "0", "-3", "7", " 9 ", "1e2", "many")


@pytest.mark.parametrize("size", [None, (0, 0), (0, 31), (132, 0), (132, 43)])
def test_it_is_what_the_standard_library_says(monkeypatch, size):
    def told(_descriptor=1):
        if size is None:
            raise OSError("no terminal")
        return os.terminal_size(size)

    monkeypatch.setattr(os, "get_terminal_size", told)
    for columns, lines in product(VALUES, repeat=2):
        for variable, value in (("COLUMNS", columns), ("LINES", lines)):
            monkeypatch.delenv(variable, raising=False)
            if value is not None:
                monkeypatch.setenv(variable, value)
        assert terminal_size() == shutil.get_terminal_size(), (columns, lines)


def test_without_a_standard_output_it_is_the_usual_one(monkeypatch):
    for variable in ("COLUMNS", "LINES"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr(sys, "__stdout__", None)
    assert terminal_size() == shutil.get_terminal_size() == (80, 24)


def test_what_is_no_terminal_has_no_width(monkeypatch):
    monkeypatch.setenv("COLUMNS", "50")
    with open(os.devnull, "w") as output:
        monkeypatch.setattr(sys, "stdout", output)
        assert width() is None


@pytest.mark.parametrize("verb", ["lists", "review", "reviewing", "record", "ending", "locking"])
def test_no_verb_that_asks_the_daemon_loads_a_library_for_compression(verb):
    line = (
        f"import sys, json; sys.path[:0] = {[str(TREE), *sys.path]!r}; import jitd.cli.{verb}; print(json.dumps([*sys.modules]))"
    )
    done = subprocess.run([sys.executable, "-IS", "-c", line], capture_output=True, check=True)
    assert not {"shutil", "bz2", "lzma"} & {*json.loads(done.stdout)}
