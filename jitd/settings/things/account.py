# SPDX-License-Identifier: Apache-2.0
"""The kind ``account``: an account of this host for a while."""

from __future__ import annotations

import re
from dataclasses import dataclass

from jitd.core.toml_table import Table, quoted
from jitd.settings.account_uids import read_uids
from jitd.settings.things import GiverSettings

_PLACE = re.compile(r"(?:/[A-Za-z0-9._-]{1,64}){1,16}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Account(GiverSettings):
    """Ephemeral accounts. ``uids`` are the first and the last possible uid. The accounts' homes are in the directory ``home``.
    Before a uid is used, jitd searches for files of this uid below the directories ``search``. If ``search`` is empty, all file
    systems that belong to this host are searched.
    """

    KIND = "account"
    KEYS = ("uids", "shell", "home", "search")
    GONE = {
        "groups": "jitd gives an account no groups: remove the line, and ask for a command with a group by jitsudo -g GROUP",
        "files": "jitd removes the home and temporary files: remove the line, and find other files by their uid: find / -uid UID",
    }

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


def _read_directory(word: str) -> str:
    if not word.startswith("/") or ".." in word.split("/") or "\0" in word:
        raise ValueError(f"{quoted(word)} is not an absolute directory")
    return word
