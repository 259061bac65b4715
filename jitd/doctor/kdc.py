# SPDX-License-Identifier: Apache-2.0
"""Checks of the KDC. The checks do real exchanges with the KDC, use jitd's own key, and interpret the KDC's answers.

Law: these checks run in a separate process. Tickets are only in the memory of this process, and no ticket remains after the
process has ended.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import gssapi
from gssapi.raw.ext_krb5 import krb5_extract_authtime_from_sec_context
from gssapi.raw.misc import GSSError

from jitd.core.frozen import dataclass
from jitd.doctor.finding import Finding, bad, ok, unknown, weak, word
from jitd.doctor.host import Host
from jitd.doctor.kerberos import aside, enrolment, renewal

KRB5 = gssapi.MechType.kerberos
_FLAGS = gssapi.RequirementFlag.mutual_authentication | gssapi.RequirementFlag.integrity

# The codes of RFC 4120 section 7.5.9 and libkrb5's own codes, with the numbers of krb5_err.et.
BASE = -1765328384
UNKNOWN_CLIENT, UNKNOWN_SERVER, REVOKED, ETYPE_NOSUPP = BASE + 6, BASE + 7, BASE + 18, BASE + 14
PREAUTH_FAILED, BAD_INTEGRITY, EXPIRED = BASE + 24, BASE + 31, BASE + 1
REALM_UNKNOWN, KDC_UNREACHABLE, NO_SUCH_VERSION, NO_SUCH_KEY = BASE + 154, BASE + 156, -1765328154, -1765328203
STALE = frozenset({PREAUTH_FAILED, BAD_INTEGRITY, NO_SUCH_VERSION, NO_SUCH_KEY, BASE + 44})
SKEWED = frozenset({BASE + 37, BASE + 148, BASE + 32, BASE + 33})
"""Codes that mean that the clocks differ. libkrb5 returns such a code if the time in the authenticator or in the KDC's reply is
wrong. It also returns such a code if a new ticket has already expired or is not valid yet.
"""
MOST_SKEW, NOTABLE_SKEW = 300.0, 60.0
"""Two limits for the difference of clocks, in seconds. MOST_SKEW is the default limit of Kerberos. If the difference is more
than NOTABLE_SKEW, ``jitd doctor`` reports ``weak``.
"""


@dataclass(frozen=True, slots=True)
class Exchange:
    """A real exchange with the KDC. ``code`` and ``text`` come from libkrb5, and code 0 means success. ``where`` is the step that
    failed.

    ``ahead`` is the number of seconds by which this host's clock is ahead of the KDC's clock. ``ahead`` is None if the exchange
    failed.
    """

    code: int = 0
    text: str = ""
    where: str = ""
    ahead: float | None = None


def examine(host: Host) -> Iterator[Finding]:
    """Yield the findings from one exchange with the KDC. If this exchange succeeds, also yield the findings from one exchange for
    each other realm.
    """
    path, service = host.config.keytab, host.service
    forget_environment()
    found = exchange_with_self(path, service) if path.exists() else None
    yield from exchange(str(path), service, found)
    if found and found.code == 0:
        for realm in sorted(host.config.realms - {host.realm}):
            yield crossing(realm, host.realm, *cross(path, service, realm))


class _Context(gssapi.SecurityContext):
    """A security context that raises an error in the step that failed. By default, python-gssapi raises the error only in a
    later step.
    """


_Context.__DEFER_STEP_ERRORS__ = False  # type: ignore[attr-defined]  # not in the class: its metaclass would overwrite it


def forget_environment() -> None:
    """Make libkrb5 in this process ignore all caches and keytabs that this module does not name. Call ``forget_environment``
    before any function of libkrb5.
    """
    for name in [name for name in os.environ if name.startswith(("KRB5", "GSS"))]:
        del os.environ[name]
    os.environ["KRB5CCNAME"] = "MEMORY:doctor"
    os.environ["KRB5RCACHENAME"] = "none:"


def exchange_with_self(keytab: Path, service: str) -> Exchange:
    """Get a ticket for ``service`` with the service's own key. Then accept the ticket with the service's key, in the same way as
    the daemon accepts a client's ticket.
    """
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


def cross(keytab: Path, service: str, realm: str) -> tuple[int, str]:
    """Request a cross-realm ticket for ``realm``. Return libkrb5's code and libkrb5's sentence. The code is 0 if the KDC issued
    the ticket.
    """
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
    """Return libkrb5's code for the fault. Return 1 if GSSAPI gives no code."""
    code = int(fault.min_code)
    return (code - (1 << 32) if code >= 1 << 31 else code) or 1


