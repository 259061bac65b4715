# SPDX-License-Identifier: Apache-2.0
"""Files of hosts that are wrong, huge or hostile, and commands that print hosts and do not stop: each ends in a sentence."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

from jitd.cli import far
from jitd.cli.hosts import Far, name_of
from jitd.cli.not_done import NotDone
from jitd_fleet import hosts, many
from tests.client.many import ID, PROD, Fleet, write
from tests.client.many import fleet as fleet
from tests.client.script import jitd, row_for, waiting
from tests.client.test_far import no_daemon


def refused(capsys: pytest.CaptureFixture[str], group: str = "@a") -> str:
    """What a person reads whose file of hosts is refused."""
    assert jitd(no_daemon(), "--hosts", group, "requests") == 2
    err = capsys.readouterr().err
    assert "\x1b" not in err and len(err) < 2000
    return " ".join(err.split())


def prints(code: str, *more: str) -> str:
    """A group whose hosts a command prints."""
    return f'[a]\nrun = {json.dumps([sys.executable, "-c", code])}\nvia = "true"\n' + "".join(more)


# --- the file


@pytest.mark.parametrize("kind", ["fifo", "directory", "device"])
def test_a_file_of_hosts_that_is_none_is_refused_and_not_waited_for(
    kind: str, fleet: Fleet, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """THREATS F-23."""
    file = tmp_path / "jitd" / "hosts.toml"
    file.unlink()
    if kind == "fifo":
        os.mkfifo(file, 0o600)
    elif kind == "directory":
        file.mkdir(0o700)
    else:
        file.symlink_to("/dev/null")
    said = refused(capsys)
    assert f"{file} is not read, because it is not a regular file" in said or "cannot be read: Is a directory" in said
    assert fleet.called == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("#" * (hosts.MOST_OF_FILE + 1), "has more than 1048576 bytes"),
        ("a = " + "[" * 100_000, "is not TOML"),
        ("a = " + "1" * 5000, "is not TOML"),
        ("[" + "x" * 100_000 + "]\n", "the name of a group has letters"),
        ('[a]\nhosts = ["b"]\nvia = "true"\n' + "k" * 50_000 + " = 1\n", "there is no key kkk"),
        (f'[a]\nhosts = ["{"x" * 50_000}"]\nvia = "true"\n', "is not the name of a host"),
        (f'[a]\nhosts = ["a{"[0-1]" * 2000}"]\nvia = "true"\n', "is not a range"),
        ('[a]\nhosts = ["a[0-999]b[0-999]"]\nvia = "true"\n', "is not a range"),
        ('[a]\nhosts = ["a[0-9999]", "b[0-9999]", "c"]\nvia = "true"\n', "has more than 20000 hosts"),
        (f'[a]\nhosts = {["a[0-19999]"] * 1000}\nvia = "true"\n', "has more than 20000 hosts"),
        ('[a]\nhosts = ["db\\u212a"]\nvia = "true"\n', "is not the name of a host"),
    ],
    ids=["huge", "deep", "number", "name", "key", "word", "nested", "product", "sum", "again", "kelvin"],
)
def test_a_file_of_hosts_without_measure_is_refused(
    text: str, said: str, fleet: Fleet, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """THREATS F-23."""
    write(tmp_path, text)
    assert said in refused(capsys)
    assert fleet.called == []


@pytest.mark.usefixtures("fleet")
def test_all_groups_together_have_a_limit(tmp_path: Path) -> None:
    """THREATS F-23."""
    write(tmp_path, "".join(f'[g{number}]\nhosts = ["g{number}-[0-19999]"]\nvia = "true"\n' for number in range(6)))
    with pytest.raises(NotDone, match="all groups together have more than 100000 hosts"):
        far.known().find("g0-1")


def test_a_letter_that_becomes_an_ascii_one_names_no_host() -> None:
    """The sign of kelvin is a k in lower case."""
    assert name_of("db\u212a") is None and name_of("dbK") == "dbk"


def test_what_twenty_thousand_hosts_cost_grows_with_their_number_alone(
    fleet: Fleet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """THREATS F-23. All names once were compared with each other. Counted are the names that are taken apart."""
    write(tmp_path, '[a]\nhosts = ["h[00000-19999].example.org"]\nvia = "true"\n')
    n_lookups = 0

    class Counted(dict):  # type: ignore[type-arg]
        def __iter__(self):  # type: ignore[no-untyped-def]
            nonlocal n_lookups
            for one in super().__iter__():
                n_lookups += 1
                yield one

    known = hosts.read()
    whole = hosts.Hosts._all
    monkeypatch.setattr(hosts.Hosts, "_all", lambda self: Counted(whole(self)))
    chosen = known.chosen("@a")
    assert len(chosen) == 20_000 and chosen[7].label == "h00007" and n_lookups <= 40_000


# --- several groups


TWO = """
[a]
hosts = ["db1.example.org"]
via = "one"
realm = "LAB"

