nj_test(unit/text/test_item_texts.c LIBS nj_text LABEL unit)
nj_test(unit/text/test_sparse_svd.c LIBS nj_text LABEL unit)
nj_test(unit/text/test_tfidf.c LIBS nj_text LABEL unit)
nj_test(unit/text/test_words.c LIBS nj_text LABEL unit)
