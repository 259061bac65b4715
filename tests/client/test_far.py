# SPDX-License-Identifier: Apache-2.0
"""``jitd --host HOST --via COMMAND``: which verbs are sent to another host, to which host, and what a person reads of it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from jitd.cli import OWN, VERBS, far
from jitd.cli.far import AT_THE_DOOR, OF_MANY
from jitpam import carrier
from jitpam.carrier import Command
from jitpam.client import NotAuthenticated, Unreachable
from jitpam.wire.messages import List, Review, Show, Welcome
from tests.client.script import Row, Script, jitd, row_for, waiting

HOST, VIA = "db17.example.org", "ssh -T jitd-door@db17"
THERE = ("--host", HOST, "--via", VIA)
ID = "K7QM-2XVD"
TREE = Path(__file__).parents[2]


class FarScript(Script):
    """The jitd of another host, and what a carrier was started with."""

    def __init__(self, *rows: Row, fault: Exception | None = None, said: str = "") -> None:
        super().__init__(*rows, said=said)
        self.welcome = Welcome(principal="bob@EXAMPLE.TEST", user="bob", host=HOST, until=None, operator=False)
        self.called: list[tuple[str, tuple[str, ...]]] = []
        self.unreached = fault

    def connect_by(self, host: str, carrier: Command, news: object = None, *, realm: str = "") -> FarScript:
        self.called.append((host, carrier.words))
        if self.unreached:
            raise self.unreached
        return self


@pytest.fixture
def there(monkeypatch: pytest.MonkeyPatch) -> FarScript:
    script = FarScript(row_for(waiting("true", id=ID)), said="")
    monkeypatch.setattr(carrier, "connect", script.connect_by)
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    return script


def no_daemon() -> Script:
    """The daemon of this host, which nobody may ask anything."""
    script = Script()
    script.connect = lambda *_, **__: pytest.fail("the daemon of this host was asked")  # type: ignore[method-assign]
    return script


def test_a_verb_is_sent_to_the_host_that_was_named_and_its_words_name_it(
    there: FarScript, capsys: pytest.CaptureFixture[str]
) -> None:
    assert jitd(no_daemon(), *THERE, "approve", "--yes", ID) == 0
    assert there.called == [(HOST, ("ssh", "-T", "jitd-door@db17"))]
    assert [type(message) for message in there.heard] == [Show, Review]
    assert capsys.readouterr().err == f"jitd on {HOST}: request {ID} is approved\n"


def test_without_a_verb_what_waits_there_is_listed(there: FarScript, capsys: pytest.CaptureFixture[str]) -> None:
    assert jitd(no_daemon(), *THERE) == 0
    out = capsys.readouterr().out
    assert out.startswith(f"1 request waits for you on {HOST}:\n")
    assert f"  jitd --host {HOST} --via '{VIA}' approve ID      shows one, and asks\n" in out
    assert there.heard == [List(what="requests", ended=False), List(what="reviews", ended=False)]


def test_the_next_command_line_is_for_this_host_again(there: FarScript, capsys: pytest.CaptureFixture[str]) -> None:
    assert jitd(no_daemon(), *THERE, "requests") == 0
    here = Script()
    assert jitd(here, "requests") == 0
    assert len(there.called) == 1 and here.heard[0] == List(what="requests", ended=False)
    assert capsys.readouterr().err.splitlines()[-1].startswith("jitd: ")


LEAVES = [
    verb for verb in sorted(VERBS | {"audit show", "audit export", "audit key", "audit verify", "audit pack"}) if verb != "audit"
]


@pytest.mark.parametrize("verb", [verb for verb in LEAVES if verb not in AT_THE_DOOR | OF_MANY])
def test_a_verb_that_the_door_does_not_have_is_refused_and_nothing_is_sent(
    verb: str, there: FarScript, capsys: pytest.CaptureFixture[str]
) -> None:
    assert jitd(no_daemon(), *THERE, *verb.split(), "word") == 2
    assert f"jitd {verb} cannot be used with --host: it is for people on {HOST}\n" in capsys.readouterr().err
    assert there.called == []


def test_each_verb_at_the_door_is_one_that_there_is() -> None:
    assert {verb.partition(" ")[0] for verb in AT_THE_DOOR} <= OWN.keys()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--host", HOST), f"{HOST} is not in /etc/jitd/hosts.toml and "),
        (("--via", VIA), "--via goes with --host"),
        (("--host", HOST, "--hosts", "@prod"), "--hosts goes with neither --host nor --via"),
        (("--host", "", "--via", VIA), "--host: must be the name of the host in its key"),
        (("--host", "db17/admin", "--via", VIA), "--host: must be the name of the host in its key"),
        (("--host", "db17@EVIL.TEST", "--via", VIA), "--host: must be the name of the host in its key"),
        (("--host", "db17\n", "--via", VIA), "--host: must be the name of the host in its key"),
        (("--host", "-db17", "--via", VIA), "--host: must be the name of the host in its key"),
        (("--host", "x" * 300, "--via", VIA), "--host: must be the name of the host in its key"),
        (("--host", HOST, "--via", ""), "--via: must be a command"),
        (("--host", HOST, "--via", "  "), "--via: must be a command"),
        (("--host", HOST, "--via", "ssh -o 'A B' db17"), "--via: its words end at blanks"),
        (("--host", HOST, "--via", 'ssh "db17"'), "--via: its words end at blanks"),
        (("--host", HOST, "--via", "ssh db\\ 17"), "--via: its words end at blanks"),
    ],
)
def test_what_names_no_host_or_no_command_is_refused_and_nothing_is_sent(
    words: tuple[str, ...], said: str, there: FarScript, capsys: pytest.CaptureFixture[str]
) -> None:
    """THREATS F-15."""
    assert jitd(no_daemon(), *words, "requests") == 2
    assert said in capsys.readouterr().err
    assert there.called == []


@pytest.mark.parametrize("typed", ["DB17.Example.ORG", "db17.example.org."])
def test_a_host_is_named_as_in_its_key_whatever_the_case(typed: str, there: FarScript) -> None:
    """THREATS F-15. It is in lower case, as jitd's own name is, and nothing is looked up."""
    assert jitd(no_daemon(), "--host", typed, "--via", VIA, "requests") == 0
    assert there.called[0][0] == HOST


