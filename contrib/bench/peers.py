# SPDX-License-Identifier: Apache-2.0
"""Other tools that run a command as root for alice, set up in the lab beside jitsudo: doas, ksu, run0, remctl on localhost.

Law: each is allowed exactly what is measured, to alice alone; each has run once before it is measured, and one that cannot has
its row, with the reason. What is written here is the lab's, and taken back at the end.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType

from people import Failed

HOST, REALM = "lab.example.test", "EXAMPLE.TEST"
SERVICE = f"host/{HOST}"
PORT = 4373
TRUE = "/usr/bin/true"
PATIENCE = 10.0
"""Seconds that a peer has to answer for the first time."""
DOAS, KSU, RUN0, REMCTL = "doas -n true", "ksu, ticket verified by the keytab", "run0 true", "remctl on localhost, true"
LINES = {
    DOAS: ["/usr/bin/doas", "-n", "true"],
    KSU: ["/usr/bin/ksu", "root", "-q", "-n", f"alice@{REALM}", "-e", TRUE],
    RUN0: ["/usr/bin/run0", "--no-ask-password", "true"],
    REMCTL: ["/usr/bin/remctl", "-p", str(PORT), "-s", SERVICE, HOST, "bench", "true"],
}
FROM = {RUN0: "systemd has it from 256 on; Debian 12 has 252"}
"""Why one may be missing."""


class Peers:
    """Set up while it is entered. ``lines`` is what alice runs of each; ``absent`` says of the others why not."""

    def __init__(self) -> None:
        self.lines: dict[str, list[str]] = {}
        self.absent: dict[str, str] = {}
        self._directory = Path()
        self._written: list[tuple[Path, bytes | None]] = []
        self._remctld: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Peers:
        """Raises Failed."""
        self._directory = Path(tempfile.mkdtemp(prefix="bench-"))
        try:
            self._write("/etc/doas.conf", b"permit nopass alice as root cmd true\n")
            self._write("/root/.k5login", f"alice@{REALM}\n".encode())
            self._write("/etc/krb5.keytab", self._keytab().read_bytes())
            self._start_remctld()
            for name, line in LINES.items():
                if why := self._fault(name, line):
                    self.absent[name] = why
                else:
                    self.lines[name] = line
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Leave all as it was."""
        if self._remctld is not None:
            self._remctld.kill()
            self._remctld.wait()
        for path, before in reversed(self._written):
            if before is None:
                path.unlink(missing_ok=True)
            else:
                path.write_bytes(before)
        shutil.rmtree(self._directory, ignore_errors=True)

    def _write(self, name: str, content: bytes) -> None:
        path = Path(name)
        self._written.append((path, path.read_bytes() if path.exists() else None))
        path.unlink(missing_ok=True)
        with open(path, "wb", opener=lambda file, flags: os.open(file, flags, 0o600)) as file:
            file.write(content)

    def _keytab(self) -> Path:
        """A new one with the host's key, for remctld, and for ksu to verify tickets by. The key itself stays what it was."""
        keytab = self._directory / "keytab"
        for words in (f"addprinc -randkey {SERVICE}", f"ktadd -norandkey -k {keytab} {SERVICE}"):
            subprocess.run(["kadmin.local", "-r", REALM, "-q", words], capture_output=True, check=False)
        if not keytab.exists():
            raise Failed(f"the realm gave no key for {SERVICE}")
        return keytab

    def _start_remctld(self) -> None:
        (self._directory / "remctl.conf").write_text(f"bench true {TRUE} princ:alice@{REALM}\n")
        if not Path("/usr/sbin/remctld").exists():
            return
        line = ["/usr/sbin/remctld", "-m", "-F", "-b", "127.0.1.1", "-p", str(PORT), "-s", SERVICE]
        files = ["-k", str(self._directory / "keytab"), "-f", str(self._directory / "remctl.conf")]
        null = subprocess.DEVNULL
        self._remctld = subprocess.Popen([*line, *files], stdin=null, stdout=null, stderr=null, cwd="/")
        until = time.monotonic() + PATIENCE
        while self._remctld.poll() is None and time.monotonic() < until:
            with contextlib.suppress(OSError), socket.create_connection((HOST, PORT)):
                return
            time.sleep(0.02)
        raise Failed("remctld did not start")

    def _fault(self, name: str, line: list[str]) -> str:
        """Why alice cannot run it; empty if she can."""
        if not Path(line[0]).exists():
            return f"not on this host: {FROM[name]}" if name in FROM else "not on this host"
        try:
            done = subprocess.run(["as", "alice", *line], capture_output=True, timeout=PATIENCE, check=False, cwd="/")
        except subprocess.TimeoutExpired:
            return f"does not run in this lab: it did not end within {PATIENCE:.0f} s"
        if done.returncode == 0:
            return ""
        said = done.stderr.decode("utf-8", "replace").strip().splitlines()
        return f"does not run in this lab: {said[-1] if said else f'status {done.returncode}'}"
