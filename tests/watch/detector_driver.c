/* Runs the detector alone, over two labels. Standard input: int32 label, open, close, smooth_steps,
 * min_steps, gap_steps, refractory_steps, max_steps, rival, rival_open, then int8 logits, two a
 * step. Standard output: int64 onset, offset, peak of each event, those of the end included. */
#include <stdio.h>

#include "airway_detector.h"

static void tell(const airway_span *span) {
    const int64_t values[3] = {span->onset, span->offset, span->peak};
    fwrite(values, sizeof *values, 3, stdout);
}

int main(void) {
    int32_t n[10];
    airway_rule rule = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, NULL, NULL};
    airway_detector detector;
    airway_span spans[AIRWAY_LAST_SPANS];
    size_t count, i;
    int8_t scores[2];
    if (fread(n, sizeof *n, 10, stdin) != 10) {
        return 3;
    }
    rule.label = (uint8_t)n[0];
    rule.open = (int8_t)n[1];
    rule.close = (int8_t)n[2];
    rule.smooth_steps = (uint8_t)n[3];
    rule.min_steps = n[4];
    rule.gap_steps = n[5];
    rule.refractory_steps = n[6];
    rule.max_steps = n[7];
    rule.rival = (uint8_t)n[8];
    rule.rival_open = (int16_t)n[9];
    airway_detector_reset(&detector, &rule);
    while (fread(scores, sizeof *scores, 2, stdin) == 2) {
        if (airway_detector_take(&detector, scores, spans)) {
            tell(spans);
        }
    }
    count = airway_detector_finish(&detector, spans);
    for (i = 0; i < count; i++) {
        tell(&spans[i]);
    }
    return 0;
}
