# SPDX-License-Identifier: Apache-2.0
"""The kind ``group``: membership in a local group. gpasswd(1) adds and removes the member.

Law: jitd treats a membership as its own only if jitd stored a note before it made the membership. If somebody is a member without
such a note, ``give`` refuses, and ``take`` changes nothing. If several holdings give the same membership, jitd ends the
membership when the last of these holdings ends. A membership is taken only if neither group(5) nor gshadow(5) lists the member:
newgrp(1) reads gshadow(5), and gpasswd(1), if it is killed, may have changed only one of the two files.
Sources: gpasswd(1), group(5), gshadow(5), initgroups(3), newgrp(1).
"""

from __future__ import annotations

import os
import pwd
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from jitd.core.wording import listed
from jitd.givers import executing, group_remains
from jitd.givers.group_notes import Note, Notes
from jitd.givers.kind import Failed, Given, Order, Refused, Seen, State, Strays, Taken
from jitd.settings import givers as settings
from jitpam.wire.shown import shown

GPASSWD = "/usr/bin/gpasswd"
MOST_TOLD = 5
"""Maximum number of files and processes that one sentence names."""
GROUPS, SHADOW, NOTES = Path("/etc/group"), Path("/etc/gshadow"), Path("/var/lib/jitd-givers/groups")


