# SPDX-License-Identifier: Apache-2.0
"""What verify.py finds in a pack that the host itself has signed, and what it says of one that is whole."""

from __future__ import annotations

import ast
import hashlib
import json
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cryptography
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from jitd.audit import sshsig
from jitd.audit.findings import Flaw
from jitd.audit.keys import read_keys
from jitd.audit.lines import verify_lines
from jitd.audit.telling import EVERYTHING, SIGHTS, WITHOUT_CONTENTS
from jitd.core import grant, holding, lock, owed_review, request
from jitd.core import run as run_of
from jitd_evidence.pack import verify
from tests.evidence.packs import HOST, ID, OWN, RUN, Host, words, wrong, zipped
from tests.evidence.test_mutated_packs import _changed, _joined

WITNESS = Ed25519PrivateKey.from_private_bytes(bytes([5] * 32))
STRANGER = Ed25519PrivateKey.from_private_bytes(bytes([7] * 32))

Files = dict[str, bytes]


def line_of(key: Ed25519PrivateKey) -> str:
    return sshsig.public_line(key.public_key().public_bytes_raw(), "")


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Host:
    made = Host(tmp_path_factory.mktemp("host"))
    made.others(9)
    made.live()
    made.others(3, "CCCC")
    made.denied()
    return made


# --- what is whole -----------------------------------------------------------------------------------------------------------


def test_a_pack_of_a_host_is_whole_and_the_same_in_each_spelling_of_the_key(host: Host) -> None:
    data = zipped(host.pack())
    assert wrong(data) == wrong(data, host.public) == []
    assert wrong(data, f'jitd@{host.public.rpartition("@")[2]} namespaces="jitd-checkpoint,jitd-key" {host.public}') == []


def test_without_a_key_of_the_host_it_says_that_nothing_but_the_pack_says_whose_key_it_is(host: Host) -> None:
    data = zipped(host.pack())
    assert "NOTHING BUT THE PACK SAYS" in words(data)
    told = words(data, host.public)
    assert "To you, because you gave a key of the host" in told and "NOTHING BUT" not in told
    assert sshsig.fingerprint(sshsig.read_public(host.public)) in told


def test_a_pack_that_somebody_has_forged_from_the_first_record_is_refused_with_the_key_of_the_host(
    host: Host, tmp_path: Path
) -> None:
    """THREATS L-27. Its chain, its signatures and its page are right, as those of another host are."""
    forged = Host(tmp_path / "forged")
    forged.live(reason="nobody asked for this")
    data = zipped(forged.pack())
    assert wrong(data) == [] and "NOTHING BUT THE PACK SAYS" in words(data)
    assert any("does not follow the key that you gave" in one for one in wrong(data, host.public))
    assert wrong(data, forged.public) == []


def test_a_key_that_was_rotated_is_good_by_the_one_before_it_and_one_that_was_lost_is_not(tmp_path: Path) -> None:
    """THREATS L-27."""
    host = Host(tmp_path / "host")
    first = host.public
    host.live()
    host.rotate()
    data = zipped(host.pack())
    assert host.public != first
    assert wrong(data, first) == wrong(data, host.public) == []
    (host.path / "signing-key").unlink()
    host.again()
    data = zipped(host.pack())
    assert wrong(data) == []
    assert any("does not follow the key" in one for one in wrong(data, first))
    assert wrong(data, first, host.public) == []


