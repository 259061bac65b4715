# SPDX-License-Identifier: Apache-2.0
"""Rows are read whatever they say, and what they do not say is the value that asks most of an approver."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from jitd.core import receipt
from jitd.core.grade import Damage, Grade
from jitd.core.request import RequestState
from jitpam.wire import rows
from jitpam.wire.rows import (
    Decision,
    Doubted,
    Edit,
    Edits,
    Grant,
    Holding,
    Lock,
    NewFile,
    OwedReview,
    Removal,
    Request,
    Row,
    Rule,
    Run,
)

KINDS: dict[str, type[Row]] = {
    "request": Request, "grant": Grant, "run": Run, "holding": Holding, "lock": Lock, "review": OwedReview, "rule": Rule,
    "permit": Decision, "denial": Decision,
}  # fmt: skip
OF_0_1_0 = [json.loads(line) for line in Path(__file__).with_name("rows_of_0.1.0.jsonl").read_text("utf-8").splitlines()]
"""Rows that the makers of 0.1.0 have made, as they came off the wire, and what each is about."""
SINCE = {"own", "barred", "door", "by_door", "checks"}
"""Members that 0.1.0 does not have."""
STRANGE = json.loads(
    '[null, 0, -1, 18446744073709551615, true, "", "x", [], [1], [null], [[]], [["a", "b"]], [{}], {}, {"a": 1}]'
)


def all_kinds(of: type[Row] = Row) -> Iterator[type[Row]]:
    for kind in of.__subclasses__():
        yield kind
        yield from all_kinds(kind)


def is_of(value: Any, kind: str) -> bool:
    if kind.endswith(" | None"):
        return value is None or is_of(value, kind.removesuffix(" | None"))
    if kind.startswith("tuple["):
        return isinstance(value, tuple) and all(is_of(one, kind[6 : -len(", ...]")]) for one in value)
    if kind in ("Texts", "Pairs"):
        texts = value if kind == "Texts" else [text for pair in value for text in pair]
        return isinstance(value, tuple) and all(isinstance(one, str) for one in texts)
    return type(value) is {"str": str, "int": int, "bool": bool}.get(kind, getattr(rows, kind, None))


def plain(row: Row) -> dict[str, Any]:
    """What ``row`` was read as, as JSON has it."""
    return {one.written: rows._plain(getattr(row, name)) for name, one in row.members.items()}


def told(row: Any) -> Any:
    """``row`` in the form of ``plain``, of a row that was read."""
    if isinstance(row, Row):
        return {one.written: told(getattr(row, name)) for name, one in row.members.items() if row.tells(name)}
    return [told(one) for one in row] if isinstance(row, tuple) else row


@pytest.mark.parametrize(("kind", "row"), OF_0_1_0)
def test_what_0_1_0_says_is_read_as_it_says_it(kind: str, row: dict[str, Any]) -> None:
    read = told(KINDS[kind].read(row))
    hidden = {"run_as_uid", "grade", "damage"} if row.get("narrowed") else set()
    assert read == {name: value for name, value in row.items() if name not in hidden}


@pytest.mark.parametrize("kind", list(all_kinds()), ids=lambda kind: kind.__name__)
def test_whatever_a_member_is_the_row_is_read_and_the_member_has_its_type(kind: type[Row]) -> None:
    for name, one in kind.members.items():
        for came in ({}, *({one.written: value, "narrowed": is_so} for value in STRANGE for is_so in (False, True))):
            value = getattr(kind.read(came), name)
            assert is_of(value, one.kind), f"{name} of {came}"
            assert not one._of or value in one._of or value == one.unsaid, "a word that is not known is not known"


@pytest.mark.parametrize("came", [*STRANGE, {1: 2}, {"members": 1, "came": 2, "__dict__": 3}])
def test_what_is_no_row_is_read_as_one_that_says_nothing(came: Any) -> None:
    row = Request.read(came)
    assert (row.run_as_uid, row.grade, row.damage, row.breaks_glass, row.state) == (0, "", "", True, "pending")
    assert isinstance(row.what, Doubted) and row.break_glass is not None and row.terms is not None and row.terms.record == "none"


def test_what_is_not_a_row_in_a_list_hides_none_of_the_others() -> None:
    seen = Request.read({"findings": [None, {"grade": "reads", "what": "cat reads keys"}], "gives": ["a", 5]})
    assert [(one.grade, one.what) for one in seen.findings] == [("", ""), ("reads", "cat reads keys")]
    assert seen.gives == ("a", "(not said)")


def test_more_members_change_nothing_and_are_kept_as_they_came() -> None:
    _, row = OF_0_1_0[0]
    more = copy.deepcopy(row) | {"since_0_9": [1], "from_": 2}
    more["terms"]["sandbox"] = more["approvals"][0]["more"] = "yes"
    assert plain(Request.read(more)) == plain(Request.read(row))
    assert Request.read(more).came is more


def test_what_a_narrowed_row_hides_is_not_none() -> None:
    _, row = OF_0_1_0[0]
    seen = Request.read({**row, "narrowed": True, "edit": None, "cwd": None, "run_as_uid": None, "stays": "(not shown)"})
    assert seen.edit is not None and (seen.cwd, seen.run_as_uid, seen.stays) == ("(not shown)", 0, True)
    assert Request.read(row).edit is None, "it is there only if something is edited"


OF_A_COMMAND = {"argv": ["id"], "path": "/usr/bin/id", "gives": [], "doubt": "", "service": "jitsudo"}
THING, EDIT, NO_FILE = {"gives": ["sudoers:wheel"]}, {"edit": {"owner": "root", "mode": "0644"}}, {"path": ""}
NEW = {"makes": {"owner": "root:root", "mode": "0644"}}
GONE = {"removes": {"owner": "root:root", "mode": "0644", "undoes": "0000-0000"}}


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({}, rows.Program),
        ({"service": "sudo"}, rows.Program),
        (EDIT, Edit),
        (NEW, NewFile),
        (EDIT | NEW, Doubted),
        (GONE, Removal),
        (GONE | NEW, Doubted),
        (GONE | {"doubt": "it has two commands"}, Doubted),
        (NEW | NO_FILE | {"service": "sshd"}, rows.Login),
        (NEW | {"doubt": "it has two commands"}, Doubted),
        (THING | NO_FILE, rows.Things),
        (NO_FILE | {"service": "sshd"}, rows.Login),
        ({"doubt": "it has two commands"}, Doubted),
        (NO_FILE | EDIT | {"service": "sshd"}, rows.Login),
        (EDIT | {"doubt": "it has two commands"}, Doubted),
        (NO_FILE, rows.Program),
    ],
)
@pytest.mark.parametrize("of", [Request, Grant])
def test_what_is_asked_for_is_one_of_eight_and_rather_what_allows_more(changes: Any, kind: type, of: Any) -> None:
    """In a session any command may be run, and of an edit a page says that nothing is executed."""
    assert type(of.read(OF_A_COMMAND | changes).what) is kind


def test_of_a_new_file_no_more_is_taken_for_said_than_is_said() -> None:
    """THREATS R-39: A narrowed row hides it, and a host may leave out what it is made with."""
    for came in (OF_A_COMMAND | {"narrowed": True, "makes": None}, OF_A_COMMAND | {"makes": {}}, OF_A_COMMAND | {"makes": 5}):
        what = Request.read(came).what
        assert isinstance(what, NewFile)
        assert (what.owner, what.mode) == (rows.UNKNOWN, rows.UNKNOWN)


def test_that_a_file_is_removed_is_never_taken_for_not_said() -> None:
    """THREATS R-41: A narrowed row hides it, and a host may leave out what it is."""
    for came in (
        OF_A_COMMAND | {"narrowed": True, "removes": None},
        OF_A_COMMAND | {"removes": {}},
        OF_A_COMMAND | {"removes": 5},
    ):
        what = Request.read(came).what
        assert isinstance(what, Removal)
        assert (what.owner, what.mode, what.undoes) == (rows.UNKNOWN, rows.UNKNOWN, rows.UNKNOWN)


@pytest.mark.parametrize(
    ("words", "edits", "files"),
    [
        (
            ["/a", "/b"],
            [{"owner": "root:adm", "mode": "0640"}, {}],
            [("/a", "root:adm", "0640"), ("/b", rows.UNKNOWN, rows.UNKNOWN)],
        ),
        (["/a", "/b", "/c"], [{}, {}], None),
        (["/a"], [{}, {}], None),
        (["/a", "/b"], 7.5, [("/a", rows.UNKNOWN, rows.UNKNOWN), ("/b", rows.UNKNOWN, rows.UNKNOWN)]),
    ],
)
def test_of_several_edits_no_more_is_taken_for_said_than_is_said(words: list[str], edits: object, files: object) -> None:
    """THREATS R-40: A row whose files and edits do not fit is one of which it is not certain what it asks for."""
    what = Request.read(OF_A_COMMAND | {"argv": ["sudoedit", *words], "edits": edits}).what
    if files is None:
        assert isinstance(what, Doubted)
    else:
        assert isinstance(what, Edits)
        assert [(path, one.owner, one.mode) for path, one in what.files] == files
    assert isinstance(Request.read(OF_A_COMMAND | EDIT | {"argv": ["sudoedit", *words], "edits": edits}).what, Doubted)


@pytest.mark.parametrize("name", ["argv", "path", "gives", "doubt"])
def test_without_a_member_that_says_what_is_asked_for_it_is_not_certain(name: str) -> None:
    came = {one: value for one, value in OF_A_COMMAND.items() if one != name}
    for each in (came, came | EDIT, came | {name: 7.5}):
        what = Request.read(each).what
        assert isinstance(what, Doubted) and what.because == "(not said)"


def test_a_row_has_exactly_its_members_and_cannot_be_changed() -> None:
    edit = rows.Edit(owner="root", mode="0644")
    assert edit.written() == {"owner": "root", "mode": "0644"} and edit == rows.Edit.read(edit.written())
    for values in ({"owner": "root"}, {"owner": "root", "mode": "0644", "size": 1}):
        with pytest.raises(TypeError, match="mode|size"):
            rows.Edit(**values)
    with pytest.raises(TypeError, match="size"):
        edit.plus(size=1)
    with pytest.raises(AttributeError):
        edit.owner = "alice"  # type: ignore[misc]


def test_a_row_is_written_in_the_order_in_which_it_was_made() -> None:
    way = rows.Way(
        need=1, from_=("group:ops",), indicators=(), ticket_age=None, forwarded="allow", door=True, demand="", after=0, also="",
        among=None,
    )  # fmt: skip
    assert list(way.written().items())[:3] == [("need", 1), ("from", ["group:ops"]), ("indicators", [])]
    assert list(way.plus(need=2).written()) == list(way.written())
    assert list(way.less("need").written()) == [name for name in way.written() if name != "need"]


def test_its_words_are_those_of_the_daemon() -> None:
    assert tuple(one.word for one in Grade) == rows.GRADES and tuple(one.word for one in Damage) == rows.DAMAGES
    assert set(rows.STATES) == set(map(str, RequestState))
    assert receipt.LEVELS == rows.SIGNED


@pytest.mark.parametrize(
    ("owner", "told"), [("root:adm", "a new file of root:adm with the mode 0640"), ("", "a new file with the mode 0640")]
)
def test_of_a_new_file_whose_owner_is_not_known_none_is_told(owner: str, told: str) -> None:
    assert NewFile.read({"owner": owner, "mode": "0640"}).in_words == told
