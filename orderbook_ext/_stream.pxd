"""What _stream.h declares."""

from libc.stdint cimport int32_t, int64_t


cdef extern from "_stream.h" nogil:
    enum:
        PANEL

    ctypedef struct StreamOp:
        int32_t kind, src, add, dst
        int64_t src_at, add_at, dst_at
        int64_t taps, tap_step, inputs, positions, src_step, add_step, dst_step, outputs
        int64_t back, written
        const float* weight
        const float* bias
        const float* gain
        const float* shift
        float slope
        int32_t tanh

    ctypedef struct StreamScaler:
        const double* mean
        const double* std
        double clip

    ctypedef struct StreamSet:
        int (*scale)(const StreamScaler*, const double*, float*, int64_t) noexcept nogil
        void (*work)(const StreamOp*, int64_t, float* const*) noexcept nogil

    int stream_sets()
    StreamSet stream_set(int number)
    void stream_softmax(const float* logits, double temperature, double* out)
