# SPDX-License-Identifier: Apache-2.0
"""A request whose rule looked at the process that asked is continued only from the same place."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from jitd.core.origin import Caller
from jitd.core.request import Request
from jitd.verbs.continuing import refuse_elsewhere
from jitd.verbs.refusal import Refusal
from jitd.workers import Workers
from tests.scene import asked
from tests.stored import round_trip

FROM_OFFICE = (("fact.origin", "10.1.2.3"),)


def resumed(found: Request, caller: Caller) -> str:
    """Return why ``found`` is not continued; empty if it is."""

    async def resume() -> None:
        await refuse_elsewhere(found, caller, Workers())

    try:
        asyncio.run(resume())
    except Refusal as no:
        assert no.code == "denied"
        return no.text
    return ""


@pytest.mark.parametrize(
    ("now", "because"),
    [
        ((("fact.origin", "10.1.2.3"),), ""),
        ((("fact.origin", "10.1.2.4"),), "you continue it from another: 10.1.2.4"),
        ((("fact.origin", "console"),), "you continue it from another: console"),
        ((), "you continue it from another: not known"),
    ],
)
def test_a_request_is_continued_from_where_it_was_asked_for(now: tuple[tuple[str, str], ...], because: str) -> None:
    text = resumed(replace(asked(), caller=FROM_OFFICE), Caller(None, kept=now))
    assert because in text and bool(text) is bool(because)
    if text:
        assert "request K7QM-2XVD was asked for from a login session that began at 10.1.2.3" in text
        assert text.endswith("continue it from there, or ask again")


def test_a_request_of_which_no_rule_looked_at_the_caller_is_continued_from_anywhere() -> None:
    assert resumed(asked(), Caller(None)) == ""


def test_every_fact_that_was_kept_has_to_be_the_same() -> None:
    made = replace(asked(), caller=(*FROM_OFFICE, ("fact.unit", "deploy.service")))
    assert resumed(made, Caller(None, kept=made.caller)) == ""
    assert "from the unit deploy.service" in resumed(made, Caller(None, kept=FROM_OFFICE))


def test_a_request_is_read_with_what_it_keeps() -> None:
    made = replace(asked(), caller=FROM_OFFICE)
    assert round_trip(made) == made
