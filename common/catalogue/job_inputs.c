// job_inputs.c - which files and options a job was opened with.
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "common/catalogue/job.h"

static const struct {
    const char *option;
    bool is_path;
} INPUTS[] = {
    {"bundle", true},       {"users", true},  {"format", false},     {"columns", false},
    {"delimiter", false},   {"as-of", false}, {"tie-seed", false},   {"eligible", true},
    {"deny", true},         {"groups", true}, {"user-groups", true}, {"unknown-items", false},
    {"since-bundle", true},
};
#define INPUT_COUNT (sizeof INPUTS / sizeof INPUTS[0])
_Static_assert(INPUT_COUNT <= NJ_JOB_INPUTS_MAX, "nj_job has room for every input");

// A path as it holds from any folder, and past a link that is moved. Standard input and what is not there stay as they were given.
static char *copy_value(const char *value, bool is_path)
{
    char *absolute = is_path && strcmp(value, "-") != 0 ? realpath(value, NULL) : NULL;
    return absolute != NULL ? absolute : strdup(value);
}

nj_status nj_job_inputs_note(const nj_arguments *arguments, const char *bundle_path, nj_job *job,
                             nj_error *err)
{
    for (size_t i = 0; i < INPUT_COUNT; i++) {
        const bool is_bundle = strcmp(INPUTS[i].option, "bundle") == 0;
        const char *value = is_bundle ? bundle_path : nj_argument(arguments, INPUTS[i].option);
        if (value == NULL) {
            continue;
        }
        nj_job_input *input = &job->inputs[job->input_count];
        input->option = INPUTS[i].option;
        input->value = copy_value(value, INPUTS[i].is_path);
        if (input->value == NULL) {
            return nj_fail(err, NJ_NO_MEMORY, "no memory for --%s", INPUTS[i].option);
        }
        job->input_count++;
    }
    return NJ_OK;
}

void nj_job_inputs_fini(nj_job *job)
{
    for (size_t i = 0; i < job->input_count; i++) {
        free(job->inputs[i].value);
    }
    job->input_count = 0;
}
