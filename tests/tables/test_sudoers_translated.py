# SPDX-License-Identifier: Apache-2.0
"""What becomes of an entry of sudoers: a rule that says no more than it, or a sentence."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from jitd_policy.verbs import policy

NOT = "#     "


def run(*words: str, ldif: str | None = None) -> Result:
    line = ["import", "--approvers", "group:ops", *words]
    return CliRunner().invoke(policy, line, input=ldif, standalone_mode=False)


def imported(at: Path, sudoers: str, *options: str) -> list[str]:
    """The lines that are printed, without comments of what is known before."""
    file = at / "sudoers"
    file.write_text(sudoers, "utf-8")
    return run(*options, str(file)).output.splitlines()


def rule_of(at: Path, sudoers: str, *options: str) -> dict[str, str]:
    """The only rule that is made, by its keys."""
    lines = imported(at, sudoers, *options)
    assert lines.count("[[permit]]") == 1, lines
    return dict(line.split(" = ", 1) for line in lines if " = " in line and not line.startswith("#"))


def because(at: Path, sudoers: str) -> str:
    """Why the last line of ``sudoers`` is not carried over."""
    lines = imported(at, sudoers)
    assert "[[permit]]" not in lines, lines
    return [line.removeprefix(NOT) for line in lines if line.startswith(NOT)][-1]


@pytest.mark.parametrize(
    ("line", "key", "value"),
    [
        ("alice ALL = /usr/bin/id", "who", '["user:alice"]'),
        ("%web, alice ALL = /usr/bin/id", "who", '["group:web", "user:alice"]'),
        (r"%domain\ users ALL = /usr/bin/id", "who", '["group:domain users"]'),
        ("jürgen ALL = /usr/bin/id", "who", '["user:jürgen"]'),
        ("alice ALL = /usr/bin/id", "commands", '[["/usr/bin/id", "**"]]'),
        ('alice ALL = /usr/bin/id ""', "commands", '[["/usr/bin/id"]]'),
        ("alice ALL = /usr/bin/id -u  root", "commands", '[["/usr/bin/id", "-u", "root"]]'),
        (r"alice ALL = /usr/bin/id a\, b", "commands", '[["/usr/bin/id", "a,", "b"]]'),
        ("alice ALL = /usr/local/bin/", "commands", '[["/usr/local/bin/*", "**"]]'),
        ("alice ALL = /usr/bin/i*", "commands", '[["/usr/bin/i*", "**"]]'),
        ("alice ALL = ALL", "commands", '[["**"]]'),
        ("alice ALL = sudoedit /etc/motd", "commands", '[["sudoedit", "/etc/motd"]]'),
        ("alice ALL = /usr/bin/id", "run_as", '["root"]'),
        ("Defaults runas_default=postgres\nalice ALL = /usr/bin/id", "run_as", '["postgres"]'),
        ("alice ALL = (postgres) /usr/bin/id", "run_as", '["postgres"]'),
        ("alice ALL = (ALL : ALL) /usr/bin/id", "run_as", '["*"]'),
        ("alice ALL = (ALL) /usr/bin/id", "run_as", '["root"]'),
        ("alice ALL = (root : adm) /usr/bin/id", "run_as", '["root", "root:adm"]'),
        ("alice ALL = (: adm) /usr/bin/id", "run_as", '["self:adm"]'),
        ("alice web1 = /usr/bin/id", "hosts", '["web1", "web1.*"]'),
        ("alice web* = /usr/bin/id", "hosts", '["web*"]'),
        ("alice web1.example.org = /usr/bin/id", "hosts", '["web1.example.org"]'),
        ("alice ALL = /usr/bin/id", "approvals", '[{ need = 1, from = ["group:ops"] }]'),
        ("Defaults env_reset, !visiblepw\nalice ALL = /usr/bin/id", "who", '["user:alice"]'),
        ("Defaults:bob !lecture\nalice ALL = /usr/bin/id", "who", '["user:alice"]'),
        ("Defaults !requiretty\nalice ALL = /usr/bin/id", "who", '["user:alice"]'),
        ("Defaults:%web !requiretty, use_pty\nalice ALL = /usr/bin/id", "who", '["user:alice"]'),
        ("Defaults:bob, eve noexec\nalice ALL = /usr/bin/id", "who", '["user:alice"]'),
        ("Defaults:bob !authenticate\nalice ALL = /usr/bin/id", "who", '["user:alice"]'),
    ],
)
def test_an_entry_becomes_a_rule_that_says_the_same(tmp_path: Path, line: str, key: str, value: str) -> None:
    assert rule_of(tmp_path, f"{line}\n")[key] == value


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("root ALL = ALL", "root needs no rule"),
        ("ALL ALL = /usr/bin/id", "it is for everybody"),
        ("alice, !bob ALL = /usr/bin/id", "it leaves out people"),
        ("+admins ALL = /usr/bin/id", "+admins is a netgroup"),
        (r"%:ad\ group ALL = /usr/bin/id", "%:ad group is a group of another directory"),
        ("#1001 ALL = /usr/bin/id", "#1001 is a number"),
        ("%#1001 ALL = /usr/bin/id", "%#1001 is a number"),
        ("alice ALL, !db1 = /usr/bin/id", "it leaves out hosts"),
        ("alice 10.0.0.0/8 = /usr/bin/id", "10.0.0.0/8: rules know hosts by their names alone"),
        ("alice +web = /usr/bin/id", "+web: rules know hosts by their names alone"),
        ("alice *b = /usr/bin/id", "*b: sudo compares it with the short name of a host"),
        ("alice ALL = (ALL, !root) /usr/bin/id", "!root as an account to run as"),
        ("alice ALL = (%adm) /usr/bin/id", "%adm as an account to run as"),
        ("alice ALL = (#0) /usr/bin/id", "#0 as an account to run as"),
        ("alice ALL = (self) /usr/bin/id", "self as an account to run as"),
        ("alice ALL = ALL, !/usr/bin/su", "it takes /usr/bin/su away"),
        ("alice ALL = /usr/bin/systemctl restart *", "a * of sudo is any number of words"),
        ("alice ALL = /usr/bin/[a-c]", "no pattern of a rule says this"),
        ("alice ALL = /opt/bin/*", "a name that begins with a dot is none for a * or ? of sudo"),
        ("alice ALL = /opt/?pp/run", "a name that begins with a dot is none for a * or ? of sudo"),
        ("alice ALL = /opt/*/", "a name that begins with a dot is none for a * or ? of sudo"),
        ("alice ALL = /usr/bin/id ^-[a-z]$", "no pattern of a rule says this"),
        ("alice ALL = sha224:0GomF8mNN3wlDt1HD9XldjJ3SNgpFdbjO1+NsQ== /usr/bin/id", "a rule names no digest"),
        ("alice ALL = sudoedit /etc/motd /etc/issue", "a pattern of a rule is about one file"),
        ("alice ALL = NOEXEC: /usr/bin/vi", "NOEXEC: no rule can say it"),
        ("alice ALL = SETENV: /usr/bin/vi", "SETENV: no rule can say it"),
        ("alice ALL = INTERCEPT: /usr/bin/vi", "INTERCEPT: no rule can say it"),
        ("alice ALL = CWD=/tmp /usr/bin/id", "runcwd=/tmp: no rule can say it"),
        ("alice ALL = CHROOT=/srv /usr/bin/id", "runchroot=/srv: no rule can say it"),
        ("alice ALL = TIMEOUT=5m /usr/bin/id", "command_timeout=300: no rule can say it"),
        ("alice ALL = NOTBEFORE=20260101000000Z /usr/bin/id", "NOTBEFORE and NOTAFTER"),
        ("Defaults requiretty\nalice ALL = /usr/bin/id", "the setting requiretty may change what every line means"),
        ('Defaults runas_default="*"\nalice ALL = /usr/bin/id', "the setting runas_default=* names no account"),
        ("Defaults runas_default=self\nalice ALL = /usr/bin/id", "the setting runas_default=self names no account"),
        ("Defaults requiretty\nDefaults !requiretty\nalice ALL = /usr/bin/id", "the setting requiretty may change what"),
        ('Defaults:"a umask=1" noexec\n"a umask=1" ALL = /usr/bin/id', 'the setting Defaults:"a umask=1" noexec may be about it'),
        ("Defaults noexec\nalice ALL = /usr/bin/id", "the setting noexec may change what every line means"),
        ("Defaults:alice !authenticate\nalice ALL = /usr/bin/id", "the setting Defaults:alice !authenticate may be about it"),
        ("Defaults:bob, alice noexec\nalice ALL = /usr/bin/id", "the setting Defaults:bob, alice noexec may be about it"),
        ("Defaults:bob noexec\n%web ALL = /usr/bin/id", "the setting Defaults:bob noexec may be about it"),
        ("Defaults:%web noexec\nalice ALL = /usr/bin/id", "the setting Defaults:%web noexec may be about it"),
        ("Defaults!/usr/bin/id noexec\nalice ALL = /usr/bin/ls", "the setting Defaults!/usr/bin/id noexec may be about it"),
        ("Defaults>postgres noexec\nalice ALL = /usr/bin/ls", "the setting Defaults>postgres noexec may be about it"),
        ("Defaults@web1 noexec\nalice ALL = /usr/bin/ls", "the setting Defaults@web1 noexec may be about it"),
    ],
)
def test_what_rules_cannot_say_is_a_sentence(tmp_path: Path, line: str, told: str) -> None:
    assert told in because(tmp_path, f"{line}\n")


def test_of_several_commands_those_are_carried_over_that_a_rule_can_say(tmp_path: Path) -> None:
    line = "alice ALL = /usr/bin/ls *, /usr/bin/id, /usr/bin/[a-c]\n"
    assert rule_of(tmp_path, line)["commands"] == '[["/usr/bin/id", "**"]]'
    notes = [one for one in imported(tmp_path, line) if one.startswith("# narrower than sudo: without ")]
    assert len(notes) == 2 and "/usr/bin/ls *: a * of sudo is any number of words" in notes[0]


def test_what_a_later_line_takes_away_an_earlier_one_does_not_give(tmp_path: Path) -> None:
    """THREATS O-22."""
    taken = "alice ALL = /usr/bin/id\nalice ALL = !/usr/bin/id\n"
    assert "takes /usr/bin/id away" in because(tmp_path, taken)
    lines = imported(tmp_path, f"carol ALL = /usr/bin/ls\n%web ALL = /usr/bin/id\nbob ALL = /usr/bin/id\n{taken}")
    assert [line for line in lines if line.startswith("who")] == ['who = ["user:bob"]', 'who = ["user:carol"]']
    assert f"{NOT}a later line takes something away: alice ALL = !/usr/bin/id" in lines, "alice may be one of web"
    assert rule_of(tmp_path, "alice ALL = !/usr/bin/id\nalice ALL = /usr/bin/id\n")["who"] == '["user:alice"]', "the last counts"


@pytest.mark.parametrize("tag", ["NOEXEC: ", "CWD=/tmp ", "INTERCEPT: ", "NOFOLLOW: "])
def test_what_a_later_line_limits_an_earlier_one_does_not_give_without_the_limit(tmp_path: Path, tag: str) -> None:
    lines = imported(tmp_path, f"bob ALL = ALL\nalice ALL = ALL\nalice ALL = {tag}/usr/bin/vi\n")
    assert [line for line in lines if line.startswith("who")] == ['who = ["user:bob"]']
    assert any(line.startswith(f"{NOT}a later line takes something away: alice ALL = ") for line in lines), lines
    assert rule_of(tmp_path, f"alice ALL = {tag}/usr/bin/vi\nalice ALL = ALL\n")["who"] == '["user:alice"]', "the last counts"
    assert rule_of(tmp_path, "alice ALL = ALL\nalice ALL = SETENV: /usr/bin/vi\n")["who"] == '["user:alice"]', "this is more"


def test_what_a_later_line_asks_a_password_for_an_earlier_one_does_not_give_without_an_approval(tmp_path: Path) -> None:
    earlier, later = "alice ALL = (postgres) NOPASSWD: ALL\n", "alice ALL = (postgres) {}/usr/bin/cat /etc/*\n"
    assert "approvals" in rule_of(tmp_path, earlier + later.format(""))
    assert "approvals" in rule_of(tmp_path, f"Defaults !authenticate\n{earlier}{later.format('PASSWD: ')}")
    lines = imported(tmp_path, f"{earlier}alice ALL = (ALL) ALL\n")  # as postgres, too
    assert len([line for line in lines if line.startswith("approvals")]) == lines.count("[[permit]]") == 2
    partly = earlier + later.replace("{}", "/usr/bin/id, ")  # of this line, id is carried over
    assert len([line for line in imported(tmp_path, partly) if line.startswith("approvals")]) == 2
    for others in (later.format("NOPASSWD: "), later.replace("alice", "bob").format("")):
        assert "approvals" not in rule_of(tmp_path, earlier + others)


@pytest.mark.parametrize(
    ("earlier", "later", "n_approvals"),
    [
        ("/usr/bin/id", "/usr/bin/id -u root", 2),  # sudo compares "-u root" as one argument, too
        ("/usr/bin/", "/opt/app/current/id", 2),  # it may be the same file
        ("ALL", "/opt/app/current/id", 2),
        ("sudoedit /etc/motd", "/usr/bin/id", 2),
        ("/usr/bin/id", "/usr/bin/ls", 1),
        ("/usr/bin/id -u", "/usr/bin/id -g", 1),
        ('/usr/bin/id ""', "/usr/bin/id -g", 1),
        ("/usr/bin/id", "/usr/bin/cat /etc/*", 0),
    ],
)
def test_a_password_for_a_command_is_an_approval_for_whatever_may_be_the_same_command(
    tmp_path: Path, earlier: str, later: str, n_approvals: int
) -> None:
    lines = imported(tmp_path, f"alice ALL = (postgres) NOPASSWD: {earlier}\nalice ALL = (postgres) {later}\n")
    assert len([line for line in lines if line.startswith("approvals")]) == n_approvals, lines


def test_a_password_for_an_account_is_an_approval_for_each_of_its_groups(tmp_path: Path) -> None:
    lines = imported(tmp_path, "alice ALL = (postgres : adm) NOPASSWD: ALL\nalice ALL = (postgres) ALL\n")
    assert len([line for line in lines if line.startswith("approvals")]) == 2
    lines = imported(tmp_path, "alice ALL = (postgres) NOPASSWD: ALL\nalice ALL = (postgres) ALL\n")
    assert len([line for line in lines if line.startswith("approvals")]) == 1


def test_rules_are_in_reverse_because_sudo_obeys_the_last_line_and_jitd_the_first(tmp_path: Path) -> None:
    lines = imported(tmp_path, "alice ALL = /usr/bin/id\nalice ALL = NOPASSWD: /usr/bin/id -u\n")
    assert [line for line in lines if line.startswith("name")] == ['name = "sudoers-2-alice"', 'name = "sudoers-1-alice"']


def test_without_a_password_nobody_approves_unless_it_gives_root(tmp_path: Path) -> None:
    harmless, root = "alice ALL = NOPASSWD: /usr/bin/id -u\n", "alice ALL = NOPASSWD: /usr/bin/vim\n"
    assert "approvals" not in rule_of(tmp_path, harmless)
    assert any("WARNING: NOPASSWD" in line for line in imported(tmp_path, harmless))
    assert "approvals" in rule_of(tmp_path, root) and "approvals" in rule_of(tmp_path, "alice ALL = NOPASSWD: ALL\n")
    assert "approvals" not in rule_of(tmp_path, root, "--nopasswd-as-is")
    assert "approvals" not in rule_of(tmp_path, "alice ALL = (postgres) NOPASSWD: /usr/bin/vim\n")
    assert "approvals" not in rule_of(tmp_path, "Defaults !authenticate\nalice ALL = /usr/bin/id -u\n")
    assert "approvals" in rule_of(tmp_path, "Defaults !authenticate\nalice ALL = PASSWD: /usr/bin/id -u\n")
    assert "approvals" in rule_of(tmp_path, "Defaults !authenticate\nDefaults authenticate\nalice ALL = /usr/bin/id -u\n")


def test_rules_are_for_jitsudo_and_with_gate_for_sudo_too(tmp_path: Path) -> None:
    assert rule_of(tmp_path, "alice ALL = /usr/bin/id\n")["services"] == '["jitsudo"]'
    assert rule_of(tmp_path, "alice ALL = /usr/bin/id\n", "--gate")["services"] == '["jitsudo", "sudo"]'


def test_of_a_copied_file_each_rule_says_that_it_is_unchecked_and_the_status_is_1(tmp_path: Path) -> None:
    (tmp_path / "sudoers").write_text("alice ALL = /usr/bin/id\nbob ALL = /usr/bin/id\n")
    done = run(str(tmp_path / "sudoers"))
    assert done.output.count("# UNCHECKED: sudo was not asked whether it permits this") == 2
    assert str(done.exception) == "2 rules were not compared with sudo"


ENTRY = "dn: cn=a,ou=sudoers\nobjectClass: sudoRole\ncn: a\nsudoUser: alice\nsudoHost: ALL\nsudoCommand: /usr/bin/id\n"


def test_rules_of_a_directory_come_in_the_order_that_it_says(tmp_path: Path) -> None:
    first = ENTRY.replace("alice", "bob") + "sudoOrder: 9\n"
    done = run("--ldif", "-", ldif=f"{first}\n{ENTRY}sudoOrder: 1.5\n")
    assert [line for line in done.output.splitlines() if line.startswith("who")] == ['who = ["user:bob"]', 'who = ["user:alice"]']


def test_of_entries_of_a_directory_with_the_same_order_each_may_be_the_last() -> None:
    taken, asks = ENTRY.replace("/usr/bin/id", "!/usr/bin/id"), ENTRY.replace("/usr/bin/id", "/usr/bin/id -u")
    assert "[[permit]]" not in run("--ldif", "-", ldif=f"{taken}\n{ENTRY}").output
    assert "[[permit]]" in run("--ldif", "-", ldif=f"{taken}\n{ENTRY}sudoOrder: 1\n").output
    free = f"{ENTRY}sudoRunAsUser: postgres\nsudoOption: !authenticate\n"
    assert run("--ldif", "-", ldif=f"{asks}\n{free}").output.count("\napprovals") == 2
    assert run("--ldif", "-", ldif=f"{asks}\n{free}sudoOrder: 1\n").output.count("\napprovals") == 1


def test_what_sudo_could_not_translate_may_be_about_every_line() -> None:
    done = run("--ldif", "-", ldif=f"# Unable to translate sudoers:1:1:\n# Something new\n\n{ENTRY}")
    assert "[[permit]]" not in done.output and "the setting Defaults of a kind that is not known may be about it" in done.output


@pytest.mark.parametrize(("more", "run_as"), [("", "self"), ("sudoRunAsGroup: adm\n", "self:adm")])
def test_an_account_without_a_name_is_that_of_the_person_who_asks_and_never_root(more: str, run_as: str) -> None:
    done = run("--ldif", "-", ldif=f"{ENTRY}sudoRunAsUser:\n{more}")
    assert f'run_as = ["{run_as}"]' in done.output.splitlines()


def test_what_an_entry_says_never_ends_its_comment(tmp_path: Path) -> None:
    """THREATS O-22. The base64 is "alice", the end of a line, and a rule."""
    import base64

    evil = base64.b64encode(b'alice\n[[permit]]\nname = "evil"').decode()
    done = run("--ldif", "-", ldif=ENTRY.replace("sudoUser: alice", f"sudoUser:: {evil}"))
    assert not [line for line in done.output.splitlines() if line.startswith(("[[permit]]", "name"))]
    for attribute in ("sudoHost", "sudoRunAsUser", "sudoCommand", "sudoOption"):
        done = run("--ldif", "-", ldif=f"{ENTRY}{attribute}:: {evil}\n")
        assert not [line for line in done.output.splitlines() if line.startswith('name = "evil"')], attribute
    setting = f"dn: cn=defaults,ou=sudoers\ncn: defaults\nsudoOption:: {evil}\n\n{ENTRY}"
    assert "\nname" not in run("--ldif", "-", ldif=setting).output


@pytest.mark.parametrize(
    ("ldif", "told"),
    [
        (ENTRY.replace("sudoHost", "sudoHots"), "-:5: sudoHots is not an attribute that is read"),
        (f"{ENTRY}sudoRunAs: postgres\n", "-:7: sudoRunAs is not an attribute that is read"),
        (ENTRY[:-20], "-:6: "),
        (ENTRY.rstrip("\n"), "-:6: the last line has no end: it was cut short"),
        (ENTRY.replace("sudoCommand: /usr/bin/id\n", ""), "-:1: this entry has no sudoCommand: it was cut short"),
        ("dn: cn=a,ou=sudoers\ncn: a\n", "-:1: this entry has no sudoUser: it was cut short"),
        (f"{ENTRY}search result\n", "-:7: is not a line of LDIF"),
        (ENTRY.replace("sudoUser: alice", "sudoUser:: YQ"), "-: a value is not base64"),
        (f"{ENTRY}sudoOrder: first\n", "-: a value is not"),
        ("", "-:1: the last line has no end"),
    ],
)
def test_an_export_with_a_fault_is_refused_with_its_line_and_nothing_is_printed(ldif: str, told: str) -> None:
    done = run("--ldif", "-", ldif=ldif)
    assert done.output.startswith(told) and "[[permit]]" not in done.output, done.output
    assert "nothing was imported" in str(done.exception)


def test_sudoers_with_a_fault_are_refused_with_sudos_own_sentence(tmp_path: Path) -> None:
    (tmp_path / "sudoers").write_text("alice ALL = /usr/bin/id\n" * 9_999 + "bob ALL = (\n")
    done = run(str(tmp_path / "sudoers"), "--to", str(tmp_path / "new.toml"))
    assert f"{tmp_path}/sudoers:10000:" in done.output and "nothing was imported" in str(done.exception)
    assert not (tmp_path / "new.toml").exists()


def test_rules_are_written_into_a_new_file_alone_and_never_where_the_daemon_reads(tmp_path: Path) -> None:
    (tmp_path / "sudoers").write_text("alice ALL = /usr/bin/id\n")
    (tmp_path / "policy.d").mkdir()
    new = tmp_path / "new.toml"
    assert "1 rule was not" in str(run("--to", str(new), str(tmp_path / "sudoers")).exception)
    assert "[[permit]]" in new.read_text()
    assert "is there already; nothing was written" in str(run("--to", str(new), str(tmp_path / "sudoers")).exception)
    there = tmp_path / "policy.d/new.toml"
    assert "nothing was written" in str(run("--to", str(there), str(tmp_path / "sudoers")).exception) and not there.exists()
