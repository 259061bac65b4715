# SPDX-License-Identifier: Apache-2.0
"""A row of the table knows its words: an option that the row does not list and its judge does not ask about is never harmless.
Neither is an operand at which nobody looks.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable

import pytest

from jitd.core.conditions import read_command_pattern
from jitd.core.grade import Damage, Finding, Grade, damage, worst
from jitd_commands.grading import findings_of, findings_of_pattern
from jitd_commands.judging import Call, Judge, Row
from jitd_commands.programs import TABLE
from jitd_commands.programs.decision_table import DecisionTable
from jitd_commands.shell_text import Word
from tests.commands.graded import REQUESTER, Looker, command_of, corpus
from tests.table import each_row

WORLD, LINES = corpus()
ANY_WORDS = {"test", "[", "echo", "printf", "true", "false", ":", "expr", "yes"}
"""Programs whose words are texts, whether they begin with a hyphen or not."""


def findings(text: str) -> tuple[Finding, ...]:
    """Return what jitd finds in ``text``, which root runs in a directory of alice's."""
    words = tuple(shlex.split(text))
    line = type(LINES[0])(Grade.HARMLESS, None, text, False, words, command_of(LINES[0]).run_as, "/home/alice", True, ())
    return findings_of(command_of(line), Looker(line), requester=REQUESTER)


def found(text: str) -> list[str]:
    """Return what jitd says about ``text``, as lines ``GRADE: SENTENCE``."""
    return [f"{one.grade.word}: {one.what}" for one in findings(text)]


def harm(text: str) -> Damage:
    """Return the worst loss that jitd says about ``text``."""
    return damage(findings(text))


@each_row("name", sorted(name for name in TABLE if not name.startswith(":") and name not in ANY_WORDS))
def test_an_option_that_a_row_does_not_list_is_never_harmless(name: str) -> None:
    """THREATS R-19."""
    later = () if TABLE[name].is_first else ("x --no-such-option=/x", "x -%y")
    for words in ("--no-such-option", "--no-such-option x", "-%", *later):
        assert found(f"{name} {words}"), words


@each_row("name", sorted(name for name in TABLE if not name.startswith(":")))
def test_an_option_that_the_requester_chooses_is_never_harmless(name: str) -> None:
    """THREATS R-19."""
    row = TABLE[name]
    if not row.is_plain:
        assert worst(findings_of_pattern(read_command_pattern((f"/usr/bin/{name}", "**")))) > Grade.HARMLESS


def judged(judge: Callable[[Call], None], *words: str, options: str = "", operands: str = "", telling: str = "") -> list[str]:
    """Return what is found about a program with a row of its own."""
    row = Row("prog", judge, f"o: {options}", operands=operands, telling=telling)
    one = Judge({"prog": row}, lambda path: None, "alice", "root", is_root=True)
    Call(one, "prog", "/usr/bin/prog", tuple(map(Word, words)), "/root", True, "", True, None).judged()
    return [finding.what for finding in one.findings()]


def test_a_row_that_lists_nothing_knows_nothing() -> None:
    def quiet(call: Call) -> None:
        return

    assert judged(quiet) == []
    assert judged(quiet, "-x") == ["jitd does not know the option -x of prog"]
    assert judged(quiet, "--exec", "sh") == ["jitd does not know the option --exec of prog, so not what follows it"]
    assert judged(quiet, "name") == ["jitd does not know what name is to prog"]
    assert judged(quiet, "-x", options="x") == []
    assert judged(quiet, "name", operands="names") == []


@pytest.mark.parametrize(
    ("words", "is_root", "lost"),
    [
        ("--new x stir", True, Damage.DESTROYS),
        ("stir --new x", True, Damage.DESTROYS),
        ("stir --new", True, Damage.NONE),
        ("look --new x", True, Damage.NONE),
        ("look --new x y", True, Damage.DESTROYS),
        ("--new look", True, Damage.DESTROYS),
        ("give --new x", True, Damage.NONE),
        ("give --new x", False, Damage.DESTROYS),
    ],
)
def test_an_option_that_is_not_known_counts_as_a_loss_where_a_word_may_have_been_mistaken(
    words: str, is_root: bool, lost: Damage
) -> None:
    """THREATS L-33."""

    def judge(call: Call) -> None:
        verb = call.verb.text if call.verb else ""
        if verb == "stir":
            call.changes("stirs")
        elif verb == "give":
            call.shell()

    one = Judge({"prog": Row("prog", judge)}, lambda path: None, "alice", "postgres", is_root=is_root)
    given = tuple(map(Word, words.split()))
    Call(one, "prog", "/usr/bin/prog", given, "/root", is_root, "", True, None).judged()
    assert damage(one.findings()) is lost
    assert [found for found in one.findings() if "--new" in found.what and found.grade is Grade.UNKNOWN]


