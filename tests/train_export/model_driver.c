/* Runs a generated network alone: int16 feature rows from standard input, score steps out. */
#include <stdio.h>

#include "airway_bundle.h"

int main(void) {
    const airway_bundle *bundle = &BUNDLE;
    airway_model model = {bundle->plan, bundle->arena, bundle->rings, bundle->missing};
    airway_model_reset(&model);
    while (fread(bundle->row, 2, bundle->plan->coefficients, stdin) == bundle->plan->coefficients) {
        const int8_t *scores = airway_model_push(&model, bundle->row);
        if (scores != NULL) {
            fwrite(scores, 1, bundle->plan->labels, stdout);
        }
    }
    return 0;
}
