/* The loop over tiles; the only file that knows OpenMP. */
#ifdef _OPENMP
#include <omp.h>
#endif

#include "plan.h"
#include "scratch.h"

int csep_has_openmp(void)
{
#ifdef _OPENMP
    return 1;
#else
    return 0;
#endif
}

csep_status csep_execute(const csep_plan *plan, const csep_shape *shape, const void *x,
                         const void *residual, void *y, int num_threads)
{
    csep_schedule s;
    const csep_status status = csep_make_schedule(plan, shape, num_threads, &s);
    if (status != CSEP_OK)
        return status;
    if (s.rows == 0)
        return CSEP_OK;
    if (!x || !y)
        return CSEP_BAD_ARGUMENT;

    const int64_t jobs = s.row_tiles * s.column_tiles * s.splits;
    if (s.threads > jobs)
        s.threads = (int)jobs;
    char *scratch = csep_scratch(CSEP_FOR_TILES, s.scratch_bytes * s.threads);
    if (!scratch && s.scratch_bytes)
        return CSEP_NO_MEMORY;

#ifdef _OPENMP
    if (s.threads > 1) {
#pragma omp parallel num_threads(s.threads)
        {
            char *mine = scratch + omp_get_thread_num() * s.scratch_bytes;
#pragma omp for schedule(dynamic, 1)
            for (int64_t i = 0; i < jobs; i++)
                csep_run_job(plan, shape, &s, x, residual, y, i, mine);
        }
        return CSEP_OK;
    }
#endif
    for (int64_t i = 0; i < jobs; i++)
        csep_run_job(plan, shape, &s, x, residual, y, i, scratch);
    return CSEP_OK;
}

csep_status csep_convolve(const csep_conv_desc *desc, const csep_shape *shape,
                          const csep_weights *weights, const void *x, const void *residual, void *y,
                          int num_threads)
{
    csep_plan passing;
    csep_status status = csep_make_passing_plan(&passing, desc, weights);
    if (status == CSEP_OK)
        return csep_execute(&passing, shape, x, residual, y, num_threads);
    if (status != CSEP_NO_MEMORY)
        return status;
    csep_plan *plan;
    status = csep_plan_create(&plan, desc, weights);
    if (status != CSEP_OK)
        return status;
    status = csep_execute(plan, shape, x, residual, y, num_threads);
    csep_plan_destroy(plan);
    return status;
}
