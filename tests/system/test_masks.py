# SPDX-License-Identifier: Apache-2.0
"""Words of a command that a rule masks: nobody reads them, in no file are they found, and they are what is judged and run.

Law: a masked word is in one command line alone. It is looked for in what everybody is told, in the record, in every file of the
daemon and in its log.
"""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path

import pytest

from jitd.audit import forms
from jitd.core.command import work_of
from jitd.core.masking import MASKED
from tests.system.conftest import Asking, House
from tests.waiting import wait_for

WORD = "correct-horse-battery"
OTHER = "wrong-horse-battery"
"""No rule has this word whole: the text of the rules is kept with the record."""
HOME = Path("/home/alice")
LOGS = Path("/var/log/jitd-outside")
RULES = """
[[permit]]
name = "links"
who = ["group:dba"]
commands = [["/usr/bin/ln", "**"]]
mask = ["-s *", "--suffix=*"]
approvals = [{ need = 1, from = ["group:ops"] }]
grant = { lasts = "1h", uses = 9 }
run = { record = "all", writable = "allow" }

[[permit]]
name = "echo"
who = ["group:dba"]
commands = [["/usr/bin/echo", "**"]]
mask = ["--password=*"]
approvals = [{ need = 1, from = ["group:ops"] }]

[[deny]]
name = "not-that-word"
commands = [["/usr/bin/ln", "-s", "wrong-*", "**"]]
"""


@pytest.fixture
def house() -> Iterator[House]:
    with House(RULES) as made:
        yield made


@pytest.fixture
def link() -> Iterator[Path]:
    place = HOME / "masked"
    yield place
    place.unlink(missing_ok=True)


def asked(house: House, link: Path, *more: str) -> Asking:
    asking = house.ask("alice", *more, "ln", "-s", WORD, str(link))
    assert asking.id, "it waits"
    return asking


def told(house: House, id: str) -> str:
    """Everything that anybody is told of the request ``id``."""
    said = [house.jitd("show", id, *how, who=who).stdout for who in ("root", "alice", "bob") for how in ((), ("--json",))]
    for verb in ("requests", "grants", "runs"):
        said += [house.jitd(verb, "--all", *how).stdout for how in ((), ("--json",))]
    said += [house.jitd("audit", "show", *how).stdout for how in ((), ("--json",))]
    return "\n".join((*said, house.jitd("audit", "export").stdout, house.jitd("metrics").stdout, house.log()))


def places_of(house: House, word: str) -> list[str]:
    """The files of the daemon that have ``word`` in them."""
    roots = [house.database.parent, house.socket.parent]
    files = [Path(at) / name for root in roots for at, _, names in os.walk(root) for name in names]
    found = []
    for file in files:
        with suppress(FileNotFoundError):  # what a run has had is taken away when it has ended
            found += [str(file)] * (file.is_file() and word.encode() in file.read_bytes())
    return found


def kept(house: House) -> int:
    with closing(sqlite3.connect(f"file:{house.database}?mode=ro", uri=True)) as db:
        return int(db.execute("SELECT count(*) FROM masked_words").fetchone()[0])


def test_nobody_reads_a_masked_word_and_it_is_what_runs(house: House, link: Path) -> None:
    """THREATS L-12. The daemon is started anew while the request waits."""
    asking = asked(house, link)
    assert kept(house) == 1 and places_of(house, WORD) == []
    house.restart()
    house.approved(asking.id)
    assert asking.end() == 0
    assert os.readlink(link) == WORD
    said = told(house, asking.id) + asking.err
    assert "masked" in said and WORD not in said
    wait_for(lambda: house.run_of(asking.id).recording is not None, what="the record of the run's end")
    wait_for(lambda: kept(house) == 0, what="the end of what was kept")
    assert places_of(house, WORD) == []


def test_what_looks_like_a_secret_is_requested_without_a_terminal_if_a_rule_masks_it(house: House) -> None:
    """What masks hide, nobody reads; what they do not is not requested."""
    asking = house.ask("alice", "echo", f"--password={WORD}")
    assert asking.id, "it waits"
    house.approved(asking.id)
    assert asking.end() == 0 and WORD in asking.out
    assert WORD not in told(house, asking.id)
    before = house.jitd("requests", "--all", "--json").stdout
    asking = house.ask("alice", "echo", f"--password={WORD}", f"--token={OTHER}")
    assert asking.end() == 120 and asking.err.endswith("nothing was requested\n")
    assert house.jitd("requests", "--all", "--json").stdout == before and places_of(house, OTHER) == []


