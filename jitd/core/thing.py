# SPDX-License-Identifier: Apache-2.0
"""The names of things that can be given: a kind, a colon, and a name within the kind.

Law: a thing has one spelling. Two different names are two different things.
"""

from __future__ import annotations

import re

SERVICE_TICKET = "service-ticket"
"""The kind of thing that is leave to get a ticket for a service from the KDC."""
MOST = 256
"""The most characters in the name of a thing."""
_SERVICE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*(?:/[A-Za-z0-9][A-Za-z0-9._-]*){1,3}")
_NEVER = frozenset({"krbtgt", "kadmin", "kiprop", "K", "jitd", "jitd-kdc", "jitd-canary"})
"""The first components of services for which jitd never gives a ticket: those of the KDC, and jitd's own."""


def read_thing(word: str) -> str:
    """Return ``word`` if it is the name of a thing that can be given. Raises ValueError with a sentence if not."""
    kind, colon, name = word.partition(":")
    if not colon:
        raise ValueError(f'"{word}" does not say what kind of thing it is: {SERVICE_TICKET}:SERVICE/HOST')
    if kind != SERVICE_TICKET:
        raise ValueError(f'"{kind}" is not a kind of thing that jitd gives; there is {SERVICE_TICKET}')
    if len(word) > MOST or not _SERVICE.fullmatch(name):
        raise ValueError(f'"{name}" is not the name of a service, such as postgres/db1.example.org (without a realm)')
    if name.partition("/")[0] in _NEVER:
        raise ValueError(f'"{name}" is never given: it is a service of the KDC, or of jitd')
    return word


def service_of(thing: str, realm: str) -> str:
    """Return the principal, in ``realm``, of the service that the service ticket ``thing`` is for."""
    return f"{thing.partition(':')[2]}@{realm}"
