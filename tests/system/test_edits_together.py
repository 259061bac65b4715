# SPDX-License-Identifier: Apache-2.0
"""``jitsudo -e A B``: several files get their texts by one request, all of them or none. Real files, daemons and editors."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from jitpam.wire import messages
from jitpam.wire.shown import unshown
from tests.attacks.raw import asked, connected, shown_to
from tests.system.conftest import Asking, House, house_with
from tests.system.halting import Halt
from tests.waiting import is_living, status_of, wait_for

PLACE = Path("/etc/together")
HOME = Path("/home/alice")
OLD = b"listen 80;\nroot /srv;\n"
NEW = b"mine\n" + OLD
RULES = """
[[permit]]
name = "site"
who = ["group:dba"]
run_as = ["*"]
commands = [["sudoedit", "/etc/together/*.conf"]]
approvals = [{ need = 1, from = ["group:ops"] }]

[[permit]]
name = "carols"
who = ["group:dba"]
commands = [["sudoedit", "/etc/together/carols/*"]]
approvals = [{ need = 1, from = ["group:carol"] }]

[[permit]]
name = "free"
who = ["group:dba"]
commands = [["sudoedit", "/etc/together/free/*"]]
run = { new = "0644" }

[[permit]]
name = "only-one"
who = ["group:dba"]
commands = [["sudoedit", "/etc/together/when/*"]]
when = 'request.argv[1] == "/etc/together/when/one"'

[[permit]]
name = "checked"
who = ["group:dba"]
commands = [["sudoedit", "/etc/together/checked/*"]]
run = { check = ["/bin/sh", "-c", "cmp /etc/together/checked/one /etc/together/checked/two; echo $? >>/run/together-compared; \
cmp -s /etc/together/checked/one /etc/together/checked/two && ! grep -q refused {file}"] }

[[permit]]
name = "slow"
who = ["group:dba"]
commands = [["sudoedit", "/etc/together/slow/*"]]
approvals = [{ need = 1, from = ["group:ops"] }]
run = { check = ["/bin/sh", "-c", "touch /run/together-checked; while test ! -e /run/together-may-go; do sleep 0.05; done", "x"] }
"""
CHECKED, MAY_GO, COMPARED = (Path(f"/run/together-{name}") for name in ("checked", "may-go", "compared"))


house = house_with(RULES)


@pytest.fixture(autouse=True)
def place() -> Iterator[Path]:
    for name in ("carols", "free", "when", "checked", "slow"):
        (PLACE / name).mkdir(parents=True)
        for file in ("one", "two"):
            (PLACE / name / file).write_bytes(OLD)
    for name in ("a.conf", "b.conf", "c.conf"):
        (PLACE / name).write_bytes(OLD)
    yield PLACE
    shutil.rmtree(PLACE)
    for one in (CHECKED, MAY_GO, COMPARED):
        one.unlink(missing_ok=True)


@pytest.fixture
def editor() -> Iterator[Path]:
    """An editor of alice's that puts a line in front of each copy, and notes how many it was given."""
    made, copies = HOME / "ed.sh", HOME / "copies"
    copies.mkdir()
    os.chown(copies, 4001, 4001)
    made.write_text('#!/bin/sh\necho $# >/home/alice/opened\nsed -i "1i mine" "$@"\n')
    made.chmod(0o755)
    yield made
    made.unlink()
    shutil.rmtree(copies)
    (HOME / "opened").unlink(missing_ok=True)


def words(editor: Path, *files: Path | str) -> tuple[str, ...]:
    return ("env", f"EDITOR={editor}", f"TMPDIR={HOME}/copies", "jitsudo", "-e", *map(str, files))


def edit(house: House, editor: Path, *files: Path | str) -> CompletedProcess[str]:
    return house.run("alice", *words(editor, *files))


