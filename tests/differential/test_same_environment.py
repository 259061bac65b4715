# SPDX-License-Identifier: Apache-2.0
"""The environment: what the caller set, what is typed, what is preserved.

Law: one row is one scenario; in one where the caller sets many variables at once, each is compared by itself.
"""

from __future__ import annotations

from itertools import zip_longest

import pytest

from tests.differential.scenario import CALLER, ENVIRONMENTS, PATHS, VARIABLES, Row, if_newer
from tests.marks import full

ENVIRONMENT = "/srv/differential/bin/environment"
HOSTILE = [
    "IFS", "CDPATH", "LOCALDOMAIN", "RES_OPTIONS", "HOSTALIASES", "NLSPATH", "PATH_LOCALE", "LD_PRELOAD", "LD_LIBRARY_PATH",
    "LD_AUDIT", "_RLD_LIST", "TERMINFO", "TERMINFO_DIRS", "TERMPATH", "TERMCAP", "ENV", "BASH_ENV", "PS4", "GLOBIGNORE",
    "BASHOPTS", "SHELLOPTS", "JAVA_TOOL_OPTIONS", "PERLIO_DEBUG", "PERLLIB", "PERL5LIB", "PERL5OPT", "PERL5DB", "FPATH",
    "NULLCMD", "READNULLCMD", "ZDOTDIR", "TMPPREFIX", "PYTHONHOME", "PYTHONPATH", "PYTHONINSPECT", "PYTHONUSERBASE",
    "RUBYLIB", "RUBYOPT", "_JAVA_OPTIONS", "CLASSPATH", "PYTHONSTARTUP", "NODE_OPTIONS", "NODE_PATH", "GIT_SSH_COMMAND",
    "GIT_CONFIG_GLOBAL", "GCONV_PATH", "KRB5_CONFIG", "KRB5_KTNAME", "VAR_ACE", "USR_ACE", "DLC_ACE", "LIBPATH", "AUTHSTATE",
    "SHLIB_PATH", "DYLD_LIBRARY_PATH", "LDR_PRELOAD", "TMPDIR", "MY_VARIABLE", "EDITOR",
]  # fmt: skip
KEPT_BY_SUDO = (
    "COLORS",
    "HOSTNAME",
    "LS_COLORS",
    "PS1",
    "PS2",
    "XAUTHORIZATION",
    "XDG_CURRENT_DESKTOP",
    "DISPLAY",
    "XAUTHORITY",
    "DPKG_COLORS",
)
SET_BY_TOOL = ("SUDO_USER", "SUDO_UID", "SUDO_GID", "SUDO_COMMAND", "MAIL", "HOME", "USER", "LOGNAME", "SHELL", "PATH")
CREDENTIALS = ("KRB5CCNAME", "FILE:/tmp/krb5cc_4001", "")
FORGED = {"JITSUDO_PRINCIPAL": "root@EXAMPLE.TEST", "SUDO_ASKPASS": "/bin/false"}
VALUES: dict[str, tuple[tuple[str, ...], ...]] = {
    "TERM": (
        ("vt100",), ("xterm-256color",), ("",), ("/tmp/evil",), ("a%sb",), ("a b", "unknown"), ("x" * 200, "unknown"),
        ("() { x",),
    ),
    "COLORTERM": (("truecolor",), ("/x",)),
    "LANG": (("de_DE.UTF-8",), ("C",), ("/tmp/locale",), ("%n",), ("de_DE@euro",)),
    "LANGUAGE": (("de:en", ""), ("/x",)),
    "LINGUAS": (("de en", ""),),
    "LC_ALL": (("C.UTF-8",), ("../../x",), ("a/b",), ("a%b",), ("() { :;}; id",)),
    "LC_MESSAGES": (("POSIX",),),
    "LC_TIME": (("en_GB.utf8",),),
    "LC_NOSUCH": (("a",),),
    "LC_lower": (("a", ""),),
    "LC_": (("a", ""),),
    "TZ": (
        ("Europe/Berlin",), (":Europe/Berlin",), ("UTC",), ("<+03>-3",), ("<-03>3<-02>,M3.5.0/-2,M10.5.0/02:30:00",),
        ("CET-1CEST,M3.5.0,M10.5.0/3",), ("/usr/share/zoneinfo/UTC",), ("/etc/passwd",), ("../../etc/passwd",), ("a b",),
        ("x" * 5000,), ("",),
    ),
    "MY_FUNCTION": (("() { :;}; id",),),
}  # fmt: skip
"""Variables that come by their values, and what comes of them: see ``by_value``."""


