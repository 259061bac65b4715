/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a gate reads of this host, beside what it asks jitd.
 *
 * Law: it takes libc alone, and keeps nothing between two calls.
 */
#ifndef JITD_HOST_H
#define JITD_HOST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

bool host_is_utf8(const char *text);

/* Keep no more than `most` bytes, and no half of a character. */
void host_cut(char *text, size_t most);

/* The kernel's audit session, or else the process that leads the session, as in jitsudo. */
uint32_t host_login_session(void);

/* Unlike syslog(3), this cannot hang or change the program's log settings. */
void host_log(const char *by, const char *what, const char *more);

#endif
