# SPDX-License-Identifier: Apache-2.0
"""What each grammar of a program promises, tried with calls that are made of the grammar itself."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from typing import TypeVar

import pytest

from jitd.core.conditions import read_command_pattern
from jitd.core.grade import Damage, Finding, Grade, damage, worst
from jitd_commands.grading import findings_of, findings_of_pattern
from jitd_commands.judging import FOR_GOOD, Call, Judge
from jitd_commands.programs import TABLE
from jitd_commands.programs.grammar import Effect, Grammar, Option, Rule, Slot, grammars
from jitd_commands.shell_text import Word
from tests.commands.graded import Line, Looker, command_of, corpus
from tests.marks import by_day, full

GRAMMARS = {name: row.judge for name, row in TABLE.items() if isinstance(row.judge, Grammar)}
ONE_OF_EACH = sorted({id(one): name for name, one in GRAMMARS.items()}.values())
"""A name for each grammar."""
WORDS = {"DISK": "/dev/sdb1", "DISK:writes": "/srv/x.img", "N": "1", "FILE": "/srv/x", "DIR": "/srv/d", "PROGRAM": "true"}
"""Words of the types of operands and values. Those of other types are ``x``."""
MARK = Word("--zz-undeclared")
UNDECLARED = (("--zz-undeclared",), ("--zz-undeclared", "x"), ("--zz-undeclared=x",), ("-%",), ("-%", "x"))

_FILES_BY_NAME = re.compile(
    r"--?(out(put|file|dir)?|output-(file|dir|directory)|include|command|cmd|exec|execute|script|file|filename|shell|config|conf|log"
    r"|load|dump|save|plugin|hook|library|program|editor|pager|helper|.*-(file|command|cmd|script|program|hook))"
)
"""Options whose names say that their value is a file or a program."""
_NOT_SHOWN = frozenset({"FILE:obeys", "DIR:obeys", "CHART", "ROOT", "ENVDIR", "SETTINGS", "SHELL", "PROGRAM", "HANDLER"})
"""Types of what a program obeys and shows nothing of: code, directories, and programs that it starts."""

Words = tuple[str, ...]
T = TypeVar("T")


def findings(words: Words) -> tuple[Finding, ...]:
    """Return what jitd finds in ``words``, which root runs in /srv, and of whose files nothing is known."""
    line = Line(Grade.HARMLESS, None, "", False, words, command_of(corpus()[1][0]).run_as, "/srv", True, ())
    return findings_of(command_of(line), lambda path: None, requester="")


@cache
def grades(words: Words) -> tuple[Grade, Damage]:
    return worst(findings(words)), damage(findings(words))


@cache
def grades_of_pattern(words: Words) -> tuple[Grade, Damage]:
    found = findings_of_pattern(read_command_pattern((f"/usr/bin/{words[0]}", *words[1:])))
    return worst(found), damage(found)


def word_of(type_: str) -> str:
    return WORDS.get(type_) or WORDS.get(type_.partition(":")[0], "x")


def spellings(option: Option, *, is_words: bool) -> Iterator[Words]:
    """Yield each way to type ``option``."""
    value = word_of(option.type)
    for name in (name.replace("*", "x") for name in option.names):
        is_long = name.startswith("--") or len(name) > 2 or is_words
        if not option.type:
            yield (name,)
        elif option.is_attached:
            yield (name,) if is_long else (f"{name}{value}",)
        else:
            yield name, value
            if not is_words:
                yield (f"{name}={value}" if is_long else f"{name}{value}",)


def called(name: str, rule: Rule) -> Words:
    """Return a call of the program ``name`` that ``rule`` fits."""
    grammar = GRAMMARS[name]
    before, words = [name], list[str]()
    for one in rule.elements:
        if one is None:
            words.append("--")
        elif not isinstance(one, Slot):
            words.append(text_of(one))
        elif one.is_needed or one.is_many:
            words.append(word_of(one.type))
    for options, value in rule.conditions:
        option = min(options, key=lambda one: (one not in grammar.common.values(), one.names))
        given = [text_of(value) if value else word_of(option.type)] if option.type else []
        typed = [f"{option.names[0]}={given[0]}"] if option.is_attached and given else [option.names[0], *given]
        if option in grammar.common.values():
            before += typed
        else:
            words += typed
    return (*before, *words)


def text_of(pattern: re.Pattern[str]) -> str:
    return pattern.pattern.split("|")[0].replace("\\", "").replace("(.*)", "x")


def calls(name: str) -> list[tuple[Rule, Words]]:
    """Return a call for each line of the grammar of ``name``, as far as it has the line."""
    of = GRAMMARS[name]
    return [(rule, called(name, rule)) for rule in of.rules if rule.line.program is None or rule.line.program.fullmatch(name)]


def places(words: Words, grammar: Grammar) -> list[int]:
    """Return where an option can stand."""
    end = words.index("--") if "--" in words else len(words)
    read = [grammar.read([*map(Word, words[1:at]), MARK, *map(Word, words[at:])]) for at in range(1, end + 1)]
    taken = [{*reading.undeclared, *(name for name, _, _ in reading.unknown)} for reading in read]
    return [at for at, names in enumerate(taken, 1) if MARK.text in names]


def neutral(grammar: Grammar, words: Words) -> Iterator[tuple[Option, Words, int]]:
    """Yield the options that say nothing of what ``words`` do, the names by which they can be given, and a place for each."""
    told = {option for rule in grammar.rules for options, _ in rule.conditions for option in options}
    told |= {one for one in grammar.common.values() if "--no-cli-pager" in one.names}
    known = grammar.own(grammar.read([*map(Word, words[1:])]).operands)
    ends = [(1, grammar.common)] + [(len(words), known)] * (places(words, grammar)[-1] == len(words))
    for at, declared in ends:
        for option in dict.fromkeys(declared.values()):
            names = tuple(name for name in option.names if (grammar.is_split and at == 1) or known.get(name) is option)
            is_behind = at > 1 and option in grammar.common.values()
            if option not in told and option.type in ("", "TEXT", "N") and names and not is_behind:
                yield option, names, at


@pytest.mark.parametrize("name", ONE_OF_EACH)
def test_each_line_of_a_grammar_fits_some_call(name: str) -> None:
    """A line that an earlier one hides says nothing."""
    of = GRAMMARS[name]
    hidden = []
    for program in (one for one, grammar in GRAMMARS.items() if grammar is of):
        for rule, words in calls(program):
            fits = of.fits(words[1:], program)
            if rule not in fits:
                hidden.append(f"{' '.join(words)}: {[one.line.sentence or one.line.effect for one in fits]}")
    assert not hidden, "\n".join(hidden)


EVERY_SECOND = by_day(
    ONE_OF_EACH, ONE_OF_EACH[::2], full("every day, every second grammar is played; the corpus has lines of each")
)


@pytest.mark.parametrize("name", EVERY_SECOND)
def test_an_option_that_nobody_declared_lowers_nothing_without_a_sentence(name: str) -> None:
    """THREATS L-33."""
    silent = []
    for _, words in calls(name):
        for at in places(words, GRAMMARS[name]):
            for option in UNDECLARED:
                with_ = (*words[:at], *option, *words[at:])
                is_less = worst(findings(with_)) < grades(words)[0] or damage(findings(with_)) < grades(words)[1]
                if is_less and not any("jitd does not know" in one.what for one in findings(with_)):
                    silent.append(with_)
    assert not silent, "\n".join(map(" ".join, silent))


@pytest.mark.parametrize("name", ONE_OF_EACH)
def test_an_option_that_nobody_declared_is_named_wherever_an_option_can_stand(name: str) -> None:
    """THREATS L-33. Where the options of a verb cannot be listed, a note names it."""
    silent = []
    said_as = {Grade.UNKNOWN, *([Grade.HARMLESS] if GRAMMARS[name].is_open else [])}
    for _, words in calls(name):
        for at in places(words, GRAMMARS[name]):
            with_ = (*words[:at], "--zz-undeclared", *words[at:])
            if not any("--zz-undeclared" in one.what for one in findings(with_) if one.grade in said_as):
                silent.append(with_)
    assert not silent, "\n".join(map(" ".join, silent))


@pytest.mark.parametrize("name", EVERY_SECOND)
def test_a_declared_option_that_says_nothing_changes_nothing_in_each_spelling(name: str) -> None:
    """THREATS L-33."""
    changed = []
    grammar = GRAMMARS[name]
    cases = [
        (words, (*words[:at], *spelled, *words[at:]))
        for _, words in calls(name)
        for option, names, at in neutral(grammar, words)
        for spelled in spellings(replace(option, names=names), is_words=grammar.is_words or grammar.is_go)
    ]
    for words, with_ in some(cases):
        if findings(with_) != findings(words):
            changed.append(f"{' '.join(with_)}: {[one.what for one in findings(with_)]}")
    assert not changed, "\n".join(changed)


def some(cases: list[T]) -> list[T]:
    """Return all of a few thousand, and every so many-th of more, so that each option and each line is among them."""
    step = 1 + len(cases) // 4000
    return cases[:: step + (step % 2 == 0)]


def drawn(name: str) -> Iterator[tuple[Words, Words]]:
    """Yield calls, and patterns of rules that permit them. Each line is called as it is, with an option more and a word more, and
    each word of the call is one that the requester chooses.
    """
    grammar = GRAMMARS[name]
    known = dict.fromkeys(one for of in (grammar.common, *(head.own for head in grammar.of_verbs)) for one in of.values())
    told = {option for rule in grammar.rules for options, _ in rule.conditions for option in options}
    matter = [one for one in known if one in told or one.type not in ("", "TEXT", "N")]
    more = [
        *UNDECLARED,
        ("x",),
        ("x", "x"),
        *(next(spellings(one, is_words=grammar.is_words or grammar.is_go)) for one in matter),
    ]
    for _, words in calls(name):
        for at in range(1, len(words)):
            for named in ("x", "libc6", "openssh-server") if words[at] == "x" else (words[at],):
                with_ = (*words[:at], named, *words[at + 1 :])
                for pattern in wild(with_, at):
                    yield with_, pattern
        for added in more:
            for at in {1, len(words)}:
                with_ = (*words[:at], *added, *words[at:])
                for pattern in wild(with_, at):
                    yield with_, pattern


def wild(words: Words, at: int) -> Iterator[Words]:
    """Yield the patterns of ``words`` with a wildcard at ``at``."""
    yield (*words[:at], "**")
    yield (*words[:at], "*", *words[at + 1 :])
    yield (*words[:at], f"{words[at][:1]}*", *words[at + 1 :])
    yield (*words[:at], f"{words[at][:3]}*", *words[at + 1 :])


@pytest.mark.parametrize("name", EVERY_SECOND)
def test_a_pattern_is_never_told_as_less_than_a_command_drawn_from_it(name: str) -> None:
    """THREATS L-33."""
    less = {}
    for words, pattern in some([*drawn(name)]):
        told, least = grades_of_pattern(pattern), grades(words)
        if told[0] < least[0] or told[1] < least[1]:
            less[" ".join(pattern)] = f"{told}, but {' '.join(words)} is {least}"
    assert not less, "\n".join(map(": ".join, less.items()))


LOCKED_OUT = "apt-get removes openssh-server: people may be unable to log in, until it is installed again"


@pytest.mark.parametrize(
    ("pattern", "most"),
    [
        ("etcdctl get --limit=* /app", (Grade.READS, Damage.NONE)),
        ("cryptsetup --timeout * status data", (Grade.HARMLESS, Damage.NONE)),
        ("tune2fs -l /dev/vg0/*", (Grade.HARMLESS, Damage.NONE)),
        ("apt-get install nginx *", (Grade.GIVES, Damage.DESTROYS)),
        ("apt-get remove ngin*", (Grade.CHANGES, Damage.NONE)),
        ("apt-get remove openssh*", (Grade.CHANGES, Damage.STOPS)),
        ("zypper search **", (Grade.GIVES, Damage.NONE)),
        ("mkfs.ext4 -n -Ldata* /srv/x", (Grade.HARMLESS, Damage.NONE)),
        ("truncate -s 0 /var/lib/mysql/*", (Grade.CHANGES, Damage.DESTROYS)),
        ("truncate -s 0 /var/log/app/*", (Grade.CHANGES, Damage.NONE)),
        ("tee /etc/cron.d/*", (Grade.GIVES, Damage.NONE)),
        ("mkfs.ext4 -n -L* /srv/x", (Grade.GIVES, Damage.DESTROYS)),
    ],
)
def test_a_wildcard_whose_place_is_known_is_nothing_else(pattern: str, most: tuple[Grade, Damage]) -> None:
    assert grades_of_pattern(tuple(pattern.split())) == most


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("yum -d 0 -e 0 -y install /home/alice/x.rpm", "x.rpm belongs to alice, who asks: its scripts run as root"),
        ("mount -l --bind /home/alice/etc /etc", "mounts /home/alice/etc, which belongs to others"),
        ("tc -s qdisc add dev eth0 root netem loss 100%", "lets eth0 send nothing more, until the rule is deleted"),
        ("tc qd ad dev eth0 root netem loss 100% limit 1", "lets eth0 send nothing more, until the rule is deleted"),
        (
            "cryptsetup --cipher aes-xts-plain64 --key-size 512 luksFormat /dev/sdb1",
            "encrypts /dev/sdb1 anew: what is on it is gone",
        ),
        ("mkfs.vfat -F 32 -n BOOT /dev/sdb1", "makes a new file system on /dev/sdb1: what is on it is gone"),
        ("mkfs.btrfs -f /dev/sdb /dev/sdc", "makes a new file system on /dev/sdc: what is on it is gone"),
        ("etcdctl --command-timeout 5s del / --prefix", "deletes all keys of the cluster that begin with /, " + FOR_GOOD),
        ("nala purge -y postgresql-15", "nala removes postgresql-15 with all settings, and its databases may be gone"),
        ("zypper -t install nginx", "zypper installs nginx from this host's archives"),
        ("zypper install -t pattern lamp", "zypper installs lamp from this host's archives"),
        ("apt-get install curl openssh-server-", LOCKED_OUT),
        ("apt-get --zz remove openssh-server", LOCKED_OUT),
        ("apt-get --zz x remove openssh-server", LOCKED_OUT),
        ("lvcreate -r 256 -L 1G -n data vg0", "makes the volume data in vg0"),
        ("lvreduce -r -L 1G vg0/data", "changes the size of the volume vg0/data and its file system"),
        ("vgcreate -s 4M vg1 /dev/sdb", "puts /dev/sdb into the volume group vg1"),
        ("mdadm -A -f /dev/md0 /dev/sda /dev/sdb", "assembles /dev/md0"),
        ("zpool import -d /dev/disk/by-id tank", "makes tank available"),
        ("zfs create -b 8K -V 10G tank/x", "makes the file system tank/x"),
        ("dpkg -D 2 -r openssh-server", LOCKED_OUT.replace("apt-get", "dpkg")),
        ("rpm -v -e openssh-server", LOCKED_OUT.replace("apt-get", "rpm")),
        ("iptables -w 5 -I INPUT -j DROP", "drops all packets, and cuts this host off, until the rule is deleted"),
        (
            "firewall-cmd --zone public --remove-service ssh",
            "keeps everybody from the SSH of this host, until the service is added again",
        ),
        ("nmcli -w 5 n off", "switches off all networks of this host, until they are switched on"),
        ("docker container rm --volumes --force db", f"deletes db, and the volumes that only they use, {FOR_GOOD}"),
        ("docker run -u 0 --health-cmd x --privileged alpine", "docker starts a container with all rights on the host"),
        ("docker run alpine --privileged", "docker starts a container, whose image others may have made"),
        ("docker exec -u 0 web rm -rf /srv/app", f"in the container web: deletes /srv/app, {FOR_GOOD}"),
        ("docker compose -p shop rm -f -v", f"stops the containers of shop, and deletes their volumes, {FOR_GOOD}"),
        ("ctr run --mount type=bind,src=/srv,dst=/x alpine one rm -rf /x/y", f"in a container: deletes /x/y, {FOR_GOOD}"),
        ("kubectl -o name delete ns/shop", f"deletes the namespace shop, and everything in it, {FOR_GOOD}"),
        ("virsh undefine --remove-all-storage --domain db1", f"deletes the guest db1, and its disks, {FOR_GOOD}"),
    ],
)  # fmt: skip
def test_a_word_is_read_as_its_own_program_reads_it(line: str, told: str) -> None:
    words = tuple(shlex.split(line))
    one = Line(Grade.HARMLESS, None, line, False, words, command_of(corpus()[1][0]).run_as, "/srv", True, ())
    assert told in [found.what for found in findings_of(command_of(one), Looker(one), requester="alice")]


@pytest.mark.parametrize("line", ["mount -l -t ext4", "tc -s -d qdisc show dev eth0", "cryptsetup -v luksDump /dev/sdb1",
    "mkfs.ext4 -n -L data /dev/sdb1", "apt-get -qq -s remove nginx", "apt list -a nginx", "yum -d 0 -e 0 list installed",
    "dnf --assumen remove openssh-server", "zypper -n se -t pattern lamp",
    "etcdctl -w table endpoint status --cluster", "zpool iostat -T d -v tank 5", "zfs destroy -nv tank@a",
    "mdadm -E --brief --scan", "lvremove -t vg0/data", "dpkg --no-act -r libc6", "rpm -e --test glibc",
    "ss -f inet -tn state established",
    "ethtool -k eth0", "nmcli -t -f NAME c s", "ufw --dry-run disable", "nft -c -f /srv/rules", "iptables -t nat -L -n",
    "firewall-cmd --zone public --list-all",
    "docker -l debug container ls -a", "docker compose --profile x ps", "podman inspect -f {{.State.Status}} web",
    "kubectl delete ns shop --dry-run=client", "crictl -t 5s pods", "ctr -n k8s.io c ls -q", "virsh -q domstats db1 --balloon",
    "incus --project shop list"])  # fmt: skip
def test_what_only_looks_is_harmless_by_a_line_after_all_words_were_read(line: str) -> None:
    assert findings(tuple(line.split())) == ()


@pytest.mark.parametrize(
    ("line", "told", "lost"),
    [
        ("cryptsetup luksDump /dev/sdb1 x", "jitd does not know what x is to cryptsetup luksDump", Damage.NONE),
        ("cryptsetup luksDump", "jitd does not know what cryptsetup luksDump does without more words", Damage.NONE),
        ("cryptsetup luksClose a b", "jitd does not know what b is to cryptsetup luksClose", Damage.DESTROYS),
        ("cryptsetup frob x", "jitd does not know what cryptsetup frob x changes", Damage.DESTROYS),
    ],
)
def test_a_word_that_has_no_place_or_a_place_that_has_no_word_is_said(line: str, told: str, lost: Damage) -> None:
    found = findings(tuple(line.split()))
    assert told in [one.what for one in found if one.grade is Grade.UNKNOWN]
    assert damage(found) is lost


def options_of(one: Grammar) -> set[Option]:
    return {*one.common.values(), *(option for head in one.of_verbs for option in head.own.values())}


@pytest.mark.parametrize("name", ONE_OF_EACH)
def test_an_option_whose_name_says_that_it_is_a_file_or_a_program_has_a_type_that_says_what_it_is(name: str) -> None:
    """THREATS L-33. A TEXT:plain has been looked at: it is a format, a pattern or a number."""
    named = [option.names for option in options_of(GRAMMARS[name]) if any(map(_FILES_BY_NAME.fullmatch, option.names))
             and option.type == "TEXT"]  # fmt: skip
    assert not named


@pytest.mark.parametrize("name", ONE_OF_EACH)
def test_a_file_that_a_program_obeys_is_read_too_unless_its_type_says_no(name: str) -> None:
    """THREATS L-33. What a program does not understand, it shows in its message: root's files, too."""
    one = GRAMMARS[name]
    types = {option.type for option in options_of(one)} | {slot.type for rule in one.rules for slot in rule.elements
             if isinstance(slot, Slot)}  # fmt: skip
    for type_ in sorted(types & one.effects.keys() - _NOT_SHOWN):
        hers, roots = (told_of(name, one.effects[type_], path) for path in ("/home/alice/tool", "/etc/shadow"))
        is_obeyed = any(found.grade is Grade.GIVES and "alice" in found.what for found in hers)
        assert not is_obeyed or worst(roots) >= Grade.READS, type_


