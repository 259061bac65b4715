/* SPDX-License-Identifier: Apache-2.0 */
/*
 * module COUNT SEED: give pam_jit.c COUNT odd arguments, texts, lists of words and lines of proc(5), and every hundredth time let
 * it answer as a whole to an odd program, and abort where it keeps a promise of its own not. The same COUNT and SEED make the same.
 *
 * What stands for PAM and for jitd is below. It permits if, and only if, what stands for jitd has granted just now, and PAM still
 * names the account.
 */

#define _GNU_SOURCE

#include "../gate.h"

#undef GATE_INITIATOR
#define GATE_INITIATOR "/"
#include "../pam_jit.c"

#include "odd.h"

#define MOST 4096
#define ONE_OF(list) (list)[draw(sizeof(list) / sizeof((list)[0]))]

enum gate_answer __wrap_gate_ask(struct gate *gate, const struct gate_question *question);
int __wrap_dladdr(const void *address, Dl_info *info);
uid_t __wrap_getuid(void);

static char texts[8][MOST], *variables[8];
static const void *items[PAM_AUTHTOK_TYPE + 1];
static const char *in_pam[2];
static uid_t uid;
static unsigned int n_asked;
static enum gate_answer answered;
static bool is_renamed;

int
__wrap_dladdr(const void *address, Dl_info *info)
{
    (void)address;
    info->dli_fname = "/usr";
    return 1;
}

uid_t
__wrap_getuid(void)
{
    return uid;
}

int
pam_get_item(const pam_handle_t *pamh, int name, const void **item)
{
    (void)pamh;
    *item = items[name];
    return draw(64) == 0 ? PAM_BAD_ITEM : PAM_SUCCESS;
}

const char *
pam_getenv(pam_handle_t *pamh, const char *name)
{
    (void)pamh;
    return in_pam[*name == 'K'];
}

static int
converse(int n, const struct pam_message **messages, struct pam_response **answers, void *with)
{
    (void)with;
    CHECK(n == 1 && messages[0]->msg_style == PAM_ERROR_MSG && strlen(messages[0]->msg) <= MOST_SHOWN && host_is_utf8(messages[0]->msg));
    if (draw(2) == 0)
        *answers = calloc(1, sizeof(**answers));
    if (*answers != NULL && draw(2) == 0)
        (*answers)->resp = strdup("typed");
    return (int)draw(40) - 4;
}

enum gate_answer
__wrap_gate_ask(struct gate *gate, const struct gate_question *question)
{
    static const enum gate_answer GIVEN[] = { GATE_GRANTED, GATE_GRANTED, GATE_DENIED, (enum gate_answer)1, (enum gate_answer)-1 };

    n_asked++;
    CHECK(question->service != NULL && question->user != NULL && question->stage != NULL && *gate->socket == '/');
    CHECK(host_is_utf8(question->service) && host_is_utf8(question->user) && (question->ruser == NULL || host_is_utf8(question->ruser)));
    CHECK(question->rhost.length <= MOST_OF_ITEM && question->tty.length <= MOST_OF_ITEM && gate->wait <= 999999);
    CHECK(uid != 0 || (question->n_words == 0 && question->reason == NULL && question->shell.at == NULL));
    for (size_t i = 0; i < question->n_words; i++)
        CHECK(memchr(question->words[i].at, '\0', question->words[i].length) == NULL);
    snprintf(gate->why, sizeof(gate->why), "%.*s", (int)draw(sizeof(gate->why)), texts[draw(8)]);
    if (draw(2) == 0)
        gate->tell(gate->with, texts[draw(8)]);
    is_renamed = draw(16) == 0;
    if (is_renamed)
        items[PAM_USER] = "somebody else";
    return answered = ONE_OF(GIVEN);
}

/* Bytes, many of them of characters. */
static void
draw_text(char *text)
{
    static const char *const PARTS[] = { "root", "\xc3\xbc", "\xe2\x98\x83", "\xf0\x9f\x98\x80", "\xff", "\xed\xa0\x80", "\xe2\x80\xae", "\x1b[2J", "%n",
                                         "\xc2\x9b", "a", "/" };
    size_t length = 0;

    for (uint32_t parts = draw(4) == 0 ? draw(700) : draw(6); parts > 0; parts--) {
        const char *part = ONE_OF(PARTS);

        memcpy(text + length, part, strlen(part));
        length += strlen(part);
    }
    text[change(text, length, draw(3))] = '\0';
}

/* Once more, and otherwise: whether an argument is one. */
static bool
is_known(const char *word)
{
    unsigned int number;
    int n = 0;

    if (strncmp(word, "wait=", 5) == 0)
        return word[5] >= '0' && word[5] <= '9' && sscanf(word, "wait=%6u%n", &number, &n) == 1 && word[n] == '\0';
    return strcmp(word, "quiet") == 0 || strcmp(word, "debug") == 0 || strncmp(word, "socket=/", 8) == 0 ||
           strcmp(word, "stage=auth") == 0 || strcmp(word, "stage=account") == 0 || strcmp(word, "stage=session") == 0;
}

