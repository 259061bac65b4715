# SPDX-License-Identifier: Apache-2.0
"""docs/platforms.md names the systems that the tests are played on, with the versions that they found there."""

from __future__ import annotations

from pathlib import Path

import pytest

from jitd.versions import PROGRAMS, not_tried, programs_in
from tests import platforms


def test_the_page_says_what_this_system_is_made_of() -> None:
    versions = platforms.installed(platforms.OF_A_RELEASE)
    assert versions.keys() == platforms.OF_A_RELEASE.keys(), "each of them is installed where tests are played"
    assert f"| system | {' | '.join(versions)} |" in platforms.PAGE.read_text("utf-8")
    platforms.tell(platforms.row(platforms.release(Path("/etc/os-release").read_text("utf-8")), versions))


def test_the_table_of_versions_and_the_page_have_the_same_ones() -> None:
    """What doctor and pam-lint call known is what the tests were played with, and nothing else is."""
    lines = [line.strip("| ").split(" | ") for line in platforms.PAGE.read_text("utf-8").splitlines() if line.startswith("|")]
    head = next(number for number, line in enumerate(lines) if line[0] == "system")
    rows = [line for line in lines[head + 1 :] if len(line) == len(lines[head]) and line[0].startswith("Debian")]
    columns = dict(zip(lines[head][1:], zip(*(line[1:] for line in rows), strict=True), strict=True))
    assert columns == {name: PROGRAMS[name].versions for name in platforms.OF_A_RELEASE}


STATUS = b"""\
Package: libpam0g
Status: install ok installed
Architecture: amd64
Version: 1.7.0-5

Package: libpam0g-dev
Status: install ok installed
Version: 9.9

Package: sudo
Status: deinstall ok config-files
Version: 1.9.13p3-1+deb12u1

Package: openssh-server
Status: install ok installed
Version: 1:10.0p1-7+deb13u4

Package: systemd
Status: hold ok installed
Version: 257.13-1~deb13u1

Package: util-linux
Status: install ok installed
Version: unheard-of
"""


def test_what_is_installed_is_read_from_what_dpkg_notes() -> None:
    found = programs_in(STATUS)
    assert found == {"libpam": "1.7", "OpenSSH": "10.0p1", "systemd": "257", "util-linux": ""}
    assert list(not_tried(found)) == ["util-linux"]
    assert programs_in(b"") == programs_in(b"\0Package: sudo") == {}


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ('NAME="Debian GNU/Linux"\nVERSION_ID="12"\n', "Debian 12"),
        ('NAME="Fedora Linux"\nVERSION_ID=43\n', "Fedora 43"),
    ],
)
def test_a_system_is_called_by_its_name_and_number(text: str, name: str) -> None:
    assert platforms.release(text) == name


def test_other_versions_and_other_systems_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("JITD_PLATFORMS", raising=False)
    with pytest.raises(AssertionError):
        platforms.tell(platforms.row("Debian 12", {"Python": "2.7"}))
    with pytest.raises(AssertionError):
        platforms.tell(platforms.row("Plan 9", {"Python": "2.7"}))
