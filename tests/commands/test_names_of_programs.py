# SPDX-License-Identifier: Apache-2.0
"""A program is in the table only if some line shows what jitd says of it: a name that nobody has tried is a guess."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from jitd.core.grade import Grade, damage, worst
from jitd_commands import programs
from jitd_commands.grading import findings_of
from tests.commands.graded import REQUESTER, Line, Looker, command_of, corpus
from tests.table import each_row

FINISHED = (
    "clouds", "clusters", "containers", "databases", "languages", "mail", "monitoring", "network", "packages", "rare",
    "repositories", "services", "storage",
)  # fmt: skip
"""The modules of the table that have no name without a line. Add a module when its names are tried."""
NAMED = """
gives none ksu x
gives none sash x
gives none powershell x
gives none dotnet x
gives none mono x
gives none ghc x
gives none lein x
gives none mix x
gives none zig x
gives none nim x
gives none swift x
gives none kotlin x
gives none ctest x
gives none rlogin x
gives none cockpit-bridge x
gives none dosbox x
gives none jupyter-notebook x
gives none jupyter-lab x
gives none uxterm x
gives none lxterm x
gives none rxvt x
gives none urxvt x
gives none konsole x
gives none gnome-terminal x
gives none xfce4-terminal x
gives none Xwayland x
gives none xinit x
leads none bunx cowsay
leads none pnpx cowsay
leads none bundler install
leads none pipenv install
leads none cpanm Foo::Bar
leads none luarocks install x
leads none cabal install x
leads none mamba install x
leads none rustup update
changes none postalias /etc/aliases
changes none msmtp bob@example.org
reads none sosreport --batch
changes stops netfilter-persistent flush
changes none ip6tables-restore /srv/rules
changes stops iptables-legacy -F
harmless none iptables-nft -L -n
changes stops ip6tables-legacy -F
changes stops ip6tables-nft -P INPUT DROP
changes stops ebtables -F
changes stops arptables -A INPUT -j DROP
harmless none nstat -a
harmless none ifstat -a
harmless none ip6tables-save -c
changes stops rfkill block wifi
harmless none resolvconf -l
harmless none netcat -z web2 80
harmless none nc.openbsd -z web2 80
harmless none gpg2 --list-keys
harmless none gpgv /srv/x.sig /srv/x
harmless none gpgconf --list-dirs
changes none nsupdate -k /etc/bind/rndc.key
harmless none snmpget -v 2c -c public db1 sysUpTime.0
harmless none traceroute6 -n web2
harmless none tracepath6 web2
harmless none apt-config dump
harmless none apt-file search bin/vim
harmless none unattended-upgrades --dry-run
changes none do-release-upgrade
changes none debconf-set-selections /srv/answers
gives none apt-add-repository ppa:x/y
gives none rpmkeys --import /srv/key
changes none update-ca-certificates --fresh
changes none update-ca-trust extract
leads none gdebi /srv/x.deb
harmless none filefrag -v /srv/x
changes none kpartx -d /srv/x.img
changes destroys sg_sanitize --block /dev/sdb
harmless none fsck.ext2 -n /dev/sdb1
harmless none fsck.ext3 -n /dev/sdb1
changes none fsck.ext4 -y /dev/sdb1
changes none partprobe /dev/sdb
changes none pvresize /dev/sdb
changes none fsck.xfs /dev/sdb1
changes none fsck.vfat -a /dev/sdb1
changes stops lvchange -an vg0/srv
changes none lvrename vg0 srv data
changes none vgcreate vg1 /dev/sdc
changes none vgrename vg0 vg1
changes stops vgexport vg1
changes none vgimport vg1
changes none vgck vg0
changes none vgmerge vg0 vg1
changes none vgsplit vg0 vg1 /dev/sdc
changes none vgimportclone /dev/sdc
changes none pvchange -x n /dev/sdc
changes none pvck /dev/sdc
harmless none storcli64 /c0 show
changes destroys perccli /c0/v1 del
changes destroys perccli64 /c0/v1 del force
harmless none MegaCli -LDInfo -LALL -aALL
changes destroys MegaCli64 -CfgLdDel -L1 -a0
changes destroys hpssacli ctrl slot=0 ld 2 delete forced
harmless none hpacucli ctrl all show
changes destroys mt-st -f /dev/st0 erase
changes destroys tpm2_evictcontrol -C o -c 0x81000000
changes destroys tpm2_nvundefine 0x1500000
"""


def tried() -> set[str]:
    """Return the words of all lines of the corpus and of the tests."""
    here = Path(__file__).parent
    texts = [
        text for file in (here / "corpus").iterdir() for text in file.read_text("utf-8").splitlines() if text[:1] not in "#@"
    ]
    texts += [file.read_text("utf-8") for file in here.glob("*.py")]
    return {word for text in texts for word in re.findall(r"[\w.:+@\[-]+", text)}


@pytest.mark.parametrize("name", FINISHED)
def test_each_name_of_a_finished_module_has_a_line(name: str) -> None:
    known = tried()
    assert not [one for row in getattr(programs, name).ROWS for one in row.names.split() if one not in known]


@each_row("row", NAMED.strip().splitlines())
def test_what_is_said_of_a_program_that_no_list_has(row: str) -> None:
    grade, lost, line = row.split(maxsplit=2)
    made = Line(Grade.HARMLESS, None, line, False, tuple(line.split()), command_of(corpus()[1][0]).run_as, "/srv", True, ())
    found = findings_of(command_of(made), Looker(made), requester=REQUESTER)
    assert (worst(found).word, damage(found).word) == (grade, lost), found