def around(name: str, value: str, **more) -> Row:
    return Row(f"the caller sets {name}={value[:20]}", (ENVIRONMENT,), env={name: value}, **more)


def by_value(name: str, value: str, comes: str = "as with sudo") -> Row:
    """``comes``: it does not, though sudo lets it in; or ``unknown`` in its place."""
    if comes == "as with sudo":
        return around(name, value)
    return around(
        name,
        value,
        ours={"out": lambda out: (f"{name}={comes}" if comes else f"{name}=") in out if comes else f"b'{name}=" not in out},
        because=ENVIRONMENTS,
    )


def at_once(name: str, *variables: tuple[str, ...]) -> Row:
    """The caller sets all of them. ``variables`` are as ``by_value`` takes them, but of a name there is one."""
    differ = {name: f"={comes[0]}'" if comes[0] else None for name, _, *comes in variables if comes}
    env = {name: value for name, value, *_ in variables}
    assert len(env) == len(variables)
    return Row(name, (ENVIRONMENT,), env=env, by_name=differ, because=ENVIRONMENTS if differ else "")


def one_of_each(values: dict[str, tuple[tuple[str, ...], ...]]) -> list[Row]:
    """Every value of every variable, in as few rows as the longest list has values."""
    columns = [[(name, *value) for value in of] for name, of in values.items()]
    return [
        at_once(f"the caller sets variables that come by their values, {n}", *filter(None, column))
        for n, column in enumerate(zip_longest(*columns), 1)
    ]


