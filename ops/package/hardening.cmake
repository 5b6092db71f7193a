# hardening.cmake - what Debian asks of a program that reads bytes of strangers: libc calls that check sizes, guarded stacks, a
# position of its own at every start, and tables of functions that are read-only before main. Measured to cost nothing that can be told
# from noise (ops/handbook/install.md).
include(CheckCCompilerFlag)

set(hardening_flags -fPIE -fstack-protector-strong -Wformat -Wformat-security)
set(CMAKE_REQUIRED_FLAGS -Werror) # clang takes a flag of another CPU with a warning
foreach(flag -fstack-clash-protection -fcf-protection -mbranch-protection=standard) # the last two are each of one family of CPUs
    string(MAKE_C_IDENTIFIER "NIGHTJAR_HAS${flag}" has_flag)
    check_c_compiler_flag(${flag} ${has_flag})
    if(${has_flag})
        list(APPEND hardening_flags ${flag})
    endif()
endforeach()
unset(CMAKE_REQUIRED_FLAGS)
target_compile_options(nightjar_flags INTERFACE ${hardening_flags})
if(NOT CMAKE_BUILD_TYPE STREQUAL "Debug") # the checks need an optimizing compiler
    target_compile_options(nightjar_flags INTERFACE -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2)
endif()
target_link_options(nightjar_flags INTERFACE -pie -Wl,-z,relro -Wl,-z,now -Wl,-z,noexecstack -Wl,--build-id=sha1)