@pytest.mark.parametrize(
    ("fault", "status"),
    [
        (Unreachable(f"the carrier ended: {VIA} (status 255)"), 125),
        (NotAuthenticated("no ticket", "you have no Kerberos ticket: kinit"), 119),
    ],
)
def test_a_fault_on_the_way_is_told_as_our_own_words(
    there: FarScript, fault: Exception, status: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither is the other host named as who says it, nor this host's daemon blamed, nor root told what root may not."""
    monkeypatch.setattr("os.geteuid", lambda: 0)
    there.unreached = fault
    for verb in (["requests"], ["approve", "--yes", ID], []):
        assert jitd(no_daemon(), *THERE, *verb) == status
        assert capsys.readouterr().err == f"jitd: {fault}\n"


def test_the_host_of_each_row_is_shown_even_if_it_has_the_name_of_this_one(
    there: FarScript, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    row = dict(there.rows[0], host="db1.elsewhere.test")
    monkeypatch.setattr("jitd.cli.lists.width", lambda: 120)
    monkeypatch.setattr("os.uname", lambda: type("Named", (), {"nodename": "db1"}))
    there.rows = (row,)
    assert jitd(no_daemon(), *THERE, "requests") == 0
    assert "db1.elsewhere.test" in capsys.readouterr().out
    assert jitd(Script(row), "requests") == 0
    assert "db1.elsewhere.test" not in capsys.readouterr().out


def test_a_verb_of_this_host_loads_nothing_that_a_carrier_needs() -> None:
    code = f"import sys; sys.path[:0] = [{str(TREE)!r}]; import jitd.cli, jitd.cli.lists, jitd.cli.review; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert "jitd.cli.far" in loaded
    assert {"jitpam.carrier", "jitd_fleet"} & {*loaded} == set()


def test_the_state_of_a_host_is_known_to_no_other_module() -> None:
    far.go(None, None, None)
    assert far.there() is None and far.typed("jitd approve") == "jitd approve"
    far.go(HOST, VIA, None)
    assert far.typed("jitd approve") == f"jitd --host {HOST} --via '{VIA}' approve"
    far.go(None, None, None)
