# SPDX-License-Identifier: Apache-2.0
"""What commands are graded as: the corpus, patterns of rules, what makes a root shell possible later, and what holds for every
command line.
"""

from __future__ import annotations

import time
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jitd.core.command import Command, RunAs
from jitd.core.conditions import read_command_pattern
from jitd.core.edit import SUDOEDIT, Edit, NewFile
from jitd.core.grade import Damage, Finding, Grade, Seen, damage, worst
from jitd_commands.grading import FAULT, findings_of, findings_of_pattern
from jitd_commands.judging import MOST_FOUND
from jitd_commands.programs import MODULES, TABLE
from tests.commands.graded import Line, Looker, command_of, corpus
from tests.marks import by_day, full
from tests.table import each_row

_, LINES = corpus()


def unseen(path: str) -> Seen | None:
    return None


def asked(*words: str | bytes, cwd: bytes = b"/home/alice", uid: int = 0) -> Command:
    argv = tuple(word if isinstance(word, bytes) else word.encode("utf-8", "surrogateescape") for word in words)
    path = argv[0] if argv[0].startswith(b"/") else b"/usr/bin/" + argv[0]
    user = "root" if uid == 0 else "bob"
    return Command(argv, path, b"", RunAs(user, uid, user, uid), cwd, 1, 2, (), (), ())


def found(*words: str | bytes) -> tuple[Finding, ...]:
    return findings_of(asked(*words), unseen, requester="alice")


def grade(*words: str | bytes) -> Grade:
    return worst(found(*words))


# --- the table ----------------------------------------------------------------------------------------------------------


def test_a_program_stands_in_one_row() -> None:
    names = [name for module in MODULES for row in module.ROWS for name in row.names.split()]
    assert sorted(names) == sorted(TABLE) and len(names) > 1000


def test_an_edit_changes_its_file_loses_nothing_and_shows_the_old_text_to_those_who_approve() -> None:
    def of(path: str) -> list[tuple[Grade, str, str, Damage]]:
        edit = replace(asked("sudoedit", path), path=SUDOEDIT, edit=Edit(0, 0, 0, 0, 0, b"", b""))
        return [(one.grade, one.what, one.matters, one.damage) for one in findings_of(edit, unseen, requester="alice")]

    assert of("/etc/shadow") == [
        (Grade.GIVES, "changes /etc/shadow", "password hashes", Damage.NONE),
        (Grade.READS, "shows its text to those who approve it", "password hashes", Damage.NONE),
    ]
    assert of("/etc/sudoers") == [(Grade.GIVES, "changes /etc/sudoers", "who may act as root", Damage.NONE)]
    assert of("/srv/site.conf") == [(Grade.CHANGES, "changes /srv/site.conf", "", Damage.NONE)]
    pattern = read_command_pattern(("sudoedit", "/etc/sudoers.d/*"))
    assert [one.what for one in findings_of_pattern(pattern)] == ["changes files below /etc/sudoers.d"]


def test_a_new_file_is_graded_as_a_change_of_what_reads_it_and_shows_nothing() -> None:
    def of(path: str) -> list[tuple[Grade, str, str, Damage]]:
        new = replace(asked("sudoedit", path), path=SUDOEDIT, makes=NewFile(0, 0, 0, 0, 0o644, b""))
        return [(one.grade, one.what, one.matters, one.damage) for one in findings_of(new, unseen, requester="alice")]

    assert of("/etc/shadow") == [(Grade.GIVES, "makes /etc/shadow", "password hashes", Damage.NONE)]
    assert of("/etc/sudoers.d/x") == [(Grade.GIVES, "makes /etc/sudoers.d/x", "who may act as root", Damage.NONE)]
    assert of("/srv/site.conf") == [(Grade.CHANGES, "makes /srv/site.conf", "", Damage.NONE)]


def test_what_is_not_in_the_table_is_said_to_be_unknown() -> None:
    assert found("frobnicate", "-x") == (Finding(Grade.UNKNOWN, "jitd does not know what frobnicate does"),)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("cp", "x", "/etc/motd, which belongs to root"), "overwrites '/etc/motd, which belongs to root'"),
        (("cp", "x", "/etc/" + "a" * 70), f"overwrites /etc/{'a' * 25}…(+15)…{'a' * 30}"),
        (("cp", "x", "/etc/it's " + "a" * 70), f"overwrites '/etc/it\\x27s {'a' * 20}'…(+20)…{'a' * 30}"),
        (("mycmd; harmless",), "jitd does not know what 'mycmd; harmless' does"),
        (("cp", "x", "/etc/motd"), "overwrites /etc/motd"),
    ],
)
def test_a_name_that_somebody_has_chosen_reads_as_no_fact(words: tuple[str, ...], said: str) -> None:
    """THREATS R-28: and how much of a long one is left out is counted, so that nobody can leave out less than they show."""
    assert said in [one.what for one in found(*words)]


