# SPDX-License-Identifier: Apache-2.0
"""The table of names that the condition ``when`` of a rule may use. For each name, the table contains the type, the source of the
value, and the meaning of a missing value.

Law: the list of names in the manual (jitd-policy(5)) agrees with this table. A value under ``claim.`` comes from the requester's
client. Every other value comes from the daemon, the host or the enforcement point.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from math import isfinite
from types import MappingProxyType

ROOTS = ("request", "subject", "claim", "fact")  # the first word of each name
TYPES = ("bool", "int", "double", "string", "timestamp", "list")  # a `list` is a list of strings


_SURROGATE = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Name:
    """The description of a name. ``type`` is one of TYPES. ``source`` is the source of the value, such as ``KDC``. ``meaning``
    describes the value. ``silence`` is True if the source may have no value. For such a name, ``meaning`` also describes the
    value that jitd uses instead of the missing value. Therefore such a name always has a value.
    """

    type: str
    source: str
    meaning: str
    silence: bool = False


_REQUEST = {
    "request.argv": Name("list", "request", "the command and its arguments, each as text"),
    "request.path": Name("string", "request", "the command's path; empty for a login and for a thing", silence=True),
    "request.user": Name("string", "request", "the account to run as"),
    "request.group": Name("string", "request", "the group to run as"),
    "request.cwd": Name("string", "request", "the working directory"),
    "request.service": Name("string", "request", "the service, such as jitsudo or sshd"),
    "request.host": Name("string", "request", "this host's name, by jitd.toml"),
    "request.gives": Name("list", "request", "the requested things; empty for a command", silence=True),
    "request.lasts": Name(
        "int", "request", "the length of the requested lease in seconds; 0 if no lease is requested", silence=True
    ),
    "request.uses": Name("int", "request", "the number of requested uses; 0 if no number is requested", silence=True),
}
_SUBJECT = {
    "subject.principal": Name(
        "string", "KDC", "the principal; local:USER if there is no ticket; not known if a local password was used", silence=True
    ),
    "subject.user": Name("string", "accounts", "the account of the requester"),
    "subject.groups": Name("list", "accounts", "the groups of the requester, sorted"),
    "subject.is_local": Name("bool", "daemon", "true if the requester has no ticket, whether a local password was used or not"),
    "subject.indicators": Name("list", "KDC", "the authentication indicators of the ticket, sorted; empty if none", silence=True),
}
_CLAIM = {
    "claim.reason": Name("string", "client", "the reason; empty if none was given", silence=True),
    "claim.tty": Name("string", "client", "the terminal; empty if none was named", silence=True),
}
_FACT = {
    "fact.now": Name("timestamp", "clock", "the time of the decision"),
    "fact.host": Name("string", "host", "the name that the kernel has for this host"),
    "fact.uptime": Name("int", "host", "seconds since the host started"),
    "fact.load": Name("double", "host", "the load of the last minute, for each processor"),
    "fact.logged_in": Name("int", "host", "how many people are logged in"),
    "fact.tainted": Name("bool", "host", "true if the kernel reports that it is tainted"),
    "fact.unit": Name("string", "host", "the systemd unit that the caller is in"),
    "fact.cgroup": Name("string", "host", "the control group that the caller is in"),
    "fact.origin": Name("string", "host", "where the login session began: local, console, remote, or an address"),
    "fact.file_owner": Name("string", "file", "the account that the command's file belongs to"),
    "fact.file_mode": Name("int", "file", "the permission bits of the command's file"),
    "fact.file_digest": Name("string", "file", "the SHA-256 of the command's file, in hexadecimal digits"),
    "fact.package": Name("string", "file", "the Debian package that the command's file belongs to"),
    "fact.as_packaged": Name("bool", "file", "true if the command's file is as its package installed it"),
    "fact.authenticated_for": Name("int", "ticket", "seconds since the initial authentication"),
    "fact.ticket_left": Name("int", "ticket", "seconds until the ticket ends"),
    "fact.forwarded": Name("bool", "ticket", "true if the ticket was forwarded"),
    "fact.preauthenticated": Name("bool", "ticket", "true if the KDC asked for a proof before it gave the first ticket"),
    "fact.hardware": Name("bool", "ticket", "true if a hardware device was used to prove to the KDC who the person is"),
    "fact.asked_last_hour": Name("int", "record", "how often the requester has asked in the last hour"),
    "fact.asked_last_day": Name("int", "record", "how often the requester has asked in the last 24 hours"),
    "fact.denied_last_hour": Name("int", "record", "how often the requester was denied in the last hour"),
    "fact.denied_last_day": Name("int", "record", "how often the requester was denied in the last 24 hours"),
    "fact.ran_last_hour": Name("int", "record", "how many runs the requester has started in the last hour"),
    "fact.ran_last_day": Name("int", "record", "how many runs the requester has started in the last 24 hours"),
}

NAMES: Mapping[str, Name] = MappingProxyType(_REQUEST | _SUBJECT | _CLAIM | _FACT)
"""Maps each built-in name to its description. Providers (jitd.toml(5)) add only others, under ``fact.``."""
OF_THE_FILE = frozenset(name for name, told in NAMES.items() if told.source == "file")
"""The names of facts about the command's file. jitd may open this file only after the rules have permitted its path."""
MOST_ELEMENTS = 1000  # members of a list in an expression: each may be compared with a pattern, which takes time
MOST_CHARACTERS = 128 * 1024  # characters in the value of one name. The texts of a list count together.


def fault_in(value: object, type: str) -> str:
    """Return why a name of ``type`` cannot have ``value``, as the end of a sentence after the name, or "". Nothing is converted:
    a bool is not an int, and an int is not a double.
    """
    match type, value:
        case "bool", bool():
            return ""
        case "int", int() if not isinstance(value, bool):
            return "" if -(2**63) <= value < 2**63 else "has more than 64 bits"
        case "double", float():
            return "" if isfinite(value) else "is not a number"
        case "string", str():
            return _fault_in_texts((value,))
        case "list", tuple() if all(isinstance(member, str) for member in value):
            if len(value) > MOST_ELEMENTS:
                return f"has more than {MOST_ELEMENTS} members"
            return _fault_in_texts(value)
        case "timestamp", datetime():
            if value.utcoffset() is None:
                return "has no time zone"
            return "" if 2 <= value.year <= 9998 else "lies outside the years 2 to 9998"
    return f"is not of type {type}"


def _fault_in_texts(texts: tuple[str, ...]) -> str:
    if sum(map(len, texts)) > MOST_CHARACTERS:
        return f"is longer than {MOST_CHARACTERS} characters"
    return "" if not any(map(_SURROGATE.search, texts)) else "contains half of a character (a surrogate)"
