# SPDX-License-Identifier: Apache-2.0
"""Rows of the table: clouds, and stores of objects.

Law: who makes a key of a cloud, or gives rights in it, lets somebody act there without this host. What is in a cloud is not seen.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from jitd_commands.judging import Call, Row
from jitd_commands.programs.decision_table import DecisionTable, Options, told
from jitd_commands.programs.shared import trusts
from jitd_commands.shell_text import Word

_VERSIONS = "unless the bucket keeps versions"
_AWS = DecisionTable(
    f"""
    ... --dryrun|--dry-run|--generate-cli-skeleton  harmless
    configure list|list-profiles        harmless
    configure get|export-credentials    reads     shows the keys of this account in the cloud
    configure|sso|login|logout|history|alias  gives     changes which programs and keys this account uses in the cloud
    s3 ls|help                          harmless
    s3 presign                          reads     makes a link by which anybody who has it reads {{}}
    s3 rm --recursive                   destroys  deletes everything below {{}}  {_VERSIONS}
    s3 rm                               destroys  deletes {{}}  {_VERSIONS}
    s3 rb --force                       destroys  deletes the bucket {{}}, and everything in it
    s3 rb                               changes   deletes the bucket {{}}, if it is empty
    s3 mb                               changes   makes the bucket {{}}
    s3 sync --delete                    destroys  deletes what is in {{4}}, but not in {{3}}  {_VERSIONS}
    s3 mv                               changes   moves {{3}} to {{4}}
    s3 cp|sync                          changes   copies {{3}} to {{4}}
    s3api delete-object|delete-objects  destroys  deletes {{--key:objects}} in the bucket {{--bucket}}  {_VERSIONS}
    s3api put-bucket-acl|put-bucket-policy|put-object-acl|*-public-access-block|delete-bucket-policy  leads  \
        changes who may reach the bucket {{--bucket}}
    s3api put-bucket-lifecycle*         destroys  lets what is in the bucket {{--bucket}} be deleted after some time  {_VERSIONS}
    rds delete-db-instance|delete-db-cluster --skip-final-snapshot  destroys  \
        deletes the database {{name}}  and takes no last snapshot
    rds delete-db-instance|delete-db-cluster --final-db-snapshot-identifier  changes  \
        deletes the database {{name}}, of which the snapshot {{--final-db-snapshot-identifier}} remains
    redshift delete-cluster --skip-final-cluster-snapshot  destroys  deletes the database {{name}}  and takes no last snapshot
    ec2 terminate-instances             destroys  ends the hosts {{name}}, and deletes their disks  unless a disk is set to remain
    ec2 stop-instances                  changes   stops the hosts {{name}}
    ec2 start-instances                 changes   starts the hosts {{name}}
    ec2 reboot-instances                changes   restarts the hosts {{name}}
    ec2 run-instances                   changes   makes new hosts
    ec2 deregister-image                destroys  deletes the image {{name}}  whose snapshots remain
    ec2 release-address                 destroys  gives the address {{name}} back
    ec2 authorize-security-group-*      changes   lets others reach what is in the group {{name}}
    ec2 revoke-security-group-*         changes   lets fewer reach what is in the group {{name}}
    kms schedule-key-deletion  destroys  \
        deletes the key {{name}}, and so all that it encrypts  \
        after {{--pending-window-in-days:30}} days, until which it can be kept
    kms disable-key                     stops     keeps everybody from what the key {{name}} encrypts  until it is enabled
    kms create-grant|put-key-policy     leads     changes who may use the key {{name}}
    kms decrypt                         reads     shows what a key of the cloud encrypts
    secretsmanager delete-secret --force-delete-without-recovery  destroys  deletes the secret {{name}}
    secretsmanager delete-secret  destroys  \
        deletes the secret {{name}}  after {{--recovery-window-in-days:30}} days, until which it can be restored
    secretsmanager get-secret-value|batch-get-secret-value  reads     shows the secret {{name:that its options name}}
    ssm get-parameter|get-parameters|get-parameters-by-path|get-parameter-history --with-decryption  reads  \
        shows the secret {{name:that its options name}}
    ssm start-session|resume-session    leads     gives a shell on {{--target:a host}} with this account's keys of a cloud
    ssm send-command|start-automation-execution  leads  \
        starts programs on {{--instance-ids:hosts}} with this account's keys of a cloud
    ecs execute-command                 leads     starts a program in {{--task:a container}} with this account's keys of a cloud
    ec2-instance-connect                leads     gives a shell on {{--instance-id:a host}} with this account's keys of a cloud
    lambda create-function|update-function-code|update-function-configuration  leads     changes what the function {{name}} runs
    lambda invoke                       changes   starts the function {{name}}
    iam create-access-key               leads     makes a key by which its holder acts as {{--user-name:this account}}
    iam create-service-specific-credential|upload-ssh-public-key|upload-signing-certificate  leads  \
        makes a key by which its holder acts as {{--user-name:this account}}
    iam create-login-profile|update-login-profile|change-password  leads  \
        sets a password by which its holder acts as {{--user-name:this account}}
    iam attach-*-policy|put-*-policy|add-user-to-group|add-role-to-*|update-assume-role-policy|delete-*-boundary  leads  \
        lets {{name:somebody}} do more in the cloud: {{--policy-arn}}
    iam create-policy-version|set-default-policy-version  leads     lets others do more in the cloud: {{--policy-arn}}
    iam detach-*-policy|delete-*-policy|remove-*|delete-access-key|delete-login-profile|deactivate-mfa-device|update-access-key  \
        changes  takes rights or keys from {{name}}
    sts assume-role*|get-session-token|get-federation-token  reads  \
        shows keys by which their holder acts as {{--role-arn:this account}}
    ecr get-login*                      reads     shows a password of the store of images
    eks get-token                       reads     shows a key of the cluster {{name}}
    eks update-kubeconfig               changes   chooses the cluster {{name}} for this account
    cloudformation delete-stack  destroys  deletes the stack {{name}}, and all that it made  unless its template keeps some of it
    cloudformation deploy|create-stack|update-stack|execute-change-set  leads     changes the cloud as a template says, rights too
    route53 change-resource-record-sets  changes   changes names in the zone {{name}}
    * wait|help                         harmless
    help                                harmless
    * untag-*|delete-tags|remove-tags*|delete-*-policy|delete-*-policies|delete-alarms|delete-message*  changes  \
        deletes the {{*:tags}} {{name}}
    * delete-*|batch-delete-*|purge-*|terminate-*|destroy-*|schedule-*-deletion  destroys  deletes the {{*}} {{name}}
    * create-*|register-*|allocate-*|import-*|copy-*|restore-*|run-*  changes   makes the {{*}} {{name}}
    * put-*|update-*|modify-*|set-*|attach-*|associate-*|change-*|tag-*|add-*  changes   changes the {{*}} {{name}}
    * detach-*|disassociate-*|remove-*|deregister-*|revoke-*|release-*  changes   takes away the {{*}} {{name}}
    * start-*|reboot-*|enable-*|resume-*  changes   starts the {{*}} {{name}}
    * stop-*|disable-*|cancel-*|suspend-*  changes   stops the {{*}} {{name}}
    * get-*|describe-*|list-*|head-*|search-*|lookup-*|batch-get-*|filter-*|test-*|validate-*|tail|query|scan|ls  harmless
    * *                                 unknown   jitd does not know what the verb {{*}} changes in the cloud
    """,
    flags="--recursive --force --dryrun --dry-run --delete --quiet --no-paginate --no-cli-pager --skip-final-snapshot"
    " --skip-final-cluster-snapshot --delete-automated-backups --force-delete-without-recovery --no-verify-ssl --debug"
    " --no-sign-request --human-readable --summarize --only-show-errors --no-progress --with-decryption --follow --interactive",
)
_DELETES = "delete|delete-*|destroy|purge|purge-*|terminate|rm|remove-all|batch-delete|undeploy"
_CLOUDS = DecisionTable(
    f"""
    ... --dry-run|--validate-only      harmless
    storage rm -r|-R|--recursive|-a|--all-versions  destroys  deletes everything below {{}}  {_VERSIONS}
    storage rm                         destroys  deletes {{}}  {_VERSIONS}
    storage rsync --delete-unmatched-destination-objects  destroys  deletes what is in {{4}}, but not in {{3}}  {_VERSIONS}
    storage cp|mv|rsync                changes   copies {{3}} to {{4}}
    storage ls|du|cat|hash             harmless
    projects delete  destroys  shuts down the project {{}}, and all that is in it  after 30 days, until which it can be kept
    keyvault delete                    changes   deletes the vault {{name}} with its keys, until it is recovered
    keyvault secret|key|certificate delete  changes   deletes {{name}} of a key vault, until it is recovered
    group delete                       destroys  deletes the resource group {{name}}, and all that is in it
    kms keys versions destroy  destroys  \
        deletes a version of the key {{--key}}, and so all that it encrypts  after some days, until which it can be restored
    ... image|images {_DELETES}        destroys  deletes the images {{name}}
    ... service-accounts keys create   leads     makes a key by which its holder acts as {{--iam-account:an account of the cloud}}
    ... credential|application-credential|access-token create  leads     makes a key by which its holder acts in the cloud
    ... credential|credentials|keys|key reset|renew|regenerate  leads     makes a key by which its holder acts in the cloud
    ... create-for-rbac                leads     makes an account of the cloud, and shows its key
    ... add-iam-policy-binding|set-iam-policy  leads     lets {{--member:somebody}} do more in the cloud: {{--role}}
    role assignment create             leads     lets {{--assignee:somebody}} do more in the cloud: {{--role}}
    role add                           leads     lets {{--user:somebody}} do more in the cloud: {{}}
    ... print-access-token|print-identity-token|get-access-token|get-credentials|list-keys|get-upload-credentials  reads  \
        shows a key of the cloud
    ... secret|secrets show|download|access  reads     shows a secret of the cloud
    ... secrets versions access        reads     shows a secret of the cloud
    ... keys|credential|connection-string list|show  reads     shows a key of the cloud
    ... token issue                    reads     shows a key of the cloud
    ... run-command|exec|command invoke|create|run  leads  starts programs on {{name:a host}} with this account's keys of a cloud
    ... ssh|scp|start-iap-tunnel|connect-to-serial-port|shell  leads  \
        gives a shell on a host with this account's keys of a cloud: {{}}
    cloud-shell|configure|interactive  gives     starts programs with this account's keys of a cloud
    ... {_DELETES}                     destroys  deletes the {{...}} {{name}}
    ... rebuild|reimage|reinstall      destroys  empties the disk of the {{...}} {{name}}
    ... stop|deallocate|poweroff|power-off|shutdown|suspend|pause  changes   stops the {{...}} {{name}}
    ... start|poweron|power-on|resume|reboot|restart|reset  changes   starts the {{...}} {{name}} anew
    ... create|add|import|new|up|deploy|submit|upload  changes   makes the {{...}} {{name}}
    ... remove|detach|disable|unset|revoke  changes   takes away the {{...}} {{name}}
    ... update|set|set-*|edit|patch|enable|attach|apply|scale|resize  changes   changes the {{...}} {{name}}
    ... add-*|remove-*|update-*|rename|move|promote*|failover|action  changes   changes the {{...}} {{name}}
    ... list|list-*|describe|show|show-*|get|get-*|info|version|ls|status|search|wait|help|tail|read|usage|feedback  harmless
    ... exists|check-*                 harmless
    *                                  unknown   jitd does not know what {{ }} changes in the cloud
    """,
    valued="-g -n -o -p -z",
    flags="--quiet --yes --force --recursive --no-wait --async --all --purge --auto-approve --cascade --dry-run --validate-only"
    " --delete-unmatched-destination-objects --all-versions --delete-data --keep-disks --help --debug --wide --enable --disable",
)
_BUCKETS = DecisionTable(
    f"""
    ... --dry-run                      harmless
    rsync|sync|rm|del|put|get -n       harmless
    rm|del|remove -r|-R|--recursive|-a|--versions  destroys  deletes everything below {{}}  {_VERSIONS}
    rm|del|remove                      destroys  deletes {{}}  {_VERSIONS}
    rb                                 destroys  deletes the bucket {{}}
    sync|rsync|mirror -d|--delete|--delete-removed|--remove  destroys  deletes what is in {{3}}, but not in {{2}}  {_VERSIONS}
    cp|mv|put|get|sync|rsync|mirror    changes   copies {{2}} to {{3:this host}}
    mb                                 changes   makes the bucket {{}}
    acl|setacl|defacl|iam|setpolicy|policy|anonymous|share|signurl  leads     changes who may reach {{-1}}
    expire|lifecycle|ilm|setlifecycle  changes   changes how long {{-1}} keeps what is in it
    cat|pipe|select                    reads     shows {{}}
    ls|la|du|info|stat|version|hash|help|find|tree|diff  harmless
    *                                  changes   changes a store of objects: {{*}} {{ }}
    """,
    valued="-o -h -c --config --profile --endpoint-url",
)
_CLUSTERS = DecisionTable("""
    delete cluster|clusters  destroys  deletes the cluster {name}, and all that runs in it
    delete *                 destroys  deletes the {*} {name}
    get|version|info|completion|validate|help  harmless
    *                        leads     changes a cluster, and who may act in it: {*} { }
    ...                      unknown   jitd does not know what {program} does
