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
    """``void *``, to an object of the library. As an argument declared _HANDLE, its address is passed."""

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


class Principal(Structure):
    """krb5_principal_data: a principal, whose realm is a krb5_data (magic, length, data)."""

    _fields_ = (
        ("magic", Int),
        ("realm_magic", Int),
        ("realm_length", Number),
        ("realm_data", Handle),
        ("components", Handle),
        ("n_components", Int),
        ("type", Int),
    )


OF_A_HOST = 3  # KRB5_NT_SRV_HST: the second component is the name of a host (RFC 4120 section 6.2)
KRB5 = bytes.fromhex("2a864886f712010202")
KRB5_PRINCIPAL_NAME = bytes.fromhex("2a864886f71201020201")
INITIATE = 1
BY_MAJOR, BY_MINOR = 1, 2
FOREVER = 0xFFFFFFFF
NO_CREDENTIALS = 7 << 16
CONTINUE_NEEDED = 1

DELEGATE, MUTUAL, REPLAY, SEQUENCE, CONFIDENTIAL, INTEGRITY, ANONYMOUS = 1, 2, 4, 8, 16, 32, 64
WANTED = MUTUAL | REPLAY | SEQUENCE | CONFIDENTIAL | INTEGRITY  # requested by the initiator (PROTOCOL.md section 3)

_P, _U = Handle, Number
_STATUS = POINTER(Number)
_HANDLE = POINTER(Handle)
_IN = POINTER(Given)
_OUT = POINTER(Taken)
_OID = POINTER(Oid)
_INT = POINTER(Int)
_STRINGS = POINTER(String)
_PRINCIPAL = POINTER(Principal)

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
    "krb5_cc_set_default_name": (_P, String),
    "krb5_cc_select": (_P, _PRINCIPAL, _HANDLE, _HANDLE),
    "krb5_cc_get_full_name": (_P, _P, POINTER(String)),
    "krb5_cc_new_unique": (_P, String, _P, _HANDLE),
    "krb5_cc_initialize": (_P, _P, _P),
    "krb5_cc_copy_creds": (_P, _P, _P),
    "krb5_cc_close": (_P, _P),
    "krb5_cc_destroy": (_P, _P),
    "krb5_free_principal": (_P, _P),
    "krb5_parse_name": (_P, String, POINTER(_PRINCIPAL)),
    "krb5_unparse_name": (_P, _P, POINTER(String)),
}
"""Maps each function of libkrb5 to the types of its arguments. They find the realm of a host without DNS, choose a cache of a
collection, copy a cache, and find the reason why a cache gives no credentials. GSSAPI has no functions for these purposes.
"""
_KRB5_NAMES: dict[str, tuple[Any, ...]] = {"krb5_cc_default_name": (_P,)}
_KEYUTILS: dict[str, tuple[Any, ...]] = {"keyctl_get_keyring_ID": (Int, Int)}
_PROCESS_KEYRING = -2  # KEY_SPEC_PROCESS_KEYRING of keyctl(2)


class _Function(CFuncPtr):
    """A function of a library, with the C calling convention."""

    _flags_ = FUNCFLAG_CDECL


class Library:
    """A loaded library, with the functions declared here as attributes, each looked up at its first use."""

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


def default_cache(library: Handle) -> bytes:
    """Return the name of the default credential cache in the context ``library``: the value of KRB5CCNAME, or the cache that
    krb5.conf names. Return b"" if neither can be read.
    """
    name: bytes | None = Library("libkrb5.so.3", _KRB5_NAMES, String).krb5_cc_default_name(library)
    return name or b""


def share_keyring(cache: bytes) -> None:
    """Let all threads that this thread starts from now on use ``cache``, if it is a KEYRING cache.

    A keyring can be read by a thread that possesses it (keyrings(7)). libkrb5 links the persistent keyring of a user to the
    process keyring, and makes that keyring if there is none. But the kernel then gives it only to the calling thread, so that
    what one thread has opened is refused to the next one. A process keyring that exists already is inherited by new threads.
    """
    if not cache.startswith(b"KEYRING:"):
        return  # each keyring counts against the user's quota, and the other caches need none
    try:  # noqa: SIM105  # importing `contextlib` would make each start 1 ms longer
        Library("libkeyutils.so.1", _KEYUTILS, Int).keyctl_get_keyring_ID(_PROCESS_KEYRING, 1)
    except OSError:  # libkrb5 was built without keyrings, and says so itself when it opens the cache
        pass


def in_memory(library: Handle, name: bytes) -> bytes:
    """Copy the cache ``name`` into a cache that only this process has and that ends with it. Return the name of the copy, or
    ``name`` if it cannot be copied: its user is told why then.
    """
    calls = krb5()
    cache, owner, copy, full = Handle(), Handle(), Handle(), String()
    steps = (
        (calls.krb5_cc_resolve, name, cache),
        (calls.krb5_cc_get_principal, cache, owner),
        (calls.krb5_cc_new_unique, b"MEMORY", None, copy),
        (calls.krb5_cc_initialize, copy, owner),
        (calls.krb5_cc_copy_creds, cache, copy),
        (calls.krb5_cc_get_full_name, copy, full),
    )
    try:
        for step, *arguments in steps:
            if step(library, *arguments):
                return name
        return full.value or name
    finally:
        for handle, release in ((cache, calls.krb5_cc_close), (copy, calls.krb5_cc_close), (owner, calls.krb5_free_principal)):
            if handle.value:
                release(library, handle)


def forget(copies: dict[bytes, bytes]) -> None:
    """Destroy the copies that ``in_memory`` has made, and empty ``copies``. No thread may use one of them."""
    library, calls = Handle(), krb5()
    if calls.krb5_init_context(library):
        return
    for name, copy in copies.items():
        cache = Handle()
        if copy != name and copy.startswith(b"MEMORY:") and not calls.krb5_cc_resolve(library, copy, cache):
            calls.krb5_cc_destroy(library, cache)
    copies.clear()
    calls.krb5_free_context(library)


def strings() -> Any:
    """Return a pointer (``char **``) that the library can set to a list of its strings."""
    return _STRINGS()


def principal() -> Any:
    """Return a pointer that the library can set to a Principal of its own."""
    return _PRINCIPAL()


def bytes_at(buffer: Taken) -> bytes:
    return bytes((_Char * buffer.length).from_address(buffer.value)) if buffer.value else b""
