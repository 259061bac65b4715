# SPDX-License-Identifier: Apache-2.0
"""The key ``accept``: the warnings of ``jitd check`` that the author of the rule accepts.

Law: a warning is accepted only by its name and with a reason. An accepted warning does not change any decision.
"""

from __future__ import annotations

from dataclasses import dataclass

from jitd.core.keys.key import Fields, NoCondition, Stated, Verdict, World
from jitd.core.toml_table import Table
from jitd.core.warning import ACCEPTABLE


@dataclass(frozen=True, kw_only=True)
class WithAccepts(Stated):
    """``accepts`` has the accepted warnings, each with the reason."""

    accepts: tuple[tuple[str, str], ...] = ()


class _Accepts(NoCondition[WithAccepts]):
    names = ("accept",)

    def read(self, table: Table, world: World, verdict: Verdict) -> Fields:
        inner = table.table("accept")
        inner.known(ACCEPTABLE)
        return {"accepts": tuple((name, inner.sentence(name)) for name in inner.values if name in ACCEPTABLE)}


ACCEPT = _Accepts()
