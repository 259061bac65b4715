# SPDX-License-Identifier: Apache-2.0
"""Rows of the table: clouds, and stores of objects.

Law: who makes a key of a cloud, or gives rights in it, lets somebody act there without this host. What is in a cloud is not seen.
The verbs of a cloud have thousands of options: one that is not declared is told in a note, and the rest as far as the verb tells.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from jitd_commands.judging import Call, Row
from jitd_commands.programs.grammar import Effect, grammars
from jitd_commands.programs.shared import UNWRITTEN
from jitd_commands.shell_text import Word

_VERSIONS = "unless the bucket keeps versions"
_KEYS = "with this account's keys of a cloud"
_DELETES = "delete|delete-*|destroy|purge|purge-*|terminate|rm|remove-all|batch-delete|undeploy"
_CLOUDS = f"""
        --dry-run|--validate-only ...      harmless
        storage rm --recursive|--all-versions ...  destroys  deletes everything below {{}}  {_VERSIONS}
        storage rm ...                     destroys  deletes {{}}  {_VERSIONS}
        storage rsync --delete-unmatched-destination-objects PLACE:reads PLACE:writes  destroys  \
            deletes what is in {{4}}, but not in {{3}}  {_VERSIONS}
        storage cp|mv|rsync PLACE:reads... PLACE:writes  changes   copies {{3}} to {{4}}
        storage ls|du|cat|hash ...         harmless
        projects delete ...  destroys  \
            shuts down the project {{}}, and all that is in it  after 30 days, until which it can be kept
        keyvault delete ...                changes   deletes the vault {{name}} with its keys, until it is recovered
        keyvault secret|key|certificate delete ...  changes   deletes {{name}} of a key vault, until it is recovered
        group delete ...                   destroys  deletes the resource group {{name}}, and all that is in it
        kms keys versions destroy ...  destroys  \
            deletes a version of the key {{--key}}, and so all that it encrypts  after some days, until which it can be restored
        ... image|images {_DELETES} ...    destroys  deletes the images {{name}}
        ... service-accounts keys create ...  leads  \
            makes a key by which its holder acts as {{--iam-account:an account of the cloud}}
        ... credential|application-credential|access-token create ...  leads  makes a key by which its holder acts in the cloud
        ... credential|credentials|keys|key reset|renew|regenerate ...  leads  makes a key by which its holder acts in the cloud
        ... create-for-rbac ...            leads     makes an account of the cloud, and shows its key
        ... add-iam-policy-binding|set-iam-policy ...  leads     lets {{--member:somebody}} do more in the cloud: {{--role}}
        role assignment create ...         leads     lets {{--assignee:somebody}} do more in the cloud: {{--role}}
        role add ...                       leads     lets {{--user:somebody}} do more in the cloud: {{}}
        ... print-access-token|print-identity-token|get-access-token|get-credentials ...  reads  \
            shows a key of the cloud
        ... list-keys|get-upload-credentials ...  reads     shows a key of the cloud
        ... secret|secrets show|download|access ...  reads     shows a secret of the cloud
        ... secrets versions access ...    reads     shows a secret of the cloud
        ... keys|credential|connection-string list|show ...  reads     shows a key of the cloud
        ... token issue ...                reads     shows a key of the cloud
        ... run-command|exec|command invoke|create|run ...  leads  starts programs on {{name:a host}} {_KEYS}
        compute ssh --command HOSTED       harmless
        compute ssh HOSTED                 leads     gives a shell on {{3}}
        compute ssh TEXT ...               gives     {{program}} starts programs {_KEYS}
        ... ssh|scp|start-iap-tunnel|connect-to-serial-port|shell ...  leads  gives a shell on a host {_KEYS}: {{}}
        cloud-shell|configure|interactive ...  gives     {{program}} starts programs {_KEYS}
        ... {_DELETES} ...                 destroys  deletes the {{...}} {{name}}
        ... rebuild|reimage|reinstall ...  destroys  empties the disk of the {{...}} {{name}}
        ... poweroff|power-off|power-cycle ...  destroys  cuts the power of the {{...}} {{name}}  {UNWRITTEN}
        server reset ...                   destroys  resets the server {{name}}  {UNWRITTEN}
        compute instances reset ...        destroys  resets the server {{name}}  {UNWRITTEN}
        ... stop|deallocate|shutdown|suspend|pause ...  changes   stops the {{...}} {{name}}
        ... start|poweron|power-on|resume|reboot|restart|reset ...  changes   starts the {{...}} {{name}} anew
        ... create|add|import|new|up|deploy|submit|upload ...  changes   makes the {{...}} {{name}}
        ... remove|detach|disable|unset|revoke ...  changes   takes away the {{...}} {{name}}
        ... update|set|set-*|edit|patch|enable|attach|apply|scale|resize ...  changes   changes the {{...}} {{name}}
        ... add-*|remove-*|update-*|rename|move|promote*|failover|action|snapshot ...  changes   changes the {{...}} {{name}}
        ... list|list-*|describe|show|show-*|get|get-*|info|version|ls|status ...  harmless
        ... search|wait|help|tail|read|usage|feedback|exists|check-* ...  harmless
        --help|--version ...               harmless
