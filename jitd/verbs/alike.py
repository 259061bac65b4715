# SPDX-License-Identifier: Apache-2.0
"""Finds other open requests of a person that ask for exactly the same as one request.

Law: this module makes no decisions. It reads a limited number of requests.
"""

from __future__ import annotations

from itertools import islice

from jitd.core.command import work_of
from jitd.core.request import Request
from jitd.store import Store

MOST_READ = 100  # the account's open requests that are compared, oldest first
MOST_ALIKE = 8  # requests that are returned


def alike(store: Store, request: Request) -> list[Request]:
    """Return the other open requests of the requester of ``request`` that ask for the same, oldest first: for the same service,
    with the same command and account (see ``work_of``), and with the same terms.
    """
    found = (one for one in islice(store.requests(uid=request.requester.uid), MOST_READ) if _is_alike(one, request))
    return list(islice(found, MOST_ALIKE))


def _is_alike(one: Request, other: Request) -> bool:
    return (
        one.id != other.id
        and one.is_open
        and one.requester.principal == other.requester.principal
        and (one.service, one.breaks_glass, one.command.run_as) == (other.service, other.breaks_glass, other.command.run_as)
        and one.terms == other.terms
        and work_of(one.command) == work_of(other.command)
    )
