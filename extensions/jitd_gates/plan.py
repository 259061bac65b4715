# SPDX-License-Identifier: Apache-2.0
"""Plans changes in the KDC's entry of a service. With these changes the KDC's administrator gates or ungates the service. If a
service is gated, the KDC issues a ticket for the service only if there is a grant for the ticket.

Law: a plan is a list of steps. Each step has a sentence that explains the step. A plan may gate a service that was already gated.
Such a service stays gated even if the plan is interrupted. If a setting is already right, the plan does not change it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from jitd.kdc.names import components, is_host, is_principal
from jitd_gates.strings import APPROVAL, CANARY, GRANT, GRANTED_BY, LOG, REQUIRED, granted_by, may_be_gated

FLAGS = {
    "-allow_forwardable": "DISALLOW_FORWARDABLE",
    "-allow_proxiable": "DISALLOW_PROXIABLE",
    "-allow_postdated": "DISALLOW_POSTDATED",
    "-allow_dup_skey": "DISALLOW_DUP_SKEY",
}
"""The flags that a gated entry must have. Each key is kadmin's option for the flag. Each value is the word that getprinc prints.
The option -allow_renewable is left out. With -allow_renewable, the KDC would refuse every request that contains a renewable TGT.
"""
MAX_LIFE = 36_000  # seconds that a ticket lives at most, also if its grant ends later. The administrator can set another number
DEFAULT_SKEW = 300  # allowed clock skew in seconds, if krb5.conf does not set `clockskew` (krb5.conf(5))

_WORD = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:$-]*(?:/[A-Za-z0-9_.:$-]+)*(?:@[A-Za-z0-9_.-]+)?")
_LIFE = re.compile(r"(\d+) days? (\d+):(\d+):(\d+)")


class CannotPlan(Exception):
    """No plan can be made. The text of the exception is a sentence that gives the reason."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A principal as kadmin.local prints it. The lifetimes are in seconds. ``flags`` are words such as DISALLOW_POSTDATED."""

    principal: str
    max_life: int
    max_renewable_life: int
    flags: frozenset[str]
    strings: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a plan. ``line`` is the command for kadmin.local. ``sentence`` describes the effect of the command."""

    sentence: str
    line: tuple[str, ...]


def read_entry(printed: str, strings: str) -> Entry:
    """Return the entry that getprinc (``printed``) and getstrs (``strings``) tell. Raises ValueError if a line is missing."""
    found: dict[str, str] = {}
    for line in printed.split("\n"):
        name, _, value = line.partition(": ")
        found.setdefault(name.rstrip(":"), value.strip())
    pairs = {}
    for line in strings.split("\n"):
        if GRANT in line[: len(GRANT)]:  # the name of a grant's string contains a colon, too
            name, _, value = line.removeprefix(GRANT).partition(": ")
            pairs[GRANT + name] = value
        elif ": " in line:
            name, _, value = line.partition(": ")
            pairs[name] = value
    try:
        return Entry(
            principal=found["Principal"],
            max_life=_life(found["Maximum ticket life"]),
            max_renewable_life=_life(found["Maximum renewable life"]),
            flags=frozenset(found["Attributes"].split()),
            strings=pairs,
        )
    except KeyError as missing:
        raise ValueError(f"the output of kadmin.local has no line {missing}") from None


def _life(text: str) -> int:
    match = _LIFE.fullmatch(text)
    if match is None:
        raise ValueError(f"the output of kadmin.local has a lifetime in an unknown form: {text!r}")
    days, hours, minutes, seconds = map(int, match.groups())
    return ((days * 24 + hours) * 60 + minutes) * 60 + seconds


def check_name(service: str) -> None:
    """Raise CannotPlan if ``service`` is not the name of a service, or its gating must not be changed."""
    if not _WORD.fullmatch(service) or not is_principal(service if "@" in service else f"{service}@R"):
        raise CannotPlan(f"{service!r} is not the name of a service, such as postgres/db1.example.org")
    first = components(service)[0]
    if not may_be_gated(service):
        raise CannotPlan(f"{service}: tickets for {first} are never gated: the realm, or jitd itself, needs them")
    if first == CANARY:
        raise CannotPlan(f"{service} is a canary: jitd kdc setup makes it, and it stays gated")


def check_hosts(hosts: Sequence[str]) -> None:
    """Raise CannotPlan if one of ``hosts`` is not the full name of a host."""
    for host in hosts:
        if not is_host(host):
            raise CannotPlan(f"{host!r} is not the full name of a host in lower case, such as bastion.example.org")


def gate(entry: Entry, hosts: Sequence[str], *, max_life: int | None = None, approval: str = REQUIRED) -> list[Step]:
    """Return the steps that gate ``entry``. If ``hosts`` is empty, the string GRANTED_BY is not changed. ``max_life`` is the new
    maximum lifetime in seconds. If ``max_life`` is None, the maximum lifetime in the entry stays, as long as it is not longer
    than MAX_LIFE. If it is longer, or if the entry has none, it becomes MAX_LIFE.

    Raises CannotPlan if no host could grant tickets for the entry after the planned steps.
    """
    service = entry.principal
    named = " ".join(hosts) if hosts else entry.strings.get(GRANTED_BY)
    if not granted_by(service, named) and components(service)[0] != CANARY:
        raise CannotPlan(f"{service}: the name contains no host, so name the host that may grant it: --granted-by HOST")
    steps = []
    wanted_life = max_life or (entry.max_life if 0 < entry.max_life <= MAX_LIFE else MAX_LIFE)
    options = [option for option, flag in FLAGS.items() if flag not in entry.flags]
    if options:
        steps.append(
            Step("forbid tickets that are forwarded, proxied, postdated or user-to-user", ("modprinc", *options, service))
        )
    if entry.max_renewable_life:
        steps.append(Step("forbid to renew its tickets", ("modprinc", "-maxrenewlife", "0 seconds", service)))
    if entry.max_life != wanted_life:
        sentence = f"let its tickets last {told(wanted_life)} at most (now {told(entry.max_life)})"
        steps.append(Step(sentence, ("modprinc", "-maxlife", f"{wanted_life} seconds", service)))
    if hosts and entry.strings.get(GRANTED_BY) != named:
        sentence = f"let the jitd of these hosts grant it: {named}"
        steps.append(Step(sentence, ("setstr", service, GRANTED_BY, " ".join(hosts))))
    if entry.strings.get(APPROVAL) != approval:
        what = (
            "refuse tickets that are not granted" if approval == REQUIRED else "issue all tickets, and log what would be refused"
        )
        steps.append(Step(f"have the KDC {what}", ("setstr", service, APPROVAL, approval)))
    return steps


def ungate(entry: Entry) -> list[Step]:
    """Return the steps after which everybody can get a ticket for the service. Its flags and lifetimes stay."""
    service = entry.principal
    grants = [name for name in entry.strings if name.startswith(GRANT)]
    steps = [Step(f"delete the grant {name.removeprefix(GRANT)}", ("delstr", service, name)) for name in grants]
    if GRANTED_BY in entry.strings:
        steps.append(Step("forget which hosts may grant it", ("delstr", service, GRANTED_BY)))
    if APPROVAL in entry.strings:
        steps.append(Step("have the KDC issue tickets for it to anybody who asks", ("delstr", service, APPROVAL)))
    return steps


def told(seconds: int) -> str:
    """Return ``seconds`` as a duration for people: ``10 h``, ``1 h 30 min``, ``1 min 30 s``."""
    hours, rest = divmod(seconds, 3600)
    minutes, left = divmod(rest, 60)
    words = [f"{number} {unit}" for number, unit in ((hours, "h"), (minutes, "min"), (left, "s")) if number]
    return " ".join(words) or "0 s"


def is_gated(strings: Mapping[str, str]) -> bool:
    """True if the KDC refuses tickets without a grant. ``strings`` are those of the service's entry."""
    return strings.get(APPROVAL) not in (None, LOG)
