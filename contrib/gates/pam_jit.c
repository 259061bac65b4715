/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pam_jit.so: the PAM module that asks jitd whether the calling program may continue (jitd-pam(8)).
 *
 * Law: it answers PAM_SUCCESS only if gate_ask has just returned GATE_GRANTED. Everything else, also that there is no memory, is
 * PAM_PERM_DENIED. It takes libc and libpam alone, starts no thread, and keeps nothing between two calls: no variable, no memory,
 * no descriptor. What belongs to PAM or to the program is copied before it is used, since a conversation may change it.
 */

#define _GNU_SOURCE  /* dladdr */

#include "gate.h"
#include "host.h"
#include "narrow.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <security/pam_modules.h>

#define ANSWERS __attribute__((visibility("default")))
#define DECIDED_WITHIN (24U * 3600)  /* seconds to wait if the stack sets no limit; a request expires long before that */
#define READABLE_FOR 2000            /* milliseconds that a refusal stays on a console before getty clears it */
#define MOST_SHOWN 500               /* bytes of a message to the person (PAM_MAX_MSG_SIZE: 512) */
#define MOST_OF_ITEM 4096
#define MOST_OF_REASON 1024          /* characters */
#define MOST_WORDS ((size_t)3 << 20) /* bytes of a command */
#define MOST_OF_ENTRY ((size_t)1 << 20)
#define MOST_DIGITS 6
#define MOST_HELD 9

extern char **environ;

/* A waiting sshd counts against MaxStartups; with cron nobody waits. */
static const char *const THAT_CANNOT_WAIT[] = { "sshd", "cron", "crond", NULL };
/* Messages were tested only in these. In others, nobody may read them. */
static const char *const THAT_SHOW[] = { "sudo", "sudo-i", "su", "su-l", "doas", "login", "sshd", NULL };

/* One call of the module. */
struct program {
    pam_handle_t *pamh;
    const char *stage;
    bool is_callers;  /* set-user-id: the person controls its environment, words and directory */
    bool is_quiet, is_debugging, is_broken;
    unsigned int wait;
    const char *socket, *service, *user;
    char because[GATE_SENTENCE];
    void *held[MOST_HELD];  /* memory of this call */
    size_t n_held;
};

