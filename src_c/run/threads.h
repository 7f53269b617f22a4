/* The work of a call, dealt to its threads. */
#ifndef CSEP_RUN_THREADS_H
#define CSEP_RUN_THREADS_H

#include <stdint.h>

typedef void (*csep_job_fn)(void *context, int64_t job, int thread);

/* Jobs that may be done in any order, and beside each other. */
typedef struct csep_task {
    int64_t jobs; /* from 0 to CSEP_MAX_JOBS */
    csep_job_fn run;
    void *context;
} csep_task;

#define CSEP_MAX_JOBS (INT64_C(1) << 40)

/* Memory that csep_run_tasks wants, and how it must be aligned. */
int64_t csep_task_bytes(int tasks, int threads);
enum { CSEP_TASK_ALIGNMENT = 64 };

/* Runs each job of each task once, on threads 0 .. threads - 1, or on those that turn up, and waits
 * for all.  A task begins when all jobs of the one before have ended.  Nobody may rely on which
 * thread runs which job; each begins with a run of neighbouring ones. */
void csep_run_tasks(const csep_task *tasks, int count, int threads, void *memory);

#endif
