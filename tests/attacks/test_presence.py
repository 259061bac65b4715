# SPDX-License-Identifier: Apache-2.0
"""A program in an approver's session: with his ticket, his terminal, his agent of ssh and the files of his keys, and without his
finger. It tries each way by which this product takes an approval.

Law: where the rule says ``touch``, none of them approves, and the same way does with a finger. Nothing of jitd is replaced:
the authenticator is a library that OpenSSH loads, and it waits for the finger.
"""

from __future__ import annotations

import base64
import os
import pwd
import shutil
import subprocess
import tempfile
import textwrap
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pexpect
import pytest

from jitd.audit import receipt
from jitd.audit.ssh_signatures import armor, to_be_signed
from jitd.audit.sshsig import check_by_any
from jitd.core.request import RequestState
from jitpam.wire.messages import Basis, Done, Refused, Show, SignedReview
from tests import ssh_keys
from tests.attacks.at_door import door_house
from tests.attacks.raw import connected, review
from tests.attacks.test_carried import DOOR, HOST, led_to
from tests.attacks.test_carried import ssh as ssh  # a fixture
from tests.board.test_board import read_on
from tests.client.desk import KEYS, Pane
from tests.on_terminal import OnTerminal
from tests.system.conftest import House
from tests.system.test_board_alive import tell
from tests.waiting import PATIENCE, wait_for

PLACE = Path("/srv/presence")
MINE = PLACE / "bob"
FINGER = PLACE / "finger"
AUTHENTICATOR = PLACE / "authenticator.so"
SIGNERS = PLACE / "allowed_signers"
AGENT = f"SSH_AUTH_SOCK={MINE}/agent"
WITH = (f"SSH_SK_PROVIDER={AUTHENTICATOR}", "SSH_ASKPASS=/bin/true", "SSH_ASKPASS_REQUIRE=force")
RULES = """
[[permit]]
name = "touched"
who = ["user:alice"]
commands = [["/usr/bin/id", "**"]]
approvals = [{ need = 1, from = ["group:ops", "user:bob"], signed = "touch", door = true, ticket_age = "8h" }]

[[permit]]
name = "glass"
who = ["user:alice"]
commands = [["/usr/bin/id", "-u"]]
break_glass = { instead_of = "touched", review = "24h", open = 50 }
"""


class Session:
    """bob's session on the host of ``house``, and his desk, from which ``ssh`` leads there. ``at`` is a directory of root's.
    ``braking`` is another host, where bob is an operator and a touch is demanded of everything.
    """

    def __init__(self, house: House, ssh: str, at: Path) -> None:
        self.house = house
        self.ssh = ssh
        self.via = f"{ssh} -T jitd-door@127.0.0.1"
        self.at = at
        self.braking = House("", f'[approvals]\nkeys = "{SIGNERS}"\nsigned = "touch"\n')
        settings = self.braking.config_file.read_text().replace('["group:security"]', '["group:ops"]')
        self.braking.config_file.write_text(settings)

    def run(self, *words: str, agent: str = AGENT) -> subprocess.CompletedProcess[str]:
        return self.house.run("bob", "env", agent, *WITH, *words)

    def shell(self) -> list[str]:
        line = self.house.line("bob", "env", AGENT, *WITH, "PS1=$ ", "LANG=C.UTF-8", "bash", "--norc", "--noprofile", "-i")
        return [str(word) for word in line]

    @contextmanager
    def terminal(self, *words: str) -> Iterator[pexpect.spawn]:
        """A terminal of the program's own, on which it runs ``words``."""
        first, *rest = map(str, self.house.line("bob", "env", AGENT, "LANG=C.UTF-8", *words))
        screen = OnTerminal(first, rest, cwd="/", timeout=PATIENCE, encoding="utf-8", dimensions=(50, 120))
        try:
            yield screen
        finally:
            screen.close(force=True)

    def ask(self, *words: str) -> str:
        done = self.house.sudo("alice", "--no-wait", "id", *(words or ("-g", "daemon")))
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()


