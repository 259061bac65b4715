# SPDX-License-Identifier: Apache-2.0
"""What programs that act on this host destroy or stop, what jitd says of it, and the tables of verbs that say it."""

from __future__ import annotations

import shlex

import pytest

from jitd.core.conditions import read_command_pattern
from jitd.core.grade import Damage, Finding, Grade, damage, worst
from jitd_commands.grading import findings_of, findings_of_pattern
from jitd_commands.judging import Call, Judge, Row
from jitd_commands.programs.decision_table import DecisionTable
from jitd_commands.shell_text import Word
from tests.commands.graded import ACCOUNTS, HOME, REQUESTER, Line, Looker, command_of, corpus
from tests.table import each_row


def found(text: str, account: str = "root") -> tuple[Finding, ...]:
    line = Line(Grade.HARMLESS, None, text, False, tuple(shlex.split(text)), ACCOUNTS[account], HOME, True, ())
    return findings_of(command_of(line), Looker(line), requester=REQUESTER)


def of_pattern(text: str) -> tuple[Finding, ...]:
    return findings_of_pattern(read_command_pattern(tuple(text.split())))


DESTROYS = (
    # files
    ("rm -rf /srv", "deletes /srv, which cannot be undone"),
    ("rm -r /etc/nginx", "deletes /etc/nginx, which cannot be undone"),
    ("rm /home/bob/old.txt", "deletes /home/bob/old.txt, which cannot be undone"),
    ("rm /var/backups/app.sql.gz", "deletes /var/backups/app.sql.gz, which cannot be undone"),
    ("rm /var/lib/jitd/jitd.db", "deletes /var/lib/jitd/jitd.db, which cannot be undone"),
    ("rm /boot/vmlinuz", "deletes /boot/vmlinuz, which cannot be undone"),
    ("bash -c 'cd /srv && rm -rf *'", "deletes files that jitd cannot tell, which cannot be undone"),
    ("sh -c 'rm -rf /srv/*'", "deletes files below /srv, which cannot be undone"),
    ("find /srv -delete", "deletes files below /srv, which cannot be undone"),
    ("find /srv/uploads -mtime +30 -delete", "deletes files below /srv/uploads, which cannot be undone"),
    ("find /srv -type f -exec rm {} +", "deletes files below /srv, which cannot be undone"),
    ("shred -u /srv/app/x", "destroys /srv/app/x, which cannot be undone"),
    ("truncate -s 0 /var/lib/mysql/ibdata1", "empties or cuts /var/lib/mysql/ibdata1, which cannot be undone"),
    ("sh -c '> /srv/app/app.db'", "empties /srv/app/app.db, which cannot be undone"),
    ("sh -c '> /var/log/auth.log'", "empties /var/log/auth.log, which cannot be undone"),
    ("sh -c '> /srv/app/list.csv'", "empties /srv/app/list.csv, which cannot be undone"),
    ("sh -c 'sort /srv/list > /srv/list'", "empties /srv/list before sort reads it, which cannot be undone"),
    ("sed -i d /srv/app/list.csv", "deletes all lines of /srv/app/list.csv, which cannot be undone"),
    ("sh -c 'ls /srv | xargs rm'", "deletes files that jitd cannot tell, which cannot be undone"),
    ("mv /srv/backup/app.dump /dev/null", "deletes /srv/backup/app.dump, which cannot be undone"),
    ("ln -sf /dev/null /srv/app/app.db", "replaces /srv/app/app.db by a link, which cannot be undone"),
    ("tar cf /dev/null --remove-files /srv/data", "deletes /srv/data, which cannot be undone"),
    ("tee /etc/passwd", "overwrites /etc/passwd, which cannot be undone"),
    ("python3 -c 'shutil.rmtree(x)'", "runs Python code that deletes files, which cannot be undone"),
    ("rsync -a --delete /srv/a/ /srv/b/", "deletes what is in /srv/b, but not in /srv/a/, which cannot be undone"),
    ("chmod -R 777 /etc", "lets everybody write below /etc, which changes all rights that its files had"),
    ("chown -R alice /", "makes alice the owner of /, which changes all rights that its files had"),
    # disks and volumes
    ("dd if=/dev/zero of=/dev/sda", "destroys /dev/sda, which cannot be undone"),
    ("dd if=/srv/x.iso of=/dev/sdb", "overwrites /dev/sdb, which cannot be undone"),
    ("mkfs.ext4 /dev/sdb1", "makes a new file system on /dev/sdb1: what is on it is gone"),
    ("wipefs -a /dev/sdb", "erases the signatures on /dev/sdb: its file systems are gone"),
    ("blkdiscard /dev/sdb", "discards all that is on /dev/sdb, which cannot be undone"),
    ("zpool destroy tank", "destroys the pool tank and all in it, which zpool import -D may bring back"),
    ("zfs rollback -r tank/srv@monday", "takes tank/srv@monday back: what was written since this snapshot is gone"),
    ("zfs destroy tank/srv@monday", "destroys the snapshot tank/srv@monday, which cannot be undone"),
    ("lvremove -f vg0/srv", "destroys the volume vg0/srv and all files on it, which vgcfgrestore may bring back"),
    ("lvm lvremove vg0/srv", "destroys the volume vg0/srv and all files on it, which vgcfgrestore may bring back"),
    ("lvresize -L -5G vg0/srv", "makes the volume vg0/srv smaller: files beyond its new end are gone"),
    (
        "vgreduce --removemissing --force vg0",
        "deletes all volumes of the group vg0 with a part on a missing disk, which cannot be undone",
    ),
    ("storcli /c0/v1 del force", "runs del on /c0/v1: what is on these disks is gone"),
    ("mt -f /dev/nst0 erase", "erases the tape in /dev/nst0, which cannot be undone"),
    ("rndc delzone -clean example.org", "deletes the zone example.org with its file, which cannot be undone"),
    ("vgremove vg0", "destroys all volumes of the group vg0 with all files on them, which cannot be undone"),
    ("cryptsetup luksFormat /dev/sdb", "encrypts /dev/sdb anew: what is on it is gone"),
    ("cryptsetup erase /dev/sdb", "erases all keys of /dev/sdb: what is on it is gone"),
    ("mdadm --zero-superblock /dev/sdb1", "erases what makes /dev/sdb1 a part of a RAID, which cannot be undone"),
    ("sgdisk --zap-all /dev/sdb", "deletes all partitions of /dev/sdb: what is on it is gone"),
    ("sgdisk -d 2 /dev/sdb", "deletes the partition 2 of /dev/sdb: files on it are gone"),
    ("parted /dev/sdb rm 2", "deletes the partition 2 of /dev/sdb: files on it are gone"),
    ("btrfs subvolume delete /srv/x", "deletes the subvolume /srv/x with all files in it, which cannot be undone"),
    ("ceph osd pool delete data data --yes", "deletes the pool data with all that is in it, which cannot be undone"),
    # databases
    ("psql -c 'DROP DATABASE app'", "psql deletes the database app with all that is in it, which cannot be undone"),
    (
        "psql -c 'drop table if exists \"Users\" cascade'",
        "psql deletes the table Users with all its rows, which cannot be undone",
    ),
    ("psql -c 'TRUNCATE orders'", "psql deletes all rows of orders, which cannot be undone"),
    ("mysql -e 'DELETE FROM orders'", "mysql deletes all rows of orders, which cannot be undone"),
    ("mysql -e 'DELETE FROM orders -- WHERE id = 1'", "mysql deletes all rows of orders, which cannot be undone"),
    ("psql -c 'WITH x AS (DELETE FROM a) SELECT 1'", "psql deletes all rows of a table, which cannot be undone"),
    ("mysql -e 'UPDATE users SET admin = 1'", "mysql overwrites all rows of users, which cannot be undone"),
    (
        "mysql -e 'PURGE BINARY LOGS BEFORE NOW()'",
        "mysql deletes the logs from which a database is restored, which cannot be undone",
    ),
    ("dropdb app", "deletes the database app with all its tables, which cannot be undone"),
    ("pg_resetwal -D /srv/pg", "drops the log of /srv/pg: the last changes are gone"),
    ("pg_dropcluster --stop 16 main", "deletes the database server 16 main with all its databases, which cannot be undone"),
    ("pg_restore --clean -d app /srv/x.dump", "pg_restore replaces what is in app: what was written since is gone"),
    ("mysqladmin drop app", "deletes the database app with all its tables, which cannot be undone"),
    ("redis-cli FLUSHALL", "deletes all databases of the server, which cannot be undone"),
    ("redis-cli SHUTDOWN NOSAVE", "stops the server, and what it has not written is gone"),
    ("mongosh --eval 'db.dropDatabase()'", "mongosh deletes data: db.dropDatabase, which cannot be undone"),
    ("curl -X DELETE http://localhost:9200/logs", "asks http://localhost:9200/logs to delete it, which cannot be undone"),
    # the rest
    ("userdel -r bob", "deletes the account bob, and all files of it, which cannot be undone"),
    ("crontab -u bob -r", "deletes the whole crontab of bob, which cannot be undone"),
    ("journalctl --vacuum-time=1s", "journalctl deletes nearly all of the journal (time 1s), which cannot be undone"),
    ("postsuper -d ALL deferred", "deletes all mail that waits (deferred), which cannot be undone"),
    ("exim -Mrm 1abc-de", "deletes the mails 1abc-de from the queue, which cannot be undone"),
    ("doveadm mailbox delete -u bob INBOX", "deletes mailboxes with all mail in them: INBOX, which cannot be undone"),
    ("kadmin.local -q 'delprinc bob'", "deletes the principal bob and its keys, which cannot be undone"),
    ("ipa user-del bob", "deletes bob from the directory (user-del), which cannot be undone"),
    ("gpg --delete-secret-keys ops", "deletes the private key of ops: what it opens is gone"),
    ("apt purge postgresql-16", "apt removes postgresql-16 with all settings, and its databases may be gone"),
    ("rsync -a --delete /srv/ backup:/srv/", "on backup: deletes what is in /srv, but not in /srv/, which cannot be undone"),
    ("systemd-cryptenroll --wipe-slot=all /dev/sdb", "takes keys of /dev/sdb away: without another one, what is on it is gone"),
    ("machinectl remove web", "deletes the images web with all that is in them, which cannot be undone"),
    ("systemctl clean --what=state nginx", "deletes what nginx has stored (state), which cannot be undone"),
)
STOPS = (
    ("iptables -I INPUT -p tcp --dport 22 -j DROP", "keeps everybody from the SSH of this host, until the rule is deleted"),
    (
        "ip6tables --insert INPUT -p tcp --dport ssh --jump REJECT",
        "keeps everybody from the SSH of this host, until the rule is deleted",
    ),
    ("reboot", "restarts the whole host, which is away until it has started again"),
    ("shutdown -h now", "switches off the whole host, until somebody switches it on"),
    ("init 6", "restarts the whole host, which is away until it has started again"),
    ("systemctl isolate rescue", "stops all services, the logins of people too, until somebody at its console starts them again"),
    ("systemctl start reboot.target", "restarts the whole host, which is away until it has started again"),
    ("systemctl -H root@db2 reboot", "on db2: restarts the whole host, which is away until it has started again"),
    ("systemctl stop ssh", "stops ssh, until it is started again"),
    ("systemctl mask --now sshd", "stops and disables sshd, and nothing can start it until it is unmasked"),
    ("systemctl disable NetworkManager", "disables NetworkManager, from the next start of the host on"),
    ("systemctl stop postgresql@16-main", "stops postgresql@16-main, until it is started again"),
    ("service jitd stop", "stops jitd, until it is started again"),
    ("chkconfig sshd off", "disables sshd, from the next start of the host on"),
    ("kexec -e", "starts the whole host with another kernel, which is away until it has started again"),
    ("kill -9 1", "ends the first process, and with it the host, until the host has started again"),
    ("kill -9 -1", "ends all processes, until the host has started again"),
    ("pkill -9 sshd", "ends sshd, until it is started again"),
    ("pkill -KILL sshd", "ends sshd, until it is started again"),
    ("/etc/init.d/ssh stop", "stops ssh, until it is started again"),
    ("systemctl stop 'ssh*'", "stops ssh*, until it is started again"),
    ("ufw deny ssh", "keeps everybody from the SSH of this host, until the rule is deleted"),
    ("ipactl stop", "stops the directory: people cannot log in, until it is started again"),
    ("ip link set dev eth0 down", "takes the interface eth0 down, until it is up again"),
    ("ip l s eth0 down", "takes the interface eth0 down, until it is up again"),
    ("ip route del default", "deletes the way of this host to others, until it is added again"),
    ("ifdown eth0", "takes the interfaces eth0 down, until they are up again"),
    ("nmcli con down eth0", "takes the connection eth0 down or deletes it, until it is up again"),
    ("iptables -F", "empties the firewall: anybody may reach this host, until its rules are loaded again"),
    ("iptables -P INPUT DROP", "drops all packets that no rule lets through, until the policy is changed"),
    ("nft flush ruleset", "empties the firewall: anybody may reach this host, until it is loaded"),
    ("ufw allow from any", "empties the firewall: anybody may reach this host, until the rule is deleted"),
    ("ip route replace blackhole default", "drops all that leaves this host, until it is deleted"),
    ("modprobe -r ixgbe", "removes ixgbe from the kernel, and cuts this host off, until it is loaded again"),
    ("iscsiadm -m node --logoutall=all", "disconnects disks of other hosts: all, until somebody logs in there again"),
    ("systemctl stop user.slice", "stops user.slice, until it is started again"),
    ("ufw --force reset", "empties the firewall: anybody may reach this host, until it is enabled again"),
    ("ipvsadm -C", "stops to share out all services to other hosts, until its rules are loaded again"),
    ("net ads leave", "takes this host out of its domain: its people cannot log in, until it is joined again"),
    ("umount -l /home", "unmounts /home, until it is mounted again"),
    ("mv /var/lib/mysql /srv/new", "moves away /var/lib/mysql, until it is moved back"),
    ("touch /etc/nologin", "creates /etc/nologin, which stops the logins of people until it is deleted"),
    (
        "sh -c 'echo b > /proc/sysrq-trigger'",
        "overwrites /proc/sysrq-trigger, which may stop the host until somebody starts it again",
    ),
    ("ipmitool -H bmc7 power reset", "restarts bmc7 at its power, which is away until it has started again"),
    ("pg_ctlcluster 16 main stop", "stops the database server 16 main, until it is started again"),
    ("mysqladmin shutdown", "stops a database server, until it is started again"),
    ("exportfs -ua", "takes all directories away from the hosts that mount them, until they are exported again"),
    (
        "apt-get remove openssh-server",
        "apt-get removes openssh-server: people may be unable to log in, until it is installed again",
    ),
)
DAILY = """
    passwd -l root
    usermod -s /usr/sbin/nologin bob
    userdel bob
    rm /srv/app/old.txt
    rm -rf /home/alice/build
    sh -c 'rm -rf /home/alice/src/*'
    rm -rf /srv/app/node_modules
    rm -rf /var/cache/nginx
    rm -rf /tmp/x
    sh -c 'rm -f /var/log/*.gz'
    rm /var/log/syslog.1
    find /var/log -name *.gz -mtime +30 -delete
    find /srv/app/logs -mtime +30 -delete
    find /tmp -mtime +7 -delete
    find /srv/app -name *.pyc -delete
    find /srv -empty -delete
    tmpreaper 7d /tmp
    truncate -s 0 /var/log/nginx/access.log
    sh -c '> /var/log/nginx/access.log'
    sh -c '> /home/alice/old.txt'
    sh -c 'sort /srv/list > /srv/new'
    sed -i /x/d /srv/app/list.csv
    sed -i.bak d /srv/app/list.csv
    mv -n /srv/app/new.db /srv/app/app.db
    dd if=/dev/sdd1 of=/dev/null
    ufw allow from any to any port 443
    ufw --dry-run disable
    ip route flush cache
    ifdown --no-act eth0
    modprobe -r loop
    systemctl --dry-run poweroff
    dpkg --dry-run -r libc6
    lvreduce -r -L 10G vg0/srv
    vgcfgrestore --list vg0
    mkfs.xfs -N /dev/sdb1
    tmpreaper --test 7d /srv
    curl -XPOST es1:9200/orders/_refresh
    psql -c 'BEGIN; DROP TABLE orders; ROLLBACK'
    rsync -an --delete /srv/a/ /srv/b/
    cp /srv/releases/app.conf /etc/nginx/app.conf
    dd if=/dev/zero of=/home/alice/disk.img count=1
    chmod -R 755 /srv/app
    chown -R www-data /srv/app
    mkswap /swapfile
    mke2fs -n /dev/sdb1
    wipefs /dev/sdb
    wipefs -n -a /dev/sdb
    sgdisk -n 1:0:0 /dev/sdb
    sgdisk -P -Z /dev/sdb
    growpart /dev/sda 1
    zpool status
    zpool replace tank sdb sdc
    zfs destroy -n tank/srv
    zfs snapshot tank/srv@new
    lvextend -L +5G vg0/srv
    vgextend vg0 /dev/sdc
    lvremove -t vg0/srv
    mdadm --detail /dev/md0
    cryptsetup luksDump /dev/sdb
    umount /mnt/usb
    swapoff -a
    systemctl restart ssh
    systemctl restart postgresql
    systemctl stop nginx
    systemctl restart NetworkManager
    systemctl enable ssh
    systemctl kill -s HUP sshd
    systemctl reload ssh
    shutdown -c
    kill 4711
    kill -HUP 1
    pkill -u bob
    journalctl --vacuum-size=500M
    ip addr add 10.0.0.9/24 dev eth0
    ip link set eth0 up
    ip link delete dummy0
    iptables -A INPUT -p tcp --dport 443 -j ACCEPT
    iptables -I INPUT -p tcp --dport 22 -j ACCEPT
    iptables -I INPUT -s 192.0.2.9 -p tcp --dport 22 -j DROP
    ufw allow 443/tcp
    firewall-cmd --reload
    nmcli con up eth0
    netplan apply
    usermod -aG www-data bob
    usermod -U bob
    chage -E 2030-01-01 bob
    deluser bob sudo
    psql -c 'DELETE FROM orders WHERE id = 7'
    psql -c 'UPDATE orders SET state = 2 WHERE id = 7'
    psql -c 'DROP INDEX orders_by_day'
    mysql -e 'show databases'
    pg_resetwal -n /srv/pg
    pg_ctlcluster 16 main restart
    redis-cli DEL app:cache
    mysqladmin status
    postfix reload
    postsuper -r ALL
    apt remove telnet
    apt install openssh-server
    snap remove lxd
    crontab -l
"""


