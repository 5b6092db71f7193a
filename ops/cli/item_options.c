#include "ops/cli/item_options.h"

#include "common/base/clock.h"
#include "common/base/cpus.h"
#include "common/base/log.h"
#include "coordinator/daemon/night_options.h"

// ---- in this process ----

static nj_status open_threads(const nj_arguments *arguments, nj_item_place *place, nj_error *err)
{
    uint64_t threads = 0;
    nj_cpu_list cpus;
    nj_status status =
        nj_argument_uint(arguments, "threads", 0, NJ_ITEM_THREADS_MAX, &threads, err);
    if (status == NJ_OK && threads == 0) {
        status = nj_cpus_allowed(&cpus, err);
        threads = cpus.count < NJ_ITEM_THREADS_MAX ? cpus.count : NJ_ITEM_THREADS_MAX;
    }
    if (status == NJ_OK) {
        status = nj_kernels_choose(NJ_PRECISION_DEFAULT, "auto", &place->threads.kernels, err);
    }
    if (status == NJ_OK) {
        place->threads.thread_count = (uint32_t)threads;
        place->executor = nj_item_threads_executor(&place->threads);
    }
    return status;
}

// ---- on workers ----

// Workers of this host find the file in their cache.
static nj_status seed_file(void *context, const char *path, nj_digest *out, nj_error *err)
{
    nj_item_place *place = context;
    return nj_section_cache_seed(&place->cache, path, out, err);
}

static nj_status open_local(const nj_arguments *arguments, size_t worker_count,
                            nj_item_place *place, nj_error *err)
{
    nj_status status = nj_section_cache_init(&place->cache, nj_argument(arguments, "cache"), err);
    if (status == NJ_OK) {
        status = nj_local_fleet_new(arguments, worker_count, &place->workers, err);
    }
    if (status == NJ_OK) {
        const nj_local_access access = nj_local_fleet_access(place->workers);
        place->options.endpoint = access.endpoint;
        place->options.keys = access.keys;
        place->options.allowed = access.allowed;
        place->options.hooks = access.hooks;
        place->options.digest_file = seed_file;
        place->options.digest_context = place;
    }
    return status;
}

static nj_status open_remote(const nj_arguments *arguments, nj_item_place *place, nj_error *err)
{
    const char *key = nj_argument(arguments, "key");
    const char *allowed = nj_argument(arguments, "allowed");
    place->options.endpoint = nj_argument(arguments, "bind");
    place->options.insecure = nj_argument_flag(arguments, "insecure");
    if (place->options.insecure) {
        return key == NULL && allowed == NULL
                   ? NJ_OK
                   : nj_fail(err, NJ_USAGE, "--insecure does not go with --key and --allowed");
    }
    if (key == NULL || allowed == NULL) {
        return nj_fail(err, NJ_USAGE,
                       "--bind wants --key and --allowed (or --insecure, on purpose)");
    }
    nj_status status = nj_keypair_read(key, &place->keys, err);
    if (status == NJ_OK) {
        status =
            nj_allow_watch_open(&place->watch, allowed, nj_clock_mono_ns(), &place->allowed, err);
    }
    if (status == NJ_OK) {
        place->options.keys = &place->keys;
        place->options.allowed = &place->allowed;
        place->options.watch = &place->watch;
    }
    return status;
}

static nj_status open_fleet(nj_item_place *place, nj_error *err)
{
    nj_status status = nj_item_fleet_open(&place->options, &place->fleet, err);
    if (status == NJ_OK) {
        place->executor = nj_item_fleet_executor(place->fleet);
    }
    return status;
}

static nj_status check_together(const nj_arguments *arguments, uint64_t workers, nj_error *err)
{
    static const char *const WITH_BIND[] = {"key", "allowed"};
    if (nj_argument(arguments, "bind") != NULL) {
        return workers == 0 ? NJ_OK
                            : nj_fail(err, NJ_USAGE,
                                      "--bind is for workers that are started elsewhere, also on "
                                      "this host: it does not go with --workers");
    }
    for (size_t i = 0; i < sizeof WITH_BIND / sizeof WITH_BIND[0]; i++) {
        if (nj_argument(arguments, WITH_BIND[i]) != NULL) {
            return nj_fail(err, NJ_USAGE, "--%s goes with --bind", WITH_BIND[i]);
        }
    }
    return NJ_OK;
}

static nj_status open_place(const nj_arguments *arguments, nj_item_place *place, nj_error *err)
{
    uint64_t workers = 0;
    uint64_t lease_ms = 0;
    const bool remote = nj_argument(arguments, "bind") != NULL;
    nj_status status = nj_argument_uint(arguments, "workers", 0, NJ_LOCAL_FLEET_MAX, &workers, err);
    if (status == NJ_OK) {
        status = nj_argument_uint(arguments, "lease-ms", NJ_NIGHT_LEASE_MS_LEAST,
                                  NJ_NIGHT_LEASE_MS_MOST, &lease_ms, err);
    }
    if (status == NJ_OK) {
        status = check_together(arguments, workers, err);
    }
    if (status != NJ_OK || (!remote && workers == 0)) {
        return status == NJ_OK ? open_threads(arguments, place, err) : status;
    }
    place->options.lease_ms = (uint32_t)lease_ms;
    status = remote ? open_remote(arguments, place, err)
                    : open_local(arguments, (size_t)workers, place, err);
    return status == NJ_OK ? open_fleet(place, err) : status;
}

nj_status nj_item_place_open(const nj_arguments *arguments, nj_item_place *place, nj_error *err)
{
    *place = (nj_item_place){.cache = {.draft_fd = -1}};
    nj_status status = open_place(arguments, place, err);
    if (status != NJ_OK) {
        nj_item_place_close(place, status);
    }
    return status;
}

static void tell_counts(const nj_item_fleet *fleet)
{
    const nj_item_fleet_counts counts = nj_item_fleet_count(fleet);
    nj_log(NJ_LOG_INFO,
           "items: %llu rounds, %llu shards, %llu leases, %llu of them lost, %llu failed",
           (unsigned long long)counts.rounds, (unsigned long long)counts.shards,
           (unsigned long long)counts.leases, (unsigned long long)counts.losses,
           (unsigned long long)counts.failures);
}

void nj_item_place_close(nj_item_place *place, nj_status status)
{
    if (place->fleet != NULL) {
        tell_counts(place->fleet);
    }
    nj_item_fleet_close(&place->fleet, status == NJ_OK ? NJ_DRAIN_FINISHED : NJ_DRAIN_STOPPING);
    nj_local_fleet_free(&place->workers);
    nj_section_cache_fini(&place->cache);
    nj_allowlist_fini(&place->allowed);
    nj_keypair_wipe(&place->keys);
    *place = (nj_item_place){.cache = {.draft_fd = -1}};
}
