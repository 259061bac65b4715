/* SPDX-License-Identifier: Apache-2.0 */
/*
 * jit_approval.so: the approval plugin of sudo (sudo_plugin(5), since 1.9.3) that asks jitd about each command before sudo executes
 * it. sudoers has permitted the command by then.
 *
 * Law: `check` returns 1 only if gate_ask has just returned GATE_GRANTED, or if root itself has called sudo. `open` never returns 0,
 * because sudo would then remove the plugin and execute the command, and `check` is always there. It takes libc alone, and starts no
 * thread. sudo shows nothing of a refusal, so the plugin does.
 */

#define _GNU_SOURCE  /* dladdr */

#include "gate.h"
#include "host.h"
#include "narrow.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* sudo_plugin(5), of which this is all that is used. The header itself is in a package that a builder may not have. */
#define APPROVAL_PLUGIN 4U
#define API_MAJOR 1U
#define API_MINOR 15U
#define ERROR_MSG 3
#define INFO_MSG 4

typedef int (*print_t)(int kind, const char *format, ...);

struct approval_plugin {
    unsigned int type, version;
    int (*open)(unsigned int version, void *conversation, print_t print, char *const settings[], char *const user_info[],
                int submit_optind, char *const submit_argv[], char *const submit_envp[], char *const options[],
                const char **errstr);
    void (*close)(void);
    int (*check)(char *const command_info[], char *const run_argv[], char *const run_envp[], const char **errstr);
    int (*show_version)(int verbose);
};

#define ERROR (-1)
#define REFUSES 0
#define PERMITS 1

#define DECIDED_WITHIN (24U * 3600)  /* seconds to wait if sudo.conf sets no limit; a request expires long before that */
#define MOST_SHOWN 500               /* bytes of a message to the person */
#define MOST_OF_REASON 1024          /* characters */
#define MOST_DIGITS 6
#define MOST_OPTIONS 8
#define MOST_OF_OPTION 512
#define MOST_SHOWN_NAME 40

/* What `open` was given. It is sudo's, and stays until `check` has returned. */
static struct {
    print_t print;
    char *const *settings, *const *person, *const *environment, *const *options;
} opened;

/* This sudo has asked already. What it asks about now is what the command starts (`intercept` of sudoers). */
static bool has_asked;

static char why[GATE_SENTENCE];

/* One call of `check`. */
struct run {
    struct gate gate;
    struct gate_question question;
    struct gate_command command;
    struct gate_bytes options[MOST_OPTIONS];
    char texts[MOST_OPTIONS][MOST_OF_OPTION];
    int execfd;
    bool is_first;  /* it is not a command that another one starts */
};

static bool no(const char *format, ...) __attribute__((format(printf, 1, 2)));

static bool
no(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(why, sizeof(why), format, arguments);
    va_end(arguments);
    return false;
}

/* Show `sentence` on a line of its own. Nothing depends on what comes of it. */
static void
tell(void *with, const char *sentence)
{
    char text[GATE_SENTENCE];

    (void)with;
    if (opened.print == NULL)
        return;
    snprintf(text, sizeof(text), "jitd: %s", sentence);
    host_cut(text, MOST_SHOWN);
    gate_printable(text);
    opened.print(ERROR_MSG, "%s\n", text);
}

/* --- what sudo says */

/* The value of `name` in a list of sudo's, or NULL if it is not there. False if it is there twice. */
static bool
find(char *const *list, const char *name, const char **value)
{
    size_t length = strlen(name);

    *value = NULL;
    for (; list != NULL && *list != NULL; list++) {
        if (strncmp(*list, name, length) != 0 || (*list)[length] != '=')
            continue;
        if (*value != NULL)
            return no("sudo says %s twice", name);
        *value = *list + length + 1;
    }
    return true;
}

/* The first variable of that name, as getenv(3) takes it. */
static const char *
variable(char *const *list, const char *name)
{
    size_t length = strlen(name);

    for (; list != NULL && *list != NULL; list++) {
        if (strncmp(*list, name, length) == 0 && (*list)[length] == '=')
            return *list + length + 1;
    }
    return NULL;
}

static bool
is_true(char *const *list, const char *name)
{
    const char *value = variable(list, name);

    return value != NULL && strcmp(value, "true") == 0;
}

static bool
read_number(const char *text, uint32_t *number)
{
    char *end;
    unsigned long long value;

    if (text == NULL || *text < '0' || *text > '9')
        return false;
    errno = 0;
    value = strtoull(text, &end, 10);
    *number = (uint32_t)value;
    return errno == 0 && *end == '\0' && value < UINT32_MAX;
}

