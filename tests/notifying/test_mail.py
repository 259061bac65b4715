# SPDX-License-Identifier: Apache-2.0
"""Mails as they arrive at a real mail server, which is killed and comes back; and what no text can do to a header."""

from __future__ import annotations

import asyncio
import json
import string
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jitd.beside.answering import NoAnswer
from jitd.core.claims import Claims
from jitd.core.notice import Event
from jitd_outsiders.asking.settings import Program
from jitd_outsiders.notifying.channel import Message, NotSent
from jitd_outsiders.notifying.mail import Mail, MailSettings, written
from jitd_outsiders.notifying.program import ProgramChannel
from jitd_outsiders.notifying.wording import say
from jitd_outsiders.outside.client import Failed
from jitd_outsiders.outside.messages import Letter, Posted
from jitd_outsiders.outside.posting import post
from tests.notifying.hostile import HOSTILE, found_by_a_chat
from tests.notifying.test_wording import notice, waiting
from tests.outside.mta import Mta, delivering
from tests.scene import command

HOST, SENDER = "db1.example.org", "jitd@db1.example.org"
AT = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
MESSAGE = Message("waits", "K7QM-2XVD", "K7QM-2XVD: alice asks", ("alice asks.", "", "."), ())
HEADERS = [
    "From", "To", "Subject", "Date", "Message-ID", "References", "Auto-Submitted", "Content-Type", "Content-Transfer-Encoding",
    "MIME-Version",
]  # fmt: skip


class Here:
    """jitd-outside without its process: the same code, in this one. Counts what it was asked."""

    def __init__(self) -> None:
        self.n_asked = 0

    async def post(self, letter: Letter) -> Posted | Failed:
        self.n_asked += 1
        try:
            return await post(letter)
        except NoAnswer as why:
            return Failed(str(why))


@pytest.fixture
def mta(tmp_path: Path) -> Iterator[Mta]:
    with delivering(tmp_path / "spool") as found:
        yield found


def channel(mta: Mta, *to: str, **more: Any) -> Mail:
    settings = MailSettings("ops", server=f"127.0.0.1:{mta.port}", sender=SENDER, to=to)
    return Mail(replace(settings, **more), HOST, Here(), lambda: AT)


def send(mail: Mail, message: Message = MESSAGE) -> None:
    asyncio.run(mail.send(message))


def parsed(mail: EmailMessage) -> EmailMessage:
    found = BytesParser(policy=policy.default).parsebytes(bytes(mail))
    assert isinstance(found, EmailMessage)
    return found


# --- what arrives


def test_a_group_gets_one_mail_that_says_what_the_message_says(mta: Mta) -> None:
    send(channel(mta, "ops@example.org", "dba@example.org"))
    (kept,) = mta.kept
    assert kept["X-Envelope"] == f"{SENDER} > ops@example.org dba@example.org"
    assert (kept["From"], kept["To"]) == (SENDER, "ops@example.org, dba@example.org")
    assert kept["Subject"] == MESSAGE.subject and kept["Date"] == "Mon, 02 Mar 2026 09:00:00 +0000"
    assert kept["Auto-Submitted"] == "auto-generated" and kept.get_content_type() == "text/plain"
    assert kept.get_content().splitlines() == ["alice asks.", "", "."]


def test_each_person_gets_a_mail_of_their_own(mta: Mta) -> None:
    send(channel(mta, to_each="{user}@example.org"), replace(MESSAGE, to=("bob", "carol")))
    assert [kept["To"] for kept in mta.kept] == ["bob@example.org", "carol@example.org"]


def test_the_domain_of_a_directorys_account_is_no_part_of_the_address(mta: Mta) -> None:
    people = ("dave.smith@ad.example.org", "ADX\\kim", "x@evil.example")
    send(channel(mta, to_each="{user}@example.org"), replace(MESSAGE, to=people))
    assert [kept["To"] for kept in mta.kept] == ["dave.smith@example.org", "kim@example.org", "x@example.org"]


def test_mails_of_one_request_belong_together_and_one_that_is_sent_twice_is_one(mta: Mta) -> None:
    mail = channel(mta, "ops@example.org")
    for message in (MESSAGE, MESSAGE, replace(MESSAGE, event="reminder"), replace(MESSAGE, request="AAAA-BBBB")):
        send(mail, message)
    ids, references = ([kept[name] for kept in mta.kept] for name in ("Message-ID", "References"))
    assert ids[0] == ids[1] and len(set(ids)) == 3
    assert references[0] == references[1] == references[2] != references[3]


# --- what fails


def test_a_server_that_is_down_is_told_and_one_that_comes_back_gets_the_mail(mta: Mta) -> None:
    mail = channel(mta, "ops@example.org")
    mta.kill()
    with pytest.raises(NotSent, match="cannot be reached: Connection refused"):
        send(mail)
    mta.start()
    send(mail)
    assert len(mta.kept) == 1


def test_who_has_a_mail_does_not_get_it_again_because_another_was_refused(mta: Mta) -> None:
    mail = channel(mta, "ops@example.org", "nobody@example.org")
    for _ in range(3):
        with pytest.raises(NotSent, match="refuses nobody@example.org: 550 no such person here, none at all"):
            send(mail)
    assert [kept["X-Envelope"] for kept in mta.kept] == [f"{SENDER} > ops@example.org"]


