# SPDX-License-Identifier: Apache-2.0
"""The keys ``indicators``, ``ticket_age`` and ``forwarded`` of a permit and of its approvals. These keys define the required
properties of a ticket. Law: a requirement that no ticket could fulfil is a fault.
"""

from __future__ import annotations

import re

from jitd.core.authentication import Demand
from jitd.core.toml_table import Table, quoted

KEYS = ("indicators", "ticket_age", "forwarded")


def read_demand(table: Table) -> Demand:
    """Return what ``table`` requires of a person's authentication. Faults are added to the table."""
    return Demand(
        indicators=tuple(dict.fromkeys(table.words("indicators", (), read_indicator))),
        ticket_age=table.duration("ticket_age", 1) if "ticket_age" in table.values else None,
        forwarded=table.text("forwarded", "allow", ("allow", "refuse")),
    )


def read_indicator(word: str) -> str:
    """Return ``word`` if it can be an authentication indicator. Otherwise raise ValueError with a sentence. RFC 8129 allows any
    UTF-8. jitd allows less, because KDCs use lists of indicators that are separated by spaces, and because people have to read
    indicators.
    """
    if not re.fullmatch(r"[\x21-\x7e]{1,100}", word):
        raise ValueError(f"{quoted(word)} is no authentication indicator: 1 to 100 printable ASCII characters without a space")
    return word
