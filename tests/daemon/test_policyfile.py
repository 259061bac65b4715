# SPDX-License-Identifier: Apache-2.0
"""Policy files: what a whole policy becomes, in which order they are read, and which files are not even opened."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from jitd.core.conditions import read_command_pattern
from jitd.core.decision import Approval, Record, Terms
from jitd.core.keys.reason import Reason
from jitd.core.policy import Policy
from jitd.core.receipt import LEVELS, stricter
from jitd.core.toml_document import ConfigError, Fault
from jitd.expressions.patterns import read_pattern
from jitd.settings import policyfile
from jitd.settings.policyfile import load
from tests.daemon.directory import ME, WHOLE, directory, faults, read, write

__all__ = ["directory"]  # a fixture


def test_a_whole_policy(directory: Path) -> None:
    write(directory, "50-databases.toml", WHOLE)
    policy = read(directory)
    permit, deny = policy.rules
    assert permit.verdict == "permit" and permit.name == "restart-postgres"
    assert permit.who == ("group:dba", "principal:alice@EXAMPLE.ORG")
    assert permit.run_as == ("root", "postgres:postgres")
    assert permit.commands == (
        read_command_pattern(("/usr/bin/systemctl", "restart", "postgresql*")),
        read_command_pattern(("/usr/sbin/service", "postgresql", "**")),
    )
    assert permit.hosts is not None and [glob.text for glob in permit.hosts] == ["db*.example.org"]
    assert permit.hours is not None and [hours.text for hours in permit.hours] == ["Mon-Fri 08:00-18:00 Europe/Berlin"]
    assert permit.services == ("jitsudo", "sudo")
    assert permit.reason == Reason(read_pattern("CHG-[0-9]+"), "the change number")
    assert permit.approvals == (Approval(1, ("group:ops",)), Approval(2, ("group:security", "user:dave")))
    assert (permit.expires_for, permit.lasts_for, permit.uses) == (1200, 3600, 3)
    assert permit.terms == Terms(7200, "/srv", ("PGDATA", "PG*"), True, "keep")
    assert (permit.file, permit.line) == (str(directory / "50-databases.toml"), 2)
    assert (deny.verdict, deny.name, deny.because) == ("deny", "freeze", "weekend freeze: ask a release manager")
    assert deny.who is deny.run_as is deny.commands is deny.hosts is deny.services is None
    assert deny.line == 22


def test_the_defaults_of_a_permit(directory: Path) -> None:
    write(directory, "a.toml", '[[permit]]\nname = "p"\nwho = ["group:dba"]\ncommands = [["**"]]\n')
    (rule,) = read(directory).rules
    assert rule.run_as == ("root",) and rule.services == ("jitsudo",)
    assert rule.hosts is rule.hours is rule.reason is None
    assert rule.approvals == () and (rule.expires_for, rule.lasts_for, rule.uses) == (900, 900, 1)
    assert rule.terms == Terms(None, "caller", (), False, "end")


SIGNED = """
[[permit]]
name = "{name}"
who = ["group:dba"]
commands = [["**"]]
approvals = [{{ need = 1, from = ["group:ops"]{signed} }}]
"""
GLASS = """
[[permit]]
name = "glass"
who = ["group:dba"]
commands = [["**"]]
break_glass = {{ instead_of = "{name}", review = "24h" }}
"""


@pytest.mark.parametrize("of_host", LEVELS)
@pytest.mark.parametrize(("written", "of_rule"), [("", ""), (", signed = true", "key"), (', signed = "pin"', "pin")])
def test_what_the_host_demands_of_receipts_is_in_each_rule_that_asks_for_any(
    directory: Path, written: str, of_rule: str, of_host: str
) -> None:
    """THREATS A-32: and in the policy's digest, and in the policy that is read again from the record."""
    write(directory, "a.toml", SIGNED.format(name="p", signed=written) + GLASS.format(name="p"))
    policy = load(directory, root="permit", owner=ME, signed=of_host)
    holds = stricter(of_rule, of_host)
    for rules in (policy.rules, policyfile.read_again(policy.text)[0]):  # type: ignore[arg-type]
        asks, glass = rules
        assert [one.demand.signed for one in asks.approvals] == [holds] and asks.obligations.signed == of_host
        assert glass.break_glass is not None and [one.demand.signed for one in glass.break_glass.skipped] == [holds]
        assert glass.obligations.signed == of_host
    plain = load(directory, root="permit", owner=ME)
    assert (plain.digest == policy.digest) is (of_host == "")


