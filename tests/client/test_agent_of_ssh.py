# SPDX-License-Identifier: Apache-2.0
"""The agent of ssh at a desk. The real one signs with each kind of key; one that lies, hangs or refuses gets nothing signed."""

from __future__ import annotations

import base64
import os
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jitd.audit import libcrypto
from jitd.audit.ssh_signatures import BadSignature, checked
from jitd.audit.sshsig import check_by_any
from jitd.cli import agent
from jitd.cli.agent import AgentFault, agent_keys, agent_sign
from jitd.core.ssh_keys import Strings, string
from tests import ssh_keys
from tests.waiting import wait_for

MESSAGE, SPACE = b"jitd receipt 1\nverdict approve\n", "jitd-receipt"
NOTHING = b"\5"  # SSH_AGENT_FAILURE


def unsaid(sentence: str) -> None:
    raise AssertionError(sentence)


def add(file: Path, *options: str, askpass: str = "/bin/true") -> None:
    env = {**os.environ, **ssh_keys.AS_ASKED, "SSH_ASKPASS": askpass}
    done = subprocess.run(["ssh-add", *options, str(file)], env=env, capture_output=True, check=False, stdin=subprocess.DEVNULL)
    assert done.returncode == 0, done.stderr


@contextmanager
def ssh_agent(where: Path, askpass: str = "/bin/true") -> Iterator[None]:
    """The real agent, which asks people by ``askpass``. Within, it is the person's."""
    place = where / "agent"
    words = ["ssh-agent", "-D", "-a", str(place), "-P", str(ssh_keys.AUTHENTICATOR.parent / "*")]
    env = {**os.environ, **ssh_keys.AS_ASKED, "SSH_ASKPASS": askpass}
    running = subprocess.Popen(words, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def is_heard() -> bool:
        with socket.socket(socket.AF_UNIX) as one:
            return place.is_socket() and one.connect_ex(str(place)) == 0

    try:
        wait_for(is_heard)
        with pytest.MonkeyPatch.context() as patched:
            patched.setenv("SSH_AUTH_SOCK", str(place))
            yield
    finally:
        running.terminate()
        running.wait(10)
        place.unlink(missing_ok=True)


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    where = tmp_path_factory.mktemp("keys")
    return lambda kind: ssh_keys.make(where, kind)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the person's agent is."""
    monkeypatch.setenv("SSH_AUTH_SOCK", str(tmp_path / "agent"))
    return tmp_path / "agent"


def assert_nothing_is_signed(key: agent.PublicKey, *words: str) -> None:
    told: list[str] = []
    with pytest.raises(AgentFault) as refused:
        agent_sign(key, SPACE, MESSAGE, say=told.append)
    assert str(refused.value).isprintable() and all(word in str(refused.value) for word in words), refused.value


@pytest.mark.parametrize("kind", ssh_keys.EACH)
def test_an_agent_signs_with_each_kind_of_key_and_ssh_keygen_takes_it(
    tmp_path: Path, keys: Callable[[str], Path], kind: str
) -> None:
    key, told = ssh_keys.public(keys(kind)), list[str]()
    with ssh_agent(tmp_path):
        add(keys(kind))
        assert [one for one, _ in agent_keys()] == [key]
        armored = agent_sign(key, SPACE, MESSAGE, say=told.append)
    checked = check_by_any(SPACE, MESSAGE, armored)
    assert checked.key == key and checked.flags == (ssh_keys.HARDWARE[kind][1] if kind in ssh_keys.HARDWARE else None)
    assert ssh_keys.verifies(tmp_path, f"bob@R {key.line}\n", "bob@R", SPACE, MESSAGE, armored)
    assert [key.fingerprint in one and one.startswith("touch your key") for one in told] == [True] * key.is_in_hardware


@pytest.mark.parametrize("kind", ["ed25519", "ed25519-sk"])
@pytest.mark.parametrize(("askpass", "is_signed"), [("/bin/true", True), ("/bin/false", False)])
def test_a_key_that_is_asked_about_signs_if_somebody_says_yes(
    tmp_path: Path, keys: Callable[[str], Path], kind: str, askpass: str, is_signed: bool
) -> None:
    """`ssh-add -c`. A key of an authenticator with it is asked about in the same way."""
    key = ssh_keys.public(keys(kind))
    with ssh_agent(tmp_path, askpass):
        add(keys(kind), "-c")
        if is_signed:
            assert check_by_any(SPACE, MESSAGE, agent_sign(key, SPACE, MESSAGE, say=lambda _: None)).key == key
        else:
            assert_nothing_is_signed(key, key.fingerprint, "somebody said no", "Nothing was signed")


def test_a_key_that_is_bound_to_another_host_signs_nothing(tmp_path: Path, keys: Callable[[str], Path]) -> None:
    """`ssh-add -h`: it serves to log in there, and for nothing else."""
    key = ssh_keys.public(keys("ed25519"))
    (tmp_path / "known").write_text(f"web1 {ssh_keys.public(keys('rsa-2048')).line}\n", "ascii")
    with ssh_agent(tmp_path):
        add(keys("ed25519"), "-H", str(tmp_path / "known"), "-h", "web1")
        assert [one for one, _ in agent_keys()] == [key]
        assert_nothing_is_signed(key, key.fingerprint, "ssh-add has bound it to another use")


def test_a_key_with_a_passphrase_signs_once_it_is_added(tmp_path: Path) -> None:
    (tmp_path / "said").write_text("#!/bin/sh\necho correct horse\n", "ascii")
    (tmp_path / "said").chmod(0o700)
    file = ssh_keys.make(tmp_path, "ed25519", passphrase="correct horse")
    key = ssh_keys.public(file)
    with ssh_agent(tmp_path):
        assert agent_keys() == []
        assert_nothing_is_signed(key, key.fingerprint)
        add(file, askpass=str(tmp_path / "said"))
        assert check_by_any(SPACE, MESSAGE, agent_sign(key, SPACE, MESSAGE, say=unsaid)).key == key


def test_a_locked_agent_has_no_key(tmp_path: Path, keys: Callable[[str], Path]) -> None:
    key = ssh_keys.public(keys("ed25519"))
    with ssh_agent(tmp_path):
        add(keys("ed25519"))
        lock = b"\x16" + string(b"secret")  # SSH_AGENTC_LOCK, which ssh-add sends for a terminal alone
        with socket.socket(socket.AF_UNIX) as one:
            one.connect(os.environ["SSH_AUTH_SOCK"])
            one.sendall(string(lock))
            assert one.recv(5) == string(b"\6")
        assert agent_keys() == []
        assert_nothing_is_signed(key, key.fingerprint, "ssh-add -c, -h, -x")


def test_a_certificate_of_an_agent_is_passed_over(tmp_path: Path, keys: Callable[[str], Path]) -> None:
    file = ssh_keys.make(tmp_path, "ed25519")
    ssh_keys.keygen("-q", "-s", str(keys("ed25519")), "-I", "bob", "-n", "bob", str(file.with_suffix(".pub")), cwd=tmp_path)
    with ssh_agent(tmp_path):
        add(file)
        listed = subprocess.run(["ssh-add", "-L"], capture_output=True, check=True).stdout
        assert listed.count(b"\n") == 2 and [key for key, _ in agent_keys()] == [ssh_keys.public(file)]


def test_a_passkey_of_an_agent_is_passed_over(place: Path, keys: Callable[[str], Path]) -> None:
    """It signs what a page asks for: what an agent signs with it is no approval."""
    blobs = [ssh_keys.public(keys(kind)).blob for kind in ("passkey", "ecdsa-sk")]
    listed = b"\x0c" + len(blobs).to_bytes(4, "big") + b"".join(string(blob) + string(b"") for blob in blobs)
    with answering(place, lambda _: string(listed)):
        assert [key.blob for key, _ in agent_keys()] == blobs[1:]


@contextmanager
def answering(place: Path, answer: Callable[[bytes], bytes | None]) -> Iterator[None]:
    """An agent that says what ``answer`` returns to a message, as it is on the wire. It says nothing more for None."""
    listening, held = socket.socket(socket.AF_UNIX), list[socket.socket]()
    listening.bind(str(place))
    listening.listen()

    def serve() -> None:
        with suppress(OSError):
            while True:
                one, _ = listening.accept()
                size = int.from_bytes(one.recv(4, socket.MSG_WAITALL), "big")
                said = answer(one.recv(size, socket.MSG_WAITALL))
                held.append(one)
                if said is not None:
                    one.sendall(said)
                    one.close()

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield
    finally:
        listening.shutdown(socket.SHUT_RDWR)
        thread.join()
        for one in (listening, *held):
            one.close()
        place.unlink()


def signed_by(file: Path, message: bytes, namespace: str = SPACE, digest: str = "sha256") -> bytes:
    """The signature by the key of ``file``, as an agent returns it."""
    text = ssh_keys.sign(file, namespace, message, digest)
    parts = Strings(base64.b64decode("".join(text.split("\n")[1:-2])))
    parts.take(10)
    return [parts.string() for _ in range(5)][-1]


def test_an_agent_that_lies_gets_nothing_signed(place: Path, keys: Callable[[str], Path]) -> None:
    """THREATS A-29. Each answer is one that a good agent gives to another question, or a part of the right one."""
    key = ssh_keys.public(keys("ed25519"))
    good = signed_by(keys("ed25519"), MESSAGE)
    lies = {
        "another key": signed_by(keys("ecdsa-256"), MESSAGE),
        "another key of this kind": signed_by(ssh_keys.make(place.parent, "ed25519"), MESSAGE),
        "another text": signed_by(keys("ed25519"), MESSAGE + b"\n"),
        "another namespace": signed_by(keys("ed25519"), MESSAGE, "git"),
        "another digest": signed_by(keys("ed25519"), MESSAGE, "sha512"),
        "a touch that nobody asked for": good + b"\1\0\0\0\1",
        "a cut signature": good[:-1],
        "a longer one": good + b"\0",
        "none": b"",
    }
    with answering(place, lambda asked: string(b"\x0e" + string(good))):
        assert check_by_any(SPACE, MESSAGE, agent_sign(key, SPACE, MESSAGE, say=unsaid)).key == key
    for lie, signature in lies.items():
        with answering(place, lambda asked, said=signature: string(b"\x0e" + string(said))):
            assert_nothing_is_signed(key, key.fingerprint, "it is not used")
        assert lie


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b"", "closed the connection"),
        (b"\0\0\0", "closed the connection"),
        (b"\0\0\0\2\x0e", "closed the connection"),
        (b"\0\0\0\0", "not of its protocol"),
        ((agent.MOST + 1).to_bytes(4, "big") + b"\x0e", "not of its protocol"),
        (b"\xff" * 4, "not of its protocol"),
        (string(b"\x0e"), "not of its protocol"),
        (string(b"\x0c" + b"\0\0\0\1"), "not of its protocol"),
        (string(b"\x0e" + string(b"x") + b"\0"), "not of its protocol"),
        (string(b"\x0c" + b"\0\0\0\0\0"), "not of its protocol"),
        (string(b"\x0c" + (agent.MOST_KEYS + 1).to_bytes(4, "big") + string(b"") * 2 * (agent.MOST_KEYS + 1)), "of its protocol"),
        (string(NOTHING), ""),
        (string(b"\xff"), ""),
    ],
)
def test_an_answer_that_is_none_is_told_and_nothing_is_signed(
    place: Path, keys: Callable[[str], Path], answer: bytes, words: str
) -> None:
    """THREATS A-29."""
    key = ssh_keys.public(keys("ed25519"))
    with answering(place, lambda _: answer):
        assert_nothing_is_signed(key, words if answer[4:5] != b"\x0c" else "")
        with pytest.raises(AgentFault, match=(words if answer[4:5] != b"\x0e" else "") or None):
            agent_keys()


