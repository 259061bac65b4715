# SPDX-License-Identifier: Apache-2.0
"""``[sinks.*]`` of jitd.toml: the receivers to which jitd sends its record (jitd.toml(5)).
Law: every key is checked when the file is read. All faults are reported together. With the defaults, a record that leaves this
host contains no command and no reason. Without TLS, jitd sends records only to networks that the table lists.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from jitd.core.duration import read_duration
from jitd.core.toml_table import Table, quoted
from jitd.settings import url_file
from jitd.settings.channels import SHOWS
from jitd.settings.outsiders import HTTP, KEYS_AT, Reach, network_in, reach_in

KINDS = ("syslog", "file", "https")
FORMS = ("jitd", "ocsf")
"""The possible values of ``form``: jitd's own form (PROTOCOL.md), or that of OCSF."""
CLASSES = ("break-glass", "denied", "gives-root", "lock", "chain", "drift", "gate-off", "bypass")
"""The words in ``classes``. Each is a class of records, and a record may be of several classes."""
TRANSPORTS = ("tls", "tcp", "unix")
TEMPLATES = ("splunk", "elastic", "loki", "lines", "array")
SCHEMES = ("Splunk", "ApiKey", "Bearer", "Basic")
FACILITIES = ("user", "daemon", "auth", "authpriv", "audit", "local0", "local1", "local2", "local3", "local4", "local5", "local6",
              "local7")  # fmt: skip
SYSLOG = "/dev/log"
MOST_SINKS = 16
MOST_DENIALS = 1000
KEYS = {
    "sink": ("kind", "form", "shows", "classes", "from"),
    "syslog": ("transport", "server", "socket", "facility", "longest", "addresses", "ca", "client_certificate"),
    "file": ("file", "mib", "keep"),
    "https": (*HTTP, url_file.KEY, "template", "scheme"),
}
"""Maps each kind of sink to its keys. The entry ``sink`` contains the keys that all kinds have."""
_NAME = re.compile(r"[a-z][a-z0-9-]{0,31}")
_FILE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}")
_SOCKET = re.compile(r"(?:/(?!\.\.?(?:/|$))[!-.0-~]+){1,32}")
_HOST = r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?|\[[0-9A-Fa-f:.]{2,45}\]"
_SERVER = re.compile(rf"({_HOST}):([1-9][0-9]{{0,4}})")


@dataclass(frozen=True, slots=True)
class Denials:
    """A class of records: denials of a person whose requests were denied at least ``n`` times within ``within`` seconds."""

    n: int
    within: int


@dataclass(frozen=True, slots=True)
class SyslogServer:
    """A server or a socket that takes syslog messages (RFC 5424). ``transport`` is a word of TRANSPORTS. For ``unix``, ``socket``
    is a path, and the other fields of its address are empty. For ``addresses`` and ``ca`` see Reach. ``longest`` is the maximum
    length of a message in bytes.
    """

    transport: str
    host: str = ""
    port: int = 0
    socket: str = ""
    facility: str = "authpriv"
    longest: int = 8096
    addresses: tuple[str, ...] = ()
    ca: str = ""
    certificate: Path | None = None


@dataclass(frozen=True, slots=True)
class LogFile:
    """A file in the directory of jitd-outside's logs. It is rotated at ``mib`` MiB, or not if ``mib`` is 0. ``keep`` older files
    are kept.
    """

    name: str
    mib: int = 64
    keep: int = 8


@dataclass(frozen=True, slots=True)
class Batches:
    """A server that takes batches of records over HTTPS. ``template`` is a word of TEMPLATES. ``scheme`` is a word of SCHEMES."""

    reach: Reach
    template: str = "lines"
    scheme: str = "Bearer"


@dataclass(frozen=True, slots=True)
class SinkSettings:
    """One sink. ``shows`` is a word of channels.SHOWS. ``form`` is a word of FORMS. ``classes`` are words of CLASSES. If
    ``classes`` and ``denials`` are empty, the sink gets all records. If ``from_start`` is True, a new sink gets the record from
    its first record on, and otherwise from the next one.
    """

    name: str
    to: SyslogServer | LogFile | Batches
    form: str = "jitd"
    shows: str = "rule"
    classes: frozenset[str] = frozenset()
    denials: tuple[Denials, ...] = ()
    from_start: bool = False

    @property
    def is_narrowed(self) -> bool:
        """True if the sink gets only records of some classes."""
        return bool(self.classes or self.denials)


Sinks = Mapping[str, SinkSettings]


def read_sinks(table: Table, owner: int | None, keys_at: Path = KEYS_AT) -> Sinks:
    """Read ``[sinks.*]``. Files must belong to root or to the uid ``owner``. If ``owner`` is None, owners are not checked."""
    found = {}
    if len(table.values) > MOST_SINKS:
        table.fault(f'"sinks" has more than {MOST_SINKS} tables')
    files: dict[str, str] = {}
    for name in table.values:
        inner = table.table(name)
        if not _NAME.fullmatch(name):
            inner.fault(f"{quoted(name)} is not a name for a sink: small letters, digits and hyphens, at most 32")
        found[name] = made = _sink(inner, name, owner, keys_at)
        if isinstance(made.to, LogFile) and files.setdefault(made.to.name, name) != name:
            inner.fault(f"{quoted(made.to.name)} is the file of the sink {files[made.to.name]} already", "file")
    return MappingProxyType(found)


