// compare_blas.c - our packed kernels beside OpenBLAS, BLIS, oneDNN and LIBXSMM, product by product, on one thread.
//
//   compare_blas [--json] [--rounds N] [--only KIND] [--shape MxNxK]        NIGHTJAR_COMPARE_LIBS=FOLDER[:FOLDER] names the libraries
//
// A case is one product. Every peer computes it in every round, the peers in turn, so that a disturbance meets all, and the clock is the CPU
// time of the thread. A column shows the best round and its share of the FMA peak, which is probed between the turns. Where a library can be asked
// in several ways (weights as stored or turned, panels of 16 or 64), a short trial chooses the fastest for each case. A peer
// whose result is further from a float64 sum than any order of float32 sums can be is reported and left out.
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/math/peak.h"
#include "tests/bench/compare_blas_cases.h"

#define ROUNDS_MAX 101
#define SLICE_NS 1500000.0 // a peer's turn lasts about so long, where one pass is shorter
#define TRIALS 3
#define PEAK_SECONDS 0.0005
#define PEAK_FIRST_SECONDS 0.02 // once a case: a long product has few rounds
#define SAMPLES 64
#define TURN_NS_MAX 5e8 // of all rounds of one peer: long products get fewer rounds, but
#define ROUNDS_MIN 2
#define TIE 0.03 // closer than that to the fastest counts as equal

typedef struct {
    const nj_peer *peer; // the variant that was fastest
    double best;         // GFLOP/s
    double median;
    bool exact_bits; // every element is the exact class's chain of FMAs
} case_outcome;

typedef struct {
    case_outcome columns[NJ_PEERS_MAX];
    double peak;        // GFLOP/s, best probe of the case
    double peak_median; // how quiet the machine was
} case_result;

typedef struct {
    bool json;
    size_t rounds;
    const char *only;  // a kind; NULL: all
    const char *shape; // "MxNxK"; NULL: all
} bench_options;

// ---- one case

/// Samples of C against sums in float64: no order of K float32 additions is further away than K + 2 roundings of the
/// sum of magnitudes. Tells, too, whether all samples are the chain of kernels.h.
static bool check_result(const nj_product *p, bool *out_exact_bits)
{
    *out_exact_bits = true;
    uint64_t state = 7;
    for (size_t i = 0; i < SAMPLES; i++) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        size_t m = (size_t)(state >> 33) % p->M;
        size_t n = (size_t)(state >> 11) % p->N;
        double sum = 0;
        double magnitude = 0;
        float chain = 0.0f;
        for (size_t k = 0; k < p->K; k++) {
            float a = p->A[m * p->lda + k];
            float b = p->weights ? p->B[n * p->K + k] : p->B[k * p->ldb + n];
            double term = (double)a * (double)b;
            chain = fmaf(a, b, chain);
            sum += term;
            magnitude += fabs(term);
        }
        *out_exact_bits = *out_exact_bits && p->C[m * p->ldc + n] == chain;
        double allowed = (double)(p->K + 2) * 0x1p-24 * magnitude;
        if (!(fabs(p->C[m * p->ldc + n] - sum) <= allowed)) {
            return false;
        }
    }
    return true;
}

typedef struct {
    const nj_peer *peer;
    void *plans[NJ_COPIES_MAX]; // plans[0] NULL: not offered
    size_t count;
    bool exact_bits;
    size_t repeats; // passes of a turn
    double flops;   // of a pass
} case_runner;

static void release_runner(case_runner *runner)
{
    for (size_t i = 0; i < runner->count; i++) {
        runner->peer->release(runner->plans[i]);
    }
    runner->count = 0;
}

/// False when the peer does not offer such a product.
static bool prepare_runner(const nj_peer *peer, const nj_case_operands *operands, case_runner *out)
{
    const nj_product *first = &operands->products[0];
    *out = (case_runner){.peer = peer, .repeats = 1};
    for (size_t i = 0; i < operands->count; i++) {
        void *plan = peer->prepare(peer, &operands->products[i]);
        if (plan == NULL) {
            release_runner(out);
            return false;
        }
        out->plans[out->count++] = plan;
    }
    out->flops = 2.0 * (double)first->M * (double)first->N * (double)first->K * (double)out->count;
    return true;
}

/// CPU nanoseconds of this thread: while another process has the core, they stand still.
static double read_clock_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

/// Nanoseconds of one pass.
static double time_turn(const case_runner *runner)
{
    double begin_ns = read_clock_ns();
    for (size_t r = 0; r < runner->repeats; r++) {
        for (size_t i = 0; i < runner->count; i++) {
            runner->peer->multiply(runner->plans[i]);
        }
    }
    return (read_clock_ns() - begin_ns + 1) / (double)runner->repeats;
}

static bool compute_rightly(case_runner *runner, const nj_case_operands *operands)
{
    const nj_product *first = &operands->products[0];
    memset(first->C, 0xff, first->M * first->ldc * sizeof(float)); // NaN: what is not written shows
    runner->peer->multiply(runner->plans[0]);
    if (!check_result(first, &runner->exact_bits)) {
        fprintf(stderr, "compare_blas: %s (%s) computes M=%zu N=%zu K=%zu wrongly: left out\n",
                runner->peer->column, runner->peer->variant, first->M, first->N, first->K);
        return false;
    }
    return true;
}

