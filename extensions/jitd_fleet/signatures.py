# SPDX-License-Identifier: Apache-2.0
"""Checks the signatures of hosts at a desk, which has no package for it: by the libcrypto that Python itself uses.

Law: a signature has one spelling, and what differs from it by a byte is refused (``jitd/audit/sshsig.py`` signs, and is the
daemon's). Where there is no libcrypto, no signature is good.
"""

from __future__ import annotations

import base64
import ctypes
import hashlib
from functools import cache

N_KEY, N_SIGNATURE = 32, 64
ED25519 = 1087
"""EVP_PKEY_ED25519 (openssl/evp.h)."""
BEGIN, END = "-----BEGIN SSH SIGNATURE-----\n", "\n-----END SSH SIGNATURE-----\n"
WIDTH = 70


def key_in(armored: str) -> bytes:
    """Return the public key that a signature names. Nothing is checked."""
    blob = _blob(armored)
    at = len(_before_key())
    return blob[at : at + N_KEY]


def is_good(public: bytes, namespace: str, message: bytes, armored: str) -> bool:
    """True if ``armored`` is the signature of ``message`` in ``namespace`` by the key ``public``."""
    signature = _blob(armored)[-N_SIGNATURE:]
    if len(public) != N_KEY or armored != _armored(public, namespace, signature):
        return False
    digest = hashlib.sha512(message).digest()
    signed = b"SSHSIG" + _string(namespace.encode("ascii")) + _string(b"") + _string(b"sha512") + _string(digest)
    return _verifies(public, signature, signed)


def _blob(armored: str) -> bytes:
    try:
        return base64.b64decode(armored.removeprefix(BEGIN).removesuffix(END).replace("\n", ""))
    except ValueError:
        return b""


def _string(content: bytes) -> bytes:
    return len(content).to_bytes(4, "big") + content


def _before_key() -> bytes:
    kind = _string(b"ssh-ed25519")
    n_blob = len(kind) + 4 + N_KEY
    return b"SSHSIG" + (1).to_bytes(4, "big") + n_blob.to_bytes(4, "big") + kind + N_KEY.to_bytes(4, "big")


def _armored(public: bytes, namespace: str, signature: bytes) -> str:
    signed = _string(_string(b"ssh-ed25519") + _string(signature))
    blob = _before_key() + public + _string(namespace.encode("ascii")) + _string(b"") + _string(b"sha512") + signed
    text = base64.b64encode(blob).decode("ascii")
    return BEGIN + "\n".join(text[at : at + WIDTH] for at in range(0, len(text), WIDTH)) + END


@cache
def _libcrypto() -> ctypes.CDLL | None:
    try:
        import _hashlib

        found = ctypes.CDLL(_hashlib.__file__)  # a symbol is also looked for in the libraries that it is linked with
        for name in ("EVP_PKEY_new_raw_public_key", "EVP_MD_CTX_new"):
            getattr(found, name).restype = ctypes.c_void_p
        found.EVP_PKEY_new_raw_public_key.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t]
        found.EVP_DigestVerifyInit.argtypes = [ctypes.c_void_p] * 5
        size = ctypes.c_size_t
        found.EVP_DigestVerify.argtypes = [ctypes.c_void_p, ctypes.c_char_p, size, ctypes.c_char_p, size]
        found.EVP_MD_CTX_free.argtypes = found.EVP_PKEY_free.argtypes = [ctypes.c_void_p]
    except (ImportError, AttributeError, OSError):
        return None
    return found


def is_there() -> bool:
    """True if signatures can be checked here."""
    return _libcrypto() is not None


def _verifies(public: bytes, signature: bytes, message: bytes) -> bool:
    library = _libcrypto()
    if library is None:
        return False
    key = library.EVP_PKEY_new_raw_public_key(ED25519, None, public, len(public))
    context = library.EVP_MD_CTX_new()
    try:
        return (
            key is not None
            and context is not None
            and library.EVP_DigestVerifyInit(context, None, None, None, key) == 1
            and library.EVP_DigestVerify(context, signature, len(signature), message, len(message)) == 1
        )
    finally:
        library.EVP_MD_CTX_free(context)
        library.EVP_PKEY_free(key)
