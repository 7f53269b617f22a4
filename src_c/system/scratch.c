/* Per-thread scratch memory.  Kept between calls because fresh pages cost more than small calls:
 * the kernel clears each one on its first touch. */
#include "system/scratch.h"

#include <pthread.h>
#include <stdlib.h>

typedef struct block {
    void *memory;
    int64_t bytes;
} block;

static _Thread_local block blocks[CSEP_SCRATCH_USES];
static pthread_key_t at_thread_end;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static int has_key;

void csep_scratch_free(csep_scratch_use use)
{
    free(blocks[use].memory);
    blocks[use] = (block){NULL, 0};
}

/* Another destructor of the thread may call csep after this one: it finds no block and gets a new
 * one, for which this runs again. */
static void free_all(void *thread_blocks)
{
    (void)thread_blocks;
    for (int i = 0; i < CSEP_SCRATCH_USES; i++)
        csep_scratch_free((csep_scratch_use)i);
}

static void make_key(void) { has_key = pthread_key_create(&at_thread_end, free_all) == 0; }

void *csep_scratch(csep_scratch_use use, int64_t bytes)
{
    block *mine = &blocks[use];
    if (mine->bytes >= bytes)
        return mine->memory;
    pthread_once(&once, make_key);
    if (!has_key || pthread_setspecific(at_thread_end, blocks) != 0)
        return NULL;
    const int64_t whole = (bytes + 63) / 64 * 64;
    void *memory = aligned_alloc(64, (size_t)whole);
    if (!memory)
        return NULL;
    free(mine->memory);
    *mine = (block){memory, whole};
    return memory;
}
