// fuzz_policy.c - any bytes as a policy file, and as the section "policy" of a bundle.
//
//   'y' | text of YAML        anything else | bytes of the section
#include "common/policy/policy_check.h"
#include "common/policy/policy_explain.h"
#include "common/policy/policy_pack.h"
#include "common/policy/policy_read.h"
#include "tests/fuzz/fuzz.h"
#include "tests/support/policy_shelf.h"

#define BEAM 20
#define TOP 10

static void count_bytes(void *context, const char *stage, const char *sentence)
{
    *(size_t *)context += strlen(stage) + strlen(sentence);
}

// What was accepted is packed, comes back, and can be told.
static void use_policy(const policy_shelf *shelf, const nj_policy *policy)
{
    nj_buffer bytes;
    nj_policy back;
    nj_policy_reach reach;
    nj_error err = {0};
    size_t told = 0;
    nj_buffer_init(&bytes, NJ_POLICY_BYTES_MAX);
    fuzz_check(nj_policy_pack(policy, &shelf->names, &bytes, &err) == NJ_OK,
               "what was read is packed");
    fuzz_check(nj_policy_unpack(bytes.bytes, bytes.size, &shelf->names, &back, &err) == NJ_OK,
               "what was packed comes back");
    fuzz_check(memcmp(policy, &back, sizeof back) == 0, "and is the same");
    const nj_status status = nj_policy_check_night(policy, &shelf->attributes, &shelf->catalogue,
                                                   BEAM, TOP, "policy", &err);
    fuzz_check(status == NJ_OK || status == NJ_CONFIG, "a night has room for it or not");
    fuzz_check(nj_policy_reach_count(policy, &shelf->attributes, &shelf->catalogue, 0, &reach,
                                     &err) == NJ_OK,
               "items are counted");
    const nj_policy_subject subject = {.policy = policy,
                                       .names = &shelf->names,
                                       .catalogue = &shelf->catalogue,
                                       .reach = &reach,
                                       .beam = BEAM,
                                       .top = TOP};
    nj_policy_explain(&subject, count_bytes, &told);
    fuzz_check(told > 0, "something is said of every policy");
    nj_buffer_fini(&bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static policy_shelf shelf;
    nj_policy policy;
    nj_error err = {0};
    nj_status status = NJ_CONFIG;
    if (shelf.names.items == NULL) {
        shelf_open(&shelf);
    }
    if (size > 0 && data[0] == 'y') {
        status = nj_policy_parse((const char *)data + 1, size - 1, "policy.yaml", NULL, 0,
                                 &shelf.names, &policy, &err);
        fuzz_check(status == NJ_OK || status == NJ_CONFIG, "a file is a policy or none");
    } else if (size > 0) {
        status = nj_policy_unpack(data + 1, size - 1, &shelf.names, &policy, &err);
        fuzz_check(status == NJ_OK || status == NJ_CONFIG || status == NJ_INPUT,
                   "bytes are a policy or none");
    }
    if (status == NJ_OK) {
        use_policy(&shelf, &policy);
    }
    return 0;
}
