# SPDX-License-Identifier: Apache-2.0
"""What is new in a request beside the last one that was approved, as a table of two requests."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from jitd.cli import comparison
from jitd.cli.labels import Labelled
from jitd.verbs import outlook
from jitpam.wire.rows import Request
from jitpam.wire.shown import shown
from tests.client.script import Row, row_for, waiting
from tests.client.test_page_binds import OTHERWISE
from tests.scene import but, command

NOW: Row = {
    "may_review": True, "requester": "alice@EXAMPLE.TEST", "path": "/bin/x", "digest": "aa", "run_as": "root",
    "run_as_group": "root", "cwd": "/srv", "service": "jitsudo", "doubt": "", "gives": [], "chdir": False, "variables": [],
    "options": [], "streams": [], "operands": [], "interpreters": [], "lasts_for": None, "uses": None, "timeout_for": None,
}  # fmt: skip
LAST: Row = {**NOW, "id": "ABCD-1234", "at": "2026-03-02T09:00:00Z", "by": ["bob@EXAMPLE.TEST"]}


def new(row: Row) -> Iterator[Labelled]:
    return comparison.new(Request.read(row))


def differences(now: list[str], before: list[str] | None, **changes: Any) -> list[str]:
    """What is told of two commands, without the first line, which says of what."""
    row = {**NOW, "argv": now, **changes, "last_approved": {**LAST, "argv": before}}
    (label, first), *lines = new(row)
    assert label == "new" and {label for label, _ in lines} <= {""}
    return [text for _, text in lines] or [first.partition(" ago: ")[2]]


ROWS = [
    ("x a b", "x a c", ["argument 2 is b, and was c"]),
    ("x a b", "x a", ["argument 2 is b, and was not there"]),
    ("x a", "x a b", ["b was there, and is not there now"]),
    ("x new a b", "x a b", ["argument 1 is new, and was not there"]),
    ("x a b", "x old a b", ["old was there, and is not there now"]),
    ("x a", "y a", ["argument 0 is x, and was y"]),
    ("x b a", "x a b", ["argument 1 is b, and was not there", "b was there, and is not there now"]),
]


@pytest.mark.parametrize(("now", "before", "told"), ROWS)
def test_what_is_told_argument_by_argument(now: str, before: str, told: list[str]) -> None:
    assert differences(now.split(), before.split()) == told


def test_an_empty_argument_is_an_argument() -> None:
    assert differences(["x", ""], ["x", "a"]) == ["argument 1 is '', and was a"]
    assert differences(["x", "a"], ["x", ""]) == ["argument 1 is a, and was ''"]
    assert differences(["x", ""], ["x"]) == ["argument 1 is '', and was not there"]


def test_scripts_are_compared_by_their_lines() -> None:
    now, before = (shown(b"set -e\nrm /tmp/%s\n" % name) for name in (b"a", b"b"))
    assert differences(["sh", "-c", now], ["sh", "-c", before]) == ["argument 2, line 2 is 'rm /tmp/a', and was 'rm /tmp/b'"]


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("path", "/bin/y", "the file is /bin/y, and was /bin/x"),
        ("digest", "bb", "the content of the file has changed since"),
        ("digest", "", "the content of the file cannot be compared"),
        ("run_as", "bob", "the account is bob, and was root"),
        ("run_as_group", "adm", "the group is adm, and was root"),
        ("cwd", "/tmp", "the directory is /tmp, and was /srv"),
    ],
)
def test_what_is_told_of_all_around_the_arguments(name: str, value: str, told: str) -> None:
    assert differences(["x"], ["x"], **{name: value}) == [told]


def test_what_is_the_same_is_said_to_be_so_with_whose_word_it_was() -> None:
    row = {**NOW, "argv": ["x"], "last_approved": {**LAST, "argv": ["x"]}}
    ((_, text),) = new(row)
    assert text.startswith("nothing: same command as ABCD-1234, which bob@EXAMPLE.TEST approved ")


def test_what_cannot_be_compared_is_not_called_the_same() -> None:
    assert differences(["x"], None) == ["the arguments are too many or too long to be compared"]
    many = ["x"] * (comparison.MOST_WORDS + 1)
    assert differences(many, many) == ["the arguments are too many or too long to be compared"]


def test_many_differences_are_counted() -> None:
    told = differences([f"a{n}" for n in range(20)], [f"b{n}" for n in range(20)])
    assert told == [f"argument {n} is a{n}, and was b{n}" for n in range(comparison.MOST_TOLD)]
    row = {**NOW, "argv": [f"a{n}" for n in range(20)], "last_approved": {**LAST, "argv": [f"b{n}" for n in range(20)]}}
    assert next(iter(new(row)))[1].startswith("20 differences from ABCD-1234, which bob@EXAMPLE.TEST approved ")


def test_nobody_reads_a_comparison_who_may_not_review() -> None:
    row = {**NOW, "argv": ["x"], "last_approved": {**LAST, "argv": ["y"]}}
    assert list(new({**row, "may_review": False})) == []
    assert list(new({name: value for name, value in row.items() if name != "last_approved"})) == []
    ((_, text),) = new({**row, "last_approved": None})
    assert text == "first x to be approved for -, as far as you can see"
    assert list(new({**row, "last_approved": None, "narrowed": True})) == []


def test_whatever_is_another_command_is_not_called_the_same() -> None:
    """THREATS R-01: each field of the command, and what is asked for beside it."""
    plain = replace(waiting("true"), command=replace(command("true"), locale=(), streams=("null",) * 3))
    asked = [but(plain, lasts_for=60), but(plain, uses=60), but(plain, timeout_for=60)]
    others = [
        replace(plain, command=replace(plain.command, **{name: value}))  # type: ignore[arg-type]
        for name, values in OTHERWISE.items()
        for value in values
        # nobody judges a locale; what is given or in doubt is not compared, and what is written has a page of its own
        if name not in ("locale", "gives", "doubt", "edit", "edits", "makes", "removes")
    ]
    for one, other in [(plain, each) for each in asked + others] + [(each, plain) for each in asked + others]:
        ((label, text), *_) = new(row_for(one, last_approved={**LAST, **outlook.compared(other)}))
        assert label == "new" and text.startswith(("1 difference", "2 differences", "3 differences")), text


@pytest.mark.parametrize("name", sorted(NOW.keys() - {"requester", "may_review", "service"}))
def test_what_a_row_does_not_say_is_not_called_the_same(name: str) -> None:
    row = {**NOW, "argv": ["x"], "last_approved": {**LAST, "argv": ["x"]}}
    assert [text.partition(":")[0] for _, text in new(row)] == ["nothing"]
    assert not any(text.startswith("nothing") for _, text in new({other: value for other, value in row.items() if other != name}))
