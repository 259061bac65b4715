/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the programs of this directory draw, change and check. `NAME COUNT SEED` plays COUNT inputs; the same SEED gives the same.
 * With clang, libFuzzer draws in its place (COVERED), and goes on from what has reached further than all before.
 */
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

/* Play one input. */
static void try_one(void);

/* Print what came of all. */
static void sum_up(uint64_t count);

#ifdef COVERED
static const uint8_t *given;
static size_t n_given;

static uint32_t
draw(uint32_t below)
{
    uint32_t value = 0;

    for (uint32_t most = below - 1; most > 0 && n_given > 0; most >>= 8, given++, n_given--)
        value = value << 8 | *given;
    return value % below;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    given = data;
    n_given = size;
    try_one();
    (void)sum_up;
    return 0;
}
#else
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

int
main(int argc, char **argv)
{
    uint64_t count = argc == 3 ? strtoull(argv[1], NULL, 10) : 0;

    if (count == 0) {
        fprintf(stderr, "usage: %s COUNT SEED\n", argv[0]);
        return 2;
    }
    state = strtoull(argv[2], NULL, 10) * 2 + 1;
    for (uint64_t i = 0; i < count; i++)
        try_one();
    sum_up(count);
    return 0;
}
#endif

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
