/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The narrow JSON that is said at a gate: ASCII without blanks, the members of an object in one order, each value in the one
 * spelling that Python's json.dumps(value, separators=(",", ":")) has for it; bytes are canonical base64.
 *
 * Pure: no clock, no memory of its own. Law: what is not spelled so is not read, and after the first fault nothing more is read;
 * so a caller may read all that it wants, and ask once, at the end, whether all of it was right. No byte beyond the end of the
 * text is looked at, and none is written beyond the size that is given.
 */
#ifndef JITD_NARROW_H
#define JITD_NARROW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The greatest number of PROTOCOL.md section 2. */
#define NARROW_MOST ((UINT64_C(1) << 53) - 1)

/* What is read. */
struct narrow {
    const unsigned char *at, *end;
    bool is_right;
};

struct narrow narrow_of(const void *text, size_t length);

/* Each function reads what comes next, and returns false if that is something else. */

/* Exactly these ASCII characters: the name of a member, and what parts it from the one before. */
bool narrow_literal(struct narrow *in, const char *literal);

/* Whether these come next: they are read if they do, and nothing is if they do not, which is no fault. */
bool narrow_is(struct narrow *in, const char *literal);

/* A number from 0 to `most`. */
bool narrow_number(struct narrow *in, uint64_t most, uint64_t *number);

/* A text, as UTF-8 and with a NUL at its end, of fewer than `size` bytes. It has no other NUL. */
bool narrow_text(struct narrow *in, char *into, size_t size);

/* Bytes, at most `size`. */
bool narrow_bytes(struct narrow *in, unsigned char *into, size_t size, size_t *length);

/* Whether all was right, and nothing comes any more. */
bool narrow_end(const struct narrow *in);

/* The first character of `text`, and how many bytes it has. If it is not right UTF-8, a question mark, of one byte. */
uint32_t narrow_character(const char *text, size_t *n);

/* What is written. If it does not fit, `is_whole` is false. */
struct narrow_out {
    char *at, *end;
    bool is_whole;
};

void narrow_put(struct narrow_out *out, const char *literal);

/* A text. Each byte that is not of right UTF-8 becomes a question mark. */
void narrow_put_text(struct narrow_out *out, const char *text);

void narrow_put_bytes(struct narrow_out *out, const void *bytes, size_t length);

#endif
