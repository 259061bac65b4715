# SPDX-License-Identifier: Apache-2.0
"""The forms in which other programs call sudo, with the plugin: for who is permitted the command runs. For who is denied
nothing runs, and the program that called says so by its own status.

The real program is played where it is in the packages of contrib/lab/setup. Where it is not, what it executes is typed, and a
stand-in with its name is on the host. Law: a command that ran has left a mark of root's, and nothing else does.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.pam.programs import GATED, POLICY, Gated, write
from tests.pam.sshd_stage import Sshd
from tests.pam.test_approval_plugin import CONF, LINE
from tests.system.conftest import HOST
from tests.waiting import PATIENCE

pytestmark = pytest.mark.skipif(os.uname().nodename != "lab.example.test", reason="the lab's people and its sudo")

PLACE = Path("/srv/calls")
BIN, ASKED = PLACE / "bin", PLACE / "asked"
MARKS = f'#!/bin/sh\n: >"$(cat {ASKED})" && exec "$@"\n'
"""Leaves the mark that ``ASKED`` names, and executes the rest."""
STANDS_IN = f'#!/bin/sh\n: >"$(cat {ASKED})" && cat\n'
STANDING_IN = ("borg", "virt-ssh-helper", "docker", "zfs", "check_disk", "salt-call")
PYTHON = "PYTHON=ansible_python_interpreter=/usr/bin/python3"
DENIED = "denied: no rule permits this"


@dataclass(frozen=True)
class Form:
    """What is typed; ``MARKS`` stands for the command. ``denied`` is the caller's status where it is denied."""

    name: str
    script: str
    denied: int = 1


FORMS = (
    # shells
    Form("sh -c", "sh -c 'sudo MARKS'"),
    Form("bash -e", "bash -ec 'sudo MARKS; echo went on'"),
    Form("zsh", "zsh -c 'sudo MARKS'"),
    Form("ksh", "ksh -c 'sudo MARKS'"),
    Form("fish", "fish -c 'sudo MARKS'"),
    Form("busybox sh", "busybox sh -c 'sudo MARKS'"),
    Form("a script that is piped into a shell", "echo 'set -e; sudo MARKS; echo went on' | bash -s"),
    Form("$(sudo)", "x=$(sudo MARKS echo 1) && [ \"$x\" = 1 ] && echo went on"),
    Form("| sudo tee", "echo x | sudo MARKS tee /dev/null >/dev/null"),
    Form("sudo |", "set -o pipefail; sudo MARKS | cat"),
    Form("<(sudo)", "cat <(sudo MARKS echo went on)", denied=0),
    Form("sudo &", "sudo MARKS & wait $!"),
    Form("exec sudo", "exec sudo MARKS"),
    Form("alias", "shopt -s expand_aliases; alias s='sudo '\ns MARKS"),
    # what runs other programs
    Form("xargs", "echo MARKS | xargs sudo", denied=123),
    Form("xargs -P", "printf 'MARKS\\nMARKS\\n' | xargs -P 2 -n 1 sudo", denied=123),
    Form("find -exec ;", "find /etc/passwd -exec sudo MARKS echo {} \\;", denied=0),
    Form("find -exec +", "find /etc/passwd -exec sudo MARKS echo {} +"),
    Form("make", "printf 'all:\\n\\tsudo MARKS\\n' | make -f -", denied=2),
    Form("make -j", "printf 'all: a b\\na b:\\n\\tsudo MARKS\\n' | make -j2 -f -", denied=2),
    Form("timeout", "timeout 300 sudo -n MARKS"),
    Form("nohup", "nohup sudo MARKS"),
    Form("setsid", "setsid -w sudo MARKS"),
    Form("env -i", "env -i A=1 /usr/bin/sudo MARKS"),  # without any variable, sudo 1.9.16 itself crashes
    Form("nice", "nice -n 5 sudo MARKS"),
    Form("stdbuf", "stdbuf -oL sudo MARKS"),
    Form("flock", "flock . sudo MARKS"),
    Form("script", "script -qec 'sudo MARKS' /dev/null"),
    Form("tmux", "tmux -L calls -f /dev/null new -d 'sudo MARKS 2>said; echo $? >status; tmux -L calls wait -S ended' "
         "\\; wait ended; cat said; exit $(cat status)"),
    Form("vim", "vim.tiny -u NONE -es -c 'w !sudo MARKS cat >/dev/null' -c qa! /etc/passwd", denied=0),
    Form("python", "python3 -Sc 'import subprocess; subprocess.run([\"sudo\", \"-n\", \"MARKS\"], check=True, close_fds=True)'"),
    Form("perl", "perl -e 'system(\"sudo\", \"MARKS\") == 0 or exit($? >> 8)'"),
    Form("cron", "env -i HOME=$HOME LOGNAME=$USER SHELL=/bin/sh PATH=/usr/bin:/bin setsid -w sh -c 'sudo MARKS'"),
    Form("git alias", "git -c alias.up='!sudo MARKS' up"),
    Form("git hook", "git init -q . && mkdir -p hooks && printf '#!/bin/sh\\nsudo MARKS\\n' >hooks/pre-commit && "
         "chmod +x hooks/pre-commit && git -c user.name=x -c user.email=x -c core.hooksPath=hooks commit -q --allow-empty -m x"),
    Form("git clone -u", f"git clone -q -u 'sudo MARKS git-upload-pack' {PLACE}/repository copy", denied=128),
    Form("check of a monitor", f"sudo -n {BIN}/check_disk -w 10% -c 5% -p / </dev/null"),
    # from another host
    Form("ssh", "ssh $HOST sudo MARKS"),
    Form("ssh -tt", "ssh -tt $HOST sudo MARKS"),
    Form("ssh bash -s", "echo 'sudo MARKS' | ssh $HOST bash -s"),
    Form("tar | ssh sudo tar", "tar -C /etc -cf- passwd | ssh $HOST 'sudo MARKS tar -tf-'"),
    Form("rsync --rsync-path", "rsync --rsync-path='sudo MARKS rsync' /etc/passwd $HOST:/root/", denied=12),
    Form("sftp -s", "echo pwd | sftp -q -S ~/bin/ssh -s 'sudo MARKS /usr/lib/openssh/sftp-server' -b - $HOST", denied=255),
    Form("ansible -b", "ansible -i localhost, -c local -b -m raw -a MARKS all", denied=2),
    Form("ansible -b, a module", "ansible -i localhost, -c local -b -m command -a MARKS -e $PYTHON all", denied=2),
    Form("ansible -b by ssh", "ANSIBLE_PIPELINING=1 ansible -i $HOST, -b -m command -a MARKS -e $PYTHON all", denied=2),
    Form("borg", f"ssh $HOST sudo {BIN}/borg serve --info </dev/null"),
    Form("zfs send | ssh sudo zfs receive", f"echo x | ssh $HOST sudo {BIN}/zfs receive -F tank/x"),
    Form("docker -H ssh", f"ssh -l $USER -- $HOST sudo {BIN}/docker system dial-stdio </dev/null"),
    Form("qemu+ssh", f"ssh -T -e none -- $HOST \"sh -c 'sudo {BIN}/virt-ssh-helper qemu:///system'\" </dev/null"),
    Form("vagrant", "echo MARKS | ssh $HOST sudo -E -H bash -l"),
    Form("fabric", "ssh -tt $HOST \"sudo -S -p '[sudo] password: ' /bin/bash -l -c MARKS\""),
    Form("salt-ssh", f"ssh $HOST sudo -n {BIN}/salt-call --local test.ping </dev/null"),
    Form("TRAMP", "echo 'MARKS; exit $?' | script -qec 'sudo -u root -s -H -p Password:' /dev/null"),
)  # fmt: skip


