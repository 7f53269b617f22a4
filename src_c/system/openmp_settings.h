/* What the user has told OpenMP about threads: environment variables, omp_set_num_threads,
 * threadpoolctl.  The only place that knows OpenMP; csep makes its threads itself. */
#ifndef CSEP_SYSTEM_OPENMP_SETTINGS_H
#define CSEP_SYSTEM_OPENMP_SETTINGS_H

/* Whether OpenMP is there to be asked. */
int csep_built_with_openmp(void);

/* The public csep_processors. */
int csep_count_processors(void);

/* Called once per process: what csep_allowed_threads compares with. */
void csep_note_usual_threads(void);

/* The public csep_thread_limit. */
int csep_allowed_threads(void);

/* Binds the calling thread, helper number 0, 1, ..., to its place where OMP_PROC_BIND or OMP_PLACES
 * want threads bound: the thread that made it may be bound to one processor. */
void csep_bind_helper(int helper);

#endif
