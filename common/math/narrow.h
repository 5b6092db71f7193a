// narrow.h - shapes that the texts of the int8 and bf16 sets share (kernels_narrow.inc.c draws them); for those files only.
#ifndef NJ_MATH_NARROW_H
#define NJ_MATH_NARROW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define PANEL 16      // outputs
#define LINE_BYTES 64 // a group of each output of a panel
#define GROUP_BYTES 4
#define ROWS_TOGETHER 16 // of a tile, and of a transposed product
#define BLOCK_ROWS 192   // encoded at a time, at most
#define BLOCK_BYTES                                                                                \
    (ROWS_TOGETHER * (4096 + LINE_BYTES)) // of their codes; a segment is at most 4096 bytes

// Rows of codes that begin so many bytes apart, or a multiple of it, crowd a few sets of the first cache.
#define CROWDED_BYTES 1024

#if defined(__clang__)
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL _Pragma("GCC unroll 24")
#endif

#endif
