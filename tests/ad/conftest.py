# SPDX-License-Identifier: Apache-2.0
"""A host that has joined an Active Directory, with jitd as its service, and the people of that directory.

Law: these tests are run in a lab that has the domain (``contrib/lab/lab --ad``), by a lane of ``contrib/lanes/run``, and are not
seen anywhere else.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import runpy
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.system.conftest import Asking
from tests.waiting import PATIENCE

LAB = Path(__file__).parents[2] / "contrib/lab"
_DOMAIN = runpy.run_path(str(LAB / "ad"))
REALM, DOMAIN, PASSWORD, KRB5 = (_DOMAIN[name] for name in ("REALM", "DOMAIN", "PASSWORD", "KRB5"))
HOST = f"member.{DOMAIN}"
SERVICE = f"jitd/{HOST}"
SUDOERS = f"""\
Defaults secure_path="/usr/sbin:/usr/bin:/sbin:/bin"
%dba@{DOMAIN}, %database\\ admins@{DOMAIN} ALL = (ALL) NOPASSWD: ALL
"""

UNITS = ("jitd.service", "jitd.socket", "jitd-launcher.socket", "jitd-launcher.service")

if not Path("/run/lab/ad/member.pid").exists():
    collect_ignore_glob = ["test_*.py"]

Done = subprocess.CompletedProcess[str]


def on(host: str, *words: str, stdin: str = "") -> Done:
    """Run a command as root on ``dc`` or ``member``, to its end."""
    return subprocess.run(
        ["on", host, *words], input=stdin, capture_output=True, text=True, check=False, timeout=PATIENCE, cwd="/"
    )


def root(host: str, *words: str, stdin: str = "") -> str:
    """Run a command as root on a host, and return what it prints. It has to succeed."""
    done = on(host, *words, stdin=stdin)
    assert done.returncode == 0, f"{words}: {done.returncode}: {done.stdout}{done.stderr}"
    return done.stdout


def account(person: str) -> str:
    """Return the name of a person's account, as SSSD gives it."""
    return f"{person.lower()}@{DOMAIN}"


def principal(person: str) -> str:
    return f"{person}@{REALM}"


class Member:
    """jitd on the member, and people at its terminals."""

    def __init__(self) -> None:
        self._said = Path(tempfile.mkdtemp(prefix="ad-", dir="/srv"))
        self._asked = itertools.count(1)
        self._clients: list[subprocess.Popen[bytes]] = []

    def write(self, path: str, text: str, mode: int = 0o644) -> None:
        """Write a file of root's on the member."""
        root("member", "install", "-D", "-m", f"{mode:o}", "/dev/stdin", path, stdin=text)

    def restart(self) -> None:
        done = on("member", "systemctl", "restart", "jitd.service")
        assert done.returncode == 0, done.stderr + self.log()

    def log(self) -> str:
        return on("member", "journalctl", "--no-pager", "--output=cat", "--unit=jitd.service", "-n", "40").stdout

    def run(self, person: str, *words: str, stdin: str = "") -> Done:
        """Have a person, with a fresh ticket in AD's spelling of the name, run a command to its end."""
        return on("member", "as", person, *words, stdin=stdin)

    def start(self, person: str, *words: str) -> Asking:
        """Have a person start a command that waits."""
        return self.begin("as", person, *words)

    def begin(self, *words: str) -> Asking:
        """Start a command that waits."""
        number = next(self._asked)
        out, err = self._said / f"out-{number}", self._said / f"err-{number}"
        with out.open("wb") as to, err.open("wb") as errors:
            process = subprocess.Popen(["on", "member", *words], stdin=subprocess.DEVNULL, stdout=to, stderr=errors)
        self._clients.append(process)
        return Asking(process, out, err)

    def ask(self, person: str, *words: str) -> Asking:
        return self.start(person, "jitsudo", *words)

    def approve(self, person: str, id: str, comment: str = "go ahead") -> Done:
        return self.run(person, "jitd", "approve", id, "--yes", "--comment", comment)

    def approved(self, person: str, id: str) -> None:
        done = self.approve(person, id)
        assert done.returncode == 0, done.stderr + self.log()

    def records(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in root("member", "jitd", "audit", "show", "--json").splitlines()]

    def of(self, id: str) -> list[dict[str, Any]]:
        """Return the records of a request."""
        return [record for record in self.records() if record.get("id") == id]

    def verify(self) -> None:
        root("member", "jitd", "audit", "verify")

    def close(self) -> None:
        for client in self._clients:
            if client.poll() is None:
                client.kill()
                client.wait()
        stop_jitd()
        shutil.rmtree(self._said)


def leave_the_domain() -> None:
    """Have the member leave, and the domain forget it and its service account: a service principal belongs to one account."""
    on("dc", "samba-tool", "user", "delete", "svc-jitd-member")
    if root("member", "realm", "list"):
        root("member", "realm", "leave", "--remove", "--user=Administrator", stdin=f"{PASSWORD}\n")


def stop_jitd() -> None:
    """Stop jitd, and remove its settings, its rules and its key."""
    root("member", "systemctl", "disable", "--quiet", "--now", *UNITS)
    root("member", "sh", "-c", "rm -f /etc/jitd/jitd.keytab /etc/jitd/policy.d/*; cp /usr/share/jitd/jitd.toml /etc/jitd/")


@pytest.fixture(scope="module")
def member(request: pytest.FixtureRequest) -> Iterator[Member]:
    """jitd with the lab's settings and rules for a member of a domain, its key beside the host's own, and its gates in sudo."""
    made = Member()
    request.addfinalizer(made.close)
    made.write("/etc/krb5.conf", KRB5)
    leave_the_domain()
    root("member", "realm", "join", "--user=Administrator", DOMAIN, stdin=f"{PASSWORD}\n")
    root("member", "adcli", "update", f"--add-service-principal={SERVICE}")
    made.write("/etc/jitd/jitd.toml", (LAB / "ad.toml").read_text())
    made.write("/etc/jitd/policy.d/ad.toml", (LAB / "ad-policy.toml").read_text())
    made.write("/etc/sudoers.d/ad", SUDOERS, 0o440)
    for name in ("sudo", "sudo-i"):
        root("member", "cp", "-a", f"/etc/pam.d/{name}", f"/root/{name}.before")
        root("member", "cp", f"/usr/share/jitd/pam.d/{name}", f"/etc/pam.d/{name}")
    made.restart()
    yield made
    made.verify()
    for name in ("sudo", "sudo-i"):
        root("member", "mv", f"/root/{name}.before", f"/etc/pam.d/{name}")


@pytest.fixture
def pristine_member() -> Iterator[Member]:
    """The member before it has joined: jitd is installed, and nothing is configured."""
    stop_jitd()
    leave_the_domain()
    made = Member()
    yield made
    made.close()


@contextlib.contextmanager
def disabled(person: str) -> Iterator[None]:
    """The directory disables a person's account meanwhile."""
    root("dc", "samba-tool", "user", "disable", person)
    try:
        yield
    finally:
        root("dc", "samba-tool", "user", "enable", person)
