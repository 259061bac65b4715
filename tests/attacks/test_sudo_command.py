# SPDX-License-Identifier: Apache-2.0
"""What sudo's approval plugin says, spoken by hand: who may say it, and what of it counts (PROTOCOL.md section 9).

Law: after each refusal nothing was granted. What sudo and the host say differently is in doubt.
"""

from __future__ import annotations

import os
from typing import Any

import pytest

from jitpam.wire import messages
from tests.attacks.raw import connected, uid_of
from tests.attacks.test_points import Point, n_things
from tests.system.conftest import House, house_with

POLICY = """
[[permit]]
name = "free"
who = ["group:dba"]
services = ["sudo", "sudo-i"]
run_as = ["*"]
commands = [["/usr/bin/id", "**"], ["/usr/bin/bash", "-c", "id"]]
run = { options = "allow" }
grant = { lasts = "1h", uses = 100 }

[[permit]]
name = "owed"
who = ["group:dba"]
services = ["sudo"]
commands = [["/usr/bin/true"]]
approvals = [{ need = 1, from = ["group:ops"] }]
"""
USUAL = [
    "HOME=/root",
    "USER=root",
    "LOGNAME=root",
    "SHELL=/bin/bash",
    "MAIL=/var/mail/root",
    "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
]
OF_SUDO = ["SUDO_USER=alice", "SUDO_UID=4001", "SUDO_GID=4001", "SUDO_COMMAND=/usr/bin/id", "SUDO_TTY=/dev/pts/9"]


house = house_with(POLICY)


def says(*argv: str, **changes: Any) -> messages.EnforceCommand:
    """What the plugin says of ``argv`` for alice."""
    here = os.stat("/")
    plain: dict[str, Any] = {
        "service": "sudo", "uid": uid_of("alice"), "tty": b"/dev/pts/9", "login_session": 7,
        "path": f"/usr/bin/{argv[0]}".encode(),
        "argv": [word.encode() for word in argv], "environment": [*USUAL, *OF_SUDO], "options": [], "run_as": "root",
        "run_as_uid": 0, "run_as_gid": 0, "cwd": b"/", "cwd_device": here.st_dev, "cwd_inode": here.st_ino, "chdir": None,
        "chroot": None, "reason": None, "waits": True, "if_owed": True, **changes,
    }  # fmt: skip
    plain["environment"] = [one.encode() for one in plain["environment"]]
    return messages.EnforceCommand(**plain)


def answered(house: House, said: messages.EnforceCommand) -> messages.Message | None:
    """What comes of it, with a proof of alice."""
    point = Point(house, said)
    try:
        return point.prove("alice") if isinstance(point.challenge, messages.Challenge) else point.challenge
    finally:
        point.raw.close()


def granted(house: House, said: messages.EnforceCommand) -> dict[str, Any]:
    answer = answered(house, said)
    assert isinstance(answer, messages.Granted), answer
    return house.show(answer.id)


def test_only_root_says_it_and_only_of_sudo(house: House) -> None:
    before = n_things(house)
    with connected(house, "alice") as raw:
        assert raw.refusal(says("id"))[0] == "forbidden"
    for service in ("su", "jitsudo", "sshd"):
        answer = answered(house, says("id", service=service))
        assert isinstance(answer, messages.Refused) and answer.code == "usage", answer
    assert n_things(house) == before


