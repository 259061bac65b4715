# SPDX-License-Identifier: Apache-2.0
"""``jitsudo -e``: what an approver reads is what is written, and nothing else. Real files, a real daemon, real editors."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import zipfile
from collections.abc import Iterator
from pathlib import Path
from subprocess import CompletedProcess

import pexpect
import pytest

from jitpam.wire import messages
from jitpam.wire.shown import unshown
from tests.attacks.raw import asked, connected, shown_to
from tests.on_terminal import OnTerminal
from tests.system.conftest import Asking, House, house_with
from tests.waiting import PATIENCE, wait_for

PLACE = Path("/etc/edits")
HOME = Path("/home/alice")
OLD, NEW = b"listen 80;\nroot /srv;\n", b"listen 8080;\nroot /srv;\n"
RULES = """
[[permit]]
name = "site"
who = ["group:dba"]
run_as = ["*"]
commands = [["sudoedit", "/etc/edits/*.conf"], ["/usr/bin/true"], ["/usr/bin/cat", "/etc/edits/*.conf"]]
approvals = [{ need = 1, from = ["group:ops"] }]
grant = { lasts = "1h", uses = 9 }

[[permit]]
name = "free"
who = ["group:dba"]
run_as = ["*"]
commands = [["sudoedit", "/etc/edits/free/*"]]

[[permit]]
name = "checked"
who = ["group:dba"]
commands = [["sudoedit", "/etc/edits/checked/*"]]
run = { check = ["/bin/grep", "-q", "8080"] }

[[permit]]
name = "said"
who = ["group:dba"]
run_as = ["*"]
commands = [["sudoedit", "/etc/edits/said/*"]]
approvals = [{ need = 1, from = ["group:ops"] }]
run = { check = ["/bin/sh", "-c", "echo {file}:1: bad; cat /etc/edits/secret; exit 3"] }

[[permit]]
name = "alone"
who = ["group:dba"]
commands = [["sudoedit", "/etc/edits/alone/*"]]
approvals = [{ need = 1, from = ["group:alice"] }]

[[permit]]
name = "everything"
who = ["group:dba"]
commands = [["**"]]
"""


house = house_with(RULES)


@pytest.fixture(autouse=True)
def site() -> Iterator[Path]:
    (PLACE / "free").mkdir(parents=True)
    file = PLACE / "site.conf"
    file.write_bytes(OLD)
    file.chmod(0o644)
    yield file
    shutil.rmtree(PLACE)


@pytest.fixture
def copy() -> Iterator[Path]:
    """The text of alice's own."""
    made = HOME / "new.conf"
    made.write_bytes(NEW)
    os.chown(made, 4001, 4001)
    yield made
    made.unlink(missing_ok=True)


def test_what_was_approved_is_written_and_all_else_of_the_file_is_kept(house: House, site: Path, copy: Path) -> None:
    """THREATS R-29."""
    site.chmod(0o640)
    os.chown(site, 0, 4001)
    asking = house.ask("alice", "-e", str(site), "--from", str(copy))
    row = shown_to(house, "bob", asking.id)
    (text,) = row["scripts"]
    assert (unshown(text["before"]), unshown(text["text"])) == (OLD, NEW)
    assert row["argv"] == ["sudoedit", str(site)] and row["edit"]["mode"] == "0640" and row["edit"]["owner"].startswith("root:")
    assert site.read_bytes() == OLD
    house.approved(asking.id)
    assert asking.end() == 0, asking.err
    status = site.stat()
    assert site.read_bytes() == NEW and (status.st_mode & 0o7777, status.st_uid, status.st_gid) == (0o640, 0, 4001)
    assert sorted(os.listdir(PLACE)) == ["free", "site.conf"]
    run = house.at_rest().run_of(asking.id)
    assert run.outcome is not None and (str(run.outcome.ending), run.outcome.number) == ("exited", 0)


def test_the_page_shows_the_lines_that_change_and_what_cannot_be_seen_in_them(house: House, site: Path, copy: Path) -> None:
    site.write_bytes(OLD + b"end")
    copy.write_bytes(NEW.replace(b"/srv;", b"/srv; ") + b"\r\n" + b"end\n")
    asking = house.ask("alice", "-e", str(site), "--from", str(copy))
    page = house.jitd("show", asking.id, who="bob").stdout
    assert "WHAT WOULD BE WRITTEN" in page and "3 lines taken out (-), 4 lines put in (+)" in page
    told = house.jitd("audit", "show", "--id", asking.id, who="dave").stdout
    for line in ("listen 80;", "listen 8080;", "'root /srv; '", "\\x0d", "does not end with a newline"):
        assert line in page and line in told, (page, told)
    assert "listen" not in house.jitd("audit", "show", "--since", "1h", who="dave").stdout
    house.deny(asking.id)
    assert asking.end() == 122


def edit(house: House, editor: str, *words: str) -> Asking:
    """``jitsudo -e words`` of alice's, with ``editor``, started and left to wait. It may ask more than once."""
    out, err = (house.root / f"said/edit.{end}" for end in ("out", "err"))
    line = house.line("alice", "env", editor, "jitsudo", "-e", *words)
    with out.open("wb") as to_out, err.open("wb") as to_err:
        return Asking(subprocess.Popen(line, stdin=subprocess.DEVNULL, stdout=to_out, stderr=to_err, cwd="/"), out, err)


def _ids(house: House, asking: Asking, n: int) -> list[str]:
    """Return the ids that have been told when there are ``n`` of them."""
    found = wait_for(lambda: len(ids := re.findall(r"request (\w{4}-\w{4}): ", asking.err)) >= n and ids, what="a request")
    assert isinstance(found, list)
    return found


@pytest.fixture
def adds(editor: Path) -> str:
    """The words before jitsudo: an editor that puts a line in front, waits for ``HOME/go`` if there is ``HOME/wait``."""
    editor.write_text(
        '#!/bin/sh\ntouch /home/alice/opened\nwhile [ -e /home/alice/wait ]; do sleep 0.05; done\nsed -i "1i mine" "$1"\n'
    )
    return f"EDITOR={editor}"


def test_of_a_file_that_the_requester_cannot_read_the_text_is_asked_for_first(house: House, site: Path, adds: str) -> None:
    """THREATS R-30."""
    site.chmod(0o600)
    asking = edit(house, adds, str(site))
    (first,) = _ids(house, asking, 1)
    assert house.show(first)["argv"] == ["cat", str(site)] and not (HOME / "opened").exists()
    house.approved(first)
    second = _ids(house, asking, 2)[1]
    row = shown_to(house, "bob", second)
    (text,) = row["scripts"]
    assert unshown(text["text"]) == b"mine\n" + OLD and "changed" not in row["edit"]
    house.approved(second)
    assert asking.end() == 0 and site.read_bytes() == b"mine\n" + OLD, asking.err
    (HOME / "opened").unlink()


def test_without_its_text_a_file_is_not_edited_and_no_editor_is_run(house: House, site: Path, adds: str) -> None:
    site.chmod(0o600)
    asking = edit(house, adds, str(site))
    house.deny(asking.id)
    assert asking.end() == 122 and not (HOME / "opened").exists() and site.read_bytes() == OLD
    assert f"so there is no text to edit; jitsudo -e {site} --from COPY sends one of your own" in asking.err


def test_who_edits_what_they_cannot_read_and_nobody_approves_is_told_that_nobody_will_see_a_change_of_others(
    house: House, adds: str
) -> None:
    hidden = PLACE / "free/x"
    hidden.write_bytes(OLD)
    hidden.chmod(0o600)
    done = house.run("alice", "env", adds, "jitsudo", "-e", str(hidden))
    assert done.returncode == 0 and hidden.read_bytes() == b"mine\n" + OLD, done
    assert "if others change the file meanwhile, nobody will see that their change is taken out" in done.stderr


