# SPDX-License-Identifier: Apache-2.0
"""The key, the KDC, and the names that both of them know this host by.

Law: pure; of a keytab's content names, versions and types are read, and never a key.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass

from jitd.doctor.checks.finding import Finding, bad, count, ok, unknown, weak, word

ENCTYPES = {
    1: "des-cbc-crc", 2: "des-cbc-md4", 3: "des-cbc-md5", 16: "des3-cbc-sha1",
    17: "aes128-cts-hmac-sha1-96", 18: "aes256-cts-hmac-sha1-96",
    19: "aes128-cts-hmac-sha256-128", 20: "aes256-cts-hmac-sha384-192",
    23: "arcfour-hmac", 24: "arcfour-hmac-exp", 25: "camellia128-cts-cmac", 26: "camellia256-cts-cmac",
}  # fmt: skip
"""https://www.iana.org/assignments/kerberos-parameters: those that MIT krb5 has known."""
STRONG = frozenset({17, 18, 19, 20, 25, 26})

# RFC 4120 section 7.5.9 and libkrb5's own codes, as krb5_err.et numbers them.
BASE = -1765328384
UNKNOWN_CLIENT, UNKNOWN_SERVER, REVOKED, ETYPE_NOSUPP = BASE + 6, BASE + 7, BASE + 18, BASE + 14
PREAUTH_FAILED, BAD_INTEGRITY, EXPIRED = BASE + 24, BASE + 31, BASE + 1
REALM_UNKNOWN, KDC_UNREACHABLE, NO_SUCH_VERSION, NO_SUCH_KEY = BASE + 154, BASE + 156, -1765328154, -1765328203
STALE = frozenset({PREAUTH_FAILED, BAD_INTEGRITY, NO_SUCH_VERSION, NO_SUCH_KEY, BASE + 44})
SKEWED = frozenset({BASE + 37, BASE + 148, BASE + 32, BASE + 33})
"""Of the authenticator, of the KDC's reply; a ticket that is fresh, and has ended, or not begun."""
MOST_SKEW, NOTABLE_SKEW = 300.0, 60.0
"""Seconds: what Kerberos tolerates by default, and what somebody should look at before it comes to that."""


class NoKeytab(ValueError):
    """The bytes are no keytab: the end of a sentence."""


@dataclass(frozen=True, slots=True)
class Key:
    """One entry of a keytab, without the key."""

    principal: str
    version: int
    enctype: int


def read_keytab(content: bytes) -> list[Key]:
    """The entries of a keytab (its format, version 2, in MIT krb5's documentation). Raises NoKeytab."""
    if content[:2] != b"\x05\x02":
        raise NoKeytab("does not begin as a keytab does")
    keys, at = [], 2
    try:
        while at < len(content):
            (size,) = struct.unpack_from(">i", content, at)
            at += 4
            if size > 0:
                keys.append(_entry(content[at : at + size]))
            at += abs(size)
    except (struct.error, IndexError, UnicodeDecodeError):
        raise NoKeytab("is cut short or damaged") from None
    return keys


def _entry(entry: bytes) -> Key:
    def text(at: int) -> tuple[str, int]:
        (size,) = struct.unpack_from(">H", entry, at)
        return entry[at + 2 : at + 2 + size].decode("utf-8"), at + 2 + size

    (n_components,) = struct.unpack_from(">H", entry, 0)
    realm, at = text(2)
    components = []
    for _ in range(n_components):
        component, at = text(at)
        components.append(component)
    at += 8  # type of the name, time of the entry
    version = entry[at]
    enctype, size = struct.unpack_from(">HH", entry, at + 1)
    at += 5 + size
    if len(entry) >= at + 4:  # a longer version, where there is one
        version = struct.unpack_from(">I", entry, at)[0] or version
    return Key("/".join(components) + "@" + realm, version, enctype)


def renewal(keytab: str, service: str) -> str:
    """How a key is made anew, as it is typed where there is a kadmin."""
    return f"kadmin -q {word(f'ktadd -k {keytab} {service}')}"


