# SPDX-License-Identifier: Apache-2.0
"""The environment, name by name (THREATS section 4, X-09, R-14): what arrives, what is denied, what nobody can forge.

Law: the names are those of sudo's lists as they were published, written down here and not read from the code.
"""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jitd.core.command import Command, Pairs, fingerprint, work_of
from jitd.core.conditions import read_variable
from jitd.core.decision import Deny, Permit, Terms, Why
from jitd.core.environment import environment, fault_in_locale, fault_in_variables, let_in, split_locale
from jitd.core.policy import decide
from tests.core.house import ALICE, NOON, for_each, permit, policy, question

DELETED_BY_SUDO = [
    "IFS",
    "CDPATH",
    "LOCALDOMAIN",
    "RES_OPTIONS",
    "HOSTALIASES",
    "NLSPATH",
    "PATH_LOCALE",
    "LD_PRELOAD",
    "LD_LIBRARY_PATH",
    "LD_AUDIT",
    "LD_DEBUG",
    "LD_X",
    "_RLD_LIST",
    "_RLDN32_LIST",
    "TERMINFO",
    "TERMINFO_DIRS",
    "TERMPATH",
    "TERMCAP",
    "ENV",
    "BASH_ENV",
    "PS4",
    "GLOBIGNORE",
    "BASHOPTS",
    "SHELLOPTS",
    "JAVA_TOOL_OPTIONS",
    "_JAVA_OPTIONS",
    "CLASSPATH",
    "PERLIO_DEBUG",
    "PERLLIB",
    "PERL5LIB",
    "PERL5OPT",
    "PERL5DB",
    "FPATH",
    "NULLCMD",
    "READNULLCMD",
    "ZDOTDIR",
    "TMPPREFIX",
    "PYTHONHOME",
    "PYTHONPATH",
    "PYTHONINSPECT",
    "PYTHONUSERBASE",
    "PYTHONSTARTUP",
    "RUBYLIB",
    "RUBYOPT",
    "NODE_OPTIONS",
    "NODE_PATH",
    "GIT_SSH_COMMAND",
    "GIT_CONFIG_GLOBAL",
    "GIT_CONFIG_COUNT",
    "GIT_CONFIG_KEY_0",
    "GCONV_PATH",
    "KRB5_CONFIG",
    "KRB5_CONFIG2",
    "KRB5_KTNAME",
    "VAR_ACE",
    "USR_ACE",
    "DLC_ACE",
    "LDR_PRELOAD",
    "LIBPATH",
    "AUTHSTATE",
    "SHLIB_PATH",
    "DYLD_INSERT_LIBRARIES",
]
KEPT_BY_SUDO = [
    "COLORS",
    "DISPLAY",
    "HOSTNAME",
    "KRB5CCNAME",
    "LS_COLORS",
    "PS1",
    "PS2",
    "XAUTHORITY",
    "XAUTHORIZATION",
    "XDG_CURRENT_DESKTOP",
    "DPKG_COLORS",
]
"""What sudo keeps without being told, and jitd does not."""
OF_THE_ACCOUNT = ["HOME", "USER", "LOGNAME", "SHELL", "MAIL", "PATH"]
OURS = ["SUDO_USER", "SUDO_UID", "SUDO_GID", "SUDO_COMMAND", "JITSUDO_REQUEST", "JITSUDO_PRINCIPAL"]
BY_VALUE = ["TERM", "COLORTERM", "LANG", "LANGUAGE", "LC_ALL", "LC_CTYPE", "LC_MESSAGES", "TZ"]
EVIL = b"/tmp/evil"

every_foreign_name = for_each((name,) for name in [*DELETED_BY_SUDO, *KEPT_BY_SUDO])


def command(variables: Pairs = (), locale: Pairs = ()) -> Command:
    return replace(question().command, variables=variables, locale=locale)


def made(it: Command) -> dict[bytes, bytes]:
    pairs = environment(it, ALICE, "K7QM-2XVD", b"/root", b"/bin/bash", b"/usr/bin:/bin")
    assert len(dict(pairs)) == len(pairs), "no name is there twice"
    return dict(pairs)


def answer(name: str, value: bytes = EVIL, env: tuple[str, ...] = ()) -> Permit | Deny:
    return decide(policy(permit(terms=Terms(env=env))), question(variables=((name.encode(), value),)), NOON)


# --- what there is when nobody brings anything -----------------------------------------------------------------------


def test_what_a_command_has_when_nobody_brings_anything() -> None:
    assert made(command()) == {
        b"HOME": b"/root", b"USER": b"root", b"LOGNAME": b"root", b"SHELL": b"/bin/bash", b"MAIL": b"/var/mail/root",
        b"PATH": b"/usr/bin:/bin", b"TERM": b"unknown", b"SUDO_USER": b"alice", b"SUDO_UID": b"4001", b"SUDO_GID": b"4001",
        b"SUDO_COMMAND": b"/usr/bin/systemctl restart postgresql", b"JITSUDO_REQUEST": b"K7QM-2XVD",
        b"JITSUDO_PRINCIPAL": b"alice@EXAMPLE.ORG",
    }  # fmt: skip


