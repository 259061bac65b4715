/* SPDX-License-Identifier: Apache-2.0 */
/*
 * messages COUNT SEED: read COUNT odd messages by every function of narrow.c, and abort where a promise of narrow.h is broken.
 *
 * A message is put together from parts of right ones, and then changed in some places; each is kept in memory of exactly its
 * length, and what is read goes to memory of exactly the size that is given, so that ASan sees a step beyond either. What has been
 * read is written, and has to be the same bytes again: there is one spelling. The same COUNT and SEED make the same messages.
 */

#include "narrow.h"
#include "odd.h"

#define LONGEST 900

static const char *const PARTS[] = {
    "{\"uid\":", ",\"cache\":", ",\"host\":", ",\"binding\":", "{\"token\":", "}", "\"", ",", ":", "[", "]", "null", "true", "-1", "0", "00",
    "1", "4294967294", "4294967295", "9007199254740991", "9007199254740992", "18446744073709551615", "18446744073709551616", "1.0", "1e3",
    "\"YWJj\"", "\"YWI=\"", "\"YQ==\"", "\"YR==\"", "\"YWJ=\"", "\"YW=j\"", "\"Y===\"", "\"====\"", "\"YQ\"", "\"\"", "\"a\\u0000b\"",
    "\"\\u00fc\"", "\"\\u00FC\"", "\"\\u0061\"", "\"\\u007f\"", "\"\\u001f\"", "\"\\u000a\"", "\"\\n\"", "\"\\/\"", "\"\\\\\\\"\"",
    "\"\\ud83d\\ude00\"", "\"\\ud83d\"", "\"\\ude00\"", "\"\\ud83d\\u0041\"", "\"\\u20ac\"", "\"\\u\"", "\"\\", "\xff", "\xc3\xbc", "\x7f",
    "\t", " ", "\n", "db1.example.test",
};
#define N_PARTS (sizeof(PARTS) / sizeof(PARTS[0]))

/* Whole ones of each kind, so that a change of one byte meets them. */
static const char *const WHOLE[] = {
    "{\"uid\":4001,\"cache\":\"RklMRTovdG1wL2tyYjVjY180MDAx\",\"host\":\"db1.example.test\",\"binding\":\"AAECAwQFBgc=\"}",
    "{\"uid\":4001,\"cache\":null,\"host\":\"b\\u00fcro\\ud83d\\ude00\\\\\\n\",\"binding\":\"\"}",
    "{\"token\":\"YWJj\"}", "{\"token\":\"YWI=\"}",
};

static size_t
make(char *text)
{
    size_t length = 0, changes = draw(4);

    if (draw(2) == 0) {
        length = strlen(strcpy(text, WHOLE[draw(sizeof(WHOLE) / sizeof(WHOLE[0]))]));
    } else {
        for (uint32_t parts = draw(10); parts > 0 && length < LONGEST - 120; parts--) {
            const char *part = PARTS[draw(N_PARTS)];

            memcpy(text + length, part, strlen(part));
            length += strlen(part);
        }
    }
    return change(text, length, changes);
}

/* What was read from `begin` on is written again, and is the same. */
static void
check_spelling(const unsigned char *begin, const unsigned char *end, const void *value, size_t length, bool is_text)
{
    size_t size = (size_t)(end - begin);
    char *again = malloc(size);
    struct narrow_out out = { again, again + size, true };

    CHECK(again != NULL);
    if (is_text)
        narrow_put_text(&out, value);
    else
        narrow_put_bytes(&out, value, length);
    CHECK(out.is_whole && out.at == out.end && memcmp(again, begin, size) == 0);
    free(again);
}

static size_t n_texts, n_bytes, n_numbers, n_questions;

