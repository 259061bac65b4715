# SPDX-License-Identifier: Apache-2.0
r"""Converts rows to the form that programs read (``--json``).

Law: UTF-8 text is not changed, any other byte becomes ``\xNN``, and a backslash is doubled. Therefore a program can restore every
value.
"""

from __future__ import annotations

from jitpam.wire.shown import unshown

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


SENTENCES = ("because", "covered", "ended_because", "mounted")  # sentences of jitd. An escape in one is a person's, and no quote


def exact(value: Any) -> Any:
    """Return ``value`` in the form that programs read. ``value`` comes from a row whose texts were made by ``shown``. In the
    result, UTF-8 text is not changed, any other byte becomes ``\\xNN``, and a backslash is doubled.
    """
    if isinstance(value, dict):
        return {name: _escaped(of) if name in SENTENCES and isinstance(of, str) else exact(of) for name, of in value.items()}
    if isinstance(value, list):
        return [exact(member) for member in value]
    if not isinstance(value, str) or "\\" not in value:
        return value
    try:
        return _escaped(unshown(value).decode("utf-8", "surrogateescape"))
    except ValueError:  # `shown` did not make this text
        return _escaped(value)


def _escaped(text: str) -> str:
    return "".join(f"\\x{ord(c) - 0xDC00:02x}" if "\udc80" <= c <= "\udcff" else c for c in text.replace("\\", "\\\\"))
