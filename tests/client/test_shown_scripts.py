# SPDX-License-Identifier: Apache-2.0
"""The texts of a request on its page: numbered, and beside what was approved last."""

from __future__ import annotations

import random
import re
import time
from typing import Any

import pytest

from jitd.cli.labels import laid_out
from jitd.cli.scripts import UNBOUND, scripts
from jitpam.wire.rows import Request
from jitpam.wire.shown import shown, unshown
from tests.unshown import unshown_command, without_styles

LAST = {"id": "AAAA-0001", "at": "2026-03-02T09:01:05Z", "by": ["bob@EXAMPLE.TEST"]}


def of(text: bytes | None, before: bytes | None = None, **more: Any) -> dict[str, Any]:
    row = {
        "argument": 1,
        "path": "/home/alice/x.sh",
        "text": None if text is None else shown(text),
        "before": None if before is None else shown(before),
        "last": None if before is None else LAST,
        "told": "",
        "bound": "compared until the command starts",
    }
    return {"argv": ["sh"], "path": "/bin/sh", "gives": [], "doubt": "", "operands": [], "scripts": [row | more]}


def lines(row: dict[str, Any], *, is_whole: bool = False) -> list[tuple[str, str]]:
    return list(scripts(Request.read(row), is_whole=is_whole))


def body(row: dict[str, Any], *, is_whole: bool = False) -> list[tuple[str, str]]:
    return [line for line in lines(row, is_whole=is_whole) if re.match(r"[-+ ] *(\d+|end)|same", line[0])]


def test_a_text_that_is_seen_for_the_first_time_is_shown_whole_with_numbers():
    assert lines(of(b"#!/bin/sh\nset -e\n\nid \n")) == [
        ("script", "argument 1, /home/alice/x.sh, 4 lines; compared until the command starts"),
        ("     1", "#!/bin/sh"),
        ("     2", "set -e"),
        ("     3", "''"),
        ("     4", "'id '"),
        ("not bound", UNBOUND),
    ]


def test_of_a_text_that_was_approved_before_the_differences_are_shown_and_the_whole_if_it_is_wanted():
    before = b"".join(b"echo %d\n" % n for n in range(1, 21))
    now = before.replace(b"echo 10\n", b"rm -rf /srv\n")
    found = lines(of(now, before))
    assert found[1][0] == "compared" and found[1][1].startswith(
        "1 line differs from what bob@EXAMPLE.TEST approved on 2026-03-02"
    )
    assert body(of(now, before)) == [
        ("same", "lines 1 to 7"),
        ("     8", "echo 8"),
        ("     9", "echo 9"),
        ("-   10", "echo 10"),
        ("+   10", "rm -rf /srv"),
        ("    11", "echo 11"),
        ("    12", "echo 12"),
        ("same", "lines 13 to 20"),
    ]
    whole = body(of(now, before), is_whole=True)
    assert [text for label, text in whole if not label.startswith("-")] == now.decode().splitlines()
    assert not any(label == "same" for label, _ in whole)


def test_what_is_the_same_is_said_in_one_line_and_shown_if_it_is_wanted():
    row = of(b"id\n", b"id\n")
    assert [label for label, _ in lines(row)] == ["script", "compared", "not bound"]
    assert lines(row)[1][1].startswith("the same as what bob@EXAMPLE.TEST approved")
    assert ("     1", "id") in lines(row, is_whole=True)


@pytest.mark.parametrize("is_whole", [False, True])
def test_what_is_shown_of_a_difference_gives_both_texts_back(is_whole):
    """THREATS R-22: nothing that differs is among the lines that are not shown, whatever the two texts are."""
    chance = random.Random(22)
    for _ in range(300):
        before = [chance.choice([b"a", b"b", b"", b"b ", b"same", b"\xff"]) for _ in range(chance.randrange(30))]
        now = list(before)
        for _ in range(chance.randrange(6)):
            at = chance.randrange(len(now) + 1)
            now[at : at + chance.randrange(3)] = [chance.choice([b"a", b"x", b"\x1b[2J"])] * chance.randrange(3)
        end = [b"\n", b""]
        texts = [b"\n".join(some) + chance.choice(end) for some in (before, now)]
        told = lines(of(texts[1], texts[0]), is_whole=is_whole)
        if texts[0] == texts[1]:
            assert told[1][1].startswith("the same")
            continue
        assert "differ" in told[1][1]
        was, becomes = (text.split(b"\n") for text in texts)
        shown_of = {"-": dict[int, bytes](), "+": dict[int, bytes](), "": dict[int, bytes]()}
        for label, text in body(of(texts[1], texts[0]), is_whole=is_whole):
            if found := re.fullmatch(r"([-+ ]) *(\d+)", label):
                is_quoted = text.startswith(("'", "$'"))
                shown_of[found[1].strip()][int(found[2])] = unshown_command(text)[0] if is_quoted else unshown(text)
        for number, line in shown_of["-"].items():
            assert was[number - 1] == line
        for number, line in {**shown_of["+"], **shown_of[""]}.items():
            assert becomes[number - 1] == line
        kept = [line for at, line in enumerate(_ended(texts[0]), 1) if at not in shown_of["-"]]
        assert kept == [line for at, line in enumerate(_ended(texts[1]), 1) if at not in shown_of["+"]], (
            "only equal lines are left"
        )


