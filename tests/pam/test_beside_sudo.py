# SPDX-License-Identifier: Apache-2.0
"""The real sudo of this host with the plugin beside the same sudo without it: for a command that is permitted, nobody can tell
which of the two it was. What is compared is all that a caller, a terminal and a command see.

Law: each row is typed twice by the same person in the same place; the second time, jitd was asked as often as the row says. That
nothing else differs is asserted, and not what it is: this is sudo's own.
"""

from __future__ import annotations

import difflib
import os
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.marks import by_day, full, once_each
from tests.on_terminal import OnTerminal
from tests.pam.programs import GATED, PASSWORD, POLICY, SUDOERS, Gated, write
from tests.pam.test_approval_plugin import CONF, LINE
from tests.waiting import PATIENCE

pytestmark = pytest.mark.skipif(os.uname().nodename != "lab.example.test", reason="the lab's people and its sudo")

PLACE = Path("/srv/beside")
BIN, OWN = PLACE / "bin", PLACE / "own"
"""Programs, which are root's, and where the person stands."""
WHO = "carol"
PROBE = """\
#!/bin/bash
# Says how it was started, as a command sees it.
printf '%s: ' "$0"; printf '[%q]' "$@"; echo
id; umask; nice; ulimit -a; pwd -P
grep -E '^(Uid|Gid|Groups|Sig(Blk|Ign|Cgt)|ShdPnd|NoNewPrivs|Seccomp|Cap...)' /proc/self/status
cat /proc/$$/oom_score_adj /proc/$$/sessionid /proc/$$/timerslack_ns
for fd in /proc/$$/fd/*; do echo "${fd##*/} $(readlink "$fd") $(grep flags "/proc/$$/fdinfo/${fd##*/}" 2>&1)"; done
read -r pid _ _ parent group session tty front _ <<<"$(cut -d' ' -f1-9 /proc/$$/stat)"
echo "leads $((pid == group)) $((pid == session)); parent leads $((parent == group)); terminal $tty; in front $((front == group))"
[ ! -t 0 ] || stty -a
env -0 | sort -z | tr '\\0' '\\n'
"""
JOB = """\
#!/usr/bin/python3 -IS
# JOB COMMAND ...: a shell with job control that runs one job; it prints what becomes of the job, and continues it when told.
import os, signal, sys
for number in (signal.SIGPIPE, signal.SIGXFSZ):
    signal.signal(number, signal.SIG_DFL)
signal.signal(signal.SIGTTOU, signal.SIG_IGN)
pid = os.fork()
if pid == 0:
    os.setpgid(0, 0)
    os.tcsetpgrp(0, os.getpid())
    signal.signal(signal.SIGTTOU, signal.SIG_DFL)
    os.execvp(sys.argv[1], sys.argv[1:])
print("job", pid, flush=True)
while True:
    _, status = os.waitpid(pid, os.WUNTRACED)
    os.tcsetpgrp(0, os.getpgrp())
    if not os.WIFSTOPPED(status):
        break
    print("stopped by", os.WSTOPSIG(status), flush=True)
    assert sys.stdin.readline() == "fg\\n"
    os.tcsetpgrp(0, pid)
    os.killpg(pid, signal.SIGCONT)
print("ended with", os.waitstatus_to_exitcode(status), flush=True)
"""
LOOPS = """\
#!/usr/bin/python3 -IS
# Says which signals come, until QUIT or KILL. It takes them one by one: a second one would interrupt what says the first.
import os, signal
taken = [getattr(signal, "SIG" + name) for name in "HUP INT TERM USR1 USR2 ALRM WINCH CONT QUIT".split()]
signal.pthread_sigmask(signal.SIG_BLOCK, taken)
os.write(1, b"ready\\n")
while (number := signal.sigwait(taken)) != signal.SIGQUIT:
    os.write(1, f"came {number.name[3:]}\\n".encode())
raise SystemExit(7)
"""
UNSETTLED = (
    (re.compile(r"\b(pipe|socket):\[\d+\]"), r"\1"),
    (re.compile(r"/dev/pts/\d+|pts/\d+"), "/dev/pts/N"),
    (re.compile(r"(?<=terminal )\d+"), "N"),
    (re.compile(r"(?m)^job \d+\r?$"), "job"),
    (re.compile(r"/proc/\d+"), "/proc/PID"),
    (re.compile(r"(came (?:CONT|WINCH)\r\n)\1*"), r"\1"),
)
"""What differs between two calls of the same sudo."""
EXEC = "exec /usr/bin/python3 -ISc 'import os,signal,sys; {}; os.execvp(sys.argv[1],sys.argv[1:])'"
ENDED = r"ended with -?\d+\r?\n"
ASKPASS = f"#!/bin/sh\necho '{PASSWORD}'\n"
OWED = f"{WHO} ALL=(ALL:ALL) PASSWD: ALL\nDefaults:{WHO} timestamp_timeout=0\n"


