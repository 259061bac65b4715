/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Makes tokens for jitd/HOST from a credential cache: jitpam/initiator.py once more, in C, for a gate.
 *
 * Law: the same cache is chosen, the same is asked of the library, and the same sentence says why there is no token: what one of
 * the two learns, the other learns, too (tests/kerberos/test_initiator.py asks both). Only the krb5 mechanism is used, and
 * credentials are never delegated. Nothing is sealed before the daemon has proved itself and all flags are granted.
 */
#ifndef JITD_INITIATOR_H
#define JITD_INITIATOR_H

#include <gssapi/gssapi.h>
#include <gssapi/gssapi_krb5.h>
#include <krb5/krb5.h>

#include <stdbool.h>

/* The longest name, of a host, a principal or a cache, and the longest sentence, each with its NUL. */
#define INITIATOR_NAME 4096
#define INITIATOR_SENTENCE 8192

struct initiator {
    const char *host;
    const char *cache;  /* its name, or NULL: the library's default for this account */
    char target[INITIATOR_NAME], realm[INITIATOR_NAME], principal[INITIATOR_NAME];
    char why[INITIATOR_SENTENCE];  /* after a function has returned false: the sentence for the person */
    krb5_context library;
    gss_name_t name;
    gss_cred_id_t credentials;
    gss_ctx_id_t context;
    OM_uint32 minor;
    bool is_finished;
};

/* To be called in this order. Each returns false if it fails. All of it is freed by the end of the process. */

/* Make sure that the cache has a ticket for jitd/HOST. This may ask a KDC, and wait for it. */
bool initiator_obtain_ticket(struct initiator *by);

/* The token for the daemon, bound to `channel`. */
bool initiator_first_token(struct initiator *by, void *channel, size_t length, gss_buffer_t token);

/* Take the daemon's answer. */
bool initiator_finish(struct initiator *by, void *answer, size_t length);

bool initiator_wrap(struct initiator *by, void *message, size_t length, gss_buffer_t sealed);

#endif