"""
"""What verbs do that several clouds have. {...} is what they do it to."""
_BUCKETS = f"""
        --dry-run ...                      harmless
        rm|del|remove --recursive ...      destroys  deletes everything below {{}}  {_VERSIONS}
        rm|del|remove ...                  destroys  deletes {{}}  {_VERSIONS}
        rb ...                             destroys  deletes the bucket {{}}
        sync|rsync|mirror --delete PLACE:reads... PLACE:writes  destroys  deletes what is in {{3}}, but not in {{2}}  {_VERSIONS}
        cp|mv|put|get|sync|rsync|mirror PLACE:reads... PLACE:writes  changes   copies {{2}} to {{3:this host}}
        mb ...                             changes   makes the bucket {{}}
        acl|setacl|defacl|iam|setpolicy|policy|anonymous|share|signurl ...  leads     changes who may reach {{-1}}
        expire|lifecycle|ilm|setlifecycle ...  changes   changes how long {{-1}} keeps what is in it
        cat|pipe|select ...                reads     shows {{}}
        ls|la|du|info|stat|version|hash|help|find|tree|diff ...  harmless
        --version|--help ...               harmless
        * ...                              changes   changes a store of objects: {{1}} {{2+:}}
"""


def _is_here(word: Word) -> bool:
    return not re.match(r"\w+:", word.text) and word.text != "-"


def _reads(call: Call, word: Word) -> None:
    if _is_here(word):
        call.reads(word, is_tree=True)


def _writes(call: Call, word: Word) -> None:
    if _is_here(word):
        call.writes(word, is_tree=True)


def _hosted(call: Call, word: Word) -> None:
    """``gcloud compute ssh`` starts what ``--command`` says on the host ``word``."""
    account, _, host = word.text.rpartition("@")
    there = call.on("" if word.is_free else host, account)
    for text in call.values("command"):
        there.runs_text(text)


_TYPES: Mapping[str, Effect] = {
    "PLACE:reads": _reads,
    "PLACE:writes": _writes,
    "PATH:reads": lambda call, word: _reads(call, word) if word.is_free or word.text[:1] in ("/", ".", "~") else None,
    "PATH:writes": lambda call, word: _writes(call, word) if word.is_free or word.text[:1] in ("/", ".", "~") else None,
    "HOSTED": _hosted,
    "FLAGS": lambda call, word: call.gives("starts other programs"),
    "CONFIG": lambda call, word: call.leads("uses other keys of a cloud"),
}
ROWS: tuple[Row, ...] = (
    *grammars(
        f"""
        = aws: open  --debug --endpoint-url=TEXT --no-verify-ssl --no-paginate --output=TEXT:plain --query=TEXT --profile=WITHIN
        --region=TEXT --version --help --color=TEXT --no-sign-request --ca-bundle=FILE:reads --cli-read-timeout=N
        --cli-connect-timeout=N --cli-binary-format=TEXT --no-cli-pager --cli-auto-prompt --no-cli-auto-prompt --recursive
        --force --dryrun --dry-run --delete --quiet --skip-final-snapshot --skip-final-cluster-snapshot
        --delete-automated-backups --human-readable --force-delete-without-recovery --summarize --only-show-errors --no-progress
        --with-decryption --follow --interactive --generate-cli-skeleton[=TEXT] --final-db-snapshot-identifier=TEXT
        --no-follow-symlinks --follow-symlinks --size-only --exact-timestamps --no-guess-mime-type --all --force-new-deployment
        --no-dry-run --include-all-instances --cli-input-json=NAMED --cli-input-yaml=NAMED
        s3: --exclude=TEXT --include=TEXT:plain --acl=TEXT --storage-class=TEXT --sse[=TEXT] --content-type=TEXT --expires=TEXT
        s3: --cache-control=TEXT --metadata=TEXT --page-size=N --source-region=TEXT --request-payer[=TEXT] --expires-in=N
        s3: --sse-kms-key-id=TEXT --expected-size=N --grants=TEXT --metadata-directive=TEXT --copy-props=TEXT
        --dryrun|--dry-run|--generate-cli-skeleton ...  harmless
        configure list|list-profiles ...    harmless
        configure get|export-credentials ...  reads     {{program}} shows the keys of this account in the cloud
        configure|sso|login|logout|history|alias ...  gives  \
            {{program}} changes which programs and keys this account uses in the cloud
        s3 ls|help ...                      harmless
        s3 presign ...                      reads     makes a link by which anybody who has it reads {{}}
        s3 rm --recursive ...               destroys  deletes everything below {{}}  {_VERSIONS}
        s3 rm ...                           destroys  deletes {{}}  {_VERSIONS}
        s3 rb --force ...                   destroys  deletes the bucket {{}}, and everything in it
        s3 rb ...                           changes   deletes the bucket {{}}, if it is empty
        s3 mb ...                           changes   makes the bucket {{}}
        s3 sync --delete PLACE:reads PLACE:writes  destroys  deletes what is in {{4}}, but not in {{3}}  {_VERSIONS}
        s3 mv PLACE:reads PLACE:writes      changes   moves {{3}} to {{4}}
        s3 cp|sync PLACE:reads PLACE:writes  changes   copies {{3}} to {{4}}
        * get-*|describe-*|list-*|head-*|search-*|lookup-*|batch-get-*|filter-*|create-*|run-*|start-*|stop-*|terminate-* ... \
            also-pages
        * restore-*|import-*|copy-*|help|query|scan ...  also-pages
        s3api delete-object|delete-objects ...  destroys  deletes {{--key:objects}} in the bucket {{--bucket}}  {_VERSIONS}
        s3api put-bucket-acl|put-bucket-policy|put-object-acl|*-public-access-block|delete-bucket-policy ...  leads  \
            changes who may reach the bucket {{--bucket}}
        s3api put-bucket-lifecycle* ...  destroys  \
            lets what is in the bucket {{--bucket}} be deleted after some time  {_VERSIONS}
        s3api get-object FILE:writes        changes   copies {{--key}} to {{3}}
        rds delete-db-instance|delete-db-cluster --skip-final-snapshot ...  destroys  \
            deletes the database {{name}}  and takes no last snapshot
        rds delete-db-instance|delete-db-cluster --final-db-snapshot-identifier ...  changes  \
            deletes the database {{name}}, of which the snapshot {{--final-db-snapshot-identifier}} remains
        redshift delete-cluster --skip-final-cluster-snapshot ...  destroys  \
            deletes the database {{name}}  and takes no last snapshot
        ec2 terminate-instances ...  destroys  \
            ends the hosts {{name}}, and deletes their disks  unless a disk is set to remain
        ec2 stop-instances --force ...      destroys  cuts the power of the hosts {{name}}  {UNWRITTEN}
        ec2 stop-instances ...              changes   stops the hosts {{name}}
        ec2 start-instances ...             changes   starts the hosts {{name}}
        ec2 reboot-instances ...            changes   restarts the hosts {{name}}
        ec2 run-instances ...               changes   makes new hosts
        ec2 deregister-image ...            destroys  deletes the image {{name}}  whose snapshots remain
        ec2 release-address ...             destroys  gives the address {{name}} back
        ec2 authorize-security-group-* ...  changes   lets others reach what is in the group {{name}}
        ec2 revoke-security-group-* ...     changes   lets fewer reach what is in the group {{name}}
        kms schedule-key-deletion ...  destroys  deletes the key {{name}}, and so all that it encrypts  \
            after {{--pending-window-in-days:30}} days, until which it can be kept
        kms disable-key ...  stops  keeps everybody from what the key {{name}} encrypts  until it is enabled
        kms create-grant|put-key-policy ...  leads     changes who may use the key {{name}}
        kms decrypt ...                     reads     shows what a key of the cloud encrypts
        secretsmanager delete-secret --force-delete-without-recovery ...  destroys  deletes the secret {{name}}
        secretsmanager delete-secret ...  destroys  \
            deletes the secret {{name}}  after {{--recovery-window-in-days:30}} days, until which it can be restored
        secretsmanager get-secret-value|batch-get-secret-value ...  reads     shows the secret {{name:that its options name}}
        ssm get-parameter|get-parameters|get-parameters-by-path|get-parameter-history --with-decryption ...  reads  \
            shows the secret {{name:that its options name}}
        ssm start-session|resume-session ...  leads     gives a shell on {{--target:a host}} {_KEYS}
        ssm send-command|start-automation-execution ...  leads  starts programs on {{--instance-ids:hosts}} {_KEYS}
        ecs execute-command ...             leads     starts a program in {{--task:a container}} {_KEYS}
        ec2-instance-connect ...            leads     gives a shell on {{--instance-id:a host}} {_KEYS}
        lambda create-function|update-function-code|update-function-configuration ...  leads  \
            changes what the function {{name}} runs
        lambda invoke FILE:writes           changes   starts the function {{name}}
        iam create-access-key ...           leads     makes a key by which its holder acts as {{--user-name:this account}}
        iam create-service-specific-credential|upload-ssh-public-key|upload-signing-certificate ...  leads  \
            makes a key by which its holder acts as {{--user-name:this account}}
        iam create-login-profile|update-login-profile|change-password ...  leads  \
            sets a password by which its holder acts as {{--user-name:this account}}
        iam attach-*-policy|put-*-policy|add-user-to-group|add-role-to-*|update-assume-role-policy|delete-*-boundary ...  leads  \
            lets {{name:somebody}} do more in the cloud: {{--policy-arn}}
        iam create-policy-version|set-default-policy-version ...  leads  lets others do more in the cloud: {{--policy-arn}}
        iam detach-*-policy|delete-*-policy|remove-*|delete-access-key|delete-login-profile|deactivate-mfa-device ...  changes  \
            takes rights or keys from {{name}}
        iam update-access-key ...           changes   takes rights or keys from {{name}}
        sts assume-role*|get-session-token|get-federation-token ...  reads  \
            shows keys by which their holder acts as {{--role-arn:this account}}
        ecr get-login* ...                  reads     shows a password of the store of images
        eks get-token ...                   reads     shows a key of the cluster {{name}}
        eks update-kubeconfig ...           changes   chooses the cluster {{name}} for this account
        cloudformation delete-stack ...  destroys  \
            deletes the stack {{name}}, and all that it made  unless its template keeps some of it
        cloudformation deploy|create-stack|update-stack|execute-change-set ...  leads  \
            changes the cloud as a template says, rights too
        route53 change-resource-record-sets ...  changes   changes names in the zone {{name}}
        * wait|help ...                     harmless
        help ...                            harmless
        * untag-*|delete-tags|remove-tags*|delete-*-policy|delete-*-policies|delete-alarms|delete-message* ...  changes  \
            deletes the {{*:tags}} {{name}}
        * delete-*|batch-delete-*|purge-*|terminate-*|destroy-*|schedule-*-deletion ...  destroys  deletes the {{*}} {{name}}
        * create-*|register-*|allocate-*|import-*|copy-*|restore-*|run-* ...  changes   makes the {{*}} {{name}}
        * put-*|update-*|modify-*|set-*|attach-*|associate-*|change-*|tag-*|add-* ...  changes   changes the {{*}} {{name}}
        * detach-*|disassociate-*|remove-*|deregister-*|revoke-*|release-* ...  changes   takes away the {{*}} {{name}}
        * start-*|reboot-*|enable-*|resume-* ...  changes   starts the {{*}} {{name}}
        * stop-*|disable-*|cancel-*|suspend-* ...  changes   stops the {{*}} {{name}}
        * get-*|describe-*|list-*|head-*|search-*|lookup-*|batch-get-*|filter-*|test-*|validate-*|tail|query|scan|ls ...  harmless
        --version|--help ...                harmless
        = gcloud: open  --account=TEXT --billing-project=TEXT --configuration=TEXT --flags-file=FILE:trusts --flatten=TEXT
        --format=TEXT --help -h --project=WITHIN --quiet|-q --verbosity=TEXT --version|-v --access-token-file=FILE:reads
        --log-http --impersonate-service-account=TEXT --trace-token=TEXT --user-output-enabled[=TEXT] --filter=TEXT --limit=N
        --page-size=N --sort-by=TEXT --uri --async --all-versions|-a --recursive|-r|-R --delete-unmatched-destination-objects
        --dry-run --validate-only --zone=TEXT --region=TEXT --global --command=TEXT:plain
        --ssh-flag|--scp-flag|--ssh-args|--ssh-key-file=FLAGS --purge --cascade --keep-disks=TEXT --member=SAID --role=SAID
        --key=SAID --iam-account=SAID --all --tunnel-through-iap --internal-ip --plain --force
        {_CLOUDS}
        = az: open  --debug --help|-h --only-show-errors --output|-o=TEXT:plain --query=TEXT --subscription=WITHIN --verbose
        --version
        --name|-n=OBJECT --resource-group|-g=TEXT --ids=OBJECT --yes|-y --no-wait --force --recursive|-r --purge --dry-run
        --validate-only --all-versions --delete-unmatched-destination-objects=TEXT --assignee=SAID --role=SAID --member=SAID
        --show-details|-d --all --location|-l=TEXT --command=TEXT:plain --key=SAID --iam-account=SAID --user=SAID --cascade
        --skip-shutdown
        vm stop --skip-shutdown ...        destroys  cuts the power of the server {{name}}  {UNWRITTEN}
        {_CLOUDS}
        = openstack: open  --version -v|--verbose --log-file=FILE:writes -q|--quiet -h|--help --debug --os-cloud=WITHIN
        --os-region-name=TEXT --os-cacert=FILE:reads --os-cert=FILE:reads --os-key=FILE:reads --verify --insecure
        --os-default-domain=TEXT --os-interface=TEXT --timing --os-auth-url=TEXT --os-username=TEXT --os-password=TEXT
        --os-project-name=TEXT --os-project-domain-name=TEXT --os-user-domain-name=TEXT --os-auth-type=TEXT --os-token=TEXT
        --os-compute-api-version=TEXT --os-volume-api-version=TEXT --os-identity-api-version=TEXT -f|--format=TEXT
        -c|--column=TEXT --long --all-projects --project=WITHIN --wait --force --purge --cascade --recursive --all-versions
        --dry-run --validate-only --all --user=SAID --delete-unmatched-destination-objects=TEXT --member=SAID --role=SAID
        --assignee=SAID --iam-account=SAID --command=TEXT:plain --key=SAID --noindent --max-width=N --print-empty
        --sort-column=TEXT
        --quote=TEXT --hard
        server reboot --hard ...           destroys  resets the server {{name}}  {UNWRITTEN}
        {_CLOUDS}
        = hcloud doctl: open  --config|-c=FILE:trusts --context=WITHIN --debug --debug-file=FILE:writes --endpoint=TEXT
        --poll-interval=TEXT --quiet --help|-h --version --output|-o=TEXT:plain --access-token|-t=TEXT --api-url|-u=TEXT
        --interactive
        --trace|-v --verbose --format=TEXT --no-header --force|-f --recursive --all-versions --dry-run --validate-only
        --selector|-l=TEXT --sort|-s=TEXT --delete-unmatched-destination-objects=TEXT --member=SAID --role=SAID --assignee=SAID
        --iam-account=SAID --command=TEXT:plain --key=SAID --user=SAID --wait
        {_CLOUDS}
        = gsutil  -m -q -D -DD -o=CONFIG -h=TEXT -i=TEXT -u=TEXT -l -L -a -b -R|-r|--recursive -d|--delete -n|--dry-run -c -e
        -p=TEXT -s=TEXT -z=TEXT -j=TEXT -v -P -x=TEXT -y=TEXT -C -U -J -H --help --version
        {_BUCKETS}
        = s3cmd  -q|--quiet -l -r|--recursive -d|--debug -h|--help -H|--human-readable-sizes -s|--ssl -e|--encrypt --list-md5
        -v|--verbose --version -n|--dry-run --delete-removed|--delete -c|--config=FILE:trusts -f|--force --continue
        --skip-existing -P|--acl-public --acl-private --acl-grant=TEXT --acl-revoke=TEXT --storage-class|-S=TEXT
        --server-side-encryption --no-encrypt --add-header=TEXT --remove-header=TEXT --mime-type|-m=TEXT --guess-mime-type|-M
        --exclude=TEXT --include=TEXT:plain --rexclude=TEXT --rinclude=TEXT --exclude-from=FILE:reads --include-from=FILE:reads
        --host=TEXT --host-bucket=TEXT --access_key=TEXT --secret_key=TEXT --region|--bucket-location=TEXT --no-ssl
        --no-check-certificate --progress --no-progress --stats --max-delete=N --limit=N --delete-after --no-preserve --preserve
        --multipart-chunk-size-mb=N --disable-multipart --expiry-days=N --expiry-prefix=TEXT --check-md5 --no-check-md5
        --limit-rate=TEXT --requester-pays --content-type=TEXT -F|--follow-symlinks
        {_BUCKETS}
        = mcli  --json --quiet|-q --no-color --insecure --debug --recursive|-r --versions --incomplete|-I --summarize --help|-h
        --version|-v --dry-run|--fake --force --config-dir|-C=DIR:obeys --older-than=TEXT --newer-than=TEXT --remove
        --overwrite --exec=FLAGS
        rm|mirror|rb|mv|cp|undo --dry-run ...  harmless
        admin info|trace|console|top|prometheus|scanner|speedtest ...  harmless
        admin service stop|freeze ...  stops     stops the store of objects {{4}}  until it is started again
        admin service restart ...      changes   starts the store of objects {{4}} anew
        admin decommission start ...   changes   moves all objects away from a pool of {{4}}
        admin user|group|policy|idp|accesskey list|ls|info ...  harmless
        admin user|group|policy|idp|accesskey * ...  leads     changes who may reach {{4}}: {{*}}
        admin update ...               leads     replaces the programs of the store of objects
        update ...                     leads     replaces itself by a program from elsewhere
        admin ...                      changes   changes the store of objects: {{2+:}}
        alias list|ls ...              reads     {{program}} shows keys of stores of objects
        alias|config ...               changes   changes which stores this account uses
        ls|stat|du|tree|find|diff|ping|ready|version|help|watch|license|support ...  harmless
        cat|head|sql|pipe ...          reads     shows {{}}
        mirror --remove PATH:reads... PATH:writes  destroys  deletes what is in {{3}}, but not in {{2}}  {_VERSIONS}
        rm --recursive|--versions ...  destroys  deletes everything below {{}}  {_VERSIONS}
        rm ...                         destroys  deletes {{}}  {_VERSIONS}
        rb ...                         destroys  deletes the bucket {{}}, and everything in it
        cp|mirror|mv|put|get PATH:reads... PATH:writes  changes   copies {{2}} to {{3}}
        mb ...                         changes   makes the bucket {{}}
        ilm|retention|legalhold|quota ...  changes   changes how long {{-1}} keeps what is in it
        anonymous|share|policy ...     leads     changes who may reach {{-1}}
        --version|--help ...           harmless
        * ...                          changes   changes a store of objects: {{1}} {{2+:}}
        = mc  --version|-V --help -b -u -x -X -a -c -d -s -S=TEXT -P=FILE:writes -e=TEXT -v=TEXT --recursive|-r --force
        rm|rb|mirror|mv ...            destroys  deletes what it names in a store of objects  {_VERSIONS}
        --version|--help ()            harmless
        ...                            gives     {{program}} can start a shell
        = eksctl  --region|-r=TEXT --cluster|-c=TEXT --name|-n=OBJECT --output|-o=TEXT:plain --profile|-p=WITHIN --all-regions|-A
        --limit=N --chunk-size=N --state=TEXT --timeout=TEXT --verbose|-v=N --color|-C=TEXT --help|-h
        --config-file|-f=FILE:reads --wait|-w --approve --force --disable-nodegroup-eviction
        delete cluster|clusters ...  destroys  deletes the cluster {{name}}, and all that runs in it
        delete * ...                 destroys  deletes the {{*}} {{name}}
        get|version|info|completion|validate|help ...  harmless
        --help ...                   harmless
        * ...                        leads     {{program}} changes a cluster, and who may act in it: {{1}} {{2+:}}
        """,
        types=_TYPES,
    ),
)
