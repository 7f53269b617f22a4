/* How many threads a call gets. */
#ifndef CSEP_SYSTEM_THREAD_BUDGET_H
#define CSEP_SYSTEM_THREAD_BUDGET_H

/* Takes threads for a call, its own included: at most useful of asked, less those that other calls
 * are using, at least 1.  csep_budget_return gives them back. */
int csep_budget_take(int useful, int asked);
void csep_budget_return(int threads);

/* In a forked child, which has no other call. */
void csep_budget_reset(void);

#endif
