/** The walker's rules for symbols, resource and series, and what it remembers of them. */
import { expect, it } from 'vitest';
import { DEFAULT_WIRE_LIMITS } from '../src/limits.ts';
import { createWalker } from '../src/walk.ts';
import { assemble, doubles, field, symbols } from './helpers.ts';
import { checkAccepted, checkRefused } from './walk-checks.ts';

it('checks the symbols', () => {
  checkAccepted({
    symbols: [
      ...symbols('', 'host', 'web-1', 'mem.used', 'bytes', 'disk.free', 'path', '/größe €𝄞', 'device'),
      ...symbols('sda1'),
    ],
  });
  checkRefused({ symbols: [], resource: [], series: field(0x62, []) }, 422, 'there are no symbols', 'series');
  checkRefused({ symbols: symbols('host') }, 422, 'symbols[0] is not empty', 'symbols', 2);
  checkRefused({ symbols: symbols('', 'a', 'b', 'a') }, 422, 'a symbol comes twice', 'symbols', 10);
  checkRefused({ symbols: symbols('', '') }, 422, 'a symbol comes twice', 'symbols', 4);
  for (const control of ['\u0000', '\n', '\u001f', '\u007f', '\u0080', '\u009f'])
    checkRefused({ symbols: symbols('', `a ${control}`) }, 422, 'a symbol holds a control character', 'symbols', 6);
  const notUtf8 = [
    [0x80],
    [0xc0, 0x80],
    [0xc1, 0xbf],
    [0xe0, 0x9f, 0xbf],
    [0xed, 0xa0, 0x80],
    [0xf0, 0x8f, 0xbf, 0xbf],
    [0xf4, 0x90, 0x80, 0x80],
    [0xf5, 0x80, 0x80, 0x80],
    [0xc3],
    [0xe2, 0x82],
    [0xe2, 0x28, 0xa1],
    [0xff],
  ];
  for (const bytes of notUtf8)
    checkRefused(
      { symbols: [...symbols(''), ...field(0x52, [0x61, ...bytes])] },
      400,
      'a symbol is not UTF-8',
      'symbols',
      5,
    );
});

it('checks the resource', () => {
  checkAccepted({ resource: [] });
  checkAccepted({ resource: field(0x5a, [6, 7, 1, 0]) });
  checkRefused({ resource: field(0x5a, [1, 2, 1, 3]) }, 422, 'a key of the resource comes twice', 'resource', 4);
  checkRefused({ resource: field(0x5a, [7, 2]) }, 422, 'a key is not [A-Za-z_][A-Za-z0-9_.]*', 'resource', 2);
  checkRefused({ resource: field(0x5a, [0, 2]) }, 422, 'a key is not [A-Za-z_][A-Za-z0-9_.]*', 'resource', 2);
  checkRefused({ resource: field(0x5a, [1, 10]) }, 422, 'a reference is beyond the symbols', 'resource', 3);
  checkRefused({ resource: field(0x5a, [1]) }, 400, 'a field runs past the end of its message', 'resource', 3);
});

it('checks the series', () => {
  const series = (...content: number[]) => ({ series: field(0x62, content), values: field(0x72, doubles(1)) });
  checkAccepted(series(3, 0, 0, 0));
  checkAccepted({ series: field(0x62, []), values: [] });
  checkRefused(series(7, 0, 0, 0), 422, 'a name is not [A-Za-z_][A-Za-z0-9_.]*', 'series', 2);
  checkRefused(series(0, 0, 0, 0), 422, 'a name is not [A-Za-z_][A-Za-z0-9_.]*', 'series', 2);
  for (const name of ['9a', '.a', 'a-b', 'a b', 'ä', 'a:b'])
    checkRefused(
      { ...series(1, 0, 0, 0), symbols: symbols('', name), resource: [] },
      422,
      'a name is not [A-Za-z_][A-Za-z0-9_.]*',
      'series',
      2,
    );
  checkRefused(series(10, 0, 0, 0), 422, 'a reference is beyond the symbols', 'series', 2);
  checkRefused(series(3, 99, 0, 0), 422, 'a reference is beyond the symbols', 'series', 3);
  checkRefused(series(3, 4, 2, 0), 422, 'a kind is neither 0 nor 1', 'series', 4);
  checkRefused(series(3, 4, 0), 400, 'a field runs past the end of its message', 'series', 5);
  checkRefused(series(3, 4, 0, 1, 6), 400, 'a field runs past the end of its message', 'series', 7);
  checkRefused(series(3, 4, 0, 1, 7, 9), 422, 'a key is not [A-Za-z_][A-Za-z0-9_.]*', 'series', 6);
  checkRefused(series(3, 4, 0, 1, 6, 0), 422, 'a label has an empty value', 'series', 7);
  const ascending = 'the keys of a series are not in strictly ascending order';
  checkRefused(series(3, 4, 0, 2, 6, 7, 8, 9), 422, ascending, 'series', 8);
  checkRefused(series(3, 4, 0, 2, 6, 7, 6, 9), 422, ascending, 'series', 8);
  const twice = 'a series comes twice: same name, same labels';
  checkRefused(series(3, 4, 0, 0, 5, 4, 0, 0, 3, 0, 1, 0), 422, twice, 'series', 10);
  checkRefused(series(3, 4, 0, 1, 6, 7, 3, 4, 0, 1, 6, 7), 422, twice, 'series', 8);
  checkAccepted({ series: field(0x62, [3, 4, 0, 1, 6, 7, 3, 4, 0, 1, 6, 9]) });
});

it('orders keys by bytes, a shorter one first', () => {
  const labelled = (...keys: [string, string]) => ({
    symbols: symbols('', 'm', 'v', ...keys),
    resource: [],
    series: field(0x62, [1, 0, 0, 2, 3, 2, 4, 2]),
    values: field(0x72, doubles(1)),
  });
  for (const keys of [
    ['a', 'ab'],
    ['A', 'a'],
    ['Z', '_'],
    ['a.b', 'a_b'],
  ] as [string, string][]) {
    checkAccepted(labelled(...keys));
    const swapped = labelled(keys[1], keys[0]);
    checkRefused(swapped, 422, 'the keys of a series are not in strictly ascending order', 'series', 8);
  }
});

it('never takes a schema for a known one because it begins like it', () => {
  const fresh = createWalker(DEFAULT_WIRE_LIMITS);
  // Without series, and then without resource: each the beginning of the next.
  for (const overrides of [
    { resource: [], series: [], values: [] },
    { series: [], values: [] },
  ])
    expect(fresh(assemble(overrides).bytes)).toMatchObject({ ok: true, series: 0, points: 0 });
  expect(fresh(assemble().bytes)).toMatchObject({ ok: true, series: 2 });
  expect(fresh(assemble({ series: [], values: [] }).bytes)).toMatchObject({ ok: true, series: 0 });
  // The known schema, and behind it one more piece of the same field.
  const { bytes, at } = assemble({ times: field(0x62, [3, 4, 1, 0]) });
  expect(fresh(bytes)).toMatchObject({ ok: false, offset: at.times });
  const other = assemble({
    symbols: symbols('', 'host', 'web-1', 'mem.used', 'bytes', 'disk.frei', 'path', '/', 'device', 'sda1'),
  });
  expect(fresh(other.bytes).ok).toBe(true);
  expect(fresh(assemble({ values: field(0x72, doubles(1)) }).bytes).ok).toBe(false);
});
