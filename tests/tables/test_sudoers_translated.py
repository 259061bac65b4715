# SPDX-License-Identifier: Apache-2.0
"""What becomes of an entry of sudoers: a rule that says no more than it, or a sentence."""

from __future__ import annotations

from collections.abc import Callable
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
        ("alice ALL = SETENV: /usr/bin/id", "commands", '[["/usr/bin/id", "**"]]'),
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
        ("alice, !bob ALL = /usr/bin/id", "it excludes bob, and rules cannot exclude people: name those who may"),
        ("+admins ALL = /usr/bin/id", "+admins is a netgroup"),
        (r"%:ad\ group ALL = /usr/bin/id", "%:ad group is a group of another directory"),
        ("#1001 ALL = /usr/bin/id", "#1001 is a number"),
        ("%#1001 ALL = /usr/bin/id", "%#1001 is a number"),
        ("alice ALL, !db1 = /usr/bin/id", "rules cannot exclude hosts: name the hosts"),
        ("alice 10.0.0.0/8 = /usr/bin/id", "10.0.0.0/8: rules know hosts by their names alone"),
        ("alice +web = /usr/bin/id", "+web: rules know hosts by their names alone"),
        ("alice *b = /usr/bin/id", "*b: sudo compares it with the short name of a host"),
        ("alice ALL = (ALL, !root) /usr/bin/id", "!root as an account to run as"),
        ("alice ALL = (%adm) /usr/bin/id", "%adm as an account to run as"),
        ("alice ALL = (#0) /usr/bin/id", "#0 as an account to run as"),
        ("alice ALL = (self) /usr/bin/id", "self as an account to run as"),
        ("alice ALL = ALL, !/usr/bin/su", "it excludes /usr/bin/su, and rules cannot exclude commands: list what is allowed"),
        ("alice ALL = /usr/bin/systemctl restart *", "a * of sudo is any number of words"),
        ("alice ALL = /usr/bin/[a-c]", "no pattern of a rule says this"),
        ("alice ALL = /opt/bin/*", "a name that begins with a dot is none for a * or ? of sudo"),
        ("alice ALL = /opt/?pp/run", "a name that begins with a dot is none for a * or ? of sudo"),
        ("alice ALL = /opt/*/", "a name that begins with a dot is none for a * or ? of sudo"),
        ("alice ALL = /usr/bin/id ^-[a-z]$", "no pattern of a rule says this"),
        ("alice ALL = sha224:0GomF8mNN3wlDt1HD9XldjJ3SNgpFdbjO1+NsQ== /usr/bin/id", "a rule names no digest"),
        ("alice ALL = sudoedit /etc/motd /etc/issue", "a pattern of a rule is about one file"),
        ("alice ALL = NOEXEC: /usr/bin/vi", "NOEXEC: no rule can say it"),
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
        ("Defaults:alice umask=1, noexec\nalice ALL = /usr/bin/id", "the setting Defaults:alice noexec may be about it"),
        ("Defaults:Alice noexec\nalice ALL = /usr/bin/id", "the setting Defaults:Alice noexec may be about it"),
        (
            "Cmnd_Alias C = /usr/bin/id umask=1\nDefaults!C noexec\nalice ALL = /usr/bin/ls",
            "the setting Defaults!/usr/bin/id umask\\=1 noexec may be",
        ),
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
    assert "it excludes /usr/bin/id, and" in because(tmp_path, taken)
    lines = imported(tmp_path, f"carol ALL = /usr/bin/ls\n%web ALL = /usr/bin/id\nbob ALL = /usr/bin/id\n{taken}")
    assert [line for line in lines if line.startswith("who")] == ['who = ["user:bob"]', 'who = ["user:carol"]']
    assert (
        f"{NOT}/usr/bin/id: a later line excludes or limits it: alice ALL = !/usr/bin/id; put what is allowed into one line"
        in lines
    )
    assert rule_of(tmp_path, "alice ALL = !/usr/bin/id\nalice ALL = /usr/bin/id\n")["who"] == '["user:alice"]', "the last counts"


