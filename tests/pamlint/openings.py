# SPDX-License-Identifier: Apache-2.0
"""What opens a gate whose stack is closed: sudoers, sudo.conf, the ways in which sshd is started, libraries, links; and beside
each what looks like it and opens nothing. tests/pam/test_openings.py runs them against the real programs.
"""

from __future__ import annotations

from typing import NamedTuple

from jitd.hosts.starting import Process
from jitd_inspection.pamlint.linting import lint_host
from tests.pamlint.corpus import sudoers
from tests.pamlint.host import SHAPE, SSHD, SSHD_SHAPE, SUDO, Row, Texts, names

OTHERS = "/srv/open may be written by everybody"
OPEN = {"/srv/open": OTHERS, "/srv/open/x.so": OTHERS, "/srv/open/x": OTHERS}


def of_others(says: str, found: str, text: str, **more: str) -> Row:
    """The same where everybody may write /srv/open."""
    return sudoers(says, found, text, **more)._replace(wrong=OPEN)


def etc(says: str, found: str, **more: str) -> Row:
    """A host with a closed su, and these files below /etc. Everybody may write /srv/open."""
    return Row(says, found, {"su": SHAPE + SUDO} | {f"/etc/{name}": text for name, text in more.items()}, OPEN)


SECURE_PATHS = [
    sudoers("secure_path switched off for a user", "no-secure-path", "Defaults:eve !secure_path\n"),
    sudoers("secure_path switched off for a group", "no-secure-path", "Defaults:%ops !secure_path\n"),
    sudoers("secure_path switched off on a host", "no-secure-path", "Defaults@lab !secure_path\n"),
    sudoers("secure_path switched off for a target", "no-secure-path", "Defaults>bob !secure_path\n"),
    sudoers("secure_path switched off for a command", "no-secure-path", "Defaults!/usr/bin/id !secure_path\n"),
    sudoers("secure_path switched off for all", "no-secure-path", "Defaults !secure_path\n"),
    sudoers("secure_path switched off and on again", "", 'Defaults !secure_path\nDefaults secure_path="/bin"\n'),
    sudoers("a secure_path without a value", "no-secure-path", "Defaults secure_path\n"),
    sudoers("another secure_path of root's for a user", "", 'Defaults:eve secure_path="/usr/bin:/opt/bin"\n'),
    of_others("a directory of secure_path that others can write", "open-directory", 'Defaults secure_path="/bin:/srv/open"\n'),
    of_others("the same for a user alone", "open-directory", 'Defaults:eve secure_path="/bin:/srv/open"\n'),
    of_others("the same on a host", "open-directory", 'Defaults@lab secure_path="/srv/open:/bin"\n'),
    sudoers("a directory of secure_path that is where one stands", "open-directory", 'Defaults secure_path="/bin:."\n'),
    of_others("one behind backslashes", "open-directory", "Defaults secure_path=/bin\\:/srv/open\n"),
    sudoers("an empty directory of secure_path", "open-directory", 'Defaults secure_path="/bin:"\n'),
    of_others("directories that root alone can write", "", 'Defaults secure_path="/bin:/snap/bin:/srv/closed"\n'),
]
VARIABLES = [
    sudoers("LD_PRELOAD comes along", "environment-kept", "Defaults env_keep += LD_PRELOAD\n"),
    sudoers("PYTHONPATH comes along with others", "environment-kept", 'Defaults env_keep += "LANG PYTHONPATH EDITOR"\n'),
    sudoers("all of Python's variables come along", "environment-kept", 'Defaults env_keep += "PYTHON*"\n'),
    sudoers("all that begin with L come along", "environment-kept", 'Defaults env_keep += "L*"\n'),
    sudoers("all that end in PATH come along", "environment-kept", 'Defaults env_keep += "*PATH"\n'),
    sudoers("all come along", "environment-kept", 'Defaults env_keep += "*"\n'),
    sudoers("one comes along with a value", "environment-kept", 'Defaults env_keep += "PYTHONPATH=/home/*"\n'),
    sudoers("PYTHONPATH comes along for a user", "environment-kept", "Defaults:eve env_keep += PYTHONPATH\n"),
    sudoers("PYTHONPATH comes along for a command", "environment-kept", "Defaults!/usr/bin/python3 env_keep += PYTHONPATH\n"),
    sudoers("PYTHONPATH comes along without slashes", "environment-kept", "Defaults env_check += PYTHONPATH\n"),
    sudoers("all but some come along", "environment-kept", "Defaults !env_reset\n"),
    sudoers("all but some come along for a user", "environment-kept", "Defaults:eve !env_reset\n"),
    sudoers(
        "what Debian's sudoers propose", "", 'Defaults:%sudo env_keep += "http_proxy EDITOR GREP_COLOR GIT_AUTHOR_* LC_* EMAIL"\n'
    ),
    sudoers("HOME comes along, where programs find settings of the caller's", "environment-kept", "Defaults env_keep += HOME\n"),
    sudoers("a list of files for make comes along", "environment-kept", "Defaults env_keep += MAKEFILES\n"),
    sudoers("PYTHONUNBUFFERED comes along", "", "Defaults env_keep += PYTHONUNBUFFERED\n"),
    sudoers("PYTHONPATH comes along behind backslashes", "environment-kept", "Defaults env_keep += PYTHON\\*\n"),
    sudoers("one that was taken out again", "", "Defaults env_keep += PYTHONPATH\nDefaults env_keep -= PYTHONPATH\n"),
    sudoers("one before a list that is new", "", 'Defaults env_keep += PYTHONPATH\nDefaults env_keep = "LANG"\n'),
    sudoers("one before none", "", "Defaults env_keep += PYTHONPATH\nDefaults !env_keep\n"),
    sudoers("one that is taken out", "", "Defaults env_keep -= PYTHONPATH\n"),
    sudoers(
        "one that is taken out for a user alone",
        "environment-kept",
        "Defaults env_keep += PYTHONPATH\nDefaults:eve env_keep -= PYTHONPATH\n",
    ),
    of_others("a file of variables that others can write", "file-open", "Defaults env_file=/srv/open/x\n"),
    of_others("a plugin for groups that others can write", "file-open", 'Defaults group_plugin="/srv/open/x.so /etc/x"\n'),
    of_others("an editor of visudo's that others can write", "file-open", "Defaults editor=/usr/bin/vi:/srv/open/x\n"),
    of_others("a file of variables of root's", "", "Defaults env_file=/etc/environment\n"),
]
PLUGINS = [
    of_others(
        "a sudoers.so in another directory", "?other-plugin", "", **{"sudo.conf": "Plugin sudoers_policy /opt/sudoers.so\n"}
    ),
    of_others("another directory of plugins", "?other-plugin", "", **{"sudo.conf": "Path plugin_dir /opt/sudo\n"}),
    of_others(
        "another directory behind a line",
        "?other-plugin",
        "",
        **{"sudo.conf": "Plugin sudoers_policy sudoers.so\npath PLUGIN_DIR \\\n /opt/sudo\n"},
    ),
    of_others("a policy by an odd name", "?other-plugin", "", **{"sudo.conf": "plugin x \\\n sudoers.so\n"}),
    of_others("jitd's own plugin", "", "", **{"sudo.conf": "Plugin jit_approval /usr/lib/jitd/jit_approval.so wait=5\n"}),
    of_others(
        "jitd's own plugin of another file", "?other-plugin", "", **{"sudo.conf": "Plugin jit_approval /opt/jit_approval.so\n"}
    ),
    of_others("a sudoers.so that others can write", "file-open", "", **{"sudo.conf": "Plugin sudoers_policy /srv/open/x.so\n"}),
    of_others("a sesh that others can write", "file-open", "", **{"sudo.conf": "Path sesh /srv/open/x\n"}),
    of_others(
        "arguments of the own plugin",
        "?sudoers-elsewhere",
        "",
        **{"sudo.conf": "Plugin sudoers_policy sudoers.so sudoers_uid=7\n"},
    ),
    of_others(
        "Debian's own sudo.conf",
        "",
        **{
            "sudo.conf": "#Plugin x /opt/x.so\nPlugin sudoers_policy sudoers.so\nPlugin sudoers_io sudoers.so\n"
            "Plugin sudoers_audit /usr/libexec/sudo/sudoers.so\nPath askpass /usr/bin/askpass\nSet disable_coredump false\n"
        },
        text="",
    ),
]
LOADED = [
    etc("a library of others in every program", "loader-open", **{"ld.so.preload": "/srv/open/x.so\n"}),
    etc("a library where one stands in every program", "loader-open", **{"ld.so.preload": "lib/x.so\n"}),
    etc("a library that cannot be told in every program", "?preloaded", **{"ld.so.preload": "/usr/$LIB/x.so # c\n"}),
    etc("a library of root's in every program", "~preloaded", **{"ld.so.preload": "/usr/lib/snoopy.so\n"}),
    etc("no library at all", "", **{"ld.so.preload": "# /srv/open/x.so\n"}),
    etc("a directory of libraries that others can write", "loader-open", **{"ld.so.conf": "/usr/local/lib\n/srv/open\n"}),
    etc(
        "one by an include",
        "loader-open",
        **{"ld.so.conf": "include ld.so.conf.d/*.conf\n", "ld.so.conf.d/x.conf": "# c\n/srv/open=libc6 # c\n"},
    ),
    etc("one that is not included", "", **{"ld.so.conf": "include ld.so.conf.d/*.conf\n", "ld.so.conf.d/x": "/srv/open\n"}),
    etc("an include that cannot be read", "?unreadable", **{"ld.so.conf": "include x.conf\n", "x.conf": "\0unreadable"}),
    etc("directories of root's", "", **{"ld.so.conf": "/usr/local/lib\n#/srv/open\nhwcap 0 /srv/open\n"}),
    Row("the loader's own directory", "loader-open", {"su": SHAPE + SUDO}, {"/usr/lib": OTHERS}),
    Row("the loader's cache", "loader-open", {"su": SHAPE + SUDO}, {"/etc/ld.so.cache": OTHERS}),
    Row("a list of libraries that others can make", "file-open", {"su": SHAPE + SUDO}, {"/etc/ld.so.preload": OTHERS}),
    Row("links of others are followed", "~links-unprotected", {"su": SHAPE + SUDO, "/proc/sys/fs/protected_symlinks": "0\n"}),
    Row("links to files of others", "~links-unprotected", {"su": SHAPE + SUDO, "/proc/sys/fs/protected_hardlinks": "0\n"}),
    Row(
        "a kernel that does not say",
        "?links-unprotected",
        {"su": SHAPE + SUDO, "/proc/sys/fs/protected_symlinks": "\0unreadable"},
    ),
]
FILES = [
    Row(
        "another module that others can write",
        "file-open",
        {"su": f"{SHAPE}auth required x.so\n{SUDO}"},
        {"/lib/security/x.so": OTHERS},
    ),
    Row(
        "a module that is not there, where others can put one",
        "file-open",
        {"su": f"{SHAPE}auth optional /srv/open/x.so\n{SUDO}"},
        {"/srv/open/x.so": "missing", "/srv/open": OTHERS},
    ),
    Row("one that no gated stack has", "", {"su": SHAPE + SUDO, "doas": "auth required x.so\n"}, {"/lib/security/x.so": OTHERS}),
    Row(
        "Python's library",
        "file-open",
        {"su": SHAPE + SUDO, "/usr/local/lib/python3.11/dist-packages": ""},
        {"/usr/local/lib/python3.11/dist-packages": OTHERS},
    ),
    Row(
        "a file in Python's library",
        "file-open",
        {"su": SHAPE + SUDO, "/usr/lib/python3.11": ""},
        {"/usr/lib/python3.11/re/x.py": OTHERS},
    ),
    Row(
        "a program that a module runs as root",
        "file-open",
        {"su": f"{SHAPE}account optional pam_exec.so quiet seteuid /srv/open/x\n{SUDO}"},
        {"/srv/open/x": OTHERS},
    ),
    Row(
        "a script that it has interpreted",
        "file-open",
        {"su": f"{SHAPE}account optional pam_exec.so seteuid /bin/sh -e /srv/open/x\n{SUDO}"},
        {"/srv/open/x": OTHERS},
    ),
    Row(
        "a program that it runs as the caller",
        "",
        {"su": f"{SHAPE}account optional pam_exec.so quiet log=/srv/open/log /srv/open/x\n{SUDO}"},
        {"/srv/open/x": OTHERS, "/srv/open/log": OTHERS},
    ),
    Row(
        "in one of root's programs it runs as root",
        "file-open",
        {"sshd": f"{SSHD_SHAPE}session optional pam_exec.so quiet /srv/open/x\n{SSHD}"},
        {"/srv/open/x": OTHERS},
    ),
    Row(
        "what one of root's programs is told",
        "",
        {"su": f"{SHAPE}auth optional pam_exec.so /x /srv/open/x\n{SUDO}"},
        {"/srv/open/x": OTHERS},
    ),
    Row(
        "another script of Python's",
        "file-open",
        {"su": f"{SHAPE}auth optional pam_python.so x.py\n{SUDO}"},
        {"/lib/security/x.py": OTHERS},
    ),
    Row(
        "a file of variables",
        "file-open",
        {"su": f"{SHAPE}session required pam_env.so envfile=/srv/open/x\n{SUDO}"},
        {"/srv/open/x": OTHERS},
    ),
    Row("the usual one", "file-open", {"su": f"{SHAPE}session required pam_env.so\n{SUDO}"}, {"/etc/environment": OTHERS}),
    Row(
        "the usual one where it is not read",
        "",
        {"su": f"{SHAPE}session required pam_env.so readenv=0\n{SUDO}"},
        {"/etc/environment": OTHERS},
    ),
    Row("a stack that others can write", "file-open", {"su": SHAPE + SUDO}, {"/etc/pam.d/su": OTHERS}),
    Row("what a stack includes that others can write", "file-open", {"su": SHAPE + SUDO}, {"/etc/pam.d/common-auth": OTHERS}),
    Row("a file that no stack includes", "", {"su": SHAPE + SUDO, "chfn": "auth required x.so\n"}, {"/etc/pam.d/chfn": OTHERS}),
]
KSU = {"/usr/bin/ksu": "", "su": SHAPE + SUDO}
DOORS = [
    Row("somebody who becomes root by ksu", "~other-door", {**KSU, "/root/.k5login": "\nalice@EXAMPLE.TEST\n"}),
    Row("somebody who has one command of root's by it", "~other-door", {**KSU, "/root/.k5users": "alice@EXAMPLE.TEST /bin/ls\n"}),
    Row("a list of nobody", "", {**KSU, "/root/.k5login": "\n"}),
    Row("a list without ksu", "", {"su": SHAPE + SUDO, "/root/.k5login": "alice@EXAMPLE.TEST\n"}),
]
OPENINGS = [*SECURE_PATHS, *VARIABLES, *PLUGINS, *LOADED, *FILES, *DOORS]


