/* A convolutional network on a stream: a feature row in, now and then a score step out.
 *
 * Its convolutions are valid in time, so every layer keeps the few rows that it still looks back
 * on and computes each row once. Scores are those of the whole network on patches, bit for bit.
 * The descriptions are generated from a bundle and lie in flash.
 */
#ifndef AIRWAY_MODEL_H
#define AIRWAY_MODEL_H

#include "airway_kernels.h"

#ifdef __cplusplus
extern "C" {
#endif

#define AIRWAY_MODEL_TAPS 16 /* rows that a layer looks at, at most */

/* The newest rows of a tensor, each with its padding around it. */
typedef struct {
    uint32_t offset; /* in the arena */
    uint16_t depth;  /* rows */
    uint16_t row;    /* values of a row, padding included */
    uint16_t before; /* values of padding before the first column */
    int8_t zero;     /* the zero point, which padding holds */
} airway_ring;

typedef enum { AIRWAY_CONV, AIRWAY_DEPTHWISE, AIRWAY_ADD } airway_kind;

/* Where a layer finds a row: `lag` rows before the newest of a ring, from its value `first` on. */
typedef struct {
    uint16_t ring, lag, first;
} airway_source;

typedef struct {
    airway_kind kind;
    airway_source source[2]; /* the first one's rows set the pace; the second is an addition's */
    uint16_t output;         /* ring */
    uint16_t begin;          /* rows of the first source up to the first output row */
    uint16_t stride;         /* rows from one output row to the next */
    uint16_t dilation;       /* rows from one tap to the next */
    const airway_convolution *convolution;
    const airway_addition *addition;
} airway_layer;

typedef struct {
    const airway_ring *rings; /* [ring_count]: the input first, the output last */
    const airway_layer *layers;
    uint16_t ring_count, layer_count;
    uint16_t coefficients; /* of a feature row */
    uint16_t labels;       /* of a score step */
    int32_t input_multiplier_q20;
    int16_t input_zero;
    uint32_t arena_bytes;
} airway_model_plan;

typedef struct {
    uint16_t place; /* of the next row */
    bool fresh;     /* a row came in this turn */
} airway_ring_state;

typedef struct {
    const airway_model_plan *plan;
    int8_t *arena;            /* [arena_bytes] */
    airway_ring_state *rings; /* [ring_count] */
    uint16_t *missing;        /* [layer_count]: rows up to the next output row */
} airway_model;

/* Forget the past: the next row is row 0 of the network's input. */
void airway_model_reset(airway_model *model);

/* Take a feature row, int16 [coefficients], Q8.7; return the score step that it completes,
 * int8 [labels], which lasts until the next call, or NULL. */
const int8_t *airway_model_push(airway_model *model, const int16_t *features);

#ifdef __cplusplus
}
#endif

#endif