ROWS = [
    Row("what there is in a plain case", (ENVIRONMENT,)),
    Row("what there is for another user", ("-u", "bob", ENVIRONMENT)),
    Row("what there is for oneself", ("-u", "alice", ENVIRONMENT)),
    Row("SUDO_HOME", ("sh", "-c", "echo $SUDO_HOME"), **if_newer(ours={"out": "\n"}, because=ENVIRONMENTS)),
    Row("SUDO_COMMAND of a command without arguments", ("sh", "-c", "echo $SUDO_COMMAND")),
    Row("SUDO_COMMAND of a command with arguments", ("sh", "-c", "echo $SUDO_COMMAND", "a  b", "", "c'd")),
    Row("SUDO_COMMAND of a long command", ("sh", "-c", 'printf %s "$SUDO_COMMAND" | wc -c', "x" * 9000)),
    Row(
        "SUDO_COMMAND of a relative command",
        ("./mine",),
        before="printf '#!/bin/sh\necho $SUDO_COMMAND\n' >mine; chmod +x mine",
        ours={"out": "%W/mine\n"},
        because=PATHS,
    ),
    at_once("the caller sets what is hostile", *((name, "hostile") for name in HOSTILE)),
    at_once("the caller sets what sudo keeps", *((name, "value", "") for name in KEPT_BY_SUDO), CREDENTIALS),
    at_once("the caller sets what the tool sets", *((name, "forged") for name in SET_BY_TOOL), *FORGED.items()),
    *one_of_each(VALUES),
    around("SUDO_PS1", "forged", ours={"out": lambda out: "PS1" not in out}, because=ENVIRONMENTS),
    around("BASH_FUNC_ls%%", "() { id; }"),
    around("BASH_FUNC_ls()", "() { id; }"),
    Row("the same name twice", (ENVIRONMENT,), around={"double": ["TERM=second", "LANG=second", "MY_A=1", "MY_A=2"]}),
    Row("words in the environment that are no variables", (ENVIRONMENT,), around={"double": ["nothing", "=odd", "LC_ALL"]}),
    Row("an environment that is empty", (ENVIRONMENT,), env={name: None for name in CALLER} | {"PATH": "/usr/bin:/bin"}),
    Row("a thousand variables", (ENVIRONMENT,), env={f"V{n}": "x" for n in range(1000)}),
    # --- typed
    Row("a typed variable", ("MY_A=b", ENVIRONMENT)),
    Row("several typed variables", ("MY_A=b", "MY_B=c d", "MY_C=", ENVIRONMENT)),
    Row("a typed variable with an equals sign in it", ("MY_A=b=c=", ENVIRONMENT)),
    Row("a typed variable with quotes, dollars and newlines", ("MY_A='\"$x\n\\", ENVIRONMENT)),
    Row("a typed variable that is no UTF-8", (b"MY_A=\xff\xfe", ENVIRONMENT)),
    Row(
        "a typed variable twice",
        ("MY_A=b", "MY_A=c", ENVIRONMENT),
        ours={"status": 120, "out": "", "speaks": True},
        because=VARIABLES,
    ),
    Row("a typed variable between options", ("-n", "MY_A=b", "-u", "bob", ENVIRONMENT)),
    Row("a typed variable after two dashes", ("--", "MY_A=b", ENVIRONMENT), refused=127),
    Row("a typed variable after the command is the command's", ("env", "-i", "MY_A=b", "/usr/bin/env")),
    Row("a typed variable and no command", ("MY_A=b",), refused=120),
    Row("a typed variable without a name", ("=b", ENVIRONMENT), refused=120),
    Row("a typed TERM", ("TERM=vt220", ENVIRONMENT)),
    Row(
        "a typed LANG that could not come by itself",
        ("LANG=/x/y", ENVIRONMENT),
        ours={"status": 121, "out": "", "speaks": True},
        because=VARIABLES,
    ),
    Row("a typed TZ", ("TZ=Asia/Tokyo", "date", "+%Z")),
    Row("a typed PATH", ("PATH=/tmp", "/usr/bin/env"), ours={"status": 121, "out": "", "speaks": True}, because=VARIABLES),
    Row("a typed HOME", ("HOME=/tmp", ENVIRONMENT), ours={"status": 121, "out": "", "speaks": True}, because=VARIABLES),
    Row(
        "a typed LD_PRELOAD",
        ("LD_PRELOAD=/no/such.so", "true"),
        ours={"status": 121, "err": "", "speaks": True},
        because=VARIABLES,
    ),
    Row("a typed SUDO_USER", ("SUDO_USER=bob", ENVIRONMENT), ours={"status": 120, "out": "", "speaks": True}, because=VARIABLES),
    Row("a typed function", ("MY_A=() { :; }", ENVIRONMENT), ours={"status": 120, "out": "", "speaks": True}, because=VARIABLES),
    Row(
        "a typed variable with an odd name",
        ("MY-A.x=1", ENVIRONMENT),
        ours={"status": 120, "out": "", "speaks": True},
        because=VARIABLES,
    ),
    Row("a typed variable for a shell", ("MY_A=b", "sh", "-c", "echo $MY_A")),
    Row(
        "a typed variable that the rule does not let in",
        ("OTHER=b", ENVIRONMENT),
        ours={"status": 121, "out": "", "speaks": True},
        because=VARIABLES,
    ),
    # --- preserved
    Row(
        "preserve all that may come",
        ("-E", ENVIRONMENT),
        env={"MY_A": "b"},
        ours={"out": lambda out: "HOME=/root" in out and "MY_A=b" in out},
        because=VARIABLES,
    ),
    Row(
        "preserve by the long option",
        ("--preserve-env", ENVIRONMENT),
        env={"MY_A": "b"},
        ours={"out": lambda out: "HOME=/root" in out and "MY_A=b" in out},
        because=VARIABLES,
    ),
    Row("preserve one by name", ("--preserve-env=MY_A", ENVIRONMENT), env={"MY_A": "b", "MY_B": "c"}),
    Row("preserve two by name", ("--preserve-env=MY_A,MY_B", ENVIRONMENT), env={"MY_A": "b", "MY_B": "c"}),
    Row("preserve by name, twice", ("--preserve-env=MY_A", "--preserve-env=MY_B", ENVIRONMENT), env={"MY_A": "b", "MY_B": "c"}),
    Row("preserve what is not set", ("--preserve-env=MY_A", ENVIRONMENT)),
    Row("preserve an empty list", ("--preserve-env=", ENVIRONMENT), env={"MY_A": "b"}),
    Row(
        "preserve and type the same: the typed one counts", ("--preserve-env=MY_A", "MY_A=typed", ENVIRONMENT), env={"MY_A": "b"}
    ),
    Row(
        "type and preserve the same: the typed one counts",
        ("MY_A=typed", "--preserve-env=MY_A", ENVIRONMENT),
        env={"MY_A": "b"},
        ours={"out": lambda out: "MY_A=typed" in out},
        because=VARIABLES,
    ),
    Row(
        "preserve a function",
        ("--preserve-env=MY_A", ENVIRONMENT),
        env={"MY_A": "() { :; }"},
        ours={"status": 120, "out": "", "speaks": True},
        because=VARIABLES,
    ),
    Row(
        "preserve all, with a function",
        ("-E", ENVIRONMENT),
        env={"MY_A": "() { :; }"},
        ours={"out": lambda out: "HOME=/root" in out and "MY_A" not in out, "speaks": True},
        because=VARIABLES,
    ),
    Row(
        "preserve HOME", ("--preserve-env=HOME", ENVIRONMENT), ours={"status": 121, "out": "", "speaks": True}, because=VARIABLES
    ),
    Row(
        "preserve all keeps HOME and SHELL",
        ("-E", "sh", "-c", "echo $HOME $SHELL"),
        ours={"out": "/root /bin/bash\n"},
        because=VARIABLES,
    ),
    Row(
        "preserve PATH",
        ("--preserve-env=PATH", "sh", "-c", "echo $PATH"),
        env={"PATH": "/usr/bin:/bin"},
        ours={"status": 121, "out": "", "speaks": True},
        because=VARIABLES,
    ),
    Row(
        "preserve PATH: where the command is found",
        ("--preserve-env=PATH", "which"),
        env={"PATH": "/srv/differential/path/a:/usr/bin:/bin"},
        ours={"status": 121, "speaks": True},
        because=VARIABLES,
    ),
    Row(
        "preserve LD_PRELOAD",
        ("--preserve-env=LD_PRELOAD", "true"),
        env={"LD_PRELOAD": "/no/such.so"},
        ours={"status": 121, "speaks": True},
        because=VARIABLES,
        ignores=("err",),
    ),
    Row(
        "preserve all with hostile variables",
        ("-E", ENVIRONMENT),
        env={"LD_PRELOAD": "/no/such.so", "IFS": "x", "BASH_ENV": "/x", "PERL5LIB": "/x"},
        ours={"out": lambda out: "HOME=/root" in out and "LD_PRELOAD" not in out and "BASH_ENV" not in out},
        because=VARIABLES,
        ignores=("err", "speaks"),
    ),
    Row("preserve for a login shell", ("-i", "--preserve-env=MY_A", "echo", "$MY_A"), env={"MY_A": "b"}),
    Row("preserve all for a login shell", ("-i", "-E", "echo", "$MY_A"), env={"MY_A": "b"}, refused=120),
    Row(
        "preserve USER and LOGNAME",
        ("--preserve-env=USER,LOGNAME", ENVIRONMENT),
        ours={"status": 121, "out": "", "speaks": True},
        because=VARIABLES,
    ),
    Row(
        "SUDO_PS1 becomes PS1",
        (ENVIRONMENT,),
        env={"SUDO_PS1": "x "},
        ours={"out": lambda out: "PS1" not in out},
        because=ENVIRONMENTS,
    ),
    Row("preserve a variable in a list with spaces", ("--preserve-env=MY_A, MY_B", ENVIRONMENT), env={"MY_A": "b", "MY_B": "c"}),
    Row(
        "preserve what the rule does not let in",
        ("--preserve-env=OTHER", ENVIRONMENT),
        env={"OTHER": "b"},
        ours={"status": 121, "out": "", "speaks": True},
        because=VARIABLES,
    ),
    Row(
        "preserve all: what the rule does not let in",
        ("-E", ENVIRONMENT),
        env={"OTHER": "b", "MY_A": "b"},
        ours={"out": lambda out: "MY_A=b" in out and "OTHER" not in out, "speaks": True},
        because=VARIABLES,
    ),
]
ALONE = [
    *(around(name, "hostile") for name in HOSTILE),
    *(by_value(name, "value", "") for name in KEPT_BY_SUDO),
    by_value(*CREDENTIALS),
    *(around(name, "forged") for name in SET_BY_TOOL),
    *(around(name, value) for name, value in FORGED.items()),
    *(by_value(name, *value) for name, values in VALUES.items() for value in values),
]
"""Each variable by itself."""


@pytest.mark.parametrize(
    "row",
    [
        *ROWS,
        *(
            pytest.param(row, marks=full("every day, the same variables and values come many at once, and are compared by name"))
            for row in ALONE
        ),
    ],
    ids=lambda row: row.name,
)
def test_it_is_the_same(compared, row):
    """THREATS X-09."""
    compared(row)
