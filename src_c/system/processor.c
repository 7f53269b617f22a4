#define _GNU_SOURCE /* sched_getaffinity */
#include "system/processor.h"

#include <sched.h>

#ifdef CSEP_X86
#include <cpuid.h>

/* Clang's __builtin_cpu_supports has no word for it before version 16. */
static int has_f16c(void)
{
    unsigned eax, ebx, ecx = 0, edx;
    return __get_cpuid(1, &eax, &ebx, &ecx, &edx) && (ecx & bit_F16C);
}

int csep_has_avx2(void)
{
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && has_f16c();
}
int csep_has_avx512(void) { return csep_has_avx2() && __builtin_cpu_supports("avx512f"); }
#else
int csep_has_avx2(void) { return 0; }
int csep_has_avx512(void) { return 0; }
#endif

int csep_affinity(void)
{
#ifdef CPU_COUNT
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0 && CPU_COUNT(&set) > 0)
        return CPU_COUNT(&set);
#endif
    return 1;
}