def test_an_unknown_program_of_roots_with_a_file_of_the_requesters_gives_root() -> None:
    assert grade("frobnicate", "--config=/home/alice/x") is Grade.GIVES
    assert grade("frobnicate", "--config=/etc/x") is Grade.UNKNOWN
    assert worst(findings_of(asked("frobnicate", "/home/alice/x", uid=1002), unseen, requester="alice")) is Grade.UNKNOWN


# --- patterns -----------------------------------------------------------------------------------------------------------

ROWS = [
    # anything
    ("**", "gives"),
    ("/usr/bin/* **", "gives"),
    ("/usr/sbin/*", "gives"),
    ("/*/*", "gives"),
    ("/opt/app/bin/* **", "unknown"),
    ("/opt/app/bin/deploy **", "unknown"),
    # interpreters: what is fixed does what it says
    ("/usr/bin/bash", "gives"),
    ("/usr/bin/bash **", "gives"),
    ("/usr/bin/bash -l", "gives"),
    ("/usr/bin/dash -i", "gives"),
    ("/usr/bin/su", "gives"),
    ("/usr/bin/su - postgres", "leads"),
    ("/usr/bin/su postgres -c id", "harmless"),
    ("/usr/bin/sudo -i", "gives"),
    ("/usr/bin/sudo -u bob id", "harmless"),
    ("/usr/bin/bash -c id", "harmless"),
    ("/usr/bin/bash -c *", "gives"),
    ("/usr/bin/bash -lc *", "gives"),
    ("/usr/bin/bash -c", "gives"),
    ("/usr/bin/bash -s x", "gives"),
    ("/usr/bin/bash +x", "gives"),
    ("/usr/bin/bash -o posix", "gives"),
    ("/usr/bin/bash --rcfile /opt/rc", "gives"),
    ("/usr/bin/bash -o posix /opt/x.sh", "unknown"),
    ("/usr/bin/bash -c bash", "gives"),
    ("/usr/bin/bash -c vim", "gives"),
    ("/usr/bin/bash /opt/x.sh", "unknown"),
    ("/usr/bin/bash /opt/x.sh **", "unknown"),
    ("/usr/bin/bash -x /opt/x.sh *", "unknown"),
    ("/usr/bin/bash /opt/app/*.sh", "unknown"),
    ("/usr/bin/bash /*.sh", "gives"),
    ("/usr/bin/bash x*.sh", "gives"),
    ("/usr/bin/python3 *", "gives"),
    ("/usr/bin/python3.11 /opt/x.py *", "unknown"),
    ("/usr/bin/python3.11", "gives"),
    ("/opt/app/venv/bin/python3 -i", "gives"),
    ("/usr/bin/python3* -c *", "gives"),
    ("/usr/bin/perl5.36-x86_64-linux-gnu -e *", "gives"),
    ("/usr/bin/perl5.36 -e *", "gives"),
    ("/usr/bin/awk -f *", "gives"),
    ("/usr/bin/busybox sh", "gives"),
    ("/usr/bin/busybox date", "harmless"),
    ("/usr/bin/make all", "gives"),
    ("/usr/bin/git status", "gives"),
    # editors and pagers
    ("/usr/bin/vim /etc/hosts", "gives"),
    ("/usr/bin/vim.basic /etc/hosts", "gives"),
    ("/usr/bin/v?m *", "gives"),
    ("/usr/bin/less /var/log/syslog", "gives"),
    ("/usr/bin/journalctl -u postgresql", "harmless"),
    ("/usr/bin/journalctl --no-pager -u postgresql*", "harmless"),
    ("/usr/bin/systemctl status nginx", "harmless"),
    ("/usr/bin/systemctl show nginx", "harmless"),
    ("/usr/bin/systemctl cat nginx", "harmless"),
    ("/usr/bin/systemctl help nginx", "leads"),
    ("/usr/bin/systemctl list-units", "harmless"),
    ("/usr/bin/systemctl", "harmless"),
    ("/usr/bin/systemctl is-active nginx", "harmless"),
    ("/usr/bin/systemctl --no-pager status nginx", "harmless"),
    ("/usr/bin/psql", "gives"),
    ("/usr/bin/psql mydb", "gives"),
    ("/usr/bin/psql -c SELECT", "leads"),
    # what starts other commands
    ("/usr/bin/env", "harmless"),
    ("/usr/bin/env * /opt/x", "gives"),
    ("/usr/bin/env A=1 /opt/x", "unknown"),
    ("/usr/bin/env A=1 /usr/bin/vim x", "gives"),
    ("/usr/bin/timeout 5 /usr/bin/bash", "gives"),
    ("/usr/bin/nice /usr/bin/nice /usr/bin/cat *", "reads"),
    ("/usr/bin/find /var -name core", "harmless"),
    ("/usr/bin/find /var -name bash", "harmless"),
    ("/usr/bin/find /var **", "gives"),
    ("/usr/bin/find / -exec sh ;", "gives"),
    ("/usr/bin/find / -quit -o -okdir /usr/bin/env sh -i +", "gives"),
    ("/usr/bin/find / -exec bash /opt/x.sh ;", "unknown"),
    ("/usr/bin/find / -exec id ; -exec sh ;", "gives"),
    ("/usr/sbin/chroot /srv", "gives"),
    ("/usr/sbin/chroot /srv /usr/bin/id", "harmless"),
    ("/usr/sbin/chroot --userspec=0 /srv", "gives"),
    ("/usr/bin/nsenter -t 1 -a", "gives"),
    ("/usr/bin/nsenter -at 1", "gives"),
    ("/usr/bin/nsenter --target 1 -m id", "harmless"),
    ("/usr/bin/unshare -r", "gives"),
    ("/usr/bin/unshare --wd /srv -m id", "harmless"),
    ("/usr/bin/setarch x86_64", "gives"),
    ("/usr/bin/tar -cf /backup/x.tar /etc/app", "changes"),
    ("/usr/bin/tar -cf * /etc/app", "gives"),
    ("/usr/sbin/ip netns exec **", "gives"),
    ("/usr/sbin/ip address show", "harmless"),
    # files
    ("/usr/bin/cp /a /b", "changes"),
    ("/usr/bin/cp * /b", "gives"),
    ("/usr/bin/cp /srv/in/* /srv/out/*", "changes"),
    ("/usr/bin/tee -a /var/log/app/*", "changes"),
    ("/usr/bin/tee **", "gives"),
    ("/usr/bin/dd if=*", "reads"),
    ("/usr/bin/cat *", "reads"),
    ("/usr/bin/cat /*", "reads"),
    ("/usr/bin/cat /var/log/app/*.log", "harmless"),
    ("/usr/bin/tail -n ? /var/log/syslog", "harmless"),
    # accounts, packages, services, kernel, containers, processes
    ("/usr/sbin/visudo", "gives"),
    ("/usr/bin/passwd", "gives"),
    ("/usr/bin/passwd *", "gives"),
    ("/usr/bin/passwd bob", "changes"),
    ("/usr/bin/passwd root", "gives"),
    ("/usr/sbin/usermod -aG sudo *", "gives"),
    ("/usr/sbin/usermod -L bob", "changes"),
    ("/usr/bin/apt-get update", "harmless"),
    ("/usr/bin/apt-get install nginx", "changes"),
    ("/usr/bin/apt-get install *", "gives"),
    ("/usr/bin/apt-get * nginx", "gives"),
    ("/usr/bin/dpkg -i *", "gives"),
    ("/usr/bin/systemctl restart postgresql*", "changes"),
    ("/usr/bin/systemctl restart *", "gives"),
    ("/usr/bin/systemctl edit nginx", "gives"),
    ("/usr/bin/systemctl daemon-reload", "harmless"),
    ("/usr/bin/systemctl **", "gives"),
    ("/usr/sbin/service * restart", "gives"),
    ("/usr/sbin/service postgresql **", "changes"),
    ("/usr/bin/crontab -e", "gives"),
    ("/usr/bin/crontab -l", "harmless"),
    ("/usr/bin/mount *", "gives"),
    ("/usr/bin/mount /mnt", "changes"),
    ("/usr/bin/docker run *", "gives"),
    ("/usr/bin/docker run app", "leads"),
    ("/usr/bin/docker restart *", "changes"),
    ("/usr/bin/docker **", "gives"),
    ("/usr/bin/gdb -p 1", "gives"),
    # a name is a name: what only looks like one is another program
    ("/usr/bin/vimx /etc/hosts", "unknown"),
    ("/usr/bin/Bash", "unknown"),
    ("/usr/bin/shutdown -r", "changes"),
    ("/usr/bin/systemctl reboot", "changes"),
    ("/usr/bin/rm -rf *", "gives"),
    ("/usr/bin/rm -rf /srv/app/cache/*", "changes"),
    ("/usr/bin/kill *", "changes"),
    ("/usr/bin/kill 4711", "changes"),
    ("/usr/sbin/nft **", "changes"),
    ("/usr/sbin/ip link set *", "changes"),
    ("/usr/bin/date -s *", "changes"),
    # the value of an option that no row reads
    ("/usr/bin/pgbench -f *", "gives"),
    ("/usr/bin/pgbench --file=*", "gives"),
    ("/usr/bin/pgbench --file * app", "gives"),
    ("/usr/bin/pgbench --file=/srv/bench/*.sql app", "changes"),
    ("/usr/bin/pgbench app", "changes"),
    ("/usr/sbin/anacron -t *", "gives"),
    ("/usr/bin/timedatectl set-time 12:00", "changes"),
]


