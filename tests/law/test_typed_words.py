# SPDX-License-Identifier: Apache-2.0
"""What a person typed is in quotes wherever people read it.

Law: a field that holds such words has a type that says so, on the wire
and in the store, and what stands here is found by this type, so that nothing new can be forgotten.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import is_dataclass, replace
from typing import Annotated, Any, get_args, get_origin, get_type_hints

import pytest

from jitd.cli import lists, reviewing
from jitd.cli.alike import table
from jitd.cli.brief import brief
from jitd.cli.page import page
from jitd.cli.who import reason
from jitd.core import grant, lock, owed_review, request
from jitd.core.decision import Approval, BreakGlass
from jitd.core.law import Role
from jitd.core.notice import Event, Notice, Whom
from jitd.core.request import Review, Verdict
from jitd.core.values import Said
from jitd.core.wording import in_quotes
from jitd.store.columns import COLUMNS
from jitd.verbs import review_row, rows
from jitd_board.views import request_lines
from jitd_outsiders.notifying.wording import say
from jitpam.wire.exact import exact
from jitpam.wire.messages import FROM_CLIENT
from jitpam.wire.rows import Grant, Lock, OwedReview, Request, Row, Run
from jitpam.wire.shown import shown
from tests.client.requests_to_read import request as asked_for
from tests.client.script import row_for
from tests.scene import START, actor, asked, locked, moment, permit, person, review, screened

TYPED = {"comment", "reason"}
"""The members of rows that a person typed."""
FORGED = 'job"; run_as mallory”; grade harmless, “approvals 2\n'
SHOWN = in_quotes(shown(FORGED))
BOB, DAVE = person("bob"), person("dave")


def outside_of_quotes(text: str) -> str:
    return re.sub(r'"[^"]*"', "", text)


def texts(part: Any, name: str = "") -> Iterator[tuple[str, str]]:
    """Every text in a row, with the name of the member that it stands in."""
    if isinstance(part, dict):
        for inner, one in part.items():
            yield from texts(one, inner)
    elif isinstance(part, list):
        for one in part:
            yield from texts(one, name)
    elif isinstance(part, str):
        yield name, part


def typed_fields(of: type, seen: set[type] | None = None) -> Iterator[str]:
    """The fields of a stored class, and of all that are stored in it, that are marked as typed."""
    seen = set() if seen is None else seen
    if of in seen:
        return
    seen.add(of)
    for name, hint in get_type_hints(of, include_extras=True).items():
        if any(isinstance(mark, Said) and mark.typed for mark in (get_args(hint)[1:] if get_origin(hint) is Annotated else ())):
            yield f"{of.__name__}.{name}"
        for inner in classes(hint):
            yield from typed_fields(inner, seen)


def classes(hint: Any) -> Iterator[type]:
    if isinstance(hint, type) and is_dataclass(hint):
        yield hint
    for inner in get_args(hint):
        yield from classes(inner)


def stated() -> request.Request:
    """A request whose reason and whose reviews are forged."""
    made = replace(asked_for("true", reason=FORGED), id="K7QM-2XVD")
    return replace(made, reviews=(Review(BOB, Verdict.DENY, FORGED, START),))


def owed() -> owed_review.OwedReview:
    made = owed_review.OwedReview(
        "K7QM-2XVD",
        person("alice"),
        "rule-1",
        BreakGlass("rule-2", (Approval(1, ("group:ops",)),), 3600, 5),
        b"",
        START,
        "boot-1",
        1000.0,
        3600.0,
    )
    return replace(made, given_by=BOB, given_at=START, comment=FORGED, state=owed_review.OwedReviewState.REVIEWED)


def all_rows() -> list[dict[str, Any]]:
    """The rows of all that holds typed words, and of what ended with some."""
    made = stated()
    by, now = actor(DAVE, Role.OPERATOR), moment(1)
    waiting, _ = request.transition(asked(), screened(asked(), permit()), now)
    denied, _ = request.transition(waiting, review(waiting, BOB, Verdict.DENY, comment=FORGED), now)
    on_alice = locked(reason=FORGED)
    shut, _ = request.transition(waiting, request.Locked(waiting.id, by, "L0CK-0001", lock.sentence(on_alice)), now)
    approved, follows = request.transition(waiting, review(waiting, BOB), now)
    issued = next(one for one in follows if isinstance(one, grant.Issued)).grant
    ended, _ = grant.transition(issued, grant.Revoked(issued.id, by, lock.sentence(on_alice)), now)
    its_review = review_row.review_row(owed(), made, DAVE, now, may_give=True, barred="").written()
    glass_row = rows.glass_row(owed().glass)
    assert glass_row is not None
    glass = {"break_glass": glass_row.written(), "owed_review": its_review}
    return [
        row_for(made) | glass,
        row_for(denied),
        row_for(shut),
        rows.asked_row(made).written() | rows.grant_row(ended, DAVE, is_own=False).written(),
        row_for(approved) | {"grant": rows.grant_row(ended, DAVE, is_own=False).written()},
        rows.lock_row(on_alice, now, "").written(),
        rows.asked_row(made).written() | its_review,
    ]


def test_the_wire_the_store_and_the_screens_mean_the_same_fields() -> None:
    """THREATS L-34."""
    on_wire = {name for one in FROM_CLIENT.values() for name, kind in one.fields.items() if kind.startswith("Typed")}
    stored = {field for life in COLUMNS for field in typed_fields(life)}
    assert stored == {"Claims.reason", "Review.comment", "Lock.reason", "OwedReview.comment"}
    assert on_wire == TYPED == {field.partition(".")[2] for field in stored}
    texts_on_wire = {(one.type, name) for one in FROM_CLIENT.values() for name in one.fields if name in on_wire}
    assert all(FROM_CLIENT[type_].fields[name].startswith("Typed") for type_, name in texts_on_wire)


@pytest.mark.parametrize("row", all_rows())
def test_a_row_has_what_a_person_typed_in_its_own_members_or_in_quotes(row: dict[str, Any]) -> None:
    """THREATS L-34: also after an ending whose reason is a sentence of jitd's with typed words in it."""
    found = [(name, text) for name, text in texts(row) if "mallory" in text]
    assert found
    for name, text in found:
        assert name in TYPED or "mallory" not in outside_of_quotes(text), (name, text)


