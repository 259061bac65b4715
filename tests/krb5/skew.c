/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Preloaded (ld.so(8)), it lets a program see the wall clock SKEW seconds ahead, or behind if SKEW is negative. The boot clock is
 * left alone. libkrb5 and krb5kdc read the time by no other functions.
 */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <sys/time.h>
#include <time.h>

static long
skew(void)
{
    const char *said = getenv("SKEW");

    return said == NULL ? 0 : atol(said);
}

int
clock_gettime(clockid_t clock, struct timespec *now)
{
    static int (*real)(clockid_t, struct timespec *);
    int failed;

    if (real == NULL)
        *(void **)&real = dlsym(RTLD_NEXT, "clock_gettime");
    failed = real(clock, now);
    if (failed == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
        now->tv_sec += skew();
    return failed;
}

int
gettimeofday(struct timeval *restrict now, void *restrict zone)
{
    struct timespec read;

    (void)zone;
    if (clock_gettime(CLOCK_REALTIME, &read) != 0)
        return -1;
    now->tv_sec = read.tv_sec;
    now->tv_usec = read.tv_nsec / 1000;
    return 0;
}

time_t
time(time_t *now)
{
    struct timespec read;

    if (clock_gettime(CLOCK_REALTIME, &read) != 0)
        return -1;
    if (now != NULL)
        *now = read.tv_sec;
    return read.tv_sec;
}
