# SPDX-License-Identifier: Apache-2.0
"""Policies that are broken, half written, gone, or somebody else's, while a daemon runs; rules that change under a decision.

Law: what is refused leaves what was in force in force, and is told: to whoever asked, in the log, and in the record.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator

import pytest

from jitd.core.policy_text import PolicyText
from jitd.store.sqlite import SqliteStore
from jitpam.wire import messages
from jitpam.wire.coding import encode
from jitpam.wire.framing import frame
from tests.attacks.raw import Raw, asked, connected, review, shown_to, submission, uid_of
from tests.descriptors import is_read, links
from tests.system.conftest import OF_THE_LAB, House
from tests.waiting import wait_for

OPEN = '[[permit]]\nname = "open"\nwho = ["user:eve", "group:dba"]\nrun_as = ["*"]\ncommands = [["**"]]\n'
"""What a broken policy would permit if it were believed: everything, to eve too, and nobody is asked."""


def broken_policies() -> dict[str, bytes]:
    """By the name of what is wrong: each would permit everything if its fault were passed over."""
    found: dict[str, bytes] = {}
    whole = OPEN.encode()
    for end in range(1, len(whole) - 2, 7):
        found[f"cut at {end}"] = whole[:end]
    for name, line in {
        "an unknown key": "comands = []",
        "an unknown table": "[[permits]]",
        "a key of later": "break_glass = { instead_of = 'open' }",
        "a channel that is not there": "notify = ['ops']",
        "a list that is none": 'who = "*"',
        "a number that is none": "grant = { uses = true }",
        "no uses": "grant = { uses = 0 }",
        "negative uses": "grant = { uses = -1 }",
        "a float": "grant = { uses = 1.5 }",
        "a duration": 'expires = "15"',
        "for ever": 'expires = "99999999999d"',
        "no approvals": "approvals = []",
        "approvals of nobody": "approvals = [{ need = 1, from = [] }]",
        "no need": "approvals = [{ need = 0, from = ['group:ops'] }]",
        "less than no need": "approvals = [{ need = -1, from = ['group:ops'] }]",
        "from whom": "approvals = [{ need = 1, from = ['ops'] }]",
        "a misspelled group": "approvals = [{ need = 1, form = ['group:ops'] }]",
        "hours": 'hours = ["Mon-Fri 25:00-26:00 UTC"]',
        "a zone": 'hours = ["Mon-Fri 08:00-18:00 Middle/Earth"]',
        "hosts": "hosts = [1]",
        "services": 'services = "jitsudo"',
        "a reason": 'reason = "mandatory"',
        "an expression": 'reason = { pattern = "(" }',
        "an environment": 'run = { env = ["LD_*"] }',
        "a directory": 'run = { cwd = "relative" }',
        "writable": "run = { writable = true }",
        "leftovers": 'run = { leftovers = "forget" }',
        "a key twice": 'name = "open"',
        "an empty name": 'name = ""',
        "because": 'because = "of a deny"',
        "a control character": 'notify = "\x01"',
    }.items():
        found[name] = whole + line.encode() + b"\n"
    found |= {
        "no TOML": b"permit everything\n",
        "no UTF-8": whole + b"# \xff\xfe\n",
        "NUL": whole + b"\0",
        "a byte order mark": b"\xef\xbb\xbf" + whole,
        "UTF-16": whole.decode().encode("utf-16"),
        "twice the same name": whole + whole,
        "the name of the built-in rule": whole.replace(b'"open"', b'"root"'),
        "a relative command": whole.replace(b'[["**"]]', b'[["true"]]'),
        "no command": whole.replace(b'[["**"]]', b"[]"),
        "an empty command": whole.replace(b'[["**"]]', b"[[]]"),
        "stars in the middle": whole.replace(b'[["**"]]', b'[["/bin/sh", "**", "-c"]]'),
        "nobody": whole.replace(b'"user:eve", "group:dba"', b""),
        "everybody": whole.replace(b'"user:eve"', b'"*"'),
        "too long": whole + b"#" * (1 << 20),
    }
    return found


BROKEN = broken_policies()


def decide_as_before(eve: Raw, alice: Raw) -> None:
    """The lab's rule is in force: eve may nothing, alice with an approval."""
    (row,) = eve.rows(messages.Explain(**asked("true")))
    assert row["decision"] == "deny"
    (row,) = alice.rows(messages.Explain(**asked("true")))
    assert (row["decision"], row["rule"], len(row["approvals"])) == ("permit", "lab-dba", 1)


