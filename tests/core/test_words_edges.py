# SPDX-License-Identifier: Apache-2.0
"""The words that are kept in the database and the chain: whoever changes one cannot read what was written before."""

from __future__ import annotations

from enum import StrEnum

import pytest

from jitd.core.decision import RECORDED, Obligations, Record, Terms, Why
from jitd.core.grant import GrantState
from jitd.core.lock import LockState, Whom
from jitd.core.request import RequestState, Verdict
from jitd.core.run import Ending, RunState

WORDS: dict[type[StrEnum], str] = {
    RequestState: "screening pending approved denied withdrawn expired",
    GrantState: "active spent expired revoked",
    RunState: "starting running frozen stopping ended",
    LockState: "active lifted expired",
    Verdict: "approve deny",
    Whom: "user principal all",
}


@pytest.mark.parametrize("kind", WORDS, ids=lambda kind: kind.__name__)
def test_the_words_of_a_kind_are_these(kind: type[StrEnum]) -> None:
    assert [str(word) for word in kind] == WORDS[kind].split()


def test_the_words_of_two_words() -> None:
    assert [str(ending) for ending in Ending] == ["exited", "signaled", "not started", "lost"]
    words = ["rule", "no rule", "no policy", "error", "reason", "terms", "missing", "unfit", "locked", "approvals"]
    words += ["gatekeeper", "authentication", "review", "account"]
    assert [str(why) for why in Why] == words


def test_what_a_rule_says_nothing_about_is_the_careful_term() -> None:
    assert Terms() == Terms(
        timeout_for=None,
        cwd="caller",
        env=(),
        writable=False,
        leftovers="end",
        stdin="any",
        record=Record(what="terminal", sync="interval", failure="end"),
        watch=None,
        session="keep",
        options=False,
    )
    assert RECORDED == ("none", "terminal", "output", "all")
    assert Obligations((), 1, 2, 3, Terms()).terms == Terms()
