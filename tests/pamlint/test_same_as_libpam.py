# SPDX-License-Identifier: Apache-2.0
"""The model beside the library: random stacks, and whatever libpam makes of one, the model says the same number."""

from __future__ import annotations

import itertools
import os
import random
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from jitd.hosts.control import MODULE_UNKNOWN, PERM_DENIED, RETURNS
from jitd.hosts.places import Places
from jitd.hosts.stack import Handler, Source, Stack, read
from jitd_inspection.pamlint.evaluation import PASSED, START, Answered, Skipped, Way, endings, result, step
from jitd_inspection.pamlint.modules import DENIALS
from tests.pamlint.library import answer
from tests.times import times

MODULES = Path("/lib/x86_64-linux-gnu/security")
LIBPAM = Places().libpam
IN_LAB = os.uname().nodename == "lab.example.test" and os.geteuid() == 0
KINDS = ("account", "session")
OWN = ("x", "plain", "inner", "deeper")
N_EACH = times(40)
"""Stacks for each seed; there are ten seeds."""

pytestmark = pytest.mark.skipif(not (MODULES / "pam_debug.so").exists(), reason="no libpam to compare with")


def answers_of(handler: Handler) -> int:
    """What the modules that are used here answer."""
    match handler.name:
        case "pam_permit.so":
            return 0
        case "pam_deny.so":
            return DENIALS[handler.kind]
        case "pam_debug.so":
            event = {"account": "acct", "session": "open_session"}[handler.kind]
            words = [word.partition("=")[2] for word in handler.arguments if word.startswith(f"{event}=")]
            return RETURNS.index(words[0]) if words and words[0] in RETURNS else 0
    return MODULE_UNKNOWN


def dispatch(stack: Sequence[Handler], answers: Sequence[int]) -> int:
    """The result of the stack if its handlers give these ``answers``. One without a module gives the same as in libpam."""
    state = START
    while state.at < len(stack):
        state = step(stack, state, PERM_DENIED if stack[state.at].must_fail else answers[state.at])
    return result(state)


