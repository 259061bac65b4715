# SPDX-License-Identifier: Apache-2.0
"""Messages out of order, of the wrong side, before their time, and bytes that are no messages (THREATS S-10, S-07).

Law: what should happen is said here by the words of PROTOCOL.md section 3; what does, by the daemon.
"""

from __future__ import annotations

import itertools

import pytest

from jitpam.wire import coding, messages
from jitpam.wire.coding import encode
from jitpam.wire.framing import LIMIT, LIMIT_BEFORE_AUTHENTICATION, SMALL, frame
from jitpam.wire.messages import FROM_CLIENT, FROM_DAEMON
from tests.attacks.raw import REALM, Raw, asked, connected, shown_to, submission, uid_of
from tests.waiting import wait_for

ID = "0000-0000"
SAMPLES = [
    messages.Hello(version=messages.VERSION, authentication="krb5", nonce=bytes(32)),
    messages.Token(token=b"x" * 40),
    submission("true"),
    messages.Anew(**asked("true"), waits=True, if_owed=True),
    messages.Breakglass(**asked("true", reason="why"), waits=True, if_owed=True),
    messages.Edit(**asked("true"), waits=True, if_owed=True, text=b"of no file"),
    messages.Edits(**asked("true"), waits=True, if_owed=True, texts=[b"of no file"] * 2, bases=[b""] * 2),
    messages.Undo(
        id=ID,
        streams=["null"] * 3,
        reason=None,
        tty=None,
        login_session=0,
        parents=[],
        starts_at=None,
        waits=True,
        if_owed=True,
    ),
    messages.Explain(**asked("true")),
    messages.Suppose(**asked("true"), principal="alice", groups=None, at=None, facts=[], breaks_glass=False),
    messages.Resume(id=ID, streams=["null"] * 3),
    messages.Withdraw(id=ID),
    messages.Review(id=ID, verdict="approve", fingerprint=bytes(32), comment=""),
    messages.Basis(id=ID, verdict="approve"),
    messages.SignedReview(id=ID, verdict="approve", fingerprint=bytes(32), comment="", receipt="", signature=""),
    messages.List(what="requests", ended=False),
    messages.Page(what="requests", ended=False, before=None, limit=1),
    messages.Get(
        thing="nothing of a kind that there is",
        stays=True,
        reason=None,
        lasts_for=None,
        tty=None,
        login_session=0,
        parents=[],
        waits=False,
        if_owed=True,
    ),
    messages.Keep(),
    messages.Show(id=ID),
    messages.Revoke(id=ID, of=None, reason=""),
    messages.Giveback(login_session=None),
    messages.Stop(id=ID, reason=""),
    messages.Lock(whom="all", name="", lasts_for=None, reason=""),
    messages.Unlock(id=None, whom="all", name="", reason=""),
    messages.SignedUnlock(id=ID, whom=None, name=None, reason="", receipt="", signature=""),
    messages.Mute(lasts_for=60),
    messages.Reload(),
    messages.Reloadtested(digest=None),
    messages.Audit(after=0),
    messages.Export(since=None, until=None, who=None, rule=None),
    messages.Report(since=None, until=None, who=None, rule=None, form="json", standing=None),
    messages.KeptReport(month="2026-11", form="json"),
    messages.Pack(id=ID, recordings=False),
    messages.SigningKey(rotate=False),
    messages.Metrics(),
    messages.Status(),
    messages.Replay(id=ID, follow=False),
    messages.Watch(ended=False),
    messages.Observe(id=ID, offset=0),
    messages.Seen(beat=1),
    messages.Enforce(
        service="sudo",
        stage="account",
        user="alice",
        uid=4001,
        ruser=None,
        rhost=None,
        tty=None,
        login_session=0,
        authenticated=None,
        words=[b"sudo", b"true"],
        posix=False,
        search_path=b"/usr/bin",
        shell=b"/bin/sh",
        cwd=b"/",
        cwd_device=0,
        cwd_inode=0,
        reason=None,
        waits=True,
    ),  # fmt: skip
    messages.EnforceCommand(
        service="sudo",
        uid=4001,
        tty=None,
        login_session=0,
        path=b"/usr/bin/true",
        argv=[b"true"],
        environment=[],
        options=[],
        run_as="root",
        run_as_uid=0,
        run_as_gid=0,
        cwd=b"/",
        cwd_device=0,
        cwd_inode=0,
        chdir=None,
        chroot=None,
        reason=None,
        waits=True,
        if_owed=True,
    ),
    messages.Proof(proof=None, because=""),
    messages.Carried(carrier="ssh", source="10.1.2.3"),
    messages.Stamp(),
    messages.Roll(),
    messages.Bye(),
    messages.Challenge(binding=bytes(32)),
    messages.Granted(id=ID, boot_ms=0, text="", places=[]),
    messages.Slow(left_ms=1),
    messages.Welcome(principal=f"alice@{REALM}", user="alice", host="lab", until=None, operator=True),
    messages.Progress(id=ID, state="approved", owed=False, news=[], until=None),
    messages.Start(id=ID, news=[]),
    messages.Given(id=ID, thing="", name="", to="", until="", left_ms=0, stays=True, news=[]),
    messages.Taken(id=ID, because=""),
    messages.Prove(account="alice", n_left=5),
    messages.Item(row={}),
    messages.Done(text=""),
    messages.Refused(code="denied", text=""),
    messages.DaemonHello(version=messages.VERSION, nonce=bytes(32)),
    messages.DaemonToken(token=b"x"),
]
BEGIN = ("submit", "anew", "breakglass")
"""Begin a request."""
PAIRS = list(itertools.product(SAMPLES, repeat=2))


