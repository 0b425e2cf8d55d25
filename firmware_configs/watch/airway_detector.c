#include "airway_detector.h"

#include <string.h>

void airway_detector_reset(airway_detector *detector, const airway_rule *rule) {
    memset(detector, 0, sizeof *detector);
    detector->rule = rule;
    detector->onset = -1;
    detector->last = -1;
}

/* End the open event; return whether it counts. */
static bool closed(airway_detector *detector, airway_span *span) {
    const airway_rule *rule = detector->rule;
    const int64_t onset = detector->onset;
    detector->onset = -1;
    if (onset < 0 || detector->peak < rule->open * rule->smooth_steps ||
        detector->last + 1 - onset < rule->min_steps ||
        detector->rival_peak >= rule->rival_open * rule->smooth_steps) {
        return false;
    }
    detector->ready = onset + rule->refractory_steps;
    span->onset = onset;
    span->offset = detector->last + 1;
    span->peak = detector->peak;
    return true;
}

static int32_t greater(int32_t a, int32_t b) { return a > b ? a : b; }

/* The next smoothed scores, times smooth_steps: no division, no rounding. */
static bool advanced(airway_detector *detector, int32_t total, int32_t rival, airway_span *span) {
    const airway_rule *rule = detector->rule;
    const int64_t step = detector->step++;
    if (total >= rule->close * rule->smooth_steps) {
        if (detector->onset < 0 && step >= detector->ready) {
            detector->onset = step;
            detector->peak = total;
            detector->rival_peak = rival;
        }
        if (detector->onset >= 0) {
            detector->peak = greater(total, detector->peak);
            detector->rival_peak = greater(rival, detector->rival_peak);
            detector->last = step;
        }
    }
    return detector->onset >= 0 &&
           (step - detector->last >= rule->gap_steps ||
            step - detector->onset + 1 >= rule->max_steps) &&
           closed(detector, span);
}

/* The next score of the label and of its rival. */
static bool taken(airway_detector *detector, int8_t own, int8_t rival, airway_span *span) {
    const uint8_t width = detector->rule->smooth_steps;
    int32_t total = 0, rivals = 0;
    uint8_t i;
    if (detector->filled == 0) { /* the first score stands for the ones before */
        detector->filled = width / 2;
        memset(detector->window, own, detector->filled);
        memset(detector->rivals, rival, detector->filled);
    }
    detector->window[detector->filled] = own;
    detector->rivals[detector->filled++] = rival;
    if (detector->filled < width) {
        return false;
    }
    for (i = 0; i < width; i++) {
        total += detector->window[i];
        rivals += detector->rivals[i];
    }
    detector->filled--;
    memmove(detector->window, detector->window + 1, detector->filled);
    memmove(detector->rivals, detector->rivals + 1, detector->filled);
    return advanced(detector, total, rivals, span);
}

bool airway_detector_take(airway_detector *detector, const int8_t *scores, airway_span *span) {
    const airway_rule *rule = detector->rule;
    return taken(detector, scores[rule->label], scores[rule->rival], span);
}

size_t airway_detector_finish(airway_detector *detector, airway_span spans[AIRWAY_LAST_SPANS]) {
    const uint8_t reach = detector->rule->smooth_steps / 2;
    size_t count = 0;
    uint8_t i;
    /* After at least one score the window is never empty when it smooths. */
    for (i = 0; i < reach && detector->filled > 0; i++) {
        const uint8_t newest = detector->filled - 1;
        const int8_t own = detector->window[newest], rival = detector->rivals[newest];
        count += taken(detector, own, rival, &spans[count]);
    }
    return count + closed(detector, &spans[count]);
}
