# SPDX-License-Identifier: Apache-2.0
"""The keys ``indicators``, ``ticket_age`` and ``forwarded`` of a permit and of its approvals: what they demand of a ticket.

Law: a key that no ticket could meet is a fault.
"""

from __future__ import annotations

import re

from jitd.core.authentication import Demand
from jitd.settings.toml_table import Table, quoted

KEYS = ("indicators", "ticket_age", "forwarded")


def read_demand(table: Table) -> Demand:
    """Return what ``table`` demands of how somebody authenticated. Faults are noted in the table."""
    return Demand(
        indicators=tuple(dict.fromkeys(table.words("indicators", (), read_indicator))),
        ticket_age=table.duration("ticket_age", 1) if "ticket_age" in table.values else None,
        forwarded=table.text("forwarded", "allow", ("allow", "refuse")),
    )


def read_indicator(word: str) -> str:
    """Return ``word`` if it can be an authentication indicator. Raises ValueError with a sentence if not.

    RFC 8129 allows any UTF-8. KDCs have them in lists with spaces between, and people have to read them.
    """
    if not re.fullmatch(r"[\x21-\x7e]{1,100}", word):
        raise ValueError(f"{quoted(word)} is no authentication indicator: 1 to 100 printable ASCII characters without a space")
    return word
