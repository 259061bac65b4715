# SPDX-License-Identifier: Apache-2.0
"""What jitsudo loads, and when: nothing that it has no use for, and nothing any more once it waits."""

import resource
import shutil
import subprocess
import sys

from jitpam.wire.messages import DaemonHello
from tests.client.acting import ID, TREE, surroundings
from tests.waiting import PATIENCE

SLOW = {
    "argparse", "collections", "contextlib", "ctypes", "dataclasses", "enum", "functools", "getopt", "hashlib", "inspect", "json",
    "logging", "pathlib", "re", "signal", "site", "socket", "subprocess", "tempfile", "threading", "typing",
}  # fmt: skip
"""Each is a millisecond or several (docs/start.md)."""
LATER = {
    "os", "jitpam.asking", "jitpam.claims", "jitpam.failing", "jitpam.guardian", "jitpam.holding", "jitpam.krb5_caches",
    "jitpam.own_command", "jitpam.relay", "jitpam.saying", "jitpam.signals", "jitpam.submission", "jitpam.terminal",
    "jitpam.ticket", "jitpam.wire.shown",
}  # fmt: skip
"""What no proof of who asks is made with: it is loaded while jitd does something (docs/start.md)."""


OF_A_RUN = {
    "client": {
        "", "amounts", "asking", "claims", "client", "disclosure", "failing", "guardian", "initiator", "jitsudo", "krb5", "news",
        "options", "relay", "saying", "secret_words", "signals", "streams", "submission", "terminal", "wire", "wire.characters",
        "wire.codes", "wire.coding", "wire.conversation", "wire.faults", "wire.framing", "wire.message", "wire.messages",
        "wire.notation", "wire.shown",
    },
    "standard library": {
        "__future__", "_collections_abc", "_ctypes", "_json", "_socket", "_stat", "_struct", "binascii", "errno", "fcntl", "gc",
        "genericpath", "os", "os.path", "posixpath", "select", "stat", "struct", "termios",
    },
}  # fmt: skip
"""All that is loaded for a command that begins at once, such as one under a lease. Each module is 0.1 ms or several: a new one is
a part of every start, so it is imported where it is needed, or it has its place here (docs/start.md).
"""


def python(code):
    return [sys.executable, "-IS", "-c", code]


def test_nothing_slow_is_loaded_and_what_no_proof_needs_not_before_there_is_one():
    code = f"import sys; sys.path.append({str(TREE)!r}); import jitpam.jitsudo; print(*sys.modules)"
    loaded = set(subprocess.run(python(code), capture_output=True, text=True, check=True).stdout.split())
    assert "jitpam.client" in loaded
    assert loaded & (SLOW | LATER) == set()


def test_what_only_a_fault_or_an_answer_needs_is_not_loaded_before_there_is_a_submission():
    code = f"import sys; sys.path.append({str(TREE)!r}); import jitpam.jitsudo, jitpam.asking; print(*sys.modules)"
    loaded = set(subprocess.run(python(code), capture_output=True, text=True, check=True).stdout.split())
    assert "jitpam.submission" in loaded
    assert loaded & {"os", "jitpam.failing", "jitpam.relay", "jitpam.wire.codes", "jitpam.wire.shown"} == set()


