# SPDX-License-Identifier: Apache-2.0
"""The names of things that jitd can give. The name of a thing consists of a kind, a colon, and a name within the kind.

Law: a thing has only one spelling. Two different names are two different things.
"""

from __future__ import annotations

import re
from collections.abc import Collection

SERVICE_TICKET = "service-ticket"  # a thing of this kind permits a person to get a service ticket from the KDC
MOST = 256  # characters in the name of a thing
_SERVICE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*(?:/[A-Za-z0-9][A-Za-z0-9._-]*){1,3}")
_GIVER = re.compile(r"[a-z][a-z0-9-]{0,31}")
_NEVER = frozenset({"krbtgt", "kadmin", "kiprop", "K", "jitd", "jitd-kdc", "jitd-canary"})
"""First components of the services of the KDC and of jitd itself, for which jitd never gives a ticket."""


def read_thing(word: str, kinds: Collection[str], *, has_tickets: bool = True) -> str:
    """Return ``word`` if it is the name of a thing that jitd can give. ``kinds`` are the kinds of which ``[givers.*]`` can define
    things. Service tickets can be given if ``has_tickets``. If the name is not valid, raises ValueError with a sentence.
    """
    kind, colon, name = word.partition(":")
    if not colon:
        raise ValueError(f'"{word}" does not name a kind of thing: write {SERVICE_TICKET}:SERVICE/HOST, or KIND:NAME')
    if kind in kinds:
        return f"{kind}:{read_giver(name)}"
    if kind == SERVICE_TICKET and not has_tickets:
        raise ValueError(f'"{word}" is not given here: service tickets need the extension gates, which is not used')
    if kind != SERVICE_TICKET:
        known = ", ".join((*((SERVICE_TICKET,) if has_tickets else ()), *kinds)) or "none"
        raise ValueError(f'"{kind}" is not a kind of thing that jitd gives; there are {known}')
    if len(word) > MOST or not _SERVICE.fullmatch(name):
        raise ValueError(f'"{name}" is not the name of a service, such as postgres/db1.example.org (without a realm)')
    if name.partition("/")[0] in _NEVER:
        raise ValueError(f'"{name}" is never given: it is a service of the KDC, or of jitd')
    return word


def read_giver(name: str) -> str:
    """Return ``name`` if it is valid as NAME in a table ``[givers.NAME]``. Raises ValueError with a sentence."""
    if not _GIVER.fullmatch(name):
        raise ValueError(f'"{name}" is not a name for a giver: small letters, digits and hyphens, at most 32')
    return name


def is_service_ticket(thing: str) -> bool:
    """True if ``thing`` permits a person to get a ticket from the KDC. False if a table ``[givers.NAME]`` defines ``thing``."""
    return thing.partition(":")[0] == SERVICE_TICKET


def service_of(thing: str, realm: str) -> str:
    """``thing`` is the name of a service ticket. Return the principal of its service in ``realm``."""
    return f"{thing.partition(':')[2]}@{realm}"