def ask(house: House, editor: Path, *files: Path | str) -> Asking:
    out, err = (house.root / f"said/together.{end}" for end in ("out", "err"))
    with out.open("wb") as to_out, err.open("wb") as to_err:
        line = house.line("alice", *words(editor, *files))
        return Asking(subprocess.Popen(line, stdin=subprocess.DEVNULL, stdout=to_out, stderr=to_err, cwd="/"), out, err)


def texts(*files: Path) -> list[bytes]:
    return [file.read_bytes() for file in files]


def test_two_files_are_edited_by_one_editor_one_page_and_one_answer(house: House, place: Path, editor: Path) -> None:
    """THREATS R-40."""
    a, b = place / "a.conf", place / "b.conf"
    b.chmod(0o640)
    os.chown(b, 0, 4001)
    asking = ask(house, editor, b, a)
    row = shown_to(house, "bob", asking.id)
    assert (HOME / "opened").read_text() == "2\n"
    assert row["argv"] == ["sudoedit", str(a), str(b)] and [one["mode"] for one in row["edits"]] == ["0644", "0640"]
    assert "edit" not in row and "makes" not in row
    assert [(one["path"], unshown(one["before"]), unshown(one["text"])) for one in row["scripts"]] == [
        (str(a), OLD, NEW),
        (str(b), OLD, NEW),
    ]
    page = house.jitd("show", asking.id, who="bob").stdout
    assert "2 files: all of them, or none" in page and page.count("+    1       mine\n") == 2, page
    for number, file in enumerate((a, b), 1):
        (named,) = (line.split() for line in page.splitlines() if f"{file}, which keeps" in line)
        assert named[:2] == ["file", str(number)], "a text is named by this number, and not by the path once more"
    texts_of = [line.split(";")[0].split() for line in page.splitlines() if "exactly this text is written" in line]
    assert [words[:2] for words in texts_of] == [["text", "1"], ["text", "2"]] and str(a) not in " ".join(texts_of[0]), page
    assert texts(a, b) == [OLD, OLD]
    house.approved(asking.id)
    assert asking.end() == 0, asking.err
    assert texts(a, b) == [NEW, NEW]
    status = b.stat()
    assert (status.st_mode & 0o7777, status.st_uid, status.st_gid) == (0o640, 0, 4001)
    assert not [name for name in os.listdir(place) if "jitsudo" in name] and os.listdir(HOME / "copies") == []
    run = house.at_rest().run_of(asking.id)
    assert run.outcome is not None and (str(run.outcome.ending), run.outcome.number) == ("exited", 0)
    told = house.jitd("audit", "show", "--id", asking.id, who="dave").stdout
    assert f"to edit {a} {b} together" in told and told.count("mine") == 2, told


def test_what_the_editor_has_not_changed_falls_out_and_one_file_alone_is_an_ordinary_edit(
    house: House, place: Path, editor: Path
) -> None:
    editor.write_text('#!/bin/sh\nsed -i "1i mine" "$1" "$2"\n')
    asking = ask(house, editor, place / "b.conf", place / "a.conf", place / "c.conf")
    row = shown_to(house, "bob", asking.id)
    assert row["argv"] == ["sudoedit", str(place / "a.conf"), str(place / "b.conf")]
    assert f"{place}/c.conf unchanged" in asking.err
    house.deny(asking.id)
    assert asking.end() == 122
    editor.write_text('#!/bin/sh\nsed -i "1i mine" "$2"\n')
    asking = ask(house, editor, place / "b.conf", place / "a.conf")
    row = shown_to(house, "bob", asking.id)
    assert row["argv"] == ["sudoedit", str(place / "a.conf")] and "edits" not in row and row["edit"]["mode"] == "0644"
    house.approved(asking.id)
    assert asking.end() == 0 and texts(place / "a.conf", place / "b.conf") == [NEW, OLD]
    editor.write_text("#!/bin/sh\n")
    done = edit(house, editor, place / "b.conf", place / "c.conf")
    assert done.returncode == 0 and done.stderr.count(" unchanged\n") == 2, done


