# SPDX-License-Identifier: Apache-2.0
"""The words with which a program only tells its version, or its options.

Law: such a word counts if it is the only one. A program stands here only if it is known to take the word so: tclsh(1), for
example, takes ``--version`` for nothing and is a shell afterwards, ``bash -v`` is a shell that says more, and ``systemctl
--help`` starts a pager.
"""

from __future__ import annotations

import re
from dataclasses import replace

from jitd_commands.judging import Call, Row

_WORDS = (
    (
        "--version",
        "aa-complain aa-disable aa-enforce adduser adjtimex alternatives ansible-galaxy ansible-pull apparmor_parser"
        " apptainer apt-mark aria2c barman bash blockdev bootctl borg brz busctl bzr cabal certbot chage chcon chfn"
        " chroot chsh conda coredumpctl cpanm createuser cvs darcs dbus-monitor dbus-send dhclient dnsmasq dpkg-divert"
        " dpkg-split dracut dumpcap duplicity efibootmgr elvish etcdctl etcdutl exim exim4 falco firejail fish gdbus"
        " grub-editenv grub-install grub-mkconfig grub-reboot grub-set-default grub2-editenv grub2-install"
        " grub2-mkconfig grub2-reboot grubby hg hwclock initdb iscsiadm kexec kill killall kopia ksh ksh93 ldbsearch"
        " loadkeys loginctl luarocks lvchange lvconvert lvcreate lvextend lvm lvreduce lvremove lvrename lvresize lxc-attach"
        " lxc-create lxc-execute lxc-start lxd m4 machinectl mamba mandb mc monit mysqld networkctl ntpd nu"
        " oomctl opam openconnect openvpn ovs-ofctl ovs-vsctl parallel patch pg_archivecleanup pg_ctl pg_resetwal"
        " pg_rewind pg_upgrade pgbackrest pgbench php-fpm pkill pm2 portablectl postgres pvchange pvck pvcreate pvmove"
        " pvremove pvresize pwsh rabbitmqadmin rdiff-backup redis-dump repmgr resolvectl restic rlwrap rmmod rpcclient"
        " rpmkeys rsnapshot runcon runuser rustup screen script scriptlive scriptreplay setfattr smbclient snapper"
        " start-stop-daemon su supervisorctl swapon sysdig systemctl systemd-analyze systemd-cgls systemd-confext"
        " systemd-delta systemd-sysext tailscale tarsnap tcsh terraform terragrunt tofu toolbox tshark update-alternatives"
        " updatedb userdbctl vault vgcfgrestore vgchange vgck vgcreate vgexport vgextend vgimport"
        " vgimportclone vgmerge vgreduce vgremove vgrename vgsplit wg-quick wireshark xonsh zellij zsh",
    ),
    (
        "--help",
        "aa-complain aa-disable aa-enforce adduser alternatives apparmor_parser apptainer apt-mark aria2c barman bash"
        " blockdev certbot chage chcon chfn chgpasswd chpasswd chroot chsh conda createuser cvs dbus-monitor dbus-send"
        " dnsmasq dpkg-divert dpkg-split dracut dumpcap duplicity efibootmgr etcdctl etcdutl falco firejail gpasswd"
        " groupmems grub-editenv grub-install grub-mkconfig grub-reboot grub-set-default grub2-editenv grub2-install"
        " grub2-mkconfig hwclock initdb iscsiadm java kexec kill killall ldbsearch ldconfig losetup lvchange lvconvert"
        " lvcreate lvextend lvreduce lvremove lvrename lvresize m4 mc mdadm modprobe monit needrestart netplan"
        " newusers ntpd openconnect openvpn ovs-ofctl ovs-vsctl parallel patch patronictl perl pg_archivecleanup"
        " pg_ctl pg_resetwal pg_rewind pg_upgrade pgbackrest pgbench php-fpm pkill pm2 postgres pvchange pvcreate"
        " pvmove pvremove pvresize rabbitmqadmin rabbitmqctl repmgr restic rlwrap rmmod rpcclient rpmkeys runcon"
        " runuser rustup screen script scriptreplay semanage setenforce setfattr smbclient snapper sos sosreport"
        " start-stop-daemon su supervisorctl swapon sysdig tailscale tcpdump tcsh terraform terragrunt tofu toolbox"
        " tshark unattended-upgrade update-alternatives updatedb useradd usermod vault vgchange vgcreate vgextend"
        " vgreduce vgremove vgrename wireshark zellij zsh",
    ),
    (
        "-V",
        "apachectl chroot conda crontab debugfs dumpe2fs httpd kill killall mc monit ncdu nginx pgbench pkill"
        " postgres rlwrap rmmod runuser rustup script sdparm smbclient sshd su swapon tmux unbound updatedb varnishadm"
        " varnishhist varnishlog varnishncsa varnishtop xfs_db xfs_io xfs_quota zellij",
    ),
    (
        "-v",
        "apache2ctl apachectl fish gdb haproxy httpd nginx perl php-fpm pm2 pwsh screen unbound unsquashfs wpa_cli"
        " wpa_supplicant",
    ),
    (
        "-vv",
        "haproxy",
    ),
    (
        "-h",
        "chage chgpasswd chpasswd gpasswd iftop mdadm nginx php-fpm pkill runuser semanage su tcpdump tshark unbound"
        " useradd usermod varnishadm wpa_cli wpa_supplicant",
    ),
    (
        "-help --help version -version",
        "terraform terragrunt tofu",
    ),
    (
        "-version",
        "java",
    ),
    (
        "version",
        "apptainer bao consul etcdctl lxd nomad patronictl pgbackrest rabbitmqctl restic supervisorctl tailscale vault",
    ),
    (
        "help",
        "pgbackrest rabbitmqctl restic",
    ),
)
_TELLS: dict[str, set[str]] = {}
for _asked, _names in _WORDS:
    for _name in _names.split():
        _TELLS.setdefault(_name, set()).update(_asked.split())


def telling(row: Row) -> Row:
    """Return ``row``, for which a call that only asks a program for its version or help is harmless."""
    if not any(name in _TELLS for name in row.names.split()):
        return row
    judge = row.judge

    def judged(call: Call) -> None:
        words = call.arguments
        told = _TELLS.get(call.name) or _TELLS.get(re.sub(r"[0-9.]+\Z", "", call.name)) or ()
        if not (len(words) == 1 and not words[0].is_free and words[0].text in told):
            return judge(call)
        call.knows_all()

    return replace(row, judge=judged)
