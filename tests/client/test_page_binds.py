# SPDX-License-Identifier: Apache-2.0
"""What binds the run is on the page: two commands that are not the same never look the same (THREATS R-01).

Law: the fields are those that ``Command`` has, not a list that somebody keeps.
"""

from __future__ import annotations

from dataclasses import fields, replace

import pytest

from jitd.cli import page
from jitd.core.command import Command, Interpreter, Operand, RunAs
from jitd.core.decision import Record, Terms
from jitd.core.deed import JITSUDO
from jitd.core.edit import Edit, NewFile, Removal
from jitd.core.request import Request
from tests.client.script import row_for, waiting
from tests.scene import THING, command, thing
from tests.unshown import without_styles

OTHERWISE: dict[str, list[object]] = {
    "argv": [(b"true", b""), (b"true", b"a b"), (b"true", b"a", b"b")],
    "path": [b"/bin/true"],
    "digest": [b"e" * 32, b""],
    "run_as": [RunAs("bob", 1002, "root", 0), RunAs("root", 0, "adm", 4)],
    "cwd": [b"/", b"/srv/x"],
    "variables": [((b"A", b""),), ((b"A", b"1"),), ((b"B", b""),)],
    "locale": [((b"TERM", b""),), ((b"TERM", b"xterm"),), ((b"LANG", b""),)],
    "streams": [("pipe", "pipe", "null"), ("null", "pipe", "pipe"), ()],
    "operands": [
        (Operand(1, b"/home/alice/x.sh", b"d" * 32, "it belongs to uid 4001", True),),
        (Operand(2, b"/home/alice/x.sh", b"d" * 32, "it belongs to uid 4001", True),),
        (Operand(1, b"/home/alice/y.sh", b"d" * 32, "it belongs to uid 4001", True),),
        (Operand(1, b"/home/alice/x.sh", b"c" * 32, "it belongs to uid 4001", True),),
        (Operand(1, b"/home/alice/x.sh", b"", "it belongs to uid 4001; it is too large to be bound", True),),
    ],
    "interpreters": [
        (Interpreter(b"/home/alice/bin/sh", b"d" * 32, "it belongs to uid 4001"),),
        (Interpreter(b"/home/alice/bin/ksh", b"d" * 32, "it belongs to uid 4001"),),
        (Interpreter(b"/home/alice/bin/sh", b"c" * 32, "it belongs to uid 4001"),),
    ],
    "chdir": [True],
    "gives": [True],
    "options": [(b"-E",), (b"-H",), (b"-E", b"-H")],
    "edit": [
        Edit(1, 2, 0, 0, 0o644, bytes(32), b"a" * 32, owner="root:root"),
        Edit(1, 2, 0, 0, 0o600, bytes(32), b"a" * 32, owner="root:root"),
        Edit(1, 2, 7, 0, 0o600, bytes(32), b"a" * 32, owner="lp:root"),
    ],
    "edits": [
        (Edit(1, 2, 0, 0, 0o644, bytes(32), b"a" * 32, owner="root:root"),) * 2,
        (
            Edit(1, 2, 0, 0, 0o644, bytes(32), b"a" * 32, owner="root:root"),
            Edit(1, 2, 0, 0, 0o600, bytes(32), b"a" * 32, owner="root:root"),
        ),
        (
            Edit(1, 2, 0, 0, 0o644, bytes(32), b"a" * 32, owner="root:root"),
            Edit(1, 2, 7, 0, 0o600, bytes(32), b"a" * 32, owner="lp:root"),
        ),
    ],
    "makes": [
        NewFile(1, 2, 0, 0, 0o644, b"a" * 32, owner="root:root"),
        NewFile(1, 2, 0, 0, 0o600, b"a" * 32, owner="root:root"),
        NewFile(1, 2, 7, 0, 0o600, b"a" * 32, owner="lp:root"),
    ],
    "removes": [
        Removal(1, 2, 0, 0, 0o644, b"a" * 32, "0000-0000", owner="root:root"),
        Removal(1, 2, 0, 0, 0o600, b"a" * 32, "0000-0000", owner="root:root"),
        Removal(1, 2, 7, 0, 0o600, b"a" * 32, "0000-0000", owner="lp:root"),
    ],
    "doubt": ["it has an option that is not known", "it has two commands"],
}
"""Field → other values than the plain command's, no two of them the same."""
TERMS: dict[str, list[object]] = {
    "timeout_for": [60, 3600],
    "record": [Record("none"), Record("output"), Record("all"), Record("output", failure="continue")],
    "leftovers": ["keep"],
    "writable": [True],
    "bound": [True],
    "options": [True],
    "session": ["end"],
    "observed": [True],
    "namespace": ["always"],  # root, as here, has none of its own accord
}
"""The same for ``Terms``."""
OF_NO_RUN = {"timeout_for", "record", "leftovers", "observed", "namespace"}
"""Terms of what jitd runs itself."""
SEEN_OTHERWISE = {"cwd", "env", "stdin", "watch", "checks", "new"}
"""What these let in stands on the page itself; who may look at the recording changes nothing of what runs."""
BY_NUMBER = {"cwd_device", "cwd_inode", "salt", "is_told"}
"""They say which directory the path meant, and keep the fingerprint from being guessed: nobody could read anything from them.
``is_told`` is about the requester's page alone."""
FOLLOWS = {"findings", "masked"}
"""What follows from the other fields, or from the rules; the fingerprint leaves it out."""
OF_THINGS = {"stays", "brought", "lets"}
"""These mean nothing where a command is asked for."""


