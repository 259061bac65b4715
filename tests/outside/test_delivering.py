# SPDX-License-Identifier: Apache-2.0
"""Batches for sinks: to a real rsyslogd over TCP, TLS and its socket, into files, and to a collector over HTTPS."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from jitd_outsiders.outside import deliveries, line_files, syslog
from jitd_outsiders.outside.deliveries import Deliver, Delivered, Destination, Event, Https, Lines, Syslog
from jitd_outsiders.outside.delivering import Deliveries
from jitd_outsiders.outside.keys import Keys
from jitd_outsiders.outside.line_files import LineFile
from jitd_outsiders.outside.questions import ANSWERS, QUESTIONS
from jitd_outsiders.outside.sinks import kind_of
from tests.outside.collectors import Rsyslog, free_port, local_input, rsyslog, stream_input, tcp_input, tls_input
from tests.outside.server import LOOPBACK, Asked, Authority, Server, reply, serving
from tests.waiting import wait_for

LONG = 30_000
HOST = "db1.example.org"
POISON = (
    "a\nb",
    'x" y]" [z="1"]',
    "\x00\x1b[31mred\x1b[0m\x7f",
    "<34>1 2003-10-11T22:14:15.003Z forged su - ID47 - BOM",
    "12 <34>forged",
    "\u202egnp.exe\u2066\u200b",
    "\udcff\udc80",
    "\ufeff",
    "e\u0301\u2028\u2029",
    "{{ %msg% $text ${number} }}",
    "#012#015\\n\\u0000",
)
"""What a person may have typed. Each one is the value of a field of an event."""


def event(number: int, more: str = "") -> Event:
    text = json.dumps({"form": "jitd record 1", "host": HOST, "number": number, "more": more}, separators=(",", ":"))
    return Event(number, f"2026-11-26T20:58:{number % 60:02}.000001+00:00", "request.submitted", 5, text)


def events(first: int, last: int) -> tuple[Event, ...]:
    return tuple(event(number) for number in range(first, last + 1))


@dataclass
class Stage:
    """``deliveries`` runs in ``loop``. ``good`` is the authority of the receivers."""

    loop: asyncio.AbstractEventLoop
    deliveries: Deliveries
    good: Authority

    def deliver(self, to: Destination, batch: tuple[Event, ...], deadline_ms: int = LONG, sink: str = "one") -> Delivered:
        question = Deliver(to, sink, HOST, batch, deadline_ms)
        assert QUESTIONS.read(QUESTIONS.write(question)) == question
        answer = self.loop.run_until_complete(self.deliveries.answer(question))
        assert ANSWERS.read(ANSWERS.write(answer)) == answer
        return answer

    def connected(self, to: Destination, batch: tuple[Event, ...]) -> Delivered:
        """Deliver after the answer that the connection is new."""
        assert self.deliver(to, batch) == Delivered(0, is_new=True)
        return self.deliver(to, batch)

    def ended(self, to: Destination, batch: tuple[Event, ...], sink: str) -> Delivered:
        """Deliver to a receiver that ends the connection, once it has looked at it: on a busy host it is late."""
        said = Delivered(0)
        for seconds in (syslog.SECONDS_TO_SETTLE, 5.0, 25.0):
            with pytest.MonkeyPatch.context() as patched:
                patched.setattr(syslog, "SECONDS_TO_SETTLE", seconds)
                said = self.deliver(to, batch, sink=f"{sink}-{seconds:g}")
            if not said.is_new:
                break
        return said


@pytest.fixture(scope="module")
def good() -> Authority:
    return Authority()


@pytest.fixture
def stage(good: Authority) -> Iterator[Stage]:
    loop = asyncio.new_event_loop()
    certificates = {f"{name}.pem": good.issue(host) for name, host in [("client", HOST), ("other", "db2.example.org")]}
    keys = Keys({**certificates, "token": b"s3cret\n", "two.lines": b"a\nb", "basic": b"jitd:pass"})
    yield Stage(loop, Deliveries(keys), good)
    loop.run_until_complete(loop.shutdown_default_executor())
    loop.close()


def has_all(receiver: Rsyslog, batch: tuple[Event, ...]) -> None:
    wait_for(lambda: len(receiver.received()) >= len(batch), what="the events")
    assert receiver.texts() == [each.text for each in batch]


# --- syslog


@pytest.fixture
def tcp(tmp_path: Path) -> Iterator[tuple[Rsyslog, Syslog]]:
    port = free_port()
    with rsyslog(tmp_path / "rsyslog", tcp_input(port), port) as receiver:
        yield receiver, Syslog("tcp", "127.0.0.1", port, addresses=LOOPBACK, facility="audit", longest=65_536)


def test_rsyslog_reads_each_part_of_a_message_over_tcp(stage: Stage, tcp: tuple[Rsyslog, Syslog]) -> None:
    receiver, to = tcp
    assert stage.connected(to, (event(2**31 + 1),)) == Delivered(1)
    wait_for(lambda: len(receiver.received()) == 1, what="the event")
    (found,) = receiver.received()
    assert found == {
        "pri": str(13 * 8 + 5),
        "host": HOST,
        "app": "jitd-record",
        "msgid": "request.submitted",
        "sd": '[meta sequenceId="2"]',
        "at": f"2026-11-26T20:58:{(2**31 + 1) % 60:02}.000001+00:00",
        "msg": event(2**31 + 1).text,
    }


@pytest.mark.parametrize("way", ["tcp", "local", "stream"])
def test_a_poisoned_name_arrives_as_it_was_and_is_one_message(stage: Stage, tmp_path: Path, way: str) -> None:
    """THREATS L-01 and L-17."""
    batch = tuple(event(number, poison) for number, poison in enumerate(POISON, 1))
    if way == "tcp":
        ready: Path | int = free_port()
        to, text = Syslog("tcp", "127.0.0.1", int(str(ready)), addresses=LOOPBACK), tcp_input(int(str(ready)))
    else:
        ready = tmp_path / "socket"
        to, text = Syslog("unix", path=str(ready)), (local_input if way == "local" else stream_input)(ready)
    with rsyslog(tmp_path / "rsyslog", text, ready) as receiver:
        assert stage.connected(to, batch) == Delivered(len(batch))
        has_all(receiver, batch)
        assert [json.loads(text)["more"] for text in receiver.texts()] == list(POISON)
        assert {message["app"] for message in receiver.received()} == {"jitd-record"}
        written = receiver.out.read_bytes()
        assert written.isascii() and written.count(b"\n") == len(batch)


def test_rsyslog_takes_a_batch_over_tls_from_a_client_with_a_certificate(stage: Stage, tmp_path: Path) -> None:
    """THREATS L-20."""
    port = free_port()
    files = {"ca.pem": stage.good.pem.encode(), "own.pem": stage.good.issue("localhost")}
    (tmp_path / "rsyslog").mkdir()
    for name, content in files.items():
        (tmp_path / "rsyslog" / name).write_bytes(content)
    tls = " ".join(
        f'{setting}="{tmp_path}/rsyslog/{name}"'
        for setting, name in [
            ("defaultNetstreamDriverCAFile", "ca.pem"),
            ("defaultNetstreamDriverCertFile", "own.pem"),
            ("defaultNetstreamDriverKeyFile", "own.pem"),
        ]
    )
    to = Syslog("tls", "localhost", port, addresses=("127.0.0.0/8", "::1/128"), ca=stage.good.pem, certificate="client.pem")
    with rsyslog(tmp_path / "rsyslog", tls_input(port, "x509/certvalid"), port, tls=tls) as receiver:
        batch = events(1, 100)
        assert stage.connected(to, batch) == Delivered(100)
        has_all(receiver, batch)
        for wrong, why in [
            (replace(to, ca=Authority("another").pem), "certificate is not accepted"),
            (replace(to, host="127.0.0.1"), "certificate is not accepted"),
            (replace(to, certificate="missing.pem"), "was not given missing.pem"),
            (replace(to, addresses=("10.0.0.0/8",)), "not in addresses"),
            (replace(to, addresses=()), "not a public address"),
        ]:
            said = stage.deliver(wrong, batch, sink="wrong")
            assert said.n_done == 0 and not said.is_new and why in said.why
        for n in range(3):  # with TLS 1.3 the client hears only after the handshake that its certificate is missed
            said = stage.ended(replace(to, certificate=""), batch, f"without-{n}")
            assert said.n_done == 0 and not said.is_new and "client certificate" in said.why
        has_all(receiver, batch)


def test_rsyslog_as_the_manual_sets_it_up_takes_the_record_from_the_host_that_it_names(stage: Stage, tmp_path: Path) -> None:
    port = free_port()
    page = (Path(__file__).parents[2] / "docs/sinks.md").read_text("utf-8")
    text = "\n".join(line for line in page.partition("    global(maxMessageSize")[2].partition("\n\n")[0].splitlines())
    text = f"global(maxMessageSize{text}".replace("/etc/rsyslog.d", str(tmp_path)).replace("6514", str(port))
    text = text.replace("/var/log/jitd.jsonl", str(tmp_path / "rsyslog/received"))
    own = stage.good.issue("localhost")
    for name, content in {"ca.pem": stage.good.pem.encode(), "logs.pem": own, "logs.key": own}.items():
        (tmp_path / name).write_bytes(content)
    to = Syslog("tls", "localhost", port, addresses=("127.0.0.0/8", "::1/128"), ca=stage.good.pem, certificate="client.pem")
    batch = tuple(event(number, poison) for number, poison in enumerate(POISON, 1))
    with rsyslog(tmp_path / "rsyslog", "", port, text=text) as receiver:
        said = stage.ended(replace(to, certificate="other.pem"), batch, "other")
        assert not said.is_new and "client certificate" in said.why
        assert stage.connected(to, batch) == Delivered(len(batch))
        wait_for(lambda: len(receiver.out.read_text().splitlines()) == len(batch) if receiver.out.exists() else False)
        assert receiver.out.read_text().splitlines() == [each.text for each in batch]


def test_a_message_that_is_longer_than_the_receiver_takes_is_refused_and_the_others_arrive(
    stage: Stage, tcp: tuple[Rsyslog, Syslog]
) -> None:
    receiver, to = tcp
    small = replace(to, longest=2_048)
    fits = event(2)
    fits = replace(fits, text=json.dumps({"fill": "x" * (kind_of(small).room(small) - 12)}))
    assert len(fits.text) == kind_of(small).room(small)
    longer = replace(event(3), text=json.dumps({"fill": "x" * 2_048}))
    said = stage.connected(small, (event(1), fits, longer, event(4)))
    assert said == Delivered(4, ((2, "its message is longer than 2048 bytes, the longest that this receiver takes"),))
    has_all(receiver, (event(1), fits, event(4)))


def test_rsyslog_cuts_what_is_longer_than_its_own_setting(stage: Stage, tmp_path: Path) -> None:
    """Why ``longest`` must not be more than what the receiver takes."""
    port = free_port()
    with rsyslog(tmp_path / "rsyslog", tcp_input(port), port, longest=8_192) as receiver:
        to = Syslog("tcp", "127.0.0.1", port, addresses=LOOPBACK, longest=65_536)
        text = json.dumps({"fill": "x" * 20_000})
        assert stage.connected(to, (replace(event(1), text=text),)) == Delivered(1)
        wait_for(lambda: len(receiver.received()) >= 1, what="the message")
        assert text not in receiver.texts() and text.startswith(receiver.texts()[0])


def test_a_killed_receiver_is_found_out_before_the_next_batch_and_when_nothing_is_sent(
    stage: Stage, tcp: tuple[Rsyslog, Syslog]
) -> None:
    """THREATS L-20."""
    receiver, to = tcp
    assert stage.connected(to, events(1, 3)) == Delivered(3)
    receiver.end(signal.SIGKILL)
    said = stage.deliver(to, ())
    assert said.n_done == 0 and "cannot be reached" in said.why
    receiver.start()
    assert stage.deliver(to, events(4, 4)) == Delivered(0, is_new=True)
    assert stage.deliver(to, ()) == Delivered(0)
    assert stage.deliver(to, events(1, 4)) == Delivered(4)
    wait_for(lambda: event(4).text in receiver.texts(), what="the last event")


def test_a_receiver_that_reads_nothing_has_taken_nothing(stage: Stage) -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=1) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        to = Syslog("tcp", "127.0.0.1", listener.getsockname()[1], addresses=LOOPBACK, longest=65_536)
        batch = tuple(replace(each, text=json.dumps({"fill": "x" * 60_000})) for each in events(1, 1))
        assert stage.deliver(to, batch) == Delivered(0, is_new=True)
        line, _ = listener.accept()
        with line:
            said = Delivered(1)
            for _ in range(200):  # until the buffers on both sides are full
                said = stage.deliver(to, batch, 500)
                if said.n_done == 0:
                    break
            assert said == Delivered(0, (), "the receiver has not taken it within 0.5 s")
        assert stage.deliver(to, batch).is_new, "what was sent in part is not continued"


def test_a_receiver_that_sends_without_end_is_left() -> None:
    """THREATS L-16. While it is heard, jitd-outside answers nobody."""
    ours, theirs = socket.socketpair()
    theirs.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4 * syslog.MOST_HEARD)
    ours.setblocking(False)
    connection = syslog.Connection(Syslog("tcp", "192.0.2.1", 514), ours, None)
    with theirs:
        theirs.send(b"x" * 1000)
        assert connection.stands()
        n_sent = 0
        with suppress(BlockingIOError):
            while True:
                n_sent += theirs.send(b"x" * 32768, socket.MSG_DONTWAIT)
        assert n_sent > syslog.MOST_HEARD + syslog.PART, "there is more than is heard at once"
        assert not connection.stands()
        assert ours.recv(1), "the rest is left"
        connection.close()


def test_a_local_receiver_that_is_missing_or_gone_is_told(stage: Stage, tmp_path: Path) -> None:
    path = tmp_path / "log"
    to = Syslog("unix", path=str(path), facility="authpriv")
    assert "No such file" in stage.deliver(to, events(1, 1)).why
    with rsyslog(tmp_path / "rsyslog", local_input(path), path) as receiver:
        assert stage.connected(to, events(1, 40)) == Delivered(40)
        has_all(receiver, events(1, 40))
        assert receiver.received()[0]["pri"] == str(10 * 8 + 5)
        assert stage.deliver(to, ()) == Delivered(0)
        receiver.end(signal.SIGKILL)
        for batch in ((), events(41, 41)):
            said = stage.deliver(to, batch)
            assert said.n_done == 0 and "Connection refused" in said.why
        receiver.start()
        wait_for(lambda: stage.deliver(to, ()).is_new, what="the new receiver")
        assert stage.deliver(to, ()) == Delivered(0)
        receiver.end(signal.SIGKILL)
        receiver.start()
        assert stage.connected(to, events(41, 41)) == Delivered(1)


def test_a_file_that_cannot_be_written_is_told_as_a_file(stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(line_files, "LineFile", lambda to: LineFile(to, tmp_path / "missing"))
    said = stage.deliver(Lines("a"), events(1, 1), sink="file")
    assert said == Delivered(0, why="the file cannot be written: No such file or directory")


def test_a_local_message_is_refused_if_the_socket_cannot_take_it(stage: Stage, tmp_path: Path) -> None:
    path = tmp_path / "log"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind(str(path))
        to = Syslog("unix", path=str(path), longest=deliveries.LONGEST_MESSAGE)
        most = replace(event(1), text=json.dumps({"fill": "x" * (kind_of(to).room(to) - 12)}))
        assert stage.deliver(to, (most,)).is_new

        async def both() -> bytes:
            question = Deliver(to, "one", HOST, (most,), LONG)
            sending = asyncio.ensure_future(stage.deliveries.answer(question))
            heard = await asyncio.get_running_loop().run_in_executor(None, receiver.recv, 200_000)
            assert await sending == Delivered(1)
            return heard

        assert stage.loop.run_until_complete(both()).endswith(most.text.encode())


# --- over HTTPS


def several(*answers: bytes) -> Callable[[socket.socket, Asked], None]:
    """Give the answers in turn, and then the last one for ever."""
    left = list(answers)
    return lambda line, asked: line.sendall(left.pop(0) if len(left) > 1 else left[0])


@pytest.fixture
def server(stage: Stage, tmp_path: Path) -> Iterator[Server]:
    with serving(stage.good.issue("localhost"), tmp_path) as found:
        yield found


def https(stage: Stage, server: Server, template: str, **more: str) -> Https:
    addresses = ("127.0.0.0/8", "::1/128")
    return Https(server.url("/in"), template, addresses=addresses, ca=stage.good.pem, **more)


def test_splunk_gets_each_event_with_its_time_and_the_token(stage: Stage, server: Server) -> None:
    """THREATS L-17."""
    server.deed = several(reply(b'{"text":"Success","code":0}'))
    batch = tuple(event(number, poison) for number, poison in enumerate(POISON, 1))
    assert stage.deliver(https(stage, server, "splunk", scheme="Splunk", secret="token"), batch) == Delivered(len(batch))
    (asked,) = server.asked
    assert asked.headers["authorization"] == "Splunk s3cret" and asked.target == "/in" and asked.method == "POST"
    found = [json.loads(line) for line in asked.body.split(b"\n")]
    assert [each["event"]["more"] for each in found] == list(POISON)
    assert found[0]["time"] == 1795726681.000001 and found[0]["host"] == HOST and found[0]["sourcetype"] == "jitd"


def test_loki_gets_one_stream_with_a_line_an_event(stage: Stage, server: Server) -> None:
    """THREATS L-17."""
    server.deed = several(reply(b"", 204))
    batch = tuple(event(number, poison) for number, poison in enumerate(POISON, 1))
    assert stage.deliver(https(stage, server, "loki", scheme="Basic", secret="basic"), batch) == Delivered(len(batch))
    (asked,) = server.asked
    assert asked.headers["authorization"] == "Basic aml0ZDpwYXNz" and asked.headers["content-type"] == "application/json"
    (stream,) = json.loads(asked.body)["streams"]
    assert stream["stream"] == {"service_name": "jitd", "host": HOST}
    assert stream["values"] == [[str(1795726680_000001000 + each.number * 10**9), each.text] for each in batch]


@pytest.mark.parametrize("template", ["lines", "array"])
def test_other_servers_get_lines_or_an_array(stage: Stage, server: Server, template: str) -> None:
    batch = events(1, 3)
    assert stage.deliver(https(stage, server, template, secret="token"), batch) == Delivered(3)
    (asked,) = server.asked
    assert asked.headers["authorization"] == "Bearer s3cret"
    found = json.loads(asked.body) if template == "array" else [json.loads(line) for line in asked.body.splitlines()]
    assert found == [json.loads(each.text) for each in batch]


def bulk(*statuses: int) -> bytes:
    items = [{"create": {"_id": "x", "status": status}} for status in statuses]
    for item, status in zip(items, statuses, strict=True):
        if status >= 300:
            item["create"]["error"] = {"type": "a_type", "reason": "a reason"}
    return reply(json.dumps({"took": 1, "errors": max(statuses) > 299, "items": items}).encode())


def test_elastic_gets_a_line_of_what_to_do_before_each_event(stage: Stage, server: Server) -> None:
    """THREATS L-17."""
    server.deed = several(bulk(201, 201))
    batch = (event(1, POISON[1]), event(1, "a checkpoint of the same number"))
    assert stage.deliver(https(stage, server, "elastic", scheme="ApiKey", secret="token"), batch) == Delivered(2)
    (asked,) = server.asked
    assert asked.headers["authorization"] == "ApiKey s3cret" and asked.body.endswith(b"\n")
    lines = [json.loads(line) for line in asked.body.splitlines()]
    ids = [line["create"]["_id"] for line in lines[::2]]
    assert len(set(ids)) == 2 and all(name.startswith(f"{HOST}-1-") for name in ids)
    assert [line["event"]["original"] for line in lines[1::2]] == [each.text for each in batch]
    assert all(type(value) in (str, int) for value in lines[1]["event"].values())
    server.deed = several(bulk(409, 409))
    assert stage.deliver(https(stage, server, "elastic", scheme="ApiKey", secret="token"), batch) == Delivered(2)
    assert server.asked[0].body == server.asked[1].body, "what is sent again has the same ids"


@pytest.mark.parametrize(
    ("statuses", "expected"),
    [
        ((201, 400, 201), Delivered(3, ((1, "the server says 400: a_type: a reason"),))),
        ((201, 429, 201), Delivered(1, (), "the server says 429: a_type: a reason")),
        ((400, 503, 400), Delivered(1, ((0, "the server says 400: a_type: a reason"),), "the server says 503: a_type: a reason")),
        ((409, 409, 409), Delivered(3)),
        ((403, 403, 403), Delivered(0, (), "the server says 403: a_type: a reason")),
        ((201, 201), Delivered(0, (), "the server does not say what became of each event; is the URL that of _bulk?")),
    ],
    ids=str,
)
def test_a_partial_success_of_bulk_moves_up_to_what_must_be_sent_again(
    stage: Stage, server: Server, statuses: tuple[int, ...], expected: Delivered
) -> None:
    server.deed = several(bulk(*statuses))
    assert stage.deliver(https(stage, server, "elastic"), events(1, 3)) == expected


@pytest.mark.parametrize(
    ("answer", "why", "retry_after"),
    [
        (reply(b'{"text":"Invalid token","code":4}', 403), "403: Invalid token", 0),
        (reply(b'{"text":"Incorrect index","code":7,"invalid-event-number":1}', 400), "400: Incorrect index", 0),
        (reply(b'{"text":"Server is busy","code":9}', 503, Retry_After="17"), "503: Server is busy", 17),
        (reply(b"slow down", 429, Retry_After="99999"), "429: slow down", 3600),
        (reply(b"", 429, Retry_After="Wed, 21 Oct 2026 07:28:00 GMT"), "429", 0),
        (reply(b"", 404), "404", 0),
        (reply(b"", 302, Location="/other"), "302", 0),
        (reply(b"", 500), "500", 0),
        (b"not HTTP at all\r\n\r\n", "no valid HTTP answer", 0),
    ],
    ids=lambda value: str(value)[:30],
)
def test_what_is_about_the_settings_or_the_moment_gives_up_no_event(
    stage: Stage, server: Server, answer: bytes, why: str, retry_after: int
) -> None:
    server.deed = several(answer)
    said = stage.deliver(https(stage, server, "splunk"), events(1, 4))
    assert (said.n_done, said.refused, said.retry_after) == (0, (), retry_after) and why in said.why
    assert len(server.asked) == 1


def refuses(*numbers: int, answer: bytes) -> Callable[[socket.socket, Asked], None]:
    """Refuses each request in which an event with one of ``numbers`` is."""

    def deed(line: socket.socket, asked: Asked) -> None:
        found = {json.loads(each)["event"]["number"] for each in asked.body.split(b"\n")}
        line.sendall(answer if found & set(numbers) else reply(b'{"text":"Success","code":0}'))

    return deed


@pytest.mark.parametrize("answer", [reply(b'{"text":"Invalid data format","code":6}', 400), reply(b"", 400), reply(b"", 413)])
def test_the_event_that_the_server_refuses_is_found_and_the_others_arrive(stage: Stage, server: Server, answer: bytes) -> None:
    server.deed = refuses(5, 6, answer=answer)
    said = stage.deliver(https(stage, server, "splunk"), events(1, 16))
    assert said.n_done == 16 and [index for index, _ in said.refused] == [4, 5]
    assert len(server.asked) < 16


def test_a_refusal_without_a_reason_gives_up_nothing_if_the_server_takes_nothing(stage: Stage, server: Server) -> None:
    """THREATS L-20. A proxy whose limit is 0 finds everything too large."""
    for status in (400, 413, 422):
        server.deed = several(reply(b"", status))
        for batch in (events(1, 1), events(1, 5)):
            said = stage.deliver(https(stage, server, "lines"), batch)
            assert (said.n_done, said.refused) == (0, ()) and str(status) in said.why


def test_a_record_that_is_too_large_for_the_server_is_given_up_also_if_it_is_alone(stage: Stage, server: Server) -> None:
    server.deed = several(reply(b"", 413))
    (small,) = events(1, 1)
    large = replace(small, text=json.dumps({"number": 1, "reason": "x" * 50_000}))
    said = stage.deliver(https(stage, server, "lines"), (large,))
    assert said.n_done == 1 and [index for index, _ in said.refused] == [0]


def test_what_was_taken_before_the_server_became_slow_is_done(stage: Stage, server: Server) -> None:
    refusing = refuses(3, answer=reply(b"", 400))

    def deed(line: socket.socket, asked: Asked) -> None:
        if b'"number":4' in asked.body and b'"number":3' not in asked.body:
            server.is_closed.wait(60)
        else:
            refusing(line, asked)

    server.deed = deed
    for deadline_ms in (3_000, 12_000, LONG):  # on a host that is too busy for the first, it is over before the server is slow
        said = stage.deliver(https(stage, server, "splunk"), events(1, 4), deadline_ms)
        if said.n_done == 3:
            break
    why = f"the receiver has not taken it within {deadline_ms / 1000:g} s"
    assert said == Delivered(3, ((2, "the server says 400"),), why)


def test_a_token_that_is_missing_or_has_two_lines_is_not_sent(stage: Stage, server: Server) -> None:
    assert "was not given lost" in stage.deliver(https(stage, server, "lines", secret="lost"), events(1, 1)).why
    assert "one line" in stage.deliver(https(stage, server, "lines", secret="two.lines"), events(1, 1)).why
    assert server.asked == []


def test_a_server_with_another_certificate_gets_nothing(stage: Stage, server: Server) -> None:
    to = replace(https(stage, server, "lines"), ca=Authority("another").pem)
    assert "certificate is not accepted" in stage.deliver(to, events(1, 1)).why
    assert server.asked == []


# --- kept connections


def test_a_sink_whose_settings_change_gets_a_connection_of_its_own(stage: Stage, tcp: tuple[Rsyslog, Syslog]) -> None:
    _, to = tcp
    assert stage.connected(to, events(1, 1)) == Delivered(1)
    assert stage.deliver(replace(to, facility="local0"), events(2, 2)).is_new
    assert stage.deliver(replace(to, facility="local0"), events(2, 2)) == Delivered(1)
    assert stage.deliver(to, events(3, 3)).is_new


def test_two_batches_of_one_sink_are_delivered_one_after_the_other(stage: Stage, tcp: tuple[Rsyslog, Syslog]) -> None:
    receiver, to = tcp
    assert stage.deliver(to, ()).is_new

    async def all_at_once() -> list[Delivered]:
        batches = [events(first, first + 9) for first in range(1, 100, 10)]
        questions = [Deliver(to, "one", HOST, batch, LONG) for batch in batches]
        return await asyncio.gather(*map(stage.deliveries.answer, questions))

    assert stage.loop.run_until_complete(all_at_once()) == [Delivered(10)] * 10
    has_all(receiver, events(1, 100))


def _n_sockets() -> int:
    return sum(os.readlink(f"/proc/self/fd/{name}").startswith("socket:") for name in _descriptors())


def test_descriptors_of_ended_sinks_are_closed(
    stage: Stage, tcp: tuple[Rsyslog, Syslog], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, to = tcp
    monkeypatch.setattr(syslog, "SECONDS_TO_SETTLE", 0.01)  # whether it hangs up at once is another test
    before = _n_sockets()
    for number in range(80):
        assert stage.deliver(to, (), sink=f"sink{number}").is_new
    stage.loop.run_until_complete(asyncio.sleep(0))
    assert _n_sockets() - before < 80
    assert stage.deliver(Lines("never"), ()) == Delivered(0)


def _descriptors() -> list[str]:
    found = []
    for name in os.listdir("/proc/self/fd"):
        if os.path.lexists(f"/proc/self/fd/{name}"):
            found.append(name)
    return found
