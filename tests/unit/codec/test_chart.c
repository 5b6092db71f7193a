// test_chart.c - axes by known answers, and pictures that are well-formed whatever the values are.
#include "common/codec/chart.h"

#include <math.h>
#include <string.h>

#include "tests/support/markup_check.h"
#include "tests/support/nj_test.h"

static void expect_ticks(const nj_chart_ticks *ticks, const double *values, size_t count,
                         int decimals)
{
    assert_int_equal(ticks->count, count);
    for (size_t i = 0; i < count; i++) {
        assert_true(fabs(ticks->values[i] - values[i]) <= 1e-12 * (1 + fabs(values[i])));
    }
    assert_int_equal(ticks->decimals, decimals);
}

static void ticks_are_round_numbers_around_the_values(void **state)
{
    (void)state;
    nj_chart_ticks t;
    nj_chart_ticks_round(0, 0.0642, 5, false, &t);
    expect_ticks(&t, (double[]){0, 0.02, 0.04, 0.06, 0.08}, 5, 2);
    nj_chart_ticks_round(2.2, 5.6, 5, false, &t);
    expect_ticks(&t, (double[]){2, 3, 4, 5, 6}, 5, 0);
    nj_chart_ticks_round(0, 1, 4, false, &t);
    expect_ticks(&t, (double[]){0, 0.25, 0.5, 0.75, 1}, 5, 2);
    nj_chart_ticks_round(-30, 30, 3, false, &t);
    expect_ticks(&t, (double[]){-40, -20, 0, 20, 40}, 5, 0);
    nj_chart_ticks_round(1, 3, 8, true, &t);
    expect_ticks(&t, (double[]){1, 2, 3}, 3, 0);
    nj_chart_ticks_round(0, 10, 4, true, &t);
    expect_ticks(&t, (double[]){0, 3, 6, 9, 12}, 5, 0);
}

static void an_axis_of_one_value_has_room_around_it(void **state)
{
    (void)state;
    static const double VALUES[] = {0, 1, -1, 5, 1e-9, 1e300, 0.3};
    for (size_t i = 0; i < sizeof VALUES / sizeof VALUES[0]; i++) {
        for (int whole = 0; whole < 2; whole++) {
            nj_chart_ticks t;
            nj_chart_ticks_round(VALUES[i], VALUES[i], 5, whole, &t);
            assert_in_range(t.count, 2, NJ_CHART_TICKS_MAX);
            assert_true(t.values[0] <= VALUES[i] && t.values[t.count - 1] >= VALUES[i]);
            assert_true(t.values[0] < t.values[t.count - 1]);
        }
    }
}

static void every_axis_holds_its_values_and_rises(void **state)
{
    (void)state;
    for (double low = -7.3e5; low < 1e6; low = low < 0 ? low / 7 + 1e-3 : low * 9) {
        for (double size = 1e-5; size < 1e7; size *= 3.7) {
            for (size_t want = 2; want <= 12; want++) {
                nj_chart_ticks t;
                nj_chart_ticks_round(low, low + size, want, false, &t);
                assert_in_range(t.count, 2, NJ_CHART_TICKS_MAX);
                const double slack = 1e-6 * size + 1e-14 * fabs(low);
                assert_true(t.values[0] <= low + slack);
                assert_true(t.values[t.count - 1] >= low + size - slack);
                assert_true(t.values[1] > t.values[0]);
            }
        }
    }
}

static void logarithmic_ticks_are_powers_of_ten_or_parts_of_them(void **state)
{
    (void)state;
    nj_chart_ticks t;
    nj_chart_ticks_log(20, 900, &t);
    expect_ticks(&t, (double[]){20, 50, 100, 200, 500, 1000}, 6, 0);
    nj_chart_ticks_log(1, 100000, &t);
    expect_ticks(&t, (double[]){1, 10, 100, 1000, 10000, 100000}, 6, 0);
    nj_chart_ticks_log(7, 7, &t);
    expect_ticks(&t, (double[]){5, 10}, 2, 0);
    nj_chart_ticks_log(1e-300, 1e300, &t);
    assert_in_range(t.count, 2, NJ_CHART_TICKS_MAX);
    assert_true(t.values[0] <= 1e-299 && t.values[t.count - 1] >= 1e299);
}

