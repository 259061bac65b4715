# SPDX-License-Identifier: Apache-2.0
"""The kernel refuses a packet between the processes of a run. Law: the run has an end, its client learns it, nothing is left."""

from __future__ import annotations

import os

import pytest

from jitd.core.run import Ending
from jitd.executor import Ready
from tests.marks import full
from tests.monitor.hiders import marked, shell
from tests.monitor.stage import Stage
from tests.system.failing import erring
from tests.system.killing import descendants

FIRST = 10
"""Each of this many first packets of each process is refused once: no process of a run sends more."""
TEXT = b"written\n"


def play(stage: Stage, nth: int, record: str) -> None:
    """A run whose output is a pipe. In each of its processes, the packet with this number is refused."""
    stage.is_launcher_as_new = False
    reading, writing = os.pipe()
    job = shell(stage, "echo written", record=record)
    traced = [stage.launcher, *descendants(stage.launcher)]
    with erring(traced, (), "ENOMEM", "sendto,sendmsg", str(nth)), open(reading, "rb") as output:
        client = stage.get_ready(job, ("null", "pipe", "null"), [stage.null(), writing, stage.null()])
        os.close(writing)
        if stage.reported(Ready, job.run):
            stage.order(stage.executor.go, job.run)
        outcome = stage.outcome(job)
        stage.wait(lambda: client.end or client.is_at_end)
        if outcome.ending is Ending.EXITED:
            assert (outcome.number, output.read()) == (0, TEXT), "a run that says that it succeeded has passed on everything"
        else:
            assert outcome.because, "why it did not succeed"
    assert marked(stage) == []
    stage.forget(job)


@pytest.mark.parametrize(
    ("nth", "record"),
    [
        pytest.param(
            nth,
            record,
            marks=[]
            if record == "all" or nth <= 3
            else full(
                "every day, the kernel refuses each packet in a run that is recorded, and the first three in one that is not"
            ),
        )
        for nth in range(1, FIRST + 1)
        for record in ("none", "all")
    ],
)
def test_a_packet_that_the_kernel_refuses_leaves_no_run_without_an_end(stage: Stage, nth: int, record: str) -> None:
    """THREATS X-13."""
    play(stage, nth, record)


@pytest.mark.parametrize("nth", range(1, 7))
@pytest.mark.parametrize("record", ["none", "all"])
def test_a_process_that_the_kernel_does_not_start_is_a_sentence_for_the_client(stage: Stage, nth: int, record: str) -> None:
    stage.is_launcher_as_new = False
    job = shell(stage, "true", record=record)
    traced = [stage.launcher, *descendants(stage.launcher)]
    with erring(traced, (), "EAGAIN", "clone,clone3,fork,vfork", f"{nth}+"):
        client = stage.get_ready(job)
        if stage.reported(Ready, job.run):
            stage.order(stage.executor.go, job.run)
        outcome = stage.outcome(job)
        end = stage.wait(lambda: client.end)
    if outcome.ending is not Ending.EXITED:
        assert (outcome.ending, end["outcome"]) == (Ending.NOT_STARTED, "not started")
        assert "Resource temporarily unavailable" in end["because"] and "Error" not in end["because"], end
    assert marked(stage) == []
    stage.forget(job)
