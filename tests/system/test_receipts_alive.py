# SPDX-License-Identifier: Apache-2.0
"""Receipts, the whole way: a daemon, a KDC, an agent of ssh that bob has in his session, and the people's own commands.

Law: what a rule wants signed does not run before it is. After a refusal, the request waits as it did.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pexpect
import pytest

from jitd.core.request import RequestState
from jitd_evidence.pack import verify
from jitd_evidence.pack.verifier import verifier
from tests import ssh_keys
from tests.on_terminal import OnTerminal
from tests.system.conftest import HOST, House

PLACE = Path("/srv/keys")
RULES = """
[[permit]]
name = "signed"
who = ["user:alice"]
commands = [["/usr/bin/id", "**"], ["/usr/bin/true", "**"]]
run = { env = ["MODE"] }
approvals = [{ need = 1, from = ["group:ops"], signed = true }]
grant = { lasts = "15m", uses = 5 }

[[permit]]
name = "touched"
who = ["user:alice"]
commands = [["/usr/bin/whoami"]]
approvals = [{ need = 1, from = ["group:ops"], signed = "touch" }]

[[permit]]
name = "glass"
who = ["user:alice"]
commands = [["/usr/bin/id", "-u"]]
break_glass = { instead_of = "signed", review = "24h", open = 5 }

[[permit]]
name = "edit"
who = ["user:alice"]
commands = [["sudoedit", "/srv/keys/*.conf"]]
run = { new = "0644" }
approvals = [{ need = 1, from = ["group:ops"], signed = true }]

[[permit]]
name = "free-edit"
who = ["user:alice"]
commands = [["sudoedit", "/srv/keys/*.txt"]]
approvals = [{ need = 1, from = ["group:ops"] }]

