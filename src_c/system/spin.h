/* Waiting for another thread: spinning for some microseconds, then sleeping. */
#ifndef CSEP_SYSTEM_SPIN_H
#define CSEP_SYSTEM_SPIN_H

#include <stdatomic.h>
#include <stdint.h>

/* How long threads spin, once per process: microseconds from 0 to 1000.  NULL or empty text: 50, or
 * 0 where OMP_WAIT_POLICY is passive.  Returns 0 if it is anything else. */
int csep_read_spin(const char *text);

/* That time in nanoseconds, and a clock to compare it with. */
int64_t csep_spin_time(void);
int64_t csep_now(void);

/* Spins until *word is not value any more, or time is up.  Whether it still is. */
int csep_spin_while(_Atomic uint32_t *word, uint32_t value);

/* Sleeps until *word is not value any more: whoever changes it then calls csep_wake. */
void csep_sleep_while(_Atomic uint32_t *word, uint32_t value);
void csep_wake(_Atomic uint32_t *word);

#endif
