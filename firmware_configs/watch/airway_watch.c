#include "airway_watch.h"

#include <string.h>

static void send(airway_watch *watch, const airway_rule *rule, const airway_span *span) {
    const airway_bundle *bundle = watch->bundle;
    const int64_t step_samples = (int64_t)bundle->step_frames * bundle->tables->hop_samples;
    const int32_t place = span->peak - rule->open * rule->smooth_steps;
    airway_event event;
    memset(&event, 0, sizeof event);
    event.label = rule->label;
    event.peak = span->peak;
    event.score_e4 = rule->score_e4[place];
    event.p_e4 = rule->p_e4[place];
    event.onset = span->onset * step_samples + bundle->shift_samples;
    event.offset = span->offset * step_samples + bundle->shift_samples;
    airway_outbox_put(&watch->outbox, &event);
}

static void detect(airway_watch *watch, const int8_t *scores) {
    const airway_bundle *bundle = watch->bundle;
    airway_span span;
    uint16_t i;
    if (watch->listener.scores != NULL) {
        watch->listener.scores(watch->listener.context, scores);
    }
    watch->steps++;
    for (i = 0; i < bundle->rule_count; i++) {
        const airway_rule *rule = &bundle->rules[i];
        if (airway_detector_take(&bundle->detectors[i], scores, &span)) {
            send(watch, rule, &span);
        }
    }
}

/* One feature row, the bundle's `row`, through the model, and what is known then to the detectors;
 * no step from `end` on. */
static void classify(airway_watch *watch, int64_t end) {
    airway_shutter *shutter = watch->bundle->shutter;
    const int8_t *scores;
    if (shutter == NULL) {
        scores = airway_model_push(&watch->model, watch->bundle->row);
        if (scores != NULL) {
            detect(watch, scores);
        }
        return;
    }
    scores = airway_model_push(&watch->model, watch->bundle->row);
    if (scores != NULL) {
        airway_shutter_scores(shutter, scores);
    }
    while (watch->steps < end && (scores = airway_shutter_next(shutter)) != NULL) {
        detect(watch, scores);
    }
}

static void silence(airway_watch *watch) {
    memset(watch->bundle->row, 0, watch->bundle->plan->coefficients * sizeof(int16_t));
}

void airway_watch_init(airway_watch *watch, const airway_bundle *bundle, airway_event *events,
                       uint16_t room) {
    uint16_t i;
    int32_t frame;
    memset(watch, 0, sizeof *watch);
    watch->bundle = bundle;
    watch->model.plan = bundle->plan;
    watch->model.arena = bundle->arena;
    watch->model.rings = bundle->rings;
    watch->model.missing = bundle->missing;
    airway_outbox_init(&watch->outbox, events, room);
    airway_frontend_init(&watch->frontend, bundle->tables, *bundle->frontend_memory);
    airway_model_reset(&watch->model);
    if (bundle->shutter != NULL) {
        airway_shutter_reset(bundle->shutter);
    }
    for (i = 0; i < bundle->rule_count; i++) {
        airway_detector_reset(&bundle->detectors[i], &bundle->rules[i]);
    }
    silence(watch);
    for (frame = 0; frame < bundle->before_frames; frame++) {
        airway_model_push(&watch->model, bundle->row);
    }
}

static void look(airway_watch *watch, const int16_t *pcm, size_t count) {
    if (watch->bundle->shutter != NULL) {
        airway_shutter_push(watch->bundle->shutter, pcm, count);
    }
}

static void hear(airway_watch *watch, const int16_t *pcm, size_t count) {
    const int16_t *seen = pcm;
    while (airway_frontend_next(&watch->frontend, &pcm, &count, watch->bundle->row)) {
        look(watch, seen, (size_t)(pcm - seen)); /* no further than the row: few decisions wait */
        seen = pcm;
        watch->frames++;
        if (watch->listener.row != NULL) {
            watch->listener.row(watch->listener.context, watch->bundle->row);
        }
        classify(watch, INT64_MAX);
    }
    look(watch, seen, (size_t)(pcm - seen));
}

/* Silence as long as a row's hop, for what comes after the end. */
static void look_at_silence(airway_watch *watch) {
    static const int16_t zeros[64] = {0};
    int32_t left = watch->bundle->tables->hop_samples;
    while (left > 0) {
        const int32_t some = left < 64 ? left : 64;
        look(watch, zeros, (size_t)some);
        left -= some;
    }
}

void airway_watch_push(airway_watch *watch, const int16_t *pcm, size_t count) {
    watch->samples_heard += (int64_t)count;
    hear(watch, pcm, count);
}

void airway_watch_lost(airway_watch *watch, size_t count) {
    static const int16_t zeros[64] = {0};
    watch->samples_lost += (int64_t)count;
    while (count > 0) {
        const size_t some = count < 64 ? count : 64;
        hear(watch, zeros, some);
        count -= some;
    }
}

void airway_watch_finish(airway_watch *watch) {
    const airway_bundle *bundle = watch->bundle;
    const int64_t whole = watch->frames / bundle->step_frames;
    airway_span spans[AIRWAY_LAST_SPANS];
    uint16_t i;
    silence(watch);
    while (watch->steps < whole) {
        look_at_silence(watch);
        classify(watch, whole);
    }
    for (i = 0; i < bundle->rule_count; i++) {
        const size_t count = airway_detector_finish(&bundle->detectors[i], spans);
        size_t s;
        for (s = 0; s < count; s++) {
            send(watch, &bundle->rules[i], &spans[s]);
        }
    }
}
