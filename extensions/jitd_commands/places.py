# SPDX-License-Identifier: Apache-2.0
"""The files of a host that matter: what somebody gains who writes or reads them.

Law: no file is opened. The table is not complete, and it never decides a request. It is used only to warn people.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import lru_cache

from jitd.core.grade import Grade


@dataclass(frozen=True, slots=True)
class Asset:
    """What is known of a file. ``matters`` says why the file matters. ``written`` and ``read`` are the grades of a command of
    root's that changes or reads the file. If ``is_own`` is True, the file gives the account in whose home directory it is, which
    may be another one than root. ``kept`` says why it matters who reads it, if this is something else.
    """

    matters: str
    written: Grade
    read: Grade = Grade.HARMLESS
    is_own: bool = False
    kept: str = ""

    @property
    def shown(self) -> str:
        """Why it matters that the file is read."""
        return self.kept or self.matters


_G, _L, _C, _R, _H = Grade.GIVES, Grade.LEADS, Grade.CHANGES, Grade.READS, Grade.HARMLESS
_BELOW = r"(/.*)?"
DISK = "a disk, with all files on it"
DATABASE = "a database of other people's data"
STOPPED_BY = {
    "the whole host": "which may stop the host until somebody starts it again",
    "nobody but root can log in while it exists": "which stops the logins of people until it is deleted",
}
"""Why files matter that stop what many need when they are written, and what they stop."""
_Rows = tuple[tuple[str, str, Grade, Grade], ...]
_APART: _Rows = (
    (r"/dev/(null|zero|full|random|urandom|stdin|stdout|stderr|tty|fd/.*)", "", _H, _H),
    (r"/proc/self/fd/[012]", "", _H, _H),
    (r"/(etc|run)/nologin", "nobody but root can log in while it exists", _C, _H),
    (r"/proc/sysrq-trigger|/sys/power/state", "the whole host", _C, _H),
    (
        r"/sys/(class/(scsi_host|fc_host|iscsi_host)/[^/]+/(scan|issue_lip)|(block|class/block|class/scsi_device)/[^/]+/device/(rescan|delete))",
        "the disks that the kernel sees",
        _C,
        _H,
    ),
    (r"/proc/sys/vm/(drop_caches|swappiness|compact_memory|dirty_\w+)|/proc/sys/net/.*", "settings of the kernel", _C, _H),
    (
        r"/root/([^./][^/]*/)*[^./][^/]*\.(tar(\.\w+)?|t?gz|bz2|xz|zst|zip|sql|dump|csv|txt|log|pcap|out)",
        "root's own files",
        _C,
        _R,
    ),
    (
        r"/etc/(hosts|hostname|motd|issue(\.net)?|timezone|localtime|machine-id|adjtime|networks|aliases|mailname|hosts\.(allow|deny)"
        r"|resolv\.conf|host\.conf|services|protocols|os-release|lsb-release|ntp\.conf|chrony(/(chrony\.conf|sources\.d/.*))?"
        r"|chrony\.conf|nftables\.conf|iptables/.*|ufw(/.*)?|firewalld(/.*)?)",
        "settings of this host",
        _C,
        _H,
    ),
)
"""Files that matter less, or otherwise, than what is said of the places in which they are."""
_TABLE: _Rows = (
    (r"/etc/(g?shadow(-|[._~+].*)?|security/opasswd)|/var/backups/g?shadow.*", "password hashes", _G, _R),
    (r"/etc/(passwd-?|group-?|sub[ug]id-?|login\.defs|nsswitch\.conf|libnss.*)", "the accounts of this host", _G, _H),
    (r"/etc/(sudoers(\.d(/.*)?)?|sudo\.conf|sudo_logsrvd.*|doas\.conf|doas\.d(/.*)?|super\.tab)", "who may act as root", _G, _H),
    (rf"(/etc|/usr/share|/usr/lib|/var/lib)/polkit-1{_BELOW}", "who may act as root", _G, _H),
    (
        rf"/etc/(pam\.d|security|pam\.conf|securetty){_BELOW}|/(usr/)?lib(32|64|/[^/]+)?/security{_BELOW}|/usr/share/pam{_BELOW}"
        rf"|/usr/lib/pam\.d{_BELOW}|/etc/(authselect|sssd|krb5\.conf|krb5\.conf\.d|nslcd\.conf|ldap){_BELOW}",
        "who may log in, and how",
        _G,
        _H,
    ),
    (
        rf"/(etc|var/lib|usr/lib|usr/libexec|run|opt)/(jitd|jitpam|jitsudo){_BELOW}|/(etc|usr/lib|lib)/systemd/system/jitd.*"
        r"|/usr/s?bin/jit(d|pam|sudo)[^/]*",
        "jitd's own rules, code or record",
        _G,
        _R,
    ),
    (
        rf".*\.keytab|/var/(lib|kerberos)/krb5kdc{_BELOW}|/etc/krb5kdc{_BELOW}|/var/lib/sss/(db|secrets|mc|keytabs){_BELOW}"
        rf"|/var/lib/samba/private{_BELOW}|/tmp/krb5cc_.*|/run/user/[0-9]+/krb5cc{_BELOW}",
        "Kerberos keys",
        _G,
        _R,
    ),
    (r"/etc/ssh/ssh_host_[^/]*_key|/etc/ssh/.*_ca(_key)?", "the host's own key", _G, _R),
    (r"/etc/ssh/ssh_host_[^/]*\.pub|/etc/ssh/(moduli|ssh_known_hosts)", "keys of hosts", _G, _H),
    (rf"/etc/ssh{_BELOW}", "who may log in, and how", _G, _H),
    (r"/root/\.ssh/(authorized_keys2?|rc|environment|config)", "who may log in as root", _G, _R),
    (r"/root/\.ssh(/.*)?", "root's keys", _G, _R),
    (
        rf"/etc/(ssl/private|pki/tls/private|letsencrypt/(live|archive|accounts)|wireguard|ipsec\.secrets|openvpn|ppp){_BELOW}"
        r"|/etc/.*\.(key|p12|pfx|jks)|.*/(privkey[0-9]*|[^/]*[._-]key)\.pem|/var/lib/kubelet/pki/.*|.*\.(key|keyring|p12|pfx|jks|kdbx|ppk)|.*/\.gnupg(/.*)?",
        "private keys",
        _C,
        _R,
    ),
    (
        r".*/\.(pgpass|my\.cnf|netrc|git-credentials|vault-token|docker/config\.json|kube/config|aws/credentials|npmrc|pypirc|env)"
        r"|/etc/(mysql/debian\.cnf|kubernetes/.*\.conf|rancher/.*|vault.*|postfix/sasl_passwd.*|exim4/passwd\.client|ldap\.secret"
        r"|cifs.*|.*credentials.*|.*secret.*|NetworkManager/system-connections(/.*)?|netplan/.*|crypttab|chrony/chrony\.keys"
        r"|samba/smbpasswd|rndc\.key|bind/rndc\.key|restic.*|luks.*|borg.*)|/var/lib/(vault|etcd|rancher)(/.*)?",
        "secrets",
        _L,
        _R,
    ),
    (
        r"/(dev/(mem|kmem|port|crash|hpet)|proc/(kcore|(\d+|self|thread-self|\*)/mem))",
        "the memory of the host or of a process",
        _G,
        _R,
    ),
    (r"/proc/(\d+|self|\*)/(environ|auxv|stack|syscall)", "secrets in the memory of a process", _G, _R),
    (r"/proc/(\d+|self)/(root|cwd|fd)(/.*)?", "files of another process", _G, _R),
    (
        r"/dev/(sd|vd|xvd|hd|nvme|mmcblk|dm-|md|mapper/|disk/|loop|nbd|sg|sr|rbd|drbd|zvol/|vg|bcache|pmem|ram).*",
        DISK,
        _G,
        _R,
    ),
    (
        r"/dev/(input|uinput|kvm|fuse|vhost.*|tpm.*|vfio|bus/usb|pts|tty|console|ptmx|snapshot|watchdog|rtc|uhid|kmsg|autofs)[^/]*(/.*)?",
        "a device",
        _C,
        _C,
    ),
    (
        rf"/etc/(cron[^/]*|anacrontab|at\.(allow|deny)){_BELOW}|/var/spool/(cron|at|atjobs|anacron|incron){_BELOW}",
        "what root runs by itself",
        _G,
        _H,
    ),
    (
        rf"/(etc|run|usr/lib|lib|usr/local/lib|usr/share)/systemd{_BELOW}|/usr/share/dbus-1{_BELOW}|/etc/dbus-1{_BELOW}"
        rf"|/etc/(init\.d|rc[^/]*|inittab|init|default|sysconfig|conf\.d|xinetd\.[^/]*|inetd\.conf|supervisor|monit|runit|sv|s6)"
        rf"{_BELOW}|/(etc|run|usr/lib|lib)/(udev|tmpfiles\.d|sysusers\.d|binfmt\.d|modules-load\.d|modprobe\.d|sysctl\.d|initramfs[^/]*"
        rf"|dracut[^/]*){_BELOW}|/etc/(sysctl\.conf|modules|fstab|crypttab|mtab|udev|acpi|apm|logrotate\.(conf|d)|network"
        rf"|networkd-dispatcher|NetworkManager/dispatcher\.d|dhcp|ppp|update-motd\.d|apm|pm|resolvconf|ifplugd|needrestart"
        rf"|kernel|snmp|zabbix|nagios|icinga2?|salt|puppet(labs)?|chef|ansible|cloud|incron[^/]*){_BELOW}|/etc/cloud{_BELOW}"
        rf"|/var/lib/(cloud|systemd|NetworkManager|polkit-1){_BELOW}|/run/udev{_BELOW}"
        rf"|/run/user/0/systemd{_BELOW}|/srv/(salt|pillar|formulas|reactor){_BELOW}",
        "what root runs by itself",
        _G,
        _H,
    ),
    (
        rf"/boot{_BELOW}|/efi{_BELOW}|/etc/(grub\.d|grub[^/]*|kernel|lilo\.conf){_BELOW}|/(usr/)?lib/(modules|firmware){_BELOW}",
        "what the host boots",
        _G,
        _H,
    ),
    (
        rf"/etc/(ld\.so[^/]*|profile(\.d)?|bash[^/]*|bashrc|zsh[^/]*|zshrc|zshenv|csh[^/]*|environment(\.d)?|shells|skel|inputrc|ksh[^/]*"
        rf"|X11|xdg|vim|emacs|nanorc|python[^/]*|perl|ruby[^/]*|php|node[^/]*|openssl|ssl/openssl\.cnf|alternatives|manpath\.config"
        rf"|lesskey|screenrc|tmux\.conf|gitconfig|mailcap|subversion|gss|sasl2?|java[^/]*|locale[^/]*){_BELOW}",
        "what every program or shell loads",
        _G,
        _H,
    ),
    (
        rf"/(lib|lib32|lib64|libx32|usr/lib|usr/lib32|usr/lib64|usr/libexec|usr/libx32){_BELOW}",
        "libraries that every program loads",
        _G,
        _H,
    ),
    (rf"/(s?bin|usr/s?bin|usr/local|opt|snap|usr/games){_BELOW}", "programs that root runs", _G, _H),
    (rf"/usr/(share|include|src){_BELOW}", "what root's programs load", _G, _H),
    (
        rf"/etc/(apt|dpkg|yum[^/]*|dnf|zypp|pki/rpm-gpg|pacman[^/]*|apk|flatpak|unattended[^/]*){_BELOW}"
        rf"|/var/lib/(dpkg|apt|rpm|pacman|dnf|snapd|flatpak){_BELOW}|/var/cache/(apt|dnf|yum|debconf|man){_BELOW}",
        "packages and their scripts, which root runs",
        _G,
        _H,
    ),
    (
        rf"(/var)?/run/(docker|containerd/.*|podman/.*|crio/.*|lxd/.*|libvirt/.*|dbus/.*|systemd/.*)(\.sock)?|/var/lib/(lxd|incus)/.*socket"
        rf"|/var/snap/lxd{_BELOW}",
        "who uses it can control this host",
        _G,
        _H,
    ),
    (
        rf"/var/lib/(docker|containers|containerd|kubelet|libvirt|lxc|lxd|incus|machines|snapd){_BELOW}|/etc/(docker|containers|containerd"
        rf"|kubernetes|crio|libvirt|lxc|lxd|cni){_BELOW}",
        "containers or virtual machines that may have the whole host",
        _G,
        _H,
    ),
    (r"/var/(spool/)?mail/.+|/var/spool/(postfix|exim4?|mqueue)/.+", "other people's mail", _C, _R),
    (r"/var/lib/jenkins/(credentials\.xml|secrets(/.*)?|identity\.key[^/]*)", "secrets", _L, _R),
    (r"/srv/.*/\.env|/opt/.*/\.env|/var/www/.*/\.env", "secrets", _C, _R),
    (rf"/proc/(sys|\d+|self|irq|bus|fs|scsi|acpi){_BELOW}|/sys{_BELOW}", "the kernel", _G, _H),
    (r"/root/\.(bash_history|mysql_history|psql_history|.*history|lesshst)", "root's own files", _G, _R),
    (r"/root(/.*)?", "root's own files", _G, _R),
    (
        rf"/etc/(nginx|apache2?|httpd|lighttpd|caddy|haproxy|php[^/]*|postgresql|mysql|my\.cnf[^/]*|mariadb|redis|mongod?\.conf|bind|named[^/]*|unbound"
        rf"|dnsmasq[^/]*|postfix|exim4?|dovecot|samba|exports(\.d)?|proftpd|vsftpd[^/]*|rsyslog[^/]*|syslog-ng|audit[^/]*|fail2ban|collectd|telegraf"
        rf"|prometheus|grafana|tomcat[^/]*|squid|cups|munin|monit[^/]*|bacula|backuppc|rsnapshot[^/]*|smartd[^/]*|smartmontools|mdadm[^/]*|lvm|multipath[^/]*"
        rf"|iscsi|autofs|auto\.[^/]+|auto_master|watchdog[^/]*|thermald|strongswan[^/]*|swanctl|openvpn|wireguard|keepalived|corosync|pacemaker|consul[^/]*|nomad[^/]*)"
        rf"{_BELOW}",
        "settings of a service that root runs",
        _G,
        _H,
    ),
    (
        r"/var/lib/(postgresql|mysql|mongodb|redis|ldap|etcd|elasticsearch|influxdb|rabbitmq|mariadb)(/[^.].*|/)?",
        DATABASE,
        _C,
        _R,
    ),
    (
        r"/var/(lib/grafana|www)/?",
        "other people's data",
        _C,
        _H,
    ),
)
"""Places, which may overlap: of what is said of a file, the gravest counts, for each who writes and who reads it."""
_OWN = re.compile(
    r".*/(\.ssh(/.*)?|\.(bashrc|bash_[^/]+|profile|zshrc|zshenv|zprofile|zlogin|kshrc|cshrc|tcshrc|login|logout|pam_environment|vimrc"
    r"|exrc|gitconfig|psqlrc|pythonrc[^/]*|inputrc|screenrc|tmux\.conf|forward|k5login|k5users|rhosts|lesskey|xsession[^/]*|xprofile|emacs"
    r"|gdbinit|npmrc|curlrc|wgetrc)|\.(vim|emacs\.d|oh-my-zsh)(/.*)?|\.config/(systemd|autostart|fish|nvim|environment\.d|git)(/.*)?|\.local/(bin|lib|share/systemd)(/.*)?"
    r"|bin(/.*)?)",
    re.DOTALL,
)
_RUN_BY_OTHERS = re.compile(
    r"/run/user/[1-9][0-9]*/systemd(/.*)?"
    r"|/var/lib/jenkins/((.*/)?config\.xml|(init\.groovy\.d|plugins)(/.*)?)",
    re.DOTALL,
)
"""What an account runs by itself that is in no home directory, or in a place of its own there."""
_KEYS = re.compile(r".*/\.ssh/id_[^/.]+|.*/\.ssh", re.DOTALL)
_SETTINGS = Asset("settings that root's programs may read", _L)
"""What is in /etc, if nothing else is known of it."""
_KNOWN_APART, _KNOWN = (
    tuple((re.compile(pattern, re.DOTALL), Asset(matters, written, read)) for pattern, matters, written, read in rows)
    for rows in (_APART, _TABLE)
)

_KEPT = frozenset(
    {
        "password hashes",
        "the accounts of this host",
        "Kerberos keys",
        "the host's own key",
        "private keys",
        DISK,
        DATABASE,
        "other people's mail",
        "other people's data",
        "what the host boots",
        "libraries that every program loads",
    }
)
"""Why the files matter that nobody makes again."""
_KEPT_FILE = re.compile(
    r"/var/lib/jitd(/.*)?|/var/log/(audit|journal)(/.*)?|/var/log/(wtmp|btmp|lastlog|auth\.log|secure)"
    r"|/(var/|srv/|mnt/|opt/)?backups?(/.*)?"
    r"|.*\.(db|sqlite3?|mdb|ibd|frm|myd|sql|dump|rdb|aof|qcow2|vmdk|vdi|img|luks)(\.(gz|xz|zst|bz2|gpg))?",
    re.DOTALL,
)
"""Files that nobody makes again: jitd's record, what an auditor needs, backups, databases and virtual disks."""
_DATA_FILE = re.compile(
    r".*\.(db|sqlite3?|mdb|ibd|frm|myd|rdb|aof|qcow2|vmdk|vdi)|/var/log/(audit/audit\.log|wtmp|auth\.log|secure)"
    r"|/etc/(passwd|group|shadow|gshadow)",
    re.DOTALL,
)
_SPENT = re.compile(
    r"/(tmp|var/tmp|dev/(fd|shm)|var/cache|var/crash|run|var/run|proc)/.*|/var/lib/apt/lists(/.*)?"
    r"|/var/log/.*(\.([0-9]+|[gx]z|bz2|zst|old)|-[0-9]{8}[^/]*)"
    r"|(.*/)?(\.?[^/]*[._-]?caches?|te?mp|node_modules|__pycache__|\.pytest_cache|\.tox|\.?venv|\.terraform)(/.*)?",
    re.DOTALL,
)
"""Files that are made to be deleted."""
_LOG = re.compile(r".*\.(log|pid|lock|tmp|swp|pyc)", re.DOTALL)
"""Files that nobody keeps, if they are not among those that are kept."""
_TREES = re.compile(
    r"/|/(etc|usr|var|home|root|run|dev|proc|sys|lib|lib64)|/var/(lib|spool|run|backups|cache)|/usr/(lib|share|local)"
    r"|/run/user|/etc/ssl|/etc/pki"
)


