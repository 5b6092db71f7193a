# The Debian packages: what is in them, lintian, and a night from the installed programs in a root of their own. Packed once, from the
# programs of this build.
if(NIGHTJAR_SANITIZE OR CMAKE_CROSSCOMPILING)
    return()
endif()
set(package_env NIGHTJAR_BIN=${CMAKE_RUNTIME_OUTPUT_DIRECTORY} NIGHTJAR_BUILD=${CMAKE_BINARY_DIR}
        NIGHTJAR_PACKAGES=${CMAKE_BINARY_DIR}/packages)

add_test(NAME package_make COMMAND bash ${CMAKE_CURRENT_SOURCE_DIR}/package/make)
set_tests_properties(package_make PROPERTIES LABELS package TIMEOUT 300 SKIP_RETURN_CODE 77 FIXTURES_SETUP packages
        ENVIRONMENT "${package_env}")
file(GLOB package_tests CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/package/[0-9]*.t)
foreach(script ${package_tests})
    get_filename_component(name ${script} NAME_WE)
    add_test(NAME package_${name} COMMAND bash ${script})
    set_tests_properties(package_${name} PROPERTIES LABELS package TIMEOUT 300 PROCESSORS 1 SKIP_RETURN_CODE 77 FIXTURES_REQUIRED packages
            ENVIRONMENT "${package_env}")
endforeach()

# Minutes, and a network: builds of their own.
add_test(NAME soak_reproducible COMMAND ${PROJECT_SOURCE_DIR}/ops/setup/reproducible)
add_test(NAME soak_bare_debian COMMAND bash ${CMAKE_CURRENT_SOURCE_DIR}/package/bare-debian)
set_tests_properties(soak_reproducible soak_bare_debian PROPERTIES LABELS soak TIMEOUT 3600 SKIP_RETURN_CODE 77)
set_tests_properties(soak_bare_debian PROPERTIES FIXTURES_REQUIRED packages ENVIRONMENT "${package_env}")