@each_row(("pattern", "word"), ROWS)
def test_what_a_pattern_is_graded_as(pattern: str, word: str) -> None:
    assert worst(findings_of_pattern(read_command_pattern(tuple(pattern.split())))).word == word


# --- what makes a root shell possible later -----------------------------------------------------------------------------

LATER = [
    ("passwd root", "passwd can set root's password, with which one becomes root later"),
    ("passwd --quiet root", "can set root's password"),
    ("passwd --stdin root", "can set root's password"),
    ("passwd --keep-tokens root", "can set root's password"),
    ("passwd --repository files root", "can set root's password"),
    ("passwd -d root", "can delete root's password"),
    ("passwd --delete root", "can delete root's password"),
    ("passwd --unlock root", "can unlock root's password"),
    ("passwd -u root", "can unlock root's password"),
    ("usermod -aG sudo bob", "puts an account into the group sudo, which can become root"),
    ("usermod -aG wheel bob", "the group wheel"),
    ("usermod -a -G root bob", "the group root"),
    ("usermod -aG staff,docker bob", "the group docker"),
    ("usermod --append --groups=sudo bob", "the group sudo"),
    ("usermod --groups sudo -a bob", "the group sudo"),
    ("usermod -Gsudo bob", "the group sudo"),
    ("usermod -g 0 bob", "the group root"),
    ("usermod -o -u 0 bob", "gives an account the uid 0"),
    ("usermod -p x root", "can set root's password"),
    ("useradd -m -G sudo bob", "the group sudo"),
    ("useradd -o --uid=0 toor", "the uid 0"),
    ("adduser bob sudo", "the group sudo"),
    ("adduser --ingroup wheel bob", "the group wheel"),
    ("gpasswd -a bob sudo", "the group sudo"),
    ("gpasswd --add bob docker", "the group docker"),
    ("gpasswd -M bob,eve wheel", "the group wheel"),
    ("gpasswd -M bob -A eve wheel", "the group wheel"),
    ("gpasswd -a bob staff docker", "the group docker"),
    ("gpasswd -A bob sudo", "the group sudo"),
    ("gpasswd wheel -a bob", "the group wheel"),
    ("gpasswd docker -M bob,sudo", "the group docker"),
    ("chmod u+s /srv/x", "makes a file set-uid: who starts it acts as the owner of the file"),
    ("chmod +s /srv/x", "set-uid"),
    ("chmod a+xs /srv/x", "set-uid"),
    ("chmod -R go-w,u=rwxs /srv/x", "set-uid"),
    ("chmod 4755 /srv/x", "set-uid"),
    ("chmod 06711 /srv/x", "set-uid"),
    ("chown root /srv/x", "gives a file to root"),
    ("chown root:root /srv/x", "gives a file to root"),
    ("chown -R 0:0 /srv", "gives a file to root"),
    ("setcap cap_setuid+ep /srv/x", "gives a program capabilities"),
    ("setcap cap_net_raw,cap_sys_admin=ep /srv/x", "capabilities"),
    ("setcap all=ep /srv/x", "capabilities"),
    ("setcap =ep /srv/x", "capabilities"),
    ("visudo", "visudo can change who may act as root"),
    ("visudo -f /etc/sudoers.d/x", "who may act as root"),
    ("vipw", "who may act as root"),
    ("chpasswd", "can set any password, root's too"),
]
NOT_ROOT = [
    ("passwd bob", "passwd can set bob's password"),
    ("passwd -d bob", "passwd can delete bob's password, after which anybody can become bob"),
    ("passwd -u bob", "passwd can unlock bob's password"),
    ("passwd --delete bob", "passwd can delete bob's password, after which anybody can become bob"),
    ("passwd -l root", ""),
    ("passwd --lock root", ""),
    ("passwd --status root", ""),
    ("passwd -S root", ""),
    ("passwd --expire root", ""),
    ("passwd -x 90 bob", ""),
    ("usermod -aG staff bob", ""),
    ("usermod -aG sudoku bob", ""),
    ("usermod -L root", ""),
    ("usermod -s /bin/sh bob", ""),
    ("usermod -p x bob", "usermod can set bob's password"),
    ("usermod -u 1000 bob", ""),
    ("useradd -m bob", ""),
    ("adduser bob", ""),
    ("adduser bob staff", ""),
    ("gpasswd -d bob sudo", ""),
    ("gpasswd -a bob staff -d sudo", ""),
    ("usermod bob -G", ""),
    ("gpasswd -a sudo staff", ""),
    ("chmod u+x /srv/x", ""),
    ("chmod u-s /srv/x", ""),
    ("chmod g+s /srv/x", ""),
    ("chmod 755 /srv/x", ""),
    ("chmod 0755 /srv/x", ""),
    ("chmod 2755 /srv/x", ""),
    ("chmod 1777 /srv/x", ""),
    ("chown bob /srv/x", ""),
    ("chown bob:root /srv/x", ""),
    ("chown :root /srv/x", ""),
    ("chown rooty /srv/x", ""),
    ("setcap cap_net_bind_service=+ep /srv/x", ""),
    ("setcap cap_net_raw=ep /srv/all", ""),
    ("setcap -r /srv/x", ""),
    ("visudo -c", ""),
    ("visudo --check -f /etc/sudoers.d/x", ""),
]