@pytest.mark.parametrize("tag", ["NOEXEC: ", "CWD=/tmp ", "INTERCEPT: ", "NOFOLLOW: "])
def test_what_a_later_line_limits_an_earlier_one_does_not_give_without_the_limit(tmp_path: Path, tag: str) -> None:
    lines = imported(tmp_path, f"bob ALL = ALL\nalice ALL = ALL\nalice ALL = {tag}/usr/bin/vi\n")
    assert [line for line in lines if line.startswith("who")] == ['who = ["user:bob"]']
    assert any(line.startswith(f"{NOT}ALL: a later line excludes or limits it: alice ALL = ") for line in lines), lines
    assert rule_of(tmp_path, f"alice ALL = {tag}/usr/bin/vi\nalice ALL = ALL\n")["who"] == '["user:alice"]', "the last counts"
    more = imported(tmp_path, "alice ALL = ALL\nalice ALL = SETENV: /usr/bin/vi\n")
    assert names_in(more) == ['who = ["user:alice"]'] * 2, "SETENV lets sudo do more"


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


# --- what is taken away, and what is not ----------------------------------------------------------------------------------


def names_in(lines: list[str]) -> list[str]:
    return [line for line in lines if line.startswith("who = ")]


@pytest.mark.parametrize(
    "later", ["/usr/bin/less, !/usr/bin/less /etc/shadow", "NOEXEC: /usr/bin/less", "TIMEOUT=5m /usr/bin/less"]
)
@pytest.mark.parametrize(
    ("earlier", "stays"),
    [
        ("/usr/bin/systemctl restart cron", True),
        ("/usr/bin/less", False),
        ("/opt/app/less", False),  # it may be the same file
        ("/usr/bin/", False),
        ("ALL", False),
    ],
)
def test_a_line_takes_from_an_earlier_one_only_what_may_be_the_same_command(
    tmp_path: Path, earlier: str, later: str, stays: bool
) -> None:
    """THREATS O-22. eve may be one of dba."""
    lines = imported(tmp_path, f"%dba ALL = (root) {earlier}\neve ALL = (root) {later}\n")
    assert names_in(lines) == (['who = ["group:dba"]'] if stays else []), lines


def test_of_a_line_with_several_commands_only_those_are_taken_away_that_may_be_the_same(tmp_path: Path) -> None:
    lines = "%dba ALL = /usr/bin/systemctl restart cron, /usr/bin/less\neve ALL = NOEXEC: /usr/bin/less\n"
    assert rule_of(tmp_path, lines)["commands"] == '[["/usr/bin/systemctl", "restart", "cron"]]'
    assert "# narrower than sudo: without /usr/bin/less: a later line excludes or limits it: eve ALL = NOEXEC: /usr/bin/less" in [
        line.partition("; ")[0] for line in imported(tmp_path, lines)
    ]


@pytest.mark.parametrize(
    "setting", ["!authenticate", "setenv", "!noexec", "exempt_group=adm", "!requiretty", "closefrom_override", "authenticate"]
)
@pytest.mark.parametrize("bound", [" ", ":monitor ", ":%web ", "!/usr/bin/id ", ">root ", "@web1 "])
def test_a_setting_that_only_loosens_sudo_drops_nothing(tmp_path: Path, bound: str, setting: str) -> None:
    text = f"Defaults{bound}{setting}\nalice ALL = /usr/bin/id\n%web ALL = /usr/bin/ls\n"
    assert imported(tmp_path, text).count("[[permit]]") == 2


@pytest.mark.parametrize("bound", [":monitor ", ":%web ", "!/usr/bin/id ", ">root ", "@web1 "])
def test_a_bound_setting_never_saves_an_approval(tmp_path: Path, bound: str) -> None:
    """THREATS O-23."""
    line = "alice ALL = /usr/bin/id -u\n"
    assert "approvals" in rule_of(tmp_path, f"Defaults{bound}!authenticate\n{line}")
    assert "approvals" in rule_of(tmp_path, f"Defaults !authenticate\nDefaults{bound}authenticate\n{line}")


# --- a password is an approval --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("later", "n_approvals"),
    [
        ("alice ALL = (ALL : ALL) ALL", 1),  # the rule is before, and is about the same account
        ("%ops ALL = (ALL : ALL) ALL", 1),
        ("Alice ALL = (ALL : ALL) ALL", 2),
        ("ALICE ALL = (ALL : ALL) ALL", 2),
        ("%Ops ALL = (ALL : ALL) ALL", 2),
        ("alice, Bob ALL = (ALL : ALL) ALL", 2),
        ("alice lab = (ALL : ALL) ALL", 2),  # sudo and jitd may know the host by other names
        ("%ops ALL = (ALL) ALL", 2),  # the rule is for root alone
        ("zoe, alice ALL = (ALL : ALL) ALL", 2),
        ("alice ALL = (Nobody) ALL", 2),
        ("alice ALL = (nobody) ALL", 1),
    ],
)
def test_a_later_line_whose_names_are_not_those_of_accounts_saves_no_approval(
    tmp_path: Path, later: str, n_approvals: int
) -> None:
    """THREATS O-23. sudo compares names without case, and a rule with."""
    lines = imported(tmp_path, f"alice ALL = (nobody) NOPASSWD: ALL\n{later}\n")
    assert len([line for line in lines if line.startswith("approvals")]) == n_approvals, lines


