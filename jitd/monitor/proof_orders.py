# SPDX-License-Identifier: Apache-2.0
"""What daemon, launcher and the process that checks a local password say to each other.

Law: no message here has the password. Pure.
"""

from __future__ import annotations

import json
from contextlib import suppress

SERVICE = "jitd-local"
"""The PAM service that checks local passwords."""
STACK = "/etc/pam.d/jitd-local"
WITHIN = 60
"""Seconds within which the password has to be typed and checked."""
YES, NO, NOTHING, UNSET = b"yes", b"no", b"nothing", b"unset"
"""The answers. NOTHING: no password was sent. UNSET: PAM could not be asked. Neither of the two was a guess."""


def write_order(user: str) -> bytes:
    """Return the packet by which the daemon asks the launcher for such a process. Raises ValueError if the name is not plain."""
    if not user or len(user) > 256 or not user.isprintable():
        raise ValueError("not the name of an account")
    return json.dumps({"prove": user}, separators=(",", ":")).encode("ascii")


def read_order(packet: bytes) -> str | None:
    """Return the account in such a packet; None if the packet is another one."""
    if packet.startswith(b'{"prove":'):
        with suppress(ValueError):
            found = json.loads(packet)
            if found.keys() == {"prove"} and isinstance(found["prove"], str):
                return str(found["prove"])
    return None
