#include "system/thread_budget.h"

#include <stdatomic.h>

/* Threads at work in all calls of the process. */
static atomic_int at_work;

int csep_budget_take(int useful, int asked)
{
    int others = atomic_load_explicit(&at_work, memory_order_relaxed), threads;
    do {
        const int left = asked - others;
        threads = useful < left ? useful : left;
        if (threads < 1)
            threads = 1;
    } while (!atomic_compare_exchange_weak_explicit(&at_work, &others, others + threads,
                                                    memory_order_relaxed, memory_order_relaxed));
    return threads;
}

void csep_budget_return(int threads)
{
    atomic_fetch_sub_explicit(&at_work, threads, memory_order_relaxed);
}

void csep_budget_reset(void) { atomic_store_explicit(&at_work, 0, memory_order_relaxed); }
