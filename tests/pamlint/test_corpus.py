# SPDX-License-Identifier: Apache-2.0
"""Each host of the corpus is judged as its row says; every finding that can be made is in it."""

from __future__ import annotations

import pytest

from tests.pamlint.corpus import IN_SSHD_CONFIG, IN_SUDOERS, LOCKED, OPEN, ROWS, SHIPPED
from tests.pamlint.host import Row, names


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.says)
def test_of_a_host_it_is_said(row: Row) -> None:
    """THREATS P-09."""
    findings = row.findings()
    assert names(findings) == " ".join(sorted(row.found.split())), [
        f"{finding.place}: {finding.sentence}" for finding in findings
    ]


def test_the_corpus_is_large_enough() -> None:
    assert len([*SHIPPED, *OPEN, *LOCKED]) >= 60
    assert len(IN_SUDOERS) + len(IN_SSHD_CONFIG) >= 40
    assert len({row.says for row in ROWS}) == len(ROWS)
