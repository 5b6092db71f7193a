// table_store.c - the rows of the command table for store ..., load ..., grade, report and serve-cache.
#include "common/math/kernels.h"
#include "ops/cli/cache_options.h"
#include "ops/cli/commands.h"
#include "ops/cli/tables.h"

#define STORE_OPTIONS                                                                              \
    {"store", "DIR", NULL, "the store's folder", true},                                            \
    {                                                                                              \
        "gen", "NAME", NULL,                                                                       \
            "a generation, by its name or a channel's; default: what CURRENT names", false         \
    }

static const nj_option STORE_GET[] = {
    STORE_OPTIONS,
    {"check-mb", "N", "1024", "compare every byte first where the generation has at most N MiB",
     false},
    NJ_JSON_LINES_OPTION,
};

static const nj_option STORE_EXPORT[] = {
    STORE_OPTIONS,
    {"to", "jsonl|csv|resp|parquet|delta", "jsonl",
     "in key order: an object a line; a line an item; commands for redis-cli --pipe; a table with "
     "a row a user; a segment that makes the generation",
     false},
    {"out", "FILE", NULL, "write here; default: standard output", false},
    {"since", "NAME", NULL, "a delta: only what differs from this generation or channel", false},
    {"feed", "DIR", NULL, "a delta: append it to this folder, from where that ends", false},
    {"feed-keep", "N", NULL,
     "with --feed: then remove all but the newest N segments; a store that is further behind is "
     "told "
     "to resync",
     false},
    NJ_CACHE_OPTIONS,
    {"json", NULL, NULL, "no change: jsonl is JSON lines already", false},
};

static const nj_option STORE_AUDIT[] = {
    {"store", "DIR", NULL, "the store's folder", true},
    {"gen", "NAME", NULL, "a generation or a channel; default: the one that CURRENT names", false},
    NJ_JSON_OPTION,
};

// What reads users, none of it required: the night has told it.
static const nj_option REPLAY[] = {
    {"store", "DIR", NULL, "the store's folder", true},
    {"gen", "NAME", NULL, "a generation or a channel; default: the one that CURRENT names", false},
    {"bundle", "FILE", NULL, "the night's bundle; this and the next: default: where it was then",
     false},
    {"users", "FILE", NULL, "the night's histories", false},
    {"format", "sequence|jsonl|csv|inter|parquet", NULL, "default: the night's", false},
    NJ_COLUMNS_OPTIONS,
    {"as-of", "TIME", NULL, "default: the night's", false},
    {"tie-seed", "N", "0", "of events of equal time; default: the night's", false},
    {"eligible", "FILE", NULL, "the night's list of items that may be recommended", false},
    {"deny", "FILE", NULL, "the night's list of items that may not", false},
    {"groups", "FILE", NULL, "the night's groups", false},
    {"user-groups", "FILE", NULL, "which group each user was in", false},
    {"unknown-items", "fail|skip", "fail", "ids of those lists that the catalogue does not know",
     false},
    {"kernels", "NAME", "auto", "instructions, of the night's numeric class: " NJ_KERNELS_KNOWN,
     false},
    NJ_JSON_OPTION,
};

static const nj_option STORE_APPLY[] = {
    {"store", "DIR", NULL, "the store's folder; made where the first segment needs none", true},
    {"no-publish", NULL, NULL, "leave CURRENT as it is", false},
    {"dry-run", NULL, NULL, "say which segments are needed, and change nothing", false},
    NJ_JSON_OPTION,
};

static const nj_option STORE_STAT[] = {STORE_OPTIONS, NJ_JSON_OPTION};

static const nj_option STORE_LIST[] = {{"store", "DIR", NULL, "the store's folder", true},
                                       NJ_JSON_OPTION};

static const nj_option STORE_PUBLISH[] = {
    {"store", "DIR", NULL, "the store's folder", true},
    {"channel", "NAME", "current", "a channel beside CURRENT, made where there is none", false},
    NJ_JSON_OPTION,
};

static const nj_option STORE_NAMED[] = {{"store", "DIR", NULL, "the store's folder", true},
                                        NJ_JSON_OPTION};

