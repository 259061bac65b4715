# SPDX-License-Identifier: Apache-2.0
"""Where a login session began, as the kernel and logind say it: by real logins, and by processes that are in none."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator

import pytest

from tests.booted.conftest import Service, logind_notes_audit_sessions
from tests.pam.sshd_stage import Clients, rule, stacked
from tests.waiting import PATIENCE, wait_for

NOT_KNOWN = "it denies sessions from some places, and jitd does not know where your session began: "


def permit(name: str, *command: str, **conditions: str) -> str:
    more = "\n".join(f"{key} = {value}" for key, value in conditions.items())
    return f'[[permit]]\nname = "{name}"\nwho = ["user:eve"]\ncommands = [{list(command)}]\n{more}\n'


POLICY = "".join((
    permit("net", "/usr/bin/id", "-u", origin='["127.0.0.0/8"]'),
    permit("at-console", "/usr/bin/id", "-g", origin='["console", "10.0.0.0/8"]'),
    permit("here", "/usr/bin/true"),
    permit("asks", "/usr/bin/id", "-G", origin='["remote"]', approvals='[{ need = 1, from = ["group:ops"] }]'),
    permit("unit", "/usr/bin/id", "-un", when="""'fact.unit == "deploy.service"'"""),
    '[[deny]]\nname = "away"\nwho = ["user:eve"]\ncommands = [["/usr/bin/true"]]\norigin = ["remote"]\n',
))  # fmt: skip


@pytest.fixture(scope="module")
def ssh(service: Service) -> Iterator[Clients]:
    service.set_policy(POLICY, "60-began.toml")
    assert service.jitd("reload").returncode == 0
    made = Clients()
    yield made
    made.close()
    (service.root / "policy.d/60-began.toml").unlink()
    service.jitd("reload")


def test_a_session_by_ssh_began_at_the_clients_address(service: Service, ssh: Clients) -> None:
    done = ssh.ssh("eve", "jitsudo id -u")
    assert (done.returncode, done.stdout) == (0, "0\n"), done.stderr
    for command, because in (("id -g", "no rule permits this"), ("true", "rule away denies it")):
        refused = ssh.ssh("eve", f"jitsudo {command}")
        assert refused.returncode == 121 and because in refused.stderr
    assert service.rows("runs") == []


def test_a_process_in_no_session_is_permitted_nothing_by_an_origin_and_denied_by_every_one(
    service: Service, ssh: Clients
) -> None:
    for command, because in (
        (("id", "-u"), "no rule permits this"),
        (("true",), f"{NOT_KNOWN}the process that asked is in no login session"),
    ):
        refused = service.run("eve", "jitsudo", *command)
        assert refused.returncode == 121 and because in str(refused.stderr)


def test_a_service_of_the_persons_own_manager_is_in_no_session_that_logind_knows(service: Service, ssh: Clients) -> None:
    """The user manager has an audit session of its own, which nobody has begun from anywhere."""
    asked = "systemd-run --user --quiet --pipe --wait -E KRB5CCNAME jitsudo true"
    refused = ssh.ssh("eve", asked)
    assert NOT_KNOWN in refused.stderr and "logind does not know the login session" in refused.stderr


def test_a_scope_of_the_persons_own_manager_stays_of_the_session(service: Service, ssh: Clients) -> None:
    """By the audit session, where logind notes it. Where not, the control group is that of no session."""
    done = ssh.ssh("eve", "systemd-run --user --quiet --scope jitsudo id -u")
    if logind_notes_audit_sessions():
        assert (done.returncode, done.stdout) == (0, "0\n"), done.stderr
    else:
        assert (done.returncode, done.stdout) == (121, "") and "no rule permits this" in done.stderr, done.stderr
        denied = ssh.ssh("eve", "systemd-run --user --quiet --scope jitsudo true")
        assert denied.returncode == 121 and NOT_KNOWN in denied.stderr, denied.stderr


def test_a_request_is_decided_with_the_origin_that_it_was_asked_from_and_continued_only_from_there(
    service: Service, ssh: Clients
) -> None:
    asked = ssh.ssh("eve", "jitsudo --no-wait id -G")
    assert asked.returncode == 0, asked.stderr
    id = asked.stdout.strip()
    assert service.jitd("approve", id, "--yes", who="bob").returncode == 0, "the session has ended by now"
    refused = service.run("eve", "jitsudo", f"--resume={id}")
    assert refused.returncode == 121
    assert f"request {id} was asked for from a login session that began at 127.0.0.1" in str(refused.stderr)
    assert service.rows("runs") == []
    done = ssh.ssh("eve", f"jitsudo --resume={id}")
    assert (done.returncode, done.stdout) == (0, "0\n"), done.stderr


def test_a_unit_is_one_of_the_hosts_own_manager(service: Service, ssh: Clients) -> None:
    assert service.run("eve", "true").returncode == 0  # eve has a ticket
    asked = ["--quiet", "--pipe", "--wait", "env", f"JITD_SOCKET={service.socket}", "jitsudo", "id", "-un"]
    answers = {}
    for unit in ("deploy", "another"):
        line = ["systemd-run", "--uid=eve", f"--unit={unit}.service", *asked]
        answers[unit] = subprocess.run(line, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert (answers["deploy"].returncode, answers["deploy"].stdout) == (0, "root\n"), answers["deploy"].stderr
    assert answers["another"].returncode == 121
    own = "systemd-run --user --quiet --pipe --wait --unit=deploy.service -E KRB5CCNAME jitsudo id -un"
    assert ssh.ssh("eve", own).returncode == 121, "the person's own manager may call a unit what it likes"


def test_a_login_comes_from_where_sshd_says(service: Service, ssh: Clients) -> None:
    logins = rule("from-here", "bob", 'origin = ["127.0.0.1"]') + rule("from-afar", "carol", 'origin = ["10.0.0.0/8"]')
    service.set_policy(logins, "70-logins.toml")
    assert service.jitd("reload").returncode == 0
    with stacked(service):
        assert ssh.ssh("bob").stdout == "bob\n"
        refused = ssh.ssh("carol")
        closest = "the closest rule is from-afar (from 10.0.0.0/8)"
        assert (refused.returncode, refused.stdout) == (254, f"jitd: denied: no rule permits this; {closest}\n")
    wait_for(lambda: service.rows("runs") == [])
    (service.root / "policy.d/70-logins.toml").unlink()
    service.jitd("reload")