def test_a_denied_request_hides_its_secrets_too(house: House, link: Path) -> None:
    """THREATS L-12. Neither who may not ask at all, nor a rule that has seen the real word, puts it into the record."""
    for who, word in (("eve", WORD), ("alice", OTHER)):
        asking = house.ask(who, "ln", "-s", word, str(link))
        assert asking.end() == 121
        said = house.jitd("audit", "show", "--json").stdout + house.jitd("requests", "--all", "--json").stdout + house.log()
        assert "masked" in said and word not in said and places_of(house, word) == []
    assert kept(house) == 0 and not link.is_symlink()


@pytest.mark.parametrize("typed", ["/root/hidden", "/root/./hidden", "/root/../root/hidden", "//root//hidden"])
def test_a_path_that_the_requester_cannot_see_hides_its_secrets_however_it_is_written(house: House, typed: str) -> None:
    """THREATS L-12. jitd does not say where such a path leads, so it is recorded as it was typed."""
    house.set_policy(
        '[[permit]]\nname = "hidden"\nwho = ["group:ops"]\ncommands = [["/root/hidden", "**"]]\nmask = ["--key *"]', "60.toml"
    )
    assert house.jitd("reload").returncode == 0
    asking = house.ask("eve", typed, "--key", WORD, "plain")
    assert asking.end() == 121
    said = house.jitd("audit", "show", "--json").stdout + house.jitd("requests", "--all", "--json").stdout + house.log()
    assert "plain" in said and "masked" in said and WORD not in said and places_of(house, WORD) == []


@pytest.mark.parametrize("is_locked", [False, True])
def test_a_link_that_the_requester_cannot_see_hides_its_secrets(house: House, is_locked: bool) -> None:
    """THREATS L-12. It leads to a program whose rule masks, and no rule names the link. Nor does a path at which nothing is tell
    by its masks that nothing is there.
    """
    house.set_policy(
        '[[permit]]\nname = "hidden"\nwho = ["group:ops"]\ncommands = [["/usr/bin/cp", "**"]]\nmask = ["--key *"]', "60.toml"
    )
    assert house.jitd("reload").returncode == 0
    place = Path("/root/leads-there")
    place.symlink_to("/usr/bin/cp")
    try:
        if is_locked:
            assert house.jitd("lock", "--user", "eve").returncode == 0
        for typed in (place, "/root/leads-nowhere"):
            asking = house.ask("eve", str(typed), "--key", WORD, "plain")
            assert asking.end() == 121
            said = house.jitd("audit", "show", "--json").stdout + house.jitd("requests", "--all", "--json").stdout + house.log()
            assert "plain" in said and "masked" in said and WORD not in said and places_of(house, WORD) == []
    finally:
        place.unlink()


@pytest.fixture
def tool() -> Iterator[Path]:
    """A program, and beside it other names of it."""
    place = Path("/srv/masked")
    (place / "mounted").mkdir(parents=True)
    (place / "tools").mkdir()
    made = place / "tools/tool"
    shutil.copy("/usr/bin/true", made)
    (place / "link").symlink_to("tools/tool")
    os.link(made, place / "hard")
    subprocess.run(["mount", "--bind", place / "tools", place / "mounted"], check=True)
    yield made
    subprocess.run(["umount", place / "mounted"], check=True)
    shutil.rmtree(place)


@pytest.mark.parametrize("named", ["tools/tool", "link", "mounted/t*"])
def test_a_mask_holds_by_every_name_of_the_program(house: House, tool: Path, named: str) -> None:
    """THREATS L-12. The password of a denied request was in the record if somebody called the program by a link to it."""
    place = tool.parents[1]
    house.set_policy(
        f'[[permit]]\nname = "tool"\nwho = ["group:ops"]\ncommands = [["{place}/{named}", "**"]]\nmask = ["--key *"]', "60.toml"
    )
    assert house.jitd("reload").returncode == 0
    for name in ("tools/tool", "link", "mounted/tool", *(() if "*" in named else ("hard",))):
        asking = house.ask("eve", str(place / name), "--key", WORD, "plain")
        assert asking.end() == 121
    said = house.jitd("audit", "show", "--json").stdout + house.jitd("requests", "--all", "--json").stdout + house.log()
    assert "plain" in said and "masked" in said and WORD not in said and places_of(house, WORD) == []


def test_a_sentence_about_a_changed_file_does_not_quote_a_masked_path(house: House) -> None:
    """THREATS L-12. The path is the masked word, and the sentence is kept with the request."""
    house.set_policy(RULES.replace(', writable = "allow"', ""))
    assert house.jitd("reload").returncode == 0
    file = HOME / WORD
    file.write_text("first\n")
    shutil.chown(file, "alice")
    try:
        asking = house.ask("alice", "ln", "-s", str(file), str(HOME / "masked"))
        assert asking.id, asking.err
        file.write_text("second\n")
        house.approve(asking.id)
        assert asking.end() in (121, 126)
        assert "was changed since it was approved" in asking.err
        assert WORD not in told(house, asking.id) and places_of(house, WORD) == []
    finally:
        file.unlink()


