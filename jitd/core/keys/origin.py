# SPDX-License-Identifier: Apache-2.0
"""The key ``origin``: where the requester's login session began. It is compared with a fact (``core/when.py``)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from jitd.core.keys.key import Fields, Key, Part, Stated, Verdict, World, any_of
from jitd.core.origin import Whence, read_origin
from jitd.core.toml_table import Table
from jitd.core.wording import listed


@dataclass(frozen=True, kw_only=True)
class WithOrigin(Stated):
    """``origin`` has the places where the session may have begun. None means anywhere."""

    origin: tuple[Whence, ...] | None = None


class _Origin(Key[WithOrigin]):
    names = ("origin",)

    def read(self, table: Table, world: World, verdict: Verdict) -> Fields:
        return {"origin": table.words("origin", (), read_origin)} if "origin" in table.values else {}

    def wants(self, rule: WithOrigin) -> str:
        """Return in words what ``rule`` requires."""
        return any_of(None if rule.origin is None else tuple(word.text for word in rule.origin), "anywhere")

    def phrases(self, rule: WithOrigin) -> Iterator[tuple[Part, str]]:
        if rule.origin is not None:
            yield Part.CIRCUMSTANCES, f"from {listed(tuple(word.text for word in rule.origin), 'or')}"

    def covers(self, wide: WithOrigin, narrow: WithOrigin) -> bool:
        return wide.origin is None


ORIGIN = _Origin()
