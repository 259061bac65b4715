# SPDX-License-Identifier: Apache-2.0
"""Ctrl-C while a command is still importing its modules: it ends at once, says nothing, and has asked for nothing.

Law: the launchers are those that contrib/install writes. Each module of the tests' own interrupts itself while it is imported,
so no test depends on time.
"""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from contrib.scripts import load
from tests.waiting import PATIENCE

TREE = Path(__file__).parents[2]
BY_SIGNAL, STATUS = -signal.SIGINT, 130
ENDS = {"jitsudo": BY_SIGNAL, "jitd": STATUS}
ITSELF = "import os, signal, time\nos.kill(os.getpid(), signal.SIGINT)\ntime.sleep(0.001)\n"


@pytest.fixture
def started(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[bytes]]:
    """Starts the command ``name``, which imports ``main`` from ``module``; a module ``fake`` has the text ``text``."""

    def start(name: str, module: str, fake: str, text: str, *words: str, **more: Any) -> subprocess.CompletedProcess[bytes]:
        libraries = [one for one in sys.path if one]
        (tmp_path / f"{fake}.py").write_text(text)
        script = load("install").typed(name, module, [str(tmp_path), str(TREE), *libraries])
        command = [sys.executable, "-IS", "-c", script, *words]
        return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=PATIENCE, check=False, **more)

    return start


@pytest.mark.parametrize("name", ENDS)
def test_an_import_that_is_interrupted_ends_silently(started: Any, name: str) -> None:
    done = started(name, "fake", "fake", f"{ITSELF}main = lambda: print('went on')\n")
    assert (done.returncode, done.stdout, done.stderr) == (ENDS[name], b"", b"")


@pytest.mark.parametrize("name", ENDS)
def test_what_is_ignored_stays_ignored(started: Any, name: str) -> None:
    done = started(
        name,
        "fake",
        "fake",
        f"{ITSELF}main = lambda: print('went on')\n",
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN),
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"went on\n", b"")


def test_jitd_itself_is_interrupted_while_it_imports_what_it_needs(started: Any) -> None:
    done = started("jitd", "jitd.cli", "click", ITSELF, "--version")
    assert (done.returncode, done.stdout, done.stderr) == (STATUS, b"", b"")


def test_jitd_is_interrupted_when_it_has_said_all(started: Any) -> None:
    """While Python ends, a KeyboardInterrupt would be told of."""
    last = (
        f"def last():\n    {'; '.join(ITSELF.splitlines())}\n\nimport atexit\natexit.register(last)\nfrom jitd.cli import main\n"
    )
    done = started("jitd", "fake", "fake", last, "--version")
    assert (done.returncode, done.stderr) == (STATUS, b"") and done.stdout.startswith(b"jitd ")


def test_a_verb_is_interrupted_as_before(started: Any) -> None:
    """The verb hears of it, and may end what it has begun."""
    text = (
        "import jitd.cli\n"
        f"def invoke():\n    try:\n        {'; '.join(ITSELF.splitlines())}\n"
        "    finally:\n        print('ended what it began')\n"
        "jitd.cli._invoke = invoke\nfrom jitd.cli import main\n"
    )
    done = started("jitd", "fake", "fake", text)
    assert (done.returncode, done.stdout, done.stderr) == (STATUS, b"ended what it began\n", b"")
