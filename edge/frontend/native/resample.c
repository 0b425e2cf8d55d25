/* Streaming sampling-rate conversion: the polyphase filter of edge/frontend/resample.py. */
#include <string.h>

#include "airway_stages.h"

#define TAP_BITS 30

void airway_resampler_init(airway_resampler *resampler, const airway_conversion *conversion,
                           int16_t *ring) {
    resampler->conversion = conversion;
    resampler->ring = ring;
    airway_resampler_reset(resampler);
}

void airway_resampler_reset(airway_resampler *resampler) {
    const int32_t taps = resampler->conversion->taps;
    memset(resampler->ring, 0, 2 * (size_t)taps * sizeof *resampler->ring);
    resampler->place = 0;
    resampler->missing = taps / 2 + 1; /* silence fills the rest of the first window */
    resampler->phase = 0;
}

/* The filter's sum, at most 2^31 * 2^15 * 5,486 taps. */
static inline int64_t dot(const int16_t *window, const int32_t *values_q30, int32_t taps) {
    int64_t total = 0;
    int32_t i;
    for (i = 0; i < taps; i++) {
        total += (int64_t)window[i] * values_q30[i];
    }
    return total;
}

/* A workstation resamples days of audio: let the compiler use AVX2 where the processor has it. */
#if defined(__x86_64__) && defined(__GNUC__)
__attribute__((target("avx2"))) static int64_t dot_avx2(const int16_t *window,
                                                        const int32_t *values_q30, int32_t taps) {
    return dot(window, values_q30, taps);
}
#define DOT(window, values_q30, taps)                                                  \
    (__builtin_cpu_supports("avx2") ? dot_avx2((window), (values_q30), (taps))         \
                                    : dot((window), (values_q30), (taps)))
#else
#define DOT dot
#endif

size_t airway_resampler_push(airway_resampler *resampler, const int16_t **pcm, size_t *count,
                             int16_t *out, size_t room) {
    const airway_conversion *conversion = resampler->conversion;
    const int32_t taps = conversion->taps;
    size_t made = 0;
    while (made < room) {
        if (resampler->missing == 0) {
            const int32_t *values =
                conversion->values_q30 + (size_t)resampler->phase * (size_t)taps;
            const int64_t total = DOT(resampler->ring + resampler->place, values, taps);
            out[made++] = airway_saturate(airway_rounded_shift(total, TAP_BITS));
            resampler->phase += conversion->step;
            resampler->missing = resampler->phase / conversion->phases;
            resampler->phase %= conversion->phases;
        } else if (*count > 0) {
            resampler->ring[resampler->place] = **pcm;
            resampler->ring[resampler->place + taps] = **pcm;
            resampler->place = resampler->place + 1 == taps ? 0 : resampler->place + 1;
            resampler->missing--;
            (*pcm)++;
            (*count)--;
        } else {
            break;
        }
    }
    return made;
}