def test_the_options_of_a_program_that_is_started_are_looked_up_in_its_own_row() -> None:
    for line in ("docker exec db ls --color=auto /srv", "docker run --rm alpine ls --color=auto", "busybox ls -l /srv"):
        assert not [one for one in found(line) if "does not know the option" in one], found(line)


def test_what_a_judge_asks_about_is_known() -> None:
    def asks(call: Call) -> None:
        if call.has("x", "exec") and call.operands:
            call.changes("changes it")

    assert judged(asks, "-x") == []
    assert judged(asks, "--exec", "name") == ["prog changes it"]
    assert judged(asks, "-xy") == ["jitd does not know the option -y of prog"]


LISTS = "list --all  reads  shows all\nlist  harmless"


@pytest.mark.parametrize("judge", [DecisionTable(LISTS), DecisionTable(LISTS, valued="-o")])
def test_a_table_of_verbs_knows_the_options_that_it_names_and_no_other(judge: Callable[[Call], None]) -> None:
    assert judged(judge, "list") == judged(judge, "--help") == []
    assert judged(judge, "list", "--all") == ["shows all"]
    assert judged(judge, "list", "--other") == ["jitd does not know the option --other of prog"]
    assert judged(judge, "list", "--other", options="other") == []


def test_a_table_of_verbs_knows_an_option_that_does_not_make_a_line_fit() -> None:
    judge = DecisionTable(f"drop --now  stops  drops it\n{LISTS}", valued="--from", flags="--long")
    assert judged(judge, "list", "--all=false", "--long", "--from", "x") == []
    assert judged(judge, "list", "--now") == ["jitd does not know the option --now of prog"]


def test_a_word_with_which_a_program_only_tells_something_must_be_the_only_one() -> None:
    def loud(call: Call) -> None:
        call.changes("changes all")

    for telling in ("-V --version", "-V:other,prog --version:prog"):
        assert judged(loud, "--version", telling=telling) == judged(loud, "-V", telling=telling) == []
        assert "prog changes all" in judged(loud, "-V", "x", telling=telling)
        assert "prog changes all" in judged(loud, "-v", telling=telling)
    assert "prog changes all" in judged(loud, "-V", telling="-V:other")


def test_a_word_that_tells_something_for_some_programs_alone_names_programs_of_its_row() -> None:
    for name, row in TABLE.items():
        for word in row.telling.split():
            assert {*word.partition(":")[2].split(",")} <= {"", *row.names.split()}, f"{name}: {word}"


def test_an_option_that_is_shortened_is_not_taken_for_a_harmless_one() -> None:
    def quiet(call: Call) -> None:
        return

    assert judged(quiet, "--exec", options="exec-time") == ["jitd does not know the option --exec of prog"]


def test_an_option_of_several_letters_may_stand_behind_one_hyphen() -> None:
    def quiet(call: Call) -> None:
        return

    assert judged(quiet, "-name", "x", options="name: size:") == []
    assert judged(quiet, "-nam", "x", options="name: size:", operands="names") == [
        "jitd does not know the option -n of prog, so not what follows it"
    ]


@pytest.mark.parametrize(
    "line",
    [
        "dmsetup ls --exec '/bin/sh -s'",
        "pidstat -e /bin/sh -i",
        "uudecode -o /etc/cron.d/x f",
        "script -O /etc/cron.d/x -c id",
        "sar -o /etc/cron.d/x 1 1",
        "iperf3 --logfile /etc/cron.d/x -c web2",
        "lwp-download http://web2/x /etc/cron.d/x",
        """yq -n 'load_str("/etc/shadow")'""",
        "restic backup /root",
        "resolvectl dns eth0 192.0.2.1",
        "fallocate -l 500G /var/big",
        "sh -c 'rm -rf *'",
    ],
)
def test_no_option_is_silent(line: str) -> None:
    """THREATS R-19."""
    assert found(line)


