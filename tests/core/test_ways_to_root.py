# SPDX-License-Identifier: Apache-2.0
"""Which variables let code in, so that whoever sets them may do all that the account may."""

from __future__ import annotations

from jitd.core.code_variables import code_let_in
from tests.table import each_row

LETS_IN = """LD_PRELOAD PATH BASH_ENV PYTHONPATH PERL5OPT RUBYOPT NODE_OPTIONS EDITOR PAGER GIT_SSH GIT_CONFIG_COUNT MAKEFLAGS
HOME TAR_OPTIONS LESS LESSOPEN OPENSSL_CONF JDK_JAVA_OPTIONS SYSTEMD_EDITOR APT_CONFIG AWS_CONFIG_FILE IFS TAR_* LESS* OPENSSL_*
JDK_* SYSTEMD_* MAKE* APT_* AWS_* GIT_* PYTHON* PERL* RUBY* NODE_* L* LD_PRE* XDG_* DBUS_* KUBE_* RCLONE_* PIP_* GO* *"""
LETS_NONE_IN = "PGDATA PG* APP_* MY_* TERM LANG LC_* TZ USER LOGNAME SHELL MAIL PYTHONUNBUFFERED NODE_ENV DEBIAN_FRONTEND"
WORDS = {**dict.fromkeys(LETS_IN.split(), True), **dict.fromkeys(LETS_NONE_IN.split(), False)}


@each_row(("word", "lets_in"), WORDS.items())
def test_which_variables_let_code_in(word: str, lets_in: bool) -> None:
    """THREATS X-24."""
    assert bool(code_let_in(word)) is lets_in


def test_a_pattern_is_told_with_the_variables_that_it_lets_in() -> None:
    assert code_let_in("TAR_*") == ("TAR_OPTIONS",)
    assert code_let_in("LD_PRELOAD") == ("LD_PRELOAD",)
