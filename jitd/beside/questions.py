# SPDX-License-Identifier: Apache-2.0
"""A kind of question to a helper: all that both ends must know of it is declared once.

A room declares its kinds in ``questions``, from the dataclasses of its ``messages``::

    TELL = QuestionKind(
        asks=Tell, answers_with=(Told,), failed=Failed, questions=QUESTIONS, answers=ANSWERS, within=lambda tell: 15.0
    )

The daemon asks with ``asking.Client``, and the process answers with ``answering.Answering``. This module has nothing of either.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from jitpam.wire.declared import Codec

Q = TypeVar("Q")
A = TypeVar("A")


@dataclass(frozen=True, slots=True, eq=False)
class Lanes:
    """Queues of questions, one for each name. No queue waits for another.

    Of one queue, the process works on at most ``n_at_once`` questions at the same time, and at most ``n_waiting`` more wait
    there; it refuses all others. Questions are begun in the order in which they were read. If ``wait_in_daemon`` is True, the
    daemon sends no more than ``n_at_once`` of a queue, and any number of others wait in the daemon until their time is over.
    """

    n_at_once: int = 8
    n_waiting: int = 64
    wait_in_daemon: bool = False


ONE_LANE = Lanes()


def one_lane(question: object) -> str:
    """Return the name of a lane that is the only one."""
    return ""


@dataclass(frozen=True, eq=False, kw_only=True)
class QuestionKind(Generic[Q, A]):
    """A kind of question. ``asks`` is the dataclass of the question, and ``answers_with`` are those of its answers.
    ``questions`` and ``answers`` read and write them; all kinds of a process have the same ``questions``. An answer may come with
    one sealed descriptor if its dataclass has a field for it, and must come with one if it is in ``must_carry``.

    ``failed`` makes the answer from the reason why there is none. ``unsent`` does the same if the question cannot be written, so
    that it would be in vain to ask again; if it is None, ``failed`` does.

    ``within`` returns the seconds after which a question is treated as failed. The start of the process and the wait for a turn
    are included. A question is sent at most ``n_times``: again if the process ends before its answer. If this is more than once,
    it must do no harm that the question is answered twice.

    ``lane_of`` returns the name of the lane in ``lanes``. It must return only a few different names, because a lane is never
    removed.
    """

    asks: type[Q]
    answers_with: tuple[type, ...]
    questions: Codec[Any]
    answers: Codec[Any]
    failed: Callable[[str], A]
    unsent: Callable[[str], A] | None = None
    within: Callable[[Q], float]
    n_times: int = 1
    must_carry: tuple[type, ...] = ()
    lanes: Lanes = ONE_LANE
    lane_of: Callable[[Q], str] = one_lane
