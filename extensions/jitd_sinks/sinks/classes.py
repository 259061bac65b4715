# SPDX-License-Identifier: Apache-2.0
"""Says of what classes a record is, and how severe it is. A sink may be narrowed to some classes: the rest is an alert.
Law: both are read from the record and from the request that it is about. What the event alone says is in its row
(``audit.events``).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jitd.audit.events import alerts_of, topic_of
from jitd.core.chain import actor_of, event_of
from jitd.core.grade import Grade, damage, worst
from jitd.core.request import Request, RequestState
from jitd.core.root_groups import whose_power
from jitd.core.subject import BY_PAM, ROOT

DENIED = RequestState.DENIED.value
CHECKPOINT = "checkpoint"  # the name under which a checkpoint is sent. Checkpoints are of the class `chain`.
_SEVERITY: Mapping[str, int] = {
    "chain": 5,
    "lock": 4,
    "denied": 4,
    "drift": 4,
    "gives-root": 3,
    "damage": 3,
    "bypass": 3,
    "break-glass": 2,
    "gate-off": 2,
}
"""Maps each class to the severity of syslog (RFC 5424, table 2). A record of none of them has INFORMATIONAL."""
INFORMATIONAL = 6


def classes_of(content: Mapping[str, Any], about: Request | None) -> frozenset[str]:
    """Return the CLASSES (``jitd_sinks.settings``) of the record ``content``, which may be ``about`` a request."""
    event = event_of(content)
    found = {
        "break-glass": about is not None and about.breaks_glass,
        "denied": is_denial(content),
        "gives-root": about is not None and _gives_root(about),
        "damage": about is not None and bool(damage(about.command.findings or ())),
        "bypass": _is_by_other_proof(event, actor_of(content), about),
    }
    return alerts_of(event).union(name for name, is_of in found.items() if is_of)


def _is_by_other_proof(event: str, actor: str, about: Request | None) -> bool:
    """True if the requester of ``about``, or ``actor``, who did this, authenticated by local PAM or is root without a ticket."""
    if about is not None and (about.requester.is_root or about.requester.is_by_pam):
        return True
    return topic_of(event).is_by_people and (actor == ROOT or actor.startswith(BY_PAM))


def is_denial(content: Mapping[str, Any]) -> bool:
    """True if with the record ``content``, a request was denied."""
    return content.get("state") == DENIED and event_of(content).startswith("request.")


def severity(classes: frozenset[str]) -> int:
    """Return the severity of a record of these classes, from 0 (emergency) to 7 (debug)."""
    return min((_SEVERITY[name] for name in classes), default=INFORMATIONAL)


def _gives_root(about: Request) -> bool:
    command = about.command
    power = "root" if command.run_as.uid == 0 else whose_power(command.run_as.user, command.run_as.group)
    return bool(command.findings) and worst(command.findings or ()) is Grade.GIVES and power == "root"
