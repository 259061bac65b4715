# SPDX-License-Identifier: Apache-2.0
"""``jitsudo -e`` of a file that is not there yet: what an approver reads is what is made, where nothing is, and nothing else."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from jitpam.wire.shown import unshown
from tests.attacks.raw import shown_to
from tests.system.conftest import House, house_with
from tests.system.test_edits import HOME, NEW, OLD, copy, editor

__all__ = ["copy", "editor"]  # fixtures
PLACE = Path("/etc/new-files")
RULES = """
[[permit]]
name = "new"
who = ["group:dba"]
run_as = ["*"]
commands = [["sudoedit", "/etc/new-files/*.conf"], ["sudoedit", "/etc/new-files/sub/*.conf"]]
approvals = [{ need = 1, from = ["group:ops"] }]
run = { new = "0640" }

[[permit]]
name = "free"
who = ["group:dba"]
run_as = ["*"]
commands = [["sudoedit", "/etc/new-files/free/*"]]
run = { new = "0604" }

[[permit]]
name = "whole"
who = ["group:dba"]
commands = [["sudoedit", "/etc/new-files/whole/*"]]
run = { new = "0644", check = ["/bin/sh", "-c", "cat /etc/new-files/whole/* | grep -q 8080", "{file}"] }

[[permit]]
name = "older"
who = ["group:dba"]
commands = [["sudoedit", "/etc/new-files/older/*"]]

[[permit]]
name = "behind older"
who = ["group:dba"]
commands = [["sudoedit", "/etc/new-files/older/*"]]
run = { new = "0644" }

[[deny]]
name = "not this"
commands = [["sudoedit", "/etc/new-files/way/no"], ["sudoedit", "/etc/new-files/alias"], ["sudoedit", "/etc/new-files/way/*.no"],
    ["sudoedit", "/mnt/above/*/free/mounted"]]

[[permit]]
name = "shell"
who = ["group:dba"]
commands = [["sudoedit", "/etc/new-files/shell/*"]]
run = { new = "0644", check = ["/bin/sh", "-c", "test -f {file} && ! grep -n password /etc/new-files/shell/*"] }
"""


house = house_with(RULES)


@pytest.fixture(autouse=True)
def file() -> Iterator[Path]:
    """Where nothing is, in a directory of root's."""
    for name in ("free", "whole", "older", "shell"):
        (PLACE / name).mkdir(parents=True)
    yield PLACE / "site.conf"
    shutil.rmtree(PLACE)


def names(directory: Path = PLACE) -> list[str]:
    return sorted(name for name in os.listdir(directory) if name not in ("free", "whole", "older", "shell"))


def test_what_was_approved_is_made_with_the_mode_of_the_rule_and_is_called_new_wherever_it_is_told(
    house: House, file: Path, copy: Path
) -> None:
    """THREATS R-39."""
    asking = house.ask("alice", "--reason", "CHG-1", "-e", str(file), "--from", str(copy))
    row = shown_to(house, "bob", asking.id)
    (text,) = row["scripts"]
    assert (row["argv"], row["makes"]) == (["sudoedit", str(file)], {"owner": "root:root", "mode": "0640"})
    assert "edit" not in row and (text["before"], unshown(text["text"]), text["argument"]) == (None, NEW, 0)
    assert text["bound"] == "exactly this text is written, if nothing is there then"
    page = house.jitd("show", asking.id, who="bob").stdout
    made = "a new file, with the owner root:root and the mode 0640, where nothing may be by then"
    assert re.search(rf"makes +{file}\n +{made}", page), page
    assert "0 lines taken out (-), 2 lines put in (+)" in page and "+    1       listen 8080;" in page, page
    assert names() == []
    house.approved(asking.id)
    assert asking.end() == 0, asking.err
    status = os.lstat(file)
    assert file.read_bytes() == NEW and names() == ["site.conf"]
    assert (status.st_mode & 0o7777, status.st_uid, status.st_gid, status.st_nlink) == (0o640, 0, 0, 1)
    digest = hashlib.sha256(NEW).hexdigest()
    said = house.at_rest().jitd("audit", "show", "--id", asking.id).stdout
    assert f'asked to make {file} with the mode 0640 as root (SHA-256 {digest[:16]}): "CHG-1"' in said, said
    detail = json.loads(house.jitd("audit", "show", "--json", "--id", asking.id).stdout.splitlines()[0])["detail"]
    assert (detail["makes"], detail["text_after"]) == ({"mode": "0640", "owner": "root:root"}, digest)
    assert "text_before" not in detail
    assert house.jitd("audit", "pack", asking.id, f"--out={house.root}/new.zip").returncode == 0
    with zipfile.ZipFile(house.root / "new.zip") as pack:
        told = pack.read("index.html").decode()
    assert "a new file, " in told and "an edit of" not in told