def test_a_text_that_was_denied_is_kept_for_each_file_and_the_sentence_says_how_it_is_sent(
    house: House, place: Path, editor: Path
) -> None:
    asking = ask(house, editor, place / "a.conf", place / "b.conf")
    house.deny(asking.id)
    assert asking.end() == 122
    kept = [part.removeprefix("jitsudo: ") for part in asking.err.splitlines() if "your text is kept" in part]
    assert len(kept) == 2
    for line, file in zip(kept, ("a.conf", "b.conf"), strict=True):
        sent = line.removeprefix("your text is kept: jitsudo ").split(" ")
        assert sent[:3] == ["-e", str(place / file), "--from"] and Path(sent[3]).read_bytes() == NEW


def test_each_file_is_judged_by_its_own_rule_and_all_approvals_are_needed(house: House, place: Path, editor: Path) -> None:
    """THREATS R-40."""
    files = place / "a.conf", place / "carols/one", place / "free/one"
    asking = ask(house, editor, *files)
    row = shown_to(house, "bob", asking.id)
    assert row["rule"] == "carols and free and site" and row["owed"] == 2
    house.approved(asking.id)
    assert texts(*files) == [OLD] * 3 and shown_to(house, "bob", asking.id)["state"] == "pending"
    house.approved(asking.id, "carol")
    assert asking.end() == 0 and texts(*files) == [NEW] * 3, asking.err


def test_one_file_that_no_rule_permits_is_a_no_for_all_of_them(house: House, place: Path, editor: Path) -> None:
    """THREATS R-40."""
    (place / "other").write_bytes(OLD)
    before = len(house.kept("requests", ended=True))
    done = edit(house, editor, place / "free/one", place / "other")
    assert done.returncode == 121 and "no rule permits this" in done.stderr and not (HOME / "opened").exists(), done
    with connected(house, "alice") as raw:
        message = together(place / "free/one", place / "other")
        assert isinstance(raw.ask(message)[-1], messages.Refused)
    assert texts(place / "free/one", place / "other") == [OLD, OLD]
    done = edit(house, editor, place / "when/one", place / "when/two")  # each by itself, also for what a rule computes
    assert done.returncode == 121 and not (HOME / "opened").exists(), done
    assert len(house.kept("requests", ended=True)) == before + 1


def together(*files: Path | bytes, new: tuple[bytes, ...] = (), **fields: object) -> messages.Edits:
    paths = [os.fsencode(file) for file in files]
    told = {"argv": [b"sudoedit", *paths], "texts": list(new) or [NEW] * len(paths), "bases": [b""] * len(paths)}
    return messages.Edits(**(asked() | {"waits": False, "if_owed": False} | told | fields))


LONG = b"x" * 40 * 1024
REFUSED = [
    ("named twice", lambda place: ((place / "a.conf", place / "a.conf"), {}), "/a.conf is named twice"),
    ("by a way round", lambda place: ((place / "a.conf", place / "free/../a.conf"), {}), "/a.conf is named twice"),
    ("hard links", lambda place: (linked(place), {}), "it has 2 names"),
    ("not there", lambda place: ((place / "a.conf", place / "free/new"), {}), "a new file is made by a request of its own"),
    ("unreadable", lambda place: (closed(place), {}), "you cannot read"),
    ("too long together", lambda place: ((place / "a.conf", place / "b.conf"), {"texts": [LONG, LONG]}), "64 KiB together"),
    ("a text too few", lambda place: ((place / "a.conf", place / "b.conf"), {"texts": [NEW]}), "each with its text"),
    ("a base too few", lambda place: ((place / "a.conf", place / "b.conf"), {"bases": [b""]}), "each with its text"),
    ("one alone", lambda place: ((place / "a.conf",), {}), "2 to 16 files"),
    ("seventeen", lambda place: (tuple(place / f"{n}.conf" for n in range(17)), {}), "2 to 16 files"),
    ("none", lambda place: ((place / "a.conf",), {"texts": [], "bases": []}), "no text"),
    ("another base", lambda place: ((place / "a.conf", place / "b.conf"), {"bases": [b"", bytes(32)]}), "was changed after your"),
]  # fmt: skip


