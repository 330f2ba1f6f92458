/** The chunked decoder alone: bodies, bounds, faults, and that the cutting of its input changes nothing. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ChunkStep, ChunkedDecoder } from '../../src/http/chunked.ts';
import {
  CHUNK_EXTENSION_BYTES_MAX,
  CHUNK_LINE_BYTES_MAX,
  TRAILER_BYTES_MAX,
  TRAILER_FIELDS_MAX,
} from '../../src/http/chunked.ts';

const SEED = 20_261_127;

interface Outcome {
  /** `done`, `more`, or the reason of the fault. */
  end: string;
  body: string;
  /** Bytes after the body that were left alone. */
  left: number;
}

/** Decodes `text` given in pieces of `step` bytes. */
function decode(text: string, step = text.length, bodyBytesMax = 1000): Outcome {
  const decoder = new ChunkedDecoder(bodyBytesMax);
  const bytes = Buffer.from(text, 'latin1');
  let body = '';
  for (let at = 0; at < bytes.length; at += step) {
    const to = Math.min(bytes.length, at + step);
    for (let from = at; ; from = decoder.at) {
      const found = decoder.next(bytes, from, to);
      if (found === ChunkStep.more) break;
      if (found === ChunkStep.invalid) return { end: decoder.reason, body, left: 0 };
      if (found === ChunkStep.done) return { end: 'done', body, left: bytes.length - decoder.at };
      body += bytes.toString('latin1', decoder.dataFrom, decoder.dataTo);
    }
  }
  return { end: 'more', body, left: 0 };
}

const BODY = '5;a=b;c="d \\" e"\r\nhello\r\n006\r\n world\r\n0\r\nX-Sum: abc\r\nY:\r\n\r\n';

test('chunks, extensions and trailers give the body, and the next request is left alone', () => {
  expect(decode(`${BODY}GET /`)).toEqual({ end: 'done', body: 'hello world', left: 5 });
});

test('every truncation is incomplete, and every way of cutting gives the same body', () => {
  for (let cut = 0; cut < BODY.length; cut++) expect(decode(BODY.slice(0, cut)).end).toBe('more');
  for (let step = 1; step <= BODY.length; step++) expect(decode(BODY, step).body).toBe('hello world');
});

test.each([
  ['5\r\nhelloXX', 'chunk_data'],
  ['x\r\n', 'chunk_size'],
  ['\r\n', 'chunk_size'],
  ['123456789\r\n', 'chunk_size'],
  ['5 \r\n', 'chunk_extension'],
  ['5\n', 'line_end'],
  ['5\rX', 'line_end'],
  ['5 \n', 'line_end'],
  [' 5\r\n', 'chunk_size'],
  ['5 6\r\n', 'chunk_extension'],
  ['5;a \r\n', 'chunk_extension'],
  ['5;a=b \r\n', 'chunk_extension'],
  ['5;a="b" \r\n', 'chunk_extension'],
  ['5;a b\r\n', 'chunk_extension'],
  ['5;a=b c\r\n', 'chunk_extension'],
  ['5;a=b=c\r\n', 'chunk_extension'],
  ['5;a;\r\n', 'chunk_extension'],
  ['5;=a\r\n', 'chunk_extension'],
  ['5;\r\n', 'chunk_extension'],
  ['5;a=\r\n', 'chunk_extension'],
  ['5;a="b"c\r\n', 'chunk_extension'],
  ['5;a="\n', 'line_end'],
  [`5;${'a'.repeat(CHUNK_LINE_BYTES_MAX)}\r\n`, 'chunk_line_too_long'],
  ['3e9\r\n', 'body_too_large'],
  ['ffffffff\r\n', 'body_too_large'],
  ['0\r\n a: b\r\n\r\n', 'field_fold'],
  ['0\r\na b: c\r\n\r\n', 'trailer'],
  ['0\r\na: \x01\r\n\r\n', 'trailer'],
  ['0\r\na: b\n\r\n', 'line_end'],
  ['0\r\n\rX', 'line_end'],
  [`0\r\nX: ${'a'.repeat(TRAILER_BYTES_MAX)}`, 'trailer_too_large'],
  [`0\r\n${'a: b\r\n'.repeat(TRAILER_FIELDS_MAX + 1)}`, 'trailer_too_large'],
])('%j is refused as %s, cut or whole', (text, reason) => {
  expect(decode(text).end).toBe(reason);
  expect(decode(text, 1).end).toBe(reason);
});

test('white space around the semicolon and the equals sign of an extension is taken', () => {
  const text = '5 \t; a ;\tb = c ; d="e ; \\" f" ;g\r\nhello\r\n0 ;x\r\n\r\n';
  for (let step = 1; step <= text.length; step++) expect(decode(text, step).body).toBe('hello');
  expect(decode(text).end).toBe('done');
});

test('the extensions of all chunks together are bounded', () => {
  const chunk = `1;${'e'.repeat(40)}\r\nZ\r\n`;
  const enough = Math.ceil(CHUNK_EXTENSION_BYTES_MAX / 40) + 1;
  expect(decode(chunk.repeat(enough)).end).toBe('chunk_line_too_long');
});

test('a body of exactly the limit is taken, one byte more is not', () => {
  expect(decode('5\r\nhello\r\n5\r\nworld\r\n0\r\n\r\n', 3, 10).end).toBe('done');
  expect(decode('5\r\nhello\r\n6\r\nworld!\r\n0\r\n\r\n', 3, 10).end).toBe('body_too_large');
});

test('any chunking of any body comes back as the body', () => {
  const piece = fc.uint8Array({ minLength: 1, maxLength: 50 }).map((bytes) => Buffer.from(bytes).toString('latin1'));
  const pieces = fc.array(piece, { maxLength: 10 });
  fc.assert(
    fc.property(pieces, fc.integer({ min: 1, max: 64 }), (chunks, step) => {
      const text = `${chunks.map((chunk) => `${chunk.length.toString(16)}\r\n${chunk}\r\n`).join('')}0\r\n\r\n`;
      expect(decode(text, step)).toEqual({ end: 'done', body: chunks.join(''), left: 0 });
    }),
    { seed: SEED, numRuns: 300 },
  );
});