def test_a_later_line_for_all_accounts_leaves_an_earlier_one_for_root_without_an_approval(tmp_path: Path) -> None:
    robot = "alice ALL = (root) NOPASSWD: /usr/bin/id -u\n"
    for later in ("%ops ALL = (ALL) ALL\n", "%ops ALL = (ALL : ALL) ALL\n", "%ops ALL = ALL\n"):
        lines = imported(tmp_path, robot + later)
        assert len([line for line in lines if line.startswith("approvals")]) == 1, "the rule of the later one is before"


@pytest.mark.parametrize("group", ["disk", "shadow", "docker", "ALL", "adm"])
@pytest.mark.parametrize("account", ["", "alice"])
def test_without_a_password_a_group_that_gives_root_is_approved(tmp_path: Path, group: str, account: str) -> None:
    """THREATS O-23."""
    line = f"alice ALL = ({account} : {group}) NOPASSWD: /usr/bin/id -u\n"
    assert "approvals" in rule_of(tmp_path, line)
    assert "approvals" not in rule_of(tmp_path, line, "--nopasswd-as-is")
    assert "approvals" not in rule_of(tmp_path, line.replace(group, "games"))


@pytest.mark.parametrize(
    ("command", "asks"),
    [
        ("/usr/bin/frobnicate", True),
        ("/usr/sbin/frobnicate", True),
        ("/bin/frobnicate", True),
        ("/sbin/frobnicate", True),
        ("/usr/bin/frob*", True),
        ("/usr/bin/localect?", True),  # jitd knows localectl, and no other program that may have such a name
        ("/us?/bin/frobnicate", True),
        ("/usr/bin/frobnicate --status", False),
        ('/usr/bin/frobnicate ""', False),
        ("/usr/local/bin/frobnicate", False),
        ("/usr/local/sbin/frob*", False),
        ("/opt/app/bin/run", False),
        ("/opt/app/bin/", False),
    ],
)
def test_without_a_password_a_program_that_is_not_known_is_approved_with_any_arguments(
    tmp_path: Path, command: str, asks: bool
) -> None:
    """THREATS O-23."""
    line = f"alice ALL = (root) NOPASSWD: {command}\n"
    assert ("approvals" in rule_of(tmp_path, line)) is asks
    assert "approvals" not in rule_of(tmp_path, line, "--nopasswd-as-is")
    assert "approvals" not in rule_of(tmp_path, line.replace("(root)", "(nobody)"))


def test_own_programs_that_root_runs_without_an_approval_are_counted(tmp_path: Path) -> None:
    (tmp_path / "sudoers").write_text(
        "alice ALL = NOPASSWD: /usr/local/bin/deploy, /opt/app/run\nbob ALL = NOPASSWD: /srv/x/run\ncarol ALL = /opt/app/run\n"
    )
    told = run(str(tmp_path / "sudoers")).output.splitlines()
    assert any("2 rules let root run programs without an approval that jitd does not know" in line for line in told), told


# --- what is said at the end ------------------------------------------------------------------------------------------------


def test_each_reason_is_told_once_with_what_to_do_and_where_the_lines_stand(tmp_path: Path) -> None:
    below = tmp_path / "sudoers.d"
    below.mkdir()
    (below / "web").write_text(
        "WEB ALL = /usr/bin/ls *\nWEB ALL = /usr/bin/id, \\\n  /usr/bin/cat *\n\neve ALL = ALL, !/bin/sh\n"
    )
    head = "# head\nUser_Alias WEB = alice, %web\nroot ALL = ALL\nbob ALL = ALL, !/bin/sh : db1 = ALL, !/bin/sh\n"
    (tmp_path / "sudoers").write_text(f"{head}@includedir {below}\n")
    lines = run(str(tmp_path / "sudoers")).output.splitlines()
    assert lines[-3:] == [
        "jitd: 6 lines of sudo: 1 rule, 5 not carried over",
        "jitd: 3 lines are not carried over: rules cannot exclude commands: list what is allowed"
        f" ({tmp_path}/sudoers:4; {below}/web:5)",
        "jitd: 1 line is not carried over, and 1 in part: a * of sudo is any number of words, and one of a rule is one word:"
        f" write the words ({below}/web:1-2)",
    ]
    assert f"#   {tmp_path}/sudoers:3: root ALL = ALL" in lines


