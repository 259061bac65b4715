# SPDX-License-Identifier: Apache-2.0
"""docs/platforms.md names the systems that the tests are played on, with the versions that they found there."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import platforms


def test_the_page_says_what_this_system_is_made_of() -> None:
    versions = platforms.installed(platforms.OF_A_RELEASE)
    assert versions.keys() == platforms.OF_A_RELEASE.keys(), "each of them is installed where tests are played"
    assert f"| system | {' | '.join(versions)} |" in platforms.PAGE.read_text("utf-8")
    platforms.tell(platforms.row(platforms.release(Path("/etc/os-release").read_text("utf-8")), versions))


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
