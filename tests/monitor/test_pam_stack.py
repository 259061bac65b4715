# SPDX-License-Identifier: Apache-2.0
"""Whether a service has lines of its own for what is called. The host's own libpam is the judge: here ``other`` says yes to
everything, and each line of the service itself says no.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from jitd.monitor import pam_stack
from jitd.monitor.pam_stack import why_unset
from tests.pamlint.library import answer

DENIES = "required pam_deny.so\n"
OTHERS = {
    "other": "".join(f"{kind} required pam_permit.so\n" for kind in pam_stack.TYPES),
    "common": f"# of the host\naccount\t[success=1 default=ignore]\tpam_deny.so \naccount {DENIES}",
    "nested": "@include common\n",
    "sessions": f"session {DENIES}",
    "loop": "@include ours\n",
}

SET_UP = {
    "a line": f"account {DENIES}",
    "a line of another type that includes what is not there": f"session include absent\naccount {DENIES}",
    "big letters": "ACCOUNT Required pam_deny.so\n",
    "a dash before the type": f"-account {DENIES}",
    "a module that is not there": "account required pam_nonexistent.so\n",
    "no newline at the end": "account required pam_deny.so",
    "a line that goes on": "account \\\n   required \\  \n\tpam_deny.so\n",
    "a comment after the line": "account required pam_deny.so # \\\n",
    "a comment that ends with a backslash": f"# \\\naccount {DENIES}",
    "@include": "@include common\n",
    "@include of an @include": "@include nested\n",
    "include": "account include common\n",
    "include of an @include": "account include nested\n",
    "substack": "account substack common\n",
    "the shipped stack of runs": (Path(__file__).parents[2] / "contrib/pam.d/jitd").read_text().replace("pam_unix", "pam_deny"),
    "the shipped stack of accounts": (Path(__file__).parents[2] / "contrib/pam.d/jitd-account")
    .read_text()
    .replace("common-account", "common"),
    "the shipped stack of passwords": (Path(__file__).parents[2] / "contrib/pam.d/jitd-local")
    .read_text()
    .replace("pam_unix", "pam_deny"),
}
NOT_SET_UP = {
    "an empty file": "",
    "a comment": "# account required pam_deny.so\n",
    "other types": f"auth {DENIES}session {DENIES}password {DENIES}",
    "a type with a letter missing": f"acount {DENIES}",
    "an @include of other types": "@include sessions\n",
    "an include of other types": "account include sessions\n",
    "an include in brackets": "account [include] sessions\n",
    "a line that goes on into what looks like another": f"session required pam_deny.so \\\naccount {DENIES}",
    "no blank": f"account{DENIES}",
}
DOUBTFUL = {
    "a line that goes on after a blank line": f"session required pam_deny.so \\\n\naccount {DENIES}",
    "a line that goes on after a comment": f"session required pam_deny.so \\\n#\naccount {DENIES}",
    "a NUL": f"session required \\\0\naccount {DENIES}",
    "a comment whose end libpam 1.5 takes for a line": f"#{'x' * 1022}session optional pam_deny.so \\\naccount {DENIES}",
}
"""libpam 1.5 sees no line of the type in these, and libpam 1.7 sees one in some."""
CLOSED = {
    "an include that is not there": "@include absent\n",
    "a substack without such a line": "account substack sessions\n",
    "files that include each other": "@include loop\n",
    "a control that is none": "account perhaps pam_deny.so\n",
    "no module": "account required\n",
    "a file that ends with a backslash": "account required pam_deny.so \\",
}
"""libpam denies these, too."""


@pytest.fixture
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(pam_stack, "DIRECTORY", str(tmp_path))
    for name, text in OTHERS.items():
        write(tmp_path, text, name)
    return tmp_path


def write(directory: Path, text: str, name: str = "ours") -> None:
    """Files are included by their paths, because libpam takes other names from /etc/pam.d alone."""
    (directory / name).write_text(re.sub(r"((?:include|substack)\]? )(?=[a-z])", rf"\1{directory}/", text))


@pytest.mark.parametrize("text", SET_UP.values(), ids=list(SET_UP))
def test_a_stack_with_a_line_of_the_type_is_set_up(directory: Path, text: str) -> None:
    write(directory, text)
    assert why_unset("ours", "account") == ""
    assert answer("ours", "account", directory), "libpam denies by this stack, and has not asked the service other"


@pytest.mark.parametrize("text", (NOT_SET_UP | DOUBTFUL | CLOSED).values(), ids=list(NOT_SET_UP | DOUBTFUL | CLOSED))
def test_a_stack_without_a_line_of_the_type_and_one_in_doubt_is_not(directory: Path, text: str) -> None:
    """THREATS K-25."""
    write(directory, text)
    assert why_unset("ours", "account")


@pytest.mark.parametrize("text", NOT_SET_UP.values(), ids=list(NOT_SET_UP))
def test_libpam_would_ask_the_service_other(directory: Path, text: str) -> None:
    """What the tests above are worth."""
    write(directory, text)
    assert answer("ours", "account", directory) == 0


def test_it_is_said_what_is_missing(directory: Path) -> None:
    assert why_unset("ours", "account") == f"{directory}/ours is missing"
    write(directory, "")
    told = f"{directory}/ours has no line of the type account and none of the type session"
    assert why_unset("ours", "account", "session") == told
    write(directory, f"@include common\nacount {DENIES}")
    assert why_unset("ours", "account") == f"{directory}/ours: this line makes no sense: acount required pam_deny.so"
    write(directory, "@include common\n")
    assert why_unset("ours", "account", "session") == f"{directory}/ours has no line of the type session"
