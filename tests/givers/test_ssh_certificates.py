# SPDX-License-Identifier: Apache-2.0
"""The kind ssh-certificate, with the real ssh-keygen, ssh-agent and sshd: what it lets in, and what it does not any more.

Law: a certificate is judged by an sshd that trusts the CA and reads the KRL, never by what we think of it.
"""

from __future__ import annotations

import os
import pwd
import re
import shutil
import signal
import socket
import stat
import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from jitd_things.givers.kind import Failed, Given, Order, Refused, Seen, State, Strays, Taken
from jitd_things.givers.revocations import Unusable, is_revoked, revoke
from jitd_things.givers.ssh_certificate import SshCertificate, SshCertificates, id_of, serial_of
from tests import real_sshd
from tests.givers.killed import killed_at
from tests.waiting import PATIENCE, wait_for

HOLDING, NEXT = "WNC0-D702.1", "WNC0-D702.2"
ME = pwd.getpwuid(os.geteuid())


def keygen(*words: str | Path) -> str:
    return subprocess.run(["ssh-keygen", *words], capture_output=True, text=True, check=True).stdout


class World:
    """A CA, a KRL with an entry of the administrator's, a person's key, and an sshd that obeys them."""

    def __init__(self, root: Path) -> None:
        self.root = root
        root.chmod(0o755)
        self.ca, self.krl, self.key, self.work = root / "ca", root / "revoked.krl", root / "id", root / "run"
        self.work.mkdir()
        for name in ("ca", "id", "host", "old"):
            keygen("-q", "-t", "ed25519", "-N", "", "-C", f"the comment of {name}", "-f", root / name)
        keygen("-q", "-k", "-f", self.krl, root / "old.pub")
        self.settings = SshCertificate("ops-ssh", ca=self.ca, principals=("ops", "web"), krl=self.krl)
        self.certificate = root / "id-cert.pub"

    @property
    def kind(self) -> SshCertificates:
        return SshCertificates(self.settings, self.work)

    def order(self, holding: str = HOLDING, seconds: float = 600, **changes: str) -> Order:
        brought = self.key.with_suffix(".pub").read_text().strip()
        return replace(Order(holding, "ops-ssh", ME.pw_name, ME.pw_uid, int(time.time() + seconds), brought), **changes)

    def give(self, holding: str = HOLDING, seconds: float = 600) -> str:
        """Have a certificate made, put it beside the key, and return what ssh-keygen says of it."""
        given = self.kind.give(self.order(holding, seconds))
        assert isinstance(given, Given) and given.secret is not None, given
        with open(given.secret, "rb") as secret:
            self.certificate.write_bytes(secret.read())
        return keygen("-L", "-f", self.certificate)

    def start(self) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        principals = self.root / "principals"
        principals.write_text("ops\n")
        lines = [
            *(f"Port {self.port}", "ListenAddress 127.0.0.1", f"HostKey {self.root}/host", "PidFile none", "UsePAM no"),
            *(f"TrustedUserCAKeys {self.ca}.pub", f"RevokedKeys {self.krl}", f"AuthorizedPrincipalsFile {principals}"),
            *("AuthorizedKeysFile none", "PasswordAuthentication no", "StrictModes no", "PermitRootLogin yes"),
        ]
        (self.root / "sshd_config").write_text("\n".join(lines) + "\n")
        self.sshd = real_sshd.started(self.root / "sshd_config", self.root / "sshd.log")
        wait_for(lambda: socket.socket().connect_ex(("127.0.0.1", self.port)) == 0, what="sshd")

    def stop(self) -> None:
        self.sshd.send_signal(signal.SIGTERM)
        self.sshd.wait(PATIENCE)

    def ssh(self, *words: str) -> subprocess.CompletedProcess[str]:
        options = [
            "BatchMode=yes",
            "StrictHostKeyChecking=no",
            "UserKnownHostsFile=/dev/null",
            "IdentitiesOnly=yes",
            "LogLevel=ERROR",
        ]
        line = ["ssh", "-F", "none", "-p", str(self.port), "-i", str(self.key), *(f"-o{option}" for option in options)]
        return subprocess.run([*line, f"{ME.pw_name}@127.0.0.1", *words], capture_output=True, text=True, check=False)

    def lets_in(self) -> bool:
        """Whether sshd lets in who has the key and the certificate."""
        done = self.ssh("echo in")
        assert done.returncode == 0 or "Permission denied" in done.stderr, done
        return done.stdout == "in\n"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    yield made
    assert list(made.work.iterdir()) == [], "nothing that signing needed is left"
    assert not list(tmp_path.glob(".*")), "nothing that revoking needed is left"