def test_every_message_there_is_has_a_sample():
    assert {type(sample) for sample in SAMPLES} == {*FROM_CLIENT.values(), *FROM_DAEMON.values()}


def test_before_authentication_every_two_messages_end_the_connection_and_do_nothing(house):
    """THREATS S-10: all pairs, sent in one go; the one legal beginning ends at its worthless token."""
    before = house.at_rest().records()
    for first, second in PAIRS:
        with Raw(house, uid_of("alice")) as raw:
            raw.send(frame(encode(first)) + frame(encode(second)))
            heard = []
            while (body := raw.hear_body()) is not None:
                heard.append(coding.decode(body, FROM_DAEMON).type)
            allowed = [[], ["hello"], ["hello", "refused"]] if type(first) is messages.Hello else [[]]
            assert heard in allowed, (first, second)
            assert heard != ["hello", "refused"] or second.type == "token"
    assert house.records() == before


ANSWERED = [
    "breakglass",
    "edit",
    "edits",
    "undo",
    "get",
    "keep",
    "resume",
    "explain",
    "suppose",
    "review",
    "basis",
    "signedreview",
    "list",
    "page",
    "show",
    "revoke",
    "giveback",
    "stop",
    "lock",
    "unlock",
    "signedunlock",
    "mute",
    "reload",
    "reloadtested",
    "audit",
    "export",
    "pack",
    "report",
    "keptreport",
    "signingkey",
    "metrics",
    "status",
    "replay",
    "observe",
    "seen",
    "withdraw",
    "enforce",
    "enforcecommand",
]
"""After these somebody who is ready is ready again: none of the samples is about something that there is, and no rule lets
somebody break glass.
"""
MAY_FOLLOW = {
    "submit": ("withdraw", "bye"),
    "anew": ("withdraw", "bye"),
    "watch": ("bye",),
    "bye": (),
    **{one: (*ANSWERED, "submit", "anew", "watch", "bye") for one in ANSWERED},
}
"""What may be said first, and then what after it, by the words of PROTOCOL.md and not by the code's own table."""


