#include "ops/cli/lab_steps.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/file_digest.h"
#include "coordinator/daemon/stop.h"
#include "ops/cli/lab_child.h"

#define STAMP_BYTES_MAX 256
#define NANOSECONDS 1000000000u
#define LOCK_TRIES 30
#define LOCK_PAUSE_NS 100000000 // 3 s in all

// One run of a chain.
typedef struct {
    nj_lab_chain *chain;
    const nj_lab_chain_options *options;
    nj_path steps, logs; // folders
    int lock;
    uint64_t began_ns;
} chain_run;

// ---- the table ----

void nj_lab_chain_init(nj_lab_chain *chain)
{
    *chain = (nj_lab_chain){.steps = calloc(NJ_LAB_STEPS_MAX, sizeof(nj_lab_step))};
    chain->status = chain->steps != NULL ? NJ_OK : NJ_NO_MEMORY;
}

void nj_lab_chain_fini(nj_lab_chain *chain)
{
    free(chain->steps);
    *chain = (nj_lab_chain){0};
}

static void add_word(nj_lab_chain *chain, nj_lab_step *step, const char *word, size_t size)
{
    if (step->word_count == NJ_LAB_WORDS_MAX || size >= sizeof step->words - step->word_bytes) {
        chain->status = NJ_INPUT;
        return;
    }
    memcpy(step->words + step->word_bytes, word, size);
    step->words[step->word_bytes + size] = '\0';
    step->word_bytes += size + 1;
    step->word_count++;
}

void nj_lab_chain_add(nj_lab_chain *chain, const nj_lab_step_facts *facts, const char *format, ...)
{
    if (chain->status != NJ_OK || chain->count == NJ_LAB_STEPS_MAX) {
        chain->status = chain->status != NJ_OK ? chain->status : NJ_INPUT;
        return;
    }
    char line[NJ_LAB_COMMAND_BYTES_MAX];
    va_list arguments;
    va_start(arguments, format);
    const int size = vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    chain->steps[chain->count++] = (nj_lab_step){.facts = *facts};
    if (size < 0 || (size_t)size >= sizeof line) {
        chain->status = NJ_INPUT;
        return;
    }
    for (const char *word = line; *word != '\0' && chain->status == NJ_OK;) {
        const size_t length = strcspn(word, " ");
        add_word(chain, &chain->steps[chain->count - 1], word, length);
        word += length + strspn(word + length, " ");
    }
}

void nj_lab_chain_add_word(nj_lab_chain *chain, const char *word)
{
    if (chain->status == NJ_OK) {
        add_word(chain, &chain->steps[chain->count - 1], word, strlen(word));
    }
}

// ---- as one types it ----