def test_where_no_rule_says_that_files_are_made_none_is_and_it_is_said_before_the_editor_is_run(
    house: House, copy: Path, editor: Path
) -> None:
    """THREATS R-39: The first rule that permits the edit answers, and an older one gains nothing."""
    file = PLACE / "older/x"
    editor.write_text(f"#!/bin/sh\ntouch {HOME}/was-run\n")
    told = f"there is no {file}, and rule older permits no new file"
    for words in (["-e", str(file), "--from", str(copy)], ["-e", str(file)]):
        done = house.run("alice", "env", f"EDITOR={editor}", "jitsudo", *words)
        assert done.returncode == 121 and told in done.stderr, done
    assert not (HOME / "was-run").exists() and names(PLACE / "older") == []
    for words in (["-l", "-e", str(file)], ["-l", "sudoedit", str(file)]):
        done = house.sudo("alice", *words)
        assert done.returncode == 1 and told in done.stderr + done.stdout, done
    file.write_bytes(OLD)  # what is there may be edited
    assert house.sudo("alice", "-e", str(file), "--from", str(copy)).returncode == 0 and file.read_bytes() == NEW


def test_a_question_answers_as_the_rule_does(house: House, file: Path) -> None:
    before = len(house.kept("requests", ended=True))
    for words in (["-l", "-e", str(file)], ["-l", "sudoedit", str(file)]):
        done = house.sudo("alice", *words)
        assert done.returncode == 0, done
        told = (
            f"sudoedit {file}, a new file of root:root with the mode 0640 (as root): rule new requires 1 approval from group:ops"
        )
        assert told in done.stdout, done
    done = house.jitd("explain", "--as", "alice", "--", "sudoedit", str(file))
    assert done.returncode == 0 and f"sudoedit {file}, a new file with the mode 0640 (as root)" in done.stdout, done
    assert "also new files with the mode 0640" in house.sudo("alice", "-l").stdout
    for path, says in ((PLACE / "x", "no rule permits this"), (PLACE / "sub/x.conf", "there is no such file")):
        done = house.sudo("alice", "-l", "-e", str(path))
        assert done.returncode == 1 and says in done.stderr + done.stdout, done
    assert names() == [] and len(house.kept("requests", ended=True)) == before


def made_by_somebody(file: Path) -> str:
    file.write_bytes(b"theirs\n")
    return f"{file} is there now"


def linked_to_nothing(file: Path) -> str:
    file.symlink_to(file.with_name("nowhere"))
    return f"{file} is there now"


def with_another_directory(file: Path) -> str:
    PLACE.rename("/etc/new-files-before")
    shutil.copytree("/etc/new-files-before", PLACE)
    shutil.rmtree("/etc/new-files-before")
    return f"somebody changed the directory of {file} after the request"


def with_an_open_directory(file: Path) -> str:
    PLACE.chmod(0o757)
    return "may be written by everybody"