static const nj_option STORE_ROLLBACK[] = {
    {"store", "DIR", NULL, "the store's folder", true},
    {"channel", "NAME", "current", "a channel beside CURRENT", false},
    {"to", "NAME", NULL,
     "a generation or channel; default: the last one that was named before and is sound", false},
    {"quick", NULL, NULL, "compare size and head alone, where reading every byte takes too long",
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

static const nj_option STORE_GC[] = {
    {"store", "DIR", NULL, "the store's folder", true},
    {"keep", "N", NULL, "the newest N stay, besides what somebody needs", true},
    {"dry-run", NULL, NULL, "say what would go, and remove nothing", false},
    NJ_JSON_OPTION,
};

static const nj_option STORE_SCRUB[] = {
    {"store", "DIR", NULL, "the store's folder", true},
    {"users", "FILE", NULL, "ids of users who are to be forgotten, one a line", false},
    {"items", "FILE", NULL, "ids of items that are to go from every list, one a line", false},
    {"feed", "DIR[,...]", NULL, "feeds of store export: begun anew, with the deletes", false},
    {"logs", "FILE[,...]", NULL, "logs: the ids in them become \"[erased]\"", false},
    {"strict", NULL, NULL, "exit 5 where no generation knows an id, and change nothing", false},
    {"drop-night", NULL, NULL,
     "give up a night that is staged here, and with --items what its first phases left", false},
    {"wait", "TIME", "10s", "for readers of the old generations", false},
    {"receipt", "FILE", NULL, "write there what --json prints", false},
    {"digest-key", "FILE", NULL,
     "16 to 64 bytes: the receipt has digests of the lists of ids, keyed with them", false},
    {"dry-run", NULL, NULL, "say what would go, and change nothing", false},
    NJ_JSON_OPTION,
};

static const nj_option STORE_DIFF[] = {
    {"store", "DIR", NULL, "the store's folder", true},
    {"from", "NAME", NULL,
     "a generation or a channel; default: the one before CURRENT's, where a rollback goes", false},
    {"to", "NAME", "current", "a generation or a channel", false},
    {"k", "N", "10", "places of a list that the overlap looks at", false},
    {"items", "N", "10", "show as many of the items that gained and lost most lists", false},
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

static const nj_option GRADE[] = {
    STORE_OPTIONS,
    {"channel", "NAME", NULL,
     "the generation that this channel names; with --split only the users whom it serves", false},
    {"split", "LIST", NULL,
     "how readers split users, as serve-cache has it: each is graded on the list of his channel. A "
     "channel may be a generation's name",
     false},
    {"salt", "TEXT", NULL, "of the split", false},
    {"events", "FILE", NULL,
     "what users did, with times; also packed by gzip or zstd, or a folder of parts; - is standard "
     "input",
     true},
    {"format", "jsonl|csv|inter|parquet", NULL, "default: by the file's ending", false},
    NJ_COLUMNS_OPTIONS,
    {"from", "TIME", NULL,
     "events from then on count: a number as the file's times are, or a date of UTC; default: when "
     "the generation was made",
     false},
    {"until", "TIME", NULL, "events from then on do not count", false},
    {"user-groups", "FILE", NULL, "tell the groups of users apart: CSV of user, group", false},
    {"controls", "FILE[,...]", NULL,
     "compare with these lists that nobody was shown (JSON lines of baseline), over their users; "
     "default: those that `run --controls` has kept; none: with none",
     false},
    {"hold-if", "FIGURE@K<X[,...]", NULL,
     "exit 4 where a figure (hit, ndcg, mrr, any_hit) is surely below its bound: hit@10<0.02",
     false},
    {"resamples", "N", "1000", "resamples of the users that intervals are made of; 0: none", false},
    {"seed", "N", "0", "of the resamples", false},
    {"keep", NULL, NULL, "write the grade to STORE/reports, where reports show the trend", false},
    NJ_JSON_OPTION,
};

static const nj_option SERVE_CACHE[] = {
    {"store", "DIR", NULL, "the store's folder", true},
    {"listen", "ADDRESS", "127.0.0.1:7465",
     "where: an address of this machine and a port (0: any free one), or unix:/PATH", false},
    {"threads", "N", "2", "that answer", false},
    {"split", "LIST", "current=10000",
     "channels and their parts of the users, in ten-thousandths: current=9500,canary=500", false},
    {"salt", "TEXT", "", "of the split; another one splits the users anew", false},
    {"check-ms", "MS", "1000", "between two looks for a publish; 0: before every answer", false},
    NJ_JSON_OPTION,
};

static const nj_command COMMANDS[] = {
    NJ_COMMAND("grade", "the lists that were published, against the events that arrived since",
               NULL, GRADE, nj_command_grade),
    NJ_COMMAND("load redis", "a generation into a Redis server, whole or what has changed", NULL,
               LOAD_REDIS, nj_command_load_redis),
    NJ_COMMAND("replay", "decode one user of a generation again and compare the row", "USER",
               REPLAY, nj_command_replay),
    NJ_COMMAND("report", "the page that tells how a night went, again", "[GEN]", REPORT,
               nj_command_report),
    NJ_COMMAND("serve-cache", "lists over HTTP from a published store", NULL, SERVE_CACHE,
               nj_command_serve_cache),
    NJ_COMMAND("store apply", "make generations of deltas and publish the last", "DELTA",
               STORE_APPLY, nj_command_store_apply),
    NJ_COMMAND("store audit", "who made one user's row, from what", "USER", STORE_AUDIT,
               nj_command_store_audit),
    NJ_COMMAND("store diff", "what is different between two generations", NULL, STORE_DIFF,
               nj_command_store_diff),
    NJ_COMMAND("store drop", "remove a channel beside CURRENT", "CHANNEL", STORE_NAMED,
               nj_command_store_drop),
    NJ_COMMAND("store export", "every row of a generation", NULL, STORE_EXPORT,
               nj_command_store_export),
    NJ_COMMAND("store gc", "remove old generations that nobody needs", NULL, STORE_GC,
               nj_command_store_gc),
    NJ_COMMAND("store get", "one user's list", "USER", STORE_GET, nj_command_store_get),
    NJ_COMMAND("store list", "the generations of a store", NULL, STORE_LIST, nj_command_store_list),
    NJ_COMMAND("store promote", "make CURRENT name what a channel names", "CHANNEL", STORE_NAMED,
               nj_command_store_promote),
    NJ_COMMAND("store publish", "make CURRENT or a channel name a generation", "GEN", STORE_PUBLISH,
               nj_command_store_publish),
    NJ_COMMAND("store rollback", "make CURRENT or a channel name the generation before", NULL,
               STORE_ROLLBACK, nj_command_store_rollback),
    NJ_COMMAND("store scrub", "take users and items out of every generation, for good", NULL,
               STORE_SCRUB, nj_command_store_scrub),
    NJ_COMMAND("store stat", "facts of a generation", NULL, STORE_STAT, nj_command_store_stat),
    NJ_COMMAND("store verify", "read a generation whole and compare digests", NULL, STORE_STAT,
               nj_command_store_verify),
};

const nj_command_rows NJ_COMMANDS_STORE = NJ_COMMAND_ROWS(COMMANDS);
