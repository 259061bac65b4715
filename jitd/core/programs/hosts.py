# SPDX-License-Identifier: Apache-2.0
"""Rows of the table: the kernel, mounts, disks, devices and virtual machines."""

from __future__ import annotations

import re

from jitd.core.judging import Call, Row, Verdict
from jitd.core.shell_text import Word


def _mount(call: Call) -> None:
    words = call.operands
    if call.has("h", "help", "V", "version", "l", "show-labels") and not call.may_add_options or not (words or call.given):
        return None
    if call.may_add_options or any(word.is_free and word.text in ("", "-") for word in words):
        return call.gives("can change the kernel, mounts or devices")
    options = ",".join(word.text for word in call.values("o", "options"))
    if any(word.is_free for word in call.values("o", "options", "t", "types")):
        return call.gives("can mount any file system with any options")
    if not words and call.has("t", "types") and not call.has("a", "all"):
        return None
    if len(words) < 2 and not call.has("bind", "B", "rbind", "R", "move", "M", "o"):
        if call.has("T", "fstab"):
            return call.gives("mounts what another file says")
        return call.changes(f"mounts {words[0].text if words else 'what /etc/fstab names'}"[:66], is_whole=True)
    if len(words) < 2:
        if re.search(r"(^|,)(suid|dev|exec|rw|loop|bind)", options) and not re.search(r"remount", options):
            return call.gives("mounts with other options than /etc/fstab has")
        return call.changes(f"mounts {words[0].text if words else 'file systems'}"[:66], is_whole=True)
    source, target = words[0], words[1]
    call.writes(target, how="mounts over", is_tree=True)
    path = call.absolute(source)
    kinds = {word.text for word in call.values("t", "types")}
    if call.has("bind", "B", "rbind", "R") or re.search(r"bind|upperdir", options):
        if path is not None and call.judge.changed_by(path):
            call.gives(f"mounts {path}, which belongs to others", path, is_whole=True)
        return None
    if re.search(r"(^|,)(ssh_command|sshfs_\w+|mount_program|fusermount_path|.*_helper)=|ProxyCommand", options) or any(
        kind.startswith("fuse.") and "/" in kind for kind in kinds
    ):
        call.gives("starts a program that its options name")
    is_safe = re.search(r"nosuid", options) is not None and re.search(r"nodev", options) is not None
    if (
        path is not None
        and ("/" in source.text)
        and not path.startswith("/dev/")
        and ":" not in source.text
        and (who := call.judge.changed_by(path))
    ):
        call.gives(f"mounts {path}, which belongs to {who}", path, is_whole=True)
    elif (
        ":" in source.text or source.text.startswith("//") or kinds & {"nfs", "nfs4", "cifs", "smb3", "fuse", "sshfs"}
    ) and not is_safe:
        call.leads("mounts a file system that may have set-uid programs", is_whole=False)
    elif kinds & {"fuse", "overlay", "9p", "virtiofs"} and not is_safe:
        call.leads("mounts a file system that others may fill")


def _changes(what: str) -> Verdict:
    def judge(call: Call) -> None:
        if not (
            len(call.words) == 1
            and call.words[0].text in ("--version", "--help", "-h", "-V", "--list", "-l", "-a", "-s", "--show", "list", "status")
        ):
            return call.changes(what)
        call.knows_all()

    return judge


def _gives(what: str) -> Verdict:
    def judge(call: Call) -> None:
        if not (
            len(call.words) == 1 and call.words[0].text in ("--version", "--help", "-h", "-V", "-l", "--list", "list", "version")
        ):
            return call.gives(what)
        call.knows_all()

    return judge


def _module(call: Call) -> None:
    if call.name == "modprobe":
        if call.has("C", "config", "d", "dirname", "S", "set-version"):
            return call.gives("loads code into the kernel from another directory")
        if call.has("n", "show", "dry-run", "D", "show-depends", "c", "showconfig", "V", "version") and not call.may_add_options:
            return None
        if call.has("r", "remove"):
            return call.changes("removes a module from the kernel")
        if any(word.is_free or "/" in word.text for word in call.operands):
            return call.gives("can load any module into the kernel")
        return call.changes("loads a module into the kernel")
    if call.name == "rmmod":
        return call.changes("removes a module from the kernel")
    for word in call.operands:
        call.gives("loads code into the kernel", call.absolute(word) or "", "the kernel")