static bool
find_number(char *const *list, const char *name, uint32_t *number)
{
    const char *value;

    return find(list, name, &value) && (read_number(value, number) || no("sudo does not say %s", name));
}

static struct gate_bytes
bytes_of(const char *text)
{
    struct gate_bytes bytes = { text, text == NULL ? 0 : strlen(text) };

    return bytes;
}

/* A list of sudo's, in memory that the caller frees. NULL if there is none. */
static struct gate_bytes *
list_of(char *const *list, size_t *n)
{
    struct gate_bytes *made;

    for (*n = 0; list != NULL && list[*n] != NULL; (*n)++)
        ;
    made = calloc(*n + 1, sizeof(*made));
    for (size_t i = 0; made != NULL && i < *n; i++)
        made[i] = bytes_of(list[i]);
    return made;
}

/* --- what is asked */

static bool
take_options(struct run *run)
{
    for (char *const *at = opened.options; at != NULL && *at != NULL; at++) {
        const char *word = *at, *digits = word + strlen("wait=");

        if (strncmp(word, "socket=/", strlen("socket=/")) == 0) {
            run->gate.socket = word + strlen("socket=");
        } else if (strncmp(word, "wait=", strlen("wait=")) == 0 && *digits != '\0' && strlen(digits) <= MOST_DIGITS &&
                   strspn(digits, "0123456789") == strlen(digits)) {
            run->gate.wait = (unsigned int)strtoul(digits, NULL, 10);
        } else {
            return no("jit_approval does not know the argument %s: correct its line in sudo.conf", word);
        }
    }
    return true;
}

static bool
are_roots(void)
{
    Dl_info here;

    if (dladdr(&has_asked, &here) == 0 || here.dli_fname == NULL)
        return no("it is not known which file jit_approval was loaded from");
    return gate_is_roots(here.dli_fname, why, sizeof(why)) && gate_is_roots(GATE_INITIATOR, why, sizeof(why));
}

static bool
add_option(struct run *run, const char *option, const char *value)
{
    size_t n = run->command.n_options;

    if (n == MOST_OPTIONS || snprintf(run->texts[n], MOST_OF_OPTION, "--%s%s", option, value) >= MOST_OF_OPTION)
        return no("sudo's options are too long to be shown to anybody");
    run->options[n] = bytes_of(run->texts[n]);
    run->command.n_options++;
    return true;
}

/* Each name that sudo says of a command, up to 1.9.17. One that ends with an underscore begins the names of a kind. */
static const char *const SAID[] = {
    "apparmor_profile", "chroot", "closefrom", "command", "cwd", "cwd_optional", "exec_background", "execfd",
    "ignore_iolog_errors", "intercept", "intercept_verify", "iolog_", "log_", "login_class", "maxseq", "nice", "noexec",
    "passprompt_regex", "preserve_fds", "preserve_groups", "rlimit_", "runcwd", "runas_egid", "runas_euid", "runas_gid", "runas_group",
    "runas_groups", "runas_limitprivs", "runas_privs", "runas_uid", "runas_user", "selinux_role", "selinux_type", "set_utmp",
    "source", "sudoedit", "sudoedit_", "timeout", "umask", "umask_override", "use_ptrace", "use_pty", "utmp_user",
};

/* A name of a later sudo may say what the command may do beside what jitd was told. */
static bool
are_known(char *const info[])
{
    for (; info != NULL && *info != NULL; info++) {
        size_t length = strcspn(*info, "=");
        bool is_known = false;

        for (size_t i = 0; i < sizeof(SAID) / sizeof(SAID[0]); i++) {
            size_t n = strlen(SAID[i]);

            is_known = is_known || (strncmp(*info, SAID[i], n) == 0 && (n == length || (n < length && SAID[i][n - 1] == '_')));
        }
        if (!is_known)
            return no("sudo says %.*s of the command, which jit_approval does not know: install a jitd for this sudo",
                      (int)(length < MOST_SHOWN_NAME ? length : MOST_SHOWN_NAME), *info);
    }
    return true;
}

