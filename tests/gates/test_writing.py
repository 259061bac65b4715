# SPDX-License-Identifier: Apache-2.0
"""jitd-kdc against a real kadmind: what it writes, whom it hears, and what happens when something is killed meanwhile."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from jitd.beside import packets
from jitd.beside.asking import Client
from jitd.beside.connecting import SocketConnector
from jitd.beside.packets import Kind, Packet
from jitd.beside.processes import KDC
from jitd_gates.entry import KEPT
from jitd_gates.kadmin import Connection, KadminError
from jitd_gates.messages import MAX_PACKET, REQUESTS, Done, Failed, Give, Grants, Look, Refused, Take
from jitd_gates.questions import KINDS
from jitd_gates.strings import Grant
from jitd_gates.worker import Worker
from jitd_gates.writer import Writer
from tests.beside.children import of_account
from tests.beside.parrot import answering
from tests.gates.stage import HOST, NAME, WRITER, Stage, answer_on, end, ids, is_done, new_id, send, staged
from tests.marks import full
from tests.waiting import PATIENCE, is_living, unread, wait_for


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    with staged() as found:
        yield found


@pytest.fixture(autouse=True)
def all_runs(stage: Stage) -> Iterator[None]:
    """Each test finds all processes running."""
    for server in ("krb5kdc", "kadmind"):
        if server not in stage.realm._pids:
            stage.realm.start_one(server)
    if stage.process is None:
        stage.start()
    yield


# --- what it writes --------------------------------------------------------------------------------------------------------


def test_a_grant_opens_the_gate_and_taking_it_closes_it(stage: Stage, tmp_path: Path) -> None:
    service, cache = stage.gated(), tmp_path / "cc"
    stage.realm.login("alice", cache)
    assert "policy" in stage.ticket(service, cache)
    give = stage.give(service)
    assert stage.do(give) == Done()
    assert stage.grants(service) == {f"jit_grant:{give.id}": f"1 {give.end} alice@{NAME}"}
    assert stage.do(Look(service)) == Grants("required", (HOST,), (Grant(give.id, give.end, give.client),))
    assert stage.ticket(service, cache) == ""
    assert stage.do(Take(give.id, service)) == Done()
    assert stage.grants(service) == {}
    stage.realm.login("alice", cache)
    assert "policy" in stage.ticket(service, cache)


def test_all_may_be_done_twice(stage: Stage) -> None:
    service = stage.gated()
    give = stage.give(service)
    assert [stage.do(give) for _ in range(2)] == [Done(), Done()]
    assert len(stage.grants(service)) == 1
    assert [stage.do(Take(give.id, service)) for _ in range(2)] == [Done(), Done()]
    assert stage.do(Take(give.id, f"nothing/here.example.test@{NAME}")) == Done()
    assert stage.grants(service) == {}


def test_grants_that_ended_a_day_ago_go_when_somebody_looks(stage: Stage) -> None:
    service = stage.gated()
    stage.realm.grant(service, f"bob@{NAME}", -1, id="000000ED")
    stage.realm.grant(service, f"bob@{NAME}", -1 - KEPT, id="000000EE")
    assert len(stage.grants(service)) == 2
    assert ids(stage.do(Look(service))) == set()
    (left,) = stage.grants(service)
    assert "000000ED" in left


@pytest.mark.parametrize("granted_by", ["other.example.test", "none", f"x{HOST}"])
def test_a_service_that_does_not_name_this_host_is_not_granted(stage: Stage, granted_by: str) -> None:
    service = stage.gated(granted_by)
    before = stage.strings(service)
    said = stage.do(stage.give(service))
    assert isinstance(said, Refused) and "kadmind does not let" in said.why
    assert stage.strings(service) == before


def test_what_is_not_gated_or_not_there_or_never_granted_is_refused(stage: Stage) -> None:
    plain = f"plain/{HOST}@{NAME}"
    stage.realm.add_service(plain)
    for service, because in (
        (plain, "is not gated"),
        (f"nothing/{HOST}@{NAME}", "has no service"),
        (f"krbtgt/{NAME}@{NAME}", "never granted"),
        (f"jitd-canary/{HOST}@{NAME}", "never granted"),
        (f"alice@{NAME}", "kadmind does not let"),
        (f"postgres/{HOST}@ELSEWHERE.TEST", "kadmind does not let"),
    ):
        said = stage.do(Give(new_id(), service, end(), f"alice@{NAME}"))
        assert isinstance(said, Refused) and because in said.why, said
    assert stage.strings(plain) == {}


def test_an_end_more_than_a_day_ahead_is_refused(stage: Stage) -> None:
    service = stage.gated()
    said = stage.do(Give(new_id(), service, end(86_500), f"alice@{NAME}"))
    assert isinstance(said, Refused) and "24 hours" in said.why
    assert stage.grants(service) == {}


def fill(stage: Stage, service: str, number: int, client: str) -> list[str]:
    """Write grants by the writer's own key, without jitd-kdc in between: that reads the entry each time. Return their ids."""
    connection = Connection(WRITER, str(stage.keytab))
    written = [new_id() for _ in range(number)]
    try:
        for grant_id in written:
            connection.set_string(service, f"jit_grant:{grant_id}", f"1 {end()} {client}")
    finally:
        connection.close()
    return written


