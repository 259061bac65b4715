# SPDX-License-Identifier: Apache-2.0
"""Rows of the table: the kernel, mounts, disks, devices and virtual machines."""

from __future__ import annotations

import re
from collections.abc import Mapping

from jitd_commands.judging import Call, Row
from jitd_commands.places import DISK
from jitd_commands.programs.decision_table import DecisionTable
from jitd_commands.programs.grammar import ANY, Effect, grammar, grammars
from jitd_commands.programs.shared import gives, objects, trusts, words
from jitd_commands.shell_text import Word


def _mounted_with(call: Call, word: Word) -> None:
    if word.is_free:
        call.gives("can mount any file system with any options")


def _mounted(call: Call, word: Word) -> bool:
    """What is mounted, or where: the options and the other word tell which."""
    _mount(call)
    return True


def _mount(call: Call) -> None:
    words = call.operands
    if call.has("h", "help", "V", "version") and not call.may_add_options or not (words or call.given):
        return None
    if call.may_add_options or any(word.is_free and word.text in ("", "-") for word in words):
        return call.gives("can change the kernel, mounts or devices")
    options = ",".join(word.text for word in call.values("o", "options"))
    if any(word.is_free for word in call.values("o", "options", "t", "types")):
        return call.gives("can mount any file system with any options")
    if len(words) < 2 and not call.has("bind", "B", "rbind", "R", "move", "M", "o"):
        return call.changes(f"mounts {words[0].text if words else 'file systems'}"[:66], is_whole=True)
    if words and re.search(r"remount.*\bro\b|\bro\b.*remount", options) and _MOUNTED.fullmatch(words[-1].text):
        return call.stops(
            f"lets nothing write to {words[-1].text}", back="until it is mounted to be written again", is_whole=True
        )
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


_DRIVERS = re.compile(
    r"ixgbe(vf)?|i40e|iavf|ice|igb|igc|e1000e?|tg3|bnx2x?|bnxt_en|mlx[45]_(core|en)|virtio_net|vmxnet3|hv_netvsc|ena|gve|r81[26]\d"
    r"|be2net|cxgb4|qede|sfc|atlantic|bonding|8021q|bridge|team"
)
"""Modules without which a host has no network."""


_CODE_KEYS = re.compile(
    r"kernel\.(core_pattern|core_pipe_limit|modprobe|hotplug|poweroff_cmd|usermodehelper\..*|modules_disabled|firmware_config\..*)|fs\.binfmt.*|dev\.tty\.ldisc.*|user\..*ns.*"
)


def _disk(call: Call) -> None:
    """Programs that write a whole disk or change how it is divided."""
    if call.name == "growpart" and call.has("N", "dry-run") and not call.may_add_options:
        return call.knows_all()
    shows = ("p",) if call.name in ("partx", "qemu-nbd", "nbd-client") else ("d", "dump", "print", "p", "n", "no-act", "J")
    if call.has("l", "list", "V", "version", "h", "help", *shows) and not call.may_add_options and not call.has("delete"):
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
        call.destroys("can delete what is on any disk")
        return call.gives("can change any disk")
    if call.name in ("parted", "growpart", "partx", "qemu-nbd", "nbd-client") and len(words) > 1:
        return _PARTED(call)
    told = f"changes or deletes the partitions of {device.text[:50]}: files on them may be gone"
    call.destroys(told, call.absolute(device) or "", DISK, back="", is_whole=True)


_PARTED = DecisionTable("""
    parted: * mklabel|mktable  destroys  makes the partitions of {1} anew: what is on it is gone
    parted: * rm               destroys  deletes the partition {3} of {1}: files on it are gone
    parted: * resizepart       destroys  changes the end of the partition {3} of {1}: files beyond it are gone
    parted: * mkpart*          changes   makes a partition of {1}
    parted: * rescue|set|name|disk_set|toggle|disk_toggle|type  changes   runs {2+} on {1}
    parted: *                  destroys  runs {2+} on {1}: files on it may be gone
    growpart:                  changes   makes the partition {2} of {1} larger
    partx: -d|--delete         changes   lets the kernel forget the partitions of {1:a disk}
    partx:                     changes   tells the kernel of the partitions of {1:a disk}
    qemu-nbd|nbd-client:       changes   makes a disk of {1+:a file or another host}
""")


