# SPDX-License-Identifier: Apache-2.0
"""The groups that give a process the power of root, or secrets of the host, whatever the rights of its account are.

Law: the list is not complete: a group that is not in it is not therefore harmless. Source: Debian, users-and-groups (the
descriptions of groups).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from jitd.core.grade import Finding, Grade


@dataclass(frozen=True, slots=True)
class RootGroup:
    """What a member of a group can do. ``does`` is the end of a sentence about the member."""

    grade: Grade
    does: str


GIVES, LEADS, READS = Grade.GIVES, Grade.LEADS, Grade.READS
ROOT_GROUPS: Mapping[str, RootGroup] = {
    "adm": RootGroup(READS, "reads the logs of the host, which may have passwords"),
    "admin": RootGroup(GIVES, "is let run any command as root by the sudoers of older systems"),
    "disk": RootGroup(GIVES, "reads and writes whole disks, past all rights of files"),
    "docker": RootGroup(GIVES, "starts containers that have the whole host"),
    "incus": RootGroup(GIVES, "starts containers that may have the whole host"),
    "incus-admin": RootGroup(GIVES, "starts containers that have the whole host"),
    "input": RootGroup(READS, "reads all that is typed at this host, passwords too"),
    "kmem": RootGroup(GIVES, "reads the memory of the host"),
    "kvm": RootGroup(GIVES, "starts virtual machines inside the kernel, where a fault makes them root"),
    "libvirt": RootGroup(GIVES, "starts virtual machines that have any disk of the host"),
    "lpadmin": RootGroup(LEADS, "chooses what the printing service starts, which is root"),
    "lxd": RootGroup(GIVES, "starts containers that have the whole host"),
    "microk8s": RootGroup(GIVES, "starts containers that have the whole host"),
    "podman": RootGroup(GIVES, "may start containers that have the whole host"),
    "root": RootGroup(GIVES, "changes what root lets its own group change"),
    "shadow": RootGroup(GIVES, "reads the hashes of all passwords"),
    "ssl-cert": RootGroup(READS, "reads the private keys of the host's services"),
    "staff": RootGroup(LEADS, "changes /usr/local on many hosts, where root finds programs"),
    "sudo": RootGroup(GIVES, "is let run any command as root by the usual sudoers"),
    "systemd-journal": RootGroup(READS, "reads the logs of the host, which may have passwords"),
    "tss": RootGroup(READS, "uses the keys in the host's TPM"),
    "wheel": RootGroup(GIVES, "is let run any command as root by the usual sudoers"),
}
ANY_GROUP = "any group may be named, also one that amounts to root, such as disk"


def is_root_group(group: str) -> bool:
    """True if the members of ``group`` have the power of root anyway, such as those of disk."""
    return group in ROOT_GROUPS and ROOT_GROUPS[group].grade is GIVES


def finding_of(group: str) -> Finding | None:
    """Return what a process gets from ``group``. Return None if jitd knows of nothing."""
    known = ROOT_GROUPS.get(group)
    return None if known is None else Finding(known.grade, member_of(group))


def member_of(group: str) -> str:
    """Return a sentence about a member of ``group``, which must be in ROOT_GROUPS."""
    return f"a member of the group {group} {ROOT_GROUPS[group].does}"


def findings_of_run_as(run_as: Iterable[str]) -> Iterator[Finding]:
    """Yield what the groups of ``run_as`` give: not with root, who needs none, nor where a word names none."""
    for word in run_as:
        user, _, group = word.partition(":")
        if user == "root" or word == "*":
            continue
        if group == "*":
            yield Finding(Grade.GIVES, ANY_GROUP)
        elif found := finding_of(group):
            yield found


def whose_power(account: str, group: str) -> str:
    """Return whose power a command has that runs as ``account`` with ``group``, for the end of a sentence about what it gives."""
    known = ROOT_GROUPS.get(group)
    is_root = account == "root" or (known is not None and known.grade in (Grade.GIVES, Grade.LEADS))
    return "root" if is_root else f"all that {account} may do"
