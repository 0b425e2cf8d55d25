/* Tells quiet audio from audio worth the model's time, as edge/gate.py does, bit for bit.
 *
 *     airway_gate gate;
 *     airway_gate_init(&gate, &rule);
 *     while (airway_gate_next(&gate, &pcm, &count, &open)) use(open);   // a step is complete
 */
#ifndef AIRWAY_GATE_H
#define AIRWAY_GATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define AIRWAY_GATE_GROUPS 6 /* at most */

typedef struct {
    int32_t skip_samples; /* before the first step, 0 and more */
    int32_t step_samples; /* 2^groups and more; the last ones that fill no 2^groups count for none */
    int32_t rise_q7;      /* how far a level must stand above its floor, below 2^23 */
    int32_t groups;       /* octaves that are followed apart, 1 to AIRWAY_GATE_GROUPS */
    int32_t hold_steps;   /* that it stays open after the last rise */
    int32_t settle_steps; /* at the start during which it is open */
} airway_gate_rule;

/* Words on what is wrong with a rule from an untrusted source; NULL when it is safe to use. */
const char *airway_gate_fault(const airway_gate_rule *rule);

typedef struct {
    const airway_gate_rule *rule;
    int64_t powers[AIRWAY_GATE_GROUPS];     /* of the step so far */
    int32_t floors_q15[AIRWAY_GATE_GROUPS];
    int32_t samples[1 << AIRWAY_GATE_GROUPS]; /* that wait for their block */
    int32_t filled;
    int32_t skip; /* samples until the step begins */
    int32_t left; /* of the step */
    int32_t hold;
    bool begun;
} airway_gate;

/* The next sample is sample 0. */
void airway_gate_init(airway_gate *gate, const airway_gate_rule *rule);

/* Take samples from `*pcm` until a step is complete: write whether it is worth the model's time,
 * and return true. Return false when all `*count` are taken; both advance past what was taken. */
bool airway_gate_next(airway_gate *gate, const int16_t **pcm, size_t *count, bool *open);

#ifdef __cplusplus
}
#endif

#endif
