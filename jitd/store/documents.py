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
from jitd.core.request import Request, Review
from jitd.core.run import Run
from jitd.core.subject import Subject

_encoder = msgspec.json.Encoder(order="deterministic")
_decoders = {life: msgspec.json.Decoder(life) for life in (Request, Grant, Run, Lock, Holding, OwedReview)}

_subject = msgspec.json.Decoder(Subject)
_reviewed = msgspec.json.Decoder(tuple[Subject, tuple[Review, ...]])

T = TypeVar("T", Request, Grant, Run, Lock, Holding, OwedReview)


def write(value: Request | Grant | Run | Lock | Holding | OwedReview) -> bytes:
    """Return the stored form of ``value``, which is JSON with the members in a fixed order."""
    return _encoder.encode(value)


def read(life: type[T], document: bytes) -> T:
    """Return the object in ``document``. Raises ValueError if ``document`` does not contain an object of the class ``life``."""
    value = _decoders[life].decode(document)
    assert isinstance(value, life)
    return value


def read_subject(part: str) -> Subject:
    """Return the person in ``part`` of a document. Raises ValueError."""
    return _subject.decode(part)


def read_reviewed(part: str) -> tuple[Subject, ...]:
    """``part`` is an array of two members of a request's document: ``requester`` and ``reviews``. Return the requester and those
    who reviewed. Raises ValueError.
    """
    requester, reviews = _reviewed.decode(part)
    return (requester, *(review.by for review in reviews))
