#define _GNU_SOURCE
#include "system/placement.h"

/* Whether there is a processor in the set but this one, which is taken out. */
static int leave_out(int processor, cpu_set_t *set)
{
    if (processor < 0 || processor >= CPU_SETSIZE || !CPU_ISSET(processor, set))
        return 0;
    CPU_CLR(processor, set);
    return CPU_COUNT(set) > 0;
}

void csep_place_new(csep_placement *p, pthread_attr_t *attributes)
{
    p->last = -1;
    p->moved = 0;
    if (pthread_getaffinity_np(pthread_self(), sizeof p->allowed, &p->allowed) != 0)
        return;
    cpu_set_t set = p->allowed;
    p->moved = leave_out(sched_getcpu(), &set) &&
               pthread_attr_setaffinity_np(attributes, sizeof set, &set) == 0;
}

void csep_move_away(csep_placement *p, int processor)
{
    if (!p->moved && pthread_getaffinity_np(p->thread, sizeof p->allowed, &p->allowed) != 0)
        return;
    cpu_set_t set = p->allowed;
    if (leave_out(processor, &set) && pthread_setaffinity_np(p->thread, sizeof set, &set) == 0)
        p->moved = 1;
}

void csep_settle(csep_placement *p)
{
    if (p->moved)
        (void)pthread_setaffinity_np(pthread_self(), sizeof p->allowed, &p->allowed);
    p->moved = 0;
    atomic_store(&p->last, sched_getcpu());
}
