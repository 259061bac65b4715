# SPDX-License-Identifier: Apache-2.0
"""What the daemon asks of jitd-terminals."""

from __future__ import annotations

from jitd.beside.processes import TERMINALS
from jitd.beside.questions import Lanes, QuestionKind
from jitd.beside.refusals import Failed as Failed
from jitd_outsiders.terminals.messages import ANSWERS, QUESTIONS, Tell, Told

WITHIN = 15.0  # seconds for one question, with the start of the process and its own limit

TELL = QuestionKind[Tell, Told | Failed](
    asks=Tell,
    answers_with=(Told,),
    questions=QUESTIONS,
    answers=ANSWERS,
    failed=Failed,
    within=lambda tell: WITHIN,
    n_times=2,
    lanes=Lanes(TERMINALS.n_threads),
)
