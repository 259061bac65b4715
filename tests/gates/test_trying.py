# SPDX-License-Identifier: Apache-2.0
"""jitd-kdc asks each KDC whether its gates hold, for the daemon, which itself speaks to no KDC's port for that."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from jitd_gates.messages import Grants, Look, Try
from jitd_gates.strings import OFF, ON, SILENT, canary
from jitd_gates.writer import Writer
from tests.gates.stage import ADDRESS, HOST, NAME, Stage, send, staged
from tests.waiting import is_living, wait_for

CANARY = canary(HOST, NAME)


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    with staged() as found:
        assert found.jitd("kdc", "setup", "--yes")[0] == 0
        yield found


def states(stage: Stage, *services: str) -> list[tuple[str, str, str]]:
    seen = stage.loop.run_until_complete(stage.writer.gate_states(services))
    return [(one.kdc, one.service, one.state) for one in seen]


def are_seen(stage: Stage, expected: list[tuple[str, str, str]]) -> None:
    """Those services are in those states, in the end: on a busy host a KDC that runs may be too late for a trial."""
    services = [service for _, service, _ in expected]
    wait_for(lambda: states(stage, *services) == expected, what=f"{expected}")


def children(stage: Stage) -> set[int]:
    return set(stage.workers())


def test_a_gate_that_refuses_is_on_and_one_that_does_not_is_off(stage: Stage) -> None:
    gated, plain = stage.gated(), f"plain2/{HOST}@{NAME}"
    stage.realm.add_service(plain)
    are_seen(stage, [(ADDRESS, CANARY, ON), (ADDRESS, gated, ON), (ADDRESS, plain, OFF)])


def test_more_services_than_one_message_has_room_for_are_all_tried(stage: Stage) -> None:
    services = [CANARY, *(f"nothing{number}/{HOST}@{NAME}" for number in range(9))]
    are_seen(stage, [(ADDRESS, service, ON if service == CANARY else SILENT) for service in services])


def test_a_service_of_another_realm_is_not_asked_for(stage: Stage) -> None:
    foreign = f"postgres/{HOST}@ELSEWHERE.TEST"
    wait_for(lambda: [state for _, _, state in states(stage, foreign, CANARY)] == [ON, SILENT], what="an answer")


def test_a_grant_does_not_wait_for_a_trial(stage: Stage) -> None:
    """The KDC is silent, so the trial takes long. On the same connection a request is answered meanwhile."""
    service = stage.gated()

    async def both() -> tuple[object, bool]:
        assert isinstance(await stage.writer.look(Look(service)), Grants)  # from now on kadmind is connected
        with stage.frozen("krb5kdc"):
            trial = asyncio.create_task(stage.writer.gate_states([CANARY]))
            await asyncio.sleep(0)
            answer = await stage.writer.look(Look(service))
            was_over = trial.done()
        await trial
        return answer, was_over

    for _ in range(3):  # on a busy host the trial, which takes five seconds, may be over before the other answer is here
        answer, was_over = stage.loop.run_until_complete(both())
        if not was_over:
            break
    assert isinstance(answer, Grants) and not was_over


def test_a_kdc_that_hangs_is_silent(stage: Stage) -> None:
    with stage.frozen("krb5kdc"):
        are_seen(stage, [(ADDRESS, CANARY, SILENT)])
    are_seen(stage, [(ADDRESS, CANARY, ON)])


def test_a_daemon_that_goes_away_ends_its_trial(stage: Stage) -> None:
    before = children(stage)
    with stage.frozen("krb5kdc"):
        with stage.connected() as ours:
            send(ours, Try((CANARY,)))
            wait_for(lambda: children(stage) - before, what="the process of the trial")
            begun = children(stage) - before
        wait_for(lambda: not any(map(is_living, begun)), what="its end")
    are_seen(stage, [(ADDRESS, CANARY, ON)])


def test_without_jitd_kdc_nothing_is_known(tmp_path: Path) -> None:
    seen = asyncio.run(Writer(tmp_path / "none").gate_states([CANARY]))
    assert [(one.service, one.state) for one in seen] == [(CANARY, SILENT)]
    assert "cannot be reached" in seen[0].why
