# SPDX-License-Identifier: Apache-2.0
"""Converts objects of the core to stored bytes, and back. Law: if an object is written and then read, the result is equal to it.
A document with an unknown field or a wrong type is refused.
"""

from __future__ import annotations

from typing import TypeVar

import msgspec

from jitd.core.grant import Grant
from jitd.core.holding import Holding
from jitd.core.lock import Lock
from jitd.core.owed_review import OwedReview
from jitd.core.request import Request
from jitd.core.run import Run

_encoder = msgspec.json.Encoder(order="deterministic")
_decoders = {life: msgspec.json.Decoder(life) for life in (Request, Grant, Run, Lock, Holding, OwedReview)}

T = TypeVar("T", Request, Grant, Run, Lock, Holding, OwedReview)


def write(value: Request | Grant | Run | Lock | Holding | OwedReview) -> bytes:
    """Return the stored form of ``value``, which is JSON with the members in a fixed order."""
    return _encoder.encode(value)


def read(life: type[T], document: bytes) -> T:
    """Return the object in ``document``. Raises ValueError if ``document`` does not contain an object of the class ``life``."""
    value = _decoders[life].decode(document)
    assert isinstance(value, life)
    return value
