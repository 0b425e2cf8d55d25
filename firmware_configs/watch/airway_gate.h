/* Tells quiet audio from audio worth the model's word, as edge/gate.py does, bit for bit.
 *
 * It decides over a patch, a number of steps that belong together. What a step was scored may be
 * known before its patch is decided: scores wait here, and come out as they are or, of a patch
 * that is too quiet, as the lowest there are. The network itself runs on, since its rows are what
 * the next scores look back on.
 */
#ifndef AIRWAY_GATE_H
#define AIRWAY_GATE_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define AIRWAY_GATE_DECISIONS 32 /* patches that are decided before they are scored, at most */

typedef struct {
    int32_t rise_q7;       /* how far a level must stand above its floor */
    uint16_t groups;       /* of neighbouring coefficients, followed apart */
    uint16_t hold_steps;   /* that it stays open after the last rise */
    uint16_t settle_steps; /* at the start during which it is open */
    uint16_t coefficients; /* of a row */
    uint16_t step_frames;  /* rows of a step */
    uint16_t patch_steps;  /* steps of a patch */
    uint16_t labels;       /* of a score step */
} airway_gate_rule;

typedef struct {
    const airway_gate_rule *rule;
    int32_t *floors_q15; /* [groups] */
    int32_t *sums;       /* [groups] of the step's rows so far */
    int8_t *waiting;     /* [patch_steps * labels] */
    uint32_t decisions;  /* a bit a patch, the oldest lowest; 1 is open */
    uint16_t decided;    /* patches in it */
    uint16_t given;      /* steps of the oldest patch that are out */
    uint16_t first, count; /* of the scores that wait */
    uint16_t frame, step;  /* of the patch that is being decided */
    uint16_t hold;
    bool begun, open;
} airway_gate;

/* Forget the past: the next row is row 0. */
void airway_gate_reset(airway_gate *gate);

/* Take the next row, int16 [coefficients], Q8.7. */
void airway_gate_row(airway_gate *gate, const int16_t *row);

/* Take the next step's scores, int8 [labels]; at most patch_steps may wait. */
void airway_gate_scores(airway_gate *gate, const int8_t *scores);

/* The next step's scores, int8 [labels], until the next call of airway_gate_scores; NULL as long
 * as they are not known or their patch is not decided. */
const int8_t *airway_gate_next(airway_gate *gate);

#ifdef __cplusplus
}
#endif

#endif
