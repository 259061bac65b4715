# SPDX-License-Identifier: Apache-2.0
"""Small pieces of sentences that several modules of the core put together.

Law: pure.
"""

from __future__ import annotations


def count(number: int, noun: str) -> str:
    """Return words such as ``1 use`` or ``3 uses``."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def listed(words: tuple[str, ...], last: str) -> str:
    """Return ``words`` with commas between them, and ``last`` (``and``, ``or``) before the last one."""
    return f" {last} ".join(filter(None, (", ".join(words[:-1]), words[-1])))
