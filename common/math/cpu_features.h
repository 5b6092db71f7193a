// cpu_features.h - which instructions this CPU has and the system lets us use; for kernels.c only.
#ifndef NJ_MATH_CPU_FEATURES_H
#define NJ_MATH_CPU_FEATURES_H

/// Each gives NULL when all that a set needs is there, else the name of the first feature that is missing.
const char *nj_lack_for_avx2(void);
const char *nj_lack_for_avx512(void);
const char *nj_lack_for_int8_avxvnni(void);
const char *nj_lack_for_int8_vnni(void);
const char *nj_lack_for_bf16_avx512(void);
/// These ask the kernel for the tiles, once and for the whole process; it may refuse where the CPU has them.
const char *nj_lack_for_int8_amx(void);
const char *nj_lack_for_bf16_amx(void);

#endif
