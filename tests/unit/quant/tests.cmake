nj_test(unit/quant/test_encoder.c LIBS nj_quant LABEL unit)
nj_test(unit/quant/test_kmeans.c LIBS nj_quant LABEL unit)
nj_test(unit/quant/test_pca.c LIBS nj_quant LABEL unit)
