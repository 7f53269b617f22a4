/* The backward pass of a convolution as tasks.
 *
 * An image is cut into strips of rows, by its sizes alone.  A strip computes again what the forward
 * pass had between its stages, the gradient of the first stage's result for its output rows, and
 * for those beside them that its rows of x were seen by: then its part of the weights' gradients
 * and its rows of x's.  Strips are dealt to parts, each with sums of its own, which are added up in
 * order: the same bits for any number of threads. */
#ifndef CSEP_RUN_BACKWARD_H
#define CSEP_RUN_BACKWARD_H

#include "run/backward_pass.h"
#include "run/threads.h"

enum { CSEP_BACKWARD_TASKS = 3 };

/* Fills in what follows from what was given; sums and scratch are then the caller's to provide. */
void csep_prepare_backward(csep_backward_pass *backward);

/* Jobs of the first task, which does nearly all there is to do. */
int64_t csep_backward_jobs(const csep_backward_pass *backward);

/* Fills in CSEP_BACKWARD_TASKS tasks at most; returns how many. */
int csep_backward_tasks(csep_backward_pass *backward, csep_task *tasks);

#endif
