# SPDX-License-Identifier: Apache-2.0
"""The kind ``account``: an account of this host for one holding. When the holding ends, jitd removes the account and its home.

Law: the name of an account of this kind is computed from the holding (``core.made_account``). The account's uid was never used
before, and the account has no password. jitd treats an account as its own in two cases only. Either a note was stored before the
account was made, or the account's comment begins with jitd's mark, which is ``jitd`` and the id of the holding. The right to act
as the account ends by steps that need nothing of the holder: the key is unlinked, the daemon knows the account no more, and the
entry is removed under the lock of shadow-utils. The uid is never used again, so what is left under it opens nothing. Sources:
useradd(8), userdel(8), passwd(5).
"""

from __future__ import annotations

import os
import pwd
import re
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from jitd.core.made_account import account_of_holding, holding_of, is_made
from jitd.core.public_key import NoKey, read_key
from jitd.core.toml_table import Table, quoted
from jitd.settings.account_uids import overlap, read_uids
from jitd_things.givers import account_entry, account_home, account_processes, account_remains
from jitd_things.givers.account_entry import DAY, NotDone
from jitd_things.givers.account_notes import NOTES, AccountNotes, Note
from jitd_things.givers.account_numbers import NoUid, ender_of, local_mounts, next_uid
from jitd_things.givers.kind import Failed, Given, Kind, Order, Refused, Seen, State, Strays, Taken
from jitd_things.givers.settings import GiverSettings

_PLACE = re.compile(r"(?:/[A-Za-z0-9._-]{1,64}){1,16}", re.ASCII)
TIDIES_FOR = 22.0
"""Seconds from the beginning of the end until which jitd removes the account's home and temporary files. A deed has half a minute
(``process.SECONDS``).
"""
_NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Account(GiverSettings):
    """Ephemeral accounts. ``uids`` are the first and the last possible uid. The accounts' homes are in the directory ``home``.
    Before a uid is used, jitd searches for files of this uid below the directories ``search``. If ``search`` is empty, all file
    systems that belong to this host are searched.
    """

    KIND = "account"
    KEYS = ("uids", "shell", "home", "search")
    BRINGS_KEY = "may"

    uids: tuple[int, int] = (0, 0)
    shell: str = "/bin/sh"
    home: str = "/home"
    search: tuple[str, ...] = ()

    @classmethod
    def read(cls, table: Table) -> dict[str, object]:
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

    def sentences(self) -> tuple[str, ...]:
        what = f"use a new account of this host, with the shell {self.shell} and a home in {self.home}"
        return (f"{what}; at its end its processes are ended, its home is removed, and files elsewhere stay",)

    @classmethod
    def compare(cls, givers: Iterable[GiverSettings], table: Table) -> None:
        accounts = [giver for giver in givers if isinstance(giver, Account) and giver.uids != (0, 0)]
        for at, giver in enumerate(accounts):
            for other in accounts[:at]:
                if overlap(giver.uids, other.uids):
                    table.table(giver.name).fault(f'"uids" overlaps "uids" of [givers.{other.name}]: use separate ranges', "uids")

    def deeds(self) -> Kind:
        return Accounts(self)


def _read_directory(word: str) -> str:
    if not word.startswith("/") or ".." in word.split("/") or "\0" in word:
        raise ValueError(f"{quoted(word)} is not an absolute directory")
    return word


# --- the deeds ---------------------------------------------------------------------------------------------------------------