def test_an_interrupt_while_the_text_is_asked_for_withdraws_that_and_ends_a_loop_of_the_shell_too(
    house: House, site: Path, adds: str
) -> None:
    site.chmod(0o600)
    loop = f"for n in 1 2; do {adds} jitsudo -e {site}; echo after $n; done"
    first, *rest = house.line("alice", "bash", "-c", loop)
    screen = OnTerminal(first, rest, cwd="/", timeout=PATIENCE, encoding="utf-8", dimensions=(24, 200))
    screen.expect(r"request (\w{4}-\w{4}): ")
    id = screen.match.group(1)
    screen.expect("waiting")
    screen.sendintr()
    screen.expect(pexpect.EOF)
    screen.close()
    assert "after" not in screen.before and "so there is no text to edit" in screen.before, screen.before
    assert house.show(id)["state"] == "withdrawn" and not (HOME / "opened").exists()


def test_approvers_read_that_a_file_was_changed_meanwhile_and_who_cannot_read_it_does_not(
    house: House, site: Path, adds: str
) -> None:
    """THREATS R-38."""
    site.chmod(0o600)
    (HOME / "wait").touch()
    asking = edit(house, adds, str(site))
    house.approved(asking.id)
    wait_for(lambda: (HOME / "opened").exists(), what="the editor")
    site.write_bytes(OLD + b"theirs\n")
    (HOME / "wait").unlink()
    second = _ids(house, asking, 2)[1]
    assert shown_to(house, "bob", second)["edit"]["changed"] is True and "changed" not in shown_to(house, "alice", second)["edit"]
    page = " ".join(house.jitd("show", second, who="bob").stdout.split())
    assert "CHANGED by somebody after its text was read for this edit" in page and "theirs" in page, page
    assert "CHANGED" not in house.jitd("show", second, who="alice").stdout + asking.err
    house.deny(second)
    assert asking.end() == 122 and site.read_bytes() == OLD + b"theirs\n"
    (HOME / "opened").unlink()


def test_a_text_that_was_denied_is_kept_and_the_sentence_says_how_to_go_on(house: House, site: Path, copy: Path) -> None:
    asking = house.ask("alice", "-e", str(site), "--from", str(copy))
    assert house.deny(asking.id).returncode == 0
    assert asking.end() == 122
    assert f"your text is kept: jitsudo -e {site} --from {copy}" in asking.err
    assert site.read_bytes() == OLD and copy.read_bytes() == NEW


def test_who_approves_after_the_file_was_changed_reads_that_somebody_changed_it(house: House, site: Path, copy: Path) -> None:
    asking = house.ask("alice", "-e", str(site), "--from", str(copy))
    id = asking.id
    site.write_bytes(b"another\n")
    done = house.jitd("approve", "--yes", id, who="bob")
    assert done.returncode != 0
    told = f"request {id} is over: somebody changed {site} after the request; nothing was written"
    assert told in " ".join(done.stderr.split())
    assert asking.end() == 121 and site.read_bytes() == b"another\n"


def test_the_editor_is_the_persons_and_runs_as_the_person_on_a_copy(house: House, site: Path) -> None:
    editor = HOME / "ed.sh"
    editor.write_text('#!/bin/sh\nid -un >/home/alice/who\necho "$@" >/home/alice/words\nsed -i s/80/8080/ "$2"\n')
    editor.chmod(0o755)
    words = ("env", f"SUDO_EDITOR={editor} -x", "EDITOR=/bin/false", "jitsudo", "-e", str(PLACE / "free/site.conf"))
    (PLACE / "free/site.conf").write_bytes(OLD)
    done = house.run("alice", *words)
    try:
        assert done.returncode == 0, done.stderr
        assert re.search("jitsudo: written; to take it back: jitsudo -e --undo [A-Z0-9]{4}-[A-Z0-9]{4}\n", done.stderr), done
        assert (HOME / "who").read_text() == "alice\n"
        assert (PLACE / "free/site.conf").read_bytes() == NEW
        option, place = (HOME / "words").read_text().split()
        assert option == "-x" and os.path.basename(place) == "site.conf" and not os.path.exists(os.path.dirname(place))
    finally:
        for name in ("ed.sh", "who", "words"):
            (HOME / name).unlink(missing_ok=True)


def test_a_file_that_was_changed_while_its_editor_was_open_is_not_asked_for(house: House) -> None:
    """THREATS R-31."""
    file, editor = PLACE / "free/site.conf", HOME / "ed.sh"
    file.write_bytes(OLD)
    os.chown(file, 4001, 4001)
    try:
        for deed in (f"echo another >{file}", f"chmod 0 {file}"):
            editor.write_text(f'#!/bin/sh\necho new >>"$1"\n{deed}\n')
            editor.chmod(0o755)
            done = house.run("alice", "env", f"EDITOR={editor}", "jitsudo", "-e", str(file))
            assert done.returncode == 120 and "was changed while you edited it: nothing was requested" in done.stderr, done
            assert f"your text is kept: jitsudo -e {file} --from /" in done.stderr and file.read_bytes() == b"another\n"
    finally:
        editor.unlink()


@pytest.mark.parametrize("again", [False, True], ids=["at once", "from the kept copy"])
@pytest.mark.parametrize(
    ("theirs", "expected"),
    [
        (OLD + b"theirs\n", b"mine\n" + OLD + b"theirs\n"),
        (b"theirs\n" + OLD, b"theirs\nmine\n" + OLD),  # both in front: the editor is opened on the conflict
    ],
    ids=["apart", "the same lines"],
)
def test_what_others_write_while_an_editor_is_open_is_merged_if_the_person_wants(
    house: House, editor: Path, theirs: bytes, expected: bytes, again: bool
) -> None:
    """THREATS R-38."""
    file = PLACE / "free/site.conf"
    file.write_bytes(OLD)
    os.chown(file, 4001, 4001)
    for name, text in (("theirs", theirs), ("resolved", expected)):
        (HOME / "copies" / name).write_bytes(text)
    editor.write_text(
        "#!/bin/sh\ncd /home/alice/copies\n"
        'if grep -q \'^<<<<<<< yours$\' "$1"; then exec cp resolved "$1"; fi\n'
        f'sed -i "1i mine" "$1"; cp theirs {file}\n'
    )

    def answered(answer: str, *words: str) -> str:
        first, *rest = house.line("alice", "env", f"EDITOR={editor}", "jitsudo", "-e", str(file), *words)
        screen = OnTerminal(first, rest, cwd="/", timeout=PATIENCE, encoding="utf-8", dimensions=(24, 200))
        screen.expect_exact("was changed while you edited it: merge both with diff3? [y/N] ")
        screen.sendline(answer)
        screen.expect(pexpect.EOF)
        screen.close()
        said = str(screen.before)
        assert (screen.exitstatus == 0) == (answer == "y"), said
        return said

    if again:
        said = answered("n")
        assert "nothing was requested" in said and file.read_bytes() == theirs
        said = answered("y", *_sent_again(said)[2:])
    else:
        said = answered("y")
    assert "your changes and theirs are merged" in said and file.read_bytes() == expected, said
    assert ("both have changed the same lines" in said) == (theirs.startswith(b"theirs"))


@pytest.mark.parametrize(("mine", "theirs"), [(b"mine\n" + OLD, b"theirs\n" + OLD), (OLD + b"mine", OLD + b"theirs")])
def test_a_text_with_marks_of_a_conflict_is_not_requested(house: House, editor: Path, mine: bytes, theirs: bytes) -> None:
    """THREATS R-38: Also where the last line has no end, behind which diff3 would write a mark."""
    file = PLACE / "free/site.conf"
    file.write_bytes(OLD)
    os.chown(file, 4001, 4001)
    for name, text in (("theirs", theirs), ("mine", mine)):
        (HOME / "copies" / name).write_bytes(text)
    editor.write_text(
        f'#!/bin/sh\ncd {HOME}/copies\ncp "$1" seen\ngrep -q "^<<<<<<<" "$1" || {{ cp mine "$1"; cp theirs {file}; }}\n'
    )
    first, *rest = house.line("alice", "env", f"EDITOR={editor}", "jitsudo", "-e", str(file))
    screen = OnTerminal(first, rest, cwd="/", timeout=PATIENCE, encoding="utf-8", dimensions=(24, 200))
    screen.expect_exact("[y/N] ")
    screen.sendline("y")
    screen.expect(pexpect.EOF)
    screen.close()
    assert screen.exitstatus == 120 and "your text still has the marks of diff3: nothing was requested" in screen.before
    assert file.read_bytes() == theirs and "your text is kept" in screen.before
    marks = [
        line for line in (HOME / "copies/seen").read_bytes().split(b"\n") if b"<<<" in line or b"===" in line or b">>>" in line
    ]
    assert marks == [b"<<<<<<< yours", b"=======", b">>>>>>> theirs"], "each stands on a line of its own"


