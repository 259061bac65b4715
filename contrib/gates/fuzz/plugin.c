/* SPDX-License-Identifier: Apache-2.0 */
/*
 * plugin COUNT SEED: give jit_approval.c COUNT odd lists, as sudo might, and abort where it keeps a promise of its own not. The
 * same COUNT and SEED make the same. What stands for jitd is below.
 *
 * It permits if, and only if, what stands for jitd has granted just now, or the kernel and sudo both say that the caller is root.
 */

#define _GNU_SOURCE

#include "../gate.h"
#include "../jit_approval.c"

#include "odd.h"

#define MOST 16
#define LONGEST 256

enum gate_answer __wrap_gate_ask(struct gate *gate, const struct gate_question *question);
bool __wrap_gate_is_roots(const char *file, char *reason, size_t size);
int __wrap_dladdr(const void *address, Dl_info *info);
uid_t __wrap_getuid(void);

struct list {
    char texts[MOST][LONGEST + 8];
    char *at[MOST + 1];
};

static struct list settings, person, info, words, variables, environment, options;
static enum gate_answer answered;
static unsigned int n_asked, n_told;
static uid_t uid;

uid_t
__wrap_getuid(void)
{
    return uid;
}

int
__wrap_dladdr(const void *address, Dl_info *here)
{
    (void)address;
    here->dli_fname = "/";
    return draw(64) != 0;
}

bool
__wrap_gate_is_roots(const char *file, char *reason, size_t size)
{
    snprintf(reason, size, "%s is not root's", file);
    return draw(64) != 0;
}

enum gate_answer
__wrap_gate_ask(struct gate *gate, const struct gate_question *question)
{
    static const enum gate_answer GIVEN[] = { GATE_GRANTED, GATE_GRANTED, GATE_DENIED, (enum gate_answer)1, (enum gate_answer)-1 };
    const struct gate_command *runs = question->command;

    n_asked++;
    CHECK(*gate->socket == '/' && gate->wait <= 999999 && question->uid == uid);
    CHECK(strcmp(question->service, "sudo") == 0 || strcmp(question->service, "sudo-i") == 0);
    CHECK(host_is_utf8(runs->run_as) && memchr(runs->path.at, '/', runs->path.length) != NULL);
    CHECK(runs->n_options <= MOST_OPTIONS && (question->reason == NULL || host_is_utf8(question->reason)));
    CHECK(runs->run_as_uid != UINT32_MAX && runs->run_as_gid != UINT32_MAX);
    for (char **at = info.at; *at != NULL; at++)
        CHECK(strcmp(*at, "sudoedit=true") != 0 || variable(info.at, "sudoedit") != *at + 9);
    snprintf(gate->why, sizeof(gate->why), "%s", draw(2) == 0 ? "\xff\x1b[2J" : "no");
    return answered = GIVEN[draw(5)];
}

static int
print(int kind, const char *format, ...)
{
    char text[MOST_SHOWN + 8];
    va_list arguments;
    int n;

    va_start(arguments, format);
    n = vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    n_told++;
    CHECK(kind == ERROR_MSG && n > 0 && (size_t)n <= MOST_SHOWN + 1 && host_is_utf8(text) && strchr(text, '\x1b') == NULL);
    return n;
}

/* Some of `usual`, now and then changed, twice or left out. */
static void
draw_list(struct list *list, const char *const *usual)
{
    size_t n = 0;

    for (; *usual != NULL && n < MOST; usual++) {
        size_t length;

        if (draw(40) == 0)
            continue;
        snprintf(list->texts[n], LONGEST, "%s", *usual);
        length = change(list->texts[n], strlen(list->texts[n]), draw(12) == 0 ? 1 + draw(3) : 0);
        list->texts[n][length] = '\0';
        list->at[n] = list->texts[n];
        n++;
        if (draw(60) == 0)
            usual--;
    }
    list->at[n] = NULL;
}

/* Once more, and otherwise: whether sudo says that the caller is root. */
static bool
is_root_for_sudo(void)
{
    bool is_root = false;
    int n = 0;

    for (char **at = person.at; *at != NULL; at++) {
        const char *value = strncmp(*at, "uid=", 4) == 0 ? *at + 4 : NULL;

        n += value != NULL;
        is_root = is_root || (value != NULL && *value != '\0' && strspn(value, "0") == strlen(value));
    }
    return n == 1 && is_root;
}

static void
try_one(void)
{
    static const char *const SETTINGS[] = { "progname=sudo", "login_shell=true", "sudoedit=false", NULL };
    static const char *const PERSON[] = { "uid=4001", "tty=/dev/pts/1", "user=alice", NULL };
    static const char *const ROOTS[] = { "uid=0", "user=root", NULL };
    static const char *const INFO[] = { "command=/bin/true", "runas_user=root", "runas_uid=0", "runas_gid=0", "runas_euid=0", "cwd=/root",
                                        "sudoedit=false", "preserve_groups=true", "selinux_role=r", "runas_egid=0", NULL };
    static const char *const WORDS[] = { "true", "\xff", "", NULL }, *const VARIABLES[] = { "PATH=/bin", "=", "A", NULL };
    static const char *const ENVIRONMENT[] = { "JITSUDO_REASON=\xc3\xbc", "KRB5CCNAME=FILE:/x", NULL }, *const NONE[] = { NULL };
    static const char *const OPTIONS[] = { "wait=7", "socket=/x", NULL };
    const char *error = NULL;
    bool is_root;
    int code;

    uid = draw(4) == 0 ? 0 : 4001;
    draw_list(&settings, SETTINGS);
    draw_list(&person, draw(4) == 0 ? ROOTS : PERSON);
    draw_list(&info, INFO);
    draw_list(&words, WORDS);
    draw_list(&variables, VARIABLES);
    draw_list(&environment, ENVIRONMENT);
    draw_list(&options, draw(2) == 0 ? NONE : OPTIONS);
    is_root = uid == 0 && is_root_for_sudo();
    n_asked = n_told = 0;
    answered = GATE_DENIED;
    code = jit_approval.open(draw(16) == 0 ? draw(UINT32_MAX) : 0x10015, NULL, print, settings.at, person.at, 1, words.at, environment.at,
                             options.at, &error);
    CHECK(code == PERMITS || code == ERROR);
    if (code != PERMITS)
        return;
    code = jit_approval.check(draw(99) == 0 ? NULL : info.at, words.at, variables.at, draw(2) == 0 ? &error : NULL);
    CHECK(code == PERMITS || code == REFUSES);
    CHECK((code == PERMITS) == (is_root || (n_asked == 1 && answered == GATE_GRANTED)));
    CHECK(n_asked <= 1 && (!is_root || n_asked == 0) && n_told == (code == REFUSES));
    jit_approval.close();
}

static void
sum_up(uint64_t count)
{
    (void)count;
    puts("all promises kept");
}
