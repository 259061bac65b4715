# SPDX-License-Identifier: Apache-2.0
"""Whether an answer was signed with the gatekeeper's own key, by RFC 9421. The daemon itself looks: jitd-outside is not believed.

Law: the signature covers the status and the digest of the whole body, was made within LONGEST_AGE, and is by the one key that the
settings name. Anything else is Unsigned.
Sources: RFC 9421, RFC 9530.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from http_message_signatures import HTTPMessageVerifier
from http_message_signatures.algorithms import ED25519
from http_message_signatures.resolvers import HTTPSignatureKeyResolver

from jitd.outside.messages import Fetched

LONGEST_AGE = timedelta(seconds=60)
"""How old a signature may be. The nonce in the body says that the answer is to this question."""
COVERED = ("@status",)
"""What a signature must cover, beside the digest of the body."""


class Unsigned(Exception):
    """The answer is not signed as it must be. The text says why; it is the rest of a sentence."""


@dataclass(frozen=True)
class _Message:
    """What the verifier wants to see of an answer."""

    status_code: int
    headers: dict[str, str]


class _OneKey(HTTPSignatureKeyResolver):
    """Knows one key, whatever a signature calls it."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def resolve_public_key(self, key_id: str) -> bytes:
        """Return the key."""
        return self._key

    def resolve_private_key(self, key_id: str) -> bytes:
        """Raise LookupError: nothing is signed here."""
        raise LookupError(key_id)


def check(answer: Fetched, key: str) -> None:
    """Return if ``answer`` is signed with the Ed25519 key of which ``key`` is the public part (PEM). Raises Unsigned."""
    message = _Message(answer.status, dict(answer.headers))
    verifier = HTTPMessageVerifier(signature_algorithm=ED25519, key_resolver=_OneKey(key.encode("ascii")))
    try:
        found = verifier.verify(message, max_age=LONGEST_AGE, require_components=COVERED, body=answer.body)
    except Exception as fault:
        raise Unsigned(f"is not signed with its key: {fault or type(fault).__name__}"[:300]) from None
    if len(found) != 1 or found[0].body != answer.body:
        raise Unsigned("is not signed as a whole")