def test_who_has_got_a_key_that_was_replaced_cannot_forge_a_pack_that_the_new_key_proves(tmp_path: Path) -> None:
    """THREATS L-27: the record about the new key is known to all. The thief repeats it, and says that the old one came back."""
    host = Host(tmp_path / "host")
    host.signing.sign()
    stolen = host.public
    shutil.copytree(host.path, tmp_path / "thief")
    host.rotate()
    rotated = next(body["detail"] for body in host.bodies() if body["event"] == "key.rotated")
    thief = Host(tmp_path / "thief")
    assert thief.public == stolen != host.public
    thief.lifecycle.note("key.rotated", "root", 0, rotated)
    made = {"host": HOST, "public": stolen.rpartition(" ")[0], "because": "lost", "before": rotated["public"]}
    thief.lifecycle.note("key.made", "jitd", 0, made)
    thief.live(reason="nobody asked for this")
    data = zipped(thief.pack())
    assert any("names a key that the host had before" in one for one in wrong(data, host.public))
    found: list[Flaw] = []
    lines = [(str(at), line) for at, line in enumerate(thief.pack()["records.jsonl"].decode().splitlines())]
    verify_lines(lines, found.append, given=read_keys(host.public))
    assert any("names a key that was replaced before" in str(one) for one in found), found
    host.live()
    assert wrong(zipped(host.pack()), host.public) == []


def test_a_key_counts_for_the_host_that_its_comment_names(tmp_path: Path) -> None:
    """THREATS L-27: an auditor keeps the keys of all hosts in one file, and root of one host speaks for another."""
    host = Host(tmp_path / "host")
    host.live()
    data = zipped(host.pack())
    other = f"{line_of(STRANGER)} jitd@db2.example.test"
    (tmp_path / "windows.pub").write_text(f"\ufeff{host.public}\r\n")
    (tmp_path / "a.zip").write_bytes(data)
    assert verify.main([str(tmp_path / "a.zip"), "--key", str(tmp_path / "windows.pub")]) == 0
    assert wrong(data, f"{other}\n{host.public}\n") == [] and wrong(data, host.public.rpartition(" ")[0]) == []
    of_another = f"{host.public.rpartition(' ')[0]} jitd@db2.example.test"
    assert any("does not follow the key that you gave" in one for one in wrong(data, of_another))


def told_in_part(line: dict[str, Any]) -> dict[str, Any]:
    """As the daemon tells a record to somebody who may not see all of it."""
    digest = verify.read_line(1, json.dumps(line, separators=(",", ":"))).digest.hex()
    found = {("digest" if name == "sealed" else name): digest if name == "sealed" else part for name, part in line.items()}
    hidden: dict[str, Any] = {name: verify.HIDDEN for name in ("random", "document") if name in found}
    return {**found, **hidden, "values": []}


def with_lines(files: Files, name: str, change: Callable[[dict[str, Any]], dict[str, Any] | None]) -> None:
    lines = [change(json.loads(line)) for line in files[name].splitlines()]
    files[name] = b"".join(json.dumps(line, separators=(",", ":")).encode() + b"\n" for line in lines if line is not None)


def test_what_is_told_in_part_is_not_called_proved_whatever_a_witness_has_signed(tmp_path: Path) -> None:
    """THREATS L-27: root tells a record otherwise than it was sealed, and says that its reader may not see all of it."""
    host = Host(tmp_path / "host")
    host.live()
    host.witness(WITNESS)

    def change(files: Files) -> None:
        def tell(line: dict[str, Any]) -> dict[str, Any]:
            is_meant = line.get("event") == "request.reviewed"
            if line.get("event") == "request.submitted":  # nor is its reader told what they had to have the objects for
                hidden = {"argv": ["psql", "‹hidden›"], "reason": "‹hidden›", "variables": "‹hidden›"}
                values = [one for one in line["values"] if one["field"] not in hidden]
                return {**line, "detail": {**line["detail"], **hidden}, "values": values}
            return {**told_in_part(line), "actor": "mallory@EXAMPLE.TEST"} if is_meant else line

        with_lines(files, "records.jsonl", tell)
        files["documents.jsonl"] = b""
        files["index.html"] = verify.page(files, ID)

    files = host.pack(change=change)
    told = words(zipped(files), host.public, witnesses=[line_of(WITNESS)])
    n = sum(b'"form":"jitd record 1"' in line for line in files["records.jsonl"].splitlines())
    proved, _, rest = told.partition("To whom:")
    assert f"- {n - 1} records: as the host has sealed them" in proved
    assert f"This covers {n - 1} of the {n} records." in rest
    assert "- What is told of 1 record: 5. A part is hidden" in rest.partition("Not proved:")[2]
    assert b"<b>what is told of records 5: a part is hidden" in files["index.html"]


