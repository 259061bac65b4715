# SPDX-License-Identifier: Apache-2.0
"""Looks at the host for ``jitd setup``. Law: nothing is changed, and no question is asked of the KDC."""

from __future__ import annotations

import configparser
import ctypes
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from jitd import extensions
from jitd.beside.processes import OUTSIDE
from jitd.core.toml_document import ConfigError
from jitd.kdc.keytab import principals
from jitd.settings import config, policyfile
from jitd.settings.host import KRB5_CONF, default_realm, kerberos_files
from jitd.settings.needs import needed
from jitd_inspection.doctor.domains import SSSD, asking, domains
from jitd_inspection.doctor.host import BOOTED, Host, find_daemon
from jitd_inspection.doctor.kerberos import HOSTS, OWN, is_account
from jitd_inspection.setup.plan import AD, FREEIPA, MAIL, MIT, PACKAGES, SETTINGS, Facts, Step, Write
from jitd_inspection.standing.robots import Robots, look_for_robots
from jitpam.initiator import own_host, within

SHIPPED = Path("/usr/share/jitd/jitd.toml")
SUDOERS = Path("/etc/sudoers")
IPA = Path("/etc/ipa/default.conf")
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
DNS_WITHIN = 5.0  # seconds for the question to a name server
ENCTYPES = re.compile(r"^\s*permitted_enctypes\s*=", re.MULTILINE)
IN, SRV = 1, 33  # the class and the type of a record in the DNS (RFC 1035, RFC 2782)


class CannotRead(Exception):
    """jitd.toml or a file of rules has faults. The text is one fault a line."""


def look(kind_said: str | None = None) -> Facts:
    """Return the facts. ``kind_said`` is the kind of the realm if a person has said so. Raises CannotRead."""
    try:
        settings = config.load()
    except ConfigError as error:
        if default_realm(KRB5_CONF) is not None:
            raise CannotRead(str(error)) from None
        settings = config.Config(frozenset(), own_host())
    realm = default_realm(KRB5_CONF) or min(settings.realms, default="")
    keytabs = {str(path): _principals(path) for path in {settings.keytab, HOSTS, Path(OWN)}}
    kind, because, domain = _kind(realm, keytabs[str(HOSTS)])
    if kind_said is not None:
        kind, because = kind_said, "as you say"
    return Facts(
        host=settings.host,
        realm=realm,
        kind=kind,
        because=because,
        domain=domain,
        server=_ipa().get("server", ""),
        keytabs=keytabs,
        settings=_text(Path(SETTINGS)),
        shipped=_text(SHIPPED) or "",
        keytab=str(settings.keytab),
        forms=frozenset(settings.accounts),
        mailed=_mailed(settings),
        policy=str(settings.policy),
        rules=_rules(settings),
        files={str(path): _text(path) or "" for path in sorted(settings.policy.glob("*.toml"))},
        helpers=tuple(helper.enable for helper in needed(settings) if not helper.listens),
        mailer="" if OUTSIDE.listens else OUTSIDE.enable,
        missing=frozenset(program for program in PACKAGES if shutil.which(program, path=PATH) is None),
        has_enctypes=any(ENCTYPES.search(_text(path) or "") for path in kerberos_files(KRB5_CONF) if path.is_file()),
        access="" if settings.pam.requester or not (joined := tuple(domains())) else asking(joined),
        has_joined=any(is_account(name, realm) for name in keytabs[str(HOSTS)]),
        is_booted=BOOTED.is_dir(),
        is_enabled=_systemd_says("is-enabled"),
        is_active=_systemd_says("is-active") if BOOTED.is_dir() else bool(find_daemon(settings.state).pid),
        search_path=settings.search_path,
        start=Host(settings, Path(SETTINGS)).start,
        robots=_robots(settings),
    )


def _robots(settings: config.Config) -> tuple[str, ...]:
    found = look_for_robots(settings) if SUDOERS.exists() else Robots()
    return tuple(filter(None, (*found.lines, found.mend, found.unseen)))


def _mailed(settings: config.Config) -> tuple[str, ...]:
    """Return the addresses to which the channel for mail sends."""
    if not extensions.is_used("outsiders"):
        return ()
    from jitd_outsiders.notifying.mail import MailSettings
    from jitd_outsiders.settings import OutsiderSection

    mail = settings.of(OutsiderSection).notify.channels.get(MAIL)
    return mail.to if isinstance(mail, MailSettings) else ()