/// Settles how many passes a turn has, and returns the best nanoseconds of a pass in a few turns.
static double try_runner(case_runner *runner)
{
    double best_ns = time_turn(runner);
    if (best_ns < SLICE_NS) {
        runner->repeats = (size_t)ceil(SLICE_NS / best_ns);
        for (size_t i = 0; i < TRIALS; i++) {
            best_ns = fmin(best_ns, time_turn(runner));
        }
        runner->repeats = (size_t)ceil(SLICE_NS / best_ns);
    }
    return best_ns;
}

/// Fills runners[] with the fastest variant of each column; returns how many columns offer the product.
static size_t choose_runners(const nj_peer_list *list, const nj_case_operands *operands,
                             case_runner *runners)
{
    size_t count = 0;
    double fastest_ns = 0;
    for (size_t i = 0; i < list->count; i++) {
        case_runner candidate;
        if (!prepare_runner(&list->peers[i], operands, &candidate)) {
            continue;
        }
        if (!compute_rightly(&candidate, operands)) {
            release_runner(&candidate);
            continue;
        }
        double ns = try_runner(&candidate);
        bool rival =
            count > 0 && strcmp(runners[count - 1].peer->column, candidate.peer->column) == 0;
        if (rival && ns >= fastest_ns) {
            release_runner(&candidate);
            continue;
        }
        if (rival) {
            release_runner(&runners[--count]);
        }
        runners[count++] = candidate;
        fastest_ns = ns;
    }
    return count;
}

static int compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

static size_t limit_rounds(size_t rounds, const case_runner *runners, size_t count)
{
    double slowest_ns = 1;
    for (size_t i = 0; i < count; i++) {
        slowest_ns = fmax(slowest_ns, time_turn(&runners[i]) * (double)runners[i].repeats);
    }
    double most = fmax(TURN_NS_MAX / slowest_ns, ROUNDS_MIN);
    return most < (double)rounds ? (size_t)most : rounds;
}

static size_t measure_case(const nj_peer_list *list, const nj_bench_case *c, size_t rounds,
                           case_result *out)
{
    static double speeds[NJ_PEERS_MAX + 1][ROUNDS_MAX]; // the last row: the probe of the peak
    case_runner runners[NJ_PEERS_MAX];
    nj_case_operands operands;
    nj_case_operands_init(&operands, c);
    size_t count = choose_runners(list, &operands, runners);
    rounds = limit_rounds(rounds, runners, count);
    out->peak = nj_kernels_peak_gflops(PEAK_FIRST_SECONDS);
    for (size_t r = 0; r < rounds; r++) {
        speeds[count][r] = nj_kernels_peak_gflops(PEAK_SECONDS);
        for (size_t i = 0; i < count; i++) {
            speeds[i][r] = runners[i].flops / time_turn(&runners[i]);
        }
    }
    for (size_t i = 0; i <= count; i++) {
        qsort(speeds[i], rounds, sizeof speeds[i][0], compare_doubles);
    }
    for (size_t i = 0; i < count; i++) {
        out->columns[i] = (case_outcome){runners[i].peer, speeds[i][rounds - 1],
                                         speeds[i][rounds / 2], runners[i].exact_bits};
        release_runner(&runners[i]);
    }
    out->peak = fmax(out->peak, speeds[count][rounds - 1]);
    out->peak_median = speeds[count][rounds / 2];
    nj_case_operands_fini(&operands);
    return count;
}

// ---- the report

static const case_outcome *find_column(const case_result *result, size_t count, const char *column)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(result->columns[i].peer->column, column) == 0) {
            return &result->columns[i];
        }
    }
    return NULL;
}

static void print_head(const nj_peer_list *list)
{
    for (size_t i = 0; i < list->library_count; i++) {
        printf("%-16s %s\n", list->libraries[i].name, list->libraries[i].about);
    }
    printf("\nGFLOP/s of the best round and share of the case's FMA peak; * within %.0f %% of the "
           "fastest\n\n",
           TIE * 100);
    printf("%-9s %7s %7s %5s %-7s %6s %5s", "kind", "M", "N", "K", "B", "peak", "quiet");
    for (size_t i = 0; i < list->count; i++) {
        if (i == 0 || strcmp(list->peers[i].column, list->peers[i - 1].column) != 0) {
            printf(" %15s", list->peers[i].column);
        }
    }
    printf("\n");
}