@pytest.fixture
def served(world: World) -> Iterator[World]:
    world.start()
    yield world
    world.stop()


# --- what a certificate lets in


def test_a_certificate_lets_in_until_it_is_taken_back(served: World) -> None:
    """THREATS G-02 and Q-13."""
    assert not served.lets_in(), "the key alone lets nobody in"
    said = served.give()
    assert served.lets_in()
    assert f'Key ID: "{id_of(HOLDING)}"' in said and f"Serial: {serial_of(HOLDING)}" in said
    assert "comment" not in served.certificate.read_text()
    assert f"ID {id_of(HOLDING)}" in (served.root / "sshd.log").read_text(), "sshd's log names the holding"
    assert served.kind.look(served.order()) == Seen(State.STANDS)
    assert served.kind.take(served.order()) == Taken()
    assert not served.lets_in()
    assert isinstance(found := served.kind.look(served.order()), Seen) and found.state is State.GONE


def test_it_ends_with_the_grant_though_nobody_takes_it_back(served: World) -> None:
    """THREATS Q-13."""
    for seconds in (8, 45):  # on a host that is too busy for eight, it has ended before it is used
        until = time.time() + seconds
        served.give(seconds=seconds)
        lets_in = served.lets_in()
        if lets_in or time.time() < until - 1:
            break
    assert lets_in
    wait_for(lambda: time.time() >= until, what="the end of the certificate")  # each look at sshd takes a process of ssh
    wait_for(lambda: not served.lets_in(), what="an sshd that lets nobody in")


def test_its_time_is_the_holdings_and_not_a_second_more(world: World) -> None:
    """Whatever the time zone of the host."""
    before = world.order().until
    said = world.give()
    until = re.search(r"Valid: from (\S+) to (\S+)", said)
    assert until is not None
    ends = time.mktime(time.strptime(until[2], "%Y-%m-%dT%H:%M:%S"))
    assert before - 2 <= ends <= time.time() + 600
    assert re.findall(r"Principals: \n\s+ops\n\s+web\n\s+Critical Options: \(none\)", said)


def test_a_forced_command_and_addresses_bind_sshd(served: World) -> None:
    served.settings = replace(served.settings, force_command="echo forced", source_address="127.0.0.0/8")
    said = served.give()
    assert served.ssh("echo in").stdout == "forced\n"
    assert said.split("Extensions:")[1].split() == ["permit-pty"], "nothing is forwarded around a forced command"
    served.settings = replace(served.settings, source_address="10.0.0.0/8")
    served.give(NEXT)
    assert served.ssh("echo in").returncode == 255


def test_an_agent_signs_as_a_file_does(served: World) -> None:
    agent = served.root / "agent"
    began = subprocess.Popen(["ssh-agent", "-D", "-a", agent], stdout=subprocess.DEVNULL)
    try:
        wait_for(agent.exists, what="ssh-agent")
        served.settings = replace(served.settings, ca=agent)
        assert isinstance(served.kind.give(served.order()), Refused), "it has no key yet"
        environment = {"SSH_AUTH_SOCK": str(agent)}
        subprocess.run(["ssh-add", "-q", served.ca], env=environment, check=True)
        served.ca.unlink()
        served.give()
        assert served.lets_in()
        subprocess.run(["ssh-add", "-q", served.root / "old"], env=environment, check=True)
        assert "2 keys" in getattr(served.kind.give(served.order()), "why", "")
    finally:
        began.terminate()
        began.wait(PATIENCE)


# --- given twice, two at once, killed


def test_to_give_and_to_take_twice_is_to_do_it_once(served: World) -> None:
    served.give()
    served.give()
    assert served.lets_in()
    assert served.kind.take(served.order()) == Taken()
    before = served.krl.read_bytes()
    assert served.kind.take(served.order()) == Taken()
    assert served.krl.read_bytes() == before
    assert not served.lets_in()
    assert "already" in getattr(served.kind.give(served.order()), "why", ""), "what was taken is not given again"


