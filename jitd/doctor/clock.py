# SPDX-License-Identifier: Apache-2.0
"""The host's clocks, and how fast it says who somebody is. Law: pure; times are seconds."""

from __future__ import annotations

from dataclasses import dataclass

from jitd.doctor.checks.finding import Finding, bad, ok, unknown, weak

SLOW = 0.5
"""Seconds that one look-up of an account may take: a request needs several."""


@dataclass(frozen=True, slots=True)
class Clocks:
    """``boot`` and ``monotonic`` of one moment; ``passed`` on the boot clock while ``slept`` went by; None: it is not known."""

    boot: float
    monotonic: float
    passed: float
    slept: float
    boot_id: str
    is_synchronised: bool | None


def clocks(found: Clocks) -> list[Finding]:
    """The boot clock, by which leases and locks end; and whether somebody keeps the wall clock right."""
    reboot = "no lease, lock or time limit can be kept on such a kernel: boot another one"
    if not found.boot_id:
        findings = [bad("clock.boot", "the kernel does not say which boot this is (/proc/sys/kernel/random/boot_id)", reboot)]
    elif found.boot + 1 < found.monotonic or not 0.5 * found.slept <= found.passed <= 60 * found.slept + 1:
        findings = [
            bad("clock.boot", f"the boot clock does not run: {found.passed:.3f} s went by in {found.slept:.3f} s", reboot)
        ]
    else:
        findings = [ok("clock.boot", "the boot clock runs")]
    if found.is_synchronised is None:
        findings.append(
            unknown("clock.synchronised", "the kernel does not say whether its clock is synchronised", "see timedatectl")
        )
    elif found.is_synchronised:
        findings.append(ok("clock.synchronised", "the clock is kept synchronised"))
    else:
        findings.append(
            weak("clock.synchronised", "nobody keeps this host's clock synchronised: hours in rules, and Kerberos, go by it",
                 "in a container it is for the host to do", command="timedatectl set-ntp true")
        )  # fmt: skip
    return findings


def name_service(took: float, what: str, *, finds_root: bool) -> Finding:
    """How long NSS needed for ``what``; ``finds_root`` if uid 0 is root to it."""
    if not finds_root:
        return bad("nss.speed", "NSS does not know uid 0 as root", "see /etc/nsswitch.conf: passwd has to begin with files")
    if took > SLOW:
        return weak("nss.speed", f"NSS took {took:.1f} s for {what}: every request waits for that",
                    "see what /etc/nsswitch.conf names; nscd and sssd cache accounts")  # fmt: skip
    return ok("nss.speed", f"accounts and groups are found at once ({took * 1000:.0f} ms)")


def least_uid(configured: int, of_people: int, settings: str) -> Finding:
    """``min_uid`` against UID_MIN of login.defs(5)."""
    if configured < of_people:
        return weak("settings.min_uid", f"min_uid is {configured}, and /etc/login.defs has people from {of_people} on",
                    f"write into {settings}: min_uid = {of_people}, and name exceptions in [principals]")  # fmt: skip
    return ok("settings.min_uid", f"accounts below {configured} neither ask nor approve")


def root_setting(value: str, settings: str) -> Finding:
    """``root`` of jitd.toml."""
    if value == "deny":
        return weak("settings.root", 'root = "deny": jitsudo in a script of root is denied, also in one that was approved',
                    f'it is meant so, or write into {settings}: root = "permit"')  # fmt: skip
    return ok("settings.root", "root asks nobody, and is recorded")