@pytest.mark.parametrize("end", [b"", b"\n"])
def test_what_others_have_written_in_the_same_way_meanwhile_is_no_conflict_and_nothing_to_write(
    house: House, editor: Path, end: bytes
) -> None:
    file = PLACE / "free/site.conf"
    file.write_bytes(OLD)
    os.chown(file, 4001, 4001)
    (HOME / "copies/both").write_bytes(OLD + b"both" + end)
    editor.write_text(f'#!/bin/sh\ncd {HOME}/copies\ncp both "$1"; cp both {file}\n')
    before = len(house.kept("requests", ended=True))
    first, *rest = house.line("alice", "env", f"EDITOR={editor}", "jitsudo", "-e", str(file))
    screen = OnTerminal(first, rest, cwd="/", timeout=PATIENCE, encoding="utf-8", dimensions=(24, 200))
    screen.expect_exact("[y/N] ")
    screen.sendline("y")
    screen.expect(pexpect.EOF)
    screen.close()
    assert screen.exitstatus == 0 and "has this text already: nothing was requested" in screen.before, screen.before
    assert file.read_bytes() == OLD + b"both" + end and len(house.kept("requests", ended=True)) == before


@pytest.mark.parametrize(("mine", "theirs", "merged"), [
    (b"a\n" + OLD + b"z", OLD + b"z", b"a\n" + OLD + b"z"),
    (b"a\n" + OLD, OLD + b"z", b"a\n" + OLD + b"z"),
    (OLD + b"z", b"a\n" + OLD, b"a\n" + OLD + b"z"),
], ids=["both without", "theirs without", "mine without"])  # fmt: skip
def test_a_merge_ends_its_last_line_as_those_who_have_changed_it(
    house: House, editor: Path, mine: bytes, theirs: bytes, merged: bytes
) -> None:
    file = PLACE / "free/site.conf"
    file.write_bytes(OLD)
    os.chown(file, 4001, 4001)
    for name, text in (("theirs", theirs), ("mine", mine)):
        (HOME / "copies" / name).write_bytes(text)
    editor.write_text(f'#!/bin/sh\ncd {HOME}/copies\ncp mine "$1"; cp theirs {file}\n')
    first, *rest = house.line("alice", "env", f"EDITOR={editor}", "jitsudo", "-e", str(file))
    screen = OnTerminal(first, rest, cwd="/", timeout=PATIENCE, encoding="utf-8", dimensions=(24, 200))
    screen.expect_exact("[y/N] ")
    screen.sendline("y")
    screen.expect(pexpect.EOF)
    screen.close()
    assert screen.exitstatus == 0 and file.read_bytes() == merged, screen.before


@pytest.mark.parametrize(("variable", "said"), [
    ('"/home/alice/my editors/ed" -x', ""),
    ("/home/alice/my\\ editors/ed -x", ""),
    ('"/home/alice/my editors/ed', "EDITOR is \"/home/alice/my editors/ed: no closing quotation: nothing was requested"),
], ids=["quotes", "a backslash", "no end"])  # fmt: skip
def test_the_name_of_an_editor_may_be_quoted_as_for_sudoedit(house: House, variable: str, said: str) -> None:
    editor, file = HOME / "my editors/ed", PLACE / "free/site.conf"
    editor.parent.mkdir(exist_ok=True)
    editor.write_text('#!/bin/sh\ntest "$1" = -x && sed -i s/80/8080/ "$2"\n')
    editor.chmod(0o755)
    file.write_bytes(OLD)
    done = house.run("alice", "env", f"EDITOR={variable}", "jitsudo", "-e", str(file))
    assert (done.returncode, said in done.stderr) == (120 if said else 0, True), done.stderr
    assert file.read_bytes() == (OLD if said else NEW)


def test_a_kept_text_is_not_sent_over_what_others_have_written_since(house: House, editor: Path) -> None:
    """THREATS R-38."""
    file = PLACE / "free/site.conf"
    file.write_bytes(OLD)
    editor.write_text('#!/bin/sh\nsed -i "1i mine" "$1"\nexit 3\n')
    done = house.run("alice", "env", f"EDITOR={editor}", f"TMPDIR={HOME}/copies", "jitsudo", "-e", str(file))
    (kept,) = (HOME / "copies").glob("*/site.conf")
    assert done.returncode == 120 and str(kept) in done.stderr
    theirs = OLD + b"theirs\n"
    file.write_bytes(theirs)
    done = house.sudo("alice", "-e", str(file), "--from", str(kept))
    assert done.returncode == 120 and "was changed while you edited it: nothing was requested" in done.stderr, done
    assert file.read_bytes() == theirs
    (kept.parent / ".jitsudo-base").unlink()  # a text that comes from nowhere is compared with nothing, as that of a script
    assert house.sudo("alice", "-e", str(file), "--from", str(kept)).returncode == 0 and file.read_bytes() == b"mine\n" + OLD


def test_a_base_of_another_text_is_refused_by_jitd_too(house: House, site: Path) -> None:
    """THREATS R-38: Somebody may change the file after jitsudo has looked."""
    for base, code in ((bytes(32), "unexecutable"), (b"short", "usage"), (hashlib.sha256(OLD).digest(), "owed")):
        with connected(house, "alice") as raw:
            edit = messages.Edit(**asked("sudoedit", str(site)), waits=False, if_owed=False, text=NEW, base=base)
            answer = raw.ask(edit)[-1]
        assert isinstance(answer, messages.Refused) and answer.code == code, answer
    assert site.read_bytes() == OLD


def test_a_text_that_is_there_already_asks_nobody(house: House, site: Path, copy: Path) -> None:
    before = len(house.kept("requests", ended=True))
    done = house.run("alice", "env", "EDITOR=/bin/true", "jitsudo", "-e", str(site))
    assert (done.returncode, done.stderr) == (0, f"jitsudo: {site} unchanged\n")
    copy.write_bytes(OLD)
    done = house.sudo("alice", "-e", str(site), "--from", str(copy))
    assert (done.returncode, done.stderr) == (0, f"jitsudo: {site} has this text already: nothing was requested\n")
    assert len(house.kept("requests", ended=True)) == before and copy.read_bytes() == OLD


@pytest.fixture
def editor() -> Iterator[Path]:
    """A program of alice's own that can be written, and a place for her copies, which is hers."""
    made, place = HOME / "ed.sh", HOME / "copies"
    place.mkdir()
    os.chown(place, 4001, 4001)
    made.touch()
    made.chmod(0o755)
    yield made
    made.unlink()
    shutil.rmtree(place)
    for name in ("opened", "wait"):
        (HOME / name).unlink(missing_ok=True)


def test_what_an_editor_leaves_beside_the_copy_goes_with_it_unless_the_text_is_kept(
    house: House, site: Path, editor: Path
) -> None:
    def edit(text: str) -> CompletedProcess[str]:
        editor.write_text(f'#!/bin/sh\n{text}\ntouch "$1~"; mkdir -p "${{1%/*}}/.undo/x"\n')
        return house.run("alice", "env", f"EDITOR={editor}", f"TMPDIR={HOME}/copies", "jitsudo", "-e", str(site))

    assert edit(":").returncode == 0 and os.listdir(HOME / "copies") == []
    done = edit('chmod 0 "$1"')
    assert (
        done.returncode == 120
        and f"{site.name}: Permission denied: nothing was requested, and your text stays there" in done.stderr
    )
    (kept,) = (HOME / "copies").iterdir()
    assert str(kept) in done.stderr and {one.name for one in kept.iterdir()} == {
        *(site.name, f"{site.name}~", ".undo", ".jitsudo-base")
    }


