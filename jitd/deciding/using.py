# SPDX-License-Identifier: Apache-2.0
"""Finds out who may act with the account of a client: the person who asked for the run in which the client's process is, and
the person who logged in and has become this account since (``core.used_accounts``).

Law: a process is in a run if it is in the control group of the run, or descends from a process that is. Programs such as su let
logind move their processes to another control group, but not to another parent. The kernel's login uid (pam_loginuid(8)) tells
who logged in, if the host sets it: su and sudo do not change it. jitd has an open descriptor of the process while it looks.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from jitd.core import used_accounts
from jitd.core.origin import Holds
from jitd.core.subject import Subject, Who, used_by
from jitd.deciding.accounts import Accounts
from jitd.store import Store
from jitd.store.used_accounts import UsedAccounts
from jitd.workers import Workers

_GROUP = re.compile(rb"/jitd-run-([^/\n]+?)(?:\.scope)?(?=[/\n])")
_NOBODY_LOGGED_IN = 2**32 - 1
MOST_ANCESTORS, MOST_LOOKS = 256, 16  # ancestors of a client, and of looks at them until none has ended meanwhile
_PROC = Path("/proc")


class TooManyAncestors(OSError):
    """Nobody knows in which run the process is."""


def login_of(pid: int | str) -> int:
    """Return the login uid of process ``pid``, or 2**32 - 1 if nobody has logged in. Raises OSError."""
    try:
        return int(_read(f"{pid}/loginuid"))
    except FileNotFoundError:  # a kernel without audit, or the process has ended, which the caller notices
        return _NOBODY_LOGGED_IN


class Using:
    """Finds the people who use the accounts of clients. ``login_of`` returns the login uid of a process."""

    def __init__(
        self, store: Store, accounts: Accounts, workers: Workers, login_of: Callable[[int | str], int] = login_of
    ) -> None:
        self._store = store
        self._accounts = accounts
        self._workers = workers
        self._uses = UsedAccounts(store, accounts.people)
        self._login_of = login_of
        self._own_login = login_of("self")

    async def as_used(self, who: Subject, process: Holds, *, is_login: bool = False) -> Subject:
        """Return ``who`` in ``process``, used by those who may act there. With ``is_login``, it is a program such as sshd, where
        nobody is yet. Raises OSError if it has ended, and TimeoutError.
        """
        runs = runs_of(process.pid) if self._store.has_live_runs() else ()
        login = _NOBODY_LOGGED_IN if is_login else self._login_of(process.pid)
        process.refuse_gone()  # if the process still exists, all this is about it
        for id in runs:
            run = self._store.run(id)  # another jitd may have named the group, or somebody below their own unit
            asked = None if run is None else self._store.request(run.request)
            if run is not None and asked is not None:
                who = used_by(who, self._uses.today(asked.requester.begins(run.used_by)), id)
        # The login of jitd itself says nothing: a person who started the daemon by hand may have started everything else.
        if login not in (_NOBODY_LOGGED_IN, 0, who.uid, self._own_login) and not who.is_root:
            user = await self._workers.names.run(who.party, self._accounts.local, login)
            who = who if user is None else used_by(who, user)
        return who

    def as_used_anywhere(self, who: Who) -> Who:
        """Return ``who``, used also by those who have a live run as this account, wherever the process of the client is: they
        may have left the run, or steer what the account has outside of it.
        """
        return used_accounts.as_used(who, self._uses())


def runs_of(pid: int) -> tuple[str, ...]:
    """Return the ids of the runs in which process ``pid`` is. Raises OSError."""
    for _ in range(MOST_LOOKS):
        try:
            line = _line_of(pid)
            groups = b"".join(_read(f"{one}/cgroup") for one in line)
            if line == _line_of(pid):  # so nobody of them has ended meanwhile
                return tuple(dict.fromkeys(one.decode("ascii", "replace") for one in _GROUP.findall(groups)))
        except (FileNotFoundError, ProcessLookupError):  # one of them has ended; so the next one has another parent now
            if not (_PROC / str(pid)).exists():
                raise
    raise TooManyAncestors("its ancestors change faster than jitd can look at them")


def _line_of(pid: int) -> tuple[int, ...]:
    """Return process ``pid`` and its ancestors, without process 1. Raises OSError."""
    found: list[int] = []
    while pid > 1:
        if len(found) == MOST_ANCESTORS:
            raise TooManyAncestors(f"it has more than {MOST_ANCESTORS} ancestors")
        found.append(pid)
        pid = int(_read(f"{pid}/stat").rpartition(b")")[2].split()[1])
    return tuple(found)


def _read(name: str) -> bytes:
    with open(f"{_PROC}/{name}", "rb", buffering=0) as file:
        return file.readall()