def _formats(call: Call, word: Word) -> bool:
    """A file system is made on the disk ``word``, or in a file."""
    if word.is_free and not word.text:
        call.destroys("can delete what is on any disk")
        call.gives("can change the kernel, mounts or devices")
        return True
    path = call.absolute(word) or ""
    told = f"makes a new file system on {word.text[:50]}"
    if path and call.is_hers(path):
        call.changes(told, path, is_whole=True)
    else:
        call.destroys(f"{told}: what is on it is gone", path, DISK, back="", is_whole=True)
    return True


def _mkfs(call: Call) -> None:
    """``mkfs -t TYPE`` starts ``mkfs.TYPE`` with the options that follow."""
    if call.may_add_options or any(word.is_free and not word.text for word in call.operands):
        _formats(call, ANY)
    for word in call.operands[:1]:
        _formats(call, word)


def _makes(names: str, options: str, *, tells: str = "", dry: str = "", operands: str = "MADE [N]", is_long: bool = False) -> Row:
    """Return the row of programs that make a file system, with the options that only tell something, and those of a dry run."""
    rules = [f"{tells} ()  harmless" if tells else "", f"{dry} FILE:lists [N]  harmless" if dry else ""]
    rules += [f"{operands}  changes  makes a new file system on {{1}}"]
    return grammar(names, options, "\n".join(rules), abbreviates=is_long, types={"MADE": _formats})


_MOUNTED = re.compile(r"/(home|var(/lib|/log)?|usr|opt|boot)?/?")
"""File systems without which the host does not work."""


def _machine(call: Call) -> None:
    if [word.text for word in call.words] not in (["--version"], ["--help"], ["-version"]):
        return call.gives("can start virtual machines that have any disk of the host")
    call.knows_all()


_RESTRICTS = {
    "setenforce": "lets SELinux restrict programs",
    "setsebool": "sets {} of SELinux",
    "aa-disable": "lets AppArmor restrict {} no more",
    "aa-complain": "lets AppArmor only report what {} may not do",
    "aa-enforce": "lets AppArmor restrict {}",
    "aa-teardown": "lets AppArmor restrict nothing more",
    "apparmor_parser": "loads or removes what AppArmor restricts: {}",
}


def _audit(call: Call) -> None:
    if call.name in ("auditctl", "augenrules", "auditd"):
        if call.has("l", "s", "v") and not call.has("a", "d", "D", "e", "w", "R") and not call.may_add_options:
            return None
        told = "records what people do by other rules" if call.words else "reads the rules anew by which people are recorded"
        if call.name == "auditctl" and (call.has("D") or any(word.text == "0" for word in call.values("e"))):
            told = "records nothing more of what people do"
        return call.changes(told, "", "what is recorded")
    if call.name in words(
        "setenforce setsebool aa-disable aa-complain aa-teardown apparmor_parser aa-enforce aa-logprof aa-genprof"
    ):
        if call.name in ("aa-logprof", "aa-genprof"):
            return call.gives("starts an editor")
        if call.name == "apparmor_parser":
            trusts(call, call.operands)
        told = _RESTRICTS.get(call.name, "changes what restricts programs")
        if call.name == "setenforce" and not re.fullmatch("1|enforcing", objects(call, ""), re.IGNORECASE):
            told = "lets SELinux restrict nothing more"
        return call.changes(told.format(objects(call, "all programs")), "", "what restricts programs", is_whole=True)


