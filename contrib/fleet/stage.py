# SPDX-License-Identifier: Apache-2.0
"""Machines in a lab (contrib/lab), each in namespaces of its own: hosts, an engine, a desk. The lab has the KDC, and is the
network between them. `make fleet` plays a scene on it, and tests/fleet has its hosts from here.

Law: it is set in a lab alone, as root, and ends with it, however the lab ends.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from contrib.fleet.machine import KDC

HERE = Path(__file__).resolve().parent
REALM = "EXAMPLE.TEST"
DESK_ALONE = ("bob", "carol", "eve")
"""The people who have no account on a host."""
PATIENCE = 60.0
T = TypeVar("T")


class NotStaged(Exception):
    pass


def wait_for(look: Callable[[], T], what: str) -> T:
    """What ``look`` returns once that is true. Raises NotStaged."""
    until = time.monotonic() + PATIENCE
    while not (found := look()):
        if time.monotonic() > until:
            raise NotStaged(f"{what} did not come about")
        time.sleep(0.01)
    return found


def kadmin(*words: str) -> None:
    """Raises NotStaged."""
    done = subprocess.run(["kadmin.local", *words], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise NotStaged(done.stderr)


class Machine:
    """One machine. ``what`` says what runs on it (machine.py). Its own files are below ``at``."""

    def __init__(self, at: Path, host: str, address: str, *what: str) -> None:
        self.at, self.host, self.address = at, host, address
        self.name = host.partition(".")[0]
        self._what = what
        self.pid = 0
        for directory in ("etc/policy.d", "nats", "run", "state"):
            (at / directory).mkdir(parents=True, mode=0o755)
        (at / "state").chmod(0o700)
        (at / "hostname").write_text(f"{host}\n")
        self.knows({})
        (at / "krb5.conf").write_text(Path("/etc/krb5.conf").read_text().replace("127.0.0.1", KDC))

    def knows(self, names: dict[str, str]) -> None:
        """Of other machines, it finds those of ``names``, with their addresses."""
        lines = [f"{address} {name}\n" for name, address in names.items()]
        (self.at / "hosts").write_text(f"127.0.0.1 localhost\n127.0.1.1 {self.host} {self.name}\n{''.join(lines)}")

    def boot(self) -> None:
        """Start it, and wait until it is ready. Raises NotStaged."""
        spaces = ("--fork", "--pid", "--mount", "--uts", "--ipc", "--net", "--mount-proc", "--kill-child")
        line = ["unshare", *spaces, "/usr/bin/python3", "-IS", HERE / "machine.py", self.at, self.host, self.address, *self._what]
        with (self.at / "host.log").open("ab") as log:
            self.init = subprocess.Popen(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True, cwd="/")
        children = Path(f"/proc/{self.init.pid}/task/{self.init.pid}/children")
        self.pid = int(wait_for(lambda: children.read_text().split(), f"process 1 of {self.name}")[0])
        wait_for(lambda: not os.path.samefile(f"/proc/{self.pid}/ns/net", "/proc/self/ns/net"), f"the network of {self.name}")
        batch = (
            f"link add f-{self.name} type veth peer name eth0 netns {self.pid}\nlink set f-{self.name} up\n"
            f"route add {self.address} dev f-{self.name} src {KDC}\n"
        )
        subprocess.run(["ip", "-batch", "-"], input=batch, text=True, check=True)
        assert self.init.stdin is not None and self.init.stdout is not None
        self.init.stdin.write("go\n")
        self.init.stdin.flush()
        if self.init.stdout.readline() != "ready\n":
            raise NotStaged(f"{self.name} has not started: {(self.at / 'host.log').read_text()}")

    def stop(self) -> None:
        """The whole machine is gone, at once."""
        if self.pid:
            with contextlib.suppress(ProcessLookupError):  # one that could not start has ended by itself
                os.kill(self.pid, signal.SIGKILL)
            self.init.wait()
            for stream in (self.init.stdin, self.init.stdout):
                assert stream is not None
                stream.close()
            # The kernel takes a dead namespace's devices away when it has time; the name is free when this ends.
            subprocess.run(["ip", "link", "delete", f"f-{self.name}"], stderr=subprocess.DEVNULL, check=False)
            self.pid = 0

    def inside(self, *words: Any) -> list[Any]:
        """The command line by which root runs ``words`` on this machine."""
        return ["nsenter", "--target", str(self.pid), "--all", "--wdns=/", "--", *words]


class Host(Machine):
    """A machine with jitd, its key, and no account of DESK_ALONE."""

    def __init__(self, at: Path, host: str, address: str, *carriers: str, config: str, policy: str) -> None:
        super().__init__(at, host, address, "jitd", *carriers)
        (at / "etc/jitd.toml").write_text(config)
        (at / "etc/policy.d/50-fleet.toml").write_text(policy)
        self.service = f"jitd/{host}@{REALM}"
        kadmin("addprinc", "-randkey", self.service)
        kadmin("ktadd", "-k", str(at / "etc/jitd.keytab"), self.service)
        for file, column in (("passwd", None), ("shadow", None), ("group", 3)):
            (at / file).write_text(_without_people(Path("/etc", file).read_text(), column))
        shutil.copymode("/etc/shadow", at / "shadow")

    def close(self) -> None:
        self.stop()
        kadmin("delprinc", "-force", self.service)


class Stage:
    """A place for machines, and the KDC that they hear."""

    def __init__(self) -> None:
        self.at = Path(tempfile.mkdtemp(prefix="fleet-", dir="/srv"))
        self.at.chmod(0o755)
        self._kdc: subprocess.Popen[bytes] | None = None

    def start_network(self) -> None:
        """Raises NotStaged."""
        Path("/proc/sys/net/ipv4/ip_forward").write_text("1\n")
        subprocess.run(["ip", "addr", "add", f"{KDC}/32", "dev", "lo"], check=True)
        conf = self.at / "kdc.conf"
        conf.write_text(Path("/etc/krb5kdc/kdc.conf").read_text().replace("127.0.0.1:88", f"{KDC}:88"))
        environ = {**os.environ, "KRB5_KDC_PROFILE": str(conf)}
        with (self.at / "kdc.log").open("wb") as log:
            self._kdc = subprocess.Popen(["krb5kdc", "-n", "-r", REALM], env=environ, cwd="/", stderr=log)
        wait_for(lambda: "starting" in (self.at / "kdc.log").read_text(), "the KDC that the machines hear")

    def close(self) -> None:
        if self._kdc is not None:
            self._kdc.terminate()
            self._kdc.wait()
            subprocess.run(["ip", "addr", "del", f"{KDC}/32", "dev", "lo"], check=True)
        shutil.rmtree(self.at)


def _without_people(text: str, members: int | None) -> str:
    """A file of accounts without DESK_ALONE. ``members`` is the field in which a group has its members."""
    kept = []
    for line in text.splitlines():
        fields = line.split(":")
        if fields[0] in DESK_ALONE:
            continue
        if members is not None:
            fields[members] = ",".join(one for one in fields[members].split(",") if one not in DESK_ALONE)
        kept.append(":".join(fields))
    return "\n".join(kept) + "\n"
