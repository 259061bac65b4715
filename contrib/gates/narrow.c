/* SPDX-License-Identifier: Apache-2.0 */
/* See narrow.h. */

#include "narrow.h"

#include <string.h>

static const char LETTERS[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char HEX[] = "0123456789abcdef";

/* The characters that are written as a backslash and a letter, and these letters. */
static const char SHORT[] = "\"\\\b\f\n\r\t", SHORT_LETTERS[] = "\"\\bfnrt";

struct narrow
narrow_of(const void *text, size_t length)
{
    struct narrow in = { text, (const unsigned char *)text + length, true };

    return in;
}

static bool
fails(struct narrow *in)
{
    in->is_right = false;
    return false;
}

bool
narrow_is(struct narrow *in, const char *literal)
{
    size_t length = strlen(literal);

    if (!in->is_right || (size_t)(in->end - in->at) < length || memcmp(in->at, literal, length) != 0)
        return false;
    in->at += length;
    return true;
}

bool
narrow_literal(struct narrow *in, const char *literal)
{
    return narrow_is(in, literal) || fails(in);
}

bool
narrow_number(struct narrow *in, uint64_t most, uint64_t *number)
{
    const unsigned char *begin = in->at;
    uint64_t value = 0;

    if (!in->is_right)
        return false;
    for (; in->at < in->end && *in->at >= '0' && *in->at <= '9'; in->at++) {
        uint64_t digit = (uint64_t)(*in->at - '0');

        if (value > (most - digit) / 10 || digit > most)
            return fails(in);
        value = value * 10 + digit;
    }
    if (in->at == begin || (*begin == '0' && in->at - begin > 1))
        return fails(in);
    *number = value;
    return true;
}

/* The four digits after \u. UINT32_MAX if they are not there. */
static uint32_t
hex_digits(struct narrow *in)
{
    uint32_t value = 0;

    if (in->end - in->at < 4)
        return UINT32_MAX;
    for (int i = 0; i < 4; i++) {
        const char *digit = memchr(HEX, *in->at++, sizeof(HEX) - 1);

        if (digit == NULL)
            return UINT32_MAX;
        value = value << 4 | (uint32_t)(digit - HEX);
    }
    return value;
}

/* The character that an escape is, of which the backslash has been read. 0 if it is none, or has another spelling. */
static uint32_t
escaped(struct narrow *in)
{
    uint32_t code, low;
    const char *letter;

    if (in->at == in->end)
        return 0;
    letter = memchr(SHORT_LETTERS, *in->at, sizeof(SHORT_LETTERS) - 1);
    if (letter != NULL) {
        in->at++;
        return (uint32_t)SHORT[letter - SHORT_LETTERS];
    }
    if (*in->at++ != 'u')
        return 0;
    code = hex_digits(in);
    if (code == UINT32_MAX || (code >= 0x20 && code < 0x7f) || memchr(SHORT, (int)code, code < 0x80 ? sizeof(SHORT) - 1 : 0) != NULL)
        return 0;
    if (code >= 0xdc00 && code < 0xe000)
        return 0;
    if (code < 0xd800 || code >= 0xe000)
        return code;
    if (in->end - in->at < 2 || in->at[0] != '\\' || in->at[1] != 'u')
        return 0;
    in->at += 2;
    low = hex_digits(in);
    if (low < 0xdc00 || low >= 0xe000)
        return 0;
    return 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
}

/* The bytes of a character in UTF-8; how many they are. */
static size_t
utf8(uint32_t code, char bytes[4])
{
    size_t more = code < 0x80 ? 0 : code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
    static const unsigned char FIRST[] = { 0, 0xc0, 0xe0, 0xf0 };

    bytes[0] = (char)(FIRST[more] | code >> (6 * more));
    for (size_t i = 1; i <= more; i++)
        bytes[i] = (char)(0x80 | (code >> (6 * (more - i)) & 0x3f));
    return more + 1;
}

bool
narrow_text(struct narrow *in, char *into, size_t size)
{
    size_t length = 0;

    if (!narrow_literal(in, "\""))
        return false;
    while (in->at < in->end && *in->at != '"') {
        uint32_t code = *in->at++;
        char bytes[4];
        size_t more;

        if (code == '\\')
            code = escaped(in);
        else if (code < 0x20 || code >= 0x7f)
            return fails(in);
        if (code == 0)
            return fails(in);
        more = utf8(code, bytes);
        if (length + more >= size)
            return fails(in);
        memcpy(into + length, bytes, more);
        length += more;
    }
    if (length >= size)
        return fails(in);
    into[length] = '\0';
    return narrow_literal(in, "\"");
}

bool
narrow_bytes(struct narrow *in, unsigned char *into, size_t size, size_t *length)
{
    size_t n = 0, padding = 0;

    if (!narrow_literal(in, "\""))
        return false;
    while (padding == 0 && in->at < in->end && *in->at != '"') {
        uint32_t value = 0;

        if (in->end - in->at < 4)
            return fails(in);
        for (int i = 0; i < 4; i++, in->at++) {
            const char *letter = memchr(LETTERS, *in->at, sizeof(LETTERS) - 1);

            if (*in->at == '=' && i >= 2)
                padding++;
            else if (letter == NULL || padding > 0)
                return fails(in);
            value = value << 6 | (letter == NULL ? 0 : (uint32_t)(letter - LETTERS));
        }
        if ((value & ((UINT32_C(1) << (8 * padding)) - 1)) != 0 || size - n < 3 - padding)
            return fails(in);
        for (size_t i = 0; i < 3 - padding; i++)
            into[n++] = (unsigned char)(value >> (16 - 8 * i));
    }
    *length = n;
    return narrow_literal(in, "\"");
}

bool
narrow_end(const struct narrow *in)
{
    return in->is_right && in->at == in->end;
}

static void
put(struct narrow_out *out, const char *bytes, size_t length)
{
    if (!out->is_whole || (size_t)(out->end - out->at) < length) {
        out->is_whole = false;
        return;
    }
    memcpy(out->at, bytes, length);
    out->at += length;
}

void
narrow_put(struct narrow_out *out, const char *literal)
{
    put(out, literal, strlen(literal));
}

uint32_t
narrow_character(const char *from, size_t *n)
{
    static const uint32_t LEAST[] = { 0, 0x80, 0x800, 0x10000 };
    const unsigned char *text = (const unsigned char *)from;
    size_t more = *text < 0x80 ? 0 : *text >= 0xf0 ? 3 : *text >= 0xe0 ? 2 : 1;
    uint32_t code = more == 0 ? *text : *text & (0x3fU >> more);
    bool is_right = more == 0 || (*text >= 0xc2 && *text < 0xf5);

    for (size_t i = 1; is_right && i <= more; i++) {  /* the NUL at the end is no byte that continues a character */
        is_right = (text[i] & 0xc0) == 0x80;
        code = code << 6 | (text[i] & 0x3f);
    }
    is_right = is_right && code >= LEAST[more] && code < 0x110000 && (code < 0xd800 || code >= 0xe000);
    *n = is_right ? more + 1 : 1;
    return is_right ? code : '?';
}

static void
put_unit(struct narrow_out *out, uint32_t unit)
{
    char escape[6] = { '\\', 'u', HEX[unit >> 12 & 15], HEX[unit >> 8 & 15], HEX[unit >> 4 & 15], HEX[unit & 15] };

    put(out, escape, sizeof(escape));
}

void
narrow_put_text(struct narrow_out *out, const char *text)
{
    size_t n;

    narrow_put(out, "\"");
    for (; *text != '\0'; text += n) {
        uint32_t code = narrow_character(text, &n);
        const char *letter = code < 0x80 ? memchr(SHORT, (int)code, sizeof(SHORT) - 1) : NULL;

        if (letter != NULL) {
            char escape[2] = { '\\', SHORT_LETTERS[letter - SHORT] };

            put(out, escape, sizeof(escape));
        } else if (code >= 0x20 && code < 0x7f) {
            char plain = (char)code;

            put(out, &plain, 1);
        } else if (code < 0x10000) {
            put_unit(out, code);
        } else {
            put_unit(out, 0xd800 + ((code - 0x10000) >> 10));
            put_unit(out, 0xdc00 + ((code - 0x10000) & 0x3ff));
        }
    }
    narrow_put(out, "\"");
}

void
narrow_put_bytes(struct narrow_out *out, const void *bytes, size_t length)
{
    const unsigned char *at = bytes;

    narrow_put(out, "\"");
    while (length > 0) {
        size_t n = length < 3 ? length : 3;
        uint32_t value = (uint32_t)at[0] << 16 | (n > 1 ? (uint32_t)at[1] << 8 : 0) | (n > 2 ? at[2] : 0);
        char four[4] = { LETTERS[value >> 18], LETTERS[value >> 12 & 63], n > 1 ? LETTERS[value >> 6 & 63] : '=',
                         n > 2 ? LETTERS[value & 63] : '=' };

        put(out, four, sizeof(four));
        at += n;
        length -= n;
    }
    narrow_put(out, "\"");
}