class Groups:
    """Gives memberships in groups and takes them back. ``giver`` contains the settings. ``groups`` and ``shadow`` are the paths
    of the files of group(5) and gshadow(5). The notes are in the directory ``notes``.
    """

    def __init__(self, giver: settings.Group, groups: Path = GROUPS, shadow: Path = SHADOW, notes: Path = NOTES) -> None:
        self._giver = giver
        self._groups = groups
        self._shadow = shadow
        self._notes = Notes(notes)

    def give(self, order: Order) -> Given | Refused | Failed:
        """See ``Kind.give``. Processes that are already running do not get the group, because a process gets its groups when it
        starts.
        """
        with self._notes.alone():
            return self._give(order)

    def take(self, order: Order) -> Taken | Refused | Failed:
        """See ``Kind.take``. Processes that have the group are ended or named in the answer. The answer also lists files that
        pass the group on, for example set-gid files.
        """
        with self._notes.alone():
            return self._take(order)

    def look(self, order: Order) -> Seen | Failed:
        note = self._notes.read(order.holding)
        if note is None:
            return Seen(State.CHANGED, "jitd's note about the membership is missing")
        group, gid, members = self._now(note)
        if gid is None or not _names(note) & members:
            return Seen(State.GONE, f"{note.account} was removed from the group {note.group}")
        if group != note.group:
            return Seen(State.CHANGED, f"the group {note.group} was renamed to {group}")
        if gid != note.gid:
            return Seen(State.CHANGED, f"the group {note.group} has the gid {gid} now; it had {note.gid}")
        return Seen(State.STANDS)

    def strays(self, orders: Sequence[Order]) -> Strays | Failed:
        wanted = {order.holding for order in orders}
        return Strays(
            tuple(note.holding for note in self._notes.all() if note.name == self._giver.name and note.holding not in wanted)
        )

    # --- the two deeds -------------------------------------------------------------------------------------------------------

    def _give(self, order: Order) -> Given | Refused | Failed:
        group = self._giver.group
        if order.uid == 0:
            return Refused("root needs no group")
        account = _account_of(order.uid)
        if account is None or account.pw_name != order.account:
            return Refused(f"the account {order.account} with the uid {order.uid} is not there any more")
        gid, members = self._of(group)
        if gid is None:
            return Refused(f"{self._groups} has no group {group}: groups of a directory service need a giver of kind program")
        note = Note(order.holding, order.name, group, gid, order.account, order.uid)
        is_ours = any(one.is_for(note) for one in self._notes.all())
        if not is_ours and (order.account in members or account.pw_gid == gid):
            return Refused(f"{order.account} is a member of the group {group} already, and not by jitd: there is nothing to give")
        others = sorted(name for name, _, members in self._numbered(gid) if name != group and order.account in members)
        if others:
            return Refused(f"{order.account} has the gid of {group} already, as a member of the group {others[0]}")
        self._notes.write(note)
        if order.account not in members and (fault := self._change("-a", order.account, group)):
            return Failed(fault)
        return Given(f"you are a member of the group {group} in new sessions: log in anew, or run newgrp {group}")

    def _take(self, order: Order) -> Taken | Refused | Failed:
        note = self._notes.read(order.holding)
        if note is None:
            group, (_, members) = self._giver.group, self._of(self._giver.group)
            own = f"{order.account} stays a member of the group {group}: jitd has no note about this membership"
            return Taken(own if order.account in members else "")
        if any(one.is_for(note) for one in self._notes.all() if one.holding != note.holding):
            self._notes.remove(note)
            return Taken()
        group, gid, members = self._now(note)
        if gid is not None:  # gpasswd(1) and newgrp(1) know no group that is only in gshadow(5)
            members |= self._in_shadow(group)
        for name in sorted(_names(note) & members):
            if fault := self._change("-d", name, group):
                return Failed(fault)
        gids = [] if gid is None else [gid]
        if gid != note.gid and not self._numbered(note.gid):  # sessions from before the change still have the old gid
            gids.append(note.gid)
        left = []
        if group != note.group:
            left.append(f"the group {note.group} is called {group} now, and {note.account} is not a member of it")
        for each in gids:
            more = self._left(replace(note, gid=each))
            if isinstance(more, Failed):
                return more
            left += more
        self._notes.remove(note)
        return Taken("; ".join(left))

    def _left(self, note: Note) -> list[str] | Failed:
        """End the processes that still have the group, if the settings say so. Return a description of the processes and files
        that still have the group, as parts of a sentence.
        """
        left = []
        if self._giver.at_end == "end":
            if alive := group_remains.end(note.uid, note.gid):
                return Failed(f"processes of {note.account} keep the group {note.group} and cannot be ended: {_told(alive)}")
        elif holders := group_remains.holders(note.uid, note.gid):
            left.append(f"processes of {note.account} that keep the group {note.group}: {_told(one.told for one in holders)}")
        places = [os.fsencode(place) for place in self._giver.search] or group_remains.local_mounts()
        found = group_remains.search(note.uid, note.gid, places)
        if found.files:
            files = _told(map(shown, found.files))
            left.append(f"files of {note.account} that still give the rights of the group {note.group}: {files}")
        if found.unread:
            unread = _told(map(shown, found.unread))
            left.append(f"not fully searched for files that give the rights of the group {note.group}: {unread}")
        return left

    def _change(self, flag: str, account: str, group: str) -> str:
        """Change the members of ``group`` with gpasswd. Return the reason if gpasswd failed, else an empty string."""
        said = executing.run([GPASSWD, flag, account, group])
        _, members = self._of(group)
        is_done = account in members if flag == "-a" else account not in members | self._in_shadow(group)
        if said.status == 0 and is_done:
            return ""
        return f"gpasswd does not change the group {group}: {said.said or f'status {said.status}'}"

    def _of(self, group: str) -> tuple[int | None, frozenset[str]]:
        """Return the gid and the members of ``group`` from the file. If the file has no such group, return None and an empty
        set.
        """
        return next(((gid, members) for name, gid, members in self._all() if name == group), (None, frozenset()))

    def _in_shadow(self, group: str) -> frozenset[str]:
        """Return the members of ``group`` in the file of gshadow(5), which a host need not have."""
        try:
            lines = self._shadow.read_text("utf-8", "surrogateescape").splitlines()
        except FileNotFoundError:
            return frozenset()
        found = (fields[3] for fields in (line.split(":") for line in lines) if fields[0] == group and len(fields) == 4)
        return frozenset(name for names in found for name in names.split(",") if name)

    def _now(self, note: Note) -> tuple[str, int | None, frozenset[str]]:
        """Return the present name, gid and members of the group of ``note``. jitd looks for the group by the name in the note.
        If no group has this name, somebody may have renamed the group, so jitd looks for the group by the gid in the note. If no
        group has this gid, the returned gid is None and the set of members is empty.
        """
        gid, members = self._of(note.group)
        if gid is not None:
            return note.group, gid, members
        numbered = sorted(self._numbered(note.gid), key=lambda one: not _names(note) & one[2])
        return numbered[0] if numbered else (note.group, None, frozenset())

    def _numbered(self, gid: int) -> list[tuple[str, int, frozenset[str]]]:
        return [one for one in self._all() if one[1] == gid]

    def _all(self) -> list[tuple[str, int, frozenset[str]]]:
        """Return the name, the gid and the members of each group in the file."""
        lines = (line.split(":") for line in self._groups.read_text("utf-8", "surrogateescape").splitlines())
        return [
            (fields[0], int(fields[2]), frozenset(name for name in fields[3].split(",") if name))
            for fields in lines
            if len(fields) == 4 and fields[2].isdigit()
        ]


def _told(found: Iterable[str]) -> str:
    """Return ``found`` as a part of a sentence. The text names the first MOST_TOLD items and the number of the other items."""
    every = tuple(found)
    more = len(every) - MOST_TOLD
    return listed((*every[:MOST_TOLD], *((f"{more} more",) if more > 0 else ())), "and")


def _account_of(uid: int) -> pwd.struct_passwd | None:
    try:
        return pwd.getpwuid(uid)
    except KeyError:
        return None


def _names(note: Note) -> frozenset[str]:
    """Return the names of the account of ``note``. The result contains the current name of the account's uid, and the name in
    the note. The name in the note is left out if another account has that name now.
    """
    account = _account_of(note.uid)
    try:
        is_anothers = pwd.getpwnam(note.account).pw_uid != note.uid
    except KeyError:
        is_anothers = False
    return frozenset(({note.account} if not is_anothers else set()) | ({account.pw_name} if account else set()))