@each_row(("text", "what"), DESTROYS)
def test_what_is_destroyed_is_said_with_how_it_comes_back(text: str, what: str) -> None:
    assert what in [one.what for one in found(text) if one.damage is Damage.DESTROYS], found(text)


@each_row(("text", "what"), STOPS)
def test_what_is_stopped_is_said_with_until_when(text: str, what: str) -> None:
    assert what in [one.what for one in found(text) if one.damage is Damage.STOPS], found(text)


@each_row("text", DAILY.strip().split("\n"))
def test_daily_work_warns_of_no_loss(text: str) -> None:
    assert damage(found(text.strip())) is Damage.NONE, found(text.strip())


def test_a_service_that_many_need_says_why() -> None:
    (one,) = found("systemctl stop sssd")
    assert (one.damage, one.matters) == (Damage.STOPS, "people of the directory cannot log in any more")


def test_every_loss_says_whether_it_comes_back() -> None:
    for line in corpus()[1]:
        for one in findings_of(command_of(line), Looker(line), requester=REQUESTER):
            is_told = " gone" in one.what or ", " in one.what or one.grade is Grade.UNKNOWN
            assert is_told or not one.damage, f"{line.text}: {one.what}"


@pytest.mark.parametrize(
    ("pattern", "least"),
    [
        ("/usr/sbin/zpool *", Damage.DESTROYS),
        ("/usr/sbin/zpool status *", Damage.NONE),
        ("/usr/sbin/zfs list *", Damage.NONE),
        ("/usr/sbin/lvremove *", Damage.DESTROYS),
        ("/usr/sbin/mkfs.ext4 *", Damage.DESTROYS),
        ("/usr/bin/dd *", Damage.DESTROYS),
        ("/usr/bin/rm *", Damage.DESTROYS),
        ("/usr/bin/rm /srv/app/tmp/*", Damage.NONE),
        ("/usr/bin/systemctl * nginx", Damage.DESTROYS),
        ("/usr/bin/systemctl stop *", Damage.DESTROYS),
        ("/usr/bin/systemctl stop ss*", Damage.STOPS),
        ("/usr/bin/systemctl restart *", Damage.DESTROYS),
        ("/usr/bin/systemctl restart ngin*", Damage.NONE),
        ("/usr/bin/systemctl stop nginx", Damage.NONE),
        ("/usr/sbin/ip link set *", Damage.DESTROYS),
        ("/usr/sbin/iptables *", Damage.DESTROYS),
        ("/usr/bin/kill *", Damage.STOPS),
        ("/usr/sbin/userdel *", Damage.DESTROYS),
        ("/usr/bin/apt-get remove *", Damage.DESTROYS),
        ("/usr/bin/apt-get remove telne*", Damage.NONE),
        ("/usr/bin/redis-cli *", Damage.DESTROYS),
        ("/usr/bin/mysqladmin *", Damage.DESTROYS),
        ("/usr/sbin/postsuper *", Damage.DESTROYS),
        ("/usr/sbin/umount *", Damage.DESTROYS),
        ("/usr/bin/resolvectl *", Damage.DESTROYS),
        ("/usr/bin/journalctl --vacuum-time=*", Damage.DESTROYS),
    ],
)
def test_a_pattern_loses_the_most_that_its_words_may_lose(pattern: str, least: Damage) -> None:
    assert damage(of_pattern(pattern)) is least, of_pattern(pattern)


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("chmod -R 777 /var/www", "lets everybody write below /var/www"),
        ("chmod 644 /srv/app/x", "gives the rights 644 to /srv/app/x"),
        ("chown -R www-data /srv/app", "makes www-data the owner of /srv/app"),
        ("kill -9 9474", "ends process 9474, and jitd has not looked which program it is"),
        ("systemctl bind cron.service /srv/x /etc/cron.d", "shows /srv/x to cron.service at /etc/cron.d"),
        ("systemctl set-property nginx.service MemoryMax=1G", "sets MemoryMax=1G of nginx.service"),
        ("resolvectl dns eth0 192.0.2.1", "asks 192.0.2.1 for the names of other hosts"),
        ("usermod -G www-data bob", "usermod changes the account bob: puts it into www-data, takes it out of all other groups"),
        ("crontab -u www-data -e", "crontab starts an editor, which can start a shell"),
        ("gpasswd -d bob adm", "takes bob out of the group adm"),
        ("apt-get install nginx curl", "apt-get installs nginx and curl from this host's archives"),
        ("setenforce 0", "lets SELinux restrict nothing more"),
        ("zpool offline tank sdb", "stops the use of sdb in tank"),
        ("zpool frobnicate tank", "jitd does not know what zpool frobnicate tank changes"),
        ("ufw deny from 192.0.2.9", "keeps 192.0.2.9 out"),
        ("iptables-restore -n /srv/rules", "adds the rules in /srv/rules to the firewall"),
        ("tune2fs -m 1 /dev/sdb1", "changes the settings of the file system on /dev/sdb1"),
        ("fallocate -l 500G /var/big", "takes 500G of the disk for /var/big"),
        ("fuser -k /srv/x", "ends every process that uses /srv/x"),
    ],
)
def test_a_sentence_names_the_effect_of_the_verb_and_its_object(text: str, what: str) -> None:
    assert what in [one.what for one in found(text)], found(text)


