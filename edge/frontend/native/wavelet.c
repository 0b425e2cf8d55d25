/* Wavelet denoiser: edge/frontend/wavelet.py, bit for bit, a sample at a time. */
#include <string.h>

#include "airway_stages.h"

#define MEDIAN_BITS 8
#define THRESHOLD_BITS 8
#define LAST_RATE 13
#define FIRST_RATE 3
#define LEVEL_RISE 1
#define LEVEL_FALL 3

const char *airway_wavelet_fault(const airway_wavelet_tables *tables) {
    int32_t level;
    if (tables->levels < 1 || tables->levels > AIRWAY_WAVELET_LEVELS) {
        return "levels of the wavelet denoiser are not from 1 to 6";
    }
    for (level = 0; level < tables->levels; level++) {
        if (tables->factor_q8[level] < 0 || tables->factor_q8[level] > 1 << 12) {
            return "factor_q8 of the wavelet denoiser leaves 0 to 16";
        }
    }
    return NULL;
}

void airway_wavelet_init(airway_wavelet *wavelet, const airway_wavelet_tables *tables,
                         int32_t *details) {
    wavelet->tables = tables;
    wavelet->details = details;
    airway_wavelet_reset(wavelet);
}

void airway_wavelet_reset(airway_wavelet *wavelet) {
    memset(wavelet->levels, 0, sizeof wavelet->levels);
}

/* One level's analysis: from each even sample on but the first, a smooth value, which takes
 * x's place, and a detail. */
static inline bool split(airway_level *level, int32_t *x, int32_t *detail) {
    const int32_t sample = *x;
    bool due = false;
    if (level->waiting == 1) {
        level->odd = sample;
        level->waiting = 2;
        return false;
    }
    if (level->waiting == 2) {
        *detail = level->odd - ((level->even + sample) >> 1);
        *x = level->even + ((level->detail + *detail + 2) >> 2);
        level->detail = *detail;
        due = true;
    }
    level->even = sample;
    level->waiting = 1;
    return due;
}

/* Let the running median and the short-time mean follow a magnitude. */
static inline void follow(airway_level *level, int32_t magnitude_q8, int32_t last) {
    const bool rises = magnitude_q8 > level->median_q8;
    const int32_t change = magnitude_q8 - level->level_q8;
    int32_t rate = FIRST_RATE + airway_bit_length((uint64_t)(level->turns >> 3));
    int32_t step;
    if (rises != level->rose && rate < last) {
        level->turns++;
        rate = FIRST_RATE + airway_bit_length((uint64_t)(level->turns >> 3));
    }
    level->rose = rises;
    step = (level->median_q8 >> (rate < last ? rate : last)) + 1;
    level->median_q8 += rises ? step : -step;
    level->median_q8 = level->median_q8 > 0 ? level->median_q8 : 0;
    level->level_q8 += change >> (change > 0 ? LEVEL_RISE : LEVEL_FALL);
}

/* A detail, nearer to zero. Magnitudes stay below 2^21 on any level: 2^29 in Q8. */
static inline int32_t shrink(airway_level *level, int32_t detail, int32_t factor_q8,
                             int32_t last) {
    const int32_t magnitude = detail < 0 ? -detail : detail;
    int32_t noise, kept;
    if (factor_q8 == 0) {
        return detail;
    }
    follow(level, magnitude * (1 << MEDIAN_BITS), last);
    noise = level->median_q8;
    if (level->level_q8 > noise) {
        noise = (int32_t)((uint64_t)noise * (uint64_t)noise / (uint64_t)level->level_q8);
    }
    kept = magnitude - (int32_t)airway_rounded_shift((int64_t)noise * factor_q8,
                                                     MEDIAN_BITS + THRESHOLD_BITS);
    kept = kept > 0 ? kept : 0;
    return detail < 0 ? -kept : kept;
}

/* The details of a level that wait for their smooth values: a ring of 4 * 2^deeper. */
static inline int32_t *ring(const airway_wavelet *wavelet, int32_t level) {
    return wavelet->details + 4 * ((1 << wavelet->tables->levels) -
                                   (1 << (wavelet->tables->levels - level)));
}

static inline uint8_t after(uint8_t place, int32_t deeper) {
    return (uint8_t)((place + 1) & ((4 << deeper) - 1));
}

/* From a smooth value of the deepest level back to samples; return how many. */
static size_t rebuild(airway_wavelet *wavelet, int32_t smooth, int16_t *out) {
    enum { MOST = 1 << AIRWAY_WAVELET_LEVELS };
    const int32_t levels = wavelet->tables->levels;
    int32_t values[MOST]; /* a level's at its end, so that twice as many may take their place */
    int32_t count = 1, index, i;
    values[MOST - 1] = smooth;
    for (index = levels - 1; index >= 0; index--) {
        airway_level *level = &wavelet->levels[index];
        const int32_t *details = ring(wavelet, index);
        int32_t *next = values + MOST - 2 * count;
        const bool begun = level->begun;
        for (i = 0; i < count; i++) {
            const int32_t detail = details[level->taken];
            const int32_t even =
                values[MOST - count + i] - ((level->last_detail + detail + 2) >> 2);
            next[2 * i] = level->last_even;
            next[2 * i + 1] = level->last_detail + ((level->last_even + even) >> 1);
            level->last_even = even;
            level->last_detail = detail;
            level->taken = after(level->taken, levels - 1 - index);
        }
        level->begun = true;
        count = begun ? 2 * count : 2 * count - 2; /* the first pair lies ahead of sample 0 */
        if (count == 0) {
            return 0;
        }
    }
    for (i = 0; i < count; i++) {
        out[i] = airway_saturate(values[MOST - count + i]);
    }
    return (size_t)count;
}

size_t airway_wavelet_push(airway_wavelet *wavelet, const int16_t *in, size_t count,
                           int16_t *out) {
    const airway_wavelet_tables *tables = wavelet->tables;
    size_t made = 0, i;
    for (i = 0; i < count; i++) {
        int32_t x = in[i], detail = 0, index = 0;
        while (index < tables->levels && split(&wavelet->levels[index], &x, &detail)) {
            airway_level *level = &wavelet->levels[index];
            ring(wavelet, index)[level->put] =
                shrink(level, detail, tables->factor_q8[index], LAST_RATE - 1 - index);
            level->put = after(level->put, tables->levels - 1 - index);
            index++;
        }
        if (index == tables->levels) {
            made += rebuild(wavelet, x, out + made);
        }
    }
    return made;
}