static void print_case(const nj_peer_list *list, const nj_bench_case *c, const case_result *result,
                       size_t count)
{
    const nj_product *p = &c->product;
    double fastest = 0;
    for (size_t i = 0; i < count; i++) {
        fastest = fmax(fastest, result->columns[i].best);
    }
    printf("%-9s %7zu %7zu %5zu %-7s %6.1f %4.0f%%", nj_case_kind_name(c->kind), p->M, p->N, p->K,
           p->weights ? "weights" : "as is", result->peak,
           100 * result->peak_median / result->peak);
    for (size_t i = 0; i < list->count; i++) {
        if (i > 0 && strcmp(list->peers[i].column, list->peers[i - 1].column) == 0) {
            continue;
        }
        const case_outcome *outcome = find_column(result, count, list->peers[i].column);
        if (outcome == NULL) {
            printf(" %15s", "-");
        } else {
            printf(" %7.1f %4.0f%%%c%c", outcome->best, 100 * outcome->best / result->peak,
                   outcome->exact_bits ? '=' : ' ',
                   outcome->best >= (1 - TIE) * fastest ? '*' : ' ');
        }
    }
    printf("\n");
    fflush(stdout);
}

static void print_json_case(const nj_bench_case *c, const case_result *result, size_t count,
                            bool first)
{
    const nj_product *p = &c->product;
    for (size_t i = 0; i < count; i++) {
        const case_outcome *outcome = &result->columns[i];
        printf("%s\n    {\"kind\": \"%s\", \"M\": %zu, \"N\": %zu, \"K\": %zu, \"weights\": %s, "
               "\"peer\": \"%s\", \"variant\": \"%s\", \"gflops\": %.2f, \"gflops_median\": %.2f, "
               "\"exact_bits\": %s, "
               "\"peak_gflops\": %.2f, \"peak_median_gflops\": %.2f, \"share\": %.4f}",
               first && i == 0 ? "" : ",", nj_case_kind_name(c->kind), p->M, p->N, p->K,
               p->weights ? "true" : "false", outcome->peer->column, outcome->peer->variant,
               outcome->best, outcome->median, outcome->exact_bits ? "true" : "false", result->peak,
               result->peak_median, outcome->best / result->peak);
    }
}

static void print_json_head(const nj_peer_list *list)
{
    printf("{\"libraries\": [");
    for (size_t i = 0; i < list->library_count; i++) {
        printf("%s\n    {\"name\": \"%s\", \"about\": \"%s\"}", i == 0 ? "" : ",",
               list->libraries[i].name, list->libraries[i].about);
    }
    printf("],\n \"results\": [");
}

// ---- the program

static bench_options read_options(int argc, char **argv)
{
    bench_options options = {.rounds = 15};
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--json") == 0) {
            options.json = true;
        } else if (strcmp(argv[i], "--rounds") == 0 && i + 1 < argc) {
            options.rounds = (size_t)strtoul(argv[++i], NULL, 10);
        } else if (strcmp(argv[i], "--only") == 0 && i + 1 < argc) {
            options.only = argv[++i];
        } else if (strcmp(argv[i], "--shape") == 0 && i + 1 < argc) {
            options.shape = argv[++i];
        } else {
            fprintf(stderr,
                    "usage: compare_blas [--json] [--rounds 1..%d] [--only model|attention|large] "
                    "[--shape MxNxK]\n",
                    ROUNDS_MAX);
            exit(2);
        }
    }
    if (options.rounds < 1 || options.rounds > ROUNDS_MAX) {
        fprintf(stderr, "compare_blas: --rounds must be 1 to %d\n", ROUNDS_MAX);
        exit(2);
    }
    return options;
}

static void open_libraries(nj_peer_list *list)
{
    // Whatever these libraries would do with more cores, a process of a night has one.
    static const char *const ONE_THREAD[] = {"OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS",
                                             "BLIS_NUM_THREADS"};
    for (size_t i = 0; i < sizeof ONE_THREAD / sizeof ONE_THREAD[0]; i++) {
        setenv(ONE_THREAD[i], "1", 1);
    }
    const char *folders = getenv("NIGHTJAR_COMPARE_LIBS");
    char *text = strdup(folders == NULL ? "" : folders);
    char *rest = text;
    for (char *folder = strsep(&rest, ":"); folder != NULL; folder = strsep(&rest, ":")) {
        if (folder[0] != '\0') {
            nj_peers_add_folder(list, folder);
        }
    }
    free(text);
}

static bool is_wanted(const bench_options *options, const nj_bench_case *c)
{
    char shape[64];
    snprintf(shape, sizeof shape, "%zux%zux%zu", c->product.M, c->product.N, c->product.K);
    return (options->only == NULL || strcmp(options->only, nj_case_kind_name(c->kind)) == 0) &&
           (options->shape == NULL || strcmp(options->shape, shape) == 0);
}

int main(int argc, char **argv)
{
    static nj_peer_list list;
    static nj_bench_case cases[NJ_CASES_MAX];
    static case_result result;
    bench_options options = read_options(argc, argv);
    nj_peers_add_sets(&list);
    open_libraries(&list);
    size_t count = nj_cases_fill(cases);
    bool first = true;
    (options.json ? print_json_head : print_head)(&list);
    for (size_t i = 0; i < count; i++) {
        if (!is_wanted(&options, &cases[i])) {
            continue;
        }
        size_t columns = measure_case(&list, &cases[i], options.rounds, &result);
        if (options.json) {
            print_json_case(&cases[i], &result, columns, first);
        } else {
            print_case(&list, &cases[i], &result, columns);
        }
        first = false;
    }
    if (options.json) {
        printf("]}\n");
    }
    return 0;
}
