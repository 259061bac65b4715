# SPDX-License-Identifier: Apache-2.0
"""The subjects by which the two ends of a conversation find each other at the engine (PROTOCOL.md section 14)."""

from __future__ import annotations

import re

HOST = re.compile(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?")
"""A name that subjects can have: an underscore in it would be taken for a dot."""
ID = "[0-9a-f]{32}"
CLIENT = "U[A-Z2-7]{55}"


def token(host: str) -> str:
    """Return how subjects name ``host``: a dot would divide them."""
    return host.replace(".", "_")


def dial(host: str) -> str:
    return f"jit.h.{token(host)}.dial"


def up(host: str, id: str) -> str:
    return f"jit.h.{token(host)}.c.{id}"


def down(client: str, host: str, id: str) -> str:
    return f"jit.c.{client}.{token(host)}.{id}"


def dialled(reply: str, host: str) -> tuple[str, str] | None:
    """Return the client and the id that are in ``reply``, the subject on which a client of ``host`` listens, or None."""
    found = re.fullmatch(rf"jit\.c\.({CLIENT})\.{re.escape(token(host))}\.({ID})", reply)
    return None if found is None else (found[1], found[2])
