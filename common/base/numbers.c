#include "common/base/numbers.h"

// Heap sort: the largest stands on top of what is not yet sorted.
static void sift_down(uint32_t *numbers, uint32_t count, uint32_t at)
{
    const uint32_t moved = numbers[at];
    for (uint32_t child = 2 * at + 1; child < count; child = 2 * at + 1) {
        if (child + 1 < count && numbers[child + 1] > numbers[child]) {
            child++;
        }
        if (numbers[child] <= moved) {
            break;
        }
        numbers[at] = numbers[child];
        at = child;
    }
    numbers[at] = moved;
}

static void sort(uint32_t *numbers, uint32_t count)
{
    for (uint32_t at = count / 2; at-- > 0;) {
        sift_down(numbers, count, at);
    }
    for (uint32_t end = count; end-- > 1;) {
        const uint32_t largest = numbers[0];
        numbers[0] = numbers[end];
        numbers[end] = largest;
        sift_down(numbers, end, 0);
    }
}

uint32_t nj_numbers_sort(uint32_t *numbers, uint32_t count)
{
    uint32_t left = count < 1 ? count : 1;
    sort(numbers, count);
    for (uint32_t i = 1; i < count; i++) {
        if (numbers[i] != numbers[left - 1]) {
            numbers[left++] = numbers[i];
        }
    }
    return left;
}
