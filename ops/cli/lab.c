// lab.c - `nightjar lab`, and its own two steps.
#include "ops/cli/lab.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/cpus.h"
#include "ops/cli/commands.h"
#include "ops/cli/lab_chain.h"
#include "ops/cli/lab_page.h"

#define LAB_FACTS_BYTES_MAX (1u << 20)
#define THREADS_MAX 256

// What settings borrow.
typedef struct {
    nj_lab_settings settings;
    char *data; // owned
    nj_path histories, items;
    char threads[32], procs[32];
} prepared;

static nj_status find_data(const nj_arguments *arguments, prepared *p, nj_error *err)
{
    const char *folder = nj_argument(arguments, "data");
    nj_status status =
        nj_lab_kind_find(nj_argument(arguments, "kind"), folder, &p->settings.kind, err);
    if (status != NJ_OK) {
        return status;
    }
    p->data = realpath(folder, NULL);
    if (p->data == NULL) {
        return nj_fail_errno(err, NJ_IO, errno, "--data %s", folder);
    }
    status = nj_path_join(p->data, p->settings.kind->histories, &p->histories, err);
    return status == NJ_OK ? nj_path_join(p->data, p->settings.kind->items, &p->items, err)
                           : status;
}

static nj_status choose_threads(const nj_arguments *arguments, prepared *p, nj_error *err)
{
    uint64_t threads = 0;
    nj_cpu_list cpus;
    nj_status status = nj_argument_uint(arguments, "threads", 0, THREADS_MAX, &threads, err);
    if (status == NJ_OK) {
        status = nj_cpus_allowed(&cpus, err);
    }
    if (status == NJ_OK) {
        snprintf(p->procs, sizeof p->procs, "--procs %" PRIu64, threads > 0 ? threads : cpus.count);
        if (threads > 0) {
            snprintf(p->threads, sizeof p->threads, " --threads %" PRIu64, threads);
        }
    }
    return status;
}

static nj_status prepare(const nj_arguments *arguments, prepared *p, nj_error *err)
{
    nj_lab_settings *s = &p->settings;
    nj_status status = find_data(arguments, p, err);
    if (status == NJ_OK) {
        status = nj_argument_uint(arguments, "seed", 0, UINT32_MAX, &s->seed, err);
    }
    if (status == NJ_OK) {
        status = choose_threads(arguments, p, err);
    }
    s->embeddings = nj_argument(arguments, "embeddings-from");
    if (status == NJ_OK && s->embeddings != NULL && strcmp(s->embeddings, "text") != 0 &&
        strcmp(s->embeddings, "sasrec") != 0) {
        status = nj_fail(err, NJ_USAGE, "--embeddings-from is \"%s\", must be text or sasrec",
                         s->embeddings);
    }
    s->data = p->data;
    s->histories = p->histories.text;
    s->items = p->items.text;
    s->threads_option = p->threads;
    s->procs_option = p->procs;
    s->quick = nj_argument_flag(arguments, "quick");
    return status;
}

// The chain as a script.
static nj_status print_chain(const nj_lab_chain *chain, const char *out, nj_error *err)
{
    nj_buffer text;
    nj_buffer_init(&text, SIZE_MAX);
    nj_status status = nj_buffer_printf(&text, "mkdir -p %s && cd %s\n", out, out);
    for (size_t i = 0; i < chain->count && status == NJ_OK; i++) {
        status = nj_buffer_printf(&text, "\n# %s\n", chain->steps[i].facts.why);
        if (status == NJ_OK) {
            status = nj_lab_step_print(&chain->steps[i], &text);
        }
        if (status == NJ_OK) {
            status = nj_buffer_append(&text, "\n", 1);
        }
    }
    if (status == NJ_OK) {
        fwrite(text.bytes, 1, text.size, stdout);
    }
    nj_buffer_fini(&text);
    return status == NJ_OK ? NJ_OK : nj_fail(err, status, "no memory for the chain");
}

