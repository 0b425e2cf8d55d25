#include "airway_model.h"

#include <string.h>

/* A ring's row, `lag` rows before the newest. */
static int8_t *row_at(const airway_model *model, uint16_t ring, uint16_t lag) {
    const airway_ring *of = &model->plan->rings[ring];
    const uint32_t newest = model->rings[ring].place + (uint32_t)of->depth - 1;
    const uint32_t slot = (newest - lag) % of->depth;
    return model->arena + of->offset + slot * of->row;
}

/* The place of a ring's next row, without its padding. */
static int8_t *next_row(airway_model *model, uint16_t ring) {
    const airway_ring *of = &model->plan->rings[ring];
    airway_ring_state *state = &model->rings[ring];
    int8_t *row = model->arena + of->offset + (uint32_t)state->place * of->row + of->before;
    state->place = (uint16_t)(state->place + 1 == of->depth ? 0 : state->place + 1);
    state->fresh = true;
    return row;
}

void airway_model_reset(airway_model *model) {
    const airway_model_plan *plan = model->plan;
    uint16_t i;
    for (i = 0; i < plan->ring_count; i++) {
        const airway_ring *ring = &plan->rings[i];
        memset(model->arena + ring->offset, ring->zero, (size_t)ring->depth * ring->row);
        model->rings[i].place = 0;
        model->rings[i].fresh = false;
    }
    for (i = 0; i < plan->layer_count; i++) {
        model->missing[i] = plan->layers[i].begin;
    }
}

/* edge/classifier.py's quantize: rounded half up and saturated. */
static int8_t quantized(int16_t feature, const airway_model_plan *plan) {
    const int64_t product = (int64_t)feature * plan->input_multiplier_q20;
    const int64_t q = ((product + ((int64_t)1 << 19)) >> 20) + plan->input_zero;
    return (int8_t)(q < INT8_MIN ? INT8_MIN : q > INT8_MAX ? INT8_MAX : q);
}

static void compute(airway_model *model, const airway_layer *layer) {
    const int8_t *rows[AIRWAY_MODEL_TAPS];
    const airway_source *source = layer->source;
    if (layer->kind == AIRWAY_ADD) {
        rows[0] = row_at(model, source[0].ring, source[0].lag) + source[0].first;
        rows[1] = row_at(model, source[1].ring, source[1].lag) + source[1].first;
        airway_add_row(layer->addition, rows[0], rows[1], next_row(model, layer->output));
    } else {
        const airway_convolution *conv = layer->convolution;
        uint16_t t;
        for (t = 0; t < conv->taps; t++) {
            const int back = source->lag + (conv->taps - 1 - t) * layer->dilation;
            rows[t] = row_at(model, source->ring, (uint16_t)back) + source->first;
        }
        if (layer->kind == AIRWAY_CONV) {
            airway_conv_row(conv, rows, next_row(model, layer->output));
        } else {
            airway_depthwise_row(conv, rows, next_row(model, layer->output));
        }
    }
}

const int8_t *airway_model_push(airway_model *model, const int16_t *features) {
    const airway_model_plan *plan = model->plan;
    const uint16_t last = (uint16_t)(plan->ring_count - 1);
    int8_t *input;
    uint16_t i;
    for (i = 0; i < plan->ring_count; i++) {
        model->rings[i].fresh = false;
    }
    input = next_row(model, 0);
    for (i = 0; i < plan->coefficients; i++) {
        input[i] = quantized(features[i], plan);
    }
    for (i = 0; i < plan->layer_count; i++) {
        const airway_layer *layer = &plan->layers[i];
        if (model->rings[layer->source[0].ring].fresh && --model->missing[i] == 0) {
            model->missing[i] = layer->stride;
            compute(model, layer);
        }
    }
    return model->rings[last].fresh ? row_at(model, last, 0) + plan->rings[last].before : NULL;
}
