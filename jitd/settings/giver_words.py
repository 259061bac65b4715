# SPDX-License-Identifier: Apache-2.0
"""Makes sentences for approvers. The sentences say what a person can do with a thing of ``[givers.*]``. A digest binds the thing
to its sentences.
Law: pure. The sentences contain every setting that affects the thing. Therefore two different things have different sentences.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from jitd.core.thing import is_service_ticket
from jitd.settings.givers import (
    Account,
    Givers,
    GiverSettings,
    PostgresRole,
    ProgramGiver,
    SshCertificate,
    Sudoers,
    Vault,
)


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
    return (*((giver.lets,) if giver.lets else ()), *_of_kind(giver))


def digest_of(lets: Sequence[str]) -> str:
    """Return the digest (SHA-256, hexadecimal) of the sentences ``lets``, which say what a person can do with a thing."""
    digest = hashlib.sha256()
    for sentence in lets:
        digest.update(len(sentence).to_bytes(4, "big") + sentence.encode())
    return digest.hexdigest()


def _of_kind(giver: GiverSettings) -> tuple[str, ...]:
    match giver:
        case Account():
            what = f"use a new account of this host, with the shell {giver.shell} and a home in {giver.home}"
            return (f"{what}; at its end its processes are ended, its home is removed, and files elsewhere stay",)
        case PostgresRole():
            at = f" at {giver.host}" if giver.host else ""
            return (f"log in to the database {giver.database}{at} as a member of {', '.join(giver.member_of)}",)
        case ProgramGiver():
            where = "with the network" if giver.network else "without a network"
            return (f"have what {' '.join(giver.give.words)} gives ({where}); {' '.join(giver.take.words)} takes it back",)
        case SshCertificate():
            forced = f", for the command {giver.force_command}" if giver.force_command else ""
            source = f", from {giver.source_address}" if giver.source_address else ""
            revoked = f"revoked in {giver.krl}" if giver.krl else "revoked nowhere before its time is over"
            whom = ", ".join(giver.principals)
            return (f"log in by ssh as {whom}{forced}{source}, with a certificate by {giver.ca}, {revoked}",)
        case Sudoers():
            return tuple(f"run by sudo: {line}" for line in giver.lines)
        case Vault():
            within = f" in the namespace {giver.namespace}" if giver.namespace else ""
            sent = f", with {', '.join(f'{name}={value}' for name, value in giver.parameters)}" if giver.parameters else ""
            what = "have their own key signed at" if giver.signs else "have a lease of"
            return (f"{what} {giver.role} by {giver.by.url.rstrip('/')}{within}{sent}",)
    raise TypeError(f"no sentences are defined for the kind of {giver.name}")