def test_without_the_key_of_this_boot_nothing_runs(house: House, link: Path) -> None:
    """THREATS L-12. A copy of the database, or one of an earlier boot, has no masked word to run."""
    asking = asked(house, link)
    house.kill()
    (house.socket.parent / "masks.key").unlink()
    house.restart()
    house.approve(asking.id)
    assert asking.end() not in (0, 118)
    assert not link.is_symlink()
    house.jitd("revoke", asking.id)
    assert kept(house) == 0


def test_a_lease_answers_for_the_same_masked_word_alone(house: House, link: Path) -> None:
    first = asked(house, link, "--for", "10m", "--uses", "3")
    house.approved(first.id)
    assert first.end() == 0
    link.unlink()
    assert kept(house) == 1, "the lease lives on"
    house.verify()  # who verifies has no key for masked words
    (held,) = house.kept("grants")
    with closing(sqlite3.connect(f"file:{house.database}?mode=ro", uri=True)) as db:
        ((column,),) = db.execute("SELECT work FROM grants WHERE is_open = 1").fetchall()
    real = replace(held.command, argv=(b"ln", b"-s", WORD.encode(), str(link).encode()))
    assert column == work_of(held.command), "the lease is found"
    assert column != work_of(real), "without a digest by which somebody could guess the word"
    again = house.ask("alice", "ln", "-s", WORD, str(link))
    assert again.end() == 0 and os.readlink(link) == WORD
    link.unlink()
    other = house.ask("alice", "-n", "ln", "-s", f"{WORD}-", str(link))
    assert other.end() == 118 and not link.is_symlink()
    house.jitd("revoke", first.id)
    wait_for(lambda: kept(house) == 0, what="the end of what was kept")
    assert places_of(house, WORD) == []


def test_a_lease_whose_masked_word_is_lost_answers_nobody(house: House, link: Path) -> None:
    """THREATS L-12. Neither who knows the word, nor who types what people read in its place."""
    first = asked(house, link, "--for", "10m", "--uses", "5")
    house.approved(first.id)
    assert first.end() == 0
    link.unlink()
    house.restart()
    assert house.ask("alice", "ln", "-s", WORD, str(link)).end() == 0 and os.readlink(link) == WORD, "the key is still there"
    link.unlink()
    house.kill()
    (house.socket.parent / "masks.key").unlink()
    house.start()
    for word, status in ((MASKED, 120), (WORD, 118)):
        assert house.ask("alice", "-n", "ln", "-s", word, str(link)).end() == status and not link.is_symlink()
    house.jitd("revoke", first.id)


def test_a_sink_that_is_shown_commands_is_not_shown_masked_words(own_house: Callable[..., House], link: Path) -> None:
    """THREATS L-18. The file is written by the real jitd-outside."""
    LOGS.mkdir(exist_ok=True)
    shutil.chown(LOGS, "jitd-outside", "jitd-outside")
    file = LOGS / f"masks-{os.getpid()}.jsonl"
    sink = f'[sinks.file]\nkind = "file"\nfile = "{file.name}"\nshows = "command"\n'
    house = own_house(RULES, sink)
    house.start()
    asking = asked(house, link)
    house.approved(asking.id)
    assert asking.end() == 0 and os.readlink(link) == WORD
    ended = re.compile(r".*run\.ended.*\n", re.DOTALL)
    text = wait_for(lambda: file.exists() and ended.match(file.read_text("ascii")), what="the end of the run, in the file")[0]
    lines = [forms.read(line) for line in text.splitlines()]
    (submitted,) = [one for one in lines if isinstance(one, forms.Record) and one.told["event"] == "request.submitted"]
    assert submitted.told["detail"]["argv"] == ["ln", "-s", MASKED, str(link)], "the rest is shown"
    assert WORD not in file.read_text("ascii")
    assert [said.value for said in submitted.values if said.field == "argv"] == [["-s", MASKED, str(link)]]
    house.jitd("revoke", asking.id)
    file.unlink()


def test_words_without_a_mask_are_read(house: House, link: Path) -> None:
    asking = house.ask("alice", "ln", "--symbolic", WORD, str(link))
    assert house.show(asking.id)["argv"][1:] == ["--symbolic", WORD, str(link)]
    house.deny(asking.id)
    assert asking.end() == 122
