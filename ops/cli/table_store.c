// table_store.c - the rows of the command table for store ..., load ... and report.
#include "ops/cli/cache_options.h"
#include "ops/cli/commands.h"
#include "ops/cli/tables.h"

#define STORE_OPTIONS                                                                              \
    {"store", "DIR", NULL, "the store's folder", true},                                            \
    {                                                                                              \
        "gen", "NAME", NULL, "a generation; default: the one that CURRENT names", false            \
    }

static const nj_option STORE_GET[] = {
    STORE_OPTIONS,
    {"check-mb", "N", "1024", "compare every byte first where the generation has at most N MiB",
     false},
    NJ_JSON_LINES_OPTION,
};

static const nj_option STORE_EXPORT[] = {
    STORE_OPTIONS,
    {"to", "jsonl|csv|resp|parquet", "jsonl",
     "in key order: an object a line; a line an item; commands for redis-cli --pipe; a table with "
     "a row a user",
     false},
    {"out", "FILE", NULL, "write here; default: standard output", false},
    NJ_CACHE_OPTIONS,
    {"json", NULL, NULL, "no change: jsonl is JSON lines already", false},
};

static const nj_option STORE_STAT[] = {STORE_OPTIONS, NJ_JSON_OPTION};

static const nj_option STORE_LIST[] = {{"store", "DIR", NULL, "the store's folder", true},
                                       NJ_JSON_OPTION};

static const nj_option STORE_PUBLISH[] = {{"store", "DIR", NULL, "the store's folder", true},
                                          NJ_JSON_OPTION};

static const nj_option STORE_ROLLBACK[] = {
    {"store", "DIR", NULL, "the store's folder", true},
    {"to", "NAME", NULL, "a generation; default: the last one that was current before and is sound",
     false},
    {"dry-run", NULL, NULL, "say where it would go back to, and change nothing", false},
    NJ_JSON_OPTION,
};

static const nj_option LOAD_REDIS[] = {
    STORE_OPTIONS,
    {"server", "ADDRESS", "127.0.0.1:6379", "host:port, or the path of a Unix socket", false},
    {"database", "N", "0", "which of the server's databases", false},
    {"password-file", "FILE", NULL, "its first line is the password", false},
    {"mode", "auto|full|delta", "auto",
     "all rows, or those that differ from what the server has; auto: the second where it can be",
     false},
    NJ_CACHE_OPTIONS,
    {"rate", "N", "0", "commands a second at most; 0: as many as the server takes", false},
    {"latency-ms", "N", "50", "a batch that takes longer halves the next one, after a pause",
     false},
    {"timeout-ms", "N", "5000", "how long an answer may take", false},
    {"patience", "TIME", "60s", "how long the server may be away before the load gives up", false},
    {"no-verify", NULL, NULL, "do not read back what was written", false},
    NJ_JSON_OPTION,
};

static const nj_option REPORT[] = {
    {"store", "DIR", NULL, "the store's folder", true},
    {"out", "FILE", NULL, "the page; default: STORE/reports/GEN.html", false},
    {"bundle", "FILE", NULL,
     "where the night's document is gone: the bundle it was made with, to tell of items and codes",
     false},
    {"json", NULL, NULL, "print the document; write a page only with --out", false},
};

static const nj_command COMMANDS[] = {
    NJ_COMMAND("load redis", "a generation into a Redis server, whole or what has changed", NULL,
               LOAD_REDIS, nj_command_load_redis),
    NJ_COMMAND("report", "the page that tells how a night went, again", "[GEN]", REPORT,
               nj_command_report),
    NJ_COMMAND("store export", "every row of a generation", NULL, STORE_EXPORT,
               nj_command_store_export),
    NJ_COMMAND("store get", "one user's list", "USER", STORE_GET, nj_command_store_get),
    NJ_COMMAND("store list", "the generations of a store", NULL, STORE_LIST, nj_command_store_list),
    NJ_COMMAND("store publish", "make CURRENT name a generation", "GEN", STORE_PUBLISH,
               nj_command_store_publish),
    NJ_COMMAND("store rollback", "make CURRENT name the generation before", NULL, STORE_ROLLBACK,
               nj_command_store_rollback),
    NJ_COMMAND("store stat", "facts of a generation", NULL, STORE_STAT, nj_command_store_stat),
    NJ_COMMAND("store verify", "read a generation whole and compare digests", NULL, STORE_STAT,
               nj_command_store_verify),
};

const nj_command_rows NJ_COMMANDS_STORE = NJ_COMMAND_ROWS(COMMANDS);
