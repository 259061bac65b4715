# SPDX-License-Identifier: Apache-2.0
"""A KDC that answers late, before which stands a relay, and KDCs that do not answer at all before one that does."""

import contextlib
import os
import pathlib
import re
import selectors
import signal
import socket
import subprocess
import sys
import threading

import pytest

from tests.pseudo_terminals import open_terminal
from tests.waiting import PATIENCE

TREE = pathlib.Path(__file__).resolve().parents[2]
WAITS = b"waiting for a KDC of "
CODE = f"""
import sys
sys.path[:] = {[str(TREE), *sys.path]!r}
from jitpam import client
client.own_host = lambda: "db1.example.test"
client.posix.geteuid = lambda: 1001
"""
JITSUDO = f"{CODE}\nfrom jitpam.jitsudo import main\nsys.argv = ['jitsudo', *sys.argv[1:]]\nmain()"
JITD = f"{CODE}\nfrom jitd.cli import main\nsys.argv = ['jitd', *sys.argv[1:]]\nraise SystemExit(main())"


class Relay:
    """A KDC at ``port`` of 127.0.0.1 that answers what the one at ``behind`` answers, but nothing before ``answers`` is set."""

    def __init__(self, behind):
        self._behind = "127.0.0.1", behind
        self.answers = threading.Event()
        self._datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._datagrams.bind(("127.0.0.1", 0))
        self.port = self._datagrams.getsockname()[1]
        self._streams = socket.create_server(("127.0.0.1", self.port))
        self._end, self._ends = os.pipe()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self):
        with selectors.DefaultSelector() as ready:
            for one in (self._datagrams, self._streams, self._end):
                ready.register(one, selectors.EVENT_READ)
            held = []
            while True:
                for key, _ in ready.select(0.05):
                    if key.fileobj == self._end:
                        return
                    if key.fileobj is self._datagrams:
                        held.append(self._datagrams.recvfrom(65536))
                    else:  # libkrb5 goes on with the answer to its datagram
                        self._streams.accept()[0].close()
                while held and self.answers.is_set():
                    self._pass_on(*held.pop())

    def _pass_on(self, asked, client):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as kdc, contextlib.suppress(TimeoutError):
            kdc.settimeout(PATIENCE)
            kdc.sendto(asked, self._behind)
            self._datagrams.sendto(kdc.recv(65536), client)

    def close(self):
        os.close(self._ends)
        self._thread.join()
        os.close(self._end)
        self._datagrams.close()
        self._streams.close()


@pytest.fixture
def relay(realm, cache, tmp_path, monkeypatch):
    realm.kinit(cache)
    made = Relay(realm.k5.portbase)
    configure(realm, tmp_path, monkeypatch, [f"127.0.0.1:{made.port}"])
    yield made
    made.close()


def configure(realm, tmp_path, monkeypatch, kdcs):
    text = pathlib.Path(realm.configuration).read_text()
    configuration = tmp_path / "krb5.conf"
    configuration.write_text(re.sub(r"kdc = 127\.0\.0\.1:\d+\n", "".join(f"kdc = {kdc}\n" for kdc in kdcs), text, count=1))
    monkeypatch.setenv("KRB5_CONFIG", str(configuration))
    monkeypatch.setenv("JITD_SOCKET", str(tmp_path / "no-daemon"))


class OnTerminal:
    """``code`` with ``words``, whose standard error is a terminal."""

    def __init__(self, code, *words):
        self._person, program = open_terminal((24, 200))
        line = [sys.executable, "-IS", "-c", code, *words]
        self.process = subprocess.Popen(line, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=program)
        os.close(program)
        self.said = b""

    def wait_until_said(self, text):
        while text not in self.said:
            try:
                self.said += os.read(self._person, 65536)
            except OSError:
                raise AssertionError(f"it has ended, and said {self.said!r}") from None

    def end(self):
        status = self.process.wait(PATIENCE)
        with contextlib.suppress(OSError):  # nobody has the program's side any more
            while more := os.read(self._person, 65536):
                self.said += more
        os.close(self._person)
        self.process.stdout.close()
        return status


@pytest.mark.parametrize(("code", "words"), [(JITSUDO, ["true"]), (JITD, ["grants"])], ids=["jitsudo", "jitd"])
def test_at_a_terminal_a_slow_kdc_is_waited_for_and_named(relay, code, words):
    one = OnTerminal(code, *words)
    one.wait_until_said(WAITS + b"EXAMPLE.TEST: no answer for 3 s")
    relay.answers.set()
    assert one.end() in (125, 4), one.said
    assert b"jitd cannot be reached" in one.said, "it got its ticket"
    assert one.said.count(WAITS) == 1


def test_who_wants_quiet_waits_as_long_and_is_told_nothing(relay):
    one = OnTerminal(JITSUDO, "--quiet", "true")
    loud = OnTerminal(JITSUDO, "true")
    loud.wait_until_said(WAITS)
    loud.process.kill()
    loud.end()
    relay.answers.set()
    assert one.end() == 125
    assert b"jitd cannot be reached" in one.said and WAITS not in one.said


@pytest.mark.parametrize(("code", "words"), [(JITSUDO, ["true"]), (JITD, ["grants"])], ids=["jitsudo", "jitd"])
def test_ctrl_c_ends_the_wait_for_a_kdc_at_once(relay, code, words):
    one = OnTerminal(code, *words)
    one.wait_until_said(WAITS)
    one.process.send_signal(signal.SIGINT)
    assert one.end() in (-signal.SIGINT, 130), one.said
    assert not relay.answers.is_set()


def test_without_a_terminal_the_wait_for_a_kdc_has_its_limit_and_says_it(relay):
    done = subprocess.run([sys.executable, "-IS", "-c", JITSUDO, "true"], capture_output=True, check=False, timeout=PATIENCE)
    assert done.returncode == 119
    assert b"the KDC did not answer within 3 s" in done.stderr and WAITS not in done.stderr


def test_kdcs_that_are_dead_stand_before_one_that_answers(realm, cache, tmp_path, monkeypatch):
    realm.kinit(cache)
    with contextlib.ExitStack() as at_end:
        dead = []
        for _ in range(4):
            one = at_end.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
            one.bind(("127.0.0.1", 0))
            dead.append(f"127.0.0.1:{one.getsockname()[1]}")
        configure(realm, tmp_path, monkeypatch, [*dead, f"127.0.0.1:{realm.k5.portbase}"])
        one = OnTerminal(JITSUDO, "true")
        assert one.end() == 125, one.said
        assert WAITS in one.said and b"jitd cannot be reached" in one.said
