# SPDX-License-Identifier: Apache-2.0
"""The client's half of a local password: for whom it is asked, and which faults of Kerberos it stands in for."""

from __future__ import annotations

import os
import socket
import tempfile
import threading
from pathlib import Path

import pytest

from jitpam import local_proof
from jitpam.client import NotAuthenticated
from jitpam.local_proof import CAUSES, ByPassword, begin_instead
from jitpam.wire.coding import encode
from jitpam.wire.framing import frame
from jitpam.wire.messages import NONCE_LENGTH, VERSION, DaemonHello, Prove
from tests.waiting import PATIENCE

LACK = NotAuthenticated("kdc down", "no KDC of realm EXAMPLE.TEST can be reached")
NOBODY = 65534


def offer(listener: socket.socket, heard: list[bytes]) -> None:
    """Speak to one client as jitd would, and note what comes for the password."""
    peer, _ = listener.accept()
    with peer:
        if peer.recv(4096):
            peer.sendall(frame(encode(DaemonHello(version=VERSION, nonce=bytes(NONCE_LENGTH)))))
            ours, theirs = socket.socketpair()
            socket.send_fds(peer, [frame(encode(Prove(account="alice", n_left=5)))], [theirs.fileno()])
            theirs.close()
            heard.append(ours.recv(512))


def said_to_an_impostor(where: str) -> str:
    """What somebody is told at whose socket another account than root answers."""
    path = str(Path(where, "jitd.sock"))
    os.environ["JITD_SOCKET"] = path
    heard: list[bytes] = []
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen()
        one = threading.Thread(target=offer, args=(listener, heard), daemon=True)
        one.start()
        try:
            begin_instead(LACK)
        except NotAuthenticated as no:
            one.join(PATIENCE)
            return f"{no is LACK} {no.__cause__} {heard}"
    return "asked"


def test_nothing_is_asked_for_a_daemon_that_is_not_root() -> None:
    """THREATS K-23."""
    reading, writing = os.pipe()
    if os.fork() == 0:
        try:
            if os.geteuid() == 0:
                os.setgroups([])
                os.setgid(NOBODY)
                os.setuid(NOBODY)
            os.write(writing, said_to_an_impostor(tempfile.mkdtemp(dir="/tmp")).encode())
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        said = pipe.read().decode()
    assert said.startswith("True ") and "jitd runs as root" in said and said.endswith(" []"), said


@pytest.mark.parametrize("cause", ["realm", "revoked", "skew", "cache", "service"])
def test_other_faults_of_kerberos_stay_what_they_are(cause: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    monkeypatch.setattr(ByPassword, "open", lambda *_: pytest.fail("nothing is to be opened"))
    lack = NotAuthenticated(cause, "some fault")
    assert cause not in CAUSES
    with pytest.raises(NotAuthenticated) as no:
        begin_instead(lack)
    assert no.value is lack


def test_a_process_that_may_ask_nothing_opens_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    monkeypatch.setattr(local_proof, "_asks", False)
    monkeypatch.setattr(ByPassword, "open", lambda *_: pytest.fail("nothing is to be opened"))
    with pytest.raises(NotAuthenticated) as no:
        begin_instead(LACK)
    assert no.value is LACK


class Idle(ByPassword):
    """A connection on which a question can be asked, whatever was asked."""

    def __init__(self) -> None:
        super().__init__("/nowhere", "jitsudo")

    @property
    def is_idle(self) -> bool:
        return True


@pytest.fixture
def kept(monkeypatch: pytest.MonkeyPatch) -> list[ByPassword]:
    """What this process has kept: two connections; and a client that has no ticket."""
    made: list[ByPassword] = [Idle(), Idle()]

    def no_ticket(*, with_ticket: bool, news: object, is_patient: bool = False) -> None:
        raise LACK

    monkeypatch.setattr(local_proof, "_kept", made)
    monkeypatch.setattr("jitpam.client.connect", no_ticket)
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    return made


def in_threads(n_threads: int) -> list[object]:
    """What ``n_threads`` threads get that ask for a connection and close it only when all of them have asked."""
    got: list[object] = []
    all_there = threading.Barrier(n_threads)

    def take() -> None:
        try:
            mine = local_proof.connect()
        except NotAuthenticated as no:
            got.append(no)
            all_there.wait(PATIENCE)
            return
        got.append(mine)
        all_there.wait(PATIENCE)
        mine.close()

    threads = [threading.Thread(target=take) for _ in range(n_threads)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    return got


def test_a_connection_that_is_kept_belongs_to_one_thread_until_it_is_closed(kept: list[ByPassword]) -> None:
    got = in_threads(5)
    assert {one for one in got if isinstance(one, ByPassword)} == set(kept) and got.count(LACK) == 3, "none is shared"
    mine = local_proof.connect()
    assert local_proof.connect() is mine, "a verb within a verb"
    mine.close()
    assert mine not in in_threads(1), "it is in use still"
    mine.close()
    assert all(not one.holders for one in kept)


def test_only_the_first_thread_asks_for_a_password(kept: list[ByPassword], monkeypatch: pytest.MonkeyPatch) -> None:
    kept.clear()
    monkeypatch.setattr(ByPassword, "open", lambda *_: pytest.fail("nothing is to be opened"))
    assert in_threads(1) == [LACK]


def test_a_connection_that_has_ended_is_kept_no_longer(kept: list[ByPassword], monkeypatch: pytest.MonkeyPatch) -> None:
    mine = local_proof.connect()
    monkeypatch.setattr(Idle, "is_idle", False)
    mine.close()
    assert mine not in kept
