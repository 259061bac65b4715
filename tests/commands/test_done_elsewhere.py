# SPDX-License-Identifier: Apache-2.0
"""What commands do on other hosts, in containers, clusters, clouds and repositories: what is lost there, and where it is."""

from __future__ import annotations

import shlex

import pytest

from jitd.core.conditions import read_command_pattern
from jitd.core.grade import Damage, Finding, Grade, Seen, damage, worst
from jitd_commands.grading import findings_of, findings_of_pattern
from jitd_commands.programs import MODULES
from jitd_commands.programs.decision_table import EFFECTS, DecisionTable
from tests.commands.test_grading import asked
from tests.table import each_row

NOTE = "acts on {0} with root's keys of this host; jitd does not see {0}"


def found(line: str) -> tuple[Finding, ...]:
    return findings_of(asked(*shlex.split(line)), lambda path: None, requester="alice")


def first(line: str) -> str:
    return found(line)[0].what


# --- what is lost -------------------------------------------------------------------------------------------------------

LOST = """
docker compose -p shop down -v : stops the containers of shop, and deletes their volumes, which cannot be undone
docker-compose -f /srv/app/c.yml down --volumes : stops the containers of /srv/app/c.yml, and deletes their volumes, which \
cannot be undone
docker volume rm app-data cache : deletes the volumes app-data and cache, which cannot be undone
docker system prune -af --volumes : deletes stopped containers, and the volumes and images that none uses, which cannot be \
undone
docker rm -fv web : deletes web, and the volumes that only they use, which cannot be undone
podman volume prune -f : deletes the volumes that no container uses, which cannot be undone
podman system reset : deletes all containers, images and volumes, which cannot be undone
lxc delete -f web : deletes web, with all files and snapshots, which cannot be undone
virsh undefine web1 --remove-all-storage : deletes the guest web1, and its disks, which cannot be undone
virsh undefine web1 : deletes the guest web1, but its disks remain
qm destroy 101 --purge : deletes the guest 101, and its disks, which cannot be undone
pct destroy 102 : deletes the guest 102, and its disks, which cannot be undone
kubectl delete namespace prod : deletes the namespace prod, and everything in it, which cannot be undone
kubectl delete ns/prod --context staging : in the cluster staging: deletes the namespace prod, and everything in it, which \
cannot be undone
kubectl -n shop delete pvc data-0 data-1 : deletes the volume claims data-0 and data-1 of the namespace shop, and their data, \
unless the volumes are retained
kubectl delete crd foos.example.com : deletes the kinds foos.example.com, and every object of them, which cannot be undone
kubectl delete deploy --all -n shop : deletes all deploy of the namespace shop, which cannot be undone
helm uninstall web -n shop : deletes the release web of the namespace shop, and all that it made, and a new install does not \
bring back its data
kubeadm reset -f : takes this host out of its cluster, and deletes its keys and, on a control plane, its copy of the cluster's \
data, which cannot be undone
argocd app delete shop : deletes the application shop, and all that it made, and a new one does not bring back its data
terraform -chdir=/srv/infra destroy : destroys all that the files in /srv/infra describe, which cannot be undone
tofu -chdir=/srv/infra apply -destroy : destroys all that the files in /srv/infra describe, which cannot be undone
aws s3 rm s3://b --recursive : deletes everything below s3://b, unless the bucket keeps versions
aws --profile prod s3 rb --force s3://b : in prod: deletes the bucket s3://b, and everything in it, which cannot be undone
aws rds delete-db-cluster --db-cluster-identifier db --skip-final-snapshot : deletes the database db, and takes no last \
snapshot
aws ec2 terminate-instances --instance-ids i-1 i-2 : ends the hosts i-1 and i-2, and deletes their disks, unless a disk is set \
to remain
aws dynamodb delete-table --table-name orders : deletes the table orders, which cannot be undone
gcloud compute instances delete web1 --quiet : deletes the compute instances web1, which cannot be undone
az group delete --name rg --yes : deletes the resource group rg, and all that is in it, which cannot be undone
gsutil -m rm -r gs://b : deletes everything below gs://b, unless the bucket keeps versions
rclone purge remote:x : deletes remote:x, and everything in it, unless the storage keeps versions
rclone sync /srv/app backup:app : makes backup:app like /srv/app, and deletes what is only in backup:app, unless the storage \
keeps versions
rsync -a --delete /srv/new/ /srv/app/ : deletes what is in /srv/app, but not in /srv/new/, which cannot be undone
restic -r /srv/r forget --keep-daily 7 --prune : in /srv/r: deletes the backups that its rules do not keep, and their data, \
which cannot be undone
borg delete /srv/repo::monday : deletes the backups /srv/repo::monday, which cannot be undone
etcdctl del /registry --prefix : deletes all keys of the cluster that begin with /registry, which cannot be undone
vault secrets disable secret : deletes all secrets below secret, which cannot be undone
consul kv delete -recurse app/ : deletes all keys below app/, which cannot be undone
patronictl remove prod : deletes what the cluster prod knows of itself, and its hosts are in no cluster then
git -C /srv/app push --force origin main : in /srv/app: replaces main at origin, where commits of others can be lost, unless \
somebody has them
git -C /srv/app push origin :old : in /srv/app: deletes old at origin, unless somebody has the commits
git -C /srv/app reset --hard : in /srv/app: throws away all changes that are not committed, and goes to the last commit, which \
cannot be undone
git -C /srv/app clean -fdx : in /srv/app: deletes all files that git does not know, also those that it is told to ignore, which \
cannot be undone
docker swarm leave --force : takes this host out of the swarm, until it joins again, and with the last manager, the swarm's \
services and secrets are gone
pvesh delete /nodes/pve1/qemu/100 : deletes /nodes/pve1/qemu/100, with its disks or backups, which cannot be undone
mcli rm -r --force backup/app : deletes everything below backup/app, unless the bucket keeps versions
proxmox-backup-client snapshot forget host/web1/1 : deletes the backup host/web1/1, which cannot be undone
timeshift --restore --snapshot monday --yes : overwrites the system with the backup monday, and what is newer is gone
restic -r /srv/r restore latest --target / : overwrites files below / with those of the backup latest: what is newer is gone
duplicity remove-older-than 90D --force file:///srv/dup : deletes old backups in file:///srv/dup, which cannot be undone
python3 -I -c 'import shutil; shutil.rmtree("/srv/data")' : deletes /srv/data, which cannot be undone
perl -e 'unlink glob "/srv/data/*"' : deletes files below /srv/data, which cannot be undone
sh -c 'echo "rm -rf /srv/data" | at now + 1 hour' : deletes /srv/data, which cannot be undone
xargs -a /srv/list rm -f : deletes files that jitd cannot tell, which cannot be undone
pulumi -C /srv/infra stack rm --yes prod : deletes the stack prod, and what is known of it, which cannot be undone
virsh -c qemu:///system reset web1 : resets the guest web1, so what the guest has not written is lost
qm stop 104 --skiplock 1 : cuts the power of the guest 104, so what the guest has not written is lost
machinectl terminate web1 : ends web1 at once, and a virtual machine loses what it has not written
incus stop --force web1 : cuts the power of web1, and a virtual machine loses what it has not written
vagrant destroy -f : deletes the machines of its files, and their disks, which cannot be undone
"""


