# SPDX-License-Identifier: Apache-2.0
"""What the daemon asks of jitd-outside."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jitd.beside.questions import Lanes, QuestionKind
from jitd.beside.refusals import Failed as Failed
from jitd.outside import leases
from jitd.outside.deliveries import Deliver, Delivered
from jitd.outside.leases import Leased, Refused, Signed
from jitd.outside.messages import ANSWERS, QUESTIONS, Fetch, Fetched, Letter, Posted

MORE = 5.0
"""Seconds that an answer may take in addition to the question's deadline. This time is for the start of jitd-outside, and for the
wait in its queue.
"""
LANE = Lanes(n_at_once=64, n_waiting=512)
"""For each single provider or gatekeeper, the daemon itself allows fewer questions."""


def within(question: Any) -> float:
    """Return the seconds after which a question of jitd-outside is treated as failed."""
    seconds: float = question.deadline_ms / 1000 + MORE
    return seconds


FETCH = QuestionKind[Fetch, Fetched | Failed](
    asks=Fetch,
    answers_with=(Fetched,),
    questions=QUESTIONS,
    answers=ANSWERS,
    failed=Failed,
    within=within,
    n_times=2,
    lanes=LANE,
)
POST = QuestionKind[Letter, Posted | Failed](
    asks=Letter,
    answers_with=(Posted,),
    questions=QUESTIONS,
    answers=ANSWERS,
    failed=Failed,
    within=within,
    n_times=2,
    lanes=LANE,
)
DELIVER = QuestionKind[Deliver, Delivered | Failed](
    asks=Deliver,
    answers_with=(Delivered,),
    questions=QUESTIONS,
    answers=ANSWERS,
    failed=Failed,
    within=within,
    n_times=2,
    lanes=LANE,
)
LEASES: Mapping[type[leases.Question], QuestionKind[Any, leases.Answer | Failed]] = {
    asks: QuestionKind[Any, leases.Answer | Failed](
        asks=asks,
        answers_with=(answer, Refused),
        questions=QUESTIONS,
        answers=ANSWERS,
        failed=Failed,
        within=within,
        must_carry=(Leased, Signed),
        lanes=LANE,
    )
    for asks, answer in leases.ANSWERS_TO.items()
}
"""Questions about leases. Each is asked once."""