def linked(place: Path) -> tuple[Path, Path]:
    os.link(place / "a.conf", place / "z.conf")
    return place / "a.conf", place / "z.conf"


def closed(place: Path) -> tuple[Path, Path]:
    (place / "b.conf").chmod(0o600)
    return place / "a.conf", place / "b.conf"


@pytest.mark.parametrize(("made", "because"), [one[1:] for one in REFUSED], ids=[one[0] for one in REFUSED])
def test_what_cannot_be_edited_together_is_refused_with_a_sentence_and_nothing_changes(
    house: House, place: Path, made: object, because: str
) -> None:
    """THREATS R-40."""
    files, fields = made(place)  # type: ignore[operator]
    before = {file: file.read_bytes() for file in place.rglob("*") if file.is_file()}
    with connected(house, "alice") as raw:
        answer = raw.ask(together(*files, **fields))[-1]
    assert isinstance(answer, messages.Refused) and because in answer.text, answer
    assert {file: file.read_bytes() for file in place.rglob("*") if file.is_file()} == before


def test_which_file_has_to_be_edited_alone_is_said_with_the_command_before_the_editor_is_run(
    house: House, place: Path, editor: Path
) -> None:
    editor.write_text(f"#!/bin/sh\ntouch {HOME}/was-run\n")
    closed(place)
    for file, told in (
        (
            place / "new.conf",
            "there is no {0}, and a new file is made by a request of its own: jitsudo -e {0}; leave it out here",
        ),
        (
            place / "b.conf",
            "you cannot read {0}, and such a file is edited by a request of its own: jitsudo -e {0}; leave it out",
        ),
    ):
        before = len(house.kept("requests", ended=True))
        done = edit(house, editor, place / "a.conf", file)
        assert done.returncode == 120 and told.format(file) in done.stderr, done
        assert len(house.kept("requests", ended=True)) == before and not (place / "new.conf").exists()
    assert not (HOME / "was-run").exists() and texts(place / "a.conf", place / "b.conf") == [OLD, OLD]


def test_the_old_texts_have_one_limit_together_too(house: House, place: Path) -> None:
    for file in ("a.conf", "b.conf"):
        (place / file).write_bytes(LONG)
    with connected(house, "alice") as raw:
        answer = raw.ask(together(place / "a.conf", place / "b.conf"))[-1]
    assert isinstance(answer, messages.Refused) and "edit them one by one" in answer.text, answer


def test_a_file_that_was_changed_after_the_approvers_look_keeps_all_as_they_are(house: House, place: Path, editor: Path) -> None:
    """THREATS R-40."""
    asking = ask(house, editor, place / "a.conf", place / "b.conf")
    shown_to(house, "bob", asking.id)
    (place / "b.conf").write_bytes(b"another\n")
    with pytest.raises(AssertionError):
        house.approved(asking.id)
    assert asking.end() != 0
    assert texts(place / "a.conf", place / "b.conf") == [OLD, b"another\n"]


def test_checks_see_all_new_texts_together_and_each_names_its_own_file(house: House, place: Path, editor: Path) -> None:
    """THREATS R-40."""
    one, two = place / "checked/one", place / "checked/two"
    done = edit(house, editor, one)
    assert done.returncode == 1 and texts(one, two) == [OLD, OLD], done  # alone, each differs from the other
    COMPARED.unlink()
    done = edit(house, editor, one, two)
    assert done.returncode == 0 and texts(one, two) == [NEW, NEW], done
    assert COMPARED.read_text() == "0\n0\n"


