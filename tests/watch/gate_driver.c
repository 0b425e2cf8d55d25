/* Runs the gate over rows on standard input; every step's one score is its number.
 *
 * In: int32 rise_q7, groups, hold, settle, coefficients, step_frames, patch_steps, ahead; then
 * int16 rows. A step is scored `ahead` rows after its last one. Out: an int8 for each step that
 * comes out.
 */
#include <stddef.h>
#include <stdio.h>

#include "airway_gate.h"

int main(void) {
    static int32_t floors[64], sums[64];
    static int8_t waiting[64];
    static int16_t row[64] = {1234};
    int32_t n[8];
    airway_gate_rule rule;
    airway_gate gate = {.rule = &rule, .floors_q15 = floors, .sums = sums, .waiting = waiting};
    int32_t rows = 0, scored = 0;
    if (fread(n, sizeof *n, 8, stdin) != 8) {
        return 2;
    }
    rule.rise_q7 = n[0];
    rule.groups = (uint16_t)n[1];
    rule.hold_steps = (uint16_t)n[2];
    rule.settle_steps = (uint16_t)n[3];
    rule.coefficients = (uint16_t)n[4];
    rule.step_frames = (uint16_t)n[5];
    rule.patch_steps = (uint16_t)n[6];
    rule.labels = 1;
    airway_gate_reset(&gate);
    airway_gate_row(&gate, row);
    airway_gate_reset(&gate); /* forgets it */
    while (fread(row, sizeof *row, (size_t)n[4], stdin) == (size_t)n[4]) {
        const int8_t *out;
        airway_gate_row(&gate, row);
        rows++;
        if (rows >= (scored + 1) * n[5] + n[7]) {
            const int8_t score = (int8_t)(scored % 100);
            airway_gate_scores(&gate, &score);
            scored++;
        }
        while ((out = airway_gate_next(&gate)) != NULL) {
            fwrite(out, 1, 1, stdout);
        }
    }
    return 0;
}
