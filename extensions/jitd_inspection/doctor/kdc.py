# SPDX-License-Identifier: Apache-2.0
"""Checks of the KDC. The checks do real exchanges with the KDC, use jitd's own key, and interpret the KDC's answers.

Law: these checks run in a separate process. Tickets are only in the memory of this process, and no ticket remains after the
process has ended.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import gssapi
from gssapi.raw.ext_krb5 import krb5_extract_authtime_from_sec_context
from gssapi.raw.misc import GSSError

from jitd.deciding.s4u2self import ISSUED, NoCredentials, acquire, code_of, question, sentence_of
from jitd.server.verified_pac import read_pac
from jitd_inspection.doctor.finding import Result, bad, ok, unknown, weak, word
from jitd_inspection.doctor.host import Host
from jitd_inspection.doctor.kerberos import HOSTS, enrolled, enrolment, joins, removal, renewal

KRB5 = gssapi.MechType.kerberos
_FLAGS = gssapi.RequirementFlag.mutual_authentication | gssapi.RequirementFlag.integrity

# The codes of RFC 4120 section 7.5.9 and libkrb5's own codes, with the numbers of krb5_err.et.
BASE = -1765328384
UNKNOWN_CLIENT, UNKNOWN_SERVER, REVOKED, ETYPE_NOSUPP = BASE + 6, BASE + 7, BASE + 18, BASE + 14
PREAUTH_FAILED, BAD_INTEGRITY, EXPIRED = BASE + 24, BASE + 31, BASE + 1
REALM_UNKNOWN, KDC_UNREACHABLE, NO_SUCH_VERSION, NO_SUCH_KEY = BASE + 154, BASE + 156, -1765328154, -1765328203
STALE = frozenset({PREAUTH_FAILED, BAD_INTEGRITY, NO_SUCH_VERSION, NO_SUCH_KEY, BASE + 44})
SKEWED = frozenset({BASE + 37, BASE + 148, BASE + 32, BASE + 33})
"""The clocks differ: the authenticator's or the reply's time is wrong, or a new ticket is not valid yet, or no more."""
UNTIL_THEN = "Until then a disabled person can ask and approve"
MOST_SKEW, NOTABLE_SKEW = 300.0, 60.0  # seconds between clocks: the default limit of Kerberos, and what makes the finding weak


@dataclass(frozen=True, slots=True)
class Exchange:
    """A real exchange with the KDC. ``code`` and ``text`` come from libkrb5, and code 0 means success. ``where`` is the step that
    failed.

    ``ahead`` is the number of seconds by which this host's clock is ahead of the KDC's clock. ``ahead`` is None if the exchange
    failed. ``client`` is the principal as which this host asked. ``asked`` is the code of its question about itself
    (S4U2Self), and 0 if the KDC issued a ticket. ``has_pac`` is True if the ticket has a PAC that counts.
    """

    code: int = 0
    text: str = ""
    where: str = ""
    ahead: float | None = None
    client: str = ""
    asked: int = 0
    has_pac: bool = False


def examine(host: Host) -> Iterator[Result]:
    """Yield the findings from an exchange with the KDC, and if it succeeds, from one for each other realm."""
    path, service = host.config.keytab, host.service
    forget_environment()
    found = exchange_with_self(path, service) if path.exists() else None
    yield from exchange(str(path), service, found, is_joined=joins(host.realm, path))
    if found and found.code == 0:
        if host.config.sids.groups:
            yield pac(found)
        for realm in sorted(host.config.realms - {host.realm}):
            yield crossing(realm, host.realm, *cross(path, service, realm))


class _Context(gssapi.SecurityContext):
    """Raises an error in the step that failed. python-gssapi raises it in a later step."""


_Context.__DEFER_STEP_ERRORS__ = False  # type: ignore[attr-defined]  # not in the class: its metaclass would overwrite it


def forget_environment() -> None:
    """Make libkrb5 in this process ignore all caches and keytabs that are not named here. Call it before any other."""
    for name in [name for name in os.environ if name.startswith(("KRB5", "GSS"))]:
        del os.environ[name]
    os.environ["KRB5CCNAME"] = "MEMORY:doctor"
    os.environ["KRB5RCACHENAME"] = "none:"


def exchange_with_self(keytab: Path, service: str) -> Exchange:
    """Get a ticket for ``service`` with the service's own key, and accept it with this key, as the daemon accepts clients'."""
    where = "asking the KDC"
    try:
        client, credentials = acquire(keytab, service, "MEMORY:doctor")
        name = gssapi.Name(service, gssapi.NameType.kerberos_principal)
        initiator = _initiator(credentials, name)
        token = initiator.step()
        where = "accepting the ticket"
        own = gssapi.Credentials(name=name, usage="accept", mechs=[KRB5], store={"keytab": f"FILE:{keytab}"})
        acceptor = _Context(creds=own, usage="accept")
        initiator.step(acceptor.step(token))
        ahead = time.time() - krb5_extract_authtime_from_sec_context(acceptor)
        asked = question(credentials, client)
        has_pac = read_pac(acceptor.initiator_name, frozenset()) is not None
        return Exchange(ahead=ahead, client=client, asked=0 if asked == ISSUED else asked, has_pac=has_pac)
    except NoCredentials as fault:
        return Exchange(fault.code, str(fault), where)
    except GSSError as fault:
        return Exchange(code_of(fault), sentence_of(fault), where)


def cross(keytab: Path, service: str, realm: str) -> tuple[int, str]:
    """Request a cross-realm ticket for ``realm``. Return libkrb5's code (0: issued) and sentence."""
    try:
        _, credentials = acquire(keytab, service, "MEMORY:doctor")
        to = gssapi.Name(f"krbtgt/{realm}@{service.rpartition('@')[2]}", gssapi.NameType.kerberos_principal)
        _initiator(credentials, to).step()
    except NoCredentials as fault:
        return fault.code, str(fault)
    except GSSError as fault:
        return code_of(fault), sentence_of(fault)
    return 0, ""


