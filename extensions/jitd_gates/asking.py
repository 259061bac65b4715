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

import os
import select
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress

from jitd.kdc.libkrb5 import Krb5Error, Library
from jitd.kdc.names import components
from jitd_gates.askers import ASK, SEEN
from jitd_gates.strings import CANARY, OFF, ON, SILENT, Sighting
from jitpam.wire.declared import sentence

POLICY = -1765328384 + 12  # KRB5KDC_ERR_POLICY (RFC 4120 section 7.5.9), the only error by which the gate refuses a ticket
PATIENCE = 5.0  # seconds within which a KDC must answer all requests of this module
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
"""Read before the host's krb5.conf: no plugins, because one, such as that of sssd, may name another KDC."""
OTHER_SERVERS = frozenset({"kdc", "primary_kdc", "master_kdc", "admin_server", "kpasswd_server", "sitename"})


def clock_skew(otherwise: int) -> int:
    """Return ``clockskew`` of krb5.conf in seconds. If ``clockskew`` is missing or is not a number, return ``otherwise``."""
    try:
        said = Library().setting("clockskew") or ""
    except (Krb5Error, OSError):
        return otherwise
    return int(said) if said.isascii() and said.isdigit() and len(said) < 7 else otherwise


def pinned(realm: str, kdc: str, relations: dict[str, list[str]]) -> str:
    """Return a krb5.conf, read before the host's, with ``kdc`` as the only KDC of ``realm``, and with those of its settings
    (``relations``) that name no server.
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
    """Request a ticket without a TGT (an AS request), which the gate must refuse as well. Return the state, and why."""
    try:
        Library().log_in(client, keytab, service)
    except Krb5Error as fault:
        if fault.code == POLICY:
            return ON, "it refused a ticket that nobody has granted, with a TGT and without"
        return SILENT, f"without a TGT it neither gave nor refused the ticket: {fault}"
    return OFF, f"it gave {client} a ticket that nobody has granted, without a TGT (kinit -S)"


# --- each KDC ------------------------------------------------------------------------------------------------------------


class Child:
    """A process that asks one KDC, whose name in krb5.conf is ``kdc``, or "" if DNS names it. Raises OSError."""

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
