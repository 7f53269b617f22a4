/* One plan in many threads: every result has the bits of a call by itself; teams of many callers
 * beside each other; and what a call's threads are counted by.  Meant for ThreadSanitizer.
 *
 *     test_threads [calls of each thread]
 */
#include "testing.h" /* first: it says which functions of the system are wanted */

#include <pthread.h>
#include <stdatomic.h>

#include "system/float_mode.h"
#include "system/thread_budget.h"
#include "system/thread_team.h"

/* Work enough for four threads a call. */
enum { CALLERS = 8, SIZE = 56, C = 32, CO = 48, OUTPUTS = SIZE * SIZE * CO };

static const csep_input shape = {.batch = 1,
                                 .height = SIZE,
                                 .width = SIZE,
                                 .pad_top = 1,
                                 .pad_bottom = 1,
                                 .pad_left = 1,
                                 .pad_right = 1};

static float x[SIZE * SIZE * C], dw[9 * C], pw[C * CO], bias[CO], expected[OUTPUTS];
static const csep_weights weights = {.dw = dw, .pw = pw, .bias = bias};
static csep_conv_desc desc;
static csep_plan *shared;
static int calls = 20;
static int most_threads; /* that calls ask for */

static void fill_floats(float *array, size_t count)
{
    for (size_t i = 0; i < count; i++)
        array[i] = (float)((i * 2654435761u >> 7) % 255) / 128.0f - 1.0f;
}

/* Calls of the shared plan, of a plan of its own, and of both steps in one. */
static void *caller(void *number)
{
    const int me = *(int *)number;
    float *y = malloc(sizeof expected);
    intptr_t wrong = y == NULL;
    for (int i = 0; i < calls && !wrong; i++) {
        const int threads = 1 + (me + i) % most_threads;
        memset(y, 0xff, sizeof expected);
        csep_status status;
        if (i % 3 == 0) {
            status = csep_execute(shared, &shape, x, NULL, y, threads);
        } else if (i % 3 == 1) {
            status = csep_convolve(&desc, &shape, &weights, x, NULL, y, threads);
        } else {
            csep_plan *own;
            status = csep_plan_create(&own, &desc, &weights);
            if (status == CSEP_OK)
                status = csep_execute(own, &shape, x, NULL, y, threads);
            csep_plan_destroy(own);
        }
        wrong += status != CSEP_OK || memcmp(y, expected, sizeof expected) != 0;
    }
    free(y);
    return (void *)wrong;
}

/* All calls together use what one asks for, and one thread more for each that finds nothing left.
 */
static int count_grants(void)
{
    int failures = 0;
    const int first = csep_budget_take(3, 4), second = csep_budget_take(4, 4);
    const int third = csep_budget_take(4, 4), greedy = csep_budget_take(8, 8);
    failures += first != 3 || second != 1 || third != 1 || greedy != 3;
    csep_budget_return(first);
    csep_budget_return(greedy);
    const int fourth = csep_budget_take(4, 4);
    failures += fourth != 2;
    csep_budget_return(second);
    csep_budget_return(third);
    csep_budget_return(fourth);
    const int alone = csep_budget_take(4, 4);
    csep_budget_return(alone);
    return failures + (alone != 4);
}

enum { TEAM = 4 };

/* A team's work, and how often each of its threads did it. */
typedef struct visits {
    atomic_int of[TEAM], over;
} visits;

static atomic_int late;

static void visit(void *context, int thread)
{
    visits *v = context;
    atomic_fetch_add(&v->of[thread], 1);
    late += atomic_load(&v->over);
}

/* The caller itself always works, each other thread once or not at all, and none when the call has
 * returned. */
static void *call_teams(void *unused)
{
    (void)unused;
    intptr_t wrong = 0;
    for (int i = 0; i < 50 * calls; i++) {
        visits v = {0};
        csep_run_team(TEAM, visit, &v);
        atomic_store(&v.over, 1);
        wrong += v.of[0] != 1;
        for (int thread = 1; thread < TEAM; thread++)
            wrong += v.of[thread] > 1;
    }
    return (void *)wrong;
}

static int in_threads(int callers, void *(*function)(void *))
{
    pthread_t threads[CALLERS];
    int numbers[CALLERS], failures = 0;
    for (int i = 0; i < callers; i++) {
        numbers[i] = i;
        failures += pthread_create(&threads[i], NULL, function, &numbers[i]) != 0;
    }
    for (int i = 0; i < callers; i++) {
        void *wrong = NULL;
        pthread_join(threads[i], &wrong);
        failures += wrong != NULL;
    }
    return failures;
}

static int teams(void)
{
    return in_threads(1, call_teams) + in_threads(CALLERS, call_teams) + late;
}

static int hammer(int callers, int threads_asked)
{
    most_threads = threads_asked;
    return in_threads(callers, caller);
}

/* A caller that has denormal numbers flushed to zero gets them so from all threads of its call. */
static int flush_denormals(void)
{
#if defined(__x86_64__)
    static float tiny[SIZE * SIZE * C], one[OUTPUTS], many[OUTPUTS];
    for (size_t i = 0; i < sizeof tiny / sizeof *tiny; i++)
        tiny[i] = 0x1p-140f * (float)(i % 7);
    const csep_weights no_bias = {.dw = dw, .pw = pw};
    const uint64_t usual = csep_get_float_mode();
    int failures = 0;
    for (int flush = 0; flush < 2; flush++) {
        csep_set_float_mode(flush ? usual | 0x8040 : usual);
        failures += csep_convolve(&desc, &shape, &no_bias, tiny, NULL, one, 1) != CSEP_OK;
        failures += csep_convolve(&desc, &shape, &no_bias, tiny, NULL, many, 4) != CSEP_OK;
        csep_set_float_mode(usual);
        failures += memcmp(one, many, sizeof one) != 0;
        failures += (one[OUTPUTS / 2] == 0) != flush; /* else the test would show nothing */
    }
    return failures;
#else
    return 0;
#endif
}

int main(int argc, char **argv)
{
    if (argc > 1)
        calls = atoi(argv[1]);
    if (!init_or_tell())
        return 2;
    desc = simple_layer(C, CO);
    fill_floats(x, sizeof x / sizeof *x);
    fill_floats(dw, sizeof dw / sizeof *dw);
    fill_floats(pw, sizeof pw / sizeof *pw);
    fill_floats(bias, sizeof bias / sizeof *bias);
    if (csep_plan_create(&shared, &desc, &weights) != CSEP_OK ||
        csep_execute(shared, &shape, x, NULL, expected, 1) != CSEP_OK)
        return 1;
    const int failures =
        count_grants() + teams() + flush_denormals() + hammer(1, 4) + hammer(CALLERS, 4 * CALLERS);
    const int left = csep_budget_take(2, 2) == 2; /* everyone has left */
    csep_plan_destroy(shared);
    printf("%s: %d callers, %d calls each, %d failures\n", csep_isa(), CALLERS, calls,
           failures + !left);
    return failures != 0 || !left;
}