def key_files(sinks: Sinks) -> Mapping[str, Path]:
    """Return a mapping from names to paths, with all files that jitd-outside needs for ``sinks``."""
    files: list[Path | None] = []
    for each in sinks.values():
        match each.to:
            case Batches(reach):
                files += (reach.certificate, reach.secret)
            case SyslogServer():
                files.append(each.to.certificate)
    return {file.name: file for file in files if file is not None}


# --- the tables ------------------------------------------------------------------------------------------------------


def _sink(table: Table, name: str, owner: int | None, keys_at: Path) -> SinkSettings:
    table.needs("kind")
    kind = table.text("kind", KINDS[0], KINDS)
    others = tuple(key for other in KINDS for key in KEYS[other] if key not in KEYS[kind])
    table.known((*KEYS["sink"], *KEYS[kind]), misplaced=others, why=f'is not for kind "{kind}"')
    to: SyslogServer | LogFile | Batches
    if kind == "syslog":
        to = _syslog(table, owner, keys_at)
    elif kind == "file":
        to = _file(table)
    else:
        to = _batches(table, owner, keys_at)
    classes, denials = _classes(table)
    return SinkSettings(
        name,
        to,
        form=table.text("form", "jitd", FORMS),
        shows=table.text("shows", "command" if kind == "file" else "rule", SHOWS),
        classes=classes,
        denials=denials,
        from_start=table.text("from", "head", ("head", "start")) == "start",
    )


def _syslog(table: Table, owner: int | None, keys_at: Path) -> SyslogServer:
    transport = table.text("transport", "unix", TRANSPORTS)
    facility = table.text("facility", "authpriv", FACILITIES)
    longest = table.number("longest", 8096, 2048, 65536)
    if transport == "unix":
        for key in ("server", "addresses", "ca", "client_certificate"):
            if key in table.values:
                table.fault(f'"{key}" is not for transport = "unix"', key)
        socket = table.text("socket", SYSLOG)
        if not _SOCKET.fullmatch(socket) or len(socket) > 107:
            table.fault('"socket" must be the absolute path of a socket, such as "/dev/log"', "socket")
        return SyslogServer(transport, socket=socket, facility=facility, longest=longest)
    table.needs("server")
    if "socket" in table.values:
        table.fault('"socket" is for transport = "unix"', "socket")
    found = _SERVER.fullmatch(table.text("server", ""))
    if "server" in table.values and (found is None or int(found[2]) > 65535):
        table.fault('"server" must be a host and its port, such as "logs.example.org:6514"', "server")
        found = None
    host, port = ("", 0) if found is None else (found[1].strip("[]"), int(found[2]))
    addresses = table.words("addresses", (), network_in)
    if transport == "tcp":
        for key in ("ca", "client_certificate"):
            if key in table.values:
                table.fault(f'"{key}" is for transport = "tls"', key)
        if not addresses:
            table.fault('transport = "tcp" is not encrypted: list the networks that it may go to in "addresses"', "transport")
        return SyslogServer(transport, host, port, facility=facility, longest=longest, addresses=addresses)
    reach = reach_in(table, "https", owner, keys_at, url="")
    assert isinstance(reach, Reach)
    return SyslogServer(transport, host, port, "", facility, longest, addresses, reach.ca, reach.certificate)


def _file(table: Table) -> LogFile:
    table.needs("file")
    name = table.text("file", "record.jsonl")
    if not _FILE.fullmatch(name):
        table.fault('"file" must be the name of a file in /var/log/jitd-outside, such as "record.jsonl"', "file")
    return LogFile(name, table.number("mib", 64, 0, 1 << 20), table.number("keep", 8, 0, 999))


def _batches(table: Table, owner: int | None, keys_at: Path) -> Batches:
    reach = reach_in(table, "https", owner, keys_at, url_file.url_in_file(table, owner))
    assert isinstance(reach, Reach)
    return Batches(reach, table.text("template", "lines", TEMPLATES), table.text("scheme", "Bearer", SCHEMES))


def _classes(table: Table) -> tuple[frozenset[str], tuple[Denials, ...]]:
    value = table.values.get("classes", [])
    if not isinstance(value, list) or ("classes" in table.values and not value):
        table.fault('"classes" must be a list of classes, such as ["denied", "lock"]', "classes")
        return frozenset(), ()
    words, denials = set[str](), list[Denials]()
    for index, one in enumerate(value):
        if isinstance(one, str) and one in CLASSES:
            words.add(one)
        elif isinstance(one, dict) and (made := _denials(one)) is not None:
            denials.append(made)
        else:
            how = f'{", ".join(CLASSES)}, or {{ denials = 5, within = "10m" }}'
            table.fault(f'"classes" has {quoted(str(one))}, which is none of {how}', "classes", index)
    return frozenset(words), tuple(denials)


def _denials(row: dict[str, object]) -> Denials | None:
    n, within = row.get("denials"), row.get("within")
    seconds = read_duration(within) if isinstance(within, str) else None
    if row.keys() != {"denials", "within"} or type(n) is not int or not 1 < n <= MOST_DENIALS or seconds is None:
        return None
    return Denials(n, seconds)
