# SPDX-License-Identifier: Apache-2.0
"""jitd-outside, as a child of this process, against real servers that behave well, badly and not at all."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from http_message_signatures import HTTPMessageVerifier
from http_message_signatures.algorithms import ED25519, HMAC_SHA256
from http_message_signatures.exceptions import InvalidSignature
from http_message_signatures.resolvers import MappingKeyResolver

from jitd.beside.answering import NoAnswer
from jitd_outsiders.outside import client
from jitd_outsiders.outside.client import Failed, Outside, child_connector
from jitd_outsiders.outside.fetching import fetch
from jitd_outsiders.outside.keys import Keys
from jitd_outsiders.outside.messages import MOST_BODY, Fetch, Fetched
from tests.beside.children import of_account
from tests.outside.server import LOOPBACK, Asked, Authority, Deed, Server, reply, says, serving
from tests.waiting import is_living, status_of, wait_for

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root starts a process under another account")
SECRET = b"0123456789abcdef0123456789abcdef"
LONG = 20_000
"""Milliseconds: no test waits for them."""


@dataclass
class Stage:
    """``outside`` is asked in ``loop``; ``good`` and ``other`` are authorities, of which ``good`` is the one that is asked by."""

    loop: asyncio.AbstractEventLoop
    outside: Outside
    connector: object
    good: Authority
    other: Authority
    signing: Ed25519PrivateKey

    def fetch(self, question: Fetch) -> Fetched | Failed:
        return self.loop.run_until_complete(self.outside.fetch(question))

    def question(self, server: Server, **more: object) -> Fetch:
        made = Fetch("POST", server.url(), b'{"version":1}', LONG, addresses=LOOPBACK, ca=self.good.pem)
        return replace(made, **more)  # type: ignore[arg-type]

    @property
    def pid(self) -> int:
        pid = getattr(self.connector, "pid", None)
        assert isinstance(pid, int)
        return pid


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    good, other, signing = Authority(), Authority("another"), Ed25519PrivateKey.generate()
    keys = tmp_path_factory.mktemp("keys")
    private = signing.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    files = {"client.pem": good.issue("db1.example.org"), "shared.key": SECRET + b"\n", "own.pem": private, "short.key": b"abc"}
    for name, content in files.items():
        (keys / name).write_bytes(content)
        (keys / name).chmod(0o600)
    connector = of_account("nobody", child_connector({name: keys / name for name in [*files, "not-there.key"]}))
    loop = asyncio.new_event_loop()
    outside = Outside(connector)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(client, "MORE", 60.0)  # on a busy host the process may be late
        yield Stage(loop, outside, connector, good, other, signing)
    loop.run_until_complete(close(outside))
    loop.close()


async def close(outside: Outside) -> None:
    outside.close()


@pytest.fixture
def server(stage: Stage, tmp_path: Path) -> Iterator[Server]:
    with serving(stage.good.issue("localhost"), tmp_path) as found:
        yield found


def why(said: Fetched | Failed) -> str:
    assert isinstance(said, Failed), said
    return said.why


# --- what is sent


def test_a_question_arrives_whole_and_its_answer_comes_back(stage: Stage, server: Server) -> None:
    server.deed = says(reply(b'{"a":1}', 201, Location="/x", Retry_After="3", Set_Cookie="a=b", X_More="y"))
    said = stage.fetch(stage.question(server, url=server.url("/jit?x=1"), body=b"\x00" * MOST_BODY))
    headers = (("content-type", "application/json"), ("location", "/x"), ("retry-after", "3"))
    assert said == Fetched(201, headers, b'{"a":1}')
    (asked,) = server.asked
    assert (asked.method, asked.target, asked.body) == ("POST", "/jit?x=1", b"\x00" * MOST_BODY)
    assert asked.headers == {
        "host": f"localhost:{server.port}", "accept": "application/json", "accept-encoding": "identity", "user-agent": "jitd",
        "connection": "close", "content-type": "application/json", "content-length": str(MOST_BODY),
    }  # fmt: skip


def test_a_get_has_no_body(stage: Stage, server: Server) -> None:
    assert isinstance(stage.fetch(stage.question(server, method="GET", body=b"")), Fetched)
    assert server.asked[0].method == "GET" and "content-length" not in server.asked[0].headers


def test_a_client_certificate_is_shown_to_a_server_that_wants_one(stage: Stage, tmp_path: Path) -> None:
    with serving(stage.good.issue("localhost"), tmp_path, clients=stage.good.pem) as server:
        assert isinstance(stage.fetch(stage.question(server)), Failed)
        assert server.asked == []
        assert isinstance(stage.fetch(stage.question(server, certificate="client.pem")), Fetched)
        assert [asked.peer for asked in server.asked] == ["db1.example.org"]


@dataclass
class Message:
    method: str
    url: str
    headers: dict[str, str]


def verified(stage: Stage, server: Server, asked: Asked, algorithm: type[ED25519] | type[HMAC_SHA256]) -> dict[str, int | str]:
    public = stage.signing.public_key() if algorithm is ED25519 else SECRET
    keys = MappingKeyResolver(public_keys={"db1": public}, private_keys={})
    verifier = HTTPMessageVerifier(signature_algorithm=algorithm, key_resolver=keys)
    message = Message(asked.method, server.url(asked.target), asked.headers)
    (found,) = verifier.verify(message, body=asked.body, require_components=("@method", "@target-uri", "content-type"))
    return found.parameters


@pytest.mark.parametrize(("secret", "algorithm"), [("own.pem", ED25519), ("shared.key", HMAC_SHA256)])
@pytest.mark.parametrize("method", ["POST", "GET"])
def test_a_question_is_signed_with_its_time_and_the_digest_of_its_body(
    stage: Stage, server: Server, secret: str, algorithm: type[ED25519] | type[HMAC_SHA256], method: str
) -> None:
    body = b'{"x":1}' if method == "POST" else b""
    before = int(time.time())
    stage.fetch(stage.question(server, method=method, body=body, secret=secret, key_id="db1", url=server.url("/a?b=c")))
    (asked,) = server.asked
    parameters = verified(stage, server, asked, algorithm)
    assert before <= int(parameters["created"]) <= time.time() and parameters["tag"] == "jitd"
    for change in ({"body": body + b" "}, {"target": "/a?b=d"}, {"method": "PUT"}):
        with pytest.raises(InvalidSignature):
            verified(stage, server, replace(asked, **change), algorithm)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("change", "because"),
    [
        ({"secret": "nobody.key"}, "was not given nobody.key: put the file into /etc/jitd/outside"),
        ({"secret": "not-there.key"}, "was not given not-there.key"),
        ({"certificate": "nobody.pem"}, "was not given nobody.pem"),
        ({"secret": "short.key"}, "shorter than 32 bytes"),
        ({"secret": "client.pem"}, "not an Ed25519 private key"),
        ({"certificate": "shared.key"}, "not a certificate with its key"),
    ],
)
def test_without_its_key_nothing_is_sent(stage: Stage, server: Server, change: dict[str, str], because: str) -> None:
    assert because in why(stage.fetch(stage.question(server, **change, key_id="db1")))
    assert server.asked == []


def test_a_unix_socket_is_asked_without_tls(stage: Stage, tmp_path: Path) -> None:
    place = Path(f"/tmp/jitd-test-{os.getpid()}.sock")
    place.unlink(missing_ok=True)
    try:
        with serving(None, tmp_path, at=str(place)) as server:
            said = stage.fetch(Fetch("POST", "http://localhost/v1/data/jit/allow", b"{}", LONG, socket=str(place)))
            assert isinstance(said, Fetched) and server.asked[0].target == "/v1/data/jit/allow"
    finally:
        place.unlink(missing_ok=True)
    gone = Fetch("POST", "http://localhost/", b"{}", LONG, socket=str(place))
    assert "cannot be reached: No such file or directory" in why(stage.fetch(gone))


# --- to whom


def test_without_a_list_nobody_on_this_host_is_connected_to(stage: Stage, server: Server) -> None:
    """THREATS E-01"""
    for host in ("localhost", "127.0.0.1", "[::1]", "[::ffff:127.0.0.1]", "127.1", "2130706433", "0x7f.1"):
        said = stage.fetch(stage.question(server, url=server.url(host=host), addresses=()))
        assert "not a public address" in why(said) or "cannot be reached" in why(said), host
    assert server.n_so_far() == 0


def test_with_a_list_nobody_else_is_connected_to(stage: Stage, server: Server) -> None:
    """THREATS E-01"""
    said = stage.fetch(stage.question(server, addresses=("10.1.2.0/24",)))
    assert "leads to " in why(said) and ", which is not in addresses (10.1.2.0/24)" in why(said)  # of 127.0.0.1 or ::1
    assert server.n_so_far() == 0


def test_a_name_that_leads_elsewhere_the_next_moment_is_looked_up_once(
    stage: Stage, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """THREATS E-01"""
    lookups: list[str] = []

    async def look(self: object, host: str, port: int, **options: object) -> list[tuple[object, ...]]:
        lookups.append(host)
        addresses = ["127.0.0.2", "127.0.0.1"] if len(lookups) == 1 else ["127.0.0.2"]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in addresses]

    monkeypatch.setattr(asyncio.BaseEventLoop, "getaddrinfo", look)
    question = stage.question(server, addresses=("127.0.0.1/32",))
    for n_connections in (1, 1):
        said = stage.loop.run_until_complete(asyncio.wait_for(told(question), 30))
        assert isinstance(said, Fetched) == (len(lookups) == 1), said
        assert server.n_connections == n_connections and lookups == ["localhost"] * len(lookups)
    assert len(lookups) == 2


async def told(question: Fetch) -> Fetched | str:
    """What jitd-outside would answer, in this process."""
    try:
        return await fetch(question, Keys({}), lambda: datetime.now(UTC))
    except NoAnswer as why:
        return str(why)


@pytest.mark.parametrize(
    ("make", "because"),
    [
        (lambda stage: stage.other.issue("localhost"), "unable to get local issuer certificate"),
        (lambda stage: stage.good.issue("localhost", days=-1), "certificate has expired"),
        (lambda stage: stage.good.issue("other.example.org"), "certificate is not valid for 'localhost'"),
        (lambda stage: stage.good.issue("127.0.0.1"), "certificate is not valid for 'localhost'"),
    ],
    ids=["authority", "expired", "name", "address"],
)
def test_a_certificate_that_is_not_right_ends_it_before_anything_is_sent(
    stage: Stage, tmp_path: Path, make: Callable[[Stage], bytes], because: str
) -> None:
    with serving(make(stage), tmp_path) as server:
        assert because in why(stage.fetch(stage.question(server)))
        assert server.asked == []


def test_the_host_s_authorities_count_where_none_is_named(stage: Stage, server: Server) -> None:
    assert "its certificate is not accepted" in why(stage.fetch(stage.question(server, ca="")))
    assert server.asked == []


# --- what hostile servers do


def drip(line: socket.socket, asked: Asked) -> None:
    """An answer that goes on for ever, a byte at a time."""
    line.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n")
    while True:
        line.sendall(b"1\r\n \r\n")
        time.sleep(0.01)


def headers_for_ever(line: socket.socket, asked: Asked) -> None:
    line.sendall(b"HTTP/1.1 200 OK\r\n")
    while True:
        line.sendall(b"X-More: " + b"x" * 1000 + b"\r\n")


def flood(line: socket.socket, asked: Asked) -> None:
    line.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n")
    while True:
        line.sendall(b" " * 65536)


def never(line: socket.socket, asked: Asked) -> None:
    """No answer, until the asker goes."""
    line.recv(1)


HOSTILE: dict[str, tuple[Deed, str]] = {
    "huge": (says(reply(b" " * (MOST_BODY + 1))), "longer than 65536 bytes"),
    "flood": (flood, "longer than 65536 bytes"),
    "headers for ever": (headers_for_ever, "it gave no valid HTTP answer"),
    "garbage": (says(b"\x00\xff\x13garbage\r\n\r\n"), "it gave no valid HTTP answer"),
    "http/0.9": (says(b"<html>"), "it gave no valid HTTP answer"),
    "nothing": (lambda line, asked: None, "it gave no valid HTTP answer"),
    "closes early": (says(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{}"), "it gave no valid HTTP answer"),
    "two lengths": (
        says(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{} "),
        "it gave no valid HTTP answer",
    ),
    "negative length": (says(b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n"), "it gave no valid HTTP answer"),
    "compressed": (says(reply(b"{}", Content_Encoding="gzip")), "compressed"),
    "two types": (says(reply(b"{}", content_type="text/html")), "content-type twice"),
    "two places": (says(reply(b"{}", 202, Location="/a", location="/b")), "location twice"),
    "odd place": (says(reply(b"{}", 202, Location="/\x7f")), "odd characters"),
    "long place": (says(reply(b"{}", 202, Location="/" + "x" * 5000)), "too long"),
    "another protocol": (says(b"HTTP/1.1 101 Switching Protocols\r\n\r\n" + reply(b"{}")), "it gave no valid HTTP answer"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_answer_is_none(stage: Stage, server: Server, name: str) -> None:
    server.deed, because = HOSTILE[name]
    assert because in why(stage.fetch(stage.question(server)))
    assert len(server.asked) == 1


@pytest.mark.parametrize("deed", [never, drip], ids=["silent", "endless"])
def test_what_takes_too_long_ends_at_its_deadline(stage: Stage, server: Server, deed: Deed) -> None:
    server.deed = deed
    assert why(stage.fetch(stage.question(server, deadline_ms=300))) == "no answer within 0.3 s"


def test_a_server_that_never_finishes_the_handshake_ends_at_the_deadline(stage: Stage, tmp_path: Path) -> None:
    with serving(None, tmp_path) as server:  # it waits for a request, and gets the beginning of TLS
        assert why(stage.fetch(stage.question(server, deadline_ms=300))) == "no answer within 0.3 s"
        assert server.asked == []


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(stage: Stage, server: Server, status: int) -> None:
    """THREATS E-01"""
    server.deed = says(reply(b"", status, Location=server.url("/elsewhere")))
    said = stage.fetch(stage.question(server))
    assert isinstance(said, Fetched) and said.status == status
    assert [asked.target for asked in server.asked] == ["/"] and server.n_connections == 1


def test_an_unknown_name_and_a_closed_port_are_told(stage: Stage, server: Server) -> None:
    nowhere = stage.question(server, url="https://nowhere.invalid/")
    assert "cannot be reached" in why(stage.fetch(nowhere))
    closed = socket.create_server(("127.0.0.1", 0))
    port = closed.getsockname()[1]
    closed.close()
    assert "Connection refused" in why(stage.fetch(stage.question(server, url=f"https://localhost:{port}/")))


# --- the process


def test_many_questions_at_once_get_each_its_own_answer(stage: Stage, server: Server) -> None:
    server.deed = lambda line, asked: line.sendall(reply(asked.body))

    async def ask() -> list[Fetched | Failed]:
        questions = (stage.question(server, body=b"%d" % number) for number in range(100))
        return await asyncio.gather(*map(stage.outside.fetch, questions))

    said = stage.loop.run_until_complete(ask())
    assert [each.body for each in said if isinstance(each, Fetched)] == [b"%d" % number for number in range(100)]


def test_a_slow_server_does_not_hold_up_another(stage: Stage, server: Server, tmp_path: Path) -> None:
    server.deed = never
    (tmp_path / "quick").mkdir()
    with serving(stage.good.issue("localhost"), tmp_path / "quick") as quick:

        async def ask() -> Fetched | Failed:
            slow = [asyncio.create_task(stage.outside.fetch(stage.question(server))) for _ in range(16)]
            said = await stage.outside.fetch(stage.question(quick))
            assert not any(each.done() for each in slow)
            for each in slow:
                each.cancel()
            await asyncio.wait(slow)
            return said

        assert isinstance(stage.loop.run_until_complete(ask()), Fetched)


def test_a_question_that_nobody_waits_for_is_given_up(stage: Stage, server: Server) -> None:
    gone: list[bytes] = []

    def ends(line: socket.socket, asked: Asked) -> None:
        said = b""
        with suppress(ConnectionError):  # OpenSSL may still have something to write, such as a session ticket
            said = line.recv(1)
        gone.append(said)

    server.deed = ends

    async def ask() -> None:
        asked = asyncio.create_task(stage.outside.fetch(stage.question(server)))
        while not server.asked:
            await asyncio.sleep(0.005)
        asked.cancel()
        await asyncio.wait([asked])

    stage.loop.run_until_complete(ask())
    wait_for(lambda: gone == [b""], what="the end of the connection")


def test_it_has_an_account_of_its_own_and_nothing_else(stage: Stage, server: Server) -> None:
    stage.fetch(stage.question(server))
    status = status_of(stage.pid)
    assert {int(uid) for uid in status["Uid"].split()} != {0} and 0 not in map(int, status["Uid"].split())
    assert status["Groups"] == "" and status["NoNewPrivs"] == "1" and status["Seccomp"] == "2", "a filter of system calls"
    assert {status[name] for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} == {"0" * 16}
    assert Path(f"/proc/{stage.pid}/environ").stat().st_uid == 0, "it cannot be traced by its own account"
    assert b"nobody" not in Path(f"/proc/{stage.pid}/environ").read_bytes()


def test_killed_in_the_middle_it_is_started_again_and_asked_once_more(stage: Stage, server: Server) -> None:
    """THREATS E-04"""
    killed: list[int] = []

    def deed(line: socket.socket, asked: Asked) -> None:
        if not killed:
            killed.append(stage.pid)
            os.kill(killed[0], signal.SIGKILL)
            line.recv(1)
        else:
            line.sendall(reply(b"{}"))

    server.deed = deed
    assert isinstance(stage.fetch(stage.question(server)), Fetched)
    assert len(server.asked) == 2 and stage.pid != killed[0] and not is_living(killed[0])


def test_killed_each_time_it_is_not_asked_for_ever(stage: Stage, server: Server) -> None:
    def deed(line: socket.socket, asked: Asked) -> None:
        os.kill(stage.pid, signal.SIGKILL)
        line.recv(1)

    server.deed = deed
    assert "has ended without an answer" in why(stage.fetch(stage.question(server)))
    assert len(server.asked) == 2
