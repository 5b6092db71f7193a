nj_test(unit/codec/test_json.c LIBS nj_codec LABEL unit)
nj_test(unit/codec/test_pack.c LIBS nj_codec LABEL unit)
nj_test(unit/codec/test_row.c LIBS nj_codec LABEL unit)