def _ended(text: bytes) -> list[bytes]:
    lines = text.split(b"\n")
    return [line + b"\n" for line in lines[:-1]] + ([lines[-1]] if lines[-1] else [])


def test_texts_that_differ_in_their_last_newline_alone_are_different():
    """THREATS R-22"""
    assert body(of(b"id", b"id\n")) == [("-    1", "id"), ("+    1", "id"), ("+  end", "line 1 does not end with a newline")]


def test_a_text_that_is_made_to_be_compared_slowly_is_compared_at_once_and_wholly():
    """THREATS R-22: its writer chooses both texts; without a bound, this comparison takes minutes."""
    before = b"a\n" + b"".join(b"%d\n" % (n % 7) for n in range(20_000)) + b"z\n"
    now = b"b\n" + b"".join(b"%d\n" % (n % 5) for n in range(20_000)) + b"y\n"
    began = time.process_time()
    found = body(of(now, before))
    assert time.process_time() - began < 20
    assert [text for label, text in found if label.startswith("+")] == now.decode().splitlines()


FORGED = (
    b"id\n"
    + b"x" * 200
    + b"  approve  bob has read this\nscript         /etc/motd, 1 line; what runs is exactly this text\n\x1b[2J\r+ line 9\n"
)


@pytest.mark.parametrize("width", [40, 80, 120, None])
def test_no_line_of_a_script_begins_where_the_page_has_its_labels(width):
    """THREATS R-22: not even as the rest of a long line; and controls, marks and blanks at an end are visible."""
    page = without_styles(laid_out(lines(of(FORGED + "id \N{RIGHT-TO-LEFT OVERRIDE}\n".encode(), b"id\n")), width))
    labels = [line[:15].strip() for line in page if line[:15].strip()]
    assert all(re.fullmatch(r"script|compared|not bound|same|[-+]? *\d+", label) for label in labels), labels
    assert not any(char in "".join(page) for char in "\x1b\r\N{RIGHT-TO-LEFT OVERRIDE}")


def test_no_sentence_of_jitd_stands_where_the_rest_of_a_long_line_of_a_script_could_stand():
    """THREATS R-22: a script cannot say "lines 3 to 900 are the same" of itself."""
    before = b"".join(b"echo %d\n" % n for n in range(40))
    now = before.replace(b"echo 20\n", b"echo " + b"y" * 300 + b"\n")
    assert all(label for label, _ in lines(of(now, before)))


def test_what_is_not_shown_is_said_with_the_reason():
    assert lines(of(None, told="alice cannot read it")) == [
        ("script", "argument 1, /home/alice/x.sh: NOT SHOWN: alice cannot read it")
    ]


def test_the_commands_own_file_is_named_without_an_argument_and_what_a_row_hides_is_not_none():
    assert lines(of(b"id\n", argument=0))[0] == ("script", "/home/alice/x.sh, 1 line; compared until the command starts")
    assert lines({}) == lines({"scripts": []}) == []
    assert lines({"scripts": "(not shown)"}) == [("script", "-: NOT SHOWN: jitd does not say why")], "that is not none"


def test_what_a_harmless_command_is_given_is_named_and_shown_if_it_is_wanted():
    """An honest page of ``tail app.log`` stays short; what the command itself is, and what is not known, is shown."""
    row = of(b"a\nb\n") | {"grade": "harmless"}
    assert lines(row) == [("script", "argument 1, /home/alice/x.sh, 2 lines of data")]
    assert len(body(row, is_whole=True)) == len(body(of(b"a\nb\n", argument=0) | {"grade": "harmless"})) == 2
    assert len(body(of(b"a\nb\n") | {"grade": "unknown"})) == 2


def test_what_an_edit_changes_is_shown_also_if_the_edit_is_called_harmless() -> None:
    """THREATS R-33: It is what is approved, and not data that a command reads."""
    row = of(b"one\ntwo\n", b"one\n", last=None, bound="exactly this text is written")
    shown_to_approver = lines(row | {"edit": {"owner": "root:root", "mode": "0644"}, "grade": "harmless"})
    assert ("+    2", "two") in shown_to_approver and not any("of data" in text for _, text in shown_to_approver)
