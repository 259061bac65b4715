# SPDX-License-Identifier: Apache-2.0
"""Signs requests of jitd-outside by RFC 9421. The signature covers the method, the URL, the type and digest of the body, and the
time.
Law: a key is either an Ed25519 private key (PEM), or a secret of at least 32 bytes for an HMAC with SHA-256. Any other key raises
ValueError, and nothing is sent.
Sources: RFC 9421 (HTTP Message Signatures), RFC 9530 (Content-Digest).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from http_message_signatures import HTTPMessageSigner
from http_message_signatures.algorithms import ED25519, HMAC_SHA256
from http_message_signatures.resolvers import MappingKeyResolver

COVERED = ("@method", "@target-uri", "content-type")  # with the digest of the body and the time, what a signature covers
TAG = "jitd"  # the signature's parameter `tag`, its purpose (RFC 9421 section 2.3)
SHORTEST_SECRET = 32


@dataclass
class _Message:
    method: str
    url: str
    headers: dict[str, str]


def signed(
    method: str, url: str, headers: Mapping[str, str], body: bytes, key: bytes, key_id: str, at: datetime
) -> dict[str, str]:
    """Return ``headers`` together with the fields Content-Digest, Signature-Input and Signature. The signature is made at ``at``,
    a time with a time zone. Raises ValueError if the key is neither an Ed25519 private key nor a secret.
    """
    algorithm, secret = _read_key(key)
    message = _Message(method, url, dict(headers))
    keys = MappingKeyResolver(public_keys={}, private_keys={key_id: secret})
    signer = HTTPMessageSigner(signature_algorithm=algorithm, key_resolver=keys)
    signer.sign(message, key_id=key_id, created=at, label=TAG, tag=TAG, covered_component_ids=COVERED, body=body)
    return message.headers


def _read_key(key: bytes) -> tuple[type[ED25519] | type[HMAC_SHA256], bytes]:
    if b"-----BEGIN" in key:
        try:
            found: object = load_pem_private_key(key, None)
        except (ValueError, TypeError, UnsupportedAlgorithm):
            found = None
        if not isinstance(found, Ed25519PrivateKey):
            raise ValueError("secret is not an Ed25519 private key (PEM, without a passphrase)")
        return ED25519, key
    secret = key.strip()
    if len(secret) < SHORTEST_SECRET:
        raise ValueError(f"secret is shorter than {SHORTEST_SECRET} bytes")
    return HMAC_SHA256, secret