@pytest.mark.parametrize("which", ["document", "recording"])
def test_a_record_that_is_told_in_part_proves_no_object_and_no_recording(which: str, tmp_path: Path) -> None:
    """THREATS L-27: its digests are what the host says, and nothing that was sealed."""
    host = Host(tmp_path / "host")
    host.live()

    def change(files: Files) -> None:
        digest = ""

        def forge(line: dict[str, Any]) -> dict[str, Any]:
            nonlocal digest
            if (line["life"], line["id"]) == ("run", RUN):
                line = {**line, "document": line["document"].replace("4711", "4712"), "values": []}
                digest = hashlib.sha256(line["document"].encode()).hexdigest()
            return line

        def tell(line: dict[str, Any]) -> dict[str, Any]:
            if (line.get("event"), line.get("id")) != ("run.ended", RUN):
                return line
            return told_in_part(line) | ({"document": digest} if which == "document" else {})

        if which == "document":
            with_lines(files, "documents.jsonl", forge)
        else:
            with_lines(files, "documents.jsonl", lambda line: line if line["id"] != RUN else None)
        with_lines(files, "records.jsonl", tell)

    found = wrong(zipped(host.pack(change=change)), host.public)
    expected = {
        "document": "hides a part of a record, and not what is",
        "recording": "no record that is shown tells of a recording",
    }
    assert any(expected[which] in one for one in found), found


@pytest.mark.parametrize("is_running", [True, False])
def test_a_run_that_is_left_out_is_missed(is_running: bool, tmp_path: Path) -> None:
    """THREATS L-27: the maker shows the digests of all records about it."""
    host = Host(tmp_path / "host")
    host.live(until="running" if is_running else "ended")

    def change(files: Files) -> None:
        def hide(line: dict[str, Any]) -> dict[str, Any]:
            if not str(line.get("event")).startswith("run.") or line.get("id") != RUN:
                return line
            return {"form": "jitd digest 1", "host": HOST, "number": line["number"], "digest": told_in_part(line)["digest"]}

        with_lines(files, "records.jsonl", hide)
        with_lines(files, "documents.jsonl", lambda line: line if line["id"] != RUN else None)
        for name in [name for name in files if name.startswith("recordings/")]:
            del files[name]
        files["index.html"] = verify.page(files, ID)

    assert wrong(zipped(host.pack(change=change)), host.public) == [
        f"records.jsonl: records about the run or thing {RUN} are missing"
    ]
    assert wrong(zipped(host.pack()), host.public) == []


def test_the_countersignature_of_a_witness_counts_if_its_key_is_known(tmp_path: Path) -> None:
    host = Host(tmp_path / "host")
    host.live()
    host.witness(WITNESS)
    data = zipped(host.pack())
    assert "No witness that you know has countersigned a head (w1 did, whose key you did not give)" in words(data, host.public)
    assert "No witness that you know" in words(data, host.public, witnesses=[line_of(STRANGER)])
    told = words(data, host.public, witnesses=[line_of(WITNESS)])
    assert "- The witness w1 has countersigned the head of record" in told
    n = len([line for line in host.pack()["records.jsonl"].splitlines() if b'"form":"jitd record 1"' in line])
    assert f"This covers {n} of the {n} records." in told


def test_a_countersignature_is_said_to_cover_only_what_leads_to_it(tmp_path: Path) -> None:
    """THREATS L-27: root can sign an old segment anew, and put it beside one that a witness has seen."""
    host = Host(tmp_path / "host")
    host.others(9)
    host.signing.sign()
    host.others(9, "EEEE")
    host.signing.sign()
    host.live()
    host.witness(WITNESS)
    told = words(zipped(host.pack()), host.public, witnesses=[line_of(WITNESS)])
    assert "This covers 14 of the 16 records." in told
    assert "2 of those that are shown are held together by the key of the host alone" in told