/* What changes what the command may do, and is not said in a field of its own. */
static bool
read_options(struct run *run, char *const info[])
{
    static const char *const NAMED[][2] = {
        { "selinux_role", "role=" }, { "selinux_type", "type=" }, { "apparmor_profile", "apparmor-profile=" },
        { "runas_privs", "privileges=" }, { "runas_limitprivs", "limit-privileges=" },
    };
    static const char *const TYPED[][2] = { { "closefrom", "close-from=" }, { "timeout", "command-timeout=" } };
    const char *value, *typed;

    if (is_true(info, "preserve_groups") && !add_option(run, "preserve-groups", ""))
        return false;
    for (size_t i = 0; i < sizeof(NAMED) / sizeof(NAMED[0]); i++) {
        if (!find(info, NAMED[i][0], &value) || (value != NULL && !add_option(run, NAMED[i][1], value)))
            return false;
    }
    /* sudo says these of many commands. The person has asked for them with -C and -T, and sudoers may grant less. */
    for (size_t i = 0; i < sizeof(TYPED) / sizeof(TYPED[0]); i++) {
        if (!find(opened.settings, TYPED[i][0], &typed) || !find(info, TYPED[i][0], &value) ||
            (typed != NULL && !add_option(run, TYPED[i][1], value != NULL ? value : typed)))
            return false;
    }
    run->command.options = run->options;
    return true;
}

/* The real and effective ids are the same, unless sudoers sets `stay_setuid`. */
static bool
read_id(char *const info[], const char *real, const char *effective, uint32_t *id)
{
    const char *value;
    uint32_t other;

    if (!find_number(info, real, id) || !find(info, effective, &value))
        return false;
    if (value == NULL)
        return true;
    return (read_number(value, &other) && other == *id) || no("sudoers sets stay_setuid, which jitd does not know");
}

static bool
read_command(struct run *run, char *const info[])
{
    struct gate_command *command = &run->command;
    const char *path, *chdir, *chroot, *execfd;
    uint32_t number;

    if (is_true(info, "sudoedit") || is_true(opened.settings, "sudoedit"))
        return no("sudoedit writes the file later, when nobody can decide about it: jitsudo -e FILE");
    if (!are_known(info) || !find(info, "command", &path) || !find(info, "cwd", &chdir) || !find(info, "chroot", &chroot) ||
        !find(info, "execfd", &execfd) || !find(info, "runas_user", &command->run_as) ||
        !read_id(info, "runas_uid", "runas_euid", &command->run_as_uid) ||
        !read_id(info, "runas_gid", "runas_egid", &command->run_as_gid))
        return false;
    if (path == NULL || strchr(path, '/') == NULL || command->run_as == NULL)
        return no("sudo does not say what will run");
    if (!host_is_utf8(command->run_as))
        return no("the account to run as has a name that is not UTF-8");
    run->execfd = -1;
    if (execfd != NULL) {
        if (!read_number(execfd, &number))
            return no("sudo does not say what will run");
        run->execfd = (int)number;
    }
    command->path = bytes_of(path);
    command->chdir = bytes_of(chdir);
    command->chroot = bytes_of(chroot);
    /* With -n, sudo asks nobody for anything. If sudo.conf says that sudo cannot wait, people are asked for the next time. */
    command->if_owed = run->is_first && (run->gate.wait == 0 || !is_true(opened.settings, "noninteractive"));
    return read_options(run, info);
}

/* Who asks. The real uid is the caller's: sudo and the kernel have to say the same. */
static bool
read_person(struct run *run)
{
    struct gate_question *question = &run->question;
    const char *tty;
    uint32_t uid;

    if (!find_number(opened.person, "uid", &uid) || !find(opened.person, "tty", &tty))
        return false;
    if (uid != getuid())
        return no("sudo and the kernel name different accounts");
    question->uid = uid;
    question->tty = bytes_of(tty != NULL && *tty != '\0' ? tty : NULL);
    question->service = is_true(opened.settings, "login_shell") ? "sudo-i" : "sudo";
    question->login_session = host_login_session();
    run->gate.cache = variable(opened.environment, "KRB5CCNAME");
    if (run->gate.cache != NULL && *run->gate.cache == '\0')
        run->gate.cache = NULL;
    return true;
}

/* The file that sudo holds open, and will execute, is the one that jitd has looked at. */
static bool
is_what_is_open(const struct run *run)
{
    struct stat open_one, named;

    if (run->execfd < 0)
        return true;
    return (run->command.chdir.at == NULL || *(const char *)run->command.path.at == '/') && fstat(run->execfd, &open_one) == 0 &&
           stat(run->command.path.at, &named) == 0 && open_one.st_dev == named.st_dev && open_one.st_ino == named.st_ino;
}

