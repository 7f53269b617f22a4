#include "plan/schedule_cache.h"

#include <stdatomic.h>
#include <string.h>

/* A network meets few shapes with one layer: one size, or a few of a pyramid. */
enum { SLOTS = 4 };

/* A thread that finds a slot in use by another, or after a fork left in use by one that is gone,
 * does without it. */
typedef struct slot {
    atomic_flag in_use;
    int num_threads; /* 0: nothing here yet */
    csep_geometry geometry;
    csep_schedule schedule;
} slot;

struct csep_schedule_cache {
    slot slots[SLOTS];
    atomic_uint next; /* to be replaced */
};

int64_t csep_schedule_cache_bytes(void) { return (int64_t)sizeof(csep_schedule_cache); }

csep_schedule_cache *csep_init_schedule_cache(void *memory)
{
    csep_schedule_cache *cache = memory;
    memset(cache, 0, sizeof *cache);
    for (int i = 0; i < SLOTS; i++)
        atomic_flag_clear(&cache->slots[i].in_use);
    atomic_init(&cache->next, 0);
    return cache;
}

static int take(slot *s)
{
    return !atomic_flag_test_and_set_explicit(&s->in_use, memory_order_acquire);
}
static void release(slot *s) { atomic_flag_clear_explicit(&s->in_use, memory_order_release); }

/* In what a schedule depends on: of a border, only that there is one. */
static int same_geometry(const csep_geometry *a, const csep_geometry *b)
{
    const csep_input *x = &a->input, *y = &b->input;
    return x->batch == y->batch && x->height == y->height && x->width == y->width &&
           x->dtype == y->dtype && x->layout == y->layout && x->pad_top == y->pad_top &&
           x->pad_bottom == y->pad_bottom && x->pad_left == y->pad_left &&
           x->pad_right == y->pad_right && x->padding_mode == y->padding_mode;
}

void csep_find_schedule(const csep_plan *plan, const csep_geometry *geometry, int num_threads,
                        csep_schedule *schedule)
{
    csep_schedule_cache *cache = plan->schedules;
    for (int i = 0; cache && i < SLOTS; i++) {
        slot *s = &cache->slots[i];
        if (!take(s))
            continue;
        const int found = s->num_threads == num_threads && same_geometry(&s->geometry, geometry);
        if (found)
            *schedule = s->schedule;
        release(s);
        if (found)
            return;
    }
    csep_make_schedule(plan, geometry, num_threads, schedule);
    if (!cache)
        return;
    slot *s =
        &cache->slots[atomic_fetch_add_explicit(&cache->next, 1, memory_order_relaxed) % SLOTS];
    if (take(s)) {
        s->num_threads = num_threads;
        s->geometry = *geometry;
        s->schedule = *schedule;
        release(s);
    }
}