def test_a_word_that_is_no_path_is_no_file_of_the_requesters() -> None:
    assert worst(found("e2label /dev/sdb1 data")) is worst(found("resize2fs /dev/sdb1 10G")) is Grade.CHANGES
    assert worst(found("mkswap /home/alice/link")) is Grade.GIVES, "it leads to /etc/sudoers"


def test_a_file_of_the_requesters_that_a_service_sees_gives_root() -> None:
    assert worst(found("systemctl bind cron.service /home/alice/x /etc/cron.d")) is Grade.GIVES
    assert worst(found("systemctl bind cron.service /srv/x /etc/cron.d")) is Grade.CHANGES


# --- tables of verbs ----------------------------------------------------------------------------------------------------

TABLE = DecisionTable("""
    -n                   harmless
    show|list            harmless
    keys -a|--all        reads     {program} shows all keys
    drop -f|--force      destroys  drops {2:a store} at once
    drop                 destroys  drops {2:a store}  until undrop
    hold -t|--time=0|off  stops    holds up {2}  until it is let go
    hold                 changes   holds up {2} for {-t|--time:a while}
    put * *              changes   puts {2} into {3+}
    run                  gives     {program} runs what follows
    store: hush          harmless
    close ()             stops     closes all  until it is opened
    close                changes   closes {2}
    other: *             gives     starts a shell
    ()                   leads     {program} has a prompt
""")