def test_lines_are_not_named_if_sudos_program_reads_them_otherwise(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from jitd_policy import lines

    monkeypatch.setattr(lines, "MARK", "+a, +b")
    told = imported(tmp_path, "alice ALL = ALL, !/bin/sh\n")
    assert told[-1].endswith("rules cannot exclude commands: list what is allowed"), "no place"


def test_a_setting_that_lets_people_go_without_a_password_is_named_with_what_to_write(tmp_path: Path) -> None:
    told = imported(tmp_path, "Defaults:monitor !authenticate\nmonitor ALL = /usr/bin/id -u\n")
    assert "Defaults:monitor !authenticate is not carried over: write NOPASSWD before what needs no approval" in told[-1]


def test_twice_as_many_lines_take_twice_as_many_steps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from jitd_policy import overlap

    steps = 0
    known = overlap._command

    def counted(word: str) -> tuple[str, tuple[str, ...] | None]:
        nonlocal steps
        steps += 1
        return known(word)

    monkeypatch.setattr(overlap, "_command", counted)
    taken = []
    for n in (50, 100):
        steps = 0
        some = (f"%g{i} ALL = (nobody) {'NOPASSWD' if i % 2 else 'NOEXEC'}: /usr/bin/p{i} x\n" for i in range(n))
        assert imported(tmp_path, "".join(some)).count("[[permit]]") == n // 2
        taken.append(steps)
    assert taken[1] == 2 * taken[0]


def test_rules_are_for_jitsudo_and_with_gate_for_sudo_too(tmp_path: Path) -> None:
    assert rule_of(tmp_path, "alice ALL = /usr/bin/id\n")["services"] == '["jitsudo"]'
    assert rule_of(tmp_path, "alice ALL = /usr/bin/id\n", "--gate")["services"] == '["jitsudo", "sudo", "sudo-i"]'


def test_of_a_copied_file_each_rule_says_that_it_is_unchecked_and_the_status_is_1(tmp_path: Path) -> None:
    (tmp_path / "sudoers").write_text("alice ALL = /usr/bin/id\nbob ALL = /usr/bin/id\n")
    done = run(str(tmp_path / "sudoers"))
    assert done.output.count("# UNCHECKED: sudo was not asked whether it permits this") == 2
    assert str(done.exception) == "2 rules were not compared with sudo"


ENTRY = "dn: cn=a,ou=sudoers\nobjectClass: sudoRole\ncn: a\nsudoUser: alice\nsudoHost: ALL\nsudoCommand: /usr/bin/id\n"
DEFAULTS = "dn: cn=defaults,ou=sudoers\nobjectClass: sudoRole\ncn: defaults\n"


def exported(*entries: str) -> str:
    """The lines that are printed of entries, each of which ends with an empty line."""
    return run("--ldif", "-", ldif="".join(f"{one}\n" for one in entries)).output


def test_rules_of_a_directory_come_in_the_order_that_it_says() -> None:
    told = exported(ENTRY.replace("alice", "bob") + "sudoOrder: 9\n", f"{ENTRY}sudoOrder: 1.5\n")
    assert [line for line in told.splitlines() if line.startswith("who")] == ['who = ["user:bob"]', 'who = ["user:alice"]']


def test_of_entries_of_a_directory_with_the_same_order_each_may_be_the_last() -> None:
    """THREATS O-24. cvtsudoers numbers them anew."""
    taken, asks = ENTRY.replace("/usr/bin/id", "!/usr/bin/id"), ENTRY.replace("/usr/bin/id", "/usr/bin/id -u")
    assert "[[permit]]" not in exported(taken, ENTRY)
    assert "[[permit]]" in exported(taken, f"{ENTRY}sudoOrder: 1\n")
    free = f"{ENTRY}sudoRunAsUser: postgres\nsudoOption: !authenticate\n"
    assert exported(asks, free).count("\napprovals") == 2
    assert exported(asks, f"{free}sudoOrder: 1\n").count("\napprovals") == 1
    every = free.replace("/usr/bin/id", "ALL").replace("sudoOption: !authenticate\n", "")
    assert exported(free, every).count("\napprovals") == 1, "the rule for every command comes first, so it decides"
    assert exported(every, free).count("\napprovals") == 2


@pytest.mark.parametrize(("more", "run_as"), [("", "self"), ("sudoRunAsGroup: adm\n", "self:adm")])
def test_an_account_without_a_name_is_that_of_the_person_who_asks_and_never_root(more: str, run_as: str) -> None:
    assert f'run_as = ["{run_as}"]' in exported(f"{ENTRY}sudoRunAsUser:\n{more}").splitlines()


def test_what_an_entry_says_never_ends_its_comment() -> None:
    """THREATS O-22. The base64 is "alice", the end of a line, and a rule."""
    import base64

    evil = base64.b64encode(b'alice\n[[permit]]\nname = "evil"').decode()
    told = exported(ENTRY.replace("sudoUser: alice", f"sudoUser:: {evil}"))
    assert not [line for line in told.splitlines() if line.startswith(("[[permit]]", "name"))]
    for attribute in ("cn", "sudoHost", "sudoRunAsUser", "sudoCommand", "sudoOption", "sudoRunAs", "o"):
        told = exported(f"{ENTRY}{attribute}:: {evil}\n")
        assert not [line for line in told.splitlines() if line.startswith('name = "evil"')], attribute
    assert "\nname" not in exported(f"{DEFAULTS}sudoOption:: {evil}\n", ENTRY)


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace("\n", "\r\n"),
        lambda text: (
            text.replace("sudoUser", "SUDOUSER").replace("sudoCommand", "sudocommand").replace("sudoOption", "SudoOption")
        ),
        lambda text: text.replace("sudoRunAsUser", "sudoRunAs"),
        lambda text: text.replace("sudoHost: ALL", "sudoHost: ALL \nentryUUID: 0-1"),
        lambda text: text.replace("/usr/bin/id", "/usr/\n bin/id"),
        lambda text: text.replace("sudoUser: alice", "sudoUser:: YWxpY2U="),
        lambda text: text.replace("sudoUser: alice", "# sudoUser: bob\nsudoUser: alice"),
        lambda text: text.replace("ou=sudoers", "ou=SUDOers,dc=example,dc=org"),
        lambda text: text.replace("ou=sudoers", "ou=x,dc=example,dc=org", 1),
        lambda text: f"version: 1\n\ndn: ou=sudoers\nobjectClass: top\nou: sudoers\n\n{text}# search result\n",
    ],
)
def test_a_directory_may_spell_its_entries_in_any_way_that_sudo_reads(change: Callable[[str], str]) -> None:
    text = f"{ENTRY}sudoRunAsUser: postgres\nsudoOption: !authenticate\n\n"
    told = run("--ldif", "-", ldif=change(text)).output.splitlines()
    assert {'who = ["user:alice"]', 'run_as = ["postgres"]', 'commands = [["/usr/bin/id", "**"]]'} <= {*told}, told
    assert not [line for line in told if line.startswith("approvals")]


