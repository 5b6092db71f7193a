#include "common/base/user_place.h"

#include <string.h>

#include "common/base/digest.h"

uint64_t nj_user_place(const char *salt, nj_slice user)
{
    nj_digester digester;
    uint64_t place = 0;
    nj_digester_init(&digester);
    nj_digester_update(&digester, salt, strlen(salt) + 1); // with its zero byte
    nj_digester_update(&digester, user.bytes, user.size);
    const nj_digest digest = nj_digester_final(&digester);
    for (unsigned i = 0; i < sizeof place; i++) {
        place = place << 8 | digest.bytes[i];
    }
    return place;
}

bool nj_user_place_is_sampled(uint64_t place, double share)
{
    return (double)place * 0x1p-64 < share || share >= 1;
}
