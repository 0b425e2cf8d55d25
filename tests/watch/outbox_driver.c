/* Drives an outbox with room for argv[1] events by standard input: 'p' puts an event, whose label
 * counts the puts; 'c' confirms the oldest, and 'C' the number after it. Prints after each letter
 * how many wait, how many were dropped, and the oldest's number and label, or -1 -1. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "airway_outbox.h"

int main(int argc, char **argv) {
    const uint16_t room = argc > 1 ? (uint16_t)atoi(argv[1]) : 0;
    airway_event *events = calloc(room, sizeof *events);
    const airway_event *oldest;
    airway_outbox outbox;
    airway_event event;
    int letter;
    if (events == NULL) {
        return 3;
    }
    memset(&event, 0, sizeof event);
    airway_outbox_init(&outbox, events, room);
    if (argc > 2) { /* start just before the numbers wrap */
        outbox.next_number = (uint32_t)0 - (uint32_t)atoi(argv[2]);
    }
    while ((letter = getchar()) != EOF) {
        oldest = airway_outbox_oldest(&outbox);
        if (letter == 'p') {
            airway_outbox_put(&outbox, &event);
            event.label++;
        } else if (oldest != NULL) {
            airway_outbox_confirm(&outbox, oldest->number + (letter == 'C' ? 1 : 0));
        }
        oldest = airway_outbox_oldest(&outbox);
        printf("%d %lu ", outbox.waiting, (unsigned long)outbox.dropped);
        if (oldest != NULL) {
            printf("%lu %d\n", (unsigned long)oldest->number, oldest->label);
        } else {
            printf("-1 -1\n");
        }
    }
    free(events);
    return 0;
}
