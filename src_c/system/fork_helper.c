#include "system/fork_helper.h"

#include <pthread.h>
#include <stddef.h>

#include "system/thread_budget.h"

static _Thread_local int forked;

/* A process has one forked thread at most, so the helper has one client. */
static struct helper {
    int alive;
    pthread_mutex_t lock;
    pthread_cond_t wake, done;
    void (*function)(void *); /* NULL: nothing to do */
    void *argument;
} helper;

static void in_child(void)
{
    forked = 1;
    csep_budget_reset();
    /* Its thread is gone, if there was one, and its lock may have been held. */
    helper.alive = 0;
    helper.function = NULL;
    pthread_mutex_init(&helper.lock, NULL);
    pthread_cond_init(&helper.wake, NULL);
    pthread_cond_init(&helper.done, NULL);
}

void csep_watch_forks(void) { (void)pthread_atfork(NULL, NULL, in_child); }

int csep_is_forked_thread(void) { return forked; }

static void *serve(void *unused)
{
    (void)unused;
    pthread_mutex_lock(&helper.lock);
    for (;;) {
        while (!helper.function)
            pthread_cond_wait(&helper.wake, &helper.lock);
        helper.function(helper.argument);
        helper.function = NULL;
        pthread_cond_signal(&helper.done);
    }
    return NULL;
}

static int start_helper(void)
{
    pthread_t thread;
    if (!csep_make_thread(&thread, serve, NULL))
        return 0;
    pthread_detach(thread);
    return 1;
}

int csep_run_on_helper(void (*function)(void *), void *argument)
{
    if (!helper.alive && !start_helper())
        return 0;
    pthread_mutex_lock(&helper.lock);
    helper.alive = 1;
    helper.argument = argument;
    helper.function = function;
    pthread_cond_signal(&helper.wake);
    while (helper.function)
        pthread_cond_wait(&helper.done, &helper.lock);
    pthread_mutex_unlock(&helper.lock);
    return 1;
}
