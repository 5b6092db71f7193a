// fuzz_tokenizer.c - any bytes as a tokenizer, and then a text through it.
#include "common/text/tokenizer.h"
#include "tests/fuzz/fuzz.h"
#include "tests/support/memfile.h"

static const char usual[] =
    "Caf\xc3\xa9 e\xcc\x81 12345 don't \xe6\x9d\xb1\xe4\xba\xac  <x>\r\n ab";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    nj_tokenizer *tokenizer = NULL;
    nj_error err;
    if (nj_tokenizer_open(memfile_write(data, size), &tokenizer, &err) != NJ_OK) {
        fuzz_check(tokenizer == NULL, "a refused tokenizer is not handed out");
        return 0;
    }
    nj_buffer ids;
    nj_buffer_init(&ids, 1u << 24);
    if (nj_tokenizer_encode(tokenizer, nj_slice_from(usual), true, &ids, &err) == NJ_OK) {
        const uint32_t *id = (const uint32_t *)(const void *)ids.bytes;
        for (size_t i = 0; i < ids.size / sizeof *id; i++) {
            fuzz_check(id[i] < nj_tokenizer_vocabulary(tokenizer), "ids lie in the vocabulary");
        }
    } else {
        fuzz_check(ids.size == 0, "a refused text leaves no ids");
    }
    nj_buffer_fini(&ids);
    nj_tokenizer_close(&tokenizer);
    return 0;
}