@pytest.mark.parametrize("directory", ["/no/such", "/etc", "/etc/passwd"])
def test_a_tmpdir_that_cannot_be_used_is_named_and_the_usual_place_is_taken(
    house: House, site: Path, editor: Path, directory: str
) -> None:
    editor.write_text('#!/bin/sh\necho "at $1"\n')
    before = sorted(Path("/var/tmp").iterdir())
    done = house.run("alice", "env", f"EDITOR={editor}", f"TMPDIR={directory}", "jitsudo", "-e", str(site))
    assert (done.returncode, done.stdout[: len("at /var/tmp/jitsudo-")]) == (0, "at /var/tmp/jitsudo-"), done
    assert re.search(f"jitsudo: TMPDIR is {directory}: [A-Z].*; your copy is in /var/tmp\n", done.stderr), done
    assert f"{site} unchanged" in done.stderr and sorted(Path("/var/tmp").iterdir()) == before


@pytest.fixture
def shared() -> Iterator[Path]:
    """A directory in which everybody writes, and in it one of alice's."""
    place = Path("/srv/shared")
    (place / "alices").mkdir(parents=True)
    os.chown(place / "alices", 4001, 4001)
    place.chmod(0o777)
    yield place
    shutil.rmtree(place)


EXCHANGED = """
cd /srv/shared
for one in jitsudo-* alices/jitsudo-*; do
    [ -e "$one" ] || continue
    top="${one%%/*}" && mv "$top" "$top.old" && mkdir -p "$one" && chmod -R 777 "$top"
    echo evil > "$one/site.conf" && chmod 666 "$one/site.conf"
done
"""


@pytest.mark.parametrize(
    ("named", "mode", "why"),
    [
        ("", 0o777, "others can write to /srv/shared, which is not sticky"),
        ("", 0o770, "others can write to /srv/shared, which is not sticky"),
        ("alices", 0o777, "others can write to /srv/shared, which is not sticky"),
        ("link/alices", 0o777, "others can write to /srv/shared, which is not sticky"),
        ("eves", 0o1777, "/srv/shared/eves is another person's"),
    ],
)
def test_a_copy_is_in_no_directory_that_others_can_exchange(
    house: House, editor: Path, shared: Path, named: str, mode: int, why: str
) -> None:
    """THREATS R-29."""
    file, wait, opened = PLACE / "free/site.conf", HOME / "wait", HOME / "opened"
    file.write_bytes(OLD)
    if named == "eves":
        (shared / named).mkdir()
        os.chown(shared / named, 4005, 4005)
        (shared / named).chmod(0o777)
    (shared / "link").symlink_to(shared)
    os.chown(shared, 0, 4005)
    shared.chmod(mode | 0o001)
    wait.touch()
    editor.write_text(f'#!/bin/sh\ntouch {opened}\nwhile [ -e {wait} ]; do sleep 0.05; done\necho mine >> "$1"\n')
    line = house.line("alice", "env", f"EDITOR={editor}", f"TMPDIR={shared}/{named}", "jitsudo", "-e", str(file))
    with subprocess.Popen(line, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, cwd="/") as asking:
        wait_for(opened.exists, what="alice's editor")
        house.run("eve", "sh", "-c", EXCHANGED)
        wait.unlink()
        _, said = asking.communicate(timeout=PATIENCE)
    assert (asking.returncode, file.read_bytes()) == (0, OLD + b"mine\n"), said
    assert f"jitsudo: TMPDIR is {shared}/{named}: {why}; your copy is in /var/tmp\n" in said
    assert not list(shared.glob("**/jitsudo-*"))


def test_a_copy_is_in_no_tmpdir_that_somebody_else_serves(house: House, editor: Path, shared: Path) -> None:
    """THREATS R-29: who serves FUSE says of each directory that it is root's and sticky, and of each file that it is alice's."""
    file, place, source = PLACE / "free/site.conf", shared / "eves", shared / "source"
    file.write_bytes(OLD)
    for made in (place, source):
        made.mkdir()
        os.chown(made, 4005, 4005)
    editor.write_text('#!/bin/sh\necho "at $1"\n')
    if not Path("/dev/fuse").exists():
        subprocess.run(["mknod", "/dev/fuse", "c", "10", "229"], check=True)
    subprocess.run(["bindfs", "-o", "allow_other", "--mirror=alice", source, place], check=True)
    shared.chmod(0o755)
    try:
        assert house.run("alice", "stat", "-c%U", str(place)).stdout == "alice\n"
        done = house.run("alice", "env", f"EDITOR={editor}", f"TMPDIR={place}", "jitsudo", "-e", str(file))
        told = f"TMPDIR is {place}: jitd cannot believe what its file system (fuse) says of owners; your copy is in /var/tmp"
        assert done.returncode == 0 and f"jitsudo: {told}\n" in done.stderr, done
        assert done.stdout.startswith("at /var/tmp/jitsudo-") and list(source.iterdir()) == [], done
    finally:
        subprocess.run(["umount", place], check=True)


def test_a_copy_is_in_a_sticky_directory_of_roots(house: House, editor: Path, shared: Path) -> None:
    shared.chmod(0o1777)
    editor.write_text('#!/bin/sh\necho "at $1"\n')
    done = house.run("alice", "env", f"EDITOR={editor}", f"TMPDIR={shared}", "jitsudo", "-e", str(PLACE / "site.conf"))
    assert done.stdout.startswith(f"at {shared}/jitsudo-") and "TMPDIR" not in done.stderr, done


def test_the_three_copies_of_a_merge_are_in_no_directory_that_others_can_exchange(
    house: House, editor: Path, shared: Path
) -> None:
    """THREATS R-29."""
    file, tools = PLACE / "free/site.conf", HOME / "copies"
    file.write_bytes(OLD)
    os.chown(file, 4001, 4001)
    (tools / "diff3").write_text(f'#!/bin/sh\necho "$@" > {tools}/words\nexec /usr/bin/diff3 "$@"\n')
    (tools / "diff3").chmod(0o755)
    editor.write_text(f'#!/bin/sh\nsed -i "1i mine" "$1"\n[ -e {tools}/was ] || echo theirs >> {file}\ntouch {tools}/was\n')
    told = [f"EDITOR={editor}", f"TMPDIR={shared}", f"PATH={tools}:/usr/bin:/bin"]
    first, *rest = house.line("alice", "env", *told, "jitsudo", "-e", str(file))
    screen = OnTerminal(first, rest, cwd="/", timeout=PATIENCE, encoding="utf-8", dimensions=(24, 200))
    screen.expect_exact("[y/N] ")
    screen.sendline("y")
    screen.expect(pexpect.EOF)
    screen.close()
    assert (screen.exitstatus, file.read_bytes()) == (0, b"mine\n" + OLD + b"theirs\n"), screen.before
    assert all(word.startswith("/var/tmp/jitsudo-") for word in (tools / "words").read_text().split()[-3:])


def test_who_cannot_read_the_file_is_told_the_two_lines_and_nothing_of_its_content(house: House, site: Path, copy: Path) -> None:
    """THREATS R-30."""
    site.chmod(0o600)
    done = house.sudo("alice", "-e", "--no-wait", str(site))
    assert done.returncode == 120
    assert f"jitsudo cat {site} > copy" in done.stderr and f"jitsudo -e {site} --no-wait --from copy" in done.stderr
    asking = house.ask("alice", "-e", str(site), "--from", str(copy))
    (theirs,) = shown_to(house, "alice", asking.id)["scripts"]
    (text,) = shown_to(house, "bob", asking.id)["scripts"]
    assert theirs["before"] is None and unshown(text["before"]) == OLD
    house.approved(asking.id)
    assert asking.end() == 0 and site.read_bytes() == NEW
    same = house.ask("alice", "-e", str(site), "--from", str(copy))  # she is not told that nothing would change
    assert same.id and house.deny(same.id).returncode == 0


def test_a_file_that_was_changed_after_the_approvers_look_is_not_overwritten(house: House, site: Path, copy: Path) -> None:
    """THREATS R-29."""
    asking = house.ask("alice", "-e", str(site), "--from", str(copy))
    id = asking.id
    site.write_bytes(b"another\n")
    with pytest.raises(AssertionError):
        house.approved(id)
    assert asking.end() != 0 and site.read_bytes() == b"another\n"
    assert "--from" in asking.err


