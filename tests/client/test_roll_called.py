# SPDX-License-Identifier: Apache-2.0
"""``jitd --hosts`` with a carrier that has a roll: which hosts are asked, what is learnt from them, and the file of it."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from jitd.audit import libcrypto, sshsig
from jitd.audit.forms import Word
from jitd.cli import far, lists
from jitd.cli.answer import speaks
from jitd.cli.everywhere import everywhere
from jitd.cli.naming import reviewable
from jitd.cli.walk import REQUESTS, walk
from jitd_board import _links
from jitd_board.state import Heard, Trouble
from jitd_fleet import called, hosts, pins
from jitd_fleet.roll import Pin
from jitpam import carrier
from jitpam.carrier import Carrier
from jitpam.client import RefusedByDaemon, Unreachable
from jitpam.wire.messages import Done, Item, Message, Roll, Watch, Welcome
from tests.client.script import Row, Script, jitd, row_for, waiting
from tests.client.test_far import no_daemon
from tests.waiting import PATIENCE

ID = "K7QM-2XVD"
KEYS = {name: Ed25519PrivateKey.generate() for name in ("db1", "db2", "web2", "thief")}
NAMES = ("db1", "db2", "web2")


def full(name: str) -> str:
    return f"{name}.example.org"


def word(name: str, n_waiting: int = 0, number: int = 10, ago: float = 5, by: str = "") -> Row:
    at = datetime.fromtimestamp(time.time() - ago, UTC).replace(microsecond=0)
    said = Word(full(name), n_waiting, number, bytes(32), at)
    return replace(said, signature=sshsig.sign(KEYS[by or name], Word.NAMESPACE, said.signed.encode())).members()


class Host(Script):
    """One host. ``word`` is what it gives as its word, or why it gives none."""

    word: Row | Exception
    is_over: threading.Event
    """Until then, what is watched goes on."""

    def watch(self, message: Message) -> Iterator[list[Row]]:
        yield from self.changes
        self.is_over.wait(PATIENCE)

    def follow(self, message: Message, wake: int, every: float) -> Iterator[Message]:
        return iter((*(Item(row=row) for row in self.rows), Done(text="")))

    def followed(self, wake: int, every: float) -> Iterator[Message]:
        self.is_over.wait(PATIENCE)
        raise Unreachable("it is over")

    def ask(self, message: Message) -> Iterator[Row]:
        if not isinstance(message, Roll):
            return super().ask(message)
        self.heard.append(message)
        if isinstance(self.word, Exception):
            raise self.word
        return iter([self.word])


class Engine:
    """A carrier of all hosts, with a roll. ``brings`` is what it brings, or why it brings nothing."""

    name = "an engine"

    def __init__(self) -> None:
        self.hosts: dict[str, Host | Exception] = {}
        self.brings: dict[str, Row] | Exception = {}
        self.asked: list[str] = []
        self.n_rolls = 0
        self.is_over = threading.Event()
        for name in NAMES:
            self.has(name)

    def dial(self, host: str, within: float) -> Any:
        raise AssertionError("no byte is carried here")

    def roll(self, hosts: Collection[str]) -> Mapping[str, bytes]:
        self.n_rolls += 1
        if isinstance(self.brings, Exception):
            raise self.brings
        return {full(name): json.dumps(row).encode() for name, row in self.brings.items()}

    def has(self, name: str, *rows: Row) -> Host:
        made = Host(*rows)
        made.word = word(name, len(rows))
        made.is_over = self.is_over
        made.welcome = Welcome(principal="bob@EXAMPLE.TEST", user="bob", host=full(name), until=None, operator=False)
        self.hosts[full(name)] = made
        return made

    def connect(self, host: str, by: Carrier, news: object = None, **more: object) -> Host:
        self.asked.append(host.partition(".")[0])
        found = self.hosts[host]
        if isinstance(found, Exception):
            raise found
        return found

    def asked_by(self, *words: str, status: int = 0) -> list[str]:
        """The hosts that ``jitd --hosts @all words`` asks."""
        self.asked.clear()
        assert jitd(no_daemon(), "--hosts", "@all", *words) == status
        return sorted(self.asked)


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Engine]:
    made = Engine()
    monkeypatch.setattr(carrier, "connect", made.connect)
    monkeypatch.setattr(hosts.Group, "carrier", lambda self, host: made)
    monkeypatch.setattr(hosts, "SYSTEM", str(tmp_path / "none.toml"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    file = tmp_path / "jitd" / "hosts.toml"
    file.parent.mkdir()
    file.write_text(f'[all]\nhosts = {[full(name) for name in NAMES]}\nvia = "true"\n')
    file.chmod(0o600)
    yield made
    far.go(None, None, None)
    speaks("")


@pytest.fixture
def known(engine: Engine, capsys: pytest.CaptureFixture[str]) -> Engine:
    """Each host was asked once, and is known."""
    engine.brings = {name: word(name) for name in NAMES}
    assert engine.asked_by("requests") == sorted(NAMES)
    assert capsys.readouterr().err.startswith("jitd: no open request")
    return engine


def test_once_hosts_are_known_only_those_are_asked_on_which_something_waits(
    known: Engine, capsys: pytest.CaptureFixture[str]
) -> None:
    known.has("db2", row_for(waiting("true", id=ID)))
    known.brings = {"db1": word("db1"), "db2": word("db2", 1), "web2": word("web2")}
    assert known.asked_by("requests") == ["db2"]
    assert ID in (said := capsys.readouterr()).out and said.err == ""
    assert known.asked_by("requests", "--json") == ["db2"]


def test_the_walk_calls_the_roll_before_it_says_that_nothing_waits(known: Engine, capsys: pytest.CaptureFixture[str]) -> None:
    known.n_rolls = 0
    known.asked.clear()
    far.go(None, None, "@all")
    assert walk("") == 0
    assert (known.asked, known.n_rolls) == ([], 1)
    assert "nothing waits for you" in capsys.readouterr().err


@pytest.fixture
def seen(known: Engine, capsys: pytest.CaptureFixture[str]) -> Engine:
    """A request was seen on db2 in its record 12, although the word that it has given then is an earlier one, of record 10."""
    there = known.has("db2", row_for(waiting("true", id=ID)))
    there.number, there.word = 12, word("db2")
    known.brings["db2"] = word("db2", 1, 11)
    assert known.asked_by("requests") == ["db2"]
    assert ID in capsys.readouterr().out
    return known


@pytest.mark.parametrize("number", [11, 12])
def test_what_was_seen_is_not_denied_by_a_word_of_that_record_or_an_earlier_one(
    number: int, seen: Engine, capsys: pytest.CaptureFixture[str]
) -> None:
    """THREATS F-28. An agent repeats it. All that a desk may do is ask."""
    seen.brings["db2"] = word("db2", 0, number)
    for _ in range(2):
        assert seen.asked_by("requests") == ["db2"]
        assert ID in capsys.readouterr().out


def test_a_host_on_which_something_was_seen_is_asked_until_its_word_of_a_later_record_says_that_nothing_waits(
    seen: Engine,
) -> None:
    seen.brings["db2"] = word("db2", 0, 13)
    assert seen.asked_by("requests") == []


def test_a_host_on_which_something_was_seen_is_asked_until_it_lists_nothing(seen: Engine) -> None:
    seen.has("db2").word = word("db2", 0, 10)
    seen.brings["db2"] = word("db2", 0, 12)
    assert seen.asked_by("requests", "--json") == seen.asked_by("requests") == ["db2"], "the first list has no owed reviews"
    assert seen.asked_by("requests") == []


def test_a_host_that_does_not_say_its_record_is_asked_until_it_lists_nothing(known: Engine) -> None:
    """THREATS F-28. As of an older jitd."""
    known.has("db2", row_for(waiting("true", id=ID)))
    known.brings["db2"] = word("db2", 1, 11)
    assert known.asked_by("requests") == ["db2"]
    known.brings["db2"] = word("db2", 0, 1000)
    assert known.asked_by("requests") == ["db2"]
    known.has("db2").word = word("db2", 0, 1000)
    assert known.asked_by("requests") == ["db2"]
    assert known.asked_by("requests") == []


def by_another_list(engine: Engine) -> None:
    assert engine.asked_by("requests", "--all") == sorted(NAMES)


def without_a_word(engine: Engine) -> None:
    del engine.brings["db2"]  # type: ignore[union-attr]
    assert engine.asked_by("requests") == ["db2"]


def by_a_host_that_gives_none(engine: Engine) -> None:
    engine.hosts[full("db2")].word = Unreachable("closed")  # type: ignore[union-attr]
    engine.brings["db2"] = word("db2", 1)  # type: ignore[index]
    assert engine.asked_by("requests") == ["db2"]


def in_a_walk(engine: Engine) -> None:
    far.go(None, None, "@all")
    (rows,) = far.known().everywhere(far.many() or ()).answers(REQUESTS, among={full("db2")})
    assert len(rows) == 1


def in_a_live_list(engine: Engine) -> None:
    for host in engine.hosts.values():
        host.changes = ([*host.rows],)  # type: ignore[union-attr]
    far.go(None, None, "@all")
    assert len(next(far.known().everywhere(far.many() or ()).watch(Watch(ended=False)))) == 1
    engine.is_over.set()


def by_this_host_alone(engine: Engine) -> None:
    assert jitd(no_daemon(), "--host", "db2", "requests") == 0


def by_any_command_for_this_host(engine: Engine) -> None:
    assert jitd(no_daemon(), "--host", full("db2"), "--via", "ssh -T jitd-door@db2", "requests", "--json") == 0


def in_a_walk_of_this_host_alone(engine: Engine) -> None:
    far.go("db2", None, None)
    assert len(reviewable()) == 1


def in_a_live_list_of_this_host_alone(engine: Engine) -> None:
    engine.hosts[full("db2")].changes = ([*engine.hosts[full("db2")].rows],)  # type: ignore[union-attr]
    far.go("db2", None, None)
    with everywhere() as host:
        assert len(next(iter(host.watch(Watch(ended=False))))) == 1
        engine.is_over.set()


def on_the_board(engine: Engine) -> None:
    heard: SimpleQueue[Heard | Trouble] = SimpleQueue()
    far.go(None, None, "@all")
    links = _links(heard.put)
    for link in links:
        link.start()
    try:
        hosts = [heard.get(timeout=PATIENCE) for _ in links]
        assert all(isinstance(one, Heard) for one in hosts)
    finally:
        for link in links:
            link.stop()
        engine.is_over.set()


@pytest.mark.parametrize(
    "how",
    [
        by_another_list,
        without_a_word,
        by_a_host_that_gives_none,
        in_a_walk,
        in_a_live_list,
        by_this_host_alone,
        by_any_command_for_this_host,
        in_a_walk_of_this_host_alone,
        in_a_live_list_of_this_host_alone,
        on_the_board,
    ],
)
def test_what_was_seen_is_not_denied_however_it_was_seen(
    how: Callable[[Engine], None], known: Engine, capsys: pytest.CaptureFixture[str]
) -> None:
    """THREATS F-28."""
    known.has("db2", row_for(waiting("true", id=ID))).number = 10
    how(known)
    known.brings = {name: word(name) for name in NAMES}
    capsys.readouterr()
    assert known.asked_by("requests") == ["db2"]
    assert ID in capsys.readouterr().out


def test_a_list_of_what_has_ended_makes_nobody_be_asked(known: Engine) -> None:
    known.has("db2", row_for(waiting("true", id=ID), state="denied")).number = 10
    by_another_list(known)
    assert known.asked_by("requests") == []


def test_an_empty_page_makes_nobody_be_asked_and_is_not_asked_for_where_nothing_waits(
    known: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lists, "width", lambda: 100)
    known.has("db2", {"more": 0}).number = 10
    assert known.asked_by("requests") == []
    known.brings["db2"] = word("db2", 1)
    assert known.asked_by("requests") == ["db2"]
    known.brings["db2"] = word("db2")
    assert known.asked_by("requests") == []


@pytest.mark.parametrize("words", [("grants",), ("locks",), ("runs",), ("requests", "--all"), ("lock", "--user", "eve")])
def test_what_the_word_does_not_tell_is_asked_of_all_hosts(words: tuple[str, ...], known: Engine) -> None:
    known.n_rolls = 0
    assert known.asked_by(*words) == sorted(NAMES) and known.n_rolls == 0


def test_what_is_wrong_with_a_word_is_said_and_the_host_is_asked(known: Engine, capsys: pytest.CaptureFixture[str]) -> None:
    """THREATS F-26, F-28."""
    known.brings = {"db1": word("db1", ago=185), "db2": word("db2", by="thief")}
    assert known.asked_by("requests") == sorted(NAMES)
    err = capsys.readouterr().err
    assert "jitd: db1: its word is 3 minutes old\n" in err
    assert "jitd: db2: what was brought as its word is not signed by its key\n" in err
    assert "jitd: web2: not heard since " in err


def test_a_host_that_is_hidden_and_does_not_answer_is_named(known: Engine, capsys: pytest.CaptureFixture[str]) -> None:
    """THREATS F-28."""
    known.hosts[full("web2")] = Unreachable("the carrier ended")
    known.brings = {"db1": word("db1"), "db2": word("db2")}
    assert known.asked_by("requests", status=1) == ["web2"]
    err = capsys.readouterr().err
    assert "jitd: web2.example.org: the carrier ended\n" in err and err.endswith("jitd: 1 of 3 hosts did not do what was asked\n")


def test_a_key_that_the_host_has_changed_is_told_once_and_then_its_words_count_again(
    known: Engine, capsys: pytest.CaptureFixture[str]
) -> None:
    there = known.has("db1")
    there.word = word("db1", by="thief")
    known.brings = {name: word(name, by="thief" if name == "db1" else "") for name in NAMES}
    assert known.asked_by("requests") == ["db1"]
    assert "jitd: db1: it has another key than before" in " ".join(capsys.readouterr().err.split())
    assert known.asked_by("requests") == []
    assert "another key" not in capsys.readouterr().err


def test_each_host_is_asked_after_ten_minutes(known: Engine) -> None:
    """THREATS F-28."""
    before = pins.read()
    pins.keep({host: replace(pin, asked_at=pin.asked_at - 601) for host, pin in before.items() if "db2" in host}, before)
    assert known.asked_by("requests") == ["db2"]
    assert known.asked_by("requests") == []


@pytest.mark.parametrize("fault", [RefusedByDaemon("failed", "the host cannot sign its word"), Unreachable("closed")])
def test_a_host_that_gives_no_word_is_listed_and_asked_the_next_time_again(
    fault: Exception, engine: Engine, capsys: pytest.CaptureFixture[str]
) -> None:
    engine.has("db1", row_for(waiting("true", id=ID))).word = fault
    engine.brings = {name: word(name) for name in NAMES}
    assert engine.asked_by("requests") == sorted(NAMES)
    assert ID in capsys.readouterr().out
    assert engine.asked_by("requests") == ["db1"]


def test_a_host_of_which_no_word_was_ever_brought_is_not_asked_for_one(engine: Engine) -> None:
    """An older jitd would close the conversation."""
    engine.asked_by("requests")
    assert not any(isinstance(one, Roll) for host in engine.hosts.values() for one in host.heard)  # type: ignore[union-attr]
    assert not pins.file().exists()


@pytest.mark.parametrize("fault", [Unreachable("the engine does not answer"), None], ids=["fails", "is silent"])
def test_a_roll_that_cannot_be_called_is_told_and_all_hosts_are_asked(
    fault: Exception | None, known: Engine, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    silent = threading.Event()
    if fault is None:
        monkeypatch.setattr(called, "WITHIN", 0.1)
        monkeypatch.setattr(known, "roll", lambda hosts: silent.wait() and {})
    else:
        known.brings = fault
    assert known.asked_by("requests") == sorted(NAMES)
    silent.set()
    said = " ".join(capsys.readouterr().err.split())
    assert (
        "the engine does not answer jitd: no status summary: asking every host directly" if fault else "no status summary within"
    ) in said
    assert "not heard" not in said, "of no host is it known that it has said nothing"


def test_where_signatures_cannot_be_checked_all_hosts_are_asked(known: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(libcrypto, "library", lambda: None)
    assert known.asked_by("requests") == sorted(NAMES)


def test_a_carrier_brings_the_words_of_its_own_hosts_alone_and_one_without_a_roll_has_its_hosts_asked(
    known: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = Engine()
    other.brings = {"db1": word("db1")}
    known.brings = {"db2": word("db2"), "web2": word("web2")}
    own = {full("db1"): known, full("db2"): other, full("web2"): carrier.Command(("true",))}
    monkeypatch.setattr(hosts.Group, "carrier", lambda self, host: own[host])
    assert known.asked_by("requests") == ["db1", "db2", "web2"]


# --- the file


def test_the_file_is_the_persons_alone(known: Engine) -> None:
    assert pins.file().stat().st_mode & 0o777 == 0o600 and pins.file().parent.stat().st_mode & 0o777 == 0o700
    made = sorted((one.name, one.stat().st_mode & 0o777) for one in pins.file().parent.iterdir())
    assert made == [(".roll.json.lock", 0o600), ("roll.json", 0o600)]


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", '{"version":2,"hosts":{}}', '{"version":1}', '{"version":1,"hosts":{"a":{}}}',
     '{"version":1,"hosts":{"a":{"public":"x","number":1,"seal":"","at":1,"asked_at":1,"seen":1}}}',
     '{"version":1,"hosts":{"a":{"public":"","number":1,"seal":"","at":1,"asked_at":1}}}',
     '{"version":1,"hosts":{"a":{"public":"","number":1e999,"seal":"","at":1,"asked_at":1}}}', "[" * 100_000],
)  # fmt: skip
def test_a_damaged_file_is_told_and_all_hosts_are_asked_and_then_it_is_whole_again(
    text: str, known: Engine, capsys: pytest.CaptureFixture[str]
) -> None:
    pins.file().write_text(text)
    assert known.asked_by("requests") == sorted(NAMES)
    assert "roll.json is damaged: all hosts are asked" in " ".join(capsys.readouterr().err.split())
    assert known.asked_by("requests") == []


def test_a_file_that_others_may_change_is_not_believed(known: Engine, capsys: pytest.CaptureFixture[str]) -> None:
    """THREATS F-26: who writes it names the key that is believed."""
    pins.file().chmod(0o662)
    assert known.asked_by("requests") == sorted(NAMES)
    assert "because others may change it" in " ".join(capsys.readouterr().err.split())


def test_a_file_that_cannot_be_written_is_told(engine: Engine, capsys: pytest.CaptureFixture[str]) -> None:
    pins.file().parent.parent.write_text("")
    engine.brings = {name: word(name) for name in NAMES}
    assert engine.asked_by("requests") == sorted(NAMES)
    assert "so all hosts are asked" in " ".join(capsys.readouterr().err.split())


def a_pin(name: str, **changes: Any) -> Pin:
    public = KEYS[name].public_key().public_bytes_raw()
    return replace(Pin(public, 10, bytes(32), time.time() - 30, time.time() - 30), **changes)


def test_desks_of_one_person_that_write_at_once_lose_nothing(engine: Engine) -> None:
    """THREATS F-38."""
    found = {f"host{number}.example.org": a_pin("db1", number=number) for number in range(40)}
    starts = threading.Barrier(len(found))

    def write(host: str) -> None:
        known = pins.read()
        starts.wait()
        pins.keep({host: found[host]}, known)

    for one in (threads := [threading.Thread(target=write, args=(host,)) for host in found]):
        one.start()
    for one in threads:
        one.join()
    assert pins.read() == found


def test_what_another_desk_has_learnt_meanwhile_is_not_overwritten_by_what_is_older(engine: Engine) -> None:
    """THREATS F-38. A desk that has begun earlier, and ends later."""
    before = a_pin("db1")
    pins.keep({full("db1"): before}, {})
    newer = replace(a_pin("thief", number=12), asked_at=before.asked_at + 20, at=before.at + 20)
    pins.keep({full("db1"): newer}, {full("db1"): before})
    older = replace(before, number=11, asked_at=before.asked_at + 10, at=before.at + 10)
    pins.keep({full("db1"): older}, {full("db1"): before})
    assert pins.read() == {full("db1"): newer}
    pins.keep({full("db1"): older}, {full("db1"): newer})  # nobody else has written since: the host's record was set back
    assert pins.read() == {full("db1"): older}


def test_a_file_that_another_desk_does_not_let_go_of_is_told_and_the_list_is_there(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """THREATS F-38."""
    monkeypatch.setattr(pins, "LOCKED_WITHIN", 0.0)
    engine.brings = {name: word(name) for name in NAMES}
    pins.file().parent.mkdir(parents=True)
    with pins._locked():
        assert engine.asked_by("requests") == sorted(NAMES)
    err = " ".join(capsys.readouterr().err.split())
    assert "so all hosts are asked the next time: another jitd of yours is writing it" in err
    assert not pins.file().exists()


def test_a_host_whose_clock_is_far_ahead_is_told_and_its_honest_words_count_later(
    engine: Engine, capsys: pytest.CaptureFixture[str]
) -> None:
    """THREATS F-38."""
    wrong = word("db1", ago=time.time() - 253_402_300_000)  # in the year 9999
    engine.brings = {name: word(name) for name in NAMES} | {"db1": wrong}
    engine.hosts[full("db1")].word = wrong  # type: ignore[union-attr]
    assert engine.asked_by("requests") == sorted(NAMES)
    assert "db1: its word is of 9999-12-31" in " ".join(capsys.readouterr().err.split())
    assert pins.read()[full("db1")].at <= time.time()
    engine.brings["db1"] = word("db1")
    assert engine.asked_by("requests") == []
    engine.brings = {}
    capsys.readouterr()
    assert engine.asked_by("requests") == sorted(NAMES)
    assert "9999" not in capsys.readouterr().err
