# SPDX-License-Identifier: Apache-2.0
"""Notes of the kind ``account``: they say which accounts jitd has made and which uids were used.

Law: a note is stored before the account is made, and removed after the account is removed. A uid is noted as used before an
account gets this uid. The note about the uid is kept forever.
"""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass
from pathlib import Path

from jitd.files.durable import store
from jitd.settings.account_uids import Range
from jitd_things.givers.notes import Damaged, Notes, read_object
from jitpam.wire import notation

NOTES = Path("/var/lib/jitd-givers/accounts")
USED = "used-uids"


@dataclass(frozen=True, slots=True)
class Note:
    """A note says that jitd made this account for the holding ``holding`` of the giver ``name``. The account's uid is also its
    gid.

    ``key`` is a line of the file of keys. With this line, sshd lets the holder log in. ``key`` is empty if there is no key.
    ``expires`` is the day on which the account expires, in days since 1970. ``holder`` is the uid of the holder's own
    account.
    """

    holding: str
    name: str
    account: str
    uid: int
    home: str
    shell: str
    key: str
    expires: int
    holder: int


@dataclass(frozen=True, slots=True)
class Used:
    """The uids that were used. ``searched`` are the ranges of uids for which the host's files were searched. ``boot`` is the id
    of the boot in which the files were searched. ``begun`` says when an account was last made for whom: the uid of the holder's
    own account, and the time in seconds since 1970.
    """

    uids: tuple[Range, ...] = ()
    boot: str = ""
    searched: tuple[Range, ...] = ()
    begun: tuple[tuple[int, int], ...] = ()


class AccountNotes(Notes[Note]):
    """The notes in ``directory``, and one more file there, which has the uids that were used."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory, Note)

    def used(self) -> Used:
        """Return the uids that were used. For which of them files were searched counts only if jitd wrote the file in this boot:
        one from a backup has another inode. Raises OSError.
        """
        file = self.directory / USED
        found = read_object(file, "file")
        if found is None:
            return Used()
        try:
            uids = tuple((int(first), int(last)) for first, last in found["uids"])
            is_ours = os.stat(file).st_ino == found["inode"]
            searched = tuple((int(first), int(last)) for first, last in found["searched"])
            begun = tuple((int(holder), int(at)) for holder, at in found["begun"])
            return Used(uids, str(found["boot"]), searched, begun) if is_ours else Used(uids, begun=begun)
        except (KeyError, TypeError, ValueError):
            raise Damaged(file, "file") from None

    def use(self, used: Used) -> None:
        """Store ``used``. ``used`` must contain all uids that were stored before. Raises OSError."""
        store(self.directory / USED, lambda inode: notation.write({**asdict(used), "inode": inode}))
