# SPDX-License-Identifier: Apache-2.0
"""Gathers the built-in facts that rules name. The other modules of this package look up these facts. Some facts come from the
record.

Law: a fact is looked up only if its name is requested. Each fact is looked up only once. The answer contains each requested
built-in fact, either as a value of its declared type or as Unknown. Facts that come from a provider (jitd-policy(5)) are left
out. Look-ups block, so facts are gathered in a worker.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from datetime import timedelta

from jitd.core.effects import Moment
from jitd.core.facts import Facts, Unknown, Value
from jitd.core.origin import OF_THE_CALLER
from jitd.core.question import Question
from jitd.facts import caller, command_file, host, sessions, ticket
from jitd.facts.command_file import Files
from jitd.store import Store, StoreError

_HOUR, _DAY = timedelta(hours=1), timedelta(days=1)
_RECORD = {
    f"fact.{done}_last_{word}": (done, span)
    for done in ("asked", "denied", "ran")
    for word, span in (("hour", _HOUR), ("day", _DAY))
}
"""A fact that counts events in the record → the kind of the events, and the period."""
_HOST: dict[str, Callable[[], Value]] = {
    "fact.host": host.name,
    "fact.uptime": host.up_for,
    "fact.load": host.load,
    "fact.tainted": host.is_tainted,
    "fact.logged_in": sessions.n_people,
}
_NOW = "fact.now"
NAMES = frozenset({_NOW, *_HOST, *_RECORD}) | OF_THE_CALLER | command_file.NAMES | ticket.NAMES  # all facts of this package


class Gatherer:
    """Looks up facts. ``opened`` returns the store, opened for reading in the calling thread. jitd believes what the mounts at
    ``trusted`` say about the owners of files. Threads may share a Gatherer.
    """

    def __init__(
        self,
        *,
        opened: Callable[[], Store],
        now: Callable[[], Moment],
        trusted: tuple[bytes, ...] = (),
    ) -> None:
        self._opened = opened
        self._now = now
        self._trusted = trusted
        self._files = Files()

    def gather(self, names: frozenset[str], question: Question) -> Facts:
        """Return the built-in facts in ``names``. The result may contain other facts that were found at the same time."""
        now = self._now()
        found: dict[str, Value | Unknown] = {name: _of_host(name) for name in sorted(names & _HOST.keys())}
        if _NOW in names:
            found[_NOW] = now.at
        if names & OF_THE_CALLER:
            found |= caller.look(names, question.caller)
        if names & command_file.NAMES:
            found |= self._files.look(names, question, self._trusted)
        if names & ticket.NAMES:
            found |= ticket.look(names, question.requester, now.at)
        if counted := names & _RECORD.keys():
            found |= self._history(counted, question, now)
        return found

    def _history(self, names: frozenset[str], question: Question, now: Moment) -> Facts:
        request = "" if question.caller is None else question.caller.request
        found: dict[str, Value | Unknown] = {}
        try:
            with closing(self._opened()) as store:
                for span in {_RECORD[name][1] for name in names}:
                    history = store.history(question.requester.person, now.at - span, beside=request)
                    counts = {"asked": history.asked, "denied": history.denied, "ran": history.ran}
                    found |= {name: counts[_RECORD[name][0]] for name in names if _RECORD[name][1] == span}
        except StoreError as fault:
            return dict.fromkeys(names, Unknown(f"the record cannot be read: {fault}"))
        return found


def _of_host(name: str) -> Value | Unknown:
    try:
        return _HOST[name]()
    except OSError as fault:
        return Unknown(f"this host does not report it: {fault.strerror}")
    except ValueError:
        return Unknown("this host reports it in an unknown form")