def told_of(name: str, effect: Effect, path: str) -> tuple[Finding, ...]:
    """Return what jitd finds in ``effect`` on ``path``, which the program ``name`` has as its only word."""
    line = Line(Grade.HARMLESS, None, path, False, (name, path), command_of(corpus()[1][0]).run_as, "/srv", True, ())
    judge = Judge(TABLE, Looker(line), "alice", "root", is_root=True)
    effect(Call(judge, name, name, (Word(path),), "/srv", True, "", True, None, row=TABLE[name]), Word(path))
    return judge.findings()


def test_the_value_of_an_option_that_may_have_one_is_the_next_word_if_this_is_a_number() -> None:
    assert grades(("iptables", "-w", "5", "-P", "INPUT", "DROP")) == (Grade.CHANGES, Damage.STOPS)
    assert grades(("iptables", "-w", "-P", "INPUT", "DROP")) == (Grade.CHANGES, Damage.STOPS)
    assert grades(("iptables", "-w", "5", "-L")) == (Grade.HARMLESS, Damage.NONE)


def test_an_option_is_shortened_only_where_its_program_has_that() -> None:
    assert findings(("dnf", "--assumeye", "install", "nginx")) == findings(("dnf", "install", "nginx"))
    assert [one for one in findings(("apt-get", "--assume-y", "install", "nginx")) if one.grade is Grade.UNKNOWN]


