# SPDX-License-Identifier: Apache-2.0
"""Imported rules beside the sudo of this host: whatever they permit, sudo permits, in shapes that sudoers have in the world."""

from __future__ import annotations

import subprocess
import tomllib
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import product
from pathlib import Path
from random import Random

import pytest
from click.testing import CliRunner, Result

from jitd.core.decision import Permit
from jitd.core.names import NAMES
from jitd.core.policy import Policy
from jitd.core.rule import Rule
from jitd.settings.policyfile import read
from jitd_policy import agreement, importing
from jitd_policy.cases import Case
from jitd_policy.trying import try_all
from jitd_policy.verbs import policy

SUDOERS = Path("/etc/sudoers")
HEAD = "Defaults env_reset, mail_badpass\nDefaults secure_path=/usr/sbin:/usr/bin\nroot ALL=(ALL:ALL) ALL\n"
SHAPES = {
    "a group that may all": ("%dba ALL=(ALL:ALL) ALL\n", 1),
    "a group that may all, and no groups": ("%dba ALL=(ALL) ALL\n", 1),
    "a group that may all without a password": ("%dba ALL=(ALL) NOPASSWD: ALL\n", 1),
    "one command": ("alice ALL=(root) /usr/bin/id\n", 1),
    "one command with its words": ("alice ALL=(root) NOPASSWD: /usr/bin/id -u root\n", 1),
    "one command without words": ('alice ALL=(root) /usr/bin/id ""\n', 1),
    "several commands": ("alice ALL=/usr/bin/id, /usr/bin/ls -l, /usr/bin/cat /etc/motd\n", 1),
    "aliases of all four kinds": (
        "User_Alias A = alice, %ops\nRunas_Alias R = root, nobody\nHost_Alias H = lab, web1\n"
        "Cmnd_Alias C = /usr/bin/id, /usr/bin/ls\nA H = (R) C\n",
        1,
    ),
    "an alias that leaves something out": ("Cmnd_Alias C = /usr/bin/id, !/usr/bin/ls\nalice ALL = C\n", 0),
    "all but a shell": ("alice ALL = ALL, !/usr/bin/ls\n", 0),
    "all, and then not all": ("alice ALL = ALL\nalice ALL = !/usr/bin/ls\n", 0),
    "not one, and then all": ("alice ALL = !/usr/bin/ls\nalice ALL = ALL\n", 1),
    "all, and then nothing": ("%dba ALL = ALL\nalice ALL = !ALL\n", 0),
    "of others, nothing": ("eve ALL = /usr/bin/id\nalice ALL = !ALL\n", 1),
    "another account": ("alice ALL = (nobody) /usr/bin/id\n", 1),
    "a group of people who restart, and another's pager without a file": (
        "%dba ALL = (root) /usr/bin/id -u\neve ALL = (root) /usr/bin/ls, !/usr/bin/ls /etc/shadow\n",
        1,
    ),
    "a limit of one command for others": ("%dba ALL = (root) /usr/bin/id -u, /usr/bin/ls\neve ALL = NOEXEC: /usr/bin/ls\n", 1),
    "no password for one account by a setting": (
        "Defaults:eve !authenticate\neve ALL = /usr/bin/id\n%dba ALL = /usr/bin/ls\n",
        2,
    ),
    "no password for anybody, and one for a few": (
        "Defaults !authenticate\nDefaults:alice authenticate\nalice ALL = /usr/bin/id\n",
        1,
    ),
    "a name in capitals after it": ("alice ALL = (nobody) NOPASSWD: ALL\nAlice ALL = (nobody) ALL\n", 2),
    "a group in capitals after it": ("alice ALL = (nobody) NOPASSWD: /usr/bin/id\n%DBA ALL = (ALL : ALL) ALL\n", 2),
    "an account in capitals after it": ("alice ALL = (nobody) NOPASSWD: /usr/bin/id\nalice ALL = (Nobody) ALL\n", 2),
    "a robot, and then all accounts": ("alice ALL = (root) NOPASSWD: /usr/bin/id -u\n%dba ALL = (ALL) ALL\n", 2),
    "a robot for another account, and then all": ("alice ALL = (nobody) NOPASSWD: /usr/bin/id -u\n%dba ALL = (ALL) ALL\n", 2),
    "a robot, and then all on this host": ("alice ALL = (root) NOPASSWD: /usr/bin/id -u\n%dba lab = (ALL : ALL) ALL\n", 2),
    "a group that gives root": ("alice ALL = (alice : disk) NOPASSWD: /usr/bin/id\n", 1),
    "several accounts, and tags between them": ("alice ALL = (root) NOPASSWD: /usr/bin/id, (nobody) PASSWD: /usr/bin/ls\n", 2),
    "all but root": ("alice ALL = (ALL, !root) /usr/bin/id\n", 0),
    "an account by its number": ("alice ALL = (#0) /usr/bin/id\n", 0),
    "a group to run as": ("alice ALL = (: adm) /usr/bin/id\n", 1),
    "the members of a group to run as": ("alice ALL = (%ops) /usr/bin/id\n", 0),
    "another host": ("alice web1 = /usr/bin/id\n", 1),
    "this host": ("alice lab = /usr/bin/id\n", 1),
    "this host in full": ("alice lab.example.test = /usr/bin/id\n", 1),
    "hosts that begin so": ("alice l* = /usr/bin/id\n", 1),
    "all hosts but one": ("alice ALL, !lab = /usr/bin/id\n", 0),
    "a network": ("alice 10.0.0.0/8 = /usr/bin/id\n", 0),
    "a directory": ("alice ALL = /usr/bin/\n", 1),
    "a wildcard in a path": ("alice ALL = /usr/bin/i?\n", 1),
    "a wildcard in words": ("alice ALL = /usr/bin/ls /etc/*\n", 0),
    "a wildcard in words of one of several": ("alice ALL = /usr/bin/ls /etc/*, /usr/bin/id\n", 1),
    "an expression": ("alice ALL = /usr/bin/ls ^-[a-z]$\n", 0),
    "words in quotes": (r'alice ALL = /usr/bin/ls "a b"' + "\n", 0),
    "words that are escaped": (r"alice ALL = /usr/bin/ls a\,b c\:d" + "\n", 1),
    "edits": ("alice ALL = sudoedit /etc/motd, /usr/bin/id\n", 1),
    "variables": ("alice ALL = SETENV: /usr/bin/id\n", 1),
    "tags of recordings": ("alice ALL = LOG_OUTPUT: /usr/bin/id\n", 1),
    "an account that is not here": ("alice ALL = (zoe, root) /usr/bin/id\n", 1),
    "somebody who is not here": ("zoe ALL = /usr/bin/id\n", 1),
    "a program that is not here": ("alice ALL = /opt/none/bin/x\n", 1),
    "a setting for one person": ("Defaults:alice !authenticate\nalice ALL = /usr/bin/id\neve ALL = /usr/bin/id\n", 2),
    "another account if none is named": ("Defaults runas_default=nobody\nalice ALL = /usr/bin/id\n", 1),
    "no terminal, no sudo": ("Defaults requiretty\nalice ALL = /usr/bin/id\n", 0),
    "everybody": ("ALL ALL = /usr/bin/id\n", 0),
    "a tag before each command": ("alice ALL=NOPASSWD:/usr/bin/id,NOPASSWD:/usr/bin/ls -l,NOPASSWD:/usr/bin/cat /etc/motd\n", 1),
    "no blank after the account": ("alice ALL=(root)NOPASSWD:/usr/bin/id,/usr/bin/ls\n", 1),
    "a few without a password, and then all with one": ("alice ALL=NOPASSWD: /usr/bin/id\n%dba ALL=(ALL) ALL\n", 2),
    "all, and then a few without a password": (
        "User_Alias ADMINS = alice, eve\nUser_Alias LISTERS = alice, bob\nCmnd_Alias LISTING = /bin/ls, /usr/bin/id\n"
        "ADMINS ALL=(ALL) ALL\nLISTERS ALL=(ALL) NOPASSWD: LISTING\n",
        2,
    ),
    "several groups that may all without a password": (
        "%dba ALL=(ALL) NOPASSWD:ALL\n%ops ALL=(ALL) NOPASSWD:ALL\n%wheel ALL=(ALL) NOPASSWD:ALL\n",
        3,
    ),
    "a command in any directory": ("alice ALL=NOPASSWD:/*/id,NOPASSWD:/*/ls\n", 0),
    "a wildcard for an address": ("alice ALL= NOPASSWD: /usr/bin/ls -s *.*.*.* -d *.*.*.*\n", 0),
    "any verb for one unit": ("alice ALL=NOPASSWD: /usr/bin/ls * one, /usr/bin/ls * two\n", 0),
    "a setting for one person about terminals": (
        "Defaults:alice !requiretty, use_pty, umask=0077\nalice ALL=NOPASSWD: /usr/bin/id\n",
        1,
    ),
    "a setting for a group about terminals": ("Defaults:%dba !requiretty\n%dba ALL=(ALL) ALL\n", 1),
    "a setting for a command about variables": (
        'Cmnd_Alias START = /usr/bin/id\nDefaults!START env_keep += "HOME"\n%dba ALL=(root) NOPASSWD: START\n',
        1,
    ),
    "a setting for one person about variables": ("Defaults:alice env_keep+=LD_PRELOAD\nalice ALL=(root) /usr/bin/id\n", 1),
    "a setting for a command about its path": (
        "Defaults!/usr/bin/id !secure_path\nalice ALL=(%ops) NOPASSWD:SETENV: /usr/bin/id\n",
        0,
    ),
    "members of a group, with variables": ("alice ALL = (%ops) NOPASSWD: SETENV: /usr/bin/id, /usr/bin/ls\n", 0),
    "the address of this host": ("%dba 192.0.2.7 = (ALL) ALL\n", 0),
    "su to an account on some hosts": ("Host_Alias DB = db1, db2\n%dba DB = /bin/su - nobody\n", 1),
    "localhost": ("%dba localhost=/usr/bin/id -u\n", 1),
    "all but shells and su": (
        "Cmnd_Alias SHELLS = /bin/sh, /bin/bash\nCmnd_Alias SU = /bin/su\n%dba ALL=(ALL) NOPASSWD: ALL, !SHELLS, !SU\n",
        0,
    ),
    "a password of anybody but root": ("alice ALL = /usr/bin/passwd [A-Za-z]*, !/usr/bin/passwd root\n", 0),
    "everybody, on a desktop": ("Host_Alias DESKTOP = lab\nALL DESKTOP = NOPASSWD: /usr/bin/id\n", 0),
    "all outside of some hosts": (
        "Host_Alias DMZ = web1\nalice DMZ = (ALL) NOPASSWD: /usr/bin/id\nalice ALL, !DMZ = (ALL) NOPASSWD: ALL\n",
        1,
    ),
    "an account of an application and its group": (
        "Cmnd_Alias APP = /usr/bin/id\nDefaults!APP env_reset, log_output\nalice ALL=(nobody:nogroup) APP\n",
        1,
    ),
    "a colon that is escaped, and a wildcard": (
        r"Cmnd_Alias A = /usr/bin/ls 0\:0 /tmp/x*" "\nCmnd_Alias B = /usr/bin/ls -l\n%dba ALL=(root) NOPASSWD: A, B\n",
        1,
    ),
    "a setting for a command with words": (
        'Cmnd_Alias C = /usr/bin/id -u\nDefaults!C env_keep += "HOME"\nalice ALL=NOPASSWD: /usr/bin/id -u\n',
        0,
    ),
    "attributes of a cluster": (
        "Cmnd_Alias OK = /usr/bin/id -n site -v SOK -t conf\nCmnd_Alias BAD = /usr/bin/id -n site -v SFAIL -t conf\n"
        "alice ALL=(ALL) NOPASSWD: OK, BAD\n",
        1,
    ),
    "two lines about one command": ("alice ALL = (root) /usr/bin/id\n%dba ALL = (root) NOPASSWD: /usr/bin/id -u\n", 2),
}
PEOPLE = ("alice", "bob", "eve")
TARGETS = ("root", "nobody")
COMMANDS = (
    ("/usr/bin/id",), ("/usr/bin/id", "-u"), ("/usr/bin/id", "-u", "root"), ("/usr/bin/ls",), ("/usr/bin/ls", "-l"),
    ("/usr/bin/ls", "a,b", "c:d"), ("/usr/bin/ls", "a b"), ("/usr/bin/ls", "/etc/x/y", "z"), ("/usr/bin/cat", "/etc/motd"),
    ("/usr/bin/env",), ("/usr/sbin/visudo", "-V"), ("/usr/bin/id", "-n", "site", "-v", "SOK", "-t", "conf"),
)  # fmt: skip


