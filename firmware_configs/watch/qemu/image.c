/* The smallest firmware around the monitor: what flash and RAM are measured on. A real one puts
 * its microphone's DMA buffer and its radio where this one has two places in memory. */
#include BUNDLE_HEADER

#define ROOM 32 /* events that wait for the radio */
#define BLOCK 160

extern volatile int16_t airway_microphone[BLOCK];
extern volatile uint8_t airway_radio[sizeof(airway_event)];
volatile int16_t airway_microphone[BLOCK];
volatile uint8_t airway_radio[sizeof(airway_event)];

static void send(const airway_event *event) {
    const uint8_t *bytes = (const uint8_t *)event;
    size_t i;
    for (i = 0; i < sizeof *event; i++) {
        airway_radio[i] = bytes[i];
    }
}

int main(void) {
    static airway_event events[ROOM];
    static airway_watch watch;
    airway_watch_init(&watch, &BUNDLE, events, ROOM);
    for (;;) {
        const airway_event *event;
        int16_t pcm[BLOCK];
        size_t i;
        for (i = 0; i < BLOCK; i++) {
            pcm[i] = airway_microphone[i];
        }
        airway_watch_push(&watch, pcm, BLOCK);
        while ((event = airway_outbox_oldest(&watch.outbox)) != NULL) {
            send(event);
            airway_outbox_confirm(&watch.outbox, event->number);
        }
    }
}
