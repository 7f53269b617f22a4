/* Why no OpenMP region: it ends when all of its threads have come and gone, so a call waits for one
 * whose core another process has (6 ms instead of 0.5), and while it waits it spins for as long as
 * the environment of the process says. */
#define _GNU_SOURCE
#include "system/thread_team.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>

#include "csep.h"
#include "system/openmp_settings.h"
#include "system/placement.h"
#include "system/spin.h"
#include "system/thread_budget.h"

/* What a helper is at.  Its word holds that and the number of the offer, so that a caller cannot
 * take a later offer for its own. */
enum {
    AWAKE,   /* no work */
    ASLEEP,  /* no work: has to be woken */
    CLAIMED, /* a caller writes down what to do */
    OFFERED, /* the caller may still withdraw it */
    AT_WORK,
    AWAITED,  /* at work, and the caller sleeps */
    SETTLING, /* no work, but it moves back for a microsecond */
    STATES = 8
};

typedef struct helper {
    _Alignas(64) _Atomic uint32_t word; /* state + STATES * offer */
    csep_team_fn function;
    void *context;
    int thread;
    csep_placement placement;
} helper;

static helper helpers[CSEP_MAX_THREADS - 1];
static atomic_int made;
static pthread_mutex_t making = PTHREAD_MUTEX_INITIALIZER;

/* When a call last ended. */
static _Atomic int64_t last_call;

static uint32_t state_of(uint32_t word) { return word % STATES; }
static uint32_t with_state(uint32_t word, uint32_t state) { return word - state_of(word) + state; }

/* Whether the word was `from` and now has this state. */
static int change(helper *h, uint32_t from, uint32_t state)
{
    return atomic_compare_exchange_strong(&h->word, &from, with_state(from, state));
}

/* Of a helper that has had nothing to do for a while.  One that was moved for an offer, and came
 * too late for it, settles first. */
static void rest(helper *h, uint32_t awake)
{
    if (!atomic_load(&h->placement.moved)) {
        if (change(h, awake, ASLEEP))
            csep_sleep_while(&h->word, with_state(awake, ASLEEP));
    } else if (change(h, awake, SETTLING)) {
        csep_settle(&h->placement);
        atomic_store(&h->word, awake);
    }
}

/* The word that says there is an offer. */
static uint32_t wait_for_offer(helper *h)
{
    uint32_t word;
    while (state_of(word = atomic_load(&h->word)) != OFFERED)
        if (csep_spin_while(&h->word, word) && state_of(word) == AWAKE)
            rest(h, word);
    return word;
}

static void *help(void *myself)
{
    helper *h = myself;
    h->placement.thread = pthread_self();
    csep_settle(&h->placement);
    csep_bind_helper((int)(h - helpers));
    for (;;) {
        const uint32_t offer = wait_for_offer(h);
        if (!change(h, offer, AT_WORK))
            continue;
        csep_settle(&h->placement);
        h->function(h->context, h->thread);
        if (state_of(atomic_exchange(&h->word, with_state(offer, AWAKE))) == AWAITED)
            csep_wake(&h->word);
    }
    return NULL;
}

/* With all signals blocked: they are the program's. */
static int start(helper *h)
{
    pthread_t thread;
    pthread_attr_t attributes;
    sigset_t all, before;
    if (pthread_attr_init(&attributes) != 0)
        return 0;
    csep_place_new(&h->placement, &attributes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    const int started = pthread_create(&thread, &attributes, help, h) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
    return started;
}

/* One more helper, claimed by its maker. */
static helper *make_helper(void)
{
    helper *h = NULL;
    pthread_mutex_lock(&making);
    const int index = atomic_load(&made);
    if (index < CSEP_MAX_THREADS - 1) {
        atomic_store(&helpers[index].word, CLAIMED);
        if (start(&helpers[index])) {
            h = &helpers[index];
            atomic_store(&made, index + 1);
        }
    }
    pthread_mutex_unlock(&making);
    return h;
}

/* Whether a helper has nothing to do and is now its caller's.  It may fall asleep meanwhile, or be
 * settling: then its caller waits a little. */
static int claim_one(helper *h, int *asleep, int *settling)
{
    for (;;) {
        const uint32_t word = atomic_load(&h->word), state = state_of(word);
        *asleep = state == ASLEEP;
        if (state == SETTLING) {
            *settling = csep_spin_while(&h->word, word);
            if (*settling)
                return 0;
        } else if (state != AWAKE && state != ASLEEP) {
            return 0;
        } else if (change(h, word, CLAIMED)) {
            return 1;
        }
    }
}

/* The first that has nothing to do: a caller finds the same ones again, with its data in their
 * caches.  NULL: there is none, and none can be made, or needs to be. */
static helper *claim(int *from, int *asleep)
{
    int settling = 0;
    for (; *from < atomic_load(&made) && !settling; (*from)++)
        if (claim_one(&helpers[*from], asleep, &settling))
            return &helpers[*from];
    *asleep = 0;
    return settling ? NULL : make_helper();
}

/* Withdraws an offer; where the helper has begun, waits for its end. */
static void dismiss(helper *h, uint32_t offer)
{
    if (change(h, offer, AWAKE))
        return;
    const uint32_t at_work = with_state(offer, AT_WORK);
    if (csep_spin_while(&h->word, at_work) && change(h, at_work, AWAITED))
        csep_sleep_while(&h->word, with_state(offer, AWAITED));
}

void csep_run_team(int threads, csep_team_fn function, void *context)
{
    helper *team[CSEP_MAX_THREADS - 1];
    uint32_t offers[CSEP_MAX_THREADS - 1];
    const int processor = sched_getcpu();
    int others = 0;
    for (int from = 0, asleep; others < threads - 1; others++) {
        helper *h = claim(&from, &asleep);
        if (!h)
            break;
        h->function = function;
        h->context = context;
        h->thread = others + 1;
        team[others] = h;
        offers[others] = with_state(atomic_load(&h->word), OFFERED) + STATES;
        if (asleep || atomic_load(&h->placement.last) == processor)
            csep_move_away(&h->placement, processor);
        atomic_store(&h->word, offers[others]);
        if (asleep)
            csep_wake(&h->word);
    }
    function(context, 0);
    for (int i = 0; i < others; i++)
        dismiss(team[i], offers[i]);
}

void csep_note_call(void) { atomic_store(&last_call, csep_now()); }

int csep_calls_follow(void) { return csep_now() - atomic_load(&last_call) < csep_spin_time(); }

static void in_child(void)
{
    csep_budget_reset();
    atomic_store(&made, 0);
    pthread_mutex_init(&making, NULL);
}

void csep_watch_forks(void) { (void)pthread_atfork(NULL, NULL, in_child); }
