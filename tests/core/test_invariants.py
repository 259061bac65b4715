# SPDX-License-Identifier: Apache-2.0
"""The numbered invariants of ARCHITECTURE.md, those that need no daemon. Law: one test an invariant, carrying its number.

Invariants 4, 14 and 15 need a daemon: tests/system/test_invariants_alive.py. Invariant 9 has its own table in test_lives.py.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterable
from dataclasses import fields, replace
from functools import cache
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from jitd.core.approvers import tally
from jitd.core.asked_terms import USUAL
from jitd.core.command import Command, Interpreter, Operand, RunAs, fingerprint
from jitd.core.conditions import read_command_pattern
from jitd.core.decision import RECORDED, Approval, BreakGlass, Deny, Obligations, Permit, Record, Terms, narrow
from jitd.core.edit import Edit, NewFile, Removal
from jitd.core.policy import Policy, Rule, decide
from jitd.core.question import Question
from jitd.core.toml_document import ConfigError
from jitd.settings import policyfile
from jitpam.wire.coding import decode, encode
from jitpam.wire.messages import FROM_CLIENT, Submit
from jitpam.wire.shown import shown_command
from tests.scene import HOST, START, asked, command, person
from tests.stored import round_trip
from tests.unshown import unshown_command

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


@cache
def nodes_of(file: Path) -> tuple[ast.AST, ...]:
    """All of what ``file`` parses to: to parse and walk the product takes a second, and three laws look at all of it."""
    return tuple(ast.walk(ast.parse(file.read_text("utf-8"))))


def imported(file: Path) -> set[str]:
    """The modules that a file imports, whole names."""
    found: set[str] = set()
    for node in nodes_of(file):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
    return found


def files_of(package: str, least: int) -> list[Path]:
    """The modules below ``package``, which has ``least`` of them or more: a law over none of them would hold of anything."""
    found = sorted((ROOT / package).rglob("*.py"))
    assert len(found) >= least, f"{package} is not where it was"
    return found


def test_invariant_1_the_core_knows_no_clock_file_socket_process_chance_or_log():
    for file in files_of("jitd/core", 15):
        for name in imported(file):
            top = name.partition(".")[0]
            assert top not in WORLDLY, f"{file.name} imports {name}"
            assert name.startswith("jitd.core") or top in sys.stdlib_module_names or top == "__future__", f"{file.name}: {name}"


def writes(nodes: Iterable[ast.AST]) -> set[str]:
    """What in them makes something of a database last, or opens one: ``commit()``, and SQL that does so."""
    found = set()
    for node in nodes:
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in ("commit", "executescript"):
            found.add(node.func.attr)
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            found |= {
                word
                for word in ("COMMIT", "BEGIN", "INSERT INTO", "UPDATE ", "DELETE FROM")
                if node.value.startswith(word) and node.value != "BEGINS"
            }
    return found


def test_invariant_2_nothing_but_the_one_door_writes_to_the_store():
    """Who calls ``commit`` is the door, by its path; SQL that writes is the store's own."""
    found = {
        str(file.relative_to(ROOT)): writes(nodes_of(file)) for file in [*files_of("jitd", 100), *files_of("extensions", 20)]
    }
    assert {file for file, words in found.items() if "commit" in words} == {"jitd/lifecycle/lifecycle.py"}
    no_life = {f"jitd/store/{name}.py" for name in ("checkpoints", "index", "masked_words", "said", "texts", "told")}
    verifier = {f"jitd/audit/{name}.py" for name in ("heads", "lines", "lives", "receipts", "said")}  # a database in memory
    stores = (
        {"jitd/store/sqlite.py", "extensions/jitd_evidence/witness_directory.py"} | no_life | verifier
    )  # a witness has no lives
    assert {file for file, words in found.items() if words - {"commit"}} == stores


@pytest.mark.parametrize(
    "line",
    ["db.commit()", "self._store.commit(a, b)", "db.execute('COMMIT')", "db.executescript(x)", "db.execute('DELETE FROM x')"],
)
def test_invariant_2_sees_what_it_forbids(line):
    assert writes(ast.walk(ast.parse(line)))


def test_invariant_3_effects_are_handed_on_only_after_the_commit():
    """``handle`` returns what is to be done; the commit comes before, and between the two it is noted and counted."""
    written = ast.walk(ast.parse((ROOT / "jitd/lifecycle/lifecycle.py").read_text("utf-8")))
    body = {node.name: node.body for node in written if isinstance(node, ast.FunctionDef)}
    *_, commit, counted, end = body["handle"]
    assert isinstance(end, ast.Return) and "'_commit'" in ast.dump(commit) and "'_changed'" in ast.dump(counted)
    (stored,) = [place for place, step in enumerate(body["_commit"]) if "attr='commit'" in ast.dump(step)]
    (noted,) = [place for place, step in enumerate(body["_commit"]) if "'_noted'" in ast.dump(step)]
    assert stored < noted == len(body["_commit"]) - 1