def test_a_countersignature_of_another_head_is_found(tmp_path: Path) -> None:
    """THREATS L-27: the host has written its past again, after a witness had seen it."""
    host = Host(tmp_path / "host")
    host.live()
    seen = host.witness(WITNESS)
    again = Host(tmp_path / "again")
    again.live(reason="another reason")
    again.witnessed = [seen]
    assert any("not what led to this countersignature" in one for one in wrong(zipped(again.pack())))


def test_what_the_reader_may_not_see_and_what_was_forgotten_are_commitments_that_still_verify(tmp_path: Path) -> None:
    host = Host(tmp_path / "host")
    host.live(reason="sWordfish-reason", comment="sWordfish-comment")
    hidden = host.pack(sight=WITHOUT_CONTENTS)
    assert wrong(zipped(hidden), host.public) == []
    assert b"sWordfish" not in zipped(hidden)
    assert hidden["index.html"].count(b'<span class="gone">hidden <small>') > 2
    host.forget()
    data = host.pack()
    assert wrong(zipped(data), host.public) == []
    assert b"sWordfish" not in zipped(data)
    assert data["index.html"].count(b'<span class="gone">forgotten <small>') > 2


# --- what the host has signed, and is not true ---------------------------------------------------------------------------------


def of_line(
    name: str, which: Callable[[dict[str, Any]], bool], change: Callable[[dict[str, Any]], Any]
) -> Callable[[Files], None]:
    """Change the first line of a file that ``which`` selects."""

    def apply(files: Files) -> None:
        lines = [json.loads(line) for line in files[name].splitlines()]
        found = next(line for line in lines if which(line))
        change(found)
        files[name] = b"".join(json.dumps(line, separators=(",", ":")).encode() + b"\n" for line in lines)

    return apply


def without_line(name: str, which: Callable[[dict[str, Any]], bool]) -> Callable[[Files], None]:
    def apply(files: Files) -> None:
        lines = files[name].splitlines()
        at = next(at for at, line in enumerate(lines) if which(json.loads(line)))
        files[name] = b"".join(line + b"\n" for n, line in enumerate(lines) if n != at)

    return apply


def is_event(event: str) -> Callable[[dict[str, Any]], bool]:
    return lambda line: line.get("event") == event


def edited(line: dict[str, Any]) -> None:
    """The record says something else, sealed and told."""
    line["sealed"] = line["sealed"].replace('"verdict":"approve"', '"verdict":"deny"')
    line["detail"]["verdict"] = "deny"


def said_otherwise(line: dict[str, Any]) -> None:
    value = next(value for value in line["values"] if value["field"] == "reason")
    value["value"] = line["detail"]["reason"] = "nothing much"


def replaced(name: str, old: bytes, new: bytes) -> Callable[[Files], None]:
    def apply(files: Files) -> None:
        found = next(one for one in files if one.startswith(name))
        assert old in files[found]
        files[found] = files[found].replace(old, new)

    return apply


def without_record_and_its_digest(files: Files) -> None:
    """All records about the review, its numbers closed."""
    lines = [json.loads(line) for line in files["records.jsonl"].splitlines()]
    kept = [line for line in lines if line.get("event") != "request.reviewed"]
    files["records.jsonl"] = b"".join(json.dumps(line, separators=(",", ":")).encode() + b"\n" for line in kept)


def hidden_as_a_digest(files: Files) -> None:
    """The chain stays whole: the answer of the policy stands as a digest only."""
    lines = []
    for line in map(json.loads, files["records.jsonl"].splitlines()):
        if line.get("event") == "request.screened":
            digest = verify.read_line(1, json.dumps(line, separators=(",", ":"))).digest.hex()
            line = {"form": "jitd digest 1", "host": line["host"], "number": line["number"], "digest": digest}
        lines.append(json.dumps(line, separators=(",", ":")).encode() + b"\n")
    files["records.jsonl"] = b"".join(lines)


def by_a_stranger(line: dict[str, Any]) -> None:
    line["signature"] = sshsig.sign(STRANGER, "jitd-checkpoint", line["signed"].encode())


