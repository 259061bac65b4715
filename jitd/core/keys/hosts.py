# SPDX-License-Identifier: Apache-2.0
"""The key ``hosts``: the hosts on which a rule applies."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

from jitd.core.conditions import Glob
from jitd.core.keys.key import Condition, Fields, Stated, Verdict, World, any_of
from jitd.core.question import Question
from jitd.core.toml_table import Table


def read_host(word: str) -> Glob:
    """Return the pattern of host names, which ignores case. Raises ValueError with a sentence if ``word`` is none."""
    if not re.fullmatch(r"[A-Za-z0-9*?.-]+", word):
        raise ValueError(f'"{word}" is not a host name')
    return Glob(word.lower())


@dataclass(frozen=True, kw_only=True)
class WithHosts(Stated):
    """``hosts`` has patterns of host names in small letters. None means every host."""

    hosts: tuple[Glob, ...] | None = None


class _Hosts(Condition[WithHosts]):
    names = ("hosts",)
    row = "hosts"
    before = "on "

    def read(self, table: Table, world: World, verdict: Verdict) -> Fields:
        return {"hosts": table.words("hosts", (), read_host)} if "hosts" in table.values else {}

    def is_here(self, rule: WithHosts, host: str) -> bool:
        return rule.hosts is None or any(glob.matches(host.lower()) for glob in rule.hosts)

    def holds(self, rule: WithHosts, question: Question, at: datetime) -> bool:
        return self.is_here(rule, question.host)

    def wants(self, rule: WithHosts) -> str:
        return any_of(None if rule.hosts is None else tuple(glob.text for glob in rule.hosts), "any host")

    def found(self, rule: WithHosts, question: Question, at: datetime) -> str:
        return question.host

    def covers(self, wide: WithHosts, narrow: WithHosts) -> bool:
        others = narrow.hosts if narrow.hosts is not None else (Glob("*"),)
        return wide.hosts is None or all(any(one.covers(other) for one in wide.hosts) for other in others)


HOSTS = _Hosts()
