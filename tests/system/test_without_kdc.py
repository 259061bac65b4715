# SPDX-License-Identifier: Apache-2.0
"""A KDC that is stopped or killed, real passwords and the real stack ``jitd-local``: people ask and approve by local PAM.

Law: the KDC runs again, and the accounts have no password, when a test has ended.
"""

from __future__ import annotations

import os
import pty
import select
import signal
import subprocess
import time
from collections.abc import Iterator

import pytest

from tests.system.conftest import House
from tests.waiting import wait_for

POLICY = """
[[permit]]
name = "free"
who = ["group:dba"]
commands = [["/usr/bin/id", "*"]]
without_kdc = "local"

[[permit]]
name = "approved"
who = ["group:dba"]
commands = [["/usr/bin/whoami"]]
approvals = [{ need = 1, from = ["group:ops"] }]
without_kdc = "local"

[[permit]]
name = "ticket"
who = ["group:dba"]
commands = [["/usr/bin/date"]]
"""
PASSWORDS = {"alice": "planted-Zm9v-of-alice", "bob": "planted-YmFy-of-bob"}
IDS = {"alice": 4001, "bob": 4002}
WITHIN = 90.0
BY_PAM = "proved by local PAM: the KDC could not be reached"


def kdcs() -> list[int]:
    """The processes of the lab's KDC."""
    return [
        int(word) for word in subprocess.run(["pidof", "krb5kdc"], capture_output=True, text=True, check=False).stdout.split()
    ]


def tell_kdcs(number: signal.Signals) -> None:
    for pid in kdcs():
        os.kill(pid, number)


@pytest.fixture
def house() -> Iterator[House]:
    words = "".join(f"{who}:{word}\n" for who, word in PASSWORDS.items())
    subprocess.run(["chpasswd"], input=words, text=True, check=True)
    made = House(POLICY).start()
    try:
        yield made
    finally:
        tell_kdcs(signal.SIGCONT)
        made.verify()
        made.close()
        subprocess.run(["usermod", "-p", "*", "alice"], check=True)
        subprocess.run(["usermod", "-p", "*", "bob"], check=True)


