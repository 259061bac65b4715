# SPDX-License-Identifier: Apache-2.0
"""The functions of libkrb5 that processes of jitd call by themselves. Source: krb5/krb5.h, profile.h."""

from __future__ import annotations

import ctypes
from ctypes import POINTER, byref, c_char_p, c_int32, c_long, c_uint32, c_void_p

KRB5 = "libkrb5.so.3"


class Krb5Error(Exception):
    """A call of libkrb5 has failed. ``code`` is the error code. The text of the exception comes from libkrb5."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code


class _Credentials(ctypes.Structure):
    """The C struct krb5_creds. Only what is needed to request a ticket is filled in, and all else stays zero."""

    _fields_ = (("magic", c_int32), ("client", c_void_p), ("server", c_void_p), ("rest", c_long * 32))


_P = c_void_p
_OUT = POINTER(c_void_p)
_TEXTS = POINTER(c_char_p)
_FUNCTIONS = {
    "krb5_init_context": (c_int32, (_OUT,)),
    "krb5_parse_name": (c_int32, (_P, c_char_p, _OUT)),
    "krb5_kt_resolve": (c_int32, (_P, c_char_p, _OUT)),
    "krb5_cc_resolve": (c_int32, (_P, c_char_p, _OUT)),
    "krb5_cc_initialize": (c_int32, (_P, _P, _P)),
    "krb5_cc_store_cred": (c_int32, (_P, _P, POINTER(_Credentials))),
    "krb5_get_init_creds_keytab": (c_int32, (_P, POINTER(_Credentials), _P, _P, c_int32, c_char_p, _P)),
    "krb5_get_credentials": (c_int32, (_P, c_uint32, _P, POINTER(_Credentials), _OUT)),
    "krb5_get_error_message": (_P, (_P, c_int32)),
    "krb5_get_profile": (c_long, (_P, _OUT)),
    "profile_get_values": (c_long, (_P, _TEXTS, POINTER(_TEXTS))),
    "profile_get_relation_names": (c_long, (_P, _TEXTS, POINTER(_TEXTS))),
}


class Library:
    """libkrb5 with one context. The memory that libkrb5 allocates is not freed, because the process ends soon."""

    def __init__(self) -> None:
        """Raises OSError if the library cannot be loaded, and Krb5Error if it cannot start."""
        library = ctypes.CDLL(KRB5)
        for name, (result, arguments) in _FUNCTIONS.items():
            function = getattr(library, name)
            function.restype, function.argtypes = result, arguments
        self._krb5 = library
        self._context = c_void_p()
        if code := library.krb5_init_context(byref(self._context)):
            raise Krb5Error(code, f"libkrb5 cannot begin (code {code}): see /etc/krb5.conf")

    def _check(self, code: int) -> None:
        if code:
            text = ctypes.cast(self._krb5.krb5_get_error_message(self._context, code), c_char_p).value or b"?"
            raise Krb5Error(code, text.decode("utf-8", "replace"))

    def _made(self, function: str, *arguments: object) -> c_void_p:
        made = c_void_p()
        self._check(getattr(self._krb5, function)(self._context, *arguments, byref(made)))
        return made

    def relations(self, realm: str) -> dict[str, list[str]]:
        """Return each setting of ``realm`` in krb5.conf with the list of its values. Raises Krb5Error."""
        profile = self._made("krb5_get_profile")
        names = self._listed("profile_get_relation_names", profile, "realms", realm)
        return {name: self._listed("profile_get_values", profile, "realms", realm, name) for name in names}

    def setting(self, name: str) -> str | None:
        """Return the setting in [libdefaults] of krb5.conf, or None if it is missing. Raises Krb5Error."""
        found = self._listed("profile_get_values", self._made("krb5_get_profile"), "libdefaults", name)
        return found[0] if found else None

    def _listed(self, function: str, profile: c_void_p, *path: str) -> list[str]:
        names = (c_char_p * (len(path) + 1))(*(name.encode("utf-8") for name in path), None)
        found = _TEXTS()
        if getattr(self._krb5, function)(profile, names, byref(found)) or not found:
            return []
        values: list[str] = []
        while (value := found[len(values)]) is not None:
            values.append(value.decode("utf-8", "replace"))
        return values

    def log_in(self, client: str, keytab: str, service: str | None = None) -> c_void_p:
        """Request a TGT from the KDC with the key in ``keytab``. If ``service`` is given, request a ticket for that service
        instead. In both cases the request is an AS request. Return a cache in memory that contains the ticket. Raises Krb5Error.
        """
        name = self._made("krb5_parse_name", client.encode("utf-8"))
        table = self._made("krb5_kt_resolve", f"FILE:{keytab}".encode())
        ticket = _Credentials()
        wanted = service.encode("utf-8") if service else None
        self._check(self._krb5.krb5_get_init_creds_keytab(self._context, byref(ticket), name, table, 0, wanted, None))
        cache = self._made("krb5_cc_resolve", b"MEMORY:jitd-gate")
        self._check(self._krb5.krb5_cc_initialize(self._context, cache, name))
        self._check(self._krb5.krb5_cc_store_cred(self._context, cache, byref(ticket)))
        return cache

    def ticket(self, cache: c_void_p, client: str, service: str) -> None:
        """Request a ticket for ``service`` with the TGT in ``cache``. Raises Krb5Error if the KDC does not issue the ticket."""
        wanted = _Credentials()
        wanted.client = self._made("krb5_parse_name", client.encode("utf-8"))
        wanted.server = self._made("krb5_parse_name", service.encode("utf-8"))
        self._made("krb5_get_credentials", 0, cache, byref(wanted))
