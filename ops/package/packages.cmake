# packages.cmake - the four components as Debian packages.
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "") # each package has its own
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_COMPONENTS_ALL nightjar worker reader devel)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_VERBATIM_VARIABLES ON)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)

set(CPACK_PACKAGE_CONTACT "nightjar maintainers <maintainers@nightjar.invalid>" CACHE STRING "Maintainer of the packages")
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_VERSION ${PROJECT_VERSION})
if(NIGHTJAR_FAILPOINTS)
    # What tests may make fail is nobody's release: any release replaces it.
    string(APPEND CPACK_DEBIAN_PACKAGE_VERSION ~failpoints)
endif()
set(CPACK_DEBIAN_PACKAGE_SECTION science)
set(CPACK_DEBIAN_PACKAGE_PRIORITY optional)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_COMPRESSION_TYPE xz)
set(CPACK_DEBIAN_DEBUGINFO_PACKAGE ON) # nightjar-dbgsym, nightjar-worker-dbgsym: found by the build id
set(CPACK_POST_BUILD_SCRIPTS ${CMAKE_CURRENT_SOURCE_DIR}/mend-symbols.cmake)
set(CPACK_PROJECT_CONFIG_FILE ${CMAKE_CURRENT_SOURCE_DIR}/cpack-config.cmake)

set(CPACK_DEBIAN_NIGHTJAR_PACKAGE_NAME nightjar)
# The processes that `nightjar run` starts are nightjar-worker's; one night has one version of both.
set(CPACK_DEBIAN_NIGHTJAR_PACKAGE_DEPENDS "nightjar-worker (= ${CPACK_DEBIAN_PACKAGE_VERSION})")
set(CPACK_COMPONENT_NIGHTJAR_DESCRIPTION
"nightly recommendations from generative models
nightjar computes the next items of every user overnight, with a small T5 over
semantic IDs and a beam search that knows only items that exist, on plain CPUs.
It publishes them as one immutable LMDB store that caches read in the morning.
.
This package has the nightjar command, which can run a whole night on one
machine, and nightjar-coordinator, which hands a night to workers elsewhere.")

set(CPACK_DEBIAN_WORKER_PACKAGE_NAME nightjar-worker)
foreach(name postinst prerm postrm)
    list(APPEND CPACK_DEBIAN_NIGHTJAR_PACKAGE_CONTROL_EXTRA ${CMAKE_CURRENT_SOURCE_DIR}/scripts/nightjar/${name})
    list(APPEND CPACK_DEBIAN_WORKER_PACKAGE_CONTROL_EXTRA ${CMAKE_CURRENT_SOURCE_DIR}/scripts/worker/${name})
endforeach()
set(CPACK_COMPONENT_WORKER_DESCRIPTION
"nightly recommendations from generative models: worker
nightjar computes the next items of every user overnight, with a small T5 over
semantic IDs and a beam search that knows only items that exist, on plain CPUs.
.
This package has nightjar-worker, which computes for a night of the same
machine, or for a nightjar-coordinator elsewhere with its address and two keys.")

set(CPACK_DEBIAN_READER_PACKAGE_NAME libnightjar-reader0)
set(CPACK_DEBIAN_READER_PACKAGE_SECTION libs)
# Which package a program that links it needs, and that the loader's cache is made anew.
set(CPACK_DEBIAN_READER_PACKAGE_CONTROL_EXTRA ${CMAKE_CURRENT_SOURCE_DIR}/scripts/reader/shlibs ${CMAKE_CURRENT_SOURCE_DIR}/scripts/reader/triggers)
set(CPACK_COMPONENT_READER_DESCRIPTION
"reads the lists that nightjar publishes: shared library
nightjar computes the next items of every user overnight and publishes them as
one immutable LMDB store.
.
This package has the library for programs that serve the lists. It follows
publishes without a restart and splits users between channels.")

set(CPACK_DEBIAN_DEVEL_PACKAGE_NAME libnightjar-reader-dev)
set(CPACK_DEBIAN_DEVEL_PACKAGE_SECTION libdevel)
set(CPACK_DEBIAN_DEVEL_PACKAGE_DEPENDS "libnightjar-reader0 (= ${CPACK_DEBIAN_PACKAGE_VERSION})")
set(CPACK_DEBIAN_DEVEL_DEBUGINFO_PACKAGE OFF)
set(CPACK_COMPONENT_DEVEL_DESCRIPTION
"reads the lists that nightjar publishes: development files
nightjar computes the next items of every user overnight and publishes them as
one immutable LMDB store.
.
This package has the header, the manual pages and the descriptions for
pkg-config and CMake of the library for programs that serve the lists, and an
example in C and one in Python.")

include(CPack)
