nj_test(unit/catalogue/test_template.c LIBS nj_catalogue LABEL unit)
nj_test(unit/catalogue/test_make.c LIBS nj_catalogue LABEL unit)
nj_test(unit/catalogue/test_catalogue.c LIBS nj_catalogue LABEL unit)
nj_test(unit/catalogue/test_catalogue_hostile.c LIBS nj_catalogue_assign LABEL unit)
nj_test(unit/catalogue/test_retired.c LIBS nj_catalogue LABEL unit)
nj_test(unit/catalogue/test_assign.c LIBS nj_catalogue_assign LABEL unit)
nj_test(unit/catalogue/test_held_out.c LIBS nj_catalogue LABEL unit)
nj_test(unit/catalogue/test_users.c LIBS nj_catalogue LABEL unit)
nj_test(unit/catalogue/test_view.c LIBS nj_catalogue LABEL unit)
nj_test(unit/catalogue/test_job.c LIBS nj_engine LABEL unit) # the engine makes the bundle
<<<<<<< HEAD
nj_test(unit/catalogue/test_transport.c LIBS nj_catalogue LABEL unit)
=======
nj_test(unit/catalogue/test_item_round.c LIBS nj_item_round nj_math LABEL unit)
>>>>>>> part/items