def test_a_thousand_grants_are_the_most(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KRB5_CONFIG", stage.realm.environment["KRB5_CONFIG"])
    service = stage.gated()
    written = fill(stage, service, 999, f"bob@{NAME}")
    last, more = stage.give(service), stage.give(service)
    assert stage.do(last) == Done()
    said = stage.do(more)
    assert isinstance(said, Refused) and "has 1000 grants" in said.why
    assert ids(stage.do(Look(service))) == {*written, last.id}
    assert stage.do(Take(written[0], service)) == Done()
    assert stage.do(more) == Done()


def test_an_entry_that_is_full_refuses_and_keeps_what_it_has(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KRB5_CONFIG", stage.realm.environment["KRB5_CONFIG"])
    service, client = stage.gated(), f"{'x' * 900}@{NAME}"
    fill(stage, service, 65, client)
    answers = [stage.do(stage.give(service, client)) for _ in range(10)]
    n_done = sum(map(is_done, answers))
    assert 0 < n_done < 10
    refused = answers[n_done]
    assert isinstance(refused, Refused) and "no room for another grant" in refused.why
    assert len(stage.grants(service)) == 65 + n_done


async def _given_and_taken(stage: Stage, gives: list[Give]) -> None:
    for give in gives:
        assert await stage.asked(give) == Done()
    for give in gives:
        assert await stage.asked(Take(give.id, give.service)) == Done()


@pytest.mark.parametrize(
    "number", [400, pytest.param(10_000, marks=full("10,000 grants take a minute; every day, this test makes 400 grants"))]
)
def test_of_many_grants_on_several_services_none_is_left(stage: Stage, number: int) -> None:
    services = [stage.gated() for _ in range(4)]
    for begin in range(0, number, 100):
        gives = [stage.give(services[index % 4], f"u{index}@{NAME}") for index in range(begin, begin + 100)]
        stage.loop.run_until_complete(_given_and_taken(stage, gives))
    assert [stage.grants(service) for service in services] == [{}] * 4


# --- whom it hears, and who is believed ------------------------------------------------------------------------------------


def test_what_cannot_be_read_is_not_done_and_the_connection_goes_on(stage: Stage) -> None:
    with stage.connected() as ours:
        for body in (b"x", b"{}", b'{"do":"rm"}', b'{"do":"look","service":"a@B","more":1}', b"\xff" * 100, b"[" * 60_000):
            send(ours, body)
            said = answer_on(ours)
            assert isinstance(said, str) and "cannot read the question" in said
        send(ours, b'{"do":"look","service":"' + b"a" * MAX_PACKET + b'@B"}')
        said = answer_on(ours)
        assert isinstance(said, str) and "more than" in said
        send(ours, Look(stage.gated()))
        assert isinstance(answer_on(ours), Grants)


def test_only_root_is_heard(stage: Stage) -> None:
    line = "import socket,sys; s=socket.socket(socket.AF_UNIX,socket.SOCK_SEQPACKET); s.connect(sys.argv[1]);"
    line += "s.send(bytes.fromhex(sys.argv[2])); print(s.recv(65536))"
    service = stage.gated()
    question = packets.write(Packet(1, Kind.QUESTION, REQUESTS.write(stage.give(service)))).hex()
    words = ["/usr/bin/python3", "-IS", "-c", line, str(stage.socket), question]

    def tried(uid: int) -> tuple[str, str]:
        as_them = ["setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups", *words]
        done = subprocess.run(as_them, capture_output=True, text=True, check=False)
        return done.stdout, done.stderr

    assert "PermissionError" in tried(4001)[1], "the directory lets nobody through"
    stage.run_dir.chmod(0o755)
    try:
        for uid in (4001, stage.uid):
            said, fault = tried(uid)
            assert "done" not in said and (said == "b''\n" or "Error" in fault), (said, fault)
    finally:
        stage.run_dir.chmod(0o700)
    assert stage.grants(service) == {}
    assert "a client with uid 4001 was refused" in stage.log.read_text()


@pytest.mark.parametrize(
    ("account", "body", "because"),
    [
        ("jitd-kdc", b'{"said":"done"}', "came from uid 0, not from the account jitd-kdc"),
        ("0", b'{"said":"maybe"}', "cannot be read"),
        ("0", b'{"said":"done","more":1}', "cannot be read"),
        ("0", b'{"said":"grants","approval":"","granted_by":[],"grants":[]}', "another question"),
        ("0", b" " * (MAX_PACKET + 1), "has more than"),
    ],
)
def test_an_answer_of_somebody_else_or_of_another_form_is_not_believed(
    tmp_path: Path, account: str, body: bytes, because: str
) -> None:
    async def answer(asked: bytes) -> bytes:
        return body

    async def ask() -> object:
        writer = Client(of_account(account, SocketConnector(KDC, tmp_path / "s")))
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
            listener.bind(str(tmp_path / "s"))
            listener.listen()
            serving = asyncio.create_task(answering(answer).listen(listener))
            try:
                return await writer.ask(KINDS[Give], Give("K7QM2XVD", "a/b@R", 1, "c@R"))
            finally:
                writer.close()
                serving.cancel()
                await asyncio.wait([serving])

    said = asyncio.run(ask())
    assert isinstance(said, Failed) and because in said.why, said


def test_where_nobody_is_the_answer_is_a_failure_that_says_what_to_do(tmp_path: Path) -> None:
    said = asyncio.run(Writer(tmp_path / "none").take(Take("K7QM2XVD", "a/b@R")))
    assert isinstance(said, Failed) and "systemctl enable --now jitd-helper@kdc.socket" in said.why


def test_what_cannot_be_asked_is_refused_without_asking(tmp_path: Path) -> None:
    said = asyncio.run(Writer(tmp_path / "none").give(Give("no id", "a/b@R", 1, "c@R")))
    assert isinstance(said, Refused)


def test_silence_is_a_failure_and_a_late_answer_is_not_taken_for_another(stage: Stage) -> None:
    """THREATS T-27."""
    service = stage.gated()
    give = stage.give(service)
    hasty = Writer(stage.socket, patience=0.2)
    with stage.frozen("kadmind"):
        said = stage.loop.run_until_complete(hasty.give(give))
        assert isinstance(said, Failed) and "within 0.2 s" in said.why
    patient = Writer(stage.socket)
    assert isinstance(stage.loop.run_until_complete(patient.look(Look(service))), Grants)
    assert stage.loop.run_until_complete(patient.take(Take(give.id, service))) == Done()
    assert stage.grants(service) == {}
    stage.leave(hasty)
    stage.leave(patient)


def test_a_request_of_a_client_that_has_gone_is_not_done(stage: Stage) -> None:
    """THREATS T-27."""
    service = stage.gated()
    first, second = stage.give(service), stage.give(service)
    assert isinstance(stage.do(Look(service)), Grants)
    with stage.connected() as waits:
        with stage.frozen("kadmind"):
            send(waits, first)
            wait_for(lambda: unread(waits) == 0, what="its request is taken")
            with stage.connected() as goes:
                send(goes, second)
        assert answer_on(waits) == Done()
    with stage.connected() as later:  # it is heard after the one that has gone would have been
        for _ in range(3):
            send(later, Look(service))
            said = answer_on(later)
    assert isinstance(said, Grants) and [grant.id for grant in said.grants] == [first.id]


# --- killed in the middle of it --------------------------------------------------------------------------------------------


def test_after_its_own_end_it_fails_and_then_works_again(stage: Stage) -> None:
    service = stage.gated()
    before = stage.give(service)
    assert stage.do(before) == Done()
    stage.stop()
    after = stage.give(service)
    assert isinstance(stage.do(after), Failed)
    assert stage.grants(service).keys() == {f"jit_grant:{before.id}"}
    stage.start()
    assert stage.do(after) == Done()
    assert ids(stage.do(Look(service))) == {before.id, after.id}


def test_a_jitd_kdc_that_was_started_again_between_two_requests_is_not_noticed(stage: Stage) -> None:
    service = stage.gated()
    assert isinstance(stage.do(Look(service)), Grants)
    stage.stop()
    stage.start()
    assert stage.do(stage.give(service)) == Done()


def test_killed_in_the_middle_of_a_give_it_leaves_nothing_that_taking_does_not_take(stage: Stage) -> None:
    service = stage.gated()
    give = stage.give(service)
    assert isinstance(stage.do(Look(service)), Grants)
    with stage.frozen("kadmind"):
        asking = stage.loop.create_task(stage.asked(give))
        stage.reach_kadmind()
        stage.stop()
        assert isinstance(stage.loop.run_until_complete(asking), Failed)
    stage.start()
    assert stage.do(Take(give.id, service)) == Done()
    assert stage.grants(service) == {}


def test_a_worker_that_was_killed_is_made_again(stage: Stage) -> None:
    service = stage.gated()
    assert isinstance(stage.do(Look(service)), Grants)
    (worker,) = stage.workers()
    os.kill(worker, signal.SIGKILL)
    wait_for(lambda: not is_living(worker))
    assert stage.do(stage.give(service)) == Done()
    assert stage.workers() != [worker]


def test_a_worker_that_is_killed_in_the_middle_of_it_is_a_failure(stage: Stage) -> None:
    service = stage.gated()
    give = stage.give(service)
    assert isinstance(stage.do(Look(service)), Grants)
    with stage.frozen("kadmind"):
        asking = stage.loop.create_task(stage.asked(give))
        stage.reach_kadmind()
        (worker,) = stage.workers()
        os.kill(worker, signal.SIGKILL)
        said = stage.loop.run_until_complete(asking)
        assert isinstance(said, Failed) and "has ended in the middle" in said.why
    assert stage.do(give) == Done()


def test_without_kadmind_it_fails_changes_nothing_and_works_again(stage: Stage) -> None:
    service = stage.gated()
    kept, later = stage.give(service), stage.give(service)
    assert stage.do(kept) == Done()
    stage.kill("kadmind")
    for request in (later, Take(kept.id, service), Look(service)):
        said = stage.do(request)
        assert isinstance(said, Failed) and "kadmind cannot be asked" in said.why
    assert stage.grants(service).keys() == {f"jit_grant:{kept.id}"}
    stage.realm.start_one("kadmind")
    assert stage.do(later) == Done()
    assert stage.do(Take(kept.id, service)) == Done()
    assert ids(stage.do(Look(service))) == {later.id}


@pytest.mark.parametrize("kind", ["give", "take", "look"])
def test_a_kadmind_that_is_killed_in_the_middle_of_it_is_a_failure(stage: Stage, kind: str) -> None:
    service = stage.gated()
    give = stage.give(service)
    requests = {"give": give, "take": Take(give.id, service), "look": Look(service)}
    if kind == "take":
        assert stage.do(give) == Done()
    assert isinstance(stage.do(Look(service)), Grants)
    with stage.frozen("kadmind"):
        asking = stage.loop.create_task(stage.asked(requests[kind]))
        stage.reach_kadmind()
        stage.kill("kadmind")
        assert isinstance(stage.loop.run_until_complete(asking), Failed)
    assert len(stage.grants(service)) == (1 if kind == "take" else 0)
    stage.realm.start_one("kadmind")
    assert not isinstance(stage.do(requests[kind]), Failed | Refused)
    assert len(stage.grants(service)) == (1 if kind == "give" else 0)


def test_a_kadmind_that_was_started_again_between_two_requests_is_not_noticed(stage: Stage) -> None:
    service = stage.gated()
    assert isinstance(stage.do(Look(service)), Grants)
    stage.kill("kadmind")
    stage.realm.start_one("kadmind")
    assert stage.do(stage.give(service)) == Done()


def test_without_a_kdc_the_open_connection_serves_and_a_new_one_fails(stage: Stage) -> None:
    service = stage.gated()
    assert isinstance(stage.do(Look(service)), Grants)
    stage.kill("krb5kdc")
    assert stage.do(stage.give(service)) == Done()
    (worker,) = stage.workers()
    os.kill(worker, signal.SIGKILL)
    wait_for(lambda: not is_living(worker))
    said = stage.do(stage.give(service))
    assert isinstance(said, Failed) and "Cannot contact any KDC" in said.why
    stage.realm.start_one("krb5kdc")
    assert stage.do(stage.give(service)) == Done()
    assert len(stage.grants(service)) == 2


def _worker(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> Worker:
    """One in this process's care, with less patience."""
    monkeypatch.setenv("KRB5_CONFIG", stage.realm.environment["KRB5_CONFIG"])
    return Worker(WRITER, HOST, str(stage.keytab), patience=0.3)


@pytest.mark.parametrize("server", ["kadmind", "krb5kdc"])
def test_a_worker_that_hangs_is_killed_and_the_next_one_serves(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, server: str
) -> None:
    service = stage.gated()
    worker = _worker(stage, monkeypatch)
    with stage.frozen(server):
        said = stage.loop.run_until_complete(worker.do(stage.give(service)))
        assert isinstance(said, Failed) and "has not answered within 0.3 s" in said.why
        assert worker.pid == 0
    worker._patience = PATIENCE
    assert isinstance(stage.loop.run_until_complete(worker.do(Look(service))), Grants)
    stage.loop.run_until_complete(worker.end())


def test_a_kadmind_without_the_plugin_refuses_the_writer(tmp_path: Path) -> None:
    with staged(Path("/nonexistent/jitd_kdc.so"), "127.0.77.2") as bare:
        service = bare.gated()
        said = bare.do(bare.give(service))
        assert isinstance(said, Refused) and "kadmind does not let jitd-kdc" in said.why
        assert bare.grants(service) == {}


# --- the library -------------------------------------------------------------------------------------------------------------


def test_the_key_of_jitd_itself_may_write_nothing(stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KRB5_CONFIG", stage.realm.environment["KRB5_CONFIG"])
    service, keytab = stage.gated(), tmp_path / "jitd.keytab"
    stage.realm.local(f"addprinc -randkey jitd/{HOST}", f"ktadd -k {keytab} jitd/{HOST}")
    connection = Connection(f"jitd/{HOST}@{NAME}", str(keytab))
    before = stage.strings(service)
    with pytest.raises(KadminError):
        connection.set_string(service, "jit_grant:K7QM2XVD", f"1 {end()} alice@{NAME}")
    with pytest.raises(KadminError):
        connection.strings(service)
    connection.close()
    assert stage.strings(service) == before


def test_the_log_has_a_line_for_each_writing_and_no_control_character(stage: Stage) -> None:
    service = stage.gated()
    give = stage.give(service, f"al\u00efce@{NAME}")
    stage.do(give)
    stage.do(Take(give.id, service))
    text = stage.log.read_text()
    assert f"jitd-kdc: give {give.id} {service} to al?ce@{NAME} until {give.end}: done\n" in text
    assert f"jitd-kdc: take {give.id} {service}: done\n" in text
    assert json.dumps(text).replace("\\n", "").replace('\\"', "").count("\\") == 0
