/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ask OPTIONS SERVICE OUT WITH [SECOND]: ask the KDC for a ticket with any options (RFC 4120, section 5.4.1; in hex), which no client
 * program would ask for. What is shown to the KDC is the ticket for WITH (krbtgt/REALM@REALM, say) of the default cache; the new
 * ticket goes to the new cache OUT; SECOND is a cache of which the ticket for krbtgt is sent as the additional ticket. Exit
 * status: 0 a ticket, 1 none.
 */

#include <krb5/krb5.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Exported by libkrb5, and in no public header. */
krb5_error_code krb5_get_cred_via_tkt(krb5_context, krb5_creds *, krb5_flags, krb5_address *const *, krb5_creds *, krb5_creds **);

static krb5_context context;

static void
check(krb5_error_code code, const char *what)
{
    if (code == 0)
        return;
    fprintf(stderr, "ask: %s while %s\n", krb5_get_error_message(context, code), what);
    exit(1);
}

static void
find(const char *name, const char *server, krb5_creds *found)
{
    krb5_ccache cache;
    krb5_creds like;

    memset(&like, 0, sizeof(like));
    check(name == NULL ? krb5_cc_default(context, &cache) : krb5_cc_resolve(context, name, &cache), "opening a cache");
    check(krb5_cc_get_principal(context, cache, &like.client), "reading a cache");
    check(krb5_parse_name(context, server, &like.server), "reading a name");
    check(krb5_cc_retrieve_cred(context, cache, 0, &like, found), "looking for a ticket");
}

int
main(int argc, char **argv)
{
    krb5_creds shown, in, second, *out;
    krb5_ccache cache;

    if (argc < 5 || krb5_init_context(&context) != 0)
        return 2;
    memset(&in, 0, sizeof(in));
    find(NULL, argv[4], &shown);
    check(krb5_parse_name(context, argv[2], &in.server), "reading the name");
    in.client = shown.client;
    in.times.endtime = shown.times.endtime;
    if (argc > 5) {
        find(argv[5], argv[4], &second);
        in.second_ticket = second.ticket;
    }
    check(krb5_get_cred_via_tkt(context, &shown, (krb5_flags)strtoul(argv[1], NULL, 16), NULL, &in, &out), "asking");
    check(krb5_cc_resolve(context, argv[3], &cache), "opening the new cache");
    check(krb5_cc_initialize(context, cache, out->client), "writing the new cache");
    check(krb5_cc_store_cred(context, cache, out), "writing the new cache");
    return 0;
}