class Sshd(NamedTuple):
    """Files below /etc, and what runs: words, and the second when it began. ``found`` is what is said of it."""

    says: str
    found: str
    files: dict[str, str]
    runs: tuple[tuple[str, ...], float] | None = None
    program: str = "/usr/sbin/sshd"
    wrong: dict[str, str] = {}

    def host(self) -> Texts:
        """It, with a closed stack and a file of settings that was changed in second 100."""
        files = {"sshd": SSHD_SHAPE + SSHD, "/etc/ssh/sshd_config": "UsePAM yes\n"}
        made = Row("", "", files | {f"/etc/{name}": text for name, text in self.files.items()}, self.wrong).host()
        made.changed["/etc/ssh/sshd_config"] = 100.0
        if self.runs:
            made.running = [Process(7, self.program, *self.runs)]
        return made

    def found_by(self) -> str:
        return names(lint_host(self.host()))

    def sentences(self) -> list[str]:
        return [f"{finding.place}: {finding.name} {finding.sentence}" for finding in lint_host(self.host())]


def title(words: str) -> tuple[str, ...]:
    """How sshd writes its own command line."""
    return (f"sshd: {words} [listener] 0 of 10-100 startups",)


UNIT = "systemd/system/ssh.service"
SERVICE = "[Service]\nEnvironmentFile=-/etc/default/ssh\nExecStartPre=/usr/sbin/sshd -t\nExecStart=/usr/sbin/sshd -D $SSHD_OPTS\n"
SAFE = "[Unit]\nDescription=x\n[Service]\nExecStart=/usr/sbin/sshd -D\n"


