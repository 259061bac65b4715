# SPDX-License-Identifier: Apache-2.0
"""docs/operations.md, typed line by line on a booted host whose state is on a disk of its own, which a chapter finds full."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from jitd.recording.reserve import PART
from tests.booted.conftest import Service
from tests.typed_page import TREE, Page, sections

CHAPTERS = sections((TREE / "docs/operations.md").read_text("utf-8"))
TYPED = [name for name, text in CHAPTERS.items() if "```console" in text]
STATE, HEAD = Path("/var/lib/jitd"), Path("/run/jitd/head")
MADE = ("jitd-backup.db", "jitd-settings.tar.gz", "jitd-before")
SIZE = 64 << 20
RULES = """
[[permit]]
name = "restart-cron"
who = ["group:dba"]
commands = [["/usr/bin/systemctl", "restart", "cron"]]
approvals = [{ need = 1, from = ["group:ops"] }]

[[permit]]
name = "watch"
who = ["group:dba"]
commands = [["/usr/bin/sleep", "*"]]
approvals = [{ need = 1, from = ["group:ops"] }]
"""


@contextlib.contextmanager
def almost_full() -> Iterator[None]:
    """Half of the reserve is left."""
    found, filler = os.statvfs(STATE), STATE / "filler"
    with filler.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, found.f_bavail * found.f_frsize - SIZE // PART // 2)
    try:
        yield
    finally:
        filler.unlink()


@contextlib.contextmanager
def state_of_its_own() -> Iterator[None]:
    """A small disk in place of the state that other tests of this host have left. jitd has noted of neither."""
    STATE.mkdir(exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SIZE},mode=0700", "jitd", STATE], check=True)
    HEAD.unlink(missing_ok=True)
    try:
        yield
    finally:
        subprocess.run(["umount", STATE], check=True)
        HEAD.unlink(missing_ok=True)


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    with state_of_its_own():
        service, played = Service(RULES), Page()
        service.start()
        yield played
        played.leave()
        service.close()
    for name in MADE:
        path = Path("/root", name)
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)


def test_the_page_is_about_what_one_looks_for() -> None:
    assert {"Backup", "Restore", "Upgrade", "A full disk", "Three in the morning"} <= CHAPTERS.keys()


@pytest.mark.parametrize("chapter", TYPED)
def test_what_the_page_says_is_what_comes(page: Page, chapter: str) -> None:
    with almost_full() if "full disk" in chapter else contextlib.nullcontext():
        page.play(CHAPTERS[chapter])
