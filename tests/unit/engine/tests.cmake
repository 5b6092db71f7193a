nj_test(unit/engine/test_engine.c LIBS nj_engine LABEL unit)
nj_test(unit/engine/test_engine_hostile.c LIBS nj_engine LABEL unit)
nj_test(unit/engine/test_engine_memory.c LIBS nj_engine LABEL unit)
nj_test(unit/engine/test_bundle_pack.c LIBS nj_engine LABEL unit)
