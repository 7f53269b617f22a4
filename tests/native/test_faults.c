/* Every allocation fails once: the call says so, leaks nothing and leaves its result alone. Threads
 * that cannot be made leave it right.  The linker puts __wrap_* in the place of the library's
 * calls.
 */
#include "testing.h" /* first: it says which functions of the system are wanted */

#include <errno.h>
#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#include "system/thread_budget.h"

void *__real_malloc(size_t bytes);
void *__real_calloc(size_t count, size_t bytes);
void *__real_aligned_alloc(size_t alignment, size_t bytes);
void __real_free(void *block);
int __real_pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
                          void *(*function)(void *), void *argument);

/* All in one thread at a time. */
static int fail_at = -1; /* which of the coming requests fails; -1: none */
static int live, requests, refused;
static int threads_left = -1; /* that can be made; -1: any number */

static int refuse(void)
{
    requests++;
    if (fail_at < 0 || fail_at-- > 0)
        return 0;
    refused++;
    errno = ENOMEM;
    return 1;
}

void *__wrap_malloc(size_t bytes)
{
    void *block = refuse() ? NULL : __real_malloc(bytes);
    live += block != NULL;
    return block;
}

void *__wrap_calloc(size_t count, size_t bytes)
{
    void *block = refuse() ? NULL : __real_calloc(count, bytes);
    live += block != NULL;
    return block;
}

void *__wrap_aligned_alloc(size_t alignment, size_t bytes)
{
    void *block = refuse() ? NULL : __real_aligned_alloc(alignment, bytes);
    live += block != NULL;
    return block;
}

void __wrap_free(void *block)
{
    live -= block != NULL;
    __real_free(block);
}

int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
                          void *(*function)(void *), void *argument)
{
    if (threads_left == 0)
        return EAGAIN;
    threads_left -= threads_left > 0;
    return __real_pthread_create(thread, attributes, function, argument);
}

enum { SIZE = 40, C = 20, CO = 24, OUTPUTS = SIZE * SIZE * CO };

static float x[SIZE * SIZE * C], dw[9 * C], pw[C * CO], y[OUTPUTS], expected[OUTPUTS];

/* A call in every way that allocates differently. */
typedef struct scenario {
    const char *name;
    int in_one_call;
    int64_t dilation; /* far beyond a tile: NCHW input is converted as a whole */
    csep_layout layout;
    int threads;
    int in_network; /* the convolution, then a scale for each channel, written in place */
} scenario;

static const scenario scenarios[] = {
    {"plan", 0, 1, CSEP_NHWC, 1, 0},         {"plan, threads", 0, 1, CSEP_NHWC, 3, 0},
    {"plan, staged", 0, 1, CSEP_NCHW, 2, 0}, {"plan, converted as a whole", 0, 19, CSEP_NCHW, 2, 0},
    {"one call", 1, 1, CSEP_NHWC, 2, 0},     {"one call, staged", 1, 1, CSEP_NCHW, 2, 0},
    {"network", 0, 1, CSEP_NHWC, 1, 1},      {"network, threads", 0, 19, CSEP_NHWC, 3, 1},
};
static const scenario *now;
static csep_status result;

static csep_status run_network(const csep_plan *plan, const csep_input *shape, float *to)
{
    const int first[] = {0}, second[] = {1}, output[] = {2};
    const void *scales[] = {x + 3};
    const csep_step steps[] = {
        {.kind = CSEP_STEP_CONVOLVE, .source_count = 1, .sources = first, .plan = plan},
        {.kind = CSEP_STEP_ADD,
         .source_count = 1,
         .sources = second,
         .channels = CO,
         .scales = scales,
         .shift = x},
    };
    csep_step copies[2];
    memcpy(copies, steps, sizeof copies);
    copies[0].input = *shape;
    const csep_shape sides = {1, SIZE, SIZE, C};
    const void *inputs[] = {x};
    void *outputs[] = {to};
    csep_network *network = (csep_network *)x;
    csep_status status = csep_network_create(&network, CSEP_F32, 1, copies, 2, output, 1);
    if (status == CSEP_OK)
        status = csep_network_execute(network, &sides, inputs, outputs, now->threads);
    else if (network)
        status = CSEP_BAD_ARGUMENT;
    csep_network_destroy(network);
    return status;
}

static csep_status run_now(float *to)
{
    csep_conv_desc desc = simple_layer(C, CO);
    desc.dilation_h = desc.dilation_w = now->dilation;
    const csep_weights weights = {.dw = dw, .pw = pw};
    csep_input shape = {.layout = now->layout, .batch = 1, .height = SIZE, .width = SIZE};
    csep_status status = csep_same_padding(&desc, &shape);
    if (status != CSEP_OK)
        return status;
    if (now->in_one_call)
        return csep_convolve(&desc, &shape, &weights, x, NULL, to, now->threads);
    csep_plan *plan = (csep_plan *)x;
    status = csep_plan_create(&plan, &desc, &weights);
    if (status != CSEP_OK)
        return plan ? CSEP_BAD_ARGUMENT : status;
    status = now->in_network ? run_network(plan, &shape, to)
                             : csep_execute(plan, &shape, x, NULL, to, now->threads);
    csep_plan_destroy(plan);
    return status;
}

