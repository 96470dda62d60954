/* The step of a network, once for each instruction set: _stream.h includes this file with

     FN(name)  the name of a function in this set
     TARGET    its attribute
     INLINE    how a function is made part of its callers
     LANES     floats in a vector: 16, 8, 4, or 1 where the compiler knows no vectors
     PAIR      vectors worked on side by side
     BLOCK     positions worked on together

   Lanes are outputs, never terms of one sum, every sum has one order, and a product is rounded before it is added: all
   sets give the same bits, and so does the twin in numpy. */

#include "_stream_vectors.h"

/* Sums of products of `rows` positions with one panel of weights: sixteen outputs, or the `PAIR * LANES` of them from w
   on. Four chains a sum, by the input's number modulo four, added up every GROUP taps. */
TARGET INLINE void FN(block)(
    const float *x, const float *w, int64_t taps, int64_t tap_step, int64_t inputs, int64_t step, const int rows,
    V sum[BLOCK][PAIR]
) {
    for (int64_t first = 0; first < taps; first += GROUP) {
        const int64_t last = first + GROUP < taps ? first + GROUP : taps;
        V a[BLOCK][4][PAIR];
        for (int r = 0; r < rows; r++)
            for (int j = 0; j < 4; j++)
                for (int v = 0; v < PAIR; v++) a[r][j][v] = FN(all)(0.0f);
        for (int64_t t = first; t < last; t++) {
            const float *xt = x + t * tap_step, *wt = w + t * inputs * PANEL;
            int64_t k = 0;
#define TERM(j)                                                                                       \
    for (int v = 0; v < PAIR; v++) {                                                                  \
        V weight = FN(load)(wt + (k + j) * PANEL + v * LANES);                                        \
        for (int r = 0; r < rows; r++) a[r][j][v] = a[r][j][v] + FN(all)(xt[r * step + k + j]) * weight; \
    }
            for (; k + 4 <= inputs; k += 4) {
                TERM(0)
                TERM(1)
                TERM(2)
                TERM(3)
            }
            if (k < inputs) {
                TERM(0)
            }
            if (k + 1 < inputs) {
                TERM(1)
            }
            if (k + 2 < inputs) {
                TERM(2)
            }
#undef TERM
        }
        for (int r = 0; r < rows; r++)
            for (int v = 0; v < PAIR; v++)
                sum[r][v] = sum[r][v] + ((a[r][0][v] + a[r][1][v]) + (a[r][2][v] + a[r][3][v]));
    }
}

/* `rows` positions from x on, outputs from n on, as many as fit: start from `from`, add the products, bend, write. */
TARGET INLINE void FN(panel)(
    const StreamOp *op, const float *x, const float *w, const float *from, float *out, int64_t n, const int rows
) {
    const int64_t outputs = op->outputs - n;
    V sum[BLOCK][PAIR];
    float edge[PAIR * LANES];
    const int whole = outputs >= PAIR * LANES;
    for (int r = 0; r < rows; r++) {
        const float *begin = from + r * op->add_step;
        if (!whole) {
            memset(edge, 0, sizeof edge);
            memcpy(edge, begin, outputs * sizeof(float));
            begin = edge;
        }
        for (int v = 0; v < PAIR; v++) sum[r][v] = FN(load)(begin + v * LANES);
    }
    FN(block)(x, w, op->taps, op->tap_step, op->inputs, op->src_step, rows, sum);
    for (int r = 0; r < rows; r++) {
        float *to = whole ? out + r * op->dst_step : edge;
        for (int v = 0; v < PAIR; v++) {
            V y = sum[r][v];
            if (op->slope != 1.0f) y = FN(leak)(y, op->slope);
            if (op->tanh) y = FN(tangent)(y);
            if (op->gain != NULL) y = y * FN(load)(op->gain + n + v * LANES) + FN(load)(op->shift + n + v * LANES);
            FN(store)(to + v * LANES, y);
        }
        if (!whole) memcpy(out + r * op->dst_step, edge, outputs * sizeof(float));
    }
}

TARGET static void FN(conv)(const StreamOp *op, const float *x, const float *from, float *out) {
    const int64_t size = op->taps * op->inputs * PANEL;
    for (int64_t n = 0; n < op->outputs; n += PAIR * LANES) {
        const float *w = op->weight + (n / PANEL) * size + n % PANEL;
        int64_t p = 0;
#if BLOCK > 1
        for (; p + BLOCK <= op->positions; p += BLOCK)
            FN(panel)(op, x + p * op->src_step, w, from + p * op->add_step + n, out + p * op->dst_step + n,
                      n, BLOCK);
#endif
        for (; p < op->positions; p++)
            FN(panel)(op, x + p * op->src_step, w, from + p * op->add_step + n, out + p * op->dst_step + n,
                      n, 1);
    }
}

