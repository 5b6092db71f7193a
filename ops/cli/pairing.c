#include "ops/cli/pairing.h"

#include "common/base/log.h"

void nj_tell_pairing(const nj_pack_summary *summary, const nj_pack_request *request)
{
    const nj_pairing *pairing = &summary->pairing;
    if (summary->text.asks_in_text) {
        return; // the question is put in semantic IDs behind a template, which such a model was not taught
    }
    if (summary->trained_on) {
        nj_log(NJ_LOG_INFO,
               "the catalogue has the SIDs that the checkpoint says it was trained on");
    } else if (request->histories.path == NULL && request->probe.path == NULL) {
        nj_log(NJ_LOG_INFO,
               "without --histories it is not asked whether the model knows these SIDs");
    } else if (request->no_pairing_check) {
        nj_log(NJ_LOG_INFO, "it is not asked whether the model knows these SIDs");
    } else if (pairing->transitions < NJ_PAIRING_TRANSITIONS_MIN) {
        nj_log(NJ_LOG_WARNING,
               "the histories have %u transitions between known items: too few (%d) to ask whether "
               "the model knows these SIDs",
               pairing->transitions, NJ_PAIRING_TRANSITIONS_MIN);
    } else {
        nj_log(NJ_LOG_INFO,
               "the model knows these SIDs: over %u held-out transitions its loss is %.3f nats an "
               "item, %.3f with the SIDs dealt out to other items%s",
               pairing->transitions, pairing->loss, pairing->dealt.mean,
               pairing->renamed.tried ? "" : " (too few codes to rename any)");
    }
}
