/* The processor: cache size and which instruction set, the best this processor has, or the one
 * CSEP_ISA names. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "csep.h"
#include "kernels.h"
#include "plan.h"
#include "survivor.h"

#ifdef CSEP_X86
#include <cpuid.h>
#endif

static int always(void) { return 1; }

#ifdef CSEP_X86
/* Clang's __builtin_cpu_supports has no word for it before version 16. */
static int has_f16c(void)
{
    unsigned eax, ebx, ecx = 0, edx;
    return __get_cpuid(1, &eax, &ebx, &ecx, &edx) && (ecx & bit_F16C);
}

static int has_avx2(void)
{
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && has_f16c();
}
static int has_avx512(void) { return has_avx2() && __builtin_cpu_supports("avx512f"); }
#endif

/* Best first. */
static const struct candidate {
    const csep_kernels *f32, *f64;
    int (*supported)(void);
} candidates[] = {
#ifdef CSEP_X86
    {&csep_kernels_avx512_f32, &csep_kernels_avx512_f64, has_avx512},
    {&csep_kernels_avx2_f32, &csep_kernels_avx2_f64, has_avx2},
#endif
    {&csep_kernels_generic_f32, &csep_kernels_generic_f64, always},
};
enum { CANDIDATES = sizeof candidates / sizeof *candidates };

static const struct candidate *active;
static char available[64];
static pthread_once_t once = PTHREAD_ONCE_INIT;

static int64_t l2_bytes = INT64_C(512) << 10; /* where the system does not tell */

static void choose(void)
{
    csep_watch_forks();
    csep_note_threads();
#ifdef _SC_LEVEL2_CACHE_SIZE
    const long told = sysconf(_SC_LEVEL2_CACHE_SIZE);
    if (told > 0)
        l2_bytes = told;
#endif
    const char *wanted = getenv("CSEP_ISA");
    const int any = !wanted || !*wanted;
    for (int i = 0; i < CANDIDATES; i++) {
        if (!candidates[i].supported())
            continue;
        const char *name = candidates[i].f32->name;
        if (!active && (any || strcmp(wanted, name) == 0))
            active = &candidates[i];
        if (*available)
            strcat(available, ", ");
        strcat(available, name);
    }
}

csep_status csep_init(void)
{
    pthread_once(&once, choose);
    return active ? CSEP_OK : CSEP_BAD_ISA;
}

#define STRING_OF(number) #number
#define VERSION(major, minor, patch) STRING_OF(major) "." STRING_OF(minor) "." STRING_OF(patch)

const char *csep_version(void)
{
    return VERSION(CSEP_VERSION_MAJOR, CSEP_VERSION_MINOR, CSEP_VERSION_PATCH);
}

int64_t csep_l2_bytes(void) { return l2_bytes; }

const csep_kernels *csep_active_kernels(csep_dtype real)
{
    return !active ? NULL : real == CSEP_F64 ? active->f64 : active->f32;
}

const char *csep_isa(void) { return csep_init() == CSEP_OK ? active->f32->name : ""; }

const char *csep_isa_available(void)
{
    (void)csep_init();
    return available;
}

double csep_fma_probe(csep_dtype dtype, int64_t iterations)
{
    return csep_init() == CSEP_OK ? csep_active_kernels(dtype)->fma_probe(iterations) : 0.0;
}

double csep_read_probe(const float *p, int64_t count)
{
    return csep_init() == CSEP_OK ? active->f32->read_probe(p, count) : 0.0;
}

void csep_write_probe(float *p, int64_t count)
{
    if (csep_init() == CSEP_OK)
        active->f32->write_probe(p, count);
}

const char *csep_status_string(csep_status status)
{
    switch (status) {
    case CSEP_OK: return "ok";
    case CSEP_BAD_ARGUMENT: return "an argument is out of range";
    case CSEP_BAD_SHAPE: return "the output would be empty or too large";
    case CSEP_NO_MEMORY: return "out of memory";
    case CSEP_BAD_ISA: return "CSEP_ISA names an instruction set that is not available";
    }
    return "unknown status";
}
