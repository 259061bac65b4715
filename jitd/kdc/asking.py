# SPDX-License-Identifier: Apache-2.0
"""Requests tickets that each KDC of a realm must refuse, and reports how the KDCs answer. This module runs as a separate process,
which ``gates`` executes.

The process reads one question from standard input. The process writes one line for each pair of KDC and service. For each KDC
that the question or krb5.conf names, the process forks a child. The child's krb5.conf names only that KDC. If no KDC is named,
there is one child, which uses the host's krb5.conf.
Law: the process gets tickets with the host's own key, and keeps them in memory only. A request to a named KDC is sent only to
this KDC. No locator plugin and no DNS lookup can send it to another KDC.
Sources: krb5.conf(5), about profiles that are read before the host's krb5.conf, and about subsections that are marked as final;
krb5/krb5.h.
"""

from __future__ import annotations

import ctypes
import os
import select
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from ctypes import POINTER, byref, c_char_p, c_int32, c_long, c_uint32, c_void_p

from jitd.kdc.askers import ASK, SEEN
from jitd.kdc.strings import CANARY, OFF, ON, SILENT, Sighting, components
from jitpam.wire.declared import sentence

KRB5 = "libkrb5.so.3"
POLICY = -1765328384 + 12
"""KRB5KDC_ERR_POLICY (RFC 4120 section 7.5.9). If the gate refuses a ticket, the KDC sends this error, and never another error.
"""
PATIENCE = 5.0
"""Seconds within which a KDC must answer all requests of this module."""
PINNED = """\
[libdefaults]
    dns_lookup_kdc = false
    dns_uri_lookup = false
    dns_canonicalize_hostname = false
    plugin_base_dir = /nonexistent
[realms]
    {realm} = {{
        kdc = {kdc}
{rest}
    }}*
"""
"""The profile that is read before the host's krb5.conf. This profile disables plugins, because a plugin (for example the plugin
of sssd) may name another KDC.
"""
OTHER_SERVERS = frozenset({"kdc", "primary_kdc", "master_kdc", "admin_server", "kpasswd_server", "sitename"})


