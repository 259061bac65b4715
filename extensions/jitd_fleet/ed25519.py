# SPDX-License-Identifier: Apache-2.0
"""Ed25519 by the libcrypto that Python itself uses: a desk has no package for it (ADR 0187).

Law: where there is no libcrypto, no signature is good, and none is made.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache

N_KEY, N_SIGNATURE = 32, 64
ED25519 = 1087  # EVP_PKEY_ED25519 (openssl/evp.h)


class NoLibcrypto(Exception):
    """There is no libcrypto here, or it cannot do what it was asked for."""


def is_there() -> bool:
    """True if signatures can be made and checked here."""
    return _libcrypto() is not None


def verifies(public: bytes, signature: bytes, message: bytes) -> bool:
    try:
        with (
            _key("EVP_PKEY_new_raw_public_key", public) as (library, key),
            _context(library, "EVP_DigestVerifyInit", key) as made,
        ):
            return bool(library.EVP_DigestVerify(made, signature, len(signature), message, len(message)) == 1)
    except NoLibcrypto:
        return False


def public_of(private: bytes) -> bytes:
    """Return the public key. Raises NoLibcrypto."""
    with _key("EVP_PKEY_new_raw_private_key", private) as (library, key):
        return _filled(lambda room, size: library.EVP_PKEY_get_raw_public_key(key, room, size), N_KEY)


def sign(private: bytes, message: bytes) -> bytes:
    """Return the signature of ``message``. Raises NoLibcrypto."""
    with _key("EVP_PKEY_new_raw_private_key", private) as (library, key), _context(library, "EVP_DigestSignInit", key) as made:
        return _filled(lambda room, size: library.EVP_DigestSign(made, room, size, message, len(message)), N_SIGNATURE)


def _filled(fill: Callable[[object, object], int], n: int) -> bytes:
    room, size = ctypes.create_string_buffer(n), ctypes.c_size_t(n)
    if fill(room, ctypes.byref(size)) != 1 or size.value != n:
        raise NoLibcrypto
    return room.raw


@contextmanager
def _key(made_by: str, raw: bytes) -> Iterator[tuple[ctypes.CDLL, int]]:
    library = _libcrypto()
    key = None if library is None else getattr(library, made_by)(ED25519, None, raw, len(raw))
    if library is None or key is None:
        raise NoLibcrypto
    try:
        yield library, key
    finally:
        library.EVP_PKEY_free(key)


@contextmanager
def _context(library: ctypes.CDLL, begun_by: str, key: int) -> Iterator[int]:
    context = library.EVP_MD_CTX_new()
    try:
        if context is None or getattr(library, begun_by)(context, None, None, None, key) != 1:
            raise NoLibcrypto
        yield context
    finally:
        library.EVP_MD_CTX_free(context)


@cache
def _libcrypto() -> ctypes.CDLL | None:
    pointer, text, size = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t
    try:
        import _hashlib

        found = ctypes.CDLL(_hashlib.__file__)  # a symbol is also looked for in the libraries that it is linked with
        for name in ("EVP_PKEY_new_raw_public_key", "EVP_PKEY_new_raw_private_key", "EVP_MD_CTX_new"):
            getattr(found, name).restype = pointer
        for name in ("EVP_PKEY_new_raw_public_key", "EVP_PKEY_new_raw_private_key"):
            getattr(found, name).argtypes = [ctypes.c_int, pointer, text, size]
        found.EVP_PKEY_get_raw_public_key.argtypes = [pointer] * 3
        found.EVP_DigestVerifyInit.argtypes = found.EVP_DigestSignInit.argtypes = [pointer] * 5
        found.EVP_DigestVerify.argtypes = [pointer, text, size, text, size]
        found.EVP_DigestSign.argtypes = [pointer, pointer, pointer, text, size]
        found.EVP_MD_CTX_free.argtypes = found.EVP_PKEY_free.argtypes = [pointer]
    except (ImportError, AttributeError, OSError):
        return None
    return found
