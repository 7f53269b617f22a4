/* All kernels of one instruction set for one type, and the table that names them.  Compiled once
 * for each file of isa/ that CSEP_VOCABULARY names, with the compiler's flags for its instructions.
 */
#include "isa/vocabulary.h"
#include "kernels/backward/activation.inc.h"
#include "kernels/backward/depthwise.inc.h"
#include "kernels/backward/transpose.inc.h"
#include "kernels/contract.h"
#include "kernels/dispatch.h"
#include "kernels/forward/combine.inc.h"
#include "kernels/forward/depthwise.inc.h"
#include "kernels/forward/elementwise.inc.h"
#include "kernels/forward/flat.inc.h"
#include "kernels/forward/im2col.inc.h"
#include "kernels/forward/pointwise.inc.h"
#include "kernels/forward/softmax.inc.h"
#include "kernels/shared/convert.inc.h"
#include "kernels/shared/pack.inc.h"
#include "kernels/shared/probe.inc.h"

static const csep_depthwise_entry depthwise_entries[] = {
    {3, 1, depthwise_3s1},
#ifdef ALL_DEPTHWISE
    {3, 2, depthwise_3s2}, {5, 1, depthwise_5s1}, {5, 2, depthwise_5s2}, {7, 1, depthwise_7s1},
#endif
    {0, 0, depthwise_any},
};

const csep_kernels KERNELS = {
    .name = ISA_NAME,
    .size = sizeof(real),
    .vl = VL,
    .mr = {0, MR_1, MR_2},
    .panel_vectors = 2,
    .depthwise = depthwise_entries,
    .depthwise_flat = depthwise_flat,
    .im2col = im2col,
    .pointwise = pointwise,
    .elementwise = elementwise,
    .combine = combine,
    .softmax = softmax,
    .activation_gradient = activation_gradient,
    .transpose = transpose,
    .tap_gradient = tap_gradient,
    .fold = fold,
    .load_staged = load_staged,
    .store_staged = store_staged,
    .pack_panel = pack_panel,
    .fma_probe = fma_probe,
    .read_probe = read_probe,
    .write_probe = write_probe,
};
