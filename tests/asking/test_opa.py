# SPDX-License-Identifier: Apache-2.0
"""Open Policy Agent as a gatekeeper: real Rego behind OPA's own REST protocol, over HTTPS and over a Unix socket."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from jitd.core.conditions import read_who
from jitd.core.gatekeeping import Passes, Refuses, Requirement, Requires, Silent
from jitd_outsiders.asking.hearing import Nonsense, read_opa
from jitd_outsiders.asking.settings import GatekeeperSettings, Reach
from tests.asking.stage import Stage, gatekeeper_of, staged
from tests.outside.server import Asked, reply, says, serving

is_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root starts a process under another account")
MODULE = """\
package jit

allow if { input.command.argv[1] == "restart"; "dba" in input.requester.groups }

narrow := {"nonce": input.nonce, "fingerprint": input.fingerprint, "answer": "require", "require": {"uses": 1}}

forged := {"nonce": "guess", "fingerprint": input.fingerprint, "answer": "pass"}

never := false

word := "true"

number := 1

list := [true]

nothing := null

maybe if { input.command.argv[1] == "stop" }
"""
REGO = """\
import json, sys
from regopy import Interpreter
asked = json.load(sys.stdin)
rego = Interpreter()
rego.add_module("jit", asked["module"])
rego.set_input(asked["input"])
print(rego.query(asked["query"]))
"""
"""Evaluates Rego, in a process of its own: one process that has its library and that of CEL crashes."""


def opa(line: Any, asked: Asked) -> None:
    """OPA's Data API (https://www.openpolicyagent.org/docs/rest-api#get-a-document-with-input)."""
    if asked.method != "POST" or not asked.target.startswith("/v1/data/"):
        line.sendall(reply(b'{"code":"not_found"}', 404))
        return
    query = "x := data." + asked.target.removeprefix("/v1/data/").replace("/", ".")
    given = json.dumps({"module": MODULE, "input": json.loads(asked.body)["input"], "query": query})
    done = subprocess.run([sys.executable, "-c", REGO], input=given, stdout=subprocess.PIPE, text=True, check=True)
    found = done.stdout.strip()
    rows = [] if found == "undefined" else [json.loads(found)["bindings"]["x"]]
    answer = {"decision_id": "d-1"} | ({"result": rows[0]} if rows else {})
    line.sendall(reply(json.dumps(answer).encode()))


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    with staged() as found:
        yield found


EXPECTED = {
    "jit/allow": Passes(mark="d-1"),
    "jit/narrow": Requires(Requirement(uses=1), mark="d-1"),
    "jit/forged": Silent("its answer does not repeat the nonce of the question: it is the answer to another one"),
    "jit/never": Refuses("the policy does not allow this", "d-1"),
    "jit/maybe": Refuses("the policy says nothing about this", "d-1"),
    "jit/not_there": Refuses("the policy says nothing about this", "d-1"),
    "jit/word": Refuses("the policy did not answer true or false", "d-1"),
    "jit/number": Refuses("the policy did not answer true or false", "d-1"),
    "jit/list": Refuses("the policy did not answer true or false", "d-1"),
    "jit/nothing": Refuses("the policy did not answer true or false", "d-1"),
}


@is_root
@pytest.mark.parametrize("path", EXPECTED)
def test_true_passes_and_all_else_denies(stage: Stage, tmp_path: Path, path: str) -> None:
    with gatekeeper_of(stage, tmp_path) as server:
        server.deed = opa
        settings = GatekeeperSettings("opa", stage.reach(server, f"/v1/data/{path}"), is_opa=True, deadline_for=60)
        assert stage.ask(settings) == EXPECTED[path]


@is_root
def test_it_is_asked_over_a_unix_socket(stage: Stage, tmp_path: Path) -> None:
    place = f"/tmp/jitd-opa-{os.getpid()}.sock"
    try:
        with serving(None, tmp_path, at=place) as server:
            server.deed = opa
            reach = Reach("http://localhost/v1/data/jit/allow", place)
            settings = GatekeeperSettings("opa", reach, is_opa=True, deadline_for=60)
            assert stage.ask(settings) == Passes(mark="d-1")
            server.deed = says(reply(b'{"code":"internal_error"}', 500))
            assert stage.ask(settings) == Silent("it answered with status 500")
    finally:
        Path(place).unlink(missing_ok=True)
    gone = stage.ask(settings)
    assert isinstance(gone, Silent) and "cannot be reached" in gone.why


@pytest.mark.parametrize(
    "body",
    [
        b"true", b"[true]", b'{"result":true,"allow":true}', b'{"result":true,"result":false}', b'{"result":{"answer":"pass"}}',
        b'{"result":{}}', b'{"result":true,"decision_id":1}', b'{"result":true,"decision_id":"a\\nb"}', b'{"result":true}{}', b"",
    ],
)  # fmt: skip
def test_an_answer_that_opa_does_not_send_is_nonsense(body: bytes) -> None:
    with pytest.raises(Nonsense):
        read_opa(body, "n", b"\xab" * 32, read_who)


def test_what_opa_adds_about_itself_is_left_alone() -> None:
    assert read_opa(b'{"result":true,"metrics":{},"provenance":{},"warning":{"code":"x"}}', "n", b"", read_who) == Passes()
