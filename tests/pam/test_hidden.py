# SPDX-License-Identifier: Apache-2.0
"""What a gate answers tells nothing of what the person cannot see, and tells them why where they can.

Law: two lines that differ in a secret alone have the same answer and the same row afterwards.
"""

from __future__ import annotations

import os
import pwd
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from jitpam.wire.messages import Show
from tests.attacks.raw import connected
from tests.marks import full
from tests.pam.programs import PASSWORD, SUDOERS, Gated, write

pytestmark = pytest.mark.skipif(os.uname().nodename != "lab.example.test", reason="the lab's people and programs")
POLICY = """
[[permit]]
name = "some"
who = ["user:carol"]
services = ["sudo", "doas", "su"]
commands = [["/usr/bin/id", "**"], ["/root/secret/tool", "**"]]
run = { options = "allow" }

[[deny]]
name = "no-shells"
who = ["user:dave"]
commands = [["/usr/bin/bash", "**"]]

[[permit]]
name = "any"
who = ["user:alice"]
services = ["sudo", "doas", "su"]
commands = [["**"]]
"""
ROOTS, BOBS = Path("/root/secret"), Path("/home/bob/secret")
OF_EACH = ("id", "fingerprint", "submitted_at", "ticket_ends_at", "authentication", "expires_at", "claims")
THERE = ("x-file", "x-directory", "x-link", "x-loop")
"""What is in each of the two, beside ``tool``; all else is not there."""


@pytest.fixture(scope="module")
def gated() -> Iterator[Gated]:
    """A host behind the stacks that we ship, and a directory of root's and one of bob's that nobody else may look into."""
    for place, owner in ((ROOTS, "root"), (BOBS, "bob")):
        shutil.rmtree(place, ignore_errors=True)
        (place / "x-directory").mkdir(parents=True)
        for name in ("x-file", "tool"):
            (place / name).write_bytes(Path("/usr/bin/true").read_bytes())
            (place / name).chmod(0o755)
        (place / "x-link").symlink_to("/usr/bin")
        (place / "x-loop").symlink_to("x-loop")
        entry = pwd.getpwnam(owner)
        for made in (place, *place.iterdir()):
            os.chown(made, entry.pw_uid, entry.pw_gid, follow_symlinks=False)
        place.chmod(0o700)
    made = Gated(POLICY)
    write("/etc/sudoers", SUDOERS.replace("NOPASSWD", "CWD=* NOPASSWD"), 0o440)
    made.start()
    yield made
    made.verify()
    made.close()
    for place in (ROOTS, BOBS):
        shutil.rmtree(place)


def answers(gated: Gated, who: str, line: str, *names: str) -> list[tuple[str, str, str]]:
    """What comes of the line with each of the names, one after another: its status, what it says, and what is told of its request
    afterwards, with the name put out of both.
    """
    known = {request.id for request in gated.kept("requests", ended=True)}
    each = (f"echo '{PASSWORD}' | {{ {line.replace('NAME', name)}\n}} 2>&1; echo \"=== $?\"\n" for name in names)
    said = subprocess.run([*gated.become(who), "sh", "-c", "".join(each)], capture_output=True, text=True, cwd="/", check=True)
    ended = re.findall(r"(.*?)=== (\d+)\n", said.stdout, re.DOTALL)
    with connected(gated, who) as raw:
        rows = [raw.rows(Show(id=made.id))[0] for made in gated.kept("requests", ended=True) if made.id not in known]
    assert len(ended) == len(rows) == len(names), "each is a request, and each an answer"
    told = [repr({key: row[key] for key in row if key not in OF_EACH}) for row in rows]
    return [
        (status, text.replace(name, "*"), row.replace(name, "*"))
        for name, (text, status), row in zip(names, ended, told, strict=True)
    ]


LINES = {
    "sudo, where it goes": "sudo -D PLACE ./NAME",
    "sudo, a directory on the way": "sudo PLACE/NAME/../x",
    "doas, a directory on the way": "doas PLACE/NAME/../x",
    "su, a directory on the way": "su -s PLACE/NAME/../x -c y",
    "sudo, a link on the way": "sudo PLACE/NAME/id",
    "doas, a link on the way": "doas PLACE/NAME/id",
    "sudo, a link to where it goes": "sudo -D PLACE/NAME /usr/bin/whoami",
    "sudo -s": "SHELL=PLACE/NAME/../x sudo -s y",
    "doas, along PATH": "PATH=/usr/bin:/bin:PLACE/NAME/.. doas nothing-of-that-name",
    "through a link in the open": "ln -sfn PLACE /tmp/hidden; sudo /tmp/hidden/NAME/../x",
}