def test_invariant_5_what_policy_is_asked_holds_no_claim_but_the_reason_and_the_terminal():
    """A condition reads both as ``claim.``, so who writes it knows what they are (jitd-policy(5))."""
    names = {field.name for field in fields(Question)}
    assert not names & {"claims", "parents", "login_session"}
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
    "edit": Edit(1, 2, 0, 0, 0o644, b"b" * 32, b"a" * 32),
    "edits": (Edit(1, 2, 0, 0, 0o644, b"b" * 32, b"a" * 32), Edit(1, 3, 0, 0, 0o644, b"b" * 32, b"a" * 32)),
    "makes": NewFile(1, 2, 0, 0, 0o644, b"a" * 32),
    "removes": Removal(1, 2, 0, 0, 0o644, b"a" * 32, "0000-0000"),
    "interpreters": (Interpreter(b"/home/alice/sh", b"d" * 32, "it belongs to uid 4001"),),
    "options": (b"-E",),
    "chdir": True,
    "salt": bytes(16),
    "gives": True,
    "stays": True,
    "brought": "ssh-ed25519 AAAA",
    "lets": ("run by sudo: ALL=(root) /usr/bin/id",),
    "doubt": "it has an option that is not known",
}


def test_invariant_6_the_fingerprint_covers_every_field_of_the_command():
    """THREATS R-01, R-11, A-03."""
    # Three fields change nothing that runs: what a requester may be told, and what approvers are told of the command.
    assert set(CHANGES) | {"is_told", "findings", "masked"} == {field.name for field in fields(Command)}
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
    made = Question(person("alice"), command("true"), "jitsudo", HOST, None, USUAL, None, True, False, ())
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
        record=st.builds(
            Record, st.sampled_from(RECORDED), st.sampled_from(["interval", "always"]), st.sampled_from(["end", "continue"])
        ),
        watch=st.none() | st.lists(st.sampled_from(["group:ops", "user:eve"]), unique=True).map(tuple),
        session=st.sampled_from(["keep", "end"]),
        options=st.booleans(),
        bound=st.booleans(),
        observed=st.booleans(),
        namespace=st.sampled_from(["never", "auto", "always"]),
        checks=st.lists(st.sampled_from([("/bin/a",), ("/bin/b", "-t")]), unique=True).map(tuple),
        cwd=st.sampled_from(["caller", "/srv"]),
        new=st.sampled_from([None, 0o600, 0o644]),
    ),
    standing=st.sampled_from(["use", "review"]),
    gatekeepers=st.lists(st.sampled_from(["change", "ticket"]), unique=True).map(tuple),
    visible_to=st.none() | st.lists(st.sampled_from(["group:audit", "user:eve"]), unique=True).map(tuple),
    notify=st.lists(st.sampled_from(["ops", "chat"]), unique=True).map(tuple),
    without_kdc=st.sampled_from(["deny", "local"]),
)


def test_invariant_8_is_tried_with_every_field():
    """Whoever adds a term says here what is tighter; tests/core/test_narrowing.py has each by itself."""
    tried = {
        "timeout_for", "env", "writable", "leftovers", "stdin", "record", "watch", "session", "options", "bound", "cwd",
        "observed", "namespace", "checks", "new",
    }  # fmt: skip
    assert tried == {field.name for field in fields(Terms)}
    assert {field.name for field in fields(Obligations)} == {
        "approvals", "expires_for", "lasts_for", "uses", "terms", "standing", "gatekeepers", "notify", "visible_to",
        "break_glass", "without_kdc", "signed",
    }  # fmt: skip
    assert {field.name for field in fields(Record)} == {"what", "sync", "failure"}