@pytest.mark.parametrize("change", [made_by_somebody, linked_to_nothing, with_another_directory, with_an_open_directory])
@pytest.mark.parametrize("when", ["while it waits", "after the approval"])
def test_what_is_not_as_it_was_when_it_was_asked_for_is_not_made(
    house: House, file: Path, copy: Path, change: Callable[[Path], str], when: str
) -> None:
    """THREATS R-39: The approval is for nothing under this name in this directory."""
    if when == "while it waits":
        asking = house.ask("alice", "-e", str(file), "--from", str(copy))
        id, told = asking.id, change(file)
        with pytest.raises(AssertionError):
            house.approved(id)
        assert asking.end() == 121
        said = asking.err
    else:
        id = house.sudo("alice", "--no-wait", "-e", str(file), "--from", str(copy)).stdout.strip()
        house.approved(id)
        told = change(file)
        done = house.sudo("alice", "--resume", id)
        assert done.returncode == 121
        said = done.stderr
    assert told in said, said
    assert not file.exists() or file.read_bytes() == b"theirs\n"
    assert set(names()) <= {"site.conf"} and not Path("/etc/new-files-before").exists()


def test_a_rule_that_makes_no_files_any_more_or_with_another_mode_makes_none(house: House, file: Path, copy: Path) -> None:
    """THREATS R-39: Also of what it has permitted before."""
    policy = house.root / "policy.d"
    (rules,) = policy.glob("*.toml")
    before = rules.read_text()
    try:
        for now, told in ((" ", "rule new permits no new file"), ('new = "0644"', "permits new files with the mode 0644 alone")):
            other = file.with_name(f"{len(now)}.conf")
            id = house.sudo("alice", "--no-wait", "-e", str(other), "--from", str(copy)).stdout.strip()
            house.approved(id)
            rules.write_text(before.replace('new = "0640"', now))
            house.reload()
            done = house.sudo("alice", "--resume", id)
            assert done.returncode == 121 and told in done.stderr, done
            rules.write_text(before)
            house.reload()
        assert names() == []
    finally:
        rules.write_text(before)
        house.reload()


def test_one_approval_makes_one_file_once(house: House, file: Path, copy: Path) -> None:
    """THREATS A-26."""
    id = house.sudo("alice", "--no-wait", "-e", str(file), "--from", str(copy)).stdout.strip()
    house.approved(id)
    copy.write_bytes(b"something else\n")
    assert house.sudo("alice", "--resume", id).returncode == 0 and file.read_bytes() == NEW
    file.unlink()
    assert house.sudo("alice", "--resume", id).returncode != 0 and names() == []


def test_a_text_that_was_made_from_a_file_that_is_gone_makes_none(house: House, editor: Path) -> None:
    """THREATS R-31, R-39: What was to be a change of one line would be approved as a whole file."""
    file = PLACE / "free/x"
    file.write_bytes(OLD)
    editor.write_text('#!/bin/sh\necho more >>"$1"\nexit 1\n')
    done = house.run("alice", "env", f"EDITOR={editor}", f"TMPDIR={HOME}/copies", "jitsudo", "-e", str(file))
    (kept,) = (HOME / "copies").iterdir()
    assert done.returncode == 120, done
    file.unlink()
    done = house.sudo("alice", "-e", str(file), "--from", str(kept / "x"))
    assert done.returncode == 126 and f"{file} was removed after your text was made from it" in done.stderr, done
    assert names(PLACE / "free") == []


def test_to_take_back_an_edit_makes_no_file(house: House, file: Path, copy: Path) -> None:
    """THREATS R-39: Also where the rule makes files."""
    file.write_bytes(OLD)
    edited = house.ask("alice", "-e", str(file), "--from", str(copy))
    house.approved(edited.id)
    assert edited.end() == 0 and file.read_bytes() == NEW
    file.unlink()
    done = house.sudo("alice", "-e", "--undo", edited.id)
    assert done.returncode != 0 and "there is no such file" in done.stderr and names() == [], done


