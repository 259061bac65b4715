# SPDX-License-Identifier: Apache-2.0
"""Checks the control groups and systemd, because a run needs them. Also checks whether ended runs have left plates (lock files)
or scopes of systemd.

Law: systemd is only queried. The checks start, stop and create nothing.
"""

from __future__ import annotations

import os
import re
import subprocess
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from jitd.files import mounts
from jitd.files.processes import control_groups_of
from jitd.settings.needs import unreachable
from jitd.store import StoreError
from jitd_inspection.doctor.finding import Result, bad, count, given_up, listed, ok, unknown, weak, word
from jitd_inspection.doctor.host import BOOTED, Host, holders
from jitd_inspection.doctor.state import kind_of, live_runs

WITHIN = 3.0  # seconds at most to wait for an answer of systemd
AGAIN_AFTER = 0.5  # seconds until apparent leftovers are checked again: a run that is just ending still has files
SCOPE = re.compile(r"jitd-run-(\S+)\.scope")
EFFORT = "jitd cannot reliably end a whole run, as a process that leaves its parent can outlive the run"
NEEDED = ("jitd.service", "jitd.socket", "jitd-launcher.socket")
LAUNCHER = "jitd-launcher.service"
EACH = "jitd*.service"  # all services of jitd: daemon, launcher, helpers, carriers of the door, timers
LOOK = "see journalctl -p err -b"
STATES = ("LoadState", "ActiveState", "UnitFileState", "NRestarts")  # properties of a unit, in the order of the fields of Unit
DROPPED = "a596d6fe7bfa4994828e72309e95d61e"  # what journald says when a service wrote too much (systemd.journal-fields(7))
FEW_LINES = 1_000  # lines in an interval. A journal that takes fewer may drop lines of a daemon that is merely busy
VOLATILE = frozenset({"tmpfs", "ramfs"})
ENABLED = frozenset({"enabled", "enabled-runtime", "static", "indirect", "generated", "linked"})


@dataclass(frozen=True, slots=True)
class Groups:
    """The host's control groups. ``place`` is the directory in which the control group of a run would be created. ``place`` is
    empty if control groups of version 2 are not mounted.

    ``has_kill`` is true if there is a file ``cgroup.kill`` (Linux 5.14). ``kernel`` is the release of the kernel.
    """

    place: str
    is_writable: bool
    has_kill: bool
    kernel: str


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit in the words of ``systemctl show``. ``restarts`` counts how often systemd has started it again by itself."""

    load: str
    active: str
    enabled: str
    restarts: str = ""


def examine(host: Host) -> Iterator[Result]:
    """Yield the findings about control groups, systemd, and leftovers of runs."""
    has_systemd = BOOTED.is_dir()
    if host.config.executor == "unit" and not has_systemd:
        said = 'executor = "unit", and systemd is not process 1 here'
        yield bad("systemd.booted", said, f'in {host.file}: executor = "auto"')
    with_units = has_systemd and host.config.executor != "direct"
    yield from groups(see_groups(None if with_units else host.daemon.pid))
    if with_units:
        try:
            found = ask_units()
        except TimeoutError:
            yield given_up("systemd.answers", "systemd does not answer", WITHIN, LOOK)
            return
        except OSError as fault:
            yield bad("systemd.answers", f"systemd does not answer: {fault}", LOOK)
            return
        yield from units(found)
        yield from helpers(unreachable(host.config))
        yield from launcher(found[LAUNCHER])
        yield from services(found)
        yield from examine_journal()
        yield scopes(found["jitd.slice"].load if "jitd.slice" in found else "")
    yield from run_directory(str(host.run_dir), kind_of(host.run_dir))
    try:
        left = find_leftovers(host, with_scopes=with_units)
    except (OSError, StoreError) as fault:
        mend = "see the findings about the database and about systemd"
        yield unknown("runs.left", f"it is not known what runs have left behind: {fault}", mend)
        return
    yield from leftovers(*left, str(host.run_dir), host.restart)


def see_groups(pid: int | None) -> Groups:
    """Find the directory in which the control groups of runs are created.

    ``pid`` is the daemon's process. The daemon creates the control groups of runs below its own control group. If ``pid`` is 0,
    there is no daemon, and the function uses the control group of this process. If ``pid`` is None, systemd creates the control
    groups.
    """
    kernel = os.uname().release
    top = next((mount for mount in mounts.of_process().values() if mount.kind == "cgroup2"), None)
    if top is None:
        return Groups("", is_writable=False, has_kill=False, kernel=kernel)
    place = os.fsdecode(top.point)
    if pid is not None:
        own = control_groups_of(pid or "self").get(b"", b"")
        below = own[len(top.root) :] if top.root != b"/" and own.startswith(top.root) else own
        place = os.fsdecode(top.point + below).rstrip("/")
    has_kill = os.path.exists(f"{place}/cgroup.kill") or _is_since_5_14(kernel)
    return Groups(place, os.access(place, os.W_OK), has_kill, kernel)


def _is_since_5_14(release: str) -> bool:
    found = re.match(r"(\d+)\.(\d+)", release)
    return found is not None and (int(found[1]), int(found[2])) >= (5, 14)


def ask_units() -> dict[str, Unit]:
    """Return the states of jitd's units and of jitd.slice according to systemd."""
    said = _ask("systemctl", "show", f"--property=Id,{','.join(STATES)}", "--", *NEEDED, LAUNCHER, "jitd.slice", EACH)
    found = {}
    for block in said.split("\n\n"):
        values = dict(line.partition("=")[::2] for line in block.split("\n"))
        if "Id" in values:
            found[values["Id"]] = Unit(*(values.get(name, "") for name in STATES))
    return found


