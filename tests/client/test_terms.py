# SPDX-License-Identifier: Apache-2.0
"""An option of jitsudo whose value travels with the request: from what is typed to what an approver reads.

Law: each test is about all of them, so that whoever adds one is told what it still lacks.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from jitd.cli import brief, page
from jitd.core.asked_terms import NAMES, NUMBERS, USUAL
from jitd.core.visibility import without_contents
from jitd.server.reading import asked_in
from jitd.verbs.outlook import compared
from jitd.verbs.refusal import Refusal
from jitpam.amounts import UsageError
from jitpam.options import TERMS, read_options
from jitpam.submission import asked, asked_thing
from jitpam.wire import messages
from jitpam.wire.coding import decode, encode
from tests.client.script import row_for, waiting
from tests.unshown import without_styles

AT = datetime(2100, 1, 1, tzinfo=UTC)
TYPED = {
    name: "2100-01-01T00:00:00Z" if name == "at" else "2m" if term.field.endswith("_for") else "2" for name, term in TERMS.items()
}
MEANT = {"starts_at": AT, "lasts_for": 120, "timeout_for": 120}
"""What is meant by ``TYPED``; by all others, 2."""


def meant(name: str) -> Any:
    return MEANT.get(TERMS[name].field, 2)


def test_the_options_are_the_terms_of_the_daemon_and_fields_of_each_message_that_asks() -> None:
    assert {term.field for term in TERMS.values()} == set(NAMES)
    for kind in (messages.Submit, messages.Anew, messages.Breakglass, messages.Explain, messages.Suppose):
        assert set(NAMES) <= kind.fields.keys() and all(kind.defaults[name] is None for name in NAMES)


@pytest.mark.parametrize("name", TERMS)
def test_what_is_typed_is_what_the_daemon_hears(name: str) -> None:
    options = read_options([f"--{name}={TYPED[name]}".encode(), b"true"])
    sent = encode(messages.Submit(**asked(options, []), waits=True, if_owed=True))
    heard = decode(sent, messages.FROM_CLIENT)
    assert isinstance(heard, messages.Submit)
    terms = asked_in(heard, None).terms
    assert {field: getattr(terms, field) for field in NAMES if getattr(terms, field) is not None} == {
        TERMS[name].field: meant(name)
    }


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"uses": 0}, "--for, --uses and --timeout must be at least 1"),
        ({"variables": [[b"LANG"]]}, "a variable is"),
        ({}, "a time is like"),
    ],
)
def test_of_several_things_that_are_wrong_the_time_of_the_start_is_told_last(wrong: dict[str, Any], told: str) -> None:
    fields = {**asked(read_options([b"true"]), []), "starts_at": "tomorrow", **wrong}
    with pytest.raises(Refusal, match=told):
        asked_in(messages.Submit(**fields, waits=True, if_owed=True), None)


def test_who_types_none_asks_for_none() -> None:
    heard = messages.Submit(**asked(read_options([b"true"]), []), waits=True, if_owed=True)
    assert asked_in(heard, None).terms == USUAL


@pytest.mark.parametrize("name", TERMS)
def test_an_approver_reads_it_on_both_pages(name: str) -> None:
    plain, with_it = (row_for(waiting("true", **terms)) for terms in ({}, {TERMS[name].field: meant(name)}))
    for show in (brief.brief, page.page):
        assert without_styles(show(plain, None)) != without_styles(show(with_it, None))


@pytest.mark.parametrize("name", TERMS)
def test_it_is_in_the_row_also_for_those_who_may_not_read_the_contents(name: str) -> None:
    row = row_for(waiting("true", **{TERMS[name].field: meant(name)}))
    assert row[TERMS[name].field] is not None
    assert without_contents(row)[TERMS[name].field] == row[TERMS[name].field]


def test_the_numbers_are_compared_with_those_of_the_request_before() -> None:
    asked_for = {name: 2 for name in NUMBERS}
    assert compared(waiting("true", **asked_for)).items() >= asked_for.items()


@pytest.mark.parametrize("name", TERMS)
def test_with_things_it_is_sent_or_refused_and_never_dropped(name: str) -> None:
    words = [b"--get=group:x", f"--{name}={TYPED[name]}".encode()]
    try:
        options = read_options(words)
    except UsageError as refusal:
        assert "does not go with --get" in str(refusal)
        return
    assert asked_thing(options)[TERMS[name].field] == meant(name)


@pytest.mark.parametrize("name", TERMS)
def test_a_request_that_continues_cannot_be_given_another(name: str) -> None:
    with pytest.raises(
        UsageError, match=f"--{name} does not go with --resume: --resume continues a request, which cannot be changed"
    ):
        read_options([b"--resume=K7QM-2XVD", f"--{name}={TYPED[name]}".encode()])
