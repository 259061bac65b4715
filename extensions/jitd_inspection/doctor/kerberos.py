# SPDX-License-Identifier: Apache-2.0
"""Checks of this host's keytab, and of this host's Kerberos names. The KDC and clients use these names.

Law: from a keytab, this module uses only names, versions and encryption types. It never uses a key.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from jitd.settings.host import KRB5_CONF, default_realm
from jitd_inspection.doctor import files
from jitd_inspection.doctor.domains import AD, domains
from jitd_inspection.doctor.files import Seen
from jitd_inspection.doctor.finding import Result, bad, count, ok, unknown, weak, word
from jitd_inspection.doctor.host import Host
from jitpam.initiator import own_host

ENCTYPES = {
    1: "des-cbc-crc", 2: "des-cbc-md4", 3: "des-cbc-md5", 16: "des3-cbc-sha1",
    17: "aes128-cts-hmac-sha1-96", 18: "aes256-cts-hmac-sha1-96",
    19: "aes128-cts-hmac-sha256-128", 20: "aes256-cts-hmac-sha384-192",
    23: "arcfour-hmac", 24: "arcfour-hmac-exp", 25: "camellia128-cts-cmac", 26: "camellia256-cts-cmac",
}  # fmt: skip
"""Maps a number to an encryption type that MIT krb5 knows or knew (https://www.iana.org/assignments/kerberos-parameters)."""
STRONG = frozenset({17, 18, 19, 20, 25, 26})
OWN = "/etc/jitd/jitd.keytab"  # jitd's own keytab, unless the settings name another. No other program uses it.
HOSTS = Path("/etc/krb5.keytab")  # the host's own. SSSD, sshd and the membership in a domain depend on it


def examine_names(host: Host) -> Iterator[Result]:
    realm = default_realm(KRB5_CONF)
    yield from names(host.config.host, own_host(), sorted(host.config.realms), realm, str(host.file))


def examine_keytab(host: Host) -> Iterator[Result]:
    """Yield the findings about the keytab's file and its keys."""
    path = host.config.keytab
    seen, is_joined = files.see(path), joins(host.realm, path)
    yield closed(str(path), host.service, seen, is_joined=is_joined)
    if not seen.is_missing:
        yield from keys(str(path), host.service, *files.read(path), is_joined=is_joined)


def joins(realm: str, keytab: Path) -> bool:
    """True if this host has joined a domain of Active Directory: ``keytab`` or the host's own keytab has the key of an account
    ``NAME$`` in ``realm``, or the keytabs are lost, and SSSD still names the domain.
    """
    for path in (keytab, HOSTS):
        with suppress(NoKeytab):
            if any(is_account(key.principal, realm) for key in read_keytab(files.read(path)[0] or b"")):
                return True
    return any(domain.provider == AD and domain.realm == realm for domain in domains())


def is_account(principal: str, realm: str) -> bool:
    """True if ``principal`` is the account of a host in a domain of Active Directory."""
    return "/" not in principal and principal.endswith(f"$@{realm}")


def names(host: str, own: str, realms: Sequence[str], default: str | None, settings: str) -> Iterator[Result]:
    """Judge the names of this host and of the default realm. ``host`` is jitd's name for this host. ``own`` is the name for
    which clients on this host request tickets.

    ``default`` is the default realm in krb5.conf, or None if krb5.conf names no default realm.
    """
    if "." not in host:
        said = f"this host is called {host!r}, which is not fully qualified"
        mend = f'name it in {settings}: host = "{host}.example.org", or let its line in /etc/hosts begin with the full one'
        yield bad("host.name", said, mend)
    else:
        yield ok("host.name", f"the host is {host}")
    if host != own:
        said = f"jitd is jitd/{host}, and clients here ask for a ticket for jitd/{own}: nobody can authenticate"
        mend = f'write into {settings}: host = "{own}", with a key for it; or name the host: hostnamectl set-hostname {host}'
        yield bad("host.service", said, mend)
    else:
        yield ok("host.service", f"clients here ask for jitd/{own}, which is what jitd is")
    if default is None:
        mend = f"write into [libdefaults]: default_realm = {min(realms, default='EXAMPLE.ORG')}"
        yield weak("realm.default", "krb5.conf names no default_realm", mend)
    elif default not in realms:
        said = f"the default realm {default} of krb5.conf is none of jitd's ({', '.join(realms)})"
        mend = f'write into {settings}: realms = ["{default}", …], or change default_realm in krb5.conf'
        yield weak("realm.default", said, mend)
    else:
        yield ok("realm.default", f"the default realm is {default}, which jitd knows")


def closed(keytab: str, service: str, seen: Seen, *, is_joined: bool = False) -> Result:
    """Check that the keytab exists, and that only root may read it. No command changes the owner or the mode of a keytab that is
    not jitd's own, because the service of a group may need it.
    """
    if seen.is_missing:
        return enrolled("keytab.file", f"there is no {keytab}: nobody can authenticate", keytab, service, is_joined=is_joined)
    found = files.secret("keytab.file", seen, "the keytab")
    if found.command and keytab != OWN:
        mend = f"other services may read it, so leave it as it is, and give jitd a keytab of its own: {OWN}, with mode 0600"
        return bad(found.check, found.sentence, f'{mend}; then write keytab = "{OWN}" into jitd.toml')
    return found


def keys(keytab: str, service: str, content: bytes | None, why_not: str = "", *, is_joined: bool = False) -> Iterator[Result]:
    """Judge the content of the keytab, which is None if it could not be read, because of ``why_not``."""
    if content is None:
        yield unknown("keytab.keys", f"{keytab} cannot be read: {why_not}", "make it readable for root: jitd runs as root")
        return
    try:
        found = read_keytab(content)
    except NoKeytab as fault:
        yield _unreadable(keytab, service, f"{keytab} {fault}", is_joined=is_joined)
        return
    own = [key for key in found if key.principal == service]
    if not own:
        others = sorted({key.principal for key in found})
        held = f"; it holds {', '.join(others[:3])}" if others else "; it is empty"
        yield enrolled("keytab.keys", f"{keytab} holds no key of {service}{held}", keytab, service, is_joined=is_joined)
        return
    newest = max(key.version for key in own)
    types = sorted(key.enctype for key in own if key.version == newest)
    yield ok("keytab.keys", f"{keytab} holds {count(len(types), 'key')} of {service}, version {newest}")
    yield _enctypes(keytab, service, types, is_joined=is_joined)


def _unreadable(keytab: str, service: str, said: str, *, is_joined: bool) -> Result:
    """Only jitd's own file may be moved: another program may need any other file, and may understand it."""
    if is_joined or keytab != OWN:
        mend = (
            f'other programs may use it, so leave it as it is: write keytab = "{OWN}" into jitd.toml, and run jitd doctor again'
        )
        return bad("keytab.keys", said, mend)
    return bad("keytab.keys", said, command=f"{aside(keytab)}; {renewal(keytab, service)}")


def _enctypes(keytab: str, service: str, types: list[int], *, is_joined: bool) -> Result:
    feeble = [enctype for enctype in types if enctype not in STRONG]
    if not feeble:
        return ok("keytab.enctypes", f"its encryption types are strong: {_spell(types)}")
    level, share = (bad, "only") if feeble == types else (weak, "also")
    said = f"the key of {service} has {share} weak encryption types: {_spell(feeble)}"
    if is_joined:
        mend = "set msDS-SupportedEncryptionTypes = 24 for the account in the domain, and then have its keys renewed"
        return level("keytab.enctypes", said, mend)
    mend = "then see that permitted_enctypes of krb5.conf and supported_enctypes of the KDC name no weak ones"
    strong = word(f"ktadd -k {keytab} -e aes256-cts-hmac-sha1-96:normal {service}")
    return level("keytab.enctypes", said, mend, command=f"kadmin -q {strong}")


def _spell(enctypes: list[int]) -> str:
    return ", ".join(ENCTYPES.get(enctype, f"type {enctype}") for enctype in enctypes)


# --- the commands that correct faults -----------------------------------------------------------------------------------
# None of them takes a key of another service away: the keytab may be the host's own, which keeps it in its domain.

KEEPS_PASSWORD = "--computer-password-lifetime=3650"  # days (adcli(8)). Without it, the host's password is renewed too after 30


def enrolled(check: str, said: str, keytab: str, service: str, *, is_joined: bool) -> Result:
    """Return a finding about a missing key of ``service``, and the command that makes it."""
    if not is_joined:
        return bad(check, said, command=f"{enrolment(service)}; {renewal(keytab, service)}")
    command = f"adcli update --add-service-principal={word(service.rpartition('@')[0])} {KEEPS_PASSWORD}"
    lost = f"if {HOSTS} is lost, too, first join the domain again (realm join)"
    if keytab == str(HOSTS):
        return bad(
            check, said, f"{lost}. Where Samba has joined the host, Samba adds the key (net ads keytab add)", command=command
        )
    mend = (
        f"if jitd has an account of its own in the domain, msktutil makes {keytab} anew, with the options that jitd setup shows. "
        f'Otherwise the key is then in {HOSTS}: write keytab = "{HOSTS}" into jitd.toml; or have the domain make {keytab} '
        f"(ktpass); {lost}"
    )
    return bad(check, said, mend, command=command)


def enrolment(service: str) -> str:
    """Return the command that adds the principal ``service`` to the KDC."""
    return f"kadmin -q {word(f'addprinc -randkey {service}')}"


def renewal(keytab: str, service: str) -> str:
    """Return the command that creates a new key and writes the key into the keytab."""
    return f"kadmin -q {word(f'ktadd -k {keytab} {service}')}"


def removal(keytab: str, service: str) -> str:
    """Return the command that takes the keys of ``service`` out of the keytab, and no others. If the KDC has a new principal, its
    key can have the version of an old key, and only the first is tried.
    """
    return f"kadmin -q {word(f'ktremove -k {keytab} {service} all')}"


def aside(keytab: str) -> str:
    """Return the command that renames a keytab that is jitd's own. If no new one can be created, the old one is not lost."""
    return f"mv -f {word(keytab)} {word(f'{keytab}.old')}"


# --- the format ----------------------------------------------------------------------------------------------------------


class NoKeytab(ValueError):
    """The bytes are not a keytab. The text is the end of a sentence that begins with the file's name."""


@dataclass(frozen=True, slots=True)
class Key:
    """One entry of a keytab, without the key itself."""

    principal: str
    version: int
    enctype: int


def read_keytab(content: bytes) -> list[Key]:
    """Return the entries of a keytab (format version 2, described in MIT krb5's documentation). Raises NoKeytab."""
    if content[:2] != b"\x05\x02":
        raise NoKeytab("does not begin as a keytab does")
    entries, at = [], 2
    try:
        while at < len(content):
            (size,) = struct.unpack_from(">i", content, at)
            at += 4
            if size > 0:
                entries.append(_entry(content[at : at + size]))
            at += abs(size)
    except (struct.error, IndexError, UnicodeDecodeError):
        raise NoKeytab("is cut short or damaged") from None
    return entries


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
    at += 8  # skip the type of the name and the time of the entry
    version = entry[at]
    enctype, size = struct.unpack_from(">HH", entry, at + 1)
    at += 5 + size
    if len(entry) >= at + 4:  # newer keytabs contain the version a second time, in 32 bits
        version = struct.unpack_from(">I", entry, at)[0] or version
    return Key("/".join(components) + "@" + realm, version, enctype)
