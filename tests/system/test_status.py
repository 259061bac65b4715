# SPDX-License-Identifier: Apache-2.0
"""jitd status: one screen of what the daemon knows, 0 if all is well, and 1 if somebody has to do something."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

from tests.system.conftest import OF_THE_LAB, House
from tests.waiting import wait_for

SCREEN = (80, 24)


def told(house: House) -> dict[str, str]:
    """What each line says, by what it is about."""
    done = house.jitd("status", "--json")
    return {row["about"]: row["says"] for row in map(json.loads, done.stdout.splitlines())}


def words(house: House) -> str:
    """What all lines say, without the fingerprint of the key: its letters are random."""
    return re.sub(r"SHA256:\S+", "", " ".join(told(house).values()))


def test_one_screen_says_that_all_is_well(house: House) -> None:
    wait_for(house.is_signed, what="a checkpoint")
    done = house.jitd("status")
    assert (done.returncode, done.stderr) == (0, ""), done
    lines = done.stdout.splitlines()
    assert len(lines) < SCREEN[1] and all(len(line) <= 2 * SCREEN[0] for line in lines)
    assert all(re.fullmatch(r"  [a-z]+ +\S.*", line) for line in lines), done.stdout
    said = told(house)
    assert f"process {house.process.pid}, for " in said["jitd"]
    assert said["policy"].startswith("1 rule in force for ")
    assert "the head is signed by SHA256:" in said["record"]


def test_it_counts_what_has_not_ended(house: House) -> None:
    before = told(house)
    assert (before["requests"], before["runs"], before["grants"]) == ("none to be decided", "none", "none")
    asking = house.ask("alice", "sleep", "1000")
    id = asking.id
    assert told(house)["requests"] == "1 to be decided"
    house.approved(id)
    wait_for(lambda: any(run.state == "running" for run in house.kept("runs")), what="a run")
    after = told(house)
    assert (after["requests"], after["runs"], after["grants"]) == ("none to be decided", "1 command", "1 may still be used")
    assert not any(word in words(house) for word in ("sleep", "alice")), "no command, and no person"
    house.ended("revoke", id)
    assert asking.end() != 0
    assert house.jitd("lock", "--user", "eve", "--reason", "laptop stolen").returncode == 0
    assert told(house)["locks"] == "1 in force" and "eve" not in words(house)
    assert house.jitd("unlock", "--user", "eve").returncode == 0


def test_only_who_oversees_the_host_may_ask(house: House) -> None:
    assert house.jitd("status", who="dave").returncode == 0
    done = house.jitd("status", who="alice")
    assert done.returncode == 3 and "only operators, auditors and root may read the status of jitd" in done.stderr
    assert done.stdout == ""


def test_a_policy_that_was_refused_and_one_that_never_was_there_are_not_well(own_house) -> None:
    """THREATS O-20: with the faults in words, for those who may read them."""
    house = own_house().start()
    house.set_policy("permit everything\n", "60-broken.toml")
    assert house.jitd("reload").returncode == 1
    done = house.jitd("status")
    assert (done.returncode, done.stderr) == (1, "jitd: not well: policy\n")
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("!")]
    assert re.match(r"! policy +1 rule in force for .*; newer files were refused .* ago: .*60-broken\.toml:1: is not TOML", line)
    assert house.ask("alice", "true").id, "the old policy is in force"
    house.restart()
    done = house.jitd("status")
    assert done.returncode == 1
    assert re.search(r"! policy +none is in force for .*: .*60-broken\.toml:1: is not TOML.*; correct the files", done.stdout)
    house.set_policy(OF_THE_LAB.replace("lab-dba", "other"), "60-broken.toml")
    assert house.jitd("reload").returncode == 0
    assert house.jitd("status").returncode == 0
    assert told(house)["policy"].startswith("2 rules in force")


def test_a_lost_keytab_is_not_well_until_it_is_back(own_house, tmp_path: Path) -> None:
    """Nobody but root can authenticate while it is away."""
    keytab, away = tmp_path / "jitd.keytab", tmp_path / "away"
    shutil.copy("/etc/jitd/jitd.keytab", keytab)
    house = own_house(config=f'keytab = "{keytab}"').start()
    assert house.jitd("requests", who="bob").returncode == 0 and told(house)["keytab"] == "jitd has its key"
    house.stop()
    keytab.rename(away)
    house.start()
    wait_for(lambda: "missing" in told(house)["keytab"], what="a look at the keytab")
    done = house.jitd("status")
    assert (done.returncode, done.stderr) == (1, "jitd: not well: keytab\n")
    assert house.jitd("requests", who="bob").returncode == 125
    assert "jitd_keyless 1" in house.jitd("metrics").stdout and "nobody but root can authenticate" in house.log()
    away.rename(keytab)
    wait_for(lambda: told(house)["keytab"] == "jitd has its key", what="a look at the keytab")
    assert house.jitd("status").returncode == 0 and "jitd_keyless 0" in house.jitd("metrics").stdout
    assert house.jitd("requests", who="bob").returncode == 0


def test_without_a_daemon_it_says_where_to_look(own_house) -> None:
    house = own_house().start()
    house.stop()
    for verb, status in (("status", 1), ("requests", 125), ("reload", 125)):
        done = house.jitd(verb)
        assert (done.returncode, done.stdout) == (status, ""), done
        assert done.stderr.endswith("; to look at the host: jitd doctor\n"), done
    house.start()


def test_reload_says_that_jitd_toml_takes_a_restart_once_it_has_changed(own_house) -> None:
    """A new approver of [approvers] would be waited for at the door, and nobody would know why."""
    house: House = own_house().start()
    told = "jitd.toml has changed since jitd was started, and counts as it was then: systemctl restart jitd"
    assert told not in house.jitd("reload").stderr
    before = house.config_file.read_text()
    for text in (f'{before}[approvers."zoe@EXAMPLE.TEST"]\ngroups = ["ops"]\n', f"{before}[approvers", f"# a remark\n{before}"):
        house.config_file.write_text(text)
        done = house.jitd("reload")
        assert done.returncode == 0 and (told in " ".join(done.stderr.split())) == ("approvers" in text), done
    house.config_file.write_text(f'{before}[approvers."zoe@EXAMPLE.TEST"]\ngroups = ["ops"]\n')
    house.restart()
    assert told not in " ".join(house.jitd("reload").stderr.split())