class Author:
    """Writes stacks that nobody would write."""

    def __init__(self, seed: int, prefix: str) -> None:
        self.dice = random.Random(seed)
        self.prefix = prefix

    def files(self) -> dict[str, bytes]:
        """``x`` may include the others, each of which may include those behind it."""
        return {name: self._text(OWN[number + 1 :]) for number, name in enumerate(OWN)}

    def _text(self, others: tuple[str, ...]) -> bytes:
        lines = [self._line(others) for _ in range(self.dice.choice((1, 2, 3, 3, 4, 6, 9)))]
        text = "".join(lines)
        if self.dice.random() < 0.02:
            text += "account required \\"
        return text.encode("latin-1")

    def _line(self, others: tuple[str, ...]) -> str:
        dice = self.dice
        kind = dice.choices(("account", "session", "Account", "-account", "-session", "acount"), (60, 30, 2, 4, 3, 1))[0]
        if others and dice.random() < 0.25:
            other = self.prefix + dice.choice(others)
            if dice.random() < 0.3:
                return f"@include {other}\n"
            return f"{kind} {dice.choice(('include', 'substack', 'SUBSTACK'))} {other}{dice.choice(('', ' x'))}\n"
        if dice.random() < 0.02:
            return f"{kind} {dice.choice(('include', 'substack'))} {self.prefix}absent\n"
        return self._odd(f"{kind} {self._control()} {self._module()}")

    def _control(self) -> str:
        dice = self.dice
        if dice.random() < 0.5:
            words = ("required", "requisite", "sufficient", "optional", "Required", "requird", "success=ok")
            return dice.choices(words, (20, 20, 20, 20, 2, 1, 2))[0]
        parts = []
        for _ in range(dice.choice((1, 2, 2, 3))):
            code = dice.choice(
                ("success", "success", "default", "default", "ignore", "new_authtok_reqd", "perm_denied", *RETURNS)
            )
            action = dice.choice(("ignore", "ok", "done", "bad", "die", "reset", "1", "1", "2", "2", "3", "9", "0", "01", "okay"))
            parts.append(dice.choice((f"{code}={action}", f"{code} = {action}")))
        return f"[{dice.choice((' ', '  ', '')).join(parts)}]"

    def _module(self) -> str:
        dice = self.dice
        code = dice.choice(("success", "ignore", "new_authtok_reqd", "perm_denied", "incomplete", dice.choice(RETURNS)))
        debug = f"pam_debug.so acct={code} open_session={code}"
        return dice.choices(("pam_permit.so", "pam_deny.so", debug, "[pam_permit.so]", "absent.so", ""), (30, 20, 55, 3, 3, 1))[0]

    def _odd(self, line: str) -> str:
        """Now and then comments, carried lines, odd spaces, a NUL, too long lines."""
        dice = self.dice
        match dice.randrange(44):
            case 0:
                return f"{line} # account requisite pam_deny.so\n"
            case 1:
                return line.replace(" ", " \\\n", 1) + "\n"
            case 2:
                return line.replace(" ", "\\ \t\n# comment \\\n\n \t", 1) + "\n"
            case 3:
                return f"\t {line.replace(' ', chr(9))}  \n"
            case 4:
                return f"{line}\r\n"
            case 5:
                return f"{line} \0 and more\n"
            case 6:
                return f"{line}{' ' * dice.randrange(930, 1010)}account requisite pam_deny.so\n"
            case 7:
                return f"#{'x' * dice.randrange(1015, 1030)}account requisite pam_deny.so\n{line}\n"
            case 8:
                return f"{line} a\xff\xfe\n"
            case 9:
                return f" # {line} \\\n"
            case 10:
                return f"\\\n{line}\n"
            case 11:
                return f"{line} \0 \\\naccount requisite pam_deny.so\n"
            case 12:
                return f"{line} \\\n\n"
            case 13:
                return f"\0 \\\n{line}\n"
        return f"{line}\n"


def predicted(files: dict[str, bytes], prefix: str) -> Stack:
    """What the model makes of ``x``."""

    def find(name: str) -> Source | None:
        own = name.removeprefix(prefix)
        return Source(own, files[own]) if own in files else None

    return read("x", Source("x", files["x"]), find, LIBPAM)


@pytest.fixture(params=["directory", pytest.param("host", marks=pytest.mark.skipif(not IN_LAB, reason="not in a lab"))])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Path, Path | None, str]]:
    """Where stacks are written, the directory that libpam is told, and what includes begin with."""
    if request.param == "directory":
        yield tmp_path, tmp_path, f"{tmp_path}/"
        return
    pam_d = Path("/etc/pam.d")
    names = {f"jitd-lint-{name}" for name in OWN}
    yield pam_d, None, "jitd-lint-"
    for name in names:
        (pam_d / name).unlink(missing_ok=True)


@pytest.mark.parametrize("how", ["include", "substack"])
@pytest.mark.parametrize("fails", ["absent", "refused"])
def test_an_include_that_fails_within_an_include_has_the_control_of_the_line_before_it(
    tmp_path: Path, fails: str, how: str
) -> None:
    """THREATS P-09: a control that ignores a denial lets people past, though the file cannot be read."""
    controls = ("required", "requisite", "sufficient", "optional", "[default=ignore]", "[success=ok perm_denied=die]")
    answered = set()
    for control, kind in itertools.product(controls, KINDS):
        files = {
            "x": f"{kind} {how} {tmp_path}/inner\n".encode(),
            "inner": f"{kind} {control} pam_permit.so\n@include {tmp_path}/{fails}\n{kind} optional pam_permit.so\n".encode(),
            "refused": f"{kind} optional pam_permit.so\naccount required \\".encode(),
        }
        for name, text in files.items():
            (tmp_path / name).write_bytes(text)
        handlers = predicted(files, f"{tmp_path}/").handlers[kind]
        expected = dispatch(handlers, [answers_of(handler) for handler in handlers])
        assert answer("x", kind, tmp_path) == expected, (control, kind)
        answered.add(expected)
    assert answered == {0, 6}, "some let in, and some do not"


