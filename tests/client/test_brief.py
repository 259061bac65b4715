# SPDX-License-Identifier: Apache-2.0
"""The page that an approver reads before the question: everything that matters, in few lines, and no wider than the terminal."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from jitd.cli import brief, columns, page
from jitd.cli.colour import Painted
from jitd.cli.findings import sentence
from jitd.cli.lists import REQUESTS
from jitd.core.claims import Claims
from jitd.core.command import Command, Operand
from jitd.core.deed import JITSUDO
from jitpam.wire.rows import Finding, Request
from jitpam.wire.shown import unshown
from tests.client.script import HOSTILE, Row, row_for, waiting
from tests.client.test_page_binds import BY_NUMBER, OF_NO_RUN, OTHERWISE, TERMS, otherwise
from tests.marks import full
from tests.scene import but, command, thing
from tests.unshown import unshown_command, without_styles

Shows = Callable[[Row, int | None], list[Painted]]
AT_A_TERMINAL = {"streams": ("terminal",) * 3, "locale": ((b"LANG", b"C.UTF-8"), (b"TERM", b"xterm"))}


def whole_row(*argv: str | bytes, **changes: Any) -> Row:
    """A row as `show` gets it, of a command that is typed at a terminal."""
    request = waiting(*argv)
    request = replace(request, command=replace(request.command, **{**AT_A_TERMINAL, **changes}))
    return {**row_for(request), "grade": "harmless", "damage": "none", "findings": [], "last_approved": None}


def text_of(row: Row) -> str:
    return "\n".join(without_styles(brief.brief(row, None)))


def test_a_line_of_a_script_has_nothing_that_looks_like_ascii_punctuation() -> None:
    """THREATS R-18: a script is an argument, line by line."""
    text = text_of(whole_row("sh", "-c", "cd /srv\nrm \u2013rf x\u2026\necho 完了\n"))
    assert r"rm \u2013rf x\u2026" in text and "echo 完了" in text


# --- nothing that binds is left out -------------------------------------------------------------------------------------


NOT_FOR_READING = {"locale"}
"""What is only on the page with everything, with the digests: nobody can judge them by reading."""


def of(what: Command, service: str) -> str:
    return text_of(row_for(replace(waiting("true"), command=what, service=service)))


@pytest.mark.parametrize("service", [JITSUDO, "sudo"])
def test_whatever_is_another_command_is_another_screen(service: str) -> None:
    """THREATS R-01: what the screen leaves out is never what tells two commands apart."""
    plain = replace(command("true"), locale=(), streams=("null", "null", "null"))
    screens = {of(plain, service): "the plain one"}
    unseen = {"streams"} if service != JITSUDO else set()
    for name, values in OTHERWISE.items():
        for value in values if name not in unseen | BY_NUMBER | NOT_FOR_READING else []:
            text = of(otherwise(plain, name, value), service)
            if is_another_digest(plain, name, value):
                continue
            assert text not in screens, f"{name}={value!r} looks like {screens.get(text)}"
            screens[text] = f"{name}={value!r}"


def is_another_digest(plain: Command, name: str, value: Any) -> bool:
    """True if ``value`` differs from the plain command, or from an earlier value, in nothing but a digest."""
    if name == "digest":
        return bool(value)
    return name in ("operands", "interpreters") and value[0].digest == b"c" * 32


def test_a_file_that_is_not_bound_is_on_the_page() -> None:
    """THREATS R-01: which digest it is, nobody can judge; that there is none, they must know."""
    assert "not bound" not in text_of(whole_row("true"))
    assert "file      /usr/bin/true: its content is not bound" in text_of(whole_row("true", digest=b""))


def test_a_warning_about_a_file_is_given_once_and_not_about_data() -> None:
    """Of a command that only reads, an approver learns which files are not bound, and is not warned on every page."""
    loose = Operand(1, b"/srv/x", b"", "alice can change it; what is in a directory is not bound", True)
    unread = {"argument": 1, "path": "/srv/x", "text": None, "told": "it is no file"}
    row = whole_row("du", "/srv/x", operands=(loose,)) | {"scripts": [unread]}
    assert "names     argument 1, /srv/x: not bound\n" in text_of(row)
    assert "NOT " not in text_of(row) and text_of(row) != text_of(whole_row("du", "/srv/x"))
    for grade in ("unknown", "changes", "gives", None):
        graded = row | {"grade": grade}
        warned = "names     argument 1, /srv/x: alice can change it; what is in a directory is not bound"
        assert f"{warned} · NOT SHOWN: it is no file\n" in text_of(graded)
        assert text_of(graded).count("/srv/x: ") == 1
    assert "script    argument 2, /srv/y: NOT SHOWN: why" in text_of(
        row | {"scripts": [{"argument": 2, "path": "/srv/y", "text": None, "told": "why"}]}
    )


def test_a_program_of_another_directory_has_a_line() -> None:
    assert "file " not in text_of(whole_row("true")) and "file " not in text_of(whole_row("/opt/true"))
    assert "file      /usr/sbin/true" in text_of(whole_row("true", path=b"/usr/sbin/true"))
    assert "file      /usr/bin/vim.tiny" in text_of(whole_row("vim", path=b"/usr/bin/vim.tiny"))


def test_every_kind_of_stream_is_another_screen() -> None:
    kinds = ("terminal", "pipe", "file", "socket", "device", "null", "closed")
    every = [(a, b, c) for a in kinds for b in kinds for c in kinds]
    assert len({of(replace(command("true"), streams=each), JITSUDO) for each in every}) == len(every)


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
    assert text_of(row_for(but(plain, **changes))) != text_of(row_for(plain))


@given(st.text("aab ", max_size=200), st.integers(0, 200), st.integers(1, 90), st.integers(40, 60))
@example("a" * 27 + " b", 27, 1, 40)
def test_blanks_at_the_end_of_a_line_hide_no_difference(one: str, at: int, more: int, screen: int) -> None:
    """THREATS R-01: a person sees no blanks at the end of a line of the screen."""
    other = one[:at] + " " * more + one[at:]
    screens = [
        [line.rstrip() for line in without_styles(brief.brief(row_for(waiting("x", word), "bob", reason="z"), screen))]
        for word in (one, other)
    ]
    assert screens[0] != screens[1]


@given(st.lists(st.binary(max_size=40), min_size=1, max_size=8))
def test_what_an_approver_reads_reads_back_to_the_arguments(argv: list[bytes]) -> None:
    """THREATS R-01: parse(render(x)) == x, whether an argument stands on the command's line or line by line below it."""
    row = row_for(waiting(*argv))
    labelled = [(line[: brief.COLUMN].strip(), line[brief.COLUMN :]) for line in without_styles(brief.brief(row, None))]
    end = next(at for at, (label, _) in enumerate(labelled) if label == "why")
    scripts: dict[bytes, bytes] = {}
    name = b""
    for label, text in labelled[:end]:
        if label == "script":
            name = f"<{text.removesuffix(':')}>".encode()
        elif label.isdecimal():
            line = unshown_command(text)[0] if text.startswith("'") else unshown(text)
            scripts[name] = scripts[name] + b"\n" + line if name in scripts else line
    shown = next(text for label, text in labelled if label == "runs")
    for name, script in scripts.items():
        shown = shown.replace(name.decode(), f"'{name.decode()}'")
        assert script.count(b"\n") >= 1
    assert [scripts.get(word, word) for word in unshown_command(shown)] == argv