@given(OBLIGATIONS, OBLIGATIONS)
def test_invariant_8_narrowing_only_tightens(old, new):
    after = narrow(old, new)
    nobody = person("alice")
    for other in (old, new):
        assert tally(after.approvals, (), nobody) >= tally(other.approvals, (), nobody)
        assert after.expires_for <= other.expires_for
        assert after.lasts_for <= other.lasts_for and after.uses <= other.uses
        assert (after.standing, other.standing) != ("review", "use")
        assert set(after.terms.env) <= set(other.terms.env)
        assert after.terms.writable <= other.terms.writable
        assert (after.terms.leftovers, other.terms.leftovers) != ("keep", "end")
        strictness = ["any", "tty", "none"]
        assert strictness.index(after.terms.stdin) >= strictness.index(other.terms.stdin)
        assert RECORDED.index(after.terms.record.what) >= RECORDED.index(other.terms.record.what)
        assert (after.terms.record.sync, other.terms.record.sync) != ("interval", "always")
        assert (after.terms.record.failure, other.terms.record.failure) != ("continue", "end")
        assert (after.terms.session, other.terms.session) != ("keep", "end")
        assert after.terms.options <= other.terms.options
        assert after.terms.bound >= other.terms.bound and after.terms.observed >= other.terms.observed
        strictness = ["never", "auto", "always"]
        assert strictness.index(after.terms.namespace) >= strictness.index(other.terms.namespace)
        assert (after.without_kdc, other.without_kdc) != ("local", "deny")
        assert after.terms.new in (None, other.terms.new)
        assert set(after.terms.checks) >= set(other.terms.checks)
        assert set(after.gatekeepers) >= set(other.gatekeepers)
        assert other.visible_to is None or (after.visible_to is not None and set(after.visible_to) <= set(other.visible_to))
        assert set(after.notify) >= set(other.notify)
        if other.terms.watch is not None:
            assert after.terms.watch is not None and set(after.terms.watch) <= set(other.terms.watch)
        if other.terms.timeout_for is not None:
            assert after.terms.timeout_for is not None and after.terms.timeout_for <= other.terms.timeout_for


@pytest.mark.parametrize(
    "key",
    ['run = { record_by = "us" }', 'gatekeepers = ["calendar"]', 'notify = ["ops"]', "run = { fly = true }"],
)
def test_invariant_10_an_obligation_that_cannot_be_performed_is_never_loaded(tmp_path, key):
    (tmp_path / "1.toml").write_text(f'[[permit]]\nname = "p"\nwho = ["group:dba"]\ncommands = [["**"]]\n{key}\n')
    tmp_path.chmod(0o755)
    with pytest.raises(ConfigError):
        policyfile.load(tmp_path, root="permit", owner=tmp_path.stat().st_uid)


def test_invariant_11_break_glass_is_no_code_path():
    """Whatever the rules are, and whatever is asked, what is permitted names the rule that permits it; root's is one of them."""
    freeze, name = Rule("deny", "freeze"), {"who": ("user:alice",)}
    alice, root = person("alice"), person("alice", principal="root", user="root", uid=0, groups=frozenset({"root"}))
    for rules in ((), (freeze,), (Rule("permit", "p", **name), freeze), (Rule("deny", "d", who=("user:root",)),)):
        for reason in (None, "break glass", "emergency", "INC-1: production is down"):
            for who in (alice, root):
                for house in ("permit", "deny"):
                    answer = decide(Policy(rules, house, ""), question(requester=who, reason=reason), START)
                    may = who is root and house == "permit" and not any(rule.who for rule in rules if rule.verdict == "deny")
                    assert isinstance(answer, Permit) is may
                    assert not isinstance(answer, Permit) or answer.rule == "root"
    # Who asks to break glass asks the same rules, in the same place: a permit that says so, and no deny.
    glass = BreakGlass("p", (Approval(1, ("group:ops",)),), 3600, 1)
    rules = (Rule("permit", "p", **name), Rule("permit", "glass", **name, break_glass=glass))
    anything = {"commands": (read_command_pattern(("**",)),)}
    rules = tuple(replace(rule, **anything) for rule in rules)
    for offered, is_breaking, told in (
        (rules, False, "p"),
        (rules, True, "glass"),
        (rules[:1], True, ""),
        (rules[1:], False, ""),
        ((*rules, freeze), True, ""),
    ):
        answer = decide(Policy(offered, "permit", ""), question(breaks_glass=is_breaking, reason="production is down"), START)
        assert (answer.rule if isinstance(answer, Permit) else "") == told
    # And there is no other verb, option, setting or message of that kind.
    for file in [*files_of("jitd", 100), *files_of("jitpam", 20), *files_of("extensions", 20)]:
        if file.is_relative_to(ROOT / "extensions/jitd_commands/programs"):  # the words of other programs
            continue
        words = {node.id for node in nodes_of(file) if isinstance(node, ast.Name)}
        words |= {node.value for node in nodes_of(file) if isinstance(node, ast.Constant)} & SHATTERED
        assert not words & SHATTERED, file


SHATTERED = {"emergency", "--emergency", "override", "--override"}


def test_invariant_12_the_daemon_speaks_one_protocol():
    for file in [*files_of("jitd", 100), *files_of("extensions", 20)]:
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
    assert round_trip(request) == request
    assert unshown_command(shown_command(argv)) == argv