def test_if_the_check_of_one_file_says_no_none_is_written(house: House, place: Path, editor: Path) -> None:
    """THREATS R-40."""
    one, two = place / "checked/one", place / "checked/two"
    editor.write_text('#!/bin/sh\nsed -i "1i refused" "$@"\n')
    done = edit(house, editor, place / "free/one", one, two)
    assert done.returncode == 1 and "jitsudo: nothing was written: the check /bin/sh says no (status 1)" in done.stderr, done
    assert texts(place / "free/one", one, two) == [OLD] * 3
    assert sorted(os.listdir(place / "free")) == ["one", "two"]


@pytest.mark.parametrize(
    ("moment", "told", "n_new"),
    [
        ("after", "perhaps written: {one}; not written: {two}; left beside, perhaps: {left}/.one.jitsudo-*", 1),
        (
            "between",
            "written: {one}; perhaps written: {two}; left beside, perhaps: {left}/.one.jitsudo-*, {left}/.two.jitsudo-*",
            1,
        ),
        ("last", "written: {one}, {two}; left beside, perhaps: {left}/.one.jitsudo-*, {left}/.two.jitsudo-*", 2),
    ],
)
def test_who_kills_between_two_exchanges_is_told_which_files_stand(
    house: House, place: Path, editor: Path, moment: str, told: str, n_new: int
) -> None:
    """THREATS R-40."""
    one, two = place / "slow/one", place / "slow/two"
    asking = ask(house, editor, one, two)
    house.approved(asking.id)
    wait_for(CHECKED.exists)
    writer = int(status_of(int(status_of(the_check())["PPid"]))["PPid"])
    steps = {
        "after": ("after", "renameat2 .*one"),
        "between": ("before", "renameat2 .*two"),
        "last": ("before", "unlinkat .*one"),
    }
    with Halt(writer, [steps[moment]]) as halt:
        MAY_GO.touch()
        assert halt.reached() == writer
        os.kill(writer, signal.SIGKILL)
    assert asking.end() != 0
    assert texts(one, two) == [NEW] * n_new + [OLD] * (2 - n_new)
    said = told.format(one=one, two=two, left=one.parent)
    assert said in asking.err, asking.err
    run = house.at_rest().run_of(asking.id)
    assert run.outcome is not None and said in run.outcome.because
    left = {os.path.join(one.parent, name) for name in os.listdir(one.parent) if ".jitsudo-" in name}
    assert left and all(any(fnmatch(path, pattern) for pattern in said.split("perhaps: ")[-1].split(", ")) for path in left)
    assert f"-e {two} --from" in asking.err


def test_of_a_run_whose_monitor_is_killed_too_the_record_has_what_it_knew(house: House, place: Path, editor: Path) -> None:
    """THREATS R-40."""
    one, two = place / "slow/one", place / "slow/two"
    asking = ask(house, editor, one, two)
    house.approved(asking.id)
    wait_for(CHECKED.exists)
    writer = int(status_of(int(status_of(the_check())["PPid"]))["PPid"])
    plate, told = house.root / "run/runs" / asking.id, f"written: {one}; perhaps written: {two}"
    with Halt(writer, [("before", "renameat2 .*two")]) as halt:
        MAY_GO.touch()
        assert halt.reached() == writer
        wait_for(lambda: told.encode() in plate.read_bytes())
        monitor = int(status_of(writer)["PPid"])
        os.kill(monitor, signal.SIGKILL)
        wait_for(lambda: not is_living(monitor) and not is_living(writer))
    assert asking.end() != 0
    assert texts(one, two) == [NEW, OLD]
    run = house.at_rest().run_of(asking.id)
    assert run.outcome is not None and str(run.outcome.ending) == "lost", run.outcome
    assert f"; it had last heard: {told}; left beside, perhaps: {one.parent}/.one.jitsudo-*" in run.outcome.because


