# SPDX-License-Identifier: Apache-2.0
"""Checks that an answer was signed with the gatekeeper's own key, according to RFC 9421. The daemon checks the signature itself,
because it does not trust jitd-outside.

Law: an answer is accepted only if its signature meets three conditions. It was made with the key in the settings. It is not
older than LONGEST_AGE. It covers the status and the digest of the whole body. For every other answer, ``check`` raises Unsigned.
Sources: RFC 9421, RFC 9530.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from http_message_signatures import HTTPMessageVerifier
from http_message_signatures.algorithms import ED25519
from http_message_signatures.resolvers import HTTPSignatureKeyResolver

from jitd_outsiders.outside.messages import Fetched

LONGEST_AGE = timedelta(seconds=60)
"""Of a signature. A recent one alone is not enough: ``hearing`` also wants the nonce of the question."""
COVERED = ("@status",)  # the signature must cover these parts of an answer, and also the digest of the body


class Unsigned(Exception):
    """Raised if an answer has no valid signature. The exception's text gives the reason as the end of a sentence."""


@dataclass(frozen=True)
class _Message:
    status_code: int
    headers: dict[str, str]


class _OneKey(HTTPSignatureKeyResolver):
    """Returns the same public key for every key name in a signature."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def resolve_public_key(self, key_id: str) -> bytes:
        return self._key

    def resolve_private_key(self, key_id: str) -> bytes:
        """Raise LookupError, because jitd has no private key here."""
        raise LookupError(key_id)


def check(answer: Fetched, key: str) -> None:
    """Check that ``answer`` is signed with the Ed25519 key ``key`` (a public key in PEM form). Raises Unsigned."""
    message = _Message(answer.status, dict(answer.headers))
    verifier = HTTPMessageVerifier(signature_algorithm=ED25519, key_resolver=_OneKey(key.encode("ascii")))
    try:
        found = verifier.verify(message, max_age=LONGEST_AGE, require_components=COVERED, body=answer.body)
    except Exception as fault:
        raise Unsigned(f"is not signed with its key: {fault or type(fault).__name__}"[:300]) from None
    if len(found) != 1 or found[0].body != answer.body:
        raise Unsigned("is not signed as a whole")
