# SPDX-License-Identifier: Apache-2.0
"""The fingerprint, byte for byte: worked out once more from PROTOCOL.md section 7, and compared with what it always was.

Law: what is expected here is written by hand from the page. Those of old requests stand in records that are kept for years.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from itertools import combinations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jitd.core.command import Command, Interpreter, Operand, RunAs, fingerprint, work_of
from jitd.core.edit import Edit, NewFile, Removal
from tests.table import each_row

PLAIN = Command(
    argv=(b"ls", b"-l"),
    path=b"/usr/bin/ls",
    digest=b"d" * 32,
    run_as=RunAs("root", 0, "adm", 4),
    cwd=b"/srv",
    cwd_device=2049,
    cwd_inode=131073,
    variables=((b"PGDATA", b"/data"),),
    locale=((b"TERM", b"xterm"), (b"LANG", b"C")),
    streams=("terminal", "terminal", "pipe"),
)
WHOLE = replace(
    PLAIN,
    operands=(Operand(1, b"/home/alice/x.sh", b"e" * 32, "it belongs to uid 4001", True), Operand(2, b"/tmp/y", b"", "", False)),
    options=(b"-E", b"-H"),
    doubt="it has an option that is not known",
)


def by_the_page(id: str, principal: str, host: str, service: str, command: Command, terms: tuple[int | None, ...]) -> bytes:
    """The fingerprint as section 7 says it."""

    def field(tag: str, *values: object) -> bytes:
        out = tag.encode() + len(values).to_bytes(4, "big")
        for value in values:
            raw = value if isinstance(value, bytes) else b"" if value is None else str(value).encode()
            out += len(raw).to_bytes(4, "big") + raw
        return out

    run_as = command.run_as
    whole = b"jitd fingerprint 1\n"
    whole += field("i", id) + field("p", principal) + field("h", host) + field("s", service)
    whole += field("a", *command.argv)
    whole += field("f", command.path, command.digest)
    whole += field("r", run_as.user, run_as.uid, run_as.group, run_as.gid)
    whole += field("d", command.cwd, command.cwd_device, command.cwd_inode)
    whole += field("v", *[part for name, value in command.variables for part in (name, value)])
    whole += field("l", *[part for name, value in command.locale for part in (name, value)])
    whole += field("k", *command.streams)
    whole += field("t", *terms)
    whole += field("o", *[part for one in command.operands for part in (one.at, one.path, one.digest)])
    if command.doubt or command.options:
        whole += field("x", command.doubt, *command.options)
    if command.chdir:
        whole += field("c", 1)
    if command.gives or command.stays or command.lets:
        whole += field("g", int(command.gives), int(command.stays), *[sentence.encode() for sentence in command.lets])
    if command.interpreters:
        whole += field("e", *[part for one in command.interpreters for part in (one.path, one.digest)])
    if command.brought:
        whole += field("b", command.brought.encode())
    if command.edit:
        one = command.edit
        whole += field("w", one.device, one.inode, one.uid, one.gid, one.mode, one.before, one.after)
    if command.makes:
        new = command.makes
        whole += field("m", new.device, new.inode, new.uid, new.gid, new.mode, new.after)
    if command.removes:
        gone = command.removes
        whole += field("u", gone.device, gone.inode, gone.uid, gone.gid, gone.mode, gone.before)
    if command.salt:
        whole += field("n", command.salt)
    return hashlib.sha256(whole).digest()


ALWAYS = [
    (PLAIN, (None, None, None), "26929e314a2cc2b378d57fbb44a39923e6fb0d68c738e4beb6b924e1247cc046"),
    (PLAIN, (3600, 5, 60), "6023b8a9dedf9c833c29abed41fec00d4238978cac37f7694044d7d6ec8ce614"),
    (replace(PLAIN, options=(b"-E",)), (None, None, None), "2628d3ffabe71194fae15a577d7746f2d3ab127b21679933f6793776acde67cd"),
    (replace(PLAIN, doubt="why"), (None, None, None), "bb0d506a386c2c9f733e0e939ee7c050128727711a85d7e972507cc96dbbec22"),
    (replace(PLAIN, chdir=True), (None, None, None), "2901ad7d113f8c971f6dc28b4f51812e1f9b2b9999979268b059186a4744fffd"),
    (
        replace(PLAIN, edit=Edit(1, 2, 3, 4, 0o644, b"b" * 32, b"a" * 32)),
        (None, None, None),
        "c0e780a1f57a4f8ba91c789079ecf4dbb71f2eacb9480e6939d8a4ed1723d211",
    ),
    (WHOLE, (3600, None, None), "a382a6d9a6635d9bb88d761c0b1422f46a193471182f179693fc0745d1a8a987"),
]


@pytest.mark.parametrize(("command", "terms", "always"), ALWAYS)
def test_a_fingerprint_is_what_it_always_was(command: Command, terms: tuple[int | None, ...], always: str) -> None:
    assert fingerprint("K7QM-2XVD", "alice@EXAMPLE.TEST", "db1", "jitsudo", command, terms).hex() == always


def test_what_a_lease_answers_for_is_what_it_always_was() -> None:
    """Its grants are found by it, also those from before an upgrade."""
    assert work_of(WHOLE).hex() == "d27aa535dd240119bb204e4f786aad670e24c71c35edb878188c40ecf5101553"
    assert work_of(WHOLE) == by_the_page("", "", "", "", replace(WHOLE, locale=(), streams=()), ())
    assert work_of(replace(WHOLE, chdir=True, is_told=True, salt=bytes(16))) == work_of(WHOLE)


SHORT = st.binary(max_size=4)
WORD = st.text("abc", max_size=3)
NUMBER = st.integers(0, 300)
COMMANDS = st.builds(
    Command,
    argv=st.lists(SHORT, max_size=3).map(tuple),
    path=SHORT,
    digest=SHORT,
    run_as=st.builds(RunAs, WORD, NUMBER, WORD, NUMBER),
    cwd=SHORT,
    cwd_device=NUMBER,
    cwd_inode=NUMBER,
    variables=st.lists(st.tuples(SHORT, SHORT), max_size=2).map(tuple),
    locale=st.lists(st.tuples(SHORT, SHORT), max_size=2).map(tuple),
    streams=st.lists(WORD, max_size=3).map(tuple),
    operands=st.lists(st.builds(Operand, NUMBER, SHORT, SHORT, WORD, st.booleans()), max_size=2).map(tuple),
    options=st.lists(SHORT, max_size=2).map(tuple),
    doubt=WORD,
    chdir=st.booleans(),
    gives=st.booleans(),
    stays=st.booleans(),
    brought=WORD,
    lets=st.lists(WORD, max_size=2).map(tuple),
    salt=SHORT,
    interpreters=st.lists(st.builds(Interpreter, SHORT, SHORT, WORD, st.booleans()), max_size=2).map(tuple),
    edit=st.none() | st.builds(Edit, *[NUMBER] * 5, SHORT, SHORT, st.booleans()),
    makes=st.none() | st.builds(NewFile, *[NUMBER] * 5, SHORT, WORD),
    removes=st.none() | st.builds(Removal, *[NUMBER] * 5, SHORT, WORD),
)


@given(WORD, WORD, WORD, WORD, COMMANDS, st.lists(st.none() | NUMBER, max_size=3).map(tuple))
def test_a_fingerprint_is_what_the_page_says(
    id: str, principal: str, host: str, service: str, command: Command, terms: Any
) -> None:
    """THREATS X-22."""
    assert fingerprint(id, principal, host, service, command, terms) == by_the_page(id, principal, host, service, command, terms)


# The same two words in each place that can hold them: were two fields to have one tag, two of these would be one.
PLACES = {
    "argv": {"argv": (b"7", b"8")},
    "variables": {"variables": ((b"7", b"8"),)},
    "locale": {"locale": ((b"7", b"8"),)},
    "streams": {"streams": ("7", "8")},
    "options": {"options": (b"7", b"8")},
    "doubt and an option": {"doubt": "7", "options": (b"8",)},
    "path and digest": {"path": b"7", "digest": b"8"},
    "salt": {"salt": b"7"},
    "an interpreter": {"interpreters": (Interpreter(b"7", b"8", ""),)},
    "an edit": {"edit": Edit(7, 8, 0, 0, 0, b"", b"")},
    "a new file": {"makes": NewFile(7, 8, 0, 0, 0, b"")},
    "a removal": {"removes": Removal(7, 8, 0, 0, 0, b"", "")},
    "an operand": {"operands": (Operand(7, b"8", b"", "", True),)},
}
EMPTY = Command((), b"", b"", RunAs("", 0, "", 0), b"", 0, 0, (), (), ())


@each_row(("one", "other"), list(combinations(PLACES, 2)))
def test_what_stands_in_one_place_is_never_taken_for_what_stands_in_another(one: str, other: str) -> None:
    prints = {fingerprint("", "", "", "", replace(EMPTY, **PLACES[place]), ()) for place in (one, other)}
    assert len(prints) == 2


def test_no_name_is_taken_for_another() -> None:
    names = [("7", "", "", ""), ("", "7", "", ""), ("", "", "7", ""), ("", "", "", "7")]
    assert len({fingerprint(*four, EMPTY, ()) for four in names}) == 4


def test_nothing_asked_for_is_not_nothing_granted() -> None:
    """No time at all, and a time of none: that a number is left out is told from every number."""
    assert fingerprint("", "", "", "", EMPTY, (None,)) != fingerprint("", "", "", "", EMPTY, (0,))
