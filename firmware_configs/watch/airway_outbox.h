/* Events that wait for the radio, oldest first. */
#ifndef AIRWAY_OUTBOX_H
#define AIRWAY_OUTBOX_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* One respiratory event. A receiver drops a number that it has, and counts a gap as lost. */
typedef struct {
    uint32_t number;       /* 0, 1, 2, … since the start */
    uint8_t label;         /* index into the bundle's labels */
    int32_t peak;          /* the sum of the rule's smooth_steps int8 logits at its highest */
    uint16_t score_e4;     /* the raw confidence, in ten-thousandths */
    uint16_t p_e4;         /* the calibrated probability, in ten-thousandths */
    int64_t onset, offset; /* samples at the bundle's rate since the start, onset < offset */
} airway_event;

typedef struct {
    airway_event *events; /* [room]: the caller's memory */
    uint16_t room;        /* 1 and more */
    uint16_t first;       /* place of the oldest */
    uint16_t waiting;
    uint32_t next_number;
    uint32_t dropped; /* events that found no room: the oldest made way */
} airway_outbox;

void airway_outbox_init(airway_outbox *outbox, airway_event *events, uint16_t room);

/* Put a copy in, numbered; when the ring is full, the oldest event is dropped and counted. */
void airway_outbox_put(airway_outbox *outbox, const airway_event *event);

/* The oldest event, or NULL. Its place holds it until it is confirmed or a full ring drops it: copy
 * it, with its number, before the next event is put. */
const airway_event *airway_outbox_oldest(const airway_outbox *outbox);

/* The receiver has all events up to this number: forget them. A number that waits no longer, or
 * was never given, as one from before a restart, changes nothing. */
void airway_outbox_confirm(airway_outbox *outbox, uint32_t number);

#ifdef __cplusplus
}
#endif

#endif