# --- row by row ------------------------------------------------------------------------------------------------------


@every_foreign_name
def test_typed_it_is_denied_without_the_rules_word(name: str) -> None:
    """THREATS R-14."""
    told = answer(name)
    assert isinstance(told, Deny) and told.why is Why.TERMS and name in told.because


@every_foreign_name
def test_offered_by_the_whole_environment_it_stays_outside(name: str) -> None:
    assert let_in(((name.encode(), EVIL),), command(), ()) == ()
    assert let_in(((name.encode(), EVIL),), command(), ("MY_A", "YOUR_*")) == ()


@every_foreign_name
def test_named_exactly_by_the_rule_it_comes_and_is_bound(name: str) -> None:
    pair = (name.encode(), EVIL)
    assert read_variable(name) == name
    assert isinstance(answer(name, env=(name,)), Permit)
    assert let_in((pair,), command(), (name,)) == (pair,)
    with_it = command((pair,))
    assert made(with_it)[pair[0]] == EVIL
    other = command(((pair[0], b"/tmp/other"),))
    prints = {fingerprint("", "", "", "", it, ()) for it in (command(), with_it, other)}
    assert len(prints) == 3 and len({work_of(it) for it in (command(), with_it, other)}) == 3


@for_each((name,) for name in [*DELETED_BY_SUDO, *OF_THE_ACCOUNT])
def test_no_pattern_of_a_rule_reaches_it(name: str) -> None:
    """THREATS X-09."""
    for length in range(len(name) + 1):
        with pytest.raises(ValueError, match="list this variable by its full name"):
            read_variable(name[:length] + "*")


@every_foreign_name
def test_it_cannot_come_along_by_value(name: str) -> None:
    assert fault_in_locale(((name.encode(), b"C"),)) is not None
    assert split_locale(((name.encode(), b"C"),), ()) == (((name.encode(), b"C"),), ())


@pytest.mark.parametrize("name", OF_THE_ACCOUNT)
def test_what_the_account_sets_is_changed_only_by_the_rules_word(name: str) -> None:
    assert isinstance(answer(name), Deny)
    assert let_in(((name.encode(), EVIL),), command(), ("MY_A",)) == ()
    assert isinstance(answer(name, env=(name,)), Permit)


# --- what nobody can forge -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [*OURS, "JITSUDO_", "JITSUDO_ANYTHING", "JITSUDO_REASON"])
def test_what_jitd_sets_is_brought_by_nobody(name: str) -> None:
    pair = (name.encode(), b"root")
    assert fault_in_variables((pair,)) == f"{name} is set by jitd itself"
    assert let_in((pair,), command(), (name,)) == ()
    assert fault_in_locale((pair,)) is not None


@pytest.mark.parametrize("name", OURS)
def test_what_jitd_sets_is_listed_by_no_rule_and_set_last(name: str) -> None:
    with pytest.raises(ValueError, match="set by jitd itself"):
        read_variable(name)
    forged = command(((name.encode(), b"root@EVIL"),), ((name.encode(), b"root@EVIL"),))  # even if it came so far
    assert made(forged)[name.encode()] == made(command())[name.encode()]


# --- by value --------------------------------------------------------------------------------------------------------

GOOD_WORDS = [b"", b"C", b"de_DE.UTF-8", b"xterm-256color", b"a@b+c,d:e", b"x" * 64]
GOOD_ZONES = [
    b"", b"UTC", b"Europe/Berlin", b":Europe/Berlin", b"America/Argentina/Buenos_Aires", b"EST5EDT,M3.2.0,M11.1.0", b"CET-1CEST",
    b"/usr/share/zoneinfo/UTC", b":/usr/share/zoneinfo/Europe/Berlin", b"<+03>-3", b"<-03>3<-02>,M3.5.0/-2,M10.5.0/02:30:00",
]  # fmt: skip
BAD_ANYWHERE = [
    b"a b", b"%n", b"a%sb", b"a\n", b"\n", b"a\0", b"x" * 65, b"\xc3\xa9", b"\xff", b"$(id)", b"`id`", b"a;b", b"a'b", b'a"b',
    b"a=b", b"() { :; }", b"()", b"..", b"a/../b", b"\x1b[2J",
]  # fmt: skip
BAD_ZONES = [
    b"/etc/passwd", b":/etc/passwd", b"../../etc/passwd", b"UTC/../../../etc/passwd", b"/usr/share/zoneinfo/../x", b"::UTC", b":",
    b"/usr/share/zoneinfo", b"//etc/passwd", b"/usr/share/zoneinfo//etc/x", b"/dev/tty",
]  # fmt: skip
GOOD_COLOURS = [b"", b"rs=0:di=01;34:", b"mi=00:*.tar=01;31:*~=00;90", b"di=01;38;5;33", b"*.r-x_1%@,+#=", b"*.tar=0:" * 512]
BAD_COLOURS = [
    *(b"%s=%s" % (name, value) for name in (b"lc", b"rc", b"ec", b"cl") for value in (b"", b"0", b"\x1b[", b"rm -rf /")),
    b"di=1:lc=2", b"*.x=1:ec=3:", b"ln=target", b"di=\\e[1m", b"di=^[", b"di=31m", b"no", b"=1", b":", b"DI=1", b"dir=1", b"*=1",
    b"*.*=1", b"*.x=1:*", b"*a:b=1", b"*.x=1:" * 513, b"di=" + b"1" * 17,
]  # fmt: skip
GOOD = [
    *((name, value) for name in BY_VALUE for value in (GOOD_ZONES if name == "TZ" else GOOD_WORDS)),
    *(("LS_COLORS", value) for value in GOOD_COLOURS),
]
BAD = [
    *(("LS_COLORS", value) for value in (*BAD_ANYWHERE, *BAD_COLOURS)),
    *((name, value) for name in BY_VALUE for value in BAD_ANYWHERE),
    *(("TZ", value) for value in BAD_ZONES),
    *((name, value) for name in BY_VALUE if name != "TZ" for value in (b"/tmp/evil", b"a/b", b"./a", b"/")),
]


