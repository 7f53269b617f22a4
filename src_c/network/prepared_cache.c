#include "network/prepared_cache.h"

#include <stdlib.h>

#include "network/shapes.h"

/* A service meets few shapes: one, or a few sizes and batches. */
enum { SLOTS = 8 };

/* A thread that finds a slot in use by another, or after a fork left in use by one that is gone,
 * does without it. */
typedef struct slot {
    atomic_flag in_use;
    csep_prepared *prepared;
} slot;

struct csep_prepared_cache {
    slot slots[SLOTS];
    atomic_uint next; /* to be replaced */
};

csep_prepared_cache *csep_make_prepared_cache(void)
{
    csep_prepared_cache *cache = calloc(1, sizeof *cache);
    for (int i = 0; cache && i < SLOTS; i++)
        atomic_flag_clear(&cache->slots[i].in_use);
    return cache;
}

void csep_free_prepared_cache(csep_prepared_cache *cache)
{
    for (int i = 0; cache && i < SLOTS; i++)
        csep_leave_prepared(cache->slots[i].prepared);
    free(cache);
}

static int is_for(const csep_prepared *p, const csep_network *n, const csep_shape *inputs,
                  int num_threads)
{
    if (!p || p->num_threads != num_threads)
        return 0;
    for (int i = 0; i < n->inputs; i++)
        if (!csep_same_shape(&p->values[i], &inputs[i]))
            return 0;
    return 1;
}

static int take(slot *s)
{
    return !atomic_flag_test_and_set_explicit(&s->in_use, memory_order_acquire);
}
static void release(slot *s) { atomic_flag_clear_explicit(&s->in_use, memory_order_release); }

csep_prepared *csep_find_prepared(const csep_network *n, const csep_shape *inputs, int num_threads,
                                  csep_status *status)
{
    csep_prepared_cache *cache = n->prepared;
    *status = CSEP_OK;
    for (int i = 0; i < SLOTS; i++) {
        slot *s = &cache->slots[i];
        if (!take(s))
            continue;
        csep_prepared *p = s->prepared;
        const int found = is_for(p, n, inputs, num_threads);
        if (found)
            atomic_fetch_add(&p->users, 1);
        release(s);
        if (found)
            return p;
    }
    csep_prepared *made = csep_prepare(n, inputs, num_threads, status);
    slot *s = &cache->slots[atomic_fetch_add(&cache->next, 1) % SLOTS];
    if (made && take(s)) {
        csep_leave_prepared(s->prepared);
        s->prepared = made;
        atomic_fetch_add(&made->users, 1);
        release(s);
    }
    return made;
}