def unit(text: str) -> dict[str, str]:
    return {UNIT: f"[Service]\n{text}\n"}


def defaults(text: str) -> dict[str, str]:
    return {UNIT: SERVICE, "default/ssh": text}


def drop_in(text: str, unit: str = SERVICE) -> dict[str, str]:
    return {UNIT: unit, f"{UNIT}.d/x.conf": text}


SSHDS = [
    # the files
    Sshd("Debian's own unit and defaults", "", defaults("# Options\nSSHD_OPTS=\n")),
    Sshd("options that mean nothing to the gate", "", defaults('SSHD_OPTS="-4 -o MaxAuthTries=3 -u0"\n')),
    Sshd("UsePAM off by SSHD_OPTS", "no-pam", defaults("SSHD_OPTS='-o UsePAM=no'\n")),
    Sshd("UsePAM off without a blank", "no-pam", defaults('SSHD_OPTS="-oUsePAM=no"\n')),
    Sshd("UsePAM off behind other letters", "no-pam", defaults('SSHD_OPTS="-4Do usepam=no"\n')),
    Sshd("UsePAM off in two pieces", "no-pam", defaults("SSHD_OPTS=\"-o Use\"'PAM=no'\n")),
    Sshd("the last of two lines counts", "no-pam", defaults("SSHD_OPTS=-4\nSSHD_OPTS=-oUsePAM=no\n")),
    Sshd("a comment is none", "", defaults("#SSHD_OPTS=-oUsePAM=no\n")),
    Sshd("the first of two options counts", "", defaults('SSHD_OPTS="-oUsePAM=yes -oUsePAM=no"\n')),
    Sshd(
        "an option on goes before a file off", "no-pam", {"ssh/sshd_config": "UsePAM no\n"} | defaults("SSHD_OPTS=-oUsePAM=yes\n")
    ),
    Sshd("another file without PAM", "no-pam", defaults("SSHD_OPTS='-f /etc/ssh/b'\n") | {"ssh/b": "Port 22\n"}),
    Sshd("another file with PAM", "", defaults("SSHD_OPTS='-f /etc/ssh/b'\n") | {"ssh/b": "UsePAM yes\n"}),
    Sshd(
        "another file that includes one without",
        "no-pam",
        defaults("SSHD_OPTS='-f /etc/ssh/b'\n") | {"ssh/b": "Include c/*\nUsePAM yes\n", "ssh/c/x": "UsePAM no\n"},
    ),
    Sshd("another file that is not there", "?unreadable", defaults("SSHD_OPTS='-f /etc/ssh/b'\n")),
    Sshd("another file by no whole path", "?sshd-in-doubt", defaults("SSHD_OPTS='-f b'\n")),
    Sshd("no file at all", "no-pam", defaults("SSHD_OPTS='-f none'\n")),
    Sshd("an option that nobody knows", "?sshd-in-doubt", defaults("SSHD_OPTS=-Z\n")),
    Sshd("an option that a shell makes", "?sshd-in-doubt", {"init.d/ssh": "#!/bin/sh\n", "default/ssh": "SSHD_OPTS=$(cat x)\n"}),
    Sshd("the script without a unit", "no-pam", {"init.d/ssh": "#!/bin/sh\n", "default/ssh": "SSHD_OPTS=-oUsePAM=no\n"}),
    # units
    Sshd("UsePAM off in the unit", "no-pam", unit("ExecStart=/usr/sbin/sshd -D -o UsePAM=no")),
    Sshd("UsePAM off in quotes", "no-pam", unit("ExecStart=-/usr/sbin/sshd -D -o 'UsePAM no'")),
    Sshd("UsePAM off on a carried line", "no-pam", unit("ExecStart=/usr/sbin/sshd -D \\\n  -oUsePAM=no")),
    Sshd("UsePAM off by Environment", "no-pam", unit("Environment='X=-oUsePAM=no'\nExecStart=/usr/sbin/sshd ${X}")),
    Sshd("UsePAM off by another name", "no-pam", unit("ExecStart=@/usr/sbin/sshd sshd -oUsePAM=no")),
    Sshd("UsePAM off by a drop-in", "no-pam", drop_in("[Service]\nExecStart=\nExecStart=/usr/sbin/sshd -D -oUsePAM=no\n")),
    Sshd("UsePAM off by a drop-in's variable", "no-pam", drop_in("[Service]\nEnvironment=SSHD_OPTS=-oUsePAM=no\n")),
    Sshd(
        "UsePAM off by a drop-in's file",
        "no-pam",
        drop_in("[Service]\nEnvironmentFile=/etc/x\n") | {"x": "SSHD_OPTS=-oUsePAM=no"},
    ),
    Sshd(
        "a drop-in that takes it back",
        "",
        drop_in("[Service]\nExecStart=\nExecStart=/usr/sbin/sshd -D\n", "[Service]\nExecStart=/usr/sbin/sshd -oUsePAM=no\n"),
    ),
    Sshd("a drop-in of another matter", "", drop_in("[Service]\nRestart=always\nLimitNOFILE=1000\n")),
    Sshd("a drop-in by another root directory", "?sshd-in-doubt", drop_in("[Service]\nRootDirectory=/srv/root\n")),
    Sshd(
        "one for each connection",
        "no-pam",
        {UNIT: SAFE, "systemd/system/ssh@.service": "[Service]\nExecStart=-/usr/sbin/sshd -i -oUsePAM=no\n"},
    ),
    Sshd(
        "a second one",
        "no-pam",
        {UNIT: SAFE, "systemd/system/alt.service": "[Service]\nExecStart=/usr/sbin/sshd -p 23 -oUsePAM=no\n"},
    ),
    Sshd(
        "a service of another thing",
        "",
        {UNIT: SAFE, "systemd/system/x.service": "[Service]\nExecStart=/usr/sbin/x -oUsePAM=no\n"},
    ),
    Sshd(
        "keys that are made",
        "",
        {UNIT: SAFE, "systemd/system/x.service": "[Service]\nExecStart=/usr/libexec/openssh/sshd-keygen rsa\n"},
    ),
    Sshd("a script that starts it", "?sshd-in-doubt", unit("ExecStart=/opt/start sshd")),
    Sshd("a shell that starts it", "?sshd-in-doubt", unit("ExecStart=/bin/sh -c '/usr/sbin/sshd -oUsePAM=no'")),
    Sshd("another program of that name", "?sshd-in-doubt", unit("ExecStart=/opt/ssh/sbin/sshd -D")),
    Sshd("what systemd fills in", "?sshd-in-doubt", unit("ExecStart=/usr/sbin/sshd -f /etc/ssh/%i")),
    Sshd("a unit that others can write", "file-open", {UNIT: SAFE}, wrong={f"/etc/{UNIT}": OTHERS}),
    Sshd("settings that others can write", "file-open", {}, wrong={"/etc/ssh/sshd_config": OTHERS}),
    Sshd(
        "a directory of settings that others can write",
        "file-open",
        {"ssh/sshd_config": "Include d/*.conf\nUsePAM yes\n", "ssh/d/x": ""},
        wrong={"/etc/ssh/d": OTHERS},
    ),
    # what runs
    Sshd("one that runs as it should", "", {}, (title("/usr/sbin/sshd -D"), 200.0)),
    Sshd("one that runs without PAM", "no-pam", {}, (title("/usr/sbin/sshd -D -o UsePAM=no"), 200.0)),
    Sshd("one that runs without PAM, by a blank", "no-pam", {}, (title("/usr/sbin/sshd -D -o UsePAM no -p 22"), 200.0)),
    Sshd("one that has not written its name yet", "no-pam", {}, (("/usr/sbin/sshd", "-D", "-o", "UsePAM no"), 200.0)),
    Sshd("one by another file", "no-pam", {"ssh/b": ""}, (title("/usr/sbin/sshd -f /etc/ssh/b"), 200.0)),
    Sshd(
        "one by another name", "?sshd-in-doubt", {}, (("ssh2: /opt/ssh2 -D [listener] 0 of 10-100 startups",), 200.0), "/opt/ssh2"
    ),
    Sshd("a connection of one", "", {}, (("sshd: alice [priv]",), 200.0)),
    Sshd("one that was told nothing of a change", "?sshd-in-doubt", {}, (title("/usr/sbin/sshd -D"), 50.0)),
    Sshd("another program that runs", "?sshd-in-doubt", {}, (title("/opt/ssh/sbin/sshd -D"), 200.0), "/opt/ssh/sbin/sshd"),
]
