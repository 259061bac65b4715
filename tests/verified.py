# SPDX-License-Identifier: Apache-2.0
"""What ``jitd audit verify FILE`` finds in a store, without a process."""

from __future__ import annotations

from jitd.audit.findings import Flaw
from jitd.audit.verify import Stored
from jitd.audit.verify import verify as walk


class NotWhole(Exception):
    """The record of a store is not whole. The text is all findings, one on each line."""


def verify(store: Stored) -> int:
    """Return the number of records. Raises NotWhole if there is a finding."""
    found: list[Flaw] = []
    verified = walk(store, found.append)
    if found:
        raise NotWhole("\n".join(map(str, found)))
    return verified.head.number
