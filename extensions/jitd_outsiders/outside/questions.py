# SPDX-License-Identifier: Apache-2.0
"""What the daemon asks of jitd-outside."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jitd.beside.questions import Lanes, QuestionKind
from jitd.beside.refusals import Failed as Failed
from jitd_outsiders.outside import leases
from jitd_outsiders.outside.deliveries import Deliver, Delivered
from jitd_outsiders.outside.leases import Begin, Begun, End, Lease, Leased, Look, Looked, Over, Refused, Sign, Signed
from jitd_outsiders.outside.messages import MOST_BYTES, Answer, Fetch, Fetched, Letter, Posted, Question
from jitd_outsiders.outside.sinks import SINKS
from jitpam.wire.declared import Codec

MORE = 5.0  # seconds beyond the question's deadline: for the start of jitd-outside, and for its queue
LANE = Lanes(n_at_once=64, n_waiting=512)  # the daemon itself allows fewer for one provider or gatekeeper


def within(question: Any) -> float:
    """Return the seconds after which a question of jitd-outside is treated as failed."""
    seconds: float = question.deadline_ms / 1000 + MORE
    return seconds


QUESTIONS = Codec[Question](
    "do",
    {
        "fetch": Fetch,
        "post": Letter,
        **{kind.question: (Deliver, kind.destination) for kind in SINKS},
        "begin_lease": Begin,
        "read_lease": Lease,
        "sign_key": Sign,
        "end_lease": End,
        "look_lease": Look,
    },
    MOST_BYTES,
)
ANSWERS = Codec[Answer](
    "said",
    {
        "fetched": Fetched,
        "posted": Posted,
        "delivered": Delivered,
        "begun": Begun,
        "leased": Leased,
        "signed": Signed,
        "over": Over,
        "looked": Looked,
        "refused": Refused,
    },
    MOST_BYTES,
)


def _twice(asks: type[Any], answer: type[Any]) -> QuestionKind[Any, Any]:
    return QuestionKind[Any, Any](
        asks=asks,
        answers_with=(answer,),
        questions=QUESTIONS,
        answers=ANSWERS,
        failed=Failed,
        within=within,
        n_times=2,
        lanes=LANE,
    )


FETCH: QuestionKind[Fetch, Fetched | Failed] = _twice(Fetch, Fetched)
POST: QuestionKind[Letter, Posted | Failed] = _twice(Letter, Posted)
DELIVER: QuestionKind[Deliver, Delivered | Failed] = _twice(Deliver, Delivered)
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
