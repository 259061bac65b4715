# SPDX-License-Identifier: Apache-2.0
"""What the daemon depends on is taken away while it runs: jitd status and jitd metrics say so, until it is back."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.system.breakages import ENDED, KEYTAB, SERVICE, kadmin
from tests.system.conftest import House
from tests.waiting import wait_for


def told(house: House, about: str) -> str:
    rows = map(json.loads, house.jitd("status", "--json").stdout.splitlines())
    return next(str(row["says"]) for row in rows if row["about"] == about)


def is_missing(house: House, about: str) -> bool:
    lines = house.jitd("metrics").stdout.splitlines()
    assert f'jitd_missing{{what="{about}"}} 0' in lines or f'jitd_missing{{what="{about}"}} 1' in lines
    return f'jitd_missing{{what="{about}"}} 1' in lines


def lost(house: House, about: str, words: str) -> None:
    """The loss is told, and is the only one."""
    wait_for(lambda: words in told(house, about), what=f"a look at {about}")
    done = house.jitd("status")
    assert (done.returncode, done.stderr) == (1, f"jitd: not well: {about}\n")
    assert is_missing(house, about)
    assert f"something that jitd depends on is not in order what={about} " in house.log()


def back(house: House, about: str, well: str) -> None:
    wait_for(lambda: told(house, about) == well, what=f"a look at {about}")
    assert house.jitd("status").returncode == 0 and not is_missing(house, about)


@contextmanager
def small_disk(house: House) -> Iterator[None]:
    state = str(house.root / "state")
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m,mode=711", "state", state], check=True)
    try:
        house.start()
        yield
        house.stop()
    finally:
        subprocess.run(["umount", "--lazy", state], check=True)


def test_a_full_disk_is_told_until_there_is_room(own_house) -> None:
    house = own_house()
    with small_disk(house):
        wait_for(house.is_signed, what="a checkpoint")
        back(house, "disk", "there is room for the record")
        more = house.root / "state" / "more"
        more.write_bytes(bytes(62 << 20))
        lost(house, "disk", "only jitd's reserve is left on the disk")
        before = len(house.kept("requests"))
        assert house.run("alice", "jitsudo", "true").returncode != 0
        assert len(house.kept("requests")) == before
        more.unlink()
        back(house, "disk", "there is room for the record")


def test_a_newer_key_at_the_kdc_is_told_until_the_keytab_has_it(own_house) -> None:
    """Until now, the keytab had a key of this name, and so all was well."""
    house = own_house().start()
    back(house, "keytab", "jitd has its key")
    kadmin(f"cpw -randkey {SERVICE}")
    asks = 'export KRB5CCNAME="FILE:$(mktemp -u)"; echo bobbob | kinit bob >/dev/null && exec jitd requests'
    try:
        assert house.run("bob", "sh", "-c", asks).returncode == 125
        lost(house, "keytab", f"the KDC's key of {SERVICE} is not in {KEYTAB}")
    finally:
        kadmin(f"ktadd -k {KEYTAB} {SERVICE}")
    back(house, "keytab", "jitd has its key")
    assert house.run("bob", "sh", "-c", asks).returncode == 0


def test_a_fault_in_the_file_of_approvers_keys_is_told_until_it_is_mended_and_who_stands_there_is_not(
    own_house, tmp_path: Path
) -> None:
    keys = tmp_path / "allowed_signers"
    house = own_house(config=f'[approvals]\nkeys = "{keys}"\n').start()
    well = "the file of approvers' keys has no fault"
    back(house, "signers", well)
    for content, mode in (("bob ssh-ed25519 AAAA\n", 0o644), ("# nobody\n", 0o666), (ENDED, 0o644)):
        keys.write_text(content)
        keys.chmod(mode)
        lost(house, "signers", "no key of an approver counts, so nothing is approved that has to be signed, for ")
        assert told(house, "signers").endswith(f": {keys} has a fault, or all of its keys have ended; see also: jitd doctor")
        keys.unlink()
        back(house, "signers", well)