def decides_as_before(house) -> None:
    with connected(house, "eve") as eve, connected(house, "alice") as alice:
        decide_as_before(eve, alice)


def refusals(house, after: int) -> int:
    with contextlib.closing(SqliteStore.reading(house.database)) as store:
        return sum(json.loads(body)["event"] == "policy.refused" for _, body, _ in store.records(after))


def reloaded(house) -> messages.Message:
    with connected(house, "dave") as dave:
        return dave.ask(messages.Reload())[-1]


def loads(house, after: int) -> list[dict]:
    """What the records of loaded policies say, beside the number of rules."""
    with contextlib.closing(SqliteStore.reading(house.database)) as store:
        records = [json.loads(body) for _, body, _ in store.records(after)]
    return [{**one["detail"], "rules": None} for one in records if one["event"] == "policy.loaded"]


def test_the_daemon_says_if_it_has_read_something_else_than_was_tried_and_the_record_has_what_was_not(own_house):
    house = own_house().start()
    rules = (house.root / "policy.d/50-test.toml").read_bytes()
    after, tried = house.head().number, PolicyText(((b"50-test.toml", rules),)).digest
    with connected(house, "dave") as dave:
        same = dave.ask(messages.Reloadtested(digest=tried))[-1]
        (house.root / "policy.d/50-test.toml").write_bytes(rules + b"\n")
        other = dave.ask(messages.Reloadtested(digest=tried))[-1]
        untested = dave.ask(messages.Reloadtested(digest=None))[-1]
        broken = BROKEN["an unknown key"]
        (house.root / "policy.d/50-test.toml").write_bytes(broken)
        refused = dave.ask(messages.Reloadtested(digest=tried))[-1]
    assert (same.text, untested.text) == ("the policy is in force: 1 rule",) * 2
    assert other.text.startswith("the policy is in force: 1 rule; these are not the rules that were tried with their tables")
    assert loads(house, after) == [{"rules": None}, {"rules": None}, {"rules": None, "untested": True}]
    assert isinstance(refused, messages.Refused) and refused.text.startswith("the old policy stays: ")


def test_there_are_broken_policies_enough():
    assert len(BROKEN) >= 50


def test_a_broken_policy_never_replaces_a_whole_one(own_house):
    """THREATS O-04: each of them, by ``reload`` and by SIGHUP in turn, is told and changes nothing; then a whole one is taken."""
    house = own_house().start()
    with connected(house, "eve") as eve, connected(house, "alice") as alice:
        for n, (name, text) in enumerate(BROKEN.items()):
            after = house.head().number
            (house.root / "policy.d/50-test.toml").write_bytes(text)
            if n % 2:
                answer = reloaded(house)
                assert isinstance(answer, messages.Refused) and answer.code == "not_done", name
                assert answer.text.startswith("the old policy stays: ") and "50-test.toml" in answer.text, name
            else:
                house.process.send_signal(signal.SIGHUP)
            wait_for(lambda after=after: refusals(house, after) == 1, what=name)
            decide_as_before(eve, alice)
            if n % 10 == 0:
                decides_as_before(house)  # nor is who comes anew let in by it
    house.set_policy(OPEN)
    assert isinstance(reloaded(house), messages.Done)
    assert house.sudo("eve", "true").returncode == 0
    house.verify()


def gone(house: House) -> None:
    shutil.rmtree(house.root / "policy.d")


def a_file_in_its_place(house: House) -> None:
    gone(house)
    (house.root / "policy.d").write_text(OPEN)


def a_link_to_another_directory(house: House) -> None:
    gone(house)
    (house.root / "other").mkdir()
    (house.root / "other/50-test.toml").write_text(OPEN)
    (house.root / "policy.d").symlink_to(house.root / "other")


