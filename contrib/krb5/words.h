/* SPDX-License-Identifier: Apache-2.0 */
/* What the modules say in the log of krb5kdc and kadmind. Law: one line an event, whatever is in a name. */
#ifndef JITD_WORDS_H
#define JITD_WORDS_H

#include <krb5/krb5.h>

/* The longest name that is written out, with its NUL. A longer one is cut, and ends in `...`. */
#define JITD_SHOWN 300

/* Write `text` into `shown` so that it fits on a line: what is not printable ASCII as \xNN, what is too long cut. */
void jitd_show_text(const char *text, char shown[JITD_SHOWN]);

/* The same of a principal's name; `(no name)` if there is none. */
void jitd_show_name(krb5_context context, krb5_const_principal name, char shown[JITD_SHOWN]);

/* Write a line to the log of the process. Both servers direct com_err(3) to their log. */
void jitd_say(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
