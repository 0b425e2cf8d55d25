/* The whole monitor: int16 PCM in, events to send out. No heap, no floating point, no clock.
 *
 *     #include "airway_bundle.h"                         // generated: airway-train export
 *     static airway_event events[32];
 *     static airway_watch watch;
 *     airway_watch_init(&watch, &airway_bundle_room, events, 32);
 *     for (;;) {
 *         airway_watch_push(&watch, pcm, count);         // from the microphone's buffer
 *         while ((event = airway_outbox_oldest(&watch.outbox)) != NULL && sent(event)) {
 *             airway_outbox_confirm(&watch.outbox, event->number);
 *         }
 *     }
 *
 * It is a screening aid, not a diagnosis.
 */
#ifndef AIRWAY_WATCH_H
#define AIRWAY_WATCH_H

#include "airway_detector.h"
#include "airway_frontend.h"
#include "airway_model.h"
#include "airway_outbox.h"
#include "airway_shutter.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A model bundle as the generator wrote it, and the static memory that it needs: one watch at a
 * time may use it. */
typedef struct {
    const char *name, *version;
    const char *digest;          /* SHA-256 of the bundle's card */
    const char *frontend_digest; /* SHA-256 of the spec and the tables */
    const char *const *labels;   /* [plan->labels] */
    int32_t rate_hz;
    int32_t before_frames; /* of silence that the model sees before the first frame */
    int32_t step_frames;   /* frames of a score step */
    int32_t shift_samples; /* from a frame's first sample to the hop that it speaks for */
    const airway_tables *tables;
    const airway_model_plan *plan;
    const airway_rule *rules; /* [rule_count] */
    uint16_t rule_count;
    const airway_memory *frontend_memory;
    int16_t *row; /* [coefficients] */
    int8_t *arena;
    airway_ring_state *rings;
    uint16_t *missing;
    airway_detector *detectors; /* [rule_count] */
    airway_shutter *shutter;    /* NULL: everything is scored */
} airway_bundle;

/* What passes inside, for a test or a plot; any may be NULL. */
typedef struct {
    void (*row)(void *context, const int16_t *row);      /* [coefficients] */
    void (*scores)(void *context, const int8_t *scores); /* [labels] */
    void *context;
} airway_watch_listener;

typedef struct {
    const airway_bundle *bundle;
    airway_frontend frontend;
    airway_model model;
    airway_outbox outbox;
    airway_watch_listener listener;
    int64_t frames; /* received since the start */
    int64_t steps;  /* scored */
    int64_t samples_heard, samples_lost;
} airway_watch;

/* Begin at sample 0; `events` is the outbox's memory. */
void airway_watch_init(airway_watch *watch, const airway_bundle *bundle, airway_event *events,
                       uint16_t room);

/* Take samples at the bundle's rate, any number of them. */
void airway_watch_push(airway_watch *watch, const int16_t *pcm, size_t count);

/* The microphone lost samples: silence takes their place, so that time stays right. */
void airway_watch_lost(airway_watch *watch, size_t count);

/* End of the recording: the last steps and the events still open. Only init may follow. */
void airway_watch_finish(airway_watch *watch);

#ifdef __cplusplus
}
#endif

#endif
