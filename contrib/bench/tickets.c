/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tickets COUNT SERVICE: ask for COUNT tickets of SERVICE with the TGT of the default cache, one after the other, and keep none.
 * contrib/bench/kdc.py compiles it. Exit status: 0 if each request brought a ticket.
 */

#include <krb5/krb5.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Exported by libkrb5, and in no public header. It asks the KDC each time, whatever is in the cache. */
krb5_error_code krb5_get_cred_via_tkt(krb5_context, krb5_creds *, krb5_flags, krb5_address *const *, krb5_creds *, krb5_creds **);

static krb5_context context;

static void
check(krb5_error_code code, const char *what)
{
    if (code == 0)
        return;
    fprintf(stderr, "tickets: %s while %s\n", krb5_get_error_message(context, code), what);
    exit(1);
}

int
main(int argc, char **argv)
{
    krb5_creds like, tgt, in, *out;
    krb5_ccache cache;
    krb5_data *realm;

    if (argc != 3 || krb5_init_context(&context) != 0)
        return 2;
    memset(&like, 0, sizeof(like));
    memset(&in, 0, sizeof(in));
    check(krb5_cc_default(context, &cache), "opening the cache");
    check(krb5_cc_get_principal(context, cache, &like.client), "reading the cache");
    realm = &like.client->realm;
    check(krb5_build_principal_ext(context, &like.server, realm->length, realm->data, 6, "krbtgt", realm->length, realm->data, 0),
          "naming the TGS");
    check(krb5_cc_retrieve_cred(context, cache, 0, &like, &tgt), "looking for the TGT");
    check(krb5_parse_name(context, argv[2], &in.server), "reading the name");
    in.client = tgt.client;
    in.times.endtime = tgt.times.endtime;
    for (long left = strtol(argv[1], NULL, 10); left > 0; left--) {
        check(krb5_get_cred_via_tkt(context, &tgt, 0, NULL, &in, &out), "asking");
        krb5_free_creds(context, out);
    }
    return 0;
}
