# SPDX-License-Identifier: Apache-2.0
"""A login as a request: a real sshd behind the stack that we ship, real ssh, every method of authentication, and what there is
of a session that was refused, was let in, and is ended again (THREATS P-04, P-06; docs/pam.md has the table).

Law: whoever is not let in has nothing; whoever is let in is listed, and whatever they did is over when the verb that ends it
returns."""

from __future__ import annotations

import contextlib
import os
import pwd
import re
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.givers.postgres import free_port
from tests.marks import full
from tests.news import without_news
from tests.pam.programs import leaves_a_mark, module
from tests.pam.sshd_stage import OPS, SHIPPED, Sshd, is_there, rule, stacked
from tests.system.conftest import HOST, House, house_with
from tests.waiting import PATIENCE, wait_for

pytestmark = pytest.mark.skipif(os.uname().nodename != "lab.example.test", reason="the lab's people and programs")
GRANT = 'grant = { lasts = "1h", uses = 5 }'
POLICY = (
    rule("owed", "alice", OPS, GRANT)
    + rule("at-once", "bob")
    + rule("password-is-enough", "carol", 'ticket = "optional"')
    + rule("password-and-approval", "dave", 'ticket = "optional"', OPS, GRANT)
)
NO_TICKET = "jitd: denied: no rule permits this without a Kerberos ticket"
NO_RULE = "jitd: denied: no rule permits this"
OWED = re.compile(
    r"jitd: request ([0-9A-Z]{4}-[0-9A-Z]{4}): sshd \(as (\w+) on lab\); .*; try again when it is approved(?: \(.*\))?\n"
)
METHODS = ("gssapi", "gssapi without delegation", "key", "password", "keyboard", "gssapi+keyboard")


house = house_with(POLICY)


@pytest.fixture(scope="module")
def restack(house: House) -> Iterator[Callable[[str], None]]:
    with stacked(house) as made:
        yield made


@pytest.fixture(scope="module")
def sshd(house: House, restack: object) -> Iterator[Sshd]:
    made = Sshd(house)
    yield made
    made.close()


@pytest.fixture(scope="module")
def both(house: House, restack: object) -> Iterator[Sshd]:
    """One that wants a ticket, and then a password."""
    made = Sshd(house, {"AuthenticationMethods": "gssapi-with-mic,keyboard-interactive"})
    yield made
    made.close()


@pytest.fixture
def nothing_goes_on(house: House) -> Iterator[None]:
    yield
    for asked in house.rows("requests"):
        house.deny(asked["id"], who="carol")
    for permit in house.rows("grants"):
        house.jitd("revoke", permit["id"])


leaves = pytest.mark.usefixtures("nothing_goes_on")


def come(sshd: Sshd, both: Sshd, who: str, method: str, *words: str) -> subprocess.CompletedProcess[str]:
    if method == "gssapi+keyboard":
        return both.ssh(who, *words, method=method)
    if method == "gssapi without delegation":
        return sshd.ssh(who, *words, delegates=False)
    return sshd.ssh(who, *words, method=method)


def lease(house: House, who: str) -> str:
    """Asked for beforehand, and approved."""
    done = house.sudo(who, "--service", "sshd", "--for", "30m", "--no-wait")
    found = re.search(r"[0-9A-Z]{4}-[0-9A-Z]{4}", done.stdout + done.stderr)
    assert done.returncode == 0 and found is not None, done.stderr
    house.approved(found[0])
    return found[0]


# --- every method -----------------------------------------------------------------------------------------------------


EVERY_DAY = {"carol": METHODS, "bob": ("gssapi", "gssapi without delegation", "key"), "eve": ("gssapi", "key", "keyboard")}
COMERS = [
    pytest.param(who, method, id=f"{who}-{method}")
    if method in EVERY_DAY[who]
    else pytest.param(
        who,
        method,
        id=f"{who}-{method}",
        marks=full("every day, carol uses each method, and bob and eve use one method with and two without a ticket"),
    )
    for who in EVERY_DAY
    for method in METHODS
]