@pytest.fixture
def sudoers() -> Iterator[Path]:
    kept = SUDOERS.read_bytes()
    yield SUDOERS
    SUDOERS.write_bytes(kept)


@pytest.fixture
def own_settings() -> Iterator[Path]:
    file = Path("/etc/jitd/jitd.toml")
    before = file.read_text()
    yield file
    file.write_text(before)


def imported(*options: str) -> Result:
    return CliRunner().invoke(policy, ["import", "--approvers", "group:ops", *options], standalone_mode=False)


def test_there_are_sixty_shapes() -> None:
    assert len(SHAPES) >= 60


def case_of(who: str, target: str, argv: tuple[str, ...]) -> Case:
    words = tuple(map(str.encode, argv))
    now = datetime.now(UTC)
    return Case("", 0, "", agreement._person(who), "command", words, "permit", target, host="lab.example.test", at=now)


def permitted(rules: Sequence[Rule]) -> list[tuple[Case, Permit]]:
    """What the rules permit of all that is asked here."""
    cases = [case_of(*one) for one in product(PEOPLE, TARGETS, COMMANDS)]
    trials = try_all(Policy(tuple(rules), "deny", ""), cases, NAMES, None)
    return [(one.case, one.answer) for one in trials if isinstance(one.answer, Permit)]


