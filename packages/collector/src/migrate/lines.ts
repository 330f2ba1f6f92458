/**
 * Blocks of bytes as lines. Owns the cutting and promises that every byte belongs to exactly one line, that a line
 * without a newline behind it comes last and is marked, and that no line, however long, takes more memory than its bound.
 */

/** Of a line that is read; ours have at most 64 KiB, whatever a client sends. */
export const LINE_BYTES_MAX = 256 * 1024;

const NEWLINE = 10;

export interface Line {
  /** [start, end) of the bytes, without the newline; valid during the call. */
  bytes: Buffer;
  start: number;
  end: number;
  /** From 1. */
  number: number;
  /** The file ends without a newline after it. */
  unfinished: boolean;
  /** It had more than LINE_BYTES_MAX: the bytes are its beginning. */
  cut: boolean;
}

/** Calls `visit` for every line that is not empty. The object is the same one each time. */
export async function forEachLine(blocks: AsyncIterable<Buffer>, visit: (line: Line) => void): Promise<void> {
  const line: Line = { bytes: Buffer.alloc(0), start: 0, end: 0, number: 0, unfinished: false, cut: false };
  /** The beginning of a line whose end is in a later block. */
  let rest = Buffer.alloc(0);
  let cut = false;

  const give = (bytes: Buffer, start: number, end: number): void => {
    line.number++;
    if (end <= start) return;
    Object.assign(line, { bytes, start, end, cut: cut || end - start > LINE_BYTES_MAX });
    visit(line);
  };

  const keep = (block: Buffer, from: number): void => {
    const room = LINE_BYTES_MAX - rest.length;
    if (block.length - from > room) cut = true;
    rest = Buffer.concat([rest, block.subarray(from, from + Math.max(0, room))]);
  };

  for await (const block of blocks) {
    let at = 0;
    for (let newline = block.indexOf(NEWLINE); newline !== -1; newline = block.indexOf(NEWLINE, at)) {
      if (rest.length > 0) {
        keep(block.subarray(0, newline), at);
        give(rest, 0, rest.length);
        rest = Buffer.alloc(0);
        cut = false;
      } else {
        give(block, at, newline);
      }
      at = newline + 1;
    }
    keep(block, at);
  }
  line.unfinished = true;
  if (rest.length > 0) give(rest, 0, rest.length);
}
