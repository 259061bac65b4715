# SPDX-License-Identifier: Apache-2.0
"""Takes back the memberships that an earlier version of jitd gave (the kind ``group``). This version gives none: a group is given
to a run (ADR 0095).

Law: a membership is taken only if the earlier version has left a note about it, and only once, because the note goes with it. It
is taken out of group(5) and gshadow(5), because newgrp(1) reads the second. Who has the group already keeps it, and nobody looks
for files that pass the group on. So it is never called taken back without reserve. Sources: gpasswd(1), newgrp(1).
"""

from __future__ import annotations

import pwd
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from jitd.core.thing import instead_of_group
from jitd_things.givers import executing
from jitd_things.givers.kind import Failed, Given, Order, Refused, Seen, Strays, Taken
from jitd_things.givers.notes import Notes
from jitpam.wire.shown import shown

GPASSWD = "/usr/bin/gpasswd"
FILES, NOTES = (Path("/etc/group"), Path("/etc/gshadow")), Path("/var/lib/jitd-givers/groups")
KEEPS = "what {account} runs keeps the group until it ends, and nobody has looked for files that pass it on (set-gid files, ACLs)"
NO_NOTE = "jitd has no note about this membership any more: look at the groups of {account} (id {account})"


@dataclass(frozen=True, slots=True)
class Note:
    """The earlier version made the account a member of the group, for the holding ``holding`` of the giver ``name``."""

    holding: str
    name: str
    group: str
    gid: int
    account: str
    uid: int


class StandingGroups:
    """See ``Kind``. The earlier version's notes are in ``notes``."""

    def __init__(self, notes: Path = NOTES) -> None:
        self._notes = Notes(notes, Note)

    def give(self, order: Order) -> Given | Refused | Failed:
        return Refused(instead_of_group("GROUP"))

    def take(self, order: Order) -> Taken | Refused | Failed:
        note = self._notes.read(order.holding)
        if note is None:
            return Taken(NO_NOTE.format(account=order.account))
        for group in self._groups_of(note):
            for name in sorted(_names(note) & self._members(group)):
                said = executing.run([GPASSWD, "-d", name, group])
                if name in self._members(group):
                    because = said.said or f"status {said.status}"
                    return Failed(f"gpasswd does not take {shown(name)} out of the group {shown(group)}: {because}")
        self._notes.remove(note.holding)
        return Taken(f"{note.account} is not a member of the group {note.group} any more; {KEEPS.format(account=note.account)}")

    def look(self, order: Order) -> Seen | Failed:
        return Failed("this version of jitd gives no memberships of groups, and takes back what an earlier one has given")

    def strays(self, orders: Sequence[Order]) -> Strays | Failed:
        wanted = {order.holding for order in orders}
        return Strays(tuple(holding for holding in self._notes.holdings() if holding not in wanted))

    def _groups_of(self, note: Note) -> list[str]:
        """Return the present names of the note's group: its name, or the names that its gid has if somebody renamed the group."""
        lines = [line for line in self._lines(FILES[0]) if len(line) == 4]
        if any(line[0] == note.group for line in lines):
            return [note.group]
        return [line[0] for line in lines if line[2] == str(note.gid)]

    def _members(self, group: str) -> frozenset[str]:
        lines = [line for file in FILES for line in self._lines(file) if line[0] == group and len(line) == 4]
        return frozenset(name for line in lines for name in line[3].split(",") if name)

    def _lines(self, file: Path) -> list[list[str]]:
        """A host need not have gshadow(5)."""
        with suppress(FileNotFoundError):
            return [line.split(":") for line in file.read_text("utf-8", "surrogateescape").splitlines()]
        return []


def _names(note: Note) -> frozenset[str]:
    """Return the present name of the account of ``note``, and the name in the note, unless another account has that name now."""
    found: set[str] = set()
    with suppress(KeyError):
        found.add(pwd.getpwuid(note.uid).pw_name)
    try:
        is_anothers = pwd.getpwnam(note.account).pw_uid != note.uid
    except KeyError:
        is_anothers = False
    return frozenset(found if is_anothers else found | {note.account})
