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
import stat
import subprocess
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from jitd.cli.hosts import QUOTING, Everywhere, Far, name_of
from jitd.cli.not_done import NotDone
from jitd_fleet.many import Many
from jitd_fleet.tcp import PORT, Tcp, address_of
from jitpam.carrier import Carrier, Command

SYSTEM = "/etc/jitd/hosts.toml"
OF_THE_PERSON = "jitd/hosts.toml"
"""Below XDG_CONFIG_HOME, or below ``~/.config``."""
MOST_HOSTS = 20_000
RUN_WITHIN = 30.0
"""Seconds in which a command has to print the hosts of a group."""
RANGE = re.compile(r"\[(\d{1,6})-(\d{1,6})\]")
GROUP = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
KEYS = {"hosts", "run", "via", "tcp", "realm"}
PLACE = "{host}"
"""In ``via`` and ``tcp``, this stands for the name of the host."""


@dataclass(frozen=True, slots=True)
class Group:
    """One table of a file. ``place`` names it in sentences. ``via`` are the words of the command that carries. Without any,
    ``tcp`` is the address and the port to which TCP carries.
    """

    place: str
    hosts: tuple[str, ...]
    run: tuple[str, ...]
    via: tuple[str, ...]
    tcp: tuple[str, int]
    realm: str

    def names(self) -> list[str]:
        """Return the names of the hosts of this group. If a command prints them, run it. Raises NotDone."""
        names = [name for word in self.hosts for name in _expanded(word, self.place)]
        if self.run:
            names += _printed(self.run, self.place)
        return list(dict.fromkeys(names))

    def carrier(self, host: str) -> Carrier:
        """Return the carrier to ``host``."""
        if self.via:
            return Command(tuple(word.replace(PLACE, host) for word in self.via))
        address, port = self.tcp
        return Tcp(address.replace(PLACE, host), port)


class Hosts:
    """The groups of all files, by their names."""

    def __init__(self, groups: Mapping[str, Group], files: str) -> None:
        self._groups = groups
        self._files = files
        self._names: dict[str, list[str]] = {}

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
        return self._far(found[0], named[found[0]], named, f"--host {found[0]}")

    def chosen(self, typed: str) -> tuple[Far, ...]:
        """Return the hosts that ``typed`` names, between commas: hosts, or groups after an @. Raises NotDone."""
        chosen: dict[str, Far] = {}
        for word in filter(None, map(str.strip, typed.split(","))):
            if not word.startswith("@"):
                far = self.find(word)
                chosen.setdefault(far.host, far)
                continue
            if (group := self._groups.get(word[1:])) is None:
                known = _told(f"@{name}" for name in self._groups) or "none"
                raise NotDone(f"there is no group {word} in {self._files} (there are: {known})", "usage")
            named = self._all()
            for name in self._names_of(word[1:]):
                chosen.setdefault(name, self._far(name, group, named, f"--host {name}"))
        if not chosen:
            raise NotDone(f"--hosts {typed} names no host", "usage")
        return tuple(chosen.values())

    def everywhere(self, hosts: tuple[Far, ...]) -> Everywhere:
        """Return what asks all of ``hosts``."""
        return Many(hosts)

    def _names_of(self, group: str) -> list[str]:
        if group not in self._names:
            self._names[group] = self._groups[group].names()
        return self._names[group]

    def _all(self) -> dict[str, Group]:
        """Return all hosts, each with the first group that has it."""
        found: dict[str, Group] = {}
        for name, group in self._groups.items():
            for host in self._names_of(name):
                found.setdefault(host, group)
        return found

    @staticmethod
    def _far(host: str, group: Group, named: Iterable[str], options: str) -> Far:
        first = host.partition(".")[0]
        is_alone = sum(first in (name, name.partition(".")[0]) for name in named) == 1
        return Far(host, group.carrier(host), options, first if is_alone else host, group.realm)


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
        with open(file, "rb") as opened:
            status = os.fstat(opened.fileno())
            if status.st_uid not in (0, os.getuid()) or status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
                why = "others may change it: it must be yours or root's, and writable by its owner alone"
                raise NotDone(f"{file} is not read, because {why}", "usage")
            tables = tomllib.load(opened)
    except FileNotFoundError:
        return {}
    except OSError as fault:
        raise NotDone(f"{file} cannot be read: {fault.strerror}", "usage") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as fault:
        raise NotDone(f"{file} is not TOML: {fault}", "usage") from None
    return {name: _group(f"{file}: [{name}]", name, table) for name, table in tables.items()}


