/* The steps of a network as tasks of a call. */
#ifndef CSEP_NETWORK_TASKS_H
#define CSEP_NETWORK_TASKS_H

#include "network/context.h"

/* The most tasks of a step. */
enum { CSEP_TASKS_OF_STEP = 2 };

/* Fills in a step's context, which stays where it is, and its tasks; returns how many. */
int csep_make_tasks(const csep_network_call *call, int step, char *scratch,
                    csep_step_context *context, csep_task *tasks);

#endif