def test_another_file_with_the_same_text_is_not_the_one_that_was_approved(house: House, site: Path, copy: Path) -> None:
    """THREATS R-29."""
    asking = house.ask("alice", "-e", str(site), "--from", str(copy))
    id = asking.id
    site.rename(PLACE / "old.conf")
    site.write_bytes(OLD)
    with pytest.raises(AssertionError):
        house.approved(id)
    assert asking.end() != 0 and site.read_bytes() == OLD


def test_one_edit_needs_one_approval_each_time(house: House, site: Path, copy: Path) -> None:
    """THREATS A-26."""
    for _ in range(2):
        site.write_bytes(OLD)
        asking = house.ask("alice", "-e", str(site), "--from", str(copy))
        assert asking.id
        assert house.deny(asking.id).returncode == 0
    for option in ("--for=1h", "--uses=2"):
        assert house.sudo("alice", option, "-e", str(site), "--from", str(copy)).returncode == 120


@pytest.mark.parametrize("path", ["/etc/edits/site", "/etc/passwd"])
def test_no_rule_for_any_command_permits_an_edit(house: House, copy: Path, path: str) -> None:
    (PLACE / "site").write_bytes(OLD)
    (PLACE / "sub").mkdir()
    (PLACE / "sub/x.conf").write_bytes(OLD)
    done = house.sudo("alice", "-e", path, "--from", str(copy))
    assert (done.returncode, "no rule permits this" in done.stderr) == (121, True), done.stderr


def test_a_path_that_others_could_make_lead_elsewhere_is_refused_with_who_could(house: House, site: Path, copy: Path) -> None:
    """THREATS R-29."""
    (PLACE / "free").chmod(0o757)
    (PLACE / "free/x").write_bytes(OLD)
    done = house.sudo("alice", "-e", str(PLACE / "free/x"), "--from", str(copy))
    assert done.returncode == 126 and "may be written by everybody" in done.stderr, done
    link = PLACE / "link.conf"
    link.symlink_to(site)
    done = house.sudo("alice", "-e", str(link), "--from", str(copy))
    assert done.returncode == 126 and "is a link" in done.stderr
    hard = PLACE / "hard.conf"
    os.link(site, hard)
    done = house.sudo("alice", "-e", str(hard), "--from", str(copy))
    assert done.returncode == 126 and "2 names" in done.stderr
    assert site.read_bytes() == OLD


def test_links_that_only_root_can_change_are_followed_and_the_real_path_is_bound(house: House, site: Path, copy: Path) -> None:
    way = Path("/etc/edits-way")
    way.symlink_to(PLACE)
    try:
        asking = house.ask("alice", "-e", str(way / "site.conf"), "--from", str(copy))
        assert house.show(asking.id)["argv"] == ["sudoedit", str(site)]
        house.approved(asking.id)
        assert asking.end() == 0 and site.read_bytes() == NEW
    finally:
        way.unlink()


def test_a_link_that_the_requester_can_change_is_refused_and_the_real_path_is_named(house: House, site: Path, copy: Path) -> None:
    """THREATS R-34."""
    way = HOME / "way"
    way.symlink_to(PLACE)
    try:
        (PLACE / "free/x").write_bytes(OLD)
        done = house.sudo("alice", "-e", str(way / "free/x"), "--from", str(copy))
        assert (
            done.returncode == 126
            and f"through a link, or by .. out of a directory, that others can change: {HOME} belongs to" in done.stderr
        ), done
        assert f"name the file by its real path, {PLACE}/free/x" in done.stderr
        (PLACE / "plain").write_bytes(OLD)
        done = house.sudo("alice", "-e", str(way / "plain"), "--from", str(copy))
        assert done.returncode == 121 and "leads through" not in done.stderr, done  # what no rule permits is not looked at
    finally:
        way.unlink()
    (PLACE / "sealed").mkdir(mode=0o700)  # and nobody is told of a link that they cannot see
    (PLACE / "sealed/way").symlink_to(PLACE / "free")
    os.chown(PLACE / "sealed", 4002, 4002)
    done = house.sudo("alice", "-e", str(PLACE / "sealed/way/x"), "--from", str(copy))
    assert done.returncode != 0 and "link" not in done.stderr and "free/x" not in done.stderr, done
    assert (PLACE / "free/x").read_bytes() == OLD


def test_a_directory_that_the_requester_can_replace_is_no_way_to_another_file(house: House, copy: Path) -> None:
    """THREATS R-34: Whoever stands in it means the directory above, and names it without the one that they leave."""
    mine, file = HOME / "mine", PLACE / "free/x"
    mine.mkdir()
    os.chown(mine, 4001, 4001)
    try:
        file.write_bytes(OLD)
        done = house.sudo("alice", "-e", f"{mine}/../../..{file}", "--from", str(copy))
        assert done.returncode == 126 and f"that others can change: {HOME} belongs to" in done.stderr, done
        assert f"name the file by its real path, {file}" in done.stderr and file.read_bytes() == OLD
        done = house.sudo("alice", "-e", f"./../.././..{file}", "--from", str(copy), cwd=str(mine))
        assert done.returncode == 0 and file.read_bytes() == NEW, done
    finally:
        mine.rmdir()


def test_the_account_that_writes_needs_its_own_rights(house: House, copy: Path) -> None:
    file = PLACE / "free/bobs"
    file.write_bytes(OLD)
    os.chown(file, 4002, 4002)
    done = house.sudo("alice", "-u", "bob", "-e", str(file), "--from", str(copy))
    assert done.returncode == 126 and "bob may not write in the directory of" in done.stderr, done
    assert file.read_bytes() == OLD
    assert f"your text is kept: jitsudo -u bob -e {file} --from {copy}" in done.stderr, done
    os.chown(PLACE / "free", 4002, 4002)
    done = house.sudo("alice", "-u", "bob", "-e", str(file), "--from", str(copy))
    assert done.returncode == 0 and file.read_bytes() == NEW and file.stat().st_uid == 4002, done
    os.chown(file, 4002, 0)
    copy.write_bytes(OLD)
    done = house.sudo("alice", "-u", "bob", "-e", str(file), "--from", str(copy))
    assert done.returncode == 126 and "the group root, which bob could not give back" in done.stderr, done
    done = house.sudo("alice", "-u", "carol", "-e", str(file), "--from", str(copy))
    assert done.returncode == 126, done


def test_a_file_on_a_file_system_in_memory_is_edited_and_no_program_on_it_is_believed(house: House, copy: Path) -> None:
    """THREATS X-19: as below /run, which is mounted with nosuid."""
    place = PLACE / "free"
    subprocess.run(["mount", "-t", "tmpfs", "-o", "nosuid,nodev,mode=755", "none", place], check=True)
    try:
        file, program = place / "run.conf", place / "tool"
        file.write_bytes(OLD)
        program.write_text("#!/bin/sh\n")
        program.chmod(0o755)
        done = house.sudo("alice", "-e", str(file), "--from", str(copy))
        assert done.returncode == 0 and file.read_bytes() == NEW, done
        done = house.sudo("alice", str(program))
        assert done.returncode != 0 and "its mount is nosuid" in done.stderr, done
    finally:
        subprocess.run(["umount", place], check=True)