def columns() -> list[Any]:
    kinds: dict[str, type[Row]] = {"GRANTS": Grant, "RUNS": Run, "LOCKS": Lock, "REVIEWS": OwedReview}
    tables = [
        (f"{module.__name__}.{name}", head, kinds.get(name.removeprefix("LIVE_"), Request), column)
        for module in (lists, reviewing)
        for name, found in vars(module).items()
        if name.isupper() and isinstance(found, dict)
        for head, column in found.items()
        if callable(column) and not isinstance(column, type)
    ]
    return [pytest.param(kind, column, id=f"{name}-{head}") for name, head, kind, column in tables]


@pytest.mark.parametrize(("kind", "column"), columns())
def test_no_column_of_a_list_shows_typed_words_without_quotes(kind: type[Row], column: Any) -> None:
    """THREATS L-34."""
    for row in all_rows():
        assert "mallory" not in outside_of_quotes(column(kind.read(row)))


def test_no_page_and_no_table_shows_typed_words_without_quotes() -> None:
    """THREATS L-34."""
    row = all_rows()[0]
    asked_ = Request.read(row)
    others = [asked_, Request.read(row | {"id": "K7QM-2XVE", "reason": shown("other" + FORGED)})]
    shown_by = {
        "page": [line for line, _ in page(row, None)],
        "brief": [line for line, _ in brief(row, None)],
        "table": [line for line, _ in table(others, 400)],
        "board": request_lines([asked_], 400),
    }
    for name, lines in shown_by.items():
        whole = "\n".join(lines)
        assert SHOWN in whole or name == "table", name
        assert "mallory" not in outside_of_quotes(whole), name


@pytest.mark.parametrize("event", Event)
@pytest.mark.parametrize("kind", ["mail", "webhook", "program", "terminals"])
def test_no_notice_shows_typed_words_without_quotes(event: Event, kind: str) -> None:
    """THREATS L-34."""
    for whom in Whom:
        message = say(Notice(event, "K7QM-2XVD", whom), replace(stated(), reviews=()), kind, "command")
        whole = "\n".join((message.subject, *message.lines))
        assert "mallory" not in outside_of_quotes(whole)
        assert event is not Event.WAITS or "mallory" in whole


def test_a_reason_that_has_no_room_is_cut_within_its_quotes() -> None:
    """THREATS L-34, on a board of 80 columns."""
    row = Request.read(all_rows()[0])
    line = request_lines([row], 80)[1]
    assert re.search(r'"job\\x22; run.*"…\(\+\d+\)$', line)
    columns = lists.lines_of(lists.WAITING, [row], 80)
    assert "mallory" not in outside_of_quotes("\n".join(columns))


def test_for_programs_too_a_quote_in_typed_words_ends_no_quotation() -> None:
    """THREATS L-34, in the output of --json, where a reason is text as it was typed."""
    row = exact(rows.lock_row(locked(reason='gone"; run_as root'), moment(), "").written())
    assert row["because"] == r'locked: "gone\\x22; run_as root"' and row["reason"] == 'gone"; run_as root'


def test_the_words_of_honest_people_are_shown_as_before() -> None:
    made = replace(asked_for("true", reason="replica lag, CHG-4711"), id="K7QM-2XVD")
    assert reason(Request.read(row_for(made))) == '"replica lag, CHG-4711"'
    assert lock.sentence(locked()) == 'locked: "laptop stolen"'
    assert lock.sentence(locked(reason="")) == "locked by dave@EXAMPLE.TEST"


def test_what_jitd_says_in_the_place_of_words_is_in_no_quotes() -> None:
    made = replace(asked_for("true", reason="‹forgotten›"), id="K7QM-2XVD")
    assert reason(Request.read(row_for(made))) == "‹forgotten›"
    assert lock.sentence(locked(reason="‹forgotten›")) == "locked: ‹forgotten›"
