# SPDX-License-Identifier: Apache-2.0
"""The domains that SSSD's files name (sssd.conf(5)), and whether SSSD lets a PAM service in (sssd-ad(5), ``ad_gpo_map_*``)."""

from __future__ import annotations

import configparser
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

SSSD = Path("/etc/sssd")
AD, IPA = "ad", "ipa"
SERVICE = "jitd-account"  # the PAM service that is shipped for `[pam] requester`
_MAPS = tuple(f"ad_gpo_map_{name}" for name in ("interactive", "remote_interactive", "network", "batch", "service", "permit"))


@dataclass(frozen=True, slots=True)
class Domain:
    """A domain of SSSD, with the options of its section."""

    name: str
    options: Mapping[str, str]

    @property
    def provider(self) -> str:
        return self.options.get("id_provider", "")

    @property
    def realm(self) -> str:
        return self.options.get("krb5_realm", self.name.upper())

    @property
    def is_qualified(self) -> bool:
        """True if its accounts have its name behind theirs."""
        return self.options.get("use_fully_qualified_names", "").strip().lower() == "true"

    def shuts_out(self, service: str) -> bool:
        """True if SSSD denies everybody the PAM service ``service``, because no right to log on is mapped to it."""
        if self.options.get("access_provider", "").strip() != AD:
            return False
        if self.options.get("ad_gpo_access_control", "enforcing").strip().lower() != "enforcing":
            return False
        if self.options.get("ad_gpo_default_right", "deny").strip().lower() != "deny":
            return False
        mapped = ",".join(self.options.get(name, "") for name in _MAPS).split(",")
        return f"+{service}" not in (one.strip() for one in mapped)


def domains() -> Iterator[Domain]:
    read = configparser.ConfigParser(interpolation=None, strict=False)
    for file in (SSSD / "sssd.conf", *sorted((SSSD / "conf.d").glob("[!.]*.conf"))):
        with suppress(configparser.Error, OSError):
            read.read_string(file.read_bytes().decode("utf-8", "replace"), str(file))
    for section in read.sections():
        if section.startswith("domain/"):
            yield Domain(section.removeprefix("domain/"), dict(read[section]))


def mapping(found: Sequence[Domain], service: str) -> str:
    """Return what to write so that the rights to log on in an Active Directory decide about ``service``, or an empty text."""
    sections = [f"[domain/{domain.name}]" for domain in found if domain.shuts_out(service)]
    if not sections:
        return ""
    return (
        f"in {SSSD}/sssd.conf, under {' and '.join(sections)}: ad_gpo_map_interactive = +{service}; then systemctl restart sssd"
    )


def asking(found: Sequence[Domain]) -> str:
    """Return what to write so that jitd asks the rules of the domain about who may use this host."""
    first = mapping(found, SERVICE)
    if any(domain.provider == IPA for domain in found):
        first = f"let an HBAC rule allow the service {SERVICE}"
    then = f'in /etc/jitd/jitd.toml, under [pam]: requester = "{SERVICE}"; then systemctl restart jitd.service'
    return f"to have jitd ask: first {first}; second, {then}" if first else f"to have jitd ask: {then}"