_CODE_KEYS = re.compile(
    r"kernel\.(core_pattern|core_pipe_limit|modprobe|hotplug|poweroff_cmd|usermodehelper\..*|modules_disabled|firmware_config\..*)|fs\.binfmt.*|dev\.tty\.ldisc.*|user\..*ns.*"
)


def _sysctl(call: Call) -> None:
    words = call.operands
    if call.may_add_options or any(word.is_free and not word.text for word in words):
        return call.gives("can change the kernel")
    if call.has("p", "load", "system"):
        for word in [*call.values("p", "load"), *words]:
            call.runs_file(word)
        return call.changes("changes settings of the kernel")
    for word in words:
        key, equals, _ = word.text.partition("=")
        if not equals:
            continue
        if word.is_free and not equals or _CODE_KEYS.fullmatch(key.replace("/", ".").strip()):
            call.gives(f"changes the kernel setting {key[:40]}")
        else:
            call.changes(f"changes the kernel setting {key[:40]}")


def _disk(call: Call) -> None:
    """Programs that write a whole disk or change how it is divided."""
    if (
        call.has("l", "list", "V", "version", "h", "help", "d", "dump", "print", "p", "n", "no-act", "J")
        and not call.may_add_options
    ):
        return None
    words = call.operands
    if (
        call.name in ("parted", "partprobe")
        and any(word.text in ("print", "p", "unit", "align-check") for word in words[1:])
        and not any(word.text in ("rm", "mkpart", "mklabel", "mktable", "resizepart", "set", "name") for word in words[1:])
    ):
        return None
    device = words[0] if words else Word("")
    if call.may_add_options or device.is_free or device.text == "":
        return call.gives("can change any disk")
    call.changes(f"destroys or changes {device.text[:50]}", call.absolute(device) or "", "a disk, with all files on it")


def _mkfs(call: Call) -> None:
    if call.may_add_options or any(word.is_free and not word.text for word in call.operands):
        return call.gives("can change the kernel, mounts or devices")
    for word in call.operands[:1]:
        call.changes(f"destroys {word.text[:50]}", call.absolute(word) or "", "a disk, with all files on it")


def _volumes(call: Call) -> None:
    name = call.name
    verb = call.verb.text if call.verb is not None else ""
    if name == "lvm":
        return call.start(call.operands) if call.operands else call.gives("has a prompt for any command")
    words = [word.text for word in call.operands]
    if name == "cryptsetup" and any(re.match("--dump-(master|volume)-key|--unbound", word.text) for word in call.words):
        call.discloses("shows the key of a disk")
    if (name == "zfs" and verb == "snapshot") or (name == "btrfs" and words[:2] == ["subvolume", "snapshot"]):
        return None
    if name in (
        "zfs",
        "zpool",
        "btrfs",
        "mdadm",
        "multipath",
        "cryptsetup",
        "dmsetup",
        "losetup",
        "nvme",
        "xfs_quota",
        "iscsiadm",
        "targetcli",
        "gluster",
        "ceph",
        "rbd",
        "drbdadm",
        "stratis",
        "vdo",
        "mdadm.sh",
    ):
        if verb in (
            "list",
            "get",
            "status",
            "show",
            "iostat",
            "history",
            "version",
            "ls",
            "info",
            "table",
            "health",
            "df",
            "luksDump",
            "isLuks",
            "smart-log",
            "id-ctrl",
            "-l",
            "-s",
            "tree",
            "osd",
            "pg",
        ) and not (verb in ("osd", "pg") and len(words) > 1 and words[1] not in ("tree", "df", "stat", "dump")):
            return None
        if (
            words[1:2]
            and words[1] in ("list", "show", "usage", "df", "status", "stats", "info")
            and verb in ("filesystem", "subvolume", "device", "scrub", "fi", "sub", "volume", "pool", "qgroup", "balance")
        ):
            return None
        if name == "mdadm" and call.has("D", "detail", "E", "examine", "Q", "query") and not call.has("f", "r", "stop", "S"):
            return None
        if (
            name == "mdadm"
            and call.has("alert", "program", "F", "monitor")
            and any(word.text.startswith(("--program", "--alert", "-p")) for word in call.words)
        ):
            return call.gives("starts another program")
        if name == "losetup" and call.has("a", "l", "list", "all", "f") and not words and not call.has("d", "D", "detach"):
            return None
        for option in words if name == "zfs" else ():
            if option.startswith("mountpoint="):
                call.writes(Word(option.partition("=")[2]), how="mounts over", is_tree=True)
        if name in ("dmsetup", "losetup") and call.may_add_options:
            return call.gives("can change the kernel, mounts or devices")
        return call.changes(f"{verb[:20]} changes or destroys storage" if verb else "changes or destroys storage")
    call.changes("changes or destroys storage")