def expected(*said) -> bool:
    """True if all that was said was in its place."""
    first, *second = (message.type if type(message) in FROM_CLIENT.values() else "" for message in said)
    return first in MAY_FOLLOW and all(one in MAY_FOLLOW[first] for one in second)


ALIVE = messages.Show(id="ZZZZ-ZZZZ")
"""Of another id than all the samples, so that the answer to it is known from theirs."""


def is_answer_to_alive(heard) -> bool:
    return isinstance(heard, messages.Refused) and ALIVE.id in heard.text


def test_after_authentication_every_two_messages_are_answered_or_end_the_connection(house):
    """THREATS S-10: all pairs, sent in one go, by somebody who may ask; what waited is withdrawn, nothing ran."""
    n_submitted = 0
    ready = [pair for pair in PAIRS if {message.type for message in pair} <= {*ANSWERED}]
    assert len(ready) > 400
    with connected(house, "alice") as raw:  # one for all of these: after each of them somebody who is ready is ready again
        for first, second in ready:
            raw.send(b"".join(frame(raw.seal(encode(said))) for said in (first, second, ALIVE)))
            while not is_answer_to_alive(heard := raw.hear()):
                assert heard is not None and heard.type not in ("start", "welcome"), (first, second)
            n_submitted += (first.type in BEGIN) + (second.type in BEGIN)
    for first, second in PAIRS:
        if (first, second) in ready:
            continue
        with connected(house, "alice") as raw:
            raw.send(frame(raw.seal(encode(first))) + frame(raw.seal(encode(second))))
            if not expected(first, second) or "bye" in (first.type, second.type):
                heard = []
                while (message := raw.hear()) is not None:
                    heard.append(message.type)
                assert "start" not in heard and "welcome" not in heard, (first, second)
            else:
                raw.say(messages.Bye())
                assert raw.is_closed()
            n_submitted += expected(first) and first.type in BEGIN
            n_submitted += expected(first, second) and second.type in BEGIN
    assert n_submitted > 10
    wait_for(lambda: house.kept("requests") == [])
    rows = house.rows("requests", "--all")
    assert len(rows) == n_submitted
    ends = {"breakglass" if row["breaks_glass"] else "others": row["state"] for row in rows}
    assert ends == {"breakglass": "denied", "others": "withdrawn"}, "no rule of this house breaks glass"
    assert house.rows("runs", "--all") == []


def n_broken(house, after):
    """How often the protocol was broken since the record of that number: the pairs above have left thousands."""
    return [record["event"] for record in house.records(after)].count("connection.broken")


@pytest.mark.parametrize("message", SAMPLES, ids=lambda message: type(message).__name__)
def test_nothing_may_be_said_once_a_run_has_started(house, message):
    """THREATS S-10: the third state: all but goodbye, and a withdrawal that crossed the start, breaks the protocol."""
    before = house.head().number
    with connected(house, "root") as raw:
        raw.say(submission("true"))
        while (heard := raw.hear()).type != "start":
            assert heard.type == "progress"
        assert len(raw.descriptors) == 1
        raw.say(message)
        if message.type == "withdraw":
            raw.say(messages.Bye())
        assert raw.hear() is None
        id = heard.id
    assert n_broken(house, before) == (message.type not in ("bye", "withdraw"))
    wait_for(lambda: shown_to(house, "root", id)["runs"][0]["state"] == "ended")
    (run,) = shown_to(house, "root", id)["runs"]
    assert run["outcome"]["ending"] == "not started", "whoever was to hand over streams has gone"


def test_what_is_asked_in_one_breath_is_answered_in_order(house):
    with connected(house, "bob") as raw:
        kinds = ["requests", "nonsense"] * 20
        raw.send(b"".join(frame(raw.seal(encode(messages.List(what=what, ended=False)))) for what in kinds))
        assert [raw.hear().type for _ in kinds] == ["done", "refused"] * 20


