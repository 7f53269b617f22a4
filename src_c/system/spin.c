#define _GNU_SOURCE
#include "system/spin.h"

#include <limits.h>
#include <linux/futex.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* Microseconds; longer than from one call of a network to the next, no longer than it takes to wake
 * a sleeping thread. */
enum { USUAL_SPIN = 50, MAX_SPIN = 1000 };

static int64_t spin = USUAL_SPIN * INT64_C(1000);

int csep_read_spin(const char *text)
{
    const char *policy = getenv("OMP_WAIT_POLICY");
    long microseconds = policy && strcasecmp(policy, "passive") == 0 ? 0 : USUAL_SPIN;
    if (text && *text) {
        if (strspn(text, "0123456789") != strlen(text))
            return 0;
        microseconds = strtol(text, NULL, 10);
        if (microseconds > MAX_SPIN)
            return 0;
    }
    spin = microseconds * INT64_C(1000);
    return 1;
}

int64_t csep_spin_time(void) { return spin; }

int64_t csep_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

static void rest(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

int csep_spin_while(_Atomic uint32_t *word, uint32_t value)
{
    const int64_t end = csep_now() + spin;
    while (atomic_load(word) == value) {
        if (csep_now() >= end)
            return 1;
        rest();
    }
    return 0;
}

void csep_sleep_while(_Atomic uint32_t *word, uint32_t value)
{
    while (atomic_load(word) == value)
        (void)syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, value, NULL, NULL, 0);
}

void csep_wake(_Atomic uint32_t *word)
{
    (void)syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0);
}
