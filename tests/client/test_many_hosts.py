# SPDX-License-Identifier: Apache-2.0
"""``jitd --hosts``, ``ID@HOST`` and hosts.toml: which hosts are meant, and what a person reads of many."""

from __future__ import annotations

import itertools
import json
import os
import re
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from jitd.cli import far, lists
from jitd.cli.hosts import Far
from jitd.cli.not_done import NotDone
from jitd_fleet import hosts, many
from jitd_fleet.tcp import Tcp
from jitpam import carrier
from jitpam.client import NoDescriptor, RefusedByDaemon, Unanswered, Unreachable
from jitpam.wire.messages import List, Lock, Review, Show, Status, Watch
from tests.client.many import ID, OTHER, PROD, Fleet, write
from tests.client.many import fleet as fleet
from tests.client.script import Row, Script, jitd, lines_of, row_for, waiting
from tests.client.test_far import no_daemon
from tests.waiting import PATIENCE


def names(words: str) -> list[str]:
    return [one.host for one in far.known().chosen(words)]


# --- which hosts are meant


def test_a_range_stands_for_each_number_and_a_group_for_its_hosts_in_their_order(fleet: Fleet) -> None:
    assert names("@prod") == [*(f"db{number}.example.org" for number in (1, 2, 3)), "web2.example.org"]
    assert names("web2,@prod")[0] == "web2.example.org" and len(names("web2,@prod")) == 4


@pytest.mark.usefixtures("fleet")
def test_leading_zeros_of_a_range_stay_and_two_ranges_are_multiplied(tmp_path: Path) -> None:
    write(tmp_path, '[a]\nhosts = ["r[1-2]n[08-10].example.org"]\nvia = "true"\n')
    assert names("@a")[:3] == ["r1n08.example.org", "r1n09.example.org", "r1n10.example.org"] and len(names("@a")) == 6


def test_the_first_part_of_a_name_is_enough_if_no_other_host_has_it(fleet: Fleet, tmp_path: Path) -> None:
    assert far.known().find("db2").host == "db2.example.org"
    write(tmp_path, PROD + '[test]\nhosts = ["db2.test.example.org"]\nvia = "true"\n')
    with pytest.raises(NotDone, match=r"db2 fits db2.example.org, db2.test.example.org: type more"):
        far.known().find("db2")
    assert far.known().find("DB2.Example.org.").label == "db2.example.org"


@pytest.mark.parametrize("typed", ["db9", "localhost", "", "db1.example.com", "-oProxyCommand=x"])
def test_a_name_that_stands_in_no_file_is_refused_and_nobody_is_asked(typed: str, fleet: Fleet) -> None:
    """THREATS F-15, F-07."""
    assert jitd(no_daemon(), "--host", typed, "requests") == 2
    assert jitd(no_daemon(), "show", f"{ID}@{typed}") == 2
    assert fleet.called == []


def test_the_name_stands_in_each_word_of_the_command_and_the_realm_goes_along(fleet: Fleet, tmp_path: Path) -> None:
    write(tmp_path, '[a]\nhosts = ["db1.example.org"]\nvia = "ssh -o HostKeyAlias={host} jitd-door@{host}"\nrealm = "LAB"\n')
    (one,) = far.known().chosen("@a")
    assert one.carrier.name == "ssh -o HostKeyAlias=db1.example.org jitd-door@db1.example.org" and one.realm == "LAB"