def asks_for_a_password(who: str, target: str, argv: tuple[str, ...]) -> bool:
    """True if sudo, which ``who`` runs here, wants a password. The command runs if it does not."""
    person = ["setpriv", f"--reuid={who}", f"--regid={who}", "--init-groups", "--"]
    done = subprocess.run([*person, "sudo", "-n", "-u", target, "--", *argv], stdin=subprocess.DEVNULL, capture_output=True)
    return b"a password is required" in done.stderr


@pytest.mark.parametrize("shape", SHAPES)
def test_what_the_rules_of_a_shape_permit_sudo_permits(sudoers: Path, shape: str, tmp_path: Path) -> None:
    """THREATS O-22, O-23."""
    text, n_rules = SHAPES[shape]
    sudoers.write_text(HEAD + text)
    done = imported("--to", str(tmp_path / "rules.toml"), "--table", str(tmp_path / "table.toml"), "--nopasswd-as-is")
    rules, faults = read([tmp_path / "rules.toml"])
    assert faults == [] and len(rules) == n_rules, (tmp_path / "rules.toml").read_text()
    found = permitted(rules)
    asked = [(case.who.user, case.run_as, tuple(map(bytes.decode, case.words))) for case, _ in found]
    assert [one for one in asked if not importing.ask_sudo(*one)] == []
    free = [one for one, (_, answer) in zip(asked, found, strict=True) if not answer.obligations.approvals]
    assert [one for one in free if asks_for_a_password(*one)] == [], "no approval saves a password"
    is_asked = "UNCHECKED" not in (tmp_path / "rules.toml").read_text()
    assert is_asked is (done.exception is None)
    assert found or not n_rules or not is_asked, "the rules of a shape that sudo knows here permit something"
    assert (tmp_path / "table.toml").exists() is bool(n_rules)
    if n_rules:
        holds(tmp_path)


