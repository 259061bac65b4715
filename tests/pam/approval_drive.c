/* SPDX-License-Identifier: Apache-2.0 */
/*
 * approval_drive UID WHAT: load jit_approval.c as sudo would, for a person of UID, with a jitd that grants whatever it is asked.
 * It prints what `open` and `check` return, and `asked` if jitd was asked. WHAT is one of:
 *   plain          as sudo 1.9.13 does
 *   memory N       allocation N, from 0, and all that follow fail
 *   VERSION        another version of the API, as a number
 *   =KEY, KEY=X    without KEY, or with another value, in what sudo says
 *   +WORD          an argument in sudo.conf
 *   info KEY=X     one more thing that sudo says of the command
 *   held PATH      sudo holds PATH open, and says that it will execute /bin/true
 */

#include "jit_approval.c"

#include <fcntl.h>

void *__real_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size);
char *__wrap_strndup(const char *text, size_t most);
char *__wrap_getcwd(char *into, size_t size);
uid_t __wrap_getuid(void);
int __wrap_dladdr(const void *address, Dl_info *info);
bool __wrap_gate_is_roots(const char *file, char *reason, size_t size);
enum gate_answer __wrap_gate_ask(struct gate *gate, const struct gate_question *question);

static uid_t uid;
static long fails_from = -1, n_made;
static enum gate_answer given = GATE_GRANTED;

static bool
fails(void)
{
    return fails_from >= 0 && n_made++ >= fails_from;
}

void *
__wrap_calloc(size_t n, size_t size)
{
    return fails() ? NULL : __real_calloc(n, size);
}

char *
__wrap_strndup(const char *text, size_t most)
{
    char *made = fails() ? NULL : __real_calloc(1, most + 1);

    return made == NULL ? NULL : memcpy(made, text, strnlen(text, most));
}

char *
__wrap_getcwd(char *into, size_t size)
{
    (void)into, (void)size;
    return fails() ? NULL : memcpy(__real_calloc(1, 2), "/", 1);
}

uid_t
__wrap_getuid(void)
{
    return uid;
}

int
__wrap_dladdr(const void *address, Dl_info *info)
{
    (void)address;
    info->dli_fname = "/";
    return 1;
}

bool
__wrap_gate_is_roots(const char *file, char *reason, size_t size)
{
    (void)file, (void)reason, (void)size;
    return true;
}

enum gate_answer
__wrap_gate_ask(struct gate *gate, const struct gate_question *question)
{
    printf("asked %s %s%s\n", question->service, question->command->run_as, question->command->if_owed ? "" : " at once");
    snprintf(gate->why, sizeof(gate->why), "no");
    return given;
}

static int
print(int kind, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    printf("told %d ", kind);
    vprintf(format, arguments);
    va_end(arguments);
    return 0;
}

#define MOST 16

static void
change(char *list[], char *change_of)
{
    bool is_taken = *change_of == '=';
    char *name = change_of + is_taken;
    size_t length = strcspn(name, "=");

    for (size_t i = 0; i < MOST - 1 && list[i] != NULL; i++) {
        if (strncmp(list[i], name, length) == 0 && list[i][length] == '=') {
            if (!is_taken)
                list[i] = name;
            for (size_t j = i; is_taken && list[j] != NULL; j++)
                list[j] = list[j + 1];
            return;
        }
    }
}

int
main(int argc, char **argv)
{
    char number[32], open_one[32] = "execfd=";
    char *settings[MOST] = { "progname=sudo", "login_shell=false", "sudoedit=false", NULL };
    char *person[MOST] = { number, "tty=/dev/pts/1", "user=alice", NULL };
    char *info[MOST] = { "command=/bin/true", "runas_user=root", "runas_uid=0", "runas_gid=0", "runas_euid=0", "sudoedit=false",
                         "execfd=-", NULL };
    char *words[] = { "true", NULL }, *variables[] = { "PATH=/bin", NULL }, *asked[] = { "sudo", "true", NULL };
    char *environment[] = { "JITSUDO_REASON=because", NULL }, *options[] = { NULL, NULL };
    unsigned int version = API_MAJOR << 16 | 21;
    const char *error = NULL;
    int opened_as;

    if (argc < 3)
        return 2;
    uid = (uid_t)strtoul(argv[1], NULL, 10);
    snprintf(number, sizeof(number), "uid=%s", argv[1]);
    change(info, "=execfd");
    if (strcmp(argv[2], "memory") == 0)
        fails_from = strtol(argv[3], NULL, 10);
    else if (strcmp(argv[2], "denied") == 0)
        given = GATE_DENIED;
    else if (strcmp(argv[2], "odd") == 0)
        given = (enum gate_answer)1;
    else if (*argv[2] == '+')
        options[0] = argv[2] + 1;
    else if (*argv[2] >= '0' && *argv[2] <= '9')
        version = (unsigned int)strtoul(argv[2], NULL, 0);
    else if (strcmp(argv[2], "twice") == 0)
        settings[1] = NULL, info[6] = "command=/bin/false";
    else if (strcmp(argv[2], "info") == 0)
        info[6] = argv[3];
    else if (strcmp(argv[2], "held") == 0)
        snprintf(open_one + 7, sizeof(open_one) - 7, "%d", open(argv[3], O_RDONLY)), info[6] = open_one;
    else if (strcmp(argv[2], "plain") != 0)
        change(settings, argv[2]), change(person, argv[2]), change(info, argv[2]);
    opened_as = jit_approval.open(version, NULL, print, settings, person, 1, asked, environment, options[0] ? options : NULL, &error);
    printf("open %d\n", opened_as);
    if (opened_as == PERMITS) {
        printf("check %d\n", jit_approval.check(info, words, variables, &error));
        jit_approval.close();
        fails_from = -1;
        jit_approval.open(version, NULL, print, settings, person, 1, asked, environment, NULL, &error);
        given = GATE_DENIED;
        printf("again %d\n", jit_approval.check(info, words, variables, &error));
        jit_approval.close();
    }
    fails_from = -1;
    jit_approval.open(version, NULL, print, settings, person, 1, asked, environment, NULL, &error);
    jit_approval.show_version(0);
    printf("left %d\n", jit_approval.show_version == NULL);
    return 0;
}