@dataclass(frozen=True)
class Row:
    """A line of a shell's. ``asks``: how many commands jitd is asked about; ``sudoers``: what is appended to the file."""

    name: str
    script: str
    asks: int = 1
    sudoers: str = ""
    steps: tuple[tuple[str, str | signal.Signals], ...] = ()
    """At a terminal: once this is read, that is typed, or sent to sudo as a signal."""


PLAIN = (
    Row("exit 0", "sudo true"),
    Row("exit 3", "sudo sh -c 'exit 3'"),
    Row("exit 255", "sudo sh -c 'exit 255'"),
    *(
        Row(f"ends by {name}", f"ulimit -c 0; sudo sh -c 'kill -{name} $$'")
        for name in ("HUP", "INT", "TERM", "KILL", "SEGV", "PIPE")
    ),
    Row("no such command", "sudo no-such-command", asks=0),
    Row("no program", "sudo /etc/passwd", asks=0),
    Row("a script without a first line", "sudo plain one two"),
    Row("not permitted by sudoers", "sudo id", asks=0, sudoers=f"{WHO} ALL=(ALL) !/usr/bin/id\n"),
    # streams
    Row("all of standard input", "head -c 3000000 /dev/zero | sudo cat | sha256sum"),
    Row("both outputs apart", "sudo sh -c 'echo out; echo err >&2'"),
    Row("no standard input", "sudo probe <&-"),
    Row("no standard output", "sudo probe >&- 2>said; cat said"),
    Row("no standard error", "sudo probe 2>&-"),
    Row("no stream at all", "sudo sh -c 'probe >said' <&- >&- 2>&-; cat said"),
    Row("a reader that goes away", "sudo yes | head -1; echo ${PIPESTATUS[*]}"),
    Row("within pipes", "echo one | sudo tee /dev/stderr | sudo tr a-z A-Z; echo ${PIPESTATUS[*]}", asks=2),
    Row("further descriptors", "sudo probe 5</etc/passwd 7<<<x"),
    Row("further descriptors by -C", "sudo -C 8 probe 5</etc/passwd", sudoers=f"Defaults:{WHO} closefrom_override\n"),
    # what is inherited
    Row("as it is", "sudo probe"),
    Row("ignored signals", "trap '' INT TERM USR1 TSTP; sudo probe"),
    Row("blocked signals", f"{EXEC.format('signal.pthread_sigmask(0,[2,10,15,17,20])')} sudo probe"),
    Row("an ignored SIGCHLD", f"{EXEC.format('signal.signal(17,signal.SIG_IGN)')} sudo probe"),
    Row("limits, umask, priority", "ulimit -n 100 -c 0 -s 4096; umask 027; nice -n 5 sudo probe"),
    Row("no further descriptor", "ulimit -n 24; sudo probe"),
    Row("its own session", "setsid -w sudo probe"),
    Row("a directory that is gone", "mkdir gone; cd gone; rmdir ../gone; sudo /srv/beside/bin/probe"),
    Row("a directory that is a link", "ln -sfn /usr/bin link; cd link; sudo ./id -u; sudo pwd", asks=2),
    # words
    Row("odd words", "sudo probe '' ' ' 'a b' $'a\\nb' $'\\xff' \\* \\$HOME - -- -u"),
    Row("2,000 words", "sudo echo $(seq 2000) | sha256sum"),
    Row("a word of 120,000 bytes", "sudo echo $(printf %0120000d 0) | sha256sum"),
    Row("a million bytes of words", "w=$(printf %0100000d 0); sudo echo $w $w $w $w $w $w $w $w $w $w | sha256sum"),
    # environment
    Row("-E", "FOO=1 sudo -E probe"),
    Row("--preserve-env=", "FOO=1 BAR=2 sudo --preserve-env=FOO probe"),
    Row("VAR=x", "sudo FOO=x 'BAR=a b' EMPTY= probe"),
    Row("VAR=x that sudoers keeps", "KEPT=1 sudo probe", sudoers="Defaults env_keep += KEPT\n"),
    Row("-H", "HOME=/nowhere sudo -H probe"),
    Row("an environment that is left", "FOO=1 sudo probe", sudoers=f"Defaults:{WHO} !env_reset\n"),
    Row("hardly any environment", "env -i A=1 /usr/bin/sudo probe"),
    Row("a large environment", "export FOO=$(printf %0100000d 0); sudo -E sh -c 'echo ${#FOO}'"),
    Row("JITSUDO_REASON", "JITSUDO_REASON='a b' sudo probe"),
    # whom
    Row("-u", "sudo -u bob probe"),
    Row("-u #uid", "sudo -u '#4002' probe"),
    Row("-u of nobody's uid", "sudo -u '#99999' probe", sudoers="Defaults runas_allow_unknown_id\n"),
    Row("-g", "sudo -g ops probe"),
    Row("-u -g", "sudo -u bob -g dba probe"),
    Row("-P", "sudo -P probe"),
    Row("-u of nobody", "sudo -u nosuchuser probe", asks=0),
    # shells
    Row("-s", "echo 'echo $0 $-; probe' | sudo -s"),
    Row("-s CMD", "sudo -s probe 'a b' '$HOME' ';'"),
    Row("-s of SHELL", "echo 'echo $0' | SHELL=/bin/dash sudo -s"),
    Row("-i", "echo 'echo $0; /srv/beside/bin/probe' | sudo -i"),
    Row("-i CMD", "sudo -i /srv/beside/bin/probe 'a b' '$HOME' ';'"),
    Row("-i -u", "sudo -i -u bob /srv/beside/bin/probe"),
    # places
    Row("-D", "sudo -D /usr probe", sudoers=f"Defaults:{WHO} runcwd=*\n"),
    Row("-D where sudoers does not allow it", "sudo -D /usr ./bin/env", asks=0),
    Row("a directory of sudoers'", "sudo probe", sudoers=f"Defaults:{WHO} runcwd=/usr\n"),
    Row("a path that is relative", "cd ../bin; sudo ./probe"),
    Row("-R", "sudo -R / /srv/beside/bin/probe", sudoers=f"Defaults:{WHO} runchroot=*\n"),
    # passwords
    Row("-S", f"echo '{PASSWORD}' | sudo -S -p '%u: ' probe", sudoers=OWED),
    Row("-S, a wrong one", "echo wrong | sudo -S -p '' probe", asks=0, sudoers=OWED),
    Row("-A", "SUDO_ASKPASS=/srv/beside/bin/askpass sudo -A probe", sudoers=OWED),
    Row("-n", "sudo -n probe"),
    Row("-n, but a password is needed", "sudo -n probe", asks=0, sudoers=OWED),
    Row("-k", "sudo -k; echo $?; sudo -K; echo $?", asks=0),
    Row("-k CMD", "sudo -k probe"),
    Row("-v", "sudo -v", asks=0),
    # what runs nothing
    *(Row(option, f"sudo {option}", asks=0) for option in ("-l", "-ll", "-l id", "-h", "-X")),
    Row("-V", "sudo -V | grep -v '^jit_approval: '", asks=0),  # each plugin has a line of its own
    Row("nothing", "sudo", asks=0),
    # how
    Row("-b", "sudo -b sh -c 'exec >/dev/null; : >done'; until [ -e done ]; do sleep 0.01; done; rm -f done"),
    Row("-T", "sudo -T 1 sleep 60", sudoers="Defaults user_command_timeouts\n"),
    Row("-B -- CMD", "sudo -B -- probe --"),
    Row("sudo of sudo", "sudo sudo -u bob probe"),
    Row("use_pty", "sudo probe", sudoers="Defaults use_pty\n"),
    Row("use_pty within pipes", "echo one | sudo sh -c 'cat; echo err >&2; exit 4' | cat; echo ${PIPESTATUS[*]}",
        sudoers="Defaults use_pty\n"),
    Row("use_pty, ends by a signal", "sudo sh -c 'kill -TERM $$'", sudoers="Defaults use_pty\n"),
    Row("log_output", "sudo probe <&0", sudoers="Defaults log_output, iolog_dir=/srv/beside/bin/io\n"),
    Row("noexec", "sudo sh -c 'exec id'", sudoers="Defaults noexec\n"),
    Row("intercept", "sudo sh -c '/usr/bin/id -u; /usr/bin/id -g; exit 9'", asks=3, sudoers=f"Defaults:{WHO} intercept\n"),
    Row("log_subcmds", "sudo sh -c '/usr/bin/id -u; exit 9'", sudoers=f"Defaults:{WHO} log_subcmds\n"),
    Row("fdexec", "sudo probe", sudoers="Defaults fdexec=always\n"),
    Row("umask of sudoers", "sudo probe", sudoers="Defaults umask=0077, umask_override\n"),
    Row("stay_setuid is not known", "sudo probe", sudoers="Defaults !stay_setuid\n"),
)  # fmt: skip
TYPED = (
    Row("as it is", "sudo probe"),
    Row("a shell", "sudo -s", steps=(("# ", "probe; exit 5\n"),)),
    Row("a login shell", "sudo -i", steps=(("# ", "tty; exit 6\n"),)),
    Row("what is typed", "sudo sh -c 'echo ready; cat'", steps=(("ready", "one\n"), ("one\r\none", "\x04"))),
    Row("Ctrl-C", "sudo sh -c 'echo ready; exec sleep 60'", steps=(("ready", "\x03"),)),
    Row("Ctrl-C that is caught", "sudo loops", steps=(("ready", "\x03"), ("came INT", "\x1c"))),
    Row("Ctrl-\\", "sudo sh -c 'ulimit -c 0; echo ready; exec sleep 60'", steps=(("ready", "\x1c"),)),
    Row("Ctrl-Z and fg", "sudo loops", steps=(("ready", "\x1a"), ("stopped by 20", "fg\n"), ("came CONT", "\x1c"))),
    Row("stopped by itself", "sudo sh -c 'kill -STOP $$; echo went on'", steps=(("stopped by", "fg\n"),)),
    *(
        Row(f"{number.name} to sudo", "sudo loops", steps=(("ready", number), (f"came {number.name[3:]}", "\x1c")))
        for number in (signal.SIGHUP, signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2)
    ),
    Row("SIGALRM to sudo", "sudo loops", steps=(("ready", signal.SIGALRM),)),
    Row("TSTP to sudo", "sudo loops", steps=(("ready", signal.SIGTSTP), ("stopped by", "fg\n"), ("came CONT", "\x1c"))),
    Row("the size of the terminal", "sudo loops", steps=(("ready", "size"), ("came WINCH", "\x1c"))),
    Row("a password", "sudo probe", sudoers=OWED, steps=((r"password for carol: ", f"{PASSWORD}\n"),)),
    Row("a wrong password", "sudo probe", asks=0, sudoers=OWED, steps=((r"password for carol: ", "wrong\n"),)),
    Row("-b", "sudo -b sh -c 'tty; : >done'; until [ -e done ]; do sleep 0.01; done; rm -f done"),
    Row("within pipes", "echo one | sudo probe | cat"),
    Row("an editor's settings", "sudo sh -c 'stty -echo raw; stty -a'; stty -a"),
)  # fmt: skip


