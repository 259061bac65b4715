# SPDX-License-Identifier: Apache-2.0
"""Writes the questions to providers and gatekeepers as JSON.

Law: a provider gets only the values that its setting ``sends`` lists. Each question keeps two kinds of values apart: facts that
jitd has checked, and claims of the client. The claims are in the member ``claims``. The function ``spelled`` converts each text
from a client. Two different texts never become the same text.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from jitd.core.claims import Claims, Point
from jitd.core.command import Command
from jitd.core.decision import Approval
from jitd.core.gatekeeping import Asking
from jitd.core.grade import told
from jitd.core.question import Question
from jitd.core.subject import Subject
from jitd_outsiders.asking import json_text

VERSION = 1  # changes when a member of a question is removed or gets another meaning


def spelled(value: bytes) -> str:
    r"""Return ``value`` as text. A byte that is not valid UTF-8 is written as ``\xNN``, and each backslash is doubled."""
    text = value.decode("utf-8", "surrogateescape").replace("\\", "\\\\")
    return "".join(f"\\x{ord(char) - 0xDC00:02x}" if 0xDC80 <= ord(char) <= 0xDCFF else char for char in text)


def _text(value: str | None) -> str | None:
    """Write ``value``, a text from a client, with ``spelled``. Return None if ``value`` is None."""
    return None if value is None else spelled(value.encode("utf-8", "surrogatepass"))


_SENT: Mapping[str, Callable[[Question], object]] = {
    "requester": lambda about: about.requester.principal,
    "host": lambda about: about.host,
    "user": lambda about: about.requester.user,
    "groups": lambda about: sorted(about.requester.groups),
    "group_ids": lambda about: sorted(about.requester.gids),
    "run_as": lambda about: {"user": about.command.run_as.user, "group": about.command.run_as.group},
    "service": lambda about: about.service,
    "path": lambda about: spelled(about.command.path),
    "argv": lambda about: [spelled(word) for word in about.command.argv],
    "cwd": lambda about: spelled(about.command.cwd),
}
"""Maps each word of ``sends`` to what returns the value. ``reason``, the requester's claim, is sent separately."""


def for_provider(facts: Mapping[str, str], sends: tuple[str, ...], about: Question) -> bytes:
    """Return what a provider is asked for the ``facts`` that it supplies, with what it is told of ``about``."""
    sent: dict[str, object] = {"version": VERSION, "facts": dict(facts)}
    sent |= {word: tell(about) for word, tell in _SENT.items() if word in sends}
    if "reason" in sends:
        sent["claims"] = {"reason": _text(about.reason)}
    return json_text.write(sent)


def for_gatekeeper(name: str, nonce: str, asking: Asking, until: datetime) -> dict[str, object]:
    """Return the question to the gatekeeper ``name``, with a fresh ``nonce``. No answer counts after ``until`` (aware)."""
    return {
        "version": VERSION,
        "gatekeeper": name,
        "nonce": nonce,
        "id": asking.id,
        "fingerprint": asking.fingerprint.hex(),
        "deadline": until.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        "host": asking.host,
        "service": asking.service,
        "rule": asking.rule,
        "policy": asking.policy,
        "requester": _person(asking.requester),
        "command": _command(asking.command),
        **({} if asking.command.findings is None else told(asking.command.findings)),
        "asked": asking.terms.told,
        "owed": [_owed(approval) for approval in asking.owed],
        "approved": list(asking.approved),
        "point": _point(asking.point),
        "break_glass": asking.breaks_glass,
        "facts": dict(asking.facts),
        "claims": _claims(asking.claims),
    }


def _owed(approval: Approval) -> dict[str, object]:
    ways = [{"need": way.need, "from": list(way.of_whom), **({"after": way.after} if way.after else {})} for way in approval.ways]
    return {**ways[0], "instead": ways[1:]} if approval.instead else ways[0]


def _person(who: Subject) -> dict[str, object]:
    return {
        "principal": who.principal,
        "user": who.user,
        "uid": who.uid,
        "groups": sorted(who.groups),
        "group_ids": sorted(who.gids),
        "person": who.person,
    }


def _command(command: Command) -> dict[str, object]:
    return {
        "argv": [spelled(word) for word in command.argv],
        "path": spelled(command.path),
        "digest": command.digest.hex(),
        "run_as": {"user": command.run_as.user, "group": command.run_as.group},
        "cwd": spelled(command.cwd),
        "variables": [[spelled(name), spelled(value)] for name, value in command.variables],
        "options": [spelled(option) for option in command.options],
        "doubt": command.doubt,
        "gives": list(command.things),
    }


def _point(point: Point | None) -> dict[str, object] | None:
    if point is None:
        return None
    return {"stage": point.stage, "remote_host": _text(point.remote_host), "authenticated": _text(point.authenticated)}


def _claims(claims: Claims) -> dict[str, object]:
    return {
        "reason": _text(claims.reason),
        "tty": None if claims.tty is None else spelled(claims.tty),
        "parents": [_text(parent) for parent in claims.parents],
    }
