# SPDX-License-Identifier: Apache-2.0
"""``[givers.*]`` of jitd.toml: the things that jitd gives for a limited time and then takes back (jitd.toml(5)).
Law: every key of every kind is checked when the file is read. All faults are reported together. A kind that this version cannot
give is refused, and the fault names the kind.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from jitd.core.conditions import is_name
from jitd.core.thing import KINDS, instead_of_group, read_giver
from jitd.core.toml_document import ConfigError, Fault, read_document
from jitd.core.toml_table import Table, quoted
from jitd.settings.account_uids import overlap, read_uids
from jitd.settings.outsiders import Program, Reach, file_in, flag_in
from jitd.settings.own_table import cut_out
from jitd.settings.owned_file import read_owned
from jitd.settings.postgres import read_address
from jitd.settings.vault_keys import unread, vault_in

"""``KINDS`` contains the kinds of things that this version can give."""
DRIFT = ("tell", "mend", "end")
"""The reactions to drift. A thing has drifted if it now differs from the thing that was given. ``tell`` reports the drift.
``mend`` reports the drift and gives the thing again. ``end`` reports the drift and ends the holding.
"""
NOT_MENDED = ("ssh-certificate", "vault")
"""Kinds whose things cannot be restored. If jitd gave such a thing again, the thing would have a new secret that the person does
not know.
"""
LONGEST_DEADLINE = 120
"""Maximum deadline of a program, in seconds."""
MOST_GIVERS = 64
MOST_LINES = 32
LONGEST_LINE = 1000
KEYS = {
    "giver": ("kind", "drift", "lets"),
    "account": ("uids", "shell", "home", "search"),
    "postgres-role": ("database", "member_of", "host"),
    "program": ("give", "take", "look", "network", "deadline"),
    "ssh-certificate": ("ca", "principals", "krl", "force_command", "source_address"),
    "sudoers": ("lines",),
    "vault": ("url", "role", "secret", "namespace", "parameters", "addresses", "ca", "client_certificate"),
}
"""Maps a kind to its keys. The entry ``giver`` contains the keys that all kinds have."""
GONE = {
    "account": {
        "groups": "jitd gives an account no groups: remove the line, and ask for a command with a group by jitsudo -g GROUP",
        "files": "jitd removes the home and temporary files: remove the line, and find other files by their uid: find / -uid UID",
    }
}
"""Maps a kind to its keys of earlier versions, and to what replaces them."""
_PLACE = re.compile(r"(?:/[A-Za-z0-9._-]{1,64}){1,16}", re.ASCII)
_ROLE = re.compile(r"[A-Za-z_][A-Za-z0-9_$]{0,62}")
_HOST = re.compile(r"[A-Za-z0-9/][A-Za-z0-9.:_/-]{0,254}", re.ASCII)
_ADDRESSES = re.compile(r"[0-9A-Fa-f.:/,]{1,1000}")


@dataclass(frozen=True, slots=True)
class GiverSettings:
    """The settings that all kinds have. ``lets`` is a sentence of the administrator that says what a person can do with the
    thing.
    """

    name: str
    drift: str = "tell"
    lets: str = ""


@dataclass(frozen=True, slots=True)
class Account(GiverSettings):
    """Ephemeral accounts. ``uids`` are the first and the last possible uid. The accounts' homes are in the directory ``home``.
    Before a uid is used, jitd searches for files of this uid below the directories ``search``. If ``search`` is empty, all file
    systems that belong to this host are searched.
    """

    uids: tuple[int, int] = (0, 0)
    shell: str = "/bin/sh"
    home: str = "/home"
    search: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PostgresRole(GiverSettings):
    """A role of the PostgreSQL server at the URI ``database``. The role is a member of the roles ``member_of``. The person
    connects to ``host``. If ``host`` is empty, the person connects to the socket of the URI ``database``.
    """

    database: str = ""
    member_of: tuple[str, ...] = ()
    host: str = ""


@dataclass(frozen=True, slots=True)
class ProgramGiver(GiverSettings):
    """Programs of the administrator. ``deadline_for`` is the deadline of each call, in seconds. ``look`` is None if no program
    looks for drift.
    """

    give: Program = Program(())
    take: Program = Program(())
    look: Program | None = None
    deadline_for: int = 20

    @property
    def network(self) -> bool:
        """True if the programs may use the network."""
        return self.give.network


@dataclass(frozen=True, slots=True)
class SshCertificate(GiverSettings):
    """A certificate for the person's key. ``ca`` is the file of the signing key, or the socket of an agent. A revoked certificate
    is listed in the file ``krl``.
    """

    ca: Path = Path("/")
    principals: tuple[str, ...] = ()
    krl: Path | None = None
    force_command: str = ""
    source_address: str = ""


@dataclass(frozen=True, slots=True)
class Sudoers(GiverSettings):
    """Lines of sudoers(5), without the name of the person. jitd puts the name before each line."""

    lines: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Vault(GiverSettings):
    """A lease that a Vault server makes. ``by`` says how to reach the server. jitd reads this lease at the path ``role`` in
    ``namespace``, with ``parameters``. If ``namespace`` is empty, no namespace is used. ``by.secret`` is the file of the token.
    """

    by: Reach = Reach("")
    role: str = ""
    namespace: str = ""
    parameters: tuple[tuple[str, str], ...] = ()

    @property
    def signs(self) -> bool:
        """True if the server signs a key that the person supplies. In this case, the path of the lease ends with sign/NAME."""
        return self.role.split("/")[-2:-1] == ["sign"]


Givers = Mapping[str, GiverSettings]


def kind_of(giver: GiverSettings) -> str:
    """Return the kind of ``giver``, as it is written in jitd.toml."""
    return next(kind for kind, (made, _) in _READERS.items() if type(giver) is made)


def things_of(givers: Givers) -> frozenset[str]:
    """Return the names of all things that ``givers`` can give, such as ``sudoers:logs``."""
    return frozenset(f"{kind_of(giver)}:{name}" for name, giver in givers.items())


def key_files(givers: Givers) -> Mapping[str, Path]:
    """Return a mapping from names to paths, with all files that jitd-outside needs for ``givers``."""
    ways = [giver.by for giver in givers.values() if isinstance(giver, Vault)]
    return {file.name: file for way in ways for file in (way.certificate, way.secret) if file is not None}


def drifts_of(givers: Givers) -> Mapping[str, str]:
    """Map the name of each thing of ``givers`` to a word of DRIFT. The word says what jitd does if the thing has drifted."""
    return MappingProxyType({f"{kind_of(giver)}:{name}": giver.drift for name, giver in givers.items()})


def read_givers(table: Table, reach: Callable[[Table], Reach] = unread) -> Givers:
    """Read ``[givers.*]``. ``reach`` is a function that reads how to reach the server of a ``Vault``. This function also reads
    files other than jitd.toml.
    """
    found: dict[str, GiverSettings] = {}
    if len(table.values) > MOST_GIVERS:
        table.fault(f'"givers" has more than {MOST_GIVERS} givers')
    for name in table.values:
        found[name] = _read_one(table.table(name), name, reach)
    accounts = [giver for giver in found.values() if isinstance(giver, Account) and giver.uids != (0, 0)]
    for at, giver in enumerate(accounts):
        for other in accounts[:at]:
            if overlap(giver.uids, other.uids):
                table.table(giver.name).fault(f'"uids" overlaps "uids" of [givers.{other.name}]: use separate ranges', "uids")
    return MappingProxyType(found)


def load_givers(file: Path, owner: int = 0) -> Givers:
    """Read ``[givers.*]`` of the settings in ``file``, and no other table. The file must belong to root or to the uid ``owner``.
    If the file is missing, there are no givers. Raises ConfigError.
    """
    document = read_document(str(file), read_owned(file, owner, must_exist=False))
    faults: list[Fault] = []
    givers = read_givers(Table(document, (), dict(document.values), faults).table("givers"))
    if faults:
        raise ConfigError(faults)
    return givers


def load_own(file: Path, name: str, owner: int = 0) -> Givers:
    """Read only one table of the settings in ``file``: ``[givers.NAME]``, where NAME is ``name``. Faults in the other tables do
    not matter. The file as a whole may even be invalid TOML. If the table is missing, there are no givers. The result must be
    used only to take things back, and never to give things. The file must belong to root or to the uid ``owner``. Raises
    ConfigError.
    """
    content = read_owned(file, owner, must_exist=False)
    try:
        document = read_document(str(file), content)
    except ConfigError:
        own = cut_out(content, "givers", name)
        if own is None:
            raise
        document = read_document(str(file), own)
    faults: list[Fault] = []
    table = Table(document, (), dict(document.values), faults).table("givers")
    found = {name: _read_one(table.table(name), name, unread)} if name in table.values else {}
    if faults:
        raise ConfigError(faults)
    return MappingProxyType(found)


def _read_one(table: Table, name: str, reach: Callable[[Table], Reach]) -> GiverSettings:
    """Read the table of the giver ``name``. No other table is read."""
    try:
        read_giver(name)
    except ValueError as fault:
        table.fault(str(fault))
    table.needs("kind")
    if table.values.get("kind") == "group":
        group = table.values.get("group")
        table.fault(instead_of_group(group if isinstance(group, str) and is_name(group) else "GROUP"), "kind")
        return Sudoers(name)  # nobody gets these settings, because of the fault
    kind = table.text("kind", KINDS[0], KINDS)
    others = tuple(key for other in KINDS for key in KEYS[other] if key not in KEYS[kind])
    gone = GONE.get(kind, {})
    table.known((*KEYS["giver"], *KEYS[kind], *gone), misplaced=others, why=f'is not for kind "{kind}"')
    for key in gone.keys() & table.values.keys():
        table.fault(f'"{key}" has gone: {gone[key]}', key)
    made, read = _READERS[kind]
    values = {**read(table), **({"by": reach(table)} if made is Vault else {})}
    if kind in NOT_MENDED and table.values.get("drift") == "mend":
        table.fault(f'"mend" is not for kind "{kind}": jitd cannot give the same thing again; use "tell" or "end"', "drift")
    return made(name, table.text("drift", "tell", DRIFT), table.sentence("lets"), **values)


# --- the kinds -------------------------------------------------------------------------------------------------------


def _account(table: Table) -> dict[str, object]:
    table.needs("uids")
    uids = (0, 0)
    if "uids" in table.values:
        try:
            uids = read_uids(table.text("uids", ""))
        except ValueError as fault:
            table.fault(f'"uids" {fault}', "uids")
    places = {key: table.text(key, default) for key, default in (("shell", "/bin/sh"), ("home", "/home"))}
    for key, place in places.items():
        if not _PLACE.fullmatch(place) or ".." in place.split("/"):
            table.fault(f'"{key}" must be an absolute path of letters, digits and . _ -', key)
    return {
        "uids": uids,
        "search": table.words("search", (), _read_directory, may_be_empty=True),
        **places,
    }


def _postgres_role(table: Table) -> dict[str, object]:
    table.needs("database", "member_of")
    database, host = table.text("database", ""), table.text("host", "")
    if "database" in table.values:
        try:
            read_address(database)
        except ValueError as fault:
            table.fault(f'"database" {fault}', "database")
    if "host" in table.values and not _HOST.fullmatch(host):
        table.fault('"host" must be the name or the address of a host, or the directory of a socket', "host")
    return {"database": database, "member_of": table.words("member_of", (), _read_role), "host": host}


def _program(table: Table) -> dict[str, object]:
    table.needs("give", "take")
    network = flag_in(table, "network")
    found: dict[str, object] = {
        key: Program(_words(table, key), network) for key in ("give", "take", "look") if key in table.values
    }
    deadline_for = table.duration("deadline", 20)
    if deadline_for > LONGEST_DEADLINE:
        table.fault('"deadline" is at most 2m', "deadline")
    return {"deadline_for": deadline_for, **found}


def _ssh_certificate(table: Table) -> dict[str, object]:
    table.needs("ca", "principals")
    source = table.text("source_address", "")
    if "source_address" in table.values and not _ADDRESSES.fullmatch(source):
        table.fault('"source_address" must be networks with commas between them, such as "10.1.0.0/16"', "source_address")
    return {
        "ca": file_in(table, "ca") or Path("/"),
        "principals": table.words("principals", (), _read_name),
        "krl": file_in(table, "krl"),
        "force_command": table.sentence("force_command"),
        "source_address": source,
    }


def _sudoers(table: Table) -> dict[str, object]:
    table.needs("lines")
    lines = table.words("lines", (), _read_line)
    if len(lines) > MOST_LINES:
        table.fault(f'"lines" has more than {MOST_LINES} lines', "lines")
    return {"lines": lines}


_READERS: Mapping[str, tuple[Callable[..., GiverSettings], Callable[[Table], dict[str, object]]]] = {
    "account": (Account, _account),
    "postgres-role": (PostgresRole, _postgres_role),
    "program": (ProgramGiver, _program),
    "ssh-certificate": (SshCertificate, _ssh_certificate),
    "sudoers": (Sudoers, _sudoers),
    "vault": (Vault, vault_in),
}


def _words(table: Table, key: str) -> tuple[str, ...]:
    """Return a program and its arguments."""
    words = table.words(key, (), _read_word)
    if words and (not words[0].startswith("/") or ".." in words[0].split("/")):
        table.fault(f'"{key}" must begin with the absolute path of the program', key)
    return words


def _read_word(word: str) -> str:
    if not word or "\0" in word or len(word) > 4096:
        raise ValueError("a word must not be empty, too long, or have a NUL")
    return word


def _read_directory(word: str) -> str:
    if not word.startswith("/") or ".." in word.split("/") or "\0" in word:
        raise ValueError(f"{quoted(word)} is not an absolute directory")
    return word


def _read_role(word: str) -> str:
    if not _ROLE.fullmatch(word) or word == "public":
        raise ValueError(f"{quoted(word)} is not the name of a role that can be given")
    return word


def _read_name(word: str) -> str:
    if not is_name(word):
        raise ValueError(f"{quoted(word)} is not a name")
    return word


def _read_line(word: str) -> str:
    if not word.isprintable() or not word.isascii() or len(word) > LONGEST_LINE:
        raise ValueError(f"a line must be printable ASCII, at most {LONGEST_LINE} characters")
    if "=" not in word or word.rstrip().endswith("\\") or word.lstrip().startswith(("#", "@", "Defaults")):
        raise ValueError(f"{quoted(word)} is not a line of sudoers without the person's name, such as ALL=(root) /usr/bin/id")
    return word.strip()