_IPC = DecisionTable("""
    ipcrm: -a|--all  changes   deletes all memory and messages that processes share
    ipcrm:           changes   deletes memory or messages that processes share
    renice:          changes   changes how fast processes run
""")
_DEVICES = DecisionTable(
    """
    mokutil: --sb-state|--list-enrolled|-l|--list-new|-N|--list-delete|-D|--pk|--kek|--db|--dbx|--test-key|-t  harmless
    mokutil:                          changes   changes which keys may sign what the host boots
    fwupdmgr: get-*|security|report-history|search|verify|hwids  harmless
    fwupdmgr: refresh                 harmless
    fwupdmgr: *                       changes   changes the firmware of devices: {1} {2:}
    eject:                            changes   ejects {1+:a medium}
    etherwake|wakeonlan:              changes   wakes {1+:another host}
    rtcwake: -m|--mode=show           harmless
    rtcwake: -m|--mode=no|disable|on  changes   sets when the host wakes
    rtcwake: -n|--dry-run             harmless
    rtcwake|pm-*:                     stops     puts the whole host to sleep  until it wakes
    racadm: *action powerdown|graceshutdown  stops     switches off the host  until somebody switches it on
    racadm: *action                   stops     restarts the host at its power  which is away until it has started again
    racadm: get*                      harmless
    racadm:                           changes   runs {1} {2:} on the control of the hardware
""",
    acts="-h:pm-suspend,pm-hibernate -V:pm-suspend,pm-hibernate --version:pm-suspend,pm-hibernate",
)


def _kernel(call: Call, word: Word) -> None:
    """sysctl(8) shows a setting of the kernel, or sets it."""
    key, equals, _ = word.text.partition("=")
    if word.is_free and not word.text:
        call.gives("can change the kernel")
    elif equals and _CODE_KEYS.fullmatch(key.replace("/", ".").strip()):
        call.gives(f"changes the kernel setting {key[:40]}")
    elif equals:
        call.changes(f"sets {word.text[:60]} in the kernel")
    elif word.is_free:
        call.gives(f"changes the kernel setting {key[:40]}")


def _unloaded(call: Call, module: Word) -> bool:
    """A module is taken out of the kernel. Return True if the network needs it, which is told."""
    is_needed = module.is_free or _DRIVERS.fullmatch(module.text.replace("-", "_")) is not None
    if is_needed:
        told = f"removes {module.text[:60] or 'any module'} from the kernel, and cuts this host off"
        call.stops(told, back="until it is loaded again", is_whole=True)
    return is_needed


def _unmounted(call: Call, word: Word) -> bool:
    """A file system is unmounted. Return True if the host needs it, which is told."""
    is_needed = word.is_free or _MOUNTED.fullmatch(word.text) is not None
    if is_needed:
        call.stops(f"unmounts {word.text[:50] or 'any file system'}", back="until it is mounted again", is_whole=True)
    return is_needed


def _limited(call: Call, command: Word) -> None:
    if command.is_free or not re.match(r"(report|quot|df|state|print|help|path|quota)\b", command.text):
        call.changes("changes how much others may store")