@pytest.mark.parametrize("seed", range(10))
def test_every_random_stack_answers_what_the_model_says(place: tuple[Path, Path | None, str], seed: int) -> None:
    """THREATS P-09."""
    directory, told, prefix = place
    stem = prefix if told is None else ""
    author = Author(seed, prefix)
    n_compared = n_admitting = 0
    for _ in range(N_EACH):
        files = author.files()
        for name, text in files.items():
            (directory / f"{stem}{name}").write_bytes(text)
        stack = predicted(files, prefix)
        if any(fault.name == "include-without-control" for fault in stack.faults):
            continue  # libpam reads what it has never written
        for kind in KINDS:
            handlers = stack.handlers[kind]
            if not handlers:
                continue  # libpam would ask the stack of ``other``
            answers = [answers_of(handler) for handler in handlers]
            expected = None if stack.is_refused else dispatch(handlers, answers)
            assert answer(f"{stem}x", kind, told) == expected, (kind, files)
            n_compared += 1
            n_admitting += expected == 0
            if expected is not None:
                reached = {result for result, _ in endings(handlers, lambda handler: [answers_of(handler)])}
                assert len(reached) == 1 and (expected == 0) is (reached == {0}), (kind, files)
                assert (expected == 12) is (reached == {12})
    assert n_compared > N_EACH and n_admitting > N_EACH // 20, "too few of them say anything"


INCLUDES = ("@include {}\n", "account include {}\n", "account substack {}\n")


@pytest.mark.parametrize("last", INCLUDES)
@pytest.mark.parametrize("others", INCLUDES)
def test_libpam_and_the_model_give_up_at_the_same_depth_of_includes(tmp_path: Path, others: str, last: str) -> None:
    """THREATS P-09: libpam 1.7 counts every include, and lets people past a gate that is too deep for it."""
    answered = {}
    for depth in (1, 2, 14, 15, 16, 17):
        files = {f"x{n}": others.format(f"{tmp_path}/x{n + 1}") for n in range(depth)}
        files[f"x{depth}"] = f"account optional pam_permit.so\n{last.format(tmp_path / 'gate')}account required pam_permit.so\n"
        files |= {"gate": "account requisite pam_deny.so\n", "x": files.pop("x0")}
        for name, text in files.items():
            (tmp_path / name).write_text(text)
        stack = predicted({name: text.encode() for name, text in files.items()}, f"{tmp_path}/")
        handlers = stack.handlers["account"]
        expected = None if stack.is_refused else dispatch(handlers, [answers_of(handler) for handler in handlers])
        answered[depth] = answer("x", "account", tmp_path)
        assert answered[depth] == expected, depth
        is_found = any(fault.name == "include-too-deep" for fault in stack.faults)
        n_counted = depth * (LIBPAM == "1.7" or "substack" in others) + (LIBPAM == "1.7" or "substack" in last)
        assert is_found is (n_counted >= 16), depth
    assert {answered[1], answered[2], answered[14]} == {7}, "the gate is read, and denies"
    if LIBPAM == "1.7" and "@" in last and "@" not in others:
        assert answered[15] == 0, "it takes the control of the line before it"