def test_an_agent_that_says_nothing_is_left_after_a_time(
    place: Path, keys: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """THREATS A-29. Nor does one byte now and then make it longer."""
    monkeypatch.setattr(agent, "SIGNED_WITHIN", 1)
    monkeypatch.setattr(agent, "LISTED_WITHIN", 1)
    for said in (None, b"\0"):
        with answering(place, lambda _: None) if said is None else dripping(place):
            assert_nothing_is_signed(ssh_keys.public(keys("ed25519")), "did not answer within 1 s", "Nothing was signed")
            with pytest.raises(AgentFault, match="did not answer within 1 s"):
                agent_keys()


@contextmanager
def dripping(place: Path) -> Iterator[None]:
    """An agent that sends byte after byte of a long answer, for three seconds, and never the last."""
    done = threading.Event()

    def drip(one: socket.socket) -> None:
        with one, suppress(OSError):
            for byte in string(b"\x0e" * 100_000)[:60]:
                one.send(bytes([byte]))
                if done.wait(0.05):
                    return

    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(place))
        listening.listen()
        threads = []

        def accept() -> None:
            with suppress(OSError):
                while True:
                    one, _ = listening.accept()
                    threads.append(threading.Thread(target=drip, args=[one]))
                    threads[-1].start()

        accepting = threading.Thread(target=accept)
        accepting.start()
        try:
            yield
        finally:
            done.set()
            listening.shutdown(socket.SHUT_RDWR)
            for thread in (accepting, *threads):
                thread.join()
            place.unlink()


