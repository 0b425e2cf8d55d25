/* Power spectrum -> log-mel bands -> the row of features. */
#include "airway_stages.h"

#define WEIGHT_BITS 15
#define LOG_BITS 20
#define LOG_TABLE_BITS 8
#define MANTISSA_BITS 30
#define DCT_BITS 30

int32_t airway_log2_above_floor(int64_t power, int32_t offset_q20, const int32_t *table) {
    const int rest_bits = MANTISSA_BITS - LOG_TABLE_BITS;
    int32_t exponent, fraction, index, rest, log;
    int64_t mantissa; /* Q30, from 1 to below 2 */
    if (power <= 0) {
        return 0;
    }
    exponent = airway_bit_length((uint64_t)power) - 1;
    mantissa = exponent >= MANTISSA_BITS ? power >> (exponent - MANTISSA_BITS)
                                         : power << (MANTISSA_BITS - exponent);
    fraction = (int32_t)(mantissa - ((int64_t)1 << MANTISSA_BITS));
    index = fraction >> rest_bits;
    rest = fraction & (((int32_t)1 << rest_bits) - 1);
    log = table[index] +
          (int32_t)airway_rounded_shift((int64_t)(table[index + 1] - table[index]) * rest,
                                        rest_bits);
    log += exponent * ((int32_t)1 << LOG_BITS) + offset_q20;
    return log > 0 ? log : 0;
}

void airway_log_mel(const airway_bin *bins, int shift, const airway_tables *tables,
                    int32_t *bands) {
    const int32_t offset = tables->log_offset_q20 - 2 * shift * ((int32_t)1 << LOG_BITS);
    const int32_t *edges = tables->mel_edges;
    int64_t before = 0; /* what rises in the segment before, Q15 */
    int32_t m;
    for (m = 0; m <= tables->mel_bands; m++) {
        int64_t rising = 0, whole = 0;
        int32_t k;
        for (k = edges[m]; k < edges[m + 1]; k++) {
            whole += bins[k].power;
            rising += bins[k].power * tables->mel_rise_q15[k];
        }
        if (m > 0) {
            const int64_t falling = whole * ((int64_t)1 << WEIGHT_BITS) - rising;
            bands[m - 1] =
                airway_log2_above_floor(before + falling, offset, tables->log2_q20);
        }
        before = rising;
    }
}

void airway_row(const int32_t *bands, const airway_tables *tables, int16_t *row) {
    const int32_t *basis = tables->dct_q30;
    int32_t c;
    for (c = 0; c < tables->coefficients && tables->kept[c] < tables->mel_bands; c++) {
        int64_t value = 0;
        if (basis == NULL) {
            value = bands[tables->kept[c]];
        } else {
            int32_t m;
            for (m = 0; m < tables->mel_bands; m++) {
                value += (int64_t)*basis++ * bands[m];
            }
            value = airway_rounded_shift(value, DCT_BITS);
        }
        row[c] = airway_to_q7(value);
    }
}