def is_form(form: str) -> Callable[[dict[str, Any]], bool]:
    return lambda line: line["form"] == f"jitd {form} 1"


def is_life(life: str) -> Callable[[dict[str, Any]], bool]:
    return lambda line: line["life"] == life


def another_use(line: dict[str, Any]) -> None:
    line["document"] = line["document"].replace('"left":0', '"left":1')


RECORDS, DOCUMENTS = "records.jsonl", "documents.jsonl"
RECORDING, OTHER_RECORDING = f"recordings/{RUN}.jitd", f"recordings/{ID}.jitd"
OTHER_PAGE = "index.html: is not the page of this pack"
LIES: dict[str, tuple[Callable[[Files], Any], str]] = {
    "a record is edited": (of_line(RECORDS, is_event("request.reviewed"), edited), "is not what was sealed"),
    "a record is told otherwise": (
        of_line(RECORDS, is_event("request.reviewed"), lambda line: line.update(actor="dave@EXAMPLE.TEST")),
        "is told otherwise than it was sealed",
    ),
    "a reason is another one": (
        of_line(RECORDS, is_event("request.submitted"), said_otherwise),
        "the value reason is not the one to which record 9 commits",
    ),
    "a record is missing": (without_record_and_its_digest, "are missing"),
    "a record is a digest only": (hidden_as_a_digest, f"records about request {ID} are missing before record"),
    "a digest is missing": (without_line(RECORDS, is_form("digest")), "are missing"),
    "a digest is another one": (
        of_line(RECORDS, is_form("digest"), lambda line: line.update(digest="00" * 32)),
        "one of the records 3 to 9 is not what was sealed",
    ),
    "a head is signed by another key": (
        of_line(RECORDS, is_form("checkpoint"), by_a_stranger),
        "which is not the key that the record names for it",
    ),
    "an object is another one": (of_line(DOCUMENTS, is_life("grant"), another_use), f"grant {ID} is not as record"),
    "an object has another value": (
        of_line(DOCUMENTS, is_life("request"), lambda line: line["values"][0].update(value="x")),
        f"to which request {ID} commits",
    ),
    "the policy is another one": (replaced("policy-", b"need = 1", b"need = 2"), "this is not the policy with this digest"),
    "the recording is another one": (
        replaced(RECORDING, b"DROP\r", b"drop\r"),
        "has a chunk that was changed or damaged: number 1",
    ),
    "the end of the recording is cut off": (
        lambda files: files.update({RECORDING: files[RECORDING][: files[RECORDING].rindex(b"-\0")]}),
        "is not the recording of which the record of the end",
    ),
    "the recording is of another run": (
        lambda files: files.update({OTHER_RECORDING: files[RECORDING]}),
        f"no record that is shown tells of a recording of run {ID}",
    ),
    "there is a picture, as early versions drew": (
        lambda files: files.update({f"recordings/{RUN}-1.svg": b"<svg/>"}),
        f"no pack has a file with the name recordings/{RUN}-1.svg",
    ),
    "the page is another one": (replaced("index.html", b"bob@EXAMPLE.TEST", b"dave@EXAMPLE.TEST"), OTHER_PAGE),
    "an asciicast controls the terminal": (
        replaced(f"recordings/{RUN}.cast", b"{}", b"\x1b]52;c;cm0K\x07"),
        "has characters that control a terminal",
    ),
    "what the pack tells its reader to do is another thing": (
        replaced("README.txt", b"Use the one of a jitd that you trust", b"Use this one"),
        "README.txt: is not the one of this pack",
    ),
    "the trace is another one": (replaced("trace.json", b"permits", b"passes"), OTHER_PAGE),
}


@pytest.mark.parametrize("lie", LIES)
def test_a_lie_of_a_host_that_signs_its_pack_is_found(lie: str, tmp_path: Path) -> None:
    """THREATS L-27: who has got the key of the host can make a new pack, and not another past."""
    change, sentence = LIES[lie]
    host = Host(tmp_path / "host")
    host.others(2)
    host.live()
    assert wrong(zipped(host.pack()), host.public) == []
    found = wrong(zipped(host.pack(change=change)), host.public)
    assert any(sentence in one for one in found), found


