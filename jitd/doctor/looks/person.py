# SPDX-License-Identifier: Apache-2.0
"""One person's own ticket. Law: it is that person's process, and only their own cache is looked at."""

from __future__ import annotations

import time

from jitd.doctor.checks.person import Ticket
from jitpam.initiator import Initiator, NotAuthenticated


def ticket(host: str) -> Ticket:
    """A service ticket for the jitd of ``host``, asked of the KDC if need be."""
    try:
        initiator = Initiator(host)
        initiator.obtain_ticket()
    except NotAuthenticated as fault:
        return Ticket(cause=fault.cause, why_not=str(fault))
    try:
        return Ticket(initiator.principal, initiator.expires_at - time.time())
    finally:
        initiator.close()
