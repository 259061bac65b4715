/* SPDX-License-Identifier: Apache-2.0 */
/* See words.h. */

#include "words.h"

#include <com_err.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void
jitd_show_text(const char *text, char shown[JITD_SHOWN])
{
    size_t at = 0;

    for (; *text != '\0'; text++) {
        unsigned char letter = (unsigned char)*text;

        if (at + sizeof("\\xNN...") > JITD_SHOWN) {
            memcpy(shown + at, "...", 3);
            at += 3;
            break;
        }
        if (letter >= 0x20 && letter < 0x7f)
            shown[at++] = *text;
        else
            at += (size_t)snprintf(shown + at, sizeof("\\xNN"), "\\x%02x", letter);
    }
    shown[at] = '\0';
}

void
jitd_show_name(krb5_context context, krb5_const_principal name, char shown[JITD_SHOWN])
{
    char *text = NULL;

    if (name == NULL || krb5_unparse_name(context, name, &text) != 0) {
        jitd_show_text("(no name)", shown);
        return;
    }
    jitd_show_text(text, shown);
    krb5_free_unparsed_name(context, text);
}

void
jitd_say(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    com_err_va("jitd", 0, format, arguments);
    va_end(arguments);
}
