/* Where the time of one layer goes, at one thread.
 *
 *     stages HEIGHT WIDTH CHANNELS KERNEL STRIDE MULTIPLIER OUTPUTS
 *         [-n BATCH] [-k separable | depthwise | conv] [-c KIB]
 *
 * The layer's own plan and schedule run with kernels that are wrapped in a clock, in turns with
 * ones whose operands stay in cache: the output, where every tile is stored to the same place, and
 * the input, where every tile reads the rows of the first.  -c: KiB read between two calls, so that
 * the layer's data is not where the call before left it (0: none).  Prints microseconds of a call,
 * the shares of it that the first stage, the product and all else take, those that are saved with
 * the input and with the output in cache, and the share of the peak of multiply-adds; ../stages.py
 * makes a table of them.  CSEP_ISA chooses the kernels. */
#define _GNU_SOURCE /* getopt */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "plan/arith.h"
#include "plan/plan.h"
#include "plan/schedule.h"
#include "timing.h"

enum { MOST_LINES = 64 };

/* What the wrapped kernels need to know; one layer at a time. */
static struct {
    csep_stage_fn first_stage;
    csep_pointwise_fn pointwise;
    const char *tile_x;    /* not NULL: where the first line of every tile begins */
    char *tile_c;          /* not NULL: where all tiles are stored */
    int stores_c;          /* the first stage is the last one */
    double first, product; /* seconds spent */
} wrapped;

static void first_stage(const csep_stage_job *job)
{
    csep_stage_job changed = *job;
    csep_line lines[MOST_LINES];
    if (wrapped.tile_x && job->lines <= MOST_LINES) {
        const char *first = job->line[0].x;
        for (int64_t i = 0; i < job->lines; i++) {
            lines[i] = job->line[i];
            lines[i].x = wrapped.tile_x + ((const char *)job->line[i].x - first);
        }
        changed.line = lines;
    }
    if (wrapped.tile_x)
        changed.ahead = NULL;
    if (wrapped.tile_c && wrapped.stores_c)
        changed.a = wrapped.tile_c;
    const double start = now();
    wrapped.first_stage(&changed);
    wrapped.first += now() - start;
}

static void pointwise(const csep_pointwise_job *job)
{
    csep_pointwise_job changed = *job;
    if (wrapped.tile_c)
        changed.c = wrapped.tile_c;
    if (wrapped.tile_x)
        changed.ahead = NULL;
    const double start = now();
    wrapped.pointwise(&changed);
    wrapped.product += now() - start;
}

/* One layer, and room for what it reads and writes. */
typedef struct layer {
    csep_conv_desc desc;
    csep_input input;
    csep_plan *plan;
    float *x, *y, *clutter;
    int64_t clutter_floats;
} layer;

/* Seconds of one call; what its stages took is in wrapped. */
static double run(const layer *l)
{
    double start = 0;
    csep_read_probe(l->clutter, l->clutter_floats);
    for (int i = 0; i < 2; i++) { /* the first one brings the layer's data back */
        wrapped.first = wrapped.product = 0;
        start = now();
        if (csep_execute(l->plan, &l->input, l->x, NULL, l->y, 1) != CSEP_OK)
            exit(1);
    }
    return now() - start;
}

static int64_t weight_elements(const csep_conv_desc *d, int first)
{
    const int64_t taps = d->kernel_h * d->kernel_w, outputs = d->out_channels;
    if (d->kind == CSEP_CONV)
        return first ? 0 : taps * d->in_channels * outputs;
    const int64_t depth = d->in_channels * d->channel_multiplier;
    return first ? taps * depth : d->kind == CSEP_DEPTHWISE ? 0 : depth * outputs;
}