def _rules(settings: config.Config) -> tuple[str, ...]:
    """Return the names of all permits. Raises CannotRead."""
    try:
        policy = policyfile.load(
            settings.policy,
            root=settings.root,
            names=settings.names,
            gatekeepers=settings.deadlines,
            channels=None,
            things=settings.things,
            naming=settings.naming,
        )
    except ConfigError as error:
        raise CannotRead(str(error)) from None
    return tuple(rule.name for rule in policy.rules if rule.verdict == "permit" and rule.file)


def faults(facts: Facts, steps: Sequence[Step]) -> list[str]:
    """Return the faults of the files that ``steps`` would write, as ``jitd check`` would tell them afterwards."""
    found: list[str] = []
    with tempfile.TemporaryDirectory(prefix="jitd-setup-") as beside:
        for file in (action for step in steps for action in step.actions if isinstance(action, Write)):
            tried = Path(beside, os.path.basename(file.path))
            tried.write_text(file.text, "utf-8", "surrogateescape")
            if file.path == SETTINGS:
                told = config.check(tried)
            else:  # beside the rules that are there, of which some may have its name
                told = [one for one in policyfile.read([*map(Path, facts.files), tried])[1] if one.file == str(tried)]
            found += [str(fault).replace(str(tried), file.path) for fault in told]
    return found


def found_program(word: str, search_path: str) -> str | None:
    """Return the path of the program that ``word`` means to jitd, or None. A path may be a pattern of a rule."""
    return word if word.startswith("/") else shutil.which(word, path=search_path) if "/" not in word else None


def _text(path: Path) -> str | None:
    try:
        return path.read_text("utf-8", "surrogateescape")
    except FileNotFoundError:
        return None
    except OSError:
        return ""


def _principals(path: Path) -> tuple[str, ...]:
    """Return the principals with a key in a keytab. A file that cannot be read has none: ``jitd doctor`` says why."""
    with suppress(OSError, ValueError):
        return tuple(principals(path.read_bytes()))
    return ()


def has_key(keytab: str, principal: str) -> bool:
    return principal in _principals(Path(keytab))


def _systemd_says(question: str) -> bool:
    line = ["systemctl", question, "--quiet", "jitd.service"]
    with suppress(OSError):
        return subprocess.run(line, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False).returncode == 0
    return False


# --- the realm -----------------------------------------------------------------------------------------------------------


def _kind(realm: str, of_host: tuple[str, ...]) -> tuple[str, str, str]:
    """Return the kind of ``realm``, what shows it, and the domain that SSSD puts behind each account, or an empty text."""
    for domain in domains():
        if domain.provider in (AD, "ipa") and realm in (domain.realm, domain.name.upper()):
            kind = AD if domain.provider == AD else FREEIPA
            return kind, f"{SSSD}/sssd.conf: id_provider = {domain.provider}", domain.name if domain.is_qualified else ""
    if _ipa().get("realm") == realm and realm:
        return FREEIPA, str(IPA), ""
    if any(is_account(name, realm) for name in of_host):
        return AD, f"{HOSTS} has the account of this host", ""
    if realm and _has_record(f"_ldap._tcp.dc._msdcs.{realm.lower()}"):
        return AD, "DNS names domain controllers", ""
    return MIT, "nothing here says otherwise", ""


def _ipa() -> dict[str, str]:
    """Return what ipa-client-install has written, such as ``realm`` and ``server``."""
    read = configparser.ConfigParser(interpolation=None, strict=False)
    with suppress(configparser.Error, OSError):
        read.read(IPA, "utf-8")
    return dict(read["global"]) if read.has_section("global") else {}


def _has_record(name: str) -> bool:
    """True if the DNS has a record of the type SRV under ``name`` (res_query(3))."""
    answer = ctypes.create_string_buffer(4096)
    libc = ctypes.CDLL(None)
    query = getattr(libc, "res_query", None) or getattr(libc, "__res_query", None)
    if query is None:
        return False
    with suppress(TimeoutError):
        return within(DNS_WITHIN, lambda: int(query(os.fsencode(name), IN, SRV, answer, len(answer)))) > 0
    return False