[[permit]]
name = "plain"
who = ["user:alice"]
commands = [["/usr/bin/nproc", "**"]]
approvals = [{ need = 1, from = ["group:ops"] }]
"""
SIGNERS = PLACE / "allowed_signers"
AGENT = f"SSH_AUTH_SOCK={PLACE}/bob/agent"


@pytest.fixture(scope="module")
def house() -> Iterator[House]:
    PLACE.mkdir(mode=0o755, exist_ok=True)
    mine = PLACE / "bob"
    mine.mkdir(mode=0o700, exist_ok=True)
    shutil.chown(mine, "bob", "bob")
    with House(RULES, f'[approvals]\nkeys = "{SIGNERS}"\n') as made:
        assert made.run("bob", "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", f"{mine}/key").returncode == 0
        line = made.line("bob", "ssh-agent", "-D", "-a", f"{mine}/agent")
        agent = subprocess.Popen(line, stdout=subprocess.DEVNULL, start_new_session=True)
        made._clients.append(agent)
        added = made.run("bob", "sh", "-c", f"until [ -S {mine}/agent ]; do sleep 0.01; done; {AGENT} ssh-add -q {mine}/key")
        assert added.returncode == 0, added.stderr
        SIGNERS.write_text(f"bob@EXAMPLE.TEST {(mine / 'key.pub').read_text()}")
        yield made
    shutil.rmtree(PLACE)


def approve(
    house: House, id: str, who: str = "bob", agent: str = AGENT, verb: str = "approve"
) -> subprocess.CompletedProcess[str]:
    return house.run(who, "env", agent, "jitd", verb, id, "--yes")


def ask(house: House, *words: str) -> str:
    done = house.sudo("alice", "--no-wait", *words)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_what_is_signed_by_the_agent_of_the_approver_runs_and_an_outsider_checks_it(house: House) -> None:
    """THREATS A-31."""
    id = ask(house, "--reason=CHG-1", "MODE=a b", "id", "-un", "root")
    key = ssh_keys.public(PLACE / "bob/key").fingerprint
    for agent in ("A=", "SSH_AUTH_SOCK=/nonexistent"):
        done = approve(house, id, agent=agent)
        assert done.returncode == 3 and "takes only signed approvals" in done.stderr and key in done.stderr.replace("\n", "")
        assert house.request_of(id).state is RequestState.PENDING and house.request_of(id).reviews == ()
    done = approve(house, id)
    assert done.returncode == 0, done.stderr
    assert f"signed by your key {key}" in " ".join(done.stderr.split())
    assert house.sudo("alice", f"--resume={id}").stdout == "root\n"
    (told,) = (row["detail"]["receipt"] for row in house.records() if row["event"] == "request.reviewed" and row["id"] == id)
    words = "bob@EXAMPLE.TEST", "jitd-receipt", told["statement"].encode("ascii"), told["signature"]
    assert ssh_keys.verifies(PLACE, SIGNERS.read_text(), *words)
    assert not ssh_keys.verifies(PLACE, SIGNERS.read_text(), words[0], words[1], words[2] + b"x", words[3])
    assert f"host {HOST}\nid {id}\nrequester alice@EXAMPLE.TEST\napprover bob@EXAMPLE.TEST\nrule signed\n" in told["statement"]
    assert_a_pack_has_receipts(house, id, "approve")
    exported = house.jitd("audit", "export", who="root").stdout
    assert json.dumps(told["statement"])[1:-1].replace("\\", "\\\\") in exported or told["statement"].split("\n")[-2] in exported


def test_of_an_edit_the_texts_are_signed_that_are_shown(house: House) -> None:
    """THREATS A-30."""
    file, copy = PLACE / "app.conf", PLACE / "copy"
    file.write_bytes(b"a \\ b\n")
    copy.write_bytes(b"a \\ c\xff")
    for readable in (True, False):  # of an old text that its requester cannot read, the record has no digest
        file.chmod(0o644 if readable else 0o600)
        id = ask(house, "-e", str(file), f"--from={copy}")
        assert approve(house, id, agent="A=").returncode == 3
        done = approve(house, id)
        assert done.returncode == 0 and "signed by your key" in " ".join(done.stderr.split()), done.stderr
        assert house.sudo("alice", f"--resume={id}").returncode == 0 and file.read_bytes() == copy.read_bytes()
        copy.write_bytes(b"again\n")


def test_of_several_files_all_texts_are_signed_that_are_shown(house: House) -> None:
    """THREATS A-30, R-40."""
    files = [PLACE / "a.conf", PLACE / "b.conf"]
    for file in files:
        file.write_bytes(b"old \\ text\n")
    words = ("jitsudo", "--no-wait", "-e", *map(str, files))
    asked = house.run("alice", "env", "EDITOR=sed -i s/old/new/", *words)
    assert asked.returncode == 0, asked.stderr
    id = asked.stdout.strip()
    assert approve(house, id, agent="A=").returncode == 3 and house.request_of(id).reviews == ()
    assert [file.read_bytes() for file in files] == [b"old \\ text\n"] * 2
    done = approve(house, id)
    assert done.returncode == 0 and "signed by your key" in " ".join(done.stderr.split()), done.stderr
    assert house.sudo("alice", f"--resume={id}").returncode == 0
    assert [file.read_bytes() for file in files] == [b"new \\ text\n"] * 2
    assert_a_pack_has_receipts(house, id, "approve")


def test_of_a_file_that_is_removed_the_text_that_goes_is_signed(house: House) -> None:
    """THREATS A-30, R-41."""
    file, copy = PLACE / "gone.conf", PLACE / "copy"
    copy.write_bytes(b"a \\ b\n")
    made = ask(house, "-e", str(file), f"--from={copy}")
    assert approve(house, made).returncode == 0 and house.sudo("alice", f"--resume={made}").returncode == 0
    id = ask(house, "-e", f"--undo={made}")
    assert approve(house, id, agent="A=").returncode == 3 and file.exists()
    done = approve(house, id)
    assert done.returncode == 0 and "signed by your key" in " ".join(done.stderr.split()), done.stderr
    assert house.sudo("alice", f"--resume={id}").returncode == 0 and not file.exists()
    assert_a_pack_has_receipts(house, id, "approve")
    again = ask(house, "-e", f"--undo={id}")
    assert approve(house, again).returncode == 0 and house.sudo("alice", f"--resume={again}").returncode == 0
    assert file.read_bytes() == b"a \\ b\n"


def assert_a_pack_has_receipts(house: House, id: str, *verdicts: str) -> None:
    """What verify.py says of what a daemon has made."""
    made = house.jitd("audit", "pack", id, f"--out={PLACE}/{id}.zip", who="root")
    assert made.returncode == 0, made.stderr
    found = verify.verify((PLACE / f"{id}.zip").read_bytes(), verifier())
    assert found.findings == [] and [one.statement.verdict for one in found.receipts] == [*verdicts]
    assert {one.by.key for one in found.receipts} == {ssh_keys.public(PLACE / "bob/key")}


def test_an_undo_whose_text_the_record_does_not_name_is_approved_unsigned_where_no_signature_is_demanded(house: House) -> None:
    file, copy = PLACE / "app.txt", PLACE / "copy"
    file.write_bytes(b"old\n")
    file.chmod(0o600)  # alice cannot read it, so nothing names the text that her undo writes
    copy.write_bytes(b"new\n")
    edit = ask(house, "-e", str(file), f"--from={copy}")
    assert approve(house, edit).returncode == 0 and house.sudo("alice", f"--resume={edit}").returncode == 0
    undo = ask(house, "-e", f"--undo={edit}")
    done = approve(house, undo)
    assert done.returncode == 0, done.stderr
    (first,), (second,) = house.request_of(edit).reviews, house.request_of(undo).reviews
    assert first.receipt is not None and second.receipt is None
    assert house.sudo("alice", f"--resume={undo}").returncode == 0 and file.read_bytes() == b"old\n"


def test_somebody_without_a_key_cannot_approve_and_can_deny(house: House) -> None:
    id = ask(house, "true")
    done = approve(house, id, who="carol", agent="A=")
    assert done.returncode == 3 and "this host knows no key of yours" in " ".join(done.stderr.split())
    assert house.request_of(id).reviews == ()
    assert house.deny(id, who="carol").returncode == 0


def test_a_key_that_nobody_has_to_touch_is_not_enough_where_a_touch_is_demanded(house: House) -> None:
    """THREATS A-31."""
    id = ask(house, "whoami")
    done = approve(house, id)
    assert done.returncode == 3 and house.request_of(id).reviews == (), done.stderr
    assert house.deny(id).returncode == 0


def test_where_none_is_demanded_an_approval_is_signed_if_a_key_is_at_hand(house: House) -> None:
    signed, plain = ask(house, "nproc"), ask(house, "nproc")
    assert approve(house, signed).returncode == 0 and approve(house, plain, agent="A=").returncode == 0
    (one,), (other,) = house.request_of(signed).reviews, house.request_of(plain).reviews
    assert one.receipt is not None and other.receipt is None


def test_the_review_after_broken_glass_is_signed_where_the_approval_would_have_been(house: House) -> None:
    """THREATS A-31."""
    first, *rest = house.line("alice", "jitsudo", "--break-glass", "--reason=down", "id", "-u")
    screen = OnTerminal(first, rest, cwd="/", timeout=60, encoding="utf-8")
    screen.expect_exact('type "break glass" to go on: ')
    screen.sendline("break glass")
    screen.expect(pexpect.EOF)
    screen.close()
    assert screen.exitstatus == 0
    (id,) = (row["id"] for row in house.rows("reviews"))
    refused = approve(house, id, agent="A=", verb="review")
    assert refused.returncode == 3 and house.rows("reviews"), refused.stderr
    done = approve(house, id, verb="review")
    assert done.returncode == 0 and not house.rows("reviews"), done.stderr
    (told,) = (row["detail"]["receipt"] for row in house.records() if row["event"] == "owed_review.reviewed")
    assert told["statement"].startswith("jitd receipt 1\nverdict reviewed\n")
    assert_a_pack_has_receipts(house, id, "reviewed")


def test_explain_counts_who_has_a_key_that_would_do_now_and_names_who_has_none(house: House) -> None:
    before = SIGNERS.read_text()
    alone = "nobody can give the approval of group:ops at present: no key that would do counts on this host for bob, "

    def lacks(*words: str) -> bool:
        own, supposed = house.run("alice", "jitd", "explain", *words), house.jitd("explain", "--as=alice", *words)
        assert "requires" in own.stdout and "requires" in supposed.stdout, (own, supposed)
        told = {alone in " ".join(done.stdout.split()) for done in (own, supposed)}
        assert len(told) == 1, (own, supposed)
        assert not any("at present" in done.stdout for done in (own, supposed) if told == {False})
        return told.pop()

    assert (lacks("nproc"), lacks("id", "-un"), lacks("whoami")) == (False, False, True)
    try:
        SIGNERS.write_text("# nobody\n")
        assert (lacks("nproc"), lacks("id", "-un")) == (False, True)
        later = house.jitd("explain", "--as=alice", "--at=2036-01-05T09:00", "id", "-un")
        assert "requires" in later.stdout and "at present" not in later.stdout
    finally:
        SIGNERS.write_text(before)
    assert not lacks("id", "-un")


def test_a_lease_ends_to_answer_when_its_approver_has_no_key_any_more(house: House) -> None:
    id = ask(house, "--for=10m", "--uses=3", "id", "-g", "root")
    assert approve(house, id).returncode == 0
    assert house.sudo("alice", "-n", "id", "-g", "root").returncode == 0
    before = SIGNERS.read_text()
    try:
        SIGNERS.write_text("# nobody\n")
        assert house.sudo("alice", "-n", "id", "-g", "root").returncode == 118
    finally:
        SIGNERS.write_text(before)
    assert house.sudo("alice", "-n", "id", "-g", "root").returncode == 0
    longer = ask(house, "--for=12m", "--uses=3", "id", "-g", "root")
    assert house.request_of(longer).extends == id
    done = approve(house, longer)
    assert done.returncode == 0 and "signed by your key" in " ".join(done.stderr.split()), done.stderr
    assert house.jitd("revoke", id).returncode == 0 and house.jitd("revoke", longer).returncode == 0


@pytest.fixture
def demanding(house: House) -> Iterator[House]:
    """The host, started again so that everything is signed there. bob is an operator, and his agent has a key."""
    before = house.config_file.read_text()

    def again(settings: str) -> None:
        house.stop()
        house.config_file.write_text(settings)
        house.start()

    settings = before.replace('operators = ["group:security"]', 'operators = ["group:ops"]')
    again(settings.replace("[approvals]\n", "[approvals]\nsigned = true\n"))
    yield house
    again(before)


def test_where_everything_is_signed_so_is_an_unlock(demanding: House) -> None:
    """THREATS A-32, A-34."""
    house = demanding
    id = ask(house, "nproc", "--all")
    refused = approve(house, id, agent="A=")
    assert refused.returncode == 3 and "takes only signed approvals" in " ".join(refused.stderr.split())
    assert house.request_of(id).state is RequestState.PENDING
    assert approve(house, id).returncode == 0
    assert house.run("bob", "jitd", "lock", "--user", "alice").returncode == 0
    (lock,) = (row["id"] for row in house.rows("locks"))
    for words in (("jitd", "unlock", lock), ("jitd", "unlock", "--user", "alice")):
        by_root = house.run("root", *words)
        assert by_root.returncode == 3, by_root.stderr
    unsigned = house.run("bob", "env", "SSH_AUTH_SOCK=", "jitd", "unlock", lock)
    assert unsigned.returncode == 3 and "is lifted only by who signs it" in " ".join(unsigned.stderr.split())
    by_name = house.run("bob", "env", AGENT, "jitd", "unlock", "--user", "alice")
    assert by_name.returncode == 1 and f"name it by its id: jitd unlock {lock}" in " ".join(by_name.stderr.split())
    assert [row["id"] for row in house.rows("locks")] == [lock]
    done = house.run("bob", "env", AGENT, "jitd", "unlock", lock)
    assert done.returncode == 0 and not house.rows("locks"), done.stderr
    (told,) = (row["detail"]["receipt"] for row in house.records() if row["event"] == "lock.lifted")
    words = "bob@EXAMPLE.TEST", "jitd-receipt", told["statement"].encode("ascii"), told["signature"]
    assert ssh_keys.verifies(PLACE, SIGNERS.read_text(), *words)
