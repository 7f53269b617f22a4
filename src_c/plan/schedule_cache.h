/* The schedules of the shapes that a plan met last, so that a call of a known one makes none. */
#ifndef CSEP_PLAN_SCHEDULE_CACHE_H
#define CSEP_PLAN_SCHEDULE_CACHE_H

#include "plan/schedule.h"

int64_t csep_schedule_cache_bytes(void);
csep_schedule_cache *csep_init_schedule_cache(void *memory);

/* csep_make_schedule, or a copy of what it gave before; from any number of threads. */
void csep_find_schedule(const csep_plan *plan, const csep_geometry *geometry, int num_threads,
                        csep_schedule *schedule);

#endif