@lru_cache(maxsize=1024)
def place_of(path: str) -> Asset | None:
    """Return what is known of the file at ``path`` (absolute, nothing is resolved), or None if it is as any other."""
    for pattern, place in _KNOWN_APART:
        if pattern.fullmatch(path):
            return place
    if places := [place for pattern, place in _KNOWN if pattern.fullmatch(path)]:
        written = max(places, key=lambda place: place.written)
        read = max(places, key=lambda place: place.read)
        return replace(written, read=read.read, kept=read.matters if read.read else "")
    if f"{path}/".startswith("/etc/"):
        return _SETTINGS
    if _RUN_BY_OTHERS.fullmatch(path):
        return Asset("who may act as this account", Grade.GIVES, is_own=True)
    if path.startswith(("/home/", "/var/lib/")):
        if _KEYS.fullmatch(path):
            return Asset("keys of SSH", Grade.GIVES, Grade.READS, is_own=True)
        if (found := re.match(r"(?:/home/[^/]+|/var/lib/[^/]+)(?=/)", path)) and _OWN.fullmatch(path[found.end() :]):
            return Asset("who may act as this account", Grade.GIVES, is_own=True)
    elif _KEYS.fullmatch(path):
        return Asset("keys of SSH", Grade.GIVES, Grade.READS, is_own=True)
    return None