def the_check() -> int:
    lines = {int(one.name): (one / "cmdline").read_bytes() for one in Path("/proc").glob("[0-9]*") if (one / "cmdline").exists()}
    return next(pid for pid, line in lines.items() if b"\0touch /run/together-checked" in line)


def test_what_was_written_of_several_files_is_taken_back_by_one_request(house: House, place: Path, editor: Path) -> None:
    files = [place / name for name in ("a.conf", "b.conf", "c.conf")]
    files[2].write_bytes(OLD)
    asking = ask(house, editor, *files)
    house.approved(asking.id)
    assert asking.end() == 0 and texts(*files) == [NEW, NEW, NEW]
    back = house.ask("alice", "-e", "--undo", asking.id)
    page = " ".join(house.jitd("show", back.id, who="bob").stdout.split())
    assert f"undoes {asking.id}, and nothing that was written since: each file gets the text that it had before" in page
    assert page.count("- 1 mine") == 3, page
    assert texts(*files) == [NEW, NEW, NEW], "nothing is written before somebody has approved it"
    house.approved(back.id)
    assert back.end() == 0 and texts(*files) == [OLD, OLD, OLD]
    (submitted,) = [one for one in house.records() if one["event"] == "request.submitted" and one["id"] == back.id]
    assert submitted["detail"]["undoes"] == asking.id and len(submitted["detail"]["texts"]) == 3
    again = house.ask("alice", "-e", "--undo", back.id)
    house.approved(again.id)
    assert again.end() == 0 and texts(*files) == [NEW, NEW, NEW], "an undo is taken back in the same way"


def test_several_files_are_not_taken_back_if_one_of_them_was_changed_since(house: House, place: Path, editor: Path) -> None:
    files = [place / "a.conf", place / "b.conf"]
    asking = ask(house, editor, *files)
    house.approved(asking.id)
    assert asking.end() == 0
    files[1].write_bytes(b"another\n")
    done = house.sudo("alice", "-e", "--undo", asking.id)
    assert done.returncode == 126 and f"{files[1]} has another text than {asking.id} has written" in done.stderr, done
    assert texts(*files) == [NEW, b"another\n"]


def test_a_text_from_elsewhere_is_for_one_file(house: House, place: Path) -> None:
    done = house.sudo("alice", "-e", str(place / "free/one"), str(place / "free/two"), "--from", "/dev/null")
    assert done.returncode == 120 and "--from has the text of one file" in done.stderr, done
    assert texts(place / "free/one", place / "free/two") == [OLD, OLD]


def test_texts_that_their_resume_has_not_written_are_sent_again_as_the_sentence_says(house: House, place: Path) -> None:
    """The copies of before are not known to who resumes."""
    file, other = place / "a.conf", place / "b.conf"
    with connected(house, "alice") as raw:
        id = next(
            one.id for one in raw.ask(together(file, other, new=(b"first\n", b"second\n"), if_owed=True)) if hasattr(one, "id")
        )
    house.approved(id)
    other.write_bytes(b"another\n")
    done = house.sudo("alice", "--resume", id)
    assert done.returncode != 0 and texts(file, other) == [OLD, b"another\n"], done
    kept = [part.partition(" --from ")[2] for part in done.stderr.splitlines() if "your text is kept" in part]
    assert [Path(one.split("\n")[0]).read_bytes() for one in kept] == [b"first\n", b"second\n"], done
    for one in kept:
        shutil.rmtree(Path(one.split("\n")[0]).parent)


def test_the_question_whether_files_may_be_edited_together_is_answered_as_their_rules_do(house: House, place: Path) -> None:
    done = house.sudo("alice", "-l", "-e", str(place / "a.conf"), str(place / "carols/one"))
    assert done.returncode == 0 and "carols and site" in done.stdout, done
    done = house.sudo("alice", "-l", "-e", str(place / "a.conf"), "/etc/passwd")
    assert done.returncode == 1 and "no rule permits this" in done.stdout + done.stderr, done
