# SPDX-License-Identifier: Apache-2.0
"""Expressions in CEL: what is refused when the policy is loaded, what their names are, and that nothing but true is yes."""

from __future__ import annotations

import os
import random
import resource
import threading
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jitd.core.decision import Deny, Permit
from jitd.core.facts import Unknown, Value
from jitd.core.names import NAMES, Name
from jitd.core.naming import Form, Naming
from jitd.core.policy import decide
from jitd.core.toml_document import ConfigError
from jitd.core.when import BadExpression, WhenFailed
from jitd.expressions.compiling import MOST_BYTES, compile_when
from jitd.expressions.parse import read_resolved, read_tree
from jitd.settings import policyfile
from tests.core.house import NOON, deny, permit, policy, question, told

NAMED = {**NAMES, "fact.risk": Name("int", "provider risk", "the risk"), "fact.zone": Name("string", "provider zone", "the zone")}


def holds(text: str, **values: Value) -> bool:
    """What ``text`` answers; ``fact_risk=1`` is the value of ``fact.risk``."""
    return compile_when(text, NAMED).evaluate({name.replace("_", ".", 1): value for name, value in values.items()})


def faults(text: str) -> list[tuple[int, int, str]]:
    with pytest.raises(BadExpression) as caught:
        compile_when(text, NAMED)
    return [(fault.line, fault.column, fault.sentence) for fault in caught.value.faults]


def test_a_loop_over_long_texts_fails_before_cel_copies_them() -> None:
    """CEL keeps each copy until it answers: some KiB of arguments were gigabytes in the daemon."""
    copies = "request.argv.map(a, request.argv[0]).size() > 0"
    assert holds(copies, request_argv=("x" * 1000, *("y",) * 999))
    with pytest.raises(WhenFailed, match='the loops in its "when" would look at more than 1048576 characters'):
        holds(copies, request_argv=("x" * 100_000, *("y",) * 999))
    assert holds("request.argv[0].size() > 1", request_argv=("x" * 100_000, *("y",) * 999)), "no loop looks at it"


def test_what_loops_are_for_may_be_written() -> None:
    text = 'request.argv.filter(a, a.startsWith("-")).map(b, b + "=").size() < 3 && request.argv.all(c, c in ["a", "-b"])'
    assert holds(f"{text} && request.argv.all(d, request.argv.exists_one(e, e == d))", request_argv=("a", "-b"))