WHO = ("alice", "Alice", "%dba", "%DBA", "eve", "bob", "alice, eve", "ALL", "zoe", "%ops")
ACCOUNTS = ("", "(root)", "(nobody)", "(ALL)", "(ALL:ALL)", "(Nobody)", "(root, nobody)")
WORDS = (
    "/usr/bin/id", "/usr/bin/id -u", "/usr/bin/id -u root", "/usr/bin/ls", "/usr/bin/ls -l", "ALL", "!/usr/bin/id", "/bin/id",
    "!/usr/bin/ls -l", "/usr/bin/", "/usr/bin/l?", "/usr/bin/ls *", "!ALL", "/usr/bin/cat /etc/motd", '/usr/bin/id ""',
)  # fmt: skip
SETTINGS = (
    "", "!authenticate", ":alice !authenticate", ":eve authenticate", ":Alice authenticate", "!/usr/bin/id !authenticate",
    ">root authenticate", ":%dba noexec", "setenv", "runas_default=nobody",
)  # fmt: skip


def test_rules_of_files_made_at_random_permit_no_more_and_save_no_password(sudoers: Path, tmp_path: Path) -> None:
    """THREATS O-22, O-23."""
    by = Random(1)
    n_free = 0
    for number in range(80):
        text = HEAD + "".join(f"Defaults{' ' * word[:1].isalpha()}{word}\n" for word in by.sample(SETTINGS, 2) if word)
        for _ in range(by.randint(1, 4)):
            tags = by.choices(("", "NOPASSWD: ", "PASSWD: ", "NOEXEC: ", "SETENV: "), k=2)
            commands = ", ".join(f"{tag}{by.choice(WORDS)}" for tag in tags[: by.randint(1, 2)])
            text += f"{by.choice(WHO)} {by.choice(('ALL', 'ALL', 'lab', 'web1'))} = {by.choice(ACCOUNTS)} {commands}\n"
        sudoers.write_text(text)
        imported("--to", str(tmp_path / f"{number}.toml"), "--nopasswd-as-is", "--unchecked")
        rules, _ = read([tmp_path / f"{number}.toml"])
        for case, answer in permitted(rules):
            asked = (case.who.user, case.run_as, tuple(map(bytes.decode, case.words)))
            assert importing.ask_sudo(*asked), text
            if not answer.obligations.approvals:
                n_free += 1
                assert not asks_for_a_password(*asked), text
    assert n_free > 10, "some need no approval"


