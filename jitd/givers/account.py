# SPDX-License-Identifier: Apache-2.0
"""The kind ``account``: an account of this host for one holding. When the holding ends, jitd removes the account and everything
that the account has left.

Law: the name of an account of this kind is computed from the holding (``core.made_account``). The account's uid was never used
before, and the account has no password. jitd treats an account as its own in two cases only. Either a note was stored before the
account was made, or the account's comment begins with jitd's mark, which is ``jitd`` and the id of the holding. The entry of the
account is removed last. So, as long as the account can still have an effect, its entry shows that the account belongs to jitd.
Sources: useradd(8), userdel(8), passwd(5).
"""

from __future__ import annotations

import os
import pwd
import re
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

from jitd.beside import starting
from jitd.core.made_account import account_of_holding, holding_of, is_made
from jitd.core.public_key import NoKey, read_key
from jitd.core.wording import listed
from jitd.givers import account_entry, account_files, account_home, account_processes, account_remains
from jitd.givers.account_entry import DAY, NotDone
from jitd.givers.account_notes import Note, Notes
from jitd.givers.account_numbers import NoUid, ender_of, local_mounts, next_uid
from jitd.givers.kind import Failed, Given, Order, Refused, Seen, State, Strays, Taken
from jitd.settings import givers as settings
from jitpam.wire.shown import shown

NOTES = Path("/var/lib/jitd-givers/accounts")
SEARCH_FOR = 10.0
"""Maximum time, in seconds, of the search for files that the account has left."""
MOST_TOLD = 5
TEMPORARY = tuple(map(Path, ("/tmp", "/var/tmp", "/dev/shm", "/dev/mqueue", "/run/user", "/var/mail", "/var/spool/mail")))
"""Directories in which all files of the account are always removed. The system would remove the files there later anyway."""
_NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}", re.ASCII)


