/* The shapes of a network's values. */
#ifndef CSEP_NETWORK_SHAPES_H
#define CSEP_NETWORK_SHAPES_H

#include "network/network.h"

/* The shape of what a step makes, of its sources' shapes; and, of convolutions and pools, their
 * geometry. */
csep_status csep_step_shape(const csep_network *network, int step, const csep_shape *values,
                            csep_shape *result, csep_geometry *geometry);

/* All of them, inputs first; geometries, for each step, may be NULL. */
csep_status csep_infer_shapes(const csep_network *network, const csep_shape *inputs,
                              csep_shape *values, csep_geometry *geometries, int *bad_step);

static inline int csep_same_shape(const csep_shape *a, const csep_shape *b)
{
    return a->batch == b->batch && a->height == b->height && a->width == b->width &&
           a->channels == b->channels;
}

static inline int64_t csep_pixels(const csep_shape *s) { return s->batch * s->height * s->width; }
static inline int64_t csep_elements(const csep_shape *s) { return csep_pixels(s) * s->channels; }

static inline int64_t csep_row_elements(const csep_shape *s) { return s->width * s->channels; }

/* Whether a value has one pixel for all those of an image. */
static inline int csep_is_pixel(const csep_shape *s) { return s->height == 1 && s->width == 1; }

#endif
