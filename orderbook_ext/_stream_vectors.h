/* Vectors of one instruction set, and the functions that bend them; see _stream_kernel.h, which includes this file. */

#if LANES == 1
typedef float FN(vector);
typedef int32_t FN(integers);
typedef uint32_t FN(counts);
#else
typedef float FN(vector) __attribute__((vector_size(4 * LANES)));
typedef int32_t FN(integers) __attribute__((vector_size(4 * LANES)));
typedef uint32_t FN(counts) __attribute__((vector_size(4 * LANES)));
#endif
#define V FN(vector)
#define I FN(integers)

TARGET static inline V FN(load)(const float *from) {
    V v;
    memcpy(&v, from, sizeof v);
    return v;
}

TARGET static inline void FN(store)(float *to, V v) { memcpy(to, &v, sizeof v); }

TARGET static inline V FN(of_bits)(I bits) {
    V v;
    memcpy(&v, &bits, sizeof v);
    return v;
}

TARGET static inline I FN(bits_of)(V v) {
    I bits;
    memcpy(&bits, &v, sizeof v);
    return bits;
}

TARGET static inline V FN(all)(float x) {
#if LANES == 1
    return x;
#else
    return x - (V){0};
#endif
}

/* a where the sign of `which` is set, else b. */
TARGET static inline V FN(choose)(V which, V a, V b) {
    I mask = FN(bits_of)(which) >> 31;
    return FN(of_bits)((FN(bits_of)(a) & mask) | (FN(bits_of)(b) & ~mask));
}

TARGET static inline V FN(least)(V a, V b) { return FN(choose)(a - b, a, b); }
TARGET static inline V FN(most)(V a, V b) { return FN(choose)(a - b, b, a); }

/* e^x for |x| <= 87, within two units in the last place: S. Moshier's expf (Cephes). */
TARGET static inline V FN(exponential)(V x) {
    x = FN(least)(FN(most)(x, FN(all)(-87.0f)), FN(all)(87.0f));
    V shifted = x * 1.44269504088896341f + 12582912.0f; /* whole numbers stand in the lowest bits */
    V n = shifted - 12582912.0f;
    V r = (x - n * 0.693359375f) - n * -2.12194440e-4f;
    V p = FN(all)(1.9875691500e-4f);
    p = p * r + 1.3981999507e-3f;
    p = p * r + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 5.0000001201e-1f;
    p = p * (r * r) + r + 1.0f;
    FN(counts) scale;
    memcpy(&scale, &shifted, sizeof scale);
    scale = (scale - (0x4B400000u - 127u)) << 23;
    V power;
    memcpy(&power, &scale, sizeof power);
    return p * power;
}

TARGET static inline V FN(sigmoid)(V x) { return 1.0f / (1.0f + FN(exponential)(-x)); }

/* S. Moshier's tanhf (Cephes). */
TARGET static inline V FN(tangent)(V x) {
    V size = FN(of_bits)(FN(bits_of)(x) & 0x7FFFFFFF);
    V square = x * x;
    V p = FN(all)(-5.70498872745e-3f);
    p = p * square + 2.06390887954e-2f;
    p = p * square + -5.37397155531e-2f;
    p = p * square + 1.33314422036e-1f;
    p = p * square + -3.33332819422e-1f;
    V small = p * square * x + x;
    V large = 1.0f - 2.0f / (FN(exponential)(size + size) + 1.0f);
    large = FN(of_bits)(FN(bits_of)(large) | (FN(bits_of)(x) & (int32_t)0x80000000));
    return FN(choose)(size - 0.625f, small, large);
}

TARGET static inline V FN(leak)(V x, float slope) { return FN(most)(x, x * slope); }
