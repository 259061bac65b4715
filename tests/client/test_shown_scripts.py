# SPDX-License-Identifier: Apache-2.0
"""The texts of a request on its page: numbered, and beside what was approved last."""

from __future__ import annotations

import io
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


def test_who_signs_is_shown_each_line_unless_the_record_has_what_was_before():
    """THREATS A-30. What was approved before is the word of the host."""
    keys = {"keys": ["SHA256:x"]}
    before = b"".join(b"echo %d\n" % n for n in range(1, 21))
    for now in (before, before.replace(b"echo 10\n", b"rm -rf /srv\n")):
        found = body(of(now, before) | keys)
        assert [text for label, text in found if not label.startswith("-")] == now.decode().splitlines()
        assert not any(label == "same" for label, _ in found)
        for is_recorded in (True, False):
            edit = of(now, before, argument=0, recorded=is_recorded) | keys
            edit |= {"argv": ["sudoedit", "/etc/x"], "path": "sudoedit", "edit": {"owner": "root:root", "mode": "0644"}}
            shown_lines = [text for label, text in body(edit) if not label.startswith("-") and label != "same"]
            assert (shown_lines == now.decode().splitlines()) is not is_recorded


def read_line(text: str) -> bytes:
    """What a line of the page stands for."""
    if text.startswith(("'", "$'")):
        return unshown_command(text)[0]
    first, *others = text.split("→")
    column, read = len(first), unshown(first)
    for other in others:
        assert other.startswith(pad := " " * (7 - column % 8)), text
        column += 1 + len(other)
        read += b"\t" + unshown(other.removeprefix(pad))
    return read


def applied(page: list[tuple[str, str]], before: bytes) -> bytes:
    """What ``before`` becomes if somebody does by hand what the page says."""
    told = dict(page)
    ends = re.fullmatch(
        r"each (?:was (?P<was>.*), and becomes (?P<becomes>.*)|is (?P<both>.*))", told.get("line ends", "each is LF")
    )
    assert ends
    if (ends["was"] or ends["both"]) == "CR LF":
        before = before.replace(b"\r\n", b"\n")
    old, new, within, at = _ended(before), list[bytes](), 0, 0
    for label, text in page:
        if found := re.fullmatch(r"lines (\d+) to (\d+)", text if label == "same" else ""):
            n_same = int(found[2]) - int(found[1]) + 1
            assert len(new) + 1 == int(found[1])
            new, at = new + old[at : at + n_same], at + n_same
        elif found := re.fullmatch(r"line (\d+), characters (\d+) to (\d+) of (\d+):", text if label == "within" else ""):
            line = old[int(found[1]) - 1].removesuffix(b"\n").decode("utf-8", "surrogateescape")
            if not within:
                at, rest, changed = int(found[1]), 0, ""
            within, first, last = int(found[1]), int(found[2]) - 1, int(found[3])
            assert at == within and int(found[4]) == len(line)
            changed, rest = changed + line[rest:first], last
        elif label == "same":
            assert within and text == f"all else of line {within}"
            new.append(
                (changed + line[rest:]).encode("utf-8", "surrogateescape") + old[within - 1][len(old[within - 1].rstrip(b"\n")) :]
            )
            within = 0
        elif label in ("-  end", "+  end", "   end"):
            if label[0] != "-":
                new[-1] = new[-1].removesuffix(b"\n")
        elif found := re.fullmatch(r"([-+ ]) *(\d+)", label):
            read, number = read_line(text), int(found[2])
            if within and found[1] == "-":
                assert read == line[first:last].encode("utf-8", "surrogateescape") and number == within
            elif within:
                changed += read.decode("utf-8", "surrogateescape")
                assert number == len(new) + 1
            elif found[1] == "-":
                assert old[at].removesuffix(b"\n") == read and number == at + 1
                at += 1
            else:
                new.append(read + b"\n")
                assert number == len(new)
                at += found[1] == " "
    assert at == len(old), (page, before)
    ended = b"".join(new)
    return ended.replace(b"\n", b"\r\n") if (ends["becomes"] or ends["both"]) == "CR LF" else ended


WORDS = [
    b"a",
    b"b",
    b"",
    b"b ",
    b"same",
    b"\xff",
    b"\ta\t",
    b"x\t",
    b"  \ty",
    b"a\r",
    "→ é".encode(),
    b"a" * 150 + b" \xe2\x80" + b"b" * 90,
]


