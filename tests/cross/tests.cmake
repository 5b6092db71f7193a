# The exact kernels on CPUs that this machine is not: emulated by qemu-user, compared digest by digest with this one.
if(NIGHTJAR_SANITIZE OR CMAKE_CROSSCOMPILING OR NOT CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|AMD64)$")
    return()
endif()
set(cross_dir ${CMAKE_CURRENT_SOURCE_DIR}/cross)

add_executable(kernel_digests cross/kernel_digests.c)
target_link_libraries(kernel_digests PRIVATE nj_math)
target_link_options(kernel_digests PRIVATE -Wl,--as-needed) # OpenBLAS is not used

# One command instead of a second build tree: the program needs a C library and nothing else.
find_program(AARCH64_CC aarch64-linux-gnu-gcc)
set(aarch64_digests "")
if(AARCH64_CC)
    set(aarch64_digests ${CMAKE_RUNTIME_OUTPUT_DIRECTORY}/kernel_digests_aarch64)
    set(aarch64_sources ${cross_dir}/kernel_digests.c)
    foreach(name math/kernels math/kernels_ref math/kernels_portable math/kernels_neon math/kernels_int8_ref
            math/cpu_features base/error base/id base/arena base/numeric_class base/status)
        list(APPEND aarch64_sources ${PROJECT_SOURCE_DIR}/common/${name}.c)
    endforeach()
    file(GLOB aarch64_includes CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/common/math/*.h ${PROJECT_SOURCE_DIR}/common/math/*.inc.c
            ${PROJECT_SOURCE_DIR}/common/base/*.h)
    add_custom_command(OUTPUT ${aarch64_digests}
            COMMAND ${AARCH64_CC} -O3 -std=c17 -D_GNU_SOURCE -ffp-contract=off -fno-math-errno -Wall -Wextra
                    "$<$<BOOL:${NIGHTJAR_WERROR}>:-Werror>" -I${PROJECT_SOURCE_DIR} -static ${aarch64_sources} -lm -o ${aarch64_digests}
            DEPENDS ${aarch64_sources} ${aarch64_includes}
            COMMENT "Building kernel_digests for AArch64" VERBATIM COMMAND_EXPAND_LISTS)
    add_custom_target(kernel_digests_aarch64 ALL DEPENDS ${aarch64_digests})
endif()

add_test(NAME cross_aarch64
        COMMAND ${cross_dir}/same-digests $<TARGET_FILE:kernel_digests> "${aarch64_digests}" neon qemu-aarch64)
# A CPU of 2008: SSE4.2, no AVX, no fused multiply-add. Its "auto" is portable, and the C library's fmaf does without hardware too.
add_test(NAME cross_x86_64_without_avx
        COMMAND ${cross_dir}/same-digests $<TARGET_FILE:kernel_digests> $<TARGET_FILE:kernel_digests> portable
                qemu-x86_64 -cpu Nehalem)
set_tests_properties(cross_aarch64 cross_x86_64_without_avx PROPERTIES LABELS unit TIMEOUT 120 SKIP_RETURN_CODE 77)

add_test(NAME cross_whole_aarch64 COMMAND ${cross_dir}/whole-aarch64 ${CMAKE_BINARY_DIR})
set_tests_properties(cross_whole_aarch64 PROPERTIES LABELS soak TIMEOUT 1800 SKIP_RETURN_CODE 77)