def test_an_agent_that_is_not_there_or_full_is_told_with_what_to_do(
    place: Path, keys: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """THREATS A-29."""
    monkeypatch.setattr(agent, "LISTED_WITHIN", 1)
    key = ssh_keys.public(keys("ed25519"))
    assert_nothing_is_signed(key, "No such file or directory", "Is ssh-agent running?")
    place.write_text("no socket")
    assert_nothing_is_signed(key, "Connection refused")
    place.unlink()
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(place))
        assert_nothing_is_signed(key, "Connection refused")
        listening.listen(0)
        others = []
        with suppress(BlockingIOError):
            while True:
                others.append(socket.socket(socket.AF_UNIX))
                others[-1].setblocking(False)
                others[-1].connect(str(place))
        assert_nothing_is_signed(key, "has too many others to answer")
        for one in others:
            one.close()
    monkeypatch.setenv("SSH_AUTH_SOCK", f"/{'x' * 200}")
    assert_nothing_is_signed(key, "too long")
    for unset in (lambda: monkeypatch.setenv("SSH_AUTH_SOCK", ""), lambda: monkeypatch.delenv("SSH_AUTH_SOCK")):
        unset()
        assert_nothing_is_signed(key, "SSH_AUTH_SOCK is not set", "add the key with ssh-add")
        with pytest.raises(AgentFault):
            agent_keys()


