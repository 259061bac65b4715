# SPDX-License-Identifier: Apache-2.0
"""A public key as an administrator names it: alone, or in a line of allowed signers (ssh-keygen(1), ALLOWED SIGNERS).

Law: pure, for Python 3.9 and later. `contrib/verifier` copies this into verify.py, so it imports nothing of jitd but another
module that is copied.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from jitd.audit.sshsig import ALGORITHM, read_public


class NamedKey(NamedTuple):
    """A public key (32 bytes) that somebody has named. ``principals`` are patterns of the names of hosts and witnesses, and
    ``namespaces`` those of what the key may sign. Either is empty if there is no bound.
    """

    public: bytes
    principals: tuple[str, ...] = ()
    namespaces: tuple[str, ...] = ()

    def may_sign(self, name: str, namespace: str) -> bool:
        """True if the key is good for what ``name`` signs in ``namespace``."""
        return is_listed(name, self.principals) and is_listed(namespace, self.namespaces)


def read_named(line: str) -> NamedKey:
    """Read a public key, alone or in a line of allowed signers. Raises ValueError with a sentence."""
    if line.startswith(f"{ALGORITHM} "):
        comment = line.split(None, 2)[2:]
        return NamedKey(read_public(line), tuple(one for one in comment if re.fullmatch(r"jitd@[0-9A-Za-z._-]+", one)))
    before, found, after = line.partition(f" {ALGORITHM} ")
    if not found:
        raise ValueError(f"not a public key of the form '{ALGORITHM} BASE64'")
    principals, _, options = before.partition(" ")
    namespaces: tuple[str, ...] = ()
    if options.strip():
        only = re.fullmatch(r'namespaces="([^"]+)"', options.strip(), re.IGNORECASE)
        if only is None:
            raise ValueError(f"of the options of allowed signers, only namespaces is understood, and not {options.strip()}")
        namespaces = tuple(only[1].split(","))
    return NamedKey(read_public(f"{ALGORITHM} {after}"), tuple(principals.split(",")), namespaces)


def is_listed(name: str, patterns: tuple[str, ...]) -> bool:
    """True if ``name`` matches one of ``patterns`` and none that begins with an exclamation mark (ssh_config(5), PATTERNS)."""
    if not patterns:
        return True
    if any(_matches(name, pattern[1:]) for pattern in patterns if pattern.startswith("!")):
        return False
    return any(_matches(name, pattern) for pattern in patterns if not pattern.startswith("!"))


def _matches(name: str, pattern: str) -> bool:
    parts = (".*" if char == "*" else "." if char == "?" else re.escape(char) for char in pattern)
    return re.fullmatch("".join(parts), name) is not None