static nj_status print_result(const nj_arguments *arguments, const nj_lab_chain *chain,
                              nj_error *err)
{
    const char *out = nj_argument(arguments, "out");
    double seconds = 0;
    size_t skipped = 0;
    json_t *steps = json_object();
    for (size_t i = 0; i < chain->count; i++) {
        seconds += chain->steps[i].seconds;
        skipped += chain->steps[i].was_skipped;
        json_object_set_new(steps, chain->steps[i].facts.name, json_real(chain->steps[i].seconds));
    }
    if (nj_argument_flag(arguments, "json")) {
        json_t *object = json_pack("{s:s+, s:f, s:I, s:o}", "page", out, "/" NJ_LAB_PAGE, "seconds",
                                   seconds, "steps_skipped", (json_int_t)skipped, "steps", steps);
        return nj_print_json_take(&object, err);
    }
    json_decref(steps);
    printf("%s/" NJ_LAB_PAGE ": %zu steps, %.0f s in all; %zu of them were done before\n", out,
           chain->count, seconds, skipped);
    return NJ_OK;
}

static nj_status run_chain(const nj_arguments *arguments, const nj_lab_settings *settings,
                           nj_lab_chain *chain, nj_error *err)
{
    nj_lab_chain_options options = {.out = nj_argument(arguments, "out"),
                                    .quiet = nj_argument_flag(arguments, "quiet")};
    nj_status status =
        nj_argument_uint(arguments, "time-limit", 0, UINT32_MAX, &options.time_limit_s, err);
    if (status == NJ_OK) {
        status = nj_folder_make(options.out, err);
    }
    if (status == NJ_OK) {
        status = nj_lab_chain_run(chain, &options, err);
    }
    if (status == NJ_OK) {
        status = nj_lab_page_write(settings, chain, options.out, err);
    }
    return status == NJ_OK ? print_result(arguments, chain, err) : status;
}

nj_status nj_command_lab(const nj_arguments *arguments, nj_error *err)
{
    prepared p = {0};
    nj_lab_chain chain;
    nj_lab_chain_init(&chain);
    nj_status status = prepare(arguments, &p, err);
    if (status == NJ_OK) {
        nj_lab_chain_make(&p.settings, &chain);
        status = chain.status == NJ_OK
                     ? NJ_OK
                     : nj_fail(err, chain.status, "the chain of steps is too long");
    }
    if (status == NJ_OK) {
        status = nj_argument_flag(arguments, "dry-run")
                     ? print_chain(&chain, nj_argument(arguments, "out"), err)
                     : run_chain(arguments, &p.settings, &chain, err);
    }
    nj_lab_chain_fini(&chain);
    free(p.data);
    return status;
}

static nj_status print_facts(const char *folder, nj_error *err)
{
    nj_path path;
    json_t *facts = NULL;
    nj_status status = nj_path_join(folder, NJ_LAB_DATA_JSON, &path, err);
    if (status == NJ_OK) {
        status = nj_json_load(path.text, LAB_FACTS_BYTES_MAX, &facts, err);
    }
    return status == NJ_OK ? nj_print_json_take(&facts, err) : status;
}

nj_status nj_command_lab_data(const nj_arguments *arguments, nj_error *err)
{
    const nj_lab_kind *kind = NULL;
    const char *folder = nj_argument(arguments, "data");
    const char *out = nj_argument(arguments, "out");
    uint64_t seed = 0;
    nj_status status = nj_lab_kind_find(nj_argument(arguments, "kind"), folder, &kind, err);
    if (status == NJ_OK) {
        status = nj_argument_uint(arguments, "seed", 0, UINT32_MAX, &seed, err);
    }
    if (status == NJ_OK) {
        status = nj_folder_make(out, err);
    }
    if (status == NJ_OK) {
        status = nj_lab_data_write(kind, folder, seed, out, err);
    }
    return status == NJ_OK && nj_argument_flag(arguments, "json") ? print_facts(out, err) : status;
}