def a_directory_that_others_write(house: House) -> None:
    house.set_policy(OPEN)
    (house.root / "policy.d").chmod(0o777)


def a_directory_of_eves(house: House) -> None:
    house.set_policy(OPEN)
    os.chown(house.root / "policy.d", uid_of("eve"), 0)


def a_directory_above_that_others_write(house: House) -> None:
    house.set_policy(OPEN)
    house.root.chmod(0o777)


def a_file_that_others_write(house: House) -> None:
    house.set_policy(OPEN)
    (house.root / "policy.d/50-test.toml").chmod(0o666)


def a_file_of_eves(house: House) -> None:
    house.set_policy(OPEN)
    os.chown(house.root / "policy.d/50-test.toml", uid_of("eve"), 0)


def a_file_that_its_group_writes(house: House) -> None:
    house.set_policy(OPEN)
    os.chown(house.root / "policy.d/50-test.toml", 0, uid_of("eve"))
    (house.root / "policy.d/50-test.toml").chmod(0o664)


def a_link(house: House) -> None:
    (house.root / "whole").write_text(OPEN)
    (house.root / "policy.d/60-more.toml").symlink_to(house.root / "whole")


def a_link_to_nothing(house: House) -> None:
    (house.root / "policy.d/60-more.toml").symlink_to("/nowhere")


def a_pipe(house: House) -> None:
    os.mkfifo(house.root / "policy.d/60-more.toml")


def a_directory_with_the_name_of_a_file(house: House) -> None:
    (house.root / "policy.d/60-more.toml").mkdir()


def a_device(house: House) -> None:
    subprocess.run(["mknod", house.root / "policy.d/60-more.toml", "c", "1", "5"], check=True)


DISORDER = [gone, a_file_in_its_place, a_link_to_another_directory, a_directory_that_others_write, a_directory_of_eves,
            a_directory_above_that_others_write, a_file_that_others_write, a_file_of_eves, a_file_that_its_group_writes, a_link,
            a_link_to_nothing, a_pipe, a_directory_with_the_name_of_a_file, a_device]  # fmt: skip


@pytest.fixture(scope="module")
def rooted() -> Iterator[tuple[House, House]]:
    """A daemon that all the disorder comes to, one after the other; and another that has ended, and starts on the same rules."""
    made, another = House().start(), House()
    config = another.config_file.read_text()
    another.config_file.write_text(config.replace(f"{another.root}/policy.d", f"{made.root}/policy.d"))
    another.start().stop()
    yield made, another
    made.verify()
    another.close()
    made.close()


@pytest.fixture
def orderly(rooted: tuple[House, House]) -> Iterator[tuple[House, House]]:
    """With the policy as it was, before and after it."""
    house, _ = rooted
    house.reload()
    decides_as_before(house)
    yield rooted
    policy = house.root / "policy.d"
    for place in (policy, house.root / "other", house.root / "whole"):
        if place.is_dir() and not place.is_symlink():
            shutil.rmtree(place)
        else:
            place.unlink(missing_ok=True)
    house.root.chmod(0o755)
    policy.mkdir(mode=0o755)
    house.set_policy(OF_THE_LAB)


@pytest.mark.parametrize("disorder", DISORDER, ids=lambda disorder: disorder.__name__)
def test_files_that_are_not_roots_own_never_permit(orderly, disorder):
    """THREATS O-04, O-20: what anybody else could have written is not read, and nothing changes or is permitted by it."""
    house, another = orderly
    after = house.head().number
    disorder(house)
    answer = reloaded(house)
    assert isinstance(answer, messages.Refused) and answer.code == "not_done"
    assert refusals(house, after) == 1
    decides_as_before(house)
    another.start()
    try:
        for who in ("alice", "eve"):
            done = another.sudo(who, "true")
            assert done.returncode == 121 and f"the policy is broken at {house.root}" in done.stderr, (
                "nor by one that starts on it"
            )
        assert another.sudo("root", "true").returncode == 0
    finally:
        another.stop()


def test_no_file_at_all_permits_nothing(orderly):
    """THREATS O-04: remctl once took a missing file for a yes."""
    house, _ = orderly
    (house.root / "policy.d/50-test.toml").unlink()
    assert isinstance(reloaded(house), messages.Done)
    for who in ("alice", "eve"):
        assert house.sudo(who, "true").returncode == 121
    assert house.sudo("root", "true").returncode == 0