def _unmount(call: Call) -> None:
    does, every = (
        ("stops swapping to", "stops all swapping") if call.name == "swapoff" else ("unmounts", "unmounts all file systems")
    )
    for word in call.operands:
        call.changes(f"{does} {word.text[:50]}", is_whole=True)
    if call.has("a", "all"):
        call.changes(every, is_whole=True)


def _machine(call: Call) -> None:
    if [word.text for word in call.words] not in (["--version"], ["--help"], ["-version"]):
        return call.gives("can start virtual machines that have any disk of the host")
    call.knows_all()


def _log(call: Call) -> None:
    if call.may_add_options:
        call.changes("can clear messages of the kernel, and read any file")
    if call.name == "dmesg" and call.has("C", "clear", "c", "read-clear", "D", "E", "n"):
        return call.changes("clears or hides messages of the kernel")
    if call.name == "dmesg" and call.has("H", "human") and call.is_shown and not call.has("P", "nopager"):
        return call.leads("starts a pager, which can start a shell")
    if call.has("F", "file"):
        for word in call.values("F", "file"):
            call.reads(word)
    if call.name == "logger":
        for word in call.values("f", "file"):
            call.reads(word)


def _audit(call: Call) -> None:
    if call.name in ("auditctl", "augenrules", "auditd"):
        if call.has("l", "s", "v") and not call.has("a", "d", "D", "e", "w", "R") and not call.may_add_options:
            return None
        return call.changes("changes what is recorded", "", "what is recorded")
    if call.name in (
        "setenforce",
        "setsebool",
        "aa-disable",
        "aa-complain",
        "aa-teardown",
        "apparmor_parser",
        "aa-enforce",
        "aa-logprof",
        "aa-genprof",
    ):
        if call.name in ("aa-logprof", "aa-genprof"):
            return call.gives("starts an editor")
        return call.changes("changes what restricts programs", "", "what restricts programs")


def _quota(call: Call) -> None:
    if call.name == "edquota":
        return call.gives("starts an editor")
    call.changes("changes how much others may store")


def _dump_process(call: Call) -> None:
    for word in call.values("o"):
        call.writes(word, is_use=False)
    call.discloses("reads the memory of a process")


def _wall(call: Call) -> None:
    for word in call.operands:
        if "/" in word.text or word.is_any:
            call.reads(word)


def _udevadm(call: Call) -> None:
    if call.verb is not None and (call.verb.is_free or call.verb.text in ("trigger", "control", "test", "test-builtin", "hwdb")):
        if call.verb.text == "control" and any("=" in word.text for word in call.operands + call.values("property", "p", "E")):
            call.gives("sets variables of the programs that udev starts")
        call.trusts_words()
        call.changes("triggers or changes how devices are handled")


def _console(call: Call) -> None:
    if call.name in ("openvt", "loadkeys"):
        call.gives("starts programs at a console, or changes its keys")
    else:
        call.changes("changes a console")


_IPMI = re.compile(
    r"sel (list|elist|info|get)( \S+)*|sensor( list| get( \S+)+)?|sdr( (list|elist|type|info|get"
    r"|entity)( \S+)*)?|fru( print( \d+)?)?"
    r"|lan print( \d+)?|chassis status|(chassis )?power status|(mc|bmc) info|dcmi power reading"
    r"|user list( \d+)?|channel info( \d+)?"
)


def _ipmitool(call: Call) -> None:
    for word in call.values("f"):
        call.reads(word)
    asked = " ".join(word.text for word in call.operands)
    if call.words and (any(word.is_free for word in call.words) or not (_IPMI.fullmatch(asked) or call.has("V", "h"))):
        call.changes("changes hardware or power of the host")


def _kexec(call: Call) -> None:
    if call.has("l", "load", "p", "load-panic", "f", "force") or call.operands or call.may_add_options:
        return call.gives("can start any kernel")
    call.changes("starts another kernel")