@pytest.mark.parametrize(
    ("printed", "meant"),
    [
        ("print('db1.example.org'); print('DB2.example.org')", ["db1.example.org", "db2.example.org"]),
        ('print(\'{"_meta": {"hostvars": {"a.b": {}}}, "all": {"hosts": ["c.d"]}}\')', ["a.b", "c.d"]),
    ],
    ids=["lines", "ansible"],
)
def test_a_command_may_print_the_hosts(printed: str, meant: list[str], fleet: Fleet, tmp_path: Path) -> None:
    write(tmp_path, f'[a]\nrun = [{json.dumps(sys.executable)}, "-c", {json.dumps(printed)}]\nvia = "true"\n')
    assert names("@a") == meant


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[a]\n", "names no host"),
        ('[a]\nhosts = ["db1"]\n', "one of via, tcp and nats has to say what carries"),
        ('[a]\nhosts = ["db1"]\nvia = "true"\ntcp = "{host}"\n', "one of via, tcp and nats has to say what carries"),
        ('[a]\nhosts = ["db1"]\nvia = " "\n', "via must be a command"),
        ('[a]\nhosts = ["db1"]\ntcp = "{host}:x"\n', "tcp must be an address, such as '{host}' or '{host}:61088'"),
        ('[a]\nhosts = ["db1"]\ntcp = 1\n', "tcp must be an address"),
        ('[a]\nhosts = ["db1"]\nvia = "ssh \'a b\'"\n', "via must be a command without quotes"),
        ('[a]\nhosts = "db1"\nvia = "true"\n', "hosts must be a list of texts"),
        ('[a]\nhosts = ["db1; rm"]\nvia = "true"\n', "db1; rm is not the name of a host"),
        ('[a]\nhosts = ["-oProxyCommand=x"]\nvia = "ssh {host}"\n', "is not the name of a host"),
        ('[a]\nhosts = ["db[3-1]"]\nvia = "true"\n', "is not a range"),
        ('[a]\nhosts = ["db[1-999999]"]\nvia = "true"\n', "is not a range"),
        ('[a]\nhosts = ["db1"]\nvia = "true"\nudp = 1\n', "there is no key udp"),
        ('[a]\nrun = ["/nonexistent/x"]\nvia = "true"\n', "/nonexistent/x cannot be run: No such file"),
        ('[a]\nrun = ["false"]\nvia = "true"\n', "false ended with status 1"),
        ('[a]\nrun = ["echo", "a b;c"]\nvia = "true"\n', "and b;c is neither"),
        ("a = 1\n", "a group is a table"),
        ("[a\n", "is not TOML"),
    ],
)
def test_a_fault_of_a_file_is_told_with_its_place_and_nobody_is_asked(
    text: str, said: str, fleet: Fleet, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = write(tmp_path, text)
    assert jitd(no_daemon(), "--hosts", "@a", "requests") == 2
    err = " ".join(capsys.readouterr().err.split())
    assert said in err and str(file) in err and fleet.called == []


@pytest.mark.parametrize("mode", [0o620, 0o602, 0o666])
def test_a_file_that_others_may_change_is_refused_because_it_names_commands(
    mode: int, fleet: Fleet, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "jitd" / "hosts.toml").chmod(mode)
    assert jitd(no_daemon(), "--hosts", "@prod", "requests") == 2
    assert "is not read, because others may change it" in capsys.readouterr().err and fleet.called == []


def test_a_group_of_the_person_replaces_the_one_of_the_host(
    fleet: Fleet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    system = tmp_path / "system.toml"
    system.write_text('[prod]\nhosts = ["evil.example.org"]\nvia = "true"\n[more]\nhosts = ["x.example.org"]\nvia = "true"\n')
    monkeypatch.setattr(hosts, "SYSTEM", str(system))
    assert "evil.example.org" not in names("@prod") and names("@more") == ["x.example.org"]


def test_a_group_that_is_not_there_is_told_with_those_that_are(fleet: Fleet, capsys: pytest.CaptureFixture[str]) -> None:
    assert jitd(no_daemon(), "--hosts", "@stage", "requests") == 2
    assert "(there are: @prod)" in " ".join(capsys.readouterr().err.split()) and fleet.called == []


# --- one id on one host


def test_an_id_with_a_host_is_asked_there_and_an_approval_goes_there(fleet: Fleet, capsys: pytest.CaptureFixture[str]) -> None:
    there = fleet.has("db2", row_for(waiting("true", id=ID)))
    assert jitd(no_daemon(), "approve", "--yes", f"{ID}@db2") == 0
    assert {host for host, *_ in fleet.called} == {"db2.example.org"}
    assert [type(message) for message in there.heard] == [Show, Review]
    assert capsys.readouterr().err == f"jitd on db2.example.org: request {ID} is approved\n"


def test_an_id_with_the_name_of_this_host_is_asked_here(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(far, "own_host", lambda: "db9.example.org")
    here = Script(row_for(waiting("true", id=ID)))
    assert jitd(here, "approve", "--yes", f"{ID}@DB9.example.org") == 0
    assert [type(message) for message in here.heard] == [Show, Review] and fleet.called == []


def test_ids_on_several_hosts_go_each_to_its_own(fleet: Fleet) -> None:
    one, two = fleet.has("db1", row_for(waiting("true", id=ID))), fleet.has("db2", row_for(waiting("true", id=ID)))
    assert jitd(no_daemon(), "deny", "--reason", "not now", f"{ID}@db1", f"{ID}@db2") == 0
    assert [[message.id for message in each.heard if isinstance(message, Review)] for each in (one, two)] == [[ID], [ID]]


@pytest.mark.parametrize(
    ("has_arrived", "status", "said"),
    [
        (True, 0, f"jitd on db2.example.org: request {ID} is approved; its answer was lost on the way, and"),
        (False, 125, f"your review of request {ID} has not arrived: try again"),
    ],
)
def test_if_the_answer_to_an_approval_is_lost_the_host_is_asked_and_nothing_is_sent_twice(
    has_arrived: bool, status: int, said: str, fleet: Fleet, capsys: pytest.CaptureFixture[str]
) -> None:
    """THREATS F-06."""
    row = row_for(waiting("true", id=ID))
    there = fleet.has("db2", row)

    def do(message: Review) -> str:
        there.heard.append(message)
        if has_arrived:
            there.rows = ({**row, "reviews": [{"by": "bob@EXAMPLE.TEST", "verdict": "approve"}]},)
        raise Unanswered("the carrier closed the connection")

    there.do = do  # type: ignore[assignment, method-assign]
    assert jitd(no_daemon(), "approve", "--yes", f"{ID}@db2") == status
    assert said in " ".join(capsys.readouterr().err.split())
    assert [type(message) for message in there.heard] == [Show, Review, Show]


def test_a_verb_that_the_door_does_not_have_is_refused_for_an_id_with_a_host_too(fleet: Fleet) -> None:
    assert jitd(no_daemon(), "withdraw", f"{ID}@db2") == 2
    assert fleet.called == []


@pytest.mark.parametrize("words", [("--host", "db1", "show", f"{ID}@db2"), ("--hosts", "@prod", "revoke", ID)])
def test_two_hosts_for_one_id_or_none_are_refused(words: tuple[str, ...], fleet: Fleet) -> None:
    assert jitd(no_daemon(), *words) == 2
    assert fleet.called == []


# --- many hosts


def test_the_rows_of_all_hosts_are_one_table_with_the_names_in_their_tickets(
    fleet: Fleet, capsys: pytest.CaptureFixture[str]
) -> None:
    """THREATS F-07."""
    fleet.has("db1", row_for(waiting("true", id=ID), host="a-lie.example.org"))
    fleet.has("web2", row_for(waiting("false", id=OTHER), host="web2.example.org"))
    assert jitd(no_daemon(), "--hosts", "@prod", "requests", "--json") == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(row["id"], row["host"]) for row in rows] == [(ID, "db1.example.org"), (OTHER, "web2.example.org")]
    assert len(fleet.kept) == 1, "all tickets are in one place, in memory"


def test_many_hosts_are_asked_for_a_page_each_and_what_is_older_is_counted_on_all(
    fleet: Fleet, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lists, "width", lambda: 100)
    fleet.has("db1", row_for(waiting("true", id=ID)), row_for(waiting("true", id=OTHER)), {"more": 3})
    fleet.has("web2", row_for(waiting("true", id="ZZZZ-0000")), {"more": 4})
    fleet.has("db3", {"more": True})
    assert jitd(no_daemon(), "--hosts", "@prod", "requests", "--all") == 0
    out, err = capsys.readouterr()
    assert re.findall("[A-Z0-9]{4}-[A-Z0-9]{4}", out) == [OTHER, ID, "ZZZZ-0000"]
    assert "7 older ones are not shown: jitd --hosts @prod requests --all --json prints all" in " ".join(err.split())
    assert jitd(no_daemon(), "--hosts", "@prod", "requests", "--before", ID) == 2
    assert "--before names a row of one host: name this host, with --host" in " ".join(capsys.readouterr().err.split())


def test_hosts_that_do_not_answer_are_named_after_what_the_others_say(fleet: Fleet, capsys: pytest.CaptureFixture[str]) -> None:
    """THREATS F-06."""
    fleet.has("db1", row_for(waiting("true", id=ID)))
    fleet.by_host["db2.example.org"] = Unreachable("jitd on db2.example.org does not answer")
    fleet.by_host["db3.example.org"] = RefusedByDaemon("forbidden", "you may not")
    assert jitd(no_daemon(), "--hosts", "@prod", "requests") == 1
    told = capsys.readouterr()
    assert ID in told.out and "db1.example.org" in told.out
    assert "jitd: db2.example.org: jitd on db2.example.org does not answer\n" in told.err
    assert "jitd on db3.example.org: you may not\n" in told.err
    assert told.err.splitlines()[-1] == "jitd: 2 of 4 hosts did not do what was asked"


def test_a_host_that_never_comes_to_an_end_takes_nothing_from_the_others(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(many, "MOST_ROWS", 100)
    fleet.has("db1", row_for(waiting("true", id=ID)))
    endless = fleet.has("db2")
    endless.rows = itertools.repeat({"id": OTHER})  # type: ignore[assignment]
    assert jitd(no_daemon(), "--hosts", "@prod", "locks") == 1
    told = capsys.readouterr()
    assert ID in told.out and OTHER not in told.out
    assert "db2.example.org: jitd on db2.example.org says more than 100 rows" in " ".join(told.err.split())


def test_a_list_is_kept_live_over_many_hosts_and_a_silent_one_is_named_and_hides_nobody(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """THREATS F-06."""
    monkeypatch.setattr(many, "ANSWERED_WITHIN", 0.5)
    row = row_for(waiting("true", id=ID))
    for name in ("db1", "db2", "db3", "web2"):
        fleet.has(name)
    chosen = far.known().chosen("@prod")
    silent = threading.Event()

    def watch(message: object) -> Iterator[list[Row]]:
        yield [row]
        silent.wait()

    def never(message: object) -> Iterator[list[Row]]:
        silent.wait()
        yield []

    for host, script in fleet.by_host.items():
        script.watch = never if host.startswith("web2") else watch  # type: ignore[union-attr]
    rows = next(many.Many(chosen).watch(Watch(ended=False)))
    silent.set()
    assert [(one["id"], one["host"]) for one in rows] == [(ID, f"db{number}.example.org") for number in (1, 2, 3)]
    assert capsys.readouterr().err == "jitd: web2.example.org: it has not said yet what waits there\n"


def test_a_host_with_very_many_rows_is_named_and_not_shown_in_a_list_that_is_kept_live(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """THREATS F-21."""
    monkeypatch.setattr(many, "MOST_ROWS", 3)
    over = threading.Event()

    def watch(n_rows: int) -> Callable[[object], Iterator[list[Row]]]:
        def said(message: object) -> Iterator[list[Row]]:
            yield [{"id": ID}] * n_rows
            over.wait()

        return said

    for name, n_rows in (("db1", 3), ("db2", 4), ("db3", 0), ("web2", 1)):
        fleet.has(name).watch = watch(n_rows)  # type: ignore[method-assign]
    rows = next(many.Many(far.known().chosen("@prod")).watch(Watch(ended=True)))
    over.set()
    assert sorted(one["host"].partition(".")[0] for one in rows) == ["db1"] * 3 + ["web2"]
    assert "db2.example.org: jitd on db2.example.org says more than 3 rows" in " ".join(capsys.readouterr().err.split())


def test_what_waits_on_many_hosts_is_listed_with_ids_to_type(fleet: Fleet, capsys: pytest.CaptureFixture[str]) -> None:
    fleet.has("db1", row_for(waiting("true", id=ID)))
    assert jitd(no_daemon(), "--hosts", "@prod") == 0
    out = capsys.readouterr().out
    assert f"  {ID}@db1  " in out and "  jitd approve ID@HOST      shows one, and asks" in out


def test_a_lock_is_placed_on_each_host_and_each_says_so(fleet: Fleet, capsys: pytest.CaptureFixture[str]) -> None:
    scripts = [fleet.has(name, said=f"locked on {name}") for name in ("db1", "db2", "db3", "web2")]
    assert jitd(no_daemon(), "--hosts", "@prod", "lock", "--user", "eve") == 0
    assert all([type(message) for message in script.heard] == [Lock] for script in scripts)
    assert "jitd on db3.example.org: locked on db3\n" in capsys.readouterr().err


def test_a_lock_goes_on_until_it_is_done_everywhere_but_where_it_is_refused(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fleet.by_host["db2.example.org"] = Unreachable("nobody answers")
    fleet.by_host["db3.example.org"] = RefusedByDaemon("forbidden", "only operators may")
    late: list[Script] = []
    monkeypatch.setattr(many.time, "sleep", lambda _: late.append(fleet.has("db2", said="locked")))
    assert jitd(no_daemon(), "--hosts", "@prod", "lock", "--user", "eve", "--until-done") == 1
    assert [type(message) for message in late[0].heard] == [Lock] and len(late) == 1
    err = capsys.readouterr().err
    assert "jitd: not done on 1 host: trying again (Ctrl-C ends this)\n" in err
    assert err.index("db2.example.org: nobody answers") < err.index("jitd on db2.example.org: locked")
    assert err.endswith("jitd on db3.example.org: only operators may\njitd: 1 of 4 hosts did not do what was asked\n")


def test_the_status_of_many_hosts_is_a_line_for_each_with_its_version(fleet: Fleet, capsys: pytest.CaptureFixture[str]) -> None:
    well = {"about": "jitd", "says": "0.2.0 on db1, process 1", "is_well": True}
    for name in ("db1", "db2", "db3"):
        fleet.has(name, well)
    fleet.has("web2", {**well, "says": "0.1.0 on web2"}, {"about": "keytab", "says": "no key", "is_well": False})
    assert jitd(no_daemon(), "--hosts", "@prod", "status") == 1
    told = capsys.readouterr()
    lines = [line.split() for line in told.out.splitlines()]
    assert lines[0] == ["HOST", "VERSION", "NOT", "WELL"]
    assert lines[1] == ["db1.example.org", "0.2.0", "-"]
    assert lines[4] == ["web2.example.org", "0.1.0", "keytab:", "no", "key"]
    assert told.err == "jitd: not well: 1 of 4 hosts that have answered\n"
    script = fleet.by_host["db1.example.org"]
    assert isinstance(script, Script) and script.heard == [Status()]


@pytest.mark.parametrize("verb", ["show", "watch", "replay", "review", "deny", "stop", "withdraw", "explain", "board", "check"])
def test_a_verb_about_one_thing_is_refused_for_many_hosts(verb: str, fleet: Fleet) -> None:
    assert jitd(no_daemon(), "--hosts", "@prod", verb, ID) == 2
    assert fleet.called == []


def test_a_defect_is_raised_and_not_told_as_a_silent_host(fleet: Fleet) -> None:
    fleet.by_host["db2.example.org"] = KeyError("a defect")
    with pytest.raises(KeyError):
        jitd(no_daemon(), "--hosts", "@prod", "requests")


def test_no_more_than_32_hosts_are_asked_at_the_same_time(monkeypatch: pytest.MonkeyPatch) -> None:
    fleet = [Far(f"h{number}", carrier.Command(("true",)), "", f"h{number}") for number in range(100)]
    asking: list[int] = []
    most: list[int] = []

    def ask(one: Far) -> str:
        asking.append(1)
        most.append(len(asking))
        os.sched_yield()
        asking.pop()
        return one.host

    found = dict(many.Many(fleet)._each(fleet, ask))
    assert sorted(found.values()) == sorted(one.host for one in fleet) and max(most) <= many.AT_ONCE


def by_ssh(number: int) -> list[Far]:
    return [Far(f"h{n}", carrier.Command(("ssh", "bastion")), "", f"h{n}") for n in range(number)]


def test_no_more_than_5_commands_are_opening_at_the_same_time_and_hosts_without_one_do_not_wait_for_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A usual sshd, by which all of them go, drops some of more than ten (MaxStartups)."""
    by_tcp = [Far(f"t{n}", Tcp("localhost", 1), "", f"t{n}") for n in range(20)]
    opening, most, are_there = set[str](), list[int](), threading.Barrier(20)

    def connect(host: str, by: object, **more: object) -> Script:
        if host.startswith("t"):
            are_there.wait(PATIENCE)
            return Script()
        opening.add(host)
        most.append(len(opening))
        for _ in range(100):
            os.sched_yield()
        opening.remove(host)
        return Script()

    monkeypatch.setattr(carrier, "connect", connect)
    asks = many.Many([*by_ssh(31), *by_tcp])
    asks.answers(List(what="grants", ended=False))
    assert len(most) == 31 and max(most) <= many.VIA_AT_ONCE == 5
    asks.end()


@pytest.mark.parametrize("n_lost", [1, 2])
def test_a_command_that_ends_at_once_is_started_once_more(n_lost: int, monkeypatch: pytest.MonkeyPatch) -> None:
    lost = [Unreachable("the carrier ended: ssh bastion (status 255)")] * n_lost
    n_started = 0

    def connect(host: str, by: object, **more: object) -> Script:
        nonlocal n_started
        n_started += 1
        if n_started <= n_lost:
            raise lost[n_started - 1]
        return Script()

    monkeypatch.setattr(carrier, "connect", connect)
    asks = many.Many(by_ssh(1))
    asks.answers(List(what="grants", ended=False))
    assert n_started == 2
    if n_lost == 1:
        asks.end()
    else:
        with pytest.raises(NotDone):
            asks.end()


@pytest.mark.parametrize(
    ("fault", "after"),
    [
        (Unreachable("jitd on h0 does not answer"), 9.0),
        (NoDescriptor("no carrier can be started"), 0.0),
        (RefusedByDaemon("unauthenticated", "no"), 0.0),
    ],
    ids=["silent", "no descriptor", "refused"],
)
def test_who_is_silent_or_refuses_is_not_dialled_again(fault: Exception, after: float, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[str] = []
    clock = SimpleNamespace(now=100.0)
    monkeypatch.setattr(many, "time", SimpleNamespace(monotonic=lambda: clock.now))

    def connect(host: str, by: object, **more: object) -> Script:
        started.append(host)
        clock.now += after
        raise fault

    monkeypatch.setattr(carrier, "connect", connect)
    many.Many(by_ssh(1)).answers(List(what="grants", ended=False))
    assert started == ["h0"]


def test_list_is_asked_once_of_each_host(fleet: Fleet) -> None:
    scripts = [fleet.has(name) for name in ("db1", "db2", "db3", "web2")]
    assert jitd(no_daemon(), "--hosts", "@prod", "locks") == 0
    assert all(script.heard == [List(what="locks", ended=False)] for script in scripts)


@pytest.mark.parametrize("verb", ["requests", "grants", "runs"])
def test_the_host_stands_beside_the_id_where_80_columns_are_too_few_for_all(verb: str, fleet: Fleet) -> None:
    far.go(None, None, "@prod")
    row = {**row_for(waiting("systemctl", "restart", "nginx.service")), "host": "web2.example.org", "reason": "the disk is full"}
    columns = {"requests": lists.WAITING, "grants": lists.LIVE_GRANTS, "runs": lists.LIVE_RUNS}[verb]
    head, *below = lines_of(columns, [row], 80)
    assert head.split()[:2] == ["ID", "HOST"]
    assert below[len(below) // 2].split()[:2] == [row["id"], "web2"]
    assert lines_of(columns, [row], None)[0].split()[-2:] == ["SERVICE", "COMMAND"], "a program reads them where they were"


def test_who_types_ctrl_c_before_all_hosts_have_answered_is_told_on_how_many_it_may_count(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def each(self: many.Many, chosen: list[Far], work: object) -> Iterator[tuple[Far, str]]:
        self._asked = {*chosen[1:]}
        yield chosen[0], "locked"
        raise KeyboardInterrupt

    monkeypatch.setattr(many.Many, "_each", each)
    assert jitd(no_daemon(), "--hosts", "@prod", "lock", "--user", "eve") == 130
    assert "jitd: it may count nevertheless on 3 hosts: look before you try again\n" in capsys.readouterr().err
