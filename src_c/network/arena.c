#include "network/arena.h"

#include <stdlib.h>

#include "network/shapes.h"
#include "plan/arith.h"
#include "plan/plan.h"
#include "plan/sizes.h"

enum { ALIGNMENT = 64 };

/* A piece of the arena, for the steps from first to last.  A value that takes the memory of an
 * earlier one has the same block. */
typedef struct block {
    int64_t bytes, at;
    int first, last;
} block;

typedef struct layout {
    const csep_network *network;
    const csep_shape *values;
    csep_place *places;
    int *last_use; /* of each value: a step */
    int *part_of;  /* of each value: the concatenation that it is written into, or 0 */
    int *block_of; /* of each value in the arena */
    block *blocks; /* one for each value, then one for each step's extra; unused: bytes 0 */
    block **order;
    int count;
} layout;

static void find_last_uses(layout *l)
{
    const csep_network *n = l->network;
    for (int i = 0; i < csep_value_count(n); i++)
        l->last_use[i] = i - n->inputs;
    for (int i = 0; i < n->steps; i++) {
        const int within_next = l->places[n->inputs + i].kind == CSEP_NOWHERE;
        for (int s = 0; s < n->step[i].source_count; s++)
            l->last_use[n->step[i].sources[s]] = i + within_next;
    }
}

/* The source whose memory a step's result may take, or -1: it is not needed afterwards, and the
 * step reads each number of it just before it writes the one in its place. */
static int source_in_place(const layout *l, int step)
{
    const csep_network *n = l->network;
    const csep_step *s = &n->step[step];
    const int numbers = s->kind == CSEP_STEP_ADD || s->kind == CSEP_STEP_MULTIPLY ||
                        s->kind == CSEP_STEP_SOFTMAX || s->kind == CSEP_STEP_RESHAPE;
    for (int i = 0; numbers && i < s->source_count; i++) {
        const int x = s->sources[i];
        if (l->places[x].kind == CSEP_IN_ARENA && l->blocks[l->block_of[x]].last == step &&
            csep_elements(&l->values[x]) == csep_elements(&l->values[n->inputs + step]))
            return x;
    }
    return -1;
}

/* Whether a step's result may have more between its pixels than its channels.  Not with a residual,
 * which is laid out as the result, nor where the kernel knows no pixels. */
static int writes_apart(const csep_network *n, const csep_step *s)
{
    if (s->kind == CSEP_STEP_CONVOLVE)
        return s->source_count == 1 && !csep_is_flat(&s->plan->desc, n->kernels->vl);
    return s->kind == CSEP_STEP_MAX_POOL || s->kind == CSEP_STEP_AVERAGE_POOL ||
           s->kind == CSEP_STEP_NEAREST || s->kind == CSEP_STEP_BILINEAR;
}

/* Finds values that only a concatenation asks for: no copy is needed then. */
static void find_parts(layout *l, const int *uses)
{
    const csep_network *n = l->network;
    for (int i = 0; i < n->steps; i++) {
        const csep_step *s = &n->step[i];
        for (int j = 0; s->kind == CSEP_STEP_CONCAT && s->source_count > 1 && j < s->source_count;
             j++) {
            const int x = s->sources[j];
            if (x >= n->inputs && uses[x] == 1 && writes_apart(n, &n->step[x - n->inputs]))
                l->part_of[x] = n->inputs + i;
        }
    }
}

static void make_blocks(layout *l, const int64_t *extra)
{
    const csep_network *n = l->network;
    const int size = n->kernels->size;
    for (int i = 0; i < n->steps; i++) {
        const int y = n->inputs + i, whole = l->part_of[y] ? l->part_of[y] : y;
        l->blocks[csep_value_count(n) + i] = (block){round_up(extra[i], ALIGNMENT), 0, i, i};
        if (l->places[whole].kind != CSEP_IN_ARENA)
            continue;
        const int x = source_in_place(l, i);
        l->block_of[y] = x < 0 ? whole : l->block_of[x];
        block *b = &l->blocks[l->block_of[y]];
        if (!b->bytes)
            *b = (block){round_up(csep_elements(&l->values[whole]) * size, ALIGNMENT), 0, i, i};
        b->last = l->last_use[y] > b->last ? l->last_use[y] : b->last;
    }
}

