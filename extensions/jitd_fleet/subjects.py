# SPDX-License-Identifier: Apache-2.0
"""The subjects by which the two ends of a conversation find each other at the engine (PROTOCOL.md section 14)."""

from __future__ import annotations

import re

HOST = re.compile(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?")
"""A name that subjects can have: an underscore in it would be taken for a dot."""
ID = "[0-9a-f]{32}"
CLIENT = "U[A-Z2-7]{55}"
ROLL = "jit.roll"


def token(host: str) -> str:
    """Return how subjects name ``host``: a dot would divide them."""
    return host.replace(".", "_")


def dial(host: str) -> str:
    return f"jit.h.{token(host)}.dial"


def up(host: str, id: str) -> str:
    return f"jit.h.{token(host)}.c.{id}"


def down(client: str, host: str, id: str) -> str:
    return f"jit.c.{client}.{token(host)}.{id}"


def reply_of_roll(client: str, id: str) -> str:
    return f"jit.c.{client}.roll.{id}"


def words(client: str, id: str) -> str:
    """Return where ``client`` hears what all hosts answer to the call ``id``."""
    return f"jit.c.{client}.*.{id}"


def host_in(word: str) -> str:
    """Return how ``word``, the subject of an answer, names its host."""
    return word.split(".")[3]


def called(reply: str) -> tuple[str, str] | None:
    """Return the client and the id that are in ``reply``, the subject of a call of the roll, or None."""
    found = re.fullmatch(rf"jit\.c\.({CLIENT})\.roll\.({ID})", reply)
    return None if found is None else (found[1], found[2])


def dialled(reply: str, host: str) -> tuple[str, str] | None:
    """Return the client and the id that are in ``reply``, the subject on which a client of ``host`` listens, or None."""
    found = re.fullmatch(rf"jit\.c\.({CLIENT})\.{re.escape(token(host))}\.({ID})", reply)
    return None if found is None else (found[1], found[2])