@each_row("row", LOST.strip().splitlines())
def test_what_is_destroyed_is_named_with_how_it_comes_back(row: str) -> None:
    line, said = row.split(" : ", 1)
    lost = [one for one in found(line) if one.damage]
    assert [(one.what, one.damage) for one in lost] == [(said, Damage.DESTROYS)]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (
            "kubectl scale deploy --all --replicas=0 -n shop",
            "stops all deploy of the namespace shop, until they are scaled up again",
        ),
        ("pcs cluster stop --all", "stops every service of the cluster, until the cluster is started again"),
        ("kubectl -n kube-system delete ds kube-proxy", "deletes kube-proxy of the namespace kube-system, on which"),
        ("pvesh create /nodes/pve1/status --command reboot", "restarts the host pve1, until it is up again"),
        ("kubectl scale deploy/web --replicas=0", "stops all instances of deploy/web, until they are scaled up again"),
        ("pcs stonith fence node2", "cuts the power of the host node2, until it is up again"),
        ("fence_ipmilan -a 10.0.1.7 -l admin -o off", "cuts the power of the host 10.0.1.7, until somebody switches it on"),
        ("fence_ipmilan -a 10.0.1.7 -l admin", "cuts the power of the host 10.0.1.7, until it is up again"),
        ("stonith_admin --reboot node2", "cuts the power of the host node2, and switches it on, until it is up again"),
        ("nodetool -h db3 stopdaemon", "stops the server of db3, until somebody starts it again"),
        ("salt 'db*' service.stop postgresql", "on 'db*': stops postgresql, until it is started again"),
        ("vault operator seal", "closes the vault: no program gets a secret, until enough keys open it"),
        (
            "k3s-killall.sh",
            "k3s-killall.sh stops every container of the cluster on this host, until its service is started again",
        ),
    ],
)
def test_what_many_need_and_is_stopped_is_named(line: str, said: str) -> None:
    (lost,) = [one for one in found(line) if one.damage]
    assert lost.damage is Damage.STOPS and lost.what.startswith(said)


