nj_test(unit/compress/test_unpack.c LIBS nj_compress LABEL unit)
