# SPDX-License-Identifier: Apache-2.0
"""A service whose tickets the lab's KDC gives upon a grant alone, and a daemon with a jitd-kdc of its own that grants them."""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.system.conftest import House
from tests.waiting import PATIENCE, wait_for


def kadmin(query: str) -> str:
    return subprocess.run(["kadmin.local", "-q", query], capture_output=True, text=True, check=True).stdout


def grants(service: str) -> list[str]:
    """The grants that the KDC has for the service."""
    return [line for line in kadmin(f"getstrs {service}").splitlines() if line.startswith("jit_grant:")]


@contextmanager
def gated(house: House, service: str) -> Iterator[None]:
    """``house``, which is not started yet, grants tickets for ``service``, a new principal."""
    kadmin(f"addprinc -randkey {service}")
    done = subprocess.run(["jitd", "kdc", "gate", "--yes", service], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr + done.stdout
    place = house.root / "writer"
    place.mkdir(mode=0o700)
    shutil.chown(place, "jitd-kdc", "jitd-kdc")
    house.config_file.write_text(f'kdc = "{place}/kdc.sock"\n{house.config_file.read_text()}')
    become_it = ["setpriv", "--reuid=jitd-kdc", "--regid=jitd-kdc", "--clear-groups"]
    writer = subprocess.Popen([*become_it, "/usr/lib/jitd/jitd-helper", "kdc", f"--socket={place / 'kdc.sock'}"])
    try:
        wait_for(lambda: _accepts(place / "kdc.sock"), what="jitd-kdc")
        yield
    finally:
        writer.send_signal(signal.SIGTERM)
        writer.wait(PATIENCE)
        kadmin(f"delprinc -force {service}")


def _accepts(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as probe:
        return probe.connect_ex(str(path)) == 0
