/**
 * Tells numbers from the rest in a packed run of doubles, without reading them. Owns the one loop that a batch's size
 * shows in: of a double only the exponent, in its last two bytes, says whether it is finite.
 */

const CHUNK_BYTES = 64 * 8;

/**
 * Counts the NaNs among the doubles in [at, stop), a multiple of 8 bytes.
 * @returns the count, or `~offset` (negative) of the first infinite one.
 */
export function countNaN(bytes: Uint8Array, at: number, stop: number): number {
  let count = 0;
  for (let chunk = at; chunk < stop; chunk += CHUNK_BYTES) {
    const chunkEnd = Math.min(chunk + CHUNK_BYTES, stop);
    let carries = 0;
    // Adding 1 to the exponent's upper seven bits carries only if all are set: no branch per double.
    for (let top = chunk + 7; top < chunkEnd; top += 8) carries |= (bytes[top]! & 0x7f) + 1;
    if ((carries & 0x80) === 0) continue;
    const found = countOneByOne(bytes, chunk, chunkEnd);
    if (found < 0) return found;
    count += found;
  }
  return count;
}

function countOneByOne(bytes: Uint8Array, at: number, stop: number): number {
  let count = 0;
  for (let top = at + 7; top < stop; top += 8) {
    if ((bytes[top]! & 0x7f) !== 0x7f || bytes[top - 1]! < 0xf0) continue;
    if ((bytes[top - 1]! & 0x0f) === 0 && isZero(bytes, top - 7, 6)) return ~(top - 7);
    count++;
  }
  return count;
}

/** Whether `length` bytes from `at` are all 0. */
export function isZero(bytes: Uint8Array, at: number, length: number): boolean {
  for (let next = at; next < at + length; next++) if (bytes[next] !== 0) return false;
  return true;
}
