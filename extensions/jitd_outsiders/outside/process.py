# SPDX-License-Identifier: Apache-2.0
"""jitd-outside: sends the daemon's questions to other hosts, reads leases and ends them, passes messages to mail servers, and
delivers the record to sinks.
Law: jitd-outside accepts questions only from root, and makes no decisions. Between two questions, jitd-outside keeps only its
keys, the connections and files of sinks (``delivering``) and, for a short time, the token of a holding (``leasing``).
"""

from __future__ import annotations

import os
from datetime import UTC, datetime
from typing import Any

from jitd.beside.answering import Served
from jitd.beside.starting import Begun, say
from jitd_outsiders.outside.delivering import Deliveries
from jitd_outsiders.outside.fetching import fetch
from jitd_outsiders.outside.keys import of_descriptors, of_service_manager
from jitd_outsiders.outside.leasing import Leases
from jitd_outsiders.outside.messages import Fetch, Fetched
from jitd_outsiders.outside.posting import post
from jitd_outsiders.outside.questions import DELIVER, FETCH, LEASES, POST


def _clock() -> datetime:
    return datetime.now(UTC)


def served(begun: Begun) -> list[Served[Any, Any]]:
    """Return what the process answers. Raises OSError, ValueError."""
    keys = of_descriptors(begun.passed) if begun.line else of_service_manager(os.environ.get("CREDENTIALS_DIRECTORY"))
    say(begun.helper.process, f"ready; keys: {', '.join(keys.names) or 'none'}")
    about_leases = Leases(keys)

    async def fetched(question: Fetch) -> Fetched:
        return await fetch(question, keys, _clock)

    of_leases = [Served(kind, about_leases.answer) for kind in LEASES.values()]
    return [Served(FETCH, fetched), Served(POST, post), Served(DELIVER, Deliveries(keys).answer), *of_leases]