def test_a_jump_that_does_not_fit_into_an_int_is_found(tmp_path: Path) -> None:
    """THREATS P-09: libpam 1.5 jumps over as many lines as are left of the number, and so past a gate."""
    answered = {}
    for number in (3, 2**31 - 1, 2**31, 2**32 - 1, 2**32 + 3, 10**20):
        deny, permit = "account requisite pam_deny.so\n", "account required pam_permit.so\n"
        text = f"account [success={number} default=ignore] pam_permit.so\n{3 * deny}{permit}"
        (tmp_path / "x").write_text(text)
        stack = predicted({"x": text.encode()}, "")
        handlers = stack.handlers["account"]
        answered[number] = answer("x", "account", tmp_path)
        is_found = [fault.name for fault in stack.faults] == ["jump-too-far"]
        assert is_found is (number >= 2**31)
        if LIBPAM == "1.7" or not is_found:
            assert dispatch(handlers, [answers_of(handler) for handler in handlers]) == answered[number], number
    assert (answered[3], answered[2**31 - 1], answered[2**32 + 3]) == (0, 6, 0 if LIBPAM == "1.5" else 6)


def test_what_is_not_understood_is_refused_as_libpam_refuses_it(tmp_path: Path) -> None:
    """The few that a random stack does not make, and that decide what a finding says."""
    permit = "account required pam_permit.so\n"
    for text, expected in (
        ("-account required absent.so\n" + permit, MODULE_UNKNOWN),  # the dash silences the log, and nothing else
        ("@include /absent\n" + permit, None),
        ("account include /absent\n" + permit, PERM_DENIED),
        (permit + "account required pam_permit.so \\", None),
        ("account [SUCCESS=ok] pam_permit.so\n", PERM_DENIED),
        ("account [success=1] pam_permit.so\n", PERM_DENIED),
        ("account [success=1] pam_permit.so\n" + permit, PERM_DENIED),
        ("#" * 1023 + "account requisite pam_deny.so\n" + permit, 7 if LIBPAM == "1.5" else 0),
        ("account required \\\n# c\npam_permit.so\n", 0 if LIBPAM == "1.5" else PERM_DENIED),
    ):
        (tmp_path / "x").write_text(text)
        assert answer("x", "account", tmp_path) == expected, text
        stack = predicted({"x": text.encode()}, "")
        handlers = stack.handlers["account"]
        assert stack.is_refused is (expected is None)
        assert stack.is_refused or dispatch(handlers, [answers_of(handler) for handler in handlers]) == expected, text


def walked(handlers: list[Handler], answers: tuple[int, ...], gate: int) -> tuple[int, Way]:
    """One way through a stack, with what became of its gate."""
    state, answered, last = START, None, 0
    skipped_by = None
    while state.at < len(handlers):
        last = state.at
        if last == gate:
            answered = answers[gate]
        state = step(handlers, state, PERM_DENIED if handlers[last].must_fail else answers[last])
        if last < gate < state.at and skipped_by is None:
            skipped_by = last
    if answered is not None:
        return result(state), PASSED if answered == 0 else Answered(gate, (answered,))
    assert skipped_by is not None
    return result(state), Skipped(skipped_by, (answers[skipped_by],))


CODES = (0, PERM_DENIED, 12, 25)


@pytest.mark.parametrize("seed", range(4))
def test_every_way_that_there_is_is_found_and_no_other(seed: int) -> None:
    author = Author(1000 + seed, "")
    n_compared = 0
    while n_compared < 40:
        handlers = predicted(author.files(), "").handlers["account"]
        modules = [number for number, handler in enumerate(handlers) if not handler.is_substack]
        if not 2 <= len(modules) <= 5:
            continue
        gate = author.dice.choice(modules)
        if handlers[gate].must_fail:
            continue
        n_compared += 1
        tried = [(PERM_DENIED,) if handler.is_substack or handler.must_fail else CODES for handler in handlers]
        by_hand = {walked(handlers, answers, gate) for answers in itertools.product(*tried)}
        found = set()
        for code, way in endings(handlers, lambda _: CODES, (gate,)):
            for each in way.codes if isinstance(way, Answered | Skipped) else (0,):
                found.add((code, way._replace(codes=(each,)) if isinstance(way, Answered | Skipped) else way))
        assert found == by_hand, handlers