def test_a_place_that_others_could_make_another_one_is_refused_as_for_files_that_are_there(house: House, copy: Path) -> None:
    """THREATS R-34, R-39: A link that leads nowhere is a link, and no sticky bit keeps a name that is not there."""
    (PLACE / "link.conf").symlink_to(PLACE / "free/x")
    for mode in (0o757, 0o1777, 0o775):
        (PLACE / "free").chmod(mode)
        os.chown(PLACE / "free", 0, 4001 if mode == 0o775 else 0)
        done = house.sudo("alice", "-e", str(PLACE / "free/x"), "--from", str(copy))
        assert done.returncode == 126 and "others could make" in done.stderr, done
    (PLACE / "free").chmod(0o755)
    done = house.sudo("alice", "-e", str(PLACE / "link.conf"), "--from", str(copy))
    assert done.returncode == 126 and "it is a symbolic link that leads nowhere" in done.stderr, done
    way = HOME / "way"
    way.symlink_to(PLACE)
    try:
        done = house.sudo("alice", "-e", str(way / "free/x"), "--from", str(copy))
        assert done.returncode == 126 and f"name the file by its real path, {PLACE}/free/x" in done.stderr, done
    finally:
        way.unlink()
    (PLACE / "sub").symlink_to("free")  # of root's: the real path counts
    done = house.sudo("alice", "-e", str(PLACE / "sub/x"), "--from", str(copy))
    assert done.returncode == 0 and (PLACE / "free/x").read_bytes() == NEW, done


@pytest.mark.parametrize("name", ["no", "aliased", "x.no"])
def test_what_denies_the_edit_of_a_file_by_another_name_denies_to_make_it(house: House, copy: Path, name: str) -> None:
    """THREATS R-39: Nothing is there yet that could be compared by its inode, so the directory is."""
    (PLACE / "way").symlink_to("free")
    (PLACE / "alias").symlink_to("free/aliased")
    file = PLACE / "free" / name
    done = house.sudo("alice", "-e", str(file), "--from", str(copy))
    assert done.returncode == 121 and "rule not this denies it" in done.stderr, done
    assert names(PLACE / "free") == []
    assert house.sudo("alice", "-e", str(PLACE / "free/other"), "--from", str(copy)).returncode == 0


def test_what_denies_the_edit_of_a_file_by_a_mount_above_it_denies_to_make_it(house: House, copy: Path) -> None:
    """THREATS R-39: Neither the file nor its directory has the name of the deny, but a mount shows both there."""
    file, above = PLACE / "free/mounted", Path("/mnt/above/etc")
    above.mkdir(parents=True)
    subprocess.run(["mount", "--bind", PLACE, above], check=True)
    try:
        done = house.sudo("alice", "-e", str(file), "--from", str(copy))
        assert done.returncode == 121 and "rule not this denies it" in done.stderr, done
        assert names(PLACE / "free") == []
        assert house.sudo("alice", "-e", str(PLACE / "free/other"), "--from", str(copy)).returncode == 0
    finally:
        subprocess.run(["umount", above], check=True)
        above.rmdir()


UNFIT = [
    b"x; touch ..",
    b"$(id)",
    b"a`id`",
    b"a&b",
    b"old:1",
    b"old.",
    b"old,",
    b"a b",
    b"a\nb",
    b"\x1b[2J",
    b"\xff",
    b"*",
    b"'",
    b"\\",
]


@pytest.mark.parametrize("name", UNFIT)
def test_the_requester_chooses_no_name_that_means_more_than_a_file(house: House, copy: Path, name: bytes) -> None:
    """THREATS R-39, R-36: A check may give ``{file}`` to a shell, and say of another file what a name makes a line about this."""
    directory = PLACE / "shell"
    (directory / "old").write_text("password hunter2\n")
    path = os.path.join(os.fsencode(directory), name)
    for words in (["--from", str(copy)], ["-l"]):
        done = house.sudo("alice", "-e", path, *words)
        said = done.stdout + done.stderr
        assert done.returncode in (1, 126) and "is no name of a new file" in said and "hunter2" not in said, done
    assert os.listdir(directory) == ["old"] and names() == []


def test_a_new_file_has_any_usual_name(house: House, copy: Path) -> None:
    for name in ("10-site.conf", "getty@tty1.service", "größe_1+2", ".netrc", "50%", "site~"):
        assert house.sudo("alice", "-e", str(PLACE / "shell" / name), "--from", str(copy)).returncode == 0
        assert (PLACE / "shell" / name).read_bytes() == NEW


