# SPDX-License-Identifier: Apache-2.0
"""What jitd.toml says of jitd-kdc: its socket, and for how long what it writes is good."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from jitd.beside.processes import KDC
from jitd.core.duration import read_duration
from jitd.core.thing import SERVICE_TICKET
from jitd.core.toml_table import Table
from jitd.settings.section import Section, ThingSettings, Trust, path_in

SHORTEST_RENEWAL, LONGEST_RENEWAL = 10, 86_400  # bounds of `renew`, in seconds. The KDC ignores ends more than a day ahead
USUAL_RENEWAL = 600


@dataclass(frozen=True, slots=True)
class GateSection(Section):
    """``kdc`` is the socket of jitd-kdc. A grant in the KDC is good for ``renew`` seconds, or None if none is renewed."""

    KINDS: ClassVar[Mapping[str, type[ThingSettings]]] = {SERVICE_TICKET: ThingSettings}

    kdc: Path = KDC.socket
    renew: int | None = USUAL_RENEWAL

    @classmethod
    def read(cls, table: Table, place: Trust) -> GateSection:
        return cls(path_in(table, "kdc", KDC.socket), _renew(table))


SECTION = GateSection


def _renew(table: Table) -> int | None:
    if "renew" not in table.values:
        return USUAL_RENEWAL
    said = table.values["renew"]
    if said == "off":
        return None
    seconds = read_duration(said) if isinstance(said, str) else None
    if seconds is None or not SHORTEST_RENEWAL <= seconds <= LONGEST_RENEWAL:
        table.fault('"renew" must be a duration from 10s to 1d, such as "10m", or "off"', "renew")
        return USUAL_RENEWAL
    return seconds
