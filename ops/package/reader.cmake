# reader.cmake - libnightjar-reader as it is installed. Component reader: the library a program loads; devel: what compiles one.
include(CMakePackageConfigHelpers)
set(reader_built ${CMAKE_CURRENT_BINARY_DIR}/reader)
set(reader_libdir ${CMAKE_INSTALL_LIBDIR})
if(reader_libdir STREQUAL "lib" AND CMAKE_LIBRARY_ARCHITECTURE AND EXISTS /etc/debian_version)
    set(reader_libdir lib/${CMAKE_LIBRARY_ARCHITECTURE}) # where Debian looks, below /usr and /usr/local alike
endif()
set(reader_cmake ${reader_libdir}/cmake/nightjar-reader)

install(TARGETS nightjar-reader EXPORT nightjar-reader
        LIBRARY DESTINATION ${reader_libdir} COMPONENT reader NAMELINK_COMPONENT devel
        PUBLIC_HEADER DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT devel
        INCLUDES DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(EXPORT nightjar-reader NAMESPACE nightjar:: FILE nightjar-reader-config.cmake DESTINATION ${reader_cmake} COMPONENT devel)
write_basic_package_version_file(${reader_built}/nightjar-reader-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${reader_built}/nightjar-reader-config-version.cmake DESTINATION ${reader_cmake} COMPONENT devel)

# Finds itself wherever it was put: CPack installs to another prefix than CMake.
file(RELATIVE_PATH reader_prefix /${reader_libdir}/pkgconfig /)
string(REGEX REPLACE "/$" "" reader_prefix "${reader_prefix}")
configure_file(nightjar-reader.pc.in ${reader_built}/nightjar-reader.pc @ONLY)
install(FILES ${reader_built}/nightjar-reader.pc DESTINATION ${reader_libdir}/pkgconfig COMPONENT devel)

# One manual page; every function of the header leads to it.
set(reader_page ${CMAKE_CURRENT_SOURCE_DIR}/nightjar-reader.3)
set(reader_header ${PROJECT_SOURCE_DIR}/common/reader/nightjar-reader.h)
set(reader_man ${reader_built}/man)
file(STRINGS ${reader_header} reader_functions REGEX "^NIGHTJAR_API .*\\(")
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${reader_header})
set(reader_links "")
foreach(line ${reader_functions})
    string(REGEX REPLACE "^.*[ *](nightjar_[a-z_]+)\\(.*$" "\\1" name "${line}")
    list(APPEND reader_links ${name})
endforeach()
add_custom_command(OUTPUT ${reader_man}.stamp DEPENDS ${reader_page} ${reader_header} VERBATIM
        COMMAND ${CMAKE_COMMAND} -E rm -rf ${reader_man}
        COMMAND ${CMAKE_COMMAND} -E make_directory ${reader_man}
        COMMAND sh -c "page=$1; folder=$2; shift 2; gzip -9n <\"$page\" >\"$folder/nightjar-reader.3.gz\"; for name; do echo '.so man3/nightjar-reader.3' | gzip -9n >\"$folder/$name.3.gz\"; done"
                sh ${reader_page} ${reader_man} ${reader_links}
        COMMAND ${CMAKE_COMMAND} -E touch ${reader_man}.stamp)
add_custom_target(packaged_reader ALL DEPENDS ${reader_man}.stamp)
install(DIRECTORY ${reader_man}/ DESTINATION ${CMAKE_INSTALL_MANDIR}/man3 COMPONENT devel)

install(FILES copyright ${changelog} DESTINATION ${share}/doc/libnightjar-reader0 COMPONENT reader)
install(FILES copyright ${changelog} DESTINATION ${share}/doc/libnightjar-reader-dev COMPONENT devel)
install(FILES ${PROJECT_SOURCE_DIR}/ops/reader/get.c ${PROJECT_SOURCE_DIR}/ops/reader/get.py
        DESTINATION ${share}/doc/libnightjar-reader-dev/examples COMPONENT devel)
install(FILES libnightjar-reader0.lintian-overrides DESTINATION ${share}/lintian/overrides RENAME libnightjar-reader0 COMPONENT reader)
