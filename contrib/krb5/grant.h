/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The string attributes of a gated service: what they mean. Pure: no clock, no memory of its own, nothing of Kerberos.
 *
 *     jit_approval        required | log
 *     jit_granted_by      host names (FQDN, lower case), parted by single spaces
 *     jit_grant:ID        1 END CLIENT
 *
 * Law: a string that has not exactly the form is not a grant, and names no host. No reading allocates, and none reads
 * beyond the NUL that ends the string.
 */
#ifndef JITD_GRANT_H
#define JITD_GRANT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define JITD_APPROVAL "jit_approval"
#define JITD_GRANTED_BY "jit_granted_by"
#define JITD_GRANT "jit_grant:"

/* How many seconds after now a grant may end. One that ends later does not count yet. */
#define JITD_AHEAD INT64_C(86400)

/* How many grants one service may have. */
#define JITD_MOST 1000

/* The longest host name, in bytes (RFC 1035, section 2.3.4). */
#define JITD_HOST_MAX 253

/* What jit_approval says. JITD_UNKNOWN is treated like JITD_REQUIRED; it has a name of its own so that it can be logged. */
enum jitd_mode { JITD_UNGATED, JITD_REQUIRED, JITD_LOG, JITD_UNKNOWN };

/* A grant as it is written. */
struct jitd_grant {
    int64_t end;        /* seconds since the epoch */
    const char *client; /* points into the string that was read: the principal, with its realm, to the string's end */
};

/* Read the value of jit_approval. NULL (there is no such string) is JITD_UNGATED. */
enum jitd_mode jitd_mode_of(const char *value);

/* True if `key` is `jit_grant:ID`: 8 letters of Crockford's base32, upper case, and perhaps `.N` (1 to 9 digits, no leading 0). */
bool jitd_is_grant_key(const char *key);

/* Read `1 END CLIENT` into `grant`. False, and `grant` is untouched, if `value` is not exactly of that form. */
bool jitd_read_grant(const char *value, struct jitd_grant *grant);

/* For how many seconds from `now` (since the epoch) the grant permits: 1 to JITD_AHEAD; 0 if it permits nothing. */
int64_t jitd_left(const struct jitd_grant *grant, int64_t now);

/* True if `host` is a host name as jit_granted_by has them: at least two labels, lower case. */
bool jitd_is_host(const char *host);

/* True if `list` is a list as jit_granted_by has it, and `host` stands in it. */
bool jitd_names_host(const char *list, const char *host);

#endif
