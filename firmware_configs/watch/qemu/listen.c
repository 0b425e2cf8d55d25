/* Runs the monitor over standard input, int16 PCM, and tells all that happens in it on standard
 * output, in records of a letter and little-endian numbers:
 *
 *     R int16 [coefficients]     a feature row
 *     S int8 [labels]            a score step
 *     E int64 onset, offset; int32 label, peak, score_e4, p_e4, number
 *     I int64 ticks of the frontend, of all the rest, of 1,000,000 instructions
 *
 * The ticks are SysTick's, which count instructions in QEMU under -icount; 0 on a host.
 */
#include <stdio.h>
#include <string.h>

#include BUNDLE_HEADER

#define ROOM 8 /* events that wait: they are sent after every block */
#define LOOPS 500000
#define MOST_SCORES 1024

static int64_t frontend_ticks, other_ticks;
static uint32_t mark;

#if defined(__arm__)

#define SYSTICK ((volatile uint32_t *)0xE000E010) /* control, reload, current */

static void start_clock(void) {
    SYSTICK[1] = 0xFFFFFF;
    SYSTICK[2] = 0;
    SYSTICK[0] = 5; /* enabled, from the processor's clock */
}

static uint32_t now(void) {
    return 0xFFFFFF - SYSTICK[2]; /* it counts down */
}

/* Two instructions a turn. */
static int64_t calibration(void) {
    uint32_t turns = LOOPS;
    const uint32_t begin = now();
    __asm volatile("1: subs %0, %0, #1\n bne 1b" : "+r"(turns) : : "cc");
    return (now() - begin) & 0xFFFFFF;
}

#else

static void start_clock(void) {
}

static uint32_t now(void) {
    return 0;
}

static int64_t calibration(void) {
    return LOOPS;
}

#endif

/* Add the ticks since the mark, and set it anew. */
static void count_to(int64_t *ticks) {
    const uint32_t time = now();
    *ticks += (time - mark) & 0xFFFFFF;
    mark = time;
}

static int16_t last_row[256];
static int8_t last_scores[MOST_SCORES]; /* of all steps that a block completes */
static size_t scores_count;
static bool has_row;

static void on_row(void *bundle, const int16_t *row) {
    count_to(&frontend_ticks);
    has_row = true;
    memcpy(last_row, row, ((const airway_bundle *)bundle)->plan->coefficients * sizeof *row);
}

static void on_scores(void *bundle, const int8_t *scores) {
    const size_t labels = ((const airway_bundle *)bundle)->plan->labels;
    memcpy(last_scores + scores_count, scores, labels);
    scores_count += labels;
}

static void tell(char letter, const void *content, size_t bytes) {
    fputc(letter, stdout);
    fwrite(content, 1, bytes, stdout);
}

static void tell_event(const airway_event *event) {
    const int64_t place[2] = {event->onset, event->offset};
    const int32_t values[5] = {event->label, event->peak, event->score_e4, event->p_e4,
                               (int32_t)event->number};
    tell('E', place, sizeof place);
    fwrite(values, 1, sizeof values, stdout);
}

/* Of one block, which holds at most one row. */
static void tell_all(airway_watch *watch) {
    const size_t labels = watch->bundle->plan->labels;
    const airway_event *event;
    size_t place;
    if (has_row) {
        tell('R', last_row, watch->bundle->plan->coefficients * sizeof *last_row);
    }
    for (place = 0; place < scores_count; place += labels) {
        tell('S', last_scores + place, labels);
    }
    while ((event = airway_outbox_oldest(&watch->outbox)) != NULL) {
        tell_event(event);
        airway_outbox_confirm(&watch->outbox, event->number);
    }
    has_row = false;
    scores_count = 0;
}

static void on_last_scores(void *bundle, const int8_t *scores) {
    tell('S', scores, ((const airway_bundle *)bundle)->plan->labels);
}

int main(void) {
    static airway_event events[ROOM];
    static int16_t pcm[4096];
    static airway_watch watch;
    const airway_bundle *bundle = &BUNDLE;
    const airway_watch_listener listener = {on_row, on_scores, (void *)bundle};
    const size_t block = (size_t)bundle->tables->hop_samples;
    int64_t ticks[3];
    size_t count;
    if (airway_tables_fault(bundle->tables) != NULL || block > 4096) {
        return 4;
    }
    /* A shutter holds back the steps of a patch at most. */
    if (bundle->plan->labels * (bundle->shutter == NULL ? 1 : bundle->shutter->patch_steps + 1) >
        MOST_SCORES) {
        return 4;
    }
    start_clock();
    airway_watch_init(&watch, bundle, events, ROOM);
    watch.listener = listener;
    while ((count = fread(pcm, sizeof *pcm, block, stdin)) > 0) {
        mark = now();
        airway_watch_push(&watch, pcm, count);
        count_to(has_row ? &other_ticks : &frontend_ticks);
        tell_all(&watch);
    }
    watch.listener.scores = on_last_scores;
    airway_watch_finish(&watch);
    tell_all(&watch);
    ticks[0] = frontend_ticks;
    ticks[1] = other_ticks;
    ticks[2] = calibration();
    tell('I', ticks, sizeof ticks);
    return watch.outbox.dropped == 0 ? 0 : 5;
}