def test_without_libcrypto_nothing_is_signed(place: Path, keys: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(libcrypto, "library", lambda: None)
    assert_nothing_is_signed(ssh_keys.public(keys("ed25519")), "no libcrypto")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
@given(answer=st.binary(max_size=200), is_framed=st.booleans(), kind=st.sampled_from([b"", b"\x0c", b"\x0e"]))
def test_no_answer_makes_the_reader_fail_otherwise(
    place: Path, keys: Callable[[str], Path], answer: bytes, is_framed: bool, kind: bytes
) -> None:
    """THREATS A-29."""
    with answering(place, lambda _: string(kind + answer) if is_framed else answer):
        assert_nothing_is_signed(ssh_keys.public(keys("ed25519")))
        with suppress(AgentFault):
            agent_keys()


@pytest.mark.parametrize("kind", ssh_keys.EACH)
def test_a_desk_and_a_host_take_the_same_signatures(keys: Callable[[str], Path], kind: str) -> None:
    """The one checks by libcrypto, the other by cryptography."""

    def takes(armored: str, by: Callable[[str, bytes, str], object]) -> bool:
        with suppress(BadSignature):
            by(SPACE, MESSAGE, armored)
            return True
        return False

    def at_desk(namespace: str, message: bytes, armored: str) -> object:
        return checked(namespace, message, armored, "sha256", libcrypto.is_good)

    armored = ssh_keys.sign(keys(kind), SPACE, MESSAGE)
    blob = base64.b64decode("".join(armored.split("\n")[1:-2]))
    assert takes(armored, at_desk) and takes(armored, check_by_any)
    key = ssh_keys.public(keys(kind))
    at_key = blob.index(key.blob)
    for at in range(len(blob)):
        changed = blob[:at] + bytes([blob[at] ^ 0x10]) + blob[at + 1 :]
        text = base64.b64encode(changed).decode("ascii")
        lines = "\n".join(text[n : n + 70] for n in range(0, len(text), 70))
        other = f"-----BEGIN SSH SIGNATURE-----\n{lines}\n-----END SSH SIGNATURE-----\n"
        assert takes(other, at_desk) is takes(other, check_by_any) is False, at - at_key
