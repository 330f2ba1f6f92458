/** The UTF-8 check against the platform's own decoder. */
import { expect, it } from 'vitest';
import { mulberry32 } from '@metricstream/shared/testing/seeded.ts';
import { CONTROL_CHARACTER, checkText, NOT_UTF8, TEXT_OK } from '../src/text.ts';

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** What the platform says of the same bytes. */
function expected(bytes: Uint8Array): number {
  try {
    return /\p{Cc}/u.test(decoder.decode(bytes)) ? CONTROL_CHARACTER : TEXT_OK;
  } catch {
    return NOT_UTF8;
  }
}

function check(bytes: Uint8Array, what: string): void {
  const cursor = { at: 0 };
  const verdict = checkText(bytes, cursor, bytes.length);
  const other = expected(bytes);
  // Of two faults the first is reported, the platform looks for broken UTF-8 first.
  const same = verdict === other || (verdict === CONTROL_CHARACTER && other === NOT_UTF8);
  if (!same || cursor.at > bytes.length || (verdict === TEXT_OK && cursor.at !== bytes.length))
    throw new Error(`${what}: ${Buffer.from(bytes).toString('hex')}: ${verdict} at ${cursor.at}, expected ${other}`);
}

it('judges every character and every lone surrogate as the platform does', () => {
  let characters = 0;
  for (let point = 0; point <= 0x10ffff; point += point < 0x3000 ? 1 : 61) {
    check(Buffer.from(String.fromCodePoint(point)), `U+${point.toString(16)}`);
    const surrogate = Uint8Array.of(0xe0 | (point >> 12), 0x80 | ((point >> 6) & 63), 0x80 | (point & 63));
    if (point < 0x10000) check(surrogate, `U+${point.toString(16)} in three bytes`);
    characters++;
  }
  expect(characters).toBeGreaterThan(20_000);
});

it('judges random bytes as the platform does, and never reads beyond their end', () => {
  const seed = 77;
  const random = mulberry32(seed);
  const lead = [0x41, 0x7f, 0xc2, 0xc3, 0xe0, 0xe2, 0xed, 0xef, 0xf0, 0xf3, 0xf4, 0xff, 0x80, 0xbf];
  let faults = 0;
  for (let round = 0; round < 50_000; round++) {
    const bytes = Uint8Array.from({ length: 1 + Math.floor(random() * 6) }, () =>
      random() < 0.5 ? lead[Math.floor(random() * lead.length)]! : 0x80 + Math.floor(random() * 64),
    );
    check(bytes, `seed ${seed}, round ${round}`);
    if (expected(bytes) !== TEXT_OK) faults++;
  }
  expect(faults).toBeGreaterThan(10_000);
  expect(faults).toBeLessThan(50_000);
});
