# SPDX-License-Identifier: Apache-2.0
"""Whether no KDC can be reached: two looks that fail within 30 s, and nothing less."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from jitd.kdc import reach
from jitd.kdc.reach import APART, FRESH_FOR, WITHIN, Reach, is_unanswered
from tests.waiting import PATIENCE


class Clock:
    """A clock that stands still between looks, and the answers of the looks: True if all KDCs were silent."""

    def __init__(self, *fail: bool) -> None:
        self.now = 1000.0
        self.n_looks = 0
        self.reach = Reach(lambda: self.look(), lambda: self.now, self.pause)
        self._fail = list(fail)

    def look(self) -> bool:
        self.n_looks += 1
        return self._fail.pop(0)

    def pause(self, seconds: float) -> None:
        self.now += seconds


@pytest.mark.parametrize(("fail", "is_unreachable"), [((True, True), True), ((False,), False), ((True, False), False)])
def test_two_looks_have_to_fail_one_after_the_other(fail: tuple[bool, ...], is_unreachable: bool) -> None:
    """THREATS K-22."""
    clock = Clock(*fail)
    assert clock.reach.is_unreachable() is is_unreachable and clock.n_looks == len(fail)


def test_who_asks_at_the_same_time_has_the_same_answer_and_no_further_look_is_made() -> None:
    clock = Clock(True, True, False)
    assert clock.reach.is_unreachable() and clock.reach.is_unreachable() and clock.n_looks == 2
    clock.now += FRESH_FOR
    assert not clock.reach.is_unreachable(), "any answer ends it"


def test_one_failure_later_than_30_seconds_is_not_enough() -> None:
    """THREATS K-22."""
    clock = Clock(True, True, True, False)
    assert clock.reach.is_unreachable()
    clock.now += WITHIN + APART
    assert not clock.reach.is_unreachable() and clock.n_looks == 4, "the first look is too old, and a second one is answered"


def test_a_host_that_was_suspended_between_two_looks_has_made_one_of_them_too_early() -> None:
    """THREATS K-22."""
    clock = Clock(True, True)
    clock.reach = Reach(clock.look, lambda: clock.now, lambda seconds: clock.pause(WITHIN + seconds))
    assert not clock.reach.is_unreachable() and clock.n_looks == 2


def test_one_failure_more_within_30_seconds_is_enough() -> None:
    clock = Clock(True, True, True)
    assert clock.reach.is_unreachable()
    clock.now += WITHIN / 2
    assert clock.reach.is_unreachable() and clock.n_looks == 3


PLACE = """
import os, socket, subprocess, sys, threading
sys.path.insert(0, {tree!r})
from jitd.kdc import reach
from jitd.kdc.reach import is_unanswered
PATIENT = "import jitd.kdc.reaching as r; r.RESOLVING = 60.0; r.look.__defaults__ = ({patience},); raise"
reach.LONGEST, reach.PROGRAM = 100.0, reach.PROGRAM.replace("raise", PATIENT)
subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
PORT, UDP, TCP = 20088, socket.SOCK_DGRAM, socket.SOCK_STREAM

def bound(kind, host="127.0.0.1", port=PORT):
    made = socket.socket(socket.AF_INET, kind)
    made.bind((host, port))
    if kind == TCP and port == PORT:
        made.listen()
    return made

def silent(host):
    return bound(UDP, host), bound(TCP, host)

def live(host, reply=b"~any", later=0.0):
    udp, tcp = silent(host)
    def serve():
        asked, who = udp.recvfrom(4096)
        threading.Event().wait(later)
        udp.sendto(reply, who)
    threading.Thread(target=serve, daemon=True).start()
    return udp, tcp

def kdcs(*names):
    with open("/tmp/krb5.conf", "w") as conf:
        lines = "".join(f"kdc = {{name}}\\n" for name in names)
        conf.write("[libdefaults]\\ndns_lookup_kdc = false\\n[realms]\\nR.TEST = {{\\n" + lines + "}}\\n")
    os.environ["KRB5_CONFIG"] = "/tmp/krb5.conf"

