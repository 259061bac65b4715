# SPDX-License-Identifier: Apache-2.0
"""Control groups, systemd, plates. Law: systemd is asked, and nothing is started, stopped or made."""

from __future__ import annotations

import os
import re
import subprocess
import time
from pathlib import Path

from jitd.doctor.checks.housing import LAUNCHER, NEEDED, Groups, Unit
from jitd.doctor.looks.running import holders
from jitd.doctor.looks.state import live_runs

WITHIN = 3.0
"""Seconds that systemd may take."""
AGAIN_AFTER = 0.5
"""Seconds after which what seemed to be left over is looked at again: a run that ends just now is no leftover."""
SCOPE = re.compile(r"jitd-run-(\S+)\.scope")


def groups(pid: int | None) -> Groups:
    """Where the daemon ``pid`` (0: this process, for want of it) would make a run's control group; None: systemd makes it."""
    kernel = os.uname().release
    mount = _mount()
    if mount is None:
        return Groups("", is_writable=False, has_kill=False, kernel=kernel)
    root, place = mount
    if pid is None:
        return Groups(place, os.access(place, os.W_OK), _is_since_5_14(kernel), kernel)
    for line in Path(f"/proc/{pid or 'self'}/cgroup").read_text("utf-8", "surrogateescape").splitlines():
        if line.startswith("0::"):
            own = line[3:]
            below = own[len(root) :] if root != "/" and own.startswith(root) else own
            place = (place + below).rstrip("/")
    has_kill = os.path.exists(f"{place}/cgroup.kill") or _is_since_5_14(kernel)
    return Groups(place, os.access(place, os.W_OK), has_kill, kernel)


def _mount() -> tuple[str, str] | None:
    """Which part of the hierarchy is mounted, and where."""
    for line in Path("/proc/self/mountinfo").read_text("utf-8", "surrogateescape").splitlines():
        before, _, after = line.partition(" - ")
        if after.startswith("cgroup2 "):
            root, place = before.split(" ")[3:5]
            return root, place.replace("\\040", " ")
    return None


def _is_since_5_14(release: str) -> bool:
    found = re.match(r"(\d+)\.(\d+)", release)
    return found is not None and (int(found[1]), int(found[2])) >= (5, 14)


def units() -> dict[str, Unit]:
    """What systemd says of ours, and of jitd.slice."""
    said = _ask("systemctl", "show", "--property=Id,LoadState,ActiveState,UnitFileState", "--", *NEEDED, LAUNCHER, "jitd.slice")
    found = {}
    for block in said.split("\n\n"):
        values = dict(line.partition("=")[::2] for line in block.splitlines())
        if "Id" in values:
            found[values["Id"]] = Unit(
                values.get("LoadState", ""), values.get("ActiveState", ""), values.get("UnitFileState", "")
            )
    return found


def why_no_bus() -> str:
    """Why the system bus does not lead to systemd; empty if it does."""
    try:
        _ask("busctl", "--system", f"--timeout={WITHIN:.0f}", "get-property", "org.freedesktop.systemd1",
             "/org/freedesktop/systemd1", "org.freedesktop.systemd1.Manager", "Version")  # fmt: skip
    except OSError as fault:
        return str(fault)
    return ""


def leftovers(run_dir: Path, database: Path, *, with_scopes: bool, is_alone: bool) -> tuple[list[str], list[str], dict[str, int]]:
    """Plates and scopes of runs that are not live in the record, and which process holds a plate. Raises StoreError, OSError."""
    plates, scopes = _left(run_dir, database, with_scopes=with_scopes, is_alone=is_alone)
    if plates or scopes:
        time.sleep(AGAIN_AFTER)
        also_plates, also_scopes = _left(run_dir, database, with_scopes=with_scopes, is_alone=is_alone)
        plates, scopes = plates & also_plates, scopes & also_scopes
    held = holders([run_dir / "runs" / run for run in plates])
    return sorted(plates), sorted(scopes), {file.name: pid for file, pid in held.items()}


def _left(run_dir: Path, database: Path, *, with_scopes: bool, is_alone: bool) -> tuple[set[str], set[str]]:
    """First what is there, then the record: a run is in the record before it is anywhere else."""
    try:
        plates = set(os.listdir(run_dir / "runs"))
    except FileNotFoundError:
        plates = set()
    scopes = set()
    if with_scopes:
        said = _ask("systemctl", "list-units", "--type=scope", "--plain", "--no-legend", "--full", "jitd-run-*.scope")
        scopes = {match[1] for line in said.splitlines() if (match := SCOPE.search(line))}
    if not plates and not scopes:
        return set(), set()
    live = live_runs(database, is_alone=is_alone) if database.exists() else set()
    return plates - live, {f"jitd-run-{run}.scope" for run in scopes - live}


def _ask(*words: str) -> str:
    """What a program of systemd's says. Raises OSError with its sentence."""
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
        raise OSError(f"{words[0]} did not answer within {WITHIN:.0f} s") from None
    if done.returncode != 0:
        said = done.stderr.decode("utf-8", "replace").strip().splitlines()
        raise OSError(said[-1] if said else f"{words[0]} failed with status {done.returncode}")
    return done.stdout.decode("utf-8", "replace")