def told(*words: Word | str) -> tuple[Finding, ...]:
    judge = Judge({}, lambda path: None, "alice", "root", is_root=True)
    given = tuple(Word(word) if isinstance(word, str) else word for word in words)
    call = Call(judge, "store", "", given, "/", True, "", True, None)
    call._by(Row("store", TABLE, "f force a all n t: time:"))
    return judge.findings()


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("show x", ()),
        ("keys", ((Grade.UNKNOWN, Damage.DESTROYS, "jitd does not know what store keys changes"),)),
        ("keys --all", ((Grade.READS, Damage.NONE, "store shows all keys"),)),
        ("drop -f a", ((Grade.CHANGES, Damage.DESTROYS, "drops a at once, which cannot be undone"),)),
        ("drop", ((Grade.CHANGES, Damage.DESTROYS, "drops a store, until undrop"),)),
        ("drop -n a", ()),
        ("hold -t 0 a", ((Grade.CHANGES, Damage.STOPS, "holds up a, until it is let go"),)),
        ("hold -t off a", ((Grade.CHANGES, Damage.STOPS, "holds up a, until it is let go"),)),
        ("hold --time 5 a", ((Grade.CHANGES, Damage.NONE, "holds up a for 5"),)),
        ("put a b c", ((Grade.CHANGES, Damage.NONE, "puts a into b c"),)),
        ("put a", ((Grade.UNKNOWN, Damage.DESTROYS, "jitd does not know what store put a changes"),)),
        ("hush", ()),
        ("close", ((Grade.CHANGES, Damage.STOPS, "closes all, until it is opened"),)),
        ("close a", ((Grade.CHANGES, Damage.NONE, "closes a"),)),
        ("stir", ((Grade.UNKNOWN, Damage.DESTROYS, "jitd does not know what store stir changes"),)),
        ("", ((Grade.LEADS, Damage.NONE, "store has a prompt"),)),
        ("--help", ()),
    ],
)
def test_the_first_line_of_a_table_that_fits_counts(words: str, expected: tuple[tuple[Grade, Damage, str], ...]) -> None:
    assert tuple((one.grade, one.damage, one.what) for one in told(*words.split())) == expected


