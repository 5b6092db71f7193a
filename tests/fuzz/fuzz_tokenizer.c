// fuzz_tokenizer.c - any bytes as a tokenizer, and then a text through it.
#include "common/base/id.h"
#include "common/text/tokenizer.h"
#include "tests/fuzz/fuzz.h"
#include "tests/support/memfile.h"

static const char usual[] =
    "Caf\xc3\xa9 e\xcc\x81 12345 don't \xe6\x9d\xb1\xe4\xba\xac  <x>\r\n ab";

static void read_back(const nj_tokenizer *tokenizer, const uint32_t *ids, size_t count)
{
    nj_error err;
    nj_buffer text;
    nj_buffer_init(&text, 1u << 24);
    if (nj_tokenizer_decode(tokenizer, ids, count, &text, &err) == NJ_OK) {
        fuzz_check(nj_utf8_valid((const char *)text.bytes, text.size),
                   "what is read back is UTF-8");
    } else {
        fuzz_check(text.size == 0, "refused ids leave no text");
    }
    nj_buffer_fini(&text);
}

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
            (void)nj_tokenizer_begins_word(tokenizer, id[i]);
        }
        read_back(tokenizer, id, ids.size / sizeof *id);
    } else {
        fuzz_check(ids.size == 0, "a refused text leaves no ids");
    }
    nj_buffer_fini(&ids);
    nj_tokenizer_close(&tokenizer);
    return 0;
}
