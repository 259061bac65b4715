# SPDX-License-Identifier: Apache-2.0
"""Each host of the corpus is judged as its row says; every finding that can be made is in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from jitd.hosts.places import Places
from jitd.hosts.stack import Source, read
from jitd_inspection.pamlint.linting import lint_host
from tests.pamlint.corpus import IN_SSHD_CONFIG, IN_SUDOERS, LOCKED, OPEN, ROWS, SHIPPED
from tests.pamlint.host import Row, names
from tests.pamlint.openings import OPENINGS, SSHDS, Sshd
from tests.table import each_row


@each_row("row", ROWS, ids=lambda row: row.says)
@each_row("libpam", ["1.5", "1.7", ""])
def test_of_a_host_it_is_said(row: Row, libpam: str) -> None:
    """THREATS P-09: each libpam reads them alike, so it does not matter which one it is."""
    findings = row.findings(libpam)
    assert names(findings) == " ".join(sorted(row.found.split())), [
        f"{finding.place}: {finding.sentence}" for finding in findings
    ]


@each_row("row", OPENINGS, ids=lambda row: row.says)
def test_of_an_opening_beside_the_stacks_it_is_said(row: Row) -> None:
    """THREATS P-15: nothing that opens a gate is called closed, and what opens none is."""
    assert names(row.findings()) == " ".join(sorted(row.found.split()))


@each_row("row", SSHDS, ids=lambda row: row.says)
def test_of_an_sshd_it_is_said(row: Sshd) -> None:
    """THREATS P-15: options count before files, and what runs as much as what is written."""
    assert row.found_by() == row.found, row.sentences()


@pytest.mark.parametrize("file", ["/etc/pam.d/sshd", "/etc/pam.d/common-session", "/etc/ssh/sshd_config"])
def test_of_an_sshd_that_finds_another_file_it_is_said(file: str) -> None:
    host = next(row for row in SSHDS if row.says == "one that runs as it should").host()
    host.elsewhere = {"/etc/pam.d/sudo"}
    assert names(lint_host(host)) == ""
    host.elsewhere = {file}
    assert names(lint_host(host)) == "?sshd-in-doubt"


@pytest.mark.parametrize("file", sorted((Path(__file__).parents[2] / "contrib/pam.d").iterdir()), ids=lambda file: file.name)
def test_a_stack_that_is_shipped_names_modules_of_this_release_or_says_nothing_of_those_that_are_missing(file: Path) -> None:
    """libpam logs each module that it does not find, unless its line begins with a dash."""
    places = Places()
    stack = read(file.name, Source(str(file), file.read_bytes()), lambda name: places.included(name, ""), places.libpam)
    written = [handler for handlers in stack.handlers.values() for handler in handlers if handler.place.file == str(file)]
    own = {handler.module for handler in written if not handler.is_substack}
    lines = file.read_text("utf-8").splitlines()
    assert stack.faults == [] and not stack.is_refused
    silent = {line.split()[-1] for line in lines if line.startswith("-")}
    assert {module for module in own - silent if not places.module(module)} == set()


def test_the_corpus_is_large_enough() -> None:
    assert len([*SHIPPED, *OPEN, *LOCKED]) >= 60
    assert len(IN_SUDOERS) + len(IN_SSHD_CONFIG) >= 40
    assert len({row.says for row in ROWS}) == len(ROWS)
