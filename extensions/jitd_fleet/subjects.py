# SPDX-License-Identifier: Apache-2.0
"""The subjects by which the two ends of a conversation find each other at the engine (PROTOCOL.md section 14)."""

from __future__ import annotations

import re

ROLL = "roll"
HOST = re.compile(rf"(?!{ROLL}\Z)[a-z0-9]([a-z0-9.-]{{0,251}}[a-z0-9])?")
"""A name that subjects can have: an underscore would be taken for a dot, and a host called ROLL could speak for the server."""
NO_NAME = f"cannot be reached by NATS, because of its name: there is an underscore in it, or it is {ROLL}"
ID = "[0-9a-f]{32}"
CLIENT = "U[A-Z2-7]{55}"
_CALLER = re.compile(rf"({CLIENT})\.({ID})")


def token(host: str) -> str:
    """Return how subjects name ``host``: a dot would divide them."""
    return host.replace(".", "_")


def dial(host: str, client: str, id: str) -> str:
    return f"jit.h.{token(host)}.dial.{client}.{id}"


def up(host: str, client: str, id: str) -> str:
    return f"jit.h.{token(host)}.c.{client}.{id}"


def down(client: str, host: str, id: str) -> str:
    return f"jit.c.{client}.{token(host)}.{id}"


def roll(client: str, id: str) -> str:
    return f"jit.roll.{client}.{id}"


def reply_of_roll(client: str, id: str) -> str:
    """Return where the server says that no agent is there."""
    return down(client, ROLL, id)


def words(client: str, id: str) -> str:
    """Return where ``client`` hears what all hosts answer to the call ``id``."""
    return f"jit.c.{client}.*.{id}"


def host_in(word: str) -> str:
    """Return how ``word``, the subject of an answer, names its host."""
    return word.split(".")[3]


def caller(subject: str) -> tuple[str, str] | None:
    """Return the client and the id at the end of a desk's ``subject``, or None. The server lets nobody name another client."""
    found = _CALLER.fullmatch(".".join(subject.split(".")[-2:]))
    return None if found is None else (found[1], found[2])