@each_row(("line", "told"), LATER)
def test_what_makes_a_root_shell_possible_later_gives_root(line: str, told: str) -> None:
    assert any(told in one.what for one in found(*line.split()) if one.grade is Grade.GIVES)


@pytest.mark.parametrize(("line", "told"), NOT_ROOT)
def test_what_is_no_way_to_root_is_not_called_one(line: str, told: str) -> None:
    findings = found(*line.split())
    assert worst(findings) < Grade.GIVES
    assert not told or any(told in one.what for one in findings)


# --- what stands around the words -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("command", "word"),
    [
        (replace(asked("sudo", "x"), path=b"", doubt="it has two commands"), "gives"),
        (replace(asked("sshd"), path=b""), "gives"),
        (replace(asked("sudoers:ops"), path=b"", gives=True), "harmless"),
        (replace(asked("man", "cron"), streams=("null", "pipe", "pipe")), "harmless"),
        (replace(asked("man", "cron"), streams=("terminal", "terminal", "terminal")), "leads"),
    ],
)
def test_what_stands_around_the_words_counts(command: Command, word: str) -> None:
    assert worst(findings_of(command, unseen, requester="alice")).word == word


# --- properties -----------------------------------------------------------------------------------------------------------

WRAPPERS = (
    "env",
    "env A=b",
    "nice",
    "nice -n 5",
    "nice -5",
    "ionice -c2 -n7",
    "nohup",
    "setsid",
    "timeout 5",
    "timeout -s KILL -k 1 5",
    "stdbuf -oL",
    "chrt -f 1",
    "taskset -c 0",
    "flock /srv/lock",
    "chroot /",
    "unshare -m",
    "nsenter -t 1 -m",
    "systemd-run --pty",
    "sudo",
    "sudo -u root -n",
    "doas",
    "runuser -u root --",
    "setpriv --reuid 0",
    "strace -f",
    "busybox env",
    "xargs -0",
    "watch -x",
    "ip netns exec blue",
    "/lib64/ld-linux-x86-64.so.2",
    "find /srv -maxdepth 0 -exec",
    "time -p",
    "choom -n 1",
    "prlimit --nofile=9",
    "setarch x86_64",
    "systemd-inhibit",
    "env -u HOME nice -n 1 timeout 9",
)
EVERY_THIRD = by_day(
    WRAPPERS, WRAPPERS[::3], full("every day, every third wrapper is put around the lines; the corpus has lines with each")
)
PLAIN = [line for line in LINES if not line.variables and line.run_as.uid == 0 and line.words and line.grade is Grade.GIVES]


