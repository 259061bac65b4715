# SPDX-License-Identifier: Apache-2.0
"""jitd-outside hands mail to mail servers: a real one, which is killed and comes back, and others that behave badly."""

from __future__ import annotations

import asyncio
import os
import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import pytest

from jitd.beside.answering import NoAnswer
from jitd_outsiders.outside.client import Failed, Outside, child_connector
from jitd_outsiders.outside.messages import Letter, Posted
from jitd_outsiders.outside.posting import LONGEST_LINE, MOST_LINES, post
from tests.beside.children import of_account
from tests.outside.mta import Mta, delivering
from tests.outside.server import LOOPBACK, Authority
from tests.waiting import is_living, wait_for

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root starts a process under another account")
CONTENT = b"Subject: hello\r\n\r\n.\r\n..two\r\n.a line that begins with a full stop\r\nFrom here\r\n"
LONG = 20_000
"""Milliseconds: no test waits for them."""


def letter(port: int, *to: str, **more: object) -> Letter:
    made = Letter(
        "127.0.0.1", port, "db1.example.org", "jitd@db1.example.org", to or ("ops@example.org",), CONTENT, LONG,
        is_plain=True, addresses=LOOPBACK,
    )  # fmt: skip
    return replace(made, **more)  # type: ignore[arg-type]


def posted(asked: Letter) -> Posted:
    return asyncio.run(post(asked))


def refusal(asked: Letter) -> str:
    with pytest.raises(NoAnswer) as caught:
        asyncio.run(post(asked))
    return str(caught.value)


@pytest.fixture
def mta(tmp_path: Path) -> Iterator[Mta]:
    with delivering(tmp_path / "spool") as found:
        yield found


@pytest.fixture(scope="module")
def good() -> Authority:
    return Authority()


@pytest.fixture
def secured(tmp_path: Path, good: Authority) -> Iterator[Mta]:
    with delivering(tmp_path / "spool", good.issue("localhost", "127.0.0.1")) as found:
        yield found


# --- what arrives


def test_a_mail_arrives_as_it_was_given(mta: Mta) -> None:
    assert posted(letter(mta.port, "ops@example.org", "dba+1@example.org")) == Posted()
    (kept,) = mta.spool.glob("*.eml")
    head, _, rest = kept.read_bytes().partition(b"\r\n")
    assert head == b"X-Envelope: jitd@db1.example.org > ops@example.org dba+1@example.org"
    assert rest == CONTENT


def test_who_is_refused_is_named_and_the_others_have_the_mail(mta: Mta) -> None:
    said = posted(letter(mta.port, "nobody@example.org", "ops@example.org"))
    assert said == Posted((("nobody@example.org", "550 no such person here, none at all"),))
    assert mta.kept[0]["X-Envelope"] == "jitd@db1.example.org > ops@example.org"


def test_a_mail_that_nobody_may_have_is_not_sent(mta: Mta) -> None:
    said = refusal(letter(mta.port, "nobody@example.org"))
    assert said == f"127.0.0.1:{mta.port} refuses nobody@example.org: 550 no such person here, none at all"
    assert mta.kept == []


def test_a_server_that_is_killed_and_comes_back_takes_the_next_mail(mta: Mta) -> None:
    assert posted(letter(mta.port)) == Posted()
    mta.kill()
    assert refusal(letter(mta.port)) == f"127.0.0.1:{mta.port}: it cannot be reached: Connection refused"
    mta.start()
    assert posted(letter(mta.port)) == Posted()
    assert len(mta.kept) == 2


# --- TLS


def test_a_server_beyond_this_host_gets_the_mail_over_tls_alone(secured: Mta, good: Authority) -> None:
    for host in ("localhost", "127.0.0.1"):
        assert posted(letter(secured.port, host=host, is_plain=False, ca=good.pem)) == Posted()
    assert [kept["X-Envelope"] for kept in secured.kept] == ["jitd@db1.example.org > ops@example.org (TLS)"] * 2


def test_without_starttls_nothing_leaves_this_host(mta: Mta) -> None:
    """THREATS N-04."""
    assert "offers no STARTTLS" in refusal(letter(mta.port, host="localhost", is_plain=False))
    assert mta.kept == []


def test_a_certificate_of_another_name_or_authority_is_not_accepted(tmp_path: Path, good: Authority) -> None:
    """THREATS N-04."""
    with delivering(tmp_path / "spool", good.issue("mail.example.org")) as mta:
        said = refusal(letter(mta.port, host="localhost", is_plain=False, ca=good.pem))
        assert "its certificate is not accepted" in said
        said = refusal(letter(mta.port, host="localhost", is_plain=False, ca=Authority("another").pem))
        assert "its certificate is not accepted" in said
        assert mta.kept == []


# --- servers that behave badly


@contextmanager
def saying(*replies: bytes, ends: bool = True, leaves: bool = False) -> Iterator[tuple[int, list[bytes]]]:
    """A server that says one reply after the other, each after a line of the client. Yields its port, and what it has heard.
    One that ``leaves`` says after the last reply that it has ended: it reads on, or the client might hear of a reset first.
    """
    heard: list[bytes] = []
    done = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            with suppress(OSError):
                line, _ = listener.accept()
                with line, line.makefile("rb") as stream:
                    for at, reply in enumerate(replies):
                        if at:
                            heard.append(stream.readline())
                        line.sendall(reply)
                    if leaves:
                        line.shutdown(socket.SHUT_WR)
                    if not ends:
                        done.wait()
                    while ends and (more := stream.readline()):
                        heard.append(more)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield listener.getsockname()[1], heard
        finally:
            done.set()
            thread.join(10)