def test_options_end_at_two_hyphens() -> None:
    assert grades(("mkfs.ext4", "--", "-n")) == (Grade.CHANGES, Damage.DESTROYS)
    assert grades(("mkfs.ext4", "-n", "--", "/dev/sdb1")) == (Grade.HARMLESS, Damage.NONE)


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("psql -h db2 -c 'drop table orders' app", "on db2: psql deletes the table orders with all its rows, " + FOR_GOOD),
        ("psql postgresql://app@db2:5432/app -c 'drop table orders'", "on db2: psql deletes the table orders with all its rows, "
            + FOR_GOOD),
        ("psql 'dbname=app host=db2' -c 'drop table orders'", "on db2: psql deletes the table orders with all its rows, "
            + FOR_GOOD),
        ("psql -h /run/postgresql -c 'drop table orders' app", "psql deletes the table orders with all its rows, " + FOR_GOOD),
        ("psql -h db2,localhost -c 'drop table orders' app", "psql deletes the table orders with all its rows, " + FOR_GOOD),
        ("psql -h db2 -c '\\! sh'", "sh is a shell"),
        ("psql -h db2 -o /etc/cron.d/x -c 'select 1'", "overwrites /etc/cron.d/x"),
        ("systemctl -M .host stop sshd", "stops sshd, until it is started again"),
        ("systemctl -H root@db2 stop sshd", "on db2: stops sshd, until it is started again"),
        ("ssh db2 systemctl -H db3 stop sshd", "on db2, on db3: stops sshd, until it is started again"),
        ("redis-cli -h 127.0.0.1 flushall", "deletes all databases of the server, " + FOR_GOOD),
        ("vault secrets disable -address=https://v1:8200 app/", "on v1: deletes all secrets below app/, " + FOR_GOOD),
        ("docker -H ssh://db2 run --privileged alpine", "on db2: docker starts a container with all rights on the host"),
        ("docker -H ssh://db2 -H unix:///run/docker.sock rm web", "deletes web"),
        ("podman --url ssh://root@db2/x volume rm app", "on db2: deletes the volumes app, " + FOR_GOOD),
        ("kubectl --context prod cordon web1", "in the cluster prod: starts no more programs on web1"),
        ("helm --kube-context prod upgrade web /tmp/x", "helm starts what /tmp/x says, which anybody can change: any host of the "
            "cluster"),
    ],
)  # fmt: skip
def test_what_a_program_does_is_told_of_the_host_that_its_words_name_and_of_this_one_if_they_may_mean_it(
    line: str, told: str
) -> None:
    assert told in [one.what for one in findings(tuple(shlex.split(line)))]


