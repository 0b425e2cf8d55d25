#include "airway_gate.h"

#include <stddef.h>
#include <string.h>

/* edge/gate.py: the floor moves by 2^-5 of the way down and 2^-7 of the way up each step. */
#define DOWN_SHIFT 5
#define UP_SHIFT 7
#define FLOOR_FRACTION_BITS 8

void airway_gate_reset(airway_gate *gate) {
    memset(gate->sums, 0, gate->rule->groups * sizeof *gate->sums);
    gate->decisions = 0;
    gate->decided = gate->given = 0;
    gate->first = gate->count = 0;
    gate->frame = gate->step = 0;
    gate->hold = gate->rule->settle_steps;
    gate->begun = gate->open = false;
}

/* Rounded down, also below zero. */
static int32_t divided(int32_t sum, int32_t count) {
    return sum / count - (sum % count < 0 ? 1 : 0);
}

/* Compare the step's levels with the floors, then move them; the sums begin anew. */
static bool rises(airway_gate *gate) {
    const airway_gate_rule *rule = gate->rule;
    const int32_t cells = rule->step_frames * (rule->coefficients / rule->groups);
    bool risen = false;
    uint16_t g;
    for (g = 0; g < rule->groups; g++) {
        const int32_t level = divided(gate->sums[g], cells) * (1 << FLOOR_FRACTION_BITS); /* Q15 */
        int32_t above;
        if (!gate->begun) {
            gate->floors_q15[g] = level;
        }
        above = level - gate->floors_q15[g];
        risen = risen || above > rule->rise_q7 * (1 << FLOOR_FRACTION_BITS);
        gate->floors_q15[g] += above >> (above < 0 ? DOWN_SHIFT : UP_SHIFT);
        gate->sums[g] = 0;
    }
    gate->begun = true;
    return risen;
}

static void end_step(airway_gate *gate) {
    const airway_gate_rule *rule = gate->rule;
    if (rises(gate) && gate->hold < rule->hold_steps) {
        gate->hold = rule->hold_steps;
    }
    if (gate->hold > 0) {
        gate->open = true;
        gate->hold--;
    }
    if (++gate->step == rule->patch_steps) {
        gate->decisions |= (uint32_t)gate->open << gate->decided;
        gate->decided++;
        gate->step = 0;
        gate->open = false;
    }
}

void airway_gate_row(airway_gate *gate, const int16_t *row) {
    const airway_gate_rule *rule = gate->rule;
    const uint16_t width = (uint16_t)(rule->coefficients / rule->groups);
    uint16_t g, i;
    for (g = 0; g < rule->groups; g++) {
        for (i = 0; i < width; i++) {
            gate->sums[g] += *row++;
        }
    }
    if (++gate->frame == rule->step_frames) {
        gate->frame = 0;
        end_step(gate);
    }
}

void airway_gate_scores(airway_gate *gate, const int8_t *scores) {
    const airway_gate_rule *rule = gate->rule;
    const uint32_t place = ((uint32_t)gate->first + gate->count) % rule->patch_steps;
    memcpy(gate->waiting + place * rule->labels, scores, rule->labels);
    gate->count++;
}

const int8_t *airway_gate_next(airway_gate *gate) {
    const airway_gate_rule *rule = gate->rule;
    int8_t *scores = gate->waiting + (size_t)gate->first * rule->labels;
    if (gate->decided == 0 || gate->count == 0) {
        return NULL;
    }
    if ((gate->decisions & 1) == 0) {
        memset(scores, INT8_MIN, rule->labels);
    }
    gate->first = (uint16_t)(gate->first + 1 == rule->patch_steps ? 0 : gate->first + 1);
    gate->count--;
    if (++gate->given == rule->patch_steps) {
        gate->given = 0;
        gate->decisions >>= 1;
        gate->decided--;
    }
    return scores;
}
