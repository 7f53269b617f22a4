/* Threads that help a caller.  They belong to the process and are made when first wanted; between
 * calls they spin for some microseconds, then sleep. */
#ifndef CSEP_SYSTEM_THREAD_TEAM_H
#define CSEP_SYSTEM_THREAD_TEAM_H

/* What each thread of a team runs: the caller as thread 0. */
typedef void (*csep_team_fn)(void *context, int thread);

/* Runs function(context, 0) here and function(context, t) on helpers, t below threads, each at most
 * once.  Returns when this thread's has returned, and those of the helpers that had begun by then:
 * one that has not (its core was asleep, or is taken by another process) is no longer waited for,
 * so the function has to see to it that any one thread can do all the work. */
void csep_run_team(int threads, csep_team_fn function, void *context);

/* To be told at the end of a call that could have had helpers. */
void csep_note_call(void);

/* Whether a call that begins now follows another so closely that helpers are still awake, or worth
 * waking for those that will follow it. */
int csep_calls_follow(void);

/* Once per process: a forked child has no helpers. */
void csep_watch_forks(void);

#endif