def test_a_line_that_only_looks_fits_if_each_value_of_its_option_says_so() -> None:
    assert grades(("kubectl", "--dry-run=client", "delete", "ns", "shop", "--dry-run=none")) == (Grade.CHANGES, Damage.DESTROYS)


@pytest.mark.parametrize("line", ["systemctl stop nginx --zz", "dropdb app --zz", "nomad job stop app --zz",
    "docker stop web --zz", "kubectl cordon web1 --zz", "virsh shutdown db1 --zz"])  # fmt: skip
def test_an_option_that_nobody_declared_is_a_loss_as_the_last_word_too(line: str) -> None:
    assert damage(findings(tuple(line.split()))) is Damage.DESTROYS


@pytest.mark.parametrize("line", ["systemctl status nginx --zz", "pg_dump app --zz", "consul members --zz"])
def test_an_option_that_nobody_declared_is_none_behind_what_only_looks(line: str) -> None:
    assert damage(findings(tuple(line.split()))) is Damage.NONE


@pytest.mark.parametrize("line", ["stop UNIT  stops  stops {2}", "stop  frobs  frobs {1}", "stop", "stop SAID...  UNIT"])
def test_a_line_of_a_text_of_grammars_whose_type_or_effect_is_none_is_an_error(line: str) -> None:
    (row,) = grammars(f"= prog: go\n-x\n{line}")
    assert isinstance(row.judge, Grammar)
    with pytest.raises(ValueError, match="no (?:such type|option)"):
        row.judge.fits(["stop"], "prog")
