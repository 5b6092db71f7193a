#include "coordinator/daemon/log_gate.h"

#include <inttypes.h>

#include "common/base/log.h"

#define WINDOW_NS (NJ_LOG_GATE_WINDOW_MS * UINT64_C(1000000))

void nj_log_gate_tell(nj_log_gate *gate, const char *what, uint64_t now_ns)
{
    if (gate->kept == 0 || now_ns - gate->begun_ns < WINDOW_NS) {
        return;
    }
    nj_log(NJ_LOG_WARNING, "%s: %" PRIu64 " more lines like these were left out", what, gate->kept);
    gate->kept = 0;
}

bool nj_log_gate_pass(nj_log_gate *gate, const char *what, uint64_t now_ns)
{
    if (now_ns - gate->begun_ns >= WINDOW_NS) {
        nj_log_gate_tell(gate, what, now_ns);
        gate->begun_ns = now_ns;
        gate->passed = 0;
    }
    if (gate->passed == NJ_LOG_GATE_LINES) {
        gate->kept++;
        return false;
    }
    gate->passed++;
    return true;
}
