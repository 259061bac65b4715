# SPDX-License-Identifier: Apache-2.0
"""What an engine can deliver, as bytes: whoever has a key chooses some of them, and a hostile server all of them."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nats.errors import ProtocolError

from jitd_fleet import engine as module
from jitd_fleet import nkey, subjects
from jitd_fleet.engine import MOST_LINE, MOST_MESSAGE, _Reader
from tests.client.test_engine import Server, greets, honest, line_of
from tests.client.test_tcp import PATIENCE

CLIENT, ID = "U" + "A" * 55, "0" * 32
SUBJECT = subjects.roll(CLIENT, ID).encode()
NOBODY = b"NATS/1.0 503\r\n\r\n"


def msg(body: bytes, subject: bytes = SUBJECT, reply: bytes = b"") -> bytes:
    """As a server of NATS writes it."""
    return b" ".join((b"MSG", subject, b"1", *([reply] if reply else []), b"%d" % len(body))) + b"\r\n" + body + b"\r\n"


def hmsg(header: bytes, body: bytes = b"", subject: bytes = SUBJECT) -> bytes:
    return b"HMSG %s 1 %d %d\r\n" % (subject, len(header), len(header) + len(body)) + header + body + b"\r\n"


CHOSEN = {
    "no headers at all": hmsg(b"", b"x"),
    "less than a line of headers": hmsg(b"NATS"),
    "a line of headers without an end": hmsg(b"NATS/1.0"),
    "a status without an end": hmsg(b"NATS/1.0 "),
    "a status that is no text": hmsg(b"NATS/1.0 \xff\xfe\xfd\r\n\r\n"),
    "a status of another alphabet": hmsg("NATS/1.0 ٥٠٣\r\n\r\n".encode()),
    "a description that is no text": hmsg(b"NATS/1.0 200 \xff\r\n\r\n"),
    "headers that are no text": hmsg(b"NATS/1.0\r\n\xff\xff\xff\r\n\r\n", b"x"),
    "another version": hmsg(b"HTTP/1.1 503\r\n\r\n"),
    "a header named Status": hmsg(b"NATS/1.0\r\nStatus: 503\r\n\r\n"),
    "a longer number": hmsg(b"NATS/1.0 5030\r\n\r\n"),
    "nobody, and a body": hmsg(NOBODY, b"x"),
    "many headers": hmsg(b"NATS/1.0\r\n" + b"a:b\r\n" * 10_000 + b"\r\n"),
    "a subject that is no text": msg(b"x", SUBJECT + b".\xff\xfe"),
    "a subject of two words to others": msg(b"x", SUBJECT + b"\x0cx"),
    "a subject with the number of a subscription": msg(b"", SUBJECT + b"\x0b1"),
    "a subject with control characters": msg(b"x", SUBJECT + b"\0\x1b[2J\x1c"),
    "a reply that is no text": msg(b"x", reply=b"\xff"),
    "a reply of two words to others": msg(b"x", reply=b"a\x0cb"),
    "a body that is a line": msg(b"\r\nMSG jit.x 1 999999\r\n"),
}
"""What somebody with a key can have a server say to others: subjects have no blank, tab, carriage return or line feed."""


async def greets_and_waits(server: Server, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Be honest until what is subscribed to has been said."""
    await greets(server, reader, writer)
    line, is_last = b"", False
    while not is_last or line != b"PING\r\n":
        line = await line_of(reader)
        is_last = is_last or line.startswith(b"SUB")
        if line == b"PING\r\n":
            writer.write(b"PONG\r\n")


