# SPDX-License-Identifier: Apache-2.0
"""Queries providers. A provider is a system outside jitd that supplies facts. For each decision, jitd queries each provider whose
facts are needed.

Law: the value of a fact comes from its provider and has the declared type. If the provider sends no valid value, the fact is
Unknown, with the reason. The settings may contain a value for the case that the provider does not answer. If they do, jitd uses
this value in place of Unknown. An answer is kept for at most the time in the setting ``fresh``, and is used only for the same
question. A failure is kept for a short time (``failures``).
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Mapping

from jitd.core.facts import Facts, Unknown, Value
from jitd.core.naming import Naming
from jitd.core.question import Question
from jitd.failures import Failure, count
from jitd.log import log
from jitd_outsiders.asking.failures import Failures
from jitd_outsiders.asking.hearing import Nonsense, read_facts
from jitd_outsiders.asking.reaching import Reaching, fault_of
from jitd_outsiders.asking.settings import Provider
from jitd_outsiders.asking.telling import for_provider
from jitd_outsiders.asking.turns import Full, Turns
from jitd_outsiders.outside.client import Failed
from jitd_outsiders.outside.messages import Fetched

MOST_KEPT = 4_096  # answers in memory. The oldest answers are dropped first.


class Providers:
    """Queries providers, by name. ``naming`` spells principals. ``now`` returns seconds of a monotonic clock."""

    def __init__(self, providers: Mapping[str, Provider], reaching: Reaching, naming: Naming, now: Callable[[], float]) -> None:
        self._by_fact = {f"fact.{fact}": provider for provider in providers.values() for fact in provider.facts}
        self._turns = {name: Turns() for name in providers}
        self._reaching = reaching
        self._naming = naming
        self._now = now
        self._kept: OrderedDict[tuple[str, bytes], tuple[float, Mapping[str, Value]]] = OrderedDict()
        self._failures = Failures(now)
        self._era = 0

    async def ask(self, names: frozenset[str], about: Question) -> Facts:
        """Return the facts that ``names`` lists, and all others of the same providers. The queries run in parallel."""
        found: dict[str, Value | Unknown] = {}
        asked = {self._by_fact[name].name: self._by_fact[name] for name in sorted(names)}
        for said in await asyncio.gather(*(self._facts(provider, about) for provider in asked.values())):
            found |= said
        return found

    def told(self, name: str, about: Question) -> object:
        provider = self._by_fact[name]
        return for_provider(provider.facts, provider.sends, about)

    def forget(self) -> None:
        """Drop all kept answers and failures. If a question is open now, its answer will not be kept."""
        self._kept.clear()
        self._failures.forget()
        self._era += 1

    async def _facts(self, provider: Provider, about: Question) -> dict[str, Value | Unknown]:
        try:
            said: Mapping[str, Value | Unknown] = await self._said(provider, about)
        except Nonsense as fault:
            count(Failure.PROVIDER)
            log("a provider did not answer", provider=provider.name, why=fault)
            why = Unknown(f"provider {provider.name} did not answer: {fault}")
            said = dict(provider.silence) or dict.fromkeys(provider.facts, why)
        return {
            f"fact.{name}": value if isinstance(value, Unknown) else self._naming.read_fact(value) for name, value in said.items()
        }

    async def _said(self, provider: Provider, about: Question) -> Mapping[str, Value]:
        """Raises Nonsense if there is no valid answer."""
        question = for_provider(provider.facts, provider.sends, about)
        key = (provider.name, question)
        if (kept := self._known(key)) is not None:
            return kept
        asked_at, era = self._now(), self._era
        try:
            async with asyncio.timeout(provider.deadline_for) as limit, self._turns[provider.name].turn(about.requester.person):
                if (kept := self._known(key)) is not None:  # another task got this answer while this one waited
                    return kept
                answer = await self._reaching.ask(provider.name, provider.by, question, max(_left(limit), 0.001))
        except TimeoutError:
            raise Nonsense(f"no answer within {provider.deadline_for} s") from None
        except Full as fault:
            raise Nonsense(str(fault)) from None
        try:
            said = _read(provider, answer)
        except Nonsense as why:
            if era == self._era:
                self._failures.keep(key, str(why))
            raise
        if provider.fresh_for and era == self._era:
            self._keep(key, asked_at + provider.fresh_for, said)
        return said

    def _known(self, key: tuple[str, bytes]) -> Mapping[str, Value] | None:
        """Return the kept answer to the question ``key``, or None. Raises Nonsense if it failed a short time ago."""
        kept = self._kept.get(key)
        if kept is not None and self._now() < kept[0]:
            return kept[1]
        if why := self._failures.of(key):
            raise Nonsense(why)
        return None

    def _keep(self, key: tuple[str, bytes], until: float, said: Mapping[str, Value]) -> None:
        self._kept[key] = (until, said)
        self._kept.move_to_end(key)
        while len(self._kept) > MOST_KEPT:
            self._kept.popitem(last=False)


def _left(limit: asyncio.Timeout) -> float:
    """Return the seconds before ``limit`` ends. If they were counted from an earlier moment, a busy daemon would give the process
    that asks less time than itself, and report this shorter time as the deadline.
    """
    ends_at = limit.when()
    assert ends_at is not None, "every provider has a deadline"
    return ends_at - asyncio.get_running_loop().time()


def _read(provider: Provider, answer: Fetched | Failed) -> dict[str, Value]:
    """Raises Nonsense."""
    if isinstance(answer, Failed):
        raise Nonsense(answer.why)
    if wrong := fault_of(answer):
        raise Nonsense(wrong)
    try:
        return read_facts(provider.facts, answer.body)
    except Nonsense as why:
        raise Nonsense(f"its answer {why}") from None
