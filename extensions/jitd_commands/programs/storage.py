# SPDX-License-Identifier: Apache-2.0
"""Rows of the table: disks, volumes and file systems."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from jitd_commands.judging import Call, Row
from jitd_commands.programs.decision_table import DecisionTable, told
from jitd_commands.programs.grammar import Effect, grammar, grammars
from jitd_commands.programs.shared import nothing, trusts, who_changes, words
from jitd_commands.shell_text import Word

_DOES = DecisionTable("""
    nwipe:                              destroys  overwrites all of {1+:all disks that it finds}
    sg_format: --format|-F|--resize|-r  destroys  formats {1:a disk}: what is on it is gone
    sg_sanitize:                        destroys  erases all that is on {1:a disk}
    kpartx: -d                          changes   takes away the devices of the partitions of {1}
    kpartx:                             changes   makes devices of the partitions of {1}
    fsck*|btrfsck:                      changes   repairs the file system on {1:a disk}, and may delete files
    multipath: -t|-T|-l|--ll|-h         harmless
    multipath: -F|-f                    changes   takes away the devices of paths {1:that are not in use}
    multipath:                          changes   makes devices of the paths to disks
""")
"""What programs do to disks."""


def _disks(call: Call) -> None:
    if not call.has("version", "help", "V", "h"):
        for word in call.operands:
            path = call.absolute(word) if "/" in word.text else None
            if path is not None and not path.startswith("/dev/") and call.judge.touches(call, path):
                call.writes(word)  # an image of a disk in a file
        _DOES(call)


def _unless(*options: str) -> Callable[[Call], None]:
    """Return the function that judges a program that changes disks, unless one of ``options`` is given."""

    def judge(call: Call) -> None:
        is_open = any(word.is_free and word.is_any for word in call.words)
        if is_open or not call.has("V", "version", "help", *options):
            for word in call.values("z"):
                call.writes(word)
            _disks(call)

    return judge


_DEBUGFS_DESTROYS = [
    [verb] for verb in ("clri", "rm", "kill_file", "unlink", "rmdir", "zap_block", "freei", "freeb", "init_filesys")
]


def _debugfs(call: Call) -> None:
    if call.has("V"):
        return None
    if call.has("w"):
        for request in call.values("R"):
            if request.is_free or request.text.split()[:1] in _DEBUGFS_DESTROYS:
                call.destroys(f"does {request.text[:60] or 'anything'} to the file system {told(call.operands)}", is_whole=True)
        return call.gives("can write any file on the disk")
    for file in call.values("f"):
        call.reads(file)
        call.discloses("can read any file on the disk")
    requests = call.values("R")
    if not requests and not call.has("f"):
        return call.gives("can start a shell, and read any file on the disk")
    for request in requests:
        verb, *rest = request.text.split() or [""]
        if request.is_free or verb.startswith("!"):
            call.gives("can start a shell")
        elif verb in words("stats show_super_stats ls stat show_inode_info blocks icheck ncheck imap ffi lsdel"):
            continue
        elif verb in ("dump", "rdump", "logdump"):
            call.discloses("reads any file on the disk")
            if rest:
                call.writes(Word(rest[-1]))
        else:
            call.discloses("reads any file on the disk")


def _receives(call: Call) -> None:
    """The program makes files of what it reads, with their owners and rights."""
    given = call.input.path if call.input is not None else None
    named = [value for word, value in zip(call.words, call.words[1:], strict=False) if word.text == "-f" and call.name == "btrfs"]
    for word in [*named, *([given] if given is not None else [])]:
        if call.is_root and word.text and (who := who_changes(call, word)):
            call.gives(f"makes files of what {who} can choose, which may be set-uid", call.absolute(word) or "")


def _subvolumes(call: Call) -> None:
    if call.verb is not None and call.verb.text == "receive":
        _receives(call)
    _BTRFS(call)


def _mounted(call: Call, setting: Word) -> None:
    """A file system gets a ``setting``, which may be where it is mounted."""
    if setting.text.startswith("mountpoint=/"):
        call.writes(Word(setting.text.partition("=")[2], setting.is_free), how="mounts over", is_tree=True)
    elif setting.is_free and "mountpoint=/".startswith(setting.text[:12]):
        call.gives("can mount files over any directory")


def _received(call: Call, target: Word) -> None:
    """Files are made of the input."""
    _receives(call)


def _configured(call: Call, file: Word) -> None:
    """The program reads ``file``, which may name programs."""
    path = call.absolute(file)
    if file.is_free or ("/" in file.text and (path is None or call.judge.changed_by(path))):
        call.gives("starts programs that its configuration names")
    else:
        call.reads(file)


def _program(call: Call, file: Word) -> None:
    """The program starts ``file``, unless it is the name of a layout."""
    if file.is_free or "/" in file.text:
        call.runs_file(file)


def _settings(call: Call, text: Word) -> None:
    """The program has other settings, which may name programs."""
    if text.is_free or "/" in text.text:
        call.gives("starts programs that its settings name")


def _io(call: Call, file: Word) -> None:
    """xfs_io(8) does to ``file`` what its commands say."""
    commands = call.values("c") or [Word("", is_free=True)]
    shows = r"(p?read|stat|statfs|fiemap|bmap|help|lsattr|inode|label$|quit)\b"
    if any(one.is_free or not re.match(shows, one.text) for one in commands):
        call.writes(file)


_TYPES: Mapping[str, Effect] = {
    "IO": _io,
    "NAME": lambda call, word: None,
    "SETTING": _mounted, "TEXT:received": _received, "CONF": _configured, "PLAN": _program, "LVM": _settings,
}  # fmt: skip


def _hdparm(call: Call) -> None:
    words = [word.text for word in call.words]
    disk = next((word for word in words if word.startswith("/")), "a disk")[:60]
    if call.may_add_options or any(
        re.match("--(security-(erase|set|dis)|trim|write-sector|repair|make-bad|fwdown|dco)", one) for one in words
    ):
        return call.destroys(f"erases or locks {disk}, or writes to it past its file system", is_whole=True)
    is_set = any(re.search("[0-9]", one) for one in words if not one.startswith("/dev"))
    if is_set or any(not re.fullmatch("-[iItTgqCvrRmcdaAQkKuWMBXH]*", one) for one in words if one.startswith("-")):
        call.changes(f"changes how {disk} works", is_whole=True)


_NVME = DecisionTable("""
    list|list-subsys|list-ns|list-ctrl|*-log|id-*|version|show-*|get-feature|help|ns-descs  harmless
    format                         destroys  formats {2:a disk}: what is on it is gone
    sanitize|write-zeroes|write-uncor|dsm|write|compare  destroys  writes to or erases {2:a disk} past its file system
    delete-ns                      destroys  deletes a part of {2:a disk} with all that is in it
    create-ns|attach-ns|detach-ns  changes   changes into which parts {2:a disk} is divided
    reset|subsystem-reset          changes   starts {2:a disk} again
    connect*|discover              changes   connects disks of other hosts
    disconnect*                    stops     disconnects disks of other hosts: {-n:all}  until they are connected again
    fw-*                           changes   changes the firmware of {2:a disk}
    set-feature|device-self-test|get-property|set-property|dir-*|ns-rescan  changes   changes how {2:a disk} works