def is_lower(line: Line, wrapper: str) -> bool:
    """True if ``line`` behind ``wrapper`` has a lower grade than by itself."""
    command = command_of(line)
    words = (*(word.encode() for word in wrapper.split()), command.path, *command.argv[1:])
    wrapped = replace(command, argv=words, path=b"/usr/bin/" + words[0].rpartition(b"/")[2])
    return worst(findings_of(wrapped, Looker(line), requester="alice")) < line.grade


@each_row("wrapper", WRAPPERS)
def test_no_wrapper_lowers_the_grade_of_a_line(wrapper: str) -> None:
    """THREATS R-19: of every hundredth line."""
    assert [line.text for line in PLAIN[::100] if is_lower(line, wrapper)] == []


@pytest.mark.parametrize("wrapper", EVERY_THIRD)
def test_a_wrapper_never_lowers_a_grade(wrapper: str) -> None:
    """THREATS R-19."""
    assert [line.text for line in PLAIN if is_lower(line, wrapper)] == []


def test_a_shell_around_a_line_never_lowers_its_grade() -> None:
    """THREATS R-19."""
    lower = []
    for line in PLAIN:
        command = command_of(line)
        text = b" ".join(b"'" + word.replace(b"'", rb"'\''") + b"'" for word in (command.path, *command.argv[1:]))
        captured = worst(findings_of(replace(command, streams=("null", "pipe", "pipe")), Looker(line), requester="alice"))
        for before, after, least in ((b"", b"", line.grade), (b"cd /srv; true && ", b"", line.grade), (b"x=$(", b")", captured)):
            wrapped = replace(command, argv=(b"bash", b"-lc", before + text + after), path=b"/usr/bin/bash")
            is_other = before.startswith(b"cd") and (
                line.cwd != "/home/alice" or any(word[0] != "/" for word in line.words[1:] if word)
            )
            if worst(findings_of(wrapped, Looker(line), requester="alice")) < least and not is_other:
                lower.append((line.text, before))
    assert lower == []