def test_two_certificates_of_one_person_end_each_by_itself(served: World) -> None:
    served.give()
    served.give(NEXT)
    served.kind.take(served.order(HOLDING))
    assert served.lets_in()
    served.kind.take(served.order(NEXT))
    assert not served.lets_in()


def test_what_nobody_knows_to_be_given_is_revoked_all_the_same(served: World) -> None:
    """THREATS Q-13. The deed was killed before it answered, and its answer is lost."""
    served.give()
    assert served.kind.take(replace(served.order(), brought="")) == Taken(), "it needs neither the key nor the certificate"
    assert not served.lets_in()


def test_a_certificate_of_a_ca_that_was_replaced_since_is_revoked(served: World) -> None:
    """THREATS Q-13."""
    served.give()
    keygen("-q", "-t", "ed25519", "-N", "", "-f", served.root / "newer")
    served.settings = replace(served.settings, ca=served.root / "newer")
    assert served.kind.take(served.order()) == Taken()
    assert not served.lets_in()


STEPS = ("os.rename", "os.remove", "os.rmdir", "os.mkdir", "shutil.rmtree", "subprocess.Popen", "open", "os.chmod")


@pytest.mark.parametrize("do", ["give", "take"])
def test_killed_at_any_step_it_is_finished_the_next_time(do: str, world: World) -> None:
    """The list is whole at each moment, and what the administrator has revoked stays so."""
    at, order, is_killed = 0, world.order(), True
    while is_killed:
        at += 1
        is_killed = killed_at(at, partial(getattr(world.kind, do), order), lambda event, _: event in STEPS)
        assert isinstance(is_revoked(world.krl, id_of(HOLDING)), bool), "the list can be read"
        assert subprocess.run(
            ["ssh-keygen", "-Q", "-f", world.krl, world.root / "old.pub"], check=False, capture_output=True
        ).returncode
    assert at > 4, "it was killed at some steps"
    if do == "give":
        world.give()
    assert world.kind.take(world.order()) == Taken()
    assert is_revoked(world.krl, id_of(HOLDING))


# --- what the administrator has


def test_the_administrators_entries_stay_and_so_do_owner_and_mode(world: World) -> None:
    """THREATS Q-11."""
    world.krl.chmod(0o640)
    other = next((group for group in (4, 5, 6) if os.geteuid() == 0), os.getegid())
    os.chown(world.krl, -1, other)
    subprocess.run(
        ["ssh-keygen", "-q", "-k", "-u", "-s", f"{world.ca}.pub", "-f", world.krl, "-"],
        input="serial: 7\n",
        text=True,
        check=True,
    )
    before = keygen("-Q", "-l", "-f", world.krl).splitlines()[3:]
    revoke(world.krl, id_of(HOLDING))
    after = keygen("-Q", "-l", "-f", world.krl).splitlines()
    assert [line for line in before if line and line not in after] == []
    status = world.krl.stat()
    assert (stat.S_IMODE(status.st_mode), status.st_gid) == (0o640, other)


def test_a_link_to_the_list_stays_one(world: World) -> None:
    real = world.root / "real.krl"
    world.krl.rename(real)
    world.krl.symlink_to(real)
    revoke(world.krl, id_of(HOLDING))
    assert world.krl.is_symlink() and is_revoked(real, id_of(HOLDING))


def test_an_entry_of_one_ca_or_another_id_is_not_taken_for_ours(world: World) -> None:
    lines = f"id: {id_of(HOLDING)}\n"
    subprocess.run(
        ["ssh-keygen", "-q", "-k", "-u", "-s", f"{world.ca}.pub", "-f", world.krl, "-"], input=lines, text=True, check=True
    )
    assert not is_revoked(world.krl, id_of(HOLDING)), "another CA may have signed it"
    revoke(world.krl, id_of(NEXT))
    assert not is_revoked(world.krl, id_of(HOLDING)) and is_revoked(world.krl, id_of(NEXT))


# --- what is wrong


def spoil_missing(world: World) -> None:
    world.krl.unlink()


def spoil_text(world: World) -> None:
    world.krl.write_text(world.key.with_suffix(".pub").read_text() + "nonsense\n")


def spoil_mode(world: World) -> None:
    world.krl.chmod(0o666)


