# SPDX-License-Identifier: Apache-2.0
"""The numbered invariants of ARCHITECTURE.md, those that need no daemon. Law: one test an invariant, carrying its number.

Invariants 4, 14 and 15 need a daemon: tests/system/test_invariants_alive.py. Invariant 9 has its own table in test_lives.py.
"""

from __future__ import annotations

import ast
import sys
from dataclasses import fields, replace
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from jitd import policyfile
from jitd.core.command import Command, Operand, RunAs, fingerprint
from jitd.core.decision import Approval, Deny, Obligations, Permit, Terms, narrow
from jitd.core.document import ConfigError
from jitd.core.policy import Policy, Question, Rule, decide, tally
from jitd.core.request import Request
from jitd.store import documents
from jitpam.wire.coding import decode, encode
from jitpam.wire.messages import FROM_CLIENT, Submit
from jitpam.wire.shown import shown_command, unshown_command
from tests.scene import HOST, START, asked, command, person

ROOT = Path(__file__).parents[2]
WORLDLY = {
    "os",
    "io",
    "socket",
    "subprocess",
    "time",
    "random",
    "secrets",
    "logging",
    "pathlib",
    "asyncio",
    "threading",
    "sqlite3",
    "tempfile",
}


def imported(file: Path) -> set[str]:
    """The modules that a file imports, whole names."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
    return found


def test_invariant_1_the_core_knows_no_clock_file_socket_process_chance_or_log():
    for file in (ROOT / "jitd/core").glob("*.py"):
        for name in imported(file):
            top = name.partition(".")[0]
            assert top not in WORLDLY, f"{file.name} imports {name}"
            assert name.startswith("jitd.core") or top in sys.stdlib_module_names or top == "__future__", f"{file.name}: {name}"


def test_invariant_2_nothing_but_the_one_door_writes_to_the_store():
    for file in (ROOT / "jitd").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            is_commit = isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "commit"
            assert not is_commit or file.name == "lifecycle.py", f"{file}:{node.lineno}"  # type: ignore[attr-defined]


def test_invariant_3_effects_are_handed_on_only_after_the_commit():
    """``handle`` returns what is to be done; the commit comes before, and between the two only its head is noted."""
    (handle,) = [
        node
        for node in ast.walk(ast.parse((ROOT / "jitd/lifecycle.py").read_text("utf-8")))
        if isinstance(node, ast.FunctionDef) and node.name == "handle"
    ]
    *_, commit, noted, end = handle.body
    assert isinstance(end, ast.Return) and "'commit'" in ast.dump(commit) and "'_noted'" in ast.dump(noted)


def test_invariant_5_what_policy_is_asked_holds_no_claim_but_the_reason():
    names = {field.name for field in fields(Question)}
    assert not names & {"claims", "tty", "parents", "login_session"}
    assert {field.name for field in fields(Command)}.isdisjoint({"reason", "tty", "parents"})


CHANGES = {
    "argv": (b"true", b""),
    "path": b"/bin/true",
    "digest": b"e" * 32,
    "run_as": RunAs("root", 0, "adm", 4),
    "cwd": b"/srv/",
    "cwd_device": 9,
    "cwd_inode": 9,
    "variables": ((b"A", b""),),
    "locale": ((b"TERM", b""),),
    "streams": ("pipe", "pipe", "null"),
    "operands": (Operand(1, b"/home/alice/x.sh", b"d" * 32, "it belongs to uid 4001", True),),
    "options": (b"-E",),
    "doubt": "it has an option that is not known",
}


def test_invariant_6_the_fingerprint_covers_every_field_of_the_command():
    """THREATS R-01, R-11, A-03."""
    assert set(CHANGES) == {field.name for field in fields(Command)}
    plain = command("true")
    seen = {fingerprint("K7QM-2XVD", "alice@X", HOST, "jitsudo", plain, (None, None, None))}
    for name, value in CHANGES.items():
        seen.add(fingerprint("K7QM-2XVD", "alice@X", HOST, "jitsudo", replace(plain, **{name: value}), (None, None, None)))
    seen.add(fingerprint("K7QM-2XVE", "alice@X", HOST, "jitsudo", plain, (None, None, None)))
    seen.add(fingerprint("K7QM-2XVD", "bob@X", HOST, "jitsudo", plain, (None, None, None)))
    seen.add(fingerprint("K7QM-2XVD", "alice@X", "db2", "jitsudo", plain, (None, None, None)))
    seen.add(fingerprint("K7QM-2XVD", "alice@X", HOST, "sudo", plain, (None, None, None)))
    seen.add(fingerprint("K7QM-2XVD", "alice@X", HOST, "jitsudo", plain, (1, None, None)))
    seen.add(fingerprint("K7QM-2XVD", "alice@X", HOST, "jitsudo", plain, (None, 1, None)))
    seen.add(fingerprint("K7QM-2XVD", "alice@X", HOST, "jitsudo", plain, (None, None, 1)))
    assert len(seen) == len(CHANGES) + 8


@example([b"a b"], [b"a", b"b"])
@example([b"ab", b"c"], [b"a", b"bc"])
@given(st.lists(st.binary(max_size=4), min_size=1, max_size=4), st.lists(st.binary(max_size=4), min_size=1, max_size=4))
def test_invariant_6_two_commands_never_share_a_fingerprint(one, other):
    """THREATS R-11, A-03."""

    def of(argv: list[bytes]) -> bytes:
        made = replace(command("true"), argv=tuple(argv))
        return fingerprint("K7QM-2XVD", "alice@X", HOST, "jitsudo", made, (None, None, None))

    assert (of(one) == of(other)) is (one == other)


def question(**changes: object) -> Question:
    made = Question(person("alice"), command("true"), "jitsudo", HOST, None, None, None, None, None, True, False, ())
    return replace(made, **changes)  # type: ignore[arg-type]


def test_invariant_7_default_deny_deny_overrides_and_an_error_denies():
    permit, deny = Rule("permit", "p", who=("group:dba",)), Rule("deny", "d", because="frozen")
    broken = Rule("permit", "b", who=None, hosts=(None,))  # type: ignore[arg-type]
    assert isinstance(decide(Policy((), "permit", ""), question(), START), Deny)
    assert isinstance(decide(Policy((permit,), "permit", ""), question(), START), Permit)
    assert isinstance(decide(Policy((permit, deny), "permit", ""), question(), START), Deny)
    answer = decide(Policy((broken, permit), "permit", ""), question(), START)
    assert isinstance(answer, Deny) and answer.why == "error"


OBLIGATIONS = st.builds(
    Obligations,
    approvals=st.lists(
        st.builds(Approval, st.integers(1, 3), st.sampled_from([("group:ops",), ("group:security",)])), max_size=3
    ).map(tuple),
    expires_for=st.integers(1, 9),
    lasts_for=st.integers(1, 9),
    uses=st.integers(1, 9),
    terms=st.builds(
        Terms,
        timeout_for=st.none() | st.integers(1, 9),
        env=st.lists(st.sampled_from(["A", "B"]), unique=True).map(tuple),
        writable=st.booleans(),
        leftovers=st.sampled_from(["end", "keep"]),
        stdin=st.sampled_from(["any", "tty", "none"]),
    ),
)


@given(OBLIGATIONS, OBLIGATIONS)
def test_invariant_8_narrowing_only_tightens(old, new):
    after = narrow(old, new)
    nobody = person("alice")
    for other in (old, new):
        assert tally(after.approvals, (), nobody) >= tally(other.approvals, (), nobody)
        assert after.expires_for <= other.expires_for
        assert after.lasts_for <= other.lasts_for and after.uses <= other.uses
        assert set(after.terms.env) <= set(other.terms.env)
        assert after.terms.writable <= other.terms.writable
        assert (after.terms.leftovers, other.terms.leftovers) != ("keep", "end")
        strictness = ["any", "tty", "none"]
        assert strictness.index(after.terms.stdin) >= strictness.index(other.terms.stdin)
        if other.terms.timeout_for is not None:
            assert after.terms.timeout_for is not None and after.terms.timeout_for <= other.terms.timeout_for


@pytest.mark.parametrize(
    "key",
    ['run = { record_by = "us" }', 'gatekeepers = ["calendar"]', 'notify = ["ops"]', "when = 'true'", "run = { fly = true }"],
)
def test_invariant_10_an_obligation_that_cannot_be_performed_is_never_loaded(tmp_path, key):
    (tmp_path / "1.toml").write_text(f'[[permit]]\nname = "p"\nwho = ["group:dba"]\ncommands = [["**"]]\n{key}\n')
    tmp_path.chmod(0o755)
    with pytest.raises(ConfigError):
        policyfile.load(tmp_path, root="permit", owner=tmp_path.stat().st_uid)


def test_invariant_11_break_glass_is_no_code_path(tmp_path):
    for file in (ROOT / "jitd").rglob("*.py"):
        names = {node.id for node in ast.walk(ast.parse(file.read_text("utf-8"))) if isinstance(node, ast.Name)}
        assert not any("break_glass" in name or "emergency" in name for name in names), file


def test_invariant_12_the_daemon_speaks_one_protocol():
    for file in (ROOT / "jitd").rglob("*.py"):
        tops = {name.partition(".")[0] for name in imported(file)}
        assert not tops & {"http", "httpx", "urllib", "requests", "aiohttp", "wsgiref", "xmlrpc"}, file


ALL_BYTES = bytes(range(1, 256))


def test_invariant_13_every_byte_survives_from_argv_to_the_store():
    """THREATS R-09."""
    argv = [b"/bin/x", ALL_BYTES, b"", b"\xff\xfe", "ü‮".encode()]
    message = Submit(
        service="jitsudo", argv=argv, user=None, group=None, cwd=b"/\xff", cwd_device=1, cwd_inode=2, chdir=False,
        variables=[[b"A", ALL_BYTES]],
        locale=[], streams=[],
        reason=None, lasts_for=None, uses=None, timeout_for=None, login=False, preserved=[],
        tty=None, login_session=0, parents=[], waits=True, if_owed=True,
    )  # fmt: skip
    heard = decode(encode(message), FROM_CLIENT)
    assert isinstance(heard, Submit) and heard.argv == argv and heard.variables == [[b"A", ALL_BYTES]]
    request = asked(what=replace(command("true"), argv=tuple(heard.argv), cwd=heard.cwd, variables=((b"A", ALL_BYTES),)))
    assert documents.read(Request, documents.write(request)) == request
    assert unshown_command(shown_command(argv)) == argv