""")
_BTRFS = DecisionTable("""
    * show|df|usage|list|status|stats|du|show-super|help|version|get-default|find-new|dump-*  harmless
    subvol*|sub snap*             harmless
    version|help                  harmless
    subvol*|sub delete            destroys  deletes the subvolume {3+:that it names} with all files in it
    subvol*|sub create            changes   makes the subvolume {3}
    subvol*|sub set-default       changes   changes which files are mounted next from {4:a file system}
    device|dev add -f             destroys  adds {3:a disk} to {4:a file system}: what is on it is gone
    device|dev add                changes   adds {3:a disk} to {4:a file system}
    device|dev delete|remove      changes   takes {3:a disk} out of {4:a file system}
    device|dev *                  changes   runs {2} on the disks of file systems
    replace start                 changes   puts {4:a disk} in place of {3:another}
    check --repair|--init-csum-tree|--init-extent-tree  destroys  repairs the file system on {2:a disk}, and may delete files
    check                         harmless
    rescue zero-log               destroys  drops what was written last to {3:a disk}
    rescue *                      changes   repairs the file system on {3:a disk}
    filesystem|fi|fs resize       changes   changes the size of {4:a file system} to {3}
    filesystem|fi|fs *            changes   runs {2} on the files in {3+:a file system}
    balance|scrub|quota|qgroup *  changes   runs {1} {2} on the file system {3+:that it names}
    receive                       changes   makes a subvolume of what it reads
    send                          reads     {program} copies all files of {2:a subvolume}
    property *                    changes   changes settings of {3:a file system}
    restore                       reads     {program} copies files from {2:a broken disk} to {3}
""")


_STORES = {
    "ceph": r"|(status|health|df|versions|version)( detail)?|(osd|mon|pg|mgr|mds|fs|quorum|device"
    r"|orch|crash) (tree|df|stat|ls|status|perf|dump"
    r"|host ls|ps|services|pool stats|pool ls|pool autoscale-status|ls-\S+)( \S+)*|osd (blocked-by"
    r"|pool (ls|stats)( detail)?)|orch host ls",
    "drbdadm": r"(status|role|cstate|dstate|dump)( \S+)*",
    "gluster": r"(volume (status|info|list|heal \S+ info)|peer status|pool list)( \S+)*",
    "multipathd": r"(show|list) .*",
    "rbd": r"(ls|list|info|du|status|showmapped|device list|snap ls|mirror pool status)( \S+)*",
    "targetcli": r"(/\S* )?ls( \S+)*|version",
}
"""What programs of stores that several hosts share only show."""


_STORED = DecisionTable("""
    ceph: osd pool delete|rm            destroys  deletes the pool {4} with all that is in it
    ceph: osd pool rmsnap               destroys  deletes the snapshot {5} of the pool {4}
    ceph: osd pool set|create|rename|application  changes   runs {3} on the pool {4}
    ceph: osd purge|destroy|rm|lost     destroys  gives up the disk {3+} of the store: what only it has is gone
    ceph: osd out|down|reweight         changes   takes the disk {3+} out of use, which moves what is on it
    ceph: osd set pause|pauserd|pausewr  stops     stops all that reads or writes in the store  until it is unset
    ceph: osd set|unset                 changes   sets {3} for all disks of the store
    ceph: osd *                         changes   runs {2} on the disk {3+} of the store
    ceph: fs rm|reset                   destroys  deletes the file system {3}
    ceph: fs subvolume*|volume rm       destroys  deletes {4+:a volume} with all files in it
    ceph: fs fail                       stops     stops the file system {3}  until it is made joinable again
    ceph: mon remove|rm                 changes   takes the monitor {3} out of the cluster
    ceph: auth *                        changes   changes the keys of {3:the store}
    ceph: config|config-key *           changes   sets {2+} in the store
    ceph: orch rm|daemon                changes   runs {2+} on services of the store
    ceph: orch host rm|drain            changes   takes the host {4} out of the store
    ceph: orch device zap               destroys  erases the disk {4+}
    ceph: mds|mgr fail                  changes   lets another host take over from {3}
    drbdadm: invalidate*                destroys  overwrites what is on {2:a disk} with what another host has
    drbdadm: create-md|wipe-md          destroys  erases what describes {2:a disk} that hosts share
    drbdadm: primary --force|--overwrite-data-of-peer  destroys  makes {2:a disk} current: what another host has newer is gone
    drbdadm: *force|*data-of-peer|*my-data primary|connect|create-md  destroys  runs {2} {1} on {3}: what is newer there is gone
    drbdadm: connect --discard-my-data  destroys  throws away what is newer on {2:a disk} of this host
    drbdadm: down|detach|disconnect|secondary  stops     runs {1} on {2:a disk} that hosts share  until it is up again
    drbdadm: *                          changes   runs {1} on {2+:disks} that hosts share
    gluster: volume delete              destroys  deletes the volume {3}
    gluster: volume stop                stops     stops the volume {3} for all hosts  until it is started
    gluster: volume reset-brick|remove-brick|replace-brick  destroys  takes disks out of the volume {3} with their files
    gluster: snapshot delete|restore    destroys  runs {2} on the snapshot {3}
    gluster: volume *                   changes   runs {2} on the volume {3+}
    gluster: peer *                     changes   runs {2} on the host {3}
    multipathd: *                       changes   runs {1} {2:} on the paths of disks
    rbd: rm|remove                      destroys  deletes the disk {2}
    rbd: snap rm|remove|purge           destroys  deletes snapshots of the disk {3}
    rbd: snap rollback|revert           destroys  takes the disk {3} back: what was written since is gone
    rbd: trash purge|rm|remove          destroys  deletes {3:disks} that are in the trash
    rbd: trash mv|move                  changes   puts the disk {3} into the trash
    rbd: resize --allow-shrink          destroys  makes the disk {2} smaller: what is beyond its new end is gone
    rbd: import|create|clone|cp|copy|export  changes   does {1} with the disk {2+}
    rbd: *                              changes   runs {1} on the disk {2+}
    targetcli: * delete                 destroys  deletes {3+} at {1}, and what other hosts keep there may be gone
    targetcli: clearconfig              stops     takes all disks away from other hosts  until they are exported again
    targetcli: *                        changes   does {2+} at {1} to the disks that other hosts use