def test_what_sudo_always_sets_is_no_variable_of_the_request(house: House) -> None:
    """THREATS P-20."""
    row = granted(house, says("id", "-u"))
    assert (row["variables"], row["locale"], row["argv"], row["path"]) == ([], [], ["id", "-u"], "/usr/bin/id")
    others = ["PATH=/tmp", "HOME=/home/alice", "SUDO_TTY=/dev/pts/8", "SHELL=/bin/sh", "BASH_ENV=/tmp/x", "LANG=C", "LANGUAGE=;"]
    row = granted(house, says("id", environment=others))
    assert row["variables"] == [one.split("=", 1) for one in others if one != "LANG=C"] and row["locale"] == [["LANG", "C"]]
    looks = ["LS_COLORS=di=01;34:*.tar=01;31", "TERM=xterm-256color", "COLORTERM=truecolor"]
    acts = ["LS_COLORS=lc=echo", "DISPLAY=:0", "XAUTHORITY=/home/alice/.Xauthority", "COLORS=/tmp/x", "PS1=$(id)"]
    row = granted(house, says("id", environment=[*looks, *acts[1:]]))
    assert {f"{name}={value}" for name, value in row["locale"]} == {*looks}
    assert {f"{name}={value}" for name, value in row["variables"]} == {*acts[1:]}
    assert granted(house, says("id", environment=acts[:1]))["variables"] == [["LS_COLORS", "lc=echo"]]
    row = granted(house, says("id", reason="because", environment=["JITSUDO_REASON=because"]))
    assert (row["variables"], row["reason"]) == ([], "because")


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"path": b"id"}, "contains no slash"),
        ({"environment": ["FOO"]}, "a variable is a name"),
        ({"environment": ["=x"]}, "a variable is a name"),
        ({"environment": ["A=1", "A=2"]}, "a variable is given twice"),
        ({"environment": ["JITSUDO_REASON=other"]}, "is set by jitd itself"),
        ({"environment": ["SUDO_USER=bob"]}, "is set by jitd itself"),  # sudo takes it from its command line
        ({"environment": ["SUDO_UID=4002"]}, "is set by jitd itself"),
        ({"environment": ["SUDO_GID=42"]}, "is set by jitd itself"),
        ({"environment": ["F=() { :; }"]}, "has a value that no variable may have"),
        ({"argv": []}, "there is no command"),
        ({"path": b"/usr/bin/id\0x"}, ""),
        ({"chroot": b"/"}, "below another root directory"),
        ({"run_as_uid": 1}, "take different accounts"),
        ({"run_as": "nobody-here", "run_as_uid": 77}, "there is no such user here"),
        ({"chdir": b"/usr/../bin"}, "contains .."),
        ({"cwd": b""}, "has no path any more"),
        ({"path": b"./usr/bin/id", "cwd": b"/srv"}, "may lead to another file"),
        ({"path": b"/proc/self/exe"}, "may lead to another file"),
    ],
)
def test_what_sudo_says_otherwise_than_the_host_is_in_doubt_or_refused(
    house: House, changes: dict[str, Any], sentence: str
) -> None:
    """THREATS P-20."""
    answer = answered(house, says("id", **changes))
    assert isinstance(answer, messages.Refused) and sentence in answer.text, answer


def test_a_relative_path_begins_where_sudo_stands(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir("/")
    assert granted(house, says("id", path=b"./usr/bin/id"))["path"] == "/usr/bin/id"


def test_the_word_that_sudo_adds_for_bash_is_left_out_of_a_login_alone(house: House) -> None:
    words = {"path": b"/bin/bash", "argv": [b"-bash", b"--login", b"-c", b"id"]}
    row = granted(house, says("id", **words, service="sudo-i", chdir=b"/root"))
    assert (row["argv"], row["cwd"], row["chdir"]) == (["-bash", "-c", "id"], "/root", True)
    answer = answered(house, says("id", **words))
    assert isinstance(answer, messages.Refused) and "no rule permits this" in answer.text
    words["path"] = b"/usr/bin/id"  # a command that a login shell started under that name
    assert granted(house, says("id", **words, service="sudo-i"))["argv"] == ["-bash", "--login", "-c", "id"]


def test_a_command_that_may_not_owe_anything_is_refused_at_once(house: House) -> None:
    before = n_things(house)
    answer = answered(house, says("true", if_owed=False))
    assert isinstance(answer, messages.Refused) and (answer.code, n_things(house)) == ("owed", before), answer
    assert granted(house, says("id", if_owed=False))["state"] == "approved"
    assert isinstance(answered(house, says("true")), messages.Progress)


def test_a_command_of_megabytes_is_one_question(house: House) -> None:
    assert granted(house, says("id", *["x" * 100_000] * 4))["state"] == "approved"
