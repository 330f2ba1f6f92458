/** Numbers in the kernel's tables. Pure, and allocates nothing but the caller's array. */

const ZERO = 48;
const NINE = 57;

/**
 * Reads the unsigned decimal numbers of `text` between `from` and `to` into `out`, whatever stands between them.
 * Beyond 2^53 they are the nearest double.
 * @returns how many were found; `out` is not touched behind them.
 */
export function readNumbers(text: string, from: number, to: number, out: number[]): number {
  let found = 0;
  let at = from;
  while (at < to) {
    let digit = text.charCodeAt(at);
    if (digit < ZERO || digit > NINE) {
      at++;
      continue;
    }
    let value = 0;
    while (digit >= ZERO && digit <= NINE) {
      value = value * 10 + (digit - ZERO);
      at++;
      digit = at < to ? text.charCodeAt(at) : 0;
    }
    out[found++] = value;
  }
  return found;
}