@given(st.lists(st.binary(max_size=60), min_size=1, max_size=8), st.integers(40, 120))
def test_a_command_of_many_lines_is_numbered_and_reads_back(argv: list[bytes], screen: int) -> None:
    """THREATS R-04: nothing of a command is left out where it is folded, and each of its lines has its number."""
    row = row_for(waiting(*(word.replace(b"\n", b"") for word in argv)))
    lines = without_styles(brief.brief(row, screen))
    at = next(at for at, line in enumerate(lines) if line.startswith("runs"))
    end = next(at for at, line in enumerate(lines) if line.startswith("why"))
    runs = lines[at:end]
    if len(runs) > 1:
        assert [line[: brief.COLUMN].split()[-1] for line in runs] == [str(number) for number in range(1, len(runs) + 1)]
    folded = "".join(line[brief.COLUMN :] for line in runs)
    assert unshown_command(folded) == [word.replace(b"\n", b"") for word in argv]


# --- one screen, no wider than the terminal -----------------------------------------------------------------------------


def test_what_matters_stands_first() -> None:
    row = whole_row("vim", "/etc/shadow") | {"grade": "gives", "findings": [VIM]}
    lines = without_styles(brief.brief(row, None))
    assert lines[0].startswith("alice asks for root on db1.example.test  K7QM-2XVD, ")
    labels = [line[: brief.COLUMN].strip() for line in lines[1:]]
    assert labels == ["runs", "why", "DANGER", "new", "terms", "needs", "from"]


