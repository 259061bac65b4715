# SPDX-License-Identifier: Apache-2.0
"""The name of this host, as its resolver has it (hostname(1), --fqdn).

Law: no program is executed for it. A resolver that does not answer costs NAMED_WITHIN seconds, and leaves the short name.
"""

from __future__ import annotations

import re
import socket
import threading
from contextlib import suppress

NAMED_WITHIN = 3.0
"""Seconds that the resolver has to name this host."""


_HOST = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,252}[A-Za-z0-9])?")


def is_host(text: str) -> bool:
    """True if ``text`` has the form of a host's name."""
    return _HOST.fullmatch(text) is not None


def host_name() -> str:
    """Return the fully qualified name of this host, or the short name if there is none. A silent name server costs up to 3 s."""
    name = socket.gethostname()
    return name if "." in name else _full_name(name)


def _full_name(name: str) -> str:
    """Return the full name that the resolver has for ``name`` (getaddrinfo(3), AI_CANONNAME), as hostname(1) --fqdn; ``name`` if
    there is none within NAMED_WITHIN seconds.
    """
    found: list[str] = []

    def ask() -> None:
        with suppress(OSError, UnicodeError):
            found.append(socket.getaddrinfo(name, None, flags=socket.AI_CANONNAME)[0][3])

    asking = threading.Thread(target=ask, daemon=True)  # the resolver cannot be interrupted: its thread is left to end
    asking.start()
    asking.join(NAMED_WITHIN)
    full = found[0] if found else name
    return full if is_host(full) and full.lower().startswith(f"{name.lower()}.") else name