BY_EACH = "sudo, where it goes"
BY_DOAS_TOO = ("doas, a directory on the way", "doas, a link on the way")
PLACES = {"roots": (ROOTS, "carol"), "bobs": (BOBS, "carol"), "denied": (BOBS, "dave")}
WHERE = [
    pytest.param(kind, *PLACES[id], id=f"{kind}-{id}")
    if (id == "roots" and kind not in BY_DOAS_TOO) or kind == BY_EACH
    else pytest.param(
        kind,
        *PLACES[id],
        id=f"{kind}-{id}",
        marks=full("every day, sudo plays these two lines, and doas another line: jitd looks at both in the same way"),
    )
    if id == "roots"
    else pytest.param(
        kind,
        *PLACES[id],
        id=f"{kind}-{id}",
        marks=full("every day, the test uses each of these lines in root's directory, and one of them in bob's, for both people"),
    )
    for kind in LINES
    for id in PLACES
]


@pytest.mark.parametrize("kind, place, who", WHERE)
def test_what_is_there_where_one_may_not_look_changes_no_answer(gated: Gated, kind: str, place: Path, who: str) -> None:
    """THREATS S-11: not the answer, nor the row of the request: dave is denied something, which holds for what is in doubt."""
    line = LINES[kind].replace("PLACE", str(place))
    absent, *others = answers(gated, who, line, "x-gone", *THERE)
    assert absent[0] == "1" and "jitd: denied: " in absent[1]
    for name, there in zip(THERE, others, strict=True):
        assert there == absent, name


@pytest.mark.parametrize("who", ["carol", "dave"])
def test_whether_a_home_is_there_changes_no_answer(gated: Gated, who: str) -> None:
    """THREATS S-11: a login begins in it; where it cannot be entered, it is in doubt where."""
    said = {}
    for name in ("x-directory", "x-file", "x-gone"):
        subprocess.run(["useradd", "-M", "-d", ROOTS / name, "lodger"], check=True, capture_output=True)
        try:
            (said[name],) = answers(gated, who, "sudo -i -u lodger true # NAME", name)
        finally:
            subprocess.run(["userdel", "lodger"], check=True, capture_output=True)
    assert "jitd: denied: " in said["x-gone"][1] and said["x-directory"] == said["x-file"] == said["x-gone"]


DOUBT = "; what would run is not known for certain: "


@pytest.mark.parametrize("who, rules", [("carol", "no rule permits this"), ("dave", "rule no-shells denies it")])
@pytest.mark.parametrize(
    "line, because",
    [
        ("sudo /proc/self/cwd/usr/bin/id", "the path may lead to another file"),
        ("mkdir -p /tmp/$(id -un)/x && cd /tmp/$(id -un)/x && sudo ./y", "the path may lead to another file"),
        ("sudo -l id", "sudo is to list, not to run a command"),
        ("sudoedit /etc/hosts", "jitsudo -e FILE has the change itself approved"),
        ("PATH=/usr/bin:/tmp doas nothing-of-that-name", "depends on the caller's PATH"),
    ],
)
def test_who_is_refused_for_a_doubt_reads_which(gated: Gated, line: str, because: str, who: str, rules: str) -> None:
    """Else an administrator looks for a rule that is there."""
    told = gated.run(who, "sh", "-c", line).stderr
    assert f"jitd: denied: {rules}{DOUBT}" in told and because in told, told


def test_what_a_rule_lets_run_is_run_where_the_person_may_not_look(gated: Gated) -> None:
    """And so is what is certain, which is told without a word of doubt."""
    for line in ("sudo /root/secret/tool", "doas /root/secret/tool", "sudo id -u", "doas /bin/id -u"):
        done = gated.run("carol", "sh", "-c", line)
        assert (done.returncode, done.stderr) == (0, ""), done.stderr
    assert DOUBT not in gated.run("carol", "sudo", "/usr/bin/whoami").stderr


@pytest.mark.parametrize("line", ["sudo /home/bob/secret/x-link/id -u", "sudo -D /root/secret ./tool"])
def test_who_may_run_anything_is_asked_about_as_before(gated: Gated, line: str) -> None:
    """What is in doubt matches a rule for any command, wherever it is."""
    known = {request.id for request in gated.kept("requests", ended=True)}
    gated.run("alice", "sh", "-c", line)
    (made,) = [each for each in gated.kept("requests", ended=True) if each.id not in known]
    assert made.command.doubt and made.state != "denied", made
