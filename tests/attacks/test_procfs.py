# SPDX-License-Identifier: Apache-2.0
"""Paths through procfs, which lead each process elsewhere, and root's daemon further than whoever typed them.

Law: two questions that differ in a secret alone have the same answer, byte for byte.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from jitpam.wire import messages
from jitpam.wire.coding import encode
from tests.attacks.raw import asked, connected, uid_of
from tests.system.conftest import House
from tests.waiting import wait_for

OPEN = Path("/srv/procfs")
POLICY = """
[[permit]]
name = "any"
who = ["user:alice"]
commands = [["**"]]
run = { writable = "allow" }

[[permit]]
name = "bound"
who = ["user:eve"]
commands = [["/usr/bin/cat", "**"]]
run = { operands = "bound", writable = "allow" }
"""
THERE = ("x-file", "x-program", "x-directory", "x-fifo")


def furnish(place: Path) -> None:
    """Something of each kind, carol's."""
    (place / "x-directory").mkdir()
    (place / "x-file").write_text("hers")
    (place / "x-program").write_bytes(Path("/usr/bin/true").read_bytes())
    (place / "x-program").chmod(0o755)
    os.mkfifo(place / "x-fifo")
    for made in place.iterdir():
        os.chown(made, uid_of("carol"), uid_of("carol"))


@pytest.fixture(scope="module")
def keeper() -> Iterator[House]:
    """A daemon, and a directory for all with one in it that nobody but root may look into."""
    shutil.rmtree(OPEN, ignore_errors=True)
    (OPEN / "secret").mkdir(parents=True)
    OPEN.chmod(0o1777)
    furnish(OPEN / "secret")
    (OPEN / "secret").chmod(0o700)
    with House(POLICY) as made:
        yield made
    shutil.rmtree(OPEN)


@pytest.fixture(scope="module")
def service() -> Iterator[int]:
    """A process of root's that has a /tmp of its own, as a service with PrivateTmp has; it stands in a directory of it."""
    script = (
        "mount -t tmpfs -o mode=755 none /tmp && cd /tmp && mkdir x-directory here && mkfifo x-fifo && echo x >x-file && "
        "cp /bin/true x-program && chown carol * && cd here && echo ready && exec sleep 600"
    )
    started = subprocess.Popen(["unshare", "-m", "sh", "-c", script], stdout=subprocess.PIPE)
    assert started.stdout is not None and started.stdout.readline() == b"ready\n"
    wait_for(lambda: os.readlink(f"/proc/{started.pid}/exe").endswith("sleep"), what="the service")
    yield started.pid
    started.kill()
    started.wait()


def said(keeper: House, who: str, *argv: str, cwd: str = "/", name: str = "no such word") -> bytes:
    """The answer to what would happen, with ``name`` put out of it."""
    with connected(keeper, who) as raw:
        question = asked(*argv) | {"cwd": cwd.encode()}
        heard = raw.ask(messages.Explain(**question))
    return b"\n".join(encode(answer) for answer in heard if answer is not None).replace(name.encode(), b"*")


@pytest.mark.parametrize(
    "form",
    [
        "/proc/self/cwd/secret/{}",
        "--file=/proc/self/cwd/secret/{}",
        "/proc/thread-self/cwd/./secret/{}",
        "/proc/self/root{open}/secret/{}",
        "{open}/link/secret/{}",
    ],
)
def test_an_argument_through_the_directory_of_the_process_tells_nothing_of_what_is_there(keeper: House, form: str) -> None:
    """THREATS S-11: eve's rule refuses what others can change, so that what is there and what is not have had two answers."""
    (OPEN / "link").unlink(missing_ok=True)
    (OPEN / "link").symlink_to("/proc/self/cwd")
    answers = {
        name: said(keeper, "eve", "/usr/bin/cat", form.format(name, open=OPEN), cwd=str(OPEN), name=name)
        for name in (*THERE, "x-gone")
    }
    for name in THERE:
        assert answers[name] == answers["x-gone"], name
    for honest in ("/proc/self/cwd/nothing", "/proc/self/root/etc/hostname", "/etc/hostname"):
        assert b'"decision":"permit"' in said(keeper, "eve", "/usr/bin/cat", honest, cwd="/"), honest


@pytest.mark.parametrize("to", ["/proc/{pid}/root/tmp/{name}", "/proc/{pid}/cwd/../{name}"])
@pytest.mark.parametrize("form", ["{link}", "{to}"])
def test_what_another_process_sees_is_not_looked_at(keeper: House, service: int, to: str, form: str) -> None:
    """THREATS S-11: the link is alice's, the process root's, and what it sees is nobody's to ask about."""
    answers = {}
    link = OPEN / "l"
    for name in (*THERE, "x-gone"):
        leads_to = to.format(pid=service, name=name)
        link.unlink(missing_ok=True)
        link.symlink_to(leads_to)
        answers[name] = said(keeper, "alice", form.format(link=link, to=leads_to), name=name)
    for name in THERE:
        assert answers[name] == answers["x-gone"], name


def test_where_another_process_stands_is_told_to_nobody(keeper: House, service: int) -> None:
    """THREATS S-11: readlink(2) of it is for who may trace that process."""
    for way in ("cwd", "root"):
        heard = said(keeper, "alice", f"/proc/{service}/{way}/usr/bin/id", name=f"{service}/{way}")
        assert b'"decision":"permit"' not in heard, heard
        assert heard == said(keeper, "alice", "/proc/999999999/cwd/usr/bin/id", name="999999999/cwd")
