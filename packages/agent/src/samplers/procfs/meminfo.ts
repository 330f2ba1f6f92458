/** /proc/meminfo as a table. Pure; memory and swap are both made from it. */

/**
 * Reads `Name:  123 kB` lines (proc(5)).
 * @returns bytes where the kernel says kB, else the plain count, by the kernel's own name.
 */
export function parseMeminfo(text: string): Map<string, number> {
  const values = new Map<string, number>();
  let at = 0;
  while (at < text.length) {
    let end = text.indexOf('\n', at);
    if (end === -1) end = text.length;
    const colon = text.indexOf(':', at);
    if (colon === -1) break;
    if (colon < end) {
      const value = Number.parseInt(text.slice(colon + 1, end), 10);
      if (!Number.isNaN(value)) values.set(text.slice(at, colon), text.endsWith('kB', end) ? value * 1024 : value);
    }
    at = end + 1;
  }
  return values;
}
