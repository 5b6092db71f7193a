// fuzz_message.c - any bytes as a message: the first byte says who sent it, the rest is the frame.
//
// What is accepted can be packed again, and means the same.
#include "common/wire/message.h"
#include "tests/fuzz/fuzz.h"

static void pack(const nj_message *message, nj_buffer *out)
{
    nj_error err;
    nj_buffer_init(out, NJ_WIRE_MESSAGE_BYTES_MAX);
    fuzz_check(nj_message_pack(message, out, &err) == NJ_OK, "an accepted message can be packed");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static nj_message message;
    static nj_message again;
    nj_buffer first;
    nj_buffer second;
    nj_error err;
    if (size == 0) {
        return 0;
    }
    nj_side sender = (data[0] & 1) == 0 ? NJ_SIDE_WORKER : NJ_SIDE_COORDINATOR;
    nj_slice bytes = {(const char *)data + 1, size - 1};
    nj_status status = nj_message_unpack(bytes, sender, &message, &err);
    fuzz_check(status == NJ_OK || status == NJ_PROTOCOL, "a message is accepted or malformed");
    if (status != NJ_OK) {
        return 0;
    }
    fuzz_check(nj_message_name(message.kind)[0] != '?', "an accepted message has a name");
    pack(&message, &first);
    fuzz_check(nj_message_unpack(nj_buffer_slice(&first), sender, &again, &err) == NJ_OK,
               "what was packed is accepted");
    pack(&again, &second);
    fuzz_check(again.kind == message.kind &&
                   nj_slice_equal(nj_buffer_slice(&first), nj_buffer_slice(&second)),
               "a message that is packed and unpacked means the same");
    nj_buffer_fini(&first);
    nj_buffer_fini(&second);
    return 0;
}
