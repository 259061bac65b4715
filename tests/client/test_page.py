# SPDX-License-Identifier: Apache-2.0
"""What an approver reads: whole, facts apart from claims, and harmless to the terminal whatever is in it."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import pyte
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jitd.cli import columns, labels, page
from jitd.cli.answer import printable
from jitd.cli.brief import brief
from jitd.core.claims import Claims
from jitd.core.subject import used_by
from jitpam.client import RefusedByDaemon
from tests.client.script import HOSTILE, Row, Script, jitd, row_for, waiting
from tests.scene import command, person
from tests.unshown import unshown_command, without_styles


def test_facts_and_claims_stand_under_different_headings() -> None:
    """THREATS S-03: what the client claims is never among what jitd has checked."""
    claims = Claims("I am root, trust me", b"/dev/pts/99", 4711, ("forged parent",))
    lines = without_styles(page.page(row_for(waiting("true", claims=claims)), None))
    checked = next(n for n, line in enumerate(lines) if "jitd has checked this" in line)
    claimed = next(n for n, line in enumerate(lines) if "nobody has checked this" in line)
    needs = next(n for n, line in enumerate(lines) if line == "WHAT IT NEEDS")
    for text in ("I am root, trust me", "/dev/pts/99", "4711", "forged parent"):
        places = [n for n, line in enumerate(lines) if text in line]
        assert places and all(claimed < n < needs for n in places), text
    for text in ("uid 1001", "ticket ends"):
        assert all(checked < n < claimed for n, line in enumerate(lines) if text in line)


def test_the_facts_that_the_rule_saw_stand_among_the_facts_and_the_requester_is_not_told() -> None:
    seen = (("fact.load", "0.5"), ("fact.risk", "not known: \x1b[2J"))
    request = waiting("true", seen=seen)
    lines = without_styles(page.page(row_for(request), None))
    checked, claimed = (
        next(n for n, line in enumerate(lines) if text in line) for text in ("has checked this", "nobody has checked")
    )
    assert [line.split(maxsplit=1) for line in lines[checked:claimed] if "fact." in line] == [
        ["fact.load", "0.5"], ["fact.risk", "not known: \\x1b[2J"],
    ]  # fmt: skip
    assert not any("fact." in line for line in without_styles(page.page(row_for(request, "alice"), None)))


def test_both_pages_name_who_may_be_the_one_who_asks() -> None:
    """THREATS A-22."""
    request = waiting("true")
    alone, carol = row_for(request), person("carol")
    bob = used_by(used_by(request.requester, carol, "R0NS-0001"), person("dave"))
    row = row_for(replace(request, requester=bob))
    told = [
        f"PERHAPS carol@EXAMPLE.TEST asks, who may act as {bob.user} in run R0NS-0001",
        f"PERHAPS dave@EXAMPLE.TEST asks, who may act as {bob.user} after a login of their own",
    ]
    for shown in (page.page(row, None), brief(row, None)):
        lines = [" ".join(line.split()) for line in without_styles(shown)]
        assert [line for line in lines if line.startswith("PERHAPS")] == told
    assert not any("PERHAPS" in line for line in without_styles([*page.page(alone, None), *brief(alone, None)]))


def test_a_page_has_everything_that_binds_the_run() -> None:
    bound = replace(
        command("psql", "-c", "drop table x", cwd=b"/srv/with space", streams=("pipe", "terminal", "null")),
        variables=((b"PGDATA", b"/a b"),), locale=((b"LANG", b"C.UTF-8"),),
    )  # fmt: skip
    request = waiting(lasts_for=3600, uses=3)
    request = replace(request, command=bound)
    text = "\n".join(without_styles(page.page(row_for(request), None)))
    for part in (
        "psql -c 'drop table x'",
        "3 arguments, 18 bytes",
        "/usr/bin/psql",
        bound.digest.hex(),
        "root, group root",
        "'/srv/with space'",
        "PGDATA='/a b'",
        "LANG=C.UTF-8",
        "is a pipe you cannot see",
        "is a terminal",
        "A LEASE: 3 runs within 1 hour",
        "alice@EXAMPLE.TEST",
        "alice (uid 1001)",
        "alice, dba",
        "1 of ops",
        request.fingerprint.hex(),
    ):
        assert part in text, part


def test_nothing_of_two_mebibytes_of_arguments_is_cut() -> None:
    """THREATS R-04."""
    argv = [b"echo", *(b"%06d" % n + b"y" * 120_000 for n in range(17)), b"rm -rf /"]
    lines = without_styles(page.page(row_for(waiting(*argv)), None))
    told = [line[labels.LABEL :] for line in lines if line.startswith("  argument ")]
    assert [unshown_command(re.sub(r"  \([0-9]+ bytes\)$", "", one)) for one in told] == [[argument] for argument in argv]
    line = next(line for line in lines if line.startswith("  command"))
    assert line.endswith("echo, with the arguments below, each of them whole"), "and nothing of them is printed twice"
    assert sum(map(len, lines)) < 1.01 * sum(map(len, argv))


@given(st.lists(st.binary(max_size=40), min_size=1, max_size=12))
def test_what_the_page_prints_reads_back_to_the_arguments(argv: list[bytes]) -> None:
    """THREATS R-01: parse(render(x)) == x, folded or not."""
    row = row_for(waiting(*argv))
    plain = without_styles(page.page(row, None))
    line = next(line for line in plain if line.startswith("  command "))
    assert unshown_command(line[labels.LABEL :]) == argv
    narrow = without_styles(page.page(row, 60))
    at = next(n for n, line in enumerate(narrow) if line.startswith("  command "))
    text = narrow[at][labels.LABEL :]
    for more in narrow[at + 1 :]:
        if more[: labels.LABEL].strip():
            break
        text += more[labels.LABEL :]
    assert unshown_command(text) == argv


def test_nobodys_text_begins_where_the_labels_stand() -> None:
    """THREATS R-04: padding: an argument cannot fake a line of the page, however it is made to wrap."""
    fake = b" " * 57 + b"  still needs  0 approvals" + b" " * 200
    lines = without_styles(page.page(row_for(waiting("echo", fake, claims=Claims("x" * 500, None, 1, ()))), 80))
    assert all(columns.cells(line) <= 80 for line in lines)
    found = [line[: labels.LABEL].strip() for line in lines]
    assert found.count("still needs") == 1
    assert not any("x" in line[: labels.LABEL] and "xxx" in line[: labels.LABEL] for line in lines)


@pytest.mark.parametrize("place", ["argv", "reason", "cwd", "rule", "requester", "comment", "host", "parent", "row"])
def test_hostile_rows_move_no_cursor_and_set_no_title(place: str) -> None:
    """THREATS R-02: whatever the row holds, shown by the daemon or not, the screen has plain text and nothing else."""
    request = waiting("echo")
    raw = HOSTILE.decode("utf-8", "surrogateescape")
    row = row_for(request)
    match place:
        case "argv":
            row = row_for(waiting("echo", HOSTILE))
        case "reason":
            row = row_for(waiting("echo", claims=Claims(raw, None, 1, ())))
        case "cwd":
            row = row_for(replace(request, command=replace(request.command, cwd=HOSTILE)))
        case "comment":
            row["reviews"] = [{"by": raw, "verdict": "approve", "comment": raw, "at": "2026-03-02T09:00:00Z"}]
        case "parent":
            row["claims"]["parents"] = [raw]
        case "row":  # a daemon that forgot `shown` everywhere
            row = {**row, **{name: raw for name in row if isinstance(row[name], str)}, "argv": [raw], "variables": [[raw, raw]]}
        case _:
            row[place] = raw
    screen, stream = _screen()
    lines = [printable(line) for line in without_styles(page.page(row, 100))]
    stream.feed("\r\n".join(lines))
    assert screen.title == "" and screen.icon_name == ""
    assert screen.cursor.y == len(lines) - 1
    assert [line.rstrip() for line in screen.display][: len(lines)] == [line.rstrip() for line in lines]
    assert all(cell.fg == "default" and not cell.reverse for line in screen.buffer.values() for cell in line.values())


def _screen() -> tuple[pyte.Screen, pyte.Stream]:
    screen = pyte.Screen(400, 300)
    return screen, pyte.Stream(screen)


@pytest.mark.parametrize("verb", [("requests",), ("requests", "--all"), ("grants",), ("runs",), ("audit", "show")])
def test_hostile_lists_are_plain_lines(verb: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    """THREATS R-02."""
    raw = HOSTILE.decode("utf-8", "surrogateescape")
    names = ("id", "state", "requester", "host", "run_as", "reason", "rule", "event", "actor", "at", "pid", "digest")
    row: Row = dict.fromkeys(names, raw)
    row |= {"argv": [raw], "runs": [raw], "detail": {raw: raw}, "outcome": {"ending": raw, "number": 1, "because": raw}}
    told = row if verb[0] != "audit" else {"text": json.dumps(row) + "\n"}
    assert jitd(Script(told), *verb) == 0
    out = capsys.readouterr().out
    assert all(line.isprintable() for line in out.split("\n"))
    assert not any(ord(c) in (0x9B, 0x202E, 0x200B) for c in out)


def test_a_sentence_of_the_daemons_is_plain_too(capsys: pytest.CaptureFixture[str]) -> None:
    script = Script(fault=RefusedByDaemon("forbidden", HOSTILE.decode("utf-8", "surrogateescape")))
    assert jitd(script, "reload") == 3
    assert capsys.readouterr().err.rstrip("\n").isprintable()


@pytest.mark.parametrize("words", [("show",), ("approve", "--yes")])
def test_streams_of_a_request_that_does_not_wait_are_not_known_before_the_run(
    words: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    row = row_for(replace(waiting("true"), command=command("true", streams=())))
    assert jitd(Script(row), *words, row["id"]) == 0
    assert capsys.readouterr().out.count(" is not known before the run") == 3
    assert [line for line in without_styles(brief(row, None)) if "streams" in line] == ["streams   not known before the run"]


UNSAID = {
    "doubt": "not known for certain: take it for root",
    "path": "not known for certain: take it for root",
    "run_as": "root, group postgres",
    "chdir": "(named, and entered as postgres)",
    "terms": "recorded     NOT",
    "authentication": "YES: the ticket was handed over from another host",
    "operands": "argument 0, -",
    "options": "which changes what is run",
    "variables": "(not said)",
    "writable": "opens this by name: its content is not bound",
}
"""What the page says instead of a member that a row has not."""


@pytest.mark.parametrize("name", UNSAID)
def test_what_a_row_does_not_say_never_reads_as_harmless(name: str) -> None:
    row = row_for(waiting("true"), service="sudo" if name == "writable" else "jitsudo")
    terms = {**row["terms"], "record": "all", "record_failure": "stop"}
    row |= {"run_as": "postgres", "run_as_group": "postgres", "terms": terms, "writable": False}
    assert UNSAID[name] not in "\n".join(without_styles(page.page(row, None)))
    del row[name]
    assert UNSAID[name] in "\n".join(without_styles(page.page(row, None)))