def test_what_a_check_says_is_read_by_approvers_and_in_the_record_and_the_requester_reads_their_own_line(
    house: House, copy: Path
) -> None:
    """THREATS R-36."""
    file = PLACE / "said/x"
    file.parent.mkdir()
    file.write_bytes(OLD)
    (PLACE / "secret").write_text("/root/secret:1: hunter2\n")
    (PLACE / "secret").chmod(0o600)
    asking = house.ask("alice", "-e", str(file), "--from", str(copy))
    house.approved(asking.id)
    assert asking.end() == 1 and file.read_bytes() == OLD and os.listdir(file.parent) == ["x"]
    lead, more = "the check /bin/sh says no (status 3)", f"(2 more lines are visible to approvers: jitd show {asking.id})"
    assert f"{file} was not written: {lead}\n{file}:1: {NEW.decode().splitlines()[0]}\n{more}" in asking.err, asking.err
    house.at_rest()
    theirs, (run,) = json.dumps(shown_to(house, "alice", asking.id)), shown_to(house, "bob", asking.id)["runs"]
    pages = [house.jitd("show", asking.id, who=who).stdout for who in ("alice", "bob")]
    assert run["said"] == [lead, f"{file}:1: bad", "/root/secret:1: hunter2"]
    assert "hunter2" not in asking.err + theirs + pages[0] + json.dumps(house.rows("runs", who="alice")), pages[0]
    assert "its check" in pages[1] and "/root/secret:1: hunter2" in pages[1], pages[1]
    lines = [json.loads(line) for line in house.jitd("audit", "show", "--json", "--id", asking.id).stdout.splitlines()]
    assert next(line["detail"]["said"] for line in lines if line["event"] == "run.ended").endswith("\n/root/secret:1: hunter2")
    assert house.jitd("audit", "pack", asking.id, f"--out={house.root}/said.zip").returncode == 0
    assert "hunter2" not in house.jitd("audit", "show", "--id", asking.id).stdout  # a line of it goes to journals and collectors


def test_who_keeps_the_old_text_is_said_before_and_on_the_page(house: House, site: Path, copy: Path) -> None:
    free = PLACE / "free/site.conf"
    free.write_bytes(OLD)
    (PLACE / "into").touch()
    words = 'for one; do mount --bind "$one" "$0" || exit; done; exec cat'
    command = ["unshare", "--mount", "sh", "-c", words, PLACE / "into", site, free]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as held:
        assert held.stdin is not None and held.stdout is not None
        held.stdin.write(b"mounted\n")
        held.stdin.flush()
        assert held.stdout.readline() == b"mounted\n"  # said by cat
        told = f"cat ({held.pid}), which keeps the old text until it is started again"
        asking = house.ask("alice", "-e", str(site), "--from", str(copy))
        page = house.jitd("show", asking.id, who="bob").stdout
        house.deny(asking.id)
        asking.end()
        assert f"jitsudo: {site} itself is mounted in {told}\n" in asking.err, asking.err
        assert f"the file itself, in {told}" in " ".join(page.split()), page
        done = house.sudo("alice", "-e", str(free), "--from", str(copy))  # nobody is asked
        assert done.returncode == 0 and f"jitsudo: {free} itself is mounted in {told}\n" in done.stderr, done
        held.stdin.close()


def test_who_loses_what_is_mounted_over_the_file_is_said_before_and_on_the_page(house: House, site: Path, copy: Path) -> None:
    """THREATS R-38."""
    free, over = PLACE / "free/site.conf", PLACE / "over"
    free.write_bytes(OLD)
    over.write_bytes(b"other\n")
    words = 'for one; do mount --bind "$0" "$one" || exit; done; exec cat'
    command = ["unshare", "--mount", "sh", "-c", words, over, site, free]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as held:
        assert held.stdin is not None and held.stdout is not None
        held.stdin.write(b"mounted\n")
        held.stdin.flush()
        assert held.stdout.readline() == b"mounted\n"  # said by cat
        asking = house.ask("alice", "-e", str(site), "--from", str(copy))
        page = " ".join(house.jitd("show", asking.id, who="bob").stdout.split())
        told = f"something is mounted over {site} in cat ({held.pid}): this takes it off, and the file is seen there"
        assert f"jitsudo: {told}\n" in asking.err, asking.err
        assert f"UNCOVERS the file in cat ({held.pid}): what is mounted over it there is taken off" in page, page
        seen = Path(f"/proc/{held.pid}/root{site}")
        assert seen.read_bytes() == b"other\n"
        house.approved(asking.id)
        assert asking.end() == 0 and seen.read_bytes() == NEW, asking.err
        assert house.sudo("alice", "-e", str(free), "--from", str(copy)).returncode == 0  # nobody is asked, and it is not refused
        held.stdin.close()


REFUSED = [
    ("site", 121, "no rule permits this"),
    ("link.conf", 126, f"is a link to {PLACE}/free/x: name that file"),
    ("hard.conf", 126, "it has 2 names"),
    ("binary.conf", 126, f"another file is written over it by jitsudo cp FILE {PLACE}/binary.conf"),
    ("sealed/x", 121, "no rule permits this"),
]


@pytest.mark.parametrize(("name", "status", "why"), REFUSED)
def test_what_no_text_would_change_is_refused_before_the_editor_is_run(
    house: House, site: Path, name: str, status: int, why: str
) -> None:
    file = PLACE / name
    (PLACE / "site").write_bytes(OLD)
    (PLACE / "free/x").write_bytes(OLD)
    (PLACE / "link.conf").symlink_to("free/x")
    os.link(PLACE / "free/x", PLACE / "hard.conf")
    (PLACE / "sealed").mkdir(mode=0o700)
    (PLACE / "binary.conf").write_bytes(b"a\0b")
    ran = HOME / "ran"
    done = house.run("alice", "env", f"EDITOR=touch {ran}", "jitsudo", "-e", str(file))
    assert (done.returncode, ran.exists()) == (status, False) and "no text was requested: " in done.stderr, done
    assert why in done.stderr and "your text is kept" not in done.stderr, done


def test_that_nobody_could_approve_is_said_before_the_editor_is_run(house: House, site: Path, editor: Path) -> None:
    file = PLACE / "alone/x"
    file.parent.mkdir()
    file.write_bytes(OLD)
    told = "nobody can give the approval of group:alice at present"  # she alone is in it, and asks
    editor.write_text(f'#!/bin/sh\ngrep -q "{told}" {house.root}/said/edit.err && touch /home/alice/opened\n')
    (house.root / "said").chmod(0o755)
    house.root.chmod(0o755)
    asking = edit(house, f"EDITOR={editor}", str(file))
    assert asking.end() == 0 and told in asking.err and (HOME / "opened").exists(), asking.err
    asking = edit(house, "EDITOR=/bin/true", str(site))
    assert asking.end() == 0 and "at present" not in asking.err, asking.err


def test_the_question_whether_a_file_may_be_edited_is_answered_as_the_rule_does(house: House, site: Path) -> None:
    for words in (("-l", "-e"), ("-e", "-l"), ("-le",), ("-l", "sudoedit"), ("-l", "--edit")):
        done = house.sudo("alice", *words, str(site))
        assert done.returncode == 0 and done.stdout.startswith(f"sudoedit {site}\n"), (words, done)
        assert "rule site requires 1 approval from group:ops" in done.stdout, done
        done = house.sudo("alice", *words, "/etc/passwd")
        assert done.returncode == 1 and "denied: no rule permits this" in done.stdout, done
    done = house.sudo("alice", "-l", "-e", "edits/../edits/site.conf", cwd="/etc")
    assert done.returncode == 0 and f"sudoedit {site}" in done.stdout, done
    (PLACE / "sealed").mkdir(mode=0o700)
    (PLACE / "sealed/x").write_bytes(OLD)
    for target, told in (
        ("free", f"is a link to {PLACE}/free: name that file"),
        ("sealed/x", "is a link: name the file to which"),
    ):
        (PLACE / "link.conf").symlink_to(target)
        done = house.sudo("alice", "-l", "-e", str(PLACE / "link.conf"))
        assert done.returncode == 1 and told in done.stdout and "sealed" not in done.stdout, done
        (PLACE / "link.conf").unlink()
    done = house.sudo("alice", "-l", "-e", str(site), "/etc/passwd")
    assert done.returncode == 1 and "no rule permits this" in done.stdout, done
    done = house.sudo("alice", "-l", "-e", *[str(site)] * 17)
    assert done.returncode == 120 and "-e edits 1 to 16 files a request" in done.stderr, done
    told = house.jitd("explain", "--as", "alice", "--", "sudoedit", str(site)).stdout
    assert "site" in told and "no rule permits" not in told, told
    assert house.kept("requests") == []