@pytest.mark.parametrize("later", ["Alice ALL = (nobody) ALL", "%DBA ALL = (nobody) ALL", "alice ALL = (Nobody) ALL"])
def test_sudo_compares_names_without_case_so_such_a_line_asks_for_a_password(sudoers: Path, later: str, tmp_path: Path) -> None:
    """THREATS O-23."""
    sudoers.write_text(f"{HEAD}alice ALL = (nobody) NOPASSWD: ALL\n")
    assert not asks_for_a_password("alice", "nobody", ("/usr/bin/id",))
    sudoers.write_text(f"{HEAD}alice ALL = (nobody) NOPASSWD: ALL\n{later}\n")
    assert asks_for_a_password("alice", "nobody", ("/usr/bin/id",))
    imported("--to", str(tmp_path / "rules.toml"))
    rules, _ = read([tmp_path / "rules.toml"])
    assert all(answer.obligations.approvals for _, answer in permitted(rules)) and permitted(rules)


def holds(at: Path) -> None:
    """The table of an import is accepted by its own test, with the rules."""
    for name in ("policy.d", "policy.test"):
        (at / name).mkdir()
    (at / "jitd.toml").write_text('realms = ["EXAMPLE.TEST"]\n')
    (at / "rules.toml").rename(at / "policy.d/sudo.toml")
    (at / "table.toml").rename(at / "policy.test/sudo.toml")
    done = CliRunner().invoke(policy, ["test", str(at)], standalone_mode=False)
    assert done.exception is None, done.output