EHLO = b"250-mta\r\n250 8BITMIME\r\n"


@pytest.mark.parametrize(
    ("replies", "said"),
    [
        ([b"554 no\r\n"], "greets answers 554 no"),
        ([b"hello\r\n"], "does not speak SMTP"),
        ([b"HTTP/1.1 400 Bad Request\r\n"], "does not speak SMTP"),
        ([b"220 " + b"x" * 2 * LONGEST_LINE], f"a line of more than {LONGEST_LINE} bytes"),
        ([b"220-x\r\n" * (MOST_LINES + 1)], f"more than {MOST_LINES} lines"),
        ([b"220-x\r\n250 x\r\n"], "does not speak SMTP"),
        ([b"220 x\r\n", b"502 no\r\n"], "was told EHLO, and answers 502 no"),
        ([b"220 x\r\n", EHLO, b"451 \x1b[2Jlater\r\n"], "was told MAIL, and answers 451 ?[2Jlater"),
        ([b"220 x\r\n", EHLO, b"250 x\r\n", b"250 x\r\n", b"552 full\r\n"], "was told DATA, and answers 552 full"),
    ],
)
def test_what_a_server_says_wrongly_or_refuses_is_the_reason(replies: list[bytes], said: str) -> None:
    with saying(*replies) as (port, _):
        assert said in refusal(letter(port))


def test_a_server_that_goes_away_says_no_or_says_nothing_after_the_mail_has_not_taken_it() -> None:
    replies = [b"220 x\r\n", EHLO, b"250 x\r\n", b"250 x\r\n", b"354 x\r\n"]
    with saying(*replies, b"", leaves=True) as (port, heard):
        assert refusal(letter(port, content=b"")) == f"127.0.0.1:{port} has ended the connection"
    assert heard[-1] == b".\r\n", "it has heard all of it"
    with saying(*replies, b"451 disk full\r\n") as (port, _):
        assert "was given the message, and answers 451 disk full" in refusal(letter(port, content=b"x\r\n"))
    for deadline_ms in (300, 3000, LONG):  # on a host that is too busy for the first, it has not heard all of it by then
        with saying(*replies, b"") as (port, heard):
            said = refusal(letter(port, deadline_ms=deadline_ms))
        assert said.endswith(f"has not taken the message within {deadline_ms / 1000:g} s")
        if heard[-1:] == [b".\r\n"]:
            break
    assert heard[-1] == b".\r\n", "it has heard all of it"


def test_a_silent_server_is_left_at_the_deadline() -> None:
    with saying(b"", ends=False) as (port, _):
        assert refusal(letter(port, deadline_ms=100)) == f"127.0.0.1:{port} has not taken the message within 0.1 s"


def test_what_was_said_before_tls_does_not_count_after_it(good: Authority) -> None:
    """THREATS N-04. Somebody between sends more than the answer to STARTTLS, for the client to read as the server's."""
    offers = b"250-mta\r\n250 STARTTLS\r\n"
    with saying(b"220 x\r\n", offers, b"220 go ahead\r\n250 fine\r\n") as (port, heard):
        said = refusal(letter(port, host="localhost", is_plain=False, ca=good.pem))
    assert "more than an answer before TLS" in said
    assert heard == [b"EHLO db1.example.org\r\n", b"STARTTLS\r\n"]


def test_a_server_that_goes_away_instead_of_tls_is_told_as_one_of_smtp(good: Authority) -> None:
    with saying(b"220 x\r\n", b"250-mta\r\n250 STARTTLS\r\n", b"220 go ahead\r\n", leaves=True) as (port, _):
        said = refusal(letter(port, host="localhost", is_plain=False, ca=good.pem))
    assert said.startswith(f"localhost:{port}: TLS failed: ") and "HTTP" not in said
    assert re.search(r"closed \(EOF\)|UNEXPECTED_EOF", said), "OpenSSL 3.0 and 3.5"


def test_an_address_that_may_not_be_connected_to_is_not(mta: Mta) -> None:
    """THREATS N-04."""
    said = refusal(letter(mta.port, host="localhost", is_plain=False, addresses=()))
    assert "which is not a public address" in said


# --- the process


def test_the_process_answers_mail_and_questions_side_by_side(mta: Mta) -> None:
    connector = of_account("nobody", child_connector({}))

    async def whole() -> tuple[Posted | Failed, Posted | Failed]:
        outside = Outside(connector)
        try:
            first = await outside.post(letter(mta.port))
            pid = connector.pid
            assert pid is not None
            os.kill(pid, 9)
            await asyncio.to_thread(wait_for, lambda: not is_living(pid))
            return first, await outside.post(letter(mta.port))
        finally:
            outside.close()

    assert asyncio.run(whole()) == (Posted(), Posted())
    assert len(mta.kept) == 2


def test_what_cannot_be_a_letter_is_told_and_not_asked() -> None:
    async def whole() -> Posted | Failed:
        outside = Outside(of_account("nobody", child_connector({})))
        try:
            return await outside.post(letter(25, "ops@example.org\r\nDATA"))
        finally:
            outside.close()

    said = asyncio.run(whole())
    assert isinstance(said, Failed) and "is not an address of mail" in said.why