def otherwise(plain: Command, name: str, value: object) -> Command:
    """Return ``plain`` with another ``value`` of the field ``name``. Several files have their paths in the words."""
    words = (b"sudoedit", b"/etc/a", b"/etc/b") if name == "edits" else plain.argv
    return replace(plain, **{"argv": words, name: value})


def without_its_fingerprint(what: Command, service: str) -> str:
    """The page, as it would be if the fingerprint told nobody anything."""
    request = replace(waiting("true"), command=what, service=service)
    text = "\n".join(without_styles(page.page(row_for(request), None)))
    assert text.count(request.fingerprint.hex()) == 1
    return text.replace(request.fingerprint.hex(), "")


@pytest.mark.parametrize("service", [JITSUDO, "sudo"])
def test_whatever_is_another_command_is_another_page(service: str) -> None:
    """THREATS R-01, X-22: each field of the command, each of its values on its own."""
    assert set(OTHERWISE) | BY_NUMBER | FOLLOWS | OF_THINGS == {field.name for field in fields(Command)}
    plain = replace(command("true"), locale=(), streams=("null", "null", "null"))
    pages = {without_its_fingerprint(plain, service): "the plain one"}
    unseen = {"streams"} if service != JITSUDO else set()  # jitd does not hand over those of what another program runs
    for name, values in OTHERWISE.items():
        for value in values if name not in unseen else []:
            text = without_its_fingerprint(otherwise(plain, name, value), service)
            assert text not in pages, f"{name}={value!r} looks like {pages.get(text)}"
            pages[text] = f"{name}={value!r}"


def test_a_thing_that_stays_is_another_page_than_one_that_is_taken_back_when_its_client_goes() -> None:
    plain = thing()
    pages = {without_its_fingerprint(each, JITSUDO) for each in (plain, replace(plain, stays=True), thing(f"{THING}.org"))}
    assert len(pages) == 3
    assert "WHAT WOULD BE GIVEN" in min(pages) and "WHAT WOULD RUN" not in "".join(pages)


@pytest.mark.parametrize("kind", ["jitsudo", "sudo", "login"])
def test_whatever_is_on_other_terms_is_another_page(kind: str) -> None:
    """What the rule lets happen beside the command: each of the terms that count for what is asked."""
    assert set(TERMS) | SEEN_OTHERWISE == {field.name for field in fields(Terms)}
    plain = replace(waiting("true"), service="jitsudo" if kind == "jitsudo" else "sudo")
    if kind == "login":
        plain = replace(plain, command=replace(plain.command, argv=(), path=b""))
    counts = {"jitsudo": set(TERMS) - {"options", "session"}, "sudo": set(TERMS) - OF_NO_RUN - {"session"}, "login": {"session"}}
    assert plain.obligations is not None
    pages = {_page(plain): "the plain one"}
    for name in sorted(counts[kind]):
        for value in TERMS[name]:
            obligations = replace(plain.obligations, terms=replace(plain.obligations.terms, **{name: value}))  # type: ignore[arg-type]
            text = _page(replace(plain, obligations=obligations))
            assert text not in pages, f"{name}={value!r} looks like {pages.get(text)}"
            pages[text] = f"{name}={value!r}"


def _page(request: Request) -> str:
    return "\n".join(without_styles(page.page(row_for(request), None)))


def test_the_shorter_time_limit_counts_and_a_terminal_that_is_not_there_is_not_recorded() -> None:
    asked = waiting("true", timeout_for=30)
    assert asked.obligations is not None
    on = replace(asked.obligations, terms=replace(asked.obligations.terms, timeout_for=60))
    assert "time limit   ended after 30 seconds" in _page(replace(asked, obligations=on))
    for kinds, said in (
        (("pipe", "pipe", "null"), "recorded     NOT: it has no terminal"),
        (("terminal", "terminal", "terminal"), "recorded     what it writes to a terminal, if it has one"),
        ((), "recorded     what it writes to a terminal, if it has one"),
    ):
        assert said in _page(replace(asked, command=replace(asked.command, streams=kinds)))
    on = replace(asked.obligations, terms=replace(asked.obligations.terms, record=Record("all")))
    asked = replace(asked, obligations=on)
    for kinds, said in (
        (("pipe", "pipe", "null"), "recorded     all that it writes, and reads from its standard input"),
        (("terminal", "terminal", "terminal"), "recorded     all that it writes, and keys that its terminal echoes"),
    ):
        assert said in _page(replace(asked, command=replace(asked.command, streams=kinds)))


def test_what_is_in_doubt_is_on_terms_too() -> None:
    doubtful = replace(waiting("true"), service="sudo")
    doubtful = replace(doubtful, command=replace(doubtful.command, doubt="it has two commands", path=b""))
    text = _page(doubtful)
    assert "WHAT WOULD RUN: not known for certain" in text and "recorded     NOT by jitd: sudo runs it" in text