@pytest.mark.parametrize("chosen", CHOSEN)
def test_whatever_somebody_with_a_key_says_ends_no_connection_and_is_not_taken_for_the_server(
    chosen: str, tmp_path: Path
) -> None:
    """THREATS F-36."""

    async def says(server: Server, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await greets_and_waits(server, reader, writer)
        writer.write(CHOSEN[chosen] + msg(b"the last"))
        while line := await reader.readline():
            writer.write(b"PONG\r\n" * (line == b"PING\r\n"))

    heard: list[bytes | None] = []

    async def play() -> None:
        is_last = asyncio.Event()

        def hear(subject: str, reply: str, message: bytes | None) -> None:
            heard.append(message)
            if message == b"the last":
                is_last.set()

        async with Server(tmp_path, says, honest) as server:
            engine = server.engine()
            await engine.subscribe("jit.>", hear)
            await engine.connect(attempts=-1, name="")
            async with asyncio.timeout(PATIENCE):
                while not is_last.is_set() and server.n_connections == 1:
                    await asyncio.sleep(0.02)
            await engine.close()
            assert server.n_connections == 1

    asyncio.run(play())
    assert None not in heard and heard[-1] == b"the last"


def test_nobody_is_what_the_server_says_and_its_newer_kind_with_more_headers() -> None:
    for header in (NOBODY, b"NATS/1.0 503 No Responders\r\n\r\n", b"NATS/1.0 503\r\nNats-Subject: jit.x\r\n\r\n"):
        assert Read().of(hmsg(header)).messages == [(SUBJECT, b"", NOBODY)]


# --- the reader alone -------------------------------------------------------------------------------------------------


class Read:
    """What the reader has made of bytes, in the place of a client."""

    def __init__(self) -> None:
        self.messages: list[tuple[bytes, bytes, bytes]] = []
        self.others: list[str] = []
        self.is_broken = False
        self.has_many_to_flush = False

    def of(self, data: bytes, *cuts: int) -> Read:
        reader = _Reader(self)  # type: ignore[arg-type]
        at = sorted({cut % (len(data) + 1) for cut in cuts})

        async def read() -> None:
            for begin, end in zip([0, *at], [*at, len(data)], strict=True):
                await reader.parse(data[begin:end])
                assert len(reader._unread) <= MOST_MESSAGE + MOST_LINE

        try:
            asyncio.run(read())
        except ProtocolError:
            self.is_broken = True
        return self

    async def _process_msg(self, sid: int, subject: bytes, reply: bytes, body: bytes, header: bytes) -> None:
        assert subject.decode() is not None and reply.decode() is not None and header in (b"", NOBODY)
        self.messages.append((subject, body, header))

    async def _process_ping(self) -> None:
        self.others.append("PING")

    async def _process_pong(self) -> None:
        self.others.append("PONG")

    async def _process_err(self, text: str) -> None:
        self.others.append(text)


WORDS = [
    b"MSG",
    b"HMSG",
    b"INFO",
    b"+OK",
    b"-ERR",
    b"PING",
    b"PONG",
    b"PUB",
    b"msg",
    b"",
    b" ",
    b"\r\n",
    b"\n",
    b"\r",
    b"\t",
    b"\x0c",
]
WORDS += [b"jit.x", b"\xff", b"\0", b"1", b"0", b"-1", b"12", b"99999999999", b"9" * 5000, b"{}", b"[]", b"[" * 3000, b"{"]
WORDS += [b"'Stale Connection'", b"'Permissions Violation'", b"NATS/1.0", b"NATS/1.0 503", *CHOSEN.values()]
SAID = st.lists(st.one_of(st.sampled_from(WORDS), st.binary(max_size=8)), max_size=30).map(b" ".join) | st.lists(
    st.one_of(st.sampled_from(WORDS), st.binary(max_size=8)), max_size=30
).map(b"".join)


@given(SAID, st.lists(st.integers(0, 5000), max_size=6))
def test_whatever_comes_is_read_or_is_a_fault_of_the_protocol_wherever_it_is_cut(said: bytes, cuts: list[int]) -> None:
    """THREATS F-35."""
    whole, cut = Read().of(said), Read().of(said, *cuts)
    assert (whole.messages, whole.others, whole.is_broken) == (cut.messages, cut.others, cut.is_broken)


@given(
    st.lists(
        st.tuples(
            st.binary(max_size=40).filter(lambda name: name and not set(name) & set(b" \t\r\n")),
            st.binary(),
            st.binary(max_size=60),
        ),
        max_size=6,
    ),
    st.lists(st.integers(0, 2000), max_size=6),
)
def test_no_choice_of_a_subject_headers_and_a_body_changes_what_comes_after_it(
    chosen: list[tuple[bytes, bytes, bytes]], cuts: list[int]
) -> None:
    """THREATS F-36."""
    said = b"".join(hmsg(header, body, subject) for subject, header, body in chosen)
    read = Read().of(said + msg(b"the last"), *cuts)
    of_ours = [(subject, body) for subject, _, body in chosen if subject.isascii()]
    assert not read.is_broken and [one[:2] for one in read.messages] == [*of_ours, (SUBJECT, b"the last")]


@pytest.mark.parametrize(
    "said",
    [
        b"MSG jit.x 1\r\n",
        b"MSG jit.x 1 a b 1\r\n",
        b"MSG jit.x x 1\r\n",
        b"MSG jit.x 1 -1\r\n",
        b"MSG jit.x 1 +1\r\n",
        b"MSG jit.x 1 1_0\r\n",
        b"MSG jit.x 1 %d\r\n" % (MOST_MESSAGE + 1),
        b"MSG jit.x 1 " + b"9" * 5000 + b"\r\n",
        b"HMSG jit.x 1 5\r\n",
        b"HMSG jit.x 1 5 4\r\nabcd\r\n",
        b"MSG jit.x 1 1\r\nxy\r\n",
        b"PUB jit.x 1\r\n",
        b"\r\n",
        b"x" * MOST_LINE,
    ],
)
def test_what_no_server_says_is_a_fault_of_the_protocol(said: bytes) -> None:
    """THREATS F-35."""
    read = Read().of(said + b"PONG\r\n")
    assert read.is_broken and read.messages == [] and read.others == []


def test_a_server_that_takes_no_answers_and_asks_on_is_let_go_of() -> None:
    """THREATS F-35. The library would wait for room for its answer, and read nothing more."""
    read = Read()
    read.has_many_to_flush = True
    assert read.of(b"PING\r\n").is_broken and read.others == []


# --- the client -------------------------------------------------------------------------------------------------------


def garbage(seed: int) -> bytes:
    chosen = random.Random(seed)
    parts = [chosen.choice(WORDS) if chosen.random() < 0.8 else chosen.randbytes(chosen.randrange(20)) for _ in range(40)]
    ends = [chosen.choice((b"\r\n", b" ", b"")) for _ in parts]
    return b"".join(part + end for part, end in zip(parts, ends, strict=True))


N_GARBAGE = 150


def test_a_client_comes_back_from_whatever_a_server_says_and_hears_the_next_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """THREATS F-35. Each server is gone after its garbage: a reading that hangs would not notice."""
    monkeypatch.setattr(module, "AGAIN_AFTER", 0.01)

    async def says(server: Server, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await greets_and_waits(server, reader, writer)
        writer.write(garbage(server.n_connections))
        await writer.drain()

    async def is_well(server: Server, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await greets_and_waits(server, reader, writer)
        writer.write(msg(b"well"))
        await reader.read(1000)

    async def play() -> None:
        is_heard = asyncio.Event()
        async with Server(tmp_path, *[says] * N_GARBAGE, is_well) as server:
            engine = server.engine()
            await engine.subscribe("jit.>", lambda subject, reply, message: is_heard.set() if message == b"well" else None)
            await engine.connect(attempts=-1, name="")
            async with asyncio.timeout(PATIENCE):
                await is_heard.wait()
            assert server.n_connections == N_GARBAGE + 1
            await engine.close()

    asyncio.run(play())


def test_a_server_that_takes_a_connection_and_ends_it_is_not_asked_again_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """THREATS F-35. Nothing here has a limit above: a busy host makes the pauses longer."""
    monkeypatch.setattr(module, "AGAIN_AFTER", 0.3)
    taken_at: list[float] = []

    async def ends(server: Server, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await greets_and_waits(server, reader, writer)
        taken_at.append(asyncio.get_running_loop().time())
        writer.write(b"nonsense\r\n")
        await writer.drain()

    async def play() -> None:
        async with Server(tmp_path, *[ends] * 4, honest) as server:
            engine = server.engine()
            await engine.subscribe("jit.>", lambda *_: None)
            await engine.connect(attempts=-1, name="")
            async with asyncio.timeout(PATIENCE):
                while server.n_connections < 5:
                    await asyncio.sleep(0.02)
            await engine.close()

    asyncio.run(play())
    gaps = [later - earlier for earlier, later in zip(taken_at, taken_at[1:], strict=False)]
    assert len(gaps) == 3 and all(gap > 0.25 for gap in gaps), gaps


def info(**more: Any) -> dict[str, Any]:
    return {"tls_required": True, "nonce": "abc", "connect_urls": ["192.0.2.1:4222"], **more}


def test_a_server_leads_to_no_other_one_and_no_later_info_is_looked_at() -> None:
    async def play() -> None:
        client = module._Client(nkey.Key(nkey.make()))
        client._setup_server_pool(["tls://127.0.0.1:4222"])
        client._current_server = client._server_pool[0]
        await client._process_info(info(), initial_connection=True)
        await client._ps.parse(b'INFO {"connect_urls":["192.0.2.1:4222"],"ldm":true}\r\nINFO []\r\n')
        assert [server.uri.netloc for server in client._server_pool] == ["127.0.0.1:4222"]

    asyncio.run(play())
