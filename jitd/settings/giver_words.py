# SPDX-License-Identifier: Apache-2.0
"""What the kernel says of things that jitd.toml sets up: it reads their names, and makes sentences for approvers. The sentences
say what a person can do with a thing. A digest binds the thing to its sentences.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

from jitd.core.public_key import brought_for
from jitd.core.thing import SERVICE_TICKET, is_service_ticket, read_thing
from jitd.extensions import kinds
from jitd.settings.section import ThingSettings


def kind_of(thing: str) -> type[ThingSettings]:
    """Return the kind of ``thing``. Of a thing that no table can define, such as a service ticket, nothing is known."""
    return kinds().get(thing.partition(":")[0], ThingSettings)


def read_things(words: Sequence[str], brought: str) -> tuple[list[str], str]:
    """Return the things with the names ``words``, and the key ``brought`` that a person sent for them, in its one spelling. If a
    name or the key is not valid, or a key is missing or in vain, raises ValueError with a sentence.
    """
    of_givers = [kind for kind in kinds() if kind != SERVICE_TICKET]
    things = [read_thing(word, of_givers, has_tickets=SERVICE_TICKET in kinds()) for word in words]
    return things, brought_for(things, brought, lambda thing: kind_of(thing).BRINGS_KEY)


def lets_of_things(givers: Mapping[str, ThingSettings], things: Sequence[str]) -> tuple[str, ...]:
    """Return sentences that say what a person can do with ``things``. Each sentence begins with the name of its thing and a
    colon. Service tickets, and things that are not set up, have no sentences.
    """
    found = ((thing, givers.get(thing.partition(":")[2])) for thing in things if not is_service_ticket(thing))
    return tuple(f"{thing}: {sentence}" for thing, giver in found if giver is not None for sentence in lets_of(giver))


def lets_of_one(lets: Sequence[str], thing: str) -> tuple[str, ...]:
    """Return what a person can do with ``thing``, by ``lets``, a result of ``lets_of_things``."""
    begins = f"{thing}: "
    return tuple(sentence.removeprefix(begins) for sentence in lets if sentence.startswith(begins))


def lets_of(giver: ThingSettings) -> tuple[str, ...]:
    """Return sentences that say what a person can do with ``giver``'s thing. The administrator's own sentence comes first."""
    return (*((giver.lets,) if giver.lets else ()), *giver.sentences())


def digest_of(lets: Sequence[str]) -> str:
    """Return the digest (SHA-256, hexadecimal) of the sentences ``lets``, which say what a person can do with a thing."""
    digest = hashlib.sha256()
    for sentence in lets:
        digest.update(len(sentence).to_bytes(4, "big") + sentence.encode())
    return digest.hexdigest()