def test_the_account_that_writes_owns_the_new_file_and_needs_its_own_rights(house: House, copy: Path) -> None:
    file = PLACE / "free/bobs"
    done = house.sudo("alice", "-u", "bob", "-e", str(file), "--from", str(copy))
    assert done.returncode == 126 and "bob may not write in the directory of" in done.stderr, done
    assert not file.exists() and f"your text is kept: jitsudo -u bob -e {file} --from {copy}" in done.stderr, done
    os.chown(PLACE / "free", 4002, 4002)
    done = house.sudo("alice", "-u", "bob", "-e", str(file), "--from", str(copy))
    status = os.lstat(file)
    assert done.returncode == 0 and (status.st_uid, status.st_gid, status.st_mode & 0o7777) == (4002, 4002, 0o604), done
    os.chown(PLACE / "free", 0, 12)
    (PLACE / "free").chmod(0o2755)
    assert house.sudo("alice", "-e", str(PLACE / "free/grouped"), "--from", str(copy)).returncode == 0
    assert (os.lstat(PLACE / "free/grouped").st_gid, os.lstat(PLACE / "free/grouped").st_mode & 0o7777) == (12, 0o604)


def test_the_check_finds_the_new_file_among_the_others(house: House, copy: Path) -> None:
    """It is told the path, and looks at the whole directory all the same."""
    file = PLACE / "whole/x"
    (PLACE / "whole/y").write_bytes(OLD)
    copy.write_bytes(b"listen 81;\n")
    done = house.sudo("alice", "-e", str(file), "--from", str(copy))
    assert done.returncode == 1 and "the check /bin/sh says no (status 1)" in done.stderr and not file.exists(), done
    copy.write_bytes(NEW)
    done = house.sudo("alice", "-e", str(file), "--from", str(copy))
    assert done.returncode == 0 and file.read_bytes() == NEW and names(PLACE / "whole") == ["x", "y"], done


def test_the_editor_begins_with_nothing_and_a_file_that_somebody_makes_meanwhile_stays(house: House, editor: Path) -> None:
    """THREATS R-31."""
    file = PLACE / "free/x"
    os.chown(PLACE / "free", 4001, 4001)

    def edit(text: str) -> tuple[int, str]:
        editor.write_text(f"#!/bin/sh\n{text}\n")
        words = ("jitsudo", "-u", "alice", "-e", str(file))
        done = house.run("alice", "env", f"EDITOR={editor}", f"TMPDIR={HOME}/copies", *words)
        return done.returncode, done.stderr

    assert edit('test ! -s "$1"') == (0, f"jitsudo: {file} not made: its text would be empty\n")
    assert names(PLACE / "free") == os.listdir(HOME / "copies") == []
    status, said = edit(f'echo mine >"$1"; echo theirs >{file}')
    assert status == 120 and f"{file} was changed while you edited it: nothing was requested" in said, said
    assert f"your text is kept: jitsudo -u alice -e {file} --from /" in said and file.read_text() == "theirs\n"
    file.unlink()
    assert edit('echo mine >"$1"')[0] == 0 and file.read_text() == "mine\n"


def test_what_the_requester_cannot_see_is_made_by_a_text_from_elsewhere(house: House, copy: Path) -> None:
    """THREATS R-30: Whom a rule lets edit the path learns whether anything is there, and nobody else."""
    (PLACE / "free").chmod(0o700)
    done = house.sudo("alice", "-e", str(PLACE / "free/x"))
    assert done.returncode == 121 and "--from COPY sends one of your own" in done.stderr, done
    assert house.sudo("alice", "-e", str(PLACE / "free/x"), "--from", str(copy)).returncode == 0
    assert (PLACE / "free/x").read_bytes() == NEW
    answers = {
        house.sudo("eve", "-l", "-e", str(PLACE / "free" / name)).stderr.replace(name, "NAME") for name in ("x", "y", "no/z")
    }
    assert len(answers) == 1, answers


