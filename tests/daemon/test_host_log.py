# SPDX-License-Identifier: Apache-2.0
"""The lines of the journal that are made of the record: after the commit, in order, once, and without what a rule hides."""

from __future__ import annotations

import asyncio
import json
import os
import re
import socket
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from jitd import journal
from jitd.core.claims import Claims
from jitd.core.decision import Approval, Deny, Why
from jitd.core.grade import Finding, Grade
from jitd.core.request import Verdict
from jitd.core.subject import BY_PAM, LOCAL
from jitd.journal import Journal, cut, native
from jitd.lifecycle.lifecycle import Lifecycle
from jitd.store.opening import read_store
from jitd.store.sqlite import SqliteStore
from jitd_sinks.sinks import host_log, pace
from jitd_sinks.sinks.host_log import FREELY, WINDOW, HostLog, line_of
from jitpam.wire.shown import shown_argument, shown_command
from tests.scene import asked, command, free, locked, moment, permit, person, place, review, screened, submit, withdraw
from tests.waiting import PATIENCE

REFUSES = Deny(Why.RULE, "rule no-rm denies it", "no-rm")
Entry = dict[str, list[str]]


def read(message: bytes) -> Entry:
    """Read a message of the journal's protocol, as journald does."""
    found: Entry = {}
    while message:
        name, _, rest = message.partition(b"\n")
        size = int.from_bytes(rest[:8], "little")
        assert rest[8 + size : 9 + size] == b"\n"
        found.setdefault(name.decode(), []).append(rest[8 : 8 + size].decode())
        message = rest[9 + size :]
    return found


class Receiver:
    """A socket like that of journald. While it does not listen, it is not there."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.line: socket.socket | None = None
        self.listen()

    def listen(self, room: int = 1 << 20) -> None:
        self.line = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.line.bind(str(self.path))
        self.line.setblocking(False)

    def heard(self) -> list[bytes]:
        found = []
        with suppress(BlockingIOError):
            while self.line is not None:
                found.append(self.line.recv(1 << 16))
        return found

    def end(self) -> None:
        if self.line is not None:
            self.line.close()
            self.path.unlink()
            self.line = None


class House:
    """The part of a daemon that has the record and writes its lines."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.receiver = Receiver(path / "journal.sock")
        self.thread = ThreadPoolExecutor(1)
        self.after, self.clock = 0.0, 1000.0
        self.got: list[Entry] = []
        self.begin()

    def begin(self) -> None:
        self.store = SqliteStore(self.path / "jitd.db")
        self.lifecycle = Lifecycle(self.store, lambda: moment(self.after), lambda: "policy", lambda head: self.log.look(head))
        to = Journal(str(self.receiver.path), str(self.path / "log"))
        opened: Callable[[], Any] = lambda: read_store(self.path / "jitd.db")  # noqa: E731
        self.log = HostLog(self.store, opened, self.in_thread, lambda: self.clock, self.path / "place", to)

    async def in_thread(self, work: Callable[[], Any]) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self.thread, work)

    def again(self) -> None:
        """The daemon was killed, and starts again."""
        self.end()
        self.begin()

    def write(self, until: Callable[[], bool] | None = None) -> list[Entry]:
        """Write until all is written or ``until`` is true. Return what the receiver has got."""
        before = len(self.got)

        async def play() -> None:
            self.log._changed = asyncio.Event()  # of this loop
            self.log._changed.set()
            task = asyncio.create_task(self.log.keep())
            async with asyncio.timeout(PATIENCE):
                while not (until() if until else self.log._at == self.store.head().number and not self.log._left_out):
                    await asyncio.sleep(0.005)
                    self.got += map(read, self.receiver.heard())
            task.cancel()

        asyncio.run(play())
        self.got += map(read, self.receiver.heard())
        return self.got[before:]

    def numbers(self) -> list[int]:
        return [int(one["JITD_RECORD"][0]) for one in self.got if "JITD_RECORD" in one]

    def note(self, n: int = 1) -> None:
        for _ in range(n):
            self.lifecycle.note("policy.loaded", "root", 0, {"rules": 1})

    def deny(self, id: str, who: str = "alice", **changes: Any) -> None:
        request = asked(id, person(who, **changes))
        self.lifecycle.handle(submit(request), screened(request, REFUSES))

    def end(self) -> None:
        self.thread.submit(self.log._lines.close).result()
        self.log._journal.close()
        self.store.close()


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host_log, "AGAIN_AFTER", (0.001, 0.01))
    monkeypatch.setattr(pace, "SHARE", 1.0)
    monkeypatch.setattr(pace, "LEAST_SHARE", 1.0)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    made = House(tmp_path)
    yield made
    made.end()
    made.receiver.end()