def a_text(chance: random.Random, lines: list[bytes], end: bytes) -> bytes:
    return end.join(lines) + chance.choice([end, b""])


@pytest.mark.parametrize("is_edit", [False, True])
@pytest.mark.parametrize("is_whole", [False, True])
def test_what_is_shown_of_a_difference_turns_the_text_of_before_into_the_other_one(is_whole, is_edit):
    """THREATS R-22: nothing that differs is among what is not shown, whatever the two texts are."""
    chance = random.Random(22)
    more = {"last": None, "argument": 1} if is_edit else {}
    for _ in range(600):
        before = [chance.choice(WORDS) for _ in range(chance.randrange(30))]
        now = list(before)
        for _ in range(chance.randrange(6)):
            at = chance.randrange(len(now) + 1)
            now[at : at + chance.randrange(3)] = [chance.choice([*WORDS, b"x", b"\x1b[2J"])] * chance.randrange(3)
            if now and chance.random() < 0.5:  # within a line, perhaps a long one
                line = now[at := chance.randrange(len(now))]
                place = chance.randrange(len(line) + 1)
                now[at] = line[:place] + chance.choice([b" ", b"\t", b"q", b"\x80", b"\r"]) + line[place + chance.randrange(3) :]
        old, new = (a_text(chance, some, chance.choice([b"\n", b"\n", b"\r\n"])) for some in (before, now))
        row = of(new, old, **more) | ({"edit": {"owner": "root:root", "mode": "0644"}} if is_edit else {})
        page = lines(row, is_whole=is_whole)
        if old == new:
            assert page[1][1].startswith("nothing: " if is_edit else "the same")
        else:
            assert page[1][0] in ("changes", "compared", "line ends") and applied(page[1:], old) == new, (old, new, page)


def _ended(text: bytes) -> list[bytes]:
    lines = text.split(b"\n")
    return [line + b"\n" for line in lines[:-1]] + ([lines[-1]] if lines[-1] else [])


def edited(now: bytes, before: bytes, **more: Any) -> list[tuple[str, str]]:
    row = of(now, before, last=None, bound="exactly this text is written") | {"edit": {"owner": "root:root", "mode": "0644"}}
    return lines(row | more)[1:]


def test_two_changes_in_a_text_of_which_most_lines_are_alike_are_two_changes():
    before = b"[\n" + b"  {\n    x: 1\n  },\n" * 1200 + b"]\n"
    now = before.replace(b"x: 1", b"x: 2", 1)
    now = b"x: 3".join(now.rsplit(b"x: 1", 1))
    assert edited(now, before)[0] == ("changes", "2 lines taken out (-), 2 lines put in (+):")


def test_of_a_long_line_what_differs_is_shown_with_its_place_and_what_is_around_it():
    before = b"{" + b", ".join(b'"key%d": %d' % (n, n) for n in range(300)) + b"}\n"
    now = before.replace(b'"key150": 150', b'"key150": true')
    assert edited(now, before)[1:] == [
        ("within", "line 1, characters 2012 to 2074 of 4280:"),
        ("-    1", '148, "key149": 149, "key150": 150, "key151": 151, "key152": 152'),
        ("+    1", '148, "key149": 149, "key150": true, "key151": 151, "key152": 152'),
        ("same", "all else of line 1"),
    ]


def test_a_tab_is_seen_as_one_and_lines_in_which_blanks_alone_differ_are_named():
    """THREATS R-22"""
    before = b"all:\n\tmake a\n\tmake b\nend\n"
    assert edited(before.replace(b"\tmake", b"        make"), before) == [
        ("changes", "2 lines taken out (-), 2 lines put in (+):"),
        ("     1", "all:"),
        ("-    2", "→       make a"),
        ("-    3", "→       make b"),
        ("+    2", "        make a"),
        ("+    3", "        make b"),
        ("blanks", "alone differ in lines 2 to 3"),
        ("     4", "end"),
    ]
    assert ("+    1", "\\u2192       a") in edited("→       a\n".encode(), b"x\n"), "an arrow of the text's own"


def test_a_line_that_has_quotes_of_its_own_does_not_look_like_one_that_the_page_has_quoted():
    """THREATS R-22"""
    for line in (b"x\x01 ", b"$'x\x01 '", b"$'x'", b"'x '", b"x "):
        ((_, text),) = body(of(line + b"\n"))
        assert read_line(text) == line, text


