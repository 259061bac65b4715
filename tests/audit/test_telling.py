# SPDX-License-Identifier: Apache-2.0
"""What a line of the record tells to whom, and what it proves."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from jitd.audit import forms
from jitd.audit.privileges import Privilege, listed
from jitd.audit.telling import EVERYTHING, WITHOUT_CONTENTS, sight_outside, tell
from jitd.core.chain import RANDOM, canonical
from jitd.core.edit import SUDOEDIT, Edit
from jitd.core.grade import Finding, Grade
from jitd.core.values import FORGOTTEN, Value, Values, commitment
from jitd.core.wording import HIDDEN
from jitd.lifecycle.lifecycle import Lifecycle
from jitd.store import documents
from jitd.store.sqlite import SqliteStore
from tests.scene import THING, asked, command, free, moment, permit, screened, submit, thing

SEAL = bytes(range(32))
REQUEST = asked(what=command("/usr/bin/psql", "-c", "DROP", findings=(Finding(Grade.GIVES, "psql starts a shell"),)), rule="dba")
LIMITED = asked(rule="dba", obligations=permit(visible_to=("group:hr",)).obligations)


def values() -> Values:
    salts = iter(range(1, 100))
    return Values(REQUEST.id, (), lambda: bytes([next(salts)]) * 32)


GRADES = {"grade": "gives", "damage": "none"}


def submitted(said: Values) -> dict[str, Any]:
    def of(field: str, content: Any) -> dict[str, str]:
        return {"committed": said.commit_to(field, content)}

    detail = {
        "argv": ["/usr/bin/psql", of("argv", ["-c", "DROP"])],
        "path": "/usr/bin/psql",
        "cwd": of("cwd", "/srv"),
        "reason": of("reason", "the disk is full"),
        "groups": ["dba"],
        "grade": "gives",
        "service": "jitsudo",
    }
    return {"event": "request.submitted", "id": REQUEST.id, "at": "2024-01-03T12:00:00+00:00", "actor": "alice", "detail": detail}


def told(sight: Any, about: Any = REQUEST, content: dict[str, Any] | None = None) -> tuple[forms.Record, bytes]:
    said = values()
    whole = submitted(said)
    body = canonical(whole if content is None else content)
    return tell("db1", 7, body, SEAL, about, said, sight), body


def test_a_reader_who_may_see_everything_gets_the_record_with_its_values_in_their_places() -> None:
    record, body = told(EVERYTHING)
    line = json.loads(record.line())
    assert line["detail"]["argv"] == ["/usr/bin/psql", "-c", "DROP"]
    assert (line["detail"]["reason"], line["detail"]["cwd"]) == ("the disk is full", "/srv")
    assert line["about"] == {"requester": REQUEST.requester.principal, "rule": "dba", "run_as": "root", **GRADES}
    assert (line["form"], line["host"], line["number"], line["seal"]) == ("jitd record 1", "db1", 7, SEAL.hex())
    assert line["sealed"].encode() == body


def test_each_value_of_a_line_fits_its_commitment_in_the_sealed_record() -> None:
    line = json.loads(told(EVERYTHING)[0].line())
    assert {value["field"] for value in line["values"]} == {"argv", "cwd", "reason"}
    for value in line["values"]:
        content = json.dumps(value["value"], separators=(",", ":")).encode()
        made = commitment(value["field"], bytes.fromhex(value["salt"]), content)
        assert made.hex() == value["committed"]
        assert value["committed"] in line["sealed"]


@pytest.mark.parametrize("shows", ["id", "rule"])
def test_without_commands_a_line_has_no_word_of_the_command_and_proves_the_chain_by_its_digest(shows: str) -> None:
    """THREATS L-16."""
    record, body = told(sight_outside(shows, REQUEST))
    text = record.line()
    for word in ("psql", "DROP", "srv", "disk", "salt"):
        assert word not in text
    line = json.loads(text)
    assert line["digest"] == hashlib.sha256(body).hexdigest()
    assert "sealed" not in line
    assert line["values"] == []
    assert (line["id"], line["actor"], line["detail"]["service"]) == (REQUEST.id, "alice", "jitsudo")
    assert line["detail"]["argv"] == [HIDDEN]


@pytest.mark.parametrize("shows", ["id", "rule"])
def test_without_commands_a_line_has_no_digest_of_a_text_that_is_edited(shows: str) -> None:
    """THREATS L-16: a short text is found by trying, if somebody knows its digest."""
    edit = Edit(1, 2, 0, 0, 0o644, b"\x0a" * 32, b"\x0b" * 32, is_told=True, owner="root:root")
    said = values()
    made = asked(what=replace(command("sudoedit", "/etc/x"), path=SUDOEDIT, edit=edit), rule="dba")
    detail = {name: said.standing(part) for name, part in submit(made).detail().items() if isinstance(part, Value)}
    assert {"text_before", "text_after"} <= detail.keys()
    body = canonical({"event": "request.submitted", "id": REQUEST.id, "detail": detail})
    lines = [tell("db1", 7, body, SEAL, made, said, sight).line() for sight in (EVERYTHING, sight_outside(shows, made))]
    assert [("0a0a" in line, "0b0b" in line) for line in lines] == [(True, True), (False, False)]


def test_the_name_of_the_rule_and_the_grade_are_told_with_rule_and_not_with_id() -> None:
    assert told(sight_outside("rule", REQUEST))[0].about == {
        "requester": REQUEST.requester.principal, "rule": "dba", "run_as": "root", **GRADES,
    }  # fmt: skip
    assert told(sight_outside("id", REQUEST))[0].about == {"requester": REQUEST.requester.principal, "run_as": "root"}
    assert "dba" not in told(sight_outside("id", REQUEST))[0].line()


def test_of_a_rule_that_shows_its_contents_to_some_only_the_id_is_told_outside() -> None:
    """THREATS L-16."""
    assert "dba" not in told(sight_outside("command", LIMITED), LIMITED)[0].line()


def test_an_overseer_who_may_not_see_the_contents_still_gets_the_record_as_it_was_sealed() -> None:
    said = values()
    content = submitted(said)
    del content["detail"]["grade"]
    record, body = told(WITHOUT_CONTENTS, LIMITED, content)
    line = json.loads(record.line())
    assert line["sealed"].encode() == body
    assert line["detail"]["argv"] == ["/usr/bin/psql", HIDDEN]
    assert line["detail"]["reason"] == HIDDEN
    assert line["detail"]["cwd"] == "/srv"
    assert [value["field"] for value in line["values"]] == ["cwd"]


@pytest.mark.parametrize("shows", ["id", "rule"])
def test_who_guesses_what_is_hidden_cannot_check_it_by_the_digest(shows: str) -> None:
    """THREATS L-16: the record says in clear which rule permits, who reviews and what runs. All else is in the line."""
    hidden = {"rule": "dba", "approvals": [[1, "group:ops"]], "path": "/usr/bin/psql"}
    content = {"event": "request.screened", "id": REQUEST.id, "document": "8c" * 32, "detail": {"decision": "permit", **hidden}}
    record, body = told(sight_outside(shows, REQUEST), REQUEST, content)
    guess = {**record.told, "detail": {**record.told["detail"], **hidden}}
    assert record.digest == hashlib.sha256(body).digest() != hashlib.sha256(canonical(guess)).digest()
    assert guess == {**content, "document": HIDDEN}


@pytest.mark.parametrize("shows", ["id", "rule"])
def test_who_guesses_what_a_note_hides_cannot_check_it_by_the_digest(tmp_path: Path, shows: str) -> None:
    """THREATS L-21: all else that the note says is in the line, or can be guessed, as the few faults of a policy can."""
    store = SqliteStore(tmp_path / "jitd.db")
    lifecycle, hidden = Lifecycle(store, moment, lambda: "f0" * 32), {"faults": ["policy.d/dba.toml:3: is not a rule"]}
    for _ in range(2):
        lifecycle.note("policy.refused", "root", 0, hidden)
    bodies = [body for _, body, _ in store.records()]
    randoms = [json.loads(body)["random"] for body in bodies]
    assert len(set(randoms)) == 2
    assert [len(bytes.fromhex(random)) for random in randoms] == [RANDOM, RANDOM]
    record = tell("db1", 1, bodies[0], SEAL, None, None, sight_outside(shows, None))
    assert record.told["detail"] == {"faults": [HIDDEN]}
    assert randoms[0] not in record.line()
    guess = {**record.told, "detail": hidden}
    assert record.digest == hashlib.sha256(bodies[0]).digest()
    assert hashlib.sha256(canonical(guess)).digest() != record.digest
    without = {name: part for name, part in guess.items() if name != "random"}
    assert hashlib.sha256(canonical(without)).digest() != record.digest
    assert hashlib.sha256(canonical({**guess, "random": randoms[0]})).digest() == record.digest


def test_who_guesses_a_thing_and_the_stored_object_with_it_cannot_check_it_by_the_digest(tmp_path: Path) -> None:
    """THREATS L-21: all that a stored holding says is in the line, but for the name of the thing, and few names are possible."""
    store = SqliteStore(tmp_path / "jitd.db")
    made = asked("AAAA-0001", what=thing())
    Lifecycle(store, moment, lambda: "f0" * 32).handle(submit(made), screened(made, free()))
    (body,) = (body for _, body, _ in store.records() if b'"event":"holding.giving"' in body)
    record = tell("db1", 1, body, SEAL, store.request("AAAA-0001"), store.values("AAAA-0001"), sight_outside("id", None))
    hidden = [record.told["detail"]["thing"], record.told["detail"]["account"], record.told["document"], record.told["random"]]
    assert hidden == [HIDDEN] * 4
    (holding,) = store.holdings()
    document = documents.write(holding, Values("AAAA-0001", (), lambda: b""))  # needs nothing that the line does not say
    assert b"committed" not in document
    guess = {
        **record.told,
        "detail": {**record.told["detail"], "thing": THING, "account": {"name": "alice", "uid": 1001}},
        "document": hashlib.sha256(document).hexdigest(),
    }
    content = json.loads(body)
    assert {name: part for name, part in content.items() if name != "random"} == {
        name: part for name, part in guess.items() if name != "random"
    }
    assert record.digest == hashlib.sha256(body).digest()
    for sealed in (guess, {name: part for name, part in guess.items() if name != "random"}):
        assert hashlib.sha256(canonical(sealed)).digest() != record.digest


@pytest.mark.parametrize("shows", ["id", "rule"])
def test_who_guesses_a_list_of_standing_privileges_cannot_check_it_by_its_digest(tmp_path: Path, shows: str) -> None:
    """THREATS L-21: who is shown no list knows the host and how many privileges there are, and has few accounts to try."""
    store = SqliteStore(tmp_path / "jitd.db")
    kept = listed("db1", [Privilege("root", "password", "eve", "/etc/shadow")], ["not looked for: polkit"])
    digest = hashlib.sha256(kept.text().encode()).hexdigest()
    detail = {"n": 1, "kinds": kept.counts, "unseen": 1, "sha256": digest}
    Lifecycle(store, moment, lambda: "f0" * 32).note("standing.recorded", "root", 0, detail)
    ((_, body, _),) = store.records()
    record = tell("db1", 1, body, SEAL, None, None, sight_outside(shows, None))
    assert digest not in record.line()
    assert (record.told["detail"]["n"], record.told["detail"]["sha256"], record.sealed) == (1, HIDDEN, b"")
    assert digest in tell("db1", 1, body, SEAL, None, None, sight_outside("command", None)).line()


def test_a_reader_to_whom_a_note_hides_nothing_gets_its_random_bytes_in_the_record_that_was_sealed() -> None:
    content = {"event": "policy.loaded", "random": "8c" * 16, "detail": {"rules": 3}}
    record, body = told(sight_outside("id", None), None, content)
    assert (record.sealed, record.told) == (body, content)


def test_who_is_hidden_nothing_gets_the_digest_of_the_document() -> None:
    content = {"event": "request.expired", "id": REQUEST.id, "document": "8c" * 32, "detail": {}}
    record, body = told(sight_outside("id", REQUEST), REQUEST, content)
    assert (record.sealed, record.told) == (body, content)


def test_a_part_that_nobody_has_listed_is_hidden() -> None:
    """THREATS L-16."""
    content = {"event": "new.thing", "detail": {"secret_of_a_later_version": {"a": "word"}, "empty": ""}}
    record, _ = told(sight_outside("rule", None), None, content)
    assert json.loads(record.line())["detail"] == {"secret_of_a_later_version": HIDDEN, "empty": ""}
    assert record.sealed == b""


def test_a_value_that_is_here_no_longer_is_told_as_forgotten_and_the_record_still_stands() -> None:
    body = canonical(submitted(values()))
    record = tell("db1", 7, body, SEAL, REQUEST, Values(REQUEST.id, (), lambda: b"", is_forgotten=True), EVERYTHING)
    line = json.loads(record.line())
    assert line["detail"]["reason"] == FORGOTTEN
    assert line["detail"]["argv"] == ["/usr/bin/psql", FORGOTTEN]
    assert line["sealed"].encode() == body
    assert line["values"] == []


def test_a_gatekeeper_is_told_with_its_answer_and_not_with_its_words() -> None:
    content = {"event": "request.screened", "id": REQUEST.id, "detail": {"gatekeepers": [["tickets", "deny", "no ticket CHG1"]]}}
    assert json.loads(told(sight_outside("rule", REQUEST), content=content)[0].line())["detail"]["gatekeepers"] == [
        ["tickets", "deny", HIDDEN]
    ]
    assert "tickets" not in told(sight_outside("id", REQUEST), content=content)[0].line()


@pytest.mark.parametrize("sight", [EVERYTHING, WITHOUT_CONTENTS, sight_outside("id", None), sight_outside("rule", None)])
def test_every_line_is_read_back_as_it_was_written(sight: Any) -> None:
    record, _ = told(sight)
    assert forms.read(record.line()) == record


def test_a_note_is_told_without_a_request() -> None:
    record, _ = told(sight_outside("id", None), None, {"event": "policy.loaded", "actor": "root", "detail": {"rules": 3}})
    line = json.loads(record.line())
    assert "about" not in line
    assert line["detail"] == {"rules": 3}
    assert line["sealed"]


def test_bytes_that_are_no_record_are_refused() -> None:
    with pytest.raises(ValueError, match="record 7"):
        tell("db1", 7, b"[]", SEAL, None, None)


@pytest.mark.parametrize("shows", ["id", "rule"])
def test_every_reader_gets_the_records_about_keys_as_they_were_sealed(shows: str) -> None:
    content = {"event": "key.made", "actor": "jitd", "detail": {"host": "db1", "public": "ssh-ed25519 AAAA", "because": "lost"}}
    record, body = told(sight_outside(shows, None), None, content)
    assert record.sealed == body
    assert json.loads(record.line())["detail"] == content["detail"]


def test_that_glass_was_broken_is_told_to_every_reader_and_the_rule_to_some() -> None:
    asked_for = {"event": "request.submitted", "id": REQUEST.id, "detail": {"break_glass": True}}
    assert told(sight_outside("id", REQUEST), content=asked_for)[0].told["detail"] == {"break_glass": True}
    screened = {"event": "request.screened", "id": REQUEST.id, "detail": {"break_glass": {"instead_of": "dba", "review_for": 60}}}
    assert told(sight_outside("id", REQUEST), content=screened)[0].told["detail"] == {
        "break_glass": {"instead_of": HIDDEN, "review_for": 60}
    }
    assert told(sight_outside("rule", REQUEST), content=screened)[0].told["detail"] == screened["detail"]


def test_what_is_recorded_of_a_life_says_no_typed_word_to_a_sink_that_is_not_shown_commands() -> None:
    """THREATS L-16."""
    for line in (Path(__file__).parents[1] / "core/golden/records").read_bytes().splitlines():
        body = line.partition(b" ")[2]
        content = json.loads(body)
        for shows in ("id", "rule"):
            record = tell("db1", 1, body, SEAL, None, None, sight_outside(shows, None))
            assert HIDDEN in (detail := record.told["detail"]).get("argv", [HIDDEN])
            assert detail.get("path") in (None, "", HIDDEN)
            if shows == "id" and "rule" in content["detail"]:
                assert detail["rule"] in ("", HIDDEN)
                assert record.sealed == b"" or not content["detail"]["rule"]
