/* The jobs of a call, dealt to its threads. */
#ifndef CSEP_RUN_THREADS_H
#define CSEP_RUN_THREADS_H

#include <stdint.h>

typedef void (*csep_job_fn)(void *context, int64_t job, int thread);

/* Memory that csep_deal_jobs wants for so many threads, and how it must be aligned. */
int64_t csep_deal_bytes(int threads);
enum { CSEP_DEAL_ALIGNMENT = 64 };

/* Runs each of the jobs once, on threads 0 .. threads - 1, or on those that turn up, and waits for
 * all.  Nobody may rely on which thread runs which job; each begins with a run of neighbouring
 * ones. */
void csep_deal_jobs(int64_t jobs, int threads, csep_job_fn run, void *context, void *memory);

#endif
