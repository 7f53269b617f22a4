#define _GNU_SOURCE
#include "system/placement.h"

#include <sched.h>
#include <string.h>

_Static_assert(sizeof(cpu_set_t) == sizeof((csep_placement *)0)->allowed, "what is copied");

/* Notes where a thread may run. */
static int note_allowed(csep_placement *p, pthread_t thread)
{
    cpu_set_t set;
    if (pthread_getaffinity_np(thread, sizeof set, &set) != 0)
        return 0;
    memcpy(p->allowed, &set, sizeof set);
    return 1;
}

/* The set without this processor; whether there is another in it. */
static int allowed_but(const csep_placement *p, int processor, cpu_set_t *set)
{
    memcpy(set, p->allowed, sizeof *set);
    if (processor < 0 || processor >= CPU_SETSIZE || !CPU_ISSET(processor, set))
        return 0;
    CPU_CLR(processor, set);
    return CPU_COUNT(set) > 0;
}

void csep_place_new(csep_placement *p, pthread_attr_t *attributes)
{
    cpu_set_t set;
    p->last = -1;
    p->moved = note_allowed(p, pthread_self()) && allowed_but(p, sched_getcpu(), &set) &&
               pthread_attr_setaffinity_np(attributes, sizeof set, &set) == 0;
}

void csep_move_away(csep_placement *p, int processor)
{
    cpu_set_t set;
    if ((p->moved || note_allowed(p, p->thread)) && allowed_but(p, processor, &set) &&
        pthread_setaffinity_np(p->thread, sizeof set, &set) == 0)
        p->moved = 1;
}

void csep_settle(csep_placement *p)
{
    if (p->moved) {
        cpu_set_t set;
        memcpy(&set, p->allowed, sizeof set);
        (void)pthread_setaffinity_np(pthread_self(), sizeof set, &set);
    }
    p->moved = 0;
    atomic_store(&p->last, sched_getcpu());
}