@each_row(
    "line",
    [
        "docker compose up -d",
        "docker compose down",
        "docker stop web",
        "docker rm -f web",
        "docker volume ls",
        "docker image prune -af",
        "kubectl get pods -A",
        "kubectl delete pod web-0",
        "kubectl drain web1 --ignore-daemonsets",
        "kubectl cordon web1",
        "kubectl scale deploy/web --replicas=1",
        "terraform -chdir=/srv/infra state rm aws_instance.web",
        "aws rds delete-db-instance --db-instance-identifier db --final-db-snapshot-identifier last",
        "vault kv delete secret/app",
        "kubectl delete ns prod --dry-run=client",
        "helm upgrade web /srv/chart",
        "helm uninstall web --keep-history",
        "terraform plan",
        "terraform plan -destroy",
        "terraform state list",
        "aws s3 ls s3://b",
        "aws s3 rm s3://b --recursive --dryrun",
        "aws ec2 stop-instances --instance-ids i-1",
        "gcloud compute instances list",
        "az vm list",
        "rsync -an --delete /srv/new/ /srv/app/",
        "rsync -a /srv/new/ /srv/app/",
        "rclone sync --dry-run /srv/app backup:app",
        "docker compose --dry-run down -v",
        "docker compose down -v --dry-run",
        "duplicity remove-older-than 90D file:///srv/dup",
        "wal-g delete retain FULL 5",
        "pgbackrest --stanza=main --set=1 expire --dry-run",
        "fence_ipmilan -a 10.0.1.7 -o status",
        "mcli rm -r --force --dry-run backup/app",
        "az keyvault delete -n keys",
        "timeshift --list",
        "restic -r /srv/r snapshots",
        "borg prune -n --keep-daily 7 /srv/repo",
        "etcdctl endpoint health",
        "vault status",
        "virsh shutdown web1",
        "qm shutdown 101",
        "git -C /srv/app push origin main",
        "git -C /srv/app checkout v1",
        "git -C /srv/app clean -n",
        "virsh snapshot-list web1",
        "ansible all -m ping",
    ],
)
def test_what_the_next_command_brings_back_is_no_loss(line: str) -> None:
    assert damage(found(line)) is Damage.NONE


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("aws iam create-access-key --user-name x", "makes a key by which its holder acts as x"),
        ("aws iam attach-user-policy --user-name x --policy-arn p", "lets x do more in the cloud: p"),
        ("gcloud iam service-accounts keys create /srv/k --iam-account x@y", "makes a key by which its holder acts as x@y"),
        ("aws --no-cli-pager ec2 stop-instances --instance-ids i-1", "stops the hosts i-1"),
        ("docker stop web", "stops web"),
        (
            "terraform -chdir=/srv/infra state rm aws_instance.web",
            "forgets aws_instance.web: it goes on, and nothing manages it, until it is imported again",
        ),
        (
            "aws rds delete-db-instance --db-instance-identifier db --final-db-snapshot-identifier last",
            "deletes the database db, of which the snapshot last remains",
        ),
        ("vault kv delete secret/app", "deletes the secret secret/app, which undelete brings back if its engine keeps versions"),
        (
            "kubectl debug node/web1 -it --image=alpine",
            "kubectl gives root on the host web1 of the cluster: it starts a container with all its files",
        ),
        ("docker network connect net web", "changes whether web is in the network net"),
        ("kubectl rollout restart deploy/app -n shop", "restarts deploy/app of the namespace shop"),
        ("kubectl set image deploy/app app=app:2", "changes the image of deploy/app app=app:2"),
        ("kubectl apply -f /srv/k8s.yaml", "changes the cluster as /srv/k8s.yaml says"),
        ("helm rollback app 3", "takes the release app back to revision 3"),
        ("virsh shutdown web1", "shuts down the guest web1"),
        ("patronictl switchover prod", "makes another host the first of the cluster prod"),
        ("pcs resource move vip node2", "moves the service vip to node2"),
        ("git -C /srv/app checkout v1", "in /srv/app: changes the files to those of v1"),
        ("etcdctl put /a b", "changes the key /a of the cluster"),
        ("aws foo frobnicate", "jitd does not know what aws foo frobnicate changes"),
    ],
)
def test_a_sentence_names_what_the_verb_does_and_to_what(line: str, said: str) -> None:
    assert first(line) == said