static void *in_thread(void *to)
{
    result = run_now(to);
    return NULL;
}

/* In a thread of its own, whose scratch memory is new and goes with it. */
static csep_status in_new_thread(float *to)
{
    pthread_t thread;
    if (__real_pthread_create(&thread, NULL, in_thread, to) != 0)
        return CSEP_BAD_ARGUMENT;
    pthread_join(thread, NULL);
    return result;
}

static int untouched(void)
{
    const unsigned char *bytes = (const unsigned char *)y;
    for (size_t i = 0; i < sizeof y; i++)
        if (bytes[i] != 0xa5)
            return 0;
    return 1;
}

static int fail(const char *what)
{
    printf("FAILED %s: %s (refused %d of %d)\n", now->name, what, refused, requests);
    return 1;
}

/* Each request fails in its turn, until none does. */
static int refuse_each(void)
{
    int failures = 0, any = 0;
    for (int turn = 0;; turn++) {
        memset(y, 0xa5, sizeof y);
        fail_at = turn;
        refused = requests = 0;
        const csep_status status = in_new_thread(y);
        fail_at = -1;
        if (live != 0)
            failures += fail("leaks");
        if (csep_budget_take(2, 2) != 2)
            failures += fail("a call that failed still counts as running");
        csep_budget_reset();
        if (!refused) {
            if (status != CSEP_OK || memcmp(y, expected, sizeof y) != 0)
                failures += fail("wrong without a failure");
            break;
        }
        any = 1;
        /* csep_convolve may do with less memory than it would like. */
        if (status == CSEP_OK && now->in_one_call) {
            if (memcmp(y, expected, sizeof y) != 0)
                failures += fail("wrong after a failure it can do without");
        } else if (status != CSEP_NO_MEMORY || !untouched()) {
            failures += fail("not CSEP_NO_MEMORY with an untouched result");
        }
    }
    return failures + (any ? 0 : fail("nothing was allocated"));
}

/* In a child, which has no helpers yet. */
static int refuse_threads(void)
{
    int failures = 0;
    for (int makeable = 0; makeable < 3; makeable++) {
        fflush(stdout);
        const pid_t child = fork();
        if (child == 0) {
            memset(y, 0xa5, sizeof y);
            threads_left = makeable;
            const csep_status status = run_now(y);
            _exit(status != CSEP_OK || memcmp(y, expected, sizeof y) != 0);
        }
        int status = 1;
        if (child < 0 || waitpid(child, &status, 0) != child || status != 0)
            failures += fail("wrong where threads cannot be made");
    }
    return failures;
}

/* Another library's destructor of a thread may call csep after csep's own has run: it runs later
 * where its key was made later. */
static void call_at_the_end(void *to) { result = run_now(to); }

static pthread_key_t made_later;

static void *end_with_a_call(void *to)
{
    (void)pthread_setspecific(made_later, to);
    result = run_now(to);
    memset(to, 0xa5, sizeof y);
    return NULL;
}

static int call_in_destructor(void)
{
    pthread_t thread;
    if (pthread_key_create(&made_later, call_at_the_end) != 0 ||
        __real_pthread_create(&thread, NULL, end_with_a_call, y) != 0)
        return fail("no key or thread for the test itself");
    pthread_join(thread, NULL);
    pthread_key_delete(made_later);
    int failures = 0;
    if (result != CSEP_OK || memcmp(y, expected, sizeof y) != 0)
        failures += fail("wrong in a destructor of the thread");
    return failures + (live ? fail("leaks after a call in a destructor") : 0);
}

int main(void)
{
    if (!init_or_tell())
        return 2;
    for (size_t i = 0; i < sizeof x / sizeof *x; i++)
        x[i] = (float)(i % 17) - 8.0f;
    for (size_t i = 0; i < sizeof dw / sizeof *dw; i++)
        dw[i] = (float)(i % 5) - 2.0f;
    for (size_t i = 0; i < sizeof pw / sizeof *pw; i++)
        pw[i] = (float)(i % 7) - 3.0f;
    int failures = 0;
    const int count = sizeof scenarios / sizeof *scenarios;
    for (int i = 0; i < count; i++) {
        now = &scenarios[i];
        if (in_new_thread(expected) != CSEP_OK)
            failures += fail("without any failure");
        failures += refuse_each() + refuse_threads() + call_in_destructor();
    }
    printf("%s: %d ways to allocate, %d failures\n", csep_isa(), count, failures);
    return failures != 0;
}
