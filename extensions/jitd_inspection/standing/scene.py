# SPDX-License-Identifier: Apache-2.0
"""What all readers of standing privileges need: the accounts and groups of the host, the accounts that matter, and the gates.

Law: an account is its uid. A second name for the uid of an account, or for the gid of a group, gives the same rights.
"""

from __future__ import annotations

import glob
import grp
import os
import pwd
import re
import stat
import subprocess
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TypeVar

from jitd.audit.privileges import ROOT, Privilege
from jitd.core.policy import Policy
from jitd.deciding import groups
from jitd.hosts.places import Places, Unreadable
from jitd.hosts.stack import Source
from jitd_inspection.pamlint.linting import Gates
from jitpam.initiator import within

EVERYBODY = "everybody"
NSSWITCH = "/etc/nsswitch.conf"
USERDB = tuple(f"{above}/userdb/*.user" for above in ("/etc", "/run", "/run/host", "/usr/lib"))
"""The files in which systemd has accounts, which it need not list (nss-systemd(8))."""
OF_FILES = ("files", "systemd")  # sources of accounts in nsswitch.conf that list all of them
FILE_WITHIN = 1.0  # seconds at most for one file
TOOL_WITHIN = 5.0  # seconds at most for a tool of the host
ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8"}

T = TypeVar("T")
Found = Privilege | str  # what a reader yields: a privilege, or a sentence about something that it cannot see


@dataclass(frozen=True, slots=True)
class Account:
    """An entry of the directory of accounts."""

    name: str
    uid: int
    gid: int
    home: str


Group = tuple[str, int, tuple[str, ...]]  # the name, the gid and the listed members of a group


@dataclass(frozen=True, slots=True)
class Directory:
    """Accounts and groups. ``memberships``: gid → accounts that get it anyway. If not ``is_asked``, NSS did not answer."""

    accounts: tuple[Account, ...]
    groups: tuple[Group, ...]
    memberships: Mapping[int, frozenset[str]] = field(default_factory=dict)
    is_asked: bool = True


def of_nss(watched: Iterable[str]) -> Directory:
    """Return all accounts and groups that NSS lists, and what it finds of ``watched`` and systemd's files. May take any time."""
    found = list(pwd.getpwall())
    of_systemd = [os.path.basename(path).removesuffix(".user") for pattern in USERDB for path in glob.glob(pattern)]
    for name in sorted({*watched, *of_systemd}):
        with suppress(KeyError, ValueError):
            found.append(pwd.getpwnam(name))
    accounts = dict.fromkeys(Account(one.pw_name, one.pw_uid, one.pw_gid, one.pw_dir) for one in found)
    return Directory(tuple(accounts), tuple((one.gr_name, one.gr_gid, tuple(one.gr_mem)) for one in grp.getgrall()))


def memberships(directory: Directory) -> Mapping[int, frozenset[str]]:
    """Return the groups that each account of ``directory`` gets at a login (getgrouplist(3)). A source of NSS may give an account
    a group of another source, whose list of members does not have it. May take any time.
    """
    found: dict[int, set[str]] = {}
    for one in directory.accounts:
        with suppress(OSError, OverflowError, ValueError):
            for gid in os.getgrouplist(one.name, one.gid):
                found.setdefault(gid, set()).add(one.name)
    return {gid: frozenset(names) for gid, names in found.items()}


def of_files(places: Places) -> Directory:
    """Return the accounts and groups in the files of this host (passwd(5), group(5)). Lines that cannot be read are left out."""
    accounts: list[Account] = []
    groups: list[Group] = []
    for path, least in (("/etc/passwd", 7), ("/etc/group", 4)):
        source = places.read(path)
        for _, line in lines_of(source.data) if source else ():
            words = line.split(":")
            with suppress(ValueError, IndexError):
                if least == 7:
                    accounts.append(Account(words[0], int(words[2]), int(words[3]), words[5]))
                else:
                    groups.append((words[0], int(words[2]), tuple(filter(None, words[3].split(",")))))
    return Directory(tuple(accounts), tuple(groups), is_asked=False)