class Accounts:
    """Makes and removes accounts. ``giver`` contains the settings. The notes are in the directory ``notes``."""

    def __init__(self, giver: settings.Account, notes: Path = NOTES) -> None:
        self._giver = giver
        self._notes = Notes(notes)

    def give(self, order: Order) -> Given | Refused | Failed:
        """See ``Kind.give``. ``order.account`` is the account of the holder, not the account that this method makes."""
        with self._notes.alone():
            return self._give(order)

    def take(self, order: Order) -> Taken | Refused | Failed:
        with self._notes.alone():
            note = self._notes.read(order.holding) or self._by_comment(order.holding)
            if note is None:
                account_home.shut(account_of_holding(order.holding))
                return Taken()
            try:
                return self._take(note)
            except NotDone as fault:
                return Failed(str(fault))

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
        found = {note.holding for note in self._notes.all() if note.name == self._giver.name}
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
            uid = next_uid(self._giver.name, self._giver.uids, self._notes, self._roots())
        except NoUid as no:
            return Refused(str(no))
        groups, expires = ",".join(self._giver.groups), order.until // DAY + 2
        note = Note(order.holding, self._giver.name, account, uid, str(home), self._giver.shell, groups, key, expires)
        self._notes.write(note)
        return note

    def _fault(self, order: Order, account: str, home: Path) -> str:
        """Return the reason why no account can be made for ``order``. Return an empty string if an account can be made."""
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
        if missing := [name for name in self._giver.groups if account_entry.group_of(name) is None]:
            return f"[givers.{order.name}] names groups that this host does not have: {', '.join(missing)}"
        if not home.parent.is_dir():
            return f"there is no directory {home.parent} for its home: see home in [givers.{order.name}]"
        return ""

    # --- taking --------------------------------------------------------------------------------------------------------------

    def _take(self, note: Note) -> Taken | Failed:
        """End everything that belongs to the account, then remove the account. The method may be repeated, because a step that
        was already done changes nothing.
        """
        entry = account_entry.entry_of(note.account)
        if entry is not None and entry.pw_uid != note.uid:
            self._end(note)
            return Failed(f"somebody else has made the account {note.account}, with the uid {entry.pw_uid}: remove it")
        fault = account_entry.lock(note.account)
        account_home.shut(note.account)
        self._end(note)
        if fault:
            return Failed(fault)
        account_remains.end_sessions(note.uid)
        left = account_remains.left_in_kernel(note.uid)
        left += filter(None, [account_home.remove(Path(note.home))])
        left += self._files(note)
        self._end(note)  # before this point, somebody may have run a program that is set-uid to the account
        account_entry.remove(note)
        self._notes.remove(note)
        return Taken(f"the account {note.account} is gone, and it has left {'; '.join(left)}" if left else "")

    def _end(self, note: Note) -> None:
        """End the account's processes, and remove the jobs that would start new processes of the account later.
        Raises NotDone.
        """
        account_remains.unschedule(note.account, note.uid)
        if alive := account_processes.end(note.uid, ender_of(self._giver.uids)):
            raise NotDone(f"processes of {note.account} cannot be ended: {_told(alive)}")
        account_remains.unschedule(note.account, note.uid)

    def _files(self, note: Note) -> list[str]:
        """Depending on the settings, remove the files that the account has outside its home, or make them harmless. Return a
        description of the remaining files, as parts of a sentence.
        """
        roots = [*self._roots(), *(os.fsencode(place) for place in (*TEMPORARY, Path(f"/run/user/{note.uid}")))]
        found, unread = account_files.files_of(note.uid, roots, time.monotonic() + SEARCH_FOR, os.fsencode(note.home))
        goes = [file for file in found if self._giver.files == "remove" or _is_temporary(file.path)]
        stays = [file for file in found if file not in goes]
        kept = account_files.remove(goes, note.uid)
        armed = account_files.disarm(stays, note.uid)
        removed = [file.path for file in goes if file.path not in kept]
        if removed:
            starting.say("jitd-givers", f"{len(removed)} files of {note.account} are removed: {_told(map(shown, removed))}")
        left = []
        if kept or stays:
            left.append(f"files: {_told(map(shown, [*kept, *(file.path for file in stays)]))}")
        if armed:
            left.append(f"programs that are set-id to uid {note.uid}: {_told(map(shown, armed))}")
        if unread:
            left.append(f"directories that were not fully searched for its files: {_told(map(shown, unread))}")
        return left

    def _roots(self) -> list[bytes]:
        """Return the directories below which jitd searches for files of the account."""
        named = [os.path.realpath(os.fsencode(place)) for place in self._giver.search]
        return [*named, os.fsencode(self._giver.home)] if named else local_mounts()

    def _by_comment(self, holding: str) -> Note | None:
        """Return a new note for the account of ``holding``, made from the account's entry. Call this method if no note is stored.
        Return None if the entry does not say that jitd made the account.
        """
        entry = account_entry.entry_of(account_of_holding(holding))
        first, last = self._giver.uids
        if entry is None or not _is_marked(entry, holding) or not first <= entry.pw_uid <= last:
            return None
        return Note(holding, self._giver.name, entry.pw_name, entry.pw_uid, entry.pw_dir, entry.pw_shell, "", "", 0)


def _is_marked(entry: pwd.struct_passwd, holding: str) -> bool:
    mark = account_entry.mark_of(holding)
    return entry.pw_gecos == mark or entry.pw_gecos.startswith(f"{mark} for ")


def _is_temporary(path: bytes) -> bool:
    return any(path.startswith(os.fsencode(place) + b"/") for place in TEMPORARY)


def _told(found: Iterable[str]) -> str:
    """Return ``found`` as a part of a sentence. The text names the first MOST_TOLD items and the number of the other items."""
    every = tuple(found)
    more = len(every) - MOST_TOLD
    return listed((*every[:MOST_TOLD], *((f"{more} more",) if more > 0 else ())), "and")
