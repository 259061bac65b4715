# SPDX-License-Identifier: Apache-2.0
"""Queries gatekeepers in parallel, and keeps each answer for the allowed time.

Law: a late or invalid answer is treated as silence, and silence leads to a denial. jitd keeps an answer only if it is a pass or a
requirement. A kept answer is used only for exactly the same question, from the same person under the same policy. When somebody
is locked or the policy is loaded again, jitd drops all kept answers.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol

from jitd.core.command import Command, work_of
from jitd.core.effects import Moment
from jitd.core.gatekeeping import Answer, Asking, Heard, Passed, Passes, Refuses, Requires, Silent
from jitd.core.masking import MASKED, is_quoting

MOST_KEPT = 10_000  # answers that are kept. The oldest answer is dropped first.


@dataclass(frozen=True, slots=True)
class Manner:
    """How one gatekeeper answers. For ``fresh_for`` seconds, jitd may keep an answer of this gatekeeper that is not a denial. If
    ``polls`` is True, a person gives the answers, so an answer may take a long time. While such an answer is valid, jitd does
    not query the gatekeeper again for the same request or lease.
    """

    fresh_for: float = 0.0
    polls: bool = False


class Gatekeepers(Protocol):
    def manner(self, name: str) -> Manner | None:
        """Return the ``Manner`` of the gatekeeper ``name``. Return None if no gatekeeper has this name."""
        return None

    async def ask(self, name: str, asking: Asking) -> Answer:
        """Query the gatekeeper ``name``. If the answer is no longer needed, the caller cancels this task. If the method raises
        an exception, the caller treats this as silence.
        """


class AllGatekeepers(Gatekeepers):
    """The gatekeepers of this host. ``by_name`` maps the name of each to those among whom it is."""

    def __init__(self, by_name: Mapping[str, Gatekeepers]) -> None:
        self._by_name = by_name

    def manner(self, name: str) -> Manner | None:
        found = self._by_name.get(name)
        return None if found is None else found.manner(name)

    async def ask(self, name: str, asking: Asking) -> Answer:
        found = self._by_name.get(name)
        return Silent("jitd.toml sets up no gatekeeper of this name") if found is None else await found.ask(name, asking)


@dataclass(slots=True)
class Hearing:
    """The gatekeepers' answers to one request until now, valid only for the rule and policy in ``under``."""

    under: tuple[str, str] | None = None
    heard: tuple[Heard, ...] = field(default=())

    def missing(self, names: Iterable[str], asking: Asking) -> tuple[str, ...]:
        """Return those of ``names`` that have not answered, or all if the rule or the policy has changed."""
        if self.under != (asking.rule, asking.policy):
            self.under, self.heard = (asking.rule, asking.policy), ()
        known = {one.name for one in self.heard}
        return tuple(name for name in names if name not in known)


class Answers:
    """Queries ``gatekeepers``, and keeps their answers. ``now`` returns the present moment."""

    def __init__(self, gatekeepers: Gatekeepers, now: Callable[[], Moment]) -> None:
        self._gatekeepers = gatekeepers
        self._now = now
        self._kept: OrderedDict[tuple[object, ...], tuple[Answer, float]] = OrderedDict()
        self._era = 0

    def forget(self) -> None:
        """Drop all kept answers. If a question was already sent, its answer will not be kept when it comes."""
        self._kept.clear()
        self._era += 1

    async def of(self, names: Iterable[str], asking: Asking, earlier: tuple[Passed, ...] = ()) -> tuple[Heard, ...]:
        """Query the gatekeepers, and return their answers up to the first denial or silence. ``earlier`` are stored passes
        (answers without an objection) of the request or its lease. Who has not answered at ``asking.ends_boot`` is silent.
        """
        tasks = {name: asyncio.ensure_future(self._one(name, asking, earlier)) for name in names}
        try:
            async with asyncio.timeout(max(0.0, asking.ends_boot - self._now().boot)):
                for each in asyncio.as_completed(tasks.values()):
                    if not isinstance((await each).answer, Passes | Requires):
                        return tuple(task.result() for task in tasks.values() if task.done())
        except TimeoutError:
            late = Silent("the time for an answer is over")
            return tuple(task.result() if task.done() else Heard(name, late) for name, task in tasks.items())
        finally:
            for task in tasks.values():
                task.cancel()
        return tuple(task.result() for task in tasks.values())

    async def _one(self, name: str, asking: Asking, earlier: tuple[Passed, ...]) -> Heard:
        manner = self._gatekeepers.manner(name) or Manner()
        before = next((one for one in earlier if one.name == name), None) if manner.polls else None
        if before is not None and (before.until is None or self._now().at < before.until):
            return Heard(name, Passes(before.until, before.mark))
        question = question_of(name, asking)
        kept, until = self._kept.get(question, (None, 0.0))
        if kept is not None and self._now().boot < until and not _is_over(kept, self._now()):
            return Heard(name, kept)
        era = self._era
        try:
            answer = await self._gatekeepers.ask(name, asking)
        except Exception as fault:
            answer = Silent(f"{type(fault).__name__}: {fault}")
        answer = _unquoted(answer, asking.command)
        now = self._now()
        if _is_over(answer, now):
            answer = Silent("its answer had expired before it came")
        if isinstance(answer, Passes | Requires) and manner.fresh_for > 0 and not manner.polls and era == self._era:
            self._kept[question] = answer, now.boot + manner.fresh_for
            self._kept.move_to_end(question)
            if len(self._kept) > MOST_KEPT:
                self._kept.popitem(last=False)
        return Heard(name, answer)


def _unquoted(answer: Answer, command: Command) -> Answer:
    """Return ``answer`` without its texts that quote what is masked in ``command``. A gatekeeper is told the real words, and its
    texts are for everybody who reads of the request.
    """
    if not command.masked:
        return answer

    def read(text: str) -> str:
        return MASKED if is_quoting(text, command.argv, command.masked) else text

    if isinstance(answer, Silent):
        return Silent(read(answer.why))
    if isinstance(answer, Refuses):
        return Refuses(read(answer.because), read(answer.mark))
    return replace(answer, mark=read(answer.mark))


def _is_over(answer: Answer, now: Moment) -> bool:
    return isinstance(answer, Passes | Requires) and answer.until is not None and answer.until <= now.at


def question_of(name: str, asking: Asking) -> tuple[object, ...]:
    """Return what can change the gatekeeper's answer, except what belongs only to one request."""
    claims = replace(asking.claims, tty=None, login_session=0, parents=())
    terms = asking.terms.told.values()
    point = None if asking.point is None else replace(asking.point, process=None)
    where = (asking.host, asking.service, point)
    rule = (asking.rule, asking.policy, asking.owed, asking.approved, asking.facts, asking.breaks_glass)
    who = asking.requester
    # the gatekeeper learns these values about the person
    person = (who.principal, who.user, who.uid, who.person, who.groups, who.gids)
    return (name, *person, *where, work_of(asking.command), asking.command.findings, claims, *terms, *rule)