def look():
    return is_unanswered("R.TEST", "jitd/host.test@R.TEST")

def named(*addresses):
    with open("/tmp/hosts", "w") as hosts:
        hosts.write("".join(f"{{a}} kdcs.test\\n" for a in addresses))
    subprocess.run(["mount", "--bind", "/tmp/hosts", "/etc/hosts"], check=True)

subprocess.run(["mount", "-t", "tmpfs", "none", "/tmp"], check=True)
{body}
"""


def is_unanswered_where(body: str) -> bool:
    """Run ``body`` in a network of its own, and return what it says: ``print(look())``. A KDC that answers has time to."""
    patience = 60.0 if "live(" in body else 3.0
    script = PLACE.format(tree=str(Path(__file__).resolve().parents[2]), body=body, patience=patience)
    done = subprocess.run(
        ["unshare", "-rnm", sys.executable, "-c", script], capture_output=True, text=True, timeout=2 * PATIENCE, check=False
    )
    assert done.returncode == 0, done.stderr
    return {"True": True, "False": False}[done.stdout.strip()]


FIVE = "named(*[f'127.0.0.{n}' for n in range(1, 7)]); held = [silent(f'127.0.0.{n}') for n in range(1, 6)]\n"
NO_PORTS = """open('/proc/sys/net/ipv4/ip_local_port_range', 'w').write('30000 30003')
taken = [bound(kind, '0.0.0.0', port) for kind in (UDP, TCP) for port in range(30000, 30004)]
"""


@pytest.mark.parametrize(
    ("network", "is_unanswered"),
    [
        ("held = silent('127.0.0.1'); kdcs('127.0.0.1:20088')", True),
        ("kdcs('127.0.0.1:20088')", True),
        ("kdcs('192.0.2.1')", True),
        ("held = live('127.0.0.1'); kdcs('127.0.0.1:20088')", False),
        ("held = live('127.0.0.1', later=2); kdcs('127.0.0.1:20088')", False),
        (FIVE + "held += silent('127.0.0.6'); kdcs('kdcs.test:20088')", True),
        (FIVE + "held += live('127.0.0.6'); kdcs('kdcs.test:20088')", False),
        (NO_PORTS + "held = live('127.0.0.1'); kdcs('127.0.0.1:20088')", False),
        (NO_PORTS + "held = silent('127.0.0.1'); kdcs('127.0.0.1:20088')", False),
        ("held = silent('127.0.0.1'); kdcs('127.0.0.1:20088', 'no-such-name.test')", False),
        ("held = silent('127.0.0.1'); kdcs('127.0.0.1:20088', 'https://kdcs.test/KdcProxy')", False),
        ("kdcs()", False),
    ],
    ids=[
        "silent", "refused", "no way there", "answers", "answers late", "six silent", "the sixth answers",
        "no free port, and a KDC that answers", "no free port", "a name that is not found", "a proxy", "none is named",
    ],
)  # fmt: skip
def test_only_what_the_network_leaves_unanswered_counts_and_no_local_fault(network: str, is_unanswered: bool) -> None:
    """THREATS K-22."""
    assert is_unanswered_where(network + "\nprint(look())") is is_unanswered


@pytest.mark.parametrize(
    "program",
    [
        reach.PROGRAM.replace("jitd.kdc", "jitd.gone"),
        reach.PROGRAM.replace("from ", "raise MemoryError; from "),
        "raise SystemExit('no')",
    ],
    ids=["its package is being replaced", "no memory is left", "a status of Python itself"],
)
def test_a_look_that_ends_by_a_fault_of_its_own_proves_nothing(program: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """THREATS K-22. Python ends with status 1 after any exception that nothing catches."""
    monkeypatch.setattr(reach, "PROGRAM", program)
    assert not is_unanswered("R.TEST", "jitd/host.test@R.TEST")
