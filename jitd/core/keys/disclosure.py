# SPDX-License-Identifier: Apache-2.0
"""The keys ``visible_to`` and ``mask`` of a permit: who may read the contents of a request, and which words nobody reads."""

from __future__ import annotations

from dataclasses import dataclass

from jitd.core.keys.key import Fields, Key, Stated, Verdict, World
from jitd.core.masking import Mask, read_mask
from jitd.core.toml_table import Table


@dataclass(frozen=True, kw_only=True)
class WithDisclosure(Stated):
    """``masks`` hide words of every command whose file a pattern of the rule names (core/masking.py)."""

    visible_to: tuple[str, ...] | None = None
    masks: tuple[Mask, ...] = ()


class _Disclosure(Key[WithDisclosure]):
    names = ("visible_to", "mask")
    of = "permit"

    def read(self, table: Table, world: World, verdict: Verdict) -> Fields:
        masks = table.words("mask", (), read_mask)
        if "visible_to" not in table.values:
            return {"masks": masks}
        return {"masks": masks, "visible_to": table.words("visible_to", (), world.naming.read_who, may_be_empty=True)}

    def covers(self, wide: WithDisclosure, narrow: WithDisclosure) -> bool:
        return wide.visible_to is None and not wide.masks


DISCLOSURE = _Disclosure()
