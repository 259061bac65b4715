# SPDX-License-Identifier: Apache-2.0
"""Mails at Postfix, as Debian has it: an instance of its own, which is killed and comes back.

It is the host's own where there is one, else what contrib/lab/setup has unpacked: a lab may give that the place and the accounts
that it wants.
"""

from __future__ import annotations

import asyncio
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser
from pathlib import Path
from typing import Any

import pytest

from jitd_outsiders.notifying.channel import Message, NotSent
from jitd_outsiders.notifying.mail import Mail, MailSettings
from jitd_outsiders.outside.client import Outside, child_connector
from tests.beside.children import of_account
from tests.outside.server import LOOPBACK, Authority
from tests.waiting import status_of, wait_for

UNPACKED = Path(__file__).resolve().parents[2] / ".venv/postfix"
ROOT = Path("/") if Path("/usr/sbin/postfix").exists() else UNPACKED
POSTFIX, LIBRARY = ROOT / "usr/sbin/postfix", Path("/usr/lib/postfix")  # its programs look for its libraries there alone
pytestmark = pytest.mark.skipif(os.uname().nodename != "lab.example.test", reason="it makes accounts")
MESSAGE = Message("waits", "K7QM-2XVD", "K7QM-2XVD: alice asks", ("alice asks.", ".", "\u2039b\u203a", "x" * 300), ())
QUEUES = ("maildrop", "incoming", "active", "deferred")
MAIN = """\
compatibility_level = 3.6
myhostname = localhost
mydestination =
local_recipient_maps =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
virtual_mailbox_domains = example.org
virtual_mailbox_base = {place}/mail
virtual_mailbox_maps = texthash:{place}/boxes
virtual_uid_maps = static:{uid}
virtual_gid_maps = static:{uid}
alias_maps =
alias_database =
smtpd_tls_chain_files = {place}/certificate.pem
smtpd_tls_security_level = may
maillog_file = {place}/log
maillog_file_prefixes = {place}
queue_directory = {place}/queue
data_directory = {place}/data
command_directory = {root}/usr/sbin
daemon_directory = {root}/usr/lib/postfix/sbin
meta_directory = {root}/etc/postfix
shlib_directory = {library}
mail_owner = postfix
setgid_group = postdrop
"""
MASTER = """\
127.0.0.1:{port} inet n - n - - smtpd
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
virtual unix - n n - - virtual
postlog unix-dgram n - n - 1 postlogd
anvil unix - - n - 1 anvil
proxymap unix - - n - - proxymap
pickup unix n - n 60 1 pickup
"""


@dataclass
class Postfix:
    """An instance below ``place``, reached at ``port`` of 127.0.0.1."""

    place: Path
    port: int

    def start(self) -> None:
        done = subprocess.run([POSTFIX, "-c", self.place / "etc", "start"], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        wait_for(self.answers)

    def answers(self) -> bool:
        with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 5) as line:
            return line.recv(3) == b"220"
        return False

    def kill(self) -> None:
        """Kill all of it, as kill -9 does."""
        master = int((self.place / "queue/pid/master.pid").read_text())
        os.kill(master, signal.SIGSTOP)
        wait_for(lambda: status_of(master)["State"].startswith("T"), what="a master that begins nothing more")
        for pid in (master, *_below(master)):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        wait_for(lambda: not self.answers())

    @property
    def has_to_do(self) -> bool:
        """Whether a mail is in its queue. One that is delivered is there a little longer, and a kill then delivers it again."""
        return any(files for name in QUEUES for _, _, files in os.walk(self.place / "queue" / name))

    @property
    def kept(self) -> list[EmailMessage]:
        parser = BytesParser(policy=policy.default)
        files = sorted((self.place / "mail/ops/new").glob("*"), key=lambda file: file.stat().st_mtime_ns)
        return [parser.parsebytes(file.read_bytes()) for file in files]  # type: ignore[misc]


def _below(pid: int) -> list[int]:
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