# --- what is refused -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("fact.rsk < 50", [(1, 5, 'there is no name or function "fact.rsk"')]),
        ("true &&\n  fact.rsk < 50", [(2, 7, 'there is no name or function "fact.rsk"')]),
        ("'é' == fact.zon", [(1, 12, 'there is no name or function "fact.zon"')]),
        ("fact.risk < '50'", [(1, 11, '"<" does not take (int, string)')]),
        ("fact.load > 1", [(1, 11, '">" does not take (double, int)')]),
        ("a == 1 || b", [(1, 1, 'there is no name or function "a"'), (1, 11, 'there is no name or function "b"')]),
        ("1", [(1, 1, "it must be true or false, and is of type int")]),
        ("fact.zone", [(1, 1, "it must be true or false, and is of type string")]),
        ("fact.risk <", [(1, 12, "it ends too early")]),
        ("fact.risk < 3 4", [(1, 15, '"4" does not belong here')]),
        ("fact", [(1, 1, 'there is no name or function "fact"')]),
        ("fact['risk'] < 3", [(1, 1, 'there is no name or function "fact"')]),
        ("shout(fact.zone) == ''", [(1, 6, 'there is no name or function "shout"')]),
        ("(" * 50 + "true" + ")" * 50, [(1, 1, "it is nested too deeply")]),
        ("+".join(["1"] * 500) + "== 1", [(1, 1, "it is nested too deeply")]),
        ("true\x00", [(1, 5, "it holds a control character")]),
        ("true ||\n\x1b[2J", [(2, 1, "it holds a control character")]),
        ("dyn(fact.risk) == 'x'", [(1, 4, "dyn() is not allowed, because it removes the types")]),
        ("[1].exists(fact, fact > 0)", [(1, 11, "a variable of a loop may not be called fact")]),
        ("fact.zone.matches(claim.reason)", [(1, 18, "the pattern of matches() must be written out, not come from a name")]),
        ("fact.zone.matches('(')", [(1, 18, "the pattern of matches(): missing ): (")]),
        (
            "request.argv.exists(a, request.argv.exists(b, b.matches('x')))",
            [(1, 56, "matches() may not stand in a loop within a loop")],
        ),
        (
            "request.argv.exists(a, a.matches('[a-z]{200}'))",
            [(1, 33, "the pattern of matches(): it is too large: each text would take long to compare")],
        ),
        (
            "||".join(f"request.argv.exists(a, a.matches('[a-z]{{40}}{i}'))" for i in range(4)),
            [(1, 82, "the patterns of matches() are too large together: each text would take long to compare")],
        ),
        (
            "||".join(f"request.path.matches('[a-z]{{900}}{i}')" for i in range(9)),
            [(1, 206, "the patterns of matches() are too large together: each text would take long to compare")],
        ),
        ("request.argv.map(a, a + request.path) == []", [(1, 23, 'in a loop, "+" needs a constant on one side')]),
        (
            "request.argv.map(a, request.argv.map(b, a)) == []",
            [(1, 37, "map() and filter() may not stand in a loop")],
        ),
        ("request.argv.map(a, [a, a]) == []", [(1, 21, "a list or a map in a loop may contain only constants")]),
        ("request.argv.map(a, {'x': a}) == []", [(1, 21, "a list or a map in a loop may contain only constants")]),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused_with_its_place(text: str, expected: list[tuple[int, int, str]]) -> None:
    assert faults(text) == expected


@pytest.mark.parametrize(
    "text", ["has(fact.risk)", "has(fact.risk) && true", "!has(claim.reason)", "[{'a': 1}].exists(e, has(e.a))"]
)
def test_nobody_may_ask_whether_there_is_a_name(text: str) -> None:
    assert [sentence for _, _, sentence in faults(text) if sentence.startswith("has() is not allowed")]


