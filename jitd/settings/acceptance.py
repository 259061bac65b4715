# SPDX-License-Identifier: Apache-2.0
"""The key ``accept`` of a rule. It contains the names of the warnings of ``jitd check`` that the author of the rule accepts. Law:
a warning is accepted only by its name and with a reason. Every other value is a fault. An accepted warning does not change any
decision.
"""

from __future__ import annotations

from jitd.core.toml_table import Table
from jitd.core.warning import ACCEPTABLE


def read_accept(table: Table) -> tuple[tuple[str, str], ...]:
    """Return the pairs (name of a warning, reason) from the key ``accept`` of the rule ``table``."""
    inner = table.table("accept")
    inner.known(ACCEPTABLE)
    return tuple((name, inner.sentence(name)) for name in inner.values if name in ACCEPTABLE)
