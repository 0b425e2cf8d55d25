/* The gate of edge/gate.py, which says why. */
#include "airway_gate.h"

#include <string.h>

#include "airway_stages.h"

#define DOWN_SHIFT 5
#define UP_SHIFT 7
#define FLOOR_FRACTION_BITS 8

const char *airway_gate_fault(const airway_gate_rule *rule) {
    if (rule->groups < 1 || rule->groups > AIRWAY_GATE_GROUPS) {
        return "groups is not from 1 to 6";
    }
    if (rule->step_samples < 1 << rule->groups || rule->step_samples > 1 << 20) {
        return "a step is not from 2^groups to 2^20 samples";
    }
    if (rule->rise_q7 < 1 || rule->rise_q7 >= 1 << 23) {
        return "rise_q7 is not from 1 to 2^23";
    }
    if (rule->skip_samples < 0 || rule->hold_steps < 1 || rule->settle_steps < 0) {
        return "skip_samples, hold_steps or settle_steps is too small";
    }
    return NULL;
}

static void begin_step(airway_gate *gate) {
    memset(gate->powers, 0, sizeof gate->powers);
    gate->filled = 0;
    gate->left = gate->rule->step_samples;
}

void airway_gate_init(airway_gate *gate, const airway_gate_rule *rule) {
    gate->rule = rule;
    gate->skip = rule->skip_samples;
    gate->hold = rule->settle_steps;
    gate->begun = false;
    begin_step(gate);
}

/* A whole block through the Haar filters, each octave on what the one above it left. */
static void add_block(airway_gate *gate) {
    int32_t *x = gate->samples;
    int32_t pairs = (int32_t)1 << gate->rule->groups;
    int32_t g, i;
    for (g = 0; g < gate->rule->groups; g++) {
        int64_t power = 0;
        pairs /= 2;
        for (i = 0; i < pairs; i++) {
            const int32_t even = x[2 * i], odd = x[2 * i + 1];
            power += (int64_t)(even - odd) * (even - odd);
            x[i] = even + odd;
        }
        gate->powers[g] += power;
    }
    gate->filled = 0;
}

/* log2(1 + power), its mantissa as a straight line, Q7. */
static int32_t level_q7(int64_t power) {
    const int bits = airway_bit_length((uint64_t)power + 1) - 1;
    const uint64_t mantissa = ((uint64_t)power + 1) << (63 - bits) >> 56; /* 1.0 is 128 */
    return ((int32_t)bits << 7) + (int32_t)mantissa - 128;
}

/* Compare the step's levels with the floors, then move them. */
static bool rises(airway_gate *gate) {
    bool risen = false;
    int32_t g;
    for (g = 0; g < gate->rule->groups; g++) {
        const int32_t level = level_q7(gate->powers[g]) << FLOOR_FRACTION_BITS;
        int32_t above;
        if (!gate->begun) {
            gate->floors_q15[g] = level;
        }
        above = level - gate->floors_q15[g];
        risen = risen || above > gate->rule->rise_q7 << FLOOR_FRACTION_BITS;
        gate->floors_q15[g] += above >> (above < 0 ? DOWN_SHIFT : UP_SHIFT);
    }
    gate->begun = true;
    return risen;
}

static bool end_step(airway_gate *gate) {
    bool open;
    if (rises(gate) && gate->hold < gate->rule->hold_steps) {
        gate->hold = gate->rule->hold_steps;
    }
    open = gate->hold > 0;
    gate->hold -= open;
    begin_step(gate);
    return open;
}

static int32_t least(int32_t a, int32_t b, size_t count) {
    const int32_t room = a < b ? a : b;
    return count < (size_t)room ? (int32_t)count : room;
}

bool airway_gate_next(airway_gate *gate, const int16_t **pcm, size_t *count, bool *open) {
    const int32_t block = (int32_t)1 << gate->rule->groups;
    const int32_t skipped = least(gate->skip, gate->skip, *count);
    gate->skip -= skipped;
    *pcm += skipped;
    *count -= (size_t)skipped;
    while (*count > 0) {
        const int32_t taken = least(block - gate->filled, gate->left, *count);
        int32_t i;
        for (i = 0; i < taken; i++) {
            gate->samples[gate->filled + i] = (*pcm)[i];
        }
        *pcm += taken;
        *count -= (size_t)taken;
        gate->filled += taken;
        gate->left -= taken;
        if (gate->filled == block) {
            add_block(gate);
        }
        if (gate->left == 0) {
            *open = end_step(gate);
            return true;
        }
    }
    return false;
}
