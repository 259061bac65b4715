# SPDX-License-Identifier: Apache-2.0
"""Explains decisions. An operator gets the answer that each rule would give to a supposed request. A requester reads which permit
rules came closest to a denied request.

Law: nothing is changed or recorded, and neither people nor providers are queried. jitd looks up the command and examines its
file as for a real decision, with the rights of the supposed requester. A requester never gets information that jitd has found
about a file.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from jitd.core.break_glass import unbarred
from jitd.core.command import Command
from jitd.core.decision import Decision, Deny
from jitd.core.deed import deed_of
from jitd.core.effects import Moment
from jitd.core.explaining import Explained, Near, closest, explain
from jitd.core.facts import Facts, Value, read_value
from jitd.core.names import NAMES, Name, fault_in
from jitd.core.owed_review import OwedReview
from jitd.core.policy import Policy
from jitd.core.question import Question
from jitd.core.subject import LOCAL, ROOT, Subject
from jitd.deciding import accounts, program_commands, screening
from jitd.deciding.accounts import Accounts
from jitd.deciding.command_lookup import Asked, Nonsense
from jitd.deciding.knowledge import Beforehand, Gather, Knowledge, Wanted
from jitd.files.silence import MOUNTS
from jitd.settings.config import Config
from jitd.workers import Workers
from jitpam.wire.shown import shown


class Nobody(Exception):
    """Raised if the supposed requester has no account on this host. The text of the error is a sentence."""


@dataclass(frozen=True, slots=True)
class Supposed:
    """The assumptions of an operator. ``name`` is a principal, an account, or ``local:`` and an account. ``groups`` replaces the
    groups of the account. If ``groups`` is None, the account keeps its groups. ``at`` is the supposed time, with its time zone.
    If ``at`` is None, the present time is used. ``facts`` contains names, such as ``fact.risk``, with the values that the
    operator typed.
    """

    name: str
    groups: frozenset[str] | None
    at: datetime | None
    facts: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Supposition:
    """The answer to a supposed request. ``awaited`` are providers that would have to answer before a decision."""

    who: Subject
    command: Command
    decision: Decision
    rules: tuple[Explained, ...]
    awaited: tuple[str, ...] = ()


class Explainer:
    """Explains decisions, by ``policy``, ``lock_on`` (a denial or None) and facts (``gather``). ``names`` are the rules'."""

    def __init__(
        self,
        config: Config,
        policy: Callable[[], Policy],
        accounts: Accounts,
        lock_on: Callable[[Subject], Deny | None],
        gather: Gather,
        names: Mapping[str, Name],
        workers: Workers,
        now: Callable[[], Moment],
        owed: Callable[[str], Iterable[OwedReview]] = lambda person: (),
    ) -> None:
        """``owed`` returns the open reviews that a person (``Subject.person``) owes."""
        self._config = config
        self._policy = policy
        self._accounts = accounts
        self._lock_on = lock_on
        self._gather = gather
        self._names = names
        self._beforehand = Beforehand(names)
        self._workers = workers
        self._now = now
        self._owed = owed

    async def closest(self, who: Subject, service: str, asked: Asked, command: Command) -> tuple[Near, ...]:
        """Return the permits for ``who`` that came closest to permitting ``command``, which none does. Raises TimeoutError."""

        def look() -> tuple[Near, ...]:
            try:
                question = self._question(who, service, asked, command)
            except accounts.NoSuchAccount:
                return ()
            return closest(self._policy(), question, self._now().at)

        return await self._workers.files.run(who.party, look)

    async def suppose(self, by: Subject, service: str, asked: Asked, supposed: Supposed) -> Supposition:
        """Return the decision that the person in ``supposed`` would get for the request ``asked``. ``by`` is the operator. Raises
        Nobody, command_lookup.Nonsense or TimeoutError.
        """
        facts = {name: self._fact(name, text) for name, text in supposed.facts}
        who = await self._workers.names.run(by.party, self._whom, supposed)
        knowledge = _Supposing(self._gather, facts)
        while True:
            try:
                locked = self._lock_on(who)
                run = self._workers.files.run
                found = await run(by.party, self._look, who, service, asked, supposed.at, locked, knowledge)
                return replace(found, decision=unbarred(found.decision, self._owed, who, ""))
            except Wanted as wanted:
                knowledge.learn(wanted.names, await self._beforehand.ask(wanted.names, wanted.about))
                knowledge.wanted |= wanted.names

    def _look(
        self, who: Subject, service: str, asked: Asked, at: datetime | None, locked: Deny | None, knowledge: _Supposing
    ) -> Supposition:
        config, policy = self._config, self._policy()
        now = self._now() if at is None else replace(self._now(), at=at)
        typed = (os.path.join(asked.cwd, asked.argv[0]),) if asked.argv and b"/" in asked.argv[0] else ()
        MOUNTS.approach(typed)
        asked = asked if deed_of(service).is_executed else program_commands.beforehand(service, asked, who)
        places = config.trusted_places
        found = screening.look(policy, asked, who, config.host, service, config.search_path, places, now, knowledge)
        question = knowledge.question or self._question(who, service, asked, found.command)
        rules = explain(policy, question, now.at, knowledge.known)
        if knowledge.gather_for(question, frozenset[str]().union(*(rule.asks for rule in rules))):
            rules = explain(policy, question, now.at, knowledge.known)
        decision = locked or found.decision
        return Supposition(who, question.command, decision, tuple(map(self._told, rules)), self._beforehand.awaited(decision))

    def _told(self, explained: Explained) -> Explained:
        """Return ``explained``, and add the providers that would be queried for its facts."""
        because = ", ".join(f"{name}: {self._beforehand.who(name)}" for name in sorted(explained.asks))
        return replace(explained, because=because) if because else explained

    def _fact(self, name: str, text: str) -> Value:
        """Return the supposed value of the fact ``name``. A provider's fact is read as its answer would be. Raises Nonsense."""
        value = _value(name, text, self._names)
        return value if name in NAMES else self._config.naming.read_fact(value)

    def _whom(self, supposed: Supposed) -> Subject:
        """Return the Subject of the supposed requester. Raises Nobody."""
        who = self._named(supposed.name)
        if who is None:
            raise Nobody("it has no account here that could ask: none is mapped to it, or the account is missing or has expired")
        if supposed.groups is None:
            return self._accounts.sure_of(who)
        return replace(who, groups=supposed.groups, gids=frozenset(), unsure=frozenset())

    def _named(self, name: str) -> Subject | None:
        if name == ROOT:
            return self._accounts.root()
        if name.startswith(LOCAL):
            uid = accounts.uid_of(name.removeprefix(LOCAL))
            return None if uid is None else self._accounts.local(uid)
        naming = self._config.naming
        principals = [name] if "@" in name else [f"{name}@{realm}" for realm in sorted(naming.realms)]
        principals += naming.principals_of(name)  # the name may be an account, which may contain an @
        found = (self._accounts.subject(one.encode("utf-8", "surrogateescape"), None) for one in principals)
        return next((who for who in found if who is not None), None)

    def _question(self, who: Subject, service: str, asked: Asked, command: Command) -> Question:
        """Return the question about ``command``, without facts about its file. Raises accounts.NoSuchAccount."""
        return Question(
            requester=who,
            command=command,
            service=service,
            host=self._config.host,
            reason=asked.reason,
            terms=asked.terms,
            chdir=asked.cwd if asked.chdir else None,
            is_own_group=accounts.is_own_group(command.run_as),
            is_missing=False,
            writable_by=(),
            tty=asked.tty,
            caller=asked.caller,
            breaks_glass=asked.breaks_glass,
        )