def test_root_is_told_that_no_rule_makes_files(house: House, copy: Path) -> None:
    done = house.sudo("root", "-e", str(PLACE / "other"), "--from", str(copy))
    assert done.returncode == 121 and "rule root permits no new file" in done.stderr, done
    assert names() == []


# --- a new file is removed again ------------------------------------------------------------------------------------------


def made(house: House, file: Path, text: Path, *words: str) -> str:
    """Have alice make ``file``, and return the id."""
    asking = house.ask("alice", *words, "-e", str(file), "--from", str(text))
    house.approved(asking.id)
    assert asking.end() == 0 and file.read_bytes() == text.read_bytes(), asking.err
    return asking.id


def made_at_once(house: House, file: Path, text: Path) -> str:
    """As ``made``, where no approval is owed."""
    id = house.sudo("alice", "--no-wait", "-e", str(file), "--from", str(text)).stdout.strip()
    assert house.sudo("alice", "--resume", id).returncode == 0 and file.read_bytes() == text.read_bytes()
    return id


def test_a_new_file_is_removed_again_and_made_again_each_by_a_request_and_an_approval_of_its_own(
    house: House, file: Path, copy: Path
) -> None:
    """THREATS R-41."""
    first = made(house, file, copy)
    asking = house.ask("alice", "--reason", "at night, not at noon", "-e", "--undo", first)
    row = shown_to(house, "bob", asking.id)
    (text,) = row["scripts"]
    assert (row["argv"], row["removes"]) == (
        ["sudoedit", str(file)], {"owner": "root:root", "mode": "0640", "undoes": first}
    )  # fmt: skip
    assert not {"edit", "makes", "edits"} & set(row) and unshown(text["text"]) == NEW and text["argument"] == 0
    page = house.jitd("show", asking.id, who="bob").stdout
    flat = " ".join(page.split())
    assert "WHAT WOULD BE REMOVED" in page and f"REMOVES {file} this file, with the owner root:root and the mode 0640" in flat, (
        page
    )
    assert f"undoes {first}, which has made this file" in flat and "checked by nothing: there is no text to check" in flat, page
    assert "2 lines; the file is removed, if it still has exactly this text" in flat, page
    assert re.search(r"^ *- +1 +listen 8080;$", page, re.MULTILINE), page
    (theirs,) = shown_to(house, "alice", asking.id)["scripts"]
    assert (theirs["text"], theirs["before"]) == (None, None), "she cannot read the file"
    assert file.read_bytes() == NEW
    house.approved(asking.id)
    assert asking.end() == 0 and names() == [], asking.err
    assert f"an approval removes {file}, which {first} has made" in asking.err
    digest = hashlib.sha256(NEW).hexdigest()
    said = house.at_rest().jitd("audit", "show", "--id", asking.id).stdout
    assert f"asked to take back what {first} has written: to remove {file}" in said, said
    detail = json.loads(house.jitd("audit", "show", "--json", "--id", asking.id).stdout.splitlines()[0])["detail"]
    assert (detail["removes"], detail["undoes"]) == ({"mode": "0640", "owner": "root:root"}, first)
    assert "text_before" not in detail and "text_after" not in detail
    assert house.jitd("audit", "pack", asking.id, f"--out={house.root}/gone.zip").returncode == 0
    with zipfile.ZipFile(house.root / "gone.zip") as pack:
        told = pack.read("index.html").decode()
    assert "the removal of " in told and "an edit of" not in told
    done = house.sudo("alice", "-n", "-e", "--undo", first)
    assert done.returncode == 126 and f"{file} cannot be removed" in done.stderr, done
    again = house.ask("alice", "-e", "--undo", asking.id)
    row = shown_to(house, "bob", again.id)
    assert row["makes"] == {"owner": "root:root", "mode": "0640", "undoes": asking.id} and "removes" not in row
    assert unshown(row["scripts"][0]["text"]) == NEW
    page = " ".join(house.jitd("show", again.id, who="bob").stdout.split())
    assert f"undoes {asking.id}, which has removed this file: it gets the text that it had before" in page
    (theirs,) = shown_to(house, "alice", again.id)["scripts"]
    assert theirs["text"] is None and digest not in house.jitd("audit", "show", "--json", "--id", again.id).stdout
    house.approved(again.id)
    assert again.end() == 0 and file.read_bytes() == NEW and file.stat().st_mode & 0o7777 == 0o640, again.err
    said = house.at_rest().jitd("audit", "show", "--id", again.id).stdout
    assert f"asked to take back what {asking.id} has removed: to make {file}" in said, said
    done = house.sudo("alice", "-n", "-e", "--undo", asking.id)
    assert (
        done.returncode == 126 and f"{file} is there: {asking.id} was ended before, or somebody has made it since;" in done.stderr
    ), done
    assert file.read_bytes() == NEW


