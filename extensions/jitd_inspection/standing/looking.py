# SPDX-License-Identifier: Apache-2.0
"""Looks at the host, and lists who can become root, or act as an account that rules name, without jitd.

Law: each reader has a time of its own. A file server or a directory of accounts that does not answer makes the list shorter, and
the list says so. Nothing that a reader meets stops another reader.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace

from jitd.audit.privileges import ROOT, Privilege, Standing, listed
from jitd.core.policy import Policy
from jitd.hosts.places import Places
from jitd.settings.config import Config
from jitd_inspection.pamlint.linting import Gates, gates_of_host
from jitd_inspection.standing import accounts, polkit, ssh, stacks, sudo_rules
from jitd_inspection.standing.scene import Directory, Found, Scene, memberships, of_files, of_nss, watched_by
from jitpam.initiator import within

WITHIN = 8.0  # seconds at most for one reader
Reader = Callable[[Scene], Iterator[Found]]
READERS: Mapping[str, Reader] = {
    "accounts": accounts.look_at_accounts,
    "passwords": accounts.look_at_passwords,
    "groups": accounts.look_at_groups,
    "subordinate ids": accounts.look_at_subordinate_ids,
    "sudoers": sudo_rules.look_at_sudoers,
    "doas.conf": sudo_rules.look_at_doas,
    "PAM stacks": stacks.look_at_stacks,
    "keys of SSH": ssh.look_at_sshd,
    "files .rhosts": ssh.look_at_rhosts,
    "files .k5login": ssh.look_at_principals,
    "polkit": polkit.look_at_polkit,
}
NEVER = (
    "not looked for: set-user-ID programs and file capabilities",
    "not looked for: what root runs and others can change, such as units, cron jobs, scripts and libraries",
    "not looked for: services of root that take orders, such as container engines, databases and agents of management systems",
    "not looked for: what rules this host from outside, such as hypervisors, consoles, backups and boot media",
)
"""What no reader sees on any host."""


def listed_accounts(watched: Iterable[str] = ()) -> tuple[Directory, list[str]]:
    """Return the accounts and groups of this host, and sentences about what of them is not known."""
    watched = tuple(watched)
    try:
        directory = within(WITHIN, lambda: of_nss(watched))
    except TimeoutError:
        told = f"the directory of accounts did not answer within {WITHIN:g} s: /etc/passwd and /etc/group were judged"
        return of_files(Places()), [told]
    try:
        return replace(directory, memberships=within(WITHIN, lambda: memberships(directory))), []
    except TimeoutError:
        return directory, [f"the groups of all accounts could not be read within {WITHIN:g} s: the lists of groups were judged"]


def look(config: Config, policy: Policy | None) -> Standing:
    """Return the list for this host. If ``policy`` is None, it could not be read, and nobody knows which accounts rules name."""
    privileges: list[Privilege] = []
    unseen = list(NEVER)
    if policy is None:
        unseen.append("the rules could not be read, so it is not known which accounts they name: see jitd check")
    watched = frozenset[str]() if policy is None else watched_by(policy)
    directory, missing = listed_accounts(watched)
    unseen += missing
    try:
        gates = within(WITHIN, lambda: gates_of_host(Places()))
    except TimeoutError:
        gates = Gates([], {}, {})
        unseen.append(f"the files of PAM did not answer within {WITHIN:g} s: what a gate may close counts as open")
    for name, reader in READERS.items():
        scene = Scene(config.host, watched, Places(), gates, directory)  # a reader that hangs may still use its own
        try:
            for found in within(WITHIN, lambda reader=reader, scene=scene: list(reader(scene))):  # type: ignore[misc]
                if isinstance(found, Privilege):
                    privileges.append(found)
                else:
                    unseen.append(found)
        except TimeoutError:
            unseen.append(f"{name} could not be read within {WITHIN:g} s, and were not judged")
        except Exception as fault:
            unseen.append(f"{name} could not be judged: {type(fault).__name__}: {fault}")
    if config.root == "permit":
        privileges.append(Privilege(ROOT, "jitd", ROOT, 'jitd.toml: root = "permit"'))
    return listed(config.host, privileges, unseen)
