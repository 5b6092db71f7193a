// cpu_features.h - what this CPU, and the system that keeps its registers, offer beyond the build's own instructions; for kernels.c.
#ifndef NJ_MATH_CPU_FEATURES_H
#define NJ_MATH_CPU_FEATURES_H

enum {
    HAS_AVX2 = 1 << 0,
    HAS_FMA = 1 << 1,
    HAS_AVX512F = 1 << 2,
    HAS_AVX512DQ = 1 << 3,
    HAS_AVX512VL = 1 << 4,
    HAS_AVX512BW = 1 << 5,
    HAS_AVX_VNNI = 1 << 6,
    HAS_AVX512_VNNI = 1 << 7,
    HAS_AVX512_BF16 = 1 << 8,
    HAS_AMX_INT8 = 1 << 9,
    HAS_AMX_BF16 = 1 << 10,
    HAS_AMX_TILE = 1 << 11, // the CPU has tiles, and the system gave them to this process
};

/// HAS_* of this machine. The first call asks the system for the tiles, for the whole process and what it forks.
unsigned nj_cpu_features(void);

#endif
