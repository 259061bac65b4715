# SPDX-License-Identifier: Apache-2.0
"""Approvals that their authors have signed, in a pack: verify.py checks each, and ssh-keygen alone checks what was signed."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from jitd.audit.receipt import Sealed, Statement, Terms
from jitd.audit.sshsig import check_by_any
from jitd.audit.telling import SIGHTS, WITHOUT_CONTENTS, Sight
from jitd.core.decision import Approval
from jitd.core.instead import INSTEAD, MASKED, MISSING
from jitd.core.receipt import Receipt
from jitd.core.request import Reviewed, Verdict
from jitd_evidence.pack import verify
from tests import ssh_keys
from tests.evidence.packs import HOST, ID, Host, words, wrong, zipped
from tests.scene import asked, permit, person, review, screened, submit

AT = "2026-03-02T08:59:30Z"
RECORDED_AT = "2026-03-02T09:00:00+00:00"
BOB = "bob@EXAMPLE.TEST"


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    where = tmp_path_factory.mktemp("keys")
    return lambda kind: ssh_keys.make(where, kind)


def stated(host: Host) -> Statement:
    """What bob states, when the records about the request are those of now."""
    about = [
        (Sealed(number, seal), content)
        for number, body, seal in host.store.records()
        if (content := json.loads(body)).get("id") == ID
    ]
    submitted = next(sealed for sealed, content in about if content["event"] == "request.submitted")
    return Statement(
        "approve", HOST, ID, "alice@EXAMPLE.TEST", BOB, "rule-1", bytes.fromhex(host.digest), "2026-03-02T09:15:00Z",
        Terms(600, 2), AT, bytes(range(16)), submitted, about[-1][0],
    )  # fmt: skip


def receipt(statement: str, file: Path, namespace: str = "jitd-receipt") -> dict[str, Any]:
    """The receipt as a record has it."""
    signature = ssh_keys.sign(file, namespace, statement.encode())
    by = check_by_any(namespace, statement.encode(), signature)
    return Receipt(statement, signature, by.key.fingerprint, by.level).detail()


def live(
    host: Host, made: Callable[[Host], dict[str, Any]], approvers: tuple[str, ...] = (), verdict: Verdict = Verdict.APPROVE
) -> dict[str, bytes]:
    """The files of a pack of ``host``, which has recorded with each approval what ``made`` returns as a receipt. The host may lie
    in it, and so no daemon makes it here.
    """
    detail = Reviewed.detail
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Reviewed, "detail", lambda self: {**detail(self), "receipt": made(host)})
        if not approvers:
            host.live()
        else:
            of_two = asked(ID)
            host.lifecycle.handle(submit(of_two), screened(of_two, permit(Approval(len(approvers), ("group:ops",)))))
            for name in approvers:
                waiting = host.store.request(ID)
                assert waiting is not None
                host.lifecycle.handle(review(waiting, person(name), verdict))
    return host.pack()


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    made = Host(tmp_path / "host")
    made.others(2)
    yield made


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("ed25519", " This"),
        ("ecdsa-521", " This"),
        ("rsa-2048", " This"),
        ("ed25519-sk", " Somebody touched the key. This"),
        ("ed25519-sk no-touch-required", " This"),
        ("ecdsa-sk verify-required", " Somebody touched the key, and it had verified them. This"),
        ("passkey", " Somebody touched the key, and it had verified them. This"),
        ("passkey copied", " What had the key, which may have been copied, had verified a person. This"),
    ],
)
def test_a_pack_tells_who_has_signed_an_approval_and_how(host: Host, keys: Callable[[str], Path], kind: str, said: str) -> None:
    files = live(host, lambda host: receipt(stated(host).text(), keys(kind)))
    told = words(zipped(files), host.public)
    key = ssh_keys.public(keys(kind))
    assert f"key {key.fingerprint} ({key.kind}) is: its owner has signed the approval in record" in told
    assert f"as {BOB} at {AT}.{said} countersigns" in told and "the host alone says who gave it" not in told
    page = files["index.html"].decode()
    assert f"signed with the key {key.fingerprint}, which proves " in page and "BEGIN SSH SIGNATURE" not in page


@pytest.mark.parametrize("sight", [WITHOUT_CONTENTS, *SIGHTS.values()])
def test_a_pack_whose_reader_may_not_see_all_is_whole(host: Host, keys: Callable[[str], Path], sight: Sight) -> None:
    live(host, lambda host: receipt(stated(host).text(), keys("ed25519-sk")))
    assert "nobody has signed it" not in words(zipped(host.pack(sight=sight)), host.public)


def test_a_pack_says_which_approvals_nobody_has_signed(host: Host) -> None:
    host.live()
    assert "Of 1 approval, the host alone says who gave it" in words(zipped(host.pack()), host.public)


@pytest.mark.parametrize("terms", [Terms(601, 2), Terms(600, 5), Terms(86400, 9)])
def test_what_is_granted_may_be_less_than_what_was_signed(host: Host, keys: Callable[[str], Path], terms: Terms) -> None:
    """THREATS A-36. An approval after this one may have left less in force."""
    files = live(host, lambda host: receipt(stated(host)._replace(terms=terms).text(), keys("ed25519")))
    assert wrong(zipped(files), host.public) == []


def test_the_page_tells_what_was_signed(host: Host, keys: Callable[[str], Path]) -> None:
    """THREATS A-36."""
    terms = Terms(5400, 3, 90, "")
    page = live(host, lambda host: receipt(stated(host)._replace(terms=terms).text(), keys("ed25519")))["index.html"].decode()
    told = f"<time>{AT[:10]} {AT[11:19]} UTC</time>: at most 3 uses, for 1 h 30 min, each for 1 min 30 s at most"
    assert page.count(told) == 2, "with the approval, and in the list of all records"


@pytest.mark.parametrize(("verdict", "is_good"), [("deny", True), ("approve", False)])
def test_a_pack_tells_who_has_signed_a_denial(host: Host, keys: Callable[[str], Path], verdict: str, is_good: bool) -> None:
    """THREATS L-37."""
    signed = live(
        host, lambda host: receipt(stated(host)._replace(verdict=verdict).text(), keys("ed25519")), ("bob",), Verdict.DENY
    )
    if is_good:
        told = words(zipped(signed), host.public)
        assert "its owner has signed the denial in record" in told and f"as {BOB} at {AT}." in told
        assert "at most 2 uses" not in signed["index.html"].decode()
    else:
        (found,) = wrong(zipped(signed), host.public)
        assert "has the verdict approve, and the record tells of none" in found


def other(sealed: Sealed) -> Sealed:
    return Sealed(sealed.number, bytes([sealed.seal[0] ^ 1]) + sealed.seal[1:])


def at(host: Host, number: int) -> Sealed:
    """A record of the host, whatever it is about."""
    return next(Sealed(n, seal) for n, _, seal in host.store.records() if n == number)


STATED: dict[str, tuple[Callable[[Host, Statement], Statement], str]] = {
    "another person": (lambda _, one: one._replace(approver="carol@EXAMPLE.TEST"), "is one for another review, another person"),
    "another request": (lambda _, one: one._replace(id="AAAA-0000"), "is one for another review"),
    "another host": (lambda _, one: one._replace(host="web1.example.test"), "is one for another review"),
    "another verdict": (lambda _, one: one._replace(verdict="reviewed"), "is one for another review"),
    "a no": (lambda _, one: one._replace(verdict="deny"), "has the verdict deny, and the record tells of none"),
    "another requester": (lambda _, one: one._replace(requester="eve@EXAMPLE.TEST"), "as the submission of another request"),
    "the past": (lambda _, one: one._replace(at="2020-03-02T08:59:30Z"), "has a time that is not between that of record"),
    "the future": (lambda _, one: one._replace(at="2026-03-02T09:20:00Z"), "has a time that is not between that of record"),
    "a shorter time": (lambda _, one: one._replace(terms=Terms(599, 2)), "grants 600 s, where 599 s were signed"),
    "fewer uses": (lambda _, one: one._replace(terms=Terms(600, 1)), "grants uses: 2, where 1 were signed"),
    "a timeout": (
        lambda _, one: one._replace(terms=Terms(600, 2, 9)),
        "grants runs of any length, where 9 s were signed",
    ),
    "a later start": (
        lambda _, one: one._replace(terms=Terms(600, 2, None, "2026-03-02T10:00:00Z")),
        "grants it from another time",
    ),
    "another rule": (lambda _, one: one._replace(rule="rule-2"), "names the rule rule-2, and record"),
    "another policy": (lambda _, one: one._replace(policy=bytes(32)), "names another policy than its record"),
    "over": (lambda _, one: one._replace(expires="2026-03-02T08:50:00Z"), "is one for a request that had expired"),
    "another past": (lambda _, one: one._replace(submitted=other(one.submitted)), "which is another one here: the record was"),
    "another newest": (lambda _, one: one._replace(newest=other(one.newest)), "which is another one here"),
    "a later record": (lambda _, one: one._replace(newest=Sealed(one.newest.number + 1, bytes(32))), "do not come before it"),
    "the wrong order": (lambda _, one: one._replace(submitted=Sealed(one.newest.number + 1, bytes(32))), "do not come before it"),
    "a record of others": (
        lambda host, one: one._replace(submitted=at(host, one.submitted.number - 1)),
        "which is not among those of",
    ),
    "no submission": (lambda _, one: one._replace(submitted=one.newest), "as the submission of another request"),
}


@pytest.mark.parametrize("case", STATED)
def test_a_host_that_puts_a_receipt_to_another_use_is_found(host: Host, keys: Callable[[str], Path], case: str) -> None:
    """THREATS L-37, A-35, A-36. The host has sealed and signed everything anew, and the approver's signature is good."""
    change, sentence = STATED[case]
    files = live(host, lambda host: receipt(change(host, stated(host)).text(), keys("ed25519-sk")))
    (found,) = wrong(zipped(files), host.public)
    assert found.startswith("records.jsonl, line ") and sentence in found, found