def typing(house: House, who: str, password: str, *words: str) -> tuple[int, int]:
    """Start ``words`` as ``who``, without a ticket, on a terminal of its own. Return its process and the terminal."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.setgroups(os.getgrouplist(who, IDS[who]))
        os.setgid(IDS[who])
        os.setuid(IDS[who])
        env = {"PATH": os.environ["PATH"], "JITD_SOCKET": str(house.socket), "KRB5CCNAME": "FILE:/nonexistent", "HOME": "/tmp"}
        os.chdir("/tmp")
        os.execvpe(words[0], words, env)
    said = read_until(terminal, b"password of")
    if b"password of" in said:
        os.write(terminal, password.encode() + b"\n")
    return pid, terminal


def read_until(terminal: int, word: bytes) -> bytes:
    """What comes until ``word`` or the end."""
    said, until = b"", time.monotonic() + WITHIN
    while word not in said and (left := until - time.monotonic()) > 0 and select.select([terminal], [], [], left)[0]:
        try:
            piece = os.read(terminal, 4096)
        except OSError:
            break
        if not piece:
            break
        said += piece
    return said


def run(house: House, who: str, password: str, *words: str) -> tuple[int, str]:
    """The exit status of such a command, and what it wrote after the prompt."""
    pid, terminal = typing(house, who, password, *words)
    said = read_until(terminal, b"\0no such word").decode()
    os.close(terminal)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), said


def test_while_the_kdc_is_silent_a_local_password_counts_for_rules_that_say_so(house: House) -> None:
    """THREATS K-23."""
    status, said = run(house, "alice", PASSWORDS["alice"], "jitsudo", "id", "-u")
    assert status == 119, "the KDC answers, so no password is asked for"
    tell_kdcs(signal.SIGSTOP)
    wait_for(lambda: run(house, "alice", PASSWORDS["alice"], "jitsudo", "id", "-u")[0] == 0, what="a permit by local PAM")
    status, said = run(house, "alice", PASSWORDS["alice"], "jitsudo", "id", "-u")
    assert status == 0 and BY_PAM in said and said.splitlines()[-1] == "0"
    status, said = run(house, "alice", PASSWORDS["alice"], "jitsudo", "date")
    assert status == 121 and "no rule permits this without a Kerberos ticket" in said
    status, said = run(house, "alice", PASSWORDS["bob"], "jitsudo", "id", "-u")
    assert status == 119 and "wrong password of alice" in said
    pid, terminal = typing(house, "alice", PASSWORDS["alice"], "jitsudo", "whoami")
    assert b"waiting 00:" in read_until(terminal, b"waiting 00:")
    (waiting,) = house.rows("requests")
    assert waiting["proved"] == BY_PAM.removeprefix("proved ")
    status, said = run(house, "bob", PASSWORDS["bob"], "jitd", "approve", "--yes", waiting["id"])
    assert status == 0 and f"NONE: {BY_PAM}" in said
    assert b"root" in read_until(terminal, b"root\r\n")
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    os.close(terminal)
    record = house.run("root", "jitd", "audit", "show", "--json").stdout
    assert record.count(BY_PAM.removeprefix("proved ")) >= 3 and record.count('"proof.failed"') == 1
    house.stop()
    for file in house.root.rglob("*"):
        if file.is_file():
            assert b"planted-" not in file.read_bytes(), file
    assert "planted-" not in house.log()
    house.start()
    status, said = run(house, "alice", PASSWORDS["bob"], "jitsudo", "id", "-u")
    assert status == 119 and "wrong password of" in said, "the daemon is another one"
    tell_kdcs(signal.SIGCONT)
    again = ("jitsudo", "id", "-u")  # what jitd has found counts for 2 s
    wait_for(lambda: run(house, "alice", PASSWORDS["alice"], *again)[0] == 119, what="that no local password counts")
    status, said = run(house, "alice", PASSWORDS["alice"], *again)
    assert status == 119 and "password of" not in said, "the KDC answers again"


LEASES = """
[[permit]]
name = "lent"
who = ["group:dba"]
commands = [["/usr/bin/id", "-u"]]
approvals = [{ need = 1, from = ["group:ops"] }]
grant = { lasts = "1h", uses = 9 }
without_kdc = "local"
"""


def test_a_lease_of_an_outage_is_used_by_no_ticket_and_given_back_by_one(house: House) -> None:
    """THREATS K-21: what was got by a password is worth no more once the KDC answers."""
    house.set_policy(LEASES)
    assert house.jitd("reload").returncode == 0
    tell_kdcs(signal.SIGSTOP)
    ask = ("jitsudo", "--for", "30m", "id", "-u")
    pid, terminal = -1, -1

    def waits() -> bool:
        nonlocal pid, terminal
        pid, terminal = typing(house, "alice", PASSWORDS["alice"], *ask)
        if b"waiting" in read_until(terminal, b"waiting"):
            return True
        os.close(terminal)
        os.waitpid(pid, 0)
        return False

    wait_for(waits, what="a request by local PAM")
    (waiting,) = house.rows("requests")
    assert run(house, "bob", PASSWORDS["bob"], "jitd", "approve", "--yes", waiting["id"])[0] == 0
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    os.close(terminal)
    (lease,) = house.rows("grants")
    assert lease["requester"] == "pam:alice" and lease["is_lease"] and lease["left"] == 8
    use = ("jitsudo", "id", "-u")
    assert run(house, "alice", PASSWORDS["alice"], *use)[0] == 0, "it is used during the outage"
    tell_kdcs(signal.SIGCONT)
    wait_for(lambda: run(house, "alice", PASSWORDS["alice"], "jitsudo", "-l")[0] == 119, what="that no local password counts")
    assert run(house, "alice", PASSWORDS["alice"], *use)[0] == 119, "and so does no lease of it"
    left = house.rows("grants")[0]["left"]
    own = house.run("alice", "jitsudo", "-n", "id", "-u")
    assert own.returncode != 0, "a ticket does not use it either: it is asked for anew"
    listed = house.run("alice", "jitsudo", "-l").stdout
    assert "it was given to pam:alice, who alone may use it" in listed
    assert house.rows("grants")[0]["left"] == left
    back = house.run("alice", "jitsudo", "-K")
    assert back.returncode == 0, back.stderr
    assert house.rows("grants") == []


OBSERVED = """
[[permit]]
name = "seen"
who = ["group:dba"]
commands = [["/usr/bin/sleep", "*"]]
approvals = [{ need = 1, from = ["group:ops"] }]
run = { observed = "required" }
without_kdc = "local"
"""


def test_who_watches_by_a_local_password_stops_what_they_see_by_ctrl_c(house: House) -> None:
    """THREATS A-18"""
    house.set_policy(OBSERVED)
    assert house.jitd("reload").returncode == 0
    asking = house.ask("alice", "sleep", "600")  # she has a ticket
    watch = ("jitd", "approve", "--yes", "--watch", asking.id)
    tell_kdcs(signal.SIGSTOP)
    said, terminal, pid = b"", -1, -1

    def watches() -> bool:
        nonlocal pid, terminal, said
        pid, terminal = typing(house, "bob", PASSWORDS["bob"], *watch)
        said = read_until(terminal, b"Ctrl-C stops it")
        if b"Ctrl-C stops it" in said:
            return True
        os.close(terminal)
        os.waitpid(pid, 0)
        return False

    wait_for(watches, what="a watcher by local PAM")
    wait_for(lambda: str(house.run_of(asking.id).state) == "running")
    assert house.run_of(asking.id).watchers == ("pam:bob",)
    os.write(terminal, b"\x03")
    said = read_until(terminal, b"is gone")
    assert b"is gone" in said, said
    os.waitpid(pid, 0)
    os.close(terminal)
    assert asking.end() != 0
    assert "its watcher stopped it" in house.run_of(asking.id).because
