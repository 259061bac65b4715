# SPDX-License-Identifier: Apache-2.0
"""docs/switching-from-sudo.md, typed line by line on a booted host, from the first import to sudo's lines taken away."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.booted.conftest import Service
from tests.typed_page import TREE, Page, sections

TEXT = (TREE / "docs/switching-from-sudo.md").read_text("utf-8")
STEPS = {"Before it": TEXT.partition("\n## ")[0], **sections(TEXT)}
RULES, TABLES, SUDOERS = Path("/etc/jitd/policy.d"), Path("/etc/jitd/policy.test"), Path("/etc/sudoers")
OF_DEBIAN = """\
Defaults env_reset, mail_badpass
Defaults secure_path="/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
root ALL=(ALL:ALL) ALL
%sudo ALL=(ALL:ALL) ALL
@includedir /etc/sudoers.d
"""


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    kept = SUDOERS.read_text()
    SUDOERS.write_text(OF_DEBIAN)
    subprocess.run(["usermod", "-aG", "sudo", "dave"], check=True)
    service = Service("# The rules of the page are the only ones.\n")
    service.start()
    played = Page()
    yield played
    played.leave()
    for place in (*RULES.glob("*.toml"), Path("/etc/sudoers.d/dba")):
        place.unlink(missing_ok=True)
    for place in (TABLES, Path("/root/new")):
        shutil.rmtree(place, ignore_errors=True)
    SUDOERS.write_text(kept)
    subprocess.run(["gpasswd", "-d", "dave", "sudo"], check=True)
    service.restart()
    service.close()


def test_each_step_has_its_way_back() -> None:
    assert [step for step, text in STEPS.items() if "way back" not in text and step not in ("Before it", "Keep one way in")] == []


@pytest.mark.parametrize("step", STEPS)
def test_what_the_page_shows_is_what_comes_at_each_step(page: Page, step: str) -> None:
    page.play(STEPS[step])