RUN = [
    ('options = "allow"', Terms(options=True)),
    ('options = "refuse"', Terms()),
    ('writable = "allow"', Terms(writable=True)),
    ('writable = "refuse"', Terms()),
    ('leftovers = "keep"', Terms(leftovers="keep")),
    ('leftovers = "end"', Terms()),
    ('stdin = "tty"', Terms(stdin="tty")),
    ('stdin = "none"', Terms(stdin="none")),
    ('stdin = "any"', Terms()),
    ('session = "end"', Terms(session="end")),
    ('session = "keep"', Terms()),
    ('cwd = "/srv"', Terms(cwd="/srv")),
    ('cwd = "caller"', Terms()),
    ('timeout = "1h30m"', Terms(timeout_for=5400)),
    ('env = ["PGDATA", "MY_*"]', Terms(env=("PGDATA", "MY_*"))),
    ('record = "all"', Terms(record=Record(what="all"))),
    ('record = "none"', Terms(record=Record(what="none"))),
    ('record_sync = "always"', Terms(record=Record(sync="always"))),
    ('record_failure = "continue"', Terms(record=Record(failure="continue"))),
    ("watch = []", Terms(watch=())),
    ('watch = ["group:ops"]', Terms(watch=("group:ops",))),
    ('operands = "bound"', Terms(bound=True)),
    ('operands = "named"', Terms()),
    ('observed = "no"', Terms()),
    ('namespace = "always"', Terms(namespace="always")),
    ('namespace = "never"', Terms(namespace="never")),
    ('namespace = "auto"', Terms()),
    ('check = ["/bin/t", "-c", "{file}"]', Terms(checks=(("/bin/t", "-c", "{file}"),))),
    ('new = "0644"', Terms(new=0o644)),
    ('new = "600"', Terms(new=0o600)),
]
"""Each key of ``run`` with each of its words, and how a command runs then: all else is as it was."""


@pytest.mark.parametrize(("line", "terms"), RUN, ids=[line for line, _ in RUN])
def test_each_word_of_run_means_what_it_says(directory: Path, line: str, terms: Terms) -> None:
    write(
        directory,
        "a.toml",
        f'[[permit]]\nname = "p"\nwho = ["group:dba"]\ncommands = [["**"], ["sudoedit", "/etc/x"]]\nrun.{line}\n',
    )
    (rule,) = read(directory).rules
    assert rule.terms == terms


def test_every_key_of_run_is_tried() -> None:
    assert {line.split()[0] for line, _ in RUN} == set(policyfile.KEYS["run"])


def test_what_may_be_at_its_bounds(directory: Path) -> None:
    rule = f'[[permit]]\nname = "{"x" * 64}"\nwho = ["group:dba"]\ncommands = [["**"]]\n'
    write(
        directory,
        "a.toml",
        rule + 'expires = "3650d"\ngrant = { lasts = "1s", uses = 1000000 }\nrun = { env = [], timeout = "1s" }\n'
        'approvals = [{ need = 100, from = ["group:ops"] }]\n',
    )
    (found,) = read(directory).rules
    assert (found.expires_for, found.lasts_for, found.uses, found.approvals[0].need) == (315360000, 1, 1000000, 100)
    assert found.terms.timeout_for == 1 and found.terms.env == ()


def test_a_deny_needs_nothing_and_is_named_after_its_place(directory: Path) -> None:
    write(directory, "a.toml", "\n[[deny]]\n")
    (rule,) = read(directory).rules
    assert rule.name == "a.toml:2"
    assert rule.who is rule.run_as is rule.commands is rule.hosts is rule.hours is rule.services is None


def test_files_are_read_in_the_order_of_their_names_and_rules_in_theirs(directory: Path) -> None:
    for name, rules in (("20.toml", "cd"), ("10.toml", "ab"), ("100.toml", "xy")):
        write(directory, name, "".join(f'[[deny]]\nname = "{rule}"\n' for rule in rules))
    assert "".join(rule.name for rule in read(directory).rules) == "abxycd"


