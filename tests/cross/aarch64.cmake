# aarch64.cmake - toolchain file: all of nightjar for AArch64, built on an x86-64 Debian and run by qemu-user, tests included.
#
#   tests/cross/unpack-root build/aarch64-root
#   cmake -B build/aarch64 -G Ninja --toolchain tests/cross/aarch64.cmake -DCMAKE_BUILD_TYPE=RelWithDebInfo "-DCMAKE_C_FLAGS_RELWITHDEBINFO=-O3 -g"
#   ninja -C build/aarch64 && ctest --test-dir build/aarch64 -L unit
#
# AARCH64_ROOT is the folder of the unpacked packages; default build/aarch64-root.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_C_COMPILER aarch64-linux-gnu-gcc)
set(CMAKE_LIBRARY_ARCHITECTURE aarch64-linux-gnu)
set(CMAKE_TRY_COMPILE_PLATFORM_VARIABLES AARCH64_ROOT)

get_filename_component(AARCH64_ROOT "${CMAKE_CURRENT_LIST_DIR}/../../build/aarch64-root" ABSOLUTE CACHE)
set(CMAKE_SYSROOT ${AARCH64_ROOT})
set(CMAKE_FIND_ROOT_PATH ${AARCH64_ROOT})
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(libraries ${AARCH64_ROOT}/usr/lib/aarch64-linux-gnu)
set(ENV{PKG_CONFIG_SYSROOT_DIR} ${AARCH64_ROOT})
set(ENV{PKG_CONFIG_LIBDIR} ${libraries}/openblas-serial/pkgconfig:${libraries}/pkgconfig:${AARCH64_ROOT}/usr/share/pkgconfig)
set(CMAKE_EXE_LINKER_FLAGS_INIT "-Wl,-rpath-link,${libraries},-rpath-link,${AARCH64_ROOT}/lib/aarch64-linux-gnu")
find_program(QEMU_AARCH64 NAMES qemu-aarch64 qemu-aarch64-static)
set(CMAKE_CROSSCOMPILING_EMULATOR ${QEMU_AARCH64} -L ${AARCH64_ROOT})
