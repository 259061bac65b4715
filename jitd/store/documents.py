# SPDX-License-Identifier: Apache-2.0
"""Objects of the core to stored bytes and back. Law: what was written reads back equal; unknown fields and wrong types are
refused.
"""

from __future__ import annotations

from typing import TypeVar

import msgspec

from jitd.core.grant import Grant
from jitd.core.holding import Holding
from jitd.core.lock import Lock
from jitd.core.request import Request
from jitd.core.run import Run

_encoder = msgspec.json.Encoder(order="deterministic")
_decoders = {life: msgspec.json.Decoder(life) for life in (Request, Grant, Run, Lock, Holding)}

T = TypeVar("T", Request, Grant, Run, Lock, Holding)


def write(value: Request | Grant | Run | Lock | Holding) -> bytes:
    """The stored form of ``value``: JSON, members in a fixed order."""
    return _encoder.encode(value)


def read(life: type[T], document: bytes) -> T:
    """The object in ``document``. Raises ValueError if it is none."""
    value = _decoders[life].decode(document)
    assert isinstance(value, life)
    return value
