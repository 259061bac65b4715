# SPDX-License-Identifier: Apache-2.0
"""Makes sentences for approvers. The sentences say what a person can do with a thing of ``[givers.*]``. A digest binds the thing
to its sentences.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from jitd.core.thing import is_service_ticket
from jitd.givers.settings import GiverSettings
from jitd.settings.givers import Givers


def lets_of_things(givers: Givers, things: Sequence[str]) -> tuple[str, ...]:
    """Return sentences that say what a person can do with ``things``. Each sentence begins with the name of its thing and a
    colon. Service tickets, and things that are not set up, have no sentences.
    """
    found = ((thing, givers.get(thing.partition(":")[2])) for thing in things if not is_service_ticket(thing))
    return tuple(f"{thing}: {sentence}" for thing, giver in found if giver is not None for sentence in lets_of(giver))


def lets_of_one(lets: Sequence[str], thing: str) -> tuple[str, ...]:
    """Return the sentences of ``lets`` that say what a person can do with ``thing``. ``lets`` is a result of
    ``lets_of_things``.
    """
    begins = f"{thing}: "
    return tuple(sentence.removeprefix(begins) for sentence in lets if sentence.startswith(begins))


def lets_of(giver: GiverSettings) -> tuple[str, ...]:
    """Return sentences that say what a person can do with ``giver``'s thing. The administrator's own sentence comes first."""
    return (*((giver.lets,) if giver.lets else ()), *giver.sentences())


def digest_of(lets: Sequence[str]) -> str:
    """Return the digest (SHA-256, hexadecimal) of the sentences ``lets``, which say what a person can do with a thing."""
    digest = hashlib.sha256()
    for sentence in lets:
        digest.update(len(sentence).to_bytes(4, "big") + sentence.encode())
    return digest.hexdigest()