def test_one_person_without_an_address_does_not_keep_the_others_from_theirs(mta: Mta) -> None:
    """THREATS N-01. An account may have any name, and none of them is a second recipient."""
    accounts = ("a,b@evil.example", "@evil.example", "DOM\\", "a,b", "a b", "<a>", "a\r\nRCPT TO:<b", "bob")
    with pytest.raises(NotSent, match="no address can be made of the account"):
        send(channel(mta, to_each="{user}@example.org"), replace(MESSAGE, to=accounts))
    assert [kept["X-Envelope"] for kept in mta.kept] == [f"{SENDER} > bob@example.org"]


@pytest.mark.parametrize(
    ("server", "is_plain", "addresses"),
    [
        ("", True, ("127.0.0.1/32",)), ("127.0.0.1:2525", True, ("127.0.0.1/32",)), ("[::1]:25", True, ("::1/128",)),
        ("10.1.2.3:25", False, ("10.1.2.3/32",)), ("localhost:25", False, ()), ("mail.example.org:587", False, ()),
    ],
)  # fmt: skip
def test_only_to_an_address_of_this_host_a_mail_goes_without_tls(server: str, is_plain: bool, addresses: tuple[str, ...]) -> None:
    """THREATS N-04."""
    asked: list[Letter] = []

    class Noting:
        async def post(self, letter: Letter) -> Posted | Failed:
            asked.append(letter)
            return Posted()

    settings = MailSettings("ops", server=server, sender=SENDER, to=("ops@example.org",))
    send(Mail(settings, HOST, Noting(), lambda: AT))
    assert (asked[0].is_plain, asked[0].addresses) == (is_plain, addresses)
    send(Mail(replace(settings, addresses=("10.0.0.0/8",)), HOST, Noting(), lambda: AT))
    assert asked[1].addresses == ("10.0.0.0/8",)


# --- headers


@pytest.mark.parametrize("event", Event)
def test_a_hostile_text_is_in_no_header_and_makes_no_link(event: Event) -> None:
    """THREATS N-01."""
    for text in HOSTILE:
        raw = text.encode("utf-8", "surrogatepass")
        wild = waiting(claims=Claims(text, None, 0, ()), command=command("/usr/bin/x", raw))
        tame = waiting(claims=Claims("why", None, 0, ()), command=command("/usr/bin/x", "y"))
        found, expected = (
            parsed(written(say(notice(event), request, "mail", "command"), SENDER, ("ops@example.org",), HOST, AT))
            for request in (wild, tame)
        )
        ours = [name for name in HEADERS if name != "Message-ID"]
        assert [found[name] for name in ours] == [expected[name] for name in ours], text
        assert found.keys() == HEADERS and not found.defects
        assert [line for line in found.get_content().splitlines() if found_by_a_chat(line)] == [], text


@given(st.text(), st.lists(st.text(), max_size=3))
def test_whatever_a_message_says_a_mail_has_the_same_headers_and_one_part(subject: str, lines: list[str]) -> None:
    """THREATS N-01. Even if the wording were at fault."""
    mail = written(Message(subject, subject, subject, tuple(lines), ()), SENDER, ("ops@example.org",), HOST, AT)
    content = bytes(mail)
    assert content.isascii() and b"\r" not in content.replace(b"\r\n", b"")
    found = parsed(mail)
    assert found.keys() == [name for name in HEADERS if name != "References" or subject]
    assert not found.is_multipart() and found.get_content_type() == "text/plain" and not found.defects
    shown = str(found["Subject"])
    assert shown.isascii() and shown.isprintable()
    assert found.get_content().count("\n") == max(1, len(lines))


def test_nothing_in_a_subject_is_decoded() -> None:
    """THREATS N-01. RFC 2047: an encoded word could spell a line's end, or another name."""
    mail = parsed(written(replace(MESSAGE, subject="=?utf-8?q?=0ABcc:_x?="), SENDER, ("a@b.example",), HOST, AT))
    assert mail["Subject"] == "= ?utf-8?q?=0ABcc:_x?="


# --- programs


class Prints:
    """Runs no program, but says what one would have been given."""

    def __init__(self, answer: bytes | Failed) -> None:
        self.answer = answer
        self.given: list[tuple[str, Program, bytes]] = []

    async def run(self, name: str, program: Program, body: bytes, within: float) -> bytes | Failed:
        self.given.append((name, program, body))
        return self.answer


def test_a_program_gets_the_message_as_json_and_no_word_of_it_as_an_argument() -> None:
    programs, program = Prints(b"whatever"), Program(("/usr/local/lib/pager", "--team=ops"))
    asyncio.run(ProgramChannel("pager", program, HOST, programs).send(replace(MESSAGE, to=("bob",))))
    ((name, ran, body),) = programs.given
    assert (name, ran) == ("pager", program)
    assert json.loads(body) == {
        "version": 1, "host": HOST, "event": "waits", "request": "K7QM-2XVD", "subject": MESSAGE.subject,
        "lines": ["alice asks.", "", "."], "text": "alice asks.\n\n.", "to": ["bob"],
    }  # fmt: skip
    assert body.isascii() and set(body.decode()) <= set(string.printable)


def test_a_program_that_fails_has_not_sent_it() -> None:
    channel = ProgramChannel("pager", Program(("/x",)), HOST, Prints(Failed("/x ended with status 1")))
    with pytest.raises(NotSent, match="/x ended with status 1"):
        asyncio.run(channel.send(MESSAGE))
