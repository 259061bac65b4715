# SPDX-License-Identifier: Apache-2.0
"""The key ``when`` of a rule, which contains an expression. The expression is compiled with the names that it may use.
Law: an expression with a fault is refused. The fault names its position in the file.
"""

from __future__ import annotations

from collections.abc import Mapping

from jitd.core.names import NAMES, Name
from jitd.core.naming import Naming
from jitd.core.toml_document import Fault
from jitd.core.toml_table import Table
from jitd.core.when import BadExpression, When
from jitd.expressions.compiling import compile_when


def read_when(table: Table, names: Mapping[str, Name], naming: Naming) -> When | None:
    """Return the condition under the key ``when``. If the table has no such key, return None. ``naming`` is how the settings
    spell principals. Faults are added to ``table``.
    """
    if "when" not in table.values:
        return None
    text = table.text("when", "")
    if not text.strip():
        if isinstance(table.values["when"], str):
            table.fault('"when" is empty', "when")
        return None
    try:
        found = compile_when(text, names, naming)
    except BadExpression as bad:
        for fault in bad.faults:
            line, column = table.document.place_in((*table.place, "when"), fault.line, fault.column)
            table.faults.append(Fault(table.document.file, line, table.rule, f'"when": {fault.sentence}', column))
        return None
    asked = sorted(found.names - NAMES.keys())
    if asked and table.values.get("ticket") == "optional":
        told = 'the provider is told the name of the requester, and only a ticket proves this name: remove ticket = "optional"'
        table.fault(f'"when" names {asked[0]}: {told}', "when")
    return found
