# SPDX-License-Identifier: Apache-2.0
"""The screen that an approver reads before the question: whole, in a summary and in full, and no wider than the terminal."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jitd.cli import brief, columns, labels, page
from jitd.cli.colour import Painted, without_styles
from jitd.core.authentication import Authentication
from jitd.core.claims import Claims
from jitd.core.command import Command
from jitd.core.deed import JITSUDO
from jitd.verbs.outlook import outlook
from jitpam.wire.shown import unshown, unshown_command
from tests.client.script import HOSTILE, Row, row_for, waiting
from tests.client.test_page_binds import BY_NUMBER, OF_NO_RUN, OTHERWISE, TERMS
from tests.marks import full
from tests.scene import START, command, person, thing

Shows = Callable[[Row, int | None], list[Painted]]
AT_A_TERMINAL = {"streams": ("terminal",) * 3, "locale": ((b"LANG", b"C.UTF-8"), (b"TERM", b"xterm"))}


def whole_row(*argv: str | bytes, **changes: Any) -> Row:
    """A row as `show` gets it, of a command that is typed at a terminal."""
    request = waiting(*argv)
    request = replace(request, command=replace(request.command, **{**AT_A_TERMINAL, **changes}))
    return {**row_for(request), **outlook(request), "last_approved": None}


def text_of(row: Row) -> str:
    return "\n".join(without_styles(brief.brief(row, None)))


def test_a_line_of_a_script_has_nothing_that_looks_like_ascii_punctuation() -> None:
    """THREATS R-18: a script is an argument, line by line."""
    text = text_of(whole_row("sh", "-c", "cd /srv\nrm \u2013rf x\u2026\necho 完了\n"))
    assert r"rm \u2013rf x\u2026" in text and "echo 完了" in text


# --- nothing that binds is left out -------------------------------------------------------------------------------------


def without_its_fingerprint(what: Command, service: str) -> str:
    request = replace(waiting("true"), command=what, service=service)
    text = text_of(row_for(request))
    assert text.count(request.fingerprint.hex()) == 1
    return text.replace(request.fingerprint.hex(), "")


@pytest.mark.parametrize("service", [JITSUDO, "sudo"])
def test_whatever_is_another_command_is_another_screen(service: str) -> None:
    """THREATS R-01: what the screen leaves out is never what tells two commands apart."""
    plain = replace(command("true"), locale=(), streams=("null", "null", "null"))
    screens = {without_its_fingerprint(plain, service): "the plain one"}
    unseen = {"locale", "streams"} if service != JITSUDO else set()
    for name, values in OTHERWISE.items():
        for value in values if name not in unseen | BY_NUMBER else []:
            text = without_its_fingerprint(replace(plain, **{name: value}), service)
            assert text not in screens, f"{name}={value!r} looks like {screens.get(text)}"
            screens[text] = f"{name}={value!r}"


def test_every_kind_of_stream_is_another_screen() -> None:
    kinds = ("terminal", "pipe", "file", "socket", "device", "null", "closed")
    every = [(a, b, c) for a in kinds for b in kinds for c in kinds]
    assert len({without_its_fingerprint(replace(command("true"), streams=each), JITSUDO) for each in every}) == len(every)


@pytest.mark.parametrize("kind", ["jitsudo", "sudo", "login"])
def test_whatever_is_on_other_terms_is_another_screen(kind: str) -> None:
    plain = replace(waiting("true"), service="jitsudo" if kind == "jitsudo" else "sudo")
    if kind == "login":
        plain = replace(plain, command=replace(plain.command, argv=(), path=b""))
    counts = {"jitsudo": set(TERMS) - {"options", "session"}, "sudo": set(TERMS) - OF_NO_RUN - {"session"}, "login": {"session"}}
    assert plain.obligations is not None
    screens = {text_of(row_for(plain))}
    for name in sorted(counts[kind]):
        for value in TERMS[name]:
            obligations = replace(plain.obligations, terms=replace(plain.obligations.terms, **{name: value}))  # type: ignore[arg-type]
            text = text_of(row_for(replace(plain, obligations=obligations)))
            assert text not in screens, f"{name}={value!r}"
            screens.add(text)


@pytest.mark.parametrize(
    "changes", [{"lasts_for": 60}, {"uses": 3}, {"timeout_for": 9}, {"lasts_for": 60, "uses": 3}, {"waits": False}]
)
def test_what_is_asked_for_beside_one_run_is_on_the_screen(changes: dict[str, Any]) -> None:
    plain = waiting("true")
    assert text_of(row_for(replace(plain, **changes))) != text_of(row_for(plain))


@given(st.lists(st.binary(max_size=40), min_size=1, max_size=8))
def test_what_an_approver_reads_reads_back_to_the_arguments(argv: list[bytes]) -> None:
    """THREATS R-01: parse(render(x)) == x, whether an argument stands on the command's line or line by line below it."""
    lines = without_styles(brief.brief(row_for(waiting(*argv)), None))
    labelled = [(line[: labels.LABEL].strip(), line[labels.LABEL :]) for line in lines]
    scripts: dict[bytes, bytes] = {}
    name = b""
    for label, text in labelled:
        if label.startswith("argument "):
            n_lines = text.removeprefix("line by line, ").removesuffix(" lines:")
            name = f"<{label}, {n_lines} lines>".encode()
        elif label.startswith("line "):
            line = unshown_command(text)[0] if text.startswith("'") else unshown(text)
            scripts[name] = scripts[name] + b"\n" + line if name in scripts else line
    shown = next(text for label, text in labelled if label == "command")
    for name, script in scripts.items():
        shown = shown.replace(name.decode(), f"'{name.decode()}'")
        assert script.count(b"\n") >= 1
    assert [scripts.get(word, word) for word in unshown_command(shown)] == argv