def _aside(keytab: str) -> str:
    """An old keytab out of the way, and not lost if no new one can be had."""
    return f"mv -f {word(keytab)} {word(f'{keytab}.old')}"


def keys(keytab: str, service: str, content: bytes | None, why_not: str = "") -> list[Finding]:
    """What is in the keytab. ``content`` is None where it could not be read."""
    made = f"kadmin -q {word(f'addprinc -randkey {service}')}; {renewal(keytab, service)}"
    if content is None:
        return [unknown("keytab.keys", f"{keytab} cannot be read: {why_not}", "make it readable for root, who reads it here")]
    try:
        found = read_keytab(content)
    except NoKeytab as fault:
        return [bad("keytab.keys", f"{keytab} {fault}", command=f"{_aside(keytab)}; {renewal(keytab, service)}")]
    own = [key for key in found if key.principal == service]
    if not own:
        others = sorted({key.principal for key in found})
        held = f"; it holds {', '.join(others[:3])}" if others else "; it is empty"
        return [bad("keytab.keys", f"{keytab} holds no key of {service}{held}", command=made)]
    newest = max(key.version for key in own)
    types = sorted(key.enctype for key in own if key.version == newest)
    findings = [ok("keytab.keys", f"{keytab} holds {count(len(types), 'key')} of {service}, version {newest}")]
    feeble = [spell(enctype) for enctype in types if enctype not in STRONG]
    if len(feeble) == len(types):
        level, said = bad, "only"
    else:
        level, said = weak, "also"
    if feeble:
        strong = f"ktadd -k {keytab} -e aes256-cts-hmac-sha1-96:normal {service}"
        findings.append(
            level("keytab.enctypes", f"the key of {service} has {said} weak encryption types: {', '.join(feeble)}",
                  "then see that permitted_enctypes of krb5.conf and supported_enctypes of the KDC name no weak ones",
                  command=f"{_aside(keytab)}; kadmin -q {word(strong)}")
        )  # fmt: skip
    else:
        findings.append(ok("keytab.enctypes", f"its encryption types are strong: {', '.join(map(spell, types))}"))
    return findings


def spell(enctype: int) -> str:
    """The name of an encryption type."""
    return ENCTYPES.get(enctype, f"type {enctype}")


@dataclass(frozen=True, slots=True)
class Exchange:
    """A real exchange with the KDC by the key: ``code`` is libkrb5's, 0 for success; ``text`` its sentence; ``where`` it failed.

    ``ahead`` is how many seconds this host's clock is before the KDC's.
    """

    code: int = 0
    text: str = ""
    where: str = ""
    ahead: float | None = None


def exchange(keytab: str, service: str, found: Exchange) -> list[Finding]:
    """The KDC, the key against the KDC's, and the clocks."""
    realm = service.rpartition("@")[2]
    if found.code in (REALM_UNKNOWN, KDC_UNREACHABLE):
        how = "none is known: neither krb5.conf nor DNS names one" if found.code == REALM_UNKNOWN else "none answers"
        mend = f"name one in /etc/krb5.conf, [realms] {realm} = {{ kdc = … }}, and see that port 88 is open towards it"
        return [bad("kdc.reachable", f"the KDC of {realm} cannot be reached; {how}", mend)]
    answers = ok("kdc.reachable", f"the KDC of {realm} answers")
    if found.code == 0:
        said = f"the key is the one that the KDC has: a ticket for {service} is accepted with it"
        return [answers, ok("keytab.version", said), skew(found.ahead)]
    if found.code in SKEWED:
        return [answers, skew(None)]
    return [answers, _refused(keytab, service, found)]