@pytest.mark.parametrize("word", INSTEAD)
def test_a_word_for_what_is_not_told_is_no_receipt(host: Host, word: str) -> None:
    """THREATS L-37. A reader would take the approval for one whose receipt they may not see."""
    found = wrong(zipped(live(host, lambda host: word)), host.public)  # type: ignore[arg-type, return-value]
    (number,) = (n for n, body, _ in host.store.records() if json.loads(body)["event"] == "request.reviewed")
    assert any(f"record {number} has {word} as it was sealed: no jitd has written it" in one for one in found), found


@pytest.mark.parametrize("word", INSTEAD)
def test_a_word_for_what_is_not_told_is_no_argument_unless_a_mask_or_a_loss_has_made_it(host: Host, word: str) -> None:
    """THREATS L-37."""
    host.live(argument=word)
    found = wrong(zipped(host.pack()), host.public)
    assert bool(found) is (word not in (MASKED, MISSING)) and all(f"is {word}, which nobody can type" in one for one in found), (
        found
    )


CHANGED: dict[str, tuple[Callable[[dict[str, Any]], dict[str, Any]], str]] = {
    "a letter": (lambda one: {**one, "statement": one["statement"].replace("uses=2", "uses=3")}, "does not fit what was signed"),
    "a second spelling": (
        lambda one: {**one, "statement": one["statement"] + "\n"},
        "has a statement that does not have the form",
    ),
    "a touch": (lambda one: {**one, "proves": "touch"}, "says more or less than its signature"),
    "another key": (lambda one: {**one, "key": f"SHA256:{'A' * 43}"}, "says more or less than its signature"),
    "a cut signature": (lambda one: {**one, "signature": one["signature"][:-1]}, "has a signature that is not of OpenSSH's form"),
    "no signature": (lambda one: {**one, "signature": None}, "has a member that cannot be read"),
    "more": (lambda one: {**one, "more": ""}, "does not have exactly the members"),
    "less": (lambda one: {name: part for name, part in one.items() if name != "proves"}, "does not have exactly the members"),
    "no object": (lambda one: [one], "does not have exactly the members"),  # type: ignore[dict-item, return-value]
}