def test_permits_and_denies_stay_in_the_order_they_are_written(directory: Path) -> None:
    permit = '[[permit]]\nname = "{}"\nwho = ["group:a"]\ncommands = [["**"]]\n'
    write(
        directory,
        "a.toml",
        permit.format("a") + '[[deny]]\nname = "b"\n' + permit.format("c") + '[[deny]]\nname = "d"\n',
    )
    assert "".join(rule.name for rule in read(directory).rules) == "abcd"


def test_what_is_no_policy_file_is_not_read(directory: Path) -> None:
    for name in ("a.toml.dpkg-old", "b.toml~", ".c.toml", "README", "d.conf"):
        write(directory, name, "broken")
    (directory / "e").mkdir()
    assert read(directory).rules == ()


def test_an_empty_directory_is_a_policy_without_rules(directory: Path) -> None:
    assert read(directory) == Policy((), "permit", hashlib.sha256().hexdigest())


def test_the_digest_is_of_the_files_and_their_order(directory: Path) -> None:
    seen = {read(directory).digest}
    for name, text in (("a.toml", ""), ("a.toml", "#"), ("b.toml", ""), ("b.toml", "##"), ("a.toml", "##")):
        write(directory, name, text)
        seen.add(read(directory).digest)
    assert len(seen) == 6
    write(directory, "a.toml", "#")
    os.rename(directory / "a.toml", directory / "c.toml")
    assert read(directory).digest not in seen


def test_the_roots_own_rule_is_told_along(directory: Path) -> None:
    assert load(directory, root="deny", owner=ME).root == "deny"


def test_a_path_through_a_link_at_the_top_is_the_path_it_leads_to(directory: Path) -> None:
    """A sudo user writes /bin/ls; the command is known as /usr/bin/ls where /bin is a link, as on Debian 12."""
    write(
        directory,
        "a.toml",
        '[[deny]]\ncommands = [["/bin/ls"], ["/bin*/ls"], ["/*/ls"], ["/usr/bin/ls"], ["/nowhere/ls"]]\n',
    )
    (rule,) = read(directory).rules
    assert rule.commands is not None
    texts = [pattern.text[0] for pattern in rule.commands]
    assert texts == [os.path.realpath("/bin") + "/ls", "/bin*/ls", "/*/ls", "/usr/bin/ls", "/nowhere/ls"]


# --- the files themselves --------------------------------------------------------------------------------------------


def test_a_missing_directory_is_a_fault_and_no_policy(directory: Path) -> None:
    directory.rmdir()
    assert faults(directory) == [("policy.d", 0, "", "cannot be read: No such file or directory")]


def test_a_file_in_place_of_the_directory_is_a_fault(directory: Path) -> None:
    directory.rmdir()
    directory.write_text("")
    assert faults(directory) == [("policy.d", 0, "", "is not a directory")]


@pytest.mark.parametrize(
    ("mode", "sentence"),
    [(0o646, "may be written by anyone"), (0o664, "may be written by its group"), (0o666, "may be written by anyone")],
)
def test_a_file_that_others_may_write_is_refused(directory: Path, mode: int, sentence: str) -> None:
    """THREATS O-04."""
    write(directory, "a.toml", "").chmod(mode)
    assert faults(directory) == [("a.toml", 0, "", sentence)]


@pytest.mark.parametrize("place", ["policy.d", "its parent"])
@pytest.mark.parametrize(
    ("mode", "sentence"),
    [
        (0o757, "may be written by anyone"),
        (0o775, "may be written by its group"),
        (0o1777, "may be written by anyone"),
    ],
)
def test_a_directory_that_others_may_write_is_refused(directory: Path, place: str, mode: int, sentence: str) -> None:
    write(directory, "a.toml", "")
    there = directory if place == "policy.d" else directory.parent
    there.chmod(mode)
    assert faults(directory) == [(there.name, 0, "", sentence)]


def test_a_directory_further_up_may_be_sticky_and_nothing_else(directory: Path) -> None:
    above = directory / "x" / "y"
    above.mkdir(parents=True)
    for place in (directory, above.parent, above):
        place.chmod(0o755)
    directory.chmod(0o1777)
    assert load(above, root="permit", owner=ME).rules == ()
    directory.chmod(0o777)
    with pytest.raises(ConfigError) as caught:
        load(above, root="permit", owner=ME)
    assert caught.value.faults == (Fault(str(directory), 0, "", "may be written by anyone"),)