DAILY = """
ps aux
ps -ef
ps -eo pid,user,%cpu,comm --sort=-%cpu
ss -tlnp
ss -s
df -h
df -hT /srv
free -m
lsblk -f
lsblk -o NAME,SIZE,MOUNTPOINT
journalctl -u nginx -n 50 --no-pager
journalctl -u nginx --since '1 hour ago' --no-pager
systemctl is-active nginx
systemctl status nginx --no-pager
dig +short example.com
dig @192.0.2.1 example.com MX
ls -la
ls -lah /srv
du -sh /srv
du -xh --max-depth=1 /var
top -b -n1
ip -br a
ip -4 route show
ip -s link show eth0
sar -u 1 3
sar -n DEV 1 3
pidstat 1
pidstat -d 1 5
vmstat 1 5
iostat -xz 1 3
mpstat -P ALL 1 3
uptime -p
uname -a
id alice
who -a
last -n 20
lsof -nP -iTCP -sTCP:LISTEN
lsof +D /srv
stat -c '%U %a' /srv
head -20 /var/log/dpkg.log
tail -n 100 /var/log/syslog
grep -rn listen /etc/nginx
find /srv -name '*.log' -mtime +30 -size +1G
sort -u /srv/list
wc -l /var/log/syslog
cut -d: -f1 /etc/passwd
diff -u /etc/hosts /srv/hosts
ping -c 3 192.0.2.1
traceroute -n web2
mtr -rwc 10 web2
nc -zv web2 443
curl -sS -m 5 -o /dev/null -w '%{http_code}' https://web2/
openssl x509 -in /etc/ssl/certs/web.pem -noout -enddate
docker ps -a
docker logs --tail 100 web
kubectl get pods -A -o wide
lvs -a -o +devices
vgs
mdadm --detail /dev/md0
smartctl -H /dev/sda
dmesg -T --level=err
nmap -sT -p 22,443 web2
apt-cache policy nginx
apt list --upgradable
dpkg -l --no-pager nginx
rpm -qa --last
getent passwd alice
date -u
hostname -f
numfmt --to=iec 1024
readlink -f /srv/app
sha256sum -c /srv/sums
tcpdump -nn -r /srv/x.pcap port 53
xargs -n1 echo
timeout 5 ss -s
nice -n 10 du -sh /srv
watch -n 1 df -h
"""


@each_row("line", DAILY.strip().splitlines())
def test_what_is_typed_daily_is_known(line: str) -> None:
    assert found(line) == []


@pytest.mark.parametrize(
    "line",
    [
        "systemctl status",
        "systemctl status cron",
        "journalctl -u ssh",
        "journalctl -xeu nginx",
        "loginctl list-sessions",
        "sh -c 'systemctl status cron'",
        "du -sh /var/lib/postgresql",
        "wc -c /home/alice/x",
        "head -c 100 /home/alice/x",
        "namei -l /home/alice/x",
        "pwck -r",
        "pwck --read-only",
        "networkctl dump-config",
        "sgdisk -p /dev/sda",
        "eksctl get cluster --region eu-west-1",
        "grpck -r",
        "bridge link",
        "tc qdisc",
        "gcloud compute instances list",
        "gsutil ls gs://x",
    ],
)
def test_what_only_looks_warns_of_nothing(line: str) -> None:
    assert found(line) == []


@pytest.mark.parametrize(
    ("line", "least"),
    [
        ("sudo systemctl status cron", Grade.LEADS),
        ("su - -c 'systemctl status cron'", Grade.LEADS),
        ("ssh -t root@db2 systemctl status cron", Grade.LEADS),
        ("systemctl help cron", Grade.LEADS),
        ("sh -c 'SYSTEMD_PAGERSECURE=0 systemctl status cron'", Grade.GIVES),
        ("gcloud compute start-iap-tunnel web 22", Grade.LEADS),
        ("networkctl down eth0", Grade.CHANGES),
        ("loginctl frobnicate", Grade.UNKNOWN),
        ("pwck", Grade.CHANGES),
        ("hostnamectl hostname x", Grade.CHANGES),
        ("partx -d /dev/sda", Grade.CHANGES),
        ("sgdisk -p -t 1:8300 /dev/sda", Grade.CHANGES),
        ("sgdisk -p -j 5 /dev/sda", Grade.CHANGES),
        ("systemd-analyze frobnicate", Grade.UNKNOWN),
        ("qemu-nbd -d /dev/nbd0", Grade.CHANGES),
        ("bridge link set dev eth0 state 0", Grade.CHANGES),
        ("tc qdisc add dev eth0 root netem loss 100%", Grade.CHANGES),
        ("gsutil rm gs://x", Grade.CHANGES),
        ("tee /root/backup.sh", Grade.GIVES),
    ],
)
def test_what_is_like_it_and_does_more_is_told(line: str, least: Grade) -> None:
    assert found(line)[0].startswith(f"{least.word}: ")


