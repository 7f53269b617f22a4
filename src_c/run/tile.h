/* One job of a schedule: a tile, for a range of panels. */
#ifndef CSEP_RUN_TILE_H
#define CSEP_RUN_TILE_H

#include "run/call.h"

/* Job 0 .. csep_jobs(call->schedule) - 1, in one thread's scratch memory. */
void csep_run_job(const csep_call *call, int64_t job, char *scratch);

#endif
