/* One step of a network, as a list of operations over registers; compiled for several instruction sets at once, of which
   one is chosen when the program runs. See _stream_py.py for the readable twin and _stream_plan.py for what an
   operation may touch: nothing is checked here. */

#ifndef GENESIS_STREAM_H
#define GENESIS_STREAM_H

#include <float.h>
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum { STREAM_CONV, STREAM_DEPTHWISE, STREAM_MAX, STREAM_ADD, STREAM_COPY, STREAM_LSTM };
enum { PANEL = 16, GROUP = 8, LARGEST_LSTM = 256 };

typedef struct {
    int32_t kind, src, add, dst; /* registers; add is -1 where the bias is */
    int64_t src_at, add_at, dst_at; /* floats from the register's oldest row */
    int64_t taps, tap_step, inputs, positions, src_step, add_step, dst_step, outputs;
    int64_t back, written; /* floats to the other copy of a ring's row, and how many to repeat there; else 0 */
    const float *weight, *bias, *gain, *shift; /* gain and shift whole panels, or NULL */
    float slope;
    int32_t tanh;
} StreamOp;

typedef struct {
    const double *mean, *std;
    double clip;
} StreamScaler;

typedef struct {
    int (*scale)(const StreamScaler *, const double *, float *, int64_t);
    void (*work)(const StreamOp *, int64_t, float *const *);
} StreamSet;

/* Without vectors, for other compilers and where GENESIS_PORTABLE asks for it. */
#if !defined(GENESIS_PORTABLE) && (defined(__GNUC__) || defined(__clang__))
#define STREAM_VECTORS 1
#define INLINE static inline __attribute__((always_inline))
#define LANES 4
#define PAIR 2
#else
#define INLINE static inline
#define LANES 1
#define PAIR 4
#endif
#define FN(name) portable_##name
#define TARGET
#define BLOCK 1
#include "_stream_kernel.h"

#if defined(STREAM_VECTORS) && (defined(__x86_64__) || defined(__i386__))
#define STREAM_X86 1
#define FN(name) avx2_##name
#define TARGET __attribute__((target("avx2")))
#define LANES 8
#define PAIR 2
#define BLOCK 1
#include "_stream_kernel.h"

#define FN(name) avx512_##name
#define TARGET __attribute__((target("avx512f,avx512dq,avx512bw,avx512vl")))
#define LANES 16
#define PAIR 1
#define BLOCK 4
#include "_stream_kernel.h"
#endif
#undef INLINE

/* Sets this machine has: bit 0 portable, 1 AVX2, 2 AVX-512. */
static int stream_sets(void) {
    int sets = 1;
#ifdef STREAM_X86
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx2")) sets |= 2;
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl"))
        sets |= 4;
#endif
    return sets;
}

static StreamSet stream_set(int number) {
    StreamSet set = {portable_scale, portable_work};
#ifdef STREAM_X86
    if (number == 1) set = (StreamSet){avx2_scale, avx2_work};
    if (number == 2) set = (StreamSet){avx512_scale, avx512_work};
#endif
    (void)number;
    return set;
}

/* e^x for x <= 0, within two units in the last place; its own, since a library's may depend on the machine. */
static double stream_exp(double x) {
    if (!(x >= -700.0)) return x < 0.0 ? 0.0 : x;
    const double shifted = x * 1.4426950408889634 + 6755399441055744.0;
    const double n = shifted - 6755399441055744.0;
    const double r = (x - n * 0.6931471803691238) - n * 1.9082149292705877e-10;
    double p = 1.0;
    for (int k = 13; k > 0; k--) p = p * r / k + 1.0;
    int64_t scale = ((int64_t)n + 1023) << 52;
    double power;
    memcpy(&power, &scale, sizeof power);
    return p * power;
}

/* Softmax of three logits divided by a temperature. */
static void stream_softmax(const float *logits, double temperature, double *out) {
    const double a = logits[0] / temperature, b = logits[1] / temperature, c = logits[2] / temperature;
    const double most = a < b ? (b < c ? c : b) : (a < c ? c : a);
    out[0] = stream_exp(a - most);
    out[1] = stream_exp(b - most);
    out[2] = stream_exp(c - most);
    const double sum = out[0] + out[1] + out[2];
    out[0] /= sum;
    out[1] /= sum;
    out[2] /= sum;
}

#endif