def test_a_word_that_is_not_known_counts_as_the_worst_that_it_may_be() -> None:
    free, bound = Word("", is_free=True), Word("dr", is_free=True, is_bound=True)
    assert damage(told(free)) is damage(told("-n", free)) is Damage.DESTROYS
    assert damage(told(bound)) is Damage.DESTROYS
    assert damage(told(Word("sh", is_free=True, is_bound=True))) is Damage.NONE
    assert worst(told("show", Word("x", is_free=True, is_bound=True))) is Grade.HARMLESS


def test_a_word_that_is_not_known_is_no_other_program_of_the_table() -> None:
    told_of = [one.what for one in findings_of_pattern(read_command_pattern(("/usr/sbin/netplan", "**")))]
    assert "sets the network anew from /etc/netplan, and may cut this host off" in told_of, told_of
    assert not [what for what in told_of if "interface" in what]


@pytest.mark.parametrize("text", [
    "dd if=/dev/zero of=/dev/sdnew", "dd if=/home/alice/x of=/dev/disk/by-id/new1",
    "sh -c 'cat /dev/zero > /dev/sdnew'", "shred /dev/sdnew", "rm -rf /srv/new-data", "rm -rf /var/lib/new-app",
    "find /srv/new-data -delete", "mkfs.ext4 /dev/sdnew",
])  # fmt: skip
def test_a_disk_or_a_directory_that_is_not_there_yet_may_be_there_when_the_command_runs(text: str) -> None:
    absent = [one for one in found(text) if one.damage is Damage.DESTROYS]
    there = [one for one in found(text.replace("new", "b1")) if one.damage is Damage.DESTROYS]
    assert len(absent) == len(there) == 1, (found(text), there)


