#include "common/math/cpu_features.h"

#include <stdbool.h>
#include <stddef.h>

#if defined(__x86_64__)
#include <cpuid.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <unistd.h>

// Linux arch/x86/include/uapi/asm/prctl.h and the number of the tiles' state in XCR0 (Intel SDM, volume 1, 13.1).
#define ARCH_REQ_XCOMP_PERM 0x1023
#define XFEATURE_XTILEDATA 18

// CPUID leaf 7 (Intel SDM, volume 2): bits that compilers of our age do not all know by name.
#define LEAF7_EBX_AVX512BW (1u << 30)
#define LEAF7_ECX_AVX512_VNNI (1u << 11)
#define LEAF7_EDX_AMX_BF16 (1u << 22)
#define LEAF7_EDX_AMX_TILE (1u << 24)
#define LEAF7_EDX_AMX_INT8 (1u << 25)
#define LEAF7_1_EAX_AVX_VNNI (1u << 4)
#define LEAF7_1_EAX_AVX512_BF16 (1u << 5)

typedef struct {
    unsigned eax, ebx, ecx, edx;
} leaf;

static leaf read_leaf7(unsigned subleaf)
{
    leaf l = {0};
    if (__get_cpuid_count(7, 0, &l.eax, &l.ebx, &l.ecx, &l.edx) == 0 || l.eax < subleaf) {
        return (leaf){0};
    }
    if (subleaf > 0) {
        (void)__get_cpuid_count(7, subleaf, &l.eax, &l.ebx, &l.ecx, &l.edx);
    }
    return l;
}

const char *nj_lack_for_avx2(void)
{
    __builtin_cpu_init();
    return !__builtin_cpu_supports("avx2") ? "AVX2" : !__builtin_cpu_supports("fma") ? "FMA" : NULL;
}

const char *nj_lack_for_avx512(void)
{
    __builtin_cpu_init();
    return !__builtin_cpu_supports("avx512f")    ? "AVX-512F"
           : !__builtin_cpu_supports("avx512dq") ? "AVX-512DQ"
           : !__builtin_cpu_supports("avx512vl") ? "AVX-512VL"
                                                 : nj_lack_for_avx2();
}

// AVX-512BW too: the int8 and bf16 sets pack bytes.
static const char *lack_for_bytes(void)
{
    const char *missing = nj_lack_for_avx512();
    return missing != NULL                                 ? missing
           : (read_leaf7(0).ebx & LEAF7_EBX_AVX512BW) == 0 ? "AVX-512BW"
                                                           : NULL;
}

const char *nj_lack_for_int8_avxvnni(void)
{
    const char *missing = nj_lack_for_avx2();
    return missing != NULL                                   ? missing
           : (read_leaf7(1).eax & LEAF7_1_EAX_AVX_VNNI) == 0 ? "AVX-VNNI"
                                                             : NULL;
}

const char *nj_lack_for_int8_vnni(void)
{
    const char *missing = lack_for_bytes();
    return missing != NULL                                    ? missing
           : (read_leaf7(0).ecx & LEAF7_ECX_AVX512_VNNI) == 0 ? "AVX512-VNNI"
                                                              : NULL;
}

const char *nj_lack_for_bf16_avx512(void)
{
    const char *missing = lack_for_bytes();
    return missing != NULL                                      ? missing
           : (read_leaf7(1).eax & LEAF7_1_EAX_AVX512_BF16) == 0 ? "AVX512-BF16"
                                                                : NULL;
}

static pthread_once_t tiles_once = PTHREAD_ONCE_INIT;
static bool tiles_given;

static void ask_for_tiles(void)
{
    tiles_given = syscall(SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA) == 0;
}

static const char *lack_for_tiles(void)
{
    if ((read_leaf7(0).edx & LEAF7_EDX_AMX_TILE) == 0) {
        return "AMX-TILE";
    }
    pthread_once(&tiles_once, ask_for_tiles);
    return tiles_given ? NULL : "AMX tiles that the Linux kernel (5.16 or later) allows";
}

const char *nj_lack_for_int8_amx(void)
{
    const char *missing = lack_for_bytes();
    return missing != NULL                                 ? missing
           : (read_leaf7(0).edx & LEAF7_EDX_AMX_INT8) == 0 ? "AMX-INT8"
                                                           : lack_for_tiles();
}

const char *nj_lack_for_bf16_amx(void)
{
    const char *missing = nj_lack_for_bf16_avx512();
    return missing != NULL                                 ? missing
           : (read_leaf7(0).edx & LEAF7_EDX_AMX_BF16) == 0 ? "AMX-BF16"
                                                           : lack_for_tiles();
}
#else
static const char *lack_x86_64(void)
{
    return "the x86-64 instruction set";
}

const char *nj_lack_for_avx2(void)
{
    return lack_x86_64();
}

const char *nj_lack_for_avx512(void)
{
    return lack_x86_64();
}

const char *nj_lack_for_int8_avxvnni(void)
{
    return lack_x86_64();
}

const char *nj_lack_for_int8_vnni(void)
{
    return lack_x86_64();
}

const char *nj_lack_for_bf16_avx512(void)
{
    return lack_x86_64();
}

const char *nj_lack_for_int8_amx(void)
{
    return lack_x86_64();
}

const char *nj_lack_for_bf16_amx(void)
{
    return lack_x86_64();
}
#endif
