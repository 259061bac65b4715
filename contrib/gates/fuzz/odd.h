/* SPDX-License-Identifier: Apache-2.0 */
/* What the programs of this directory draw, change and check. The same seed gives the same. */
#ifndef JITD_ODD_H
#define JITD_ODD_H

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHECK(holds) \
    do { \
        if (!(holds)) { \
            fprintf(stderr, "%s:%d: broken: %s\n", __FILE__, __LINE__, #holds); \
            abort(); \
        } \
    } while (0)

static uint64_t state;

/* xorshift64*: Vigna, "An experimental exploration of Marsaglia's xorshift generators" (2016). */
static uint32_t
draw(uint32_t below)
{
    state ^= state >> 12;
    state ^= state << 25;
    state ^= state >> 27;
    return (uint32_t)((state * UINT64_C(2685821657736338717)) >> 33) % below;
}

/* Change `text` in so many places, each by at most one more byte. Returns how long it is then. */
static size_t
change(char *text, size_t length, size_t changes)
{
    for (; changes > 0 && length > 0; changes--) {
        size_t at = draw((uint32_t)length);

        switch (draw(4)) {
        case 0:
            text[at] = (char)draw(256);
            break;
        case 1:
            memmove(text + at, text + at + 1, length - at - 1);
            length--;
            break;
        case 2:
            length = at;
            break;
        default:
            memmove(text + at + 1, text + at, length - at);
            text[at] = "\"\\u=0aF{,:"[draw(10)];
            length++;
        }
    }
    return length;
}

#endif