ROWS = (
    Row(
        "mount mount.nfs mount.cifs mount.fuse sshfs bindfs guestmount mount.nfs4 mount.fuse3",
        _mount,
        "o: options: t: types: L: U: T: fstab: O: N: a all v n r w bind B rbind R move M l show-labels h help V version fake f",
        harmless="verbose fake",
    ),
    Row("umount fusermount fusermount3 swapoff", _unmount, "t: O: a all l f", harmless="version V help h"),
    Row(
        "insmod modprobe rmmod kmod depmod dkms",
        _module,
        "C: config: d: dirname: S: set-version: r remove n show dry-run D show-depends c showconfig V version",
        harmless="h help v verbose q quiet resolve-alias R a all",
    ),
    Row(
        "sysctl",
        _sysctl,
        "p:: load:: r: pattern: system w n e a A",
        harmless="n values N names e ignore b binary q quiet h help V version",
    ),
    Row("kexec", _kexec, "l: load: initrd: append: command-line: e exec u unload p: load-panic: f force"),
    Row(
        "fdisk gdisk sfdisk parted cgdisk sgdisk partx nbd-client qemu-nbd growpart",
        _disk,
        "t: types: o: output: b: n no-act l list V version h help d dump print J",
        harmless=(
            "color:: L:: bytes units: u: x list-details s script m machine j json f fix a: align: i: info: v verify E F D"
            " P pretend list-types T list-free F show-size getsz g show-geometry noheadings r raw o: p P S pairs N:"
            " dry-run h H:"
        ),
        operands="devices",
    ),
    Row(
        "mkfs mke2fs mkfs.ext2 mkfs.ext3 mkfs.ext4 mkfs.xfs mkfs.btrfs mkfs.vfat mkfs.fat mkdosfs mkntfs mkfs.ntfs"
        " mkfs.f2fs mkfs.minix mkudffs",
        _mkfs,
        "t: type: L: U: m: b: i: N: O: E: F n",
    ),
    Row("xfs_quota", _volumes, "D detail E examine Q query F monitor f r S stop a l list all d detach", harmless="x c: h V"),
    Row(
        "qemu-system-x86_64 qemu-system-aarch64 qemu-system-i386 qemu kvm VBoxManage vboxmanage virt-install virt-manager"
        " qemu-img guestfish",
        _machine,
    ),
    Row(
        "setpci bpftool crash flashrom rdmsr wrmsr devmem devmem2 ioport inb outb memtool i2cset spidev",
        _gives("can change the kernel or devices"),
    ),
    Row(
        "logger",
        _log,
        "C clear c read-clear D E n: H human P nopager F: file: f: t: p:",
        harmless=(
            "i id:: tag: priority: s stderr no-act e skip-empty msgid: rfc3164 rfc5424:: prio-prefix server: P: port: T"
            " tcp d udp octet-count sd-id: sd-param: S: size: h help V version"
        ),
        operands="a message",
    ),
    Row(
        "dmesg",
        _log,
        "C clear c read-clear D E n: H human P nopager F: file: f: t: p:",
        harmless=(
            "T ctime notime k kernel u userspace l: level: facility: w follow W follow-new x decode L:: color:: e reltime"
            " d show-delta r raw J json S syslog s: buffer-size: since: until: time-format: noescape h help V version p"
            " force-prefix human"
        ),
    ),
    Row(
        "auditctl augenrules auditd setenforce setsebool aa-disable aa-complain aa-enforce aa-teardown apparmor_parser"
        " aa-logprof aa-genprof",
        _audit,
        "a: d: w: R: e: k: p: l s v D",
    ),
    Row("edquota setquota quotaon quotaoff", _quota),
    Row("gcore ", _dump_process, "o:"),
    Row(
        "udevadm",
        _udevadm,
        "p: property: n: name:",
        harmless="a attribute-walk q: query: p: path: x export r root d device-id-of-file: h help V version t tree",
    ),
    Row("chvt openvt setfont loadkeys deallocvt", _console),
    Row("ipcrm", _changes("ends what processes share"), ""),
    Row("renice", _changes("changes how fast processes run"), ""),
    Row("wall write mesg", _wall),
    Row("ipmitool", _ipmitool, "H: U: P: I: L: p: f: o: O: C: k: y: Y S: v c V h", harmless="A: l: R: N: q: Q: h"),
    Row(
        "eject rtcwake pm-suspend pm-hibernate racadm wakeonlan etherwake",
        _changes("changes hardware or power of the host"),
    ),
)
