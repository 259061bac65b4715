# SPDX-License-Identifier: Apache-2.0
"""The exit statuses, stages and kinds of streams as PROTOCOL.md has them, said once more: scripts go by them. And what a message
says where the program that makes it says nothing.
"""

from jitpam.wire import codes
from jitpam.wire.messages import FROM_CLIENT, FROM_DAEMON

EXITS = """
unauthenticated 119 119
protocol        125 125
usage           120 2
denied          121 3
reason          121 1
owed            118 1
reviewed        122 1
withdrawn       123 5
expired         124 5
missing         127 1
unexecutable    126 1
forbidden       121 3
unknown         121 4
late            121 5
not_done        125 1
failed          125 125
"""
"""Code, status of jitsudo, status of jitd."""


def test_each_code_ends_a_program_with_its_own_status():
    rows = [line.split() for line in EXITS.strip().splitlines()]
    assert {code: (int(jitsudo), int(jitd)) for code, jitsudo, jitd in rows} == codes.EXITS


def test_the_stages_of_a_stack_and_the_kinds_of_streams_are_these():
    assert codes.STAGES == ("auth", "account", "session")
    assert codes.KINDS == ("terminal", "pipe", "file", "socket", "device", "null", "closed")


USUAL = {"lasts_for": None, "uses": None, "timeout_for": None, "starts_at": None}
"""No terms are asked for."""
DEFAULTS = {
    "submit": USUAL,
    "anew": USUAL,
    "breakglass": USUAL,
    "edit": {**USUAL, "base": None},
    "edits": USUAL,
    "explain": USUAL,
    "suppose": {**USUAL, "breaks_glass": False},
    "get": {"also": [], "brought": ""},
    "resume": {"place": "none"},
    "audit": {
        "after": 0, "since": None, "until": None, "who": None, "rule": None, "event": None, "id": None, "follow": False,
    },
    "signingkey": {"acknowledge": False},
    "observe": {"offset": 0},
    "progress": {"answered": None, "asked": None, "owes": "", "left_ms": None},
    "start": {"left_ms": None},
    "given": {"more": 0, "secret": ""},
}  # fmt: skip


def test_a_field_about_which_a_program_says_nothing_asks_for_nothing_and_promises_nothing():
    kinds = {**FROM_CLIENT, **{name: kind for name, kind in FROM_DAEMON.items() if name not in FROM_CLIENT}}
    assert {name: kind.defaults for name, kind in kinds.items() if kind.defaults} == DEFAULTS
    assert not any(FROM_DAEMON[name].defaults for name in FROM_DAEMON.keys() & FROM_CLIENT.keys())
