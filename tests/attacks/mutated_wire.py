# SPDX-License-Identifier: Apache-2.0
"""Sessions with a daemon in which something is nearly right: frames, hellos, proofs, seals, messages and their order.

What they are made of is what clients say: the golden frames, and messages with the ids and fingerprints of what is open in this
daemon. Law: whoever says anything here has one approval at most where two are required, and must not be permitted anything.
"""

from __future__ import annotations

import base64
import json
import os
import socket
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import gssapi

from jitpam.wire import messages
from jitpam.wire.coding import decode, encode
from jitpam.wire.conversation import LAW
from jitpam.wire.faults import LocalProtocolError, RemoteProtocolError
from jitpam.wire.framing import frame
from jitpam.wire.messages import FROM_CLIENT, Message
from tests.attacks.raw import VIEW, Raw, asked, channel_of, connected, initiator, submission, ticket_of, uid_of
from tests.mutation import Mutator
from tests.system.conftest import House
from tests.waiting import PATIENCE, status_of

GOLDEN = Path(__file__).parents[1] / "wire/golden/frames"
CONFIG = 'root = "deny"\n[limits]\npending_per_person = 1000\n'
POLICY = """
[[permit]]
name = "two-approvals"
who = ["user:alice", "user:bob", "user:carol", "user:eve"]
run_as = ["*"]
commands = [["**"]]
approvals = [{ need = 2, from = ["group:ops"] }]
grant = { lasts = "1h", uses = 100 }

[[permit]]
name = "gate"
who = ["user:alice"]
services = ["sudo", "su", "sshd"]
commands = [["**"]]
approvals = [{ need = 2, from = ["group:ops"] }]
"""
MOST_HELD = 300 * 1024
"""KiB that the daemon may have held at any time: its own 50 MB, and some frames of 4 MiB."""
PERMITS = ("start", "granted", "given")
SILENT = ("seen", "bye", "withdraw", "keep", "token", "proof")
"""What may have no answer of its own, where it is legal."""
BATCH = 400
"""Sessions with one daemon."""


