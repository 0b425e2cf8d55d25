/* What an emulated Cortex-M4 needs before main: its vector table; newlib does the rest. */
extern unsigned long __stack;
extern void _start(void);
void _init(void);
void _fini(void);

__attribute__((section(".vectors"), used)) static const struct {
    unsigned long *stack;
    void (*reset)(void);
    void (*faults[14])(void);
} vectors = {&__stack, _start, {0}};

void _init(void) {
}

void _fini(void) {
}
