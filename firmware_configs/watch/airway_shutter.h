/* Lets the scores of a patch, a number of steps that belong together, pass as they are where the
 * gate opens for one of them, and as the lowest there are where it does not: as on the device.
 *
 * What a step was scored may be known before its patch is decided: scores wait here. The network
 * itself runs on, since its rows are what the next scores look back on.
 */
#ifndef AIRWAY_SHUTTER_H
#define AIRWAY_SHUTTER_H

#include <stdbool.h>
#include <stdint.h>

#include "airway_gate.h"

#ifdef __cplusplus
extern "C" {
#endif

#define AIRWAY_SHUTTER_DECISIONS 32 /* patches that are decided before they are scored, at most */

typedef struct {
    const airway_gate_rule *rule;
    uint16_t patch_steps; /* steps of a patch */
    uint16_t labels;      /* of a score step */
    int8_t *waiting;      /* [patch_steps * labels] */
    airway_gate gate;
    uint32_t decisions;    /* a bit a patch, the oldest lowest; 1 is open */
    uint16_t decided;      /* patches in it */
    uint16_t given;        /* steps of the oldest patch that are out */
    uint16_t first, count; /* of the scores that wait */
    uint16_t step;         /* of the patch that is being decided */
    bool open;             /* for it, so far */
} airway_shutter;

/* Forget the past: the next sample is sample 0. */
void airway_shutter_reset(airway_shutter *shutter);

/* Take samples. */
void airway_shutter_push(airway_shutter *shutter, const int16_t *pcm, size_t count);

/* Take the next step's scores, int8 [labels]; at most patch_steps may wait. */
void airway_shutter_scores(airway_shutter *shutter, const int8_t *scores);

/* The next step's scores, int8 [labels], until the next call of airway_shutter_scores; NULL as
 * long as they are not known or their patch is not decided. */
const int8_t *airway_shutter_next(airway_shutter *shutter);

#ifdef __cplusplus
}
#endif

#endif