# --- what a line has -------------------------------------------------------------------------------------------------------


def test_a_line_has_a_sentence_for_people_and_fields_to_search_by(house: House) -> None:
    request = asked(what=command("systemctl", "restart", "my app"))
    alice, bob = request.requester.principal, person("bob").principal
    house.lifecycle.handle(submit(request), screened(request, permit()))
    house.lifecycle.handle(review(house.store.request(request.id), person("bob")))  # type: ignore[arg-type]
    lines = house.write()
    assert lines[0]["MESSAGE"] == [
        f"{request.id}: {alice} asked to run systemctl restart 'my app' as root in /srv: \"\""[:-4]
    ] or (lines[0]["MESSAGE"][0].startswith(f"{request.id}: {alice} asked to run systemctl restart 'my app' as root in /srv"))
    assert [one["JITD_EVENT"] for one in lines[:3]] == [["request.submitted"], ["request.screened"], ["request.reviewed"]]
    for one in lines:
        assert (one["JITD_REQUEST"], one["JITD_REQUESTER"], one["JITD_APPROVERS"]) == ([request.id], [alice], [bob])
        assert one["JITD_COMMAND"] == ["systemctl restart 'my app'"] and one["JITD_RUN_AS"] == ["root"]
        assert (one["SYSLOG_IDENTIFIER"], one["SYSLOG_FACILITY"]) == (["jitd"], ["10"])
    assert house.numbers() == list(range(1, house.store.head().number + 1))


def test_a_denial_is_a_warning_and_what_gives_root_is_more_than_that(house: House) -> None:
    house.deny("K7QM-2XVD")
    root = asked("RTTT-0001", what=command("bash", findings=(Finding(Grade.GIVES, "a shell"),)))
    house.lifecycle.handle(submit(root), screened(root, free()))
    levels = {(one["JITD_REQUEST"][0], one["JITD_EVENT"][0]): one["PRIORITY"] for one in house.write() if "JITD_REQUEST" in one}
    assert levels["K7QM-2XVD", "request.submitted"] == ["6"] and levels["K7QM-2XVD", "request.screened"] == ["4"]
    assert levels["RTTT-0001", "grant.issued"] == ["3"]


def test_syslog_gets_the_sentence_where_there_is_no_journal(house: House) -> None:
    house.receiver.end()
    syslog = Receiver(house.path / "log")
    house.deny("K7QM-2XVD")
    house.write()
    heard = [one.decode() for one in syslog.heard()]
    syslog.end()
    assert (
        len(heard) == 2
        and heard[1].startswith("<84>")
        and heard[1].endswith(f" jitd[{os.getpid()}]: K7QM-2XVD: denied: rule no-rm denies it")
    )


def test_a_field_is_cut_and_ends_no_other(house: House) -> None:
    """THREATS L-30."""
    long, hostile = "x" * 90_000, "a\nJITD_REQUESTER=root\n\x1b[2J"
    request = asked(what=command("echo", long, hostile))
    house.lifecycle.handle(submit(request), screened(request, REFUSES))
    lines = house.write()
    assert all(len(text.encode()) <= journal.MOST_BYTES for one in lines for texts in one.values() for text in texts)
    assert all(text.isprintable() for one in lines for texts in one.values() for text in texts)
    assert {tuple(one["JITD_REQUESTER"]) for one in lines} == {(request.requester.principal,)}
    assert read(native({"A": hostile, "B": ("1", "2"), "C": ""})) == {"A": [hostile], "B": ["1", "2"]}
    assert cut("é" * 4096).encode().decode().endswith(")") and cut("short") == "short"