def test_an_expression_has_at_most_so_many_bytes() -> None:
    short = "true".ljust(MOST_BYTES)
    assert compile_when(short).evaluate({}) is True
    assert faults(short + " ") == faults("é" * (MOST_BYTES // 2 + 1)) == [(1, 1, f"it is longer than {MOST_BYTES} bytes")]


@pytest.mark.parametrize(
    ("rule", "where"),
    [
        ("when = 'fact.rsk < 50'", "5:13"),
        ('when="fact.rsk < 50"', "5:11"),
        ("when = '''\nfact.rsk < 50'''", "6:5"),
        ("when = '''true ||\n  fact.rsk < 50\n'''", "6:7"),
        ('when = """\ntrue || fact.rsk < 50"""', "6:13"),
        ('when = "true ||\\n fact.rsk < 50"', "5"),
        ('when = "fact.rsk < 50 \\u0026& true"', "5"),
    ],
)
def test_a_fault_names_its_line_and_column_in_the_file(tmp_path: Path, rule: str, where: str) -> None:
    """If the string has escapes, a column would not be that of the file, and the line is all that is told."""
    file = tmp_path / "a.toml"
    file.write_text(f'[[permit]]\nname = "p"\nwho = ["group:dba"]\ncommands = [["**"]]\n{rule}\n', "utf-8")
    told = [str(each) for each in policyfile.read([file])[1]]
    assert f'{file}:{where}: rule p: "when": there is no name or function "fact.rsk"' in told


def test_a_policy_with_a_broken_condition_is_not_loaded(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    (tmp_path / "a.toml").write_text('[[deny]]\nwhen = "fact.risk > 3"\n')
    with pytest.raises(ConfigError):
        policyfile.load(tmp_path, root="permit", owner=os.getuid())
    (rule,) = policyfile.load(tmp_path, root="permit", owner=os.getuid(), names=NAMED).rules
    assert rule.when is not None and rule.when.names == {"fact.risk"}


@pytest.mark.parametrize(
    ("value", "fault"), [("''", '"when" is empty'), ("' '", '"when" is empty'), ("true", '"when" must be a string')]
)
def test_a_condition_is_a_text(tmp_path: Path, value: str, fault: str) -> None:
    (tmp_path / "a.toml").write_text(f"[[deny]]\nwhen = {value}\n")
    assert [each.sentence for each in policyfile.read([tmp_path / "a.toml"])[1]] == [fault]


@pytest.mark.parametrize(
    ("when", "n_faults"), [("fact.load < 1.0 && fact.risk < 50", 1), ("fact.load < 1.0", 0), ("fact.zone == 'a'", 1)]
)
def test_a_rule_for_people_without_a_ticket_asks_no_provider(tmp_path: Path, when: str, n_faults: int) -> None:
    file = tmp_path / "a.toml"
    rule = f'[[permit]]\nname = "p"\nwho = ["group:dba"]\ncommands = [["**"]]\nwhen = "{when}"\n'
    file.write_text(rule)
    assert policyfile.read([file], NAMED)[1] == []
    file.write_text(rule + 'ticket = "optional"\n')
    told = [each.sentence for each in policyfile.read([file], NAMED)[1]]
    assert len(told) == n_faults and all('remove ticket = "optional"' in each for each in told)


# --- the principals in it --------------------------------------------------------------------------------------------

FOLDS = Naming(frozenset({"AD.TEST", "MIT.TEST"}), {}, {"AD.TEST": Form(folds=True)})


@pytest.mark.parametrize(
    ("text", "column"),
    [
        ("subject.principal == 'JSmith@AD.TEST'", 22),
        ("'JSmith@AD.TEST' == subject.principal", 1),
        ("!(subject.principal != 'JSmith@AD.TEST')", 24),
        ("subject.principal in ['kim@AD.TEST', 'JSmith@AD.TEST']", 38),
        ("fact.zone == 'x' || ['JSmith@AD.TEST'].exists(p, p == subject.principal)", 22),
        ("{'JSmith@AD.TEST': true}[subject.principal]", 2),
        ("subject.principal == (subject.is_local ? 'JSmith@AD.TEST' : '')", 42),
        ("'JSmith@AD.TEST'.startsWith(subject.principal)", 1),
        ("subject.principal == 'JSm\\u0069th@AD.TEST'", 22),
        ("subject.principal == r'JSmith@AD.TEST'", 22),
    ],
)
@pytest.mark.parametrize("kind", ["deny", "permit"])
def test_a_principal_in_a_spelling_that_is_never_compared_is_a_fault(tmp_path: Path, kind: str, text: str, column: int) -> None:
    """THREATS K-24: a deny with the directory's spelling would never match."""
    with pytest.raises(BadExpression) as caught:
        compile_when(text, NAMED, FOLDS)
    told = '"JSmith@AD.TEST": the names of this realm are folded (see fold in jitd.toml(5)): write "jsmith@AD.TEST"'
    assert [(fault.column, fault.sentence) for fault in caught.value.faults] == [(column, told)]
    rest = "" if kind == "deny" else 'name = "p"\nwho = ["group:dba"]\ncommands = [["**"]]\n'
    (tmp_path / "a.toml").write_text(f'[[{kind}]]\n{rest}when = """{text}"""\n'.replace("\\", "\\\\"))
    os.chmod(tmp_path, 0o755)
    with pytest.raises(ConfigError) as refused:
        policyfile.load(tmp_path, root="permit", owner=os.getuid(), names=NAMED, naming=FOLDS)
    assert [fault.sentence for fault in refused.value.faults] == [f'"when": {told}']


@pytest.mark.parametrize(
    "text",
    [
        "subject.principal == 'jsmith@AD.TEST'",
        "subject.principal == 'JSmith@MIT.TEST'",  # a realm that does not fold
        "subject.principal == 'JSmith@ad.test'",  # a realm is as written
        "subject.principal in ['jürgen@AD.TEST', 'JSmith@MIT.TEST']",
        "subject.principal.endsWith('@AD.TEST')",
        "claim.reason == 'Mail to JSmith@AD.TEST'",
        "subject.principal.startsWith('JSmith')",  # cannot be checked: the manual says so
    ],
)
def test_any_other_text_is_not(text: str) -> None:
    assert compile_when(text, NAMED, FOLDS).text == text


def test_every_principal_in_a_wrong_spelling_is_told() -> None:
    with pytest.raises(BadExpression) as caught:
        compile_when("subject.principal in ['A@AD.TEST', 'b@AD.TEST', 'C@AD.TEST']", NAMED, FOLDS)
    assert [fault.sentence[:3] for fault in caught.value.faults] == ['"A@', '"C@']


# --- its names -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("true", ""),
        ("fact.risk < 50 || claim.reason == 'x'", "fact.risk claim.reason"),
        (".fact.risk < 50", "fact.risk"),
        ("true || fact.risk < 50", "fact.risk"),
        ("false ? fact.risk < 50 : true", "fact.risk"),
        ("request.argv.exists(a, a == fact.zone)", "request.argv fact.zone"),
        ("subject.groups.exists(risk, risk == 'fact.risk')", "subject.groups"),
        ("request.argv[fact.risk] == ''", "request.argv fact.risk"),
        ("{'a': fact.risk}.a < 3", "fact.risk"),
        ("[fact.risk, 1].all(x, x < 2)", "fact.risk"),
        ("fact.risk in [1, 2]", "fact.risk"),
        ("request.argv.map(a, fact.zone).size() > 1", "request.argv fact.zone"),
        ("request.argv.filter(a, fact.risk > 1).size() > 1", "request.argv fact.risk"),
        ("fact.zone.startsWith(claim.tty) // fact.load", "fact.zone claim.tty"),
        ("google.protobuf.Int32Value{value: fact.risk} == 3", "fact.risk"),
        ("fact.now - timestamp('2020-01-01T00:00:00Z') > duration('1h')", "fact.now"),
    ],
)
def test_the_names_are_those_of_the_parse(text: str, names: str) -> None:
    assert compile_when(text, NAMED).names == {*names.split()}


@pytest.mark.parametrize(
    "text", ["fact.risk < 50 || claim.reason == 'x'", "claim.reason == 'x' || fact.risk < 50", "fact.risk < 50 ? true : true"]
)
def test_without_a_fact_that_it_names_an_expression_is_denied_whatever_the_rest_says(text: str) -> None:
    """``error || true`` is true in CEL: an absent name must not get that far."""
    compiled = compile_when(text, NAMED)
    for rules in ((permit(when=compiled),), (deny(when=compiled), permit())):
        found = decide(policy(*rules), question(reason="x"), NOON, {"fact.risk": Unknown("no answer")})
        assert isinstance(found, Deny) and found.because.endswith("fact.risk is not known: no answer")
    assert isinstance(decide(policy(permit(when=compiled)), question(reason="x"), NOON, {"fact.risk": 90}), Permit)
    with pytest.raises(WhenFailed, match="fact.risk is not known"):
        compiled.evaluate({"claim.reason": "x"})


CHECKED = b"\n\x29type.googleapis.com/cel.expr.CheckedExpr"


def test_bytes_that_are_no_syntax_tree_are_no_empty_tree() -> None:
    for odd in (b"", b"\xff", b"\n\x03abc", b"\x0a\x05ab", CHECKED + b"\x12\x01\x07"):
        for read in (read_tree, read_resolved):
            with pytest.raises(ValueError):
                read(odd)


@given(st.binary(max_size=80))
def test_garbage_for_a_syntax_tree_is_an_error_and_nothing_worse(garbage: bytes) -> None:
    for read, kind in ((read_tree, b"\n\x28type.googleapis.com/cel.expr.ParsedExpr"), (read_resolved, CHECKED)):
        with suppress(ValueError):
            read(kind + b"\x12" + bytes([len(garbage)]) + garbage)


# --- what it answers -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "values", "expected"),
    [
        ("fact.risk < 50", {"fact_risk": 49}, True),
        ("fact.risk < 50", {"fact_risk": 50}, False),
        ("fact.load < 0.5", {"fact_load": 0.25}, True),
        ("fact.now.getHours('Europe/Berlin') == 13", {"fact_now": NOON}, True),
        ("fact.now.getDayOfWeek('UTC') == 3", {"fact_now": NOON}, True),
        ("fact.now < timestamp('2024-01-03T12:00:01Z')", {"fact_now": NOON.astimezone(tz=None)}, True),
        ("'ops' in subject.groups", {"subject_groups": ("dba", "ops")}, True),
        ("request.argv[1] == '\\\\xff'", {"request_argv": ("/bin/x", "\\xff")}, True),
        ("claim.reason.matches('(^| )CHG-[0-9]+')", {"claim_reason": "for CHG-1"}, True),
        ("request.argv.exists(a, a.matches('^--(force|yes)$'))", {"request_argv": ("x", "--force")}, True),
        ("subject.groups.size() == 0 && !subject.is_local", {"subject_groups": (), "subject_is_local": False}, True),
    ],
)
def test_what_it_answers(text: str, values: dict[str, Any], expected: bool) -> None:
    assert holds(text, **values) is expected


