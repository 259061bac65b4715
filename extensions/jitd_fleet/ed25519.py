# SPDX-License-Identifier: Apache-2.0
"""Signs with Ed25519 by the libcrypto that Python itself uses: a desk has no package for it (ADR 0167).

Law: where there is no libcrypto, nothing is signed.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache

from jitd.audit.libcrypto import library

N_KEY, N_SIGNATURE = 32, 64
ED25519 = 1087  # EVP_PKEY_ED25519 (openssl/evp.h)


class NoLibcrypto(Exception):
    """There is no libcrypto here, or it cannot do what it was asked for."""


def public_of(private: bytes) -> bytes:
    """Return the public key. Raises NoLibcrypto."""
    with _key(private) as (found, key):
        return _filled(lambda room, size: found.EVP_PKEY_get_raw_public_key(key, room, size), N_KEY)


def sign(private: bytes, message: bytes) -> bytes:
    """Return the signature of ``message``. Raises NoLibcrypto."""
    with _key(private) as (found, key):
        context = found.EVP_MD_CTX_new()
        try:
            if context is None or found.EVP_DigestSignInit(context, None, None, None, key) != 1:
                raise NoLibcrypto
            return _filled(lambda room, size: found.EVP_DigestSign(context, room, size, message, len(message)), N_SIGNATURE)
        finally:
            found.EVP_MD_CTX_free(context)


def _filled(fill: Callable[[object, object], int], n: int) -> bytes:
    room, size = ctypes.create_string_buffer(n), ctypes.c_size_t(n)
    if fill(room, ctypes.byref(size)) != 1 or size.value != n:
        raise NoLibcrypto
    return room.raw


@contextmanager
def _key(private: bytes) -> Iterator[tuple[ctypes.CDLL, int]]:
    found = _libcrypto()
    key = None if found is None else found.EVP_PKEY_new_raw_private_key(ED25519, None, private, len(private))
    if found is None or key is None:
        raise NoLibcrypto
    try:
        yield found, key
    finally:
        found.EVP_PKEY_free(key)


@cache
def _libcrypto() -> ctypes.CDLL | None:
    pointer, text, size = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t
    found = library()
    try:
        if found is not None:
            found.EVP_PKEY_new_raw_private_key.restype = pointer
            found.EVP_PKEY_new_raw_private_key.argtypes = [ctypes.c_int, pointer, text, size]
            found.EVP_PKEY_get_raw_public_key.argtypes = [pointer] * 3
            found.EVP_DigestSignInit.argtypes = [pointer] * 5
            found.EVP_DigestSign.argtypes = [pointer, pointer, pointer, text, size]
    except AttributeError:
        return None
    return found