# --- one screen, no wider than the terminal -----------------------------------------------------------------------------


def test_an_ordinary_request_takes_one_screen_with_its_question() -> None:
    alice = person(
        "alice", authentication=Authentication(START, START, ("initial", "pre-authent"), ("otp",), "aes256", "aes256", ())
    )
    request = replace(waiting("systemctl", "restart", "postgresql"), requester=alice)
    request = replace(request, command=replace(request.command, **AT_A_TERMINAL))
    row = {**row_for(request), **outlook(request), "last_approved": None}
    assert "by otp" in text_of(row)
    assert all(len(without_styles(brief.brief(row, screen))) + 3 <= 24 for screen in (60, 80, 200))


def test_what_the_approver_already_knows_stands_first() -> None:
    lines = without_styles(brief.brief(whole_row("vim", "/etc/shadow"), None))
    assert lines[0].startswith("request K7QM-2XVD, asked ")
    assert [line[: labels.LABEL].strip() for line in lines[1:6]] == ["in short", "amounts to", "amounts to", "at stake", "new"]
    assert lines[1].endswith("asks to run, as root on db1.example.test: vim /etc/shadow")
    assert lines[2].endswith("ALL THAT ROOT MAY DO")
    assert "can start a shell from within" in lines[3] and lines[4].endswith("/etc/shadow: the hashes of passwords")


def test_no_word_of_a_command_can_be_taken_for_the_account_or_the_host() -> None:
    row = whole_row("true", "as", "nobody", "on", "another.host")
    line = without_styles(brief.brief(row, None))[1]
    assert line.index("as root on db1.example.test") < line.index("true as nobody")


def test_where_nothing_is_known_it_is_not_said_that_all_is_well() -> None:
    row = row_for(waiting("true"))  # a daemon that says nothing of it
    assert "amounts to" not in text_of(row)


def test_who_has_answered_and_why_the_viewer_may_only_deny_are_on_the_screen() -> None:
    row = whole_row("true")
    row["reviews"] = [{"by": "dave@EXAMPLE.TEST", "verdict": "approve", "comment": "ok", "at": "2026-03-02T09:00:00Z"}]
    row["lacks"] = "wants a ticket that is at most 5 minutes old: kinit"
    text = text_of(row)
    assert 'approved by dave@EXAMPLE.TEST: "ok"' in text and "may only deny it: its rule wants" in text


def hostile_rows() -> list[Row]:
    raw = HOSTILE.decode("utf-8", "surrogateescape")
    long, wide, spaced = "x" * 700, "漢" * 300, " a" * 300
    rows = []
    for value in (raw, long, wide, spaced, "", "-"):
        data = value.encode("utf-8", "surrogateescape")
        request = waiting("echo", data, data + b"\n" + data + b"\n", claims=Claims(value, b"/dev/pts/1", 7, (value,)))
        row = {**row_for(request), **outlook(request)}
        row |= {name: value for name in ("host", "cwd", "rule", "requester", "run_as", "run_as_group", "path")}
        row |= {"facts": [[f"fact.{value}", value]], "variables": [[value, value]], "operands": [{"argument": 1, "path": value}]}
        row |= {"last_approved": {"id": value, "at": value, "by": [value], "argv": [value], "path": value}, "groups": [value]}
        row |= {
            "findings": [{"grade": value, "what": value, "path": path, "matters": value} for path in ("", value)],
            "reviews": [{"by": value, "comment": value}],
            "owes": value,
        }
        rows += [row, {**row, "doubt": value or "x"}, {**row, "path": "", "service": value or "sshd"}, {**row, "gives": [value]}]
    return rows


@pytest.mark.parametrize("shows", [brief.brief, page.page])
@pytest.mark.parametrize(
    "screen",
    [
        *(60, 80, 200),
        *(pytest.param(screen, marks=full("every day, the terminal has 60, 80 or 200 columns")) for screen in (72, 132)),
    ],
)
def test_no_line_is_wider_than_the_terminal(shows: Shows, screen: int) -> None:
    """Whatever the row holds."""
    for row in hostile_rows():
        lines = without_styles(shows(row, screen))
        assert [line for line in lines if columns.cells(line) > screen or not line.isprintable()] == []


@given(st.lists(st.text(max_size=120), min_size=1, max_size=5), st.text(max_size=200), st.integers(60, 200))
def test_no_line_is_wider_whatever_is_asked_for(argv: list[str], reason: str, screen: int) -> None:
    asked = waiting(*(word.encode("utf-8", "surrogatepass") for word in argv), claims=Claims(reason, None, 0, ()))
    row = {**row_for(asked), **outlook(asked), "last_approved": None}
    for line in (*without_styles(brief.brief(row, screen)), *without_styles(page.page(row, screen))):
        assert columns.cells(line) <= screen


def test_a_thing_and_a_login_and_what_is_in_doubt_have_a_sentence_of_their_own() -> None:
    plain = waiting("true")
    given = replace(plain, command=thing())
    login = replace(plain, service="sshd", command=replace(plain.command, argv=(), path=b""))
    doubtful = replace(plain, service="sudo", command=replace(plain.command, doubt="it has two commands", path=b""))
    texts = [text_of({**row_for(each), **outlook(each)}) for each in (given, login, doubtful)]
    assert "asks to be given service-ticket:" in texts[0] and "ALL THAT ROOT MAY DO" not in texts[0]
    assert "asks for a session of root on" in texts[1] and "ALL THAT ROOT MAY DO" in texts[1]
    assert "take it for root" in texts[2] and "ALL THAT ROOT MAY DO" in texts[2]