/* One weight a tap and column; the taps in four chains. */
TARGET static void FN(depthwise)(const StreamOp *op, const float *x, float *out) {
    for (int64_t n = 0; n < op->outputs; n += LANES) {
        const int64_t left = op->outputs - n;
        const int whole = left >= LANES;
        float edge[LANES];
        V a[4];
        for (int j = 0; j < 4; j++) a[j] = FN(all)(0.0f);
        memset(edge, 0, sizeof edge);
#define TAP(j)                                                                                           \
    {                                                                                                    \
        const float *at = x + (t + j) * op->tap_step + n;                                                \
        if (!whole) {                                                                                    \
            memcpy(edge, at, left * sizeof(float));                                                      \
            at = edge;                                                                                   \
        }                                                                                                \
        a[j] = a[j] + FN(load)(at) * FN(load)(op->weight + (t + j) * op->inputs + n);                    \
    }
        int64_t t = 0;
        for (; t + 4 <= op->taps; t += 4) {
            TAP(0)
            TAP(1)
            TAP(2)
            TAP(3)
        }
        if (t < op->taps) TAP(0)
        if (t + 1 < op->taps) TAP(1)
        if (t + 2 < op->taps) TAP(2)
#undef TAP
        V y = FN(load)(op->bias + n) + ((a[0] + a[1]) + (a[2] + a[3]));
        if (op->slope != 1.0f) y = FN(leak)(y, op->slope);
        if (whole)
            FN(store)(out + n, y);
        else {
            FN(store)(edge, y);
            memcpy(out + n, edge, left * sizeof(float));
        }
    }
}

TARGET static void FN(maximum)(const StreamOp *op, const float *x, float *restrict out) {
    memcpy(out, x, op->outputs * sizeof(float));
    for (int64_t t = 1; t < op->taps; t++) {
        const float *other = x + t * op->tap_step;
        for (int64_t i = 0; i < op->outputs; i++) out[i] = out[i] < other[i] ? other[i] : out[i];
    }
}

TARGET static void FN(add)(const StreamOp *op, const float *x, const float *y, float *restrict out) {
    for (int64_t i = 0; i < op->outputs; i++) {
        const float sum = x[i] + y[i], bent = sum * op->slope;
        out[i] = bent > sum ? bent : sum;
    }
}

/* Rows of gates (input, forget, cell, output; what comes from the inputs) turned into the last state (h, c); or one such
   row and many states, each into its next. A state may be written over one that was read before it. */
TARGET static void FN(lstm)(const StreamOp *op, const float *x, const float *from, float *out) {
    const int64_t units = op->inputs;
    const int64_t apart = 4 * units + PANEL; /* rows a power of two apart would share their places in the cache */
    float gates[BLOCK * (4 * LARGEST_LSTM + PANEL)];
    StreamOp recur = *op;
    recur.taps = 1;
    recur.outputs = 4 * units;
    recur.tap_step = recur.add_step = 0;
    recur.src_step = op->add_step;
    recur.dst_step = apart;
    recur.slope = 1.0f;
    recur.tanh = 0;
    recur.gain = NULL;
    if (from == NULL) {
        memset(out, 0, 2 * units * sizeof(float));
        from = out;
    }
    for (int64_t p = 0; p < op->positions; p += BLOCK) {
        recur.positions = op->positions - p < BLOCK ? op->positions - p : BLOCK;
        for (int64_t s = 0; s < op->taps; s++) {
            const float *before = s == 0 ? from + p * op->add_step : out;
            FN(conv)(&recur, before, x + s * op->tap_step, gates);
            for (int64_t r = 0; r < recur.positions; r++) {
                const float *old = before + r * op->add_step + units, *gate = gates + r * apart;
                float *next = out + (p + r) * op->dst_step;
                for (int64_t n = 0; n < units; n += LANES) {
                    V input = FN(sigmoid)(FN(load)(gate + n)), forget = FN(sigmoid)(FN(load)(gate + units + n));
                    V cell = FN(tangent)(FN(load)(gate + 2 * units + n));
                    V open = FN(sigmoid)(FN(load)(gate + 3 * units + n));
                    V c = forget * FN(load)(old + n) + input * cell;
                    FN(store)(next + units + n, c);
                    FN(store)(next + n, open * FN(tangent)(c));
                }
            }
        }
    }
}

/* Scale a raw row into the first register; 0 when a value is not finite. */
TARGET static int FN(scale)(const StreamScaler *by, const double *row, float *out, int64_t width) {
    int bad = 0;
    for (int64_t i = 0; i < width; i++) bad |= !(fabs(row[i]) <= DBL_MAX);
    if (bad) return 0;
    for (int64_t i = 0; i < width; i++) {
        double z = (row[i] - by->mean[i]) / by->std[i];
        z = z < -by->clip ? -by->clip : z;
        z = z > by->clip ? by->clip : z;
        out[i] = (float)z;
    }
    return 1;
}

TARGET static void FN(work)(const StreamOp *ops, int64_t count, float *const *at) {
    for (const StreamOp *op = ops; op < ops + count; op++) {
        const float *x = at[op->src] + op->src_at;
        const float *from = op->add < 0 ? op->bias : at[op->add] + op->add_at;
        float *out = at[op->dst] + op->dst_at;
        switch (op->kind) {
        case STREAM_CONV: FN(conv)(op, x, from, out); break;
        case STREAM_DEPTHWISE: FN(depthwise)(op, x, out); break;
        case STREAM_MAX: FN(maximum)(op, x, out); break;
        case STREAM_ADD: FN(add)(op, x, from, out); break;
        case STREAM_COPY: memmove(out, x, op->outputs * sizeof(float)); break;
        case STREAM_LSTM: FN(lstm)(op, x, op->add < 0 ? NULL : from, out); break;
        }
        if (op->back) memcpy(out - op->back, out, op->written * sizeof(float)); /* a ring holds each row twice */
    }
}

#undef V
#undef I
#undef FN
#undef TARGET
#undef LANES
#undef PAIR
#undef BLOCK
