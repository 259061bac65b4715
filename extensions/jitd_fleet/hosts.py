# SPDX-License-Identifier: Apache-2.0
"""The hosts that stand in files: ``/etc/jitd/hosts.toml`` and ``~/.config/jitd/hosts.toml`` (jitd(8), ANOTHER HOST). A group in
the file of the person replaces the one of this name in the other file.

Law: a file that anybody but root and the person may change is refused, because it names commands. A name that stands in no file
is refused, and no name is ever looked up.
"""

from __future__ import annotations

import json
import os
import re
import select
import stat
import subprocess
import time
import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain, islice, product, zip_longest
from math import prod

from jitd.cli.answer import say
from jitd.cli.hosts import QUOTING, AllOfMany, Far, name_of
from jitd.cli.not_done import NotDone
from jitd_fleet import subjects
from jitd_fleet.many import Many
from jitd_fleet.nats_carrier import Nats
from jitd_fleet.nkey import is_public
from jitd_fleet.servers import servers_of
from jitd_fleet.tcp import PORT, Tcp, address_of
from jitpam.carrier import Carrier, Command, telling

SYSTEM = "/etc/jitd/hosts.toml"
OF_THE_PERSON = "jitd/hosts.toml"  # below XDG_CONFIG_HOME, or below `~/.config`
MOST_HOSTS, MOST_NAMES = 20_000, 100_000  # hosts of a group, and of all groups together
MOST_OF_FILE, MOST_PRINTED = 1024 * 1024, 4 * 1024 * 1024  # bytes of a file, and of what a command prints
MOST_TOLD = 100  # characters of a text of a file that a sentence has
RUN_WITHIN = 30.0  # seconds in which a command has to print the hosts of a group
RANGE = re.compile(r"\[([0-9]{1,6})-([0-9]{1,6})\]")
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.@/-]{0,255}")  # the name of an approver, or of a host
GROUP = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
KEYS = {"hosts", "run", "via", "tcp", "nats", "ca", "keys", "approvers", "realm"}
PLACE = "{host}"  # in `via` and `tcp`, this stands for the name of the host


@dataclass(frozen=True, slots=True)
class Group:
    """A table of a file, called ``place``. ``via`` are the words of the command that carries; else ``nats`` or ``tcp`` does."""

    place: str
    hosts: tuple[str, ...]
    run: tuple[str, ...]
    via: tuple[str, ...]
    tcp: tuple[str, int]
    realm: str
    nats: Nats | None = None
    keys: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # maps hosts to their keys for the engine
    approvers: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # approver, under any name → keys for the engine

    def names(self) -> list[str]:
        """Return the names of the hosts of this group. If a command prints them, run it. Raises NotDone."""
        named = chain((name for word in self.hosts for name in _expanded(word, self.place)), self._printed())
        names = list(islice(named, MOST_HOSTS + 1))
        if len(names) > MOST_HOSTS:
            raise NotDone(f"{self.place}: has more than {MOST_HOSTS} hosts", "usage")
        return list(dict.fromkeys(names))

    def _printed(self) -> Iterator[str]:
        if self.run:
            yield from _printed(self.run, self.place)

    def carrier(self, host: str) -> Carrier:
        if self.via:
            return Command(tuple(word.replace(PLACE, host) for word in self.via))
        if self.nats is not None:
            return self.nats
        address, port = self.tcp
        return Tcp(address.replace(PLACE, host), port)