/* Places the parts of concatenations, which are placed. */
static void place_parts(layout *l)
{
    const csep_network *n = l->network;
    for (int i = 0; i < n->steps; i++) {
        const csep_step *s = &n->step[i];
        const int whole = n->inputs + i;
        int64_t channel = 0;
        for (int j = 0; s->kind == CSEP_STEP_CONCAT && j < s->source_count; j++) {
            const int x = s->sources[j];
            if (l->part_of[x] == whole) {
                l->places[x] = l->places[whole];
                l->places[x].at += channel * n->kernels->size;
                l->places[x].step = l->values[whole].channels;
            }
            channel += l->values[x].channels;
        }
    }
}

static int larger_first(const void *a, const void *b)
{
    const block *x = *(block *const *)a, *y = *(block *const *)b;
    if (x->bytes != y->bytes)
        return x->bytes < y->bytes ? 1 : -1;
    return x->first - y->first;
}

static int lower_first(const void *a, const void *b)
{
    const block *x = *(block *const *)a, *y = *(block *const *)b;
    return x->at < y->at ? -1 : x->at > y->at;
}

/* The largest first, each as low as those that are placed and needed beside it allow.  `placed` are
 * pointers in order of address. */
static int64_t place_blocks(layout *l, block **placed)
{
    int64_t top = 0;
    qsort(l->order, (size_t)l->count, sizeof *l->order, larger_first);
    for (int i = 0; i < l->count; i++) {
        block *b = l->order[i];
        for (int j = 0; j < i; j++) {
            const block *other = placed[j];
            if (other->first > b->last || b->first > other->last ||
                other->at + other->bytes <= b->at)
                continue;
            if (other->at >= b->at + b->bytes)
                break;
            b->at = other->at + other->bytes;
        }
        top = max64(top, b->at + b->bytes);
        int j = i;
        for (; j > 0 && lower_first(&placed[j - 1], &b) > 0; j--)
            placed[j] = placed[j - 1];
        placed[j] = b;
    }
    return top;
}

static int64_t lay_out(layout *l, const int64_t *extra, int64_t *extra_at)
{
    const csep_network *n = l->network;
    const int values = csep_value_count(n);
    for (int i = 0; i < values; i++)
        if (l->places[i].kind != CSEP_NOWHERE)
            l->places[i] = (csep_place){i < n->inputs ? CSEP_IN_INPUT : CSEP_IN_ARENA, i, 0, 0};
    for (int i = 0; i < n->outputs; i++)
        l->places[n->output[i]] = (csep_place){CSEP_IN_OUTPUT, i, 0, 0};
    find_last_uses(l);
    make_blocks(l, extra);
    for (int i = 0; i < values + n->steps; i++)
        if (l->blocks[i].bytes)
            l->order[l->count++] = &l->blocks[i];
    const int64_t bytes = place_blocks(l, l->order + values + n->steps);
    for (int i = 0; i < values; i++)
        if (l->places[i].kind == CSEP_IN_ARENA)
            l->places[i].at = l->blocks[l->block_of[i]].at;
    place_parts(l);
    for (int i = 0; i < n->steps; i++)
        extra_at[i] = l->blocks[values + i].at;
    return bytes;
}

int csep_place_values(const csep_network *n, const csep_shape *values, const int *uses,
                      const int64_t *extra, csep_place *places, int64_t *extra_at,
                      int64_t *arena_bytes)
{
    const size_t count = (size_t)csep_value_count(n), most = count + (size_t)n->steps;
    layout l = {.network = n, .values = values, .places = places};
    l.last_use = calloc(count, sizeof *l.last_use);
    l.part_of = calloc(count, sizeof *l.part_of);
    l.block_of = calloc(count, sizeof *l.block_of);
    l.blocks = calloc(most, sizeof *l.blocks);
    l.order = calloc(2 * most, sizeof(block *));
    const int ok = l.last_use && l.part_of && l.block_of && l.blocks && l.order;
    if (ok) {
        find_parts(&l, uses);
        *arena_bytes = lay_out(&l, extra, extra_at);
    }
    free(l.last_use);
    free(l.part_of);
    free(l.block_of);
    free(l.blocks);
    free((void *)l.order);
    return ok;
}
