nj_library(nj_sim
    SOURCES support/simclock.c support/simnet.c sim/coordinator.c sim/effect_checks.c sim/effects.c sim/exchange.c sim/invariants.c sim/sim_compute.c sim/sim_worker.c
            sim/store_model.c sim/weather.c sim/world.c sim/writer.c sim/nights.c
    LIBS nj_coordinator_core nj_session nj_test_support)
nj_test(sim/test_nights.c LIBS nj_sim LABEL sim)
nj_test(sim/test_night_shapes.c LIBS nj_sim LABEL sim)
nj_test(sim/test_fleet.c LIBS nj_sim LABEL soak)
add_test(NAME sim_soak COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/sim/soak $<TARGET_FILE:sim_test_nights>)
set_tests_properties(sim_soak PROPERTIES LABELS soak TIMEOUT 3000)
