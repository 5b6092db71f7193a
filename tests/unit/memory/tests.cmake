set(memory_calls malloc calloc realloc aligned_alloc posix_memalign strdup)
add_library(nj_test_memory_faults STATIC support/memory_faults.c)
target_link_libraries(nj_test_memory_faults PUBLIC nightjar_flags)
list(TRANSFORM memory_calls PREPEND "-Wl,--wrap=")
target_link_options(nj_test_memory_faults INTERFACE ${memory_calls})

nj_test(unit/memory/test_out_of_memory.c LIBS nj_engine nj_coordinator_core nj_store nj_wire nj_catalogue nj_judge nj_test_memory_faults LABEL unit)
nj_test(unit/memory/test_collisions_memory.c LIBS nj_catalogue_assign nj_test_memory_faults LABEL unit)
nj_test(unit/memory/test_refresh_memory.c LIBS nj_catalogue_refresh nj_catalogue_assign nj_test_memory_faults LABEL unit)
