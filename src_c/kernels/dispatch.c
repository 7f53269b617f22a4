#include "kernels/dispatch.h"

#include <string.h>

#include "system/processor.h"

static int always(void) { return 1; }

/* Best first. */
static const struct candidate {
    const csep_kernels *f32, *f64;
    int (*supported)(void);
} candidates[] = {
#ifdef CSEP_X86
    {&csep_kernels_avx512_f32, &csep_kernels_avx512_f64, csep_has_avx512},
    {&csep_kernels_avx2_f32, &csep_kernels_avx2_f64, csep_has_avx2},
#endif
    {&csep_kernels_generic_f32, &csep_kernels_generic_f64, always},
};
enum { CANDIDATES = sizeof candidates / sizeof *candidates };

static const struct candidate *active;
static char names[64];

int csep_choose_kernels(const char *wanted)
{
    const int any = !wanted || !*wanted;
    for (int i = 0; i < CANDIDATES; i++) {
        if (!candidates[i].supported())
            continue;
        const char *name = candidates[i].f32->name;
        if (!active && (any || strcmp(wanted, name) == 0))
            active = &candidates[i];
        if (*names)
            strcat(names, ", ");
        strcat(names, name);
    }
    return active != NULL;
}

const csep_kernels *csep_active_kernels(csep_dtype real)
{
    return real == CSEP_F64 ? active->f64 : active->f32;
}

const char *csep_kernel_names(void) { return names; }