static void make_layer(layer *l, int64_t clutter_kib)
{
    const csep_conv_desc *d = &l->desc;
    const float *first = make_floats(weight_elements(d, 1));
    const float *product = make_floats(weight_elements(d, 0));
    const csep_weights weights = {.dw = first, .pw = product, .w = product};
    int64_t out_h, out_w;
    if (csep_output_size(d, &l->input, &out_h, &out_w) != CSEP_OK ||
        csep_plan_create(&l->plan, d, &weights) != CSEP_OK) {
        fprintf(stderr, "no such layer\n");
        exit(2);
    }
    l->x = make_floats(l->input.batch * l->input.height * l->input.width * d->in_channels);
    l->y = make_floats(l->input.batch * out_h * out_w * d->out_channels);
    l->clutter_floats = clutter_kib * 256;
    l->clutter = make_floats(l->clutter_floats);
}

static double flops(const layer *l)
{
    int64_t out_h, out_w;
    (void)csep_output_size(&l->desc, &l->input, &out_h, &out_w);
    const double weights = (double)(weight_elements(&l->desc, 0) + weight_elements(&l->desc, 1));
    return 2 * weights * (double)(l->input.batch * out_h * out_w);
}

static void read_options(int argc, char **argv, layer *l, int64_t *clutter_kib)
{
    static const char *const kinds[] = {"separable", "depthwise", "conv"};
    int64_t n[7];
    l->input.batch = 1;
    for (int option; (option = getopt(argc, argv, "n:k:c:")) != -1;) {
        if (option == 'n')
            l->input.batch = atoll(optarg);
        else if (option == 'c')
            *clutter_kib = atoll(optarg);
        else if (option != 'k')
            exit(2);
        for (int k = 0; option == 'k' && k < 3; k++)
            if (strcmp(optarg, kinds[k]) == 0)
                l->desc.kind = (csep_kind)k;
    }
    if (argc - optind != 7 || csep_init() != CSEP_OK) {
        fprintf(stderr, "stages HEIGHT WIDTH CHANNELS KERNEL STRIDE MULTIPLIER OUTPUTS\n");
        exit(2);
    }
    for (int i = 0; i < 7; i++)
        n[i] = atoll(argv[optind + i]);
    l->input.height = n[0];
    l->input.width = n[1];
    l->input.padding = CSEP_SAME;
    csep_conv_desc *d = &l->desc;
    d->in_channels = n[2];
    d->kernel_h = d->kernel_w = n[3];
    d->stride_h = d->stride_w = n[4];
    d->dilation_h = d->dilation_w = 1;
    d->channel_multiplier = n[5];
    d->out_channels = n[6];
}

int main(int argc, char **argv)
{
    layer l = {0};
    int64_t clutter_kib = 0;
    read_options(argc, argv, &l, &clutter_kib);
    make_layer(&l, clutter_kib);

    csep_kernels kernels = *l.plan->kernels;
    wrapped.first_stage = l.plan->first_stage;
    wrapped.pointwise = kernels.pointwise;
    wrapped.stores_c = l.desc.kind == CSEP_DEPTHWISE;
    kernels.pointwise = pointwise;
    l.plan->kernels = &kernels;
    l.plan->first_stage = first_stage;

    double total[ROUNDS], first[ROUNDS], product[ROUNDS], rest[ROUNDS];
    double x_kept[ROUNDS], c_kept[ROUNDS], share[ROUNDS];
    for (int i = -3; i < ROUNDS; i++) { /* the first ones warm up */
        const int at = max64(i, 0);
        wrapped.tile_x = wrapped.tile_c = NULL;
        total[at] = run(&l);
        first[at] = wrapped.first / total[at];
        product[at] = wrapped.product / total[at];
        rest[at] = 1 - first[at] - product[at];
        wrapped.tile_x = (const char *)l.x;
        x_kept[at] = 1 - run(&l) / total[at];
        wrapped.tile_x = NULL;
        wrapped.tile_c = (char *)l.y;
        c_kept[at] = 1 - run(&l) / total[at];
        share[at] = flops(&l) / total[at] / peak_flops();
    }
    printf("%.1f %.3f %.3f %.3f %.3f %.3f %.3f\n", 1e6 * median(total), median(first),
           median(product), median(rest), median(x_kept), median(c_kept), median(share));
    return 0;
}
