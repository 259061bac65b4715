# SPDX-License-Identifier: Apache-2.0
"""The messages between the daemon and jitd-kdc. Each request gets one answer.

A request has its name in the field ``do``. An answer has its name in the field ``said``. tests/gates/golden contains the bytes of
each message.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from jitd.beside.refusals import Failed as Failed
from jitd.beside.refusals import Refused as Refused
from jitd.kdc.names import HOST, PRINCIPAL
from jitd_gates.strings import END, GRANT_ID, MOST_GRANTS, SHORT_WORD, Grant, Sighting
from jitpam.wire.declared import Codec, list_of, row_of

MAX_PACKET = 64 * 1024  # bytes in one message
MOST_TRIED = 8  # services in one Try, so that the answer of several KDCs fits into one message


@dataclass(frozen=True, slots=True)
class Give:
    """Write a grant. ``client`` may get tickets for ``service`` until ``end``, in seconds since the epoch.

    If exactly this grant exists already, nothing is written and the answer is Done. If the grant exists with another end, the new
    end replaces it. If a grant with the same ``id`` for another client exists and has not ended, the answer is Refused. If
    ``renews`` is True and there is no grant with this ``id``, the answer is Refused, because somebody has deleted the grant.
    """

    id: Annotated[str, GRANT_ID]
    service: Annotated[str, PRINCIPAL]
    end: Annotated[int, END]
    client: Annotated[str, PRINCIPAL]
    renews: bool = False


@dataclass(frozen=True, slots=True)
class Take:
    """Delete a grant. The answer is also Done if the grant or the service does not exist."""

    id: Annotated[str, GRANT_ID]
    service: Annotated[str, PRINCIPAL]


@dataclass(frozen=True, slots=True)
class Look:
    """Read the entry of a service: the settings of its gate, and its grants. The answer is Grants."""

    service: Annotated[str, PRINCIPAL]


@dataclass(frozen=True, slots=True)
class Try:
    """Request tickets that nobody has granted jitd-kdc, so that each KDC of the realm must refuse them. Answer: Tried."""

    services: Annotated[tuple[str, ...], list_of(PRINCIPAL, most=MOST_TRIED)]


@dataclass(frozen=True, slots=True)
class Done:
    """kadmind has carried out the request."""


@dataclass(frozen=True, slots=True)
class Grants:
    """The data about grants in the entry of a service. ``approval`` is the value of the string ``jit_approval``. ``approval`` is
    "" if the entry does not have this string.

    ``granted_by`` are the hosts that may grant tickets for the service. If the entry does not name any host, ``granted_by`` is
    the host in the service's name. If the service is not gated, ``granted_by`` is empty. ``grants`` are the grants that have the
    right form and have not ended. The KDC does not honour a grant that ends more than a day from now, but ``grants`` may contain
    such a grant.
    """

    approval: Annotated[str, SHORT_WORD]
    granted_by: Annotated[tuple[str, ...], list_of(HOST, most=1_000)]
    grants: Annotated[tuple[Grant, ...], list_of(row_of(Grant), most=2 * MOST_GRANTS)]


@dataclass(frozen=True, slots=True)
class Tried:
    """The answers of the KDCs to requests for tickets, one for each pair of KDC and service."""

    sightings: Annotated[tuple[Sighting, ...], list_of(row_of(Sighting), most=4 * MOST_GRANTS)]


OfEntry = Give | Take | Look  # carried out by kadmind, each about the entry of one service in the KDC's database
Request = OfEntry | Try
Answer = Done | Grants | Tried | Refused | Failed

REQUESTS = Codec[Request]("do", {"give": Give, "take": Take, "look": Look, "try": Try}, MAX_PACKET)
ANSWERS = Codec[Answer](
    "said", {"done": Done, "grants": Grants, "tried": Tried, "refused": Refused, "failed": Failed}, MAX_PACKET
)
