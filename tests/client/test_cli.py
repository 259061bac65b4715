# SPDX-License-Identifier: Apache-2.0
"""The operators' verbs against a daemon made of a script: lists, ends, refusals, and the exit status."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import re
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jitd import cli
from jitd.cli import call, columns, house, lists, recorded, review
from jitd.cli.call import LOOK
from jitd.cli.everywhere import PART
from jitd.core import request
from jitpam.client import NotAuthenticated, RefusedByDaemon, Unreachable
from jitpam.wire.codes import EXITS
from jitpam.wire.messages import Page
from jitpam.wire.rows import STATES, Request
from tests.client.script import HOSTILE, Row, Script, jitd, lines_of, row_for, waiting

# --- lists -------------------------------------------------------------------------------------------------------------


def test_a_list_of_requests_is_aligned_and_marks_ones_own(capsys: pytest.CaptureFixture[str]) -> None:
    mine = row_for(waiting("true", id="MMMM-1111"), viewer="alice")
    other = row_for(waiting("systemctl", "restart", "a b", id="QQQQ-2222"), requester="somebody.long@EXAMPLE.TEST")
    assert jitd(Script(mine, other), "requests") == 0
    head, first, second = capsys.readouterr().out.splitlines()
    assert head.index("COMMAND") == first.index("true") == second.index("systemctl")
    assert "(mine)" in first and "(mine)" not in second
    assert second.endswith("systemctl restart 'a b'")


def test_json_is_one_object_a_line_with_every_text_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    """CONTRACT section 3: bytes that are no UTF-8 as ``\\xNN``, a backslash doubled, and nothing else is changed."""
    odd = b"a\nb\x1b]0;x\x07 \xe2\x80\xaegnp \xff\xfe \\x41 \xc3\xa9"
    rows = [row_for(waiting("true")), row_for(waiting("echo", HOSTILE, odd))]
    assert jitd(Script(*rows), "requests", "--json") == 0
    out = capsys.readouterr().out
    plain, hostile = (json.loads(line) for line in out.splitlines())
    assert plain == rows[0] and hostile["argv"][2] == "a\nb\x1b]0;x\x07 \u202egnp \\xff\\xfe \\\\x41 é"
    assert {**hostile, "argv": 0} == {**rows[1], "argv": 0}
    assert out.replace("\n", "").isprintable() and out.isascii()
    names = {"id", "state", "requester", "host", "run_as", "argv", "rule", "reason"}
    assert rows[0].keys() >= names | {"fingerprint", "owed", "submitted_at", "expires_at"}


@pytest.mark.parametrize("verb", ["requests", "grants", "runs"])
def test_an_empty_list_is_a_sentence_and_no_failure(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert jitd(Script(), verb) == 0
    out, err = capsys.readouterr()
    assert out == "" and err.startswith("jitd: no ")
    assert jitd(Script(), verb, "--json") == 0
    assert capsys.readouterr().out == ""


def test_all_asks_for_what_has_ended_too() -> None:
    script = Script()
    jitd(script, "requests")
    jitd(script, "requests", "--all")
    jitd(script, "grants", "--all")
    jitd(script, "runs", "--all")
    assert [(m.what, m.ended) for m in script.heard] == [  # type: ignore[attr-defined]
        ("requests", False), ("reviews", False), ("requests", True), ("reviews", False), ("grants", True), ("runs", True),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("more", "number"), [(1, "1 older one is"), (20, "20 older ones are"), (1000, "1,000 or more older ones are")]
)
def test_on_a_terminal_the_newest_are_shown_and_how_many_are_older(
    more: int, number: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lists, "width", lambda: 100)
    script = Script(row_for(waiting("true", id="MMMM-1111")), row_for(waiting("true", id="LLLL-0000")), {"more": more})
    assert jitd(script, "requests", "--all") == 0
    out, err = capsys.readouterr()
    assert re.findall("[A-Z]{4}-[0-9]{4}", out) == ["LLLL-0000", "MMMM-1111"], "the newest is nearest to the prompt"
    next_ = "jitd requests --all --before=LLLL-0000 shows the next, --json prints all"
    assert " ".join(err.split()).startswith(f"jitd: {number} not shown: {next_}")
    assert script.heard[0] == Page(what="requests", ended=True, before=None, limit=lists.PAGE)


def test_before_asks_for_the_page_before_also_for_a_program(capsys: pytest.CaptureFixture[str]) -> None:
    script = Script(row_for(waiting("true")), {"more": 0})
    assert jitd(script, "requests", "--json", "--before", "MMMM-1111") == 0
    out, err = capsys.readouterr()
    assert (len(out.splitlines()), err) == (1, "") and script.heard == [
        Page(what="requests", ended=False, before="MMMM-1111", limit=lists.PAGE)
    ]
    assert jitd(Script({"more": 0}), "grants", "--before", "MMMM-1111") == 0
    assert capsys.readouterr().err == "jitd: nothing is older than MMMM-1111 in this list\n"


def test_a_list_that_is_watched_has_no_pages(capsys: pytest.CaptureFixture[str]) -> None:
    script = Script()
    assert jitd(script, "requests", "--watch", "--before", "MMMM-1111") == EXITS["usage"][1]
    assert not script.heard and "--watch shows the whole list: leave out --before" in capsys.readouterr().err


@pytest.mark.parametrize("json_", [True, False])
def test_of_a_long_list_on_a_pipe_few_rows_are_held_at_a_time(json_: bool, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [row_for(waiting("true", id=f"MMMM-{number:04}")) for number in range(2 * PART + 1)]
    said: list[str] = []

    class Slowly(Script):
        def ask(self, message: Any) -> Iterator[Row]:
            for number, row in enumerate(rows if message.what == "grants" else ()):
                said.extend(capsys.readouterr().out.splitlines())
                assert len(said) >= number - PART
                yield row

    assert jitd(Slowly(), "grants", *(["--json"] if json_ else [])) == 0
    said.extend(capsys.readouterr().out.splitlines())
    assert len(said) == len(rows) + (not json_), "and one head"


def test_a_list_on_a_pipe_cuts_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    long = "x" * 100_000
    jitd(Script(row_for(waiting("echo", long))), "requests")
    assert long in capsys.readouterr().out


def test_a_live_board_goes_home_clears_and_does_nothing_else(capfd: pytest.CaptureFixture[str]) -> None:
    """THREATS R-02, R-04: whatever the rows hold, it stays on its screen, and what has no room is counted."""
    board = lists.Board(lists.REQUESTS)
    row = row_for(waiting("echo", HOSTILE), reason="漢" * 5000, requester=HOSTILE.decode("utf-8", "surrogateescape"))
    board.show([Request.read(row)] * 100)
    out = capfd.readouterr().out
    assert out.startswith("\x1b[H\x1b[J")
    lines = out.removeprefix("\x1b[H\x1b[J").split("\n")
    assert all(line.isprintable() and columns.cells(line) <= 80 for line in lines)
    assert len(lines) <= 24 and any(re.fullmatch(r"and \d+ more", line) for line in lines)


@pytest.mark.parametrize(("term", "is_drawn"), [("xterm", True), ("dumb", False), (None, False)])
def test_a_terminal_that_cannot_be_drawn_on_is_not(term: str | None, is_drawn: bool) -> None:
    """Lines come there as on a pipe; what moves a cursor would be letters to it."""
    script = Script(changes=([row_for(waiting("true"))],))
    child, terminal = pty.fork()
    if child == 0:
        os.environ.pop("TERM", None)
        os.environ |= {"TERM": term} if term else {}
        sys.stdin, sys.stdout, sys.stderr = os.fdopen(0), os.fdopen(1, "w", closefd=False), os.fdopen(2, "w", closefd=False)
        os._exit(jitd(script, "requests", "--watch"))
    seen = b""
    with contextlib.suppress(OSError):  # EIO: nobody has it open any more
        while piece := os.read(terminal, 4096):
            seen += piece
    os.close(terminal)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 130
    assert (b"\x1b" in seen) is is_drawn and b"K7QM-2XVD" in seen


@pytest.mark.parametrize(
    ("verb", "instant", "live"),
    [("requests", "expires_at", "pending"), ("grants", "ends_at", "active"), ("locks", "ends_at", "active")],
)
def test_of_what_has_ended_no_time_is_left(verb: str, instant: str, live: str, capsys: pytest.CaptureFixture[str]) -> None:
    ends = (datetime.now(UTC) + timedelta(minutes=90)).strftime("%Y-%m-%dT%H:%M:%SZ")

    def left(state: str) -> str:
        assert jitd(Script({"id": "K7QM-2XVD", "state": state, instant: ends}), verb, "--all") == 0
        head, line = capsys.readouterr().out.splitlines()
        return line[head.index("LEFT") :].split("  ")[0]

    assert left(live) == "in 1 h"
    assert {left(state) for state in lists.ENDED if verb != "requests" or state in STATES} == {"-"}


@given(st.text(max_size=300), st.integers(12, 200))
def test_what_is_cut_says_by_how_much(text: str, width: int) -> None:
    shorter = columns.cut(text, width)
    if shorter != text:
        kept, _, hidden = shorter.rpartition("…(+")
        assert text.startswith(kept) and len(text) - len(kept) == int(hidden.rstrip(")"))
        assert columns.cells(shorter) <= width
    else:
        assert columns.cells(text) <= width


TEXTS = st.text(st.characters(min_codepoint=0x20, exclude_categories=("C", "M", "Z")), max_size=90)


@given(st.lists(st.tuples(*[TEXTS] * 6), max_size=5), st.integers(16, 250))
def test_no_line_of_a_list_is_wider_than_the_terminal(rows: list[tuple[str, ...]], screen: int) -> None:
    """Whatever the rows hold; each takes as many lines as every other, and what is cut says by how much."""
    rows = [(f"K7QM-2XV{n}", *row) for n, row in enumerate(rows)]
    head = ("ID", "REQUESTER", "HOST", "SERVICE", "NEEDS", "REASON", "COMMAND")
    lines = columns.table(head, rows, screen)
    assert all(columns.cells(line) <= screen for line in lines)
    each = len(lines) // (len(rows) + 1)
    assert len(lines) == each * (len(rows) + 1) and lines[0].startswith("ID")
    for n, row in enumerate(rows):
        shown = " ".join(lines[(n + 1) * each : (n + 2) * each])
        assert lines[(n + 1) * each].startswith(row[0])
        assert all(text in shown or "…(+" in shown for text in row)


@pytest.mark.parametrize("screen", [40, 60, 80, 108, 132, 200])
def test_the_lists_fit_on_a_terminal_of_any_width(screen: int) -> None:
    row = row_for(waiting("systemctl", "restart", "postgresql@15-main.service"), reason="the replica does not catch up " * 3)
    for each in (lists.REQUESTS, lists.GRANTS, lists.RUNS, lists.LOCKS):
        lines = lines_of(each, [row], screen)
        assert all(columns.cells(line) <= screen for line in lines), lines
        assert row["id"] in lines[len(lines) // 2]
        assert screen < 200 or len(lines) == 2


def test_what_fits_is_one_line_and_not_cut() -> None:
    rows = [("K7QM-2XVD", "alice@EXAMPLE.TEST", "id -u")]
    assert columns.table(("ID", "REQUESTER", "COMMAND"), rows, 38) == [
        "ID         REQUESTER           COMMAND",
        "K7QM-2XVD  alice@EXAMPLE.TEST  id -u",
    ]


OWED = {
    "id": "AAAA-AAAA",
    "state": "overdue",
    "requester": "alice@EXAMPLE.TEST",
    "may_give": True,
    "argv": ["true"],
    "path": "true",
}


def test_a_watched_list_says_which_reviews_are_owed_and_each_once(capsys: pytest.CaptureFixture[str]) -> None:
    row = row_for(waiting("true"))
    script = Script(changes=([row], [], [row]), reviews=(OWED,))
    assert jitd(script, "requests", "--watch") == 130
    told = capsys.readouterr()
    assert (told.out + told.err).count("a review is owed and overdue for request AAAA-AAAA") == 1
    script = Script(changes=([row],), reviews=(OWED,))
    assert jitd(script, "requests", "--watch", "--json") == 130
    assert "AAAA-AAAA" not in capsys.readouterr().out


def test_a_board_has_room_for_the_reviews_that_are_owed(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("LINES", "24")
    board = lists.Board(lists.REQUESTS)
    board.show(
        [Request.read(row_for(waiting("true")))] * 100,
        [f"a review is owed {HOSTILE.decode('utf-8', 'surrogateescape')} {'x' * 900}"],
    )
    lines = capfd.readouterr().out.removeprefix("\x1b[H\x1b[J").split("\n")
    assert len(lines) <= 24 and sum(line.startswith("a review is owed") for line in lines) == 1
    assert all(line.isprintable() and columns.cells(line) <= 80 for line in lines)


@pytest.mark.parametrize("number", [100, 5000])
def test_a_board_counts_the_rows_that_have_no_room(
    number: int, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """THREATS F-21. And not their lines, where a row takes several. Of very many, no more are laid out than there is room for."""
    made, laid_out = lists.lines_of, []
    monkeypatch.setattr(lists, "lines_of", lambda *args: laid_out.append(len(args[1])) or made(*args))
    monkeypatch.setenv("COLUMNS", "60")
    monkeypatch.setenv("LINES", "24")
    board = lists.Board(lists.REQUESTS)
    board.show([Request.read(row_for(waiting("true")))] * number)
    lines = capfd.readouterr().out.removeprefix("\x1b[H\x1b[J").split("\n")
    shown = sum(line.startswith("K7QM-2XVD") for line in lines)
    assert 0 < shown < 20 and f"and {number - shown} more" in lines and len(lines) <= 24
    assert laid_out == [min(number, lists.LAID_OUT)]


@given(st.text(max_size=300), st.integers(2, 100))
def test_folding_loses_nothing(text: str, width: int) -> None:
    pieces = columns.folded(text, width)
    assert "".join(pieces) == text
    assert all(columns.cells(piece) <= width for piece in pieces)


def test_a_watched_list_that_is_no_terminal_is_a_line_for_each_change(capsys: pytest.CaptureFixture[str]) -> None:
    first, second = row_for(waiting("true", id="AAAA-1111")), row_for(waiting("false", id="BBBB-2222"))
    script = Script(changes=([first], [first, second], [second]))
    assert jitd(script, "requests", "--watch") == 130
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["AAAA-1111", "BBBB-2222", "AAAA-1111"]
    assert lines[2].endswith("open no longer")


# --- the rest of the verbs -----------------------------------------------------------------------------------------------


def test_revoke_takes_an_id_or_a_principal_and_not_both() -> None:
    script = Script(said="gone")
    assert jitd(script, "revoke", "K7QM-2XVD", "--reason", "r") == 0
    assert jitd(script, "revoke", "--of", "alice@EXAMPLE.TEST") == 0
    assert jitd(script, "revoke") == 2
    assert jitd(script, "revoke", "K7QM-2XVD", "--of", "alice@EXAMPLE.TEST") == 2
    assert [(m.id, m.of, m.reason) for m in script.heard] == [  # type: ignore[attr-defined]
        ("K7QM-2XVD", None, "r"), (None, "alice@EXAMPLE.TEST", ""),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("fault", "status"),
    [(RefusedByDaemon(code, "no"), statuses[1]) for code, statuses in EXITS.items()]
    + [(NotAuthenticated("none", "no ticket"), 119), (Unreachable("not there"), 125)],
)
def test_every_refusal_has_its_exit_status(fault: Exception, status: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert jitd(Script(fault=fault), "requests") == status
    out, err = capsys.readouterr()
    look = f"; {LOOK}" if isinstance(fault, Unreachable) else ""
    assert out == "" and err == f"jitd: {fault}{look}\n"


@pytest.mark.parametrize(("width", "lines"), [(80, 2), (70, 2), (200, 1)])
def test_the_sentence_of_a_record_is_readable_on_every_terminal(
    width: int, lines: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorded, "width", lambda: width)
    record = {
        "number": 5,
        "at": "2026-11-26T22:46:20.5+00:00",
        "event": "sink.added",
        "actor": "jitd",
        "detail": {"number": 4, "sink": "siem"},
    }
    assert jitd(Script({"text": f"{json.dumps(record)}\n"}), "audit", "show") == 0
    told = capsys.readouterr().out.splitlines()
    assert len(told) == lines and all(len(line) <= width for line in told)
    assert told[0].startswith("    5  2026-11-26T22:46:20Z  sink.added")
    assert told[-1].endswith("sink siem is new: it gets the record after number 4")


def test_a_long_sentence_keeps_its_reason_and_is_bounded(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorded, "width", lambda: 80)

    def told(n: int) -> list[str]:
        detail = {"argv": ["printf", "x" * n], "run_as": "root:root", "cwd": "/", "reason": "CHG-2"}
        record = {"number": 5, "at": "2026-11-26T22:46:20.5+00:00", "event": "request.submitted", "actor": "a", "detail": detail}
        assert jitd(Script({"text": f"{json.dumps(record)}\n"}), "audit", "show") == 0
        return capsys.readouterr().out.splitlines()

    assert told(90)[-1].endswith('"CHG-2"') and len(told(90)) == 3
    assert len(told(9000)) <= 1 + recorded.MOST_LINES + 1 and all(len(line) <= 80 for line in told(9000))


def test_the_statuses_are_those_of_the_contract() -> None:
    assert {statuses[1] for statuses in EXITS.values()} == {1, 2, 3, 4, 5, 119, 125}


@pytest.mark.parametrize(
    "line",
    [
        "frobnicate",
        "requests --nonsense",
        "show",
        "explain",
        "lock",
        "watch",
        "watch X Y",
        "replay",
        "replay X --speed=0",
        "replay X --to=Y",
        "audit export --after=1",
        "audit show --follow --until=2026-11-26",
        "audit show --since=tomorrow",
        "audit",
    ],
)
def test_what_is_no_verb_of_this_version_is_a_usage_error(line: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert jitd(Script(), *line.split()) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.startswith(("jitd: ", "Usage: jitd audit "))


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (
            "approve --yes",
            "approve: --yes asks nothing, so name each request: jitd approve --yes ID (jitd requests lists them)\n"
            "jitd: usage: jitd approve [OPTIONS] [ID]... (jitd approve -h tells more)",
        ),
        ("show", "show: ID is missing\njitd: usage: jitd show [OPTIONS] ID (jitd show -h tells more)"),
        ("deny", "deny: ID is missing\njitd: usage: jitd deny [OPTIONS] ID... (jitd deny -h tells more)"),
        ("show A B", "show: got unexpected extra argument (B)\njitd: usage: jitd show [OPTIONS] ID (jitd show -h tells more)"),
        ("audit show K7QM-2XVD", "audit show: got unexpected extra argument (K7QM-2XVD); an id is given by --id\njitd: usage: "),
        ("replay --speed=0 X", "replay: --speed: must be a number from 1/64 to 1024\njitd: usage: jitd replay [OPTIONS] "),
        ("replay --speed=nan X", "replay: --speed: must be a number from 1/64 to 1024\n"),
        ("replay --speed=fast X", "replay: --speed: must be a number from 1/64 to 1024\n"),
        ("replay --idle-limit=-1 X", "replay: --idle-limit: must be a number of seconds, 0 or more\n"),
        ("audit show --after=-1", "audit show: --after: must be a whole number, 0 or more\n"),
        ("audit show --after=1.5", "audit show: --after: must be a whole number, 0 or more\n"),
        ("audit digests --since=-1", "audit digests: --since: must be a whole number, 0 or more\n"),
        ("requests --jso", "requests: there is no option --jso (did you mean --json?)\njitd: usage: jitd requests [OPTIONS] "),
        ("explain --at", "option '--at' requires an argument"),
        ("aprove", "there is no verb aprove (did you mean approve?)\njitd: jitd -h lists the verbs and options"),
        ("audit shwo", "audit: there is no verb shwo (did you mean show?)\njitd: jitd audit -h lists the verbs and options"),
        ("\x1b[31m", "there is no verb \\x1b[31m\njitd: jitd -h lists the verbs and options"),
    ],
)
def test_a_usage_error_says_what_is_wrong_and_how_the_verb_is_typed(
    line: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """In jitd's words: what is missing comes first, and no option is repeated from a page of click's."""
    script = Script()
    assert jitd(script, *line.split()) == 2
    out, err = capsys.readouterr()
    assert script.heard == [] and out == "" and err.startswith(f"jitd: {said}")


def test_serve_gets_the_file_it_was_told(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[Any] = []
    module = type(sys)("jitd.daemon")
    module.serve = lambda file: given.append(file) or 7  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "jitd.daemon", module)
    assert jitd(Script(), "serve", "--config", "/x/y.toml") == 7
    assert jitd(Script(), "serve") == 7
    assert [str(file) for file in given] == ["/x/y.toml", "None"]
    assert str(house.FILE) == "/etc/jitd/jitd.toml"


def test_check_tells_every_fault_with_its_place(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    policy = tmp_path / "10-broken.toml"
    broken = '[[permit]]\nname = "a"\nwho = ["group:x"]\n\n[[permit]]\nname = "b"\ncommands = [["/bin/true"]]\nfrob = 1\n'
    policy.write_text(broken)
    assert jitd(Script(), "check", str(policy)) == 1
    out, err = capsys.readouterr()
    assert all(line.startswith(f"{policy}:") and ": rule " in line for line in out.splitlines())
    assert len(out.splitlines()) >= 3 and "fault" in err
    policy.write_text('[[permit]]\nname = "a"\nwho = ["group:x"]\ncommands = [["/bin/true"]]\n')
    assert jitd(Script(), "check", str(policy)) == 0
    assert "no fault" in capsys.readouterr().out


SHELL = (
    '[[permit]]\nname = "sh"\nwho = ["user:root", "user:bin"]\nhosts = ["nowhere.example.org"]\ncommands = [["/usr/bin/bash"]]\n'
)
WARNING = "rule sh: warning amounts-to-root: gives root: without any approval, /usr/bin/bash: bash is a shell"


def test_check_tells_every_warning_and_fails_on_one_only_if_it_is_told_to(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    policy = tmp_path / "10.toml"
    policy.write_text(SHELL)
    assert jitd(Script(), "check", str(policy)) == 0
    assert capsys.readouterr().out.splitlines() == [f"{policy}:1: {WARNING}", "1 file: no fault, 1 warning"]
    assert jitd(Script(), "check", "--strict", str(policy)) == 1
    assert capsys.readouterr() == (f"{policy}:1: {WARNING}\n", "jitd: 1 warning\n")
    policy.write_text(SHELL + 'accept = { amounts-to-root = "it is for shells" }\n')
    assert jitd(Script(), "check", "--strict", str(policy)) == 0
    assert capsys.readouterr().out == "1 file: no fault\n"


def test_check_tells_warnings_beside_faults_and_fails_by_the_faults(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    policy = tmp_path / "10.toml"
    other = '[[permit]]\nname = "other"\nwho = ["group:x"]\ncommands = [["/usr/bin/bash"]]\naprovals = 1\n'
    policy.write_text(SHELL + other)
    assert jitd(Script(), "check", str(policy)) == 1
    out, err = capsys.readouterr()
    assert 'unknown key "aprovals"' in out and WARNING in out and err == "jitd: 1 fault\n"
    assert "rule other: warning" not in out, "it may ask for approvals, by a key that is misspelled"


def test_check_compares_rules_with_the_host_that_the_settings_among_its_files_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    policy, settings = tmp_path / "10.toml", tmp_path / "jitd.toml"
    policy.write_text(SHELL.replace("/usr/bin/bash", "/nowhere/x"))
    settings.write_text('realms = ["EXAMPLE.ORG"]\nhost = "here.example.org"\n')
    assert jitd(Script(), "check", "--strict", str(policy), str(settings)) == 0
    settings.write_text('realms = ["EXAMPLE.ORG"]\nhost = "nowhere.example.org"\n')
    assert jitd(Script(), "check", "--strict", str(settings), str(policy)) == 1
    assert "warning no-such-command: there is no /nowhere/x here" in capsys.readouterr().out


def test_check_calls_no_name_missing_while_the_settings_have_a_fault(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    policy, settings = tmp_path / "10.toml", tmp_path / "jitd.toml"
    policy.write_text('[[permit]]\nname = "a"\nwho = ["group:x"]\ngives = ["sudoers:logs"]\n')
    givers = 'realms = ["EXAMPLE.ORG"]\n[givers.other]\nkind = "sudoers"\nlines = ["ALL=(root) /usr/bin/id"]\n'
    settings.write_text(givers)
    assert jitd(Script(), "check", str(policy), str(settings)) == 1
    assert 'sets up no "sudoers:logs"' in capsys.readouterr().out
    settings.write_text(givers + "frob = 1\n")
    assert jitd(Script(), "check", str(policy), str(settings)) == 1
    out = capsys.readouterr().out
    assert "frob" in out and "sets up no" not in out


def test_what_check_prints_of_a_file_cannot_control_the_terminal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """And an escape that stands in the file is told from one that we have written for it."""
    policy = tmp_path / "10.toml"
    policy.write_text('[[deny]]\nname = "d"\ncommands = [["/nowhere/\\u001b[2Jx", "/etc/\\u202ex\\\\x41"]]\n')
    jitd(Script(), "check", str(policy))
    out = capsys.readouterr().out
    assert "dot-dot" in out and "no-such-command" in out and "\\\\x41" in out and out.replace("\n", "").isprintable()


def test_a_reader_that_has_enough_ends_the_verb_quietly() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    script = Script(*[row_for(waiting("true")) for _ in range(5000)])
    child = os.fork()
    if child == 0:
        errors = os.open(os.devnull, os.O_WRONLY)
        os.dup2(writer, 1)
        os.dup2(errors, 2)
        sys.stdout = os.fdopen(1, "w", closefd=False)
        sys.stderr = os.fdopen(2, "w", closefd=False)
        call.connect = script.connect  # type: ignore[assignment]
        sys.argv = ["jitd", "requests", "--json"]
        os._exit(cli.main())
    os.close(writer)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 141


def test_runs_that_have_ended_tell_how(capsys: pytest.CaptureFixture[str]) -> None:
    row: Row = {
        "id": "K7QM-2XVD.2", "state": "ended", "requester": "alice@EXAMPLE.TEST", "argv": ["true"], "run_as": "root",
        "outcome": {"ending": "signaled", "number": 9, "because": "revoked by bob@EXAMPLE.TEST"},
    }  # fmt: skip
    assert jitd(Script(row), "runs", "--all") == 0
    assert "ended by signal 9: revoked by bob@EXAMPLE.TEST" in capsys.readouterr().out


def test_the_states_in_which_it_is_asked_are_those_of_the_core() -> None:
    assert tuple(state for state, events in request.LAW.items() if events) == review.OPEN


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("--id K7QM-2XVD", "no record is about K7QM-2XVD: jitd requests --all lists the requests"),
        ("--id K7QM-2XVD --since 1h", "no record matches"),
        ("", "no record"),
    ],
)
def test_an_id_of_which_there_is_no_record_is_named_with_where_the_ids_are(
    words: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert jitd(Script(), "audit", "show", *words.split()) == 0
    assert capsys.readouterr().err.startswith(f"jitd: {said}")


@pytest.mark.parametrize("words", [(), ("--allowed-signers",)])
def test_a_public_key_is_one_line_on_a_terminal_too(
    words: tuple[str, ...], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is copied into a file of keys, and one that is broken is none."""
    monkeypatch.setattr(sys.modules["jitd.cli.answer"], "width", lambda: 40)
    key = f"ssh-ed25519 {'A' * 68}"
    assert jitd(Script(said=f"{key} jitd@db1.example.test"), "audit", "key", *words) == 0
    assert key in capsys.readouterr().out.splitlines()[0]