@pytest.mark.parametrize(("who", "method"), COMERS)
def test_each_method_and_whom_it_lets_in(sshd: Sshd, both: Sshd, who: str, method: str) -> None:
    """THREATS P-04: a ticket comes with delegated credentials alone; without one only a rule that wants none permits."""
    done = come(sshd, both, who, method)
    proves = method in ("gssapi", "gssapi+keyboard")
    if who == "carol" or (who == "bob" and proves):
        assert (done.returncode, done.stdout) == (0, f"{who}\n"), done.stderr
    else:
        said = NO_RULE if proves else NO_TICKET
        assert done.returncode == 254 and done.stdout.startswith(said), (done.stdout, done.stderr)
        assert f"\n{who}\n" not in done.stdout


def test_the_credentials_that_ssh_hands_over_are_forwarded_ones(house: House, sshd: Sshd) -> None:
    """THREATS K-20: a rule may refuse them, and then refuses every login by a ticket; they are shown either way."""
    known = {row["id"] for row in house.rows("requests", "--all")}
    assert sshd.ssh("bob").returncode == 0
    (row,) = (row for row in house.rows("requests", "--all") if row["id"] not in known)
    assert row["requester"].startswith("bob@") and "forwarded" in row["authentication"]["flags"]
    house.set_policy(POLICY.replace('name = "at-once"\n', 'name = "at-once"\nforwarded = "refuse"\n'))
    try:
        assert house.jitd("reload").returncode == 0
        done = sshd.ssh("bob")
        assert done.returncode == 254 and "rule at-once refuses tickets that were forwarded from another host" in done.stdout
        assert "\nbob\n" not in done.stdout
    finally:
        house.set_policy(POLICY)
        assert house.jitd("reload").returncode == 0
    assert sshd.ssh("bob").returncode == 0


def test_a_ticket_that_lies_about_on_the_host_is_no_proof_of_who_comes_with_a_key(sshd: Sshd) -> None:
    """THREATS K-12: the key may be stolen; the ticket was left there by whom it belongs to."""
    done = sshd.ssh("bob", method="key", lies_about=True)
    assert done.returncode == 254 and done.stdout.startswith(NO_TICKET)


@leaves
def test_a_login_that_is_owed_is_left_behind_denied_and_let_in_once_when_it_is_approved(house: House, sshd: Sshd) -> None:
    """THREATS P-06."""
    first = sshd.ssh("alice")
    told = OWED.fullmatch(first.stdout)
    assert first.returncode == 254 and told is not None, first.stdout
    again = sshd.ssh("alice")
    assert again.returncode == 254 and f"request {told[1]} still waits for its approval" in again.stdout
    shown = house.show(told[1])
    assert shown["requester"] == "alice@EXAMPLE.TEST"
    assert (shown["point"]["stage"], shown["point"]["remote_host"]) == ("session", "127.0.0.1")
    assert shown["point"]["authenticated"].startswith("gssapi-with-mic alice@EXAMPLE.TEST")
    house.approved(told[1])
    assert sshd.ssh("alice").stdout == "alice\n"
    anew = OWED.fullmatch(sshd.ssh("alice").stdout)
    assert anew is not None and anew[1] != told[1]


@leaves
def test_a_login_that_is_denied_by_its_reviewer_is_asked_for_anew(house: House, sshd: Sshd) -> None:
    told = OWED.fullmatch(sshd.ssh("alice").stdout)
    assert told is not None and house.deny(told[1]).returncode == 0
    anew = OWED.fullmatch(sshd.ssh("alice").stdout)
    assert anew is not None and anew[1] != told[1]


@leaves
def test_who_has_asked_beforehand_comes_in_as_often_as_was_granted(house: House, sshd: Sshd) -> None:
    lease(house, "alice")
    assert [sshd.ssh("alice").returncode for _ in range(6)] == [0] * 5 + [254]


