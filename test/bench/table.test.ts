import { describe, expect, test } from 'vitest';
import { formatFigure, formatTable, verdictOf } from './table.ts';

describe('a verdict', () => {
  test('counts the promised figure itself as held, in both directions', () => {
    const row = (value: number, op: '<=' | '>=') => ({ what: 'x', value, unit: 'ns', hold: { op, value: 5 } });
    expect([4, 5, 6].map((value) => verdictOf(row(value, '<=')))).toEqual(['holds', 'holds', 'misses']);
    expect([4, 5, 6].map((value) => verdictOf(row(value, '>=')))).toEqual(['misses', 'holds', 'holds']);
    expect(verdictOf({ what: 'x', value: 1, unit: 'ns' })).toBe('');
    expect(verdictOf(row(Number.NaN, '<='))).toBe('misses');
  });
});

test('figures keep three digits that mean something', () => {
  expect([0, 0.1234, 4.7, 12.34, 256.4, 22530, 1e8, Infinity].map(formatFigure)).toEqual([
    '0',
    '0.123',
    '4.70',
    '12.3',
    '256',
    '22,530',
    '100,000,000',
    'Infinity',
  ]);
});

test('a table is aligned, its figures to the right', () => {
  const text = formatTable([
    { what: 'short', value: 4.7, unit: 'ns', hold: { op: '<=', value: 5 }, note: 'median 5.1' },
    { what: 'a longer name', value: 1200, unit: 'x' },
  ]);
  expect(text.split('\n')).toEqual([
    '               figure  unit  hold  verdict  note',
    'short            4.70  ns    <= 5  holds    median 5.1',
    'a longer name   1,200  x',
    '',
  ]);
});
