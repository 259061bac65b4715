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
            one.join(10)
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
    assert said.startswith("True ") and "jitd is root" in said and said.endswith(" []"), said


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
