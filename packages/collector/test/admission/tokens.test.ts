import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  clientsMatcher,
  formatToken,
  parseTime,
  parseTokens,
  sha256Of,
  timeText,
  type TokenEntry,
  TOKENS_MAX,
} from '../../src/admission/tokens.ts';

const SHA = 'ab'.repeat(32);

function text(alphabet: string, min: number, max: number): fc.Arbitrary<string> {
  return fc.string({ unit: fc.constantFrom(...alphabet.split('')), minLength: min, maxLength: max });
}

const LETTERS = 'abcXYZ019._-';
const entry: fc.Arbitrary<TokenEntry> = fc.record({
  name: text(LETTERS, 1, 64),
  clients: text(`${LETTERS}:**`, 1, 128).filter((clients) => !clients.startsWith('jsonl:')),
  sha256: text('0123456789abcdef', 64, 64),
  expiresUnixMs: fc.oneof(
    fc.constant(Infinity),
    fc.integer({ min: 0, max: 253_370_764_799 }).map((seconds) => seconds * 1000),
  ),
});
const entries = fc
  .uniqueArray(entry, {
    selector: ({ name }) => name,
    maxLength: 20,
  })
  .filter((all) => new Set(all.map(({ sha256 }) => sha256)).size === all.length);

function faultsOf(source: string): string[] {
  const parsed = parseTokens(source);
  return parsed.ok ? [] : parsed.faults.map(({ line, column, what }) => `${line}:${column} ${what}`);
}

describe('a tokens file', () => {
  test('that was formatted is read back as it was, whatever stands between the lines', () => {
    const between = fc.constantFrom('', '\n', '# comment\n', '   \n', '\t# x y z\r\n');
    fc.assert(
      fc.property(entries, between, fc.constantFrom('\n', '\r\n', '  # why\n'), (all, gap, end) => {
        const parsed = parseTokens(all.map((one) => `${gap}${formatToken(one)}${end}`).join(''));
        if (!parsed.ok) throw new Error(JSON.stringify(parsed.faults));
        expect(parsed.entries).toEqual(all.map((one) => ({ ...one, line: expect.any(Number) as unknown })));
      }),
    );
  });

  test('is never misread when a line was cut short: a shorter line is refused, empty, or says less of when it ends', () => {
    const line = formatToken({ name: 'web-1', clients: 'web-*', sha256: SHA, expiresUnixMs: Date.UTC(2027, 0) });
    const digestEnd = line.indexOf(SHA) + 64;
    for (let length = 1; length < line.length; length++) {
      const parsed = parseTokens(line.slice(0, length));
      const blank = line[digestEnd] === ' ' && length >= digestEnd && length <= digestEnd + 2;
      expect(parsed.ok, `cut to ${length}: ${line.slice(0, length)}`).toBe(blank);
    }
  });

  test('names every fault by line and column, and none of them repeats what stands there', () => {
    const secret = `ms_${'q'.repeat(43)}`;
    const source = [
      `good  g-*  sha256:${SHA}`,
      `bad/name  x  sha256:${SHA}`,
      `a  ${secret}/x  sha256:${SHA}`,
      'b',
      'c   web',
      `d  web  ${secret}`,
      '\te  web  sha256:123',
      `f  web  sha256:${'cd'.repeat(32)}  expires=2027-02-30T00:00:00Z`,
      `g  web  sha256:${'ce'.repeat(32)}  expires=2027-01-01T00:00:00Z  more`,
      `good  h  sha256:${'cf'.repeat(32)}`,
      `h  h  sha256:${SHA.toUpperCase()}`,
      `i  jsonl:x  sha256:${'da'.repeat(32)}`,
      `${secret}${secret}  x  sha256:${'db'.repeat(32)}`,
      'x'.repeat(2000),
    ].join('\n');
    const faults = faultsOf(source);
    expect(faults).toEqual([
      '2:1 the name is not one',
      '3:4 it is no pattern of client ids',
      '4:2 the line ends after the name',
      '5:8 the line ends after the client ids',
      '6:9 this is a token, not its SHA-256: who reads this file has it',
      '7:10 this is no SHA-256',
      '8:82 this is no time of expiry',
      '9:112 there is more on the line',
      '10:1 line 1 has this name too',
      '11:1 line 1 has this token too',
      "12:4 client ids that begin with jsonl: are the collector's own",
      '13:1 the name is not one',
      '14:1025 the line is too long',
    ]);
    expect(JSON.stringify(parseTokens(source))).not.toContain('qqq');
  });

  test('with very many faults names some and counts the others', () => {
    const parsed = parseTokens('x\n'.repeat(1000));
    if (parsed.ok) throw new Error('taken');
    expect(parsed.faults.length + parsed.more).toBe(1000);
    expect(parsed.faults.length).toBeLessThan(50);
  });

  test('holds 100,000 tokens and not one more', () => {
    const line = (i: number): string =>
      formatToken({ name: `n${i}`, clients: '*', sha256: i.toString(16).padStart(64, '0'), expiresUnixMs: Infinity });
    const full = Array.from({ length: TOKENS_MAX }, (_, i) => line(i)).join('\n');
    const parsed = parseTokens(full);
    expect(parsed.ok && parsed.entries.length).toBe(TOKENS_MAX);
    expect(faultsOf(`${full}\n${line(TOKENS_MAX)}`)).toEqual([`${TOKENS_MAX + 1}:1 there are too many tokens`]);
  });

  test('is read or refused, never thrown over, whatever bytes it has', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary', maxLength: 300 }), (any) => void parseTokens(any)));
    fc.assert(fc.property(text(' \t\n\r#=:sha256expires*-ab', 0, 200), (any) => void parseTokens(any)));
  });
});

