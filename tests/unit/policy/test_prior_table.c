// test_prior_table.c - priors of prefixes against counts over all rows.
#include "common/math/vecmath.h"
#include "tests/unit/policy/shop.h"
#include "worker/policy/prior_table.h"

// The count of the items that begin with the codes of a row, and how many they are.
static double weigh(const shop *s, uint32_t row, uint32_t levels, double smoothing)
{
    double sum = 0;
    for (uint32_t other = 0; other < SHOP_ROWS; other++) {
        if (s->retired[other] == 0 &&
            memcmp(s->codes + row * SHOP_LEVELS, s->codes + other * SHOP_LEVELS,
                   levels * sizeof *s->codes) == 0) {
            sum += (double)s->counts[other] + smoothing;
        }
    }
    return sum;
}

static void each_node_has_the_prior_of_its_prefix(void **state)
{
    (void)state;
    nj_error err = {0};
    shop *s = shop_open(31, 10);
    const nj_trie *trie = &s->catalogue.trie;
    nj_prior_table table = {0};
    s->policy.prior_alpha[0] = 0.5f;
    s->policy.prior_alpha[2] = -0.25f;
    s->policy.prior_smoothing = 2.5f;
    assert_int_equal(nj_prior_table_bytes(trie, &s->policy),
                     (trie->node_count[1] + trie->node_count[3]) * sizeof(float));
    assert_ok(nj_prior_table_init(trie, s->counts, &s->policy, &table, &err), &err);
    assert_null(table.bias[1]);
    for (uint32_t row = 0; row < SHOP_ROWS; row++) {
        uint32_t node = 0;
        for (uint32_t l = 0; l < SHOP_LEVELS && s->retired[row] == 0; l++) {
            node = nj_trie_step(trie, l, node, s->codes[row * SHOP_LEVELS + l]);
            if (l != 1) {
                const double prior = weigh(s, row, l + 1, 2.5) / weigh(s, row, 0, 2.5);
                const float alpha = s->policy.prior_alpha[l];
                assert_true(table.bias[l][node] == -alpha * nj_log((float)prior));
                assert_true(alpha < 0 ? table.bias[l][node] <= 0 : table.bias[l][node] >= 0);
            }
        }
    }
    nj_prior_table_fini(&table);
    shop_close(&s);
}

static void without_an_alpha_there_is_no_table(void **state)
{
    (void)state;
    nj_error err = {0};
    shop *s = shop_open(32, 10);
    nj_prior_table table = {0};
    assert_int_equal(nj_prior_table_bytes(&s->catalogue.trie, &s->policy), 0);
    assert_ok(nj_prior_table_init(&s->catalogue.trie, NULL, &s->policy, &table, &err), &err);
    assert_null(table.memory);
    assert_null(table.bias[0]);
    shop_close(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_node_has_the_prior_of_its_prefix),
        cmocka_unit_test(without_an_alpha_there_is_no_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