@pytest.mark.parametrize("spoil", [spoil_missing, spoil_text, spoil_mode])
def test_a_list_that_is_of_no_use_stops_it_before_anything_is_signed_and_taking_waits(world: World, spoil: object) -> None:
    """A list that is missing is not made anew: an empty one would let in whom the old one shut out."""
    assert callable(spoil)
    saved = world.root / "saved"
    shutil.copy2(world.krl, saved)
    spoil(world)
    before = world.krl.read_bytes() if world.krl.exists() else None
    assert isinstance(world.kind.give(world.order()), Refused)
    assert isinstance(world.kind.take(world.order()), Failed)
    assert isinstance(world.kind.look(world.order()), Failed)
    assert (world.krl.read_bytes() if world.krl.exists() else None) == before
    os.replace(saved, world.krl)
    assert world.kind.take(world.order()) == Taken(), "it is taken once the list is mended"


def test_a_ca_that_others_can_read_or_that_needs_a_passphrase_signs_nothing(world: World) -> None:
    world.ca.chmod(0o644)
    assert "nobody else may read" in getattr(world.kind.give(world.order()), "why", "")
    world.ca.chmod(0o600)
    keygen("-q", "-p", "-P", "", "-N", "secret words", "-f", world.ca)
    assert "does not sign" in getattr(world.kind.give(world.order()), "why", "")
    world.ca.unlink()
    assert "cannot be found" in getattr(world.kind.give(world.order()), "why", "")


def command_in(given: object, first: str) -> str:
    """The command that an answer tells root to type."""
    why = str(getattr(given, "why", ""))
    return why[why.index(first) :]


def test_a_ca_that_others_may_read_signs_nothing_until_the_command_is_typed(world: World) -> None:
    world.ca.chmod(0o644)
    subprocess.run(["sh", "-c", command_in(world.kind.give(world.order()), "chmod go=")], check=True)
    world.give()


def test_a_list_that_is_missing_is_made_by_the_command(world: World) -> None:
    world.krl.unlink()
    subprocess.run(["sh", "-c", command_in(world.kind.give(world.order()), "ssh-keygen -k")], check=True)
    world.give()


def test_what_is_no_public_key_is_not_signed(world: World) -> None:
    world.give()
    for brought in ("", "x", world.certificate.read_text().strip(), world.key.read_text().replace("\n", " ")):
        assert isinstance(world.kind.give(replace(world.order(), brought=brought)), Refused)
    assert isinstance(world.kind.give(world.order(seconds=-1)), Refused)


def test_without_a_list_it_says_what_is_left(world: World) -> None:
    world.settings = replace(world.settings, krl=None)
    assert isinstance(world.kind.give(world.order()), Given)
    left = world.kind.take(world.order())
    assert isinstance(left, Taken) and id_of(HOLDING) in left.left and "no krl" in left.left
    assert world.kind.take(world.order(seconds=-1)) == Taken(), "its time is over"
    assert world.kind.strays([]) == Strays() and world.kind.look(world.order()) == Seen(State.STANDS)


def test_an_administrator_who_revokes_it_by_hand_is_obeyed(world: World) -> None:
    world.give()
    lines = f"id: {id_of(HOLDING)}\n"
    subprocess.run(["ssh-keygen", "-q", "-k", "-u", "-s", "none", "-f", world.krl, "-"], input=lines, text=True, check=True)
    assert getattr(world.kind.look(world.order()), "state", None) is State.GONE
    assert isinstance(world.kind.give(world.order()), Refused), "mending does not undo it"


def test_a_list_that_is_changed_at_the_same_moment_loses_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """An administrator adds an entry between our look and our change."""
    from jitd_things.givers import revocations

    make, times = revocations._make, []

    def interrupted(krl: Path, new: Path, id: str) -> None:
        make(krl, new, id)
        if not times:
            times.append(1)
            keygen("-q", "-k", "-u", "-f", krl, world.root / "host.pub")

    monkeypatch.setattr(revocations, "_make", interrupted)
    revoke(world.krl, id_of(HOLDING))
    assert is_revoked(world.krl, id_of(HOLDING))
    assert (
        subprocess.run(
            ["ssh-keygen", "-Q", "-f", world.krl, world.root / "host.pub"], check=False, capture_output=True
        ).returncode
        == 1
    )
    with pytest.raises(Unusable):
        revoke(world.root / "nothing", id_of(HOLDING))
