/* SPDX-License-Identifier: Apache-2.0 */
/* See grant.h. Comparisons are of bytes: no locale has a say. */

#include "grant.h"

#include <string.h>

#define ID_LETTERS 8
#define END_DIGITS 11  /* until the year 5138 */
#define HOLDING_DIGITS 9
#define LABEL_MAX 63   /* RFC 1035, section 2.3.4 */

static bool
is_digit(char letter)
{
    return letter >= '0' && letter <= '9';
}

/* Crockford's base32: no I, L, O and U. */
static bool
is_of_id(char letter)
{
    return is_digit(letter) || (letter >= 'A' && letter <= 'Z' && strchr("ILOU", letter) == NULL);
}

enum jitd_mode
jitd_mode_of(const char *value)
{
    if (value == NULL)
        return JITD_UNGATED;
    if (strcmp(value, "required") == 0)
        return JITD_REQUIRED;
    if (strcmp(value, "log") == 0)
        return JITD_LOG;
    return JITD_UNKNOWN;
}

/*
 * Step over a number that is written with 1 to `most` digits (at most 18), the first of them no 0. Return its value, or 0
 * if there is no such number; then `*at` has not moved. Digits beyond `most` are left to be refused by what follows.
 */
static int64_t
read_number(const char **at, size_t most)
{
    const char *digit = *at;
    int64_t value = 0;

    if (*digit == '0')
        return 0;
    for (size_t count = 0; count < most && is_digit(*digit); count++, digit++)
        value = value * 10 + (*digit - '0');
    if (value != 0)
        *at = digit;
    return value;
}

bool
jitd_is_grant_key(const char *key)
{
    if (strncmp(key, JITD_GRANT, sizeof(JITD_GRANT) - 1) != 0)
        return false;
    key += sizeof(JITD_GRANT) - 1;
    for (size_t count = 0; count < ID_LETTERS; count++, key++) {
        if (!is_of_id(*key))
            return false;
    }
    if (*key == '.') {
        key++;
        if (read_number(&key, HOLDING_DIGITS) == 0)
            return false;
    }
    return *key == '\0';
}

/*
 * True if `name` can be what krb5_unparse_name returns: one realm, set off by the only @ without a backslash before it,
 * with something on both sides; a backslash only before what that function escapes; no control character.
 */
static bool
is_principal(const char *name)
{
    const char *realm = NULL, *at;

    for (at = name; *at != '\0'; at++) {
        unsigned char letter = (unsigned char)*at;

        if (letter < 0x20 || letter == 0x7f)
            return false;
        if (letter == '\\') {
            at++;
            if (*at == '\0' || strchr("\\/@ntb0", *at) == NULL)
                return false;
        } else if (letter == '@') {
            if (realm != NULL || at == name)
                return false;
            realm = at + 1;
        }
    }
    return realm != NULL && *realm != '\0';
}

bool
jitd_read_grant(const char *value, struct jitd_grant *grant)
{
    int64_t end;

    if (value[0] != '1' || value[1] != ' ')
        return false;
    value += 2;
    end = read_number(&value, END_DIGITS);
    if (end == 0 || *value != ' ' || !is_principal(value + 1))
        return false;
    grant->end = end;
    grant->client = value + 1;
    return true;
}

int64_t
jitd_left(const struct jitd_grant *grant, int64_t now)
{
    /* A clock outside of what END can say is broken. The bound also keeps the subtraction from overflowing. */
    if (now < 0 || now > INT64_C(99999999999))
        return 0;
    if (grant->end <= now || grant->end - now > JITD_AHEAD)
        return 0;
    return grant->end - now;
}

/* The length of the host name with which `text` begins, up to a space or the end; 0 if there is none. */
static size_t
host_length(const char *text)
{
    size_t length = 0, label = 0, labels = 1;

    for (;; length++) {
        char letter = text[length];

        if (letter == '\0' || letter == ' ' || letter == '.') {
            if (label == 0 || text[length - 1] == '-')
                return 0;
            if (letter != '.')
                break;
            label = 0;
            labels++;
        } else if (is_digit(letter) || (letter >= 'a' && letter <= 'z') || (letter == '-' && label > 0)) {
            if (++label > LABEL_MAX)
                return 0;
        } else {
            return 0;
        }
        if (length >= JITD_HOST_MAX)
            return 0;
    }
    return labels > 1 ? length : 0;
}

bool
jitd_is_host(const char *host)
{
    size_t length = host_length(host);

    return length > 0 && host[length] == '\0';
}

bool
jitd_names_host(const char *list, const char *host)
{
    size_t wanted = strlen(host), length;
    bool found = false;

    if (!jitd_is_host(host))
        return false;
    for (;;) {  /* to the end, also when it is found: a list with a fault names nobody */
        length = host_length(list);
        if (length == 0)
            return false;
        if (length == wanted && memcmp(list, host, length) == 0)
            found = true;
        list += length;
        if (*list == '\0')
            return found;
        list++;
    }
}