class Krb5Error(Exception):
    """A call of libkrb5 has failed. ``code`` is the error code. The text of the exception comes from libkrb5."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code


class _Credentials(ctypes.Structure):
    """The C struct krb5_creds. Only the fields that are needed to request a ticket are filled in. All other fields of the struct
    stay zero.
    """

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
        """Load the library and create a context. Raises OSError if the library cannot be loaded, and Krb5Error if the library
        cannot start.
        """
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
        """Return the settings of ``realm`` in krb5.conf. Each key is the name of a setting, and each value is the list of the
        setting's values. Raises Krb5Error.
        """
        profile = self._made("krb5_get_profile")
        names = self._listed("profile_get_relation_names", profile, "realms", realm)
        return {name: self._listed("profile_get_values", profile, "realms", realm, name) for name in names}

    def setting(self, name: str) -> str | None:
        """Return the value of the setting ``name`` in [libdefaults] of krb5.conf. Return None if the setting is missing. Raises
        Krb5Error.
        """
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


def clock_skew(otherwise: int) -> int:
    """Return ``clockskew`` of krb5.conf in seconds. If ``clockskew`` is missing or is not a number, return ``otherwise``."""
    try:
        said = Library().setting("clockskew") or ""
    except (Krb5Error, OSError):
        return otherwise
    return int(said) if said.isascii() and said.isdigit() and len(said) < 7 else otherwise


def pinned(realm: str, kdc: str, relations: dict[str, list[str]]) -> str:
    """Return the text of an extra krb5.conf, which is read before the host's krb5.conf. The extra krb5.conf names ``kdc`` as the
    only KDC of ``realm``. ``relations`` are the settings of the realm. Settings that name a server are left out, all others are
    kept.
    """
    rest = [
        f"        {name} = {_quoted(value)}"
        for name, values in relations.items()
        if name not in OTHER_SERVERS
        for value in values
    ]
    return PINNED.format(realm=realm, kdc=_quoted(kdc), rest="\n".join(rest))


def _quoted(value: str) -> str:
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


# --- one KDC -------------------------------------------------------------------------------------------------------------


def states(client: str, keytab: str, services: Sequence[str]) -> Iterator[tuple[str, str, str]]:
    """Request a ticket for each service from the KDC that krb5.conf names. For each service, yield a tuple: the service, its
    state (ON, OFF or SILENT), and the reason for this state.
    """
    try:
        library = Library()
        cache = library.log_in(client, keytab)
    except (Krb5Error, OSError) as fault:
        yield from ((service, SILENT, f"{client} gets no ticket there: {fault}") for service in services)
        return
    for service in services:
        try:
            library.ticket(cache, client, service)
            yield service, OFF, f"it gave {client} a ticket that nobody has granted"
        except Krb5Error as fault:
            if fault.code != POLICY:
                yield service, SILENT, f"it neither gave nor refused the ticket: {fault}"
            elif components(service)[0] == CANARY:
                yield service, *_directly(client, keytab, service)
            else:
                yield service, ON, "it refused a ticket that nobody has granted"


def _directly(client: str, keytab: str, service: str) -> tuple[str, str]:
    """Request a ticket without a TGT (an AS request). The gate must refuse an AS request as well. Return the state of the gate
    and the reason for this state.
    """
    try:
        Library().log_in(client, keytab, service)
    except Krb5Error as fault:
        if fault.code == POLICY:
            return ON, "it refused a ticket that nobody has granted, with a TGT and without"
        return SILENT, f"without a TGT it neither gave nor refused the ticket: {fault}"
    return OFF, f"it gave {client} a ticket that nobody has granted, without a TGT (kinit -S)"


# --- each KDC ------------------------------------------------------------------------------------------------------------


class Child:
    """A process that asks one KDC. ``kdc`` is the KDC's name in krb5.conf. If DNS names the KDC, ``kdc`` is "".

    Raises OSError, and then there is no process.
    """

    def __init__(self, kdc: str, conf: str | None, client: str, keytab: str, services: Sequence[str]) -> None:
        self.kdc = kdc and sentence(kdc, 256)
        self.missing = list(services)
        self.pipe, writing = os.pipe()
        try:
            self.pid = os.fork()
        except OSError:
            os.close(self.pipe)
            os.close(writing)
            raise
        if self.pid:
            os.close(writing)
            return
        try:
            os.close(self.pipe)
            if conf is not None:
                file = os.memfd_create("krb5.conf")
                os.write(file, conf.encode("utf-8"))
                os.environ["KRB5_CONFIG"] = f"/proc/self/fd/{file}:{os.environ.get('KRB5_CONFIG', '/etc/krb5.conf')}"
            for service, state, why in states(client, keytab, services):
                os.write(writing, SEEN.write(Sighting(self.kdc, service, state, sentence(why))) + b"\n")
        finally:
            os._exit(0)

    def end(self) -> None:
        """Kill the process, and wait until it has exited."""
        os.close(self.pipe)
        with suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)


def ask(
    realm: str, client: str, keytab: str, services: Sequence[str], kdcs: Sequence[str], patience: float = PATIENCE
) -> Iterator[Sighting]:
    """Yield a Sighting for each pair of KDC and service. This function takes at most about ``patience`` seconds.

    If ``kdcs`` is empty, ask the KDCs that krb5.conf names for the realm. If it names none, there is one KDC without a name,
    which DNS names. Raises Krb5Error and OSError.
    """
    relations = Library().relations(realm)
    kdcs = list(dict.fromkeys(kdcs or relations.get("kdc", [])))
    until = time.monotonic() + patience
    confs: list[tuple[str, str | None]] = [(kdc, pinned(realm, kdc, relations)) for kdc in kdcs]
    children: list[Child] = []
    try:
        for kdc, conf in confs or [("", None)]:
            children.append(Child(kdc, conf, client, keytab, services))
        for child in children:
            yield from _heard(child, until, patience)
    finally:
        for child in children:
            child.end()


def _heard(child: Child, until: float, patience: float) -> Iterator[Sighting]:
    said = b""
    while select.select([child.pipe], [], [], max(0.0, until - time.monotonic()))[0]:
        data = os.read(child.pipe, 65536)
        if not data:
            break
        *lines, said = (said + data).split(b"\n")
        for line in lines:
            seen = SEEN.read(line)
            child.missing.remove(seen.service)
            yield seen
    for service in child.missing:
        yield Sighting(child.kdc, service, SILENT, f"it has not answered within {patience:g} s")


def main() -> int:
    """Read a question from standard input, and print a line for each sighting. Return the exit status."""
    for name in [name for name in os.environ if name.startswith(("KRB5", "GSS")) and name != "KRB5_CONFIG"]:
        del os.environ[name]
    try:
        asked = ASK.read(sys.stdin.buffer.read())
    except ValueError as fault:
        print(f"jitd: the question cannot be read: {fault}", file=sys.stderr)
        return 1
    patience = asked.patience_ms / 1000
    try:
        for seen in ask(asked.realm, asked.client, asked.keytab, asked.services, asked.kdcs, patience):
            print(SEEN.write(seen).decode("ascii"), flush=True)
    except (Krb5Error, OSError, ValueError) as fault:
        print(f"jitd: {fault}", file=sys.stderr)
        return 1
    return 0
