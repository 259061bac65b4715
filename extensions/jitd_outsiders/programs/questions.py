# SPDX-License-Identifier: Apache-2.0
"""What the daemon asks of jitd-programs and jitd-programs-net."""

from __future__ import annotations

from jitd.beside.questions import Lanes, QuestionKind
from jitd_outsiders.programs.messages import ANSWERS, QUESTIONS, Answer, Failed, Printed, Run

GRACE = 5.0  # seconds beyond the question's deadline, in which the process starts, and reports that the deadline is over


def lane_of(run: Run) -> str:
    """Return the gatekeeper's or provider's name and its program: a slow one delays no other."""
    return f"{run.name} ({run.program[0]})"


RUN = QuestionKind[Run, Answer](
    asks=Run,
    answers_with=(Printed, Failed),
    questions=QUESTIONS,
    answers=ANSWERS,
    failed=Failed,
    within=lambda run: run.deadline_ms / 1000 + GRACE,
    n_times=2,
    lanes=Lanes(),
    lane_of=lane_of,
)
