# SPDX-License-Identifier: Apache-2.0
"""Threads for the questions to KDCs. libkrb5 waits half a minute for a KDC that does not answer, and cannot be interrupted.

Law: no party takes more threads than its share. A question that nobody waits for any longer counts in its party's share until its
thread returns. A question that a thread may still take in time is never given up: otherwise a party could ask so many questions
at once that one of them stays without an answer.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

from jitd.core.authentication import KdcAnswer

Question = Callable[[], KdcAnswer]


class KdcThreads:
    """Threads for ``most`` questions at once, ``share`` of one party. Others wait in order. ``name`` begins their names."""

    def __init__(self, name: str, most: int, share: int) -> None:
        self._most = most
        self._share = share
        self._pool = ThreadPoolExecutor(most, name)
        self._lock = threading.Lock()
        self._in_flight: dict[str, list[float]] = {}  # by party: when its questions in flight began
        self._waiting: list[tuple[str, Question, Future[KdcAnswer]]] = []
        self._is_closed = False

    def ask(self, party: str, question: Question, patience: float) -> Future[KdcAnswer]:
        """Let a thread of ``party`` ask ``question``. The result is NO_ANSWER at once, if all questions that occupy its threads
        have lasted longer than ``patience`` seconds: then their KDC is silent.

        Cancel the future if nobody waits for the answer any longer. If its question has not begun, it never will.
        """
        answer: Future[KdcAnswer] = Future()
        with self._lock:
            too_late = time.monotonic() - patience
            ahead = self._ahead(party)
            if self._is_closed or (ahead and max(ahead) < too_late):
                answer.set_result(KdcAnswer.NO_ANSWER)
            else:
                self._waiting.append((party, question, answer))
                self._begin()
        return answer

    def close(self) -> None:
        """Ask no more questions. Those that wait get no answer. Do not wait for the questions in flight."""
        with self._lock:
            self._is_closed = True
            waiting, self._waiting = self._waiting, []
        for _, _, answer in waiting:
            if answer.set_running_or_notify_cancel():
                answer.set_result(KdcAnswer.NO_ANSWER)
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _ahead(self, party: str) -> list[float]:
        """Return when the questions began that keep ``party`` from asking now."""
        of_party = self._in_flight.get(party, [])
        if len(of_party) >= self._share:
            return of_party
        of_all = [began for each in self._in_flight.values() for began in each]
        return of_all if len(of_all) >= self._most else []

    def _begin(self) -> None:
        """Begin the questions whose turn it is. The caller holds the lock."""
        still_waiting = []
        for party, question, answer in self._waiting:
            if not answer.cancelled() and self._ahead(party):
                still_waiting.append((party, question, answer))
            elif answer.set_running_or_notify_cancel():
                began = time.monotonic()
                self._in_flight.setdefault(party, []).append(began)
                self._pool.submit(self._do, party, began, question, answer)
        self._waiting = still_waiting

    def _do(self, party: str, began: float, question: Question, answer: Future[KdcAnswer]) -> None:
        try:
            said = question()
        except BaseException as fault:
            self._end(party, began)
            answer.set_exception(fault)
        else:
            self._end(party, began)
            answer.set_result(said)

    def _end(self, party: str, began: float) -> None:
        with self._lock:
            self._in_flight[party].remove(began)
            if not self._in_flight[party]:
                del self._in_flight[party]
            self._begin()