@pytest.mark.parametrize(
    "words",
    [
        ("x" * 1_000_000,),
        ("x",) * 19_000,
        ("x" * 4090,),
        ("é" * 2045, "y" * 100),
        ("x" * 4091,),
        ("short", "a b"),
        ("x" * 2000,) * 3,
    ],
    ids=lambda words: f"{len(words)} of {len(words[0])}",
)
def test_a_long_command_is_cut_before_it_is_looked_through(house: House, words: tuple[str, ...], monkeypatch: Any) -> None:
    """The journal says the same as if all of it had been looked at: so much of it, and how much more there is."""
    looked: list[int] = []

    def look(argument: bytes) -> str:
        looked.append(len(argument))
        return shown_argument(argument)

    request = asked(what=command("echo", *words))
    whole = shown_command(request.command.argv)
    monkeypatch.setattr("jitpam.wire.shown.shown_argument", look)
    house.lifecycle.handle(submit(request), screened(request, REFUSES))
    looked.clear()
    lines = house.write()
    assert sum(looked) <= 3 * (journal.MOST_BYTES + 2) * len(lines)
    for line in lines:
        assert line["JITD_COMMAND"] == [cut(whole)]
    (first,) = (line["MESSAGE"][0] for line in lines if line["JITD_EVENT"] == ["request.submitted"])
    assert first == cut(f'K7QM-2XVD: alice@EXAMPLE.TEST asked to run {whole} as root in /srv: "why"') or len(whole) > 4090


@given(st.text(st.characters(exclude_categories=("Cs",)), max_size=60), st.integers(0, 3000))
@example('done"; run_as nobody', 0)
@example("a\nJITD_REQUESTER=root", 0)
@example("\u202e", 3000)
@example("\\", 3000)
def test_what_one_person_types_is_one_quotation_and_leaves_the_rest_of_the_line(typed: str, n_more: int) -> None:
    """THREATS L-34: whatever it is, and however long, it ends no line, begins no field, and hides no fact that follows it."""
    words = (typed + "x" + typed * n_more)[:4096]
    with TemporaryDirectory() as directory:
        store = SqliteStore(Path(directory) / "jitd.db")
        lifecycle = Lifecycle(store, moment, lambda: "policy", lambda head: None)
        request = asked(claims=Claims(words, None, 7, ()))
        lifecycle.handle(submit(request), screened(request, permit(Approval(2, ("group:ops",)))))
        waits = store.request(request.id)
        assert waits is not None
        lifecycle.handle(review(waits, person("bob"), comment=words))
        made = locked(name="eve", reason=words)
        lifecycle.handle(place(made))
        lines = [line_of(store, number, body, seal) for number, body, seal in store.records(0)]
        store.close()
    said = {line.fields["JITD_EVENT"]: line.message for line in lines}
    begins = {
        "request.submitted": "K7QM-2XVD: alice@EXAMPLE.TEST asked to run true as root in /srv: ",
        "request.reviewed": "K7QM-2XVD: bob@EXAMPLE.TEST approved it: ",
        "lock.placed": "L0CK-0001: dave@EXAMPLE.TEST locked account eve until the lock is lifted: ",
    }
    for event, begin in begins.items():
        end = "; it needs more approvals" if event == "request.reviewed" else ""
        assert re.fullmatch(re.escape(begin) + r'"[^"]*"(\.\.\.\(\+[0-9]+\))?' + end, said[event])
    for line in lines:
        for text in (line.message, *(part for of in line.fields.values() for part in ((of,) if isinstance(of, str) else of))):
            assert text.isprintable() and len(text.encode()) <= journal.MOST_BYTES
        assert [value for name, value in line.fields.items() if name == "JITD_REQUESTER"] in ([], [request.requester.principal])


# --- what a rule hides -------------------------------------------------------------------------------------------------------


def test_of_a_request_that_its_rule_hides_neither_command_nor_reason_nor_requester_is_written(house: House) -> None:
    """THREATS L-30."""
    rule = permit(visible_to=("user:carol",))
    request = asked(what=command("echo", "pLanted"), claims=replace(asked().claims, reason="pLanted"))
    house.lifecycle.handle(submit(request), screened(request, rule))
    house.lifecycle.handle(review(house.store.request(request.id), person("bob"), comment="pLanted"))  # type: ignore[arg-type]
    other = asked("HHDE-0002", what=command("echo", "pLanted"))
    house.lifecycle.handle(submit(other), screened(other, rule))
    house.lifecycle.handle(withdraw(other))
    house.lifecycle.note("recording.watched", request.requester.principal, 1001, {"run": request.id, "live": False})
    lines = house.write()
    assert len(lines) == house.store.head().number
    text = json.dumps(lines)
    for hidden in ("pLanted", "alice", "echo", "JITD_COMMAND", "JITD_REQUESTER"):
        assert hidden not in text, hidden
    assert any("somebody withdrew it" in one["MESSAGE"][0] for one in lines)
    assert [f"{request.id}: bob@EXAMPLE.TEST approved it: ‹hidden›"] in [one["MESSAGE"] for one in lines]


