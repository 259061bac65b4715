# SPDX-License-Identifier: Apache-2.0
"""``[notify.*]`` of jitd.toml: the channels through which jitd notifies people (jitd.toml(5)).
Law: every key is checked when the file is read. All faults are reported together. With the defaults, a message that leaves this
host contains no command and no reason, and jitd connects only to public addresses.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from jitd.core.keys.notify import channels_in, read_channel, unknown_in
from jitd.core.toml_document import ConfigError
from jitd.core.toml_table import Table, quoted
from jitd.notifying import templates
from jitd.settings import url_file
from jitd.settings.outsiders import HTTP, KEYS_AT, PROGRAM, Program, Reach, file_in, network_in, pem_in, reach_in
from jitd.settings.owned_file import read_owned

KINDS = ("mail", "webhook", "program", "terminals")
SHOWS = ("id", "rule", "command")
"""The possible values of ``shows``. With ``rule``, a message contains the name of the rule. With ``command``, a message contains
the rule, the command and the reason. With ``id``, a message does not contain the rule, the command or the reason.
"""
MOST_TEMPLATE = 32 * 1024
MOST_CHANNELS = 32
MOST_ADDRESSEES = 64
KEYS = {
    "channel": ("kind", "shows", "requester"),
    "mail": ("server", "from", "to", "to_each", "addresses", "ca"),
    "webhook": (*HTTP, url_file.KEY, "template"),
    "program": PROGRAM,
    "terminals": (),
}
"""Maps each kind of channel to its keys. The entry ``channel`` contains the keys that all kinds have."""
_LOCAL = r"[A-Za-z0-9][A-Za-z0-9._+-]{0,63}"
_DOMAIN = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,62})(?:\.[A-Za-z0-9][A-Za-z0-9-]{0,62}){0,15}"
_ADDRESS = re.compile(rf"{_LOCAL}@{_DOMAIN}")
_EACH = re.compile(rf"[A-Za-z0-9._+-]{{0,32}}\{{user\}}[A-Za-z0-9._+-]{{0,32}}@{_DOMAIN}")
_SERVER = re.compile(rf"({_DOMAIN}|\[[0-9A-Fa-f:.]{{2,45}}\]):([1-9][0-9]{{0,4}})")


@dataclass(frozen=True, slots=True)
class ChannelSettings:
    """One channel. ``shows`` is a word of SHOWS. If ``requester`` is True, the channel also sends the decision to a requester who
    does not wait. ``by`` says how to reach a webhook or to run a program. For other kinds, ``by`` is None. ``template`` is the
    JSON that is sent to a webhook, with placeholders to fill in. If ``template`` is empty, the webhook gets the fixed JSON of
    jitd. The other fields are for mail. ``server`` is HOST:PORT, or empty for the mail server of this host. ``sender`` is the
    sender's address. ``to`` contains the addresses of a group. In ``to_each``, ``{user}`` stands for an account. For
    ``addresses`` and ``ca`` see Reach.
    """

    name: str
    kind: str
    shows: str = "rule"
    requester: bool = False
    by: Reach | Program | None = None
    template: str = ""
    server: str = ""
    sender: str = ""
    to: tuple[str, ...] = ()
    to_each: str = ""
    addresses: tuple[str, ...] = ()
    ca: str = ""

    @property
    def is_for_persons(self) -> bool:
        """True if each person gets a separate message. False if the channel is for a group that gets one message for each
        request.
        """
        return self.kind == "terminals" or bool(self.to_each)


Channels = Mapping[str, ChannelSettings]
TERMINALS = ChannelSettings("terminals", "terminals", shows="command")
BUILT_IN: Channels = MappingProxyType({TERMINALS.name: TERMINALS})
"""The channels that rules may name although no table sets them up. A table ``[notify.terminals]`` changes that one."""


@dataclass(frozen=True)
class Notify:
    """``[notify]``: the channels, by their names, and the names of those that each rule without a ``notify`` of its own uses."""

    channels: Channels = field(default_factory=lambda: BUILT_IN)
    default: tuple[str, ...] = ()


DEFAULT = "default"
"""The key of ``[notify]`` that does not name a channel."""


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


def key_files(channels: Channels) -> Mapping[str, Path]:
    """Return a mapping from names to paths, with all files that jitd-outside needs for ``channels``."""
    reaches = [each.by for each in channels.values() if isinstance(each.by, Reach)]
    files = [file for reach in reaches for file in (reach.certificate, reach.secret) if file is not None]
    return {file.name: file for file in files}


# --- the tables ------------------------------------------------------------------------------------------------------


def _channel(table: Table, name: str, owner: int | None, keys_at: Path) -> ChannelSettings:
    kind = _kind(table)
    if name in BUILT_IN and kind != BUILT_IN[name].kind:
        table.fault(f"the channel {name} writes to terminals: give a channel of another kind another name", "kind")
    shows = table.text("shows", "command" if kind == "terminals" else "rule", SHOWS)
    made = ChannelSettings(name, kind, shows, table.flag("requester"))
    if kind == "mail":
        made = _mail(table, made, owner)
    elif kind in ("webhook", "program"):
        by = reach_in(table, kind, owner, keys_at, url_file.url_in_file(table, owner))
        template = _template(table, owner) if kind == "webhook" else ""
        made = ChannelSettings(name, kind, shows, made.requester, by=by, template=template)
    if made.requester and not made.is_for_persons:
        table.fault('"requester" needs a channel that reaches single persons: mail with "to_each", or terminals', "requester")
    return made


def _kind(table: Table) -> str:
    """Return the kind of the channel. Add a fault for each key that does not belong to this kind."""
    table.needs("kind")
    kind = table.text("kind", KINDS[0], KINDS)
    others = tuple(key for other in KINDS for key in KEYS[other] if key not in KEYS[kind])
    table.known((*KEYS["channel"], *KEYS[kind]), misplaced=others, why=f'is not for kind "{kind}"')
    return kind


def _mail(table: Table, made: ChannelSettings, owner: int | None) -> ChannelSettings:
    table.needs("from")
    to = table.words("to", (), _read_address) if "to" in table.values else ()
    to_each = table.text("to_each", "")
    if ("to" in table.values) == ("to_each" in table.values):
        table.fault('needs either "to", the addresses of a group, or "to_each", such as "{user}@example.org"')
    elif "to_each" in table.values and not _EACH.fullmatch(to_each):
        table.fault('"to_each" must be a mail address with {user} in it, such as "{user}@example.org"', "to_each")
    if len(to) > MOST_ADDRESSEES:
        table.fault(f'"to" has more than {MOST_ADDRESSEES} addresses', "to")
    sender = table.text("from", "")
    if "from" in table.values and not _ADDRESS.fullmatch(sender):
        table.fault('"from" must be a mail address, such as "jitd@db1.example.org"', "from")
    server = table.text("server", "")
    if "server" in table.values and not _is_server(server):
        table.fault('"server" must be a host and its port, such as "127.0.0.1:25" or "[::1]:25"', "server")
    for key in ("addresses", "ca"):
        if key in table.values and "server" not in table.values:
            table.fault(f'"{key}" needs "server": without "server", jitd sends mail to port 25 of this host', key)
    return ChannelSettings(
        made.name,
        made.kind,
        made.shows,
        made.requester,
        server=server,
        sender=sender,
        to=to,
        to_each=to_each,
        addresses=table.words("addresses", (), network_in),
        ca=pem_in(table, "ca", "CERTIFICATE", owner),
    )


def _is_server(text: str) -> bool:
    found = _SERVER.fullmatch(text)
    return found is not None and int(found[2]) < 65536


def _read_address(word: str) -> str:
    if not _ADDRESS.fullmatch(word):
        raise ValueError(f"{quoted(word)} is not a mail address")
    return word


def _template(table: Table, owner: int | None) -> str:
    """Return the content of the template's file, which must be one JSON object."""
    file = file_in(table, "template")
    if file is None:
        return ""
    try:
        content = read_owned(file, owner)
    except ConfigError as error:
        table.fault(f'"template": {error}', "template")
        return ""
    if len(content) > MOST_TEMPLATE:
        table.fault(f'"template": {file} is larger than {MOST_TEMPLATE} bytes', "template")
        return ""
    text = content.decode("utf-8", "surrogateescape")
    try:
        templates.read(text)
    except ValueError as fault:
        table.fault(f'"template": {file} {fault}', "template")
        return ""
    return text