# --- bytes that are no messages ------------------------------------------------------------------------------------------

BODIES = {
    "no object": b"[]",
    "deep lists": b"[" * 60_000,
    "deep objects": b'{"a":' * 10_000,
    "deep and closed": b'{"type":' + b"[" * 20_000 + b"]" * 20_000 + b"}",
    "digits": b"9" * 60_000,
    "a long integer": b'{"type":"hello","version":' + b"9" * 50_000 + b',"authentication":"krb5","nonce":""}',
    "an exponent": b'{"type":"hello","version":1e999999999,"authentication":"krb5","nonce":""}',
    "NaN": b'{"type":"hello","version":NaN,"authentication":"krb5","nonce":""}',
    "escapes": b'"' + b"\\u0000" * 10_000 + b'"',
    "no UTF-8": b"\xff" * 1000,
    "a type twice": b'{"type":"bye","type":"hello"}',
    "blanks": b" " * 65_000,
    "many names": b"{" + b",".join(b'"%d":0' % n for n in range(6000)) + b"}",
    "an array of nonces": b'{"type":"hello","version":1,"authentication":"krb5","nonce":["a"]}',
    "a short nonce": b'{"type":"hello","version":1,"authentication":"krb5","nonce":"AAAA"}',
    "another authentication": b'{"type":"hello","version":1,"authentication":"none","nonce":"' + b"A" * 43 + b'="}',
    "another version": b'{"type":"hello","version":2,"authentication":"krb5","nonce":"' + b"A" * 43 + b'="}',
    "a negative version": b'{"type":"hello","version":-1,"authentication":"krb5","nonce":"' + b"A" * 43 + b'="}',
}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_bytes_that_are_no_message_end_the_connection(house, body):
    """THREATS S-07: before authentication, and sealed in a context after it; the next client is served as ever."""
    before = house.at_rest().rows("requests", "--all")
    for raw in (Raw(house, uid_of("eve")), connected(house, "eve")):
        with raw:
            raw.send(frame(raw.seal(body)))
            assert raw.is_closed()
    with connected(house, "bob") as bob:
        bob.rows(messages.List(what="requests", ended=False))
    assert house.rows("requests", "--all") == before


def test_a_length_beyond_the_limit_ends_the_connection_before_its_bytes_come(house):
    """THREATS S-07: 64 KiB before authentication, 4 MiB after it, and never nothing."""
    for length in (0, LIMIT_BEFORE_AUTHENTICATION + 1, LIMIT, 2**31, 2**32 - 1):
        with Raw(house, uid_of("eve")) as raw:
            raw.send(length.to_bytes(4, "big"))
            assert raw.is_closed()
    for length in (0, LIMIT + 1, 2**31, 2**32 - 1):
        with connected(house, "eve") as raw:
            raw.send(length.to_bytes(4, "big"))
            assert raw.is_closed()


def test_a_frame_of_the_whole_limit_is_read(house):
    """The other side: what may be that long, is taken."""
    with Raw(house, uid_of("eve")) as raw:
        hello = encode(SAMPLES[0])
        raw.send(frame(hello + b" " * (SMALL - len(hello))))
        assert raw.hear().type == "hello"
    with connected(house, "bob") as raw:
        plain = encode(messages.Explain(**asked("true")))
        over = len(raw.seal(plain)) - len(plain)
    with connected(house, "bob") as raw:
        sealed = raw.seal(plain + b" " * (LIMIT - over - len(plain)))
        assert len(sealed) == LIMIT
        raw.send(frame(sealed))
        assert raw.hear().type == "item"


def test_a_connection_that_ends_in_the_middle_of_a_frame_leaves_nothing(house):
    whole = frame(encode(SAMPLES[0]))
    for end in range(len(whole)):
        Raw(house, uid_of("eve")).send(whole[:end])
    with connected(house, "bob") as bob:
        bob.rows(messages.List(what="requests", ended=False))
