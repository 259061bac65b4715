# SPDX-License-Identifier: Apache-2.0
"""The names of things that jitd can give. The name of a thing consists of a kind, a colon, and a name within the kind.

Law: a thing has only one spelling. Two different names are two different things.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

SERVICE_TICKET = "service-ticket"
"""A thing of this kind permits a person to get a service ticket from the KDC."""


@dataclass(frozen=True, slots=True)
class Kind:
    """What rules and requests know of a kind of thing.

    ``has_secret`` is True if its things come with a secret. A certificate is handed over in the same way, although it is not
    secret. ``key`` says whether a person sends a public key for it: "must", "may", or "no". If ``is_one_for_all`` is True, a
    person has the thing only once, even if two grants give it: when one of them ends, nothing changes for the person. With any
    other kind, each grant gives a thing of its own, such as a role with another name.
    """

    has_secret: bool = False
    key: str = "no"
    is_one_for_all: bool = False


KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        "account": Kind(key="may"),
        "postgres-role": Kind(has_secret=True),
        "program": Kind(),
        "ssh-certificate": Kind(has_secret=True, key="must"),
        "sudoers": Kind(is_one_for_all=True),
        "vault": Kind(has_secret=True, key="may"),  # for each of them, jitd.toml says whether it signs a key
    }
)
"""The kinds of things that a table ``[givers.NAME]`` of jitd.toml defines. The name of each such thing is KIND:NAME."""
_OTHERS = {SERVICE_TICKET: Kind(is_one_for_all=True), "group": Kind(is_one_for_all=True)}
FORMER_KINDS = ("group",)
"""Kinds of which an earlier version of jitd gave things. This version only takes them back."""
MOST = 256
"""Maximum number of characters in the name of a thing."""
_SERVICE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*(?:/[A-Za-z0-9][A-Za-z0-9._-]*){1,3}")
_GIVER = re.compile(r"[a-z][a-z0-9-]{0,31}")
_NEVER = frozenset({"krbtgt", "kadmin", "kiprop", "K", "jitd", "jitd-kdc", "jitd-canary"})
"""jitd never gives a ticket for a service whose first component is in this set. The set contains the services of the KDC and of
jitd itself.
"""


def read_thing(word: str) -> str:
    """Return ``word`` if it is the name of a thing that jitd can give. If the name is not valid, raises ValueError with a
    sentence.
    """
    kind, colon, name = word.partition(":")
    if not colon:
        raise ValueError(f'"{word}" does not name a kind of thing: write {SERVICE_TICKET}:SERVICE/HOST, or KIND:NAME')
    if kind in KINDS:
        return f"{kind}:{read_giver(name)}"
    if kind == "group":
        raise ValueError(instead_of_group("GROUP"))
    if kind != SERVICE_TICKET:
        raise ValueError(f'"{kind}" is not a kind of thing that jitd gives; there are {SERVICE_TICKET}, {", ".join(KINDS)}')
    if len(word) > MOST or not _SERVICE.fullmatch(name):
        raise ValueError(f'"{name}" is not the name of a service, such as postgres/db1.example.org (without a realm)')
    if name.partition("/")[0] in _NEVER:
        raise ValueError(f'"{name}" is never given: it is a service of the KDC, or of jitd')
    return word


def instead_of_group(group: str) -> str:
    """Return a sentence that says how ``group`` is given since there is no kind ``group`` any more (ADR 0095)."""
    rule = f'run_as = ["self:{group}"] and commands = [["**"]]'
    return f"a group is no longer given as a thing, but to a run: write {rule} in the rule; people ask by jitsudo -g {group}"


def read_giver(name: str) -> str:
    """Return ``name`` if ``name`` is valid as NAME in a table ``[givers.NAME]``. If the name is not valid, raises ValueError with
    a sentence.
    """
    if not _GIVER.fullmatch(name):
        raise ValueError(f'"{name}" is not a name for a giver: small letters, digits and hyphens, at most 32')
    return name


def is_service_ticket(thing: str) -> bool:
    """True if ``thing`` permits a person to get a ticket from the KDC. False if a table ``[givers.NAME]`` defines ``thing``."""
    return thing.partition(":")[0] == SERVICE_TICKET


def kind_of(thing: str) -> Kind:
    """Return what is known of the kind of ``thing``. Of a kind that there is not, nothing is known."""
    kind = thing.partition(":")[0]
    return KINDS.get(kind) or _OTHERS.get(kind) or Kind()


def is_of_former_kind(thing: str) -> bool:
    """True if only an earlier version of jitd gave ``thing``."""
    return thing.partition(":")[0] in FORMER_KINDS


def service_of(thing: str, realm: str) -> str:
    """``thing`` is the name of a service ticket. Return the principal of its service in ``realm``."""
    return f"{thing.partition(':')[2]}@{realm}"