@pytest.fixture(scope="module")
def gated() -> Iterator[Gated]:
    """A host without a gate in sudo's PAM stack; ``typed`` gives its sudo the plugin, and takes it away."""
    kept = CONF.read_bytes()
    made = Gated(POLICY, stacks=tuple(name for name in GATED if not name.startswith("sudo")))
    for directory in (PLACE, BIN, OWN):
        directory.mkdir()
    for name, text in (("probe", PROBE), ("job", JOB), ("loops", LOOPS), ("askpass", ASKPASS), ("plain", 'echo "$@"\n')):
        write(str(BIN / name), text, 0o755)
    shutil.chown(OWN, WHO)
    try:
        made.start()
        yield made
        made.verify()
    finally:
        CONF.write_bytes(kept)
        made.close()
        shutil.rmtree(PLACE)


def settled(text: str) -> str:
    for pattern, word in UNSETTLED:
        text = pattern.sub(word, text)
    return text


def plain(gated: Gated, row: Row) -> tuple[int, str, str]:
    line = [*gated.become(WHO), "env", "-C", str(OWN), "bash", "-c", row.script]
    done = subprocess.run(line, stdin=subprocess.DEVNULL, capture_output=True, timeout=PATIENCE, check=False)
    return done.returncode, settled(done.stdout.decode("latin-1")), settled(done.stderr.decode("latin-1"))