def examine_journal() -> Iterator[Result]:
    """Yield the finding about the limit of the journal."""
    try:
        dropped = _ask("journalctl", "--quiet", "--since=-1d", "--lines=100", "--output=cat", f"MESSAGE_ID={DROPPED}")
        written = _ask("systemd-analyze", "cat-config", "systemd/journald.conf")
    except TimeoutError:
        yield given_up("systemd.journal", "the journal does not answer", WITHIN, "see what systemd-journald does")
    except OSError as fault:
        yield unknown("systemd.journal", f"the journal cannot be read: {fault}", "see what systemd-journald does")
    else:
        yield journal(dropped, written)


def find_leftovers(host: Host, *, with_scopes: bool) -> tuple[list[str], list[str], dict[str, int]]:
    """Return the plates (lock files) and the scopes of systemd that belong to a run that is not live. The record says which runs
    are live. Also return a map from each locked plate to the process that holds the lock.

    Raises StoreError and OSError.
    """
    plates, scopes = _left(host, with_scopes=with_scopes)
    if plates or scopes:
        time.sleep(AGAIN_AFTER)
        still_plates, still_scopes = _left(host, with_scopes=with_scopes)
        plates, scopes = plates & still_plates, scopes & still_scopes
    held = holders([host.run_dir / "runs" / run for run in plates])
    return sorted(plates), sorted(scopes), {file.name: pid for file, pid in held.items()}


def _left(host: Host, *, with_scopes: bool) -> tuple[set[str], set[str]]:
    """The record is read last: a run is recorded before anything of it exists, so a new run never looks like a leftover."""
    plates, scopes = set[str](), set[str]()
    with suppress(FileNotFoundError):
        plates = set(os.listdir(host.run_dir / "runs"))
    if with_scopes:
        said = _ask("systemctl", "list-units", "--type=scope", "--plain", "--no-legend", "--full", "jitd-run-*.scope")
        scopes = {match[1] for line in said.split("\n") if (match := SCOPE.search(line))}
    if not plates and not scopes:
        return plates, scopes
    live = live_runs(host.database, is_alone=not host.daemon.pid) if host.database.exists() else set()
    return plates - live, {f"jitd-run-{run}.scope" for run in scopes - live}


