# SPDX-License-Identifier: Apache-2.0
"""contrib/former-units, which an upgrade runs where each helper had units of its own: they go, and the instances of the one unit
listen, are enabled and are masked as they were.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from contrib.installed import HELPERS
from jitd.beside import helpers
from tests.booted.conftest import show, systemctl
from tests.helper_units import TREE

SHIPPED, OWN = Path("/usr/lib/systemd/system"), Path("/etc/systemd/system")
SERVICE = "[Service]\nExecStart=/usr/bin/sleep infinity\n[Install]\nAlso={name}.socket\n"
SOCKET = "[Socket]\nListenSequentialPacket={path}\nSocketMode=0600\nDirectoryMode=0700\n[Install]\nWantedBy=sockets.target\n"
PATHS = {name: helper.socket for name, helper in helpers.HELPERS.items()} | {
    "programs-net": Path("/run/jitd-programs-net/programs.sock")
}


def state(unit: str) -> tuple[str, str]:
    enabled = subprocess.run(["systemctl", "is-enabled", unit], capture_output=True, text=True, check=False).stdout.strip()
    return show(unit, "ActiveState")["ActiveState"], enabled


def upgrade() -> str:
    """What is said. The files of the former units are gone by then."""
    for name in HELPERS:
        for kind in ("service", "socket"):
            (SHIPPED / f"jitd-{name}.{kind}").unlink()
    done = subprocess.run([TREE / "contrib/former-units"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stderr


@pytest.fixture
def former() -> Iterator[None]:
    """A host with the units of before, each of which is installed and off, and none of the new ones on."""
    was_on = [name for name in HELPERS if state(f"jitd-helper@{name}.socket")[1] == "enabled"]
    for name in HELPERS:
        systemctl("disable", "--now", f"jitd-helper@{name}.socket")
        systemctl("stop", f"jitd-helper@{name}.service")
        (SHIPPED / f"jitd-{name}.service").write_text(SERVICE.format(name=f"jitd-{name}"))
        (SHIPPED / f"jitd-{name}.socket").write_text(SOCKET.format(path=PATHS[name]))
    systemctl("daemon-reload")
    yield
    for name in HELPERS:
        for kind in ("service", "socket"):
            (SHIPPED / f"jitd-{name}.{kind}").unlink(missing_ok=True)
            systemctl("unmask", f"jitd-helper@{name}.{kind}")
        shutil.rmtree(OWN / f"jitd-{name}.service.d", ignore_errors=True)
    systemctl("daemon-reload")
    for name in was_on:
        systemctl("enable", "--now", f"jitd-helper@{name}.socket")


def former_links() -> list[str]:
    return [str(link) for name in HELPERS for link in OWN.glob(f"**/jitd-{name}.*")]


def test_what_listened_listens_and_what_was_enabled_is(former: None) -> None:
    """THREATS O-16."""
    systemctl("enable", "--now", "jitd-outside.socket", "jitd-programs-net.socket", "jitd-givers.socket")
    systemctl("start", "jitd-outside.service", "jitd-terminals.socket")
    systemctl("stop", "jitd-givers.socket")
    assert upgrade() == ""
    states = {name: state(f"jitd-helper@{name}.socket") for name in HELPERS}
    assert states == {
        "outside": ("active", "enabled"),
        "programs-net": ("active", "enabled"),
        "givers": ("inactive", "enabled"),
        "terminals": ("active", "disabled"),
        "kdc": ("inactive", "disabled"),
        "programs": ("inactive", "disabled"),
    }
    for name in HELPERS:
        assert {show(f"jitd-{name}.{kind}", "ActiveState")["ActiveState"] for kind in ("service", "socket")} == {"inactive"}
    assert helpers.PROGRAMS_NET.socket.is_socket() and former_links() == []
    failed = subprocess.run(["systemctl", "--failed", "--plain", "--no-legend"], capture_output=True, text=True, check=True)
    assert "jitd" not in failed.stdout


def test_what_was_masked_is_masked(former: None) -> None:
    """THREATS O-16: who had turned a helper off finds it off."""
    systemctl("mask", "--now", "jitd-terminals.socket", "jitd-kdc.service")
    for unit in ("jitd-terminals.socket", "jitd-kdc.service"):
        assert os.readlink(OWN / unit) == "/dev/null"
    assert upgrade() == ""
    assert state("jitd-helper@terminals.socket") == ("inactive", "masked")
    assert state("jitd-helper@kdc.service") == ("inactive", "masked")
    assert state("jitd-helper@kdc.socket") == ("inactive", "disabled")
    assert former_links() == []


def test_a_drop_in_that_is_no_longer_read_is_told_and_kept(former: None) -> None:
    file = OWN / "jitd-outside.service.d/mine.conf"
    file.parent.mkdir()
    file.write_text("[Service]\nIPAddressDeny=any\n")
    assert upgrade() == (
        f"jitsudo: {OWN}/jitd-outside.service* is no longer read: this is jitd-helper@outside.service now. Write into"
        f" {OWN}/jitd-helper@outside.service.d/ what you still need of it, then: systemctl daemon-reload && systemctl restart"
        " jitd-helper@outside.service\n"
    )
    assert file.read_text() == "[Service]\nIPAddressDeny=any\n"


def test_where_nothing_is_of_before_nothing_changes() -> None:
    before = {name: state(f"jitd-helper@{name}.socket") for name in HELPERS}
    done = subprocess.run([TREE / "contrib/former-units"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert {name: state(f"jitd-helper@{name}.socket") for name in HELPERS} == before