@pytest.mark.parametrize("who", ["alice", "backup"])
def test_a_rule_that_permits_what_sudo_refuses_is_taken_away_and_the_sentence_says_what(
    sudoers: Path, monkeypatch: pytest.MonkeyPatch, who: str
) -> None:
    """THREATS O-22. backup is a system account: it is compared as with a ticket, without which no rule permits anything."""
    sudoers.write_text(f"{HEAD}{who} ALL = /usr/bin/id\neve ALL = /usr/bin/ls\n")
    asked = importing.ask_sudo
    monkeypatch.setattr(importing, "ask_sudo", lambda *words: "more" not in words[2] and asked(*words))
    lines = imported().output.splitlines()
    assert "[[permit]]" not in lines
    told = f"sudo does not let {who} run /usr/bin/id more as root, and the rule would: write a narrower one by hand"
    assert f"#     {told}" in lines


def test_a_line_for_a_password_that_is_taken_away_leaves_no_earlier_one_without_an_approval(
    sudoers: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """THREATS O-22."""
    sudoers.write_text(f"{HEAD}alice ALL = (nobody) NOPASSWD: /usr/bin/id\nalice ALL = (nobody) ALL\n")
    asked = importing.ask_sudo
    assert imported().output.splitlines().count('approvals = [{ need = 1, from = ["group:ops"] }]') == 1
    monkeypatch.setattr(importing, "ask_sudo", lambda *words: words[2] != (agreement.OTHER,) and asked(*words))
    lines = imported().output.splitlines()
    assert "#     sudo does not let alice run /usr/bin/env as nobody, and the rule would: write a narrower one by hand" in lines
    assert lines.count("[[permit]]") == lines.count('approvals = [{ need = 1, from = ["group:ops"] }]') == 1


def test_a_line_that_is_for_other_hosts_too_is_unchecked_for_them(sudoers: Path) -> None:
    sudoers.write_text(f"{HEAD}alice lab, web1 = /usr/bin/id\n")
    assert "# UNCHECKED: it is for other hosts" in imported().output.splitlines()
    sudoers.write_text(f"{HEAD}alice lab, lab.example.test = /usr/bin/id\n")
    assert "UNCHECKED" not in imported().output


def test_the_table_of_an_import_holds_for_its_rules(sudoers: Path, tmp_path: Path) -> None:
    sudoers.write_text(f"{HEAD}%dba ALL = (root) /usr/bin/id -u, /usr/bin/ls\nbob ALL = (nobody) /usr/bin/cat\n")
    for name in ("policy.d", "policy.test"):
        (tmp_path / name).mkdir()
    (tmp_path / "jitd.toml").write_text('realms = ["EXAMPLE.TEST"]\n')
    assert imported("--to", str(tmp_path / "new"), "--table", str(tmp_path / "policy.test/sudo.toml")).exception is None
    (tmp_path / "new").rename(tmp_path / "policy.d/sudo.toml")
    done = CliRunner().invoke(policy, ["test", str(tmp_path)], standalone_mode=False)
    assert done.exception is None and "2 of 2 rules decided one" in done.output


def test_a_rule_for_a_system_account_has_the_lines_that_let_it_ask_and_its_table_asks_without_a_ticket(
    sudoers: Path, tmp_path: Path
) -> None:
    sudoers.write_text(f"{HEAD}backup ALL = (root) NOPASSWD: /usr/bin/id -u\nalice ALL = (root) /usr/bin/id -u\n")
    done = imported("--to", str(tmp_path / "rules.toml"), "--table", str(tmp_path / "table.toml"))
    assert done.exception is None and "; 1 rule for system accounts: see the comment" in done.output
    rules = (tmp_path / "rules.toml").read_text()
    assert "# WARNING: jitd refuses backup (uid 34) as a system account." in rules
    for line in ('#   "backup@EXAMPLE.TEST" = "backup"', "#   min_uid = 34"):
        assert rules.count(f"{line}\n") == 1, rules
    table = tomllib.loads((tmp_path / "table.toml").read_text())
    assert table["people"]["backup"]["proved_by"] == "nothing" and "proved_by" not in table["people"]["alice"]
    permitted = {case["who"] for case in table["case"] if case["outcome"] == "permit"}
    assert permitted == {"alice"}, "the table does not say that a robot goes on which jitd refuses"


def test_a_system_account_that_the_settings_list_asks_with_its_ticket(sudoers: Path, tmp_path: Path, own_settings: Path) -> None:
    sudoers.write_text(f"{HEAD}backup ALL = (root) NOPASSWD: /usr/bin/id -u\n")
    own_settings.write_text(own_settings.read_text() + '\n[principals]\n"backup@EXAMPLE.TEST" = "backup"\n')
    done = imported("--to", str(tmp_path / "rules.toml"), "--table", str(tmp_path / "table.toml"))
    assert "system account" not in done.output + (tmp_path / "rules.toml").read_text()
    table = tomllib.loads((tmp_path / "table.toml").read_text())
    assert {case["who"] for case in table["case"] if case["outcome"] == "permit"} == {"backup"}


def test_no_limit_of_user_ids_is_advised_for_nobody_because_it_would_shut_out_all_people(sudoers: Path) -> None:
    sudoers.write_text(f"{HEAD}nobody ALL = (root) NOPASSWD: /usr/bin/id -u\nnobody, backup ALL = (root) NOPASSWD: /usr/bin/id\n")
    lines = imported().output.splitlines()
    assert lines.count('#   "nobody@EXAMPLE.TEST" = "nobody"') == 2
    assert [line for line in lines if "min_uid" in line] == ["#   min_uid = 34"]


def test_no_table_is_written_if_there_are_no_rules(sudoers: Path, tmp_path: Path) -> None:
    """A table without a case is a fault for its own test."""
    sudoers.write_text(f"{HEAD}alice ALL = ALL, !/bin/sh\n")
    done = imported("--to", str(tmp_path / "new"), "--table", str(tmp_path / "table"))
    assert done.exception is None and (tmp_path / "new").exists() and not (tmp_path / "table").exists()
    assert f"jitd: {tmp_path}/table is not written: there is nothing that sudo could be asked about" in done.output.splitlines()


def test_a_table_never_is_longer_than_its_own_test_reads(sudoers: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agreement, "MOST_BYTES", 3000)
    sudoers.write_text(f"{HEAD}%dba ALL = (root) /usr/bin/id, /usr/bin/ls, /usr/bin/cat\n")
    assert imported("--to", str(tmp_path / "rules.toml"), "--table", str(tmp_path / "table.toml")).exception is None
    assert 1000 < (tmp_path / "table.toml").stat().st_size <= 3000
    holds(tmp_path)


def test_sudo_that_cannot_be_asked_ends_the_import(sudoers: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sudoers.write_text(f"{HEAD}alice ALL = /usr/bin/id\n")
    monkeypatch.setattr(importing, "SUDO", "/nowhere/sudo")
    done = imported()
    assert "nothing was imported" in str(done.exception) and "[[permit]]" not in done.output
