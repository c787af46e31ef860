/* Preloaded by tests/reliability/test_clock.py: the wall clock, as far off as the file says. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/time.h>
#include <time.h>

static long offset(void) {
    const char *name = getenv("WGEN_TEST_CLOCK");
    FILE *stream = name ? fopen(name, "r") : NULL;
    long found = 0;
    if (stream) {
        if (fscanf(stream, "%ld", &found) != 1) found = 0;
        fclose(stream);
    }
    return found;
}

int clock_gettime(clockid_t which, struct timespec *result) {
    static int (*next)(clockid_t, struct timespec *);
    if (!next) *(void **)&next = dlsym(RTLD_NEXT, "clock_gettime");
    int code = next(which, result);
    if (code == 0 && which == CLOCK_REALTIME) result->tv_sec += offset();
    return code;
}

time_t time(time_t *result) {
    struct timespec found;
    clock_gettime(CLOCK_REALTIME, &found);
    if (result) *result = found.tv_sec;
    return found.tv_sec;
}

int gettimeofday(struct timeval *restrict result, void *restrict zone) {
    struct timespec found;
    (void)zone;
    clock_gettime(CLOCK_REALTIME, &found);
    result->tv_sec = found.tv_sec;
    result->tv_usec = found.tv_nsec / 1000;
    return 0;
}
