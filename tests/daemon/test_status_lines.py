# SPDX-License-Identifier: Apache-2.0
"""The lines of ``jitd status``: what each says, and whether somebody has to do something."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from jitd.core.condition import Line
from jitd.core.duration import roughly
from jitd.core.rights import Act
from jitd.store import LiveCounts
from jitd.verbs import status
from jitd.verbs.refusal import Refusal
from jitd.verbs.status import Status
from jitd_outsiders.announcing.condition import channels
from jitd_sinks.sinks import condition as sinks
from tests.core.house import for_each
from tests.scene import person

DIGEST = "0123456789abcdef" * 4
HOUR = 3600.0
X = "/etc/jitd/policy.d/x.toml:12: is not TOML"
FAULTS = [f"x.toml:{n}: fault {n}" for n in range(1, 6)]
NONE = LiveCounts({}, {"grants": {}, "runs": {}, "holdings": {}, "locks": {}, "owed_reviews": {}})
SOME = LiveCounts(
    {("a", False, "pending"): 2, ("", True, "screening"): 1},
    {"grants": {"active": 3}, "runs": {"running": 1}, "holdings": {"held": 2, "taking": 1}, "locks": {"active": 1}},
)
DRIFT = [("K7QM-2XVD.1", "it differs")]
IN_FORCE = "2 rules in force for 1 hour (SHA-256 0123456789ab)"


@for_each(
    [
        ([status.daemon("0.1.0", "db1", 71, 7260)], ["  jitd: 0.1.0 on db1, process 71, for 2 hours 1 minute"]),
        ([status.policy(2, DIGEST, HOUR, "", None)], [f"  policy: {IN_FORCE}"]),
        (
            [status.policy(2, DIGEST, HOUR, "", (60, [X]))],
            [f"! policy: {IN_FORCE}; newer files were refused 1 minute ago: {X}; correct the files, then: jitd reload"],
        ),
        (
            [status.policy(0, DIGEST, HOUR, "broken", (HOUR, FAULTS))],
            [
                "! policy: none is in force for 1 hour, and nothing is permitted but to root: x.toml:1: fault 1;"
                " x.toml:2: fault 2; x.toml:3: fault 3 and 2 more; correct the files, then: jitd reload"
            ],
        ),
        (
            status.lives(NONE, []),
            [
                "  requests: none to be decided",
                "  runs: none",
                "  grants: none",
                "  things: none given",
                "  locks: none in force",
            ],
        ),
        (
            status.lives(SOME, DRIFT),
            [
                "  requests: 3 to be decided",
                "  runs: 1 command",
                "  grants: 3 may still be used",
                "  things: 3 given",
                "! things: K7QM-2XVD.1: it differs; who has it: jitd show K7QM-2XVD",
                "  locks: 1 in force",
            ],
        ),
        ([status.record(128, "SHA256:x", None, None, 0)], ["  record: 128 records; the head is signed by SHA256:x"]),
        ([status.record(1, "", None, None, 0)], ["  record: 1 record; the head is not signed yet"]),
        (
            [status.record(5, "k", (90, "Permission denied"), None, 0)],
            ["! record: 5 records; the head cannot be signed, for 1 minute 30 seconds by now: Permission denied"],
        ),
        (
            [status.record(5, "k", None, None, 2)],
            ["! record: 5 records; what 2 runs came to cannot be recorded yet: see df, dmesg"],
        ),
        ([status.record(5, "k", None, (604800.0, "lost"), 0)], ["  record: 5 records; the head is signed by k"]),
        (
            [status.record(5, "k", None, (3600.0, "lost"), 0)],
            [
                "! record: 5 records; a new key was made 1 hour ago, and the one before: lost; if nobody meant this, tell"
                " security; if you know why: jitd audit key --acknowledge"
            ],
        ),
        (
            [*status.lives(NONE, [(str(n), "x") for n in range(12)])][-2:-1],
            ["! things: 2 more are in trouble: jitd grants"],
        ),
        ([sinks.journal("", 0, 0)], ["  journal: takes what is recorded"]),
        (
            [sinks.journal("", 0, 4)],
            [
                "! journal: 4 records will never have a line in it; the record is whole; which ones: journalctl"
                " JITD_EVENT=journal.behind"
            ],
        ),
        (
            [sinks.journal("No such file or directory", 4, 0)],
            ["  journal: this host has neither a journal nor a syslog; the record is whole"],
        ),
        (
            [sinks.journal("Resource temporarily unavailable", 4, 0)],
            [
                "! journal: 4 records have no line in it: Resource temporarily unavailable; the record is whole; see what"
                " systemd-journald does"
            ],
        ),
        (
            sinks.sinks([("a", 0, "", 0, 0), ("b", 180, "refused", 12, 0), ("c", 0, "", 0, 1)]),
            [
                "  sink: a: has the record",
                "! sink: b: lacks 12 records, in trouble for 3 minutes: refused",
                "! sink: c: has the record; it has refused 1 record for ever: journalctl -u jitd",
            ],
        ),
        (
            sinks.sinks([("a", 0, "", 1780, 0), ("b", 0, "the last time that it failed: it says 500", 1, 0)]),
            [
                "  sink: a: lacks 1780 records, and is sent them now",
                "  sink: b: lacks 1 record, and is sent them now; the last time that it failed: it says 500",
            ],
        ),
        (channels([], []), []),
        (
            channels(["a", "b", "c"], [("b", 5, "no route", 2)]),
            [
                "! notices: b: could not tell people of 2 requests, for 5 seconds by now: no route; tell them yourself:"
                " jitd requests",
                "  notices: a and c: no notice is held up",
            ],
        ),
        (status.threads([("files", 32, 31, 0)], ()), []),
        (
            status.threads([("files", 32, 32, 9)], ("/mnt/x",)),
            [
                "! mounts: /mnt/x does not answer: no command there can be asked for; see its server, or unmount it: umount -l"
                " /mnt/x",
                "! threads: all 32 for files are busy, and 9 wait: see what does not answer (a disk, SSSD, LDAP)",
            ],
        ),
        (
            status.threads([], ("/tmp/x;reboot;# answers",)),
            [
                "! mounts: '/tmp/x;reboot;# answers' does not answer: no command there can be asked for; see its server, or"
                " unmount it: umount -l '/tmp/x;reboot;# answers'",
            ],
        ),
        ([status.failures({"kdc": (0, 0.0)})], ["  failures: none"]),
        (
            [status.failures({"kdc": (3, 60.0), "sink": (1, 5.0), "lane": (2, 90.0), "giver": (1, 3600.0)})],
            [
                "  failures: sink 1 (the last 5 seconds ago), kdc 3 (the last 1 minute ago), lane 2 (the last 1 minute 30 seconds"
                " ago) and 1 kinds more: journalctl -u jitd"
            ],
        ),
    ]
)
def test_what_a_line_says(lines: Any, said: list[str]) -> None:
    assert [f"{' ' if line.is_well else '!'} {line.about}: {line.says}" for line in lines] == said


@for_each(
    [(0.2, "1 second"), (59, "59 seconds"), (3599, "59 minutes 59 seconds"), (3661, "1 hour 1 minute"), (90061, "1 day 1 hour")]
)
def test_a_time_is_told_in_two_units(seconds: float, said: str) -> None:
    assert roughly(seconds) == said


def test_only_who_oversees_the_host_reads_it_and_no_line_is_another() -> None:
    """A line has names and faults from files: none of them forges another line, or speaks to the terminal."""

    def refuse(act: Act, who: object) -> None:
        raise Refusal("forbidden", act)

    lines = [Line("policy", "a\n! jitd: \x1b[31m", False)]
    access: Any = SimpleNamespace(refuse=refuse)
    with pytest.raises(Refusal, match="read the status"):
        Status(access, lambda: pytest.fail("nothing is looked at")).rows(person("alice"))
    access = SimpleNamespace(refuse=lambda act, who: None)
    (row,) = Status(access, lambda: lines).rows(person("dave"))
    assert row == {"about": "policy", "says": r"a\x0a! jitd: \x1b[31m", "is_well": False}