@leaves
def test_who_comes_with_a_key_has_what_the_same_account_asked_for_with_a_ticket(house: House, sshd: Sshd) -> None:
    """Where the rule says that a ticket is not needed, and only there."""
    lease(house, "dave")
    assert sshd.ssh("dave", method="key").stdout == "dave\n"
    assert sshd.ssh("dave", method="password").stdout == "dave\n"
    lease(house, "alice")
    assert sshd.ssh("alice", method="key").stdout.startswith(NO_TICKET)
    assert sshd.ssh("alice", method="gssapi").stdout == "alice\n"


@leaves
def test_who_comes_with_a_key_can_be_approved(house: House, sshd: Sshd) -> None:
    told = OWED.fullmatch(sshd.ssh("dave", method="key").stdout)
    assert told is not None and house.show(told[1])["requester"] == "local:dave"
    house.approved(told[1])
    assert sshd.ssh("dave", method="key").stdout == "dave\n"


GATE = re.compile(r"^session (?=\[success=[12] default=ignore\]|requisite pam_deny)", re.MULTILINE)


@leaves
def test_what_was_left_without_a_ticket_does_not_keep_the_person_from_asking_with_one(sshd: Sshd) -> None:
    """Else a stolen key does, for as long as a request waits."""
    left = OWED.fullmatch(sshd.ssh("dave", method="key").stdout)
    asked = OWED.fullmatch(sshd.ssh("dave", method="gssapi").stdout)
    assert left is not None and asked is not None and left[1] != asked[1]


