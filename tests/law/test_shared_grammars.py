# SPDX-License-Identifier: Apache-2.0
"""Names share a grammar only if they are one program (ADR 0203): what one takes for a flag swallows the verb of another."""

from __future__ import annotations

import re

from jitd_commands.programs import MODULES
from jitd_commands.programs.grammar import Grammar

ONE_PROGRAM = """
    7z 7za 7zr; :. :source; :command :builtin; :complete :compgen; :export :declare :typeset :local :readonly;
    :mapfile :readarray; ansible-inventory ansible-doc ansible-lint ansible-config; apt apt-get; apt-cache
    apt-config apt-file; apt-key add-apt-repository apt-add-repository rpmkeys; bzip2 bunzip2 bzcat;
    chef-client chef-solo cf-agent; chown chgrp; cmp zcmp; cron crond; diff bzdiff zdiff xzdiff colordiff; dnf yum;
    dpkg dpkg-deb; e2fsck fsck.ext2 fsck.ext3 fsck.ext4; envdir s6-envdir; faillock faillog; fd fdfind;
    fence_ipmilan fence_ilo; grep egrep fgrep zgrep zegrep zfgrep bzgrep xzgrep zstdgrep; groupadd groupmod; gzip
    gunzip zcat gzcat; hcloud doctl; http https; ifup ifdown; iptables ip6tables iptables-legacy iptables-nft
    ip6tables-legacy ip6tables-nft ebtables arptables; iptables-restore ip6tables-restore; iptables-save
    ip6tables-save; kdb5_util krb5_newrealm kdb5_ldap_util; kubectl oc; ld.so ld-linux-x86-64.so.2 ld-linux.so.2
    ld-linux-aarch64.so.1 ld-linux-armhf.so.3 ld-musl-x86_64.so.1; ln link; lvchange vgchange; lvextend lvreduce
    lvresize; lvremove vgremove pvremove; lvrename vgrename vgcfgrestore vgck vgreduce vgmerge vgsplit vgexport
    vgimport vgimportclone; lxc incus; md5sum sha1sum sha224sum sha256sum sha384sum sha512sum b2sum; mkdir mkfifo;
    mke2fs mkfs.ext2 mkfs.ext3 mkfs.ext4; mkfs.vfat mkfs.fat mkfs.msdos mkdosfs; mkntfs mkfs.ntfs; mkudffs mkfs.udf;
    mongo mongosh; mysql mariadb; mysqladmin mariadb-admin; mysqlcheck mariadb-check; mysqldump mariadb-dump; nc
    netcat nc.openbsd nc.traditional socket; nohup eatmydata catchsegv chronic dbus-launch tsocks torsocks torify
    run-one cronic catatonit run-this-one with-lock; pam-auth-update authconfig; pass gopass; pdsh dsh; postqueue
    mailq; pssh parallel-ssh; pvmove pvresize pvchange pvck; quotaon quotaoff; rabbitmqctl rabbitmq-diagnostics;
    reboot halt poweroff; redis-cli valkey-cli; rename prename file-rename; rpm rpmdb; rpmquery rpmverify; runc
    crun; setarch linux32 linux64 i386 uname26; setlock lckdo; setuidgid s6-setuidgid gosu su-exec; sg newgrp;
    snmpwalk snmpget; sosreport sos; ssh slogin; telinit init; toybox busybox; umount fusermount fusermount3;
    unattended-upgrade unattended-upgrades; vgcreate vgextend pvcreate; vipw vigr; xz unxz xzcat lzma unlzma lzcat;
    zstd unzstd zstdcat
"""
"""Names that share a grammar, and differ by more than a version. This list only becomes shorter: a new program has its own."""


def test_a_grammar_is_that_of_one_program() -> None:
    known = {frozenset(group.split()) for group in ONE_PROGRAM.split(";")}
    shared = {frozenset(row.names.split()) for module in MODULES for row in module.ROWS if isinstance(row.judge, Grammar)}
    more = {names for names in shared if len({re.sub(r"[-0-9a-z]?[0-9]?$|s$", "", name.lower()) for name in names}) > 1}
    assert more == known, (sorted(map(sorted, more - known)), sorted(map(sorted, known - more)))
