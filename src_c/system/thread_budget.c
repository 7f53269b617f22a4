/* How many threads a call gets: no more than it asked for, less those that other calls are using,
 * and only such as the system can make. */
#define _DEFAULT_SOURCE
#include "system/thread_budget.h"

#include <signal.h>
#include <stdatomic.h>

#include "csep.h"

/* Threads at work in all calls of the process. */
static atomic_int at_work;

/* OpenMP keeps a team for every thread that calls: its size here.  A smaller region would end the
 * threads that it leaves out, and the next larger one would make them anew, so the team keeps its
 * size until fewer are asked for, or others have use for the cores: those with nothing to do wait
 * for the rest. */
static _Thread_local int team = 1;

int csep_make_thread(pthread_t *thread, void *(*function)(void *), void *argument)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    const int made = pthread_create(thread, NULL, function, argument) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return made;
}

static void *wait_at_gate(void *gate)
{
    pthread_mutex_lock(gate);
    pthread_mutex_unlock(gate);
    return NULL;
}

/* How many of so many further threads the system can make.  OpenMP's runtime ends the process where
 * it cannot make a thread, so this is tried beforehand, all at once. */
static int count_makeable(int further)
{
    pthread_t threads[CSEP_MAX_THREADS];
    pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
    int made = 0;
    pthread_mutex_lock(&gate);
    while (made < further && csep_make_thread(&threads[made], wait_at_gate, &gate))
        made++;
    pthread_mutex_unlock(&gate);
    for (int i = 0; i < made; i++)
        pthread_join(threads[i], NULL);
    pthread_mutex_destroy(&gate);
    return made;
}

csep_thread_grant csep_budget_take(int useful, int asked)
{
    int others = atomic_load_explicit(&at_work, memory_order_relaxed), threads;
    do {
        const int left = asked - others;
        threads = useful < left ? useful : left;
        if (threads < 1)
            threads = 1;
    } while (!atomic_compare_exchange_weak_explicit(&at_work, &others, others + threads,
                                                    memory_order_relaxed, memory_order_relaxed));
    csep_thread_grant grant = {threads, threads};
    if (threads > team) {
        grant.threads = grant.team = team + count_makeable(threads - team);
        atomic_fetch_sub_explicit(&at_work, threads - grant.threads, memory_order_relaxed);
    } else if (asked >= team && others == 0)
        grant.team = team;
    return grant;
}

void csep_budget_team_exists(csep_thread_grant grant) { team = grant.team; }

void csep_budget_return(csep_thread_grant grant)
{
    atomic_fetch_sub_explicit(&at_work, grant.threads, memory_order_relaxed);
}

void csep_budget_reset(void)
{
    atomic_store_explicit(&at_work, 0, memory_order_relaxed);
    team = 1;
}
