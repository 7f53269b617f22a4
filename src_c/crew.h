/* How many threads a call gets. */
#ifndef CSEP_CREW_H
#define CSEP_CREW_H

#include <pthread.h>

/* A call's threads, its own included. */
typedef struct csep_crew {
    int threads; /* that work */
    int team;    /* that OpenMP is asked for: some may find nothing to do */
} csep_crew;

/* Counts the call in; at most useful of asked threads.  To be followed by csep_crew_leave. */
csep_crew csep_crew_join(int useful, int asked);
void csep_crew_leave(csep_crew crew);

/* OpenMP has run a region with the crew's team: it has these threads now. */
void csep_crew_made(csep_crew crew);

/* In a forked child: nobody else is here. */
void csep_crew_forget(void);

/* pthread_create with all signals blocked: csep's own threads take none. */
int csep_make_thread(pthread_t *thread, void *(*function)(void *), void *argument);

#endif