""")


def _stores(call: Call) -> None:
    trusts(call, call.values("c", "conf"))
    asked = " ".join(word.text for word in call.operands)
    if call.name == "ceph" and re.fullmatch(r"(auth (ls|list|get|print-key|export)|config-key (ls|dump|get))( \S+)*", asked):
        return call.discloses("shows keys of a store")
    if any(word.is_free for word in call.words) or not re.fullmatch(_STORES[call.name], asked):
        return _STORED(call)
    if not call.words and call.name in ("ceph", "targetcli", "gluster"):
        call.changes("has a prompt for commands that change a store")


_RAID = DecisionTable("""
    /* show                           harmless
    /* /* show                        harmless
    /* /* /* show                     harmless
    show|help|version|getconfig|getstatus|getversion|getlogs|list  harmless
    ctrl * show|config|detail|status  harmless
    ctrl * * show                     harmless
    ctrl * * * show                   harmless
    ctrl * * * * show                 harmless
    ctrl ... delete                   destroys  deletes {...:all}: what is on these disks is gone
    ctrl * * * * erase|modify         destroys  erases or changes {2+}
    delete|deleteconfig|uninit|task|setconfig  destroys  runs {1} {2:}: what is on these disks may be gone
    /* del|delete|clear|erase|init|initialize|secureerase|format  destroys  runs {2} on {1}: what is on these disks is gone
    /* ... del|delete|clear|erase|init|initialize|secureerase|format  destroys  erases disks of {1}: what is on them is gone
    /* start init|initialization|erase|format  destroys  runs {2+} on {1}: what is on these disks is gone
    /* set jbod|good*                 destroys  changes what {1} is: what is on it may be gone
    *                                 changes   runs {1} {2:} on the disks of the host
""")
_TAPE = DecisionTable("""
    status|stat|tell|datcompression|stshowopt*  harmless
    erase                            destroys  erases the tape in {-f:the drive}
    weof|eof|mkpartition|seteod|wsm  destroys  writes over the end of what is on the tape in {-f:the drive}
    *                                changes   moves the tape in {-f:the drive}: {1} {2:}
""")
_TPM = DecisionTable(
    """
    tpm2_clear:  destroys  deletes all keys in the TPM of this host: what they open is gone
    ...          destroys  deletes keys or data in the TPM of this host
""",
    acts="-V:tpm2_clear,tpm2_evictcontrol,tpm2_nvundefine",
)


def _raid_adapter(call: Call) -> None:
    """Its verbs are options."""
    verbs = [word.text for word in call.words if not re.fullmatch(r"-a\w+", word.text)]
    verb = verbs[0].lstrip("-") if verbs else ""
    shows = r"(?i)(ld|pd)(info|list|getprop|rebuild)|(adp|enc)\w*info|cfgdsply|v|h|adpcount"
    if re.fullmatch(shows, verb) and not any(word.is_free for word in call.words):
        return call.knows_all()
    erases = r"(?i)cfg(clr|lddel|forclear|eachdskraid|ldadd|spandel)|ldinit|pdclear|pdmakegood"
    if any(word.is_free for word in call.words) or re.match(erases, verb):
        return call.destroys(f"deletes or erases disks: {' '.join(verbs)[:60]}", is_whole=True)
    call.changes(f"runs {' '.join(verbs)[:60]} on the disks of the host", is_whole=True)


_LVM = """
    -A|--autobackup=TEXT -t|--test -v|--verbose -q|--quiet -d|--debug -y|--yes -f|--force -h|--help --longhelp --version
    --config=LVM --commandprofile=TEXT --profile=TEXT --driverloaded=TEXT --lockopt=TEXT --nolocking --nohints --devices=TEXT
    --devicesfile=TEXT --journal=TEXT -S|--select=TEXT --noudevsync --reportformat=TEXT --alloc=TEXT
"""
ROWS = (
    *grammars(
        """
        = ceph-volume: verbs  --cluster=TEXT --log-level=TEXT --log-path=TEXT -h|--help
        lvm|simple|raw|inventory: --osd-id=N --osd-fsid=TEXT --format=TEXT --all --destroy -f|--force --data=DISK \
            --block.db=DISK \
            --block.wal=DISK --bluestore --dmcrypt --no-systemd --yes --report --auto -h|--help --file=FILE:reads
        --help ...           harmless
        inventory ...        harmless
        lvm|simple|raw list|scan ...  harmless
        lvm|raw zap ...      destroys  erases the disk {3+:that it names}
        * ...                changes   runs {2+:} on disks of the store
        = rados  -p|--pool=TEXT --pgid=TEXT -c|--conf=FILE:trusts -n|--name=TEXT --id=TEXT -k|--keyring=FILE:reads -m=TEXT
        -f|--format=TEXT -s|--snap=TEXT -N|--namespace=TEXT --all --force --force-full --yes-i-really-really-mean-it -t=N -b=N
        -i|--input-file=FILE:reads -o|--output-file=FILE:writes --no-verify --create --cluster=TEXT -h|--help -v|--version -O=N
        --max-objects=N
        --help|--version ...  harmless
        ls|lspools|df|stat|listxattr|listwatchers|stat2 ...  harmless
        rmpool|purge|cppool ...  destroys  deletes the pool {2} with all that is in it
        rm|truncate|rollback ...  destroys  deletes {2+:objects} of the store
        get TEXT FILE:writes  reads     {program} shows or copies what is in the store
        export [FILE:writes]  reads     {program} shows or copies what is in the store
        listomapvals|getxattr ...  reads     {program} shows or copies what is in the store
        put|append TEXT FILE:reads ...  changes   runs {1+} in the store
        import FILE:reads ...  changes   runs {1+} in the store
        * ...                changes   runs {1+} in the store
        = cephadm: verbs  --image=TEXT --docker --data-dir=DIR:writes --log-dir=DIR:writes --unit-dir=DIR:writes -v|--verbose
        --timeout=N --retry=N -e|--env=TEXT --no-container-init -h|--help
        *: --fsid=TEXT --force --zap-osds --name|-n=TEXT -c|--config=FILE:trusts -k|--keyring=FILE:reads --keep-logs --no-detail \
            --legacy-dir=TEXT --expect-hostname=TEXT
        ls|version|inspect-image|list-networks|gather-facts|check-host|registry-login ...  harmless
        rm-cluster|rm-daemon|zap-osds ...  destroys  deletes daemons or disks of the store on this host
        shell|enter|run|bootstrap|deploy|adopt|unit|logs|ceph-volume ...  gives  \
            {program} starts containers that have the whole host
        --help ...           harmless
        * ...                changes   runs {1+} on the store
        """,
        types=_TYPES,
    ),
    *grammars(
        """
        = iscsiadm: abbreviates  -V|--version -h|--help -P|--print=N -m|--mode=TEXT -T|--targetname=SAID -p|--portal=TEXT
        -o|--op=TEXT -n|--name=TEXT -v|--value=TEXT -U|--logoutall=SAID -L|--loginall=TEXT -t|--type=TEXT -l|--login -u|--logout
        -R|--rescan -s|--stats -d|--debug=N -I|--interface=TEXT -S|--show -H|--host=TEXT -r|--sid=TEXT -W -D|--discover
        -i|--ifname=TEXT -a|--ip=TEXT --index=N -k|--killiscsid=N -x|--params=TEXT -b|--packetsize=N -C|--submode=TEXT
        -A|--portal_type=TEXT -c|--count=N
        --version|--help ()  harmless
        --mode=discovery* --type|--portal ...  changes  asks another host for its disks, and keeps what it finds
        --killiscsid ...     stops     ends the service of disks of other hosts  until it is started again
        --logoutall ...      stops     disconnects disks of other hosts: {-U}  until somebody logs in there again
        --logout ...         stops     disconnects disks of other hosts: {-T:all of them}  until somebody logs in there again
        --op=delete ...      changes   forgets how to reach {-T:disks of other hosts}
        --login|--loginall ...  changes   connects disks of {-T:other hosts}
        --op|--rescan|--stats ...  changes   changes how {-T:disks of other hosts} are reached
        --mode ...           harmless
        ...                  changes   changes how {-T:disks of other hosts} are reached
        = losetup: abbreviates  -a|--all -l|--list -j|--associated=TEXT -O|--output=TEXT:plain --output-all -n|--noheadings --raw
        -J|--json -h|--help -V|--version -f|--find -P|--partscan -r|--read-only --show -s|--sizelimit=N -o|--offset=N
        -b|--sector-size=N -d|--detach -D|--detach-all -c|--set-capacity --direct-io[=TEXT] --nooverlap -L -v|--verbose
        --loop-ref=TEXT
        --all|--list|--associated|--help|--version ...  harmless
        --detach-all ()    changes   takes away all loop devices
        --detach DISK...   changes   takes away {1+}
        --set-capacity DISK  changes   lets {1} have the size of its file
        --find FILE:reads  changes   makes a disk of {1}
        [DISK]             harmless
        DISK FILE:reads    changes   makes a disk of {2}
        = swapon: abbreviates  --noheadings --raw --bytes --show[=TEXT] -s|--summary --output-all -h|--help -V|--version
        -v|--verbose -p|--priority=N -o|--options=TEXT -a|--all -d|--discard[=TEXT] -e|--ifexists -f|--fixpgsz -L=TEXT -U=TEXT
        -T|--fstab=FILE:trusts
        --show|--summary|--help|--version ()  harmless
        --all|-L|-U ()  changes   swaps to what /etc/fstab names
        ()              harmless
        DISK...         changes   swaps to {1+}
        = dmsetup: abbreviates  --tree --columns -C --noheadings -o=TEXT --separator=TEXT --units=TEXT --readonly -r -s -t
        --target=TEXT -v --verbose --version -h --help --inactive --noflush --nolockfs --concise=FILE:trusts -f --notable
        -c=TEXT -O=TEXT -S=TEXT --table=TEXT -u=TEXT --uuid=TEXT --showkeys --exec=SHELL
        --showkeys ...  reads     {program} shows keys of disks
        ls|info|status|table|deps|version|targets|splitname ...  harmless
        --version|--help ...  harmless
        remove_all      stops     takes away all mapped disks that are not in use  until they are made again
        remove TEXT...  changes   takes away the mapped disk {2}
        wipe_table ...  stops     lets all reads and writes of {2:a mapped disk} fail  until its table is loaded again
        suspend ...     stops     stops all that reads or writes {2:a mapped disk}  until it is resumed
        resume ...      changes   lets programs read and write {2:a mapped disk} again
        create [TEXT] [FILE:reads]  changes  maps parts of disks as {2:a new disk}
        load|reload [TEXT] [FILE:reads]  changes  changes which disks {2:a mapped disk} is made of
        message|rename|setgeometry|clear|mknodes|udev*|mangle ...  changes   changes the mapped disk {2:it names}
        = smartctl  -h|--help|--usage -V|--version|--copyright|--license -i|--info --identify[=TEXT] -a|--all -x|--xall --scan
        --scan-open -g|--get=TEXT -j|--json[=TEXT] -q|--quietmode=TEXT -d|--device=TEXT -T|--tolerance=TEXT -r|--report=TEXT
        -n|--nocheck=TEXT -H|--health -c|--capabilities -A|--attributes -f|--format=TEXT -l|--log=TEXT:plain
        -v|--vendorattribute=TEXT
        -F|--firmwarebug=TEXT -P|--presets=TEXT -B|--drivedb=FILE:trusts -t|--test=TEXT -C|--captive -X|--abort
        -s|--smart|--set=TEXT -S|--saveauto=TEXT -o|--offlineauto=TEXT -b|--badsum=TEXT
        --test [DISK]   changes   {program} starts a test of {1:a disk}
        --smart|--saveauto|--offlineauto|--abort [DISK]  changes   {program} changes how it works: {1:a disk}
        [DISK]          harmless
        = blockdev  --getsize64 --getsz --getss --getpbsz --getro --getra --getbsz --getfra --getioopt --getiomin --getalignoff
        --getdiscardzeroes --getmaxsect --getsize --getzonesz --report -v -q -h|--help -V|--version --setro --setrw --rereadpt
        --flushbufs --setra=N --setfra=N --setbsz=N
        --setro|--setrw|--rereadpt|--flushbufs|--setra|--setbsz|--setfra DISK...  changes   changes how {1+} works
        [DISK]...       harmless
        = exportfs  -h -o=TEXT -a -r -u -i -f -v -s -d=TEXT
        -s|-h ()        harmless
        -u -a ...       stops     takes all directories away from the hosts that mount them  until they are exported again
        -u TEXT...      stops     takes {1+} away from the hosts that mount them  until they are exported again
        -o|-a|-r|-f ()  changes   lets other hosts mount what /etc/exports names
        ()              harmless
        TEXT...         changes   lets other hosts mount {1+}
        = clevis: verbs  -h|--help
        luks|decrypt|encrypt: -d=SAID -s=SAID -f -e=TEXT -q -y -t=N -k=FILE:reads -n=TEXT
        luks list       harmless
        luks unbind     destroys  takes the key {-s:…} of {-d:a disk} away: without another one, what is on it is gone
        luks pass       reads     {program} shows a key of {-d:a disk}
        luks unlock     changes   opens {-d:a disk}
        luks * ...      changes   changes the keys that open {-d:a disk}
        encrypt ...     harmless
        decrypt ...     reads     {program} reads secrets
        = xfs_db  -c=TEXT -f -i -l=DISK:writes -p=TEXT -r -x -R -V -F
        -V ()           harmless
        -x ...          gives     {program} can write any file on the disk
        ...             reads     {program} reads any file on the disk
        = xfs_io  -c=TEXT -C=TEXT -p=TEXT -a -d -f -F -i -L -m=TEXT -n -r -R -s -t -T -x -V
        -V ()           harmless
        -x ...          gives     {program} can write any file on the disk
        IO...           reads     {program} reads any file on the disk
        """,
        types=_TYPES,
    ),
    Row(
        "fstrim",
        nothing,
        "a all A fstab length: o: offset: l: m: minimum: I: listed-in: n dry-run v verbose quiet-unsupported h help V version",
        operands="mount points",
    ),
    Row("filefrag dumpe2fs xfs_info", nothing, "b h f g i m x V v e k s t X B", operands="devices", telling="-V:dumpe2fs"),
    Row(
        "kpartx nwipe sg_format sg_sanitize",
        _disks,
        "s v n b: p: autonuke nogui version help w r d a F format resize u force V D: f z B block C crypto O overwrite",
    ),
    *grammars(
        """
        = mkswap: abbreviates  -c|--check -f|--force -q|--quiet -p|--pagesize=N -L|--label=TEXT -v|--swapversion=N
        -U|--uuid=TEXT --verbose --lock[=TEXT] -e|--endianness=TEXT -o|--offset=N -s|--size=N -F|--file -h|--help -V|--version
        --help|--version ()   harmless
        /dev/* [N]            destroys  makes swap space of {1}: what is on it is gone
        DISK:writes [N]       changes   makes swap space of {1:a file}
        """,
        types=_TYPES,
    ),
    grammar(
        "blkdiscard",
        "-f|--force -o|--offset=N -l|--length=N -p|--step=N -s|--secure -z|--zeroout -v|--verbose -q|--quiet -h|--help"
        " -V|--version",
        """
        --help|--version ()  harmless
        DISK                 destroys  discards all that is on {1}
        """,
        abbreviates=True,
    ),
    *grammars(
        """
        = badblocks  -b=N -i=FILE:reads -o=FILE:writes -s -v -w -n -f -B -X -c=N -d=N -e=N -p=N -t=TEXT
        -w DISK:writes [N] [N]  destroys  overwrites all of {1} to test it
        -n DISK:writes [N] [N]  changes   overwrites all of {1} with what is on it
        DISK [N] [N]            harmless
        = fsfreeze: abbreviates  -f|--freeze -u|--unfreeze -h|--help -V|--version
        --help|--version ()  harmless
        --freeze TEXT        stops     stops all writes to {1}  until it is thawed
        TEXT                 changes   lets programs write to {1} again
        = e2label
        DISK:writes TEXT  changes   changes the name or settings of the file system {1}
        DISK  harmless
        = xfs_growfs  -d -l -r -n -i -t=FILE:reads -x -D=N -L=N -R=N -e=N -m=N -V
        -V ()    harmless
        -n TEXT  harmless
        TEXT     changes   makes the file system {1} larger
        = partprobe  -d -s -h -v
        -h|-v|-d ...  harmless
        DISK...  changes   tells the kernel of the partitions of {1:all disks}
        = e2image  -r -Q -I -a -c -f -n -p -b=N -B=N -o=N -O=N
        -I DISK:writes DISK           destroys  writes what describes a file system over that of {1}
        -r|-Q|-a DISK:writes [DISK:writes]  changes   copies the file system {1} to {2}
        DISK:writes DISK:writes       changes   copies what describes the file system {1} to {2}
        = e2undo  -f -h -n -o=N -v -z=FILE:writes
        -n FILE:reads DISK     harmless
        -h FILE:reads          harmless
        FILE:obeys DISK:writes  destroys  takes back changes of the file system on {2}
        """,
        types=_TYPES,
    ),
    Row(
        " ".join(_STORES),
        _stores,
        "n: id: name: c: conf: k: keyring: p: pool: f: format: s w v h version help status force discard-my-data allow-shrink"
        " yes-i-really-really-mean-it yes-i-really-mean-it mode: cluster: xml size: image-feature: data-pool: all"
        " detail image: snap: no-progress allow-running",
    ),
    *grammars(
        """
        = wipefs: abbreviates  -a|--all -b|--backup[=DIR:writes] -f|--force -i|--noheadings -J|--json -n|--no-act -o|--offset=N
        -O|--output=TEXT:plain -p|--parsable -q|--quiet -t|--types=TEXT --lock[=TEXT] -h|--help -V|--version
        --help|--version ()  harmless
        --no-act FILE:lists...  harmless
        --all|--offset DISK:writes...  destroys  erases the signatures on {1+:a disk}: its file systems are gone
        FILE:lists...        harmless
        = e2fsck fsck.ext2 fsck.ext3 fsck.ext4  -p -a -n -y -c -r -k -f -v -d -D -F -t -V -b=N -B=N -l=FILE:reads -L=FILE:reads
        -C=N -j=TEXT -E=TEXT -z=FILE:writes
        -V ...       harmless
        -n DISK      harmless
        DISK:writes  changes   repairs the file system on {1}, and may delete files
        = xfs_repair  -f -L -l=TEXT -m=N -n -P -r=TEXT -v -c=TEXT -o=TEXT -t=N -d -e -V
        -V ()        harmless
        -n DISK      harmless
        -L DISK:writes  destroys  drops the log of the file system on {1}: the last changes are gone
        DISK:writes  changes   repairs the file system on {1}, and may delete files
        = tune2fs  -c=N -e=TEXT -f -g=TEXT -i=TEXT -j -J=TEXT -l -m=N -o=TEXT -r=N -u=TEXT -C=N -L=TEXT -M=TEXT -O=TEXT -Q=TEXT
        -E=TEXT -T=TEXT -U=TEXT -I=N -z=FILE:writes -p=N -h
        -c|-e|-g|-i|-j|-J|-m|-o|-r|-u|-C|-L|-M|-O|-Q|-E|-T|-U|-I DISK:writes  changes   \
            changes the settings of the file system on {1}
        -l DISK      harmless
        = resize2fs  -d=N -f -F -M -P -p -b -s -S=N -z=FILE:writes
        -P DISK            harmless
        DISK:writes [N]    changes   changes the size of the file system on {1}
        """,
        types=_TYPES,
    ),
    Row("fsck fsck.xfs fsck.vfat", _unless("n", "N"), "n N T f y p c v b: B: C: t: P:: a A r R s l k V M o q i: u w x progress"),
    Row("debugfs", _debugfs, "h R: f: b: s: d: z: w c i D n V", chosen="can start a shell", telling="-V:debugfs"),
    grammar(
        "lvm",
        _LVM,
        """
        --help|--version ...          harmless
        ()                            changes   runs what is typed on volumes
        lvmconfig|lvmdiskscan|dumpconfig|version|help|formats|segtypes|fullreport ...  harmless
        PROGRAM                       harmless
        """,
        dialect="posix",
        types=_TYPES,
    ),
    grammar(
        "lvcreate",
        f"""
        {_LVM}
        -n|--name=NAME -L|--size=TEXT -l|--extents=TEXT -s|--snapshot -T|--thin -V|--virtualsize=TEXT -m|--mirrors=N
        -i|--stripes=N -I|--stripesize=TEXT -c|--chunksize=TEXT -C|--contiguous=TEXT -M|--persistent=TEXT -j|--major=N --minor=N
        -p|--permission=TEXT -r|--readahead=TEXT -R|--regionsize=TEXT -a|--activate=TEXT -k|--setactivationskip=TEXT
        -K|--ignoreactivationskip -W|--wipesignatures=TEXT -Z|--zero=TEXT -H|--cache --type=TEXT --thinpool=TEXT
        --cachepool=TEXT --cachevol=TEXT --cachemode=TEXT --poolmetadatasize=TEXT --addtag=TEXT --nosync --monitor=TEXT
        --ignoremonitoring --errorwhenfull=TEXT --discards=TEXT --vdo --compression=TEXT --deduplication=TEXT
        --raidintegrity=TEXT --minrecoveryrate=TEXT --maxrecoveryrate=TEXT
        """,
        "--test|--help|--version ...  harmless\nTEXT...  changes   makes the volume {-n|--name:that it names} in {1:a group}",
        types=_TYPES,
    ),
    grammar(
        "lvextend lvreduce lvresize",
        f"""
        {_LVM}
        -L|--size=TEXT -l|--extents=TEXT -r|--resizefs -n|--nofsck -i|--stripes=N -I|--stripesize=TEXT -m|--mirrors=N
        --poolmetadatasize=TEXT --use-policies|--usepolicies --nosync --fs=TEXT --fsmode=TEXT --type=TEXT
        """,
        """
        --test|--help|--version ...              harmless
        lvextend: TEXT...                        changes   makes the volume {1:that it names} larger
        lvreduce|lvresize: -r TEXT...            changes   changes the size of the volume {1:that it names} and its file system
        lvreduce: TEXT...  destroys  makes the volume {1:that it names} smaller: files beyond its new end are gone
        lvresize: -L=-* TEXT...  destroys  makes the volume {1:that it names} smaller: files beyond its new end are gone
        lvresize: -l=-* TEXT...  destroys  makes the volume {1:that it names} smaller: files beyond its new end are gone
        lvresize: TEXT...                        changes   changes the size of the volume {1:that it names}
        """,
        types=_TYPES,
    ),
    grammar(
        "lvremove vgremove pvremove",
        f"{_LVM}\n--nohistory",
        """
        --test|--help|--version ...  harmless
        lvremove: TEXT...  destroys  destroys the volume {1+:that it names} and all files on it  which vgcfgrestore may bring back
        vgremove: TEXT...  destroys  destroys all volumes of the group {1+:that it names} with all files on them
        pvremove: TEXT...  destroys  erases what makes {1+:a disk} a part of a volume group
        """,
        types=_TYPES,
    ),
    grammar(
        "vgcreate vgextend pvcreate",
        f"""
        {_LVM}
        -l|--maxlogicalvolumes=N -p|--maxphysicalvolumes=N -s|--physicalextentsize=TEXT -M|--metadatatype=TEXT -Z|--zero=TEXT
        --addtag=TEXT --dataalignment=TEXT --dataalignmentoffset=TEXT --labelsector=N --metadatacopies|--pvmetadatacopies=N
        --vgmetadatacopies=TEXT --metadatasize=TEXT --metadataignore=TEXT --restoremissing --shared --systemid=TEXT
        --bootloaderareasize=TEXT -u|--uuid=TEXT --restorefile=FILE:reads --norestorefile --setphysicalvolumesize=TEXT
        """,
        """
        --test|--help|--version ...  harmless
        pvcreate: TEXT...            destroys  makes {1+:disks} ready for volumes: what is on them is gone
        vgcreate|vgextend: -f|-y TEXT TEXT...  destroys  puts {2+:disks} into the volume group {1}: what is on these disks is gone
        vgcreate|vgextend: TEXT TEXT...  changes   puts {2+:disks} into the volume group {1}
        """,
        types=_TYPES,
    ),
    grammar(
        "lvchange vgchange",
        f"""
        {_LVM}
        -a|--activate=TEXT -p|--permission=TEXT -M|--persistent=TEXT -K|--ignoreactivationskip -k|--setactivationskip=TEXT
        -r|--readahead=TEXT -u|--uuid -x|--resizeable=TEXT -l|--logicalvolume=N -C|--contiguous=TEXT -j|--major=N --minor=N
        -s|--physicalextentsize=TEXT -Z|--zero=TEXT --refresh --resync --rebuild=TEXT --syncaction=TEXT --sysinit --monitor=TEXT
        --ignoremonitoring --ignorelockingfailure --poll=TEXT --addtag=TEXT --deltag=TEXT --metadataprofile=TEXT --detachprofile
        --maxrecoveryrate=TEXT --minrecoveryrate=TEXT --writemostly=TEXT --writebehind=N --errorwhenfull=TEXT --discards=TEXT
        --cachemode=TEXT --cachepolicy=TEXT --cachesettings=TEXT --compression=TEXT --deduplication=TEXT --systemid=TEXT
        --lockstart --lockstop --majoritypvs --setautoactivation=TEXT --pvmetadatacopies=N --vgmetadatacopies=TEXT
        """,
        """
        --test|--help|--version ...  harmless
        -a=n|ln|-n TEXT...           stops     takes {1+:all volumes} away  until they are activated
        TEXT...                      changes   changes {1+:volumes}
        """,
        types=_TYPES,
    ),
    grammar(
        "lvconvert",
        f"""
        {_LVM}
        -b|--background -c|--chunksize=TEXT -H|--cache -i|--interval|--stripes=N -I|--stripesize=TEXT -m|--mirrors=N
        -n|--name=TEXT -R|--regionsize=TEXT -r|--readahead=TEXT -s|--snapshot -T|--thin -Z|--zero=TEXT --cachemode=TEXT
        --cachepool=TEXT --cachevol=TEXT --merge --mergesnapshot --mergethin --mirrorlog=TEXT --originname=TEXT
        --poolmetadata=TEXT --poolmetadatasize=TEXT --poolmetadataspare=TEXT --repair --replace=TEXT --split --splitcache
        --splitmirrors=N --splitsnapshot --startpoll --swapmetadata --thinpool=TEXT --trackchanges --type=TEXT --uncache
        --usepolicies
        """,
        """
        --test|--help|--version ...  harmless
        --merge|--mergesnapshot|--mergethin TEXT...  destroys  takes a volume back to {1}: what was written since is gone
        TEXT...                      changes   changes how the volume {1:that it names} is stored
        """,
        types=_TYPES,
    ),
    grammar(
        "pvmove pvresize pvchange pvck",
        f"""
        {_LVM}
        -n|--name=TEXT -i|--interval=N -b|--background --abort --atomic -a|--all -x|--allocatable=TEXT -u|--uuid --addtag=TEXT
        --deltag=TEXT --metadataignore=TEXT --setphysicalvolumesize=TEXT --dump=TEXT:plain --repair --repairtype=TEXT
        --labelsector=N
        """,
        """
        --test|--help|--version ...  harmless
        pvmove: TEXT...              changes   moves what is on {1:disks} to other disks
        pvresize: TEXT...            changes   changes the size of {1:a disk} in its volume group
        pvck: --dump TEXT            reads     {program} shows what describes volumes
        pvck: TEXT...                changes   repairs what describes {1:volumes}
        pvchange: TEXT...            changes   changes {1+:disks}
        """,
        types=_TYPES,
    ),
    grammar(
        "lvrename vgrename vgcfgrestore vgck vgreduce vgmerge vgsplit vgexport vgimport vgimportclone",
        f"""
        {_LVM}
        -a|--all -l|--list -n|--name|--basevgname=TEXT -i|--import --removemissing --mirrorsonly --updatemetadata
        --file=FILE:reads -M|--metadatatype=TEXT --importdevices --maxlogicalvolumes=N --maxphysicalvolumes=N
        """,
        """
        --test|--help|--version ...  harmless
        lvrename|vgrename: TEXT TEXT [TEXT]  changes   renames {1} to {2+}
        vgcfgrestore: -l TEXT        harmless
        vgcfgrestore: TEXT [TEXT]    destroys  replaces what describes the volumes of {1:a group} by an older copy
        vgck: TEXT...                changes   repairs what describes {1:volumes}
        vgreduce: --removemissing -f TEXT...  destroys  deletes all volumes of the group {1} with a part on a missing disk
        vgreduce: TEXT...            changes   takes {2+:disks} out of the volume group {1}
        vgmerge|vgsplit: TEXT TEXT TEXT...  changes   moves disks between the volume groups {1} and {2}
        vgexport: TEXT...            stops     takes the volume group {1:that it names} away from this host  until it is imported
        vgimport|vgimportclone: TEXT...  changes   makes the volume group {1:that it names} available
        """,
        types=_TYPES,
    ),
    *grammars(
        """
        = cryptsetup  -?|--help --usage -V|--version --active-name=TEXT --align-payload=N --allow-discards -q|--batch-mode
        --cancel-deferred -c|--cipher=TEXT --debug --debug-json --deferred --device-size=N --decrypt --disable-external-tokens
        --disable-keyring --disable-locks --disable-veracrypt --dump-json-metadata --dump-volume-key|--dump-master-key --encrypt
        --force-password --force-offline-reencrypt -h|--hash=TEXT --header=FILE:reads --hotzone-size=N --init-only
        -I|--integrity=TEXT --integrity-legacy-padding --integrity-no-journal --integrity-no-wipe -i|--iter-time=N
        --iv-large-sectors --json-file=FILE:reads --keep-key --key-description=TEXT -d|--key-file=FILE:reads -s|--key-size=N
        -S|--key-slot=N --keyfile-offset=N -l|--keyfile-size=N --keyslot-cipher=TEXT --keyslot-key-size=N --label=TEXT
        --luks2-keyslots-size=N --luks2-metadata-size=N --volume-key-file|--master-key-file=FILE:reads --new-keyfile=FILE:reads
        --new-key-slot=N --new-keyfile-offset=N --new-keyfile-size=N --new-token-id=N -o|--offset=N --pbkdf=TEXT
        --pbkdf-force-iterations=N --pbkdf-memory=N --pbkdf-parallel=N --perf-no_read_workqueue --perf-no_write_workqueue
        --perf-same_cpu_crypt --perf-submit_from_crypt_cpus --persistent --priority=TEXT --progress-json --progress-frequency=N
        -r|--readonly --reduce-device-size=N --refresh --resilience=TEXT --resilience-hash=TEXT --resume-only --sector-size=N
        --serialize-memory-hard-pbkdf --shared -b|--size=N -p|--skip=N --subsystem=TEXT --tcrypt-backup --tcrypt-hidden
        --tcrypt-system --test-args --test-passphrase -t|--timeout=N --token-id=N --token-only --token-replace --token-type=TEXT
        -T|--tries=N -M|--type=TEXT --unbound --use-random --use-urandom --uuid=TEXT --veracrypt --veracrypt-pim=N
        --veracrypt-query-pim -v|--verbose -y|--verify-passphrase -B|--block-size=N -N|--new --use-directio --use-fsync
        --write-log
        luksHeaderRestore: --header-backup-file=FILE:reads
        luksHeaderBackup: --header-backup-file=FILE:writes
        luksDump: --volume-key-file|--master-key-file=FILE:writes
        --help|--usage|--version|--test-args ...  harmless
        ()                              harmless
        luksDump|tcryptDump|bitlkDump|fvault2Dump --dump-volume-key DISK  reads  {program} shows the key of a disk
        open|luksOpen --test-passphrase DISK [TEXT]  harmless
        status|isLuks|luksDump|luksUUID|tcryptDump|bitlkDump|fvault2Dump DISK  harmless
        benchmark                       harmless
        luksFormat DISK [FILE:reads]    destroys  encrypts {2} anew: what is on it is gone
        erase|luksErase DISK            destroys  erases all keys of {2}: what is on it is gone
        luksKillSlot DISK N             destroys  takes a key of {2} away: without another one, what is on it is gone
        luksRemoveKey DISK [FILE:reads]  destroys  takes a key of {2} away: without another one, what is on it is gone
        luksHeaderRestore DISK          destroys  replaces the keys of {2} by older ones
        reencrypt [DISK] [TEXT]         destroys  encrypts {2:a disk} anew: if it is interrupted, what is on it may be gone
        luksAddKey|luksChangeKey DISK [FILE:reads]  changes   changes the keys that open {2}
        luksHeaderBackup DISK           reads     {program} copies the keys of {2}
        open|luksOpen|plainOpen|loopaesOpen|tcryptOpen|bitlkOpen|fvault2Open DISK [TEXT]  changes   opens {2} as {3}
        create TEXT DISK                changes   opens {3} as {2}
        close|luksClose|remove|plainClose|loopaesClose|tcryptClose|bitlkClose|fvault2Close TEXT  changes   closes {2}
        luksSuspend TEXT                stops     stops all that reads or writes {2}  until luksResume and its password
        luksResume TEXT                 changes   lets programs read and write {2} again
        resize TEXT                     changes   changes the size of {2}
        luksConvertKey DISK [FILE:reads]  changes   changes what describes the encryption of {2}
        config|convert|repair DISK      changes   changes what describes the encryption of {2}
        token add|remove|import|export|unassign DISK  changes   changes what describes the encryption of {3}
        = zpool: verbs  -?|--help -V|--version
        status|list|iostat|events|get|history|version: -c=TEXT -D -d -e -f -g -H -i -j|--json --json-int --json-flat-vdevs -L -l \
            -n -o=TEXT -P -p --power -q -r -s -t -T=TEXT -v -w -x -y
        wait: -H -p -T=TEXT -t=TEXT
        destroy|labelclear: -f
        create: -d -f -n -m=TEXT -o=TEXT -O=SETTING -R=TEXT -t=TEXT
        split: -g -L -l -n -P -o=TEXT -R=TEXT
        checkpoint: -d|--discard -w|--wait
        import: -a -D -d=TEXT -c=FILE:reads -F -X -f -l -m -N -n -o=TEXT -R=TEXT -s -t -T=N --rewind-to-checkpoint
        export: -a -f
        offline: -f -t --power
        online: -e --power
        remove: -n -p -s -w
        replace|attach: -f -o=TEXT -s -w
        add: -f -g -L -n -P -o=TEXT --allow-in-use --allow-ashift-mismatch --allow-replication-mismatch
        clear: -F -n -X --power
        scrub: -a -e -p -s -w -C
        upgrade: -V=N -a -v
        reopen: -n
        trim: -a -d -r=TEXT -c -s -w
        initialize: -a -c -s -u -w
        reguid: -g=N
        prefetch: -t=TEXT
        --help|--version ...              harmless
        status|list|get|iostat|history|events|version|wait ...  harmless
        create|split|import|remove|add|clear -n ...  harmless
        destroy TEXT  destroys  destroys the pool {2:that it names} and all in it  which zpool import -D may bring back
        labelclear DISK                   destroys  erases what makes {2:a disk} a part of a pool
        create TEXT TEXT TEXT...          destroys  makes the pool {2} of {3+:disks}: what is on these disks is gone
        split TEXT TEXT TEXT...           destroys  splits {2:a pool} in two, which leaves one copy of all files
        checkpoint --discard TEXT         destroys  deletes the checkpoint of {2:a pool}
        import -a --rewind-to-checkpoint|-F ()  destroys  takes all pools back to an older state: what was written since is gone
        import -a ()                      changes   makes all pools that are found available
        import ()                         harmless
        import --rewind-to-checkpoint|-F TEXT [TEXT]  destroys  takes {2} back to an older state: what was written since is gone
        import TEXT [TEXT]                changes   makes {2} available
        export [TEXT] TEXT...             stops     takes {2:all pools} and all its file systems away  until it is imported
        offline TEXT TEXT TEXT...         changes   stops the use of {3:a disk} in {2:a pool}
        detach|remove TEXT TEXT TEXT...   changes   takes {3:a disk} out of {2:a pool}
        remove -s TEXT                    changes   lets {2} keep its disks
        replace|attach -f TEXT TEXT [TEXT]  destroys  \
            puts a copy of {3:a disk} of {2:a pool} on {4:another}: what is on this disk is gone
        replace|attach TEXT TEXT [TEXT]   changes   puts a copy of {3:a disk} of {2:a pool} on {4:another}
        add -f TEXT TEXT TEXT...          destroys  adds {3+:disks} to {2:a pool}: what is on them is gone
        add TEXT TEXT TEXT...             changes   adds {3+:disks} to {2:a pool}
        clear TEXT [TEXT]                 changes   forgets the errors of {2:a pool}
        scrub TEXT...                     changes   reads and checks all files of {2:all pools}
        upgrade -v ()                     harmless
        upgrade TEXT...                   changes   changes the format of {2:pools}, which older hosts cannot read
        set SETTING TEXT [TEXT]           changes   sets {2} of the pool {3}
        online|reopen|trim|initialize|resilver|reguid|checkpoint|sync|prefetch TEXT...  changes   runs {1} on {2:all pools}
        = zfs: verbs  -?|--help -V|--version
        list|get|holds|version|userspace|groupspace|projectspace: -r -d=N -H -i -n -p -o=TEXT -s=TEXT -S=TEXT -t=TEXT \
            -j|--json --json-int
        diff: -F -H -t -h
        snapshot|snap: -r -o=SETTING
        wait: -t=TEXT
        destroy: -r -R -f -n -v -p -d
        rollback: -r -R -f
        receive|recv: -F -v -n -u -e -d -h -M -s -c -A -o=SETTING -x=TEXT
        send: -D -L -P -R -V -b -c -e -h -n -p -s -v -w -X=TEXT -i=TEXT -I=TEXT -t=TEXT -S --raw --replicate --large-block \
            --compressed --embed --props --parsable --verbose --dryrun --redact=TEXT
        allow|unallow: -l -d -u=TEXT -g=TEXT -e -c -s=TEXT -r
        unload-key: -r -a
        load-key: -n -r -a -L=TEXT
        change-key: -l -i -o=TEXT
        release|hold: -r
        create: -p -s -u -P -n -v -b=N -V=N -o=SETTING
        clone: -p -u -o=SETTING
        rename: -f -p -u -r
        unmount|umount: -f -u -a
        mount: -a -O -v -f -l -R -o=TEXT
        set: -u
        inherit: -r -S
        share: -a -l
        unshare: -a
        upgrade: -r -a -v -V=N
        program: -j -n -t=N -m=N
        --help|--version ...              harmless
        list|get|diff|holds|version|userspace|groupspace|projectspace|snapshot|snap|bookmark|wait ...  harmless
        destroy|receive|recv|send|load-key|create|program -n ...  harmless
        send --dryrun ...                 harmless
        destroy -r|-R TEXT                destroys  destroys {2:a file system} with all that is below it and its snapshots
        destroy *@*                       destroys  destroys the snapshot {2}
        destroy TEXT                      destroys  destroys {2:a file system or snapshot}
        rollback TEXT                     destroys  takes {2:a file system} back: what was written since this snapshot is gone
        receive|recv -F TEXT:received     destroys  replaces {2:a file system} by what it reads: what was written since is gone
        receive|recv TEXT:received        changes   makes {2:a file system} of what it reads
        send TEXT                         reads     {program} copies all files of {2:a file system}
        allow TEXT                        harmless
        allow TEXT TEXT TEXT...           leads     {program} lets others change file systems
        unload-key TEXT...                stops     locks {2:file systems}  until the key is loaded again
        load-key TEXT...                  changes   unlocks {2:file systems}
        change-key TEXT                   changes   changes the key of {2:a file system}
        release TEXT TEXT TEXT...         changes   lets others destroy snapshots that are held: {3+}
        hold TEXT TEXT TEXT...            changes   keeps {3+:snapshots} from being destroyed
        create TEXT                       changes   makes the file system {2}
        clone TEXT TEXT                   changes   makes the file system {3} of the snapshot {2}
        rename TEXT TEXT [TEXT]           changes   renames {2} to {3}
        promote TEXT                      changes   makes {2} independent of its snapshot
        unmount|umount TEXT...            changes   unmounts {2:all file systems}
        mount ()                          harmless
        mount TEXT...                     changes   mounts {2:all file systems}
        set SETTING TEXT TEXT...          changes   sets {2} of the file system {3}
        inherit|share|unshare|upgrade|unallow|project|redact|program|jail|zone TEXT...  changes   runs {1} on {2+:file systems}
        = mdadm  -h|--help|--help-options -V|--version -v|--verbose -q|--quiet --offroot -b|--brief --bitmap=TEXT
        -e|--metadata=TEXT -C|--create -B|--build -A|--assemble -F|--follow|--monitor -G|--grow -I|--incremental --auto-detect
        -n|--raid-devices|--raid-disks=N -x|--spare-devices=N -z|--size=TEXT -Z|--array-size=TEXT --data-offset=TEXT
        -l|--level=TEXT -p|--layout|--parity|--program|--alert=PLAN -c|--config|--chunk=CONF --rounding=N --bitmap-chunk=N
        --write-mostly --write-behind=N --failfast --no-failfast --assume-clean --write-zeroes --backup-file=FILE:writes
        --add-journal=TEXT -N|--name=TEXT -R|--run -f|--force|--fail|--set-faulty -o|--readonly -a|--add|--auto=TEXT
        --homehost=TEXT --home-cluster=TEXT --nodes=N --cluster-confirm=TEXT --consistency-policy=TEXT -u|--uuid=TEXT
        -m|--super-minor|--mail=TEXT -U|--update=TEXT --freeze-reshape --continue --symlinks=TEXT --bitmap-file=FILE:writes
        --re-add
        -r|--remove|--rebuild-map --replace --with=TEXT --manage --misc -Q|--query -D|--detail --detail-platform -Y|--export
        -E|--examine --dump=DIR:writes --restore=DIR:reads -X|--examine-bitmap --examine-badblocks -S|--stop -w|--readwrite
        --zero-superblock --kill-subarray=TEXT --update-subarray=TEXT -t|--test -W|--wait --wait-clean --action=TEXT -y|--syslog
        -d|--delay=N -i|--pid-file=FILE:writes -s|--scan -1|--oneshot --prefer=TEXT --no-devices --no-sharing --daemonise
        --increment=N --path=TEXT --add-spare=TEXT --write-journal=TEXT
        --help|--version ()               harmless
        -D|-E|-Q|-X|--examine-badblocks|--detail-platform|-F ...  harmless
        --kill-subarray TEXT              destroys  deletes a part of the RAID {1}
        --zero-superblock DISK TEXT...    destroys  erases what makes {1+:a disk} a part of a RAID
        -C TEXT TEXT...                   destroys  makes the RAID {1} of {2+:disks}: what is on these disks is gone
        -S TEXT...                        stops     stops {1:all RAIDs that are not in use}  until somebody assembles them again
        -G TEXT TEXT...                   changes   changes the size or number of disks of {1:a RAID}
        -A TEXT...                        changes   assembles {1:all RAIDs that are found}
        -f TEXT TEXT TEXT...              changes   declares {2:a disk} of {1:a RAID} broken
        -r TEXT TEXT TEXT...              changes   takes {2:a disk} out of {1:a RAID}
        -a|--re-add|--add-spare|--write-journal TEXT TEXT...  changes   adds {-a|--add|--add-spare:a disk} to {1:a RAID}
        -I|-B|-W|-w|-o|-R|--wait-clean|--action|--update-subarray|--replace|--auto-detect|--dump|--restore ...  \
            changes   changes the RAID {1:of this host}
        """,
        types=_TYPES,
    ),
    Row(
        "hdparm",
        _hdparm,
        "I i t T g v V a q direct offset: H C verbose h help version al l p: enumerate inquiry long six"
        " security-erase: security-erase-enhanced: security-set-pass: security-unlock: security-disable:"
        " security-freeze user-master: y Y z S: write-sector: yes-i-know-what-i-am-doing",
    ),
    Row(
        "nvme",
        _NVME,
        "o: output-format: v verbose H human-readable n: namespace-id: b raw-binary e: log-entries: s: l:"
        " ses: force sanact: f: a: sanitize-action: pil: lbaf: ms: pi: reset controllers: nsze: ncap: flbas: dps:"
        " nsid: fw: slot: action: transport: traddr: nqn: t: q: no-deac ause owpass: ovrpat: c: lpa: timeout: data:"
        " fid: value: feature-id:",
    ),
    Row(
        "btrfs",
        _subvolumes,
        "readonly force r i: h b k m g t H si human-readable iec raw kbytes mbytes gbytes tbytes d c s T p u q o: a l v"
        " quiet verbose check summarize help version all-devices mounted repair init-csum-tree init-extent-tree"
        " dusage: musage: susage: dlimit: mlimit: dconvert: mconvert: sconvert: convert: full-balance bg background"
        " enqueue B R n C E compress: recursive commit-after commit-each nodiscard single chunk-recover force-clear"
        " bytenr: e L: A S: level: rescan w sync subvolid: bytes",
    ),
    Row("multipath", _unless("ll", "l", "h"), "h d r ay ll l v:: F f E t T w W a A B c: C: D i q U u"),
    Row("storcli storcli64 perccli perccli64", _RAID, "J nolog"),
    Row(
        "megacli MegaCli MegaCli64",
        _raid_adapter,
        "aALL a0 a1 NoLog"
        " CfgClr CfgLdDel CfgLdAdd CfgForeign LDInfo LDSetProp LDInit LDRecon PDInfo PDList PDOnline PDOffline"
        " PDMakeGood PDClear PDRbld PDHSP PDLocate PdLocate PDPrpRmv AdpAllInfo AdpBbuCmd AdpEventLog AdpSetProp"
        " AdpAlILog EncInfo CfgDsply CfgSave CfgRestore ShowSummary FwTermLog LALL Lall L0 L1 L2 aAll PhysDrv: Start"
        " Stop start stop Set Rmv Force Full Fast ShowProg ProgDsply GetBbuStatus WB WT RA ADRA NORA Direct Cached",
    ),
    Row("ssacli hpssacli hpacucli", _RAID),
    Row("mt mt-st", _TAPE, "f: v version help h"),
    Row("tpm2_clear tpm2_evictcontrol tpm2_nvundefine", _TPM, "c: C: P: T: L:"),
)
