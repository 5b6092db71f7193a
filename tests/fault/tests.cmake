# The fault matrix: one file a fault, real processes, real LMDB, real TCP. lib.sh is what they share.
add_executable(middleman fault/middleman.c)
target_link_libraries(middleman PRIVATE nj_wire nj_codec nj_base)

nj_scripts(fault LABEL fault TIMEOUT 300 WAITS)
# It wants a second's silence told before the lease of a second is over.
set_tests_properties(fault_0230-compute-that-spins PROPERTIES PROCESSORS 2)

# Minutes of waiting, for what others show too: a link that is cut (0800), kills at chosen moments (0100, 0110, 0140).
set_tests_properties(fault_0160-killed-at-random fault_0810-one-way-cuts fault_0820-flapping-link PROPERTIES LABELS soak)

# Half an hour of killing.
add_test(NAME soak_killed_at_random COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/fault/soak 2000)
set_tests_properties(soak_killed_at_random PROPERTIES LABELS soak TIMEOUT 7200
        ENVIRONMENT NIGHTJAR_BIN=${CMAKE_RUNTIME_OUTPUT_DIRECTORY})

# A million users into a redis-server.
add_executable(make_generations fault/make_generations.c)
target_link_libraries(make_generations PRIVATE nj_store)
add_test(NAME soak_redis COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/fault/soak-redis)
set_tests_properties(soak_redis PROPERTIES LABELS soak TIMEOUT 1800 SKIP_RETURN_CODE 77 ENVIRONMENT NIGHTJAR_BIN=${CMAKE_RUNTIME_OUTPUT_DIRECTORY})