def test_a_new_file_is_not_removed_if_others_have_changed_it_since(house: House, file: Path, copy: Path) -> None:
    """THREATS R-41: Each refusal leaves all as it is."""
    id, other = made(house, file, copy), PLACE / "other"

    def others_write() -> None:
        file.write_bytes(NEW + b"theirs\n")

    def others_close() -> None:
        file.write_bytes(NEW)
        file.chmod(0o600)

    def others_link() -> None:
        file.chmod(0o640)
        os.link(file, other)

    for change, told in (
        (others_write, f"has another text than {id} has written"),
        (others_close, "no longer has the owner, the group and the mode"),
        (others_link, "it has 2 names"),
    ):
        change()
        before, now = len(house.kept("requests", ended=True)), os.lstat(file)
        done = house.sudo("alice", "-n", "-e", "--undo", id)
        assert done.returncode == 126 and told in done.stderr, done
        assert os.path.samestat(os.lstat(file), now) and len(house.kept("requests", ended=True)) == before
    other.unlink()
    asking = house.ask("alice", "-e", "--undo", id)
    asked = asking.id
    shutil.copyfile(file, other)  # after the request, another file with the same text takes its place
    other.chmod(0o640)
    os.rename(other, file)
    assert house.jitd("approve", "--yes", asked, who="bob").returncode != 0
    assert asking.end() == 121 and f"somebody changed {file} after the request; nothing was removed" in asking.err, asking.err
    assert file.read_bytes() == NEW and names() == ["site.conf"]


def test_a_rule_that_permits_no_new_files_removes_none(house: House, copy: Path) -> None:
    """THREATS R-41: The rule of today counts."""
    file = PLACE / "free/x"
    id = made_at_once(house, file, copy)
    house.set_policy(RULES.replace('run = { new = "0604" }', ""))
    house.reload()
    try:
        done = house.sudo("alice", "-n", "-e", "--undo", id)
        told = f"rule free permits no new file, and so does not permit that {file} is removed again"
        assert done.returncode == 121 and told in done.stderr and file.read_bytes() == NEW, done
    finally:
        house.set_policy(RULES)
        house.reload()
    assert house.sudo("alice", "-e", "--undo", id).returncode == 0 and not file.exists()
    house.set_policy(RULES.replace('run = { new = "0604" }', 'run = { new = "0644" }'))
    house.reload()
    try:
        undone = [one for one in house.rows("requests", "--all") if one.get("removes", {}).get("undoes") == id]
        (gone,) = (one for one in undone if one["state"] == "approved")
        done = house.sudo("alice", "-n", "-e", "--undo", gone["id"])
        assert done.returncode == 126 and "would not have the owner, the group and the mode" in done.stderr, done
        assert not file.exists()
    finally:
        house.set_policy(RULES)
        house.reload()


def test_a_check_has_no_say_in_a_removal_which_leaves_no_text(house: House, copy: Path) -> None:
    """The page says so (above)."""
    file = PLACE / "whole/x"
    id = made_at_once(house, file, copy)
    done = house.sudo("alice", "-e", "--undo", id)
    assert done.returncode == 0 and names(PLACE / "whole") == [], done
