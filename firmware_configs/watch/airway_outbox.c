#include "airway_outbox.h"

void airway_outbox_init(airway_outbox *outbox, airway_event *events, uint16_t room) {
    const airway_outbox empty = {events, room, 0, 0, 0, 0};
    *outbox = empty;
}

static void forget_oldest(airway_outbox *outbox) {
    outbox->first = (uint16_t)(outbox->first + 1 == outbox->room ? 0 : outbox->first + 1);
    outbox->waiting--;
}

void airway_outbox_put(airway_outbox *outbox, const airway_event *event) {
    airway_event *place;
    if (outbox->waiting == outbox->room) {
        forget_oldest(outbox);
        outbox->dropped++;
    }
    place = &outbox->events[((uint32_t)outbox->first + outbox->waiting) % outbox->room];
    *place = *event;
    place->number = outbox->next_number++;
    outbox->waiting++;
}

const airway_event *airway_outbox_oldest(const airway_outbox *outbox) {
    return outbox->waiting > 0 ? &outbox->events[outbox->first] : NULL;
}

void airway_outbox_confirm(airway_outbox *outbox, uint32_t number) {
    uint32_t confirmed;
    if (outbox->waiting == 0) {
        return;
    }
    /* Numbers follow each other, and wrap. */
    confirmed = number - outbox->events[outbox->first].number;
    if (confirmed < outbox->waiting) {
        for (confirmed++; confirmed > 0; confirmed--) {
            forget_oldest(outbox);
        }
    }
}