@pytest.mark.parametrize(
    ("text", "values", "said"),
    [
        ("1 / fact.risk == 1", {"fact_risk": 0}, "its \"when\" cannot be evaluated: divide by zero"),
        ("subject.groups[3] == ''", {"subject_groups": ("a",)}, "its \"when\" cannot be evaluated: Index error: index=3 size=1"),
        ("request.argv.all(a, request.argv.all(b, a != b + 'x'))", {"request_argv": ("a",) * 500}, "Iteration budget exceeded"),
        ("int(fact.zone) < 3", {"fact_zone": "x"}, "cannot be evaluated"),
        ("fact.risk < 50", {"fact_risk": True}, "fact.risk is not of type int"),
        ("fact.risk < 50", {"fact_risk": 2**63}, "fact.risk has more than 64 bits"),
        ("fact.zone == 'a'", {"fact_zone": "\ud800"}, "fact.zone contains half of a character (a surrogate)"),
        ("'a' in request.argv", {"request_argv": ("x",) * 1001}, "request.argv has more than 1000 members"),
        ("fact.load < 1.0", {"fact_load": float("nan")}, "fact.load is not a number"),
        ("fact.now < timestamp('2024-01-01T00:00:00Z')", {"fact_now": datetime(2024, 1, 1)}, "fact.now has no time zone"),
    ],
)  # fmt: skip
def test_what_cannot_be_answered_fails_and_says_why(text: str, values: dict[str, Any], said: str) -> None:
    with pytest.raises(WhenFailed) as caught:
        holds(text, **values)
    assert said in str(caught.value) and "\n" not in str(caught.value)