def test_a_question_about_an_edit_tells_nothing_of_a_file_that_no_rule_is_about(house: House) -> None:
    """THREATS R-30."""
    secret = PLACE / "sealed"
    secret.mkdir(mode=0o700)
    said = set()
    for name in ("there", "absent", "link", "directory"):
        file = secret / name
        if name == "there":
            file.write_bytes(b"a\0b")
        elif name == "link":
            file.symlink_to("/etc/passwd")
        elif name == "directory":
            file.mkdir()
        done = house.sudo("alice", "-l", "-e", str(file))
        said.add((done.returncode, done.stdout.replace(name, "NAME"), done.stderr.replace(name, "NAME")))
    assert len(said) == 1, said


def test_a_text_that_nobody_could_read_is_refused(house: House, site: Path, copy: Path) -> None:
    for text in (b"a\0b", b"x" * (64 * 1024 + 1)):
        copy.write_bytes(text)
        done = house.sudo("alice", "-e", str(site), "--from", str(copy))
        assert done.returncode == 120 and "KiB" in done.stderr, done


def test_the_record_has_the_file_and_the_digests_and_what_changed_is_told_to_who_may_read_the_texts(
    house: House, site: Path, copy: Path
) -> None:
    asking = house.ask("alice", "--reason", "CHG-1", "-e", str(site), "--from", str(copy))
    house.approved(asking.id)
    assert asking.end() == 0
    before, after = (hashlib.sha256(text).hexdigest() for text in (OLD, NEW))
    sentence = f"asked to edit {site} as root (SHA-256 {before[:16]} to {after[:16]})"
    shown = house.jitd("audit", "show", "--id", asking.id).stdout
    assert f'alice@EXAMPLE.TEST {sentence}: "CHG-1"' in shown, shown
    lines = [json.loads(line) for line in house.jitd("audit", "show", "--json", "--id", asking.id).stdout.splitlines()]
    detail = lines[0]["detail"]
    assert (detail["argv"], detail["text_before"], detail["text_after"]) == (["sudoedit", str(site)], before, after)
    report = re.sub("<[^>]*>", "", house.jitd("audit", "report", "--html=-").stdout)
    assert f"sudoedit {site}" in report
    assert house.jitd("audit", "pack", asking.id, f"--out={house.root}/edit.zip").returncode == 0
    with zipfile.ZipFile(house.root / "edit.zip") as pack:
        contents = {name: pack.read(name) for name in pack.namelist()}
    page = contents["index.html"].decode()
    assert all(words in page for words in ("an edit of", str(site), before, after)), page
    assert contents[f"texts/{before}"] == OLD and contents[f"texts/{after}"] == NEW
    with_texts = [shown, page]
    assert all("listen 80" in text for text in with_texts)
    others = [content.decode("latin-1") for name, content in contents.items() if name != "index.html" and "texts/" not in name]
    assert not any("listen 80" in text for text in (json.dumps(lines), report, house.log_file.read_text(), *others))


def test_no_record_has_a_text_of_an_edit(house: House, site: Path, copy: Path) -> None:
    word = "a-word-of-this-text-alone"
    copy.write_text(f"{word}\n")
    asking = house.ask("alice", "-e", str(site), "--from", str(copy))
    house.approved(asking.id)
    assert asking.end() == 0
    assert word not in str(house.records())


def test_the_check_of_the_rule_runs_before_the_text_is_written(house: House, copy: Path) -> None:
    file = PLACE / "checked/x"
    file.parent.mkdir()
    file.write_bytes(OLD)
    copy.write_bytes(b"listen 81;\n")
    done = house.sudo("alice", "-e", str(file), "--from", str(copy))
    assert done.returncode == 1 and "the check /bin/grep says no (status 1)" in done.stderr and "--from" in done.stderr, done
    assert file.read_bytes() == OLD
    copy.write_bytes(NEW)
    done = house.sudo("alice", "-e", str(file), "--from", str(copy))
    assert done.returncode == 0 and file.read_bytes() == NEW, done


def test_what_was_submitted_without_waiting_is_written_at_its_resume_and_once(house: House, site: Path, copy: Path) -> None:
    done = house.sudo("alice", "--no-wait", "-e", str(site), "--from", str(copy))
    id = done.stdout.strip()
    assert done.returncode == 0 and "your text is kept" in done.stderr, done
    house.approved(id)
    assert site.read_bytes() == OLD
    copy.write_bytes(b"something else\n")  # what counts is what was sent
    assert house.sudo("alice", "--resume", id).returncode == 0 and site.read_bytes() == NEW
    site.write_bytes(OLD)
    assert house.sudo("alice", "--resume", id).returncode != 0 and site.read_bytes() == OLD


def _sent_again(said: str) -> tuple[str, ...]:
    """Return the words of the line that says how a kept text is sent again, after ``jitsudo``."""
    (line,) = (line for line in said.splitlines() if "your text is kept: jitsudo " in line)
    return tuple(line.split("your text is kept: jitsudo ")[1].split())


def test_a_text_that_its_resume_has_not_written_is_sent_again_as_the_sentence_says(house: House, copy: Path) -> None:
    file = PLACE / "said/x"
    file.parent.mkdir()
    file.write_bytes(OLD)
    os.chown(file.parent, 4002, 4002)
    os.chown(file, 4002, 4002)

    def submitted() -> str:
        return house.sudo("alice", "--no-wait", "-u", "bob", "-e", str(file), "--from", str(copy)).stdout.strip()

    checked, denied = submitted(), submitted()
    copy.unlink()
    house.approved(checked, "carol")
    assert house.deny(denied, "carol").returncode == 0
    for id, status, told in ((checked, 1, "says no (status 3)"), (denied, 121, "it is denied")):
        done = house.sudo("alice", "--resume", id)
        words = _sent_again(done.stderr)
        kept = Path(words[-1])
        assert done.returncode == status and told in done.stderr and words[:-1] == ("-u", "bob", "-e", str(file), "--from"), done
        assert kept.read_bytes() == NEW and kept.stat().st_uid == 4001 and kept.parent.stat().st_mode & 0o77 == 0
        again = house.ask("alice", *words)
        assert house.deny(again.id, "carol").returncode == 0 and again.end() == 122 and file.read_bytes() == OLD
        shutil.rmtree(kept.parent)


def test_after_a_resume_nothing_is_said_of_a_text_that_was_written_or_that_waits(house: House, site: Path, copy: Path) -> None:
    id = house.sudo("alice", "--no-wait", "-e", str(site), "--from", str(copy)).stdout.strip()
    before = sorted(Path("/var/tmp").iterdir())
    done = house.sudo("alice", "-n", "--resume", id)
    assert done.returncode == 118 and "your text is kept" not in done.stderr, done
    house.approved(id)
    assert house.sudo("alice", "--resume", id).returncode == 0 and site.read_bytes() == NEW
    done = house.sudo("alice", "--resume", id)
    assert done.returncode == 121 and "your text is kept" not in done.stderr, done
    assert sorted(Path("/var/tmp").iterdir()) == before


def written(house: House, file: Path, text: Path, who: str = "alice") -> str:
    """Have ``who`` change ``file``, and return the id."""
    asking = house.ask(who, "-e", str(file), "--from", str(text))
    house.approved(asking.id, "carol")
    assert asking.end() == 0 and file.read_bytes() == text.read_bytes(), asking.err
    return asking.id