def _group(place: str, name: str, table: object) -> Group:
    if not GROUP.fullmatch(name):
        raise NotDone(f"{place}: the name of a group has letters, digits, and any of - . _", "usage")
    if not isinstance(table, dict):
        raise NotDone(f"{place}: a group is a table, with hosts and what carries", "usage")
    if unknown := sorted(table.keys() - KEYS):
        raise NotDone(f"{place}: there is no key {unknown[0]} (there are: {', '.join(sorted(KEYS))})", "usage")
    hosts, run = _words(table, "hosts", place), _words(table, "run", place)
    if not hosts and not run:
        raise NotDone(f"{place}: names no host: add hosts, or run", "usage")
    if ("via" in table) == ("tcp" in table):
        raise NotDone(f"{place}: one of via and tcp has to say what carries: via = 'ssh -T jitd-door@{PLACE}'", "usage")
    via = table.get("via", "")
    if not isinstance(via, str) or ("via" in table and not via.split()) or not QUOTING.isdisjoint(via):
        raise NotDone(f"{place}: via must be a command without quotes, such as 'ssh -T jitd-door@{PLACE}'", "usage")
    address = table.get("tcp", PLACE)
    tcp = address_of(address) if isinstance(address, str) else None
    if tcp is None:
        raise NotDone(f"{place}: tcp must be an address, such as '{PLACE}' or '{PLACE}:{PORT}'", "usage")
    realm = table.get("realm", "")
    if not isinstance(realm, str):
        raise NotDone(f"{place}: realm must be a text", "usage")
    return Group(place, hosts, run, tuple(via.split()), tcp, realm)


def _words(table: Mapping[str, object], key: str, place: str) -> tuple[str, ...]:
    words = table.get(key, [])
    if not isinstance(words, list) or not all(isinstance(word, str) and word for word in words):
        raise NotDone(f"{place}: {key} must be a list of texts", "usage")
    return tuple(words)


def _expanded(word: str, place: str) -> Iterator[str]:
    """Yield the names that ``word`` stands for: ``db[01-20].example.org`` are twenty. Raises NotDone."""
    found = RANGE.search(word)
    if found is None:
        if (name := name_of(word)) is None:
            raise NotDone(f"{place}: {word} is not the name of a host", "usage")
        yield name
        return
    first, last = found.groups()
    if int(first) > int(last) or int(last) - int(first) >= MOST_HOSTS:
        raise NotDone(f"{place}: {word} is not a range: it goes from the lower number to the higher one", "usage")
    for number in range(int(first), int(last) + 1):
        yield from _expanded(f"{word[: found.start()]}{number:0{len(first)}}{word[found.end() :]}", place)


def _printed(command: tuple[str, ...], place: str) -> list[str]:
    """Return the names that ``command`` prints: one on each line, or as ``ansible-inventory --list`` prints them. Raises
    NotDone.
    """
    line = " ".join(command)
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, timeout=RUN_WITHIN, check=False)
    except (OSError, ValueError) as fault:
        raise NotDone(f"{place}: {line} cannot be run: {getattr(fault, 'strerror', None) or fault}", "usage") from None
    except subprocess.TimeoutExpired:
        raise NotDone(f"{place}: {line} has printed no hosts within {RUN_WITHIN:.0f} s", "usage") from None
    if done.returncode:
        raise NotDone(f"{place}: {line} ended with status {done.returncode}", "usage")
    text = done.stdout.decode("utf-8", "replace")
    words = _of_inventory(text) if text.lstrip().startswith("{") else text.split()
    if words is None or not all(map(name_of, words)):
        wrong = "what it prints" if words is None else next(word for word in words if name_of(word) is None)
        raise NotDone(f"{place}: {line} prints a name on each line, or an inventory in JSON, and {wrong} is neither", "usage")
    return [name for word in words if (name := name_of(word))]


def _of_inventory(text: str) -> list[str] | None:
    """Return the hosts of an inventory of ansible, which are the keys of ``_meta.hostvars`` and the hosts of its groups."""
    try:
        inventory = json.loads(text)
        groups = (group for name, group in inventory.items() if name != "_meta" and isinstance(group, dict))
        listed = [str(host) for group in groups for host in group.get("hosts", ())]
        return list(dict.fromkeys([*inventory.get("_meta", {}).get("hostvars", {}), *listed]))
    except (ValueError, AttributeError, TypeError):
        return None


def _told(names: Iterable[str], most: int = 10) -> str:
    every = list(names)
    more = f" and {len(every) - most} more" if len(every) > most else ""
    return f"{', '.join(every[:most])}{more}"