TYPED = {
    "bool": "fact.tainted", "int": "fact.risk", "double": "fact.load", "string": "fact.zone", "timestamp": "fact.now",
    "list": "request.argv",
}  # fmt: skip
CONDITIONS = {
    "bool": "fact.tainted || !fact.tainted",
    "int": "fact.risk < 50 || fact.risk >= 50",
    "double": "fact.load < 1.0 || fact.load >= 1.0",
    "string": "fact.zone == 'x' || fact.zone != 'x'",
    "timestamp": "fact.now < timestamp('2024-01-01T00:00:00Z') || true",
    "list": "'x' in request.argv || true",
}
"""For each type what every value of that type makes true."""


class Odd:
    """A value that is nothing else, and says that it is true."""

    def __bool__(self) -> bool:
        return True


HOSTILE: list[Any] = [
    None, True, False, 0, 1, -1, 2**63, -(2**63) - 1, 2**4000, 0.0, -0.0, 1e308, float("nan"), float("inf"), "", "x", "\0",
    "\ud800", "x" * 200_000, "{{7*7}}", "' || true || '", b"x", [], ["x"], [[]], {}, {"a": 1}, (), ("x",), ("\udc80",), (1,),
    ("x",) * 5000, Odd(), datetime(2024, 1, 1), datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC), NOON,
    timedelta(1), object, lambda: True,
]  # fmt: skip


