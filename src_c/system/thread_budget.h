/* How many threads a call gets. */
#ifndef CSEP_SYSTEM_THREAD_BUDGET_H
#define CSEP_SYSTEM_THREAD_BUDGET_H

#include <pthread.h>

/* A call's threads, its own included. */
typedef struct csep_thread_grant {
    int threads; /* that work */
    int team;    /* that OpenMP is asked for: some may find nothing to do */
} csep_thread_grant;

/* Takes threads for a call: at most useful of asked.  csep_budget_return gives them back. */
csep_thread_grant csep_budget_take(int useful, int asked);
void csep_budget_return(csep_thread_grant grant);

/* To be told after OpenMP has run a region with the grant's team: it has these threads now. */
void csep_budget_team_exists(csep_thread_grant grant);

/* In a forked child, which has one thread and no other call. */
void csep_budget_reset(void);

/* pthread_create with all signals blocked: csep's own threads take none. */
int csep_make_thread(pthread_t *thread, void *(*function)(void *), void *argument);

#endif
