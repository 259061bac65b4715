# SPDX-License-Identifier: Apache-2.0
"""The table of what answers which message: each message has one answer, and what is not installed is refused."""

from __future__ import annotations

import ast
import asyncio
import inspect
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from jitd import packages
from jitd.core.law import Origin
from jitd.core.origin import Caller
from jitd.extensions import joined
from jitd.server import connection
from jitd.server.dispatch import add_answers
from jitd.verbs.answers import Answers, Asker
from jitd.verbs.refusal import Refusal
from jitpam.wire import messages
from jitpam.wire.messages import FROM_CLIENT
from tests.scene import person

NOTHING: Any = SimpleNamespace()
CONFIG = SimpleNamespace(state=Path("/"), record=SimpleNamespace(witnesses=()), host="h", naming=None, names={})
GROUND: Any = SimpleNamespace(store=None, opened=None, workers=None, config=CONFIG, now=None, rules=None, version="0")
BY_HANDSHAKE = {"hello", "token", "bye"}


def add_evidence(table: Answers) -> None:
    """As the daemon does, if the extension is there."""
    for name, build in joined("reader").items():
        if name == "evidence":
            build(SimpleNamespace(ground=GROUND, lifecycle=None), None).add_answers(
                table, NOTHING, SimpleNamespace(named_by=None), None
            )


def asker() -> Asker:
    return Asker(person("bob"), lambda: Origin(1002, "", None), Caller(None))


def test_each_message_of_a_client_is_answered_by_the_connection_or_by_one_row_of_the_table() -> None:
    """A message that nobody answers would be refused as one of a part that is not installed."""
    table = Answers()
    add_answers(table, NOTHING, NOTHING, NOTHING)
    add_evidence(table)
    by_connection = {node.attr for node in ast.walk(ast.parse(inspect.getsource(connection))) if isinstance(node, ast.Attribute)}
    unanswered = {
        name
        for name, kind in FROM_CLIENT.items()
        if kind not in table.kinds and not by_connection & {one.__name__ for one in kind.__mro__}
    }
    assert unanswered - BY_HANDSHAKE == {"metrics"}, "its room adds it"


def test_at_each_message_that_asks_or_reviews_jitd_looks_who_acts_with_the_account() -> None:
    """THREATS A-21: also at those that are further kinds of another one, such as that which breaks glass."""
    looked_at = {name for name, kind in FROM_CLIENT.items() if issubclass(kind, connection.ACTS)}
    assert looked_at == {
        "submit",
        "anew",
        "breakglass",
        "edit",
        "edits",
        "undo",
        "get",
        "resume",
        "review",
        "signedreview",
        "observe",
        "lock",
        "unlock",
        "signedunlock",
    }


def test_a_message_whose_part_is_not_installed_is_refused_in_words_and_does_nothing() -> None:
    table = Answers()
    with pytest.raises(
        Refusal, match="jitd has no answer to metrics: the part that answers it is not installed; install it, and restart jitd"
    ):
        asyncio.run(table.to(asker(), messages.Metrics()))


@pytest.mark.parametrize(
    "message",
    [
        messages.Pack(id="K7QM-2XVD", recordings=False),
        messages.Report(since=None, until=None, who=None, rule=None, form="json", standing=None),
        messages.KeptReport(month="2026-11", form="json"),
    ],
    ids=lambda message: message.type,
)
def test_without_the_extension_evidence_nobody_answers_what_asks_for_it(
    message: messages.Message, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table, without = Answers(), Answers()
    add_evidence(table)
    assert type(message) in table.kinds
    monkeypatch.setattr(packages, "EXTENSIONS", tmp_path)
    add_evidence(without)
    with pytest.raises(Refusal, match=f"no answer to {message.type}: the part that answers it is not installed"):
        asyncio.run(without.to(asker(), message))


def test_a_message_is_answered_by_what_was_added_for_it() -> None:
    table, heard = Answers(), list[str]()

    def at_once(who: Asker, message: messages.Mute) -> str:
        heard.append(who.who.user)
        return f"muted for {message.lasts_for}"

    async def later(who: Asker, message: messages.Reload) -> str:
        return "reloaded"

    table.add(messages.Mute, at_once)
    table.add(messages.Reload, later)
    assert asyncio.run(table.to(asker(), messages.Mute(lasts_for=60))) == "muted for 60" and heard == ["bob"]
    assert asyncio.run(table.to(asker(), messages.Reload())) == "reloaded"


def test_no_message_has_two_answers() -> None:
    table = Answers()
    table.add(messages.Metrics, lambda who, message: "")
    with pytest.raises(ValueError, match="Metrics has two answers"):
        table.add(messages.Metrics, lambda who, message: "")
