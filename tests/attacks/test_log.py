# SPDX-License-Identifier: Apache-2.0
"""What strangers and requesters write ends up in lines, records and pages that others read: it forges none.

Law: every line of the log is the daemon's own, every record reads back to what went in, nothing prints a control character.
"""

from __future__ import annotations

import json
import shutil

from jitpam.wire import messages
from jitpam.wire.coding import encode
from jitpam.wire.framing import frame
from jitpam.wire.shown import unshown
from tests.attacks.raw import (
    CACHES,
    REALM,
    Raw,
    connected,
    credentials,
    initiator,
    kinit,
    principal,
    review,
    shown_to,
    submission,
    uid_of,
)

TEXTS = [
    "plain",
    "line\njitd: serving socket=/run/jitd/jitd.sock",
    "\r\njitd: policy loaded rules='0'",
    "\x1b[2J\x1b]0;title\x07\x1b[31m",
    "\x9b31m\x85\u2028\u2029",
    "\u202etxt.exe\u2066\u200b\ufeff",
    "quote \" and ' and \\ and \\x0a",
    "=value name='x'",
    "%s %n {fault} $(id) `id`",
    "é ü 漢字 \U0001f600",
    "\U000e0041\U000e0100",
    "a" * 4000,
]
BYTES = [text.encode() for text in TEXTS] + [b"\xff\xfe\x80", b"\xed\xa0\x80", b"\xc0\xaf", bytes(range(1, 256))]


COUNTED = "clients broke the protocol"
"""The line that tells a number once a minute, whenever that is."""


def lines_of(house):
    return house.log().split("\n")[:-1]


def is_own(line: str) -> bool:
    """A line that the daemon wrote: its name, an event, and values that are words or quoted, all visible."""
    return line.startswith("jitd: ") and line.isprintable() and len(line) < 8192


def test_a_reason_and_a_comment_reach_everybody_as_one_visible_line(house):
    """THREATS R-02: the lists, the page, the record, the other side's terminal."""
    before = len(lines_of(house))
    told = {}
    for text in TEXTS:
        comment = text[:1000]
        asked = house.ask("alice", "--reason", text, "true")
        row = shown_to(house, "bob", asked.id)
        assert unshown(row["reason"]).decode() == text
        with connected(house, "bob") as bob:
            assert bob.ask(review(row, "deny", comment))[-1].type == "done"
        assert asked.end() == 122
        told[text] = asked.err + house.jitd("show", asked.id).stdout
        (submitted,) = [r for r in house.records() if r["event"] == "request.submitted" and r["id"] == asked.id]
        (reviewed,) = [r for r in house.records() if r["event"] == "request.reviewed" and r["id"] == asked.id]
        assert (submitted["detail"]["reason"], reviewed["detail"]["comment"]) == (text, comment)
    told["all"] = house.jitd("requests", "--all").stdout + house.jitd("audit", "show").stdout
    for text, said in told.items():
        assert all(line.isprintable() for line in said.split("\n")), text
        assert not any(line.startswith("jitd: ") for line in said.split("\n")), text
    assert all(is_own(line) for line in lines_of(house)[before:])


def test_arguments_read_back_from_every_place_they_are_told(house):
    """THREATS R-09: bytes of every value, in a row and in the record."""
    before = len(lines_of(house))
    with connected(house, "alice") as alice:
        id = alice.submit("echo", *BYTES, waits=False)
        assert [unshown(word) for word in shown_to(house, "bob", id)["argv"]] == [b"echo", *BYTES]
        (submitted,) = [r for r in house.records() if r["event"] == "request.submitted" and r["id"] == id]
        assert all(line.isprintable() for line in house.jitd("requests", who="bob").stdout.split("\n"))
        for line in house.jitd("requests", "--json", who="bob").stdout.splitlines():
            assert line.isprintable() and json.loads(line)
        assert submitted["detail"]["argv"][1] == "plain"
        alice.ask(messages.Withdraw(id=id))
    assert all(is_own(line) for line in lines_of(house)[before:])


