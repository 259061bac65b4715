# SPDX-License-Identifier: Apache-2.0
"""Checks of the settings file and of the policy files. The checks report who may change the files, which faults the files have,
and which settings should be different.

Law: the checks read the files with the same code as the daemon, and never write them.
"""

from __future__ import annotations

import os
import pwd
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from jitd.core.toml_document import ConfigError
from jitd.deciding.signers import signers_of
from jitd.hosts.places import Places
from jitd.settings.host import KRB5_CONF, kerberos_files
from jitd_inspection.doctor import files
from jitd_inspection.doctor.finding import BAD, OK, Result, bad, count, ok, weak, word
from jitd_inspection.doctor.host import Host

MECHANISMS = ("/etc/gss/mech", "/etc/gss/mech.d")  # where libgssapi finds the mechanism libraries that it loads
SSSD = "/var/lib/sss/"
"""SSSD writes files for krb5.conf here. Since version 2.10 it runs as its own account, which this directory belongs to. The host
believes this account in any case: it says who the people are.
"""


def examine(host: Host) -> Iterator[Result]:
    """Yield the findings about jitd.toml, and about the files that jitd.toml and krb5.conf name."""
    yield files.above("settings.directory", files.see_above(host.file))
    if os.path.lexists(host.file):
        yield files.closed("settings.file", files.see(host.file), "the settings")
    yield from faults("settings.whole", host.faults, f"{host.file} has no fault")
    for place in dict.fromkeys(host.config.search_path.split(":")):
        finding = files.above("settings.search_path", files.see_above(Path(place, "command")))
        if finding.level == BAD:
            yield finding
    places, of_sssd = Places(), Places(owner=sssd())
    loading = (*map(str, kerberos_files(KRB5_CONF)), *MECHANISMS)
    found = [(path, (of_sssd if path.startswith(SSSD) else places).who_may_put(path)) for path in loading]
    yield plugins("settings.kerberos", [(path, why) for path, why in found if why], has_sssd=bool(sssd()))
    yield root_setting(host.config.root, str(host.file))
    yield from _of_signers(host)


def _of_signers(host: Host) -> Iterator[Result]:
    """Yield what is wrong with the file of approvers' keys, which need not exist."""
    file, check = host.config.approvals.keys, "settings.signers"
    if os.path.lexists(file):
        seen = (files.above(check, files.see_above(file)), files.closed(check, files.see(file), "the file of approvers' keys"))
        if open_ones := [finding for finding in seen if finding.level != OK]:
            yield from open_ones
            return
    yield from signers(check, signers_of(host.config, lambda: datetime.now(UTC)).why_nobody())


def signers(check: str, fault: str) -> Iterator[Result]:
    """Yield the ``fault`` because of which no key of an approver counts (``Signers.why_nobody``)."""
    if fault:
        said = f"no key of an approver counts, so nothing is approved that has to be signed: {fault}"
        yield bad(check, said, "correct it there: ssh-keygen(1) has the form of a line, and jitd.toml(5) what is a fault here")


def sssd() -> int:
    """Return the user id of the account ``sssd``, or 0 if there is none."""
    with suppress(KeyError):
        return pwd.getpwnam("sssd").pw_uid
    return 0


def examine_policy(host: Host) -> Iterator[Result]:
    directory = host.config.policy
    yield files.above("policy.directory", files.see_above(directory / "policy"))
    found: tuple[str, ...] = ()
    n_rules = 0
    try:
        n_rules = len(host.policy().rules)
    except ConfigError as error:
        found = tuple(map(str, error.faults))
    for file in sorted(directory.glob("*.toml")):
        finding = files.closed("policy.file", files.see(file), "a policy file")
        if finding.level != OK:
            yield finding
    yield from policy(str(directory), found, n_rules)


def faults(check: str, sentences: Sequence[str], whole: str) -> Iterator[Result]:
    """Yield the faults of settings or policy, each with its file and line."""
    for sentence in sentences:
        yield bad(check, sentence, "correct it there; jitd check says when all is well")
    if not sentences:
        yield ok(check, whole)


def policy(directory: str, sentences: Sequence[str], n_rules: int) -> Iterator[Result]:
    """Yield the faults of the policy, and that it permits nothing if it has no rule."""
    if not sentences and not n_rules:
        said = f"{directory} holds no rule: nobody is permitted anything"
        yield bad("policy.whole", said, "write one: jitd-policy(5) has examples")
    else:
        yield from faults("policy.whole", sentences, f"{directory} has no fault ({count(n_rules, 'rule')})")


def plugins(check: str, open_ones: Sequence[tuple[str, str]], *, has_sssd: bool = False) -> Result:
    """Judge krb5.conf, what it includes, and MECHANISMS, which name plugins for root's programs. ``open_ones`` has each file that
    others than root may change, and who. SSSD runs as its own account if ``has_sssd`` is true.
    """
    if open_ones:
        path, because = open_ones[0]
        told = f"{because}: {path} says which plugins libkrb5 and libgssapi load into root's programs, and who the KDC is"
        owners = ["sssd:sssd" if has_sssd and each.startswith(SSSD) else "root:root" for each, _ in open_ones]
        steps = [
            f"chown {owner} {word(each)} && chmod go-w {word(each)}" for owner, (each, _) in zip(owners, open_ones, strict=True)
        ]
        return bad(check, told, command=" && ".join(steps))
    return ok(check, "krb5.conf, and what it includes, can be changed by root alone")


def root_setting(value: str, settings: str) -> Result:
    """Judge the setting ``root`` of jitd.toml."""
    if value == "deny":
        said = 'root = "deny": jitsudo is denied in scripts that root runs, even if the script was approved'
        return weak("settings.root", said, f'unless that is meant, write into {settings}: root = "permit"')
    return ok("settings.root", "root needs no approval, and what root asks for is recorded")