def _sentence(fault: GSSError) -> str:
    """Return a sentence about the fault. If libkrb5 gave a code, the sentence is about this code. Otherwise the sentence is about
    GSSAPI's own code.
    """
    get: Callable[..., list[str]] = fault.get_all_statuses
    said = get(fault.min_code, False) if fault.min_code else get(fault.maj_code, True)
    return ": ".join(part.decode() if isinstance(part, bytes) else part for part in said)


# --- what it means -------------------------------------------------------------------------------------------------------


def exchange(keytab: str, service: str, found: Exchange | None) -> Iterator[Finding]:
    """Check that the KDC answers, that the KDC has the same key as this host, and that the clocks agree. ``found`` is None if
    there is no keytab.
    """
    if found is None:
        yield unknown("kdc.reachable", "without a keytab the KDC cannot be asked", "make the keytab first, see above")
        return
    realm = service.rpartition("@")[2]
    if found.code in (REALM_UNKNOWN, KDC_UNREACHABLE):
        how = "krb5.conf and DNS name no KDC" if found.code == REALM_UNKNOWN else "no KDC answers"
        mend = f"name one in /etc/krb5.conf, [realms] {realm} = {{ kdc = … }}, and see that port 88 is open towards it"
        yield bad("kdc.reachable", f"the KDC of {realm} cannot be reached; {how}", mend)
        return
    yield ok("kdc.reachable", f"the KDC of {realm} answers")
    if found.code == 0:
        yield ok("keytab.version", f"the key is the one that the KDC has: a ticket for {service} is accepted with it")
        yield skew(found.ahead)
    elif found.code in SKEWED:
        yield skew(None)
    else:
        yield _refused(keytab, service, found)


def _refused(keytab: str, service: str, found: Exchange) -> Finding:
    """Return a finding that says why the KDC issues no ticket for jitd's own principal, or why jitd's key cannot decrypt the
    ticket.
    """
    check, anew = "keytab.version", f"{aside(keytab)}; {renewal(keytab, service)}"
    if found.code in STALE:
        said = f"the KDC's key of {service} is not in {keytab}: nobody can authenticate ({found.text})"
        return bad(check, said, "old tickets for this host stop working: people run kinit again", command=anew)
    if found.code in (UNKNOWN_CLIENT, UNKNOWN_SERVER):
        return bad(check, f"the KDC does not know {service}", command=f"{enrolment(service)}; {anew}")
    if found.code == EXPIRED:
        command = f"kadmin -q {word(f'modprinc -expire never {service}')}"
        return bad(check, f"for the KDC {service} has expired", command=command)
    if found.code == REVOKED:
        return bad(check, f"the KDC has locked {service}", command=f"kadmin -q {word(f'modprinc +allow_tix {service}')}")
    if found.code == ETYPE_NOSUPP:
        said = f"the KDC and this host have no encryption type in common ({found.text})"
        mend = f"compare permitted_enctypes of /etc/krb5.conf with the keys of {service} in the KDC (kadmin getprinc)"
        return bad(check, said, mend)
    said = f"no ticket for {service} could be got and then accepted with its key ({found.where}: {found.text})"
    return bad(check, said, f"see what the KDC's log says of {service}; a new key often helps", command=anew)


def skew(ahead: float | None) -> Finding:
    """Judge the clocks of this host and the KDC. ``ahead`` is None if the clocks differ by more than Kerberos allows."""
    mend = "timedatectl set-ntp true"
    if ahead is None or abs(ahead) >= MOST_SKEW:
        by = "more than five minutes" if ahead is None else f"{abs(ahead):.0f} s"
        return bad("clock.kdc", f"the clocks of this host and the KDC are {by} apart: no ticket is accepted", command=mend)
    where = f"{abs(ahead):.0f} s {'ahead of' if ahead > 0 else 'behind'} the KDC's"
    if abs(ahead) >= NOTABLE_SKEW:
        return weak("clock.kdc", f"this host's clock is {where}; at 300 s nobody can authenticate any more", command=mend)
    return ok("clock.kdc", "the clock agrees with the KDC's" if abs(ahead) < 2 else f"the clock is {where}")


def crossing(realm: str, own: str, code: int, text: str) -> Finding:
    """Report whether people of another realm can get tickets for this host. The realm of this host is ``own``."""
    check = f"realm.{realm}"
    if code == 0:
        return ok(check, f"{realm} and {own} trust each other")
    mend = f"make krbtgt/{realm}@{own} and krbtgt/{own}@{realm} in both KDCs, or take {realm} out of realms in jitd.toml"
    return weak(check, f"this host cannot find out whether {own} and {realm} trust each other ({text})", mend)