def test_of_a_request_that_is_missing_nothing_is_told(house: House) -> None:
    """THREATS L-30."""
    house.lifecycle.note("thing.differs", "jitd", 0, {"holding": "GONE-0001", "thing": "pLanted", "because": "pLanted"})
    (line,) = house.write()
    assert "pLanted" not in json.dumps(line) and "GONE-0001" in line["MESSAGE"][0]


# --- order, losses and waiting -----------------------------------------------------------------------------------------------


def test_a_daemon_that_is_killed_goes_on_where_it_was(house: House) -> None:
    house.note(3)
    house.write()
    house.note(2)  # committed, and not written before the end
    house.again()
    house.note()
    house.write()
    assert house.numbers() == [1, 2, 3, 4, 5, 6]


def test_after_a_boot_it_begins_with_what_is_new(house: House) -> None:
    house.note(3)
    (house.path / "place").unlink(missing_ok=True)
    house.again()
    house.note()
    house.write()
    assert house.numbers() == [4]


def test_a_journal_that_takes_nothing_gets_all_lines_later(house: House) -> None:
    """THREATS L-30."""
    house.receiver.end()
    house.note(300)
    house.write(until=lambda: bool(house.log.trouble))
    house.note(5)
    assert house.got == []
    house.receiver.listen()
    house.write()
    assert house.numbers() == list(range(1, 306))


