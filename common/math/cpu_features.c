#include "common/math/cpu_features.h"

#if defined(__x86_64__)
#include <cpuid.h>
#include <pthread.h>
#include <stdbool.h>
#include <sys/syscall.h>
#include <unistd.h>

// Linux arch/x86/include/uapi/asm/prctl.h, and the number of the tiles' state in XCR0 (Intel SDM, volume 1, 13.1).
#define ARCH_REQ_XCOMP_PERM 0x1023
#define XFEATURE_XTILEDATA 18

// CPUID leaf 7 (Intel SDM, volume 2): bits that compilers of our age do not all know by name.
#define LEAF7_EDX_AMX_BF16 (1u << 22)
#define LEAF7_EDX_AMX_TILE (1u << 24)
#define LEAF7_EDX_AMX_INT8 (1u << 25)
#define LEAF7_1_EAX_AVX_VNNI (1u << 4)
#define LEAF7_1_EAX_AVX512_BF16 (1u << 5)

static pthread_once_t tiles_once = PTHREAD_ONCE_INIT;
static bool tiles_given;

static void ask_for_tiles(void)
{
    tiles_given = syscall(SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA) == 0;
}

/// The compiler's question also asks the system (XGETBV): registers that it does not save are not there.
static unsigned ask_compiler(void)
{
    unsigned features = 0;
    __builtin_cpu_init();
    features |= __builtin_cpu_supports("avx2") ? HAS_AVX2 : 0;
    features |= __builtin_cpu_supports("fma") ? HAS_FMA : 0;
    features |= __builtin_cpu_supports("avx512f") ? HAS_AVX512F : 0;
    features |= __builtin_cpu_supports("avx512dq") ? HAS_AVX512DQ : 0;
    features |= __builtin_cpu_supports("avx512vl") ? HAS_AVX512VL : 0;
    features |= __builtin_cpu_supports("avx512bw") ? HAS_AVX512BW : 0;
    features |= __builtin_cpu_supports("avx512vnni") ? HAS_AVX512_VNNI : 0;
    return features;
}

/// Sets that use these need AVX2 or AVX-512 too, and so registers that the system saves; the tiles are asked for.
static unsigned ask_cpu(void)
{
    unsigned features = 0;
    unsigned eax;
    unsigned ebx;
    unsigned ecx;
    unsigned edx;
    if (__get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) == 0) {
        return 0;
    }
    features |= edx & LEAF7_EDX_AMX_INT8 ? HAS_AMX_INT8 : 0;
    features |= edx & LEAF7_EDX_AMX_BF16 ? HAS_AMX_BF16 : 0;
    if (edx & LEAF7_EDX_AMX_TILE) {
        pthread_once(&tiles_once, ask_for_tiles);
        features |= tiles_given ? HAS_AMX_TILE : 0;
    }
    if (eax >= 1 && __get_cpuid_count(7, 1, &eax, &ebx, &ecx, &edx) != 0) {
        features |= eax & LEAF7_1_EAX_AVX_VNNI ? HAS_AVX_VNNI : 0;
        features |= eax & LEAF7_1_EAX_AVX512_BF16 ? HAS_AVX512_BF16 : 0;
    }
    return features;
}

unsigned nj_cpu_features(void)
{
    return ask_compiler() | ask_cpu();
}
#else
unsigned nj_cpu_features(void)
{
    return 0;
}
#endif
