#include "worker/baseline/top.h"

static void swap(nj_scored *a, nj_scored *b)
{
    const nj_scored kept = *a;
    *a = *b;
    *b = kept;
}

static void sift_up(nj_top *top, uint32_t at)
{
    while (at > 0 && nj_scored_better(&top->items[(at - 1) / 2], &top->items[at])) {
        swap(&top->items[(at - 1) / 2], &top->items[at]);
        at = (at - 1) / 2;
    }
}

static void sift_down(nj_top *top, uint32_t at)
{
    for (;;) {
        uint32_t worst = at;
        for (uint32_t child = 2 * at + 1; child <= 2 * at + 2 && child < top->count; child++) {
            if (nj_scored_better(&top->items[worst], &top->items[child])) {
                worst = child;
            }
        }
        if (worst == at) {
            return;
        }
        swap(&top->items[at], &top->items[worst]);
        at = worst;
    }
}

void nj_top_offer(nj_top *top, uint32_t item, double score)
{
    const nj_scored offered = {score, item};
    if (score != score) {
        return;
    }
    if (top->count < top->most) {
        top->items[top->count] = offered;
        sift_up(top, top->count++);
    } else if (nj_scored_better(&offered, &top->items[0])) {
        top->items[0] = offered;
        sift_down(top, 0);
    }
}

void nj_top_sort(nj_top *top)
{
    const uint32_t count = top->count;
    while (top->count > 1) {
        swap(&top->items[0], &top->items[--top->count]); // the worst of those that are left
        sift_down(top, 0);
    }
    top->count = count;
}