def _refused(keytab: str, service: str, found: Exchange) -> Finding:
    """Why there is no ticket for our own name, or none that our key opens."""
    anew = f"{_aside(keytab)}; {renewal(keytab, service)}"
    match found.code:
        case code if code in STALE:
            said = f"the KDC's key of {service} is not in {keytab}: nobody can authenticate ({found.text})"
            return bad(
                "keytab.version", said, "tickets that people have for this host are worth nothing then: kinit", command=anew
            )
        case code if code in (UNKNOWN_CLIENT, UNKNOWN_SERVER):
            first = f"kadmin -q {word(f'addprinc -randkey {service}')}"
            return bad("keytab.version", f"the KDC does not know {service}", command=f"{first}; {anew}")
        case code if code == EXPIRED:
            said, change = f"for the KDC {service} has expired", f"modprinc -expire never {service}"
        case code if code == REVOKED:
            said, change = f"the KDC has locked {service}", f"modprinc +allow_tix {service}"
        case code if code == ETYPE_NOSUPP:
            said = f"the KDC and this host have no encryption type in common ({found.text})"
            mend = f"compare permitted_enctypes of /etc/krb5.conf with the keys of {service} in the KDC (kadmin getprinc)"
            return bad("keytab.version", said, mend)
        case _:
            said = f"no ticket for {service} could be had and accepted with its own key ({found.where}: {found.text})"
            return bad("keytab.version", said, f"see what the KDC's log says of {service}; a new key often helps", command=anew)
    return bad("keytab.version", said, command=f"kadmin -q {word(change)}")


def skew(ahead: float | None) -> Finding:
    """The clocks of this host and the KDC; None: further apart than Kerberos bears."""
    mend = "timedatectl set-ntp true"
    if ahead is None or abs(ahead) >= MOST_SKEW:
        by = "more than five minutes" if ahead is None else f"{abs(ahead):.0f} s"
        return bad("clock.kdc", f"the clocks of this host and the KDC are {by} apart: no ticket is accepted", command=mend)
    where = f"{abs(ahead):.0f} s {'before' if ahead > 0 else 'behind'} the KDC's"
    if abs(ahead) >= NOTABLE_SKEW:
        return weak("clock.kdc", f"this host's clock is {where}; at 300 s nobody can authenticate any more", command=mend)
    return ok("clock.kdc", "the clock agrees with the KDC's" if abs(ahead) < 2 else f"the clock is {where}")


def names(host: str, own: str, realms: Sequence[str], default_realm: str | None, settings: str) -> list[Finding]:
    """``host`` is jitd's, ``own`` the name by which clients on this host ask for tickets."""
    findings = []
    if "." not in host:
        findings.append(
            bad("host.name", f"this host is called {host!r}, which is not fully qualified",
                f'name it in {settings}: host = "{host}.example.org", or let its line in /etc/hosts begin with the full one')
        )  # fmt: skip
    else:
        findings.append(ok("host.name", f"the host is {host}"))
    if host != own:
        findings.append(
            bad("host.service", f"jitd is jitd/{host}, and clients here ask for a ticket for jitd/{own}: nobody can authenticate",
                f'write into {settings}: host = "{own}", with a key for it; or name the host: hostnamectl set-hostname {host}')
        )  # fmt: skip
    else:
        findings.append(ok("host.service", f"clients here ask for jitd/{own}, which is what jitd is"))
    if default_realm is None:
        findings.append(
            weak(
                "realm.default", "krb5.conf names no default_realm", f"write into [libdefaults]: default_realm = {_first(realms)}"
            )
        )
    elif default_realm not in realms:
        findings.append(
            weak("realm.default", f"the default realm {default_realm} of krb5.conf is none of jitd's ({', '.join(realms)})",
                 f'write into {settings}: realms = ["{default_realm}", …], or change default_realm in krb5.conf')
        )  # fmt: skip
    else:
        findings.append(ok("realm.default", f"the default realm is {default_realm}, which jitd knows"))
    return findings


def _first(realms: Sequence[str]) -> str:
    return min(realms, default="EXAMPLE.ORG")


def crossing(realm: str, own: str, code: int, text: str) -> Finding:
    """Whether tickets of people of ``realm``, which is not the host's ``own``, can be meant for this host."""
    check = f"realm.{realm}"
    if code == 0:
        return ok(check, f"{realm} and {own} trust each other")
    mend = f"make krbtgt/{realm}@{own} and krbtgt/{own}@{realm} in both KDCs, or take {realm} out of realms in jitd.toml"
    return weak(check, f"nothing is known here of a trust between {own} and {realm} ({text})", mend)