@pytest.mark.parametrize("case", CHANGED)
def test_a_receipt_that_a_host_has_changed_is_found(host: Host, keys: Callable[[str], Path], case: str) -> None:
    """THREATS L-37."""
    change, sentence = CHANGED[case]
    kind = "ed25519-sk no-touch-required"
    files = live(host, lambda host: change(receipt(stated(host).text(), keys(kind))))
    (found,) = wrong(zipped(files), host.public)
    assert sentence in found, found


def test_a_review_after_broken_glass_may_countersign_a_record_of_a_run(host: Host, keys: Callable[[str], Path]) -> None:
    """The newest record about the request is then that of the end of a run, which has an id of its own."""
    host.live()
    of_run = [(n, seal) for n, body, seal in host.store.records() if json.loads(body).get("id") == f"{ID}.2"][-1]
    host.signing.sign()
    reviewed = stated(host)._replace(verdict="reviewed", newest=Sealed(*of_run))
    said = {"receipt": receipt(reviewed.text(), keys("ed25519-sk"))}
    for id, faults in ((ID, 0), ("AAAA-0000", 1)):
        told = {"event": "owed_review.reviewed", "at": RECORDED_AT, "policy": host.digest, "id": id, "actor": BOB, "detail": said}
        line = verify.Line(9, "record", HOST, of_run[0] + 1, told=told)
        contents = verify.read_contents(host.pack(), lambda finding: None)
        segments = verify.read_segments(contents.lines, "records.jsonl", lambda finding: None)
        found: list[verify.Finding] = []
        good = verify.check_receipts(contents._replace(lines=[*contents.lines, line]), segments, ID, found.append)
        assert (len(good), len(found)) == (1 - faults, faults), found


