# SPDX-License-Identifier: Apache-2.0
"""The PAM module sabotaged in its own functions, one at a time: each fails in every way, and answers what it must not.

Law: whatever is broken, the host program lives on and reads PAM_PERM_DENIED; PAM_SUCCESS only after a grant on its connection.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.marks import full
from tests.pam.application import DENIED, MODULE, SUCCESS, Application, Bench, Voice, jitd
from tests.pam.test_sabotage import MORE_AND_MORE, PROVES, ask, place, refuses


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    made = Bench()
    yield made
    made.close()


FUNCTIONS = (
    "_decide", "_options", "_ask", "_prove", "_await", "_connect", "_refuse_others_files", "_seen_at", "_clock", "_log",
    "_beside_the_streams", "_frame", "_text", "_printable", "_b64", "_Patience.__enter__", "_Patience.__exit__",
    "_Patience.wait", "_Channel.__init__", "_Channel.__enter__", "_Channel.__exit__", "_Channel.say", "_Channel.expect",
    "_Channel.hear", "_Channel._whole", "_Initiator.__init__", "_Initiator.__exit__", "_Initiator.answer", "_Program.__init__",
    "_Program.item", "_Program.encoded", "_Program.uid", "_Program.cache", "_Program.question", "_Program._words",
    "_Program._path", "_Program._login_session", "_Program.no_proof", "_Program.tell", "json.loads", "os.posix_spawn",
    "os.pidfd_open", "select.poll", "signal.pthread_sigmask", "signal.sigpending", "time.clock_gettime", "os.getuid",
    "os.path.realpath", "_socket.socket", "os.open", "os.lstat", "_where",
)  # fmt: skip
Form = tuple[str, str]


def _returns(*values: str) -> list[Form]:
    return [(f"returns {value}", f"lambda *a, **k: (_reached(), {value})[1]") for value in values]


def _raises(*faults: str) -> list[Form]:
    return [(f"raises {fault}", f"lambda *a, **k: (_reached(), (_ for _ in ()).throw({fault}))") for fault in faults]


REACHED = """
import posix
def _reached(mkdir=posix.mkdir, place="{place}"):
    try:
        mkdir(place)
    except FileExistsError:
        pass
"""
"""What is sabotaged notes that it was called, by what is not sabotaged."""
_STARTED_BY_ITS_CALLER = "_Program.is_callers = property(lambda self: True, lambda self, value: None)"
ALSO = dict.fromkeys(("_Program._words", "_Program._path", "_where"), _STARTED_BY_ITS_CALLER)
"""What it takes for a function to be called: jitd is told the words and the PATH of a program that its caller has started."""
FOR_A_GRANT = ("_seen_at", "_where")
"""What is not called where somebody is refused."""
FOR_A_REFUSAL = ("_log",)
"""What is not called where somebody is let in."""


EVERY_DAY = _returns("True") + _raises("SystemExit(0)")
"""What is true, and the wish to end."""
OTHERS = _raises("ValueError") + _returns("None")
"""A fault, and nothing: every day where it is decided what is a grant."""
THE_REST = _returns("2**32", "0", "False", "object()", "''", "[]") + _raises(
    "_No", "KeyboardInterrupt", "MemoryError", "RecursionError", "StopIteration", "GeneratorExit"
)
OF_THE_ANSWER = _returns("2**32") + _raises("_No")
"""What pam_python takes for success, and the module's own no: every day where the answer is made."""
DECIDE = (
    "_decide", "_options", "_ask", "_prove", "_await", "_refuse_others_files", "_seen_at", "_clock", "_Channel.expect",
    "_Channel.hear", "_Patience.wait", "_Program.item", "json.loads",
)  # fmt: skip
NOT_EVERY_DAY = [
    pytest.param(
        name,
        OTHERS * (name not in DECIDE) + THE_REST,
        id=f"{name}, the rest",
        marks=full("every day, the test uses other values and faults of the same kinds"),
    )
    for name in FUNCTIONS
]
every_form = pytest.mark.parametrize(
    ("function", "forms"),
    [
        *(pytest.param(name, EVERY_DAY + OTHERS * (name in DECIDE), id=name) for name in FUNCTIONS),
        *NOT_EVERY_DAY,
    ],
)


def sabotage(bench: Bench, haste: str, function: str, code: str, number: int) -> None:
    """The stack's module is one whose ``function`` is ``code``."""
    noted = REACHED.format(place=bench.root / "reached")
    bench.stack(bench.module(f"{haste}\n{noted}\n{ALSO.get(function, '')}\n{function} = {code}", PROVES, f"m{number}.py"))


def was_called(bench: Bench) -> bool:
    """Whether what is sabotaged was called since this was asked last."""
    try:
        (bench.root / "reached").rmdir()
    except FileNotFoundError:
        return False
    return True


def test_each_of_the_functions_named_here_is_one() -> None:
    text = MODULE.read_text()
    own = [name for name in FUNCTIONS if name.startswith("_") and not name.startswith("_socket")]
    assert [name for name in own if f"def {name.rpartition('.')[2]}(" not in text] == []
    defined = {line.split("def ")[1].split("(")[0] for line in text.splitlines() if line.lstrip().startswith("def ")}
    assert defined - {name.rpartition(".")[2] for name in own} == {"_entry", "entry", "pam_sm_setcred", "pam_sm_chauthtok"}


@every_form
def test_a_function_of_its_own_that_fails_or_answers_anything_lets_nobody_in(
    function: str, forms: list[Form], bench: Bench
) -> None:
    """THREATS P-01."""
    with Application(bench.stacks) as host, jitd(bench.socket, refuses) as had:
        for number, (form, code) in enumerate(forms + OF_THE_ANSWER * (function in ("_decide", "_ask", "_await"))):
            for haste in MORE_AND_MORE:
                sabotage(bench, haste, function, code, number)
                assert ask(host) == DENIED, form
                if was_called(bench):
                    break
            else:
                assert function in FOR_A_GRANT, form
        for voice in had:
            assert all(message.get("type") != "granted" for message in voice.heard)


@pytest.mark.parametrize(
    ("function", "forms"),
    [
        *(pytest.param(name, EVERY_DAY + OTHERS, id=name) for name in DECIDE),
        *(
            pytest.param(
                name,
                EVERY_DAY,
                id=name,
                marks=full("every day, jitd grants while a function fails in which it is decided what is a grant"),
            )
            for name in FUNCTIONS
            if name not in DECIDE
        ),
        *NOT_EVERY_DAY,
    ],
)
def test_a_function_that_fails_lets_in_only_whom_jitd_has_granted_it(function: str, forms: list[Form], bench: Bench) -> None:
    """Some of what is replaced is not needed for a grant: then it is one, but only with a grant on its connection."""
    granted: list[int] = []

    def grants(voice: Voice) -> None:
        voice.proved()
        assert voice.heard[-1]["type"] == "proof"
        granted.append(1)
        voice.say("progress", id="x", state="pending", owed=True, until=None, news=["wait"])
        voice.grant(places=[place("/usr")])

    with Application(bench.stacks) as host, jitd(bench.socket, grants):
        for number, (form, code) in enumerate(forms[::2]):
            for haste in MORE_AND_MORE:
                granted.clear()
                sabotage(bench, haste, function, code, number)
                code_of_pam = ask(host)
                assert code_of_pam == DENIED or (code_of_pam == SUCCESS and granted), form
                if was_called(bench):
                    break
            else:
                assert function in FOR_A_REFUSAL, form
