# SPDX-License-Identifier: Apache-2.0
"""Real exchanges with the KDC, by jitd's own key. Law: tickets stay in this process, and nothing is left of them."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import gssapi
from gssapi.raw.ext_krb5 import krb5_extract_authtime_from_sec_context
from gssapi.raw.misc import GSSError

from jitd.doctor.checks.kerberos import Exchange

KRB5 = gssapi.MechType.kerberos
_FLAGS = gssapi.RequirementFlag.mutual_authentication | gssapi.RequirementFlag.integrity


class _Context(gssapi.SecurityContext):
    """A context that raises what goes wrong where it goes wrong."""


_Context.__DEFER_STEP_ERRORS__ = False  # type: ignore[attr-defined]  # not in the body: the metaclass puts True over it


def alone() -> None:
    """Have libkrb5 of this process use no cache, keytab or replay cache but what it is given. Before its first call."""
    for name in [name for name in os.environ if name.startswith(("KRB5", "GSS"))]:
        del os.environ[name]
    os.environ["KRB5CCNAME"] = "MEMORY:doctor"
    os.environ["KRB5RCACHENAME"] = "none:"


def exchange(keytab: Path, service: str) -> Exchange:
    """Get a ticket for ``service`` by its own key, and accept it by that key, as the daemon does with a client's."""
    where = "asking the KDC"
    try:
        name = gssapi.Name(service, gssapi.NameType.kerberos_principal)
        initiator = _initiator(keytab, name, name)
        token = initiator.step()
        where = "accepting the ticket"
        own = gssapi.Credentials(name=name, usage="accept", mechs=[KRB5], store={"keytab": f"FILE:{keytab}"})
        acceptor = _Context(creds=own, usage="accept")
        initiator.step(acceptor.step(token))
        now = time.time()
        return Exchange(ahead=now - krb5_extract_authtime_from_sec_context(acceptor))
    except GSSError as fault:
        return Exchange(_code(fault), _sentence(fault), where)


def crossing(keytab: Path, service: str, realm: str) -> tuple[int, str]:
    """Ask for a ticket that leads to ``realm``: libkrb5's code, 0 if it was given, and its sentence."""
    try:
        own = gssapi.Name(service, gssapi.NameType.kerberos_principal)
        to = gssapi.Name(f"krbtgt/{realm}@{service.rpartition('@')[2]}", gssapi.NameType.kerberos_principal)
        _initiator(keytab, own, to).step()
    except GSSError as fault:
        return _code(fault), _sentence(fault)
    return 0, ""


def _initiator(keytab: Path, own: gssapi.Name, to: gssapi.Name) -> _Context:
    store: dict[bytes | str, bytes | str] = {"client_keytab": f"FILE:{keytab}", "ccache": "MEMORY:doctor"}
    credentials = gssapi.Credentials(name=own, usage="initiate", mechs=[KRB5], store=store)
    return _Context(name=to, creds=credentials, usage="initiate", mech=KRB5, flags=_FLAGS)


def _code(fault: GSSError) -> int:
    """libkrb5's code, or 1 where GSSAPI has none."""
    code = int(fault.min_code)
    return (code - (1 << 32) if code >= 1 << 31 else code) or 1


def _sentence(fault: GSSError) -> str:
    """The library's last word: of its mechanism, if that has one."""
    get: Callable[..., list[str]] = fault.get_all_statuses
    said = get(fault.min_code, False) if fault.min_code else get(fault.maj_code, True)
    return ": ".join(part.decode() if isinstance(part, bytes) else part for part in said)
