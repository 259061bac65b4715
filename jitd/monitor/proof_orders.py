# SPDX-License-Identifier: Apache-2.0
"""The messages between the daemon, the launcher, and the process that checks a local password.

Law: no message in this module contains the password. Pure.
"""

from __future__ import annotations

import json
from contextlib import suppress

SERVICE = "jitd-local"
"""The PAM service that checks local passwords."""
STACK = "/etc/pam.d/jitd-local"
WITHIN = 60
"""Seconds within which the person must type the password, and PAM must check it."""
YES, NO, NOTHING, UNSET = b"yes", b"no", b"nothing", b"unset"
"""The answers. NOTHING: no password was sent. UNSET: PAM could not be called. The answers NOTHING and UNSET are not counted as
wrong guesses.
"""


def write_order(user: str) -> bytes:
    """Return the packet with which the daemon orders the launcher to check the password of ``user``. Raises ValueError if the
    name is empty or too long, or contains characters that are not printable.
    """
    if not user or len(user) > 256 or not user.isprintable():
        raise ValueError("not the name of an account")
    return json.dumps({"prove": user}, separators=(",", ":")).encode("ascii")


def read_order(packet: bytes) -> str | None:
    """Return the account that is named in a packet of ``write_order``. Return None if the packet is of another kind."""
    if packet.startswith(b'{"prove":'):
        with suppress(ValueError):
            found = json.loads(packet)
            if found.keys() == {"prove"} and isinstance(found["prove"], str):
                return str(found["prove"])
    return None
