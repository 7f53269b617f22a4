/* All kernels of one instruction set, for one real, and the table that names them.  Before it is
 * included: the vocabulary, KERNELS (the table's name) and ISA_NAME. */
#include <string.h>

enum { MOST_SUMS = MAX_ROWS * CSEP_MAX_PANEL_VECTORS };

#include "../activation.inc.h"
#include "../convert.inc.h"
#include "../depthwise.inc.h"
#include "../gather.inc.h"
#include "../pack.inc.h"
#include "../pointwise.inc.h"
#include "../probe.inc.h"

static const csep_depthwise_entry depthwise_entries[] = {
    {3, 1, depthwise_3s1},
#ifdef MANY_DEPTHWISE_KERNELS
    {3, 2, depthwise_3s2}, {5, 1, depthwise_5s1}, {5, 2, depthwise_5s2}, {7, 1, depthwise_7s1},
#endif
    {0, 0, depthwise_any},
};

const csep_kernels KERNELS = {
    .name = ISA_NAME,
    .size = sizeof(real),
    .vl = VL,
    .max_rows = {0, MAX_ROWS_1, MAX_ROWS_2},
    .panel_vectors = 2,
    .depthwise = depthwise_entries,
    .gather = gather,
    .pointwise = pointwise,
    .bring_in = bring_in,
    .take_out = take_out,
    .pack_panel = pack_panel,
    .fma_probe = fma_probe,
    .read_probe = read_probe,
    .write_probe = write_probe,
};
