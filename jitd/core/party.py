# SPDX-License-Identifier: Apache-2.0
"""Whom a limit, a turn or a share counts for. It is an account or a principal, or processes that no account stands for.

Law: two people are never one party, and nobody is the party of processes. A person with an account on this host counts as the
account, and any other as the principal, so a missing uid is never somebody's number.
"""

from __future__ import annotations

from typing import Literal, NamedTuple


class Party(NamedTuple):
    """``key`` is a uid, a canonical principal (``Naming.canonical``), or the name of processes (``HOUSE``, ``STRANGERS``,
    ``AGENTS``, ``UNSEEN``).

    It is a tuple, because one is made for each comparison of two people, and a frozen dataclass takes longer to make.
    """

    kind: Literal["uid", "principal", "process"]
    key: int | str

    @classmethod
    def of_account(cls, uid: int) -> Party:
        return cls("uid", uid)

    @classmethod
    def of_principal(cls, principal: str) -> Party:
        return cls("principal", principal)

    @property
    def is_root(self) -> bool:
        """True for uid 0 alone, to which limits do not apply."""
        return self.kind == "uid" and self.key == 0

    def told(self) -> dict[str, int | str]:
        """Return the party as a value of a line of the log, such as ``uid=1000``."""
        return {self.kind: self.key}

    def __str__(self) -> str:
        return f"{self.kind}={self.key}"


OF_ROOT = Party.of_account(0)
HOUSE = Party("process", "jitd")  # the daemon's own work. If it hangs, it uses nothing of root's share.
STRANGERS = Party("process", "strangers")  # all who are at the door, and of whom nobody knows yet who they are
AGENTS = Party("process", "agents")  # those at the door who have the roll called, and are nobody
UNSEEN = Party("process", "unseen")  # their processes have ended, or are in a pid namespace of their own