class Hosts:
    """The groups of all files, by their names."""

    def __init__(self, groups: Mapping[str, Group], files: str) -> None:
        self._groups = groups
        self._files = files
        self._names: dict[str, list[str]] = {}
        self._n_first: Counter[str] = Counter()  # hosts with each first part of a name. Empty until all hosts are known

    def find(self, name: str) -> Far:
        """Return the host ``name``. The first part of its name is enough, if no other host has it. Raises NotDone."""
        wanted = name_of(name)
        named = self._all()
        found = [host for host in named if wanted in (host, host.partition(".")[0])]
        if wanted in named:
            found = [wanted]
        if not found:
            raise NotDone(
                f"{name} is not in {self._files}, and names are not looked up: add it, or use --host and --via", "usage"
            )
        if len(found) > 1:
            raise NotDone(f"{name} fits {_told(found)}: type more of the name", "usage")
        return self._far(found[0], named[found[0]])

    def chosen(self, typed: str) -> tuple[Far, ...]:
        """Return the hosts that ``typed`` names, between commas: hosts, or groups after an @. Raises NotDone."""
        chosen: dict[str, Far] = {}
        for word in filter(None, map(str.strip, typed.split(","))):
            if not word.startswith("@"):
                _add(self.find(word), chosen)
                continue
            if (group := self._groups.get(word[1:])) is None:
                known = _told(f"@{name}" for name in self._groups) or "none"
                raise NotDone(f"there is no group {word} in {self._files} (there are: {known})", "usage")
            names = self._names_of(word[1:])
            try:
                self._all()
            except NotDone as fault:  # of another group: it takes nothing from this one but short names
                say(str(fault))
            for name in names:
                _add(self._far(name, group), chosen)
        if not chosen:
            raise NotDone(f"--hosts {typed} names no host", "usage")
        return tuple(chosen.values())

    def known_to_engines(self) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
        """Return the hosts and the approvers that engines are to know, with their keys. A host may be without. Raises NotDone."""
        hosts: dict[str, list[str]] = {}
        approvers: dict[str, list[str]] = {}
        for name, group in self._groups.items():
            if group.nats is None:
                continue
            names = self._names_of(name)
            if strange := sorted(group.keys.keys() - {*names}):
                raise NotDone(f"{group.place}: keys names {strange[0]}, which is not among the hosts of this group", "usage")
            for host in names:
                if not subjects.HOST.fullmatch(host):
                    raise NotDone(f"{group.place}: {host} {subjects.NO_NAME}", "usage")
                hosts.setdefault(host, []).extend(group.keys.get(host, ()))
            for one, keys in group.approvers.items():
                approvers.setdefault(one, []).extend(key for key in keys if key not in approvers.get(one, ()))
        n_of = Counter(key for keys in (*hosts.values(), *approvers.values()) for key in keys)
        if twice := next((key for key, number in n_of.items() if number > 1), None):
            raise NotDone(f"{self._files}: two have the key {twice}: each needs its own", "usage")
        return hosts, approvers

    def everywhere(self, hosts: tuple[Far, ...]) -> AllOfMany:
        """Return what asks all of ``hosts``."""
        return Many(hosts)

    def _names_of(self, group: str) -> list[str]:
        if group not in self._names:
            self._names[group] = self._groups[group].names()
        return self._names[group]

    def _all(self) -> dict[str, Group]:
        """Return all hosts, each with the first group that has it."""
        found: dict[str, Group] = {}
        n_names = 0
        for name, group in self._groups.items():
            for host in self._names_of(name):
                n_names += 1
                if n_names > MOST_NAMES:
                    raise NotDone(f"{self._files}: all groups together have more than {MOST_NAMES} hosts", "usage")
                if (other := found.setdefault(host, group)).realm != group.realm:
                    raise NotDone(_TWO.format(host=host, one=other.place, two=group.place), "usage")
        self._n_first = Counter(host.partition(".")[0] for host in found)
        return found

    def _far(self, host: str, group: Group) -> Far:
        first = host.partition(".")[0]
        is_alone = self._n_first[first] == 1 and first != os.uname().nodename.lower()  # an id on this host has this name, too
        return Far(host, group.carrier(host), f"--host {host}", first if is_alone else host, group.realm)


_TWO = "{host} is in {one} and in {two}, which have different realms: these are two hosts, and one name cannot name both"


def _add(far: Far, chosen: dict[str, Far]) -> None:
    if chosen.setdefault(far.host, far).realm != far.realm:
        raise NotDone(_TWO.format(host=far.host, one="one", two="another group that was named"), "usage")


def read() -> Hosts:
    """Read the files of hosts, as far as there are any. Raises NotDone if one of them has a fault."""
    config = os.environ.get("XDG_CONFIG_HOME") or os.path.expanduser("~/.config")
    files = [SYSTEM, os.path.join(config, OF_THE_PERSON)]
    groups: dict[str, Group] = {}
    for file in files:
        groups |= _groups_of(file)
    return Hosts(groups, " and ".join(files))