HARMLESS = "note      gives nothing beyond its words, as far as jitd knows vim"
VIM: Row = {"grade": "gives", "what": "vim can start a shell", "path": "", "matters": ""}
SHADOW: Row = {"grade": "reads", "what": "", "path": "/etc/shadow", "matters": "password hashes"}


STRANGE: Row = {"grade": "unknown", "damage": "destroys", "what": "jitd does not know the option --x of dd"}
WIPES: Row = {"grade": "changes", "damage": "destroys", "what": "dd overwrites /dev/sda", "path": "", "matters": ""}
OFF: Row = {"grade": "changes", "damage": "stops", "what": "halt stops this host", "path": "", "matters": ""}
MINOR: Row = {"grade": "leads", "what": "less can start a shell", "path": "", "matters": ""}


@pytest.mark.parametrize(
    ("grade", "damage", "findings", "said"),
    [
        ("changes", "destroys", [WIPES], ["DESTROYS  dd overwrites /dev/sda"]),
        ("changes", "stops", [OFF], ["STOPS     halt stops this host"]),
        ("changes", "destroys", [OFF, WIPES], ["DESTROYS  dd overwrites /dev/sda", "STOPS     halt stops this host"]),
        (
            "gives",
            "destroys",
            [MINOR, WIPES, VIM],
            [
                "DANGER    gives root: vim can start a shell",
                "DESTROYS  dd overwrites /dev/sda",
                "caution   can lead to root: less can start a shell",
            ],
        ),
        (
            "changes",
            "destroys",
            [{**WIPES, "damage": "none"}],
            ["changes   dd overwrites /dev/sda", "DESTROYS  jitd did not say what"],
        ),
        (
            "changes",
            "little",
            [WIPES],
            ["DESTROYS  dd overwrites /dev/sda", "DESTROYS  jitd did not say what is lost if this is wrong: expect the worst"],
        ),
        ("unknown", "destroys", [STRANGE], ["NOT KNOWN jitd does not know the option --x of dd"]),
        (
            "changes",
            "destroys",
            [STRANGE, WIPES, {**WIPES, "damage": "stops", "what": "stops all"}],
            ["DESTROYS  dd overwrites /dev/sda", "STOPS     stops all", "NOT KNOWN jitd does not know the option --x of dd"],
        ),
        ("harmless", None, [], ["DESTROYS  jitd did not say what is lost if this is wrong: expect the worst"]),
        (None, None, [], ["DANGER    jitd did not say what this gives: expect the worst"]),
    ],
)
def test_what_is_lost_stands_as_loudly_as_what_is_given(grade: Any, damage: Any, findings: list[Row], said: list[str]) -> None:
    """THREATS L-33."""
    row = whole_row("vim") | {"grade": grade, "damage": damage, "findings": findings}
    lines = brief.brief(row, None)
    at = next(at for at, (line, _) in enumerate(lines) if line.startswith("why"))
    end = next(at for at, (line, _) in enumerate(lines) if line.startswith("new"))
    assert [line for line, _ in lines[at + 1 : end]] == said
    assert [line[:8].strip() for line, style in lines if style == "danger"] == [
        line[:8].strip() for line in said if line[:8].isupper() or line.startswith(("DANGER", "STOPS"))
    ]