def test_an_edit_is_taken_back_by_a_request_of_its_own_with_its_own_approval(house: House, site: Path, copy: Path) -> None:
    """THREATS R-37."""
    first = written(house, site, copy)
    undone = house.ask("alice", "--reason", "wrong port", "-e", "--undo", first)
    row = shown_to(house, "bob", undone.id)
    (text,) = row["scripts"]
    assert (unshown(text["before"]), unshown(text["text"])) == (NEW, OLD) and row["argv"] == ["sudoedit", str(site)]
    page = " ".join(house.jitd("show", undone.id, who="bob").stdout.split())
    assert f"undoes {first}, and nothing that was written since" in page and "1 line taken out (-), 1 line put in (+)" in page
    assert site.read_bytes() == NEW
    house.approved(undone.id)
    assert undone.end() == 0 and site.read_bytes() == OLD, undone.err
    lines = [json.loads(line) for line in house.jitd("audit", "show", "--json", "--id", undone.id).stdout.splitlines()]
    digests = [hashlib.sha256(text).hexdigest() for text in (NEW, OLD)]
    assert [lines[0]["detail"][name] for name in ("undoes", "text_before", "text_after")] == [first, *digests]
    assert f"asked to take back what {first} has written: to edit {site}" in house.jitd("audit", "show", "--id", undone.id).stdout
    assert house.jitd("audit", "pack", undone.id, f"--out={house.root}/undone.zip").returncode == 0
    again = house.ask("alice", "-e", "--undo", undone.id)  # the text that was approved once is approved once more
    assert house.deny(again.id).returncode == 0 and again.end() == 122 and site.read_bytes() == OLD
    done = house.sudo("alice", "-e", "--undo", first)
    assert done.returncode == 126 and f"another text than {first} has written: somebody has changed it since" in done.stderr, done
    assert f"jitsudo -e {site}" in done.stderr and site.read_bytes() == OLD


def test_an_edit_is_not_taken_back_over_what_others_have_written_since(house: House, site: Path, copy: Path) -> None:
    """THREATS R-37."""
    id = written(house, site, copy)
    for change, told in (
        (lambda: site.write_bytes(NEW + b"theirs\n"), "has another text than"),
        (lambda: (site.write_bytes(NEW), site.chmod(0o600)), "no longer has the owner, the group and the mode"),
    ):
        before = len(house.kept("requests", ended=True))
        change()
        now = site.read_bytes()
        done = house.sudo("alice", "-n", "-e", "--undo", id)
        assert done.returncode == 126 and told in done.stderr and site.read_bytes() == now, done
        assert len(house.kept("requests", ended=True)) == before
    site.chmod(0o644)
    asking = house.ask("alice", "-e", "--undo", id)
    asked = asking.id
    site.write_bytes(NEW + b"theirs\n")  # after the request
    assert house.jitd("approve", "--yes", asked, who="bob").returncode != 0
    assert asking.end() == 121 and site.read_bytes() == NEW + b"theirs\n"


def test_what_cannot_be_taken_back_is_said_and_nothing_is_requested(house: House, site: Path, copy: Path) -> None:
    denied = house.sudo("alice", "--no-wait", "-e", str(site), "--from", str(copy)).stdout.strip()
    waiting = house.sudo("alice", "--no-wait", "-e", str(site), "--from", str(copy)).stdout.strip()
    assert house.deny(denied).returncode == 0
    command = house.sudo("alice", "--no-wait", "true").stdout.strip()
    before = len(house.kept("requests", ended=True))
    for id, status, told in (
        (denied, 121, "has written nothing"),
        (waiting, 121, "has written nothing"),
        (command, 120, "is not an edit"),
        ("0000-0000", 121, "no"),
    ):
        done = house.sudo("alice", "-e", "--undo", id)
        assert done.returncode == status and told in done.stderr, done
    done = house.sudo("eve", "-e", "--undo", denied)  # it is not hers to see
    assert done.returncode == 121 and "written" not in done.stderr and str(site) not in done.stderr, done
    for words in (("-e", "--undo", denied, str(site)), ("-u", "bob", "-e", "--undo", denied), ("-l", "--undo", denied)):
        assert house.sudo("alice", *words).returncode == 120
    assert len(house.kept("requests", ended=True)) == before and site.read_bytes() == OLD
    for id in (waiting, command):
        house.jitd("withdraw", id, who="alice")


def test_who_cannot_read_the_file_is_told_neither_text_of_what_they_take_back(house: House, site: Path, copy: Path) -> None:
    """THREATS R-37."""
    site.chmod(0o600)
    site.write_bytes(b"password = hunter2\n")
    id = written(house, site, copy)  # she sends a text of her own, and never sees the old one
    asking = house.ask("alice", "-e", "--undo", id)
    (theirs,), (text,) = (shown_to(house, who, asking.id)["scripts"] for who in ("alice", "bob"))
    assert (theirs["before"], theirs["text"]) == (None, None) and unshown(text["text"]) == b"password = hunter2\n"
    page = house.jitd("show", asking.id, who="alice").stdout
    secret = hashlib.sha256(b"password = hunter2\n").hexdigest()
    record = house.jitd("audit", "show", "--json", "--id", asking.id).stdout
    assert "hunter2" not in page + asking.err + record and secret not in record and secret not in page, page
    assert f"undoes {id}" in " ".join(page.split()) and "the texts are told to you only if you can read the file" in page, page
    house.approved(asking.id)
    assert asking.end() == 0 and site.read_bytes() == b"password = hunter2\n"
    site.write_bytes(NEW)
    site.chmod(0o644)  # whoever reads it now would read what they could not read then
    done = house.sudo("alice", "-n", "-e", "--undo", id)
    assert done.returncode == 126 and "no longer has the owner" in done.stderr and site.read_bytes() == NEW, done


def test_a_text_once_readable_is_not_told_any_more_to_who_cannot_read_the_file_now(house: House, copy: Path) -> None:
    """THREATS R-37."""
    place, file = PLACE / "way", PLACE / "way/site.conf"
    place.mkdir()
    file.write_bytes(OLD)
    house.set_policy(RULES.replace("/etc/edits/*.conf", "/etc/edits/way/*.conf"))
    house.reload()
    try:
        id = written(house, file, copy)
        place.chmod(0o700)
        asking = house.ask("alice", "-e", "--undo", id)
        (theirs,) = shown_to(house, "alice", asking.id)["scripts"]
        assert (theirs["before"], theirs["text"]) == (None, None)
        house.deny(asking.id)
        asking.end()
    finally:
        house.set_policy(RULES)
        house.reload()


def test_an_edit_that_its_resume_has_not_taken_back_is_asked_for_again_by_its_id(house: House, site: Path, copy: Path) -> None:
    id = written(house, site, copy)
    undone = house.sudo("alice", "--no-wait", "-e", "--undo", id).stdout.strip()
    assert house.deny(undone).returncode == 0
    done = house.sudo("alice", "--resume", undone)
    assert done.returncode == 121 and f"to ask for it again: jitsudo -e --undo {id}" in done.stderr, done
    asked = house.sudo("alice", "--no-wait", "-e", "--undo", id).stdout.strip()
    house.approved(asked)
    assert house.sudo("alice", "--resume", asked).returncode == 0 and site.read_bytes() == OLD


def test_an_edit_is_taken_back_by_the_account_that_has_written_it(house: House, copy: Path) -> None:
    (PLACE / "free").chmod(0o755)
    file = PLACE / "free/bobs"
    file.write_bytes(OLD)
    for one in (PLACE / "free", file):
        os.chown(one, 4002, 4002)
    done = house.sudo("alice", "--no-wait", "-u", "bob", "-e", str(file), "--from", str(copy))
    id = done.stdout.strip()
    assert house.sudo("alice", "--resume", id).returncode == 0 and file.read_bytes() == NEW
    done = house.sudo("alice", "-e", "--undo", id)
    assert done.returncode == 0 and file.read_bytes() == OLD and file.stat().st_uid == 4002, done
    (row,) = (row for row in house.rows("requests", "--all") if row.get("edit", {}).get("undoes") == id)
    assert row["run_as"] == "bob", row


def test_what_was_revoked_is_not_written(house: House, site: Path, copy: Path) -> None:
    id = house.sudo("alice", "--no-wait", "-e", str(site), "--from", str(copy)).stdout.strip()
    house.approved(id)
    assert house.ended("revoke", id).returncode == 0
    assert house.sudo("alice", "--resume", id).returncode != 0 and site.read_bytes() == OLD


def test_root_needs_no_rule_and_is_kept_from_the_same_places(house: House, site: Path, copy: Path) -> None:
    done = house.sudo("root", "-e", "/etc/edits/site.conf", "--from", str(copy))
    assert done.returncode == 0 and site.read_bytes() == NEW, done
    copy.write_bytes(OLD)
    done = house.sudo("root", "-e", str(copy), "--from", str(site))
    assert done.returncode == 126 and "others could make" in done.stderr, done
