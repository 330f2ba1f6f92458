import { describe, expect, test } from 'vitest';
import { parseYaml } from '../../src/config/document.ts';
import { faultLine } from '../../src/config/fault.ts';

const ENV = { NUMBER: '5', HEX: '0x10', YES: 'true', WORDS: 'two words', EMPTY: '', NOTHING: 'null', FLOAT: '1.5' };
const value = (text: string): unknown => parseYaml(text, ENV).value;
const faults = (text: string): string[] => parseYaml(text, ENV).faults.map((fault) => faultLine('f', fault));

describe('values', () => {
  test('what an unquoted reference becomes has the type YAML gives it; quoted it stays text', () => {
    expect(
      value('a: ${NUMBER}\nb: "${NUMBER}"\nc: ${YES}\nd: ${HEX}\ne: ${WORDS}\nf: ${FLOAT}\ng: 1${NUMBER}'),
    ).toEqual({
      a: 5,
      b: '5',
      c: true,
      d: 16,
      e: 'two words',
      f: 1.5,
      g: 15,
    });
    expect(value("a: '${YES}'\nb: >-\n  ${NUMBER}\n  ${WORDS}")).toEqual({ a: 'true', b: '5 two words' });
  });

  test('a variable cannot add structure', () => {
    const tree = parseYaml('a: ${EVIL}\nb: [x]', { EVIL: '1\nc: 2\nd: {e: 3}' }).value;
    expect(tree).toEqual({ a: '1\nc: 2\nd: {e: 3}', b: ['x'] });
  });

  test('an option without a value, or with null, is as if it were not there; quoted nothing is empty text', () => {
    expect(value('a:\nb: null\nc: ~\nd: ${EMPTY}\ne: "${EMPTY}"\nf: ${NOTHING}')).toEqual({ e: '' });
    expect(Object.keys(value('a:') as object)).toEqual(['a']);
  });

  test('nothing at all is an empty map', () => {
    expect([value(''), value('# only a comment'), value('---\n')]).toEqual([{}, {}, {}]);
  });

  test('anchors and aliases work', () => {
    expect(value('a: &x {b: 1}\nc: *x\nd: [*x]')).toEqual({ a: { b: 1 }, c: { b: 1 }, d: [{ b: 1 }] });
  });

  test('references in keys are not expanded', () => {
    expect(value('"${NUMBER}": 1')).toEqual({ '${NUMBER}': 1 });
  });

  test('a key named __proto__ is a key like any other', () => {
    const tree = value('__proto__: {polluted: 1}') as object;
    expect(Object.keys(tree)).toEqual(['__proto__']);
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
  });
});

describe('bounds', () => {
  test('aliases that multiply are stopped by count', () => {
    const levels = Array.from({ length: 9 }, (_, i) => `l${i + 1}: &l${i + 1} [${`*l${i}, `.repeat(10)}]`);
    const startMs = performance.now();
    expect(faults(`l0: &l0 [x]\n${levels.join('\n')}`)).toEqual([expect.stringContaining('more than 20000 values')]);
    expect(performance.now() - startMs).toBeLessThan(2000);
  });

  test('an alias inside its own anchor is stopped by depth', () => {
    expect(faults('a: &x [*x]')).toEqual([expect.stringContaining('more than 32 levels deep')]);
  });

  test('a file of nothing but brackets is refused, not a crash', () => {
    const text = `a: ${'['.repeat(200_000)}`;
    expect(faults(text).length).toBeGreaterThan(0);
  });
});

describe('faults', () => {
  test('twins are found at any depth, and every one of them', () => {
    expect(faults('a: 1\nb: {c: 1, c: 2}\na: 2\na: 3')).toEqual([
      'f:2:11 b.c: is given twice, first on line 2 — expected each option once',
      'f:3:1 a: is given twice, first on line 1 — expected each option once',
      'f:4:1 a: is given twice, first on line 1 — expected each option once',
    ]);
  });

  test('a place is found through lists, aliases and quotes; a missing option has its parent', () => {
    const document = parseYaml('a:\n  "b c": [1, {d: 2}]\n', {});
    const at = (path: (string | number)[], where: 'key' | 'value') =>
      faultLine('f', document.faultAt(path, where, { what: 'x' }));
    expect(at(['a', 'b c', 1, 'd'], 'value')).toBe('f:2:18 a."b c"[1].d: x');
    expect(at(['a', 'b c'], 'key')).toBe('f:2:3 a."b c": x');
    expect(at(['a', 'missing'], 'value')).toBe('f:1:1 a.missing: x');
    expect(at(['other'], 'key')).toBe('f:1:1 other: x');
  });

  test('Windows line ends and characters beyond ASCII keep lines and columns right', () => {
    expect(faults('a: "ä"\r\nb: 1\r\nb: 2\r\n')).toEqual([
      'f:3:1 b: is given twice, first on line 2 — expected each option once',
    ]);
  });
});
