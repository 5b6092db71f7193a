// commands.h - the commands of `nightjar`.
#ifndef NJ_OPS_CLI_COMMANDS_H
#define NJ_OPS_CLI_COMMANDS_H

#include "common/catalogue/job.h"
#include "common/cli/cli.h"
#include "common/codec/json.h"

// Of what --json prints: schemas/json, where a change that a reader could stumble over takes the next number.
#define NJ_JSON_OUTPUT_VERSION 1

/// Prints the object on standard output, "version" first, and gives it up, whatever the status; NULL is NJ_NO_MEMORY.
NJ_CHECKED nj_status nj_print_json_take(json_t **object, nj_error *err);

nj_status nj_command_baseline(const nj_arguments *arguments, nj_error *err);
nj_status nj_command_bench_collisions(const nj_arguments *arguments, nj_error *err);
nj_status nj_command_bench_engine(const nj_arguments *arguments, nj_error *err);
nj_status nj_command_bench_kernels(const nj_arguments *arguments, nj_error *err);
nj_status nj_command_bench_policy(const nj_arguments *arguments, nj_error *err);
nj_status nj_command_bench_quantizer(const nj_arguments *arguments, nj_error *err);
nj_status nj_command_bench_show(const nj_arguments *arguments, nj_error *err);
nj_status nj_command_bench_store(const nj_arguments *arguments, nj_error *err);
nj_status nj_command_bench_train(const nj_arguments *arguments, nj_error *err);
nj_status nj_command_bench_trie(const nj_arguments *arguments, nj_error *err);
nj_status nj_command_bench_wire(const nj_arguments *arguments, nj_error *err);
nj_status nj_command_bundle_list(const nj_arguments *arguments, nj_error *err);
nj_status nj_command_bundle_pack(const nj_arguments *arguments, nj_error *err);
nj_status nj_command_bundle_verify(const nj_arguments *arguments, nj_error *err);
nj_status nj_command_catalogue_assign(const nj_arguments *arguments, nj_error *err);
nj_status nj_command_catalogue_check(const nj_arguments *arguments, nj_error *err);
nj_status nj_command_catalogue_export(const nj_arguments *arguments, nj_error *err);
nj_status nj_command_catalogue_fit(const nj_arguments *arguments, nj_error *err);
nj_status nj_command_catalogue_import(const nj_arguments *arguments, nj_error *err);
nj_status nj_command_catalogue_join(const nj_arguments *arguments, nj_error *err);
nj_status nj_command_catalogue_refresh(const nj_arguments *arguments, nj_error *err);
nj_status nj_command_catalogue_show(const nj_arguments *arguments, nj_error *err);
nj_status nj_command_completion(const nj_arguments *arguments, nj_error *err);
nj_status nj_command_decode(const nj_arguments *arguments, nj_error *err);
nj_status nj_command_embed(const nj_arguments *arguments, nj_error *err);
nj_status nj_command_eval(const nj_arguments *arguments, nj_error *err);
nj_status nj_command_grade(const nj_arguments *arguments, nj_error *err);
nj_status nj_command_keys(const nj_arguments *arguments, nj_error *err);
nj_status nj_command_lab(const nj_arguments *arguments, nj_error *err);
nj_status nj_command_lab_data(const nj_arguments *arguments, nj_error *err);
nj_status nj_command_load_redis(const nj_arguments *arguments, nj_error *err);
nj_status nj_command_man(const nj_arguments *arguments, nj_error *err);
nj_status nj_command_plan(const nj_arguments *arguments, nj_error *err);
nj_status nj_command_policy_check(const nj_arguments *arguments, nj_error *err);
nj_status nj_command_policy_explain(const nj_arguments *arguments, nj_error *err);
nj_status nj_command_policy_sweep(const nj_arguments *arguments, nj_error *err);
nj_status nj_command_replay(const nj_arguments *arguments, nj_error *err);
nj_status nj_command_report(const nj_arguments *arguments, nj_error *err);
nj_status nj_command_run(const nj_arguments *arguments, nj_error *err);
nj_status nj_command_store_apply(const nj_arguments *arguments, nj_error *err);
nj_status nj_command_store_audit(const nj_arguments *arguments, nj_error *err);
nj_status nj_command_store_diff(const nj_arguments *arguments, nj_error *err);
nj_status nj_command_store_drop(const nj_arguments *arguments, nj_error *err);
nj_status nj_command_store_export(const nj_arguments *arguments, nj_error *err);
nj_status nj_command_store_gc(const nj_arguments *arguments, nj_error *err);
nj_status nj_command_serve_cache(const nj_arguments *arguments, nj_error *err);
nj_status nj_command_store_get(const nj_arguments *arguments, nj_error *err);
nj_status nj_command_store_list(const nj_arguments *arguments, nj_error *err);
nj_status nj_command_store_promote(const nj_arguments *arguments, nj_error *err);
nj_status nj_command_store_publish(const nj_arguments *arguments, nj_error *err);
nj_status nj_command_store_rollback(const nj_arguments *arguments, nj_error *err);
nj_status nj_command_store_scrub(const nj_arguments *arguments, nj_error *err);
nj_status nj_command_store_stat(const nj_arguments *arguments, nj_error *err);
nj_status nj_command_store_verify(const nj_arguments *arguments, nj_error *err);
nj_status nj_command_tokenize(const nj_arguments *arguments, nj_error *err);
nj_status nj_command_train_rqvae(const nj_arguments *arguments, nj_error *err);
nj_status nj_command_train_sasrec(const nj_arguments *arguments, nj_error *err);
nj_status nj_command_train_t5(const nj_arguments *arguments, nj_error *err);

#endif