def test_a_file_that_is_not_there_is_made_and_not_lost() -> None:
    for text in ("truncate -s 0 /srv/data/new.db", "pg_dump -f /srv/backup/new.dump app", "cp /srv/a.csv /srv/data/new.csv"):
        assert damage(found(text)) is Damage.NONE, found(text)


@pytest.mark.parametrize(("text", "grade", "lost"), [
    ("tpm2_clear -V", Grade.CHANGES, Damage.DESTROYS), ("tpm2_clear -V -V", Grade.CHANGES, Damage.DESTROYS),
    ("ldapdelete -V", Grade.CHANGES, Damage.DESTROYS), ("ldapdelete -V -x uid=carol,dc=x", Grade.CHANGES, Damage.DESTROYS),
    ("ldapmodify -V", Grade.CHANGES, Damage.NONE), ("ldappasswd -V", Grade.CHANGES, Damage.NONE),
    ("pm-suspend -h", Grade.CHANGES, Damage.STOPS), ("pm-hibernate --version", Grade.CHANGES, Damage.STOPS),
    ("dropdb -h --help", Grade.CHANGES, Damage.DESTROYS), ("fence_ilo -- -h", Grade.CHANGES, Damage.DESTROYS),
    ("bacula-dir -- -h", Grade.CHANGES, Damage.NONE),
])  # fmt: skip
def test_a_word_that_elsewhere_asks_for_help_or_a_version_and_here_does_not_comforts_nobody(
    text: str, grade: Grade, lost: Damage
) -> None:
    """-V says more, or the version and goes on; what stands after -- or is a value is no option."""
    assert (worst(found(text)), damage(found(text))) == (grade, lost), found(text)


@pytest.mark.parametrize("text", ["tpm2_clear --version", "ldapdelete --help", "pm-suspend --help", "dropdb --help", "eject -V"])
def test_who_asks_for_help_or_a_version_is_told_it_and_nothing_is_lost(text: str) -> None:
    assert found(text) == ()