static bool no(struct program *program, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The program must not continue, and the person reads why. */
static bool
no(struct program *program, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(program->because, sizeof(program->because), format, arguments);
    va_end(arguments);
    return false;
}

/* The program must not continue, because of a fault that the log alone is told. */
static bool
breaks(struct program *program, const char *what, int error)
{
    program->is_broken = true;
    return no(program, "internal error: %s: %s", what, strerror(error));
}

static bool
is_one_of(const char *name, const char *const *names)
{
    for (; *names != NULL; names++) {
        if (strcmp(name, *names) == 0)
            return true;
    }
    return false;
}

static bool
begins_with(const char *text, const char *beginning)
{
    return strncmp(text, beginning, strlen(beginning)) == 0;
}

/* --- what is said */

/* Show `sentence` on a line of its own, if the program shows messages. Nothing depends on what comes of it. */
static void
tell(void *with, const char *sentence)
{
    struct program *program = with;
    char text[GATE_SENTENCE];
    /* Never PAM_TEXT_INFO: sudo and su write that to standard output. */
    const struct pam_message message = { PAM_ERROR_MSG, text }, *messages = &message;
    struct pam_response *answer = NULL;
    const void *found = NULL;
    const struct pam_conv *conversation;

    if (program->is_quiet || pam_get_item(program->pamh, PAM_CONV, &found) != PAM_SUCCESS)
        return;
    conversation = found;
    if (conversation == NULL || conversation->conv == NULL)
        return;
    snprintf(text, sizeof(text), "jitd: %s", sentence);
    host_cut(text, MOST_SHOWN);
    gate_printable(text);
    conversation->conv(1, &messages, &answer, conversation->appdata_ptr);
    if (answer == NULL)
        return;
    if (answer->resp != NULL)
        explicit_bzero(answer->resp, strlen(answer->resp));  /* nothing was asked, but people type at any time */
    free(answer->resp);
    free(answer);
}

static void
put_into_log(const struct program *program, const char *what, const char *more)
{
    char line[GATE_SENTENCE];

    snprintf(line, sizeof(line), "%s: %s", program->service, what);
    host_log("pam_jit", line, more);
}

/* --- what is read */

/* Memory that is freed when the call ends. */
static bool
hold(struct program *program, void *memory)
{
    if (memory == NULL)
        return breaks(program, "malloc", ENOMEM);
    program->held[program->n_held++] = memory;
    return true;
}

/* A copy of `value` of PAM's, or NULL if it is not set, empty, or not UTF-8. False if there is no memory. */
static bool
copy(struct program *program, const char *value, const char **into)
{
    char *made;

    *into = NULL;
    if (value == NULL || *value == '\0' || !host_is_utf8(value))
        return true;
    made = strdup(value);
    *into = made;
    return hold(program, made);
}

static const char *
item(const struct program *program, int name)
{
    const void *value = NULL;

    return pam_get_item(program->pamh, name, &value) == PAM_SUCCESS ? value : NULL;
}

/* A variable of the person's. The program's own getenv is not asked: sudo has another one. */
static const char *
variable(const char *name)
{
    size_t length = strlen(name);

    for (char **at = environ; at != NULL && *at != NULL; at++) {
        if (strncmp(*at, name, length) == 0 && (*at)[length] == '=')
            return *at + length + 1;
    }
    return NULL;
}

static bool
is_set_once(struct program *program, const char *name)
{
    const char *first = variable(name);
    size_t length = strlen(name);

    for (char **at = environ; at != NULL && *at != NULL; at++) {
        if (strncmp(*at, name, length) == 0 && (*at)[length] == '=' && *at + length + 1 != first)
            return no(program, "%s is set twice, and programs differ in which they take: unset %s, and try again", name, name);
    }
    return true;
}

static struct gate_bytes
bytes_of(const char *text, size_t most)
{
    struct gate_bytes bytes = { text, text == NULL ? 0 : strnlen(text, most) };

    return bytes;
}

/* Up to `size` - 1 bytes of a file, as a text. False if there is none. */
static bool
read_file(const char *path, char *into, size_t size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    size_t length = 0;
    ssize_t n = 1;

    while (fd >= 0 && n > 0 && length < size - 1) {
        n = read(fd, into + length, size - 1 - length);
        length += n > 0 ? (size_t)n : 0;
    }
    into[length] = '\0';
    if (fd >= 0)
        close(fd);
    return fd >= 0 && n >= 0;
}

/* startstack, arg_start and arg_end of proc(5), where the kernel has put the words and the pointers to them. */
static bool
read_places(const char *stat, uint64_t places[3])
{
    static const int FIELDS[3] = { 25, 45, 46 };  /* after the name of the program, which may have anything in it */
    const char *at = strrchr(stat, ')');
    size_t n = 0;

    if (at == NULL)
        return false;
    at++;
    for (int field = 0; n < 3; field++) {
        if (*at != ' ')
            return false;
        at++;
        if (field == FIELDS[n]) {
            char *end;

            if (*at < '0' || *at > '9')
                return false;
            errno = 0;
            places[n++] = strtoull(at, &end, 10);
            if (errno != 0 || (*end != ' ' && *end != '\n' && *end != '\0'))
                return false;
        }
        at += strcspn(at, " ");
    }
    return true;
}

/* `length` bytes at `address` of this process. They are read so, because what is not there must end nothing. */
static bool
read_memory(int fd, void *into, size_t length, uint64_t address)
{
    for (size_t at = 0; at < length;) {
        ssize_t n = pread(fd, (char *)into + at, length - at, (off_t)(address + at));

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        at += (size_t)n;
    }
    return true;
}

static int
compare(const void *one, const void *other)
{
    uint64_t a = *(const uint64_t *)one, b = *(const uint64_t *)other;

    return a < b ? -1 : a > b;
}

/* Divide `data`, which the kernel has put at `begin`, where the `n` pointers lead. They are sorted, since su reorders them. Words of
   sudo may contain NULs, so it is not divided there. If the pointers do not lead to all of it, there are no words, which jitd does
   not trust. */
static size_t
divide(uint64_t *starts, size_t n, uint64_t begin, uint64_t end, const char *data, struct gate_bytes *words)
{
    qsort(starts, n, sizeof(*starts), compare);
    if (n == 0 || starts[0] != begin || starts[n - 1] >= end)
        return 0;
    for (size_t i = 0; i < n; i++) {
        uint64_t next = i + 1 < n ? starts[i + 1] : end;

        if (next <= starts[i])
            return 0;
        words[i] = (struct gate_bytes){ data + (starts[i] - begin), (size_t)(next - starts[i]) - 1 };
    }
    return n;
}

/* The words of the program's command line, by the kernel's pointers to them (execve(2)). */
static bool
read_words(struct program *program, struct gate_question *question)
{
    uint64_t places[3], n = 0;
    size_t length;
    char stat[2048];
    int fd;
    bool are_there;

    if (!read_file("/proc/self/stat", stat, sizeof(stat)) || !read_places(stat, places) || places[2] < places[1])
        return breaks(program, "/proc/self/stat", EIO);
    if (places[2] - places[1] > MOST_WORDS)
        return no(program, "the command is too long to be shown to anybody");
    length = (size_t)(places[2] - places[1]);
    fd = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return breaks(program, "/proc/self/mem", errno);
    are_there = read_memory(fd, &n, sizeof(n), places[0]) && n > 0 && n <= length;  /* each word has a NUL at its end */
    if (are_there) {
        struct gate_bytes *words = malloc((size_t)n * (sizeof(*words) + sizeof(uint64_t)) + length);
        uint64_t *starts = (uint64_t *)(words + n);
        char *data = (char *)(starts + n);

        if (!hold(program, words)) {
            close(fd);
            return false;
        }
        if (read_memory(fd, starts, (size_t)n * sizeof(*starts), places[0] + sizeof(n)) && read_memory(fd, data, length, places[1]))
            question->n_words = divide(starts, (size_t)n, places[1], places[2], data, words);
        question->words = words;
    }
    close(fd);
    return true;
}

/* The account that makes the request. */
static bool
read_uid(struct program *program, uint32_t *uid)
{
    struct passwd entry, *found = NULL;
    int error = ERANGE;

    if (program->user == NULL)
        return no(program, "PAM does not say for which account this is");
    if (program->is_callers) {
        *uid = getuid();
        return true;
    }
    for (size_t size = 4096; error == ERANGE && size <= MOST_OF_ENTRY; size *= 4) {
        char *room = malloc(size);

        if (room == NULL)
            return breaks(program, "malloc", ENOMEM);
        error = getpwnam_r(program->user, &entry, room, size, &found);
        if (found != NULL)
            *uid = entry.pw_uid;
        free(room);
    }
    return found != NULL || no(program, "there is no such account here");
}

/* --- what is asked */

static bool
take_arguments(struct program *program, int argc, const char **argv)
{
    const char *stage = NULL;
    bool is_quiet = false;

    program->socket = GATE_SOCKET;
    program->wait = is_one_of(program->service, THAT_CANNOT_WAIT) ? 0 : DECIDED_WITHIN;
    for (int i = 0; i < argc; i++) {
        const char *word = argv[i];

        if (strcmp(word, "quiet") == 0) {
            is_quiet = true;
        } else if (strcmp(word, "debug") == 0) {
            program->is_debugging = true;
        } else if (begins_with(word, "socket=/")) {
            program->socket = word + strlen("socket=");
        } else if (strcmp(word, "stage=auth") == 0 || strcmp(word, "stage=account") == 0 || strcmp(word, "stage=session") == 0) {
            stage = word + strlen("stage=");
        } else if (begins_with(word, "wait=")) {
            const char *digits = word + strlen("wait=");
            size_t n = strspn(digits, "0123456789");

            if (n == 0 || n > MOST_DIGITS || digits[n] != '\0')
                return no(program, "pam_jit does not know the argument %s", word);
            program->wait = (unsigned int)strtoul(digits, NULL, 10);
        } else {
            return no(program, "pam_jit does not know the argument %s", word);
        }
    }
    program->is_quiet = program->is_quiet || is_quiet;
    if (stage != NULL && strcmp(stage, program->stage) != 0)
        return no(program, "this line of the PAM stack is for %s, but says stage=%s: correct the line", program->stage, stage);
    return true;
}

/* No account but root's may change this file and the initiator, or what leads to them (THREATS P-11). */
static bool
are_roots(struct program *program)
{
    size_t size = sizeof(program->because);
    Dl_info here;

    if (dladdr(&THAT_SHOW, &here) == 0 || here.dli_fname == NULL)
        return breaks(program, "dladdr", ENOENT);
    return gate_is_roots(here.dli_fname, program->because, size) && gate_is_roots(GATE_INITIATOR, program->because, size);
}

/* What it asks for by its environment, its words and its directory, if these are the person's. */
static bool
read_callers(struct program *program, struct gate_question *question)
{
    const char *reason = variable("JITSUDO_REASON");
    char *cwd = getcwd(NULL, 0);
    struct stat here;

    question->cwd = bytes_of(cwd, SIZE_MAX);  /* NULL: it was removed, or is on a file server that refuses root */
    if (cwd != NULL && stat(".", &here) == 0) {
        question->cwd_device = here.st_dev;
        question->cwd_inode = here.st_ino;
    }
    if ((cwd != NULL && !hold(program, cwd)) || !is_set_once(program, "PATH") || !is_set_once(program, "SHELL"))
        return false;
    /* The PATH by which the program itself looks: sudo's own getenv answers `secure_path` of sudoers; not sudo-rs. */
    question->search_path = bytes_of(begins_with(program->service, "sudo") ? getenv("PATH") : variable("PATH"), SIZE_MAX);
    question->shell = bytes_of(variable("SHELL"), SIZE_MAX);
    question->posix = variable("POSIXLY_CORRECT") != NULL;
    if (reason != NULL && *reason != '\0') {
        size_t length = 0;
        char *made;

        for (size_t i = 0, n; i < MOST_OF_REASON && reason[length] != '\0'; i++, length += n)
            narrow_character(reason + length, &n);
        question->reason = made = strndup(reason, length);
        if (!hold(program, made))
            return false;
    }
    return read_words(program, question);
}

static bool
read_question(struct program *program, struct gate_question *question)
{
    const char *rhost, *tty, *authenticated;

    question->service = program->service;
    question->stage = program->stage;
    question->user = program->user;
    question->login_session = host_login_session();
    if (!copy(program, item(program, PAM_RUSER), &question->ruser) || !copy(program, item(program, PAM_RHOST), &rhost) ||
        !copy(program, item(program, PAM_TTY), &tty) ||
        !copy(program, pam_getenv(program->pamh, "SSH_AUTH_INFO_0"), &authenticated))
        return false;
    question->rhost = bytes_of(rhost, MOST_OF_ITEM);
    question->tty = bytes_of(tty, MOST_OF_ITEM);
    question->authenticated = bytes_of(authenticated, MOST_OF_ITEM);
    question->cwd = bytes_of("/", 1);
    return (!program->is_callers || read_callers(program, question)) && read_uid(program, &question->uid);
}

static enum gate_answer
ask(struct program *program)
{
    static const int OF_LOGIN[] = { SIGINT, 0 };  /* login of util-linux ignores Ctrl-C itself until PAM has finished */
    bool is_login = strcmp(program->service, "login") == 0;
    struct gate_question question = { 0 };
    struct gate gate = {
        .socket = program->socket, .initiator = GATE_INITIATOR, .wait = program->wait, .always = is_login ? OF_LOGIN : NULL,
        .tell = tell, .with = program,
    };
    const char *user;

    if (is_login)
        alarm(0);  /* LOGIN_TIMEOUT, which `login -f` leaves running until PAM has finished */
    if (!read_question(program, &question))
        return GATE_DENIED;
    if (program->is_callers)
        gate.cache = variable("KRB5CCNAME");
    else if (!copy(program, pam_getenv(program->pamh, "KRB5CCNAME"), &gate.cache))
        return GATE_DENIED;
    if (gate.cache != NULL && *gate.cache == '\0')
        gate.cache = NULL;
    if (question.uid == 0)
        gate.no_proof = "";
    else if (!program->is_callers && gate.cache == NULL)
        gate.no_proof = "no Kerberos ticket came with this login";
    if (gate_ask(&gate, &question) != GATE_GRANTED) {
        no(program, "%s", gate.why);
        return GATE_DENIED;
    }
    user = item(program, PAM_USER);
    if (user == NULL || strcmp(user, program->user) != 0) {  /* THREATS P-08 */
        no(program, "PAM now names another account than when jitd was asked");
        return GATE_DENIED;
    }
    return GATE_GRANTED;
}

/* Tell the person and the log why the program must not continue. */
static void
refuse(struct program *program)
{
    struct timespec rest = { READABLE_FOR / 1000, READABLE_FOR % 1000 * 1000000L };
    const char *told = program->because;

    if (program->is_broken)
        told = "asking jitd failed; the system's log says why";
    else if (strcmp(program->stage, "auth") == 0 && !program->is_callers)
        told = "denied";  /* an unknown peer must learn nothing, not even which accounts exist (THREATS P-13) */
    tell(program, told);
    put_into_log(program, "refused: ", program->because);
    while (strcmp(program->service, "login") == 0 && nanosleep(&rest, &rest) != 0 && errno == EINTR)
        ;
}

/* What the module answers to PAM in `stage`. */
static int
answer(pam_handle_t *pamh, int flags, int argc, const char **argv, const char *stage)
{
    struct program program = { .pamh = pamh, .stage = stage, .is_callers = getuid() != 0, .service = "?", .is_quiet = true };
    enum gate_answer decided = GATE_DENIED;
    const char *service;

    if (copy(&program, item(&program, PAM_SERVICE), &service) && copy(&program, item(&program, PAM_USER), &program.user)) {
        program.service = service != NULL ? service : "?";
        /* sudo always sets PAM_SILENT, and login sets it for a ~/.hushlogin. But who has to wait must be told about it. */
        program.is_quiet = !is_one_of(program.service, THAT_SHOW) ||
                           (((unsigned int)flags & PAM_SILENT) != 0 && !begins_with(program.service, "sudo") &&
                            !begins_with(program.service, "login"));
        if (take_arguments(&program, argc, argv) && are_roots(&program))
            decided = ask(&program);
    }
    if (decided != GATE_GRANTED)
        refuse(&program);
    else if (program.is_debugging)
        put_into_log(&program, "granted to ", program.user);
    while (program.n_held > 0)
        free(program.held[--program.n_held]);
    return decided == GATE_GRANTED ? PAM_SUCCESS : PAM_PERM_DENIED;
}

ANSWERS int
pam_sm_authenticate(pam_handle_t *pamh, int flags, int argc, const char **argv)
{
    return answer(pamh, flags, argc, argv, "auth");
}

ANSWERS int
pam_sm_acct_mgmt(pam_handle_t *pamh, int flags, int argc, const char **argv)
{
    return answer(pamh, flags, argc, argv, "account");
}

ANSWERS int
pam_sm_open_session(pam_handle_t *pamh, int flags, int argc, const char **argv)
{
    return answer(pamh, flags, argc, argv, "session");
}

/* This module sets no credentials, and jitd itself detects the end of a session. */
ANSWERS int
pam_sm_setcred(pam_handle_t *pamh, int flags, int argc, const char **argv)
{
    (void)pamh, (void)flags, (void)argc, (void)argv;
    return PAM_IGNORE;
}

ANSWERS int
pam_sm_close_session(pam_handle_t *pamh, int flags, int argc, const char **argv)
{
    (void)pamh, (void)flags, (void)argc, (void)argv;
    return PAM_IGNORE;
}

/* It changes no passwords: a stack that uses it for them is wrong. */
ANSWERS int
pam_sm_chauthtok(pam_handle_t *pamh, int flags, int argc, const char **argv)
{
    (void)pamh, (void)flags, (void)argc, (void)argv;
    return PAM_PERM_DENIED;
}