# --- where it is --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "where", "said"),
    [
        ("sh -c 'for h in web1 web2; do ssh $h rm -rf /srv; done'", "hosts that the words do not name ($h)", "deletes /srv"),
        ("sh -c 'ssh root@\"${host}\" rm -rf /srv'", "hosts that the words do not name ($host)", "deletes /srv"),
        ("sh -c 'ssh root@$h$n rm -rf /srv'", "hosts that the words do not name", "deletes /srv"),
        ("sh -c 'jitd --host $h lock --all'", "hosts that the words do not name ($h)", "locks everybody"),
        ("pdsh -a rm -rf /srv", "all hosts", "deletes /srv"),
        ("ansible all -b -m file -a 'path=/srv state=absent'", "all hosts", "deletes /srv"),
    ],
)
def test_hosts_without_a_name_are_told_as_what_they_are_and_in_no_quotes(line: str, where: str, said: str) -> None:
    findings = found(line)
    assert f"acts on {where} with root's keys of this host; jitd does not see them" in [one.what for one in findings]
    assert any(one.what.startswith(f"on {where}: {said}") for one in findings)


@pytest.mark.parametrize(
    ("line", "host", "said", "grade"),
    [
        ("ssh root@db2 rm -rf /srv", "db2", "on db2: deletes /srv", Grade.CHANGES),
        ("ssh root@db2 reboot", "db2", "on db2: restarts the whole host", Grade.CHANGES),
        ("ssh root@db2 id", "db2", "", Grade.HARMLESS),
        ("ssh db2 docker volume rm x", "db2", "on db2: deletes the volumes x", Grade.CHANGES),
        ("ssh bob@db2 docker volume rm x", "db2", "on db2 as bob: deletes the volumes x", Grade.CHANGES),
        ("ssh bob@db2 sudo docker volume rm x", "db2", "on db2: deletes the volumes x", Grade.CHANGES),
        ("ssh db2 ssh db3 docker volume rm x", "db2", "on db2, on db3: deletes the volumes x", Grade.CHANGES),
        ("ssh db2 docker exec web rm -rf /srv", "db2", "on db2, in the container web: deletes /srv", Grade.CHANGES),
        ("ssh db2 tee /etc/sudoers.d/x", "db2", "on db2: overwrites /etc/sudoers.d/x", Grade.LEADS),
        ("ssh db2 sh /home/alice/x", "db2", "on db2: /home/alice/x belongs to alice, who asks", Grade.LEADS),
        ("ssh db2", "db2", "ssh gives a shell on db2", Grade.LEADS),
        ("scp /srv/x db2:/etc/sudoers.d/x", "db2", "on db2: overwrites /etc/sudoers.d/x", Grade.LEADS),
        ("scp /srv/x db2:x", "db2", "on db2: overwrites files in x", Grade.CHANGES),
        ("rsync -a --delete /srv/a/ db2:/srv/b/", "db2", "on db2: deletes what is in /srv/b, but not in /srv/a/", Grade.CHANGES),
        ("ansible db2 -m shell -a 'rm -rf /srv'", "db2", "on db2: deletes /srv", Grade.CHANGES),
        ("ansible db2 -b -m file -a 'path=/srv state=absent'", "db2", "on db2: deletes /srv", Grade.CHANGES),
        ("ansible db2 -m copy -a 'src=/srv/x dest=/etc/sudoers.d/x'", "db2", "on db2: overwrites /etc/sudoers.d/x", Grade.LEADS),
        ("docker -H tcp://db2:2375 volume rm x", "db2", "on db2: deletes the volumes x", Grade.CHANGES),
        ("docker -H ssh://root@db2 ps", "db2", "", Grade.HARMLESS),
        ("docker -H tcp://db2:2375 run -v /:/h alpine", "db2", "on db2: docker gives a container /", Grade.LEADS),
        (
            "virsh -c qemu+ssh://root@kvm2/system destroy web1",
            "kvm2",
            "on kvm2: cuts the power of the guest web1, so what the guest has not written is lost",
            Grade.CHANGES,
        ),
        ("pdsh -w db2 docker volume rm x", "db2", "on db2: deletes the volumes x", Grade.CHANGES),
        ("systemd-run -H db2 docker volume rm x", "db2", "on db2: deletes the volumes x", Grade.CHANGES),
        ("gcloud compute ssh web1 --command 'rm -rf /srv'", "web1", "on web1: deletes /srv", Grade.CHANGES),
    ],
)
def test_what_is_done_on_another_host_names_the_host(line: str, host: str, said: str, grade: Grade) -> None:
    findings = found(line)
    assert worst(findings) is grade
    assert NOTE.format(host) in [one.what for one in findings]
    assert all(one.what.startswith(f"on {host}") or one.what == first(line) or "acts on" in one.what for one in findings)
    assert findings[0].what.startswith(said) or not said