@pytest.mark.parametrize(
    ("grade", "findings", "said"),
    [
        ("harmless", [], [HARMLESS]),
        ("harmless", [{**VIM, "grade": "harmless", "what": "acts on db2"}], [HARMLESS, "note      acts on db2"]),
        ("gives", [VIM], ["DANGER    gives root: vim can start a shell"]),
        ("leads", [{**VIM, "grade": "leads"}], ["caution   can lead to root: vim can start a shell"]),
        ("changes", [{**VIM, "grade": "changes"}], ["changes   vim can start a shell"]),
        ("reads", [SHADOW], ["reads     /etc/shadow: password hashes"]),
        ("gives", [SHADOW, VIM], ["DANGER    gives root: vim can start a shell", "reads     /etc/shadow: password hashes"]),
        ("gives", [VIM, VIM], ["DANGER    gives root: vim can start a shell"]),
        ("gives", [SHADOW], ["reads     /etc/shadow: password hashes", "DANGER    gives root: jitd did not say why"]),
        ("gives", None, ["DANGER    gives root: jitd did not say why"]),
        ("unknown", [], ["unknown   jitd did not say why"]),
        *(
            (word, [{**VIM, "grade": "harmless", "what": word}], [f"note      {word}", f"{label}jitd did not say why"])
            for word, label in (("gives", "DANGER    gives root: "), ("leads", "caution   can lead to root: "))
        ),
        ("gives", [{**VIM, "damage": "stops"}], ["STOPS     gives root: vim can start a shell"]),
        (None, None, ["DANGER    jitd did not say what this gives: expect the worst"]),
        (
            "fine",
            [{**VIM, "grade": "fine"}],
            ["DANGER    gives root: vim can start a shell", "DANGER    jitd did not say what this gives: expect the worst"],
        ),
    ],
)
def test_each_grade_has_its_label_and_harmless_is_said_as_far_as_jitd_knows(grade: Any, findings: Any, said: list[str]) -> None:
    """THREATS R-01: not knowing is never said as harmless."""
    row = whole_row("vim") | {"grade": grade, "findings": findings}
    lines = without_styles(brief.brief(row, None))
    at = next(at for at, line in enumerate(lines) if line.startswith("why"))
    end = next(at for at, line in enumerate(lines) if line.startswith("new"))
    assert lines[at + 1 : end] == said


def test_a_viewer_who_may_not_see_the_arguments_is_told_nothing_that_follows_from_them() -> None:
    row = whole_row("vim", "/etc/shadow") | {"grade": "gives", "findings": [VIM], "narrowed": True}
    text = text_of(row)
    assert "vim can" not in text and "DANGER" not in text and "hidden    its rule does not show you" in text


def test_danger_is_in_the_words_and_in_the_style() -> None:
    row = whole_row("vim") | {"grade": "gives", "findings": [VIM]}
    assert [line[:6] for line, style in brief.brief(row, 80) if style == "danger"] == ["DANGER"]
    assert {style for _, style in brief.brief(whole_row("true"), 80)} == {"head", None}


def test_no_word_of_a_command_can_be_taken_for_the_account_or_the_host() -> None:
    head, runs, *_ = without_styles(brief.brief(whole_row("true", "as", "nobody", "on", "another.host"), None))
    assert "root on db1.example.test" in head and "nobody" not in head and runs.endswith("true as nobody on another.host")


def test_who_has_answered_and_why_the_viewer_may_only_deny_are_on_the_page() -> None:
    row = whole_row("true")
    review = {"by": "dave@EXAMPLE.TEST", "verdict": "approve", "comment": "ok", "at": "2026-03-02T09:00:00Z", "counts": True}
    row["reviews"] = [review | {"authentication": None, "proved": "", "way": None, "void": ""}]
    row["lacks"] = "wants a ticket that is at most 5 minutes old: kinit"
    text = text_of(row)
    assert 'approved by dave: "ok"' in text and "may only deny it: its rule wants" in text and ": you" not in text


def test_nothing_stands_behind_the_words_of_the_requester() -> None:
    """THREATS R-25: a quote in the reason does not end it."""
    row = whole_row("true") | {"reason": 'x" \u00b7 checked by jitd: "true'}
    (line,) = [line for line in without_styles(brief.brief(row, None)) if line.startswith("why")]
    assert line.startswith('why       alice says: "') and line.count('"') == 2 and line.endswith('"')


FAKES = ["DANGER    none", "needs     nobody", "new       nothing", "1  true", "terms     never"]


@pytest.mark.parametrize("screen", [40, 57, 80, 120])
def test_text_of_the_requester_never_stands_where_labels_do(screen: int) -> None:
    """THREATS R-25: whatever it is, at any width, folded at any place."""
    labels = {"runs", "script", "why", "DANGER", "new", "terms", "needs", "from", "variable", "file", "names", "streams", ""}
    for fake in FAKES:
        for n in range(screen):
            text = ("x" * n + "  " + fake + " ") * 3
            data = text.encode()
            row = row_for(waiting("echo", data, data + b"\n" + data, claims=Claims(text, None, 0, ())))
            row |= {"cwd": text, "variables": [["A", text]], "host": "lab", "path": f"/usr/bin/{text}", "grade": None}
            for line in without_styles(brief.brief(row, screen))[1:]:
                label = line[: brief.COLUMN].removeprefix("runs").strip()
                assert label in labels or label.isdecimal() or line.startswith(" " * brief.COLUMN), line


