# SPDX-License-Identifier: Apache-2.0
"""Declares the functions of libkrb5 that read one credential cache and fill another. The declarations are for _ctypes, the C
half of ctypes.

Law: every function that is called must be declared here, with all its types. This module is imported only if a thing was
requested. Otherwise each start of jitsudo would take longer. The structures are declared as in krb5.h of MIT Kerberos. They have
not changed since release 1.2.
"""

from __future__ import annotations

from _ctypes import POINTER, Structure

from jitpam.krb5 import Handle, Int, Library, Number, String

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class Key(Structure):
    """The structure krb5_keyblock: a key."""

    _fields_ = (("magic", Int), ("enctype", Int), ("length", Number), ("contents", Handle))


class Data(Structure):
    """The structure krb5_data: bytes with their length."""

    _fields_ = (("magic", Int), ("length", Number), ("data", Handle))


class Credential(Structure):
    """krb5_creds: a ticket in a cache, or a request for one. Times are unsigned 32-bit seconds since 1970."""

    _fields_ = (
        ("magic", Int),
        ("client", Handle),
        ("server", Handle),
        ("key", Key),
        ("authenticated_at", Number),
        ("begins_at", Number),
        ("ends_at", Number),
        ("renewable_until", Number),
        ("is_session_key", Number),
        ("flags", Int),
        ("addresses", Handle),
        ("ticket", Data),
        ("second_ticket", Data),
        ("authorization", Handle),
    )


NO_STORE = 8  # KRB5_GC_NO_STORE: use the credentials of a cache, and do not store the ticket there

MATCH_TIMES_EXACT = 8  # KRB5_TC_MATCH_TIMES_EXACT: of a service's tickets, the one with exactly these times is meant

_P = Handle
_HANDLE = POINTER(Handle)
_CREDENTIAL = POINTER(Credential)

_CALLS: dict[str, tuple[Any, ...]] = {
    "krb5_init_context": (_HANDLE,),
    "krb5_parse_name": (_P, String, _HANDLE),
    "krb5_unparse_name": (_P, _P, POINTER(String)),
    "krb5_cc_resolve": (_P, String, _HANDLE),
    "krb5_cc_get_principal": (_P, _P, _HANDLE),
    "krb5_cc_cache_match": (_P, _P, _HANDLE),
    "krb5_cc_new_unique": (_P, String, _P, _HANDLE),
    "krb5_cc_initialize": (_P, _P, _P),
    "krb5_cc_start_seq_get": (_P, _P, _HANDLE),
    "krb5_cc_next_cred": (_P, _P, _HANDLE, _CREDENTIAL),
    "krb5_cc_end_seq_get": (_P, _P, _HANDLE),
    "krb5_cc_store_cred": (_P, _P, _CREDENTIAL),
    "krb5_cc_remove_cred": (_P, _P, Int, _CREDENTIAL),
    "krb5_cc_close": (_P, _P),
    "krb5_cc_destroy": (_P, _P),
    "krb5_get_credentials": (_P, Int, _P, _CREDENTIAL, POINTER(_CREDENTIAL)),
}
"""Maps each function to the types of its arguments. All functions return a krb5_error_code, which is 0 after success."""
_TEXTS: dict[str, tuple[Any, ...]] = {"krb5_get_error_message": (_P, Int)}  # the library owns the returned text


def calls() -> Any:
    """Return libkrb5 with the functions of ``_CALLS``. Raises OSError if libkrb5 is not installed."""
    return Library("libkrb5.so.3", _CALLS, Int)


def texts() -> Any:
    """Return libkrb5 with the functions of ``_TEXTS``. Raises OSError if libkrb5 is not installed."""
    return Library("libkrb5.so.3", _TEXTS, String)


def address() -> Any:
    """Return an empty pointer to a Credential. The library stores the address of its own Credential in this pointer."""
    return _CREDENTIAL()