def test_what_would_come_too_late_is_left_out_and_this_is_told(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """THREATS L-30."""
    monkeypatch.setattr(host_log, "MOST_LATE", 20)
    house.note(2)
    house.write()
    house.receiver.end()
    house.note(50)
    house.write(until=lambda: house.log._left_out is not None)
    house.receiver.listen()
    house.write()
    told = [one["MESSAGE"][0] for one in house.got if one.get("JITD_EVENT") == ["journal.behind"]]
    assert told == ["records 3 to 42 are not in this journal: jitd audit show --after 2"]
    assert house.numbers() == [1, 2, *range(43, 53)]


# --- pacing ------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("proved", [LOCAL, BY_PAM])
def test_who_has_no_ticket_cannot_fill_the_journal_and_what_is_left_out_is_counted(house: House, proved: str) -> None:
    """THREATS L-30."""
    for n in range(30):
        house.deny(f"EVEE-{n:04}", "eve", principal=f"{proved}eve")
    house.deny("K7QM-2XVD")
    house.lifecycle.note("proof.failed", f"{proved}mallory", 1999, {"person": "mallory", "tries_left": 2})
    house.write()
    by_eve = [one for one in house.got if one["JITD_REQUEST" if "JITD_REQUEST" in one else "JITD_EVENT"][0].startswith("EVEE")]
    assert len(by_eve) == FREELY
    assert [one for one in house.got if "K7QM-2XVD" in one["MESSAGE"][0]], "with a ticket, nobody is paced"
    assert [one for one in house.got if "mallory" in one["MESSAGE"][0]], "each account for itself"
    house.clock += WINDOW + 1
    house.note()
    assert any(f"{60 - FREELY} more records of people without a ticket" in one["MESSAGE"][0] for one in house.write())


def test_what_somebody_without_a_ticket_got_is_always_written(house: House) -> None:
    """THREATS L-30: a flood of denials hides no command."""
    for n in range(30):
        house.deny(f"EVEE-{n:04}", "eve", principal=f"{LOCAL}eve")
    last = asked("KAST-0001", person("eve", principal=f"{LOCAL}eve"), command("reboot"))
    house.lifecycle.handle(submit(last), screened(last, free()))
    house.write()
    written = [one for one in house.got if one.get("JITD_REQUEST") == [last.id]]
    assert {"grant.issued", "run.starting"} <= {one["JITD_EVENT"][0] for one in written}
    assert all(one["JITD_COMMAND"] == ["reboot"] and one["JITD_REQUESTER"] == ["local:eve"] for one in written)


def test_locks_and_notes_are_written_as_they_are(house: House) -> None:
    house.lifecycle.handle(place(locked()))
    (line,) = house.write()
    assert "locked account alice" in line["MESSAGE"][0] and "JITD_REQUEST" not in line


@pytest.mark.parametrize("proved", [LOCAL, BY_PAM])
def test_what_somebody_without_a_ticket_asks_for_and_withdraws_is_paced_too(house: House, proved: str) -> None:
    """THREATS L-30: nobody has permitted what waits."""
    for n in range(30):
        request = asked(f"EVEE-{n:04}", person("eve", principal=f"{proved}eve"))
        house.lifecycle.handle(submit(request), screened(request, permit()))
        house.lifecycle.handle(withdraw(request))
    house.write()
    assert len(house.got) == FREELY


def test_what_is_left_out_is_told_although_the_daemon_ends_before(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """THREATS L-30."""
    monkeypatch.setattr(host_log, "MOST_LATE", 20)
    house.note(2)
    house.write()
    house.receiver.end()
    house.note(50)
    house.write(until=lambda: house.log._left_out is not None)
    house.again()
    house.receiver.listen()
    house.write()
    told = [one for one in house.got if one.get("JITD_EVENT") == ["journal.behind"]]
    assert told or house.numbers() == list(range(1, 53))


def test_a_journal_that_takes_nothing_does_not_cost_a_write_of_the_same_place_again_and_again(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(host_log, "AGAIN_AFTER", (0.01, 0.01))
    house.receiver.end()
    house.note()
    written: list[int] = []
    whole = HostLog._write

    def write(log: HostLog) -> str:
        fault = whole(log)
        written.append((house.path / "place").stat().st_ino)
        return fault

    monkeypatch.setattr(HostLog, "_write", write)
    house.write(until=lambda: len(written) >= 5)
    assert len(set(written)) == 1


def test_a_place_that_cannot_be_written_is_that_of_before(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """THREATS L-30: the tmpfs of /run may be full."""
    house.note(3)
    house.write()

    def full(self: Path, *_: Any, **__: Any) -> int:
        self.open("w").close()
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as now:
        now.setattr(Path, "write_text", full)
        house.note(2)
        house.write()
    house.note(2)
    house.again()
    house.write()
    assert {6, 7} <= set(house.numbers())


@pytest.mark.parametrize("place", ["line_of", "id_in", "shown"])
def test_a_defect_of_jitd_costs_one_line_and_is_told(house: House, monkeypatch: pytest.MonkeyPatch, place: str) -> None:
    """THREATS L-30."""
    real = getattr(host_log, place)

    def odd(*about: Any) -> Any:
        if house.log._at == 0:
            raise IndexError("planted")
        return real(*about)

    monkeypatch.setattr(host_log, place, odd)
    house.note(3)
    house.write()
    assert house.numbers() == [1, 2, 3] and "record 1 is not a record of jitd" in house.got[0]["MESSAGE"][0]


def test_a_defect_while_lines_are_written_is_a_trouble_and_they_come_later(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """THREATS L-30."""

    def odd(*_: Any, **__: Any) -> None:
        raise KeyError("planted")

    with monkeypatch.context() as now:
        now.setattr(house.log._journal, "send", odd)
        house.note(3)
        house.write(until=lambda: bool(house.log.trouble))
        assert "KeyError" in house.log.trouble
    house.write(until=lambda: not house.log.trouble)
    assert house.numbers() == [1, 2, 3]


def test_what_is_held_at_the_end_of_the_daemon_is_told(house: House) -> None:
    """THREATS L-30."""
    for n in range(30):
        house.deny(f"EVEE-{n:04}", "eve", principal=f"{LOCAL}eve")
    house.write()
    asyncio.run(house.log.finish())
    house.got += map(read, house.receiver.heard())
    assert house.got[-1]["MESSAGE"][0].startswith(f"{60 - FREELY} more records of people without a ticket")


def test_what_others_decide_about_somebody_without_a_ticket_is_always_written(house: House) -> None:
    """THREATS L-30: a flood hides no decision of an approver."""
    for n in range(30):
        house.deny(f"EVEE-{n:04}", "eve", principal=f"{LOCAL}eve")
    last = asked("KAST-0001", person("eve", principal=f"{LOCAL}eve"))
    house.lifecycle.handle(submit(last), screened(last, permit()))
    house.lifecycle.handle(review(house.store.request(last.id), person("bob"), Verdict.DENY, comment="no"))  # type: ignore[arg-type]
    house.write()
    written = [one["JITD_EVENT"][0] for one in house.got if one.get("JITD_REQUEST") == [last.id]]
    assert written == ["request.reviewed"]