@pytest.mark.parametrize(
    ("principal", "account", "said"),
    [
        ("alice@EXAMPLE.TEST", "alice", "alice"),
        ("alice/admin@EXAMPLE.TEST", "alice", "alice (alice/admin)"),
        ("alice@EXAMPLE.TEST", "al", "al (alice)"),
        ("bob@OTHER.TEST", "bob", "bob (bob@OTHER.TEST)"),
        ("bob@OTHER.TEST@EXAMPLE.TEST", "bob", "bob (bob@OTHER.TEST@EXAMPLE.TEST)"),
        ("bob\\\\@OTHER.TEST@EXAMPLE.TEST", "bob", "bob (bob\\\\@OTHER.TEST@EXAMPLE.TEST)"),
        ("root@EXAMPLE.TEST", "root", "root (root@EXAMPLE.TEST)"),
        ("root", "root", "root"),
        ("local:bob", "bob", "bob"),
        ("local:bob@EXAMPLE.TEST", "bob", "bob (local:bob@EXAMPLE.TEST)"),
        ("pam:bob@EXAMPLE.TEST", "bob", "bob (pam:bob@EXAMPLE.TEST)"),
        ("bob@example.test", "bob", "bob (bob@example.test)"),
        ("b ob@EXAMPLE.TEST", "bob", "bob (b ob@EXAMPLE.TEST)"),
        ("@EXAMPLE.TEST", "bob", "bob (@EXAMPLE.TEST)"),
        ("bob@", "bob", "bob (bob@)"),
    ],
)
def test_only_the_realm_of_the_reader_is_left_out_and_nobody_looks_like_somebody_else(
    principal: str, account: str, said: str
) -> None:
    """THREATS R-25."""
    row = whole_row("true") | {"requester": principal, "account": account}
    assert text_of(row).startswith(f"{said} asks for root")
    listed = REQUESTS["REQUESTER"](Request.read(row))
    assert listed == (said.partition("(")[2].rstrip(")") or principal.removesuffix("@EXAMPLE.TEST"))


def test_a_reader_without_a_realm_sees_whole_principals() -> None:
    """THREATS R-25: local root, and a daemon that does not say whose realm is whose."""
    for realm in ("", None):
        assert text_of(whole_row("true") | {"realm": realm}).startswith("alice (alice@EXAMPLE.TEST) asks")
        assert text_of(whole_row("true") | {"realm": realm, "requester": "alice@"}).startswith("alice (alice@) asks")


def hostile_rows() -> list[Row]:
    raw = HOSTILE.decode("utf-8", "surrogateescape")
    long, wide, spaced = "x" * 700, "漢" * 300, " a" * 300
    rows = []
    for value in (raw, long, wide, spaced, "", "-"):
        data = value.encode("utf-8", "surrogateescape")
        request = waiting("echo", data, data + b"\n" + data + b"\n", claims=Claims(value, b"/dev/pts/1", 7, (value,)))
        row = row_for(request)
        row |= {name: value for name in ("host", "cwd", "rule", "requester", "run_as", "run_as_group", "path")}
        row |= {"facts": [[f"fact.{value}", value]], "variables": [[value, value]], "operands": [{"argument": 1, "path": value}]}
        row |= {"last_approved": {"id": value, "at": value, "by": [value], "argv": [value], "path": value}, "groups": [value]}
        row |= {
            "grade": "gives",
            "findings": [{"grade": grade, "what": value, "path": value, "matters": value} for grade in ("gives", "unknown")],
            "alike": [value],
            "reviews": [{"by": value, "comment": value}],
            "owes": value,
        }
        rows += [row, {**row, "doubt": value or "x"}, {**row, "path": "", "service": value or "sshd"}, {**row, "gives": [value]}]
    return rows


@pytest.mark.parametrize("shows", [brief.brief, page.page])
@pytest.mark.parametrize(
    "screen",
    [
        *(40, 60, 80, 200),
        *(pytest.param(screen, marks=full("every day, the terminal has 40, 60, 80 or 200 columns")) for screen in (72, 132)),
    ],
)
def test_no_line_is_wider_than_the_terminal(shows: Shows, screen: int) -> None:
    """Whatever the row holds."""
    for row in hostile_rows():
        lines = without_styles(shows(row, screen))
        assert [line for line in lines if columns.cells(line) > screen or not line.isprintable()] == []