def test_a_pack_of_a_later_use_of_a_lease_may_lack_what_its_receipt_countersigns(host: Host, keys: Callable[[str], Path]) -> None:
    """It has a part of what happened to the request that made the lease. What is there must be what was sealed."""
    files = live(host, lambda host: receipt(stated(host).text(), keys("ed25519-sk")))
    contents = verify.read_contents(files, lambda finding: None)
    (reviewed,) = [one for one in contents.records if verify._member(one.content, "detail", "receipt")]
    alone = contents._replace(lines=[reviewed])
    for own, n_faults in (("AAAA-0000", 0), (ID, 1)):
        found: list[verify.Finding] = []
        assert verify.check_receipts(alone, [], own, found.append) == [] and len(found) == n_faults, found
    segments = verify.read_segments(contents.lines, "records.jsonl", lambda finding: None)
    (one,) = verify.check_receipts(contents, segments, ID, lambda finding: None)
    wrong_seals = [verify.Segment({one.statement.newest.number: bytes(32)}, 0)]
    found = []
    assert verify.check_receipts(alone, wrong_seals, "AAAA-0000", found.append) == [] and len(found) == 1


def test_a_signature_for_something_else_is_none_for_an_approval(host: Host, keys: Callable[[str], Path]) -> None:
    """THREATS L-37. By the approver's key, of the same text, as a signature of git."""
    files = live(host, lambda host: receipt(stated(host).text(), keys("ed25519"), "git"))
    (found,) = wrong(zipped(files), host.public)
    assert "has a signature that is for 'git', not for 'jitd-receipt'" in found


def test_a_statement_that_comes_twice_is_named_with_both_records(host: Host, keys: Callable[[str], Path]) -> None:
    """THREATS L-37. An ECDSA signature can be spelled in two ways, so it is the statement that counts."""
    made: list[dict[str, Any]] = []

    def twice(host: Host) -> dict[str, Any]:
        text = stated(host)._replace(terms=Terms(3600, 5)).text()
        made.append(receipt(text if not made else made[0]["statement"], keys("ecdsa-256")))
        return made[-1]

    (found,) = wrong(zipped(live(host, twice, ("bob", "carol"))), host.public)
    first = next(n for n, body, _ in host.store.records() if json.loads(body)["event"] == "request.reviewed")
    assert f"the receipt of record {first + 1} has the statement of record {first} again" in found
    assert made[0]["signature"] != made[1]["signature"]


def test_no_letter_of_a_statement_can_be_changed(host: Host, keys: Callable[[str], Path]) -> None:
    """THREATS L-37. Each is one of another statement, or of none."""
    files = live(host, lambda host: receipt(stated(host).text(), keys("ed25519")))
    contents = verify.read_contents(files, lambda finding: None)
    segments = verify.read_segments(contents.lines, "records.jsonl", lambda finding: None)
    line = next(one for one in contents.records if verify._member(one.content, "detail", "receipt"))
    assert line.content is not None
    said = line.content["detail"]["receipt"]
    n = len(said["statement"])
    for place in range(n + 1):
        found: list[verify.Finding] = []
        text = (
            said["statement"][:place]
            + ("0" if said["statement"][place : place + 1] != "0" else "1")
            + said["statement"][place + 1 :]
        )
        said_now = {**line.content, "detail": {**line.content["detail"], "receipt": {**said, "statement": text}}}
        lines = [one._replace(content=said_now) if one is line else one for one in contents.lines]
        assert verify.check_receipts(contents._replace(lines=lines), segments, ID, found.append) == [] and len(found) == 1, text


def test_ssh_keygen_alone_checks_what_was_signed(host: Host, tmp_path: Path, keys: Callable[[str], Path]) -> None:
    """On a machine that knows nothing of jitd: a line of the record, a file of allowed signers, and the time of the signature."""
    file = keys("ed25519-sk")
    files = live(host, lambda host: receipt(stated(host).text(), file))
    (line,) = [one for one in files["records.jsonl"].splitlines() if b'"receipt":' in one]
    (tmp_path / "line").write_bytes(line)
    for member in ("statement", "signature"):
        program = f"import json, sys; sys.stdout.write(json.load(open('line'))['detail']['receipt']['{member}'])"
        done = subprocess.run(
            ["python3", "-I", "-c", program], cwd=tmp_path, capture_output=True, check=True, env={"PATH": "/usr/bin"}
        )
        (tmp_path / member).write_bytes(done.stdout)
    key = ssh_keys.public(file).line
    (tmp_path / "signers").write_text(f'{BOB} namespaces="jitd-receipt",valid-before="20260302090000Z" {key}\n', "ascii")
    words = ["ssh-keygen", "-Y", "verify", "-f", "signers", "-I", BOB, "-n", "jitd-receipt", "-s", "signature"]
    for time, message, status in (
        ("20260302085930Z", (tmp_path / "statement").read_bytes(), 0),
        ("20260302090001Z", (tmp_path / "statement").read_bytes(), 255),
        ("20260302085930Z", (tmp_path / "statement").read_bytes().replace(b"uses=2", b"uses=3"), 255),
    ):
        done = subprocess.run([*words, f"-Overify-time={time}"], input=message, cwd=tmp_path, capture_output=True, check=False)
        assert done.returncode == status, done
