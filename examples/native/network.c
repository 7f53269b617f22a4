/* A saved network in C, without Python.
 *
 *     cc network.c model.c arrays.c $(python -m csep --cflags --libs) -lcjson -lzip -o network
 *     ./network model.csep x.npy y.npy
 *
 * reads a network that csep.Network.save has written and its input, (N, H, W, C) of float32, and
 * writes its first output.  Needs libzip and cJSON (Debian: libzip-dev, libcjson-dev).
 */
#include <stdio.h>
#include <stdlib.h>

#include "arrays.h"
#include "model.h"

/* The shape of the output, or 0 and a message. */
static int find_output(const model *m, const csep_shape *x, csep_shape *y)
{
    csep_shape *values = calloc((size_t)m->value_count, sizeof *values);
    int bad_step = -1;
    const csep_status status =
        values ? csep_network_shapes(m->network, x, values, &bad_step) : CSEP_NO_MEMORY;
    if (status == CSEP_OK)
        *y = values[m->output];
    else
        fprintf(stderr, "x: step %d: %s\n", bad_step, csep_status_string(status));
    free(values);
    return status == CSEP_OK;
}

/* Runs the network on x; y is then an array of the caller's. */
static int run(const model *m, const array *x, array *y)
{
    if (x->rank != 4) {
        fprintf(stderr, "x: expected (N, H, W, C), got %d sides\n", x->rank);
        return 0;
    }
    const csep_shape in = {x->shape[0], x->shape[1], x->shape[2], x->shape[3]};
    csep_shape out;
    if (!find_output(m, &in, &out))
        return 0;
    *y = (array){.rank = 4, .shape = {out.batch, out.height, out.width, out.channels}};
    if (m->output_rank == 2) { /* rows of channels */
        y->rank = 2;
        y->shape[1] = out.channels;
    }
    y->count = out.batch * out.height * out.width * out.channels;
    y->data = malloc((size_t)y->count * sizeof *y->data);
    if (!y->data) {
        fprintf(stderr, "no memory\n");
        return 0;
    }
    const void *inputs[] = {x->data};
    void *outputs[] = {y->data};
    const csep_status status =
        csep_network_execute(m->network, &in, inputs, outputs, csep_processors());
    if (status != CSEP_OK)
        fprintf(stderr, "csep %s: %s\n", csep_version(), csep_status_string(status));
    return status == CSEP_OK;
}

int main(int argc, char **argv)
{
    model m = {0};
    array x = {0}, y = {0};
    if (argc != 4) {
        fprintf(stderr, "usage: %s model.csep x.npy y.npy\n", argv[0]);
        return 2;
    }
    const int done = load_model(argv[1], &m) && read_npy(argv[2], &x) && run(&m, &x, &y) &&
                     write_npy(argv[3], &y);
    free_array(&x);
    free_array(&y);
    free_model(&m);
    return !done;
}