@pytest.fixture(scope="module")
def gated() -> Iterator[Gated]:
    """A host whose sudo has the plugin, with an sshd to which people log in by their keys."""
    kept = CONF.read_bytes()
    made = Gated(POLICY, stacks=tuple(name for name in GATED if not name.startswith("sudo")))
    for directory in (PLACE, BIN):
        directory.mkdir()
    for name, text in (("marks", MARKS), *((name, STANDS_IN) for name in STANDING_IN)):
        write(str(BIN / name), text, 0o755)
    subprocess.run(["git", "init", "-q", "--bare", PLACE / "repository"], check=True)
    sshd = Sshd(made)
    for who in ("carol", "eve"):
        shutil.copytree("/etc/skel", PLACE / who)
        (PLACE / who / "bin").mkdir()
        ssh = shlex.join(["exec", "/usr/bin/ssh", *sshd.options("key", who)])
        write(str(PLACE / who / "bin/ssh"), f'#!/bin/sh\n{ssh} "$@"\n', 0o755)
        subprocess.run(["chown", "-R", f"{who}:", PLACE / who], check=True)
    try:
        CONF.write_text(f"{LINE}\n")
        made.start()
        yield made
        made.verify()
    finally:
        CONF.write_bytes(kept)
        sshd.close()
        made.close()
        shutil.rmtree(PLACE)


def called(gated: Gated, who: str, form: Form) -> tuple[int, str, bool]:
    """The caller's status, all that is said, and whether the command has run, as root."""
    mark = gated.mark()
    ASKED.write_text(str(mark))
    home = PLACE / who
    own = home / mark.name
    own.mkdir()
    shutil.chown(own, who, who)
    environment = [
        f"HOME={home}",
        f"PATH={home}/bin:/usr/bin:/bin",
        "LANG=C.UTF-8",
        "TERM=dumb",
        f"HOST={HOST}",
        "ANSIBLE_SSH_ARGS=",
        PYTHON,
    ]
    line = [*gated.become(who), "-C", str(own), *environment, "bash", "-c", form.script.replace("MARKS", str(BIN / "marks"))]
    done = subprocess.run(
        line, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=3 * PATIENCE, check=False
    )
    has_run = mark.exists()
    assert not has_run or mark.stat().st_uid == 0
    return done.returncode, done.stdout.decode("utf-8", "replace"), has_run


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.name)
def test_a_program_that_calls_sudo_has_run_what_is_permitted_and_nothing_else(gated: Gated, form: Form) -> None:
    status, said, has_run = called(gated, "carol", form)
    assert (status, has_run) == (0, True), said
    assert "jitd:" not in said
    assert ("went on" in said) == ("went on" in form.script)
    status, said, has_run = called(gated, "eve", form)
    assert (status, has_run) == (form.denied, False), said
    assert DENIED in said, said
    assert "went on" not in said
