/* Threads for the jobs of a call; the only place that knows OpenMP. */
#ifndef CSEP_RUN_THREADS_H
#define CSEP_RUN_THREADS_H

#include <stdint.h>

#include "system/thread_budget.h"

/* Whether there can be more than one. */
int csep_built_with_openmp(void);

/* The public csep_processors. */
int csep_count_processors(void);

/* Called once per process: what csep_allowed_threads compares with. */
void csep_note_usual_threads(void);

/* The public csep_thread_limit. */
int csep_allowed_threads(void);

typedef void (*csep_job_fn)(void *context, int64_t job, int thread);

/* Memory that csep_deal_jobs wants for so many threads, and how it must be aligned. */
int64_t csep_deal_bytes(int threads);
enum { CSEP_DEAL_ALIGNMENT = 64 };

/* Runs each of the jobs once, on threads 0 .. grant.threads - 1, and waits for all.  Nobody may
 * rely on which thread runs which job; each begins with a run of neighbouring ones. */
void csep_deal_jobs(int64_t jobs, csep_thread_grant grant, csep_job_fn run, void *context,
                    void *memory);

#endif