def _initiator(credentials: gssapi.Credentials, to: gssapi.Name) -> _Context:
    return _Context(name=to, creds=credentials, usage="initiate", mech=KRB5, flags=_FLAGS)


# --- what it means -------------------------------------------------------------------------------------------------------


def exchange(keytab: str, service: str, found: Exchange | None, *, is_joined: bool = False) -> Iterator[Result]:
    """Check that the KDC answers, that the KDC has the same key as this host, that the KDC answers jitd's questions about people,
    and that the clocks agree. ``found`` is None if there is no keytab.
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
        yield liveness(found)
        yield skew(found.ahead)
    elif found.code in SKEWED:
        yield skew(None)
    else:
        yield _refused(keytab, service, found, is_joined=is_joined)


def liveness(found: Exchange) -> Result:
    """Judge whether jitd can ask the KDC if a requester or an approver is still valid."""
    if found.asked == 0:
        return ok("kdc.liveness", f"the KDC says who is disabled: jitd asks as {found.client}")
    said = f"the KDC refuses jitd's questions about people ({found.client}: error {found.asked - BASE})"
    mend = f"see the KDC's log: {found.client} needs a ticket to itself by S4U2Self. {UNTIL_THEN}"
    return bad("kdc.liveness", said, mend)


def pac(found: Exchange) -> Result:
    """Judge whether tickets for this host have what ``[approvers.sids]`` needs."""
    if found.has_pac:
        return ok("kdc.pac", "the KDC puts a PAC into tickets, and it is verified: [approvers.sids] can count")
    said = f"the ticket of {found.client} has no PAC that can be verified and read: nobody is in a group by [approvers.sids]"
    mend = "it needs the KDC of an Active Directory; see that the service's account has not NO_AUTH_DATA_REQUIRED"
    return bad("kdc.pac", said, f"{mend} in its userAccountControl. Or name the people in [approvers], and delete the table")


def _refused(keytab: str, service: str, found: Exchange, *, is_joined: bool) -> Result:
    """Say why the KDC issues no ticket for jitd's own principal, or why jitd's key cannot decrypt it."""
    check, anew = "keytab.version", f"{removal(keytab, service)}; {renewal(keytab, service)}"
    if is_joined:
        return _refused_by_domain(check, keytab, service, found)
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
        keys = f"kadmin -q {word(f'getprinc {service}')}"
        mend = f"compare permitted_enctypes of /etc/krb5.conf with the keys of {service} in the KDC: {keys}"
        return bad(check, said, mend)
    said = f"no ticket for {service} could be got and then accepted with its key ({found.where}: {found.text})"
    return bad(check, said, f"see what the KDC's log says of {service}; a new key often helps", command=anew)


def _refused_by_domain(check: str, keytab: str, service: str, found: Exchange) -> Result:
    """The same in a domain of Active Directory, which knows a service only as a server."""
    if found.code == UNKNOWN_SERVER:
        return enrolled(check, f"the domain does not know {service}", keytab, service, is_joined=True)
    if found.code == UNKNOWN_CLIENT:
        said = f"{keytab} has no key of the account that {service} belongs to, and {service} itself gets no ticket"
        mend = f'write keytab = "{HOSTS}" into jitd.toml; or have {service} set as the userPrincipalName of its account'
        return bad("kdc.liveness", said, f"{mend}. {UNTIL_THEN}")
    said = f"no ticket for {service} could be got and then accepted with its key ({found.where}: {found.text})"
    return bad(check, said, "see whether the domain still has this host", command="adcli testjoin")


def skew(ahead: float | None) -> Result:
    """Judge the clocks of this host and the KDC. ``ahead`` is None if the clocks differ by more than Kerberos allows."""
    mend = "timedatectl set-ntp true"
    if ahead is None or abs(ahead) >= MOST_SKEW:
        by = "more than five minutes" if ahead is None else f"{abs(ahead):.0f} s"
        return bad("clock.kdc", f"the clocks of this host and the KDC are {by} apart: no ticket is accepted", command=mend)
    where = f"{abs(ahead):.0f} s {'ahead of' if ahead > 0 else 'behind'} the KDC's"
    if abs(ahead) >= NOTABLE_SKEW:
        return weak("clock.kdc", f"this host's clock is {where}; at 300 s nobody can authenticate any more", command=mend)
    return ok("clock.kdc", "the clock agrees with the KDC's" if abs(ahead) < 2 else f"the clock is {where}")


def crossing(realm: str, own: str, code: int, text: str) -> Result:
    """Report whether people of another realm can get tickets for this host. The realm of this host is ``own``."""
    check = f"realm.{realm}"
    if code == 0:
        return ok(check, f"{realm} and {own} trust each other")
    mend = f"make krbtgt/{realm}@{own} and krbtgt/{own}@{realm} in both KDCs, or take {realm} out of realms in jitd.toml"
    return weak(check, f"this host cannot find out whether {own} and {realm} trust each other ({text})", mend)