@pytest.fixture(scope="module")
def program() -> Path:
    """The program, which finds its libraries and its accounts."""
    if not LIBRARY.exists():
        LIBRARY.symlink_to(ROOT / "usr/lib/postfix")
    for line in (["groupadd", "-f", "--system", "postdrop"], ["useradd", "--system", "--user-group", "-M", "postfix"]):
        done = subprocess.run(line, capture_output=True, text=True, check=False)
        assert done.returncode in (0, 9), done.stderr  # 9: there is one
    return POSTFIX


@pytest.fixture
def postfix(program: Path, authority: Authority) -> Iterator[Postfix]:
    place = Path(tempfile.mkdtemp(dir="/var/tmp", prefix="postfix-"))
    place.chmod(0o755)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    for name in ("etc", "queue", "data", "mail"):
        (place / name).mkdir()
    person = pwd.getpwnam("nobody").pw_uid
    os.chown(place / "data", pwd.getpwnam("postfix").pw_uid, -1)
    os.chown(place / "mail", person, person)
    (place / "boxes").write_text("ops@example.org ops/\n")
    certificate, key, rest = authority.issue("localhost").partition(b"-----BEGIN PRIVATE KEY-----")
    (place / "certificate.pem").write_bytes(key + rest + certificate)  # Postfix wants the key first
    (place / "etc/main.cf").write_text(MAIN.format(place=place, uid=person, root=str(ROOT).rstrip("/"), library=LIBRARY))
    (place / "etc/master.cf").write_text(MASTER.format(port=port))
    found = Postfix(place, port)
    found.start()
    yield found
    subprocess.run([POSTFIX, "-c", place / "etc", "abort"], capture_output=True, check=False)
    shutil.rmtree(place)


def send(postfix: Postfix, *to: str, what: Message = MESSAGE, host: str = "127.0.0.1", **more: Any) -> str:
    """Send ``what`` by a real jitd-outside. Return why it was not sent; empty if it was."""
    settings = MailSettings("ops", server=f"{host}:{postfix.port}", sender="jitd@db1.example.org", to=to)

    async def once() -> str:
        outside = Outside(of_account("nobody", child_connector({})))
        try:
            await Mail(replace(settings, **more), "db1.example.org", outside, lambda: datetime.now(UTC)).send(what)
        except NotSent as why:
            return str(why)
        finally:
            outside.close()
        return ""

    return asyncio.run(once())


def test_postfix_takes_a_mail_and_delivers_what_was_said(postfix: Postfix) -> None:
    assert send(postfix, "ops@example.org") == ""
    wait_for(lambda: postfix.kept)
    (kept,) = postfix.kept
    assert kept["Subject"] == MESSAGE.subject and kept["To"] == "ops@example.org"
    assert kept.get_content().splitlines() == list(MESSAGE.lines)


def test_postfix_takes_it_over_tls_if_its_certificate_is_the_right_one(postfix: Postfix, authority: Authority) -> None:
    """THREATS N-04."""
    refused = send(postfix, "ops@example.org", host="localhost", addresses=LOOPBACK, ca=Authority("another").pem)
    assert "its certificate is not accepted" in refused
    assert send(postfix, "ops@example.org", host="localhost", addresses=LOOPBACK, ca=authority.pem) == ""
    wait_for(lambda: postfix.kept)
    (kept,) = postfix.kept
    assert "with ESMTPS" in kept["Received"]


def test_who_postfix_does_not_know_is_named_and_the_others_have_the_mail(postfix: Postfix) -> None:
    why = send(postfix, "ops@example.org", "nosuch@example.org")
    assert "refuses nosuch@example.org: 550 5.1.1" in why
    wait_for(lambda: postfix.kept)
    assert len(postfix.kept) == 1


def test_postfix_that_is_killed_and_comes_back_takes_the_next_mail(postfix: Postfix) -> None:
    assert send(postfix, "ops@example.org") == ""
    wait_for(lambda: postfix.kept)
    wait_for(lambda: not postfix.has_to_do, what="an empty queue")
    postfix.kill()
    assert "Connection refused" in send(postfix, "ops@example.org")
    postfix.start()
    second = replace(MESSAGE, subject="K7QM-2XVE: bob asks")
    assert send(postfix, "ops@example.org", what=second) == ""
    wait_for(lambda: [kept["Subject"] for kept in postfix.kept] == [MESSAGE.subject, second.subject], what="the second mail")
