# SPDX-License-Identifier: Apache-2.0
"""The version, the changelog, its fragments and the list of releases say the same (CONTRIBUTING.md, How a release is made)."""

from __future__ import annotations

import configparser
import re

from jitd_board import OF_VERSION
from jitpam import __version__
from tests.law.tree import TREE

FRAGMENT = re.compile(r"[0-9]+\.(added|changed|fixed|removed|security)(-[a-z0-9-]+)?\.md")
HEADING = re.compile(r"## ([0-9]+\.[0-9]+\.[0-9]+) \(([0-9]{4}-[0-9]{2}-[0-9]{2}|not released)\)")
RELEASE = re.compile(r"([0-9]+\.[0-9]+\.[0-9]+) ([0-9a-f]{40})")


def number(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.removesuffix(".dev0").split(".")))


HEADINGS = [line for line in (TREE / "CHANGELOG.md").read_text().splitlines() if line.startswith("## ")]
CHANGELOG = [(match[1], match[2] != "not released") for match in map(HEADING.fullmatch, HEADINGS) if match]
LINES = [line for line in (TREE / "contrib/deb/releases").read_text().splitlines() if not line.startswith("#")]
RELEASES = [match[1] for match in map(RELEASE.fullmatch, LINES) if match]


def test_packages_and_programs_say_the_same_version() -> None:
    read = configparser.ConfigParser()
    read.read(TREE / "setup.cfg")
    assert read["metadata"]["version"] == __version__ == OF_VERSION
    assert re.fullmatch(r"[0-9]+\.[0-9]+\.[0-9]+(\.dev0)?", __version__)


def test_the_changelog_has_each_release_and_the_newest_first() -> None:
    assert len(RELEASES) == len(LINES)
    assert len(CHANGELOG) == len(HEADINGS)
    assert CHANGELOG == sorted(CHANGELOG, key=lambda chapter: number(chapter[0]), reverse=True) != []
    released = [version for version, is_released in reversed(CHANGELOG) if is_released]
    if __version__.endswith(".dev0"):
        ahead = CHANGELOG[: len(CHANGELOG) - len(released)]
        assert ahead in ([], [(__version__.removesuffix(".dev0"), False)]), (
            "only the version to come has a chapter before its release"
        )
        assert number(released[-1]) < number(__version__)
        assert released == RELEASES, "the commit after a release writes its line"
    else:
        assert CHANGELOG[0] == (__version__, True)
        assert released[:-1] == RELEASES and len(released) == len(CHANGELOG)


def test_what_is_not_released_stands_in_fragments_and_only_in_development() -> None:
    fragments = {file.name for file in (TREE / "changelog.d").iterdir()} - {"README.md"}
    assert {name for name in fragments if not FRAGMENT.fullmatch(name)} == set()
    assert __version__.endswith(".dev0") or not fragments, "a release moves them into CHANGELOG.md"
