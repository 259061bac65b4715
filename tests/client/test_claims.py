# SPDX-License-Identifier: Apache-2.0
"""What the asking side says of itself."""

import os
import re
import socket
import subprocess

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from jitd.core.environment import fault_in_locale
from jitpam import claims, streams
from jitpam.wire.messages import Refused
from jitpam.wire.shown import shown
from tests.client.acting import command_line, surroundings

COMES = [
    (b"TERM", b"xterm-256color"), (b"COLORTERM", b"truecolor"), (b"LANG", b"de_DE.UTF-8@euro"), (b"LC_ALL", b"C"),
    (b"LC_TIME", b""), (b"LANG", b"x" * 64), (b"TZ", b""), (b"TZ", b"Europe/Berlin"), (b"TZ", b":Europe/Berlin"),
    (b"TZ", b"UTC+3"),
    (b"TZ", b"MET-1METDST,M3.5.0,M10.5.0/3"), (b"TZ", b"/usr/share/zoneinfo/UTC"), (b"TZ", b":/usr/share/zoneinfo/Asia/Tokyo"),
]  # fmt: skip
STAYS = [
    (b"TERM", b"../x"), (b"TERM", b"a/b"), (b"LANG", b"x" * 65), (b"LANG", b"a b"), (b"LANG", b"\x1b[m"), (b"LC_ALL", b"\xff"),
    (b"LC_", b"C"), (b"LC_all", b"C"), (b"LC_ALL2", b"C"), (b"LANGUAGE", b"de"), (b"PATH", b"/bin"), (b"LD_PRELOAD", b"x"),
    (b"TZ", b"/etc/passwd"), (b"TZ", b"../../etc/passwd"), (b"TZ", b":/etc/x"), (b"TZ", b"/usr/share/zoneinfo/../x"),
    (b"TZ", b"a b"), (b"TZ", b"Europe/..hidden"), (b"TZ", b":"), (b"TZ", b"\x01"), (b"TZ", b"x" * 65),
    (b"BASH_FUNC_x%%", b"() { :; }"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "value"), COMES)
def test_this_comes_along_and_the_daemon_lets_it(name, value):
    assert claims.locale({name: value}) == [[name, value]]
    assert fault_in_locale(((name, value),)) is None


@pytest.mark.parametrize(("name", "value"), STAYS)
def test_this_stays_behind(name, value):
    assert claims.locale({name: value}) == []


@pytest.mark.parametrize("name", [b"TERM", b"LANG", b"LC_ALL", b"TZ"])
def test_nothing_comes_along_that_the_daemon_would_refuse_the_whole_request_for(name):
    for first in range(256):
        for value in (bytes([first]), bytes([first]) + b"x", b"x" + bytes([first]), b":" + bytes([first]) + b"x"):
            for pair in claims.locale({name: value}):
                assert fault_in_locale((tuple(pair),)) is None, pair


def test_the_working_directory_is_named_with_its_device_and_inode(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    found = os.stat(tmp_path)
    assert claims.directory(None) == (os.fsencode(tmp_path), found.st_dev, found.st_ino)


@pytest.mark.parametrize("typed", [b"sub", b"./sub", b"sub/", b"sub/../sub", b"."])
def test_another_directory_is_taken_from_where_we_are(tmp_path, monkeypatch, typed):
    (tmp_path / "sub").mkdir()
    monkeypatch.chdir(tmp_path)
    path, device, inode = claims.directory(typed)
    assert path.startswith(os.fsencode(tmp_path))
    assert os.path.samestat(os.stat(path), os.stat(typed))
    assert (device, inode) == (os.stat(typed).st_dev, os.stat(typed).st_ino)


def test_a_directory_that_is_none_is_refused_by_name(tmp_path):
    (tmp_path / "file").write_text("")
    for typed in (b"missing", b"file", b"file/x", b"a\0b", b"\x1b[31m"):
        with pytest.raises(claims.NoDirectory) as caught:
            claims.directory(os.fsencode(tmp_path) + b"/" + typed)
        assert str(caught.value).isprintable()


def test_where_the_working_directory_is_gone_the_root_is_asked_for_and_said_and_another_one_may_be_named(daemon, tmp_path):
    def script(peer):
        daemon.heard.append(peer.welcome())
        peer.say(Refused(code="denied", text="no"))

    def run(*words):
        gone = tmp_path / "gone"
        gone.mkdir()
        return subprocess.run(
            ["/bin/sh", "-c", 'cd "$0" && rmdir "$0" && exec "$@"', str(gone), *command_line(*words)],
            env=surroundings(daemon.path),
            capture_output=True,
            check=False,
        )

    daemon.play(script, script)
    done = run("true")
    assert done.returncode == 121
    assert b"the working directory is gone" in done.stderr
    done = run("-D", "/tmp", "true")
    assert done.returncode == 121
    assert b"working directory" not in done.stderr
    assert [said.cwd for said in daemon.heard] == [b"/", b"/tmp"]


def test_the_kinds_of_the_streams(tmp_path):
    reader, writer = os.pipe()
    ours, theirs = socket.socketpair()
    master, slave = os.openpty()
    file = os.open(tmp_path / "file", os.O_RDWR | os.O_CREAT)
    for descriptor, kind in (
        (reader, "pipe"),
        (writer, "pipe"),
        (ours.fileno(), "socket"),
        (slave, "terminal"),
        (file, "file"),
        (os.open("/dev/null", os.O_RDWR), "null"),
        (os.open("/dev/zero", os.O_RDWR), "device"),
        (99_999, "closed"),
    ):
        assert streams._kind(descriptor) == kind
    theirs.close()
    os.close(master)


def test_the_parents_are_named_and_their_names_are_harmless(tmp_path):
    assert claims.parents()
    assert len(claims.parents()) <= claims.MAX_PARENTS
    script = tmp_path / "a) \x1b[31m(b"
    script.write_text(
        f"#!/usr/bin/python3 -IS\nimport sys; sys.path.insert(0, {os.getcwd()!r})\n"
        "import os\nfrom jitpam import claims\npid = os.fork()\nif pid: os.waitpid(pid, 0)\nelse: print(claims.parents()[0])\n"
    )
    script.chmod(0o755)
    said = subprocess.run([str(script)], capture_output=True, check=True, text=True).stdout
    assert said == "a) \\x1b[31m(b\n"


@given(st.binary(max_size=20) | st.text(max_size=20).map(lambda text: text.encode("utf-8", "surrogatepass")))
@example(b"tmux: server")
@example(b"")
@example(b"a\\x1b")
@example(b"a\x7f")
def test_a_name_is_shown_as_everywhere(name):
    assert claims._shown(name) == shown(name)


def test_the_login_session_is_the_same_for_all_of_it():
    mine = claims.login_session()
    code = f"import sys; sys.path.insert(0, {os.getcwd()!r}); from jitpam import claims; print(claims.login_session())"
    said = subprocess.run(["/usr/bin/python3", "-IS", "-c", code], capture_output=True, check=True, text=True).stdout
    assert int(said) == mine


def test_what_is_claimed_reaches_the_daemon(daemon, on_terminal):
    def script(peer):
        daemon.heard.append(peer.welcome())
        peer.say(Refused(code="denied", text="no"))

    daemon.play(script)
    started = on_terminal("true")
    assert started.end() == 121
    assert re.fullmatch(rb"/dev/pts/\d+", daemon.heard[0].tty)
    assert daemon.heard[0].streams == ["terminal"] * 3
    assert daemon.heard[0].locale == [[b"LANG", b"C.UTF-8"], [b"TERM", b"xterm"]]
    assert daemon.heard[0].parents
