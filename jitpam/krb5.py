# SPDX-License-Identifier: Apache-2.0
"""Declares the functions of libgssapi_krb5 (RFC 2744) and libkrb5 that the client calls. The declarations are for _ctypes, the C
half of ctypes.

Law: every function that is called must be declared here, with all its types. This module makes no decisions.
"""

from __future__ import annotations

from _ctypes import (  # importing `ctypes` itself would make each start 1.2 ms longer: it sets up every C type
    FUNCFLAG_CDECL,
    POINTER,
    CFuncPtr,
    Structure,
    _SimpleCData,
    dlopen,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    _Text = _SimpleCData[bytes | None]
    _Address = _SimpleCData[int | None]
    _Integer = _SimpleCData[int]
    _Letter = _SimpleCData[bytes]
else:
    _Text = _Address = _Integer = _Letter = _SimpleCData


class Handle(_Address):
    """``void *``, which points to an object of the library. If an argument is declared as _HANDLE, the Handle's address is
    passed.
    """

    _type_ = "P"


class Number(_Integer):
    """``OM_uint32``."""

    _type_ = "I"


class Int(_Integer):
    """``int``, which is the same type as ``krb5_int32``."""

    _type_ = "i"


class _Size(_Integer):
    """``size_t``, which has the size of ``unsigned long`` on every Linux."""

    _type_ = "L"


class String(_Text):
    """``char *`` to a string that ends with a NUL."""

    _type_ = "z"


class _Char(_Letter):
    """``char``."""

    _type_ = "c"


class Given(Structure):
    """A gss_buffer_desc that contains our own bytes. This object keeps a reference to the bytes."""

    _fields_ = (("length", _Size), ("value", String))


class Taken(Structure):
    """A gss_buffer_desc that the library fills. ``gss_release_buffer`` frees this buffer."""

    _fields_ = (("length", _Size), ("value", Handle))


class Oid(Structure):
    """gss_OID_desc."""

    _fields_ = (("length", Number), ("elements", String))


class Bindings(Structure):
    """gss_channel_bindings_struct."""

    _fields_ = (
        ("initiator_addrtype", Number),
        ("initiator_address", Given),
        ("acceptor_addrtype", Number),
        ("acceptor_address", Given),
        ("application_data", Given),
    )


KRB5 = bytes.fromhex("2a864886f712010202")
KRB5_PRINCIPAL_NAME = bytes.fromhex("2a864886f71201020201")
INITIATE = 1
BY_MAJOR, BY_MINOR = 1, 2
FOREVER = 0xFFFFFFFF
NO_CREDENTIALS = 7 << 16
CONTINUE_NEEDED = 1

DELEGATE, MUTUAL, REPLAY, SEQUENCE, CONFIDENTIAL, INTEGRITY, ANONYMOUS = 1, 2, 4, 8, 16, 32, 64
WANTED = MUTUAL | REPLAY | SEQUENCE | CONFIDENTIAL | INTEGRITY
"""The flags that the initiator requests (PROTOCOL.md section 3)."""

_P, _U = Handle, Number
_STATUS = POINTER(Number)
_HANDLE = POINTER(Handle)
_IN = POINTER(Given)
_OUT = POINTER(Taken)
_OID = POINTER(Oid)
_INT = POINTER(Int)
_STRINGS = POINTER(String)

_GSS: dict[str, tuple[Any, ...]] = {
    "gss_import_name": (_STATUS, _IN, _OID, _HANDLE),
    "gss_acquire_cred": (_STATUS, _P, _U, _P, Int, _HANDLE, _P, _P),
    "gss_inquire_cred": (_STATUS, _P, _HANDLE, _P, _P, _P),
    "gss_display_name": (_STATUS, _P, _OUT, _P),
    "gss_init_sec_context": (
        _STATUS, _P, _HANDLE, _P, _OID, _U, _U, POINTER(Bindings), _IN, _P, _OUT, _STATUS, _STATUS,
    ),
    "gss_wrap": (_STATUS, _P, Int, _U, _IN, _INT, _OUT),
    "gss_unwrap": (_STATUS, _P, _IN, _OUT, _INT, _STATUS),
    "gss_display_status": (_STATUS, _U, Int, _OID, _STATUS, _OUT),
    "gss_release_buffer": (_STATUS, _OUT),
    "gss_release_name": (_STATUS, _HANDLE),
    "gss_release_cred": (_STATUS, _HANDLE),
    "gss_delete_sec_context": (_STATUS, _HANDLE, _P),
    "gss_krb5_ccache_name": (_STATUS, String, _P),
}  # fmt: skip
"""Maps each function to the types of its arguments. RFC 2744 defines all these functions except the last one, which MIT's krb5
defines. All these functions return a major status.
"""

_KRB5: dict[str, tuple[Any, ...]] = {
    "krb5_init_context": (_HANDLE,),
    "krb5_get_host_realm": (_P, String, POINTER(_STRINGS)),
    "krb5_free_host_realm": (_P, _STRINGS),
    "krb5_free_context": (_P,),
    "krb5_cc_default": (_P, _HANDLE),
    "krb5_cc_resolve": (_P, String, _HANDLE),
    "krb5_cc_get_principal": (_P, _P, _HANDLE),
}
"""Maps each function of libkrb5 to the types of its arguments. Some of these functions find the realm of a host without DNS.
Others find the reason why a credential cache gives no credentials. GSSAPI has no functions for these two purposes.
"""


class _Function(CFuncPtr):
    """A function of a library, with the C calling convention."""

    _flags_ = FUNCFLAG_CDECL


class Library:
    """A loaded library. The attributes of this object are the functions that are declared in this module. Each function is
    looked up in the library at its first use.
    """

    def __init__(self, name: str, calls: dict[str, tuple[Any, ...]], result: Any) -> None:
        self._handle = dlopen(name, 0)
        self._calls = calls
        self._result = result

    def __getattr__(self, call: str) -> _Function:
        function = _Function((call, self))  # type: ignore[arg-type]  # an object with a _handle is enough
        function.argtypes = self._calls[call]
        function.restype = self._result
        setattr(self, call, function)
        return function


def gssapi() -> Any:
    """Load libgssapi_krb5 and declare its functions. Raises OSError if the library is not installed."""
    return Library("libgssapi_krb5.so.2", _GSS, Number)


def krb5() -> Any:
    """Load libkrb5 and declare its functions. Raises OSError if the library is not installed."""
    return Library("libkrb5.so.3", _KRB5, Int)


def strings() -> Any:
    """Return a pointer (``char **``) that the library can set to a list of its strings."""
    return _STRINGS()


def bytes_at(buffer: Taken) -> bytes:
    """Return a copy of the bytes in ``buffer``."""
    return bytes((_Char * buffer.length).from_address(buffer.value)) if buffer.value else b""