/* Ask, with what has to be freed. */
static bool
ask(struct run *run, char *const argv[], char *const environment[])
{
    const char *reason = variable(opened.environment, "JITSUDO_REASON");
    struct gate_bytes *words = list_of(argv, &run->question.n_words);
    struct gate_bytes *variables = list_of(environment, &run->command.n_environment);
    /* Of what a command starts, sudo says the directory only by going there, which it does if the path is relative. */
    bool is_here = run->is_first || *(const char *)run->command.path.at != '/';
    char *cwd = is_here ? getcwd(NULL, 0) : NULL, *cut = NULL;
    bool is_granted = false;
    struct stat here;

    run->question.words = words;
    run->command.environment = variables;
    run->question.cwd = bytes_of(cwd);  /* NULL: not known, removed, or on a file server that refuses root */
    if (cwd != NULL && stat(".", &here) == 0) {
        run->question.cwd_device = here.st_dev;
        run->question.cwd_inode = here.st_ino;
    }
    if (reason != NULL && *reason == '\0')
        reason = NULL;
    if (reason != NULL && host_is_utf8(reason)) {
        size_t length = 0;

        for (size_t i = 0, n; i < MOST_OF_REASON && reason[length] != '\0'; i++, length += n)
            narrow_character(reason + length, &n);
        run->question.reason = cut = strndup(reason, length);
    }
    if (reason != NULL && !host_is_utf8(reason))
        no("JITSUDO_REASON is not UTF-8");
    else if (words == NULL || variables == NULL || (reason != NULL && cut == NULL))
        no("there is no memory to ask jitd");
    else if (gate_ask(&run->gate, &run->question) != GATE_GRANTED)
        no("%s", run->gate.why);
    else if (!is_what_is_open(run))
        no("the file that would run is not the one that jitd has checked: ask again");
    else
        is_granted = true;
    free(words);
    free(variables);
    free(cwd);
    free(cut);
    return is_granted;
}

/* --- the plugin */

/* Nothing is done here that could fail. What is wrong with it, `check` says. */
static int
open_plugin(unsigned int version, void *conversation, print_t print, char *const settings[], char *const user_info[],
            int submit_optind, char *const submit_argv[], char *const submit_envp[], char *const options[], const char **errstr)
{
    (void)conversation, (void)submit_optind, (void)submit_argv, (void)errstr;
    memset(&opened, 0, sizeof(opened));
    if (version >> 16 != API_MAJOR || (version & 0xffff) < API_MINOR)
        return ERROR;  /* what the arguments are is not known */
    opened.print = print;
    opened.settings = settings;
    opened.person = user_info;
    opened.environment = submit_envp;
    opened.options = options;
    return PERMITS;
}

static void
close_plugin(void)
{
    memset(&opened, 0, sizeof(opened));
}

static int
check(char *const command_info[], char *const run_argv[], char *const run_envp[], const char **errstr)
{
    bool is_first = !has_asked, is_granted;
    struct run *run;
    uint32_t uid;

    has_asked = true;
    if (getuid() == 0 && find_number(opened.person, "uid", &uid) && uid == 0)
        return PERMITS;
    run = calloc(1, sizeof(*run));
    if (run == NULL) {
        is_granted = no("there is no memory to ask jitd");
    } else {
        run->gate = (struct gate){
            .socket = GATE_SOCKET, .initiator = GATE_INITIATOR, .wait = DECIDED_WITHIN, .tell = tell,
        };
        run->question.command = &run->command;
        run->is_first = is_first;
        is_granted = take_options(run) && are_roots() && read_person(run) && read_command(run, command_info) &&
                     ask(run, run_argv, run_envp);
    }
    free(run);
    if (is_granted)
        return PERMITS;
    tell(NULL, why);
    host_log("jit_approval", "sudo: refused: ", why);
    if (errstr != NULL)
        *errstr = why;
    return REFUSES;
}

/* `sudo -V` says so that this sudo has loaded the plugin. Nobody is asked. */
static int
show_version(int verbose)
{
    (void)verbose;
    if (opened.print != NULL)
        opened.print(INFO_MSG, "jit_approval: jitd's plugin is loaded\n");
    return PERMITS;
}

__attribute__((visibility("default"))) struct approval_plugin jit_approval = {
    APPROVAL_PLUGIN, API_MAJOR << 16 | API_MINOR, open_plugin, close_plugin, check, show_version,
};
