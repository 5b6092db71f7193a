nj_test(unit/math/test_vecmath.c LIBS nj_math LABEL unit)
nj_test(unit/math/test_products.c LIBS nj_math LABEL unit)
nj_test(unit/math/test_rows.c LIBS nj_math LABEL unit)
nj_test(unit/math/test_select.c LIBS nj_math LABEL unit)