@pytest.mark.parametrize("type", TYPED)
def test_a_value_is_given_to_an_expression_only_with_the_type_that_was_declared(type: str) -> None:
    compiled = compile_when(CONDITIONS[type], NAMED)
    n_held = 0
    for value in HOSTILE:
        try:
            assert compiled.evaluate({TYPED[type]: value}) is True
            n_held += 1
        except WhenFailed:
            pass
    assert 1 <= n_held < 10, "most of them are of another type, and none of them holds by mistake"


def in_child(work: Any, most: int) -> None:
    """Have ``work`` done in a child whose address space has at most ``most`` bytes. The child may not die of it."""
    child = os.fork()
    if not child:
        code = 1
        try:
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
            resource.setrlimit(resource.RLIMIT_AS, (most, most))
            work()
            code = 0
        except BaseException as fault:
            os.write(2, repr(fault).encode())
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_ten_thousand_hostile_values_end_nothing_and_hold_nothing() -> None:
    """In a child with 512 MiB of addresses: a value must not end the process, nor fill it."""

    def work() -> None:
        draw = random.Random(15)
        compiled = {type: compile_when(CONDITIONS[type], NAMED) for type in TYPED}
        for _ in range(10_000):
            type, value = draw.choice([*TYPED]), draw.choice(HOSTILE)
            if isinstance(value, str) and draw.random() < 0.5:
                value = "".join(chr(draw.randrange(0x110000)) for _ in range(draw.randrange(30)))
            with suppress(WhenFailed):
                assert compiled[type].evaluate({TYPED[type]: value}) is True

    in_child(work, 512 << 20)


def test_a_thousand_expressions_have_room_in_512_mib() -> None:
    """They are compiled and asked there, those of the most bytes too."""

    def work() -> None:
        made = []
        for n in range(1000):
            text = f"fact.risk < {n} && request.argv.exists(a, a == 'x{n}' || a.matches('^x{n}+$')) || claim.reason == 'r{n}'"
            made.append(compile_when(text + " || fact.zone == ''" * (0 if n % 50 else 180), NAMED))
        values = {"fact.risk": 5, "request.argv": ("a", "xx"), "claim.reason": "r7", "fact.zone": "z"}
        assert [n for n, one in enumerate(made) if one.evaluate(values)] == [7]

    in_child(work, 512 << 20)


def test_many_threads_may_ask_at_once() -> None:
    compiled = compile_when("fact.risk < 50 && request.argv.exists(a, a == fact.zone)", NAMED)
    wrong: list[int] = []

    def ask(n: int) -> None:
        for risk in range(200):
            said = compiled.evaluate({"fact.risk": risk, "request.argv": (f"a{n}", "b"), "fact.zone": f"a{n}"})
            if said is not (risk < 50):
                wrong.append(n)

    threads = [threading.Thread(target=ask, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


@given(
    risk=st.one_of(st.integers(-5, 105), st.just(None)),
    reason=st.one_of(st.text(max_size=5), st.sampled_from(["x", None])),
    verdict=st.sampled_from(["permit", "deny"]),
)
def test_the_property_of_the_missing_risk(risk: int | None, reason: str | None, verdict: str) -> None:
    compiled = compile_when("fact.risk < 50 || claim.reason == 'x'", NAMED)
    rules = (permit(when=compiled),) if verdict == "permit" else (deny(when=compiled), permit())
    found = decide(policy(*rules), question(reason=reason), NOON, {"fact.risk": Unknown("silence") if risk is None else risk})
    if risk is None:
        assert told(found).startswith("error: ") and isinstance(found, Deny)
    else:
        assert isinstance(found, Permit) is ((risk < 50 or reason == "x") is (verdict == "permit"))