def test_a_member_of_the_records_or_objects_that_is_changed_is_found_whoever_signs_the_pack(host: Host) -> None:
    """THREATS L-27. ``about`` is no part of a record, and the host alone says it."""
    for seed in range(150):
        draw = random.Random(seed)
        name = draw.choice(("records.jsonl", "documents.jsonl"))

        def change(files: Files, draw: random.Random = draw, name: str = name) -> None:
            lines = files[name].decode().splitlines()
            at = draw.randrange(len(lines))
            before = json.loads(lines[at])
            while (after := _changed(draw, before)) is None or _without_about(after) == _without_about(before):
                pass
            lines[at] = json.dumps(after, separators=(",", ":"))
            files[name] = _joined(lines)

        found = wrong(zipped(host.pack(change=change)), host.public)
        assert any(one.startswith((name, "documents.jsonl")) for one in found), (seed, name, found)


def _without_about(line: Any) -> str:
    return json.dumps({name: part for name, part in line.items() if name != "about"} if isinstance(line, dict) else line)


def test_the_records_of_a_pack_are_judged_as_jitd_audit_verify_judges_a_file_of_them(host: Host) -> None:
    """Each segment by itself: `jitd audit verify FILE` expects all records from the first to the last."""
    files = host.pack()
    assert _as_a_file(files) == []
    n_agreed = 0
    for seed in range(60):
        draw = random.Random(seed)
        lines = files["records.jsonl"].decode().splitlines()
        at = draw.randrange(len(lines))
        found = json.loads(lines[at])
        name = draw.choice([name for name in found if name not in ("form", "about", "values", "host")])
        found[name] = draw.choice(("x", 7, "00" * 32)) if found[name] != "x" else "y"
        lines[at] = json.dumps(found, separators=(",", ":"))
        changed = {**files, "records.jsonl": _joined(lines)}
        ours = [one for one in wrong(zipped(changed)) if one.startswith("records.jsonl")]
        theirs = _as_a_file(changed)
        assert bool(ours) >= bool(theirs), (seed, name, ours, theirs)
        n_agreed += bool(ours) == bool(theirs)
    assert n_agreed > 50


def _as_a_file(files: Files) -> list[str]:
    """What `jitd audit verify FILE` finds in the first segment of the records."""
    lines: list[str] = []
    last = 0
    for line in files["records.jsonl"].decode().splitlines():
        number = json.loads(line).get("number")
        if type(number) is int and number > last + 1:
            break
        last = number if type(number) is int else last
        lines.append(line)
    found: list[str] = []
    verify_lines([(f"line {at}", line) for at, line in enumerate(lines, 1)], lambda finding: found.append(str(finding)))
    return found


# --- the program -----------------------------------------------------------------------------------------------------------