@contextmanager
def touched() -> Iterator[None]:
    """Somebody has their finger on the key."""
    FINGER.touch()
    try:
        yield
    finally:
        FINGER.unlink(missing_ok=True)


@pytest.fixture(scope="module")
def session(ssh: tuple[int, Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    PLACE.mkdir(mode=0o755)
    MINE.mkdir(mode=0o700)
    shutil.chown(MINE, "bob", "bob")
    dummy = PLACE / "dummy.so"
    shutil.copy(ssh_keys.AUTHENTICATOR, dummy)
    source = Path(ssh_keys.__file__).with_name("finger.c")
    names = [f'-DDUMMY="{dummy}"', f'-DFINGER="{FINGER}"']
    subprocess.run(["cc", "-shared", "-fPIC", "-Wall", "-Wextra", "-Werror", *names, "-o", AUTHENTICATOR, source], check=True)
    house = door_house(tmp_path_factory.mktemp("presence"), policy=RULES, limits=f'[approvals]\nkeys = "{SIGNERS}"\n')
    led_to(house)
    port, key = ssh
    quiet = "-o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR"
    made = Session(house, f"ssh -F none -p {port} -i {key} {quiet}", tmp_path_factory.mktemp("screens"))
    home = Path(pwd.getpwnam("bob").pw_dir)
    home.joinpath(".ssh").mkdir(mode=0o700)
    shutil.copy(key.with_suffix(".pub"), home / ".ssh/authorized_keys")
    home.joinpath(".config/jitd").mkdir(parents=True, exist_ok=True)
    home.joinpath(".config/jitd/hosts.toml").write_text(f'[all]\nhosts = ["{HOST}"]\nvia = "{made.via}"\n')
    for path in (".ssh", ".ssh/authorized_keys", ".config", ".config/jitd", ".config/jitd/hosts.toml"):
        shutil.chown(home / path, "bob", "bob")
    line = house.line("bob", "env", *WITH, "ssh-agent", "-D", "-a", f"{MINE}/agent", "-P", f"{PLACE}/*")
    house._clients.append(subprocess.Popen(line, stdout=subprocess.DEVNULL, start_new_session=True))
    wait_for((MINE / "agent").is_socket, what="bob's agent")
    for name, kind in {"key": "ed25519-sk", "file": "ed25519"}.items():
        made_key = made.run("ssh-keygen", "-q", "-t", kind, "-N", "", "-C", "", "-f", f"{MINE}/{name}")
        assert made_key.returncode == 0, made_key.stderr
        added = made.run("ssh-add", "-q", f"{MINE}/{name}")
        assert added.returncode == 0, added.stderr
    files = [MINE / "key", MINE / "file", *(ssh_keys.make(MINE, kind) for kind in ("passkey", "passkey copied"))]
    SIGNERS.write_text("".join(f"bob@EXAMPLE.TEST {file.with_suffix('.pub').read_text()}" for file in files))
    made.braking.start()
    yield made
    for each in (house, made.braking):
        each.verify()
        each.close()
    DOOR.unlink()
    shutil.rmtree(PLACE)
    shutil.rmtree(home / ".ssh")
    home.joinpath(".config/jitd/hosts.toml").unlink()


# --- the ways -----------------------------------------------------------------------------------------------------------
# Each returns what it was told, and is the same with a finger and without.


def by_command(session: Session, id: str) -> str:
    return session.run("jitd", "approve", id, "--yes").stderr


def at_a_desk(session: Session, id: str) -> str:
    return session.run("jitd", "--host", HOST, "--via", session.via, "approve", "--yes", id).stderr


def at_a_desk_of_many_hosts(session: Session, id: str) -> str:
    return session.run("jitd", "approve", "--yes", f"{id}@{HOST}").stderr


def on_a_terminal_of_its_own(session: Session, id: str) -> str:
    with session.terminal("jitd", "approve", id) as screen:
        screen.expect_exact(KEYS)
        return pressed(screen)


def one_after_the_other(session: Session, id: str) -> str:
    with session.terminal("jitd", "approve") as screen:
        screen.expect_exact(id)
        screen.expect_exact(KEYS)
        return pressed(screen)


def in_a_table(session: Session, id: str) -> str:
    other = session.ask("-g", "games")
    with session.terminal("jitd", "approve") as screen:
        screen.expect_exact("approve all 2")
        screen.expect_exact(KEYS)
        said = pressed(screen) + pressed(screen, key="")
    found = session.house.request_of(other)
    assert bool(found.reviews) is FINGER.exists()
    for_both = session.house.sudo("alice", f"--resume={other}") if found.reviews else session.house.deny(other)
    assert for_both.returncode == 0, for_both.stderr
    return said


def on_the_board(session: Session, id: str, *words: str) -> str:
    pane = Pane(Path(tempfile.mkdtemp(dir=session.at)), 80, 24, shell=session.shell())
    try:
        pane.type(" ".join(["jitd", *words, "board"]), "Enter")
        pane.shows(f"> {id}")
        tell(pane, "Enter", "d deny · s skip")
        read_on(pane, "a approve · d deny")
        tell(pane, "a", "is approved" if FINGER.exists() else "did not sign")
        return "\n".join(pane.screen)
    finally:
        pane.close()


def on_the_board_of_a_desk(session: Session, id: str) -> str:
    return on_the_board(session, id, "--hosts", "@all")


PUSH = """\
import fcntl, os, sys, termios, time
terminal = os.open("/dev/tty", os.O_RDWR)
while os.path.exists(sys.argv[1]):
    fcntl.ioctl(terminal, termios.TIOCSTI, b"a")
    time.sleep(1)
"""


def pushed_into_his_terminal(session: Session, id: str) -> str:
    """bob reads the page himself. A job of his shell pushes the key into his terminal (TIOCSTI), where the kernel lets it."""
    script, goes_on = MINE / "push.py", MINE / "goes-on"
    script.write_text(PUSH)
    goes_on.touch()
    with session.terminal("bash", "--norc", "--noprofile", "-i") as screen:
        screen.sendline(f"stty -echo; python3 {script} {goes_on} & jitd approve {id}; rm -f {goes_on}; echo it is o''ver")
        if Path("/proc/sys/dev/tty/legacy_tiocsti").read_text() == "0\n":
            screen.expect_exact("Input/output error")
            screen.expect_exact(KEYS)
            screen.send("a")  # the other side of the terminal, as tmux and screen have it
        screen.expect_exact("it is over")
        return str(screen.before)


def unlock(session: Session, id: str) -> str:
    """A lock holds on the other host until somebody touches the key for its end. A finger that is there for it approves, too."""
    house = session.braking
    if not house.rows("locks"):
        assert house.run("bob", "jitd", "lock", "--user", "eve").returncode == 0, "to lock takes no finger"
    (lock,) = house.rows("locks")
    done = house.run("bob", "env", AGENT, *WITH, "jitd", "unlock", lock["id"])
    if not FINGER.exists():
        assert house.rows("locks") == [lock] and "did not sign" in " ".join(done.stderr.split()), done
        return by_command(session, id)
    lifted = [row["detail"]["receipt"]["proves"] for row in house.records() if row["event"] == "lock.lifted"]
    assert not house.rows("locks") and lifted == ["touch"], done
    return by_command(session, id)


def pressed(screen: pexpect.spawn, key: str = "a") -> str:
    """Press the key that approves, by itself, and return what comes of it."""
    screen.delaybeforesend = 1
    screen.send(key)
    screen.expect("is approved|did not sign")
    return f"{screen.before}{screen.after}"


WAYS = {way.__name__: way for way in (
    by_command, at_a_desk, at_a_desk_of_many_hosts, on_a_terminal_of_its_own, one_after_the_other, in_a_table,
    on_the_board, on_the_board_of_a_desk, pushed_into_his_terminal, unlock,
)}  # fmt: skip


def assert_nothing_is_approved(session: Session, id: str) -> None:
    found = session.house.request_of(id)
    assert found.state is RequestState.PENDING and found.reviews == ()
    assert all(grant.id != id for grant in session.house.kept("grants", ended=True))


def assert_approved_by_touch(session: Session, id: str) -> None:
    (one,) = session.house.request_of(id).reviews
    assert one.receipt is not None and (one.by.user, one.receipt.proves) == ("bob", "touch")
    done = session.house.sudo("alice", f"--resume={id}")
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("way", WAYS)
def test_no_way_of_the_product_approves_without_a_finger_and_each_does_with_one(session: Session, way: str) -> None:
    """THREATS A-33."""
    id = session.ask()
    said = WAYS[way](session, id)
    assert "did not sign" in " ".join(said.split()), said
    assert_nothing_is_approved(session, id)
    with touched():
        said = WAYS[way](session, id)
    assert "is approved" in " ".join(said.split()), said
    assert_approved_by_touch(session, id)


# --- its own words ------------------------------------------------------------------------------------------------------


def signed(session: Session, message: bytes, name: str, namespace: str = receipt.NAMESPACE, agent: str = AGENT) -> str:
    """What ssh-keygen signs with the key of this name: by the agent, if it has it, or with the file."""
    words = "ssh-keygen", "-q", "-Y", "sign", "-O", "hashalg=sha256", "-n", namespace, "-f", str(MINE / name)
    line = session.house.line("bob", "env", agent, *WITH, *words)
    return subprocess.run(line, input=message, capture_output=True, check=False, cwd="/").stdout.decode("ascii")


def without_a_touch(session: Session, message: bytes) -> str:
    """The handle of the key lies in bob's home. Who changes a bit of it asks the authenticator for a signature without touch."""
    begin, *lines, end = (MINE / "key").read_text("ascii").strip().split("\n")
    content, wants = base64.b64decode("".join(lines)), b"\0\0\0\4ssh:\x01"
    assert content.count(wants) == 1
    made = base64.b64encode(content.replace(wants, wants[:-1] + b"\0")).decode("ascii")
    file = MINE / "no-touch"
    file.write_text("\n".join([begin, *textwrap.wrap(made, 70), end, ""]), "ascii")
    file.chmod(0o600)
    shutil.chown(file, "bob", "bob")
    found = signed(session, message, file.name, agent="A=")
    assert check_by_any(receipt.NAMESPACE, message, found, receipt.HASH).flags == 0
    return found


def with_the_flag_of_a_touch(session: Session, message: bytes) -> str:
    made = without_a_touch(session, message)
    content = bytearray(base64.b64decode("".join(made.strip().split("\n")[1:-1])))
    assert content[-5] == 0, "the flags, and the counter after them"
    content[-5] = 1
    begin, *_, end = made.strip().split("\n")
    return "\n".join([begin, *textwrap.wrap(base64.b64encode(content).decode("ascii"), 70), end, ""])


def with_a_key_of_its_own(session: Session, message: bytes) -> str:
    """One in hardware, which says that it was touched. Root does not know it."""
    if not (MINE / "own").exists():
        assert session.run("ssh-keygen", "-q", "-t", "ed25519-sk", "-N", "", "-f", f"{MINE}/own").returncode == 0
    with touched():
        return signed(session, message, "own")


def with_a_touch_for_something_else(session: Session, message: bytes) -> str:
    """bob has touched the key for a commit, and for a file, which had the text of the statement."""
    with touched():
        return signed(session, message, "key", "git")


def with_a_copy_of_a_passkey(session: Session, message: bytes) -> str:
    """The program has it from the account that copies it to bob's phones, and says that it has verified him."""
    return ssh_keys.sign(MINE / "passkey-copied", receipt.NAMESPACE, message)


def with_a_passkey_by_another_page(session: Session, message: bytes) -> str:
    """bob has touched his passkey for a page of a host below its own, which is the program's."""
    origin = b"https://sub." + ssh_keys.SITE
    said = ssh_keys.Assertion(to_be_signed(receipt.NAMESPACE, message, receipt.HASH), origin=origin, told_origin=origin)
    file = MINE / "passkey"
    return armor(ssh_keys.public(file).blob, receipt.NAMESPACE, receipt.HASH, said.signature(ssh_keys.private_of(file)))


FORGED: dict[str, tuple[Callable[[Session, bytes], str], str]] = {
    "unsigned": (lambda session, message: "", "takes only approvals that are signed"),
    "signed by the agent": (lambda session, message: signed(session, message, "key"), "takes only approvals that are signed"),
    "with a key in a file": (lambda session, message: signed(session, message, "file"), "takes only approvals that are signed"),
    "without a touch": (without_a_touch, "takes only approvals that are signed"),
    "with the flag of a touch": (with_the_flag_of_a_touch, "the signature"),
    "with a key of its own": (with_a_key_of_its_own, "does not count for bob@EXAMPLE.TEST"),
    "with a touch for something else": (with_a_touch_for_something_else, "the signature"),
    "with a copy of a passkey": (with_a_copy_of_a_passkey, "takes only approvals that are signed"),
    "with a passkey by another page": (with_a_passkey_by_another_page, "the signature is for a page of"),
}  # fmt: skip


@pytest.mark.parametrize("forged", FORGED)
def test_nor_does_a_program_that_speaks_the_protocol_itself(session: Session, forged: str) -> None:
    """THREATS A-33: it has the statement signed in any way that takes no finger for it."""
    sign, words = FORGED[forged]
    id = session.ask()
    said = sent(session, id, *stated(session, id, sign))
    assert words in said, said
    assert_nothing_is_approved(session, id)
    with touched():
        said = sent(session, id, *stated(session, id, lambda session, message: signed(session, message, "key")))
    assert said == f"request {id} is approved"
    assert_approved_by_touch(session, id)


@pytest.mark.parametrize(("verdict", "done"), [("approve", "approved"), ("deny", "denied")])
def test_a_passkey_that_no_other_device_has_is_as_good_as_a_touch(session: Session, verdict: str, done: str) -> None:
    """And the record says so, which is verified at the end."""
    id, before = session.ask(), session.house.head().number
    given = stated(session, id, lambda _, message: ssh_keys.sign(MINE / "passkey", receipt.NAMESPACE, message), verdict)
    assert sent(session, id, *given, verdict) == f"request {id} is {done}"
    (one,) = [one for one in session.house.records(before) if one["event"] == "request.reviewed"]
    told = one["detail"]["receipt"]
    assert (told["statement"], told["proves"]) == (given[0], "pin")
    if verdict == "approve":
        assert session.house.sudo("alice", f"--resume={id}").returncode == 0


def stated(session: Session, id: str, sign: Callable[[Session, bytes], str], verdict: str = "approve") -> tuple[str, str]:
    """What jitd would have bob sign about the request ``id``, and what ``sign`` makes of it."""
    with connected(session.house, "bob") as daemon:
        first, *_ = daemon.rows(Basis(id=id, verdict=verdict))
    at = datetime.now(UTC).strftime(receipt.TIME_FORMAT)
    text = receipt.read(first["statement"])._replace(at=at, random=os.urandom(receipt.N_RANDOM)).text()
    return text, sign(session, text.encode("ascii"))


def sent(session: Session, id: str, text: str, signature: str, verdict: str = "approve") -> str:
    """Send a review with this receipt, or without one if nothing has signed it. Returns the answer."""
    with connected(session.house, "bob") as daemon:
        (row,) = daemon.rows(Show(id=id))
        message = review(row)
        if signature:
            message = SignedReview(
                id=id, verdict=verdict, fingerprint=message.fingerprint, comment="", receipt=text, signature=signature
            )
        answer = daemon.ask(message)[-1]
        assert isinstance(answer, Refused | Done)
        return answer.text


def test_a_touch_serves_for_one_request_alone(session: Session) -> None:
    """THREATS A-33."""
    first, second = session.ask(), session.ask()
    with touched():
        given = stated(session, first, lambda session, message: signed(session, message, "key"))
    assert "is not about the submission" in sent(session, second, *given)
    assert_nothing_is_approved(session, second)
    assert sent(session, first, *given) == f"request {first} is approved"
    assert_approved_by_touch(session, first)
    assert "is not about the submission" in sent(session, second, *given)
    assert_nothing_is_approved(session, second)
    assert session.house.deny(second).returncode == 0, "to deny takes no finger"


def test_nor_is_the_review_after_broken_glass_given_without_a_finger(session: Session) -> None:
    """THREATS A-33."""
    first, *rest = map(str, session.house.line("alice", "jitsudo", "--break-glass", "--reason=down", "id", "-u"))
    screen = OnTerminal(first, rest, cwd="/", timeout=PATIENCE, encoding="utf-8")
    screen.expect_exact('type "break glass" to go on: ')
    screen.sendline("break glass")
    screen.expect(pexpect.EOF)
    screen.close()
    (id,) = (row["id"] for row in session.house.rows("reviews"))
    for agent, words in ((AGENT, "did not sign"), ("A=", "takes only signed approvals")):
        done = session.run("jitd", "review", id, "--yes", agent=agent)
        assert done.returncode == 3 or done.returncode == 1, done
        assert words in " ".join(done.stderr.split()) and session.house.rows("reviews"), done
    with touched():
        done = session.run("jitd", "review", id, "--yes")
    assert done.returncode == 0 and not session.house.rows("reviews"), done.stderr


# --- where the agent is ---------------------------------------------------------------------------------------------------


def test_the_record_says_whether_the_agent_was_on_the_host_or_at_a_desk(session: Session) -> None:
    """THREATS A-33: by ``ssh -A``, root of the host can ask the agent, too, and lacks the touch alone."""
    house, there = session.house, f"env JITD_SOCKET={session.house.socket}"
    peers = []
    for words, message in {
        ("-a", "bob@127.0.0.1", f"{there} jitd approve --yes ID"): "SSH_AUTH_SOCK is not set",
        ("-A", "bob@127.0.0.1", f"{there} jitd approve --yes ID"): "is approved",
        ("-A", "-tt", "bob@127.0.0.1", f"{there} jitd approve --yes ID"): "is approved",
    }.items():
        id, before = session.ask(), house.head().number
        with touched():
            done = session.run(*session.ssh.split(), *(word.replace("ID", id) for word in words))
        assert message in " ".join((done.stdout + done.stderr).split()), done
        reviewed = [one for one in house.records(before) if one["event"] == "request.reviewed"]
        if message == "is approved":
            peers += [one["peer"] for one in reviewed]
            assert_approved_by_touch(session, id)
        else:
            assert_nothing_is_approved(session, id)
            assert house.deny(id).returncode == 0
    assert [sorted(peer) for peer in peers] == [["audit_session", "tty", "uid"]] * 2, "a process of this host"
    assert [bool(peer["tty"]) for peer in peers] == [False, True], "and whether it had a terminal"
    id, before = session.ask(), house.head().number
    with touched():
        at_a_desk(session, id)
    (one,) = (one for one in house.records(before) if one["event"] == "request.reviewed")
    assert one["peer"] == {"carrier": "ssh", "source": "127.0.0.1"} and "receipt" in one["detail"]
    assert_approved_by_touch(session, id)


def test_root_of_the_host_can_ask_an_agent_that_is_forwarded_and_gets_no_touch_by_it(session: Session) -> None:
    """THREATS A-33."""
    words = 'trap "" HUP; echo "at $SSH_AUTH_SOCK"; read end'
    line = session.house.line("bob", "env", AGENT, *session.ssh.split(), "-A", "bob@127.0.0.1", words)
    with subprocess.Popen(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as there:
        assert there.stdin is not None and there.stdout is not None
        agent = there.stdout.readline().removeprefix("at ").strip()
        env = {**os.environ, "SSH_AUTH_SOCK": agent}
        listed = subprocess.run(["ssh-add", "-L"], env=env, capture_output=True, text=True, check=True).stdout
        assert (MINE / "key.pub").read_text().split()[1] in listed
        sign = ["ssh-keygen", "-q", "-Y", "sign", "-n", receipt.NAMESPACE, "-f", str(MINE / "key.pub")]
        done = subprocess.run(sign, env=env, input="text", capture_output=True, text=True, check=False)
        assert done.returncode != 0 and not done.stdout
        there.stdin.close()