def test_a_link_to_a_program_and_to_a_file_is_followed() -> None:
    """THREATS R-20."""
    real = {"/usr/local/bin/edit": "/usr/bin/vim.basic", "/srv/out": "/etc/sudoers.d/x"}

    def look(path: str) -> Seen | None:
        return Seen(real.get(path, path), owner="root")

    assert worst(findings_of(asked("/usr/local/bin/edit", "/srv/x"), look, requester="alice")) is Grade.GIVES
    written = findings_of(asked("tee", "/srv/out"), look, requester="alice")
    assert (written[0].grade, written[0].matters) == (Grade.GIVES, "who may act as root")
    assert worst(findings_of(asked("tee", "/srv/other"), look, requester="alice")) is Grade.CHANGES


OTHERS = {
    "/opt/x": "/usr/bin/vim",
    "/usr/bin/ls": "/usr/bin/vim",
    "/srv/m": "/etc",
    "/srv/m/shadow": "/etc/shadow",
    "/srv/b/notes": "/home/bob/notes",
}
"""A path → another name of the file, to which no link leads."""
BY_OTHERS = [
    "/opt/x /srv/file",
    "cat /srv/m/shadow",
    "tee /srv/m/shadow",
    "rm /srv/m/shadow",
    "chmod -R 777 /srv/m",
    "cat /srv/b/notes",
    "rm /srv/b/notes",
]


def graded_by(line: str, *, others: bool) -> tuple[Grade, Damage]:
    def look(path: str) -> Seen | None:
        is_directory = path in ("/srv/m", "/srv", "/srv/b")
        return Seen(path, is_directory, owner="root", others=(OTHERS[path],) if others and path in OTHERS else ())

    found = findings_of(asked(*line.split()), look, requester="alice")
    return worst(found), damage(found)


@pytest.mark.parametrize("line", BY_OTHERS)
def test_of_the_names_of_a_file_the_worst_counts(line: str) -> None:
    """THREATS R-20: a hard link, and a place by another mount."""
    plain = graded_by(line, others=False)
    by_others = graded_by(line, others=True)
    assert by_others != plain and by_others[0] >= plain[0] and by_others[1] >= plain[1]
    name, *words = line.split()
    known = " ".join([OTHERS.get(name, name), *(OTHERS.get(word, word) for word in words)])
    by_name = graded_by(known, others=False)
    assert by_others[0] >= by_name[0] and by_others[1] >= by_name[1], "as by this name"


def test_an_installed_program_is_what_its_name_says_whatever_else_its_file_is_called() -> None:
    line = "/usr/bin/ls /srv/file"
    assert graded_by(line, others=True) == graded_by(line, others=False)


def test_a_path_that_the_requester_can_lead_elsewhere_is_said_so() -> None:
    """THREATS R-20."""

    def look(path: str) -> Seen | None:
        is_hers = path.startswith("/srv/hers")
        return Seen(path, is_directory=path == "/srv/hers", owner="alice", changed_by="alice, who asks" if is_hers else "")

    (first, *_) = findings_of(asked("tee", "/srv/hers/x"), look, requester="alice")
    assert (first.grade, first.path) == (Grade.GIVES, "/srv/hers/x")
    assert "alice, who asks" in first.what
    assert worst(findings_of(asked("tee", "/srv/x"), look, requester="alice")) is Grade.CHANGES