_TYPES: Mapping[str, Effect] = {
    "UNMOUNTED": _unmounted,
    "QUOTA": _limited,
    "KERNEL": _kernel,
    "MODULE": _unloaded,
    "VARIABLE": lambda call, word: call.gives("sets variables of the programs that udev starts"),
    "LOADS": lambda call, word: call.gives("loads code into the kernel from another directory"),
}
ROWS = (
    *grammars(
        """
        = sgdisk  -Z|--zap-all -o|--clear|--zap -z -d|--delete=SAID -g|--mbrtogpt -m|--gpttombr=TEXT -l|--load-backup=FILE:reads
        -R|--replicate=DISK:writes -G|--randomize-guids -r|--transpose=TEXT -e|--move-second-header -s|--sort -n|--new=TEXT
        -N|--largest-new=N -c|--change-name=TEXT -t|--typecode=TEXT -A|--attributes=TEXT -u|--partition-guid=TEXT
        -U|--disk-guid=TEXT -h|--hybrid=TEXT -p|--print -i|--info=N -v|--verify -b|--backup=FILE:made -L|--list-types
        -f|--first-in-largest -F|--first-aligned-in-largest -D|--display-alignment -E|--end-of-largest -O|--print-mbr
        -P|--pretend -V|--version -a=N -j|--move-main-table=N -?|--help -T|--transform-bsd=N
        -P ...            harmless
        -Z|-o|-z ...      destroys  deletes all partitions of {1:a disk}: what is on it is gone
        -d ...            destroys  deletes the partition {-d:that it names} of {1:a disk}: files on it are gone
        -g|-m ...         destroys  converts the partitions of {1:a disk}: what is on it may be gone
        -l|-R|-r|-s ...   destroys  replaces the partitions of {1:a disk}: what is on it may be gone
        -n|-N ...         changes   makes a partition of {1:a disk}
        -t|-A|-c|-h|-e|-j ...  changes   changes the partitions of {1:a disk}
        -u|-U|-G ...      changes   changes the names by which others find {1:a disk}
        -p|-i|-v|-b|-L|-f|-F|-D|-E|-O|-V|-? ...  harmless
        ...               changes   changes the partitions of {1:a disk}
        = xfs_quota  -x -c=QUOTA -h -V -d=TEXT -D=FILE:trusts -P=FILE:trusts -p=TEXT -f
        ...               harmless
        = umount fusermount fusermount3: abbreviates  -V|--version -h|--help -t|--types=TEXT -O|--test-opts=TEXT -a|--all
        -A|--all-targets -l|--lazy -f|--force -R|--recursive -r|--read-only -d|--detach-loop -c|--no-canonicalize -n|--no-mtab
        --fake -q|--quiet -v|--verbose -i|--internal-only -z -u -N|--namespace=TEXT -o=TEXT
        --help|--version ()  harmless
        --all ...         stops     unmounts all file systems  until they are mounted again
        UNMOUNTED...      changes   unmounts {1+}
        = swapoff: abbreviates  -a|--all -v|--verbose -L=SAID -U=SAID -h|--help -V|--version
        --help|--version ()  harmless
        --all ...         changes   stops all swapping
        -L|-U ()          changes   stops swapping to {-L|-U:a disk}
        DISK...           changes   stops swapping to {1+}
        """,
        types=_TYPES,
    ),
    *grammars(
        """
        = udevadm: verbs  -d|--debug -h|--help -V|--version
        info: -q|--query=TEXT -p|--path=TEXT -n|--name=TEXT -r|--root -a|--attribute-walk -t|--tree -x|--export \
            -P|--export-prefix=TEXT \
            -d|--device-id-of-file=TEXT:plain -e|--export-db -c|--cleanup-db -w|--wait-for-initialization[=N] --no-pager \
            --property=TEXT --value \
            --json=TEXT --subsystem-match=TEXT --subsystem-nomatch=TEXT --attr-match=TEXT --sysname-match=TEXT
        trigger: -v|--verbose -n|--dry-run -q|--quiet -t|--type=TEXT -c|--action=TEXT -s|--subsystem-match=TEXT \
            -S|--subsystem-nomatch=TEXT -a|--attr-match=TEXT -A|--attr-nomatch=TEXT -p|--property-match=TEXT -g|--tag-match=TEXT \
            -y|--sysname-match=TEXT --name-match=TEXT -b|--parent-match=TEXT -w|--settle --wait-daemon[=N] --uuid
        settle: -t|--timeout=N -E|--exit-if-exists=TEXT
        control: -e|--exit -l|--log-level=TEXT -s|--stop-exec-queue -S|--start-exec-queue -R|--reload -p|--property=VARIABLE \
            -m|--children-max=N -t|--timeout=N --ping
        monitor: -p|--property -k|--kernel -u|--udev -s|--subsystem-match=TEXT -t|--tag-match=TEXT
        test|test-builtin: -a|--action=TEXT -N|--resolve-names=TEXT
        --help|--version ...  harmless
        info|monitor|settle|wait|verify ...  harmless
        trigger|control|test|test-builtin|hwdb ...  changes   {program} runs {1+} on the handling of devices
        = logger: abbreviates  -i --id[=TEXT] -t|--tag=TEXT -p|--priority=TEXT -s|--stderr --no-act -e|--skip-empty --msgid=TEXT
        --rfc3164 --rfc5424[=TEXT] --prio-prefix -n|--server=TEXT -P|--port=N -T|--tcp -d|--udp --octet-count --sd-id=TEXT
        --sd-param=TEXT -S|--size=N -u|--socket=TEXT --socket-errors[=TEXT] --journald[=FILE:reads] -f|--file=FILE:reads
        -h|--help -V|--version
        ...           harmless
        = dmesg: abbreviates  -C|--clear -c|--read-clear -D|--console-off -E|--console-on -F|--file=FILE:reads
        -f|--facility=TEXT -H|--human -J|--json -k|--kernel -L|--color[=TEXT] -l|--level=TEXT -n|--console-level=TEXT
        -P|--nopager -p|--force-prefix -r|--raw -S|--syslog -s|--buffer-size=N -T|--ctime -t|--notime -u|--userspace -w|--follow
        -W|--follow-new -x|--decode -d|--show-delta -e|--reltime --time-format=TEXT --since=TEXT --until=TEXT --noescape
        -h|--help -V|--version
        -C|-c ...     changes   {program} clears the messages of the kernel
        -D|-E|-n ...  changes   {program} hides messages of the kernel
        -P ...        harmless
        -H ...        pages     {program}
        ...           harmless
        = kexec  -l|--load=SAID --initrd=TEXT --append|--command-line=TEXT -e|--exec -u|--unload -p|--load-panic=TEXT -f|--force
        -S|--status --reuse-cmdline --reset-vga -t|--type=TEXT -x|--no-ifdown -s|--kexec-file-syscall -v|-V|--version -h|--help
        --mem-min=TEXT --mem-max=TEXT --entry=TEXT --load-preserve-context --load-jump-back-entry -d|--debug -c -a -y|--no-sync
        --version|--help|--status ()  harmless
        --load|--load-panic|--force ...  gives     {program} can start any kernel
        --unload ()   changes   forgets the kernel that is loaded
        ()            stops     starts the whole host with another kernel  which is away until it has started again
        TEXT...       gives     {program} can start any kernel
        = wall: abbreviates  -n|--nobanner -t|--timeout=N -g|--group=TEXT -h|--help -V|--version
        [NAMED]...    harmless
        = write: abbreviates  -h|--help -V|--version
        [NAMED]...    harmless
        = mesg: abbreviates  -v|--verbose -h|--help -V|--version
        [TEXT]        harmless
        = gcore  -o=FILE:made -a -d=TEXT
        ...           reads     {program} reads the memory of a process
        = edquota  -u -g -P -F=TEXT -t -T -r -n -f=TEXT -p=TEXT -m -V
        ...           gives     {program} starts an editor
        = setquota  -u -g -P -F=TEXT -a -t -T -r -b -p=TEXT -m -V -c
        ...           changes   changes how much others may store
        = quotaon quotaoff  -u -g -P -F=TEXT -a -v -p -f -x=TEXT
        quotaoff: ...  changes  lets everybody store as much as they like: {1+:it names nothing}
        quotaon: ...  changes   limits how much others may store: {1+:it names nothing}
        = sysctl: abbreviates  -n|--values -N|--names -e|--ignore -b|--binary -q|--quiet -h|--help -V|--version
        -p|--load[=FILE:runs] -f -r|--pattern=TEXT --system -w|--write -a|-A|-X|--all --deprecated -x -d --dry-run -o
        --help|--version|--all|--dry-run ...  harmless
        --load|--system|-f FILE:runs...  changes   {program} sets settings of the kernel from {1+:the files of the host}
        KERNEL...     harmless
        = ipmitool  -A=TEXT -l=TEXT -R=N -N=N -q -Q=TEXT -h -E -H=SAID -U=TEXT -P=TEXT -I=TEXT -L=TEXT -p=N -f=FILE:reads
        -o=TEXT -O=TEXT -C=TEXT -k=TEXT -y=TEXT -Y -S=FILE:reads -s -v -c -V -t=TEXT -b=TEXT -B=TEXT -T=TEXT -m=TEXT -M=TEXT
        -d=N -a -e=TEXT -K -z=N
        -V|-h ...                       harmless
        ()                              harmless
        sel list|elist|info|get ...     harmless
        sel ()                          harmless
        sensor list|get ...             harmless
        sensor ()                       harmless
        sdr list|elist|type|info|get|entity ...  harmless
        sdr ()                          harmless
        fru print ...                   harmless
        fru ()                          harmless
        lan print ...                   harmless
        chassis status ()               harmless
        chassis power status ()         harmless
        power status ()                 harmless
        mc|bmc info ()                  harmless
        dcmi power reading ()           harmless
        user list ...                   harmless
        channel info ...                harmless
        chassis power off|soft          stops     switches off {-H:the host} at its power  until somebody switches it on
        chassis power cycle|reset|diag  stops     restarts {-H:the host} at its power  which is away until it has started again
        power off|soft                  stops     switches off {-H:the host} at its power  until somebody switches it on
        power cycle|reset|diag          stops     restarts {-H:the host} at its power  which is away until it has started again
        chassis power on                changes   switches on {-H:the host}
        power on                        changes   switches on {-H:the host}
        chassis bootdev|bootparam ...   changes   lets {-H:the host} boot from {3+}
        sel clear                       changes   deletes the log of the hardware
        user set|enable|priv ...  leads  \
            {program} changes who may control the hardware, and start the host from other disks: {1} {2}
        sol activate ...                leads     {program} opens the console of {-H:the host}
        user|channel * ...              changes   changes who may control the hardware: {1} {2:}
        lan|sol * ...                   changes   changes the network of the control of the hardware: {1} {2:}
        mc|bmc reset ...                changes   restarts the control of the hardware
        * ...                           changes   runs {1} {2:} on the control of the hardware
        = modprobe: abbreviates  -h|--help -v|--verbose -q|--quiet -R|--resolve-alias -a|--all -C|--config=LOADS
        -d|--dirname=LOADS -S|--set-version=LOADS -r|--remove -n|--show|--dry-run -D|--show-depends -c|--showconfig -V|--version
        --first-time -f|--force --force-vermagic --force-modversion -b|--use-blacklist -i|--ignore-install|--ignore-remove
        -s|--syslog --remove-holders -w|--wait=N --show-exports --show-modversions --dump-modversions --remove-dependencies
        --dry-run|--show-depends|--showconfig|--version|--help|--resolve-alias ...  harmless
        --remove MODULE...  changes   {program} removes {1+:a module} from the kernel: what needs it stops
        TEXT ...      changes   {program} loads {1+} into the kernel
        = rmmod  -f|--force -s|--syslog -v|--verbose -V|--version -h|--help -w
        --version|--help ()  harmless
        MODULE...     changes   {program} removes {1+:a module} from the kernel: what needs it stops
        = insmod  -f|--force -s|--syslog -v|--verbose -V|--version -h|--help
        --version|--help ()  harmless
        ...           gives     {program} loads code into the kernel
        = kmod  -V|--version -h|--help
        --version|--help ()  harmless
        list|help|static-nodes ...  harmless
        ...           gives     {program} loads code into the kernel
        = depmod  -a|--all -A|--quick -b|--basedir=TEXT -m|--moduledir=TEXT -o|--outdir=DIR:writes -C|--config=FILE:trusts
        -e|--errsyms
        -E|--symvers=TEXT -F|--filesyms=TEXT -n|--show|--dry-run -P|--symbol-prefix=TEXT -v|--verbose -w|--warn -V|--version
        -h|--help
        --version|--help ()  harmless
        ...           gives     {program} loads code into the kernel
        = dkms  -a|--arch=TEXT -k|--kernelver=TEXT -m|--module=TEXT -v=TEXT -c|--config=FILE:reads -q|--quiet -V|--version
        -h|--help
        --all --force --sourcetree=TEXT --dkmstree=TEXT --installtree=TEXT --no-depmod --no-initrd --verbose -j=N
        --version|--help ()  harmless
        status ...    harmless
        ...           gives     {program} loads code into the kernel
        """,
        types=_TYPES,
    ),
    Row(
        "mount.nfs mount.cifs mount.fuse sshfs bindfs",
        _mount,
        "verbose fake o: options: v n r w h help V version f s sloppy C:",
    ),
    grammar(
        "mount",
        """
        -a|--all -c|--no-canonicalize -f|--fake -F|--fork -T|--fstab=FILE:trusts -i|--internal-only -l|--show-labels
        -m|--mkdir[=TEXT] -n|--no-mtab --options-mode=TEXT --options-source=TEXT --options-source-force -o|--options=OPTIONS
        -O|--test-opts=TEXT -r|--read-only|--ro -s -t|--types=OPTIONS --source=SOURCE --target=SOURCE --target-prefix=SOURCE
        -v|--verbose -w|--rw|--read-write -N|--namespace=TEXT -h|--help -V|--version -L|--label=TEXT -U|--uuid=TEXT -B|--bind
        -M|--move -R|--rbind --make-shared --make-slave --make-private --make-unbindable --make-rshared --make-rslave
        --make-rprivate --make-runbindable --onlyonce
        """,
        """
        --help|--version ...  harmless
        --all --fstab ()    gives     {program} mounts what another file says
        --all ()            changes   mounts what /etc/fstab names
        --label|--uuid ()   changes   mounts a disk as /etc/fstab says
        ()                  harmless
        MOUNTED [TEXT]      changes   mounts {1}
        """,
        abbreviates=True,
        types={"MOUNTED": _mounted, "OPTIONS": _mounted_with, "SOURCE": _mounted_with},
    ),
    Row(
        "fdisk gdisk sfdisk parted cgdisk partx nbd-client qemu-nbd growpart",
        _disk,
        "color:: L:: bytes units: u: x list-details s script m machine j json f fix a: align: i: info: v verify E F D P"
        " pretend list-types T list-free show-size getsz g show-geometry noheadings r raw o: p S pairs N: dry-run h H: t:"
        " types: output: b: n no-act l list V version help d dump print J"
        " delete force append backup B activate no-reread no-tell-kernel wipe: w: W: wipe-partitions: lock:: reorder"
        " part-type part-uuid part-label part-attrs disk-id relocate: update",
        operands="devices",
    ),
    _makes(
        "mke2fs mkfs.ext2 mkfs.ext3 mkfs.ext4",
        "-b=N -c -C=N -d=DIR:reads -D -e=TEXT -E=TEXT -F -g=N -G=N -i=N -I=N -j -J=TEXT -K -l=FILE:reads -L=TEXT -m=N -M=TEXT"
        " -n -N=N -o=TEXT -O=TEXT -q -r=N -S -t=TEXT -T=TEXT -U=TEXT -v -V -z=FILE:writes",
        tells="-V",
        dry="-n",
    ),
    Row("mkfs", _mkfs, "t: type: V v L: n: f F q c m: b:", telling="-V --version --help"),
    _makes(
        "mkntfs mkfs.ntfs",
        "-f|--fast -Q|--quick -L|--label=TEXT -C|--enable-compression -I|--no-indexing -n|--no-action -c|--cluster-size=N"
        " -s|--sector-size=N -p|--partition-start=N -H|--heads=N -S|--sectors-per-track=N -z|--mft-zone-multiplier=N"
        " -T|--zero-time -U|--with-uuid -F|--force -q|--quiet -v|--verbose --debug -V|--version -l|--license -h|--help",
        tells="-V|-l|-h",
        dry="-n",
        is_long=True,
    ),
    _makes(
        "mkfs.f2fs",
        "-a=N -c=DISK -d=N -e=TEXT -E=TEXT -f -g=TEXT -i -l=TEXT -U=TEXT -m -N=N -o=N -O=TEXT -C=TEXT -q -r -R=TEXT -s=N -S"
        " -t=N -T=N -w=N -z=N -V",
        tells="-V",
    ),
    _makes(
        "mkfs.minix",
        "-1 -2|-v -3 -n|--namelength=N -i|--inodes=N -c|--check -l|--badblocks=FILE:reads --lock[=TEXT] -h|--help -V|--version",
        tells="-h|-V",
        is_long=True,
    ),
    _makes(
        "mkudffs mkfs.udf",
        "-h|--help -l|--label=TEXT -u|--uuid=TEXT -b|--blocksize=N -m|--media-type=TEXT -r|--udfrev=N -n|--no-write"
        " --new-file --lvid=TEXT --vid=TEXT --vsid=TEXT --fsid=TEXT --fullvsid=TEXT --owner=TEXT --organization=TEXT"
        " --contact=TEXT --uid=N --gid=N --mode=N --read-only --bootarea=TEXT --strategy=N --spartable[=N] --sparspace=N"
        " --packetlen=N --vat --startblock=N --minblocks=N --closed --space=TEXT --ad=TEXT --noefe --locale --u8 --u16 --utf8",
        tells="-h",
        dry="-n",
        is_long=True,
    ),
    _makes(
        "mkfs.vfat mkfs.fat mkfs.msdos mkdosfs",
        "-a -A -b=N -c -C -D=N -f=N -F=N -g=TEXT -h=N -i=TEXT -I -l=FILE:reads -m=FILE:reads -M=N --mbr[=TEXT] -n=TEXT"
        " --codepage=N -r=N -R=N -s=N -S=N -v --variant=TEXT --invariant --offset=N --help",
        tells="--help",
        is_long=True,
    ),
    _makes(
        "mkfs.exfat",
        "-L|--volume-label=TEXT -c|--cluster-size=N -b|--boundary-align=N --pack-bitmap[=TEXT] -f|--full-format -V|--version"
        " -v|--verbose -h|--help -i|--volume-id=TEXT -s|--sector-size=N",
        tells="-V|-h",
        is_long=True,
    ),
    _makes(
        "mkfs.xfs",
        "-b=TEXT -c=TEXT -d=TEXT -f -i=TEXT -K -l=TEXT -L=TEXT -m=TEXT -n=TEXT -N -p=FILE:reads -q -r=TEXT -s=TEXT -V",
        tells="-V",
        dry="-N",
    ),
    _makes(
        "mkfs.btrfs",
        "-d|--data=TEXT -m|--metadata=TEXT -M|--mixed --csum|--checksum=TEXT -n|--nodesize=N -s|--sectorsize=N"
        " -O|--features=TEXT -R|--runtime-features=TEXT -L|--label=TEXT -U|--uuid=TEXT -b|--byte-count=N"
        " -r|--rootdir=DIR:reads --shrink -K|--nodiscard -f|--force -q|--quiet -v|--verbose -V|--version --help"
        " -l|--leafsize=N -A|--alloc-start=N",
        tells="-V|--help",
        operands="MADE MADE...",
        is_long=True,
    ),
    Row(
        "qemu-system-x86_64 qemu-system-aarch64 qemu-system-i386 qemu kvm virt-install virt-manager"
        " qemu-img guestfish guestmount",
        _machine,
    ),
    Row(
        "setpci bpftool crash flashrom rdmsr wrmsr devmem inb outb memtool i2cset",
        gives("can change the kernel or devices", unless="-l --list list version"),
    ),
    Row(
        "auditctl augenrules auditd",
        _audit,
        "a: d: A: w: W: R: e: k: p: l s v D b: f: c i m: r: S: F: C: t q: n: reset-lost reset_backlog_wait_time load"
        " backlog_wait_time: loginuid-immutable signal: check",
    ),
    Row(
        "setenforce setsebool aa-disable aa-complain aa-enforce aa-teardown aa-logprof aa-genprof apparmor_parser",
        _audit,
        "P N V v d: dir: no-reload a add r replace R remove C complain B K skip-cache T W write-cache j: jobs: q quiet verbose"
        " b: base: O: optimize: I: include: L: cache-loc: f: file: n: namespace: S stdout o: ofile: k show-cache mode: json"
        " reset help h audit",
        telling=(
            "--version:aa-disable,aa-complain,aa-enforce,apparmor_parser"
            " --help:setenforce,aa-disable,aa-complain,aa-enforce,apparmor_parser"
        ),
    ),
    Row("ipcrm", _IPC, "m: M: q: Q: s: S: a:: all::"),
    Row("renice", _IPC, "n: p g u priority: pid pgrp user relative: V version h help"),
    Row("mokutil", _DEVICES, "sb-state list-enrolled l list-new N list-delete D pk kek db dbx test-key t: help h"),
    Row(
        "fwupdmgr",
        _DEVICES,
        "json show-all force y assume-yes v verbose version h help no-reboot-check"
        " allow-reinstall allow-older allow-branch-switch no-unreported-check no-metadata-check no-safety-check"
        " no-history no-device-prompt no-remote-check sign filter: disable-ssl-strict only-emulated",
    ),
    Row("racadm", _DEVICES, "r: u: p: S i: nowarn"),
    Row(
        "eject rtcwake pm-suspend pm-hibernate wakeonlan etherwake",
        _DEVICES,
        "m: mode: s: t: d: n dry-run"
        " r cdrom scsi f floppy q tape v verbose p proc T traytoggle trayclose x: cdspeed: X listspeed a: auto: c:"
        " changerslot: i: manualeject: no-unmount M no-partitions-unmount F force noop V version date: device:"
        " seconds: time: list-modes adjfile: l u local utc b",
    ),
)