@pytest.mark.parametrize("shows", [brief.brief, page.page])
@pytest.mark.parametrize("encoding", ["ascii", "iso8859-1", "koi8-r"])
def test_a_terminal_of_few_letters_gets_no_longer_lines(shows: Shows, encoding: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """THREATS R-04: else what is escaped on the way to it pushes the first lines off the screen, and they count as read."""
    asked = waiting("echo", "完了" * 40, claims=Claims("Größe λ " * 30, None, 0, ()))
    row = row_for(asked, last_approved=None)
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BytesIO(), encoding, "backslashreplace"))
    lines = without_styles(shows(row, 80))
    assert [line for line in lines if len(line.encode(encoding, "backslashreplace")) > 80] == []
    assert "\\u5b8c\\u4e86" in "".join(line[brief.COLUMN :].strip() for line in lines)


@given(st.lists(st.text(max_size=120), min_size=1, max_size=5), st.text(max_size=200), st.integers(40, 200))
def test_no_line_is_wider_whatever_is_asked_for(argv: list[str], reason: str, screen: int) -> None:
    asked = waiting(*(word.encode("utf-8", "surrogatepass") for word in argv), claims=Claims(reason, None, 0, ()))
    row = row_for(asked, last_approved=None)
    for line in (*without_styles(brief.brief(row, screen)), *without_styles(page.page(row, screen))):
        assert columns.cells(line) <= screen


def test_a_thing_a_login_and_what_is_in_doubt_have_a_first_line_of_their_own() -> None:
    plain = waiting("true")
    given = replace(plain, command=thing())
    login = replace(plain, service="sshd", command=replace(plain.command, argv=(), path=b""))
    doubtful = replace(plain, service="sudo", command=replace(plain.command, doubt="it has two commands", path=b""))
    texts = [text_of(row_for(each)) for each in (given, login, doubtful)]
    assert texts[0].startswith("alice asks to be given, on db1.example.test:  ") and "thing     service-ticket:" in texts[0]
    assert (
        texts[1].startswith("alice asks for a login as root on db1.example.test, by sshd") and "LOGIN     a session" in texts[1]
    )
    assert (
        texts[2].startswith("alice asks sudo on db1.example.test")
        and "DOUBT     it has two commands: take it for root" in texts[2]
    )


# --- what a row does not say ---------------------------------------------------------------------------------------------

UNSAID = {
    "doubt": "asks jitsudo on",
    "argv": "take it for root",
    "gives": "take it for root",
    "run_as": "asks for root",
    "terms": "NOT recorded",
    "authentication": "FORWARDED from another host",
    "proved": "NO PROOF",
    "operands": "argument 0, -: not bound",
    "interpreters": "can still be changed",
    "options": "which changes what is run",
    "streams": "not known before the run",
    "uses": "a number of runs that jitd does not say",
    "lasts_for": "a time that jitd does not say",
    "point": "(not said)",
    "waits": "does not wait",
}
"""What an approver reads instead of a member that a row has not."""


@pytest.mark.parametrize("is_there", [False, True], ids=["missing", "of another type"])
@pytest.mark.parametrize("name", UNSAID)
def test_what_a_row_does_not_say_never_reads_as_harmless(name: str, is_there: bool) -> None:
    row = row_for(waiting("true"))
    row = {**row, "run_as": "postgres", "terms": {**row["terms"], "record": "all", "record_failure": "stop"}}
    assert UNSAID[name] not in text_of(row)
    del row[name]
    assert UNSAID[name] in text_of({**row, name: 7.5} if is_there else row)


@pytest.mark.parametrize(
    ("what", "path", "said"),
    [
        ("removes all below /srv/a", "/", "removes all below /srv/a: /"),
        ("writes to /dev/sda1", "/dev/sda", "writes to /dev/sda1: /dev/sda"),
        ("runs /srv/a: as root", "/srv/a", "runs /srv/a: as root"),
        ("all of /", "/", "all of /"),
    ],
)
def test_the_file_of_a_finding_is_named_unless_its_sentence_names_this_one(what: str, path: str, said: str) -> None:
    assert sentence(Finding.read({"what": what, "path": path, "grade": "gives"})) == said