def test_only_the_settings_of_the_entry_defaults_are_for_everybody() -> None:
    """THREATS O-23, O-24."""
    role = "dn: cn=off,ou=sudoers\nobjectClass: sudoRole\ncn: off\nsudoHost: ALL\nsudoCommand: ALL\nsudoOption: !authenticate\n"
    told = exported(role, ENTRY.replace("/usr/bin/id", "/usr/bin/id -u"))
    assert told.count("\napprovals") == 1 and "cvtsudoers ignores line 1: an entry without sudoUser, which gives nothing" in told
    assert exported(f"{DEFAULTS}sudoOption: !authenticate\n", ENTRY.replace("/id", "/id -u")).count("\napprovals") == 0
    assert "[[permit]]" not in exported(f"{DEFAULTS}sudoOption: noexec\n", ENTRY)
    assert "[[permit]]" not in exported(DEFAULTS.replace("cn: d", "cn: D") + "sudoOption: noexec\n", ENTRY)


@pytest.mark.parametrize("odd", ["\r", "\u2028", "\x85", "\x0b"])
def test_a_character_in_a_name_of_an_entry_stops_nobody_elses(odd: str) -> None:
    import base64

    name = base64.b64encode(f"a{odd}b".encode()).decode()
    off = f"dn: cn=off,ou=sudoers\nobjectClass: sudoRole\ncn:: {name}\nsudoUser:: {name}\nsudoHost: ALL\n"
    role = ENTRY.replace("cn: a", f"cn:: {name}").replace("sudoUser: alice", f"sudoUser:: {name}")
    told = exported(off, role, ENTRY)
    assert told.count("[[permit]]") == 1, told


