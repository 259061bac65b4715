# SPDX-License-Identifier: Apache-2.0
"""Files that are edited: ``jitsudo -e`` beside sudoedit, with ``sudoedit_checkdir`` and without ``sudoedit_follow``.

Law: one row is one scenario. Both get the same files anew, as root makes them, and the same editor.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.differential.scenario import EDITS, Row

BIN = "/srv/differential/bin"
APPEND = {"EDITOR": f"{BIN}/append"}
EACH = {"EDITOR": "sed -i -e $anew"}  # in each file
LOOKS = """
cd %R
find . -printf '%%P %%y %%m %%u:%%g %%n %%s\\n' | sort
find . -type f -printf '%%P\\n' | sort | while read -r name; do echo "$name:"; head -c 300 "$name" | cat -A; done
""".replace("%%", "%")
ACL = (
    "import os, struct; "
    "os.setxattr('site.conf', 'system.posix_acl_access', struct.pack('<I', 2) + b''.join(struct.pack('<HHI', *one) "
    "for one in ((1, 6, 2**32 - 1), (2, 4, 4001), (4, 4, 2**32 - 1), (16, 4, 2**32 - 1), (32, 0, 2**32 - 1))))"
)
XATTRS = "import os; print([(name, os.getxattr('site.conf', name)) for name in sorted(os.listxattr('site.conf'))])"


def by_root(lines: str) -> str:
    return f"sudo -n sh -u <<'END' 2>&1\n{lines}\nEND\n"


def row(name: str, *words: str, made: str = "", looks: str = "", env: dict[str, str] | None = None, **more: Any) -> Row:
    """An edit of root's file, whose text is "old", in root's directory, unless something else is said."""
    before = f"rm -rf %R; mkdir -p %R; cd %R; umask 022; echo old >site.conf\n{made}"
    words = words or (("-e", "%R/site.conf") if "line" not in more else ())
    return Row(name, words, before=by_root(before), after=by_root(LOOKS + looks), env=APPEND if env is None else env, **more)


def refused(name: str, *words: str, status: int = 126, **more: Any) -> Row:
    """Neither writes."""
    return row(name, *words, refused=status, ignores=(*more.pop("ignores", ()), "err"), **more)


def stands(text: str) -> bool:
    """The old file stands as it was."""
    return "site.conf:\nold$\n" in text and "new" not in text


def written(text: str) -> bool:
    return "site.conf:\nold$\nnew$\n" in text


def emptied(text: str) -> bool:
    return text.endswith("site.conf:\n")


def refused_by_us(name: str, *words: str, status: int = 126, after: Any = stands, **more: Any) -> Row:
    ours = {"status": status, "after": after, "speaks": True, **more.pop("ours", {})}
    ours = {name: value for name, value in ours.items() if value is not None and name not in more.get("ignores", ())}
    return row(name, *words, ours=ours, because=EDITS, **more)


ROWS = [
    # --- paths
    row("edit: a file"),
    row("edit: a relative path", line="cd %R && asroot -e site.conf"),
    row("edit: a relative path with its directory", line="cd %R/.. && asroot -e $(basename %R)/site.conf"),
    row("edit: .. in the path", "-e", "%R/sub/../site.conf", made="mkdir sub"),
    row("edit: two slashes", "-e", "/%R//site.conf"),
    row("edit: a dot in the path", "-e", "%R/./site.conf"),
    row("edit: -- before the file", "-e", "--", "%R/site.conf"),
    row("edit: --edit", "--edit", "%R/site.conf"),
    row("edit: a name with a space and a newline", "-e", "%R/a b\nc", made="cp site.conf 'a b\nc'"),
    row("edit: a name with a dash", line="cd %R && asroot -e -- -x", made="cp site.conf ./-x"),
    row("edit: a link on the way, of root's", "-e", "%R/way/site.conf", made="ln -s . way"),
    refused("edit: the file is a link", "-e", "%R/link", made="ln -s site.conf link"),
    refused("edit: a link on the way, in a directory of the person's", line="ln -s %R way; asroot -e $PWD/way/site.conf"),
    refused("edit: a link on the way, in the directory in which the person is", line="ln -s %R way; asroot -e way/site.conf"),
    refused(
        "edit: a link on the way, in a directory of a group of the person's",
        "-e",
        "%R/g/way/site.conf",
        made="mkdir g; ln -s .. g/way; chgrp alice g; chmod 775 g",
    ),
    refused(
        "edit: a link of the person's, in a sticky directory for everybody",
        line="ln -s .. %R/all/way; asroot -e %R/all/way/site.conf",
        made="mkdir -m 1777 all",
    ),
    row(
        "edit: a link of root's, in a sticky directory for everybody",
        "-e",
        "%R/all/way/site.conf",
        made="mkdir -m 1777 all; ln -s .. all/way",
        ours={"status": 0, "after": written, "speaks": False},
        because=EDITS,
    ),
    row(
        "edit: a link of the person's, in a directory of root's",
        "-e",
        "%R/way/site.conf",
        made="ln -s . way; chown -h alice way",
    ),
    refused_by_us(
        "edit: a link of root's to one of the person's",
        line="ln -s %R own; asroot -e %R/way/site.conf",
        made="ln -s %W/own way",
    ),
    refused_by_us(
        "edit: a link in a directory of root's in one of the person's",
        "-e",
        "%W/roots/way/site.conf",
        made="mkdir %W/roots; ln -s %R %W/roots/way",
        ignores=("files",),
    ),
    refused_by_us(
        "edit: a directory of the person's that is left again",
        line="mkdir d; asroot -e $PWD/d/../../../edits/${PWD#*/stage/}/site.conf",
    ),
    row(
        "edit: out of a directory of the person's, in which the person is",
        line="mkdir d; cd d; asroot -e ../../../edits/${OLDPWD#*/stage/}/site.conf",
    ),
    refused("edit: a file in a directory of the person's", "-e", "%W/own", made="echo old >%W/own"),
    refused("edit: a file in a directory for everybody", "-e", "%R/all/x", made="mkdir -m 777 all; cp site.conf all/x"),
    refused("edit: a file in a sticky directory for everybody", "-e", "%R/all/x", made="mkdir -m 1777 all; cp site.conf all/x"),
    refused(
        "edit: a file in a directory of a group of the person's",
        "-e",
        "%R/g/x",
        made="mkdir g; cp site.conf g/x; chgrp alice g; chmod 775 g",
    ),
    refused_by_us(
        "edit: root's directory in one of the person's",
        "-e",
        "%W/roots/site.conf",
        made="mkdir %W/roots; cp site.conf %W/roots",
        ignores=("after",),
        ours={"files": {"roots/site.conf": ["0o100644", 0, 0, "old\n"]}},
    ),
    refused_by_us("edit: a directory of another person's", made="chown bob ."),
    row("edit: a file of the person's in root's directory", made="chown alice site.conf"),
    refused_by_us("edit: a file that is not there", "-e", "%R/new", status=121),
    refused("edit: a directory that is not there", "-e", "%R/no/new", status=120),
    refused("edit: a name below a file", "-e", "%R/site.conf/x", status=120),
    refused("edit: a slash at the end", "-e", "%R/site.conf/", status=120),
    refused("edit: a directory", "-e", "%R", status=120),
    refused("edit: a fifo", "-e", "%R/fifo", made="mkfifo fifo", status=120),
    refused("edit: a device", "-e", "/dev/null", status=120),
    refused_by_us("edit: a set-uid file", made="chmod 4755 site.conf", status=126),
    refused_by_us("edit: a file with two names", made="ln site.conf other"),
    row("edit: a file that the person cannot read", made="chmod 600 site.conf", ours={"speaks": True}, because=EDITS),
    # --- what is kept
    row("edit: owner, group and mode", made="chown bob:alice site.conf; chmod 754 site.conf"),
    row("edit: a file that nobody may write", made="chmod 444 site.conf"),
    row("edit: an access list", made=f'python3 -c "{ACL}"', looks=f'python3 -c "{XATTRS}"'),
    row(
        "edit: an attribute",
        made="python3 -c \"import os; os.setxattr('site.conf', 'user.note', b'x')\"",
        looks=f'python3 -c "{XATTRS}"',
    ),
    row(
        "edit: is it the same file",
        made="stat -c %i site.conf >%W/number",
        looks="[ $(stat -c %i site.conf) = $(cat %W/number) ] && echo the same",
        ignores=("files",),
        ours={"after": lambda text: "the same" not in text and "new" in text},
        because=EDITS,
    ),
    # --- texts
    row("edit: an empty file", made=": >site.conf"),
    row("edit: a text without a last newline", env={"EDITOR": f"{BIN}/openended"}),
    row(
        "edit: nothing is left of the text",
        env={"EDITOR": f"{BIN}/emptying"},
        ours={"speaks": False, "after": emptied},
        because=EDITS,
    ),
    row("edit: unchanged", env={"EDITOR": "true"}),
    row("edit: touched and unchanged", env={"EDITOR": "touch"}, ours={"speaks": True}, because=EDITS),
    refused_by_us(
        "edit: a long text",
        made="head -c 70000 /dev/zero | tr '\\0' x >>site.conf",
        status=120,
        after=lambda text: "new" not in text,
    ),
    refused_by_us("edit: a text with NUL", made="printf 'a\\000b' >site.conf", status=126, after=lambda text: "a^@b" in text),
    row("edit: a text that is not UTF-8", made="printf 'caf\\351\\r\\n' >site.conf"),
    # --- editors
    row("edit: SUDO_EDITOR is the first", env={"SUDO_EDITOR": f"{BIN}/append", "VISUAL": "false", "EDITOR": "false"}),
    row("edit: VISUAL is before EDITOR", env={"VISUAL": f"{BIN}/append", "EDITOR": "false"}),
    row("edit: an empty variable", env={"SUDO_EDITOR": "", "VISUAL": "", "EDITOR": f"{BIN}/append"}),
    row(
        "edit: an editor in the person's PATH",
        env={"EDITOR": "append", "PATH": f"{BIN}:/usr/bin:/bin"},
        ours={"after": written},
        because=EDITS,
    ),
    row("edit: an editor with arguments", env={"EDITOR": f"  {BIN}/telling  -a -b "}),
    row("edit: quotes in the variable", env={"EDITOR": f"{BIN}/telling 'a b' \"c d\" e\\ f"}),
    row("edit: what the editor is", env={"EDITOR": f"{BIN}/looking"}),
    row(
        "edit: an editor at a terminal",
        env={"EDITOR": f"{BIN}/looking"},
        streams="terminal terminal terminal",
        ignores=("terminal",),
    ),
    refused_by_us("edit: the editor fails", env={"EDITOR": f"{BIN}/failing"}, status=120),
    refused_by_us("edit: the editor is killed", env={"EDITOR": f"{BIN}/dying"}, status=120),
    refused_by_us("edit: there is no such editor", env={"EDITOR": "/no/such/editor"}, status=120),
    # --- meanwhile
    refused_by_us(
        "edit: the file is changed while it is edited",
        status=120,
        env={"EDITOR": f"{BIN}/racing", "MY_DEED": "echo x >%R/site.conf"},
        after=lambda text: "x$" in text and "new" not in text,
    ),
    refused(
        "edit: the file becomes a link while it is edited",
        env={"EDITOR": f"{BIN}/racing", "MY_DEED": "mv %R/site.conf %R/other; ln -s other %R/site.conf"},
    ),
    # --- other accounts, and rules
    row("edit: another account's file", "-u", "bob", "-e", "%R/site.conf", made="chown bob:bob . site.conf"),
    refused_by_us("edit: a group that the account is not in", "-u", "bob", "-e", "%R/site.conf", made="chown bob . site.conf"),
    refused("edit: a file that the account cannot write", "-u", "bob", "-e", "%R/site.conf"),
    refused_by_us(
        "edit: a directory that the account cannot write", "-u", "bob", "-e", "%R/site.conf", made="chown bob:bob site.conf"
    ),
    row("edit: a rule with a star", "-u", "editor", "-e", "%R/site.conf", made="chown editor:editor . site.conf"),
    row(
        "edit: a rule without a star",
        "-u",
        "editor",
        "-e",
        "/srv/differential/edits/one/the",
        made="chown editor:editor ../one ../one/the; echo old >../one/the",
        looks="cat ../one/the; stat -c %U ../one/the",
    ),
    row(
        "edit: a path that is another way to a file of a rule",
        "-u",
        "editor",
        "-e",
        "%R/sub/../site.conf",
        made="mkdir sub; chown editor:editor . site.conf",
        ours={"status": 0, "after": written},
        ignores=("err",),
        because=EDITS,
    ),
    refused(
        "edit: a star never matches a slash",
        "-u",
        "editor",
        "-e",
        "%R/sub/site.conf",
        made="mkdir sub; cp site.conf sub; chown -R editor .",
        status=121,
        ignores=("speaks",),
    ),
    refused(
        "edit: no rule for the file",
        "-u",
        "editor",
        "-e",
        "%R/site.txt",
        made="cp site.conf site.txt; chown -R editor .",
        status=121,
        ignores=("speaks",),
    ),
    refused(
        "edit: .. does not lead out of a rule",
        "-u",
        "editor",
        "-e",
        "%R/../../../../etc/host.conf",
        status=121,
        ignores=("speaks",),
    ),
    # --- the line
    refused("edit: no file", "-e", status=120),
    row("edit: two files", "-e", "%R/site.conf", "%R/other", made="cp site.conf other", env=EACH),
    row("edit: two files called the same", "-e", "%R/site.conf", "%R/d/site.conf", made="mkdir d; cp site.conf d", env=EACH),
    row("edit: two files, one of which is left as it is", "-e", "%R/site.conf", "%R/other", made="cp site.conf other"),
    refused_by_us("edit: a file twice", "-e", "%R/site.conf", "%R/site.conf", env=EACH),
    refused_by_us("edit: a file and one that is not there", "-e", "%R/site.conf", "%R/other", env=EACH, status=120),
    refused("edit: with -s", "-e", "-s", "%R/site.conf", status=120),
    refused("edit: with -i", "-e", "-i", "%R/site.conf", status=120),
    row(
        "edit: with -l and -k",
        "-e",
        "-k",
        "-l",
        "%R/site.conf",
        ours={"status": 0, "out": lambda text: text.startswith("sudoedit /"), "speaks": False},
        because=EDITS,
    ),
    refused("edit: with a variable", "-e", "A=b", "%R/site.conf", status=120),
    refused("edit: with -E", "-E", "-e", "%R/site.conf", status=120),
    # --- how else people type it
    row("edit: options together", "-ne", "%R/site.conf"),
    row("edit: -e before the account", "-n", "-eu", "root", "%R/site.conf"),
    row("edit: the account by its uid", "-u", "#0", "-e", "%R/site.conf"),
    row("edit: long options, one shortened", "--user=root", "--edi", "%R/site.conf"),
    row("edit: -e twice", "-e", "-e", "%R/site.conf"),
    row("edit: what asks for a password", "-S", "-p", "x", "-B", "-e", "%R/site.conf"),
    row("edit: with -A", "-A", "-e", "%R/site.conf"),
    row("edit: with -C", "-C", "9", "-e", "%R/site.conf"),
    row("edit: with -H", "-H", "-e", "%R/site.conf", ours={"status": 0, "speaks": False, "after": written}, because=EDITS),
    refused_by_us("edit: with -k", "-k", "-e", "%R/site.conf", status=120),
    refused_by_us("edit: with a limit of its time", "-T", "60", "-e", "%R/site.conf", status=120),
    refused_by_us("edit: with a directory", "-D", "/etc", "-e", "%R/site.conf", status=120),
    refused("edit: a path below the directory of -D", "-D", "%R", "-e", "site.conf", status=120),
    refused("edit: with a group that could not give the file its owner", "-g", "alice", "-e", "%R/site.conf"),
    refused("edit: with -K", "-K", "-e", "%R/site.conf", status=120),
    refused("edit: with -v", "-v", "-e", "%R/site.conf", status=120),
    refused("edit: with -V", "-e", "-V", status=120),
    refused("edit: with -h", "-e", "-h", status=120),
    refused("edit: with -b", "-b", "-e", "%R/site.conf", status=120),
    refused("edit: with -P", "-P", "-e", "%R/site.conf", status=120),
    refused("edit: with another host", "-h", "localhost", "-e", "%R/site.conf", status=120),
    refused("edit: with another root directory", "-R", "/", "-e", "%R/site.conf", status=120),
    refused("edit: as nobody whom the host knows", "-u", "nosuchuser", "-e", "%R/site.conf", status=120),
    row(
        "edit: options behind the file",
        "-e",
        "%R/site.conf",
        "-u",
        "root",
        ours={"speaks": False},
        because=EDITS,
    ),
    row("edit: the command sudoedit", "sudoedit", "%R/site.conf", ours={"speaks": False}, because=EDITS),
    refused("edit: -e as the command", "--", "-e", "%R/site.conf", status=127),
    # --- other names of a file
    refused("edit: an empty word", "-e", "", status=120),
    refused("edit: the directory in which the person is", "-e", ".", status=120),
    row("edit: a name with a tilde", line="cd %R && asroot -e '~x'", made="cp site.conf '~x'"),
    row(
        "edit: a name that looks like a variable",
        line="cd %R && asroot -e ./a=b",
        made="cp site.conf a=b",
        ours={"status": 0, "speaks": False, "after": lambda text: "a=b:\nold$\nnew$\n" in text},
        because=EDITS,
    ),
    row("edit: a name with a star", "-e", "%R/*.conf", made="cp site.conf '*.conf'"),
    row("edit: a name that is not UTF-8", "-e", b"%R/caf\xe9", made="cp site.conf \"$(printf 'caf\\351')\""),
    refused("edit: a dot behind the file", "-e", "%R/site.conf/.", status=120),
    row("edit: a path of 3000 bytes", "-e", "%R/" + "/." * 1500 + "/site.conf"),
    refused_by_us("edit: a path that is longer than the kernel takes", "-e", "%R/" + "/." * 2500 + "/site.conf", status=120),
    row(
        "edit: a name of 255 bytes",
        "-e",
        "%R/" + "x" * 255,
        made="cp site.conf " + "x" * 255,
        ours={"status": 0, "speaks": False, "after": lambda text: f"{'x' * 255}:\nold$\nnew$\n" in text},
        because=EDITS,
    ),
    refused("edit: a link that leads nowhere", "-e", "%R/l", made="ln -s nowhere l", status=120),
    refused_by_us("edit: a way through /proc", line="cd %R && asroot -e /proc/self/cwd/site.conf"),
    refused("edit: a descriptor", line="asroot -e /dev/fd/3 3<%R/site.conf"),
    refused(
        "edit: a socket", "-e", "%R/s", made="python3 -c \"import socket; socket.socket(socket.AF_UNIX).bind('s')\"", status=120
    ),
    row("edit: a link of root's to a directory", "-e", "%R/a/b/site.conf", made="mkdir x a; cp site.conf x; ln -s ../x a/b"),
    row("edit: a directory that nobody may write", made="chmod 555 ."),
    row("edit: a file that nobody may read", made="chmod 0 site.conf", ours={"speaks": True}, because=EDITS),
    # --- other editors
    row("edit: SUDO_EDITOR is blanks", env={"SUDO_EDITOR": "  ", **APPEND}, ours={"status": 0, "after": written}, because=EDITS),
    row("edit: tabs in the variable", env={"EDITOR": f"{BIN}/telling\t-a\t-b"}),
    row(
        "edit: -- in the variable",
        env={"EDITOR": f"{BIN}/telling -- /etc/passwd"},
        ours={"status": 0, "out": "telling -- /etc/passwd COPY ", "speaks": False, "after": written},
        because=EDITS,
    ),
    row("edit: an editor by a relative path", line=f"ln -s {BIN}/append e; EDITOR=./e asroot -e %R/site.conf"),
    row("edit: env runs the editor", env={"EDITOR": f"/usr/bin/env MY_X=1 {BIN}/append"}),
    row("edit: VISUAL has arguments", env={"VISUAL": f"{BIN}/telling -w", "EDITOR": "false"}),
    row("edit: the editor is a link", env={"EDITOR": f"{BIN}/other -x"}),
    refused_by_us("edit: the editor is a directory", env={"EDITOR": BIN}, status=120),
    refused_by_us("edit: the editor cannot be executed", env={"EDITOR": f"{BIN}/notexecutable"}, status=120),
    row("edit: the editor puts another file in the place of the copy", env={"EDITOR": "/bin/sed -i s/old/new/"}),
    row("edit: the editor reads a pipe", env={"EDITOR": "/usr/bin/tee -a"}, streams="pipe pipe pipe", input=b"new\n"),
    row("edit: the editor makes it shorter", env={"EDITOR": "/usr/bin/truncate -s 3"}),
    refused("edit: the editor removes the copy", env={"EDITOR": "/bin/rm"}, status=120),
    refused("edit: the editor closes the copy", env={"EDITOR": "/bin/chmod 0"}, status=120),
    row(
        "edit: the editor makes the copy a link",
        env={"EDITOR": "/bin/ln -sf /etc/hostname"},
        ours={"status": 0, "speaks": False, "after": lambda text: "lab.example.test$" in text},
        because=EDITS,
    ),
    # --- other surroundings
    row("edit: the umask of the person is narrow", line="umask 077; asroot -e %R/site.conf"),
    row(
        "edit: the umask of the person is wide",
        line="umask 0; asroot -e %R/site.conf",
        env={"EDITOR": f"{BIN}/looking"},
        ours={"out": lambda text: "0000" in text},
        because=EDITS,
    ),
    row("edit: standard input is closed", line="asroot -e %R/site.conf <&-"),
    row("edit: all streams are closed", line="asroot -e %R/site.conf <&- >&- 2>&-"),
    row("edit: in the background", line="asroot -e %R/site.conf & wait $!"),
    row("edit: in a session of its own", line="setsid -w asroot -e %R/site.conf"),
    row("edit: in a pipe", line="asroot -e %R/site.conf | cat"),
    row("edit: by xargs", line="echo %R/site.conf | xargs sh -c 'exec asroot -e \"$1\"' x"),
    row("edit: twice, one after another", line="asroot -e %R/site.conf && asroot -e %R/site.conf"),
    row("edit: in a directory that is gone", line="mkdir d; cd d; rmdir ../d; asroot -e %R/site.conf", drops="sh: 0: getcwd.*\n"),
    refused(
        "edit: a relative path in a directory that is gone", line="mkdir d; cd d; rmdir ../d; asroot -e site.conf", status=120
    ),
    row("edit: in a directory that is closed", line="mkdir d; cd d; chmod 0 ../d; asroot -e %R/site.conf; chmod 755 ../d"),
    row("edit: TMPDIR is not there", env={**APPEND, "TMPDIR": "/no/such"}, ours={"speaks": True}, because=EDITS),
    row("edit: TMPDIR is root's", env={**APPEND, "TMPDIR": "/root"}, ours={"speaks": True}, because=EDITS),
    row(
        "edit: TMPDIR is the person's",
        line=f"mkdir t; TMPDIR=$PWD/t EDITOR={BIN}/telling asroot -e %R/site.conf; rmdir t",
        ours={"out": lambda text: text.startswith("telling /srv/differential/stage/") and text.endswith("/site.conf ")},
        because=EDITS,
    ),
    refused_by_us(
        "edit: two windows",
        env={"EDITOR": f"{BIN}/racing", "MY_DEED": "echo theirs >>%R/site.conf"},
        status=120,
        after=lambda text: "theirs$" in text and "new" not in text,
    ),
]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_it_is_the_same(compared, row):
    compared(row)