// Ends the picture; its text is borrowed from it.
static const char *finish(nj_svg *svg)
{
    assert_int_equal(nj_svg_end(svg), NJ_OK);
    assert_int_equal(nj_buffer_append(&svg->bytes, "", 1), NJ_OK);
    const char *text = (const char *)svg->bytes.bytes;
    const char *problem = markup_problem(text);
    if (problem != NULL) {
        fail_msg("not well-formed at: %.80s", problem);
    }
    assert_null(strstr(text, "nan"));
    assert_null(strstr(text, "inf"));
    return text;
}

static size_t count_of(const char *text, const char *word)
{
    size_t count = 0;
    while ((text = strstr(text, word)) != NULL) {
        count++;
        text++;
    }
    return count;
}

static void a_line_goes_through_its_points(void **state)
{
    (void)state;
    nj_svg svg;
    const nj_chart_line line = {.name = "loss", .y = (double[]){0, 5, 10}, .count = 3};
    nj_chart_lines(&svg, &(nj_chart){.title = "Loss <x>", .width = 200, .height = 100}, &line, 1);
    const char *text = finish(&svg);
    // From the left end of the axis to the right one, and from its lowest tick to the highest: half way between them in the middle.
    double x[3];
    double y[3];
    const char *points = strstr(text, " points=\"46.00"); // not the sample of the legend
    assert_non_null(points);
    assert_int_equal(sscanf(points, " points=\"%lf,%lf %lf,%lf %lf,%lf\"", &x[0], &y[0], &x[1],
                            &y[1], &x[2], &y[2]),
                     6);
    assert_true(fabs(x[2] - 184) < 0.01);
    assert_true(fabs(x[1] - (x[0] + x[2]) / 2) < 0.02 && fabs(y[1] - (y[0] + y[2]) / 2) < 0.02);
    assert_true(fabs(y[0] - 74) < 0.01 && y[2] < y[0]);
    assert_non_null(strstr(text, "Loss &lt;x&gt;"));
    assert_int_equal(count_of(text, "<circle"), 3);
    assert_int_equal(count_of(text, "<style>"), 0);
    nj_svg_fini(&svg);
}

static void a_value_that_is_no_number_leaves_a_gap(void **state)
{
    (void)state;
    nj_svg svg;
    double y[] = {1, 2, NAN, INFINITY, 3, 4, -INFINITY};
    const nj_chart_line line = {.y = y, .low = y, .high = y, .count = 7};
    nj_chart_lines(&svg, &(nj_chart){.title = "t"}, &line, 1);
    const char *text = finish(&svg);
    assert_int_equal(count_of(text, "<polyline"), 2);
    assert_int_equal(count_of(text, "<circle"), 4);
    assert_int_equal(count_of(text, " faint\" d=\"M"), 2); // its band likewise
    nj_svg_fini(&svg);
}

static void a_long_line_is_drawn_to_its_end(void **state)
{
    (void)state;
    static double y[2000];
    for (size_t i = 0; i < 2000; i++) {
        y[i] = (double)i;
    }
    nj_svg svg;
    nj_chart_lines(&svg, &(nj_chart){.title = "t"}, &(nj_chart_line){.y = y, .count = 2000}, 1);
    assert_non_null(strstr(finish(&svg), "704.00,")); // the right end
    nj_svg_fini(&svg);
}