class Accounts:
    """Makes and removes accounts. ``giver`` contains the settings. The notes are in the directory ``notes``."""

    def __init__(self, giver: Account, notes: Path = NOTES) -> None:
        self._giver = giver
        self._notes = AccountNotes(notes)

    def give(self, order: Order) -> Given | Refused | Failed:
        """See ``Kind.give``. ``order.account`` is the account of the holder, not the account that this method makes."""
        with self._notes.alone():
            return self._give(order)

    def take(self, order: Order) -> Taken | Refused | Failed:
        """See ``Kind.take``. The key ends first, before any lock."""
        faults = _tried(account_home.shut, account_of_holding(order.holding))
        with self._notes.alone():
            note = self._notes.read(order.holding) or self._by_comment(order)
            if note is not None:
                return self._take(note, order, faults)
            return Failed("; ".join(faults)) if faults else Taken()

    def look(self, order: Order) -> Seen | Failed:
        note = self._notes.read(order.holding)
        if note is None:
            return Seen(State.CHANGED, "jitd's note about the account is missing")
        if why := account_entry.renamed(note):
            return Seen(State.CHANGED, why)
        if account_entry.entry_of(note.account) is None:
            return Seen(State.GONE, f"the account {note.account} was removed")
        faults = account_entry.faults_of(note)
        if account_home.admitted(note.account) != note.key:
            faults.append("its key was changed or removed")
        return Seen(State.CHANGED, f"of the account {note.account}: {'; '.join(faults)}") if faults else Seen(State.STANDS)

    def strays(self, orders: Sequence[Order]) -> Strays | Failed:
        """See ``Kind.strays``. An account without a note is also included if three conditions are met: its name has jitd's form,
        its comment has jitd's mark, and its uid belongs to this giver.
        """
        wanted = {order.holding for order in orders}
        found = {note.holding for note in self._notes.all().values() if note.name == self._giver.name}
        first, last = self._giver.uids
        for entry in pwd.getpwall():
            holding = holding_of(entry.pw_name)
            if holding is not None and first <= entry.pw_uid <= last and _is_marked(entry, holding):
                found.add(holding)
        return Strays(tuple(sorted(found - wanted)))

    # --- giving --------------------------------------------------------------------------------------------------------------

    def _give(self, order: Order) -> Given | Refused | Failed:
        note = self._notes.read(order.holding)
        if note is None:
            made = self._begun(order)
            if isinstance(made, Refused):
                return made
            note = made
        elif (entry := account_entry.entry_of(note.account)) is not None and entry.pw_uid != note.uid:
            return Refused(f"somebody else has made the account {note.account}, with the uid {entry.pw_uid}: remove it")
        whose = f" for {order.account}" if _NAME.fullmatch(order.account) else ""
        try:
            account_entry.make(note, account_entry.mark_of(note.holding) + whose)
        except NotDone as fault:
            return Failed(str(fault))
        account_home.make(Path(note.home), note.uid)
        if note.key:
            account_home.admit(note.account, note.key)
        enter = f"log in by ssh {note.account}@{os.uname().nodename}" if note.key else f"the account is {note.account}"
        return Given(f"{enter}; your own Kerberos tickets count there as yours")

    def _begun(self, order: Order) -> Note | Refused:
        """Store the note of a new account before any part of the account is made."""
        account = account_of_holding(order.holding)
        home = Path(self._giver.home) / account
        if fault := self._fault(order, account, home):
            return Refused(fault)
        key = ""
        if order.brought:
            try:
                key = account_home.line_of(read_key(order.brought).spelling, order.holding, order.until)
            except NoKey as no:
                return Refused(f"the text that you brought is not a usable public key: {no}")
            if fault := account_home.why_shut(account):
                return Refused(fault)
        try:
            uid = next_uid(self._giver.name, self._giver.uids, self._notes, self._roots(), order.uid)
        except NoUid as no:
            return Refused(str(no))
        expires = order.until // DAY + 2
        note = Note(order.holding, self._giver.name, account, uid, str(home), self._giver.shell, key, expires, order.uid)
        self._notes.write(note.holding, note)
        return note

    def _fault(self, order: Order, account: str, home: Path) -> str:
        if order.uid == 0:
            return "root needs no such account: useradd makes one"
        try:
            holder = pwd.getpwuid(order.uid)
        except KeyError:
            return f"this host has no account with the uid {order.uid}"
        if holder.pw_name != order.account:
            return f"the account {order.account} with the uid {order.uid} is not there any more"
        if is_made(order.account):
            return "an account made by jitd cannot get another account: ask from your own account"
        for place, is_there in (
            (f"an account {account}", account_entry.entry_of(account) is not None),
            (f"a group {account}", account_entry.group_of(account) is not None),
            (f"a directory {home}", os.path.lexists(home)),
        ):
            if is_there:
                return f"there is {place} already, and jitd did not make it: remove it"
        if not home.parent.is_dir():
            return f"there is no directory {home.parent} for its home: see home in [givers.{order.name}]"
        return ""

    # --- taking --------------------------------------------------------------------------------------------------------------

    def _take(self, note: Note, order: Order, faults: list[str]) -> Taken | Failed:
        """End the account, and then tidy up after it. ``faults`` are the faults of the step before, which ends the key. The
        account has ended when nothing names its uid any more.
        """
        account, uid, ender = note.account, note.uid, ender_of(self._giver.uids)
        until = time.monotonic() + TIDIES_FOR
        entry = account_entry.entry_of(account)
        ending = {uid, note.holder} - {0}
        if entry is not None and entry.pw_uid != uid:
            _tried(account_remains.unschedule, account, uid)
            _tried(account_processes.end, uid, ender)
            return Failed(f"somebody else has made the account {account}, with the uid {entry.pw_uid}: remove it")
        faults = [*faults, *_tried(account_entry.remove, note, ending)]
        left = _tried(account_remains.unschedule, account, uid)
        _tried(account_processes.end, uid, ender)
        left += _tried(account_remains.end_sessions, uid)
        left += _tried(account_remains.left_in_kernel, uid, ender)
        left += _tried(account_home.remove, Path(note.home), until)
        left += _tried(account_remains.left_in_shared, account, uid, ender, until)
        left += _tried(account_remains.unschedule, account, uid)  # before the processes ended, they may have made new jobs
        left += _tried(account_processes.end, uid, ender)  # programs that are set-uid to the account may run again
        told = "; ".join(dict.fromkeys(left))
        if faults:
            return Failed("; ".join(faults) + (f" (it has left {told})" if told else ""))
        self._notes.remove(note.holding)
        return Taken(f"the account {account} is gone, and it has left {told}" if told else "")

    def _roots(self) -> list[bytes]:
        """Return the directories below which jitd searches for files of accounts."""
        named = [os.path.realpath(os.fsencode(place)) for place in self._giver.search]
        return [*named, os.fsencode(self._giver.home)] if named else local_mounts()

    def _by_comment(self, order: Order) -> Note | None:
        """If no note is stored, make one from the account's entry. Return None if the entry does not say that jitd made it."""
        entry = account_entry.entry_of(account_of_holding(order.holding))
        first, last = self._giver.uids
        if entry is None or not _is_marked(entry, order.holding) or not first <= entry.pw_uid <= last:
            return None
        kept = entry.pw_name, entry.pw_uid, entry.pw_dir, entry.pw_shell
        return Note(order.holding, self._giver.name, *kept, key="", expires=0, holder=order.uid)


def _is_marked(entry: pwd.struct_passwd, holding: str) -> bool:
    mark = account_entry.mark_of(holding)
    return entry.pw_gecos == mark or entry.pw_gecos.startswith(f"{mark} for ")


def _tried(step: Callable[..., Sequence[str] | None], *words: object) -> list[str]:
    """Return what ``step`` tells, or its fault, as parts of a sentence."""
    try:
        return list(step(*words) or ())
    except NotDone as fault:
        return [str(fault)]
    except OSError as fault:
        return [f"{fault.strerror or fault}{f' ({fault.filename})' if fault.filename else ''}"]
    except Exception as fault:
        return [f"a defect of jitd-givers: {type(fault).__name__}: {fault}"]