# --- rules that change under a decision --------------------------------------------------------------------------------------

FREEZE = OF_THE_LAB + '[[deny]]\nname = "freeze"\nbecause = "weekend freeze"\n'


def test_an_approval_after_a_freeze_runs_nothing(orderly):
    """THREATS A-04: what waits is decided by the rules in force when it is decided, and that is the end of it."""
    house, _ = orderly
    waiting = house.ask("alice", "true")
    id = waiting.id
    house.set_policy(FREEZE)
    assert isinstance(reloaded(house), messages.Done)
    done = house.approve(id)
    assert done.returncode == 1 and "weekend freeze" in done.stderr
    assert waiting.end() == 121
    assert shown_to(house, "root", id)["state"] == "denied"
    house.set_policy(OF_THE_LAB)
    assert isinstance(reloaded(house), messages.Done)
    assert house.approve(id, "carol").returncode == 5


def test_a_lease_does_not_outlive_a_freeze(orderly):
    """A lease discharges approvals and nothing else; nor does an approved request that nobody has run yet."""
    house, _ = orderly
    with connected(house, "alice") as alice, connected(house, "bob") as bob:
        lease = alice.submit("echo", "leased", waits=False, lasts_for=600, uses=5)
        bob.ask(review(shown_to(house, "root", lease)))
        house.set_policy(FREEZE)
        assert isinstance(reloaded(house), messages.Done)
        assert alice.refusal(submission("echo", "leased", if_owed=False))[0] == "denied"
        assert alice.refusal(messages.Resume(id=lease, streams=["null"] * 3))[0] == "denied"
    assert shown_to(house, "root", lease)["grant"]["left"] == 5


def test_a_review_that_races_a_reload_is_decided_by_the_rules_in_force_when_it_ends(own_house):
    """THREATS A-05, O-04: once ``reload`` has returned, nothing is approved or permitted by the rules before it."""
    for size in (300, 600, 1200, 2400, 4800):  # millions; on a busy host a look may be over before the rules are loaded
        house = own_house(OF_THE_LAB + OPEN.replace('"user:eve", "group:dba"', '"user:eve"')).start()
        if is_raced(house, size * 10**6):
            break
    else:
        pytest.fail("no reload ends while a file is looked at")
    assert {row["state"] for row in house.rows("requests", "--all")} == {"denied"}
    assert house.rows("grants", "--all") == [] and house.rows("runs", "--all") == []


def is_raced(house: House, size: int) -> bool:
    """Play it with a file of so many bytes. False if the looks did not last so long that it is known whether the reload waits for
    them.
    """
    large = house.root / "large"
    with large.open("wb") as file:  # a file that takes a moment to look at
        file.truncate(size)
    large.chmod(0o755)
    with (
        connected(house, "alice") as alice,
        connected(house, "bob") as bob,
        connected(house, "eve") as eve,
        connected(house, "dave") as dave,
    ):
        id = alice.submit("echo", "raced", waits=False)
        row = shown_to(house, "root", id)
        other = alice.submit(str(large), waits=False)
        said = review(shown_to(house, "root", other))
        os.utime(large)  # what is remembered of it counts no longer
        house.set_policy(FREEZE)
        bob.send(frame(bob.seal(encode(said))))
        eve.send(frame(eve.seal(encode(submission(str(large))))))
        wait_for(lambda: n_lookers(house, large) == 2 or bob.has_something() or eve.has_something(), what="two who look")
        assert isinstance(dave.ask(messages.Reload())[-1], messages.Done)
        if n_lookers(house, large) != 2:  # they had begun before, and go on after it
            return False
        assert bob.hear().type == "refused"
        assert eve.hear().code == "denied"
        assert bob.refusal(review(row))[0] == "not_done"
    return True


def n_lookers(house, file):
    """How often the daemon reads ``file``. A look has it open for its path, too."""
    return sum(is_read(house.process.pid, number) for number, to in links(house.process.pid).items() if to == str(file))
