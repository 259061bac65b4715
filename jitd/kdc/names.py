# SPDX-License-Identifier: Apache-2.0
"""The names of principals and hosts, as libkrb5 and the KDC write them. The fields of messages declare how they have them
(``jitpam.wire.declared``).
"""

from __future__ import annotations

import re

from jitpam.wire.declared import text

LONGEST_NAME = 1_024  # bytes of a principal's name in UTF-8. The realm is included.

_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_HOST = re.compile(rf"{_LABEL}(?:\.{_LABEL})+")
_LETTERS = r"(?:[^@\\\x00-\x1f\x7f]|\\[\\/@ntb0])+"
_NAME = re.compile(f"{_LETTERS}@{_LETTERS}")
_COMPONENT = re.compile(r"(?:[^@/\\]|\\.)*")


def is_host(text: str) -> bool:
    """True if ``text`` is a host name in lower case with a domain, and is at most 253 characters long."""
    return len(text) <= 253 and _HOST.fullmatch(text) is not None


def is_principal(text: str) -> bool:
    """True if krb5_unparse_name(3) could have written ``text``: with a realm, and no control characters."""
    try:
        size = len(text.encode("utf-8"))
    except UnicodeEncodeError:
        return False
    return size <= LONGEST_NAME and _NAME.fullmatch(text) is not None


HOST = text("a host's name").where(is_host, "a host's name")
PRINCIPAL = text("a principal with its realm").where(is_principal, "a principal with its realm")


def components(principal: str) -> list[str]:
    """Return the components of a principal's name, in their escaped form. The realm is left out."""
    found, at = [], 0
    while True:
        match = _COMPONENT.match(principal, at)
        assert match is not None  # the pattern also matches the empty string
        found.append(match[0])
        at = match.end() + 1
        if principal[match.end() : at] != "/":
            return found
