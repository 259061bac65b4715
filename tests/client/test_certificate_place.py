# SPDX-License-Identifier: Apache-2.0
"""Where the certificate goes that was made for the person's own key: with a daemon made of a script, and real certificates."""

import os
import stat
import subprocess

import pytest

from tests.client.test_given_secrets import SHOWN_UNTIL, Giving, given, keeps, python, sealed

CERTIFICATE = "ssh-certificate:ops"


@pytest.fixture
def home(tmp_path):
    """A directory with a person's key, a CA, and certificates that the CA has made: of jitd's, and of the person's own."""
    for name in ("ca", "id"):
        _keygen("-t", "ed25519", "-N", "", "-C", name, "-f", tmp_path / name)
    for name in ("jitd:WNC0-D702", "mine"):
        _keygen("-s", tmp_path / "ca", "-I", name, "-n", "ops", tmp_path / "id.pub")
        (tmp_path / "id-cert.pub").rename(tmp_path / f"{name}.made")
    return tmp_path


def _keygen(*words):
    subprocess.run(["ssh-keygen", "-q", *map(str, words)], check=True, capture_output=True)


class Certifying(Giving):
    """It gives a certificate beside ``things``, whose content is ``made``."""

    def __init__(self, made, *things, **more):
        super().__init__(*things, **more)
        self.made = made

    def __call__(self, peer):
        self.heard.append(peer.welcome())
        peer.progress("request K7QM-2XVD", owed=False)
        for message in self.things:
            descriptor = sealed(self.made) if message.secret == "here" else None
            peer.say(message, descriptor)
            if descriptor is not None:
                os.close(descriptor)
        if self.then:
            self.then(peer)
        while (message := peer.hear()) is not None:
            self.heard.append(message)


def of_jitd(home):
    return (home / "jitd:WNC0-D702.made").read_bytes()


def test_it_goes_beside_the_key_where_ssh_finds_it(daemon, jitsudo, home):
    daemon.play(Certifying(of_jitd(home), given(CERTIFICATE, stays=True), then=keeps))
    done = jitsudo("--get", CERTIFICATE, "--key", home / "id.pub", preexec_fn=lambda: os.umask(0o77))
    assert done.returncode == 0, done.stderr
    place = home / "id-cert.pub"
    assert place.read_bytes() == of_jitd(home) and stat.S_IMODE(place.stat().st_mode) == 0o644
    assert f"the certificate is in {place}".encode() in done.stderr and SHOWN_UNTIL.encode() in done.stderr
    assert done.stdout == b""


def test_an_earlier_one_of_jitds_is_replaced(daemon, jitsudo, home):
    (home / "id-cert.pub").write_bytes(of_jitd(home) + b"earlier\n")
    daemon.play(Certifying(of_jitd(home), given(CERTIFICATE, stays=True), then=keeps))
    assert jitsudo("--get", CERTIFICATE, "--key", home / "id.pub").returncode == 0
    assert (home / "id-cert.pub").read_bytes() == of_jitd(home)


@pytest.mark.parametrize("what", ["another certificate", "text", "a link", "a directory", "of somebody else"])
def test_what_is_not_jitds_is_left_alone_and_nobody_is_asked(daemon, jitsudo, home, what):
    place = home / "id-cert.pub"
    match what:
        case "another certificate":
            place.write_bytes((home / "mine.made").read_bytes())
        case "text":
            place.write_bytes(b"ssh-ed25519-cert-v01@openssh.com jitd:WNC0-D702\n")
        case "a link":
            place.symlink_to(home / "jitd:WNC0-D702.made")
        case "a directory":
            place.mkdir()
        case "of somebody else":
            place.write_bytes(of_jitd(home))
            os.chown(place, 4001, 4001)
    before = (os.lstat(place).st_ino, place.read_bytes() if place.is_file() else b"")
    daemon.play()
    done = jitsudo("--get", CERTIFICATE, "--key", home / "id.pub")
    assert done.returncode == 120 and b"nothing was asked" in done.stderr and b"--to" in done.stderr
    assert (os.lstat(place).st_ino, place.read_bytes() if place.is_file() else b"") == before


def test_to_names_another_file(daemon, jitsudo, home):
    there = home / "elsewhere"
    (home / "id-cert.pub").write_bytes(b"mine")
    daemon.play(Certifying(of_jitd(home), given(CERTIFICATE, stays=True), then=keeps))
    assert jitsudo("--get", CERTIFICATE, "--key", home / "id.pub", "--to", there).returncode == 0
    assert there.read_bytes() == of_jitd(home) and (home / "id-cert.pub").read_bytes() == b"mine"


def test_with_a_command_it_is_there_as_long_as_the_command_runs(daemon, jitsudo, home):
    daemon.play(Certifying(of_jitd(home), given(CERTIFICATE)))
    place = home / "id-cert.pub"
    done = jitsudo("--get", CERTIFICATE, "--key", home / "id.pub", *python(f"print(len(open({str(place)!r}).read()))"))
    assert done.returncode == 0 and int(done.stdout) == len(of_jitd(home)), done.stderr
    assert not place.exists()


def test_a_command_has_it_by_its_descriptor_though_it_cannot_be_put_beside_the_key(daemon, jitsudo, home):
    (home / "id-cert.pub").write_bytes(b"mine")
    daemon.play(Certifying(of_jitd(home), given(CERTIFICATE)))
    reads = "import os, sys; sys.stdout.buffer.write(open(int(os.environ['JITSUDO_ACCESS_FD']), 'rb').read())"
    done = jitsudo("--get", CERTIFICATE, "--key", home / "id.pub", *python(reads))
    assert done.returncode == 0 and done.stdout == of_jitd(home), done.stderr
    assert (home / "id-cert.pub").read_bytes() == b"mine"


def test_a_dash_takes_the_key_from_standard_input_and_prints_the_certificate(daemon, jitsudo, home):
    script = Certifying(of_jitd(home), given(CERTIFICATE, stays=True), then=keeps)
    daemon.play(script)
    done = jitsudo("--get", CERTIFICATE, "--key", "-", input=(home / "id.pub").read_bytes())
    assert done.returncode == 0 and done.stdout.split() == of_jitd(home).split(), done.stderr
    daemon.finish()
    assert script.heard[0].brought.split() == (home / "id.pub").read_text().split()[:2]
    assert sorted(one.name for one in home.iterdir() if "cert" in one.name) == []


def test_another_secret_beside_it_needs_a_command_all_the_same(daemon, jitsudo, home):
    """Nothing is kept that nobody can read."""
    door = "program:door"
    daemon.play(Certifying(of_jitd(home), given(CERTIFICATE, more=1, stays=True), given(door, number=2, stays=True)))
    done = jitsudo("--get", CERTIFICATE, "--get", door, "--key", home / "id.pub")
    assert done.returncode == 125 and f"{door} comes with a secret".encode() in done.stderr
    assert not (home / "id-cert.pub").exists()


def test_json_says_where_it_is(daemon, jitsudo, home):
    daemon.play(Certifying(of_jitd(home), given(CERTIFICATE, stays=True), then=keeps))
    done = jitsudo("--get", CERTIFICATE, "--key", home / "id.pub", "--json")
    assert f'"file":"{home}/id-cert.pub"'.encode() in done.stdout.replace(b": ", b":"), done.stdout + done.stderr


def test_json_and_a_dash_do_not_go_together(jitsudo):
    done = jitsudo("--get", CERTIFICATE, "--key", "-", "--json", input=b"")
    assert done.returncode == 120 and b"name a file for the certificate" in done.stderr + done.stdout