test('a time is a moment that exists, in whole seconds', () => {
  expect(parseTime('2027-01-01T00:00:00Z')).toBe(Date.UTC(2027, 0));
  expect(timeText(Date.UTC(2027, 0) + 999)).toBe('2027-01-01T00:00:00Z');
  for (const wrong of ['2027-02-29T00:00:00Z', '2027-01-01T24:00:00Z', '2027-01-01', '2027-1-1T0:0:0Z', 'tomorrow', ''])
    expect(parseTime(wrong), wrong).toBeNaN();
});

test('a digest is the SHA-256 of the token as sha256sum gives it', () => {
  expect(sha256Of('abc')).toBe('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad');
});

describe('a pattern of client ids', () => {
  /** Slow and plain: a star takes nothing, or one more character. */
  function naive(pattern: string, id: string): boolean {
    if (pattern === '') return id === '';
    if (pattern[0] === '*') return naive(pattern.slice(1), id) || (id !== '' && naive(pattern, id.slice(1)));
    return pattern[0] === id[0] && naive(pattern.slice(1), id.slice(1));
  }

  test('matches what the naive matcher matches', () => {
    let matched = 0;
    fc.assert(
      fc.property(text('ab*', 1, 7), text('ab', 0, 9), (pattern, id) => {
        const expected = naive(pattern, id);
        if (expected) matched++;
        expect(clientsMatcher(pattern)(id), `${pattern} ~ ${id}`).toBe(expected);
      }),
      { numRuns: 5000 },
    );
    expect(matched).toBeGreaterThan(200);
  });

  test('is the whole id, and a dot is a dot', () => {
    const matches = clientsMatcher('web-*.example');
    expect(matches('web-1.example')).toBe(true);
    expect(matches('web-.example')).toBe(true);
    for (const id of ['web-1xexample', 'aweb-1.example', 'web-1.example.org', 'web-', 'web-.exampl'])
      expect(matches(id), id).toBe(false);
    expect(clientsMatcher('aba*aba')('aba')).toBe(false);
    expect(clientsMatcher('aba*aba')('abaaba')).toBe(true);
  });

  test('that is prepared to be slow is not', () => {
    const id = 'a'.repeat(128);
    const matches = clientsMatcher('*a'.repeat(63) + '*b');
    const sinceMs = performance.now();
    for (let i = 0; i < 1000; i++) matches(id);
    expect(performance.now() - sinceMs).toBeLessThan(1000);
  });
});
