# SPDX-License-Identifier: Apache-2.0
"""What the daemon asks of jitd-kdc. It does no harm if jitd-kdc carries out a request twice."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jitd.beside.questions import Lanes, QuestionKind
from jitd_gates.messages import ANSWERS, REQUESTS, Answer, Done, Failed, Give, Grants, Look, Refused, Request, Take, Tried, Try

PATIENCE = 15.0  # seconds until a request has failed, with the wait for earlier ones
ENTRIES = Lanes(n_at_once=1, wait_in_daemon=True)  # in order, and as many may wait as have to be taken back at once
TRIALS = Lanes(n_at_once=1, wait_in_daemon=True)  # trials have a lane of their own, so that no grant waits for a KDC

KINDS: Mapping[type[Request], QuestionKind[Any, Answer]] = {
    asks: QuestionKind[Any, Answer](
        asks=asks,
        answers_with=(answer, Refused, Failed),
        questions=REQUESTS,
        answers=ANSWERS,
        failed=Failed,
        unsent=Refused,
        within=lambda request: PATIENCE,
        n_times=2,
        lanes=TRIALS if asks is Try else ENTRIES,
    )
    for asks, answer in ((Give, Done), (Take, Done), (Look, Grants), (Try, Tried))
}