static int
draw_arguments(char words[4][64], const char **argv)
{
    static const char *const WORDS[] = { "quiet", "debug", "socket=/run/x", "wait=0", "wait=999999", "stage=account", "stage=auth", "wait=1 ", "" };
    int n = (int)draw(4);

    for (int i = 0; i < n; i++) {
        char text[64];
        size_t length;

        snprintf(text, sizeof(text) - 4, "%s", ONE_OF(WORDS));
        length = change(text, strlen(text), draw(3) == 0 ? 1 + draw(2) : 0);
        memcpy(words[i], text, length);
        words[i][length] = '\0';
        argv[i] = words[i];
    }
    return n;
}

static void
try_parts(void)
{
    static const char STAT[] = "7 (a) b) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 140737488350000 26 27 28 29 30 31 32 33 34 35 36 "
                               "37 38 39 40 41 42 43 44 140737488350100 140737488350200 47\n";
    char text[MOST], words[4][64];
    const char *argv[4];
    struct program program = { .service = "su", .stage = "account" };
    uint64_t places[3] = { 0, 0, 0 }, starts[8];
    struct gate_bytes found[8];
    size_t n = draw(9), length, most = draw(64);
    int argc = draw_arguments(words, argv);
    bool are_known = true, is_right;

    for (int i = 0; i < argc; i++)
        are_known = are_known && is_known(argv[i]);
    if (take_arguments(&program, argc, argv))
        CHECK(are_known);
    else
        CHECK(program.because[0] != '\0' && (!are_known || strstr(program.because, "says stage=") != NULL));

    draw_text(text);
    length = strlen(text);
    is_right = host_is_utf8(text);
    host_cut(text, most);
    CHECK((strlen(text) <= most || length <= most) && (!is_right || host_is_utf8(text)));
    gate_printable(text);
    CHECK(host_is_utf8(text) && strchr(text, '\x1b') == NULL && strstr(text, "\xe2\x80\xae") == NULL);

    memcpy(text, STAT, sizeof(STAT));
    length = change(text, sizeof(STAT) - 1, draw(4));
    text[length] = '\0';
    if (read_places(text, places) && length == sizeof(STAT) - 1 && memcmp(text, STAT, length) == 0)
        CHECK(places[0] == 140737488350000 && places[1] == 140737488350100 && places[2] == 140737488350200);

    for (size_t i = 0; i < n; i++)
        starts[i] = i == 0 && draw(4) != 0 ? 1000 : 1000 + draw(72) - (draw(32) == 0 ? 8 : 0);
    n = divide(starts, n, 1000, 1064, texts[0], found);
    for (size_t i = 0; i < n; i++)
        CHECK(found[i].length < 64 && (const char *)found[i].at == (i == 0 ? texts[0] : (const char *)found[i - 1].at + found[i - 1].length + 1));
    CHECK(n == 0 || (const char *)found[n - 1].at + found[n - 1].length + 1 == texts[0] + 64);
}

static bool
try_whole(void)
{
    static const int NAMES[] = { PAM_SERVICE, PAM_USER, PAM_TTY, PAM_RHOST, PAM_RUSER };
    static const char *const SERVICES[] = { "su", "sudo", "sshd", "cron", "x" }, *const STAGES[] = { "auth", "account", "session" };
    static const char *const SET[] = { "PATH=", "SHELL=", "KRB5CCNAME=", "JITSUDO_REASON=", "POSIXLY_CORRECT=", "PATH", "=" };
    static char set[7][MOST + 32];
    static const struct pam_conv TALK = { converse, NULL }, NONE = { NULL, NULL };
    char words[4][64];
    const char *argv[4];
    int argc = draw_arguments(words, argv), code;

    for (size_t i = 0; i < 8; i++)
        draw_text(texts[i]);
    memset(items, 0, sizeof(items));
    for (size_t i = 0; i < 5; i++)
        items[NAMES[i]] = draw(4) == 0 ? NULL : texts[draw(8)];
    if (draw(8) != 0)
        items[PAM_SERVICE] = ONE_OF(SERVICES);
    if (draw(2) == 0)
        items[PAM_USER] = "root";
    items[PAM_CONV] = draw(8) == 0 ? NULL : draw(8) == 0 ? &NONE : &TALK;
    in_pam[0] = draw(2) == 0 ? NULL : texts[6];
    in_pam[1] = draw(2) == 0 ? NULL : texts[7];
    memset(variables, 0, sizeof(variables));
    for (size_t i = 0, n = draw(8); i < n; i++) {
        snprintf(set[i], sizeof(set[i]), "%s%s", ONE_OF(SET), texts[draw(8)]);
        variables[i] = set[i];
    }
    uid = draw(2) == 0 ? 0 : 1000;
    n_asked = 0;
    answered = GATE_DENIED;
    is_renamed = false;
    environ = variables;
    code = answer((pam_handle_t *)(void *)texts, draw(2) == 0 ? 0 : PAM_SILENT, argc, argv, ONE_OF(STAGES));
    CHECK(code == PAM_SUCCESS || code == PAM_PERM_DENIED);
    CHECK(code != PAM_SUCCESS || (n_asked == 1 && answered == GATE_GRANTED && !is_renamed));
    CHECK(n_asked <= 1);
    return code == PAM_SUCCESS;
}

static uint64_t n_granted;

static void
try_one(void)
{
    char **before = environ;

    try_parts();
    if (draw(100) == 0)
        n_granted += try_whole() ? 1 : 0;
    environ = before;
}

static void
sum_up(uint64_t count)
{
    printf("inputs=%" PRIu64 " granted=%" PRIu64 "\n", count, n_granted);
}