@leaves
def test_of_four_that_come_at_once_one_takes_the_one_use(house: House, sshd: Sshd) -> None:
    told = OWED.fullmatch(sshd.ssh("alice").stdout)
    assert told is not None and house.approve(told[1]).returncode == 0
    line = sshd.line("alice", "id", "-un")
    coming = [subprocess.Popen(line, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
              for _ in range(4)]  # fmt: skip
    said = [without_news(one.communicate(timeout=PATIENCE)[0]) for one in coming]
    assert sorted(each == "alice\n" for each in said) == [False, False, False, True]


def test_anothers_ticket_that_sshd_takes_for_an_account_is_not_taken_by_the_gate(sshd: Sshd) -> None:
    """~/.k5login lets eve into bob's account; what bob may do is not hers."""
    k5login = Path("/home/bob/.k5login")
    k5login.write_text("eve@EXAMPLE.TEST\nbob@EXAMPLE.TEST\n")
    os.chown(k5login, pwd.getpwnam("bob").pw_uid, -1)
    try:
        done = sshd.ssh("eve", account="bob")
        assert done.returncode == 254 and "this ticket does not belong to your account" in done.stdout, done
        assert sshd.ssh("bob").stdout == "bob\n"
    finally:
        k5login.unlink()


def gate_in(stage: str) -> str:
    gate, rest = SHIPPED.read_text().split("# Below this line", 1)
    return f"{GATE.sub(f'{stage} ', gate).replace('pam_jit.so', 'pam_jit.so wait=60')}#{rest}"


@leaves
def test_a_gate_in_account_knows_sshds_word_and_no_ticket(house: House, both: Sshd, restack: Callable[[str], None]) -> None:
    """Of two methods the second one's stages hear of the first one; the credentials are there in `session` alone. The wait is not
    shown: sshd sends what it is told with the next prompt, and there is none."""
    restack(gate_in("account"))
    try:
        assert both.ssh("bob", method="gssapi+keyboard").returncode == 255, "no ticket is seen there"
        assert both.ssh("carol", method="gssapi+keyboard").stdout == "carol\n"
        asked = [row for row in house.records() if row["event"] == "request.submitted"][-1]
        point = house.show(asked["id"])["point"]
        assert point["stage"] == "account" and point["authenticated"].startswith("gssapi-with-mic carol@EXAMPLE.TEST")
        waiting = both.started("dave", "id", "-un", method="gssapi+keyboard")
        (row,) = wait_for(lambda: house.rows("requests"))
        house.approved(row["id"])
        assert without_news(waiting.communicate(timeout=PATIENCE)[0]) == "dave\n"
    finally:
        restack("")


def test_a_gate_in_auth_lets_nobody_in(both: Sshd, restack: Callable[[str], None]) -> None:
    """sshd authenticates in a child; the process that sets the credentials knows nothing of the jump, and pam_deny answers."""
    restack(gate_in("auth"))
    try:
        assert both.ssh("carol", method="gssapi+keyboard").returncode == 255
    finally:
        restack("")


# --- nothing works under a session that was refused -------------------------------------------------------------------


@pytest.mark.parametrize("method", ["password", "keyboard", "key"])
def test_who_has_not_shown_yet_who_they_are_never_reaches_the_gate(house: House, sshd: Sshd, method: str) -> None:
    """THREATS P-13: it can tell nobody by text or time which accounts there are, since it is not asked about them."""
    mark = house.root / "asked"
    with module(leaves_a_mark(mark)):
        coming = []
        for account in ("nosuch", "carol"):
            line = [word.replace("ANSWER=carol", "ANSWER=x") for word in sshd.line("bob", method=method, account=account)]
            line = [word.replace(f"/{account}.key", "/bob.key") for word in line]
            coming.append(subprocess.Popen(line, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, cwd="/"))
        for one in coming:
            said = one.communicate(timeout=PATIENCE)[1]
            assert "Permission denied" in said and not mark.exists(), said
        assert sshd.ssh("bob", "true", method=method).returncode == 254 and mark.exists()
    mark.unlink()


def test_a_refused_connection_that_stays_can_do_nothing(sshd: Sshd, tmp_path: Path) -> None:
    """``ssh -N`` is not closed by sshd. Neither forwarding there, nor back, nor a second session in it comes to be."""
    tmp_path.chmod(0o711)
    for above in tmp_path.parents[:2]:
        above.chmod(0o711)
    with socket.create_server(("127.0.0.1", 0)) as goal:
        goal.setblocking(False)
        there, back = free_port(), free_port()
        control = f"/tmp/control-{os.getpid()}"
        hold = sshd.started(
            "eve", method="gssapi", more=("-N", "-M", "-S", control, "-L", f"{there}:127.0.0.1:{goal.getsockname()[1]}",
                                          "-R", f"{back}:127.0.0.1:{goal.getsockname()[1]}"),
        )  # fmt: skip
        try:
            wait_for(lambda: os.path.exists(control), what="the connection")
            wait_for(lambda: connects(there), what="the client's end of it")
            with socket.create_connection(("127.0.0.1", there), PATIENCE) as forwarded, contextlib.suppress(ConnectionResetError):
                assert forwarded.recv(1) == b"", "the other end does not open it"
            with pytest.raises(BlockingIOError):
                goal.accept()
            assert not connects(back)
            second = subprocess.run(["as", "eve", "ssh", "-F", "/dev/null", "-S", control, HOST, "id"], capture_output=True,
                                    text=True, timeout=PATIENCE, check=False)  # fmt: skip
            assert second.returncode != 0 and "uid=" not in second.stdout
            assert hold.poll() is None, "it stays"
        finally:
            hold.kill()
            hold.communicate()
            Path(control).unlink(missing_ok=True)


def connects(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.mark.parametrize("options", [(), ("-tt",), ("-A",), ("-W", "127.0.1.1:22"), ("-f",), ("-X",)], ids=" ".join)
def test_a_refused_login_runs_nothing(sshd: Sshd, options: tuple[str, ...]) -> None:
    rc = Path("/home/eve/.ssh/rc")
    rc.parent.mkdir(exist_ok=True)
    rc.write_text("touch /tmp/ran-rc\n")
    words = () if options and options[0] in ("-W",) else ("echo ra''n; sleep 4714",)
    try:
        done = sshd.ssh("eve", *words, more=options) if words else stream_through(sshd, options)
    finally:
        rc.unlink()
    assert done.returncode in ((0, 254, 255) if "-f" in options else (254, 255)), done
    assert "ran" not in done.stdout and "SSH-2.0" not in done.stdout and not is_there("4714")
    assert not Path("/tmp/ran-rc").exists()


def stream_through(sshd: Sshd, options: tuple[str, ...]) -> subprocess.CompletedProcess[str]:
    line = sshd.line("eve", more=(options[0], f"127.0.1.1:{sshd.port}"))
    return subprocess.run(line, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=PATIENCE)


def test_a_refused_login_has_no_files(sshd: Sshd) -> None:
    """A command of sftp's that needs no other end is never come to."""
    took = [sshd.ssh(who, program="sftp", more=("-b", str(sshd.directory / "batch"))) for who in ("eve", "bob")]
    assert took[0].returncode != 0 and "/" not in took[0].stdout.replace("jitd", ""), took[0]
    assert took[1].returncode == 0 and "/home/bob" in took[1].stdout, took[1]


# --- what the person can change ---------------------------------------------------------------------------------------


@leaves
def test_a_file_at_home_and_variables_of_the_client_change_nothing(house: House, sshd: Sshd) -> None:
    """pam_env reads the one, sshd takes the other ones; the gate has looked before both."""
    stolen = Path("/tmp/krb5cc_stolen")
    house.run("bob", "cp", "/tmp/krb5cc_4002", str(stolen))
    stolen.chmod(0o644)
    forged = {"KRB5CCNAME": f"FILE:{stolen}", "SSH_AUTH_INFO_0": "gssapi-with-mic bob@EXAMPLE.TEST", "JITD_SOCKET": "/tmp/x"}
    home = Path("/home/alice/.pam_environment")
    home.write_text("".join(f"{name}={value}\n" for name, value in forged.items()))
    try:
        sent = tuple(f"-oSetEnv={' '.join(f'{name}={value!r}' for name, value in forged.items())}" for _ in "x")
        done = sshd.ssh("alice", method="key", more=sent)
        assert done.returncode == 254 and done.stdout.startswith(NO_TICKET), done.stdout
        told = OWED.fullmatch(sshd.ssh("alice", method="gssapi", more=sent).stdout)
        assert told is not None
        shown = house.show(told[1])
        assert shown["requester"] == "alice@EXAMPLE.TEST"
        assert shown["point"]["authenticated"].startswith("gssapi-with-mic alice@EXAMPLE.TEST")
    finally:
        home.unlink()
        stolen.unlink()


@pytest.mark.parametrize("method", ["key", "password"])
def test_root_is_left_alone_also_while_there_is_no_jitd(house: House, sshd: Sshd, method: str) -> None:
    """THREATS P-10."""
    before = len(house.records())
    assert sshd.ssh("root", method=method).stdout == "root\n"
    assert len(house.records()) == before
    house.kill()
    assert sshd.ssh("root", method=method).stdout == "root\n"
    done = sshd.ssh("bob")
    assert done.returncode == 254 and done.stdout.startswith("jitd: jitd cannot be reached"), done.stdout
    assert sshd.ssh("carol", method="key").returncode == 254
    house.start()


@pytest.mark.parametrize("line", ["account pam_rootok.so", "session pam_succeed_if.so quiet use_uid uid = 0"])
def test_what_takes_sshd_for_root_lets_everybody_in_and_is_not_in_what_we_ship(
    sshd: Sshd, restack: Callable[[str], None], line: str
) -> None:
    """sshd is root for everybody. (In `session` pam_rootok answers nothing at all: there it exempts nobody, root neither.)"""
    stage, exempt = line.split(" ", 1)
    text = SHIPPED.read_text()
    assert exempt not in re.sub("^#.*", "", text, flags=re.MULTILINE)
    assert sshd.ssh("eve").returncode == 254
    gate, rest = text.split("# Below this line", 1)
    gate = GATE.sub(f"{stage} ", gate)
    restack(f"{gate}#{rest}")
    try:
        assert sshd.ssh("eve").returncode in (254, 255)
        restack(f"{gate.replace('pam_succeed_if.so quiet uid = 0', exempt)}#{rest}")
        assert sshd.ssh("eve").stdout == "eve\n"
    finally:
        restack("")


def test_all_of_it_leaves_no_process_of_sshds(sshd: Sshd, both: Sshd) -> None:
    wait_for(lambda: sshd.sessions() == both.sessions() == [])
