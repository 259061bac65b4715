# SPDX-License-Identifier: Apache-2.0
"""sudo's command line as a truth table: what is typed, and what it means or why it is refused."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jitpam import __version__
from jitpam.amounts import LONGEST, MOST_USES, UsageError, read_duration, read_uses
from jitpam.options import read_options
from jitpam.usage import help_lines
from jitpam.wire.shown import shown
from tests.table import each_row

DEFAULTS = {
    "mode": "run", "user": None, "group": None, "chdir": None, "reason": None, "terms": {}, "resume": None,
    "if_owed": True, "waits": True, "variables": [], "argv": [], "login": False, "shell": False, "preserve": [],
    "quiet": False, "json": False,
    "preserve_all": False, "background": False, "bell": False, "anew": False,
    "break_glass": False, "get": [], "to": None, "key": None, "request": "",
}  # fmt: skip


def words(line):
    """``line`` split at blanks; ``''`` is an empty word, ``_`` a blank."""
    return [word.replace("''", "").replace("_", " ").encode("utf-8", "surrogateescape") for word in line.split()]


def meaning(line):
    found = read_options(words(line))
    return {name: getattr(found, name) for name in DEFAULTS if getattr(found, name) != DEFAULTS[name]}


MEANS = [
    # what is typed                    what differs from the defaults
    ("id", {"argv": [b"id"]}),
    ("id -u", {"argv": [b"id", b"-u"]}),
    ("-- id", {"argv": [b"id"]}),
    ("-- -x", {"argv": [b"-x"]}),
    ("id -- -x", {"argv": [b"id", b"--", b"-x"]}),
    ("- x", {"argv": [b"-", b"x"]}),
    ("id ''", {"argv": [b"id", b""]}),
    ("id \udcff", {"argv": [b"id", b"\xff"]}),
    ("-u bob id", {"user": "bob", "argv": [b"id"]}),
    ("-ubob id", {"user": "bob", "argv": [b"id"]}),
    ("-u #1001 id", {"user": "#1001", "argv": [b"id"]}),
    ("-u -n id", {"user": "-n", "argv": [b"id"]}),
    ("--user bob id", {"user": "bob", "argv": [b"id"]}),
    ("--user=bob id", {"user": "bob", "argv": [b"id"]}),
    ("--gr=ops id", {"group": "ops", "argv": [b"id"]}),
    ("-g ops id", {"group": "ops", "argv": [b"id"]}),
    ("--group=ops id", {"group": "ops", "argv": [b"id"]}),
    ("-nu bob id", {"if_owed": False, "user": "bob", "argv": [b"id"]}),
    ("-nubob id", {"if_owed": False, "user": "bob", "argv": [b"id"]}),
    ("-n id", {"if_owed": False, "argv": [b"id"]}),
    ("--non-interactive id", {"if_owed": False, "argv": [b"id"]}),
    ("--non id", {"if_owed": False, "argv": [b"id"]}),
    ("-D /tmp id", {"chdir": b"/tmp", "argv": [b"id"]}),
    ("--chdir=/t\udcff id", {"chdir": b"/t\xff", "argv": [b"id"]}),
    ("A=1 id", {"variables": [[b"A", b"1"]], "argv": [b"id"]}),
    ("A=1 B=c=d E= id", {"variables": [[b"A", b"1"], [b"B", b"c=d"], [b"E", b""]], "argv": [b"id"]}),
    ("A=1 -u bob id", {"variables": [[b"A", b"1"]], "user": "bob", "argv": [b"id"]}),
    ("A=1 -- id", {"variables": [[b"A", b"1"]], "argv": [b"id"]}),
    ("-- A=1 id", {"argv": [b"A=1", b"id"]}),
    ("/bin/a=b id", {"argv": [b"/bin/a=b", b"id"]}),
    ("id A=1", {"argv": [b"id", b"A=1"]}),
    ("--reason=because_of id", {"reason": "because of", "argv": [b"id"]}),
    ("--reason because id", {"reason": "because", "argv": [b"id"]}),
    ("--reason= id", {"reason": "", "argv": [b"id"]}),
    ("--for=15m id", {"terms": {"lasts_for": 900}, "argv": [b"id"]}),
    ("--for 2h id", {"terms": {"lasts_for": 7200}, "argv": [b"id"]}),
    ("--uses=5 id", {"terms": {"uses": 5}, "argv": [b"id"]}),
    ("--no-wait id", {"waits": False, "argv": [b"id"]}),
    ("--resume=K7QM-2XVD", {"mode": "resume", "resume": "K7QM-2XVD"}),
    ("--resume K7QM-2XVD", {"mode": "resume", "resume": "K7QM-2XVD"}),
    ("--get=t:x", {"mode": "get", "get": ["t:x"]}),
    ("--get t:x", {"mode": "get", "get": ["t:x"]}),
    ("--get t:x -- psql -h db1", {"mode": "get", "get": ["t:x"], "argv": [b"psql", b"-h", b"db1"]}),
    ("--get t:x --key id.pub psql", {"mode": "get", "get": ["t:x"], "key": b"id.pub", "argv": [b"psql"]}),
    ("--get t:x psql", {"mode": "get", "get": ["t:x"], "argv": [b"psql"]}),
    ("--get t:x -- -u", {"mode": "get", "get": ["t:x"], "argv": [b"-u"]}),
    ("--get t:x -- A=1 psql", {"mode": "get", "get": ["t:x"], "argv": [b"A=1", b"psql"]}),
    ("--get t:x --get=t:y psql", {"mode": "get", "get": ["t:x", "t:y"], "argv": [b"psql"]}),
    ("--get vault:x --to=a", {"mode": "get", "get": ["vault:x"], "to": b"a"}),
    ("--get vault:x --no-wait", {"mode": "get", "get": ["vault:x"], "waits": False}),
    ("--get vault:x --get=postgres-role:y id", {"mode": "get", "get": ["vault:x", "postgres-role:y"], "argv": [b"id"]}),
    ("--get vault:x --get=program:y --to=a", {"mode": "get", "get": ["vault:x", "program:y"], "to": b"a"}),
    ("--get program:x --to=a", {"mode": "get", "get": ["program:x"], "to": b"a"}),
    ("--get ssh-certificate:x --key a --to=b", {"mode": "get", "get": ["ssh-certificate:x"], "key": b"a", "to": b"b"}),
    ("--get t:x --json", {"mode": "get", "get": ["t:x"], "json": True}),
    ("--get t:x --json --no-wait", {"mode": "get", "get": ["t:x"], "json": True, "waits": False}),
    ("--resume=X --json --to f", {"mode": "resume", "resume": "X", "json": True, "to": b"f"}),
    ("--get t:x --to=/run/a psql", {"mode": "get", "get": ["t:x"], "to": b"/run/a", "argv": [b"psql"]}),
    ("--get t:x --for 10m", {"mode": "get", "get": ["t:x"], "terms": {"lasts_for": 600}}),
    (
        "--for=10m --reason=why -B --get=t:x",
        {"mode": "get", "get": ["t:x"], "terms": {"lasts_for": 600}, "reason": "why", "bell": True},
    ),
    ("-n --get t:x", {"mode": "get", "get": ["t:x"], "if_owed": False}),
    ("--get t:x --no-wait", {"mode": "get", "get": ["t:x"], "waits": False}),
    ("--ge t:x", {"mode": "get", "get": ["t:x"]}),
    ("--g=ops id", {"group": "ops", "argv": [b"id"]}),
    ("-i", {"login": True}),
    ("-i id -x", {"login": True, "argv": [b"id", b"-x"]}),
    ("--login -u bob", {"login": True, "user": "bob"}),
    ("-s", {"shell": True}),
    ("-sE id", {"shell": True, "preserve_all": True, "argv": [b"id"]}),
    ("-E id", {"preserve_all": True, "argv": [b"id"]}),
    ("--preserve-env id", {"preserve_all": True, "argv": [b"id"]}),
    ("--preserve-env=A,B id", {"preserve": [b"A", b"B"], "argv": [b"id"]}),
    ("--preserve-env=A --preserve-env=B id", {"preserve": [b"A", b"B"], "argv": [b"id"]}),
    ("-T 5 id", {"terms": {"timeout_for": 5}, "argv": [b"id"]}),
    ("-T5 id", {"terms": {"timeout_for": 5}, "argv": [b"id"]}),
    ("--command-timeout=1h30m id", {"terms": {"timeout_for": 5400}, "argv": [b"id"]}),
    ("-b id", {"background": True, "argv": [b"id"]}),
    ("-B id", {"bell": True, "argv": [b"id"]}),
    ("-H id", {"argv": [b"id"]}),
    ("-HSA -p prompt: -C 3 id", {"argv": [b"id"]}),
    ("-q id", {"quiet": True, "argv": [b"id"]}),
    ("--quiet -n id", {"quiet": True, "if_owed": False, "argv": [b"id"]}),
    ("-ql", {"quiet": True, "mode": "list"}),
    ("-l --json", {"json": True, "mode": "list"}),
    ("--json -l id", {"json": True, "mode": "list", "argv": [b"id"]}),
    ("--at=2100-01-01T00:00:00Z --for 1h id", {"terms": {"starts_at": 4102444800, "lasts_for": 3600}, "argv": [b"id"]}),
    ("--at 2100-01-01T00:00:00Z -b id", {"terms": {"starts_at": 4102444800}, "background": True, "argv": [b"id"]}),
    ("--at 2100-01-01T00:00:00Z --no-wait id", {"terms": {"starts_at": 4102444800}, "waits": False, "argv": [b"id"]}),
    ("-l -i", {"mode": "list", "login": True}),
    ("-l", {"mode": "list"}),
    ("-ll", {"mode": "list"}),
    ("--list", {"mode": "list"}),
    ("-l id -x", {"mode": "list", "argv": [b"id", b"-x"]}),
    ("-l -u bob id", {"mode": "list", "user": "bob", "argv": [b"id"]}),
    ("-nl id", {"mode": "list", "if_owed": False, "argv": [b"id"]}),
    ("-v", {"mode": "validate"}),
    ("-nv", {"mode": "validate", "if_owed": False}),
    ("--validate", {"mode": "validate"}),
    ("sudoedit /etc/motd", {"mode": "edit", "argv": [b"/etc/motd"]}),
    ("-u bob sudoedit /etc/motd", {"mode": "edit", "user": "bob", "argv": [b"/etc/motd"]}),
    ("-l sudoedit /etc/motd", {"mode": "list", "argv": [b"sudoedit", b"/etc/motd"]}),
    ("/usr/bin/sudoedit /etc/motd", {"argv": [b"/usr/bin/sudoedit", b"/etc/motd"]}),
    ("-s sudoedit /etc/motd", {"shell": True, "argv": [b"sudoedit", b"/etc/motd"]}),
    ("-k", {"mode": "giveback", "anew": True}),
    ("--reset-timestamp", {"mode": "giveback", "anew": True}),
    ("-k id", {"anew": True, "argv": [b"id"]}),
    ("--break-glass id", {"break_glass": True, "argv": [b"id"]}),
    ("--break --reason=x -i", {"break_glass": True, "reason": "x", "login": True}),
    ("-k -u bob -- id", {"anew": True, "user": "bob", "argv": [b"id"]}),
    ("-k -s", {"anew": True, "shell": True}),
    ("-ki", {"anew": True, "login": True}),
    ("-s ''", {"shell": True, "argv": [b""]}),
    ("-i ''", {"login": True, "argv": [b""]}),
    ("-K", {"mode": "giveback all"}),
    ("-k -K", {"mode": "giveback all", "anew": True}),
    ("-kv", {"mode": "validate", "anew": True}),
    ("-k -l id", {"mode": "list", "anew": True, "argv": [b"id"]}),
    ("-v -u bob", {"mode": "validate", "user": "bob"}),
    ("--remove-timestamp", {"mode": "giveback all"}),
    ("-V", {"mode": "version"}),
    ("--version", {"mode": "version"}),
    ("-h", {"mode": "help"}),
    ("-nh", {"mode": "help", "if_owed": False}),
    ("-h -n", {"mode": "help", "if_owed": False}),
    ("--help", {"mode": "help"}),
    ("--help id", {"mode": "help", "argv": [b"id"]}),
]


@each_row(("line", "differs"), MEANS, ids=[line for line, _ in MEANS])
def test_what_is_typed_means_this(line, differs):
    assert meaning(line) == differs


REFUSED = [
    # what is typed     a part of the sentence
    ("", "no command"),
    ("--", "no command"),
    ("-n", "no command"),
    ("A=1", "no command"),
    ("''", "the command is an empty word"),
    ("-u", "-u needs an argument: -u USER"),
    ("--for", "--for needs an argument: --for=DURATION"),
    ("--user", "--user needs an argument: --user=USER"),
    ("--user= id", "not empty"),
    ("-u '' id", "not empty"),
    ("-D '' id", "needs a directory"),
    ("--user=\udcff id", "not UTF-8"),
    ("--reason=\udcff id", "not UTF-8"),
    ("-x id", "unknown option -x"),
    ("-nx id", "unknown option -x"),
    ("-é id", "unknown option"),
    ("--nonsense id", "unknown option --nonsense; jitsudo -h prints the options"),
    ("--fot=2h id", "unknown option --fot, but there is --for; jitsudo -h prints the options"),
    ("--reason uptime", "no command, as uptime is the argument of --reason; jitsudo -l says"),
    ("-u bob", "no command, as bob is the argument of -u; jitsudo -l says"),
    ("--=x id", "unknown option"),
    ("--re id", "may mean --remove-timestamp or --reset-timestamp"),
    ("-u a -u b id", "-u may be given only once"),
    ("-T 1 --command-timeout=2 id", "may be given only once"),
    ("-i -E id", "-E does not go with -i: a login shell gets its own environment; use --preserve-env=LIST"),
    ("--list=x", "takes no argument"),
    ("--no-wait=x id", "takes no argument"),
    ("=1 id", "without a name"),
    ("-l -v", "-v does not go with -l: type only one of them"),
    ("-v --resume=X", "--resume does not go with -v: type only one of them"),
    ("--resume=X -l", "-l does not go with --resume: type only one of them"),
    ("-k -u bob", "-u does not go with -k without a command: -k only gives back leases; leave it out, or type jitsudo -u USER C"),
    ("-K -u bob", "-u does not go with -K: -K only gives back leases; leave it out, or type jitsudo -u USER COMMAND"),
    ("-K --group ops", "--group does not go with -K: -K only gives back leases"),
    ("--remove-timestamp -D /tmp", "-D does not go with --remove-timestamp: --remove-timestamp only gives back leases"),
    ("-K --for 2h", "--for does not go with -K: -K only gives back leases; leave it out, or type jitsudo --for=DURATION COMMAND"),
    ("-v --uses 3", "--uses does not go with -v: -v only shows who you are here; leave it out, or type jitsudo --uses=N COMMAND"),
    ("-l --for 2h", "--for does not go with -l without a command: -l lists all that you may ask for; leave it out"),
    ("--for 2 hours", "--for: 2 is not a duration: write"),
    ("-K A=1", "VAR=value does not go with -K: -K only gives back leases; leave it out, or type jitsudo VAR=value COMMAND"),
    ("-K -i", "-i does not go with -K"),
    ("-k ''", "empty word"),
    ("-K id", "a command does not go with -K: -K only gives back leases; leave it out, or type jitsudo COMMAND"),
    ("-v id", "a command does not go with -v: -v only shows who you are here; leave it out, or type jitsudo COMMAND"),
    ("--resume=X id", "a command does not go with --resume: --resume continues a request, which cannot be changed"),
    ("--resume=X A=1", "VAR=value does not go with --resume"),
    ("--resume=X -u bob", "which cannot be changed"),
    ("--resume=X --for=1h", "which cannot be changed"),
    ("--resume=X -T 5", "which cannot be changed"),
    ("--resume= ", "not empty"),
    (
        "-l -u bob",
        "-u does not go with -l without a command: -l lists all that you may ask for; leave it out, or type jitsudo -l -u",
    ),
    ("-n --no-wait id", "--no-wait does not go with -n"),
    ("--no-wait -l id", "does not go with"),
    ("--no-wait --resume=X", "does not go with"),
    ("-h example.org", "-h HOST is refused: a request is for this host and this root directory; --help prints the options"),
    ("-hexample.org", "-h HOST is refused"),
    ("--host=x id", "--host is refused"),
    ("-R /x id", "-R is refused: a request is for this host and this root directory"),
    ("--chroot=/x id", "--chroot is refused"),
    ("-r x id", "-r is refused: SELinux"),
    ("-t x id", "-t is refused: SELinux"),
    ("-U bob -l", "-U is refused"),
    ("-e", "-e edits 1 to 16 files a request"),
    (" ".join(["-e", *map("/etc/{}".format, range(17))]), "-e edits 1 to 16 files a request"),
    ("-e /etc/hosts /etc/motd --from /etc/issue", "--from has the text of one file"),
    ("-e ''", "the file is an empty word"),
    ("-e /etc/hosts ''", "the file is an empty word"),
    ("sudoedit", "-e edits 1 to 16 files a request"),
    ("-b sudoedit /etc/motd", "-b does not go with sudoedit: sudoedit writes files"),
    ("-N id", "-N is refused"),
    ("-P id", "-P is refused: the command has the groups"),
    ("--get", "--get needs an argument"),
    ("--get=", "not empty"),
    ("--get=\udcff", "not UTF-8"),
    (" ".join(f"--get=t:{n}" for n in range(9)), "--get may be given at most 8 times"),
    ("--get=t:x --get=t:y --get=t:x", "--get names the same thing twice"),
    ("--get=t:x --to=a --to=b", "--to may be given only once"),
    ("--get=t:x --to=", "--to needs a file"),
    ("--get=t:x --to=a --no-wait", "--to does not go with --no-wait"),
    ("--to=a id", "--to does not go with a command: a command brings no secret to be written; leave it out, or type"),
    ("-l --to=a", "--to does not go with -l"),
    ("--get=service-ticket:a/b --uses=5", "--uses does not go with --get: a thing is given once"),
    ("--get=t:x --uses=5", "--uses does not go with --get: a thing is given once, for a time: --for says for how long"),
    ("--get=service-ticket:a/b --get=group:x --uses=5 id", "--uses does not go with --get with a command: a thing is given once"),
    ("--get=postgres-role:x", "postgres-role:x comes with a secret: name a new file for it (--to FILE), or a command"),
    ("--get=sudoers:y --get=vault:x --json", "vault:x comes with a secret: name a new file"),
    ("--get=vault:x --get=postgres-role:y --to=a", "--to takes one secret, but each of these has one: vault:x, postgres-role:y"),
    ("--get=vault:x --get=ssh-certificate:y --to=a id", "--to takes one secret, but each of these has one: vault:x, ssh-cert"),
    ("--get=sudoers:x --to=a", "--to takes one secret, but sudoers:x comes without a secret"),
    ("--get=t:x -u bob", "-u does not go with --get: a thing is given to you"),
    ("-u bob --get=t:x psql", "-u does not go with --get"),
    ("--get=t:x -g ops", "-g does not go with --get"),
    ("--get=t:x -i", "-i does not go with --get: name your shell"),
    ("--get=t:x -s", "-s does not go with --get: name your shell"),
    ("--get=t:x -D /tmp psql", "-D does not go with --get"),
    ("--get=t:x -E psql", "-E does not go with --get"),
    ("--get=t:x --preserve-env=A psql", "--preserve-env does not go with --get"),
    ("--get=t:x -b psql", "-b does not go with --get"),
    ("--get=t:x -T 5 psql", "-T does not go with --get with a command: --for says"),
    ("--get=t:x A=1 psql", "VAR=value does not go with --get"),
    ("--get=t:x --service=sudo psql", "--service does not go with --get"),
    ("--get=t:x --no-wait -n", "--no-wait does not go with -n"),
    (
        "--get=t:x --no-wait psql",
        "--no-wait does not go with --get with a command: once it is approved, jitsudo --resume=ID gets",
    ),
    ("--get=t:x ''", "empty word"),
    ("--get=t:x -l", "-l does not go with --get: type only one of them"),
    ("-l --get=t:x", "--get does not go with -l: type only one of them"),
    ("-k --get=t:x", "-k does not go with --get: each --get is a new request anyway"),
    ("--get=t:x -K", "-K does not go with --get: type only one of them"),
    ("--get=t:x --resume=X", "--resume does not go with --get: type only one of them"),
    ("--resume=X --get=t:x", "--get does not go with --resume: type only one of them"),
    ("-i -s", "-s does not go with -i: -i runs a login shell, and -s your own shell; type only one of them"),
    ("-i -v", "-i does not go with -v: -v only shows who you are here; leave it out, or type jitsudo -i COMMAND"),
    ("-s --resume=X", "-s does not go with --resume"),
    ("-b --no-wait id", "does not go with --no-wait"),
    ("-b -l id", "does not go with"),
    ("-T x id", "x is not a duration"),
    ("-T 0 id", "not a duration"),
    ("-T", "-T needs an argument"),
    ("-C x id", "-C takes a number from 3 on"),
    ("-C 2 id", "-C takes a number from 3 on"),
    ("-p", "-p needs an argument"),
    (
        "--json id",
        "--json does not go with a command: the command has standard output to itself; leave it out, or type jitsudo -l --json",
    ),
    ("-v --json", "--json does not go with -v"),
    ("--get=t:x --json psql", "--json does not go with --get with a command: the command has standard output to itself"),
    ("--at", "--at needs an argument"),
    ("--at= id", "nothing is not a time"),
    ("--at=soon id", "soon is not a time"),
    ("--at=25:00 id", "25:00 is not a time"),
    ("--at=2020-01-01_22:00 id", "is over already"),
    ("--at=2100-02-30_22:00 id", "is not a time of that day"),
    ("--at=2100-01-01T00:00:00Z -n id", "--at does not go with -n: --at waits for the time, and -n never waits; leave out -n"),
    ("--at=2100-01-01T00:00:00Z -l id", "--at does not go with -l: -l says what would happen, and asks nobody; leave it out"),
    ("--at=2100-01-01T00:00:00Z --service=sudo id", "--at does not go with --service: another program does not wait"),
    ("--at=2100-01-01T00:00:00Z --resume=X", "--at does not go with --resume: --resume continues a request, which cannot be"),
    ("--at=2100-01-01T00:00:00Z --get=t:x", "--at does not go with --get"),
    ("--for=soon id", "soon is not a duration"),
    ("--uses=0 id", "0 is not a number of uses"),
]


@each_row(("line", "sentence"), REFUSED, ids=[line for line, _ in REFUSED])
def test_what_is_typed_is_refused_with_this_sentence(line, sentence):
    """THREATS R-11."""
    with pytest.raises(UsageError) as caught:
        read_options(words(line))
    assert sentence in str(caught.value)


@given(
    st.lists(
        st.binary(max_size=12) | st.sampled_from([b"-u", b"--for", b"--", b"-l", b"A=1", b"-n", b"--uses=3", b"--get=t:x"]),
        max_size=6,
    )
)
def test_any_words_give_a_meaning_or_a_sentence(words):
    try:
        found = read_options(words)
    except UsageError as fault:
        assert shown(str(fault)).isprintable()
        return
    assert found.mode == "run" or not found.variables or found.argv or found.mode in ("version", "help")
    if found.argv and found.mode in ("run", "get"):
        assert words[len(words) - len(found.argv) :] == found.argv, "arguments are passed on as they are"


DURATIONS = [
    (b"1s", 1), (b"90s", 90), (b"15m", 900), (b"2h", 7200), (b"1d", 86400), (b"1h30m", 5400), (b"1d2h3m4s", 93784),
    (b"3650d", LONGEST), (b"0h1s", 1), (b"007m", 420), (b"315360000s", LONGEST),
]  # fmt: skip


@pytest.mark.parametrize(("text", "seconds"), DURATIONS)
def test_a_duration_is_so_many_seconds(text, seconds):
    assert read_duration(text) == seconds


@each_row(
    "text",
    [
        b"", b"s", b"m", b"5", b"0s", b"0d", b"-5m", b"+5m", b" 5m", b"5m ", b"5 m", b"5M", b"5H", b"1.5h", b"1,5h", b"5mm",
        b"5m5m", b"30m1h", b"1m1d", b"1w", b"1y", b"1e3s", b"0x5s", b"1_000s", b"3651d", b"315360001s", b"3650d1s",
        b"9999999999s", b"99999999999999999999d", b"5m\0", b"\xff5m", "٥m".encode(), "５m".encode(), "²m".encode(),
        b"inf", b"nan", b"5ms", b"5h30",
        b"m5", b"5m,", b"PT5M",
    ],
)  # fmt: skip
def test_what_is_no_duration_is_refused(text):
    """THREATS G-03."""
    with pytest.raises(UsageError):
        read_duration(text)


@given(st.binary(max_size=12))
def test_a_duration_is_within_its_bounds_or_refused(text):
    with contextlib.suppress(UsageError):
        assert 1 <= read_duration(text) <= LONGEST


@pytest.mark.parametrize(("text", "uses"), [(b"1", 1), (b"007", 7), (b"1000000", MOST_USES)])
def test_a_number_of_uses(text, uses):
    assert read_uses(text) == uses


@pytest.mark.parametrize(
    "text", [b"", b"0", b"-1", b"+1", b"1.0", b" 1", b"1000001", b"99999999", b"1e3", "٥".encode(), "²".encode()]
)
def test_what_is_no_number_of_uses_is_refused(text):
    with pytest.raises(UsageError):
        read_uses(text)


def test_usage_and_help_as_a_user_sees_them(jitsudo):
    done = jitsudo("-x", "id")
    assert (done.returncode, done.stdout, done.stderr) == (
        120,
        b"",
        b"jitsudo: unknown option -x; jitsudo -h prints the options\n",
    )
    done = jitsudo("--\x1b[31mred", "id")
    assert (done.returncode, done.stderr) == (120, b"jitsudo: unknown option --\\x1b[31mred; jitsudo -h prints the options\n")
    done = jitsudo("--help")
    assert (done.returncode, done.stdout.decode(), done.stderr) == (0, "\n".join(help_lines(80)) + "\n", b"")
    done = jitsudo("-V")
    assert (done.returncode, done.stdout, done.stderr) == (0, f"jitsudo {__version__}\n".encode(), b"")