@pytest.mark.parametrize(
    "line",
    [
        "docker exec web rm -rf /srv",
        "podman exec -it web rm -rf /srv",
        "lxc exec web -- rm -rf /srv",
        "pct exec web -- rm -rf /srv",
    ],
)
def test_what_is_done_in_a_container_names_the_container(line: str) -> None:
    assert any(one.what.startswith("in the container web: deletes /srv") for one in found(line))


@pytest.mark.parametrize(
    "line",
    [
        "ssh root@db2 sh -c 'tee /srv/../etc/passwd; rm -rf data /home/bob; cat /etc/shadow; /opt/x'",
        "docker exec web sh -c 'tee /srv/../etc/passwd; rm -rf data /home/bob; cat /etc/shadow; /opt/x'",
        "ansible db2 -m copy -a 'src=/srv/x dest=/home/bob/x'",
    ],
)
def test_no_file_elsewhere_is_looked_at_or_judged_as_one_of_this_hosts(line: str) -> None:
    looked: list[str] = []

    def look(path: str) -> Seen | None:
        looked.append(path)
        return None

    findings = findings_of(asked(*shlex.split(line)), look, requester="alice")
    assert {path for path in looked if not path.startswith("/usr/bin/")} == set()
    assert {one.path for one in findings} == {""} and worst(findings) < Grade.GIVES
    assert not any("this host" in one.matters for one in findings)


def test_a_host_that_is_not_this_one_is_not_called_this_host() -> None:
    (said, note) = (one.what for one in found("ssh root@db2 iptables -F"))
    assert said.startswith("on db2: ") and "this host" not in said and note == NOTE.format("db2")


