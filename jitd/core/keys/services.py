# SPDX-License-Identifier: Apache-2.0
"""The key ``services``: the programs that may ask."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

from jitd.core.keys.key import Condition, Fields, Stated, Verdict, World, any_of, covers_words
from jitd.core.question import Question
from jitd.core.toml_table import Table


def read_service(word: str) -> str:
    """Return ``word`` if it is a valid service name. Raises ValueError with a sentence if ``word`` is not valid."""
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", word):
        raise ValueError(f'"{word}" is not the name of a service')
    return word


@dataclass(frozen=True, kw_only=True)
class WithServices(Stated):
    """``services`` has the programs that may ask. None means every program."""

    services: tuple[str, ...] | None = None


class _Services(Condition[WithServices]):
    names = ("services",)
    row = "services"
    before = "by "

    def read(self, table: Table, world: World, verdict: Verdict) -> Fields:
        if verdict == "deny" and "services" not in table.values:
            return {}
        return {"services": table.words("services", ("jitsudo",) if verdict == "permit" else (), read_service)}

    def is_for(self, rule: WithServices, service: str) -> bool:
        return rule.services is None or service in rule.services

    def holds(self, rule: WithServices, question: Question, at: datetime) -> bool:
        return self.is_for(rule, question.service)

    def wants(self, rule: WithServices) -> str:
        return any_of(rule.services, "any service")

    def found(self, rule: WithServices, question: Question, at: datetime) -> str:
        return question.service

    def covers(self, wide: WithServices, narrow: WithServices) -> bool:
        return covers_words(wide.services, narrow.services)


SERVICES = _Services()
