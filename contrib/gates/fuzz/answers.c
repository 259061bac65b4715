/* SPDX-License-Identifier: Apache-2.0 */
/*
 * answers COUNT SEED: answer gate.c with COUNT odd streams in jitd's place, and abort where one permits that must not.
 *
 * A stream is made of frames that jitd may send, in any order, with changes in some places; it is sent to the greeting or to the
 * wait for a decision. A stream that was not changed and ends in a grant permits; of any other that permits, the last message is
 * a grant, whole, fresh, and about places that are as they are. The same COUNT and SEED make the same streams.
 */

#include "../gate.c"

#include "odd.h"

#define LONGEST 8192

static const char *const NEWS[] = {
    "{\"type\":\"slow\",\"left_ms\":0}",
    "{\"type\":\"slow\",\"left_ms\":9007199254740991}",
    "{\"type\":\"progress\",\"id\":\"K7QM-2XVD\",\"state\":\"pending\",\"owed\":true,\"news\":[\"a\",\"\\u00fc\\n\"],\"until\":null,"
    "\"answered\":null,\"asked\":[\"bob\"],\"owes\":\"\",\"left_ms\":1}",
    "{\"type\":\"progress\",\"id\":\"\",\"state\":\"\",\"owed\":false,\"news\":[],\"until\":\"2026-11-30T06:49:09Z\",\"answered\":[],"
    "\"asked\":null,\"owes\":\"x\",\"left_ms\":null}",
};
static const char *const OTHERS[] = {
    "{\"type\":\"refused\",\"code\":\"denied\",\"text\":\"no\"}", "{\"type\":\"token\",\"token\":\"YWJj\"}", "{}", "[", "null", "{\"type\":1}",
    "{\"type\":\"granted\"}", "{\"type\":\"challenge\",\"binding\":\"YWJj\"}", "{\"type\":\"start\",\"id\":\"x\",\"news\":[]}",
    "{\"type\":\"hello\",\"version\":1,\"nonce\":\"YWJj\"}",
};
static const char *const GREETING[] = {
    "{\"type\":\"hello\",\"version\":1,\"nonce\":\"YWJj\"}",
    "{\"type\":\"welcome\",\"principal\":\"root\",\"user\":\"root\",\"host\":\"db1.example.test\",\"until\":null,\"operator\":true}",
};
#define ONE_OF(list) (list)[draw(sizeof(list) / sizeof((list)[0]))]

static char judged[64];  /* of the root directory */

static void
put(char *stream, size_t *length, const char *body)
{
    put_length(stream + *length, strlen(body));
    memcpy(stream + *length + 4, body, strlen(body));
    *length += 4 + strlen(body);
}

/* A grant; whether it is one that has to permit. */
static bool
put_grant(char *stream, size_t *length, int64_t asked_at)
{
    static const int64_t AGES[] = { 0, 0, 0, 0, -5000, 60000, 3600000 };
    static const char *const PLACES[] = { "[]", "[[\"Lw==\",\"JUDGED\"]]", "[[\"Lw==\",\"MDow\"]]", "[[\"Lw==\",\"\"]]", "[[\"L3gAeA==\",\"JUDGED\"]]" };
    uint32_t place = draw(5);
    int64_t age = ONE_OF(AGES);
    char body[512], encoded[96];
    struct narrow_out out = { encoded, encoded + sizeof(encoded) - 1, true };
    const char *where = strstr(PLACES[place], "\"JUDGED\"");

    narrow_put_bytes(&out, judged, strlen(judged));
    *out.at = '\0';
    snprintf(body, sizeof(body), "{\"type\":\"granted\",\"id\":\"K7QM-2XVD\",\"boot_ms\":%" PRId64 ",\"text\":\"\",\"places\":%.*s%s%s}",
             asked_at - age, where == NULL ? (int)strlen(PLACES[place]) : (int)(where - PLACES[place]), PLACES[place],
             where == NULL ? "" : encoded, where == NULL ? "" : where + strlen("\"JUDGED\""));
    put(stream, length, body);
    return age == 0 && place < 2;
}

static struct asking *asking;
static uint64_t n_granted, n_greeted;

static void
begin_asking(void)
{
    static struct gate gate = { .wait = 1 };
    struct stat root;

    asking = calloc(1, sizeof(*asking));
    CHECK(asking != NULL && stat("/", &root) == 0);
    snprintf(judged, sizeof(judged), "%llu:%llu", (unsigned long long)root.st_dev, (unsigned long long)root.st_ino);
    asking->gate = &gate;
    asking->jitd.name = "jitd";
    sigemptyset(&asking->watched);
}

static void
try_one(void)
{
    static char stream[LONGEST];
    bool is_greeting = draw(4) == 0, must_permit = false, is_changed, permits;
    size_t length = 0, changes;
    int64_t asked_at = now();
    int ends_of[2];

    if (asking == NULL)
        begin_asking();
    if (is_greeting) {
        for (size_t part = 0; part < 2; part++)
            put(stream, &length, draw(16) == 0 ? ONE_OF(OTHERS) : GREETING[part]);
    } else {
        bool is_news = true;

        for (uint32_t parts = draw(4); parts > 0; parts--) {
            bool is_other = draw(8) == 0;

            put(stream, &length, is_other ? ONE_OF(OTHERS) : ONE_OF(NEWS));
            is_news = is_news && !is_other;
        }
        must_permit = draw(8) != 0 && put_grant(stream, &length, asked_at) && is_news;
    }
    changes = draw(3) == 0 ? 1 + draw(3) : 0;
    is_changed = changes > 0;
    length = change(stream, length, changes);
    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, ends_of) == 0);
    CHECK(send(ends_of[1], stream, length, MSG_NOSIGNAL) == (ssize_t)length && shutdown(ends_of[1], SHUT_WR) == 0);
    asking->jitd.fd = ends_of[0];
    asking->has_left = false;
    asking->gate->why[0] = '\0';
    if (is_greeting) {
        n_greeted += greet(asking) ? 1 : 0;
    } else {
        permits = await(asking, asked_at);
        CHECK(permits || asking->gate->why[0] != '\0');
        CHECK(is_changed || permits == must_permit);
        if (permits) {
            struct narrow in = narrow_of(asking->jitd.body, asking->jitd.length);
            uint64_t boot_ms = 0;
            bool are_judged = false;

            CHECK(narrow_is(&in, "{\"type\":\"granted\",\"id\":") && read_granted(asking, in, &boot_ms, &are_judged));
            CHECK(are_judged && (int64_t)boot_ms >= asked_at && (int64_t)boot_ms <= now());
            n_granted++;
        }
    }
    close(ends_of[0]);
    close(ends_of[1]);
}

static void
sum_up(uint64_t count)
{
    free(asking);
    printf("inputs=%" PRIu64 " granted=%" PRIu64 " greeted=%" PRIu64 "\n", count, n_granted, n_greeted);
}