""")
# The options of a cloud's verbs select and describe, and there are thousands. Files that they name are looked at.
_PAGED = re.compile(
    r"(get|describe|list|head|search|lookup|batch-get|filter|create|run|start|stop|terminate|restore|import|copy)-.*|help|query|scan"
)


def _where(options: Options) -> str:
    """Return with which keys the program acts, if its options say so."""
    chosen = [told([value]) for name, value in options if name in ("--profile", "--project", "--subscription", "--context")]
    return f"in {chosen[0]}" if chosen and chosen[0] else ""


def _reads_files(call: Call, options: Options) -> None:
    for name, value in options:
        found = re.match(r"(?:fileb?://|@)(.+)", value.text)
        if found or ("file" in name and "/" in value.text):
            call.reads(Word(found[1] if found else value.text, value.is_free))


def _copies(call: Call, places: Sequence[Word]) -> None:
    """The program copies the first of ``places`` to the last."""
    for at, place in enumerate(places):
        if not re.match(r"\w+:", place.text) and place.text != "-":
            if at < len(places) - 1:
                call.reads(place, is_tree=True)
            elif len(places) > 1:
                call.writes(place, is_tree=True)


def _aws(call: Call) -> None:
    operands, options = _AWS.split(call.words)
    _reads_files(call, options)
    is_known = _AWS.tells(call, call.words, where=_where(options))
    if any(word.is_free for word in operands):
        return call.gives("starts programs with this account's keys of a cloud")
    names = [word.text for word in operands]
    if names[:1] == ["s3"] and names[1:2] and names[1] in ("cp", "mv", "sync"):
        _copies(call, operands[2:])
    if names[:2] in (["lambda", "invoke"], ["s3api", "get-object"]):
        for word in operands[2:]:
            call.writes(word)
    is_paged = call.is_shown and not any(name == "--no-cli-pager" for name, _ in options)
    if is_known:  # the options of a cloud's verbs select and describe, and there are thousands; files that they name are read
        call.knows_all()
    if is_paged and len(names) > 1 and names[0] != "s3" and _PAGED.fullmatch(names[1]):
        call.leads("starts a pager, which can start a shell")


def _cloud(call: Call) -> None:
    operands, options = _CLOUDS.split(call.words)
    _reads_files(call, options)
    names = [word.text for word in operands]
    if call.name == "gcloud" and "compute" in names[:2] and "ssh" in names[:3]:
        return _ssh(call, operands[names.index("ssh") + 1 :], options)
    if any(name in ("--ssh-flag", "--scp-flag", "--ssh-args") for name, _ in options):
        call.gives("starts other programs")
    if _CLOUDS.tells(call, call.words, where=_where(options)):
        call.knows_all()
    if any(word.is_free for word in operands):
        call.gives("starts programs with this account's keys of a cloud")
    elif names[:1] == ["storage"] and names[1:2] and names[1] in ("cp", "mv", "rsync"):
        _copies(call, operands[2:])


def _ssh(call: Call, operands: Sequence[Word], options: Options) -> None:
    """``gcloud compute ssh``."""
    call.knows_all()
    if any(name == "--ssh-flag" for name, _ in options) or any(word.is_free for word in call.words) or len(operands) != 1:
        return call.gives("starts programs with this account's keys of a cloud")
    account, _, host = operands[0].text.rpartition("@")
    there = call.on(host, account)
    texts = [value for name, value in options if name == "--command"]
    for text in texts:
        there.runs_text(text)
    if not texts:
        call.leads(f"gives a shell on {host[:60]}")


def _bucket(call: Call) -> None:
    operands, options = _BUCKETS.split(call.words)
    _BUCKETS.tells(call, call.words, where=_where(options))
    if any(word.is_free for word in operands):
        call.gives("starts programs with this account's keys of a cloud")
    if operands and operands[0].text in ("cp", "mv", "put", "get", "sync", "rsync", "mirror"):
        _copies(call, operands[1:])


def _s3cmd(call: Call) -> None:
    trusts(call, call.values("c", "config"))
    _bucket(call)


_MINIO = DecisionTable(
    f"""
    rm|mirror|rb|mv|cp|undo --dry-run|--fake  harmless
    admin info|trace|console|top|prometheus|scanner|speedtest  harmless
    admin service stop|freeze     stops     stops the store of objects {{4}}  until it is started again
    admin service restart         changes   starts the store of objects {{4}} anew
    admin decommission start      changes   moves all objects away from a pool of {{4}}
    admin user|group|policy|idp|accesskey list|ls|info  harmless
    admin user|group|policy|idp|accesskey *  leads     changes who may reach {{4}}: {{*}}
    admin update                  leads     replaces the programs of the store of objects
    update                        leads     replaces itself by a program from elsewhere
    admin                         changes   changes the store of objects: {{ }}
    alias list|ls                 reads     shows keys of stores of objects
    alias|config                  changes   changes which stores this account uses
    ls|stat|du|tree|find|diff|ping|ready|version|help|watch|license|support  harmless
    cat|head|sql|pipe             reads     shows {{}}
    mirror --remove               destroys  deletes what is in {{3}}, but not in {{2}}  {_VERSIONS}
    rm -r|--recursive|--versions  destroys  deletes everything below {{}}  {_VERSIONS}
    rm                            destroys  deletes {{}}  {_VERSIONS}
    rb                            destroys  deletes the bucket {{}}, and everything in it
    cp|mirror|mv|put|get          changes   copies {{2}} to {{3}}
    mb                            changes   makes the bucket {{}}
    ilm|retention|legalhold|quota|version  changes   changes how long {{-1}} keeps what is in it
    anonymous|share|policy        leads     changes who may reach {{-1}}
    *                             changes   changes a store of objects: {{*}} {{ }}
    """,
    valued="-C --config-dir --older-than --newer-than",
)


def _mcli(call: Call) -> None:
    """The client of MinIO, where ``mc`` is a manager of files. Only what is written as a path is a file of this host."""
    operands, options = _MINIO.split(call.words)
    if any(word.is_free for word in operands):
        call.gives("starts programs with this account's keys of a cloud")
    if not _MINIO.tells(call, call.words):
        call.unknown()
    if any(name == "--exec" for name, _ in options):
        call.gives("starts other programs")
    if operands and operands[0].text in ("cp", "mv", "mirror", "put", "get") and not call.has("dry-run", "fake"):
        for place in operands[1:-1]:
            if place.text.startswith(("/", ".", "~")):
                call.reads(place, is_tree=True)
        if operands[-1].text.startswith(("/", ".", "~")):
            call.writes(operands[-1], is_tree=True)


def _mc(call: Call) -> None:
    """Two programs have this name: a client of object stores, and a manager of files."""
    if call.verb is not None and not call.verb.is_free and call.verb.text in ("rm", "rb", "mirror", "mv"):
        _BUCKETS.tells(call, call.words)
    call.gives("can start a shell")


ROWS = (
    Row("aws", _aws),
    Row("gcloud az openstack", _cloud),
    Row(
        "gsutil",
        _bucket,
        "m q quiet l L a b r R recursive d h H human-readable-sizes s c e p: D list-md5 v verbose help version n dry-run",
    ),
    Row(
        "s3cmd",
        _s3cmd,
        "q quiet l r recursive d h H human-readable-sizes s e list-md5 v verbose help version n dry-run delete-removed c:"
        " config:"
        " force f continue skip-existing P acl-public acl-private acl-grant: acl-revoke: storage-class: S:"
        " server-side-encryption encrypt no-encrypt add-header: remove-header: mime-type: m: guess-mime-type exclude:"
        " include: rexclude: rinclude: exclude-from: host: host-bucket: access_key: secret_key: region:"
        " bucket-location: no-ssl ssl no-check-certificate progress no-progress stats max-delete: limit: delete-after"
        " no-preserve preserve multipart-chunk-size-mb: disable-multipart expiry-days: expiry-prefix:"
        " check-md5 no-check-md5 limit-rate: requester-pays debug content-type: F follow-symlinks",
    ),
    Row(
        "mcli",
        _mcli,
        "json quiet q no-color insecure debug recursive r versions incomplete I summarize help h version dry-run force C:"
        " config-dir:",
    ),
    Row("mc", _mc, telling="--version --help -V"),
    Row(
        "eksctl",
        _CLUSTERS,
        "region: r: cluster: c: name: n: o: output: p: profile: all-regions A limit: chunk-size: state: timeout: v: verbose:"
        " color: C: h help",
    ),
)