QUOTINGS = (
    "tee /etc/passwd",
    "'tee' /etc/passwd",
    't"e"e /etc/passwd',
    r"t\ee /etc/pas\swd",
    "tee /etc/pass''wd",
    "tee /etc/{passwd,x}",
    "tee /etc/pass*",
    "x=tee; $x /etc/passwd",
    "x=/etc/passwd; tee ${x}",
    "eval 'tee /etc/passwd'",
    "tee \\\n/etc/passwd",
    "echo `tee /etc/passwd`",
    'echo "$(tee /etc/passwd)"',
    "cat > /etc/passwd",
    "cat >| /etc/passwd",
    ">> /etc/passwd echo a",
    "cd /etc && tee passwd",
    "cd /; cd etc; tee passwd",
    "(cd /etc; tee passwd)",
    "if cd /etc; then tee passwd; fi",
    "f() { tee /etc/passwd; }; f",
    "for f in passwd x; do tee /etc/$f; done",
    "case a in a) tee /etc/passwd ;; esac",
    "set -- /etc/passwd; tee $1",
    "cat <<E | tee /etc/passwd\na\nE",
    "echo $(( 1 )) > /etc/passwd",
    "exec tee /etc/passwd",
    "command tee /etc/passwd",
    "! tee /etc/passwd",
    "true & tee /etc/passwd",
    "{ tee /etc/passwd; }",
    "echo /etc/passwd | xargs tee",
    "while true; do tee /etc/passwd; done",
    "trap 'tee /etc/passwd' 0",
    "y=passwd; x=/etc/$y; tee $x",
    "tee /etc/./x/../passwd",
)


@pytest.mark.parametrize("text", [*QUOTINGS, r"$'\x74ee' /etc/passwd"])
def test_a_text_is_graded_alike_however_it_is_quoted(text: str) -> None:
    """THREATS R-21."""
    assert grade("bash", "-c", text) is Grade.GIVES


@pytest.mark.parametrize(
    "text", ["echo 'tee /etc/passwd'", "echo tee \\> /etc/passwd", "# tee /etc/passwd\nid", 'echo "> /etc/passwd"', "ls /etc # x"]
)
def test_what_is_only_quoted_is_not_run(text: str) -> None:
    """THREATS R-21."""
    assert grade("bash", "-c", text) is Grade.HARMLESS


@pytest.mark.parametrize(
    "text", ["echo don't", 'echo "', "echo $(", "echo `", "cat <<E\nx", "echo ${x", "( " * 50, "a" * 200_000, "f(x)"]
)
def test_what_cannot_be_read_is_not_harmless(text: str) -> None:
    """THREATS R-21."""
    assert grade("sh", "-c", text) is Grade.GIVES


@given(
    st.lists(
        st.one_of(
            st.sampled_from(sorted({word for line in LINES for word in line.words})).map(str.encode), st.binary(max_size=30)
        ),
        max_size=8,
    ),
    st.sampled_from(sorted(name for name in TABLE if name[0] != ":")),
)
@settings(max_examples=400, deadline=None)
def test_whatever_is_asked_for_there_is_an_answer(words: list[bytes], name: str) -> None:
    findings = found(name, *words)
    assert FAULT not in {one.what for one in findings}
    assert len(findings) <= MOST_FOUND


@given(
    st.lists(
        st.sampled_from(
            [
                "sh",
                "tee",
                "a",
                "$x",
                "x=",
                "'",
                '"',
                "$(",
                ")",
                "`",
                "{",
                "}",
                "|",
                "&",
                ";",
                "\n",
                "<<E\n",
                "E",
                ">",
                "<",
                "#",
                "\\",
                "((",
                "[[",
                "]]",
                "case a in",
                "esac",
                "for i in",
                "do",
                "done",
                "if",
                "fi",
                "then",
                "f()",
                "${x:-",
                " ",
            ]
        ),
        max_size=40,
    )
)
@settings(max_examples=400, deadline=None)
def test_whatever_a_text_is_there_is_an_answer(parts: list[str]) -> None:
    """THREATS R-21."""
    assert FAULT not in {one.what for one in found("bash", "-c", " ".join(parts))}


@pytest.mark.parametrize(
    "text",
    [
        "declare -n r=PATH; r=/home/alice/bin; date",
        "printf -v PATH %s /home/alice/bin; date",
        "read PATH; date",
        "mapfile PATH; date",
        "BASH_CMDS[ls]=/home/alice/x; ls",
        "hash -p /home/alice/x ls; ls",
        "test -v 'a[$(/home/alice/x)]'",
        "[[ 'a[$(/home/alice/x)]' -eq 0 ]]",
        "x='a[$(/home/alice/x)]'; echo $((x))",
        "x='a[`/home/alice/x`]'; y=x; ((y))",
        "x='a[$(/home/alice/x)]'; echo ${PWD:x:1}",
        "x='a[$(/home/alice/x)]'; declare -i n; n=x",
        "read x; ((x > 3)) && date",
        "x='$(/home/alice/x)'; echo ${x@P}",
    ],
)
def test_a_builtin_that_starts_programs_in_a_roundabout_way_gives_the_worst(text: str) -> None:
    """THREATS R-21."""
    assert grade("bash", "-c", text) is Grade.GIVES


