#include "airway_shutter.h"

#include <stddef.h>
#include <string.h>

void airway_shutter_reset(airway_shutter *shutter) {
    airway_gate_init(&shutter->gate, shutter->rule);
    shutter->decisions = 0;
    shutter->decided = shutter->given = 0;
    shutter->first = shutter->count = 0;
    shutter->step = 0;
    shutter->open = false;
}

void airway_shutter_push(airway_shutter *shutter, const int16_t *pcm, size_t count) {
    bool open;
    while (airway_gate_next(&shutter->gate, &pcm, &count, &open)) {
        shutter->open = shutter->open || open;
        if (++shutter->step == shutter->patch_steps) {
            shutter->decisions |= (uint32_t)shutter->open << shutter->decided;
            shutter->decided++;
            shutter->step = 0;
            shutter->open = false;
        }
    }
}

void airway_shutter_scores(airway_shutter *shutter, const int8_t *scores) {
    const uint32_t place = ((uint32_t)shutter->first + shutter->count) % shutter->patch_steps;
    memcpy(shutter->waiting + place * shutter->labels, scores, shutter->labels);
    shutter->count++;
}

const int8_t *airway_shutter_next(airway_shutter *shutter) {
    int8_t *scores = shutter->waiting + (size_t)shutter->first * shutter->labels;
    if (shutter->decided == 0 || shutter->count == 0) {
        return NULL;
    }
    if ((shutter->decisions & 1) == 0) {
        memset(scores, INT8_MIN, shutter->labels);
    }
    shutter->first = (uint16_t)(shutter->first + 1 == shutter->patch_steps ? 0 : shutter->first + 1);
    shutter->count--;
    if (++shutter->given == shutter->patch_steps) {
        shutter->given = 0;
        shutter->decisions >>= 1;
        shutter->decided--;
    }
    return scores;
}
