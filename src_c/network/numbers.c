#include "network/numbers.h"

#include <string.h>

/* The job of the pixels from `pixel` on, but for how many. */
static csep_elementwise_job job_at(const csep_step_context *c, int64_t pixel, int64_t image)
{
    const csep_step *s = c->step;
    const csep_shape *y = csep_result_shape(c);
    const int size = csep_step_kernels(c)->size;
    csep_elementwise_job job = {
        .channels = y->channels,
        .product = s->kind == CSEP_STEP_MULTIPLY,
        .sources = s->source_count,
        .shift = s->shift,
        .slopes = s->slopes,
        .activation = s->activation,
        .y = at_mut(csep_result_memory(c), pixel * y->channels, size),
    };
    for (int i = 0; i < s->source_count; i++) {
        const int whole = csep_same_shape(csep_source_shape(c, i), y);
        job.x[i] = at(csep_source_memory(c, i), (whole ? pixel : image) * y->channels, size);
        job.x_step[i] = whole ? y->channels : 0;
        job.scale[i] = s->scales ? s->scales[i] : NULL;
    }
    return job;
}

static int has_lone_pixels(const csep_step_context *c)
{
    int lone = 0;
    for (int i = 0; i < c->step->source_count; i++)
        lone |= !csep_same_shape(csep_source_shape(c, i), csep_result_shape(c));
    return lone;
}

/* The pixels from `first` to before `end`, all of one image where a source has a pixel for an
 * image. Where nothing but the numbers in channels differs, some pixels are taken as one of more
 * channels: all of them where there are no such numbers. */
static void run_pixels(const csep_step_context *c, int64_t first, int64_t end, int64_t image,
                       int64_t together)
{
    const csep_kernels *kernels = csep_step_kernels(c);
    csep_elementwise_job job = job_at(c, first, image);
    const int64_t channels = job.channels, whole = (end - first) / together;
    if (whole) {
        job.pixels = whole;
        job.channels = channels * together;
        for (int i = 0; i < job.sources; i++)
            job.x_step[i] *= together;
        kernels->elementwise(&job);
    }
    const int64_t rest = (end - first) % together;
    if (rest) {
        job = job_at(c, end - rest, image);
        job.pixels = 1;
        job.channels = channels * rest;
        kernels->elementwise(&job);
    }
}

void csep_run_elementwise(void *context, int64_t number, int thread)
{
    (void)thread;
    const csep_step_context *c = context;
    const csep_step *s = c->step;
    const csep_shape *y = csep_result_shape(c);
    const int64_t of_image = y->height * y->width, end = csep_end_unit(c, number);
    const int64_t first = csep_first_unit(c, number);
    if (!has_lone_pixels(c)) {
        const int arrays = s->scales || s->shift || s->slopes;
        run_pixels(c, first, end, 0,
                   arrays ? csep_repeats(c->call->network, y->channels) : end - first);
        return;
    }
    for (int64_t pixel = first; pixel < end;) {
        const int64_t image = pixel / of_image, stop = min64(end, (image + 1) * of_image);
        csep_elementwise_job job = job_at(c, pixel, image);
        job.pixels = stop - pixel;
        csep_step_kernels(c)->elementwise(&job);
        pixel = stop;
    }
}

void csep_run_softmax(void *context, int64_t number, int thread)
{
    (void)thread;
    const csep_step_context *c = context;
    const csep_kernels *kernels = csep_step_kernels(c);
    const int64_t channels = csep_result_shape(c)->channels, first = csep_first_unit(c, number);
    const csep_softmax_job job = {
        .pixels = csep_end_unit(c, number) - first,
        .channels = channels,
        .x = at(csep_source_memory(c, 0), first * channels, kernels->size),
        .y = at_mut(csep_result_memory(c), first * channels, kernels->size),
    };
    kernels->softmax(&job);
}

void csep_run_concat(void *context, int64_t number, int thread)
{
    (void)thread;
    const csep_step_context *c = context;
    const int size = csep_step_kernels(c)->size;
    const int64_t channels = csep_result_shape(c)->channels;
    const int64_t first = csep_first_unit(c, number), end = csep_end_unit(c, number);
    char *to = csep_result_memory(c);
    for (int i = 0; i < c->step->source_count; i++) {
        const int64_t own = csep_source_shape(c, i)->channels;
        const void *from = csep_source_memory(c, i);
        const int there = c->call->prepared->places[c->step->sources[i]].step != 0;
        for (int64_t pixel = first; pixel < end && !there; pixel++)
            memcpy(to + pixel * channels * size, at(from, pixel * own, size), (size_t)(own * size));
        to += own * size;
    }
}

void csep_run_copy(void *context, int64_t number, int thread)
{
    (void)thread;
    const csep_step_context *c = context;
    const int size = csep_step_kernels(c)->size;
    const int64_t first = csep_first_unit(c, number);
    memcpy(at_mut(csep_result_memory(c), first, size), at(csep_source_memory(c, 0), first, size),
           (size_t)((csep_end_unit(c, number) - first) * size));
}