@pytest.mark.parametrize(
    "text",
    [
        "declare -n r=x; r=/home/alice/bin; date",
        "printf -v now %s x; date",
        "read x; echo $x",
        "test -v PATH",
        "[[ -v x ]]; [[ 3 -eq 4 ]]",
        "x=3; echo $((x + 1)); ((x++))",
        "n=0; while [ $n -lt 3 ]; do n=$((n + 1)); date; done",
        "x=abc; echo ${x:1:2}",
        "declare -i n=3; n=4",
    ],
)
def test_a_builtin_that_only_sets_or_compares_is_harmless(text: str) -> None:
    assert grade("bash", "-c", text) is Grade.HARMLESS


@pytest.mark.parametrize(
    ("line", "is_worst"),
    [
        ("uptime --conf=/home/alice/x", True),
        ("uptime --conf /home/alice/x", True),
        ("uptime -Z/home/alice/x", True),
        ("uptime --log=/etc/cron.d/x", True),
        ("uptime --hook=file:/home/alice/x", True),
        ("tar -g /etc/cron.d/x -cf /srv/x.tar /srv/app", True),
        ("uptime --conf=/etc/motd", False),
        ("uptime --exclude=/home/alice/x", False),
        ("tar --exclude=/home/alice/x -cf /srv/new/x.tar /srv/app", False),
        ("ls -la /home/alice", False),
        ("rm -rf /home/alice/old", False),
    ],
)
def test_the_file_of_an_option_that_jitd_does_not_know_is_looked_at(line: str, *, is_worst: bool) -> None:
    """THREATS R-19."""
    assert (grade(*line.split()) is Grade.GIVES) is is_worst


@pytest.mark.parametrize(
    "words",
    [
        ["nice"] * 1000 + ["sh"],
        ["sh", "-c", "sh -c " * 20_000],
        ["sh", "-c", "(" * 100_000],
        ["sh", "-c", "$(" * 60_000],
        ["sh", "-c", "tee " + "{a,b}" * 1000],
        ["sh", "-c", "cat <<E\n" * 10_000],
        ["psql", "-c", "copy " * 25_000],
        ["sed", "s/" * 60_000],
        ["tee", *["/etc/x"] * 20_000],
        ["find", *["-exec", "sh", ";"] * 20_000],
        ["xargs", *["="] * 100_000],
        ["bash", "-c", "test -v '" + "a[(" * 40_000 + "$x'"],
        ["bash", "-c", "((" + "+".join(f"a{n}" for n in range(15_000)) + ")); sh"],
        ["bash", "-c", ";".join(f"a{n}=$a{n + 1}" for n in range(8000)) + "; $b"],
    ],
)
def test_a_long_line_gives_the_worst_and_soon(words: list[str]) -> None:
    began = time.process_time()
    assert grade(*words) is Grade.GIVES
    assert time.process_time() - began < 5


# --- sentences ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "what", "matters"),
    [
        ("systemctl stop jitd", "stops jitd, until it is started again", "nothing is asked, watched or recorded any more"),
        ("systemctl restart sshd", "restarts sshd", ""),
        ("systemctl kill -s HUP rsyslog", "sends the signal HUP to rsyslog", ""),
        ("kill -HUP 812", "sends the signal HUP to process 812", ""),
        ("kill -9 812", "ends process 812, and jitd has not looked which program it is", ""),
        ("deluser bob sudo", "deluser takes bob out of the group sudo", ""),
        ("swapoff -a", "stops all swapping", ""),
        ("iptables -F", "empties the firewall: anybody may reach this host, until its rules are loaded again", ""),
    ],
)
def test_a_reason_says_what_happens_and_what_is_lost(words: str, what: str, matters: str) -> None:
    (found,) = findings_of(asked(*words.split()), lambda path: None, requester="alice")
    assert (found.what, found.matters) == (what, matters)


def test_a_directory_and_a_file_below_it_are_said_once() -> None:
    """Nobody looked, so that /root/x may be a directory or not."""
    found = findings_of(asked("cp", "/srv/shadow", "/root/x"), lambda path: None, requester="alice")
    assert [one.what for one in found] == ["overwrites /root/x"]