def _ask(*words: str) -> str:
    """Run a program of systemd. Raises OSError with the sentence that it printed."""
    try:
        done = subprocess.run(
            [f"/usr/bin/{words[0]}", *words[1:]],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=WITHIN,
            env={"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "SYSTEMD_PAGER": ""},
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise TimeoutError(f"{words[0]} did not answer within {WITHIN:.0f} s") from None
    if done.returncode != 0:
        said = done.stderr.decode("utf-8", "replace").strip()
        raise OSError(said.rpartition("\n")[2] if said else f"{words[0]} failed with status {done.returncode}")
    return done.stdout.decode("utf-8", "replace")


# --- conclusions -------------------------------------------------------------------------------------------------------


def groups(found: Groups) -> Iterator[Result]:
    """Check that all processes of a run can be killed together."""
    check = "executor.groups"
    if not found.place:
        said = f"control groups of version 2 are not mounted: {EFFORT}"
        yield weak(check, said, "boot with systemd.unified_cgroup_hierarchy=1")
    elif not found.is_writable:
        mend = "in a container: have the control group delegated to it; else let jitd run under systemd"
        yield weak(check, f"{found.place} cannot be written: {EFFORT}", mend)
    elif not found.has_kill:
        yield weak(check, f"Linux {found.kernel} has no cgroup.kill: {EFFORT}", "use Linux 5.14 or later")
    else:
        yield ok(check, f"every run has a control group, below {found.place}, and ends as a whole")


def helpers(missing: Sequence[str]) -> Iterator[Result]:
    """Judge the helpers that the settings need. ``missing``: see ``settings.needs.unreachable``."""
    for sentence in missing:
        said, _, enable = sentence.rpartition(": ")
        yield bad("systemd.helpers", said, command=enable)
    if not missing:
        yield ok("systemd.helpers", "every helper that the settings need listens")


def units(found: Mapping[str, Unit]) -> Iterator[Result]:
    """Judge the units of this host's jitd."""
    for name in NEEDED:
        unit = found.get(name, Unit("not-found", "inactive", ""))
        check, enable = f"systemd.{name}", f"systemctl enable --now {name}"
        if unit.load == "masked" or unit.enabled.startswith("masked"):
            yield bad(check, f"{name} is masked", command=f"{_unmask(name)} && {enable}")
        elif unit.load == "not-found":
            yield bad(check, f"systemd does not know {name}", "install jitd's units", command="systemctl daemon-reload")
        elif unit.active != "active":
            said = f"{name} is {unit.active or 'not active'}"
            yield bad(check, said, f"if it fails: journalctl -u {name}", command=enable)
        elif unit.enabled not in ENABLED:
            said = f"{name} is not enabled: systemd does not start it at the next boot"
            yield bad(check, said, command=f"systemctl enable {name}")
        else:
            yield ok(check, f"{name} is enabled and active")


def _unmask(name: str) -> str:
    """Return the command that removes a permanent mask, and one that lasts until the next boot."""
    return f"systemctl unmask {name} && systemctl unmask --runtime {name}"


def launcher(found: Unit) -> Iterator[Result]:
    """Judge the launcher's service, which must not have failed. Its socket starts it on demand, so it need not be active."""
    check = f"systemd.{LAUNCHER}"
    if found.load == "masked":
        yield bad(check, f"{LAUNCHER} is masked: no run can begin", command=_unmask(LAUNCHER))
    elif found.active == "failed":
        again = f"systemctl reset-failed {LAUNCHER} && systemctl restart jitd-launcher.socket {LAUNCHER}"
        yield bad(check, f"{LAUNCHER} has failed: no run can begin", f"and read why: journalctl -u {LAUNCHER}", command=again)


def services(found: Mapping[str, Unit]) -> Iterator[Result]:
    """Judge each service of jitd, needed or not: whether it has failed, or systemd had to start it again."""
    again = {name: int(unit.restarts) for name, unit in found.items() if unit.restarts.isdigit() and int(unit.restarts)}
    for name, unit in found.items():
        forget = f"systemctl reset-failed {name}"
        if unit.active == "failed" and name not in (*NEEDED, LAUNCHER):
            mend = f"first read why: journalctl -u {name}"
            yield bad("systemd.services", f"{name} has failed", mend, command=f"{forget} && systemctl restart {name}")
        elif name in again:
            said = f"systemd had to start {name} again ({count(again[name], 'time')} since root started it)"
            level = bad if unit.active == "activating" else weak
            yield level("systemd.restarts", said, f"first read why: journalctl -u {name}", command=forget)
    if not again:
        yield ok("systemd.restarts", "systemd had to start no service of jitd again")


def journal(dropped: str, written: str) -> Result:
    """Judge the journal's limit, by journald's lines on what it ``dropped`` in a day, and by journald.conf with drop-ins."""
    check = "systemd.journal"
    mend = "set RateLimitBurst= in a drop-in of journald.conf(5) to more, or to 0; jitd's own record is whole"
    n_of: Counter[str] = Counter()
    for n, name in re.findall(r"^Suppressed (\d+) messages from (jitd\S*)$", dropped, re.MULTILINE):
        n_of[name] += int(n)
    if n_of:
        told = listed([f"{n} of {name}" for name, n in n_of.most_common()])
        return weak(check, f"within a day the journal has dropped lines: {told}", mend)
    limits: dict[str, str] = dict(re.findall(r"^\s*RateLimit(IntervalSec|Interval|Burst)\s*=\s*(\S+)", written, re.MULTILINE))
    interval = limits.get("IntervalSec", limits.get("Interval", "30s"))
    burst = limits.get("Burst", "10000")
    if burst.isdigit() and 0 < int(burst) < FEW_LINES and not re.fullmatch(r"0[a-z]*", interval):
        said = f"the journal takes only {burst} lines of a service in {interval}, and drops those beyond"
        return weak(check, said, mend)
    return ok(check, "the journal has dropped no line of jitd within a day")


def scopes(slice_state: str) -> Result:
    """Check that jitd can request scopes from systemd."""
    check = "systemd.scopes"
    if slice_state == "masked":
        return bad(check, "jitd.slice is masked: no run can begin", command=_unmask("jitd.slice"))
    return ok(check, "systemd makes scopes in jitd.slice")


def run_directory(path: str, kind: str) -> Iterator[Result]:
    """Yield a finding if the directory of plates (lock files of runs), on a ``kind`` of file system, outlives a reboot."""
    if kind not in VOLATILE:
        said = f"{path} is on {kind}: files about runs stay there after a reboot, although the reboot ends all runs"
        yield weak("runs.directory", said, f"mount a tmpfs at {path}, or set socket in jitd.toml to a path below /run")


def leftovers(
    plates: Sequence[str], scope_names: Sequence[str], held: Mapping[str, int], run_dir: str, restart: str
) -> Iterator[Result]:
    """Judge the leftovers of runs that are not live. ``plates`` are the lock files of these runs, and ``scope_names`` are their
    scopes of systemd. ``held`` maps a plate to the process that has locked the plate.
    """
    living = [run for run in plates if run in held]
    dead = [run for run in plates if run not in held]
    if living:
        said = f"{count(len(living), 'monitor')} without a live run in the record: {listed(living)}"
        mend = f"if the monitor of {living[0]} still runs after the restart, end it: kill {held[living[0]]}"
        yield bad("runs.unknown", said, mend, command=restart)
    if dead:
        paths = " ".join(word(f"{run_dir}/runs/{run}") for run in dead[:20])
        said = f"{count(len(dead), 'lock file')} left of runs that are over: {listed(dead)}"
        yield weak("runs.plates", said, command=f"rm {paths}")
    if scope_names:
        said = f"{count(len(scope_names), 'scope')} left of runs that are over: {listed(list(scope_names))}"
        mend = f"see first what still runs there: systemctl status {scope_names[0]}"
        yield bad("runs.scopes", said, mend, command=f"systemctl stop {' '.join(scope_names[:20])}")
    if not plates and not scope_names:
        yield ok("runs.left", "nothing is left of runs that are over")
