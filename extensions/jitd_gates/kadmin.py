# SPDX-License-Identifier: Apache-2.0
"""A connection to kadmind through MIT krb5's client library (libkadm5clnt_mit; its header is kadm5/admin.h).

Law: every function of the library that is called must be declared here, with all its types. A call may block for minutes.
Therefore only a process that can be killed may call functions of kadmind's client library. The library can use only the key in
the keytab, and it keeps its tickets in memory.
"""

from __future__ import annotations

import ctypes
from ctypes import POINTER, byref, c_char_p, c_int, c_int32, c_long, c_uint32, c_void_p

LIBRARY, KRB5 = "libkadm5clnt_mit.so.12", "libkrb5.so.3"
PACKAGE = "libkadm5clnt-mit12"  # the Debian package that contains LIBRARY

STRUCT_VERSION, API_VERSION = 0x12345601, 0x12345704
CONFIG_REALM = 1
BASE = 43787520  # the first error number of kadm5 (kadm5/kadm_err.h)
NOT_ALLOWED = frozenset(BASE + number for number in (1, 2, 3, 4, 5, 50, 62))
"""KADM5_AUTH_GET, _ADD, _MODIFY, _DELETE, _INSUFFICIENT, _SETKEY, _INITIAL: kadmind does not allow this client that."""
UNKNOWN_PRINCIPAL = BASE + 12
PROTECTED = BASE + 30  # KADM5_PROTECT_PRINCIPAL
FULL = 0x95E73A2D  # KRB5_KDB_STRINGS_TOOLONG (kdb5_err.et), unsigned: the entry has no room for another string


class KadminError(Exception):
    """A call to kadmind has failed. ``code`` is the library's error code (unsigned), and the text is the library's, too."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code & 0xFFFFFFFF


class _Parameters(ctypes.Structure):
    """kadm5_config_params. ``mask`` marks all members but the first two as not set."""

    _fields_ = (("mask", c_long), ("realm", c_char_p), ("rest", c_long * 64))


class _String(ctypes.Structure):
    """krb5_string_attr."""

    _fields_ = (("key", c_char_p), ("value", c_char_p))


_KADM5 = {
    "kadm5_init_krb5_context": (c_int32, (POINTER(c_void_p),)),
    "kadm5_init_with_skey": (
        c_long,
        (c_void_p, c_char_p, c_char_p, c_char_p, POINTER(_Parameters), c_uint32, c_uint32, c_void_p, POINTER(c_void_p)),
    ),
    "kadm5_destroy": (c_long, (c_void_p,)),
    "kadm5_get_strings": (c_long, (c_void_p, c_void_p, POINTER(POINTER(_String)), POINTER(c_int))),
    "kadm5_set_string": (c_long, (c_void_p, c_void_p, c_char_p, c_char_p)),
    "kadm5_free_strings": (c_long, (c_void_p, POINTER(_String), c_int)),
}
_LIBKRB5 = {
    "krb5_parse_name": (c_int32, (c_void_p, c_char_p, POINTER(c_void_p))),
    "krb5_free_principal": (None, (c_void_p, c_void_p)),
    "krb5_free_context": (None, (c_void_p,)),
    "krb5_get_error_message": (c_void_p, (c_void_p, c_int32)),
    "krb5_free_error_message": (None, (c_void_p, c_void_p)),
}
MOST_STRINGS = 20_000  # strings in an answer of kadmind. An entry has room for 65,535 bytes of them


class _Libraries:
    def __init__(self) -> None:
        for name, functions in ((KRB5, _LIBKRB5), (LIBRARY, _KADM5)):
            library = ctypes.CDLL(name)
            for function, (result, arguments) in functions.items():
                found = getattr(library, function)
                found.restype, found.argtypes = result, arguments
                setattr(self, function, found)

    def __getattr__(self, name: str) -> ctypes._NamedFuncPointer:  # only for the type checker, since __init__ sets all functions
        raise AttributeError(name)


class Connection:
    """An open connection to the kadmind of ``principal``'s realm, authenticated by the key in ``keytab``."""

    def __init__(self, principal: str, keytab: str) -> None:
        """Open the connection. Raises KadminError, or OSError if the library is missing."""
        self._libraries = _Libraries()
        self._context = c_void_p()
        self._handle = c_void_p()
        code = self._libraries.kadm5_init_krb5_context(byref(self._context))
        if code:
            raise KadminError(code, f"libkadm5 cannot begin (code {code}): see /etc/krb5.conf")
        realm = principal.rpartition("@")[2].encode("utf-8")
        parameters = _Parameters(mask=CONFIG_REALM, realm=realm)
        code = self._libraries.kadm5_init_with_skey(
            self._context,
            principal.encode("utf-8"),
            f"FILE:{keytab}".encode(),
            None,
            byref(parameters),
            STRUCT_VERSION,
            API_VERSION,
            None,
            byref(self._handle),
        )
        if code:
            fault = self._error(code)
            self.close()
            raise fault

    def strings(self, principal: str) -> dict[str, str]:
        """Return the string attributes of ``principal`` by their names. Raises KadminError."""
        name = self._parsed(principal)
        found, count = POINTER(_String)(), c_int()
        try:
            self._check(self._libraries.kadm5_get_strings(self._handle, name, byref(found), byref(count)))
        finally:
            self._libraries.krb5_free_principal(self._context, name)
        try:
            if not 0 <= count.value <= MOST_STRINGS or (count.value and not found):
                raise KadminError(0, f"kadmind sent {count.value} strings")
            return {_text(found[i].key): _text(found[i].value) for i in range(count.value)}
        finally:
            if 0 <= count.value <= MOST_STRINGS and found:
                self._libraries.kadm5_free_strings(self._handle, found, count)

    def set_string(self, principal: str, name: str, value: str | None) -> None:
        """Set the string attribute ``name`` of ``principal``. If ``value`` is None, delete the attribute. Raises KadminError."""
        parsed = self._parsed(principal)
        try:
            written = None if value is None else value.encode("utf-8")
            self._check(self._libraries.kadm5_set_string(self._handle, parsed, name.encode("utf-8"), written))
        finally:
            self._libraries.krb5_free_principal(self._context, parsed)

    def close(self) -> None:
        """End the connection. After ``close``, no other method may be called."""
        if self._handle:
            self._libraries.kadm5_destroy(self._handle)
            self._handle = c_void_p()
        if self._context:
            self._libraries.krb5_free_context(self._context)
            self._context = c_void_p()

    def _parsed(self, principal: str) -> c_void_p:
        if "\0" in principal:
            raise ValueError("the name of a principal contains a NUL byte")
        parsed = c_void_p()
        self._check(self._libraries.krb5_parse_name(self._context, principal.encode("utf-8"), byref(parsed)))
        return parsed

    def _check(self, code: int) -> None:
        if code:
            raise self._error(code)

    def _error(self, code: int) -> KadminError:
        message = self._libraries.krb5_get_error_message(self._context, code)
        text = ctypes.cast(message, c_char_p).value if message else None
        said = text.decode("utf-8", "replace") if text else f"code {code}"
        if message:
            self._libraries.krb5_free_error_message(self._context, message)
        return KadminError(code, said)


def _text(value: bytes | None) -> str:
    return (value or b"").decode("utf-8", "surrogateescape")
