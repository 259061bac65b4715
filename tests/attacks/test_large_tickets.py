# SPDX-License-Identifier: Apache-2.0
"""Tickets as large as those of people in thousands of groups of Active Directory, from a real KDC: jitd takes them, also
at a gate.

Law: the KDC puts the authorization data of a request into the ticket (RFC 4120 section 5.2.6). Here these data stand for a PAC.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from jitpam.wire.framing import MOST_TOKEN, TOKEN, frame
from tests.attacks.raw import CACHES, REALM, SERVICE, Raw, credentials, initiator, kinit, ticket_of, uid_of
from tests.pam.programs import BY_NAME, Gated
from tests.system.conftest import OF_THE_LAB, House

ENLARGE = r"""
#include <krb5.h>
#include <stdlib.h>
#define DO(call) do { krb5_error_code code = call; if (code) { krb5_warn(context, code, #call); return 1; } } while (0)
void krb5_warn(krb5_context context, krb5_error_code code, const char *call);
int main(int argc, char **argv) {  /* CACHE SERVICE BYTES */
    krb5_context context;
    krb5_ccache cache;
    krb5_creds in = {0}, *out;
    krb5_authdata one = {0}, *both[] = {&one, NULL};
    if (argc != 4 || krb5_init_context(&context)) return 2;
    one.ad_type = -1000;
    one.length = atoi(argv[3]);
    one.contents = calloc(1, one.length);
    DO(krb5_cc_resolve(context, argv[1], &cache));
    DO(krb5_cc_get_principal(context, cache, &in.client));
    DO(krb5_parse_name(context, argv[2], &in.server));
    DO(krb5_encode_authdata_container(context, KRB5_AUTHDATA_IF_RELEVANT, both, &in.authdata));
    DO(krb5_get_credentials(context, 0, cache, &in, &out));
    out->authdata = NULL;  /* else GSSAPI does not find it: it wants no authorization data of its own */
    DO(krb5_cc_store_cred(context, cache, out));
    return 0;
}
void krb5_warn(krb5_context context, krb5_error_code code, const char *call) {
    const char *text = krb5_get_error_message(context, code);
    (void)!write(2, call, __builtin_strlen(call));
    (void)!write(2, text, __builtin_strlen(text));
}
"""
FREE = """
[[permit]]
name = "free"
who = ["user:alice"]
services = ["jitsudo", "sudo"]
run_as = ["*"]
commands = [["**"]]
run = { options = "allow" }
"""


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Callable[[int], Path]:
    """A credential cache of alice's with a ticket for jitd that has so many bytes of authorization data."""
    place = tmp_path_factory.mktemp("large")
    source, program = place / "enlarge.c", place / "enlarge"
    source.write_text(ENLARGE.replace("#include <stdlib.h>", "#include <stdlib.h>\n#include <unistd.h>"))
    subprocess.run(["cc", "-o", program, source, "-lkrb5"], check=True)

    def made(n_bytes: int) -> Path:
        cache = kinit(CACHES / f"alice-{n_bytes}", f"alice@{REALM}", "alice" * 2)
        subprocess.run([program, f"FILE:{cache}", SERVICE, str(n_bytes)], check=True)
        token = initiator(credentials(cache), bytes(32)).step()
        assert token is not None and len(token) > n_bytes
        return cache

    return made


def theirs(house: House, cache: Path) -> Path:
    """A copy of ``cache`` that alice may read."""
    copy = house.root / "said" / cache.name
    copy.write_bytes(cache.read_bytes())
    uid = uid_of("alice")
    subprocess.run(["chown", f"{uid}:{uid}", copy], check=True)
    return copy


@pytest.mark.parametrize("n_bytes", [53_000, 65_535, 96_000])
def test_a_large_ticket_proves_who_somebody_is(
    own_house: Callable[..., House], large: Callable[[int], Path], n_bytes: int
) -> None:
    house = own_house(FREE).start()
    cache = theirs(house, large(n_bytes))
    done = house.run("alice", "env", f"KRB5CCNAME=FILE:{cache}", "jitsudo", "id", "-u", ticket=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "0\n", "")
    house.verify()


def test_a_larger_ticket_than_any_is_refused_with_the_reason(
    own_house: Callable[..., House], large: Callable[[int], Path]
) -> None:
    house = own_house(FREE).start()
    cache = theirs(house, large(MOST_TOKEN))
    done = house.run("alice", "env", f"KRB5CCNAME=FILE:{cache}", "jitsudo", "id", "-u", ticket=False)
    assert done.returncode != 0 and "jitd takes at most 96 KiB: you are in too many groups" in done.stderr, done
    assert house.kept("requests", ended=True) == []


def test_a_large_ticket_opens_a_gate(large: Callable[[int], Path]) -> None:
    gated = Gated(FREE)
    try:
        gated.start()
        gated.type("alice", BY_NAME["sudo"], cache=large(90_000).read_bytes()).is_let_in()
        gated.verify()
    finally:
        gated.close()


def test_nothing_but_a_token_may_be_as_large_as_a_token(own_house: Callable[..., House]) -> None:
    """THREATS S-07: before somebody is known, and at a gate afterwards."""
    house = own_house(OF_THE_LAB).start()
    filled = b'{"type":"hello","version":1,"authentication":"krb5","nonce":"' + b"A" * 65_536 + b'"}'
    with Raw(house, uid_of("eve")) as raw:
        raw.send(frame(filled))
        assert raw.is_closed()
    with Raw(house, uid_of("eve")) as raw:
        raw.greet()
        raw.send((TOKEN + 1).to_bytes(4, "big"))
        assert raw.is_closed()
    with Raw(house, uid_of("alice")) as raw:
        raw.sign_in(ticket_of("alice"))
        assert isinstance(raw.submit("id", waits=False), str)
    house.verify()
