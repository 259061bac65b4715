# SPDX-License-Identifier: Apache-2.0
"""The key ``accept`` of a rule: warnings of ``jitd check`` that the author knows of, each with the reason.

Law: a warning is accepted by its name and with a reason, or it is a fault. Accepting one changes no decision.
"""

from __future__ import annotations

from jitd.core.warning import ACCEPTABLE
from jitd.settings.toml_table import Table


def read_accept(table: Table) -> tuple[tuple[str, str], ...]:
    """Return the pairs (name of a warning, reason) under ``accept`` of the rule ``table``."""
    inner = table.table("accept")
    inner.known(ACCEPTABLE)
    return tuple((name, inner.sentence(name)) for name in inner.values if name in ACCEPTABLE)
