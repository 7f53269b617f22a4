/* Entry points that tell of the library itself: instruction set, version, threads, messages,
 * probes. */
#include <pthread.h>
#include <stdlib.h>

#include "csep.h"
#include "kernels/dispatch.h"
#include "system/caches.h"
#include "system/openmp_settings.h"
#include "system/spin.h"
#include "system/thread_team.h"

static pthread_once_t once = PTHREAD_ONCE_INIT;
static csep_status ready;

static void init(void)
{
    csep_watch_forks();
    csep_note_usual_threads();
    ready = !csep_choose_kernels(getenv("CSEP_ISA"))  ? CSEP_BAD_ISA
            : !csep_read_caches(getenv("CSEP_CACHE")) ? CSEP_BAD_CACHE
            : !csep_read_spin(getenv("CSEP_SPIN"))    ? CSEP_BAD_SPIN
                                                      : CSEP_OK;
}

csep_status csep_init(void)
{
    pthread_once(&once, init);
    return ready;
}

#define STRING_OF(number) #number
#define VERSION(major, minor, patch) STRING_OF(major) "." STRING_OF(minor) "." STRING_OF(patch)

const char *csep_version(void)
{
    return VERSION(CSEP_VERSION_MAJOR, CSEP_VERSION_MINOR, CSEP_VERSION_PATCH);
}

const char *csep_isa(void)
{
    return csep_init() == CSEP_OK ? csep_active_kernels(CSEP_F32)->name : "";
}

const char *csep_isa_available(void)
{
    (void)csep_init();
    return csep_kernel_names();
}

int64_t csep_cache_bytes(int level)
{
    if (csep_init() != CSEP_OK)
        return 0;
    const csep_caches sizes = csep_cache_sizes();
    return level == 1 ? sizes.l1 : level == 2 ? sizes.l2 : level == 3 ? sizes.l3 : 0;
}

int csep_has_openmp(void) { return csep_built_with_openmp(); }

int csep_processors(void) { return csep_count_processors(); }

int csep_thread_limit(void)
{
    return csep_init() == CSEP_OK ? csep_allowed_threads() : CSEP_MAX_THREADS;
}

const char *csep_status_string(csep_status status)
{
    switch (status) {
    case CSEP_OK: return "ok";
    case CSEP_BAD_ARGUMENT: return "an argument is out of range";
    case CSEP_BAD_SHAPE: return "the output would be empty or too large";
    case CSEP_NO_MEMORY: return "out of memory";
    case CSEP_BAD_ISA: return "CSEP_ISA names an instruction set that is not available";
    case CSEP_BAD_CACHE: return "CSEP_CACHE is no sizes of L1, L2, L3 such as 32K,512K,16M";
    case CSEP_BAD_SPIN: return "CSEP_SPIN is no number of microseconds from 0 to 1000";
    }
    return "unknown status";
}

double csep_fma_probe(csep_dtype dtype, int64_t iterations)
{
    return csep_init() == CSEP_OK ? csep_active_kernels(dtype)->fma_probe(iterations) : 0.0;
}

double csep_read_probe(const float *p, int64_t count)
{
    return csep_init() == CSEP_OK ? csep_active_kernels(CSEP_F32)->read_probe(p, count) : 0.0;
}

void csep_write_probe(float *p, int64_t count)
{
    if (csep_init() == CSEP_OK)
        csep_active_kernels(CSEP_F32)->write_probe(p, count);
}
