# SPDX-License-Identifier: Apache-2.0
"""Explains decisions: to an operator, what each rule says to a request that somebody might make; to a requester, which permits
came closest to what was denied.

Law: nothing is changed or recorded, and nobody is asked. The command is looked up and its file looked at as for a decision, as
the person whom the request would be from. A requester is told of nothing that jitd has found out about a file.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from jitd.core.command import Command
from jitd.core.decision import Decision, Deny, Why
from jitd.core.deed import deed_of
from jitd.core.effects import Moment
from jitd.core.explaining import Explained, Near, closest, explain
from jitd.core.policy import Policy, Question, denied_files
from jitd.core.subject import LOCAL, ROOT, Subject
from jitd.deciding import accounts, program_commands, screening
from jitd.deciding.accounts import Accounts
from jitd.deciding.command_lookup import Asked
from jitd.files import inspection, path_lookup
from jitd.files.digests import DigestCache
from jitd.files.silence import MOUNTS
from jitd.settings.config import Config
from jitd.workers import Workers

_digests = DigestCache()


class Nobody(Exception):
    """The person whom the request would be from has no account here. The text is a sentence."""


@dataclass(frozen=True, slots=True)
class Supposed:
    """What an operator supposes. ``name`` is a principal, ``local:`` and an account, or an account. ``groups`` replace those of
    the account; None: they are as they are. ``at`` (aware) is the time; None: now. ``facts`` are names, such as ``fact.risk``,
    and their values in words.
    """

    name: str
    groups: frozenset[str] | None
    at: datetime | None
    facts: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Supposition:
    """Whom the request would be from, the command that it means, the decision, and what each rule says."""

    who: Subject
    command: Command
    decision: Decision
    rules: tuple[Explained, ...]


class Explainer:
    """Explains decisions. ``policy`` returns the policy in force, ``lock_on`` the denial for somebody who is locked."""

    def __init__(
        self,
        config: Config,
        policy: Callable[[], Policy],
        accounts: Accounts,
        lock_on: Callable[[Subject], Deny | None],
        workers: Workers,
        now: Callable[[], Moment],
    ) -> None:
        self._config = config
        self._policy = policy
        self._accounts = accounts
        self._lock_on = lock_on
        self._workers = workers
        self._now = now

    async def closest(self, who: Subject, service: str, asked: Asked, command: Command, decision: Decision) -> tuple[Near, ...]:
        """Return the permits about ``who`` that came closest to ``command``; none unless no rule is about it. Raises
        TimeoutError.
        """
        if not isinstance(decision, Deny) or decision.why is not Why.NO_RULE:
            return ()

        def look() -> tuple[Near, ...]:
            try:
                question = self._question(who, service, asked, command)
            except accounts.NoSuchAccount:
                return ()
            return closest(self._policy(), question, self._now().at)

        return await self._workers.files.run(who.uid, look)

    async def suppose(self, by: Subject, service: str, asked: Asked, supposed: Supposed) -> Supposition:
        """Return what would be decided if somebody asked for ``asked``, for the operator ``by``. Raises Nobody,
        command_lookup.Nonsense or TimeoutError.
        """
        who = await self._workers.names.run(by.uid, self._whom, supposed)
        locked = self._lock_on(who)
        return await self._workers.files.run(by.uid, self._look, who, service, asked, supposed, locked)

    def _look(self, who: Subject, service: str, asked: Asked, supposed: Supposed, locked: Deny | None) -> Supposition:
        config, policy = self._config, self._policy()
        now = self._now() if supposed.at is None else replace(self._now(), at=supposed.at)
        typed = (os.path.join(asked.cwd, asked.argv[0]),) if asked.argv and b"/" in asked.argv[0] else ()
        MOUNTS.approach(typed)
        asked = asked if deed_of(service).is_executed else program_commands.beforehand(service, asked, who)
        places = config.trusted_places
        found = screening.look(policy, asked, who, config.host, service, config.search_path, places, now)
        question = self._question(who, service, asked, found.command)
        question = replace(question, names=_names(policy, found.command), writable_by=self._writable_by(found.command))
        return Supposition(who, found.command, locked or found.decision, explain(policy, question, now.at))

    def _whom(self, supposed: Supposed) -> Subject:
        """Return the Subject that is supposed. Raises Nobody."""
        who = self._named(supposed.name)
        if who is None:
            raise Nobody("it has no account here that could ask: none is mapped to it, or the account is missing or has expired")
        if supposed.groups is None:
            return self._accounts.sure_of(who)
        return replace(who, groups=supposed.groups, unsure=frozenset())

    def _named(self, name: str) -> Subject | None:
        if name == ROOT:
            return self._accounts.root()
        if name.startswith(LOCAL):
            uid = accounts.uid_of(name.removeprefix(LOCAL))
            return None if uid is None else self._accounts.local(uid)
        principals = [name] if "@" in name else [f"{name}@{realm}" for realm in sorted(self._config.realms)]
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
            lasts_for=asked.lasts_for,
            uses=asked.uses,
            timeout_for=asked.timeout_for,
            chdir=asked.cwd if asked.chdir else None,
            is_own_group=accounts.is_own_group(command.run_as),
            is_missing=False,
            writable_by=(),
        )

    def _writable_by(self, command: Command) -> tuple[str, ...]:
        """Return who else could change the file of ``command``, if screening has looked at the file."""
        if not command.digest:
            return ()
        try:
            uid = accounts.trusted_uid(command.run_as)
            return inspection.inspect(command.path, uid, cache=_digests, trusted=self._config.trusted_places).writable_by
        except (inspection.Uninspectable, accounts.NoSuchAccount):
            return ()


def _names(policy: Policy, command: Command) -> tuple[bytes, ...]:
    """Return all names of the command's file that a deny could have."""
    if not command.path.startswith(b"/"):
        return ()
    names = (*path_lookup.names_of(command.path, path_lookup.Look()), *path_lookup.same_files(command.path, denied_files(policy)))
    return tuple(dict.fromkeys(names))