[b]
hosts = ["db1.example.org", "db2.example.org"]
via = "two"
"""


def test_a_name_in_two_realms_names_no_host(fleet: Fleet, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """THREATS F-20. What was listed on the one host would be answered on the other."""
    write(tmp_path, TWO)
    for words in (("show", f"{ID}@db1"), ("--host", "db1.example.org", "requests"), ("--hosts", "@a,@b", "requests")):
        assert jitd(no_daemon(), *words) == 2
        assert "these are two hosts, and one name cannot name both" in " ".join(capsys.readouterr().err.split())
    assert fleet.called == []
    assert [one.label for one in far.known().chosen("@b")] == ["db1.example.org", "db2.example.org"]


@pytest.mark.usefixtures("fleet")
def test_of_two_groups_of_a_host_the_first_says_what_carries_but_for_the_one_that_was_named(tmp_path: Path) -> None:
    write(tmp_path, TWO.replace('realm = "LAB"\n', ""))
    assert far.known().find("db1").carrier.name == "one"
    assert far.known().chosen("@b")[0].carrier.name == "two"


def test_a_group_that_cannot_be_had_takes_nothing_from_the_others_but_short_names(
    fleet: Fleet, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """THREATS F-23. While not all hosts are known, a short name may be that of another one."""
    write(tmp_path, PROD + '[sick]\nrun = ["false"]\nvia = "true"\n')
    fleet.has("db1", row_for(waiting("true", id=ID)))
    assert jitd(no_daemon(), "--hosts", "@prod") == 0
    told = capsys.readouterr()
    assert f"{ID}@db1.example.org" in told.out and "[sick]: false ended with status 1" in " ".join(told.err.split())


@pytest.mark.usefixtures("fleet")
def test_a_host_that_is_called_as_this_one_has_no_short_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """THREATS F-20. ID@db1 is on this host then, and what is listed must not read so."""
    monkeypatch.setattr("os.uname", lambda: os.uname_result(("Linux", "db1", "", "", "")))
    assert [one.label for one in far.known().chosen("@prod")] == ["db1.example.org", "db2", "db3", "web2"]


@pytest.mark.usefixtures("fleet")
def test_a_name_that_begins_another_one_stays_itself(tmp_path: Path) -> None:
    """THREATS F-20."""
    write(tmp_path, '[a]\nhosts = ["db1", "db1.example.org", "db1.example.org.evil.test", "db11.example.org"]\nvia = "true"\n')
    found = far.known().chosen("@a")
    assert [(one.host, one.label) for one in found][:3] == [(one.host, one.host) for one in found][:3]
    assert [far.known().find(one.label).host for one in found] == [one.host for one in found]


# --- what a command prints


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("while True: print('x' * 100000)", "prints more than 4194304 bytes"),
        ("for n in range(20001): print(f'h{n}')", "has more than 20000 hosts"),
        ("print('y' * 90000)", "yyy…"),
        ("print('[' * 5); print('{' + '\"a\":{' * 100000)", "is neither"),
        ("print('{\"a\":' * 100000)", "what it prints is neither"),
        ('print(\'{"a": {"hosts": "db1"}}\')', "what it prints is neither"),
        ('print(\'{"a": {"hosts": {"db1": 1}}}\')', "what it prints is neither"),
        ('print(\'{"_meta": {"hostvars": [1]}}\')', "what it prints is neither"),
        ("print('{\"_meta\": 1}')", "what it prints is neither"),
        ('print(\'{"a": {"hosts": [[]]}}\')', "what it prints is neither"),
        ("print('\\x1b[2J')", "is neither"),
    ],
)
def test_what_a_command_prints_without_measure_is_refused(
    code: str, said: str, fleet: Fleet, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """THREATS F-23."""
    write(tmp_path, prints(code))
    assert said in refused(capsys)
    assert fleet.called == []


def test_a_command_that_does_not_end_is_ended(
    fleet: Fleet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """THREATS F-23. It drips, so there is always something to read."""
    monkeypatch.setattr(hosts, "RUN_WITHIN", 0.5)
    write(tmp_path, prints("import time\nwhile True: print('db1', flush=True); time.sleep(0.01)"))
    assert "has printed no hosts within" in refused(capsys)
    assert fleet.called == []


def test_what_a_command_writes_to_its_standard_error_is_shown_as_its_words(
    fleet: Fleet, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """THREATS F-23."""
    lie = "import sys; sys.stderr.write('\\x1b[2Jjitd: no request waits\\n' + '\"x\\n' * 100); print('db1.example.org')"
    write(tmp_path, prints(lie))
    assert [one.host for one in far.known().chosen("@a")] == ["db1.example.org"]
    err = capfd.readouterr().err
    lines = err.splitlines()
    assert "\x1b" not in err and len(lines) == 51 and all(line.startswith("jitd: the command of ") for line in lines)
    assert lines[0].endswith('says: "\\x1b[2Jjitd: no request waits"') and "says more, which is not shown" in lines[-1]


@pytest.mark.usefixtures("fleet")
def test_a_process_that_a_command_leaves_behind_is_not_waited_for(tmp_path: Path) -> None:
    """As ssh does with ControlPersist: it keeps standard error open."""
    write(tmp_path, '[a]\nrun = ["sh", "-c", "sleep 20 > /dev/null & echo db1.example.org"]\nvia = "true"\n')
    assert [one.host for one in far.known().chosen("@a")] == ["db1.example.org"]


@pytest.mark.usefixtures("fleet")
def test_an_inventory_may_have_a_list_for_a_group(tmp_path: Path) -> None:
    write(tmp_path, prints('print(\'{"web": ["a.b", "c.d"], "all": {"children": ["web"]}}\')'))
    assert [one.host for one in far.known().chosen("@a")] == ["a.b", "c.d"]


def test_a_fault_of_many_hosts_is_told_for_some_of_them(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """THREATS F-22."""
    fleet = [Far(f"h{number}", hosts.Command(("/nonexistent/carrier",)), "", f"h{number}") for number in range(100)]
    asked = many.Many(fleet)
    monkeypatch.setattr(many.Many, "conversation", lambda self, one: (_ for _ in ()).throw(many.Unreachable("nobody answers")))
    asked.answers(many.Watch(ended=False))
    with pytest.raises(NotDone, match="100 of 100 hosts did not do what was asked, 70 of them not named here"):
        asked.end()
    assert len(capsys.readouterr().err.splitlines()) == many.MOST_NAMED
