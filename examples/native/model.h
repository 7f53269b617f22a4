/* A network that csep.Network.save has written. */
#ifndef MODEL_H
#define MODEL_H

#include <csep.h>

typedef struct model {
    csep_network *network;
    csep_plan **plans; /* which the network uses */
    int plan_count;
    int value_count; /* inputs and steps */
    int output;      /* the first one's value */
    int output_rank; /* of its array: 4, or 2 for rows of channels */
} model;

/* Reads a file: networks of one input, all steps, 2-D convolutions, float32.  Prints what is wrong
 * and returns 0 where it cannot. */
int load_model(const char *path, model *result);

void free_model(model *m);

#endif