def test_what_belongs_to_somebody_else_is_refused(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(directory, "a.toml", "")
    if ME == 0:
        os.chown(directory / "a.toml", 4711, -1)
        assert faults(directory) == [("a.toml", 0, "", "belongs to uid 4711, not to root")]
        os.chown(directory, 4711, -1)
        assert faults(directory) == [("policy.d", 0, "", "belongs to uid 4711, not to root")]
    else:
        with pytest.raises(ConfigError) as caught:
            load(directory, root="permit")
        assert {fault.sentence for fault in caught.value.faults} == {f"belongs to uid {ME}, not to root"}


def test_a_link_is_no_policy_file(directory: Path) -> None:
    write(directory.parent, "a.toml", "")
    (directory / "a.toml").symlink_to("../a.toml")
    (directory / "b.toml").symlink_to("nowhere")
    sentence = "is a symbolic link: replace the link with the file itself"
    assert faults(directory) == [("a.toml", 0, "", sentence), ("b.toml", 0, "", sentence)]


def test_the_directory_is_named_by_its_own_name(directory: Path) -> None:
    (directory.parent / "link").symlink_to("policy.d")
    with pytest.raises(ConfigError) as caught:
        read(directory.parent / "link")
    assert caught.value.faults[0].sentence == f"is not the real path of the directory: use {directory}"


def test_what_is_no_file_is_refused_and_does_not_hang(directory: Path) -> None:
    (directory / "a.toml").mkdir()
    os.mkfifo(directory / "b.toml")
    (directory / "b.toml").chmod(0o644)
    assert faults(directory) == [("a.toml", 0, "", "is not a regular file"), ("b.toml", 0, "", "is not a regular file")]


def test_a_file_too_long_is_refused(directory: Path) -> None:
    write(directory, "a.toml", b"#" * (1 << 20))
    read(directory)
    write(directory, "a.toml", b"#" * ((1 << 20) + 1))
    assert faults(directory) == [("a.toml", 0, "", "is longer than 1048576 bytes")]


@pytest.mark.parametrize("call", ["open", "fstat", "listdir"])
def test_what_cannot_be_read_is_a_fault(directory: Path, call: str, monkeypatch: pytest.MonkeyPatch) -> None:
    write(directory, "a.toml", "")
    real = getattr(os, call)

    def fail(*args: object, **options: object) -> object:
        if isinstance(args[0], int) or "policy.d" in str(args[0]):
            raise OSError(5, "Input/output error")
        return real(*args, **options)

    monkeypatch.setattr(policyfile.os, call, fail)
    with pytest.raises(ConfigError) as caught:
        read(directory)
    monkeypatch.undo()
    assert [fault.sentence for fault in caught.value.faults] == ["cannot be read: Input/output error"]


def test_each_file_is_judged_by_what_was_opened(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody swaps the file between a look at its name and the reading: what is read is what was judged."""
    file = write(directory, "a.toml", "[[deny]]\n")
    real = os.fstat

    def swap(descriptor: int) -> os.stat_result:
        file.unlink(missing_ok=True)
        write(directory, "a.toml", "nonsense")
        return real(descriptor)

    monkeypatch.setattr(policyfile.os, "fstat", swap)
    assert len(read(directory).rules) == 1


# --- check -----------------------------------------------------------------------------------------------------------


def test_check_reads_files_wherever_they_lie(tmp_path: Path) -> None:
    good, bad = (
        write(tmp_path, "good.toml", WHOLE),
        write(tmp_path, "bad.toml", '[[deny]]\nname = "freeze"\nwho = []\n'),
    )
    good.chmod(0o666)
    assert policyfile.read([good])[1] == []
    assert policyfile.read([good, bad])[1] == [
        Fault(str(bad), 1, "freeze", f'the name "freeze" stands in {good}:22 already'),
        Fault(str(bad), 3, "freeze", '"who" is empty'),
    ]
    assert policyfile.read([tmp_path / "none.toml"])[1] == [
        Fault(str(tmp_path / "none.toml"), 0, "", "cannot be read: No such file or directory")
    ]
