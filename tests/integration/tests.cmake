# Real processes over TCP on loopback: one numbered script a behaviour, lib.sh is what they share.
add_executable(count_shards integration/count_shards.c)
target_link_libraries(count_shards PRIVATE nightjar_flags PkgConfig::LMDB)

nj_scripts(integration LABEL integration TIMEOUT 300 WAITS)

# The week of 0440 with more users than gates judge by default.
add_test(NAME soak_week COMMAND bash ${CMAKE_CURRENT_SOURCE_DIR}/integration/0440-week.t)
set_tests_properties(soak_week PROPERTIES LABELS soak TIMEOUT 1800 ENVIRONMENT "NIGHTJAR_BIN=${CMAKE_RUNTIME_OUTPUT_DIRECTORY};WEEK_USERS=6000;WEEK_WAIT_S=600")