@pytest.mark.parametrize("line", ["perl -pi -e s/a/b/ /etc/hosts", "gsutil rm gs://x", "tar cf /root/hosts.tar /etc/hosts"])
def test_a_text_and_a_url_are_no_files_of_hers(line: str) -> None:
    assert not [one for one in found(line) if one.startswith("gives") or "/home/alice" in one]


@pytest.mark.parametrize(
    "line",
    [
        "nft -n flush ruleset",
        "nft -S delete table inet filter",
        "tc -n blue qdisc add dev eth0 root netem loss 100%",
        "shorewall -n clear",
        "nmcli -s networking off",
        "iptables -w -I INPUT -j DROP",
        "iptables -t filter -I INPUT 1 -j DROP -w 5",
        "wipefs --lock -a /dev/sdb",
        "sfdisk -d --delete /dev/sdb",
        "mkfs -t vfat -n BOOT /dev/sdb1",
        "mkfs.minix -n 30 /dev/sdb1",
        "mkntfs -I /dev/sdb1",
        "mkntfs -c 4096 /dev/sdb1",
        "helm --kube-context prod uninstall web",
        "keytool -keystore /srv/k -storepass x -delete -alias a",
        "mysql --init-command-add='drop database shop' -e 'select 1'",
        "net -W DOMAIN ads leave",
        "racadm -r 10.0.0.1 -u root -p x serveraction powercycle",
        "rclone check --combined /srv/data/report a: b:",
        "btrfs send -f /srv/data/report /srv/snapshot",
        "s3cmd --cache-file /srv/data/report sync /srv s3://b",
        "rspamc -e 'sh x' stat",
        "iscsiadm -k 0",
        "sudo -k rm -rf /srv/data",
        "sudo -i -u postgres psql -c 'drop database app'",
        "tc -json qdisc add dev eth0 root netem loss 100%",
        "tc -tshort qdisc add dev eth0 root netem loss 100%",
        "cp -a /dev/null /srv/data/app.db",
        "exim -v -Mrm 1xYz",
        "killall -r -u root x",
        "pulumi --json stack rm --yes prod",
    ],
)
def test_an_option_beside_a_loss_does_not_hide_it(line: str) -> None:
    """THREATS R-19. Each was silent by an option that was listed, or judged, as another program reads it."""
    assert harm(line) > Damage.NONE


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("deluser --group staff", "changes: deletes the group staff"),
        ("fsck -T -y /dev/sdb1", "changes: repairs the file system on /dev/sdb1, and may delete files"),
        ("clamscan -r -l /etc/cron.d/x /srv", "gives: appends to /etc/cron.d/x"),
        ("multipath -v 2 -F", "changes: takes away the devices of paths 2"),
        ("usermod -l carol bob", "changes: usermod changes the account bob: its name becomes carol"),
    ],
)
def test_an_option_with_another_arity_elsewhere_is_read_as_its_program_reads_it(line: str, told: str) -> None:
    """THREATS R-19."""
    assert told in found(line)


@pytest.mark.parametrize(
    "line",
    [
        "nft -j -a list ruleset",
        "tc -n blue qdisc show",
        "virsh --connect qemu:///system list --all",
        "podman images --digests --sort size",
        "sar -n DEV -s 08:00:00 -e 10:00:00",
        "fsck -T -n /dev/sdb1",
        "multipath -v2 -ll",
        "wipefs --lock /dev/sdb",
        "racadm -r 10.0.0.1 -u root -p x getsysinfo",
    ],
)
def test_what_only_looks_with_an_option_before_its_verb_loses_nothing(line: str) -> None:
    assert harm(line) is Damage.NONE
