# SPDX-License-Identifier: Apache-2.0
"""A wildcard of a permit stands for no component ``..``; a deny matches as if nobody had thought of that."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jitd.core.conditions import read_command_pattern
from jitd.core.decision import Permit
from jitd.core.policy import decide
from tests.core.house import NOON, deny, patterns, permit, policy, question

CAT = "/usr/bin/cat"
ROWS = [
    ("/var/log/*", b"/var/log/syslog", True),
    ("/var/log/*", b"/var/log/a/b", True),
    ("/var/log/*", b"/var/log/../../etc/shadow", False),
    ("/var/log/*", b"/var/log/..", False),
    ("/var/log/*", b"/var/log/a/../b", False),
    ("/var/log/*", b"/var/log/a..b", True),
    ("/var/log/*", b"/var/log/..a", True),
    ("/var/log/*", b"/var/log/a..", True),
    ("/var/log/*", b"/var/log/...", True),
    ("/var/log/*", b"/var/log/../\xff", False),
    ("/var/log/?*", b"/var/log/../x", False),
    ("/var/log/??", b"/var/log/..", False),
    ("/var/log/*/x", b"/var/log/../x", False),
    ("*/x", b"../x", False),
    ("*.log", b"../../var/x.log", False),
    ("app*.log", b"app/../../x.log", False),
    ("app*.log", b"app-1.log", True),
    ("--file=/var/*", b"--file=/var/../etc/shadow", False),
    ("-f/var/*", b"-f/var/../etc/shadow", False),
    ("-f*/x", b"-f../x", False),
    ("-v /srv/*:/data", b"-v /srv/../etc:/data", False),
    ("/srv/*:/data", b"/srv/..:/data", False),
    ("host:/srv/*", b"host:/srv/../etc", False),
    ("x,/srv/*", b"x,/srv/x,..", False),
    # what binds nothing may be anything
    ("*", b"../../etc/shadow", True),
    ("?*", b"../x", True),
    ("--file=*", b"--file=../x", True),
    ("-f*", b"-f../x", True),
    ("if=*", b"if=../x", True),
    # what the pattern itself says is meant
    ("../*", b"../x", True),
    ("../*", b"../../x", False),
    ("/srv/../x*", b"/srv/../xy", True),
    ("/srv/../x*", b"/srv/../x/../../y", False),
    ("/var/log/..", b"/var/log/..", True),
]


@pytest.mark.parametrize(("pattern", "argument", "is_permitted"), ROWS)
def test_what_a_permit_matches(pattern: str, argument: bytes, is_permitted: bool) -> None:
    """THREATS R-13."""
    rules = patterns((CAT, pattern))
    asked = question(argv=(CAT.encode(), argument))
    assert isinstance(decide(policy(permit(**rules)), asked, NOON), Permit) is is_permitted
    assert not isinstance(decide(policy(permit(), deny(**rules)), asked, NOON), Permit), "a deny matches all of them"


def test_further_arguments_are_not_bound() -> None:
    rules = patterns((CAT, "/var/log/*", "**"))
    assert isinstance(decide(policy(permit(**rules)), question(argv=(CAT.encode(), b"/var/log/x", b"../y")), NOON), Permit)
    assert not isinstance(decide(policy(permit(**rules)), question(argv=(CAT.encode(), b"/var/log/../x", b"y")), NOON), Permit)


@pytest.mark.parametrize(("path", "is_permitted"), [(b"/usr/bin/x", True), (b"/usr/../x", False), (b"/usr/bin/..", False)])
def test_a_path_with_such_a_component_is_permitted_by_no_pattern_of_paths(path: bytes, is_permitted: bool) -> None:
    asked = question(argv=(path,))
    assert isinstance(decide(policy(permit(**patterns(("/usr/*/*",)))), asked, NOON), Permit) is is_permitted


ENDS = st.sampled_from(["", "/a", "a", "/a/", "..", "../", "/..", "-f", "--f=", "a:"])
WILD = st.sampled_from(["*", "?*", "??", "*/*"])
TEXTS = st.tuples(ENDS, WILD, ENDS).map("".join)
ARGUMENTS = st.tuples(ENDS, st.sampled_from(["b", "..", "/../b", "../..", "b/.."]), ENDS).map("".join)


@given(TEXTS, ARGUMENTS)
def test_a_permit_matches_no_more_than_a_deny(pattern: str, argument: str) -> None:
    """THREATS R-13: whatever pattern and argument are, only a component ``..`` makes the two differ."""
    read = read_command_pattern((CAT, pattern))
    asked = question(argv=(CAT.encode(), argument.encode()))
    if isinstance(decide(policy(permit(commands=(read,))), asked, NOON), Permit):
        assert read.matches(asked.command)
        if read.parents[0] is not None:
            assert argument.split("/").count("..") <= read.parents[0]
    elif read.matches(asked.command):
        assert ".." in argument and read.is_crossed_by(asked.command)
