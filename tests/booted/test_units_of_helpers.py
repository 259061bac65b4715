# SPDX-License-Identifier: Apache-2.0
"""The helpers as instances of one unit: what systemd makes of it and its drop-ins, and what all of them have alike."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from contrib.installed import HELPERS
from tests.booted.conftest import show, systemctl
from tests.helper_units import NEW, SEES, hidden, instance, page, settings
from tests.waiting import wait_for

EACH = pytest.mark.parametrize("helper", HELPERS)
ALWAYS = {
    "NoNewPrivileges": "yes", "AmbientCapabilities": "", "DevicePolicy": "closed", "ProtectKernelTunables": "yes",
    "ProtectKernelModules": "yes", "ProtectKernelLogs": "yes", "ProtectClock": "yes", "ProtectHostname": "yes",
    "RestrictNamespaces": "yes", "RestrictRealtime": "yes", "RestrictSUIDSGID": "yes", "LockPersonality": "yes",
    "SystemCallArchitectures": "native", "UMask": "0077", "LimitCORE": "0", "Slice": "system.slice",
}  # fmt: skip
"""What no drop-in changes."""
PRIVILEGED = {"chroot", "pivot_root", "acct", "bpf"}
"""System calls that are in no helper's filter; those of setuid and chown are in that of givers."""


def unit_of(helper: str) -> str:
    return f"jitd-helper@{helper}.service"


def values(helper: str, setting: str) -> str:
    """What systemd says of ``setting``, in the words of the page."""
    line = ["systemctl", "show", "--property", setting, "--value", unit_of(helper)]
    said = subprocess.run(line, capture_output=True, text=True, check=True).stdout.strip()
    match setting:
        case "CapabilityBoundingSet":
            return " ".join(sorted(word.upper().removeprefix("CAP_") for word in said.split())) or "none"
        case "DeviceAllow":
            of_the_clock = {"char-rtc r"}  # ProtectClock= adds it
            return " ".join(sorted({*said.splitlines()} - of_the_clock)) or "none"
        case "SystemCallFilter":
            return "@system-service" if {"chown", "setuid"} <= {*said.split()} else "@system-service ~@privileged"
        case "ReadOnlyPaths" | "RestrictAddressFamilies":
            return " ".join(sorted(word.removeprefix("-") for word in said.split())) or "none"
        case _:
            return said or "none"


@pytest.mark.parametrize("helper", [NEW, *HELPERS])
def test_systemd_makes_of_each_helper_what_the_page_says(helper: str) -> None:
    """Lists of systemd are added up over drop-ins, or begun anew by an empty line; so what they come to is asked of systemd."""
    rows = {name: said for name, said in page()[helper].items() if name not in (SEES, "LoadCredential")}
    assert {name: values(instance(helper), name) for name in rows} == rows
    unit = unit_of(instance(helper))
    found = show(unit, *ALWAYS)
    assert found == ALWAYS
    calls = {*show(unit, "SystemCallFilter")["SystemCallFilter"].split()}
    assert len(calls) > 100 and not calls & PRIVILEGED
    unseen = {path.removeprefix("-") for path in show(unit, "InaccessiblePaths")["InaccessiblePaths"].split()}
    assert unseen == hidden(settings(instance(helper)))


@pytest.fixture
def probe() -> Iterator[Path]:
    """Where each helper, run with another program in its place, may leave its answer."""
    place = Path("/run/probe")
    place.mkdir()
    place.chmod(0o777)
    yield place
    shutil.rmtree(place)


@EACH
def test_what_is_jitds_is_not_a_helpers_to_see(helper: str, probe: Path) -> None:
    """THREATS E-04, U-02, N-03. What is hidden has no mode, so that root's rights would not open it, either."""
    looks = (
        "for path in sys.argv[2:]:\n"
        "    try:\n"
        "        found += [path] if os.stat(path).st_mode & 0o777 else []\n"
        "    except OSError: pass\n"
    )
    script = probe / "looks"
    script.write_text(
        f"#!/usr/bin/python3 -IS\nimport os, sys\nfound = []\n{looks}open(sys.argv[1], 'w').write(' '.join(found))\n"
    )
    script.chmod(0o755)
    places = ["/run/jitd", "/etc/jitd", "/var/lib/jitd", "/var/lib/jitd-givers", *(f"/run/jitd-{name}" for name in HELPERS)]
    Path("/var/lib/jitd-givers").mkdir(exist_ok=True)
    (Path("/var/lib/jitd-givers") / "probe").touch()
    drop_in = Path(f"/run/systemd/system/jitd-helper@{helper}.service.d/99-probe.conf")
    drop_in.parent.mkdir(parents=True, exist_ok=True)
    line = " ".join([str(script), str(probe / "found"), *places])
    drop_in.write_text(f"[Service]\nExecStart=\nExecStart={line}\nRestart=no\nReadWritePaths={probe}\n")
    try:
        systemctl("daemon-reload")
        systemctl("stop", f"jitd-helper@{helper}.service")
        systemctl("start", f"jitd-helper@{helper}.service")
        found = wait_for(lambda: (probe / "found").exists() and show(unit_of(helper), "ActiveState")["ActiveState"] == "inactive")
        assert found
        seen = {*(probe / "found").read_text().split()}
    finally:
        drop_in.unlink()
        (Path("/var/lib/jitd-givers") / "probe").unlink()
        systemctl("daemon-reload")
    said = page()[helper][SEES]
    assert seen == ({*said.split()} if said != "none" else set())


@pytest.mark.parametrize(("kind", "why"), [("socket", "Assertion failed"), ("service", "dependency")])
def test_a_name_that_no_helper_has_is_told_to_root_and_nothing_listens(kind: str, why: str) -> None:
    """A template would take any."""
    unit = f"jitd-helper@kcd.{kind}"
    done = subprocess.run(["systemctl", "start", unit], capture_output=True, text=True, check=False)
    assert done.returncode != 0 and why in done.stderr
    assert show(unit, "ActiveState")["ActiveState"] == "inactive" and not Path("/run/jitd-kcd").exists()


def test_root_sees_all_helpers_with_one_command(service: object) -> None:
    """As jitd-serve(8) says."""
    done = subprocess.run(["sh", "-c", "systemctl status 'jitd-helper@*' | cat"], capture_output=True, text=True, check=False)
    assert {name for name in HELPERS if f"jitd-helper@{name}.socket" in done.stdout} == {*HELPERS}