def at_a_terminal(gated: Gated, row: Row) -> str:
    """All that is seen there, with the end of the job."""
    script = row.script if re.search("[;|]", re.sub("'[^']*'", "", row.script)) else f"exec {row.script}"  # the job is sudo
    line = [*gated.become(WHO), "env", "-C", str(OWN), str(BIN / "job"), "bash", "-c", script]
    environment = {"PATH": os.environ["PATH"], "TERM": "dumb", "LANG": "C.UTF-8"}
    terminal = OnTerminal(line[0], line[1:], env=environment, cwd="/", encoding="latin-1", timeout=PATIENCE, dimensions=(24, 300))
    terminal.delaybeforesend = None
    said = ""
    try:
        terminal.expect(r"job (\d+)\r\n")
        job = int(terminal.match[1])
        for read, then in row.steps:
            terminal.expect(read)
            said += terminal.before + terminal.after
            if "password" in read:
                assert terminal.waitnoecho(PATIENCE)
            if isinstance(then, signal.Signals):
                os.kill(job, then)
            elif then == "size":
                terminal.setwinsize(30, 100)
            else:
                terminal.send(then)
        terminal.expect(ENDED)
        return settled(said + terminal.before + terminal.after)
    finally:
        terminal.close(force=True)


def lines_of(seen: object) -> list[str]:
    return "\n".join(map(str, seen if isinstance(seen, tuple) else (seen,))).splitlines()


