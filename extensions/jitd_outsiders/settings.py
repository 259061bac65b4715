# SPDX-License-Identifier: Apache-2.0
"""What jitd.toml says of other hosts and of an administrator's programs: the providers, the gatekeepers, and the channels."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from jitd.beside.processes import OUTSIDE, Helper
from jitd.core.names import Name
from jitd.core.toml_table import Table
from jitd.settings.section import Section, Trust, path_in
from jitd_outsiders.asking.settings import (
    Gatekeepers,
    Providers,
    deadlines,
    fact_names,
    key_files,
    read_gatekeepers,
    read_providers,
)
from jitd_outsiders.channels import Notify, read_notify


@dataclass(frozen=True, slots=True)
class OutsiderSection(Section):
    """``[notify]``, ``[providers.*]`` and ``[gatekeepers.*]``. ``outside`` is the socket of jitd-outside."""

    notify: Notify = field(default_factory=Notify)
    providers: Providers = field(default_factory=lambda: MappingProxyType({}))
    gatekeepers: Gatekeepers = field(default_factory=lambda: MappingProxyType({}))
    outside: Path = OUTSIDE.socket

    @classmethod
    def read(cls, table: Table, place: Trust) -> OutsiderSection:
        return cls(
            read_notify(table.table("notify"), place.owner, place.keys_at),
            read_providers(table.table("providers"), place.owner, place.keys_at),
            read_gatekeepers(table.table("gatekeepers"), place.owner, place.keys_at),
            path_in(table, "outside", OUTSIDE.socket),
        )

    @property
    def names(self) -> Mapping[str, Name]:
        return fact_names(self.providers)

    @property
    def deadlines(self) -> Mapping[str, float]:
        return deadlines(self.gatekeepers)

    @property
    def channels(self) -> Collection[str]:
        return self.notify.channels

    @property
    def usual_channels(self) -> tuple[str, ...]:
        return self.notify.default

    @property
    def key_files(self) -> Mapping[str, Path]:
        of_channels = {file.name: file for channel in self.notify.channels.values() for file in channel.key_files}
        return {**key_files(self.providers, self.gatekeepers), **of_channels}

    def helpers(self) -> Iterator[tuple[Helper, str]]:
        for name, channel in self.notify.channels.items():
            if (helper := channel.helper) is not None:
                yield helper, f"channel {name}"
        for provider in self.providers.values():
            yield provider.by.helper, f"provider {provider.name}"
        for gatekeeper in self.gatekeepers.values():
            yield gatekeeper.by.helper, f"gatekeeper {gatekeeper.name}"

    @property
    def moved(self) -> Collection[Helper]:
        return () if self.outside == OUTSIDE.socket else (OUTSIDE,)


SECTION = OutsiderSection
