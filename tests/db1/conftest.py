# SPDX-License-Identifier: Apache-2.0
"""The lab's second host: its PostgreSQL, its sshd, and what the KDC says of tickets for them.

Law: these tests are run in a lab that has db1 (``contrib/lab/lab --db1``), by a lane of ``contrib/lanes/run``, and are not seen
anywhere else. Each test leaves the KDC with no grant.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.waiting import PATIENCE

HOST = "db1.example.test"
POSTGRES, LOGIN = f"postgres/{HOST}", f"host/{HOST}"
REFUSED = "KDC policy rejects request"
"""What libkrb5 says of KDC_ERR_POLICY (RFC 4120, 7.5.9)."""
ID = "K7QM2XVD"
KDC_LOG = Path("/var/log/krb5kdc.log")

if not Path("/run/netns/db1").exists():
    collect_ignore_glob = ["test_*.py"]

Done = subprocess.CompletedProcess[str]


def do(*words: str) -> Done:
    """Run a command in the lab, to its end."""
    return subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=PATIENCE, cwd="/")


def on_db1(*words: str) -> str:
    """Run a command as root on db1, and return what it prints. It has to succeed."""
    done = do("on", "db1", *words)
    assert done.returncode == 0, done.stderr
    return done.stdout


def kadmin(query: str) -> str:
    """Ask kadmin.local. It has to succeed."""
    done = do("kadmin.local", "-r", "EXAMPLE.TEST", "-q", query)
    assert done.returncode == 0 and done.stderr == "", done.stdout + done.stderr
    return done.stdout


def grants(service: str) -> list[str]:
    """Return the names of the grants that the KDC has for a service."""
    names = (line.partition(":")[::2] for line in kadmin(f"getstrs {service}").splitlines())
    return [rest.partition(":")[0].strip() for kind, rest in names if kind == "jit_grant"]


def grant(service: str, person: str, *, lasts: float = 3600.0, id: str = ID) -> None:
    """Write a grant of ``service`` to a person at the KDC, as jitd's writer does. It ends ``lasts`` seconds from now."""
    kadmin(f'setstr {service} jit_grant:{id} "1 {int(time.time() + lasts)} {person}@EXAMPLE.TEST"')


def take(service: str, id: str = ID) -> None:
    """Delete a grant at the KDC."""
    kadmin(f"delstr {service} jit_grant:{id}")


def psql(person: str, *more: str) -> Done:
    """Have a person, with a fresh first ticket, count the orders in db1's database."""
    return do("as", person, *COMMANDS[POSTGRES], *more)


def ssh(person: str, *more: str) -> Done:
    """Have a person, with a fresh first ticket, log in to db1."""
    return do("as", person, "ssh", *more, *COMMANDS[LOGIN][1:])


COMMANDS = {
    POSTGRES: ("psql", "--no-psqlrc", "-tA", "-h", HOST, "-c", "SELECT current_user, count(*) FROM orders", "shop"),
    LOGIN: ("ssh", HOST, "id -un; hostname"),
}
"""Service → what a person types to use it."""
PRINTS = {POSTGRES: "{person}|3\n", LOGIN: f"{{person}}\n{HOST}\n"}
"""Service → what is printed where that works."""
USES: dict[str, Callable[..., Done]] = {POSTGRES: psql, LOGIN: ssh}
"""Service → who uses it."""


def works(service: str, person: str) -> None:
    """Assert that a person gets to a service."""
    done = USES[service](person)
    assert (done.returncode, done.stdout) == (0, PRINTS[service].format(person=person)), done.stderr


def is_refused(service: str, person: str) -> None:
    """Assert that the KDC refuses a person the ticket, that nothing is done on db1, and that other tickets are given."""
    refusals, sessions = n_refusals(service, person), n_sessions()
    done = USES[service](person)
    assert done.returncode != 0 and done.stdout == "", done.stdout
    assert n_refusals(service, person) > refusals, KDC_LOG.read_text()[-2000:]
    assert n_sessions() == sessions
    asked = do("as", person, "kvno", "-q", service)
    assert asked.returncode != 0 and REFUSED in asked.stderr, asked.stdout + asked.stderr
    other = do("as", person, "kvno", "host/lab.example.test", "jitd/lab.example.test")
    assert other.returncode == 0, other.stderr


def n_refusals(service: str, person: str) -> int:
    """Count the lines of the KDC's log that refuse a ticket to a person."""
    asked = f"{person}@EXAMPLE.TEST for {service}@EXAMPLE.TEST"
    return sum(asked in line and REFUSED in line for line in KDC_LOG.read_text().splitlines())


def n_sessions() -> int:
    """Count the connections that db1's services have let in."""
    said = on_db1("cat", "/var/log/postgres.log", "/var/log/sshd.log")
    return said.count("connection authenticated") + said.count("Accepted gssapi-with-mic")


@pytest.fixture(autouse=True)
def nobody_is_granted_anything() -> Iterator[None]:
    """What a test grants is taken after it."""
    yield
    for service in USES:
        for id in grants(service):
            take(service, id)