@for_each(GOOD)
def test_a_value_that_may_come_along(name: str, value: bytes) -> None:
    pair = (name.encode(), value)
    assert fault_in_locale((pair,)) is None
    assert made(command(locale=(pair,)))[pair[0]] == value
    assert split_locale((pair,), ()) == ((), (pair,)), "typed, it needs no rule either"
    assert fingerprint("", "", "", "", command(locale=(pair,)), ()) != fingerprint("", "", "", "", command(), ())


@for_each(BAD)
def test_a_value_that_may_not_come_along(name: str, value: bytes) -> None:
    """THREATS X-09."""
    pair = (name.encode(), value)
    assert fault_in_locale((pair,)) is not None
    assert split_locale((pair,), ()) == ((pair,), ()), "typed, it is for the rule"
    assert isinstance(answer(name, value), Deny)


@pytest.mark.parametrize(
    "name", ["LC_", "LC_all", "LC_A1", "LC_A_B", "LINGUAS", "LANGS", "TERMX", "term", "LANG\n", "TZDIR", "LC_" + "A" * 21]
)
def test_names_that_are_near_ones(name: str) -> None:
    assert fault_in_locale(((name.encode(), b"C"),)) is not None


# --- shapes ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [b"() { :;}; id", b"() { id; }", b"()", b"() x"])
@pytest.mark.parametrize("env", [(), ("MY_A",), ("MY_*",)])
def test_a_function_is_let_in_by_no_rule(value: bytes, env: tuple[str, ...]) -> None:
    """THREATS R-14: what bash would take for a function is no value; whatever begins like one, policy refuses by itself."""
    pair = (b"MY_A", value)
    is_function = value.startswith(b"() {")
    assert fault_in_variables((pair,)) == ("MY_A has a value that no variable may have" if is_function else None)
    denied = answer("MY_A", value, env)
    assert isinstance(denied, Deny)
    assert ("holds a function" if env else "does not allow the variable MY_A") in denied.because
    assert let_in((pair,), command(), env) == ()


@pytest.mark.parametrize(
    "name", [b"", b"1A", b"A-B", b"A B", b"A.B", b"BASH_FUNC_ls%%", b"BASH_FUNC_ls()", b"A\n", b"\xc3\xa9", b"A=B", b"A" * 257]
)
def test_a_name_that_is_none(name: bytes) -> None:
    assert fault_in_variables(((name, b"x"),)) is not None
    assert let_in(((name, b"x"),), command(), ("MY_*",)) == ()


def test_a_name_given_twice() -> None:
    """THREATS R-14."""
    twice = ((b"MY_A", b"1"), (b"MY_A", b"2"))
    assert fault_in_variables(twice) == "a variable is given twice"
    assert fault_in_locale(((b"TERM", b"a"), (b"TERM", b"b"))) == "a variable is given twice"
    assert split_locale(((b"TERM", b"typed"),), ((b"TERM", b"along"),)) == ((), ((b"TERM", b"typed"),))
    assert let_in(((b"MY_A", b"all"),), command(((b"MY_A", b"typed"),)), ("MY_A",)) == ((b"MY_A", b"typed"),)


a_name = st.binary(max_size=12) | st.sampled_from([name.encode() for name in OURS])


@given(
    st.lists(st.tuples(a_name, st.binary(max_size=12)), max_size=4),
    st.lists(st.tuples(a_name, st.binary(max_size=8)), max_size=3),
)
def test_whatever_is_brought_who_asked_is_told_truly(
    variables: list[tuple[bytes, bytes]], locale: list[tuple[bytes, bytes]]
) -> None:
    """THREATS X-09: even if one of our own names came so far."""
    told, truly = made(command(tuple(variables), tuple(locale))), made(command())
    for name in OURS:
        assert told[name.encode()] == truly[name.encode()]
