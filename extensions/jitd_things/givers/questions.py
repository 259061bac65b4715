# SPDX-License-Identifier: Apache-2.0
"""What the daemon asks of jitd-givers. A question is sent only once: the daemon decides whether to ask again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jitd.beside.questions import Lanes, QuestionKind
from jitd_things.givers.kind import Failed, Given, Refused, Seen, Strays, Taken
from jitd_things.givers.messages import ANSWERS, QUESTIONS, Answer, Give, Look, Mend, Question, Search, Take

PATIENCE = 60.0  # seconds for a question. A deed, which is the work for it, has half of them: it may wait for an earlier one
_DEEDS = Lanes(n_at_once=1)


def lane_of(question: Question) -> str:
    """Return the name ``KIND:NAME`` of the giver. Deeds for one giver are done one after the other."""
    return f"{question.kind}:{question.name if isinstance(question, Search) else question.order.name}"


KINDS: Mapping[type[Question], QuestionKind[Any, Answer]] = {
    asks: QuestionKind[Any, Answer](
        asks=asks,
        answers_with=(answer, Refused, Failed),
        questions=QUESTIONS,
        answers=ANSWERS,
        failed=Failed,
        within=lambda question: PATIENCE,
        lanes=_DEEDS,
        lane_of=lane_of,
    )
    for asks, answer in ((Give, Given), (Mend, Given), (Take, Taken), (Look, Seen), (Search, Strays))
}
"""Maps the dataclass of a question to its kind. Only what gives may be answered with a secret."""
