# hardening.cmake - what Debian asks of a program that reads bytes of strangers: libc calls that check sizes, guarded stacks, a
# position of its own at every start, and tables of functions that are read-only before main. Measured to cost nothing that can be told
# from noise (ops/handbook/install.md).
include(CheckCCompilerFlag)

# What goes into the shared library too (CMake adds -fPIC) needs no -fPIE, which would take it back.
set(hardening_flags $<$<NOT:$<BOOL:$<TARGET_PROPERTY:POSITION_INDEPENDENT_CODE>>>:-fPIE> -fstack-protector-strong -Wformat -Wformat-security)
set(flags_to_try -fstack-clash-protection)
if(CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|AMD64)$") # returns and indirect jumps, in each family of CPUs its own way
    list(APPEND flags_to_try -fcf-protection)
elseif(CMAKE_SYSTEM_PROCESSOR MATCHES "^(aarch64|arm64)$")
    list(APPEND flags_to_try -mbranch-protection=standard)
endif()
foreach(flag ${flags_to_try})
    string(MAKE_C_IDENTIFIER "NIGHTJAR_HAS${flag}" has_flag)
    check_c_compiler_flag(${flag} ${has_flag})
    if(${has_flag})
        list(APPEND hardening_flags ${flag})
    endif()
endforeach()
target_compile_options(nightjar_flags INTERFACE ${hardening_flags})
if(NOT CMAKE_BUILD_TYPE STREQUAL "Debug") # the checks need an optimizing compiler
    target_compile_options(nightjar_flags INTERFACE -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2)
endif()
target_link_options(nightjar_flags INTERFACE $<$<STREQUAL:$<TARGET_PROPERTY:TYPE>,EXECUTABLE>:-pie> -Wl,-z,relro -Wl,-z,now -Wl,-z,noexecstack -Wl,--build-id=sha1)