def test_what_cannot_be_read_or_is_refused_forges_no_line(house):
    """Names, verbs, ids and types that are lies, before and after authentication; every field that takes text."""
    before = len(lines_of(house))
    for text in TEXTS:
        with Raw(house, uid_of("eve")) as raw:
            raw.send(frame(json.dumps({"type": text, text: text}).encode()))
            assert raw.is_closed()
        for said in (
            messages.Show(id=text),
            messages.Review(id=text, verdict=text, fingerprint=b"", comment=text),
            messages.Revoke(id=text, of=None, reason=text),
            messages.Revoke(id=None, of=text, reason=text),
            messages.Stop(id=text, reason=text),
            messages.List(what=text, ended=False),
            messages.Resume(id=text, streams=[text]),
            submission("true", user=text),
            submission("true", group=text),
            submission(text.encode(), cwd=b"/" + text.encode()),
            submission("true", locale=[[text.encode(), text.encode()]]),
            submission("true", variables=[[text.encode(), text.encode()]]),
            submission("true", streams=[text]),
        ):
            with connected(house, "eve") as raw:
                heard = raw.ask(said)[-1]
                assert isinstance(heard, messages.Refused), said
                assert heard.text.isprintable(), said
        with connected(house, "eve") as raw:
            raw.send(frame(raw.seal(json.dumps({"type": text, text: text}).encode())))
            assert raw.is_closed()
    assert all(is_own(line) for line in lines_of(house)[before:])
    shown = house.jitd("audit", "show").stdout
    assert all(line.isprintable() for line in shown.split("\n"))


def test_a_principal_with_a_line_of_its_own_forges_none(house):
    """THREATS K-08 and L-01: the name is the KDC's word, and still somebody's choice."""
    before = len(lines_of(house))
    for number, name in enumerate((r"eve\nevil", r"eve\tevil", "eve evil=yes", "eve'\"x")):
        principal(name, "secret")
        ticket = credentials(kinit(CACHES / f"log-{number}", f"{name}@{REALM}", "secret", "-S", "jitd/lab.example.test"))
        with Raw(house, uid_of("eve")) as raw:
            context = initiator(ticket, raw.greet())
            context.step(raw.offer(bytes(context.step())).token)
            raw.context = context
            assert raw.hear().code == "unauthenticated"
    new = [line for line in lines_of(house)[before:] if COUNTED not in line]
    assert len(new) == 4
    names = [
        r"'eve\nevil@EXAMPLE.TEST'",
        r"'eve\tevil@EXAMPLE.TEST'",
        "'eve evil=yes@EXAMPLE.TEST'",
        "'eve'\\''\"x@EXAMPLE.TEST'",
    ]
    assert new == [f"jitd: wrong account uid={uid_of('eve')} principal={name}" for name in names]


def test_a_wrong_clock_and_a_wrong_key_are_in_the_log_for_who_has_to_mend_them(own_house):
    """A proof of another time, by a cache that says that the KDC's clock is ten minutes ahead; then a keytab without the key."""
    keytab = CACHES / "copied.keytab"
    CACHES.mkdir(mode=0o755, exist_ok=True)
    shutil.copy("/etc/jitd/jitd.keytab", keytab)
    house = own_house(config=f'keytab = "{keytab}"').start()
    principal("clock", "secret")
    cache = kinit(CACHES / "clock", f"clock@{REALM}", "secret", "-S", "jitd/lab.example.test")
    whole = cache.read_bytes()
    cache.write_bytes(whole[:8] + (600).to_bytes(4, "big") + whole[12:])

    def code() -> str:
        with Raw(house, uid_of("eve")) as raw:
            context = initiator(credentials(cache), raw.greet())
            return raw.offer(bytes(context.step())).code

    assert code() == "unauthenticated"
    cache.write_bytes(whole)
    keytab.unlink()
    assert code() == "failed"
    assert any(line.startswith(f"jitd: wrong clock uid={uid_of('eve')} fault=") for line in lines_of(house))
    assert any(line.startswith("jitd: no key fault=") for line in lines_of(house))


def test_a_stranger_cannot_fill_the_log(house):
    """Part of S-08: what goes wrong before anybody is known is a number, and a warning is given only so often."""
    with connected(house, "alice") as raw:
        answer = encode(messages.Withdraw(id="0000-0000"))
        assert raw.seal(answer)
    before = len(lines_of(house))
    for n in range(700):
        with Raw(house, uid_of("eve")) as raw:
            if n % 2:
                raw.send(frame(b"\n\n"))
            else:
                raw.send(b"\xff" * 8)
            assert raw.is_closed()
    new = lines_of(house)[before:]
    assert [line for line in new if COUNTED not in line] == [] and len(new) < 5
