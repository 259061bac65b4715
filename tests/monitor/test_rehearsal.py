# SPDX-License-Identifier: Apache-2.0
"""What the launcher and a waiting monitor do before a job comes, so that no run waits for it (docs/start.md): all of it has an
effect on their own memory alone, and nothing is left to be imported by a process of a run.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from jitd.core.run import Ending, Outcome
from jitd.executor import direct
from jitd.executor.direct import Direct, places
from tests.marks import direct as without_systemd
from tests.monitor.stage import Stage

TOLD = f"""
import os, sys
def told(event, args, launcher=os.getpid()):
    if event == "import" and os.getpid() != launcher:
        file = os.open(TOLD, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
        os.write(file, (args[0] + "\\n").encode())
        os.close(file)
sys.addaudithook(told)
{direct.LAUNCHER}
"""
ON_A_MOUNT = """
import os, shutil, subprocess, sys
from dataclasses import replace
ours, *paths = sys.argv[1:]
sys.path += paths
from jitd.files import mounts
from jitd.monitor import rehearsal
from jitd.monitor.slate import close_all_but
def mount(place):
    os.mkdir(place)
    subprocess.run(["mount", "-t", "tmpfs", "ours", place], check=True)
mount(ours + "/before")
rehearsal.JOB = replace(rehearsal.JOB, path=shutil.copy("/bin/true", ours + "/before").encode())
before = os.listdir("/proc/self/fd")
rehearsal.rehearse_look()
print("nothing left open", os.listdir("/proc/self/fd") == before, "mounts read", mounts.read.cache_info().currsize, flush=True)
mount(ours + "/after")
if not os.fork():
    close_all_but(0, 1, 2)
    others = [os.open("/dev/null", os.O_RDONLY) for _ in range(20)]
    print(mounts.kind_of(mounts.number_of(os.open(ours + "/after", os.O_PATH))), flush=True)
    os._exit(0)
os.wait()
"""


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Stage]:
    """One whose launcher notes in the file ``imported`` what the processes that it forks import."""
    (tmp_path / "imported").touch()
    (tmp_path / "imported").chmod(0o666)
    for directory in (tmp_path, *tmp_path.parents[:2]):
        directory.chmod(0o711)
    monkeypatch.setattr(direct, "LAUNCHER", f"TOLD = {str(tmp_path / 'imported')!r}{TOLD}")
    made = Stage(Direct)
    yield made
    made.close()


@without_systemd
@pytest.mark.parametrize("user", ["root", "alice"])
@pytest.mark.parametrize("record", ["none", "all"])
@pytest.mark.parametrize("kind", ["pipe", "terminal"])
def test_no_process_of_a_run_imports_anything(stage: Stage, tmp_path: Path, kind: str, record: str, user: str) -> None:
    """Its client would wait for it, and an upgrade may have replaced the file."""
    ids: dict[str, Any] = {"uid": 4001, "gid": 4001, "groups": (4001,)} if user == "alice" else {}
    reading, writing = os.pipe()
    for _ in range(2):  # also by a monitor that was forked after a run
        streams = ("null", kind, kind)
        job = stage.job("/usr/bin/echo", "x", user=user, record=record, streams=streams, **ids)
        client, outcome = stage.play(job, streams, [stage.null()] + [writing, writing] * (kind == "pipe"))
        assert outcome == Outcome(Ending.EXITED, 0)
        assert (client.output if kind == "terminal" else os.read(reading, 9)).strip() == b"x"
    assert (tmp_path / "imported").read_text() == ""
    os.close(reading)
    os.close(writing)


def test_what_is_rehearsed_leaves_nothing_open_and_a_process_that_is_forked_then_sees_the_mounts_of_its_own_time(
    tmp_path: Path,
) -> None:
    line = ["unshare", "-m", sys.executable, "-IS", "-c", ON_A_MOUNT, str(tmp_path), *places()]
    assert os.getuid() == 0, "needs root: run the tests in the lab"
    said = subprocess.run(line, stdout=subprocess.PIPE, text=True, check=True).stdout
    assert said == "nothing left open True mounts read 1\ntmpfs\n"
