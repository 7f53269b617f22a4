#define _GNU_SOURCE
#include "system/openmp_settings.h"

#ifdef _OPENMP
#include <omp.h>
#include <sched.h>
#include <stdlib.h>
#endif

#include "csep.h"
#include "system/processor.h"

#ifdef _OPENMP
/* Threads that OpenMP gives to a thread that has not said otherwise. */
static int usual_threads;

int csep_built_with_openmp(void) { return 1; }

/* libgomp keeps the affinity it found before it bound the thread that loaded it. */
int csep_count_processors(void) { return omp_get_num_procs(); }

void csep_note_usual_threads(void)
{
    const char *told = getenv("OMP_NUM_THREADS");
    const long number = told ? strtol(told, NULL, 10) : 0;
    usual_threads = number >= 1 && number < CSEP_MAX_THREADS ? (int)number : omp_get_num_procs();
}

int csep_allowed_threads(void)
{
    const int now = omp_get_max_threads();
    return now < usual_threads ? now : CSEP_MAX_THREADS;
}

void csep_bind_helper(int helper)
{
    const int places = omp_get_num_places();
    if (omp_get_proc_bind() == omp_proc_bind_false || places < 1)
        return;
    const int place = (helper + 1) % places; /* the first caller has the first place */
    int processors[CPU_SETSIZE];
    const int count = omp_get_place_num_procs(place);
    if (count > CPU_SETSIZE)
        return;
    omp_get_place_proc_ids(place, processors);
    cpu_set_t set;
    CPU_ZERO(&set);
    for (int i = 0; i < count; i++)
        CPU_SET(processors[i], &set);
    (void)sched_setaffinity(0, sizeof set, &set);
}
#else
int csep_built_with_openmp(void) { return 0; }

int csep_count_processors(void) { return csep_affinity(); }

void csep_note_usual_threads(void) {}

int csep_allowed_threads(void) { return CSEP_MAX_THREADS; }

void csep_bind_helper(int helper) { (void)helper; }
#endif
