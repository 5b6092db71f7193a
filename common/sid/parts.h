// parts.h - one piece of work cut into parts, each on a thread of its own. What the parts compute does not depend on their number;
// whoever uses this sees to that.
#ifndef NJ_SID_PARTS_H
#define NJ_SID_PARTS_H

#include <stdint.h>

#define NJ_PARTS_MAX 64

typedef struct {
    uint32_t first;
    uint32_t end;
} nj_part;

/// As many parts as this process may use processors, at most NJ_PARTS_MAX; 1 where that cannot be asked.
uint32_t nj_parts_default(void);

/// Things 0 .. count - 1 in parts of nearly equal size: those of part number `part`.
nj_part nj_part_of(uint32_t count, uint32_t part_count, uint32_t part);

/// Runs body(context, part) for all parts, 1 .. NJ_PARTS_MAX, and returns when all have ended. The first runs on the caller's thread, and so
/// does one whose thread cannot be started: nothing is left undone.
void nj_parts_run(uint32_t part_count, void (*body)(void *context, uint32_t part), void *context);

#endif
