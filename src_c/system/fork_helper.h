/* Regions of the thread that forked, in the child.
 *
 * OpenMP's threads do not survive a fork, but libgomp does not know: in the child, the next region
 * of the thread that called fork would wait for them for ever.  Every other thread gets a team of
 * its own.  So that thread has its regions run by a helper, a thread made after the fork. */
#ifndef CSEP_SYSTEM_FORK_HELPER_H
#define CSEP_SYSTEM_FORK_HELPER_H

/* Notes forks from now on; once per process. */
void csep_watch_forks(void);

/* Whether this is a child's only thread at its start, the one that called fork. */
int csep_is_forked_thread(void);

/* Runs function(argument) on the helper and waits for it; only for the forked thread.
 * Returns 0 if the helper cannot be made. */
int csep_run_on_helper(void (*function)(void *), void *argument);

#endif