/* One value of each kind, wherever it begins, into memory of a drawn size. */
static void
read_value(const unsigned char *text, size_t length)
{
    size_t from = length > 0 ? draw((uint32_t)length + 1) : 0, size = draw(40), n = SIZE_MAX;
    struct narrow in = narrow_of(text + from, length - from);
    uint64_t number = UINT64_MAX, most = draw(2) ? NARROW_MOST : draw(300);
    unsigned char *into = malloc(size > 0 ? size : 1);

    CHECK(into != NULL);
    if (narrow_text(&in, (char *)into, size)) {
        CHECK(memchr(into, '\0', size) != NULL);
        check_spelling(text + from, in.at, into, 0, true);
        n_texts++;
    }
    in = narrow_of(text + from, length - from);
    if (narrow_bytes(&in, into, size, &n)) {
        CHECK(n <= size);
        check_spelling(text + from, in.at, into, n, false);
        n_bytes++;
    }
    in = narrow_of(text + from, length - from);
    if (narrow_number(&in, most, &number)) {
        char again[24];

        snprintf(again, sizeof(again), "%" PRIu64, number);
        CHECK(number <= most && strlen(again) == (size_t)(in.at - text) - from && memcmp(again, text + from, strlen(again)) == 0);
        n_numbers++;
    } else {
        CHECK(!in.is_right && !narrow_is(&in, "") && !narrow_literal(&in, "") && !narrow_end(&in));
    }
    free(into);
}

/* The question of a gate, as prove.c reads it. */
static void
read_question(const unsigned char *text, size_t length)
{
    struct narrow in = narrow_of(text, length);
    char host[64], again[LONGEST + 200];
    unsigned char cache[64], binding[64];
    size_t n_cache = 0, n_binding = 0;
    uint64_t uid = 0;
    bool has_cache;
    struct narrow_out out = { again, again + sizeof(again), true };

    narrow_literal(&in, "{\"uid\":");
    narrow_number(&in, UINT32_MAX - 1, &uid);
    narrow_literal(&in, ",\"cache\":");
    has_cache = !narrow_is(&in, "null");
    if (has_cache)
        narrow_bytes(&in, cache, sizeof(cache), &n_cache);
    narrow_literal(&in, ",\"host\":");
    narrow_text(&in, host, sizeof(host));
    narrow_literal(&in, ",\"binding\":");
    narrow_bytes(&in, binding, sizeof(binding), &n_binding);
    narrow_literal(&in, "}");
    CHECK(in.at >= text && in.at <= text + length);
    if (!narrow_end(&in))
        return;
    snprintf(again, sizeof(again), "{\"uid\":%" PRIu64 ",\"cache\":", uid);
    out.at += strlen(again);
    if (has_cache)
        narrow_put_bytes(&out, cache, n_cache);
    else
        narrow_put(&out, "null");
    narrow_put(&out, ",\"host\":");
    narrow_put_text(&out, host);
    narrow_put(&out, ",\"binding\":");
    narrow_put_bytes(&out, binding, n_binding);
    narrow_put(&out, "}");
    CHECK(out.is_whole && (size_t)(out.at - again) == length && memcmp(again, text, length) == 0);
    n_questions++;
}

/* Any bytes are written as a right text, and into no more than there is. */
static void
write_text(const unsigned char *text, size_t length)
{
    size_t size = draw(200);
    char *copy = malloc(length + 1), *into = malloc(size > 0 ? size : 1), *again = malloc(length + 1);
    struct narrow_out out = { into, into + size, true };

    CHECK(copy != NULL && into != NULL && again != NULL);
    memcpy(copy, text, length);
    copy[length] = '\0';
    narrow_put_text(&out, copy);
    CHECK(out.at <= into + size);
    if (out.is_whole) {
        struct narrow in = narrow_of(into, (size_t)(out.at - into));

        CHECK(narrow_text(&in, again, length + 1) && narrow_end(&in));
    }
    free(copy);
    free(into);
    free(again);
}

static void
try_one(void)
{
    static char text[LONGEST + 8];
    size_t length = make(text);
    unsigned char *exact = malloc(length > 0 ? length : 1);

    CHECK(exact != NULL);
    memcpy(exact, text, length);
    read_question(exact, length);
    read_value(exact, length);
    write_text(exact, length);
    free(exact);
}

static void
sum_up(uint64_t count)
{
    printf("inputs=%" PRIu64 " texts=%zu bytes=%zu numbers=%zu questions=%zu\n", count, n_texts, n_bytes, n_numbers, n_questions);
}
