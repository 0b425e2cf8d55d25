/* Scores -> events: edge/events.py in C, one detector a label. */
#ifndef AIRWAY_DETECTOR_H
#define AIRWAY_DETECTOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define AIRWAY_SMOOTH_STEPS 9 /* at most */
#define AIRWAY_NEVER 128      /* a level that no score reaches */
#define AIRWAY_LAST_SPANS (AIRWAY_SMOOTH_STEPS / 2 + 1)

/* When the scores of one label make an event; edge/card.py's EventRule defines each number. */
typedef struct {
    uint8_t label;
    int8_t open, close;
    uint8_t smooth_steps; /* odd */
    int32_t min_steps, gap_steps, refractory_steps, max_steps;
    uint8_t rival;      /* a label that excludes this one */
    int16_t rival_open; /* AIRWAY_NEVER: it has none */
    /* What an event at its peak is worth, in ten-thousandths: entry i belongs to a peak of
     * open * smooth_steps + i. The watch computes no logarithm and no power. */
    const uint16_t *score_e4, *p_e4;
} airway_rule;

/* An event in steps: [onset, offset); peak is the highest sum of smooth_steps logits in it. */
typedef struct {
    int64_t onset, offset;
    int32_t peak;
} airway_span;

typedef struct {
    const airway_rule *rule;
    int8_t window[AIRWAY_SMOOTH_STEPS];
    int8_t rivals[AIRWAY_SMOOTH_STEPS];
    uint8_t filled;
    int64_t step;  /* of the next smoothed score */
    int64_t onset; /* of the open event, or -1 */
    int64_t last;  /* the newest step at or above `close` */
    int64_t ready; /* the first step at which a new event may begin */
    int32_t peak, rival_peak;
} airway_detector;

/* Forget everything: the next score is step 0. */
void airway_detector_reset(airway_detector *detector, const airway_rule *rule);

/* Take the next step's logits, [labels]; return whether an event ended, and write it. */
bool airway_detector_take(airway_detector *detector, const int8_t *scores, airway_span *span);

/* End of the recording: write the events of the smoother's last steps and the open one;
 * return how many. */
size_t airway_detector_finish(airway_detector *detector, airway_span spans[AIRWAY_LAST_SPANS]);

#ifdef __cplusplus
}
#endif

#endif
