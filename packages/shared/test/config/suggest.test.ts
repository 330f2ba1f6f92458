import { expect, test } from 'vitest';
import { editDistance, suggest } from '../../src/config/suggest.ts';

const KEYS = ['listen', 'admin', 'state_dir', 'workers', 'ack', 'cpu'];

test.each([
  ['lisen', 'listen'],
  ['listne', 'listen'],
  ['Listen', 'listen'],
  ['stateDir', 'state_dir'],
  ['state-dir', 'state_dir'],
  ['acks', 'ack'],
  ['colour', undefined],
  ['akc', 'ack'],
  ['list', 'listen'],
  ['x', undefined],
  ['', undefined],
  ['listener-address', undefined],
  ['a'.repeat(10_000), undefined],
])('%s is taken for %s', (word, expected) => {
  expect(suggest(word, KEYS)).toBe(expected);
});

test('distances are edits', () => {
  expect([
    editDistance('', 'ab'),
    editDistance('abc', 'abc'),
    editDistance('abc', 'axc'),
    editDistance('ab', 'ba'),
    editDistance('abcd', 'badc'),
  ]).toEqual([2, 0, 1, 1, 2]);
});