class _Supposing(Knowledge):
    """The facts that are known during one supposition. An operator has ``supposed`` some of these facts. ``question`` is the
    last question about a command that exists. If no question was about an existing command, ``question`` is the first question.
    ``wanted`` contains the names of facts that only a provider could supply. No provider was queried.
    """

    def __init__(self, gather: Gather, supposed: Facts) -> None:
        super().__init__(gather, Beforehand().told)
        self._supposed = supposed
        self.question: Question | None = None
        self.wanted: frozenset[str] = frozenset()

    @property
    def known(self) -> Facts:
        """The facts that were found or supposed. Facts from providers are not included."""
        return {name: value for name, value in (self._known | dict(self._supposed)).items() if name not in self.wanted}

    def learn(self, names: frozenset[str], found: Facts) -> None:
        """Store the facts in ``found``. If the operator has supposed a value for a fact, the supposed value is stored instead."""
        super().learn(names, {**found, **self._supposed})

    def decide(self, policy: Policy, question: Question, at: datetime) -> Decision:
        """Return the policy's answer to ``question``. Store ``question`` in the field ``question``. If the field already has a
        question, store the new question only if its command exists.
        """
        if self.question is None or not question.is_missing:
            self.question = question
        self.learn(frozenset(self._supposed), self._supposed)
        return super().decide(policy, question, at)

    def gather_for(self, question: Question, names: frozenset[str]) -> bool:
        """Look for more facts that this host itself knows. Return True if at least one fact was found."""
        found = self._gather(names - self.wanted, question) if names - self.wanted else {}
        self.learn(names & found.keys(), found)
        return bool(found)


def _value(name: str, text: str, names: Mapping[str, Name]) -> Value:
    """Return the value that ``text`` contains for the fact ``name``. Raises Nonsense."""
    told = names.get(name)
    if told is None:
        raise Nonsense(f"{shown(name)}: no rule can use this name; jitd-policy(5) and jitd.toml(5) list the facts")
    if name == "fact.now":
        raise Nonsense("fact.now is the time: set it with --at")
    try:
        value = read_value(text, told.type)
    except ValueError:
        raise Nonsense(f"{shown(name)}: {shown(text)} is not of type {told.type}") from None
    if fault := fault_in(value, told.type):
        raise Nonsense(f"{shown(name)} {fault}")
    return value