def test_a_line_that_ends_with_what_jitd_says_of_a_masked_word_has_it_escaped():
    """THREATS R-22"""
    for beginning in ("", "x ", "'", "'x' ", "$'"):
        ((_, text),) = body(of(f"{beginning}‹masked›\n".encode()))
        assert "‹" not in text and read_line(text) == f"{beginning}‹masked›".encode(), text


def test_a_tab_is_escaped_where_no_arrow_can_be_printed(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(io.BytesIO(), "iso8859-1"))
    page = edited("a\tb\na→      b\n".encode(), b"x\n")
    assert ("+    1", "a\\x09b") in page and ("+    2", "a\\u2192      b") in page


def test_ends_of_lines_that_are_all_alike_are_said_once():
    assert edited(b"a\r\nc\r\n", b"a\r\nb\r\n") == [
        ("changes", "1 line taken out (-), 1 line put in (+):"),
        ("line ends", "each is CR LF"),
        ("     1", "a"),
        ("-    2", "b"),
        ("+    2", "c"),
    ]
    assert edited(b"a\r\nb\r\n", b"a\nb\n")[0] == ("line ends", "each was LF, and becomes CR LF")
    assert ("+    2", "b\\x0d") in edited(b"a\nb\r\n", b"a\nb\n"), "one that is unlike the others is seen"


def test_texts_that_differ_in_their_last_newline_alone_are_different():
    """THREATS R-22"""
    assert body(of(b"id", b"id\n")) == [("-    1", "id"), ("+    1", "id"), ("+  end", "line 1 does not end with a newline")]


def test_a_text_that_is_made_to_be_compared_slowly_is_compared_at_once_and_wholly():
    """THREATS R-22: its writer chooses both texts; without a bound, this comparison takes minutes."""
    for before, now in [
        ([b"a", *(b"%d" % (n % 7) for n in range(20_000)), b"z"], [b"b", *(b"%d" % (n % 5) for n in range(20_000)), b"y"]),
        ([b"%d" % n for n in range(30_000)], [b"%d" % (n if n % 2 else -n) for n in range(30_000)]),
        ([b"%d" % n for n in range(20_000)], [b"%d" % (n * 7919 % 20_000) for n in range(20_000)]),
        ([b"a b c d " * 20_000], [b"a c b d " * 20_000]),
    ]:
        texts = [b"\n".join(some) + b"\n" for some in (before, now)]
        began = time.process_time()
        page = lines(of(texts[1], texts[0]))
        assert time.process_time() - began < 5
        assert applied(page, texts[0]) == texts[1]


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


NEW = {"makes": {"owner": "root:root", "mode": "0644"}}


@pytest.mark.parametrize("is_whole", [False, True])
def test_of_a_new_file_all_lines_are_shown_as_put_in(is_whole: bool) -> None:
    """THREATS R-39: Also if jitd calls it harmless."""
    row = of(b"a\nb", argument=0, last=None, bound="exactly this text is written, if nothing is there then") | NEW
    assert lines(row | {"grade": "harmless"}, is_whole=is_whole) == [
        ("text", "2 lines; exactly this text is written, if nothing is there then"),
        ("changes", "0 lines taken out (-), 2 lines put in (+):"),
        ("+    1", "a"),
        ("+    2", "b"),
        ("+  end", "line 2 does not end with a newline"),
    ]
    assert lines(of(b"", argument=0, last=None) | NEW, is_whole=is_whole)[1:] == [("changes", "nothing: the new file is empty")]


def test_who_does_not_know_new_files_is_shown_the_text_and_a_command_of_root() -> None:
    """THREATS R-39: A client of an earlier version drops the member ``makes``."""
    row = of(b"a\nb\n", argument=0, last=None, bound="exactly this text is written, if nothing is there then")
    told = lines(row | {"grade": "harmless"})
    assert ("     2", "b") in told and told[0] == (
        "script",
        "/home/alice/x.sh, 2 lines; exactly this text is written, if nothing is there then",
    )


def test_what_an_edit_changes_is_shown_also_if_the_edit_is_called_harmless() -> None:
    """THREATS R-33: It is what is approved, and not data that a command reads."""
    row = of(b"one\ntwo\n", b"one\n", last=None, bound="exactly this text is written")
    shown_to_approver = lines(row | {"edit": {"owner": "root:root", "mode": "0644"}, "grade": "harmless"})
    assert ("+    2", "two") in shown_to_approver and not any("of data" in text for _, text in shown_to_approver)