def is_tree(path: str) -> bool:
    """True if files that matter are below the directory ``path``, so that a change of the whole tree changes them."""
    return _TREES.fullmatch(path) is not None


_OF_TREES = {
    "/": "everything on this host",
    "/etc": "all settings of this host",
    "/home": "the files of all people",
    "/root": "root's own files",
    "/usr": "the programs of this host",
    "/var": "the data of all services",
    "/var/lib": "the data of all services",
    "/dev": "all disks and devices",
    "/etc/ssl": "keys and certificates",
    "/etc/pki": "keys and certificates",
}


def tree_matters(path: str) -> str:
    """Return why the directory ``path`` matters, with all that is below it."""
    return _OF_TREES.get(path, "a large part of this host")


def matters_of(path: str) -> str:
    """Return why the file at ``path`` matters. Return an empty text if it is as any other."""
    if is_tree(path):
        return tree_matters(path)
    place = place_of(path)
    return place.matters if place else ""


def is_lost(path: str, *, is_tree: bool) -> bool:
    """True if something that nobody makes again is gone when ``path`` (of a tree: with all below it) is deleted."""
    if _SPENT.fullmatch(path):
        return False
    if _KEPT_FILE.fullmatch(path):
        return True
    place = place_of(path)
    return not _LOG.fullmatch(path) and (is_tree or bool(place and _KEPT & {place.matters, place.kept}))


def is_spent(path: str) -> bool:
    """True if the file at ``path`` is made to be deleted, or is a log, which programs empty daily."""
    return _SPENT.fullmatch(path) is not None or _LOG.fullmatch(path) is not None or path.startswith("/var/log/")


def is_data(path: str) -> bool:
    """True if the file at ``path`` is a disk, a database, the list of accounts or what an auditor needs: overwriting it destroys
    it.
    """
    place = place_of(path)
    return bool(place and place.matters in (DISK, DATABASE)) or _DATA_FILE.fullmatch(path) is not None


def may_have_data(path: str) -> bool:
    """True if what ``is_data`` means may be below the directory at ``path``."""
    return is_tree(path) or (place_of(path) is None and not is_spent(f"{path}/"))


def absolute(name: str, cwd: str) -> str:
    """Return ``name`` as an absolute path, without ``.``, ``..`` and empty components. No link is followed."""
    parts: list[str] = []
    for part in (name if name.startswith("/") else f"{cwd}/{name}").split("/"):
        if part == "..":
            parts = parts[:-1]
        elif part not in ("", "."):
            parts.append(part)
    return "/" + "/".join(parts)
