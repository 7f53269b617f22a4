#ifndef CSEP_SURVIVOR_H
#define CSEP_SURVIVOR_H

/* Notes forks from now on; once per process. */
void csep_watch_forks(void);

/* Whether this is the thread that a fork left over: all others of the parent are gone, and what a
 * library remembers of them for this thread is no longer true. */
int csep_is_survivor(void);

/* Runs function(argument) on a thread made after the fork and waits for it; only for a survivor.
 * Returns 0 if there is no thread to be had. */
int csep_run_by_helper(void (*function)(void *), void *argument);

#endif
