/* Runs the shutter over samples on standard input; every step's one score is its number.
 *
 * In: int32 skip, step, rise_q7, groups, hold, settle, patch_steps, ahead; then int16 samples. A
 * step is scored `ahead` samples after its last one. Out: an int8 for each step that comes out.
 */
#include <stddef.h>
#include <stdio.h>

#include "airway_shutter.h"

int main(void) {
    static int8_t waiting[64];
    static int16_t pcm[7] = {1234};
    int32_t n[8], samples = 0, scored = 0;
    size_t count;
    airway_gate_rule rule;
    airway_shutter shutter = {.rule = &rule, .labels = 1, .waiting = waiting};
    if (fread(n, sizeof *n, 8, stdin) != 8) {
        return 2;
    }
    rule.skip_samples = n[0];
    rule.step_samples = n[1];
    rule.rise_q7 = n[2];
    rule.groups = n[3];
    rule.hold_steps = n[4];
    rule.settle_steps = n[5];
    if (airway_gate_fault(&rule) != NULL) {
        return 3;
    }
    shutter.patch_steps = (uint16_t)n[6];
    airway_shutter_reset(&shutter);
    airway_shutter_push(&shutter, pcm, 7);
    airway_shutter_reset(&shutter); /* forgets them */
    while ((count = fread(pcm, sizeof *pcm, 7, stdin)) > 0) {
        const int8_t *out;
        airway_shutter_push(&shutter, pcm, count);
        samples += (int32_t)count;
        while (samples >= n[0] + (scored + 1) * n[1] + n[7]) {
            const int8_t score = (int8_t)(scored % 100);
            airway_shutter_scores(&shutter, &score);
            scored++;
            while ((out = airway_shutter_next(&shutter)) != NULL) {
                fwrite(out, 1, 1, stdout);
            }
        }
        while ((out = airway_shutter_next(&shutter)) != NULL) {
            fwrite(out, 1, 1, stdout);
        }
    }
    return 0;
}
