# SPDX-License-Identifier: Apache-2.0
"""The key ``who``: the people whom a rule is about."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from jitd.core.keys.key import Fields, OfRequester, Stated, Verdict, World, any_of
from jitd.core.question import Question
from jitd.core.subject import Subject, matches_any
from jitd.core.toml_table import Table
from jitd.core.wording import groups


@dataclass(frozen=True, kw_only=True)
class WithWho(Stated):
    """``who`` are words as of ``conditions.read_who``. None means everybody, in a deny but root."""

    who: tuple[str, ...] | None = None


class _Who(OfRequester[WithWho]):
    names = ("who",)

    def read(self, table: Table, world: World, verdict: Verdict) -> Fields:
        if verdict == "deny" and "who" not in table.values:
            return {}
        return {"who": table.words("who", (), world.naming.read_who)}

    def is_of(self, rule: WithWho, who: Subject) -> bool:
        if rule.who is None or matches_any(who, rule.who):
            return True
        # If a deny names a person by principal, this person must not bypass the deny by asking without a ticket.
        is_perhaps = any(f"principal:{name}" in rule.who for name in who.perhaps)
        return rule.verdict == "deny" and (is_perhaps or bool(self.unsure_of(rule, who)))

    def unsure_of(self, rule: WithWho, who: Subject) -> str:
        """Return a group in the deny ``rule`` that cannot be looked up now and may contain ``who``, or an empty text."""
        words = rule.who or ()
        if matches_any(who, words) or any(f"principal:{name}" in words for name in who.perhaps):
            return ""
        return next((word[6:] for word in words if word.startswith("group:") and word[6:] in who.unsure), "")

    def wants(self, rule: WithWho) -> str:
        return any_of(rule.who, "anybody")

    def found(self, rule: WithWho, question: Question, at: datetime) -> str:
        who = question.requester
        unsure = f", and perhaps in {', '.join(sorted(who.unsure))}" if who.unsure else ""
        return f"{who.principal}, account {who.user}, in {groups(sorted(who.groups), len(who.gids))}{unsure}"

    def covers(self, wide: WithWho, narrow: WithWho) -> bool:
        if wide.who is not None:
            return narrow.who is not None and set(narrow.who) <= set(wide.who)
        # A deny without "who" does not apply to root, but a deny with a group may apply to root.
        return narrow.who is None or narrow.verdict == "permit" or all(word.startswith("principal:") for word in narrow.who)


WHO = _Who()
