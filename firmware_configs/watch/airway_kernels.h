/* The arithmetic of the model, one output row at a time: the seam for other kernels.
 *
 * airway_kernels.c is the portable implementation. Link other definitions of these functions in
 * its place, such as ones on CMSIS-NN; README.md says what they have to keep to.
 *
 * A row is int8 [columns, channels]. An input's zero point is already in the bias, and its
 * padding in the columns around the row, so that no kernel knows of either.
 */
#ifndef AIRWAY_KERNELS_H
#define AIRWAY_KERNELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* From sums to int8: q = clamp(round(sum * multiplier / 2^31 * 2^exponent) + zero). */
typedef struct {
    const int32_t *multiplier; /* Q31, 2^30 to 2^31 - 1, or 0; one a channel */
    const int8_t *exponent;    /* -31 to 30; one a channel */
    int16_t zero;
    int16_t low, high; /* the activation's range, within int8 */
    bool ties_up;      /* the last rounding's ties: upwards, or else away from zero */
} airway_scaling_back;

/* A convolution over the taps of `taps` rows. */
typedef struct {
    const int8_t *weights; /* conv: [channels, taps, runs, run]; depthwise: [taps, runs, channels] */
    const int32_t *bias;   /* [channels], less the input's zero point times the weights */
    airway_scaling_back back;
    uint16_t channels; /* of the output; of a depthwise convolution also of the input */
    uint16_t columns;  /* of the output */
    uint16_t step;     /* values of the input from one output column to the next */
    uint16_t taps;     /* rows */
    uint16_t runs;     /* stretches of neighbouring values in each row */
    uint16_t run;      /* values in one */
    uint16_t run_step; /* values from one to the next */
} airway_convolution;

/* The sum of two rows in scales of their own; TensorFlow Lite's ADD with twenty bits more. */
typedef struct {
    int32_t multiplier[2], multiplier_out;
    int8_t exponent[2], exponent_out; /* -31 to 0 */
    int16_t zero[2], zero_out;
    int16_t low, high;
    uint16_t values; /* in a row */
} airway_addition;

/* rows[t] is the first value that the first output column sees in tap t. */
void airway_conv_row(const airway_convolution *conv, const int8_t *const *rows, int8_t *out);
void airway_depthwise_row(const airway_convolution *conv, const int8_t *const *rows, int8_t *out);
void airway_add_row(const airway_addition *add, const int8_t *a, const int8_t *b, int8_t *out);

#ifdef __cplusplus
}
#endif

#endif
