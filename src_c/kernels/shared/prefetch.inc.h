/* Memory that later work will read, asked for during this work's arithmetic. */
#ifndef CSEP_KERNELS_SHARED_PREFETCH_H
#define CSEP_KERNELS_SHARED_PREFETCH_H

#include "isa/vocabulary.h"

enum { LINE_BYTES = 64 };

typedef struct prefetch {
    const char *at;
    int64_t step; /* bytes between lines, or between pieces of some lines, ... */
    int piece;    /* ... of so many bytes */
    int per_turn; /* lines or pieces that are asked for at a time: few, or loads have to wait */
} prefetch;

/* So many reals in one piece, spread evenly over so many turns; nothing where they are NULL. */
INLINE prefetch prefetch_evenly(const void *reals, int64_t count, int64_t turns)
{
    const int64_t lines = count / (LINE_BYTES / (int64_t)sizeof(real));
    return (prefetch){
        .at = (const char *)reals,
        .step = LINE_BYTES,
        .piece = LINE_BYTES,
        .per_turn = reals ? (int)((lines + turns - 1) / turns) : 0,
    };
}

INLINE void prefetch_turn(prefetch *ahead)
{
    for (int i = 0; i < ahead->per_turn; i++) {
        v_prefetch_l2(ahead->at);
        ahead->at += ahead->step;
    }
}

#endif
