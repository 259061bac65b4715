# SPDX-License-Identifier: Apache-2.0
"""The key ``notify`` of a permit, and of jitd.toml for all permits that do not have it: the channels that tell people.

Law: it is a fault if a rule names a channel that is not set up, because the people would never get a message.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

from jitd.core.keys.key import Fields, NoCondition, SetUp, Stated, Verdict, World
from jitd.core.toml_table import Table, quoted

_NAME = re.compile(r"[a-z][a-z0-9-]{0,31}")
MOST_NAMED = 8  # channels that a rule may name


@dataclass(frozen=True, kw_only=True)
class WithNotify(Stated):
    """``notify`` has the names of the channels that tell people; see Obligations."""

    notify: tuple[str, ...] = ()


class _Notify(NoCondition[WithNotify]):
    names = ("notify",)
    of = "permit"

    def read(self, table: Table, world: World, verdict: Verdict) -> Fields:
        return {"notify": channels_in(table, world.notify)}

    def unknown(self, rule: WithNotify, set_up: SetUp) -> Iterator[str]:
        for name in () if set_up.channels is None else unknown_in(rule.notify, set_up.channels):
            yield f'jitd.toml sets up no channel {quoted(name)}: write a table "[notify.{name}]" there'


def read_channel(word: str) -> str:
    """Return ``word`` if it can be the name of a channel. Raises ValueError."""
    if not _NAME.fullmatch(word):
        raise ValueError(f"{quoted(word)} is not a name for a channel: small letters, digits and hyphens, at most 32")
    return word


def channels_in(table: Table, default: tuple[str, ...] = (), key: str = "notify") -> tuple[str, ...]:
    """Return the names of the channels in ``table``, which is a permit or ``[notify]`` of jitd.toml. Without the key, return
    ``default``. With an empty list, nobody is notified.
    """
    names = table.words(key, default, read_channel, may_be_empty=True)
    if len(names) > MOST_NAMED:
        table.fault(f'"{key}" has more than {MOST_NAMED} names', key)
    if len(set(names)) < len(names):
        table.fault(f'"{key}" has a name twice', key)
    return names


def unknown_in(names: Iterable[str], channels: Collection[str]) -> list[str]:
    """Return those of ``names`` that are not names of ``channels``."""
    return [name for name in names if name not in channels]


NOTIFY = _Notify()
