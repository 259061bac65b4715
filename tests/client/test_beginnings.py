# SPDX-License-Identifier: Apache-2.0
"""The beginning of an id, after each verb that takes one: it stands for exactly one id that the person may see, or for none."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from jitd.cli.ids import IDS
from jitpam.client import RefusedByDaemon
from jitpam.wire.messages import List, Message
from tests.client.script import Row, Script, jitd, row_for, waiting

FIRST, SECOND, OTHER = "K7QM-2XVD", "K7QM-2XAA", "K7QN-0000"
VERBS: list[tuple[tuple[str, ...], tuple[str, bool]]] = [
    (("show",), ("requests", True)),
    (("withdraw",), ("requests", False)),
    (("review",), ("reviews", False)),
    (("revoke",), ("grants", False)),
    (("stop",), ("runs", False)),
    (("watch",), ("runs", False)),
    (("replay",), ("runs", True)),
    (("unlock",), ("locks", False)),
    (("audit", "pack"), ("requests", True)),
    (("audit", "show", "--id"), ("requests", True)),
]
SIGNED = {("unlock",): [("locks", False)]}
"""Verbs that ask for a list to read whether the host wants it signed."""
each_verb = pytest.mark.parametrize(("verb", "listed"), VERBS, ids=lambda value: " ".join(map(str, value)))


def row(id: str, **changes: object) -> Row:
    return row_for(waiting("true", id=id)) | {"mine": True, "may_give": True} | changes


class Answering(Script):
    """It has ``rows``, and refuses whatever is not a question for a list: ``meant`` are the ids in these messages."""

    def __init__(self, *rows: Row) -> None:
        super().__init__(*rows, reviews=rows)
        self.lists: list[tuple[str, bool]] = []
        self.meant: list[str] = []

    def ask(self, message: Message) -> Iterator[Row]:
        if not isinstance(message, List):
            self.do(message)
        self.lists.append((message.what, message.ended))  # type: ignore[attr-defined]
        yield from super().ask(message)

    def do(self, message: Message) -> str:
        self.meant.append(message.id)  # type: ignore[attr-defined]
        raise RefusedByDaemon("late", "too late")

    def follow(self, message: Message, *also: object) -> Iterator[Row]:
        yield from self.ask(message)


@pytest.mark.parametrize("typed", ["K7QN", "k7qno", "K7QN-0", "k7qn0"])
@each_verb
def test_four_letters_stand_for_the_one_id_that_begins_with_them(
    verb: tuple[str, ...], listed: tuple[str, bool], typed: str
) -> None:
    """THREATS A-08."""
    script = Answering(row(FIRST), row(SECOND), row(OTHER))
    assert jitd(script, *verb, typed) == 5
    assert (script.lists, script.meant) == ([listed, *SIGNED.get(verb, [])], [OTHER])


@pytest.mark.parametrize("typed", ["K7QM", "k7qm2x"])
@each_verb
def test_a_beginning_that_fits_several_ids_does_nothing_and_names_them(
    verb: tuple[str, ...], listed: tuple[str, bool], typed: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """THREATS A-08."""
    script = Answering(row(FIRST), row(SECOND), row(OTHER))
    assert jitd(script, *verb, typed) == 2
    said = capsys.readouterr().err
    assert f"fits {FIRST}, {SECOND}: type more" in said and OTHER not in said
    assert script.meant == []


@each_verb
def test_a_beginning_that_fits_nothing_does_nothing(
    verb: tuple[str, ...], listed: tuple[str, bool], capsys: pytest.CaptureFixture[str]
) -> None:
    script = Answering(row(FIRST))
    assert jitd(script, *verb, "ZZZZ") == 4
    said = capsys.readouterr().err
    command = f"jitd {listed[0]} --all" if listed[1] else f"jitd {listed[0]}"
    assert f"begins with ZZZZ: {command} lists them" in said and FIRST not in said
    assert script.meant == []


@each_verb
def test_three_letters_are_too_few_and_nothing_is_asked(
    verb: tuple[str, ...], listed: tuple[str, bool], capsys: pytest.CaptureFixture[str]
) -> None:
    """THREATS A-08."""
    script = Answering(row(FIRST))
    assert jitd(script, *verb, "K7Q") == 2
    assert "at least 4 letters" in capsys.readouterr().err
    assert script.lists == script.meant == []


@pytest.mark.parametrize("typed", [FIRST, "k7qm2xvd", "K7QM-2XVD.2", "nothing/at/all"])
@each_verb
def test_what_is_not_a_beginning_is_left_to_jitd(verb: tuple[str, ...], listed: tuple[str, bool], typed: str) -> None:
    """A whole id is one however many others begin alike: the first run has the id of its grant, and the second begins with it."""
    script = Answering(row(FIRST), row(f"{FIRST}.2"))
    assert jitd(script, *verb, typed) == 5
    assert (script.lists, script.meant) == (SIGNED.get(verb, []), [typed])


def test_two_runs_of_a_grant_are_two() -> None:
    script = Answering(row(FIRST), row(f"{FIRST}.2"))
    assert jitd(script, "stop", "K7QM") == 2
    assert script.meant == []


def test_an_id_that_is_listed_twice_is_one() -> None:
    """A grant that ends while the list is made comes once as live and once as what is still being taken back."""
    script = Answering(row(OTHER), row(OTHER))
    assert jitd(script, "revoke", "K7QN") == 5
    assert script.meant == [OTHER]


def test_no_more_than_ten_ids_are_named(capsys: pytest.CaptureFixture[str]) -> None:
    script = Answering(*(row(f"K7QM-{n:04}") for n in range(500)))
    assert jitd(script, "show", "K7QM") == 2
    said = capsys.readouterr().err
    assert "K7QM-0009 and 490 more" in said and "K7QM-0010" not in said


@pytest.mark.parametrize(("verb", "mark"), [("withdraw", "mine"), ("review", "may_give")])
def test_what_is_for_others_is_not_meant(verb: str, mark: str, capsys: pytest.CaptureFixture[str]) -> None:
    """THREATS A-08."""
    script = Answering(row(FIRST, **{mark: False}), row(SECOND))
    assert jitd(script, verb, "K7QM") == 5
    assert script.meant == [SECOND]
    script = Answering(row(FIRST, **{mark: False}))
    assert jitd(script, verb, "K7QM") == 4
    assert script.meant == [] and FIRST not in capsys.readouterr().err


def test_with_yes_a_beginning_names_no_review(capsys: pytest.CaptureFixture[str]) -> None:
    """THREATS A-08."""
    script = Answering(row(OTHER))
    assert jitd(script, "review", "--yes", "K7QN") == 2
    assert "with --yes only the whole id" in capsys.readouterr().err
    assert script.lists == script.meant == []


def test_each_verb_that_takes_an_id_takes_its_beginning() -> None:
    """``approve`` and ``deny`` show what fits (tests/client/test_approve.py), and jitsudo asks for no list."""
    tried = {" ".join(word for word in verb if word != "--id") for verb, _ in VERBS} - {"audit show"}
    assert tried == IDS.keys() - {"approve", "deny", "jitsudo --resume", "jitsudo --undo"}