def is_alike(gated: Gated, row: Row, typed: object) -> None:
    """``row`` gives the same with the plugin as without, and the plugin has asked."""
    write("/etc/sudoers", SUDOERS.replace('="', f'="{BIN}:') + row.sudoers, 0o440)
    try:
        CONF.write_text("")
        without = typed(gated, row)  # type: ignore[operator]
        n_asked = len(gated.kept("requests", ended=True))
        CONF.write_text(f"{LINE}\n")
        with_it = typed(gated, row)  # type: ignore[operator]
    finally:
        write("/etc/sudoers", SUDOERS, 0o440)
    difference = [line for line in difflib.ndiff(lines_of(without), lines_of(with_it)) if line[0] in "+-"]
    assert with_it == without, "\n".join(difference)
    assert len(gated.kept("requests", ended=True)) - n_asked == row.asks


@pytest.mark.parametrize("row", PLAIN, ids=lambda row: row.name)
def test_a_permitted_command_is_as_without_the_plugin(gated: Gated, row: Row) -> None:
    is_alike(gated, row, plain)


@pytest.mark.parametrize(
    ("row", "has_pty"),
    by_day(
        [(row, has_pty) for row in TYPED for has_pty in (False, True)],
        once_each(TYPED, (False, True)),
        full("every day, each row is played with a terminal of sudo's own or with the person's"),
    ),
    ids=lambda value: value.name if isinstance(value, Row) else "use_pty" if value else "itself",
)
def test_a_permitted_command_at_a_terminal_is_as_without_the_plugin(gated: Gated, row: Row, has_pty: bool) -> None:
    sudoers = row.sudoers + f"Defaults {'' if has_pty else '!'}use_pty\n"
    is_alike(gated, Row(row.name, row.script, row.asks, sudoers, row.steps), at_a_terminal)