def test_a_command_that_begins_at_once_loads_these_modules_and_no_others(daemon):
    def script(peer):
        peer.welcome()
        monitor = peer.start()
        monitor.streams()
        monitor.end()

    daemon.play(script)
    code = f"""
import posix, sys; sys.path.append({str(TREE)!r})
there, end = {{*sys.modules}}, posix._exit
posix._exit = lambda status: (print(*{{*sys.modules}} - there, file=sys.stderr, flush=True), end(status))
from jitpam.jitsudo import main; main()
"""
    done = subprocess.run(
        [*python(code), "true"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        env=surroundings(daemon.path),
        check=True,
    )
    daemon.finish()
    ours = {name for name in done.stderr.split() if name.startswith("jitpam")}
    assert {name.partition(".")[2] for name in ours} == OF_A_RUN["client"]
    assert {*done.stderr.split()} - ours == OF_A_RUN["standard library"]


def test_no_module_is_sought_that_this_python_does_not_have():
    """Python looks through every directory for it, in 0.2 ms."""
    code = f"""
import sys; sys.path.append({str(TREE)!r})
sought = []
sys.addaudithook(lambda event, args: event == "import" and sought.append(args[0]))
import jitpam.jitsudo, jitpam.disclosure, jitpam.asking, jitpam.relay, jitpam.failing
from jitpam.initiator import channel_of
assert len(channel_of(b"ours", b"theirs")) == 32
print("jitpam.krb5" in sought, [name for name in sought if name not in sys.modules])
"""
    done = subprocess.run(python(code), capture_output=True, text=True, check=True)
    assert done.stdout == "True []\n"


def test_the_garbage_collector_does_not_run_while_it_starts():
    code = f"""
import sys; sys.path.append({str(TREE)!r})
import gc; gc.collect(); before = gc.get_stats()
import jitpam.jitsudo, jitpam.asking, jitpam.relay
print(gc.get_stats() == before, gc.isenabled())
"""
    done = subprocess.run(python(code), capture_output=True, text=True, check=True)
    assert done.stdout == "True True\n"


def test_where_what_tells_a_fault_cannot_be_loaded_the_status_is_still_none_of_a_commands(daemon):
    def script(peer):
        assert peer.hear().authentication == "root"
        peer.say(DaemonHello(version=1, nonce=bytes(32)))
        assert peer.hear() is None

    daemon.play(script)
    code = f"import sys; sys.path.insert(0, {str(TREE)!r}); from jitpam.jitsudo import main; main()"
    done = subprocess.run(
        [*python(code), "true"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=PATIENCE,
        env=surroundings(daemon.path),
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (4, 4)),
    )
    assert (done.returncode, done.stdout) == (125, b"")
    assert done.stderr == b"jitsudo: internal error: Too many open files; jitsudo did not run the command\n"


def test_who_waits_comes_back_to_a_restarted_jitd_although_another_version_was_installed(daemon, tmp_path):
    installed = tmp_path / "lib"
    shutil.copytree(TREE / "jitpam", installed / "jitpam")

    def before(peer):
        peer.welcome()
        peer.progress(f"request {ID}: true (as root on db1)")
        assert process.stderr.readline() == f"jitsudo: request {ID}: true (as root on db1)\n".encode()
        shutil.rmtree(installed)

    def after(peer):
        assert peer.welcome().id == ID
        monitor = peer.start()
        monitor.streams()
        monitor.end(status=7)

    code = f"import sys; sys.path.insert(0, {str(installed)!r}); from jitpam.jitsudo import main; main()"
    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    with subprocess.Popen([*python(code), "true"], env=surroundings(daemon.path), **pipes) as process:
        try:
            daemon.play(before, after)
            daemon.finish()
            assert process.wait(PATIENCE) == 7
            assert process.stderr.read() == b"jitsudo: jitd went away; waiting for it to come back\n"
        finally:
            process.kill()


def test_another_version_that_is_installed_while_it_waits_is_not_loaded_into_this_one(daemon, tmp_path):
    installed = tmp_path / "lib"
    shutil.copytree(TREE / "jitpam", installed / "jitpam")

    def script(peer):
        peer.welcome()
        peer.progress(f"request {ID}: true (as root on db1)")
        assert process.stderr.readline() == f"jitsudo: request {ID}: true (as root on db1)\n".encode()
        shutil.rmtree(installed)
        monitor = peer.start()
        assert monitor.streams()[0]["streams"] == ["pipe", "pipe", "pipe"]
        monitor.end(status=7)

    code = f"import sys; sys.path.insert(0, {str(installed)!r}); from jitpam.jitsudo import main; main()"
    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    with subprocess.Popen([*python(code), "true"], env=surroundings(daemon.path), **pipes) as process:
        daemon.play(script)
        daemon.finish()
        assert (process.wait(PATIENCE), process.stdout.read()) == (7, b""), process.stderr.read()