def test_what_sudo_ignores_in_an_export_is_named() -> None:
    told = exported(f"{ENTRY}entryUUID: 0-1\nmemberOf: cn=a\n")
    assert "# cvtsudoers ignores of each entry: entryuuid, memberof" in told.splitlines() and "[[permit]]" in told


@pytest.mark.parametrize("name", ["sudoNotAfter", "sudoNotBefore"])
def test_a_time_that_sudo_cannot_read_is_a_time_all_the_same(name: str) -> None:
    """THREATS O-24. cvtsudoers drops it without a word."""
    told = exported(f"{ENTRY}{name}: tomorrow\n")
    assert "[[permit]]" not in told and "no rule begins or ends by itself" in told


@pytest.mark.parametrize(
    ("ldif", "told"),
    [
        (ENTRY.replace("sudoHost", "sudoHots") + "\n", "-:5: sudoHots is not an attribute that sudo reads"),
        (f"{ENTRY}sudoOption;x-a: noexec\n\n", "-:7: sudoOption;x-a is not an attribute that sudo reads"),
        (ENTRY[:-20], "-:6: no empty line comes after this one: the text was cut short"),
        (ENTRY.rstrip("\n"), "-:6: no empty line comes after this one"),
        (ENTRY, "-:6: no empty line comes after this one"),
        (f"{ENTRY}\n{ENTRY}", "-:13: no empty line comes after this one"),
        (f"{ENTRY}search result\n\n", "-:7: is not a line of LDIF"),
        (f"{ENTRY}sudoOption: noexec\0\n\n", "-:7: is not a line of LDIF"),
        (ENTRY.replace("sudoUser: alice", "sudoUser:: Y*Q") + "\n", "cvtsudoers: invalid LDIF attribute: sudoUser:: Y*Q"),
        (f"{ENTRY}sudoOrder: first\n\n", "-:7: sudoOrder is not one number"),
        (f"{ENTRY}sudoOrder: 1\nsudoOrder: 2\n\n", "-:8: sudoOrder is not one number"),
        (f"{ENTRY}changetype: delete\n\n", "-:7: changetype: this is a change"),
        (ENTRY.replace("objectClass: sudoRole\n", "") + "\n", "-:1: cvtsudoers does not take this entry: ask for"),
        (f"{DEFAULTS}cn: x\nsudoHost: ALL\nsudoOption: noexec\n\n{ENTRY}\n", "-:1: this entry may be settings"),
        (DEFAULTS.replace("cn: d", "xn: d") + f"sudoOption: noexec\n\n{ENTRY}\n", "-:1: this entry may be settings"),
        ("", "-:1: there is no entry"),
    ],
)  # fmt: skip
def test_an_export_with_a_fault_is_refused_with_its_line_and_nothing_is_printed(ldif: str, told: str) -> None:
    """THREATS O-24."""
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


@pytest.mark.parametrize(
    ("commands", "is_lost"),
    [
        ("/usr/bin/uname, NOTAFTER=20361201013000Z /usr/bin/whoami", True),
        ("NOPASSWD: /usr/bin/uname, /usr/bin/id, TIMEOUT=1 /usr/bin/sleep", True),
        ("(postgres, root) /usr/bin/uname, (root) NOTBEFORE=20361201013000Z NOPASSWD: /usr/bin/sleep", True),
        ("/usr/bin/echo a\\\\\\\\, TIMEOUT=1 /usr/bin/sleep", True),  # an escaped backslash, and a comma that separates
        ("TIMEOUT=1 /usr/bin/sleep", False),
        ("/usr/bin/echo TIMEOUT\\=1, /usr/bin/id", False),
        ("/usr/bin/echo a\\, TIMEOUT\\=1 /x", False),
    ],
)
def test_a_time_of_a_command_behind_another_one_is_not_lost(tmp_path: Path, commands: str, is_lost: bool) -> None:
    """THREATS O-22. cvtsudoers puts such commands into one entry, without the time."""
    file = tmp_path / "sudoers"
    file.write_text(f"alice ALL = {commands}\n")
    done = run("--unchecked", str(file))
    assert ("give each of these commands a line of its own; nothing was imported" in str(done.exception)) is is_lost, done
