// test_codebooks.c - shapes, names and values of codebooks: what is refused, and what codes stand for.
#include <math.h>

#include "common/quant/quant.h"
#include "tests/support/nj_test.h"

static void assert_codebooks_refused(nj_codebooks books, const char *says)
{
    nj_error err = {0};
    assert_refused(nj_codebooks_check(&books, &err), NJ_INPUT, &err, says);
}

static void codebooks_that_cannot_be_are_refused(void **state)
{
    (void)state;
    static const float VECTORS[] = {1, 2, 3, 4};
    static const float WITH_NAN[] = {1, 2, 3, NAN};
    static const float WITH_INFINITY[] = {1, -INFINITY, 3, 4};
    nj_codebooks good = {.vectors = {VECTORS, VECTORS}, .K = {2, 2}, .level_count = 2, .D = 2};
    nj_codebooks books = good;
    books.level_count = 0;
    assert_codebooks_refused(books, "0 levels, must be 1 to 8");
    books.level_count = 9;
    assert_codebooks_refused(books, "9 levels");
    books = good;
    books.D = 0;
    assert_codebooks_refused(books, "0 wide");
    books.D = NJ_QUANT_DIMS_MAX + 1;
    assert_codebooks_refused(books, "65537 wide, must be 1 to 65536");
    books = good;
    books.K[1] = 0;
    assert_codebooks_refused(books, "codebook 1 has 0 rows");
    books.K[1] = NJ_QUANT_CODES_MAX + 1;
    assert_codebooks_refused(books, "codebook 1 has 65537 rows, must be 1 to 65536");
    books = good;
    books.vectors[1] = WITH_NAN;
    assert_codebooks_refused(books, "codebook 1, row 1, column 1");
    books.vectors[1] = WITH_INFINITY;
    assert_codebooks_refused(books, "codebook 1, row 0, column 1");
}

// The tree of quant.h: a root with 2 children, of which one has 3 and one 4.
static const float NODES[7 * 1] = {10, 11, 12, 20, 21, 22, 23};
static const float ROOTS[2 * 1] = {1, 2};

static nj_codebooks make_hierarchy(const uint32_t *root, const uint32_t *nodes)
{
    return (nj_codebooks){.kind = NJ_QUANT_HIERARCHICAL,
                          .level_count = 2,
                          .D = 1,
                          .K = {2, 4},
                          .vectors = {ROOTS, NODES},
                          .child_offset = {root, nodes}};
}

static void children_that_do_not_follow_each_other_are_refused(void **state)
{
    (void)state;
    nj_error err = {0};
    static const uint32_t ROOT[] = {0, 2};
    static const uint32_t GOOD[] = {0, 3, 7};
    nj_codebooks good = make_hierarchy(ROOT, GOOD);
    assert_ok(nj_codebooks_check(&good, &err), &err);
    assert_int_equal(nj_codebooks_rows(&good, 0), 2);
    assert_int_equal(nj_codebooks_rows(&good, 1), 7);
    static const uint32_t LATE[] = {1, 3, 7};
    assert_codebooks_refused(make_hierarchy(ROOT, LATE), "children begin at row 1, must be 0");
    static const uint32_t BACK[] = {0, 3, 2};
    assert_codebooks_refused(make_hierarchy(ROOT, BACK), "node 1 has rows 3 to 2");
    static const uint32_t NONE[] = {0, 3, 3};
    assert_codebooks_refused(make_hierarchy(ROOT, NONE), "node 1 has rows 3 to 3, every node has");
    static const uint32_t MANY[] = {0, 2, 7};
    assert_codebooks_refused(make_hierarchy(ROOT, MANY), "node 1 has 5 children, codes are 4");
}

static void codes_stand_for_sums_parts_or_nodes(void **state)
{
    (void)state;
    static const float WIDE[] = {1, 2, 3, /**/ 4, 5, 6};
    static const float PART_0[] = {1, 2};
    static const float PART_1[] = {10, 20, /**/ 30, 40};
    static const uint32_t ROOT[] = {0, 2};
    static const uint32_t CHILDREN[] = {0, 3, 7};
    double out[3];
    nj_codebooks residual = {.level_count = 2, .D = 3, .K = {2, 2}, .vectors = {WIDE, WIDE}};
    nj_codebooks_decode(&residual, (uint16_t[]){1, 0}, 2, out);
    assert_true(out[0] == 5 && out[1] == 7 && out[2] == 9);
    nj_codebooks_decode(&residual, (uint16_t[]){1}, 1, out);
    assert_true(out[0] == 4 && out[1] == 5 && out[2] == 6);

    nj_codebooks product = {.kind = NJ_QUANT_PRODUCT,
                            .level_count = 2,
                            .D = 3,
                            .K = {2, 2},
                            .vectors = {PART_0, PART_1}};
    assert_int_equal(nj_codebooks_first_column(&product, 1), 1);
    assert_int_equal(nj_codebooks_width(&product, 1), 2);
    nj_codebooks_decode(&product, (uint16_t[]){0, 1}, 2, out);
    assert_true(out[0] == 1 && out[1] == 30 && out[2] == 40);
    nj_codebooks_decode(&product, (uint16_t[]){1}, 1, out);
    assert_true(out[0] == 2 && out[1] == 0 && out[2] == 0);

    nj_codebooks tree = make_hierarchy(ROOT, CHILDREN);
    assert_int_equal(nj_codebooks_row(&tree, (uint16_t[]){1, 3}, 1), 6);
    nj_codebooks_decode(&tree, (uint16_t[]){1, 0}, 2, out);
    assert_true(out[0] == 20);
    nj_codebooks_decode(&tree, (uint16_t[]){1}, 1, out);
    assert_true(out[0] == 2);
}

static void every_kind_has_a_name(void **state)
{
    (void)state;
    for (nj_quant_kind kind = 0; kind < NJ_QUANT_KIND_COUNT; kind++) {
        nj_quant_kind found = NJ_QUANT_KIND_COUNT;
        assert_true(nj_quant_kind_from_name(nj_quant_kind_name(kind), &found));
        assert_int_equal(found, kind);
    }
    nj_quant_kind untouched = NJ_QUANT_PRODUCT;
    assert_false(nj_quant_kind_from_name("rq", &untouched));
    assert_int_equal(untouched, NJ_QUANT_PRODUCT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(codebooks_that_cannot_be_are_refused),
        cmocka_unit_test(children_that_do_not_follow_each_other_are_refused),
        cmocka_unit_test(codes_stand_for_sums_parts_or_nodes),
        cmocka_unit_test(every_kind_has_a_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