static void charts_without_values_say_so(void **state)
{
    (void)state;
    static const double NONE[] = {NAN, INFINITY};
    const nj_chart chart = {.title = "t", .x_log = true};
    nj_svg svg;
    nj_chart_lines(&svg, &chart, NULL, 0);
    assert_non_null(strstr(finish(&svg), ">no data<"));
    nj_svg_fini(&svg);
    const double zero[] = {0, -1};
    nj_chart_lines(&svg, &chart, &(nj_chart_line){.x = zero, .y = zero, .count = 2}, 1);
    assert_non_null(strstr(finish(&svg), ">no data<"));
    nj_svg_fini(&svg);
    const char *groups[] = {"a", "b"};
    nj_chart_bars(&svg, &chart, groups, 2, &(nj_chart_bar){.name = "x", .values = NONE}, 1);
    assert_non_null(strstr(finish(&svg), ">no data<"));
    nj_svg_fini(&svg);
    nj_chart_bars(&svg, &chart, NULL, 0, NULL, 0);
    assert_non_null(strstr(finish(&svg), ">no data<"));
    nj_svg_fini(&svg);
    nj_chart_scatter(&svg, &chart, NULL, 0, &(nj_chart_dot){.x = NAN, .y = 1}, 1);
    assert_non_null(strstr(finish(&svg), ">no data<"));
    nj_svg_fini(&svg);
}

static void bars_stand_on_zero_and_carry_whiskers(void **state)
{
    (void)state;
    const char *groups[] = {"Recall@10", "a group with a name that is much too long for its place"};
    const double values[] = {0.5, NAN};
    const double low[] = {0.4, NAN};
    const double high[] = {0.6, NAN};
    const double below[] = {-0.5, 0};
    const nj_chart_bar bars[] = {{"TIGER", values, low, high}, {"down", below, NULL, NULL}};
    nj_svg svg;
    nj_chart_bars(&svg, &(nj_chart){.title = "t", .width = 300}, groups, 2, bars, 2);
    const char *text = finish(&svg);
    assert_non_null(strstr(text, "<title>Recall@10, TIGER: 0.5 (0.4 to 0.6)</title>"));
    assert_int_equal(count_of(text, "<line class=\"ink\""), 3);
    assert_int_equal(count_of(text, ">\u2013<"), 1);
    assert_non_null(strstr(text, "\u2026<"));
    nj_svg_fini(&svg);
}

static void points_carry_their_labels(void **state)
{
    (void)state;
    const char *names[] = {"generative", "baseline"};
    const nj_chart_dot dots[] = {
        {900, 0.1, "TIGER", 0}, {20, 0.03, "a & b", 1}, {0, 0.5, "left of it", 1}};
    nj_svg svg;
    nj_chart_scatter(&svg, &(nj_chart){.title = "t", .x_log = true}, names, 2, dots, 3);
    const char *text = finish(&svg);
    assert_non_null(strstr(text, ">TIGER</text>"));
    assert_non_null(strstr(text, ">a &amp; b</text>"));
    assert_null(strstr(text, "left of it"));
    nj_svg_fini(&svg);
}

static void too_many_series_are_refused(void **state)
{
    (void)state;
    static nj_chart_line lines[NJ_CHART_SERIES_MAX + 1];
    nj_svg svg;
    nj_chart_lines(&svg, &(nj_chart){.title = "t"}, lines, NJ_CHART_SERIES_MAX + 1);
    assert_int_equal(nj_svg_end(&svg), NJ_FAILED);
    nj_svg_fini(&svg);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ticks_are_round_numbers_around_the_values),
        cmocka_unit_test(an_axis_of_one_value_has_room_around_it),
        cmocka_unit_test(every_axis_holds_its_values_and_rises),
        cmocka_unit_test(logarithmic_ticks_are_powers_of_ten_or_parts_of_them),
        cmocka_unit_test(a_line_goes_through_its_points),
        cmocka_unit_test(a_value_that_is_no_number_leaves_a_gap),
        cmocka_unit_test(a_long_line_is_drawn_to_its_end),
        cmocka_unit_test(charts_without_values_say_so),
        cmocka_unit_test(bars_stand_on_zero_and_carry_whiskers),
        cmocka_unit_test(points_carry_their_labels),
        cmocka_unit_test(too_many_series_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
