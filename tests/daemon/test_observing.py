# SPDX-License-Identifier: Apache-2.0
"""When a watcher counts, and what the rules say about observed runs.

Law: a connection proves nothing: only what the screen has shown, and when.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from jitd.core.decision import Record, Terms, narrow_terms
from jitd.core.law import Actor, Role
from jitd.lifecycle.observing import ALIVE_FOR, Watch
from jitd.settings.policyfile import read

BOB = Actor(Role.APPROVER, "bob@EXAMPLE.TEST", 4002)
RULE = """
[[permit]]
name = "seen"
who = ["group:dba"]
commands = [["**"]]
%s
"""
ASKED = 'approvals = [{ need = 1, from = ["group:ops"] }]'


def test_a_screen_counts_only_while_what_it_shows_is_fresh() -> None:
    """THREATS A-18"""
    watch = Watch("7KQ2-9F3M.1", BOB)
    number = watch.beat(100.0)
    assert watch.has_shown(number) and watch.is_alive(100.0 + ALIVE_FOR) and not watch.is_alive(100.1 + ALIVE_FOR)
    late = watch.beat(110.0)
    assert watch.has_shown(late) and not watch.is_alive(120.0), "when it was sent counts, and not when it was answered"


def test_a_beat_is_answered_once_and_no_other_number_is() -> None:
    """THREATS A-18"""
    watch = Watch("7KQ2-9F3M.1", BOB)
    first, second = watch.beat(100.0), watch.beat(102.0)
    assert watch.has_shown(second)
    assert not watch.has_shown(second) and not watch.has_shown(first) and not watch.has_shown(second + 1)


def test_of_two_rules_one_that_wants_a_watcher_is_enough() -> None:
    assert narrow_terms(Terms(observed=True), Terms()).observed and narrow_terms(Terms(), Terms(observed=True)).observed
    assert not narrow_terms(Terms(), Terms()).observed


def test_what_is_watched_is_recorded(tmp_path: Path) -> None:
    file = tmp_path / "50.toml"
    file.write_text(RULE % f'{ASKED}\nrun = {{ observed = "required" }}')
    (rule,), faults = read([file])
    assert faults == [] and rule.terms.observed and rule.terms.record == Record(what="output")


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ('run = { observed = "required" }', 'needs "approvals"'),
        (f'{ASKED}\nrun = {{ observed = "required", record = "none" }}', '"record" must be'),
        (f'{ASKED}\nrun = {{ observed = "required", record_failure = "continue" }}', '"record_failure" must be'),
        (f'{ASKED}\nrun = {{ observed = "required", watch = [] }}', '"watch" names nobody'),
        (f'{ASKED}\nservices = ["sudo"]\nrun = {{ observed = "required" }}', "what jitsudo runs"),
        (f'{ASKED}\nrun = {{ observed = "sometimes" }}', '"observed" must be'),
    ],
)
def test_a_rule_that_could_not_be_performed_is_a_fault(tmp_path: Path, keys: str, said: str) -> None:
    file = tmp_path / "50.toml"
    file.write_text(RULE % keys)
    assert [fault for fault in read([file])[1] if said in str(fault)], read([file])[1]
