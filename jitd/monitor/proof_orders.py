# SPDX-License-Identifier: Apache-2.0
"""The messages between the daemon, the launcher, and the process that asks PAM about an account: whether a local password is
right, or whether the account may be used at all. No message in this module contains the password.
"""

from __future__ import annotations

import json
import re
from contextlib import suppress
from typing import NamedTuple

_SERVICE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")

SERVICE = "jitd-local"
"""The PAM service that checks local passwords."""
STACK = "/etc/pam.d/jitd-local"
WITHIN = 60
"""Seconds within which the person must type the password, and PAM must check it."""
POLICY_WITHIN = 10
"""Seconds within which PAM must say whether an account may be used."""
YES, NO, NOTHING, UNSET = b"yes", b"no", b"nothing", b"unset"
"""The answers. NOTHING: no password was sent. UNSET: PAM could not be called. The answers NOTHING and UNSET are not counted as
wrong guesses.
"""


class MayUse(NamedTuple):
    """The order to ask the account stage of the PAM service ``service`` whether the account ``user`` may be used."""

    user: str
    service: str


def write_order(user: str) -> bytes:
    """Return the packet with which the daemon orders the launcher to check the password of ``user``. Raises ValueError if the
    name is empty or too long, or contains characters that are not printable.
    """
    if not user or len(user) > 256 or not user.isprintable():
        raise ValueError("not the name of an account")
    return json.dumps({"prove": user}, separators=(",", ":")).encode("ascii")


def write_policy_order(order: MayUse) -> bytes:
    """Return the packet with which the daemon orders the launcher to ask PAM about an account. Raises ValueError."""
    if not order.user or len(order.user) > 256 or not order.user.isprintable():
        raise ValueError("not the name of an account")
    return json.dumps({"may_use": order.user, "service": order.service}, separators=(",", ":")).encode("ascii")


def read_order(packet: bytes) -> str | MayUse | None:
    """Return the account that is named in a packet of ``write_order``, or the order of ``write_policy_order``. Return None if the
    packet is of another kind.
    """
    if packet.startswith((b'{"prove":', b'{"may_use":')):
        with suppress(ValueError):
            found = json.loads(packet)
            if all(isinstance(value, str) for value in found.values()):
                if found.keys() == {"prove"}:
                    return str(found["prove"])
                if found.keys() == {"may_use", "service"} and _SERVICE.fullmatch(found["service"]):
                    return MayUse(found["may_use"], found["service"])
    return None