static nj_status print_word(const char *word, nj_buffer *out)
{
    static const char PLAIN[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_./=:,+@%-";
    if (*word != '\0' && strspn(word, PLAIN) == strlen(word)) {
        return nj_buffer_append(out, word, strlen(word));
    }
    nj_status status = nj_buffer_append(out, "'", 1);
    for (const char *c = word; *c != '\0' && status == NJ_OK; c++) {
        status = *c == '\'' ? nj_buffer_append(out, "'\\''", 4) : nj_buffer_append(out, c, 1);
    }
    return status != NJ_OK ? status : nj_buffer_append(out, "'", 1);
}

nj_status nj_lab_step_print(const nj_lab_step *step, nj_buffer *out)
{
    nj_status status = nj_buffer_printf(out, "nightjar");
    const char *word = step->words;
    for (size_t i = 0; i < step->word_count && status == NJ_OK; i++) {
        status = nj_buffer_append(out, " ", 1);
        if (status == NJ_OK) {
            status = print_word(word, out);
        }
        word += strlen(word) + 1;
    }
    if (status == NJ_OK && step->facts.last_word != NULL && !step->has_last_word) {
        status = nj_buffer_printf(out, " \"$(cat %s)\"", step->facts.last_word);
    }
    if (status == NJ_OK && step->facts.to != NULL) {
        status = nj_buffer_printf(out, " > %s", step->facts.to);
    }
    return status;
}

static nj_status show_command(const nj_lab_step *step, nj_error *err)
{
    nj_buffer line;
    nj_buffer_init(&line, 4 * NJ_LAB_COMMAND_BYTES_MAX);
    nj_status status = nj_lab_step_print(step, &line);
    if (status == NJ_OK) {
        fprintf(stderr, "$ %.*s\n", (int)line.size, (const char *)line.bytes);
    } else {
        status = nj_fail(err, status, "no memory for a command line");
    }
    nj_buffer_fini(&line);
    return status;
}

// ---- what a step is made from ----

// Calls `visit` for each of the paths of `list`, joined to the folder of the lab.
static nj_status visit_paths(const chain_run *run, const char *const *list,
                             nj_status (*visit)(void *context, const char *path, nj_error *err),
                             void *context, nj_error *err)
{
    nj_status status = NJ_OK;
    for (size_t i = 0; list[i] != NULL && status == NJ_OK; i++) {
        nj_path path;
        status = *list[i] == '/' ? nj_path_copy(list[i], &path, err)
                                 : nj_path_join(run->options->out, list[i], &path, err);
        if (status == NJ_OK) {
            status = visit(context, path.text, err);
        }
    }
    return status;
}

static nj_status digest_file(nj_digester *digester, const char *path, nj_error *err)
{
    nj_digest digest;
    const nj_status status = nj_file_digest(path, &digest, err);
    if (status == NJ_OK) {
        nj_digester_update(digester, digest.bytes, sizeof digest.bytes);
    }
    return status;
}

static int keep_files(const struct dirent *entry)
{
    return entry->d_name[0] != '.' && entry->d_type != DT_DIR;
}

static nj_status digest_folder(nj_digester *digester, const char *path, nj_error *err)
{
    struct dirent **entries = NULL;
    const int count = scandir(path, &entries, keep_files, alphasort);
    if (count < 0) {
        return nj_fail_errno(err, NJ_IO, errno, "%s", path);
    }
    nj_status status = NJ_OK;
    for (int i = 0; i < count; i++) {
        nj_path file;
        if (status == NJ_OK) {
            nj_digester_update_sized(digester, entries[i]->d_name, strlen(entries[i]->d_name));
            status = nj_path_join(path, entries[i]->d_name, &file, err);
        }
        if (status == NJ_OK) {
            status = digest_file(digester, file.text, err);
        }
        free(entries[i]);
    }
    free((void *)entries);
    return status;
}

static nj_status digest_input(void *context, const char *path, nj_error *err)
{
    nj_digester_update_sized(context, path, strlen(path));
    return nj_folder_exists(path) ? digest_folder(context, path, err)
                                  : digest_file(context, path, err);
}

static nj_status digest_step(const chain_run *run, const nj_lab_step *step,
                             char out[NJ_DIGEST_HEX_BYTES], nj_error *err)
{
    nj_digester digester;
    nj_digester_init(&digester);
    nj_digester_update_sized(&digester, NIGHTJAR_VERSION, strlen(NIGHTJAR_VERSION));
    nj_digester_update_sized(&digester, step->words, step->word_bytes);
    const nj_status status = visit_paths(run, step->facts.inputs, digest_input, &digester, err);
    const nj_digest digest = nj_digester_final(&digester);
    nj_digest_hex(&digest, out);
    return status;
}

static nj_status look_for(void *context, const char *path, nj_error *err)
{
    (void)context;
    (void)err;
    return nj_file_exists(path) || nj_folder_exists(path) ? NJ_OK : NJ_NOT_FOUND;
}

// ---- stamps ----

static nj_status stamp_path(const chain_run *run, const nj_lab_step *step, const char *ending,
                            nj_path *out, nj_error *err)
{
    char name[128];
    snprintf(name, sizeof name, "%s.%s", step->facts.name, ending);
    return nj_path_join(run->steps.text, name, out, err);
}

static nj_status write_stamp(const chain_run *run, const nj_lab_step *step, const char *ending,
                             const char *digest, double seconds, nj_error *err)
{
    nj_path path;
    char text[STAMP_BYTES_MAX];
    const nj_status status = stamp_path(run, step, ending, &path, err);
    const int size = snprintf(text, sizeof text, "%s %.3f\n", digest, seconds);
    return status == NJ_OK ? nj_file_write(path.text, text, (size_t)size, err) : status;
}

// True when the stamp is there and has this digest. A stamp that cannot be read is none: the step runs again.
static bool has_stamp(const chain_run *run, const nj_lab_step *step, const char *ending,
                      const char *digest, double *out_seconds)
{
    nj_path path;
    char *text = NULL;
    size_t size = 0;
    if (stamp_path(run, step, ending, &path, NULL) != NJ_OK ||
        nj_file_read(path.text, STAMP_BYTES_MAX, &text, &size, NULL) != NJ_OK) {
        return false;
    }
    const bool fits = strncmp(text, digest, strlen(digest)) == 0 && text[strlen(digest)] == ' ';
    *out_seconds = fits ? strtod(text + strlen(digest), NULL) : 0;
    free(text);
    return fits;
}

// ---- running ----

static double seconds_since(uint64_t began_ns)
{
    return (double)(nj_clock_mono_ns() - began_ns) / NANOSECONDS;
}

// Seconds left, 0 without a limit.
static nj_status look_at_time(const chain_run *run, const nj_lab_step *step, uint64_t *out_left_s,
                              nj_error *err)
{
    const uint64_t limit_s = run->options->time_limit_s;
    const uint64_t gone_s = (nj_clock_mono_ns() - run->began_ns) / NANOSECONDS;
    if (limit_s != 0 && gone_s >= limit_s) {
        return nj_fail(err, NJ_AGAIN,
                       "--time-limit %" PRIu64
                       " is used up before step \"%s\"; the same command goes on "
                       "there",
                       limit_s, step->facts.name);
    }
    *out_left_s = limit_s != 0 ? limit_s - gone_s : 0;
    return NJ_OK;
}

// What a step that begins anew must not find is from other inputs.
static nj_status clear_scratch(const chain_run *run, const nj_lab_step *step, nj_error *err)
{
    nj_path path;
    if (step->facts.scratch == NULL) {
        return NJ_OK;
    }
    const nj_status status = nj_path_join(run->options->out, step->facts.scratch, &path, err);
    return status == NJ_OK ? nj_folder_remove(path.text, err) : status;
}

static nj_status run_child(const chain_run *run, const nj_lab_step *step, bool resumes,
                           uint64_t left_s, nj_error *err)
{
    const char *argv[NJ_LAB_WORDS_MAX + 5] = {"nightjar"};
    size_t count = 1;
    const char *word = step->words;
    for (size_t i = 0; i < step->word_count; i++) {
        argv[count++] = word;
        word += strlen(word) + 1;
    }
    char left[32];
    snprintf(left, sizeof left, "%" PRIu64, left_s);
    if (resumes && step->facts.going_on != NJ_LAB_AGAIN) {
        argv[count++] = "--resume";
    }
    if (left_s > 0 && step->facts.going_on == NJ_LAB_TRAINING) {
        argv[count++] = "--time-limit";
        argv[count++] = left;
    }
    char name[128];
    snprintf(name, sizeof name, "%s.log", step->facts.name);
    nj_path log;
    nj_path output = {""};
    nj_status status = nj_path_join(run->logs.text, name, &log, err);
    if (status == NJ_OK && step->facts.to != NULL) {
        status = nj_path_join(run->options->out, step->facts.to, &output, err);
    }
    const nj_lab_child child = {argv, run->options->out, log.text,
                                step->facts.to != NULL ? output.text : NULL, run->options->quiet};
    return status == NJ_OK ? nj_lab_child_run(&child, err) : status;
}

static nj_status explain_failure(const chain_run *run, const nj_lab_step *step, nj_status status,
                                 nj_error *err)
{
    const int number = nj_stop_signal();
    if (number != 0) {
        return nj_fail(err, number == SIGINT ? NJ_INTERRUPTED : NJ_TERMINATED,
                       "step \"%s\" was stopped by signal %d; the same command goes on there",
                       step->facts.name, number);
    }
    if (status == NJ_OK) {
        return NJ_OK;
    }
    if (status == NJ_AGAIN && run->options->time_limit_s != 0) {
        return nj_fail(err, NJ_AGAIN,
                       "--time-limit %" PRIu64
                       " is used up in step \"%s\"; the same command goes on there",
                       run->options->time_limit_s, step->facts.name);
    }
    nj_error_prefix(err, "step \"%s\" (%s/%s.log)", step->facts.name, run->logs.text,
                    step->facts.name);
    return status;
}

// The word that a step before this one has written.
static nj_status read_last_word(const chain_run *run, nj_lab_step *step, nj_error *err)
{
    nj_path path;
    char *text = NULL;
    size_t size = 0;
    if (step->facts.last_word == NULL || step->has_last_word) {
        return NJ_OK;
    }
    nj_status status = nj_path_join(run->options->out, step->facts.last_word, &path, err);
    if (status == NJ_OK) {
        status = nj_file_read(path.text, NJ_LAB_COMMAND_BYTES_MAX, &text, &size, err);
    }
    if (status == NJ_OK) {
        add_word(run->chain, step, text, strcspn(text, "\n"));
        step->has_last_word = true;
        status = run->chain->status == NJ_OK
                     ? NJ_OK
                     : nj_fail(err, NJ_INPUT, "%s: its first line is too long", path.text);
    }
    free(text);
    return status;
}

static nj_status run_step(const chain_run *run, nj_lab_step *step, nj_error *err)
{
    char digest[NJ_DIGEST_HEX_BYTES];
    uint64_t left_s = 0;
    double seconds_before = 0;
    nj_status status = read_last_word(run, step, err);
    if (status == NJ_OK) {
        status = digest_step(run, step, digest, err);
    }
    if (status != NJ_OK) {
        return explain_failure(run, step, status, err);
    }
    if (has_stamp(run, step, "done", digest, &step->seconds) &&
        visit_paths(run, step->facts.outputs, look_for, NULL, NULL) == NJ_OK) {
        step->was_skipped = true;
        return NJ_OK;
    }
    status = look_at_time(run, step, &left_s, err);
    const bool resumes = has_stamp(run, step, "begun", digest, &seconds_before);
    if (status == NJ_OK) {
        status = show_command(step, err);
    }
    if (status == NJ_OK && !resumes) {
        status = clear_scratch(run, step, err);
        if (status == NJ_OK) {
            status = write_stamp(run, step, "begun", digest, 0, err);
        }
    }
    if (status != NJ_OK) {
        return status;
    }
    const uint64_t began_ns = nj_clock_mono_ns();
    status = run_child(run, step, resumes, left_s, err);
    step->seconds = seconds_before + seconds_since(began_ns);
    const nj_status noted = write_stamp(run, step, status == NJ_OK ? "done" : "begun", digest,
                                        step->seconds, status == NJ_OK ? err : NULL);
    return explain_failure(run, step, status == NJ_OK ? noted : status, err);
}

// The step of a lab that was killed holds the lock too, until it has noticed: a moment.
static nj_status take_lock(const chain_run *run, nj_error *err)
{
    const struct timespec pause = {.tv_nsec = LOCK_PAUSE_NS};
    for (int i = 0; i < LOCK_TRIES; i++) {
        if (flock(run->lock, LOCK_EX | LOCK_NB) == 0) {
            return NJ_OK;
        }
        nanosleep(&pause, NULL);
    }
    return nj_fail(err, NJ_AGAIN, "%s: another lab is at work there", run->options->out);
}

static nj_status open_run(chain_run *run, nj_error *err)
{
    nj_path lock;
    nj_status status = nj_path_join(run->options->out, "steps", &run->steps, err);
    if (status == NJ_OK) {
        status = nj_path_join(run->options->out, "logs", &run->logs, err);
    }
    if (status == NJ_OK) {
        status = nj_folder_make(run->steps.text, err);
    }
    if (status == NJ_OK) {
        status = nj_folder_make(run->logs.text, err);
    }
    if (status == NJ_OK) {
        status = nj_path_join(run->steps.text, "lock", &lock, err);
    }
    if (status != NJ_OK) {
        return status;
    }
    run->lock = open(lock.text, O_RDWR | O_CREAT, 0666); // steps inherit it
    return run->lock < 0 ? nj_fail_errno(err, NJ_IO, errno, "%s", lock.text) : take_lock(run, err);
}

nj_status nj_lab_chain_run(nj_lab_chain *chain, const nj_lab_chain_options *options, nj_error *err)
{
    chain_run run = {
        .chain = chain, .options = options, .lock = -1, .began_ns = nj_clock_mono_ns()};
    nj_status status = open_run(&run, err);
    if (status == NJ_OK) {
        fprintf(stderr, "$ cd %s\n", options->out);
    }
    for (size_t i = 0; i < chain->count && status == NJ_OK; i++) {
        status = run_step(&run, &chain->steps[i], err);
    }
    if (run.lock >= 0) {
        close(run.lock);
    }
    return status;
}