def _groups_of(file: str) -> dict[str, Group]:
    try:
        with open(file, "rb", opener=lambda path, flags: os.open(path, flags | os.O_NONBLOCK)) as opened:  # also of a FIFO
            status = os.fstat(opened.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise NotDone(f"{file} is not read, because it is not a regular file", "usage")
            if status.st_uid not in (0, os.getuid()) or status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
                why = "others may change it: it must be yours or root's, and writable by its owner alone"
                raise NotDone(f"{file} is not read, because {why}", "usage")
            text = opened.read(MOST_OF_FILE + 1)
        if len(text) > MOST_OF_FILE:
            raise NotDone(f"{file} is not read, because it has more than {MOST_OF_FILE} bytes", "usage")
        tables = tomllib.loads(text.decode())
    except FileNotFoundError:
        return {}
    except OSError as fault:
        raise NotDone(f"{file} cannot be read: {fault.strerror}", "usage") from None
    except (ValueError, RecursionError) as fault:  # tomllib raises other ValueErrors than its own, too
        raise NotDone(f"{file} is not TOML: {_short(str(fault))}", "usage") from None
    return {name: _group(f"{file}: [{_short(name)}]", name, table) for name, table in tables.items()}


def _group(place: str, name: str, table: object) -> Group:
    if not GROUP.fullmatch(name):
        raise NotDone(f"{place}: the name of a group has letters, digits, and any of - . _", "usage")
    if not isinstance(table, dict):
        raise NotDone(f"{place}: a group is a table, with hosts and what carries", "usage")
    if unknown := sorted(table.keys() - KEYS):
        raise NotDone(f"{place}: there is no key {_short(unknown[0])} (there are: {', '.join(sorted(KEYS))})", "usage")
    hosts, run = _words(table, "hosts", place), _words(table, "run", place)
    if not hosts and not run:
        raise NotDone(f"{place}: names no host: add hosts, or run", "usage")
    if sum(key in table for key in ("via", "tcp", "nats")) != 1:
        raise NotDone(f"{place}: one of via, tcp and nats has to say what carries: via = 'ssh -T jitd-door@{PLACE}'", "usage")
    via = table.get("via", "")
    if not isinstance(via, str) or ("via" in table and not via.split()) or not QUOTING.isdisjoint(via):
        raise NotDone(f"{place}: via must be a command without quotes, such as 'ssh -T jitd-door@{PLACE}'", "usage")
    address = table.get("tcp", PLACE)
    tcp = address_of(address) if isinstance(address, str) else None
    if tcp is None:
        raise NotDone(f"{place}: tcp must be an address, such as '{PLACE}' or '{PLACE}:{PORT}'", "usage")
    servers, ca = servers_of(table["nats"]) if "nats" in table else (), table.get("ca", "")
    if servers is None:
        raise NotDone(f"{place}: nats must be a server, or a list of them, such as 'tls://hub1.example.org:4222'", "usage")
    if not isinstance(ca, str) or (ca and not servers):
        raise NotDone(f"{place}: ca must be the name of a file, and goes with nats", "usage")
    realm = table.get("realm", "")
    if not isinstance(realm, str):
        raise NotDone(f"{place}: realm must be a text", "usage")
    nats = Nats(servers, ca) if servers else None
    keys, approvers = _keys(table, "keys", place), _keys(table, "approvers", place)
    return Group(place, hosts, run, tuple(via.split()), tcp, realm, nats, keys, approvers)


def _keys(table: Mapping[str, object], key: str, place: str) -> dict[str, tuple[str, ...]]:
    """Return the public keys for the engine that stand under ``key``, by whose they are."""
    found = table.get(key, {})
    if not isinstance(found, dict):
        raise NotDone(f"{place}: {key} must be a table of names and public keys", "usage")
    keys = {name: (value,) if isinstance(value, str) else value for name, value in found.items()}
    for name, some in keys.items():
        if not NAME.fullmatch(name):
            raise NotDone(f"{place}: {key}: a name has letters, digits, and any of - . _ @ /", "usage")
        if not isinstance(some, list | tuple) or not all(isinstance(one, str) and is_public(one) for one in some):
            raise NotDone(f"{place}: {key}: {name} must have a public key, which begins with U, or a list of them", "usage")
    return {name: tuple(some) for name, some in keys.items()}


def _words(table: Mapping[str, object], key: str, place: str) -> tuple[str, ...]:
    words = table.get(key, [])
    if not isinstance(words, list) or not all(isinstance(word, str) and word for word in words):
        raise NotDone(f"{place}: {key} must be a list of texts", "usage")
    return tuple(words)


def _expanded(word: str, place: str) -> Iterator[str]:
    """Yield the names that ``word`` stands for: ``db[01-20].example.org`` are twenty. Raises NotDone."""
    texts, first, last = (RANGE.split(word)[at::3] for at in range(3))
    ranges = [range(int(one), int(other) + 1) for one, other in zip(first, last, strict=True)]
    if not all(ranges) or prod(map(len, ranges)) > MOST_HOSTS:
        why = f"it goes from the lower number to the higher one, and stands for at most {MOST_HOSTS} hosts"
        raise NotDone(f"{place}: {_short(word)} is not a range: {why}", "usage")
    for numbers in product(*ranges):
        padded = [f"{number:0{len(digits)}}" for number, digits in zip(numbers, first, strict=True)]
        if (name := name_of("".join(chain.from_iterable(zip_longest(texts, padded, fillvalue=""))))) is None:
            raise NotDone(f"{place}: {_short(word)} is not the name of a host", "usage")
        yield name


def _printed(command: tuple[str, ...], place: str) -> list[str]:
    """Return the names that ``command`` prints, one a line or as ``ansible-inventory --list`` does. Raises NotDone."""
    line = _short(" ".join(command))
    try:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    except (OSError, ValueError) as fault:
        raise NotDone(f"{place}: {line} cannot be run: {getattr(fault, 'strerror', None) or fault}", "usage") from None
    thread = telling(process, f"the command of {place}")
    try:
        printed = _heard(process, time.monotonic() + RUN_WITHIN)
        thread.join(1.0)
    except subprocess.TimeoutExpired:
        raise NotDone(f"{place}: {line} has printed no hosts within {RUN_WITHIN:.0f} s", "usage") from None
    finally:
        process.kill()
        process.wait()
    if printed is None:
        raise NotDone(f"{place}: {line} prints more than {MOST_PRINTED} bytes", "usage")
    if process.returncode:
        raise NotDone(f"{place}: {line} ended with status {process.returncode}", "usage")
    text = printed.decode("utf-8", "replace")
    words = _of_inventory(text) if text.lstrip().startswith("{") else text.split()
    if words is None or not all(map(name_of, words)):
        wrong = "what it prints" if words is None else _short(next(word for word in words if name_of(word) is None))
        raise NotDone(f"{place}: {line} prints a name on each line, or an inventory in JSON, and {wrong} is neither", "usage")
    return [name for word in words if (name := name_of(word))]


def _heard(process: subprocess.Popen[bytes], until: float) -> bytes | None:
    """Return what ``process`` prints until it ends, or None if this is too much. Raises TimeoutExpired."""
    assert process.stdout is not None
    poll, printed = select.poll(), bytearray()
    with process.stdout as stream:
        poll.register(stream, select.POLLIN)
        while True:
            left = until - time.monotonic()
            if left <= 0 or not poll.poll(left * 1000):
                raise subprocess.TimeoutExpired(process.args, RUN_WITHIN)
            if not (piece := os.read(stream.fileno(), 65536)):
                break
            printed += piece
            if len(printed) > MOST_PRINTED:
                return None
    process.wait(max(0.0, until - time.monotonic()))
    return bytes(printed)


def _of_inventory(text: str) -> list[str] | None:
    """Return the hosts of an inventory of ansible, which are the keys of ``_meta.hostvars`` and the hosts of its groups. A group
    may also be the list of its hosts. Return None for anything else.
    """
    try:
        inventory = json.loads(text)
        listed = [*inventory.pop("_meta", {}).get("hostvars", {}).keys()]
        for group in inventory.values():
            hosts = group if isinstance(group, list) else group.get("hosts", [])
            if not isinstance(hosts, list) or not all(isinstance(host, str) for host in hosts):
                return None
            listed += hosts
    except (ValueError, AttributeError, TypeError, RecursionError):
        return None
    return list(dict.fromkeys(listed))


def _short(text: str) -> str:
    return text if len(text) <= MOST_TOLD else f"{text[:MOST_TOLD]}…"


def _told(names: Iterable[str], most: int = 10) -> str:
    every = list(names)
    more = f" and {len(every) - most} more" if len(every) > most else ""
    return f"{', '.join(every[:most])}{more}"
