/* What the jobs of a network's step know. */
#ifndef CSEP_NETWORK_CONTEXT_H
#define CSEP_NETWORK_CONTEXT_H

#include "network/prepared.h"
#include "network/shapes.h"
#include "plan/arith.h"
#include "run/convolution.h"

typedef struct csep_network_call {
    const csep_network *network;
    const csep_prepared *prepared;
    const void *const *x; /* inputs */
    void *const *y;       /* outputs */
    char *arena;
} csep_network_call;

typedef struct csep_step_context {
    const csep_network_call *call;
    const csep_step *step;
    int index;                    /* of the step */
    char *scratch;                /* of thread 0, then 1, ... */
    int64_t units, jobs;          /* pixels, rows or what else the step's jobs share out */
    csep_convolution convolution; /* CSEP_STEP_CONVOLVE, or ... */
    csep_chain chain;             /* ... the step before as well */
} csep_step_context;

static inline const void *csep_value_memory(const csep_network_call *call, int value)
{
    const csep_place place = call->prepared->places[value];
    switch (place.kind) {
    case CSEP_IN_INPUT: return call->x[place.number];
    case CSEP_IN_OUTPUT: return (char *)call->y[place.number] + place.at;
    case CSEP_IN_ARENA: return call->arena + place.at;
    default: return 0; /* CSEP_NOWHERE */
    }
}

static inline const csep_shape *csep_source_shape(const csep_step_context *c, int source)
{
    return &c->call->prepared->values[c->step->sources[source]];
}
static inline const void *csep_source_memory(const csep_step_context *c, int source)
{
    return csep_value_memory(c->call, c->step->sources[source]);
}
static inline const csep_shape *csep_result_shape(const csep_step_context *c)
{
    return &c->call->prepared->values[c->call->network->inputs + c->index];
}
static inline void *csep_result_memory(const csep_step_context *c)
{
    return (void *)csep_value_memory(c->call, c->call->network->inputs + c->index);
}
/* Between pixels of the result. */
static inline int64_t csep_result_step(const csep_step_context *c)
{
    const csep_place *place = &c->call->prepared->places[c->call->network->inputs + c->index];
    return place->step ? place->step : csep_result_shape(c)->channels;
}
static inline const csep_kernels *csep_step_kernels(const csep_step_context *c)
{
    return c->call->network->kernels;
}

/* The units of a job: from the first to before the end. */
static inline int64_t csep_first_unit(const csep_step_context *c, int64_t job)
{
    return share(c->units, job, c->jobs);
}
static inline int64_t csep_end_unit(const csep_step_context *c, int64_t job)
{
    return share(c->units, job + 1, c->jobs);
}

#endif
