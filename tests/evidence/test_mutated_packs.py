# SPDX-License-Identifier: Apache-2.0
"""One thing is done to a pack: verify.py finds it, and names the file."""

from __future__ import annotations

import hashlib
import io
import json
import random
import re
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from jitd.audit import forms, sshsig
from jitd_evidence.pack import verify
from tests.evidence import packs
from tests.evidence.packs import wrong, zipped
from tests.evidence.test_making_packs import House
from tests.marks import full

A_FEW, MANY = 500, 10_000
"""Mutations every day, and in `make test-full`."""
STRANGER = Ed25519PrivateKey.from_private_bytes(bytes([7] * 32))
TEXTS = ("records.jsonl", "documents.jsonl", "proof.jsonl", "manifest.json", "trace.json")
LINES = TEXTS[:3]

Files = dict[str, bytes]
Mutation = Callable[[random.Random, Files], tuple[bytes, str]]
"""Makes another pack out of files, and says which file a finding must name. It is empty if the zip file itself is meant."""


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    made = House(tmp_path_factory.mktemp("host"))
    made.others(3)
    made.live()
    made.record()
    made.witness(Ed25519PrivateKey.from_private_bytes(bytes([5] * 32)))
    made.others(2, "CCCC")
    made.rotate()
    yield made
    made.workers.close()


@pytest.fixture(scope="module")
def files(host: House) -> Files:
    """As the daemon makes them."""
    made = host.make()
    assert wrong(zipped(made), host.public) == []
    return made


# --- what is done ----------------------------------------------------------------------------------------------------------


def a_bit(draw: random.Random, files: Files) -> tuple[bytes, str]:
    data = bytearray(zipped(files))
    data[draw.randrange(len(data))] ^= 1 << draw.randrange(8)
    return bytes(data), ""


def some_bytes(draw: random.Random, files: Files) -> tuple[bytes, str]:
    data = zipped(files)
    at, n = draw.randrange(len(data)), draw.choice((1, 2, 30, 46, 1000))
    put = draw.choice((b"", draw.randbytes(n), data[at : at + n] * 2))
    changed = data[:at] + put + data[at + n :]
    return (changed if changed != data else data[:-1]), ""


def bytes_outside(draw: random.Random, files: Files) -> tuple[bytes, str]:
    data = zipped(files)
    return draw.choice(
        (b"#!/bin/sh\n" + data, data + b"\0", data + data, data[: data.rindex(b"PK\5\6")] + b"x" + data[data.rindex(b"PK\5\6") :])
    ), ""


