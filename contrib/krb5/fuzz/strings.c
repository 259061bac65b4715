/* SPDX-License-Identifier: Apache-2.0 */
/*
 * strings COUNT SEED: read COUNT odd strings by every function of grant.c, and abort where a promise of grant.h is broken.
 *
 * A string is put together from parts of right ones, and then changed in some places; each is kept in memory of exactly its
 * length, so that ASan sees a read beyond its end. The same COUNT and SEED make the same strings.
 */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "grant.h"

#define LONGEST 700

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

static const char *const PARTS[] = {
    "1 ", "1 ", "1 1790000000 ", "1 99999999999 ", "1 100000000000 ", "1790000000", "0", "00", "-1", "18446744073709551617", " ", "  ",
    "alice@EXAMPLE.TEST", "alice/admin@EXAMPLE.TEST", "a\\@b@C", "a\\\\@C", "@", "\\", "\\n", "\n", "\t", "\x7f", "\xff", "jit_grant:",
    "jit_grant:K7QM2XVD", "jit_grant:K7QM2XVD.1", "K7QM2XVD", "7QM2XV", ".999999999", ".1000000000", ".", "jit_approval",
    "jit_granted_by", "lab.example.test", "db1.example.test ", " lab.example.test", "a.b", "none", "a-b.c", "-", "A.b", "required", "log",
};
#define N_PARTS (sizeof(PARTS) / sizeof(PARTS[0]))

/* Whole ones of each kind, so that a change of one byte meets them. */
static const char *const WHOLE[] = {
    "1 1790000000 alice@EXAMPLE.TEST", "1 1 a/b\\@c@D", "jit_grant:K7QM2XVD", "jit_grant:0000000Z.123456789",
    "lab.example.test", "lab.example.test db1.example.test a-b.c",
};

static size_t
make(char *text)
{
    size_t length = 0, changes = draw(4);

    if (draw(2) == 0) {
        length = strlen(strcpy(text, WHOLE[draw(sizeof(WHOLE) / sizeof(WHOLE[0]))]));
    } else {
        for (uint32_t parts = draw(8); parts > 0 && length < LONGEST - 64; parts--) {
            const char *part = PARTS[draw(N_PARTS)];

            memcpy(text + length, part, strlen(part));
            length += strlen(part);
        }
        if (draw(64) == 0) {  /* a long one */
            size_t more = draw(LONGEST - (uint32_t)length);

            memset(text + length, "a1.@"[draw(4)], more);
            length += more;
        }
    }
    for (; changes > 0 && length > 0; changes--) {
        size_t at = draw((uint32_t)length);

        switch (draw(3)) {
        case 0:
            text[at] = (char)(1 + draw(255));
            break;
        case 1:
            memmove(text + at, text + at + 1, length - at - 1);
            length--;
            break;
        default:
            if (length < LONGEST) {
                memmove(text + at + 1, text + at, length - at);
                text[at] = (char)(draw(2) ? 1 + draw(255) : (uint32_t)" 019.@\\aZ"[draw(9)]);
                length++;
            }
        }
    }
    return length;
}

static void
promise(int kept, const char *which, const char *text)
{
    if (kept)
        return;
    fprintf(stderr, "broken: %s, by:", which);
    for (; *text != '\0'; text++)
        fprintf(stderr, " %02x", (unsigned char)*text);
    fprintf(stderr, "\n");
    abort();
}

static int64_t
odd_instant(const struct jitd_grant *grant)
{
    switch (draw(5)) {
    case 0:
        return grant->end - (int64_t)draw(200000) + 50000;
    case 1:
        return grant->end;
    case 2:
        return INT64_MIN;
    case 3:
        return INT64_MAX;
    default:
        return (int64_t)draw(UINT32_MAX);
    }
}

static uint64_t n_keys, n_grants, n_lists, n_live;

static void
read_one(const char *text)
{
    struct jitd_grant grant = { -7, NULL };
    char again[LONGEST + 64];

    if (jitd_is_grant_key(text)) {
        n_keys++;
        promise(strncmp(text, "jit_grant:", 10) == 0, "a key begins with jit_grant:", text);
        promise(strlen(text) >= 18 && strlen(text) <= 28, "a key has a length", text);
        promise(strspn(text + 10, "0123456789ABCDEFGHJKMNPQRSTVWXYZ.") == strlen(text + 10), "a key has an alphabet", text);
    }
    if (jitd_read_grant(text, &grant)) {
        int64_t now = odd_instant(&grant), left = jitd_left(&grant, now);

        n_grants++;
        snprintf(again, sizeof(again), "1 %" PRId64 " %s", grant.end, grant.client);
        promise(strcmp(again, text) == 0, "a grant, written again, is the same string", text);
        promise(grant.end >= 1 && grant.end <= INT64_C(99999999999), "an end has a bound", text);
        promise(strchr(grant.client, '@') != NULL, "a client has a realm", text);
        promise(left >= 0 && left <= JITD_AHEAD, "a grant is worth a day at most", text);
        promise(left == 0 || now + left == grant.end, "a grant is worth nothing beyond its end", text);
        n_live += left > 0;
    } else {
        promise(grant.end == -7 && grant.client == NULL, "a string that is not a grant changes nothing", text);
    }
    if (jitd_names_host(text, "lab.example.test")) {
        const char *at = strstr(text, "lab.example.test");

        n_lists++;
        promise(at != NULL, "a list holds the host that it names", text);
        promise(strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789.- ") == strlen(text), "a list has an alphabet", text);
        promise(strstr(text, "  ") == NULL && text[0] != ' ' && text[strlen(text) - 1] != ' ', "a list is parted by one space", text);
    }
    if (jitd_is_host(text)) {
        promise(strlen(text) <= JITD_HOST_MAX && strchr(text, '.') != NULL, "a host has a domain and a bound", text);
        promise(jitd_names_host(text, text), "a host is a list that names it", text);
    }
    promise(!jitd_names_host("lab.example.test", text) || strcmp(text, "lab.example.test") == 0, "one name is one host", text);
    promise(jitd_mode_of(text) != JITD_UNGATED, "a service with any jit_approval is gated", text);
}

int
main(int argc, char **argv)
{
    uint64_t count = argc == 3 ? strtoull(argv[1], NULL, 10) : 0;
    char text[LONGEST + 1];

    state = argc == 3 ? strtoull(argv[2], NULL, 10) : 0;
    if (count == 0 || state == 0) {
        fprintf(stderr, "usage: strings COUNT SEED\n");
        return 2;
    }
    for (uint64_t i = 0; i < count; i++) {
        size_t length = make(text);
        char *exact = malloc(length + 1);

        if (exact == NULL)
            return 1;
        memcpy(exact, text, length);
        exact[length] = '\0';
        read_one(exact);
        free(exact);
    }
    printf("inputs=%" PRIu64 " keys=%" PRIu64 " grants=%" PRIu64 " live=%" PRIu64 " lists=%" PRIu64 "\n", count, n_keys, n_grants,
           n_live, n_lists);
    return 0;
}