class Scene:
    """The host, as the readers see it. ``watched`` are the accounts that rules name. Use it from one thread only."""

    def __init__(self, host: str, watched: Iterable[str], places: Places, gates: Gates, directory: Directory) -> None:
        self.host = host
        self.watched = frozenset(watched) - {ROOT}
        self.places = places
        self.gates = gates
        self.accounts = directory.accounts
        self._directory = directory
        self._silent: set[str] = set()  # directories in which a file did not answer, as on a dead file server

    @cached_property
    def targets(self) -> tuple[Account, ...]:
        """The accounts of root, and those that rules name."""
        return tuple(one for one in self.accounts if self.becomes(one.name) is not None)

    @cached_property
    def sources(self) -> tuple[str, ...]:
        """The sources of accounts and groups that may have more than they list."""
        source = self.read(NSSWITCH)
        text = source.decode("utf-8", "replace") if isinstance(source, bytes) else ""
        words = " ".join(re.findall(r"^[ \t]*(?:passwd|group|initgroups)[ \t]*:([^#\n]*)", text, re.MULTILINE)).split()
        return tuple(sorted({word for word in words if word not in OF_FILES and not word.startswith("[")}))

    @cached_property
    def _uids(self) -> dict[str, int]:
        return {one.name: one.uid for one in reversed(self.accounts)}  # of two entries with one name, the first counts

    @cached_property
    def _watched_uids(self) -> dict[int, str]:
        return {self._uids[name]: name for name in sorted(self.watched, reverse=True) if name in self._uids}

    def becomes(self, account: str) -> str | None:
        """Return root if ``account`` has the uid 0, or the name that rules use for it. Return None for all others."""
        uids = {one.uid for one in self.accounts if one.name == account}
        if 0 in uids or account == ROOT:
            return ROOT
        return next((self._watched_uids[uid] for uid in uids if uid in self._watched_uids), None)

    def is_root(self, account: str) -> bool:
        return self.becomes(account) == ROOT

    def named(self, uid: int) -> str:
        """Return the name of the account ``uid``, or the number as sudoers writes it."""
        return next((one.name for one in self.accounts if one.uid == uid), f"#{uid}")

    def named_in(self, word: str) -> str:
        """Return the account that a word of sudoers means, which may be its number. sudo folds the case of names."""
        if re.fullmatch(r"#[0-9]+", word):
            return self.named(int(word[1:]))
        return word if word in self._uids else next((name for name in self._uids if name.lower() == word.lower()), word)

    def gid(self, group: str) -> int | None:
        """Return the gid of a group. Return None if there is no such group, or if it cannot be looked up."""
        if not self._directory.is_asked:
            return next((gid for name, gid, _ in self._directory.groups if name == group), None)
        with suppress(groups.CannotLookUp):
            if (found := groups.named(group)) is not None:
                return found.gid
        return None

    def gid_in(self, word: str) -> int | None:
        """Return the gid that ``%group`` or ``%#gid`` of sudoers means. sudo folds the case of names."""
        name = word.removeprefix("%")
        if re.fullmatch(r"#[0-9]+", name):
            return int(name[1:])
        folded = (gid for group, gid, _ in self._directory.groups if group.lower() == name.lower())
        return gid if (gid := self.gid(name)) is not None else next(folded, None)

    def members(self, gid: int) -> tuple[str, ...]:
        """Return the accounts with the group ``gid``, as their primary one or by the list of any group of this gid."""
        listed = {name for _, other, names in self._directory.groups if other == gid for name in names}
        with suppress(groups.CannotLookUp):
            if self._directory.is_asked:
                listed |= set(found.members if (found := groups.numbered(gid)) else ())
        listed |= self._directory.memberships.get(gid, frozenset())
        return tuple(sorted(listed | {one.name for one in self.accounts if one.gid == gid}))

    def read(self, path: str) -> bytes | str | None:
        """Return the content of a file, or the sentence that it cannot be read, or None if there is no such file. Where a file
        does not answer, no other file near it is tried.
        """
        source = self._answer(path, lambda: self.places.read(path))
        return source.data if isinstance(source, Source) else source

    def words_in(self, path: str, account: Account) -> tuple[bytes | str | None, bool]:
        """Return ``read``, and True if the list may repeat words of the file. Who acts as ``account`` may have put a link to a
        secret of somebody else in its place: it is repeated only if the account can read it, or if root alone decides what lies
        there.
        """

        def judged() -> tuple[bytes, bool] | None:
            if (taken := self.places.read_with_status(path)) is None:
                return None
            data, status = taken
            is_own = status.st_uid == account.uid != 0
            return data, is_own or _is_open_at(path, status) or not self.places.who_may_change(path)

        found = self._answer(path, judged)
        return found if isinstance(found, tuple) else (found, False)

    def _answer(self, path: str, look: Callable[[], T]) -> T | str:
        if any(path.startswith(directory) for directory in self._silent):
            return f"{path} was not judged: a file near it did not answer"
        try:
            return within(FILE_WITHIN, look)
        except TimeoutError:
            self._silent.add(f"{os.path.dirname(os.path.dirname(path))}/")
            return f"{path} did not answer within {FILE_WITHIN:g} s, and was not judged"
        except Unreadable as fault:
            return f"{path} could not be read, and was not judged: {fault}"

    def names(self, directory: str) -> list[str]:
        """Return the names of the files in a directory. A missing directory has none. Raises OSError."""
        try:
            return self.places.names(directory)
        except (FileNotFoundError, NotADirectoryError):
            return []


def _is_open_at(path: str, status: os.stat_result) -> bool:
    """True if everybody may read the file, and ``path`` is a name of it, and not a link."""
    with suppress(OSError):
        return bool(status.st_mode & stat.S_IROTH) and os.path.samestat(os.lstat(path), status)
    return False


def watched_by(policy: Policy) -> frozenset[str]:
    """Return the accounts that the rules of ``policy`` name, and that commands can run as."""
    words = (word.partition(":")[0] for rule in policy.rules for word in rule.run_as or ())
    return frozenset(word for word in words if word not in ("*", "self", ""))


def lines_of(data: bytes) -> Iterator[tuple[int, str]]:
    """Yield the number and the text of each line that is not blank, without the blanks around it."""
    for number, line in enumerate(data.decode("utf-8", "surrogateescape").split("\n"), 1):
        if stripped := line.strip():
            yield number, stripped


def exists(*paths: str) -> bool:
    return any(os.path.exists(path) for path in paths)


def tool(words: Sequence[str]) -> tuple[int, bytes] | None:
    """Run a tool of the host, and return its status and its output. Return None if it cannot be run, or takes too long."""
    if not Path(words[0]).is_file():
        return None
    try:
        done = subprocess.run(
            list(words),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=ENVIRONMENT,
            cwd="/",
            check=False,
            timeout=TOOL_WITHIN,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.returncode, done.stdout
