/* One call: schedule, threads, scratch memory, jobs. */
#ifndef CSEP_RUN_EXECUTE_H
#define CSEP_RUN_EXECUTE_H

#include "plan/plan.h"

/* For a geometry that was resolved with the plan's descriptor, arrays that are there, and
 * num_threads >= 1.  CSEP_OK or CSEP_NO_MEMORY. */
csep_status csep_run(const csep_plan *plan, const csep_geometry *geometry, const void *x,
                     const void *residual, void *y, int num_threads);

#endif
