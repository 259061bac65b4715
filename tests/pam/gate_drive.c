/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gate_drive SOCKET INITIATOR UID WAIT CACHE NO_PROOF FAIL [WORD...]: a program of root's that asks jitd by contrib/gates/gate.c.
 *
 * An empty CACHE or NO_PROOF of "-" is NULL. From the FAIL-th call on, malloc and calloc of gate.c return NULL; 0: none of them.
 * If FAIL is -1, no descriptor of a process can be had. If it is -2, the initiator has ended by then, and a process of somebody
 * else has its process id. If it is -3, signals that the program handles come all the time.
 * It writes a line for each thing that it is told, then the answer, and what has changed of the process.
 */

#define _GNU_SOURCE

#include <dirent.h>
#include <errno.h>
#include <linux/sched.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "gate.h"

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
long __real_syscall(long number, ...);
long __wrap_syscall(long number, ...);

static int fails_from, n_calls, other = -1;

void *
__wrap_malloc(size_t size)
{
    return fails_from > 0 && ++n_calls >= fails_from ? NULL : __real_malloc(size);
}

void *
__wrap_calloc(size_t n, size_t size)
{
    return fails_from > 0 && ++n_calls >= fails_from ? NULL : __real_calloc(n, size);
}

/* End the child `pid`, and give its process id to a process that is no child of ours. SIGCHLD is ignored. */
static void
replace(pid_t pid)
{
    struct clone_args as = { .set_tid = (uint64_t)(uintptr_t)&pid, .set_tid_size = 1 };
    pid_t between;

    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    between = fork();
    if (between == 0) {
        long made;

        while ((made = __real_syscall(SYS_clone3, &as, sizeof(as), 0L, 0L)) < 0 && errno == EEXIST)
            sched_yield();  /* the kernel is about to free the id */
        if (made == 0)
            pause();
        _exit(0);
    }
    waitpid(between, NULL, 0);
    other = (int)__real_syscall(SYS_pidfd_open, (long)pid, 0L, 0L, 0L);
}

long
__wrap_syscall(long number, ...)
{
    long given[4];
    va_list arguments;

    if (fails_from == -1 && number == SYS_pidfd_open) {
        errno = EMFILE;
        return -1;
    }
    va_start(arguments, number);
    for (int i = 0; i < 4; i++)
        given[i] = va_arg(arguments, long);
    va_end(arguments);
    if (fails_from == -2 && number == SYS_pidfd_open)
        replace((pid_t)given[0]);
    return __real_syscall(number, given[0], given[1], given[2], given[3]);
}

static void
hears(void *with, const char *sentence)
{
    (void)with;
    printf("told %s\n", sentence);
    fflush(stdout);
}

static int
n_descriptors(void)
{
    DIR *open = opendir("/proc/self/fd");
    int n = 0;

    while (readdir(open) != NULL)
        n++;
    closedir(open);
    return n;
}

static void
heeds(int number)
{
    (void)number;
}

int
main(int argc, char **argv)
{
    static struct gate_bytes words[64];
    struct stat here;
    struct gate_question question = {
        .service = "sudo", .stage = "account", .user = "alice", .ruser = "alice", .uid = (uint32_t)atoi(argv[3]), .login_session = 7,
        .tty = { "/dev/pts/9", 10 }, .search_path = { "/usr/bin:/bin", 13 }, .shell = { "/bin/bash", 9 }, .cwd = { "/", 1 },
        .words = words,
    };
    struct gate gate = {
        .socket = argv[1], .initiator = argv[2], .wait = (unsigned int)atoi(argv[4]), .cache = *argv[5] != '\0' ? argv[5] : NULL,
        .no_proof = strcmp(argv[6], "-") != 0 ? argv[6] : NULL, .tell = hears,
    };
    const struct itimerval often = { { 0, 100 }, { 0, 100 } }, never = { { 0, 0 }, { 0, 0 } };
    const struct sigaction handled = { .sa_handler = heeds };
    sigset_t before, after;
    int n_before, n_after;
    enum gate_answer answer;

    for (int i = 8; i < argc && i < 72; i++, question.n_words++)
        words[i - 8] = (struct gate_bytes){ argv[i], strlen(argv[i]) };
    if (chdir("/") != 0 || stat("/", &here) != 0)
        return 3;
    question.cwd_device = here.st_dev;
    question.cwd_inode = here.st_ino;
    signal(SIGTSTP, heeds);
    sigprocmask(SIG_BLOCK, NULL, &before);  /* the kernel knows 64 of them */
    printf("ready\n");
    fflush(stdout);
    n_before = n_descriptors();
    fails_from = atoi(argv[7]);
    if (fails_from == -3) {
        sigaction(SIGALRM, &handled, NULL);
        setitimer(ITIMER_REAL, &often, NULL);
    }
    answer = gate_ask(&gate, &question);
    setitimer(ITIMER_REAL, &never, NULL);
    if (fails_from == -2) {
        struct pollfd ended = { .fd = other, .events = POLLIN };

        printf("told the other process %s\n", other < 0 ? "is not there" : poll(&ended, 1, 0) == 0 ? "lives" : "has ended");
        __real_syscall(SYS_pidfd_send_signal, (long)other, (long)SIGKILL, 0L, 0L);
        close(other);
    }
    fails_from = 0;
    n_after = n_descriptors();
    sigprocmask(SIG_BLOCK, NULL, &after);
    printf("answer %d\nwhy %s\n", answer == GATE_GRANTED ? 1 : (int)answer, gate.why);
    printf("left %d %d %d\n", memcmp(&before, &after, 8) != 0, n_after - n_before, waitpid(-1, NULL, WNOHANG) >= 0);
    return 0;
}
