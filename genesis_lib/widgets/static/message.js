// The wire format of a session's messages: uint32 header length, JSON header, then little-endian arrays.

const KINDS = {
  float64: Float64Array,
  float32: Float32Array,
  int64: BigInt64Array,
  int32: Int32Array,
  uint8: Uint8Array,
};
const TEXT = new TextDecoder();

/** Unpack a DataView into {header, arrays}; throws RangeError where the message is cut short. */
export function decodeMessage(view) {
  // A copy, because a view into a websocket message starts anywhere and a Float64Array only on a multiple of 8.
  const raw = view.buffer.slice(view.byteOffset, view.byteOffset + view.byteLength);
  let at = 4 + new DataView(raw).getUint32(0, true);
  const header = JSON.parse(TEXT.decode(new Uint8Array(raw, 4, at - 4)));
  const arrays = {};
  for (const { name, dtype, shape } of header.arrays) {
    const count = shape.reduce((product, n) => product * n, 1);
    arrays[name] = new KINDS[dtype](raw, at, count);
    at += Math.ceil(arrays[name].byteLength / 8) * 8;
  }
  return { header, arrays };
}
