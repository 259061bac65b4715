# SPDX-License-Identifier: Apache-2.0
"""Checks signatures by the libcrypto that Python itself uses: a desk has no package for it (ADR 0167).

Law: where there is no libcrypto, no signature is good.
"""

from __future__ import annotations

import ctypes
from functools import cache


def is_there() -> bool:
    """True if signatures can be checked here."""
    return library() is not None


def is_good(key: bytes, digest: str, signature: bytes, signed: bytes) -> bool:
    """True if ``signature`` is one of ``signed`` by ``key`` (``ssh_keys.for_libraries``). ``digest`` is the name of the digest,
    or empty if the kind of the key has one of its own.
    """
    if (found := library()) is None:
        return False
    public = found.d2i_PUBKEY(None, ctypes.byref(ctypes.c_char_p(key)), len(key))
    context = found.EVP_MD_CTX_new()
    try:
        by = found.EVP_get_digestbyname(digest.encode("ascii")) if digest else None
        return bool(
            public
            and context
            and (by or not digest)
            and found.EVP_DigestVerifyInit(context, None, by, None, public) == 1
            and found.EVP_DigestVerify(context, signature, len(signature), signed, len(signed)) == 1
        )
    finally:
        found.EVP_MD_CTX_free(context)
        found.EVP_PKEY_free(public)


@cache
def library() -> ctypes.CDLL | None:
    """Return the libcrypto of Python, with the types of what is called here."""
    pointer, text, size = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t
    try:
        import _hashlib

        found = ctypes.CDLL(_hashlib.__file__)  # a symbol is also looked for in the libraries that it is linked with
        for name in ("d2i_PUBKEY", "EVP_MD_CTX_new", "EVP_get_digestbyname"):
            getattr(found, name).restype = pointer
        found.d2i_PUBKEY.argtypes = [pointer, pointer, ctypes.c_long]
        found.EVP_get_digestbyname.argtypes = [text]
        found.EVP_DigestVerifyInit.argtypes = [pointer] * 5
        found.EVP_DigestVerify.argtypes = [pointer, text, size, text, size]
        found.EVP_MD_CTX_free.argtypes = found.EVP_PKEY_free.argtypes = [pointer]
    except (ImportError, AttributeError, OSError):
        return None
    return found
