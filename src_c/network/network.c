#include "network/network.h"

#include <stdlib.h>
#include <string.h>

#include "kernels/dispatch.h"
#include "network/prepared_cache.h"
#include "plan/arith.h"

/* A copy of `bytes` bytes in a block of at least `room`, the rest 0; NULL if there is no memory. */
static void *copy_of(csep_network *n, const void *from, int64_t bytes, int64_t room)
{
    char *to = aligned_alloc(64, (size_t)round_up(max64(room, 1), 64));
    if (to) {
        memset(to, 0, (size_t)round_up(max64(room, 1), 64));
        memcpy(to, from, (size_t)bytes);
        n->bytes += room;
    }
    return to;
}

int64_t csep_repeats(const csep_network *n, int64_t channels)
{
    const int64_t block = 4 * n->kernels->vl; /* a power of two */
    int64_t repeats = block;
    for (int64_t c = channels; c % 2 == 0 && repeats > 1; c /= 2)
        repeats /= 2;
    return channels < block ? repeats : 1;
}

int *csep_count_uses(const csep_network *n)
{
    int *uses = calloc((size_t)csep_value_count(n), sizeof *uses);
    for (int i = 0; uses && i < n->steps; i++)
        for (int s = 0; s < n->step[i].source_count; s++)
            uses[n->step[i].sources[s]]++;
    for (int i = 0; uses && i < n->outputs; i++)
        uses[n->output[i]]++;
    return uses;
}

/* Replaces *array by a copy; whether there was memory. */
static int own_numbers(csep_network *n, const void **array, int64_t count)
{
    if (!*array)
        return 1;
    const int64_t repeats = csep_repeats(n, count), bytes = count * n->kernels->size;
    const int64_t room = round_up(repeats * count, n->kernels->vl) * n->kernels->size;
    char *own = copy_of(n, *array, bytes, room);
    for (int64_t i = 1; own && i < repeats; i++)
        memcpy(own + i * bytes, own, (size_t)bytes);
    *array = own;
    return own != NULL;
}

static int own_scales(csep_network *n, csep_step *s)
{
    if (!s->scales)
        return 1;
    const int64_t bytes = s->source_count * (int64_t)sizeof(void *);
    const void **scales = copy_of(n, s->scales, bytes, bytes);
    s->scales = scales;
    int ok = scales != NULL;
    for (int i = 0; scales && i < s->source_count; i++) {
        if (!ok)
            scales[i] = NULL; /* still the caller's */
        else
            ok = own_numbers(n, &scales[i], s->channels);
    }
    return ok;
}

/* Makes a step's arrays the network's; without memory some are NULL, none is the caller's. */
static int own_step(csep_network *n, csep_step *s)
{
    const int64_t bytes = s->source_count * (int64_t)sizeof(int);
    s->sources = copy_of(n, s->sources, bytes, bytes);
    const int scales = own_scales(n, s);
    const int shift = own_numbers(n, &s->shift, s->channels);
    const int slopes = own_numbers(n, &s->slopes, s->channels);
    return s->sources && scales && shift && slopes;
}

csep_network *csep_build_network(csep_dtype dtype, int inputs, const csep_step *steps, int count,
                                 const int *outputs, int output_count)
{
    csep_network *n = calloc(1, sizeof *n);
    if (!n)
        return NULL;
    n->dtype = dtype;
    n->kernels = csep_active_kernels(dtype);
    n->inputs = inputs;
    n->outputs = output_count;
    n->bytes = (int64_t)sizeof *n;
    const int64_t output_bytes = output_count * (int64_t)sizeof(int);
    const int64_t step_bytes = count * (int64_t)sizeof *steps;
    n->output = copy_of(n, outputs, output_bytes, output_bytes);
    n->step = copy_of(n, steps, step_bytes, step_bytes);
    n->prepared = csep_make_prepared_cache();
    int ok = n->output && n->step && n->prepared;
    for (; ok && n->steps < count; n->steps++)
        ok = own_step(n, &n->step[n->steps]);
    if (ok)
        return n;
    csep_free_network(n);
    return NULL;
}

static void free_step(const csep_step *s)
{
    for (int i = 0; s->scales && i < s->source_count; i++)
        free((void *)s->scales[i]);
    free((void *)s->scales);
    free((void *)s->sources);
    free((void *)s->shift);
    free((void *)s->slopes);
}

void csep_free_network(csep_network *n)
{
    if (!n)
        return;
    for (int i = 0; i < n->steps; i++)
        free_step(&n->step[i]);
    free(n->step);
    free(n->output);
    csep_free_prepared_cache(n->prepared);
    free(n);
}
