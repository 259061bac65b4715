# SPDX-License-Identifier: Apache-2.0
"""``[notify.*]`` of jitd.toml: the channels through which jitd notifies people (jitd.toml(5)).
Law: every key is checked when the file is read. All faults are reported together. With the defaults, a message that leaves this
host contains no command and no reason, and jitd connects only to public addresses.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from jitd.core.keys.notify import channels_in, read_channel, unknown_in
from jitd.core.toml_table import Table, quoted
from jitd.settings.section import KEYS_AT
from jitd_outsiders.notifying.kinds import CHANNELS, OF_NAME
from jitd_outsiders.notifying.settings import ChannelSettings
from jitd_outsiders.notifying.terminals import TerminalsSettings

SHOWS = ("id", "rule", "command")
"""What a message contains beside the id: nothing, the rule, or the rule, the command and the reason."""
MOST_CHANNELS = 32
KEYS = {
    "channel": ("kind", "shows", "requester"),
    **{kind.KIND: kind.KEYS for kind in CHANNELS},
}
"""Maps each kind of channel to its keys. The entry ``channel`` contains the keys that all kinds have."""


Channels = Mapping[str, ChannelSettings]
TERMINALS = TerminalsSettings("terminals", shows="command")
BUILT_IN: Channels = MappingProxyType({TERMINALS.name: TERMINALS})  # named without a table; `[notify.terminals]` changes it


@dataclass(frozen=True)
class Notify:
    """``[notify]``: the channels, by their names, and the names of those that each rule without a ``notify`` of its own uses."""

    channels: Channels = field(default_factory=lambda: BUILT_IN)
    default: tuple[str, ...] = ()


DEFAULT = "default"  # the key of `[notify]` that does not name a channel


def read_notify(table: Table, owner: int | None, keys_at: Path = KEYS_AT) -> Notify:
    """Read ``[notify]`` with its tables. The channels BUILT_IN are there even if no table sets them up. Files must belong to root
    or to the uid ``owner``. If ``owner`` is None, owners are not checked.
    """
    found = dict(BUILT_IN)
    names = [name for name in table.values if name != DEFAULT]
    if len(names) > MOST_CHANNELS:
        table.fault(f'"notify" has more than {MOST_CHANNELS} tables')
    for name in names:
        inner = table.table(name)
        try:
            read_channel(name)
        except ValueError as fault:
            inner.fault(str(fault))
        found[name] = _channel(inner, name, owner, keys_at)
    default = channels_in(table, key=DEFAULT)
    for name in unknown_in(default, found):
        table.fault(f'"{DEFAULT}": no channel is called {quoted(name)}: write a table "[notify.{name}]"', DEFAULT)
    return Notify(MappingProxyType(found), default)


# --- the tables ------------------------------------------------------------------------------------------------------


def _channel(table: Table, name: str, owner: int | None, keys_at: Path) -> ChannelSettings:
    kind = OF_NAME[table.kind(KEYS["channel"], {each.KIND: each.KEYS for each in CHANNELS})]
    if name in BUILT_IN and kind is not type(BUILT_IN[name]):
        table.fault(f"the channel {name} writes to terminals: give a channel of another kind another name", "kind")
    shows, requester = table.text("shows", kind.USUALLY_SHOWS, SHOWS), table.flag("requester")
    made = kind(name, shows, requester, **kind.read(table, owner, keys_at))
    if made.requester and not made.is_for_persons:
        table.fault('"requester" needs a channel that reaches single persons: mail with "to_each", or terminals', "requester")
    return made