def run(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """verify.py by itself: nothing is on the path but cryptography, and the place is a copy."""
    only = cwd / "only"
    if not only.exists():
        only.mkdir()
        site = Path(cryptography.__file__).parent.parent
        for name in os.listdir(site):
            if name.startswith(("cryptography", "_cffi_backend", "cffi")):
                (only / name).symlink_to(site / name)
        (cwd / "verify.py").write_bytes(OWN)
    starter = f"import sys; sys.path.append({str(only)!r}); sys.argv = ['verify.py', *sys.argv[1:]]; "
    starter += "import runpy; runpy.run_path('verify.py', run_name='__main__')"
    return subprocess.run([sys.executable, "-I", "-S", "-c", starter, *arguments], cwd=cwd, capture_output=True, text=True)


def test_verify_py_needs_nothing_but_cryptography(host: Host, tmp_path: Path) -> None:
    files = host.pack()
    (tmp_path / "pack.zip").write_bytes(zipped(files))
    (tmp_path / "host.pub").write_text(host.public + "\n")
    done = run("pack.zip", "--key", "host.pub", "--page", "page.html", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert all(len(line) <= 80 for line in done.stdout.splitlines()[1:])
    first = f"pack of request {ID} on db1.example.test, made 2026-03-02T10:00:00Z for dave@EXAMPLE.TEST: whole"
    assert " ".join(done.stdout.split()).startswith(first)
    assert (tmp_path / "page.html").read_bytes() == files["index.html"]
    (tmp_path / "pack.zip").write_bytes(zipped({**files, "README.txt": b"Another.\n"}))
    done = run("pack.zip", "--key", "host.pub", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (
        1,
        "verify: README.txt: is not the file that the manifest names: its SHA-256 or its size is another one\n",
    )


def test_what_cannot_be_verified_at_all_is_told_with_status_2(tmp_path: Path) -> None:
    (tmp_path / "empty.zip").touch()
    (tmp_path / "no.pub").write_text("ssh-rsa AAAA\n")
    (tmp_path / "utf-16.pub").write_text(line_of(STRANGER), encoding="utf-16")
    for arguments, sentence in (
        (("missing.zip",), "verify: missing.zip: No such file or directory\n"),
        (("x\x1b[2J.zip",), "verify: 'x\\x1b[2J.zip': No such file or directory\n"),
        (("empty.zip", "--key", "utf-16.pub"), "verify: utf-16.pub: it is not a text in UTF-8\n"),
        (("empty.zip",), "verify: empty.zip: it is empty, or too large to be a pack\n"),
        (("empty.zip", "--key", "missing.pub"), "verify: missing.pub: No such file or directory\n"),
        (
            ("empty.zip", "--key", "no.pub"),
            "verify: no.pub: line 1 is not a public key, or has other options than namespaces\n",
        ),
    ):
        done = run(*arguments, cwd=tmp_path)
        assert (done.returncode, done.stdout, done.stderr) == (2, "", sentence)


def test_verify_py_is_python_3_9_and_imports_the_standard_library_and_cryptography_alone() -> None:
    tree = ast.parse(OWN, feature_version=(3, 9))
    names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    names |= {str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    roots = {name.partition(".")[0] for name in names}
    assert roots - sys.stdlib_module_names == {"cryptography"}
    assert not roots & {"zipfile", "subprocess", "urllib", "socket", "http", "pickle", "tomllib"}


def test_a_pack_with_another_verify_py_is_whole_and_its_page_is_said_not_to_be_compared(host: Host) -> None:
    later = {"verify.py": OWN + b"# later\n", "index.html": b"<p>x"}
    data = zipped(host.pack(change=lambda files: files.update(later)))
    assert wrong(data, host.public) == []
    told = words(data, host.public)
    assert "- index.html and README.txt: another verify.py was in the pack, so this one cannot compare them." in told
    assert "are what this verify.py makes" not in told


def test_a_pack_of_what_goes_on_is_whole_and_says_so(host: Host, tmp_path: Path) -> None:
    """A maker of a pack may also leave out how something ended."""
    assert "What happened later" not in words(zipped(host.pack()), host.public)
    begun = Host(tmp_path / "begun")
    begun.live(until="running")
    told = words(zipped(begun.pack()), begun.public)
    assert f"- What happened later. When the pack was made: grant {ID} active, run {ID} running, run {RUN} running." in told


def test_verify_py_knows_in_which_states_an_object_has_ended() -> None:
    laws: dict[str, Any] = {"request": request.LAW, "grant": grant.LAW, "run": run_of.LAW, "holding": holding.LAW}
    laws |= {"owed_review": owed_review.LAW, "lock": lock.LAW}
    found = {life: {str(state) for state, events in law.items() if not events} for life, law in laws.items()}
    assert found == {life: set(states) for life, states in verify.ENDED.items()}


# --- packs that are made to harm who verifies them ----------------------------------------------------------------------------


def test_a_host_that_signs_nonsense_is_told_of_in_a_finding_and_stops_nothing(host: Host) -> None:
    """THREATS L-27: whatever type a member of its JSON has. What the page does not use may be anything."""
    n_found = 0
    for seed in range(200):
        draw = random.Random(seed)
        name = draw.choice(("records.jsonl", "trace.json", "documents.jsonl"))

        def change(files: Files, draw: random.Random = draw, name: str = name) -> None:
            lines = files[name].decode().splitlines() or ["{}"]
            at = draw.randrange(len(lines))
            lines[at] = json.dumps(_changed(draw, json.loads(lines[at])), separators=(",", ":"))
            files[name] = _joined(lines)

        n_found += bool(wrong(zipped(host.pack(sight=WITHOUT_CONTENTS if seed % 2 else EVERYTHING, change=change))))
    assert n_found > 150


@pytest.mark.parametrize("member", ["id", "made_at", "host", "by", "jitd"])
def test_nothing_of_a_pack_reaches_the_terminal_of_who_verifies_it(host: Host, member: str) -> None:
    """THREATS L-27."""
    files = host.pack(change=lambda files: files.update({"verify.py": b"another"}))
    manifest = json.loads(files["manifest.json"]) | {member: "x\x1b[2J\u202e"}
    files = host.signed({**files, "manifest.json": (json.dumps(manifest, separators=(",", ":")) + "\n").encode()}, ID)
    verdict = verify.verify(zipped(files), OWN)
    said = [*map(str, verdict.findings), *([] if verdict.findings else verify.told(verdict, b"", has_key=False))]
    assert all(line.isprintable() and "\u202e" not in line for line in said), said


def test_what_would_take_for_ever_to_compare_is_compared_at_once() -> None:
    """THREATS L-27. Each of these took hours."""
    words = ["‹hidden›"] * 100_000
    assert not verify._is_told(words, [{"committed": "00" * 32}, *words[1:], "x"], {})
    assert len(verify.shown("W" * 1_000_000 + "é")) == 1_000_001
    value = verify.Value("00" * 32, "x", b"", None)
    sealed = verify.canonical([{"committed": f"{n:064x}"} for n in range(20_000)])
    assert verify.commitments_in(sealed) >= {value.committed, f"{19_999:064x}"}


def test_more_keys_than_a_host_can_have_are_refused() -> None:
    """THREATS L-27."""
    said = {"event": "key.made", "detail": {"host": "h", "public": line_of(WITNESS), "before": line_of(WITNESS)}}
    line = verify.Line(1, "record", "h", 1, content=said)
    found: list[verify.Finding] = []
    lines = [("records.jsonl", line._replace(number=n)) for n in range(verify.MOST_KEYS + 9)]
    verify.check_signatures(lines, (), (), found.append)
    assert str(found[-1]) == "records.jsonl, line 1: there are more records about keys than 1000"


@pytest.mark.parametrize("name", ["json.py", "hashlib.py", "cryptography.py", "argparse.py"])
def test_nothing_that_lies_beside_verify_py_is_run(host: Host, tmp_path: Path, name: str) -> None:
    """THREATS L-27: a pack comes in a mail with other files, and Python looks beside a script first."""
    (tmp_path / "pack.zip").write_bytes(zipped(host.pack()))
    (tmp_path / "verify.py").write_bytes(OWN)
    (tmp_path / name).write_text("raise SystemExit('run')\n")
    done = subprocess.run([sys.executable, "verify.py", "pack.zip"], cwd=tmp_path, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_record_that_is_there_in_part_is_marked_on_the_page(host: Host) -> None:
    hidden = host.pack(sight=SIGHTS["id"])
    assert wrong(zipped(hidden), host.public) == []
    n_part = sum(1 for line in hidden["records.jsonl"].splitlines() if b'"form":"jitd record' in line and b'"sealed"' not in line)
    assert n_part == hidden["index.html"].count(b"<small>in part</small>") > 0
    told = words(zipped(hidden), host.public)
    assert f"- What is told of {n_part} records: " in told.partition("Not proved:")[2]
    assert b"<b>what is told of records " in hidden["index.html"] and b"<b>what is told of" not in host.pack()["index.html"]