@dataclass
class Corpus:
    """What clients say, and what each field of it has been."""

    golden: list[Message]
    live: list[Message]
    known: dict[tuple[str, str], list[Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for one in (*self.golden, *self.live):
            for name, kind in one.fields.items():
                self.known.setdefault((name, kind), []).append(getattr(one, name))


def golden() -> list[Message]:
    """What a client says in the golden frames."""
    lines = [line.split(" ", 2) for line in GOLDEN.read_text("ascii").splitlines()]
    return [decode(body.encode("ascii"), FROM_CLIENT) for speaker, _, body in lines if speaker == "client"]


def live(house: House) -> list[Message]:
    """What can be said of what is open in ``house``."""
    with connected(house, "alice") as alice:
        id = alice.submit("id", str(time.monotonic_ns()), waits=False)
    with connected(house, "bob") as bob:
        (row,) = bob.rows(messages.Show(id=id))
    fingerprint = bytes.fromhex(row["fingerprint"])
    lists = ("requests", "grants", "runs", "rules", "locks", "reviews")
    return [
        submission("id", "1"),
        submission("id", "2", waits=False),
        messages.Anew(**asked("true"), waits=False, if_owed=True),
        messages.Breakglass(**asked("id"), waits=True, if_owed=True),
        messages.Edit(**asked("sudoedit", "/etc/motd"), waits=False, if_owed=True, text=b"hello\n"),
        messages.Edits(
            **asked("sudoedit", "/etc/motd", "/etc/issue"),
            waits=False,
            if_owed=True,
            texts=[b"hello\n", b""],
            bases=[b"", bytes(32)],
        ),
        messages.Undo(
            id=id, streams=[], reason=None, tty=None, login_session=0, parents=[], starts_at=None, waits=False, if_owed=True
        ),
        messages.Explain(**asked("cat", "/etc/shadow")),
        messages.Explain(**asked(login=True, user="bob")),
        messages.Show(id=id),
        messages.Resume(id=id, streams=["null"] * 3),
        messages.Review(id=id, verdict="approve", fingerprint=fingerprint, comment=""),
        messages.Review(id=id, verdict="deny", fingerprint=fingerprint, comment="no"),
        messages.Withdraw(id=id),
        messages.Revoke(id=id, of=None, reason="x"),
        messages.Revoke(id=None, of="alice@EXAMPLE.TEST", reason=""),
        *(messages.List(what=what, ended=is_ended) for what in lists for is_ended in (False, True)),
        *(messages.Page(what=what, ended=True, before=before, limit=1) for what in lists for before in (None, id)),
        messages.Watch(ended=False),
        messages.Observe(id=id, offset=0),
        messages.Replay(id=id, follow=True),
        messages.Audit(after=0),
        messages.Audit(after=1, who="alice", event="request.", follow=True),
        messages.Export(since=None, until=None, who="alice", rule=None),
        messages.Report(since=None, until=None, who="alice", rule=None, form="html", standing=b"{}"),
        messages.KeptReport(month="2026-11", form="html"),
        messages.Pack(id=id, recordings=True),
        messages.Bye(),
        messages.Seen(beat=1),
        messages.Reload(),
        messages.Reloadtested(digest="00"),
        messages.Mute(lasts_for=60),
        messages.Lock(whom="user", name="dave", lasts_for=1, reason="x"),
        messages.Keep(),
    ]


class Play:
    """Sessions with ``house``, each after a seed of its own. ``faults`` are sentences about what was not as promised."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.slowest = 0.0
        self.n_answers: dict[str, int] = {}
        self.faults: list[str] = []
        self.corpus = Corpus(golden(), live(house))
        self._n_descriptors = self._descriptors()
        self._log_read = len(house.log())

    def _descriptors(self) -> int:
        assert self.house.process is not None
        return len(os.listdir(f"/proc/{self.house.process.pid}/fd"))

    def session(self, seed: int) -> None:
        """One session. What was not as promised is in ``faults``, with the seed."""
        if seed % 25 == 0:
            self.corpus = Corpus(golden(), live(self.house))
        session = Session(self, Mutator(seed))
        try:
            session.play()
        except AssertionError as fault:
            self.faults.append(f"wire, seed {seed}: {fault}; said: {session.told()}")
        if fresh := self.complaints():
            self.faults.append(f"wire, seed {seed}: the log says {fresh!r}; said: {session.told()}")

    def complaints(self) -> list[str]:
        """New lines of the log that say that jitd itself failed."""
        text = self.house.log()[self._log_read :]
        self._log_read += len(text)
        return [line for line in text.splitlines() if is_complaint(line)]

    def end(self) -> list[str]:
        """Look at what has to hold when nobody is connected: all the faults that were found."""
        house = self.house
        assert house.process is not None
        if house.process.poll() is not None:
            return [*self.faults, f"wire: jitd has ended with {house.process.poll()}"]
        ended = [
            f"wire: something was permitted: {one.id}" for which in ("grants", "runs") for one in house.kept(which, ended=True)
        ]
        held = int(status_of(house.process.pid)["VmHWM"].split()[0])
        if held > MOST_HELD:
            ended.append(f"wire: jitd has held {held} KiB")
        until = time.monotonic() + PATIENCE
        while (n_more := self._descriptors() - self._n_descriptors) > 40 and time.monotonic() < until:  # readers of lists stay
            time.sleep(0.05)
        if n_more > 40:
            ended.append(f"wire: {n_more} descriptors are left open")
        return [*self.faults, *ended]


def said_as(kind: type[Message], values: dict[str, Any]) -> bytes:
    """The body of a message with these values, also where no client of ours would say it."""
    try:
        return encode(kind(**values))
    except LocalProtocolError:
        return json.dumps({"type": kind.type, **{name: _plain(value) for name, value in values.items()}}).encode()


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    return [_plain(one) for one in value] if isinstance(value, list) else value


def is_complaint(line: str) -> bool:
    """Whether a line of jitd's log says that jitd itself has failed."""
    return "Traceback" in line or line.startswith(("jitd: failed", "  File ")) or ("fault=" in line and "Error:" in line)


class Session:
    """One connection, from its first byte to the end."""

    def __init__(self, play: Play, mutator: Mutator) -> None:
        self._play = play
        self._mutator = mutator
        self._random = mutator.random
        self._said: list[bytes] = []
        self._state = "ready"

    def told(self) -> list[bytes]:
        """What was said, shortened."""
        return [one if len(one) < 2_000 else one[:1_000] + b"..." + one[-200:] for one in self._said]

    def play(self) -> None:
        """Raises AssertionError where something is not as promised."""
        kind = self._random.randrange(6)
        with suppress(BrokenPipeError, ConnectionResetError):
            if kind == 0:
                self._before_authentication()
            elif kind == 1:
                self._with_a_proof()
            else:
                self._signed_in()

    # --- before authentication ------------------------------------------------------------------------------------------

    def _before_authentication(self) -> None:
        """Any frames, none of which is a proof."""
        with Raw(self._play.house, uid_of("eve")) as raw:
            before = [one for one in self._play.corpus.golden if one.type in ("hello", "token", "list", "proof")]
            for _ in range(self._random.randint(1, 4)):
                body = self._body(self._random.choice(before))
                self._send(raw, self._frame(body))
            self._expect_the_end(raw, may_be_welcome=False)

    def _with_a_proof(self) -> None:
        """A real proof in which something is another. PROTOCOL.md section 3: each has exactly one encoding."""
        with Raw(self._play.house, uid_of("alice")) as raw:
            hello = encode(messages.Hello(version=messages.VERSION, authentication="krb5", nonce=self._random.randbytes(32)))
            self._send(raw, frame(hello))
            theirs = raw.hear_body()
            assert theirs is not None, "a hello was not answered"
            token = bytes(initiator(ticket_of("alice"), channel_of(hello, theirs)).step() or b"")
            other = token
            while other == token:
                other = self._mutator.bytes_of(token)
            self._send(raw, frame(encode(messages.Token(token=other))))
            self._expect_the_end(raw, may_be_welcome=False)

    # --- after it -------------------------------------------------------------------------------------------------------

    def _signed_in(self) -> None:
        """Some messages of somebody who is known, each of them nearly right, or in the wrong place."""
        who = self._random.choice(("alice", "alice", "alice", "eve", "bob", "carol", "root"))
        self._said.append(who.encode())
        with connected(self._play.house, who) as raw:
            for _ in range(self._random.randint(1, 6)):
                body = self._body(self._drawn(who))
                whole = frame(self._seal(raw, body))
                is_whole = not self._mutator.one_in(25)
                whole = whole if is_whole else self._mutator.bytes_of(whole)
                self._said.append(body)
                if who == "root" and self._mutator.one_in(2):
                    self._pass_along(raw, whole)
                else:
                    raw.send(whole)
                if not is_whole:  # the daemon may wait for the rest of it
                    break
                if not self._hear(raw, self._predicted(body)):
                    return
            self._expect_the_end(raw, may_be_welcome=True)

    def _drawn(self, who: str) -> Message:
        """A message of the corpus, often one that is legal in this state."""
        said = self._play.corpus.golden if self._mutator.one_in(5) else self._play.corpus.live
        if who == "root":  # a lock or a new policy of root's would be honest, and leave nothing to try
            said = [one for one in said if one.type not in ("lock", "reload")]
        legal = [one for one in said if ("client", one.type) in LAW[self._state]]
        return self._random.choice(legal if legal and not self._mutator.one_in(5) else said)

    def _body(self, message: Message) -> bytes:
        """``message`` with other values of the right types, or as JSON that is nearly right, or as bytes."""
        draw = self._random.random()
        if draw < 0.15:
            return encode(message)
        if draw < 0.65:
            values = {name: getattr(message, name) for name in message.fields}
            for name in self._random.sample(list(values), min(len(values), self._random.choice((1, 1, 2, 4)))):
                kind = message.fields[name]
                values[name] = self._mutator.valid(kind, self._play.corpus.known[name, kind])
            return said_as(type(message), values)
        body: dict[str, Any] = json.loads(encode(message))
        return self._mutator.json_of(body) if draw < 0.9 else self._mutator.bytes_of(encode(message))

    def _frame(self, body: bytes) -> bytes:
        whole = frame(body)
        return self._mutator.bytes_of(whole) if self._mutator.one_in(4) else whole

    def _seal(self, raw: Raw, body: bytes) -> bytes:
        """``body`` as this connection seals it; at times not quite."""
        if raw.context is None or self._mutator.one_in(40):
            return body
        return raw.seal(body, encrypt=not self._mutator.one_in(20))

    def _pass_along(self, raw: Raw, whole: bytes) -> None:
        """With descriptors, as an enforcement point would, or others."""
        paths = (
            [*VIEW]
            if self._random.random() < 0.6
            else self._random.choices(("/", "/dev/null", *VIEW), k=self._random.randint(1, 5))
        )
        descriptors = [os.open(path, os.O_PATH | os.O_CLOEXEC) for path in paths]
        try:
            raw.send_descriptors(whole, descriptors)
        finally:
            for descriptor in descriptors:
                os.close(descriptor)

    def _send(self, raw: Raw, data: bytes) -> None:
        self._said.append(data)
        raw.send(data)

    @staticmethod
    def _predicted(body: bytes) -> Message | None:
        """What the daemon reads in ``body``; None where it has to hang up."""
        try:
            return decode(body, FROM_CLIENT)
        except RemoteProtocolError:
            return None

    # --- what has to hold -----------------------------------------------------------------------------------------------

    def _hear(self, raw: Raw, said: Message | None) -> bool:
        """Hear what is answered to ``said``. False where the daemon has hung up."""
        legal = None if said is None else LAW[self._state].get(("client", said.type))
        if said is not None and legal is not None:
            if said.type in SILENT:
                self._state = legal
                return True
            if said.type in ("observe", "replay", "watch"):  # goes on until somebody ends it
                return self._one(raw) is not None
            self._state = legal
        while (heard := self._one(raw)) is not None:
            self._state = LAW[self._state].get(("daemon", heard.type), self._state)
            if heard.type != "item":
                return True
        return False

    def _one(self, raw: Raw) -> Message | None:
        """The next message, or None at the end. No permit, and no fault of jitd's own, is among what has to hold."""
        began_at = time.monotonic()
        try:
            heard = raw.hear(PATIENCE)
        except (gssapi.exceptions.GSSError, RemoteProtocolError, ValueError) as fault:
            raise AssertionError(f"what jitd says cannot be read: {fault}") from None
        self._play.slowest = max(self._play.slowest, time.monotonic() - began_at)
        if heard is not None:
            code = getattr(heard, "code", "")
            key = f"{heard.type} {code}".strip()
            self._play.n_answers[key] = self._play.n_answers.get(key, 0) + 1
            assert heard.type not in PERMITS, f"it was permitted: {heard!r}"
            assert code != "failed", f"jitd failed: {heard!r}"
        return heard

    def _expect_the_end(self, raw: Raw, *, may_be_welcome: bool) -> None:
        """Say nothing more: the daemon hangs up."""
        with suppress(OSError):
            raw.socket.shutdown(socket.SHUT_WR)
        for heard in self._rest(raw):
            assert may_be_welcome or heard.type in ("hello", "refused"), f"a proof that is not one was answered: {heard!r}"

    def _rest(self, raw: Raw) -> Iterator[Message]:
        while (heard := self._one(raw)) is not None:
            yield heard


def play(seed: int, n: int) -> tuple[list[str], dict[str, int], float]:
    """``n`` sessions, from ``seed`` on: what was not as promised, how often each answer was heard, and the slowest's seconds."""
    faults: list[str] = []
    answers: dict[str, int] = {}
    slowest = 0.0
    for first in range(0, n, BATCH):
        house = House(POLICY, CONFIG).start()
        try:
            batch = Play(house)
            for number in range(first, min(first + BATCH, n)):
                batch.session(seed + number)
            faults += batch.end()
            for key, times in batch.n_answers.items():
                answers[key] = answers.get(key, 0) + times
            slowest = max(slowest, batch.slowest)
            house.verify()
        finally:
            house.close()
    return faults, answers, slowest