@pytest.mark.parametrize(
    "line",
    [
        "ssh root@localhost sh",
        "ssh 127.0.0.2 sh",
        "ssh 0 sh",
        "ssh ::1 sh",
        "docker -H tcp://127.0.0.1:2375 run -v /:/h alpine",
        "docker -H unix:///var/run/docker.sock run -v /:/h alpine",
        "docker -H tcp://db2:2375 -H unix:///var/run/docker.sock run -v /:/h alpine",
        "scp /srv/x localhost:/etc/cron.d/x",
        "ansible localhost -m copy -a 'src=/srv/x dest=/etc/cron.d/x'",
        "docker -H tcp://db2:2375 cp web:/x /etc/cron.d/x",
        "docker -H tcp://db2:2375 save -o /etc/cron.d/x web",
    ],
)
def test_what_is_done_on_this_host_is_no_milder_for_the_way_there(line: str) -> None:
    assert worst(found(line)) is Grade.GIVES


def test_an_entry_by_which_another_program_starts_here_is_not_there() -> None:
    assert worst(found("ssh -o ProxyCommand=/home/alice/x db2 id")) is Grade.GIVES
    assert worst(found("mosh --ssh=/home/alice/x db2")) is Grade.GIVES


# --- tables of verbs ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pattern", "lost"),
    [
        ("/usr/bin/docker compose down **", Damage.DESTROYS),
        ("/usr/bin/docker volume *", Damage.DESTROYS),
        ("/usr/bin/docker volume rm app-*", Damage.DESTROYS),
        ("/usr/bin/kubectl delete *", Damage.DESTROYS),
        ("/usr/bin/kubectl **", Damage.DESTROYS),
        ("/usr/bin/aws s3 rm **", Damage.DESTROYS),
        ("/usr/bin/git push origin *", Damage.DESTROYS),
        ("/usr/bin/restic forget **", Damage.DESTROYS),
        ("/usr/bin/docker stop we*", Damage.NONE),
        ("/usr/bin/docker restart web", Damage.NONE),
        ("/usr/bin/kubectl get **", Damage.NONE),
    ],
)
def test_a_rule_is_told_of_the_losses_that_its_pattern_reaches(pattern: str, lost: Damage) -> None:
    assert damage(findings_of_pattern(read_command_pattern(tuple(pattern.split())))) is lost


@pytest.mark.parametrize(
    "line",
    [
        "helm uninstall web --dry-run=false",
        "restic -rnas forget x",
        "helm uninstall web -n --dry-run",
        "docker volume rm x -- --help",
        "gcloud compute instances delete list",
    ],
)
def test_a_word_that_only_looks_like_an_option_or_a_verb_hides_no_loss(line: str) -> None:
    assert damage(found(line)) is Damage.DESTROYS


@pytest.mark.parametrize("line", ["docker frobnicate x", "kubectl frobnicate x", "helm frobnicate x", "vagrant frobnicate"])
def test_a_verb_that_is_not_known_is_not_harmless(line: str) -> None:
    assert worst(found(line)) >= Grade.UNKNOWN


def test_each_line_of_a_table_has_its_columns() -> None:
    tables = [one for module in MODULES for one in vars(module).values() if isinstance(one, DecisionTable)]
    assert len(tables) > 10
    for line in (line for table in tables for line in table.lines):
        assert line.effect in EFFECTS, line
        assert bool(line.sentence) is (line.effect != "harmless"), line
        assert not line.back or line.effect in ("stops", "destroys"), line
        assert line.back or line.effect != "stops", line
        assert not line.sentence.endswith((".", ",", ":")), line


def test_each_line_of_a_table_can_fit() -> None:
    for table in (one for module in MODULES for one in vars(module).values() if isinstance(one, DecisionTable)):
        seen, is_closed = set(), False
        for line in table.lines:
            wanted = (line.program, line.verbs, line.is_bare, line.options)
            assert wanted not in seen and not is_closed, f"a line before it fits whenever it does: {line}"
            assert not any(verb and r"\.\.\." in verb.pattern for verb in line.verbs), f"... is no alternative of a word: {line}"
            seen.add(wanted)
            is_closed = line.program is None and line.verbs in ((), (None,)) and not line.options and not line.is_bare