def packed_again(draw: random.Random, files: Files) -> tuple[bytes, str]:
    """By another program, which may compress, and may keep other dates and modes, and may leave comments."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", draw.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED))) as made:
        for name, content in files.items():
            entry = zipfile.ZipInfo(name, draw.choice(((1980, 1, 1, 0, 0, 0), (2026, 11, 27, 1, 2, 4))))
            entry.compress_type, entry.external_attr = made.compression, draw.choice((0o600, 0o644)) << 16
            made.writestr(entry, content)
        made.comment = draw.choice((b"", b"a comment"))
    data = out.getvalue()
    return (data if data != zipped(files) else data + b"x"), ""


def another_order(draw: random.Random, files: Files) -> tuple[bytes, str]:
    names = list(files)
    while names == list(files):
        draw.shuffle(names)
    return zipped({name: files[name] for name in names}), ""


def a_file_less(draw: random.Random, files: Files) -> tuple[bytes, str]:
    name = draw.choice(list(files))
    left = {other: content for other, content in files.items() if other != name}
    return zipped(left), name if name in verify.ALWAYS else "manifest.json"


def a_file_more(draw: random.Random, files: Files) -> tuple[bytes, str]:
    name = draw.choice(
        ("../../etc/passwd", "/etc/passwd", "recordings/../x", "a.txt", "recordings/AAAA-BBBB.jitd", "index.htm", "RECORDS.JSONL")
    )
    known = "manifest.json" if name.endswith("BBBB.jitd") else ""
    at = list(files).index("manifest.json")
    items = list(files.items())
    return zipped(dict([*items[:at], (name, b"x"), *items[at:]])), known


def content_of_a_file(draw: random.Random, files: Files) -> tuple[bytes, str]:
    name = draw.choice(list(files))
    data = bytearray(files[name])
    at = draw.randrange(len(data))
    put = draw.choice((bytes([data[at] ^ 1 << draw.randrange(8)]), b"", b" ", data[at : at + 1] * 2, b"\n"))
    changed = bytes(data[:at]) + put + bytes(data[at + 1 :])
    return zipped({**files, name: changed if changed != files[name] else changed + b"\n"}), name


def a_member(draw: random.Random, files: Files) -> tuple[bytes, str]:
    """One value within JSON becomes another one, or its name, or it is taken out, and all else is spelled as before."""
    name = draw.choice(TEXTS)
    lines = files[name].decode().splitlines()
    at = draw.randrange(len(lines))
    while (changed := _changed(draw, json.loads(lines[at]))) == json.loads(lines[at]) or changed is None:
        pass
    lines[at] = json.dumps(changed, separators=(",", ":"))
    return zipped({**files, name: _joined(lines)}), name


def digits_of_another_script(draw: random.Random, files: Files) -> tuple[bytes, str]:
    """A digit becomes one of another script wherever its word stands in the line, so that all that is said twice still agrees."""
    name = draw.choice(TEXTS)
    lines = files[name].decode().splitlines()
    at = draw.choice([at for at, line in enumerate(lines) if re.search("[0-9]", line)])
    times = re.findall(r"[0-9]{4}-[0-9-]+T[0-9:]+Z", lines[at])
    word = draw.choice(times if times and draw.random() < 0.5 else re.findall("[0-9a-f:.-]*[0-9][0-9a-f:.-]*", lines[at]))
    place = draw.choice([place for place, char in enumerate(word) if char.isdigit()])
    digit = draw.choice((0x0660, 0x0966, 0xFF10)) + int(word[place])
    lines[at] = lines[at].replace(word, f"{word[:place]}\\u{digit:04x}{word[place + 1 :]}")
    return zipped({**files, name: _joined(lines)}), name


def another_spelling(draw: random.Random, files: Files) -> tuple[bytes, str]:
    """The same JSON, in another order or with other spaces."""
    name = draw.choice(TEXTS)
    lines = files[name].decode().splitlines()
    at = draw.randrange(len(lines))
    found = json.loads(lines[at])
    turned = dict(reversed(found.items()))
    lines[at] = draw.choice((json.dumps(found), json.dumps(turned, separators=(",", ":")), lines[at] + " ", "\t" + lines[at]))
    return zipped({**files, name: _joined(lines)}), name


def lines_exchanged(draw: random.Random, files: Files) -> tuple[bytes, str]:
    name = draw.choice(LINES)
    lines = files[name].decode().splitlines()
    one, other = draw.sample(range(len(lines)), 2)
    lines[one], lines[other] = lines[other], lines[one]
    return zipped({**files, name: _joined(lines)}), name


def a_line_less(draw: random.Random, files: Files) -> tuple[bytes, str]:
    name = draw.choice(LINES)
    lines = files[name].decode().splitlines()
    del lines[draw.randrange(len(lines))]
    return zipped({**files, name: _joined(lines)}), name


def a_line_more(draw: random.Random, files: Files) -> tuple[bytes, str]:
    name = draw.choice(LINES)
    lines = files[name].decode().splitlines()
    other = draw.choice((draw.choice(lines), *(draw.choice(files[one].decode().splitlines()) for one in LINES)))
    lines.insert(draw.randrange(len(lines) + 1), other)
    return zipped({**files, name: _joined(lines)}), name


def a_foreign_key(draw: random.Random, files: Files) -> tuple[bytes, str]:
    """A head is signed by somebody else: rightly, but for the key."""
    name = draw.choice(("records.jsonl", "proof.jsonl"))
    lines = files[name].decode().splitlines()
    at = draw.choice([at for at, line in enumerate(lines) if '"signed"' in line and '"form":"jitd record' not in line])
    line = forms.read(lines[at])
    assert isinstance(line, forms.Checkpoint | forms.Countersignature)
    found = json.loads(lines[at])
    found["signature"] = sshsig.sign(STRANGER, line.NAMESPACE, line.signed.encode())
    lines[at] = json.dumps(found, separators=(",", ":"))
    return zipped({**files, name: _joined(lines)}), name


def manifest_as_well(draw: random.Random, files: Files) -> tuple[bytes, str]:
    """A file is changed, and the manifest follows."""
    while (name := draw.choice(list(files))) in ("manifest.json", "proof.jsonl"):
        pass
    return zipped(_manifested({**files, name: files[name] + b" "})), "manifest.json"


def manifest_and_record_as_well(draw: random.Random, files: Files) -> tuple[bytes, str]:
    """A file is changed, and the manifest follows, and so does the record about the pack, as far as who has no key can do it."""
    while (name := draw.choice(list(files))) in ("manifest.json", "proof.jsonl"):
        pass
    made = _manifested({**files, name: files[name] + b" "})
    before, after = (hashlib.sha256(one["manifest.json"]).hexdigest() for one in (files, made))
    lines = made["proof.jsonl"].decode().splitlines()
    at = next(at for at, line in enumerate(lines) if before in line)
    lines[at] = lines[at].replace(before, after)
    record, keeps_seal = json.loads(lines[at]), draw.random() < 0.5
    seal = record["seal"] if keeps_seal else hashlib.sha256(record["sealed"].encode()).hexdigest()
    lines[at] = json.dumps({**record, "seal": seal}, separators=(",", ":"))
    return zipped({**made, "proof.jsonl": _joined(lines)}), "proof.jsonl"


KINDS: tuple[Mutation, ...] = (
    a_bit, some_bytes, bytes_outside, packed_again, another_order, a_file_less, a_file_more, content_of_a_file, a_member,
    digits_of_another_script, another_spelling, lines_exchanged, a_line_less, a_line_more, a_foreign_key, manifest_as_well,
    manifest_and_record_as_well,
)  # fmt: skip


def _joined(lines: list[str]) -> bytes:
    return "".join(f"{line}\n" for line in lines).encode()


def _manifested(files: Files) -> Files:
    manifest = json.loads(files["manifest.json"])
    for part in manifest["files"]:
        part["size"], part["sha256"] = len(files[part["name"]]), hashlib.sha256(files[part["name"]]).hexdigest()
    return {**files, "manifest.json": (json.dumps(manifest, separators=(",", ":")) + "\n").encode()}


def _changed(draw: random.Random, found: Any) -> Any:
    if isinstance(found, dict) and found and draw.random() < 0.9:
        name = draw.choice(list(found))
        if draw.random() < 0.1:
            return {other: part for other, part in found.items() if other != name}
        return {other: _changed(draw, part) if other == name else part for other, part in found.items()}
    if isinstance(found, list) and found and draw.random() < 0.9:
        at = draw.randrange(len(found))
        return [_changed(draw, part) if n == at else part for n, part in enumerate(found)]
    if isinstance(found, str) and found:
        at = draw.randrange(len(found))
        return draw.choice((found[:at] + draw.choice("0aZ ‹\n\u0661\ud800") + found[at + 1 :], found + " ", "", found.upper()))
    if isinstance(found, bool):
        return draw.choice((not found, int(found)))
    if isinstance(found, int):
        return draw.choice((found + 1, found - 1, -found, str(found), float(found), 0))
    return draw.choice((None, [], {}, 0, "x", True))


# --- what is found ---------------------------------------------------------------------------------------------------------


def every_one_is_found(files: Files, key: str, n: int) -> None:
    for seed in range(n):
        draw = random.Random(seed)
        kind = KINDS[seed % len(KINDS)]
        data, name = kind(draw, files)
        if data == zipped(files):
            continue  # exchanged lines can be equal
        found = wrong(data, key)
        assert found, (seed, kind.__name__, "was not found")
        assert any(one.startswith(name or ("the pack", *files)) for one in found), (seed, kind.__name__, name, found)


def test_a_mutation_of_a_pack_is_found_and_named(host: House, files: Files) -> None:
    """THREATS L-27."""
    every_one_is_found(files, host.public, A_FEW)


@full("every day, 500 of them are done")
def test_ten_thousand_mutations_of_a_pack_are_found_and_named(host: House, files: Files) -> None:
    """THREATS L-27."""
    every_one_is_found(files, host.public, MANY)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_each_kind_of_mutation_changes_a_pack(kind: Mutation, files: Files) -> None:
    assert sum(kind(random.Random(seed), files)[0] != zipped(files) for seed in range(10)) >= 8


@pytest.mark.parametrize("name", ["records.jsonl", "proof.jsonl"])
def test_a_signed_time_in_digits_of_another_script_is_found_and_no_traceback(host: House, files: Files, name: str) -> None:
    lines = files[name].decode().splitlines()
    at = next(at for at, line in enumerate(lines) if '"form":"jitd checkpoint 1"' in line)
    time = json.loads(lines[at])["at"]
    lines[at] = lines[at].replace(time, "\\u0662" + time[1:])
    assert any("has no time in UTC" in one for one in wrong(zipped({**files, name: _joined(lines)}), host.public))


@pytest.mark.parametrize(
    ("name", "member", "form"),
    [
        ("records.jsonl", "at", "jitd checkpoint 1"),
        ("proof.jsonl", "at", "jitd checkpoint 1"),
        ("records.jsonl", "at", "jitd record 1"),
        ("manifest.json", "made_at", "jitd pack 1"),
    ],
)
def test_a_month_that_no_calendar_has_is_a_finding(host: House, files: Files, name: str, member: str, form: str) -> None:
    """THREATS L-27, A-35."""
    lines = files[name].decode().splitlines()
    at = next(at for at, line in enumerate(lines) if f'"form":"{form}"' in line)
    time = json.loads(lines[at])[member]
    lines[at] = lines[at].replace(time, time.replace("-03-", "-13-"))
    found = wrong(zipped({**files, name: _joined(lines)}), host.public)
    assert any("has a time that no calendar has" in one for one in found), found


def test_a_new_key_whose_signed_text_is_not_ascii_is_a_finding(host: House, files: Files) -> None:
    lines = files["records.jsonl"].decode().splitlines()
    at = next(at for at, line in enumerate(lines) if '"event":"key.rotated"' in line)
    record = json.loads(lines[at])
    content = json.loads(record["sealed"])
    content["detail"]["signed"] = content["detail"]["signed"].replace("2026-", "\u0662026-")
    before, after = record["detail"], content["detail"]
    assert before != after
    record |= {"sealed": verify.canonical(content).decode(), "detail": after}
    lines[at] = json.dumps(record, separators=(",", ":"))
    found = wrong(zipped({**files, "records.jsonl": _joined(lines)}), host.public)
    assert any("has no time in UTC" in one for one in found), found


def test_verify_py_answers_whatever_is_in_a_file_with_a_sentence(
    host: House, files: Files, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A pack or a file of keys is what a stranger has sent."""
    pack, keys = tmp_path / "pack.zip", tmp_path / "keys"
    true = zipped(files), f"{host.public}\n".encode()
    for seed in range(200):
        draw = random.Random(seed)
        data, key = true
        if seed % 2:
            data = KINDS[seed // 2 % len(KINDS)](draw, files)[0]
        else:
            put = draw.choice((draw.randbytes(9), "ssh-ed25519 \u0661 \u0662".encode(), b"\0", b"\xff", b"\n* ssh-ed25519 "))
            at = draw.randrange(len(key))
            key = draw.choice((key[:at] + put + key[at:], put, b""))
        pack.write_bytes(data)
        keys.write_bytes(key)
        status = verify.main([str(pack), "--key", str(keys)])
        said = capsys.readouterr()
        told = said.out or said.err
        assert status in (0, 1, 2) and told and all(ending not in told for ending in ("Traceback", ": None")), (seed, told)
        assert status == 0 or told.startswith("verify: "), (seed, told)


def test_a_name_that_the_terminal_cannot_show_is_escaped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packs, "BY", "zo\u00eb@EXAMPLE.TEST")
    made = packs.Host(tmp_path / "host")
    made.live()
    pack = tmp_path / "pack.zip"
    pack.write_bytes(zipped(made.pack()))
    alone = tmp_path / "verify.py"
    alone.write_bytes(packs.OWN)
    words = [sys.executable, str(alone), str(pack)]
    done = subprocess.run(words, env={"PYTHONIOENCODING": "ascii"}, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "") and "zo\\xeb@EXAMPLE.TEST: whole" in done.stdout
