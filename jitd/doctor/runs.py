# SPDX-License-Identifier: Apache-2.0
"""Where runs live: control groups, systemd, and what is left of runs that are over. Law: pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from jitd.doctor.checks.finding import Finding, bad, count, listed, ok, weak, word

EFFORT = '"ended" is then a best effort: what hides from its parent can outlive a run'
NEEDED = ("jitd.service", "jitd.socket", "jitd-launcher.socket")
LAUNCHER = "jitd-launcher.service"
VOLATILE = frozenset({"tmpfs", "ramfs"})
ENABLED = frozenset({"enabled", "enabled-runtime", "static", "indirect", "generated", "linked"})


@dataclass(frozen=True, slots=True)
class Groups:
    """``place`` is where a run's control group would be made, empty where there is no version 2; ``has_kill``: Linux >= 5.14."""

    place: str
    is_writable: bool
    has_kill: bool
    kernel: str


def groups(found: Groups) -> list[Finding]:
    """Can all of a run be killed at one stroke?"""
    if not found.place:
        return [
            weak(
                "executor.groups",
                f"control groups of version 2 are not mounted: {EFFORT}",
                "boot with systemd.unified_cgroup_hierarchy=1",
            )
        ]
    if not found.is_writable:
        return [weak("executor.groups", f"{found.place} cannot be written: {EFFORT}",
                     "in a container: have the control group delegated to it; else let jitd run under systemd")]  # fmt: skip
    if not found.has_kill:
        return [weak("executor.groups", f"Linux {found.kernel} has no cgroup.kill: {EFFORT}", "use Linux 5.14 or later")]
    return [ok("executor.groups", f"every run has a control group, below {found.place}, and ends as a whole")]


@dataclass(frozen=True, slots=True)
class Unit:
    """What systemd says of a unit."""

    load: str
    active: str
    enabled: str


def units(found: Mapping[str, Unit]) -> list[Finding]:
    """The units of this host's jitd."""
    findings = []
    for name in NEEDED:
        unit = found.get(name, Unit("not-found", "inactive", ""))
        check = f"systemd.{name}"
        if unit.load == "masked" or unit.enabled.startswith("masked"):
            findings.append(bad(check, f"{name} is masked", command=f"{_unmask(name)} && systemctl enable --now {name}"))
        elif unit.load == "not-found":
            findings.append(
                bad(check, f"systemd does not know {name}", "install jitd's units", command="systemctl daemon-reload")
            )
        elif unit.active != "active":
            findings.append(
                bad(check, f"{name} is {unit.active or 'not active'}", f"if it fails: journalctl -u {name}",
                    command=f"systemctl enable --now {name}")
            )  # fmt: skip
        elif unit.enabled not in ENABLED:
            findings.append(
                bad(check, f"{name} is not enabled: after the next boot it is not there", command=f"systemctl enable {name}")
            )
        else:
            findings.append(ok(check, f"{name} is enabled and active"))
    return findings


def _unmask(name: str) -> str:
    """Whether it was masked for good, or until the next boot."""
    return f"systemctl unmask {name} && systemctl unmask --runtime {name}"


def launcher(found: Unit) -> list[Finding]:
    """The service that is started by its socket when the daemon wants it: it need not be active, but it must not have failed."""
    check = f"systemd.{LAUNCHER}"
    if found.load == "masked":
        return [bad(check, f"{LAUNCHER} is masked: no run can begin", command=_unmask(LAUNCHER))]
    if found.active == "failed":
        again = f"systemctl reset-failed {LAUNCHER} && systemctl restart jitd-launcher.socket {LAUNCHER}"
        return [bad(check, f"{LAUNCHER} has failed: no run can begin", f"and read why: journalctl -u {LAUNCHER}", command=again)]
    return []


def run_directory(path: str, kind: str) -> list[Finding]:
    """Where plates are: a boot has to empty it."""
    if kind in VOLATILE:
        return []
    mend = f"have {path} on a tmpfs, as /run is, or name a socket below /run in jitd.toml"
    return [weak("runs.directory", f"{path} is on {kind}: what is noted there of runs outlives a boot, and they do not", mend)]


def scopes(bus: str, slice_state: str) -> Finding:
    """Can systemd be asked for scopes? ``bus`` is why the system bus does not lead to it, empty if it does."""
    if bus:
        return bad(
            "systemd.scopes",
            f"systemd cannot be asked for scopes over the system bus: {bus}",
            command="systemctl start dbus.socket",
        )
    if slice_state == "masked":
        return bad("systemd.scopes", "jitd.slice is masked: no run can begin", command=_unmask("jitd.slice"))
    return ok("systemd.scopes", "systemd answers on the system bus, and makes scopes")


def leftovers(
    plates: Sequence[str], scope_names: Sequence[str], held: Mapping[str, int], run_dir: str, restart: str
) -> list[Finding]:
    """``plates`` and ``scope_names`` are of runs that are not live in the record; ``held``: plate → the process that locks it."""
    living = [run for run in plates if run in held]
    dead = [run for run in plates if run not in held]
    findings = []
    if living:
        findings.append(
            bad("runs.unknown", f"{count(len(living), 'monitor')} of which the record knows nothing: {listed(living)}",
                f"it is process {held[living[0]]}; if a restart does not end it, kill it", command=restart)
        )  # fmt: skip
    if dead:
        paths = " ".join(word(f"{run_dir}/runs/{run}") for run in dead[:20])
        findings.append(
            weak("runs.plates", f"{count(len(dead), 'plate')} left of runs that are over: {listed(dead)}", command=f"rm {paths}")
        )
    if scope_names:
        names = " ".join(scope_names[:20])
        findings.append(
            bad("runs.scopes", f"{count(len(scope_names), 'scope')} left of runs that are over: {listed(list(scope_names))}",
                f"see first what still runs there: systemctl status {scope_names[0]}", command=f"systemctl stop {names}")
        )  # fmt: skip
    return findings or [ok("runs.left", "nothing is left of runs that are over")]
